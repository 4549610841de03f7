#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fingerprints of the draft headers of the driver API.

    gen-drafts.py [--frozen FILE] OUT FOLDER...

Each FOLDER contains banos/*.h. A header with a line BANOS_DRAFT_HEADER(name) is a draft.
Its fingerprint covers its text, and that of the drafts that it includes, but for
comments and white space: what a compiler makes of it does not matter. Written are

    OUT/drafts/banos/draft/NAME.h	for the header itself: its fingerprint
    in OUT/generated/			for the kernel: all that it accepts, and the set's name

FILE has a line "NAME FINGERPRINT" for each draft that was released as it was: drivers that
were built with it stay accepted.
"""
import argparse
import glob
import hashlib
import os
import re
import sys

DRAFT = re.compile(r'^\s*BANOS_DRAFT_HEADER\((\w+)\)', re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s*<banos/(\w+)\.h>', re.M)
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.S)
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.])*|'
                   r'<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|&&|\|\||##|[-+*/%&|^<>=!]=|\S')
FUNCTION_LIKE = re.compile(r'^\s*#\s*define\s+\w+\(')
DIGITS = 16


def normal(text):
    """The tokens of @p text; only a directive keeps its line."""
    text = COMMENT.sub(lambda match: match[1] or ' ', text.replace('\\\n', ' '))
    parts = []
    for line in text.split('\n'):
        tokens = ' '.join(TOKEN.findall(line)) + (' ()' if FUNCTION_LIKE.match(line) else '')
        parts.append(f'\n{tokens}\n' if tokens.startswith('#') else f'{tokens} ')
    return re.sub(r' +', ' ', re.sub(r' *\n+ *', '\n', ''.join(parts))).strip()


def find_drafts(folders):
    """@return name: text of each draft"""
    found = {}
    for folder in folders:
        for path in sorted(glob.glob(f'{folder}/banos/*.h')):
            with open(path, encoding='utf-8') as f:
                text = f.read()
            match = DRAFT.search(text)
            name = os.path.basename(path)[:-2]
            if not match:
                continue
            if match[1] != name:
                sys.exit(f'{path}: BANOS_DRAFT_HEADER({match[1]}), expected ({name})')
            if name in found:
                sys.exit(f'{path}: there are two drafts of this name')
            found[name] = text
    return found


def with_included(name, drafts):
    """@return @p name and the drafts that it includes, sorted"""
    seen, to_see = set(), [name]
    while to_see:
        each = to_see.pop()
        if each in drafts and each not in seen:
            seen.add(each)
            to_see += INCLUDE.findall(drafts[each])
    return sorted(seen)


def fingerprint(name, drafts):
    parts = ''.join(f'{each}\n{normal(drafts[each])}\n\n' for each in with_included(name, drafts))
    return hashlib.sha256(f'{name}\n{parts}'.encode()).hexdigest()[:DIGITS]


def frozen(path):
    with open(path, encoding='utf-8') as f:
        lines = [line.split() for line in f if line.strip() and not line.startswith('#')]
    for words in lines:
        if len(words) != 2 or not re.fullmatch(rf'[0-9a-f]{{{DIGITS}}}', words[1]):
            sys.exit(f'{path}: "{" ".join(words)}", expected "NAME FINGERPRINT"')
    return [tuple(words) for words in lines]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--frozen')
    parser.add_argument('out')
    parser.add_argument('folder', nargs='+')
    args = parser.parse_args()
    drafts = find_drafts(args.folder)
    marks = sorted((name, fingerprint(name, drafts)) for name in drafts)
    for name, mark in marks:
        write(f'{args.out}/drafts/banos/draft/{name}.h',
              f'/* Made by gen-drafts.py */\n#define BANOS_DRAFT_FINGERPRINT_{name} "{mark}"\n')
    whole = ''.join(f'{name} {mark}\n' for name, mark in marks)
    name_of_set = hashlib.sha256(whole.encode()).hexdigest()[:DIGITS] if marks else '-'
    accepted = marks + (frozen(args.frozen) if args.frozen else [])
    write(f'{args.out}/generated/drafts.h',
          f'/* Made by gen-drafts.py */\n#define DRAFT_SET "{name_of_set}"\n'
          f'#define DRAFTS(x) {" ".join(f"""x("{name}", "{mark}")""" for name, mark in accepted)}\n')


if __name__ == '__main__':
    main()

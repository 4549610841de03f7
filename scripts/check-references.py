#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Look for names of files and functions that do not exist, in comments and in Documentation.

    check-references.py [SOURCE_TREE]

A name is a word that ends like a source or a page (.c, .h, .S, .py, .md...). It may be a path
from the top, from include/ or from the file's own folder, or the end of one. Links of
pages, and the headings that they name, have to exist, too. A comment in C or assembly that
names a function, as in foo(), names one that the code defines or calls, a macro, a method or a
system call. Results are printed as TAP.
"""
import os
import re
import sys

FOLDERS = ('Documentation', 'arch', 'banos', 'configs', 'device', 'drivers', 'fs', 'include',
           'init', 'ipc', 'kernel', 'lib', 'mm', 'net', 'scripts', 'tests', 'usr')
TOP = ('Makefile', 'README.md', 'CONTRIBUTING.md', 'Kconfig')
NAME = re.compile(r'(?<![\w/.*<>-])((?:[\w+-]+/)*[\w+-]+\.(?:c|cc|h|S|py|sh|mk|md|lds|lds\.S))'
                  r'(?![\w*(-]|\.\w)')
PATH = re.compile(r'(?<![\w/.*<>$()-])((?:' + '|'.join(FOLDERS) + r')/(?:[\w+-]+/)*[\w+-]*)(?![\w*<$(.-])')
COMMENTS = {
    ('.c', '.cc', '.h', '.S'): r'/\*.*?\*/|//[^\n]*',
    ('.py', '.sh', '.mk', 'Makefile', 'Kconfig'): r'(?:^|(?<=\s))#[^\n]*|""".*?"""',
}
# Not ours: of the compiler and the C library; made by the build or for the SDK; examples; a word in capitals
# stands for any name.
OTHERS = re.compile(r'(?:std\w+|limits|float|iso646|errno|signal|elf|zlib|cmocka)\.h|sys/\w+\.h|'
                    r'linux/\w+\.h|(?:include/)?(?:generated|config)/.*|autoconf\.h|'
                    r'(?:\w+/)*(?:foo|bar|name|other|[a-z]|first|util|phy)\.(?:c|cc|h|S|py)|'
                    r'acme_\w+\.\w+|banos-sdk/.*|'
                    r'(?:.*[/_])?[A-Z_]{4,}(?:[/.].*)?|init/syscall_table\.c|value_kinds\.h|usr/rootfs/root')
# The lines around a name say whose it is.
ELSEWHERE = re.compile(r'\b(?:Linux|GCC|gcc)\b')
FUNCTION = re.compile(r'(?<![\w.>)-])([A-Za-z_]\w+)\(\)')
DEFINED = re.compile(r'(\w+)\s*\(|\(\*(\w+)\)|#\s*define\s+(\w+)|\.(\w+)\s*=|^(\w+):', re.M)
# Of the C library; an example.
OTHER_FUNCTIONS = re.compile(r'pthread_\w+|posix_\w+|execvp|memfd_create|sbrk|tcflow|unlockpt|'
                             r'data_available')
MAX_SHOWN = 40


def files(tree):
    for name in TOP:
        if os.path.exists(os.path.join(tree, name)):
            yield name
    for top in FOLDERS:
        for folder, below, names in os.walk(os.path.join(tree, top)):
            below[:] = sorted(x for x in below if not x.startswith(('.', '__')))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), tree)


def comments(path, text):
    """The text without code, of the same lines."""
    if path.endswith('.md'):
        return text
    for ends, pattern in COMMENTS.items():
        if path.endswith(ends):
            kept, at = [], 0
            for match in re.finditer(pattern, text, re.S | re.M):
                kept.append('\n' * text.count('\n', at, match.start()) + match[0])
                at = match.end()
            return ''.join(kept)
    return ''


def without_comments(text):
    return re.sub(r'/\*.*?\*/|//[^\n]*|("(?:\\.|[^"\\\n])*")', lambda m: m[1] or ' ', text, flags=re.S)


def stale_functions(texts):
    """Functions that comments in C and assembly name and no code has. @param texts: by path"""
    languages = ('.c', '.cc', '.h', '.S')
    known = set()
    for path, text in texts.items():
        if path.endswith(languages):
            for names in DEFINED.findall(without_comments(text)):
                known.update(names)
        elif not path.endswith('.md'):
            known.update(re.findall(r'\w+', text))
    for path, text in texts.items():
        if not path.endswith(languages):
            continue
        lines = comments(path, text).split('\n')
        for number, line in enumerate(lines):
            around = ' '.join(lines[max(0, number - 2):number + 2])
            for name in FUNCTION.findall(line):
                if not (name in known or OTHER_FUNCTIONS.fullmatch(name) or ELSEWHERE.search(around)):
                    yield f'{path}:{number + 1}: {name}()'


def anchors(text):
    """Headings as their links name them."""
    for title in re.findall(r'^#+ +(.*)', text, re.M):
        yield re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')


def main():
    tree = sys.argv[1] if len(sys.argv) > 1 else '.'
    all_files = list(files(tree))
    ends = set()
    for path in all_files:
        parts = path.split('/')
        ends.update('/'.join(parts[i:]) for i in range(len(parts)))
    stale, links, texts = [], [], {}
    for path in all_files:
        with open(os.path.join(tree, path), encoding='utf-8', errors='replace') as f:
            text = texts[path] = f.read()
        lines = comments(path, text).split('\n')
        for number, line in enumerate(lines):
            names = [x for x in NAME.findall(line) if x not in ends]
            if not path.endswith('.mk'):                # which has names of the build's folder
                names += [x for x in PATH.findall(NAME.sub(' ', line.replace('"', '/')))
                          if not any(y.startswith(x) for y in all_files)]
            around = ' '.join(lines[max(0, number - 2):number + 2])
            stale += [f'{path}:{number + 1}: {x}' for x in names
                      if not OTHERS.fullmatch(x) and not ELSEWHERE.search(around)]
        if not path.endswith('.md'):
            continue
        for page, anchor in re.findall(r'\]\(([^)#:\s]*)(?:#([^)\s]*))?\)', text):
            target = os.path.normpath(os.path.join(os.path.dirname(path), page)) if page else path
            if not os.path.exists(os.path.join(tree, target)):
                links.append(f'{path}: {page}')
            elif anchor:
                with open(os.path.join(tree, target), encoding='utf-8') as f:
                    if anchor not in anchors(f.read()):
                        links.append(f'{path}: {page}#{anchor}')
    results = [('comments and pages name files that exist', stale),
               ('comments name functions that exist', list(stale_functions(texts))),
               ('links of pages lead somewhere', links),
               ('there are pages', [] if any(x.endswith('.md') for x in all_files)
                else ['none found'])]
    print(f'1..{len(results)}')
    for number, (title, problems) in enumerate(results, 1):
        print(f'{"not ok" if problems else "ok"} {number} - {title}')
        for text in problems[:MAX_SHOWN]:
            print(f'# {text}')
    return any(x for _, x in results)


if __name__ == '__main__':
    sys.exit(main())

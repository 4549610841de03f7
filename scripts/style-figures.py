#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measure how a tree of C reads: names, expressions, sizes.

    style-figures.py [--glossary FILE] [--list WHAT] [PATH...]
    style-figures.py --check [GROUP=PATH...]

A path is a file, or a folder with all .c and .h files below it; without one, the
folders of this tree are measured. Any tree of C can be measured, in the same way:
nothing here knows this project but the list of folders and limits at the end.

  one letter    names of one letter, in uses of names. A use is each identifier
                that is not a keyword, a type, the tag of a struct, a constant in
                capitals or the name of a function that is called or declared
  short         names of one or two letters that the glossary lacks, in the same uses
  other type    declarations of a letter that the glossary gives to another type
  conditional   ?: per 1000 lines; "nested": one in an operand of another one;
                "effect": with an assignment, ++ or -- in an operand, or as a statement
  comma         comma operators, but for the head of a "for"
  functions     of more than 60 lines, with name and braces
  files         of more than 700 lines

--list prints each place: names (by use), letters, nested, effect, conditional, comma,
functions, files. --check prints TAP, and compares the figures with LIMITS below.
"""
import argparse
import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from csource import (ASSIGNMENTS, CONTROL, KEYWORDS, QUALIFIERS, TYPE_WORDS,   # noqa: E402
                     Group, Token, is_constant, split_directives, tokens_of, tree_of,
                     without_label)

FUNCTION_LINES, FILE_LINES = 60, 700

Place = collections.namedtuple('Place', 'path line text')


class Figures:
    """What is counted over files."""

    def __init__(self, glossary):
        self.glossary = glossary
        self.files = self.lines = self.uses = self.one = self.short = 0
        self.places = collections.defaultdict(list)
        self.names = collections.Counter()

    def add(self, path, text, types):
        self.files += 1
        lines = text.count('\n') + (not text.endswith('\n') and text != '')
        self.lines += lines
        if lines > FILE_LINES:
            self.places['files'].append(Place(path, 1, f'{lines} lines'))
        code, everything, bodies = split_directives(tokens_of(text))
        self.count_names(path, everything, types)
        self.count_letters(path, everything, types)
        for token in [*everything, *(x for body in bodies for x in body)]:
            if token.text == '?':
                self.places['conditional'].append(Place(path, token.line, '?:'))
        top = tree_of(code)
        self.count_functions(path, top)
        self.walk(path, top, False)
        for body in bodies:
            self.walk(path, tree_of(body), True)

    def count_names(self, path, tokens, types):
        for at, token in enumerate(tokens):
            text = token.text
            if token.kind != 'name' or text in KEYWORDS or text in types or \
                    text in TYPE_WORDS or text.endswith('_t') or is_constant(text):
                continue
            if at and tokens[at - 1].text in ('struct', 'union', 'enum', 'goto'):
                continue
            if at + 1 < len(tokens) and tokens[at + 1].text == '(':
                continue
            self.uses += 1
            if len(text) == 1:
                self.one += 1
            if len(text) <= 2:
                if text not in self.glossary:
                    self.short += 1
                self.names[text] += 1
                self.places['names'].append(Place(path, token.line, text))

    def count_letters(self, path, tokens, types):
        """Find declarations of letters that the glossary gives to another type."""
        for at, token in enumerate(tokens):
            wanted = self.glossary.get(token.text)
            if not wanted or len(token.text) > 1 or token.kind != 'name':
                continue
            back, stars = at - 1, 0
            while back >= 0 and tokens[back].text in ('*', *QUALIFIERS):
                stars += tokens[back].text == '*'
                back -= 1
            if back < 0 or tokens[back].kind != 'name':
                continue
            word = tokens[back].text
            if back and tokens[back - 1].text in ('struct', 'union', 'enum'):
                declared = f'{tokens[back - 1].text} {word}'
            elif word in TYPE_WORDS or word in types or word.endswith('_t'):
                declared = word
            else:
                continue
            declared += ' ' + '*' * stars if stars else ''
            if wanted == 'index':
                fits = not stars and not declared.startswith(('struct', 'union'))
            else:
                fits = declared.rstrip('* ') == wanted.rstrip('* ')
            if not fits:
                self.places['letters'].append(
                    Place(path, token.line, f'{token.text} is {declared}'))

    def count_functions(self, path, group):
        """Functions stand outside of braces, or in those of extern "C" {...}."""
        for segment in group.segments:
            for at, item in enumerate(segment):
                if not isinstance(item, Group) or item.bracket != '{':
                    continue
                before = item.before
                if isinstance(before, Token) and before.kind == 'text':
                    self.count_functions(path, item)
                    continue
                heads = [x for x in segment[:at] if isinstance(x, Group) and x.bracket == '(']
                if not heads or any(isinstance(x, Token) and x.text == '='
                                    for x in segment[:at]):
                    continue
                named = [x for x in heads if isinstance(x.before, Token) and
                         x.before.kind == 'name' and x.before.text not in KEYWORDS]
                if not named:
                    continue
                head = named[-1].before
                lines = getattr(item, 'end', item.line) - head.line + 1
                if lines > FUNCTION_LINES:
                    self.places['functions'].append(
                        Place(path, head.line, f'{head.text}: {lines} lines'))

    def walk(self, path, group, is_macro):
        """Look at all conditional and comma operators; return how many conditionals there
        are below, and whether something is assigned."""
        below, effects = 0, False
        for segment in self.statements(group):
            if not segment:
                continue
            found, effect = self.look(path, segment, group, is_macro)
            below += found
            effects |= effect
        self.commas(path, group)
        return below, effects

    @staticmethod
    def statements(group):
        for segment in group.segments:
            yield [x for x in segment if not (isinstance(x, Token) and x.text in (',', ';'))]

    def look(self, path, segment, group, is_macro):
        # A conditional binds closer than an assignment: what is assigned to is no operand.
        parts, seen = [[]], False
        for item in segment:
            text = item.text if isinstance(item, Token) and item.kind == 'sign' else ''
            if text == '?':
                seen = True
            if text in ASSIGNMENTS and not seen:
                parts.append([])
            else:
                parts[-1].append(item)
        total, effects = 0, len(parts) > 1
        for part in parts:
            direct, inner, effect, line = 0, 0, False, 0
            for item in part:
                if isinstance(item, Group):
                    found, below = self.walk(path, item, is_macro)
                    inner += found
                    effect |= below
                elif item.kind == 'sign' and item.text == '?':
                    direct += 1
                    line = item.line
                elif item.kind == 'sign' and (item.text in ('++', '--') or
                                              item.text in ASSIGNMENTS):
                    effect = True
            if direct:
                for _ in range(direct + inner - 1):
                    self.places['nested'].append(Place(path, line, '?: in ?:'))
                first = without_label(part)[0]
                first = first.text if isinstance(first, Token) else ''
                # The last of ({ ... }) is a value.
                is_value = group.parent and group.parent.bracket == '(' and \
                    group.before is None
                is_statement = len(parts) == 1 and group.bracket == '{' and not is_value and \
                    not is_macro and first != 'return' and not self.in_list(group)
                if effect or is_statement:
                    self.places['effect'].append(
                        Place(path, line, '?: as a statement' if not effect
                              else '?: with a side effect'))
            total += direct + inner
            effects |= effect
        return total, effects

    @staticmethod
    def in_list(group):
        """Is this the list of an initialiser, or of an enum?"""
        before = group.before
        if isinstance(before, Token):
            return before.text in ('=', ',') or before.kind == 'name' and \
                before.text not in ('else', 'do')
        if before is None:
            # After another segment: in a list of lists, or a block.
            return not any(isinstance(x, Token) and x.text == ';'
                           for segment in group.segments for x in segment)
        return not any(isinstance(x, Token) and x.text == ';'
                       for segment in group.segments for x in segment)

    def commas(self, path, group):
        """Commas between expressions; those of calls, lists and declarations are others."""
        if group.bracket == '(':
            before = group.before
            word = before.text if isinstance(before, Token) else ''
            if isinstance(before, Group) and before.bracket in ('(', '['):
                return
            if group.is_call() or word == 'for' or before is None and group.parent.is_call():
                return
            if self.is_declared(group.segments[0]) or group.segments == [[]]:
                return
        elif group.bracket != '{' or self.in_list(group):
            return
        is_first, is_declaration = True, False
        for segment in group.segments:
            if is_first:
                is_declaration = group.bracket == '{' and self.is_declared(segment)
            end = segment[-1] if segment and isinstance(segment[-1], Token) else None
            if end and end.text == ',' and not is_declaration:
                self.places['comma'].append(Place(path, end.line, 'a, b'))
            is_first = not (end and end.text == ',')

    @staticmethod
    def is_declared(segment):
        """Does a statement begin like a declaration: "T x", "T *x", "struct..."?"""
        words = [x for x in segment if not (isinstance(x, Token) and x.text in QUALIFIERS)]
        words = without_label(words)
        if not words or not isinstance(words[0], Token):
            return False
        first = words[0]
        if first.text in ('struct', 'union', 'enum', 'typedef', 'typeof', '__typeof__') or \
                first.text in TYPE_WORDS or first.text.endswith('_t'):
            return True
        if first.kind != 'name' or first.text in KEYWORDS or len(words) < 2:
            return False
        second = words[1]
        if isinstance(second, Group):
            # MACRO(x) name, ...
            return second.bracket == '(' and len(words) > 2 and \
                isinstance(words[2], Token) and words[2].kind == 'name'
        return second.kind == 'name' or second.text == '*'

    def percent(self, part):
        return 100 * part / self.uses if self.uses else 0

    def values(self):
        def count(what):
            return len(self.places[what])
        return {
            'one': self.percent(self.one), 'short': self.percent(self.short),
            'letters': count('letters'),
            'conditional': 1000 * count('conditional') / self.lines if self.lines else 0,
            'nested': count('nested'), 'effect': count('effect'), 'comma': count('comma'),
            'functions': count('functions'), 'files': count('files'),
        }


TITLES = {
    'one': ('names of one letter', '%'), 'short': ('short names the glossary lacks', '%'),
    'letters': ('letters of another type', ''),
    'conditional': ('conditional operators', ' per 1000 lines'),
    'nested': ('nested conditional operators', ''),
    'effect': ('conditional operators with side effects', ''),
    'comma': ('comma operators', ''),
    'functions': (f'functions over {FUNCTION_LINES} lines', ''),
    'files': (f'files over {FILE_LINES} lines', ''),
}


def read_glossary(path):
    """The table under "## Short names" of a page: | `p` | type or "index" | what |."""
    names, inside = {}, False
    with open(path, encoding='utf-8') as f:
        for line in f:
            if line.startswith('#'):
                inside = line.strip('# \n') == 'Short names'
            match = re.match(r'\| *`(\w+)` *\| *`?([^|`]*)`? *\|', line)
            if inside and match:
                names[match[1]] = match[2].strip()
    return names


def sources(paths):
    """All .c and .h files; hidden folders and what the build made are left out."""
    for path in paths:
        if os.path.isfile(path):
            yield path
        for folder, below, names in os.walk(path):
            below[:] = sorted(x for x in below if not x.startswith('.') and x != 'build')
            for name in sorted(names):
                if name.endswith(('.c', '.h')):
                    yield os.path.join(folder, name)


def read(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read()


def typedefs(texts):
    """Names of types that the files define."""
    types = set()
    for text in texts:
        text = re.sub(r'/\*.*?\*/|//[^\n]*', ' ', text, flags=re.S)
        types.update(re.findall(r'\btypedef\b[^;{}()]*?\b(\w+)\s*(?:\[[^]]*\])?;', text))
        types.update(re.findall(r'\btypedef\b[^;{}]*?\(\*?\s*(\w+)\)\s*\(', text))
        types.update(re.findall(r'^\}\s*(?:__attribute__\s*\(\([^;]*\)\)\s*|__\w+\s+)*(\w+)'
                                r'\s*;', text, re.M)
                     if 'typedef' in text else ())
    return types


def measure(paths, glossary):
    texts = {path: read(path) for path in dict.fromkeys(sources(paths))}
    types = typedefs(texts.values())
    figures = Figures(glossary)
    for path, text in texts.items():
        figures.add(os.path.relpath(path), text, types)
    return figures


def show(figures):
    print(f'{figures.files} files, {figures.lines} lines, {figures.uses} uses of names')
    for what, value in figures.values().items():
        title, unit = TITLES[what]
        number = f'{value:.1f}' if unit else str(value)
        print(f'{title + ":":42} {number}{unit}')


def show_places(figures, what):
    if what == 'names':
        for name, count in figures.names.most_common():
            mark = '' if name in figures.glossary else '  not in the glossary'
            print(f'{count:6} {name:2}{mark}')
        return
    for place in figures.places[what]:
        print(f'{place.path}:{place.line}: {place.text}')


# What "make check" holds here: folders, and the largest value of each figure.
GROUPS = {
    'kernel': ['arch', 'banos', 'device', 'drivers', 'fs', 'include', 'init', 'ipc', 'kernel', 'lib',
               'mm', 'net'],
    'tests': ['tests', 'usr'],
}
LIMITS = {
    'kernel': {'one': 8, 'short': 1.2, 'letters': 3, 'conditional': 4, 'nested': 0,
               'effect': 0, 'comma': 0, 'functions': 0, 'files': 0},
    'tests': {'one': 10.5, 'short': 2.7, 'letters': 65, 'conditional': 6.2, 'nested': 0,
              'effect': 0, 'comma': 0, 'functions': 1, 'files': 8},
}
GLOSSARY = 'Documentation/glossary.md'
MAX_SHOWN = 20


def check(groups, glossary):
    """Print TAP: one result for each figure of each group that has a limit."""
    results = []
    for group, paths in groups.items():
        figures = measure(paths, glossary)
        values = figures.values()
        for what, limit in LIMITS[group].items():
            title, unit = TITLES[what]
            number = f'{values[what]:.1f}' if unit else str(values[what])
            exceeds = round(values[what], 1) > limit or not figures.uses
            places = [] if unit else figures.places[what][:MAX_SHOWN]
            results.append((not exceeds, f'{group}: {title}: {number}{unit}, '
                                         f'at most {limit}{unit}',
                            places if exceeds else []))
    print(f'1..{len(results)}')
    for number, (passed, title, places) in enumerate(results, 1):
        print(f'{"ok" if passed else "not ok"} {number} - {title}')
        for place in places:
            print(f'# {place.path}:{place.line}: {place.text}')
    return 0 if all(x[0] for x in results) else 1


def main():
    parser = argparse.ArgumentParser(description='Measure how a tree of C reads.')
    parser.add_argument('--glossary', help='page with the table of allowed short names')
    parser.add_argument('--list', choices=['names', *list(TITLES)[2:]])
    parser.add_argument('--check', action='store_true')
    parser.add_argument('paths', nargs='*')
    args = parser.parse_args()
    if not args.glossary and not args.paths or args.check:
        args.glossary = args.glossary or GLOSSARY
    glossary = read_glossary(args.glossary) if args.glossary else {}
    if args.check:
        groups = GROUPS
        if args.paths:
            groups = {name: [path] for name, _, path in (x.partition('=') for x in args.paths)}
        return check(groups, glossary)
    figures = measure(args.paths or [x for paths in GROUPS.values() for x in paths], glossary)
    if args.list:
        try:
            show_places(figures, args.list)
        except BrokenPipeError:
            sys.stderr.close()
    else:
        show(figures)
    return 0


if __name__ == '__main__':
    sys.exit(main())

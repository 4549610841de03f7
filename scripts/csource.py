# SPDX-License-Identifier: MIT
"""C sources as tokens and as a tree of brackets, without a compiler.

No header is read and no macro expanded, so that a file by itself, and any tree, can be
looked at. Of #if and #else the tree has the first branch only, so that braces match.
"""
import collections
import re

KEYWORDS = set('''
    auto break case char const continue default do double else enum extern float for goto
    if inline int long register restrict return short signed sizeof static struct switch
    typedef union unsigned void volatile while _Alignas _Alignof _Atomic _Bool _Generic
    _Noreturn _Static_assert _Thread_local asm typeof __asm__ __attribute__ __typeof__
    __volatile__ __inline __inline__ __extension__ __restrict __restrict__ __alignof__
    '''.split())
TYPE_WORDS = set('''
    char double float int long short signed unsigned void bool _Bool
    u8 u16 u32 u64 s8 s16 s32 s64 i8 i16 i32 i64 uchar ushort uint ulong va_list FILE
    '''.split())
QUALIFIERS = set('const volatile static register extern inline restrict'.split())
CONTROL = set('if while for switch return case else do'.split())
ASSIGNMENTS = set('= += -= *= /= %= &= |= ^= <<= >>='.split())

TOKEN = re.compile(r'''
    (?P<skip>    [ \t\r\f\v]+ | \\\n | /\*.*?\*/ | //(?:\\\n|[^\n])* )
  | (?P<line>    \n )
  | (?P<text>    (?:u8|[LuU])?"(?:\\.|[^"\\\n])*" | [LuU]?'(?:\\.|[^'\\\n])*' )
  | (?P<name>    [A-Za-z_]\w* )
  | (?P<number>  \.?\d(?:[eEpP][+-]|[\w.])* )
  | (?P<sign>    <<=|>>=|\.\.\.|->|\+\+|--|&&|\|\||\#\#|<<|>>|[-+*/%&|^<>=!]=|. )
''', re.S | re.X)

Token = collections.namedtuple('Token', 'kind text line column')


def tokens_of(text):
    """Yield tokens; a directive's are preceded by ('hash', its word) and end with 'line'."""
    line, start, directive, fresh = 1, 0, False, True
    for match in TOKEN.finditer(text):
        kind, word = match.lastgroup, match[0]
        if kind == 'line':
            if directive:
                yield Token('line', '', line, 0)
            directive, fresh = False, True
            start = match.end()
        elif kind == 'sign' and word == '#' and fresh:
            directive, fresh = True, False
            yield Token('hash', '#', line, 0)
        elif kind != 'skip':
            fresh = False
            yield Token(kind, word, line, match.start() - start)
        line += word.count('\n')


def without_attributes(tokens):
    """Leave out __attribute__((...)), whose words are the compiler's."""
    depth, ends = 0, False
    for token in tokens:
        if ends:
            depth += (token.text == '(') - (token.text == ')')
            ends = depth > 0
        elif token.text == '__attribute__':
            ends = True
        else:
            yield token


def split_directives(tokens):
    """Return (code, all code, macro bodies): code has the first branch of each #if only,
    so that its braces match."""
    code, everything, bodies, branches = [], [], [], []
    tokens = without_attributes(tokens)
    for token in tokens:
        if token.kind != 'hash':
            everything.append(token)
            if all(branches):
                code.append(token)
            continue
        words = []
        for token in tokens:
            if token.kind == 'line':
                break
            words.append(token)
        name = words[0].text if words else ''
        if name in ('if', 'ifdef', 'ifndef'):
            branches.append(True)
        elif name in ('else', 'elif') and branches:
            branches[-1] = False
        elif name == 'endif' and branches:
            branches.pop()
        elif name == 'define' and len(words) > 2:
            body = words[2:]
            called = body[0].text == '(' and \
                body[0].column == words[1].column + len(words[1].text) and \
                body[0].line == words[1].line
            if called:
                while body and body[0].text != ')':
                    body = body[1:]
                body = body[1:]
            bodies.append(body)
    return code, everything, bodies


def is_constant(name):
    return len(name) > 2 and name.isupper()


class Group:
    """What stands between two brackets: segments, which ; and , end."""

    def __init__(self, bracket, before, line):
        self.bracket, self.before, self.line = bracket, before, line
        self.segments, self.parent = [[]], None

    def is_call(self):
        return self.bracket == '(' and isinstance(self.before, Token) and \
            self.before.kind == 'name' and self.before.text not in CONTROL


def tree_of(tokens):
    """Read tokens into a tree of groups. A closing brace in the first column ends them all,
    so that a macro that opens brackets spoils no more than its function."""
    top = Group('', None, 0)
    stack = [top]

    def last():
        for item in reversed(stack[-1].segments[-1]):
            return item
        return None

    for at, token in enumerate(tokens):
        text = token.text if token.kind != 'text' else '""'
        if text in ('(', '[', '{'):
            before = last()
            group = Group(text, before, token.line)
            group.parent = stack[-1]
            stack[-1].segments[-1].append(group)
            stack.append(group)
        elif text in (')', ']', '}'):
            if text == '}' and token.column == 0:
                depth = [i for i, x in enumerate(stack) if x.bracket == '{']
                del stack[depth[0] + 1 if depth else 1:]
            if len(stack) == 1:
                continue
            group = stack.pop()
            group.end = token.line
            following = tokens[at + 1].text if at + 1 < len(tokens) else ''
            ends = False
            if group.bracket == '{':
                is_type = any(isinstance(x, Token) and x.text in ('struct', 'union', 'enum')
                              for x in stack[-1].segments[-1][-3:-1])
                ends = not is_type and following not in (';', ',', ')', '.', '[', ']', '->')
            elif group.bracket == '(' and isinstance(group.before, Token):
                word = group.before.text
                ends = word in ('if', 'while', 'for', 'switch') or (
                    group.before.kind == 'name' and word not in KEYWORDS and
                    at + 1 < len(tokens) and tokens[at + 1].kind == 'name' and
                    stack[-1].bracket == '{')
            if ends:
                stack[-1].segments.append([])
        elif text == ';' or text == ',':
            stack[-1].segments[-1].append(token)
            stack[-1].segments.append([])
        else:
            stack[-1].segments[-1].append(token)
    return top


def without_label(items):
    """Leave out "name:", "default:" and "case ...:" before a statement."""
    while items and isinstance(items[0], Token) and items[0].kind == 'name':
        colons = [i for i, x in enumerate(items) if isinstance(x, Token) and x.text == ':']
        is_label = items[0].text in ('case', 'default') or colons and colons[0] == 1
        if not is_label or not colons or colons[0] + 1 == len(items):
            break
        items = items[colons[0] + 1:]
    return items

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Look for what nobody uses. Results are printed as TAP.

    check-dead.py [SOURCE_TREE]

- functions and variables that nothing reaches: not the code that starts the kernel, nor
  assembly, tables and linker sets, nor a test. All configurations are looked at
  at once, since the text is;
- macros and constants of enums that appear nowhere but at their definition;
- fields of structs that are written, if at all, and never read; only of structs whose layout is the
  kernel's own;
- sources and scripts that no Makefile and no script names, headers that nobody includes.

It works with names, without scopes: of two things of one name both are used if one is.
So it misses some, and what it reports is dead. What has to stay although nothing in the tree
uses it, stands in KEPT with the reason.
"""
import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from csource import (ASSIGNMENTS, Group, KEYWORDS, QUALIFIERS, Token,       # noqa: E402
                     split_directives, tokens_of, tree_of, without_label)

# Folders whose sources are looked at, and those that use them, too.
OURS = ('arch', 'banos', 'device', 'drivers', 'fs', 'include', 'init', 'ipc', 'kernel', 'lib', 'mm',
        'net', 'usr')
TESTS = ('tests', 'scripts')
# What others see: its names are promises, and their users are not in the tree.
PUBLIC = ('include/uapi/', 'include/banos/', 'arch/x86_64/include/uapi/', 'drivers/net/inet/port/')
MAX_SHOWN = 40

KEPT = {
    'asm_offsets': 'the build reads its assembly',
    'asm_offsets_wall': 'the build reads its assembly',
    'asm_offsets_frame': 'the build reads its assembly',
    'asm_offsets_registers': 'the build reads its assembly',
    'KERN_EMERG': 'one of the eight levels of the log',
    'inet_complain': 'lwIP calls it',
    'inet_gateway4': 'lwIP calls it',
    'inet_gateway6': 'lwIP calls it',
    'inet_initial_sequence': 'lwIP calls it',
    'inet_may_forward4': 'lwIP calls it',
    'inet_raw_input': 'lwIP calls it',
    'inet_copy_sent': 'lwIP calls it',
    'tcp_input': 'lwIP calls it',
    'udp_input': 'lwIP calls it',
    'nd6_input': 'lwIP calls it',
    'tcp_netif_ip_addr_changed': 'lwIP calls it',
    'inet_segment_sent': 'lwIP calls it',
    'inet_urgent_arrived': 'lwIP calls it',
    'inet_timeout_get': 'lwIP calls it',
    'inet_timeout_put': 'lwIP calls it',
    'inet_tcp_memory': 'lwIP calls it',
    'timeout_is_used': 'inet_timeout_get() does',
}
# Structs whose layout is given: by the processor, the boot loader, a standard, a file or the user ABI.
GIVEN = {'tss', 'user_tcp_info', 'idt_entry', 'ap_words', 'mb1_info', 'timezone_result', 'fp_words',
         'nvme_command', 'disk_place'}
# They write what their first argument names.
STORES = ('WRITE_ONCE', 'smp_store_release')
PADDING = re.compile(r'_?(reserved|unused|pad)\d*')

Definition = collections.namedtuple('Definition', 'name kind path line')


def read(tree, path):
    with open(os.path.join(tree, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def files_below(tree, folders):
    for top in folders:
        for folder, below, names in os.walk(os.path.join(tree, top)):
            below[:] = sorted(x for x in below if not x.startswith(('.', '__')))
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), tree)


def flat(items):
    """All tokens of a list of tokens and groups."""
    for item in items:
        if isinstance(item, Group):
            for segment in item.segments:
                yield from flat(segment)
        else:
            yield item


def words(items):
    return [x.text for x in flat(items) if x.kind == 'name']


class Sources:
    """What is defined, and which names the text of each definition uses."""

    def __init__(self, tree):
        self.tree = tree
        self.definitions = []
        self.uses = collections.defaultdict(set)        # of a definition's text, by name
        self.roots = set(KEPT)
        self.pasted = set()                             # (before, after) of ## in macros
        self.all_words = collections.Counter()
        self.fields = []
        self.read_fields, self.written_fields = set(), set()
        self.outside = []                               # texts that are not C
        self.includes = set()
        self.field_macros, self.macro_calls = set(), []
        for path in files_below(tree, OURS + TESTS):
            if path.endswith(('.c', '.h', '.cc')):
                self.add(path, read(tree, path))
            elif path.startswith('scripts/gdb/') and path.endswith('.py'):
                names = re.findall(r'[A-Za-z_]\w*', read(tree, path))
                self.roots.update(names)
                self.read_fields.update(names)
            elif path.endswith(('.S', '.lds')):
                text = re.sub(r'/\*.*?\*/', '', read(tree, path), flags=re.S)
                self.includes.update(re.findall(r'#\s*include\s*[<"]([^">]+)', text))
                self.roots.update(re.findall(r'[A-Za-z_]\w*', text))
                self.all_words.update(re.findall(r'[A-Za-z_]\w*', text))
        # MACRO(object, field): a field is read by its bare name.
        for name, group in self.macro_calls:
            if name in self.field_macros:
                self.read_fields.update(
                    x[0].text for x in group.segments
                    if x and isinstance(x[0], Token) and x[0].kind == 'name' and
                    (len(x) == 1 or isinstance(x[1], Token) and x[1].text == ','))

    def add(self, path, text):
        self.includes.update(re.findall(r'^\s*#\s*include\s*[<"]([^">]+)', text, re.M))
        # C++ has names that only its compiler knows.
        mine = path.startswith(OURS) and not path.startswith(PUBLIC) and not path.endswith('.cc')
        code, everything, _ = split_directives(tokens_of(text))
        self.all_words.update(x.text for x in everything if x.kind == 'name')
        # Other branches of #if are read as plain uses.
        known = set(map(id, code))
        self.roots.update(x.text for x in everything if id(x) not in known and x.kind == 'name')
        self.directives(path, text, mine)
        for token in everything:
            if token.kind == 'text':
                # Of assembly, and of names that tests look for.
                self.roots.update(re.findall(r'[A-Za-z_]\w{3,}', token.text)
                                  if re.search(r'\b(call|jmp|lea|mov|quad|long)', token.text)
                                  else ())
        top = tree_of(code)
        self.top_level(path, top, mine)
        self.find_accesses(top)

    def directives(self, path, text, mine):
        body = None
        for token in tokens_of(text):
            if token.kind == 'hash':
                body = []
            elif token.kind == 'line' and body is not None:
                self.directive(path, body, mine)
                body = None
            elif body is not None:
                body.append(token)

    def directive(self, path, body, mine):
        names = [x.text for x in body if x.kind == 'name']
        self.all_words.update(names)
        if not names or names[0] in ('include', 'error', 'warning', 'pragma'):
            return
        if names[0] != 'define':
            self.roots.update(names)
            return
        if len(names) < 2:
            return
        if mine and body[0].line:
            self.definitions.append(Definition(names[1], 'macro', path, body[0].line))
        if 'offsetof' in names or any(x.text in ('.', '->') and y.text in names[2:]
                                      for x, y in zip(body[3:], body[4:])):
            self.field_macros.add(names[1])
        self.uses[names[1]].update(names[2:])
        for at, token in enumerate(body):
            if token.text == '##':
                before = body[at - 1].text
                after = body[at + 1].text if at + 1 < len(body) else ''
                self.pasted.add((before, after))
        self.find_accesses(tree_of(body[2:]))

    def top_level(self, path, group, mine):
        pending = []
        for segment in group.segments:
            # "a, b;" at the top is one declaration.
            pending += segment
            if segment and isinstance(segment[-1], Token) and segment[-1].text == ',':
                continue
            if pending:
                self.declaration(path, pending, mine)
            pending = []

    def declaration(self, path, items, mine):
        bodies = [x for x in items if isinstance(x, Group) and x.bracket == '{']
        for body in bodies:
            if isinstance(body.before, Token) and body.before.kind == 'text':
                self.top_level(path, body, mine)        # extern "C"
                return
        first = items[0].text if isinstance(items[0], Token) else ''
        signs = [x.text for x in items if isinstance(x, Token)]
        equals = signs.index('=') if '=' in signs else None
        self.find_fields(path, items, mine)
        if first in ('.', 'struct', 'union', 'enum') and len(items) <= 3 and not bodies or \
                first == '.':
            return                                      # a type that is defined elsewhere
        if first == 'typedef':
            self.roots.update(words(items))
            return
        heads = [x for x in items if isinstance(x, Group) and x.bracket == '(' and
                 isinstance(x.before, Token) and x.before.kind == 'name' and
                 x.before.text not in KEYWORDS]
        if bodies and equals is None and heads and items[-1] is bodies[-1] and \
                not (first in ('struct', 'union', 'enum') and len(items) > 2 and
                     items[2] is bodies[0]):
            if items[0] is heads[0].before:
                # MACRO(name) { ... }
                self.roots.update(words(items))
                return
            name = self.function_name(items, heads)
            self.define(name, 'function', path, mine)
            self.uses[name.text].update(x for x in words(items) if x != name.text)
            return
        if first in ('struct', 'union', 'enum') and bodies and equals is None:
            self.type_definition(path, items, bodies[0], mine)
            return
        if isinstance(items[0], Token) and len(items) > 1 and isinstance(items[1], Group) and \
                items[1].bracket == '(' and all(x is items[1] or not isinstance(x, Group)
                                                for x in items[:2]) and len(items) <= 3:
            self.roots.update(words(items))             # MACRO(...);
            return
        if equals is None and heads:
            # A prototype: its types are used, its name is not.
            names = words(items)
            names.remove(self.function_name(items, heads).text)
            self.roots.update(names)
            return
        self.variable(path, items, mine)

    @staticmethod
    def function_name(items, heads):
        """Of "ATTRIBUTE(1) static TYPE name(...) ATTRIBUTE(2)": what follows a type."""
        for head in heads:
            at = items.index(head) - 2
            before = items[at] if at >= 0 else None
            if isinstance(before, Token) and (before.text == '*' or before.kind == 'name' and
                                              before.text not in QUALIFIERS):
                return head.before
        return heads[-1].before

    def variable(self, path, items, mine):
        names, previous = [], None
        for item in items:
            text = item.text if isinstance(item, Token) else item.bracket
            if text in ('=', '[', ';', ',', '(') and isinstance(previous, Token) and \
                    previous.kind == 'name' and previous.text not in KEYWORDS:
                if not names or text != '(':
                    names.append(previous)
            if text == '=':
                break
            previous = item
        own = {x.text for x in names}
        used = [x for x in words(items) if x not in own]
        is_extern = isinstance(items[0], Token) and items[0].text == 'extern'
        has_section = any(x in ('used', 'section') for x in words(items))
        for name in names:
            if not is_extern:
                self.define(name, 'variable', path, mine and not has_section)
            self.uses[name.text].update(used)
        if not names:
            self.roots.update(used)

    def type_definition(self, path, items, body, mine):
        if items[0].text == 'enum':
            for segment in body.segments:
                if segment and isinstance(segment[0], Token) and segment[0].kind == 'name':
                    self.define(segment[0], 'constant', path, mine)
                    self.uses[segment[0].text].update(words(segment[1:]))
        else:
            self.roots.update(words([body]))
        after = items[items.index(body) + 1:]
        if any(isinstance(x, Token) and x.kind == 'name' for x in after):
            self.roots.update(words(after))

    def define(self, token, kind, path, mine):
        if mine:
            self.definitions.append(Definition(token.text, kind, path, token.line))

    # ---- fields ----

    def find_fields(self, path, items, mine):
        """Fields of structs that are defined here."""
        for at, item in enumerate(items):
            if isinstance(item, Group) and item.bracket == '{' and at and \
                    any(isinstance(x, Token) and x.text in ('struct', 'union')
                        for x in items[max(0, at - 2):at]):
                if mine and path.startswith(OURS):
                    self.struct_fields(path, item, self.struct_name(items, at))

    @staticmethod
    def struct_name(items, at):
        """The tag, or the name of the only variable."""
        before = items[at - 1]
        if before.text not in ('struct', 'union'):
            return before.text
        after = items[at + 1] if at + 1 < len(items) else None
        return after.text if isinstance(after, Token) and after.kind == 'name' else ''

    def struct_fields(self, path, body, struct):
        pending = []
        for segment in body.segments:
            pending += segment
            if segment and isinstance(segment[-1], Token) and segment[-1].text == ',':
                continue
            self.one_field(path, pending, struct)
            pending = []

    def one_field(self, path, items, struct):
        for at, item in enumerate(items):
            if isinstance(item, Group) and item.bracket == '{' and at:
                if 'enum' not in words(items[max(0, at - 2):at]) and \
                        items[at - 1].text != 'enum' and \
                        (at < 2 or items[at - 2].text != 'enum'):
                    self.struct_fields(path, item, self.struct_name(items, at) or struct)
        previous = None
        for item in items:
            text = item.text if isinstance(item, Token) else item.bracket
            if text in (';', ',', '[', ':') and isinstance(previous, Token) and \
                    previous.kind == 'name' and previous.text not in KEYWORDS:
                self.fields.append((struct, Definition(previous.text, 'field', path,
                                                       previous.line)))
            if isinstance(item, Group) and item.bracket == '(':
                inside = words([item])
                if text == '(' and isinstance(previous, Token) and len(inside) == 1:
                    self.fields.append((struct, Definition(inside[0], 'field', path, item.line)))
            previous = item

    def find_accesses(self, group):
        """Which fields are read: x.f, x->f, but for "x->f = ...;", "x->f++;", WRITE_ONCE(x->f, ...)."""
        for segment in group.segments:
            items = without_label([x for x in segment
                                   if not (isinstance(x, Token) and x.text == ';')])
            assigned = [i for i, x in enumerate(items) if isinstance(x, Token) and
                        x.kind == 'sign' and x.text in ASSIGNMENTS]
            target = assigned[0] if assigned else None
            if target is None and group.bracket == '{' and items and \
                    isinstance(items[-1], Token) and items[-1].text in ('++', '--'):
                target = len(items) - 1
            if isinstance(group.before, Token) and group.before.text in STORES and \
                    segment is group.segments[0]:
                target = len(items) - 1                 # the comma
            for at, item in enumerate(items):
                if isinstance(item, Group):
                    self.find_accesses(item)
                    if item.bracket == '(' and isinstance(item.before, Token) and \
                            item.before.kind == 'name':
                        self.macro_calls.append((item.before.text, item))
                    if item.bracket == '(' and isinstance(item.before, Token) and \
                            item.before.text in ('offsetof', 'container_of', 'OFFSET', 'sizeof'):
                        self.read_fields.update(words([item]))
                    continue
                if item.kind != 'name' or not at or not isinstance(items[at - 1], Token) or \
                        items[at - 1].text not in ('.', '->'):
                    continue
                rest = items[at + 1:target] if target is not None and at < target else None
                if rest is not None and all(isinstance(x, Group) and x.bracket == '['
                                            for x in rest):
                    self.written_fields.add(item.text)
                else:
                    self.read_fields.add(item.text)

    # ---- answers ----

    def reachable(self):
        """Names that are used by what is used."""
        alive, todo = set(), list(self.roots)
        while todo:
            name = todo.pop()
            if name not in alive:
                alive.add(name)
                todo += self.uses.get(name, ())
        return alive

    def is_pasted(self, name):
        for before, after in self.pasted:
            rest = name[len(before):]
            if len(before) > 2 and name.startswith(before) and \
                    (self.all_words[rest] or rest.isdigit()):
                return True
            if len(after) > 2 and name.endswith(after) and self.all_words[name[:-len(after)]]:
                return True
        return False


def unused(sources, kinds):
    alive = sources.reachable()
    for item in sorted(sources.definitions, key=lambda x: (x.path, x.line)):
        if item.kind in kinds and item.name not in alive and item.name not in KEPT and \
                item.name != 'main' and not sources.is_pasted(item.name):
            yield f'{item.path}:{item.line}: {item.kind} {item.name}'


def unread_fields(sources):
    seen = set()
    for struct, item in sources.fields:
        if item.name in sources.read_fields or item.name in KEPT or struct in GIVEN or \
                PADDING.fullmatch(item.name) or (struct, item.name) in seen:
            continue
        seen.add((struct, item.name))
        how = 'written and never read' if item.name in sources.written_fields else 'never used'
        yield f'{item.path}:{item.line}: {struct}.{item.name} is {how}'


def needless_exceptions(sources):
    """Names in KEPT that the tree uses."""
    sources.roots -= set(KEPT)
    alive = sources.reachable() | sources.read_fields
    defined = {x.name for x in sources.definitions} | {x.name for _, x in sources.fields}
    for name in KEPT:
        if name in alive and name in defined:
            yield f'scripts/check-dead.py: {name} stands in KEPT, and is used'


def is_built(tree, path, outside):
    """Does the Makefile of its folder name the object, or another one the source?"""
    folder, name = os.path.split(path)
    own = os.path.join(folder, 'Makefile')
    text = read(tree, own) if os.path.exists(os.path.join(tree, own)) else ''
    stem = name.rsplit('.', 1)[0]
    return re.search(rf'(?<![\w-]){re.escape(stem)}(\.o|\.c|\.S|\.cc)(?![\w.])', text) or \
        re.search(rf'(?<![\w/.-]){re.escape(path)}(?!\w)', outside) or \
        re.search(rf'(?<![\w/-])({re.escape(stem)}\.(c|S|o)\b|{re.escape(stem)}(?![\w.-]))', text)


def orphans(sources):
    """Sources in no Makefile, headers that nobody includes, scripts that nothing names."""
    tree = sources.tree
    named = [x for x in files_below(tree, ('.ci', 'scripts', 'tests', 'usr', 'Documentation',
                                           'configs', *OURS)) if os.path.basename(x) in
             ('Makefile', 'run', 'ci.yml') or x.endswith(('.mk', '.py', '.sh', '.md', '.lds', '.S'))]
    named += [x for x in ('Makefile', 'README.md', 'CONTRIBUTING.md')
              if os.path.exists(os.path.join(tree, x))]
    texts = {x: read(tree, x) for x in named}
    outside = '\n'.join(texts.values())
    for path in files_below(tree, OURS + ('scripts',)):
        name = os.path.basename(path)
        if path.endswith(('.c', '.cc', '.S', '.lds.S')) and not path.endswith('.lds.S'):
            if not is_built(tree, path, outside):
                if not path.startswith('scripts/sdk/') and name.split('.')[0] not in outside:
                    yield f'{path}: no Makefile builds it'
        elif path.endswith('.h') and not path.startswith(PUBLIC):
            if not any(path.endswith('/' + x) or path == x for x in sources.includes):
                yield f'{path}: nobody includes it'
        elif path.startswith('scripts/') and not path.startswith('scripts/sdk/'):
            stem = name.removesuffix('.py')
            others = '\n'.join(text for x, text in texts.items() if x != path)
            if name not in others and stem not in others:
                yield f'{path}: nothing names it'


def main():
    tree = sys.argv[1] if len(sys.argv) > 1 else '.'
    sources = Sources(tree)
    checks = [
        ('functions and variables are reached', unused(sources, ('function', 'variable'))),
        ('macros and constants are used', unused(sources, ('macro', 'constant'))),
        ('fields are read', unread_fields(sources)),
        ('files are built, included or run', orphans(sources)),
        ('exceptions are needed', needless_exceptions(sources)),
    ]
    print(f'1..{len(checks)}')
    failed = False
    for number, (title, problems) in enumerate(checks, 1):
        problems = list(problems)
        failed |= bool(problems)
        print(f'{"not ok" if problems else "ok"} {number} - {title}')
        for text in problems:
            print(f'# {text}')
    return failed


if __name__ == '__main__':
    sys.exit(main())

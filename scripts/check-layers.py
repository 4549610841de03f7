#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold the layer rule and the driver wall, over #include lines and symbols.

    check-layers.py [--kernel OUTPUT_DIR]... [--drivers OUTPUT_DIR]

Code includes only headers of its own layer and below; a driver includes only
<banos/...>, the compiler's freestanding headers and its own folder; a public
header stands alone.

With --kernel, each symbol that an object of the kernel linked there uses must be defined in an
object of its own layer or below, or be declared in include/kernel/upcalls.h. What is declared there
must be defined above a layer that uses it, in the file that its comment names. There are no
exceptions. With --drivers, the undefined symbols of built drivers are looked at, too.

Results are printed as TAP. Documentation/layers.md explains the layers.
"""
import argparse
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import elf                                      # noqa: E402

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')

FREESTANDING = {'float.h', 'iso646.h', 'limits.h', 'stdalign.h', 'stdarg.h',
                'stdatomic.h', 'stdbool.h', 'stddef.h', 'stdint.h',
                'stdnoreturn.h'}

# The first that a path begins with decides; deeper paths stand first.
LAYERS = [
    ('lib/', 0),
    ('arch/x86_64/include/', None),             # by name, below
    # What works before there is memory, and what is entered from below everything.
    *((f'arch/x86_64/{name}', 1) for name in (
        'boot/', 'cpu.c', 'entry.S', 'fast_page.c', 'fpu_user.S', 'mce.c', 'pcid.c', 'qemu.c',
        'serial.c', 'show_regs.c', 'start.c', 'traps.c', 'uaccess.S', 'unwind.c')),
    ('arch/x86_64/paging.c', 2),
    # The machine's part of processes: their segment bases, the frames of their signals.
    ('arch/x86_64/prctl.c', 4), ('arch/x86_64/sigframe.c', 4),
    # The loader's relocations: pure.
    ('arch/x86_64/elf_relocate.c', 5),
    # The processor's devices: interrupt controllers, clocks, other processors.
    ('arch/', 3),
    ('kernel/base/', 1),
    ('mm/vm_', 4),
    # They sleep, and flush the TLBs of other processors.
    ('mm/krange.c', 3), ('mm/uio.c', 3), ('mm/leak.c', 3),
    ('mm/', 2),
    ('kernel/process/', 4),
    ('kernel/', 3),
    ('fs/', 4), ('ipc/', 4), ('net/', 4), ('device/', 4),
    ('banos/', 5),
    ('drivers/', 6),
    ('init/', 9), ('tests/', 9), ('usr/', 9),
]

# Where the things live that a header of include/kernel declares.
HEADERS = {name: layer for layer, names in {
    0: 'atomic bitmap chacha clock cmdline driver_format err fault_rule future inflate kconfig ktest list memmap ntp '
       'random_check rbtree run_order siginfo sort string test_options time_units types',
    1: 'boot cpu display fault_injection lock_class panic printk rcu spinlock symbols uaccess upcalls',
    2: 'driver_heap heap heap_init leak page page_init phys_user',
    3: 'acpi crash crossing driver_api gate gate_stack handle irq irq_chip lock lock_order owner power printk_wait random rate_limit rcu_init rtc scheduler seq_file signature smp struct_rule '
       'thread time utsname vdso wait wall',
    4: 'block block_driver bus chardev cred device fs ipc network packet packet_hook partition process random_source sigframe socket syscalls tty vm vm_window',
    5: 'builtin driver image_label loader report',
}.items() for name in names.split()}

# Instructions that lib/ may use: they touch nothing but their operands.
PURE_ASM = {'asm/string.h'}

COMPILER = {'memcpy', 'memmove', 'memset', 'memcmp'}


def sources(*folders):
    for top in folders:
        for folder, folders_below, files in os.walk(top):
            folders_below.sort()
            for name in sorted(files):
                if name.endswith(('.c', '.h', '.S', '.cc', '.cpp')):
                    yield os.path.join(folder, name)


def includes(path):
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match[1] == '"', match[2]


def stays_home(path, name):
    """Is "name", included by path, in path's own folder or below it?"""
    return not name.startswith('/') and '..' not in name.split('/') and \
        os.path.exists(os.path.join(os.path.dirname(path), name))


def check_driver_wall():
    for path in sources('drivers'):
        for number, quoted, name in includes(path):
            if quoted and stays_home(path, name):
                continue
            if not quoted and (name.startswith('banos/') or
                               name in FREESTANDING):
                continue
            # lwIP is linked into the driver, and lies outside of the tree.
            if path.startswith('drivers/net/inet/') and not quoted and \
                    name.startswith(('lwip/', 'netif/')):
                continue
            yield (f'{path}:{number}: a driver may not include {name}: only '
                   '<banos/...>, freestanding headers and its own folder')


def check_public_headers():
    for path in sources('include/banos'):
        for number, quoted, name in includes(path):
            if quoted or not (name.startswith('banos/') or
                              name in ('stdint.h', 'stddef.h')):
                yield (f'{path}:{number}: a public header may not include '
                       f'{name}: only <banos/...>, <stdint.h>, <stddef.h>')
    for path in sources('include/uapi'):
        for number, quoted, name in includes(path):
            if quoted or (name != 'kernel/types.h' and
                          name.startswith(('kernel/', 'asm/', 'generated/'))):
                yield (f'{path}:{number}: the user ABI may not depend on '
                       f'{name}')


def check_private_headers():
    # That <...> leads to no header of the host is the compiler's business.
    for path in sources('arch', 'kernel', 'ipc', 'mm', 'fs', 'net', 'device', 'banos',
                        'lib', 'init', 'include'):
        for number, quoted, name in includes(path):
            if quoted and not stays_home(path, name):
                yield (f'{path}:{number}: "{name}" is not in this folder: what '
                       'crosses folders is declared in include/')


def layer_of_source(path):
    for prefix, layer in LAYERS:
        if path.startswith(prefix):
            return layer
    return None


def check_licences():
    for path in sorted(sources('.')):
        if path.startswith(('./.git/', './build')):
            continue
        with open(path, encoding='utf-8') as f:
            if 'SPDX-License-Identifier: MIT' not in f.read(200):
                yield f'{path}: has no line with its licence'


def layer_of_header(name):
    """The layer of <name>; None: not one of ours, or not placed."""
    top, _, base = name.partition('/')
    if name in PURE_ASM:
        return 0
    if top == 'kernel':
        return HEADERS.get(base.partition('/')[0].removesuffix('.h'))
    return {'uapi': 0, 'generated': 0, 'asm': 1, 'banos': 4}.get(top)


def check_layers():
    for path in sources('lib', 'arch', 'kernel', 'ipc', 'mm', 'fs', 'net', 'device',
                        'banos'):
        layer = layer_of_source(path)
        if layer is None:
            continue
        for number, quoted, name in includes(path):
            if quoted:
                continue
            header = layer_of_header(name)
            if header is None and os.path.exists(f'include/{name}'):
                yield (f'{path}:{number}: <{name}> has no layer yet: give it '
                       'one in scripts/check-layers.py')
            elif header is not None and header > layer:
                yield (f'{path}:{number}: layer {layer} may not include '
                       f'<{name}>, which is of layer {header}')


def linked_objects(out):
    """The objects that the kernel in this folder was linked of, relative to it."""
    with open(f'{out}/.banos.elf.cmd', encoding='utf-8') as f:
        command = f.readline()
    for word in command.split():
        if word.startswith(f'{out}/') and word.endswith('.o'):
            yield word[len(out) + 1:]


def source_of(name):
    """The source of an object: in the tree, or one of the same name that the build made."""
    base = name.removesuffix('.o')
    return base + '.S' if os.path.exists(base + '.S') else base + '.c'


def symbols_of(out):
    """(where each global symbol is defined, which ones each source uses) of a kernel.

    Where a symbol is defined twice, weakly and not, the linker takes the other one. A symbol
    that no object defines is one of the linker script's."""
    defined, weak, used = {}, {}, {}
    for name in linked_objects(out):
        source = source_of(name)
        if layer_of_source(source) is None:     # the table of names, made after the first link
            continue
        used[source] = set()
        for symbol in elf.Elf(f'{out}/{name}').symbols():
            if symbol.bind == elf.STB_LOCAL or not symbol.name:
                continue
            if symbol.shndx == elf.SHN_UNDEF:
                used[source].add(symbol.name)
            elif symbol.bind == elf.STB_WEAK:
                weak[symbol.name] = source
            else:
                defined[symbol.name] = source
    return {**weak, **defined}, used


def declared_upcalls():
    """Each function and table declared in upcalls.h, with the comment that stands before it."""
    with open('include/kernel/upcalls.h', encoding='utf-8') as f:
        text = f.read()
    text = text[text.index('#pragma once'):]
    comment = ''
    for part in re.findall(r'/\*.*?\*/|[^/]+|/', text, re.S):
        if part.startswith('/*'):
            # One behind a member of a struct belongs to that.
            comment = part if part.startswith('/**') else comment
            continue
        part = re.sub(r'\{[^}]*\}|^\s*#.*$', ' ', part, flags=re.M)
        for declaration in part.split(';'):
            if re.match(r'\s*(?:typedef|struct \w+\s*\S*$)', declaration):
                continue
            match = re.search(r'\b(\w+)\s*[(\[]', declaration)
            if match:
                yield match[1], comment


def is_in_named_file(name, comment):
    """Does a source that the comment names have this name?"""
    for path in re.findall(r'[\w/]+\.[cS]', comment):
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                if re.search(rf'\b{name}\b', f.read()):
                    return True
    return False


def check_symbols(out):
    defined, used = symbols_of(out)
    upcalls = dict(declared_upcalls())
    users = {}
    for source, names in sorted(used.items()):
        layer = layer_of_source(source)
        for name in sorted(names):
            if name not in defined:
                continue
            above = layer_of_source(defined[name])
            users.setdefault(name, []).append(layer)
            if above > layer and name not in upcalls:
                yield (f'{source}: layer {layer} uses {name} of {defined[name]}, which is of layer '
                       f'{above}: register it with the lower layer, or declare it in '
                       'include/kernel/upcalls.h')
    for name, comment in upcalls.items():
        if name not in defined:
            # A configuration may leave it out, with those that use it.
            if any(name in x for x in used.values()) or not is_in_named_file(name, comment):
                yield f'include/kernel/upcalls.h: {name} is not defined in this kernel'
        elif min(users.get(name, [9])) >= layer_of_source(defined[name]):
            yield (f'include/kernel/upcalls.h: {name} of {defined[name]} is no upcall: no layer '
                   'below uses it')
        elif defined[name] not in comment:
            yield (f'include/kernel/upcalls.h: the comment of {name} does not name '
                   f'{defined[name]}, which defines it')


def declared_for_drivers():
    """Names in public headers, also those that a driver provides (pci_...):
    that may be built in, and so no file."""
    for path in sources('include/banos'):
        with open(path, encoding='utf-8') as f:
            yield from re.findall(r'^BANOS_SINCE\(\d+\)[^;(]*?\b(\w+)\(', f.read(), re.M)


def check_imports(out):
    """Undefined symbols of driver files: banos_... or another driver's."""
    files = [os.path.join(folder, name)
             for folder, _, names in sorted(os.walk(f'{out}/drivers'))
             for name in sorted(names) if name.endswith('.ko')]
    images = {path: elf.Elf(path) for path in files}
    exported = set(declared_for_drivers())
    for image in images.values():
        strings = image.section('__ksymtab_strings')
        if strings:
            exported.update(image.content(strings).decode().split('\0'))
    for path, image in images.items():
        for symbol in image.symbols():
            if (symbol.shndx == elf.SHN_UNDEF and symbol.name and
                    not symbol.name.startswith('banos_') and
                    symbol.name not in COMPILER | exported):
                yield (f'{path}: imports {symbol.name}, which neither the '
                       'driver API nor another driver has')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--drivers')
    parser.add_argument('--kernel', action='append', default=[])
    args = parser.parse_args()
    checks = [
        ('drivers include the driver API only', check_driver_wall()),
        ('public headers stand alone', check_public_headers()),
        ('what crosses folders is in include/', check_private_headers()),
        ('code includes nothing from above', check_layers()),
        ('every source names its licence', check_licences()),
    ]
    for out in args.kernel:
        checks.append((f'{out}: code uses nothing from above but upcalls', check_symbols(out)))
    if args.drivers:
        checks.append(('drivers import the driver API only',
                       check_imports(args.drivers)))
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

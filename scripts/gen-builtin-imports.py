#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Let built-in drivers call each other.

    gen-builtin-imports.py OUTPUT_DIR/drivers OBJECT... -o FILE.S

A built-in driver is linked by itself, its imports from other drivers renamed to
__driver_NAME (check-builtin.py). Here each of those gets a stub that leads
through a call slot, like the stubs that the loader makes, and a record,
struct builtin_import in <kernel/builtin.h>, from which the kernel fills the slot
when the importer starts. A weak import that no built-in driver exports stays absent.
Drivers start in the order of OBJECT: an exporter has to stand before its importers.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import elf                                      # noqa: E402

EXPORT, IMPORT = 'banos_export_name_', '__driver_'

STUB = '''
	.text
	.balign	16
	.globl	__driver_{name}
	.type	__driver_{name}, @function
__driver_{name}:
	movq	slot_{name}(%rip), %r11
	jmp	*SLOT_ENTRY(%r11)
	.size	__driver_{name}, . - __driver_{name}
	.data
	.balign	8
slot_{name}:
	.quad	gate_dead_slot
'''

RECORD = '''	.quad	1f, 2f, slot_{name}, {weak}
	.section .rodata.str1.1, "aMS", @progbits, 1
1:	.asciz	"{driver}"
2:	.asciz	"{name}"
	.section .rodata, "a", @progbits
'''


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('folder')
    parser.add_argument('objects', nargs='*')
    parser.add_argument('-o', dest='output', required=True)
    args = parser.parse_args()

    exported, imported, problems, order = {}, [], [], []
    for path in args.objects:
        driver = os.path.relpath(path, args.folder).removesuffix('.builtin.o')
        order.append(driver)
        for s in elf.Elf(path).symbols():
            if s.name.startswith(EXPORT):
                exported.setdefault(s.name[len(EXPORT):], driver)
            elif s.name.startswith(IMPORT) and s.shndx == elf.SHN_UNDEF:
                imported.append((driver, s.name[len(IMPORT):],
                                 s.bind == elf.STB_WEAK))
    for driver, name, weak in imported:
        if name not in exported and not weak:
            problems.append(f'drivers/{driver} imports {name}, which is no part of '
                            'the driver API, and no built-in driver exports it')
        elif name in exported and \
                order.index(exported[name]) > order.index(driver):
            problems.append(f'drivers/{driver} imports {name} of drivers/'
                            f'{exported[name]}, which starts after it: that has '
                            'to come first in the Makefiles')
    for text in problems:
        print(text, file=sys.stderr)
    if problems:
        return 1

    bound = [x for x in imported if x[1] in exported]
    text = '/* Made by scripts/gen-builtin-imports.py */\n' \
           '#include <generated/asm-offsets.h>\n'
    text += ''.join(STUB.format(name=x) for x in sorted({x[1] for x in bound}))
    text += '\n\t.section .rodata, "a", @progbits\n\t.balign\t8\n' \
            '\t.globl\tbuiltin_imports, builtin_imports_end\nbuiltin_imports:\n'
    text += ''.join(RECORD.format(driver=driver, name=name, weak=int(weak))
                    for driver, name, weak in bound)
    text += 'builtin_imports_end:\n\t.section .note.GNU-stack, "", @progbits\n'
    with open(args.output, 'w', encoding='utf-8') as f:
        f.write(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())

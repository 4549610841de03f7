# SPDX-License-Identifier: MIT
"""A tree with the real build and a kernel of a few lines, to try the build on.

Building the real kernel for each question would take minutes; what is asked
here is only whether make, Kconfig and the scripts do what they promise.
"""
import os
import re
import shutil
import subprocess

import pytest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

FILES = {
    # Made of arch/x86_64/asm-offsets.c where that exists.
    'include/generated/asm-offsets.h': '#define SLOT_ENTRY 0\n',
    'arch/x86_64/Makefile': 'obj-y += boot/\n',
    'arch/x86_64/boot/Makefile': 'obj-y += start.o\n',
    'arch/x86_64/boot/start.S': '''
	.section .multiboot, "a"
	.balign	8
	.globl	mb1
mb1:	.long	0x1badb002, 1 << 16, -(0x1badb002 + (1 << 16))
	.long	mb1_phys, CONFIG_PHYS_START, load_end_phys, bss_end_phys
	.long	start_phys
	.balign	8
mb2:	.long	0xe85250d6, 0, mb2_end - mb2, -(0xe85250d6 + mb2_end - mb2)
	.short	0, 0
	.long	8
mb2_end:
	.section .boot.text, "ax"
	.globl	start
start:	cli
1:	hlt
	jmp	1b
	.section .note.GNU-stack, "", @progbits
''',
    'arch/x86_64/boot/banos.lds.S': '''
#define VMA 0xffffffff80000000
ENTRY(start)
SECTIONS
{
	. = VMA + CONFIG_PHYS_START;
	.boot : AT(ADDR(.boot) - VMA) { KEEP(*(.multiboot)) *(.boot.text) }
	. = ALIGN(4096);
	_text = .;
	.text : AT(ADDR(.text) - VMA) { KEEP(*(.text .text.*)) }
	. = ALIGN(4096);
	.rodata : AT(ADDR(.rodata) - VMA) {
		*(.rodata .rodata.str* .rodata.cst*)
		*(.rodata.driver_*)
		KEEP(*(.banos-driver)) KEEP(*(.banos-export))
		__banos_builtins_start = .;
		KEEP(*(.banos-builtin))
		__banos_builtins_end = .;
		*(.rodata.ksyms)
	}
	. = ALIGN(4096);
	.data : AT(ADDR(.data) - VMA) { *(.data .data.*) LONG(1) }
	load_end_phys = . - VMA;
	.bss : AT(ADDR(.bss) - VMA) { *(.bss .bss.*) }
	bss_end_phys = . - VMA;
	mb1_phys = mb1 - VMA;
	start_phys = start - VMA;
	/DISCARD/ : { *(.note*) *(.eh_frame*) }
}
''',
    'kernel/Makefile': '''obj-y += main.o symbols.o
CFLAGS_main.o += -DGREETING=\\"hello\\"
''',
    'kernel/main.c': '''
#include <generated/version.h>
#include <kernel/stub.h>
const char *greet(void)
{
	return IS_ENABLED(CONFIG_DEBUG_LOCKS) ? GREETING BANOS_RELEASE : __FILE__;
}
void banos_log(const char *text)
{
}
''',
    'kernel/symbols.c': '''
#include <stdint.h>
#include <kernel/stub.h>
extern const uint32_t ksym_count;
uint32_t symbols(void)
{
	return ksym_count;
}
''',
    'include/kernel/stub.h': '''#include <stdint.h>
const char *greet(void);
uint32_t symbols(void);
void banos_log(const char *text);
''',
    'include/banos/driver.h': 'void banos_log(const char *text);\n',
    'drivers/Kconfig': 'source "drivers/char/Kconfig"\n',
    'drivers/Makefile': 'obj-y += char/\n',
    'drivers/char/Kconfig': '''config ONE
	tristate "one"
	default y

config TWO
	tristate "two"
	default m
''',
    'drivers/char/Makefile': '''obj-$(CONFIG_ONE) += one.o
obj-$(CONFIG_TWO) += two.o
two-objs := first.o second.o
''',
    'drivers/char/one.c': '#include "driver.c.inc"\n',
    'drivers/char/first.c': '#include "driver.c.inc"\n',
    'drivers/char/second.c': 'int second;\n',
    'drivers/char/driver.c.inc': '''#include <banos/driver.h>
static const char descriptor[8]
	__attribute__((used, section(".banos-driver"))) = "driver";
int driver_init(void);
int driver_init(void)
{
	banos_log(descriptor);
	return 0;
}
''',
    'configs/defconfig': '',
    'configs/tiny_defconfig': '# CONFIG_KALLSYMS is not set\n',
    'configs/debug_defconfig': 'CONFIG_DEBUG_KERNEL=y\n',
    'usr/Makefile': '',
    'tests/host/tests.mk': '',
}
# Taken from the real tree, beside every Kconfig outside drivers/.
REAL = ('Makefile', 'Kconfig', 'scripts', 'include/kernel/kconfig.h')


def long(*values):
    """Parameters like others that make check tries: for make check-long."""
    return [pytest.param(*(x if isinstance(x, tuple) else (x,)), marks=pytest.mark.long) for x in values]


class Tree:
    def __init__(self, path, make_options=()):
        self.path = str(path)
        self.make_options = list(make_options)
        for name in REAL:
            self.copy(name)
        for folder, _, files in os.walk(SOURCE):
            name = os.path.relpath(os.path.join(folder, 'Kconfig'), SOURCE)
            if 'Kconfig' in files and not name.startswith(
                    ('drivers', 'build', '.git')):
                self.copy(name)
        for name, text in FILES.items():
            self.write(name, text)

    @classmethod
    def of(cls, path):
        """The tree that is at a place already."""
        tree = cls.__new__(cls)
        tree.path, tree.make_options = str(path), []
        return tree

    def copy(self, name):
        source, target = os.path.join(SOURCE, name), self.file(name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(
                '__pycache__'))
        else:
            shutil.copy(source, target)

    def file(self, name):
        return os.path.join(self.path, name)

    def exists(self, name):
        return os.path.exists(self.file(name))

    def read(self, name):
        with open(self.file(name), 'rb') as f:
            return f.read()

    def write(self, name, text):
        """Write a file so that it is newer than all that was built."""
        os.makedirs(os.path.dirname(self.file(name)), exist_ok=True)
        with open(self.file(name), 'w', encoding='utf-8') as f:
            f.write(text)

    def replace(self, name, old, new):
        text = self.read(name).decode()
        assert old in text
        self.write(name, text.replace(old, new))

    def option(self, line):
        """Append a line to .config, as a person would; the last one wins."""
        name = line.split('=')[0].replace('# ', '').split()[0]
        lines = [x for x in self.read('build/.config').decode().splitlines()
                 if not x.startswith((name + '=', f'# {name} '))]
        self.write('build/.config', '\n'.join(lines + [line]) + '\n')

    def make(self, *goals, fails=False, variables=None):
        """Run make; return its output. More variables for its environment."""
        env = {k: v for k, v in os.environ.items()
               if not k.startswith('MAKE') and k not in ('O', 'V', 'SILENT')}
        env.update(variables or {})
        done = subprocess.run(
            ['make', '-j2', *self.make_options, *goals], cwd=self.path,
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120)
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def rebuilt(self, *goals):
        """Run make; return the objects that were compiled."""
        return sorted(line.split()[-1] for line in self.make(
            *goals).splitlines() if line.split()[:1] in (['CC'], ['AS'])
            and not re.search('ksyms|builtin-imports', line))


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path / 'tree')


@pytest.fixture(scope='session')
def built_once(tmp_path_factory):
    """A tree that was built, and how it was then: it is made for all tests, and always at one place,
    since the commands of a build name it."""
    tree, intact = Tree(tmp_path_factory.mktemp('built') / 'tree'), tmp_path_factory.mktemp('intact')
    tree.make()
    shutil.copytree(tree.path, intact / 'tree', symlinks=True)
    return tree.path, intact / 'tree'


@pytest.fixture
def built(built_once):
    path, intact = built_once
    shutil.rmtree(path)
    shutil.copytree(intact, path, symlinks=True)
    return Tree.of(path)

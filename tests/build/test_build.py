# SPDX-License-Identifier: MIT
"""What the build promises: it redoes what a change touches, and only that."""
import os
import shutil
import subprocess
import sys

import pytest

from conftest import SOURCE, Tree, long

sys.path.insert(0, os.path.join(SOURCE, 'scripts'))
import elf                                      # noqa: E402


def test_nothing_changed_nothing_done(built):
    assert built.make() == ''


@pytest.mark.parametrize('name', [
    *long('arch/x86_64/asm-offsets.s', 'arch/x86_64/boot/start.o', 'banos/builtin-imports.o', 'drivers/char/one.o'),
    'drivers/char/one.builtin.o', 'kernel/main.o', *long('ksyms-empty.o')])
def test_each_object_can_be_made_first(tree, name):
    """Whatever a file includes is made before it, in any order of parallel jobs."""
    os.unlink(tree.file('include/generated/asm-offsets.h'))
    tree.write('arch/x86_64/asm-offsets.c', 'void offsets(void);\nvoid offsets(void)\n{\n'
               '\t__asm__ volatile("->SLOT_ENTRY %0" : : "i"(0));\n}\n')
    tree.make(f'build/{name}')
    assert tree.exists(f'build/{name}')


def test_changed_option_rebuilds_its_users(built):
    built.option('CONFIG_DEBUG_KERNEL=y')
    built.option('CONFIG_DEBUG_STACK=n')      # a flag for everything
    assert built.rebuilt() == ['kernel/main.o']


def test_changed_header_rebuilds_its_users(built):
    built.write('include/banos/driver.h', 'void banos_log(const char *t);\n')
    assert built.rebuilt() == ['drivers/char/first.o', 'drivers/char/one.o']


def test_changed_flag_rebuilds_its_object(built):
    built.replace('kernel/Makefile', 'hello', 'hallo')
    assert built.rebuilt() == ['kernel/main.o']


def test_removed_header_does_not_stop_the_build(built):
    built.write('kernel/main.c', built.read('kernel/main.c').decode()
                .replace('<kernel/stub.h>', '<kernel/other.h>'))
    built.write('kernel/symbols.c', built.read('kernel/symbols.c').decode()
                .replace('<kernel/stub.h>', '<kernel/other.h>'))
    os.rename(built.file('include/kernel/stub.h'),
              built.file('include/kernel/other.h'))
    assert built.rebuilt() == ['kernel/main.o', 'kernel/symbols.o']


def test_other_compiler_rebuilds_all(built):
    if not shutil.which('ld.lld'):
        pytest.skip('no clang and lld')
    built.make_options = ['LLVM=1']
    assert len(built.rebuilt()) == 8


def test_goals_of_one_call_do_not_meet(built):
    built.make('clean', 'debug_defconfig', 'all', 'kernel', 'modules')
    assert b'CONFIG_DEBUG_LOCKS=y' in built.read('build/.config')


def test_driver_follows_its_option(built):
    def is_in_image():
        text = built.read('build/banos.elf')
        return b'driver\0' in text

    assert is_in_image() and built.exists('build/drivers/char/one.ko')
    built.option('CONFIG_ONE=m')
    assert built.rebuilt() == []                # the same object serves both
    assert not is_in_image() and built.exists('build/drivers/char/one.ko')
    built.option('# CONFIG_ONE is not set')
    built.make()
    assert not is_in_image() and not built.exists('build/drivers/char/one.ko')


def test_driver_file_has_all_its_sources(built):
    names = {s.name for s in elf.Elf(
        built.file('build/drivers/char/two.ko')).symbols()}
    assert {'driver_init', 'second', 'banos_log'} <= names


def test_two_built_in_drivers_may_use_the_same_names(built):
    built.option('CONFIG_TWO=y')
    built.make()
    names = [s.name for s in elf.Elf(built.file('build/banos.elf')).symbols()]
    assert names.count('driver_init') == 2


def test_record_of_a_built_in_driver_brackets_its_parts(built):
    built.option('CONFIG_TWO=y')
    built.replace('drivers/char/second.c', 'int second;', '''
static volatile int order;
__attribute__((constructor)) static void early(void) { order = 1; }
__attribute__((constructor)) static void late(void) { order = 2; }
__attribute__((constructor(900))) static void second(void) { order = 3; }
__attribute__((constructor(10000))) static void third(void) { order = 4; }
__attribute__((constructor(200))) static void first(void) { order = 5; }
__attribute__((destructor)) static void leave(void) { order = 6; }
__attribute__((destructor(300))) static void leave_last(void) { order = 7; }
static void *const name __attribute__((used, section(".banos-export"))) = early;
''')
    built.make()
    image = elf.Elf(built.file('build/banos.elf'))
    rodata = image.section('.rodata')
    symbols = {}
    for s in image.symbols():
        symbols.setdefault(s.name, []).append(s.value)

    def read(address, count):
        at = address - rodata.addr + rodata.offset
        return [int.from_bytes(image.data[at + 8 * i:at + 8 * i + 8], 'little')
                for i in range(count)]

    start = symbols['__banos_builtins_start'][0]
    assert symbols['__banos_builtins_end'][0] - start == 2 * 11 * 8
    one, two = read(start, 11), read(start + 88, 11)
    names = [image.string(x[0] - rodata.addr + rodata.offset)
             for x in (one, two)]
    assert names == ['char/one', 'char/two']
    assert [x[2] - x[1] for x in (one, two)] == [8, 8]      # descriptors
    assert [x[4] - x[3] for x in (one, two)] == [0, 8]      # exports
    assert [x[6] - x[5] for x in (one, two)] == [0, 40]     # constructors
    assert [x[8] - x[7] for x in (one, two)] == [0, 16]     # destructors
    # By number; those without one last.
    assert read(two[5], 5) == [symbols[x][0] for x in (
        'first', 'second', 'third', 'early', 'late')]
    assert read(two[7], 2) == symbols['leave_last'] + symbols['leave']
    assert read(two[3], 1) == symbols['early']
    init = sorted(symbols['driver_init'])
    assert one[9] <= init[0] < one[10] <= two[9] <= init[1] < two[10]


def test_driver_cannot_include_kernel_headers(built):
    built.write('drivers/char/second.c', '#include <kernel/stub.h>\n')
    assert 'kernel/stub.h: No such file' in built.make(fails=True)


def test_driver_cannot_include_host_headers(built):
    built.write('drivers/char/second.c', '#include <stdio.h>\n')
    assert 'stdio.h: No such file' in built.make(fails=True)


def test_built_in_driver_cannot_call_the_kernel(built):
    built.replace('drivers/char/driver.c.inc', 'return 0;',
                  'extern const char *greet(void); return greet()[0];')
    output = built.make(fails=True)
    assert 'drivers/char/one imports greet' in output


def test_built_in_drivers_come_after_those_they_need(built):
    """The one that starts first cannot have functions of the other one."""
    built.write('kernel/gate.c', 'long gate_dead_slot;\n')
    built.replace('kernel/Makefile', 'symbols.o', 'symbols.o gate.o')
    call = 'int peer_f(void); int driver_user(void);\n' \
        'int driver_user(void) { return peer_f(); }\n'
    peer = '__attribute__((used)) static const char ' \
        'banos_export_name_peer_f[] = "peer_f";\n' \
        'int peer_f(void); int peer_f(void) { return 1; }\n'
    built.option('CONFIG_TWO=y')
    built.write('drivers/char/one.c', '#include "driver.c.inc"\n' + peer)
    built.write('drivers/char/second.c', call)
    built.make()
    built.write('drivers/char/one.c', '#include "driver.c.inc"\n' + call)
    built.write('drivers/char/second.c', peer)
    output = built.make(fails=True)
    assert 'drivers/char/one imports peer_f of drivers/char/two, which ' \
        'starts after it' in output


def test_same_bytes_wherever_it_is_built(built, tmp_path):
    other = Tree(tmp_path / 'another' / 'folder',
                 [f'O={tmp_path}/out/of/tree'])
    other.make()
    for name in ('banos.elf', 'drivers/char/two.ko', 'drivers/char/one.o'):
        assert built.read(f'build/{name}') == \
            other.read(f'{tmp_path}/out/of/tree/{name}'), name


def test_symbol_table_names_every_function(built):
    image = elf.Elf(built.file('build/banos.elf'))
    symbols = {s.name: s for s in image.symbols()}
    section = image.section('.rodata')

    def place(name):
        return symbols[name].value - section.addr + section.offset

    data = image.data
    count = int.from_bytes(data[place('ksym_count'):place('ksym_count') + 4], 'little')

    def expand(code):
        at = place('ksym_pairs') + 2 * code
        if not data[at + 1]:
            return chr(data[at])
        return expand(data[at]) + expand(data[at + 1])

    table, address = {}, symbols['_text'].value
    distance, name = place('ksym_distance'), place('ksym_names')
    for _ in range(count):
        far = data[distance] == 255
        address += int.from_bytes(data[distance + 1:distance + 3], 'little') if far \
            else data[distance]
        distance += 3 if far else 1
        text = ''
        while not text.endswith('\n'):
            text += expand(data[name])
            name += 1
        table[text[:-1]] = address
    for wanted in ('greet', 'symbols', 'banos_log', 'driver_init'):
        assert table[wanted] == symbols[wanted].value


def test_symbol_table_can_be_left_out(tree):
    tree.make('tiny_defconfig', 'all')
    assert not tree.exists('build/banos-pass1.elf')


@pytest.mark.parametrize('old, new, message', [
    ('.data : AT(ADDR(.data) - VMA)', '.data : AT(ADDR(.data) - VMA + 4096)',
     'the flat load puts that at'),
    *long(('*(.bss .bss.*)', '*(.bss .bss.*) . += 0x700000;', 'below 8 MiB'),
          ('KEEP(*(.multiboot))', '. += 8192; KEEP(*(.multiboot))',
           'no multiboot 1 header in the first 8192 bytes'),
          ('load_end_phys = . - VMA', 'load_end_phys = . - VMA - 4', 'load_end is')),
])
def test_image_that_loaders_cannot_load_is_refused(built, old, new, message):
    built.replace('arch/x86_64/boot/banos.lds.S', old, new)
    assert message in built.make(fails=True)
    assert not built.exists('build/banos.elf')
    assert message in built.make(fails=True)    # and not forgotten


def test_image_loads_in_qemu(built):
    command = ['timeout', '-s', 'KILL', '2', 'qemu-system-x86_64', '-kernel',
               built.file('build/banos.elf'), '-display', 'none', '-nic',
               'none', '-no-reboot', '-m', '16']
    done = subprocess.run(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode in (-9, 137), done.stdout    # it ran till the end


def test_compile_commands_name_every_source(built):
    built.make('compile_commands.json')
    text = built.read('build/compile_commands.json').decode()
    for name in ('kernel/main.c', 'drivers/char/second.c', 'start.S'):
        assert name in text


def test_archive_follows_the_files_it_is_made_of(built):
    built.copy('usr/Makefile')
    built.copy('usr/rootfs')
    built.write('usr/rootfs/etc/mine', 'x\n')
    built.make()
    assert b'etc/mine' in built.read('build/initramfs.cpio')
    os.remove(built.file('usr/rootfs/etc/mine'))
    built.make()
    assert b'etc/mine' not in built.read('build/initramfs.cpio')

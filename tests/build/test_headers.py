# SPDX-License-Identifier: MIT
"""The checks of the driver API's headers find what they are there for."""
import shutil
import subprocess
import sys

import pytest

from conftest import SOURCE, long

DELAY = '''/**
 * @brief Busy-wait for a short time, without sleeping.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param ns  at most 10 ms, else it counts as 10 ms; the wait is never shorter
 * @return 0
 */
BANOS_SINCE(1) int64_t banos_delay(uint64_t ns);'''

# What is done to time.h, and what has to be said.
BREAKS = {
    'no_context': (' * Context: any.\n', '', 'lacks "Context:"'),
    'no_brief': ('@brief Busy', 'Busy', 'lacks @brief'),
    'no_return': (' * @return 0\n', '', 'lacks @return'),
    'other_level': ('Since 1,', 'Since 2,', 'says since 2'),
    'no_since': ('Since 1, provided by the kernel.', '', 'does not say "Since'),
    'no_provider': (', provided by the kernel', '', 'does not say "Since'),
    'pointer_without_words': ('uint64_t ns)', 'const char *ns)',
                              'does not say which way ns goes'),
    'pointer_without_length': (
        'at most 10 ms, else it counts as 10 ms; the wait is never shorter\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(uint64_t ns)',
        'read\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(const char *ns)',
        'does not say how long ns is'),
    'pointer_in_words_for_people': (
        'at most 10 ms, else it counts as 10 ms; the wait is never shorter\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(uint64_t ns)',
        'the text is read\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(const char *ns)',
        'banos_delay(): ns does not state direction and length'),
    'length_of_no_argument': (
        'at most 10 ms, else it counts as 10 ms; the wait is never shorter\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(uint64_t ns)',
        '@p length bytes, read\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(const char *ns)',
        'banos_delay(): ns is as long as length says, which is no argument'),
    'method_without_words': (
        '/**\n * @brief Busy',
        'struct banos_bus_ops {\n\tuint32_t size, x;\n'
        '\tint64_t (*look)(void *context, const char *at);\n};\n/**\n * @brief Busy',
        'banos_bus_ops.look(): at does not state direction and length'),
    'struct_with_a_pointer_without_words': (
        '/**\n * @brief Busy',
        'struct banos_bus_ops {\n\tuint32_t size, x;\n\tconst char *at;\n};\n/**\n * @brief Busy',
        'struct banos_bus_ops: const char *at does not state direction and length'),
    'narrow': ('uint64_t ns)', 'uint8_t ns)', 'takes a uint8_t'),
    'structure': ('uint64_t ns)', 'struct x ns)', 'takes a struct x'),
    'variadic': ('uint64_t ns)', 'uint64_t ns, ...)', 'is variadic'),
    'seven': ('uint64_t ns)', ', '.join(f'uint64_t {x}' for x in 'abcdefg') +
              ')', 'six is the most'),
    'result': ('int64_t banos_delay', 'int banos_delay', 'returns int'),
    'no_level': ('BANOS_SINCE(1) int64_t banos_delay', 'int64_t banos_delay',
                 'without BANOS_SINCE()'),
    'padding': ('/**\n * @brief Busy',
                'struct banos_b {\n\tuint32_t x;\n\tuint64_t y;\n};\n'
                '/**\n * @brief Busy', 'padding'),
    'unasserted': ('/**\n * @brief Busy',
                   'struct banos_b {\n\tuint64_t x;\n\tuint64_t y;\n};\n'
                   '/**\n * @brief Busy', 'is not asserted'),
    'growing_without_size_1': (
        '/**\n * @brief Busy',
        'struct banos_b {\n\tuint32_t size, x;\n};\n'
        'BANOS_ASSERT(sizeof(struct banos_b) == 8, b);\n/**\n * @brief Busy',
        'BANOS_B_SIZE_1 is not defined'),
    'growing_without_assertion': (
        '/**\n * @brief Busy',
        'struct banos_bus_ops {\n\tuint32_t size, x;\n};\n'
        '#define BANOS_BUS_OPS_SIZE_1 8u\n/**\n * @brief Busy',
        'BANOS_BUS_OPS_SIZE_1 is not asserted of the last field of level 1'),
    'growing_with_sizeof': (
        '/**\n * @brief Busy',
        'struct banos_bus_ops {\n\tuint32_t size, x;\n};\n'
        '#define BANOS_BUS_OPS_SIZE_1 8u\n'
        'BANOS_ASSERT(sizeof(struct banos_bus_ops) == BANOS_BUS_OPS_SIZE_1, o);\n'
        '/**\n * @brief Busy',
        'sizeof(struct banos_bus_ops) is asserted, which may grow'),
    'growing_without_rule': (
        '/**\n * @brief Busy',
        'struct banos_b {\n\tuint32_t size, x;\n};\n#define BANOS_B_SIZE_1 8u\n'
        'BANOS_ASSERT(BANOS_SIZE_TO(struct banos_b, x) == BANOS_B_SIZE_1, b);\n'
        '/**\n * @brief Busy',
        'BANOS_B_SIZE_1 is in no struct_rule'),
    'bit_field': ('/**\n * @brief Busy',
                  'struct banos_b {\n\tuint32_t x : 3;\n\tuint32_t y : 29;\n};\n'
                  '/**\n * @brief Busy', 'has a bit-field'),
    'needs_another': ('uint64_t ns)', 'banos_thread ns)', 'unknown type name'),
    'c11_only': ('/**\n * @brief Busy', '_Static_assert(1, "");\n/**\n * @brief Busy',
                 '-std=c99'),
    'not_cxx': ('/**\n * @brief Busy', '#define class_ 1\nextern int class;\n'
                '/**\n * @brief Busy', '-std=c++17'),
}


# Compilers find these.
BY_COMPILERS = {'padding', 'needs_another', 'c11_only', 'not_cxx'}
INLINE_BREAKS = [
    ('io.h', ' * Since 1, in this header.\n', 'banos_mmio_read8() lacks "Since 1'),
    ('io.h', ' * Context: any.\n * @param at  8 bytes, read',
     'banos_mmio_read64() lacks "Context:"'),
    ('io.h', '1 byte, written: in', 'does not say which way at goes'),
    ('dma.h', ' * @brief Order all accesses', 'banos_dma_barrier() lacks "@brief"'),
    ('print.h', ' * Context: any.\n * The result is that of',
     'banos_print() lacks "Context:"'),
    ('print.h', ' * Since 1, in this header.\n * Context: any.\n * The result is the',
     'banos_format() lacks "Since 1'),
]


def check(folder, *headers):
    done = subprocess.run(
        [sys.executable, f'{SOURCE}/scripts/check-headers.py', '--folder',
         str(folder), *headers], stdout=subprocess.PIPE, text=True, timeout=400,
        stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


@pytest.fixture(scope='module')
def headers(tmp_path_factory):
    folder = tmp_path_factory.mktemp('include')
    shutil.copytree(f'{SOURCE}/include/banos', folder / 'banos')
    return folder


def test_what_is_broken_below_is_in_order(headers):
    """The rest of the headers is for the part "layers" of make check, which runs the script, too."""
    names = {'base.h', 'time.h', *(header for header, _, _ in INLINE_BREAKS)}
    status, output = check(headers, *(str(headers / 'banos' / x) for x in sorted(names)))
    assert status == 0 and 'not ok' not in output, output


@pytest.mark.long
def test_every_header_stands_alone_in_every_language():
    """make check asks the oldest ones."""
    status, output = check(f'{SOURCE}/include', '--every')
    assert status == 0 and 'not ok' not in output, output


@pytest.mark.parametrize('name', BREAKS)
def test_a_broken_rule_is_found(headers, name):
    old, new, said = BREAKS[name]
    path = headers / 'banos' / 'time.h'
    intact = path.read_text()
    assert DELAY in intact and old in DELAY
    path.write_text(intact.replace(DELAY, DELAY.replace(old, new)))
    try:
        status, output = check(headers, *([] if name in BY_COMPILERS else ['--read-only']), str(path))
    finally:
        path.write_text(intact)
    assert status == 1 and said in output, output


@pytest.mark.parametrize('header, without, said', INLINE_BREAKS)
def test_what_is_in_the_headers_themselves_is_described(headers, header, without,
                                                        said):
    path = headers / 'banos' / header
    intact = path.read_text()
    assert without in intact
    path.write_text(intact.replace(without, '', 1))
    try:
        status, output = check(headers, '--read-only', str(path))
    finally:
        path.write_text(intact)
    assert status == 1 and said in output, output


def exports(image, *headers):
    done = subprocess.run(
        [sys.executable, f'{SOURCE}/scripts/check-exports.py', image, *headers],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400,
        check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize('source, said', [
    ('EXPORT(banos_delay)', ''),
    ('', 'banos_delay is declared and not exported'),
    ('EXPORT(banos_delay) EXPORT(banos_other)',
     'banos_other is exported and not declared'),
    ('EXPORT(banos_delay) EXPORT(pci_read)', '')])
def test_declared_and_exported_are_the_same(tmp_path, source, said):
    header, code = tmp_path / 'a.h', tmp_path / 'a.c'
    header.write_text(DELAY + '\n')
    code.write_text('#define EXPORT(f) static const char banos_export_name_##f[] '
                    '__attribute__((used)) = #f;\n' + source + '\n')
    subprocess.run(['gcc', '-c', '-o', tmp_path / 'a.o', code], check=True)
    status, output = exports(str(tmp_path / 'a.o'), str(header))
    assert status == (1 if said else 0) and said in output, output
    if not said:
        assert not output.strip(), output


# What a driver is compiled with, apart from its sources.
DRIVER_FLAGS = ('-DBANOS_CFLAGS=1 -m64 -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone '
                '-mgeneral-regs-only -fno-stack-protector -Wall -Wextra -pedantic-errors '
                '-Werror').split()
FLAGS_CXX = '-x c++ -fno-exceptions -fno-rtti -fno-threadsafe-statics'.split()
COMPILERS = {'gcc -std=c89': [], 'gcc -std=c17': [], 'clang -std=c89': [], 'clang -std=c17': [],
             'g++ -std=c++98': FLAGS_CXX, 'g++ -std=c++20': FLAGS_CXX,
             'clang++ -std=c++11': FLAGS_CXX, 'clang++ -std=c++98': FLAGS_CXX}
IDS = '''#include <banos/driver.h>
#include <banos/pci.h>
#include <banos/print.h>
static int64_t acme_init(banos_owner self)
{
	return banos_print(self, "%s has %u", "the driver", 1u);
}
'''


def compiled(tmp_path, compiler, line):
    """@return status and what the compiler said of a driver with @p line"""
    source, binary = tmp_path / 'acme.c', tmp_path / 'acme.ko'
    source.write_text(IDS + line + '\n')
    command = compiler.split()
    if not shutil.which(command[0]):
        pytest.skip(f'{command[0]} is not installed')
    flags = ['-DBANOS_CFLAGS=1'] if command[0] == 'tcc' else \
        [*DRIVER_FLAGS, *COMPILERS.get(compiler, [])]
    done = subprocess.run([*command, *flags, f'-I{SOURCE}/include', '-c', str(source), '-o',
                           str(binary)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=400, check=False)
    return done.returncode, done.stdout


DRIVER = 'BANOS_DRIVER(acme_ids, "1", "MIT", "ids", acme_init, NULL);'
GOOD = ['BANOS_SERVES(PCI_ID(1234, 11E8));', 'BANOS_SERVES(PCI_CLASS(01, 08, 02));',
        'BANOS_SERVES(PCI_CLASS(0C, 03, *));', 'BANOS_SERVES("a:b");',
        'BANOS_SERVES("virtio:d00000004v*");', 'BANOS_SERVES("pci:v00001234d*");',
        'BANOS_SERVES("a_bus_name_that_is_as_long_as-i:*");',
        'BANOS_SERVES_DATA(PCI_ID(8086, 100E), 0x123456789);',
        f'BANOS_SERVES("a:{"b" * 245}");', 'BANOS_SERVES("a:b"); BANOS_SERVES("a:c");']
BAD = ['BANOS_SERVES(PCI_ID(12, 11E8));', 'BANOS_SERVES(PCI_ID(1234, 11e8));',
       'BANOS_SERVES(PCI_ID(12a4, 11E8));', 'BANOS_SERVES(PCI_ID(12345, 11E8));',
       'BANOS_SERVES(PCI_ID(1234, x));', 'BANOS_SERVES(PCI_ID(1234, 11E88));',
       'BANOS_SERVES(PCI_CLASS(1, 08, 02));', 'BANOS_SERVES(PCI_CLASS(01, 8, 02));',
       'BANOS_SERVES(PCI_CLASS(01, 08, 2));', 'BANOS_SERVES(PCI_CLASS(01, 08, 0a));',
       'BANOS_SERVES("anything");', 'BANOS_SERVES(":x");', 'BANOS_SERVES("*:x");',
       'BANOS_SERVES("");', f'BANOS_SERVES("{"b" * 32}:x");',
       'BANOS_SERVES_DATA(PCI_ID(1234, 11e8), 1);']
LONG = [f'BANOS_SERVES("a:{"b" * 246}");',
        f'BANOS_DRIVER(d, "{"1" * 48}", "MIT", "d", acme_init, NULL);',
        f'BANOS_DRIVER(d, "1", "{"M" * 64}", "d", acme_init, NULL);',
        f'BANOS_DRIVER(d, "1", "MIT", "{"d" * 160}", acme_init, NULL);',
        f'BANOS_DRIVER({"d" * 56}, "1", "MIT", "d", acme_init, NULL);',
        f'BANOS_DEPENDS({"d" * 56});',
        f'static uint32_t n; BANOS_PARAM_U32(n, 0, 9, "{"d" * 160}");',
        f'static char n[9]; BANOS_PARAM_TEXT(n, "{"d" * 160}");',
        f'static uint8_t {"n" * 56}; BANOS_PARAM_BOOL({"n" * 56}, "d");']
TAKEN = ['BANOS_DRIVER(usb, "1", "MIT", "d", acme_init, NULL);',
         'BANOS_DRIVER(virtio, "1", "MIT", "d", acme_init, NULL);']


@pytest.mark.parametrize('compiler', [*COMPILERS, 'tcc'])
def test_a_driver_compiles_in_every_standard(tmp_path, compiler):
    fits = f'BANOS_DRIVER({"d" * 55}, "{"1" * 47}", "{"M" * 63}", "{"d" * 159}", acme_init, NULL);'
    for driver in DRIVER, fits:
        status, output = compiled(tmp_path, compiler, '\n'.join([*GOOD, driver]))
        assert status == 0 and not output, output


# The characters of a literal are not constant in tcc, and in clang++ before C++11.
@pytest.mark.parametrize('compiler, line', [
    *[(c, x) for c in ('gcc -std=c89', 'clang++ -std=c++11') for x in BAD],
    *long(*((c, x) for c in ('clang -std=c17', 'g++ -std=c++98') for x in BAD)),
    *[('gcc -std=c89', x) for x in LONG + TAKEN],
    *long(*((c, x) for c in ('clang++ -std=c++98', 'tcc') for x in LONG + TAKEN))])
def test_a_malformed_record_does_not_compile(tmp_path, compiler, line):
    if line.startswith('BANOS_DRIVER'):
        status, output = compiled(tmp_path, compiler, line)
    else:
        status, output = compiled(tmp_path, compiler, DRIVER + '\n' + line)
    assert status != 0 and 'error' in output, output
    if line in TAKEN:
        assert 'banos_name_of_the_tree' in output, output


def test_the_tree_may_take_its_names(tmp_path):
    status, output = compiled(tmp_path, 'gcc -std=c17 -DBANOS_IN_TREE', TAKEN[0])
    assert status == 0, output


@pytest.mark.parametrize('flags, said', [
    ('gcc -mabi=ms', 'banos_calls_are_sysv_not_ms_'),
    ('g++ -x c++ -fno-exceptions -fno-rtti -mabi=ms', 'banos_calls_are_sysv_not_ms_'),
    ('gcc -D__APX_F__', '-mno-apxf'), ('gcc -D__attribute__(x)=', 'is a macro'),
    ('gcc -mx32', '-m64'), ('gcc -fhosted', '-ffreestanding')])
def test_a_wrong_flag_is_named(tmp_path, flags, said):
    source = tmp_path / 'a.c'
    source.write_text('#include <banos/base.h>\n')
    command = flags.split()
    done = subprocess.run([command[0], *DRIVER_FLAGS, *command[1:], f'-I{SOURCE}/include', '-c',
                           str(source), '-o', str(tmp_path / 'a.o')], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=400, check=False)
    assert done.returncode and said in done.stdout, done.stdout

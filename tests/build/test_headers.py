# SPDX-License-Identifier: MIT
"""The checks of the driver API's headers find what they are there for."""
import shutil
import subprocess
import sys

import pytest

from conftest import SOURCE

DELAY = '''/**
 * @brief Busy-wait for a short time, without sleeping.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param ns  at most 10 ms, else it counts as 10 ms
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
        'at most 10 ms, else it counts as 10 ms\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(uint64_t ns)',
        'read\n * @return 0\n */\n'
        'BANOS_SINCE(1) int64_t banos_delay(const char *ns)',
        'does not say how long ns is'),
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
         str(folder), *headers], stdout=subprocess.PIPE, text=True, timeout=60,
        stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


@pytest.fixture(scope='module')
def headers(tmp_path_factory):
    folder = tmp_path_factory.mktemp('include')
    shutil.copytree(f'{SOURCE}/include/banos', folder / 'banos')
    return folder


def test_the_headers_are_in_order(headers):
    status, output = check(headers)
    assert status == 0 and 'not ok' not in output, output


@pytest.mark.parametrize('name', BREAKS)
def test_a_broken_rule_is_found(headers, name):
    old, new, said = BREAKS[name]
    path = headers / 'banos' / 'time.h'
    intact = path.read_text()
    assert DELAY in intact and old in DELAY
    path.write_text(intact.replace(DELAY, DELAY.replace(old, new)))
    try:
        status, output = check(headers, str(path))
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
        status, output = check(headers, str(path))
    finally:
        path.write_text(intact)
    assert status == 1 and said in output, output


def exports(image, *headers):
    done = subprocess.run(
        [sys.executable, f'{SOURCE}/scripts/check-exports.py', image, *headers],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
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

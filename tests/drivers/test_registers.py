# SPDX-License-Identifier: MIT
"""<banos/io.h>: an access to a register is one move of its width, in program order.

src/registers.c is compiled as a driver is, by each compiler, and run against a device whose
accesses registers_host.c decodes. What a plain pointer becomes is refused there.
"""
import shutil
import subprocess

import pytest

from compiled import CXX, HERE, SOURCE
from conftest import BUILD

FLAGS = ('-DBANOS_CFLAGS=1 -ffreestanding -fno-pic -fno-pie -mno-red-zone '
         '-mgeneral-regs-only -fno-stack-protector -fcf-protection=branch '
         '-fno-omit-frame-pointer -Wall -Wextra -Werror').split()
COMPILERS = {
    'gcc': ['gcc'], 'clang': ['clang'], 'clang-16': ['clang-16'], 'clang-19': ['clang-19'],
    'gcc-c89': ['gcc', '-std=c89'], 'clang-c89': ['clang', '-std=c89'],
    'g++-98': ['g++', *CXX, '-std=c++98', '-x', 'c++'],
    'clang++': ['clang++', *CXX, '-x', 'c++'],
}
LEVELS = ['-O0', '-O1', '-O2', '-O3', '-Os']
QUICK = ('-O0', '-O2')       # make check has these
PLAIN = '''
#define banos_mmio_read8(at) (*(const volatile uint8_t *)(at))
#define banos_mmio_read32(at) (*(const volatile uint32_t *)(at))
#define banos_mmio_write32(at, value) (*(volatile uint32_t *)(at) = (value))
'''


@pytest.fixture(scope='session')
def host():
    path = f'{BUILD}/tests/registers_host.o'
    subprocess.run(['gcc', '-O1', '-fno-pie', '-Wall', '-Werror', '-c',
                    f'{HERE}/registers_host.c', '-o', path], check=True)
    return path


def run(host, folder, command, source=f'{HERE}/src/registers.c'):
    """What the accesses were, as text; and what was said against one."""
    subprocess.run([*command, f'-I{SOURCE}/include', '-c', str(source), '-o',
                    f'{folder}/registers.o'], check=True)
    subprocess.run(['gcc', '-no-pie', '-z', 'noexecstack', host, f'{folder}/registers.o', '-o',
                    f'{folder}/registers'], check=True)
    done = subprocess.run([f'{folder}/registers'], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, timeout=20, check=False)
    return done.stdout, done.stderr


def expected():
    with open(f'{HERE}/registers.txt', encoding='utf-8') as f:
        return f.read()


@pytest.mark.parametrize('level', [
    x if x in QUICK else pytest.param(x, marks=pytest.mark.long) for x in LEVELS])
@pytest.mark.parametrize('name', COMPILERS)
def test_each_access_is_one_move_in_order(host, tmp_path, name, level):
    compiler, *options = COMPILERS[name]
    if not shutil.which(compiler):
        pytest.skip(f'{compiler} is not installed')
    assert run(host, tmp_path, [compiler, *FLAGS, level, *options]) == (expected(), '')


def test_with_tcc_too(host, tmp_path):
    if not shutil.which('tcc'):
        pytest.skip('tcc is not installed')
    assert run(host, tmp_path, ['tcc', '-DBANOS_CFLAGS=0']) == (expected(), '')


def test_a_plain_pointer_is_told_apart(host, tmp_path):
    """The test would notice if the accessors were what they seem."""
    with open(f'{HERE}/src/registers.c', encoding='utf-8') as f:
        text = f.read().replace('\nstruct descriptor {', PLAIN + '\nstruct descriptor {', 1)
    source = tmp_path / 'plain.c'
    source.write_text(text)
    output, error = run(host, tmp_path, ['gcc', *FLAGS, '-O2'], source)
    assert 'no move' in error and output != expected()

# SPDX-License-Identifier: MIT
"""Programs of tests/user: what only a program can ask of a kernel.

Each prints TAP. They say the same on Linux (TEST_KERNEL=...), and are tried
with both C libraries, since those use different system calls for one thing.
"""
import os
import re

import pytest

import machine as machines
from conftest import USER_PROGRAMS, repeats

NAMES = sorted(x[:-2] for x in os.listdir(USER_PROGRAMS) if x.endswith('.c'))
# What the libraries do in ways of their own; the others ask the same of the kernel with each: make check has
# them with one of the two, and make check-long with the other.
BOTH = {'process', 'signals', 'threads'}


@pytest.fixture
def programs_shell(shared, programs, request):
    """A shell on a machine that has all programs in /programs."""
    def files():
        made = {}
        for name, path in programs.items():
            with open(path, 'rb') as f:
                made[f'programs/{name}'] = f.read()
        return made
    shared.files = files
    shell = request.getfixturevalue('shell')
    shell.run('ifconfig lo 127.0.0.1 up')
    return shell


def check_program(shell, name, library):
    if name == 'streams' and not os.path.exists(os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')):
        pytest.skip('built without lwIP')
    suffix = '' if library == 'musl' else '.glibc'
    output, status = shell.run(f'/programs/{name}{suffix}', 120)
    plan = re.search(r'^1\.\.(\d+)$', output, re.M)
    passed = re.findall(r'^ok \d+ - ', output, re.M)
    assert status == 0 and plan and len(passed) == int(plan[1]), '\n'.join(
        line for line in output.splitlines() if not line.startswith('ok '))


def with_libraries():
    for name in NAMES:
        yield name, 'musl'
        yield from [(name, 'glibc')] if name in BOTH else repeats((name, 'glibc'))


@pytest.mark.parametrize('name, library', with_libraries())
def test_program(programs_shell, name, library):
    check_program(programs_shell, name, library)


@pytest.mark.banos
def test_unknown_calls_are_logged_once_a_program(programs_shell):
    shell = programs_shell
    shell.check('dmesg -c >/dev/null; cp /programs/width wide1; '
                'cp /programs/width wide2; for p in wide1 wide2 wide1; do '
                './$p 0x40000027 511 0x4200f 700; done')
    log = shell.check('dmesg')
    for name in ('wide1', 'wide2'):
        for number in (0x40000027, 511, 0x4200f, 700):
            assert len(re.findall(rf'{name} \(\d+\): system call '
                                  rf'{number} is not implemented\n', log)) == 1, log


@pytest.mark.banos
def test_calls_of_32_bit_programs_are_explained_once(programs_shell):
    shell = programs_shell
    shell.check('dmesg -c >/dev/null; cp /programs/entries old; '
                'for i in 1 2; do ./old int80; test $? = 139 || exit 1; done')
    log = shell.check('dmesg')
    assert len(re.findall(r'old \(\d+\): int \$0x80 is the system call of '
                          '32-bit programs, which this kernel cannot run', log)) == 1

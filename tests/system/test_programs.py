# SPDX-License-Identifier: MIT
"""Programs of tests/user: what only a program can ask of a kernel.

Each prints TAP. They say the same on Linux (TEST_KERNEL=...), and are tried
with both C libraries, since those use different system calls for one thing.
"""
import os
import re

import pytest

from conftest import USER_PROGRAMS

NAMES = sorted(x[:-2] for x in os.listdir(USER_PROGRAMS) if x.endswith('.c'))


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
    return request.getfixturevalue('shell')


def check_program(shell, name, library):
    suffix = '' if library == 'musl' else '.glibc'
    output, status = shell.run(f'/programs/{name}{suffix}', 120)
    plan = re.search(r'^1\.\.(\d+)$', output, re.M)
    passed = re.findall(r'^ok \d+ - ', output, re.M)
    assert status == 0 and plan and len(passed) == int(plan[1]), '\n'.join(
        line for line in output.splitlines() if not line.startswith('ok '))


@pytest.mark.parametrize('library', ['musl', 'glibc'])
@pytest.mark.parametrize('name', NAMES)
def test_program(programs_shell, name, library):
    check_program(programs_shell, name, library)

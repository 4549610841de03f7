# SPDX-License-Identifier: MIT
"""Programs of tests/user: what only a program can ask of a kernel.

Each prints TAP. They say the same on Linux (TEST_KERNEL=...), and are tried
with both C libraries, since those use different system calls for one thing.
"""
import re

import pytest

NAMES = ['process', 'signals', 'threads', 'timers']


@pytest.mark.parametrize('library', ['musl', 'glibc'])
@pytest.mark.parametrize('name', NAMES)
def test_program(start, programs, name, library):
    suffix = '' if library == 'musl' else '.glibc'
    with open(programs[name + suffix], 'rb') as f:
        m = start(files={f'bin/check-{name}': f.read()}).boot()
    output, status = m.run(f'check-{name}', 120)
    plan = re.search(r'^1\.\.(\d+)$', output, re.M)
    passed = re.findall(r'^ok \d+ - ', output, re.M)
    assert status == 0 and plan and len(passed) == int(plan[1]), '\n'.join(
        line for line in output.splitlines() if not line.startswith('ok '))

# SPDX-License-Identifier: MIT
"""The programs of tests/user once more: on four processors, and with all that
the debug configuration checks."""
import pytest

from machine import DEBUG_KERNEL
from test_programs import NAMES, check_program, programs_shell  # noqa: F401

pytestmark = pytest.mark.banos
CPUS = 4
MACHINE = {'cpus': CPUS, 'kernel': DEBUG_KERNEL, 'append': 'quiet'}


def busy_ticks(shell):
    """{processor: what it has worked so far}"""
    return {x.split()[0]: sum(map(int, x.split()[1:4]))
            for x in shell.lines('grep "^cpu[0-9]" /proc/stat')}


# They keep four processors busy for long: make check has them on the usual kernel.
LONG = ('addresses', 'forks', 'limits', 'memory', 'pipes', 'reaps', 'spaces', 'threads', 'timers', 'umounts')


# The kernel is looked at here, not the libraries: test_programs.py has both.
@pytest.mark.parametrize('library', ['musl', pytest.param(
    'glibc', marks=pytest.mark.long)])
@pytest.mark.parametrize('name', [pytest.param(x, marks=[pytest.mark.long] * (x in LONG)) for x in NAMES])
def test_program(programs_shell, name, library):    # noqa: F811
    check_program(programs_shell, name, library)


def test_every_processor_took_part(programs_shell):     # noqa: F811
    before = busy_ticks(programs_shell)
    programs_shell.check('for i in 1 2 3 4 5 6 7 8; do '
                         'timeout 1 sh -c "while :; do :; done" & done; wait')
    after = busy_ticks(programs_shell)
    assert len(after) == CPUS
    for cpu, ticks in after.items():
        assert ticks > before[cpu], (before, after)

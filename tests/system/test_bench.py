# SPDX-License-Identifier: MIT
"""What "make bench" measures can be measured, and stays within bounds."""
import os
import sys

import pytest

import machine

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'bench'))
import measure  # noqa: E402

pytestmark = pytest.mark.banos

# Guest instructions an operation, and locked ones among them, at most. The
# figures are the same on every run; a change that needs more has a reason.
LIMITS = {
    'null_syscall': (100, 0),
    'read_zero_1': (400, 0),
    'poll_8': (1100, 0),
    'futex_wake_none': (120, 1),
    'ctxsw_futex_thread': (800, 8),
    'fault_anon_page': (1000, 0.1),
    'fault_cow_page': (1500, 1.2),
    'mmap_munmap_4k': (1600, 4.1),
    'fork_exit_wait': (40000, 300),
    'fork_exec_musl_wait': (80000, 600),
    'driver_install': (20000, 40),
    'driver_remove': (50000, 60),
    'driver_install_1000': (300000, 60),
    # Beside many of the same as beside few.
    'api_alloc_10': (260, 2.1),
    'api_alloc_4000': (260, 2.1),
    'api_mutex_init_10': (240, 3.1),
    'api_mutex_init_10000': (240, 3.1),
    'api_wait_init_10000': (1000, 11),
    'api_mutex': (40, 2.1),
    'api_spin': (45, 1.1),
    # In a large directory as in a small one.
    'readdir_100': (70, 0.5),
    'readdir_10000': (60, 0.1),
}


@pytest.fixture(scope='module')
def bench():
    return measure.Bench(machine.BUILD)


def test_every_row_can_be_measured(bench, start):
    m = start(files=bench.files).boot()
    names = [line.split()[0] for line in m.lines('/bench/bench --list')]
    rows = [line.split() for line in m.lines('/bench/bench', 60)]
    assert [row[1] for row in rows] == names
    assert not [row for row in rows if row[2] == 'failed']


def test_instructions_stay_within_bounds(bench):
    rows = bench.rows(LIMITS)
    assert set(rows) == set(LIMITS) and None not in rows.values()
    for name, row in rows.items():
        instructions, locked = LIMITS[name]
        figures = row.figures()
        assert figures['instructions'] <= instructions, name
        assert figures.get('locked', 0) <= locked, name


@pytest.mark.long
@pytest.mark.parametrize('row', measure.INDEPENDENT)
def test_independent_work_shares_no_cache_lines(bench, row):
    if not bench.has_plugin:
        pytest.skip('this QEMU takes no plugins')
    done, lines = bench.shared(row)
    moves = sum(min(writes, others) for writes, others, *_ in lines)
    assert done and moves / done < 0.05, lines

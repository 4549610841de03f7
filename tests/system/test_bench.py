# SPDX-License-Identifier: MIT
"""What "make bench" measures can be measured, and stays within bounds."""
import collections
import ctypes
import os
import re
import subprocess
import sys

import pytest

import machine

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'bench'))
import measure  # noqa: E402
import report  # noqa: E402
import wall  # noqa: E402

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
    'fault_cow_page': (1500, 2.2),  # with the count that fork() left to it
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


def check_rows(bench, start, groups):
    m = start(files=bench.files, memory=measure.ROWS_MIB).boot()
    names = [row for row, group in bench.groups().items() if group in groups]
    rows = [line.split() for line in m.lines(f'/bench/bench --once {" ".join(groups)}', 120)]
    assert [row[1] for row in rows] == names
    assert not [row for row in rows if row[2] == 'failed']


@pytest.mark.long
def test_every_row_can_be_measured(bench, start):
    check_rows(bench, start, ['kernel', 'files', 'scheduling', 'drivers'])


@pytest.mark.long
def test_rows_beside_many_others_can_be_measured(bench, start):
    check_rows(bench, start, ['programs', 'growth'])


def test_instructions_stay_within_bounds(bench):
    rows = bench.rows(LIMITS)
    assert set(rows) == set(LIMITS) and None not in rows.values()
    for name, row in rows.items():
        instructions, locked = LIMITS[name]
        figures = row.figures()
        assert figures['instructions'] <= instructions, name
        assert figures.get('locked', 0) <= locked, name


# Some that leave much to be done later: memory, processes, names, mappings.
UNORDERED = ('null_syscall', 'file_create_unlink', 'fork_exit_wait', 'thread_create_join',
             'mmap_touch_munmap_4k', 'fs_replace', 'pipe_pingpong')


def test_rows_do_not_depend_on_their_order(bench):
    there = bench.rows(UNORDERED)
    back = bench.rows(UNORDERED[::-1])
    assert list(there) == list(back)[::-1] == list(UNORDERED)
    for name, row in there.items():
        here, other = row.figures(), back[name].figures()
        for what, figure in here.items():
            assert abs(figure - other[what]) <= 0.02 * figure + 0.02, (name, what)


@pytest.mark.long
def test_no_row_depends_on_its_order_or_the_seed(bench, capsys):
    report.print_spread({seed: bench.rows(seed=seed) for seed in (1, 2)})
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.split()[:1] not in ([], ['What'])] == []


def test_what_differs_with_the_seed_is_told(capsys):
    runs = {seed: {'same': measure.Row(100, 1000 + seed, 0),
                   'other': measure.Row(100, 1000 + 30 * seed, 1),
                   'gone': measure.Row(1, 1, 2) if seed == 1 else None} for seed in (1, 2)}
    report.print_spread(runs)
    told = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert told == ['other', 'gone']


def test_wall_time_is_measured_and_compared(bench, capsys):
    times = wall.measure(bench, ['null_syscall', 'stat'], 1)
    assert [len(times[x]) for x in ('null_syscall', 'stat')] == [wall.TIMES] * 2
    twice = {row: [2 * x for x in ticks] for row, ticks in times.items()}
    groups = {'null_syscall': 'kernel', 'stat': 'kernel'}
    assert wall.print_table(times, twice, groups, 1) == []
    assert wall.print_table(twice, times, groups, 1) == ['null_syscall', 'stat']
    assert '2.000 of Linux, 2 rows' in capsys.readouterr().out


def test_what_costs_more_is_counted(bench):
    if not bench.has_plugin:
        pytest.skip('this QEMU takes no plugins')
    rows = bench.rows(['nanosleep_100us', 'pipe_pingpong', 'mprotect_4k', 'null_syscall'])
    sleep, switch, protect, nothing = (row.figures() for row in rows.values())
    # The timer is programmed and its interrupt taken and acknowledged.
    assert 1 <= sleep['interrupts'] < 1.1 and 2 <= sleep['devices'] < 5
    # There and back; without PCIDs each load flushes.
    assert 2 <= switch['cr3'] <= switch['tlb'] < 2.1
    assert 0.4 < protect['tlb'] < 1.1 and not protect['cr3']
    assert not any(nothing[what] for what in nothing if what != 'instructions')


def test_instructions_are_known_by_their_bytes(tmp_path):
    """As the disassembler reads the kernel."""
    library = f'{tmp_path}/decode.so'
    subprocess.run(['gcc', '-shared', '-fPIC', '-O2', '-o', library,
                    f'{measure.HERE}/decode.c'], check=True)
    decode = ctypes.CDLL(library).insn_kinds
    image = os.path.join(machine.BUILD, 'banos.elf')
    listing = subprocess.run(['objdump', '-d', '--insn-width=16', image], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    seen = collections.Counter()
    for line in listing.splitlines():
        parts = line.split('\t')
        if len(parts) < 3 or '.byte' in parts[2] or '(bad)' in parts[2]:
            continue
        code = bytes.fromhex(parts[1])
        kinds, expected = decode(code, len(code)), kinds_of_text(parts[2])
        assert kinds == expected, line
        seen[kinds] += 1
    assert {0, 0x01, 0x02, 0x10, 0x18} <= set(seen), seen


def kinds_of_text(text):
    """INSN_* of decode.h, of an instruction that objdump disassembled."""
    text = re.sub(r'^((cs|ds|es|ss|fs|gs|data16|notrack|rex\S*) )+', '', text.split('#')[0]).strip()
    if text.startswith('lock ') or text == 'mfence' or re.match(r'xchg\w* .*\(', text) or \
            re.match(r'xchg\w* .*%[fg]s:', text):
        return 0x01
    if re.match(r'(rep )?(ins|outs)[bwl]? ', text):
        return 0x04
    if re.match(r'(in|out)[bwl]? ', text):
        return 0x02
    if re.match(r'mov +%\w+,%cr3', text):
        return 0x18
    if re.match(r'mov +%\w+,%cr4|invlpg|invpcid', text):
        return 0x10
    return 0


@pytest.mark.long
@pytest.mark.parametrize('row', measure.INDEPENDENT)
def test_independent_work_shares_no_cache_lines(bench, row):
    if not bench.has_plugin:
        pytest.skip('this QEMU takes no plugins')
    for shared in bench.shared([row]):
        assert shared.operations and shared.total() < 0.05, shared.moves()

# SPDX-License-Identifier: MIT
"""Schedulers from drivers: chosen and changed under load, refused, put out, removed. schedule.c is the load."""
import os

import pytest

import archive
import machine as machines
from conftest import compile_to
from driver_source import SOURCE, compiled

pytestmark = pytest.mark.banos
DRIVERS = '/lib/banos/drivers'
SETTING = '/proc/sys/kernel/scheduler'
MACHINE = {'append': 'quiet', 'cpus': 4, 'memory': 256}


@pytest.fixture(scope='session')
def liar():
    with open(f'{SOURCE}/tests/system/drivers/sched_liar.c', encoding='utf-8') as f:
        return compiled(f.read(), f'{machines.BUILD}/include/drafts')


@pytest.fixture(scope='session')
def load():
    out = os.path.join(machines.BUILD, 'tests', 'schedule')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    compile_to(out, ['musl-gcc', '-std=gnu11', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror', '-pthread',
                     '-Wno-unused-parameter', '-Wno-unused-result', f'{SOURCE}/tests/system/schedule.c'])
    return out


@pytest.fixture
def m(shared, load, liar):
    def files():
        with open(load, 'rb') as f:
            return {'schedule': archive.file('schedule', f.read(), 0o755),
                    'liar.ko': archive.file('liar.ko', liar)}
    shared.files = files
    machine = shared.get()
    machine.check('dmesg -c >/dev/null')
    yield machine
    machine.run(f'echo builtin >{SETTING}; rmmod liar lottery round_robin priority 2>/dev/null')


def schedulers(m):
    """Name, driver, state, threads, refused, mistaken."""
    lines = m.lines('cat /proc/banos/schedulers')
    return {x.split()[0]: [int(y) if y.isdigit() else y for y in x.split()[1:]] for x in lines[1:]}


def test_schedulers_are_chosen_and_go(m):
    assert m.check(f'cat {SETTING}') == '[builtin]\n'
    m.check(f'insmod {DRIVERS}/sched/round_robin.ko && insmod {DRIVERS}/samples/lottery.ko')
    assert m.check(f'cat {SETTING}') == '[builtin] round_robin lottery\n'
    m.check(f'echo lottery >{SETTING}')
    assert m.check(f'cat {SETTING}') == 'builtin round_robin [lottery]\n'
    assert m.run(f'echo bogus >{SETTING}')[1]
    assert m.run(f'insmod --allow-duplicate {DRIVERS}/samples/lottery.ko')[1]
    rows = schedulers(m)
    assert rows['lottery'][1] == 'active' and rows['lottery'][2] > 5
    assert rows['round_robin'][1:3] == ['ready', 0]
    m.check('rmmod lottery')
    assert m.check(f'cat {SETTING}') == '[builtin] round_robin\n'
    m.check('rmmod round_robin')
    assert m.check('dmesg | grep -c "not released\\|put out\\|refused" || true') == '0\n'


@pytest.mark.parametrize('names', ['round_robin', 'lottery', 'priority',
                                   'builtin round_robin lottery priority'])
def test_nobody_is_lost_or_starves(m, names):
    m.check('for name in sched/round_robin sched/priority samples/lottery; do '
            f'insmod {DRIVERS}/$name.ko; done')
    out = m.check(f'/schedule 4 {SETTING} {names}', 60)
    assert 'ok 1' in out, out
    m.check(f'echo builtin >{SETTING}')
    for name, row in schedulers(m).items():
        assert row[1:] == ['ready', 0, 0, 0], (name, row)
    m.check('for name in lottery round_robin priority; do rmmod $name; done')
    assert m.check('dmesg | grep -c "put out\\|refused" || true') == '0\n'


LIES = ('honest', 'nonsense', 'never', 'elsewhere', 'gone', 'starves', 'calls', 'places', 'refuses', 'flags')


@pytest.mark.parametrize('lie', LIES)
def test_a_lying_scheduler_is_contained(m, lie):
    m.check(f'insmod /liar.ko lie={LIES.index(lie)}')
    chosen = m.run(f'echo liar >{SETTING}')[1] == 0
    assert chosen == (lie != 'refuses')
    out = m.check(f'/schedule {4 if lie == "starves" else 2} {SETTING}', 60)
    assert 'ok 1' in out, out
    threads, refused, mistaken = schedulers(m)['liar'][2:]
    state = schedulers(m)['liar'][1]
    assert (refused > 0) == (lie in ('nonsense', 'never', 'elsewhere', 'gone', 'places')), (refused, lie)
    assert (mistaken > 0) == (lie in ('calls', 'flags'))
    if lie == 'starves':
        assert state == 'put_out'
        line = m.check('dmesg | grep "put out"')
        assert 'liar (driver liar) is put out' in line and 'waited' in line and 'on cpu' in line
        assert m.run(f'echo liar >{SETTING}')[1]
    elif lie in ('honest', 'calls', 'places', 'flags'):
        assert state == 'active' and threads > 5
    m.check('rmmod liar')
    assert m.check(f'cat {SETTING}') == '[builtin]\n'
    assert m.check('dmesg | grep -c "not detached\\|foreign cookie" || true') == '0\n'

# SPDX-License-Identifier: MIT
"""The clocks: which one is chosen, whether it is right, what it costs.

tests/user/processors.c looks at it from several processors.
"""
import re
import time

import pytest

pytestmark = pytest.mark.banos
LONG = pytest.mark.long


def chosen(m):
    """What the kernel says: clock, TSC rate in MHz, measured by what."""
    log = m.check('dmesg')
    found = re.search(r'clock: (\w+); tsc (\d+\.\d+) MHz, apic timer '
                      r'(\d+\.\d+) MHz, by (\w+)', log)
    assert found, log
    return found[1], float(found[2]), float(found[3]), found[4]


def uptime(m):
    return float(m.check('cat /proc/uptime').split()[0])


@pytest.mark.parametrize('option, clock, by', [
    ('clocksource=hpet', 'hpet', 'hpet'),
    pytest.param('clocksource=acpi_pm', 'acpi_pm', 'acpi_pm', marks=LONG),
    pytest.param('clocksource=pit', 'pit', 'pit', marks=LONG),
    pytest.param('clocksource=tsc', 'tsc', 'hpet', marks=LONG),
    pytest.param('nohpet', 'tsc', 'acpi_pm', marks=LONG),
    pytest.param('noacpi', 'tsc', 'pit', marks=LONG),
    pytest.param('nolapic', 'tsc', 'hpet', marks=LONG),
    ('nolapic clocksource=pit', 'pit', 'pit')])
def test_each_clock_keeps_time(start, programs, option, clock, by):
    with open(programs['processors'], 'rb') as f:
        m = start(append=option, cpus=2, files={'processors': f.read()})
    m.boot()
    name, tsc, apic, reference = chosen(m)
    assert (name, reference) == (clock, by)
    # QEMU's APIC timer counts nanoseconds. A host with other things to do
    # spoils a short look, but not by much.
    assert ('nolapic' in option) == (apic == 0)
    assert apic == 0 or 990 < apic < 1010
    host, guest = time.monotonic(), uptime(m)
    m.check('sleep 1')
    took = uptime(m) - guest
    host = time.monotonic() - host
    assert 1 <= took <= host + 0.05
    out = m.check('/processors ' + ('' if clock == 'tsc' else 'not-vdso'), 120)
    assert 'not ok' not in out and '\n1..' in out


@pytest.mark.parametrize('base', [
    pytest.param('2031-02-03T04:05:06', marks=LONG), '2028-02-29T12:00:00',
    pytest.param('1999-12-31T10:59:00', marks=LONG),
    pytest.param('2069-12-31T10:00:00', marks=LONG)])
def test_wall_clock_comes_from_the_rtc(start, base):
    m = start(qemu=['-rtc', f'base={base}']).boot()
    seconds = int(m.check('date -u +%s')) - int(
        m.check(f'date -u -d {base.replace("T", " ").join(chr(34) * 2)} +%s'))
    assert 0 <= seconds < 20
    assert m.check('date -u +%Y-%m-%d') == base[:10] + '\n'


def test_an_unknown_clock_is_told_and_changes_nothing(start):
    m = start(append='clocksource=sundial').boot()
    assert chosen(m)[0] == 'tsc'
    assert 'clocksource=sundial is unknown' in m.check('dmesg')


def test_a_machine_without_any_timer_is_told(start):
    """The counters that a clock is measured by: none is there."""
    m = start(machine='pc,pit=off,hpet=off', initrd=b'',
              append='noacpi qemu_exit',
              qemu=['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'])
    assert m.wait_end(60) == 2 * 0x31 + 1
    assert re.search('cannot start: no timer counts: pit', m.before)


def interrupts(m, kind):
    for line in m.lines('cat /proc/interrupts'):
        words = line.split()
        if words[0] == kind:
            return [int(x) for x in words[1:] if x.isdigit()]
    raise AssertionError(f'no {kind} in /proc/interrupts')


def test_idle_processors_take_no_ticks(start):
    m = start(cpus=2).boot()
    m.check('sleep 1')
    before = interrupts(m, 'LOC:')
    m.check('sleep 3')
    taken = [b - a for a, b in zip(before, interrupts(m, 'LOC:'))]
    # A tick every 4 ms would be 750.
    assert len(taken) == 2 and max(taken) < 60, taken


def test_busy_processor_ticks(start):
    """So that the test above means something."""
    m = start().boot()
    before = interrupts(m, 'LOC:')[0]
    m.check('i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done', 60)
    assert interrupts(m, 'LOC:')[0] - before > 10


@pytest.mark.parametrize('option', ['', 'clocksource=hpet'])
def test_the_clock_is_steered(start, programs, option):
    with open(programs['adjtimex'], 'rb') as f:
        m = start(append=f'quiet {option}', cpus=4, files={'adjtimex': f.read()}).boot()
    out = m.check('/adjtimex', 120)
    assert 'not ok' not in out and '\n1..' in out, out


def test_busybox_steers_the_clock(start):
    m = start(append='quiet').boot()
    assert 'UNSYNC' in m.check('adjtimex -q -f 655360 -t 10001; adjtimex')
    state = m.check('adjtimex')
    assert re.search(r'freq.*: +655360', state) and re.search(r'tick: +10001', state), state
    assert m.run('adjtimex -q -t 12000')[1] == 1

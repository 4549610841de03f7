# SPDX-License-Identifier: MIT
"""The ends of a machine, and the ways that are left where ACPI is not.

Under UEFI: test_screen.py.
"""
import time

import pytest

from conftest import repeats

LONG = pytest.mark.long
pytestmark = pytest.mark.banos


@pytest.mark.parametrize('machine, cpus', [
    ('pc', 4), *repeats(('q35', 1)), pytest.param('q35', 4, marks=LONG),
    pytest.param('pc', 64, marks=LONG)])
@pytest.mark.parametrize('how', ['poweroff', 'reboot'])
def test_end_of_qemu(start, machine, cpus, how):
    m = start(machine=machine, cpus=cpus).boot()
    m.sendline(how)
    assert m.wait_end() == 0


@pytest.mark.parametrize('machine, cpus', [
    ('pc', 4), pytest.param('q35', 1, marks=LONG)])
def test_halt_stops_all_processors_and_stays(start, machine, cpus):
    m = start(machine=machine, cpus=cpus, monitor=True).boot()
    # Without -f init ends all programs first; an idle processor halts anyway.
    last = 1 << cpus - 1
    m.sendline(f'taskset {last:x} sh -c "echo busy; while :; do :; done" & '
               'sleep 1; halt -f')
    m.expect('power: halted', 20)
    assert 'busy' in m.before
    states = m.monitor.command('query-cpus-fast')
    assert len(states) == cpus
    for _ in range(100):
        text = m.monitor.command('human-monitor-command',
                                 **{'command-line': 'info registers -a'})
        if text.count('HLT=1') == cpus:
            break
        time.sleep(0.1)
    assert text.count('HLT=1') == cpus
    assert m.child.isalive()


@pytest.mark.parametrize('machine', ['pc', pytest.param('q35', marks=LONG)])
def test_poweroff_without_acpi(start, machine):
    m = start(machine=machine, append='noacpi').boot()
    m.sendline('poweroff')
    assert m.wait_end() == 0


def test_a_machine_that_cannot_switch_itself_off_says_so(start):
    """There are neither tables nor registers, and the log's lock may be held."""
    m = start(machine='pc,acpi=off', append='quiet').boot()
    assert 'acpi: no ACPI tables' in m.check('dmesg')
    m.sendline('poweroff')
    m.expect('switch it off by hand', 20)
    assert m.child.isalive()


@pytest.mark.parametrize('machine', [pytest.param('pc', marks=LONG), 'q35'])
@pytest.mark.parametrize('way', [
    'acpi', pytest.param('kbd', marks=LONG), pytest.param('pci', marks=LONG),
    'triple'])
def test_each_way_to_reset(start, machine, way):
    m = start(machine=machine, cpus=2, append=f'reboot={way}').boot()
    m.sendline('reboot')
    if way == 'acpi' and machine == 'pc':
        # That machine's FADT has no reset register; nothing else is tried.
        time.sleep(3)
        assert m.child.isalive()
    else:
        assert m.wait_end() == 0


@LONG
def test_reboot_really_starts_anew(start):
    """Without QEMU's -no-reboot, which the other tests use."""
    m = start(qemu=['-action', 'reboot=reset']).boot()
    m.sendline('reboot')
    m.expect('Banos 6', 30)
    m.boot()
    assert float(m.check('cat /proc/uptime').split()[0]) < 30


def press(m):
    m.check('exec 7</dev/tty1')         # the keyboard serves who reads it
    m.monitor.press('ctrl', 'alt', 'delete')


def test_ctrl_alt_del_is_inits_where_it_asked_for_that(start):
    """BusyBox's init does: reboot(RB_DISABLE_CAD)."""
    m = start(monitor=True).boot()
    assert m.check('cat /proc/sys/kernel/ctrl-alt-del') == '0\n'
    press(m)
    m.expect('going down', 20)
    assert m.wait_end() == 0


def test_ctrl_alt_del_restarts_at_once_where_it_is_on(start):
    m = start(monitor=True).boot()
    m.check('echo 1 >/proc/sys/kernel/ctrl-alt-del')
    press(m)
    assert m.wait_end() == 0
    assert 'restarting: Ctrl-Alt-Del' in m.before
    assert 'going down' not in m.before

# SPDX-License-Identifier: MIT
"""The ways into the kernel on other processors than the usual one, and
interrupts that nothing keeps off."""
import re
import time

import pytest

from conftest import repeats


# Without SMAP a processor looks up descriptors in user memory, too; the
# smallest has few of the features that change an entry.
@pytest.mark.parametrize('cpu, cpus', [
    ('max,-smap,-smep', 2), *repeats(('qemu64', 1)),
    pytest.param('max,-smap,-smep', 4, marks=pytest.mark.long)])
def test_entries_on_other_processors(start, programs, cpu, cpus):
    with open(programs['entries'], 'rb') as f:
        m = start(cpu=cpu, cpus=cpus, files={'entries': f.read()})
    m.boot()
    out = m.check('/entries', 60)
    assert 'not ok' not in out and re.search(r'^1\.\.\d+$', out, re.M), out


BUSY = {
    'idle': 'sleep 1.5',
    'program': 'timeout 1.5 sh -c "while :; do :; done"',
    'kernel': 'timeout 1.5 sh -c "while :; do cat /proc/stat; : | :; done" '
              '>/dev/null',
    # Each message holds the log's lock, where an NMI may not print.
    'log': 'timeout 1.5 sh -c "while :; do echo noise >/dev/kmsg; done"',
}


@pytest.mark.banos
@pytest.mark.parametrize('cpus', [*repeats(1), 2])
def test_external_nmis_are_logged_and_harmless(start, cpus):
    m = start(cpus=cpus, monitor=True, append='quiet')
    m.boot()
    m.check('dmesg -n 1')
    for kind, command in BUSY.items():
        m.sendline(command)
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            m.monitor.nmi()
        m.expect(m.prompt)
        if kind == 'log':       # which has pushed everything else out
            continue
        log = m.check('dmesg -c | grep "nmi:"')
        assert re.search(r'nmi: non-maskable interrupt on cpu \d+, reason \w+ '
                         r'\(unknown\): continuing', log)
        # A line a second, however many there were.
        assert len(log.splitlines()) < 6, log

EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
BOOT_STOP_STATUS = 2 * 0x31 + 1
MISSING = {
    'lm': '64-bit mode', 'fpu': 'floating-point unit (FPU)',
    'tsc': 'time-stamp counter (TSC)',
    'msr': 'model-specific registers (MSR)',
    'pae': 'physical address extension (PAE)',
    'cx8': 'CMPXCHG8B instruction (CX8)',
    'cmov': 'conditional moves (CMOV)', 'fxsr': 'FXSAVE instruction (FXSR)',
    'sse': 'SSE', 'sse2': 'SSE2', 'syscall': 'SYSCALL instruction',
}


@pytest.mark.banos
@pytest.mark.parametrize('feature', MISSING)
def test_a_processor_without_what_is_needed_is_told(start, feature):
    # A word with a value is taken alike before and after the first C code.
    value = '=1' if feature in ('cmov', 'syscall') else ''
    m = start(cpu=f'max,-{feature}', qemu=EXIT, initrd=b'',
              append='notqemu_exit qemu_exit' + value)
    assert m.wait_end() == BOOT_STOP_STATUS
    said = [x for x in m.before.splitlines() if 'cannot start' in x]
    assert len(said) == 1
    assert said[0].endswith('banos: cannot start: this processor has no '
                            + MISSING[feature]), said


@pytest.mark.banos
def test_an_old_processor_is_told_and_stays_without_qemu_exit(start):
    m = start(cpu='486', qemu=EXIT, initrd=b'', append='qemu_exits xqemu_exit')
    m.expect('cannot start: this processor has no 64-bit mode\r\n')
    with pytest.raises(AssertionError):
        m.wait_end(1)


@pytest.mark.banos
@pytest.mark.long
@pytest.mark.parametrize('feature', [
    'nx', 'apic', *repeats('pge', 'pat', 'mce', 'pse', 'sep', 'xsave', 'rdtscp')])
def test_a_processor_without_what_is_not_needed_boots(start, feature):
    m = start(cpu=f'max,-{feature}')
    m.boot()
    assert m.check('echo alive') == 'alive\n'

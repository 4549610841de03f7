# SPDX-License-Identifier: MIT
"""The ways into the kernel on other processors than the usual one, and
interrupts that nothing keeps off."""
import re
import time

import pytest


# Without SMAP a processor looks up descriptors in user memory, too; the
# smallest has few of the features that change an entry.
@pytest.mark.parametrize('cpu, cpus', [('max,-smap,-smep', 4), ('qemu64', 1)])
def test_entries_on_other_processors(start, programs, cpu, cpus):
    with open(programs['entries'], 'rb') as f:
        m = start(cpu=cpu, cpus=cpus, files={'entries': f.read()})
    m.boot()
    out = m.check('/entries', 60)
    assert 'not ok' not in out and re.search(r'^1\.\.\d+$', out, re.M), out


BUSY = {
    'idle': 'sleep 2',
    'program': 'timeout 2 sh -c "while :; do :; done"',
    'kernel': 'timeout 2 sh -c "while :; do cat /proc/stat; : | :; done" '
              '>/dev/null',
    # Each message holds the log's lock, where an NMI may not print.
    'log': 'timeout 2 sh -c "while :; do echo noise >/dev/kmsg; done"',
}


@pytest.mark.banos
@pytest.mark.parametrize('cpus', [1, 2])
def test_external_nmis_are_logged_and_harmless(start, cpus):
    m = start(cpus=cpus, monitor=True, append='quiet')
    m.boot()
    m.check('dmesg -n 1')
    for kind, command in BUSY.items():
        m.sendline(command)
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            m.monitor.nmi()
        m.expect(m.prompt)
        if kind == 'log':       # which has pushed everything else out
            continue
        log = m.check('dmesg -c | grep "nmi:"')
        assert re.search(r'nmi: non-maskable interrupt on cpu \d+, reason \w+ '
                         r'\(unknown\); going on', log)
        # A line a second, however many there were.
        assert len(log.splitlines()) < 6, log

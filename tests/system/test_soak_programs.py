# SPDX-License-Identifier: MIT
"""Everything at once, on four processors, with the debug kernel."""
import re

import pytest

import machine as machines
from conftest import debug_program

pytestmark = pytest.mark.banos


@pytest.mark.long
def test_a_minute_of_everything_finds_nothing(start):
    files = {'bin/soak': debug_program('soak')}
    m = start(kernel=machines.DEBUG_KERNEL, cpus=4, files=files,
              limit_s=400).boot()
    m.check('dmesg -n1; soak 3 4', 60)
    before = int(m.check('cat /proc/kmemleak').split(' objects')[0])
    m.check('(while [ ! -e /tmp/over ]; do modprobe hello; rmmod hello; done '
            '>/dev/null 2>&1 &)')
    report = m.check('soak 60 4', 180)
    # The program fails unless each kind ran on each processor.
    assert len(re.findall(r'rounds, processors f\n', report)) == 8, report
    m.check('touch /tmp/over; sleep 1')
    last = m.lines('cat /proc/kmemleak')[-1]
    assert last.endswith(' 0 (0 bytes) of them leaked'), last
    assert int(last.split(' objects')[0]) < before + 300, (before, last)
    log = m.check('dmesg')
    assert not re.search(r'warning|BUG|anic|out of memory', log), log
    m.sendline('poweroff')
    assert m.wait_end() == 0

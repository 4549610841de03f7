# SPDX-License-Identifier: MIT
"""Everything at once, on four processors, with the debug kernel."""
import os
import re
import subprocess

import pytest

import archive
import machine as machines
from conftest import USER_PROGRAMS

pytestmark = pytest.mark.banos


@pytest.mark.long
def test_a_minute_of_everything_finds_nothing(start):
    source = os.path.join(USER_PROGRAMS, 'debug', 'soak.c')
    out = os.path.join(machines.BUILD, 'tests', 'user', 'soak')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-std=gnu11', '-O1', '-static', '-s', '-Wall',
                    '-Wextra', '-Werror', '-Wno-unused-parameter',
                    '-Wno-unused-result', '-Wno-missing-field-initializers',
                    '-pthread', '-o', out, source], check=True)
    with open(out, 'rb') as f:
        files = {'bin/soak': archive.file('soak', f.read(), 0o755)}
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

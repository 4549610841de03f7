# SPDX-License-Identifier: MIT
"""Everything at once on the debug kernel, whose checks end it where they find
something: locks and their order, heap, pages."""
import os

import pytest

import machine as machines
from conftest import USER_PROGRAMS

pytestmark = [pytest.mark.banos, pytest.mark.long]
DEBUG_KERNEL = os.path.join(machines.BUILD, 'debug', 'banos.elf')
NAMES = sorted(x[:-2] for x in os.listdir(USER_PROGRAMS) if x.endswith('.c'))
SECONDS = 60


def files(programs):
    made = {}
    for name in NAMES:
        for suffix in ('', '.glibc'):
            with open(programs[name + suffix], 'rb') as f:
                made[f'programs/{name}{suffix}'] = f.read()
    made['soak'] = f'''#!/bin/sh
# soak PROGRAM: again and again, in a folder of its own, until the time is up.
# One of them sets the wall clock.
uptime()
{{
	read -r up rest </proc/uptime
	up=${{up%.*}}
}}
mkdir -p /tmp/$1 && cd /tmp/$1
uptime
end=$((up + {SECONDS}))
while uptime; left=$((end - up)); [ $left -gt 0 ]; do
	timeout -s KILL $left /programs/$1 >/tmp/$1.log 2>&1
	echo $? >>/tmp/$1.status
done
'''.encode()
    return made


@pytest.mark.parametrize('cpus', [1, 4])
def test_soak(start, programs, cpus):
    """Time limits of single tests don't count here: what counts is that the
    kernel finds nothing wrong, lives, and that all took part."""
    m = start(kernel=DEBUG_KERNEL, cpus=cpus, memory=1024,
              files=files(programs), limit_s=400)
    m.boot()
    m.check('for p in $(ls /programs); do sh /soak $p & done; '
            'modprobe hello; rmmod hello; wait', 300)
    m.check(f'[ $(ls /tmp/*.status | wc -l) = {2 * len(NAMES)} ]')
    for line in m.lines('cat /proc/stat'):
        words = line.split()
        if words[0].startswith('cpu'):
            assert int(words[1]) + int(words[3]) > 100, line
    log = m.check('dmesg')
    assert 'warning:' not in log and 'panic' not in log
    m.sendline('poweroff')
    assert m.wait_end(60) == 0

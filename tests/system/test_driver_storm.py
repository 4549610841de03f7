# SPDX-License-Identifier: MIT
"""Drivers come and go while they are used and listed, on four processors."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file

pytestmark = pytest.mark.banos
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      'driver_storm.c')
DRIVERS = 6


@pytest.fixture(scope='module')
def storm():
    out = os.path.join(machines.BUILD, 'tests', 'driver_storm')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra',
                    '-Werror', '-Wno-unused-result', '-idirafter', '/usr/include',
                    '-o', out, SOURCE], check=True)
    with open(out, 'rb') as f:
        return f.read()


def run(start, storm, cycles, limit_s):
    m = start(files={'storm': file('', storm, 0o755)}, cpus=4, append='quiet',
              limit_s=limit_s + 120).boot()
    before = m.check('cat /proc/modules; ls /dev /proc/banos')
    m.check('/storm 3 /lib/banos/drivers/samples', limit_s)
    free = "sed -n 's/^MemFree: *//p' /proc/meminfo | cut -d' ' -f1"
    m.check('sleep 1')
    free_before = int(m.check(free))
    output = m.check(f'/storm {cycles} /lib/banos/drivers/samples',
                     limit_s)
    print(output)
    n = {x: int(y, 16 if x == 'cpus' else 10)
         for x, y in re.findall(r'(\w+) ([0-9a-f]+)', output)}
    assert n['wrong'] == 0, output
    assert n['installs'] + n['refused'] == DRIVERS * cycles
    assert n['cpus'] == 0xf, 'a processor took no part'
    assert n['used'] and n['listed'] and n['absent'], output
    # Nothing is left behind but what a few cycles need to settle.
    assert m.check('cat /proc/modules; ls /dev /proc/banos') == before
    m.check('sleep 1')
    assert int(m.check(free)) > free_before - 512
    log = m.check('dmesg')
    for word in ('anic', 'BUG', 'WARN', 'leaked'):
        assert word not in log


def test_a_few_cycles(start, storm):
    run(start, storm, 15, 60)


@pytest.mark.long
def test_more_than_a_thousand_cycles(start, storm):
    run(start, storm, 200, 1000)

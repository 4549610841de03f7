# SPDX-License-Identifier: MIT
"""A driver that sleeps in a method holds up nobody but its own caller."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from driver_source import compiled

pytestmark = pytest.mark.banos
# The debug kernel also checks at each way into a driver that nothing is held.
MACHINE = {'append': 'quiet', 'cpus': 2, 'kernel': machines.DEBUG_KERNEL}
HERE = os.path.dirname(os.path.abspath(__file__))


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'while_driver_sleeps')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra',
                    '-Werror', '-Wno-unused-result', '-Wno-unused-parameter',
                    '-o', out, f'{HERE}/while_driver_sleeps.c'], check=True)
    with open(f'{HERE}/drivers/sleepy.c', encoding='utf-8') as f:
        driver = compiled(f.read())
    with open(out, 'rb') as f:
        return {'sleepy.ko': file('', driver), 'user': file('', f.read(), 0o755)}


def test_nobody_else_waits(shell):
    shell.check('insmod /sleepy.ko')
    output, status = shell.run('/user', 60)
    passed = re.findall(r'^ok', output, re.M)
    assert status == 0 and len(passed) == int(re.search(r'1\.\.(\d+)', output)[1]), output
    shell.check('rmmod sleepy')

# SPDX-License-Identifier: MIT
"""Devices whose drivers lack methods, and what methods are told of a file."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from driver_source import compiled

pytestmark = pytest.mark.banos
MACHINE = {'append': 'quiet'}
HERE = os.path.dirname(os.path.abspath(__file__))


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'plain_devices')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror',
                    '-Wno-unused-parameter', '-o', out,
                    f'{HERE}/plain_devices.c'], check=True)
    with open(f'{HERE}/drivers/plain.c', encoding='utf-8') as f:
        driver = compiled(f.read(), f'{HERE}/drivers')
    with open(out, 'rb') as f:
        return {'plain.ko': file('', driver), 'plain': file('', f.read(), 0o755)}


def test_what_programs_see(shell):
    shell.check('insmod /plain.ko')
    output, status = shell.run('/plain', 60)
    passed = re.findall(r'^ok', output, re.M)
    assert status == 0 and len(passed) == int(re.search(r'1\.\.(\d+)', output)[1]), output
    log = shell.check('dmesg -r')
    levels = dict(re.findall(r'^<(\d)>.*plain: said as (\w+)$', log, re.M)[::-1])
    assert levels == {'3': 'error', '4': 'warning', '6': 'information'}, log
    shell.check('rmmod plain')

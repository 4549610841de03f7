# SPDX-License-Identifier: MIT
"""Disks as files, and the cache of their pages, over RAM disks."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file

pytestmark = pytest.mark.banos
HERE = os.path.dirname(os.path.abspath(__file__))
MACHINE = {'append': 'quiet', 'memory': 96}


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'disk_files')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror',
                    '-Wno-unused-parameter', '-o', out, f'{HERE}/disk_files.c',
                    '-idirafter', '/usr/include', '-idirafter',
                    '/usr/include/x86_64-linux-gnu'],
                   check=True)
    with open(out, 'rb') as f:
        return {'disk_files': file('', f.read(), 0o755)}


def test_what_programs_see(shell):
    shell.check('insmod /lib/banos/drivers/block/ram.ko size=8192')
    output, status = shell.run('/disk_files /dev/ram0', 60)
    bad = re.findall(r'^not ok.*', output, re.M)
    assert status == 0 and not bad, output
    assert len(re.findall(r'^ok', output, re.M)) == int(re.search(r'1\.\.(\d+)', output)[1])
    shell.check('rmmod ram')

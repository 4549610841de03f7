# SPDX-License-Identifier: MIT
"""A second stack fits the classes of protocols and socket families: the driver minip."""
import os
import subprocess

import pytest

import machine as machines
from archive import file

pytestmark = pytest.mark.banos
HERE = os.path.dirname(os.path.abspath(__file__))
MACHINE = {'append': 'quiet', 'cpus': 2}


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'minip')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror', '-o', out,
                    f'{HERE}/minip.c'], check=True)
    with open(out, 'rb') as f:
        return {'minip': file('', f.read(), 0o755)}


def test_another_family_leads_to_another_stack(shell):
    shell.check('! lsmod | grep -q "^inet " || rmmod --revoke inet')    # the EtherTypes are its
    shell.check('modprobe minip')
    assert shell.check('/minip', 60) == 'passed\n'
    # The addresses are the kernel's: the next instance is told them.
    shell.check('rmmod minip && modprobe minip')
    assert shell.check('/minip', 60) == 'passed\n'
    shell.check('rmmod minip')

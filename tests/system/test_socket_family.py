# SPDX-License-Identifier: MIT
"""Families of sockets that a driver offers, by the sample parrot."""
import os
import subprocess

import pytest

import machine as machines
from archive import file
from test_filesystems import driver

pytestmark = pytest.mark.banos
HERE = os.path.dirname(os.path.abspath(__file__))
MACHINE = {'append': 'quiet', 'cpus': 2}


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'socket_family')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror',
                    '-Wno-unused-function', '-Wno-unused-variable', '-o', out,
                    f'{HERE}/socket_family.c'], check=True)
    with open(out, 'rb') as f:
        return {'socket_family': file('', f.read(), 0o755), 'nosy.ko': driver('nosy', os.path.dirname(out))}


def test_programs_use_sockets_of_a_driver(shell):
    shell.check('! /socket_family check >/dev/null')        # nobody offers it yet
    shell.check('insmod /lib/banos/drivers/samples/parrot.ko')
    assert shell.check('/socket_family check') == 'passed\n'
    shell.check('rmmod parrot')


def test_a_family_that_is_taken_away_answers_enetdown(shell):
    shell.check('insmod /lib/banos/drivers/samples/parrot.ko')
    shell.check('/socket_family wait > /tmp/said 2>&1 & '
                'until grep -q open /tmp/said; do usleep 10000; done')
    assert shell.run('rmmod parrot')[1] != 0                # it is in use
    shell.check('rmmod --revoke parrot', 30)
    shell.check('wait; grep -q netdown /tmp/said')
    shell.check('insmod /lib/banos/drivers/samples/parrot.ko && '
                '/socket_family check >/dev/null && rmmod parrot')


def test_a_driver_sees_nothing_of_other_calls(shell):
    shell.check('insmod /nosy.ko')
    assert shell.check('/socket_family privacy') == 'private\n'
    shell.check('rmmod nosy')

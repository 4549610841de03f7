# SPDX-License-Identifier: MIT
"""A minute of random system calls, on four processors, with the debug kernel."""
import os
import subprocess
import sys

import pytest

import machine as machines

pytestmark = pytest.mark.banos
RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fuzz',
                   'run-syscalls')


def test_a_minute_of_random_calls_breaks_nothing():
    done = subprocess.run([sys.executable, RUN, machines.BUILD, '--seconds', '60'],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=240)
    assert done.returncode == 0, done.stdout

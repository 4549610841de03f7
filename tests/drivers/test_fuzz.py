# SPDX-License-Identifier: MIT
"""A short run of the fuzzer: it works, and finds nothing at once."""
import os
import re
import subprocess

from conftest import BUILD, SOURCE


def test_the_loader_withstands_fuzzing():
    done = subprocess.run(
        [os.path.join(SOURCE, 'tests', 'fuzz', 'run'), os.path.abspath(BUILD),
         '--seconds', '12', '--fresh'], text=True, timeout=180, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = re.search(r'fuzz: (\d+) executions in \d+ s, (\d+) edges, nothing '
                      'broke', done.stdout)
    assert done.returncode == 0 and found, done.stdout[-6000:]
    assert int(found[1]) > 20000 and int(found[2]) > 700

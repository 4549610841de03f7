# SPDX-License-Identifier: MIT
"""What the documentation tells a newcomer to type works as it stands."""
import os
import re
import subprocess

import pytest

from archive import file

pytestmark = pytest.mark.banos
SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))


def blocks(path, title):
    """Code blocks below a title: [(language, text), ...]."""
    with open(f'{SOURCE}/{path}', encoding='utf-8') as f:
        text = f.read()
    section = re.search(rf'^## {title}\n(.*?)(?=^## |\Z)', text, re.M | re.S)[1]
    return re.findall(r'^```(\w*)\n(.*?)^```', section, re.M | re.S)


def sh(script, cwd, home):
    done = subprocess.run(['sh', '-ec', script], cwd=cwd, timeout=60, text=True,
                          env=dict(os.environ, HOME=str(home)), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f'{script}\n{done.stdout}'
    return done.stdout


def test_your_first_driver(start, scratch):
    compiling, packing, using = blocks('README.md', 'Your first driver')
    assert (compiling[0], packing[0]) == ('sh', 'sh')
    output = sh(compiling[1], SOURCE, scratch)
    assert not output, output                   # not even a warning
    # In a folder of its own instead of the tree; "make run" is ours.
    tree = scratch / 'tree'
    (tree / 'usr' / 'rootfs' / 'etc').mkdir(parents=True)
    pack, run = packing[1].strip().splitlines()
    assert run == 'make run'
    sh(pack, tree, scratch)
    with open(tree / 'usr' / 'rootfs' / 'root' / 'mine.ko', 'rb') as f:
        m = start(files={'root/mine.ko': file('', f.read())}).boot()
    m.check('cd')
    commands = re.findall(r'^root@banos:~# (.*)', using[1], re.M)
    assert [x.split()[0] for x in commands] == ['insmod', 'lsmod', 'rmmod']
    assert 'Hello, you!' in m.check(commands[0])
    assert re.search(r'^mine ', m.check(commands[1]), re.M)
    assert 'Goodbye, you.' in m.check(commands[2])
    assert not re.search(r'^mine ', m.check(commands[1]), re.M)

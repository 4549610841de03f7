# SPDX-License-Identifier: MIT
"""A hundred BusyBox applets print here what the same file prints on the host."""
import os
import re
import subprocess

import pytest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'applets.sh')
BUSYBOX = os.environ.get('BUSYBOX', '/bin/busybox')
LIMIT_S = 120


def applets():
    with open(SCRIPT, encoding='utf-8') as f:
        return re.findall(r'^applet ([\w.-]+)', f.read(), re.M)


def parts(output):
    """{applet: what it printed}"""
    pieces = re.split(r'^== (\S+)\n', output.replace('\r', ''), flags=re.M)
    return dict(zip(pieces[1::2], pieces[2::2]))


@pytest.fixture(scope='module')
def on_host(tmp_path_factory):
    names = subprocess.run([BUSYBOX, '--list'], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    links = tmp_path_factory.mktemp('bin')
    for name in names:
        os.symlink(BUSYBOX, links / name)
    done = subprocess.run(
        [BUSYBOX, 'sh', SCRIPT], cwd=tmp_path_factory.mktemp('work'),
        env={'PATH': str(links)}, stdin=subprocess.DEVNULL, timeout=LIMIT_S,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return parts(done.stdout.decode())


@pytest.fixture(scope='module')
def in_machine(shared):
    m = shared.get()
    m.check('mkdir /tmp/work; cd /tmp/work')
    m.check('sh /applets.sh </dev/null >/tmp/out 2>&1', LIMIT_S)
    return parts(m.check('cat /tmp/out'))


def FILES():
    with open(SCRIPT, 'rb') as f:
        return {'applets.sh': f.read()}


@pytest.mark.parametrize('applet', applets())
def test_applet(on_host, in_machine, applet):
    assert on_host[applet].strip()
    assert in_machine[applet] == on_host[applet]


def test_there_are_many(on_host):
    assert len(on_host) >= 100

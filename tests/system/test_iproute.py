# SPDX-License-Identifier: MIT
"""Programs of Debian that show and change the network: ss and ip of iproute2, netstat of net-tools."""
import os
import re
import subprocess

import pytest

import archive
import debian
import machine as machines
from conftest import USER_PROGRAMS

PROGRAMS = ['/usr/bin/ss', '/usr/sbin/ip', '/usr/bin/netstat']
pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                                 reason='built without lwIP'),
              pytest.mark.skipif(not debian.installed(*PROGRAMS), reason='iproute2 or net-tools is not installed')]
MACHINE = {'append': 'quiet', 'cpus': 2, 'memory': 256}


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'socket_lists')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run([os.environ.get('CC', 'gcc'), '-O1', '-static', '-o', out, f'{USER_PROGRAMS}/socket_lists.c'],
                   check=True)
    with open(out, 'rb') as f:
        return {**debian.collect(PROGRAMS), 'socket_lists': archive.file('', f.read(), 0o755)}


@pytest.fixture(autouse=True)
def inet(shell):
    shell.check('modprobe inet; ifconfig lo 127.0.0.1 up; httpd -p 127.0.0.1:8080 -h /tmp')
    yield
    shell.check('killall httpd')


def test_sockets_are_listed_with_their_processes(shell):
    listed = shell.check('/usr/bin/netstat -tulpnax')
    assert re.search(r'^tcp .* 127\.0\.0\.1:8080 .* LISTEN +\d+/httpd', listed, re.M)
    listed = shell.check('/usr/bin/ss -tuaxnp')
    assert re.search(r'^tcp +LISTEN .*127\.0\.0\.1:8080 .*"httpd"', listed, re.M)
    assert re.search(r'^TCP: +\d+', shell.check('/usr/bin/ss -s'), re.M)
    output = shell.check('/socket_lists')
    assert 'not ok' not in output, output

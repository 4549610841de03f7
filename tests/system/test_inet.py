# SPDX-License-Identifier: MIT
"""TCP/IP by the driver inet, over lo, with BusyBox's programs. Without the source of lwIP the driver is not built."""
import os
import re

import pytest

import machine as machines
from archive import file
from conftest import compile_to

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(
                  os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                  reason='built without lwIP')]
MACHINE = {'append': 'quiet', 'cpus': 2, 'memory': 192}
INET = '/lib/banos/drivers/net/inet/inet.ko'


HERE = os.path.dirname(os.path.abspath(__file__))


def FILES():
    made = {}
    for name in ('groups', 'connections', 'loop_frames'):
        out = os.path.join(machines.BUILD, 'tests', name)
        os.makedirs(os.path.dirname(out), exist_ok=True)
        compile_to(out, ['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror', f'{HERE}/{name}.c'])
        with open(out, 'rb') as f:
            made[name] = file('', f.read(), 0o755)
    return made


@pytest.fixture(autouse=True)
def inet(shell):
    shell.check(f'insmod {INET} && ifconfig lo 127.0.0.1 up')
    yield
    shell.check('killall httpd 2>/dev/null; dmesg -c >/dev/null; rmmod --revoke inet', 40)
    assert 'inet: leaked' not in shell.check('dmesg')       # an exit() that gives all back


def test_netstat_lists_sockets(shell):
    shell.check('httpd -p 127.0.0.1:8080 -h /tmp; (sleep 20 | nc -l -p 99 &)')
    shell.check('sleep 1; (sleep 20 | nc 127.0.0.1 99 &); sleep 1')
    text = shell.check('netstat -tuwxna')
    assert re.search(r'^tcp        0      0 127.0.0.1:8080 +0.0.0.0:\* +LISTEN', text, re.M)
    assert re.search(r'^tcp .* 127.0.0.1:99 .*ESTABLISHED', text, re.M)
    assert 'TCP: inuse' in shell.check('cat /proc/net/sockstat')
    shell.check('killall sleep; killall nc 2>/dev/null; true')


def serve(shell):
    shell.check('mkdir -p /tmp/www; dd if=/dev/urandom of=/tmp/www/big bs=64k count=48 2>/dev/null; '
                'httpd -h /tmp/www')


def test_frames_on_lo_are_counted_and_seen(shell):
    assert shell.check('timeout 60 /loop_frames', 90) == 'good\n'


def test_ping(shell):
    assert '2 packets received' in shell.check('ping -c 2 127.0.0.1')


def test_a_file_over_tcp(shell):
    serve(shell)
    shell.check('wget -q -O /tmp/got http://127.0.0.1/big && cmp /tmp/got /tmp/www/big', 60)
    shell.check('for i in 1 2 3 4 5 6; do wget -q -O /tmp/got$i http://127.0.0.1/big & done; wait; '
                'for i in 1 2 3 4 5 6; do cmp /tmp/got$i /tmp/www/big || exit 1; done', 120)
    assert shell.run('wget -q -O /dev/null http://127.0.0.1:81/')[1] == 1      # refused


def test_sockets_of_a_stack_that_goes_and_comes_again(shell):
    serve(shell)
    assert shell.run('rmmod inet')[1] != 0                  # it is in use
    shell.check('rmmod --revoke inet', 40)
    # A new socket brings it again; that of httpd stays without.
    assert shell.run('wget -q -O /dev/null http://127.0.0.1/')[1] == 1
    shell.check('lsmod | grep -q inet')
    shell.check('ping -c 1 127.0.0.1')                      # the address is the kernel's
    serve(shell)
    shell.check('wget -q -O /tmp/got http://127.0.0.1/big && cmp /tmp/got /tmp/www/big', 60)


def test_groups_are_joined_while_addresses_change(shell):
    shell.check('insmod /lib/banos/drivers/net/veth.ko && ip link set veth0 up && ip addr add 10.9.0.1/24 dev veth0')
    assert shell.check('timeout 60 /groups', 90) == 'passed\n'
    shell.check('rmmod veth')


def test_a_connection_costs_the_same_beside_thousands(shell):
    alone, beside, each = map(int, shell.check('/connections idle 2000', 60).split())
    assert beside < 2 * alone
    assert each <= 4 << 10                                  # 1,000 of them 4 MiB
    alone, beside = map(int, shell.check('/connections waiting 3000', 60).split())
    assert beside < 2 * alone

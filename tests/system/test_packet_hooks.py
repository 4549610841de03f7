# SPDX-License-Identifier: MIT
"""Packet hooks: the sample port_filter, with TCP/IP over lo."""
import os

import pytest

import machine as machines

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(
                  os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                  reason='built without lwIP')]
MACHINE = {'append': 'quiet', 'cpus': 2, 'memory': 192}
DRIVERS = '/lib/banos/drivers'


@pytest.fixture(autouse=True)
def inet(shell):
    shell.check(f'insmod {DRIVERS}/net/inet/inet.ko && ifconfig lo 127.0.0.1 up; '
                'mkdir -p /tmp/www; yes word | head -c 100000 >/tmp/www/words; httpd -h /tmp/www')
    yield
    shell.check('killall httpd 2>/dev/null; dmesg -c >/dev/null; rmmod --revoke inet', 40)


def hook_row(shell, name):
    """Its frames: passed, dropped, taken, answered, refused; and packets that it holds."""
    return [int(x) for x in shell.check(f'grep "^{name} " /proc/net/packet_hooks').split()[2:8]]


GET = 'timeout 4 wget -q -O /tmp/got http://127.0.0.1/words && cmp /tmp/got /tmp/www/words'


def test_a_port_filter_drops_what_is_sent_to_its_port(shell):
    shell.check(GET)
    shell.check(f'insmod {DRIVERS}/samples/port_filter.ko port=80')
    assert shell.run(GET)[1]
    assert shell.check('ping -c 1 127.0.0.1')
    passed, dropped, *others = hook_row(shell, 'port_filter')
    assert passed > 0 and dropped > 0 and others == [0, 0, 0, 0]
    shell.check('rmmod port_filter')
    shell.check(GET)
    assert 'port_filter' not in shell.check('cat /proc/net/packet_hooks')

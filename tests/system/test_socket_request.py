# SPDX-License-Identifier: MIT
"""socket() of a family whose driver is not installed; network cards that are plugged in while the machine runs."""
import os

import pytest

import machine as machines
from test_pci import monitor, wait_until  # noqa: F401

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(
                  os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                  reason='built without lwIP')]


def test_a_socket_has_the_driver_of_its_family_installed(start):
    m = start(append='quiet').boot()
    m.check('! lsmod | grep -q inet; (cat /dev/hotplug >/tmp/events) & until test -s /tmp/events; do sleep 0.1; done')
    m.check("su user -c 'ping -c 1 127.0.0.1'")
    m.check('lsmod | grep -q inet; rmmod inet; ping6 -c 1 ::1; grep -q "^add socket 10 family:10$" /tmp/events')
    # Nobody else has it either, and it is not asked for again and again.
    m.check('rmmod inet; echo >/lib/modules/$(uname -r)/modules.alias')
    assert m.run('ping -c 1 127.0.0.1')[1] and m.run('ping -c 1 127.0.0.1')[1]
    assert m.check('grep -c "socket 2 " /tmp/events').strip() in ('2', '3')


def test_a_card_that_is_plugged_in_has_an_address(start, monitor):  # noqa: F811
    m = start(append='quiet', qemu=['-netdev', 'user,id=net', *monitor.options()]).boot()
    for _ in range(2):
        monitor.command('device_add', driver='virtio-net-pci', netdev='net', id='card')
        wait_until(m, 'ip route | grep -q "^default via 10.0.2.2 dev eth0"')
        m.check('ping -c 1 10.0.2.2 && [ "$(ps | grep -c "[u]dhcpc")" = 1 ]')
        monitor.command('device_del', id='card')
        wait_until(m, '! test -e /sys/class/net/eth0 && ! ps | grep -q "[u]dhcpc"')


def test_one_client_asks_for_the_address_of_a_card(start, monitor):  # noqa: F811
    m = start(append='quiet', qemu=['-netdev', 'user,id=net', *monitor.options()]).boot()
    monitor.command('device_add', driver='virtio-net-pci', netdev='net', id='card')
    wait_until(m, 'ip route | grep -q "^default via 10.0.2.2 dev eth0"')
    m.check('n=/etc/init.d/network; $n remove eth0')
    wait_until(m, '! ps | grep -q "[u]dhcpc"')
    m.check('$n add eth0 & $n add eth0; wait')
    m.check('[ "$(ps | grep -c "[u]dhcpc")" = 1 ] && ping -c 1 -I eth0 10.0.2.2')
    # A number that another program has by now is not the client's.
    m.check('kill $(cat /run/udhcpc.eth0); sleep 99 & echo $! >/run/udhcpc.eth0; $n remove eth0; kill $!')

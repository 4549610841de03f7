# SPDX-License-Identifier: MIT
"""Interfaces as BusyBox shows and changes them: ip by route netlink."""
import pytest

pytestmark = pytest.mark.banos


def test_ip_shows_and_changes_interfaces(shell):
    link = shell.check('ip link show dev lo')
    assert 'LOOPBACK,UP,LOWER_UP' in link and 'mtu 65536' in link
    addresses = shell.check('ip addr show dev lo')
    assert 'inet 127.0.0.1/8 scope host lo' in addresses and 'inet6 ::1/128 scope host' in addresses
    shell.check('ip addr add 10.1.2.3/24 dev lo')
    assert 'inet 10.1.2.3/24' in shell.check('ip addr show dev lo')
    assert shell.run('ip addr add 10.1.2.3/24 dev lo')[1]
    shell.check('ip addr del 10.1.2.3/24 dev lo')
    assert '10.1.2.3' not in shell.check('ip addr show dev lo')
    assert shell.run('ip addr del 10.1.2.3/24 dev lo')[1]


def test_ip_shows_and_changes_routes(shell):
    shell.check('ip route add 10.9.0.0/16 dev lo; ip route add 10.8.0.0/16 via 127.0.0.5')
    routes = shell.check('ip route')
    assert '10.9.0.0/16 dev lo' in routes and '10.8.0.0/16 via 127.0.0.5 dev lo' in routes
    assert '0000090A' in shell.check('cat /proc/net/route')
    assert shell.run('ip route add 10.9.0.0/16 dev lo')[1]
    assert shell.run('ip route add 10.7.0.0/16 via 192.168.3.4')[1]
    shell.check('ip route del 10.9.0.0/16; ip route del 10.8.0.0/16')
    assert shell.check('ip route').strip() == ''
    assert shell.run('ip route del 10.9.0.0/16')[1]

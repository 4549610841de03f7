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
    files = debian.collect(PROGRAMS)
    os.makedirs(os.path.join(machines.BUILD, 'tests'), exist_ok=True)
    for name in ('socket_lists', 'socket_diag'):
        out = os.path.join(machines.BUILD, 'tests', name)
        subprocess.run([os.environ.get('CC', 'gcc'), '-O1', '-static', '-o', out, f'{USER_PROGRAMS}/{name}.c'], check=True)
        with open(out, 'rb') as f:
            files[name] = archive.file('', f.read(), 0o755)
    return files


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
    for program in ('/socket_lists', '/socket_diag'):
        output = shell.check(program)
        assert 'not ok' not in output, output


def test_connections_in_time_wait_are_listed(shell):
    shell.check('wget -q -O /dev/null http://127.0.0.1:8080/ 2>/dev/null; true')    # who answers closes first
    assert re.search(r'^TIME-WAIT +0 +0 +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+', shell.check('/usr/bin/ss -tan'), re.M)
    assert re.search(r'^TIME-WAIT .*timer:\(timewait,\d+', shell.check('/usr/bin/ss -tano'), re.M)
    for program in ('/usr/bin/netstat', 'busybox netstat'):
        assert re.search(r'^tcp +0 +0 127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +TIME_WAIT', shell.check(f'{program} -tan'), re.M)
    assert re.search(r'^TCP: +.*timewait [1-9]', shell.check('/usr/bin/ss -s'), re.M)


@pytest.fixture
def pair(shell):
    shell.check('modprobe veth; ip link set veth1 up; ip link set veth0 up; ip addr add 10.5.0.1/24 dev veth0')
    yield
    shell.check('rmmod veth')


def test_routes_are_replaced_and_removed(shell, pair):
    shell.check('ip route add 10.6.0.0/16 via 10.5.0.9')
    assert shell.run('ip route add 10.6.0.0/16 via 10.5.0.8')[1]        # the gateway is no part of the key
    shell.check('ip route replace 10.6.0.0/16 via 10.5.0.8')
    assert shell.check('ip route show 10.6.0.0/16').strip() == '10.6.0.0/16 via 10.5.0.8 dev veth0'
    assert shell.run('ip route del 10.6.0.0/16 via 10.5.0.9')[1]
    assert '10.6.1.1 via 10.5.0.8 dev veth0 src 10.5.0.1' in shell.check('/usr/sbin/ip route get 10.6.1.1')
    assert 'local 10.5.0.1 dev lo' in shell.check('/usr/sbin/ip route get 10.5.0.1')
    shell.check('ip route add 10.7.0.0/16 via 10.5.0.9 metric 5')
    shell.check('ip route del 10.6.0.0/16')
    shell.check('ip addr add 10.5.0.2/24 dev veth0; ip addr del 10.5.0.1/24 dev veth0')
    assert '10.5.0.0/24' in shell.check('ip route')     # by the other address
    shell.check('ip addr flush dev veth0')
    assert 'veth0' not in shell.check('ip route')


def test_monitor_hears_of_everything(shell, pair):
    shell.check('(/usr/sbin/ip monitor all >/monitor 2>&1 &); sleep 1')
    shell.check('ip addr add 10.8.0.1/24 dev veth0; ip route add 10.9.0.0/16 via 10.8.0.7; ip link set veth1 down')
    shell.check('/usr/sbin/ip neigh add 10.8.0.3 lladdr 2:3:4:5:6:7 dev veth0; ip addr del 10.8.0.1/24 dev veth0; sleep 1')
    heard = shell.check('cat /monitor')
    for line in (r'\[ADDR\].*veth0\s+inet 10\.8\.0\.1/24', r'\[ROUTE\]10\.9\.0\.0/16 via 10\.8\.0\.7 dev veth0',
                 r'\[LINK\].*veth1: <', r'\[NEIGH\]10\.8\.0\.3 dev veth0 lladdr 02:03:04:05:06:07 PERMANENT',
                 r'\[ADDR\]Deleted.*10\.8\.0\.1/24'):
        assert re.search(line, heard), (line, heard)
    shell.check('kill $(pidof ip)')


def test_neighbours_are_shown_and_set(shell, pair):
    shell.check('/usr/sbin/ip neigh add 10.5.0.7 lladdr 2:3:4:5:6:7 dev veth0')
    assert '10.5.0.7 dev veth0 lladdr 02:03:04:05:06:07' in shell.check('/usr/sbin/ip neigh show')
    assert '10.5.0.7         0x1         0x6         02:03:04:05:06:07     *        veth0' in shell.check('cat /proc/net/arp')
    assert shell.run('/usr/sbin/ip neigh add 10.5.0.7 lladdr 2:3:4:5:6:8 dev veth0')[1]
    shell.check('/usr/sbin/ip neigh del 10.5.0.7 dev veth0')
    assert '10.5.0.7' not in shell.check('/usr/sbin/ip neigh show')


def test_ifconfig_adds_labelled_and_ipv6_addresses(shell, pair):
    shell.check('ifconfig veth0:1 10.5.1.1 netmask 255.255.255.0; ifconfig veth0:2 10.5.2.1')
    shown = shell.check('ip addr show dev veth0')
    assert 'inet 10.5.0.1/24' in shown and 'inet 10.5.1.1/24' in shown and 'veth0:2' in shown
    assert '10.5.1.1' in shell.check('ifconfig veth0:1') and '10.5.2.1' in shell.check('ifconfig')
    shell.check('ifconfig veth0:1 down')
    shown = shell.check('ip addr show dev veth0')
    assert '10.5.1.1' not in shown and '10.5.2.1' in shown and '10.5.0.1' in shown
    shell.check('ifconfig veth0 add fd00::5/64')
    assert 'inet6 fd00::5/64' in shell.check('ip -6 addr show dev veth0')
    assert 'fd000000000000000000000000000000 40' in shell.check('cat /proc/net/ipv6_route')
    shell.check('ifconfig veth0 del fd00::5/64')
    assert 'fd00::5' not in shell.check('ip -6 addr show dev veth0')

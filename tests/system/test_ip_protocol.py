# SPDX-License-Identifier: MIT
"""Protocols above IP by drivers: the sample ip_echo, and what is put together of fragments. The test is the other station."""
import os
import struct

import pytest

import machine as machines
from test_ipv6 import CARD, IPV6, OWN, PEER, ROUTER, Router, checksum, message, packed, peer, router  # noqa: F401
from test_net import wait_until

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(
                  os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                  reason='built without lwIP')]
IPV4 = bytes.fromhex('0800')
THERE, HERE = bytes((10, 9, 0, 1)), bytes((10, 9, 0, 2))
ECHO = '/lib/banos/drivers/samples/ip_echo.ko'
ICMP, ICMP6 = 1, 58


def ipv4(number, data, fragment=0, identity=7):
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(data), identity, fragment, 64, number, 0) + HERE + THERE
    head = head[:10] + struct.pack('>H', checksum(head)) + head[12:]
    return CARD + PEER + IPV4 + head + data


def ipv6(number, data, to=OWN, extra=b''):
    return CARD + PEER + IPV6 + struct.pack('>IHBB', 6 << 28, len(extra) + len(data), 44 if extra else number, 64) \
        + packed(ROUTER) + packed(to) + extra + data


class Station(Router):
    def next4(self, number):
        """The data of the next packet of IPv4 of a protocol."""
        while True:
            frame = self.station.socket.recv(1 << 17)
            if frame[12:14] == IPV4 and frame[23] == number:
                assert frame[26:34] == THERE + HERE
                return frame[34:14 + struct.unpack('>H', frame[16:18])[0]]

    def next6(self, number):
        while True:
            frame = self.station.socket.recv(1 << 17)
            if frame[12:14] == IPV6 and frame[20] == number and not (number == ICMP6 and frame[54] in range(130, 144)):
                return frame[54:54 + struct.unpack('>H', frame[18:20])[0]]

    def is_echoed(self):
        self.send(ipv4(253, b'words 4'))
        assert self.next4(253) == b'words 4'
        self.send(ipv6(253, b'words 6'))
        assert self.next6(253) == b'words 6'


@pytest.fixture
def station(peer):   # noqa: F811
    return Station(peer)


def begin(start, peer):  # noqa: F811
    m = start(append='quiet ip=off', qemu=peer.options('virtio-net-pci')).boot()
    wait_until(m, 'test -e /sys/class/net/eth0')
    hardware = PEER.hex(':')
    m.check('modprobe inet && ip addr add 10.9.0.1/24 dev eth0 && ip link set eth0 up')
    # BusyBox's ip has no "neigh add".
    wait_until(m, f'ip -6 addr | grep {OWN} | grep -vq tentative')
    m.check(f'arp -s 10.9.0.2 {hardware}')
    return m


def know_router(station):
    """The machine learns the hardware address of the test's link-local address."""
    body = struct.pack('>BBHI', 135, 0, 0, 0) + packed(OWN) + b'\1\1' + PEER
    frame = message(ROUTER, OWN, body)
    station.send(frame)
    station.next(136)


def test_a_driver_has_a_protocol_above_ip(start, station, peer):    # noqa: F811
    m = begin(start, peer)
    know_router(station)
    station.send(ipv4(253, b'words 4'))
    answer = station.next4(ICMP)
    assert answer[:2] == b'\3\2' and answer[28:35] == b'words 4'        # protocol unreachable
    station.send(ipv6(253, b'words 6'))
    assert station.next6(ICMP6)[:2] == b'\4\1'                          # unknown next header
    m.check(f'insmod {ECHO}')
    station.is_echoed()
    # A packet in fragments arrives whole, and a long answer leaves in fragments.
    data = bytes(i & 0xff for i in range(2960))
    station.send(ipv4(253, data[:1480], 0x2000))
    station.send(ipv4(253, data[1480:], 1480 // 8))
    assert station.next4(253) + station.next4(253) == data
    # The stack goes and comes again.
    m.check('rmmod --revoke inet', 40)
    station.send(ipv4(253, b'lost'))
    m.check(f'modprobe inet && arp -s 10.9.0.2 {PEER.hex(":")}; sleep 0.2')
    know_router(station)
    station.is_echoed()
    m.check('rmmod ip_echo')
    station.send(ipv4(253, b'words'))
    assert station.next4(ICMP)[:2] == b'\3\2'
    # What the stack has itself it keeps; a protocol is one driver's, also if there is no stack.
    for number in (0, 1, 2, 6, 17, 58):
        assert m.run(f'insmod {ECHO} number={number}')[1]
    m.check('rmmod --revoke inet', 40)
    m.check(f'insmod {ECHO} number=17 && modprobe inet')
    assert 'does not leave IP protocol 17' in m.check('dmesg')
    m.check('rmmod ip_echo && ping -c 1 10.9.0.1')


def test_what_is_put_together_is_checked(start, station, peer):     # noqa: F811
    m = begin(start, peer)
    know_router(station)
    ping = struct.pack('>BBHHH', 128, 0, 0, 1, 1) + bytes(40)
    whole = message(ROUTER, OWN, ping, 64)[54:]
    for identity, part in ((1, whole), (2, message(ROUTER, OWN, struct.pack('>BBHI', 135, 0, 0, 0) + packed(OWN)
                                                   + b'\1\1' + PEER + b'\1\1' + PEER + bytes(16))[54:])):
        first, second = part[:24], part[24:]
        station.send(ipv6(ICMP6, first, extra=struct.pack('>BBHI', ICMP6, 0, 1, identity)))
        station.send(ipv6(ICMP6, second, extra=struct.pack('>BBHI', ICMP6, 0, 24, identity)))
        if identity == 1:
            assert station.next6(ICMP6)[0] == 129
    # The solicitation in fragments is answered by nobody: the next message is the answer to the ping.
    station.send(message(ROUTER, OWN, ping, 64))
    while True:
        frame = station.station.socket.recv(1 << 17)
        if frame[12:14] == IPV6 and frame[20] == ICMP6 and frame[54] in (129, 136):
            assert frame[54] == 129
            break
    # UDP whose length is more than came.
    datagram = struct.pack('>HHHH', 7, 7, 1000, 0) + bytes(40)
    station.send(ipv4(17, datagram[:24], 0x2000))
    station.send(ipv4(17, datagram[24:], 3))
    m.check('ping -c 1 10.9.0.1')

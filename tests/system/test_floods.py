# SPDX-License-Identifier: MIT
"""Floods: what is new is refused, the shell and clients that were there stay, and memory comes back."""
import os
import random
import re
import struct
import sys

import pytest

import machine as machines
from archive import file
from conftest import compile_to
from test_net import Peer
from test_pci import wait_until

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../fuzz'))
import seeds_packets as make        # noqa: E402  pylint: disable=wrong-import-position

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                                 reason='built without lwIP')]
HERE = os.path.dirname(os.path.abspath(__file__))
CARD, STATION = bytes.fromhex('525400c0ffee'), bytes.fromhex('0200000000aa')
KEPT_KIB = 768          # what may stay: caches, neighbours, connections that end by their timers


class Station(Peer):
    """10.0.0.2: it answers to ARP, and reads what comes while it floods."""

    def send_packet(self, ethertype, packet, to=CARD):
        self.socket.settimeout(20 * machines.SLOWER)
        self.socket.sendto(make.frame(ethertype, packet, STATION, to), self.machine)

    def receive_packet(self, wanted, limit_s=0.0):
        """The next packet of which wanted() is true; None: there is none in time."""
        try:
            while True:
                self.socket.settimeout(limit_s * machines.SLOWER or 0.0001)
                frame = self.socket.recv(1 << 17)
                if frame[12:14] == b'\x08\x06' and frame[20:22] == b'\0\1':
                    self.send_packet(0x806, make.arp(2, frame[38:42], frame[28:32], STATION))
                elif wanted(frame[14:]):
                    return frame[14:]
        except (BlockingIOError, TimeoutError):
            return None

    def flood(self, packets):
        for kind, packet in packets:
            self.send_packet(kind, packet)
            self.receive_packet(lambda packet: False)

    def is_answered(self, text=b'GET / HTTP/1.0\r\n\r\n', port=4000):
        """A client: does the server on port 80 send it anything?"""
        def is_mine(flags):
            return lambda p: p[9] == make.TCP and p[22:24] == struct.pack('>H', port) and p[33] & flags == flags
        answer = None
        for _ in range(5):
            self.send_packet(0x800, make.ipv4(make.TCP, make.tcp(make.SYN, own=port, options=b'\2\4\5\xb4')))
            answer = self.receive_packet(is_mine(make.SYN | make.ACK), 1)
            if answer:
                break
        if not answer:
            return False
        sequence = struct.unpack('>I', answer[24:28])[0] + 1
        for flags, data in ((make.ACK, b''), (make.ACK | make.PSH, text)):
            self.send_packet(0x800, make.ipv4(make.TCP, make.tcp(flags, 1001, sequence, data, own=port)))
        got = self.receive_packet(lambda p: is_mine(make.ACK)(p) and b'HTTP/1' in p, 5)
        self.send_packet(0x800, make.ipv4(make.TCP, make.tcp(make.RST, 1001 + len(text), own=port)))
        return bool(got)


@pytest.fixture
def station(tmp_path):
    peer = Station(tmp_path)
    yield peer
    peer.socket.close()


def free_kib(m):
    return int(re.search(r'MemFree: +(\d+)', m.check('cat /proc/meminfo'))[1])


def has_come_back(m, before):
    after = free_kib(m)
    print(f'{before} KiB before, {after} KiB after')
    return after >= before - KEPT_KIB


@pytest.fixture
def network(start, station):
    out = os.path.join(machines.BUILD, 'tests', 'socket_flood')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    compile_to(out, ['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror', f'{HERE}/socket_flood.c'])
    with open(out, 'rb') as f:
        files = {'socket_flood': file('', f.read(), 0o755)}
    m = start(files=files, append='quiet ip=off', memory=96, cpus=2, qemu=station.options('virtio-net-pci')).boot()
    wait_until(m, 'test -e /sys/class/net/eth0')
    m.check('ifconfig lo 127.0.0.1 up && ifconfig eth0 10.0.0.1 netmask 255.255.255.0 up && '
            'ip route add default via 10.0.0.2 && '
            'mkdir -p /tmp/www && echo hello >/tmp/www/index.html && httpd -h /tmp/www')
    assert station.is_answered(port=3999)
    return m


def any_address(rng):
    return bytes((11, rng.randrange(256), rng.randrange(256), rng.randrange(1, 255)))


def syns(rng, count):
    for _ in range(count):
        source = any_address(rng)
        yield 0x800, make.ipv4(make.TCP, make.tcp(make.SYN, rng.randrange(1 << 32), own=rng.randrange(1024, 65536),
                                                  options=b'\2\4\5\xb4', source=source), source)


def test_a_flood_of_syns_keeps_no_client_out(network, station):
    before = free_kib(network)
    station.flood(syns(random.Random(1), 600))
    assert station.is_answered(port=4001)
    station.flood(syns(random.Random(2), 300))
    assert station.is_answered(port=4002)
    # An acknowledgement of what was never sent opens nothing.
    station.send_packet(0x800, make.ipv4(make.TCP, make.tcp(make.ACK | make.PSH, 5, 77, b'GET / HTTP/1.0\r\n\r\n', own=4003)))
    answer = station.receive_packet(lambda p: p[9] == make.TCP and p[22:24] == struct.pack('>H', 4003), 2)
    assert answer and answer[33] & make.RST
    assert has_come_back(network, before)


def options_of(segment):
    """The options of TCP of a packet of IPv4, by their kinds."""
    found, left = {}, segment[40:20 + (segment[32] >> 4) * 4]
    while left and left[0]:
        length = 1 if left[0] == 1 else left[1]
        found[left[0]] = left[2:length]
        left = left[length:]
    return found


def test_cookies_keep_what_a_syn_has_told(network, station):
    station.flood(syns(random.Random(3), 600))
    port = 4010

    def is_mine(flags, least=0):
        return lambda p: (p[9] == make.TCP and p[22:24] == struct.pack('>H', port) and p[33] & flags == flags
                          and len(p) > least)
    station.send_packet(0x800, make.ipv4(make.TCP, make.tcp(make.SYN, own=port, options=make.SYN_OPTIONS)))
    answer = station.receive_packet(is_mine(make.SYN | make.ACK), 2)
    told = options_of(answer)
    stamp, echo = struct.unpack('>II', told[8])
    assert stamp & 31 == 16 | 7 and echo == 1               # SACK, and the scale
    assert 3 in told and 4 in told
    sequence = struct.unpack('>I', answer[24:28])[0] + 1
    text = b'GET / HTTP/1.0\r\n\r\n'
    times = b'\1\1\x08\x0a' + struct.pack('>II', 2, stamp)
    # A window of 16 bytes, times 128.
    station.send_packet(0x800, make.ipv4(make.TCP, make.tcp(make.ACK, 1001, sequence, own=port, options=times, window=16)))
    station.send_packet(0x800, make.ipv4(make.TCP, make.tcp(make.ACK | make.PSH, 1001, sequence, text, own=port,
                                                            options=times, window=16)))
    got = station.receive_packet(is_mine(make.ACK, 20 + 32 + 100), 5)
    assert got and b'HTTP/1' in got and struct.unpack('>II', options_of(got)[8])[1] == 2
    station.send_packet(0x800, make.ipv4(make.TCP, make.tcp(make.RST, 1001 + len(text), own=port)))


def fragments(rng, count):
    for number in range(count):
        yield 0x800, make.ipv4(make.UDP, make.udp(b'f' * 1000), fragment=0x2000, number=number, source=any_address(rng))
        yield 0x86dd, make.ipv6(44, b'\x11\0\0\1' + struct.pack('>I', number) + make.udp(b'f' * 1000, source=make.PEER6, to=make.HERE6))


def stations(rng, count):
    for _ in range(count):
        address, hardware = bytes((10, 0, 0, rng.randrange(3, 255))), bytes((2, *rng.randbytes(5)))
        yield 0x806, make.arp(rng.randrange(1, 3), address, hardware=hardware)
        six = make.PEER6[:8] + rng.randbytes(8)
        yield 0x86dd, make.ipv6(make.ICMP6, make.icmp6(135, 0, bytes(4) + make.HERE6 + b'\1\1' + hardware, six), six, hops=255)


def messages(rng, count):
    for number in range(count):
        yield 0x800, make.ipv4(make.ICMP, make.icmp(8, 0, struct.pack('>HH', 1, number) + bytes(900)))
        yield 0x800, make.ipv4(make.UDP, make.udp(b'x' * 500, rng.randrange(1000, 65536)))


def test_floods_are_survived(network, station):
    rng, before = random.Random(3), 0
    network.check('ip -6 addr add fd00::1/64 dev eth0')
    # What waits to be put together, and neighbours, are as many after the second round as after the first one.
    for last in (False, True):
        for flood in (fragments, stations, messages):
            station.flood(flood(rng, 150))
            assert station.is_answered(port=rng.randrange(5000, 60000)), flood.__name__
        before = before if last else free_kib(network)
    assert has_come_back(network, before)
    # What is lost is seen.
    network.check('dd if=/dev/zero of=/tmp/leak bs=64k count=24 2>/dev/null')
    assert not has_come_back(network, before)
    network.check('rm /tmp/leak')


def test_programs_that_take_all_sockets_are_refused(network, station):
    network.check('/socket_flood', 60)      # from now on the caches are full
    before = free_kib(network)
    for _ in range(2):
        assert network.check('/socket_flood', 60) == 'refused\n'
        assert station.is_answered(port=4004)
    assert has_come_back(network, before)


@pytest.mark.long
def test_long_floods_are_survived(network, station):
    rng, before = random.Random(4), 0
    network.check('ip -6 addr add fd00::1/64 dev eth0')
    for _ in range(5):
        for flood in (syns, fragments, stations, messages):
            station.flood(flood(rng, 4000))
            assert station.is_answered(port=rng.randrange(5000, 60000)), flood.__name__
        before = before or free_kib(network)
    assert has_come_back(network, before)

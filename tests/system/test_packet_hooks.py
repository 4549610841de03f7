# SPDX-License-Identifier: MIT
"""Packet hooks: the sample port_filter, with TCP/IP over lo; the filter, between two stations that the test is."""
import os
import socket
import struct
import time

import pytest

import machine as machines

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(
                  os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                  reason='built without lwIP')]
MACHINE = {'append': 'quiet', 'cpus': 2, 'memory': 192}
DRIVERS = '/lib/banos/drivers'


@pytest.fixture
def inet(shell):
    shell.check(f'insmod {DRIVERS}/net/inet/inet.ko && ifconfig lo 127.0.0.1 up; '
                'mkdir -p /tmp/www; yes word | head -c 100000 >/tmp/www/words; httpd -h /tmp/www')
    yield
    shell.check('killall httpd 2>/dev/null; dmesg -c >/dev/null; rmmod --revoke inet', 40)


def hook_row(shell, name):
    """Its frames: passed, dropped, taken, answered, refused; and packets that it holds."""
    return [int(x) for x in shell.check(f'grep "^{name} " /proc/net/packet_hooks').split()[2:8]]


GET = 'timeout 4 wget -q -O /tmp/got http://127.0.0.1/words && cmp /tmp/got /tmp/www/words'


@pytest.mark.usefixtures('inet')
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


# ---- the filter, between two stations ----

CARDS = {'inside': bytes.fromhex('525400000001'), 'outside': bytes.fromhex('525400000002')}
PUBLIC, CLIENT, SERVER, STRANGER = '192.0.2.1', '10.0.0.5', '192.0.2.8', '192.0.2.9'
FIN, SYN, RST, ACK = 1, 2, 4, 16


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Packet:
    """An IPv4 packet with TCP or UDP."""

    def __init__(self, source, sport, target, dport, data=b'', flags=None):
        self.source, self.target, self.sport, self.dport = source, target, sport, dport
        self.data, self.flags = data, flags

    def ends(self):
        return self.source, self.sport, self.target, self.dport

    def encode(self):
        source, target = socket.inet_aton(self.source), socket.inet_aton(self.target)
        if self.flags is None:
            protocol, at = 17, 6
            body = struct.pack('>HHHH', self.sport, self.dport, 8 + len(self.data), 0) + self.data
        else:
            protocol, at = 6, 16
            body = struct.pack('>HHIIBBHHH', self.sport, self.dport, 1000, 0, 0x50, self.flags, 8192, 0, 0) + self.data
        total = checksum(source + target + struct.pack('>HH', protocol, len(body)) + body)
        body = body[:at] + struct.pack('>H', total) + body[at + 2:]
        header = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0) + source + target
        return header[:10] + struct.pack('>H', checksum(header)) + header[12:] + body

    @classmethod
    def decode(cls, data):
        """Its checksums have to be right."""
        header, body = data[:20], data[20:struct.unpack('>H', data[2:4])[0]]
        assert checksum(header) == 0
        assert checksum(header[12:] + struct.pack('>HH', header[9], len(body)) + body) == 0
        sport, dport = struct.unpack('>HH', body[:4])
        skip, flags = (20, body[13]) if header[9] == 6 else (8, None)
        return cls(socket.inet_ntoa(header[12:16]), sport, socket.inet_ntoa(header[16:20]), dport, body[skip:], flags)


class Station:
    """Whoever the machine asks for on the other end of a card's cable."""
    ADDRESS = bytes.fromhex('0200000000aa')

    def __init__(self, folder, name):
        self.name, self.path, self.machine = name, f'{folder}/{name}', f'{folder}/{name}-card'
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def options(self):
        return ['-netdev', f'dgram,id={self.name},local.type=unix,local.path={self.machine},remote.type=unix,'
                f'remote.path={self.path}',
                '-device', f'virtio-net-pci,netdev={self.name},mac={CARDS[self.name].hex(":")}']

    def send(self, packet):
        self.socket.sendto(CARDS[self.name] + self.ADDRESS + b'\x08\0' + packet.encode(), self.machine)

    def receive(self, limit_s=20.0):
        """The next packet of TCP or UDP; None: none has come."""
        end = time.monotonic() + limit_s * machines.SLOWER
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                frame = self.socket.recv(1 << 16)
            except TimeoutError:
                return None
            if frame[12:14] == b'\x08\x06' and frame[20:22] == b'\0\1':
                answer = frame[14:20] + b'\0\2' + self.ADDRESS + frame[38:42] + frame[22:32]
                self.socket.sendto(CARDS[self.name] + self.ADDRESS + b'\x08\x06' + answer, self.machine)
            elif frame[12:14] == b'\x08\0' and frame[23] in (6, 17):
                return Packet.decode(frame[14:])

    def expect(self, *ends, data=None, flags=None):
        packet = self.receive()
        assert packet and packet.ends() == ends
        assert data is None or packet.data[:len(data)] == data
        assert flags is None or packet.flags == flags


@pytest.fixture
def router(start, tmp_path):
    stations = [Station(tmp_path, name) for name in CARDS]
    m = start(append='quiet ip=off', cpus=2, memory=192,
              qemu=[x for station in stations for x in station.options()]).boot()
    m.check(f'lsmod | grep -q "^inet " || insmod {DRIVERS}/net/inet/inet.ko; insmod {DRIVERS}/net/filter/filter.ko')
    for station, network in zip(stations, ('10.0.0.1', PUBLIC)):
        card = m.check(f'grep -l {CARDS[station.name].hex(":")} /sys/class/net/*/address').split('/')[4]
        m.check(f'ifconfig {card} {network} netmask 255.255.255.0 up')
        setattr(station, 'card', card)
    yield m, *stations
    for station in stations:
        station.socket.close()


def load(m, *rules):
    m.check('printf "' + ''.join(rule + '\\n' for rule in rules) + '" > /dev/filter')


def test_a_network_is_translated_and_only_answers_come_in(router):
    m, inside, outside = router
    inside.send(Packet(CLIENT, 5000, SERVER, 53, b'not yet'))
    assert outside.receive(0.5) is None                     # nothing is forwarded
    m.check('echo 1 >/proc/sys/net/ipv4/ip_forward')
    inside.send(Packet(CLIENT, 5000, SERVER, 53, b'plain'))
    outside.expect(CLIENT, 5000, SERVER, 53, data=b'plain')
    load(m, 'policy forward drop', f'forward in {inside.card} accept', 'forward state established,related accept',
         f'postrouting out {outside.card} masquerade', f'prerouting in {outside.card} proto tcp dport 80 dnat {CLIENT}:8080',
         f'forward proto tcp to {CLIENT} dport 8080 state new accept')
    assert 'masquerade' in m.check('cat /dev/filter')
    inside.send(Packet(CLIENT, 5001, SERVER, 53, b'asked'))
    outside.expect(PUBLIC, 5001, SERVER, 53, data=b'asked')
    outside.send(Packet(STRANGER, 53, PUBLIC, 5001, b'forged'))
    outside.send(Packet(SERVER, 53, PUBLIC, 5001, b'answer'))
    inside.expect(SERVER, 53, CLIENT, 5001, data=b'answer')
    assert f'udp  established {CLIENT} 5001' in m.check('cat /dev/filter_connections')
    outside.send(Packet(STRANGER, 99, CLIENT, 22, flags=SYN))
    assert inside.receive(0.5) is None
    outside.send(Packet(STRANGER, 99, PUBLIC, 80, flags=SYN))
    inside.expect(STRANGER, 99, CLIENT, 8080, flags=SYN)
    inside.send(Packet(CLIENT, 8080, STRANGER, 99, flags=SYN | ACK))
    outside.expect(PUBLIC, 80, STRANGER, 99, flags=SYN | ACK)
    m.check('echo >/dev/filter')                            # no rules: as without the filter
    inside.send(Packet(CLIENT, 5002, SERVER, 53, b'plain'))
    outside.expect(CLIENT, 5002, SERVER, 53)


def test_rules_are_replaced_whole_or_not_at_all(router):
    m, _, outside = router
    load(m, 'input proto tcp dport 22 reject', 'policy input drop')
    outside.send(Packet(STRANGER, 99, PUBLIC, 22, flags=SYN))
    outside.expect(PUBLIC, 22, STRANGER, 99, flags=RST | ACK)
    outside.send(Packet(STRANGER, 99, PUBLIC, 23, flags=SYN))
    assert outside.receive(0.5) is None
    before = m.check('cat /dev/filter')
    assert m.run('printf "input accept\\ninput dport 7 accept\\n" >/dev/filter')[1]
    assert m.check('cat /dev/filter') == before
    assert 'line 2 of the rules: ports need proto tcp or udp' in m.check('dmesg')
    m.check('rmmod filter')
    outside.send(Packet(STRANGER, 99, PUBLIC, 23, flags=SYN))
    outside.expect(PUBLIC, 23, STRANGER, 99, flags=RST | ACK)       # by TCP/IP: nobody listens


# ---- the shaper ----

@pytest.mark.usefixtures('inet')
def test_tcp_survives_a_bad_link(shell):
    shell.check(f'insmod {DRIVERS}/net/shaper/shaper.ko interface=lo delay_us=2000 jitter_us=500 loss_ppm=10000 '
                'reorder_ppm=50000 duplicate_ppm=10000 seed=7')
    shell.check('for i in 1 2 3; do wget -q -O /tmp/got http://127.0.0.1/words && cmp /tmp/got /tmp/www/words || exit 1; done',
                120)
    passed, _, took, *_ = hook_row(shell, 'shaper')
    assert passed > 0 and took > 0
    # It goes with frames held, and comes back.
    shell.check(f'ping -c 1 -W 1 127.0.0.1 >/dev/null & usleep 1000; rmmod shaper && insmod {DRIVERS}/net/shaper/shaper.ko '
                'delay_us=100000; ping -c 1 127.0.0.1 && rmmod shaper', 40)
    assert 'mistake' not in shell.check('dmesg') and 'shaper: leaked' not in shell.check('dmesg')

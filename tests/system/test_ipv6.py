# SPDX-License-Identifier: MIT
"""IPv6 on cards: link-local addresses, routers' advertisements, duplicates. The test is the router, or QEMU's user network is."""
import http.server
import ipaddress
import os
import re
import select
import socket
import struct
import threading

import pytest

import machine as machines
from test_net import CARD, OTHER, PEER, peer, set_up, wait_until  # noqa: F401

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(
                  os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                  reason='built without lwIP')]
IPV6 = bytes.fromhex('86dd')
OWN, ROUTER = 'fe80::5054:ff:fec0:ffee', 'fe80::aa'
PREFIX = 'fd00:1:2:3::'
LEARNED = 'fd00:1:2:3:5054:ff:fec0:ffee'
ALL = 'ff02::1'
FOR_EVER = 0xffffffff
INET = 'modprobe inet'


def packed(address):
    return ipaddress.IPv6Address(address).packed


def checksum(data):
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def message(source, to, body, hops=255, hardware=PEER):
    """A frame with a message of ICMPv6."""
    pseudo = packed(source) + packed(to) + struct.pack('>II', len(body), 58)
    padded = body + b'\0' * (len(body) % 2)
    body = body[:2] + struct.pack('>H', checksum(pseudo + padded)) + body[4:]
    address = packed(to)
    group = b'\x33\x33' + address[12:] if address[0] == 0xff else CARD
    return group + hardware + IPV6 + struct.pack('>IHBB', 6 << 28, len(body), 58, hops) + packed(source) + address + body


def prefix(address=PREFIX, bits=64, flags=0xc0, valid=3000, preferred=2000):
    return struct.pack('>BBBBIII', 3, 4, bits, flags, valid, preferred, 0) + packed(address)


def advertisement(*options, life=1800, source=ROUTER, hops=255, code=0):
    head = struct.pack('>BBHBBHII', 134, code, 0, 64, 0, life, 0, 0)
    return message(source, ALL, head + b''.join(options), hops)


def redirect(to, by=ROUTER):
    """To send to a destination by itself."""
    return message(by, OWN, struct.pack('>BBHI', 137, 0, 0, 0) + packed(to) + packed(to))


def claim(address, to=ALL, source=None):
    return message(source or address, to, struct.pack('>BBHI', 136, 0, 0, 0x20000000) + packed(address) + b'\2\1' + PEER)


HOP_BY_HOP, FRAGMENT, DESTINATION = 0, 44, 60
PADDING = bytes.fromhex('3a00 0104 00000000')


def behind(frame, number, header=PADDING):
    """The frame with an extension header."""
    body = header + frame[54:]
    return frame[:18] + struct.pack('>HB', len(body), number) + frame[21:54] + body


def fragments(frame, identity=7):
    """Two; or one, of a frame that is short."""
    parts = [(0, frame[54:70], 1), (16, frame[70:], 0)]
    return [behind(frame[:54] + part, FRAGMENT, struct.pack('>BBHI', 58, 0, at | more, identity)) for at, part, more in parts]


def disguises(frame):
    """It, and what hides it."""
    options = behind(frame, DESTINATION, b'\x2c' + PADDING[1:] + struct.pack('>BBHI', 58, 0, 0, 8))
    return [frame, behind(frame, HOP_BY_HOP), behind(frame, DESTINATION),
            behind(frame, FRAGMENT, struct.pack('>BBHI', 58, 0, 0, 9)), options, *fragments(frame)]


class Router:
    def __init__(self, station):
        self.station = station

    def send(self, frame):
        self.station.socket.sendto(frame, self.station.machine)

    def next(self, kind):
        """The next message of ICMPv6 of a type. @return source, destination, message"""
        while True:
            frame = self.station.socket.recv(1 << 17)
            if frame[12:14] == IPV6 and frame[20] == 58 and frame[54] == kind:
                return str(ipaddress.IPv6Address(frame[22:38])), str(ipaddress.IPv6Address(frame[38:54])), frame[54:]

    def next_sent(self):
        """Be found by the machine. @return the bytes of the next packet to the router that is or begins a ping"""
        answer = struct.pack('>BBHI', 136, 0, 0, 0x60000000) + packed(ROUTER) + b'\2\1' + PEER
        while True:
            frame = self.station.socket.recv(1 << 17)
            if frame[20] == 58 and frame[54] == 135 and frame[62:78] == packed(ROUTER):
                self.send(message(ROUTER, OWN, answer))
            elif frame[38:54] == packed(ROUTER) and (frame[20] == FRAGMENT or frame[54] == 128):
                return len(frame) - 14

    def drain(self):
        """The messages of ICMPv6 that have arrived."""
        frames = []
        while select.select([self.station.socket], [], [], 0)[0]:
            frame = self.station.socket.recv(1 << 17)
            if frame[12:14] == IPV6 and frame[20] == 58:
                frames.append(frame)
        return frames


@pytest.fixture
def router(peer):   # noqa: F811
    return Router(peer)


def begin(start, peer, card='virtio-net-pci'):  # noqa: F811
    m = start(append='quiet ip=off', qemu=peer.options(card)).boot()
    wait_until(m, 'test -e /sys/class/net/eth0')
    m.check(f'{INET} && ip link set eth0 up')
    return m


def addresses(m, name='eth0'):
    return m.check(f'ip -6 addr show dev {name}')


def test_an_interface_configures_itself(start, router, peer):   # noqa: F811
    m = begin(start, peer)
    source, to, body = router.next(135)                 # does anybody have it?
    assert source == '::' and to == 'ff02::1:ffc0:ffee' and body[8:24] == packed(OWN)
    assert 'tentative' in addresses(m)
    source, to, body = router.next(133)
    assert source == OWN and to == 'ff02::2' and body[8:] == b'\1\1' + CARD
    router.send(advertisement(life=0))                  # of one that is no default router: others are asked on
    assert router.next(133)[0] == OWN
    assert re.search(f'inet6 {OWN}/64 scope link', addresses(m)) and 'tentative' not in addresses(m)
    router.send(advertisement(prefix(), struct.pack('>BBHI', 5, 1, 0, 1400)))
    source, to, body = router.next(135)
    assert body[8:24] == packed(LEARNED)
    wait_until(m, f'ip -6 addr | grep -q "inet6 {LEARNED}/64 scope global dynamic"')
    wait_until(m, '! ip -6 addr | grep -q tentative')
    routes = m.check('ip -6 route')
    assert f'default via {ROUTER} dev eth0' in routes and f'{PREFIX}/64 dev eth0' in routes
    assert 'fe80::/64 dev eth0' in routes
    # What is for the own link-local address, and for one of lo.
    m.check(f'ping -6 -c 1 {OWN}%eth0 && ping -6 -c 1 {LEARNED}')
    m.check('(sleep 9 | nc -l -p 99 >/tmp/got &) ; sleep 1; echo word | nc -w 2 ' f'{OWN}%eth0 99; grep word /tmp/got')
    # The stack goes; addresses and routes are the kernel's, and the next one has them at once.
    m.check('rmmod --revoke inet', 40)
    assert LEARNED in addresses(m) and f'default via {ROUTER}' in m.check('ip -6 route')
    m.check(f'{INET} && ping -6 -c 1 {OWN}%eth0 && ping -6 -c 1 {LEARNED}')
    # Seconds that are left go down, whoever is there.
    assert re.search(r'valid_lft 29\d\dsec preferred_lft 19\d\dsec', addresses(m))
    # A router that ends; a prefix of which nobody shortens the life to less than two hours (here: what it has).
    router.send(advertisement(prefix(valid=1, preferred=0), life=0))
    wait_until(m, '! ip -6 route | grep -q default')
    wait_until(m, f'ip -6 addr | grep -A 1 {LEARNED} | grep -q "preferred_lft 0sec"')
    assert re.search(r'valid_lft 29\d\dsec', addresses(m))
    # The MTU that a router has announced stays with each change of the interface, and is never more than its own.
    router.send(advertisement(struct.pack('>BBHI', 5, 1, 0, 1400), life=0))
    m.check('sleep 0.2; echo 0 >/proc/sys/net/ipv6/conf/eth0/autoconf; echo 1 >/proc/sys/net/ipv6/conf/eth0/autoconf; sleep 0.2')
    for mtu, most in ((1500, 1400), (1300, 1300)):
        m.check(f'ip link set eth0 mtu {mtu}; (ping -6 -c 1 -W 1 -s 1420 {ROUTER}%eth0 >/dev/null 2>&1 &)')
        assert most - 8 < router.next_sent() <= most
        m.check('sleep 0.3')
        router.drain()
    # One that is announced as deprecated stays so when it was found free.
    router.send(advertisement(prefix('fd00:6::', preferred=0)))
    wait_until(m, 'ip -6 addr | grep -q fd00:6::')
    wait_until(m, '! ip -6 addr | grep -q tentative')
    assert 'preferred_lft 0sec' in m.check('ip -6 addr | grep -A 1 fd00:6::')
    m.check('ip link set eth0 down')
    assert addresses(m) == '' and 'eth0' not in m.check('ip -6 route')


def test_settings_end(start, router, peer):     # noqa: F811
    m = begin(start, peer)
    router.next(133)
    router.send(advertisement(prefix(valid=3, preferred=2), life=2))
    wait_until(m, f'ip -6 addr | grep -q {LEARNED}')
    wait_until(m, f'! ip -6 addr | grep -q {LEARNED} && ! ip -6 route | grep -q default')
    m.check('for i in all default eth0; do cat /proc/sys/net/ipv6/conf/$i/*; done')
    m.check('ip addr add 127.0.0.2/8 dev lo; ip addr del 127.0.0.1/8 dev lo; echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6')
    wait_until(m, '! ip addr show dev lo | grep -q inet6')
    m.check('echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6')
    wait_until(m, 'ip addr show dev lo | grep -q "inet6 ::1/128"')
    m.check('ping -6 -c 1 ::1; ! ip addr show dev lo | grep -q 127.0.0.1')
    m.check('echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6')
    wait_until(m, '! ip -6 addr show dev eth0 | grep -q inet6')
    assert m.run('ip addr add fd00::1/64 dev eth0')[1]
    m.check('echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra; echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6')
    wait_until(m, f'ip -6 addr | grep -q {OWN}')
    router.send(advertisement(prefix()))
    m.check('echo 0 >/proc/sys/net/ipv6/conf/eth0/autoconf; echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_ra; sleep 0.5')
    router.send(advertisement(prefix('fd00:9::')))
    wait_until(m, 'ip -6 route | grep -q fd00:9::')
    assert LEARNED not in addresses(m) and 'fd00:9::' not in addresses(m)
    assert m.run('echo 2 >/proc/sys/net/ipv6/conf/eth0/autoconf')[1]
    m.check('ip link set eth0 down; echo 1 >/proc/sys/net/ipv6/conf/eth0/addr_gen_mode; ip link set eth0 up; sleep 1.5')
    assert addresses(m) == ''


def test_hostile_advertisements(start, router, peer):   # noqa: F811
    m = begin(start, peer)
    router.next(133)
    for wrong in (advertisement(prefix(), hops=254), advertisement(prefix(), source='fd00::1'),
                  advertisement(prefix(), code=1), advertisement(prefix()[:24]),
                  advertisement(prefix() + b'\x07\x00'), *(advertisement(prefix(x), life=0) for x in ('fe80::', 'ff02::', '::')),
                  advertisement(prefix(valid=1, preferred=2), life=0), advertisement(prefix(bits=129), life=0),
                  # Behind extension headers; in fragments, be it one or more; and one whose checksum is wrong.
                  *(behind(advertisement(prefix(), hops=254), x) for x in (HOP_BY_HOP, DESTINATION)),
                  *disguises(advertisement(prefix()))[3:], advertisement(prefix())[:-1] + b'\1',
                  behind(advertisement(prefix())[:-1] + b'\1', DESTINATION)):
        router.send(wrong)
    # Each names 3 prefixes and another router: few are kept.
    for i in range(100):
        router.send(advertisement(*(prefix(f'fd00:5:{i + 1:x}:{j + 1}::', valid=FOR_EVER, preferred=FOR_EVER) for j in range(3)),
                                  source=f'fe80::{i + 1:x}'))
    wait_until(m, 'ip -6 addr | grep -q fd00:5:2:3: && ip -6 route | grep -q fd00:5:64:3::')
    assert len(re.findall('fd00:5:', addresses(m))) == 6
    routes = m.check('ip -6 route')
    assert PREFIX not in addresses(m) + routes and ROUTER not in routes
    # 4 default routers and 12 prefixes, the last ones; and what is the interface's own.
    assert len(routes.splitlines()) == 17 and routes.count('default') == 4 and 'fe80::/64' in routes
    assert all(f'default via fe80::{i:x} ' in routes and f'fd00:5:{i:x}:3::/64' in routes for i in range(97, 101))
    # A router with many displaces none of others but one: after it there is still one that was heard of before.
    router.send(advertisement(*(prefix(f'fd00:8:{i:x}::', flags=0x80) for i in range(8))))
    router.send(advertisement(*(prefix(f'fd00:8:{i:x}::', flags=0x80) for i in range(8, 16))))
    wait_until(m, 'ip -6 route | grep -q fd00:8:f::')
    routes = m.check('ip -6 route')
    assert f'default via {ROUTER} ' in routes and routes.count('fd00:5:') == 11 and routes.count('fd00:8:') == 1
    # A neighbour says that it has the address: too late.
    for frame in (claim(OWN), claim(OWN, OWN), claim(OWN, ALL, ROUTER)):
        for disguise in disguises(frame):
            router.send(disguise)
    m.check(f'sleep 0.5; ping -6 -c 1 {OWN}%eth0')
    assert 'dadfailed' not in addresses(m)
    # What a program has set is left alone.
    m.check(f'ip -6 route add default via fe80::1 dev eth0 metric 1024 2>/dev/null; ip -6 addr add {LEARNED}/64 dev eth0')
    router.send(advertisement(prefix(valid=1, preferred=0)))
    m.check('sleep 2.5')
    assert re.search(f'{LEARNED}/64 scope global *\r?\n *valid_lft forever', addresses(m)), addresses(m)


def test_no_header_hides_what_is_refused(start, router, peer):   # noqa: F811
    m = begin(start, peer)
    router.next(133)
    m.check('echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra; ip -6 addr add fd00::5/128 dev eth0 nodad;'
            'ip -6 route add fd00:66::/64 via fe80::bb dev eth0')

    def asked():
        """Whom the machine looks for when it sends to one behind the gateway."""
        router.drain()
        m.run('ping -6 -c 1 -W 1 fd00:66::7')
        return {str(ipaddress.IPv6Address(frame[62:78])) for frame in router.drain() if frame[54] == 135}

    assert asked() == {'fe80::bb'}
    for frame in (redirect('fd00:66::7', by='fe80::bb'), advertisement(prefix('fd00:66::'))):
        for disguise in disguises(frame):
            router.send(disguise)
        assert 'fd00:66::7' not in asked()
    assert 'fd00:66::/64 dev' not in m.check('ip -6 route')


def test_a_duplicate_is_not_used(start, router, peer):  # noqa: F811
    m = begin(start, peer)
    router.next(135)
    router.send(claim(OWN))
    wait_until(m, 'ip -6 addr | grep -q dadfailed')
    assert m.run(f'ping -6 -c 1 -W 1 {OWN}%eth0')[1]
    m.check(f'ip -6 addr replace {OWN}/64 dev eth0; sleep 0.2')
    assert 'dadfailed' in addresses(m) and m.run(f'ping -6 -c 1 -W 1 {OWN}%eth0')[1]
    # The others stay; and each is asked for.
    assert 'tentative' in m.check('ip addr add fd00::5/64 dev eth0; ip addr replace fd00::5/64 dev eth0; ip addr show dev eth0 | grep fd00::5')
    assert router.next(135)[2][8:24] == packed('fd00::5')
    wait_until(m, 'ip -6 addr | grep fd00::5 | grep -vq tentative')
    m.check('ping -6 -c 1 fd00::5')


def test_two_machines_talk_by_link_local_addresses(start, tmp_path):
    first, second = (str(tmp_path / x) for x in ('one', 'two'))
    there = []
    for own, other, hardware in ((first, second, '52:54:00:00:00:01'), (second, first, '52:54:00:00:00:02')):
        card = ['-netdev', f'dgram,id=n,local.type=unix,local.path={own},remote.type=unix,remote.path={other}',
                '-device', f'virtio-net-pci,netdev=n,mac={hardware}']
        m = start(append='quiet ip=off', qemu=card).boot()
        wait_until(m, 'test -e /sys/class/net/eth0')
        there.append(m)
    for m in there:
        m.check(f'{INET} && ip link set eth0 up')
    for m in there:
        wait_until(m, 'ip -6 addr | grep fe80 | grep -vq tentative')
    one, two = there
    two.check('(sleep 20 | nc -l -p 99 >/tmp/got &)')
    one.check('ping -6 -c 2 fe80::5054:ff:fe00:2%eth0')
    one.check('yes line | head -c 300000 >/tmp/sent; nc -w 2 fe80::5054:ff:fe00:2%eth0 99 </tmp/sent')
    assert two.check('wc -c </tmp/got').strip() == '300000'
    assert one.run('nc -w 1 fe80::5054:ff:fe00:2 99 </dev/null')[1]        # on which link?


def test_a_user_network_has_ipv6(start):
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'word\n' * 20000)

        def log_message(self, *_):
            pass

    server = Server(('::1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        m = start(append='quiet', qemu=['-netdev', 'user,id=n,ipv4=on,ipv6=on', '-device', 'virtio-net-pci,netdev=n']).boot()
        wait_until(m, 'ip -6 addr | grep fec0 | grep -vq tentative')
        assert 'default via fe80::2 dev eth0' in m.check('ip -6 route')
        m.check('ping -6 -c 1 fe80::2%eth0 && ping -6 -c 1 fec0::2')
        m.check(f'wget -q -O /tmp/got http://[fec0::2]:{server.server_port}/')
        assert m.check('wc -c </tmp/got').strip() == '100000'
    finally:
        server.shutdown()
        server.server_close()

# SPDX-License-Identifier: MIT
"""Intel's network cards: frames with the test as the other station, and TCP/IP over QEMU's user network."""
import contextlib
import functools
import hashlib
import http.server
import os
import re
import socket
import struct
import subprocess
import threading

import pytest

import machine as machines
from archive import file
from test_net import (APPEND, CARD, HEADER, OTHER, PEER, TYPE, Peer, begin_echo, data_of, end_echo, fetch, free_port,
                      peer, program, set_up)     # noqa: F401
from test_pci import FLAGS, SLOTS, SOURCE, monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos

HERE = os.path.dirname(os.path.abspath(__file__))
CARDS = ['e1000', 'e1000e']
both = pytest.mark.parametrize('card', CARDS)
needs_inet = pytest.mark.skipif(not os.path.exists(os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                                reason='the driver inet was not built')
FILE_BYTES = 4 << 20


def group(number):
    return bytes.fromhex('01005e0100') + bytes([number])


def receive_any(station):
    """The data of the next frame, whatever its addresses are."""
    while True:
        frame = station.socket.recv(1 << 17)
        if frame[12:14] == TYPE:
            return frame[14:]


@both
def test_frames_come_and_go(start, program, peer, card):     # noqa: F811
    m = start(files=program, append=APPEND, qemu=peer.options(card)).boot()
    set_up(m)
    assert m.check('cat /sys/class/net/eth0/address /sys/class/net/eth0/speed') == f'{CARD.hex(":")}\n1000\n'
    begin_echo(m)
    for length in (46, 47, 500, 1499, 1500):
        peer.exchange(data_of(length))
    for first in range(0, 600, 30):         # more than once around the rings
        peer.exchange(*(data_of(100 + i, i) for i in range(first, first + 30)))
    end_echo(m, peer, 606)
    # Set up again it is reset, and told again what it receives: its own and what is for all.
    m.check('/frames down eth0; /frames up eth0')
    begin_echo(m)
    peer.send(data_of(60), OTHER + PEER + TYPE)
    peer.send(data_of(60), group(1) + PEER + TYPE)
    peer.exchange(data_of(60))
    end_echo(m, peer, 2)
    # Another address.
    m.check(f'/frames down eth0; ip link set eth0 address {OTHER.hex(":")}; /frames up eth0')
    begin_echo(m)
    peer.send(data_of(60))
    peer.send(b'quit', OTHER + PEER + TYPE)
    assert receive_any(peer)[:4] == b'quit'
    m.expect('1 frames\r?\n')
    m.expect(m.prompt)
    m.check('rmmod e1000')
    assert m.run('ls /sys/class/net/eth0 2>/dev/null')[1]
    assert 'leaked' not in m.check('dmesg')


@both
def test_groups_and_everything(start, program, peer, card):     # noqa: F811
    m = start(files=program, append=APPEND, qemu=peer.options(card)).boot()
    set_up(m)
    # The first ones have registers of their own, the others are hashed; one that hashes otherwise is not received.
    m.sendline('/frames echo eth0 30')
    m.expect('ready\r?\n')
    for number in (0, 13, 14, 29):
        peer.send(b'no', group(0x40 + number) + PEER + TYPE)
        peer.send(bytes([number]) * 60, group(number) + PEER + TYPE)
        assert receive_any(peer) == bytes([number]) * 60
    end_echo(m, peer, 5)
    for switch, address in (('allmulti', group(0x77)), ('promisc', OTHER)):
        m.check(f'/frames {switch} eth0')
        begin_echo(m)
        peer.send(switch.encode() * 7, address + PEER + TYPE)
        assert receive_any(peer) == switch.encode() * 7
        end_echo(m, peer, 2)
        m.check(f'/frames -{switch} eth0')
        begin_echo(m)
        peer.send(data_of(60), address + PEER + TYPE)
        end_echo(m, peer, 1)


@both
def test_long_frames(start, program, peer, card):     # noqa: F811
    m = start(files=program, append=APPEND, qemu=peer.options(card)).boot()
    set_up(m)
    begin_echo(m)
    peer.send(data_of(4000))
    end_echo(m, peer, 1)
    for mtu in (9000, 2000):
        m.check(f'ip link set eth0 mtu {mtu}')
        begin_echo(m)
        for length in (46, 1010, 1011, 1500, 1998, mtu - 1, mtu):
            peer.exchange(data_of(length))
        for _ in range(10):
            peer.exchange(*(data_of(mtu - i, i) for i in range(6)))
        end_echo(m, peer, 68)
    m.check('ip link set eth0 mtu 1500')
    assert m.run('ip link set eth0 mtu 9001')[1]
    begin_echo(m)
    peer.exchange(data_of(1500))
    end_echo(m, peer, 2)
    assert re.search(r'eth0: +\d+ +\d+ +0 ', m.check('cat /proc/net/dev'))


@both
def test_the_link_goes_and_comes(start, program, peer, monitor, card):  # noqa: F811
    m = start(files=program, append=APPEND, qemu=[*peer.options(card), *monitor.options()]).boot()
    set_up(m)
    for _ in range(2):
        monitor.command('set_link', name='card', up=False)
        wait_until(m, 'grep -q 0 /sys/class/net/eth0/carrier')
        monitor.command('set_link', name='card', up=True)
        wait_until(m, 'grep -q 1 /sys/class/net/eth0/carrier')
    begin_echo(m)
    peer.exchange(data_of(100))
    end_echo(m, peer, 2)


def test_messages_or_the_line(start, program, peer):     # noqa: F811
    m = start(files=program, append=APPEND, qemu=peer.options('e1000e')).boot()
    m.stop_agent()
    for parameter, kind in (('', 'PCI-MSI'), ('line=1', 'IO-APIC')):
        m.check(f'rmmod e1000; modprobe e1000 {parameter}')
        set_up(m)
        assert re.search(f'[1-9].* {kind} .*e1000', m.check('cat /proc/interrupts'))
        begin_echo(m)
        peer.exchange(*(data_of(100 + i, i) for i in range(40)))
        end_echo(m, peer, 41)


@contextlib.contextmanager
def flood(station):
    """What is for all arrives all the time, as fast as it can."""
    over = threading.Event()

    def main():
        while not over.is_set():
            try:
                station.send(data_of(1000), b'\xff' * 6 + PEER + TYPE)
            except OSError:     # QEMU's end is full, or gone
                over.wait(0.01)

    station.socket.settimeout(0.1)
    thread = threading.Thread(target=main)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def wait_traffic(m):
    wait_until(m, 'test $(cat /sys/class/net/eth0/statistics/rx_packets) -gt 10')


@both
def test_the_driver_goes_and_comes_under_traffic(start, program, peer, card):     # noqa: F811
    m = start(files=program, append=APPEND, cpus=4, qemu=peer.options(card)).boot()
    m.check('modprobe inet')     # nobody would answer ip's request for its family
    m.stop_agent()
    set_up(m)
    with flood(peer):
        for _ in range(3):
            m.check('rmmod e1000', 60)
            m.check('modprobe e1000')
            set_up(m)
            wait_traffic(m)
            m.check('ip link set eth0 mtu 3000; ip link set eth0 promisc on; ip link set eth0 promisc off')
    assert 'leaked' not in m.check('dmesg')


@both
def test_the_card_goes_and_comes_under_traffic(start, program, peer, monitor, card):     # noqa: F811
    netdev, device = peer.options(card)[:2], dict(driver=card, netdev='cable', mac=CARD.hex(':'), id='card')
    m = start(files=program, append=APPEND, machine='q35', cpus=4,
              qemu=[*SLOTS, *netdev, *monitor.options()]).boot()
    with flood(peer):
        for slot in ('slot1', 'slot2', 'slot1'):
            monitor.command('device_add', bus=slot, **device)
            set_up(m)
            wait_traffic(m)
            monitor.command('device_del', id='card')
            monitor.wait_gone('card')
            wait_until(m, '! test -e /sys/class/net/eth0')
    m.check('rmmod e1000')
    assert not re.search('leaked|stray', m.check('dmesg'))


@both
def test_the_card_is_pulled_out_without_a_word(start, program, peer, registers, card):     # noqa: F811
    netdev, (_, device) = peer.options(card)[:2], peer.options(card)[2:]
    m = start(files=program, append=APPEND, cpus=4,
              qemu=[*netdev, '-device', device + ',addr=5', *registers.qemu]).boot()
    set_up(m)
    with flood(peer):
        wait_traffic(m)
        registers.eject(5)
        m.run('ip link set eth0 mtu 4000')      # the driver looks: it is not there
        wait_until(m, '! test -e /sys/class/net/eth0')
    m.check('rmmod e1000')
    log = m.check('dmesg')
    assert 'was unplugged without notice' in log and 'leaked' not in log, log


@pytest.fixture
def server(tmp_path):
    """What the test offers to the machine: its port, and the sum of the file."""
    content = os.urandom(FILE_BYTES)
    (tmp_path / 'file').write_bytes(content)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = lambda *args: None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as offered:
        thread = threading.Thread(target=offered.serve_forever)
        thread.start()
        yield offered.server_address[1], hashlib.sha256(content).hexdigest()
        offered.shutdown()
        thread.join()


@needs_inet
@both
def test_tcp_ip(start, server, card):
    port, digest = server
    forwarded = free_port(socket.SOCK_STREAM)
    m = start(append='quiet', qemu=['-netdev', f'user,id=net,hostfwd=tcp:127.0.0.1:{forwarded}-:80',
                                    '-device', f'{card},netdev=net']).boot()
    wait_until(m, 'ip route | grep -q "^default via 10.0.2.2"')
    m.check('ping -c 2 10.0.2.2')
    m.check(f'mkdir /tmp/www; wget -q -O /tmp/www/file http://10.0.2.2:{port}/file', 60)
    assert m.check('sha256sum </tmp/www/file').split()[0] == digest
    m.check('httpd -h /tmp/www')
    assert hashlib.sha256(fetch(forwarded, 'file')).hexdigest() == digest
    for mtu in (1000, 9000):
        m.check(f'ip link set eth0 mtu {mtu}; wget -q -O /tmp/again http://10.0.2.2:{port}/file', 60)
        m.check('cmp /tmp/again /tmp/www/file')


@pytest.fixture(scope='module')
def datagram():
    out = f'{machines.BUILD}/tests/system/datagram'
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', out, f'{HERE}/datagram.c'], check=True)
    with open(out, 'rb') as f:
        return {'datagram': file('', f.read(), 0o755)}


def sent(m):
    return [int(m.check(f'cat /sys/class/net/eth0/statistics/tx_{what}')) for what in ('packets', 'bytes')]


@needs_inet
@both
def test_what_inet_leaves_to_the_card(start, server, datagram, card):
    """Datagrams whose checksums QEMU's other side looks at, whole and fragmented; segments that are joined."""
    port, digest = server
    forwarded = free_port(socket.SOCK_STREAM)
    lengths = [0, 1, 31, 1472, 1473, 4001, 1471, 9000, 2]
    m = start(files=datagram, append='quiet', qemu=[
        '-netdev', f'user,id=net,hostfwd=tcp:127.0.0.1:{forwarded}-:80', '-device', f'{card},netdev=net']).boot()
    wait_until(m, 'ip route | grep -q "^default via 10.0.2.2"')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(('127.0.0.1', 0))
        receiver.settimeout(20)
        m.check(f'/datagram 10.0.2.2 {receiver.getsockname()[1]} {" ".join(map(str, lengths))}')
        for length in lengths:
            assert receiver.recv(1 << 16) == bytes(i * 7 & 255 for i in range(length))
    m.check(f'mkdir /tmp/www; wget -q -O /tmp/www/file http://10.0.2.2:{port}/file; httpd -h /tmp/www', 60)
    before = sent(m)
    assert hashlib.sha256(fetch(forwarded, 'file')).hexdigest() == digest
    packets, count = (late - early for late, early in zip(sent(m), before))
    assert FILE_BYTES < count < FILE_BYTES * 1.1
    # QEMU's e1000e would make fragments of long ones, so it is not given any.
    assert (count / packets > 3000) == (card == 'e1000')
    # A connection whose segments have become too long for the interface goes on.
    m.check('ip link set eth0 mtu 600')
    assert hashlib.sha256(fetch(forwarded, 'file')).hexdigest() == digest


# ---- what cards do for frames that are sent: tests/system/drivers/offload.c ----

PARTIAL, TSO4, TSO6 = 2, 4, 8
ADDRESSES = bytes([10, 0, 0, 1, 10, 0, 0, 2])
ADDRESSES6 = bytes(15) + b'\1' + bytes(15) + b'\2'


def total(data):
    """The Internet checksum's sum, folded."""
    data += bytes(len(data) & 1)
    result = sum(int.from_bytes(data[i:i + 2], 'big') for i in range(0, len(data), 2))
    while result >> 16:
        result = (result & 0xffff) + (result >> 16)
    return result


def packet_of(family, protocol, data, options=b''):
    """A frame whose checksum is that of the pseudo header only; and where its payload begins."""
    length = len(data)
    addresses = ADDRESSES if family == 4 else ADDRESSES6
    pseudo = total(addresses + bytes([0, protocol]) + length.to_bytes(4, 'big')).to_bytes(2, 'big')
    at = 16 if protocol == 6 else 6
    data = data[:at] + pseudo + data[at + 2:]
    if family == 4:
        head = bytes([0x45 + len(options) // 4, 0]) + (20 + len(options) + length).to_bytes(2, 'big') + bytes(
            [0, 9, 0, 0, 64, protocol, 0, 0]) + addresses + options
        head = head[:10] + (~total(head) & 0xffff).to_bytes(2, 'big') + head[12:]
        return PEER + CARD + b'\x08\0' + head + data, 14 + len(head), at
    head = b'\x60\0\0\0' + length.to_bytes(2, 'big') + bytes([protocol, 64]) + addresses
    return PEER + CARD + b'\x86\xdd' + head + data, 54, at


def tcp(length):
    return bytes.fromhex('04d20050 00000001 00000000 50101000 00000000') + data_of(length, 5)


def udp(length):
    return bytes.fromhex('04d20050') + (8 + length).to_bytes(2, 'big') + b'\0\0' + data_of(length, 5)


def order(station, frame, flags, start, at, segment=0, headers=0, first=0):
    station.send(struct.pack('<IIHHHHI', flags, len(frame), start, at, segment, headers, first) + frame,
                 CARD + PEER + b'\x88\xb6')


def receive_ip(station):
    while True:
        frame = station.socket.recv(1 << 17)
        of_interface = frame[12:14] == b'\x86\xdd' and frame[20] in (0, 58)     # its groups, its neighbours
        if frame[12:14] in (b'\x08\0', b'\x86\xdd') and not of_interface:
            return frame


def is_summed(frame, start, family):
    """Are the checksums of a frame right?"""
    if family == 4:
        length = int.from_bytes(frame[16:18], 'big') - (start - 14)
        good, addresses, protocol = total(frame[14:start]) == 0xffff, frame[26:34], frame[23]
    else:
        length, good, addresses, protocol = int.from_bytes(frame[18:20], 'big'), True, frame[22:54], frame[20]
    payload = frame[start:start + length]
    return good and len(payload) == length and total(
        addresses + bytes([0, protocol]) + length.to_bytes(4, 'big') + payload) == 0xffff


@pytest.fixture
def offload():
    out = f'{machines.BUILD}/tests/system/offload.ko'
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['gcc', *FLAGS, f'-I{SOURCE}/include', f'-I{machines.BUILD}/include/drafts', '-DBANOS_DRAFT', '-c',
                    f'{SOURCE}/tests/system/drivers/offload.c', '-o', out], check=True)
    with open(out, 'rb') as f:
        return {'offload.ko': file('', f.read())}


@both
def test_checksums_of_what_is_sent(start, program, offload, peer, card):     # noqa: F811
    m = start(files={**program, **offload}, append=APPEND, qemu=peer.options(card)).boot()
    m.check('insmod /offload.ko')
    set_up(m)
    for family in (4, 6):
        for data, protocol in ((tcp(200), 6), (tcp(1), 6), (udp(700), 17), (udp(31), 17)):
            for first in (0, 60, 101):
                frame, where, at = packet_of(family, protocol, data)
                order(peer, frame, PARTIAL, where, at, first=first)
                got = receive_ip(peer)
                assert is_summed(got, where, family), (family, protocol, len(data), first)
                assert got[where + at + 2:len(frame)] == frame[where + at + 2:]
    # What is beyond the card is done by the driver: here the start does not lie in IP's payload.
    frame, where, at = packet_of(4, 17, udp(400))
    frame = frame[:where + 300] + b'\0\0' + frame[where + 302:]
    order(peer, frame, PARTIAL, where + 2, 298, first=77)
    assert total(receive_ip(peer)[where + 2:]) == 0xffff


# e1000 cuts frames of IPv4; the kernel does the others. QEMU's e1000e would make fragments of them.
@both
def test_segments_of_what_is_sent(start, program, offload, peer, card):     # noqa: F811
    m = start(files={**program, **offload}, append=APPEND, qemu=peer.options(card)).boot()
    m.check('insmod /offload.ko; ip link set eth0 mtu 9000')
    set_up(m)
    for family, flag in ((4, TSO4), (6, TSO6)):
        for first in (0, 1000):
            data = tcp(8500)     # QEMU's e1000 sends an empty segment behind a multiple
            frame, where, at = packet_of(family, 6, data)
            order(peer, frame, PARTIAL | flag, where, at, 1000, where + 20, first)
            got = b''
            for number in range(9):
                segment = receive_ip(peer)
                assert is_summed(segment, where, family), (family, number)
                assert int.from_bytes(segment[where + 4:where + 8], 'big') == 1 + 1000 * number
                got += segment[where + 20:]
            assert got == data[20:]

# SPDX-License-Identifier: MIT
"""Real traffic is recorded, changed, and arrives again: the shell stays, TCP goes on, and memory comes back."""
import os
import random
import re
import struct
import time

import pytest

import machine as machines
from test_e1000 import needs_inet, server, total    # noqa: F401
from test_net import Peer
from test_pci import wait_until

pytestmark = [pytest.mark.banos, needs_inet]
MAC = '52:54:00:c0:ff:ee'
KEPT_KIB = 768      # caches, neighbours, connections that end by their timers


def frames_of(path):
    """Of a pcap file."""
    with open(path, 'rb') as f:
        data = f.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from('<I', data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def repaired(frame):
    """With checksums that fit, as far as it still is IPv4, TCP and UDP: else nobody would look further."""
    start = 14 + (frame[14] & 15) * 4 if len(frame) > 34 else 0
    if frame[12:14] != b'\x08\0' or start < 34 or len(frame) < start + 20:
        return frame
    head = frame[14:24] + b'\0\0' + frame[26:start]
    head = head[:10] + (~total(head) & 0xffff).to_bytes(2, 'big') + head[12:]
    data, at = frame[start:], {6: 16, 17: 6}.get(frame[23])
    if at:
        pseudo = frame[26:34] + bytes([0, frame[23]]) + len(data).to_bytes(2, 'big')
        data = data[:at] + b'\0\0' + data[at + 2:]
        data = data[:at] + (~total(pseudo + data) & 0xffff).to_bytes(2, 'big') + data[at + 2:]
    return frame[:14] + head + data


def changed(rng, frames):
    """One of them, with its type kept mostly, and what follows changed in a few places, or cut, or made longer."""
    frame = bytearray(rng.choice(frames))
    first = 12 if rng.random() < 0.05 else 14
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        # Headers have the more interesting bytes.
        at = rng.randrange(first, min(len(frame), rng.choice((34, 60, 1600))))
        frame[at] = rng.choice((frame[at] ^ 1 << rng.randrange(8), rng.randrange(256), 0, 255))
    kind = rng.randrange(12)
    if kind == 0:
        del frame[rng.randrange(first, len(frame)):]
    elif kind == 1:
        frame += rng.randbytes(rng.randrange(1, 60))
    elif kind == 2:
        other = rng.choice(frames)
        frame[34:] = other[34:]
    frame = bytes(frame[:1514])
    return repaired(frame) if rng.random() < 0.8 else frame


def free_kib(m):
    return int(re.search(r'MemFree: +(\d+)', m.check('echo 3 >/proc/sys/vm/drop_caches; cat /proc/meminfo'))[1])


def fetch(m, port, digest):
    m.check(f'wget -q -O /tmp/file http://10.0.2.2:{port}/file', 120)
    assert m.check('sha256sum </tmp/file').split()[0] == digest
    m.check('rm /tmp/file; ping -c 2 10.0.2.2')


def move(m, source, to):
    m.check(f'ip link set {source} down; ip addr flush dev {source}; ip link set {to} up; '
            f'ip addr add 10.0.2.15/24 dev {to}')


def send(peer, frame):
    """What has come meanwhile is read, and thrown away."""
    while True:
        try:
            while peer.socket.recv(1 << 17):
                pass
        except BlockingIOError:
            pass
        try:
            return peer.socket.sendto(frame, peer.machine)
        except BlockingIOError:     # QEMU's end is full
            time.sleep(0.002)


def replay(peer, frames, count):
    rng = random.Random(12)
    own = bytes.fromhex(MAC.replace(':', ''))
    for _ in range(count):
        frame = changed(rng, frames)
        send(peer, own + frame[6:] if rng.random() < 0.9 else frame)


@pytest.mark.parametrize('card, count', [('virtio-net-pci', 3000), pytest.param('virtio-net-pci', 50000, marks=pytest.mark.long),
                                         pytest.param('e1000', 50000, marks=pytest.mark.long),
                                         pytest.param('e1000e', 50000, marks=pytest.mark.long)])
def test_recorded_frames_arrive_again_changed(start, tmp_path, server, card, count):     # noqa: F811
    port, digest = server
    peer, record = Peer(str(tmp_path)), f'{tmp_path}/record'
    m = start(kernel=machines.DEBUG_KERNEL, append='quiet ip=off', cpus=2, limit_s=200 + count // 50, qemu=[
        '-netdev', 'user,id=net', '-object', f'filter-dump,id=dump,netdev=net,file={record}',
        '-device', f'{card},netdev=net,mac={MAC}',
        *peer.options(card)]).boot()
    wait_until(m, 'test -e /sys/class/net/eth1')
    m.check('modprobe inet; mkdir -p /tmp/www; echo here >/tmp/www/index.html; httpd -h /tmp/www; ip link set eth0 up; '
            'udhcpc -q -n -t 3 -T 1 -i eth0 -s /bin/true; ip addr add 10.0.2.15/24 dev eth0', 60)
    fetch(m, port, digest)
    m.run('nslookup example.org 10.0.2.3; ping -c 1 10.0.2.9', 60)
    frames = [x for x in frames_of(record) if len(x) > 34]
    assert len(frames) > 500 and os.path.getsize(record) > 4 << 20
    # The long ones of the file are much the same.
    frames = [x for x in frames if len(x) < 1000] + [x for x in frames if len(x) >= 1000][:50]
    move(m, 'eth0', 'eth1')
    peer.socket.setblocking(False)
    replay(peer, frames, 500)
    before = free_kib(m)
    replay(peer, frames, count)
    time.sleep(1)
    received = int(m.check('cat /sys/class/net/eth1/statistics/rx_packets'))
    assert received > count // 2, f'{received} frames have arrived'
    move(m, 'eth1', 'eth0')
    fetch(m, port, digest)
    after = free_kib(m)
    print(f'{received} frames, {before} KiB free, then {after} KiB')
    assert before - after < KEPT_KIB
    log = m.check('dmesg')
    for word in ('BUG', 'WARN', 'leaked', 'lwIP'):
        assert word not in log, log
    peer.socket.close()

# SPDX-License-Identifier: MIT
"""Devices of Virtio: random numbers and consoles, by a bus whose clients are called back."""
import os
import random
import socket

import pytest

import machine as machines

from test_pci import SLOTS, Monitor, driver, wait_until

pytestmark = pytest.mark.banos

RNG = ['-device', 'virtio-rng-pci,id=rng0']


def random_bytes(m, count=10000, device='/dev/hwrng'):
    """Bytes of a device, and that they are random: gzip finds nothing in them."""
    m.check(f'head -c {count} {device} >/tmp/random')
    assert m.check('stat -c %s /tmp/random').strip() == str(count)
    packed = int(m.check('gzip -c /tmp/random | wc -c'))
    assert packed > count * 0.95, packed
    return m.check('md5sum </tmp/random')


@pytest.mark.parametrize('machine, cpus, options', [
    ('pc', 1, ''), ('pc', 4, ',vectors=0'), ('q35', 4, ''), ('q35', 1, ',packed=on,vectors=1')])
def test_random_numbers(start, machine, cpus, options):
    m = start(machine=machine, cpus=cpus, append='quiet',
              qemu=['-device', f'virtio-rng-pci{options}', '-device', 'virtio-rng-pci']).boot()
    assert random_bytes(m) != random_bytes(m)
    assert random_bytes(m, 3) != random_bytes(m, 3)
    assert random_bytes(m, 100001, '/dev/hwrng1')
    m.check('rmmod virtiorng; modprobe virtiorng')
    assert random_bytes(m)
    m.check('rmmod virtiorng; rmmod virtio')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'did not arrive' not in log and 'virtio: ' not in log, log


# ---------------------------------------------------------------------------
# Consoles

class Peer:
    """The other side of a port: a socket of QEMU's, which can be left and joined again."""

    def __init__(self, path):
        self.path, self.link = str(path), None
        name = os.path.basename(self.path)
        self.chardev = ['-chardev', f'socket,id={name},path={self.path},server=on,wait=off']

    def connect(self):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(20 * machines.SLOWER)
        self.link.connect(self.path)

    def close(self):
        self.link.close()
        self.link = None

    def receive(self, count):
        data = b''
        while len(data) < count:
            piece = self.link.recv(count - len(data))
            assert piece, f'closed after {len(data)} bytes of {count}'
            data += piece
        return data


def peers(tmp_path, *names):
    return [Peer(tmp_path / name) for name in names]


def ports(options, console, port):
    """A device with a console and a port that has a name."""
    return ['-device', f'virtio-serial-pci,id=serial{options}', *console.chardev, *port.chardev,
            '-device', f'virtconsole,chardev={os.path.basename(console.path)}',
            '-device', f'virtserialport,id=port,chardev={os.path.basename(port.path)},'
            'name=org.banos.test']


def exchange(m, peer, device, count=100 * 1024 + 7):
    """Bytes there and back at once, and that they are the same."""
    data = random.Random(count).randbytes(count)
    m.check('rm -f /tmp/echo')
    m.check(f'(head -c {count} <{device} >/tmp/echo; cat /tmp/echo >{device}; echo done >/tmp/end) '
            '2>/tmp/error & sleep 0.2')
    peer.link.sendall(data)
    assert peer.receive(count) == data
    wait_until(m, 'grep -q done /tmp/end')
    m.check('rm /tmp/end')


@pytest.mark.parametrize('machine, cpus, options', [
    ('pc', 1, ''), ('pc', 4, ',vectors=0'), ('q35', 4, ',vectors=66'), ('q35', 1, ',max_ports=2')])
def test_consoles(start, tmp_path, machine, cpus, options):
    console, port = peers(tmp_path, 'console', 'port')
    m = start(machine=machine, cpus=cpus, append='quiet',
              qemu=ports(options, console, port)).boot()
    wait_until(m, 'test -c /dev/virtio-ports/org.banos.test -a -c /dev/hvc0')
    assert m.check('ls /dev/vport*').split() == ['/dev/vport0p0', '/dev/vport0p1']
    console.connect()
    exchange(m, console, '/dev/hvc0')
    # Nobody has connected to the port: a reader is at the end, a writer waits.
    assert m.check('cat /dev/vport0p1') == ''
    m.check('echo early >/dev/vport0p1 &')
    port.connect()
    assert port.receive(6) == b'early\n'
    exchange(m, port, '/dev/virtio-ports/org.banos.test')
    port.close()
    wait_until(m, 'cat /dev/vport0p1')
    port.connect()
    exchange(m, port, '/dev/vport0p1', 5000)
    m.check('rmmod virtioconsole; rmmod virtio')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'did not arrive' not in log and 'virtio' not in log, log

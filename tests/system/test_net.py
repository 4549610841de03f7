# SPDX-License-Identifier: MIT
"""Network cards, without TCP/IP: the test is the other station, and exchanges frames with a program in the machine."""
import os
import socket
import subprocess
import threading
import time
import urllib.request

import pexpect
import pytest

import machine as machines
from archive import file
from test_pci import FLAGS, monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, '../..')
CARD, PEER = bytes.fromhex('525400c0ffee'), bytes.fromhex('0200000000aa')
OTHER, TYPE = bytes.fromhex('020000000bad'), bytes.fromhex('88b5')
HEADER = CARD + PEER + TYPE
LIMIT_S = 20
# Nobody else uses the card.
APPEND = 'quiet ip=off'


@pytest.fixture(scope='module')
def program():
    out = os.path.join(machines.BUILD, 'tests', 'frames')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run([os.environ.get('CC', 'gcc'), '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', out,
                    f'{HERE}/frames.c'], check=True)
    with open(out, 'rb') as f:
        return {'frames': file('', f.read(), 0o755)}


class Peer:
    """The other end of the cable: one datagram is one frame."""

    def __init__(self, folder):
        self.path, self.machine = os.path.join(folder, 'peer'), os.path.join(folder, 'card')
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(LIMIT_S * machines.SLOWER)

    def options(self, card):
        return ['-netdev', f'dgram,id=cable,local.type=unix,local.path={self.machine},remote.type=unix,'
                f'remote.path={self.path}', '-device', f'{card},netdev=cable,mac={CARD.hex(":")},id=card']

    def send(self, data, header=HEADER):
        self.socket.sendto(header + data, self.machine)

    def receive(self):
        """The data of the next frame of the test's type."""
        while True:
            frame = self.socket.recv(1 << 17)
            if frame[12:14] == TYPE:
                assert frame[:12] == PEER + CARD
                return frame[14:]

    def exchange(self, *frames):
        """Frames come back as they were, and in order; cards fill short ones up with zeroes."""
        for data in frames:
            self.send(data)
        for data in frames:
            assert self.receive()[:len(data)] == data


@pytest.fixture
def peer(tmp_path):
    station = Peer(tmp_path)
    yield station
    station.socket.close()


def data_of(length, first=0):
    return bytes((first + i) & 0x3f for i in range(length))


def set_up(m, name='eth0'):
    wait_until(m, f'test -e /sys/class/net/{name}')
    m.check(f'/frames up {name}')
    wait_until(m, f'grep -q 1 /sys/class/net/{name}/carrier')


def begin_echo(m):
    m.sendline('/frames echo eth0')
    m.expect('ready\r?\n')


def end_echo(m, peer, count):
    peer.exchange(b'quit')
    m.expect(f'{count} frames\r?\n')
    m.expect(m.prompt)


CARDS = ['virtio-net-pci', 'virtio-net-pci,packed=on', 'virtio-net-pci,disable-modern=on',
         'virtio-net-pci,vectors=0', 'virtio-net-pci,mrg_rxbuf=off,event_idx=off,ctrl_vq=off']


@pytest.mark.parametrize('card', [CARDS[0], *(pytest.param(x, marks=[pytest.mark.long]) for x in CARDS[1:])])
def test_frames_come_and_go(start, program, peer, card):
    m = start(files=program, append=APPEND, qemu=peer.options(card)).boot()
    set_up(m)
    assert m.check('cat /sys/class/net/eth0/address') == CARD.hex(':') + '\n'
    begin_echo(m)
    for length in (46, 47, 500, 1499, 1500):
        peer.exchange(data_of(length))
    # QEMU 7.2 forgets a packed queue that it could not send from at once, as with many datagrams.
    burst = 8 if 'packed' in card else 48
    for first in range(0, 48, burst):
        peer.exchange(*(data_of(100 + i, i) for i in range(first, first + burst)))
    end_echo(m, peer, 54)
    # Set up again it is reset, and told again what it receives.
    m.check('/frames down eth0; /frames up eth0')
    begin_echo(m)
    if 'ctrl_vq=off' not in card:
        peer.send(data_of(60), OTHER + PEER + TYPE)
    peer.exchange(data_of(60))
    end_echo(m, peer, 2)
    m.check('rmmod virtionet')
    assert m.run('ls /sys/class/net/eth0 2>/dev/null')[1]


def test_the_link_goes_and_comes(start, program, peer, monitor):  # noqa: F811
    m = start(files=program, append=APPEND, qemu=[*peer.options('virtio-net-pci'), *monitor.options()]).boot()
    set_up(m)
    for _ in range(2):
        monitor.command('set_link', name='card', up=False)
        wait_until(m, 'grep -q 0 /sys/class/net/eth0/carrier')
        monitor.command('set_link', name='card', up=True)
        wait_until(m, 'grep -q 1 /sys/class/net/eth0/carrier')
    begin_echo(m)
    peer.exchange(data_of(100))
    end_echo(m, peer, 2)


def test_the_driver_goes_and_comes_under_traffic(start, program, peer):
    m = start(files=program, append=APPEND, cpus=4, qemu=peer.options('virtio-net-pci')).boot()
    m.stop_agent()
    set_up(m)
    over = threading.Event()

    def flood():
        while not over.is_set():
            try:
                peer.send(data_of(1000), b'\xff' * 6 + PEER + TYPE)
            except OSError:     # QEMU's end is full, or gone
                over.wait(0.01)

    peer.socket.settimeout(0.1)
    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for _ in range(5):
            m.check('rmmod virtionet', 60)
            m.check('modprobe virtionet')
            set_up(m)
            wait_until(m, 'test $(cat /sys/class/net/eth0/statistics/rx_packets) -gt 10')
    finally:
        over.set()
        thread.join()
    assert 'virtionet' in m.check('lsmod')


VETH = '/lib/banos/drivers/net/veth.ko'
needs_inet = pytest.mark.skipif(not os.path.exists(os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                                reason='the driver inet was not built')


@needs_inet
def test_the_ends_of_a_pair_talk(start, program):
    m = start(files=program, append=APPEND, cpus=2).boot()
    m.check(f'modprobe inet; insmod {VETH} pairs=2; ls -d /sys/class/net/veth3')
    assert m.check('ls /sys/class/net/veth0/queues').split() == ['rx-0', 'tx-0']
    m.check('ifconfig veth0 10.5.0.1 up')
    assert m.check('cat /sys/class/net/veth0/carrier') == '0\n'   # the other end is down
    set_up(m, 'veth1')
    m.check('(/frames answer veth1 >/answered 2>&1 &); grep -q 1 /sys/class/net/veth0/carrier')
    wait_until(m, 'grep -q ready /answered')
    assert '3 packets received' in m.check('ping -c 3 -s 1400 10.5.0.2')
    arp = m.check('cat /proc/net/arp')
    assert '10.5.0.2         0x1         0x2         02:00:00:00:00:aa     *        veth0' in arp   # learned
    m.check('arp -d 10.5.0.2; arp -s 10.5.0.2 2:0:0:0:0:bb')
    assert '10.5.0.2         0x1         0x6         02:00:00:00:00:bb' in m.check('cat /proc/net/arp')
    assert m.run('ping -c 1 -W 1 10.5.0.2')[1] == 0     # whoever it is sent to, it is answered
    assert '02:00:00:00:00:bb' in m.check('arp -n 10.5.0.2')
    m.check('arp -d 10.5.0.2')
    assert '10.5.0.2 ' not in m.check('cat /proc/net/arp')
    m.check('ifconfig veth1 down')
    wait_until(m, 'grep -q "Network is down" /answered')
    assert m.check('cat /sys/class/net/veth0/carrier') == '0\n'


@needs_inet
def test_a_pair_is_removed_under_traffic(start, program):
    m = start(files=program, append=APPEND, cpus=4).boot()
    m.check('modprobe inet')
    for _ in range(5):
        m.check(f'insmod {VETH}; /frames up veth1; ifconfig veth0 10.5.0.1 up')
        m.check('for i in 0 1 0 1; do (/frames flood veth$i >>/sent 2>&1 &); done; (ping 10.5.0.9 >/dev/null 2>&1 &)')
        wait_until(m, 'test $(cat /sys/class/net/veth1/statistics/rx_packets) -gt 200')
        m.check('rmmod veth; killall ping')
    wait_until(m, 'test $(grep -c sent: /sent) = 20')
    assert 'refused' not in m.check('dmesg')


def draft_driver(name):
    out = os.path.join(machines.BUILD, 'tests', f'{name}.ko')
    subprocess.run(['gcc', *FLAGS, f'-I{TOP}/include', f'-I{machines.BUILD}/include/drafts', '-DBANOS_DRAFT', '-c',
                    f'{HERE}/drivers/{name}.c', '-o', out], check=True)
    with open(out, 'rb') as f:
        return file('', f.read())


def test_who_looks_does_not_wait_for_a_driver(start, program):
    m = start(files={**program, 'dozer.ko': draft_driver('dozer')}, append=APPEND, cpus=2).boot()
    m.check('modprobe inet 2>/dev/null; insmod /dozer.ko ms=8000; (/frames up doze0; echo >/over) & sleep 0.3')
    m.check('cat /proc/net/dev /proc/net/route /proc/net/arp; ip link; ip addr; ip route; ifconfig -a; test ! -e /over')
    wait_until(m, 'test -e /over')
    m.check('rmmod dozer')
    # Its empty packets would fill the memory.
    assert 'out of memory' in m.run('insmod /dozer.ko depth=4096 2>&1')[0].lower() or 'doze0' not in m.check('cat /proc/net/dev')


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def fetch(port, path):
    """What the machine's server has; it may not be there yet."""
    end = time.monotonic() + LIMIT_S * machines.SLOWER
    while True:
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{port}/{path}', timeout=LIMIT_S * machines.SLOWER) as f:
                return f.read()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class Run(machines.Machine):
    """What "make run" starts, on the terminal of the test."""

    def __init__(self, log, **variables):
        self.log = open(log, 'w', encoding='utf-8', errors='replace')
        self.child = pexpect.spawn('timeout', ['--foreground', '-k', '1', str(int(machines.BOOT_LIMIT_S * machines.SLOWER)),
                                               'sh', 'scripts/qemu.sh', os.path.abspath(machines.BUILD), 'run'],
                                   cwd=TOP, env={**os.environ, **variables}, encoding='utf-8', codec_errors='replace',
                                   preexec_fn=machines.faithful_output, dimensions=(24, 80))
        self.child.logfile_read, self.child.delaybeforesend = self.log, None
        self.started, self.stuck = time.monotonic(), False

    def close(self, inspect=False):
        self.child.close(force=True)
        self.log.close()


@needs_inet
def test_make_run_has_a_network(tmp_path):
    port = free_port(socket.SOCK_STREAM)
    with Run(tmp_path / 'log', NET='user', FORWARD=f'{port}:80 udp:{free_port(socket.SOCK_DGRAM)}:5353') as m:
        m.boot()
        wait_until(m, 'ip route | grep -q "^default via 10.0.2.2"')
        assert m.check('cat /etc/resolv.conf') == 'nameserver 10.0.2.3\n'
        m.check('ping -c 2 10.0.2.2')
        m.check('mkdir /tmp/www; yes word | head -c 300000 >/tmp/www/words; httpd -h /tmp/www')
        assert fetch(port, 'words') == b'word\n' * 60000
        m.sendline('poweroff')
        m.wait_end()


@pytest.mark.parametrize('variables, message', [
    ({'NET': 'tap'}, 'NET=tap is not user'), ({'FORWARD': '1:2'}, 'FORWARD needs NET=user'),
    ({'NIC': 'e1000'}, 'NIC needs NET=user'), ({'NET': 'user', 'NIC': 'ne2k'}, 'NIC=ne2k is not virtio, e1000 or e1000e'),
    ({'NET': 'user', 'FORWARD': '1:2 80'}, r'FORWARD=80 is not [udp:]PORT:PORT')])
def test_wrong_networks_are_refused(variables, message):
    result = subprocess.run(['sh', 'scripts/qemu.sh', os.path.abspath(machines.BUILD), 'run'], cwd=TOP, check=False,
                            env={**os.environ, **variables, 'QEMU': 'false'}, capture_output=True, text=True)
    assert result.returncode == 1 and message in result.stderr

# SPDX-License-Identifier: MIT
"""Devices of Virtio: random numbers and consoles, by a bus whose clients are called back."""
import os
import random
import re
import socket
import threading
import time

import pytest

import machine as machines

from conftest import debug_program, repeats
from test_pci import SLOTS, build, driver, monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos

SOURCES = '/sys/class/misc/hw_random'


def random_bytes(m, count=10000):
    """Bytes of the source that is chosen, and that they are random: gzip finds nothing in them."""
    m.check(f'head -c {count} /dev/hwrng >/tmp/random')
    assert m.check('stat -c %s /tmp/random').strip() == str(count)
    packed = int(m.check('gzip -c /tmp/random | wc -c'))
    assert packed > count * 0.95, packed
    return m.check('md5sum </tmp/random')


@pytest.mark.parametrize('machine, cpus, options', [
    *repeats(('pc', 1, ''), ('pc', 4, ',vectors=0'), ('q35', 4, '')), ('q35', 1, ',packed=on,vectors=1'),
    # Devices before Virtio 1.0, with messages and without.
    ('pc', 4, ',disable-modern=on'), *repeats(
        ('q35', 1, ',disable-modern=on,vectors=0'), ('pc', 1, ',packed=on,event_idx=off'),
        ('q35', 4, ',event_idx=off,indirect_desc=off'))])
def test_random_numbers(start, machine, cpus, options):
    m = start(machine=machine, cpus=cpus, append='quiet',
              qemu=['-device', f'virtio-rng-pci{options}', '-device', 'virtio-rng-pci']).boot()
    assert random_bytes(m) != random_bytes(m)
    assert random_bytes(m, 3) != random_bytes(m, 3)
    assert m.check(f'cat {SOURCES}/rng_available') == 'virtio_rng.0 virtio_rng.1 \n'
    m.check(f'echo virtio_rng.1 >{SOURCES}/rng_current')
    assert random_bytes(m, 100001)
    m.check('rmmod virtiorng; modprobe virtiorng')
    assert random_bytes(m)
    m.check('rmmod virtiorng; rmmod virtio')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'did not arrive' not in log and 'virtio: ' not in log, log


def test_a_reader_whose_device_takes_its_time(start):
    """Little in 5 s: the reader is interrupted, the driver removed while one waits, the device used again."""
    m = start(qemu=['-device', 'virtio-rng-pci,max-bytes=2048,period=5000'], append='quiet').boot()
    m.check('dd bs=1 count=1 if=/dev/hwrng of=/tmp/byte; cat /dev/hwrng >/tmp/said & sleep 0.3; kill %1')
    output, status = m.run('rmmod virtio')
    assert status == 1 and 'virtio: is busy: driver virtiorng depends on it' in output, output
    m.check('(cat /dev/hwrng) >/dev/null 2>/tmp/said & sleep 0.3; rmmod virtiorng')
    wait_until(m, 'grep -q "No such device" /tmp/said')
    assert m.check(f'cat {SOURCES}/rng_current') == 'none\n'
    m.check('rmmod virtio; modprobe virtio')
    wait_until(m, f'grep -q virtio {SOURCES}/rng_current')
    m.check('dd bs=1 count=1 if=/dev/hwrng of=/tmp/byte')
    assert 'leaked' not in m.check('dmesg')


def test_a_client_that_makes_mistakes(start):
    m = start(qemu=['-device', 'virtio-rng-pci,max-bytes=2000,period=1000'], append='quiet',
              files={'virtio_client.ko': driver('virtio_client')}).boot()
    m.stop_agent()
    m.check('rmmod virtiorng; insmod /virtio_client.ko; rmmod virtio_client')
    log = m.check('dmesg -c')
    assert 'virtio_client virtio0: done' in log, log
    assert not re.search(r'line \d+: .* expected', log), log
    for words in ('virtio_queue_create(): the device is not open',
                  'the device has 1 queues, expected 2', 'the device offers features',
                  'virtio_queue_add(): no such queue', 'virtio_config_read(): bytes is not',
                  'the device has failed: status 4f asks for a reset'):
        assert words in log, (words, log)
    # One that leaves without a word: its buffer is kept until the device was stopped.
    m.check('insmod /virtio_client.ko careless=1; rmmod virtio_client')
    log = m.check('dmesg -c')
    assert 'left' in log and 'leaked 1 DMA buffer of device virtio0' in log, log
    assert 'expected' not in log and 'cannot stop' not in log, log
    m.check('insmod /virtio_client.ko circular=1; rmmod virtio_client')
    log = m.check('dmesg -c')
    assert 'circled' in log and 'virtio_stop(): called by the callback' in log, log
    assert 'expected' not in log and 'leaked' not in log, log
    m.check('modprobe virtiorng; head -c 100 /dev/hwrng >/tmp/random')
    m.check('rmmod virtiorng; rmmod virtio')
    assert 'leaked' not in m.check('dmesg')


def test_a_message_that_does_not_arrive(start, monitor):
    m = start(qemu=['-device', 'virtio-rng-pci,addr=5'] + monitor.options(), append='quiet').boot()
    random_bytes(m)
    for command in ('o /w 0xcf8 0x80002898', 'o /h 0xcfe 0x0001'):  # its MSI-X, switched off
        assert not monitor.command('human-monitor-command', **{'command-line': command})
    random_bytes(m)
    assert m.check('dmesg').count('a message did not arrive: the interrupt line is used') == 1
    assert re.search(r'(IO-APIC|XT-PIC) .* virtio$', m.check('cat /proc/interrupts'), re.M)


@pytest.mark.parametrize('cpus, kernel', [
    (1, machines.KERNEL), *repeats((4, machines.DEBUG_KERNEL))])
def test_cards_are_plugged_in_and_unplugged_in_use(start, monitor, tmp_path, cpus, kernel):
    """Behind a port the numbers are those of modern devices."""
    peer, = peers(tmp_path, 'peer')
    m = start(machine='q35', cpus=cpus, append='quiet', kernel=kernel,
              qemu=SLOTS + monitor.options() + peer.chardev).boot()
    for turn in range(2):
        monitor.command('device_add', driver='virtio-rng-pci', id='rng', bus='slot1',
                    **{'max-bytes': 10000, 'period': 1000})
        monitor.command('device_add', driver='virtio-serial-pci', id='serial', bus='slot2')
        monitor.command('device_add', driver='virtserialport', id='port', bus='serial.0',
                    chardev='peer', name='a.name')
        wait_until(m, f'grep -q virtio {SOURCES}/rng_current && test -c /dev/virtio-ports/a.name')
        random_bytes(m)
        peer.connect()
        exchange(m, peer, '/dev/virtio-ports/a.name', 20000)
        m.check('(cat /dev/hwrng >/dev/null) 2>/tmp/one & (cat /dev/vport0p1) 2>/tmp/two & '
                'sleep 0.2')
        if turn:                                # a port alone
            monitor.unplug('port')
            wait_until(m, 'test ! -e /dev/vport0p1 -a ! -e /dev/virtio-ports/a.name')
            peer.close()
        monitor.unplug('rng')
        monitor.unplug('serial')
        wait_until(m, 'grep -q "No such device" /tmp/one')
        if not turn:
            wait_until(m, 'grep -q "No such device" /tmp/two')
            peer.close()
        monitor.wait_gone('rng')
        monitor.wait_gone('serial')
        wait_until(m, f'grep -q none {SOURCES}/rng_current')
    m.check('rmmod virtiorng; rmmod virtioconsole; rmmod virtio')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'banos: virtio' not in log, log


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


@pytest.mark.parametrize('machine, cpus, options, kernel', [
    ('pc', 1, '', machines.KERNEL), *repeats(('pc', 4, ',vectors=0', machines.KERNEL)),
    ('q35', 4, ',vectors=66', machines.DEBUG_KERNEL), *repeats(
        ('q35', 1, ',max_ports=2', machines.KERNEL), ('q35', 4, ',packed=on', machines.KERNEL),
        ('pc', 1, ',disable-modern=on', machines.KERNEL))])
def test_consoles(start, tmp_path, machine, cpus, options, kernel):
    console, port = peers(tmp_path, 'console', 'port')
    m = start(machine=machine, cpus=cpus, append='quiet', kernel=kernel,
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


def test_who_does_not_read_is_waited_for(start, tmp_path):
    """Neither side reads at first: nothing is lost, and nobody waits but in poll()."""
    console, port = peers(tmp_path, 'console', 'port')
    m = start(append='quiet', qemu=ports('', console, port),
              files={'bin/echo2': debug_program('echo')}).boot()
    count = 1500000
    data = random.Random(1).randbytes(count)
    port.connect()
    m.check(f'echo2 /dev/vport0p1 {count} >/tmp/said 2>&1 &')
    sender = threading.Thread(target=port.link.sendall, args=(data,), daemon=True)
    sender.start()
    time.sleep(2 * machines.SLOWER)
    assert port.receive(count) == data
    sender.join()
    port.close()
    wait_until(m, 'grep echoed /tmp/said')
    assert m.check('cat /tmp/said') == f'echoed {count}, had to wait, then 11\n'
    m.check('exec 5<>/dev/hvc0; echo held >&5')
    output, status = m.run('rmmod virtioconsole')
    assert status == 1 and 'virtioconsole: is busy: /dev/hvc0: process' in output, output
    m.check('rmmod --revoke virtioconsole')
    assert m.run('echo more >&5')[1] == 1
    m.check('exec 5>&-')


def test_a_card_is_pulled_out_without_a_word(start, registers, tmp_path):
    """It is the drivers that look: nothing interrupts any more."""
    console, port = peers(tmp_path, 'console', 'port')
    m = start(append='quiet',
              qemu=['-device', 'virtio-rng-pci,addr=5,max-bytes=1,period=60000', *registers.qemu,
                    *ports(',addr=6', console, port)]).boot()
    m.check('(cat /dev/hwrng >/dev/null) 2>/tmp/one & (cat /dev/hvc0) 2>/tmp/two & sleep 0.2')
    registers.eject(5)
    registers.eject(6)
    m.check('wait')             # QEMU removes the ports first, whose readers are at the end
    assert 'No such device' in m.check('cat /tmp/one')
    wait_until(m, f'grep -q none {SOURCES}/rng_current && test ! -e /dev/hvc0 -a ! -e /dev/vport0p1')
    m.check('rmmod virtiorng; rmmod virtioconsole; rmmod virtio')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'does not accept a reset' not in log, log


def test_devices_that_stop_answering(start, monitor, tmp_path):
    """Their registers are switched off: readers get an error, and the drivers start afresh."""
    console, port = peers(tmp_path, 'console', 'port')
    m = start(append='quiet',
              qemu=monitor.options() + ['-device', 'virtio-rng-pci,addr=5,max-bytes=1,period=60000',
                                   *ports(',addr=6', console, port)]).boot()
    wait_until(m, f'grep -q virtio {SOURCES}/rng_current')
    m.check('(dd if=/dev/hwrng bs=1 count=1) 2>/tmp/one & (cat /dev/hvc0) 2>/tmp/two & sleep 0.2')
    for slot in 5, 6:
        for command in f'o /w 0xcf8 {0x80000004 | slot << 11:#x}', 'o /h 0xcfc 0x0404':
            assert not monitor.command('human-monitor-command', **{'command-line': command})
    m.check('wait')
    assert m.check('cat /tmp/one /tmp/two').count('Input/output error') == 2
    assert m.run('echo >/dev/hvc0')[1] == 1
    m.check('rmmod virtiorng; rmmod virtioconsole; rmmod virtio')
    log = m.check('dmesg -c')
    assert log.count('the device has forgotten its driver: status 00') == 2, log
    assert log.count('does not accept a reset: status 00, expected 00; it has no queues') == 2
    # What the devices may write to until PCI has silenced them is not used again.
    assert len(re.findall(r'DMA buffers? of device virtio\d', log)) == 2, log
    m.check('modprobe virtio')
    console.connect()
    wait_until(m, 'test -c /dev/hvc0')
    exchange(m, console, '/dev/hvc0', 5000)
    m.check('rmmod virtioconsole; rmmod virtiorng; rmmod virtio')
    assert 'leaked' not in m.check('dmesg')


@pytest.mark.long
def test_built_into_the_kernel(start, build, tmp_path):
    form = build('builtin-virtio', 'defconfig', 'CONFIG_BUS_VIRTIO=y', 'CONFIG_VIRTIO_RNG=y',
                 'CONFIG_VIRTIO_CONSOLE=y')
    console, port = peers(tmp_path, 'console', 'port')
    m = start(append='quiet', **form,
              qemu=ports('', console, port) + ['-device', 'virtio-rng-pci']).boot()
    assert 'built in' in re.search(r'virtiorng .*', m.check('lsmod'))[0]
    random_bytes(m)
    for peer, device in (console, '/dev/hvc0'), (port, '/dev/virtio-ports/org.banos.test'):
        peer.connect()
        exchange(m, peer, device)


# ---------------------------------------------------------------------------
# The class of sources: /dev/hwrng

def test_sources_are_chosen_checked_and_go(start):
    """The processor's, a sample's, and the device's; programs read on when one goes."""
    m = start(append='quiet', cpus=2, qemu=['-cpu', 'max', '-device', 'virtio-rng-pci']).boot()
    wait_until(m, f'grep -q virtio {SOURCES}/rng_current')
    m.check('modprobe rdrand; insmod /lib/banos/drivers/samples/jitter.ko')
    own, = re.findall(r'virtio_rng.0 (rdseed|rdrand) jitter \n', m.check(f'cat {SOURCES}/rng_available'))
    assert m.check(f'cat {SOURCES}/rng_current {SOURCES}/rng_selected {SOURCES}/rng_quality {SOURCES}/dev') == \
        'virtio_rng.0\n0\n1024\n10:183\n'
    assert m.check('stat -c "%a %t:%T" /dev/hwrng').split() == ['600', 'a:b7']
    for name in own, 'jitter', 'virtio_rng.0':
        m.check(f'echo {name} >{SOURCES}/rng_current')
        assert m.check(f'cat {SOURCES}/rng_current {SOURCES}/rng_selected') == f'{name}\n1\n'
        if name != 'jitter':
            random_bytes(m, 5000)
        else:
            m.check('head -c 5000 /dev/hwrng | wc -c | grep -qx 5000')
    assert m.run(f'echo absent >{SOURCES}/rng_current')[1] == 1
    m.check(f'echo >{SOURCES}/rng_current')
    assert m.check(f'cat {SOURCES}/rng_selected') == '0\n'
    assert m.run('echo x >/dev/hwrng')[1] == 1                       # EINVAL: it is only read
    m.check('(dd if=/dev/hwrng of=/dev/null bs=1000 count=300) 2>/tmp/said & '
            'sleep 0.1; rmmod virtiorng; rmmod rdrand; wait')
    assert '300+0 records in' in m.check('cat /tmp/said')
    assert m.check(f'cat {SOURCES}/rng_current') == 'jitter\n'
    m.check('rmmod jitter')
    assert m.check(f'cat {SOURCES}/rng_available {SOURCES}/rng_current') == '\nnone\n'
    assert 'No such device' in m.run('dd if=/dev/hwrng count=1')[0]
    log = m.check('dmesg')
    assert log.count('is checked (quality') >= 3 and 'put out' not in log and 'leaked' not in log, log

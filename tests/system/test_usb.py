# SPDX-License-Identifier: MIT
"""Devices of USB: controllers of the kind xHCI, and a keyboard that is called back."""
import re
import socket
import time

import pytest

import machine as machines
from test_pci import SLOTS, Monitor, driver, wait_until

pytestmark = pytest.mark.banos

KEYBOARD = ['-device', 'usb-kbd,id=kbd,bus=usb.0']
KEYS = {'a': 4, 'b': 5, 'c': 6, 'z': 29, '1': 30, 'ret': 40, 'spc': 44}
NOTHING = '00' * 8


def controller(kind='qemu-xhci', number=0, options=''):
    return ['-device', f'{kind},id=usb{options}' if not number else f'{kind},id=usb{number}{options}']


class Usb(Monitor):
    """QEMU's monitor, for devices of USB."""

    def key(self, *names):
        """Press keys at once, then let go of all."""
        for down in (True, False):
            for name in names if down else reversed(names):
                self.ask('input-send-event', events=[{
                    'type': 'key', 'data': {
                        'down': down, 'key': {'type': 'qcode', 'data': name}}}])

    def insert(self, kind='usb-kbd', name='kbd', bus='usb.0'):
        self.ask('device_add', driver=kind, id=name, bus=bus)


class Qtest:
    """QEMU's socket for tests of devices: memory and registers, past the processor."""

    def __init__(self, path):
        self.path, self.stream = path, None
        self.qemu = ['-qtest', f'unix:{path},server=on,wait=off', '-qtest-log', 'none']

    def ask(self, command):
        if not self.stream:
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(20)
            link.connect(self.path)
            self.stream = link.makefile('rw', encoding='utf-8')
        self.stream.write(command + '\n')
        self.stream.flush()
        answer = self.stream.readline().split()
        assert answer[0] == 'OK', answer
        return int(answer[1], 16) if len(answer) > 1 else 0

    def read(self, address):
        return self.ask(f'readl {address:#x}')

    def write(self, address, value):
        self.ask(f'writel {address:#x} {value:#x}')


@pytest.fixture
def monitor(tmp_path):
    return Usb(str(tmp_path / 'monitor'))


@pytest.fixture
def registers(tmp_path):
    return Qtest(str(tmp_path / 'qtest'))


def report(*names, modifiers=0):
    codes = [KEYS[x] for x in names]
    return bytes([modifiers, 0, *codes] + [0] * (6 - len(codes))).hex()


def listen(m, device='usbkbd0'):
    """A program that reads reports into a file, until there is an error."""
    wait_until(m, f'test -c /dev/{device}')
    m.check(f'rm -f /tmp/{device}*; (exec 3</dev/{device}; : >/tmp/{device}.open; '
            f'cat <&3 >/tmp/{device} 2>/tmp/{device}.error; echo end >>/tmp/{device}.error) &')
    wait_until(m, f'test -e /tmp/{device}.open')


def said(m, count, device='usbkbd0'):
    """What the program wrote, once it is @count reports."""
    wait_until(m, f'test $(stat -c %s /tmp/{device}) -ge {count * 8}')
    return m.lines(f"hexdump -v -e '8/1 \"%02x\" \"\\n\"' /tmp/{device}")


def ended(m, device='usbkbd0'):
    """Why the program ended."""
    wait_until(m, f'grep -q end /tmp/{device}.error')
    return m.check(f'cat /tmp/{device}.error')


def type_all(m, monitor, device='usbkbd0'):
    """Reports are those of the keys, in their order."""
    listen(m, device)
    expected = []
    for key in 'abc1z':
        monitor.key(key)
        expected += [report(key), NOTHING]
    monitor.key('shift', 'a', 'b')
    expected += [report(modifiers=2), report('a', modifiers=2), report('a', 'b', modifiers=2),
                 report('a', modifiers=2), report(modifiers=2), NOTHING]
    assert said(m, len(expected), device) == expected


def nothing_is_left(m):
    log = m.check('dmesg')
    for word in ('leaked', 'stray', 'quarantine', 'anic', 'BUG', 'failed', 'did not arrive', 'banos: xhci: banos_',
                 'banos: usbkbd: banos_'):
        assert word not in log, log


@pytest.mark.parametrize('kind, machine, cpus, line', [
    ('qemu-xhci', 'q35', 1, 0), ('nec-usb-xhci', 'pc', 4, 0), ('qemu-xhci', 'pc', 4, 1),
    ('nec-usb-xhci,msix=off', 'q35', 4, 0)])
def test_reports_arrive_in_their_order(start, monitor, kind, machine, cpus, line):
    m = start(machine=machine, cpus=cpus, append='quiet',
              qemu=controller(kind) + KEYBOARD + monitor.qemu).boot()
    if line:
        m.check('rmmod usbkbd; rmmod xhci; modprobe xhci line=1; modprobe usbkbd')
    type_all(m, monitor)
    interrupts = m.check('cat /proc/interrupts')
    assert re.search(r'IO-APIC .* xhci' if line else r'PCI-MSI.* xhci', interrupts)
    # Lamps, and what is no setting of lamps.
    m.check('printf "\\007" >/dev/usbkbd0')
    for lamps in '\\377', '\\001\\002':
        assert 'Invalid argument' in m.run(f'printf "{lamps}" >/tmp/x; dd if=/tmp/x of=/dev/usbkbd0')[0]
    # The one that reads is in the way, unless it is told to go.
    output, status = m.run('rmmod usbkbd')
    assert status == 1 and 'has it open' in output
    assert m.run('rmmod xhci')[1] == 1
    m.check('rmmod --revoke usbkbd')
    assert 'No such device' in ended(m)
    for _ in range(3):
        m.check('modprobe usbkbd; rmmod usbkbd')
    m.check('rmmod xhci; modprobe usbkbd')
    type_all(m, monitor)
    nothing_is_left(m)

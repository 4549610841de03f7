# SPDX-License-Identifier: MIT
"""Devices of USB: controllers of the kind xHCI, and a keyboard that is called back."""
import re
import time

import pytest

import machine as machines
from conftest import repeats
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
                self.command('input-send-event', events=[{
                    'type': 'key', 'data': {
                        'down': down, 'key': {'type': 'qcode', 'data': name}}}])

    def insert(self, kind='usb-kbd', name='kbd', bus='usb.0'):
        self.command('device_add', driver=kind, id=name, bus=bus)


@pytest.fixture
def monitor():
    connection = Usb()
    yield connection
    connection.close()


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
    ('qemu-xhci', 'q35', 1, 0), *repeats(('nec-usb-xhci', 'pc', 4, 0)), ('qemu-xhci', 'pc', 4, 1),
    *repeats(('nec-usb-xhci,msix=off', 'q35', 4, 0))])
def test_reports_arrive_in_their_order(start, monitor, kind, machine, cpus, line):
    m = start(machine=machine, cpus=cpus, append='quiet',
              qemu=controller(kind) + KEYBOARD + monitor.options()).boot()
    if line:
        # The agent is through with the keyboard: else it could bring the driver back as it was.
        wait_until(m, 'test -e /dev/usbkbd0')
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


# ---------------------------------------------------------------------------
# Plugging in, unplugging

@pytest.mark.parametrize('kind, cpus', [*repeats(('qemu-xhci', 4)), ('nec-usb-xhci', 1)])
def test_unplugged_in_use_and_plugged_in_again(start, monitor, kind, cpus):
    m = start(machine='q35', cpus=cpus, append='quiet',
              qemu=controller(kind) + KEYBOARD + monitor.options()).boot()
    for _ in range(3):
        type_all(m, monitor)
        m.check('exec 5<>/dev/usbkbd0')
        monitor.unplug('kbd')
        assert 'No such device' in ended(m)
        wait_until(m, 'test ! -e /dev/usbkbd0')
        assert 'No such device' in m.run('cat <&5')[0]
        m.check('exec 5<&-')
        wait_until(m, '! ls /sys/bus/usb/devices | grep -q 1-')
        monitor.insert()
    # A second one; the keys are those of the newer one. (Numbers are by port if both come in one turn.)
    wait_until(m, 'test -c /dev/usbkbd0')
    monitor.insert(name='second')
    type_all(m, monitor, 'usbkbd1')
    monitor.unplug('second')
    wait_until(m, 'test ! -e /dev/usbkbd1')
    type_all(m, monitor)
    # A hub, and what cannot be found behind it.
    monitor.insert('usb-hub', 'hub')
    wait_until(m, 'dmesg | grep -q "hub 0409:55aa is not supported"')
    monitor.unplug('hub')
    # Out and in again before anybody looks.
    for _ in range(10):
        monitor.unplug('kbd')
        monitor.insert()
    assert 'No such device' in ended(m)
    wait_until(m, 'test -c /dev/usbkbd0')
    time.sleep(1)
    type_all(m, monitor)
    m.check('killall cat; wait; rmmod usbkbd; rmmod xhci')
    nothing_is_left(m)


def test_controllers_come_and_go(start, monitor):
    m = start(machine='q35', cpus=4, append='quiet',
              qemu=SLOTS + controller() + KEYBOARD + monitor.options()).boot()
    type_all(m, monitor)
    for slot in ('slot1', 'slot2'):
        monitor.insert('nec-usb-xhci', 'card', slot)
        monitor.insert(name='other', bus='card.0')
        type_all(m, monitor, 'usbkbd1')
        assert re.search(r'2-\d:1.0', m.check('ls /sys/bus/usb/devices'))
        monitor.unplug('card')
        assert 'No such device' in ended(m, 'usbkbd1')
        monitor.wait_gone('card')
        wait_until(m, 'test ! -e /dev/usbkbd1')
    m.check('killall cat')
    type_all(m, monitor)
    m.check('killall cat; wait; rmmod usbkbd; rmmod xhci')
    nothing_is_left(m)


@pytest.mark.long
def test_keyboards_come_and_go_in_the_midst_of_everything(start, monitor):
    m = start(machine='q35', cpus=4, append='quiet', limit_s=400,
              qemu=SLOTS + controller() + monitor.options()).boot()
    m.check('while :; do cat /dev/usbkbd0; sleep 0.1; done >/dev/null 2>&1 &')
    m.check('while :; do [ -c /dev/usbkbd0 ] && printf "\\001" | dd of=/dev/usbkbd0 conv=nocreat; done >/dev/null 2>&1 &')
    m.check('while :; do cat /sys/bus/usb/devices/*/uevent /proc/banos/*; done >/dev/null 2>&1 &')
    m.check('while :; do rmmod --revoke usbkbd; sleep 0.3; rmmod xhci; modprobe usbkbd; sleep 0.7; '
            'done >/dev/null 2>&1 &')
    for turn in range(40):
        monitor.insert()
        if turn % 4 == 0:
            monitor.insert('nec-usb-xhci', 'card', 'slot1')
            monitor.insert(name='other', bus='card.0')
        time.sleep(turn % 7 / 10)
        monitor.key('a')
        monitor.unplug('kbd')
        if turn % 4 == 0:
            monitor.unplug('card')
            monitor.wait_gone('card')
    m.check('kill %1 %2 %3 %4; wait; true', 30)
    m.check('rm -f /dev/usbkbd0; modprobe usbkbd')
    monitor.insert()
    type_all(m, monitor)
    log = m.check('dmesg')
    assert 'leaked' not in log, log


# ---------------------------------------------------------------------------
# What fails

def test_a_controller_that_fails_is_withdrawn_in_words(start, monitor, registers):
    m = start(machine='q35', cpus=4, append='quiet',
              qemu=controller() + KEYBOARD + monitor.options() + registers.qemu).boot()
    type_all(m, monitor)
    devices = [x for bus in monitor.command('query-pci') for x in bus['devices']]
    base = next(x['regions'][0]['address'] for x in devices if x['id']['device'] == 0xd)
    # Its messages are masked behind the driver's back.
    registers.write(base + 0x300c, 1)
    type_all(m, monitor)
    wait_until(m, 'dmesg | grep -q "usb1: a message did not arrive: the line is used"')
    wait_until(m, 'grep -q "IO-APIC.* xhci" /proc/interrupts')
    # It finds that its event ring is nowhere.
    registers.write(base + 0x1038, 0)
    registers.write(base + 0x103c, 0)
    monitor.key('a')
    assert 'No such device' in ended(m)
    wait_until(m, 'test ! -e /dev/usbkbd0')
    assert 'usb1: reports an internal error' in m.check('dmesg')
    m.check('killall cat; wait; rmmod usbkbd; rmmod xhci; modprobe usbkbd')
    type_all(m, monitor)
    assert 'leaked' not in m.check('dmesg')


TABLET = ['-device', 'usb-tablet,id=tablet,bus=usb.0']


def move(monitor, x):
    monitor.command('input-send-event', events=[
        {'type': 'abs', 'data': {'axis': 'x', 'value': x}}])


HOLD = 29    # expectations of its driver


def tablet_is_ready(m, before=0):
    wait_until(m, f'test $(dmesg | grep -c "acme_tablet: ready") -gt {before}')
    assert m.check('dmesg').count(f'acme_tablet: ready: {HOLD} of {HOLD} hold') == before + 1


def test_a_client_may_do_anything(start, monitor):
    m = start(machine='pc', append='quiet', files={'tablet.ko': driver('tablet')},
              qemu=controller() + TABLET + KEYBOARD + monitor.options()).boot()
    for turn, options in enumerate(('', 'forget=1', '')):
        m.check(f'insmod /tablet.ko {options}')
        tablet_is_ready(m, turn)
        for x in range(1, 9):
            move(monitor, 3000 * x)
            held = HOLD + 2 * x
            wait_until(m, f'test $(dmesg | grep -c " {x} transfers, {held} of {held} hold") -gt {turn}')
        m.check('rmmod acme_tablet')
    type_all(m, monitor)
    m.check('killall cat; wait; rmmod usbkbd; rmmod xhci')
    nothing_is_left(m)


def test_a_client_that_dies_leaves_its_endpoint(start, monitor):
    m = start(machine='pc', cpus=4, append='quiet', kernel=machines.DEBUG_KERNEL,
              files={'tablet.ko': driver('tablet')},
              qemu=controller() + TABLET + KEYBOARD + monitor.options()).boot()
    m.check('insmod /tablet.ko die=1')
    wait_until(m, "dmesg | grep -q acme_tablet:.ready")
    move(monitor, 5000)
    wait_until(m, 'dmesg | grep -q "acme_tablet.*null pointer"')
    wait_until(m, 'rmmod acme_tablet || ! lsmod | grep -q acme_tablet')
    m.check('insmod /tablet.ko')
    tablet_is_ready(m, 1)
    move(monitor, 9000)
    wait_until(m, f'dmesg | grep -q " 1 transfers, {HOLD + 2} of {HOLD + 2} hold"')
    type_all(m, monitor)
    m.check('killall cat; wait; rmmod acme_tablet; rmmod usbkbd; rmmod xhci')

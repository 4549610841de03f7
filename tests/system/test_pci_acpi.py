# SPDX-License-Identifier: MIT
"""Cards that are plugged in and unplugged by ACPI's way, which QEMU's machines use unless told otherwise."""
import pytest

from conftest import repeats
from test_pci import monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos

PORTS = ['-device', 'pcie-root-port,id=slot1,slot=1,chassis=1',
         '-device', 'pcie-root-port,id=slot2,slot=2,chassis=2']


@pytest.mark.parametrize('machine, cpus, buses', [
    *repeats(('pc', 1, ('pci.0', 'pci.0'))), ('q35', 4, ('slot1', 'slot2'))])
def test_cards_come_and_go(start, monitor, machine, cpus, buses):  # noqa: F811
    """One was there at the start, others are plugged in later, in use when they go."""
    m = start(machine=machine, cpus=cpus, append='quiet', qemu=monitor.options() + (
        PORTS if machine == 'q35' else []) + ['-device', f'virtio-rng-pci,id=first,bus={buses[0]}']).boot()
    wait_until(m, 'test -c /dev/hwrng')
    for turn in range(3):
        if turn:
            monitor.command('device_add', driver='virtio-rng-pci', id='first', bus=buses[0])
            wait_until(m, 'test -c /dev/hwrng')
        monitor.command('device_add', driver='virtio-serial-pci', id='second', bus=buses[1])
        wait_until(m, 'test -e /sys/bus/virtio/devices/virtio1')
        m.check('head -c 1000 /dev/hwrng >/tmp/random; test $(stat -c %s /tmp/random) = 1000')
        for name in ('first', 'second') if turn != 1 else ('second', 'first'):
            monitor.unplug(name)
            monitor.wait_gone(name)
        wait_until(m, 'test ! -e /dev/hwrng -a -z "$(ls /sys/bus/virtio/devices)"')
    m.check('rmmod virtiorng; rmmod virtioconsole; rmmod virtio')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'found on no bus' not in log and 'no free address' not in log, log

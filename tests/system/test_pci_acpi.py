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
    wait_until(m, 'grep -q virtio /sys/class/misc/hw_random/rng_current')
    for turn in range(3):
        if turn:
            monitor.command('device_add', driver='virtio-rng-pci', id='first', bus=buses[0])
            wait_until(m, 'grep -q virtio /sys/class/misc/hw_random/rng_current')
        monitor.command('device_add', driver='virtio-serial-pci', id='second', bus=buses[1])
        wait_until(m, 'test -e /sys/bus/virtio/devices/virtio1')
        m.check('head -c 1000 /dev/hwrng >/tmp/random; test $(stat -c %s /tmp/random) = 1000')
        for name in ('first', 'second') if turn != 1 else ('second', 'first'):
            monitor.unplug(name)
            monitor.wait_gone(name)
        wait_until(m, 'grep -q none /sys/class/misc/hw_random/rng_current && test -z "$(ls /sys/bus/virtio/devices)"')
    m.check('rmmod virtiorng; rmmod virtioconsole; rmmod virtio')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'found on no bus' not in log and 'no free address' not in log, log


@pytest.mark.parametrize('names', [('first', 'second'), ('second', 'first')])
def test_cards_that_come_at_the_same_time_are_not_confused(start, monitor, names):  # noqa: F811
    """Which bus has which number is not known then: the one that is pulled out goes, and the other one stays."""
    m = start(machine='q35', cpus=2, append='quiet', qemu=monitor.options() + PORTS).boot()
    m.check('modprobe -a virtiorng virtioconsole')
    kinds = {'first': 'virtio-rng-pci', 'second': 'virtio-serial-pci'}
    buses = dict(zip(kinds, ('slot1', 'slot2')))
    devices = 'grep -h . /sys/bus/virtio/devices/*/modalias'
    for turn in range(2):
        monitor.command('stop')
        for name in kinds:
            monitor.command('device_add', driver=kinds[name], id=name, bus=buses[name])
        monitor.command('cont')
        wait_until(m, 'test "$(ls /sys/bus/virtio/devices | wc -l)" = 2')
        for name, left in (names[0], names[1]), (names[1], None):
            monitor.unplug(name)
            monitor.wait_gone(name)
            wait_until(m, f'test "$(ls /sys/bus/virtio/devices | wc -l)" = {1 if left else 0}')
            if left:
                assert ('d00000004' if left == 'first' else 'd00000003') in m.check(devices)
    # The second time it was known.
    log = m.check('dmesg')
    assert log.count('without notice') <= 1 and 'on no bus' not in log, log

# SPDX-License-Identifier: MIT
"""Devices of Virtio: random numbers and consoles, by a bus whose clients are called back."""
import pytest

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

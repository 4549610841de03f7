# SPDX-License-Identifier: MIT
"""Disks of Virtio and of AHCI through the kernel's files: what is written is in the host's image."""
import hashlib
import random

import pytest

from conftest import repeats
from test_pci import monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos

MIB = 1 << 20


class Image:
    """A disk's content, and what it will be."""

    def __init__(self, folder, name, size=6 * MIB):
        self.name, self.path = name, str(folder / name)
        self.data = bytearray(random.Random(name).randbytes(size))
        with open(self.path, 'wb') as f:
            f.write(self.data)

    def drive(self):
        return ['-drive', f'if=none,id={self.name},file={self.path},format=raw']

    def md5(self):
        return hashlib.md5(self.data).hexdigest()

    def write(self, m, device):
        """Buffered and direct writes, over each other's edges."""
        m.check(f'yes first | head -c {3 * MIB} | dd of=/dev/{device} bs=4096 seek=100 iflag=fullblock conv=fsync && '
                f'yes second | head -c 262144 | dd of=/dev/{device} bs=65536 seek=20 iflag=fullblock oflag=direct && '
                f'yes third | head -c 8192 | dd of=/dev/{device} bs=4096 seek=3 conv=fsync && sync', 60)
        for text, size, at in (('first\n', 3 * MIB, 409600), ('second\n', 262144, 20 * 65536), ('third\n', 8192, 12288)):
            self.data[at:at + size] = (text.encode() * size)[:size]


def write_and_compare(m, image, device):
    assert m.check(f'md5sum </dev/{device}', 60).split()[0] == image.md5()
    image.write(m, device)
    m.check(f'blockdev --flushbufs /dev/{device}')
    assert m.check(f'md5sum </dev/{device}', 60).split()[0] == image.md5()
    assert m.check(f'dd if=/dev/{device} bs=1M iflag=direct 2>/dev/null | md5sum', 60).split()[0] == image.md5()


def compare_on_the_host(m, *images):
    log = m.check('dmesg')
    for word in ('leaked', 'quarantine', 'overdue', 'did not arrive', 'was reset', 'failed', 'BUG'):
        assert word not in log, log
    for image in images:
        with open(image.path, 'rb') as f:
            assert f.read() == image.data, image.name


@pytest.mark.parametrize('machine, cpus, options', [
    *repeats(('pc', 1, '')), ('q35', 4, ',packed=on'), *repeats(('pc', 4, ',disable-modern=on'),
    ('q35', 1, ',logical_block_size=4096,physical_block_size=4096,vectors=0'))])
def test_disks_of_virtio(start, tmp_path, machine, cpus, options):
    image = Image(tmp_path, 'one')
    m = start(machine=machine, cpus=cpus, append='quiet', qemu=image.drive() + [
        '-device', f'virtio-blk-pci,drive=one,serial=s-one{options}']).boot()
    wait_until(m, 'test -b /dev/vda')
    write_and_compare(m, image, 'vda')
    for _ in range(3):
        m.check('rmmod virtioblk; modprobe virtioblk')
        wait_until(m, 'test -b /dev/vda')
    assert m.check('md5sum </dev/vda', 60).split()[0] == image.md5()
    m.check('rmmod virtioblk; rmmod virtio; test ! -e /dev/vda')
    compare_on_the_host(m, image)


def test_a_disk_of_virtio_gets_another_size(start, monitor, tmp_path):  # noqa: F811
    image = Image(tmp_path, 'one')
    m = start(machine='q35', append='quiet', qemu=monitor.options() + image.drive() + [
        '-device', 'virtio-blk-pci,drive=one']).boot()
    wait_until(m, 'test -b /dev/vda')
    assert m.check('blockdev --getsize64 /dev/vda').strip() == str(6 * MIB)
    monitor.command('block_resize', device='one', size=8 * MIB)
    wait_until(m, f'test $(blockdev --getsize64 /dev/vda) = {8 * MIB}')
    m.check('yes | dd of=/dev/vda bs=1M seek=7 count=1 iflag=fullblock conv=fsync')


def test_disks_of_virtio_are_pulled_out_while_written_to(start, monitor, tmp_path):  # noqa: F811
    m = start(machine='pc', cpus=4, append='quiet', qemu=monitor.options() + [
        '-drive', 'if=none,id=null,driver=null-co,size=64M,read-zeroes=on,throttling.bps-total=4000000']).boot()
    monitor.command('device_add', driver='virtio-blk-pci', id='card', drive='null')
    wait_until(m, 'test -b /dev/vda')
    m.check('(yes | dd of=/dev/vda bs=1M count=60 iflag=fullblock oflag=direct) 2>/tmp/said & sleep 1')
    monitor.unplug('card')
    wait_until(m, 'grep -q -e error -e "No such" /tmp/said', 30)
    monitor.wait_gone('card')
    wait_until(m, 'test ! -e /dev/vda')
    m.check('wait; rmmod virtioblk; rmmod virtio')
    assert 'leaked' not in m.check('dmesg')


@pytest.mark.parametrize('cpus, parameters', [(1, ''), *repeats((4, 'line=1'))])
def test_disks_and_discs_of_ahci(start, tmp_path, cpus, parameters):
    image, disc = Image(tmp_path, 'one'), Image(tmp_path, 'disc', 2 * MIB)
    m = start(machine='q35', cpus=cpus, append='quiet', qemu=image.drive() + [
        '-device', 'ide-hd,drive=one,bus=ide.0,serial=s-one', '-cdrom', disc.path]).boot()
    wait_until(m, 'test -b /dev/sda -a -b /dev/sr0')
    if parameters:
        m.stop_agent()
        m.check(f'rmmod ahci; modprobe ahci {parameters}')
        wait_until(m, 'test -b /dev/sda -a -b /dev/sr0')
    write_and_compare(m, image, 'sda')
    assert m.check('md5sum </dev/sr0', 60).split()[0] == disc.md5()
    assert m.check('blockdev --getro /dev/sr0; blockdev --getss /dev/sr0').split() == ['1', '2048']
    assert m.run('echo >/dev/sr0')[1] == 1
    m.check('rmmod ahci; test ! -e /dev/sda -a ! -e /dev/sr0')
    compare_on_the_host(m, image, disc)


def test_blocks_of_ahci_that_cannot_be_read(start, tmp_path):
    """The error is that of its block alone, though others are under way."""
    image = Image(tmp_path, 'one')
    (tmp_path / 'rules').write_text(
        '[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "1000"\n')
    m = start(machine='q35', cpus=4, append='quiet', qemu=[
        '-drive', f'if=none,id=one,driver=raw,file.driver=blkdebug,file.config={tmp_path}/rules,'
        f'file.image.driver=file,file.image.filename={image.path}',
        '-device', 'ide-hd,drive=one,bus=ide.0']).boot()
    wait_until(m, 'test -b /dev/sda')
    output, status = m.run('dd if=/dev/sda of=/tmp/x bs=512 skip=1000 count=1 iflag=direct')
    assert status and 'Input/output error' in output, output
    m.check('for i in 1 2 3 4; do (dd if=/dev/sda bs=512 skip=1008 count=2000 iflag=direct 2>/dev/null | '
            'md5sum >/tmp/sum$i) & done; dd if=/dev/sda of=/tmp/x bs=512 skip=1000 count=1 iflag=direct 2>/dev/null; '
            'wait', 60)
    assert set(m.lines('cat /tmp/sum*')) == {hashlib.md5(image.data[1008 * 512:3008 * 512]).hexdigest() + '  -'}

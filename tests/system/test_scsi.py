# SPDX-License-Identifier: MIT
"""Disks and CD drives behind Virtio's SCSI adapter: what is written is in the host's images; units come and go."""
import pytest

from test_disks import MIB, Image, compare_on_the_host, write_and_compare
from test_pci import monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos
ADAPTER = ['-device', 'virtio-scsi-pci,id=scsi,addr=5']


def unit(image, card, **options):
    text = ','.join(f'{name}={value}' for name, value in options.items())
    return image.drive() + ['-device', f'{card},bus=scsi.0,drive={image.name},{text}']


def wait_for(m, *names):
    for name in names:
        wait_until(m, f'test -b /dev/{name}')


@pytest.mark.parametrize('machine, cpus', [('q35', 4), pytest.param('pc', 1, marks=pytest.mark.long)])
def test_units_are_disks(start, tmp_path, machine, cpus):
    small, large, cd = Image(tmp_path, 'small'), Image(tmp_path, 'large'), Image(tmp_path, 'cd', 2 * MIB)
    m = start(machine=machine, cpus=cpus, append='quiet', qemu=[
        *ADAPTER, *unit(small, 'scsi-hd', **{'scsi-id': 0, 'lun': 0, 'serial': 'one'}),
        *unit(large, 'scsi-hd', **{'scsi-id': 0, 'lun': 300, 'logical_block_size': 4096, 'physical_block_size': 4096}),
        *unit(cd, 'scsi-cd', **{'scsi-id': 255})]).boot()
    wait_for(m, 'sda', 'sdb', 'sr0')
    assert m.check('cat /sys/block/sd?/queue/logical_block_size /sys/block/sr0/ro').split() == ['512', '4096', '1']
    for name, of in (('by-id/scsi-0QEMU_QEMU_HARDDISK_one', 'sda'), ('by-path/pci-0000:00:05.0-scsi-0:0:0:300', 'sdb'),
                     ('by-path/pci-0000:00:05.0-scsi-0:0:255:0', 'sr0')):
        assert m.check(f'readlink /dev/disk/{name}') == f'../../{of}\n'
    write_and_compare(m, small, 'sda')
    write_and_compare(m, large, 'sdb')
    assert m.check('md5sum </dev/sr0', 60).split()[0] == cd.md5()
    assert m.run('dd if=/dev/zero of=/dev/sr0 count=1 2>/dev/null')[1]
    m.check('rmmod virtioscsi; ! ls /dev/sda 2>/dev/null')
    compare_on_the_host(m, small, large, cd)


def test_units_come_and_go_under_work(start, monitor, tmp_path):  # noqa: F811
    kept, came = Image(tmp_path, 'kept'), Image(tmp_path, 'came')
    m = start(machine='q35', cpus=4, append='quiet', qemu=[
        *ADAPTER, *unit(kept, 'scsi-hd', **{'scsi-id': 1, 'serial': 'kept'}), *monitor.options(), '-blockdev',
        f'raw,node-name=node,file.driver=file,file.filename={came.path}']).boot()
    wait_for(m, 'sda')
    m.check('exec 5</dev/sda; (while dd if=/dev/sda of=/dev/null bs=64k iflag=direct 2>/tmp/said; do :; done) &')
    for _ in range(3):
        # What the first unit has to say about it comes between its answers.
        monitor.command('device_add', driver='scsi-hd', id='card', bus='scsi.0', drive='node', lun=2,
                        **{'scsi-id': 1, 'share-rw': True})     # the one of before lets go of it a little later
        wait_for(m, 'sdb')
        assert m.check('md5sum </dev/sdb', 60).split()[0] == came.md5()
        monitor.command('device_del', id='card')
        monitor.wait_gone('card', 60)
        wait_until(m, '! test -e /dev/sdb')
    m.check('rmmod --revoke virtioscsi && modprobe virtioscsi')
    wait_until(m, 'dmesg | grep "sda: is served again"')
    m.check('grep out /tmp/said && ! grep -i error /tmp/said; exec 5<&-; kill %1; wait')
    compare_on_the_host(m, kept, came)


def test_another_unit_in_the_same_place_is_another_disk(start, monitor, tmp_path):  # noqa: F811
    images = [Image(tmp_path, name) for name in ('first', 'second')]
    nodes = [text for image in images for text in (
        '-blockdev', f'raw,node-name={image.name},file.driver=file,file.filename={image.path}')]
    m = start(machine='q35', cpus=4, append='quiet', qemu=[
        *ADAPTER, *nodes, *monitor.options(),
        '-device', 'scsi-hd,id=card,bus=scsi.0,drive=first,serial=first,scsi-id=1']).boot()
    wait_for(m, 'sda')
    m.check('exec 5</dev/sda')
    monitor.command('device_del', id='card')
    monitor.wait_gone('card', 60)
    monitor.command('device_add', driver='scsi-hd', id='other', bus='scsi.0', drive='second', serial='second',
                    **{'scsi-id': 1})
    second = '/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_second'
    wait_until(m, f'test -b {second}', 60)
    assert m.check(f'md5sum <{second}', 60).split()[0] == images[1].md5()
    assert m.run('dd bs=4096 skip=600 count=1 <&5 >/dev/null')[1]
    monitor.command('block_resize', **{'node-name': 'second', 'size': 8 * MIB})
    wait_until(m, f'test $(blockdev --getsize64 {second}) = {8 * MIB}', 60)
    m.check('exec 5<&-')

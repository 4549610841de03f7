# SPDX-License-Identifier: MIT
"""Loop devices: images of disks and discs as files, by losetup and mount."""
import subprocess

import pytest

import machine
from conftest import repeats

pytestmark = pytest.mark.banos


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Files of a folder that the guest has."""
    folder = tmp_path_factory.mktemp('images')

    def make(name, size, command):
        path = str(folder / name)
        with open(path, 'wb') as f:
            f.truncate(size)
        subprocess.run(['sh', '-ec', command, 'sh', path], check=True, stdout=subprocess.DEVNULL,
                       env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'})
        with open(path, 'rb') as f:
            return f.read()

    return {'images/ext2': make('ext2', 1 << 20, 'mke2fs -q -L looped $1'),
            'images/parts': make('parts', 1 << 20, "printf 'start=64,size=512' | sfdisk -q --no-reread $1")}


def wait_until(m, condition):
    m.check(f'i=0; until {condition}; do i=$((i+1)); test $i -lt 200 || break; usleep 20000; done; {condition}')


@pytest.mark.parametrize('cpus, kernel', [
    (1, machine.KERNEL), *repeats((4, machine.DEBUG_KERNEL))])
def test_files_are_disks(start, images, cpus, kernel):
    m = start(files=images, cpus=cpus, kernel=kernel, append='quiet').boot()
    m.check('modprobe ext2; modprobe fsprobe; modprobe mbr; cd /images')
    assert m.check('losetup -f').strip() == '/dev/loop0'
    # A file system on it is changed, and so is the file.
    m.check('mount -o loop ext2 /mnt && echo looped >/mnt/file && mkdir /mnt/folder')
    assert m.check('losetup -a').split()[0] == '/dev/loop0:'
    assert m.check('readlink /dev/disk/by-label/looped').strip() == '../../loop0'
    m.check('umount /mnt')
    # The last user is gone, so the device is free, and its name is.
    wait_until(m, '! losetup /dev/loop0 2>/dev/null')
    wait_until(m, '! test -e /dev/disk')
    m.check('mount -o loop,ro ext2 /mnt && grep looped /mnt/file && ! touch /mnt/other; umount /mnt')
    m.check('cp ext2 copy && sync')
    # By hand: with an offset, read only, and not twice.
    m.check('losetup -o 32768 /dev/loop3 parts && cmp /dev/loop3 /dev/zero -n 512')
    assert m.check('cat /sys/block/loop3/size').strip() == str((1 << 20) // 512 - 64)
    assert m.run('losetup /dev/loop3 ext2')[1] != 0
    m.check('losetup -r /dev/loop4 ext2; ! dd if=/dev/zero of=/dev/loop4 bs=512 count=1 conv=fsync')
    m.check('losetup /dev/loop5 /dev/loop4 && cmp /dev/loop5 ext2')
    assert m.run('losetup /dev/loop4 /dev/loop5')[1] != 0
    m.check('losetup -d /dev/loop5; losetup -d /dev/loop4; losetup -d /dev/loop3')
    wait_until(m, 'test -z "$(losetup -a)"')
    assert m.run('losetup -d /dev/loop3')[1] != 0
    # One that has become shorter reads as zeroes, and what is written makes it longer again.
    m.check('cp ext2 short && losetup /dev/loop6 short && truncate -s 4096 short && dd if=/dev/loop6 bs=64k count=16 | wc -c | grep 1048576')
    m.check('losetup -d /dev/loop6')


def test_partitions_if_they_are_asked_for(start, images):
    m = start(files=images, append='quiet').boot()
    m.check('modprobe mbr; cd /images; losetup -P /dev/loop0 parts')
    wait_until(m, 'test -b /dev/loop0p1')
    m.check('losetup -d /dev/loop0')
    wait_until(m, '! test -e /dev/loop0p1')
    m.check('losetup /dev/loop0 parts; blockdev --rereadpt /dev/loop0; ! test -e /dev/loop0p1')


def test_discarded_blocks_are_holes_in_the_file(start):
    m = start(append='quiet').boot()
    m.check('dd if=/dev/urandom of=/tmp/file bs=64k count=16 2>/dev/null; cp /tmp/file /tmp/same; losetup /dev/loop2 /tmp/file')
    before = int(m.check('stat -c %b /tmp/file'))
    m.check('cmp /dev/loop2 /tmp/same && blkdiscard -o 65536 -l 262144 /dev/loop2')
    assert before - int(m.check('stat -c %b /tmp/file')) == 512
    m.check('dd if=/dev/zero of=/tmp/same bs=64k seek=1 count=4 conv=notrunc 2>/dev/null; cmp /dev/loop2 /tmp/same')
    m.check('losetup -d /dev/loop2; cmp /tmp/file /tmp/same; losetup -r /dev/loop3 /tmp/file; ! blkdiscard /dev/loop3')
    m.check('losetup -d /dev/loop3; cmp /tmp/file /tmp/same')

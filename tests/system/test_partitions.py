# SPDX-License-Identifier: MIT
"""Partitions: disks with tables that sfdisk and sgdisk made, their names, and probers that come late."""
import os
import re
import subprocess

import pytest

pytestmark = pytest.mark.banos
ENVIRONMENT = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')


def disk(folder, name, size, *commands):
    """The options for a disk on virtio; each command is run with the image as $1."""
    path = str(folder / name)
    with open(path, 'wb') as f:
        f.truncate(size)
    for command in commands:
        subprocess.run(['sh', '-ec', command, 'sh', path], check=True, env=ENVIRONMENT,
                       stdout=subprocess.DEVNULL)
    return ['-drive', f'if=none,id={name},file={path},format=raw',
            '-device', f'virtio-blk-pci,drive={name},serial=serial-{name}']


MBR = """printf 'label: dos\nlabel-id: 0x1234abcd\nstart=2048,size=2048,type=83
start=8192,size=100000,type=5\nstart=61440,size=2048\nstart=20480,size=4096' | sfdisk --no-reread $1"""
GPT = """sgdisk -n 1:2048:+1M -c '1:root fs' -n 3:8192:+2M -u 3:11223344-5566-7788-99AA-BBCCDDEEFF00 $1"""
# 2048 sectors from 2048 on, type 83.
ENTRY = r'\0\0\0\0\203\0\0\0\0\010\0\0\0\010\0\0'
DAMAGE = 'printf x | dd of=$1 bs=1 seek=520 conv=notrunc'


def read(m, command):
    return ' '.join(m.check(command).split())


def wait_for(m, path):
    m.check(f'i=0; until test -e {path}; do i=$((i+1)); test $i -lt 100 || break; usleep 50000; done; test -e {path}')


def stat(m, partition):
    return [int(number) for number in m.check(f'cat /sys/block/{partition[:3]}/{partition}/stat').split()]


def test_partitions_have_names_and_vanish(start, tmp_path):
    devices = disk(tmp_path, 'a', 64 << 20, MBR) + disk(tmp_path, 'b', 64 << 20, GPT, DAMAGE) + \
        disk(tmp_path, 'c', 8 << 20)
    m = start(qemu=devices, append='quiet').boot()
    # The agent installs what a disk wants. Then again, but without it, the probers after the disks.
    wait_for(m, '/dev/vdb3')
    wait_for(m, '/dev/vda6')
    m.check('kill -STOP $(pidof hotplug); rmmod virtioblk; rmmod gpt; rmmod mbr; modprobe virtioblk')
    wait_for(m, '/dev/vdb')
    m.check('! test -e /dev/vda1; ! test -e /dev/disk/by-partuuid')
    # A table that is in the cache only, while the disk is open, is seen, too.
    m.check('exec 5<>/dev/vdc')
    m.check(f'printf "{ENTRY}" | dd of=/dev/vdc bs=1 seek=446 conv=notrunc; '
            'printf "\\125\\252" | dd of=/dev/vdc bs=1 seek=510 conv=notrunc')
    m.check('modprobe mbr')
    wait_for(m, '/dev/vda6')
    wait_for(m, '/dev/vdc1')
    m.check('exec 5>&-')
    assert read(m, 'ls /dev | grep ^vda') == 'vda vda1 vda2 vda5 vda6'
    m.check('modprobe gpt')
    wait_for(m, '/dev/vdb3')
    assert read(m, 'ls /dev | grep ^vdb') == 'vdb vdb1 vdb3'
    assert 'the first copy of the GPT is damaged' in m.check('dmesg')
    assert read(m, 'readlink /dev/disk/by-partuuid/1234abcd-06') == '../../vda6'
    assert read(m, 'readlink /dev/disk/by-partuuid/11223344-5566-7788-99aa-bbccddeeff00') == '../../vdb3'
    assert read(m, 'ls /dev/disk/by-partlabel') == 'root\\x20fs'
    assert read(m, 'readlink /dev/disk/by-id/virtio-serial-a-part1') == '../../vda1'
    assert read(m, 'readlink /dev/disk/by-id/virtio-serial-b') == '../../vdb'
    # What is transferred is counted for the partition, too; and what a disk is.
    before = stat(m, 'vda1')
    m.check('dd if=/dev/vda1 of=/dev/null bs=4096 count=3 iflag=direct')
    after = stat(m, 'vda1')
    assert [after[i] - before[i] for i in (0, 2)] == [3, 24], (before, after)
    assert m.check('cat /sys/block/vda/diskseq') != m.check('cat /sys/block/vdb/diskseq')
    assert re.search(r'Block devices:\s+(.*\s)*253 virtblk', m.check('cat /proc/devices'))
    # Partitions outlast what found them, and go with their disk.
    m.check('rmmod gpt && rmmod mbr && rmmod checksum && test -e /dev/vdb3')
    m.check('rmmod virtioblk')
    m.check('! ls /dev | grep ^vd')
    m.check('! test -e /dev/disk')


FAT_BESIDE_EXT4 = """printf 'start=2048,size=8192,type=c\nstart=16384,type=83' | sfdisk --no-reread $1
mkfs.fat --offset 2048 -i 0123ABCD -n ESP $1 4096
mke2fs -q -t ext4 -L 'big root' -U 11111111-2222-3333-4444-555555555555 -E offset=8388608 $1 8M"""


def test_file_systems_have_names_and_bring_their_drivers(start, tmp_path):
    devices = disk(tmp_path, 'a', 64 << 20, FAT_BESIDE_EXT4) + disk(tmp_path, 'b', 8 << 20, 'mke2fs -q -L whole $1')
    m = start(qemu=devices, append='quiet').boot()
    wait_for(m, '/dev/disk/by-label/big\\\\x20root')
    wait_for(m, '/dev/disk/by-label/whole')
    wait_for(m, '/sys/module/ext2')
    assert read(m, 'readlink /dev/disk/by-uuid/0123-ABCD') == '../../vda1'
    assert read(m, 'readlink /dev/disk/by-label/ESP') == '../../vda1'
    assert read(m, 'readlink /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555') == '../../vda2'
    assert read(m, 'readlink /dev/disk/by-label/whole') == '../../vdb'
    m.check('mount /dev/disk/by-label/whole /mnt && umount /mnt')
    # Another file system takes the place of the old one, and its names.
    m.check(r"printf 'other\0' | dd of=/dev/vdb bs=1 seek=1144")
    wait_for(m, '/dev/disk/by-label/other')
    m.check('! test -e /dev/disk/by-label/whole')
    # What was found outlasts the prober; a file system that nobody knows has no name.
    m.check('dd if=/dev/zero of=/dev/vdb bs=4096 count=1')
    m.check('i=0; while test -e /dev/disk/by-label/other; do i=$((i+1)); test $i -lt 100 || exit; usleep 50000; done')
    m.check('kill -STOP $(pidof hotplug); rmmod fsprobe && test -e /dev/disk/by-label/ESP')
    m.check('rmmod virtioblk && ! test -e /dev/disk')


def test_disks_have_the_names_of_their_places(start, tmp_path):
    """Those of Debian 12's udev, with its second names."""
    qemu = disk(tmp_path, 'a', 8 << 20, 'echo start=2048 | sfdisk -q --no-reread $1')
    qemu[-1] += ',addr=5'
    for name, card in (('b', 'nvme,addr=6,serial=b'), ('c', 'ide-hd,bus=ide.2'), ('d', 'ide-cd,bus=ide.4')):
        with open(tmp_path / name, 'wb') as f:
            f.truncate(1 << 20)
        qemu += ['-drive', f'if=none,id={name},file={tmp_path}/{name},format=raw', '-device', f'{card},drive={name}']
    m = start(machine='q35', qemu=qemu, append='quiet').boot()
    for name, of in (('pci-0000:00:05.0', 'vda'), ('virtio-pci-0000:00:05.0-part1', 'vda1'),
                     ('pci-0000:00:06.0-nvme-1', 'nvme0n1'), ('pci-0000:00:1f.2-ata-3.0', 'sda'),
                     ('pci-0000:00:1f.2-ata-3', 'sda'), ('pci-0000:00:1f.2-ata-5', 'sr0')):
        wait_for(m, f'/dev/disk/by-path/{name}')
        assert read(m, f'readlink /dev/disk/by-path/{name}') == f'../../{of}'
    assert len(read(m, 'ls /dev/disk/by-path').split()) == 9

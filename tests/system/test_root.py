# SPDX-License-Identifier: MIT
"""The root file system on a disk, which boots by itself."""
import os
import shutil
import subprocess

import pytest

import archive
import machine as machines
from builds import disk_kernel
from conftest import repeats

pytestmark = pytest.mark.banos

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..'))
MIB = 1 << 20
ROOT_AT, ROOT_MIB = 18, 45      # of the third partition: scripts/disk.sh
ROOT = 'b5a5c0de-0001-4000-8000-000000000003'
OVMF = '/usr/share/OVMF/OVMF_{}_4M.fd'


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """The image, as "make disk" makes it."""
    out = tmp_path_factory.mktemp('disk')
    for name in ('banos.elf', 'initramfs.cpio'):
        os.symlink(os.path.abspath(f'{machines.BUILD}/{name}'), out / name)
    subprocess.run(['scripts/disk.sh', out], cwd=SOURCE, check=True,
                   env=dict(os.environ, DISK_MIB='64', PYTHON='/usr/bin/python3'))
    return out / 'banos.img'


@pytest.fixture
def image(made, scratch):
    return shutil.copy(made, scratch / 'disk.img')


def drive(image):
    return ['-drive', f'if=virtio,format=raw,file={image}']


def check_file_system(image, folder):
    """It is clean, and was unmounted."""
    with open(image, 'rb') as f:
        f.seek(ROOT_AT * MIB)
        (folder / 'root').write_bytes(f.read(ROOT_MIB * MIB))
    done = subprocess.run(['/usr/sbin/e2fsck', '-fn', folder / 'root'], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def is_root(m, how='rw'):
    assert f'/dev/vda3 on / type ext2 ({how},relatime)\n' in m.check('mount')


@pytest.mark.parametrize('firmware', ['bios', *repeats('uefi')])
def test_a_disk_boots_by_itself_and_keeps_changes(start, image, scratch, firmware):
    options = {'disk': image, 'limit_s': 300}
    if firmware == 'uefi':
        shutil.copy(OVMF.format('VARS'), scratch / 'vars')
        options |= {'machine': 'q35', 'qemu': [
            '-drive', f'if=pflash,format=raw,readonly=on,file={OVMF.format("CODE")}',
            '-drive', f'if=pflash,format=raw,file={scratch}/vars']}
    m = start(**options).boot(120)
    is_root(m)
    m.check('echo kept >/root/first; cp /bin/busybox /root; mkdir /root/folder; '
            'mv /root/first /root/folder/second')
    m.sendline('poweroff')
    m.wait_end()
    check_file_system(image, scratch)
    m = start(**options).boot(120)
    assert m.check('cat /root/folder/second; cmp /bin/busybox /root/busybox') == 'kept\n'
    assert 'first' not in m.check('ls /root')


@pytest.mark.parametrize('name', [
    *repeats('/dev/vda3 rootfstype=ext2', f'UUID={ROOT}', 'LABEL=banos'), 'PARTLABEL=root rootwait'])
def test_the_root_has_many_names(start, image, name):
    is_root(start(append=f'quiet root={name}', qemu=drive(image)).boot())


def test_a_root_that_is_read_only_can_become_writable(start, image, scratch):
    m = start(append=f'quiet ro root=PARTUUID={ROOT}', qemu=drive(image)).boot()
    is_root(m, 'ro')
    assert 'Read-only file system' in m.run('echo no >/root/file')[0]
    m.check('mount -o remount,rw /; echo yes >/root/file')
    is_root(m)
    m.check('mount -o remount,ro /')
    assert 'Read-only file system' in m.run('echo no >/root/file')[0]
    assert m.check('cat /root/file') == 'yes\n'
    # Nothing has to be written any more: the machine may stop at once.
    m.close()
    check_file_system(image, scratch)


def test_without_the_disk_there_is_a_shell(start):
    m = start(append='quiet root=/dev/vdz9 rootwait=1')
    m.expect('there is no /dev/vdz9', 60)
    m.boot()
    assert 'rootfs on / ' in m.check('mount')


# 8 MiB: as little as a shell from a disk needs.
@pytest.mark.parametrize('name, memory', [('/dev/vda3 rootfstype=vfat,ext2', 8), ('LABEL=banos', 256)])
def test_the_kernel_mounts_the_root_itself(start, image, scratch, name, memory):
    m = start(append=f'quiet root={name}', kernel=disk_kernel(), initrd=b'', memory=memory,
              qemu=drive(image)).boot()
    is_root(m)
    # Nothing is left of the first file system, and the disk is in use.
    assert 'rootfs' not in m.check('cat /proc/mounts')
    assert m.check('cat /proc/1/comm') == 'init\n'
    m.check('echo kept >/root/file')
    m.sendline('poweroff')
    m.wait_end()
    check_file_system(image, scratch)
    # An initramfs without a first program does not change that; and what stands in it is not the root.
    m = start(append='quiet ro root=/dev/vda3 init=/bin/sh', kernel=disk_kernel(), qemu=drive(image),
              initrd=archive.cpio(archive.tree({'sbin/init': archive.file('', b'#!/bin/no')}))).boot()
    assert m.check('cat /root/file') == 'kept\n'
    assert m.run('echo no >/root/file')[1] != 0


def test_a_disk_that_can_only_be_read_is_the_root(start, image):
    m = start(append='root=/dev/vda3 init=/bin/sh', kernel=disk_kernel(), initrd=b'', qemu=[
        '-drive', f'if=virtio,format=raw,readonly=on,file={image}']).boot()
    m.check('mount -t proc proc /proc')
    is_root(m, 'ro')
    assert 'read only, as the disk is' in m.check('dmesg')


@pytest.mark.parametrize('words, said', [
    ('root=/dev/vdz rootwait=1', 'there is no /dev/vdz'),
    ('root=/dev/vda1', '/dev/vda1 cannot be mounted as any type'),
    ('root=/dev/vda3 rootfstype=iso9660,', '/dev/vda3 cannot be mounted as iso9660')])
def test_a_root_that_cannot_be_mounted_is_told(start, image, words, said):
    m = start(append=words, kernel=disk_kernel(), initrd=b'', qemu=drive(image))
    m.expect(said, 60)
    m.expect('cannot start: no root file system, and no initrd', 10)

# SPDX-License-Identifier: MIT
"""ext2 in the kernel: files on a disk, looked at by e2fsck and debugfs afterwards."""
import os
import shutil
import subprocess

import pytest

import machine as machines
from archive import file
from conftest import disk_program, repeats

pytestmark = [pytest.mark.banos, pytest.mark.skipif(not shutil.which('mke2fs', path='/usr/sbin:/sbin'),
                                                    reason='needs e2fsprogs')]
ENVIRONMENT = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')


def host(*command):
    """What a program of the host says; it must succeed."""
    done = subprocess.run(command, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f'{command}: {done.stdout}'
    return done.stdout


@pytest.fixture
def image(tmp_path):
    path = f'{tmp_path}/disk.img'
    host('mke2fs', '-q', '-F', '-t', 'ext2', path, '24M')
    return path


def disk(image):
    return ['-drive', f'if=none,id=d,file={image},format=raw,cache=unsafe', '-device', 'virtio-blk-pci,drive=d']


def mount(m):
    m.check('modprobe virtioblk; modprobe ext2; mkdir -p /mnt/d; mount -t ext2 /dev/vda /mnt/d && cd /mnt/d')


def test_names_of_all_lengths_are_listed(start, image):
    """Also by a program that has room for few, and while names are added and removed."""
    m = start(append='quiet', files={'listed': file('', disk_program('listed'), 0o755)}, qemu=disk(image)).boot()
    mount(m)
    assert m.check('mkdir l && cd l && /listed', 60) == '0 wrong\n'
    m.check('cd / && umount /mnt/d')
    m.close()
    host('e2fsck', '-fn', image)


@pytest.mark.parametrize('kernel', [
    machines.KERNEL, *repeats(machines.DEBUG_KERNEL)], ids=['release', 'debug'])
def test_files_are_kept(start, image, tmp_path, kernel):
    m = start(kernel=kernel, cpus=2, append='quiet', qemu=disk(image)).boot()
    mount(m)
    m.check('mkdir -p a/b c && dd if=/dev/urandom of=a/random bs=1000 count=300 2>/dev/null')
    m.check('cp -r /etc c/ && cp a/random c/copy && ln c/copy a/b/link && ln -s ../c/copy a/symbolic')
    m.check('for i in $(seq 200); do echo $i >c/file$i; done; rm c/file?5; mv c/file7 a/b/seven')
    m.check('echo more >>a/random; cp c/file8 c/file9; mv c/file8 c/file10; mknod n c 300 7000; sync')
    m.check('head -c 5000 c/copy >c/short && mkdir gone && rmdir gone && echo x >gone && rm gone')
    sum_of = m.check('md5sum <a/random').split()[0]
    names = sorted(m.check('find . -xdev ! -name lost+found').split())
    m.check('cd / && umount /mnt/d && mount -t ext2 /dev/vda /mnt/d && cd /mnt/d')
    assert m.check('md5sum <a/random').split()[0] == sum_of
    assert sorted(m.check('find . -xdev ! -name lost+found').split()) == names
    m.check('cd / && umount /mnt/d && rmmod ext2')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'damaged' not in log, log
    m.close()
    host('e2fsck', '-fn', image)
    host('debugfs', '-R', f'dump /a/random {tmp_path}/random', image)
    assert host('md5sum', f'{tmp_path}/random').split()[0] == sum_of
    assert host('debugfs', '-R', 'cat /a/b/seven', image).endswith('7\n')


def test_a_machine_that_stops_loses_nothing_that_was_synced(start, image, tmp_path):
    m = start(append='quiet', qemu=disk(image)).boot()
    mount(m)
    m.check('mkdir d && for i in $(seq 50); do echo $i >d/$i; done; sync')
    m.check('for i in $(seq 50); do mv d/$i d/moved-$i; echo new >d/new-$i; done; rm d/moved-1?')
    m.close()
    subprocess.run(['e2fsck', '-fy', image], env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=False)
    host('e2fsck', '-fn', image)
    host('debugfs', '-R', f'rdump /d {tmp_path}', image)
    for i in [*range(1, 10), *range(20, 51)]:
        kept = [name for name in (str(i), f'moved-{i}') if os.path.exists(f'{tmp_path}/d/{name}')]
        assert kept, i
        with open(f'{tmp_path}/d/{kept[0]}', encoding='utf-8') as f:
            assert f.read() == f'{i}\n'


def test_what_a_disk_has_can_be_named(start, tmp_path):
    """ext3 and ext4 by the same driver, brought by the name; what it cannot write is read-only, in words."""
    images = {}
    for kind, options in {'ext2': [], 'ext3': [], 'ext4': []}.items():
        images[kind] = f'{tmp_path}/{kind}.img'
        host('mke2fs', '-q', '-F', '-t', kind, *options, images[kind], '16M')
    m = start(append='quiet', qemu=[x for path in images.values()
                                    for x in ('-drive', f'if=virtio,file={path},format=raw,cache=unsafe')]).boot()
    m.check('modprobe virtioblk; mkdir /mnt/d; mount -t ext4 /dev/vdc /mnt/d')
    assert m.check('grep -w "ext[234]$" /proc/filesystems').split() == ['ext2', 'ext3', 'ext4']
    assert ' /mnt/d ext4 ro' in m.check('cat /proc/mounts')
    assert 'mounted read-only: it is ext4 (extents)' in m.check('dmesg -c')
    assert m.run('mount -t ext2 /dev/vdc /mnt')[1] != 0  # in use
    m.check('umount /mnt/d && mount -t ext3 /dev/vdb /mnt/d && echo x >/mnt/d/file && umount /mnt/d')
    m.check('mount -t ext4 /dev/vda /mnt/d && echo x >/mnt/d/file')
    assert ' /mnt/d ext4 rw' in m.check('cat /proc/mounts')
    m.check('umount /mnt/d; dmesg -c >/dev/null')
    assert m.run('mount -o loud -t ext3 /dev/vda /mnt/d')[1] != 0
    assert '/dev/vda cannot be mounted: it has no journal, so it is not ext3' in m.check('dmesg -c')
    assert m.run('mount -t ext2 -o wrong /dev/vda /mnt/d')[1] != 0
    m.check('mount -t ext2 /dev/vda /mnt/d && ! mount -o remount,wrong2 /mnt/d 2>/dev/null')
    log = m.check('dmesg')
    assert 'the option "wrong" is not known' in log and 'the option "wrong2" is not known' in log, log
    m.check('umount /mnt/d')
    m.close()
    for path in images.values():
        host('e2fsck', '-fn', path)


def test_open_files_without_a_name_are_freed_after_a_crash(start, image):
    m = start(append='quiet', qemu=disk(image)).boot()
    mount(m)
    m.check('exec 3>gone && head -c 3000000 /dev/urandom >&3 && rm gone && sync')
    m.close()
    m = start(append='quiet', qemu=disk(image)).boot()
    mount(m)
    assert '1 files without a name were freed' in m.check('dmesg')
    # While one is open the last mount stays; it goes with its file.
    m.check('exec 3>gone; rm gone; sync; cd /; ! umount /mnt/d 2>/dev/null; exec 3>&-; umount /mnt/d')
    m.close()
    host('e2fsck', '-fn', image)


def test_ext4_is_read(start, tmp_path):
    tree, path = tmp_path / 'tree', f'{tmp_path}/disk.img'
    tree.mkdir()
    (tree / 'large').write_bytes(b'large' * 100000)
    host('mke2fs', '-q', '-F', '-t', 'ext4', '-d', str(tree), path, '24M')
    m = start(append='quiet', qemu=disk(path)).boot()
    mount(m)
    assert '/mnt/d ext2 ro' in m.check('cat /proc/mounts')
    assert 'read-only' in m.check('dmesg')
    assert m.check('md5sum <large').split()[0] == host('md5sum', str(tree / 'large')).split()[0]
    m.check('! touch new 2>/dev/null')

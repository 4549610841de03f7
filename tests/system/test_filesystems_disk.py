# SPDX-License-Identifier: MIT
"""File systems on disks: what is written is there, whatever happens, and e2fsck finds nothing."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from conftest import disk_program, repeats

pytestmark = pytest.mark.banos
MODULES = ('fs/ext2/ext2.ko',)
WORK = '''#!/bin/sh
i=0
while test $i -lt 12; do
	mkdir $1$i; echo $1 $i >$1$i/a; ln $1$i/a $1$i/b; ln -s a $1$i/c
	mv $1$i/b $1b; rm -f $1old; mv $1b $1old
	dd if=/bin/busybox of=$1$i/d bs=1000 count=40 2>/dev/null
	cmp -n 40000 $1$i/d /bin/busybox || echo differ
	test $((i % 3)) = 0 || rm -r $1$i
	i=$((i+1))
done
'''


@pytest.fixture
def disk(tmp_path):
    path = str(tmp_path / 'disk')
    subprocess.run(f'truncate -s 16M {path} && mke2fs -q -F -t ext2 -b 1024 {path}', shell=True, check=True)
    return path


def started(start, disk, kernel, cache='writeback'):
    files = {'work': file('', WORK, 0o755), 'nameless': file('', disk_program('nameless'), 0o755)}
    for name in MODULES:
        with open(f'{machines.BUILD}/drivers/{name}', 'rb') as f:
            files[os.path.basename(name)] = file('', f.read())
    m = start(kernel=kernel, cpus=2, files=files, append='quiet', qemu=[
        '-drive', f'if=none,id=d,format=raw,file={disk},cache={cache}',
        '-device', 'virtio-blk-pci,drive=d']).boot()
    m.check('modprobe virtio_blk; insmod /ext2.ko; mkdir /m; until test -b /dev/vda; do sleep 0.1; done')
    m.check('mount -t ext2 /dev/vda /m && cd /m')
    return m


def checked(disk):
    done = subprocess.run(['e2fsck', '-fn', disk], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout


def content(disk, path):
    done = subprocess.run(['debugfs', '-R', f'cat {path}', disk], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return done.stdout


@pytest.fixture(params=[*repeats('release'), 'debug'])
def kernel(request):
    return machines.KERNEL if request.param == 'release' else machines.DEBUG_KERNEL


def test_names_and_data_by_many(start, disk, kernel):
    m = started(start, disk, kernel)
    m.check('stat -f -c %t . | grep ef53 && mount | grep "/dev/vda on /m type ext2 (rw,relatime)"')
    assert 'differ' not in m.check('for n in p q r s; do /work $n & done; '
                                   'for i in 1 2 3; do sync; sleep 0.3; done; wait', 60)
    m.check('cd /; umount /m; ! umount /m 2>/dev/null; sync')
    checked(disk)
    assert content(disk, '/p9/a') == b'p 9\n' and content(disk, '/sold') == b's 11\n'
    m.check('mount -t ext2 /dev/vda /m && cmp -n 40000 /m/q6/d /bin/busybox && rm -r /m/* && umount /m')
    checked(disk)


def test_attributes_and_holes(start, disk, kernel):
    m = started(start, disk, kernel)
    m.check('echo x >a; chmod 4751 a; chown 70000:3 a; touch -d "2003-04-05 06:07:08" a; mknod n c 5 1; mkfifo f')
    m.check('dd if=/bin/busybox of=h bs=1k seek=5000 count=1 2>/dev/null; truncate -s 100 a; truncate -s 3 a')
    m.check('cd /; umount /m; mount -t ext2 /dev/vda /m; cd /m')
    # chown() has taken the set-user-id bit away, and truncate() has set the time
    assert m.check('stat -c "%a %u:%g %s" a; stat -c "%F %t:%T" n f; stat -c %s h').splitlines() == [
        '751 70000:3 3', 'character special file 5:1', 'fifo 0:0', '5121024']
    assert int(m.check('du -k h').split()[0]) < 20
    m.check('cd /; umount /m')
    checked(disk)


def test_what_was_synced_survives_a_loss_of_power(start, disk, kernel):
    m = started(start, disk, kernel)
    m.check('mkdir d; dd if=/bin/busybox of=d/kept bs=4k count=30 conv=fsync 2>/dev/null; echo 1 >d/new')
    m.child.kill(9)
    subprocess.run(['e2fsck', '-fy', disk], stdout=subprocess.DEVNULL, check=False)
    checked(disk)
    with open('/bin/busybox', 'rb') as f:
        assert content(disk, '/d/kept') == f.read(30 * 4096)


def test_the_driver_is_replaced_under_work(start, disk, kernel):
    m = started(start, disk, kernel)
    m.check('echo before >f; exec 5>>f; cp /bin/busybox bb')
    m.check('rmmod --revoke ext2; { sleep 0.5; insmod /ext2.ko; } & echo after >&5; echo new >g; wait', 30)
    assert 'goes on with the driver ext2' in m.check('dmesg')
    assert m.check('cat f g; cmp bb /bin/busybox && exec 5>&-') == 'before\nafter\nnew\n'
    m.check('cd /; umount /m; rmmod ext2')
    checked(disk)
    assert content(disk, '/f') == b'before\nafter\n'


def test_a_disk_is_mounted_by_one(start, disk, kernel):
    m = started(start, disk, kernel)
    m.check('mkdir /n; mount -t ext2 /dev/vda /n && echo 1 >/n/a && test "$(cat /m/a)" = 1')
    m.check('! mount -t ext2 -o ro /dev/vda /n 2>/dev/null; ! mount -t ext2 /dev/null /n 2>/dev/null')
    m.check('cd /; umount /n; umount /m')
    checked(disk)


def test_files_without_a_name(start, disk, kernel):
    m = started(start, disk, kernel)
    before = m.check('stat -f -c %f:%d .')
    assert m.check('/nameless .') == ''
    assert m.lines('ls -1') == ['again', 'lost+found', 'named']
    m.check('cd /; umount /m; mount -t ext2 /dev/vda /m && cd /m')
    assert m.check('cat named; stat -c "%h %a" named') == 'nameless\nmore\n2 640\n'
    m.check('rm named again; sync')
    assert m.check('stat -f -c %f:%d .') == before
    m.check('cd /; umount /m')
    checked(disk)


def test_no_disk_is_read_only_while_what_has_no_name_is_in_use(start, disk, kernel):
    m = started(start, disk, kernel)
    before = m.check('stat -f -c %f:%d .')
    m.check('echo x >f; exec 5<f; rm f; mkdir d; cd d; rmdir ../d')
    for end in 'exec 5<&-', 'cd /m':
        assert 'busy' in m.run('mount -o remount,ro /m')[0]
        m.check(f'echo y >/m/g && {end}')
    m.check('rm /m/g; mount -o remount,ro /m && ! touch /m/h 2>/dev/null')
    assert m.check('stat -f -c %f:%d .') == before
    m.check('cd /; umount /m')
    checked(disk)

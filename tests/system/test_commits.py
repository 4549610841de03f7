# SPDX-License-Identifier: MIT
"""Commits of file systems: which of them wait for which disk, and what they do about one that fails."""
import os
import re
import subprocess
import time

import pytest

import machine as machines
from archive import file
from conftest import disk_program, repeats

pytestmark = pytest.mark.banos
ENVIRONMENT = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')
OLD = b'somebody else wrote this once..\n' * 128


def host(*command):
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def made(path, blocks=4096):
    """A disk with ext2, whose free blocks are full of what was there before."""
    with open(path, 'wb') as f:
        for _ in range(blocks):
            f.write(OLD)
    assert host('mke2fs', '-q', '-F', '-t', 'ext2', '-b', '4096', '-E', 'nodiscard', path)[0] == 0
    return str(path)


def content(path, name):
    return host('debugfs', '-R', f'cat {name}', path)[1].split(b'\n', 1)[1]


def mount(m, letter='a'):
    m.check(f'dmesg -n1; modprobe virtioblk; modprobe ext2; until test -b /dev/vd{letter}; do sleep 0.1; done; '
            f'mkdir /{letter}; mount -t ext2 /dev/vd{letter} /{letter}')


def test_a_slow_disk_holds_up_no_other(start, tmp_path):
    slow, fast = made(tmp_path / 'slow'), made(tmp_path / 'fast')
    m = start(cpus=2, append='quiet', qemu=[
        '-drive', f'if=none,id=a,file={slow},format=raw', '-device', 'virtio-blk-pci,drive=a',
        '-drive', f'if=none,id=b,file={fast},format=raw', '-device', 'virtio-blk-pci,drive=b']).boot()
    mount(m, 'a')
    mount(m, 'b')
    m.check('sync')
    m.inspector.command('block_set_io_throttle', device='a', bps=0, bps_rd=0, bps_wr=1, iops=0, iops_rd=0, iops_wr=0)
    m.check('for i in 1 2 3 4; do cp /bin/busybox /a/f$i; done; sleep 1; echo new >/b/f')
    end = time.monotonic() + 100
    while b'new\n' not in content(fast, '/f') and time.monotonic() < end:
        time.sleep(0.3)
    assert content(fast, '/f') == b'new\n'
    assert b'File not found' in content(slow, '/f4'), 'the slow disk was not slow enough for this test'
    m.kill_qemu()


def broken(path, sector):
    """A disk one sector of which cannot be written."""
    return ['-blockdev', f'driver=file,node-name=file,filename={path}', '-blockdev',
            'driver=blkdebug,node-name=bad,image=file,inject-error.0.event=none,inject-error.0.iotype=write,'
            f'inject-error.0.sector={sector},inject-error.0.errno=5',
            '-blockdev', 'driver=raw,node-name=a,file=bad',
            '-device', 'virtio-blk-pci,drive=a,werror=report']


def block_of_first_file(start, path):
    """Which block the first file gets that is made on the disk: a copy of it is used up."""
    copy = path + '-copy'
    assert host('cp', path, copy)[0] == 0
    m = start(append='quiet', qemu=['-drive', f'if=virtio,file={copy},format=raw']).boot()
    mount(m)
    m.check('yes new | dd of=/a/f bs=4096 count=8 iflag=fullblock 2>/dev/null; umount /a')
    m.close()
    return int(host('debugfs', '-R', 'bmap /f 4', copy)[1].split()[-1])


@pytest.mark.parametrize('kernel', [machines.KERNEL, *repeats(machines.DEBUG_KERNEL)])
def test_a_block_that_was_never_written_is_in_no_file(start, tmp_path, kernel):
    disk = made(tmp_path / 'disk')
    block = block_of_first_file(start, disk)
    m = start(kernel=kernel, append='quiet', qemu=broken(disk, block * 8 + 1)).boot()
    mount(m)
    m.check('exec 5>/a/other')
    output, status = m.run('yes new | dd of=/a/f bs=4096 count=8 iflag=fullblock conv=fsync')
    assert status and 'Input/output error' in output, output
    mounted = m.check('grep /a /proc/mounts; ! mount -o remount,rw /a 2>/dev/null; exec 5>&-; umount /a')
    m.close()
    assert OLD[:32] not in content(disk, '/f')
    assert ' ro,' in mounted
    assert host('e2fsck', '-fy', disk)[0] in (0, 1)
    assert OLD[:32] not in content(disk, '/f')


def test_each_file_learns_once_that_a_commit_has_failed(start, tmp_path):
    disk = made(tmp_path / 'disk')
    bitmap = int(re.search(rb'Block bitmap at (\d+)', host('dumpe2fs', disk)[1])[1])
    m = start(append='quiet', files={'syncs': file('', disk_program('syncs'), 0o755)},
              qemu=broken(disk, bitmap * 8)).boot()
    mount(m)
    assert m.check('/syncs /a/f /a/g').split() == ['5', '5', '0', '0']
    m.check('umount /a')


def checked(m, disk):
    """What was lacking left no trace: neither here, nor on the disk."""
    log = m.check('cd /; umount /a; dmesg')
    m.close()
    assert 'read-only' not in log and 'damaged' not in log, log
    status, output = host('e2fsck', '-fn', disk)
    assert status == 0, output
    # What the superblock says is the sum of the groups, of which e2fsck makes nothing.
    words = host('dumpe2fs', disk)[1]
    for kind in b'blocks', b'inodes':
        total = int(re.search(rb'^Free %s:\s+(\d+)' % kind, words, re.M)[1])
        assert total == sum(int(x) for x in re.findall(rb'(\d+) free %s[,\n]' % kind, words)), words


def short_of_memory(start, tmp_path, **options):
    """A debug kernel, whose allocations can be made to fail, and a disk."""
    disk = made(tmp_path / 'disk', 8192)
    m = start(kernel=machines.DEBUG_KERNEL, append='quiet', qemu=['-drive', f'if=virtio,file={disk},format=raw'], **options).boot()
    mount(m)
    return m, disk


def test_each_allocation_of_each_change_may_fail(start, tmp_path):
    m, disk = short_of_memory(start, tmp_path, files={'failing_disk': file('', disk_program('failing_disk'), 0o755)})
    output, status = m.run('cd /a && /failing_disk', 120)
    assert status == 0 and output.endswith('\n0 wrong\n'), output
    assert sum(int(count) for count in re.findall(r'^[a-z]+ (\d+)$', output, re.M)) > 60, output
    checked(m, disk)


def test_a_change_that_has_begun_waits_for_memory(start, tmp_path):
    m, disk = short_of_memory(start, tmp_path, cpus=2)
    for allocation in 'store_page_dirty', 'undo_note', 'order_add':
        m.check(f'sync; echo all,in={allocation} >/proc/sys/vm/fail; (sleep 1; echo >/proc/sys/vm/fail) & '
                f'mkdir -p /a/{allocation}/b && echo new >/a/{allocation}/c && mv /a/{allocation}/c /a/{allocation}/b/d && wait')
    m.check('test "$(cat /a/*/b/d | uniq)" = new')
    checked(m, disk)


def test_a_change_that_was_taken_back_is_not_counted(start, tmp_path):
    """It had allocated an inode and a block, and counted them."""
    m, disk = short_of_memory(start, tmp_path)
    m.check('sync; echo all,skip=4,in=store_page_dirty >/proc/sys/vm/fail')
    output, status = m.run('mkdir /a/folder')
    assert status and 'memory' in output, output
    m.check('echo >/proc/sys/vm/fail; ! test -e /a/folder; echo >/a/other; sync')
    checked(m, disk)


def test_a_commit_without_memory_is_made_up_for(start, tmp_path):
    m, disk = short_of_memory(start, tmp_path, cpus=2, files={'syncs': file('', disk_program('syncs'), 0o755)})
    m.check('echo old >/a/f; sync; echo all,in=store_snapshot >/proc/sys/vm/fail')
    output, status = m.run('echo new | dd of=/a/f conv=fsync')
    assert status and 'memory' in output, output
    m.check('echo >/proc/sys/vm/fail; grep -q "/a ext2 rw" /proc/mounts')
    assert m.check('/syncs /a/f /a/g', 60).split() == ['0'] * 4
    assert content(disk, '/f') == content(disk, '/g') == b'new\n'
    # The thread that commits by itself, and all that it needs.
    m.check('echo all,task=kcommit >/proc/sys/vm/fail; echo late >/a/h; mkdir /a/folder; mv /a/f /a/folder; sleep 7; '
            'grep -v ": 0 calls" /proc/sys/vm/fail && echo >/proc/sys/vm/fail')
    end = time.monotonic() + 60
    while content(disk, '/h') != b'late\n' and time.monotonic() < end:
        time.sleep(0.5)
    assert content(disk, '/h') == b'late\n' and content(disk, '/folder/f') == b'new\n'
    checked(m, disk)


def test_a_file_without_a_name_is_closed_during_its_commit(start, tmp_path):
    """The commit itself may have its last use: to free it is a change, for which nobody may wait who commits."""
    disk = made(tmp_path / 'disk')
    m = start(cpus=2, append='quiet', files={'overwriter': file('', disk_program('overwriter'), 0o755)}, qemu=[
        '-drive', f'if=none,id=a,file={disk},format=raw,throttling.iops-write=300', '-device', 'virtio-blk-pci,drive=a']).boot()
    mount(m)
    free = m.check('df /a | tail -1').split()[2]
    assert m.check('/overwriter /a/f 25', 60) == 'done\n'
    m.check('umount /a; mount -t ext2 /dev/vda /a')
    assert m.check('df /a | tail -1').split()[2] == free
    m.check('umount /a')
    m.kill_qemu()
    assert host('e2fsck', '-fn', disk)[0] == 0

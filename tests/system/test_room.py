# SPDX-License-Identifier: MIT
"""fallocate() on disks, and the blocks that a file is said to have."""
import os
import subprocess

import pytest

import machine as machines
from archive import file
from conftest import disk_program, repeats

pytestmark = pytest.mark.banos
ENVIRONMENT = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')
MAKE = {'ext2-1k': ('mke2fs', '-q', '-F', '-t', 'ext2', '-b', '1024', '-E', 'nodiscard'),
        'ext2-4k': ('mke2fs', '-q', '-F', '-t', 'ext2', '-b', '4096', '-E', 'nodiscard'),
        'fat': ('mkfs.fat', '-F', '16', '-s', '4')}
CHECK = {'ext2': ('e2fsck', '-fn'), 'fat': ('fsck.fat', '-n')}
EFBIG, ENOSPC, EOPNOTSUPP = 27, 28, 95
KEEP, PUNCH, ZERO = 1, 3, 16


def host(*command):
    done = subprocess.run(command, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    assert done.returncode == 0, f'{command}: {done.stdout}'
    return done.stdout


def started(start, tmp_path, kind, kernel, program='allocate'):
    """A disk that is full of what was there before, and a file with a hole in it where the format has holes."""
    disk = f'{tmp_path}/disk'
    with open(disk, 'wb') as f:
        f.write(b'old' * (20 << 20))
    host(*MAKE[kind], disk)
    m = start(kernel=kernel, cpus=2, append='quiet', files={program: file('', disk_program(program), 0o755)}, qemu=[
        '-drive', f'if=none,id=d,format=raw,file={disk}', '-device', 'virtio-blk-pci,drive=d']).boot()
    m.check('dmesg -n1; modprobe virtioblk; modprobe ext2; modprobe vfat; mkdir /m; until test -b /dev/vda; do sleep 0.1; done')
    m.check(f'mount -t {kind[:4] if kind != "fat" else "vfat"} /dev/vda /m && cd /m')
    return m, disk


def ended(m, disk, kind):
    m.check('cd /; umount /m')
    log = m.check('dmesg')
    assert 'damaged' not in log and 'read-only' not in log, log
    m.close()
    host(*CHECK[kind[:4]], disk)


@pytest.fixture(params=['release', *repeats('debug')])
def kernel(request):
    return machines.KERNEL if request.param == 'release' else machines.DEBUG_KERNEL


def allocate(m, *arguments):
    """The error, the size, and bytes of the blocks."""
    error, size, blocks = (int(word) for word in m.check(f'/allocate {" ".join(str(x) for x in arguments)}', 60).split())
    return error, size, blocks * 512


def holds_zeroes(m, name, size):
    assert m.check(f"tr -d '\\000' <{name} | wc -c; wc -c <{name}").split() == ['0', str(size)]


@pytest.mark.parametrize('kind', ['ext2-1k', *repeats('ext2-4k'), 'fat'])
def test_room_in_advance(start, tmp_path, kind, kernel):
    m, disk = started(start, tmp_path, kind, kernel)
    error, size, room = allocate(m, 'a', 0, 100, 300000)
    assert (error, size) == (0, 300100) and 300100 <= room < 320000
    holds_zeroes(m, 'a', 300100)
    m.check('echo 3 >/proc/sys/vm/drop_caches; sync; echo 3 >/proc/sys/vm/drop_caches')
    holds_zeroes(m, 'a', 300100)
    # What is there stays.
    m.check('head -c 5000 /bin/busybox >b')
    assert allocate(m, 'b', 0, 0, 9000)[:2] == (0, 9000)
    m.check('cmp -n 5000 b /bin/busybox')
    assert allocate(m, 'c', 0, 0, 100 << 20)[0] == ENOSPC
    assert allocate(m, 'c', ZERO, 0, 4096)[0] == EOPNOTSUPP
    m.check('rm c; sync; mv a d')
    assert allocate(m, 'd', 0, 0, 4096)[:2] == (0, 300100)
    ended(m, disk, kind)


@pytest.mark.parametrize('kind', ['ext2-1k', *repeats('ext2-4k')])
def test_holes(start, tmp_path, kind, kernel):
    m, disk = started(start, tmp_path, kind, kernel)
    m.check('truncate -s 1000000 a')
    assert allocate(m, 'a', KEEP, 5000, 200000)[:2] == (0, 1000000)
    room = allocate(m, 'a', KEEP, 5000, 200000)[2]
    assert 200000 <= room < 220000
    holds_zeroes(m, 'a', 1000000)
    assert allocate(m, 'a', KEEP, 999999, 2)[0] == EOPNOTSUPP      # e2fsck would find blocks behind the end
    assert allocate(m, 'a', PUNCH, 8192, 65536)[0] == 0
    assert allocate(m, 'a', PUNCH, 8192, 65536)[2] == room - 65536
    m.check('head -c 40000 /bin/busybox >b')
    assert allocate(m, 'b', PUNCH, 5000, 1000)[:2] == (0, 40000)
    m.check("(head -c 5000 /bin/busybox; head -c 1000 /dev/zero; head -c 40000 /bin/busybox | tail -c 34000) | cmp - b")
    ended(m, disk, kind)


def test_what_a_mapping_stores_meanwhile_stays(start, tmp_path, kernel):
    m, disk = started(start, tmp_path, 'ext2-4k', kernel, 'fillrace')
    assert m.check('/fillrace a 12', 120).split() == ['0']
    m.check('cp a /tmp/b')
    m.check('sync; echo 3 >/proc/sys/vm/drop_caches')
    m.check('cmp a /tmp/b')
    ended(m, disk, 'ext2-4k')


@pytest.mark.parametrize('kind', ['ext2-1k', *repeats('ext2-4k')])
def test_names_move_while_a_mapping_stores(start, tmp_path, kernel, kind):
    m, disk = started(start, tmp_path, kind, kernel, 'renamerace')
    assert m.check('/renamerace a b 2000', 120).split() == ['0']
    counted = m.check('sync; stat -c %b a b')
    m.check('cd /; umount /m; mount -t ext2 /dev/vda /m; cd /m')
    assert m.check('stat -c %b a b') == counted
    ended(m, disk, kind)


def test_clusters_behind_the_end(start, tmp_path, kernel):
    m, disk = started(start, tmp_path, 'fat', kernel)
    m.check('echo new >a')
    error, size, room = allocate(m, 'a', KEEP, 0, 100000)
    assert (error, size) == (0, 4) and 100000 <= room < 105000
    m.check('echo more >>a; truncate -s 50000 a')
    assert m.check("tr -d '\\000' <a") == 'new\nmore\n'
    assert allocate(m, 'b', KEEP, 0, 100000)[0] == 0
    assert allocate(m, 'b', PUNCH, 0, 4096)[0] == EOPNOTSUPP
    assert allocate(m, 'b', KEEP, 0, 1 << 32)[0] == EFBIG
    ended(m, disk, 'fat')       # what is behind the ends was freed


@pytest.mark.parametrize('kind', ['ext2-1k', *repeats('ext2-4k'), 'fat'])
def test_blocks_are_counted_at_once(start, tmp_path, kind, kernel):
    m, disk = started(start, tmp_path, kind, kernel)
    room = [int(x) * 512 for x in m.check(
        'head -c 100000 /bin/busybox >a; stat -c %b a; head -c 2 a >>a; stat -c %b a; sync; stat -c %b a; : >a; stat -c %b a'
    ).split()]
    assert room[3] == 0 and all(100000 <= number < 110000 for number in room[:3]), room
    ended(m, disk, kind)

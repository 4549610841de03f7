# SPDX-License-Identifier: MIT
"""Commits of file systems: which of them wait for which disk, and what they do about one that fails."""
import os
import subprocess
import time

import pytest

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

# SPDX-License-Identifier: MIT
"""Disks as files, and the cache of their pages, over RAM disks."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file

pytestmark = pytest.mark.banos
HERE = os.path.dirname(os.path.abspath(__file__))
MACHINE = {'append': 'quiet', 'memory': 96}


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'disk_files')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror',
                    '-Wno-unused-parameter', '-o', out, f'{HERE}/disk_files.c',
                    '-idirafter', '/usr/include', '-idirafter',
                    '/usr/include/x86_64-linux-gnu'],
                   check=True)
    with open(out, 'rb') as f:
        return {'disk_files': file('', f.read(), 0o755)}


def test_what_programs_see(shell):
    shell.check('insmod /lib/banos/drivers/block/ram.ko size=8192')
    output, status = shell.run('/disk_files /dev/ram0', 60)
    bad = re.findall(r'^not ok.*', output, re.M)
    assert status == 0 and not bad, output
    assert len(re.findall(r'^ok', output, re.M)) == int(re.search(r'1\.\.(\d+)', output)[1])
    shell.check('rmmod ram')


def test_a_disk_with_large_blocks_is_written_in_blocks(shell):
    shell.check('insmod /lib/banos/drivers/block/ram.ko size=1024 block=4096')
    shell.check('printf abc | dd of=/dev/ram0 bs=1 seek=5000 conv=notrunc,fsync 2>/dev/null')
    shell.check('printf abc | dd of=/dev/ram0 bs=1 seek=12287 conv=notrunc,fsync 2>/dev/null')
    assert shell.check('dd if=/dev/ram0 bs=1 skip=5000 count=3 2>/dev/null') == 'abc'
    assert shell.check('dd if=/dev/ram0 bs=1 skip=12287 count=3 2>/dev/null') == 'abc'
    shell.check('rmmod ram')


def test_a_disk_that_is_taken_away_answers_with_errors(shell):
    shell.check('insmod /lib/banos/drivers/block/ram.ko size=4096')
    shell.check('exec 5<>/dev/ram0; dd if=/dev/zero bs=4k count=50 >&5 2>/dev/null')
    assert shell.run('rmmod ram')[1] != 0       # it is in use
    shell.check('rmmod --revoke ram', 30)
    assert shell.run('dd bs=512 count=1 <&5 >/dev/null 2>&1')[1] == 1
    assert shell.run('dd if=/dev/zero bs=512 count=1 >&5 2>/dev/null')[1] == 1
    shell.check('exec 5>&-; ! ls /dev/ram0 2>/dev/null; sync')


def test_reads_and_writes_more_than_memory_holds(tmp_path):
    """A disk that is larger than memory, written and read through the cache: it makes room for itself and
    for others, and what was written is what is read."""
    image, part = tmp_path / 'disk', os.urandom(1 << 20)
    with open(image, 'wb') as f:
        f.truncate(64 << 20)
    qemu = ['-drive', f'file={image},format=raw,if=none,id=disk', '-device',
            'virtio-blk-pci,drive=disk']
    with machines.Machine(tmp_path / 'log', append='quiet', memory=48, qemu=qemu,
                          files={'part': file('', part)}) as machine:
        machine.boot()
        machine.check('modprobe virtioblk; sleep 1; ls -l /dev/vda')
        machine.check('(for i in $(seq 0 63); do cat /part || exit 1; done) > /dev/vda', 60)
        machine.check('md5sum < /dev/vda > /tmp/first; md5sum < /dev/vda | cmp - /tmp/first', 60)
        lines = machine.check('sync; grep -E "^(Dirty|Writeback):" /proc/meminfo')
        assert re.findall(r'(\d+) kB', lines) == ['0', '0'], lines
        machine.check('dd if=/dev/zero of=/tmp/big bs=64k count=200 2>/dev/null')
        machine.check('echo 3 > /proc/sys/vm/drop_caches; rm /tmp/big; sync')
    with open(image, 'rb') as f:
        for i in range(64):
            assert f.read(1 << 20) == part, i

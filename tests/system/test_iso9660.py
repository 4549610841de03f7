# SPDX-License-Identifier: MIT
"""ISO 9660 in the running kernel: a disk that xorriso made, mounted and read."""
import random
import subprocess

import pytest

from test_partitions import read, wait_for

pytestmark = pytest.mark.banos


def test_files_are_what_was_written(start, tmp_path):
    tree = tmp_path / 'tree'
    (tree / 'a folder' / 'below').mkdir(parents=True)
    (tree / 'a folder' / 'below' / 'numbers').write_bytes(random.Random(1).randbytes(300001))
    (tree / 'empty').touch()
    (tree / 'script').write_text('#!/bin/sh\necho run from a disk\n')
    (tree / 'script').chmod(0o755)
    (tree / 'link').symlink_to('a folder/below/numbers')
    for i in range(300):
        (tree / f'file number {i}').write_text(str(i))
    path = str(tmp_path / 'disk.iso')
    subprocess.run(['xorriso', '-as', 'mkisofs', '-quiet', '-R', '-J', '-o', path, str(tree)], check=True)
    with open(path, 'ab') as f:
        f.truncate((f.tell() + 4095) // 4096 * 4096)
    m = start(qemu=['-drive', f'if=none,id=cd,file={path},format=raw,read-only=on',
                    '-device', 'virtio-blk-pci,drive=cd'], append='quiet').boot()
    wait_for(m, '/dev/vda')
    m.check('modprobe iso9660 && mkdir /cd && mount -t iso9660 -o ro /dev/vda /cd')
    total = subprocess.run('find . -type f -exec md5sum {} + | sort | md5sum', shell=True, cwd=tree, check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()[0]
    assert read(m, 'cd /cd && find . -type f -exec md5sum {} + | sort | md5sum; cd /').split()[0] == total
    assert read(m, 'readlink /cd/link; wc -c </cd/link') == 'a folder/below/numbers 300001'
    assert read(m, '/cd/script') == 'run from a disk'
    assert read(m, 'stat -c %A /cd/script') == '-rwxr-xr-x'
    m.check('! touch /cd/new 2>/dev/null && ! mount -o remount,rw /cd 2>/dev/null')
    m.check('umount /cd && rmmod iso9660')

# SPDX-License-Identifier: MIT
"""banos-class-test finds nothing wrong with our drivers, and does with one that is wrong."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from driver_source import SOURCE, compiled

pytestmark = pytest.mark.banos
TOOLS = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')


def image(folder, name, mib, *commands):
    path = str(folder / name)
    with open(path, 'wb') as f:
        f.truncate(mib << 20)
    for command in commands:
        subprocess.run(['sh', '-ec', command, 'sh', path], check=True, env=TOOLS,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return ['-drive', f'if=virtio,file={path},format=raw']


def failed(output):
    """The tests that did not pass; all were run, or what is needed for them did not pass."""
    assert re.search(r'(?m)^1\.\.\d+$|^Bail out!', output), output
    return re.findall(r'(?m)^not ok \d+ - (.*)', output)


def test_our_disks_and_file_systems_are_right(start, scratch):
    m = start(append='quiet', cpus=2, limit_s=300, qemu=[
        *image(scratch, 'ext2', 32, 'mke2fs -q -b 1024 $1'),
        *image(scratch, 'fat', 32, 'mkdosfs $1'),
        *image(scratch, 'parted', 32, 'sgdisk -n 1:2048:+1M -n 2:8192:+20M $1')]).boot()
    m.check('modprobe ram size=3072 block=4096')
    for disk in ('/dev/ram0', '/dev/vdc'):
        output = m.check(f'banos-class-test block {disk}', 120)
        assert not failed(output) and output.count('ok') > 43, output
    for words in ('filesystem ext2 /dev/vda', 'filesystem vfat /dev/vdb', 'filesystem tmpfs none',
                  'partitions /dev/vdc', 'tree /usr'):
        output = m.check(f'banos-class-test {words}', 120)
        assert not failed(output), output
    assert not m.check('ls /tmp')
    # The disk in use, words that are none.
    m.check('mount /dev/vda /mnt')
    output, status = m.run('banos-class-test block /dev/vda')
    assert status == 2 and 'Bail out!' in output, output
    assert m.run('banos-class-test')[1] == m.run('banos-class-test block')[1] == 2


def test_a_read_only_file_system_is_walked(start, scratch):
    (scratch / 'tree').mkdir()
    (scratch / 'tree' / 'a file with a long name').write_bytes(b'text' * 3000)
    os.symlink('a file with a long name', scratch / 'tree' / 'link')
    path = str(scratch / 'disc')
    subprocess.run(['xorriso', '-as', 'mkisofs', '-quiet', '-R', '-o', path, str(scratch / 'tree')], check=True)
    m = start(append='quiet', cpus=2, qemu=[
        '-drive', f'if=virtio,file={path},format=raw,readonly=on']).boot()
    for words in ('filesystem iso9660 /dev/vda', 'block /dev/vda'):
        output = m.check(f'banos-class-test {words}')
        assert 'read only' in output and not failed(output), output


# What a driver may do wrong: text of the sample, and what is put there; a test that must see it.
FAULTS = {
    'place': (r'request->first \* BLOCK', r'(request->first > 100 ? request->first - 1 : request->first) * BLOCK',
              'O_DIRECT writes and reads of 4096 bytes'),
    'end': (r'case BANOS_BLOCK_READ:', 'case BANOS_BLOCK_READ:\nif (request->first + request->bytes / BLOCK == 128)'
            ' return -EIO;', 'the last block can be read'),
    'bit': (r'(?s)(case BANOS_BLOCK_WRITE:.*?)return 0;', r'\1at[request->bytes / 2] ^= request->bytes > BLOCK; return 0;',
            'O_DIRECT writes and reads of 4096 bytes'),
    'lost': (r'case BANOS_BLOCK_WRITE:', 'case BANOS_BLOCK_WRITE:\nif (request->first % 16 == 7) return 0;',
             'O_DIRECT writes and reads of 512 bytes'),
}


def test_a_disk_that_is_wrong_is_found(start):
    with open(f'{SOURCE}/drivers/samples/slate.c', encoding='utf-8') as f:
        code = f.read()
    files = {}
    for name, (text, instead, _) in FAULTS.items():
        wrong, count = re.subn(text, instead, code.replace('slate', f'wrong{name}'), count=1)
        assert count == 1
        files[f'{name}.ko'] = file('', compiled('#define BANOS_DRAFT\n' + wrong, f'{machines.BUILD}/include/drafts'))
    m = start(append='quiet', cpus=2, files=files).boot()
    for name, (_, _, seen) in FAULTS.items():
        m.check(f'insmod /{name}.ko')
        output, status = m.run(f'banos-class-test block /dev/wrong{name}0')
        assert status and seen in failed(output), output

# SPDX-License-Identifier: MIT
"""Random work on ext2 over each kind of disk, and what other programs than the kernel make of the result.

filework compares one file with a model in memory, treework has eight processes in shared folders
(tests/user/disks). Afterwards e2fsck finds nothing wrong, and debugfs and fuse2fs see the files that
the kernel saw. fuse2fs takes part where it can mount: it needs /dev/fuse and root.
"""
import os
import shutil
import stat
import subprocess
import zlib

import pytest

import machine as machines
from archive import file
from conftest import LONG_PROOF, disk_program, repeats
from test_ext2 import host, pytestmark  # noqa: F401
from test_pci import wait_until

# Machine, device, driver, QEMU's options.
DISKS = {
    'virtio': ('pc', '/dev/vda', 'virtioblk', ['-device', 'virtio-blk-pci,drive=d']),
    'ahci': ('q35', '/dev/sda', 'ahci', ['-device', 'ide-hd,drive=d,bus=ide.0']),
    'nvme': ('q35', '/dev/nvme0n1', 'nvme', ['-device', 'nvme,drive=d,serial=1']),
}
KERNELS = {'release': machines.KERNEL, 'debug': machines.DEBUG_KERNEL}
FORMATS = ['-b 1024', '-b 4096', '-b 1024 -I 128 -O ^filetype', '-b 2048 -g 2048']


def row(mode, links, owner, group, size, total, attributes, path):
    size = 0 if stat.S_ISDIR(mode) else size
    return f'{mode:06o} {links} {owner}:{group} {size} {total:08x} {attributes} {path}'


def sum_of(path, mode):
    if stat.S_ISLNK(mode):
        return zlib.crc32(os.readlink(path).encode())
    if not stat.S_ISREG(mode):
        return 0
    with open(path, 'rb') as f:
        return zlib.crc32(f.read())


def attributes_of(path):
    text = ''
    for i in range(4):
        try:
            text += f'{zlib.crc32(os.getxattr(path, f"user.{i}", follow_symlinks=False)):08x},'
        except OSError:
            text += '-,'
    return text


def tree_rows(folder):
    """What `treework list` says, here."""
    rows = []
    for above, folders, names in os.walk(folder):
        if 'lost+found' in folders:
            folders.remove('lost+found')
        for path in (os.path.join(above, name) for name in folders + names):
            st = os.lstat(path)
            rows.append(row(st.st_mode, st.st_nlink, st.st_uid, st.st_gid, st.st_size, sum_of(path, st.st_mode),
                            attributes_of(path), './' + os.path.relpath(path, folder)))
    return sorted(rows)


def content(rows):
    """Without links and attributes, which rdump doesn't copy."""
    return sorted([word for i, word in enumerate(line.split(' ', 6)) if i not in (1, 5)] for line in rows)


def compare_on_the_host(image, rows, folder):
    done = subprocess.run(['e2fsck', '-fn', image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout
    copy, mounted = f'{folder}/copy', f'{folder}/mounted'
    os.makedirs(copy), os.makedirs(mounted)
    host('debugfs', '-R', f'rdump / {copy}', image)
    assert content(tree_rows(copy)) == content(rows)
    if shutil.which('fuse2fs') and os.path.exists('/dev/fuse') and os.geteuid() == 0 and \
            subprocess.run(['fuse2fs', '-o', 'ro', image, mounted], check=False).returncode == 0:
        try:
            assert tree_rows(mounted) == rows
        finally:
            subprocess.run(['umount', mounted], check=True)


def try_disk(start, tmp_path, kind, cpus, kernel, options, seed, file_steps, tree_steps):
    machine, device, driver, qemu = DISKS[kind]
    image = f'{tmp_path}/disk.img'
    host('mke2fs', '-q', '-F', '-t', 'ext2', *options.split(), '-N', '6000', image, '32M')
    files = {name: file('', disk_program(name), 0o755) for name in ('filework', 'treework')}
    m = start(kernel=KERNELS[kernel], machine=machine, cpus=cpus, append='quiet', files=files, limit_s=900, qemu=[
        '-drive', f'if=none,id=d,file={image},format=raw,cache=unsafe', *qemu]).boot()
    m.check(f'modprobe {driver}; modprobe ext2; mkdir /m')
    wait_until(m, f'test -b {device}')
    m.check(f'mount -t ext2 {device} /m && mkdir /m/tree')
    m.check(f'/filework /m/one {seed} {file_steps} & /treework work /m/tree {seed} {tree_steps} 8 && wait $!', 800)
    m.check('/treework check /m/tree && /treework list /m | sort >/tmp/before', 120)
    m.check(f'umount /m && mount -t ext2 -o ro {device} /m && /treework check /m/tree', 120)
    rows = sorted(m.check('/treework list /m | sort >/tmp/after; cmp /tmp/before /tmp/after && cat /tmp/after',
                          120).splitlines())
    log = m.check(f'umount /m && rmmod ext2 && rmmod {driver}; dmesg')
    for word in ('leaked', 'damaged', 'BUG', 'warning:', 'failed', 'overdue'):
        assert word not in log, log
    m.close()
    assert len(rows) > 40
    compare_on_the_host(image, rows, tmp_path)


@pytest.mark.parametrize('kind, cpus, kernel, options', [
    ('virtio', 4, 'debug', '-b 1024'),
    *repeats(('ahci', 1, 'release', '-b 4096'), ('nvme', 4, 'release', '-b 1024'))])
def test_random_work(start, tmp_path, kind, cpus, kernel, options):
    try_disk(start, tmp_path, kind, cpus, kernel, options, cpus, 150, 120)


@LONG_PROOF
@pytest.mark.long
@pytest.mark.parametrize('seed', range(1, 4))
@pytest.mark.parametrize('kernel', KERNELS)
@pytest.mark.parametrize('cpus', [1, 4])
@pytest.mark.parametrize('kind', DISKS)
def test_much_random_work(start, tmp_path, kind, cpus, kernel, seed):
    options = FORMATS[(seed + cpus + len(kind)) % len(FORMATS)]
    try_disk(start, tmp_path, kind, cpus, kernel, options, seed * 100 + cpus, 3000, 1500)

# SPDX-License-Identifier: MIT
"""The archive that becomes the first root file system."""
import os
import stat
import subprocess

import pytest

from conftest import SOURCE

BUSYBOX = '/bin/busybox'


def make_archive(path, *options):
    for folder, _, files in sorted(os.walk(os.path.join(SOURCE, 'usr/rootfs'))):
        for name in sorted(files):
            options += ('--file', os.path.relpath(os.path.join(folder, name),
                                                  SOURCE))
    subprocess.run(['scripts/mkinitramfs.py', '--busybox', BUSYBOX,
                    '--release', '6.1.0-test', '-o', str(path), *options],
                   cwd=SOURCE, check=True, timeout=60)
    return path.read_bytes()


def read_newc(data):
    """Return {name: (mode, uid, gid, (rdev major, minor), content)}."""
    entries, at = {}, 0
    while True:
        assert data[at:at + 6] == b'070701'
        (_, mode, uid, gid, _, _, size, _, _, major, minor, name_size, _) = \
            (int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13))
        name = data[at + 110:at + 110 + name_size - 1].decode()
        start = (at + 110 + name_size + 3) & ~3
        if name == 'TRAILER!!!':
            return entries
        entries[name] = (mode, uid, gid, (major, minor),
                         data[start:start + size])
        at = (start + size + 3) & ~3


@pytest.fixture(scope='module')
def archive(tmp_path_factory):
    return make_archive(tmp_path_factory.mktemp('cpio') / 'a.cpio')


def test_same_bytes_again_whatever_the_umask(archive, tmp_path):
    old = os.umask(0o077)
    try:
        assert make_archive(tmp_path / 'b.cpio') == archive
    finally:
        os.umask(old)


def test_owners_and_modes(archive):
    entries = read_newc(archive)
    for name, mode, owner in (
            ('bin/busybox', stat.S_IFREG | 0o4755, 0),
            ('sbin', stat.S_IFDIR | 0o755, 0),
            ('etc/passwd', stat.S_IFREG | 0o644, 0),
            ('etc/shadow', stat.S_IFREG | 0o600, 0),
            ('etc/init.d/rcS', stat.S_IFREG | 0o755, 0),
            ('tmp', stat.S_IFDIR | 0o1777, 0),
            ('home/user', stat.S_IFDIR | 0o750, 1000),
            ('init', stat.S_IFREG | 0o755, 0)):
        assert entries[name][:3] == (mode, owner, owner), name


def test_device_nodes(archive):
    entries = read_newc(archive)
    assert entries['dev/console'][0] == stat.S_IFCHR | 0o600
    assert entries['dev/console'][3] == (5, 1)
    assert entries['dev/null'][3] == (1, 3)


def test_busybox_is_as_debian_made_it_with_all_applets(archive):
    entries = read_newc(archive)
    with open(BUSYBOX, 'rb') as f:
        assert entries['bin/busybox'][4] == f.read()
    applets = subprocess.run([BUSYBOX, '--list-full'], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.split()
    assert set(applets) <= set(entries)


def test_programs_of_ours_stand_before_applets(tmp_path):
    program = tmp_path / 'tool'
    program.write_text('ours')
    entries = read_newc(make_archive(tmp_path / 'a.cpio', '--program',
                                     f'{program}:tool,insmod,lsmod'))
    assert entries['sbin/tool'][4] == b'ours'
    assert entries['sbin/insmod'][4] == b'tool'
    assert entries['sbin/lsmod'][4] == b'tool'


def test_a_file_that_depmod_refuses_stops_the_build(tmp_path):
    module = tmp_path / 'drivers' / 'broken.ko'
    module.parent.mkdir()
    module.write_text('this is no driver')
    with pytest.raises(subprocess.CalledProcessError):
        make_archive(tmp_path / 'a.cpio', '--modules-root', str(tmp_path),
                     str(module))

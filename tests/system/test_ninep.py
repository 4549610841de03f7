# SPDX-License-Identifier: MIT
"""A folder of the host, by 9P over Virtio: what either side writes the other one reads."""
import os
import random

import pytest

from archive import file
from conftest import disk_program
from test_partitions import read
from test_pci import monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos


def share(path, options=''):
    return ['-fsdev', f'local,id=folder,path={path},security_model=none,multidevs=remap{options}',
            '-device', 'virtio-9p-pci,fsdev=folder,mount_tag=share,id=card']


def content(path):
    with open(path, 'rb') as f:
        return f.read()


def mount(m, options='msize=8192'):
    """At /mnt/share, where it may be already."""
    wait_until(m, 'grep -q -w 9p /proc/filesystems')
    m.check('umount /mnt/share 2>/dev/null; mkdir -p /mnt/share')
    m.check(f'mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,{options} share /mnt/share && cd /mnt/share')


def test_what_either_side_writes_the_other_reads(start, tmp_path):
    folder = tmp_path / 'folder, shared'
    (folder / 'below').mkdir(parents=True)
    data = random.Random(9).randbytes(3 * 1024 * 1024 + 5)
    (folder / 'big').write_bytes(data)
    (folder / 'below' / 'größe').write_text('umlauts\n')
    (folder / 'link').symlink_to('below/größe')
    m = start(append='quiet', qemu=share(str(folder).replace(',', ',,'))).boot()
    wait_until(m, 'grep -q -w 9p /proc/filesystems')
    wait_until(m, 'test -e /mnt/share/big')
    mount(m)
    assert read(m, 'cat below/größe link; wc -c <big; stat -f -c %t .') == 'umlauts umlauts 3145733 1021997'
    m.check('cp big copy && cmp big copy && sync', 60)
    assert content(folder / 'copy') == data
    # Without a cache in between: what the host changes is seen at once.
    (folder / 'copy').write_text('changed\n')
    assert read(m, 'cat copy') == 'changed'
    m.check('cp /bin/busybox busybox && ./busybox true && ./busybox sh -c "exit 0"')
    m.check('mkdir many && cd many && i=0 && while [ $i -lt 50 ]; do echo $i >"name $i"; i=$((i+1)); done; cd ..', 60)
    for i in range(50, 1000):
        (folder / 'many' / f'name {i}').write_text(f'{i}\n')
    assert read(m, "printf '%s\\n' many/* | sort -u | wc -l; cat 'many/name 7' 'many/name 999'") == '1000 7 999'
    assert len(os.listdir(folder / 'many')) == 1000
    m.check('rm many/*1', 60)
    assert len(os.listdir(folder / 'many')) == 900
    m.check('cd / && umount /mnt/share && rmmod virtio9p')
    assert 'leaked' not in m.check('dmesg')


def test_extended_attributes_are_the_hosts(start, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    for name in 'file', 'below':
        (folder / name).mkdir() if name == 'below' else (folder / name).write_text('text')
        try:
            os.setxattr(folder / name, 'user.host', b'there')
        except OSError as error:
            pytest.skip(f'this folder has no extended attributes: {error}')
    m = start(append='quiet', files={'attributes': file('', disk_program('attributes'), 0o755)}, qemu=share(folder)).boot()
    for msize in 4096, 65536:
        mount(m, f'msize={msize}')
        for name in 'file', 'below':
            assert m.check(f'/attributes {name}') == ''
            assert os.getxattr(folder / name, 'user.guest') == b'g' * 3000
            os.removexattr(folder / name, 'user.guest')
        m.check('cd /')


def test_names_links_attributes_and_errors(start, tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    m = start(append='quiet', qemu=share(folder)).boot()
    mount(m, 'access=any')
    m.check('echo old >target && echo new >source && mv source target && test "$(cat target)" = new')
    assert content(folder / 'target') == b'new\n'
    # A file without a name is there as long as it is open.
    m.check('exec 5<>target && rm target && echo newer >&5 && test "$(cat /proc/$$/fd/5)" = newer; r=$?; exec 5>&-; test $r = 0')
    assert os.listdir(folder) == []
    m.check('echo text >a && ln a b && ln -s a c && mkdir -p d/below')
    assert os.lstat(folder / 'a').st_nlink == 2 and os.readlink(folder / 'c') == 'a'
    assert read(m, 'stat -c %h,%A b; readlink c') == '2,-rw-r--r-- a'
    m.check('truncate -s 3 a && chmod 4750 a')
    assert os.stat(folder / 'a').st_mode & 0o7777 == 0o4750
    assert read(m, 'cat b; touch -d "2001-02-03 04:05:06" a; stat -c %Y a') == f'tex{int(os.stat(folder / "a").st_mtime)}'
    m.check('yes | head -c 10000 >>a; echo more >>a')
    assert os.stat(folder / 'a').st_size == 10008
    for command, error in (('cat none', 'No such file'), ('mkdir d', 'File exists'), ('rmdir a', 'Not a directory'),
                           ('rmdir d', 'Directory not empty'),
                           ('mv d a', 'Not a directory'), ('cat d', 'Is a directory'), ('mount -t 9p share /tmp', 'busy'),
                           ('mount -t 9p other /tmp', 'No such'), ('mount -t 9p -o cache=loose share /tmp', 'Invalid')):
        assert error.lower() in m.check(f'{command} 2>&1; true').lower(), command
    m.check('cd / && umount /mnt/share && mount -t 9p share /mnt/share && test -d /mnt/share/d && umount /mnt/share')


def test_a_folder_that_is_only_read_and_then_unplugged(start, monitor, tmp_path):  # noqa: F811
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'one').write_text('first\n')
    m = start(append='quiet', machine='q35', cpus=2, qemu=monitor.options() + [
        '-fsdev', f'local,id=folder,path={folder},security_model=none,readonly=on',
        '-device', 'pcie-root-port,id=port1,chassis=1',
        '-device', 'virtio-9p-pci,bus=port1,fsdev=folder,mount_tag=share,id=card']).boot()
    mount(m)
    assert 'Read-only file system' in m.check('echo 1 2>&1 >two; mkdir d 2>&1; true')
    m.check('exec 5<one; (while cat one >/dev/null 2>&1; do :; done; echo over >/tmp/over) &')
    monitor.unplug('card')
    monitor.wait_gone('card')
    wait_until(m, 'test -e /tmp/over', 40)
    assert 'error' in m.check('cat one 2>&1; cat <&5 2>&1; true').lower()
    m.check('exec 5<&-; cd / && umount /mnt/share && rmmod virtio9p')
    assert 'leaked' not in m.check('dmesg')

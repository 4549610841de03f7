# SPDX-License-Identifier: MIT
"""Disks that come and go again and again, under load: drivers are installed, used and removed, cards are plugged in and
pulled out, also with a file system that is being written to. Memory is the same afterwards."""

import pytest

from archive import file
from conftest import LONG_PROOF, disk_program
from test_ext2 import disk, host, pytestmark  # noqa: F401
from test_pci import monitor, wait_until  # noqa: F401

# Processors that are busy with files meanwhile.
LOAD = 'for i in 1 2 3; do (while :; do dd if=/bin/busybox of=/tmp/load$i bs=8k 2>/dev/null; done) & done'
USE = '''#!/bin/sh
# use COUNT: install, mount, write, compare, remove
i=0
while test $i -lt $1; do
	modprobe virtioblk && modprobe ext2 || break
	until test -b /dev/vda; do sleep 0.05; done
	mount -t ext2 /dev/vda /m && cp /bin/busybox /m/copy && mv /m/copy /m/moved || break
	umount /m && mount -t ext2 /dev/vda /m && cmp /m/moved /bin/busybox && rm /m/moved && umount /m || break
	rmmod ext2 && rmmod virtioblk && rmmod virtio || break
	i=$((i+1))
done
test $i = $1
'''


def free_kib(m):
    return int(m.check('sync; echo 3 >/proc/sys/vm/drop_caches; grep MemFree /proc/meminfo', 60).split()[1])


def make_image(folder):
    path = f'{folder}/disk.img'
    host('mke2fs', '-q', '-F', '-t', 'ext2', path, '24M')
    return path


def end_load(m):
    m.check('kill $(jobs -p) 2>/dev/null; wait; rm -f /tmp/load*')


def check_memory(m, before, count):
    end_load(m)
    after = free_kib(m)
    # Caches of the kernel's allocators move by some hundreds; a page that is lost in each turn is seen in many.
    assert count < 20 or before - after < 1000, f'{before} KiB free, then {after} KiB'
    log = m.check('dmesg')
    for word in ('leaked', 'BUG', 'quarantine', 'overdue'):
        assert word not in log, log


def install_and_remove(start, folder, cpus, count, limit_s):
    image = make_image(folder)
    m = start(cpus=cpus, append='quiet', files={'use': file('', USE, 0o755)}, limit_s=limit_s + 200,
              qemu=disk(image)).boot()
    # The agent would install what the test removes.
    m.check('kill -STOP $(pidof hotplug); mkdir /m')
    m.check(LOAD)
    m.check('/use 1', 60)
    end_load(m)
    before = free_kib(m)
    m.check(LOAD)
    m.check(f'/use {count}', limit_s)
    check_memory(m, before, count)
    m.close()
    host('e2fsck', '-fn', image)


def test_drivers_of_a_disk_are_installed_used_and_removed(start, tmp_path):
    install_and_remove(start, tmp_path, 1, 3, 120)


@LONG_PROOF
@pytest.mark.long
@pytest.mark.parametrize('turn', range(10))
def test_a_hundred_times_each(start, tmp_path, turn):
    install_and_remove(start, tmp_path, 4, 100, 900)


def plug_and_pull(m, card, image, count):
    """A disk that is written to through a file system when it is pulled out."""
    for number in range(count):
        host('mke2fs', '-q', '-F', '-t', 'ext2', image, '24M')
        card.command('blockdev-add', **{'node-name': f'node{number}', 'driver': 'raw',
                                        'file': {'driver': 'file', 'filename': image}})
        card.command('device_add', driver='virtio-blk-pci', id='card', drive=f'node{number}')
        wait_until(m, 'test -b /dev/vda', 30)
        m.check('mount -t ext2 /dev/vda /m && cd /m && echo kept >kept && sync && cat kept && cd /')
        m.check(f'/treework work /m {number} 100000 3 >/tmp/said 2>&1 &')
        wait_until(m, 'test -d /m/d3', 30)
        card.command('device_del', id='card')
        wait_until(m, '! pidof treework >/dev/null', 60)
        card.wait_gone('card', 60)
        wait_until(m, 'test ! -e /dev/vda', 30)
        assert 'not ok' in m.check('cat /tmp/said')
        m.run('sync; cat /m/kept')
        m.check('umount /m', 60)
        card.command('blockdev-del', **{'node-name': f'node{number}'})


def pull(start, card, folder, cpus, count, limit_s):
    image = f'{folder}/pulled.img'
    m = start(machine='pc', cpus=cpus, append='quiet', limit_s=limit_s, qemu=card.options(),
              files={'treework': file('', disk_program('treework'), 0o755)}).boot()
    m.check('mkdir /m; modprobe ext2')
    plug_and_pull(m, card, image, 1)
    before = free_kib(m)
    m.check(LOAD)
    plug_and_pull(m, card, image, count)
    check_memory(m, before, count)
    m.check('rmmod ext2; rmmod virtioblk; rmmod virtio')


def test_a_disk_is_pulled_out_while_files_are_written(start, monitor, tmp_path):  # noqa: F811
    pull(start, monitor, tmp_path, 1, 1, 300)


@LONG_PROOF
@pytest.mark.long
@pytest.mark.parametrize('turn', range(50))
def test_twenty_disks_are_pulled_out(start, monitor, tmp_path, turn):  # noqa: F811
    pull(start, monitor, tmp_path, 4, 20, 900)

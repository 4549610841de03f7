# SPDX-License-Identifier: MIT
"""Drivers of disks are removed, or fail, while a file system on the disk is written to: what uses the disk waits for the
next driver, and goes on; or gets errors after a while."""
import re

import pytest

import machine as machines
from archive import file
from driver_source import SOURCE, compiled
from test_ext2 import host, pytestmark  # noqa: F401
from test_pci import wait_until

# Virtio's driver, which faults when it is to submit for the nth time.
FAULTS = '''
#define BANOS_DRAFT
#include "disk.h"
static uint32_t fault_at;
BANOS_PARAM_U32(fault_at, 0, 100000, "0: never");
static uint32_t submitted, *volatile nowhere = (uint32_t *)16;
static void fault(void)
{
	if (__atomic_add_fetch(&submitted, 1, __ATOMIC_RELAXED) == fault_at)
		*nowhere = 0;
}
#define virtio_queue_add_many(...) (fault(), (virtio_queue_add_many)(__VA_ARGS__))
#include "disk_request.c"
#undef SECTOR_SHIFT
#include "disk.c"
'''
# Files are written to the disk and compared, until /tmp/stop is there.
WORK = '''#!/bin/sh
rounds=0
while test ! -e /tmp/stop; do
	dd if=/bin/busybox of=/m/copy$1 bs=16k conv=fsync 2>/dev/null && cmp /m/copy$1 /bin/busybox &&
	mv /m/copy$1 /m/moved$1 || { echo bad; exit 1; }
	rounds=$((rounds + 1))
done
echo good
'''
CARDS = {'virtioblk': ('virtio-blk-pci,serial=one', 'vda'), 'nvme': ('nvme,serial=one', 'nvme0n1')}


def faulty():
    return compiled(FAULTS, f'{SOURCE}/drivers/bus/virtio', f'{machines.BUILD}/include/drafts')


def started(start, tmp_path, driver, **others):
    image, (card, name) = f'{tmp_path}/disk.img', CARDS[driver]
    host('mke2fs', '-q', '-F', '-t', 'ext2', image, '24M')
    others.setdefault('files', {})['work'] = file('', WORK.encode(), 0o755)
    m = start(append='quiet', qemu=['-drive', f'if=none,id=d,file={image},format=raw,cache=unsafe',
                                    '-device', f'{card},drive=d'], **others).boot()
    m.check(f'mkdir /m; modprobe ext2; modprobe {driver}')
    wait_until(m, f'test -b /dev/{name}')
    m.check('kill -STOP $(pidof hotplug)')      # it would install what the test removes
    wait_until(m, f'rmmod {driver}')
    return m, image, name


def mount(m, name):
    wait_until(m, f'test -b /dev/{name}')
    m.check(f'mount -t ext2 /dev/{name} /m')


def work(m, workers):
    m.check(f'for i in {" ".join(map(str, range(workers)))}; do /work $i >/tmp/said$i 2>&1 & done')
    wait_until(m, f'test -e /m/moved{workers - 1}', 60)


def done(m, image, name, workers):
    assert m.check('touch /tmp/stop; wait; cat /tmp/said*', 60).split().count('good') == workers
    log = m.check('dmesg')
    assert 'damaged' not in log and 'error' not in log and 'fail' not in log, log
    m.check(f'umount /m; mount -t ext2 /dev/{name} /m; cmp /m/moved0 /bin/busybox; umount /m')
    m.close()
    host('e2fsck', '-fn', image)


@pytest.mark.parametrize('driver', CARDS)
def test_the_driver_is_replaced_under_work(start, tmp_path, driver):
    m, image, name = started(start, tmp_path, driver, cpus=4)
    m.check(f'modprobe {driver}')
    mount(m, name)
    work(m, 3)
    for _ in range(4):
        m.check(f'rmmod --revoke {driver} && modprobe {driver}', 40)
    assert m.check('dmesg').count(f'{name}: is served again') == 4
    done(m, image, name, 3)


def test_the_driver_faults_under_work(start, tmp_path):
    m, image, name = started(start, tmp_path, 'virtioblk', cpus=4, kernel=machines.DEBUG_KERNEL,
                             files={'faults.ko': file('', faulty())})
    m.check('insmod /faults.ko fault_at=120')
    mount(m, name)
    m.check('for i in 0 1 2; do /work $i >/tmp/said$i 2>&1 & done')
    wait_until(m, '! grep -q virtioblk /proc/modules', 60)
    m.check('modprobe virtioblk')
    wait_until(m, 'test -e /m/moved0 && test -e /m/moved1 && test -e /m/moved2', 60)
    log = m.check('dmesg')
    assert 'null pointer access' in log and f'{name}: is served again' in log, log
    assert m.check('touch /tmp/stop; wait; cat /tmp/said*', 60).split().count('good') == 3
    m.check('umount /m')
    m.close()
    host('e2fsck', '-fn', image)


def test_without_a_driver_there_are_errors_after_a_while(start, tmp_path):
    m, _, name = started(start, tmp_path, 'virtioblk', cpus=2)
    m.check('modprobe virtioblk limit_s=1')
    mount(m, name)
    m.check(f'exec 5</dev/{name}; rmmod --revoke virtioblk')
    output, status = m.run('dd bs=4k count=1 skip=1000 <&5 2>&1 >/dev/null')
    assert status == 1 and re.search('error|No such device', output), output
    assert m.run(f'ls /dev/{name}')[1] and m.run('ls /m/none')[1]
    m.check('exec 5<&-; umount /m; modprobe virtioblk')
    mount(m, name)
    m.check('cp /bin/busybox /m && cmp /m/busybox /bin/busybox && umount /m')

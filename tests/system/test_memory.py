# SPDX-License-Identifier: MIT
"""Memory: too little of it, all of it used up."""
import os
import re
import struct

import pytest

import archive
import machine as machines
from test_failing import expect_nothing_lost

pytestmark = pytest.mark.banos

# How QEMU ends: twice the value and one (kernel/base/panic.c).
PANIC, BOOT_STOP = 97, 99
EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']


# ---------------------------------------------------------------------------
# Too little to start

def start_with_little(start, memory, **options):
    """Boot to a shell that turns the machine off, or to the one line that
    says why not. Return the status, 0 or BOOT_STOP. Where the shell runs but
    can't start poweroff it ends, and that of the first process is a panic."""
    m = start(memory=memory, append='qemu_exit init=/bin/sh -- -c '
              '"echo it""works; poweroff -f"', qemu=EXIT, **options)
    status = m.wait_end(60)
    if 'itworks' in m.before and 'panic: the first process (sh)' in m.before:
        return 0
    assert status in (0, BOOT_STOP), f'{memory}: {status}\n{m.before[-3000:]}'
    stops = re.findall('banos: cannot start: .*', m.before)
    assert len(stops) == (1 if status else 0), m.before
    assert status or 'itworks' in m.before
    assert 'anic' not in m.before, m.before
    return status


def enough_from(start, memories, **options):
    """Somewhere there is enough; and more is never too little."""
    results = [start_with_little(start, f'{x}K', **options) for x in memories]
    assert results[0] == BOOT_STOP and results[-1] == 0, results
    assert results == sorted(results, reverse=True), results


def test_too_little_memory_is_one_line_with_its_own_status(start):
    # With less, "qemu_exit" is not in memory, either.
    first = (end_of_image_kib(machines.KERNEL) // 128 + 1) * 128
    enough_from(start, [first, 3072, 3968, 8192])


def end_of_image_kib(kernel):
    """Where QEMU puts the command line behind."""
    with open(kernel, 'rb') as f:
        data = f.read()
    at, size, n = struct.unpack_from('<Q14xHH', data, 32)
    ends = [sum(struct.unpack_from('<Q8xQ', data, at + i * size + 24))
            for i in range(n)]
    return max(ends) // 1024


@pytest.mark.long
@pytest.mark.parametrize('debug', [False, True])
@pytest.mark.parametrize('cpus', [1, 4])
def test_little_memory_in_small_steps(start, debug, cpus):
    kernel = machines.DEBUG_KERNEL if debug else machines.KERNEL
    first = max(2048, (end_of_image_kib(kernel) // 128 + 1) * 128)
    enough_from(start, range(first, 8193, 128), cpus=cpus, kernel=kernel)


def test_an_initrd_gives_its_memory_back(start):
    m = start(memory=96, files={'big': os.urandom(24 << 20)}).boot()
    total, _, free = (int(x) for x in m.lines('free -m')[1].split()[1:4])
    # Its files stay; both together would leave less than 40.
    assert total - free < 24 + 16, (total, free)


def test_an_initrd_that_does_not_fit_is_told(start):
    # 12 MiB in a machine of 16: it is there, but its files have no room.
    initrd = archive.cpio(archive.tree({'big': os.urandom(12 << 20)}))
    with open(machines.INITRAMFS, 'rb') as f:
        initrd += f.read()
    m = start(memory=16, initrd=initrd + initrd[:3 << 20], qemu=EXIT,
              append='qemu_exit')
    assert m.wait_end(30) == BOOT_STOP
    assert 'cannot start: ' in m.before


def test_links_that_the_cache_of_names_drops_leave_nothing(start):
    m = start(kernel=machines.DEBUG_KERNEL, memory=24).boot()
    # More names than it keeps, so that it drops the first one.
    m.check('readlink /proc/mounts; i=0; while [ $i -lt 1500 ]; do '
            '[ -e /tmp/no$i ]; i=$((i + 1)); done')
    expect_nothing_lost(m)

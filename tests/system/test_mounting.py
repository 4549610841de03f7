# SPDX-License-Identifier: MIT
"""mount() of a type whose driver is not installed: it is asked for in /dev/hotplug, and waited for."""
import shutil
import time

import pytest

from test_ext2 import disk, image  # noqa: F401

pytestmark = [pytest.mark.banos, pytest.mark.skipif(not shutil.which('mke2fs', path='/usr/sbin:/sbin'),
                                                    reason='needs e2fsprogs')]
REMOVE = 'rmmod ext2 && ! grep ext2 /proc/filesystems'
FORGED = ('x y', r'x\nadd pci 0 filesystem:ext2', '', 'x' * 32, '*', 'ext?', 'ä')


@pytest.fixture
def m(start, image):  # noqa: F811
    """A disk with ext2, whose driver has been removed; the agent that installs drivers runs, and another program listens."""
    m = start(cpus=2, append='quiet', qemu=disk(image)).boot()
    m.check('mkdir /m; until test -b /dev/vda && grep -q ext2 /proc/filesystems; do sleep 0.1; done')
    m.check(f'{REMOVE}; (cat /dev/hotplug) >/tmp/events & until test -s /tmp/events; do sleep 0.1; done')
    return m


def fail(m, command, limit_s):
    """A command that has to fail within that time; returns how long it took."""
    began = time.monotonic()
    output, status = m.run(command)
    took = time.monotonic() - began
    assert status and 'No such device' in output and took < limit_s, (output, took)
    return took


def requests(m):
    return [line for line in m.lines('cat /tmp/events') if line.startswith('add mount ')]


def test_the_driver_of_a_type_is_installed(m):
    for type_ in '-t ext2', '-t auto', '':
        m.check(f'mount {type_} /dev/vda /m && test -d /m/lost+found && umount /m && {REMOVE}')
    assert requests(m)[0] == 'add mount ext2 filesystem:ext2'


def test_a_type_that_nobody_serves_fails_at_once(m):
    fail(m, 'mount -t absent none /m', 5)
    assert requests(m) == ['add mount absent filesystem:absent']
    for name in FORGED:
        fail(m, f"""mount -i -t "$(printf '{name}')" none /m""", 5)
    assert len(requests(m)) == 1 and 'ext' not in m.check('cat /proc/filesystems')


def test_only_listeners_are_waited_for(m):
    m.check('exec 5</dev/hotplug')      # it never reads
    assert fail(m, 'mount -t absent none /m', 5) < 3
    m.check('head -n 1 <&5 >/dev/null') # it may be busy with that, but not for ever
    assert fail(m, 'mount -t absent none /m', 15) > 8
    assert fail(m, 'mount -t absent none /m', 5) < 1
    m.check('exec 5<&-; kill $(pidof cat)')
    m.check("pid=$(pidof hotplug); rm /sbin/hotplug; printf '#!/bin/sh\nexec sleep 1000\n' >/sbin/hotplug; "
            'chmod 755 /sbin/hotplug; kill $pid; while test -e /proc/$pid; do sleep 0.1; done')
    fail(m, 'mount -t ext2 /dev/vda /m', 5)

# SPDX-License-Identifier: MIT
"""Disks, as programs see them: RAM disks in /dev, /proc and /sys."""
import pytest

pytestmark = pytest.mark.banos


def test_disks_are_seen(start):
    m = start(append='quiet').boot()
    m.check('(cat /dev/hotplug) >/tmp/events & sleep 0.2')
    m.check('modprobe ram size=2048 count=2 block=4096')
    assert 'b' == m.check('ls -l /dev/ram1')[0]
    assert [line.split() for line in m.lines('grep ram /proc/partitions')] == [
        ['1', '0', '2048', 'ram0'], ['1', '1', '2048', 'ram1']]
    stat = m.check('grep ram0 /proc/diskstats').split()
    assert stat[:3] == ['1', '0', 'ram0'] and len(stat) == 20
    folder = '/sys/block/ram0'
    assert m.check(f'cat {folder}/size {folder}/ro {folder}/removable {folder}/dev').split() == [
        '4096', '0', '0', '1:0']
    assert m.check(f'cat {folder}/queue/logical_block_size {folder}/queue/rotational '
                   f'{folder}/model').splitlines() == ['4096', '0', 'RAM disk']
    assert m.check('cat /sys/dev/block/1:1/uevent').splitlines() == [
        'MAJOR=1', 'MINOR=1', 'DEVNAME=ram1', 'DEVTYPE=disk']
    assert m.check('readlink /sys/class/block/ram0') == '../../block/ram0\n'
    m.check('exec 3</dev/ram1')
    output, status = m.run('rmmod ram')
    assert status and '/dev/ram1: process' in output, output
    m.check('exec 3<&-; rmmod ram')
    assert 'add block ram0 block:disk' in m.lines('cat /tmp/events')
    assert 'remove block ram1 block:disk' in m.lines('cat /tmp/events')
    assert not m.check('ls /sys/block /sys/dev/block').replace('/sys/block:', '').replace(
        '/sys/dev/block:', '').strip()
    assert m.run('ls /dev/ram0')[1] and m.run('grep ram /proc/partitions')[1]
    output, status = m.run('modprobe ram block=1000')
    assert status and 'block_bytes' in output + m.check('dmesg | tail -3')


def test_the_sample_is_a_disk(start):
    m = start(append='quiet').boot()
    m.check('modprobe slate')
    assert m.check('cat /sys/block/slate0/size') == '128\n'
    m.check('rmmod slate')

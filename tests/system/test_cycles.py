# SPDX-License-Identifier: MIT
"""Cards and drivers that come and go again and again under traffic on four processors: memory is the same afterwards."""
import contextlib
import re
import threading

import pytest

import machine as machines
from archive import file
from test_disk_cycles import free_kib
from test_ext2 import host
from test_failing import expect_nothing_lost
from test_failing_drivers import images
from test_net import APPEND, Peer, data_of, program     # noqa: F401
from test_pci import monitor    # noqa: F401

pytestmark = pytest.mark.banos

NETWORK = {'virtio-net-pci': 'virtionet', 'e1000': 'e1000', 'e1000e': 'e1000'}
BROADCAST = b'\xff' * 6 + bytes.fromhex('0200000000aa88b5')
# Each processor keeps 128 packets of 2 KiB; a page that is lost in each of a thousand turns is 4,000.
KEPT_KIB = 1500

# Each card is used until it is gone. Nothing is done before all of them are here.
BUSY = '''#!/bin/sh
for disk in vda nvme0n1; do
	until test -b /dev/$disk; do sleep 0.05; done
	dd if=/dev/$disk of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null
	(while dd if=/dev/$disk of=/dev/null bs=64k iflag=direct; do :; done) >/dev/null 2>&1 &
done
for card in eth0 eth1 eth2; do
	until test -e /sys/class/net/$card; do sleep 0.05; done
	/frames up $card
	(while /frames echo $card; do :; done) >/dev/null 2>&1 &
done
for card in eth0 eth1 eth2; do
	until test $(cat /sys/class/net/$card/statistics/tx_packets) -gt 2; do sleep 0.05; done
done
'''
GONE = 'wait; until ! ls /dev/vda /dev/nvme0n1 /sys/class/net/eth* >/dev/null 2>&1; do sleep 0.05; done'

# Drivers of disks, file systems, cards and packets, with all that needs them.
USE = '''#!/bin/sh
# use COUNT: install, use, remove
until_is() { until test "$@"; do sleep 0.02; done; }
look() { mount -t $1 $4 $2 /m && cat /m/small >/tmp/seen && umount /m && test "$(cat /tmp/seen)" = $3; }
disks() {
	until_is -b /dev/vda; until_is -b /dev/nvme0n1; until_is -b /dev/sr0
	mount -t ext2 /dev/vda /m && cp /etc/passwd /m/copy && mv /m/copy /m/moved && umount /m || return 1
	mount -t ext2 /dev/vda /m && cmp /m/moved /etc/passwd && rm /m/moved && umount /m || return 1
	mount -t vfat /dev/nvme0n1 /m && cp /etc/passwd /m/copy && mv /m/copy "/m/a long name" && umount /m || return 1
	mount -t vfat /dev/nvme0n1 /m && cmp "/m/a long name" /etc/passwd && rm /m/a* && umount /m || return 1
	look iso9660 /dev/sr0 disc && look 9p share shared "-o trans=virtio,version=9p2000.L"
}
packets() {
	ifconfig lo 127.0.0.1 up && ping -c 1 -W 5 127.0.0.1 && insmod $VETH pairs=1 || return 1
	ifconfig veth0 10.5.0.1 up; /frames up veth1; /frames echo veth1 & ping 10.5.0.9 &
	for card in $(cd /sys/class/net; echo eth*); do
		/frames up $card && { /frames echo $card & } || return 1
	done
	for card in $(cd /sys/class/net; echo eth* veth0); do
		until test $(cat /sys/class/net/$card/statistics/tx_packets) -gt 2; do sleep 0.02; done
	done
}
i=0
while test $i -lt $1; do
	modprobe -a virtioblk nvme ahci virtionet e1000 virtio9p ext2 vfat iso9660 inet filter shaper || break
	disks && packets >/tmp/said 2>&1 || break
	rmmod virtionet && rmmod e1000 && rmmod veth && { kill $(pidof ping); true; } && rmmod shaper && rmmod filter && rmmod inet || break
	rmmod ext2 && rmmod vfat && rmmod iso9660 && rmmod virtio9p && rmmod virtioblk && rmmod nvme && rmmod ahci || break
	rmmod virtio; wait
	test "$2" && dd if=/dev/zero bs=4k count=$2 >>/tmp/planted 2>/dev/null
	i=$((i+1))
done
test $i = $1 || { echo "turn $i"; cat /tmp/said; false; }
'''


@contextlib.contextmanager
def traffic(stations):
    """Frames for all arrive at each card, some hundred a second."""
    over = threading.Event()

    def main():
        while not over.wait(0.005):
            for station in stations:
                with contextlib.suppress(OSError):      # QEMU's end is full, or not there
                    station.socket.sendto(BROADCAST + data_of(300), station.machine)
                with contextlib.suppress(OSError):      # until there is nothing more
                    while station.socket.recv(1 << 17):
                        pass

    thread = threading.Thread(target=main)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def stations(tmp_path):
    """One for each network card."""
    made = []
    for card in NETWORK:
        (tmp_path / card).mkdir()
        made.append(Peer(str(tmp_path / card)))
    for station in made:
        station.socket.setblocking(False)
    yield made
    for station in made:
        station.socket.close()


def cables(stations):
    for i, station in enumerate(stations):
        yield from ('-netdev', f'dgram,id=cable{i},local.type=unix,local.path={station.machine},remote.type=unix,'
                    f'remote.path={station.path}')


def cards():
    """What device_add is told."""
    # QEMU lets go of a disk somewhat later than of its card.
    shared = {'share-rw': 'on'}
    made = [dict(shared, driver='virtio-blk-pci', drive='null0'), dict(shared, driver='nvme', drive='null1', serial='one'),
            *(dict(driver=card, netdev=f'cable{i}', mac=f'52:54:00:00:00:0{i}') for i, card in enumerate(NETWORK))]
    return [dict(card, id=f'card{i}', bus=f'slot{i}') for i, card in enumerate(made)]


def plug_and_pull(m, monitor, count, planted=0):     # noqa: F811
    for _ in range(count):
        for card in cards():
            monitor.command('device_add', **card)
        m.check('. /busy', 60)
        for i in range(len(cards())):
            monitor.command('device_del', id=f'card{i}')
        m.check(GONE, 60)
        for i in range(len(cards())):
            monitor.wait_gone(f'card{i}', 60)
        if planted:
            m.check(f'dd if=/dev/zero bs=4k count={planted} >>/tmp/planted 2>/dev/null')


def is_the_same(m, before):
    after = free_kib(m)
    print(f'{before} KiB free, then {after} KiB')
    return before - after < KEPT_KIB


def check_log(m):
    log = m.check('dmesg')
    for word in ('leaked', 'BUG', 'WARN', 'quarantine', 'interrupt line'):
        assert word not in log, log


def plugged(start, kernel, files, stations, monitor, count):     # noqa: F811
    """@return the machine, and what was free before the last @count cycles"""
    nodes = [x for i in range(2) for x in (
        '-blockdev', f'driver=null-co,node-name=null{i},size={64 << 20},read-zeroes=on,latency-ns=2000000')]
    slots = [x for i in range(5) for x in ('-device', f'pcie-root-port,id=slot{i},slot={i + 1},chassis={i + 1}')]
    m = start(kernel=kernel, machine='q35', cpus=4, append=APPEND, files={**files, 'busy': file('', BUSY, 0o755)}, limit_s=900,
              qemu=[*monitor.options(), *slots, *nodes, *cables(stations)]).boot()
    m.check('modprobe -a virtioblk nvme virtionet e1000')
    plug_and_pull(m, monitor, 2)
    before = free_kib(m)
    plug_and_pull(m, monitor, count)
    assert is_the_same(m, before)
    return m, before


def all_end(m):
    m.check('rmmod virtioblk; rmmod nvme; rmmod virtionet; rmmod e1000; rmmod virtio', 60)
    check_log(m)


def test_cards_are_plugged_in_and_pulled_out(start, program, stations, monitor):     # noqa: F811
    with traffic(stations):
        m, before = plugged(start, machines.KERNEL, program, stations, monitor, 3)
        # A page that is lost in each of a thousand turns would be seen.
        plug_and_pull(m, monitor, 1, planted=1000)
        assert not is_the_same(m, before)
    all_end(m)


# Five cards ten times, in the debug kernel, which finds what is lost. QEMU itself would not survive
# a thousand in a row: conftest.py.
@pytest.mark.long
@pytest.mark.parametrize('turn', range(20))
def test_fifty_cards_are_plugged_in_and_pulled_out(start, program, stations, monitor, turn):     # noqa: F811
    with traffic(stations):
        m, _ = plugged(start, machines.DEBUG_KERNEL, program, stations, monitor, 10)
    all_end(m)
    expect_nothing_lost(m)


@pytest.mark.parametrize('count', [2, pytest.param(1000, marks=pytest.mark.long)])
def test_drivers_are_installed_used_and_removed(start, program, stations, tmp_path, count):     # noqa: F811
    devices = [x for i, card in enumerate(NETWORK)
               for x in ('-device', f'{card},netdev=cable{i},mac=52:54:00:00:00:0{i}')]
    m = start(machine='q35', cpus=4, append=APPEND, files={**program, 'use': file('', USE, 0o755)},
              limit_s=300 + 20 * count, qemu=[*images(tmp_path), *cables(stations), *devices]).boot()
    m.stop_agent()
    m.check('mkdir -p /m; umount -a -t 9p; for i in 1 2; do for driver in '
            '$(lsmod | sed 1d | cut -d" " -f1); do rmmod $driver; done; done >/dev/null 2>&1; '
            'export VETH=$(find /lib/banos -name veth.ko)')
    with traffic(stations):
        m.check('/use 2', 120)
        before = free_kib(m)
        for first in range(0, count, 20):
            m.check(f'/use {min(count - first, 20)}', 400)
        assert is_the_same(m, before)
        m.check('/use 1 1000', 120)
        assert not is_the_same(m, before)
    check_log(m)
    m.close()
    host('e2fsck', '-fn', f'{tmp_path}/ext2')
    host('fsck.fat', '-n', f'{tmp_path}/fat')

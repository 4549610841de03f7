# SPDX-License-Identifier: MIT
"""Planned lack of memory: each allocation fails once while a driver is installed, used and removed."""
import re
import subprocess

import pytest

import machine as machines
from conftest import debug_program
from test_ext2 import host
from test_failing import EXIT, expect_nothing_lost
from test_net import APPEND
from test_partitions import ENVIRONMENT

pytestmark = pytest.mark.banos

P9 = 'trans=virtio,version=9p2000.L,cache=none'
# File, parameters, what it is used for; what needs the drivers inet, or those of the disks, gets them.
DRIVERS = {
    'virtioblk': ('', 'disk /dev/vda'), 'nvme': ('', 'disk /dev/nvme0n1'), 'ahci': ('', 'disk /dev/sda'),
    'ext2': ('', 'change ext2 /dev/vda'), 'vfat': ('', 'change vfat /dev/nvme0n1'),
    'iso9660': ('', 'look iso9660 /dev/sr0 ""'), 'virtio9p': ('', f'look 9p share {P9}'),
    'virtionet': ('', 'card eth0'), 'e1000': ('', 'card eth0'), 'e1000e': ('', 'card eth0'), 'veth': ('pairs=1', 'card veth0'),
    'loopback': ('', 'card lo'), 'inet': ('', 'tcp'), 'filter': ('', 'rules'),
    'shaper': ('interface=lo delay_us=100 reorder_ppm=300000', 'tcp'),
}
CARDS = {'virtionet': 'virtio-net-pci', 'e1000': 'e1000', 'e1000e': 'e1000e'}
NEEDS = {'ext2': ['virtioblk'], 'vfat': ['nvme'], 'iso9660': ['ahci'], 'filter': ['inet'], 'shaper': ['inet'],
         'virtionet': ['inet'], 'e1000': ['inet'], 'e1000e': ['inet'], 'veth': ['inet']}
SHORT = 4


def images(folder):
    """An ext2, a FAT, a disc, a shared folder."""
    for name, text in (('disc', 'disc'), ('share', 'shared')):
        (folder / name).mkdir()
        (folder / name / 'small').write_text(f'{text}\n')
    host('mke2fs', '-q', '-F', '-t', 'ext2', f'{folder}/ext2', '8M')
    with open(f'{folder}/fat', 'wb') as f:
        f.truncate(8 << 20)
    subprocess.run(['mkfs.fat', f'{folder}/fat'], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    host('xorriso', '-as', 'mkisofs', '-quiet', '-R', '-o', f'{folder}/iso', f'{folder}/disc')
    return ['-drive', f'if=none,id=d,file={folder}/ext2,format=raw,cache=unsafe', '-device', 'virtio-blk-pci,drive=d',
            '-drive', f'if=none,id=f,file={folder}/fat,format=raw,cache=unsafe', '-device', 'nvme,serial=1,drive=f',
            '-cdrom', f'{folder}/iso',
            '-fsdev', f'local,id=folder,path={folder}/share,security_model=none,multidevs=remap',
            '-device', 'virtio-9p-pci,fsdev=folder,mount_tag=share']


def run(start, folder, name, stride, limit_s):
    parameters, use = DRIVERS[name]
    file = {'loopback': '-', 'e1000e': 'e1000'}.get(name, name)
    qemu = [*EXIT, *images(folder), '-drive', f'if=none,id=s,driver=null-co,size=8M,read-zeroes=on', '-device',
            'ide-hd,drive=s,bus=ide.0']
    if name in CARDS:
        qemu += ['-netdev', 'user,id=net,restrict=on', '-device', f'{CARDS[name]},netdev=net']
    m = start(kernel=machines.DEBUG_KERNEL, machine='q35', cpus=2, append=APPEND + ' qemu_exit', qemu=qemu, limit_s=limit_s + 100,
              files={'failing_driver': debug_program('failing_driver')}).boot()
    m.stop_agent()
    m.check('dmesg -n1; umount -a -t 9p; for i in 1 2 3; do for driver in $(lsmod | sed 1d | cut -d" " -f1); do '
            'rmmod $driver; done; done >/dev/null 2>&1; modprobe virtio; dmesg -c >/dev/null')
    if NEEDS.get(name):
        m.check('modprobe -a ' + ' '.join(NEEDS[name]))
    path = '-' if file == '-' else f'$(find /lib/banos -name {file}.ko)'
    output = m.check(f'/failing_driver {path} {file} "{parameters}" {stride} {use}', limit_s)
    orders, out, harmed = map(int, re.search(r'ok: (\d+) orders, (\d+) not installed, (\d+) uses', output).groups())
    print(f'{name}: {orders} orders, {out} not installed, {harmed} uses failed')
    assert out + harmed > 3, output
    log = m.check('dmesg')
    assert not re.search('WARN|BUG|leaked|quarantine', log), log
    expect_nothing_lost(m)


@pytest.mark.parametrize('name', DRIVERS)
def test_some_allocations_fail(start, tmp_path, name):
    run(start, tmp_path, name, SHORT, 100)


@pytest.mark.long
@pytest.mark.parametrize('name', DRIVERS)
def test_each_allocation_fails(start, tmp_path, name):
    run(start, tmp_path, name, 0, 1500)

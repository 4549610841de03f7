# SPDX-License-Identifier: MIT
"""Device memory and DMA memory that programs map: what they see, and how it is taken away."""
import os

import pytest

import machine as machines
from archive import file
from conftest import debug_program, repeats
from driver_source import compiled
from test_pci import SLOTS, monitor  # noqa: F401

pytestmark = pytest.mark.banos
DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'drivers')
MEMORY = ['-object', 'memory-backend-ram,size=1M,id=memory,share=on']
CARD = MEMORY + ['-device', 'ivshmem-plain,memdev=memory,id=card']
DISK = ['-drive', 'if=none,id=disk,format=raw,file.driver=null-co,size=1M',
        '-device', 'nvme,drive=disk,serial=1']


@pytest.fixture(scope='module')
def files():
    with open(os.path.join(DRIVERS, 'window.c'), encoding='utf-8') as f:
        driver = compiled(f.read())
    return {'window.ko': file('', driver), 'bin/window': debug_program('window')}


@pytest.fixture(params=[*repeats('release'), 'debug'])
def machine(request, start, files):
    kernel = machines.KERNEL if request.param == 'release' else machines.DEBUG_KERNEL

    def boot(qemu, cpus=4):
        m = start(kernel=kernel, cpus=cpus, files=files, qemu=qemu, append='quiet').boot()
        if qemu is DISK:        # which has a driver of its own
            m.check('until rmmod nvme 2>/dev/null; do sleep 0.1; done')
        m.check('insmod /window.ko && until test -c /dev/window; do sleep 0.1; done')
        return m
    return boot



def test_what_programs_see(machine):
    m = machine(CARD)
    assert m.check('window check', 60) == '0 failed\n'
    log = m.check('dmesg')
    for words in ('banos_map_resource(): caching is not that with which a page',
                  'banos_map_resource(): index is not that of a memory resource',
                  'banos_map_resource(): offset, or the address of the resource, is not a mult',
                  'banos_map_resource(): caching is neither BANOS_MAP_UNCACHED nor',
                  'banos_map_dma(): buffer does not belong to the caller, or was released before'):
        assert f'banos: window: {words}' in log, log
    m.check('rmmod window')
    assert 'leaked' not in m.check('dmesg') and 'not freed' not in m.check('dmesg')


def test_the_table_of_messages_is_not_mapped(machine):
    m = machine(DISK)
    assert m.check('window guard') == '0 failed\n'
    m.check('rmmod window')


@pytest.mark.parametrize('rounds', [20, pytest.param(1000, marks=pytest.mark.long)])
def test_dma_memory_is_freed_under_four_threads(machine, rounds):
    m = machine(CARD)
    assert m.check(f'window free {rounds}', 60 + rounds) == '0 failed\n'
    m.check('rmmod window')
    assert 'leaked' not in m.check('dmesg')


def test_a_card_is_unplugged_under_four_threads(machine, monitor):  # noqa: F811
    m = machine(SLOTS + MEMORY + ['-device', 'ivshmem-plain,memdev=memory,id=card,bus=slot1',
                                  '-machine', 'q35'] + monitor.options())
    m.check('window touch >/tmp/result & until grep -q touching /tmp/result; do sleep 0.1; done')
    monitor.unplug('card')
    monitor.wait_gone('card')
    assert m.check('wait >/dev/null 2>&1; cat /tmp/result').startswith(
        'touching\ntaken away, No such device\n')
    m.check('rmmod window')
    assert 'leaked' not in m.check('dmesg')

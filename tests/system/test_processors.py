# SPDX-License-Identifier: MIT
"""More processors than one, from outside. tests/user/processors.c looks at
them from inside; here it runs on several. A test fails unless each took part.
"""
import os
import re

import pytest

import machine as machines
from conftest import repeats

LONG = pytest.mark.long
DEBUG_KERNEL = os.path.join(machines.BUILD, 'debug', 'banos.elf')


def each_processor_works(m, cpus):
    """Every one is there, runs programs, and has its own interrupts."""
    assert m.check('nproc') == f'{len(cpus)}\n'
    masks = ' '.join(f'{1 << n:x}' for n in cpus)
    out = m.check(f'for m in {masks}; do taskset $m cut -d" " -f39 '
                  '/proc/self/stat; done', 60)
    assert [int(x) for x in out.split()] == cpus
    head, *lines = m.lines('cat /proc/interrupts')
    assert head.split() == [f'CPU{n}' for n in cpus]
    counts = next(x.split() for x in lines if x.split()[0] == 'RES:')
    assert len([x for x in counts if x.isdigit()]) == len(cpus)
    assert m.check('grep -c ^processor /proc/cpuinfo') == f'{len(cpus)}\n'


@pytest.mark.parametrize('cpus', [pytest.param(8, marks=LONG), 64])
def test_boot_with_many_processors(start, cpus):
    m = start(cpus=cpus, memory=512)
    m.boot(120)
    each_processor_works(m, list(range(cpus)))
    assert 'does not start' not in m.check('dmesg')
    m.sendline('poweroff -f')
    assert m.wait_end() == 0


@pytest.mark.banos
@pytest.mark.parametrize('cpus', [32, pytest.param(64, marks=LONG)])
def test_processors_leave_memory_for_programs(start, cpus):
    """Each needs some 100 KiB: all that there are would take the machine's."""
    m = start(cpus=cpus, memory=9)
    m.boot(120)
    log = m.check('dmesg')
    assert 'smp: not enough memory for more than' in log
    assert 8 <= int(m.check('nproc')) < 32
    assert m.check('echo $((6 * 7)) | cat') == '42\n'


@pytest.mark.parametrize('cpus, library', [
    (4, ''), pytest.param(2, '', marks=LONG),
    pytest.param(2, '.glibc', marks=LONG),
    pytest.param(4, '.glibc', marks=LONG),
    pytest.param(8, '', marks=LONG)])
def test_programs_on_several_processors(start, programs, cpus, library):
    with open(programs['processors' + library], 'rb') as f:
        m = start(cpus=cpus, files={'processors': f.read()})
    m.boot()
    out = m.check('/processors', 120)
    assert 'not ok' not in out and re.search(r'^1\.\.\d+$', out, re.M), out


@pytest.mark.banos
def test_faults_meet_changes_of_the_space(start, programs):
    """In this kernel a fault without the lock waits where it may be overtaken."""
    with open(programs['spaces'], 'rb') as f:
        m = start(kernel=DEBUG_KERNEL, cpus=4, files={'spaces': f.read()})
    m.boot()
    out = m.check('/spaces', 120)
    assert 'not ok' not in out and re.search(r'^1\.\.\d+$', out, re.M), out


@pytest.mark.banos
@pytest.mark.parametrize('dead', [
    pytest.param(1, marks=LONG), 2, pytest.param(3, marks=LONG)])
def test_dead_processor_is_reported_and_left_out(start, dead):
    m = start(kernel=DEBUG_KERNEL, cpus=4, append=f'smp_dead={dead}')
    m.boot()
    log = m.check('dmesg')
    told = re.search(rf'\[ +(\d+\.\d+)\] smp: the processor with APIC id {dead} '
                     'did not start: not used', log)
    assert told and float(told[1]) > 1, log
    assert 'smp: 3 processors' in log
    living = [n for n in range(4) if n != dead]
    each_processor_works(m, living)
    _, status = m.run(f'taskset {1 << dead:x} true')
    assert status
    m.sendline('poweroff -f')
    assert m.wait_end() == 0


@pytest.mark.long
@pytest.mark.banos
def test_kernel_tests_pass_beside_a_dead_processor(start):
    m = start(kernel=DEBUG_KERNEL, cpus=4, append='smp_dead=2 ktest qemu_exit',
              qemu=['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'])
    assert m.wait_end(120) == 1
    assert 'fail=0' in m.before and 'not ok' not in m.before


@pytest.mark.banos
@pytest.mark.parametrize('option, cpus', [
    ('maxcpus=2', 2), pytest.param('maxcpus=1', 1, marks=LONG),
    pytest.param('nolapic', 1, marks=LONG),
    pytest.param('noacpi', 1, marks=LONG)])
def test_options_limit_processors(start, option, cpus):
    m = start(cpus=4, append=option)
    m.boot()
    each_processor_works(m, list(range(cpus)))
    m.sendline('poweroff -f')
    assert m.wait_end() == 0


@pytest.mark.banos
@pytest.mark.parametrize('cpu, form', [
    ('max', r'bytes \(ERMS\)(, short ones too \(FSRM\))?'), *repeats(('max,-fsrm', r'bytes \(ERMS\)')),
    ('max,-erms,-fsrm', 'quadwords')])
def test_copies_take_the_form_that_the_processor_is_fast_with(start, cpu, form):
    # tests/kernel/uaccess.c: all lengths and offsets, and the exact byte where memory ends.
    m = start(kernel=DEBUG_KERNEL, cpu=cpu, initrd=b'',
              qemu=['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
              append='ktest=uaccess.* qemu_exit')
    assert m.wait_end(60) == 1
    assert re.search(r'KTAP-DONE pass=[1-9]\d* fail=0', m.before)
    assert re.search(rf'cpu: memory is copied and cleared by {form}\r?\n', m.before)

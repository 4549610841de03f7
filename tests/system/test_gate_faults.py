# SPDX-License-Identifier: MIT
"""In the debug kernel an installed driver that faults is taken away, and the
machine goes on: without its locks, its memory, or anything else of it."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from driver_source import compiled

pytestmark = pytest.mark.banos
EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
MACHINE = {'append': 'quiet', 'cpus': 2, 'kernel': machines.DEBUG_KERNEL, 'memory': 256}
HERE = os.path.dirname(os.path.abspath(__file__))
PANIC_STATUS = 97

WARM_UP = 20
# Objects of the kernel that come and go by themselves; fewer than there are rounds.
NOISE = 40
PLANTED = 200

# Imports a function of another driver that faults.
EXPORTER = '''
#include <banos/driver.h>
#include <banos/export.h>
int64_t exporter_get(volatile int64_t *where);
int64_t exporter_get(volatile int64_t *where) { return *where; }
BANOS_EXPORT(exporter_get);
static int64_t exporter_init(banos_owner self) { return 0; }
BANOS_DRIVER(exporter, "1.0", "MIT", "Reads", exporter_init, NULL);
'''
IMPORTER = '''
#include <banos/driver.h>
#include <banos/print.h>
int64_t exporter_get(volatile int64_t *where);
static int64_t importer_init(banos_owner self)
{
	int64_t first = exporter_get((volatile int64_t *)8);
	int64_t then = exporter_get(&first);
	int64_t later;

	banos_print(self, "first %lld, then %lld", (long long)first, (long long)then);
	for (later = 0; later != -19; )
		later = exporter_get(&first);
	banos_print(self, "later %lld", (long long)later);
	return 0;
}
BANOS_DRIVER(importer, "1.0", "MIT", "Asks", importer_init, NULL);
'''


def FILES():
    out = os.path.join(machines.BUILD, 'tests', 'faults')
    os.makedirs(os.path.dirname(out), exist_ok=True)
    subprocess.run(['musl-gcc', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror',
                    '-Wno-unused-parameter', '-o', out, f'{HERE}/faults.c'], check=True)
    with open(f'{HERE}/drivers/faulty.c', encoding='utf-8') as f:
        driver = compiled(f.read())
    with open(out, 'rb') as f:
        return {'faulty.ko': file('', driver), 'faults': file('', f.read(), 0o755),
                'exporter.ko': file('', compiled(EXPORTER)),
                'importer.ko': file('', compiled(IMPORTER))}


def objects(m):
    """How many objects of the kernel's heap are in use; none is lost."""
    report = m.lines('cat /proc/kmemleak')
    count, lost = re.match(r'(\d+) objects .* in use, (\d+) ', report[-1]).groups()
    assert lost == '0', report
    return int(count)


def test_the_measure_sees_a_planted_leak(shell):
    before = objects(shell)
    shell.check(f'/faults hold {PLANTED} >/tmp/out & '
                'until grep -q holds /tmp/out; do usleep 1000; done')
    assert objects(shell) - before > max(NOISE, PLANTED)
    shell.check('kill $(pidof faults); wait')
    assert objects(shell) - before < NOISE


@pytest.mark.parametrize('rounds', [50, pytest.param(1000, marks=pytest.mark.long)])
def test_faults_leave_nothing(shell, rounds):
    shell.check(f'dmesg -n 1; /faults {WARM_UP}', 60)
    before = objects(shell)
    assert shell.check(f'/faults {rounds}', 600).strip() == f'ok {rounds}'
    assert objects(shell) - before < NOISE
    assert 'faulty' not in shell.check('cat /proc/modules /proc/banos/exports; ls /dev')
    # What is left may be installed again, and removed as ever.
    shell.check('insmod /faulty.ko; rmmod faulty')


def test_the_log_names_driver_fault_and_function(shell):
    shell.check('dmesg -c >/dev/null; /faults 5')
    log = shell.check('dmesg')
    for cause in (r'null pointer access: read at 0x10 in faulty\+follow\+',
                  r'page fault in the kernel: write at ffff8fffdead0000, not mapped in faulty\+store\+',
                  r'general protection fault in faulty\+follow\+',
                  r'null pointer access: execute at 0x0 in faulty\+call\+',
                  r'divide error in faulty\+divide\+'):
        assert re.search(rf'banos: faulty: {cause}\S+; the call ends with EFAULT', log), log


def test_init_and_exit_may_fault(shell):
    assert shell.run('insmod /faulty.ko init_fails=1')[1] != 0
    assert 'faulty' not in shell.check('cat /proc/modules; ls /dev')
    shell.check('insmod /faulty.ko exit_fails=1; rmmod faulty')
    assert 'faulty' not in shell.check('cat /proc/modules; ls /dev')


def test_importers_of_a_driver_that_failed_get_errors(shell):
    shell.check('insmod /exporter.ko; insmod /importer.ko')
    log = shell.check('dmesg')
    assert 'importer: first -14, then ' in log and 'importer: later -19' in log, log
    shell.check('rmmod importer')
    shell.check('while grep -q exporter /proc/modules; do usleep 1000; done')


def test_a_fault_in_the_kernel_still_stops_the_machine(start):
    m = start(files=FILES(), qemu=EXIT, append='qemu_exit', kernel=machines.DEBUG_KERNEL).boot()
    m.check('insmod /faulty.ko')
    m.sendline('/faults kind 5')
    assert m.wait_end() == PANIC_STATUS
    assert 'null pointer access: write at 0x20' in m.before

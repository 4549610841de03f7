# SPDX-License-Identifier: MIT
"""A driver that crashes is named in the report, with its functions."""
import re

import pytest

from archive import file
from driver_source import compiled

pytestmark = pytest.mark.banos
EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
PANIC_STATUS = 2 * 0x30 + 1
CODE = '''
#include <banos/driver.h>
#include <banos/work.h>
static uint8_t later;
BANOS_PARAM_BOOL(later, "not in init, but in a work item");
#define KEPT __attribute__((noipa, noinline))
KEPT static int64_t nothing(int64_t x) { return x; }
KEPT static int64_t reads(volatile int64_t *where) { return nothing(1) + *where; }
KEPT static int64_t crashes(void *where) { return reads((volatile int64_t *)where) + 1; }
static int64_t crasher_init(banos_owner self)
{
	banos_work work;
	if (!later)
		return crashes((void *)16) + 1;
	int64_t error = banos_work_create(self, crashes, (void *)16, &work);
	return error ? error : banos_work_queue(work) - 1;
}
BANOS_DRIVER(crasher, "1.0", "MIT", "Crashes", crasher_init, NULL);
'''


@pytest.mark.parametrize('where, last', [
    ('', 'driver_run_init'), ('later=1', 'worker_main')])
def test_functions_of_drivers_have_names_in_backtraces(start, where, last):
    m = start(files={'crasher.ko': file('', compiled(CODE))}, qemu=EXIT,
              append='qemu_exit').boot()
    m.sendline(f'insmod /crasher.ko {where}')
    assert m.wait_end() == PANIC_STATUS
    text = m.before
    assert 'panic: null pointer access: read at 0x10' in text
    assert re.search(r'rip \w{16} crasher\+reads\+0x\w+', text), text
    trace = re.findall(r'^\[ *[\d.]+\]   \w{16} (\S+)', text, re.M)
    assert re.fullmatch(r'crasher\+reads\+0x\w+', trace[0]), text
    assert re.fullmatch(r'crasher\+crashes\+0x\w+', trace[1]), text
    assert any(x.startswith(last) for x in trace), text
    assert re.search(r'\] drivers .*crasher', text), text

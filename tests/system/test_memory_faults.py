# SPDX-License-Identifier: MIT
"""What the debug configuration finds: faults of those who use memory are
planted (tests/kernel/crash_memory.c), the report has to name them."""
import re

import pytest

import machine as machines

pytestmark = pytest.mark.banos

PANIC = 97
EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
CACHE = r'heap: object \w+ of cache kmalloc '

KINDS = {
    'heap-overrun': CACHE + r'was written past its 20 bytes: byte 20 is 01, '
                            r'expected cc; allocated by heap_overrun\+',
    'heap-overrun-large': r'heap: \w+ was written past its 5000 bytes: byte '
                          r'5000 is 01, expected cc; allocated by '
                          r'heap_overrun_large\+',
    'heap-double-free': CACHE + r'freed twice, first by heap_double_free\+\S+ '
                                r'now by heap_double_free\+',
    'heap-write-after-free': CACHE + r'was written after it was freed by '
                                     r'heap_write_after_free\+\S+ byte 50 is 01',
    'heap-inside': r'heap: \w+, freed by heap_inside\+\S+ is not the '
                   r'start of an object of cache kmalloc',
    'heap-never': r'heap: \w+ is freed, but is not allocated',
    'page-double-free': r'page \w+ is freed twice, first by '
                        r'page_double_free\+\S+ now by page_double_free\+',
    'page-double-free-in-block': r'page \w+ is freed twice, first by '
                                 r'page_double_free_in_block\+\S+ now by '
                                 r'page_double_free_in_block\+',
    'page-write-after-free': r'page \w+ was written after it was freed by '
                             r'page_write_after_free\+\S+ the word at byte 1232 is ',
    'range-overrun': r'page fault in the kernel: write at \w+000, not mapped',
    'range-underrun': r'page fault in the kernel: write at \w+fff, not mapped',
    'range-after-free': r'page fault in the kernel: write at \w+, not mapped',
    'range-double-free': r'kernel range \w+ is freed, but is not allocated',
}


@pytest.mark.parametrize('kind', KINDS)
def test_a_planted_fault_is_found_and_named(start, kind):
    m = start(kernel=machines.DEBUG_KERNEL, append=f'qemu_exit crash={kind}',
              qemu=EXIT, initrd=b'', memory=64)
    assert m.wait_end(30) == PANIC, m.before
    causes = re.findall(r'\] panic: (.*)', m.before)
    assert len(causes) == 1 and re.match(KINDS[kind], causes[0]), causes
    # And in the backtrace; write_byte() is a leaf without a frame.
    function = 'write_byte' if kind.startswith('range') and \
        'double' not in kind else kind.replace('-', '_')
    assert re.search(r'\] +f{8}\w{8} ' + function, m.before), m.before


def test_a_planted_leak_is_found_and_nothing_else(start):
    m = start(kernel=machines.DEBUG_KERNEL, append='crash=leak', cpus=2).boot()
    m.check('(for i in 1 2 3; do ls -R /proc | cat; done) >/dev/null; '
            'modprobe hello; rmmod hello')
    report = m.lines('cat /proc/kmemleak')
    sites = sorted(x for x in report if x.startswith('leaked: '))
    assert len(sites) == 2, report
    assert re.match(r'leaked: 1 objects, 12288 bytes, .* by leak\+', sites[0])
    assert re.match(r'leaked: 1 objects, 333 bytes, .* by leak\+', sites[1])
    assert re.match(r'[1-9]\d* objects .*, 2 \(12621 bytes\) of them leaked$',
                    report[-1]), report

# SPDX-License-Identifier: MIT
"""gdb with the helpers of scripts/gdb, as "make debug" starts it."""
import re

import pytest

import archive
import machine as machines
from debugger import gdb

pytestmark = pytest.mark.banos


def debug(scratch, commands):
    """What gdb printed for these commands, on a machine that installs the
    driver hello, removes it, and ends."""
    initrd = scratch / 'initramfs'
    with open(machines.INITRAMFS, 'rb') as f:
        initrd.write_bytes(f.read() + archive.cpio(
            archive.tree({'etc/inittab': b'::sysinit:/sbin/modprobe hello\n'
                          b'::sysinit:/sbin/rmmod hello\n'
                          b'::sysinit:/sbin/poweroff -f\n'})))
    return gdb(scratch, commands, initrd=initrd)


def test_helpers_show_threads_memory_processors_drivers_and_log(scratch):
    out = debug(scratch, [
        'break hello_init', 'continue', 'backtrace', 'banos threads',
        'banos bt init', 'banos cpus', 'banos memory', 'banos heap',
        'banos log', 'tbreak driver_publish', 'continue', 'finish',
        'banos drivers', 'info address who',
        'output $cpu(1).id', 'output $thread("rcu").comm', 'kill'])
    # The driver's symbols came by themselves, before its first instruction.
    assert re.search(r'symbols of driver hello at 0xffffffff[0-9a-f]+', out)
    assert re.search(r'#0 +hello_init .*\n.*#1 .*gate', out)
    assert re.search(r'driver_install \(', out)
    data = int(re.search(r'"who" is static storage at address (0x\w+)', out)[1],
               16)
    driver = re.search(r'^ +\d+ hello +(\d+) (0x\w+)$', out, re.M)
    assert 0 < data - int(driver[2], 16) < int(driver[1])
    assert re.search(r'^ +1 sleeping.* init +wait_for_child .*'
                     r'wait\.c:\d+\)$', out, re.M)
    assert re.search(r'^init \(1\), sleeping.*:\n(.*\n)+? +0x\w+ sys_wait4',
                     out, re.M)
    assert re.search(r'^  \d +\d +1 .* modprobe \(\d+\)$', out, re.M)
    assert re.search(r'^65\d{3} pages of 4096 bytes; \d+ never used$', out, re.M)
    assert re.search(r'^zone 0 \(below 4 GiB\): \d+ free; blocks by order:'
                     r'( \d+){11}$', out, re.M)
    pages = dict(re.findall(r'^thread +\d+ +(\d+) +(\d+) ', out, re.M))
    assert pages and all(int(n) > 0 for n in pages.values())
    assert re.search(r'^\[ +0\.\d{6}\] Banos 6', out, re.M)
    assert 'smp: 2 processors' in out.split('blocks by order')[-1]
    assert re.search(r'1"rcu"', out.replace(', \'\\000\' <repeats 12 times>', ''))
    assert 'Python Exception' not in out and 'Traceback' not in out


def test_backtrace_leads_through_an_interrupt(scratch):
    out = debug(scratch, ['break timer_interrupt if $cpu(0).irq_depth',
                        'continue', 'backtrace', 'kill'])
    # Over to the stack of the interrupted thread, and down to what it did.
    assert re.search(r'^#0 +timer_interrupt .*\n(.*\n)*#\d.* in trap_irq .*\n'
                     r'#\d+ +<signal handler called>\n#\d+ .*\w+ \(.*\) at ',
                     out, re.M)


def test_symbols_come_and_go_with_their_driver(scratch):
    known = "python print('known', bool(gdb.lookup_static_symbol('hello_exit')))"
    out = debug(scratch, [known, 'break hello_exit', 'continue', known,
                        'delete', 'break machine_power_off', 'continue',
                        known, 'kill'])
    assert re.findall(r'^known (\w+)$', out, re.M) == ['False', 'True', 'False']
    assert re.search(r'Breakpoint \d, hello_exit', out)

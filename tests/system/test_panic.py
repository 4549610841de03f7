# SPDX-License-Identifier: MIT
"""The end of a kernel: one report, on all that can show it, and a status.

The debug kernel crashes on order: tests/kernel/crash.c.
"""
import os
import re
import socket

import pytest

import machine as machines
import screen

pytestmark = pytest.mark.banos

DEBUG_KERNEL = machines.DEBUG_KERNEL
EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
PANIC_STATUS = 2 * 0x30 + 1
BOOT_STOP_STATUS = 2 * 0x31 + 1

# What is said, whether there are registers, and a function in the backtrace.
KINDS = {
    'panic': ('asked to', False, 'crash_panic'),
    'null': ('null pointer access: write at 0x10', True, 'crash_null'),
    'stack': (r'kernel stack overflow: \w+ is in the guard page below \w+ '
              r'\(thread stack\)',
              True, 'crash_stack'),
    'irqstack': (r'kernel stack overflow: \w+ is in the guard page below \w+ '
                 r'\(interrupt stack\)', True, 'crash_stack'),
    'text': (r'page fault in the kernel: write at \w+, not allowed', True,
             'crash_text'),
    'exec': (r'page fault in the kernel: execute at \w+, not allowed', True,
             'crash_exec'),
    'user': ('page fault in the kernel: execute at 400000, not mapped', True,
             'crash_user'),
    'ud': ('invalid opcode in the kernel, error code 0', True, 'crash_ud'),
    'divide': ('divide error in the kernel, error code 0', True,
               'crash_divide'),
    'gp': ('general protection fault in the kernel, error code 0', True,
           'crash_gp'),
    'double': (r'double fault: an exception could not be delivered, look at rsp; cr2 ffffaffffffffff8', True, None),
    'nmi': ('non-maskable interrupt', True, 'crash_thread'),
    'mce': ('machine check: no bank reports an error', True, 'crash_mce'),
    'irq': ('asked to, in an interrupt', False, 'in_interrupt_context'),
    'lock': (r'spin lock \w+ is taken twice by cpu \d; first at crash_lock.*',
             False, 'crash_lock'),
    'heap': (r'heap: .*object \w+ of cache kmalloc was (written past its '
             r'\d+ bytes|overwritten)', False,
             'crash_heap'),
    'free': (r'heap: object \w+ of cache kmalloc freed twice, first by '
             r'crash_free\S+, now by crash_free.*', False,
             'crash_free'),
    'order': ('lock order inversion', False, 'crash_order'),
    'round': ('lock order inversion', False, 'crash_round'),
    'irqlock': (r'lock \d+ is taken in interrupt handlers, and elsewhere with '
                r'interrupts enabled; now at crash_irqlock.*', False,
                'crash_irqlock'),
    'mutex': ('crash: a sleeping lock is taken where sleeping is not allowed .*',
              False, 'crash_mutex'),
    'gatemutex': (r'gate: driver tester is called \(as_driver\S*\) with locks held, .*',
                  False, 'crash_gatemutex'),
    'gaterwsem': (r'gate: driver tester is called \(as_driver\S*\) with locks held, .*',
                  False, 'crash_gaterwsem'),
    'gatercu': (r'gate: driver tester is called .* preemption \(count 1\) .*', False,
                'crash_gatercu'),
    'gateirq': (r'gate: driver tester is called .* or interrupts disabled', False,
                'crash_gateirq'),
    'heldspin': (r'needs_spin\(\) needs &lock_a, which cpu \d does not hold',
                 False, 'crash_heldspin'),
    'heldmutex': (r'needs_mutex\(\) needs &mutex_a, which thread crash does '
                  'not hold', False, 'crash_heldmutex'),
    'heldrwsem': (r'needs_rwsem\(\) needs &rwsem_a, which thread crash does '
                  'not hold', False, 'crash_heldrwsem'),
    'heldwrite': (r'needs_writer\(\) needs &rwsem_a for writing, which thread '
                  'crash does not hold', False, 'crash_heldwrite'),
    'heldrcu': (r'needs_rcu\(\) needs rcu_read_lock\(\), which thread crash '
                'does not hold', False, 'crash_heldrcu'),
    'sleep': (r'crash: schedule\(\) is called where sleeping is not allowed .*', False,
              'crash_sleep'),
}


def plain_log(m):
    """All that was printed, without the time."""
    return re.sub(r'^\[ *\d+\.\d+\] ', '', m.before.rstrip(), flags=re.M)


def report_of(m):
    """The lines of the one report; nothing comes after."""
    assert m.wait_end() == PANIC_STATUS
    lines = plain_log(m).split('\n')
    starts = [i for i, x in enumerate(lines) if x.startswith('panic: ')]
    assert len(starts) == 1, m.before
    assert lines[-1] == '---[ end of panic ]---', m.before
    return lines[starts[0]:]


@pytest.mark.parametrize('cpu', [0, 1])
@pytest.mark.parametrize('kind', KINDS)
def test_each_kind_of_crash_is_reported_once_and_ends_qemu(start, kind, cpu):
    cause, has_registers, function = KINDS[kind]
    if cpu == 0 and kind not in ('panic', 'null', 'stack', 'nmi'):
        pytest.skip('the same on each processor')
    m = start(kernel=DEBUG_KERNEL, cpus=cpu + 1, qemu=EXIT,
              append=f'crash={kind} crash_cpu={cpu} qemu_exit '
              'unknown_nmi_panic')
    lines = report_of(m)
    text = '\n'.join(lines)
    assert re.fullmatch(f'panic: {cause}', lines[0]), text
    trace = lines[lines.index('backtrace:') + 1:]
    if function:
        assert any(re.match(r'  f{8}\w{8} ' + function, x) for x in trace), text
        # Down to where the thread began.
        assert any('kthread_main+' in x for x in trace), text
    assert re.search(rf'^task crash \(0\) on cpu {cpu}, Banos 6\.', text, re.M)
    assert bool(re.search(r'^rip \w{16} .*rflags', text, re.M)) == has_registers
    if has_registers:
        names = re.findall(r'\b(r[a-d]x|r[sd]i|r[bs]p|r\d+|cr[234]|cs|ss) +\w+',
                           text)
        assert len(set(names)) == 15 + 1 + 3 + 2, names
    if kind not in ('user', 'double') and has_registers:
        assert re.search(r'^code( \w\w){16} <\w\w>( \w\w){15}$', text, re.M)
    if kind in ('irq', 'irqstack'):	# and what it interrupted
        assert any(re.match(r'  f{8}\w{8} (delay_us|timer_start)', x)
                   for x in trace), text
    if kind in ('order', 'round'):
        before = re.findall(r'^  (now|before): lock \d+ taken at '
                            rf'crash_{kind}\+.*, then lock \d+ at '
                            rf'crash_{kind}\+', plain_log(m), re.M)
        assert before == ['now', 'before'], m.before
    if kind == 'stack':
        assert re.search(r'^  \.\.\. \d\d times$', text, re.M)
    assert all(len(x) <= 80 - 15 for x in lines
               if x.startswith(('r', 'cr', 'task'))), text


STACKS = {'nmi': 'non-maskable interrupt', 'mce': 'machine check',
          'debug': 'debug'}


@pytest.mark.parametrize('stack', STACKS)
def test_overflow_of_each_stack_of_a_processor_is_told(start, stack):
    m = start(kernel=DEBUG_KERNEL, cpus=2, qemu=EXIT, initrd=b'',
              append=f'crash=stack-{stack} crash_cpu=1 qemu_exit')
    lines = report_of(m)
    assert re.fullmatch(r'panic: kernel stack overflow: \w+ is in the guard '
                        rf'page below \w+ \({STACKS[stack]} stack\)', lines[0])
    assert any('stack_' + stack in x for x in lines)


@pytest.mark.parametrize('kind, said', [
    ('all-cpus', 'on all processors'),
    ('while-others-talk', 'while others talk'),
    ('while-others-are-deaf', 'while others are deaf')])
def test_report_is_one_whatever_other_processors_do(start, kind, said):
    m = start(kernel=DEBUG_KERNEL, cpus=4, qemu=EXIT, initrd=b'',
              append=f'crash={kind} qemu_exit')
    lines = report_of(m)
    assert lines[0] == f'panic: asked to, {said}'
    assert not any('noise' in x for x in lines)


def test_report_names_a_driver(start):
    """A fault below an interrupt that came while a driver was installed."""
    m = start(qemu=EXIT, append='qemu_exit unknown_nmi_panic', monitor=True)
    m.boot()
    m.check('modprobe hello')
    m.monitor.nmi()
    lines = report_of(m)
    assert 'drivers hello' in lines


def test_report_is_on_the_screen_even_if_the_console_is_not(start):
    """And it fits: the cause is still there."""
    m = start(kernel=DEBUG_KERNEL, monitor=True, cpus=2, append='crash=null')
    m.expect('end of panic', 30)
    font = screen.vga_font()
    m.monitor.wait_text(font, 'end of panic')
    rows = '\n'.join(m.monitor.text(font))
    for what in ('panic: null pointer access: write at 0x10', r'crash_null\+0x',
                 'task init', r'rip \w{16} crash_null', 'code 48'):
        assert re.search(what, rows), rows


def test_keys_for_the_emulator_arrive_after_a_panic(start, scratch):
    """Ctrl-A x ends QEMU, whatever has been typed to the machine before."""
    path = f'{scratch}/typed'
    m = start(kernel=DEBUG_KERNEL, append='crash=null', initrd=b'', qemu=[
        '-chardev', f'socket,id=typed,path={path},server=on,wait=off,mux=on',
        '-serial', 'chardev:typed', '-mon', 'chardev=typed'])
    with socket.socket(socket.AF_UNIX) as typed:
        m.expect('end of panic', 30)
        typed.connect(path)
        typed.sendall(b'make run\r' * 50 + b'\x01x')
        assert m.wait_end() == 0


def test_nmi_button_under_a_program(start):
    m = start(cpus=2, qemu=EXIT, append='qemu_exit', monitor=True)
    m.boot()
    m.check('echo 1 >/proc/sys/kernel/unknown_nmi_panic')
    m.sendline('echo go on; while :; do :; done')
    m.expect('\ngo on\r')
    m.monitor.nmi()
    lines = report_of(m)
    assert lines[0] == 'panic: non-maskable interrupt'


@pytest.mark.parametrize('busy', [False, True])
def test_machine_check_is_reported_with_its_bank(start, busy):
    m = start(cpus=2, qemu=EXIT, append='qemu_exit', monitor=True)
    m.boot()
    if busy:		# in a program
        m.sendline('echo go on; taskset 2 sh -c "while :; do :; done"')
        m.expect('\ngo on\r')
    # Valid, not corrected, enabled, address valid; and the global status.
    m.monitor.command('human-monitor-command', **{
        'command-line': 'mce 1 3 0xb400000000000185 5 0x12345678 0'})
    lines = report_of(m)
    assert lines[0] == ('panic: machine check: bank 3, status '
                        'b400000000000185, address 12345678')
    assert any(' on cpu 1,' in x for x in lines)


def test_warning_goes_on(start):
    m = start(kernel=DEBUG_KERNEL, append='crash=warn')
    m.expect('warning: this_cpu', 30)
    m.expect('crash_warn')
    m.boot()
    assert m.check('echo alive') == 'alive\n'


def test_too_little_memory_is_a_line_not_a_panic(start):
    m = start(memory='2432K', initrd=b'', qemu=EXIT, append='qemu_exit')
    status = m.wait_end()
    assert 'panic' not in m.before
    assert status == BOOT_STOP_STATUS
    assert re.search(r'banos: cannot start: [^\n]*\n', m.before)

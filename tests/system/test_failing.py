# SPDX-License-Identifier: MIT
"""Allocations that fail: by the injector of the debug kernel, one by one and
here and there, and because memory is really used up."""
import re

import pytest

import machine as machines
from conftest import debug_program

pytestmark = pytest.mark.banos
def LONG(x):
    return pytest.param(x, marks=pytest.mark.long)


EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
NOTHING_LOST = re.compile(r'\b0 \(0 bytes\) of them leaked$')


@pytest.fixture(scope='session')
def failing():
    """The program that lets each allocation of an operation fail in turn."""
    return debug_program('failing')


@pytest.fixture(scope='session')
def hog():
    """The program that takes all there is of something."""
    return debug_program('hog')


def debug_machine(start, append='', **options):
    options.setdefault('memory', 128)
    return start(kernel=machines.DEBUG_KERNEL, qemu=EXIT,
                 append=f'qemu_exit {append}', **options)


def expect_nothing_lost(m):
    """Reachable from nowhere: a reference that was not given back, too, since
    whoever held it is gone."""
    last = ''
    for _ in range(3):
        last = m.check('sleep 0.2; cat /proc/kmemleak')
        if NOTHING_LOST.search(last.strip()):
            return
    raise AssertionError(last)


def test_each_allocation_of_each_operation_may_fail(start, failing):
    m = debug_machine(start, files={'failing': failing}).boot()
    m.check('dmesg -n1; cp $(find /lib/banos -name hello.ko) /tmp/')
    output, status = m.run('/failing', 120)
    passed = re.findall(r'^ok \d+ - ', output, re.M)
    assert status == 0 and len(passed) >= 34, output
    assert output.rstrip().endswith(f'1..{len(passed)}')
    expect_nothing_lost(m)


# What the shell of a user does, as far as it gets.
WORK = ('for i in 1 2 3 4; do (ls -lR /proc/self /dev; ps; '
        'echo $i >/tmp/w/$i; cat /tmp/w/* | sort | tail -1; '
        'mkdir /tmp/w/d; cp /bin/busybox /tmp/w/d; rm -r /tmp/w/d; '
        'modprobe hello; rmmod hello) >/dev/null 2>&1; done')


def run_anyhow(m, command):
    """Type a command. The shell may end for lack of memory; init starts
    another. Return the status."""
    m.sendline(command)
    if m.expect([m.prompt, machines.ANY_PROMPT], 120) == 0:
        return int(m.match[1])
    m.set_prompt()
    return 1


@pytest.mark.parametrize('rule', [
    'all,prob=40,seed=5', LONG('all,every=101'), LONG('heap,every=23'),
    LONG('page+user,every=37'), LONG('range,every=3'), LONG('table,every=11'),
    LONG('user,prob=4,seed=9')])
def test_work_goes_on_with_failures_here_and_there(start, rule):
    m = debug_machine(start, cpus=2).boot()
    m.check('dmesg -n1; mkdir /tmp/w; ' + WORK, 60)
    for _ in range(2):
        m.check(f'echo {rule} >/proc/sys/vm/fail')
        run_anyhow(m, WORK)
        while run_anyhow(m, 'echo >/proc/sys/vm/fail'):
            pass
    assert m.check('echo $((6 * 7))') == '42\n'
    m.check('rm -rf /tmp/w; mkdir /tmp/w; ' + WORK, 60)
    assert 'anic' not in m.check('dmesg')
    expect_nothing_lost(m)
    m.sendline('poweroff')
    assert m.wait_end() == 0


def test_rules_of_the_command_line_begin_with_the_first_process(start):
    # The thread that boots allocates, but not any more when they begin.
    m = debug_machine(start, append='fail=all,task=nobody fail=heap,nth=1,'
                      'task=head,log fail=page,skip=999999,task=swapper '
                      'fail=page,skip=999999,task=swapper,from=boot').boot()
    m.check('dmesg -n1')
    output, status = m.run('head /etc/passwd')
    assert status != 0
    assert m.run('head /etc/passwd')[1] == 0
    rules = m.lines('cat /proc/sys/vm/fail')
    assert rules[0] == 'all,task=nobody: 0 calls, 0 failed'
    assert re.match(r'heap,nth=1,task=head,log: [1-9]\d* calls, 1 failed$',
                    rules[1])
    assert re.search(': 0 calls, 0 failed$', rules[2])
    assert re.search(r': [1-9]\d+ calls, 0 failed$', rules[3])
    assert re.search(r'fault: heap: call 1 fails on purpose, made by head', m.check('dmesg'))


def test_bad_rules_are_refused_and_only_the_super_user_makes_some(start):
    m = debug_machine(start).boot()
    m.check('echo heap,skip=999999999 >/proc/sys/vm/fail')
    for text in ('nonsense', 'heap,every=0', 'heap,in=no_such', 'a b c d e',
                 'heap heap heap heap heap'):
        assert m.run(f'echo {text} >/proc/sys/vm/fail')[1] != 0
    assert m.check('cat /proc/sys/vm/fail').startswith('heap,skip=999999999: ')
    for path in ('/proc/sys/vm/fail', '/proc/self/fail-nth', '/proc/kmemleak'):
        output, _ = m.run(f'su nobody -s /bin/sh -c "cat {path} && echo heap > '
                          f'{path} && echo DONE"')
        assert 'DONE' not in output and ('denied' in output or
                                         'not permitted' in output), output


def boot_with(start, rule):
    m = debug_machine(start, append=f'init=/bin/true fail={rule},from=boot',
                      memory=64)
    status = m.wait_end(30)
    if status == 97:
        assert 'panic: the first process (true) ended with' in m.before, m.before
    else:
        assert status == 99, (rule, status, m.before)
        assert len(re.findall('cannot start: ', m.before)) == 1, m.before
    return status


def test_the_boot_stops_in_words_wherever_memory_ends(start):
    """From the Nth allocation on there is nothing."""
    for n in (0, 30, 60, 75, 100, 110, 170, 330):
        assert boot_with(start, f'all,skip={n}') == 99


def test_the_boot_stops_in_words_without_a_first_process(start):
    assert boot_with(start, 'heap,in=process_create,nth=1') == 99


@pytest.mark.long
@pytest.mark.parametrize('rule', ['nth', 'skip'])
def test_the_boot_with_each_allocation_failing(start, rule):
    for n in range(1, 420):
        boot_with(start, f'all,{rule}={n}')


# ---------------------------------------------------------------------------
# Memory really used up

HOGS = ['touch', 'regions', 'faults', 'lock', 'tables', 'forks', 'big-forks', 'threads',
        'pipes', 'files', 'names']
KILLED = 128 + 9


def free_kib(m):
    """When what is given back with a delay is back."""
    m.check('sleep 0.3')
    return int(re.search(r'MemFree: +(\d+)', m.check('cat /proc/meminfo'))[1])


def exhaust(start, hog, hogs, **options):
    m = start(files={'bin/hog': hog}, limit_s=400, **options).boot()
    m.check('dmesg -n1; mkdir /hog; mount -t tmpfs -o size=100% none /hog')
    m.run('hog touch')			# what is made once and kept
    before = free_kib(m)
    for what in hogs:
        output, status = m.run(f'hog {what}', 150)
        # It was killed or got an error of those it may get; the shell lives.
        assert status in (0, KILLED), f'{what}: {status}\n{output}'
        # Each processor keeps some stacks, tables and objects ready.
        enough = before * 0.97 - 128 - 300 * options.get('cpus', 1)
        for _ in range(20):		# a killed group takes a while to end
            after = free_kib(m)
            if after >= enough:
                break
        assert after >= enough, f'{what}: {before}, {after}'
        if status == KILLED:
            assert re.search(r'out of memory: killed (process \d+|\d+ processes '
                             r'of one process group) \(hog\), which used \d+ KiB',
                             m.check('dmesg -c')), what
    for _ in range(20):			# and to be reaped
        left = m.check('echo $((6 * 7)); ps | grep -c "[h]og" || true')
        if left == '42\n0\n':
            break
        m.check('sleep 0.1')
    assert left == '42\n0\n'
    m.sendline('poweroff')
    assert m.wait_end() == 0


def test_who_takes_all_memory_is_killed_and_the_kernel_lives(start, hog):
    exhaust(start, hog, HOGS, memory=16)


def test_threads_on_two_processors_fault_until_memory_ends(start, hog):
    exhaust(start, hog, ['faults', 'big-forks'], memory=32, cpus=2, kernel=machines.DEBUG_KERNEL)


@pytest.mark.long
@pytest.mark.parametrize('debug', [False, True])
def test_threads_on_all_processors_fault_until_memory_ends(start, hog, debug):
    exhaust(start, hog, ['faults', 'big-forks', 'faults'], memory=48, cpus=4,
            kernel=machines.DEBUG_KERNEL if debug else None)


@pytest.mark.long
@pytest.mark.parametrize('cpus', [1, 4])
@pytest.mark.parametrize('memory', [16, 32, 64])
@pytest.mark.parametrize('debug', [False, True])
def test_memory_used_up_in_each_way(start, hog, memory, cpus, debug):
    exhaust(start, hog, HOGS + HOGS, memory=memory, cpus=cpus,
            kernel=machines.DEBUG_KERNEL if debug else None)

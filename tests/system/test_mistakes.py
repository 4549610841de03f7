# SPDX-License-Identifier: MIT
"""Drivers that make mistakes, and what the kernel makes of them: an error and a
sentence; never a fault of its own, and never a wait without an end."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from conftest import debug_program, repeats
from driver_source import compiled

pytestmark = pytest.mark.banos
DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'drivers')
NAMES = ('intruder', 'stuck', 'mapper', 'untidy', 'borrower', 'keeper', 'conveyor')


def source(name):
    with open(os.path.join(DRIVERS, name + '.c'), encoding='utf-8') as f:
        return f.read()


@pytest.fixture(scope='module')
def files():
    return {f'{x}.ko': file('', compiled(source(x))) for x in NAMES} | {
        'bin/clutch': debug_program('clutch')}


@pytest.fixture(params=[*repeats('release'), 'debug'])
def m(request, start, files):
    kernel = machines.KERNEL if request.param == 'release' else machines.DEBUG_KERNEL
    machine = start(kernel=kernel, cpus=2 if request.param == 'release' else 4,
                    # What the kernel says of a mistake is in its log, not within a program's text.
                    files=files, append='quiet loglevel=1').boot()
    machine.kernel, machine.is_debug = kernel, request.param == 'debug'
    return machine


def address(kernel, name):
    out = subprocess.run(['nm', kernel], check=True, capture_output=True, text=True)
    return '0x' + re.search(rf'^(\w+) \w {name}$', out.stdout, re.M)[1]



def device(m, where, ms=25000):
    """A device "a" with its driver, of which something goes on."""
    m.check(f'insmod /stuck.ko name=a where={where} ms={ms} >/dev/null; '
            'until test -c /dev/a; do sleep 0.1; done')


def test_mistakes(m):
    foreign_handles_and_addresses_are_errors(m)
    map_runs_without_a_lock_of_the_programs_memory(m)
    a_call_is_good_in_its_method_only(m)
    who_sleeps_is_woken_when_its_device_goes(m)
    what_a_function_leaves_held_is_said(m)
    storage_that_is_freed_under_a_sleeper_is_an_error(m)
    errors_that_are_none_do_not_reach_a_program(m)
    who_is_late_while_the_driver_is_removed_made_no_mistake(m)
    m.check('lsmod | grep -c installed || true; echo works')


def foreign_handles_and_addresses_are_errors(m):
    output, status = m.run('insmod /intruder.ko kernel_text=' +
                           address(m.kernel, 'driver_run_init') + ' kernel_data=' +
                           address(m.kernel, 'drivers'), 60)
    log = m.check('dmesg')
    assert status == 0, output + log
    assert 'intruder: nothing was taken' in log
    # Each in words, up to a number in a time.
    assert re.search(r'banos: intruder: banos_sleep_until\(\): deadline_ns is more than 30 s '
                     'ahead', log)
    assert 'banos_mutex_lock(): may sleep, and the caller holds a spin lock' in log
    assert 'banos_spin_unlock(): lock is not held by the caller' in log
    m.check('rmmod intruder; dmesg -c >/dev/null')


def map_runs_without_a_lock_of_the_programs_memory(m):
    assert m.check('insmod /mapper.ko >/dev/null; clutch map /dev/mapper') == 'mapped\n'
    m.check('rmmod mapper')


def a_call_is_good_in_its_method_only(m):
    m.check('insmod /borrower.ko && insmod /keeper.ko && dmesg -c >/dev/null')
    lines = m.check('clutch call /dev/keeper').splitlines()
    wrong = 'Invalid argument'
    assert lines == (['ioctl 0: ok'] + [f'ioctl {i}: {wrong}' for i in range(1, 9)] +
                     [f'map 0: {wrong}', f'map 1: {wrong}', 'map 2: Cross-device link',
                      f'map 3: {wrong}', f'map 4: {wrong}', 'map 5: ok', 'word 42'])
    log = m.check('dmesg')
    for function, words in (
            ('user_read', 'call is of a method that has returned'),
            ('user_write', 'call is of a method that has returned'),
            ('user_read', 'call is of a method that runs, or ran, in another thread'),
            ('user_read', 'call is not what open(), ioctl() or map() received'),
            ('map_zero', 'call is that of a method other than map()'),
            ('map_zero', 'map() has stated before what is mapped'),
            ('map_zero', 'call is of a method that has returned')):
        assert f'banos: keeper: banos_{function}(): {words}' in log, words
    assert "banos: borrower: banos_user_read(): call is that of another driver's method" in log
    assert 'keeper: map() of /dev/keeper returned 0, expected an error, or 0 after' in log
    assert 'keeper: map() of /dev/keeper returned 1, expected an error, or 0 after' in log
    m.check('rmmod keeper; rmmod borrower')


def who_sleeps_is_woken_when_its_device_goes(m):
    for where in ('driver', 'device', 'sleep'):
        for way in ('-', '!'):
            device(m, where)
            m.check('clutch read /dev/a >/tmp/read & clutch poll /dev/a >/tmp/poll & '
                    'sleep 0.3')
            m.check(f"echo -n '{way}' >/dev/a.control; wait")
            assert m.check('cat /tmp/read') == 'read -1 No such device\n'
            assert m.check('cat /tmp/poll') == 'poll 1 18\n'
            m.check('rmmod stuck')
    device(m, 'open')
    m.check('cat /dev/a 2>/tmp/open & sleep 0.3')
    m.check('echo -n - >/dev/a.control; wait; rmmod stuck')
    assert 'No such device' in m.check('cat /tmp/open')
    # Who removes may be killed; what was begun is gone on with.
    m.check('insmod /stuck.ko name=a where=probe ms=1500 >/dev/null & '
            'until test -c /dev/a.control; do sleep 0.1; done')
    m.check('rmmod stuck & sleep 0.3; killall -KILL rmmod; wait')
    assert 'stuck: not removed: the process that asked for it was killed' in m.check('dmesg')
    m.check('rmmod stuck')
    # Who must not be woken is not: the removal waits.
    device(m, 'patient', 1000)
    m.check('clutch read /dev/a & sleep 0.2; kill -KILL $!; kill -TERM $!')
    m.check("echo -n - >/dev/a.control; rmmod stuck")
    assert 'a: 0, on time: 1' in m.check('dmesg')


def what_a_function_leaves_held_is_said(m):
    for what, words in (('spin', 'a spin lock held'), ('mutex', 'a mutex held')):
        if what == 'mutex' and not m.is_debug:
            continue
        m.check(f'insmod /untidy.ko what={what} >/dev/null; dmesg -c >/dev/null; '
                'cat /dev/untidy; rmmod untidy')
        assert re.search(rf'banos: untidy: untidy\+untidy_read\S* returned with {words}',
                         m.check('dmesg'))


def untidy_read(m, what):
    m.check(f'insmod /untidy.ko what={what} >/dev/null; dmesg -c >/dev/null')
    result = m.check('clutch read /dev/untidy')
    m.check('rmmod untidy')
    return result, m.check('dmesg')


def storage_that_is_freed_under_a_sleeper_is_an_error(m):
    result, log = untidy_read(m, 'wait')
    assert result == 'read -1 Invalid argument\n'
    assert 'banos_wait_sleep(): wait was freed or overwritten while this thread slept on' in log
    # Who waits may have the mutex before it is freed.
    assert untidy_read(m, 'lock')[0] in ('read -1 Invalid argument\n', 'read 0 \n')


def errors_that_are_none_do_not_reach_a_program(m):
    assert untidy_read(m, 'again')[0] == 'read -1 Interrupted system call\n'
    result, log = untidy_read(m, 'own')
    assert result == 'read -1 Invalid argument\n'
    assert 'untidy: a driver function returned -512, which is neither a valid result nor an error number' in log


def who_is_late_while_the_driver_is_removed_made_no_mistake(m):
    m.check('dmesg -c >/dev/null')
    for _ in range(5):
        m.check('insmod /conveyor.ko >/dev/null; sleep 0.1; rmmod conveyor')
    log = m.check('dmesg')
    lines = re.findall(r'conveyor: (add .*)', log)
    gone = 'add -19, remove -22, bus -22, number -22, file -22'
    assert len(lines) == 10 and lines[1::2] == [gone] * 5, log
    assert re.fullmatch(r'add (0|-19), last removal (0|-22)', lines[0]), log
    assert 'banos: conveyor' not in log, log


def test_a_name_of_the_tree_is_warned_of(start):
    """The headers do not compile such a name: this is what another language may do."""
    code = """#define BANOS_IN_TREE
#include <banos/driver.h>
#undef BANOS_FEATURES_MAY_
#define BANOS_FEATURES_MAY_ {}
static int64_t usb_init(banos_owner self) {{ return 0; }}
BANOS_DRIVER(usb, "1.0", "MIT", "Has a name of the tree", usb_init, NULL);
"""
    m = start(files={'usb.ko': file('', compiled(code.format('0'))),
                     'own.ko': file('', compiled(code.format('BANOS_DRIVER_OF_TREE')))},
              append='quiet').boot()
    m.check('insmod /own.ko && rmmod usb')
    assert 'usb' not in m.check('dmesg')
    m.check('insmod /usb.ko')  # warned of, never refused
    assert m.check('dmesg | grep -c "banos: usb: "') == '1\n'
    assert 'name' in m.check('dmesg | grep "banos: usb: "')


@pytest.mark.long
def test_removal_takes_ten_seconds_at_most(m):
    """All at once: each would take that long."""
    kinds = {'a': 'read', 'b': 'timer', 'c': 'work', 'd': 'thread', 'f': 'patient', 'g': 'opening',
             'e': 'probe'}
    for name, where in kinds.items():
        m.check(f'insmod --allow-duplicate /stuck.ko name={name} where={where} ms=17000 '
                f'>/tmp/{name} & until test -c /dev/{name}.control; do sleep 0.1; done')
    m.check('for x in a f g; do until test -c /dev/$x; do sleep 0.1; done; '
            'clutch read /dev/$x >/dev/null & done; sleep 0.3')
    m.check('for x in a b c d e f g; do echo -n - >/dev/$x.control 2>/tmp/$x.err & done')
    m.check("until test $(dmesg | grep -c -- '-16 after 1[0-2] s') = 7; do sleep 0.5; done", 30)
    log = m.check('dmesg')
    assert 'banos: stuck: device a: read() of /dev/a does not return for clutch' in log
    assert 'banos: stuck: device f: read() of /dev/f does not return for clutch' in log
    assert 'banos: stuck: device g: open() of /dev/g does not return for clutch' in log
    assert 'banos: stuck: the function stuck+run_on+0x0 of a timer does not return' in log
    assert 'banos: stuck: the function stuck+run_on+0x0 of a work item does not' in log
    assert 'banos: stuck: its thread "stuck" does not end' in log
    assert 'banos: stuck: probe() or remove() of device e e has not returned' in log
    for what in ('timer', 'work', 'thread'):
        assert f'its {what} runs on' in log
    # Later it succeeds, with the same handle, and without what went wrong before.
    m.check('for x in a b c d e f g; do echo -n . >/dev/$x.control; done; sleep 0.5')
    m.check('for x in a b c d e f g; do echo -n - >/dev/$x.control || echo $x; done; wait', 40)
    assert len(re.findall(r'stuck: [a-g]-: 0 after', m.check('dmesg'))) == 7
    m.check('for x in a b c d e f g; do rmmod stuck || break; done', 60)
    assert 'stuck' not in m.check('lsmod')

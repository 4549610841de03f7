# SPDX-License-Identifier: MIT
"""From the start of the machine to the prompt, and the end of it."""
import re

import pytest

from conftest import repeats
from driver_source import SOURCE
from machine import DEBUG_KERNEL


def test_shell_runs_and_poweroff_ends_qemu_with_0(start):
    m = start()
    m.expect('Welcome', 60)
    assert '\x1b[?7h' in m.child.before         # long lines wrap from here on
    m.boot()
    assert m.check('echo hello world') == 'hello world\n'
    m.sendline('poweroff')
    assert m.wait_end() == 0


@pytest.mark.banos
def test_the_welcome_names_what_is_there(start):
    m = start().boot()
    assert 'modprobe hello' in m.check('HOME=/ sh -lc :')
    m.check('rm /lib/banos/drivers/samples/hello.ko')
    welcome = m.check('HOME=/ sh -lc :')
    assert 'Welcome' in welcome and 'poweroff' in welcome
    assert 'hello' not in welcome and 'driver' not in welcome


def test_reboot_resets_the_machine(start):
    # With -no-reboot QEMU ends where a machine would start again.
    m = start().boot()
    m.sendline('reboot')
    assert m.wait_end() == 0


def test_halt_stops_without_a_panic(start):
    m = start().boot()
    m.sendline('halt')
    m.expect('(?i)halt', 10)
    assert 'anic' not in m.before


@pytest.mark.parametrize('memory', [8, *repeats(16, 32, 64, 512), 4096, *repeats(6144)])
@pytest.mark.banos
def test_memory_of_any_size(start, memory):
    m = start(memory=memory).boot()
    fields = m.lines('free -k')[1].split()
    total_kib = int(fields[1])
    # What the kernel itself takes must not be much, nor may there be more
    # than the machine has.
    assert memory * 1024 * 0.6 < total_kib <= memory * 1024
    assert m.check('ls / | wc -l').strip() != '0'
    if memory >= 16:
        m.check('dd if=/dev/zero of=/tmp/x bs=1k count=1024 2>/dev/null')
    m.sendline('poweroff -f')
    assert m.wait_end() == 0


@pytest.mark.parametrize('machine', [*repeats('pc'), 'q35'])
@pytest.mark.parametrize('cpu', ['qemu64', *repeats('max', 'max,-smap,-smep')])
def test_machines_and_processors(start, machine, cpu):
    m = start(machine=machine, cpu=cpu).boot()
    assert m.check('echo $((6 * 7)) | cat') == '42\n'
    assert m.check('sleep 0.1; echo slept') == 'slept\n'
    m.sendline('poweroff -f')
    assert m.wait_end() == 0


@pytest.mark.banos
@pytest.mark.parametrize('cpu', ['qemu64', 'qemu64,+pdpe1gb'])
def test_much_memory_with_and_without_the_largest_pages(start, cpu):
    # tests/kernel/protection.c looks at each entry of the tables.
    m = start(kernel=DEBUG_KERNEL, cpu=cpu, memory=5000, initrd=b'',
              qemu=['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
              append='ktest=protection.* qemu_exit')
    assert m.wait_end(60) == 1
    assert re.search(r'KTAP-DONE pass=[1-9]\d* fail=0', m.before)


@pytest.mark.parametrize('cpus', [*repeats(2), 4])
def test_more_processors(start, cpus):
    m = start(cpus=cpus).boot()
    assert m.check('(for i in 1 2 3 4 5 6 7 8; do (echo $i | cat) & done; wait); '
                   'echo done').strip().endswith('done')
    m.sendline('poweroff -f')
    assert m.wait_end() == 0


def test_the_kernel_says_who_it_is(start):
    m = start().boot()
    release = m.check('uname -r').split('.')
    assert (int(release[0]), int(release[1])) >= (3, 2)
    with open(f'{SOURCE}/Makefile', encoding='utf-8') as f:
        version = re.search(r'^VERSION\s*:= (\S+)$', f.read(), re.M)[1]
    assert m.check('uname -r').strip().endswith(f'-banos{version}')
    assert m.check('uname -v').strip().endswith(f'Banos {version}')
    assert m.check('uname -m') == 'x86_64\n'
    assert m.check('uname -n') == m.check('cat /etc/hostname')
    log = m.check('dmesg')
    assert 'BUG' not in log and 'anic' not in log


@pytest.mark.banos
def test_no_root_file_system_is_said_in_words(start):
    m = start(initrd=b'')
    m.expect('(?i)(init|root)[^\n]*\n', 20)


@pytest.mark.banos
def test_a_build_prints_from_the_start(start):
    m = start()
    m.expect('Banos', 20)
    m.boot()


@pytest.mark.parametrize('word, shown', [
    ('quiet', False), *repeats(('loglevel=4', False)), ('loglevel=7', True),
    *repeats(('loglevel=none', True))])
def test_the_command_line_says_what_the_console_shows(start, word, shown):
    m = start(append=word)
    m.expect('welcome|Welcome|# ', 60)
    assert bool(re.search(r'\[ +\d+\.\d+\]', m.before)) == shown


def test_the_usual_file_systems_are_mounted(start):
    m = start().boot()
    mounted = {x.split()[2] for x in m.lines('mount')}
    assert {'/proc', '/sys', '/dev', '/dev/pts', '/dev/shm'} <= mounted
    assert m.check('ls -d /sys/devices/system/cpu/cpu0').strip()


@pytest.mark.banos
@pytest.mark.parametrize('attempt', [0, *repeats(1, 2)])
def test_the_first_pipes_may_be_made_at_the_same_time(start, attempt):
    script = ('#!/bin/sh\n'
              'for i in 1 2 3 4 5 6 7 8; do (echo x | cat; echo y | cat) & done\n'
              'wait; mount -t proc proc /proc; echo all done; poweroff -f\n')
    m = start(kernel=DEBUG_KERNEL, cpus=4, append='init=/first quiet',
              files={'first': script})
    m.expect('all done', 60)
    assert m.before.count('x') == m.before.count('y') == 8
    assert m.wait_end() == 0

# SPDX-License-Identifier: MIT
"""insmod, rmmod, lsmod, modinfo, modprobe: ours, and BusyBox's own over Linux's calls."""
import re

import pytest


pytestmark = pytest.mark.banos
MACHINE = {'append': 'quiet'}


@pytest.fixture(autouse=True)
def nothing_left(shell):
    before = shell.check('lsmod')
    yield
    assert shell.check('lsmod') == before


def test_busybox_installs_lists_and_removes(shell):
    folder = '/lib/modules/$(uname -r)/kernel/drivers/samples'
    shell.check(f'busybox insmod {folder}/hello.ko who=busybox')
    assert 'hello: Hello, busybox!' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    assert re.search(r'^hello +\d+ +0', shell.check('busybox lsmod'), re.M)
    shell.check('busybox rmmod hello')
    assert 'hello: Goodbye' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    output, status = shell.run('busybox insmod /etc/passwd')
    assert status != 0 and 'invalid module format' in output
    output, status = shell.run('busybox rmmod hello')
    assert status != 0 and 'No such file' in output


def test_busybox_modprobe_minds_dependencies(shell):
    shell.check('busybox modprobe sum a=30 b=12')
    assert 'sum: 30 + 12 = 42' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    assert re.search(r'^adder +\d+ +1 +sum', shell.check('busybox lsmod'), re.M)
    output, status = shell.run('busybox rmmod adder')
    assert status != 0 and 'temporarily unavailable' in output      # EAGAIN, as Linux says
    shell.check('busybox modprobe -r sum')
    assert shell.check('cat /proc/modules') == ''
    output = shell.check('busybox modinfo hello')
    assert 'description:    Greets' in output and 'who:whom to greet' in output


def test_lsmod_tells_who_uses_whom(shell):
    shell.check('modprobe sum')
    assert re.search(r'^adder +\d+ +1 +\d+  live, used by sum$',
                     shell.check('lsmod'), re.M)
    user = shell.check("su user -c '/sbin/lsmod'")
    assert re.search(r'^adder +\d+ +1 +sum', user, re.M)
    assert '0x0000000000000000' in shell.check("su user -c 'cat /proc/modules'")
    shell.check('modprobe -r sum')


def test_modprobe_says_what_it_does_or_would_do(shell):
    expected = [r'insmod /lib/modules/.*/adder\.ko', r'insmod /lib/modules/.*/sum\.ko a=1']
    for option in ('-nv', '-D', '-v'):
        lines = shell.lines(f'modprobe {option} sum a=1')
        assert len(lines) == 2, lines
        for line, pattern in zip(lines, expected):
            assert re.fullmatch(pattern, line), lines
        assert bool(shell.check('cat /proc/modules')) == (option == '-v')
    assert shell.lines('modprobe -rv sum') == ['rmmod sum', 'rmmod adder']
    for name in ('none', 'pci:none'):
        output, status = shell.run(f'modprobe -q {name}')
        assert status != 0 and not output
        output, status = shell.run(f'modprobe {name}')
        assert status != 0 and name in output
    output, status = shell.run('modprobe --nonsense sum')
    assert status == 2 and 'unknown option' in output
    shell.check('modprobe null')                # built in: there is nothing to do
    shell.check('modprobe -a hello bell; modprobe -r hello bell')


def test_by_name_and_by_number(shell):
    first = shell.check('insmod hello').strip()
    second = shell.check('insmod --allow-duplicate hello who=two').strip()
    assert int(second) > int(first)
    shell.check(f'rmmod {first}')
    assert 'Goodbye, world.' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    third = shell.check('insmod --allow-duplicate hello who=three').strip()
    shell.check('rmmod hello')                  # the newest of that name
    assert 'Goodbye, three.' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    output, status = shell.run(f'rmmod {third}')
    assert status != 0 and 'no such driver' in output
    shell.check(f'rmmod {second}')


def test_wait_and_its_interruption(shell):
    shell.check('insmod bell >/dev/null; exec 5</dev/bell')
    output, status = shell.run('rmmod bell')
    assert status != 0 and 'busy' in output
    # Interrupted, nothing has changed: it can be opened again.
    shell.check('/sbin/rmmod --wait bell 5<&- 2>said & sleep 0.3; kill -INT $!; wait $!; true')
    shell.check('exec 6</dev/bell; exec 6<&-')
    # Going, nobody gets in any more.
    shell.check('/sbin/rmmod --wait bell 5<&- & sleep 0.3')
    output, status = shell.run('cat /dev/bell')
    assert status != 0 and 'No such device' in output
    shell.check('exec 5<&-; wait')
    assert not shell.check('cat /proc/modules')


def test_an_account_of_each_driver(shell):
    number = shell.check('insmod scratch').strip()
    shell.check('echo hello >/dev/scratch; exec 5</dev/scratch')
    about = shell.check(f'cat /proc/banos/{number}')
    for line in (r'name:\s+scratch', r'state:\s+Live', r'built:\s+as a file.*level 1',
                 r'memory:\s+\d+ bytes of image, 4096 allocated', r'pins:\s+1',
                 r'calls:\s+\d+, 0 of them running', r'owns:\s+1 character device',
                 r'owns:\s+1 mutex', r'owns:\s+1 allocation'):
        assert re.search(line, about), (line, about)
    calls = int(re.search(r'calls:\s+(\d+)', about)[1])
    shell.check('head -c 1 <&5 >/dev/null; exec 5<&-')
    about = shell.check(f'cat /proc/banos/{number}')
    assert int(re.search(r'calls:\s+(\d+)', about)[1]) >= calls + 2
    assert re.search(r'pins:\s+0', about)
    assert shell.run(f"su user -c 'cat /proc/banos/{number}'")[1] != 0
    shell.check('rmmod scratch')
    assert shell.run(f'cat /proc/banos/{number}')[1] != 0


def test_no_more_installs_once_locked(start):
    m = start(append='banos.lock').boot()
    output, status = m.run('insmod hello')
    assert status != 0 and 'not permitted' in output
    assert m.check('cat /proc/banos/lock') == '1\n'
    assert m.run('echo 0 >/proc/banos/lock')[1] != 0
    output, status = m.run('busybox modprobe hello')
    assert status != 0 and 'not permitted' in output

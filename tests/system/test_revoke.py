# SPDX-License-Identifier: MIT
"""rmmod of a driver in use: who uses it, in words; and --revoke, which takes it away."""
import os
import re

import pytest

import machine as machines
from archive import file
from conftest import debug_program, repeats
from driver_source import compiled
from test_windows import CARD

pytestmark = pytest.mark.banos
DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'drivers')

IMPORTER = '''
#include <banos/driver.h>
#include <banos/export.h>
int64_t held_answer(void);
static int64_t importer_init(banos_owner self) { return held_answer(); }
BANOS_DRIVER(importer, "1.0", "MIT", "Needs held", importer_init, NULL);
'''

# A read that looks at nothing and nobody for a while.
DEAF = '''
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/time.h>
static int64_t deaf_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	uint64_t end = banos_time_ns() + 14 * BANOS_S;
	while (banos_time_ns() < end)
		banos_sleep_until(banos_time_ns() + 10 * BANOS_MS, 0);
	return 0;
}
static int64_t deaf_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = { .size = sizeof(ops), .read = deaf_read };
	static const struct banos_chardev_config config = {
		.size = sizeof(config), .major = BANOS_CHARDEV_ANY, .mode = 0600,
		.ops = &ops, .name = "deaf",
	};
	return banos_chardev_register(self, &config, NULL);
}
BANOS_DRIVER(deaf, "1.0", "MIT", "Does not return", deaf_init, NULL);
'''

# One round: programs hold the device, and it is taken away from them.
ROUND = '''
/sbin/insmod /held.ko >/dev/null || exit 1
for i in 1 2 3 4; do revoke sleep /dev/held >/tmp/held$i & done
for i in 1 2 3 4; do until grep -q . /tmp/held$i 2>/dev/null; do :; done; done
/sbin/rmmod --revoke held || exit 1
wait
for i in 1 2 3 4; do
	test "$(cat /tmp/held$i)" = "holding
0 failed" || { cat /tmp/held$i; exit 1; }
	rm /tmp/held$i
done
'''


def driver(name):
    with open(os.path.join(DRIVERS, name + '.c'), encoding='utf-8') as f:
        return file('', compiled(f.read()))


@pytest.fixture(scope='module')
def files():
    return {'held.ko': driver('held'), 'window.ko': driver('window'),
            'importer.ko': file('', compiled(IMPORTER)), 'deaf.ko': file('', compiled(DEAF)),
            'bin/revoke': debug_program('revoke'), 'round.sh': file('', ROUND.encode(), 0o755)}


@pytest.fixture(params=[*repeats('release'), 'debug'])
def machine(request, start, files):
    kernel = machines.KERNEL if request.param == 'release' else machines.DEBUG_KERNEL
    return start(kernel=kernel, cpus=4, files=files, qemu=CARD, append='quiet',
                 limit_s=1800).boot()


def hold(m, what, device):
    m.check(f'revoke {what} /dev/{device} >/tmp/result & '
            'until grep -q holding /tmp/result; do sleep 0.1; done')
    return m.check('echo $!').strip()


def result(m):
    output = m.check('wait >/dev/null 2>&1; cat /tmp/result')
    return re.sub(r'^\[\d+\].*\n', '', output, flags=re.M)  # the shell's own words on jobs


def nothing_is_left(m, name):
    for listed in m.check('cat /proc/modules; ls /dev').splitlines():
        assert listed.split()[:1] != [name]
    log = m.check('dmesg')
    for word in ('leaked', 'not freed', 'anic', 'BUG', 'WARN'):
        assert word not in log, log


def test_threads_that_sleep_in_a_device(machine):
    m = machine
    m.check('insmod /held.ko')
    pid = hold(m, 'sleep', 'held')
    sentence = f'held: is busy: /dev/held: process {pid} (revoke) has it open'
    output, status = m.run('rmmod held')
    assert status == 1 and f'rmmod: {sentence}\n' in output.replace('\r', ''), output
    assert sentence in m.check('dmesg')
    m.check('rmmod --revoke held')
    assert result(m) == 'holding\n0 failed\n'
    nothing_is_left(m, 'held')


@pytest.mark.parametrize('what,words', [('map', 'has it open and maps it'), ('keep', 'maps it')])
def test_memory_that_is_mapped(machine, what, words):
    m = machine
    m.check('insmod /window.ko && until test -c /dev/window; do sleep 0.1; done')
    pid = hold(m, what, 'window')
    output, status = m.run('rmmod window')
    assert status == 1
    assert f'window: is busy: /dev/window: process {pid} (revoke) {words}' in output, output
    m.check('rmmod --revoke window')
    assert result(m) == 'holding\n0 failed\n'
    nothing_is_left(m, 'window')


def test_a_driver_that_others_depend_on_is_kept(machine):
    m = machine
    m.check('insmod /held.ko; insmod /importer.ko')
    hold(m, 'sleep', 'held')
    for options in ('', '--revoke'):
        output, status = m.run(f'rmmod {options} held')
        assert status == 1 and 'held: is busy: driver importer depends on it' in output, output
    assert m.check('cat /tmp/result') == 'holding\n'
    m.check('rmmod importer && rmmod --revoke held')
    assert result(m) == 'holding\n0 failed\n'
    nothing_is_left(m, 'held')


def test_many_processes_are_counted(machine):
    m = machine
    m.check('insmod /held.ko; for i in 1 2 3 4 5 6 7 8 9 10 11; do '
            'sleep 1000 3</dev/held & done; sleep 1')
    output, status = m.run('rmmod held')
    assert status == 1 and len(re.findall(r'process \d+ \(sleep\) has it open', output)) == 8
    assert 'held: is busy: 3 further processes have files of it' in output, output
    m.check('rmmod --revoke held; killall sleep')
    nothing_is_left(m, 'held')


def test_options_that_exclude_each_other(machine):
    output, status = machine.run('rmmod --wait --revoke held')
    assert status == 1 and '--wait: excludes --revoke and --replace' in output


def test_force_of_linux_revokes(machine):
    m = machine
    m.check('insmod /held.ko')
    hold(m, 'sleep', 'held')
    m.check('busybox rmmod -f held')
    assert result(m) == 'holding\n0 failed\n'
    nothing_is_left(m, 'held')


@pytest.mark.long
def test_a_call_that_does_not_return_is_named(machine):
    m = machine
    m.check('insmod /deaf.ko; cat /dev/deaf & sleep 1')
    output, status = m.run('rmmod --revoke deaf', 40)
    assert status == 1
    assert 'deaf: is busy: its removal has begun, but a function or thread of it has not' in output
    assert re.search(r'deaf: thread \d+ \(cat\) is inside a function of it', output), output
    m.check('wait; rmmod deaf', 40)
    nothing_is_left(m, 'deaf')


@pytest.mark.parametrize('rounds', [6, pytest.param(1000, marks=pytest.mark.long)])
def test_again_and_again_under_load(machine, rounds):
    m = machine
    m.check('for i in 1 2; do sh -c "while :; do :; done" & done')

    def run_rounds(count):
        output, status = m.run(f'(for n in $(seq {count}); do sh /round.sh || exit 1; done)',
                               60 + 2 * count)
        assert status == 0, output
        m.check('sleep 1')

    run_rounds(max(8, rounds // 3))     # what caches of processors keep is there then
    free = "sed -n 's/^MemFree: *//p' /proc/meminfo | cut -d' ' -f1"
    before = int(m.check(free))
    run_rounds(rounds)
    assert int(m.check(free)) > before - 512
    nothing_is_left(m, 'held')

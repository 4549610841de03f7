# SPDX-License-Identifier: MIT
"""The steps of a driver's life, and drivers that break the rules of it."""
import os
import re

import pytest

from archive import file
from driver_source import compiled

pytestmark = pytest.mark.banos
MACHINE = {'append': 'quiet', 'cpus': 2}

# Two devices; init() lasts, and may fail at its end.
SLOW = '''
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/time.h>
static uint8_t fail;
BANOS_PARAM_BOOL(fail, "in the end");
static const struct banos_chardev_ops ops = { .size = sizeof(ops) };
static int64_t slow_init(banos_owner self)
{
	struct banos_chardev_config config = {
		.size = sizeof(config), .major = BANOS_CHARDEV_ANY, .mode = 0600,
		.ops = &ops, .name = "slow1",
	};
	int64_t error = banos_chardev_register(self, &config, NULL);
	config.name[4] = '2';
	if (!error)
		error = banos_chardev_register(self, &config, NULL);
	banos_sleep_until(banos_time_ns() + BANOS_S, 0);
	return error || !fail ? error : -EXDEV;
}
BANOS_DRIVER(slow, "1.0", "MIT", "Takes its time", slow_init, NULL);
'''

NEEDY = '''
#include <banos/driver.h>
static int64_t needy_init(banos_owner self) { return 0; }
BANOS_DRIVER(needy, "1.0", "MIT", "Needs hello", needy_init, NULL);
BANOS_DEPENDS(hello);
'''

# Results that no function may give.
ODD = '''
#include <banos/chardev.h>
#include <banos/driver.h>
static int64_t result, left, reads = 1000000;
BANOS_PARAM_I64(result, INT64_MIN, INT64_MAX, "of init()");
BANOS_PARAM_I64(left, INT64_MIN, INT64_MAX, "result of exit()");
BANOS_PARAM_I64(reads, INT64_MIN, INT64_MAX, "result of read()");
static int64_t odd_read(void *context, void *file, banos_buffer to, uint64_t length,
			uint64_t offset, uint32_t flags) { return reads; }
static const struct banos_chardev_ops ops = { .size = sizeof(ops), .read = odd_read };
static int64_t odd_init(banos_owner self)
{
	static const struct banos_chardev_config config = {
		.size = sizeof(config), .major = BANOS_CHARDEV_ANY, .mode = 0600,
		.ops = &ops, .name = "odd",
	};
	int64_t error = banos_chardev_register(self, &config, NULL);
	return error ? error : result;
}
static int64_t odd_exit(banos_owner self) { return left; }
BANOS_DRIVER(odd, "1.0", "MIT", "Breaks rules", odd_init, odd_exit);
'''

# A thread that does not stop for a while.
STUBBORN = '''
#include <banos/driver.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
static uint64_t end;
static int64_t run(void *context)
{
	while (banos_time_ns() < end) {
		banos_delay(BANOS_MS);
		banos_thread_yield();
	}
	return 0;
}
static int64_t stubborn_init(banos_owner self)
{
	end = banos_time_ns() + 14 * BANOS_S;
	return banos_thread_create(self, run, NULL, "stubborn-15-letters", NULL);
}
static int64_t stubborn_exit(banos_owner self) { banos_print(self, "exit"); return 0; }
BANOS_DRIVER(stubborn, "1.0", "MIT", "Does not stop", stubborn_init, stubborn_exit);
'''

# Threads without a handle, one of which runs until the driver is removed; and texts with control characters.
DETACHED = '''
#include <banos/driver.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
static volatile uint32_t runs;
static int64_t run(void *context)
{
	__atomic_add_fetch(&runs, 1, __ATOMIC_RELAXED);
	while (context && !banos_thread_should_stop())
		banos_sleep_until(banos_time_ns() + BANOS_S, 0);
	return 0;
}
static int64_t detached_init(banos_owner self)
{
	int64_t error = banos_thread_create(self, run, self, "stays", NULL);
	for (uint32_t i = 0; i < 200 && !error; i++)
		error = banos_thread_create(self, run, NULL, "ends", NULL);
	while (!error && runs < 201)
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	banos_print(self, "one\\nline%c[31m of\\ttext\\n\\n", 27);
	return error;
}
BANOS_DRIVER(detached, "1.0", "MIT", "Has threads of its own", detached_init, NULL);
'''

# A function that takes its time, and a thread that is inside when nobody who
# calls it keeps its driver any more.
INN = '''
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/print.h>
#include <banos/time.h>
static banos_owner me;
static volatile uint32_t guests;
int64_t inn_stay(uint64_t ns), inn_guests(void);
int64_t inn_stay(uint64_t ns)
{
	guests++;
	banos_sleep_until(banos_time_ns() + ns, 0);
	banos_print(me, "a guest leaves");
	return 4711;
}
int64_t inn_guests(void) { return guests; }
BANOS_EXPORT(inn_stay);
BANOS_EXPORT(inn_guests);
static int64_t inn_init(banos_owner self) { me = self; return 0; }
static int64_t inn_exit(banos_owner self) { banos_print(me, "closes"); return 0; }
BANOS_DRIVER(inn, "1.0", "MIT", "Has guests", inn_init, inn_exit);
'''

GUEST = '''
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
static banos_owner me;
static int64_t (*stay)(uint64_t ns);
static int64_t run(void *context)
{
	banos_print(me, "was given %lld", (long long)stay(BANOS_S));
	return 0;
}
static int64_t guest_init(banos_owner self)
{
	int64_t (*guests)(void) = (int64_t (*)(void))banos_lookup_symbol(self, "inn_guests"), error;
	me = self;
	stay = (int64_t (*)(uint64_t))banos_lookup_symbol(self, "inn_stay");
	if (!stay || !guests)
		return -ENOENT;
	error = banos_thread_create(self, run, NULL, "guest", NULL);
	while (!error && !guests())
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	banos_release_symbol(self, (void *)guests);
	banos_release_symbol(self, (void *)stay);
	return error;
}
BANOS_DRIVER(guest, "1.0", "MIT", "Stays", guest_init, NULL);
'''

# ring_b needs ring_a, which would like to have a function of ring_b, and says
# in the end whether it got one.
RING = {
    'ring_a': '''
static banos_owner me;
int64_t ring_a_try(void);
int64_t ring_a_try(void) { return banos_lookup_symbol(me, "ring_b_f") != NULL; }
BANOS_EXPORT(ring_a_try);
static int64_t init(banos_owner self) { me = self; return 0; }
''', 'ring_b': '''
int64_t ring_a_try(void), ring_b_f(void);
int64_t ring_b_f(void) { return ring_a_try(); }
BANOS_EXPORT(ring_b_f);
static int64_t init(banos_owner self) { return 0; }
''', 'ring_c': '''
int64_t ring_a_try(void);
static int64_t init(banos_owner self)
{
	banos_print(self, "got %lld", (long long)ring_a_try());
	return 0;
}
'''}


# Calls careless as its linker resolved it: from driver to driver.
HEEDLESS = '''
#include <banos/driver.h>
static uint64_t what = 'c';
BANOS_PARAM_U64(what, 0, 255, "first letter of the kind");
int64_t careless_call(uint64_t what);
static int64_t heedless_init(banos_owner self) { return careless_call(what) + careless_call(what); }
BANOS_DRIVER(heedless, "1.0", "MIT", "Calls another", heedless_init, NULL);
'''


def careless():
    path = os.path.join(os.path.dirname(__file__), 'drivers', 'careless.c')
    with open(path, encoding='utf-8') as f:
        return f.read()


def ring(name):
    return ('#include <banos/driver.h>\n#include <banos/export.h>\n'
            f'#include <banos/print.h>\n{RING[name]}'
            f'BANOS_DRIVER({name}, "1.0", "MIT", "In a ring", init, NULL);\n')


def FILES():
    return {f'{x}.ko': file('', compiled(ring(x))) for x in RING} | {
        f'{name}.ko': file('', compiled(code)) for name, code in (
        ('slow', SLOW), ('needy', NEEDY), ('odd', ODD), ('stubborn', STUBBORN), ('detached', DETACHED),
        ('inn', INN), ('guest', GUEST), ('heedless', HEEDLESS),
        ('careless', careless()))}


@pytest.fixture(autouse=True)
def nothing_left(shell):
    before = shell.check('lsmod; ls /dev')
    yield
    assert shell.check('lsmod; ls /dev') == before


def test_what_init_registers_is_not_there_before_it_succeeded(shell):
    shell.check('/sbin/insmod /slow.ko >id & sleep 0.4')
    for name in ('slow1', 'slow2'):
        output, status = shell.run(f'cat /dev/{name}')
        assert status != 0 and 'No such' in output, output
    assert 'slow' not in shell.check('lsmod')
    shell.check('wait')
    shell.check('cat /dev/slow1 /dev/slow2')
    shell.check('rmmod slow')


def test_threads_without_a_handle_are_released_by_the_kernel(shell):
    number = shell.check('dmesg -c >/dev/null; insmod /detached.ko; sleep 0.2').split()[-1]
    assert re.findall(r'owns:\s+(.*)', shell.check(f'cat /proc/banos/{number}')) == ['1 threads']
    shell.check('rmmod detached')
    log = shell.check('dmesg')
    assert re.search(r'\] detached: one line \[31m of text$', log, re.M), log
    assert 'leaked' not in log


def test_what_init_registers_is_never_there_if_it_fails(shell):
    output, status = shell.run('insmod /slow.ko fail=1')
    assert status != 0 and 'init failed' in output
    for name in ('slow1', 'slow2'):
        assert shell.run(f'cat /dev/{name}')[1] != 0
    shell.check('insmod /slow.ko; rmmod slow')      # names and numbers are free


def test_drivers_cannot_keep_each_other(shell):
    shell.check('dmesg -c >/dev/null; insmod /ring_a.ko; insmod /ring_b.ko; '
                'insmod /ring_c.ko')
    assert 'ring_c: got 0' in shell.check('dmesg')
    output, status = shell.run('rmmod ring_a')
    assert status != 0 and 'busy' in output
    shell.check('rmmod ring_c; rmmod ring_b; insmod /ring_c.ko; rmmod ring_c; '
                'rmmod ring_a')
    assert 'leaked' not in shell.check('dmesg')


def test_calls_that_run_are_waited_for(shell):
    shell.check('dmesg -c >/dev/null; insmod /inn.ko; insmod /guest.ko; rmmod inn')
    log = shell.check('until dmesg | grep "was given"; do sleep 0.1; done; dmesg')
    said = re.findall(r'(?:inn|guest): (.*)', log.partition('\n')[2])
    # The last two run side by side.
    assert said[0] == 'a guest leaves'
    assert sorted(said[1:]) == ['closes', 'was given 4711']
    shell.check('rmmod guest')


def test_a_driver_that_is_named_has_to_be_there_and_stays(shell):
    output, status = shell.run('insmod /needy.ko')
    assert status != 0 and 'hello' in output, output
    shell.check('insmod hello; insmod /needy.ko')
    output, status = shell.run('rmmod hello')
    assert status != 0 and 'busy' in output
    assert re.search(r'^hello .*used by needy', shell.check('lsmod'), re.M)
    shell.check('rmmod needy; rmmod hello')
    # modprobe reads it off the file.
    shell.check('cp /needy.ko /lib/modules/$(uname -r)/; '
                'echo needy.ko: >>/lib/modules/$(uname -r)/modules.dep')
    shell.check('modprobe needy')
    assert 'hello' in shell.check('lsmod')
    shell.check('rmmod needy; rmmod hello; rm /lib/modules/$(uname -r)/needy.ko')


@pytest.mark.parametrize('result, error', [
    (1, 'Invalid argument'), (0x7fffffffffffffff, 'Invalid argument'),
    (-4096, 'Invalid argument'), (-0x8000000000000000, 'Invalid argument'),
    (0xfffffffb, 'Invalid argument'),       # an int that was returned as one
    (-4095, '4095'), (-28, 'No space left')])
def test_results_of_init(shell, result, error):
    if result == 0xfffffffb:
        result = 4294967291
    output, status = shell.run(f'insmod /odd.ko result={result}')
    assert status != 0 and error in output, output


def test_results_of_methods_and_exit(shell):
    shell.check('dmesg -c >/dev/null; insmod /odd.ko left=5')
    for _ in range(2):
        output, status = shell.run('dd if=/dev/odd bs=10 count=1')
        assert status != 0 and 'Invalid argument' in output
    shell.check('rmmod odd')
    log = shell.check('dmesg -c')
    assert 'odd: a driver function returned 1000000' in log
    assert 'odd: exit returned 5' in log
    shell.check('insmod /odd.ko reads=-5000')
    output, status = shell.run('dd if=/dev/odd bs=10 count=1')
    assert status != 0 and 'Invalid argument' in output
    shell.check('rmmod odd; insmod /odd.ko reads=-5')
    output, status = shell.run('dd if=/dev/odd bs=10 count=1')
    assert status != 0 and 'Input/output error' in output
    shell.check('rmmod odd')


LEFT = {'cli': 'interrupts disabled', 'std': 'the direction flag set',
        'ac': 'access to user memory enabled', 'nt': 'system flags set'}


@pytest.mark.parametrize('kind', LEFT)
def test_flags_left_behind_are_put_right_and_named(shell, kind):
    def told(command, times=1):
        log = shell.check(f'dmesg -c >/dev/null; {command}; dmesg')
        found = re.findall(r'banos: careless: a driver function returned with (.*): '
                           'corrected', log)
        assert found == [LEFT[kind]] * times, log

    insert = f'insmod /careless.ko kind={kind}'
    told(f'{insert} where=init; rmmod careless')
    told(f'{insert} where=exit; rmmod careless')
    for where in ('open', 'read'):
        told(f'{insert} where={where}; cat /dev/careless; rmmod careless')
    for where in ('work', 'timer', 'thread'):
        told(f'{insert} where={where}; sleep 0.1; rmmod careless')
    told(f'insmod /careless.ko; insmod /heedless.ko what={ord(kind[0])}; '
         'rmmod heedless; rmmod careless', 2)


@pytest.mark.long
def test_a_thread_that_does_not_stop_leaves_its_driver_going(shell):
    number = shell.check('insmod /stubborn.ko').strip()
    output, status = shell.run('rmmod stubborn', 40)
    assert status != 0 and 'busy' in output
    assert re.search(r'^stubborn .* going', shell.check('lsmod'), re.M)
    about = shell.check(f'cat /proc/banos/{number}')
    assert 'Unloading' in about and 'thread' in about
    assert 'stubborn' in shell.check('cat /proc/modules')
    output, status = shell.run('insmod --dry-run /stubborn.ko')
    assert status == 0
    shell.check('sleep 5; busybox rmmod stubborn', 40)
    # The second removal went on where the first one had come to.
    log = shell.check('dmesg')
    assert log.count('stubborn: exit') == 1
    assert 'banos: stubborn: its thread "stubborn-15-let" does not end' in log

# SPDX-License-Identifier: MIT
"""Which of several drivers gets a device: by the most literal pattern, then by age."""
import os
import re

import pytest

from archive import file
from driver_source import SOURCE, compiled

pytestmark = pytest.mark.banos
MACHINE = {'append': 'quiet', 'cpus': 2}

# Serves what its patterns say, and tells it; refuses the device if told so.
TAKER = '''
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
static uint8_t refuse;
BANOS_PARAM_BOOL(refuse, "serve nothing in the end");
static int64_t taker_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	if (refuse)
		return -ENODEV;
	banos_print(device, "taken as %u", (uint32_t)data);
	return 0;
}
static int64_t taker_remove(void *context, banos_owner device, void *state)
{
	banos_print(device, "given back");
	return 0;
}
static const struct banos_prober_ops ops = { .size = sizeof(ops), .probe = taker_probe,
					     .remove = taker_remove };
static int64_t taker_init(banos_owner self)
{
	static const struct banos_prober_config config = { .size = sizeof(config), .ops = &ops,
							   .bus = "rack" };
	return banos_prober_register(self, &config, NULL);
}
BANOS_DRIVER(NAME, "1.0", "MIT", "Takes devices", taker_init, NULL);
'''

DRIVERS = {
    'any': ['rack:*'],
    'books': ['rack:*', 'rack:book-*', 'rack:map-*'],
    'novels': ['rack:book-n*', 'rack:?ook-novel'],
    'copies': ['rack:book-n*'],
    'twins': ['rack:book-n*'],
}
# Each has one pattern that can match nothing, and one that can.
USELESS = {
    'digits': ('wide', ['wide:n000BEEF', 'wide:n0000BEE?']),
    'small': ('wide', ['wide:n0000beef', 'wide:n*']),
    'elsewhere': ('rack', ['rack:*', 'usb:x*']),
}


def taker(name, patterns, bus='rack'):
    serves = ''.join(f'BANOS_SERVES_DATA("{pattern}", {number});\n'
                     for number, pattern in enumerate(patterns, 1))
    return compiled(TAKER.replace('NAME', name).replace('"rack"', f'"{bus}"') + serves)


def liar():
    """Its probe() returns what is neither 0 nor an error."""
    code = TAKER.replace('NAME', 'liar').replace('return 0;', 'return 1;', 1)
    return compiled(code + 'BANOS_SERVES_DATA("rack:book-novel", 9);')


def rack(name='rack', alias='book-novel'):
    """The sample bus, under a name for which hotplug finds no driver."""
    with open(os.path.join(SOURCE, 'drivers/samples/shelf.c'), encoding='utf-8') as f:
        return compiled(f.read().replace('shelf', name).replace('book-novel', alias))


def FILES():
    return {f'{name}.ko': file('', taker(name, patterns))
            for name, patterns in DRIVERS.items()} | {
        f'{name}.ko': file('', taker(name, patterns, bus))
        for name, (bus, patterns) in USELESS.items()} | {
        'liar.ko': file('', liar()), 'rack.ko': file('', rack()), 'wide.ko': file('', rack('wide', 'n0000BEEF'))}


@pytest.fixture(autouse=True)
def nothing_left(shell):
    before = shell.check('lsmod')
    shell.check('dmesg -c >/dev/null')
    yield
    assert shell.check('lsmod') == before


def test_probe_receives_the_data_of_its_pattern(shell):
    shell.check('insmod /books.ko; insmod /rack.ko books=1')
    assert 'book0: taken as 2' in shell.check('dmesg -c')
    shell.check('rmmod rack; rmmod books; insmod /any.ko; insmod /rack.ko books=1')
    assert 'book0: taken as 1' in shell.check('dmesg -c')
    shell.check('rmmod rack; rmmod any')


@pytest.mark.parametrize('name, words', [
    ('digits', r'digits: its pattern "wide:n000BEEF" cannot match any device on the bus wide: '
               r'an alias there is "wide:n0000BEEF"'),
    ('small', r'small: its pattern "wide:n0000beef" cannot match'),
    ('elsewhere', r'elsewhere: its pattern "usb:x\*" has no effect: init\(\) registered no '
                  r'prober for the bus usb')])
def test_a_pattern_that_can_match_nothing_is_told(shell, name, words):
    shell.check(f'insmod /wide.ko; insmod /{name}.ko')
    log = shell.check('dmesg -c')
    assert re.search(words, log), log
    assert len(re.findall('its pattern', log)) == 1, log
    shell.check(f'rmmod {name}; rmmod wide')


def told(shell):
    """Who took or gave back book0, in order, since the last call."""
    lines = [line.split('] ', 1)[1].split() for line in shell.lines('dmesg -c')]
    return [f'{words[0].rstrip(":")} {words[2]}' for words in lines
            if len(words) > 2 and words[1].startswith('book0') and words[2] in ('taken', 'given')]


@pytest.mark.parametrize('order', ['any books novels', 'novels books any', 'books novels any'])
def test_the_most_literal_pattern_wins(shell, order):
    for name in order.split():
        shell.check(f'insmod /{name}.ko')
    shell.check('insmod /rack.ko books=1')
    assert told(shell) == ['novels taken']
    # A device that becomes free is offered to the others, before rmmod ends.
    shell.check('rmmod novels')
    assert told(shell) == ['novels given', 'books taken']
    shell.check('rmmod books')
    assert told(shell) == ['books given', 'any taken']
    # It keeps the driver that it has.
    shell.check('insmod /novels.ko')
    assert told(shell) == []
    shell.check('rmmod any')
    assert told(shell) == ['any given', 'novels taken']
    shell.check('rmmod novels; rmmod rack')


def test_among_equals_the_first_wins(shell):
    shell.check('insmod /copies.ko; insmod --allow-duplicate /copies.ko refuse=1; '
                'insmod /rack.ko books=1')
    assert told(shell) == ['copies taken']
    shell.check('rmmod rack; rmmod copies; rmmod copies')
    told(shell)
    for first, second in ('copies', 'twins'), ('twins', 'copies'):
        shell.check(f'insmod /{first}.ko; insmod /{second}.ko; insmod /rack.ko books=1')
        assert told(shell) == [f'{first} taken']
        shell.check(f'rmmod rack; rmmod {first}; rmmod {second}')
        told(shell)
    # "?" counts as no character, and still leaves more of them than "*" here.
    shell.check('insmod /copies.ko; insmod /novels.ko; insmod /rack.ko books=1')
    assert told(shell) == ['novels taken']
    shell.check('rmmod rack; rmmod copies; rmmod novels')


def test_one_that_refuses_leaves_it_to_the_next(shell):
    shell.check('insmod /any.ko; insmod /novels.ko refuse=1; insmod /rack.ko books=1')
    assert told(shell) == ['any taken']
    shell.check('rmmod rack; rmmod any; rmmod novels')


def test_a_probe_that_returns_neither_zero_nor_an_error_has_failed(shell):
    shell.check('insmod /any.ko; insmod /liar.ko; insmod /rack.ko books=1')
    assert told(shell) == ['liar taken', 'any taken']
    shell.check('rmmod rack; rmmod any; rmmod liar')

# SPDX-License-Identifier: MIT
"""Every function of the driver API with every kind of wrong argument: the error that the headers
state, and one sentence in the log that names driver, function and argument. See walk.py."""
import errno
import re
import subprocess

import pytest

import machine as machines
import walk
from archive import file
from conftest import debug_program, repeats
from driver_source import compiled

pytestmark = pytest.mark.banos
PLACES = ['probe', 'open', 'read', 'poll', 'map']
AT_ONCE = 16  # the kernel says 20 sentences of a driver in 5 seconds
DONE = re.compile(r'walker: #(\d+) (-?\d+)$')


def test_each_function_and_argument_is_walked():
    assert not walk.missing()
    names = {case.name for case in walk.cases()}
    assert names == set(walk.declared()) - walk.NOTHING_WRONG


def symbol(kernel, name):
    out = subprocess.run(['nm', kernel], check=True, capture_output=True, text=True)
    return '0x' + re.search(rf'^(\w+) \w {name}$', out.stdout, re.M)[1]


@pytest.fixture(scope='module')
def found():
    return walk.cases()


@pytest.fixture(scope='module')
def files(found):
    return {'walker.ko': file('', compiled(walk.driver(found))),
            'lib/firmware/walk.bin': file('', bytes(64)),
            'lib/firmware/folder/file': file('', b'x'), 'bin/clutch': debug_program('clutch')}


def results(log):
    """{number: (result, lines that the kernel logged before it)}"""
    done, lines = {}, []
    for line in log.splitlines():
        line = re.sub(r'^\[ *[\d.]+\] ', '', line)
        match = DONE.search(line)
        if match:
            done[int(match[1])] = (int(match[2]), lines)
            lines = []
        elif 'walker' in line and 'its pattern' not in line:
            lines.append(line)
    return done, lines


def complaint(case, result, lines):
    """What is wrong with what a case led to, or None"""
    expected = 0 if case.error == 'NULL' else -getattr(errno, case.error)
    if result != expected:
        return f'{result} instead of {expected}: {lines}'
    if case.is_silent:
        return f'said {lines}' if lines else None
    if len(lines) != 1 or not lines[0].startswith(f'banos: walker: {case.name}(): '):
        return f'said {lines}'
    word = case.argument or 'spin lock'
    if not re.search(rf'\b{word}\b', lines[0].split('(): ', 1)[1]):
        return f'does not name {word}: {lines}'
    return None


@pytest.mark.parametrize('kind', [*repeats('release'), 'debug'])
def test_each_mistake_is_said_in_one_sentence(start, files, found, kind):
    kernel = machines.KERNEL if kind == 'release' else machines.DEBUG_KERNEL
    m = start(kernel=kernel, cpus=2, files=files, append='quiet').boot()
    m.check('insmod /walker.ko name=victim')
    others = re.search(r'handles (\S+)', m.check('dmesg -c'))[1]
    m.check(f"echo 'insmod --allow-duplicate /walker.ko kernel_text={symbol(kernel, 'driver_run_init')} "
            f"kernel_data={symbol(kernel, 'drivers')} others={others} count={AT_ONCE} $* >/dev/null "
            "&& { test $place = 0 || clutch deep /dev/walker; } >/dev/null; "
            "dmesg -c >>/tmp/log; rmmod walker; dmesg -c >>/tmp/end' >/tmp/one")
    for number, place in enumerate(PLACES):
        mine = [i for i, case in enumerate(found) if case.place == place]
        starts, following = [], -1
        for i in mine:
            if i >= following:
                starts.append(i)
                following = i + AT_ONCE
        m.check(f'place={number}; for i in {" ".join(map(str, starts))}; do '
                f'. /tmp/one first=$i place={number}; done', 120)
    done, rest = results(m.check('cat /tmp/log', 60))
    wrong = [f'{found[i]}: {complaint(found[i], *done[i])}' for i in done
             if complaint(found[i], *done[i])]
    wrong += [f'{found[i]}: did not run' for i in range(len(found)) if i not in done]
    end = m.check('cat /tmp/end')
    assert not wrong, f'{len(wrong)} of {len(found)}\n' + '\n'.join(wrong)
    assert not rest and 'leaked' not in end, end
    m.check('rmmod walker; test -z "$(lsmod | grep walker)"')
    assert 'leaked' not in m.check('dmesg')

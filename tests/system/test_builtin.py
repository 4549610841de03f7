# SPDX-License-Identifier: MIT
"""Drivers that are linked into the kernel are drivers like others."""
import re

import pytest

from archive import file
from builds import REFUSED, SAMPLES, TRIALS, samples_builtin, samples_builtin_kernel

pytestmark = pytest.mark.banos

PARAMETERS = {'hello': 'who=builder', 'params': 'count=2 name="two words" loud',
              'sum': 'a=-5 b=0x10', 'ticker': 'interval_ms=1 count=2'}


def said(m):
    """What the samples said, by driver: they may run at the same time."""
    lines = {x: [] for x in (*SAMPLES, *TRIALS)}
    for line in m.lines('dmesg'):
        match = re.match(r'\[ *[\d.]+\] (\w+): (.*)', line)
        if match and match[1] in lines:
            lines[match[1]].append(match[2])
    return lines


def accounts(m):
    """What the kernel has of each driver, by name, but for where it lies: the
    calls into it, what it owns, uses and exports."""
    found = {}
    for text in re.split(r'(?m)^(?=name:)', m.check('cat /proc/banos/[0-9]*')):
        if text:
            name = re.match(r'name:\s+(\w+)', text)[1]
            found[name] = re.sub(r'(?m)^(built|code|memory):.*\n', '', text)
    return {x: found[x] for x in SAMPLES + list(TRIALS) if x in found}


def settled_accounts(m):
    """Timers and work of the samples come to an end."""
    last = None
    while (now := accounts(m)) != last:
        last = now
        m.check('sleep 0.3')
    # This one counts until it is removed.
    return {x: re.sub(r'(?m)^calls:.*', '', t) if x == 'counter' else t
            for x, t in now.items()}


def test_as_y_and_as_m_they_do_the_same(start):
    on_line = ' '.join(
        f'{driver}.{word}' for driver, words in PARAMETERS.items()
        for word in re.findall(r'\w+=".*?"|\S+', words))
    # A quoted value has blanks: the whole word is quoted for the kernel.
    on_line = re.sub(r'(\S+)="(.*?)"', r'"\1=\2"', on_line)
    y = start(append=on_line + ' order.fail', **samples_builtin_kernel()).boot()
    loaded = y.check('lsmod')
    for name in (*SAMPLES, 'twin_a', 'twin_b'):
        assert re.search(rf'^{name} .* live, built in', loaded, re.M), loaded
        assert y.run(f'rmmod {name}')[1] != 0
    assert not re.search(r'^order ', loaded, re.M)
    # Linux's list has what can be removed.
    assert not {*SAMPLES, *TRIALS} & set(re.findall(r'^\w+', y.check('cat /proc/modules'), re.M))
    said_otherwise = r'calls adder_add as "ii", but .*"qq"'
    assert re.search(said_otherwise, y.check('dmesg')), y.check('dmesg')
    assert not re.search('^disputed ', loaded, re.M)
    number = re.search(r'^adder +\d+ +(\d+) +(\d+)', loaded, re.M)
    assert number[1] == '2', loaded             # sum, maybe; finder gave it up
    about = y.check(f'cat /proc/banos/{number[2]}')
    assert 'into the kernel' in about and 'used by:\tsum' in about
    accounts_y, as_y = settled_accounts(y), said(y)
    y.check('echo hello >/dev/scratch')
    assert y.check('head -c 6 /dev/scratch') == 'hello\n'

    files = {}
    for name in ('shapes', *TRIALS, *REFUSED):
        with open(f'{samples_builtin()}/m/drivers/samples/{name}.ko', 'rb') as f:
            files[f'{name}.ko'] = file('', f.read())
    m = start(files=files).boot()
    for name in (*SAMPLES, *TRIALS):
        path = f'/{name}.ko' if f'{name}.ko' in files else name
        output, status = m.run(f'insmod {path} {PARAMETERS.get(name, "")}'
                               f'{"fail" if name == "order" else ""}')
        assert (status != 0) == (name == 'order'), output
    output, status = m.run('insmod /disputed.ko')
    assert status and re.search(said_otherwise, output), output
    accounts_m, as_m = settled_accounts(m), said(m)
    assert as_y == as_m
    assert accounts_y == accounts_m
    assert len(accounts_y) == len(SAMPLES) + len(TRIALS) - 1
    assert re.search(r'calls:\t\t[1-9]', accounts_y['ticker'])
    assert as_y['hello'] == ['Hello, builder!']
    assert as_y['sum'] == ['-5 + 16 = 11']
    assert as_y['maybe'][0] == 'with adder: 42'
    assert as_y['finder'] == ['adder_add: 42']
    assert as_y['shapes'][0] == 'areas 9 and 25'
    assert (as_y['twin_a'], as_y['twin_b']) == (['20'], ['40'])
    # Constructors by number; after the failed init() the destructors, not exit().
    assert [x.split()[-1] for x in as_y['order']] == \
        ['abcdef', 'F', 'FE', 'FEB', 'FEBA']


def test_devices_come_and_go_with_their_drivers(start):
    m = start(**samples_builtin_kernel()).boot()
    assert m.run('cat /dev/zero')[1] != 0
    m.check('modprobe zero')
    assert m.check('head -c 3 /dev/zero | od -An -tx1').split() == ['00'] * 3
    # In use: not removed before it is let go.
    m.check('exec 5</dev/zero')
    output, status = m.run('rmmod zero')
    assert status != 0 and 'busy' in output
    m.check('exec 5<&-; rmmod zero')
    assert m.run('cat /dev/zero')[1] != 0
    # What was written to it before it was there is no obstacle.
    m.check('echo lost >/dev/full; test -f /dev/full; modprobe full')
    assert m.check('lsmod | grep -c "^null "') == '1\n'   # scripts need it
    output, status = m.run('echo x >/dev/full')
    assert 'No space left' in output
    m.check('echo x >/dev/null; rmmod null; rmmod full')
    m.sendline('poweroff')
    assert m.wait_end() == 0

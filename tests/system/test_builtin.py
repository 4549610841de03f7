# SPDX-License-Identifier: MIT
"""Drivers that are linked into the kernel are drivers like others."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file

pytestmark = pytest.mark.banos
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')

# In the order of drivers/samples/Makefile, which is the order they start in.
SAMPLES = ('hello params ticker errand counter scratch bell adder sum maybe '
           'finder shapes').split()
PARAMETERS = {'hello': 'who=builder', 'params': 'count=2 name="two words" loud',
              'sum': 'a=-5 b=0x10', 'ticker': 'interval_ms=1 count=2'}


def build(out, answer, goal):
    """A build in which all samples are y, or m."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    os.makedirs(out, exist_ok=True)
    with open(f'{out}/.config', 'w', encoding='utf-8') as f:
        f.writelines(f'CONFIG_SAMPLE_{x.upper()}={answer}\n' for x in SAMPLES)
    for target in ('olddefconfig', goal):
        done = subprocess.run(
            ['make', f'-j{os.cpu_count()}', f'O={os.path.abspath(out)}', target],
            cwd=SOURCE, env=env, timeout=400, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout[-4000:]


@pytest.fixture(scope='module')
def builtin():
    out = os.path.join(machines.BUILD, 'tests', 'builtin')
    build(out, 'y', 'all')
    build(f'{out}/m', 'm', 'modules')
    return out


def said(m):
    """What the samples said, by driver: they may run at the same time."""
    lines = {x: [] for x in SAMPLES}
    for line in m.lines('dmesg'):
        match = re.match(r'\[ *[\d.]+\] (\w+): (.*)', line)
        if match and match[1] in lines:
            lines[match[1]].append(match[2])
    return lines


def test_as_y_and_as_m_they_do_the_same(start, builtin):
    on_line = ' '.join(
        f'{driver}.{word}' for driver, words in PARAMETERS.items()
        for word in re.findall(r'\w+=".*?"|\S+', words))
    with open(f'{builtin}/initramfs.cpio', 'rb') as f:
        initrd = f.read()
    # A quoted value has blanks: the whole word is quoted for the kernel.
    on_line = re.sub(r'(\S+)="(.*?)"', r'"\1=\2"', on_line)
    y = start(kernel=f'{builtin}/banos.elf', initrd=initrd,
              append=on_line).boot()
    loaded = y.check('lsmod')
    for name in SAMPLES:
        assert re.search(rf'^{name} .* live, built in', loaded, re.M), loaded
        assert y.run(f'rmmod {name}')[1] != 0
    assert not y.check('cat /proc/modules')
    number = re.search(r'^adder +\d+ +(\d+) +(\d+)', loaded, re.M)
    assert number[1] == '2', loaded             # sum, maybe; finder gave it up
    about = y.check(f'cat /proc/banos/{number[2]}')
    assert 'into the kernel' in about and 'used by:\tsum' in about
    y.check('echo hello >/dev/scratch')
    assert y.check('head -c 6 /dev/scratch') == 'hello\n'
    as_y = said(y)

    with open(f'{builtin}/m/drivers/samples/shapes.ko', 'rb') as f:
        m = start(files={'shapes.ko': file('', f.read())}).boot()
    for name in SAMPLES:
        path = '/shapes.ko' if name == 'shapes' else name
        m.check(f'insmod {path} {PARAMETERS.get(name, "")}')
    m.check('sleep 0.2')
    as_m = said(m)
    assert as_y == as_m
    assert as_y['hello'] == ['Hello, builder!']
    assert as_y['sum'] == ['-5 + 16 = 11']
    assert as_y['maybe'][0] == 'with adder: 42'
    assert as_y['finder'] == ['adder_add: 42']
    assert as_y['shapes'][0] == 'areas 9 and 25'

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


# Beside the samples: drivers that are made for this test. Two are one source,
# with the same names for everything, static or not.
TWIN = '''
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/print.h>
int64_t value, helper(int64_t a);
static int64_t kept;
__attribute__((constructor)) static void begin(void) {{ kept = value = {value}; }}
__attribute__((noinline)) int64_t helper(int64_t a) {{ return a + value; }}
int64_t {name}_value(void);
int64_t {name}_value(void) {{ return helper(kept); }}
BANOS_EXPORT({name}_value);
static int64_t init(banos_owner self)
{{
	banos_print(self, "%lld", (long long){name}_value());
	return 0;
}}
BANOS_DRIVER({name}, "1.0", "MIT", "Has a twin", init, NULL);
'''
TRIALS = ('order', 'twin_a', 'twin_b')


def sources():
    """Path and content of each file of the tree, the trials included."""
    files = {}
    for folder, folders, names in os.walk(SOURCE):
        folders[:] = [x for x in folders if not x.startswith(('.', '_', 'build'))
                      and os.path.realpath(os.path.join(folder, x)) !=
                      os.path.realpath(machines.BUILD)]
        for path in (os.path.join(folder, x) for x in names):
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, 'rb') as f:
                    files[os.path.relpath(path, SOURCE)] = \
                        (f.read(), os.stat(path).st_mode & 0o777)
    folder = 'drivers/samples'
    more = {f'{folder}/order.c': files['tests/drivers/src/order.c'][0]}
    for name, value in (('twin_a', 10), ('twin_b', 20)):
        more[f'{folder}/{name}.c'] = TWIN.format(name=name, value=value).encode()
    for name in ('Kconfig', 'Makefile'):
        more[f'{folder}/{name}'] = files[f'{folder}/{name}'][0]
    for x in TRIALS:
        more[f'{folder}/Makefile'] += \
            f'obj-$(CONFIG_SAMPLE_{x.upper()}) += {x}.o\n'.encode()
        more[f'{folder}/Kconfig'] += \
            f'config SAMPLE_{x.upper()}\n\ttristate "{x}"\n\n'.encode()
    files.update({name: (data, 0o644) for name, data in more.items()})
    return files


def copy_tree(target):
    """A copy of the tree; what has not changed keeps its time."""
    for name, (data, mode) in sources().items():
        path = os.path.join(target, name)
        if os.path.exists(path):
            with open(path, 'rb') as f:
                if f.read() == data:
                    continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(data)
        os.chmod(path, mode)


def build(source, out, answer, goal):
    """A build in which all samples are y, or m."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    os.makedirs(out, exist_ok=True)
    with open(f'{out}/.config', 'w', encoding='utf-8') as f:
        f.writelines(f'CONFIG_SAMPLE_{x.upper()}={answer}\n'
                     for x in (*SAMPLES, *TRIALS))
    for target in ('olddefconfig', goal):
        done = subprocess.run(
            ['make', f'-j{os.cpu_count()}', f'O={os.path.abspath(out)}', target],
            cwd=source, env=env, timeout=400, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout[-4000:]


@pytest.fixture(scope='module')
def builtin():
    out = os.path.join(machines.BUILD, 'tests', 'builtin')
    source = f'{out}/source'
    copy_tree(source)
    build(source, f'{out}/y', 'y', 'all')
    build(source, f'{out}/m', 'm', 'modules')
    return out


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


def test_as_y_and_as_m_they_do_the_same(start, builtin):
    on_line = ' '.join(
        f'{driver}.{word}' for driver, words in PARAMETERS.items()
        for word in re.findall(r'\w+=".*?"|\S+', words))
    with open(f'{builtin}/y/initramfs.cpio', 'rb') as f:
        initrd = f.read()
    # A quoted value has blanks: the whole word is quoted for the kernel.
    on_line = re.sub(r'(\S+)="(.*?)"', r'"\1=\2"', on_line)
    y = start(kernel=f'{builtin}/y/banos.elf', initrd=initrd,
              append=on_line + ' order.fail').boot()
    loaded = y.check('lsmod')
    for name in (*SAMPLES, 'twin_a', 'twin_b'):
        assert re.search(rf'^{name} .* live, built in', loaded, re.M), loaded
        assert y.run(f'rmmod {name}')[1] != 0
    assert not re.search(r'^order ', loaded, re.M)
    assert not y.check('cat /proc/modules')
    number = re.search(r'^adder +\d+ +(\d+) +(\d+)', loaded, re.M)
    assert number[1] == '2', loaded             # sum, maybe; finder gave it up
    about = y.check(f'cat /proc/banos/{number[2]}')
    assert 'into the kernel' in about and 'used by:\tsum' in about
    accounts_y, as_y = settled_accounts(y), said(y)
    y.check('echo hello >/dev/scratch')
    assert y.check('head -c 6 /dev/scratch') == 'hello\n'

    files = {}
    for name in ('shapes', *TRIALS):
        with open(f'{builtin}/m/drivers/samples/{name}.ko', 'rb') as f:
            files[f'{name}.ko'] = file('', f.read())
    m = start(files=files).boot()
    for name in (*SAMPLES, *TRIALS):
        path = f'/{name}.ko' if f'{name}.ko' in files else name
        output, status = m.run(f'insmod {path} {PARAMETERS.get(name, "")}'
                               f'{"fail" if name == "order" else ""}')
        assert (status != 0) == (name == 'order'), output
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

# SPDX-License-Identifier: MIT
"""
The kernel with the wall. What a driver may not do is found out there; matrix.py runs all honest ones on
it. And calls of drivers are abandoned, one after the other: what is left works as before.
"""
import os
import re
import subprocess
import sys

import drivers
import matrix
import pytest
import run
from test_conformance import drive  # noqa: F401

SOURCE = drivers.SOURCE
BUILD = os.path.abspath(os.environ.get('BANOS_BUILD') or os.path.join(SOURCE, 'build'))
WALL = os.path.join(BUILD, 'abi', 'wall')
pytestmark = pytest.mark.long


@pytest.fixture(scope='session')
def wall():
    """Folder with that kernel."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    done = subprocess.run(['make', f'-j{os.cpu_count()}', f'O={WALL}', 'wall_defconfig', 'kernel'],
                          cwd=SOURCE, env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    return WALL


# ---- what is not allowed ----

def run_cheat(tmp_path, kernel, drive, number):
    path = tmp_path / 'cheat.ko'
    subprocess.run(['gcc', *drivers.FLAGS, '-DBANOS_CFLAGS=1', f'-DCHEAT={number}',
                    f'-I{SOURCE}/include', '-c', f'{drivers.HERE}/cheat.c', '-o', path], check=True)
    return run.run(f'{kernel}/banos.elf', drive, [('cheat.ko', path.read_bytes())], rounds=1)[1]


@pytest.mark.parametrize('number, words', [
    (1, 'read [0-9a-f]+, not its own: the kernel\'s .*, behind the wall in cheat.cheat_init'),
    (2, 'wrote [0-9a-f]+, not its own: below its stack of 8192 bytes, behind the wall in cheat.cheat_init'),
    (3, 'wrote [0-9a-f]+, not its own: what was passed to or by a call that has returned, '
        'behind the wall in cheat.cheat_write'),
    (4, 'read [0-9a-f]+, not its own: .*, behind the wall in cheat.cheat_init'),
], ids=['the kernel\'s memory', 'more stack', 'a pointer that it kept', 'variables of a processor'])
def test_a_cheat_is_found_out(tmp_path, wall, drive, number, words):  # noqa: F811
    output = run_cheat(tmp_path, wall, drive, number)
    assert re.search(rf'banos: cheat: {words}', output), output[-3000:]
    assert re.search('^1\\.\\.', output, re.M), output[-3000:]


def test_what_is_allowed_is_not(tmp_path, wall, drive):  # noqa: F811
    output = run_cheat(tmp_path, wall, drive, 0)
    assert 'behind the wall' not in output and 'cheat: PASS' in output, output[-3000:]


# ---- abandoned calls ----

@pytest.fixture(scope='session')
def abandon(tmp_path_factory):
    """The program that does it."""
    return drivers.build_drive(str(tmp_path_factory.mktemp('abandon') / 'abandon'),
                               f'{drivers.HERE}/abandon.c')


@pytest.fixture(scope='session')
def known(tmp_path_factory, wall):
    """{name: file} of self-testing drivers, and of those of the tree."""
    done = subprocess.run(['make', f'-j{os.cpu_count()}', f'O={WALL}', 'drivers'], cwd=SOURCE,
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    found = drivers.of_tree(wall)
    found.update(drivers.conformance(str(tmp_path_factory.mktemp('conformance')), 'conformance',
                                     'tree'))
    return {name.split('/')[1]: driver for name, driver in found.items()}


def walk(wall, abandon, known, names, name, arguments, cpus=1):
    """Abandon crossings of the driver @p name, while all of @p names are installed."""
    files, _ = drivers.files_of({f'1/{x}': known[x] for x in names.split()})
    files = [(re.sub(r'^\d+-', '', file), data) for file, data in files]
    passed, output = run.run(f'{wall}/banos.elf', abandon, files, cpus, devices=matrix.DEVICES,
                             arguments=f'abandon={name} {arguments}')
    times = re.search(r'^# crossings abandoned: (\d+)', output, re.M)
    assert passed, output[-6000:]
    return int(times[1])


# Each crossing in turn: files, the driver of them, the least number of its crossings.
WHOLE = [
    ('hello', 'hello', 3), ('counter', 'counter', 5), ('adder sum', 'adder', 2),
    ('adder sum', 'sum', 3), ('blob', 'blob', 5), ('shelf book', 'shelf', 5),
    ('shelf book', 'book', 10), ('pulse', 'pulse', 5),
    ('conformance_texts', 'conformance_texts', 20),
    ('conformance_characters', 'conformance_characters', 50),
    ('pci conformance_irq', 'conformance_irq', 20),
    ('conformance_registers', 'conformance_registers', 20),
    ('conformance_firmware', 'conformance_firmware', 10),
    ('conformance_bus', 'conformance_bus', 60),
    ('conformance_bus1 conformance_bus2', 'conformance_bus1', 20),
    ('conformance_bus1 conformance_bus2', 'conformance_bus2', 50),
    ('conformance_exports1 conformance_exports2', 'conformance_exports1', 20),
    ('conformance_exports1 conformance_exports2', 'conformance_exports2', 20),
    ('conformance_callbacks1 conformance_callbacks2', 'conformance_callbacks1', 30),
    ('conformance_callbacks1 conformance_callbacks2', 'conformance_callbacks2', 10),
    ('conformance_memory', 'conformance_memory', 150),
    ('conformance_absent', 'conformance_absent', 2),
    ('conformance_branches', 'conformance_branches', 2),
    ('conformance_thunks', 'conformance_thunks', 2),
    ('conformance_atomic', 'conformance_atomic', 50),
    ('pci virtio virtiorng', 'virtiorng', 20),
    ('pci virtio virtiorng', 'virtio', 50),
]
# Some of very many, or of a driver that waits long where a part of it is gone: files, driver, which ones.
SOME = [
    ('conformance_waits', 'conformance_waits', 'step=67'),
    ('conformance_locks', 'conformance_locks', 'step=83 to=300'),
    ('pci edu', 'edu', 'step=2'),
    ('pci nvme', 'nvme', 'step=11'),
    ('pci virtio virtiorng', 'pci', 'step=29'),
    ('pci xhci usbkbd', 'xhci', 'step=19'),
    ('pci xhci usbkbd', 'usbkbd', 'step=3'),
]


@pytest.mark.parametrize('names, name, least', WHOLE, ids=lambda x: str(x))
def test_each_crossing_is_abandoned(wall, abandon, known, names, name, least):
    assert walk(wall, abandon, known, names, name, '') >= least


@pytest.mark.parametrize('names, name, which', SOME, ids=lambda x: str(x))
def test_some_crossings_are_abandoned(wall, abandon, known, names, name, which):
    assert walk(wall, abandon, known, names, name, which, 2) >= 3

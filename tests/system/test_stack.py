# SPDX-License-Identifier: MIT
"""Drivers that use all the stack that is promised, in every kind of function."""
import os

import pytest

import machine as machines
from archive import file
from conftest import debug_program, repeats
from driver_source import compiled

pytestmark = pytest.mark.banos
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'drivers', 'deep.c')
NAMES = ('deep_a', 'deep_b', 'deep_c', 'deep_d')


@pytest.fixture(scope='module')
def files():
    with open(SOURCE, encoding='utf-8') as f:
        code = f.read()
    return {f'{x}.ko': file('', compiled(code.replace('DEEP', x))) for x in NAMES} | {
        'bin/clutch': debug_program('clutch')}


@pytest.mark.parametrize('kind', [*repeats('release'), 'debug'])
def test_every_function_has_its_stack_also_four_nested(start, files, kind):
    kernel = machines.KERNEL if kind == 'release' else machines.DEBUG_KERNEL
    m = start(kernel=kernel, cpus=2, files=files, append='quiet').boot()
    m.check('insmod /deep_d.ko >/dev/null')
    for name, then in reversed(list(zip(NAMES, NAMES[1:]))):
        m.check(f'insmod /{name}.ko next={then}_call >/dev/null')
    # ioctl() of the first, and the exported functions of the others.
    assert m.check('clutch deep /dev/deep_a') == '4 nested\n'
    for name in NAMES[1:]:
        m.check(f'clutch deep /dev/{name}')
    m.check('sleep 0.2')
    for name in NAMES:
        m.check(f'rmmod {name}')
    log = m.check('dmesg')
    for name in NAMES:
        assert f'{name}: 0 without their stack' in log
    assert 'not called' not in log.replace('deep_a: not called: exported', '')

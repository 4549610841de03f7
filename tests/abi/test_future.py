# SPDX-License-Identifier: MIT
"""The kernel of the future: all public structs have grown. Today's drivers run on it, and the other way."""
import glob
import os
import re
import subprocess
import sys

import builds
import pytest
import run
from test_conformance import BASE, COMPILERS, HERE, SOURCE, compiled_once, drive  # noqa: F401

BUILD = os.path.abspath(os.environ.get('BANOS_BUILD') or os.path.join(SOURCE, 'build'))
FUTURE = os.path.join(BUILD, 'future')
GROWN = f'-I{FUTURE}/include/future'


@pytest.fixture(scope='session')
def future():
    """Folder with that kernel, and with the headers that it is compiled with. Most of the debug kernel does
    not know the structs that have grown."""
    drafts = 'tests/abi/drafts'
    builds.seed(SOURCE, FUTURE, f'{BUILD}/debug', [
        (' -Iinclude ', f' -I{builds.named(FUTURE, SOURCE)}/include/future -Iinclude '),
        ('/include/drafts ', f'/include/drafts -I{drafts}/both -I{drafts}/one ')],
        r'include/(banos/|uapi/banos\.h)')
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    done = subprocess.run(['make', f'-j{os.cpu_count()}', f'O={FUTURE}', 'future_defconfig',
                           'kernel'], cwd=SOURCE, env=env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    return FUTURE


def passes(kernel, drive, files):
    passed, output = run.run(kernel, drive, files, 2, devices=['edu'])
    assert passed, output[-6000:]


def grown(folder, *flags):
    """The driver of a later level."""
    path = folder / 'grown.ko'
    subprocess.run([*COMPILERS['gcc -O2'], '-Wno-unused-parameter',
                    '-Wno-missing-field-initializers', GROWN, *flags, *BASE,
                    f'{HERE}/grown.c', '-o', path], check=True)
    return ('grown.ko', path.read_bytes())


def test_todays_drivers_run_on_it(drive, future, compiled_once):  # noqa: F811
    passes(f'{future}/banos.elf', drive, compiled_once('gcc -O2'))


def test_every_struct_has_grown(future):
    for path in glob.glob(f'{future}/include/future/banos/*.h'):
        with open(path, encoding='utf-8') as f:
            grown_text = f.read()
        with open(f'{SOURCE}/include/banos/{os.path.basename(path)}', encoding='utf-8') as f:
            text = f.read()
        assert grown_text.count('future;') + grown_text.count('(*future)') == \
            len(re.findall(r'^#define \w+_SIZE_\d+ ', text, re.M)), path


def test_its_own_drivers_run_on_it(tmp_path, drive, future):
    passes(f'{future}/banos.elf', drive, [grown(tmp_path, '-DKNOWN=1')])


@pytest.mark.parametrize('kernel', ['banos.elf', 'debug/banos.elf'])
def test_a_driver_of_a_later_level_runs_today(tmp_path, drive, future, kernel):
    passes(f'{BUILD}/{kernel}', drive, [grown(tmp_path)])


def test_a_later_field_that_is_lost_is_seen(tmp_path, drive, future):
    """What the driver expects of a kernel without its fields, asked of one that has them."""
    passed, output = run.run(f'{future}/banos.elf', drive, [grown(tmp_path)], 1)
    assert not passed and 'FAIL' in output, output


@pytest.mark.long
@pytest.mark.parametrize('tests', ['test_samples.py'])
def test_samples_run_on_it(future, tests):
    """Everything is of today but the kernel."""
    folder = os.path.join(future, 'today')
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(BUILD):
        path = os.path.join(folder, name)
        if os.path.islink(path):
            os.unlink(path)
        if name not in ('future', 'debug', 'test-logs', 'banos.elf'):
            os.symlink(os.path.join(BUILD, name), path)
    path = os.path.join(folder, 'banos.elf')
    if os.path.islink(path):
        os.unlink(path)
    os.symlink(os.path.join(future, 'banos.elf'), path)
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
                           f'{SOURCE}/tests/system/{tests}'],
                          env=dict(os.environ, BANOS_BUILD=folder), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.long
def test_the_tests_in_the_kernel_pass_in_it(future):
    """Their drivers are compiled with the headers of today."""
    status = subprocess.run(
        ['qemu-system-x86_64', '-kernel', f'{future}/banos.elf', '-initrd',
         f'{BUILD}/initramfs.cpio', '-append', 'console=ttyS0 ktest=driver.* qemu_exit', '-smp', '2',
         '-m', '256', '-cpu', 'max', '-display', 'none', '-serial', 'stdio', '-monitor', 'none',
         '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240,
        check=False)
    assert 'not ok' not in status.stdout and 'ok 1' in status.stdout, status.stdout[-6000:]

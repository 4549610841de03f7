# SPDX-License-Identifier: MIT
"""The real kernel builds without a warning in every shape, with both compilers."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import SOURCE

COMPILERS = {'gcc': [], 'clang': ['LLVM=1']}


@pytest.mark.long
@pytest.mark.parametrize('compiler', COMPILERS)
@pytest.mark.parametrize('configuration', [
    'defconfig', 'tiny_defconfig', 'debug_defconfig', 'allnoconfig',
    'allyesconfig', 'allmodconfig', 'randconfig'])
def test_configuration_builds(configuration, compiler, tmp_path):
    if compiler == 'clang' and not shutil.which('ld.lld'):
        pytest.skip('no clang and lld')
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    done = subprocess.run(
        ['make', f'-j{os.cpu_count()}', f'O={tmp_path}', *COMPILERS[compiler],
         configuration, 'all'], cwd=SOURCE, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=600)
    assert done.returncode == 0, done.stdout[-8000:]
    assert 'warning' not in done.stdout, done.stdout[-8000:]
    layers = subprocess.run(['scripts/check-layers.py', '--kernel', str(tmp_path)], cwd=SOURCE,
                            stdout=subprocess.PIPE, text=True, check=False)
    assert layers.returncode == 0, layers.stdout


def options_of_calls():
    """Those without which system calls are ENOSYS, and those that come with them."""
    with open(f'{SOURCE}/kernel/process/syscalls.list', encoding='utf-8') as f:
        found = set(re.findall(r'^[0-9].* [a-z/_0-9]+:([A-Z_]+) ', f.read(), re.M))
    return sorted(found | {'PTY', 'FRAME_POINTER'})


@pytest.mark.long
def test_each_option_can_be_left_out(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}

    def make(*goals):
        return subprocess.run(['make', '-s', f'-j{os.cpu_count()}', f'O={tmp_path}', *goals],
                              cwd=SOURCE, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600, check=False)

    assert make('defconfig').returncode == 0
    path = f'{tmp_path}/.config'
    with open(path, encoding='utf-8') as f:
        config = f.read()
    for option in options_of_calls():
        with open(path, 'w', encoding='utf-8') as f:
            f.write(config.replace(f'CONFIG_{option}=y', f'# CONFIG_{option} is not set'))
        done = make('olddefconfig', 'kernel')
        assert done.returncode == 0, f'{option}: {done.stdout[-4000:]}'
        with open(path, encoding='utf-8') as f:
            assert f'# CONFIG_{option} is not set' in f.read()

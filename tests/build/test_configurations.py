# SPDX-License-Identifier: MIT
"""The real kernel builds without a warning in every shape, with both compilers."""
import os
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

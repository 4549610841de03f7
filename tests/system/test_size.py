# SPDX-License-Identifier: MIT
"""The image is not bigger than Documentation/building.md states."""
import os
import re
import subprocess

import pytest

import machine as machines

pytestmark = pytest.mark.banos
SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))


def make(out, *goals):
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    subprocess.run(['make', '-s', f'-j{os.cpu_count()}', f'O={out}', *goals], cwd=SOURCE, env=env,
                   check=True, timeout=600, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def limit(configuration):
    with open(f'{SOURCE}/Documentation/building.md', encoding='utf-8') as f:
        found = re.search(rf'^\| `{configuration}` \| ([0-9,]+) \|$', f.read(), re.M)
    return int(found[1].replace(',', ''))


def stripped_size(image, folder):
    path = f'{folder}/stripped.elf'
    subprocess.run(['strip', '-o', path, image], check=True)
    return os.path.getsize(path)


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def test_the_default_image_is_within_its_limit(tmp_path):
    make(tmp_path, 'defconfig')
    if read(f'{tmp_path}/.config') != read(f'{machines.BUILD}/.config'):
        pytest.skip('the build under test has another configuration')
    assert stripped_size(f'{machines.BUILD}/banos.elf', tmp_path) <= limit('defconfig')


def test_the_tiny_image_is_within_its_limit(tmp_path):
    make(tmp_path, 'tiny_defconfig', 'kernel')
    assert stripped_size(f'{tmp_path}/banos.elf', tmp_path) <= limit('tiny_defconfig')

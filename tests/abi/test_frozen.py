# SPDX-License-Identifier: MIT
"""What is kept of a level stays as it is: every byte has its hash, and a frozen level is not made again."""
import os
import re
import shutil
import subprocess
import sys

import drivers
import pytest

SOURCE = drivers.SOURCE
LEVELS = drivers.levels()
sys.path.insert(0, f'{SOURCE}/scripts')
import abi_levels  # noqa: E402

DRIVER = '1/conformance_memory.ko'
MAKERS = {'level': ['freeze-level.py', '1'], 'lists': ['freeze-level.py', '--lists', '1'],
          'kernels': ['freeze-kernels.py', '1'], 'drivers': ['abi-archive.py', 'abi/1/drivers'],
          'one driver': ['abi-archive.py', '--only', '1/conformance_memory', 'abi/1/drivers']}


@pytest.mark.parametrize('level', LEVELS)
def test_every_file_is_as_it_was(level):
    assert not abi_levels.changes(level), 'is the level not frozen? Then call scripts/freeze-level.py.'


@pytest.fixture
def tree(tmp_path):
    """A copy of level 1 and of what makes it."""
    shutil.copytree(f'{SOURCE}/abi/1', tmp_path / 'abi/1')
    shutil.copytree(f'{SOURCE}/scripts', tmp_path / 'scripts')
    (tmp_path / 'Documentation').mkdir()
    shutil.copy(f'{SOURCE}/Documentation/releases.md', tmp_path / 'Documentation')
    for name in ('include', 'tests'):
        os.symlink(f'{SOURCE}/{name}', tmp_path / name)
    return tmp_path


def change(path):
    """One bit."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


FORGERIES = {
    'a driver': lambda folder: change(folder / 'drivers' / DRIVER),
    'the list of drivers': lambda folder: change(folder / 'drivers/LIST'),
    'what the headers promise': lambda folder: change(folder / 'api'),
    'a file more': lambda folder: (folder / 'drivers/1/new.ko').write_bytes(b'x'),
    'a file less': lambda folder: (folder / 'drivers' / DRIVER).unlink(),
    'the hashes themselves': lambda folder: (folder / 'SHA256SUMS').write_text(re.sub(
        r'^.*conformance_memory.*\n', '', (folder / 'SHA256SUMS').read_text(), flags=re.M))}


@pytest.mark.parametrize('what', FORGERIES)
def test_another_byte_is_seen(what, tree):
    before = abi_levels.changes(1, tree)
    FORGERIES[what](tree / 'abi/1')
    assert len(abi_levels.changes(1, tree)) > len(before)


def test_new_hashes_do_not_hide_a_change(tree):
    """SHA256SUMS may be written again; its own hash stands elsewhere."""
    folder = tree / 'abi/1'
    change(folder / 'drivers' / DRIVER)
    (folder / 'SHA256SUMS').write_text(''.join(
        f'{value}  {path}\n' for path, value in abi_levels.digests(folder).items()))
    assert abi_levels.changes(1, tree) == [
        'abi/1/SHA256SUMS has another hash than in Documentation/releases.md']


def state(folder):
    return {path: value for path, value in abi_levels.digests(folder).items() if '__pycache__' not in path}


@pytest.mark.parametrize('word', ['frozen', 'Frozen'])
@pytest.mark.parametrize('maker', MAKERS)
def test_a_frozen_level_is_not_made_again(maker, word, tree):
    page = tree / 'Documentation/releases.md'
    page.write_text(re.sub(r'^(\| 1 \| \S+ \| )[^|]*', rf'\g<1>{word} ', page.read_text(), flags=re.M))
    before = state(tree)
    done = subprocess.run([sys.executable, f'scripts/{MAKERS[maker][0]}', *MAKERS[maker][1:]], cwd=tree,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode and 'level 1 is frozen, says Documentation/releases.md' in done.stdout, done.stdout
    assert state(tree) == before


def test_a_level_that_is_not_frozen_is_made_again(tree):
    """Else the test above could pass for another reason."""
    page = tree / 'Documentation/releases.md'
    page.write_text(re.sub(r'^(\| 1 \| \S+ \| )[^|]*', r'\g<1>not frozen ', page.read_text(), flags=re.M))
    change(tree / 'abi/1/drivers' / DRIVER)
    subprocess.run([sys.executable, 'scripts/freeze-level.py', '--lists', '1'], cwd=tree, check=True)
    assert not abi_levels.changes(1, tree)

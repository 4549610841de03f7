# SPDX-License-Identifier: MIT
"""The check on the layout of sources: does it see what it is for?"""
import os
import shutil
import subprocess

import pytest

from conftest import SOURCE

SCRIPT = os.path.join(SOURCE, 'scripts/check-format.py')
GOOD = 'int function(int count)\n{\n\treturn count + 1;\n}\n'
BAD = 'int function(int count) {\n  return count+1;\n}\n'


@pytest.fixture
def tree(tmp_path):
    shutil.copy(os.path.join(SOURCE, '.clang-format'), tmp_path)
    (tmp_path / 'lib').mkdir()
    (tmp_path / 'lib/x.c').write_text(GOOD)
    return tmp_path


def run(tree, *options, path=None):
    env = dict(os.environ, PATH=path) if path else None
    return subprocess.run(['/usr/bin/python3', SCRIPT, *options], cwd=tree, text=True, env=env,
                          stdout=subprocess.PIPE, check=False)


def test_another_layout_is_found_and_repaired(tree):
    assert run(tree).returncode == 0
    (tree / 'lib/y.h').write_text(BAD)
    done = run(tree)
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].startswith('not ok 1') and '# lib/y.h:1' in done.stdout
    run(tree, '--fix')
    assert run(tree).returncode == 0
    assert (tree / 'lib/y.h').read_text() == GOOD


def test_what_stands_between_the_marks_is_left_alone(tree):
    (tree / 'lib/x.c').write_text(f'/* clang-format off */\n{BAD}/* clang-format on */\n')
    assert run(tree).returncode == 0


def test_nothing_to_look_at_and_a_missing_program_are_failures(tree):
    (tree / 'lib/x.c').unlink()
    assert run(tree).returncode == 1
    (tree / 'lib/x.c').write_text(GOOD)
    assert 'not installed' in run(tree, path='/nowhere').stdout


def test_another_version_skips(tree):
    folder = tree / 'bin'
    folder.mkdir()
    (folder / 'clang-format').write_text('#!/bin/sh\necho clang-format version 19.1.0\n')
    (folder / 'clang-format').chmod(0o755)
    (tree / 'lib/x.c').write_text(BAD)
    done = run(tree, path=str(folder) + ':/bin')
    if not shutil.which('clang-format-14', path='/bin'):
        assert done.returncode == 0 and '# skip' in done.stdout

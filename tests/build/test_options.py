# SPDX-License-Identifier: MIT
"""The check on options of the command line: does it see what it is for?"""
import os
import shutil
import subprocess

import pytest

from conftest import SOURCE

FOLDERS = ('arch', 'banos', 'device', 'fs', 'include', 'init', 'ipc', 'kernel', 'lib',
           'mm', 'net', 'tests/kernel', 'Documentation')


def failures(tree):
    done = subprocess.run(['scripts/check-options.py', str(tree)], cwd=SOURCE,
                          text=True, stdout=subprocess.PIPE, check=False)
    wrong = [x for x in done.stdout.splitlines() if not x.startswith('ok ')][1:]
    assert bool(wrong) == bool(done.returncode)
    return '\n'.join(wrong)


@pytest.fixture
def tree(tmp_path):
    for folder in FOLDERS:
        if not os.path.isdir(os.path.join(SOURCE, folder)):
            continue
        shutil.copytree(os.path.join(SOURCE, folder), tmp_path / folder)
    return tmp_path


def append(path, text):
    path.write_text(path.read_text() + text)


def test_readers_without_a_declaration_are_found(tree):
    assert failures(tree) == ''
    append(tree / 'mm/heap.c', 'int f(void)\n{\n'
           '\treturn cmdline_has(cmdline_get(), "noheap");\n}\n')
    assert 'mm/heap.c' in failures(tree)


def test_options_and_the_document_have_the_same_words(tree):
    append(tree / 'mm/heap.c', 'CMDLINE_OPTION(opt_heap, "noheap");\n')
    assert failures(tree).endswith('has all options\n# noheap')
    shutil.copy(os.path.join(SOURCE, 'mm/heap.c'), tree / 'mm/heap.c')
    page = tree / 'Documentation/boot.md'
    page.write_text(page.read_text().replace('`nohpet`', '`nohpet`, `noheap`'))
    assert failures(tree).endswith('has no others\n# noheap')


def test_a_file_that_may_be_left_out_declares_none(tree):
    append(tree / 'kernel/fault_injection.c', 'CMDLINE_OPTION(opt_x, "nohpet");\n')
    assert failures(tree).endswith('# kernel/fault_injection.c: nohpet')

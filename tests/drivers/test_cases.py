# SPDX-License-Identifier: MIT
"""Every case of cases.py, as the kernel's loader sees it on the host, under
sanitizers; tests/system/test_loader.py does the same in the running kernel."""
import os
import re
import shlex

import pytest

from cases import CASES
from conftest import SOURCE, banos_check

# The table of errors in the driver ABI; what only the kernel can meet is tested
# in tests/system/test_loader.py.
ERRORS = {'EFBIG', 'ENOEXEC', 'EINVAL', 'EOPNOTSUPP', 'ENOENT', 'EOVERFLOW'}


@pytest.mark.parametrize('case', CASES, ids=lambda c: c.name)
def test_case(case, files):
    error, said = banos_check(
        files / f'{case.name}.ko', *shlex.split(case.params),
        after=[files / f'{x}.ko' for x in case.after])
    assert error == case.error, said
    if error == 'OK':
        return
    lines = said.splitlines()
    for words in case.words:
        assert words in said
    # One sentence per reason, with the driver in front.
    for line in lines:
        assert re.match(r'(\w+|driver file): ..|\.\.\. and \d+ more', line)
        assert len(line.split()) >= 4
    if case.lines is not None:
        assert len(lines) == case.lines, said


def test_values_with_blanks_are_one_word_as_for_insmod(files):
    path = files / 'parameters_of_all_kinds.ko'
    error, said = banos_check(path, 'text=two words', 'number=1')
    assert error == 'OK', said
    error, said = banos_check(path, 'text=much too many words', 'flag=a b')
    assert error == 'EINVAL' and 'a text of at most 9 bytes' in said
    assert 'not "a b"' in said


def test_a_file_has_a_largest_size(files, tmp_path):
    path = tmp_path / 'large.ko'
    path.write_bytes((files / 'plain.ko').read_bytes())
    with open(path, 'r+b') as f:
        f.truncate(32 << 20)
        assert banos_check(path)[0] == 'OK'
        f.truncate((32 << 20) + 1)
    assert banos_check(path) == (
        'EFBIG', 'driver file: the file has 32768 KiB, more than 32768\n')


def test_every_error_of_the_table_has_a_case():
    assert {c.error for c in CASES} == ERRORS | {'OK'}


def test_every_fault_is_in_the_table():
    """Documentation/loader-tests.md names the cases that hold each fault."""
    with open(os.path.join(SOURCE, 'Documentation', 'loader-tests.md'),
              encoding='utf-8') as f:
        table = f.read()
    for case in CASES:
        if case.fault:
            family = case.name.split('-')[0]
            assert f'`{family}`' in table, (family, case.fault)


def test_a_refused_file_is_never_half_loaded(files):
    """Cut anywhere, the file of a good driver is refused, with a reason."""
    whole = (files / 'parameters_of_all_kinds.ko').read_bytes()
    cut = files / 'cut.ko'
    for n in range(0, len(whole), 37):
        cut.write_bytes(whole[:n])
        error, said = banos_check(cut)
        assert error == 'ENOEXEC' and len(said.split()) > 4, n

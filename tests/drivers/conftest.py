# SPDX-License-Identifier: MIT
"""What all tests of driver files need: banos-check under sanitizers."""
import errno
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..'))
BUILD = os.environ.get('BANOS_BUILD') or os.path.join(SOURCE, 'build')

import checker                                  # noqa: E402

CHECKER = checker.Checker()


@pytest.fixture(scope='module', autouse=True)
def nothing_leaks():
    yield
    CHECKER.close()


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes more than a few seconds')


def error_name(number):
    name = errno.errorcode.get(number, 'OK')
    return {'ENOTSUP': 'EOPNOTSUPP'}.get(name, name)


def banos_check(path, *params, after=(), level=None):
    """Return (name of the error or 'OK', what was said)."""
    words = ['-e'] + (['--level', level] if level else [])
    for other in after:
        words += ['--with', other]
    status, said = CHECKER.run(*words, path, *params)
    number, _, said = said.decode().partition('\n')
    name = error_name(int(number))
    assert status == (name != 'OK')
    return name, said


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    """A folder with the files of all cases."""
    import cases
    folder = tmp_path_factory.mktemp('drivers')
    for name, data in cases.build_all().items():
        (folder / f'{name}.ko').write_bytes(data)
    return folder

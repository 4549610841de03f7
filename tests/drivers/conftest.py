# SPDX-License-Identifier: MIT
"""What all tests of driver files need: banos-check under sanitizers."""
import errno
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..'))
BUILD = os.environ.get('BANOS_BUILD') or os.path.join(SOURCE, 'build')


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes more than a few seconds')


def error_name(number):
    name = errno.errorcode.get(number, 'OK')
    return {'ENOTSUP': 'EOPNOTSUPP'}.get(name, name)


def banos_check(path, *params, after=(), level=None,
                program=f'{BUILD}/tests/banos-check'):
    """Return (name of the error or 'OK', what was said)."""
    command = [program, '-e'] + (['--level', str(level)] if level else [])
    for other in after:
        command += ['--with', str(other)]
    done = subprocess.run(command + [str(path), *params], text=True, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False)
    assert not done.stderr, done.stderr
    number, _, said = done.stdout.partition('\n')
    name = error_name(int(number))
    assert done.returncode == (name != 'OK')
    return name, said


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    """A folder with the files of all cases."""
    import cases
    folder = tmp_path_factory.mktemp('drivers')
    for name, data in cases.build_all().items():
        (folder / f'{name}.ko').write_bytes(data)
    return folder

# SPDX-License-Identifier: MIT
"""Marks the tests that are listed in "slow"."""
import os

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


def listed():
    with open(os.path.join(HERE, 'slow'), encoding='utf-8') as f:
        found = {line.strip() for line in f if line.strip() and line[0] != '#'}
    for name in found:
        file, _, test = name.partition('::')
        with open(os.path.join(HERE, file), encoding='utf-8') as f:
            assert f'def {test.partition("[")[0]}' in f.read(), f'tests/slow: there is no {name}'
    return found


def names(item):
    """Those by which it may be listed: its file, itself, and with its parameters."""
    file = os.path.relpath(item.fspath, HERE)
    test = f'{file}::{item.name.partition("[")[0]}'
    return {file, test, f'{file}::{item.name}'}


def pytest_collection_modifyitems(items):
    slow = listed()
    for item in items:
        if not slow.isdisjoint(names(item)):
            item.add_marker(pytest.mark.slow)

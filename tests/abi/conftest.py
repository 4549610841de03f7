# SPDX-License-Identifier: MIT
"""Where the tests of self-testing drivers find each other."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'system')]


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes more than a few seconds')

# SPDX-License-Identifier: MIT
"""Where the tests of self-testing drivers find each other."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes more than a few seconds')

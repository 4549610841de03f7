# SPDX-License-Identifier: MIT
"""Every function of the driver API is called by two self-testing drivers at least."""
import collections
import glob
import re
import subprocess
import sys

import pytest
from test_conformance import SOURCE, compiled_once  # noqa: F401

TWICE = 2


def headers():
    """Those of released levels. What two drivers use of a draft is not in the conformance kit yet."""
    for path in sorted(glob.glob(f'{SOURCE}/include/banos/*.h')):
        with open(path, encoding='utf-8') as f:
            text = f.read()
        if not re.search(r'^BANOS_DRAFT_HEADER', text, re.M):
            yield path, text


def api():
    """Functions that kernel or drivers provide: a name in a driver's list of imports."""
    done = subprocess.run([sys.executable, f'{SOURCE}/scripts/gen-api.py',
                           *(path for path, _ in headers())], check=True,
                          stdout=subprocess.PIPE, text=True)
    return [line.split()[0] for line in done.stdout.splitlines()]


def inlines():
    """Functions in the headers themselves: names that sources call."""
    names = set()
    for _, text in headers():
        names.update(re.findall(r'^(?:static __inline__ __attribute__\(\(unused\)\) \w+ )?'
                                r'(banos_\w*[a-z0-9])\(.*?\)\s*\{', text, re.M | re.S))
    return sorted(name for name in names if not name.endswith('_'))


def lacking(names, callers):
    return [f'{name}: {callers[name]}' for name in names if callers[name] < TWICE]


def sources():
    return sorted(glob.glob(f'{SOURCE}/tests/conformance/*.c'))


@pytest.fixture(scope='module')
def imports(tmp_path_factory, compiled_once):  # noqa: F811
    """What each driver imports: {source: names}"""
    folder, found = tmp_path_factory.mktemp('drivers'), {}
    for source, (_, data) in zip(sources(), compiled_once('gcc -O2')):
        path = folder / 'driver.ko'
        path.write_bytes(data)
        listed = subprocess.run(['nm', '-u', path], check=True, stdout=subprocess.PIPE, text=True).stdout
        found[source] = set(listed.split()) - {'U', 'w'}
    return found


def test_two_drivers_import_each_function(imports):
    callers = collections.Counter(name for names in imports.values() for name in names)
    assert len(api()) > 100
    assert not lacking(api(), callers)


def test_one_driver_is_not_enough(imports):
    """Without one of the drivers it would be noticed."""
    callers = collections.Counter(name for source, names in imports.items() for name in names
                                  if not source.endswith('/firmware.c'))
    assert 'banos_firmware_load: 1' in lacking(api(), callers)


def test_functions_in_headers_are_called():
    callers = collections.Counter()
    for path in sources():
        with open(path, encoding='utf-8') as f:
            callers.update(set(re.findall(r'\b(banos_\w+)', expanded(f.read()))))
    names = inlines()
    assert len(names) >= 28, names
    assert [name for name in names if not callers[name]] == []


def expanded(text):
    """Names that registers.c builds from a width."""
    widths = re.findall(r'TRY_\w+\((\d+)\);', text)
    return text + ' '.join(name.replace('##bits', bits).replace('##', '') for bits in widths
                           for name in re.findall(r'banos_mmio_\w*##bits(?:##\w+)?', text))

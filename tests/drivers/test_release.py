# SPDX-License-Identifier: MIT
"""One version, one level: the build, the image, the SDK and the pages say the same."""
import os
import re
import struct
import tarfile

import pytest

from conftest import BUILD, SOURCE
from test_sdk import flags, good, sdk  # noqa: F401

MAGIC = b'Banos kernel \x1a\r\n'
RELEASE_AT, RELEASE_MAX = 96, 64    # <kernel/image_label.h>
PACKAGES = ('banos', 'banos-c++', 'banos-rt', 'banos-loader')


def read(path):
    with open(f'{SOURCE}/{path}', encoding='utf-8') as f:
        return f.read()


VERSION = re.search(r'^VERSION\s*:= (\S+)$', read('Makefile'), re.M)[1]
LEVEL = int(re.search(r'^#define BANOS_LEVEL (\d+)$', read('include/banos/base.h'), re.M)[1])


def label(path):
    """@return (release, level) of a kernel's image"""
    with open(path, 'rb') as f:
        data = f.read()
    at = data.index(MAGIC)
    release = data[at + RELEASE_AT:at + RELEASE_AT + RELEASE_MAX]
    return release.split(b'\0')[0].decode(), struct.unpack_from('<I', data, at + 20)[0]


def rows(text, heading):
    """The rows of the first table behind a heading, as lists of cells."""
    table = text.split(heading, 1)[1].split('\n|---', 1)[1]
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in table.split('\n\n')[0].splitlines()[1:]]


@pytest.mark.parametrize('image', ['banos.elf', 'debug/banos.elf'])
def test_the_image_has_the_version_and_the_level(image):
    path = f'{BUILD}/{image}'
    if not os.path.exists(path):
        pytest.skip(f'{image} is not built')
    release, level = label(path)
    assert re.fullmatch(r'\d+\.\d+\.\d+-banos' + re.escape(VERSION), release)
    assert level == LEVEL


def test_the_sdk_has_the_version_and_the_level(sdk):  # noqa: F811
    for package in PACKAGES:
        assert flags(sdk, package, '--modversion') == [VERSION], package
    assert f'API level {LEVEL}' in (sdk / 'README').read_text()
    assert [x for x in os.listdir(BUILD) if x.startswith('banos-sdk-')] == \
        [f'banos-sdk-{VERSION}.tar.gz']
    with tarfile.open(f'{BUILD}/banos-sdk-{VERSION}.tar.gz') as archive:
        assert 'banos-sdk/README' in archive.getnames()


def test_the_page_of_releases_begins_with_this_one():
    text = read('Documentation/releases.md')
    version, level, _ = rows(text, '# Releases')[0]
    assert (version, level) == (VERSION, str(LEVEL))
    known = rows(text, '## Levels')
    assert [row[0] for row in known] == [str(x) for x in range(1, LEVEL + 1)]
    assert known[-1][1] == VERSION or known[-1][2] == 'frozen'
    assert all(row[2] in ('frozen', 'not frozen') for row in known)


def test_a_driver_is_built_for_this_level(sdk, tmp_path):  # noqa: F811
    said = good(['sh', '-c', f'gcc $(pkg-config --cflags banos) -O2 -c {SOURCE}/drivers/samples/'
                 f'hello.c -o hello.ko && {sdk}/bin/banos-check --kernel '
                 f'{os.path.abspath(BUILD)}/banos.elf hello.ko'], tmp_path,
                PKG_CONFIG_PATH=str(sdk / 'lib' / 'pkgconfig'))
    assert f'banos{VERSION}, API level {LEVEL}, built for level {LEVEL})' in said

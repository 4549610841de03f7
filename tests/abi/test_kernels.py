# SPDX-License-Identifier: MIT
"""Kernels of past releases: each is as it was, and runs drivers by its own initramfs alone."""
import glob
import hashlib
import lzma
import os
import subprocess

import archive
import drivers
import kernels
import pytest

SOURCE = drivers.SOURCE
BUILD = os.path.abspath(os.environ.get('BANOS_BUILD') or os.path.join(SOURCE, 'build'))
LEVELS = [x for x in drivers.levels() if os.path.exists(f'{SOURCE}/abi/{x}/kernels/SHA256SUMS')]
NAMES = {'default', 'tiny', 'debug', 'llvm'}
LIMIT_S = 60


def packed(level, name):
    with lzma.open(f'{SOURCE}/abi/{level}/kernels/{name}.xz') as f:
        return f.read()


@pytest.mark.parametrize('level', LEVELS)
def test_each_file_is_as_it_was(level):
    known = kernels.sums(f'{SOURCE}/abi/{level}/kernels/SHA256SUMS')
    files = {os.path.basename(x)[:-3] for x in glob.glob(f'{SOURCE}/abi/{level}/kernels/*.xz')}
    assert files == set(known) == {f'{x}.elf' for x in NAMES} | {'initramfs.cpio'}
    for name, digest in known.items():
        assert hashlib.sha256(packed(level, name)).hexdigest() == digest, name


@pytest.mark.parametrize('level', LEVELS)
def test_another_image_is_seen(level, tmp_path, monkeypatch):
    folder = tmp_path / 'abi' / str(level) / 'kernels'
    folder.mkdir(parents=True)
    sums = folder / 'SHA256SUMS'
    with open(f'{SOURCE}/abi/{level}/kernels/SHA256SUMS', encoding='utf-8') as f:
        sums.write_text(f.read())
    data = bytearray(packed(level, 'tiny.elf'))
    data[5000] ^= 1
    (folder / 'tiny.elf.xz').write_bytes(lzma.compress(bytes(data), preset=0))
    monkeypatch.setattr(kernels, 'SOURCE', str(tmp_path))
    with pytest.raises(ValueError, match='tiny.elf.xz'):
        kernels.archived(str(tmp_path), level)


@pytest.mark.parametrize('name', sorted(NAMES))
@pytest.mark.parametrize('level', LEVELS)
def test_its_own_initramfs_drives_todays_driver(level, name, tmp_path):
    """As a stranger would do it: two files of the release, and a driver behind them."""
    driver = drivers.conformance(str(tmp_path / 'drivers'), 'own', 'tree',
                                 only='memory')['own/conformance_memory']
    (tmp_path / 'kernel').write_bytes(packed(level, f'{name}.elf'))
    (tmp_path / 'initrd').write_bytes(packed(level, 'initramfs.cpio') + archive.cpio(archive.tree(
        {'drivers/01-000-conformance_memory.ko': driver.data})))
    done = subprocess.run(
        ['qemu-system-x86_64', '-kernel', tmp_path / 'kernel', '-initrd', tmp_path / 'initrd',
         '-append', 'console=ttyS0 quiet -- rounds=1', '-nographic', '-monitor', 'none', '-no-reboot',
         '-nic', 'none', '-m', '128M', '-cpu', 'max'], stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    assert 'drive: passed' in done.stdout and 'conformance_memory: tested itself' in done.stdout, \
        done.stdout

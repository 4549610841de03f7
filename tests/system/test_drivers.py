# SPDX-License-Identifier: MIT
"""Drivers: installed, used, removed; refused in words when they are damaged."""
import os
import random
import re
import subprocess

import pytest

import machine as machines
from archive import file

pytestmark = pytest.mark.banos
# What drivers say stays out of what commands print; dmesg has it.
MACHINE = {'append': 'quiet'}

HELLO = os.path.join(machines.BUILD, 'drivers', 'samples', 'hello.ko')
MUTANTS = 200


def hello():
    """hello.ko as it is in the initramfs: without debug information."""
    stripped = os.path.join(machines.BUILD, 'tests', 'hello.ko')
    os.makedirs(os.path.dirname(stripped), exist_ok=True)
    subprocess.run(['objcopy', '--strip-debug', HELLO, stripped], check=True)
    with open(stripped, 'rb') as f:
        return f.read()


def structure_offsets(image):
    """Offsets of bytes that say what the file is, not what it does: headers,
    section headers, and every section but code."""
    shoff = int.from_bytes(image[40:48], 'little')
    shentsize = int.from_bytes(image[58:60], 'little')
    shnum = int.from_bytes(image[60:62], 'little')
    offsets = list(range(64)) + list(range(shoff, shoff + shentsize * shnum))
    for i in range(shnum):
        at = shoff + i * shentsize
        kind = int.from_bytes(image[at + 4:at + 8], 'little')
        flags = int.from_bytes(image[at + 8:at + 16], 'little')
        start = int.from_bytes(image[at + 24:at + 32], 'little')
        size = int.from_bytes(image[at + 32:at + 40], 'little')
        if kind != 8 and not flags & 4:         # not .bss, not code
            offsets += range(start, start + size)
    return offsets


def mutants(image):
    """Damaged copies, the same ones every time: {name: bytes}."""
    rng = random.Random(1)
    offsets = structure_offsets(image)
    made = {}
    for i in range(MUTANTS):
        data = bytearray(image)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.choice(offsets)
            width = rng.choice((1, 1, 4, 8))
            value = rng.choice((0, 0xff, 0x80, rng.randrange(256)))
            data[at:at + width] = bytes([value]) * len(data[at:at + width])
        made[f'{i:03}'] = bytes(data)
    return made


def truncated(image):
    step = max(1, len(image) // 60)
    return {f'{n:06}': image[:n] for n in range(0, len(image), step)}


def FILES():
    image = hello()
    files = {'hello.ko': file('', image)}
    for name, data in mutants(image).items():
        files[f'mutants/{name}'] = file('', data)
    for name, data in truncated(image).items():
        files[f'cut/{name}'] = file('', data)
    other = bytearray(image)
    other[18:20] = (183).to_bytes(2, 'little')      # for another processor
    files['arm.ko'] = file('', bytes(other))
    files['text.ko'] = file('', b'#!/bin/sh\necho not a driver\n')
    files['busybox.ko'] = file('', open('/bin/busybox', 'rb').read(70000))
    return files


@pytest.fixture(autouse=True)
def nothing_left(shell):
    before = shell.check('lsmod')
    yield
    shell.run('rmmod hello 2>/dev/null')
    assert shell.check('lsmod') == before


def last_log(shell, count=3):
    return '\n'.join(shell.lines('dmesg')[-count:])


def test_install_list_remove(shell):
    ident = shell.check('insmod /hello.ko').strip()
    assert ident.isdigit()
    assert 'Hello, world!' in last_log(shell)
    line, = [x for x in shell.lines('lsmod') if x.startswith('hello ')]
    assert int(line.split()[1]) > 0
    shell.check('rmmod hello')
    assert 'Goodbye, world.' in last_log(shell)
    assert 'hello' not in shell.check('lsmod')
    # An id is never given twice.
    assert int(shell.check('insmod /hello.ko')) > int(ident)
    shell.check(f'rmmod {int(ident) + 1}')


def test_parameters(shell):
    shell.check('insmod /hello.ko who=Bob')
    assert 'Hello, Bob!' in last_log(shell)
    shell.check('rmmod hello')
    shell.check("insmod /hello.ko who='two words'")
    assert 'Hello, two words!' in last_log(shell)
    shell.check('rmmod hello')
    output, status = shell.run('insmod /hello.ko whom=Bob')
    assert status != 0 and 'has no parameter whom; it has who' in output
    output, status = shell.run(f'insmod /hello.ko who={"x" * 500}')
    assert status != 0 and 'who' in output
    assert 'hello' not in shell.check('lsmod')


def test_modprobe_finds_drivers_by_name(shell):
    shell.check('modprobe hello who=modprobe')
    assert 'Hello, modprobe!' in last_log(shell)
    shell.check('modprobe hello')               # is there: nothing to do
    shell.check('modprobe -r hello')
    assert 'Goodbye' in last_log(shell)
    output, status = shell.run('modprobe no_such_driver')
    assert status != 0 and 'no_such_driver' in output


def test_modinfo_tells_what_a_file_is(shell):
    output = shell.check('modinfo /hello.ko')
    for word in ('hello', 'license', 'MIT', 'who'):
        assert word in output, output


def test_a_second_copy_only_when_told(shell):
    shell.check('insmod /hello.ko')
    output, status = shell.run('insmod /hello.ko')
    assert status != 0 and 'installed already' in output
    shell.check('insmod --allow-duplicate /hello.ko who=again')
    assert len([x for x in shell.lines('lsmod') if x.startswith('hello ')]) == 2
    shell.check('rmmod hello; rmmod hello')
    assert shell.run('rmmod hello')[1] != 0


def test_a_dry_run_changes_nothing(shell):
    before = shell.check('dmesg | grep -c Hello')
    shell.check('insmod --dry-run /hello.ko')
    assert 'hello' not in shell.check('lsmod')
    assert shell.check('dmesg | grep -c Hello') == before


def test_an_ordinary_user_may_not_install_or_remove(shell):
    shell.check('insmod /hello.ko')
    for command in ('insmod /hello.ko', '/sbin/insmod /hello.ko',
                    '/sbin/insmod --dry-run /hello.ko', 'rmmod hello',
                    '/sbin/rmmod hello', '/sbin/rmmod 0',
                    'modprobe -r hello', '/sbin/modprobe -r hello'):
        output, status = shell.run(f"su user -c 'PATH=$PATH:/sbin {command}'")
        assert status != 0 and 'not permitted' in output, (command, output)
    assert 'hello' in shell.check('lsmod')
    shell.check('rmmod hello')


@pytest.mark.parametrize('name, said', [
    ('arm.ko', 'x86_64'), ('text.ko', 'ELF'), ('busybox.ko', ''),
    ('none.ko', 'No such file'), ('dev/null', ''), ('etc', '')])
def test_what_is_no_driver_is_refused_in_words(shell, name, said):
    output, status = shell.run(f'insmod /{name}')
    assert status != 0 and len(output.split()) >= 3
    assert said in output


def test_cut_files_are_refused_in_words(shell):
    output = shell.check(
        'for f in /cut/*; do o=$(insmod $f 2>&1); s=$?; '
        'echo "$s|$(echo $o)"; done', 120)
    results = [x.split('|', 1) for x in output.splitlines()]
    assert len(results) >= 60
    for status, said in results:
        assert status != '0' and len(said.split()) >= 4, (status, said)
    shell.check('insmod /hello.ko; rmmod hello')


def test_damaged_files_do_no_harm(shell):
    free = int(shell.check("sed -n 's/^MemFree: *//p' /proc/meminfo"
                           ).split()[0])
    output = shell.check(
        'for f in /mutants/*; do o=$(insmod --dry-run $f 2>&1); s=$?; '
        'echo "$s|$(echo $o)"; done', 240)
    results = [x.split('|', 1) for x in output.splitlines()]
    assert len(results) == MUTANTS
    refused = [said for status, said in results if status != '0']
    assert len(refused) > MUTANTS / 3
    for said in refused:
        assert len(said.split()) >= 4, said
    assert 'anic' not in shell.check('dmesg')
    # What works afterwards as before, and took no memory along.
    shell.check('insmod /hello.ko; rmmod hello')
    after = int(shell.check("sed -n 's/^MemFree: *//p' /proc/meminfo"
                            ).split()[0])
    assert after > free - 512


def test_the_character_devices_are_drivers(shell):
    loaded = shell.check('lsmod')
    for name in ('null', 'zero', 'full'):
        assert re.search(rf'^{name}\b', loaded, re.M), loaded
        assert shell.run(f'rmmod {name}')[1] != 0       # built in
    assert shell.check('cat /dev/null; echo x >/dev/null; echo ok') == 'ok\n'


def test_parameters_of_built_in_drivers_come_from_the_command_line(start):
    # Harmless where the driver is a module or has none.
    m = start(append='hello.who=kernel null.nothing=1').boot()
    assert m.check('echo ok') == 'ok\n'

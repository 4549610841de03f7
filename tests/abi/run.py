#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run self-testing drivers on one kernel.

    run.py [--smp N] [--memory M] [--rounds N] [--device D]... KERNEL DRIVE FILE.ko...

Boots KERNEL in QEMU with DRIVE (compiled tests/abi/drive.c) as its first process and the
files in /drivers, numbered in the order that is given here, so that exporters may precede
importers; with a file in /lib/firmware that they may load. Files whose names begin with numbers
("02-memory.ko") are installed in groups, one after the other. D is a device of QEMU ("edu"). Prints the machine's TAP lines, and the whole log after a failure. The status is 0 if DRIVE
said that all passed and the kernel complained of nothing.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'system'))
import archive  # noqa: E402

LIMIT_S = 240
FIRMWARE = bytes(at * 7 & 0xff for at in range(10000))
COMPLAINT = re.compile(r'\bBUG\b|[Ww]arning: |WARNING|[Pp]anic|[Oo]ops|lock order|leaked [1-9]')


def release_of(image):
    """What uname -r says under that kernel: the first such text in its bytes."""
    return re.search(rb'\d+\.\d+\.\d+-banos[\w.]+', image)[0].decode()


def initramfs(drive, files):
    content = {'init': drive, 'dev/empty': b'', 'proc/empty': b'',
               'lib/firmware/conformance.bin': FIRMWARE}
    numbers = {}
    for name, data in files:
        number = numbers.setdefault(re.sub(r'(\+plain)?\.\w+$', '', name), len(numbers))
        # Of which group it is may be in the name: "02-memory.ko".
        group = re.match(r'\d+-', name)
        name = name[group.end():] if group else name
        content[f'drivers/{group[0] if group else "01-"}{number:03}-{name}'] = data
    return archive.cpio(archive.tree(content))


def run(kernel, drive, files, smp=1, memory='256M', rounds=3, devices=(), arguments=''):
    """@return (passed, output); @p drive: bytes; @p files: (name, bytes); @p arguments: of DRIVE"""
    with tempfile.NamedTemporaryFile(suffix='.cpio') as initrd:
        initrd.write(initramfs(drive, files))
        initrd.flush()
        try:
            output = subprocess.run(
                ['qemu-system-x86_64', '-kernel', kernel, '-initrd', initrd.name, '-append',
                 f'console=ttyS0 qemu_exit -- rounds={rounds} {arguments}',
                 '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-nographic', '-monitor',
                 'none', '-no-reboot', '-nic', 'none', '-m', memory, '-smp', str(smp), '-cpu',
                 'max', *[word for device in devices for word in ('-device', device)]],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False).stdout
        except subprocess.TimeoutExpired as expired:
            output = (expired.stdout or b'') + b'\nrun.py: no end after %u s\n' % LIMIT_S
    output = output.decode(errors='replace').replace('\r', '')
    said = [line for line in output.splitlines() if COMPLAINT.search(line)]
    return 'drive: passed' in output.splitlines() and not said, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--smp', type=int, default=1)
    parser.add_argument('--memory', default='256M')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--device', action='append', default=[])
    parser.add_argument('kernel')
    parser.add_argument('drive')
    parser.add_argument('files', nargs='+')
    args = parser.parse_args()
    files = []
    for path in args.files:
        with open(path, 'rb') as f:
            files.append((os.path.basename(path), f.read()))
    with open(args.drive, 'rb') as f:
        passed, output = run(args.kernel, f.read(), files, args.smp, args.memory, args.rounds,
                             args.device)
    for line in output.splitlines():
        if not passed or re.match(r'ok |not ok |1\.\.|# |drive: ', line):
            print(line)
    return 0 if passed else 1


if __name__ == '__main__':
    sys.exit(main())

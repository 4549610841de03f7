#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Build the kernels that are kept for ever when a level of the driver API is released.

    freeze-kernels.py [--check] LEVEL

Writes into abi/LEVEL/kernels:

    default.elf.xz tiny.elf.xz debug.elf.xz llvm.elf.xz    images, stripped of symbols and debugging
                                                           information
    NAME.config        the .config of each, whole: defaults change later
    initramfs.cpio.xz  the program that drives self-testing drivers (tests/abi/drive.c), as the first process
    SHA256SUMS         of the images and of the archive, unpacked
    README             of which release they are, and the compilers

A machine that tries drivers on such a kernel: unpack both, append a cpio archive with drivers/NN-NNN-NAME.ko
to initramfs.cpio, and boot them, as tests/abi/test_kernels.py does. --check: build again, in a folder of
its own, and compare with what is there; nothing is written, so a frozen level is refused without it only.
Afterwards scripts/freeze-level.py writes the hashes of the whole level.
"""
import argparse
import hashlib
import lzma
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [f'{SOURCE}/tests/abi', f'{SOURCE}/scripts']
import drivers  # noqa: E402
import run  # noqa: E402
from abi_levels import refuse_frozen  # noqa: E402

CONFIGURATIONS = {'default': ('defconfig', ''), 'tiny': ('tiny_defconfig', ''),
                  'debug': ('debug_defconfig', ''), 'llvm': ('defconfig', '1')}


def make(folder, *words):
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    if os.path.isdir('/usr/lib/ccache'):
        env['PATH'] = '/usr/lib/ccache:' + env['PATH']
    subprocess.run(['make', f'-j{os.cpu_count()}', f'O={folder}', *words], cwd=SOURCE, env=env,
                   check=True, stdin=subprocess.DEVNULL)


def first_line(*command):
    return subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()[0]


def build(work):
    """{file: bytes} of what is kept, unpacked; {NAME.config: bytes}"""
    kept, configs = {}, {}
    for name, (config, llvm) in CONFIGURATIONS.items():
        folder = f'{work}/{name}'
        words = ['LLVM=1'] if llvm else []
        make(folder, *words, config, 'kernel')
        image = f'{folder}/{name}.elf'
        subprocess.run(['strip', '-o', image, f'{folder}/banos.elf'], check=True)
        with open(image, 'rb') as f:
            kept[f'{name}.elf'] = f.read()
        with open(f'{folder}/.config', 'rb') as f:
            configs[f'{name}.config'] = f.read()
    kept['initramfs.cpio'] = run.initramfs(drivers.build_drive(f'{work}/drive'), [])
    return kept, configs


def write(folder, kept, configs, release):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name, data in kept.items():
        with open(f'{folder}/{name}.xz', 'wb') as f:
            f.write(lzma.compress(data, check=lzma.CHECK_CRC32,
                                  filters=[{'id': lzma.FILTER_X86}, {'id': lzma.FILTER_LZMA2,
                                                                     'preset': 9 | lzma.PRESET_EXTREME}]))
    for name, data in configs.items():
        with open(f'{folder}/{name}', 'wb') as f:
            f.write(data)
    with open(f'{folder}/SHA256SUMS', 'w', encoding='utf-8') as f:
        f.writelines(f'{hashlib.sha256(data).hexdigest()}  {name}\n' for name, data in kept.items())
    with open(f'{folder}/README', 'w', encoding='utf-8') as f:
        f.write(f'Kernels of Banos {release}, for ever. scripts/freeze-kernels.py made them; nothing here is\n'
                'edited or built again. SHA256SUMS is of what is unpacked.\n\n'
                f'default, tiny, debug: {first_line("gcc", "--version")}\n'
                f'llvm: {first_line("clang", "--version")}\n'
                f'linkers: {first_line("ld", "--version")}; {first_line("ld.lld", "--version")}\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--release', help='of which version they are; default: what uname says')
    parser.add_argument('level', type=int)
    args = parser.parse_args()
    folder = f'{SOURCE}/abi/{args.level}/kernels'
    if not args.check:
        refuse_frozen('freeze-kernels', folder)
    with tempfile.TemporaryDirectory() as work:
        kept, configs = build(work)
    release = args.release or run.release_of(kept['default.elf'])
    if not args.check:
        write(folder, kept, configs, release)
        return 0
    with open(f'{folder}/SHA256SUMS', encoding='utf-8') as f:
        known = {name: digest for digest, name in (x.split() for x in f)}
    other = [x for x, data in kept.items() if hashlib.sha256(data).hexdigest() != known.get(x)]
    for name in other:
        print(f'{name} is not the same')
    return 1 if other else 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make the SDK: all that is needed to build drivers without this source tree.

A folder, and the same as a .tar.gz whose bytes depend on its content alone.
"""
import argparse
import glob
import gzip
import io
import os
import re
import shutil
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
TEMPLATES = os.path.join(HERE, 'sdk')

MAKEFILE = '''# SPDX-License-Identifier: MIT
drivers := {drivers}
include ../driver.mk
# These import from another one.
sum.ko: private banos-check-flags := --with adder.ko
sum.ko: | adder.ko
lamp.ko: private banos-check-flags := --with pulse.ko
lamp.ko: | pulse.ko
'''


CONFORMANCE_MAKEFILE = '''# SPDX-License-Identifier: MIT
drivers := {drivers}
all: drive/drive
include ../driver.mk
drive/drive: drive/drive.c drive/drive.h
	cc -Os -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie \\
		-Wl,--build-id=none -s -Idrive -o $@ $<
'''

# The second of two imports from the first.
PAIR = '''{second}.ko: private banos-check-flags := --with {first}.ko
{second}.ko: | {first}.ko
'''


def fill(template, values):
    with open(os.path.join(TEMPLATES, template), encoding='utf-8') as f:
        return re.sub(r'@(\w+)@', lambda m: values[m[1]], f.read())


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def copy(source, path, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(source, path)
    os.chmod(path, mode)


def draft_headers():
    """"<banos/block.h>" and so on."""
    for path in glob.glob(f'{SOURCE}/include/banos/*.h'):
        with open(path, encoding='utf-8') as f:
            if 'BANOS_DRAFT_HEADER(' in f.read() and not path.endswith('/draft.h'):
                yield f'<banos/{os.path.basename(path)}>'


def uses_draft(path, headers):
    with open(path, encoding='utf-8') as f:
        return any(header in line for line in f if line.startswith('#include')
                   for header in headers)


# Those of released levels: banos-check does not know the drafts of a kernel.
def add_samples(out):
    headers = list(draft_headers())
    folder = f'{out}/share/banos/samples'
    names = []
    for name in sorted(os.listdir(f'{SOURCE}/drivers/samples')):
        if name.endswith('.c') and uses_draft(f'{SOURCE}/drivers/samples/{name}', headers):
            continue
        if name.endswith(('.c', '.cc', '.h')):
            copy(f'{SOURCE}/drivers/samples/{name}', f'{folder}/{name}')
        if name.endswith(('.c', '.cc')):
            names.append(name.rsplit('.', 1)[0])
    copy(f'{TEMPLATES}/assembly.S', f'{folder}/assembly.S')
    names.append('assembly')
    write(f'{folder}/Makefile', MAKEFILE.format(drivers=' '.join(names)))


def add_loader(out, library):
    """The loader for other kernels and programs."""
    copy(library, f'{out}/lib/libbanos-loader.a')
    folder = f'{SOURCE}/banos/loader/library'
    copy(f'{folder}/banos-loader.h', f'{out}/include/banos-loader/banos-loader.h')
    for name in ('README', 'example.c'):
        copy(f'{folder}/{name}', f'{out}/share/banos/loader/{name}')
    copy(f'{SOURCE}/LICENSE', f'{out}/share/banos/loader/LICENSE')


def add_conformance(out):
    """Drivers that test themselves: for authors of compilers and of bindings."""
    folder = f'{out}/share/banos/conformance'
    names = []
    for name in sorted(os.listdir(f'{SOURCE}/tests/conformance')):
        if name.endswith(('.c', '.h')):
            copy(f'{SOURCE}/tests/conformance/{name}', f'{folder}/{name}')
        if name.endswith('.c'):
            names.append(name[:-len('.c')])
    for name in sorted(os.listdir(f'{SOURCE}/tests/conformance/languages')):
        copy(f'{SOURCE}/tests/conformance/languages/{name}', f'{folder}/languages/{name}')
    for name in ('drive.c', 'drive.h'):
        copy(f'{SOURCE}/tests/abi/{name}', f'{folder}/drive/{name}')
    copy(f'{SOURCE}/include/uapi/banos.h', f'{folder}/drive/uapi/banos.h')
    copy(f'{TEMPLATES}/conformance-README', f'{folder}/README')
    write(f'{folder}/Makefile', CONFORMANCE_MAKEFILE.format(drivers=' '.join(names)) +
          ''.join(PAIR.format(first=x[:-1] + '1', second=x) for x in names if x.endswith('2')))


def add_languages(out):
    """A driver each in languages that need more than flags."""
    for name in sorted(os.listdir(f'{TEMPLATES}/languages')):
        copy(f'{TEMPLATES}/languages/{name}', f'{out}/share/banos/languages/{name}')


def pack(folder, path):
    """A .tar.gz with fixed owners, times and order."""
    def plain(info):
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = 'root'
        info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
        return info
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w', format=tarfile.USTAR_FORMAT) as t:
        for root, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                full = os.path.join(root, name)
                t.add(full, os.path.join('banos-sdk', os.path.relpath(
                    full, folder)), filter=plain)
    with open(path, 'wb') as f:
        with gzip.GzipFile(fileobj=f, mode='wb', filename='', mtime=0) as z:
            z.write(data.getvalue())


def main():
    parser = argparse.ArgumentParser()
    for name in ('out', 'tar', 'version', 'cflags', 'cxxflags', 'check', 'class-test',
                 'cxx-object', 'rt-object', 'loader-library', 'drafts'):
        parser.add_argument('--' + name, required=True)
    args = parser.parse_args()
    with open(f'{SOURCE}/include/banos/base.h', encoding='utf-8') as f:
        level = re.search(r'^#define BANOS_LEVEL (\d+)', f.read(), re.M)[1]
    values = {'VERSION': args.version, 'LEVEL': level,
              'CFLAGS': ' '.join(args.cflags.split()),
              'CXXFLAGS': ' '.join(args.cxxflags.split())}
    out = args.out
    shutil.rmtree(out, ignore_errors=True)
    for name in sorted(os.listdir(f'{SOURCE}/include/banos')):
        if name.endswith('.h'):
            copy(f'{SOURCE}/include/banos/{name}', f'{out}/include/banos/{name}')
        if os.path.exists(f'{args.drafts}/{name}'):
            copy(f'{args.drafts}/{name}', f'{out}/include/banos/draft/{name}')
    copy(args.check, f'{out}/bin/banos-check', 0o755)
    copy(args.class_test, f'{out}/bin/banos-class-test', 0o755)
    copy(args.cxx_object, f'{out}/lib/banos-cxx.o')
    copy(args.rt_object, f'{out}/lib/banos-rt.o')
    for name in ('banos.pc', 'banos-c++.pc', 'banos-rt.pc', 'banos-loader.pc'):
        write(f'{out}/lib/pkgconfig/{name}', fill(name, values))
    add_loader(out, args.loader_library)
    write(f'{out}/share/banos/driver.mk', fill('driver.mk', values))
    write(f'{out}/README', fill('README', values))
    copy(f'{SOURCE}/LICENSE', f'{out}/LICENSE')
    add_samples(out)
    add_conformance(out)
    add_languages(out)
    pack(out, args.tar)


if __name__ == '__main__':
    main()

# SPDX-License-Identifier: MIT
"""Drivers of tests/drivers/src, with every compiler, in every code model."""
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..'))
BASE = ('-DBANOS_CFLAGS=1 -ffreestanding -mno-red-zone -mgeneral-regs-only '
        '-fno-stack-protector -fcf-protection=branch -fno-omit-frame-pointer '
        '-fno-asynchronous-unwind-tables -Wall -Wextra -Werror '
        '-Wno-unused-parameter').split()
CXX = ('-std=c++17 -fno-exceptions -fno-rtti -fno-threadsafe-statics').split()
MODELS = {'kernel': ['-fno-pic', '-fno-pie', '-mcmodel=kernel'],
          'pie': ['-fPIE'], 'pic': ['-fPIC'],
          'noplt': ['-fPIC', '-fno-plt'],
          'medium': ['-fPIC', '-mcmodel=medium'],
          'large': ['-fno-pic', '-fno-pie', '-mcmodel=large'],
          'large_pic': ['-fPIC', '-mcmodel=large'],
          'unwind': ['-fPIE', '-fasynchronous-unwind-tables'],
          'sections': ['-fno-pic', '-fno-pie', '-mcmodel=kernel',
                       '-ffunction-sections', '-fdata-sections']}
# No indirect branch and no return in the driver's own code.
THUNKS = {'gcc': ['-mindirect-branch=thunk-extern', '-mfunction-return=thunk-extern'],
          'clang': ['-mretpoline-external-thunk']}


def compile_one(folder, source, compiler, flags, output):
    cxx = source.endswith('.cc')
    if cxx:
        compiler = {'gcc': 'g++', 'clang': 'clang++'}[compiler]
    subprocess.run([compiler, *BASE, *(CXX if cxx else []), *flags,
                    f'-I{SOURCE}/include', '-c', source, '-o',
                    f'{folder}/{output}'], check=True)


def variants():
    """(name, sources, compiler, flags)."""
    for compiler in ('gcc', 'clang'):
        for model, flags in MODELS.items():
            for level in ('-O0', '-O2'):
                end = f'{compiler}-{model}{level}'
                yield f'everything-{end}', ['src/everything.c'], compiler, \
                    flags + [level]
        for model in ('kernel', 'pie', 'pic'):
            for level in ('-O0', '-O2'):
                flags = MODELS[model] + THUNKS[compiler] + [level]
                for source in ('everything', 'thunks'):
                    yield f'{source}-{compiler}-{model}-thunk{level}', \
                        [f'src/{source}.c'], compiler, flags
        for model in ('kernel', 'pie', 'noplt'):
            flags = MODELS[model] + ['-O2']
            yield f'order-{compiler}-{model}', ['src/order.c'], compiler, flags
            yield f'wide-{compiler}-{model}', \
                ['src/wide.c', f'{SOURCE}/drivers/banos-rt.c'], compiler, flags
            yield f'objects-{compiler}-{model}', \
                ['src/objects.cc', 'src/objects2.cc',
                 f'{SOURCE}/drivers/banos-cxx.cc'], compiler, flags


def up_to_date(path, sources):
    inputs = [os.path.join(HERE, x) for x in sources] + [__file__]
    for folder in (f'{HERE}/src', f'{SOURCE}/include/banos'):
        inputs += [e.path for e in os.scandir(folder)]
    return os.path.exists(path) and \
        os.path.getmtime(path) > max(os.path.getmtime(x) for x in inputs)


def build_all(folder):
    """Build everything that is not there yet; return the names."""
    names = []
    os.makedirs(folder, exist_ok=True)
    for name, sources, compiler, flags in variants():
        names.append(name)
        if up_to_date(f'{folder}/{name}.ko', sources):
            continue
        objects = []
        for source in sources:
            output = f'{name}-{os.path.basename(source)}.o'
            compile_one(folder, os.path.join(HERE, source), compiler, flags,
                        output)
            objects.append(f'{folder}/{output}')
        # One object is a driver as it is; several are joined.
        if len(objects) == 1:
            os.rename(objects[0], f'{folder}/{name}.ko')
        else:
            subprocess.run(['ld', '-r', '-o', f'{folder}/{name}.ko', *objects],
                           check=True)
            for path in objects:
                os.unlink(path)
    return names


def relocation_types(path):
    """Names of the types of all relocations in a file."""
    output = subprocess.run(['readelf', '-rW', path], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return set(re.findall(r' R_X86_64_(\w+)', output))

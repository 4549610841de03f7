# SPDX-License-Identifier: MIT
"""The self-testing drivers of tests/conformance, by every compiler, on today's kernels."""
import glob
import os
import re
import shutil
import subprocess

import drivers
import pytest
import run

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..'))
BUILD = os.environ.get('BANOS_BUILD') or os.path.join(SOURCE, 'build')
BASE = ['-DBANOS_CFLAGS=1', f'-I{SOURCE}/include', '-c']
FLAGS = ('-m64 -ffreestanding -fno-common -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone '
         '-mgeneral-regs-only -fno-stack-protector -fcf-protection=branch '
         '-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -Wall -Wextra -Werror').split()
CXX = '-x c++ -fno-exceptions -fno-rtti -fno-threadsafe-statics'.split()
COMPILERS = {
    'gcc -O2': ['gcc', *FLAGS, '-O2'],
    'gcc -O0 -std=gnu89': ['gcc', *FLAGS, '-O0', '-std=gnu89'],
    'gcc -O3 -fPIE': ['gcc', *[x for x in FLAGS if 'pi' not in x and 'model' not in x],
                      '-fPIE', '-O3'],
    'clang -O2': ['clang', *FLAGS, '-O2'],
    'g++ -O1': ['g++', *FLAGS, *CXX, '-O1', '-std=gnu++98'],
    'clang++ -Os': ['clang++', *FLAGS, *CXX, '-Os', '-std=gnu++17'],
    'tcc': ['tcc'],
}
# Others of the same make stand for them in make check.
RARE = ('gcc -O0 -std=gnu89', 'gcc -O3 -fPIE', 'clang++ -Os')
KERNELS = {'default': ('banos.elf', 1), 'debug': ('debug/banos.elf', 4)}


@pytest.fixture(scope='session')
def drive(tmp_path_factory):
    """The program that drives them, with nobody's library."""
    path = tmp_path_factory.mktemp('drive') / 'drive'
    subprocess.run(['gcc', '-std=gnu11', '-Os', '-static', '-nostdlib', '-ffreestanding',
                    '-fno-stack-protector', '-fno-pie', '-no-pie', '-Wall', '-Wextra', '-Werror',
                    '-Wl,--build-id=none', '-s', f'-I{SOURCE}/include', '-o', path,
                    f'{HERE}/drive.c'], check=True)
    return path.read_bytes()


def compile_one(source, folder, compiler):
    name = 'conformance_' + os.path.basename(source)[:-2] + '.ko'
    subprocess.run([*COMPILERS[compiler], *BASE, source, '-o', f'{folder}/{name}'], check=True)
    with open(f'{folder}/{name}', 'rb') as f:
        return name, f.read()


def compiled(folder, compiler):
    """In the order of their names: NAME1 exports what NAME2 imports."""
    return [compile_one(source, folder, compiler)
            for source in sorted(glob.glob(f'{SOURCE}/tests/conformance/*.c'))]


def judged(kernel, drive, files, name, rounds=3):
    image, cpus = KERNELS[kernel]
    passed, output = run.run(f'{BUILD}/{image}', drive, files, cpus, rounds=rounds,
                             devices=['edu'])
    known = drivers.checks_by_name()
    for name, words in drivers.lost_checks(output, [(x[:-3], known[x[:-3]]) for x, _ in files]):
        passed, output = False, f'{output}not ok - {name}: {words}\n'
    os.makedirs(f'{BUILD}/test-logs', exist_ok=True)
    log = f'{BUILD}/test-logs/abi-{re.sub(r"[^a-z0-9+]+", "-", name)}-{kernel}.log'
    with open(log, 'w', encoding='utf-8') as f:
        f.write(output)
    return passed, '\n'.join(x for x in output.splitlines()
                             if re.search('not ok|^# |FAIL|panic|BUG|arning', x)) + f'\n{log}'


COMPILED = {}


@pytest.fixture(scope='session')
def compiled_once(tmp_path_factory):
    """compiled() for each compiler that is asked for, also by the other files that have this fixture from here."""
    def once(compiler):
        if compiler not in COMPILED:
            COMPILED[compiler] = compiled(tmp_path_factory.mktemp('drivers'), compiler)
        return COMPILED[compiler]
    return once


def once_each():
    """Each compiler on each kernel: one again and again, some once on one kernel, and the rest in check-long."""
    for number, compiler in enumerate(COMPILERS):
        for turn, kernel in enumerate(KERNELS):
            rare = pytest.mark.long if compiler in RARE or number and (number + turn) % 2 else []
            yield pytest.param(compiler, kernel, 3 if compiler == 'gcc -O2' else 1, marks=rare)
            if compiler != 'gcc -O2':
                yield pytest.param(compiler, kernel, 3, marks=pytest.mark.long)


@pytest.mark.parametrize('compiler, kernel, rounds', once_each())
def test_drivers_find_what_the_headers_promise(drive, compiled_once, compiler, kernel, rounds):
    if not shutil.which(COMPILERS[compiler][0]):
        pytest.skip(f'{compiler} is not installed')
    passed, output = judged(kernel, drive, compiled_once(compiler), compiler, rounds)
    assert passed, output


# What would go unseen if nobody looked: one for each kind of judge. The file that is changed, what, and
# what is said.
FAULTS = {
    'a check fails': ('memory.c', 'banos_alloc(self, 0, 0) == NULL',
                      'banos_alloc(self, 0, 0) != NULL', 'is installed'),
    'a driver says nothing': ('memory.c', 'return check_verdict(self);',
                              'return self ? 0 : check_verdict(self);', 'tested itself'),
    'memory is leaked': ('memory.c', 'CHECK(banos_free(self, NULL) == 0);',
                         '(void)banos_alloc(self, 5000, 0);', 'leave nothing behind'),
    'a check fails in a method': ('everyday.c', "'t' + 'e' + 's' + 't'", "'t'", 'its device works'),
    'a program cannot read': ('everyday.c', 'return count + 1;', 'return count ? -EIO : 0;',
                              'its device works'),
    'what a program writes to DMA memory is lost': (
        'dma.c', 'return banos_map_dma(call, shared, offset + PAGE_BYTES);',
        'return banos_map_zero(call);', 'its device works'),
    'a check fails in probe()': ('irq.c', 'CHECK(strangers == 0);', 'CHECK(strangers == 1);',
                                 'tested itself'),
    'a check fails in a thread': ('bus.c', 'calls[1].quiets == 0', 'calls[1].quiets == 1',
                                  'tested itself'),
    'an importer is not called back': ('callbacks2.c', 'return (int64_t)(arg1 * 1000 + arg2);',
                                       'return (int64_t)(arg1 + arg2);', 'is installed'),
    'a check fails in exit()': ('callbacks1.c', 'told == subscribed', 'told > subscribed',
                                'find no fault in how they are removed'),
    'what a program writes to a resource is lost': (
        'windows.c', 'CHECK(banos_map_resource(call, served, 0, offset, BANOS_MAP_UNCACHED) == 0);',
        'CHECK(banos_map_zero(call) == 0);', 'its device works'),
    'a check is deleted': ('memory.c', 'CHECK(banos_free(self, NULL) == 0);', '',
                           r'said \[381\] checks, not \[382\]'),
    'a check of a method is deleted': (
        'characters.c', 'CHECK(polled >= 2 && ready == 1 && poll_errors == 0);', '',
        r'answered \[71\] checks, not \[72\]'),
    'a device is not made quiet': ('bus.c', 'calls[number].quiets++;', '', 'tested itself'),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_faults_are_seen(tmp_path, drive, fault):
    name, old, new, said = FAULTS[fault]
    files = []
    shutil.copytree(f'{SOURCE}/tests/conformance', tmp_path / 'sources')
    text = (tmp_path / 'sources' / name).read_text()
    assert text.count(old) == 1
    (tmp_path / 'sources' / name).write_text(text.replace(old, new))
    kind = name.rstrip('12.ch')
    for source in sorted(glob.glob(f'{tmp_path}/sources/{kind}*.c')):
        if re.fullmatch(rf'{kind}[12]?\.c', os.path.basename(source)):
            files.append(compile_one(source, tmp_path, 'gcc -O2'))
    passed, output = judged('default', drive, files, fault, rounds=1)
    assert not passed and re.search(f'not ok.*{said}', output), output

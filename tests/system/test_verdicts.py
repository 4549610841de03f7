# SPDX-License-Identifier: MIT
"""banos-check --kernel: what it says of a driver file, offline, is what the kernel
in that image says when it runs, word for word."""
import functools
import os
import re
import subprocess
import sys

import pytest

import machine as machines

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'drivers'))
import compiled                                 # noqa: E402
from cases import CASES, build_all              # noqa: E402
from checker import Checker                     # noqa: E402

pytestmark = pytest.mark.banos
LOADTEST = os.path.join(machines.BUILD, 'tests', 'loadtest')
MUTANTS, SEED = 1000, 9
SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..'))


def tiny_kernel():
    """The least kernel, with no driver built in that could be left out."""
    out = os.path.abspath(os.path.join(machines.BUILD, 'tests', 'tiny'))
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    subprocess.run(['make', '-s', f'-j{os.cpu_count()}', f'O={out}', 'tiny_defconfig',
                    'kernel'], cwd=SOURCE, env=env, check=True, timeout=600,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return f'{out}/banos.elf'


KERNELS = {'default': lambda: machines.KERNEL, 'debug': lambda: machines.DEBUG_KERNEL,
           'tiny': tiny_kernel}


@functools.cache
def the_files():
    """{name: (content, parameters, names of drivers before)}"""
    built = build_all()
    files = {c.name: (built[c.name], c.params, c.after) for c in CASES}
    folder = os.path.join(machines.BUILD, 'tests', 'mutants')
    os.makedirs(folder, exist_ok=True)
    for name, data in built.items():
        with open(f'{folder}/{name}.ko', 'wb') as f:
            f.write(data)
    good = [c for c in CASES if c.error == 'OK' and not c.after]
    subprocess.run([LOADTEST, 'mutate', str(MUTANTS), str(SEED), folder,
                    *(f'{folder}/{c.name}.ko' for c in good)], check=True, timeout=60)
    names = [f'mutant-{i}' for i in range(MUTANTS)]
    compiled_folder = os.path.join(machines.BUILD, 'tests', 'compiled')
    paths = {x: f'{folder}/{x}.ko' for x in names}
    paths.update({x: f'{compiled_folder}/{x}.ko' for x in compiled.build_all(compiled_folder)})
    for name, path in paths.items():
        with open(path, 'rb') as f:
            files[name] = (f.read(), '', ())
    return folder, files


def said_offline(kernel, folder, files):
    """{name: (errno, lines)}"""
    said = {}
    with Checker() as checker:
        for name, (data, params, after) in files.items():
            with open(f'{folder}/{name}.ko', 'wb') as f:
                f.write(data)
            words = ['--errno', '--quiet', '--kernel', kernel]
            for other in after:
                words += ['--with', f'{folder}/{other}.ko']
            _, output = checker.run(*words, f'{folder}/{name}.ko', *params_of(params))
            number, *lines = re.sub(rb'[\x80-\xff]', b'?', output).decode().split('\n')[:-1]
            said[name] = (int(number), lines)
    return said


def stripped(kernel, folder):
    """A third of the work to read it for each file, and the same said (below)."""
    path = f'{folder}/banos.elf'
    subprocess.run(['strip', '-o', path, kernel], check=True)
    return path


def params_of(text):
    return [x.replace('"', '') for x in re.findall(r'(?:[^ "]|"[^"]*")+', text)]


def said_by_kernel(start, kernel, files):
    contents = {f'v/{name}.ko': data for name, (data, _, _) in files.items()}
    contents['v/list'] = ''.join(f'{name}\t{params}\t{",".join(after)}\n' for
                                 name, (_, params, after) in files.items()).encode()
    with open(LOADTEST, 'rb') as f:
        contents['loadtest'] = f.read()
    m = start(files=contents, kernel=kernel, append='quiet', cpus=1).boot()
    m.check('dmesg -n1')
    output = m.check('/loadtest verdicts /v /v/list', 170)
    assert output.endswith('done\n'), output[-2000:]
    said = {}
    for part in re.split(r'^case ', output, flags=re.M)[1:]:
        head, _, rest = part.partition('\n')
        name, number = head.split()
        said[name] = (int(number), re.findall(r'^\| (.*)', rest, re.M))
    return said


def some_of(files, every):
    """Every so many of them, and the drivers that these need."""
    names = list(files)[::every]
    return {x: files[x] for x in files if x in names or any(x in files[y][2] for y in names)}


@pytest.mark.parametrize('which, every', [('default', 5), *(
    pytest.param(x, 1, marks=pytest.mark.long) for x in ('default', 'debug', 'tiny'))])
def test_a_kernel_says_what_the_tool_says_of_its_image(start, tmp_path, which, every):
    kernel = KERNELS[which]()
    folder, files = the_files()
    assert len(files) > 1400
    files = some_of(files, every)
    expected = said_offline(stripped(kernel, tmp_path), folder, files)
    said = said_by_kernel(start, kernel, files)
    assert set(said) == set(files)
    for name, verdict in expected.items():
        assert said[name] == verdict, name
    refused = sum(bool(number) for number, _ in said.values())
    assert 500 // every < refused < len(files) - 250 // every


def test_a_stripped_image_is_enough(tmp_path):
    folder, files = the_files()
    some = {name: files[name] for name in list(files)[::40]}
    assert said_offline(stripped(machines.KERNEL, tmp_path), folder, some) == \
        said_offline(machines.KERNEL, folder, some)

# SPDX-License-Identifier: MIT
"""The SDK, in an empty folder, without this tree: it builds drivers."""
import os
import re
import shutil
import subprocess
import tarfile

import pytest

import compiled
from conftest import BUILD, SOURCE

# Nothing of ours is in the environment.
ENVIRONMENT = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C'}
FLAGS = {'c': '-std=c99 -Wall -Wextra -Werror -Wno-unused-parameter -O2'.split(),
         'cc': '-std=c++17 -Wall -Wextra -Werror -Wno-unused-parameter -O2'.split(), 'S': []}
COMPILERS = {'c': ('gcc', 'clang'), 'cc': ('g++', 'clang++'),
             'S': ('gcc', 'clang')}


def sh(command, cwd, **more):
    done = subprocess.run(command, cwd=cwd, env=dict(ENVIRONMENT, **more),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120,
                          check=False)
    return done.returncode, done.stdout


def good(command, cwd, **more):
    status, output = sh(command, cwd, **more)
    assert status == 0, (command, output)
    return output


@pytest.fixture(scope='session')
def sdk(tmp_path_factory):
    """The SDK's folder, unpacked somewhere."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    subprocess.run(['make', '-s', f'O={os.path.abspath(BUILD)}', 'sdk'],
                   cwd=SOURCE, env=env, check=True, timeout=200,
                   stdout=subprocess.DEVNULL)
    tar, = [x for x in os.listdir(BUILD) if x.startswith('banos-sdk-') and
            x.endswith('.tar.gz')]
    folder = tmp_path_factory.mktemp('elsewhere')
    with tarfile.open(os.path.join(BUILD, tar)) as t:
        t.extractall(folder)
    return folder / 'banos-sdk'


def flags(sdk, package, what='--cflags'):
    return good(['pkg-config', what, package], '/',
                PKG_CONFIG_PATH=str(sdk / 'lib' / 'pkgconfig')).split()


def samples(sdk, suffix):
    folder = sdk / 'share' / 'banos' / 'samples'
    return sorted(x for x in os.listdir(folder) if x.endswith('.' + suffix))


def build(sdk, folder, source, compiler):
    """Compile and, where that is C++, link; return the path of the driver."""
    name, suffix = source.rsplit('.', 1)
    package = 'banos-c++' if suffix == 'cc' else 'banos'
    where = sdk / 'share' / 'banos' / 'samples' / source
    good([compiler, *flags(sdk, package), '-DBANOS_DRAFT', *FLAGS[suffix], '-c', str(where),
          '-o', f'{name}.o'], folder)
    if suffix != 'cc':
        return folder / f'{name}.o'
    good(['ld', '-r', '-o', f'{name}.ko', f'{name}.o',
          *flags(sdk, 'banos-c++', '--libs')], folder)
    return folder / f'{name}.ko'


@pytest.mark.parametrize('suffix, compiler', [
    (s, c) for s, compilers in COMPILERS.items() for c in compilers])
def test_each_sample_with_each_compiler(sdk, tmp_path, suffix, compiler):
    made = {}
    for source in samples(sdk, suffix):
        made[source] = build(sdk, tmp_path, source, compiler)
    assert made
    for source, path in made.items():
        exporter = {'sum.c': 'adder.c', 'lamp.c': 'pulse.c'}.get(source)
        with_ = ['--with', str(made[exporter])] if exporter else []
        output = good([str(sdk / 'bin' / 'banos-check'), *with_, str(path)],
                      tmp_path)
        assert 'can be installed' in output


def test_make_fragment(sdk, tmp_path):
    folder = tmp_path / 'mine'
    shutil.copytree(sdk / 'share' / 'banos' / 'samples', folder)
    makefile = folder / 'Makefile'
    makefile.write_text(makefile.read_text().replace(
        '../driver.mk', str(sdk / 'share' / 'banos' / 'driver.mk')))
    good(['make'], folder)
    made = {x for x in os.listdir(folder) if x.endswith('.ko')}
    assert {'hello.ko', 'shapes.ko', 'assembly.ko', 'sum.ko'} <= made
    good(['make', 'clean'], folder)
    assert not [x for x in os.listdir(folder) if x.endswith(('.ko', '.o'))]
    # One that would not be installed does not count as built.
    (folder / 'hello.c').write_text('#include <banos/driver.h>\n'
                                    'int64_t f(void); int64_t f(void) '
                                    '{ return banos_api_level(); }\n')
    status, output = sh(['make', 'hello.ko'], folder)
    assert status and 'it has no .banos-driver' in output


@pytest.mark.parametrize('name', ['samples', 'conformance'])
def test_the_makefiles_work_where_they_are(sdk, tmp_path, name):
    shutil.copytree(sdk, tmp_path / 'sdk')
    folder = tmp_path / 'sdk' / 'share' / 'banos' / name
    good(['make'], folder)
    made = {x[:-3] for x in os.listdir(folder) if x.endswith('.ko')}
    assert made == {x.rsplit('.', 1)[0] for x in os.listdir(folder)
                    if x.endswith(('.c', '.cc', '.S'))}


LANGUAGES = {
    'rust': ['/usr/bin/rustc', '--emit=obj', '-C', 'panic=abort', '-C', 'code-model=kernel', '-C',
             'relocation-model=static', '-C', 'no-redzone', '-C', 'force-frame-pointers', '-C',
             'opt-level=2', '-C', 'target-feature=-mmx,-sse,-sse2,+soft-float', 'rust.rs', '-o',
             'driver.o'],
    'ada': ['gnatgcc', '-O2', '-gnatp', '-c', 'ada_driver.adb', '-o', 'driver.o'],
}


@pytest.mark.parametrize('language', LANGUAGES)
def test_a_driver_in_another_language(sdk, tmp_path, language):
    command = LANGUAGES[language]
    if not shutil.which(command[0]):
        pytest.skip(f'{command[0]} is not installed')
    folder = tmp_path / 'languages'
    shutil.copytree(sdk / 'share' / 'banos' / 'languages', folder)
    if language == 'ada':       # it names the object after the source
        command = [command[0], *flags(sdk, 'banos'), *command[1:-2]]
    good(command, folder)
    made, = [x for x in os.listdir(folder) if x.endswith('.o')]
    assert 'can be installed' in good([str(sdk / 'bin' / 'banos-check'), made], folder)


def test_without_the_flags_the_headers_say_so(sdk, tmp_path):
    source = tmp_path / 'x.c'
    source.write_text('#include <banos/driver.h>\n')
    status, output = sh(['gcc', f'-I{sdk}/include', '-c', 'x.c'], tmp_path)
    assert status and 'pkg-config --cflags banos' in output
    for flag, words in (('-msse2', 'general-regs'),
                        ('-fstack-protector-all', 'stack-protector'),
                        ('-fhosted', 'freestanding')):
        status, output = sh(['gcc', *flags(sdk, 'banos'), flag, '-c', 'x.c'],
                            tmp_path)
        assert status and words in output, output


def test_the_check_tool_says_what_is_wrong(sdk, tmp_path):
    build(sdk, tmp_path, 'sum.c', 'gcc')
    check = str(sdk / 'bin' / 'banos-check')
    assert sh([check, 'sum.o'], tmp_path) == (1, 'sum: needs adder_add, which '
                                             'no installed driver exports (does it '
                                             'belong to the driver adder?)\n')
    assert sh([check, 'nothing.o'], tmp_path)[0] == 2
    for bad in ([], ['--level', '0', 'x'], ['--level', '1x', 'sum.o'], ['-z']):
        status, output = sh([check, *bad], tmp_path)
        assert status == 2 and 'usage' in output
    assert sh([check, '--level', '1', '--errno', '-q', 'sum.o'],
              tmp_path)[1].splitlines()[0] == '2'


def test_the_check_tool_knows_kernels_by_image_and_by_configuration(sdk, tmp_path):
    build(sdk, tmp_path, 'sum.c', 'gcc')
    check = str(sdk / 'bin' / 'banos-check')
    config = tmp_path / 'config'
    for answer, status in (('y', 0), ('m', 1)):
        config.write_text(f'CONFIG_SAMPLE_HELLO=y\nCONFIG_SAMPLE_ADDER={answer}\n')
        got, output = sh([check, '--config', str(config), 'sum.o'], tmp_path)
        assert got == status, output
        assert ('can be installed' in output) == (not status)
    kernel = os.path.abspath(f'{BUILD}/banos.elf')
    output = good([check, '--kernel', kernel, '--with', str(build(
        sdk, tmp_path, 'adder.c', 'gcc')), 'sum.o'], tmp_path)
    assert 'can be installed (6.1.0-banos' in output
    for wrong, words in ((['--kernel', 'sum.o'], 'no ELF image of a kernel'),
                         (['--kernel', '/bin/sh'], 'of a kernel'),
                         (['--config', 'sum.o'], 'is no configuration'),
                         (['--kernel', kernel, '--level', '1'], 'usage')):
        status, output = sh([check, *wrong, 'sum.o'], tmp_path)
        assert status == 2 and words in output, (wrong, output)


def test_arithmetic_that_compilers_leave_to_their_library(sdk, tmp_path):
    """banos-rt.o, and several objects that were joined with it, joined."""
    shutil.copy(f'{SOURCE}/tests/drivers/src/wide.c', tmp_path)
    (tmp_path / 'more.c').write_text(
        'typedef unsigned __int128 wide; wide wide_more(wide a, wide b);\n'
        'wide wide_more(wide a, wide b) { return a % b; }\n')
    runtime = flags(sdk, 'banos-rt', '--libs')
    check = [str(sdk / 'bin' / 'banos-check')]
    for compiler in ('gcc', 'clang'):
        for name in ('wide', 'more'):
            good([compiler, *flags(sdk, 'banos'), '-O2', '-c', f'{name}.c'], tmp_path)
            good(['ld', '-r', '-o', f'{name}.ko', f'{name}.o', *runtime], tmp_path)
        status, output = sh([*check, 'wide.o'], tmp_path)
        assert status and 'join the SDK\'s banos-rt.o' in output
        good([*check, 'wide.ko'], tmp_path)
        good(['ld', '-r', '-o', 'both.ko', 'wide.ko', 'more.ko'], tmp_path)
        good([*check, 'both.ko'], tmp_path)
        good(['ld', '-r', '-o', 'both.ko', 'wide.o', 'more.o', *runtime], tmp_path)
        good([*check, 'both.ko'], tmp_path)
    (tmp_path / 'Makefile').write_text(
        'drivers := wide\nwide-objs = wide.o more.o $(banos-rt)\n'
        f'include {sdk}/share/banos/driver.mk\n')
    good(['make'], tmp_path)
    good(['make', 'clean'], tmp_path)
    assert (sdk / 'lib' / 'banos-rt.o').exists()


PROGRAMS = {'gcc': ['-O2'], 'gcc-static': ['-O2', '-static', '-no-pie'],
            'clang': ['-O1', '-fPIE', '-pie'],
            'gcc-sanitized': ['-O1', '-fsanitize=undefined', '-fno-sanitize-recover=all']}


@pytest.fixture(scope='module', params=PROGRAMS)
def program(request, sdk, tmp_path_factory):
    """The program that loads drivers, built against the library and its header alone."""
    folder = tmp_path_factory.mktemp('program')
    good([request.param.split('-', maxsplit=1)[0], '-Wall', '-Wextra', '-Werror',
          *PROGRAMS[request.param], *flags(sdk, 'banos-loader'),
          str(sdk / 'share' / 'banos' / 'loader' / 'example.c'),
          *flags(sdk, 'banos-loader', '--libs'), '-o', 'banos-run'], folder)
    return str(folder / 'banos-run')


def test_the_loader_as_a_library_needs_nothing_and_shows_only_its_names(sdk, tmp_path):
    library = str(sdk / 'lib' / 'libbanos-loader.a')
    header = sdk / 'include' / 'banos-loader' / 'banos-loader.h'
    assert not re.search(r' [Uw] ', good(['nm', library], '/'))
    names = set(re.findall(r' [A-Z] (\w+)', good(['nm', '-g', library], '/')))
    declared = set(re.findall(r'^[\w *]*\b(banos_loader_\w+)\(', header.read_text(), re.M))
    assert names == declared
    for compiler, standard in (('gcc', 'c89'), ('gcc', 'c11'), ('g++', 'c++98'), ('clang', 'c99')):
        good([compiler, f'-std={standard}', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
              '-x', 'c++' if '+' in compiler else 'c', str(header)], tmp_path)


def test_a_program_loads_and_runs_drivers(program, sdk, tmp_path):
    for name in ('adder', 'sum', 'hello'):
        build(sdk, tmp_path, f'{name}.c', 'gcc')
    assert good([program, 'adder.o', 'sum.o', 'hello.o', '--', 'who=you'], tmp_path) == (
        'sum: 1 + 2 = 3\nhello: Hello, you!\nhello: Goodbye, you.\n'
        '0 bytes and 0 pages are left\n')
    assert sh([program, 'sum.o'], tmp_path) == (
        1, 'sum: needs adder_add, which no installed driver exports (does it belong to the '
        'driver adder?)\nsum.o: error 2\n0 bytes and 0 pages are left\n')
    (tmp_path / 'cut.o').write_bytes((tmp_path / 'hello.o').read_bytes()[:-100])
    status, output = sh([program, 'cut.o'], tmp_path)
    assert status == 1 and 'was it copied only in part?' in output
    assert output.endswith('0 bytes and 0 pages are left\n')


def test_a_program_runs_drivers_of_each_code_model(program):
    folder = os.path.join(BUILD, 'tests', 'compiled')
    for name in compiled.build_all(folder):
        if '-thunk' in name:            # the program has none
            continue
        output = good([program, os.path.abspath(f'{folder}/{name}.ko')], '/')
        assert output.endswith('0 bytes and 0 pages are left\n'), name
        if name.startswith('wide'):
            assert 'PASS wide: 8 checks' in output


def test_nothing_in_it_knows_where_it_was_made(sdk):
    for folder, _, files in os.walk(sdk):
        for name in files:
            with open(os.path.join(folder, name), 'rb') as f:
                assert os.path.abspath(SOURCE).encode() not in f.read(), name

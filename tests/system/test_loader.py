# SPDX-License-Identifier: MIT
"""Loading drivers in the running kernel: every case of tests/drivers, damaged
copies of good drivers, wrong arguments, and who may not.

The programs that do it are tests/drivers/guest/ (loadtest).
"""
import errno
import os
import re
import shlex
import sys

import pytest

import machine as machines
from conftest import repeats

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'drivers'))
import checker as checkers                      # noqa: E402
import compiled                                 # noqa: E402
import image                                    # noqa: E402
from cases import CASES, build_all              # noqa: E402

pytestmark = pytest.mark.banos
# Free memory is compared to the page: with one processor nothing is on its way
# between caches.
MACHINE = {'append': 'quiet', 'cpus': 1}

COMPILED = os.path.join(machines.BUILD, 'tests', 'compiled')
LOADTEST = os.path.join(machines.BUILD, 'tests', 'loadtest')
# Good drivers, damaged by the thousand.
ORIGINALS = ('plain', 'parameter-unknown', 'exports_and_importers',
             'every_relocation_that_there_is', 'section_numbers_in_a_table',
             'comdat_groups_are_joined', 'constructors_run',
             'an_absent_weak_import_is_0', 'undefined_symbols_that_nothing_refers_to',
             'the_got_itself', 'sections_for_tools_are_left_out',
             'records_are_aligned_by_the_loader')
# Installed after a copy that loads as the original does, and removed before it.
USERS = {'exports_and_importers': 'imports_from_a_driver'}


def FILES():
    files = {f'cases/{name}.ko': data for name, data in build_all().items()}
    files['cases/list'] = ''.join(
        f'{c.name}\t{c.params}\t{",".join(c.after)}\n' for c in CASES).encode()
    files['loadtest'] = content(LOADTEST)
    names = compiled.build_all(COMPILED)
    for name in names:
        files[f'compiled/{name}.ko'] = content(f'{COMPILED}/{name}.ko')
    files['compiled/list'] = ''.join(f'{x}\t\t\n' for x in names).encode()
    return files


def content(path):
    with open(path, 'rb') as f:
        return f.read()


def small_machine(start, *names, **options):
    """A machine with only some of the files."""
    files = FILES()
    options.setdefault('append', 'quiet')
    return start(files={k: files[k] for k in ('loadtest', *names)},
                 **options).boot()


def number(name):
    return 0 if name == 'OK' else getattr(errno, name)


def said_on_the_host(checker, case, folder, files):
    """What banos-check says of a case: the lines."""
    words = ['-q']
    for name in (*case.after, case.name):
        path = folder / f'{name}.ko'
        path.write_bytes(files[name])
        words += [path] if name == case.name else ['--with', path]
    return checker.run(*words, *shlex.split(case.params))[1].decode().splitlines()


def test_every_case(shell, tmp_path):
    output = shell.check('/loadtest cases /cases /cases/list', 120)
    assert output.endswith('done\n'), output[-2000:]
    # What the kernel itself has to say stands in between.
    told = re.findall(r'^\[[ .\d]+\] (.*)\n', output, re.M)
    assert set(told) == {
        'banos: odd called banos_absent, which this kernel does not have, '
        'without asking BANOS_HAS()'}
    output = re.sub(r'^\[[ .\d]+\] .*\n', '', output, flags=re.M)
    said, files = {}, build_all()
    for part in re.split(r'^case ', output, flags=re.M)[1:]:
        head, _, rest = part.partition('\n')
        name, dry, run = head.split()
        said[name] = (int(dry), int(run), rest)
    assert set(said) == {c.name for c in CASES}
    with checkers.Checker() as checker:
        for case in CASES:
            compare(checker, case, said[case.name], tmp_path, files)


def compare(checker, case, said, folder, files):
    dry, run, rest = said
    assert (dry, run) == (number(case.error), number(case.run)), \
        (case.name, dry, run, rest)
    lines = re.findall(r'^\| (.*)', rest, re.M)
    if case.error != 'OK':
        for words in case.words:
            assert words in '\n'.join(lines), (case.name, lines)
        # The tool on the host says the same, word by word.
        assert lines == said_on_the_host(checker, case, folder, files)
    # Whatever the reason, there is one; and nothing else was noticed.
    assert bool(lines) == (run != 0), (case.name, rest)
    for line in re.sub(r'^\| .*\n', '', rest, flags=re.M).splitlines():
        assert line == 'done', (case.name, line)


def mutants(shell, count, seed, limit_s):
    files = ' '.join(f'/cases/{x}.ko' + (f':/cases/{USERS[x]}.ko' if x in USERS else '')
                     for x in ORIGINALS)
    output = shell.check(f'/loadtest mutants {count} {seed} {files}', limit_s)
    found = re.search(r'^(\d+) refused, (\d+) loaded as something else, '
                      r'(\d+) installed$', output, re.M)
    assert found, output[-2000:]
    refused, other, installed = map(int, found.groups())
    assert refused + other + installed == count
    return refused, other, installed


def test_ten_thousand_damaged_drivers(shell):
    refused, _, installed = mutants(shell, 10000, 1, 200)
    assert refused > 2500 and installed > 500


@pytest.mark.long
def test_many_more_damaged_drivers(shell):
    refused, _, installed = mutants(shell, 300000, 2, 900)
    assert refused > 75000 and installed > 15000


def test_wrong_arguments_are_refused_in_words(shell):
    assert 'done' in shell.check('/loadtest calls /cases/plain.ko', 60)


def test_ordinary_users_learn_nothing(shell):
    output = shell.check('/loadtest privileges /cases/plain.ko', 60)
    assert output.splitlines() == [
        'ordinary user: denied', 'root for now an ordinary user: denied',
        'root without CAP_SYS_MODULE: denied',
        'ordinary user with CAP_SYS_MODULE: denied', 'done']


def test_installs_can_be_locked_until_the_next_boot(start):
    m = small_machine(start, 'cases/plain.ko')
    assert m.check('cat /proc/banos/lock').strip() == '0'
    ident = m.check('insmod /cases/plain.ko').strip()
    m.check('echo 1 >/proc/banos/lock')
    assert 'denied' in m.check('/loadtest privileges /cases/plain.ko locked')
    assert m.run('echo 0 >/proc/banos/lock')[1] != 0
    assert m.check('cat /proc/banos/lock').strip() == '1'
    output, status = m.run('insmod --allow-duplicate /cases/plain.ko')
    assert status != 0 and 'not permitted' in output
    # What is there can be used and removed.
    assert re.search(r'^odd ', m.check('lsmod'), re.M)
    m.check(f'rmmod {ident}')


def test_the_command_line_can_lock_installs(start):
    m = small_machine(start, 'cases/plain.ko', append='quiet banos.lock')
    assert m.check('cat /proc/banos/lock').strip() == '1'
    assert 'denied' in m.check('/loadtest privileges /cases/plain.ko locked')


def test_an_image_that_changes_while_it_is_read(start):
    m = small_machine(start, 'cases/parameters_of_all_kinds.ko', cpus=2)
    output = m.check('/loadtest race 4 /cases/parameters_of_all_kinds.ko', 60)
    found = re.search(r'(\d+) good, (\d+) refused, (\d+) changes', output)
    assert found and int(found[1]) and int(found[2]) and int(found[3]) > 1000


# ---------------------------------------------------------------------------
# With the kernel's own checks: the debug configuration

EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']


def test_each_allocation_of_an_installation_may_fail(start):
    cases = ('parameter-unknown', 'constructors_run', 'exports_and_importers',
             'imports_from_a_driver', 'a_got_slot_of_a_local_symbol',
             'comdat_groups_are_joined')
    m = small_machine(start, *(f'cases/{x}.ko' for x in cases),
                      kernel=machines.DEBUG_KERNEL, qemu=EXIT,
                      append='quiet qemu_exit')
    m.check('dmesg -n1')
    for name in cases:
        other = '/cases/exports_and_importers.ko' \
            if name == 'imports_from_a_driver' else ''
        output = m.check(f'/loadtest failing /cases/{name}.ko {other}', 60)
        found = re.search(r'^(\d+) allocations of a dry run, (\d+) of an '
                          r'installation\ndone$', output, re.M)
        assert found and 8 < int(found[1]) <= int(found[2]) < 200, output
    # Nothing is left that nobody knows of.
    for _ in range(3):
        leaks = m.check('sleep 0.2; cat /proc/kmemleak')
        if re.search(r'\b0 \(0 bytes\) of them leaked$', leaks.strip()):
            return
    raise AssertionError(leaks)


def test_a_dry_run_runs_nothing(start):
    """init(), exit(), a constructor and a destructor that each leave a line in
    the log: endbr64; push; call banos_absent; pop; xor %eax, %eax; ret."""
    d = image.driver('loud', text=bytes.fromhex('f30f1efa50e8000000005931c0c3'))
    d.symbol('banos_absent', bind=image.WEAK)
    d.section('.text').rela(6, image.PLT32, 'banos_absent', -4)
    d.section('.banos-driver').rela(368, image.R_64, 'init')     # exit
    for name, kind in (('.init_array', image.INIT_ARRAY),
                       ('.fini_array', image.FINI_ARRAY)):
        d.section(name, kind, image.ALLOC | image.WRITE, bytes(8), 8).rela(
            0, image.R_64, 'init')
    m = start(files={'loud.ko': bytes(d.build())}, append='quiet').boot()
    m.check('insmod --dry-run /loud.ko')
    output, status = m.run('insmod --dry-run /loud.ko nothing=1')
    assert status != 0 and 'no parameter nothing' in output
    assert 'loud' not in m.check('lsmod; dmesg | grep -v parameter || true')
    m.check('insmod /loud.ko; rmmod loud')
    assert m.check('dmesg').count('loud called banos_absent') == 4


# mov $0, %eax; then what must not be possible; ret
FORBIDDEN = {
    # movl $0, text(%rip)
    'text': ('c7050000000000000000', 2, 'text_start', 'write'),
    # movl $0, descriptor(%rip)
    'rodata': ('c7050000000000000000', 2, 'descriptor', 'write'),
    # call data
    'data': ('e80000000000000000', 1, 'data', ''),
}


@pytest.mark.parametrize('what', FORBIDDEN)
def test_nothing_is_writable_and_executable(start, what):
    """Code and constants cannot be written, data cannot be run: such a driver
    faults, and the report names it."""
    code, at, target, words = FORBIDDEN[what]
    d = image.driver('faulty', text=bytes.fromhex(
        'f30f1efa' + code + '31c0c3').ljust(32, b'\x90'))
    d.symbol('text_start', '.text', bind=image.LOCAL)
    d.symbol('descriptor', '.banos-driver', bind=image.LOCAL)
    d.section('.text').rela(4 + at, image.PC32, target,
                            -4 if what == 'data' else -8)
    m = start(files={'faulty.ko': bytes(d.build())}, append='quiet qemu_exit',
              qemu=EXIT).boot()
    m.sendline('insmod /faulty.ko')
    m.expect('end of panic', 20)
    report = content(m.log_path).decode(errors='replace')
    assert 'page fault' in report and words in report
    assert re.search(r'faulty\b.*\+0x', report), report[-3000:]


# ---------------------------------------------------------------------------
# Drivers that compilers made

def test_every_compiler_and_code_model(shell):
    output = shell.check('/loadtest cases /compiled /compiled/list', 120)
    assert output.endswith('done\n'), output[-2000:]
    results = re.findall(r'^case (\S+) (\d+) (\d+)$', output, re.M)
    assert len(results) == len(list(compiled.variants()))
    for name, dry, run in results:
        assert (dry, run) == ('0', '0'), (name, dry, run)


def said_by(shell, name, commands):
    """What a driver wrote to the log meanwhile."""
    shell.check('dmesg -c >/dev/null')
    shell.check(commands)
    return re.findall(rf'\b{name}: (.*)', shell.check('dmesg'))


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
@pytest.mark.parametrize('model', ['kernel', 'pie', 'noplt'])
def test_constructors_and_destructors(shell, compiler, model):
    lines = said_by(shell, 'order', f'insmod /compiled/order-{compiler}-'
                    f'{model}.ko; rmmod order')
    begin, leave, *end = lines
    # By priority; the others after them, as they stand.
    assert begin == 'begin abcdef' and leave == 'exit'
    assert [x.split()[-1] for x in end] == ['F', 'FE', 'FEB', 'FEBA']


def test_a_failed_init_is_followed_by_destructors_not_by_exit(shell):
    lines = said_by(shell, 'order', 'insmod /compiled/order-gcc-kernel.ko '
                    'fail 2>/dev/null || true')
    assert lines[0] == 'begin abcdef' and lines[5].startswith('init failed')
    assert [x.split()[-1] for x in lines[1:5]] == ['F', 'FE', 'FEB', 'FEBA']


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
@pytest.mark.parametrize('model', ['kernel', *repeats('pie', 'noplt')])
def test_static_objects_of_cxx(shell, compiler, model):
    lines = said_by(shell, 'objects', f'insmod /compiled/objects-{compiler}-'
                    f'{model}.ko; rmmod objects')
    begin, new, leave, *end = lines
    assert begin == 'begin abco' and leave == 'exit'
    assert new == 'end n'
    assert end == ['end o', 'end c', 'end b', 'end a']

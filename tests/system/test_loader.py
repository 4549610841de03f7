# SPDX-License-Identifier: MIT
"""Loading drivers in the running kernel: every case of tests/drivers, damaged
copies of good drivers, wrong arguments, and who may not.

The programs that do it are tests/drivers/guest/ (loadtest).
"""
import errno
import os
import re
import sys

import pytest

import machine as machines

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'drivers'))
from cases import CASES, build_all              # noqa: E402

pytestmark = pytest.mark.banos
MACHINE = {'append': 'quiet'}

LOADTEST = os.path.join(machines.BUILD, 'tests', 'loadtest')
# Good drivers, damaged by the thousand.
ORIGINALS = ('plain', 'parameter-unknown', 'exports_and_importers',
             'every_relocation_that_there_is', 'section_numbers_in_a_table',
             'comdat_groups_are_joined', 'constructors_run',
             'an_absent_weak_import_is_0')


def FILES():
    files = {f'cases/{name}.ko': data for name, data in build_all().items()}
    files['cases/list'] = ''.join(
        f'{c.name}\t{c.params}\t{",".join(c.after)}\n' for c in CASES).encode()
    with open(LOADTEST, 'rb') as f:
        files['loadtest'] = f.read()
    return files


def number(name):
    return 0 if name == 'OK' else getattr(errno, name)


def test_every_case(shell):
    output = shell.check('/loadtest cases /cases /cases/list', 120)
    assert output.endswith('done\n'), output[-2000:]
    said = {}
    for part in re.split(r'^case ', output, flags=re.M)[1:]:
        head, _, rest = part.partition('\n')
        name, dry, run = head.split()
        said[name] = (int(dry), int(run), rest)
    assert set(said) == {c.name for c in CASES}
    for case in CASES:
        dry, run, rest = said[case.name]
        assert (dry, run) == (number(case.error), number(case.run)), \
            (case.name, dry, run, rest)
        lines = re.findall(r'^\| (.*)', rest, re.M)
        if case.error != 'OK':
            for words in case.words:
                assert words in '\n'.join(lines), (case.name, lines)
        # Whatever the reason, there is one; and nothing else was noticed.
        assert bool(lines) == (run != 0), (case.name, rest)
        for line in re.sub(r'^\| .*\n', '', rest, flags=re.M).splitlines():
            assert line == 'done', (case.name, line)


def mutants(shell, count, seed, limit_s):
    files = ' '.join(f'/cases/{x}.ko' for x in ORIGINALS)
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
        'ordinary user: denied', 'root for now an ordinary user: denied', 'done']


def test_installs_can_be_locked_until_the_next_boot(start):
    files = FILES()
    m = start(files={k: files[k] for k in ('loadtest', 'cases/plain.ko')},
              append='quiet').boot()
    assert m.check('cat /proc/banos/lock').strip() == '0'
    ident = m.check('insmod /cases/plain.ko').strip()
    m.check('echo 1 >/proc/banos/lock')
    assert 'denied' in m.check('/loadtest privileges /cases/plain.ko locked')
    assert m.run('echo 0 >/proc/banos/lock')[1] != 0
    assert m.check('cat /proc/banos/lock').strip() == '1'
    output, status = m.run('insmod /cases/plain.ko')
    assert status != 0 and 'not permitted' in output
    # What is there can be used and removed.
    assert re.search(r'^odd ', m.check('lsmod'), re.M)
    m.check(f'rmmod {ident}')


def test_the_command_line_can_lock_installs(start):
    files = FILES()
    m = start(files={k: files[k] for k in ('loadtest', 'cases/plain.ko')},
              append='quiet banos.lock').boot()
    assert m.check('cat /proc/banos/lock').strip() == '1'
    assert 'denied' in m.check('/loadtest privileges /cases/plain.ko locked')


def test_an_image_that_changes_while_it_is_read(start):
    files = FILES()
    m = start(files={k: files[k] for k in (
        'loadtest', 'cases/parameters_of_all_kinds.ko')}, append='quiet',
        cpus=2).boot()
    output = m.check('/loadtest race 4 /cases/parameters_of_all_kinds.ko', 60)
    found = re.search(r'(\d+) good, (\d+) refused, (\d+) changes', output)
    assert found and int(found[1]) and int(found[2]) and int(found[3]) > 1000

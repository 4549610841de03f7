# SPDX-License-Identifier: MIT
"""The deliberate breaks of the ABI: each still applies to the tree, and a few are really tried."""
import os
import re
import subprocess
import sys

import mutate
import pytest

SOURCE = mutate.SOURCE
LISTED = mutate.mutations()
CHEAP = ('function-removed', 'inline-body', 'fields-swapped')


def of_tree(path):
    return mutate.read_text(f'{SOURCE}/{path}')


def faults(text, tmp_path):
    """Of a list that is written here."""
    (tmp_path / 'a.list').write_text(text)
    return [y for x in mutate.parse(tmp_path / 'a.list') for y in x.faults(of_tree)]


def run(build, *words):
    return subprocess.run([sys.executable, f'{SOURCE}/tests/abi/mutate.py', *words, build], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def test_each_applies_to_the_tree():
    assert not [y for x in LISTED for y in x.faults(of_tree)]
    assert len({x.name for x in LISTED}) == len(LISTED)


def test_one_that_does_not_apply_is_seen(tmp_path):
    text = ('[gone]\nwhat: x\ncheck: dump\nfile: include/banos/memory.h\n'
            '-int64_t banos_{}(\n+int64_t banos_other(\n')
    assert not faults(text.format('free'), tmp_path)
    assert '0 times' in faults(text.format('fre'), tmp_path)[0]
    assert 'does not exist' in faults(text.replace('memory.h', 'memories.h'), tmp_path)[0]
    assert 'stays as it is' in faults(text.format('other').replace('other', 'free'), tmp_path)[0]
    assert 'is unknown' in faults(text.format('free').replace('dump', 'dumps'), tmp_path)[0]


def test_several_changes_of_a_file(tmp_path):
    (tmp_path / 'a.list').write_text('[two]\nwhat: x\ncheck: dump\nfile: f\n-a\n-b\n+c\n-d\n+\nfile: g\n-e\n+f\n+g\n')
    two, = mutate.parse(tmp_path / 'a.list')
    assert two.changes == [['f', 'a\nb', 'c'], ['f', 'd', ''], ['g', 'e', 'f\ng']]


@pytest.fixture(scope='module')
def tried(tmp_path_factory):
    """A few that cost little."""
    build = tmp_path_factory.mktemp('mutations')
    before = [of_tree(x) for y in LISTED for x, _, _ in y.changes]
    done = run(build, *[word for x in CHEAP for word in ('--only', x)])
    assert before == [of_tree(x) for y in LISTED for x, _, _ in y.changes]
    return build, done


def test_a_few_are_caught(tried):
    build, done = tried
    assert done.returncode == 0, done.stdout
    assert re.findall(r'^ok \d+ - (\S+): caught by dump', done.stdout, re.M) == list(CHEAP)
    results = mutate.json.loads((build / 'abi/mutations.json').read_text())['mutations']
    assert [x['name'] for x in results] == [x.name for x in LISTED if x.name in CHEAP]
    assert all(x['caught'] == ['dump'] and x['seconds'] >= 0 for x in results)


def test_what_is_known_is_not_tried_again(tried):
    done = run(tried[0], '--only', CHEAP[0])
    assert done.returncode == 0 and '(before)' in done.stdout, done.stdout


def test_one_that_nothing_catches_is_a_failure(tmp_path, monkeypatch, capsys):
    harmless = mutate.Mutation('harmless')
    harmless.what, harmless.checks = 'a comment', ['dump']
    harmless.changes = [['include/banos/memory.h', '#define BANOS_MEMORY_H', '#define BANOS_MEMORY_H /* x */']]
    runner = mutate.Runner(str(tmp_path), 1, False)
    result, = runner.run_all([harmless])
    assert runner.failed == 1 and not result['caught'] and 'dump: green' in result['words']
    assert 'not ok 1 - harmless: caught by nothing' in capsys.readouterr().out


def test_the_page_lists_all_of_them():
    if not os.path.exists(mutate.PAGE):
        pytest.fail(f'{mutate.PAGE} does not exist: tests/abi/mutate.py --table build')
    rows = re.findall(r'^\| ([a-z0-9-]+) \| (.*) \| (.*) \|$', mutate.read_text(mutate.PAGE), re.M)[1:]
    assert [(x, y) for x, y, _ in rows] == [(x.name, x.what) for x in LISTED]
    assert not [x for x, _, by in rows if 'nothing' in by]

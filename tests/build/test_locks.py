# SPDX-License-Identifier: MIT
"""The check on functions that need a lock: does it see one that does not assert it?"""
import subprocess

import pytest

from conftest import SOURCE

TEXT = '''
static int item_count_locked(struct item *item)
{
	assert_held(&item->lock);
	return item->count;
}
'''


def failures(tree, text):
    (tree / 'lib').mkdir(exist_ok=True)
    (tree / 'lib/item.c').write_text(text)
    done = subprocess.run(['scripts/check-locks.py', str(tree)], cwd=SOURCE, text=True,
                          stdout=subprocess.PIPE, check=False)
    found = [x[2:] for x in done.stdout.splitlines() if x.startswith('# ')]
    assert bool(found) == bool(done.returncode)
    return found


def test_a_function_that_asserts_its_lock_passes(tmp_path):
    assert failures(tmp_path, TEXT) == []
    assert failures(tmp_path, TEXT.replace('assert_held(', 'assert_held_write(')) == []


def test_a_function_without_an_assertion_is_found(tmp_path):
    assert failures(tmp_path, TEXT.replace('assert_held', 'look_at')) == [
        'lib/item.c:2: item_count_locked() has no assert_held()']


def test_an_assertion_in_a_comment_is_none(tmp_path):
    assert failures(tmp_path, TEXT.replace('assert_held(&item->lock);',
                                           '/* assert_held(&item->lock); */'))


@pytest.mark.parametrize('text', [
    'bool item_is_locked(struct item *item)\n{\n\treturn item->locked;\n}\n',
    'int item_count_locked(struct item *item);\n',
    'int f(struct item *item)\n{\n\treturn item_count_locked(item);\n}\n'])
def test_predicates_declarations_and_calls_need_none(tmp_path, text):
    assert failures(tmp_path, TEXT + text) == []


def test_a_tree_without_such_functions_is_not_taken_for_a_good_one(tmp_path):
    assert failures(tmp_path, 'int x;\n') == ['none found']

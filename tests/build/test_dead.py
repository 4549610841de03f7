# SPDX-License-Identifier: MIT
"""The checks of unused code and of references to files and functions that do not exist."""
import os
import subprocess

import pytest

from conftest import SOURCE

HEADER = '''
#pragma once
#define LIMIT 4
enum state { STATE_IDLE, STATE_BUSY };
struct item {
	int count;
	void (*call)(int);
	struct { int inner; } part;
};
int item_size(const struct item *item);
'''
SOURCE_TEXT = '''
#include <item.h>
/* See lib/item.h. */
static int helper(const struct item *item)
{
	return item->count + item->part.inner + LIMIT;
}
int item_size(const struct item *item)
{
	if (item->call)
		item->call(STATE_IDLE);
	return helper(item) + STATE_BUSY;
}
EXPORT(item_size);
'''


@pytest.fixture
def tree(tmp_path):
    (tmp_path / 'lib').mkdir()
    (tmp_path / 'scripts').mkdir()
    (tmp_path / 'Documentation').mkdir()
    (tmp_path / 'lib/Makefile').write_text('obj-y += item.o\n')
    (tmp_path / 'lib/item.h').write_text(HEADER)
    (tmp_path / 'lib/item.c').write_text(SOURCE_TEXT)
    (tmp_path / 'Documentation/page.md').write_text('# A title\n[it](page.md#a-title) lib/item.c\n')
    return tmp_path


def failures(tree, script):
    done = subprocess.run([f'scripts/{script}.py', str(tree)], cwd=SOURCE, text=True,
                          stdout=subprocess.PIPE, check=False)
    found = [x[2:] for x in done.stdout.splitlines() if x.startswith('# ')]
    assert bool(found) == bool(done.returncode)
    return found


def dead(tree, old=None, new=None, where='lib/item.c'):
    if old is not None:
        text = (tree / where).read_text()
        assert old in text
        (tree / where).write_text(text.replace(old, new))
    return [x.split(': ', 1)[1] for x in failures(tree, 'check-dead')]


def test_a_tree_without_anything_dead_passes(tree):
    assert dead(tree) == []


def test_a_function_that_nobody_calls_is_found(tree):
    assert dead(tree, 'EXPORT(item_size);', '') == [
        'function helper', 'function item_size', 'macro LIMIT', 'constant STATE_IDLE',
        'constant STATE_BUSY']


@pytest.mark.parametrize('text', [
    'void alone(int count)\n{\n\tif (count)\n\t\talone(count - 1);\n}\n',
    'int *alone(void) __printf(1, 2);\nint *alone(void)\n{\n\treturn 0;\n}\n',
    'static inline __cold void alone(int a)\n{\n}\n'])
def test_calls_of_itself_and_prototypes_are_no_uses(tree, text):
    assert dead(tree, 'EXPORT(', text + 'EXPORT(') == ['function alone']


@pytest.mark.parametrize('where, text', [
    ('lib/table.S', '\tcall alone\n'), ('scripts/gdb/tool.py', 'alone = 1\n')])
def test_assembly_and_the_debugger_are_users(tree, where, text):
    (tree / where).parent.mkdir(exist_ok=True)
    (tree / where).write_text(text)
    (tree / 'lib/Makefile').write_text('obj-y += item.o table.o\nx := tool.py\n')
    assert dead(tree, 'EXPORT(', 'void alone(void)\n{\n}\nEXPORT(') == []


def test_tables_macros_and_pasted_names_are_users(tree):
    text = '''
#define CALL(name) call_##name
#define TWICE(x) (twice(x) + twice(x))
static int call_first(int a) { return a; }
static int twice(int a) { return a; }
typedef int call_fn(int);
static call_fn *const table[] = { CALL(first) };
EXPORT(table);
int pair(void) { return TWICE(2); }
EXPORT(pair);
EXPORT('''
    assert dead(tree, 'EXPORT(', text) == []
    assert dead(tree, 'TWICE(2)', '2') == ['function twice', 'macro TWICE']
    assert dead(tree, 'EXPORT(table);', '') == [
        'function twice', 'variable table', 'macro CALL', 'macro TWICE']


def test_macros_and_constants_that_nobody_uses_are_found(tree):
    assert dead(tree, 'STATE_BUSY }', 'STATE_BUSY, STATE_GONE }\n#define UNUSED 2\n',
                'lib/item.h') == ['constant STATE_GONE', 'macro UNUSED']


def test_fields_that_nobody_reads_are_found(tree):
    assert dead(tree, 'int count;', 'int count, hits, last, none, reserved0, used[2];',
                'lib/item.h') == [f'item.{x} is never used' for x in
                                  ('hits', 'last', 'none', 'used')]
    assert dead(tree, '\treturn helper(item)', '\titem->hits++;\n\titem->last = 2;\n'
                '\titem->used[item->last] = 0;\n\treturn helper(item)') == [
        'item.hits is written and never read', 'item.none is never used',
        'item.used is written and never read']
    assert dead(tree, '\treturn helper(item)', '\tkeep(&item->used, offsetof(struct item, none));\n'
                '\treturn item->hits++ + helper(item)') == []


@pytest.mark.parametrize('store', ['WRITE_ONCE(item->count', 'smp_store_release(&item->count'])
def test_a_field_that_a_macro_writes_is_not_read_by_that(tree, store):
    assert dead(tree, 'return item->count + ', f'{store}, item->part.inner);\n\treturn ') == [
        'item.count is written and never read']


def test_an_exception_that_is_used_is_found(tree):
    assert dead(tree, 'int helper(', 'int asm_offsets(') == []
    assert dead(tree, 'return helper(', 'return asm_offsets(') == [
        'asm_offsets stands in KEPT, and is used']


def test_files_that_nobody_builds_or_includes_are_found(tree):
    (tree / 'lib/lost.c').write_text('')
    (tree / 'lib/lost.h').write_text('')
    (tree / 'scripts/lost-one.py').write_text('')
    assert failures(tree, 'check-dead') == [
        'lib/lost.c: no Makefile builds it', 'lib/lost.h: nobody includes it',
        'scripts/lost-one.py: nothing names it']


def test_references_to_files_that_exist_pass(tree):
    assert failures(tree, 'check-references') == []


@pytest.mark.parametrize('where, text, found', [
    ('lib/item.c', '/*\n * In lib/\n * other_item.c. */\n', 'other_item.c'),
    ('lib/item.c', '// include/item.h has it\n', 'include/item.h'),
    ('lib/item.c', '/* See\n * item_none(). */\n', 'item_none()'),
    ('lib/item.c', '/* count() is no function, helper() is one. */\n', 'count()'),
    ('lib/Makefile', '# made by scripts/maker.py\n', 'scripts/maker.py'),
    ('Documentation/page.md', 'in `lib/sub/`', 'lib/sub/'),
    ('Documentation/page.md', '[x](none.md)', 'none.md'),
    ('Documentation/page.md', '[x](page.md#no-title)', 'page.md#no-title')])
def test_references_to_what_does_not_exist_are_found(tree, where, text, found):
    with open(tree / where, 'a', encoding='utf-8') as f:
        f.write(text)
    results = failures(tree, 'check-references')
    assert results and all(x.endswith(': ' + found) for x in results)


@pytest.mark.parametrize('text', [
    '/* Linux mm/mmap.c does it. */', '/* <stdint.h>, test_NAME.c */', 'char *x = "lib/none.c";',
    '/* The end of a path: item.c. */', '/* x.count of it */',
    '/* helper(), item->call(), EXPORT(), posix_spawn() */', '/* copy_page() of Linux */',
    'static struct item x = { .call = 0 }; /* call() */'])
def test_other_words_are_no_references(tree, text):
    with open(tree / 'lib/item.c', 'a', encoding='utf-8') as f:
        f.write(text)
    assert failures(tree, 'check-references') == []

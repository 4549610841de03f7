# SPDX-License-Identifier: MIT
"""The script that measures how sources read: does it count what it names?"""
import os
import re
import subprocess

import pytest

from conftest import SOURCE

SCRIPT = os.path.join(SOURCE, 'scripts/style-figures.py')
GLOSSARY = '''
| `z` | void | not in the table |
## Short names
| name | type | meaning |
|---|---|---|
| `i` | index | of a loop |
| `p` | struct process | a process |
| `fd` | | number of an open file |
'''


@pytest.fixture
def figures(tmp_path):
    def measure(text, *options):
        (tmp_path / 'x.c').write_text(text)
        (tmp_path / 'glossary.md').write_text(GLOSSARY)
        return subprocess.run(
            [SCRIPT, '--glossary', 'glossary.md', *options, 'x.c'], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, check=True).stdout
    return measure


@pytest.fixture
def places(figures):
    """What is found of a kind, as "line: text"."""
    return lambda what, text: [x.split(':', 1)[1] for x in
                               figures(text, '--list', what).splitlines()]


def value(output, title):
    return float(re.search(rf'^{title}: *([\d.]+)', output, re.M)[1])


def function(body):
    return 'void function(void)\n{\n\t' + body + '\n}\n'


def lines_of(found):
    return [int(x.split(':')[0]) for x in found]


def test_uses_of_names_leave_out_types_tags_constants_and_calls(figures):
    text = '''
#include <x.h>
/* a b c */
struct s;
typedef struct s t;
static u32 count(struct s *p, t other, uint32_t n __attribute__((unused)))
{
	const char *text = "a b c"; // a b
	int d = 'x' + 0x1fu + MAXIMUM;
	goto z;
z:
	return call(p->other, text, d);
}
'''
    output = figures(text)
    # p other n text d z p other text d
    assert '10 uses of names' in output
    assert value(output, 'names of one letter') == 60.0
    # Without p.
    assert value(output, 'short names the glossary lacks') == 40.0


def test_the_glossary_allows_names_in_its_table_only(figures):
    output = figures('int fd, ab, z, i, name;\n')
    assert value(output, 'names of one letter') == 40.0
    assert value(output, 'short names the glossary lacks') == 40.0


def test_a_letter_of_the_glossary_is_of_its_type(places):
    found = places('letters', '''
void first(struct process *p, struct page *q, int i);
void second(const struct page *p, u32 fd);
void third(struct inode *i, unsigned *p);
''')
    assert found == ['3: p is struct page *', '4: i is struct inode *', '4: p is unsigned *']


def test_conditional_operators_are_counted_in_macros_but_not_in_comments(figures):
    output = figures('/* ? */\n#define A(x) ((x) ? 1 : 2)\n' + function('x = "?" ? y : \'?\';') +
                     '\n' * 4)
    assert value(output, 'conditional operators') == 200.0


@pytest.mark.parametrize('statement', [
    'x = a ? b : c ? d : e;', 'x = a ? b ? c : d : e;', 'x = a ? f(b ? c : d) : e;',
    'x = (a ? b : c) ? d : e;', 'x = a ?: b ?: c;', 'return (u32)(a ? b : c) ? d : e;',
    'if (a ? (b ? c : d) : e)\n\t\treturn;'])
def test_nested_conditional_operators_are_found(places, statement):
    assert lines_of(places('nested', function(statement))) == [3]
    assert places('effect', function(statement)) == []


@pytest.mark.parametrize('statement', [
    'x = (a ? b : c) + (d ? e : f);', 'call(a ? b : c, d ? e : f);', 'x[a ? b : c] = d ? e : f;',
    'if (a ? b : c)\n\t\tx = d ? e : f;', 'struct s x = { a ? b : c, .d = e ? f : g };',
    'if (a) {\n\t\tx = a ? b : c;\n\t}\n\ty = d ? e : f;',
    'for_each(x, a ? b : c)\n\t\ty = d ? e : f;'])
def test_conditional_operators_side_by_side_are_not_nested(places, statement):
    assert places('nested', function(statement)) == []


@pytest.mark.parametrize('statement', [
    'x = a ? b++ : c;', 'x = a-- ? b : c;', 'x = a ? (b = 1) : c;', 'x = a ? f(b += 1) : c;',
    'a ? f() : g();', 'case 1: a ? f() : g();'])
def test_conditional_operators_with_side_effects_are_found(places, statement):
    assert lines_of(places('effect', function(statement))) == [3]


@pytest.mark.parametrize('statement', [
    'x += a == b ? c <= d : e != f;', 'case 1: return a ? b : c;', 'x[i++] = a ? b : c;',
    'x = a ? -1 : b - -c;', 'default: x = a ? b : c;'])
def test_other_conditional_operators_have_no_side_effect(places, statement):
    assert places('effect', function(statement)) == []


@pytest.mark.parametrize('statement', [
    'a = 1, b = 2;', 'return a, b;', 'if (a, b)\n\t\treturn;', 'x = (a = 1, b);', 'f(), g();',
    'out: a++, b++;', 'while (f(), a)\n\t\tg();'])
def test_comma_operators_are_found(places, statement):
    assert lines_of(places('comma', function(statement))) == [3]


@pytest.mark.parametrize('statement', [
    'int a = 1, b = 2;', 'struct s *a, *b;', 'some_type a, b;', 'some_type *a, *b;',
    'f(a, b);', 'for (i = 0, j = 1; i < j; i++, j--)\n\t\tf(i, j);',
    'int a[] = { 1, 2, f(3, 4) }, b;', 'struct s x = { .a = 1, .b = { 2, 3 }, };',
    'f((struct s){ 1, 2 }, 3);', 'enum { A, B, C };', 'asm volatile("x" : "=r"(a), "=r"(b));',
    'int (*call)(int, int) = (int (*)(int, int))a;', 'static const u32 *a, b;',
    'int a __attribute__((aligned(8), used));'])
def test_other_commas_are_no_operators(places, statement):
    assert places('comma', function(statement)) == []


def test_long_functions_and_files_are_found(places):
    def lines(count):
        return '\n'.join(['\tcall();'] * count)
    text = f'static int\nshort_one(void)\n{{\n{lines(57)}\n}}\n' \
           f'#define BROKEN {{ (\nint long_one(int a,\n\tint b)\n{{\n{lines(57)}\n}}\n' \
           f'static const int table[] = {{\n{lines(100)}\n}};\n'
    assert places('functions', text) == ['63: long_one: 61 lines']
    assert places('files', text) == []
    assert places('files', '\n' * 701) == ['1: 701 lines']


def test_braces_in_both_branches_of_a_condition_spoil_nothing(places):
    text = 'void f(void)\n{\n#ifdef A\n\tif (a) {\n#else\n\tif (b) {\n#endif\n\t}\n}\n'
    text += function('x = a ? b : c ? d : e;\n' + '\n' * 60)
    assert places('nested', text) == ['12: ?: in ?:']
    assert places('functions', text) == ['10: function: 65 lines']


def test_a_tree_above_its_limits_is_refused(tmp_path):
    def run():
        return subprocess.run([SCRIPT, '--check', f'kernel={tmp_path}'], cwd=SOURCE, text=True,
                              stdout=subprocess.PIPE, check=False)
    (tmp_path / 'x.c').write_text('int number_of_things;\n' * 2)
    assert run().returncode == 0 and 'not ok' not in run().stdout
    (tmp_path / 'x.c').write_text('int n;\n' * 2)
    done = run()
    assert done.returncode == 1
    assert [x for x in done.stdout.splitlines() if x.startswith('not ok')] == [
        x for x in done.stdout.splitlines() if 'names of one letter' in x or 'lacks' in x]
    # Nothing to measure is a mistake in the list of folders, and no good result.
    (tmp_path / 'x.c').unlink()
    assert run().returncode == 1

# SPDX-License-Identifier: MIT
"""scripts/check-names.py: does it find what it looks for?"""
import os
import subprocess

from conftest import SOURCE

SCRIPT = os.path.join(SOURCE, 'scripts/check-names.py')


def check(tree, **files):
    for name, text in files.items():
        os.makedirs(tree / 'lib', exist_ok=True)
        (tree / 'lib' / f'{name}.c').write_text(text)
    run = subprocess.run([SCRIPT, str(tree)], text=True, stdout=subprocess.PIPE)
    return run.returncode, [x for x in run.stdout.splitlines() if x.startswith('#')]


def test_a_local_function_of_one_word_is_found(tmp_path):
    status, found = check(tmp_path, a='static int put(int byte)\n{\n\treturn byte;\n}\n')
    assert status == 1 and found == ['# lib/a.c:1: put']


def test_one_name_in_two_files_is_found(tmp_path):
    text = 'static inline void queue_put(void)\n{\n}\n'
    status, found = check(tmp_path, a=text, b='int x;\n' + text)
    assert status == 1 and found == ['# queue_put: lib/a.c:1, lib/b.c:2']


def test_names_of_public_functions_tables_and_macros_are_left_alone(tmp_path):
    status, found = check(tmp_path, a='''static const int table[] = { 1 };
static int queue_get(void);
void put(void)
{
}
#define QUEUE(name) static void name(void)
SYSCALL0(getpid)
{
}
''')
    assert (status, found) == (0, [])

# SPDX-License-Identifier: MIT
"""The check of layers sees a call upwards in a kernel's objects, and an upcall that is none."""
import shutil
import subprocess
import sys

import pytest

from conftest import SOURCE, long

UPCALLS = '''
#pragma once
#include <asm/ptrace.h>
struct trap {
	int number; /** not an upcall (mm/page.c) */
};
/** Handle it (kernel/irq.c). */
void upcall_irq(int vector);
/** The calls (init/table.c). */
extern const call_fn call_table[4];
'''
OBJECTS = {
    'lib/text.c': 'int text_length(void) { return 1; }',
    'arch/x86_64/traps.c': 'void upcall_irq(int); extern void *call_table[4];'
                           'void trap(void) { upcall_irq(1); call_table[0] = 0; }',
    'kernel/irq.c': 'int text_length(void); void trap(void); int (*fn)(void) = text_length;'
                    'void upcall_irq(int n) { trap(); }',
    'kernel/process/exec.c': 'int weak_call(void) { return 0; }',
    'banos/init.c': 'int banos_number;',
    'init/table.c': 'void *call_table[4];',
}


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(f'{SOURCE}/scripts', tmp_path / 'scripts')
    for path, text in {**OBJECTS, 'include/kernel/upcalls.h': UPCALLS}.items():
        write(tmp_path, path, text)
    return tmp_path


def write(tree, path, text):
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text('/* SPDX-License-Identifier: MIT */\n' + text + '\n')


def failures(tree):
    """What the check says of the symbols of this tree, built."""
    names = []
    for path in sorted(tree.glob('*/**/*.c')):
        name = path.relative_to(tree).with_suffix('.o')
        (tree / 'build' / name).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(['gcc', '-c', path, '-o', tree / 'build' / name], check=True)
        names.append(f'build/{name}')
    (tree / 'build/.banos.elf.cmd').write_text('ld -o build/banos.elf ' + ' '.join(names) + '\n')
    done = subprocess.run([sys.executable, 'scripts/check-layers.py', '--kernel', 'build'], cwd=tree,
                          stdout=subprocess.PIPE, text=True, check=False)
    found = [x[2:] for x in done.stdout.splitlines() if x.startswith('# ')]
    assert bool(found) == bool(done.returncode)
    return found


def test_calls_downwards_and_upcalls_are_allowed(tree):
    assert not failures(tree)


@pytest.mark.parametrize('lower,higher', [
    ('lib/text.c', 'kernel/irq.c'), *long(
        ('mm/page.c', 'kernel/irq.c'), ('kernel/irq.c', 'fs/file.c'), ('fs/file.c', 'banos/init.c'),
        ('banos/init.c', 'init/main.c'), ('kernel/base/panic.c', 'mm/page.c')),
    ('mm/page.c', 'mm/vm_map.c'), ('arch/x86_64/traps.c', 'arch/x86_64/apic.c')])
def test_call_upwards_is_found(tree, lower, higher):
    write(tree, higher, OBJECTS.get(higher, '') + 'int planted_target(void) { return 2; }')
    write(tree, lower, OBJECTS.get(lower, '') + 'int planted_target(void);'
          'int planted(void) { return planted_target(); }')
    found = failures(tree)
    assert len(found) == 1 and found[0].startswith(f'{lower}: layer ')
    assert f'uses planted_target of {higher}' in found[0]


def test_variable_and_function_pointer_count_too(tree):
    write(tree, 'kernel/irq.c', OBJECTS['kernel/irq.c'] + 'extern int banos_number;'
          'int *planted = &banos_number;')
    assert [x.split(':')[0] for x in failures(tree)] == ['kernel/irq.c']


def test_what_takes_the_place_of_a_weak_stand_in_counts(tree):
    write(tree, 'kernel/irq.c', OBJECTS['kernel/irq.c'] +
          '__attribute__((weak)) int weak_call(void) { return -1; }'
          'int planted(void) { return weak_call(); }')
    # Within one object the compiler asks the linker, so it stands in its table of symbols.
    write(tree, 'kernel/wait.c', 'int weak_call(void); int other(void) { return weak_call(); }')
    found = failures(tree)
    assert len(found) == 1 and 'uses weak_call of kernel/process/exec.c' in found[0]


def test_calls_within_a_layer_are_allowed(tree):
    write(tree, 'fs/file.c', 'int exec(void); int file(void) { return exec(); }')
    write(tree, 'kernel/process/exec.c', OBJECTS['kernel/process/exec.c'] +
          'int file(void); int exec(void) { return file(); }')
    assert not failures(tree)


@pytest.mark.parametrize('declaration,problem', [
    ('/** Ask (lib/text.c). */\nint text_length(void);', 'is no upcall'),
    ('/** Missing (kernel/irq.c). */\nvoid upcall_missing(void);', 'is not defined in this kernel'),
    ('/** Of nobody (banos/init.c). */\nextern int banos_number[1];', 'is no upcall'),
])
def test_upcall_that_is_none_is_found(tree, declaration, problem):
    write(tree, 'include/kernel/upcalls.h', UPCALLS + declaration)
    found = failures(tree)
    assert len(found) == 1 and found[0].startswith('include/kernel/upcalls.h: ')
    assert problem in found[0]


def test_upcall_with_another_file_in_its_comment_is_found(tree):
    write(tree, 'include/kernel/upcalls.h', UPCALLS.replace('(kernel/irq.c)', '(kernel/wait.c)'))
    assert failures(tree) == ['include/kernel/upcalls.h: the comment of upcall_irq does not name '
                              'kernel/irq.c, which defines it']

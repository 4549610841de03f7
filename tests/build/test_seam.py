# SPDX-License-Identifier: MIT
"""The check of the seam between kernel and machine: does it see what is planted?"""
import os
import subprocess
import sys

import pytest

from conftest import SOURCE

CLEAN = '''/* SPDX-License-Identifier: MIT */
#include <asm/pgtable.h>
/* A word in a message is no name. */
const char *text = "orig_rax of the APIC";
static inline void forget(void)
{
	__asm__ volatile("" ::: "memory");
}
'''


def run_check(tree, *options):
    result = subprocess.run([sys.executable, f'{SOURCE}/scripts/check-seam.py', '--tree', tree,
                             *options], capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


@pytest.fixture
def tree(tmp_path):
    (tmp_path / 'mm').mkdir()
    (tmp_path / 'mm/clean.c').write_text(CLEAN, encoding='utf-8')
    return tmp_path


def test_clean_tree_passes(tree):
    status, output = run_check(tree)
    assert status == 0 and 'not ok' not in output


@pytest.mark.parametrize('text, found', [
    ('u64 get(struct pt_regs *regs) { return regs->rax; }', 'mm/new.c:1: names rax'),
    ('\n\nbool is(u64 e) { return e & PTE_W; }', 'mm/new.c:3: names PTE_W'),
    ('void end(void) { apic_eoi(); }', 'names apic_eoi'),
    ('int kind = R_X86_64_PC32;', 'names R_X86_64_PC32'),
    ('int flags = X86_EFLAGS_IF;', 'names X86_EFLAGS_IF'),
    ('/* One line,\n * then r11 has it. */', 'mm/new.c:2: a comment names r11'),
    ('void stop(void) { __asm__ volatile("hlt"); }', 'mm/new.c:1: instructions belong'),
    ('#define STOP \\\n\tasm("cli")', 'instructions belong'),
    ('#include <asm/apic.h>', 'mm/new.c:1: <asm/apic.h> is between'),
])
def test_planted_word_is_found(tree, text, found):
    (tree / 'mm/new.c').write_text(text + '\n', encoding='utf-8')
    status, output = run_check(tree)
    assert status == 1 and found in output


def test_assembly_outside_of_arch_is_found(tree):
    (tree / 'mm/new.S').write_text('nop\n', encoding='utf-8')
    status, output = run_check(tree)
    assert status == 1 and 'mm/new.S: assembly belongs' in output


def test_symbol_outside_of_the_contract_is_found(tree):
    def compile_object(name, text):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(['gcc', '-c', '-x', 'c', '-', '-o', path], input=text, text=True, check=True)

    headers = tree / 'arch/x86_64/include'
    os.symlink(f'{SOURCE}/arch', tree / 'arch')
    assert headers.exists()
    out = tree / 'out'
    compile_object('out/arch/x86_64/x.o', 'void secret_door(void) {} void apic_write(void) {}')
    compile_object('out/mm/a.o', 'void secret_door(void); void a(void) { secret_door(); }')
    compile_object('out/mm/b.o', 'void apic_write(void); void b(void) { apic_write(); }')
    status, output = run_check(tree, '--objects', out)
    assert status == 1
    assert 'mm/a.o: uses secret_door' in output and 'mm/b.o: uses apic_write' in output

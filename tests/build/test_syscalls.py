# SPDX-License-Identifier: MIT
"""The list of system calls: wrong lines are refused, and what differs from it is found."""
import os
import subprocess
import sys

import pytest

from conftest import SOURCE

LIST = f'{SOURCE}/kernel/process/syscalls.list'
DUP = '32      dup                     fs              done      4  fd\n'

# What is done to the line of dup(), and what the generator has to say.
WRONG = {
    'few_columns': ('32 dup fs done\n', '4 columns; a call has at least'),
    'no_number': ('x32 dup fs done 4 fd\n', '"x32" is not a number'),
    'octal': ('032 dup fs done 4 fd\n', '"032" is not a number'),
    'no_table': ('512 dup fs done 4 fd\n', 'dup: number 0x200 is in no table'),
    'past_banos': ('0x42010 dup fs done 4 fd\n', 'number 0x42010 is in no table'),
    'descending': ('7 dup fs done 4 fd\n', 'dup: number 0x7 does not follow 0x1f (shmctl)'),
    'taken': ('31 dup fs done 4 fd\n', 'dup: number 0x1f does not follow 0x1f (shmctl)'),
    'bad_name': ('32 Dup fs done 4 fd\n', '"Dup" is not the name of a call'),
    'twice': ('32 read fs done 4 fd\n', 'read stands here twice'),
    'bad_folder': ('32 dup fs/ done 4 fd\n', '"fs/" is not a folder, folder:OPTION or "-"'),
    'bad_option': ('32 dup fs:net done 4 fd\n', '"fs:net" is not a folder'),
    'bad_state': ('32 dup fs finished 4 fd\n', 'dup: the state is "finished", not one of done'),
    'no_folder': ('32 dup - done 4 fd\n', 'dup: a call that is done needs the folder'),
    'partly_where': ('32 dup - partial 4 fd -- half\n', 'a call that is partial needs the folder'),
    'partly_why': ('32 dup fs partial 4 fd\n', 'dup: partial needs a remark that says why'),
    'never_why': ('32 dup - never 0 fd\n', 'dup: never needs a remark that says why'),
    'never_where': ('32 dup fs never 0 fd -- no\n', 'a call that never comes has no function'),
    'never_fuzzed': ('32 dup - never 4 fd -- no\n', 'dup: the fuzzer does not make a call'),
    'silent_why': ('32 dup fs not-yet 4 fd\n', 'dup: not-yet needs a remark that says why'),
    'done_but': ('32 dup fs done 4 fd -- but\n', 'dup: a call that is done has no remark'),
    'no_remark': ('32 dup fs done 4 fd -- \n', 'no kind of arguments is called "--"'),
    'bad_weight': ('32 dup fs done -1 fd\n', 'dup: the weight is "-1", not 0 to 255'),
    'big_weight': ('32 dup fs done 256 fd\n', 'dup: the weight is "256", not 0 to 255'),
    'bad_kind': ('32 dup fs done 4 file\n', 'dup: no kind of arguments is called "file"'),
    'seven': ('32 dup fs done 4' + 7 * ' fd' + '\n', 'dup: 7 arguments; a call has at most 6'),
    'kind_twice': ('kind fd again\n', 'the kind fd stands here twice'),
    'kind_without': ('kind file\n', 'a kind has a name and a meaning'),
    'bad_kind_name': ('kind Fd again\n', '"Fd" is not the name of a kind'),
}


def run(script, *args):
    return subprocess.run([sys.executable, f'{SOURCE}/scripts/{script}', *args], cwd=SOURCE,
                          capture_output=True, text=True, timeout=60, check=False)


def changed_list(folder, new):
    """A copy of the list with another line for dup(). Return (path, the line's number)."""
    with open(LIST, encoding='utf-8') as f:
        text = f.read()
    assert text.count(DUP) == 1
    path = os.path.join(folder, 'list')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text.replace(DUP, new))
    return path, text[:text.index(DUP)].count('\n') + 1


@pytest.mark.parametrize('name', WRONG)
def test_a_wrong_line_is_refused(tmp_path, name):
    line, complaint = WRONG[name]
    path, number = changed_list(tmp_path, line)
    result = run('gen-syscalls.py', path, '--kernel', f'{tmp_path}/out')
    assert result.returncode == 1 and f'{path}:{number}: ' in result.stderr, result.stderr
    assert complaint in result.stderr
    assert not os.path.exists(f'{tmp_path}/out')


def test_an_empty_list_is_refused(tmp_path):
    path = tmp_path / 'list'
    path.write_text('# nothing\n')
    result = run('gen-syscalls.py', str(path), '--page', f'{tmp_path}/page')
    assert result.returncode == 1 and 'there is no call in it' in result.stderr


def test_the_tree_agrees_with_the_list():
    result = run('check-syscalls.py')
    assert result.returncode == 0 and 'not ok' not in result.stdout, result.stdout


@pytest.mark.parametrize('line, complaint', [
    ('', 'Linux has the call dup (32); the list lacks it'),
    ('', 'sys_dup() is in no line of the list'),
    ('32 dap fs done 4 fd\n', 'dap (32) is no call of Linux 6.1'),
    ('32 dap fs done 4 fd\n', 'the list says that dap is done, but no file has SYSCALLn(dap)'),
    ('32 dup net done 4 fd\n', 'sys_dup() is not in net/, as the list says'),
    ('32 dup - not-yet 4 fd\n', 'sys_dup() exists, but the list says not-yet and no folder'),
    ('32 dup fs done 4 fd fd\n', 'sys_dup() has 1 arguments, the list 2'),
    ('32 dup fs:NO_OPTION done 4 fd\n', 'dup: no Kconfig has the option NO_OPTION'),
    ('32 dup fs partial 4 fd -- slow\n', 'system-calls.md is not what the list makes'),
])
def test_what_differs_from_the_list_is_found(tmp_path, line, complaint):
    path, _ = changed_list(tmp_path, line)
    result = run('check-syscalls.py', '--list', path)
    assert result.returncode == 1 and 'not ok' in result.stdout
    assert complaint in result.stdout


def test_another_number_than_linux_is_found(tmp_path):
    headers = tmp_path / 'unistd_64.h'
    headers.write_text('#define __NR_dup 33\n')
    result = run('check-syscalls.py', '--headers', str(headers))
    assert 'dup is 33 on Linux and 32 in the list' in result.stdout


def test_each_number_leads_to_a_function(tmp_path):
    result = run('gen-syscalls.py', LIST, '--kernel', str(tmp_path))
    assert result.returncode == 0, result.stderr
    text = (tmp_path / 'init' / 'syscall_table.c').read_text()
    linux = text[text.index('syscall_table'):text.index('syscall_banos_table')]
    slots = []
    for line in linux.splitlines():
        if line.startswith('\t['):
            first, _, last = line[2:line.index(']')].partition(' ... ')
            slots += range(int(first), int(last or first) + 1)
    assert slots == list(range(512))
    assert '\t[41] = IS_ENABLED(CONFIG_NET_SOCKETS) ? sys_socket : sys_ni,\n' in linux
    assert '\t[335 ... 423] = sys_ni,\n' in linux and '\t[451 ... 511] = sys_ni,\n' in linux

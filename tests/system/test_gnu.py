# SPDX-License-Identifier: MIT
"""Dynamic programs of Debian, as the host has them: what they ask of a kernel
and BusyBox does not."""
import re
import subprocess

PROGRAMS = ['grep', 'cat', 'tee']


def FILES():
    """The programs in /gnu, and the libraries that they name."""
    files = {}
    for name in PROGRAMS:
        path = subprocess.check_output(['which', name], text=True).strip()
        needed = subprocess.check_output(['ldd', path], text=True)
        files[f'gnu/{name}'] = path
        files.update({lib: lib for lib in re.findall(r'(/\S+) \(0x', needed)})
    for inside, path in files.items():
        with open(path, 'rb') as f:
            files[inside] = f.read()
    return files


def test_grep_of_a_pipe_into_null(shell):
    # It splices to where nobody reads; ENOSYS is an I/O error for it.
    assert shell.check('seq 5000 | /gnu/grep 5 >/dev/null; echo $?') == '0\n'
    shell.check('seq 100000 >n')
    for pattern, status in ('5', 0), ('x', 1):
        assert shell.check(f'cat n | /gnu/grep {pattern} >/dev/null; '
                           'echo $?') == f'{status}\n'
    assert shell.check('cat n | /gnu/grep -c 5') == '40951\n'


def test_cat_between_files_and_pipes(shell):
    shell.check('seq 30000 >a; /gnu/cat a | /gnu/cat | /gnu/tee b >c; '
                'cmp a b; cmp a c; /gnu/cat a >d; cmp a d')
    assert shell.check('/gnu/cat <a >>d; wc -l <d') == '60000\n'

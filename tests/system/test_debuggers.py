# SPDX-License-Identifier: MIT
"""Debian's strace and gdb, unmodified, at programs of the guest. Each is left out
where it is not installed."""
import os
import subprocess
import tempfile

import pytest

import archive
import debian

pytestmark = pytest.mark.banos
MACHINE = {'memory': 1024, 'cpus': 2, 'limit_s': 300}
LIMIT_S = 60

PROGRAM = r'''
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/wait.h>
static int number = 5;
static int twice(int value) { return 2 * value; }
static void *work(void *arg) { number = twice(number); return arg; }
int main(void)
{
	pthread_t thread;
	int status;
	pthread_create(&thread, 0, work, 0);
	pthread_join(thread, 0);
	if (!fork()) _exit(twice(3));
	wait(&status);
	printf("number %d, status %d\n", number, WEXITSTATUS(status));
	return 0;
}
'''

COMMANDS = '''set pagination off
set debuginfod enabled off
break twice
run
backtrace 2
print value
finish
info threads
delete
continue
'''


PYTHON_LIB = '/usr/lib/python3.11'
STRACE = ['/usr/bin/strace']
GDB = ['/usr/bin/gdb', '/usr/share/gdb', PYTHON_LIB]


def compiled():
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, 'traced.c'), os.path.join(folder, 'traced')
        with open(source, 'w', encoding='ascii') as f:
            f.write(PROGRAM)
        subprocess.run(['gcc', '-g', '-O0', '-no-pie', '-pthread', source, '-o', program],
                       check=True, timeout=60)
        with open(program, 'rb') as f:
            return f.read()


def FILES():
    wanted = [path for tool in (STRACE, GDB) if debian.installed(*tool) for path in tool]
    wanted += ['/lib64/ld-linux-x86-64.so.2', '/lib/x86_64-linux-gnu/libc.so.6',
               '/lib/x86_64-linux-gnu/libthread_db.so.1']
    files = debian.collect(wanted, (PYTHON_LIB + '/test',))
    files['traced'] = archive.file('x', compiled(), 0o755)
    files['traced.c'] = archive.file('x', PROGRAM)
    files['commands'] = archive.file('x', COMMANDS)
    return files


def test_strace_follows_threads_and_processes(shell):
    if not debian.installed(*STRACE):
        pytest.skip('strace is not installed')
    output, status = shell.run('strace -f /traced 2>&1', LIMIT_S)
    assert status == 0, output
    for text in ('execve("/traced", ["/traced"]', 'clone3(', 'strace: Process ', ' attached',
                 'exit_group(6)', '+++ exited with 6 +++', '--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED',
                 'number 10, status 6', '+++ exited with 0 +++'):
        assert text in output, (text, output)


def test_strace_injects(shell):
    if not debian.installed(*STRACE):
        pytest.skip('strace is not installed')
    output, status = shell.run('strace -e inject=openat:error=EMFILE /bin/busybox cat /traced.c 2>&1', LIMIT_S)
    assert status == 1 and '(INJECTED)' in output and 'Too many open files' in output, output
    output, _ = shell.run('strace -c /bin/busybox true 2>&1', LIMIT_S)
    assert 'execve' in output and '100.00' in output, output


def test_strace_attaches(shell):
    if not debian.installed(*STRACE):
        pytest.skip('strace is not installed')
    output, _ = shell.run('sleep 1000 & pid=$!; (sleep 1; kill $pid) & strace -p $pid 2>&1; wait', LIMIT_S)
    assert 'attached' in output and '+++ killed by SIGTERM +++' in output, output


def test_gdb_stops_at_breakpoints(shell):
    if not debian.installed(*GDB):
        pytest.skip('gdb is not installed')
    output, status = shell.run('gdb -q -batch -x /commands /traced 2>&1', LIMIT_S)
    assert status == 0, output
    for text in ('Breakpoint 1, twice (value=5)', 'work (arg=', '$1 = 5', 'Value returned is $2 = 10', '* 2 ',
                 'number 10, status 6', 'exited normally'):
        assert text in output, (text, output)


def test_gdb_steps_and_attaches(shell):
    if not debian.installed(*GDB):
        pytest.skip('gdb is not installed')
    output, _ = shell.run('gdb -q -batch -ex "set debuginfod enabled off" -ex "break main" -ex run '
                          '-ex "stepi 20" -ex next -ex "print number = 77" -ex continue /traced 2>&1', LIMIT_S)
    assert '$1 = 77' in output and 'number 154, status 6' in output, output
    output, _ = shell.run('sleep 1000 & pid=$!; gdb -q -batch -ex "set debuginfod enabled off" -p $pid '
                          '-ex "info registers rip" -ex detach 2>&1; kill $pid; wait $pid', LIMIT_S)
    assert 'rip ' in output and 'detached' in output, output

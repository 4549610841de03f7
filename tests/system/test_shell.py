# SPDX-License-Identifier: MIT
"""The shell and the tools as a user types them."""
import pytest


def test_pipes(shell):
    assert shell.check('echo hello | tr a-z A-Z') == 'HELLO\n'
    assert shell.check('seq 1000 | grep 7 | tail -n 2 | tr "\\n" ,') == '987,997,'
    assert shell.check('yes | head -n 3 | wc -l').strip() == '3'
    assert shell.run('true | false') == ('', 1)
    assert shell.run('false | true') == ('', 0)


def test_a_pipe_holds_more_than_its_buffer(shell):
    assert shell.check('dd if=/dev/zero bs=1k count=300 2>/dev/null | wc -c'
                       ).strip() == '307200'
    assert shell.check('seq 30000 | sort -n | tail -n 1') == '30000\n'


def test_redirections(shell):
    shell.check('echo one >f; echo two >>f')
    assert shell.check('cat <f') == 'one\ntwo\n'
    assert shell.check('ls nothing 2>err; cat err') == \
        'ls: nothing: No such file or directory\n'
    assert shell.check('(echo out; echo err >&2) >both 2>&1; cat both') == \
        'out\nerr\n'
    assert shell.check('exec 3>fd3; echo x >&3; exec 3>&-; cat fd3') == 'x\n'
    assert shell.check('echo new >f; cat f') == 'new\n'
    assert shell.check('cat <<E; echo after\rhere\rE').endswith('here\nafter\n')
    assert shell.check('wc -c </dev/null').strip() == '0'
    assert shell.check('set -C; (echo x >f) 2>/dev/null || echo kept; set +C') \
        == 'kept\n'


def test_globbing(shell):
    shell.check('mkdir d; touch a1 a2 b1 .hidden d/x1')
    assert shell.check('echo *') == 'a1 a2 b1 d\n'
    assert shell.check('echo a? [ab]1 .h* */x* none*') == \
        'a1 a2 a1 b1 .hidden d/x1 none*\n'
    assert shell.check('echo /bin/busyb*') == '/bin/busybox\n'


def test_variables_and_substitution(shell):
    assert shell.check('x=5; echo $((x * 2)) ${x}th ${y:-none} ${#x}') == \
        '10 5th none 1\n'
    assert shell.check('echo $(echo in; echo two) `echo old`') == 'in two old\n'
    assert shell.check("v='a  b'; echo $v; echo \"$v\"") == 'a b\na  b\n'
    assert shell.check('f() { echo $# $1; return 3; }; f p q; echo $?') == \
        '2 p\n3\n'


def test_statuses(shell):
    assert shell.run('true') == ('', 0)
    assert shell.run('false') == ('', 1)
    assert shell.run('sh -c "exit 42"') == ('', 42)
    output, status = shell.run('no-such-command')
    assert status == 127 and 'not found' in output
    shell.check('echo x >plain')
    output, status = shell.run('./plain')
    assert status == 126 and 'Permission denied' in output
    assert shell.run('sh -c "kill -9 \\$\\$"')[1] == 137
    output, status = shell.run('sh -c "kill -SEGV \\$\\$"')
    assert status == 139 and 'Segmentation fault' in output


def test_scripts(shell):
    shell.check("printf '#!/bin/sh\\necho $0 $1 $#\\n' >s; chmod +x s")
    assert shell.check('./s a b') == './s a 2\n'
    shell.check("printf '#!/bin/sh -e\\nfalse\\necho not reached\\n' >e; "
                'chmod +x e')
    assert shell.run('./e') == ('', 1)
    shell.check("printf '#!/usr/bin/awk -f\\nBEGIN { print 6 * 7 }\\n' >a; "
                'chmod +x a')
    assert shell.check('./a') == '42\n'
    shell.check("printf '#! ./s  one two  \\n' >n; chmod +x n")
    assert shell.check('./n three') == './s one two 3\n'
    # Without a #! line the shell itself takes it for a script.
    shell.check("echo 'echo plain' >p; chmod +x p")
    assert shell.check('./p') == 'plain\n'
    shell.check("printf '#!/no/such\\n' >m; chmod +x m")
    assert shell.run('./m')[1] in (126, 127)


# Shells take ENOEXEC for "a script without #!", and would read machine code.
@pytest.mark.banos
def test_a_program_for_another_machine_is_no_script(shell):
    header = r'\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\3\0'
    shell.check(f"printf '{header}' >/tmp/i386; echo 'echo read' >>/tmp/i386; "
                'chmod +x /tmp/i386')
    for command in ('/tmp/i386', '/tmp/i386 word', 'sh -c /tmp/i386',
                    '(PATH=/tmp; i386)'):
        output, status = shell.run(command + ' 2>&1')
        assert status == 126 and 'Exec format error' in output, output
        assert 'read' not in output and 'not found' not in output, output
    assert ('exec: cannot run /tmp/i386: it is a program for i386'
            in shell.check('dmesg'))
    shell.check('rm /tmp/i386')


def test_loops_and_cases(shell):
    assert shell.check('for i in 1 2 3; do [ $i = 2 ] && continue; '
                       'echo $i; done') == '1\n3\n'
    assert shell.check('i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; echo $i'
                       ) == '200\n'
    assert shell.check('case abc in a*) echo yes;; *) echo no;; esac') == 'yes\n'
    assert shell.check('for i in $(seq 40); do /bin/true || echo bad; done') == ''
    assert shell.check('seq 3 | while read n; do echo "<$n>"; done') == \
        '<1>\n<2>\n<3>\n'


def test_ls_l(shell):
    shell.check('echo 12345 >f; chmod 640 f; mkdir d; ln -s f l; mkfifo p; '
                'chmod 4755 d; ln f hard; touch -d "2001-02-03 04:05" f')
    lines = {x.split(None, 8)[8]: x.split(None, 8) for x in
             shell.lines('ls -l')[1:]}
    assert lines['f'][0] == '-rw-r-----' and lines['f'][1] == '2'
    assert lines['f'][2:5] == ['root', 'root', '6']
    assert lines['f'][5:8] == ['Feb', '3', '2001']
    assert lines['d'][0] == 'drwsr-xr-x' and lines['d'][1] == '2'
    assert lines['l -> f'][0] == 'lrwxrwxrwx'
    assert lines['p'][0].startswith('prw')
    console = shell.check('ls -l /dev/null').split()
    assert console[0] == 'crw-rw-rw-' and console[4:6] == ['1,', '3']


def test_ps(shell):
    shell.check('sleep 100 & echo')
    lines = shell.lines('ps -o pid,ppid,user,stat,comm,args')
    assert lines[0].split()[:2] == ['PID', 'PPID']
    by_pid = {x.split()[0]: x.split() for x in lines[1:]}
    assert by_pid['1'][4] == 'init'
    sleep, = [x for x in by_pid.values() if x[5:] == ['sleep', '100']]
    assert sleep[1] == shell.check('echo $$').strip()
    assert sleep[2] == 'root' and sleep[3].startswith('S')
    shell.check('kill %1; wait 2>/dev/null; true')
    assert 'sleep 100' not in shell.check('ps')


def test_find_and_xargs(shell):
    shell.check('mkdir -p a/b/c; for i in 1 2 3; do echo $i >a/b/f$i; done; '
                'touch a/b/c/x.txt')
    assert sorted(shell.lines('find a -type f -name "f*"')) == \
        ['a/b/f1', 'a/b/f2', 'a/b/f3']
    assert shell.check('find a -name "f*" | sort | xargs cat') == '1\n2\n3\n'
    assert shell.check('find a -type d | wc -l').strip() == '3'
    assert shell.check('find a -name "*.txt" -exec echo got {} \\;') == \
        'got a/b/c/x.txt\n'
    assert shell.check('seq 10 | xargs -n 4 echo') == \
        '1 2 3 4\n5 6 7 8\n9 10\n'
    assert shell.check('find /bin /sbin -name "s*" | xargs -n 50 ls -d | wc -l'
                       ).strip() == shell.check(
                           'find /bin /sbin -name "s*" | wc -l').strip()


def test_background_jobs(shell):
    shell.check('sleep 30 &')
    assert shell.check('jobs').split() == ['[1]+', 'Running', 'sleep', '30']
    shell.check('kill %1')
    shell.run('wait')
    output = shell.check('sleep 0.1 & wait $!; echo waited')
    assert output.startswith('waited\n')
    assert shell.run('sh -c "exit 5" & wait $!')[1] == 5
    # The end of a job is told at the next prompt.
    shell.check('sleep 0.1 &')
    assert 'Done' in shell.check('sleep 0.4') + shell.check('true')


def test_files(shell):
    shell.check('echo data >a; cp a b; mv b c; ln -s c l; ln c h')
    assert shell.check('cat l h') == 'data\ndata\n'
    shell.check('rm c')
    assert shell.run('cat l')[1] == 1
    assert shell.check('cat h') == 'data\n'
    shell.check('mkdir -p x/y/z; cp -r x w')
    assert shell.check('find w | sort') == 'w\nw/y\nw/y/z\n'
    assert shell.run('rmdir x')[1] == 1
    shell.check('rm -r x w')
    assert shell.check('ls | cat') == 'a\nh\nl\n'
    assert shell.run('mv a nowhere/b')[1] == 1
    shell.check('mkdir d1 d2; touch d1/f; mv d1/f d2/; mv d2 d1/')
    assert shell.check('find d1 | sort') == 'd1\nd1/d2\nd1/d2/f\n'
    assert shell.run('mv d1 d1/d2/')[1] == 1
    assert shell.check('stat -c "%s %a %F %h" h') == '5 644 regular file 1\n'


def test_a_deleted_file_lives_while_it_is_open(shell):
    assert shell.check('echo still >f; exec 4<f; rm f; cat <&4; exec 4<&-') == \
        'still\n'


def test_dd_and_sparse_files(shell):
    shell.check('dd if=/dev/zero of=f bs=1 count=1 seek=100000 2>/dev/null')
    assert shell.check('wc -c <f').strip() == '100001'
    assert int(shell.check('du -k f').split()[0]) <= 12
    assert shell.check('dd if=/dev/urandom bs=100 count=3 2>/dev/null | wc -c'
                       ).strip() == '300'
    output, status = shell.run('dd if=/dev/zero of=/dev/full bs=1 count=1')
    assert status == 1 and 'No space left on device' in output


def test_devices(shell):
    assert shell.check('cat /dev/null') == ''
    assert shell.check('head -c 4 /dev/zero | od -An -tx1').split() == ['00'] * 4
    a = shell.check('head -c 16 /dev/urandom | od -An -tx1')
    b = shell.check('head -c 16 /dev/random | od -An -tx1')
    assert a != b and len(set(a.split())) > 3
    assert shell.check('echo x >/dev/tty') == 'x\n'
    assert shell.check('tty </dev/tty') == '/dev/tty\n'
    assert shell.check('echo gone >/dev/null; echo kept') == 'kept\n'


def test_names_of_open_files(shell):
    # As bash's <(...) uses them, and programs that read or write a named file.
    assert shell.check('echo heard | cat /dev/stdin') == 'heard\n'
    assert shell.check('echo out >/dev/stdout | cat') == 'out\n'
    assert shell.check('(echo err >/dev/stderr) 2>&1 | tr a-z A-Z') == 'ERR\n'
    assert shell.check('echo seven >f; cat /dev/fd/7 7<f') == 'seven\n'
    assert shell.check('readlink /dev/fd; readlink /dev/stdin') == \
        '/proc/self/fd\n/proc/self/fd/0\n'


def test_proc(shell):
    assert shell.check('cat /proc/self/cmdline | tr "\\0" ,') == \
        'cat,/proc/self/cmdline,'
    assert shell.check('readlink /proc/self/exe') == '/bin/busybox\n'
    assert 'up' in shell.check('uptime')
    assert any(x.split()[1:3] == ['/proc', 'proc'] or ' on /proc ' in x
               for x in shell.lines('mount'))
    fields = shell.lines('free')[1].split()
    assert fields[0] == 'Mem:' and int(fields[1]) > int(fields[2]) > 0
    stat = shell.check('cat /proc/1/stat')
    assert stat.startswith('1 (init) S 0 1 1 ')
    first = float(shell.check('cat /proc/uptime').split()[0])
    shell.check('sleep 0.2')
    assert float(shell.check('cat /proc/uptime').split()[0]) >= first + 0.1
    assert shell.run('cat /proc/999999/stat')[1] == 1
    assert shell.check('ls -d /proc/$$') == f'/proc/{shell.check("echo $$")}'
    assert 'MemTotal:' in shell.check('cat /proc/meminfo')
    assert shell.check('readlink /proc/$$/fd/0').startswith('/dev/')


def test_environment(shell):
    assert shell.check('X=1 env | grep ^X') == 'X=1\n'
    assert shell.check('env -i A=b env') == 'A=b\n'
    assert shell.check('export Y=2; sh -c "echo \\$Y"; unset Y') == '2\n'
    assert shell.check('cd /usr/bin; pwd; cd ..; pwd; cd - >/dev/null; pwd') == \
        '/usr/bin\n/usr\n/usr/bin\n'


def test_long_arguments(shell):
    assert shell.check('x=$(seq 20000); /bin/echo $x | wc -c').strip() == '108894'
    assert shell.check('/bin/echo $x $x $x $x $x $x $x | wc -w').strip() == \
        '140000'
    output, status = shell.run('y="$x$x$x$x"; /bin/echo "$y" | wc -c; unset x y')
    # One argument may not have more than 128 KiB (Linux: 32 pages).
    assert 'too long' in output.lower() or 'list' in output.lower()


def test_time_and_sleep(shell):
    output = shell.check('time -p sleep 0.3')
    real = float(output.split('real')[1].split()[0])
    assert 0.29 <= real < 3
    start = int(shell.check('date +%s'))
    assert start > 1600000000
    shell.check('date -s "2020-01-02 03:04:05" >/dev/null')
    assert shell.check('date "+%Y-%m-%d %H:%M"') == '2020-01-02 03:04\n'
    shell.check(f'date -s @{start} >/dev/null')


def test_many_processes_at_once(shell):
    # The last of them may still be on their way to exec() when ps looks.
    assert shell.check('(for i in $(seq 60); do sleep 333 & done; '
                       'until [ $(ps | grep -c "[s]leep 333") = 60 ]; do '
                       'sleep 0.1; done; echo all; kill $(jobs -p); wait)',
                       60).startswith('all\n')


def test_a_deep_pipeline(shell):
    assert shell.check('echo start' + ' | cat' * 40) == 'start\n'


def test_signals_and_traps(shell):
    assert shell.check("sh -c 'trap \"echo got\" USR1; kill -USR1 $$; echo end'"
                       ) == 'got\nend\n'
    assert shell.check("sh -c 'trap \"echo bye\" EXIT; exit 3' || echo $?") == \
        'bye\n3\n'
    assert shell.check("sh -c 'trap \"\" TERM; kill $$; echo alive'") == \
        'alive\n'
    assert shell.check("sh -c 'sleep 20 & kill -STOP $!; kill -CONT $!; "
                       "kill $!; wait $! 2>/dev/null; echo $?'") == '143\n'
    assert shell.run('timeout 0.2 sleep 10')[1] == 143


def test_umask_and_modes(shell):
    assert shell.check('umask 027; touch f; mkdir d; umask 022; '
                       'stat -c %a f d') == '640\n750\n'
    assert shell.check('chmod u=rwx,g=rx,o= f; stat -c %a f') == '750\n'
    assert shell.check('chmod 1777 d; stat -c "%a %A" d') == \
        '1777 drwxrwxrwt\n'


def test_mount_tmpfs(shell):
    shell.check('mkdir m; mount -t tmpfs none m; echo x >m/f')
    assert shell.check('ls m') == 'f\n'
    assert any('/tmp/t/m' in x for x in shell.lines('mount'))
    output, status = shell.run('cd m && umount /tmp/t/m')
    assert status == 1 and 'busy' in output
    shell.check('cd /tmp/t; umount m')
    assert shell.check('ls m') == ''


def test_unknown_system_calls_and_crashes_leave_the_shell_alive(shell):
    output, status = shell.run("sh -c 'kill -ILL $$'")
    assert status == 132
    assert shell.run("sh -c 'kill -BUS $$'")[1] == 135
    assert shell.check('echo alive') == 'alive\n'

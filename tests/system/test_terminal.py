# SPDX-License-Identifier: MIT
"""The terminal: line editing, keys that send signals, full-screen programs."""
import time


def type_slowly(m, keys):
    for key in keys:
        m.send(key)
        time.sleep(0.05)


def test_ctrl_c_ends_a_command(shell):
    shell.sendline('sleep 100; echo "status $?"')
    time.sleep(0.3)
    shell.send('\x03')
    shell.expect(shell.prompt)
    assert 'status' not in shell.before.split('\n', 1)[1]
    assert shell.match[1] == '130'
    assert 'sleep' not in shell.check('ps -o comm')


def test_ctrl_c_ends_all_of_a_pipeline_and_no_other_job(shell):
    shell.check('sleep 99 &')
    shell.sendline('sleep 77 | sleep 88')
    time.sleep(0.3)
    shell.send('\x03')
    shell.expect(shell.prompt)
    output = shell.check('ps')
    assert 'sleep 77' not in output and 'sleep 88' not in output
    assert 'sleep 99' in output
    shell.check('kill %1; wait 2>/dev/null; true')


def test_ctrl_c_in_the_shell_drops_the_line(shell):
    shell.send('echo not this')
    shell.expect('not this')
    shell.send('\x03')
    shell.expect(shell.prompt)
    assert shell.check('echo but this') == 'but this\n'


def test_ctrl_z_fg_and_bg(shell):
    shell.sendline('sleep 50')
    time.sleep(0.3)
    shell.send('\x1a')
    shell.expect(shell.prompt)
    assert 'Stopped' in shell.before
    assert shell.check('jobs').split()[1] == 'Stopped'
    state = [x.split()[0] for x in shell.lines('ps -o stat,args')
             if x.endswith('sleep 50')]
    assert state == ['T']
    shell.check('bg')
    assert 'Running' in shell.check('jobs')
    shell.sendline('fg')
    shell.expect('sleep 50\r?\n')
    time.sleep(0.3)
    shell.send('\x03')
    shell.expect(shell.prompt)
    assert shell.check('jobs') == ''


def test_ctrl_z_stops_and_fg_goes_on_where_it_was(shell):
    shell.sendline('cat >f')
    time.sleep(0.2)
    shell.sendline('before')
    time.sleep(0.2)
    shell.send('\x1a')
    shell.expect(shell.prompt)
    shell.sendline('fg')
    shell.expect('cat >?f?')
    time.sleep(0.2)
    shell.sendline('after')
    shell.send('\x04')
    shell.expect(shell.prompt)
    assert shell.check('cat f') == 'before\nafter\n'


def test_ctrl_d_ends_input(shell):
    shell.sendline('cat; echo en""ded')
    time.sleep(0.2)
    shell.sendline('one line')
    shell.send('\x04')
    shell.expect('ended\r?\n')
    # The kernel echoes what is typed, then cat prints it.
    assert shell.before.count('one line') == 2
    shell.expect(shell.prompt)
    # In the middle of a line it only hands over what is there.
    shell.sendline('cat >f')
    time.sleep(0.2)
    shell.send('half\x04')
    time.sleep(0.1)
    shell.send(' line\r\x04')
    shell.expect(shell.prompt)
    assert shell.check('cat f') == 'half line\n'


def test_ctrl_d_ends_a_shell(shell):
    outer = shell.check('echo $$')
    shell.sendline('sh')
    shell.expect(shell.prompt)
    assert shell.check('echo $$') != outer
    shell.send('\x04')
    shell.expect(shell.prompt)
    assert shell.check('echo $$') == outer


def test_ctrl_backslash_quits(shell):
    shell.sendline('sleep 60')
    time.sleep(0.3)
    shell.send('\x1c')
    shell.expect(shell.prompt)
    assert shell.match[1] == '131'


def test_the_line_editing_of_the_kernel(shell):
    """Erase, word erase, kill, literal next, in canonical mode."""
    shell.sendline('cat >f')
    time.sleep(0.2)
    shell.send('abcX\x7fd\r')                  # erase one
    shell.send('one two\x17three\r')           # erase a word
    shell.send('all of this\x15kept\r')        # erase the line
    shell.send('a\x16\x7fb\r')                 # a literal DEL
    shell.send('\x7f\x7f\x15\x17x\r')          # nothing left to erase
    shell.send('\x04')
    shell.expect(shell.prompt)
    assert shell.check('cat -v f') == 'abcd\none three\nkept\na^?b\nx\n'


def test_erasing_wipes_the_echo(shell):
    shell.sendline('cat >/dev/null')
    time.sleep(0.2)
    shell.send('ab\x7f')
    shell.expect('ab\x08 \x08')
    shell.send('\x16\x01\x7f')                 # ^A is two columns
    shell.expect(r'\^A\x08 \x08\x08 \x08')
    shell.send('\r\x04')
    shell.expect(shell.prompt)


def test_output_processing(shell):
    # A newline gets its carriage return, unless told otherwise.
    shell.sendline('echo mar""ker')
    shell.expect('marker\r\n')
    shell.expect(shell.prompt)
    shell.sendline('stty -opost; echo mar""ker; stty opost')
    shell.expect('marker\n')
    shell.expect(shell.prompt)


def test_stty_shows_and_sets(shell):
    output = shell.check('stty -a')
    for word in ('intr = ^C', 'erase = ^?', 'eof = ^D', 'susp = ^Z', 'isig',
                 'icanon', 'opost', 'onlcr', 'icrnl'):
        assert word in output, word
    shell.check('stty rows 30 cols 100')
    assert shell.check('stty size') == '30 100\n'
    shell.check('stty cols 2000')


def test_no_echo_while_a_password_is_typed(shell):
    shell.sendline('stty -echo; read x; stty echo; echo "<$x>"')
    time.sleep(0.3)
    shell.sendline('secret')
    shell.expect('<secret>\r?\n')
    assert 'secret' not in shell.before.split('\n', 1)[1]
    shell.expect(shell.prompt)


def test_read_with_a_time_limit(shell):
    start = time.monotonic()
    assert shell.run('read -t 1 x')[1] != 0
    assert time.monotonic() - start > 0.8


def test_raw_mode_hands_over_single_keys(shell):
    shell.sendline('stty raw -echo; dd bs=1 count=3 2>/dev/null | od -An -tx1; '
                   'stty sane; stty cols 2000')
    time.sleep(0.4)
    shell.send('\x03')
    shell.send('\x1a')
    shell.send('\r')
    shell.expect('03 1a 0d')
    shell.expect(shell.prompt)


def test_a_background_job_may_not_read(shell):
    shell.check('cat </dev/tty &')      # not by way of /dev/console
    shell.check('sleep 0.2')
    assert 'Stopped (tty input)' in shell.check('jobs') + shell.check('jobs')
    shell.check('kill -9 %1; wait 2>/dev/null; true')


def test_tostop_stops_output_of_background_jobs(shell):
    shell.check('stty tostop')
    shell.check('(sleep 0.1; echo background >/dev/tty) &')
    shell.check('sleep 0.4')
    assert 'Stopped' in shell.check('jobs') + shell.check('jobs')
    shell.check('stty -tostop; kill -9 %1; wait 2>/dev/null; true')


def test_vi_by_keystrokes(shell):
    shell.check('stty rows 24 cols 80; printf "first\\nsecond\\nthird\\n" >f')
    shell.sendline('vi f')
    shell.expect('third')
    type_slowly(shell, ['j', 'd', 'd'])             # second line away
    type_slowly(shell, ['O', 'n', 'e', 'w', '\x1b'])
    time.sleep(0.6)                                 # an escape alone
    type_slowly(shell, ['x', 'u'])
    type_slowly(shell, ['G', 'o', 'l', 'a', 's', 't', '\x1b'])
    time.sleep(0.6)
    shell.send(':wq\r')
    shell.expect(shell.prompt)
    shell.check('stty cols 2000')
    assert shell.check('cat f') == 'first\nnew\nthird\nlast\n'


def test_vi_searches_and_quits_without_writing(shell):
    shell.check('stty rows 24 cols 80; seq 100 >f')
    shell.sendline('vi f')
    shell.expect('22')
    shell.send('/^77\r')
    shell.expect('77')
    type_slowly(shell, ['d', 'd'])
    shell.send(':q!\r')
    shell.expect(shell.prompt)
    shell.check('stty cols 2000')
    assert shell.check('wc -l <f').strip() == '100'


def test_top(shell):
    shell.check('stty rows 24 cols 80')
    shell.sendline('top -d 1')
    shell.expect('Mem: ')
    shell.expect('CPU: ')
    shell.expect('Load average: ')
    shell.expect('PID ')
    shell.expect('Mem: ', 10)                       # the next second's
    shell.send('q')
    shell.expect(shell.prompt)
    shell.check('stty cols 2000')


def test_less(shell):
    shell.check('stty rows 24 cols 80; seq 200 >f')
    shell.sendline('less f')
    shell.expect('23')
    shell.send(' ')
    shell.expect('45')
    shell.send('G')
    shell.expect('200')
    shell.send('q')
    shell.expect(shell.prompt)
    shell.check('stty cols 2000')


def test_history_and_editing_of_the_shell(shell):
    shell.check('echo remembered')
    shell.send('\x1b[A')                            # arrow up
    time.sleep(0.2)
    shell.send('\r')
    shell.expect('remembered\r?\n')
    shell.expect(shell.prompt)
    shell.send('echo ac\x1b[Db\r')                  # arrow left
    shell.expect('abc\r?\n')
    shell.expect(shell.prompt)


def test_tab_completes_a_name(shell):
    shell.check('touch a_rather_long_name')
    shell.send('ls a_ra\t')
    shell.expect('a_rather_long_name')
    shell.send('\r')
    shell.expect('a_rather_long_name\r?\n')
    shell.expect(shell.prompt)


def test_much_input_at_once_is_not_lost(shell):
    lines = [f'line number {i}' for i in range(60)]
    shell.sendline('cat >f')
    time.sleep(0.2)
    for line in lines:
        shell.send(line + '\r')
        time.sleep(0.005)
    shell.send('\x04')
    shell.expect(shell.prompt)
    assert shell.check('cat f').splitlines() == lines

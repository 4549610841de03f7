# SPDX-License-Identifier: MIT
"""Users and permissions: who may do what."""
import pytest

from machine import ANY_PROMPT


@pytest.fixture
def user(shell):
    """A shell of the ordinary user `user`, in /tmp/t, back to root after."""
    shell.check('chmod 777 /tmp/t')
    shell.sendline('su user')       # keeps the environment, and so the prompt
    shell.expect(shell.prompt)
    yield shell
    shell.run('exit')


def log_in(m, name, password):
    m.sendline('exec login')
    m.expect('login: ')
    m.sendline(name)
    m.expect('Password: ')
    m.sendline(password)


def test_login_as_an_ordinary_user(start):
    m = start().boot()
    log_in(m, 'user', 'banos')
    m.expect(ANY_PROMPT)
    m.set_prompt()
    assert m.check('id') == 'uid=1000(user) gid=1000(user) ' \
        'groups=100(users),1000(user)\n'
    assert m.check('pwd; echo $HOME $USER') == '/home/user\n/home/user user\n'
    assert 'Operation not permitted' in m.run('poweroff -f')[0]
    assert m.check('cd /tmp; echo x >mine; stat -c %U:%G mine') == 'user:user\n'
    # The log-in shell's end brings init's next shell.
    m.sendline('exit')
    m.expect(ANY_PROMPT)


def test_a_wrong_password_is_refused(start):
    m = start().boot()
    log_in(m, 'user', 'wrong')
    m.expect('Login incorrect', 15)


def test_su_asks_for_roots_password(user):
    user.sendline('su -c id')
    user.expect('Password: ')
    user.sendline('banos')
    user.expect('uid=0')
    user.expect(user.prompt)
    user.sendline('su -c id')
    user.expect('Password: ')
    user.sendline('no')
    user.expect('incorrect', 15)
    user.expect(user.prompt)


def test_who_the_user_is(user):
    assert user.check('id -u; id -g; id -un') == '1000\n1000\nuser\n'
    output = user.check('grep -E "^(Uid|Gid|Groups)" /proc/self/status')
    assert output.split() == ['Uid:', *['1000'] * 4, 'Gid:', *['1000'] * 4,
                              'Groups:', '100', '1000']


@pytest.mark.parametrize('command, said', [
    ('cat /etc/shadow', 'Permission denied'),
    ('echo x >/etc/passwd', 'Permission denied'),
    ('ls /root', 'Permission denied'),
    ('cd /root', 'Permission denied'),
    ('rm -f /etc/passwd', 'Permission denied'),
    ('mkdir /new', 'Permission denied'),
    ('touch /bin/x', 'Permission denied'),
    ('chown root /tmp/t', 'Operation not permitted'),
    ('chmod 777 /etc', 'Operation not permitted'),
    ('kill 1', 'Operation not permitted'),
    ('mount -t tmpfs x /mnt', 'root'),
    ('umount /proc', 'not permitted'),
    ('hostname evil', 'Operation not permitted'),
    ('date -s 2000-01-01', 'Operation not permitted'),
    ('mknod node c 1 3', 'Operation not permitted'),
    ('chroot /', 'Operation not permitted'),
    ('renice -n -5 $$', 'Permission denied'),
    ('dmesg -c', 'Operation not permitted'),
    ('reboot -f', 'Operation not permitted'),
    ('chgrp root mine', 'Operation not permitted'),
    ('rm -f /tmp/sticky/roots', 'not permitted'),
    ('mv /tmp/sticky/roots /tmp/sticky/x', 'not permitted'),
    ('ls /tmp/closed', 'Permission denied'),
    ('cat /tmp/closed/f', 'Permission denied'),
    ('/tmp/noexec', 'ermission denied'),
])
def test_an_ordinary_user_may_not(shared, user, command, said):
    output, status = user.run('touch mine; ' + command)
    # BusyBox's date says so and ends with 0.
    assert said in output and (status != 0 or 'date' in command)


@pytest.fixture(autouse=True)
def things_of_root(shared):
    m = shared.get()
    if not getattr(m, 'has_things', False):
        m.check('mkdir -p /tmp/sticky /tmp/closed; chmod 1777 /tmp/sticky; '
                'echo r >/tmp/sticky/roots; echo c >/tmp/closed/f; '
                'chmod 700 /tmp/closed; cp /bin/busybox /tmp/noexec; '
                'chmod 644 /tmp/noexec')
        m.has_things = True


def test_an_ordinary_user_may(user):
    assert user.check('echo x >f; cat f; chmod 600 f; chgrp users f; '
                      'stat -c "%a %G" f; rm f') == 'x\n600 users\n'
    assert user.check('cat /etc/passwd | head -n 1').startswith('root:')
    assert user.run("sh -c 'sleep 9 & kill $!; wait $!'")[1] == 143
    assert user.check("sh -c 'renice -n 5 $$; cut -d\\  -f 19 /proc/$$/stat'"
                      ) == '5\n'
    assert user.check('ls /tmp/sticky') == 'roots\n'


def test_modes_for_owner_group_and_others(shell):
    shell.check('for p in u:400 g:040 o:004; do n=${p%:*}; echo $n >$n; '
                'chmod ${p#*:} $n; done; chown user:root u; chown root:user g; '
                'chown root:root o; echo d >d; chown user:user d; chmod 044 d; '
                'chmod 755 .')
    assert shell.check('su user -c "cat u g o"') == 'u\ng\no\n'
    # The owner's bits decide for the owner, even if others have more.
    assert shell.run('su user -c "cat d"')[1] == 1
    assert shell.check('cat d') == 'd\n'
    # A supplementary group counts.
    shell.check('echo s >s; chown root:users s; chmod 040 s')
    assert shell.check('su user -c "cat s"') == 's\n'


def test_search_permission_of_folders(shell):
    shell.check('mkdir -p d/e; echo x >d/e/f; chmod 755 . d/e; chmod 711 d')
    assert shell.check('su user -c "cat d/e/f"') == 'x\n'
    assert shell.run('su user -c "ls d"')[1] == 1
    shell.check('chmod 744 d')
    output, status = shell.run('su user -c "cat d/e/f"')
    assert status == 1 and 'Permission denied' in output
    assert shell.check('su user -c "echo d/*"') == 'd/e\n'


def test_set_user_id(shell):
    shell.check('cp /bin/busybox id; chmod 755 . id')
    assert shell.check('su user -c "./id -u"') == '1000\n'
    # BusyBox drops what it got unless its configuration keeps it; the real
    # id stays, the effective one was the file's when it started.
    shell.check('cp /bin/busybox cat; chown user:users cat; chmod 6755 cat; '
                'echo private >p; chown user:user p; chmod 600 p')
    assert shell.check('grep Uid /proc/self/status').split() == \
        ['Uid:', *['0'] * 4]
    output = shell.check('ls -l cat')
    assert output.startswith('-rwsr-sr-x')


def test_chown_and_write_take_set_user_id_away(shell):
    shell.check('touch f; chmod 6755 f; chown user f')
    assert shell.check('stat -c %a f') == '755\n'
    shell.check('chmod 6755 f; chmod 777 .; chown user f; chmod 6755 f')
    shell.check('su user -c "echo x >>f"')
    assert shell.check('stat -c %a f') == '755\n'


def test_set_group_id_folders_hand_their_group_on(shell):
    shell.check('mkdir d; chgrp users d; chmod 2777 d; touch d/f; mkdir d/e')
    assert shell.check('stat -c "%G %a" d/f d/e') == 'users 644\nusers 2755\n'


def test_signals_only_to_own_processes(shell):
    shell.check('sleep 55 & echo $! >pid; chmod 777 . pid')
    output, status = shell.run('su user -c "kill $(cat pid)"')
    assert status == 1 and 'not permitted' in output
    shell.check('kill $(cat pid); wait 2>/dev/null; true')


def test_root_may_become_anyone_and_not_come_back(shell):
    assert shell.run('setpriv --reuid 1000 --regid 1000 --clear-groups '
                     'sh -c "id -u; setpriv --reuid 0 true"')[1] != 0

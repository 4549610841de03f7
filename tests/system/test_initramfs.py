# SPDX-License-Identifier: MIT
"""Root file systems that others made: GNU cpio's, several, compressed, odd, damaged."""
import gzip
import os
import shutil
import subprocess

import pytest

from archive import chardev, cpio, file, folder, symlink

BUSYBOX = os.environ.get('BUSYBOX', '/bin/busybox')

# Prints one line per question, then ends the machine.
INIT = '''#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
{}
echo IN""IT-DONE
/bin/busybox poweroff -f
'''


def busybox():
    with open(BUSYBOX, 'rb') as f:
        return f.read()


def small(script, *more):
    """A minimal archive of our own writing, whose init runs a script."""
    return [folder('bin'), folder('proc'), file('bin/busybox', busybox(), 0o755),
            file('init', INIT.format(script), 0o755), *more]


def output(m, limit_s=30):
    """What init printed, up to its end."""
    m.expect('INIT-DONE\r\n', limit_s)
    text = m.before
    assert m.wait_end() == 0
    return text


def test_an_archive_of_gnu_cpio(start, scratch):
    root = scratch / 'root'
    for name in ('bin', 'dev', 'proc', 'a/deep/folder/below'):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / 'bin/busybox')
    (root / 'init').write_text(INIT.format('''
cd /a
/bin/busybox cat deep/folder/below/text
/bin/busybox stat -c '%n %a %s %Y %h' f600 hard1 sticky
/bin/busybox readlink link
/bin/busybox md5sum large | /bin/busybox cut -c 1-32
[ hard1 -ef hard2 ] && echo one file
/bin/busybox cat hard2
/bin/busybox stat -c '%F' fifo
/bin/busybox wc -c empty
'''))
    (root / 'init').chmod(0o755)
    a = root / 'a'
    (a / 'deep/folder/below/text').write_text('deep text\n')
    (a / 'f600').write_text('12345')
    (a / 'f600').chmod(0o600)
    (a / 'hard1').write_text('shared\n')
    os.link(a / 'hard1', a / 'hard2')
    (a / 'hard1').chmod(0o644)
    (a / 'sticky').mkdir()
    (a / 'sticky').chmod(0o1777)
    os.symlink('deep/../f600', a / 'link')
    (a / 'empty').write_text('')
    large = bytes(i * i % 251 for i in range(300000))
    (a / 'large').write_bytes(large)
    os.mkfifo(a / 'fifo')
    for name in ('f600', 'hard1', 'sticky'):
        os.utime(a / name, (1000000000, 1000000000))
    names = subprocess.run(['find', '.', '-depth'], cwd=root, check=True,
                           stdout=subprocess.PIPE).stdout
    names = b'\n'.join(sorted(names.split()))
    made = subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=root,
                          input=names, stdout=subprocess.PIPE, check=True)
    text = output(start(initrd=made.stdout, memory=128))
    md5 = subprocess.run(['md5sum', a / 'large'], check=True, text=True,
                         stdout=subprocess.PIPE).stdout[:32]
    for line in ('deep text', 'f600 600 5 1000000000 1',
                 'hard1 644 7 1000000000 2', 'deep/../f600', md5, 'one file',
                 'shared', 'fifo', '0 empty'):
        assert line in text.splitlines(), (line, text)
    assert any(x.startswith('sticky 1777 ') for x in text.splitlines())


def test_owners_modes_and_nodes(start):
    text = output(start(initrd=cpio(small(
        '''/bin/busybox stat -c '%n %a %u:%g' /own /set /node
/bin/busybox ls -l /node | /bin/busybox cut -c 1-10
echo gone >/node && echo written''',
        file('own', 'x', 0o640, uid=1000, gid=100),
        file('set', 'x', 0o6755, uid=7, gid=8),
        chardev('node', 1, 3, 0o666)))))
    for line in ('/own 640 1000:100', '/set 6755 7:8', '/node 666 0:0',
                 'crw-rw-rw-', 'written'):
        assert line in text.splitlines(), (line, text)


def test_later_archives_go_over_earlier_ones(start):
    first = small('/bin/busybox cat /a /b /c; /bin/busybox ls -ld /a | '
                  '/bin/busybox cut -c 1-10; /bin/busybox readlink /l',
                  file('a', 'old a\n'), file('b', 'old b\n'),
                  file('l', 'was a file\n'))
    second = [file('a', 'new a\n', 0o600), file('c', 'new c\n'),
              symlink('l', 'now/a/link')]
    joined = cpio(first) + b'\0' * 4096 + cpio(second)
    text = output(start(initrd=joined))
    for line in ('new a', 'old b', 'new c', '-rw-------', 'now/a/link'):
        assert line in text.splitlines(), (line, text)
    assert 'old a' not in text


def test_a_compressed_archive(start):
    text = output(start(initrd=gzip.compress(cpio(small('echo unpacked')))))
    assert 'unpacked' in text.splitlines()


def test_plain_and_compressed_archives_in_a_row(start):
    # As firmware updates stand in front of a distribution's archive.
    early = cpio([folder('kernel'), file('kernel/note', 'early\n')])
    late = gzip.compress(cpio(small('/bin/busybox cat /kernel/note /late')))
    last = gzip.compress(cpio([file('late', 'late\n')]), 1)
    text = output(start(initrd=early + late + last))
    assert 'early' in text.splitlines() and 'late' in text.splitlines()


@pytest.mark.banos
def test_several_modules(start, scratch):
    # QEMU's multiboot loader takes several files; its Linux loader one.
    (scratch / 'second').write_bytes(cpio([file('second', 'from module 2\n')]))
    (scratch / 'first').write_bytes(cpio(small('/bin/busybox cat /second')))
    m = start(initrd=b'', qemu=['-initrd',
                                f'{scratch}/first,{scratch}/second'])
    assert 'from module 2' in output(m).splitlines()


def test_without_a_dev_folder_there_is_a_console(start):
    assert 'heard' in output(start(initrd=cpio(small('echo heard'))))


def test_rdinit_names_the_first_program(start):
    m = start(initrd=cpio(small(
        'exit 1', file('other', INIT.format('echo other one $$'), 0o755))),
        append='rdinit=/other')
    assert 'other one 1' in output(m)


@pytest.mark.banos
def test_init_names_the_first_program(start):
    m = start(initrd=cpio(small(
        'exit 1', file('other', INIT.format('echo other one $$'), 0o755))),
        append='init=/other')
    assert 'other one 1' in output(m)


def test_a_shell_as_the_first_program(start):
    m = start(append='rdinit=/bin/sh')
    m.expect('# ', 30)
    m.sendline('echo $$ $0')
    m.expect('1 /bin/sh')


def test_words_for_init(start):
    m = start(initrd=cpio(small('echo "args: $*"; echo "colour: $colour"; '
                                'echo "quiet: $quiet"')),
              append='one colour=red some.param=1 -- two three=3')
    text = output(m).splitlines()
    assert 'args: one two three=3' in text
    assert 'colour: red' in text
    assert 'quiet: ' in text


@pytest.mark.banos
@pytest.mark.parametrize('what', ['init=/none', 'rdinit=/none'])
def test_an_init_that_is_not_there_is_named(start, what):
    m = start(append=what)
    m.expect('/none', 20)


@pytest.mark.banos
def test_the_end_of_init_is_told(start):
    m = start(initrd=cpio([folder('bin'), folder('proc'),
                           file('bin/busybox', busybox(), 0o755),
                           file('init', '#!/bin/busybox sh\nexit 3\n', 0o755)]))
    m.expect('(?i)init', 20)


def damaged():
    whole = cpio(small('echo alive'))
    size = len(whole)
    yield 'cut', whole[:size // 2]
    yield 'cut in a header', whole[:50]
    yield 'bad magic', b'070705' + whole[6:]
    yield 'garbage', bytes(i * 7919 % 251 for i in range(5000))
    yield 'huge name', whole[:94] + b'FFFFFFFF' + whole[102:]
    yield 'huge file', whole[:54] + b'FFFFFFFF' + whole[62:]
    yield 'not hexadecimal', whole[:54] + b'0000zz00' + whole[62:]
    packed = gzip.compress(whole)
    yield 'cut gzip', packed[:len(packed) // 2]
    yield 'damaged gzip', packed[:5000] + b'\xff' * 300 + packed[5300:]
    yield 'bad sum', packed[:-8] + b'\0\0\0\0' + packed[-4:]


@pytest.mark.banos
@pytest.mark.parametrize('data', [pytest.param(x, id=name.replace(' ', '-'))
                                  for name, x in damaged()])
def test_a_damaged_archive_is_told_in_words(start, data):
    m = start(initrd=data)
    m.expect(r'(?i)(initrd|initramfs|archive|gzip)[^\n]*\n', 20)


@pytest.mark.banos
def test_odd_names_do_no_harm(start):
    odd = [file('../escape', 'x'), file('/absolute', 'abs\n'),
           file('./dotted', 'dot\n'), file('a//b', 'x'), file('x' * 300, 'x'),
           file('no/such/folder/f', 'x'), folder('.'), file('bin', 'x'),
           symlink('loop', 'loop'), file('loop/f', 'x')]
    text = output(start(initrd=cpio(small(
        '/bin/busybox cat /absolute /dotted; echo alive', *odd))))
    for line in ('abs', 'dot', 'alive'):
        assert line in text.splitlines(), (line, text)


def test_a_large_archive(start):
    blob = os.urandom(1 << 20)
    more = [file(f'blob{i}', blob) for i in range(24)]
    m = start(initrd=cpio(small(
        '/bin/busybox cat /blob* | /bin/busybox wc -c', *more)), memory=256)
    assert str(24 << 20) in output(m)


def test_many_small_files(start):
    more = [folder('many')] + [file(f'many/f{i}', f'{i}\n')
                               for i in range(3000)]
    m = start(initrd=cpio(small(
        '/bin/busybox ls /many | /bin/busybox wc -l; '
        '/bin/busybox cat /many/f2999', *more)))
    text = output(m).split()
    assert '3000' in text and '2999' in text

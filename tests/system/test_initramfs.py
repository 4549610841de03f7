# SPDX-License-Identifier: MIT
"""Root file systems that others made: GNU cpio's, several, compressed, odd, damaged."""
import gzip
import os
import shutil
import subprocess

import pytest

from archive import Entry, chardev, cpio, file, folder, record, symlink

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


# What an entry does to what an earlier one made; seen on Linux 6.1 in all.
FIRST = [
    file('file-folder', 'x'), symlink('link-folder', 'bin'),
    folder('folder-file'), folder('folder-link'), folder('full'),
    file('full/x', ''), symlink('link-file', 'target'), file('file-link', ''),
    chardev('node-file', 1, 3), file('file-fifo', 'old'),
    file('typeless', ''), file('with-content', ''), chardev('node', 1, 3),
    file('first', '', ino=5, nlink=3, mtime=10), file('second', '', ino=5,
                                                      nlink=3),
    file('third', 'linked\n', ino=5, nlink=3, mtime=30),
    file('a', 'older', ino=9, nlink=2), file('b', '', ino=9, nlink=2),
    Entry('null', 0o020600, rdev=(1, 3), ino=6, nlink=2),
    Entry('zero', 0o020600, rdev=(1, 3), ino=6, nlink=2),
    folder('times', mtime=1000000000), file('times/later', ''),
    folder('twice', mtime=1000000000), folder('slash/'),
    Entry('', 0o100644), file('../above', ''), file('slash/x', ''),
    folder('timed', mtime=1000000000), folder('taken'), file('taken/x', ''),
]
SECOND = [
    folder('file-folder'), folder('link-folder'), file('folder-file', 'new'),
    symlink('folder-link', 'nowhere'), file('full', ''),
    file('link-file', 'new'), symlink('file-link', 'x'),
    file('node-file', 'new'), Entry('file-fifo', 0o010600),
    Entry('typeless', 0o644), Entry('with-content', 0o644, b'x'),
    chardev('node', 5, 1, 0o640), folder('twice', mtime=1100000000),
    file('a', 'new\n'), file('other', '', ino=9, nlink=2),
    file('timed', '', mtime=5), symlink('taken', 'x', uid=7),
]
REPLACED = '''file-folder:directory:755:2
link-folder:directory:755:2
folder-file:regular file:644:1
folder-link:symbolic link:777:1
full:directory:755:2
link-file:regular file:644:1
file-link:symbolic link:777:1
node-file:regular file:644:1
file-fifo:fifo:600:1
with-content:regular empty file:644:1
node:character special file:640:1
first:regular file:644:3
second:regular file:644:3
third:regular file:644:3
a:regular file:644:2
b:regular file:644:2
other:regular empty file:644:1
null:character special file:600:2
zero:character special file:600:2
times/later:regular empty file:644:1
above:regular empty file:644:1
slash/x:regular empty file:644:1
sum:regular file:644:1
no-trailer:regular file:644:1'''.splitlines()


def test_entries_of_other_types_and_without(start):
    names = ' '.join(x.split(':')[0] for x in REPLACED)
    script = f"""cd /
/bin/busybox stat -c '%n:%F:%a:%h' {names}
[ -e typeless ] || echo no typeless
/bin/busybox stat -c '%n at %Y' times twice third timed
/bin/busybox stat -c '%n by %u' taken
/bin/busybox stat -c '%n is %t:%T' node
/bin/busybox cat b third"""
    data = cpio(small(script, *FIRST)) + cpio(SECOND) + \
        record(file('sum', 'abc'), 1, 294) + record(file('no-trailer', 'x'), 2)
    text = output(start(initrd=data)).splitlines()
    for line in (*REPLACED, 'no typeless', 'times at 1000000000',
                 'twice at 1000000000', 'timed at 1000000000', 'taken by 7',
                 'third at 30', 'node is 1:3', 'new',
                 'linked'):
        assert line in text, (line, text)


def bits(pairs, data=b''):
    """Bits of (value, width), least significant first, as bytes."""
    whole, width = 0, 0
    for value, n in pairs:
        whole |= value << width
        width += n
        while width > 7:
            data += bytes((whole & 255,))
            whole, width = whole >> 8, width - 8
    return data + (bytes((whole,)) if width else b'')


@pytest.mark.banos
def test_long_work_of_small_archives(start):
    # Each took seconds to minutes, or a stack, once: names of hard links and
    # gzip members by the ten thousands, blocks of ten bits.
    links = cpio([file(f'{i}', '', ino=i % 40000, nlink=2)
                  for i in range(60000)])
    blocks = bits([(0b010, 10)] * 40) * 2500 + bits([(0b011, 10)])
    end = b'\0' * 8
    tiny = b'\x1f\x8b\x08' + b'\0' * 7 + blocks + end
    data = cpio(small('/bin/busybox stat -c %h /0 /30000')) + links + \
        gzip.compress(b'') * 20000 + cpio([]) * 10000 + tiny
    m = start(initrd=data, memory=512)      # a file takes half a page
    assert output(m, 15).split()[-2:] == ['2', '1']


@pytest.mark.banos
def test_an_archive_packed_many_times_is_refused(start):
    packed = cpio([file('deep', '')])
    for _ in range(100):
        packed = gzip.compress(packed)
    m = start(initrd=cpio(small('echo alive')) + packed)
    m.expect('compressed twice is not supported', 20)
    assert 'alive' in output(m)


@pytest.mark.banos
def test_more_than_memory_holds_is_one_sentence(start):
    # 96 MiB, in 100 KiB of gzip.
    large = gzip.compress(cpio([file('large', bytes(96 << 20))]), 1)
    m = start(initrd=cpio(small('echo alive')) + large, memory=64)
    m.expect(r'cannot start: not enough memory for the files of the initrd', 60)


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


@pytest.mark.banos
def test_what_cannot_be_read_is_named(start, scratch):
    whole = small('echo alive')
    modules = {
        'xz': b'\xfd7zXZ\0' + b'x' * 600, 'zstd': b'\x28\xb5\x2f\xfd' * 9,
        'bzip2': b'BZh91AY&SY' * 9, 'lzma': b']\0\0\x80\0' * 9,
        'lz4': b'\x02\x21\x4c\x18' * 9, 'lzo': b'\x89LZO\0\r\n\x1a\n' * 9,
        'tar': b'name'.ljust(257, b'\0') + b'ustar'.ljust(255, b'\0'),
        'old': b'070707' + b'0' * 200,
        'good': cpio(whole), 'cut': cpio([file('late', 'x' * 5000)])[:3000],
    }
    for name, data in modules.items():
        (scratch / name).write_bytes(data)
    m = start(initrd=b'', qemu=['-initrd', ','.join(
        f'{scratch}/{name}' for name in modules)])
    text = output(m)
    assert 'alive' in text
    for i, name in enumerate(modules):
        told = [x for x in text.splitlines() if f'module {i + 1} of 10 ' in x]
        if name == 'good':
            assert not told
            continue
        assert len(told) == 1 and f'{name})' in told[0], (name, told)
        words = {'tar': 'a tar archive', 'old': '-H newc',
                 'cut': 'ends in the middle of an entry'}.get(name, f'with {name}, which')
        assert words in told[0], told


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


# Each ended as an argument of the shell, which took it for a script.
OWN_WORDS = ('nohpet x2apic tscdeadline bench noapic nolapic nosmp rootwait '
             'nomodeset unknown_nmi_panic debug ro clocksource=hpet '
             'reboot=kbd smp_dead=9 crash_cpu=1 fail=page,nth=99999999')


@pytest.mark.banos
def test_the_kernels_own_words_are_no_arguments(start):
    m = start(append=f'init=/bin/sh {OWN_WORDS} -- -c "set; nproc; exec sh"',
              cpus=2)
    m.expect('# ', 30)
    text = m.before.splitlines()
    assert '1' in text, 'nosmp'
    for word in OWN_WORDS.split():
        assert word not in text and f"{word.split('=')[0]}='" not in m.before


def test_words_for_init(start):
    m = start(initrd=cpio(small(
        'for word; do echo "<$word>"; done; /bin/busybox tr "\\0" "\\n" '
        '</proc/self/environ', file('other', INIT.format('echo none')))),
        append='before rdinit=/init one colour=red colour=blue TERM=vt100 '
               'some.param=1 rootwait a="b c" "d e" "f=g h" =x == "" '
               '-- two three=3 -- four')
    text = output(m).splitlines()
    at = text.index('<one>')
    assert text[at:at + 10] == [
        '<one>', '<d e>', '<=x>', '<>', '<two>', '<three=3>', 'HOME=/',
        'TERM=vt100', 'colour=blue', 'a=b c']
    assert 'f=g h' in text and '===' not in text and '<four>' not in text
    assert not any('before' in x or 'some.param' in x for x in text
                   if 'ommand line' not in x)


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

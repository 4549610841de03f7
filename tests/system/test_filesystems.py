# SPDX-License-Identifier: MIT
"""File systems that are drivers: names, inodes, attributes, changes, and drivers that go and come back."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from conftest import disk_program, repeats
from driver_source import FLAGS, SOURCE

pytestmark = pytest.mark.banos
DRIVERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'drivers')


def driver(name, folder):
    """The driver file, with the drafts of the present build."""
    out = f'{folder}/{name}.ko'
    subprocess.run(['gcc', '-std=gnu11', f'-I{SOURCE}/include', f'-I{machines.BUILD}/include/drafts', *FLAGS,
                    '-DBANOS_DRAFT', '-c', f'{DRIVERS}/{name}.c', '-o', out], check=True)
    with open(out, 'rb') as f:
        return file('', f.read())


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return {'basket.ko': driver('basket', tmp_path_factory.mktemp('drivers'))}


@pytest.fixture(params=[*repeats('release'), 'debug'])
def m(request, start, files):
    kernel = machines.KERNEL if request.param == 'release' else machines.DEBUG_KERNEL
    m = start(kernel=kernel, cpus=2, files=files, append='quiet').boot()
    m.check('insmod /basket.ko && mkdir /b && mount -t basket straw /b')
    yield m
    log = m.check('dmesg')
    assert 'leaked' not in log and 'not freed' not in log, log


def leave(m):
    m.check('cd /; umount /b && rmmod basket')
    assert 'basket: 0 broken' in m.check('dmesg'), m.check('dmesg')


def test_names(m):
    assert 'nodev\tbasket' in m.check('cat /proc/filesystems')
    assert 'straw /b basket rw,relatime 0 0' in m.check('cat /proc/mounts')
    assert m.check('cat /b/kept') == 'bread'
    m.check('cd /b && echo milk >a && ln a b && ln -s a c && mkdir d && mkfifo e && mknod f c 1 3')
    assert m.check('cat a b c; echo x >f') == 'milk\nmilk\nmilk\n'
    assert m.check('stat -c "%h %F" a b c d e f').splitlines() == [
        '2 regular file', '2 regular file', '1 symbolic link', '2 directory', '1 fifo',
        '1 character special file']
    assert m.check('test a -ef b && ls | tr "\\n" " "') == 'a b c d e f kept '
    m.check('mv a d/a && test d/a -ef b && mv d/a b2 && rm b && test "$(stat -c %h b2)" = 1')
    m.check('mkdir d/x && test "$(stat -c %h d)" = 3 && ! rmdir d 2>/dev/null && rmdir d/x && rmdir d')
    m.check('echo 1 >p; echo 2 >q; mv p q; test "$(cat q)" = 1 && ! test -e p')
    m.check('echo longer >>q; test "$(wc -c <q)" = 9; : >q; test ! -s q')
    m.check('chmod 640 q; chown 3:4 q; touch -d 2001-02-03 q')
    assert m.check('stat -c "%a %u %g %y" q').startswith('640 3 4 2001-02-03')
    assert 'straw' in m.check('df /b') and '40' in m.check('stat -f /b')
    m.check('rm -r /b/*; test -z "$(ls /b)"; echo one >/b/held; exec 5</b/held; rm /b/held')
    assert m.check('cat <&5; exec 5<&-') == 'one\n'
    leave(m)


def test_what_is_not_there_is_asked_once(m):
    m.check('for i in 1 2 3 4 5 6 7 8 9; do test -e /b/none; done; true')
    m.check('umount /b; rmmod basket')
    assert re.search('basket: 0 broken, 1 lookups', m.check('dmesg')), m.check('dmesg')


def test_a_driver_that_lies_is_contained(m):
    m.check('mkdir /b/liar')
    assert 'liar' not in m.check('ls /b 2>&1; true')
    assert 'read-only from now on' in m.check('dmesg')
    m.check('! touch /b/new 2>/dev/null')
    m.check('umount /b; rmmod basket')


def test_the_sample(m):
    m.check('modprobe leaflet && mkdir /l && mount -t leaflet none /l')
    assert m.check('ls /l; cat /l/read.me /l/back') == (
        'back     read.me\nFold here.\nPrinted on recycled bits.\n')
    m.check('! touch /l/x 2>/dev/null; umount /l; rmmod leaflet; umount /b')


def test_options(m):
    m.check('! mount -t basket -o weave=coarse x /b 2>/dev/null')
    m.check('umount /b && mount -t basket -o ro,weave=fine,errors=continue x /b')
    assert 'basket ro,relatime,errors=continue,weave=fine' in m.check('cat /proc/mounts')
    m.check('! touch /b/x 2>/dev/null && mount -o remount,rw /b && touch /b/x')
    m.check('exec 5>/b/x; ! mount -o remount,ro /b 2>/dev/null; exec 5>&-; mount -o remount,ro /b')
    m.check('! rmmod basket 2>/dev/null')
    leave(m)


def test_what_changed_is_handed_down(m):
    m.check('echo milk >/b/a; sync; umount /b; mount -t basket straw /b')
    assert m.check('cat /b/a') == 'milk\n'
    m.check('rm /b/a')
    m.check('umount /b; rmmod basket')
    assert 'synced' in m.check('dmesg | grep -v "not synced"')


def test_the_driver_is_replaced_while_files_are_open(m):
    m.check('exec 5</b/kept; cd /b; rmmod --revoke basket; insmod /basket.ko')
    assert m.check('cat <&5; cat kept /b/kept') == 'breadbreadbread'
    assert 'goes on with the driver basket' in m.check('dmesg')
    m.check('exec 5<&-')
    leave(m)


def test_callers_wait_for_the_next_driver(m):
    m.check('rmmod --revoke basket; { sleep 1; insmod /basket.ko; } & cat /b/kept; wait')
    m.check('rmmod --revoke basket')
    assert 'No such device' in m.run('cat /b/kept', 20)[0]
    m.check('umount -l /b')


def test_a_driver_that_faults_is_replaced(start, files):
    m = start(kernel=machines.DEBUG_KERNEL, cpus=2, files=files, append='quiet').boot()
    m.check('insmod /basket.ko && mkdir /b && mount -t basket straw /b; exec 5</b/kept')
    m.check('{ until ! lsmod | grep -q basket; do sleep 0.1; done; insmod /basket.ko; } & '
            '! cat /b/crash 2>/dev/null; wait', 30)
    assert m.check('cat <&5; cat /b/kept; exec 5<&-') == 'breadbread'


def work(number):
    return (f'(i=0; while test $i -lt 40; do mkdir {number}$i; echo $i >{number}f; '
            f'mv {number}f {number}$i/g; rm {number}$i/g; rmdir {number}$i; i=$((i+1)); done) & ')


def test_work_of_many_in_one_folder(m):
    m.check('cd /b; ' + ''.join(work(n) for n in 'abcd') + 'for i in 1 2 3 4 5; do sync; done; wait', 60)
    assert m.check('ls') == 'kept\n'
    leave(m)


def halves(start, tmp_path, kernel):
    disk = str(tmp_path / 'disk')
    with open(disk, 'wb') as f:
        f.truncate(1 << 20)
    m = start(kernel=kernel, cpus=2, files={'halves.ko': driver('halves', tmp_path)}, append='quiet', qemu=[
        '-drive', f'if=none,id=d,format=raw,file={disk}', '-device', 'virtio-blk-pci,drive=d']).boot()
    m.check('modprobe virtio_blk; insmod /halves.ko; mkdir /h; until test -b /dev/vda; do sleep 0.1; done')
    m.check('mount -t halves /dev/vda /h && chmod 700 /h')
    return m


def stored(m):
    m.check('umount /h && mount -t halves /dev/vda /h')
    return m.check('stat -c "%a %h" /h').strip()


def test_a_driver_that_faults_leaves_no_half_of_a_change(start, tmp_path):
    m = halves(start, tmp_path, machines.DEBUG_KERNEL)
    m.check('{ until ! lsmod | grep -q halves; do sleep 0.1; done; insmod /halves.ko; } & '
            '! chmod 601 /h 2>/dev/null; wait', 60)
    assert stored(m) == '700 2'


def test_one_change_of_a_file_at_a_time(start, tmp_path):
    """Also where one is a store to a mapping, which needs room, and the other one a rename."""
    disk = str(tmp_path / 'disk')
    with open(disk, 'wb') as f:
        f.truncate(4 << 20)
    m = start(cpus=2, append='quiet', files={
        'juggler.ko': driver('juggler', tmp_path), 'renamerace': file('', disk_program('renamerace'), 0o755)}, qemu=[
            '-drive', f'if=none,id=d,format=raw,file={disk}', '-device', 'virtio-blk-pci,drive=d']).boot()
    m.check('modprobe virtio_blk; insmod /juggler.ko; mkdir /j; until test -b /dev/vda; do sleep 0.1; done')
    m.check('mount -t juggler /dev/vda /j && cd /j')
    assert m.check('ls; find . | sort').split() == ['left', 'right', '.', './left', './right']
    assert m.check('/renamerace left right 256', 60).split() == ['0']
    m.check('cd /; umount /j; mount -t juggler /dev/vda /j')
    assert m.check('stat -c %h /j').split() == ['2']

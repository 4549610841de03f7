# SPDX-License-Identifier: MIT
"""FAT in the kernel: written by Banos and read by mtools and fsck.fat, and the other way round."""
import os
import random
import shutil
import subprocess

import pytest

from test_partitions import wait_for

pytestmark = [pytest.mark.banos, pytest.mark.skipif(not shutil.which('mkfs.fat', path='/usr/sbin:/sbin') or
                                                    not shutil.which('mcopy'), reason='needs dosfstools, mtools')]
ENVIRONMENT = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin', LC_ALL='C.UTF-8', MTOOLS_SKIP_CHECK='1')
FORMATS = {'fat12': ('4M', ()), 'fat16': ('20M', ('-F', '16')), 'fat32': ('40M', ('-F', '32'))}


def host(*command):
    """What a program of the host says; it must succeed."""
    done = subprocess.run(command, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f'{command}: {done.stdout}'
    return done.stdout


def make(path, kind):
    size, options = FORMATS[kind]
    host('truncate', '-s', size, path)
    host('mkfs.fat', *options, path)
    return path


def disk(path, name):
    return ['-drive', f'if=none,id={name},file={path},format=raw,cache=unsafe',
            '-device', f'virtio-blk-pci,drive={name}']


def test_both_ways(start, tmp_path):
    """Each width is a disk; mtools put a folder on it, Banos adds one."""
    random_bytes = random.Random(1).randbytes(200001)
    (tmp_path / 'random').write_bytes(random_bytes)
    images, arguments = {}, []
    for kind in FORMATS:
        images[kind] = make(f'{tmp_path}/{kind}.img', kind)
        host('mmd', '-i', images[kind], '::Länge', '::PLAIN')
        host('mcopy', '-i', images[kind], f'{tmp_path}/random', '::Länge/a name that is longer than eight.random')
        host('mcopy', '-i', images[kind], f'{tmp_path}/random', '::PLAIN/SHORT.BIN')
        arguments += disk(images[kind], kind)
    m = start(cpus=2, append='quiet', qemu=arguments).boot()
    for letter in 'abc':
        wait_for(m, f'/dev/vd{letter}')
    m.check('modprobe vfat && mkdir /m')
    for letter in 'abc':
        m.check(f'mount -t vfat -o umask=077,uid=0,utf8 /dev/vd{letter} /m && cd /m')
        m.check('cmp "LÄNGE/A Name that is longer than eight.Random" PLAIN/short.bin')
        m.check('[ "$(stat -c %a:%s plain/short.bin)" = 700:200001 ]')
        m.check('mkdir -p new/below && cp /etc/passwd new/ && cp plain/short.bin new/below/copy')
        m.check('for i in $(seq 60); do echo $i >"new/file number $i.text"; done; rm new/*number\\ ?5.text')
        m.check('echo x >t && mv t new/FILE\\ number\\ 7.text && mv "new/file number 8.text" new/below/Ünicode.€')
        m.check('! ln new/below/copy l 2>/dev/null && ! ln -s a b 2>/dev/null && ! mknod n c 1 3 2>/dev/null')
        m.check('dd if=/dev/zero of=gap bs=1 count=1 seek=50000 2>/dev/null && [ "$(tr -d "\\000" <gap | wc -c)" = 0 ]')
        m.check('head -c 5000 new/below/copy >cut && cp new/below/copy long && truncate -s 4999 long')
        m.check('mv new/below moved && mkdir gone && rmdir gone && df /m >/dev/null')
        m.check('cd / && umount /m')
    m.check('rmmod vfat')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'read-only' not in log and 'was not' not in log, log
    m.close()
    for image in images.values():
        host('fsck.fat', '-n', image)
        for name, expected in (('moved/copy', random_bytes), ('cut', random_bytes[:5000]), ('gap', b'\0' * 50001),
                               ('long', random_bytes[:4999]), ('new/file number 7.text', b'x\n'),
                               ('moved/Ünicode.€', b'8\n')):
            host('mcopy', '-n', '-i', image, f'::{name}', f'{tmp_path}/one')
            assert (tmp_path / 'one').read_bytes() == expected, name
        assert 'file number 15' not in host('mdir', '-i', image, '::new')


def test_short_names_only(start, tmp_path):
    """The type msdos: names are cut, and long ones that others made are not shown, but removed with their files."""
    image = make(f'{tmp_path}/disk.img', 'fat16')
    (tmp_path / 'file').write_bytes(b'content\n')
    host('mcopy', '-i', image, f'{tmp_path}/file', '::A long name.text')
    m = start(append='quiet', qemu=disk(image, 'one')).boot()
    wait_for(m, '/dev/vda')
    m.check('modprobe vfat && mkdir /m && mount -t msdos /dev/vda /m && cd /m')
    assert 'msdos' in m.check('grep /m /proc/mounts')
    assert m.lines('ls -1') == ['alongn~1.tex']
    assert m.check('cat ALONGN~1.TEX') == 'content\n'
    m.check('echo 1 >Plain.txt; echo 2 >longerthaneight.text; echo 3 >longerthanANYTHING.tex; mkdir folder; mv plain.TXT folder/b.c.d')
    m.check('! echo >"a+b" 2>/dev/null; ! echo >.hidden 2>/dev/null; ! echo >ä 2>/dev/null; ! mkdir longerth.tex 2>/dev/null')
    assert sorted(m.lines('ls -1 . folder; cat longerth.tex')) == sorted(
        ['.:', 'alongn~1.tex', 'folder', 'longerth.tex', '', 'folder:', 'b.c', '3'])
    m.check('mv alongn~1.tex moved && rm longerth.tex && cd / && umount /m && mount -t vfat /dev/vda /m && cd /m')
    assert m.lines('ls -1') == ['FOLDER', 'MOVED']
    m.check('cd / && umount /m && rmmod vfat')
    m.close()
    host('fsck.fat', '-n', image)
    listed = host('mdir', '-b', '-/', '-i', image, '::').split()
    assert sorted(listed) == ['::/FOLDER/', '::/FOLDER/B.C', '::/MOVED']


# It is typed: one line.
FORGOTTEN = ('cd /m; end=$(( $(date +%s) + 4 )); for w in 1 2 3; do ( mkdir d$w; i=0; '
             'while [ $(date +%s) -lt $end ]; do echo $i >d$w/a; mv d$w/a d$w/b; i=$((i + 1)); '
             'for k in 1 2 3 4 5 6; do cat d$w/b >/dev/null && echo more >>d$w/b || echo failed $w >>/failed; done; done ) & done; '
             'while [ $(date +%s) -lt $end ]; do sync; echo 2 >/proc/sys/vm/drop_caches; done; wait; cd /')


def test_a_renamed_file_is_forgotten_and_found_at_the_same_time(start, tmp_path):
    """The driver finds what was renamed by its own note of it alone, so that is not dropped for a name just found."""
    image = make(f'{tmp_path}/one.img', 'fat32')
    m = start(cpus=4, append='quiet', qemu=disk(image, 'one')).boot()
    wait_for(m, '/dev/vda')
    m.check('modprobe vfat && mkdir /m && mount -t vfat /dev/vda /m')
    m.check(FORGOTTEN, 30)
    m.check('[ ! -e /failed ]')
    m.check('umount /m')
    log = m.check('dmesg')
    assert 'could not' not in log and 'outside of a change' not in log, log
    m.close()
    host('fsck.fat', '-n', image)


def test_what_was_renamed_is_found_by_the_next_driver(start, tmp_path):
    """Files and folders in use have other places than the driver's numbers say, which the next instance cannot know."""
    image = make(f'{tmp_path}/one.img', 'fat32')
    m = start(cpus=2, append='quiet', qemu=disk(image, 'one')).boot()
    wait_for(m, '/dev/vda')
    m.stop_agent()
    m.check('modprobe vfat && mkdir /m && mount -t vfat /dev/vda /m && mkdir -p /m/a/b')
    m.check('echo old >/m/file && echo old >/m/a/b/file && exec 5>>/m/file 6>>/m/a/b/file && cd /m/a/b')
    m.check('mv /m/file /m/a/moved && mv /m/a/b/file /m/a/b/other && mv /m/a /m/c && mv /m/c/b /m/d && echo x >/m/file')
    m.check('rmmod --revoke vfat && modprobe vfat && echo new >&5 && echo new >&6 && [ "$(ls)" = other ]')
    m.check('[ "$(cat /m/c/moved)" = "$(cat other)" ] && [ $(wc -l <other) = 2 ] && [ $(cat /m/file) = x ]')
    m.check('exec 5>&- 6>&- && echo more >>other && cd / && umount /m')
    m.close()
    host('fsck.fat', '-n', image)
    assert host('mtype', '-i', image, '::d/other') == 'old\nnew\nmore\n'

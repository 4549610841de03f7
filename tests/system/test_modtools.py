# SPDX-License-Identifier: MIT
"""insmod, rmmod, lsmod, modinfo, modprobe: ours, and BusyBox's own over Linux's calls."""
import bz2
import gzip
import lzma
import os
import re
import subprocess
import sys

import pytest

import archive
import machine as machines

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'drivers'))
import image                                    # noqa: E402

pytestmark = pytest.mark.banos
MACHINE = {'append': 'quiet'}


def packed():
    """One driver, compressed in each way, and two that are only called so."""
    data = bytes(image.driver('packed').build())
    return {'packed.ko.gz': gzip.compress(data, mtime=0),
            'packed.ko.xz': lzma.compress(data),
            'packed.ko.lzma': lzma.compress(data, lzma.FORMAT_ALONE),
            'packed.ko.bz2': bz2.compress(data),
            'packed.ko.zst': b'\x28\xb5\x2f\xfd' + data[:200],
            'cut.ko.gz': gzip.compress(data, mtime=0)[:300]}


def content(path):
    with open(path, 'rb') as f:
        return f.read()


def kmod():
    """The host's kmod with the libraries that it wants, and a folder of its names."""
    path = '/usr/bin/kmod' if os.path.exists('/usr/bin/kmod') else '/bin/kmod'
    needs = subprocess.run(['ldd', path], text=True, check=True,
                           stdout=subprocess.PIPE).stdout
    files = {x: content(x) for x in [path] + re.findall(r'(/lib\S+) \(', needs)}
    for name in ('insmod', 'rmmod', 'lsmod', 'modprobe', 'modinfo', 'depmod'):
        files[f'kmod/{name}'] = archive.symlink('', path)
    return files


def failing():
    """A driver whose init() leaves a line in the log, and fails: endbr64; push;
    call banos_absent; pop; mov $-5, %rax; ret."""
    d = image.driver('failing', text=bytes.fromhex(
        'f30f1efa50e80000000059' '48c7c0fbffffff' 'c3'))
    d.symbol('banos_absent', bind=image.WEAK)
    d.section('.text').rela(6, image.PLT32, 'banos_absent', -4)
    return bytes(d.build())


def FILES():
    files = {f'packed/{name}': data for name, data in packed().items()}
    files.update(kmod())
    files['failing.ko'] = failing()
    files['loadtest'] = content(f'{machines.BUILD}/tests/loadtest')
    lacking = image.driver('lacking')
    lacking.section('.text').add(bytes(8))
    lacking.section('.text').rela(16, image.PLT32, 'banos_nowhere', -4)
    lacking.section('.text').rela(20, image.PLT32, '__udivti3', -4)
    files['lacking.ko'] = bytes(lacking.build())
    files['zipped.ko'] = gzip.compress(b'no driver')
    return files


@pytest.fixture(autouse=True)
def nothing_left(shell):
    before = shell.check('lsmod')
    yield
    assert shell.check('lsmod') == before


def test_busybox_installs_lists_and_removes(shell):
    folder = '/lib/banos/drivers/samples'
    shell.check(f'busybox insmod {folder}/hello.ko who=busybox')
    assert 'hello: Hello, busybox!' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    assert re.search(r'^hello +\d+ +0', shell.check('busybox lsmod'), re.M)
    shell.check('busybox rmmod hello')
    assert 'hello: Goodbye' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    output, status = shell.run('busybox insmod /etc/passwd')
    assert status != 0 and 'invalid module format' in output
    output, status = shell.run('busybox rmmod hello')
    assert status != 0 and 'No such file' in output


def test_busybox_modprobe_minds_dependencies(shell):
    shell.check('busybox modprobe sum a=30 b=12')
    assert 'sum: 30 + 12 = 42' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    assert re.search(r'^adder +\d+ +1 +sum', shell.check('busybox lsmod'), re.M)
    output, status = shell.run('busybox rmmod adder')
    assert status != 0 and 'temporarily unavailable' in output      # EAGAIN, as Linux says
    shell.check('busybox modprobe -r sum')
    assert shell.check('cat /proc/modules') == ''
    output = shell.check('busybox modinfo hello')
    assert 'description:    Greets' in output and 'who:the name to greet' in output


def test_lsmod_tells_who_uses_whom(shell):
    shell.check('modprobe sum')
    assert re.search(r'^adder +\d+ +1 +\d+  live, used by sum$',
                     shell.check('lsmod'), re.M)
    user = shell.check("su user -c '/sbin/lsmod'")
    assert re.search(r'^adder +\d+ +1 +sum', user, re.M)
    assert '0x0000000000000000' in shell.check("su user -c 'cat /proc/modules'")
    shell.check('modprobe -r sum')


def test_modprobe_says_what_it_does_or_would_do(shell):
    expected = [r'insmod /lib/banos/drivers/samples/adder\.ko',
                r'insmod /lib/banos/drivers/samples/sum\.ko a=1']
    for option in ('-nv', '-D', '-v'):
        lines = shell.lines(f'modprobe {option} sum a=1')
        assert len(lines) == 2, lines
        for line, pattern in zip(lines, expected):
            assert re.fullmatch(pattern, line), lines
        assert bool(shell.check('cat /proc/modules')) == (option == '-v')
    assert shell.lines('modprobe -rv sum') == ['rmmod sum', 'rmmod adder']
    for name in ('none', 'pci:none'):
        output, status = shell.run(f'modprobe -q {name}')
        assert status != 0 and not output
        output, status = shell.run(f'modprobe {name}')
        assert status != 0 and name in output
    output, status = shell.run('modprobe --nonsense sum')
    assert status == 2 and 'unknown option' in output
    shell.check('modprobe null')                # built in: there is nothing to do
    shell.check('modprobe -a hello bell; modprobe -r hello bell')


TOOLS = ['/kmod/', 'busybox ', '']


@pytest.mark.parametrize('tools', TOOLS)
@pytest.mark.parametrize('others', TOOLS)
def test_tools_of_each_kind_work_in_any_order(shell, tools, others):
    """One installs, another lists, and either removes."""
    shell.check(f'{tools}modprobe sum a=30 b=12')
    assert 'sum: 30 + 12 = 42' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    assert re.search(r'^adder +\d+ +1\b.*\bsum', shell.check(f'{others}lsmod'), re.M)
    shell.check(f'{others}modprobe sum')                # it is there
    shell.check(f'{others}modprobe null')               # and this always
    for name in ('adder', 'null'):
        for remove in ('rmmod', 'modprobe -r'):
            assert shell.run(f'{others}{remove} {name}')[1] != 0 or \
                (others, remove) == ('busybox ', 'modprobe -r') or \
                (others, name) == ('/kmod/', 'null'), (remove, name)
    assert len(shell.lines('cat /proc/modules')) == 2
    shell.check(f'{others}modprobe -r sum')
    assert shell.check('cat /proc/modules; ls /sys/module') == ''
    path = '/lib/banos/drivers/samples/hello.ko'
    shell.check(f'{tools}insmod {path} who=them && {others}rmmod hello')
    assert 'Greets by name' in shell.check(f'{tools}modinfo hello')
    assert shell.run(f'{tools}insmod /lacking.ko')[1] != 0
    assert shell.run(f'{tools}rmmod hello')[1] != 0


@pytest.mark.parametrize('tools', TOOLS[:2])
def test_modprobe_works_after_each_depmod(shell, tools):
    shell.check('cp -r /lib/modules/$(uname -r) /tmp/lists')
    shell.check(f'{tools}depmod')
    for modprobe in TOOLS:
        shell.check(f'{modprobe}modprobe maybe')
        assert shell.lines('cut -d " " -f1 /proc/modules') == ['maybe', 'adder']
        shell.check(f'{modprobe}modprobe -r maybe')
        assert shell.check('cat /proc/modules') == ''
    shell.check('cp /tmp/lists/modules.* /lib/modules/$(uname -r); rm -r /tmp/lists')


def test_what_sys_module_tells(shell):
    folder = '/sys/module/adder'
    assert shell.check('ls /sys/module') == ''
    shell.check('modprobe sum')
    assert shell.lines('ls /sys/module') == ['adder  sum']
    assert shell.check(f'cd {folder} && cat initstate refcnt version') == 'live\n1\n1.0\n'
    size = shell.check(f'cat {folder}/coresize').strip()
    assert re.search(rf'^adder {size} ', shell.check('cat /proc/modules'), re.M)
    address = shell.check(f'cat {folder}/sections/.text')
    assert address.strip() in shell.check('cat /proc/modules')
    assert shell.run(f"su user -c 'cat {folder}/sections/.text'")[1] != 0
    assert shell.check(f"su user -c 'cat {folder}/initstate'") == 'live\n'
    assert shell.check(f'cat {folder}/holders/sum/initstate') == 'live\n'
    # Open files and folders outlive what they tell of.
    shell.check(f'exec 5<{folder}/refcnt; cd {folder}/holders; rmmod sum')
    assert shell.check('ls /sys/module/adder/holders .') == '.:\n\n/sys/module/adder/holders:\n'
    shell.check('rmmod adder')
    assert shell.run('cat <&5')[1] != 0
    assert shell.run(f'ls {folder}')[1] != 0 and shell.check('ls /sys/module') == ''
    shell.check('modprobe sum; ls . >/dev/null; exec 5<&-; cd /tmp/t')
    assert shell.check(f'ls {folder}/holders') == 'sum\n'
    # What is found while running counts, too; two of one name are one folder.
    shell.check('insmod finder name=adder_add >/dev/null 2>&1 || insmod finder >/dev/null')
    shell.check('insmod --allow-duplicate hello >/dev/null;'
                'insmod --allow-duplicate hello >/dev/null')
    assert 'hello' in shell.check('ls /sys/module')
    shell.check('rmmod hello; cat /sys/module/hello/initstate; rmmod hello;'
                'rmmod finder; modprobe -r sum')
    assert shell.check('ls /sys/module') == ''


def test_many_who_install_the_same_at_once_install_it_once(shell):
    shell.check('dmesg -n 1')
    for _ in range(5):
        shell.check('for i in $(seq 8); do modprobe sum & insmod hello &'
                    ' done >/dev/null 2>&1; wait', 60)
        assert sorted(x.split()[0] for x in shell.lines('cat /proc/modules')) \
            == ['adder', 'hello', 'sum']
        shell.check('modprobe -r sum; rmmod hello')
    shell.check('dmesg -n 4')


def test_folders_come_and_go_while_others_look(shell):
    shell.check('for i in 1 2 3; do (while [ ! -e /tmp/stop ]; do ls -R /sys/module;'
                'cat /sys/module/*/refcnt /sys/module/*/holders/*/initstate; done'
                ' >/dev/null 2>&1 &) done;'
                'for i in $(seq 60); do modprobe sum && modprobe -r sum || echo BAD; done;'
                ' touch /tmp/stop', 60)
    assert shell.check('sleep 0.3; rm /tmp/stop; ls /sys/module; cat /proc/modules') == ''


def times_run(shell, command):
    """How often init() of /failing.ko ran."""
    shell.check('dmesg -n 1; dmesg -c >/dev/null')
    output, status = shell.run(command)
    return len(re.findall('failing called banos_absent', shell.check('dmesg'))), \
        output, status


def test_a_failing_init_runs_once(shell):
    for tools in TOOLS:
        for _ in range(2):                      # whoever tries again, tries
            times, output, status = times_run(shell, f'{tools}insmod /failing.ko')
            assert times == 1 and status != 0, (tools, times)
            # The reason is said once; ours says it, Linux's calls leave it in the log.
            assert 'error 5' in output + shell.check('dmesg')
    times, output, status = times_run(shell, '/loadtest once /failing.ko')
    assert (times, output, status) == (8, 'done\n', 0)
    shell.check('dmesg -n 4')


def test_by_name_and_by_number(shell):
    first = shell.check('insmod hello').strip()
    second = shell.check('insmod --allow-duplicate hello who=two').strip()
    assert int(second) > int(first)
    shell.check(f'rmmod {first}')
    assert 'Goodbye, world.' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    third = shell.check('insmod --allow-duplicate hello who=three').strip()
    shell.check('rmmod hello')                  # the newest of that name
    assert 'Goodbye, three.' in shell.check('dmesg | grep -v tsc: | tail -n 1')
    output, status = shell.run(f'rmmod {third}')
    assert status != 0 and 'no such driver' in output
    shell.check(f'rmmod {second}')


def test_no_bare_text_of_an_errno(shell):
    """What was refused says why in sentences; the words of ENOENT and its kin,
    which would be of files, stand nowhere."""
    shell.check('insmod hello >/dev/null; exec 5<&-')
    for command, words in (
            ('insmod /lacking.ko', ['needs banos_nowhere, which this kernel',
                                    'needs __udivti3, of the compiler']),
            ('insmod --dry-run /lacking.ko', ['needs banos_nowhere']),
            ('insmod sum', ['needs adder_add, which no installed driver exports']),
            ('insmod /etc/passwd', ['not an ELF file: a text']),
            ('insmod /bin/busybox', ['a program: a driver is an object file']),
            ('insmod hello who="$(head -c 99 /dev/zero | tr "\\0" x)"',
             ['installed already']),
            ('insmod --allow-duplicate hello x=1', ['has no parameter x']),
            ('insmod /none.ko', ['cannot be opened: No such file']),
            ('insmod none', ['modules.dep has no driver of that name']),
            ('rmmod none', ['no such driver is installed']),
            ('rmmod null', ['is built into the kernel']),
            ('modprobe -r none', ['not installed']),
            ("su user -c '/sbin/insmod /lacking.ko'", ['only root may install']),
            ("su user -c '/sbin/rmmod hello'", ['only root may']),
            ("su user -c '/sbin/modprobe sum'", ['only root may'])):
        output, status = shell.run(command)
        assert status != 0, command
        for text in words:
            assert text in output, (command, output)
        for line in output.splitlines():
            assert not re.search(r': (No such file or directory|Invalid argument'
                                 r'|Exec format error|Device or resource busy|'
                                 r'Operation not permitted|File exists)$', line) \
                or 'opened' in line, (command, output)
    shell.check('rmmod hello')


def test_compressed_drivers_install_or_are_named(shell):
    for end in ('gz', 'xz', 'lzma', 'bz2'):
        shell.check(f'insmod /packed/packed.ko.{end} && lsmod | grep -q ^packed')
        assert 'installed already' in shell.run('insmod /packed/packed.ko.xz')[0]
        shell.check('rmmod /packed/packed.ko.gz')
    for name, words in (
            ('packed.ko.zst', 'is compressed with zstd, and unzstd is not installed'),
            ('cut.ko.gz', 'is compressed with gzip, but damaged')):
        output, status = shell.run(f'insmod /packed/{name}')
        # One complaint, in one line of our own.
        assert status != 0 and output.count('insmod:') == 1 and words in output
    output, status = shell.run('insmod /zipped.ko')     # called what it is not
    assert status != 0 and 'not an ELF file: a text' in output
    # The kernel itself, asked by others, says what it is and what to do.
    output, status = shell.run('dmesg -n 1; busybox insmod /packed/packed.ko.zst; '
                               'dmesg | tail -n 1')
    assert 'compressed with zstd: unpack it (unzstd)' in output
    shell.check('busybox insmod /packed/packed.ko.gz; rmmod packed')
    # In the folder of modules, under a name of modules.dep.
    folder = '/lib/modules/$(uname -r)'
    shell.check(f'mkdir {folder}/extra && cp /packed/packed.ko.xz {folder}/extra/ &&'
                f' cp {folder}/modules.dep /tmp/saved &&'
                f' echo extra/packed.ko.xz: >>{folder}/modules.dep')
    shell.check('modprobe packed && lsmod | grep -q ^packed && modprobe -r packed')
    shell.check(f'modinfo /lib/banos/drivers/samples/hello.ko >/tmp/a;'
                f'gzip -c {folder}/samples/hello.ko >/tmp/hello.ko.gz;'
                'modinfo /tmp/hello.ko.gz >/tmp/b; sed -i 1d /tmp/a /tmp/b;'
                'cmp /tmp/a /tmp/b')
    shell.check(f'mv /tmp/saved {folder}/modules.dep; rm -r {folder}/extra')


@pytest.mark.long
def test_a_small_file_may_unpack_to_a_large_one(shell):
    shell.check('head -c 35000000 /dev/zero | gzip -1 >/tmp/large.ko.gz', 60)
    output, status = shell.run('insmod /tmp/large.ko.gz', 60)
    assert status != 0 and 'too large for a driver, once it is unpacked' in output
    shell.check('rm /tmp/large.ko.gz')


def test_a_file_of_another_name_is_one_driver(shell):
    """mine-too.ko holds the driver sum; yours.ko the one that it needs."""
    folder = '/lib/modules/$(uname -r)'
    samples = f'{folder}/samples'
    shell.check(f'mkdir {folder}/extra; cp {folder}/modules.dep /tmp/saved;'
                f'cp {samples}/sum.ko {folder}/extra/mine-too.ko;'
                f'cp {samples}/adder.ko {folder}/extra/yours.ko;'
                'echo extra/yours.ko: >/tmp/dep;'
                'echo extra/mine-too.ko: extra/yours.ko >>/tmp/dep;'
                f'cp /tmp/dep {folder}/modules.dep')
    for name in ('mine-too', 'mine_too', 'sum'):
        shell.check(f'modprobe {name} a=1 b=2')
        assert shell.check('cut -d " " -f1 /proc/modules') == 'sum\nadder\n'
        for again in ('mine-too', 'mine_too', 'sum', 'yours'):
            shell.check(f'modprobe {again}')            # each is there
        assert len(shell.lines('cat /proc/modules')) == 2
        output, status = shell.run('modprobe -r yours')
        assert status != 0 and 'adder: is busy: driver sum depends on it' in output
        assert shell.lines(f'modprobe -rv {name}') == ['rmmod sum', 'rmmod adder']
        assert shell.check('cat /proc/modules') == ''
    shell.check('modprobe sum; rmmod mine-too && modprobe -r yours')
    shell.check(f'mv /tmp/saved {folder}/modules.dep; rm -r {folder}/extra')


def test_wait_and_its_interruption(shell):
    shell.check('insmod bell >/dev/null; exec 5</dev/bell')
    output, status = shell.run('rmmod bell')
    assert status != 0 and 'busy' in output
    # Interrupted, nothing has changed: it can be opened again.
    shell.check('/sbin/rmmod --wait bell 5<&- 2>said & sleep 0.3; kill -INT $!; wait $!; true')
    shell.check('exec 6</dev/bell; exec 6<&-')
    # Going, nobody gets in any more.
    shell.check('/sbin/rmmod --wait bell 5<&- & sleep 0.3')
    output, status = shell.run('cat /dev/bell')
    assert status != 0 and 'No such device' in output
    shell.check('exec 5<&-; wait')
    assert not shell.check('cat /proc/modules')


def test_an_account_of_each_driver(shell):
    number = shell.check('insmod scratch').strip()
    shell.check('echo hello >/dev/scratch; exec 5</dev/scratch')
    about = shell.check(f'cat /proc/banos/{number}')
    for line in (r'name:\s+scratch', r'state:\s+Live', r'built:\s+as a file.*level 1',
                 r'memory:\s+\d+ bytes of image, 4096 allocated', r'pins:\s+1',
                 r'calls:\s+\d+, 0 of them running', r'owns:\s+1 character device',
                 r'owns:\s+1 mutex', r'owns:\s+1 allocation'):
        assert re.search(line, about), (line, about)
    calls = int(re.search(r'calls:\s+(\d+)', about)[1])
    shell.check('head -c 1 <&5 >/dev/null; exec 5<&-')
    about = shell.check(f'cat /proc/banos/{number}')
    assert int(re.search(r'calls:\s+(\d+)', about)[1]) >= calls + 2
    assert re.search(r'pins:\s+0', about)
    assert shell.run(f"su user -c 'cat /proc/banos/{number}'")[1] != 0
    shell.check('rmmod scratch')
    assert shell.run(f'cat /proc/banos/{number}')[1] != 0


def test_no_more_installs_once_locked(start):
    m = start(append='banos.lock').boot()
    output, status = m.run('insmod hello')
    assert status != 0 and 'not permitted' in output
    assert m.check('cat /proc/banos/lock') == '1\n'
    assert m.run('echo 0 >/proc/banos/lock')[1] != 0
    output, status = m.run('busybox modprobe hello')
    assert status != 0 and 'not permitted' in output

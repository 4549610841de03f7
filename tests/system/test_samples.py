# SPDX-License-Identifier: MIT
"""The sample drivers do what they are there to show, and leave nothing behind."""
import os
import re
import subprocess

import pytest

import machine as machines
from archive import file
from builds import seed

pytestmark = pytest.mark.banos
MACHINE = {'append': 'quiet', 'cpus': 2}
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
LINES_MAX = 90


def FILES():
    """The C++ sample is not part of the usual image: it is built here."""
    out = os.path.join(machines.BUILD, 'tests', 'samples')
    env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
    config = os.path.join(out, '.config')
    seed(SOURCE, out)
    os.makedirs(out, exist_ok=True)
    with open(config, 'w', encoding='utf-8') as f:
        f.write('CONFIG_SAMPLE_SHAPES=m\n')
    for goal in ('olddefconfig', 'modules'):
        done = subprocess.run(
            ['make', '-j2', f'O={os.path.abspath(out)}', goal], cwd=SOURCE,
            env=env, timeout=200, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, done.stdout[-4000:]
    with open(f'{out}/drivers/samples/shapes.ko', 'rb') as f:
        return {'shapes.ko': file('', f.read())}


SAMPLES = re.compile(r'(params|ticker|errand|counter|adder|sum|maybe|finder|'
                     r'shapes|blob|pulse|lamp): ')


class Log:
    """What the samples say from now on."""

    def __init__(self, shell):
        self.shell = shell
        shell.check('dmesg -c >/dev/null')

    def lines(self):
        lines = [re.sub(r'^\[ *[\d.]+\] ', '', x)
                 for x in self.shell.lines('dmesg -c')]
        return [x for x in lines if SAMPLES.match(x)]


@pytest.fixture
def log(shell):
    return Log(shell)


@pytest.fixture(autouse=True)
def nothing_left(shell):
    before = shell.check('lsmod')
    yield
    assert shell.check('lsmod') == before
    assert 'leaked' not in shell.check('dmesg')


def test_every_sample_is_short():
    folder = os.path.join(SOURCE, 'drivers', 'samples')
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding='utf-8') as f:
            if name.endswith(('.c', '.cc')):
                assert len(f.readlines()) < LINES_MAX, name


def test_params(shell, log):
    shell.check("modprobe params; rmmod params")
    assert log.lines() == ['params: nobody says 1 of 1']
    shell.check("modprobe params count=2 offset=-0x10 mask=0xff name='two words' "
                'loud=yes; rmmod params')
    assert log.lines() == [f'params: two words says {(i - 16) & 255} of 2!'
                           for i in (1, 2)]
    for wrong, said in (('count=0', 'count'), ('count=101', 'count'),
                        ('offset=1001', 'offset'), ('loud=perhaps', 'loud'),
                        ('count=1x', 'count'), ('count', 'count'),
                        ('name=sixteen_bytes_xx', 'name'),
                        ('mask=0x10000000000000000', 'mask')):
        output, status = shell.run(f'insmod params {wrong}')
        assert status != 0 and said in output, (wrong, output)
    assert not [x for x in log.lines() if 'says' in x]


def test_timer(shell, log):
    shell.check('modprobe ticker interval_ms=5 count=4; sleep 0.5; rmmod ticker')
    assert log.lines() == [f'ticker: tick {i}' for i in (1, 2, 3, 4)] + \
        ['ticker: 4 ticks in all']
    # Removed while it runs.
    shell.check('modprobe ticker interval_ms=1 count=0; sleep 0.2; rmmod ticker')
    ticks = log.lines()
    assert ticks[-1] == f'ticker: {len(ticks) - 1} ticks in all'
    assert len(ticks) > 10


def test_work(shell, log):
    shell.check('modprobe errand')
    assert log.lines() == ['errand: errand 1 is done']
    shell.check('rmmod errand')
    assert log.lines() == ['errand: errand 2 is done']


def test_thread(shell, log):
    shell.check('modprobe counter')
    shell.check('sleep 0.3; rmmod counter')
    line, = log.lines()
    assert int(re.fullmatch(r'counter: counted to (\d+)', line)[1]) > 20


def test_character_device(shell):
    shell.check('modprobe scratch')
    shell.check('echo hello >/dev/scratch')
    assert shell.check('head -c 6 /dev/scratch') == 'hello\n'
    assert shell.check('wc -c </dev/scratch').strip() == '4096'
    shell.check('printf X | dd of=/dev/scratch bs=1 seek=4095 2>/dev/null')
    assert shell.check('tail -c 1 /dev/scratch') == 'X'
    output, status = shell.run('echo | dd of=/dev/scratch bs=1 seek=4096')
    assert status != 0 and 'No space left' in output
    assert shell.check('stat -c "%F %a" /dev/scratch') == \
        'character special file 666\n'
    shell.check('rmmod scratch')
    assert shell.run('ls /dev/scratch')[1] != 0


def test_waiting(shell):
    shell.check('modprobe bell')
    shell.check('cat /dev/bell >heard & sleep 0.2; echo >/dev/bell; sleep 0.3')
    assert shell.check('cat heard') == 'ring\n'
    output, status = shell.run('rmmod bell')
    assert status != 0 and 'busy' in output
    # --wait sleeps until the reader is gone; a signal ends the reader's sleep.
    shell.check('(sleep 0.3; kill $!) & rmmod --wait bell; wait')
    assert shell.run('ls /dev/bell')[1] != 0


def test_exporting_and_importing(shell, log):
    output, status = shell.run('insmod sum')
    assert status != 0 and 'adder_add' in output, output
    shell.check('modprobe sum a=20 b=22')
    assert 'sum: 20 + 22 = 42' in log.lines()
    output, status = shell.run('rmmod adder')
    assert status != 0 and 'busy' in output
    output = shell.check('cat /proc/modules')
    assert re.search(r'^adder \d+ 1 sum, Live', output, re.M), output
    shell.check('modprobe -r sum')                  # adder goes, too
    output, status = shell.run('modprobe sum a=0x7fffffffffffffff b=1')
    assert status != 0 and 'init failed' in output
    shell.check('rmmod adder')


def test_weak_imports(shell, log):
    shell.check('insmod maybe; rmmod maybe')
    assert log.lines() == ['maybe: without adder', 'maybe: coffee: 0, level 1']
    shell.check('insmod adder; insmod maybe')
    assert log.lines() == ['maybe: with adder: 42', 'maybe: coffee: 0, level 1']
    output, status = shell.run('rmmod adder')       # bound, so it stays
    assert status != 0 and 'busy' in output
    shell.check('rmmod maybe adder')


def test_looking_up_at_run_time(shell, log):
    output, status = shell.run('insmod finder')
    assert status != 0 and 'No such file' in output
    assert 'finder: no installed driver exports adder_add, nor does the kernel' in log.lines()
    shell.check('insmod adder; insmod finder')
    assert log.lines() == ['finder: adder_add: 42']
    shell.check('rmmod adder; rmmod finder')        # it was given up
    shell.check('insmod finder name=banos_api_level; rmmod finder')
    assert log.lines() == ['finder: banos_api_level: 1']


def test_being_called_back(shell, log):
    shell.check('modprobe lamp; sleep 0.7')
    output, status = shell.run('rmmod pulse')
    assert status != 0 and 'busy' in output
    shell.check('rmmod lamp')
    lines = log.lines()
    assert lines[:2] in (['lamp: on', 'lamp: off'], ['lamp: off', 'lamp: on']), lines
    assert re.match(r'pulse: the client is gone after \d+ beats', lines[-1]), lines
    shell.check('insmod lamp; rmmod lamp pulse')


def test_cxx(shell, log):
    shell.check('insmod /shapes.ko')
    assert log.lines() == ['shapes: areas 9 and 25', 'shapes: square of 5 gone']
    shell.check('rmmod shapes')
    assert log.lines() == ['shapes: leaving', 'shapes: square of 3 gone']


def test_a_second_exporter_waits_for_the_first_one_to_go(shell, log):
    shell.check('insmod adder; insmod sum')
    output, status = shell.run('rmmod --replace adder')
    assert status == 1 and ('rmmod: adder: cannot be replaced: no other driver that is installed '
                            'exports what others use of it') in output, output
    shell.check('insmod --allow-duplicate adder')
    first, second = re.findall(r'^adder .*? (\d+)  live', shell.check('lsmod'), re.M)
    shell.check('rmmod --replace adder')
    assert int(re.findall(r'^adder .*? (\d+)  live', shell.check('lsmod'), re.M)[0]) == max(
        int(first), int(second))
    assert re.search(r'^adder \d+ 1 sum, Live', shell.check('cat /proc/modules'), re.M)
    shell.check('rmmod sum; rmmod adder')
    shell.check('insmod adder; insmod --allow-duplicate adder')
    exports = shell.lines('grep adder /proc/banos/exports')
    assert exports == ['adder_add\t[adder]', 'adder_add\t[adder] shadowed']
    first, second = re.findall(r'^adder .*? (\d+)  live', shell.check('lsmod'), re.M)
    shell.check('insmod sum')
    assert 'used by:\tsum' in shell.check(f'cat /proc/banos/{first}')
    assert '(shadowed)' in shell.check(f'cat /proc/banos/{second}')
    shell.check(f'rmmod {second}; rmmod sum; insmod --allow-duplicate adder')
    shell.check(f'rmmod {first}')
    assert 'shadowed' not in shell.check('cat /proc/banos/exports')
    shell.check('insmod sum; modprobe -r sum')


def test_firmware(shell, log):
    output, status = shell.run('insmod blob')
    assert status != 0 and 'No such file' in output
    shell.check('mkdir -p /lib/firmware/maker; printf "\\001\\002\\377" '
                '>/lib/firmware/blob.bin; : >/lib/firmware/empty; '
                'seq 1000 >/lib/firmware/maker/chip')
    log.lines()
    shell.check('insmod blob; rmmod blob; insmod blob file=maker/chip; rmmod blob')
    total = sum(f'{i}\n'.encode()[k] for i in range(1, 1001)
                for k in range(len(f'{i}\n')))
    assert log.lines() == ['blob: blob.bin: 3 bytes, sum 258',
                           f'blob: maker/chip: 3893 bytes, sum {total}']
    for wrong in ('../../etc/passwd', 'maker/../blob.bin', '/etc/passwd', './x',
                  'maker', 'maker/', 'empty', 'blob.bin/x', 'none', '..', 'a//b'):
        output, status = shell.run(f'insmod blob file={wrong}')
        assert status != 0 and 'init failed' in output, (wrong, output)
    # Whoever installs it: their root folder is not where firmware comes from.
    shell.check('rm -r /lib/firmware/maker /lib/firmware/empty')

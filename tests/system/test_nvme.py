# SPDX-License-Identifier: MIT
"""Disks that are NVMe controllers: identified, read and written, reset, pulled out."""
import hashlib
import random
import re
import time

import pytest

import machine as machines
from conftest import debug_program, repeats
from test_pci import SLOTS, build, monitor, wait_until  # noqa: F401

pytestmark = pytest.mark.banos

MIB = 1 << 20


class Image:
    """A disk's content, in a file."""

    def __init__(self, folder, name, size, seed=1):
        self.name, self.path = name, str(folder / name)
        self.data = random.Random(seed).randbytes(size)
        with open(self.path, 'wb') as f:
            f.write(self.data)

    def drive(self, options='', read_only='on'):
        return ['-drive', f'if=none,id={self.name},file={self.path},format=raw,read-only={read_only}{options}']

    def md5(self, start=0, length=None):
        end = len(self.data) if length is None else start + length
        return hashlib.md5(self.data[start:end]).hexdigest()


def disk(image, options='', drive='', read_only='on'):
    """A controller with one namespace."""
    return image.drive(drive, read_only) + \
        ['-device', f'nvme,id=card-{image.name},serial=s-{image.name},drive={image.name}{options}']


def md5(m, command, limit_s=60):
    # QEMU itself may say something about its images in between.
    return re.search(r'^([0-9a-f]{32})  -', m.check(f'{command} 2>/tmp/dd | md5sum', limit_s), re.M)[1]


def same(m, image, device='nvme0n1', block='1M'):
    """The whole disk, and pieces that begin and end anywhere."""
    assert md5(m, f'dd if=/dev/{device} bs={block}') == image.md5()
    size = len(image.data)
    for start, length in ((0, 1), (511, 2), (4095, 4098), (1, 131072), (8191, 3 * 131072 + 5),
                          (size - 1, 1), (size - 5000, 5000), (12345, 300001)):
        assert md5(m, f'dd if=/dev/{device} iflag=skip_bytes skip={start} bs={length} count=1') == \
            image.md5(start, length), (start, length)
    # At the end there is nothing more.
    assert md5(m, f'dd if=/dev/{device} iflag=skip_bytes skip={size} bs=70000 count=1') == \
        hashlib.md5(b'').hexdigest()
    assert md5(m, f'dd if=/dev/{device} iflag=skip_bytes skip={size - 3} bs=70000 count=1') == \
        image.md5(size - 3, 3)


def nothing_is_left(m, allowed=()):
    m.check('rmmod nvme')
    log = m.check('dmesg')
    for word in ('leaked', 'stray', 'quarantine', 'anic', 'BUG', 'banos: nvme: banos_', 'it is reset', 'did not arrive',
                 'not used any more', 'not read', 'does not', 'answers'):
        assert word in allowed or word not in log, log
    assert not re.search(r'nvme', m.check('cat /proc/interrupts; ls /dev'))


# ---------------------------------------------------------------------------
# Reading

@pytest.mark.parametrize('machine, cpus, kernel, options, parameters', [
    *repeats(('q35', 1, machines.KERNEL, '', ''),
             ('pc', 4, machines.KERNEL, ',logical_block_size=4096,physical_block_size=4096', ''),
             ('q35', 4, machines.DEBUG_KERNEL, ',mdts=1', 'entries=2')),
    ('pc', 1, machines.KERNEL, ',mdts=0', 'line=1'),
    *repeats(('q35', 4, machines.KERNEL, ',msix_qsize=1,max_ioqpairs=1', 'entries=32768 line=1')),
    ('q35', 4, machines.DEBUG_KERNEL, ',logical_block_size=4096,physical_block_size=4096',
     'entries=32768')])
def test_blocks_are_those_of_the_image(start, tmp_path, machine, cpus, kernel, options, parameters):
    image = Image(tmp_path, 'one', 5 * MIB + 4096)
    m = start(machine=machine, cpus=cpus, kernel=kernel, append='quiet',
              qemu=disk(image, options)).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    if parameters:
        m.stop_agent()
        m.check(f'rmmod nvme; modprobe nvme {parameters}')
    same(m, image)
    assert md5(m, 'cat /dev/nvme0n1') == image.md5()
    assert md5(m, 'dd if=/dev/nvme0n1 bs=16M') == image.md5()
    interrupts = m.check('cat /proc/interrupts')
    assert re.search(r'(IO-APIC|XT-PIC) .* nvme' if 'line' in parameters else r'PCI-MSI.* nvme',
                     interrupts), interrupts
    # What it is.
    text = m.lines('cat /dev/nvme0')
    assert text[:2] == ['model: QEMU NVMe Ctrl', 'serial: s-one'] and 'resets: 0' in text, text
    entries = {'entries=2': 2, '': 64, 'line=1': 64}.get(parameters, 2048)
    assert f'queue: {entries}' in text
    assert m.check('blockdev --getsize64 /dev/nvme0n1').strip() == str(len(image.data))
    assert m.check('blockdev --getss /dev/nvme0n1').strip() == \
        ('4096' if '4096' in options else '512')
    assert m.check('blockdev --getsz /dev/nvme0n1').strip() == str(len(image.data) // 512)
    # Many at once.
    m.check('for i in 1 2 3 4 5 6 7 8 9 10 11 12; do '
            f'head -c {MIB} /dev/nvme0n1 | md5sum >/tmp/sum$i & done; wait', 60)
    assert set(m.lines('cat /tmp/sum*')) == {f'{image.md5(0, MIB)}  -'}
    for _ in range(3):
        m.check('rmmod nvme; modprobe nvme')
    nothing_is_left(m)


@pytest.mark.parametrize('machine, cpus, options, parameters', [
    ('q35', 4, '', ''),
    *repeats(('pc', 1, ',logical_block_size=4096,physical_block_size=4096,mdts=1', 'line=1 queues=2'))])
def test_what_is_written_is_in_the_image(start, tmp_path, machine, cpus, options, parameters):
    image = Image(tmp_path, 'one', 5 * MIB)
    m = start(machine=machine, cpus=cpus, append='quiet', qemu=disk(image, options, read_only='off')).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    if parameters:
        m.stop_agent()
        m.check(f'rmmod nvme; modprobe nvme {parameters}')
    m.check('cat /dev/zero | tr "\\000" x | dd of=/dev/nvme0n1 bs=4096 seek=100 count=300 iflag=fullblock conv=fsync; '
            'cat /dev/zero | tr "\\000" y | dd of=/dev/nvme0n1 bs=4096 seek=250 count=64 iflag=fullblock oflag=direct; sync', 60)
    expected = bytearray(image.data)
    expected[100 * 4096:400 * 4096] = b'x' * (300 * 4096)
    expected[250 * 4096:314 * 4096] = b'y' * (64 * 4096)
    image.data = bytes(expected)
    assert md5(m, 'cat /dev/nvme0n1') == image.md5()
    nothing_is_left(m)
    with open(image.path, 'rb') as f:
        assert f.read() == image.data


def test_controllers_and_namespaces(start, tmp_path):
    images = [Image(tmp_path, f'i{n}', (n + 1) * MIB + n * 4096, seed=n) for n in range(5)]
    m = start(machine='q35', cpus=4, append='quiet', qemu=[
        *disk(images[0]), '-device', 'nvme,id=many,serial=many',
        *images[1].drive(), '-device', 'nvme-ns,bus=many,drive=i1,nsid=3',
        *images[2].drive(), '-device', 'nvme-ns,bus=many,drive=i2,nsid=200,logical_block_size=4096,physical_block_size=4096',
        # Not served: metadata, blocks of 128 KiB.
        *images[3].drive(), '-device', 'nvme-ns,bus=many,drive=i3,nsid=5,ms=8',
        '-drive', 'if=none,id=large,driver=null-co,size=64M,read-zeroes=on',
        '-device', 'nvme-ns,bus=many,drive=large,nsid=6,logical_block_size=131072,physical_block_size=131072',
        *disk(images[4], ',use-intel-id=on')]).boot()
    wait_until(m, 'test -b /dev/nvme2n1')
    assert m.check('ls /dev/nvme*').split() == [
        '/dev/nvme0', '/dev/nvme0n1', '/dev/nvme1', '/dev/nvme1n200', '/dev/nvme1n3',
        '/dev/nvme2', '/dev/nvme2n1']
    log = m.check('dmesg')
    assert 'nvme1n5: has metadata beside its blocks: it is left out' in log
    assert 'nvme1n6: has blocks of a size that is none of 512 bytes to 64 KiB' in log
    for device, image in (('0n1', 0), ('1n3', 1), ('1n200', 2), ('2n1', 4)):
        same(m, images[image], f'nvme{device}')
    m.check(' '.join(f'cat /dev/nvme{x} | md5sum >/tmp/sum{x} &' for x in ('0n1', '1n3', '1n200', '2n1')) + ' wait')
    for device, image in (('0n1', 0), ('1n3', 1), ('1n200', 2), ('2n1', 4)):
        assert m.check(f'cat /tmp/sum{device}').split()[0] == images[image].md5()
    nothing_is_left(m)


# ---------------------------------------------------------------------------
# Removal, unplugging

def test_a_reader_goes_on_with_the_next_driver(start, tmp_path):
    image = Image(tmp_path, 'one', 2 * MIB)
    log = tmp_path / 'trace'
    m = start(machine='q35', cpus=4, append='quiet', qemu=disk(image) + [
        '-trace', 'enable=pci_nvme_mmio_shutdown_*', '-trace', 'enable=pci_nvme_del_*',
        '-D', str(log)]).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    m.check('(while dd bs=1M iflag=skip_bytes skip=0; do :; done </dev/nvme0n1 >/dev/null) 2>/tmp/said &')
    wait_until(m, 'test -s /tmp/said')
    output, status = m.run('rmmod nvme')
    assert status and 'busy' in output.lower() and 'nvme0n1' in output, output
    m.check('test -b /dev/nvme0n1')
    m.check('rmmod --revoke nvme')
    assert log.read_text().count('pci_nvme_mmio_shutdown_set') == 1
    assert log.read_text().count('pci_nvme_mmio_shutdown_cleared') == 0
    assert 'pci_nvme_del_sq' in log.read_text() and 'pci_nvme_del_cq' in log.read_text()
    m.check('test -b /dev/nvme0n1; modprobe nvme; wc -l </tmp/said >/tmp/before')
    wait_until(m, 'test $(wc -l </tmp/said) -gt $(($(cat /tmp/before) + 6))')
    m.check('! grep -e "No such" -e error /tmp/said; kill %1; wait; dmesg | grep "nvme0n1: is served again"')
    same(m, image)
    nothing_is_left(m)


def plug(monitor, slot):
    """The card of before lets go of its drive a little later than of its name."""
    for attempt in range(50):
        try:
            return monitor.command('device_add', driver='nvme', id='card', bus=slot, serial='1', drive='one')
        except AssertionError as error:
            assert attempt < 49 and 'already in use' in str(error)
            time.sleep(0.2)


@pytest.mark.parametrize('cpus, kernel', [
    (1, machines.KERNEL), *repeats((4, machines.DEBUG_KERNEL))])
def test_unplugged_during_reads_and_plugged_in_again(start, monitor, tmp_path, cpus, kernel):
    image = Image(tmp_path, 'one', 3 * MIB)
    m = start(machine='q35', cpus=cpus, kernel=kernel, append='quiet',
              qemu=SLOTS + monitor.options() + [
                  '-blockdev', f'raw,node-name=one,read-only=on,file.driver=file,file.filename={image.path}']).boot()
    assert 'nvme' not in m.check('lsmod; ls /dev')
    for slot in ('slot1', 'slot2', 'slot1'):
        plug(monitor, slot)
        wait_until(m, 'test -b /dev/nvme0n1')
        same(m, image)
        m.check('exec 5</dev/nvme0n1; for i in 1 2 3; do (while dd if=/dev/nvme0n1 of=/dev/null bs=64k '
                'iflag=direct; do :; done) 2>/tmp/said$i & done; sleep 0.3')
        monitor.unplug('card')
        wait_until(m, 'test $(cat /tmp/said* | grep -ci "no such\\|error") -ge 3')
        wait_until(m, 'test ! -e /dev/nvme0 -a ! -e /dev/nvme0n1')
        assert re.search('Input/output error|No such device', m.run('cat <&5')[0])
        m.check('exec 5<&-')
        monitor.wait_gone('card')
    nothing_is_left(m, ('not used any more', ))


# ---------------------------------------------------------------------------
# What fails

def base_of(monitor, vendor=0x1b36, device=0x10):
    devices = [x for bus in monitor.command('query-pci') for x in bus['devices']]
    return next(x['regions'][0]['address'] for x in devices
                if (x['id']['vendor'], x['id']['device']) == (vendor, device))


def test_a_controller_that_fails_is_reset_and_given_up(start, monitor, registers, tmp_path):
    image = Image(tmp_path, 'one', 2 * MIB)
    m = start(machine='q35', cpus=4, append='quiet',
              qemu=disk(image) + monitor.options() + registers.qemu).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    m.stop_agent()
    m.check('rmmod nvme; modprobe nvme limit_s=1')
    same(m, image)
    base = base_of(monitor)
    # It was stopped behind the driver's back: it does not answer.
    registers.write(base + 0x14, 0)
    m.check('blockdev --flushbufs /dev/nvme0n1')
    same(m, image)
    assert 'nvme0: has stopped by itself (status 0x0): it is reset' in m.check('dmesg')
    assert 'resets: 1' in m.lines('cat /dev/nvme0')
    # It is told to begin with no queue: fatal.
    registers.write(base + 0x14, 0)
    registers.write(base + 0x24, 0)
    registers.write(base + 0x14, 0x460001)
    m.check('blockdev --flushbufs /dev/nvme0n1')
    same(m, image)
    assert 'nvme0: reports a fatal state (status 0x2): it is reset' in m.check('dmesg')
    # Its messages are masked.
    for vector in range(5):
        registers.write(base + 0x200c + 16 * vector, 1)
    m.check('blockdev --flushbufs /dev/nvme0n1')
    same(m, image)
    assert m.check('dmesg').count('nvme0: a message did not arrive: the line is used') == 1
    assert re.search('(IO-APIC|XT-PIC).* nvme', m.check('cat /proc/interrupts'))
    assert 'interrupt: line' in m.lines('cat /dev/nvme0')
    nothing_is_left(m, ('it is reset', 'did not arrive', 'does not'))
    m.check('modprobe nvme')
    same(m, image)


def test_a_read_that_is_not_answered_in_time(start, monitor, tmp_path):
    image = Image(tmp_path, 'one', MIB)
    m = start(machine='q35', cpus=4, append='quiet', qemu=disk(
        image, drive=',throttling.bps-read=1000000') + monitor.options()).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    m.stop_agent()
    m.check('rmmod nvme; modprobe nvme limit_s=2')

    def throttle(rate):
        monitor.command('block_set_io_throttle', id='card-one', bps=0, bps_rd=rate, bps_wr=0, iops=0,
                    iops_rd=0, iops_wr=0)
    # A reset cancels it; a later attempt succeeds.
    throttle(10000)
    m.check('(dd if=/dev/nvme0n1 iflag=direct bs=512000 count=1 | md5sum) >/tmp/sum 2>/tmp/dd &')
    wait_until(m, 'dmesg | grep -q "nvme0: does not answer (status 0x1): it is reset"', 20)
    throttle(0)
    wait_until(m, 'test -s /tmp/sum', 30)
    assert m.check('cat /tmp/sum').split()[0] == image.md5(0, 512000)
    same(m, image)
    # A disk that never answers is given up, in the end.
    throttle(1)
    m.check('dd if=/dev/nvme0n1 of=/tmp/x bs=512000 count=1', 60)
    for _ in range(2):
        output, status = m.run('dd if=/dev/nvme0n1 of=/tmp/x bs=512000 count=1', 60)
        assert status and 'No such' in output, output
    assert 'nvme0: resets are of no use: it is not used any more' in m.check('dmesg')
    throttle(0)
    m.check('rmmod nvme; modprobe nvme')
    same(m, image)
    assert 'leaked' not in m.check('dmesg')


def test_blocks_that_cannot_be_read(start, tmp_path):
    image = Image(tmp_path, 'one', MIB)
    (tmp_path / 'rules').write_text(
        '[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "1000"\n')
    m = start(machine='q35', cpus=1, append='quiet', qemu=[
        '-drive', f'if=none,id=one,driver=raw,read-only=on,file.driver=blkdebug,file.config={tmp_path}/rules,'
        f'file.image.driver=file,file.image.filename={image.path}',
        '-device', 'nvme,serial=1,drive=one']).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    for _ in range(20):
        output, status = m.run('dd if=/dev/nvme0n1 of=/tmp/x bs=512 skip=1000 count=1 iflag=direct')
        assert status and 'Input/output error' in output
    # What comes before is read; then there is the error.
    assert md5(m, 'dd if=/dev/nvme0n1 bs=512 count=1000 iflag=direct') == image.md5(0, 512000)
    assert md5(m, 'dd if=/dev/nvme0n1 bs=512 skip=1008 iflag=direct') == image.md5(1008 * 512)
    log = m.check('dmesg')
    assert log.count(': not read: status 2/81') == 16, log
    m.check('rmmod nvme')
    assert 'leaked' not in m.check('dmesg')


def test_each_allocation_of_a_probe_may_fail(start, tmp_path):
    image = Image(tmp_path, 'one', MIB)
    m = start(kernel=machines.DEBUG_KERNEL, append='quiet qemu_exit', cpus=1, qemu=disk(image) + [
        '-device', 'isa-debug-exit,iobase=0xf4,iosize=4']).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    m.check('dmesg -n1; rmmod nvme; kill -STOP $(pidof hotplug)')
    served, refused, number, step = 0, 0, 1, 1
    while True:
        m.check(f'dmesg -c >/dev/null; echo all,nth={number},task=kbind '
                '>/proc/sys/vm/fail; insmod nvme >/dev/null')
        failed = ', 1 failed' in m.check('cat /proc/sys/vm/fail')
        m.check('echo >/proc/sys/vm/fail')
        has = m.run('test -b /dev/nvme0n1')[1] == 0
        log = m.check('dmesg')
        assert has != ('cannot drive' in log), (number, log)
        assert not re.search('WARN|leaked', log), (number, log)
        served, refused = served + has, refused + (not has)
        if has:
            assert md5(m, 'cat /dev/nvme0n1') == image.md5()
        m.check('rmmod nvme')
        if not failed:
            break
        # Most are pages of buffers, one like the other.
        number += step
        step = 1 if number < 40 else 29
    assert served >= 1 and refused >= 30, (served, refused)
    for _ in range(4):
        leaks = m.check('sleep 0.2; cat /proc/kmemleak').strip()
        if leaks.endswith(' 0 (0 bytes) of them leaked'):
            return
    raise AssertionError(leaks)


def test_a_program_that_is_killed_does_not_read_on(start):
    """Its read would take 16 s."""
    m = start(machine='q35', append='quiet', qemu=[
        '-drive', 'if=none,id=big,driver=null-co,size=64G,read-zeroes=on,throttling.bps-read=4000000',
        '-device', 'nvme,serial=1,drive=big']).boot()
    wait_until(m, 'test -b /dev/nvme0n1')
    m.check('dd if=/dev/nvme0n1 of=/dev/null bs=64M count=1 2>/dev/null & sleep 0.5; kill $!; wait $!; '
            'test $? = 143', 5)
    nothing_is_left(m)


@pytest.mark.long
def test_the_driver_as_a_part_of_the_kernel(start, build, tmp_path):  # noqa: F811
    image = Image(tmp_path, 'one', MIB)
    m = start(machine='q35', cpus=4, append='quiet', qemu=disk(image),
              **build('builtin-nvme', 'defconfig', 'CONFIG_BLOCK_NVME=y')).boot()
    assert 'built in' in re.search(r'nvme .*', m.check('lsmod'))[0]
    same(m, image)

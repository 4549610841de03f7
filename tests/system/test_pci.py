# SPDX-License-Identifier: MIT
"""Devices on PCI: found, driven, plugged in and pulled out."""
import os
import re
import subprocess
import time

import pytest

import machine as machines
from archive import file
from builds import samples_builtin_kernel
from conftest import repeats
from qmp import Qmp

pytestmark = pytest.mark.banos

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, '..', '..'))
FLAGS = ('-DBANOS_CFLAGS=1 -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel '
         '-mno-red-zone -mgeneral-regs-only -fno-stack-protector '
         '-fcf-protection=branch -fno-omit-frame-pointer '
         '-fno-asynchronous-unwind-tables -Wall -Wextra -Werror '
         '-Wno-unused-parameter').split()
# PCI Express slots that the kernel itself sees to, without the firmware's code.
SLOTS = ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off',
         '-device', 'pcie-root-port,id=slot1,slot=1,chassis=1',
         '-device', 'pcie-root-port,id=slot2,slot=2,chassis=2']
EDU = ['-device', 'edu,id=edu0']


def driver(name):
    """A driver of tests/system/drivers, compiled."""
    out = os.path.join(machines.BUILD, 'tests', 'system')
    os.makedirs(out, exist_ok=True)
    path = f'{out}/{name}.ko'
    subprocess.run(['gcc', *FLAGS, f'-I{SOURCE}/include', '-c',
                    f'{HERE}/drivers/{name}.c', '-o', path], check=True)
    with open(path, 'rb') as f:
        return file('', f.read())


class Monitor(Qmp):
    """Cards that are plugged in and unplugged."""

    def plug(self, name, bus):
        self.command('device_add', driver='edu', id=name, bus=bus)

    def unplug(self, name):
        self.command('device_del', id=name)

    def wait_gone(self, name, limit_s=20):
        """Until the machine let go of it: QEMU forgets it then."""
        limit = time.monotonic() + limit_s * machines.SLOWER
        while f"'{name}'" in str(self.command('qom-list', path='/machine/peripheral')):
            assert time.monotonic() < limit, f'{name} is still there'
            time.sleep(0.05)


@pytest.fixture
def monitor():
    connection = Monitor()
    yield connection
    connection.close()


@pytest.fixture(scope='module')
def build():
    """A function that builds another configuration, in a folder of its own."""
    def make(name, goal, *options):
        out = os.path.abspath(os.path.join(machines.BUILD, name))
        env = {k: v for k, v in os.environ.items() if not k.startswith('MAKE')}
        steps = [[goal]]
        if options:
            os.makedirs(out, exist_ok=True)
            steps.append(['olddefconfig'])
        steps.append(['all'])
        for step in steps:
            if step == ['olddefconfig']:
                with open(f'{out}/.config', 'a', encoding='utf-8') as f:
                    f.write('\n'.join(options) + '\n')
            done = subprocess.run(
                ['make', f'-j{os.cpu_count()}', f'O={out}', *step], cwd=SOURCE,
                env=env, timeout=400, text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            assert done.returncode == 0, done.stdout[-4000:]
        with open(f'{out}/initramfs.cpio', 'rb') as f:
            return {'kernel': f'{out}/banos.elf', 'initrd': f.read()}
    return make


def factorial(m, n=10, device='/dev/edu0'):
    return m.check(f'echo {n} >{device}; read -r x <{device}; echo $x')


def wait_until(m, command, limit_s=10):
    """Run a command until it succeeds; its output is the result."""
    return m.check(f'until {command} 2>/dev/null; do sleep 0.1; done',
                   limit_s)


def take_away(m, name):
    """The driver that a card has got goes, and stays away: the test has another one for it."""
    wait_until(m, f'grep -q "^{name} " /proc/modules')
    m.stop_agent()
    m.check(f'until rmmod {name}; do sleep 0.1; done')


def use(m):
    """All that edu can do."""
    assert factorial(m) == '3628800\n'
    assert factorial(m, 5) == '120\n'
    m.check('echo one two three >/dev/edu0.memory')
    assert m.check('head -c 13 /dev/edu0.memory') == 'one two three'
    m.check('dd if=/bin/busybox of=/tmp/x bs=4095 count=1 2>/dev/null; '
            'cat /tmp/x >/dev/edu0.memory; cmp /tmp/x /dev/edu0.memory')
    assert re.search(r'[1-9]\d* .*PCI-MSI.* edu', m.check('cat /proc/interrupts'))


@pytest.mark.parametrize('cpus', [*repeats(1), 4])
@pytest.mark.parametrize('machine', [*repeats('pc'), 'q35'])
def test_a_device_has_its_driver_without_being_named(start, machine, cpus):
    m = start(machine=machine, cpus=cpus, qemu=EDU, append='quiet').boot()
    use(m)
    # The bus serves a driver: it stays. The driver goes, and leaves nothing.
    assert re.search('busy|built into', m.run('rmmod pci')[0])
    account = m.check('cat /proc/banos/*')
    assert re.search(r'device:\t\tpci 0000:00:0\d.0', account)
    for what in ('interrupts', 'DMA buffers', 'device memory mappings'):
        assert f'owns:\t\t1 {what}' in account
    m.check('rmmod edu')
    assert not re.search(r'\bedu', m.check(
        'ls /dev; lsmod; cat /proc/interrupts'))
    m.check('modprobe edu')
    use(m)
    log = m.check('dmesg')
    assert 'leaked' not in log and 'stray' not in log, log


def test_a_driver_in_use_stays(start):
    m = start(qemu=EDU, append='quiet').boot()
    m.check('cat /dev/edu0 >/tmp/result & sleep 0.2')
    output, status = m.run('rmmod edu')
    assert status != 0 and 'busy' in output
    # Who sleeps is woken by the interrupt.
    m.check('echo 6 >/dev/edu0')
    wait_until(m, 'grep -x 720 /tmp/result')
    output, status = m.run('kill %1; wait %1')
    assert status == 128 + 15
    m.check('rmmod edu; modprobe edu')
    assert factorial(m, 4) == '24\n'


def test_as_files_the_bus_is_found_like_any_device(start):
    m = start(qemu=EDU, append='quiet', **samples_builtin_kernel()).boot()
    use(m)
    assert 'built in' not in re.search(r'pci .*', m.check('lsmod'))[0]
    m.check('rmmod edu; rmmod pci')
    assert not m.check('ls /sys/bus').split() or \
        '0000' not in m.check('find /sys/bus')
    assert 'leaked' not in m.check('dmesg')
    # Its devices are back, and the agent gives them their drivers.
    m.check('modprobe pci')
    wait_until(m, 'test -c /dev/edu0')
    use(m)


@pytest.mark.long
@pytest.mark.parametrize('cpus', [1, 4])
@pytest.mark.parametrize('machine', ['pc', 'q35'])
@pytest.mark.parametrize('kind', ['y', 'm'])
def test_both_forms_on_all_machines(start, build, kind, machine, cpus):
    form = build('builtin-edu', 'defconfig', 'CONFIG_MISC_EDU=y') \
        if kind == 'y' else build('modular', 'allmodconfig')
    m = start(machine=machine, cpus=cpus, qemu=EDU, append='quiet',
              **form).boot()
    assert ('built in' in re.search(r'edu .*', m.check('lsmod'))[0]) == \
        (kind == 'y')
    use(m)


# ---------------------------------------------------------------------------
# Plugging in, pulling out

@pytest.mark.parametrize('cpus', [1, *repeats(4)])
def test_plugged_in_and_unplugged_in_use(start, monitor, cpus):
    m = start(machine='q35', cpus=cpus, qemu=SLOTS + monitor.options(),
              append='quiet').boot()
    assert 'edu' not in m.check('lsmod; ls /dev')
    for turn, slot in enumerate(('slot1', 'slot2', 'slot1')):
        monitor.plug('card', slot)
        wait_until(m, 'test -c /dev/edu0.memory')
        use(m)
        # One sleeps, one is open.
        m.check('exec 5<>/dev/edu0; (cat /dev/edu0) >/tmp/said 2>&1 &')
        m.check('sleep 0.2')
        monitor.unplug('card')
        wait_until(m, 'grep -q "No such device" /tmp/said')
        wait_until(m, 'test ! -e /dev/edu0')
        for command in ('read -r x <&5', 'echo 5 >&5'):
            assert m.run(command)[1] != 0
        assert m.run('cat <&5')[0] == \
            "cat: read error: No such device\n", turn
        m.check('exec 5<&-')
        wait_until(m, '! ls /sys/bus/pci/devices | grep -v 0000:00')
        monitor.wait_gone('card')
    m.check('rmmod edu')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'stray' not in log, log


@pytest.mark.long
def test_plugged_in_and_unplugged_in_the_midst_of_everything(start, monitor):
    m = start(machine='q35', cpus=4, qemu=SLOTS + monitor.options(),
              append='quiet', limit_s=400).boot()
    # The shell makes a file of that name where there is no device.
    m.check('modprobe edu; while :; do [ -c /dev/edu0 ] && '
            'echo 5 >/dev/edu0; [ -f /dev/edu0 ] && rm /dev/edu0; done 2>/dev/null &')
    m.check('while :; do read -r x </dev/edu0; done 2>/dev/null &')
    m.check('while :; do [ -c /dev/edu0.memory ] && '
            'cat /bin/busybox >/dev/edu0.memory; [ -f /dev/edu0.memory ] && rm /dev/edu0.memory; done 2>/dev/null &')
    m.check('while :; do cat /dev/edu0.memory >/dev/null; done 2>/dev/null &')
    m.check('while :; do cat /sys/bus/pci/devices/*/uevent /proc/banos/*; done '
            '>/dev/null 2>&1 &')
    m.check('while :; do rmmod edu; modprobe edu; sleep 0.7; done '
            '>/dev/null 2>&1 &')
    for turn in range(30):
        slot = f'slot{turn % 2 + 1}'
        monitor.plug('card', slot)
        wait_until(m, 'ls /sys/bus/pci/devices | grep -qv 0000:00', 30)
        m.check(f'sleep 0.{turn % 7}')
        monitor.unplug('card')
        monitor.wait_gone('card')
    m.check('kill %1 %2 %3 %4 %5 %6; wait; true', 30)
    log = m.check('dmesg')
    assert 'leaked' not in log, log
    m.check('rm -f /dev/edu0*; modprobe edu')
    monitor.plug('card', 'slot1')
    wait_until(m, 'test -c /dev/edu0.memory')
    use(m)


def test_two_cards_are_two_devices(start, monitor):
    m = start(machine='q35', qemu=SLOTS + monitor.options(),
              append='quiet').boot()
    monitor.plug('one', 'slot1')
    monitor.plug('two', 'slot2')
    wait_until(m, 'test -c /dev/edu0 -a -c /dev/edu1')
    assert factorial(m, 3, '/dev/edu0') == '6\n'
    assert factorial(m, 4, '/dev/edu1') == '24\n'
    monitor.unplug('one')
    wait_until(m, 'test ! -e /dev/edu0')
    assert factorial(m, 5, '/dev/edu1') == '120\n'


def test_pulled_out_without_a_word(start, registers):
    """The device is simply not there any more, in the midst of its use."""
    m = start(machine='pc', qemu=['-device', 'edu,id=edu0,addr=5'] + registers.qemu,
              append='quiet').boot()
    use(m)
    m.check('exec 5<>/dev/edu0; exec 6</dev/edu0.memory')
    m.check('(cat /dev/edu0) >/tmp/said 2>&1 & sleep 0.2')
    registers.eject(5)
    # Nothing interrupts any more: it is the driver that looks.
    wait_until(m, 'grep -q "No such device" /tmp/said')
    wait_until(m, 'test ! -e /dev/edu0')
    assert 'No such device' in m.run('cat <&6')[0]
    m.check('exec 5<&-; exec 6<&-; rmmod edu')
    log = m.check('dmesg')
    assert 'was unplugged without notice' in log and 'leaked' not in log, log


# ---------------------------------------------------------------------------
# Interrupts by line; what is told

@pytest.mark.parametrize('machine', ['pc', *repeats('q35')])
def test_interrupts_by_a_line(start, machine):
    m = start(machine=machine, qemu=['-device', 'e1000'], append='quiet ip=off',
              files={'lines.ko': driver('lines')}).boot()
    take_away(m, 'e1000')
    m.check('insmod /lines.ko')
    assert 'line pulled 50 times, 0 messages' in m.check('dmesg')
    m.check('rmmod lines')


# edu twice with pin A, four slots apart: one line. (machine, cpus, command line)
SHARED = [('pc', 1, ''), *repeats(('pc', 4, ''), ('q35', 1, ''), ('q35', 4, ''), ('pc', 1, 'noapic')),
          ('q35', 1, 'noapic'), *repeats(('pc', 4, 'noapic'), ('q35', 4, 'noapic'))]


def busy(m, name, count):
    """Use a device in the background, @count times; its results go to a file."""
    m.check(f'((i=0; while [ -c /dev/{name} -a $i -lt {count} ]; do echo 5 >/dev/{name}; '
            f'head -n 1 </dev/{name}; i=$((i+1)); done >/tmp/{name} 2>&1; echo end >>/tmp/{name}) &)')


@pytest.mark.parametrize('machine, cpus, options', SHARED)
def test_two_devices_share_a_line(start, machine, cpus, options):
    m = start(machine=machine, cpus=cpus, append=f'quiet {options}',
              qemu=['-device', 'edu,addr=4', '-device', 'edu,addr=8',
                    '-device', 'e1000,addr=12'],
              files={'lines.ko': driver('lines')}).boot()
    take_away(m, 'e1000')
    m.check('rmmod edu; modprobe edu line=1')
    chip = 'XT-PIC' if options else 'IO-APIC'
    assert re.search(rf'{chip} .* edu, edu$', m.check('cat /proc/interrupts'), re.M), \
        m.check('cat /proc/interrupts')
    busy(m, 'edu0', 200)
    busy(m, 'edu1', 200)
    for _ in range(3):                          # a third comes and goes: 50 interrupts each
        m.check('insmod /lines.ko; rmmod lines')
    for name in 'edu0', 'edu1':
        wait_until(m, f'grep -q end /tmp/{name}', 60)
        assert m.check(f'cat /tmp/{name}') == '120\n' * 200 + 'end\n'
    log = m.check('dmesg')
    assert log.count('line pulled 50 times, 0 messages') == 3, log
    assert 'masked' not in log and 'message did not arrive' not in log


@pytest.mark.parametrize('cpus', [1, *repeats(4)])
def test_one_of_two_on_a_line_is_pulled_out(start, registers, cpus):
    m = start(machine='pc', cpus=cpus, append='quiet',
              qemu=['-device', 'edu,addr=4', '-device', 'edu,addr=8'] + registers.qemu).boot()
    m.stop_agent()
    m.check('rmmod edu; modprobe edu line=1')
    busy(m, 'edu0', 100000)
    busy(m, 'edu1', 300)
    registers.eject(4)
    wait_until(m, 'test ! -e /dev/edu0')
    wait_until(m, 'grep -q end /tmp/edu1', 60)
    assert m.check('cat /tmp/edu1') == '120\n' * 300 + 'end\n'
    assert 'masked' not in m.check('dmesg')


def test_cards_that_are_plugged_in_share_the_line_of_their_ports(start, monitor):
    """The firmware has not written which line they have."""
    ports = ['-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off']
    for number in 1, 2:
        ports += ['-device', f'pcie-root-port,id=slot{number},slot={number},'
                  f'chassis={number},addr={number * 4}']
    m = start(machine='q35', qemu=ports + monitor.options(), append='quiet').boot()
    monitor.plug('one', 'slot1')
    monitor.plug('two', 'slot2')
    wait_until(m, 'test -c /dev/edu0 -a -c /dev/edu1')
    m.stop_agent()
    m.check('rmmod edu; modprobe edu line=1')
    assert re.search(r'IO-APIC .* edu, edu$', m.check('cat /proc/interrupts'), re.M)
    busy(m, 'edu0', 50)
    monitor.unplug('two')
    monitor.wait_gone('two')
    wait_until(m, 'grep -q end /tmp/edu0', 60)
    assert m.check('cat /tmp/edu0') == '120\n' * 50 + 'end\n'


@pytest.mark.parametrize('machine', [*repeats('pc'), 'q35'])
def test_a_driver_whose_messages_are_lost_takes_the_line(start, monitor, machine):
    m = start(machine=machine, qemu=['-device', 'edu,addr=5'] + monitor.options(),
              append='quiet').boot()
    use(m)

    def command(text):
        said = monitor.command('human-monitor-command', **{'command-line': text})
        assert not said, said
    m.check('head -n 1 </dev/edu0 >/tmp/result & sleep 0.2')
    command('o /w 0xcf8 0x80002840')            # its MSI capability,
    command('o /h 0xcfe 0x0080')                # switched off
    m.check('echo 6 >/dev/edu0')
    wait_until(m, 'grep -q 720 /tmp/result')
    assert 'edu0: a message did not arrive: the interrupt line is used' in m.check('dmesg')
    assert re.search(r'(IO-APIC|XT-PIC) .* edu$', m.check('cat /proc/interrupts'), re.M)
    assert factorial(m, 7) == '5040\n'
    assert m.check('dmesg').count('did not arrive') == 1


@pytest.mark.parametrize('cpus', [1, *repeats(4)])
@pytest.mark.parametrize('how', ['', *repeats('line=1'), 'line=1 leave=1'])
def test_a_function_that_asks_to_be_called_again(start, cpus, how):
    m = start(cpus=cpus, qemu=['-device', 'edu'], append='quiet',
              files={'again.ko': driver('again')}).boot()
    m.stop_agent()
    m.check(f'rmmod edu; insmod /again.ko {how}')
    log = m.check('dmesg')
    assert 'called 1000 times' in log or 'leave' in how and 'called 100' in log, log
    assert 'without an interrupt' not in log
    m.check('rmmod again')
    # For ever: others run, and it can be removed.
    m.check(f'insmod /again.ko times=0 {how}', 20)
    assert 'and more' in m.check('dmesg')
    before = time.monotonic()
    m.check('i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; ls /proc >/dev/null; rmmod again')
    assert time.monotonic() - before < 10 * machines.SLOWER
    m.check('modprobe edu')
    assert factorial(m) == '3628800\n'


def test_a_function_that_returns_nonsense_is_named(start):
    m = start(qemu=['-device', 'edu'], append='quiet',
              files={'again.ko': driver('again')}).boot()
    m.stop_agent()
    m.check('rmmod edu; insmod /again.ko times=1 result=7; rmmod again')
    assert re.search(r'banos: again: the function \S*again_interrupt\S* of an interrupt of device \S+ '
                     r'returned 7, expected one of BANOS_IRQ_NONE, _HANDLED, _AGAIN',
                     m.check('dmesg'))


def test_a_line_that_nobody_sees_to_is_masked(start):
    m = start(qemu=['-device', 'e1000'], append='quiet ip=off',
              files={'lines.ko': driver('lines')}).boot()
    take_away(m, 'e1000')
    m.check('insmod /lines.ko deaf=1 & sleep 1; echo alive')
    wait_until(m, 'dmesg | grep "no driver accepted .* interrupts in a row: masked"', 30)
    m.check('wait; rmmod lines')


@pytest.mark.parametrize('cpus', [1, *repeats(4)])
def test_interrupts_by_several_messages(start, cpus):
    m = start(machine='q35', cpus=cpus, qemu=['-device', 'e1000e'],
              append='quiet', files={'messages.ko': driver('messages')}).boot()
    take_away(m, 'e1000')
    m.check('insmod /messages.ko; rmmod messages; insmod /messages.ko')
    log = m.check('dmesg')
    assert len(re.findall(r'messages ([\d ]+)$', log, re.M)) == 2
    assert 'cannot drive' not in log, log
    assert 'leaked 4 interrupts of device 0000:00' in log
    assert 'stray' not in log


def test_a_device_that_is_let_go_is_reset(start):
    m = start(machine='q35', qemu=SLOTS + ['-device', 'virtio-rng-pci,bus=slot1'],
              append='quiet', files={'messages.ko': driver('messages')}).boot()
    m.stop_agent()
    m.check('rmmod virtiorng virtio; insmod /messages.ko; rmmod messages; insmod /messages.ko')
    assert re.findall(r'status .*', m.check('dmesg')) == \
        ['status 0', 'status set to 3'] * 2


def test_a_signal_does_not_shorten_the_delay_after_a_reset(start):
    """100 ms after a function level reset nothing may access the device (PCIe 6.6.2)."""
    m = start(machine='q35', qemu=SLOTS + ['-device', 'virtio-rng-pci,bus=slot1'],
              append='quiet', files={'messages.ko': driver('messages')}).boot()
    m.check('rmmod virtiorng virtio')
    for kill in ('true', 'kill -TERM $!', 'kill -KILL $!'):
        m.check('insmod /messages.ko')
        m.check('cut -d" " -f1 /proc/uptime >/tmp/a; rmmod messages & '
                f'sleep 0.02; {kill}; wait; until ! lsmod | grep -q "^messages "; do sleep 0.01; done; '
                'cut -d" " -f1 /proc/uptime >/tmp/b')
        before, after = (float(x) for x in m.check('cat /tmp/a /tmp/b').split())
        assert 0.09 <= after - before < 5, kill


def test_a_device_of_another_driver_is_refused_by_its_bus(start):
    m = start(qemu=EDU, append='quiet', files={'forger.ko': driver('forger')}).boot()
    m.check('insmod /forger.ko')
    log = m.check('dmesg')
    assert 'forger: 0 devices were taken' in log, log
    assert 'banos_device_context(): device was passed by forger, which has no right to it' in log


def test_what_programs_are_told(start):
    m = start(qemu=EDU, append='quiet').boot()
    folder = '/sys/bus/pci/devices/0000:00:03.0'
    alias = 'pci:v00001234d000011E8sv00001AF4sd00001100bc00scFFi00'
    assert m.check(f'cat {folder}/modalias') == alias + '\n'
    assert m.check(f'cat {folder}/vendor {folder}/device {folder}/class') \
        .split() == ['0x1234', '0x11e8', '0x00ff00']
    assert m.check(f'cat {folder}/uevent').splitlines() == [
        'DRIVER=edu', 'PCI_CLASS=FF00', 'PCI_ID=1234:11E8',
        'PCI_SUBSYS_ID=1AF4:1100', 'PCI_SLOT_NAME=0000:00:03.0',
        f'MODALIAS={alias}']
    m.check('(cat /dev/hotplug) >/tmp/events & sleep 0.2')
    m.check('rmmod edu; modprobe edu')
    wait_until(m, 'grep "^bind" /tmp/events')
    lines = m.lines('cat /tmp/events')
    assert f'add pci 0000:00:03.0 {alias}' in lines
    assert 'add system pci system:pci' in lines
    assert lines[-2:] == ['unbind pci 0000:00:03.0 edu',
                          'bind pci 0000:00:03.0 edu']
    output, status = m.run("su user -c 'cat /dev/hotplug'")
    assert status != 0 and 'ermission denied' in output


def test_aliases_lead_to_drivers(start):
    m = start(qemu=EDU, append='quiet').boot()
    m.check('rmmod edu')
    output, status = m.run('modprobe pci:v00001234d00000001sv1')
    assert status != 0 and 'modules.alias' in output
    assert m.run('modprobe -q pci:v00001234d00000001sv1') == ('', 1)
    m.check('modprobe pci:v00001234d000011E8sv00001AF4sd1bc00scFFi00')
    assert factorial(m, 3) == '6\n'


# ---------------------------------------------------------------------------
# What drivers leave behind

LEAKS = ['interrupts', 'DMA buffers', 'device memory mappings', 'port ranges',
         'wait objects', 'allocations', 'timers', 'work items', 'threads',
         'mutexes', 'resolved symbols', 'firmware files']
# What is registered is withdrawn when the driver goes, and is no leak.
REGISTERED = ['character devices', 'buses', 'devices on buses',
              'device probers', 'callbacks', 'watches of owners']
# Of drafts: their own tests have them.
DRAFTS = ['disks', 'types of file systems', 'mounted file systems', 'disk probers', 'socket families',
          'network devices', 'protocols', 'IP protocols', 'packet hooks', 'stores of packets', 'random sources',
          'schedulers']


def test_these_are_all_classes_that_there_are():
    with open(f'{SOURCE}/banos/life/account.c', encoding='utf-8') as f:
        names = re.findall(r'\[OWNED_\w+\] = "(.*?)"', f.read())
    with open(f'{SOURCE}/include/kernel/owner.h', encoding='utf-8') as f:
        kinds = set(re.findall(r'\bOWNED_(?!KINDS|PHASES|ENTRY|ACTIVE|PASSIVE)'
                               r'[A-Z]+', f.read()))
    assert len(names) == len(kinds)
    assert sorted(names) == sorted(LEAKS + REGISTERED + DRAFTS)


def test_what_a_device_was_left_with_is_told_by_class(start):
    # One processor: memory is compared, and others would keep some for themselves.
    m = start(append='quiet', cpus=1, files={
        'leaky.ko': driver('leaky'), 'lib/firmware/leaky.bin': b'12345'}).boot()
    m.check('insmod /leaky.ko; rmmod leaky')         # what stays is there now
    free = free_memory(m)
    for _ in range(10):
        number = m.check('insmod /leaky.ko').strip()
        account = m.check(f'cat /proc/banos/{number}')
        for what in LEAKS:
            assert f'owns:\t\t3 {what}\n' in account
        assert m.check('cat /sys/bus/toy/devices/toy0/colour') == 'red\n'
        m.check('rmmod leaky')
    log = m.check('dmesg')
    assert 'was given' not in log and log.count('has toy0') == 11
    assert log.count('0 interrupts connected') == 11
    for what in LEAKS:
        assert log.count(f'leaky: leaked 3 {what} of device toy0') == 11, log
    assert log.count(' leaked ') == 11 * len(LEAKS)
    assert abs(free_memory(m) - free) < 64
    assert 'leaky' not in m.check('cat /proc/interrupts')


def test_what_was_registered_is_withdrawn(start):
    m = start(append='quiet', files={'registrant.ko': driver('registrant')}).boot()
    before = m.check('ls /dev /sys/bus')
    for _ in range(2):
        number = m.check('insmod /registrant.ko').strip()
        account = m.check(f'cat /proc/banos/{number}')
        for what in REGISTERED:
            assert f'owns:\t\t3 {what}\n' in account
        assert len(re.findall(r'\bregistrant\d', m.check('ls /dev /sys/bus'))) == 6
        m.check('rmmod registrant')
        assert m.check('ls /dev /sys/bus') == before
    assert 'leaked' not in m.check('dmesg')


def free_memory(m):
    return int(m.check("sed -n 's/^MemFree: *//p' /proc/meminfo").split()[0])


@pytest.mark.parametrize('fail', [0, 1])
def test_what_probe_registers_is_not_there_before_it_succeeded(start, fail):
    m = start(append='quiet', cpus=2, files={'late.ko': driver('late')}).boot()
    m.check('mknod /tmp/late c 240 7')
    m.check(f'/sbin/insmod /late.ko fail={fail} >/dev/null &')
    wait_until(m, 'dmesg | grep "late .*registered"')
    # Neither by its name nor by its number.
    output, status = m.run('cat /dev/late')
    assert status != 0 and 'No such file' in output
    output, status = m.run('cat /tmp/late')
    assert status != 0 and 'No such device or address' in output
    m.check('echo >/dev/late.go; wait')
    for path in ('/dev/late', '/tmp/late'):
        assert (m.run(f'cat {path}')[1] != 0) == fail
    assert ('cannot drive device late late0' in m.check('dmesg')) == fail
    m.check('rmmod late')
    assert m.run('cat /tmp/late')[1] != 0


def test_memory_of_a_device_that_is_not_silent_is_not_used_again(start):
    m = start(append='quiet', files={
        'leaky.ko': driver('leaky'), 'lib/firmware/leaky.bin': b'12345'}).boot()
    ident = m.check('insmod /leaky.ko device=0 quiesce_fails=2').strip()
    m.check('insmod --allow-duplicate /leaky.ko bus=0')
    m.check('rmmod leaky')
    log = m.check('dmesg')
    assert "toy toy0: the bus driver cannot stop the device's DMA (error 5)" in log
    assert '12288 bytes of DMA memory stay allocated: device toy toy0 may still write to them' \
        in log
    # It gets no driver while that is so.
    m.check('insmod --allow-duplicate /leaky.ko bus=0; rmmod leaky')
    log = m.check('dmesg')
    assert log.count("cannot stop the device's DMA") == 2
    assert log.count('has toy0') == 1
    m.check('insmod --allow-duplicate /leaky.ko bus=0')
    log = m.check('dmesg')
    assert 'toy toy0: its DMA has stopped: 12288 bytes of DMA memory were freed' in log
    assert log.count('has toy0') == 2
    m.check(f'rmmod leaky; rmmod {ident}')


def test_each_allocation_of_a_probe_may_fail(start):
    """The device has its driver all the same, or has none, which is said."""
    m = start(kernel=machines.DEBUG_KERNEL, append='quiet qemu_exit', cpus=1,
              qemu=EDU + ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
              ).boot()
    m.check('dmesg -n1; rmmod edu; kill -STOP $(pidof hotplug)')
    served, refused = 0, 0
    for n in range(1, 100):
        m.check(f'dmesg -c >/dev/null; echo all,nth={n},task=kbind '
                '>/proc/sys/vm/fail; insmod edu >/dev/null')
        failed = ', 1 failed' in m.check('cat /proc/sys/vm/fail')
        m.check('echo >/proc/sys/vm/fail')
        has = m.run('test -c /dev/edu0')[1] == 0
        log = m.check('dmesg')
        assert has != ('cannot drive' in log), (n, log)
        assert not re.search('WARN|leaked', log), (n, log)
        served, refused = served + has, refused + (not has)
        if has:
            assert factorial(m, 5) == '120\n'
        m.check('rmmod edu')
        if not failed:
            break
    assert served >= 1 and refused >= 15, (served, refused)
    for _ in range(4):
        leaks = m.check('sleep 0.2; cat /proc/kmemleak').strip()
        if leaks.endswith(' 0 (0 bytes) of them leaked'):
            return
    raise AssertionError(leaks)


# ---------------------------------------------------------------------------
# Buses without hardware

def test_a_bus_brings_its_drivers(start):
    m = start(append='quiet').boot()
    m.check('modprobe shelf books=3')
    wait_until(m, 'dmesg | grep "opened book2"')
    assert len(re.findall(r'opened book\d', m.check('dmesg'))) == 3
    assert m.check('ls /sys/bus/shelf/devices').split() == \
        ['book0', 'book1', 'book2']
    m.check('rmmod book')
    assert len(re.findall(r'closed book\d', m.check('dmesg'))) == 3
    m.check('modprobe book')                    # insmod waits for the probes
    assert len(re.findall(r'opened book\d', m.check('dmesg'))) == 6
    m.check('rmmod shelf')                      # the bus goes, its driver stays
    log = m.check('dmesg')
    assert len(re.findall(r'closed book\d', log)) == 6 and 'leaked' not in log
    assert 'shelf' not in m.check('ls /sys/bus; lsmod')
    m.check('rmmod book')


def test_what_cannot_be_is_refused(start):
    m = start(append='quiet', files={'strict.ko': driver('strict')}).boot()
    output, status = m.run('insmod /strict.ko; echo $?')
    assert output.splitlines()[-1] == '0', m.check('dmesg')
    m.check('rmmod strict')
    assert 'leaked' not in m.check('dmesg')


def test_buses_and_drivers_come_and_go_on_four_processors(start):
    m = start(cpus=4, append='quiet').boot()
    m.check('modprobe shelf books=9; modprobe book')
    m.check("for n in 1 2; do (for i in $(seq 20); do rmmod book; "
            "modprobe book; done) >/dev/null 2>&1 & done; "
            "for i in $(seq 20); do rmmod shelf; modprobe shelf books=9; "
            "done >/dev/null 2>&1; wait", 60)
    # The agent may still be at it.
    m.check('while lsmod | grep -qE "shelf|book"; do rmmod shelf; rmmod book; '
            'sleep 0.2; done 2>/dev/null')
    log = m.check('dmesg')
    assert 'leaked' not in log and 'BUG' not in log and 'WARN' not in log
    m.check('modprobe shelf')
    wait_until(m, 'lsmod | grep book')

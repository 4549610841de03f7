# SPDX-License-Identifier: MIT
"""A machine under test: QEMU with a kernel, and its serial line.

What is under test comes from the environment:

    BANOS_BUILD    the output folder (build/ unless told): banos.elf, initramfs.cpio,
                   debug/banos.elf
    TEST_KERNEL    another kernel for the same tests, such as /boot/vmlinuz-...:
                   what the tests expect is what Linux does, and so can be shown
    TEST_APPEND    what that kernel needs on its command line
    TEST_SLOWER    a factor for all time limits
    TEST_CPUS      processors of a machine whose test doesn't say how many; then
                   the tests together fail unless each of them took part

QEMU is a child of a pseudo terminal of its own and of timeout(1), so it ends
with its time, with the test, or with the death of pytest.
"""
import os
import re
import signal
import termios
import time

import pexpect

import archive
import screen
from qmp import Qmp, has_lost_an_end

BUILD = os.environ.get('BANOS_BUILD') or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..', 'build')
KERNEL = os.environ.get('TEST_KERNEL', os.path.join(BUILD, 'banos.elf'))
# The same with CONFIG_DEBUG_KERNEL; drivers and programs are the same.
DEBUG_KERNEL = os.path.join(BUILD, 'debug', 'banos.elf')
INITRAMFS = os.path.join(BUILD, 'initramfs.cpio')
APPEND = os.environ.get('TEST_APPEND', '')
CPUS = int(os.environ.get('TEST_CPUS', '1'))
SLOWER = float(os.environ.get('TEST_SLOWER', '1'))
IS_REFERENCE = 'TEST_KERNEL' in os.environ

# QEMU does string instructions one element at a time, and a kernel copies by bytes
# where the processor says ERMS: programs' tests take a quarter longer then. The kernel's
# and the drivers' own tests, and test_processors.py, have such a processor.
CPU = 'max,-erms,-fsrm'

# One boot, from the start of QEMU to its end, never takes longer.
BOOT_LIMIT_S = 180
# A command that says nothing for so long is stuck.
COMMAND_LIMIT_S = 20

# What a terminal is asked or told besides text: BusyBox asks for its size.
ESCAPE = re.compile(r'\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>78])')
# The first prompt, whatever the shell's PS1 is. Devices found late say so behind it.
ANY_PROMPT = r'[#$] (\x1b\[6n)?(\[ *\d+\.\d{6}\] [^\n]*\n)*$'


def plain(text):
    """Text as it would stand on paper."""
    return ESCAPE.sub('', text).replace('\r', '')


def faithful_output():
    """No carriage returns but the machine's own. QEMU sets the rest."""
    attributes = termios.tcgetattr(1)
    attributes[1] &= ~termios.ONLCR
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(1, termios.TCSANOW, attributes)


CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)


class Stuck(AssertionError):
    """The machine did not say what was waited for."""


class Machine:
    """QEMU with a kernel. Use as a context, or call close()."""

    def __init__(self, log_path, *, files=None, initrd=None, append='',
                 memory=256, cpus=CPUS, machine='pc', cpu=CPU, kernel=None,
                 iso=None, disk=None, monitor=False, qemu=(), limit_s=BOOT_LIMIT_S):
        """files: {path: content} laid over the usual initramfs;
        initrd: bytes instead of it, None the usual; b'' none at all;
        iso, disk: a disc, or a disk, to boot from, instead of a kernel and an initramfs;
        monitor: whether the screen and the keyboard are wanted."""
        self.log_path = log_path
        self.temporary = None
        self.crashed = False    # QEMU itself: by a signal that it got, or it lost an interrupt's end
        self.stuck, self.cpus, self.inspector = False, cpus, Qmp()
        self.monitor = screen.Monitor() if monitor else None
        self.prompt = ANY_PROMPT
        if initrd is None:
            path = INITRAMFS
            if files:
                with open(INITRAMFS, 'rb') as f:
                    initrd = f.read() + archive.cpio(archive.tree(files))
        elif files:
            raise ValueError('either initrd or files')
        if initrd:
            # Memory of this process, which leaves no file behind whatever ends it.
            self.temporary = os.memfd_create('initrd')
            with os.fdopen(self.temporary, 'wb', closefd=False) as f:
                f.write(initrd)
            path = f'/proc/{os.getpid()}/fd/{self.temporary}'
        argv = ['--foreground', '-k', '1', str(int(limit_s * SLOWER)),
                'qemu-system-x86_64', '-machine', machine, '-cpu', cpu,
                '-m', str(memory), '-smp', str(cpus), '-display', 'none',
                '-no-reboot', '-monitor', 'none', '-nic', 'none',
                '-chardev', 'stdio,id=serial0,signal=off',
                '-serial', 'chardev:serial0']
        if iso:
            argv += ['-cdrom', iso]
        elif disk:
            argv += ['-drive', f'if=virtio,format=raw,file={disk}']
        else:
            argv += ['-kernel', kernel or KERNEL, '-append',
                     f'console=ttyS0 {APPEND} {append}'.strip()]
            if initrd != b'':
                argv += ['-initrd', path]
        if monitor:
            argv += self.monitor.options()
        argv += self.inspector.options() + list(qemu)
        self.argv = argv
        self.log = open(log_path, 'w', encoding='utf-8', errors='replace')
        self.log.write(' '.join(argv[4:]) + '\n')
        self.started = time.monotonic()
        self.child = pexpect.spawn(
            'timeout', argv, encoding='utf-8', codec_errors='replace',
            preexec_fn=faithful_output, dimensions=(24, 80),
            timeout=COMMAND_LIMIT_S * SLOWER)
        self.child.logfile_read = self.log
        # pexpect's pause of 50 ms before each write is for programs that turn
        # echo off; there are none between us and the serial line.
        self.child.delaybeforesend = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ------------------------------------------------------------------
    # Talking

    def send(self, text):
        self.child.send(text)

    def sendline(self, text=''):
        # The Enter key of a terminal is a carriage return.
        self.child.send(text + '\r')

    def expect(self, pattern, limit_s=COMMAND_LIMIT_S):
        """Wait for a pattern (or the first of a list, whose index is the
        result). What came before it is self.before, as plain text."""
        try:
            index = self.child.expect(pattern, timeout=limit_s * SLOWER)
        except pexpect.TIMEOUT:
            self.stuck = True
            raise Stuck(f'no {pattern!r} within {limit_s} s after:\n'
                        f'{plain(self.child.before or "")[-2000:]}') from None
        except pexpect.EOF:
            # timeout(1) ends as QEMU did, be it by a signal; 124 at its limit.
            self.child.wait()
            raise Stuck(f'QEMU ended (status {self.child.exitstatus}, signal '
                        f'{self.child.signalstatus}) before {pattern!r} after '
                        f'{time.monotonic() - self.started:.0f} s, after:\n'
                        f'{plain(self.child.before or "")[-2000:]}') from None
        self.before = plain(self.child.before)
        self.match = self.child.match
        return index

    def boot(self, limit_s=60):
        """Wait for the first prompt; then make it one that can't be missed."""
        self.expect(ANY_PROMPT, limit_s)
        self.set_prompt()
        return self

    def set_prompt(self):
        """A prompt with the status in it, and lines that don't wrap."""
        self.prompt = r'<\[(\d+)\]> (\x1b\[6n)?'
        self.sendline("stty cols 2000; PS1='<[$?]'; PS1=$PS1'> '")
        self.expect(self.prompt)

    def run(self, command, limit_s=COMMAND_LIMIT_S):
        """Type a command; return what it printed, and its status."""
        self.sendline(command)
        self.expect(self.prompt, limit_s)
        status = int(self.match[1])
        # The first line is what was typed, as the shell echoed it.
        _, _, output = self.before.partition('\n')
        return output, status

    def check(self, command, limit_s=COMMAND_LIMIT_S):
        """Type a command that has to succeed; return what it printed."""
        output, status = self.run(command, limit_s)
        assert status == 0, f'{command}: status {status}\n{output}'
        return output

    def stop_agent(self):
        """From now on nobody but the test installs drivers: the agent could be about to bring back, without its
        parameters, one that the test has just removed."""
        self.check('until kill -STOP $(pidof hotplug) && grep -q "^State:.T" /proc/$(pidof hotplug)/status; '
                   'do sleep 0.1; done 2>/dev/null')

    def lines(self, command, limit_s=COMMAND_LIMIT_S):
        return self.check(command, limit_s).splitlines()

    # ------------------------------------------------------------------
    # The end

    def wait_end(self, limit_s=20):
        """Wait until QEMU ends by itself; return its exit status."""
        try:
            self.child.expect(pexpect.EOF, timeout=limit_s * SLOWER)
        except pexpect.TIMEOUT:
            raise Stuck(f'QEMU still runs after {limit_s} s; last:\n'
                        f'{plain(self.child.before)[-2000:]}') from None
        self.before = plain(self.child.before)
        self.child.wait()
        return self.child.exitstatus

    def kill_qemu(self):
        """One that stands still outlives timeout(1), whose child it is."""
        with open(f'/proc/{self.child.pid}/task/{self.child.pid}/children', encoding='ascii') as f:
            for pid in f.read().split():
                os.kill(int(pid), signal.SIGKILL)

    def close(self, inspect=False):
        """inspect: the test failed. QEMU may have: its monitor answers whatever the machine does."""
        if not self.child.isalive() and self.child.signalstatus in CRASHES:
            self.crashed = True
        elif (inspect or self.stuck) and self.child.isalive():
            try:
                self.crashed = has_lost_an_end(self.inspector, self.cpus)
            except TimeoutError:
                self.crashed = True
                self.log.write('\nQEMU itself does not answer\n')
                self.kill_qemu()
            except (OSError, AssertionError) as error:
                self.log.write(f'\n{error}: not inspected\n')
        self.inspector.close()
        self.child.close(force=True)
        self.log.close()
        if self.monitor:
            self.monitor.close()
        if self.temporary is not None:
            os.close(self.temporary)
            self.temporary = None

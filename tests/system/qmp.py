# SPDX-License-Identifier: MIT
"""QEMU's control connections: what a person does to the machine, and sees of it."""
import json
import os
import re
import socket
import tempfile
import time


class Qmp:
    """A connection that is made when it is first used."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='banos-qmp-')
        self.path = os.path.join(self.folder.name, 'socket')
        self.stream = None

    def options(self):
        return ['-qmp', f'unix:{self.path},server=on,wait=off']

    def connect(self, limit_s=20):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(limit_s)
        end = time.monotonic() + limit_s
        while True:
            try:
                link.connect(self.path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.stream = link.makefile('rw', encoding='utf-8')
        self.stream.readline()
        self.command('qmp_capabilities')

    def command(self, execute, /, **arguments):
        if not self.stream:
            self.connect()
        self.stream.write(json.dumps({'execute': execute,
                                      'arguments': arguments}) + '\n')
        self.stream.flush()
        while True:                             # events come in between
            answer = json.loads(self.stream.readline())
            if 'error' in answer:
                raise AssertionError(f'{execute}: {answer["error"]}')
            if 'return' in answer:
                return answer['return']

    def human(self, line):
        """What QEMU's monitor for people answers."""
        answer = self.command('human-monitor-command', **{'command-line': line})
        return answer.replace('\r', '')

    def close(self):
        if self.stream:
            self.stream.close()
        self.folder.cleanup()


class Qtest:
    """QEMU's socket for tests of devices: memory and registers, past the processor."""

    def __init__(self, path):
        self.path, self.stream = path, None
        self.qemu = ['-qtest', f'unix:{path},server=on,wait=off', '-qtest-log', 'none']

    def ask(self, command):
        if not self.stream:
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(20)
            link.connect(self.path)
            self.stream = link.makefile('rw', encoding='utf-8')
        self.stream.write(command + '\n')
        self.stream.flush()
        answer = self.stream.readline().split()
        assert answer[0] == 'OK', answer
        return int(answer[1], 16) if len(answer) > 1 else 0

    def read(self, address):
        return self.ask(f'readl {address:#x}')

    def write(self, address, value):
        self.ask(f'writel {address:#x} {value:#x}')

    def eject(self, slot):
        """A card of the first bus of "pc" is gone, unasked: by the registers that its ACPI code uses."""
        self.ask('outl 0xae10 0')
        self.ask(f'outl 0xae08 {1 << slot:#x}')


def has_lost_an_end(qmp, cpus):
    """Is there a processor that halts with an interrupt in service? The kernel halts outside of
    interrupts only, so the write that ended it got lost: QEMU up to 8.1 may hand a write to
    the APIC to another device while the map of memory changes (conftest.py, qemu_races())."""
    states = re.findall(r'^CPU#(\d+)$.*?\bHLT=(\d)', qmp.human('info registers -a'), re.M | re.S)
    assert len(states) == cpus, states
    return any(re.search(r'^ISR\s+\d', qmp.human(f'info lapic {number}'), re.M)
               for number, halts in states if halts == '1')

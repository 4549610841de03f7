# SPDX-License-Identifier: MIT
"""Fixtures: machines that boot, and keep their log where a test failed."""
import os
import re
import shutil
import subprocess

import pytest
from _pytest.runner import runtestprotocol

import archive
import machine as machines
from qmp import Qtest

LOGS = os.path.join(machines.BUILD, 'test-logs')
USER_PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '..', 'user')


def repeats(*values):
    """Parameters of tests like others that make check runs: for make check-long, with all numbers of processors."""
    return [pytest.param(*(x if isinstance(x, tuple) else (x,)), marks=[pytest.mark.long, pytest.mark.repeat])
            for x in values]


# Takes hours.
LONG_PROOF = pytest.mark.skipif('DISK_PROOFS' not in os.environ, reason='make check-disks runs it')


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes more than a few seconds')
    config.addinivalue_line('markers', 'repeat: one of those, much like another one')
    config.addinivalue_line('markers', 'banos: not about what Linux does, so '
                            'left out where Linux is tried')


def pytest_collection_modifyitems(items):
    if machines.IS_REFERENCE:
        for item in items:
            if item.get_closest_marker('banos'):
                item.add_marker(pytest.mark.skip(reason='not for Linux'))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        item.failed_phase = report.when


def qemu_races():
    """QEMU up to 8.1 ends by SIGSEGV if one processor writes to a device's
    registers just when the map of memory changes by another one (a decoder is
    turned off, a card leaves), about once in a hundred such tests, or the write
    is lost: it replaced the map under processors that still used the old one
    (repaired in 8.2 by "softmmu: Use async_run_on_cpu in tcg_commit"). What is
    lost is seen where it was the end of an interrupt: qmp.py. A card "edu" that is pulled out
    while it computes waits for its thread under the lock that the thread may want, and all
    of QEMU stands still with it: then its monitor does not answer."""
    output = subprocess.run(['qemu-system-x86_64', '--version'], check=True,
                            capture_output=True, text=True).stdout
    return tuple(int(x) for x in re.search(r'(\d+)\.(\d+)', output).groups()) < (8, 2)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Once more where QEMU itself crashed or lost a write: that says nothing about the kernel."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for _ in range(4):
        if not (getattr(item, "qemu_crashed", False) and qemu_races()):
            break
        print(f'\n{item.nodeid}: QEMU failed, once more')
        item._initrequest()
        del item.failed_phase, item.qemu_crashed
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


# Numbers of processors that ran a program, where there are several.
took_part = set()


def note_processors(m):
    for line in m.lines('cat /proc/stat'):
        words = line.split()
        if re.fullmatch(r'cpu\d+', words[0]) and any(
                int(x) for x in words[1:4]):
            took_part.add(int(words[0][3:]))


def pytest_sessionfinish(session):
    everyone = set(range(machines.CPUS))
    if machines.CPUS > 1 and took_part != everyone:
        print(f'\nprocessors {sorted(everyone - took_part)} took no part')
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


def log_path(name):
    os.makedirs(LOGS, exist_ok=True)
    return os.path.join(LOGS, re.sub(r'[^\w.=-]+', '_', name) + '.log')


class Keeper:
    """Machines of one test or module: closed at its end, logs kept or not."""

    def __init__(self, name):
        self.name, self.machines, self.failed = name, [], False

    def start(self, **options):
        number = f'.{len(self.machines)}' if self.machines else ''
        self.machines.append(
            machines.Machine(log_path(self.name + number), **options))
        return self.machines[-1]

    def close(self):
        for m in self.machines:
            m.close(inspect=self.failed)
            if not self.failed:
                os.unlink(m.log_path)

    def crashed(self):
        return any(m.crashed for m in self.machines)


@pytest.fixture
def start(request):
    """A function that starts a machine of this test's own."""
    keeper = Keeper(request.node.nodeid.split('::', 1)[1])
    yield keeper.start
    keeper.failed = hasattr(request.node, 'failed_phase')
    keeper.close()
    request.node.qemu_crashed = keeper.failed and keeper.crashed()


@pytest.fixture
def registers(tmp_path):
    """The machine's memory and registers, past the processor; QEMU's options are registers.qemu."""
    return Qtest(str(tmp_path / 'qtest'))


@pytest.fixture(scope='module')
def shared(request):
    """What `shell` shares: one machine per module; files and options from the
    module's FILES() and MACHINE, if it has them."""

    class Shared:
        machine = files = None

        def get(self):
            if self.machine is None:
                files = self.files or getattr(request.module, 'FILES', None)
                options = dict(getattr(request.module, 'MACHINE', {}))
                if files:
                    options['files'] = files()
                options.setdefault('limit_s', 400)
                self.machine = keeper.start(**options)
                self.machine.boot()
            return self.machine

        def drop(self):
            if self.machine:
                self.machine.close()
            self.machine = None

    keeper = Keeper(request.module.__name__)
    holder = Shared()
    holder.keeper = keeper
    yield holder
    if holder.machine and machines.CPUS > 1:
        note_processors(holder.machine)
    keeper.close()


@pytest.fixture
def shell(request, shared):
    """A root shell at its prompt in a fresh folder, on a machine that all
    tests of a module share. After a failure it is replaced."""
    m = shared.get()
    m.log.write(f'\n======== {request.node.name}\n')
    m.check('rm -rf /tmp/t; mkdir /tmp/t; cd /tmp/t')
    yield m
    if hasattr(request.node, 'failed_phase'):
        shared.keeper.failed = True
        shared.drop()


def compile_to(out, command):
    """Make a program whole or not at all: others may make the same one meanwhile."""
    whole = f'{out}.{os.getpid()}'
    subprocess.run([*command, '-o', whole], check=True)
    os.replace(whole, out)


def debug_program(name):
    """A program of tests/user/debug, for the archive."""
    source = os.path.join(USER_PROGRAMS, 'debug', name + '.c')
    out = os.path.join(machines.BUILD, 'tests', 'user', name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    compile_to(out, ['musl-gcc', '-std=gnu11', '-O1', '-static', '-s', '-Wall',
                     '-Wextra', '-Werror', '-Wno-unused-parameter',
                     '-Wno-unused-result', '-Wno-missing-field-initializers',
                     '-pthread', source])
    with open(out, 'rb') as f:
        return archive.file(name, f.read(), 0o755)


def disk_program(name):
    """A program of tests/user/disks, as bytes."""
    out = os.path.join(machines.BUILD, 'tests', 'user', name)
    os.makedirs(os.path.dirname(out), exist_ok=True)
    compile_to(out, ['musl-gcc', '-std=gnu11', '-O1', '-static', '-s', '-Wall', '-Wextra', '-Werror',
                     '-Wno-unused-parameter', os.path.join(USER_PROGRAMS, 'disks', name + '.c'),
                     '-idirafter', '/usr/include', '-idirafter', '/usr/include/x86_64-linux-gnu'])
    with open(out, 'rb') as f:
        return f.read()


@pytest.fixture(scope='session')
def programs(tmp_path_factory):
    """Static programs of tests/user, by name: {'fork': path, ...}, each
    compiled with musl-gcc and, as 'fork.glibc', with gcc."""
    out = os.path.join(machines.BUILD, 'tests', 'user')
    os.makedirs(out, exist_ok=True)
    built = {}
    for name in sorted(os.listdir(USER_PROGRAMS)):
        if not name.endswith('.c'):
            continue
        source = os.path.join(USER_PROGRAMS, name)
        for compiler, suffix in (('musl-gcc', ''), ('gcc', '.glibc')):
            path = os.path.join(out, name[:-2] + suffix)
            header = os.path.join(USER_PROGRAMS, 'check.h')
            newest = max(os.path.getmtime(x) for x in (source, header))
            if not os.path.exists(path) or os.path.getmtime(path) < newest:
                compile_to(path, [compiler, '-std=gnu11', '-O1', '-static', '-s',
                                  '-Wall', '-Wextra', '-Werror', '-pthread',
                                  '-Wno-unused-parameter', '-Wno-unused-result',
                                  source])
            built[name[:-2] + suffix] = path
    return built


@pytest.fixture
def scratch(tmp_path):
    """A folder on the host that is gone afterwards."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run tests and count them.

    check.py OUTPUT_DIR all|slow|layers|host|build|kernel|drivers|abi|fuzz|system|long

    layers  the rules about who includes and calls what, for the driver API's headers, boot options
            and the list of system calls
    host    pure code on this machine, under sanitizers (cmocka); how the sources read
    build   the build itself, on a kernel of a few lines (pytest)
    kernel  the tests in the kernel (KTAP), with one processor and with four; "all" has the latter
    drivers driver files, good and bad, on this machine (pytest)
    abi     self-testing drivers of several compilers, and those of releases, in QEMU (pytest, and
            the short form of tests/abi/matrix.py; long-abi is the long one)
    fuzz    20 seconds of random system calls, on the debug kernel
    system  the real image in QEMU, by its shell (pytest)
    long    tests marked "long", and those of the system again with two and
            with four processors; nothing else. One of its parts by itself:
            smp2, smp4, long-build, long-drivers, long-abi, long-system, long-fuzz, kernel-1

    slow    those that "all" leaves out for their time: tests/slow

For "all" the system part is cut in seven (system-1 to system-7), abi in abi-tests and abi-matrix, and the
kernel part is kernel-4, with four processors; kernel-1 is one of "long". Each of the parts keeps about one
processor busy, but waits now and then: one more of them than there are processors runs at a time, the
longest first. Each prints what failed in full and the rest in one line. The last line is
"N passed, N failed", over everything; the status is 0 if nothing failed and
something passed. Everything has a time limit, and nothing is left running.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

RESULT = re.compile(r'\s*(not ok|ok) (\d+)\s*(?:- )?(.*)')
HOST_LIMIT_S, BUILD_LIMIT_S, KERNEL_LIMIT_S = 400, 800, 480
SYSTEM_LIMIT_S, SMP_LIMIT_S, LONG_LIMIT_S = 1500, 2400, 3600
DRIVERS_LIMIT_S, ABI_LIMIT_S, FUZZ_LIMIT_S = 1200, 1000, 400

# Scripts of the host part that look at sources, and print TAP.
SOURCE_CHECKS = [('style-figures', '--check'), ('check-format',), ('check-dead',),
                 ('check-names',), ('check-references',), ('check-locks',)]


class Part:
    """The results of one part of the tests."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0
        self.started = time.monotonic()

    def fail(self, what, output=''):
        self.failed += 1
        print(f'FAILED {self.name}: {what}')
        if output:
            print('\n'.join('    ' + x for x in output.splitlines()))

    def count_tap(self, title, output, status):
        """Count result lines; a plan that is not met or a crash is a failure."""
        total, failures, planned = 0, 0, None
        for line in output.splitlines():
            plan = re.match(r'1\.\.(\d+)', line)
            if plan:
                planned = (planned or 0) + int(plan[1])
            match = RESULT.match(line)
            if not match:
                continue
            total += 1
            if re.search(r'# *skip', match[3], re.I):
                self.skipped += 1
            elif match[1] == 'ok':
                self.passed += 1
            else:
                failures += 1
                self.fail(f'{title}: {match[3]}')
        if failures:
            print('\n'.join('    ' + x for x in output.splitlines()
                            if not RESULT.match(x) or 'not ok' in x))
        elif status or not total or (planned is not None and planned != total):
            self.fail(f'{title}: {total} of {planned} tests reported, '
                      f'status {status}', output)

    def close(self):
        seconds = time.monotonic() - self.started
        skipped = f', {self.skipped} skipped' if self.skipped else ''
        print(f'{self.name + ":":8} {self.passed} passed, {self.failed} failed'
              f'{skipped} ({seconds:.1f} s)', flush=True)


def run(command, limit_s, env=None):
    """Run a command in a process group of its own, and end all of it in time, files for the time being included.

    Return (status, output); the status is a text if the time was up."""
    with tempfile.TemporaryDirectory(prefix='banos-check-', ignore_cleanup_errors=True) as folder:
        env = dict(env or os.environ, TMPDIR=folder)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True, env=env) as process:
            return ended(process, limit_s)


def ended(process, limit_s):
    """Wait for it; (status, output)."""
    try:
        output, _ = process.communicate(timeout=limit_s)
        status = process.returncode
    except subprocess.TimeoutExpired:
        # pytest then still reports what it has; the rest is no more polite.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        output, _ = process.communicate()
        status = f'"not finished after {limit_s} s"'
    return status, output.decode(errors='replace')


def check_layers(out):
    part = Part('layers')
    command = [sys.executable, 'scripts/check-layers.py']
    if os.path.isdir(f'{out}/drivers'):
        command += ['--drivers', out]
    for kernel in out, f'{out}/debug':
        if os.path.exists(f'{kernel}/banos.elf'):
            command += ['--kernel', kernel]
    status, output = run(command, HOST_LIMIT_S)
    part.count_tap('check-layers', output, 0 if 'not ok' in output else status)
    status, output = run([sys.executable, 'scripts/check-headers.py'], HOST_LIMIT_S)
    part.count_tap('check-headers', output, 0 if 'not ok' in output else status)
    status, output = run([sys.executable, 'scripts/check-options.py'], HOST_LIMIT_S)
    part.count_tap('check-options', output, 0 if 'not ok' in output else status)
    command = [sys.executable, 'scripts/check-seam.py']
    if os.path.isdir(f'{out}/arch'):
        command += ['--objects', out]
    status, output = run(command, HOST_LIMIT_S)
    part.count_tap('check-seam', output, 0 if 'not ok' in output else status)
    status, output = run([sys.executable, 'scripts/check-syscalls.py'], HOST_LIMIT_S)
    part.count_tap('check-syscalls', output, 0 if 'not ok' in output else status)
    return part


def check_host(out):
    part = Part('host')
    folder = f'{out}/tests/host'
    with open(f'{folder}/list', encoding='utf-8') as f:
        programs = f.read().split()
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP',
               ASAN_OPTIONS='detect_leaks=1:abort_on_error=0')
    checks = {name: [sys.executable, f'scripts/{name}.py', *options]
              for name, *options in SOURCE_CHECKS}
    commands = {**checks, **{x: [f'{folder}/{x}'] for x in programs}}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda x: run(x, HOST_LIMIT_S, env=env), commands.values())
        for name, (status, output) in zip(commands, results):
            expected = name in checks and 'not ok' in output
            part.count_tap(name, output, 0 if expected else status)
    return part


def ktap_results(output):
    """Only what the tests say: the kernel's log stands around it."""
    lines = []
    for line in output.replace('\r', '').splitlines():
        line = re.sub(r'^\[ *\d+\.\d+\] ', '', line)
        if RESULT.match(line) or re.match(r'1\.\.\d+', line) or \
                line.startswith('# '):
            lines.append(line)
    return '\n'.join(lines)


# Some tests use up all memory, which takes too long where there is much.
KTEST_MEMORY = {1: '128', 4: '256'}


def check_kernel(name, out, *several_cpus):
    part = Part(name)
    image = f'{out}/debug/banos.elf'
    for cpus in several_cpus:
        status, output = run(
            ['qemu-system-x86_64', '-kernel', image, '-initrd',
             f'{out}/initramfs.cpio', '-append',
             'console=ttyS0 ktest qemu_exit', '-smp', str(cpus),
             '-m', KTEST_MEMORY[cpus], '-cpu', 'max', '-display', 'none', '-serial',
             'stdio', '-monitor', 'none', '-no-reboot', '-device',
             'isa-debug-exit,iobase=0xf4,iosize=4'], KERNEL_LIMIT_S)
        with open(f'{out}/ktest-smp{cpus}.log', 'w', encoding='utf-8') as f:
            f.write(output)
        results = ktap_results(output)
        if not RESULT.search(results):
            results = output[-4000:]
        # isa-debug-exit makes an odd status of any value: 1 means 0.
        part.count_tap(f'{cpus} processors', results,
                       0 if status in (0, 1) else status)
    return part


def run_pytest(name, out, paths, marker, limit_s, **variables):
    """Run the tests of a folder, or of files, that have, or have not, a marker."""
    part = Part(name)
    report = f'{out}/{name}.xml'
    if os.path.exists(report):
        os.remove(report)
    status, output = run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
         '--tb=short', '-m', marker, f'--junitxml={report}',
         *([paths] if isinstance(paths, str) else paths)],
        limit_s, env=dict(os.environ, BANOS_BUILD=os.path.abspath(out),
                          PYTHONDONTWRITEBYTECODE='1', **variables))
    if not os.path.exists(report):
        part.fail(f'pytest ended with status {status}', output)
        return part
    for case in xml.parse(report).iter('testcase'):
        kinds = {child.tag for child in case}
        if kinds & {'failure', 'error'}:
            part.failed += 1
        elif 'skipped' in kinds:
            part.skipped += 1
        else:
            part.passed += 1
    if part.failed or status:
        print(output)
    if status not in (0, 1) and (not part.failed or isinstance(status, str)):
        part.fail(f'pytest ended with status {status}')
    return part


def check_abi(name, out, limit_s, long):
    """The tests of the driver ABI, and the matrix of drivers and kernels."""
    part = run_pytest(name, out, 'tests/abi', 'long' if long else 'not long', limit_s)
    return check_matrix(part, out, limit_s, long)


def check_matrix(part, out, limit_s, long):
    command = [sys.executable, 'tests/abi/matrix.py', *(['--long'] if long else []), out]
    status, output = run(command, limit_s)
    part.count_tap('matrix', output, 0 if 'not ok' in output else status)
    return part


def check_fuzz(name, out, seconds):
    part = Part(name)
    status, output = run([sys.executable, 'tests/fuzz/run-syscalls', out,
                          '--seconds', str(seconds)], FUZZ_LIMIT_S)
    if status:
        part.fail(f'{seconds} seconds of random system calls', output)
    else:
        part.passed += 1
    return part


# Parts of about the same length. What shares a build is in one: nothing of it runs twice at a time.
SYSTEM_FILES = {
    'system-1': r'builtin|clock|drivers|pci|shell|users',
    'system-2': r'programs\w*|entries|terminal',
    'system-3': r'applets|boot|failing|loader|power|screen',
    'system-4': r'nvme|usb|virtio|walk',
    'system-5': r'mistakes|panic|revoke|verdicts|windows',
    'system-6': r'block|class_test|crash_replay|damaged_disks|disk\w*|ext2|fat|filesystems\w*|iso9660|loop|ninep|partitions|'
                r'random_work|root',
    'system-7': r'\w+',
}


def files_of_parts():
    """The files of each part; what no other has is in the last one."""
    names = [x for x in sorted(os.listdir('tests/system'))
             if x.startswith('test_') and x.endswith('.py')]
    found = {}
    for part, pattern in SYSTEM_FILES.items():
        mine = [x for x in names if re.fullmatch(f'test_({pattern})\\.py', x)]
        found[part] = [f'tests/system/{x}' for x in mine]
        names = [x for x in names if x not in mine]
    return found


# Parts that are folders or files of tests of pytest. Each is whole, without what tests/slow lists
# ("quick-NAME"), and that alone ("slow-NAME").
PYTEST_PARTS = {
    'build': (['tests/build'], BUILD_LIMIT_S),
    'drivers': (['tests/drivers'], DRIVERS_LIMIT_S),
    'abi-tests': (['tests/abi'], ABI_LIMIT_S),
    'system': (['tests/system'], SYSTEM_LIMIT_S),
    **{name: (files, SYSTEM_LIMIT_S) for name, files in files_of_parts().items()},
}
MARKERS = {'': 'not long', 'quick-': 'not long and not slow', 'slow-': 'not long and slow'}


def pytest_part(name, kind):
    paths, limit_s = PYTEST_PARTS[name]
    return lambda out: run_pytest(kind + name, out, paths, MARKERS[kind], limit_s)


PARTS = {
    'layers': check_layers,
    'host': check_host,
    'kernel': lambda out: check_kernel('kernel', out, 1, 4),
    'kernel-1': lambda out: check_kernel('kernel-1', out, 1),
    'kernel-4': lambda out: check_kernel('kernel-4', out, 4),
    'abi': lambda out: check_abi('abi', out, ABI_LIMIT_S, False),
    'abi-matrix': lambda out: check_matrix(Part('abi-matrix'), out, ABI_LIMIT_S, False),
    'fuzz': lambda out: check_fuzz('fuzz', out, 20),
    'long-fuzz': lambda out: check_fuzz('long-fuzz', out, 60),
    **{kind + name: pytest_part(name, kind) for name in PYTEST_PARTS for kind in MARKERS},
    'smp2': lambda out: run_pytest('smp2', out, 'tests/system', 'not long or repeat',
                                   SMP_LIMIT_S, TEST_CPUS='2'),
    'smp4': lambda out: run_pytest('smp4', out, 'tests/system', 'not long or repeat',
                                   SMP_LIMIT_S, TEST_CPUS='4'),
    'long-build': lambda out: run_pytest('long-build', out, 'tests/build',
                                         'long', LONG_LIMIT_S),
    'long-drivers': lambda out: run_pytest('long-drivers', out, 'tests/drivers',
                                           'long', LONG_LIMIT_S),
    'long-abi': lambda out: check_abi('long-abi', out, LONG_LIMIT_S, True),
    'long-system': lambda out: run_pytest('long-system', out, 'tests/system',
                                          'long', LONG_LIMIT_S),
}
OF_LONG = ['smp2', 'smp4', 'long-build', 'long-drivers', 'long-abi', 'long-system', 'long-fuzz', 'kernel-1']
# What "all" runs: this first, since it uses all processors;
OF_ALL = ['host']
# then these side by side, the longest first.
SIDE_BY_SIDE = ['system-7', 'build', 'system-6', 'system-3', 'system-2', 'abi-tests', 'system-4', 'system-1', 'drivers',
                'system-5', 'kernel-4', 'fuzz', 'layers', 'abi-matrix']


def run_parts(names, out):
    parts = []
    for name in names:
        part = PARTS[name](out)
        part.close()
        parts.append(part)
    return parts


def run_side_by_side(kind, names, out):
    """One more at a time than there are processors."""
    names = [kind + x if x in PYTEST_PARTS else x for x in names]
    with ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        return [part for done in pool.map(lambda x: run_parts([x], out), names) for part in done]


def main():
    out, wanted = sys.argv[1:]
    if wanted == 'all':
        parts = run_parts(OF_ALL, out) + run_side_by_side('quick-', SIDE_BY_SIDE, out)
    elif wanted == 'slow':
        parts = run_side_by_side('slow-', [x for x in SIDE_BY_SIDE if x in PYTEST_PARTS], out)
    else:
        parts = run_parts(OF_LONG if wanted == 'long' else [wanted], out)
    passed = sum(p.passed for p in parts)
    failed = sum(p.failed for p in parts)
    skipped = sum(p.skipped for p in parts)
    print(f'{passed} passed, {failed} failed' +
          (f', {skipped} skipped' if skipped else ''), flush=True)
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""Measure the kernel in an output folder, and print one table: what
"tests/bench/run OUTPUT_DIR [--profile] [ROW...]" does.

Instructions are those of the guest, counted by QEMU's icount with one
processor: the same on every run and every machine. Locked instructions (and
full fences) are counted by a QEMU plugin; "-" where this QEMU doesn't take it.
Another plugin counts the cache lines that one processor writes and another one
touches while each does the same by itself: each a process, and each a thread of
one process, where lines that only the program's own code touches are left out.
What several processors do at once is measured in wall time on this machine,
the best of some runs, which means little where others use its processors, too;
so the processor time that an operation costs the host is told as well: if it
is the same for one and two at once, neither keeps the other waiting.

With rows nothing but these is measured; with --profile the functions in which
their instructions go are printed; with --lines N the cache lines alone that N
processors take from each other in these rows. Wanted: a figure that got worse has a reason
in the commit that made it worse.
"""
import argparse
import bisect
import collections
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'system'))
import driver_source  # noqa: E402

ICOUNT = ('-icount', 'shift=0,sleep=off', '-seed', '1',
          '-rtc', 'base=2026-01-01,clock=vm')
SCALE_RUNS = 5
# What processes that have nothing to do with each other may do at the same time.
INDEPENDENT = ('null_call', 'read_zero_1', 'file_pread_4k', 'stat', 'dup_close',
               'poll_8', 'sig_deliver', 'futex_wake_nobody', 'futex_switch',
               'pipe_there_and_back', 'mmap_munmap', 'mmap_touch_munmap',
               'fault_anonymous')
# Eight relocations each: six calls, a variable, a place in the table.
FUNCTIONS = 1000
FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror']


def build(out):
    """The program for the guest, the plugins for QEMU."""
    folder = os.path.join(out, 'tests', 'bench')
    os.makedirs(folder, exist_ok=True)
    subprocess.run(['musl-gcc', *FLAGS, '-static', '-s', '-pthread',
                    '-o', f'{folder}/bench', f'{HERE}/bench.c'], check=True)
    for plugin in ('count', 'share'):
        subprocess.run([os.environ.get('HOSTCC', 'gcc'), *FLAGS, '-shared',
                        '-fPIC', '-fvisibility=hidden', '-o',
                        f'{folder}/{plugin}.so', f'{HERE}/{plugin}.c'],
                       check=True)
    return folder


def plugin_works(plugin, scratch):
    """QEMU's plugin interface changes with its versions: try."""
    try:
        result = subprocess.run(
            ['qemu-system-x86_64', '-machine', 'none', '-display', 'none',
             '-serial', 'none', '-monitor', 'stdio', '-plugin',
             f'{plugin},out={scratch}'], input=b'quit\n', timeout=20,
            capture_output=True, check=False)
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0


def driver(name, code=''):
    return driver_source.compiled(
        '#include <banos/driver.h>\n#include <banos/time.h>\n' + code +
        f'static int64_t begin(banos_owner self) {{ return 0; }}\n'
        f'BANOS_DRIVER({name}, "1", "MIT", "Measured", begin, 0);\n')


def functions():
    """A driver of many functions that call the kernel, and a table of them."""
    names = [f'f{i}' for i in range(FUNCTIONS)]
    return driver('functions', 'static volatile int sink;\n' + ''.join(
        f'static void __attribute__((noinline, used)) {name}(void) '
        f'{{ {"banos_time_ns(); " * 6} sink = {i}; }}\n'
        for i, name in enumerate(names)) +
        'static void (*volatile table[])(void) __attribute__((used)) = { ' +
        ', '.join(names) + ' };\n')


def source(name):
    with open(os.path.join(HERE, name), encoding='utf-8') as f:
        return driver_source.compiled(f.read(), HERE)


class Bench:
    """The kernel under test, and how it is started."""

    def __init__(self, out):
        os.environ['BANOS_BUILD'] = self.out = os.path.abspath(out)
        import machine
        self.machine = machine
        folder = build(self.out)
        self.plugin = folder + '/%s.so'
        self.counts = folder + '/counts'
        self.log = os.path.join(self.out, 'bench.log')
        self.has_plugin = plugin_works(self.plugin % 'count', self.counts)
        with open(folder + '/bench', 'rb') as f:
            self.files = {'bench/bench': f.read(),
                          'bench/trivial.ko': driver('trivial'),
                          'bench/functions.ko': functions(),
                          'bench/exporter.ko': source('exporter.c'),
                          'bench/operations.ko': source('operations.c')}

    def start(self, **options):
        options.setdefault('files', self.files)
        options.setdefault('cpus', 1)           # whatever TEST_CPUS says
        return self.machine.Machine(self.log, limit_s=300, **options)

    def with_plugin(self, name):
        return ('-plugin', f'{self.plugin % name},out={self.counts}')

    def rows(self, names):
        """{row: instructions an operation}, in order; None if it failed"""
        qemu = ICOUNT
        if self.has_plugin:
            qemu += self.with_plugin('count')
        rows = {}
        with self.start(qemu=qemu) as m:
            m.boot()
            for line in m.lines('/bench/bench ' + ' '.join(names), 280):
                words = line.split()
                if words[:1] == ['row']:
                    rows[words[1]] = None if words[2] == 'failed' else \
                        (int(words[2]), int(words[3]))
        return rows

    def spans(self):
        """Per measured span: [(address, count, locked)]. A row has two, of
        which the first fills the caches."""
        spans = collections.defaultdict(list)
        if self.has_plugin:
            with open(self.counts, encoding='ascii') as f:
                for line in f:
                    span, address, count, locked = line.split()
                    spans[int(span)].append(
                        (int(address, 16), int(count), locked == '1'))
        return [spans[i] for i in range(1, len(spans), 2)]

    def boot_instructions(self):
        """Until the shell is about to say its first prompt."""
        root = os.path.join(HERE, '..', '..', 'usr', 'rootfs', 'etc', 'profile')
        with open(root, encoding='utf-8') as f:
            profile = f.read() + '\n/bench/bench --now\n'
        with self.start(files=dict(self.files, **{'etc/profile': profile}),
                        qemu=ICOUNT) as m:
            m.expect(r'now (\d+)\s', 60)
            return int(m.match[1])

    def boots_with(self, kib):
        try:
            with self.machine.Machine(self.log, memory=f'{kib}K',
                                      limit_s=30) as m:
                m.boot(20)
                return m.check('echo $((6 * 7))').strip() == '42'
        except AssertionError:
            return False

    def memory_floor_kib(self, step=64):
        """The least memory with which the shell answers."""
        low, high = 2048 // step, 32768 // step
        if not self.boots_with(high * step):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self.boots_with(middle * step):
                high = middle
            else:
                low = middle
        return high * step

    def scale(self, what):
        """What one and two processors do of something: (operations, host
        nanoseconds of processor time an operation), each the best of some."""
        best = {}
        with self.start(cpus=2) as m:
            m.boot()
            for cpus in (1, 2) * SCALE_RUNS:
                before = processor_ns(m.child.pid)
                done = int(m.check(
                    f'/bench/bench --scale {cpus} {what}', 60).split()[-1])
                cost = (processor_ns(m.child.pid) - before) / done
                old = best.get(cpus, (0, cost))
                best[cpus] = max(old[0], done), min(old[1], cost)
        return best[1], best[2]

    def shared(self, row, cpus=2, threads=False):
        """Cache lines that one processor writes and others touch, while each does
        the row by itself, as a process or as a thread of one: (operations, [(writes,
        touches by others, where it is, who writes, who touches)])"""
        option = '--scale-threads' if threads else '--scale'
        with self.start(cpus=cpus, qemu=self.with_plugin('share')) as m:
            m.boot()
            done = int(m.check(f'/bench/bench {option} {cpus} {row}',
                               240).split()[-1])
        with open(self.counts, encoding='ascii') as f:
            lines = [x.split() for x in f if x != 'end\n']
        return done, [(int(a), int(b), int(c, 16), int(d, 16), int(e, 16))
                      for a, b, c, d, e in lines]


def processor_ns(pid):
    """What a process and its children have used of the host's processors."""
    used = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/schedstat', encoding='ascii') as f:
            used += int(f.read().split()[0])
        with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as f:
            used += sum(processor_ns(child) for child in f.read().split())
    return used


def symbols(image):
    """Sorted [(address, name)] of the kernel's functions."""
    output = subprocess.run(['nm', '-n', image], check=True,
                            capture_output=True, text=True).stdout
    found = [line.split() for line in output.splitlines()]
    return [(int(x[0], 16), x[2]) for x in found
            if len(x) == 3 and x[1] in 'tTwW']


def name_of(table, address):
    if not address >> 63:
        return '(user)'
    return table[bisect.bisect(table, (address, '~')) - 1][1]


def print_profile(name, operations, span, table):
    """Where the instructions of a row go, by function."""
    total, locked = collections.Counter(), collections.Counter()
    for address, count, is_locked in span:
        function = name_of(table, address)
        total[function] += count
        if is_locked:
            locked[function] += count
    print(f'{name}:')
    for function, count in total.most_common():
        if count * 2 >= operations:
            marks = f'  locked {locked[function] / operations:.1f}' \
                if locked[function] else ''
            print(f'{count / operations:12.1f}  {function}{marks}')


def print_rows(bench, rows, spans):
    print(f'{"operation":24} {"instructions":>14} {"locked":>8}')
    for i, (name, row) in enumerate(rows.items()):
        if row is None:
            print(f'{name:24} {"failed":>14}')
            continue
        locked = '-'
        if len(spans) == len(rows):
            locked = f'{sum(n for _, n, x in spans[i] if x) / row[0]:.2f}'
        print(f'{name:24} {row[1] / row[0]:14,.1f} {locked:>8}')


def print_shared(bench, row, table, cpus=2, threads=False):
    """What processors take from each other, by the function that writes."""
    done, lines = bench.shared(row, cpus, threads)
    moves, functions = 0, collections.Counter()
    for writes, others, _, writer, toucher in lines:
        names = name_of(table, writer), name_of(table, toucher)
        if threads and names == ('(user)', '(user)'):
            continue
        # Each touch by another one can at most take the line once.
        moves += min(writes, others)
        functions[' and '.join(sorted(set(names)))] += min(writes, others)
    print(f'{row + (" (threads)" if threads else ""):30} {moves / done:9.3f}',
          end='  ')
    print(', '.join(f'{name} {n / done:.3f}' for name, n in
                    functions.most_common(5) if n / done >= 0.005), flush=True)


def print_lines(bench, rows, cpus):
    table = symbols(os.path.join(bench.out, 'banos.elf'))
    for threads in (False, True):
        for row in rows:
            print_shared(bench, row, table, cpus, threads)


def print_rest(bench):
    if bench.has_plugin:
        print('\nCache lines that two CPUs take from each other, an operation:')
        print_lines(bench, INDEPENDENT, 2)
    print(f'\n{"boot to the shell":24} {bench.boot_instructions():14,}'
          '  instructions, firmware included')
    for what in ('null_call', 'fault_anonymous'):
        one, two = bench.scale(what)
        print(f'{what + ", 2 CPUs":24} {two[0] / one[0]:14.2f}  times the rate '
              f'of one (wall, best of {SCALE_RUNS}); {two[1] / one[1]:.2f} times the '
              'processor time an operation')
    floor = bench.memory_floor_kib()
    print(f'{"least memory (-m)":24} {floor or "?":>14}  KiB, to a shell that answers')
    print('\nSize in bytes:')
    sys.stdout.flush()
    subprocess.run([os.path.join(HERE, '..', '..', 'scripts', 'size.sh'),
                    bench.out], check=True)


def main():
    parser = argparse.ArgumentParser(prog='tests/bench/run')
    parser.add_argument('out')
    parser.add_argument('rows', nargs='*')
    parser.add_argument('--profile', action='store_true')
    parser.add_argument('--lines', type=int, metavar='N')
    options = parser.parse_intermixed_args()
    bench = Bench(options.out)
    if options.lines:
        print_lines(bench, options.rows or INDEPENDENT, options.lines)
        return 0
    rows = bench.rows(options.rows)
    spans = bench.spans()
    print_rows(bench, rows, spans)
    if options.profile and len(spans) == len(rows):
        table = symbols(os.path.join(bench.out, 'banos.elf'))
        for (name, row), span in zip(rows.items(), spans):
            print()
            print_profile(name, row[0], span, table)
    elif not options.rows:
        print_rest(bench)
    return 0 if rows and None not in rows.values() else 1


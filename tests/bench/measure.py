# SPDX-License-Identifier: MIT
"""Measure the kernel in an output folder, and print one table: what
"tests/bench/run OUTPUT_DIR [--profile] [ROW|GROUP...]" does.

Instructions are those of the guest, counted by QEMU's icount with one
processor: the same on every run and every machine. What they don't tell is
counted beside them, by a QEMU plugin and its log: locked instructions (and full
fences), device accesses, interrupts, inter-processor interrupts, loads of CR3
and TLB flushes; "-" where this QEMU doesn't take the plugin. Beside each stands
what it costs Linux: see reference.py. "!" marks a row that costs more in any way.
Rows are the same in any order: see bench.c.

Another plugin counts the cache lines that one processor writes and another one
touches while each does the same by itself: each a process, and each a thread of
one process, where lines that only the program's own code touches are left out.
What several processors do at once is measured in wall time on this machine,
the best of some runs, which means little where others use its processors, too;
so the processor time that an operation costs the host is told as well: if it
is the same for one and two at once, neither keeps the other waiting.

With rows or groups of rows nothing but these is measured; with --profile the
functions in which their instructions go are printed; with --lines N the cache lines
alone that N processors take from each other in these rows, with the functions that
touch them; --cpus N... has the whole table tell that for other numbers than 2, 4 and 8;
--wall VMLINUZ compares wall time with Linux's: see wall.py; --seeds N... measures with each
seed of QEMU's, each but 1 in an order of its own, and tells what differs then.
Wanted: a figure that got worse has a reason in the commit that made it worse.
"""
import argparse
import bisect
import collections
import os
import random
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'system'))
import debian  # noqa: E402
import driver_source  # noqa: E402
import reference  # noqa: E402
import report  # noqa: E402
import wall  # noqa: E402



def icount(seed=1):
    return ('-icount', 'shift=0,sleep=off', '-seed', str(seed),
            '-rtc', 'base=2026-01-01,clock=vm')


SCALE_RUNS = 5
# A repeated string instruction counts once an iteration: without ERMS and FSRM kernels
# choose quadwords, which is nearer to what these instructions cost than bytes are.
CPU = 'max,-erms,-fsrm'
ROWS_MIB, ROWS_CPUS = 512, 8
ROWS_LIMIT_S = 900
# What processes that have nothing to do with each other may do at the same time.
INDEPENDENT = ('null_syscall', 'read_zero_1', 'file_pread_4k', 'stat', 'dup_close',
               'open_close', 'poll_8', 'sig_deliver', 'futex_wake_none', 'ctxsw_futex_thread',
               'pipe_pingpong', 'mmap_munmap_4k', 'mmap_touch_munmap_4k',
               'fault_anon_page')
# What is measured with several processors, though more than these are none yet.
SHARED = INDEPENDENT + ('file_create_unlink', 'fork_exit_wait', 'thread_create_join')
# Eight relocations each: six calls, a variable, a place in the table.
FUNCTIONS = 1000
FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Wno-missing-field-initializers',
         '-Werror']
PROGRAM = ('bench', 'calls', 'files', 'turns', 'processes', 'memory', 'sched',
           'growth', 'drivers')
PLUGINS = {'count': ('count', 'decode'), 'share': ('share',)}
HELLOS = {
    'hello-static': ('-static',),
    'hello-dynamic': (),
    'hello-libraries': ('-Wl,--no-as-needed', '-lm', '-lstdc++', '-lgcc_s',
                        '-l:libz.so.1', '-lresolv'),
}
# INSN_* of decode.h
LOCKED, CR3, FLUSH = 0x01, 0x08, 0x10


def build(out):
    """The program for the guest, the plugins for QEMU."""
    folder = os.path.join(out, 'tests', 'bench')
    os.makedirs(folder, exist_ok=True)
    subprocess.run(['musl-gcc', *FLAGS, '-static', '-s', '-pthread',
                    '-o', f'{folder}/bench',
                    *(f'{HERE}/{name}.c' for name in PROGRAM)], check=True)
    for plugin, names in PLUGINS.items():
        subprocess.run([os.environ.get('HOSTCC', 'gcc'), *FLAGS, '-shared',
                        '-fPIC', '-fvisibility=hidden', '-o',
                        f'{folder}/{plugin}.so',
                        *(f'{HERE}/{name}.c' for name in names)], check=True)
    return folder


def tiny_program():
    """The least that can be executed: it exits with 0."""
    code = bytes((0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05))
    base, header, entry = 0x400000, 64, 56
    size = header + entry + len(code)
    return struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1,
                       base + header + entry, header, 0, 0, header, entry, 1,
                       0, 0, 0) + \
        struct.pack('<IIQQQQQQ', 1, 5, 0, base, base, size, size, 4096) + code


def programs(folder):
    """{path: content} of what the rows start: static and dynamic, glibc's, with
    the libraries that they load."""
    compiler = [os.environ.get('HOSTCC', 'gcc'), '-O2', '-s', f'{HERE}/hello.c']
    files = {'bench/tiny': tiny_program()}
    for name, flags in HELLOS.items():
        path = f'{folder}/{name}'
        subprocess.run([*compiler, '-o', path, *flags], check=True)
        files[f'bench/{name}'] = content(path)
        if '-static' not in flags:
            files.update((library.lstrip('/'), content(library))
                         for library in debian.libraries(path))
    return files


def content(path):
    with open(path, 'rb') as f:
        return f.read()


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


Site = collections.namedtuple('Site', 'address count kinds devices ipis')


class Row:
    """What was measured of a row: so many operations at once."""

    def __init__(self, operations, ticks, span):
        self.operations, self.ticks, self.span = operations, ticks, span
        self.sites, self.interrupts = [], None

    def counted(self, kind):
        return sum(site.count for site in self.sites if site.kinds & kind)

    def figures(self):
        """{what: per operation}; instructions alone without a plugin."""
        # Ticks contain idle time; a plugin counts what faults each time.
        executed = sum(site.count for site in self.sites) or self.ticks
        found = {'instructions': min(self.ticks, executed)}
        if self.sites:
            found.update(
                locked=self.counted(LOCKED), cr3=self.counted(CR3),
                devices=sum(site.devices for site in self.sites),
                interrupts=self.interrupts,
                ipis=sum(site.ipis for site in self.sites),
                tlb=self.counted(FLUSH))
        return {what: n / self.operations for what, n in found.items()}


def add_spans(rows, counts, interrupts):
    """Tell the rows what was counted between their marks."""
    by_span = {row.span: row for row in rows}
    with open(counts, encoding='ascii') as f:
        for line in f:
            span, address, count, kinds, devices, ipis = line.split()
            if int(span) in by_span:
                by_span[int(span)].sites.append(Site(
                    int(address, 16), int(count), int(kinds), int(devices),
                    int(ipis)))
    for span, taken in enumerate(interrupts):
        if span in by_span:
            by_span[span].interrupts = taken


class InterruptLog:
    """QEMU's log of interrupts and of the marks: see count.c. It has all registers
    at each exception, too, so it is read by a filter while it is written."""

    def __init__(self, path):
        self.path, self.pipe, self.filter = path, path + '.pipe', None

    def options(self):
        return '-d', 'plugin,int', '-D', self.pipe

    def __enter__(self):
        if os.path.exists(self.pipe):
            os.unlink(self.pipe)
        os.mkfifo(self.pipe)
        self.filter = subprocess.Popen(
            ['sh', '-c', 'exec grep -aE "^(BEGIN|END|Servicing)" <"$0" >"$1"',
             self.pipe, self.path])
        return self

    def __exit__(self, *exc):
        try:
            self.filter.wait(10)
        except subprocess.TimeoutExpired:   # nobody opened the other end
            self.filter.kill()
            self.filter.wait()
        os.unlink(self.pipe)

    def spans(self):
        """How many interrupts were taken in each span."""
        spans, taken = [], None
        with open(self.path, encoding='ascii') as f:
            for line in f:
                if line == 'BEGIN\n':
                    taken = 0
                elif line == 'END\n':
                    spans.append(taken)
                elif taken is not None:
                    taken += 1
        return spans


Line = collections.namedtuple('Line', 'writes touches address writer toucher')


class Shared:
    """What processors take from each other while each does a row by itself."""

    def __init__(self, row, threads, operations):
        self.row, self.threads, self.operations = row, threads, operations
        self.lines, self.ipis = [], 0

    def moves(self):
        """[(line, how often it is taken an operation, at most)]"""
        # Each touch by another one can at most take the line once. Lines that only
        # the program's own code touches are the threads' own affair.
        return [(line, min(line.writes, line.touches) / self.operations)
                for line in self.lines
                if not self.threads or line.writer >> 63 or line.toucher >> 63]

    def total(self):
        return sum(moves for _, moves in self.moves())


class Bench:
    """The kernel under test, and how it is started."""

    def __init__(self, out, kernel=None, append=''):
        """kernel, append: of another system, which the usual initramfs boots, too"""
        os.environ['BANOS_BUILD'] = self.out = os.path.abspath(out)
        import machine
        self.machine = machine
        # Where mappings lie decides which of them share a page table, and whether QEMU has
        # translated a program's code already.
        self.options = {'kernel': kernel, 'append': f'{append} norandmaps'.strip()}
        folder = build(self.out)
        self.program = folder + '/bench'
        self.plugin = folder + '/%s.so'
        self.counts = folder + '/counts' + ('.reference' if kernel else '')
        self.log = os.path.join(self.out, 'reference.log' if kernel else 'bench.log')
        self.has_plugin = plugin_works(self.plugin % 'count', self.counts)
        self.files = {'bench/bench': content(self.program),
                      'bench/trivial.ko': driver('trivial'),
                      'bench/functions.ko': functions(),
                      'bench/exporter.ko': source('exporter.c'),
                      'bench/operations.ko': source('operations.c'),
                      **programs(folder)}

    def start(self, **options):
        options.setdefault('files', self.files)
        options.setdefault('cpus', 1)           # whatever TEST_CPUS says
        options.setdefault('limit_s', 300)
        options = {**self.options, **options}
        return self.machine.Machine(self.log, **options)

    def with_plugin(self, name):
        return ('-plugin', f'{self.plugin % name},out={self.counts}')

    def in_order(self, names, seed):
        """Rows (all of them, those named, those of groups named) in an order of a seed's;
        1: that of the table."""
        groups = self.groups()
        rows = list(groups)
        if names:
            rows = [row for name in names
                    for row in ([name] if name in groups else
                                [x for x in groups if groups[x] == name])]
        if seed != 1:
            random.Random(seed).shuffle(rows)
        return rows

    def rows(self, names=(), seed=1):
        """{row: Row}, in order; None if it failed"""
        log = InterruptLog(self.counts + '.log')
        qemu = icount(seed)
        if self.has_plugin:
            qemu += (*self.with_plugin('count'), *log.options())
        rows = {}
        order = '\n'.join(self.in_order(names, seed)).encode()
        with log, self.start(qemu=qemu, cpu=CPU, memory=ROWS_MIB, limit_s=ROWS_LIMIT_S,
                             files={**self.files, 'bench/order': order}) as m:
            m.boot()
            m.check('mount -t tmpfs bench /tmp')
            for line in m.lines('/bench/bench $(cat /bench/order)', ROWS_LIMIT_S):
                words = line.split()
                if words[:1] == ['row']:
                    rows[words[1]] = None if words[2] == 'failed' else \
                        Row(*(int(x) for x in words[2:]))
        if self.has_plugin:
            add_spans([row for row in rows.values() if row],
                      self.counts, log.spans())
        return rows

    cpu, rows_mib = CPU, ROWS_MIB

    @staticmethod
    def qemu_version():
        return subprocess.run(['qemu-system-x86_64', '--version'], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.splitlines()[0]

    def groups(self):
        """{row: group}, of all rows"""
        listed = subprocess.run([self.program, '--list'],
                                check=True, stdout=subprocess.PIPE, text=True)
        return dict(line.split() for line in listed.stdout.splitlines())

    def boot_instructions(self):
        """Until the shell is about to say its first prompt."""
        root = os.path.join(HERE, '..', '..', 'usr', 'rootfs', 'etc', 'profile')
        with open(root, encoding='utf-8') as f:
            profile = f.read() + '\n/bench/bench --now\n'
        with self.start(files=dict(self.files, **{'etc/profile': profile}),
                        qemu=icount()) as m:
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

    def shared(self, rows, cpus=2):
        """For each row, by processes and then by threads of one: Shared."""
        found = []
        # The kernel keeps free pages for each processor, a share of its memory.
        with self.start(cpus=cpus, qemu=self.with_plugin('share'),
                        memory=ROWS_MIB * max(1, cpus // ROWS_CPUS),
                        limit_s=ROWS_LIMIT_S) as m:
            m.boot()
            m.check('mount -t tmpfs bench /tmp')
            for option in ('--scale', '--scale-threads'):
                for row in rows:
                    done = m.check(f'/bench/bench {option} {cpus} {row}', 240)
                    found.append(Shared(row, option != '--scale',
                                        int(done.split()[-1])))
        at = 0
        with open(self.counts, encoding='ascii') as f:
            for line in f:
                words = line.split()
                if words[0] == 'end':
                    found[at].ipis = int(words[1])
                    at += 1
                else:
                    found[at].lines.append(Line(
                        int(words[0]), int(words[1]),
                        *(int(x, 16) for x in words[2:])))
        return found


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


def print_profile(name, row, table):
    """Where the instructions of a row go, by function."""
    total, locked = collections.Counter(), collections.Counter()
    for site in row.sites:
        function = name_of(table, site.address)
        total[function] += site.count
        if site.kinds & LOCKED:
            locked[function] += site.count
    print(f'{name}:')
    for function, count in total.most_common():
        if count * 2 >= row.operations:
            marks = f'  locked {locked[function] / row.operations:.1f}' \
                if locked[function] else ''
            print(f'{count / row.operations:12.1f}  {function}{marks}')


def print_shared(bench, rows, cpus):
    """What processors take from each other, by the functions that write and touch."""
    table = symbols(os.path.join(bench.out, 'banos.elf'))
    print(f'{"operation":36} {"lines":>9} {"ipis":>7}')
    for shared in bench.shared(rows, cpus):
        functions = collections.Counter()
        for line, moves in shared.moves():
            names = name_of(table, line.writer), name_of(table, line.toucher)
            functions[' and '.join(sorted(set(names)))] += moves
        name = shared.row + (' (threads)' if shared.threads else '')
        print(f'{name:36} {shared.total():9.3f} '
              f'{shared.ipis / shared.operations:7.3f}', end='  ')
        print(', '.join(f'{name} {n:.3f}' for name, n in
                        functions.most_common(5) if n >= 0.005), flush=True)


def print_rest(bench):
    print(f'\n{"boot to the shell":24} {bench.boot_instructions():14,}'
          '  instructions, firmware included')
    for what in ('null_syscall', 'fault_anon_page'):
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
    parser.add_argument('--cpus', type=int, nargs='+', default=[2, 4, 8])
    parser.add_argument('--wall', metavar='VMLINUZ')
    parser.add_argument('--boots', type=int, default=3)
    parser.add_argument('--processors', type=int, default=1)
    parser.add_argument('--seeds', type=int, nargs='+', default=[1])
    options = parser.parse_intermixed_args()
    bench = Bench(options.out)
    if options.wall:
        return wall.compare(bench, Bench(options.out, options.wall, wall.TUNED), options)
    if options.lines:
        print_shared(bench, options.rows or SHARED, options.lines)
        return 0
    by_seed = {seed: bench.rows(options.rows, seed) for seed in options.seeds}
    groups, rows = bench.groups(), by_seed[options.seeds[0]]
    rows = {name: rows[name] for name in groups if name in rows}
    report.print_rows(rows, groups, reference.stored())
    if len(by_seed) > 1:
        report.print_spread(by_seed)
    if options.profile and bench.has_plugin:
        table = symbols(os.path.join(bench.out, 'banos.elf'))
        for name, row in rows.items():
            if row:
                print()
                print_profile(name, row, table)
    elif not options.rows:
        if bench.has_plugin:
            report.print_lines({cpus: bench.shared(SHARED, cpus)
                                for cpus in options.cpus})
        print_rest(bench)
    return 0 if rows and None not in rows.values() else 1

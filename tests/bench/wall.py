# SPDX-License-Identifier: MIT
"""Wall time of each row beside Linux's:

    tests/bench/run OUTPUT_DIR --wall VMLINUZ [--boots N] [--processors N] [ROW|GROUP...]

Instructions say nothing of what a processor waits for: loads of CR3, flushes, devices,
other processors. So both kernels run here by turns, without icount, with the same programs, options
and kind of processor; VMLINUZ is the kernel of reference.py, tuned as there. Each boot does
each row TIMES times after a first one that isn't counted, fewer where that takes long. The
table has the medians of all times and their ratio, and the ratio of the least, which others'
work on this machine disturbs less. "!" marks a row that takes longer than on Linux by both.
Wanted: two quiet processors.
"""
import collections
import statistics
import subprocess
import time

import reference
import report

TIMES = 7
LIMIT_S = 1800
# Linux may leave out its lock prefixes where there is one processor.
TUNED = reference.TUNED.replace('noreplace-smp ', '')
CALIBRATION_S = 0.5


def ticks_per_ns(program):
    """QEMU's time stamp counter is this machine's, without icount."""
    def now():
        output = subprocess.run([program, '--now'], check=True, stdout=subprocess.PIPE)
        return time.monotonic_ns(), int(output.stdout.split()[1])
    start, ticks = now()
    time.sleep(CALIBRATION_S)
    end, later = now()
    return (later - ticks) / (end - start)


def measure(bench, names, processors):
    """{row: [ticks an operation]} of one boot."""
    found = collections.defaultdict(list)
    with bench.start(cpus=processors, cpu=bench.cpu, memory=bench.rows_mib,
                     limit_s=LIMIT_S) as m:
        m.boot()
        m.check('mount -t tmpfs bench /tmp')
        for line in m.lines(f'/bench/bench --times {TIMES} {" ".join(names)}', LIMIT_S):
            words = line.split()
            if words[:1] == ['row'] and words[2] != 'failed':
                found[words[1]].append(int(words[3]) / int(words[2]))
    return found


def print_table(ours, linux, groups, rate):
    print(f'\n{"wall time, ns an operation":32} {"median":>12} {"Linux":>12} {"ratio":>6} '
          f'{"of least":>8}')
    ratios, slower = collections.defaultdict(list), []
    for name, group in groups.items():
        if not ours[name] or not linux[name]:
            continue
        here, there = (statistics.median(x[name]) for x in (ours, linux))
        least = min(ours[name]) / min(linux[name])
        mark = '!' if here > there and least > 1 else ''
        print(f'{name:32} {here / rate:12,.0f} {there / rate:12,.0f} {here / there:6.3f} '
              f'{least:8.3f} {mark}'.rstrip())
        ratios[group].append(here / there)
        slower += [name] if mark else []
    print()
    for group, values in ratios.items():
        print(f'{"geometric mean: " + group:32} {report.mean(values):.3f} of Linux, '
              f'{len(values)} rows, {max(values):.3f} at most')
    print(f'slower than Linux: {", ".join(slower) or "none"}')
    return slower


def compare(bench, linux, options):
    """bench, linux: measure.Bench of either kernel"""
    groups = bench.groups()
    rows = options.rows or list(dict.fromkeys(groups.values()))
    rows = [x for x in rows if x != reference.WITHOUT]
    found = collections.defaultdict(list), collections.defaultdict(list)
    for boot in range(options.boots):
        for kernel, times in zip((bench, linux), found):
            print(f'boot {boot + 1} of {options.boots}, '
                  f'{"Linux" if kernel is linux else "Banos"}', flush=True)
            for name, ticks in measure(kernel, rows, options.processors).items():
                times[name] += ticks
    print_table(*found, groups, ticks_per_ns(bench.program))
    return 0

# SPDX-License-Identifier: MIT
"""The figures of Linux that "make bench" compares with, and how they are made:

    tests/bench/linux OUTPUT_DIR VMLINUZ     makes linux-6.1.tsv again

VMLINUZ is Debian's kernel for virtual machines, from the package linux-image-cloud-amd64
of Debian 12, which need not be installed: "apt-get download" and "dpkg-deb -x" do.
It runs the same programs, from the same initramfs, in the same QEMU and processor. It is
tuned: without mitigations, zeroing and checks that can be turned off. With one
processor it would replace its lock prefixes by nothing; "noreplace-smp" keeps them,
so that locked instructions can be counted (instructions are the same). Under icount the
figures are the same on every run.
"""
import os
import sys

TUNED = ('quiet nokaslr noreplace-smp mitigations=off init_on_alloc=0 '
         'hardened_usercopy=off randomize_kstack_offset=off lsm= apparmor=0 '
         'selinux=0 audit=0')
# Rows that Linux does not have.
WITHOUT = 'drivers'
STORED = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'linux-6.1.tsv')


def stored():
    """{row: {what: per operation}}; nothing if there is no such file"""
    if not os.path.exists(STORED):
        return {}
    with open(STORED, encoding='ascii') as f:
        lines = [line.split() for line in f if not line.startswith('#')]
    return {words[0]: dict(zip(lines[0][1:], (float(x) for x in words[1:])))
            for words in lines[1:]}


def write(bench, version, rows):
    """rows: {name: measure.Row}"""
    figures = {name: row.figures() for name, row in rows.items()}
    what = list(next(iter(figures.values())))
    with open(STORED, 'w', encoding='ascii') as f:
        f.write(f'# Each operation of tests/bench on {version},\n'
                f'# by tests/bench/linux; {bench.qemu_version()};\n'
                f'# -cpu {bench.cpu}, one processor, icount; options: {bench.options["append"]}\n')
        f.write('\t'.join(['row', *what]) + '\n')
        for name, found in figures.items():
            f.write('\t'.join([name, *(f'{found[x]:.2f}' for x in what)]) + '\n')


def main():
    import measure
    if len(sys.argv) != 3:
        sys.exit('usage: tests/bench/linux OUTPUT_DIR VMLINUZ')
    bench = measure.Bench(sys.argv[1], sys.argv[2], TUNED)
    with bench.start() as m:
        m.boot()
        version = m.check('uname -srv').strip()
    groups = list(dict.fromkeys(bench.groups().values()))
    groups.remove(WITHOUT)
    rows = bench.rows(groups)
    write(bench, version, rows)
    print(f'{STORED}: {len(rows)} rows')
    return 0

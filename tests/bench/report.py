# SPDX-License-Identifier: MIT
"""The table that "make bench" prints: what each row costs here and on Linux."""
import collections
import math

COUNTED = ('locked', 'devices', 'interrupts', 'ipis', 'cr3', 'tlb')
# What is less than this above Linux is not told: a timer's interrupt falls into one run
# and not into the other, and one yield in twenty of Linux's does not switch.
ABOVE_FACTOR, ABOVE_LEAST = 1.05, 0.02
SPREAD_FACTOR = 1.02


def number(value):
    """In as few characters as tell it."""
    if value is None:
        return '-'
    if value < 0.005:
        return '0'
    return f'{value:,.0f}' if value >= 1000 else f'{value:.{2 if value < 100 else 1}f}'


def pair(ours, linux):
    """One cell: ours/Linux's; a point if there is neither."""
    if not ours and not linux:
        return '-' if ours is None else '.'
    return number(ours) if linux is None else f'{number(ours)}/{number(linux)}'


def above(figures, linux):
    """What costs more than on Linux."""
    return [what for what in ('instructions', *COUNTED)
            if what in figures and what in linux and
            figures[what] > linux[what] * ABOVE_FACTOR + ABOVE_LEAST]


def mean(ratios):
    """The geometric mean."""
    return math.exp(sum(math.log(x) for x in ratios) / len(ratios))


def print_row(name, figures, linux, marks):
    ratio = f'{figures["instructions"] / linux["instructions"]:.3f}' if linux else ''
    cells = ' '.join(f'{pair(figures.get(what), linux.get(what)):>13}'
                     for what in COUNTED)
    print(f'{name:32} {figures["instructions"]:12,.1f} '
          f'{linux.get("instructions", 0) or "-":>12} {ratio:>6} {cells} {marks}'.rstrip())


def print_rows(rows, groups, stored):
    """rows: {name: measure.Row or None}; groups: {name: group}; stored: {name:
    figures of Linux}. "!" marks what is above Linux in any count."""
    print('Each operation; after a stroke, or in the second column, what it costs Linux.')
    print(f'{"":32} {"instructions":>12} {"Linux":>12} {"ratio":>6} ' +
          ' '.join(f'{what:>13}' for what in COUNTED))
    ratios, worse, group = collections.defaultdict(list), [], None
    for name, row in rows.items():
        if groups[name] != group:
            group = groups[name]
            print(f'{group}:')
        if row is None:
            print(f'{name:32} {"failed":>12}')
            continue
        figures, linux = row.figures(), stored.get(name, {})
        found = above(figures, linux)
        print_row(name, figures, linux, '! ' + ' '.join(found) if found else '')
        worse += [(name, what, figures[what], linux[what]) for what in found]
        if linux:
            ratios[group].append(figures['instructions'] / linux['instructions'])
    print()
    for group, values in ratios.items():
        print(f'{"geometric mean: " + group:32} {mean(values):.3f} of Linux, '
              f'{len(values)} rows, {max(values):.3f} at most')
    for name, what, ours, linux in worse:
        print(f'above Linux: {name} {what} {ours:.2f}, Linux {linux:.2f}')


def print_spread(by_seed):
    """by_seed: {seed: {name: measure.Row or None}}"""
    print('\nWhat differs by more than 2 % with the seed, and the order of the rows:')
    for name in next(iter(by_seed.values())):
        rows = [rows.get(name) for rows in by_seed.values()]
        if None in rows:
            print(f'{name:32} failed')
            continue
        figures = [row.figures() for row in rows]
        for what in figures[0]:
            values = [x[what] for x in figures]
            if max(values) > min(values) * SPREAD_FACTOR + ABOVE_LEAST:
                print(f'{name:32} {what:12} ' + ' '.join(f'{x:12,.2f}' for x in values))


def print_lines(by_cpus):
    """by_cpus: {processors: [measure.Shared]}"""
    print('\nCache lines that processors take from each other while each works by itself, an\n'
          'operation, and inter-processor interrupts:')
    print(f'{"":36} ' + ' '.join(f'{f"{cpus} CPUs":>9} {"ipis":>7}' for cpus in by_cpus))
    for row in zip(*by_cpus.values()):
        name = row[0].row + (' (threads)' if row[0].threads else '')
        print(f'{name:36} ' + ' '.join(
            f'{x.total():9.3f} {x.ipis / x.operations:7.3f}' for x in row),
            flush=True)

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Report the lines of a configuration that kconfig did not take over.

    check-config.py strict|report BEFORE AFTER

kconfig drops an unknown option without a word, and gives an option whose value
is out of range its default. BEFORE is the file as it was written by a person
or in configs/, AFTER is what kconfig made of it. An unknown option or an
invalid value is an error; a value that other options forbid is a warning.
With "report" all are warnings. Run in the source tree.
"""
import difflib
import re
import sys

LINE = re.compile(r'(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)$')


def read_kconfig(path, symbols, seen):
    """Collect {name: {type, ranges, prompt}} from a Kconfig file and all that it sources."""
    if path in seen:
        return
    seen.add(path)
    current = None
    in_help = False
    with open(path, encoding='utf-8') as f:
        for line in f:
            words = line.split()
            if in_help and (not words or line[0].isspace() and
                            len(line) - len(line.lstrip()) > 0 and
                            line.expandtabs(8).startswith(' ' * 10)):
                continue
            in_help = False
            if not words or words[0].startswith('#'):
                continue
            if words[0] in ('config', 'menuconfig'):
                current = symbols.setdefault(
                    words[1], {'type': None, 'ranges': [], 'depends': []})
            elif words[0] == 'source':
                read_kconfig(words[1].strip('"'), symbols, seen)
            elif words[0] in ('help', '---help---'):
                in_help = True
            elif current is None:
                continue
            elif words[0] in ('bool', 'tristate', 'int', 'hex', 'string'):
                current['type'] = words[0]
            elif words[0] in ('def_bool', 'def_tristate'):
                current['type'] = words[0][4:]
            elif words[0] == 'range':
                current['ranges'].append((words[1], words[2]))
            elif words[0] == 'depends':
                current['depends'].append(' '.join(words[2:]))
            elif words[0] in ('menu', 'endmenu', 'if', 'endif', 'choice',
                              'endchoice', 'comment'):
                current = None


def read_config(path):
    """Return [(line number, name, value)]; complain about what is neither."""
    found, bad = [], []
    with open(path, encoding='utf-8', errors='replace') as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            match = LINE.match(line)
            if match and match[1]:
                found.append((number, match[1], match[2]))
            elif match:
                found.append((number, match[3], 'n'))
            elif line and not line.startswith('#'):
                bad.append((number, line))
    return found, bad


def invalid(symbol, value):
    """Say why value is not one of symbol's type and range, or return None."""
    kind = symbol['type']
    if kind == 'bool' and value not in ('y', 'n'):
        return 'must be y or n' + (', not m: it is no driver'
                                   if value == 'm' else '')
    if kind == 'tristate' and value not in ('y', 'm', 'n'):
        return 'must be y, m or n'
    if kind == 'string' and not re.match(r'".*"$', value):
        return 'must be in double quotes'
    if kind in ('int', 'hex'):
        base = 16 if kind == 'hex' else 10
        try:
            number = int(value, base)
        except ValueError:
            return f'must be a {"hexadecimal" if base == 16 else "decimal"} number'
        for low, high in symbol['ranges']:
            try:
                if not int(low, base) <= number <= int(high, base):
                    return f'must be from {low} to {high}'
            except ValueError:
                pass            # a bound that is another option
    return None


def main():
    mode, before, after = sys.argv[1:]
    symbols = {}
    read_kconfig('Kconfig', symbols, set())
    lines, junk = read_config(before)
    result = {name: value for _, name, value in read_config(after)[0]}
    shown = before[:-7] if before.endswith('.before') else before
    errors, warnings = [], []

    for number, line in junk:
        errors.append(f'{shown}:{number}: "{line}" is not a setting')
    last = {name: number for number, name, _ in lines}
    for number, name, value in lines:
        if name not in symbols:
            near = difflib.get_close_matches(name, symbols, 1)
            hint = f'; did you mean CONFIG_{near[0]}?' if near else ''
            errors.append(f'{shown}:{number}: CONFIG_{name}: '
                          f'there is no such option{hint}')
            continue
        why = invalid(symbols[name], value)
        if why:
            errors.append(f'{shown}:{number}: CONFIG_{name}={value}: {why}')
        elif last[name] != number:
            warnings.append(f'{shown}:{number}: CONFIG_{name} is set again in '
                            f'line {last[name]}, which wins')
        elif result.get(name, 'n') != value and not (
                symbols[name]['type'] == 'hex' and name in result and
                int(result[name], 16) == int(value, 16)):
            got = result.get(name, 'n')
            because = symbols[name]['depends']
            because = (f' (it depends on {" && ".join(because)})' if because
                       else ' (other options decide it)')
            warnings.append(f'{shown}:{number}: CONFIG_{name}={value}: '
                            f'cannot be, it becomes {got}{because}')

    for text in errors:
        print(('error: ' if mode == 'strict' else 'warning: ') + text,
              file=sys.stderr)
    for text in warnings:
        print('warning: ' + text, file=sys.stderr)
    if errors and mode == 'strict':
        print("Correct the file, or let 'make olddefconfig' drop these lines.",
              file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

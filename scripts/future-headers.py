#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write the headers of the driver API as a later level may have them.

    future-headers.py FROM TO

FROM contains banos/*.h and uapi/banos.h, TO receives the same files. Each struct that begins with its
size has grown by a field at its end: "future", a method in tables of methods (whose names end in
_ops) and 64 bits in all others. Nothing else changes; the sizes at level 1 stay what they are.
"""
import glob
import os
import re
import sys

STRUCT = re.compile(r'^(struct (\w+) \{\n(?:\s*/\*(?:(?!\*/).)*\*/)*\s*(?:uint32_t|u32) size\b.*?)^\}',
                    re.S | re.M)
# A head that is followed by a text.
NEVER_GROW = {'banos_signature_record'}


def grown(match):
    body, name = match.groups()
    if name in NEVER_GROW:
        return match[0]
    field = 'int64_t (*future)(void)' if name.endswith('_ops') else \
        'u64 future' if name == 'banos_query' else 'uint64_t future'
    return f'{body}\t{field};\n}}'


def main():
    source, target = sys.argv[1:]
    for path in [*glob.glob(f'{source}/banos/*.h'), f'{source}/uapi/banos.h']:
        with open(path, encoding='utf-8') as f:
            text = f.read()
        out = os.path.join(target, os.path.relpath(path, source))
        os.makedirs(os.path.dirname(out), exist_ok=True)
        with open(out, 'w', encoding='utf-8') as f:
            f.write(STRUCT.sub(grown, text))


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print compile_commands.json from the commands that a build recorded.

    gen-compile-commands.py OUTPUT_DIR
"""
import json
import os
import re
import sys

RECORD = re.compile(r'savedcmd_(\S+) := (.*)')


def main():
    entries = []
    for folder, _, files in sorted(os.walk(sys.argv[1])):
        for name in sorted(files):
            if not name.endswith('.o.cmd'):
                continue
            with open(os.path.join(folder, name), encoding='utf-8') as f:
                match = RECORD.match(f.readline())
            if not match:
                continue
            command = (match[2].replace('$(pound)', '#').replace('$$', '$')
                       .split(';')[0].strip())
            source = command.split()[-1]
            if source.endswith(('.c', '.S')):
                entries.append({'directory': os.getcwd(), 'file': source,
                                'output': match[1], 'command': command})
    json.dump(entries, sys.stdout, indent=1)
    print()


if __name__ == '__main__':
    main()

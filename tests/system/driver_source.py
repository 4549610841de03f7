# SPDX-License-Identifier: MIT
"""Drivers of a few lines, compiled as their authors would."""
import os
import subprocess
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
FLAGS = ('-DBANOS_CFLAGS=1 -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel '
         '-mno-red-zone -mgeneral-regs-only -fno-stack-protector '
         '-fcf-protection=branch -fno-omit-frame-pointer '
         '-fno-asynchronous-unwind-tables -Wall -Wextra -Werror '
         '-Wno-unused-parameter').split()


def compiled(code, *folders_of_headers):
    """The bytes of the driver file."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/a.c', 'w', encoding='utf-8') as f:
            f.write(code)
        subprocess.run(['gcc', f'-I{SOURCE}/include', *(f'-I{x}' for x in folders_of_headers or [SOURCE]),
                        *FLAGS, '-c', f'{folder}/a.c', '-o', f'{folder}/a.o'], check=True)
        with open(f'{folder}/a.o', 'rb') as f:
            return f.read()

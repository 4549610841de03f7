# SPDX-License-Identifier: MIT
"""gdb and a machine, as "make debug" starts them, for a script of commands."""
import os
import subprocess

import machine as machines

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
# Neither may outlive a test that is stuck: QEMU has a session of its own.
LIMIT_S = 60


def gdb(scratch, commands, append='', initrd=None, cpus=2):
    """What gdb and the machine printed."""
    script, qemu = scratch / 'commands', scratch / 'qemu'
    script.write_text('\n'.join(commands) + '\n')
    qemu.write_text('#!/bin/sh\n'
                    f'exec timeout -k 1 {int(LIMIT_S * machines.SLOWER)} '
                    'qemu-system-x86_64 "$@"\n')
    qemu.chmod(0o755)
    # A path of a socket may not be long: from the top folder.
    result = subprocess.run(
        ['timeout', '-k', '1', str(int(LIMIT_S * machines.SLOWER) + 5),
         'sh', 'scripts/qemu.sh', os.path.relpath(machines.BUILD, TOP),
         'debug'], cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, encoding='utf-8',
        errors='replace', env=dict(
            os.environ, QEMU=str(qemu), SMP=str(cpus),
            INITRD=str(initrd or machines.INITRAMFS),
            APPEND=f'qemu_exit {append}',
            QEMU_ARGS='-device isa-debug-exit,iobase=0xf4,iosize=4',
            GDB_ARGS=f'-batch -x {script}'))
    return result.stdout

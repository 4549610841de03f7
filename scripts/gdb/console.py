#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""This terminal, for a machine whose serial line is a socket.

    console.py SOCKET

All keys go to the machine, Ctrl-C too; Ctrl-] leaves.
"""
import os
import select
import socket
import sys
import termios
import tty

LEAVE = b'\x1d'


def talk(link):
    while True:
        ready, _, _ = select.select([link, 0], [], [])
        if link in ready:
            said = link.recv(4096)
            if not said:
                return
            os.write(1, said)
        if 0 in ready:
            keys = os.read(0, 1024)
            if not keys or LEAVE in keys:
                return
            link.sendall(keys)


def main():
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(sys.argv[1])
    except OSError as error:
        sys.exit(f'{sys.argv[1]}: {error.strerror}: is "make debug" running?')
    saved = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        if saved:
            print('Ctrl-] leaves.', flush=True)
            tty.setraw(0)
        talk(link)
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)


if __name__ == '__main__':
    main()

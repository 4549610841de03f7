# SPDX-License-Identifier: MIT
"""banos-check under sanitizers, many runs in one process (many.c)."""
import os
import subprocess

BUILD = os.environ.get('BANOS_BUILD') or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..', 'build')
PROGRAM = os.path.join(BUILD, 'tests', 'banos-check')


class Checker:
    """Ask it with run(). close(), or the end of a "with", fails if anything leaked."""

    def __init__(self):
        self.process = None

    def start(self):
        self.process = subprocess.Popen([PROGRAM, '--many'], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words):
        """Return (status, what it said, as bytes)."""
        line = '\x1f'.join(str(x) for x in words)
        assert '\n' not in line
        if not self.process:
            self.start()
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()
        said = b''
        while (read := self.process.stdout.readline()):
            said += read
            text, mark, status = said.rpartition(b'\x1e')
            if mark and status.strip().isdigit():
                return int(status), text
        self.close()
        raise AssertionError(f'{words}: ended too early, after {said.decode(errors="replace")}')

    def close(self):
        process, self.process = self.process, None
        if process:
            _, errors = process.communicate(timeout=120)
            assert not process.returncode and not errors, errors.decode(errors='replace')

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

# SPDX-License-Identifier: MIT
"""Programs of the host's Debian, with the libraries they load, for an archive."""
import os
import stat
import subprocess

import archive


def installed(*paths):
    return all(os.path.exists(x) for x in paths)


def libraries(path):
    """What the dynamic linker maps for a program or a library."""
    result = subprocess.run(['ldd', path], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.DEVNULL, timeout=20)
    return [word for word in result.stdout.split() if word.startswith('/')]


def collect(paths, leave_out=()):
    """{name in the archive: entry}: files, folders with all below, links and
    where they lead, and the libraries of each that is ELF."""
    entries, todo = {}, list(paths)
    while todo:
        path = todo.pop()
        name = path.lstrip('/')
        if name in entries or path in leave_out or not os.path.lexists(path):
            continue
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            target = os.readlink(path)
            entries[name] = archive.symlink(name, target)
            todo.append(os.path.normpath(
                os.path.join(os.path.dirname(path), target)))
        elif stat.S_ISDIR(mode):
            entries[name] = archive.folder(name)
            todo += [os.path.join(path, x) for x in os.listdir(path)]
        elif stat.S_ISREG(mode):
            with open(path, 'rb') as f:
                data = f.read()
            entries[name] = archive.file(name, data, stat.S_IMODE(mode))
            if data.startswith(b'\x7fELF'):
                todo += libraries(path)
    return entries

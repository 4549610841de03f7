# SPDX-License-Identifier: MIT
"""cpio archives in the newc format, written here, so that a test can make any.

GNU cpio makes the archive that is shipped; tests/system/test_initramfs.py
takes archives of GNU cpio, too. Source: cpio(5).
"""
import stat


class Entry:
    """One file of an archive."""

    def __init__(self, name, mode, data=b'', uid=0, gid=0, rdev=(0, 0),
                 mtime=0, ino=None, nlink=1):
        self.name, self.mode, self.data = name, mode, data
        self.uid, self.gid, self.rdev = uid, gid, rdev
        self.mtime, self.ino, self.nlink = mtime, ino, nlink


def file(name, data, mode=0o644, **more):
    data = data.encode() if isinstance(data, str) else data
    return Entry(name, stat.S_IFREG | mode, data, **more)


def folder(name, mode=0o755, **more):
    return Entry(name, stat.S_IFDIR | mode, nlink=2, **more)


def symlink(name, target, **more):
    return Entry(name, stat.S_IFLNK | 0o777, target.encode(), **more)


def chardev(name, major, minor, mode=0o600, **more):
    return Entry(name, stat.S_IFCHR | mode, rdev=(major, minor), **more)


def pad(data):
    return data + b'\0' * (-len(data) % 4)


def record(entry, ino, checksum=None):
    """An entry; of the format with checksums where one is given."""
    name = entry.name.encode() + b'\0'
    fields = (ino, entry.mode, entry.uid, entry.gid, entry.nlink, entry.mtime,
              len(entry.data), 0, 0, *entry.rdev, len(name), checksum or 0)
    magic = b'070701' if checksum is None else b'070702'
    header = magic + b''.join(b'%08X' % x for x in fields)
    return pad(header + name) + pad(entry.data)


def cpio(entries):
    """An archive as bytes, a multiple of 512 long."""
    out = b''.join(record(e, e.ino if e.ino is not None else 1000 + i)
                   for i, e in enumerate(entries))
    out += record(Entry('TRAILER!!!', 0), 0)
    return out + b'\0' * (-len(out) % 512)


def tree(files):
    """Entries for {path: text or bytes or Entry}, with the folders above."""
    entries, made = [], set()
    for path, content in files.items():
        parts = path.strip('/').split('/')
        for depth in range(1, len(parts)):
            above = '/'.join(parts[:depth])
            if above not in made:
                made.add(above)
                entries.append(folder(above))
        name = '/'.join(parts)
        if isinstance(content, Entry):
            content.name = name
            entries.append(content)
        else:
            script = content[:2] in ('#!', b'#!') or content[:4] == b'\x7fELF'
            entries.append(file(name, content, 0o755 if script else 0o644))
    return entries

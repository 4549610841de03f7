# SPDX-License-Identifier: MIT
"""What is on a disk if the machine stops at any moment.

QEMU's blklogwrites records each write and flush of a disk (the format is that of dm-log-writes).
Between two flushes a disk may keep any of the writes. States are made of such records: each prefix,
and some choices of what was not flushed. A model says what each must and may have.

Workloads are operations over two folders and two files (operations()). What files get is cells of 16
bytes, "<file, version:place>", so that each byte tells where it belongs; what is free on the disk is
filled with POISON before. The model keeps a state for each number of operations done. Of a state of the disk
in which `done` operations were over, and `kept` of them are known to be synced, those from kept to done + 1 count:

- a name, a file or bytes that are the same in all of them are there;
- any other name is one that one of them has, and leads to a file that it leads to there;
- any other bytes are the file's own, or zeroes.
"""
import itertools
import random
import re
import struct

SECTOR = 512
POISON = 0xee
END = 0x7fffffff
BLOCK_MAX = 4096
CELL = re.compile(rb'<(.)([0-9a-f]{2}):([0-9a-f]{10})>')

# ---------------------------------------------------------------------
# The record


class Write:
    def __init__(self, sector, data, is_fua):
        self.offset, self.data, self.is_fua = sector * SECTOR, data, is_fua


FLUSH = object()


def read_log(path):
    """Writes and FLUSH, in their order."""
    with open(path, 'rb') as f:
        magic, version, count, size = struct.unpack('<QQQI', f.read(28))
        assert magic == 0x6a736677736872 and version == 1, (hex(magic), version)
        f.seek(size)
        for _ in range(count):
            sector, sectors, flags, _ = struct.unpack('<QQQQ', f.read(32))
            f.seek(size - 32, 1)
            if flags & 1:
                yield FLUSH
            if flags & 4:
                continue                        # discarded: what is there may stay
            if sectors:
                data = f.read(sectors * size)
                yield Write(sector * size // SECTOR, data, flags & 2)


# ---------------------------------------------------------------------
# The model

class File:
    """A file of the model: its content, which versions may stand in it."""

    def __init__(self, name, data=b''):
        self.name, self.data = name, data


def cells(name, version, offset, length):
    return b''.join(b'<%c%02x:%010x>' % (name, version, at) for at in range(offset, offset + length, 16))


FOLDER = 'folder'


class Tree:
    """Paths to FOLDER or to the name of a file; files by name."""

    def __init__(self):
        self.paths = {'A': FOLDER, 'B': FOLDER, 'A/sub': FOLDER, 'A/foo': 'a', 'B/bar': 'b'}
        self.files = {'a': cells(ord('a'), 0, 0, 3008), 'b': cells(ord('b'), 0, 0, 14016)}

    def copy(self):
        other = Tree()
        other.paths, other.files = dict(self.paths), dict(self.files)
        return other

    def file(self, path):
        found = self.paths.get(path)
        return None if found in (None, FOLDER) else found

    def children(self, path):
        return [x for x in self.paths if x.startswith(path + '/')]


def operations():
    """Verb and arguments."""
    both = ('A/foo', 'B/bar')
    for path in both:
        yield 'write', path, 0, 2048
        yield 'write', path, 1024, 16
        yield 'write', path, 20480, 1040
        yield 'write', path, 40000, 16
        yield 'append', path, 512
        yield 'append', path, 9008
        yield 'truncate', path, 0
        yield 'truncate', path, 1520
        yield 'truncate', path, 30000
        yield 'unlink', path
        yield 'fsync', path
        yield 'fdatasync', path
    for path in ('A/new', 'B/new'):
        yield 'create', path
    yield from (('rename', *pair) for pair in (
        ('A/foo', 'B/bar'), ('B/bar', 'A/foo'), ('A/foo', 'B/foo'), ('B/bar', 'B/baz'), ('A/sub', 'B/sub'),
        ('A/sub', 'A/dir'), ('A/foo', 'A/new'), ('A', 'C')))
    yield from (('link', *pair) for pair in (('A/foo', 'B/link'), ('B/bar', 'A/link'), ('A/foo', 'A/link')))
    yield from (('mkdir', path) for path in ('B/sub', 'A/dir', 'C'))
    yield from (('rmdir', path) for path in ('A/sub', 'B'))
    yield from (('fsync', path) for path in 'AB')
    yield ('sync',)


def apply(tree, operation, version):
    """@return the tree behind it (None: it fails), and the operation as text"""
    verb, *rest = operation
    tree, path = tree.copy(), rest[0] if rest else None
    name, found = tree.file(path), tree.paths.get(path)
    text = ' '.join(str(x) for x in operation)
    good = True
    if verb in ('write', 'append', 'truncate'):
        good = name is not None
        data = tree.files.get(name, b'')
    if verb in ('write', 'append') and good:
        offset, length = rest[1:] if verb == 'write' else (len(data), rest[1])
        data = data.ljust(offset, b'\0')
        tree.files[name] = data[:offset] + cells(ord(name), version, offset, length) + data[offset + length:]
        text = f'{verb} {path} {offset} {length} {name} {version:x}'
    elif verb in ('write', 'append'):
        text = f'{verb} {path} 0 16 x 0'
    elif verb == 'truncate' and good:
        tree.files[name] = data[:rest[1]].ljust(rest[1], b'\0')
    elif verb == 'create':
        good = found is None
        tree.paths[path] = new = 'cdefg'[version]
        tree.files[new] = b''
    elif verb == 'mkdir':
        good = found is None
        tree.paths[path] = FOLDER
    elif verb == 'unlink':
        good = name is not None
        tree.paths.pop(path, None)
    elif verb == 'rmdir':
        good = found == FOLDER and not tree.children(path)
        tree.paths.pop(path, None)
    elif verb == 'link':
        good = name is not None and rest[1] not in tree.paths
        tree.paths[rest[1]] = name
    elif verb == 'rename':
        good = rename(tree, *rest)
    elif verb in ('fsync', 'fdatasync'):
        good = found is not None
    above = [x.rpartition('/')[0] for x in rest if isinstance(x, str)]
    if any(x and x not in tree.paths for x in above if verb != 'rename'):
        good = False
    return tree if good else None, text


def rename(tree, old, new):
    moved, there = tree.paths.get(old), tree.paths.get(new)
    folder = new.rpartition('/')[0]
    if moved is None or (folder and tree.paths.get(folder) != FOLDER) or (there == FOLDER) != (moved == FOLDER) \
            and there is not None or there == FOLDER and tree.children(new):
        return False
    if moved == there and moved != FOLDER:      # two names of one file: nothing happens
        return True
    for path in [old, *tree.children(old)]:
        tree.paths[new + path[len(old):]] = tree.paths.pop(path)
    return True


class Workload:
    """Operations, and the model's states: trees[i] behind i of them."""

    def __init__(self, *chosen):
        self.operations, self.trees, self.texts, self.fails = chosen, [Tree()], [], []
        for version, operation in enumerate(chosen, 1):
            tree, text = apply(self.trees[-1], operation, version)
            self.fails.append(tree is None)
            self.trees.append(tree or self.trees[-1])
            self.texts.append(text)

    def text(self):
        return ';'.join(self.texts)

    def kept(self, done):
        """What is synced when `done` operations are over: the state of all, of single paths, of single files."""
        everything, paths, files = 0, {}, {}
        for i in range(done):
            verb, *rest = self.operations[i]
            tree = self.trees[i + 1]
            if self.fails[i]:
                continue
            if verb == 'sync':
                everything = i + 1
            elif verb in ('fsync', 'fdatasync') and tree.file(rest[0]):
                files[tree.file(rest[0])] = i + 1
            elif verb == 'fsync':
                paths.update({x: i + 1 for x in tree.children(rest[0])})
        return everything, paths, files


def workloads(has_links=True):
    every = [x for x in operations() if has_links or x[0] != 'link']
    yield from (Workload(x) for x in every)
    yield from (Workload(*pair) for pair in itertools.product(every, repeat=2))


# ---------------------------------------------------------------------
# A reader of ext2: one group, no features that move anything

class Ext2:
    def __init__(self, image):
        self.image = image
        self.block = 1024 << struct.unpack_from('<I', image, 1024 + 24)[0]
        first = struct.unpack_from('<I', image, 1024 + 20)[0]
        self.inode_bytes = struct.unpack_from('<H', image, 1024 + 88)[0]
        self.inodes = struct.unpack_from('<I', image, 1024)[0]
        self.table = struct.unpack_from('<I', image, (first + 1) * self.block + 8)[0] * self.block

    def inode(self, number):
        at = self.table + (number - 1) * self.inode_bytes
        return self.image[at:at + 128]

    def blocks(self, number, levels):
        if not number:
            yield from itertools.repeat(0, (self.block // 4) ** levels)
        elif not levels:
            yield number
        else:
            for x in struct.unpack_from(f'<{self.block // 4}I', self.image, number * self.block):
                yield from self.blocks(x, levels - 1)

    def content(self, inode):
        size, data = struct.unpack_from('<I', inode, 4)[0], bytearray()
        pointers = struct.unpack_from('<15I', inode, 40)
        for block in itertools.chain(pointers[:12], *(self.blocks(pointers[11 + x], x) for x in (1, 2))):
            if len(data) >= size:
                break
            data += self.image[block * self.block:(block + 1) * self.block] if block else bytes(self.block)
        return bytes(data[:size])

    def walk(self, number=2, above=''):
        """{path: FOLDER or content}"""
        found, data, at = {}, self.content(self.inode(number)), 0
        while at < len(data):
            child, length, name_length = struct.unpack_from('<IHB', data, at)
            name = data[at + 8:at + 8 + name_length].decode()
            at += length
            if not child or name in ('.', '..') or name == 'lost+found' and not above:
                continue
            inode = self.inode(child)
            if struct.unpack_from('<H', inode)[0] & 0xf000 == 0x4000:
                found[above + name] = FOLDER
                found.update(self.walk(child, f'{above}{name}/'))
            else:
                found[above + name] = self.content(inode)
        return found

    @staticmethod
    def without_times(image):
        """An image in which times and generations are equal, so that states can be compared."""
        image, fs = bytearray(image), Ext2(image)
        for field, length in ((44, 8), (52, 2), (264, 4)):
            image[1024 + field:1024 + field + length] = bytes(length)
        for number in range(1, fs.inodes + 1):
            at = fs.table + (number - 1) * fs.inode_bytes
            image[at + 8:at + 20] = bytes(12)
            image[at + 100:at + 104] = bytes(4)
            if any(image[at + 20:at + 24]):
                image[at + 20:at + 24] = b'\1\0\0\0'
            if fs.inode_bytes > 128:
                image[at + 132:at + 152] = bytes(20)
        return bytes(image)


# ---------------------------------------------------------------------
# A reader of FAT12 and FAT16, as it is without fsck.fat: of two names of a file that would cut one

class Fat:
    def __init__(self, image):
        self.image = image
        sector, sectors, reserved, tables, roots = struct.unpack_from('<HBHBH', image, 11)
        per_table = struct.unpack_from('<H', image, 22)[0]
        self.cluster = sectors * sector
        self.table = reserved * sector
        self.root = self.table + tables * per_table * sector
        self.data = self.root + roots * 32
        self.is_16 = (len(image) - self.data) // self.cluster >= 4085

    def next(self, cluster):
        if self.is_16:
            return struct.unpack_from('<H', self.image, self.table + 2 * cluster)[0]
        value = struct.unpack_from('<H', self.image, self.table + cluster * 3 // 2)[0]
        return value >> 4 if cluster & 1 else value & 0xfff

    def chain(self, cluster):
        data = bytearray()
        while 2 <= cluster < (0xfff0 if self.is_16 else 0xff0) and len(data) < len(self.image):
            at = self.data + (cluster - 2) * self.cluster
            data += self.image[at:at + self.cluster]
            cluster = self.next(cluster)
        return bytes(data)

    def walk(self, data=None, above=''):
        """{path: FOLDER or content}"""
        found, long = {}, {}
        data = self.image[self.root:self.data] if data is None else data
        for at in range(0, len(data), 32):
            entry = data[at:at + 32]
            if not entry[0]:
                break
            if entry[11] & 0x3f == 0xf and entry[0] != 0xe5:
                units = entry[1:11] + entry[14:26] + entry[28:32]
                long[entry[0] & 0x3f] = units.decode('utf-16-le', 'replace')
                continue
            name = entry[:8].decode('latin-1').rstrip()
            if long:
                name = ''.join(long[x] for x in sorted(long)).partition('\0')[0]
            elif entry[12] & 8:
                name = name.lower()
            long = {}
            if entry[0] in b'\xe5.' or entry[11] & 8:
                continue
            content = self.chain(struct.unpack_from('<H', entry, 26)[0])
            if entry[11] & 0x10:
                found[above + name] = FOLDER
                if above.count('/') < 8:
                    found.update(self.walk(content, f'{above}{name}/'))
            else:
                found[above + name] = content[:struct.unpack_from('<I', entry, 28)[0]]
        return found

    @staticmethod
    def without_times(image):
        """Times lie between what matters: states are compared with them."""
        return bytes(image)


# ---------------------------------------------------------------------
# The states of the disk

class State:
    """An image, and how many operations were over when it may have been left so: the least and the most."""

    def __init__(self, workload, image, done, what):
        self.workload, self.image, self.first, self.last, self.what = workload, image, done, done, what


def run_states(log, base, script, choices, kind=Ext2, seed=0):
    """For each workload of a record the states that a crash may leave: (workload, [State]), or what went wrong."""
    size, rng = len(base), random.Random(seed)
    disk, events, started = bytearray(base), None, False
    for event in log:
        is_mark = isinstance(event, Write) and event.offset == size
        if not is_mark:
            if events is not None:
                events.append(event)
            elif event is not FLUSH:            # made equal to the base again
                disk[event.offset:event.offset + len(event.data)] = event.data
            continue
        magic, number, done, result = struct.unpack_from('<8sIIi', event.data)
        assert magic == b'BANOSMRK'
        if done == 0:
            assert bytes(disk[:size]) == base, f'workload {number} does not begin with the base'
            events, started = [], True
        elif events is None:
            continue
        elif done == END:
            yield script[number], states_of(script[number], base, events, choices, rng, disk, kind)
            events = None
        else:
            if (result < 0) != script[number].fails[done - 1]:
                yield script[number], f'operation {done} results in {result}'
                events = None
                continue
            events.append(done)
    assert started and events is None, 'the record ends in the middle'


def states_of(workload, base, events, choices, rng, disk, kind):
    found, done, pending = {}, 0, []
    flushed = bytearray(base)

    def state(image, what):
        image = kind.without_times(image)
        known = found.setdefault(image, State(workload, image, done, what))
        known.first, known.last = min(known.first, done), max(known.last, done)

    def with_writes(writes):
        image = bytearray(flushed)
        for write in writes:
            image[write.offset:write.offset + len(write.data)] = write.data
        return image

    def reordered(what):
        for i in range(min(choices, 2 ** len(pending))):
            if i == 0:
                chosen = pending[-1:]
            else:
                chosen = [x for x in pending if rng.random() < 0.5]
            state(with_writes(chosen), f'{what}, {len(chosen)} of {len(pending)} writes')

    for number, event in enumerate(events):
        if event is FLUSH:
            reordered(f'event {number}')
            flushed, pending = with_writes(pending), []
        elif isinstance(event, int):
            done = event
            state(with_writes(pending), f'event {number}')
            reordered(f'event {number}')
        else:
            pending.append(event)
            state(with_writes(pending), f'event {number}')
    disk[:] = with_writes(pending)
    return list(found.values())


# ---------------------------------------------------------------------
# What must and may be there

def cells_belong(data, names, what):
    for at in range(0, len(data), 16):
        cell = data[at:at + 16]
        if not any(cell):
            continue
        match = CELL.match(cell)
        if not match and at + 16 > len(data):   # cut
            continue
        if not match or match[1].decode() not in names or int(match[3], 16) != at:
            return f'{what} has {cell!r} at {at}'
    return None


def content_fits(data, contents, name, what):
    """Is it of a file that had these contents?"""
    if all(x == contents[0] for x in contents):
        if data != contents[0]:
            at = next((i for i, x in enumerate(zip(data, contents[0])) if x[0] != x[1]), min(len(data), len(contents[0])))
            return f'{what} is not file {name} as it was synced: {len(data)} bytes, not {len(contents[0])}; ' \
                   f'from {at} on {data[at:at + 20]!r}'
        return None
    # e2fsck sets a size that is smaller than what has blocks to the end of these.
    if len(data) > -(-max(map(len, contents)) // BLOCK_MAX) * BLOCK_MAX or len(data) < min(map(len, contents)):
        return f'{what} has {len(data)} bytes, as file {name} never had'
    for at in range(0, min(map(len, contents)), 16):
        cell = {x[at:at + 16] for x in contents}
        if len(cell) == 1 and data[at:at + 16] not in cell:
            return f'{what}: {data[at:at + 16]!r} at {at} is not what file {name} had before and behind'
    return cells_belong(data, {name}, what)


def names_of(workload, path):
    """A path, and what it was before the folder above was renamed: of two renames the second one may be kept alone."""
    yield path
    for tree, (verb, *rest) in zip(workload.trees, workload.operations):
        if verb == 'rename' and tree.paths.get(rest[0]) == FOLDER and path.startswith(rest[1] + '/'):
            yield rest[0] + path[len(rest[1]):]


def wrong(workload, done, found):
    """What a tree that was found has and must not have, or lacks; None: nothing."""
    last = min(done + 1, len(workload.operations))
    everything, paths, files = workload.kept(done)
    trees = workload.trees

    def since(name):
        return trees[max(everything, files.get(name, 0)):last + 1]

    for path, is_there in found.items():
        leads = {tree.paths[x] for x in names_of(workload, path) for tree in trees[everything:last + 1]
                 if x in tree.paths}
        if not leads:
            return f'{path} is there'
        if is_there == FOLDER or leads == {FOLDER}:
            if is_there != FOLDER or FOLDER not in leads:
                return f'{path} is something else'
            continue
        reasons = [content_fits(is_there, [x.files[name] for x in since(name) if name in x.files], name, path)
                   for name in leads - {FOLDER}]
        if all(reasons):
            return reasons[0]
    for path in set().union(*(tree.paths for tree in trees)):
        must = trees[max(everything, paths.get(path, 0)):last + 1]
        names = {tree.paths.get(path) for tree in must}
        if None not in names and path not in found:
            return f'{path} is missing'
    for name in set().union(*(tree.files for tree in trees)):
        must = since(name)
        if not all(name in tree.paths.values() for tree in must):
            continue
        held = {x for tree in must for x, leads in tree.paths.items() if leads == name}
        contents = [tree.files[name] for tree in must]
        if not any(is_there != FOLDER and held.intersection(names_of(workload, x)) and
                   not content_fits(is_there, contents, name, x) for x, is_there in found.items()):
            return f'file {name} is at none of {sorted(held)}'
    return None

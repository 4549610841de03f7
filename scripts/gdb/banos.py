# SPDX-License-Identifier: MIT
"""What gdb should know about Banos. "make debug" loads this file.

    banos threads           all threads: state, processor, where they are
    banos bt TID|NAME|all   the stack of a thread, asleep or running
    banos cpus              each processor, and what it runs
    banos memory            pages: free by order, by use
    banos heap              the caches of kmalloc()
    banos log [LINES]       the end of the kernel log
    banos drivers           installed drivers; loads their symbols
    $cpu(N)                 struct cpu of processor N
    $thread(TID)            struct thread, by TID or "name"

Symbols of drivers come by themselves, from the .ko files beside the kernel:
before a driver's init function runs, so that a breakpoint in it works, and
whenever gdb stops. It is read only: nothing here changes the machine.
"""
import os

import gdb

LOAD_PARTS = 3
PAGE = 4096


# ---------------------------------------------------------------------------
# Reading the kernel's data

def value(expression):
    return gdb.parse_and_eval(expression)


def static(file, name):
    """A variable of one source file."""
    return value(f"'{file}'::{name}")


def text(characters):
    """A char array or pointer up to its NUL."""
    return characters.string(errors='replace')


def entries(head, type_name, member):
    """The objects in a struct list, given its head."""
    kind = gdb.lookup_type(type_name)
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == member)
    start, at = int(head.address), head['next']
    while int(at) not in (0, start):
        yield gdb.Value(int(at) - offset).cast(kind.pointer())
        at = at['next']


def cpus():
    table = value('cpus')
    for i in range(int(value('cpu_count'))):
        if int(table[i]):
            yield i, table[i]


def all_threads():
    """Every thread: those that idle first, which are in no list."""
    idle = [int(c['idle']) for _, c in cpus() if int(c['idle'])]
    kind = gdb.lookup_type('struct thread').pointer()
    for address in idle:
        yield gdb.Value(address).cast(kind)
    lists = static('kernel/thread.c', 'thread_lists')
    for i in range(int(value('cpu_count'))):
        for t in entries(lists[i]['threads'], 'struct thread', 'all_link'):
            if int(t) not in idle:
                yield t


def number(value_or_text):
    try:
        return int(value_or_text, 0)
    except ValueError:
        return None


def find_thread(which):
    """By number or name; a list."""
    tid = number(which)
    return [t for t in all_threads()
            if which == 'all' or text(t['comm']) == which or
            (tid is not None and int(t['tid']) == tid)]


def word(address):
    memory = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(bytes(memory), 'little')


def place(address):
    """An address in words: function, file and line."""
    name = gdb.execute(f'info symbol {address:#x}', to_string=True).strip()
    if name.startswith('No symbol'):
        return f'{address:#x}'
    name = name.split(' in section')[0]
    line = gdb.find_pc_line(address)
    if line.symtab:
        name += f' ({line.symtab.filename}:{line.line})'
    return name


# ---------------------------------------------------------------------------
# Stacks

def chain(frame_pointer, top, limit=64):
    """Return addresses along the frame pointers, up to the end of a stack."""
    low = frame_pointer
    while low <= frame_pointer <= top - 16 and not frame_pointer & 7 and limit:
        back = word(frame_pointer + 8)
        if not back:
            break
        yield back
        low, frame_pointer, limit = (frame_pointer + 16, word(frame_pointer),
                                     limit - 1)


def sleeping_stack(t):
    """Where switch_stacks() left: six registers, the frame pointer last."""
    sp = int(t['ksp'])
    yield word(sp + 48)
    yield from chain(word(sp + 40), int(t['kstack_top']))


def hardware_thread(t):
    """gdb's thread (a virtual processor) that runs t, or None."""
    for i, c in cpus():
        if int(c['running']) == int(t):
            for h in gdb.selected_inferior().threads():
                if h.num == i + 1:
                    return h
    return None


def print_stack(t):
    print(f'{text(t["comm"])} ({int(t["tid"])}), {state_of(t)}:')
    hardware = hardware_thread(t)
    if hardware:
        selected = gdb.selected_thread()
        hardware.switch()
        print(gdb.execute('bt 40', to_string=True), end='')
        selected.switch()
        return
    if int(t['on_cpu']) or not int(t['ksp']):
        print('  (on its way on or off a processor)')
        return
    try:
        for address in sleeping_stack(t):
            # A return address belongs to the call before it.
            print(f'  {address:#018x} {place(address - 1)}')
    except gdb.MemoryError as error:
        print(f'  ({error})')


# Sources whose functions wait for others: of no interest where a thread is.
WAITING = ('kernel/sched.c', 'kernel/wait.c', 'kernel/mutex.c', 'kernel/rwsem.c',
           'kernel/time/timer.c')
STATES = ['runnable', 'sleeping', 'waiting', 'stopped', 'killable', 'dead']


def state_of(t):
    for i, c in cpus():
        if int(c['running']) == int(t):
            return f'running on cpu {i}'
    state = int(t['state'])
    name = STATES[state] if state < len(STATES) else str(state)
    return f'{name}, last on cpu {int(t["last_cpu"])}'


# ---------------------------------------------------------------------------
# Drivers

def mem_of(driver):
    """Where the image of a driver lies; 0: built in."""
    return int(driver['image']['mem'])


class Symbols:
    """Which drivers' symbols gdb has: {address: whether the driver has been
    seen in the kernel's list}. It enters that after its init function."""

    def __init__(self):
        self.loaded = {}

    @staticmethod
    def find_file(name):
        kernel = next((o.filename for o in gdb.objfiles() if o.filename and
                       o.filename.endswith('.elf')), None)
        top = os.path.dirname(kernel) if kernel else '.'
        for folder, _, files in os.walk(os.path.join(top, 'drivers')):
            if name + '.ko' in files:
                return os.path.join(folder, name + '.ko')
        return None

    @staticmethod
    def sections(path, driver):
        """{section: address}, laid out as banos/loader/layout.c does."""
        data = open(path, 'rb').read()

        def field(at, size):
            return int.from_bytes(data[at:at + size], 'little')

        table, size, count, names = (field(40, 8), field(58, 2), field(60, 2),
                                     field(62, 2))
        heads = [table + i * size for i in range(count)]
        strings = field(heads[names] + 24, 8)
        used, result = [0] * LOAD_PARTS, {}
        for head in heads[1:]:
            start = strings + field(head, 4)
            name = data[start:data.index(b'\0', start)].decode()
            kind, flags = field(head + 4, 4), field(head + 8, 8)
            length, align = field(head + 32, 8), field(head + 48, 8) or 1
            if not flags & 2 or kind in (7, 0x70000001) or name.startswith(
                    ('.note', '.eh_frame')) or name in ('.modinfo', '.comment'):
                continue
            relro = kind in (14, 15) or name.startswith('.data.rel.ro') or \
                name in ('.banos-driver', '.banos-export')
            part = 0 if flags & 4 else 2 if flags & 1 and not relro else 1
            at = -(-used[part] // align) * align
            used[part] = at + length
            image = driver['image']
            base = int(image['mem']) + int(image['part_offset'][part])
            # Several may have one name; gdb wants each once.
            result.setdefault(name, base + at)
        return result

    def update(self):
        """Load what is new, forget what is gone. @return drivers"""
        if not int(value('drivers')['next']):
            return []
        found = list(entries(value('drivers'), 'struct driver', 'link'))
        there = {mem_of(d) for d in found}
        for address in [a for a, seen in self.loaded.items()
                        if seen and a not in there]:
            self.forget(address)
        for d in found:
            if mem_of(d) and mem_of(d) not in self.loaded:
                self.add(d)
            if mem_of(d) in self.loaded:
                self.loaded[mem_of(d)] = True
        return found

    def forget(self, address):
        if self.loaded.pop(address, None) is not None:
            self.quiet(f'remove-symbol-file -a {address:#x}')

    @staticmethod
    def quiet(command):
        try:
            gdb.execute(command, to_string=True)
            return True
        except gdb.error as error:
            print(f'banos: {command.split()[0]}: {error}')
            return False

    def add(self, d):
        """Symbols of a driver, in place of what was at its address before."""
        path, address = self.find_file(text(d['name'])), mem_of(d)
        self.forget(address)
        if not path:
            print(f'banos: no file {text(d["name"])}.ko beside the kernel')
            return
        where = ' '.join(f'-s {name} {at:#x}' for name, at
                         in self.sections(path, d).items())
        if self.quiet(f'add-symbol-file {path} {where}'):
            self.loaded[address] = False
            print(f'banos: symbols of driver {text(d["name"])} '
                  f'at {address:#x}')


symbols = Symbols()


class DriverStarts(gdb.Breakpoint):
    """Unseen; just before the first instruction of a driver."""

    def __init__(self):
        super().__init__('driver_run_init', internal=True)
        self.silent = True

    def stop(self):
        d = gdb.selected_frame().read_var('driver')
        if mem_of(d):
            symbols.update()
            symbols.add(d)
        return False


def stopped(_):
    try:
        symbols.update()
    except gdb.error:		# before the kernel's memory is mapped
        pass


# ---------------------------------------------------------------------------
# Commands

class Banos(gdb.Command):
    """Helpers for the Banos kernel; "help banos" lists them."""

    def __init__(self):
        super().__init__('banos', gdb.COMMAND_USER, prefix=True)


class Command(gdb.Command):
    """A command "banos NAME"; run() may fail where memory can't be read."""

    def __init__(self):
        super().__init__(f'banos {type(self).__name__.lower()}',
                         gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        try:
            self.run(argument.strip())
        except gdb.MemoryError as error:
            raise gdb.GdbError(f'{error} (has the kernel started?)')


class Threads(Command):
    """All threads: number, state, name, and where those that sleep are."""

    def run(self, _):
        print(f'{"TID":>6} {"STATE":26} {"NAME":16} WHERE')
        for t in all_threads():
            where = ''
            if 'running' not in state_of(t) and not int(t['on_cpu']):
                where = next((x for x in (place(a - 1) for a
                                          in sleeping_stack(t))
                              if not any(f'({f}:' in x for f in WAITING)), '')
            print(f'{int(t["tid"]):6} {state_of(t):26} '
                  f'{text(t["comm"]):16} {where}')


class Bt(Command):
    """Stack of a thread: banos bt TID, or NAME, or all."""

    def run(self, which):
        found = find_thread(which or 'all')
        if not found:
            raise gdb.GdbError(f'no thread {which!r}: see "banos threads"')
        for t in found:
            print_stack(t)


class Cpus(Command):
    """Each processor: what it runs, its queue and its counters."""

    def run(self, _):
        print('CPU HWID ONLINE PREEMPT IRQ QUEUED   SWITCHES INTERRUPTS '
              '    FAULTS RUNNING')
        for i, c in cpus():
            running = c['running']
            queued = int(c['rq']['nr_queued']) if int(c['rq']) else 0
            print(f'{i:3} {int(c["hw_id"]):4} {int(c["online"]):6} '
                  f'{int(c["preempt_count"]):7} {int(c["irq_depth"]):3} '
                  f'{queued:6} {int(c["nr_switches"]):10} '
                  f'{int(c["nr_irqs"]):10} '
                  f'{int(c["nr_faults"]):10} '
                  f'{text(running["comm"])} ({int(running["tid"])})')


class Memory(Command):
    """Physical pages: free ones by zone and order, and what uses the rest."""

    def run(self, _):
        total = int(static('mm/page.c', 'total_pages'))
        zones = static('mm/page.c', 'zones')
        reservoir = static('mm/page.c', 'reservoir')
        untouched = sum(
            int(reservoir[i]['end'] - reservoir[i]['start']) // PAGE
            for i in range(int(static('mm/page.c', 'nr_reservoir'))))
        print(f'{total} pages of {PAGE} bytes; {untouched} never used')
        for i, name in enumerate(('below 4 GiB', 'above 4 GiB')):
            z = zones[i]
            print(f'zone {i} ({name}): {int(z["free_pages"])} free; '
                  'blocks by order:', *self.blocks(z))
        kinds = gdb.lookup_type('enum mem_account').fields()[:-1]
        sums, ready = [0] * len(kinds), 0
        pages = gdb.lookup_type('struct page_cpu').pointer()
        for _, c in cpus():
            if not int(c['slot'][0]):
                continue
            mine = c['slot'][0].cast(pages)
            ready += int(mine['count'])
            for k in range(len(kinds)):
                sums[k] += int(c['mem_accounts'][k])
        print(f'{ready} free in the processors\' stacks')
        for kind, n in zip(kinds, sums):
            print(f'{n:10} {kind.name[4:].lower()}')

    @staticmethod
    def blocks(zone):
        low, high = zone['free'].type.range()
        for order in range(low, high + 1):
            count, p = 0, zone['free'][order]
            while int(p) and count < 100000:
                count, p = count + 1, p['next']
            yield count


class Heap(Command):
    """The caches of kmalloc() and of kernel objects."""

    def run(self, _):
        caches = static('mm/heap.c', 'caches')
        print(f'{"CACHE":16} {"SIZE":>6} {"PAGES":>6} {"OBJECTS":>8} '
              'IN MAGAZINES')
        heap = gdb.lookup_type('struct heap_cpu').pointer()
        heaps = [cpu['slot'][1].cast(heap) for _, cpu in cpus()
                 if int(cpu['slot'][1])]
        for i in range(int(static('mm/heap.c', 'nr_caches'))):
            c = caches[i]
            held = sum(int(x['magazines'][i]['count']) for x in heaps)
            pages = sum(int(x['slabs'][i]['nr_pages']) for x in heaps)
            print(f'{text(c["name"]):16} {int(c["usable"]):6} {pages:6} '
                  f'{pages * int(c["per_page"]):8} {held}')


class Log(Command):
    """The kernel log, or its last lines: banos log [LINES]."""

    def run(self, argument):
        ring = static('kernel/base/printk.c', 'ring')
        size = int(ring.type.sizeof)
        memory = bytes(gdb.selected_inferior().read_memory(
            int(ring.address), size))
        at, end = (int(static('kernel/base/printk.c', x)) for x in ('tail', 'head'))
        head_size = gdb.lookup_type('struct record').sizeof

        def piece(start, length):
            start %= size
            return (memory + memory)[start:start + length]

        lines = []
        while at < end:
            record = piece(at, head_size)
            stamp = int.from_bytes(record[:8], 'little')
            length = int.from_bytes(record[8:10], 'little')
            words = piece(at + head_size, length).decode(errors='replace')
            lines.append(f'[{stamp // 10**9:5}.{stamp // 1000 % 10**6:06}] '
                         f'{words}')
            at += head_size + (length + 7) // 8 * 8
        print('\n'.join(lines[-(number(argument or '') or len(lines)):]))


class Drivers(Command):
    """Installed and built-in drivers; loads symbols that are missing."""

    def run(self, _):
        print(f'{"ID":>4} {"NAME":24} {"BYTES":>8} ADDRESS')
        for d in symbols.update():
            where = f'{mem_of(d):#x}' if mem_of(d) else 'built in'
            print(f'{int(d["id"]):4} {text(d["name"]):24} '
                  f'{int(d["image"]["npages"]) * PAGE:8} {where}')


class CpuFunction(gdb.Function):
    """$cpu(N): struct cpu of processor N."""

    def __init__(self):
        super().__init__('cpu')

    def invoke(self, n):
        return value('cpus')[int(n)].dereference()


class ThreadFunction(gdb.Function):
    """$thread(TID) or $thread("name"): struct thread."""

    def __init__(self):
        super().__init__('thread')

    def invoke(self, which):
        name = str(int(which)) if which.type.code == gdb.TYPE_CODE_INT \
            else which.string()
        found = find_thread(name)
        if not found:
            raise gdb.GdbError(f'no thread {name}')
        return found[0].dereference()


for kind in (Banos, Threads, Bt, Cpus, Memory, Heap, Log, Drivers,
             CpuFunction, ThreadFunction, DriverStarts):
    kind()
gdb.events.stop.connect(stopped)
# A breakpoint in a driver that is yet to come is no mistake.
gdb.execute('set breakpoint pending on')
gdb.execute('set confirm off')

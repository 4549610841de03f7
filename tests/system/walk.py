# SPDX-License-Identifier: MIT
"""The source of a driver that calls every function of the API with every kind of wrong argument.

What each function's arguments are stands in FUNCTIONS; the kinds of mistakes follow from
that: NULL, pointers to nothing, to the program's memory, the kernel's, what was freed, what is
too short, what must not be written; handles that are none, were released, are of another kind, or
another driver's; functions that are not the driver's; structs whose size is too small or too
large, with fields that no kernel knows, with bits that none knows; numbers out of bounds; and every function
that may sleep, under a spin lock and in a callback that may not sleep.

A function, or an argument, that the headers declare and FUNCTIONS lacks is an error.
"""
import glob
import os
import re

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))

# In which no argument can be wrong, or where a wrong one leads to the processor's fault, as in C.
NOTHING_WRONG = {
    'banos_api_level', 'banos_has_feature', 'banos_time_ns', 'banos_time_real_ns',
    'banos_delay', 'banos_thread_should_stop',
    'memcpy', 'memmove', 'memset', 'memcmp', 'bcmp', 'strlen'}

NOWHERE = {
    'at 1': '1', 'of the program': '0x400000', 'not canonical': '0x800000000000',
    'at the end': '0xfffffffffffffff8', "the kernel's code": 'kernel_text',
    "the kernel's data": 'kernel_data', 'freed': 'freed', 'too short': 'too_short'}


class Argument:
    """name: in the sentence; valid: an expression; before: statements; wrong: (kind, statements, expression, error)"""

    def __init__(self, valid, wrong=(), before='', name=None):
        self.valid, self.before, self.name = valid, before, name
        self.wrong = [(kind, setup, expression, error or 'EINVAL')
                      for kind, setup, expression, error in wrong]


def pointer(valid, null=False, write=True, before='', more=(), is_text=False):
    wrong = [(kind, '', f'(void *)({address})', None) for kind, address in NOWHERE.items()
             if not is_text or kind != 'too short']
    if not null:
        wrong.append(('NULL', '', '(void *)0', None))
    if write:
        wrong.append(('read-only', '', '(void *)(uintptr_t)read_only', None))
        wrong.append(('code', '', '(void *)(uintptr_t)do_nothing', None))
    return Argument(valid, wrong + list(more), before)


def out(null=False):
    """Eight bytes for a result."""
    return pointer('(void *)&results[RESULT]', null)


def text(valid='"text"', null=False, more=()):
    return pointer(valid, null, write=False, is_text=True,
                   more=[('without an end', '', '(const char *)endless', None), *more])


def handle(valid, kind, other='timer', optional=False):
    """kind: a C type; other: a live handle of another kind; optional: 0 is no mistake"""
    wrong = [(name, '', f'({kind})({value})', None) for name, value in
             {'0': '0', 'none': '0x123456789abcdef', 'a small number': '1', 'released': f'dead.{valid}',
              'of another kind': f'live.{other}', "another driver's": f'foreign.{valid}'}.items()
             if name != '0' or not optional]
    return Argument(f'({kind})live.{valid}', wrong)


def owner():
    return Argument('self', [
        (name, '', f'(banos_owner)({value})', None) for name, value in
        {'0': '0', 'none': '0x123456789abcdef', 'of another kind': 'live.timer',
         "the kernel's": '0x100000001', "another driver's": 'foreign.owner'}.items()])


def device():
    wrong = owner().wrong + [('the driver', '', 'self', None)]
    return Argument('the_device', wrong)


def number(valid, *wrong):
    """wrong: expressions, or (expression, error)"""
    pairs = [w if isinstance(w, tuple) else (w, None) for w in wrong]
    return Argument(valid, [(expression, '', expression, error) for expression, error in pairs])


def flags(valid='0', known=0):
    bits = [b for b in (0, 1, 2, 3, 15, 31) if not known >> b & 1]
    return number(valid, *[f'{valid} | 1u << {b}' for b in bits])


def function():
    return Argument('do_nothing', [
        (kind, '', f'(function_type *)(uintptr_t)({address})', None)
        for kind, address in {**NOWHERE, 'NULL': '0', 'data': 'results'}.items()])


def storage(valid, kind, initialised=True):
    more = [('misaligned', '', f'(struct {kind} *)(void *)((char *)large + 4)', None)]
    if initialised:
        more += [('not initialised', '', f'(struct {kind} *)(void *)large', None),
                 ('moved', f'struct {kind} copy = live.{valid};', '&copy', None),
                 ('of another kind', '',
                  f'(struct {kind} *)(void *)&live.{"wait" if valid == "mutex" else "mutex"}', None)]
    if initialised and valid != 'spin':  # which needs no destruction
        more.append(('destroyed', '', f'&dead.{valid}', None))
    return pointer(f'&live.{valid}' if initialised else f'(struct {kind} *)(void *)large',
                   more=more)


def struct(kind, size_1, initial, *fields, filled=False, nested=''):
    """kind: of the struct, which is called c; fields: (statement, error)"""
    before = f'struct {kind} c = {initial}; {nested}'
    address = '&c' if not filled else '(void *)&c'
    wrong = [(statement, statement, address, error) for statement, error in fields]
    wrong += [('size 0', 'c.size = 0;', address, None),
              ('size too small', f'c.size = {size_1} - 1;', address, None),
              ('size over 4096', 'c.size = 4097;', address, 'E2BIG'),
              ('size of all bits', 'c.size = 0xffffffff;', address, 'E2BIG'),
              ('misaligned', 'memcpy((char *)large + 1, &c, sizeof(c));',
               '(void *)((char *)large + 1)', None)]
    if not filled:
        wrong.append((
            'an unknown field',
            'c.size = sizeof(c) + 64; memset(large, 0, 1024); memcpy(large, &c, sizeof(c)); '
            '((char *)large)[sizeof(c) + 63] = 1;', '(void *)large', 'E2BIG'))
    # Of what is to be filled the size is read first: code has none.
    if filled:
        wrong.append(('read-only', '', '(void *)(uintptr_t)read_only', None))
    return pointer(address, write=False, before=before, more=wrong)


def methods(kind, size_1, mandatory, *all_of_them):
    """Statements for a table of methods that is called ops, and what can be wrong in it."""
    initial = (f'struct {kind} ops; memset(&ops, 0, sizeof(ops)); ops.size = sizeof(ops); ' +
               (f'ops.{mandatory} = (void *)do_nothing; ' if mandatory else '') + 'c.ops = &ops;')
    fields = [('ops.size = 0;', None), (f'ops.size = {size_1} - 1;', None),
              ('ops.size = 4097;', 'E2BIG'), ('ops.must = 1;', 'EOPNOTSUPP'),
              ('ops.must = 1u << 31;', 'EOPNOTSUPP')]
    fields += [(f'c.ops = (const void *)({address});', None)
               for address in [*NOWHERE.values(), '0']]
    for name in all_of_them:
        fields += [(f'ops.{name} = (void *)(uintptr_t)kernel_text;', None),
                   (f'ops.{name} = (void *)results;', None)]
    if mandatory:
        fields.append((f'ops.{mandatory} = 0;', None))
    return initial, fields


def text_field(name, *wrong):
    return [(f'set_text(c.{name}, sizeof(c.{name}), {word});', None) for word in wrong]


CHARDEV_OPS = methods('banos_chardev_ops', 'BANOS_CHARDEV_OPS_SIZE_1', None, 'open', 'release',
                      'read', 'write', 'ioctl', 'poll', 'map')
BUS_OPS = methods('banos_bus_ops', 'BANOS_BUS_OPS_SIZE_1', 'quiesce', 'quiesce', 'connect',
                  'disconnect', 'line')
PROBER_OPS = methods('banos_prober_ops', 'BANOS_PROBER_OPS_SIZE_1', 'probe', 'probe', 'remove')

CHARDEV = struct(
    'banos_chardev_config', 'BANOS_CHARDEV_CONFIG_SIZE_1',
    '{ sizeof(c), 0, BANOS_CHARDEV_ANY, 0, 0600, 0, 0, 0, "walked" }',
    ('c.flags = 3;', None), ('c.flags = 4;', None), ('c.flags = 1u << 31;', None),
    ('c.major = 4096; c.minor = 0;', None), ('c.major = 200; c.minor = 1u << 20;', None),
    ('c.major = 1; c.minor = 3;', 'EBUSY'), ('c.mode = 01000;', None), ('c.mode = 0xffffffff;', None),
    ('c.zero = 1;', None), ('set_text(c.name, sizeof(c.name), "walker");', 'EEXIST'),
    *text_field('name', '""', '"/a"', '"a/"', '"a b"', '"../a"', '"a//b"', '0'),
    *CHARDEV_OPS[1], nested=CHARDEV_OPS[0])
BUS = struct('banos_bus_config', 'BANOS_BUS_CONFIG_SIZE_1', '{ sizeof(c), 0, 0, 0, "walked" }',
             ('c.zero = 1;', None),
             *text_field('name', '""', '"system"', '"a:b"', '"a b"', '0'),
             *BUS_OPS[1], nested=BUS_OPS[0])
PROBER = struct('banos_prober_config', 'BANOS_PROBER_CONFIG_SIZE_1',
                '{ sizeof(c), 0, 0, 0, "walker" }', ('c.zero = 1;', None),
                *text_field('bus', '""', '"unserved"', '"a:b"', '0'),
                *PROBER_OPS[1], nested=PROBER_OPS[0])
RESOURCE = ('struct banos_resource r = { sizeof(r), 1, 0x1000, 0x1000, 0, 0, 0, 0, 0 }; '
            'c.resources = &r; c.resource_count = 1; c.resource_stride = sizeof(r);')
DEVICE = struct(
    'banos_device_config', 'BANOS_DEVICE_CONFIG_SIZE_1',
    '{ sizeof(c), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "walked", "walker:walked" }',
    ('c.interrupts = 2049;', None), ('c.dma_bits = 15;', None), ('c.dma_bits = 65;', None),
    ('c.resource_count = 17;', None), ('c.resource_stride = 0;', None),
    ('c.resource_stride = 52;', None), ('c.resource_stride = 60;', None),
    ('c.resource_stride = 4104;', None), ('r.size = 55;', None),
    ('r.size = sizeof(r) + 8;', None), ('r.kind = 99;', None),
    ('r.flags = 1u << 31;', None), ('r.zero = 1;', None),
    ('r.start = (uint64_t)-1;', None), ('r.length = (uint64_t)-1;', None),
    ('r.reserved_length = 0x1001;', None), ('r.reserved_offset = 1; r.reserved_length = 0x1000;', None),
    ('r.kind = BANOS_RESOURCE_PORTS; r.start = 0xffff;', None),
    *[(f'c.resources = (const void *)({address});', None) for address in [*NOWHERE.values(), '0']],
    *[(f'c.properties = (const char *)({address});', None) for kind, address in NOWHERE.items() if kind != 'too short'],
    *[(f'c.attributes = (const char *)({address});', None) for kind, address in NOWHERE.items()
      if kind != 'too short'],
    ('c.properties = endless;', None), ('c.attributes = endless;', None),
    ('set_text(c.name, sizeof(c.name), "walker");', 'EEXIST'),
    *text_field('name', '""', '"a/b"', '"a b"', '0'),
    *text_field('alias', '""', '"walker"', '"other:x"', '"walker:a b"', '0'), nested=RESOURCE)
CALLBACK = struct(
    'banos_callback_config', 'BANOS_CALLBACK_CONFIG_SIZE_1',
    '{ sizeof(c), 0, (void *)do_nothing, 0, "" }',
    ('c.flags = 2;', None), ('c.flags = 1u << 31;', None),
    *[(f'c.function = (void *)({address});', None) for address in [*NOWHERE.values(), '0']],
    *text_field('signature', '"z"', '"iiiiii"', '"r"', '"r$9"', '">x"', '"c(i"', '"r0"', '0'))
IRQ = struct('banos_irq_config', 'BANOS_IRQ_CONFIG_SIZE_1',
             '{ sizeof(c), 0, 1, 0, (void *)do_nothing, 0 }', ('c.flags = 2;', None),
             ('c.flags = 1u << 31;', None), ('c.zero = 1;', None), ('c.index = 2;', None),
             ('c.index = 0xffffffff;', None), ('c.index = 0;', 'EBUSY'),
             ('c.flags = BANOS_IRQ_LINE; c.index = 0;', 'EBUSY'),
             *[(f'c.function = (void *)({address});', None)
               for address in [*NOWHERE.values(), '0']])
DMA = struct('banos_dma_config', 'BANOS_DMA_CONFIG_SIZE_1', '{ sizeof(c), 0, 64, 0, 0, 0, 0 }',
             ('c.flags = 1;', None), ('c.flags = 1u << 31;', None), ('c.bytes = 0;', None),
             ('c.bytes = (2ul << 20) + 1;', None), ('c.bytes = (uint64_t)-1;', None),
             ('c.alignment = 3;', None), ('c.alignment = 4ul << 20;', None),
             ('c.boundary = 32;', None), ('c.boundary = 96;', None), ('c.address_bits = 15;', None),
             ('c.address_bits = 65;', None))
INFO = struct('banos_device_info', 'BANOS_DEVICE_INFO_SIZE_1', '{ sizeof(c), 0, 0, 0, 0 }',
              filled=True)
GOT = struct('banos_resource', 'BANOS_RESOURCE_SIZE_1', '{ sizeof(c), 0, 0, 0, 0, 0, 0, 0, 0 }',
             filled=True)

SOON = 'banos_time_ns() + BANOS_MS'
FAR = 'banos_time_ns() + 31 * BANOS_S'


def buffer_handle():
    return Argument('the_buffer', [
        (name, '', f'(banos_buffer)({value})', None) for name, value in
        {'0': '0', 'none': '0x123456789abcdef', 'memory': 'results', 'a handle': 'live.timer'}.items()])


def call_handle():
    return Argument('the_call', [
        (name, '', f'(banos_call)({value})', None) for name, value in
        {'0': '0', 'none': '0x123456789abcdef', 'memory': 'results', 'a handle': 'live.timer',
         'of an earlier call': 'old.call'}.items()])


# Arguments in their order; (place, more) where a method has to run, or a result is no error.
FUNCTIONS = {
    'banos_alloc': [owner(), number('64', '0', '(256ul << 20) + 1', '(uint64_t)-1'),
                    flags(known=1)],
    'banos_free': [owner(), pointer('live.memory', null=True, more=[
        ('the middle', '', '(char *)live.memory + 16', None), ('static', '', 'results', None)])],
    'banos_bus_register': [owner(), BUS, out()],
    'banos_bus_remove': [handle('bus', 'banos_bus')],
    'banos_device_add': [handle('bus', 'banos_bus'), DEVICE, out()],
    'banos_device_remove': [handle('device', 'banos_device'), flags(known=1)],
    'banos_device_context': [handle('bus', 'banos_bus', optional=True), Argument('the_device'), out()],
    'banos_prober_register': [Argument('self', owner().wrong + [('a device', '', 'the_device', None)]),
                              PROBER, out(null=True)],
    'banos_prober_remove': [handle('prober', 'banos_prober')],
    'banos_resource_get': [device(), number('0', ('99', 'ENOENT silent'), ('0xffffffff', 'ENOENT silent')),
                           GOT],
    'banos_device_interrupts': [device()],
    'banos_device_info': [device(), INFO],
    'banos_device_name': [device(), pointer('(char *)large'), number('64', '8193')],
    'banos_callback_create': [owner(), CALLBACK, out()],
    'banos_callback_call': [
        Argument('(banos_callback)live.callback', [
            ('0', '', '(banos_callback)0', None),
            ("another driver's", '', '(banos_callback)foreign.callback', None),
            ('closed', '', '(banos_callback)dead.callback', 'ENODEV silent')]),
        *[Argument('0')] * 5],
    'banos_callback_close': [handle('callback', 'banos_callback')],
    'banos_owner_watch': [owner(), Argument('self', owner().wrong),
                          handle('callback', 'banos_callback')],
    'banos_chardev_register': [owner(), CHARDEV, out(null=True)],
    'banos_chardev_remove': [handle('chardev', 'banos_chardev')],
    'banos_chardev_number': [handle('chardev', 'banos_chardev')],
    'banos_poll_watch': [Argument('the_poll', [
        ('0', '', '(banos_poll)0', None), ('none', '', '(banos_poll)0x123456789abcdef', None),
        ('memory', '', '(banos_poll)results', None)]),
                         storage('wait', 'banos_wait')],
    'banos_dma_alloc': [device(), DMA, out(), out(), out()],
    'banos_dma_free': [handle('dma', 'banos_dma')],
    'banos_lookup_symbol': [owner(), text('"memcpy"', more=[
        ('unknown', '', '"walker_unknown"', 'NULL silent')])],
    'banos_release_symbol': [owner(), Argument('live.symbol', [
        (kind, '', f'(void *)({value})', None) for kind, value in
        {**NOWHERE, '0': '0', 'own': 'do_nothing'}.items()])],
    'banos_firmware_load': [owner(), text('"walk.bin"', more=[
        (word or 'empty', '', f'"{word}"', error) for word, error in
        (('', None), ('/x', None), ('a//b', None), ('../x', None), ('./x', None), ('x/..', None),
         ('absent', 'ENOENT silent'), ('folder', 'EINVAL silent'))]), out()],
    'banos_firmware_read': [handle('firmware', 'banos_firmware'), Argument('0'),
                            pointer('large'), number('16')],
    'banos_firmware_release': [handle('firmware', 'banos_firmware')],
    'banos_mmio_map': [
        Argument('the_device', owner().wrong),
        number('0xe0000000', ('0x1000', 'EPERM'), ('0xfee00000', 'EPERM'), ('0xd0000000', 'EPERM'),
               '(uint64_t)-4096', '1ul << 60'),
        number('4096', '0', '(1ul << 30) + 1', '(uint64_t)-1', ('8192', 'EPERM')), flags(known=1),
        out(), out()],
    'banos_mmio_unmap': [handle('mmio', 'banos_mmio')],
    'banos_ports_claim': [Argument('the_device', owner().wrong),
                          number('0x5008', '0x10000', '0xffffffff', ('0x70', 'EPERM')),
                          number('1', '0', '0x10001', '0xffffffff', ('16', 'EPERM')), out()],
    'banos_ports_release': [handle('ports', 'banos_ports')],
    'banos_port_read': [handle('ports', 'banos_ports'),
                        number('0', '8', '0xffffffff', '0xfffffffe'),
                        number('1', '0', '3', '8', '0xffffffff')],
    'banos_port_write': [handle('ports', 'banos_ports'),
                         number('0', '8', '0xffffffff', '0xfffffffe'),
                         number('1', '0', '3', '8', '0xffffffff'), Argument('0')],
    'banos_port_read_many': [handle('ports', 'banos_ports'), number('0', '8', '0xffffffff'),
                             number('1', '0', '3', '8'), pointer('large'),
                             number('16', '8193', '(uint64_t)-1')],
    'banos_port_write_many': [handle('ports', 'banos_ports'), number('0', '8', '0xffffffff'),
                              number('1', '0', '3', '8'), pointer('large', write=False),
                              number('16', '8193', '(uint64_t)-1')],
    'banos_irq_create': [device(), IRQ, out()],
    'banos_irq_destroy': [handle('irq', 'banos_irq')],
    'banos_irq_count': [handle('irq', 'banos_irq')],
    'banos_mutex_init': [owner(), storage('mutex', 'banos_mutex', False)],
    'banos_mutex_destroy': [storage('mutex', 'banos_mutex')],
    'banos_mutex_lock': [storage('mutex', 'banos_mutex')],
    'banos_mutex_trylock': [storage('mutex', 'banos_mutex')],
    'banos_mutex_unlock': [Argument(None, storage('mutex', 'banos_mutex').wrong + [
        ('not held', '', '&live.mutex', 'EPERM')])],
    'banos_spin_init': [storage('spin', 'banos_spinlock', False)],
    'banos_spin_lock': [Argument(None, storage('spin', 'banos_spinlock').wrong)],
    'banos_spin_trylock': [Argument(None, storage('spin', 'banos_spinlock').wrong)],
    'banos_spin_unlock': [Argument(None, storage('spin', 'banos_spinlock').wrong + [
        ('not held', '', '&live.spin', 'EPERM')])],
    'banos_map_zero': [call_handle()],
    'banos_map_resource': [call_handle(), device(),
                           number('0', '1', '2', '99', '0xffffffff'),
                           number('0', '1', '2048', ('1ul << 40', 'ENXIO silent')), number('0', '2', '0xffffffff')],
    'banos_map_dma': [call_handle(), handle('dma', 'banos_dma'),
                      number('0', '1', '2048', ('1ul << 40', 'ENXIO silent'))],
    'banos_print_args': [owner(), number('BANOS_DEBUG', '0', '2', '8', '0xffffffff'), text(),
                         pointer('results', write=False),
                         number('1', '13', '0xffffffff')],
    'banos_format_args': [pointer('(char *)large'), number('64', '8193', '(uint64_t)-1'), text(),
                          pointer('results', write=False), number('1', '13', '0xffffffff')],
    'banos_thread_create': [owner(), function(), Argument('0'), text(), out(null=True)],
    'banos_thread_stop': [handle('thread', 'banos_thread'), out(null=True)],
    'banos_thread_yield': [],
    'banos_sleep_until': [number(SOON, (FAR, 'EINVAL if uninterruptible'),
                                 ('(uint64_t)-1', 'EINVAL if uninterruptible')),
                          flags(known=1)],
    'banos_timer_create': [owner(), function(), Argument('0'), out()],
    'banos_timer_start': [handle('timer', 'banos_timer', 'work'), Argument('(uint64_t)-1')],
    'banos_timer_cancel': [handle('timer', 'banos_timer', 'work')],
    'banos_timer_destroy': [handle('timer', 'banos_timer', 'work')],
    'banos_buffer_write': [buffer_handle(), pointer('large', write=False), number('5')],
    'banos_buffer_zero': [buffer_handle(), number('5')],
    'banos_buffer_read': [buffer_handle(), pointer('large'), number('5')],
    'banos_buffer_left': [buffer_handle()],
    'banos_user_read': [call_handle(), pointer('large'),
                        number('0', ('0', 'EFAULT silent'), ('kernel_data', 'EFAULT silent'),
                               ('(uint64_t)-8', 'EFAULT silent')), number('8', '8193', '(uint64_t)-1')],
    'banos_user_write': [call_handle(),
                         number('0', ('0', 'EFAULT silent'), ('kernel_data', 'EFAULT silent'),
                                ('(uint64_t)-8', 'EFAULT silent')),
                         pointer('large', write=False), number('8', '8193', '(uint64_t)-1')],
    'banos_wait_init': [owner(), storage('wait', 'banos_wait', False)],
    'banos_wait_destroy': [storage('wait', 'banos_wait')],
    'banos_wait_ticket': [storage('wait', 'banos_wait')],
    'banos_wait_sleep': [storage('wait', 'banos_wait'), Argument('banos_wait_ticket(&live.wait)'),
                         number(SOON, (FAR, 'EINVAL if uninterruptible'),
                                ('0', 'EINVAL if uninterruptible')), flags(known=1)],
    'banos_wait_wake': [storage('wait', 'banos_wait')],
    'banos_work_create': [owner(), function(), Argument('0'), out()],
    'banos_work_queue': [handle('work', 'banos_work')],
    'banos_work_wait': [handle('work', 'banos_work')],
    'banos_work_destroy': [handle('work', 'banos_work')],
}
POINTERS = {'banos_alloc', 'banos_lookup_symbol'}  # NULL is their error
NO_ERROR = {'banos_wait_ticket'}  # 0 is
# Whose descriptions name a method instead of a thread, or one of several kinds of the object.
SLEEPS = {'banos_callback_call', 'banos_buffer_write', 'banos_buffer_zero', 'banos_buffer_read',
          'banos_user_read', 'banos_user_write', 'banos_map_resource', 'banos_map_dma'}
PLACES = {'banos_buffer_': 'read', 'banos_user_': 'open', 'banos_map_': 'map', 'banos_poll_': 'poll'}

DECLARATION = re.compile(
    r'/\*\*(?P<words>(?:(?!\*/).)*)\*/\s*BANOS_SINCE\(\d+\)\s+[\w ]+?\**\s*(?P<name>\w+)\('
    r'(?P<args>[^;]*)\);', re.S)


def declared():
    """{name: (names of its arguments, may it sleep)} of what the kernel provides"""
    found = {}
    for path in sorted(glob.glob(f'{SOURCE}/include/banos/*.h')):
        with open(path, encoding='utf-8') as f:
            text = f.read()
        if re.search(r'^BANOS_DRAFT_HEADER', text, re.M):
            continue                            # FUNCTIONS has those of released levels
        for match in DECLARATION.finditer(text):
            if 'provided by the kernel' not in match['words'] or \
                    match['name'].startswith('__x86_'):
                continue
            args = re.sub(r'\(\*(\w+)\)\([^)]*\)', r' \1', match['args'])
            names = [re.search(r'(\w+)\s*$', arg)[1] for arg in args.split(',')]
            found[match['name']] = ([] if names == ['void'] else names,
                                    bool(re.search(r'Context: thread', match['words'])))
    return found


class Case:
    """One call with one thing wrong."""

    def __init__(self, name, argument, kind, error, body, place):
        self.name, self.argument, self.kind, self.body = name, argument, kind, body
        self.is_silent = error.endswith(' silent')
        self.error, self.place = error.split()[0], place

    def __str__(self):
        return f'{self.name}({self.argument}: {self.kind})'


def place_of(name):
    return next((place for start, place in PLACES.items() if name.startswith(start)), 'probe')


def call_of(name, arguments, at=None, wrong=None):
    setup, expressions = '', []
    for i, argument in enumerate(arguments):
        setup += argument.before + ' '
        expression = argument.valid
        if i == at:
            expression = wrong[2]
        expressions.append(expression.replace('results[RESULT]', f'results[{i}]'))
    if wrong:
        setup += wrong[1]
    return f'{setup} return (int64_t){name}({", ".join(expressions)});'


def cases():
    found = []
    for name, (names, sleeps) in declared().items():
        if name in NOTHING_WRONG:
            continue
        arguments = FUNCTIONS[name]
        for i, argument in enumerate(arguments):
            for wrong in argument.wrong:
                error, given = wrong[3], arguments
                if error.endswith('if uninterruptible'):
                    given = arguments[:-1] + [Argument('BANOS_UNINTERRUPTIBLE')]
                if name in POINTERS:
                    error = 'NULL silent' if error.endswith('silent') else 'NULL'
                elif name in NO_ERROR:
                    error = 'NULL'
                found.append(Case(name, names[i], wrong[0], error,
                                  call_of(name, given, i, wrong), place_of(name)))
        if sleeps or name in SLEEPS:
            for how in ('under a spin lock', 'in an atomic callback'):
                body = call_of(name, arguments)
                found.append(Case(name, None, how, 'NULL' if name in POINTERS else 'EDEADLK', body,
                                  place_of(name)))
    return found


def missing():
    """Sentences about what the headers declare and FUNCTIONS lacks, or the other way round."""
    wrong = []
    functions = declared()
    for name, (names, _) in functions.items():
        if name not in NOTHING_WRONG and name not in FUNCTIONS:
            wrong.append(f'{name}() is not in FUNCTIONS')
        elif name in FUNCTIONS and len(FUNCTIONS[name]) != len(names):
            wrong.append(f'{name}() has {len(names)} arguments, FUNCTIONS {len(FUNCTIONS[name])}')
    wrong += [f'{name}() is not declared' for name in [*FUNCTIONS, *NOTHING_WRONG]
              if name not in functions]
    return wrong


HOW = {'under a spin lock': 1, 'in an atomic callback': 2}


def driver(found):
    """The source of the driver."""
    with open(f'{SOURCE}/tests/system/drivers/walker.c', encoding='utf-8') as f:
        text = f.read()
    functions, table = [], []
    for i, case in enumerate(found):
        functions.append(f'static int64_t case{i}(void)\n{{\n\t{case.body}\n}}')
        table.append(f'\t{{ case{i}, {HOW.get(case.kind, 0)}, AT_{case.place.upper()} }},')
    return text.replace('/* CASES */', '\n'.join(functions) +
                        '\nstatic const struct one all[] = {\n' + '\n'.join(table) + '\n};')

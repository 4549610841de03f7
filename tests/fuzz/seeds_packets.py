# SPDX-License-Identifier: MIT
"""Inputs to start from: packets. For tests/fuzz/pure_packets.c and stack/stack.c."""
import struct

HERE4, PEER4 = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
HERE6, PEER6 = bytes.fromhex('fd00' + '00' * 13 + '01'), bytes.fromhex('fd00' + '00' * 13 + '02')
LINK6 = bytes.fromhex('fe80' + '00' * 13 + '02')
HERE_HARDWARE, PEER_HARDWARE = b'\x02\0\0\0\0\1', b'\x02\0\0\0\0\2'
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'>{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(protocol, body, source=PEER4, to=HERE4, options=b'', fragment=0, number=1):
    head = struct.pack('>BBHHHBBH4s4s', 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), number, fragment, 64,
                       protocol, 0, source, to) + options
    return head[:10] + struct.pack('>H', checksum(head)) + head[12:] + body


def ipv6(protocol, body, source=PEER6, to=HERE6, hops=64):
    return struct.pack('>IHBB', 6 << 28, len(body), protocol, hops) + source + to + body


def summed(protocol, body, at, source, to):
    """With its checksum at that place."""
    if protocol == ICMP:
        pseudo = b''
    else:
        pseudo = source + to + struct.pack('>II', len(body), protocol)
    body = body[:at] + b'\0\0' + body[at + 2:]
    return body[:at] + struct.pack('>H', checksum(pseudo + body)) + body[at + 2:]


def tcp(flags, sequence=1000, answer=0, data=b'', port=80, own=4000, options=b'', source=PEER4, to=HERE4, window=8000):
    head = struct.pack('>HHIIBBHHH', own, port, sequence & 0xffffffff, answer & 0xffffffff, 0x50 + len(options) * 4, flags, window, 0, 0)
    return summed(TCP, head + options + data, 16, source, to)


def udp(data, port=53, own=4000, source=PEER4, to=HERE4):
    return summed(UDP, struct.pack('>HHHH', own, port, 8 + len(data), 0) + data, 6, source, to)


def icmp(kind, code, rest, source=PEER4, to=HERE4):
    return summed(ICMP, struct.pack('>BBH', kind, code, 0) + rest, 2, source, to)


def icmp6(kind, code, rest, source=PEER6, to=HERE6):
    return summed(ICMP6, struct.pack('>BBH', kind, code, 0) + rest, 2, source, to)


def arp(operation, source=PEER4, target=HERE4, hardware=PEER_HARDWARE):
    return struct.pack('>HHBBH', 1, 0x800, 6, 4, operation) + hardware + source + bytes(6) + target


SYN_OPTIONS = b'\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7'


def packets():
    """{name: (EtherType, packet)}: one of each kind that a stack reads."""
    quoted = ipv4(UDP, udp(b'x' * 8, 4000, 53, HERE4, PEER4), HERE4, PEER4)
    quoted6 = ipv6(UDP, udp(b'x' * 8, 4000, 53, HERE6, PEER6), HERE6, PEER6)
    solicited = icmp6(135, 0, bytes(4) + HERE6 + b'\1\1' + PEER_HARDWARE)
    router = icmp6(134, 0, b'\x40\xc0\7\x08' + bytes(8) + b'\1\1' + PEER_HARDWARE + b'\5\1\0\0\0\0\5\0' +
                   b'\3\4\x40\xc0\0\0\x0e\x10\0\0\x07\x08\0\0\0\0' + PEER6[:8] + bytes(8), LINK6, bytes.fromhex('ff02' + '00' * 13 + '01'))
    return {
        'syn': (0x800, ipv4(TCP, tcp(SYN, options=SYN_OPTIONS[:4]))),
        'syn_all': (0x800, ipv4(TCP, tcp(SYN, own=4001, options=SYN_OPTIONS))),
        'ack': (0x800, ipv4(TCP, tcp(ACK | PSH, 1001, 1, b'GET /'))),
        'fin': (0x800, ipv4(TCP, tcp(FIN | ACK, 1006, 1))),
        'reset': (0x800, ipv4(TCP, tcp(RST, 1001))),
        'udp': (0x800, ipv4(UDP, udp(b'hello'))),
        'closed': (0x800, ipv4(UDP, udp(b'hello', 9))),
        'echo': (0x800, ipv4(ICMP, icmp(8, 0, b'\0\1\0\1' + b'data' * 4))),
        'refused': (0x800, ipv4(ICMP, icmp(3, 3, bytes(4) + quoted))),
        'too_big': (0x800, ipv4(ICMP, icmp(3, 4, b'\0\0\5\0' + quoted))),
        'first': (0x800, ipv4(UDP, udp(b'f' * 24), fragment=0x2000)),
        'last': (0x800, ipv4(UDP, b'l' * 20, fragment=4)),
        'options': (0x800, ipv4(UDP, udp(b'o'), options=b'\7\7\4\0\0\0\0\0')),
        'igmp': (0x800, ipv4(2, struct.pack('>BBHI', 0x11, 100, 0xee9b, 0), to=b'\xe0\0\0\1')),
        'arp_request': (0x806, arp(1)), 'arp_reply': (0x806, arp(2)),
        'syn6': (0x86dd, ipv6(TCP, tcp(SYN, options=SYN_OPTIONS, source=PEER6, to=HERE6))),
        'udp6': (0x86dd, ipv6(UDP, udp(b'hello', source=PEER6, to=HERE6))),
        'echo6': (0x86dd, ipv6(ICMP6, icmp6(128, 0, b'\0\1\0\1data'))),
        'solicit': (0x86dd, ipv6(ICMP6, solicited, hops=255)),
        'advertise': (0x86dd, ipv6(ICMP6, icmp6(136, 0, b'\x60\0\0\0' + PEER6 + b'\2\1' + PEER_HARDWARE), hops=255)),
        'router': (0x86dd, ipv6(ICMP6, router, LINK6, bytes.fromhex('ff02' + '00' * 13 + '01'), 255)),
        'redirect': (0x86dd, ipv6(ICMP6, icmp6(137, 0, bytes(4) + LINK6 + PEER6 + b'\2\1' + PEER_HARDWARE, LINK6), LINK6, hops=255)),
        'refused6': (0x86dd, ipv6(ICMP6, icmp6(1, 4, bytes(4) + quoted6))),
        'too_big6': (0x86dd, ipv6(ICMP6, icmp6(2, 0, b'\0\0\5\0' + quoted6))),
        'mld': (0x86dd, ipv6(0, b'\x3a\0\5\2\0\0\0\0' + icmp6(130, 0, b'\0\1\0\0' + bytes(16), LINK6), LINK6, hops=1)),
        'first6': (0x86dd, ipv6(44, b'\x11\0\0\1\0\0\0\7' + udp(b'f' * 24, source=PEER6, to=HERE6))),
        'last6': (0x86dd, ipv6(44, b'\x11\0\0\x20\0\0\0\7' + b'l' * 20)),
        'extended6': (0x86dd, ipv6(0, b'\x3c\0\1\4\0\0\0\0' + b'\x2b\0\1\4\0\0\0\0' + b'\x11\0\0\0\0\0\0\0' +
                                   udp(b'hello', source=PEER6, to=HERE6))),
    }


def frame(ethertype, packet, source=PEER_HARDWARE, to=HERE_HARDWARE):
    return to + source + struct.pack('>H', ethertype) + packet


def inet_shape():
    types = {0x800: b'\0', 0x806: b'\1', 0x86dd: b'\2'}
    return {name: types[kind] + packet for name, (kind, packet) in packets().items()}


def filter_rule():
    lines = ('policy input drop', 'input in eth0 out veth1 proto tcp from 10.0.0.0/8 to fd00::1/64 sport 1-9 dport 80 '
             'state new,established,related,invalid accept', 'postrouting out eth0 masquerade # all', 'forward reject',
             'postrouting snat 1.2.3.4', 'prerouting proto tcp dnat 10.0.0.5:80', 'output proto 132 drop')
    return {f'line{i}': line.encode() for i, line in enumerate(lines)}


def filter_frames():
    made = {}
    everything = b'\xff\x0f'
    for name, (kind, packet) in packets().items():
        each = frame(kind, packet)
        made[name] = everything + b''.join(
            struct.pack('<HH', how, len(each)) + each for how in (0x100, 0x111, 0x103, 0x102, 0x104))
    return made


def filter_flow():
    def step(point, protocol, source, to, flags, ports=0):
        return struct.pack('<HB', point | protocol << 3 | source << 5 | to << 7 | flags << 9, ports)
    there = b''.join(step(p, 0, 0, 1, f) for f in (2, 16, 17) for p in (0, 2, 4))
    back = b''.join(step(p, 0, 1, 0, f) for f in (18, 16, 17) for p in (0, 2, 4))
    return {'tcp': b'\xff\x0f' + there[:9] + back[:9] + there[9:] + back[9:], 'udp': b'\xff\x0f' + step(3, 1, 0, 1, 0) * 3}


def shaper():
    return {'all': struct.pack('<QQIIIQQQ', 10 ** 8, 10 ** 7, 10000, 10000, 10000, 10 ** 6, 10 ** 4, 7) + b'\xdc\5\0\0\1\0' * 30}


def packet_program():
    steps = ((0x28, 0, 0, 12), (0x15, 0, 5, 0x800), (0x30, 0, 0, 23), (0x15, 0, 3, 6), (0xb1, 0, 0, 14), (0x48, 0, 0, 16),
             (0x15, 1, 0, 80), (6, 0, 0, 0), (6, 0, 0, 65535))
    body = frame(*packets()['syn'])
    extra = ((0x20, 0, 0, 0xfffff000), (2, 0, 0, 3), (0x60, 0, 0, 3), (0x1c, 0, 0, 0), (0x16, 0, 0, 0))
    return {name: bytes((len(made),)) + b''.join(struct.pack('<BBBI', *x) for x in made) + struct.pack('<H', len(body)) + body
            for name, made in (('port', steps), ('extra', extra))}


def virtio_net():
    return {'usual': b'\1\x40\0' + bytes(10) + b'\1\0', 'partial': b'\0\x40\0\1\0\0\0\0\0\x22\0\x10\0' + bytes(2) + bytes(24)}


def netlink():
    def message(kind, flags, body):
        return struct.pack('<IHHII', 16 + len(body), kind, flags, 1, 0) + body + b'\0' * (-len(body) % 4)
    attribute = struct.pack('<HHI', 8, 4, 1500) + struct.pack('<HH4s', 8, 2, HERE4)
    return {'link': message(16, 5, bytes(16) + attribute), 'list': message(18, 0x301, b'\0') + message(20, 5, b'\2\x18' + bytes(6) + attribute)}


TARGETS = {'inet_shape': inet_shape, 'filter_rule': filter_rule, 'filter_frames': filter_frames, 'filter_flow': filter_flow,
           'shaper': shaper, 'packet_program': packet_program, 'virtio_net': virtio_net, 'netlink': netlink}


# Found by fuzzing: a connection that nobody owns any more has received what it cannot use yet.
KEPT_TO_THE_END = bytes.fromhex(
    '1c000b040201041c7700001c613f64613f646174610b0c08ff090904000400040004003e313e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e04000b0425'
    '00ffff2a2a2a2a2a2a00112a2a2a2a2a2a2a2a2a2a2a2a2a3a2a78bd7b7b7b7b7b7b7b7b7b7b770007000000000004000b042500400004020400'
    '045d04000b043e3e3e3e3e3e3e3e042a2a2a2a2a2a2a2a2a2a2a0a00')


def stack():
    """Rows of steps for tests/fuzz/stack/stack.c."""
    def data(body):
        return struct.pack('<H', len(body)) + body

    def arrives(name, how=0):
        kind, packet = packets()[name]
        types = {0x800: 0, 0x86dd: 1, 0x806: 2}
        return bytes((0, types[kind] | how << 3)) + data(packet)

    def answer(flags, text=b'', how=1):
        return bytes((7, how | (128 if text else 0), flags)) + (data(text) if text else b'')

    sent, lost, wait = b'\4\0', b'\4\2', b'\x09\x0a'
    begin = b'\x1c\0'
    every = begin + b''.join(arrives(name) for name in packets())
    served = arrives('syn') + sent + answer(ACK) + answer(ACK | PSH, b'GET /') + b'\x0b\x50\4' + b'\x0b\x05\x29\x10\0' + b'\x0b\x05\5\x40\0' + sent * 3 + \
        answer(FIN | ACK) + sent * 3 + b'\x0b\5\x0c' + sent + answer(ACK)
    called = b'\x0b\4\2\0' + sent + answer(SYN | ACK) + sent + b'\x0b\4\5\xff\0' + sent * 2 + answer(ACK) + answer(ACK, b'data' * 9) + \
        b'\x0b\4\x08\xff' + wait * 3 + sent * 2
    local = b'\x0b\4\2\1' + sent * 4 + b'\x0b\4\x25\0\x40\0' + sent * 9 + b'\x0b\x50\4' + b'\x0b\5\x28\0\x40' + sent * 6 + b'\x0b\4\x0c' + sent * 6 + wait * 9
    setting = b''.join(bytes((10, how, 3, 0)) for how in range(0, 128, 5)) + every[2:]
    made = {name: begin + arrives(name) + wait + sent for name in packets()}
    return dict(made, every=every, forwards=b'\x1e\2' + every[2:], served=begin + served, called=begin + called, local=begin + local,
                setting=begin + setting, failing=b'\x1c\1\7' + served + called, starved=b'\x1c\1\1' + wait * 20,
                two_nets=begin + b'\x0a\0\x09\x0a\x18\7',       # one net by two interfaces, and a neighbour
                bound_twice=b'\x1c\1\1' + b'\x0b\4\2\0' + b'\x0b\4\1\x09' + b'\x0b\4\x0c' + wait * 4 + b'\x0b\1\1\1' + b'\x0b\5\0\0' + b'\x0b\5\1\1', short=b'\0\0' + served + local + called,
                refused=begin + b'\x0b\4\2\0' + sent + wait * 250,   # nobody answers
                kept_to_the_end=KEPT_TO_THE_END, lossy=begin + called + lost * 2 + wait * 20 + sent * 3)


TARGETS['inet'] = TARGETS['minip'] = stack

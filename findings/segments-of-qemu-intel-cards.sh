#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What QEMU 7.2's Intel cards make of a TCP segment that they are to cut: e1000 sends one without bytes too many,
# e1000e makes fragments of IP instead of segments.
#
# A driver hands on one frame with TCP/IPv4 headers and more bytes than the card's MSS, and a context
# that says TCP, IPv4 and TSE ("TCP segmentation enable"; 8254x manual, 3.3.6 and 3.5). Both manuals say that the card
# repeats the headers, with the sequence number advanced, and that the last segment has what is left. On Debian 12
# (qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3), MSS 1000, no processor running, the cards driven by the qtest protocol:
#
#	e1000, 2500 bytes	segments of 1000, 1000, 500 bytes: right
#	e1000, 3000 bytes	segments of 1000, 1000, 1000, and one without any (a pure ACK to the peer)
#	e1000e, 2500 bytes	one segment of 2500 bytes as three fragments of IP, of 1000, 1000 and 520 bytes
#				behind the IP header, although the headers said "don't fragment"
#
# So with e1000e each lost frame costs the whole segment, and a peer or filter that refuses fragments sees nothing.
# Drivers do better to leave segmentation off on it, unless the version of QEMU is known.
#
# Exits 0 if this is still so, 1 if something changed. Needs apt-get and a Debian 12 list
# of packages; installs nothing outside a temporary folder.
set -euo pipefail

folder=$(mktemp -d)
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
libraries=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
	--no-enhances qemu-system-x86 | grep -E '^(lib|zlib)' | grep -vE '^libc6$|:' | sort -u)
# shellcheck disable=SC2086
apt-get download -qq qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 qemu-system-common=1:7.2+dfsg-7+deb12u18+b3 \
	qemu-system-data $libraries 2>/dev/null
for file in *.deb; do
	dpkg -x "$file" root
done
cat >segments.py <<'E'
"""segments.py QEMU CARD BYTES: prints for each frame that comes out the bytes behind the IP header, and
"fragment" or "segment"."""
import socket
import struct
import subprocess
import sys

qemu, card, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
BAR, RING, FRAME, MSS, HEADERS = 0xe0000000, 0x100000, 0x200000, 1000, 54

cable = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
cable.bind(f'{card}{size}')
with open('halt', 'wb') as f:
    f.write(b'\xf4' * 65536)        # the processor halts at its first instruction
machine = subprocess.Popen(
    [qemu, '-machine', 'q35', '-bios', 'halt', '-nodefaults', '-display', 'none', '-qtest', 'stdio',
     '-qtest-log', '/dev/null', '-L', 'root/usr/share/qemu', '-netdev',
     f'dgram,id=n,local.type=unix,local.path={card}{size}.q,remote.type=unix,remote.path={card}{size}',
     '-device', f'{card},netdev=n,addr=5,romfile='],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def do(line):
    machine.stdin.write(line + '\n')
    machine.stdin.flush()
    while not (answer := machine.stdout.readline()).startswith('OK'):
        assert answer.startswith('IRQ'), answer


def configure(register, value):
    do(f'outl 0xcf8 {1 << 31 | 5 << 11 | register:#x}')
    do(f'outl 0xcfc {value:#x}')


def put(register, value):
    do(f'writel {BAR + register:#x} {value:#x}')


def write(at, data):
    do(f'write {at:#x} {len(data)} 0x{data.hex()}')


configure(0x10, BAR)
configure(4, 6)                     # memory, bus master
frame = b''.join([
    bytes.fromhex('525400000001 525400000002 0800'),
    struct.pack('>BBHHHBBH4s4s', 0x45, 0, 0, 1, 0x4000, 64, 6, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])),
    struct.pack('>HHIIBBHHH', 1000, 2000, 5000, 0, 0x50, 0x18, 1000, 0, 0), bytes(size)])
write(FRAME, frame)
context = struct.pack('<BBHBBHII', 14, 24, 33, 34, 50, 0, size | 0x27 << 24, MSS << 16 | HEADERS << 8)
data = struct.pack('<QII', FRAME, len(frame) | 1 << 20 | 0x2f << 24, 0x300)
write(RING, context + data + bytes(96))
for register, value in ((0x3800, RING), (0x3804, 0), (0x3808, 128), (0x3810, 0), (0x3818, 0),
                        (0x400, 0x10a), (0, 0x40), (0x3818, 2)):
    put(register, value)
cable.settimeout(10)
try:
    while True:
        sent = cable.recv(70000)
        length, fragment = struct.unpack('>H', sent[16:18])[0], struct.unpack('>H', sent[20:22])[0]
        if fragment & 0x3fff:
            print(f'fragment {length - 20}')
        else:
            print(f'segment {length - 40}')
        cable.settimeout(2)
except TimeoutError:
    pass
machine.kill()
E
cat >qemu <<E
#!/bin/sh
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/lib/x86_64-linux-gnu
export QEMU_MODULE_DIR=$folder/root/usr/lib/x86_64-linux-gnu/qemu
exec root/usr/bin/qemu-system-x86_64 "\$@"
E
chmod +x qemu
frames() {
	timeout 60 /usr/bin/python3 segments.py ./qemu "$@" | paste -sd, | sed "s/^/$* bytes: /"
}
{ frames e1000 2500; frames e1000 3000; frames e1000e 2500; } | tee found
diff found - <<'E' || { echo 'something changed'; exit 1; }
e1000 2500 bytes: segment 1000,segment 1000,segment 500
e1000 3000 bytes: segment 1000,segment 1000,segment 1000,segment 0
e1000e 2500 bytes: fragment 1000,fragment 1000,fragment 520
E

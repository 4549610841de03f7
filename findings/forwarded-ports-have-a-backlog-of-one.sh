#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How many connections at once QEMU's user network takes on a forwarded port: two; the others come a second later.
#
# "-netdev user,hostfwd=tcp:ADDRESS:PORT-:PORT" makes libslirp listen on the host. On Debian 12 (libslirp0 4.7.0-1,
# qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3) it does so with a backlog of 1, whatever the guest's server asked for in
# listen(). "ss" shows 1 as its Send-Q. When 100 clients begin to connect in the same moment, Linux drops the SYNs of those
# that find the queue full, and their retransmissions come after 1, 3, 7, 15 and 31 s:
#
#	connected within 0.9 s	2 to some 20 of 100
#	later			the rest, one second to half a minute
#
# No guest sees anything of it: its interface receives no SYN for what was dropped, so that a record of frames
# (filter-dump) shows a server that is fast. A test or a load generator that opens many connections by a forwarded port
# measures this queue. It has to begin anew, open them one after the other, or use another netdev.
#
# Exits 0 if this is still so, 1 if something changed. Needs apt-get and a Debian 12 list of packages, python3 and ss
# (iproute2); installs nothing outside a temporary folder.
set -euo pipefail

folder=$(mktemp -d)
chmod 755 "$folder"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
libraries=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
	--no-enhances qemu-system-x86 | grep -E '^(lib|zlib)' | grep -vE '^(libc6|libslirp0)$|:' | sort -u)
# shellcheck disable=SC2086
apt-get download -qq qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 libslirp0=4.7.0-1 \
	qemu-system-common=1:7.2+dfsg-7+deb12u18+b3 qemu-system-data seabios $libraries 2>/dev/null
for file in *.deb; do
	dpkg -x "$file" root
done
cat >connect.py <<'E'
"""connect.py QEMU: prints the backlog, and how many of 100 clients waited for 0.9 s or longer."""
import selectors
import socket
import subprocess
import sys
import time

with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    port = probe.getsockname()[1]
# The machine is stopped: all that runs is QEMU's own loop, which accepts.
machine = subprocess.Popen(
    [sys.argv[1], '-S', '-nodefaults', '-display', 'none', '-L', 'root/usr/share/qemu', '-L',
     'root/usr/share/seabios', '-netdev', f'user,id=n,hostfwd=tcp:127.0.0.1:{port}-:80',
     '-device', 'e1000,netdev=n,romfile='], stdin=subprocess.DEVNULL)
try:
    listener = []
    for _ in range(100):
        listener = subprocess.run(['ss', '-Hltn', 'sport', '=', f':{port}'], capture_output=True,
                                  text=True, check=True).stdout.split()
        if listener:
            break
        time.sleep(0.1)
    waiting, began, clients, late = selectors.DefaultSelector(), time.monotonic(), [], 0
    for _ in range(100):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(('127.0.0.1', port))
        waiting.register(client, selectors.EVENT_WRITE)
        clients.append(client)
    left = len(clients)
    while left and time.monotonic() < began + 70:
        for key, _ in waiting.select(1):
            late += time.monotonic() - began > 0.9
            waiting.unregister(key.fileobj)
            left -= 1
    print('backlog', listener[2], 'late', late, 'never', left)
finally:
    machine.kill()
    machine.wait()
E
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/lib/x86_64-linux-gnu
seen=$(/usr/bin/python3 connect.py root/usr/bin/qemu-system-x86_64)
echo "$seen"
read -r _ backlog _ late _ never <<<"$seen"
[[ $backlog == 1 && $late -ge 50 && $never == 0 ]] || { echo "changed"; exit 1; }
echo "as described: a backlog of 1, and $late of 100 clients waited for a second or longer"

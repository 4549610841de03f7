# SPDX-License-Identifier: MIT
"""Debian's own network programs, on a machine with a card in QEMU's user network, and this computer's against them."""
import concurrent.futures
import hashlib
import http.server
import os
import random
import re
import socket
import subprocess
import threading
import urllib.request

import pytest

import debian
import machine as machines
from conftest import LONG_PROOF
from test_net import free_port

pytestmark = [pytest.mark.banos,
              pytest.mark.skipif(not os.path.exists(
                  os.path.join(machines.BUILD, 'drivers/net/inet/inet.ko')),
                  reason='built without lwIP')]
LIMIT_S = 40
HOST = '10.0.2.2'       # this computer, seen from the machine
PYTHON = os.path.realpath('/usr/bin/python3')
NAMES = '/lib/x86_64-linux-gnu/libnss_files.so.2'
NEEDS = {
    'dropbear': ['/usr/sbin/dropbear', '/usr/bin/dbclient', '/usr/bin/dropbearkey', '/usr/bin/scp', '/usr/bin/ssh-keygen'],
    'curl': ['/usr/bin/curl'],
    'iperf3': ['/usr/bin/iperf3'],
    'socat': ['/usr/bin/socat'],
    'tcpdump': ['/usr/bin/tcpdump'],
    'iproute2': ['/usr/sbin/ip', '/usr/bin/ss'],
    'nc': ['/bin/nc.openbsd'],
    'nginx': ['/usr/sbin/nginx'],
    'python3': [PYTHON],
}
MODULES = ('http.server, argparse, asyncio, contextlib, encodings.ascii, encodings.idna, encodings.latin_1, hashlib, runpy, '
           'selectors, socket, stringprep')
PORTS = {there: free_port(socket.SOCK_STREAM) for there in (22, 23, 80, 5201, 7001, 8080)}
FORWARD = ''.join(f',hostfwd=tcp:127.0.0.1:{here}-:{there}' for there, here in PORTS.items())
UDP_PORT = free_port(socket.SOCK_DGRAM)
MACHINE = {'append': 'quiet', 'cpus': 2, 'memory': 512, 'limit_s': 300,
           'qemu': ['-netdev', f'user,id=net,ipv4=on,ipv6=on{FORWARD},hostfwd=udp:127.0.0.1:{PORTS[5201]}-:5201'
                               f',hostfwd=udp:127.0.0.1:{UDP_PORT}-:7002',
                    '-device', 'virtio-net-pci,netdev=net']}


def available(*programs):
    return all(debian.installed(*NEEDS[x]) for x in programs)


def needs(*programs):
    return pytest.mark.skipif(not available(*programs), reason=f'not installed: one of {", ".join(programs)}')


def python_files():
    """What Python loads for those modules."""
    script = (f'import sys, {MODULES}\n'
              'for each in list(sys.modules.values()): print(getattr(each, "__file__", None) or "")')
    output = subprocess.run([PYTHON, '-I', '-S', '-c', script], check=True, capture_output=True, text=True).stdout
    return [PYTHON, *{x for x in output.split('\n') if x}]


def FILES():
    paths = [NAMES] + [p for x in NEEDS if available(x) for p in NEEDS[x]]
    if available('python3'):
        paths += python_files()
    return debian.collect(paths)


def host(*command, limit_s=LIMIT_S):
    """A program of this computer. @return what it printed"""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL, timeout=limit_s * machines.SLOWER)
    assert result.returncode == 0, f'{command}: status {result.returncode}\n{result.stdout}'
    return result.stdout


def digest(data):
    return hashlib.md5(data).hexdigest()


def digest_of(shell, path):
    return shell.check(f'md5sum {path}').split()[0]


def fetch(port, path):
    """QEMU's listening sockets have a backlog of one: what this computer drops there, and the machine never sees, is sent again
    after 1, 3, 7, 15 and 31 s. Who has no answer for long begins anew."""
    for limit_s in (8, 8, 8, LIMIT_S):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{port}/{path}', timeout=limit_s * machines.SLOWER) as answer:
                return answer.read()
        except OSError:
            if limit_s == LIMIT_S:
                raise
    return None


def begin(shell, command, ready):
    """A server, until it says that it is ready."""
    shell.check(f'{{ {command}; }} >/tmp/log 2>&1 & n=0; '
                f'until grep -q "{ready}" /tmp/log || [ $n = 150 ]; do n=$((n + 1)); sleep 0.2; done; '
                f'[ $n != 150 ] || {{ cat /tmp/log; false; }}', LIMIT_S)


def end(shell, *programs):
    shell.check(f'killall {" ".join(programs)} 2>/dev/null; dmesg -c >/dev/null; true')


# ---- ssh ----

@pytest.fixture
def ssh(shell, scratch):
    """Options of ssh and scp, with a key that the machine lets in."""
    key = str(scratch / 'key')
    host('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key)
    with open(key + '.pub', encoding='ascii') as f:
        public = f.read().strip()
    shell.check(f"mkdir -p /root/.ssh /etc/dropbear; chmod 700 /root/.ssh; echo '{public}' >/root/.ssh/authorized_keys")
    shell.check('dropbear -R -p 22 2>/tmp/dropbear.log')
    yield ['-i', key, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR',
           '-o', 'BatchMode=yes', '-o', f'ConnectTimeout={LIMIT_S}']
    end(shell, 'dropbear')


@needs('dropbear')
def test_ssh_and_scp(shell, ssh, scratch):
    login = ['ssh', *ssh, '-p', str(PORTS[22]), 'root@127.0.0.1']
    output = host(*login, 'uname -s; echo $SSH_CONNECTION; cat /proc/net/dev | wc -l')
    assert 'Linux' in output and output.split()[1] == HOST
    assert '/dev/pts/' in host(*login[:1], '-tt', *login[1:], 'tty')
    data = os.urandom(3000000)
    (scratch / 'there').write_bytes(data)
    copy = ['scp', '-O', *ssh, '-P', str(PORTS[22])]
    host(*copy, str(scratch / 'there'), 'root@127.0.0.1:/tmp/there')
    assert digest_of(shell, '/tmp/there') == digest(data)
    host(*copy, 'root@127.0.0.1:/tmp/there', str(scratch / 'back'))
    assert (scratch / 'back').read_bytes() == data
    # The machine's own client, to itself.
    shell.check('dropbearkey -t ed25519 -f /root/.ssh/id_dropbear 2>/dev/null | grep ^ssh >>/root/.ssh/authorized_keys')
    assert shell.check('dbclient -y -y root@127.0.0.1 "cat /tmp/there" 2>/dev/null | md5sum', LIMIT_S).startswith(digest(data))


# ---- http ----

class Answers(http.server.BaseHTTPRequestHandler):
    """One body for all that is asked for; what is sent is kept."""
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def do_PUT(self):
        self.server.put = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(201)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def serving(kind, address):
    server = kind((address, 0), Answers)
    server.body = os.urandom(6000000)
    server.thread = threading.Thread(target=server.serve_forever)
    server.thread.start()
    return server


@pytest.fixture
def server():
    server = serving(http.server.ThreadingHTTPServer, '127.0.0.1')
    yield server
    server.shutdown()
    server.server_close()


@needs('curl')
def test_curl_fetches_and_sends(shell, server):
    url = f'http://{HOST}:{server.server_port}'
    shell.check(f'curl -sS -o /tmp/got {url}/a && curl -sS -T /tmp/got {url}/b', LIMIT_S)
    assert digest_of(shell, '/tmp/got') == digest(server.body) == digest(server.put)
    # One connection for several.
    assert shell.check(f'curl -sS -w "%{{num_connects}} " -o /dev/null -o /dev/null {url}/a {url}/b', LIMIT_S) == '1 0 '
    output, status = shell.run(f'curl -sS http://{HOST}:{free_port(socket.SOCK_STREAM)}/')
    assert status in (7, 56), output    # QEMU refuses for this computer, or resets


@needs('python3')
def test_http_server_of_python_with_100_at_once(shell):
    shell.check('mkdir -p /tmp/www; head -c 100000 /dev/urandom >/tmp/www/file')
    begin(shell, f'{PYTHON} -u -m http.server -d /tmp/www 8080', 'Serving HTTP')
    wanted = digest_of(shell, '/tmp/www/file')
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        for each in pool.map(lambda i: digest(fetch(PORTS[8080], 'file')), range(100)):
            assert each == wanted
    end(shell, 'python3.11')


# ---- iperf3 ----

@needs('iperf3')
def test_iperf3(shell):
    begin(shell, 'iperf3 -s --forceflush', 'listening')
    for number, options in enumerate(([], ['-R'], ['-P', '8'], ['-u', '-b', '5M'], ['-u', '-b', '5M', '-R'])):
        # It listens anew for each: who connects to what it is about to close is reset.
        shell.check(f'n=0; until [ $(grep -c listening /tmp/log) -gt {number} ] || [ $n = 100 ]; do '
                    'n=$((n + 1)); sleep 0.2; done', LIMIT_S)
        output = host('iperf3', '-c', '127.0.0.1', '-p', str(PORTS[5201]), '-t', '1', '-f', 'k', *options)
        received = [line for line in output.split('\n') if 'receiver' in line][-1]
        assert '0.00 Bytes' not in received, output
    end(shell, 'iperf3')


# ---- relays ----

@needs('socat')
def test_socat_relays(shell):
    """TCP from this computer to a local socket to a program, UDP to a program, TCP over IPv6."""
    shell.check('cd /tmp; socat UNIX-LISTEN:/tmp/relay,fork EXEC:cat & '
                'socat TCP-LISTEN:7001,reuseaddr,fork UNIX-CONNECT:/tmp/relay & '
                'socat UDP-LISTEN:7002,fork EXEC:cat & '
                'socat TCP6-LISTEN:7003,reuseaddr,ipv6only,fork EXEC:cat & '
                'until test -S /tmp/relay && grep -q :1B5B /proc/net/tcp6; do sleep 0.1; done')
    data = os.urandom(200000)
    with socket.create_connection(('127.0.0.1', PORTS[7001]), LIMIT_S * machines.SLOWER) as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        got = b''.join(iter(lambda: s.recv(65536), b''))
        sender.join()
    assert got == data
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(LIMIT_S * machines.SLOWER)
        s.sendto(b'echo\n', ('127.0.0.1', UDP_PORT))
        assert s.recv(100) == b'echo\n'
    shell.check('head -c 100000 /dev/urandom >sent; socat -t 5 - TCP6:[::1]:7003 <sent >got && cmp sent got')
    assert 'refused' in shell.run('echo x | socat - TCP4:127.0.0.1:7003')[0]
    end(shell, 'socat')


# ---- a web server that is one process for all ----

NGINX = '''daemon on; worker_processes 2; error_log /tmp/nginx.log; pid /tmp/nginx.pid;
events { worker_connections 256; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_timeout 60; client_body_temp_path /tmp/n1;
 proxy_temp_path /tmp/n2; fastcgi_temp_path /tmp/n3; uwsgi_temp_path /tmp/n4; scgi_temp_path /tmp/n5;
 server { listen 80 reuseport; listen [::]:80; root /tmp/www; } }
'''


@needs('nginx')
def test_nginx(shell):
    shell.check('mkdir -p /tmp/www; head -c 300000 /dev/urandom >/tmp/www/file; chmod 755 /tmp /tmp/www')
    shell.check(f"echo '{NGINX.strip()}' | tr '\\n' ' ' >/tmp/nginx.conf; nginx -c /tmp/nginx.conf".replace('\n', ' '), LIMIT_S)
    wanted = digest_of(shell, '/tmp/www/file')
    url = f'http://127.0.0.1:{PORTS[80]}/file'
    output = host('curl', '-sS', '-w', '%{num_connects} ', '-o', '/dev/null', '-o', '/dev/null', '-o', '/dev/null', url, url, url)
    assert output == '1 0 0 '
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        for each in pool.map(lambda i: digest(fetch(PORTS[80], 'file')), range(60)):
            assert each == wanted
    assert shell.check('curl -sS -g "http://[::1]/file" | md5sum').split()[0] == wanted
    shell.check('nginx -c /tmp/nginx.conf -s quit; until ! test -e /tmp/nginx.pid; do sleep 0.1; done', LIMIT_S)


# ---- looking ----

@needs('iproute2')
def test_ip_and_ss(shell):
    assert 'inet 10.0.2.15/24' in shell.check('/usr/sbin/ip -4 address show dev eth0')
    assert 'default via 10.0.2.2 dev eth0' in shell.check('/usr/sbin/ip route')
    assert f'{HOST} dev eth0' in shell.check(f'/usr/sbin/ip route get {HOST}')
    shell.check('telnetd -p 7009 -l /bin/sh; ss -tln | grep -q "LISTEN.*:7009"')
    shell.check('nc 127.0.0.1 7009 >/dev/null & until ss -tn | grep -q "ESTAB.*127.0.0.1:7009"; do sleep 0.1; done; kill $!')
    end(shell, 'telnetd')


@needs('iproute2', 'socat')
def test_ss_asks_by_netlink(shell):
    """Where /proc/net has nothing of the kind: how many may wait, and who has a socket open."""
    shell.check('telnetd -p 7009 -l /bin/sh; socat UNIX-LISTEN:/tmp/asked EXEC:cat & '
                'socat -u UDP-RECV:7010 /dev/null & until test -S /tmp/asked && grep -q :1B62 /proc/net/udp; do sleep 0.1; done')
    shell.check("echo $(ss -tlnpH) | grep 'LISTEN 0 [0-9]* [^ ]*:7009 .*\"telnetd\",pid='")
    shell.check("echo $(ss -uanH) | grep 'UNCONN 0 0 [^ ]*:7010 '; echo $(ss -xlpH) | grep 'u_str LISTEN 0 5 /tmp/asked .*\"socat\"'")
    end(shell, 'telnetd', 'socat')


@needs('tcpdump')
def test_tcpdump_captures(shell):
    shell.check('telnetd -p 7009 -l /bin/sh; tcpdump -Z root -i any -c 1000 -w /tmp/all.pcap >/dev/null 2>&1 & '
                'tcpdump -Z root -i lo -n -l -c 3 tcp port 7009 >/tmp/seen 2>/tmp/said & '
                'until grep -q listening /tmp/said; do sleep 0.1; done; sleep 0.5')
    shell.check('echo | nc -w 1 127.0.0.1 7009 >/dev/null; n=0; '
                'until [ $(wc -l </tmp/seen) = 3 ] || [ $n = 50 ]; do n=$((n + 1)); sleep 0.1; done; true')
    seen = [x for x in shell.lines('cat /tmp/seen') if ' IP ' in x]    # and what the shell says of its jobs
    assert len(seen) == 3, shell.check('cat /tmp/said')
    assert re.search(r'IP 127\.0\.0\.1\.\d+ > 127\.0\.0\.1\.7009: Flags \[S\]', seen[0]) and 'Flags [S.]' in seen[1]
    assert '3 packets captured' in shell.check('sleep 0.5; cat /tmp/said')
    shell.check('killall -INT tcpdump; sleep 0.5')
    assert 'Flags [S.]' in shell.check('tcpdump -Z root -n -r /tmp/all.pcap tcp port 7009 2>/dev/null')
    end(shell, 'telnetd', 'tcpdump')


def test_telnetd_of_busybox(shell):
    shell.check('telnetd -l /bin/login')
    with socket.create_connection(('127.0.0.1', PORTS[23]), LIMIT_S * machines.SLOWER) as s:
        s.settimeout(LIMIT_S * machines.SLOWER)
        seen = b''
        for wait, answer in ((b'login:', b'root\r\n'), (b'assword:', b'banos\r\n'), (b'# ', b'echo $((6*7))ok\r\n'),
                             (b'42ok', b'exit\r\n')):
            while wait not in seen:
                got = s.recv(4096)
                assert got, seen
                seen += got
            seen = seen.split(wait, 1)[1]
            s.sendall(answer)
        while s.recv(4096):
            pass
    end(shell, 'telnetd')


# ---- two machines, and a cable that loses and reorders ----

class Cable:
    """Between two machines: of the frames from each, one in a hundred is lost, one in fifty comes two frames later."""

    def __init__(self, folder, loss=0.01):
        self.folder, self.loss, self.lost, self.random = str(folder), loss, 0, random.Random(12)
        self.ends = [self.end(x) for x in 'ab']
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.carry, args=(i,)) for i in range(2)]
        for each in self.threads:
            each.start()

    def end(self, name):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(f'{self.folder}/cable-{name}')
        s.settimeout(0.2)
        return s

    def options(self, name, number):
        return ['-netdev', f'dgram,id=net,local.type=unix,local.path={self.folder}/card-{name},remote.type=unix,'
                           f'remote.path={self.folder}/cable-{name}',
                '-device', f'virtio-net-pci,netdev=net,mac=52:54:00:00:00:{number:02x}']

    def send(self, i, frame):
        try:
            self.ends[1 - i].sendto(frame, f'{self.folder}/card-{"ba"[i]}')
        except OSError:         # it is not there yet
            self.lost += 1

    def carry(self, i):
        late = []               # frames, and how many may overtake them
        while not self.over.is_set():
            try:
                frame = self.ends[i].recv(1 << 17)
            except OSError:
                frame = None
            if frame:
                choice = self.random.random()
                if choice < self.loss:
                    self.lost += 1
                elif choice < 3 * self.loss:
                    late.append([2, frame])
                    continue
                else:
                    self.send(i, frame)
            for each in late:
                each[0] -= 1 if frame else 2
            while late and late[0][0] <= 0:
                self.send(i, late.pop(0)[1])

    def close(self):
        self.over.set()
        for each in self.threads:
            each.join()
        for each in self.ends:
            each.close()


@pytest.fixture
def cable(tmp_path):
    between = Cable(tmp_path)
    yield between
    between.close()


@pytest.mark.parametrize('megabytes', [4, pytest.param(256, marks=pytest.mark.long),
                                       pytest.param(1024, marks=[pytest.mark.long, LONG_PROOF])])
def test_two_machines_with_loss(start, cable, megabytes):
    pair = [start(append='quiet ip=off', cpus=2, qemu=cable.options(x, i + 1), limit_s=180 + megabytes * 4)
            for i, x in enumerate('ab')]
    for i, m in enumerate(pair):
        m.boot()
        m.check(f'until test -e /sys/class/net/eth0; do sleep 0.1; done; modprobe inet; ip link set eth0 up; '
                f'ip addr add 10.5.0.{i + 1}/24 dev eth0')
    one, other = pair
    limit_s = 60 + megabytes * 3
    one.check('mkfifo /tmp/fifo; nc -l -p 7000 >/tmp/fifo & true')
    one.check('(md5sum </tmp/fifo >/tmp/sum) & until grep -q :1B58 /proc/net/tcp*; do sleep 0.1; done')
    other.check('mkfifo /tmp/fifo; (md5sum </tmp/fifo >/tmp/sum) & '
                f'dd if=/dev/urandom bs=64k count={megabytes * 16} 2>/dev/null | tee /tmp/fifo | nc 10.5.0.1 7000', limit_s)
    sums = [m.check('until test -s /tmp/sum; do sleep 0.1; done; cat /tmp/sum', 30).split()[0] for m in pair]
    assert sums[0] == sums[1] and cable.lost > megabytes, (sums, cable.lost)

# SPDX-License-Identifier: MIT
"""Large programs of Debian, dynamically linked: they start, run others and
talk to them through sockets in pairs. Each is left out where it is not
installed; nothing installs them, since they are large."""
import os

import pytest

import archive
import debian

pytestmark = [pytest.mark.banos, pytest.mark.long]
MACHINE = {'memory': 2048, 'cpus': 2, 'limit_s': 900}
LIMIT_S = 200

PYTHON = os.path.realpath('/usr/bin/python3')
PYTHON_LIB = '/usr/lib/' + os.path.basename(PYTHON)
JAVA = os.path.realpath('/usr/bin/java')
JAVA_HOME = os.path.dirname(os.path.dirname(JAVA))
NEEDS = {
    'bash': ['/bin/bash'],
    'git': ['/usr/bin/git'],
    'tools': ['/bin/grep', '/usr/bin/seq', '/usr/bin/id', '/usr/bin/sort'],
    'getent': ['/usr/bin/getent', '/usr/bin/tail'],
    'script': ['/usr/bin/script'],
    'rsync': ['/usr/bin/rsync'],
    'erl': ['/usr/bin/erl', '/usr/lib/erlang'],
    'node': ['/usr/bin/node'],
    'python': [PYTHON, PYTHON_LIB],
    'java': [JAVA, JAVA_HOME + '/lib', JAVA_HOME + '/conf', '/etc/java-17-openjdk'],
}
TOO_LARGE = (JAVA_HOME + '/lib/src.zip', JAVA_HOME + '/lib/ct.sym', PYTHON_LIB + '/test')

ASYNCIO = '''
import asyncio, multiprocessing, socket, subprocess

async def main():
    child = await asyncio.create_subprocess_exec(
        '/bin/busybox', 'echo', 'sub', stdout=asyncio.subprocess.PIPE)
    print((await child.communicate())[0], child.returncode)
    a, b = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=a)
    b.sendall(b'line\\n')
    print(await reader.readline())
    writer.write(b'back')
    await writer.drain()
    print(b.recv(10))
    writer.close()
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, lambda: sum(range(1000))))

if __name__ == '__main__':
    asyncio.run(main())
    with multiprocessing.Pool(2) as pool:
        print(pool.map(abs, [-1, -2, 3]))
    a, b = socket.socketpair()
    socket.send_fds(a, [b'f'], [1])
    print(socket.recv_fds(b, 10, 1)[0])
'''

NODE = '''
const cp = require('child_process');
console.log(cp.execSync('echo sync').toString().trim());
cp.exec('echo async; exit 4', (e, out) => console.log(e && e.code, out.trim()));
const child = cp.fork('/prog/child.js');
child.on('message', m => { console.log(JSON.stringify(m)); child.disconnect(); });
child.send({hello: 1});
const { Worker } = require('worker_threads');
new Worker("require('worker_threads').parentPort.postMessage(5)", {eval: true})
    .on('message', m => console.log('worker', m));
'''

ERL = ('io:format("~p~n",[6*7]), io:format("~s",[os:cmd("echo port")]), '
       'P = open_port({spawn, "/bin/busybox cat"}, []), P ! {self(), {command, "there"}}, '
       'receive {P, {data, D}} -> io:format("~s~n",[D]) end, halt().')


def available():
    return {x for x, paths in NEEDS.items() if debian.installed(*paths)}


def FILES():
    files = debian.collect([p for x in sorted(available()) for p in NEEDS[x]], TOO_LARGE)
    files.update({
        'prog/aio.py': archive.file('x', ASYNCIO),
        'prog/n.js': archive.file('x', NODE),
        'prog/child.js': archive.file('x', 'process.on("message", m => process.send({echo: m}));'),
        'etc/nsswitch.conf': archive.file('x', 'passwd: files\ngroup: files\nhosts: files dns\n')})
    return files


RUNS = [
    ('bash', "bash -c 'echo a | { read x; echo got $x; }'", ['got a']),
    ('git', 'git init -q r && cd r && git -c user.name=x -c user.email=x@y '
            'commit -q --allow-empty -m first && git log --oneline', ['first']),
    ('tools', '/usr/bin/seq 1000 | /usr/bin/sort -rn | /bin/grep -c 5', ['271']),
    ('tools', '/usr/bin/id -un', ['root']),
    # glibc's getpwnam() asks nscd first, by a socket.
    ('getent', '/usr/bin/getent passwd root', ['root:x:0:0']),
    ('script', '/usr/bin/script -qc "echo inside; tty" log && cat log',
     ['inside', '/dev/pts/', 'inside']),
    ('rsync', 'mkdir -p a/b && head -c 3000000 /dev/urandom >a/b/c && '
              'rsync -a a/ d && cmp a/b/c d/b/c && echo same', ['same']),
    ('erl', f"HOME=/tmp erl -noshell -eval '{ERL}'", ['42', 'port', 'there']),
    ('node', 'node -e "console.log(6*7)"', ['42']),
    ('node', 'node /prog/n.js', ['sync', '4 async', '{"echo":{"hello":1}}', 'worker 5']),
    ('python', f'{PYTHON} /prog/aio.py',
     ["b'sub\\n' 0", "b'line\\n'", "b'back'", '499500', '[1, 2, 3]', "b'f'"]),
    ('java', f'{JAVA} -version', ['openjdk version']),
]


@pytest.mark.parametrize('needs,command,wanted', RUNS, ids=[
    f'{x[0]}{i}' for i, x in enumerate(RUNS)])
def test_program_of_debian(shell, needs, command, wanted):
    if needs not in available():
        pytest.skip(f'{needs} is not installed')
    output, status = shell.run(command, LIMIT_S)
    assert status == 0, output
    for text in wanted:
        assert text in output, (text, output)

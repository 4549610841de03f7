# SPDX-License-Identifier: MIT
"""ext2 and FAT after a crash at any moment: workloads in the kernel, replayed from QEMU's record (crash_replay.py).

The long form has all workloads of up to two operations: make check-disks. CRASH_KEEP=FOLDER keeps what was
wrong: the image before e2fsck's repair.
"""
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor

import pytest

import crash_replay as replay
from archive import file
from conftest import LONG_PROOF, disk_program
from test_ext2 import ENVIRONMENT, host, pytestmark  # noqa: F401
from test_pci import wait_until

IMAGE_BYTES = 256 << 10
KEEP = os.environ.get('CRASH_KEEP')
REPAIRED = {}


def make_base(path, options):
    """The file system in which each workload begins; what is free has bytes of something else."""
    tree = f'{path}.tree'
    for name, is_there in replay.Tree().paths.items():
        if is_there == replay.FOLDER:
            os.makedirs(f'{tree}/{name}', exist_ok=True)
        else:
            os.makedirs(os.path.dirname(f'{tree}/{name}'), exist_ok=True)
            with open(f'{tree}/{name}', 'wb') as f:
                f.write(replay.Tree().files[is_there])
    with open(path, 'wb') as f:
        f.write(bytes([replay.POISON]) * IMAGE_BYTES)
    if options.startswith('fat'):
        host('mkfs.fat', *options.split()[1:], path)
        host('mcopy', '-s', '-i', path, *(f'{tree}/{x}' for x in sorted(os.listdir(tree))), '::')
    else:
        host('mke2fs', '-q', '-F', '-t', 'ext2', '-E', 'nodiscard,lazy_itable_init=0', '-m', '0', '-N', '32', '-d', tree,
             *options.split(), path, f'{IMAGE_BYTES >> 10}k')
    with open(path, 'rb') as f:
        return f.read()


def check_states(states, repair):
    """How many there are, and what is wrong with some. Runs in a process of its own."""
    # e2fsck waits for the disk, where there is one.
    with tempfile.NamedTemporaryFile(dir='/dev/shm' if os.path.isdir('/dev/shm') else None) as f:
        return len(states), wrong_states(f.name, states, repair)


def wrong_states(path, states, repair):
    problems = []
    for state in states:
        key = hash(state.image)
        if key not in REPAIRED:                 # many workloads begin alike
            REPAIRED[key] = repair(path, state.image)
        problem, found = REPAIRED[key]
        if not problem:
            problem = replay.wrong(state.workload, state.first, found) or \
                replay.wrong(state.workload, state.last, found)
        if not problem:
            continue
        problems.append(f'{state.workload.text()}: {state.what}, {state.first} to {state.last} done: {problem}')
        if KEEP:
            with open(f'{KEEP}/{os.getpid()}.{len(problems)}.img', 'wb') as f:
                f.write(state.image)
    return problems


def repair_ext2(path, image):
    """What e2fsck could not repair, and what is there behind it."""
    with open(path, 'wb') as f:
        f.write(image)
    for options, allowed in (('-fy', (0, 1)), ('-fn', (0,))):
        done = subprocess.run(['e2fsck', options, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        if done.returncode not in allowed:
            return f'e2fsck {options}: {done.stdout.decode(errors="replace")}', None
        if done.returncode == 0:
            break
    with open(path, 'rb') as f:
        return None, replay.Ext2(f.read()).walk()


def repair_fat(path, image):
    """What fsck.fat could not repair, and what is there before: many never run it."""
    with open(path, 'wb') as f:
        f.write(image)
    for _ in range(4):                          # of a folder with two names it removes one when it runs again
        done = subprocess.run(['fsck.fat', '-a', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env=ENVIRONMENT)
        if done.returncode != 1:
            break
    if done.returncode:
        return f'fsck.fat: {done.stdout.decode(errors="replace")}', None
    return None, replay.Fat(image).walk()


def try_workloads(start, folder, script, options, choices, limit_s, cpus=1):
    is_fat = options.startswith('fat')
    repair, module, kind = (repair_fat, 'vfat', replay.Fat) if is_fat else (repair_ext2, 'ext2', replay.Ext2)
    base = make_base(f'{folder}/base', options)
    disk, log = f'{folder}/disk', f'{folder}/log'
    with open(disk, 'wb') as f:
        f.write(base + bytes(1 << 20))
    open(log, 'wb').close()
    files = {'crashwork': file('', disk_program('crashwork'), 0o755), 'base': file('', base),
             'script': file('', ''.join(x.text() + '\n' for x in script))}
    m = start(cpus=cpus, append='quiet', files=files, limit_s=limit_s + 100, qemu=[
        '-blockdev', f'driver=blklogwrites,node-name=d,file.driver=file,file.filename={disk},file.cache.no-flush=on,'
        f'log.driver=file,log.filename={log},log.cache.no-flush=on', '-device', 'virtio-blk-pci,drive=d']).boot()
    m.check(f'modprobe virtioblk; modprobe {module}; mkdir /m')
    wait_until(m, 'test -b /dev/vda')
    m.check(f'/crashwork /dev/vda /m /base /script {module}', limit_s)
    m.sendline('poweroff -f')
    m.wait_end()
    count, problems, jobs = 0, [], []
    with ProcessPoolExecutor(max(1, min(2, os.cpu_count() or 1))) as pool:
        seen = set()
        batch = []
        for workload, states in replay.run_states(replay.read_log(log), base, script, choices, kind):
            if isinstance(states, str):
                problems.append(f'{workload.text()}: {states}')
                continue
            for state in states:
                key = (hash(state.image), state.first, state.last, state.workload.text() if state.last else '')
                if key not in seen:
                    batch.append(state)
                seen.add(key)
            if len(batch) > 100:
                jobs.append(pool.submit(check_states, batch, repair))
                batch = []
        jobs.append(pool.submit(check_states, batch, repair))
        for job in jobs:
            done, found = job.result()
            count += done
            problems += found
    print(f'{len(script)} workloads, {count} states, {len(problems)} wrong')
    assert not problems, '\n'.join(problems[:20])
    assert count > len(script)


def test_what_was_synced_is_there_after_a_crash(start, tmp_path):
    """Some of the workloads, a different kind of operation at each step."""
    script = list(replay.workloads())[3::397]
    try_workloads(start, tmp_path, script, '-b 1024', 1, 60)


@pytest.mark.skipif(not shutil.which('mcopy'), reason='needs mtools')
def test_what_was_synced_is_on_fat_after_a_crash(start, tmp_path):
    try_workloads(start, tmp_path, list(replay.workloads(has_links=False))[3::397], 'fat -s 1', 1, 60)


@LONG_PROOF
@pytest.mark.long
@pytest.mark.parametrize('options', ['-b 1024', '-b 4096 -I 128', 'fat -s 1', 'fat -s 4'])
def test_every_workload_and_every_prefix(start, tmp_path, options):
    try_workloads(start, tmp_path, list(replay.workloads(not options.startswith('fat'))), options, 2, 1200)

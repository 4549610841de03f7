# SPDX-License-Identifier: MIT
"""Short runs of the fuzzers: they work, and find nothing at once."""
import os
import re
import subprocess

from conftest import BUILD, SOURCE


def test_the_loader_withstands_fuzzing():
    done = subprocess.run(
        [os.path.join(SOURCE, 'tests', 'fuzz', 'run'), os.path.abspath(BUILD),
         '--target', 'loader', '--runs', '4000', '--fresh'], text=True, timeout=700, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = re.search(r'fuzz: (\d+) executions in \d+ s, (\d+) edges, nothing '
                      'broke', done.stdout)
    assert done.returncode == 0 and found, done.stdout[-6000:]
    assert int(found[1]) == 4000 and int(found[2]) > 700


def test_pure_code_withstands_fuzzing():
    # Fixed seeds and numbers of runs; edges that only real inputs reach. They vary: multiboot's
    # were 154 to 180 in eight runs.
    edges = {'cpio': 105, 'inflate': 140, 'cmdline': 65, 'multiboot': 130,
             'acpi': 185, 'pci': 115, 'screen': 320, 'ldisc': 330, 'elf': 90}
    done = subprocess.run(
        [os.path.join(SOURCE, 'tests', 'fuzz', 'run'), os.path.abspath(BUILD),
         '--target', 'cpio,archive-kind,inflate,cmdline,multiboot,acpi,pci,'
         'screen,ldisc,keymap,script,elf', '--runs', '4000', '--fresh'],
        text=True, timeout=700, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-6000:]
    found = {m[0]: int(m[1]) for m in re.findall(
        r'fuzz: (\S+): 4000 executions in \d+ s, (\d+) edges', done.stdout)}
    assert len(found) == 12, done.stdout[-6000:]
    for target, least in edges.items():
        assert found[target] > least, (target, done.stdout[-6000:])


def test_networks_withstand_fuzzing():
    # Of inet it takes an input that finds no memory at all to see a timer that never runs again.
    edges = {'inet_shape': 60, 'filter_rule': 150, 'filter_frames': 300, 'filter_flow': 250, 'packet_program': 70, 'netlink': 25,
             'inet': 1500, 'minip': 150}
    done = subprocess.run(
        [os.path.join(SOURCE, 'tests', 'fuzz', 'run'), os.path.abspath(BUILD),
         '--target', ','.join(edges), '--runs', '400', '--fresh'],
        text=True, timeout=700, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-6000:]
    found = {m[0]: int(m[1]) for m in re.findall(r'fuzz: (\S+): 400 executions in \d+ s, (\d+) edges', done.stdout)}
    if 'there are no TCP/IP stacks' in done.stdout:
        del edges['inet'], edges['minip']
    assert set(found) == set(edges), done.stdout[-6000:]
    for target, least in edges.items():
        assert found[target] > least, (target, done.stdout[-6000:])

# SPDX-License-Identifier: MIT
"""Firmware that lies: the kernel boots all the same, and says what it left out.

gdb spoils the tables in memory (acpi_corrupt.py) before the kernel reads them.
"""
import os
import re

import pytest

from debugger import gdb

pytestmark = pytest.mark.banos
LONG = pytest.mark.long
HERE = os.path.dirname(os.path.abspath(__file__))

# What it says of it, and whether several processors are still found.
KINDS = {
    'rsdp-checksum': ('acpi: no ACPI tables', False),
    'rsdt-nowhere': ('acpi: no ACPI tables', False),
    'rsdt-short': ('acpi: no ACPI tables', False),
    'rsdt-long': ('acpi: no ACPI tables', False),
    'rsdt-junk-pointers': ('acpi: 0 processors', False),
    'madt-checksum': (r'acpi: table APIC at \w+ .*ignored', False),
    'madt-short': (r'acpi: table APIC at \w+ .*ignored', False),
    'madt-long': (r'acpi: table APIC at \w+ .*ignored', False),
    'madt-endless-entry': ('acpi: ', False),
    'madt-entry-beyond': ('acpi: ', False),
    'madt-ioapic-nowhere': ('ioapic: no I/O APIC found at dead0000', True),
    'fadt-checksum': (r'acpi: table FACP at \w+ .*ignored', True),
    'fadt-short': ('acpi: ', True),
    'fadt-dsdt-nowhere': ('acpi: ', True),
    'hpet-nowhere': ('by acpi_pm', True),
}
QUICK = ['madt-checksum', 'madt-long', 'fadt-short']


def boot_spoiled(scratch, kind):
    return gdb(scratch, [f"python KIND = '{kind}'",
                         f'source {HERE}/acpi_corrupt.py'],
               append='init=/bin/sh -- -c '
               'sleep${IFS}0.05;echo${IFS}alive;poweroff${IFS}-f')


def check_alive(out):
    assert 'panic' not in out, out
    assert re.search(r'^alive\r?$', out, re.M), out


@pytest.mark.parametrize('kind', [
    pytest.param(x, marks=[] if x in QUICK else LONG) for x in KINDS])
def test_spoiled_tables_are_survived(scratch, kind):
    said, several = KINDS[kind]
    out = boot_spoiled(scratch, kind)
    check_alive(out)
    assert re.search(said, out), out
    assert ('smp: 2 processors' in out) == several, out


@pytest.mark.long
@pytest.mark.parametrize('seed', range(40))
def test_random_bytes_in_tables_are_survived(scratch, seed):
    check_alive(boot_spoiled(scratch, f'random-{seed}'))


@pytest.mark.parametrize('table', [
    pytest.param('sig=SSDT,data=/proc/self/cmdline', marks=LONG), 'sig=\\\\000\\\\377,data=/etc/hostname',
    pytest.param('sig=APIC,data=/etc/passwd', marks=LONG),
    pytest.param('sig=HPET,data=/etc/hostname', marks=LONG)])
def test_tables_of_others_change_nothing(start, table):
    m = start(qemu=['-acpitable', table], cpus=2).boot()
    assert 'smp: 2 processors' in m.check('dmesg')
    m.sendline('poweroff -f')
    assert m.wait_end() == 0

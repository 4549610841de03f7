# SPDX-License-Identifier: MIT
"""The machine's own screen and keyboard, and the ways to boot that have them:
QEMU's -kernel, and GRUB on a disc, under BIOS and under UEFI."""
import os
import shutil
import subprocess
import time

import pytest

import machine as machines
import screen

pytestmark = pytest.mark.banos

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       '..', '..', 'scripts')
GREY, BLACK, RED, BLUE, GREEN = '222', '000', '200', '002', '131'
# The kernel's last messages on these boots can be older than the screen; the
# shell's prompt is what comes last.
PROMPT = 'root@banos:'


@pytest.fixture(scope='module')
def iso():
    """What "make iso" makes."""
    subprocess.run(['sh', f'{SCRIPTS}/iso.sh', machines.BUILD], check=True,
                   stdout=subprocess.DEVNULL)
    return os.path.join(machines.BUILD, 'banos.iso')


@pytest.fixture
def uefi(scratch):
    """QEMU's options for a machine with UEFI firmware."""
    variables = scratch / 'vars.fd'
    shutil.copy('/usr/share/OVMF/OVMF_VARS_4M.fd', variables)
    return ['-drive', 'if=pflash,format=raw,readonly=on,'
            'file=/usr/share/OVMF/OVMF_CODE_4M.fd',
            '-drive', f'if=pflash,format=raw,file={variables}']


def choose(m, entry=1):
    """In GRUB's menu, by serial line."""
    m.expect(r'Banos \(multiboot 1\)', 60)
    if entry == 2:
        m.send('\x1b[B')
        m.expect(r'\*Banos \(multiboot 1\)', 10)
    m.send('\r')


def both_shells(m, font):
    """The kernel's messages and a shell are on the serial line and on the
    screen, and keys typed at the screen's keyboard reach the latter."""
    rows = '\n'.join(m.monitor.text(font))
    m.monitor.wait_text(font, PROMPT)
    assert 'Banos' in rows or 'Banos' in '\n'.join(m.monitor.text(font))
    m.monitor.wait_text(font, r'\[ +0\.\d{6}\] clock: ')
    m.monitor.type('echo Aa | tee /dev/ttyS0\n')
    m.expect('Aa\r', 10)
    m.monitor.wait_text(font, '^Aa$')


def test_vga_text_and_keyboard_beside_serial(start):
    m = start(append='console=tty0 console=ttyS0', monitor=True)
    m.boot()
    font = screen.vga_font()
    picture = m.monitor.picture()
    assert picture.is_text_mode
    both_shells(m, font)
    # What the kernel says later comes to both.
    m.check('echo said now >/dev/kmsg')
    m.monitor.wait_text(font, 'said now')
    assert 'said now' in m.check('dmesg')


def test_screen_scrolls_and_colours(start):
    m = start(append='console=tty0 console=ttyS0', monitor=True)
    m.boot()
    font = screen.vga_font()
    m.monitor.wait_text(font, PROMPT)
    m.check('seq 101 160 >/dev/tty1')
    rows = m.monitor.text(font)
    assert [x for x in rows if x] == [str(n) for n in range(160 - 23, 161)]
    assert rows[24] == ''
    m.check(r"printf '\033[2J\033[H\033[31mR\033[1;32mG\033[0;44mB\033[0m.' "
            '>/dev/tty1')
    picture = m.monitor.picture()
    assert [picture.cell(i, 0)[1:] for i in range(2)] == [
        (RED, BLACK), (GREEN, BLACK)]
    assert picture.cell(2, 0)[1:] == (GREY, BLUE)
    assert m.monitor.text(font)[0] == 'RGB.'


def test_keys_with_shift_control_and_alt(start):
    m = start(append='console=tty0 console=ttyS0', monitor=True)
    m.boot()
    font = screen.vga_font()
    m.monitor.wait_text(font, PROMPT)
    m.monitor.type('sleep 1000\n')
    m.monitor.wait_text(font, 'sleep 1000')
    time.sleep(0.3)
    m.monitor.press('ctrl', 'c')
    m.monitor.type('echo A_$? >/dev/ttyS0\n')
    m.expect('A_130', 10)
    # Another console, and back.
    m.monitor.press('alt', 'f2')
    m.monitor.wait_text(font, '^$')
    assert not any(PROMPT in x for x in m.monitor.text(font))
    m.monitor.press('alt', 'f1')
    m.monitor.wait_text(font, PROMPT)


@pytest.mark.long
def test_screen_alone_is_the_console(start):
    m = start(append='console=tty0', monitor=True)
    font = screen.vga_font()
    m.monitor.wait_text(font, PROMPT, 30)
    m.monitor.type('poweroff\n')
    assert m.wait_end() == 0


def test_grub_under_bios(start, iso):
    """Multiboot 2, which is the first entry of the menu."""
    m = start(iso=iso, monitor=True)
    choose(m)
    m.boot()
    assert 'multiboot 2' in m.check('dmesg')
    both_shells(m, screen.kernel_font())
    m.sendline('poweroff')
    assert m.wait_end() == 0




@pytest.mark.parametrize('machine', ['pc', 'q35'])
@pytest.mark.long
def test_grub_under_bios_multiboot_1(start, iso, machine):
    m = start(iso=iso, machine=machine, monitor=True)
    choose(m, entry=2)
    m.boot()
    assert 'multiboot 1' in m.check('dmesg')
    picture = m.monitor.picture()
    both_shells(m, screen.vga_font() if picture.is_text_mode
                else screen.kernel_font())
    m.sendline('poweroff')
    assert m.wait_end() == 0


def test_grub_under_uefi(start, iso, uefi):
    m = start(iso=iso, machine='q35', qemu=uefi, cpus=2, monitor=True)
    choose(m)
    m.boot()
    log = m.check('dmesg')
    assert 'multiboot 2' in log and 'smp: 2 processors' in log
    assert 'S5' in log
    both_shells(m, screen.kernel_font())
    picture = m.monitor.picture()
    assert picture.height >= 480 and {GREY, BLACK} <= picture.colours()
    m.sendline('poweroff')
    assert m.wait_end() == 0


@pytest.mark.parametrize('cpus', [1, 4])
@pytest.mark.parametrize('how', ['reboot', 'halt'])
@pytest.mark.long
def test_the_end_under_uefi(start, iso, uefi, cpus, how):
    m = start(iso=iso, machine='q35', qemu=uefi, cpus=cpus)
    choose(m)
    m.boot()
    m.sendline(how)
    if how == 'reboot':
        assert m.wait_end() == 0
    else:
        m.expect('power: halted', 10)


@pytest.mark.long
def test_framebuffer_scrolls_colours_and_switches(start, iso):
    m = start(iso=iso, monitor=True)
    choose(m)
    m.boot()
    font = screen.kernel_font()
    m.monitor.wait_text(font, PROMPT)
    m.check('seq 101 200 >/dev/tty1')
    rows = [x for x in m.monitor.text(font) if x]
    assert rows == [str(n) for n in range(201 - len(rows), 201)]
    assert len(rows) > 30
    m.check(r"printf '\033[2J\033[H\033[31mR\033[1;32mG\033[0;44mB\033[0m.' "
            '>/dev/tty1')
    picture = m.monitor.picture()
    assert [picture.cell(i, 0)[1:] for i in range(3)] == [
        (RED, BLACK), (GREEN, BLACK), (GREY, BLUE)]
    m.monitor.press('alt', 'f3')
    time.sleep(0.3)
    assert 'RGB.' not in m.monitor.text(font)
    m.monitor.press('alt', 'left')
    m.monitor.press('alt', 'left')
    m.monitor.wait_text(font, 'RGB.')

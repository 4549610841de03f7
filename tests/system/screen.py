# SPDX-License-Identifier: MIT
"""The machine's screen, read as a person would: as text, from its dots.

A screen is what QEMU's screendump shows. Cells of 8 (VGA in text mode: 9) by
16 dots are compared with the characters of a font: the kernel's own where it
draws on a framebuffer, QEMU's VGA BIOS's in text mode.
"""
import os
import re
import time

from qmp import Qmp

FONT_SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           '..', '..', 'device', 'tty', 'font.c')
VGA_BIOS = ['/usr/share/seabios/vgabios-stdvga.bin',
            '/usr/share/qemu/vgabios-stdvga.bin']
ROWS = 16
# Character 1 of the VGA BIOS's font of 16 rows: a smiling face.
SMILE = bytes([0, 0, 0x7e, 0x81, 0xa5, 0x81, 0x81, 0xbd, 0x99, 0x81, 0x81,
               0x7e, 0, 0, 0, 0])


def kernel_font():
    """{dots: character} of device/tty/font.c; dots are 16 bytes."""
    with open(FONT_SOURCE, encoding='utf-8') as f:
        rows = re.findall(r'^\t\[0x(\w\w)\] = \{ ([^}]*) \}', f.read(), re.M)
    font = {bytes(int(x, 0) for x in dots.split(',')): chr(int(code, 16))
            for code, dots in reversed(rows) if 0x20 < int(code, 16) < 0x7f}
    font[bytes(ROWS)] = ' '
    return font


def vga_font():
    """The same of the VGA BIOS, where the font stands as it is."""
    path = next(x for x in VGA_BIOS if os.path.exists(x))
    with open(path, 'rb') as f:
        rom = f.read()
    at = rom.index(SMILE) - ROWS
    return {rom[at + c * ROWS:at + (c + 1) * ROWS]: chr(c)
            for c in reversed(range(0x20, 0x7f))}


def shade(dot):
    """A colour, each part from 0 to 3: VGA has 6 bits where others have 8."""
    return ''.join(str(round(part / 85)) for part in dot)


class Picture:
    """A screendump: width, height, and the dots as (red, green, blue)."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            kind, size, _, self.data = f.read().split(b'\n', 3)
        assert kind == b'P6'
        self.width, self.height = map(int, size.split())
        self.is_text_mode = (self.width, self.height) == (720, 400)
        self.cell_width = 9 if self.is_text_mode else 8

    def dot(self, x, y):
        at = (y * self.width + x) * 3
        return self.data[at:at + 3]

    def colours(self):
        return {shade(self.data[i:i + 3])
                for i in range(0, len(self.data), 3)}

    def cell(self, column, row):
        """(dots, colour of the dots, colour behind them) of one cell; the
        colour in its corner is taken for the background."""
        left, top = column * self.cell_width, row * ROWS
        ground = self.dot(left, top)
        ink, dots = ground, bytearray()
        for y in range(top, top + ROWS):
            bits = 0
            for x in range(left, left + 8):
                dot = self.dot(x, y)
                bits <<= 1
                if dot != ground:
                    bits |= 1
                    ink = dot
            dots.append(bits)
        return bytes(dots), shade(ink), shade(ground)

    def rows(self, font):
        """The text; a cell with no character of the font is a DEL, the
        cursor, which is a bar at the foot of a cell, a blank."""
        def character(x, y):
            dots = self.cell(x, y)[0]
            return font.get(dots, '\x7f' if any(dots[:ROWS - 3]) else ' ')
        return [''.join(character(x, y)
                        for x in range(self.width // self.cell_width)).rstrip()
                for y in range(self.height // ROWS)]


KEYS = {' ': 'spc', '\n': 'ret', '-': 'minus', '/': 'slash', '.': 'dot',
        ';': 'semicolon', '=': 'equal', "'": 'apostrophe', ',': 'comma',
        '>': 'shift-dot', '|': 'shift-backslash', '"': 'shift-apostrophe',
        '$': 'shift-4', '&': 'shift-7', '_': 'shift-minus', '\t': 'tab',
        '\\': 'backslash', '[': 'bracket_left', '*': 'shift-8',
        '?': 'shift-slash'}


class Monitor(Qmp):
    """Screen and keyboard."""

    def picture(self):
        path = os.path.join(self.folder.name, 'screen.ppm')
        self.command('screendump', filename=path)
        return Picture(path)

    def text(self, font):
        return self.picture().rows(font)

    def wait_text(self, font, pattern, limit_s=20):
        """Until the pattern stands in a row of the screen; the match."""
        end = time.monotonic() + limit_s
        while True:
            rows = self.text(font)
            for row in rows:
                found = re.search(pattern, row)
                if found:
                    return found
            if time.monotonic() > end:
                raise AssertionError(f'no {pattern!r} on the screen:\n' +
                                     '\n'.join(rows))
            time.sleep(0.1)

    def press(self, *keys):
        """Keys by QEMU's names, pressed together and let go."""
        self.command('send-key', **{'hold-time': 20, 'keys': [
            {'type': 'qcode', 'data': x} for x in keys]})
        # They are let go after that time; the next may not come before.
        time.sleep(0.03)

    def type(self, text):
        for c in text:
            name = KEYS.get(c) or ('shift-' + c.lower() if c.isupper() else c)
            self.press(*name.split('-'))

    def nmi(self):
        self.command('inject-nmi')

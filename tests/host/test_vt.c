// SPDX-License-Identifier: MIT
/*
 * The virtual terminal: bytes in, screen out. Most tests are a row of a table: a
 * screen of 8 by 4, what is written to it, and what it shows, rows separated by
 * '/' with blanks at their ends left out, and where the cursor is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../device/tty/vt.h"
#include <kernel/string.h>

#define COLS 8
#define ROWS 4

struct row {
	const char *name, *written, *screen;
	u32 x, y;
};

static const struct row rows[] = {
	{ "text", "abc", "abc///", 3, 0 },
	{ "new lines", "ab\r\ncd\nef", "ab/cd/  ef/", 4, 2 },
	{ "the last column keeps the cursor", "abcdefgh", "abcdefgh///", 7, 0 },
	{ "the next character wraps", "abcdefghi", "abcdefgh/i//", 1, 1 },
	{ "a return after the last column does not wrap", "abcdefgh\rX", "Xbcdefgh///", 1, 0 },
	{ "no wrapping when switched off", "\033[?7labcdefghij", "abcdefgj///", 7, 0 },
	{ "scrolling", "1\r\n2\r\n3\r\n4\r\n5", "2/3/4/5", 1, 3 },
	{ "backspace", "ab\bX\b\b\b\bY", "YX///", 1, 0 },
	{ "tab", "\tX", "       X///", 7, 0 },
	{ "tab stops", "\033[3g\033[3C\033H\r\tX", "   X///", 4, 0 },
	{ "cursor address", "\033[2;3HX", "/  X//", 3, 1 },
	{ "cursor address is clamped", "\033[99;99HX", "///       X", 7, 3 },
	{ "moves", "\033[3;4H\033[2A\033[2DX\033[BY\033[EZ", " X/  Y/Z/", 1, 2 },
	{ "column and row", "\033[5GX\033[3dY", "    X//     Y/", 6, 2 },
	{ "erase to the end of the line", "abcdef\033[3D\033[K", "abc///", 3, 0 },
	{ "erase to the start of the line", "abcdef\033[3D\033[1K", "    ef///", 3, 0 },
	{ "erase the line", "ab\r\ncd\033[2K", "ab///", 2, 1 },
	{ "erase below", "1\r\n2\r\n3\033[2;1H\033[J", "1///", 0, 1 },
	{ "erase above", "1\r\n2\r\n3\033[2;1H\033[1J", "//3/", 0, 1 },
	{ "erase all", "1\r\n2\033[2J", "///", 1, 1 },
	{ "insert lines", "1\r\n2\r\n3\033[2;1H\033[L", "1//2/3", 0, 1 },
	{ "delete lines", "1\r\n2\r\n3\033[1;1H\033[2M", "3///", 0, 0 },
	{ "insert characters", "abc\r\033[2@", "  abc///", 0, 0 },
	{ "delete characters", "abcd\r\033[2P", "cd///", 0, 0 },
	{ "erase characters", "abcd\r\033[2X", "  cd///", 0, 0 },
	{ "insert mode", "abc\r\033[4hX\033[4lY", "XYbc///", 2, 0 },
	{ "repeat", "a\033[3b", "aaaa///", 4, 0 },
	{ "scroll region", "1\r\n2\r\n3\r\n4\033[2;3r\033[3;1H\nX", "1/3/X/4", 1, 2 },
	{ "reverse line feed at the top of the region", "1\r\n2\r\n3\r\n4\033[2;3r\033[2;1H\033MX",
	  "1/X/2/4", 1, 1 },
	{ "origin mode", "\033[2;3r\033[?6h\033[1;1HX\033[9;1HY", "/X/Y/", 1, 2 },
	{ "a bad region is ignored", "\033[3;2rX", "X///", 1, 0 },
	{ "save and restore", "ab\0337\033[3;3HX\0338Y", "abY//  X/", 3, 0 },
	{ "save and restore, the other way", "ab\033[s\033[3;3HX\033[uY", "abY//  X/", 3, 0 },
	{ "index, next line", "a\033Db\033Ec", "a/ b/c/", 1, 2 },
	{ "reset", "ab\033[2;3r\033cX", "X///", 1, 0 },
	{ "control characters inside a sequence", "ab\033[\r2CX", "abX///", 3, 0 },
	{ "cancel ends a sequence", "a\033[3\030bc", "abc///", 3, 0 },
	{ "an unknown sequence is swallowed", "a\033[>5;6zb\033[1;2;3!pc", "abc///", 3, 0 },
	{ "too many parameters", "a\033[1;2;3;4;5;6;7;8;9;1;2;3;4;5;6;7;8;9mb", "ab///", 2, 0 },
	{ "a title is swallowed", "a\033]0;title\007b\033]0;t\033\\c", "abc///", 3, 0 },
	{ "UTF-8 to code page 437", "\xc3\xa9\xe2\x94\x80x", "\x82\xc4x///", 3, 0 },
	{ "no glyph", "\xe4\xb8\xad|", "\xfe |///", 3, 0 },
	{ "combining marks take no column", "e\xcc\x81x", "ex///", 2, 0 },
	{ "ill-formed UTF-8", "\xff\xc3x\xc0\x80|", "\xfe\xfex\xfe\xfe|///", 6, 0 },
	{ "DEC graphics", "\033(0lqk\033(Bl", "\xda\xc4\xbfl///", 4, 0 },
	{ "graphics by shift out", "\016q\017q", "\xc4q///", 2, 0 },
	{ "the raw font", "\033[11m\xc4\xb3\003\033[10mx", "\xc4\xb3\003x///", 4, 0 },
	{ "the alignment screen", "\033#8", "EEEEEEEE/EEEEEEEE/EEEEEEEE/EEEEEEEE", 0, 0 },
};

static vt_cell cells[COLS * ROWS];
static struct vt vt_state;

static void show(char *out)
{
	for (u32 line = 0; line < ROWS; line++) {
		u32 count = COLS;

		while (count && (cells[line * COLS + count - 1] & 0xff) == ' ')
			count--;
		for (u32 column = 0; column < count; column++)
			*out++ = cells[line * COLS + column];
		if (line + 1 < ROWS)
			*out++ = '/';
	}
	*out = 0;
}

static void put(const char *text)
{
	vt_write(&vt_state, (const u8 *)text, strlen(text));
}

static void each_row_of_the_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		char out[64], split[64];

		vt_init(&vt_state, COLS, ROWS, cells);
		put(row->written);
		show(out);
		if (strcmp(out, row->screen) || vt_state.pen.column != row->x ||
		    vt_state.pen.row != row->y)
			fail_msg("%s: \"%s\" at %u,%u", row->name, out, vt_state.pen.column,
				 vt_state.pen.row);
		/* The same, byte by byte. */
		vt_init(&vt_state, COLS, ROWS, cells);
		for (const char *text = row->written; *text; text++)
			vt_write(&vt_state, (const u8 *)text, 1);
		show(split);
		assert_string_equal(split, out);
	}
}

static u8 attr_after(const char *text)
{
	vt_init(&vt_state, COLS, ROWS, cells);
	put(text);
	put("\rX");
	return cells[0] >> 8;
}

static void looks(void **state)
{
	assert_int_equal(attr_after(""), 0x07);
	assert_int_equal(attr_after("\033[1m"), 0x0f);
	assert_int_equal(attr_after("\033[31m"), 0x04);
	assert_int_equal(attr_after("\033[1;33;44m"), 0x1e);
	assert_int_equal(attr_after("\033[7m"), 0x70);
	assert_int_equal(attr_after("\033[1;31;7m"), 0x48);
	assert_int_equal(attr_after("\033[1;7m\033[m"), 0x07);
	assert_int_equal(attr_after("\033[2m"), 0x08);
	assert_int_equal(attr_after("\033[92m"), 0x0a);
	assert_int_equal(attr_after("\033[38;5;9m"), 0x0c);
	assert_int_equal(attr_after("\033[38;2;0;0;255m"), 0x09);
	assert_int_equal(attr_after("\033[48;5;1m"), 0x47);
	assert_int_equal(attr_after("\033[31m\033[39m"), 0x07);
	assert_int_equal(attr_after("\033[5m"), 0x87);
	assert_int_equal(attr_after("\033[?5h"), 0x70);
	assert_int_equal(attr_after("\033[38;5m"), 0x07);
}

static void erasing_uses_the_background(void **state)
{
	vt_init(&vt_state, COLS, ROWS, cells);
	put("\033[44m\033[2J");
	assert_int_equal(cells[5], 0x1700 | ' ');
}

static void queries_are_answered(void **state)
{
	vt_init(&vt_state, COLS, ROWS, cells);
	put("\033[2;3H\033[6n\033[5n\033[c");
	assert_int_equal(vt_state.reply_len, 6 + 4 + 5);
	assert_memory_equal(vt_state.reply, "\033[2;3R\033[0n\033[?6c", 15);
	for (u32 i = 0; i < 100; i++)
		put("\033[c");
	assert_true(vt_state.reply_len <= VT_REPLY_SIZE);
}

static void modes_for_the_keyboard(void **state)
{
	vt_init(&vt_state, COLS, ROWS, cells);
	put("\033[?1h\033=\033[20h\033[?25l\007");
	assert_true(vt_state.app_cursor && vt_state.app_keypad && vt_state.newline &&
		    !vt_state.cursor_visible && vt_state.bell);
	put("\033[?1l\033>\033[20l\033[?25h");
	assert_true(!vt_state.app_cursor && !vt_state.app_keypad && !vt_state.newline &&
		    vt_state.cursor_visible);
}

static void changed_rows_are_marked(void **state)
{
	vt_init(&vt_state, COLS, ROWS, cells);
	vt_clean(&vt_state);
	put("\033[3;1HX");
	assert_int_equal(vt_state.dirty[0], 1 << 2);
	vt_clean(&vt_state);
	put("\033[2;3r\033[3;1H\n");
	assert_int_equal(vt_state.dirty[0], 6);
}

/* Random sequences on screens of odd sizes: nothing outside the cells is touched (the sanitizer looks). */
static void no_sequence_leads_off_the_screen(void **state)
{
	static const char bits[] =
		"\033\033\033[[[[;;;0123456789?ABCDEFGHJKLMPSTXrmhlsu@d\n\r\b\t\016\017()#%8DEMc ab\xc3\xa9\xff";
	u64 seed = 1;

	for (u32 round = 0; round < 300; round++) {
		u32 cols = 1 + round % 13, lines = 1 + round % 5;
		vt_cell *mine = malloc(cols * lines * sizeof(*mine));

		vt_init(&vt_state, cols, lines, mine);
		for (u32 i = 0; i < 4000; i++) {
			u8 c;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			if (seed >> 63)
				c = bits[(seed >> 32) % (sizeof(bits) - 1)];
			else if ((seed >> 33) % 5)
				c = '1';
			else
				c = seed >> 40;
			vt_write(&vt_state, &c, 1);
			assert_true(vt_state.pen.column < cols && vt_state.pen.row < lines);
			assert_true(vt_state.top < vt_state.bottom && vt_state.bottom <= lines);
			vt_state.reply_len = 0;
		}
		free(mine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table),
		cmocka_unit_test(looks),
		cmocka_unit_test(erasing_uses_the_background),
		cmocka_unit_test(queries_are_answered),
		cmocka_unit_test(modes_for_the_keyboard),
		cmocka_unit_test(changed_rows_are_marked),
		cmocka_unit_test(no_sequence_leads_off_the_screen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

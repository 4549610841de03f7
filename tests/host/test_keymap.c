// SPDX-License-Identifier: MIT
/* The keyboard: scan codes in, characters and actions out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../device/tty/keymap.h"
#include <kernel/string.h>

struct row {
	const char *name, *codes, *typed;
	struct keymap_modes modes;
};

static const struct row rows[] = {
	{ "letters", "\x1e\x9e\x30\xb0", "ab" },
	{ "shift", "\x2a\x1e\x9e\xaa\x1e", "Aa" },
	{ "right shift and a sign", "\x36\x02\xb6", "!" },
	{ "caps lock is for letters only", "\x3a\xba\x1e\x02\x2a\x1e\xaa", "A1a" },
	{ "control", "\x1d\x2e\x9d\x2e", "\003c" },
	{ "right control", "\xe0\x1d\x20\xe0\x9d", "\004" },
	{ "control and backslash, bracket, slash", "\x1d\x2b\x1b\x35", "\034\035\037" },
	{ "alt is an escape in front", "\x38\x21\xb8", "\033f" },
	{ "enter, tab, backspace, escape", "\x1c\x0f\x0e\x01", "\r\t\177\033" },
	{ "enter in newline mode", "\x1c", "\r\n", { .newline = true } },
	{ "back tab", "\x2a\x0f", "\033[Z" },
	{ "arrows", "\xe0\x48\xe0\xc8\xe0\x50\xe0\x4d\xe0\x4b", "\033[A\033[B\033[C\033[D" },
	{ "arrows in application mode",
	  "\xe0\x48\xe0\x50",
	  "\033OA\033OB",
	  { .app_cursor = true } },
	{ "home, end, pages, insert, delete", "\xe0\x47\xe0\x4f\xe0\x49\xe0\x51\xe0\x52\xe0\x53",
	  "\033[1~\033[4~\033[5~\033[6~\033[2~\033[3~" },
	{ "grey keys with their shadow shift", "\xe0\x2a\xe0\x48\xe0\xc8\xe0\xaa\x1e", "\033[Aa" },
	{ "function keys", "\x3b\x3f\x40\x44\x57\x58",
	  "\033[[A\033[[E\033[17~\033[21~\033[23~\033[24~" },
	{ "keypad moves", "\x48\x4b", "\033[A\033[D" },
	{ "keypad with num lock", "\x45\xc5\x48\x4b\x53\x4a\x4e", "84.-+" },
	{ "keypad in application mode", "\x47", "\033Ow", { .app_keypad = true } },
	{ "keypad enter and slash", "\xe0\x1c\xe0\x35", "\r/" },
	{ "alt and digits type a character", "\x38\x4d\x4c\xb8", "A" },
	{ "pause is swallowed", "\xe1\x1d\x45\xe1\x9d\xc5\x1e", "a" },
	{ "the key between shift and z", "\x56\x2a\x56", "<>" },
	{ "unknown codes", "\x7f\x5b\xe0\x5b\xe0\x7e\x1e", "a" },
};

static void each_row_of_the_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		char typed[64];
		size_t count = 0;
		struct keymap keymap;

		keymap_init(&keymap);
		for (const char *c = row->codes; *c; c++) {
			struct keymap_result result = keymap_feed(&keymap, *c, row->modes);

			if (result.action == KEYMAP_TEXT) {
				memcpy(typed + count, result.text, result.len);
				count += result.len;
			}
		}
		typed[count] = 0;
		if (strcmp(typed, row->typed))
			fail_msg("%s: \"%s\" instead of \"%s\"", row->name, typed, row->typed);
	}
}

static struct keymap_result last_of(struct keymap *keymap, const char *codes)
{
	struct keymap_result result = { KEYMAP_NOTHING };

	while (*codes)
		result = keymap_feed(keymap, *codes++, (struct keymap_modes){ 0 });
	return result;
}

static void actions(void **state)
{
	struct keymap_result result;
	struct keymap keymap;

	keymap_init(&keymap);
	result = last_of(&keymap, "\x38\x3c");
	assert_int_equal(result.action, KEYMAP_SWITCH);
	assert_int_equal(result.number, 1);
	keymap_init(&keymap);
	assert_int_equal(last_of(&keymap, "\x38\xe0\x4d").action, KEYMAP_NEXT);
	assert_int_equal(last_of(&keymap, "\x1d\xe0\x53").action, KEYMAP_REBOOT);
	keymap_init(&keymap);
	assert_int_equal(last_of(&keymap, "\x3a").action, KEYMAP_LEDS);
	assert_int_equal(keymap_leds(&keymap), 4);
	assert_int_equal(last_of(&keymap, "\xba\x3a").action, KEYMAP_LEDS);
	assert_int_equal(keymap_leds(&keymap), 0);
}

static void control_and_space_is_a_zero_byte(void **state)
{
	struct keymap_result result;
	struct keymap keymap;

	keymap_init(&keymap);
	result = last_of(&keymap, "\x1d\x39");
	assert_int_equal(result.action, KEYMAP_TEXT);
	assert_int_equal(result.len, 1);
	assert_int_equal(result.text[0], 0);
}

static void no_sequence_of_bytes_confuses_it(void **state)
{
	struct keymap keymap;
	u64 x = 1;

	keymap_init(&keymap);
	for (u32 i = 0; i < 1000000; i++) {
		struct keymap_modes modes = { x >> 40 & 1, x >> 41 & 1, x >> 42 & 1 };
		struct keymap_result result;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		result = keymap_feed(&keymap, x >> 56, modes);
		assert_true(result.len <= KEYMAP_MAX_TEXT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table),
		cmocka_unit_test(actions),
		cmocka_unit_test(control_and_space_is_a_zero_byte),
		cmocka_unit_test(no_sequence_of_bytes_confuses_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* lib/format.c against libc's printf, and what is our own in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <kernel/string.h>
#include "../../lib/libc_names.h"

/* Formats are made at run time and some are wrong on purpose. */
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-security"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#endif

#define SAME_AS_LIBC(...)                                                       \
	do {                                                                    \
		char ours[256], libc[256];                                      \
		int n = snprintf(ours, sizeof(ours), __VA_ARGS__);              \
		int want = __builtin_snprintf(libc, sizeof(libc), __VA_ARGS__); \
		assert_string_equal(ours, libc);                                \
		assert_int_equal(n, want);                                      \
	} while (0)

static const char *const flags[] = {
	"", "-", "+", " ", "0", "#", "-0", "+0", " 0", "#0", "-#", "-+", "+ ", "#-0", "+#0",
};
static const char *const sizes[] = {
	"", "1", "2", "7", "20", ".", ".0", ".1", ".5", ".12", "7.3", "3.7", "20.20",
};

static void integers_come_out_as_in_libc(void **state)
{
	static const s64 values[] = {
		0,	    1,	       -1,	  7,	     8,		 9,	    10,
		42,	    -42,       99,	  100,	     127,	 128,	    255,
		256,	    32767,     65535,	  65536,     1000000007, INT32_MAX, INT32_MIN,
		UINT32_MAX, 1ll << 40, INT64_MAX, INT64_MIN,
	};
	static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z", "t", "j" };
	char format[32];

	for (size_t flag = 0; flag < ARRAY_SIZE(flags); flag++)
		for (size_t size = 0; size < ARRAY_SIZE(sizes); size++)
			for (size_t length = 0; length < ARRAY_SIZE(lengths); length++)
				for (const char *conversion = "diuoxX"; *conversion; conversion++) {
					__builtin_sprintf(format, "<%%%s%s%s%c>", flags[flag],
							  sizes[size], lengths[length],
							  *conversion);
					for (size_t value = 0; value < ARRAY_SIZE(values); value++)
						SAME_AS_LIBC(format, values[value]);
				}
}

static void strings_and_characters_come_out_as_in_libc(void **state)
{
	char format[32];

	for (size_t size = 0; size < ARRAY_SIZE(sizes); size++)
		for (int left = 0; left < 2; left++) {
			__builtin_sprintf(format, "<%%%s%ss>", left ? "-" : "", sizes[size]);
			SAME_AS_LIBC(format, "");
			SAME_AS_LIBC(format, "abc");
			SAME_AS_LIBC(format, "a longer text than any width");
		}
	SAME_AS_LIBC("%c%5c%-5c|", 'a', 'b', 'c');
	SAME_AS_LIBC("%%|%d%%", 100);
	SAME_AS_LIBC("%*d|%-*d|%*d|%.*d|%.*d", 6, 42, 6, 42, -6, 42, 4, 42, -4, 42);
	SAME_AS_LIBC("%*.*s|", 8, 2, "abcdef");
	SAME_AS_LIBC("%s %d %s %lu %c %x", "a", 1, "b", 2ul, 'c', 3u);
	SAME_AS_LIBC("%s", "");
}

static void a_precision_limits_what_is_read_of_a_string(void **state)
{
	char raw[3] = { 'a', 'b', 'c' }; /* no NUL: the sanitizer watches */
	char buf[16];

	assert_int_equal(snprintf(buf, sizeof(buf), "%.3s", raw), 3);
	assert_string_equal(buf, "abc");
}

static void short_buffers_are_cut_and_terminated(void **state)
{
	char buf[16];

	for (size_t size = 1; size < 12; size++) {
		char libc[16];

		__builtin_memset(buf, '#', sizeof(buf));
		__builtin_memset(libc, '#', sizeof(libc));
		assert_int_equal(snprintf(buf, size, "ab%5dcd", 42), 9);
		__builtin_snprintf(libc, size, "ab%5dcd", 42);
		assert_memory_equal(buf, libc, sizeof(buf));
		assert_int_equal(scnprintf(buf, size, "ab%5dcd", 42), size < 10 ? size - 1 : 9);
	}
	buf[0] = '#';
	assert_int_equal(snprintf(NULL, 0, "%s", "text"), 4);
	assert_int_equal(scnprintf(buf, 0, "%s", "text"), 0);
	assert_int_equal(buf[0], '#');
}

static void absurd_widths_are_harmless(void **state)
{
	char buf[8];

	snprintf(buf, sizeof(buf), "%99999999999999999999d", 1);
	assert_string_equal(buf, "       ");
	snprintf(buf, sizeof(buf), "%.99999999999999999999d", 1);
	assert_string_equal(buf, "0000000");
	snprintf(buf, sizeof(buf), "%*d", INT32_MIN, 1);
	assert_string_equal(buf, "1      ");
}

static void null_strings_are_named(void **state)
{
	char buf[16];

	snprintf(buf, sizeof(buf), "%s", (char *)NULL);
	assert_string_equal(buf, "(null)");
}

static void unknown_conversions_stand_as_they_are(void **state)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%q %5y %d", 7);
	assert_string_equal(buf, "%q %5y 7");
	snprintf(buf, sizeof(buf), "end %");
	assert_string_equal(buf, "end %");
	snprintf(buf, sizeof(buf), "end %-08l");
	assert_string_equal(buf, "end %-08l");
}

static size_t hook(char *buf, size_t size, u64 addr)
{
	if (addr < 0x1000)
		return 0;
	return __builtin_snprintf(buf, size, "sym+0x%lx/0x100", addr - 0x1000);
}

static void pointers_and_symbols(void **state)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%p", (void *)0xffffffff80001234ul);
	assert_string_equal(buf, "ffffffff80001234");
	snprintf(buf, sizeof(buf), "%p", (void *)0x1234);
	assert_string_equal(buf, "0000000000001234");
	snprintf(buf, sizeof(buf), "%pS", (void *)0x1234);
	assert_string_equal(buf, "0x1234");
	format_symbol_hook = hook;
	snprintf(buf, sizeof(buf), "<%pS> <%20pS>", (void *)0x1234, (void *)0x1001);
	assert_string_equal(buf, "<sym+0x234/0x100> <       sym+0x1/0x100>");
	snprintf(buf, sizeof(buf), "%pS", (void *)0x34);
	assert_string_equal(buf, "0x34");
	format_symbol_hook = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_come_out_as_in_libc),
		cmocka_unit_test(strings_and_characters_come_out_as_in_libc),
		cmocka_unit_test(a_precision_limits_what_is_read_of_a_string),
		cmocka_unit_test(short_buffers_are_cut_and_terminated),
		cmocka_unit_test(absurd_widths_are_harmless),
		cmocka_unit_test(null_strings_are_named),
		cmocka_unit_test(unknown_conversions_stand_as_they_are),
		cmocka_unit_test(pointers_and_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

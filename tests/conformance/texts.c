/* SPDX-License-Identifier: MIT */
/* <banos/print.h>, <banos/string.h>, <banos/base.h>: formats, their limits, what compilers call by themselves. */
#include <banos/string.h>
#include "check.h"

#define BUFFER_SIZE 128

static char buffer[BUFFER_SIZE];
static uint8_t bytes[300], others[300];

static uint32_t text_is(const char *wanted)
{
	uint32_t i;

	for (i = 0; buffer[i] && buffer[i] == wanted[i]; i++)
		;
	return buffer[i] == wanted[i];
}

static void try_integers(void)
{
	CHECK(banos_format(buffer, BUFFER_SIZE, "%d %i %u", -5, 7, 4000000000u) == 15);
	CHECK(text_is("-5 7 4000000000"));
	CHECK(banos_format(buffer, BUFFER_SIZE, "%x|%X|%o|%#x|%#o", 48879, 48879, 8, 1, 8) == 20);
	CHECK(text_is("beef|BEEF|10|0x1|010"));
	CHECK(banos_format(buffer, BUFFER_SIZE, "%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42) == 25);
	CHECK(text_is("   42|42   |00042|+42| 42"));
	CHECK(banos_format(buffer, BUFFER_SIZE, "%hhd %hd", (signed char)-1, (short)-32768) == 9);
	CHECK(text_is("-1 -32768"));
	CHECK(banos_format(buffer, BUFFER_SIZE, "%ld %lu", -4611686018427387904l, ~0ul) == 41);
	CHECK(text_is("-4611686018427387904 18446744073709551615"));
	CHECK(banos_format(buffer, BUFFER_SIZE, "%.3d|%8.3x|%*d|%.*d", 7, 10, 4, 1, 2, 3) == 20);
	CHECK(text_is("007|     00a|   1|03"));
}

static void try_texts(void)
{
	static const char raw[3] = { 'a', 'b', 'c' }; /* no NUL */

	CHECK(banos_format(buffer, BUFFER_SIZE, "%s|%c|%%", "text", 'x') == 8);
	CHECK(text_is("text|x|%"));
	CHECK(banos_format(buffer, BUFFER_SIZE, "%6s|%-6s|%.2s|%.3s", "abc", "abc", "abc", raw) ==
	      20);
	CHECK(text_is("   abc|abc   |ab|abc"));
	/* Cut to the size, with a NUL; the result is the whole length. */
	CHECK(banos_format(buffer, 4, "%s", "abcdef") == 6);
	CHECK(text_is("abc"));
	CHECK(banos_format(buffer, 1, "%s", "abcdef") == 6);
	CHECK(text_is(""));
	CHECK(banos_format(NULL, 0, "%s", "abcdef") == 6);
	CHECK(banos_format(buffer, BUFFER_SIZE, "%u%u%u%u%u%u%u%u%u%u%u%u", 1, 2, 3, 4, 5, 6, 7, 8,
			   9, 0, 1, 2) == 12);
	CHECK(text_is("123456789012"));
}

static void try_arrays(banos_owner self)
{
	static const uint64_t args[2] = { 17, 0x10 };

	CHECK(banos_format_args(buffer, BUFFER_SIZE, "%u %x", args, 2) == 5);
	CHECK(text_is("17 10"));
	CHECK(banos_format_args(buffer, BUFFER_SIZE, "%u", args, ~0u) == -EINVAL);
	CHECK(banos_print_args(self, BANOS_DEBUG + 1, "text", args, 0) == -EINVAL);
	CHECK(banos_print_args(NULL, BANOS_INFO, "text", args, 0) == -EINVAL);
	CHECK(banos_print_args(self, BANOS_INFO, "numbers %u %u", args, 2) == 0);
}

static void fill_pattern(void)
{
	uint32_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
}

/* By pointers that a compiler cannot look through: it may put its own code in their place. */
static void try_memory(void)
{
	void *(*volatile copy)(void *, const void *, size_t) = memcpy;
	void *(*volatile move)(void *, const void *, size_t) = memmove;
	void *(*volatile set)(void *, int, size_t) = memset;
	int (*volatile compare)(const void *, const void *, size_t) = memcmp;
	int (*volatile differ)(const void *, const void *, size_t) = bcmp;
	size_t (*volatile length)(const char *) = strlen;

	fill_pattern();
	CHECK(copy(others, bytes, sizeof(bytes)) == (void *)others);
	CHECK(compare(others, bytes, sizeof(bytes)) == 0);
	CHECK(differ(others, bytes, sizeof(bytes)) == 0);
	CHECK(move(bytes + 3, bytes, 200) == (void *)(bytes + 3));
	CHECK(compare(bytes + 3, others, 200) == 0);
	CHECK(move(bytes, bytes + 3, 200) == (void *)bytes);
	CHECK(compare(bytes, others, 200) == 0);
	CHECK(set(others, 0x1a5, sizeof(others)) == (void *)others);
	CHECK(others[0] == 0xa5 && others[sizeof(others) - 1] == 0xa5);
	CHECK(copy(others, bytes, 0) == (void *)others && others[0] == 0xa5);
	CHECK(compare("abc", "abd", 3) < 0);
	CHECK(compare("abd", "abc", 3) > 0);
	CHECK(compare("\200", "\1", 1) > 0);
	CHECK(differ("abc", "abd", 3) != 0);
	CHECK(compare("abc", "abd", 2) == 0);
	CHECK(length("") == 0 && length("four") == 4);
}

static int64_t conformance_texts_init(banos_owner self)
{
	CHECK(banos_api_level() >= 1);
	CHECK(banos_has_feature(0xffffffffu) == 0);
	CHECK(banos_has_feature(BANOS_FEATURE_SMP) == 0 ||
	      banos_has_feature(BANOS_FEATURE_SMP) == 1);
	CHECK(BANOS_HAS(banos_api_level));
	try_integers();
	try_texts();
	try_arrays(self);
	try_memory();
	return check_verdict(self);
}

BANOS_DRIVER(conformance_texts, "1.0", "MIT", "Tests formatted text and memory functions",
	     conformance_texts_init, NULL);

// SPDX-License-Identifier: MIT
/* kernel/seq_file.c: numbers and names as printf() writes them, wherever the buffer grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/seq_file.h>

#define TEXT_MAX 40000u

void *krealloc(void *memory, size_t size);
void *krealloc(void *memory, size_t size)
{
	return realloc(memory, size);
}
void kfree(void *memory);
void kfree(void *memory)
{
	free(memory);
}

static char expected[TEXT_MAX + 64];

/* Of any length, and often at the edge of one. */
static u64 any_number(void)
{
	u64 value = (u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand();

	value >>= rand() % 64;
	if (rand() % 4)
		return value;
	value = 1;
	for (int i = rand() % 20; i; i--)
		value *= 10;
	return value - rand() % 2;
}

static void append_at_random(struct seq_file *seq, size_t *length)
{
	char *to = expected + *length;
	u64 value = any_number();
	int width = rand() % 17;

	switch (rand() % 5) {
	case 0:
		seq_put_u64(seq, ' ', value);
		*length += sprintf(to, " %lu", value);
		break;
	case 1:
		seq_put_s64(seq, 0, (s64)value);
		*length += sprintf(to, "%ld", (s64)value);
		break;
	case 2:
		seq_put_hex(seq, value, width);
		*length += sprintf(to, "%0*lx", width, value);
		break;
	case 3:
		seq_put_u64_wide(seq, value, width);
		*length += sprintf(to, "%*lu", width, value);
		break;
	default: seq_pad(seq, seq->count, width); *length += sprintf(to, "%*s", width, "");
	}
}

static void numbers_are_those_of_printf(void **state)
{
	srand(1);
	for (int round = 0; round < 100; round++) {
		struct seq_file seq = { 0 };
		size_t length = 0;

		while (length < TEXT_MAX)
			append_at_random(&seq, &length);
		assert_false(seq.overflow);
		assert_int_equal(seq.count, length);
		assert_memory_equal(seq.buf, expected, length);
		seq_free(&seq);
	}
}

/* In a buffer that cannot grow: what fits is right, nothing is written behind it. */
static void a_full_buffer_is_noted(void **state)
{
	for (size_t size = 1; size < 200; size++) {
		struct seq_file seq = { .buf = malloc(size), .size = size, .fixed = true };
		size_t length = 0;

		while (!seq.overflow)
			append_at_random(&seq, &length);
		assert_true(seq.count <= size);
		assert_memory_equal(seq.buf, expected, seq.count);
		seq_free(&seq);
	}
}

static void names_are_escaped(void **state)
{
	static const struct {
		const char *text, *escape, *shown;
	} cases[] = {
		{ "", "\n", "" },
		{ "plain", " \t\n\\", "plain" },
		{ "a b\n\\c\x80\xff", " \t\n\\", "a\\040b\\012\\134c\x80\xff" },
		{ "\n\n", "\n", "\\012\\012" },
		{ "a b", "\n", "a b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seq_file seq = { 0 };

		seq_escape(&seq, cases[i].text, cases[i].escape);
		assert_int_equal(seq.count, strlen(cases[i].shown));
		if (seq.count)
			assert_memory_equal(seq.buf, cases[i].shown, seq.count);
		seq_free(&seq);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_printf),
		cmocka_unit_test(a_full_buffer_is_noted),
		cmocka_unit_test(names_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Structs of the driver API, of this level, earlier and later ones: banos/api/struct.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <kernel/struct_rule.h>

/* Level 1 brought size and a; this kernel also knows b; a later one brought c. */
struct later {
	uint32_t size, a;
	uint64_t b, c;
};
static const struct struct_rule config = { "config", 8, offsetof(struct later, c), 0, 0 };

/* A table of methods: size and must, and two methods that this kernel knows. */
struct table {
	uint32_t size, must;
	const void *methods[3];
};
static const struct struct_rule ops = {
	"config->ops", 8, offsetof(struct table, methods[2]), 5, STRUCT_MUST | STRUCT_GROWING,
};

static char words[STRUCT_WORDS_MAX];

static int check(const struct struct_rule *rule, const void *from, u32 size)
{
	strcpy(words, "nothing");
	return struct_check(rule, from, size, words);
}

static void earlier_sizes_are_good_down_to_the_first_level(void **state)
{
	const struct later from = { .size = 8 };

	assert_int_equal(check(&config, &from, 16), 0);
	assert_int_equal(check(&config, &from, 12), 0);
	assert_int_equal(check(&config, &from, 8), 0);
	assert_string_equal(words, "nothing");
}

static void what_is_smaller_is_refused_with_the_least_size(void **state)
{
	const struct later from = { .size = 7 };

	assert_int_equal(check(&config, &from, 7), -EINVAL);
	assert_string_equal(
		words,
		"config is not the driver's memory, not aligned to 4, or its size is less than 8");
}

static void nothing_of_an_unreadable_struct_is_touched(void **state)
{
	assert_int_equal(check(&config, NULL, 0), -EINVAL);
	assert_int_equal(check(&ops, NULL, 0), -EINVAL);
}

static void a_later_field_has_to_be_zero(void **state)
{
	struct later from = { .size = sizeof(from), .a = 1, .b = 2 };

	assert_int_equal(check(&config, &from, sizeof(from)), 0);
	for (u32 i = 0; i < sizeof(from.c); i++) {
		from.c = 1ull << 8 * i;
		assert_int_equal(check(&config, &from, sizeof(from)), -E2BIG);
	}
	assert_string_equal(words, "config has a field that this kernel does not know");
	/* Of a struct that ends before it, it is no part. */
	assert_int_equal(check(&config, &from, offsetof(struct later, c)), 0);
}

static void later_methods_are_ignored(void **state)
{
	struct table from = { .size = sizeof(from), .methods = { NULL, NULL, &from } };

	assert_int_equal(check(&ops, &from, sizeof(from)), 0);
}

static void an_unknown_must_bit_is_refused(void **state)
{
	struct table from = { .size = 8 };

	for (u32 i = 0; i < 32; i++) {
		from.must = 1u << i;
		assert_int_equal(check(&ops, &from, 8), i == 0 || i == 2 ? 0 : -EOPNOTSUPP);
	}
	assert_string_equal(words, "config->ops->must has a bit that this kernel does not know");
	/* Where there are none, the word means something else. */
	from.must = ~0u;
	assert_int_equal(check(&config, &from, 8), 0);
}

static void missing_fields_are_zero_in_the_copy(void **state)
{
	const struct later from = { .size = 12, .a = 1, .b = 0x1111111122222222, .c = 3 };
	struct later to;

	memset(&to, 0xa5, sizeof(to));
	struct_copy(&config, &to, &from, 12);
	assert_int_equal(to.a, 1);
	assert_int_equal(to.b, 0x22222222);
	assert_int_equal(to.size, config.size_known);
	/* What this kernel does not know is not copied. */
	struct_copy(&config, &to, &from, sizeof(from));
	assert_true(to.b == from.b);
	assert_true(to.c == 0xa5a5a5a5a5a5a5a5);
}

static void a_struct_is_filled_no_further_than_its_size(void **state)
{
	const struct later from = { .size = 16, .a = 1, .b = 2 };
	struct later to;

	memset(&to, 0xa5, sizeof(to));
	struct_fill(&config, &to, 8, &from);
	assert_int_equal(to.size, 8);
	assert_int_equal(to.a, 1);
	assert_true(to.b == 0xa5a5a5a5a5a5a5a5);
	struct_fill(&config, &to, sizeof(to), &from);
	/* It knows as much; what it does not know is 0. */
	assert_int_equal(to.size, 16);
	assert_int_equal(to.b, 2);
	assert_int_equal(to.c, 0);
}

static void a_size_is_at_most_4096(void **state)
{
	struct table from = { .size = 4096 };

	assert_int_equal(struct_check_size(&ops, 4096, words), 0);
	assert_int_equal(struct_check_size(&ops, 4097, words), -E2BIG);
	assert_string_equal(words, "config->ops->size is 4097, more than 4096");
	assert_int_equal(struct_check_size(&ops, 0x100000008, words), -E2BIG);
	/* Nothing of it is read. */
	assert_int_equal(check(&config, NULL, 0xffffffff), -E2BIG);
	from.must = ~0u;
	assert_int_equal(check(&ops, &from, 4097), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(earlier_sizes_are_good_down_to_the_first_level),
		cmocka_unit_test(what_is_smaller_is_refused_with_the_least_size),
		cmocka_unit_test(nothing_of_an_unreadable_struct_is_touched),
		cmocka_unit_test(a_later_field_has_to_be_zero),
		cmocka_unit_test(later_methods_are_ignored),
		cmocka_unit_test(an_unknown_must_bit_is_refused),
		cmocka_unit_test(missing_fields_are_zero_in_the_copy),
		cmocka_unit_test(a_struct_is_filled_no_further_than_its_size),
		cmocka_unit_test(a_size_is_at_most_4096),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

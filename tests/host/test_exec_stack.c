/* SPDX-License-Identifier: MIT */
/* kernel/process/exec_stack.c: read back the way a C library's start code reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../kernel/process/exec_stack.h"

#define TOP 0x7ffc00002000ull

static const uint8_t seed[EXEC_RANDOM_BYTES] = "0123456789abcde";

/* Strings of lengths 0, 1, 2, ... in one block. */
static void try(uint32_t argc, uint32_t envc)
{
	uint32_t count = argc + envc, *offsets = calloc(count + 1, sizeof(*offsets)), used = 0;
	char *block = calloc(1, (uint64_t)count * (count + 1) / 2 + count + 1);
	const uint64_t aux[] = { 6, 4096, 25, 0x1111, 0, 0 };
	struct exec_stack stack = { .argc = argc, .envc = envc, .nr_aux = 3 };

	for (uint32_t i = 0; i < count; i++) {
		offsets[i] = used;
		memset(block + used, 'a' + i % 26, i);
		used += i + 1;
	}
	stack.string_bytes = used;
	assert_true(exec_stack_plan(&stack, TOP, 8u << 20));
	assert_int_equal(stack.sp % 16, 0);
	assert_int_equal(stack.strings + used + 8, TOP);

	/* The whole stack, as the program sees it: sp at the first byte. */
	uint8_t *mem = malloc(TOP - stack.sp);

	memset(mem, 0xee, TOP - stack.sp);
	exec_stack_build(&stack, mem, offsets, aux, seed);
	memcpy(mem + (stack.strings - stack.sp), block, used);
	for (uint64_t i = 0; i < stack.image_bytes; i++)
		assert_true(i < 8 || mem[i] != 0xee || mem[i - 1] != 0xee); /* no holes */

	uint64_t *w = (uint64_t *)mem;

	assert_int_equal(*w++, argc);
	for (uint32_t i = 0; i < count; i++) {
		if (i == argc)
			assert_int_equal(*w++, 0);
		const char *str = (const char *)mem + (*w++ - stack.sp);

		assert_int_equal(strlen(str), i);
		assert_true(!i || str[0] == 'a' + (char)(i % 26));
	}
	if (count == argc)
		assert_int_equal(*w++, 0);
	assert_int_equal(*w++, 0);
	assert_memory_equal(w, aux, sizeof(aux));
	assert_memory_equal(mem + (stack.random - stack.sp), seed, sizeof(seed));
	assert_string_equal((char *)mem + (stack.platform - stack.sp), EXEC_PLATFORM);
	assert_true((uint64_t)((uint8_t *)(w + 6) - mem) <= stack.random - stack.sp);
	free(mem);
	free(block);
	free(offsets);
}

static void reads_back_for_all_small_counts(void **state)
{
	for (uint32_t argc = 0; argc < 9; argc++)
		for (uint32_t envc = 0; envc < 9; envc++)
			try(argc, envc);
	try(300, 200);
}

static void refuses_what_does_not_fit(void **state)
{
	struct exec_stack stack = { .argc = 10, .nr_aux = 20, .string_bytes = 5000 };

	assert_false(exec_stack_plan(&stack, TOP, 5000));
	assert_false(exec_stack_plan(&stack, TOP, 5100));
	assert_true(exec_stack_plan(&stack, TOP, 6000));
	stack.argc = UINT32_MAX;
	stack.envc = UINT32_MAX;
	assert_false(exec_stack_plan(&stack, TOP, 8u << 20));
	stack = (struct exec_stack){ .argc = 1, .string_bytes = UINT64_MAX };
	assert_false(exec_stack_plan(&stack, TOP, 8u << 20));
	assert_false(exec_stack_plan(&stack, 100, 200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_for_all_small_counts),
		cmocka_unit_test(refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

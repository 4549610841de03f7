// SPDX-License-Identifier: MIT
/* What a change wrote is taken back (fs/driver/undo.c): all of it, the last first, and nothing that others wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <kernel/err.h>
#include <kernel/fs/undo.h>

static int pieces; /* of memory */
static int fails;

void *kmalloc(size_t size)
{
	if (fails)
		return NULL;
	pieces++;
	return malloc(size);
}

void kfree(const void *memory)
{
	pieces -= memory != NULL;
	free((void *)memory);
}

static void read_again(void *context, void *at)
{
	strcpy(at, "what was stored");
}

static void test_what_was_not_read_is_read(void **state)
{
	char page[16] = "";
	struct undo undo;

	undo_init(&undo);
	assert_int_equal(undo_note_fresh(&undo, page), 0);
	strcpy(page, "new");
	assert_int_equal(undo_note(&undo, page, 2), 0);
	memcpy(page, "xx", 2);
	undo_apply(&undo, read_again, NULL);
	assert_string_equal(page, "what was stored");
	undo_clear(&undo);
}

static void test_what_is_there_comes_back(void **state)
{
	char text[] = "one two three";
	struct undo undo;

	undo_init(&undo);
	assert_true(undo_is_empty(&undo));
	assert_int_equal(undo_note(&undo, text, 3), 0);
	memcpy(text, "ONE", 3);
	assert_int_equal(undo_note(&undo, text + 2, 5), 0);
	memcpy(text + 2, "xxxxx", 5);
	assert_int_equal(undo_note(&undo, text, 13), 0);
	memset(text, '-', 13);
	assert_false(undo_is_empty(&undo));
	undo_apply(&undo, read_again, NULL);
	assert_string_equal(text, "one two three");
	undo_clear(&undo);
	assert_int_equal(pieces, 0);
}

static void test_a_large_change(void **state)
{
	static uint8_t page[4096], before[4096];
	struct undo undo;

	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = before[i] = (uint8_t)(i * 7);
	undo_init(&undo);
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t length = 1 + i * i % 97, at = i * 31 % 3999;

		assert_int_equal(undo_note(&undo, page + at, length), 0);
		memset(page + at, (int)i, length);
		if (i % 500 == 9) {
			assert_int_equal(undo_note(&undo, page, 4096), 0);
			memset(page, 0xee, 4096);
		}
	}
	undo_apply(&undo, read_again, NULL);
	assert_memory_equal(page, before, sizeof(page));
	undo_clear(&undo);
	assert_int_equal(pieces, 0);
}

static void test_bits_that_were_cleared(void **state)
{
	struct undo undo;
	u32 bits = 0xf0;

	undo_init(&undo);
	assert_int_equal(undo_note_cleared(&undo, &bits, 0x30), 0);
	bits &= ~0x30u;
	bits |= 0x1; /* somebody else's */
	undo_apply(&undo, read_again, NULL);
	assert_int_equal(bits, 0xf1);
	undo_clear(&undo);
}

static void test_what_others_change_stays(void **state)
{
	uint8_t bits[4] = { 0x81, 0xff, 0x00, 0x10 };
	uint16_t numbers[2] = { 100, 0xfffe };
	uint32_t large = 7;
	struct undo undo;

	undo_init(&undo);
	assert_int_equal(undo_note_flipped(&undo, bits, 6, 20), 0);
	undo_flip(bits, 6, 20);
	assert_memory_equal(bits, ((uint8_t[]){ 0x41, 0x00, 0xff, 0x13 }), 4);
	assert_int_equal(undo_note_added(&undo, &numbers[0], 2, -3), 0);
	undo_add(&numbers[0], 2, -3);
	assert_int_equal(undo_note_added(&undo, &large, 4, 70000), 0);
	undo_add(&large, 4, 70000);
	assert_int_equal(numbers[0], 97);
	assert_int_equal(large, 70007);
	bits[0] |= 0x02;
	numbers[0] -= 10;
	large++;
	undo_apply(&undo, read_again, NULL);
	assert_memory_equal(bits, ((uint8_t[]){ 0x83, 0xff, 0x00, 0x10 }), 4);
	assert_int_equal(numbers[0], 90);
	assert_int_equal(numbers[1], 0xfffe);
	assert_int_equal(large, 8);
	undo_clear(&undo);
}

static void test_without_memory(void **state)
{
	static uint8_t page[4096];
	struct undo undo;

	undo_init(&undo);
	fails = 1;
	assert_int_equal(undo_note(&undo, page, 8), 0);
	page[0] = 1;
	assert_int_equal(undo_note(&undo, page, 4096), -ENOMEM);
	undo_apply(&undo, read_again, NULL);
	assert_int_equal(page[0], 0);
	undo_clear(&undo);
	fails = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_there_comes_back),
		cmocka_unit_test(test_what_was_not_read_is_read),
		cmocka_unit_test(test_a_large_change),
		cmocka_unit_test(test_bits_that_were_cleared),
		cmocka_unit_test(test_what_others_change_stays),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

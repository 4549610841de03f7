// SPDX-License-Identifier: MIT
/* fs/tmpfs/slots.c: against a plain array, with memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/err.h>
#include "../../fs/tmpfs/slots.h"

static long pieces, pieces_allowed = -1;

static void *model_alloc(size_t size)
{
	if (!pieces_allowed)
		return NULL;
	pieces_allowed -= pieces_allowed > 0;
	pieces++;
	return calloc(1, size);
}

static void model_free(const void *memory)
{
	pieces -= memory != NULL;
	free((void *)memory);
}

void *kmalloc(size_t size)
{
	return model_alloc(size);
}
void *kvzalloc(size_t size)
{
	return model_alloc(size);
}
void kfree(const void *memory)
{
	model_free(memory);
}
void kvfree(const void *memory)
{
	model_free(memory);
}

static struct dentry *dentry_of(u64 number)
{
	return (struct dentry *)(0x1000 + number * 16);
}

static u64 entry_put(struct slots *slots, u64 number)
{
	u64 slot;

	assert_int_equal(slots_add(slots, dentry_of(number), &slot), 0);
	return slot;
}

/* The entry in the highest used slot that is not above *@slot, which gets its number; or NULL. */
static struct dentry *find_down(const struct slots *slots, s64 *slot)
{
	if (*slot < 0)
		return NULL;
	for (u32 i = slots_nr_blocks_to(slots, *slot); i--;) {
		const struct slot_block *block = slots->blocks[i];
		u32 used = slots_used_to(block, *slot), place;

		assert_int_equal(block->index, i);
		if (!used)
			continue;
		place = SLOTS_PER_BLOCK - 1 - __builtin_clz(used);
		*slot = (s64)i * SLOTS_PER_BLOCK + place;
		return block->slot[place];
	}
	return NULL;
}

static s64 slots_top(const struct slots *slots)
{
	return (s64)slots->nr_blocks * SLOTS_PER_BLOCK - 1;
}

static void an_empty_one_takes_no_memory(void **state)
{
	struct slots slots;
	s64 slot;

	slots_init(&slots);
	slot = SLOT_LIMIT;
	assert_null(find_down(&slots, &slot));
	assert_int_equal(pieces, 0);
	slots_destroy(&slots);
}

/* Each step adds or removes one of 3,000; now and then all are read downwards. */
static void entries_keep_their_slots(void **state)
{
	enum { N = 3000, STEPS = 200000 };
	static u64 slot_of[N];
	static bool there[N];
	struct slots slots;
	u64 count = 0;

	slots_init(&slots);
	memset(there, 0, sizeof(there));
	srandom(1);
	for (int step = 0; step < STEPS; step++) {
		u64 number = (u64)random() % N;
		bool shrinking = step / 20000 % 2;

		if (!there[number] && (!shrinking || random() % 4 == 0)) {
			slot_of[number] = entry_put(&slots, number);
			there[number] = true;
			count++;
		} else if (there[number] && (shrinking || random() % 4 == 0)) {
			slots_remove(&slots, slot_of[number]);
			there[number] = false;
			count--;
		}
		assert_int_equal(slots.used, count);
		if (step % 1000 == 0) {
			s64 slot = slots_top(&slots);
			struct dentry *d;
			u64 seen = 0;

			for (; (d = find_down(&slots, &slot)); slot--) {
				u64 number_found = ((u64)d - 0x1000) / 16;

				assert_true(there[number_found]);
				assert_int_equal(slot_of[number_found], slot);
				seen++;
			}
			assert_int_equal(seen, count);
		}
	}
	slots_destroy(&slots);
	assert_int_equal(pieces, 0);
}

/* As a queue: the slots of what was removed are used again. */
static void numbers_do_not_rise_for_ever(void **state)
{
	u64 queue[100], most = 0;
	struct slots slots;

	slots_init(&slots);
	for (u64 i = 0; i < ARRAY_SIZE(queue); i++)
		queue[i] = entry_put(&slots, i);
	for (u64 i = 0; i < 100000; i++) {
		u64 *oldest = &queue[i % ARRAY_SIZE(queue)];

		slots_remove(&slots, *oldest);
		*oldest = entry_put(&slots, i);
		most = MAX(most, *oldest);
	}
	assert_in_range(most, 0, 200);
	slots_destroy(&slots);
	assert_int_equal(pieces, 0);
}

/* A reader that makes an entry for each that it gets ends nevertheless. */
static void a_reader_that_adds_comes_to_an_end(void **state)
{
	struct slots slots;
	u64 steps = 0;
	s64 slot;

	slots_init(&slots);
	for (u64 i = 0; i < 500; i++)
		entry_put(&slots, i);
	for (u64 i = 0; i < 500; i += 3)
		slots_remove(&slots, i);
	for (slot = slots_top(&slots); find_down(&slots, &slot); slot--) {
		entry_put(&slots, 1000 + steps);
		assert_in_range(++steps, 1, 600);
	}
	assert_in_range(steps, 333, 600);
	slots_destroy(&slots);
	assert_int_equal(pieces, 0);
}

static void empty_blocks_at_the_end_are_freed(void **state)
{
	struct slots slots;

	slots_init(&slots);
	for (u64 i = 0; i < 10000; i++)
		assert_int_equal(entry_put(&slots, i), i);
	for (u64 i = 10000; i-- > 5;)
		slots_remove(&slots, i);
	assert_in_range(slots_top(&slots), 31, 63);
	/* One that comes and goes does not allocate. */
	pieces_allowed = 0;
	for (u64 i = 0; i < 40; i++)
		slots_remove(&slots, entry_put(&slots, i));
	pieces_allowed = -1;
	slots_destroy(&slots);
	assert_int_equal(pieces, 0);
}

static void a_failed_allocation_changes_nothing(void **state)
{
	struct slots slots;
	u64 slot, failures = 0;

	slots_init(&slots);
	for (u64 i = 0; i < 1000; i++) {
		s64 top = slots_top(&slots);

		pieces_allowed = 0;
		if (slots_add(&slots, dentry_of(i), &slot)) {
			failures++;
			assert_int_equal(slots_top(&slots), top);
			assert_int_equal(slots.used, i);
			pieces_allowed = -1;
			slot = entry_put(&slots, i);
		}
		pieces_allowed = -1;
		assert_int_equal(slot, i);
	}
	assert_int_equal(failures, 1000 / 32 + 1);
	slots_replace(&slots, 7, dentry_of(70));
	slot = 7;
	assert_ptr_equal(find_down(&slots, (s64 *)&slot), dentry_of(70));
	slots_destroy(&slots);
	assert_int_equal(pieces, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_takes_no_memory),
		cmocka_unit_test(entries_keep_their_slots),
		cmocka_unit_test(numbers_do_not_rise_for_ever),
		cmocka_unit_test(a_reader_that_adds_comes_to_an_end),
		cmocka_unit_test(empty_blocks_at_the_end_are_freed),
		cmocka_unit_test(a_failed_allocation_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

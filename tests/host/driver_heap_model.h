/* SPDX-License-Identifier: MIT */
/*
 * mm/driver_heap.c against a model: two drivers, each with two owners, that allocate and free
 * at random, and write to all that they have or had. For test_driver_heap.c and
 * test_driver_heap_debug.c.
 */
#pragma once
#include "heap_model.h"
#include <kernel/driver_heap.h>

#define DRIVERS 2u
#define OWNERS	2u
#define OBJECTS 3000u

static struct driver_heap heaps[DRIVERS];
static s64 charged[DRIVERS], charge_limit = 1 << 30;
static spinlock_t heap_lock;
static char owners[DRIVERS][OWNERS];
static struct driver_object {
	u8 *bytes;
	u32 size, driver, owner;
	u8 fill;
} objects[OBJECTS];
static u32 nr_objects;

static int charge(struct driver_heap *heap, s64 bytes)
{
	if (charged[heap - heaps] + bytes > charge_limit)
		return -12;
	charged[heap - heaps] += bytes;
	return 0;
}

static inline int set_up(void **state)
{
	srandom(1);
	start_heap();
	for (u32 i = 0; i < DRIVERS; i++)
		driver_heap_init(&heaps[i], &heap_lock, charge);
	return 0;
}

static inline bool object_take(u32 size)
{
	struct driver_object *new = &objects[nr_objects];
	u32 driver = below(DRIVERS), owner = below(OWNERS);

	*new = (struct driver_object){
		.bytes = driver_heap_alloc(&heaps[driver], size, &owners[driver][owner]),
		.size = size,
		.driver = driver,
		.owner = owner,
		.fill = (u8)below(256),
	};
	if (!new->bytes)
		return false;
	assert_false((u64) new->bytes % 16);
	memset(new->bytes, new->fill, size);
	nr_objects++;
	return true;
}

/* No other driver or owner can free it, and it has not been overwritten. */
static inline void object_give(u32 index)
{
	struct driver_object object = objects[index];
	struct driver_heap *heap = &heaps[object.driver];
	char *owner = &owners[object.driver][object.owner];

	for (u32 i = 0; i < object.size; i++)
		assert_int_equal(object.bytes[i], object.fill);
	assert_int_equal(driver_heap_free(&heaps[!object.driver], object.bytes, owner), 0);
	assert_int_equal(
		driver_heap_free(heap, object.bytes, &owners[object.driver][!object.owner]), 0);
	assert_int_equal(driver_heap_free(heap, object.bytes + 8, owner), 0);
	assert_int_equal(driver_heap_free(heap, object.bytes, owner), object.size);
	assert_int_equal(driver_heap_free(heap, object.bytes, owner), 0);
	objects[index] = objects[--nr_objects];
}

static inline void objects_give_all(void)
{
	while (nr_objects)
		object_give(below(nr_objects));
}

static inline u32 any_size(void)
{
	return 1 + below(below(4) ? 256 : DRIVER_HEAP_MAX);
}

/* Nothing is left but an empty slab of each size, and destroying gives that back. */
static inline void heaps_are_empty(u32 pages_before)
{
	for (u32 i = 0; i < DRIVERS; i++) {
		driver_heap_destroy(&heaps[i]);
		assert_int_equal(charged[i], 0);
	}
	assert_in_range(pages_out, 0, pages_before + 15 * 14);
}

static inline void agrees_with_the_model(void **state)
{
	u32 before = pages_out;

	for (u32 i = 0; i < 60000; i++) {
		bool filling = i / 6000 % 2 == 0;

		if (nr_objects < OBJECTS && below(8) < (filling ? 6 : 2))
			assert_true(object_take(any_size()));
		else if (nr_objects)
			object_give(below(nr_objects));
	}
	objects_give_all();
	heaps_are_empty(before);
}

static inline void an_owner_is_released_alone(void **state)
{
	u32 before = pages_out, count, mine = 0, released = 0;
	u64 bytes, all = 0, expected = 0;

	while (nr_objects < OBJECTS)
		assert_true(object_take(any_size()));
	for (u32 i = nr_objects; i--;)
		if (!objects[i].driver && objects[i].owner) {
			mine++;
			expected += objects[i].size;
			objects[i] = objects[--nr_objects];
		}
	while ((count = driver_heap_release(&heaps[0], &owners[0][1], &bytes))) {
		released += count;
		all += bytes;
	}
	assert_int_equal(released, mine);
	assert_int_equal(all, expected);
	assert_int_equal(driver_heap_release(&heaps[0], &owners[0][1], &bytes), 0);
	objects_give_all();
	heaps_are_empty(before);
}

/* As two threads do it that let two devices of one driver go: a call of one, a call of the other. */
static inline void two_owners_are_released_at_the_same_time(void **state)
{
	u32 before = pages_out, theirs = 0, released = 0, count[2] = { 1, 1 };
	u64 bytes;

	while (nr_objects < OBJECTS)
		assert_true(object_take(any_size()));
	for (u32 i = nr_objects; i--;)
		if (!objects[i].driver) {
			theirs++;
			objects[i] = objects[--nr_objects];
		}
	while (count[0] || count[1])
		for (u32 owner = 0; owner < 2; owner++) {
			if (count[owner])
				count[owner] =
					driver_heap_release(&heaps[0], &owners[0][owner], &bytes);
			released += count[owner];
		}
	assert_int_equal(released, theirs);
	objects_give_all();
	heaps_are_empty(before);
}

static inline void without_memory_there_is_none(void **state)
{
	u32 before = pages_out;

	pages_limit = pages_out + 20;
	while (nr_objects < OBJECTS && object_take(2048))
		;
	assert_in_range(nr_objects, 20, 60);
	pages_limit = POOL_PAGES;
	charge_limit = charged[0] > charged[1] ? charged[0] : charged[1];
	while (nr_objects < OBJECTS && object_take(2048))
		;
	assert_true(charged[0] <= charge_limit && charged[1] <= charge_limit);
	charge_limit = 1 << 30;
	objects_give_all();
	heaps_are_empty(before);
}

/* SPDX-License-Identifier: MIT */
/* Split virtqueues, with a device that behaves, and one that does not: drivers/bus/virtio/ring.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/bus/virtio/ring.h"

#define CHAIN_MAX 4u

/* A ring in memory of the very size, and the device's side of it. */
struct model {
	struct ring ring;
	void *memory;
	struct ring_slot *slots;
	uint16_t seen, used; /* the device's indexes */
};

static void model_init(struct model *model, uint32_t size, uint32_t has_events)
{
	*model = (struct model){ 0 };
	model->memory = malloc(ring_bytes(size));
	model->slots = calloc(size, sizeof(*model->slots));
	memset(model->memory, 0, ring_bytes(size));
	ring_init(&model->ring, size, model->memory, model->slots, has_events);
}

static void model_free(struct model *model)
{
	free(model->memory);
	free(model->slots);
}

static uint16_t *available_word(struct model *model, uint32_t word)
{
	return (uint16_t *)((char *)model->memory + ring_available_offset(model->ring.size)) + word;
}
static uint16_t *used_word(struct model *model, uint32_t word)
{
	return (uint16_t *)((char *)model->memory + ring_used_offset(model->ring.size)) + word;
}

/* The device takes the next chain. @return its head */
static uint16_t device_pop(struct model *model)
{
	assert_int_not_equal(model->seen, *available_word(model, 1));
	return *available_word(model, 2 + model->seen++ % model->ring.size);
}

static void device_push(struct model *model, uint32_t id, uint32_t length)
{
	struct ring_used_element *element =
		(struct ring_used_element *)used_word(model, 2) + model->used % model->ring.size;

	*element = (struct ring_used_element){ id, length };
	*used_word(model, 1) = ++model->used;
}

static int add_chain(struct model *model, uint32_t count, uint32_t writable, uint64_t tag)
{
	struct ring_segment segments[CHAIN_MAX];

	for (uint32_t i = 0; i < count; i++)
		segments[i] = (struct ring_segment){ 0x1000 * (tag + i), 16 + i };
	return ring_add(&model->ring, segments, count, writable, tag);
}

static void expect_broken(struct model *model, uint32_t kind, uint32_t value, uint64_t limit)
{
	struct ring_completion completion;

	assert_int_equal(ring_take(&model->ring, &completion), RING_BROKEN);
	assert_int_equal(model->ring.fault.kind, kind);
	assert_int_equal(model->ring.fault.value, value);
	assert_int_equal(model->ring.fault.limit, limit);
	/* It stays so. */
	assert_int_equal(ring_take(&model->ring, &completion), RING_BROKEN);
	assert_int_equal(add_chain(model, 1, 0, 9), RING_BROKEN);
	assert_int_equal(ring_has_used(&model->ring), 0);
	model_free(model);
}

static void sizes_are_powers_of_two_within_both_bounds(void **state)
{
	assert_int_equal(ring_choose_size(256, 64), 64);
	assert_int_equal(ring_choose_size(8, 64), 8);
	assert_int_equal(ring_choose_size(100, 1000), 64);
	assert_int_equal(ring_choose_size(1, 1), 1);
	assert_int_equal(ring_choose_size(0, 8), 0);
	assert_int_equal(ring_choose_size(65535, 65535), 32768);
	for (uint32_t size = 1; size <= RING_SIZE_MAX; size *= 2) {
		assert_int_equal(ring_available_offset(size), 16 * size);
		assert_int_equal(ring_used_offset(size) % 4, 0);
		assert_true(ring_used_offset(size) >= 16 * size + 6 + 2 * size);
		assert_int_equal(ring_bytes(size), ring_used_offset(size) + 6 + 8 * size);
	}
}

static void the_device_sees_what_was_added(void **state)
{
	struct ring_segment segments[3] = { { 0x1000, 8 }, { 0x2000, 512 }, { 0x3000, 1 } };
	struct model model;
	struct ring_descriptor *descriptors;
	uint16_t at;

	model_init(&model, 8, 0);
	descriptors = model.memory;
	assert_int_equal(ring_add(&model.ring, segments, 3, 2, 77), RING_OK);
	at = device_pop(&model);
	assert_int_equal(descriptors[at].address, 0x1000);
	assert_int_equal(descriptors[at].length, 8);
	assert_int_equal(descriptors[at].flags, 1); /* NEXT */
	at = descriptors[at].next;
	assert_int_equal(descriptors[at].address, 0x2000);
	assert_int_equal(descriptors[at].flags, 3); /* NEXT, WRITE */
	at = descriptors[at].next;
	assert_int_equal(descriptors[at].address, 0x3000);
	assert_int_equal(descriptors[at].length, 1);
	assert_int_equal(descriptors[at].flags, 2);
	model_free(&model);
}

/* 200,000 chains, returned in an order of the device's own: both indexes wrap three times. */
static void every_chain_comes_back_once_with_its_tag(void **state)
{
	struct ring_completion completion;
	struct model model;
	uint64_t out[64] = { 0 }, next = 1, returned = 0;
	uint16_t heads[64];
	uint32_t count = 0, seed = 1, sizes[64];

	model_init(&model, 64, 1);
	while (returned < 200000) {
		uint32_t length = 1 + (seed = seed * 1103515245 + 12345) / 65536 % CHAIN_MAX, pick;

		while (add_chain(&model, length, 1, next) == RING_OK) {
			heads[count] = device_pop(&model);
			sizes[count] = 16 + length - 1;
			out[count++] = next++;
		}
		assert_true(model.ring.free_count < length);
		pick = seed / 4096 % count;
		device_push(&model, heads[pick], sizes[pick]);
		assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
		assert_int_equal(completion.tag, out[pick]);
		assert_int_equal(completion.length, sizes[pick]);
		assert_int_equal(ring_take(&model.ring, &completion), RING_NONE);
		count--;
		heads[pick] = heads[count];
		out[pick] = out[count];
		sizes[pick] = sizes[count];
		returned++;
	}
	assert_int_equal(model.ring.out_count, count);
	model_free(&model);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct ring_segment empty = { 0x1000, 0 }, huge[2] = { { 0, UINT32_MAX }, { 0, 1 } };
	struct model model;

	model_init(&model, 4, 0);
	assert_int_equal(ring_add(&model.ring, &empty, 1, 1, 1), RING_INVALID);
	assert_int_equal(ring_add(&model.ring, huge, 2, 2, 1), RING_INVALID);
	assert_int_equal(ring_add(&model.ring, huge, 1, 2, 1), RING_INVALID);
	assert_int_equal(ring_add(&model.ring, huge, 0, 0, 1), RING_INVALID);
	assert_int_equal(ring_add(&model.ring, huge, 5, 0, 1), RING_INVALID);
	assert_int_equal(add_chain(&model, 3, 1, 1), RING_OK);
	assert_int_equal(add_chain(&model, 2, 1, 2), RING_FULL);
	assert_int_equal(add_chain(&model, 1, 1, 2), RING_OK);
	assert_int_equal(add_chain(&model, 1, 1, 3), RING_FULL);
	model_free(&model);
}

static void an_index_beyond_what_is_out_breaks_it(void **state)
{
	struct model model;

	model_init(&model, 8, 0);
	add_chain(&model, 1, 1, 1);
	add_chain(&model, 1, 1, 2);
	*used_word(&model, 1) = 3;
	expect_broken(&model, RING_FAULT_INDEX, 3, 2);
	model_init(&model, 8, 0);
	add_chain(&model, 1, 1, 1);
	*used_word(&model, 1) = 0xffff; /* backwards */
	expect_broken(&model, RING_FAULT_INDEX, 0xffff, 1);
}

static void a_buffer_that_is_not_out_breaks_it(void **state)
{
	struct ring_completion completion;
	struct model model;
	uint16_t head;

	model_init(&model, 8, 0);
	add_chain(&model, 1, 1, 1);
	device_push(&model, 8, 0); /* no such descriptor */
	expect_broken(&model, RING_FAULT_ID, 8, 7);
	model_init(&model, 8, 0);
	add_chain(&model, 1, 1, 1);
	device_push(&model, 0xffffffff, 0);
	expect_broken(&model, RING_FAULT_ID, 0xffffffff, 7);
	model_init(&model, 8, 0);
	add_chain(&model, 2, 1, 1);
	head = device_pop(&model);
	device_push(&model, ((struct ring_descriptor *)model.memory)[head].next,
		    0); /* its middle */
	expect_broken(&model, RING_FAULT_ID, 1, 7);
	model_init(&model, 8, 0);
	add_chain(&model, 1, 1, 1);
	add_chain(&model, 1, 1, 2);
	head = device_pop(&model);
	device_push(&model, head, 0);
	device_push(&model, head, 0); /* twice */
	assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
	expect_broken(&model, RING_FAULT_ID, head, 7);
}

static void more_bytes_than_fit_break_it(void **state)
{
	struct ring_completion completion;
	struct model model;

	model_init(&model, 8, 0);
	add_chain(&model, 3, 2, 1); /* 17 + 18 bytes for the device to write */
	device_push(&model, device_pop(&model), 35);
	assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
	assert_int_equal(completion.length, 35);
	add_chain(&model, 3, 2, 1);
	device_push(&model, device_pop(&model), 36);
	expect_broken(&model, RING_FAULT_LENGTH, 36, 35);
}

/* What the device does to descriptors, or to the available ring, is never looked at. */
static void other_memory_of_the_ring_is_not_believed(void **state)
{
	struct ring_completion completion;
	struct model model;
	uint16_t head;

	model_init(&model, 8, 0);
	add_chain(&model, 3, 1, 5);
	head = device_pop(&model);
	memset(model.memory, 0xff, ring_used_offset(8));
	device_push(&model, head, 1);
	assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
	assert_int_equal(completion.tag, 5);
	assert_int_equal(model.ring.free_count, 8);
	model_free(&model);
}

static void a_device_is_notified_if_it_wants_to_be(void **state)
{
	struct model model;

	model_init(&model, 8, 0);
	assert_int_equal(ring_needs_notification(&model.ring), 0); /* nothing was added */
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 1);
	assert_int_equal(ring_needs_notification(&model.ring), 0);
	*used_word(&model, 0) = 1; /* NO_NOTIFY */
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 0);
	model_free(&model);

	model_init(&model, 8, 1);
	*used_word(&model, 2 + 8 * 4) = 1; /* when the index passes 1 */
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 0);
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 1);
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 0);
	model_free(&model);
}

static void an_empty_used_ring_asks_for_the_next_interrupt(void **state)
{
	struct ring_completion completion;
	struct model model;

	model_init(&model, 8, 1);
	for (int i = 0; i < 3; i++) {
		add_chain(&model, 1, 1, 1);
		device_push(&model, device_pop(&model), 0);
		assert_int_equal(ring_has_used(&model.ring), 1);
		assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
	}
	assert_int_equal(*available_word(&model, 2 + 8), 0);
	assert_int_equal(ring_take(&model.ring, &completion), RING_NONE);
	assert_int_equal(*available_word(&model, 2 + 8), 3);
	model_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_two_within_both_bounds),
		cmocka_unit_test(the_device_sees_what_was_added),
		cmocka_unit_test(every_chain_comes_back_once_with_its_tag),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(an_index_beyond_what_is_out_breaks_it),
		cmocka_unit_test(a_buffer_that_is_not_out_breaks_it),
		cmocka_unit_test(more_bytes_than_fit_break_it),
		cmocka_unit_test(other_memory_of_the_ring_is_not_believed),
		cmocka_unit_test(a_device_is_notified_if_it_wants_to_be),
		cmocka_unit_test(an_empty_used_ring_asks_for_the_next_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Virtqueues, with a device that behaves, and one that does not: drivers/bus/virtio/ring.c, split.c, packed.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/bus/virtio/ring.h"

#define CHAIN_MAX     40u
#define TABLE_ENTRIES 32u
#define TABLES	      3u
#define TABLES_AT     UINT64_C(0x77000000)

/* A ring in memory of the very size, and the device's side of it. */
struct model {
	struct ring ring;
	struct ring_layout layout;
	char *memory;
	void *tables;
	struct ring_slot *slots;
	uint16_t seen, used; /* the device's indexes, or places */
	uint16_t seen_wrap, used_wrap;
};

/* A chain as the device sees it. */
struct device_chain {
	uint32_t id, places, count, writable;
	struct ring_segment segments[CHAIN_MAX];
};

static const uint32_t all_kinds[] = { 0, RING_EVENTS, RING_LEGACY, RING_PACKED,
				      RING_PACKED | RING_EVENTS };
#define KINDS (sizeof(all_kinds) / sizeof(all_kinds[0]))

static void model_init(struct model *model, uint32_t size, uint32_t kinds, uint32_t tables)
{
	struct ring_config config = { .size = size, .kinds = kinds, .table_count = tables };

	*model = (struct model){ .seen_wrap = 1, .used_wrap = 1 };
	ring_lay_out(size, kinds, &model->layout);
	model->memory = aligned_alloc(model->layout.alignment,
				      (model->layout.bytes + 4095) & ~UINT64_C(4095));
	model->slots = calloc(size, sizeof(*model->slots));
	model->tables = calloc(tables ? tables : 1, TABLE_ENTRIES * 16);
	memset(model->memory, 0, model->layout.bytes);
	config.memory = model->memory;
	config.slots = model->slots;
	config.tables = model->tables;
	config.tables_address = TABLES_AT;
	config.table_entries = TABLE_ENTRIES;
	ring_init(&model->ring, &config);
}

static void model_free(struct model *model)
{
	free(model->memory);
	free(model->tables);
	free(model->slots);
}

static uint16_t *available_word(struct model *model, uint32_t word)
{
	return (uint16_t *)(model->memory + model->layout.available) + word;
}
static uint16_t *used_word(struct model *model, uint32_t word)
{
	return (uint16_t *)(model->memory + model->layout.used) + word;
}
static struct ring_descriptor *descriptor_at(struct model *model, uint32_t place)
{
	return (struct ring_descriptor *)model->memory + place;
}
static uint32_t is_packed(const struct model *model)
{
	return model->ring.kinds & RING_PACKED;
}

/* ---- the device ---- */

static void chain_append(struct device_chain *chain, const struct ring_descriptor *descriptor,
			 uint32_t is_writable)
{
	assert_true(chain->count < CHAIN_MAX);
	assert_true(is_writable || !chain->writable); /* what is written comes last */
	chain->segments[chain->count++] = (struct ring_segment){ .address = descriptor->address,
								 .length = descriptor->length };
	chain->writable += is_writable;
}

static void table_read(struct model *model, struct device_chain *chain,
		       const struct ring_descriptor *descriptor)
{
	uint64_t offset = descriptor->address - TABLES_AT;
	struct ring_descriptor *entries;

	assert_true(descriptor->address >= TABLES_AT &&
		    offset + descriptor->length <= TABLES * TABLE_ENTRIES * 16);
	entries = (void *)((char *)model->tables + offset);
	for (uint32_t i = 0; i < descriptor->length / 16; i++) {
		uint32_t is_last = i + 1 == descriptor->length / 16;
		uint16_t flags = is_packed(model) ? entries[i].next : entries[i].flags;

		chain_append(chain, &entries[i], (flags & DESCRIPTOR_WRITE) != 0);
		if (is_packed(model)) {
			assert_int_equal(flags & ~DESCRIPTOR_WRITE, 0);
		} else {
			assert_int_equal(flags & DESCRIPTOR_NEXT, !is_last);
			assert_true(is_last || entries[i].next == i + 1);
		}
	}
}

static int split_pop(struct model *model, struct device_chain *chain)
{
	uint16_t at = *available_word(model, 2 + model->seen % model->ring.size);
	struct ring_descriptor *descriptor;

	if (model->seen == *available_word(model, 1))
		return 0;
	model->seen++;
	chain->id = at;
	do {
		descriptor = descriptor_at(model, at);
		chain->places++;
		if (descriptor->flags == DESCRIPTOR_INDIRECT)
			table_read(model, chain, descriptor);
		else
			chain_append(chain, descriptor,
				     (descriptor->flags & DESCRIPTOR_WRITE) != 0);
		at = descriptor->next;
	} while (descriptor->flags & DESCRIPTOR_NEXT);
	return 1;
}

static int packed_pop(struct model *model, struct device_chain *chain)
{
	struct ring_descriptor *descriptor = descriptor_at(model, model->seen);
	uint16_t flags = descriptor->next;

	if ((flags >> 7 & 1) != model->seen_wrap || flags >> 15 == model->seen_wrap)
		return 0;
	do {
		descriptor = descriptor_at(model, model->seen);
		flags = descriptor->next;
		assert_int_equal(flags >> 7 & 1, model->seen_wrap);
		assert_int_not_equal(flags >> 15, model->seen_wrap);
		chain->places++;
		chain->id = descriptor->flags;
		if (flags & DESCRIPTOR_INDIRECT)
			table_read(model, chain, descriptor);
		else
			chain_append(chain, descriptor, (flags & DESCRIPTOR_WRITE) != 0);
		if (++model->seen == model->ring.size) {
			model->seen = 0;
			model->seen_wrap ^= 1;
		}
	} while (flags & DESCRIPTOR_NEXT);
	return 1;
}

/* The device takes the next chain. @return 0: there is none */
static int device_pop(struct model *model, struct device_chain *chain)
{
	*chain = (struct device_chain){ 0 };
	return is_packed(model) ? packed_pop(model, chain) : split_pop(model, chain);
}

static void device_push(struct model *model, uint32_t id, uint32_t places, uint32_t length)
{
	struct ring_used_element *element =
		(struct ring_used_element *)used_word(model, 2) + model->used % model->ring.size;
	struct ring_descriptor *descriptor = descriptor_at(model, model->used);

	if (!is_packed(model)) {
		*element = (struct ring_used_element){ id, length };
		*used_word(model, 1) = ++model->used;
		return;
	}
	*descriptor = (struct ring_descriptor){ .length = length,
						.flags = (uint16_t)id,
						.next = model->used_wrap ? 0x8080 : 0 };
	model->used += places;
	if (model->used >= model->ring.size) {
		model->used -= model->ring.size;
		model->used_wrap ^= 1;
	}
}

static void device_push_chain(struct model *model, const struct device_chain *chain,
			      uint32_t length)
{
	device_push(model, chain->id, chain->places, length);
}

static int add_chain(struct model *model, uint32_t count, uint32_t writable, uint64_t tag)
{
	struct ring_segment segments[CHAIN_MAX];

	for (uint32_t i = 0; i < count; i++)
		segments[i] = (struct ring_segment){ 0x1000 * (tag + i), 16 + i, 0 };
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

/* ---- layout ---- */

static void sizes_are_powers_of_two_within_both_bounds(void **state)
{
	assert_int_equal(ring_choose_size(256, 64), 64);
	assert_int_equal(ring_choose_size(8, 64), 8);
	assert_int_equal(ring_choose_size(100, 1000), 64);
	assert_int_equal(ring_choose_size(1, 1), 1);
	assert_int_equal(ring_choose_size(0, 8), 0);
	assert_int_equal(ring_choose_size(65535, 65535), 32768);
}

static void the_parts_of_a_ring_do_not_overlap(void **state)
{
	struct ring_layout layout;

	for (uint32_t size = 1; size <= RING_SIZE_MAX; size *= 2) {
		ring_lay_out(size, 0, &layout);
		assert_int_equal(layout.available, 16 * size);
		assert_int_equal(layout.used % 4, 0);
		assert_true(layout.used >= 16 * size + 6 + 2 * size);
		assert_int_equal(layout.bytes, layout.used + 6 + 8 * size);
		ring_lay_out(size, RING_LEGACY, &layout);
		assert_int_equal(layout.alignment, 4096);
		assert_int_equal(layout.used % 4096, 0);
		assert_true(layout.used >= 16 * size + 6 + 2 * size);
		assert_true(layout.used < 16 * size + 6 + 2 * size + 4096);
		ring_lay_out(size, RING_PACKED, &layout);
		assert_int_equal(layout.available, 16 * size);
		assert_int_equal(layout.used, 16 * size + 4);
		assert_int_equal(layout.bytes, 16 * size + 8);
	}
}

/* ---- to the device ---- */

static void the_device_sees_what_was_added(void **state)
{
	struct ring_segment segments[3] = { { 0x1000, 8, 0 },
					    { 0x2000, 512, 0 },
					    { 0x3000, 1, 0 } };
	struct device_chain chain;
	struct model model;

	for (uint32_t kind = 0; kind < KINDS; kind++) {
		model_init(&model, 8, all_kinds[kind], 0);
		assert_int_equal(device_pop(&model, &chain), 0);
		assert_int_equal(ring_add(&model.ring, segments, 3, 2, 77), RING_OK);
		assert_int_equal(device_pop(&model, &chain), 1);
		assert_int_equal(chain.count, 3);
		assert_int_equal(chain.places, 3);
		assert_int_equal(chain.writable, 2);
		assert_memory_equal(chain.segments, segments, sizeof(segments));
		assert_int_equal(device_pop(&model, &chain), 0);
		model_free(&model);
	}
}

static void a_long_chain_stands_in_a_table(void **state)
{
	struct ring_completion completion;
	struct device_chain chain;
	struct model model;

	for (uint32_t kind = 0; kind < KINDS; kind++) {
		model_init(&model, 4, all_kinds[kind], TABLES);
		for (uint32_t turn = 0; turn < 100; turn++) {
			/* Three tables, though there are four descriptors. */
			for (uint32_t i = 0; i < TABLES; i++)
				assert_int_equal(add_chain(&model, TABLE_ENTRIES - i, 5, i),
						 RING_OK);
			assert_int_equal(add_chain(&model, 5, 1, 9), RING_FULL);
			assert_int_equal(add_chain(&model, TABLE_ENTRIES + 1, 1, 9), RING_INVALID);
			for (uint32_t i = 0; i < TABLES; i++) {
				assert_int_equal(device_pop(&model, &chain), 1);
				assert_int_equal(chain.count, TABLE_ENTRIES - i);
				assert_int_equal(chain.places, 1);
				assert_int_equal(chain.writable, 5);
				assert_int_equal(chain.segments[7].address, 0x1000 * (i + 7));
				assert_int_equal(chain.segments[7].length, 16 + 7);
				device_push_chain(&model, &chain, i);
			}
			for (uint32_t i = 0; i < TABLES; i++) {
				assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
				assert_int_equal(completion.tag, i);
				assert_int_equal(completion.length, i);
			}
			assert_int_equal(model.ring.free_count, 4);
		}
		model_free(&model);
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	struct ring_segment empty[2] = { { 0x1000, 1, 0 }, { 0x1000, 0, 0 } },
			    huge[2] = { { 0, UINT32_MAX, 0 }, { 0, 1, 0 } };
	struct device_chain chain;
	struct model model;

	for (uint32_t kind = 0; kind < KINDS; kind++) {
		model_init(&model, 4, all_kinds[kind], 0);
		assert_int_equal(ring_add(&model.ring, empty, 2, 1, 1), RING_INVALID);
		assert_int_equal(ring_add(&model.ring, huge, 2, 2, 1), RING_INVALID);
		assert_int_equal(ring_add(&model.ring, huge, 1, 2, 1), RING_INVALID);
		assert_int_equal(ring_add(&model.ring, huge, 0, 0, 1), RING_INVALID);
		assert_int_equal(ring_add(&model.ring, huge, 5, 0, 1), RING_INVALID);
		assert_int_equal(device_pop(&model, &chain), 0);
		assert_int_equal(model.ring.free_count, 4);
		assert_int_equal(add_chain(&model, 3, 1, 1), RING_OK);
		assert_int_equal(add_chain(&model, 2, 1, 2), RING_FULL);
		assert_int_equal(add_chain(&model, 1, 1, 2), RING_OK);
		assert_int_equal(add_chain(&model, 1, 1, 3), RING_FULL);
		model_free(&model);
	}
}

/* ---- there and back ---- */

/* Many chains, returned in an order of the device's own: indexes and laps wrap often. */
static void chains_pass(struct model *model, uint32_t turns)
{
	struct ring_completion completion;
	struct device_chain out[64];
	uint64_t tags[64] = { 0 }, next = 1;
	uint32_t count = 0, seed = 1;

	while (turns--) {
		uint32_t length = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 7, pick;

		while (add_chain(model, length, 1, next) == RING_OK) {
			assert_int_equal(device_pop(model, &out[count]), 1);
			assert_int_equal(out[count].count, length);
			tags[count++] = next++;
		}
		pick = seed / 4096 % count;
		length = 16 + out[pick].count - 1;
		device_push_chain(model, &out[pick], length);
		assert_int_equal(ring_has_used(&model->ring), 1);
		assert_int_equal(ring_take(&model->ring, &completion), RING_OK);
		assert_int_equal(completion.tag, tags[pick]);
		assert_int_equal(completion.length, length);
		assert_int_equal(ring_take(&model->ring, &completion), RING_NONE);
		count--;
		out[pick] = out[count];
		tags[pick] = tags[count];
	}
	assert_int_equal(model->ring.out_count, count);
}

static void every_chain_comes_back_once_with_its_tag(void **state)
{
	struct model model;

	for (uint32_t kind = 0; kind < KINDS; kind++)
		for (uint32_t tables = 0; tables <= TABLES; tables += TABLES) {
			model_init(&model, 64, all_kinds[kind], tables);
			chains_pass(&model, 100000);
			model_free(&model);
		}
}

/* ---- a device that lies ---- */

static void an_index_beyond_what_is_out_breaks_it(void **state)
{
	struct model model;

	model_init(&model, 8, 0, 0);
	add_chain(&model, 1, 1, 1);
	add_chain(&model, 1, 1, 2);
	*used_word(&model, 1) = 3;
	expect_broken(&model, RING_FAULT_INDEX, 3, 2);
	model_init(&model, 8, 0, 0);
	add_chain(&model, 1, 1, 1);
	*used_word(&model, 1) = 0xffff; /* backwards */
	expect_broken(&model, RING_FAULT_INDEX, 0xffff, 1);
}

static void a_buffer_that_is_not_out_breaks_it(void **state)
{
	struct ring_completion completion;
	struct device_chain chain;
	struct model model;

	for (uint32_t kind = 0; kind < KINDS; kind++) {
		uint32_t large = all_kinds[kind] & RING_PACKED ? 0xffff : 0xffffffff;

		model_init(&model, 8, all_kinds[kind], 0);
		add_chain(&model, 1, 1, 1);
		device_push(&model, 8, 1, 0); /* no such descriptor */
		expect_broken(&model, RING_FAULT_ID, 8, 7);
		model_init(&model, 8, all_kinds[kind], 0);
		add_chain(&model, 1, 1, 1);
		device_push(&model, large, 1, 0);
		expect_broken(&model, RING_FAULT_ID, large, 7);
		model_init(&model, 8, all_kinds[kind], 0);
		add_chain(&model, 2, 1, 1);
		device_push(&model, 1, 1, 0); /* its middle, or another identifier */
		expect_broken(&model, RING_FAULT_ID, 1, 7);
		model_init(&model, 8, all_kinds[kind], 0);
		add_chain(&model, 1, 1, 1);
		add_chain(&model, 1, 1, 2);
		device_pop(&model, &chain);
		device_push_chain(&model, &chain, 0);
		device_push_chain(&model, &chain, 0); /* twice */
		assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
		expect_broken(&model, RING_FAULT_ID, chain.id, 7);
	}
	/* A packed ring has no index: what it returns without having anything is such a buffer. */
	model_init(&model, 8, RING_PACKED, 0);
	device_push(&model, 0, 1, 0);
	expect_broken(&model, RING_FAULT_ID, 0, 7);
}

static void more_bytes_than_fit_break_it(void **state)
{
	struct ring_completion completion;
	struct device_chain chain;
	struct model model;

	for (uint32_t kind = 0; kind < KINDS; kind++)
		for (uint32_t count = 3; count < 12;
		     count += 6) { /* without a table, and with one */
			uint32_t room = 16 + count - 2 + 16 + count - 1;

			model_init(&model, 8, all_kinds[kind], TABLES);
			add_chain(&model, count, 2, 1);
			device_pop(&model, &chain);
			device_push_chain(&model, &chain, room);
			assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
			assert_int_equal(completion.length, room);
			add_chain(&model, count, 2, 1);
			device_pop(&model, &chain);
			device_push_chain(&model, &chain, room + 1);
			expect_broken(&model, RING_FAULT_LENGTH, room + 1, room);
		}
}

/* What the device does to descriptors, tables, or the available ring, is never looked at. */
static void other_memory_of_the_ring_is_not_believed(void **state)
{
	struct ring_completion completion;
	struct device_chain chain;
	struct model model;

	for (uint32_t kind = 0; kind < KINDS; kind++) {
		model_init(&model, 8, all_kinds[kind], TABLES);
		add_chain(&model, 3, 1, 5);
		device_pop(&model, &chain);
		add_chain(&model, 20, 1, 6);
		memset(model.tables, 0xff, TABLES * TABLE_ENTRIES * 16);
		if (is_packed(&model))
			memset(model.memory + 16, 0xff, model.layout.used - 16);
		else
			memset(model.memory, 0xff, model.layout.used);
		device_push_chain(&model, &chain, 1);
		assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
		assert_int_equal(completion.tag, 5);
		assert_int_equal(model.ring.free_count, 7);
		model_free(&model);
	}
}

/* ---- notifications and interrupts ---- */

static void a_device_is_notified_if_it_wants_to_be(void **state)
{
	struct model model;

	for (uint32_t packed = 0; packed <= RING_PACKED; packed += RING_PACKED) {
		uint32_t flags = packed ? 1 : 0; /* the word that has them */

		model_init(&model, 8, packed, 0);
		assert_int_equal(ring_needs_notification(&model.ring), 0); /* nothing was added */
		add_chain(&model, 1, 0, 1);
		assert_int_equal(ring_needs_notification(&model.ring), 1);
		assert_int_equal(ring_needs_notification(&model.ring), 0);
		*used_word(&model, flags) = 1; /* none */
		add_chain(&model, 1, 0, 1);
		assert_int_equal(ring_needs_notification(&model.ring), 0);
		model_free(&model);
	}
	model_init(&model, 8, RING_EVENTS, 0);
	*used_word(&model, 2 + 8 * 4) = 1; /* when the index passes 1 */
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 0);
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 1);
	add_chain(&model, 1, 0, 1);
	assert_int_equal(ring_needs_notification(&model.ring), 0);
	model_free(&model);
}

static void a_device_is_notified_as_a_place_is_passed(void **state)
{
	struct ring_completion completion;
	struct device_chain chain;
	struct model model;

	model_init(&model, 8, RING_PACKED | RING_EVENTS, 0);
	*used_word(&model, 1) = 2;
	for (uint32_t turn = 0; turn < 40; turn++) { /* places 3t to 3t + 2, in laps of 8 */
		uint32_t at = 3 * turn + 1, lap = !(at / 8 % 2);

		*used_word(&model, 0) = (uint16_t)(at % 8 | lap << 15);
		add_chain(&model, 1, 1, 1);
		assert_int_equal(ring_needs_notification(&model.ring), 0);
		add_chain(&model, 2, 1, 2);
		assert_int_equal(ring_needs_notification(&model.ring), 1);
		for (uint32_t i = 0; i < 2; i++) {
			assert_int_equal(device_pop(&model, &chain), 1);
			device_push_chain(&model, &chain, 0);
			assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
		}
	}
	model_free(&model);
}

static void an_empty_used_ring_asks_for_the_next_interrupt(void **state)
{
	struct ring_completion completion;
	struct device_chain chain;
	struct model model;

	for (uint32_t packed = 0; packed <= RING_PACKED; packed += RING_PACKED) {
		uint32_t event = packed ? 0 : 2 + 8, before = packed ? 0x8000 : 0;

		model_init(&model, 8, RING_EVENTS | packed, 0);
		for (int i = 0; i < 3; i++) {
			add_chain(&model, 1, 1, 1);
			device_pop(&model, &chain);
			device_push_chain(&model, &chain, 0);
			assert_int_equal(ring_has_used(&model.ring), 1);
			assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
		}
		assert_int_equal(*available_word(&model, event), before);
		assert_int_equal(ring_take(&model.ring, &completion), RING_NONE);
		assert_int_equal(*available_word(&model, event), before + 3);
		/* Also of a client that takes what there is, and looks again. */
		add_chain(&model, 1, 1, 1);
		device_pop(&model, &chain);
		device_push_chain(&model, &chain, 0);
		assert_int_equal(ring_take(&model.ring, &completion), RING_OK);
		assert_int_equal(*available_word(&model, event), before + 3);
		assert_int_equal(ring_has_used(&model.ring), 0);
		assert_int_equal(*available_word(&model, event), before + 4);
		model_free(&model);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_two_within_both_bounds),
		cmocka_unit_test(the_parts_of_a_ring_do_not_overlap),
		cmocka_unit_test(the_device_sees_what_was_added),
		cmocka_unit_test(a_long_chain_stands_in_a_table),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(every_chain_comes_back_once_with_its_tag),
		cmocka_unit_test(an_index_beyond_what_is_out_breaks_it),
		cmocka_unit_test(a_buffer_that_is_not_out_breaks_it),
		cmocka_unit_test(more_bytes_than_fit_break_it),
		cmocka_unit_test(other_memory_of_the_ring_is_not_believed),
		cmocka_unit_test(a_device_is_notified_if_it_wants_to_be),
		cmocka_unit_test(a_device_is_notified_as_a_place_is_passed),
		cmocka_unit_test(an_empty_used_ring_asks_for_the_next_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

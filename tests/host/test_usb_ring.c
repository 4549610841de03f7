/* SPDX-License-Identifier: MIT */
/* Rings of TRBs, with a model of the controller that reads and fills them: drivers/bus/usb/ring.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../drivers/bus/usb/registers.h"
#include "../../drivers/bus/usb/ring.h"

#define ADDRESS UINT64_C(0x7ffffff000)
#define COUNT	8u

/* The controller's side: where it reads, and the cycle bit that it expects. */
struct reader {
	const struct trb *trbs;
	uint32_t next, cycle;
};

/* @return 1: a TRB was read, 0: there is none */
static int reader_take(struct reader *reader, struct trb *trb)
{
	const struct trb *at = &reader->trbs[reader->next];

	if ((at->control & TRB_CYCLE) != reader->cycle)
		return 0;
	if ((at->control & ~1u) == (TRB_LINK | TRB_TOGGLE)) {
		assert_int_equal(reader->next, COUNT - 1);
		assert_int_equal(at->parameter, ADDRESS);
		reader->next = 0;
		reader->cycle ^= 1;
		return reader_take(reader, trb);
	}
	*trb = *at;
	reader->next++;
	return 1;
}

static void reader_go(struct reader *reader, uint64_t dequeue)
{
	reader->next = (uint32_t)((dequeue & ~UINT64_C(15)) - ADDRESS) / sizeof(struct trb);
	reader->cycle = dequeue & 1;
}

static void the_controller_reads_what_was_put(void **state)
{
	struct trb *trbs = malloc(COUNT * sizeof(*trbs)), trb;
	struct reader reader = { trbs, 0, 1 };
	struct trb_ring ring;

	trb_ring_init(&ring, trbs, ADDRESS, COUNT);
	assert_int_equal(trb_ring_dequeue(&ring, 0), ADDRESS | 1);
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t expected = i % (COUNT - 1), index;

		assert_int_equal(reader_take(&reader, &trb), 0);
		index = trb_ring_put(&ring, i, i + 1, TRB_NORMAL);
		assert_int_equal(index, expected);
		assert_int_equal(reader_take(&reader, &trb), 1);
		assert_int_equal(trb.parameter, i);
		assert_int_equal(trb.status, i + 1);
		assert_int_equal(trb.control & ~1u, TRB_NORMAL);
	}
	free(trbs);
}

static void several_wait_across_the_end(void **state)
{
	struct trb *trbs = malloc(COUNT * sizeof(*trbs)), trb;
	struct reader reader = { trbs, 0, 1 };
	struct trb_ring ring;

	trb_ring_init(&ring, trbs, ADDRESS, COUNT);
	for (uint32_t i = 0; i < 60; i++) {
		for (uint32_t j = 0; j < 5; j++)
			trb_ring_put(&ring, i * 5 + j, 0, TRB_NORMAL);
		for (uint32_t j = 0; j < 5; j++) {
			assert_int_equal(reader_take(&reader, &trb), 1);
			assert_int_equal(trb.parameter, i * 5 + j);
		}
		assert_int_equal(reader_take(&reader, &trb), 0);
	}
	free(trbs);
}

/* An endpoint halts at each TRB in turn: the controller goes on behind it, whatever lap that is in. */
static void it_continues_behind_any_trb(void **state)
{
	struct trb *trbs = malloc(COUNT * sizeof(*trbs)), trb;
	struct trb_ring ring;

	for (uint32_t before = 0; before < 3 * COUNT; before++) {
		for (uint32_t done = 0; done < 4; done++) {
			struct reader reader = { trbs, 0, 1 };
			uint32_t indexes[4];

			trb_ring_init(&ring, trbs, ADDRESS, COUNT);
			for (uint32_t i = 0; i < before; i++)
				trb_ring_put(&ring, 0, 0, TRB_NORMAL);
			for (uint32_t i = 0; i < 4; i++)
				indexes[i] = trb_ring_put(&ring, 100 + i, 0, TRB_NORMAL);
			reader_go(&reader,
				  trb_ring_dequeue(&ring, trb_ring_after(&ring, indexes[done])));
			for (uint32_t i = done + 1; i < 4; i++) {
				assert_int_equal(reader_take(&reader, &trb), 1);
				assert_int_equal(trb.parameter, 100 + i);
			}
			assert_int_equal(reader_take(&reader, &trb), 0);
			trb_ring_put(&ring, 200, 0, TRB_NORMAL);
			assert_int_equal(reader_take(&reader, &trb), 1);
			assert_int_equal(trb.parameter, 200);
		}
	}
	free(trbs);
}

static void only_addresses_of_its_trbs_have_an_index(void **state)
{
	struct trb *trbs = malloc(COUNT * sizeof(*trbs));
	struct trb_ring ring;

	trb_ring_init(&ring, trbs, ADDRESS, COUNT);
	for (uint32_t i = 0; i < COUNT - 1; i++)
		assert_int_equal(trb_ring_index(&ring, ADDRESS + i * 16), i);
	assert_int_equal(trb_ring_index(&ring, ADDRESS + (COUNT - 1) * 16), -1); /* the link */
	assert_int_equal(trb_ring_index(&ring, ADDRESS + COUNT * 16), -1);
	assert_int_equal(trb_ring_index(&ring, ADDRESS - 16), -1);
	assert_int_equal(trb_ring_index(&ring, ADDRESS + 8), -1);
	assert_int_equal(trb_ring_index(&ring, ADDRESS + 1), -1);
	assert_int_equal(trb_ring_index(&ring, 0), -1);
	assert_int_equal(trb_ring_index(&ring, ~UINT64_C(0)), -1);
	assert_int_equal(trb_ring_index(&ring, ADDRESS + (UINT64_C(1) << 36)), -1);
	assert_int_equal(trb_ring_after(&ring, 3), 4);
	assert_int_equal(trb_ring_after(&ring, COUNT - 2), 0);
	free(trbs);
}

static void events_are_taken_once_in_their_order(void **state)
{
	struct trb *trbs = calloc(COUNT, sizeof(*trbs)), event = { 7, 7, 7 };
	struct event_ring ring;
	uint32_t cycle = 1;

	events_init(&ring, trbs, ADDRESS, COUNT);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(events_pending(&ring), 0);
		assert_int_equal(events_take(&ring, &event), 0);
		assert_int_equal(events_dequeue(&ring), ADDRESS + i % COUNT * 16);
		trbs[i % COUNT] = (struct trb){ i, i + 1, TRB_EVENT_COMMAND << 10 | cycle };
		if (i % COUNT == COUNT - 1)
			cycle ^= 1;
		assert_int_equal(events_pending(&ring), 1);
		assert_int_equal(events_take(&ring, &event), 1);
		assert_int_equal(event.parameter, i);
		assert_int_equal(event.status, i + 1);
		assert_int_equal(TRB_TYPE(event.control), TRB_EVENT_COMMAND);
	}
	free(trbs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_controller_reads_what_was_put),
		cmocka_unit_test(several_wait_across_the_end),
		cmocka_unit_test(it_continues_behind_any_trb),
		cmocka_unit_test(only_addresses_of_its_trbs_have_an_index),
		cmocka_unit_test(events_are_taken_once_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* net/record_queue.c: messages in pages, compared with a plain list of bytes; failures at each step leave nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "../../net/record_queue.h"
#include "../../net/rights.h"
#include <kernel/page.h>
#include <kernel/string.h>

enum { PAGES = 256, BYTES = PAGES * PAGE_SIZE };

/* ---- what the kernel has: pages, a share, copies that can fault ---- */

static bool taken[PAGES];
static u32 pages_out;
static s32 charged, share = 1000;
static u32 fail_page_in = ~0u;	/* how many more pages there are */
static u64 fault_after = ~0ull; /* bytes that can still be copied */

struct page *page_alloc(u32 flags)
{
	assert_int_equal(flags, PAGE_USER);
	if (!fail_page_in)
		return NULL;
	fail_page_in -= fail_page_in != ~0u;
	for (u32 i = 0; i < PAGES; i++)
		if (!taken[i]) {
			taken[i] = true;
			pages_out++;
			memset(page_address(&pagemap[i]), 0xa5, PAGE_SIZE);
			return &pagemap[i];
		}
	abort();
}

static u32 names_put;

void unix_name_put(struct unix_name *name)
{
	names_put += name != NULL;
}

void page_free(struct page *page)
{
	u32 i = (u32)(page - pagemap);

	assert_true(taken[i]);
	taken[i] = false;
	pages_out--;
	memset(page_address(page), 0x5a, PAGE_SIZE);
}

bool cred_charge_socket(const struct cred *cred, s32 npages)
{
	if (npages > 0 && charged + npages > share)
		return false;
	charged += npages;
	assert_true(charged >= 0);
	return true;
}

static u64 copy(struct uio *uio, void *queue, u64 count, bool input)
{
	count = MIN(MIN(count, uio->count), fault_after);
	if (fault_after != ~0ull)
		fault_after -= count;
	memcpy(input ? queue : uio->base, input ? uio->base : queue, count);
	uio->base += count;
	uio->left -= count;
	uio->count -= count;
	return count;
}

u64 uio_copy_in(struct uio *uio, void *dst, u64 count)
{
	return copy(uio, dst, count, true);
}
u64 uio_copy_out(struct uio *uio, const void *src, u64 count)
{
	return copy(uio, (void *)src, count, false);
}

/* ---- helpers ---- */

static struct record_queue records;
static u8 out[BYTES], input[BYTES];

static s64 put(u32 len, s32 pid, struct unix_rights *rights, bool whole)
{
	struct record record = { .pid = pid, .rights = rights };
	struct uio uio;

	uio_init_kernel(&uio, out, len);
	return record_queue_put(&records, &record, &uio, len, whole);
}

/* Read from the oldest message up to @count bytes, and leave it if it is done or @leave. */
static s64 get(u64 count, bool leave, bool peek)
{
	struct record_cursor cursor;
	struct uio uio;
	s64 got;

	record_cursor_start(&records, &cursor);
	uio_init_kernel(&uio, input, count);
	got = record_cursor_read(&cursor, &uio, count);
	if (got >= 0 && (leave || !cursor.record.len))
		record_cursor_next(&cursor);
	if (!peek)
		record_queue_consume(&records, &cursor);
	return got;
}

static int start(void **state)
{
	record_queue_init(&records, NULL);
	fail_page_in = ~0u;
	fault_after = ~0ull;
	share = 1000;
	for (u32 i = 0; i < BYTES; i++)
		out[i] = (u8)(i * 7 + (i >> 8));
	return 0;
}

static int end(void **state)
{
	assert_null(record_queue_destroy(&records));
	assert_int_equal(pages_out, 0);
	assert_int_equal(charged, 0);
	return 0;
}

/* ---- tests ---- */

static void small_writes_are_glued(void **state)
{
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(put(10, 1, NULL, false), 10);
	assert_int_equal(records.nr_records, 1);
	assert_int_equal(records.used, 1000 + RECORD_SIZE);
	assert_int_equal(pages_out, 1);
	assert_int_equal(get(2000, false, false), 1000);
	assert_int_equal(records.used, 0);
	assert_int_equal(pages_out, 1); /* kept for the next one */
	assert_int_equal(put(10, 1, NULL, false), 10);
	assert_int_equal(put(10, 2, NULL, false), 10); /* of somebody else */
	assert_int_equal(put(10, 2, NULL, true), 10);  /* whole */
	assert_int_equal(records.nr_records, 3);
}

static void files_stay_with_their_bytes(void **state)
{
	struct unix_rights a = { 0 }, rights = { 0 }, *all;

	assert_int_equal(put(1, 1, &a, false), 1);
	assert_int_equal(put(1, 1, NULL, false), 1);
	assert_int_equal(put(1, 1, NULL, false), 1);
	assert_int_equal(records.nr_records, 2);
	assert_int_equal(put(1, 1, &rights, false), 1);
	assert_int_equal(records.nr_records, 3);
	assert_ptr_equal(records.first.rights, &a);
	all = record_queue_destroy(&records);
	assert_ptr_equal(all, &rights);
	assert_ptr_equal(all->next, &a);
	assert_null(a.next);
}

static void names_go_with_their_messages(void **state)
{
	struct unix_name *name = (struct unix_name *)&records; /* only counted */
	struct record record = { .pid = 1, .name = name };
	struct record_cursor cursor;

	for (u32 i = 0; i < 3; i++) {
		struct uio uio = { 0 };

		assert_int_equal(record_queue_put(&records, &record, &uio, 0, true), 0);
	}
	record_cursor_start(&records, &cursor);
	assert_ptr_equal(cursor.record.name, name);
	assert_true(record_cursor_next(&cursor));
	record_queue_consume(&records, &cursor); /* that one is the reader's */
	assert_int_equal(names_put, 0);
	assert_null(record_queue_destroy(&records));
	assert_int_equal(names_put, 2);
}

/* A peer may go on sending to a socket that was disconnected. */
static void a_destroyed_queue_begins_anew(void **state)
{
	assert_int_equal(put(100, 1, NULL, true), 100);
	assert_int_equal(put(200, 1, NULL, true), 200);
	assert_int_equal(get(100, true, false), 100);
	assert_null(record_queue_destroy(&records));
	assert_int_equal(put(30, 1, NULL, true), 30);
	assert_int_equal(put(40, 2, NULL, true), 40);
	assert_int_equal(get(50, true, false), 30);
	assert_memory_equal(input, out, 30);
	assert_int_equal(records.first.pid, 2);
	assert_int_equal(get(50, true, false), 40);
	assert_memory_equal(input, out, 40);
}

static void empty_messages_are_messages(void **state)
{
	assert_int_equal(put(0, 1, NULL, true), 0);
	assert_int_equal(put(0, 1, NULL, true), 0);
	assert_int_equal(put(5, 1, NULL, true), 5);
	assert_int_equal(records.nr_records, 3);
	assert_int_equal(records.used, 5 + 3 * RECORD_SIZE);
	assert_int_equal(get(10, true, false), 0);
	assert_int_equal(get(10, true, false), 0);
	assert_int_equal(get(10, true, false), 5);
	assert_memory_equal(input, out, 5);
	assert_int_equal(records.used, 0);
}

static s64 put_urgent(void)
{
	struct record record = { .pid = 1, .mark = RECORD_URGENT };
	struct uio uio;

	uio_init_kernel(&uio, out, 1);
	return record_queue_put(&records, &record, &uio, 1, true);
}

/* Wherever it lies: nothing is glued to it, and once it was taken it counts no byte. */
static void an_urgent_byte_is_taken_before_others(void **state)
{
	for (u32 before = 0; before < 4; before++) {
		struct record_cursor cursor;
		struct record *urgent;
		struct uio uio;

		for (u32 i = 0; i < before; i++)
			assert_int_equal(put(3000 + 500 * i, (s32)i, NULL, false), 3000 + 500 * i);
		assert_int_equal(put_urgent(), 1);
		assert_int_equal(put(7, 1, NULL, false), 7);
		assert_int_equal(records.nr_records, before + 2);
		urgent = record_queue_urgent(&records, &cursor);
		uio_init_kernel(&uio, input, 10);
		assert_int_equal(record_cursor_read(&cursor, &uio, 10), 1);
		assert_int_equal(input[0], out[0]);
		record_queue_take_urgent(&records, urgent);
		for (u32 i = 0; i < before; i++)
			assert_int_equal(get(BYTES, true, false), 3000 + 500 * i);
		assert_int_equal(records.first.mark, RECORD_TAKEN);
		assert_int_equal(records.used, 7 + 2 * RECORD_SIZE);
		get(0, true, false);
		assert_int_equal(get(BYTES, true, false), 7);
		assert_memory_equal(input, out, 7);
		assert_int_equal(records.used, 0);
	}
}

/* What does not get in whole is as if it had never come, wherever it fails. */
static void whole_or_nothing(void **state)
{
	for (u32 before = 0; before < 3; before++)
		for (u32 offset = 0; offset < 4; offset++)
			for (u32 kind = 0; kind < 3; kind++) {
				static const int errors[] = { -ENOMEM, -EFAULT, -ENOBUFS };
				u64 used, pages;

				for (u32 i = 0; i < before; i++)
					assert_int_equal(put(5000 + i * 3000, 1, NULL, true),
							 5000 + i * 3000);
				used = records.used;
				pages = pages_out;
				if (kind == 0)
					fail_page_in = offset;
				else
					fail_page_in = ~0u;
				if (kind == 1)
					fault_after = offset * 5000;
				else
					fault_after = ~0ull;
				if (kind == 2)
					share = charged;
				else
					share = 1000;
				assert_int_equal(put(50000, 1, NULL, true), errors[kind]);
				assert_int_equal(records.used, used);
				assert_int_equal(pages_out, pages);
				assert_int_equal(records.nr_records, before);
				fail_page_in = ~0u;
				fault_after = ~0ull;
				share = 1000;
				assert_int_equal(put(50000, 1, NULL, true), 50000);
				for (u32 i = 0; i < before; i++)
					assert_int_equal(get(BYTES, true, false), 5000 + i * 3000);
				assert_int_equal(get(BYTES, true, false), 50000);
				assert_memory_equal(input, out, 50000);
				assert_null(record_queue_destroy(&records));
				assert_int_equal(pages_out, 0);
				assert_int_equal(charged, 0);
			}
}

static void a_stream_takes_what_it_can(void **state)
{
	share = 0;
	assert_int_equal(put(50000, 1, NULL, false), 2 * PAGE_SIZE); /* what everybody has */
	assert_int_equal(put(50000, 1, NULL, false), -ENOBUFS);
	share = 8;
	fail_page_in = 0;
	assert_int_equal(put(50000, 1, NULL, false), -ENOMEM);
	fail_page_in = ~0u;
	assert_int_equal(put(500000, 1, NULL, false), 8 * PAGE_SIZE);
	fault_after = 100;
	assert_int_equal(get(200, false, false), 100);
	assert_int_equal(get(200, false, false), -EFAULT);
	fault_after = ~0ull;
	assert_int_equal(get(BYTES, false, false), 10 * PAGE_SIZE - 100);
	assert_int_equal(charged, 0);
	assert_int_equal(pages_out, 1);
}

/* Against a model: a ring of bytes and of lengths. */
static void as_the_model(bool whole)
{
	u64 written = 0, read = 0;
	u32 sizes[64], first = 0, count = 0;

	srand(7);
	for (u32 i = 0; i < 20000; i++) {
		u32 n = (u32)rand() % (rand() % 8 ? 200 : 3 * PAGE_SIZE) + !whole;

		if (rand() % 2 && count < 64 && records.used + n < BYTES / 4) {
			for (u32 round = 0; round < n; round++)
				out[round] = (u8)((written + round) * 31 >> 3);
			assert_int_equal(put(n, whole ? 1 : rand() % 3, NULL, whole), n);
			sizes[(first + count++) % 64] = n;
			written += n;
			continue;
		}
		if (!records.nr_records)
			continue;
		bool peek = rand() % 4 == 0;
		s64 got = get(whole ? BYTES : n, whole, peek);

		assert_true(got >= 0);
		if (whole)
			assert_int_equal(got, sizes[first]);
		for (s64 taken = 0; taken < got; taken++)
			assert_int_equal(input[taken], (u8)((read + taken) * 31 >> 3));
		if (peek)
			continue;
		read += got;
		if (whole) {
			first = (first + 1) % 64;
			count--;
		} else {
			count = 0; /* lengths mean nothing there */
		}
		assert_int_equal(records.used, written - read + records.nr_records * RECORD_SIZE);
		assert_true(pages_out <= 2 * records.used / PAGE_SIZE +
						 3); /* headers stand at multiples of 32 */
	}
}

static void messages_as_the_model(void **state)
{
	as_the_model(true);
}
static void streams_as_the_model(void **state)
{
	as_the_model(false);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_writes_are_glued, start, end),
		cmocka_unit_test_setup_teardown(files_stay_with_their_bytes, start, end),
		cmocka_unit_test_setup_teardown(names_go_with_their_messages, start, end),
		cmocka_unit_test_setup_teardown(a_destroyed_queue_begins_anew, start, end),
		cmocka_unit_test_setup_teardown(empty_messages_are_messages, start, end),
		cmocka_unit_test_setup_teardown(an_urgent_byte_is_taken_before_others, start, end),
		cmocka_unit_test_setup_teardown(whole_or_nothing, start, end),
		cmocka_unit_test_setup_teardown(a_stream_takes_what_it_can, start, end),
		cmocka_unit_test_setup_teardown(messages_as_the_model, start, end),
		cmocka_unit_test_setup_teardown(streams_as_the_model, start, end),
	};
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (mmap((void *)PHYSMAP_BASE, BYTES, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED ||
	    mmap((void *)PAGEMAP_BASE, PAGES * sizeof(struct page), PROT_READ | PROT_WRITE, flags,
		 -1, 0) == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

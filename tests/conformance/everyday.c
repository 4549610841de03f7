/* SPDX-License-Identifier: MIT */
/*
 * A driver as drivers are: a file for its device, a thread, a timer, work, locks, memory and a
 * device file work together, and the result can only be right if each did its part.
 */
#include <banos/firmware.h>
#include <banos/lock.h>
#include <banos/map.h>
#include <banos/memory.h>
#include <banos/string.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>
#include "answer.h"

#define FILE_BYTES 10000u
#define FILE_SUM   1273800u /* of its bytes */
#define PIECE	   250u
#define RING_BYTES 4096u
#define TICKS	   3u

static banos_owner driver;
static struct banos_mutex ring_mutex;
static struct banos_spinlock sum_lock;
static struct banos_wait progress;
static banos_firmware firmware;
static banos_thread reader;
static banos_timer ticker;
static banos_work adder;
static uint8_t *ring;
static uint32_t ring_fill, ticks, errors, pieces;
static uint64_t sum;

/* ---- a thread reads the file piece by piece; work adds them up ---- */

static uint32_t try_put(const uint8_t *from, uint32_t count)
{
	uint32_t room;

	while (banos_mutex_trylock(&ring_mutex) == -EBUSY)
		(void)banos_thread_yield();
	room = RING_BYTES - ring_fill;
	if (room >= count) {
		memcpy(ring + ring_fill, from, count);
		ring_fill += count;
	}
	errors += banos_mutex_unlock(&ring_mutex) != 0;
	return room >= count;
}

static int64_t read_pieces(void *context)
{
	uint8_t piece[PIECE];
	uint64_t offset = 0, ticket;

	(void)context;
	while (offset < FILE_BYTES && !banos_thread_should_stop()) {
		errors += banos_firmware_read(firmware, offset, piece, PIECE) != (int64_t)PIECE;
		ticket = banos_wait_ticket(&progress);
		if (try_put(piece, PIECE)) {
			offset += PIECE;
			pieces++;
			errors += banos_work_queue(adder) < 0;
		} else {
			(void)banos_wait_sleep(&progress, ticket, banos_time_ns() + BANOS_S, 0);
		}
	}
	return (int64_t)offset;
}

static int64_t add_pieces(void *context)
{
	uint64_t part = 0;
	uint32_t i;

	errors += context != (void *)&adder;
	errors += banos_mutex_lock(&ring_mutex) != 0;
	for (i = 0; i < ring_fill; i++)
		part += ring[i];
	ring_fill = 0;
	errors += banos_mutex_unlock(&ring_mutex) != 0;
	errors += banos_spin_lock(&sum_lock) != 0;
	sum += part;
	errors += banos_spin_unlock(&sum_lock) != 0;
	return banos_wait_wake(&progress);
}

static int64_t tick_once(void *context)
{
	(void)context;
	while (banos_spin_trylock(&sum_lock) == -EBUSY)
		(void)banos_delay(BANOS_US);
	ticks++;
	errors += banos_spin_unlock(&sum_lock) != 0;
	if (ticks < TICKS)
		errors += banos_timer_start(ticker, banos_time_ns() + BANOS_MS) != 0;
	return banos_wait_wake(&progress);
}

static void wait_for_ticks(void)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S, ticket;

	for (;;) {
		ticket = banos_wait_ticket(&progress);
		if (*(volatile uint32_t *)&ticks >= TICKS ||
		    banos_wait_sleep(&progress, ticket, end, BANOS_UNINTERRUPTIBLE))
			return;
	}
}

static void sum_up(void)
{
	int64_t result = 0;
	uint64_t real = banos_time_real_ns(), begin = banos_time_ns();

	CHECK(banos_firmware_load(driver, "conformance.bin", &firmware) == (int64_t)FILE_BYTES);
	CHECK(banos_timer_start(ticker, begin + 2 * BANOS_MS) == 0);
	CHECK(banos_thread_create(driver, read_pieces, NULL, "everyday", &reader) == 0);
	while (*(volatile uint32_t *)&pieces < FILE_BYTES / PIECE &&
	       banos_time_ns() < begin + 25 * BANOS_S)
		(void)banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	CHECK(banos_thread_stop(reader, &result) == 0 && result == (int64_t)FILE_BYTES);
	CHECK(banos_work_wait(adder) == 0);
	CHECK(sum == FILE_SUM);
	wait_for_ticks();
	CHECK(banos_timer_cancel(ticker) == 0 && ticks == TICKS);
	CHECK(banos_time_ns() >= begin + 4 * BANOS_MS);
	CHECK(banos_time_real_ns() - real >= 4 * BANOS_MS);
	CHECK(banos_firmware_release(firmware) == 0);
	CHECK(errors == 0);
}

/* ---- memory and text ---- */

static void try_texts(void)
{
	static const uint64_t args[1] = { 0x2a };
	char *text = (char *)banos_alloc(driver, 64, BANOS_ALLOC_ATOMIC);

	CHECK(text != NULL);
	if (!text)
		return;
	CHECK(banos_format_args(text, 64, "%08x", args, 1) == 8);
	CHECK(strlen(text) == 8 && memcmp(text, "0000002a", 9) == 0);
	CHECK(memmove(text + 2, text, 9) == (void *)(text + 2));
	CHECK(bcmp(text, "000000002a", 11) == 0);
	CHECK(memset(text, '7', 3) == (void *)text && memcmp(text, "7770", 4) == 0);
	CHECK(banos_print_args(driver, BANOS_DEBUG, "counts %u", args, 1) == 0);
	CHECK(banos_free(driver, text) == 0);
	CHECK(banos_api_level() >= 1);
	CHECK(banos_has_feature(BANOS_FEATURE_DEBUG) >= 0 && banos_has_feature(0) == 0);
}

/* ---- its file ---- */

static int64_t everyday_write(void *context, void *file, banos_buffer from, uint64_t length,
			      uint64_t offset, uint32_t flags)
{
	int64_t count;

	(void)context;
	(void)file;
	(void)offset;
	(void)flags;
	if (banos_mutex_lock(&ring_mutex))
		return -EIO;
	CHECK(banos_buffer_left(from) == (int64_t)length);
	count = banos_buffer_read(from, ring, RING_BYTES);
	ring_fill = count > 0 ? (uint32_t)count : 0;
	CHECK(count == 4 && memcmp(ring, "test", 4) == 0);
	CHECK(banos_mutex_unlock(&ring_mutex) == 0);
	sum = 0;
	CHECK(banos_work_queue(adder) == 1);
	return count;
}

static int64_t everyday_ioctl(void *context, void *file, banos_call call, uint32_t command,
			      uint64_t argument, uint32_t flags)
{
	uint16_t two = 0, back = 0;

	(void)context;
	(void)file;
	(void)command;
	(void)flags;
	CHECK(banos_user_read(call, &two, argument + 0x101, 2) == 0 && two == 0x0201);
	two = 0x5aa5;
	CHECK(banos_user_write(call, argument + 4094, &two, 2) == 0);
	CHECK(banos_user_read(call, &back, argument + 4094, 2) == 0 && back == two);
	return 17;
}

static int64_t everyday_poll(void *context, void *file, banos_poll watch)
{
	(void)context;
	(void)file;
	errors += banos_poll_watch(watch, &progress) !=
		  0; /* how often it is called is not promised */
	return *(volatile uint64_t *)&sum ? BANOS_POLL_READ | BANOS_POLL_WRITE : BANOS_POLL_WRITE;
}

static int64_t everyday_map(void *context, void *file, banos_call call, uint64_t offset,
			    uint64_t length, uint32_t access)
{
	(void)context;
	(void)file;
	(void)access;
	CHECK(offset == 0 && length % 4096 == 0);
	return banos_map_zero(call);
}

static int64_t everyday_read(void *context, void *file, banos_buffer to, uint64_t length,
			     uint64_t offset, uint32_t flags)
{
	int64_t count;

	(void)context;
	(void)file;
	(void)offset;
	(void)flags;
	CHECK(errors == 0 && sum == 't' + 'e' + 's' + 't');
	count = answer_program(to, length);
	CHECK(banos_buffer_zero(to, 1) == 1);
	return count + 1;
}

static const struct banos_chardev_ops ops = { sizeof(struct banos_chardev_ops),
					      0,
					      NULL,
					      NULL,
					      everyday_read,
					      everyday_write,
					      everyday_ioctl,
					      everyday_poll,
					      everyday_map };

static int64_t conformance_everyday_init(banos_owner self)
{
	banos_chardev device = NULL, other = NULL;

	driver = self;
	CHECK(banos_mutex_init(self, &ring_mutex) == 0);
	CHECK(banos_spin_init(&sum_lock) == 0);
	CHECK(banos_wait_init(self, &progress) == 0);
	CHECK(banos_timer_create(self, tick_once, NULL, &ticker) == 0);
	CHECK(banos_work_create(self, add_pieces, &adder, &adder) == 0);
	ring = (uint8_t *)banos_alloc(self, RING_BYTES, 0);
	CHECK(ring != NULL);
	if (!check_failed) {
		sum_up();
		try_texts();
	}
	CHECK(answer_register(self, "conformance_everyday", &ops, &device) == 0);
	CHECK(answer_register(self, "conformance_other", &ops, &other) == 0);
	CHECK(banos_chardev_number(device) != banos_chardev_number(other));
	CHECK(banos_chardev_remove(other) == 0);
	return check_verdict(self);
}

static int64_t conformance_everyday_exit(banos_owner self)
{
	(void)banos_timer_destroy(ticker);
	(void)banos_work_destroy(adder);
	(void)banos_wait_destroy(&progress);
	(void)banos_mutex_destroy(&ring_mutex);
	return banos_free(self, ring);
}

BANOS_DRIVER(conformance_everyday, "1.0", "MIT", "Tests that everything works together",
	     conformance_everyday_init, conformance_everyday_exit);

/* SPDX-License-Identifier: MIT */
/* <banos/chardev.h>, <banos/user.h>, <banos/map.h>: each method, and what it hands over. A program drives it. */
#include <banos/map.h>
#include <banos/timer.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "answer.h"

#define COMMAND	   0x4201u
#define PAGE_BYTES 4096
#define KERNEL_AT  0xffff800000000000ull

static uint8_t page[PAGE_BYTES];
static struct banos_wait readiness, others[3]; /* a file may watch four */
static banos_timer timer;
static banos_call old_call;
static banos_buffer old_buffer;
static volatile uint32_t ready, opened, written, commanded, polled, mapped, poll_errors;
static char marker;

static int64_t characters_open(void *context, banos_call call, uint32_t flags, void **file)
{
	uint32_t byte = 0;

	CHECK(context != NULL && call != NULL);
	CHECK((flags & (BANOS_FILE_READ | BANOS_FILE_WRITE)) ==
	      (BANOS_FILE_READ | BANOS_FILE_WRITE));
	CHECK((flags & (BANOS_FILE_NONBLOCK | BANOS_FILE_APPEND)) == 0);
	CHECK(*file == NULL);
	CHECK(banos_user_read(call, &byte, 0, 1) == -EFAULT);
	CHECK(banos_map_zero(call) == -EINVAL); /* not in map() */
	*file = &marker;
	ready = 0;
	opened++;
	return 0;
}

static int64_t characters_release(void *context, void *file)
{
	(void)context;
	CHECK(file == (void *)&marker);
	opened--;
	return 0;
}

static int64_t characters_write(void *context, void *file, banos_buffer from, uint64_t length,
				uint64_t offset, uint32_t flags)
{
	char text[8];

	(void)context;
	(void)flags;
	CHECK(file == (void *)&marker && length == 4 && offset == 0);
	CHECK(banos_buffer_left(from) == 4);
	CHECK(banos_buffer_read(from, text, 1) == 1 && text[0] == 't');
	CHECK(banos_buffer_left(from) == 3);
	CHECK(banos_buffer_read(from, text, sizeof(text)) == 3);
	CHECK(text[0] == 'e' && text[1] == 's' && text[2] == 't');
	CHECK(banos_buffer_left(from) == 0);
	CHECK(banos_buffer_read(from, text, sizeof(text)) == 0);
	CHECK(banos_buffer_read(NULL, text, 1) == -EINVAL);
	CHECK(banos_buffer_left(NULL) == -EINVAL);
	old_buffer = from;
	written++;
	return 4;
}

static int64_t characters_ioctl(void *context, void *file, banos_call call, uint32_t command,
				uint64_t argument, uint32_t flags)
{
	uint32_t i, differ = 0;

	(void)context;
	(void)flags;
	if (command != COMMAND)
		return -ENOTTY;
	CHECK(file == (void *)&marker);
	CHECK(banos_user_read(call, page, argument, PAGE_BYTES) == 0);
	for (i = 0; i < PAGE_BYTES; i++)
		differ += page[i] != (uint8_t)i;
	CHECK(differ == 0);
	for (i = 0; i < PAGE_BYTES; i++)
		page[i] = (uint8_t)(255 - i);
	CHECK(banos_user_write(call, argument + 1, page + 1, PAGE_BYTES - 2) == 0);
	CHECK(banos_user_read(call, page, argument, PAGE_BYTES) == 0);
	for (i = 1; i < PAGE_BYTES - 1; i++)
		differ += page[i] != (uint8_t)(255 - i);
	CHECK(differ == 0 && page[0] == 0 && page[PAGE_BYTES - 1] == 255);
	CHECK(banos_user_read(call, page, 1, 8) == -EFAULT);
	CHECK(banos_user_write(call, 1, page, 8) == -EFAULT);
	CHECK(banos_user_read(call, page, KERNEL_AT, 8) == -EFAULT);
	CHECK(banos_user_write(call, KERNEL_AT, page, 8) == -EFAULT);
	CHECK(banos_user_read(call, page, (uint64_t)page, 8) == -EFAULT);
	CHECK(banos_user_read(call, page, ~0ul - 3, 8) == -EFAULT);
	CHECK(banos_user_read(call, page, argument, 0) == 0);
	CHECK(banos_user_read(call, (void *)argument, argument, 8) == -EINVAL);
	CHECK(banos_user_write(call, argument, (void *)argument, 8) == -EINVAL);
	CHECK(banos_user_read(NULL, page, argument, 8) == -EINVAL);
	CHECK(banos_user_write(NULL, argument, page, 8) == -EINVAL);
	CHECK(banos_buffer_left(old_buffer) == -EINVAL);
	old_call = call;
	commanded++;
	return 0;
}

static int64_t announce_data(void *context)
{
	(void)context;
	ready = 1;
	return banos_wait_wake(&readiness);
}

static int64_t characters_poll(void *context, void *file, banos_poll watch)
{
	uint32_t i;

	(void)context;
	(void)file;
	/* How often it is called is not promised: these are no checks of their own. */
	for (i = 0; i < 3; i++)
		poll_errors += banos_poll_watch(watch, &others[i]) != 0;
	poll_errors += banos_poll_watch(watch, &readiness) != 0;
	poll_errors += banos_poll_watch(watch, &readiness) != 0;
	poll_errors += banos_poll_watch(NULL, &readiness) != -EINVAL;
	poll_errors += banos_poll_watch(watch, NULL) != -EINVAL;
	polled++;
	if (ready)
		return BANOS_POLL_READ;
	poll_errors += banos_timer_start(timer, banos_time_ns() + 5 * BANOS_MS) != 0;
	return 0;
}

static int64_t characters_map(void *context, void *file, banos_call call, uint64_t offset,
			      uint64_t length, uint32_t access)
{
	uint8_t byte;

	(void)context;
	CHECK(file == (void *)&marker && offset == 0 && length == PAGE_BYTES);
	CHECK((access & (BANOS_FILE_READ | BANOS_FILE_WRITE)) ==
	      (BANOS_FILE_READ | BANOS_FILE_WRITE));
	CHECK(banos_user_read(old_call, &byte, 0, 1) == -EINVAL);
	CHECK(banos_map_zero(old_call) == -EINVAL);
	CHECK(banos_map_zero(NULL) == -EINVAL);
	CHECK(banos_map_dma(call, NULL, 0) == -EINVAL);
	CHECK(banos_map_resource(call, NULL, 0, 0, BANOS_MAP_UNCACHED) == -EINVAL);
	CHECK(banos_map_zero(call) == 0);
	CHECK(banos_map_zero(call) == -EINVAL);
	mapped++;
	return 0;
}

static int64_t characters_read(void *context, void *file, banos_buffer to, uint64_t length,
			       uint64_t offset, uint32_t flags)
{
	(void)context;
	(void)flags;
	CHECK(file == (void *)&marker && offset == 0 && length == PAGE_BYTES - 1);
	CHECK(opened == 1 && written && commanded && mapped);
	CHECK(polled >= 2 && ready == 1 && poll_errors == 0);
	CHECK(banos_buffer_left(to) == PAGE_BYTES - 1);
	CHECK(banos_buffer_zero(NULL, 1) == -EINVAL);
	CHECK(banos_buffer_write(NULL, page, 1) == -EINVAL);
	return answer_program(to, length) + banos_buffer_zero(to, 3);
}

static const struct banos_chardev_ops ops = { sizeof(struct banos_chardev_ops),
					      0,
					      characters_open,
					      characters_release,
					      characters_read,
					      characters_write,
					      characters_ioctl,
					      characters_poll,
					      characters_map };

static int64_t refuse_config(banos_owner self, uint32_t flags, uint32_t zero, const char *name)
{
	struct banos_chardev_config config = {
		sizeof(config), 0, BANOS_CHARDEV_ANY, 0, 0600, 0, NULL, NULL, ""
	};
	uint32_t i;

	config.flags = flags;
	config.zero = zero;
	config.ops = &ops;
	for (i = 0; name[i]; i++)
		config.name[i] = name[i];
	return banos_chardev_register(self, &config, NULL);
}

static void try_registration(banos_owner self)
{
	struct banos_chardev_ops later = { sizeof(later), 0x80000000u, NULL, NULL, NULL,
					   NULL,	  NULL,	       NULL, NULL };
	banos_chardev device = NULL, other = NULL;
	int64_t number;

	CHECK(refuse_config(self, 0x80000000u, 0, "conformance_flag") == -EINVAL);
	CHECK(refuse_config(self, 0, 1, "conformance_zero") == -EINVAL);
	CHECK(refuse_config(self, 0, 0, "") == -EINVAL);
	CHECK(refuse_config(self, 0, 0, "../up") == -EINVAL);
	CHECK(refuse_config(NULL, 0, 0, "conformance_none") == -EINVAL);
	CHECK(banos_chardev_register(self, NULL, &device) == -EINVAL);
	CHECK(answer_register(self, "conformance_must", &later, &device) == -EOPNOTSUPP);
	later.must = 0; /* no method at all: each has its default */
	CHECK(answer_register(self, "conformance_folder/device", &later, &device) == 0);
	number = banos_chardev_number(device);
	CHECK(number >= 0 && (number >> 32) > 0);
	CHECK(answer_register(self, "conformance_folder/device", &later, &other) == -EEXIST);
	CHECK(answer_register(self, "conformance_folder/other", &later, &other) == 0);
	CHECK(banos_chardev_number(other) != number);
	CHECK(banos_chardev_remove(other) == 0);
	CHECK(banos_chardev_remove(other) == -EINVAL);
	CHECK(banos_chardev_number(other) == -EINVAL);
	CHECK(banos_chardev_remove(device) == 0);
	CHECK(banos_chardev_remove(NULL) == -EINVAL);
}

static int64_t characters_init(banos_owner self)
{
	uint32_t i;

	CHECK(banos_wait_init(self, &readiness) == 0);
	for (i = 0; i < 3; i++)
		CHECK(banos_wait_init(self, &others[i]) == 0);
	CHECK(banos_timer_create(self, announce_data, NULL, &timer) == 0);
	try_registration(self);
	CHECK(answer_register(self, "conformance_characters", &ops, NULL) == 0);
	return check_verdict(self);
}

static int64_t characters_exit(banos_owner self)
{
	uint32_t i;

	(void)self;
	(void)banos_timer_destroy(timer);
	for (i = 0; i < 3; i++)
		(void)banos_wait_destroy(&others[i]);
	return banos_wait_destroy(&readiness);
}

BANOS_DRIVER(conformance_characters, "1.0", "MIT", "Tests character devices", characters_init,
	     characters_exit);

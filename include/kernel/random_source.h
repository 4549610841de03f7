/* SPDX-License-Identifier: MIT */
/** @file random_source.h  Hardware that makes random bytes: device/random_source.c. */
#pragma once
#include <kernel/list.h>
#include <kernel/lock.h>
#include <kernel/random_check.h>
#include <kernel/types.h>

struct uio;

#define RANDOM_CHUNK 256u /* bytes of one fill() */

struct random_source {
	const char *name, *driver; /* for messages and programs; they outlive it */
	u32 quality;		   /* of RANDOM_QUALITY_MAX */
	/**
	 * Fill @p to. Sleeps, and not for long if not @p wait; ends with -ENODEV when source->dead was set.
	 * @return bytes, -EAGAIN, -EINTR, -ERESTARTSYS, or an error that ends the source
	 */
	s64 (*fill)(struct random_source *source, struct uio *to, bool wait);

	/* of the core, under its lock */
	struct list link;
	bool listed, dead;
	u32 running; /* calls */
	u32 round;   /* of the thread that mixes */

	struct mutex lock; /* guards what follows; held during fill() */
	bool failed;
	struct random_check check;
	u32 checked; /* bytes of the first ones that were looked at: up to RANDOM_START_BYTES */
	u32 begin, end;
	u8 bytes[RANDOM_CHUNK]; /* from begin to end nobody has had them */
};

/** @brief Offer a source, zeroed but for the first four fields. Sleeps. @return 0, -EEXIST: the name is taken, -ENOMEM */
int __must_check random_source_add(struct random_source *source);
/** @brief The end of one, offered or not: fill() does not run any more. Sleeps. @return 0, -EBUSY: it does not return */
int __must_check random_source_remove(struct random_source *source, u64 deadline_ns);
/**
 * @brief Read from the chosen source, as /dev/hwrng does. Sleeps.
 * @return bytes, all unless something has ended it; or, without any, -ENODEV: there is no source, -EAGAIN: not @p wait,
 *	   -ERESTARTSYS, -EFAULT, or an error of the source
 */
s64 random_sources_read(struct uio *uio, bool wait);
/** @brief Start-up: /dev/hwrng and its files in /sys. */
void random_sources_init(void);

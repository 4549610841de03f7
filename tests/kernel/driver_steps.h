/* SPDX-License-Identifier: MIT */
/* What tests of drivers have in common: installing and removing, what is in use, lines of the log. */
#pragma once
#include <kernel/driver.h>
#include <kernel/handle.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>

#define IMAGE(name) extern const u8 driver_image_##name[], driver_image_##name##_end[]

struct image {
	const char *name;
	const u8 *start, *end;
};
#define ENTRY(name)                                                   \
	{                                                             \
#name, driver_image_##name, driver_image_##name##_end \
	}

/* ---- steps ---- */

/* Of the last install or removal. */
static char reasons[REPORT_SIZE];

static inline s64 install(const struct image *image, const char *params, u32 flags)
{
	struct install_request request = { .file = image->start,
					   .size = image->end - image->start,
					   .params = params,
					   .flags = flags };
	s64 id;

	driver_report_init(&request.report);
	id = driver_install(&request);

	strscpy(reasons, request.report.text ?: "", sizeof(reasons));
	report_destroy(&request.report);
	return id;
}

static inline int remove_with(s64 id, u32 flags)
{
	struct driver *driver = driver_find(id);
	struct report report;
	int err = -ENOENT;

	driver_report_init(&report);
	if (driver && driver->id == id)
		err = driver_remove(driver, flags, &report);
	strscpy(reasons, report.text ?: "", sizeof(reasons));
	report_destroy(&report);
	if (driver)
		driver_put(driver);
	return err;
}

static inline int remove(s64 id)
{
	return remove_with(id, 0);
}

struct usage {
	s64 bytes;
	u32 handles, drivers;
};

/* Stacks of threads that ended are kept for others: they do not count. */
static inline struct usage usage(void)
{
	struct mem_info memory;

	mem_info_get(&memory);
	return (struct usage){ heap_debug_live() - (s64)(memory.kernel_stacks * PAGE_SIZE),
			       handles_in_use(), driver_count };
}

static inline bool usage_equal(const struct usage *usage, const struct usage *b)
{
	return usage->bytes == b->bytes && usage->handles == b->handles &&
	       usage->drivers == b->drivers;
}

static inline void let_settle(void)
{
	synchronize_rcu();
	sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
}

/* Without what others have let go of and is not freed yet. */
static inline struct usage settled_usage(void)
{
	struct usage now = usage(), before;

	do {
		before = now;
		for (int i = 0; i < 3; i++)
			let_settle();
		now = usage();
	} while (!usage_equal(&before, &now));
	return now;
}

/* What is freed after a grace period takes a moment. */
static inline bool back_at(const struct usage *before)
{
	struct usage now;

	for (int i = 0; i < 100; i++) {
		let_settle();
		now = usage();
		/* Less: a thread that had ended before was let go since. */
		if (now.bytes <= before->bytes && now.handles == before->handles &&
		    now.drivers == before->drivers)
			return true;
	}
	pr_info("# was %ld bytes, %u handles, %u drivers; is %ld, %u, %u\n", before->bytes,
		before->handles, before->drivers, now.bytes, now.handles, now.drivers);
	return false;
}

/* Records of the log from @from on that contain @what. */
static inline u32 log_count(u64 from, const char *what)
{
	static char line[512];
	struct printk_record record;
	u32 count = 0;
	s64 len;

	for (u64 seq = from;
	     (len = printk_read_record(&seq, &record, line, sizeof(line) - 1)) >= 0;) {
		line[MIN(len, (s64)sizeof(line) - 1)] = 0;
		count += strstr(line, what) != NULL;
	}
	return count;
}

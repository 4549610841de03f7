/* SPDX-License-Identifier: MIT */
/* Work: what cannot be done here and now is done soon, in a thread where it may sleep. */
#include <banos/driver.h>
#include <banos/print.h>
#include <banos/time.h>
#include <banos/work.h>

static banos_work errand;
static uint32_t runs;

static int64_t errand_run(void *context)
{
	banos_owner self = context;

	banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	banos_print(self, "errand %u is done", ++runs);
	return 0;
}

static int64_t errand_init(banos_owner self)
{
	int64_t error = banos_work_create(self, errand_run, self, &errand);

	if (error)
		return error;
	banos_work_queue(errand);
	return banos_work_wait(errand);
}

static int64_t errand_exit(banos_owner self)
{
	banos_work_queue(errand);
	banos_work_wait(errand);
	return banos_work_destroy(errand);
}

BANOS_DRIVER(errand, "1.0", "MIT", "Runs errands", errand_init, errand_exit);

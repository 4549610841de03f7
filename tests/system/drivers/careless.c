/* SPDX-License-Identifier: MIT */
/*
 * Comes back from one of its functions with a flag of the processor that the kernel
 * does not expect; and offers one such function to other drivers.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/work.h>

#define FLAG_DF 0x400ul
#define FLAG_NT 0x4000ul
#define FLAG_AC 0x40000ul

static char kind[8] = "none", where[8] = "none";
BANOS_PARAM_TEXT(kind, "cli, std, ac or nt");
BANOS_PARAM_TEXT(where, "init, exit, open, read, work, timer or thread");

int64_t careless_call(uint64_t what);

static int is(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static void set(uint64_t flags)
{
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "r"(flags) : "memory", "cc");
}

int64_t careless_call(uint64_t what)
{
	if (what == 'c')
		__asm__ volatile("cli");
	else if (what == 's')
		set(FLAG_DF);
	else
		set(what == 'a' ? FLAG_AC : FLAG_NT);
	return 0;
}
BANOS_EXPORT(careless_call);

static int64_t act(void *context)
{
	if (is(where, (const char *)context))
		return careless_call((uint64_t)kind[0]);
	return 0;
}

static int64_t device_open(void *context, banos_call call, uint32_t flags, void **file)
{
	return act((void *)"open");
}

static int64_t device_read(void *context, void *file, banos_buffer to, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	return act((void *)"read");
}

static int64_t start(banos_owner self)
{
	banos_thread thread;
	banos_timer timer;
	banos_work work;
	int64_t error = banos_work_create(self, act, (void *)"work", &work);

	if (!error)
		banos_work_queue(work);
	if (!error)
		error = banos_timer_create(self, act, (void *)"timer", &timer);
	if (!error)
		banos_timer_start(timer, banos_time_ns());
	if (error)
		return error;
	return banos_thread_create(self, act, (void *)"thread", "careless", &thread);
}

static int64_t careless_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = { .size = sizeof(ops),
						      .open = device_open,
						      .read = device_read };
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "careless",
	};
	int64_t error = banos_chardev_register(self, &config, NULL);

	if (!error)
		error = start(self);
	if (error)
		return error;
	return act((void *)"init");
}

static int64_t careless_exit(banos_owner self)
{
	return act((void *)"exit");
}
BANOS_DRIVER(careless, "1.0", "MIT", "Leaves flags behind", careless_init, careless_exit);

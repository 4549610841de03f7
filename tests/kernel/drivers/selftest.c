/* SPDX-License-Identifier: MIT */
/*
 * What the driver API promises, asked from inside a driver: init() fails with the
 * line of the first promise that was not kept.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/firmware.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/user.h>
#include <banos/wait.h>
#include <banos/work.h>

#define CHECK(condition)                                                        \
	do {                                                                    \
		if (!(condition)) {                                             \
			banos_error(self, "line %d: %s", __LINE__, #condition); \
			return -__LINE__;                                       \
		}                                                               \
	} while (0)

/* A function that is not the driver's own, where one of its own is asked for. */
#define FOREIGN(type, function) ((type)(void (*)(void))(function))

BANOS_WEAK int64_t banos_of_a_later_level(void);

static banos_owner own;
static int calls;

int64_t selftest_export(void);
int64_t selftest_export(void)
{
	return 1;
}
BANOS_EXPORT(selftest_export);

/* ---- what there is ---- */

static int64_t check_probing(banos_owner self)
{
	CHECK(banos_api_level() == BANOS_LEVEL);
	CHECK(BANOS_HAS(banos_api_level) && !BANOS_HAS(banos_of_a_later_level));
	CHECK(banos_has_feature(BANOS_FEATURE_DEBUG) == 1); /* these tests are */
	CHECK(banos_has_feature(0) == 0 && banos_has_feature(12345) == 0);
	return 0;
}

/* ---- memory ---- */

static int64_t check_memory(banos_owner self)
{
	static const uint64_t sizes[] = { 1, 15, 16, 100, 2048, 4095, 4096, 4097, 100000 };
	char on_stack[16];
	char *bytes = (char *)banos_alloc(self, 64, 0);

	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *other = (char *)banos_alloc(self, sizes[i], 0);

		CHECK(other && !((uint64_t)other & (sizes[i] < 4096 ? 15 : 4095)));
		for (uint64_t k = 0; k < sizes[i]; k++)
			CHECK(!other[k]);
		memset(other, 0xaa, sizes[i]);
		CHECK(banos_free(self, other) == 0);
	}
	CHECK(bytes && banos_free(self, bytes + 16) == -EINVAL);
	CHECK(banos_free((banos_owner)12345, bytes) == -EINVAL);
	CHECK(banos_free(self, bytes) == 0 && banos_free(self, bytes) == -EINVAL);
	CHECK(banos_free(self, NULL) == 0 && banos_free(self, on_stack) == -EINVAL);
	CHECK(!banos_alloc(self, 0, 0) && !banos_alloc(self, UINT64_MAX, 0) &&
	      !banos_alloc(self, 16, 2));
	CHECK(!banos_alloc(NULL, 16, 0) && !banos_alloc(self, 2049, BANOS_ALLOC_ATOMIC));
	bytes = (char *)banos_alloc(self, 2048, BANOS_ALLOC_ATOMIC);
	CHECK(bytes && banos_free(self, bytes) == 0);
	return 0;
}

/* ---- text ---- */

static int64_t check_text(banos_owner self)
{
	char text[16];

	CHECK(banos_format(text, sizeof(text), "%d %s", -5, "five") == 7 &&
	      !memcmp(text, "-5 five", 8));
	CHECK(banos_format(text, 4, "%08x", 0xabcu) == 8 && !memcmp(text, "000", 4));
	CHECK(banos_format(NULL, 0, "%llu", 12345ull) == 5);
	CHECK(banos_format_args(text, sizeof(text), "", NULL, 13) == -EINVAL);
	CHECK(banos_print_args((banos_owner)1, BANOS_INFO, "", NULL, 0) == -EINVAL);
	CHECK(banos_print_args(self, 0, "", NULL, 0) == -EINVAL);
	return 0;
}

/* ---- time, timers, work ---- */

static int64_t count(void *context)
{
	__atomic_fetch_add((int *)context, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int seen(void)
{
	return __atomic_load_n(&calls, __ATOMIC_SEQ_CST);
}

static void wait_for_calls(int count)
{
	for (int i = 0; i < 2000 && seen() < count; i++)
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
}

static int64_t check_timers(banos_owner self)
{
	uint64_t start = banos_time_ns();
	banos_timer timer, next[4];

	CHECK(banos_sleep_until(start + 2 * BANOS_MS, 0) == 0 &&
	      banos_time_ns() >= start + 2 * BANOS_MS);
	CHECK(banos_delay(1000) == 0 && banos_time_real_ns() > 0);
	CHECK(banos_timer_create(self, FOREIGN(int64_t(*)(void *), banos_api_level), NULL,
				 &timer) == -EINVAL);
	CHECK(banos_timer_create(self, NULL, NULL, &timer) == -EINVAL);
	CHECK(banos_timer_create(self, count, &calls, &timer) == 0);
	calls = 0;
	CHECK(banos_timer_cancel(timer) == 0);
	CHECK(banos_timer_start(timer, banos_time_ns() + 1000 * BANOS_S) == 0);
	CHECK(banos_timer_start(timer, banos_time_ns() + BANOS_MS) == 0); /* moved */
	wait_for_calls(1);
	CHECK(seen() == 1);
	CHECK(banos_timer_start(timer, banos_time_ns() + 1000 * BANOS_S) == 0 &&
	      banos_timer_cancel(timer) == 1);
	CHECK(banos_work_queue((banos_work)timer) == -EINVAL); /* not that kind of handle */
	CHECK(banos_timer_destroy(timer) == 0 && banos_timer_destroy(timer) == -EINVAL);
	CHECK(banos_timer_start(timer, 0) == -EINVAL && banos_timer_cancel(timer) == -EINVAL);
	/* Its place is taken by the next ones: the old handle does not mean them. */
	for (uint32_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
		CHECK(banos_timer_create(self, count, &calls, &next[i]) == 0 && next[i] != timer);
		CHECK(banos_timer_start(timer, 0) == -EINVAL);
	}
	for (uint32_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
		CHECK(banos_timer_destroy(next[i]) == 0);
	return 0;
}

static banos_work work;
static int64_t from_itself;

static int64_t wait_for_itself(void *context)
{
	from_itself = banos_work_wait(work);
	return count(context);
}

static int64_t check_work(banos_owner self)
{
	calls = 0;
	CHECK(banos_work_create(self, wait_for_itself, &calls, &work) == 0);
	CHECK(banos_work_wait(work) == 0 && seen() == 0);
	CHECK(banos_work_queue(work) == 1 && banos_work_wait(work) == 0);
	CHECK(seen() == 1 && from_itself == -EDEADLK);
	CHECK(banos_work_destroy(work) == 0 && banos_work_queue(work) == -EINVAL &&
	      banos_work_wait(work) == -EINVAL);
	return 0;
}

/* ---- threads, locks, waiting ---- */

static struct banos_mutex mutex;
static struct banos_wait bell;
static banos_thread thread;
static int64_t own_stop;

static int64_t thread_main(void *context)
{
	own_stop = banos_thread_stop(thread, NULL);
	banos_mutex_lock(&mutex); /* held by init() until it sleeps below */
	banos_mutex_unlock(&mutex);
	while (!banos_thread_should_stop())
		banos_wait_sleep(&bell, banos_wait_ticket(&bell), 0, 0);
	return 4711;
}

static int64_t check_threads(banos_owner self)
{
	int64_t result = 0;

	CHECK(banos_mutex_init(self, &mutex) == 0 && banos_wait_init(self, &bell) == 0);
	CHECK(banos_mutex_lock(&mutex) == 0 && banos_mutex_lock(&mutex) == -EDEADLK);
	CHECK(banos_mutex_trylock(&mutex) == -EBUSY && banos_mutex_destroy(&mutex) == -EBUSY);
	CHECK(banos_thread_create(self, FOREIGN(int64_t(*)(void *), banos_time_ns), NULL, "x",
				  &thread) == -EINVAL);
	CHECK(banos_thread_create(self, thread_main, NULL, "selftest", &thread) == 0);
	CHECK(banos_thread_should_stop() == 0);
	banos_sleep_until(banos_time_ns() + 2 * BANOS_MS, 0);
	CHECK(banos_mutex_unlock(&mutex) == 0 && banos_mutex_unlock(&mutex) == -EPERM);
	banos_sleep_until(banos_time_ns() + 2 * BANOS_MS, 0);
	CHECK(banos_wait_wake(&bell) == 0 && banos_thread_yield() == 0);
	CHECK(banos_thread_stop(thread, &result) == 0 && result == 4711);
	CHECK(banos_thread_stop(thread, &result) == -EINVAL && own_stop == -EDEADLK);
	CHECK(banos_mutex_destroy(&mutex) == 0 && banos_mutex_lock(&mutex) == -EINVAL);
	return banos_wait_destroy(&bell);
}

/* Whatever a driver does to its own storage is its own problem. */
static int64_t check_hostile_storage(banos_owner self)
{
	struct banos_mutex good;
	struct banos_wait wait;
	struct banos_spinlock spin;

	CHECK(banos_mutex_init(self, &mutex) == 0);
	good = mutex;
	memset(&mutex, 0xff, sizeof(mutex));
	CHECK(banos_mutex_lock(&mutex) == -EINVAL && banos_mutex_unlock(&mutex) == -EINVAL);
	mutex = good;
	mutex.state = 77;
	CHECK(banos_mutex_trylock(&mutex) == -EBUSY);
	mutex = good;
	CHECK(banos_mutex_lock(&mutex) == 0 && banos_mutex_unlock(&mutex) == 0 &&
	      banos_mutex_destroy(&mutex) == 0);
	memset(&wait, 0x41, sizeof(wait));
	CHECK(banos_wait_wake(&wait) == -EINVAL && banos_wait_destroy(&wait) == -EINVAL);
	CHECK(banos_wait_sleep(&wait, 0, 0, 0) == -EINVAL);
	CHECK(banos_spin_init(&spin) == 0 && banos_spin_unlock(&spin) == -EPERM);
	CHECK(banos_spin_trylock(&spin) == 0 && banos_spin_trylock(&spin) == -EBUSY &&
	      banos_spin_unlock(&spin) == 0);
	CHECK(banos_spin_lock(&spin) == 0 && banos_spin_unlock(&spin) == 0);
	return 0;
}

static int64_t check_waiting(banos_owner self)
{
	struct banos_wait wait;
	uint64_t ticket, start = banos_time_ns();

	CHECK(banos_wait_init(self, &wait) == 0);
	CHECK(banos_wait_sleep(&wait, banos_wait_ticket(&wait), start + 2 * BANOS_MS, 0) ==
	      -ETIMEDOUT);
	CHECK(banos_time_ns() >= start + 2 * BANOS_MS);
	ticket = banos_wait_ticket(&wait);
	CHECK(banos_wait_wake(&wait) == 0 &&
	      banos_wait_sleep(&wait, ticket, 0, 0) == 0); /* not lost */
	CHECK(banos_wait_destroy(&wait) == 0 && banos_wait_wake(&wait) == -EINVAL);
	return 0;
}

/* ---- names ---- */

static int64_t check_look_up(banos_owner self)
{
	int64_t (*add)(int64_t, int64_t);
	void *level = banos_lookup_symbol(self, "banos_api_level");

	CHECK(level && ((int64_t(*)(void))level)() == BANOS_LEVEL);
	CHECK(banos_release_symbol(self, level) == 0 &&
	      banos_release_symbol(self, level) == -EINVAL);
	CHECK(!banos_lookup_symbol(self, "no_such_name") &&
	      !banos_lookup_symbol(NULL, "banos_api_level"));
	add = (int64_t(*)(int64_t, int64_t))banos_lookup_symbol(self, "adder_add");
	CHECK(add && add(2, 3) == 5 && add(INT64_MAX, 1) == -EOVERFLOW);
	CHECK(banos_release_symbol(self, (void *)add) == 0);
	CHECK(add(2, 3) == -ENODEV); /* dead, but no harm is done */
	return 0;
}

/* In exit() the driver's own exports are gone, in init() they are not there yet. */
static int64_t check_own_name(banos_owner self)
{
	CHECK(!banos_lookup_symbol(self, "selftest_export"));
	return 0;
}

/* ---- devices, buffers ---- */

static int64_t nop_open(void *context, banos_call call, uint32_t flags, void **file)
{
	return 0;
}

static int64_t check_devices(banos_owner self)
{
	struct {
		struct banos_chardev_config config;
		uint64_t later[2]; /* the second is later than any kernel that runs this */
	} big;
	struct banos_chardev_ops ops = { .size = sizeof(ops), .open = nop_open };
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "selftest/a-b.c:d_e",
	};
	static const char *const bad[] = { "",	     "/x", "x/",  "a//b", "../x",
					   "a/../b", ".x", "a b", "a\n",  "a\xff" };
	banos_chardev device, second;

	CHECK(banos_chardev_register(self, &config, &device) == 0 &&
	      banos_chardev_number(device) > 0);
	config.major = (uint32_t)(banos_chardev_number(device) >> 32);
	config.minor = (uint32_t)banos_chardev_number(device);
	CHECK(banos_chardev_register(self, &config, &second) == -EBUSY);
	config.major = BANOS_CHARDEV_ANY;
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(config.name, 0, sizeof(config.name));
		for (uint32_t round = 0; bad[i][round]; round++)
			config.name[round] = bad[i][round];
		CHECK(banos_chardev_register(self, &config, &second) == -EINVAL);
	}
	memset(config.name, 'x', sizeof(config.name)); /* no end */
	CHECK(banos_chardev_register(self, &config, &second) == -EINVAL);
	memset(config.name + 8, 0, 8);
	config.size--;
	CHECK(banos_chardev_register(self, &config, &second) == -EINVAL);
	config.size++;
	ops.must = 1;
	CHECK(banos_chardev_register(self, &config, &second) == -EOPNOTSUPP);
	ops.must = 0;
	ops.open = FOREIGN(int64_t(*)(void *, banos_call, uint32_t, void **),
			   banos_free); /* not the driver's */
	CHECK(banos_chardev_register(self, &config, &second) == -EINVAL);
	ops.open = nop_open;
	memset(&big, 0, sizeof(big));
	big.config = config;
	big.config.size = sizeof(big);
	big.later[1] = 1;
	CHECK(banos_chardev_register(self, &big.config, &second) == -E2BIG);
	big.later[1] = 0;
	CHECK(banos_chardev_register(self, &big.config, &second) == 0);
	CHECK(banos_chardev_remove(second) == 0 && banos_chardev_remove(second) == -EINVAL);
	CHECK(banos_chardev_number(second) == -EINVAL);
	CHECK(banos_poll_watch((banos_poll)1, &bell) == -EINVAL);
	return banos_chardev_remove(device);
}

static int64_t check_buffers(banos_owner self)
{
	char byte = 0;

	/* Outside of a method there is no buffer, and no program. */
	CHECK(banos_buffer_left((banos_buffer)&byte) == -EINVAL &&
	      banos_buffer_left(NULL) == -EINVAL);
	CHECK(banos_buffer_write((banos_buffer)&byte, &byte, 1) == -EINVAL);
	CHECK(banos_buffer_read(NULL, &byte, 1) == -EINVAL &&
	      banos_buffer_zero(NULL, 1) == -EINVAL);
	CHECK(banos_user_read(NULL, &byte, 0, 1) == -EINVAL &&
	      banos_user_write(NULL, (uint64_t)&byte, &byte, 1) == -EINVAL);
	return 0;
}

static int64_t check_firmware(banos_owner self)
{
	banos_firmware firmware;

	CHECK(banos_firmware_load(self, "none", &firmware) == -ENOENT);
	CHECK(banos_firmware_load(self, "../none", &firmware) == -EINVAL);
	CHECK(banos_firmware_read((banos_firmware)99, 0, &firmware, 1) == -EINVAL);
	CHECK(banos_firmware_release((banos_firmware)99) == -EINVAL);
	return 0;
}

static int64_t selftest_init(banos_owner self)
{
	static int64_t (*const checks[])(banos_owner) = {
		check_probing, check_memory,	      check_text,     check_timers,  check_work,
		check_threads, check_hostile_storage, check_waiting,  check_look_up, check_own_name,
		check_devices, check_buffers,	      check_firmware,
	};

	own = self;
	for (uint32_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int64_t error = checks[i](self);

		if (error)
			return error;
	}
	return 0;
}

static int64_t selftest_exit(banos_owner self)
{
	if (self == own)
		return check_own_name(self);
	return -1;
}

BANOS_DRIVER(selftest, "1.0", "MIT", "Asks the driver API to keep its promises", selftest_init,
	     selftest_exit);

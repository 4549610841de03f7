/* SPDX-License-Identifier: MIT */
/*
 * Timers and work of several devices. exit() says how much of what <banos/timer.h>
 * promises was kept: nothing of one owner overlaps, and no owner delays another.
 */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/work.h>

static uint32_t devices = 3;
BANOS_PARAM_U32(devices, 1, 40, "how many");

struct lane {
	banos_owner device;
	banos_timer quick[2], slow;
	banos_work work;
	uint64_t due;
	int32_t inside;
	int is_slow;
};

static banos_owner me;
static banos_work main_work;
static int32_t overlaps, late, ended, refused, waited;

static void count(int32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static int32_t counted(const int32_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void enter_lane(struct lane *lane)
{
	if (__atomic_exchange_n(&lane->inside, 1, __ATOMIC_SEQ_CST))
		count(&overlaps);
}

static void leave_lane(struct lane *lane)
{
	__atomic_store_n(&lane->inside, 0, __ATOMIC_SEQ_CST);
}

static int64_t on_slow(void *context)
{
	struct lane *lane = (struct lane *)context;

	enter_lane(lane);
	banos_sleep_until(banos_time_ns() + 400 * BANOS_MS, 0);
	if (banos_timer_destroy(lane->slow) == -EDEADLK && banos_work_wait(lane->work) == -EDEADLK)
		count(&refused);
	/* The driver's own work is of another owner. */
	if (banos_work_queue(main_work) >= 0 && banos_work_wait(main_work) == 0)
		count(&waited);
	leave_lane(lane);
	count(&ended);
	return 0;
}

static int64_t on_quick(void *context)
{
	struct lane *lane = (struct lane *)context;

	enter_lane(lane);
	if (!lane->is_slow && banos_time_ns() > lane->due + 250 * BANOS_MS)
		count(&late);
	banos_sleep_until(banos_time_ns() + 2 * BANOS_MS, 0);
	leave_lane(lane);
	count(&ended);
	return 0;
}

static int64_t nothing(void *context)
{
	return 0;
}

static int64_t start_lane(struct lane *lane)
{
	int64_t error = banos_timer_create(lane->device, on_slow, lane, &lane->slow);

	for (int i = 0; !error && i < 2; i++)
		error = banos_timer_create(lane->device, on_quick, lane, &lane->quick[i]);
	if (!error)
		error = banos_work_create(lane->device, on_quick, lane, &lane->work);
	if (error)
		return error;
	lane->due = banos_time_ns() + 20 * BANOS_MS;
	if (lane->is_slow)
		error = banos_timer_start(lane->slow, lane->due - 10 * BANOS_MS);
	for (int i = 0; !error && i < 2; i++)
		error = banos_timer_start(lane->quick[i], lane->due);
	if (!error && banos_work_queue(lane->work) != 1)
		error = -EIO;
	return error;
}

static int64_t lanes_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct lane *lane = (struct lane *)banos_alloc(device, sizeof(*lane), 0);
	char name[BANOS_NAME_SIZE];

	if (!lane)
		return -ENOMEM;
	*state = lane;
	lane->device = device;
	if (banos_device_name(device, name, sizeof(name)) < 0)
		return -EIO;
	lane->is_slow = devices > 3 || name[1] == '0';
	return start_lane(lane);
}

static int64_t lanes_remove(void *context, banos_owner device, void *state)
{
	struct lane *lane = (struct lane *)state;

	banos_timer_destroy(lane->slow);
	for (int i = 0; i < 2; i++)
		banos_timer_destroy(lane->quick[i]);
	banos_work_destroy(lane->work);
	return banos_free(device, lane);
}

static int64_t lanes_quiesce(void *context, void *device)
{
	return 0;
}

static const struct banos_bus_ops bus_ops = { .size = sizeof(bus_ops), .quiesce = lanes_quiesce };
static const struct banos_bus_config bus_config = {
	.size = sizeof(bus_config),
	.ops = &bus_ops,
	.name = "lanes",
};
static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = lanes_probe,
	.remove = lanes_remove,
};
static const struct banos_prober_config prober_config = {
	.size = sizeof(prober_config),
	.ops = &prober_ops,
	.bus = "lanes",
};

static int64_t lanes_init(banos_owner self)
{
	banos_bus bus;
	banos_device device;
	int64_t error = banos_bus_register(self, &bus_config, &bus);

	me = self;
	if (!error)
		error = banos_work_create(self, nothing, NULL, &main_work);
	if (!error)
		error = banos_prober_register(self, &prober_config, NULL);
	for (uint32_t i = 0; !error && i < devices; i++) {
		struct banos_device_config config = { .size = sizeof(config), .alias = "lanes:x" };

		banos_format(config.name, sizeof(config.name), "d%u", i);
		error = banos_device_add(bus, &config, &device);
	}
	return error;
}

/* Devices and their timers are gone by now. */
static int64_t lanes_exit(banos_owner self)
{
	banos_print(self, "%d ended, %d overlaps, %d late, %d refused, %d waited", counted(&ended),
		    counted(&overlaps), counted(&late), counted(&refused), counted(&waited));
	return banos_work_destroy(main_work);
}

BANOS_DRIVER(lanes, "1.0", "MIT", "Timers of several devices", lanes_init, lanes_exit);
BANOS_SERVES("lanes:*");

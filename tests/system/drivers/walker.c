/* SPDX-License-Identifier: MIT */
/*
 * Calls functions of the API wrongly: walk.py writes the cases in, which call each with one thing
 * wrong. Of those of a place (probe(), or a method that clutch leads to) it does @first and the next
 * ones, and logs what each returned: "#NUMBER RESULT". As name=victim it owns what the others try to use.
 */
#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/chardev.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/firmware.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include <banos/map.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/user.h>
#include <banos/wait.h>
#include <banos/work.h>

#define LARGE 8192u

enum place { AT_PROBE, AT_OPEN, AT_READ, AT_POLL, AT_MAP };
enum how { PLAINLY, UNDER_SPIN_LOCK, IN_ATOMIC_CALLBACK };
struct one {
	int64_t (*call)(void);
	uint32_t how, place;
};

static uint64_t kernel_text, kernel_data;
static uint32_t first, count = 16, place;
static char name[16] = "walker", others[320];
BANOS_PARAM_U64(kernel_text, 0, UINT64_MAX, "an address of the kernel's own code");
BANOS_PARAM_U64(kernel_data, 0, UINT64_MAX, "an address of the kernel's own variables");
BANOS_PARAM_U32(first, 0, UINT32_MAX, "number of the first case");
BANOS_PARAM_U32(count, 0, UINT32_MAX, "how many cases");
BANOS_PARAM_U32(place, 0, AT_MAP, "where: enum place");
BANOS_PARAM_TEXT(name, "of bus, device and file");
BANOS_PARAM_TEXT(others, "handles of a victim");

#define HANDLES 14u
/* Handles first, in the order in which a victim logs them. */
struct things {
	uint64_t owner, timer, work, thread, irq, dma, mmio, ports, firmware, bus, device, prober,
		callback, chardev;
	void *memory, *symbol;
	struct banos_mutex mutex;
	struct banos_wait wait;
	struct banos_spinlock spin;
};
static struct things live, dead, foreign;
static struct {
	uint64_t call;
} old;

static banos_owner self, the_device;
static banos_buffer the_buffer;
static banos_call the_call;
static banos_poll the_poll;
static uint64_t results[8], freed, too_short;
static char *large, *endless;
static const uint64_t read_only[600] = { 1 };

typedef int64_t function_type(void *context);
static int64_t do_nothing(void *context)
{
	return 0;
}

static __attribute__((unused)) void set_text(char *to, size_t size, const char *from)
{
	memset(to, from ? 0 : 'x', size);
	if (from)
		memcpy(to, from, strlen(from));
}

/* CASES */

/* ---- running them ---- */

static int64_t in_callback(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	return all[arg1].call();
}

static int64_t run_in_callback(uint32_t number)
{
	static const struct banos_callback_config config = { sizeof(config), BANOS_CALLBACK_ATOMIC,
							     in_callback, 0, "" };
	banos_callback callback;
	int64_t result = banos_callback_create(self, &config, &callback);

	if (result)
		return result;
	result = banos_callback_call(callback, number, 0, 0, 0, 0);
	banos_callback_close(callback);
	return result;
}

static int64_t run_under_lock(uint32_t number)
{
	static struct banos_spinlock lock;
	int64_t result;

	banos_spin_init(&lock);
	banos_spin_lock(&lock);
	result = all[number].call();
	banos_spin_unlock(&lock);
	return result;
}

static void run_cases(enum place here)
{
	const uint32_t cases = sizeof(all) / sizeof(all[0]);

	for (uint32_t i = first; i < cases && i - first < count && here == place; i++) {
		int64_t result;

		if (all[i].place != place)
			continue;
		if (all[i].how == IN_ATOMIC_CALLBACK)
			result = run_in_callback(i);
		else if (all[i].how == UNDER_SPIN_LOCK)
			result = run_under_lock(i);
		else
			result = all[i].call();
		banos_print(self, "#%u %lld", i, (long long)result);
	}
}

/* ---- methods ---- */

static int64_t walker_open(void *context, banos_call call, uint32_t flags, void **file)
{
	the_call = call;
	run_cases(AT_OPEN);
	old.call = (uint64_t)call;
	return 0;
}
static int64_t walker_read(void *context, void *file, banos_buffer to, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	the_buffer = to;
	run_cases(AT_READ);
	return banos_buffer_write(to, "12345", 5);
}
static int64_t walker_write(void *context, void *file, banos_buffer from, uint64_t length,
			    uint64_t offset, uint32_t flags)
{
	return (int64_t)length;
}
static int64_t walker_ioctl(void *context, void *file, banos_call call, uint32_t command,
			    uint64_t argument, uint32_t flags)
{
	return 1;
}
static int64_t walker_poll(void *context, void *file, banos_poll watch)
{
	the_poll = watch;
	run_cases(AT_POLL);
	return BANOS_POLL_READ;
}
static int64_t walker_map(void *context, void *file, banos_call call, uint64_t offset,
			  uint64_t length, uint32_t access)
{
	the_call = call;
	run_cases(AT_MAP);
	return banos_map_zero(call);
}
static const struct banos_chardev_ops file_ops = {
	.size = sizeof(file_ops),
	.open = walker_open,
	.read = walker_read,
	.write = walker_write,
	.ioctl = walker_ioctl,
	.poll = walker_poll,
	.map = walker_map,
};

/* ---- what is right, to be used wrongly ---- */

/* The first failure. */
#define MUST(call)                                                               \
	do {                                                                     \
		int64_t error_ = (call);                                         \
		if (error_ < 0) {                                                \
			banos_error(self, "%s: %lld", #call, (long long)error_); \
			return error_;                                           \
		}                                                                \
	} while (0)

static int64_t wait_for_end(void *context)
{
	while (!banos_thread_should_stop())
		banos_sleep_until(banos_time_ns() + BANOS_S, 0);
	return 0;
}

static int64_t quiesce(void *context, void *device)
{
	return 0;
}
static int64_t connect(void *context, void *device, uint32_t index, uint64_t address, uint32_t data)
{
	return 0;
}

static int64_t make_of_driver(struct things *to, const char *file_name)
{
	const struct banos_callback_config callback = { sizeof(callback), 0, (void *)do_nothing, 0,
							"" };
	struct banos_chardev_config file = {
		.size = sizeof(file), .major = BANOS_CHARDEV_ANY, .mode = 0600, .ops = &file_ops
	};

	set_text(file.name, sizeof(file.name), file_name);
	to->owner = (uint64_t)self;
	MUST(banos_timer_create(self, do_nothing, 0, (void *)&to->timer));
	MUST(banos_work_create(self, do_nothing, 0, (void *)&to->work));
	MUST(banos_thread_create(self, wait_for_end, 0, "walker", (void *)&to->thread));
	MUST(banos_firmware_load(self, "walk.bin", (void *)&to->firmware));
	MUST(banos_callback_create(self, &callback, (void *)&to->callback));
	MUST(banos_chardev_register(self, &file, (void *)&to->chardev));
	MUST(banos_mutex_init(self, &to->mutex));
	MUST(banos_wait_init(self, &to->wait));
	MUST(banos_spin_init(&to->spin));
	to->memory = banos_alloc(self, LARGE, 0);
	to->symbol = banos_lookup_symbol(self, "memcpy");
	return to->memory && to->symbol ? 0 : -ENOMEM;
}

static int64_t end_of_driver(struct things *to)
{
	MUST(banos_timer_destroy((banos_timer)to->timer));
	MUST(banos_work_destroy((banos_work)to->work));
	MUST(banos_thread_stop((banos_thread)to->thread, 0));
	MUST(banos_firmware_release((banos_firmware)to->firmware));
	MUST(banos_mutex_destroy(&to->mutex));
	MUST(banos_wait_destroy(&to->wait));
	MUST(banos_free(self, to->memory));
	MUST(banos_release_symbol(self, to->symbol));
	return 0;
}

static uint32_t ports_of_device(void)
{
	return name[0] == 'v' ? 0x6000 : 0x5000;
}

static int64_t make_of_device(struct things *to)
{
	const struct banos_irq_config irq = { sizeof(irq), 0, 0, 0, do_nothing, 0 };
	const struct banos_dma_config dma = { sizeof(dma), 0, 4096, 4096, 0, 0, 0 };
	void *memory;
	uint64_t address;

	MUST(banos_irq_create(the_device, &irq, (void *)&to->irq));
	MUST(banos_dma_alloc(the_device, &dma, (void *)&to->dma, &memory, &address));
	MUST(banos_mmio_map(the_device, 0xe0000000, 4096, 0, (void *)&to->mmio, &memory));
	MUST(banos_ports_claim(the_device, ports_of_device(), 8, (void *)&to->ports));
	return 0;
}

static int64_t end_of_device(struct things *to)
{
	MUST(banos_irq_destroy((banos_irq)to->irq));
	MUST(banos_dma_free((banos_dma)to->dma));
	MUST(banos_mmio_unmap((banos_mmio)to->mmio));
	MUST(banos_ports_release((banos_ports)to->ports));
	return 0;
}

/* ---- bus and device ---- */

static void log_handles(void)
{
	const uint64_t *values = (const uint64_t *)&live;
	char text[320];
	int64_t length = 0;

	for (uint32_t i = 0; i < HANDLES; i++)
		length += banos_format(text + length, sizeof(text) - (uint64_t)length, "%llx,",
				       (unsigned long long)values[i]);
	banos_print(self, "handles %s", text);
}

static int64_t walker_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	the_device = device;
	MUST(make_of_device(&dead));
	MUST(end_of_device(&dead));
	MUST(make_of_device(&live));
	if (name[0] == 'v')
		log_handles();
	else
		run_cases(AT_PROBE);
	return 0;
}
static int64_t walker_remove(void *context, banos_owner device, void *state)
{
	return end_of_device(&live);
}

static int64_t make_bus(struct things *to, const char *device_name)
{
	static const struct banos_bus_ops ops = { sizeof(ops), 0, quiesce, connect, 0, 0 };
	struct banos_bus_config bus = { sizeof(bus), 0, 0, &ops, "" };
	const struct banos_resource resources[] = {
		{ sizeof(resources[0]), BANOS_RESOURCE_MEMORY, 0xe0000000, 4096, 0, 0, 0, 0, 0 },
		{ sizeof(resources[0]), BANOS_RESOURCE_PORTS, ports_of_device(), 16, 0, 0, 0, 0,
		  0 },
	};
	struct banos_device_config device = { .size = sizeof(device),
					      .interrupts = 2,
					      .resources = resources,
					      .resource_count = 2,
					      .resource_stride = sizeof(resources[0]) };

	set_text(bus.name, sizeof(bus.name), name);
	set_text(device.name, sizeof(device.name), device_name);
	banos_format(device.alias, sizeof(device.alias), "%s:%s", name, device_name);
	MUST(banos_bus_register(self, &bus, (void *)&to->bus));
	MUST(banos_device_add((banos_bus)to->bus, &device, (void *)&to->device));
	return 0;
}

static int64_t make_prober(struct things *to)
{
	static const struct banos_prober_ops ops = { sizeof(ops), 0, walker_probe, walker_remove };
	struct banos_prober_config config = { sizeof(config), 0, 0, &ops, "" };

	set_text(config.bus, sizeof(config.bus), name);
	return banos_prober_register(self, &config, (void *)&to->prober);
}

/* ---- the driver ---- */

static int64_t take_others(void)
{
	uint64_t *values = (uint64_t *)&foreign;
	uint32_t number = 0;

	for (const char *at = others; *at && number < HANDLES; at++)
		if (*at == ',')
			number++;
		else
			values[number] = values[number] * 16 +
					 (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return 0;
}

static int64_t make_dead(void)
{
	MUST(make_bus(&dead, "dead"));
	MUST(make_prober(&dead));
	MUST(make_of_driver(&dead, "walker.dead"));
	MUST(banos_prober_remove((banos_prober)dead.prober));
	MUST(banos_device_remove((banos_device)dead.device, 0));
	MUST(banos_bus_remove((banos_bus)dead.bus));
	MUST(banos_chardev_remove((banos_chardev)dead.chardev));
	MUST(banos_callback_close((banos_callback)dead.callback));
	return end_of_driver(&dead);
}

static int64_t walker_init(banos_owner owner)
{
	char *gone = banos_alloc(owner, LARGE, 0);

	self = owner;
	large = banos_alloc(owner, LARGE, 0);
	endless = banos_alloc(owner, LARGE, 0);
	if (!gone || !large || !endless)
		return -ENOMEM;
	memset(endless, 'x', LARGE);
	memset(large + LARGE - 4, 0, 4);
	memcpy(large + LARGE - 4, "x\1", 2); /* the size of a struct that reaches further */
	freed = (uint64_t)gone;
	too_short = (uint64_t)large + LARGE - 4;
	MUST(take_others());
	MUST(make_dead());
	MUST(make_of_driver(&live, name));
	MUST(make_bus(&live, name));
	MUST(make_prober(&live));
	return banos_free(owner, gone);
}

static int64_t walker_exit(banos_owner owner)
{
	MUST(end_of_driver(&live));
	MUST(banos_free(owner, large));
	return banos_free(owner, endless);
}

BANOS_SERVES("walker:walker");
BANOS_SERVES("victim:victim");
BANOS_DRIVER(walker, "1.0", "MIT", "Calls functions wrongly", walker_init, walker_exit);

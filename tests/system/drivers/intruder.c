/* SPDX-License-Identifier: MIT */
/*
 * Hands in what is not its own: the kernel's and other drivers' handles, by trying them
 * all, and addresses that lead nowhere, or to somebody else. Each has to be an error. One that
 * is not is said, and init fails.
 */
#include <banos/bus.h>
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
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/user.h>
#include <banos/wait.h>
#include <banos/work.h>

static uint64_t kernel_text, kernel_data;
BANOS_PARAM_U64(kernel_text, 0, UINT64_MAX, "an address of the kernel's own code");
BANOS_PARAM_U64(kernel_data, 0, UINT64_MAX, "an address of the kernel's own variables");

static banos_owner caller;
static uint32_t wrong;

#define EXPECT(call, expected) expect((int64_t)(call), expected, #call, __LINE__)
static void expect(int64_t got, int64_t expected, const char *call, int line)
{
	if (got == expected)
		return;
	if (wrong++ < 20)
		banos_error(caller, "line %d: %s: %lld instead of %lld", line, call, (long long)got,
			    (long long)expected);
}

static int64_t nothing(void *context)
{
	return 0;
}
static int64_t quiesce(void *context, void *device)
{
	return 0;
}
static int64_t probe(void *context, banos_owner device, uint64_t data, void **state)
{
	return -ENODEV;
}

static const struct banos_chardev_ops chardev_ops = { .size = sizeof(chardev_ops) };
static const struct banos_bus_ops bus_ops = { .size = sizeof(bus_ops), .quiesce = quiesce };
static const struct banos_prober_ops prober_ops = { .size = sizeof(prober_ops), .probe = probe };
static const struct banos_chardev_config chardev = {
	.size = sizeof(chardev),
	.major = BANOS_CHARDEV_ANY,
	.mode = 0444,
	.ops = &chardev_ops,
	.name = "intruder",
};
static const struct banos_bus_config bus = { .size = sizeof(bus),
					     .ops = &bus_ops,
					     .name = "intruder" };
static const struct banos_prober_config prober = { .size = sizeof(prober),
						   .ops = &prober_ops,
						   .bus = "intruder" };
static const struct banos_device_config device = {
	.size = sizeof(device),
	.name = "one",
	.alias = "intruder:one",
};

/* ---- handles ---- */

/* Nothing is obtained with a foreign owner. */
static void try_owner(banos_owner owner)
{
	static struct banos_mutex mutex;
	static struct banos_wait wait;
	struct banos_resource resource = { .size = sizeof(resource) };
	banos_timer timer;
	banos_work work;
	const struct banos_irq_config irq_config = { .size = sizeof(irq_config),
						     .function = nothing };
	const struct banos_dma_config dma_config = { .size = sizeof(dma_config), .bytes = 4096 };
	banos_irq irq;
	banos_dma dma;
	banos_mmio mmio;
	banos_ports ports;
	banos_firmware firmware;
	banos_bus b;
	void *memory;
	uint64_t address;
	char name[8];

	EXPECT(banos_alloc(owner, 16, 0), 0);
	EXPECT(banos_free(owner, &mutex), -EINVAL);
	EXPECT(banos_chardev_register(owner, &chardev, NULL), -EINVAL);
	EXPECT(banos_timer_create(owner, nothing, NULL, &timer), -EINVAL);
	EXPECT(banos_work_create(owner, nothing, NULL, &work), -EINVAL);
	EXPECT(banos_thread_create(owner, nothing, NULL, "intruder", NULL), -EINVAL);
	EXPECT(banos_mutex_init(owner, &mutex), -EINVAL);
	EXPECT(banos_wait_init(owner, &wait), -EINVAL);
	EXPECT(banos_lookup_symbol(owner, "memcpy"), 0);
	EXPECT(banos_release_symbol(owner, &mutex), -EINVAL);
	EXPECT(banos_firmware_load(owner, "x", &firmware), -EINVAL);
	EXPECT(banos_mmio_map(owner, 0xe8000000, 4096, 0, &mmio, &memory), -EINVAL);
	EXPECT(banos_ports_claim(owner, 0x5000, 1, &ports), -EINVAL);
	EXPECT(banos_bus_register(owner, &bus, &b), -EINVAL);
	EXPECT(banos_prober_register(owner, &prober, NULL), -EINVAL);
	EXPECT(banos_irq_create(owner, &irq_config, &irq), -EINVAL);
	EXPECT(banos_dma_alloc(owner, &dma_config, &dma, &memory, &address), -EINVAL);
	EXPECT(banos_resource_get(owner, 0, &resource), -EINVAL);
	EXPECT(banos_device_interrupts(owner), -EINVAL);
	EXPECT(banos_device_name(owner, name, sizeof(name)), -EINVAL);
	EXPECT(banos_print_args(owner, BANOS_DEBUG, "", NULL, 0), -EINVAL);
}

/* Nothing foreign is used, taken away, or registered on. */
static void try_object(uint64_t hash)
{
	int64_t result;
	banos_device d;
	void *context;
	char byte;

	EXPECT(banos_chardev_remove((banos_chardev)hash), -EINVAL);
	EXPECT(banos_chardev_number((banos_chardev)hash), -EINVAL);
	EXPECT(banos_timer_start((banos_timer)hash, 0), -EINVAL);
	EXPECT(banos_timer_cancel((banos_timer)hash), -EINVAL);
	EXPECT(banos_timer_destroy((banos_timer)hash), -EINVAL);
	EXPECT(banos_work_queue((banos_work)hash), -EINVAL);
	EXPECT(banos_work_wait((banos_work)hash), -EINVAL);
	EXPECT(banos_work_destroy((banos_work)hash), -EINVAL);
	EXPECT(banos_thread_stop((banos_thread)hash, &result), -EINVAL);
	EXPECT(banos_irq_count((banos_irq)hash), -EINVAL);
	EXPECT(banos_irq_destroy((banos_irq)hash), -EINVAL);
	EXPECT(banos_dma_free((banos_dma)hash), -EINVAL);
	EXPECT(banos_mmio_unmap((banos_mmio)hash), -EINVAL);
	EXPECT(banos_port_read((banos_ports)hash, 0, 1), -EINVAL);
	EXPECT(banos_ports_release((banos_ports)hash), -EINVAL);
	EXPECT(banos_firmware_read((banos_firmware)hash, 0, &byte, 1), -EINVAL);
	EXPECT(banos_firmware_release((banos_firmware)hash), -EINVAL);
	EXPECT(banos_device_add((banos_bus)hash, &device, &d), -EINVAL);
	EXPECT(banos_device_remove((banos_device)hash, 0), -EINVAL);
	/* NULL: any bus of the caller's, of which it has none */
	EXPECT(banos_device_context((banos_bus)hash, caller, &context), hash ? -EINVAL : -ENODEV);
	EXPECT(banos_bus_remove((banos_bus)hash), -EINVAL);
	EXPECT(banos_prober_remove((banos_prober)hash), -EINVAL);
	EXPECT(banos_buffer_zero((banos_buffer)hash, 1), -EINVAL);
	EXPECT(banos_buffer_left((banos_buffer)hash), -EINVAL);
	EXPECT(banos_poll_watch((banos_poll)hash, NULL), -EINVAL);
	EXPECT(banos_user_read((banos_call)hash, &byte, 0, 1), -EINVAL);
	EXPECT(banos_user_write((banos_call)hash, 0, &byte, 1), -EINVAL);
	EXPECT(banos_map_zero((banos_call)hash), -EINVAL);
	EXPECT(banos_map_resource((banos_call)hash, caller, 0, 0, 0), -EINVAL);
	EXPECT(banos_map_dma((banos_call)hash, NULL, 0), -EINVAL);
}

static void try_handles(void)
{
	for (uint64_t generation = 0; generation < 12; generation++)
		for (uint64_t index = 0; index < 300; index++) {
			uint64_t hash = generation << 32 | index;

			if ((banos_owner)hash == caller)
				continue;
			try_owner((banos_owner)hash);
			try_object(hash);
		}
}

/* ---- addresses ---- */

static void try_locks(void *memory)
{
	EXPECT(banos_mutex_init(caller, memory), -EINVAL);
	EXPECT(banos_mutex_lock(memory), -EINVAL);
	EXPECT(banos_mutex_trylock(memory), -EINVAL);
	EXPECT(banos_mutex_unlock(memory), -EINVAL);
	EXPECT(banos_mutex_destroy(memory), -EINVAL);
	EXPECT(banos_wait_init(caller, memory), -EINVAL);
	EXPECT(banos_wait_ticket(memory), 0);
	EXPECT(banos_wait_sleep(memory, 0, 1, 0), -EINVAL);
	EXPECT(banos_wait_wake(memory), -EINVAL);
	EXPECT(banos_wait_destroy(memory), -EINVAL);
	EXPECT(banos_spin_init(memory), -EINVAL);
	EXPECT(banos_spin_lock(memory), -EINVAL);
	EXPECT(banos_spin_trylock(memory), -EINVAL);
	EXPECT(banos_spin_unlock(memory), -EINVAL);
}

/* It can't be written to, and so takes no handle or other result. */
static void try_results(void *memory)
{
	struct banos_device_config config = device;
	banos_bus b;

	EXPECT(banos_timer_create(caller, nothing, NULL, memory), -EINVAL);
	EXPECT(banos_work_create(caller, nothing, NULL, memory), -EINVAL);
	EXPECT(banos_mmio_map(caller, 0xe8000000, 4096, 0, memory, memory), -EINVAL);
	EXPECT(banos_ports_claim(caller, 0x5000, 1, memory), -EINVAL);
	EXPECT(banos_firmware_load(caller, "x", memory), -EINVAL);
	EXPECT(banos_bus_register(caller, &bus, memory), -EINVAL);
	EXPECT(banos_bus_register(caller, &bus, &b), 0);
	EXPECT(banos_device_add(b, &config, memory), -EINVAL);
	EXPECT(banos_device_context(b, caller, memory), -EINVAL);
	EXPECT(banos_bus_remove(b), 0);
	if (memory) { /* NULL: not wanted */
		EXPECT(banos_thread_create(caller, nothing, NULL, "intruder", memory), -EINVAL);
		EXPECT(banos_chardev_register(caller, &chardev, memory), -EINVAL);
		EXPECT(banos_prober_register(caller, &prober, memory), -EINVAL);
	}
	EXPECT(banos_format_args(memory, 8, "12345678", NULL, 0), -EINVAL);
	EXPECT(banos_user_read(NULL, memory, 0, 8), -EINVAL);
}

/* It can't be read. */
static void try_arguments(const void *memory)
{
	struct banos_chardev_config config = chardev;
	struct banos_bus_config b = bus;
	struct banos_prober_config q = prober;
	struct banos_device_config d = device;
	uint64_t text = (uint64_t)memory;
	banos_firmware firmware;
	banos_device dev;
	banos_bus good;
	char out[32];

	EXPECT(banos_chardev_register(caller, memory, NULL), -EINVAL);
	EXPECT(banos_bus_register(caller, memory, &good), -EINVAL);
	EXPECT(banos_prober_register(caller, memory, NULL), -EINVAL);
	config.ops = memory;
	EXPECT(banos_chardev_register(caller, &config, NULL), -EINVAL);
	b.ops = memory;
	EXPECT(banos_bus_register(caller, &b, &good), -EINVAL);
	q.ops = memory;
	EXPECT(banos_prober_register(caller, &q, NULL), -EINVAL);
	EXPECT(banos_bus_register(caller, &bus, &good), 0);
	EXPECT(banos_device_add(good, memory, &dev), -EINVAL);
	d.resources = memory;
	d.resource_count = 1;
	d.resource_stride = sizeof(struct banos_resource);
	EXPECT(banos_device_add(good, &d, &dev), -EINVAL);
	d.resource_count = 0;
	if (memory) {
		d.properties = memory;
		EXPECT(banos_device_add(good, &d, &dev), -EINVAL);
		d.properties = NULL;
		d.attributes = memory;
		EXPECT(banos_device_add(good, &d, &dev), -EINVAL);
		EXPECT(banos_format_args(out, sizeof(out), "%s", &text, 1), -EINVAL);
		EXPECT(banos_print_args(caller, BANOS_DEBUG, "%s", &text, 1), -EINVAL);
	}
	EXPECT(banos_bus_remove(good), 0);
	EXPECT(banos_thread_create(caller, nothing, NULL, memory, NULL), -EINVAL);
	EXPECT(banos_firmware_load(caller, memory, &firmware), -EINVAL);
	EXPECT(banos_lookup_symbol(caller, memory), 0);
	EXPECT(banos_print_args(caller, BANOS_DEBUG, memory, NULL, 0), -EINVAL);
	EXPECT(banos_print_args(caller, BANOS_DEBUG, "", memory, 1), -EINVAL);
	EXPECT(banos_format_args(out, sizeof(out), memory, NULL, 0), -EINVAL);
	EXPECT(banos_user_write(NULL, 0x400000, memory, 8), -EINVAL);
	EXPECT(banos_timer_create(caller, (int64_t(*)(void *))memory, NULL, (banos_timer *)&good),
	       -EINVAL);
}

static const struct banos_mutex read_only;

static void try_addresses(void)
{
	const uint64_t nowhere[] = {
		0,
		1,
		8,
		4096,
		0x400000,
		0x7fffffffe000,
		0x7ffffffffff8,
		0x800000000000,
		0x1234567890abcdef,
		0xffff7ffffffffff8,
		0xffff8fff00000000,
		0xffffc07ffffff000,
		0xffffffff00000000,
		0xffffffffbffff000,
		0xfffffffffffff000,
		0xfffffffffffffff8,
		kernel_text,
		kernel_data,
	};
	char *own = banos_alloc(caller, 100, 0), *large = banos_alloc(caller, 8192, 0);

	for (uint32_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		try_locks((void *)nowhere[i]);
		try_results((void *)nowhere[i]);
		try_arguments((const void *)nowhere[i]);
	}
	/* Its own, but not to be written to, not aligned, or not long enough. */
	try_locks((void *)(uintptr_t)&read_only);
	try_locks((void *)try_addresses);
	try_results((void *)(uintptr_t)&read_only);
	if (!own || !large)
		return;
	EXPECT(banos_mutex_init(caller, (struct banos_mutex *)(own + 4)), -EINVAL);
	EXPECT(banos_mutex_init(caller, (struct banos_mutex *)(large + 8192 - 56)), -EINVAL);
	EXPECT(banos_format_args(own, 4096, "x", NULL, 0), -EINVAL);
	EXPECT(banos_format_args(large, 8193, "x", NULL, 0), -EINVAL);
	__builtin_memset(large, 'x', 8192);
	EXPECT(banos_lookup_symbol(caller, large), 0);
	EXPECT(banos_lookup_symbol(caller, large + 8192 - 16), 0);
	banos_free(caller, own);
	banos_free(caller, large);
	try_locks(large); /* given up: not mapped any more */
}

/* What is its own is taken, from wherever it is. */
static void try_own(void)
{
	struct banos_mutex on_stack, *allocated = banos_alloc(caller, sizeof(*allocated), 0);
	struct banos_mutex *at_end = banos_alloc(caller, 8192, 0);
	static struct banos_mutex in_image;
	struct banos_mutex *all[] = { &on_stack, &in_image, allocated,
				      at_end + 8192 / sizeof(*at_end) - 1 };

	for (uint32_t i = 0; i < 4; i++) {
		struct banos_mutex copy;

		EXPECT(banos_mutex_init(caller, all[i]), 0);
		EXPECT(banos_mutex_lock(all[i]), 0);
		EXPECT(banos_mutex_lock(all[i]), -EDEADLK);
		EXPECT(banos_mutex_unlock(all[i]), 0);
		EXPECT(banos_mutex_unlock(all[i]), -EPERM);
		EXPECT(banos_wait_wake((struct banos_wait *)all[i]),
		       -EINVAL); /* a mutex is no wait object */
		EXPECT(banos_spin_lock((struct banos_spinlock *)all[i]), -EINVAL);
		copy = *all[i];
		EXPECT(banos_mutex_lock(&copy), -EINVAL); /* moved */
		EXPECT(banos_mutex_destroy(all[i]), 0);
		EXPECT(banos_mutex_destroy(all[i]), -EINVAL);
		EXPECT(banos_mutex_lock(all[i]), -EINVAL);
	}
	banos_free(caller, allocated);
	banos_free(caller, at_end);
}

/* ---- what may not be done with a spin lock held ---- */

static void try_in_spin_lock(void)
{
	static struct banos_spinlock spin;
	static struct banos_mutex mutex;
	static struct banos_wait wait;
	banos_timer timer;
	void *small, *large = banos_alloc(caller, 8192, 0);

	EXPECT(banos_spin_init(&spin), 0);
	EXPECT(banos_mutex_init(caller, &mutex), 0);
	EXPECT(banos_wait_init(caller, &wait), 0);
	EXPECT(banos_spin_lock(&spin), 0);
	EXPECT(banos_spin_lock(&spin), -EDEADLK);
	EXPECT(banos_sleep_until(banos_time_ns() + BANOS_MS, 0), -EDEADLK);
	EXPECT(banos_wait_sleep(&wait, 0, banos_time_ns() + BANOS_MS, 0), -EDEADLK);
	EXPECT(banos_mutex_lock(&mutex), -EDEADLK);
	EXPECT(banos_thread_yield(), -EDEADLK);
	EXPECT(banos_alloc(caller, 16, 0), 0);
	small = banos_alloc(caller, 16, BANOS_ALLOC_ATOMIC);
	EXPECT(small != NULL && banos_free(caller, small) == 0, 1);
	EXPECT(banos_free(caller, large), -EDEADLK);
	EXPECT(banos_timer_create(caller, nothing, NULL, &timer), -EDEADLK);
	EXPECT(banos_chardev_register(caller, &chardev, NULL), -EDEADLK);
	EXPECT(banos_lookup_symbol(caller, "memcpy"), 0);
	EXPECT(banos_spin_unlock(&spin), 0);
	EXPECT(banos_spin_unlock(&spin), -EPERM);
	EXPECT(banos_free(caller, large), 0);
	EXPECT(banos_mutex_destroy(&mutex), 0);
	EXPECT(banos_wait_destroy(&wait), 0);
}

/* ---- sleeps that nothing ends ---- */

static void try_sleeps(void)
{
	static struct banos_wait wait;
	uint64_t now = banos_time_ns(), ticket;

	EXPECT(banos_wait_init(caller, &wait), 0);
	EXPECT(banos_sleep_until(now + 2 * BANOS_MS, BANOS_UNINTERRUPTIBLE), 0);
	EXPECT(banos_time_ns() >= now + 2 * BANOS_MS, 1);
	EXPECT(banos_sleep_until(now, BANOS_UNINTERRUPTIBLE), 0);
	EXPECT(banos_sleep_until(0, BANOS_UNINTERRUPTIBLE), 0);
	EXPECT(banos_sleep_until(now + 31 * BANOS_S, BANOS_UNINTERRUPTIBLE), -EINVAL);
	EXPECT(banos_sleep_until(UINT64_MAX, BANOS_UNINTERRUPTIBLE), -EINVAL);
	EXPECT(banos_sleep_until(now, 2), -EINVAL);
	EXPECT(banos_wait_sleep(&wait, 0, 0, BANOS_UNINTERRUPTIBLE), -EINVAL);
	EXPECT(banos_wait_sleep(&wait, 0, now + 31 * BANOS_S, BANOS_UNINTERRUPTIBLE), -EINVAL);
	EXPECT(banos_wait_sleep(&wait, 0, now, 4), -EINVAL);
	ticket = banos_wait_ticket(&wait);
	EXPECT(banos_wait_sleep(&wait, ticket, banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE),
	       -ETIMEDOUT);
	EXPECT(banos_wait_sleep(&wait, ticket - 1, banos_time_ns() + BANOS_S,
				BANOS_UNINTERRUPTIBLE),
	       0);
	EXPECT(banos_wait_destroy(&wait), 0);
}

static int64_t intruder_init(banos_owner self)
{
	caller = self;
	try_sleeps(); /* the first mistakes are said in words */
	try_in_spin_lock();
	try_own();
	try_addresses();
	try_handles();
	if (!wrong)
		banos_print(self, "nothing was taken");
	if (wrong)
		return -EINVAL;
	return 0;
}

BANOS_SERVES("intruder:none");
BANOS_DRIVER(intruder, "1.0", "MIT", "Hands in what is not its own", intruder_init, NULL);

/* SPDX-License-Identifier: MIT */
/*
 * Interrupts by a line: an e1000, which has no messages, is told to pull it some
 * times, each when the one before was seen to.
 */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/time.h>
#include <banos/wait.h>

#define ICR	     0xc0
#define ICS	     0xc8
#define IMS	     0xd0
#define LINK_CHANGED 4u
#define TIMES	     50u

static char *registers;
static struct banos_wait wait;
static uint32_t came;
static uint8_t deaf;
BANOS_PARAM_BOOL(deaf, "do not see to the device");

static int64_t line_interrupt(void *context)
{
	if (deaf)
		return 0;
	if (!(banos_mmio_read32(registers + ICR) & LINK_CHANGED))
		return 0;
	__atomic_fetch_add(&came, 1, __ATOMIC_SEQ_CST);
	banos_wait_wake(&wait);
	return 1;
}

static int64_t pull(uint32_t count)
{
	uint64_t limit = banos_time_ns() + 5 * BANOS_S;

	banos_mmio_write32(registers + ICS, LINK_CHANGED);
	while (__atomic_load_n(&came, __ATOMIC_SEQ_CST) < count) {
		uint64_t ticket = banos_wait_ticket(&wait);
		int64_t error = __atomic_load_n(&came, __ATOMIC_SEQ_CST) < count
					? banos_wait_sleep(&wait, ticket, limit, 0)
					: 0;

		if (error)
			return error;
	}
	return 0;
}

static int64_t lines_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	const struct banos_irq_config config = { .size = sizeof(config),
						 .function = line_interrupt };
	banos_mmio mapping;
	banos_irq irq;
	int64_t error = banos_resource_get(device, 0, &resource);

	came = 0;
	if (!error)
		error = pci_enable(device, PCI_MEMORY);
	if (!error)
		error = banos_mmio_map(device, resource.start, resource.length, 0, &mapping,
				       (void **)&registers);
	if (!error)
		error = banos_wait_init(device, &wait);
	if (!error)
		error = banos_irq_create(device, &config, &irq);
	if (!error)
		banos_mmio_write32(registers + IMS, LINK_CHANGED);
	if (!error && deaf) {
		banos_mmio_write32(registers + ICS, LINK_CHANGED);
		banos_sleep_until(banos_time_ns() + 5 * BANOS_S, 0);
		return -ENODEV;
	}
	for (uint32_t count = 1; !error && count <= TIMES; count++)
		error = pull(count);
	if (!error)
		banos_print(device, "line pulled %u times, %u messages",
			    (uint32_t)banos_irq_count(irq),
			    (uint32_t)banos_device_interrupts(device));
	if (error)
		return error;
	return -ENODEV;
}

static const struct banos_prober_ops prober_ops = { .size = sizeof(prober_ops),
						    .probe = lines_probe };

static int64_t lines_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_ID(8086, 100E));
BANOS_DRIVER(lines, "1.0", "MIT", "Interrupts by a line", lines_init, NULL);

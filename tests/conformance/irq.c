/* SPDX-License-Identifier: MIT */
/* <banos/irq.h>: messages and line of a device whose bus is here: what the bus is asked, and what is refused. */
#include <banos/irq.h>
#include "device.h"

#define INTERRUPTS 3
#define BROKEN	   2 /* the bus cannot connect this one */

static banos_owner driver;
static char bus_mark;
static uint32_t connects, disconnects, lines, strangers;
static uint32_t connected[INTERRUPTS], datas[INTERRUPTS];
static uint64_t addresses[INTERRUPTS];

static void note_context(void *context, void *device)
{
	strangers += context != (void *)&bus_mark || device != (void *)&bus_mark;
}

static int64_t irq_quiesce(void *context, void *device)
{
	note_context(context, device);
	return 0;
}

static int64_t irq_connect(void *context, void *device, uint32_t index, uint64_t address,
			   uint32_t data)
{
	note_context(context, device);
	if (index >= INTERRUPTS || connected[index]) {
		strangers++;
		return -EINVAL;
	}
	if (index == BROKEN)
		return -EPROTO;
	connects++;
	connected[index] = 1;
	addresses[index] = address;
	datas[index] = data;
	return 0;
}

static int64_t irq_disconnect(void *context, void *device, uint32_t index)
{
	note_context(context, device);
	if (index >= INTERRUPTS) {
		strangers++;
		return -EINVAL;
	}
	disconnects++;
	connected[index] = 0;
	return 0;
}

static int64_t irq_line(void *context, void *device, struct banos_irq_line *line)
{
	note_context(context, device);
	strangers += line->size < BANOS_IRQ_LINE_SIZE_1 || line->flags || line->number;
	lines++;
	return -ENXIO; /* it has none: in its own words */
}

static int64_t never_called(void *context)
{
	(void)context;
	strangers++;
	return BANOS_IRQ_NONE;
}

static struct banos_irq_config interrupt_of(uint32_t index, uint32_t flags)
{
	struct banos_irq_config config;

	config.size = sizeof(config);
	config.flags = flags;
	config.index = index;
	config.zero = 0;
	config.function = never_called;
	config.context = NULL;
	return config;
}

static void try_messages(banos_owner device)
{
	struct banos_irq_config config = interrupt_of(0, 0);
	banos_irq first = NULL, second = NULL, third;

	CHECK(banos_irq_create(device, &config, &first) == 0);
	CHECK(connects == 1 && connected[0] && addresses[0] != 0);
	CHECK(banos_irq_create(device, &config, &third) == -EBUSY);
	config.index = 1;
	CHECK(banos_irq_create(device, &config, &second) == 0);
	CHECK(connects == 2 && connected[1]);
	/* What a device writes tells its interrupts apart. */
	CHECK(addresses[0] != addresses[1] || datas[0] != datas[1]);
	CHECK(first != second);
	CHECK(banos_irq_count(first) == 0 && banos_irq_count(second) == 0);
	config = interrupt_of(0, BANOS_IRQ_LINE);
	CHECK(banos_irq_create(device, &config, &third) == -EBUSY && lines == 0);
	CHECK(banos_irq_destroy(first) == 0);
	CHECK(disconnects == 1 && !connected[0] && connected[1]);
	CHECK(banos_irq_destroy(first) == -EINVAL);
	CHECK(banos_irq_count(first) == -EINVAL);
	CHECK(banos_irq_destroy(second) == 0);
	CHECK(disconnects == 2 && !connected[1]);
	config = interrupt_of(BROKEN, 0);
	CHECK(banos_irq_create(device, &config, &third) == -EPROTO);
}

static void try_line(banos_owner device)
{
	struct banos_irq_config config = interrupt_of(0, BANOS_IRQ_LINE);
	banos_irq irq;

	CHECK(banos_irq_create(device, &config, &irq) == -ENXIO);
	CHECK(lines == 1);
	config.index = 1;
	CHECK(banos_irq_create(device, &config, &irq) == -EINVAL);
}

static void try_refusals(banos_owner device)
{
	struct banos_irq_config config = interrupt_of(INTERRUPTS, 0);
	banos_irq irq;

	CHECK(banos_irq_create(device, &config, &irq) == -EINVAL);
	config = interrupt_of(0, 0x80000000u);
	CHECK(banos_irq_create(device, &config, &irq) == -EINVAL);
	config = interrupt_of(0, 0);
	CHECK(banos_irq_create(driver, &config, &irq) == -EINVAL);
	CHECK(banos_irq_create(NULL, &config, &irq) == -EINVAL);
	CHECK(banos_irq_create(device, NULL, &irq) == -EINVAL);
	CHECK(banos_irq_create(device, &config, NULL) == -EINVAL);
	config.zero = 1;
	CHECK(banos_irq_create(device, &config, &irq) == -EINVAL);
	config = interrupt_of(0, 0);
	config.function = NULL;
	CHECK(banos_irq_create(device, &config, &irq) == -EINVAL);
	config = interrupt_of(0, 0);
	config.size = BANOS_IRQ_CONFIG_SIZE_1 - 1;
	CHECK(banos_irq_create(device, &config, &irq) == -EINVAL);
	CHECK(banos_irq_destroy(NULL) == -EINVAL);
	CHECK(banos_irq_count(NULL) == -EINVAL);
}

static int64_t irq_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	(void)state;
	CHECK(context == (void *)&bus_mark && data == 0);
	CHECK(banos_device_interrupts(device) == INTERRUPTS);
	try_refusals(device);
	CHECK(connects == 0 && lines == 0);
	try_messages(device);
	try_line(device);
	CHECK(strangers == 0);
	return check_verdict(driver);
}

static int64_t conformance_irq_init(banos_owner self)
{
	static const struct banos_bus_ops bus_ops = {
		sizeof(struct banos_bus_ops), 0, irq_quiesce, irq_connect, irq_disconnect, irq_line
	};
	static const struct banos_prober_ops prober_ops = { sizeof(struct banos_prober_ops), 0,
							    irq_probe, NULL };
	static struct banos_device_config device;

	driver = self;
	device.interrupts = INTERRUPTS;
	return device_offer(self, "conformance_irq", &bus_ops, &device, &prober_ops, &bus_mark);
}

BANOS_SERVES("conformance_irq:*");
BANOS_DRIVER(conformance_irq, "1.0", "MIT", "Tests interrupts of devices", conformance_irq_init,
	     NULL);

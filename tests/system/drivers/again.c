/* SPDX-License-Identifier: MIT */
/*
 * A function for an interrupt that asks to be called again, "times" times, or for
 * ever; edu is told to interrupt once for that.
 */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/time.h>

#define REG_IRQ_STATUS 0x24
#define REG_IRQ_RAISE  0x60
#define REG_IRQ_ACK    0x64
#define REGISTERS      0x100
#define CAUSE	       0x1000u

static char *registers;
static uint32_t calls, times = 1000, result = BANOS_IRQ_HANDLED;
static uint8_t line, leave;
BANOS_PARAM_U32(times, 0, 1000000, "how often to ask; 0: for ever");
BANOS_PARAM_U32(result, 0, 100, "what is returned in the end");
BANOS_PARAM_BOOL(line, "by the line");
BANOS_PARAM_BOOL(leave, "leave the device's interrupt on while asking");

static int64_t again_interrupt(void *context)
{
	uint32_t count = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);

	if (count == 1 && !banos_mmio_read32(registers + REG_IRQ_STATUS))
		banos_error(context, "called without an interrupt");
	if (!leave || count == times)
		banos_mmio_write32(registers + REG_IRQ_ACK, CAUSE);
	return times && count >= times ? (int64_t)result : BANOS_IRQ_AGAIN;
}

static int64_t again_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct banos_irq_config config = { .size = sizeof(config),
					   .flags = line ? BANOS_IRQ_LINE : 0,
					   .function = again_interrupt,
					   .context = device };
	struct banos_resource resource = { .size = sizeof(resource) };
	uint64_t limit = banos_time_ns() + 5 * BANOS_S;
	banos_mmio mapping;
	banos_irq irq;
	int64_t error = banos_resource_get(device, 0, &resource);

	if (!error)
		error = pci_enable(device, PCI_MEMORY);
	if (!error)
		error = banos_mmio_map(device, resource.start, REGISTERS, 0, &mapping,
				       (void **)&registers);
	if (!error)
		error = banos_irq_create(device, &config, &irq);
	if (error)
		return error;
	calls = 0;
	banos_mmio_write32(registers + REG_IRQ_RAISE, CAUSE);
	while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) < (times ? times : 100) &&
	       banos_time_ns() < limit)
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	banos_sleep_until(banos_time_ns() + 20 * BANOS_MS, 0);
	banos_print(device, "called %u times%s", calls, times ? "" : " and more");
	return 0;
}

static const struct banos_prober_ops prober_ops = { .size = sizeof(prober_ops),
						    .probe = again_probe };

static int64_t again_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_ID(1234, 11E8));
BANOS_DRIVER(again, "1.0", "MIT", "Asks to be called again", again_init, NULL);

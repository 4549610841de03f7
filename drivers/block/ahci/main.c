/* SPDX-License-Identifier: MIT */
/* AHCI: controllers of Serial ATA, whose ports have disks and drives: ahci.h; AHCI 1.3.1, 10. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "ahci.h"

#define RESOURCE_REGISTERS 5
#define RESET_LIMIT_NS	   BANOS_S
#define HANDOFF_LIMIT_NS   (2 * BANOS_S)

static uint8_t line;
BANOS_PARAM_BOOL(line, "use the interrupt line, though the controller can send messages");
static uint32_t limit_s = 15;
BANOS_PARAM_U32(limit_s, 1, 60, "seconds until a port that does not answer is reset");

static uint32_t hba_read(const struct ahci_controller *controller, uint32_t offset)
{
	return banos_mmio_read32(controller->registers + offset);
}
static void hba_write(const struct ahci_controller *controller, uint32_t offset, uint32_t value)
{
	banos_mmio_write32(controller->registers + offset, value);
}

/* ---- interrupts ---- */

/* The register of the controller follows those of the ports, which are cleared first. */
static int64_t ahci_interrupt(void *context)
{
	struct ahci_controller *controller = context;
	uint32_t ports = hba_read(controller, HBA_INTERRUPTS), found = 0;

	if (!ports || ports == UINT32_MAX)
		return BANOS_IRQ_NONE;
	for (uint32_t left = ports; left; left &= left - 1) {
		struct ahci_port *port = controller->ports[__builtin_ctz(left)];

		if (port)
			found += port_interrupt(port);
	}
	hba_write(controller, HBA_INTERRUPTS, ports);
	if (found)
		return BANOS_IRQ_HANDLED;
	return BANOS_IRQ_NONE;
}

static int64_t ahci_connect(struct ahci_controller *controller, uint32_t by_line)
{
	const struct banos_irq_config config = {
		.size = sizeof(config),
		.flags = by_line ? BANOS_IRQ_LINE : 0,
		.function = ahci_interrupt,
		.context = controller,
	};
	int64_t error;

	controller->by_line = by_line || banos_device_interrupts(controller->self) <= 0;
	error = banos_irq_create(controller->self, &config, &controller->irq);
	if (error)
		controller->irq = NULL;
	return error;
}

static void ahci_disconnect(struct ahci_controller *controller)
{
	if (controller->irq)
		banos_irq_destroy(controller->irq);
	controller->irq = NULL;
}

void controller_take_line(struct ahci_controller *controller)
{
	if (controller->by_line)
		return;
	banos_warning(controller->self, "a message did not arrive: the interrupt line is used");
	ahci_disconnect(controller);
	if (ahci_connect(controller, 1))
		banos_warning(controller->self, "has no interrupt line: it is slow");
}

/* ---- the controller ---- */

/* Wait until the bit is clear. @return 0, -ETIMEDOUT */
static int64_t hba_wait_clear(const struct ahci_controller *controller, uint32_t offset,
			      uint32_t bit, uint64_t limit_ns)
{
	limit_ns += banos_time_ns();
	while (hba_read(controller, offset) & bit) {
		if (banos_time_ns() > limit_ns)
			return -ETIMEDOUT;
		banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	}
	return 0;
}

/* The firmware lets go of it, or is no longer asked. */
static void hba_take_over(const struct ahci_controller *controller)
{
	if (!(hba_read(controller, HBA_CAP2) & CAP2_HANDOFF))
		return;
	hba_write(controller, HBA_HANDOFF, hba_read(controller, HBA_HANDOFF) | HANDOFF_SYSTEM);
	if (hba_wait_clear(controller, HBA_HANDOFF, HANDOFF_BIOS, HANDOFF_LIMIT_NS))
		banos_warning(controller->self, "the firmware does not let go of the controller");
}

static int64_t hba_reset(struct ahci_controller *controller)
{
	hba_write(controller, HBA_CONTROL, CONTROL_AHCI);
	hba_write(controller, HBA_CONTROL, CONTROL_AHCI | CONTROL_RESET);
	if (hba_wait_clear(controller, HBA_CONTROL, CONTROL_RESET, RESET_LIMIT_NS)) {
		banos_error(controller->self, "cannot be reset: control 0x%x",
			    hba_read(controller, HBA_CONTROL));
		return -EIO;
	}
	hba_write(controller, HBA_CONTROL, CONTROL_AHCI);
	return 0;
}

static int64_t hba_map(struct ahci_controller *controller)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t error = banos_resource_get(controller->self, RESOURCE_REGISTERS, &resource);
	void *registers;

	if (error)
		return error;
	if (resource.kind != BANOS_RESOURCE_MEMORY || resource.length < PORT_BASE(1)) {
		banos_error(controller->self, "its registers have %lu bytes, expected %u or more",
			    resource.length, PORT_BASE(1));
		return -ENXIO;
	}
	error = pci_enable(controller->self, PCI_MEMORY | PCI_MASTER);
	if (error)
		return error;
	error = banos_mmio_map(controller->self, resource.start, resource.length, 0,
			       &controller->mapping, &registers);
	if (error) {
		controller->mapping = NULL;
		return error;
	}
	controller->registers = registers;
	return 0;
}

static int64_t ports_create(struct ahci_controller *controller)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	uint32_t ports = hba_read(controller, HBA_PORTS);
	int64_t error = banos_resource_get(controller->self, RESOURCE_REGISTERS, &resource);

	for (; ports && !error; ports &= ports - 1) {
		uint32_t number = (uint32_t)__builtin_ctz(ports);

		if (PORT_BASE(number) + PORT_BYTES <= resource.length)
			error = port_create(controller, number);
	}
	return error;
}

/* Ports look for what is connected in their works, all at once: that can take seconds. */
static int64_t hba_bring_up(struct ahci_controller *controller)
{
	int64_t error = hba_map(controller);

	if (!error) {
		hba_take_over(controller);
		error = hba_reset(controller);
	}
	if (error)
		return error;
	controller->cap = hba_read(controller, HBA_CAP);
	error = ports_create(controller);
	if (!error)
		error = ahci_connect(controller, line);
	if (error)
		return error;
	hba_write(controller, HBA_INTERRUPTS, UINT32_MAX);
	hba_write(controller, HBA_CONTROL, CONTROL_AHCI | CONTROL_ENABLED);
	for (uint32_t i = 0; i < PORTS_MAX; i++)
		if (controller->ports[i])
			port_work(controller->ports[i]);
	return 0;
}

/* @return 0: no port accesses memory any more */
static int64_t hba_stop(struct ahci_controller *controller)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < PORTS_MAX; i++)
		if (controller->ports[i] && controller->ports[i]->dma)
			error = port_stop(controller->ports[i]) ?: error;
	hba_write(controller, HBA_CONTROL, CONTROL_AHCI);
	return error;
}

static int64_t ahci_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct ahci_controller *controller = banos_alloc(device, sizeof(*controller), 0);
	int64_t error;

	if (!controller)
		return -ENOMEM;
	*state = controller;
	controller->self = device;
	controller->limit_ms = limit_s * 1000;
	error = hba_bring_up(controller);
	if (error && controller->registers)
		hba_stop(controller);
	return error;
}

/* The disks were withdrawn. What a port may still use stays, until the bus has stopped the controller. */
static int64_t ahci_remove(void *context, banos_owner device, void *state)
{
	struct ahci_controller *controller = state;
	int64_t error;

	ahci_disconnect(controller);
	for (uint32_t i = 0; i < PORTS_MAX; i++)
		if (controller->ports[i])
			banos_work_destroy(controller->ports[i]->work);
	error = hba_stop(controller);
	for (uint32_t i = 0; i < PORTS_MAX; i++) {
		struct ahci_port *port = controller->ports[i];

		if (!port)
			continue;
		if (port->dma && (!error || error == -ENODEV))
			banos_dma_free(port->dma);
		banos_mutex_destroy(&port->mutex);
		banos_free(device, port);
	}
	banos_mmio_unmap(controller->mapping);
	return banos_free(device, controller);
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = ahci_probe,
	.remove = ahci_remove,
};

static int64_t ahci_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_CLASS(01, 06, 01));
BANOS_DRIVER(ahci, "1.0", "MIT", "AHCI: disks and drives of Serial ATA", ahci_init, NULL);

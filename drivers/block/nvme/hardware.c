/* SPDX-License-Identifier: MIT */
/*
 * The registers of a controller: NVM Express 1.4, 7.6.1 (start), 7.3 (reset) and 7.6.2 (end).
 *
 * All bits set means that the controller was unplugged. A controller that has become not ready after CC.EN
 * was cleared does not access memory any more.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include "controller.h"
#include "registers.h"

#define RESOURCE_REGISTERS 0
#define STEP_NS		   BANOS_MS
#define SHUTDOWN_LEAST_MS  5000u
#define SHUTDOWN_MOST_MS   10000u
#define ALL_ONES	   0xffffffffu

static void register_write_both(const struct nvme_controller *controller, uint32_t offset,
				uint64_t value)
{
	register_write(controller, offset, (uint32_t)value);
	register_write(controller, offset + 4, (uint32_t)(value >> 32));
}

/* Wait until the bits of @mask in the status have @value. @return 0, -ETIMEDOUT, -ENODEV; -EIO: it reports a fatal state */
static int64_t status_wait(const struct nvme_controller *controller, uint32_t mask, uint32_t value,
			   uint32_t limit_ms)
{
	uint64_t deadline_ns = banos_time_ns() + limit_ms * BANOS_MS;

	for (;;) {
		uint32_t status = register_read(controller, REG_STATUS);

		if (status == ALL_ONES)
			return -ENODEV;
		if ((status & mask) == value)
			return 0;
		if (status & STATUS_FATAL && value == STATUS_READY)
			return -EIO;
		if (banos_time_ns() > deadline_ns)
			return -ETIMEDOUT;
		banos_sleep_until(banos_time_ns() + STEP_NS, BANOS_UNINTERRUPTIBLE);
	}
}

void doorbell_write(const struct nvme_controller *controller, const struct nvme_queue *queue,
		    uint32_t is_head, uint32_t value)
{
	uint32_t index = 2 * queue->number + is_head;

	register_write(controller, REG_DOORBELLS + index * controller->capabilities.doorbell_stride,
		       value);
}

static int64_t capabilities_read(struct nvme_controller *controller)
{
	uint64_t value = register_read(controller, REG_CAPABILITIES) |
			 (uint64_t)register_read(controller, REG_CAPABILITIES + 4) << 32;
	const char *why;

	controller->version = register_read(controller, REG_VERSION);
	if (controller->version == ALL_ONES)
		return pci_check(controller->self) ? -ENODEV : -EIO;
	why = capabilities_parse(value, controller->registers_bytes, &controller->capabilities);
	if (!why)
		return 0;
	banos_error(controller->self, "nvme%u: %s: its capabilities are 0x%lx", controller->number,
		    why, value);
	return -EIO;
}

int64_t hardware_open(struct nvme_controller *controller)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t error = banos_resource_get(controller->self, RESOURCE_REGISTERS, &resource);

	if (error)
		return error;
	if (resource.kind != BANOS_RESOURCE_MEMORY || resource.length < 2 * REG_DOORBELLS) {
		banos_error(controller->self, "nvme%u: its registers have %lu bytes, expected %u",
			    controller->number, resource.length, 2 * REG_DOORBELLS);
		return -ENXIO;
	}
	error = pci_enable(controller->self, PCI_MEMORY | PCI_MASTER);
	if (error)
		return error;
	controller->registers_bytes = resource.length;
	error = banos_mmio_map(controller->self, resource.start, resource.length, 0,
			       &controller->mapping, &controller->registers);
	if (error) {
		controller->mapping = NULL;
		return error;
	}
	return capabilities_read(controller);
}

static int64_t hardware_enable(struct nvme_controller *controller)
{
	const struct nvme_queue *admin = &controller->admin;
	uint32_t last = admin->entries - 1;

	register_write(controller, REG_ADMIN_SIZES, last << 16 | last);
	register_write_both(controller, REG_ADMIN_SUBMIT, admin->submission_memory.address);
	register_write_both(controller, REG_ADMIN_DONE, admin->completion_memory.address);
	/* There are controllers (QEMU's) that want the sizes of entries with the bit that starts them. */
	register_write(controller, REG_CONFIG,
		       CONFIG_ENTRY_SIZES | CONFIG_ENABLE |
			       (controller->capabilities.page_shift - 12) << CONFIG_PAGE_AT);
	return status_wait(controller, STATUS_READY, STATUS_READY,
			   controller->capabilities.ready_ms);
}

int64_t hardware_begin(struct nvme_controller *controller)
{
	int64_t error = hardware_stop(controller);

	if (!error) {
		queues_clear(controller);
		error = hardware_enable(controller);
	}
	if (error)
		banos_error(controller->self,
			    "nvme%u: cannot be reset (error %ld): configuration 0x%x, status 0x%x",
			    controller->number, error, register_read(controller, REG_CONFIG),
			    register_read(controller, REG_STATUS));
	return error;
}

int64_t hardware_stop(struct nvme_controller *controller)
{
	uint32_t config = register_read(controller, REG_CONFIG);

	if (config == ALL_ONES)
		return -ENODEV;
	register_write(controller, REG_CONFIG, config & ~CONFIG_ENABLE);
	return status_wait(controller, STATUS_READY, 0, controller->capabilities.ready_ms);
}

int64_t hardware_shut_down(struct nvme_controller *controller)
{
	uint32_t limit_ms = controller->identity.shutdown_ms,
		 config = register_read(controller, REG_CONFIG);
	int64_t error;

	if (config == ALL_ONES)
		return -ENODEV;
	if (limit_ms < SHUTDOWN_LEAST_MS)
		limit_ms = SHUTDOWN_LEAST_MS;
	if (limit_ms > SHUTDOWN_MOST_MS)
		limit_ms = SHUTDOWN_MOST_MS;
	register_write(controller, REG_CONFIG, config | CONFIG_SHUTDOWN);
	error = status_wait(controller, STATUS_SHUTDOWN, STATUS_SHUTDOWN_DONE, limit_ms);
	if (error == -ETIMEDOUT)
		banos_warning(controller->self, "nvme%u: was not ready to be switched off in %u ms",
			      controller->number, limit_ms);
	return hardware_stop(controller);
}

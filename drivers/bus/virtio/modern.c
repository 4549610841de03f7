/* SPDX-License-Identifier: MIT */
/*
 * Registers of Virtio on PCI since Virtio 1.0: in memory, where capabilities say that they are, with the widths that
 * they have.
 *
 * Source: Virtio 1.1, 4.1.3 to 4.1.5.
 */
#include <banos/errno.h>
#include <banos/pci.h>
#include <banos/print.h>
#include "device.h"

#define CAP_VENDOR     9u
#define CAP_TYPE       3u
#define CAP_BAR	       4u
#define CAP_OFFSET     8u
#define CAP_LENGTH     12u
#define CAP_MULTIPLIER 16u
#define CAPS_MAX       48u /* so many fit into configuration space */

#define TYPE_COMMON    1u
#define TYPE_NOTIFY    2u
#define TYPE_INTERRUPT 3u
#define TYPE_CONFIG    4u

/* The common structure. */
#define COMMON_OFFERED_SELECT  0x00
#define COMMON_OFFERED	       0x04
#define COMMON_ACCEPTED_SELECT 0x08
#define COMMON_ACCEPTED	       0x0c
#define COMMON_CONFIG_VECTOR   0x10
#define COMMON_QUEUES	       0x12
#define COMMON_STATUS	       0x14
#define COMMON_GENERATION      0x15
#define COMMON_QUEUE_SELECT    0x16
#define COMMON_QUEUE_SIZE      0x18
#define COMMON_QUEUE_VECTOR    0x1a
#define COMMON_QUEUE_ENABLE    0x1c
#define COMMON_QUEUE_NOTIFY    0x1e
#define COMMON_DESCRIPTORS     0x20
#define COMMON_AVAILABLE       0x28
#define COMMON_USED	       0x30
#define COMMON_BYTES	       0x38

#define QUEUES_GONE  0xffffu
#define NOTIFY_WIDTH 2u

static void *common_at(const struct virtio_device *device, uint32_t offset)
{
	return (char *)device->common.memory + offset;
}
static uint32_t common_read16(const struct virtio_device *device, uint32_t offset)
{
	return banos_mmio_read16(common_at(device, offset));
}
static void common_write16(const struct virtio_device *device, uint32_t offset, uint32_t value)
{
	banos_mmio_write16(common_at(device, offset), (uint16_t)value);
}
/* Registers of 64 bits are written in halves (4.1.3.1). */
static void common_write64(const struct virtio_device *device, uint32_t offset, uint64_t value)
{
	banos_mmio_write32(common_at(device, offset), (uint32_t)value);
	banos_mmio_write32(common_at(device, offset + 4), (uint32_t)(value >> 32));
}

/* ---- where they are ---- */

/* Registers of several bytes are aligned; those of interrupts are one byte. */
static int64_t region_map(struct virtio_device *device, struct virtio_region *region, uint32_t cap,
			  uint32_t alignment)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t bar = pci_config_read(device->pci, cap + CAP_BAR, 1),
		offset = pci_config_read(device->pci, cap + CAP_OFFSET, 4),
		length = pci_config_read(device->pci, cap + CAP_LENGTH, 4), error;

	if (region->memory || bar < 0 || offset < 0 || length <= 0 || offset % alignment)
		return 0; /* the first of a type counts */
	if (banos_resource_get(device->pci, (uint32_t)bar, &resource) ||
	    resource.kind != BANOS_RESOURCE_MEMORY || (uint64_t)offset > resource.length ||
	    (uint64_t)length > resource.length - (uint64_t)offset)
		return 0;
	error = banos_mmio_map(device->pci, resource.start + (uint64_t)offset, (uint64_t)length, 0,
			       &region->mapping, &region->memory);
	if (error)
		region->memory = NULL;
	else
		region->length = (uint32_t)length;
	return error;
}

static void region_unmap(struct virtio_region *region)
{
	if (region->memory)
		banos_mmio_unmap(region->mapping);
	*region = (struct virtio_region){ 0 };
}

static int64_t region_take_capability(struct virtio_device *device, uint32_t cap)
{
	int64_t multiplier;

	switch (pci_config_read(device->pci, cap + CAP_TYPE, 1)) {
	case TYPE_COMMON: return region_map(device, &device->common, cap, 4);
	case TYPE_INTERRUPT: return region_map(device, &device->interrupt, cap, 1);
	case TYPE_CONFIG: return region_map(device, &device->config, cap, 4);
	case TYPE_NOTIFY:
		if (device->notify.memory)
			return 0;
		multiplier = pci_config_read(device->pci, cap + CAP_MULTIPLIER, 4);
		device->notify_multiplier = multiplier < 0 ? 0 : (uint32_t)multiplier;
		return region_map(device, &device->notify, cap, NOTIFY_WIDTH);
	default: return 0;
	}
}

/* ---- life ---- */

static uint32_t modern_read_status(const struct virtio_device *device)
{
	return banos_mmio_read8(common_at(device, COMMON_STATUS));
}

static void modern_write_status(const struct virtio_device *device, uint32_t status)
{
	banos_mmio_write8(common_at(device, COMMON_STATUS), (uint8_t)status);
}

/* Memory that nobody answers for reads as 0 in QEMU, as does the status after a reset. */
static int modern_is_silent(const struct virtio_device *device)
{
	uint32_t queues = common_read16(device, COMMON_QUEUES);

	return device->queues_max && (!queues || queues == QUEUES_GONE);
}

static uint64_t modern_read_features(const struct virtio_device *device)
{
	uint64_t features;

	banos_mmio_write32(common_at(device, COMMON_OFFERED_SELECT), 1);
	features = (uint64_t)banos_mmio_read32(common_at(device, COMMON_OFFERED)) << 32;
	banos_mmio_write32(common_at(device, COMMON_OFFERED_SELECT), 0);
	return features | banos_mmio_read32(common_at(device, COMMON_OFFERED));
}

static void modern_write_features(const struct virtio_device *device, uint64_t features)
{
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED_SELECT), 0);
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED), (uint32_t)features);
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED_SELECT), 1);
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED), (uint32_t)(features >> 32));
}

/* ---- queues ---- */

static uint32_t modern_queue_size(struct virtio_device *device, uint32_t queue)
{
	uint64_t offset;

	common_write16(device, COMMON_QUEUE_SELECT, queue);
	offset = (uint64_t)common_read16(device, COMMON_QUEUE_NOTIFY) * device->notify_multiplier;
	if (offset > device->notify.length - NOTIFY_WIDTH)
		return 0;
	device->queues[queue].notify = (char *)device->notify.memory + offset;
	return common_read16(device, COMMON_QUEUE_SIZE);
}

static int64_t modern_set_config_vector(struct virtio_device *device, uint32_t vector)
{
	common_write16(device, COMMON_CONFIG_VECTOR, vector);
	if (common_read16(device, COMMON_CONFIG_VECTOR) != vector)
		return -EIO;
	return 0;
}

static int64_t modern_enable_queue(struct virtio_device *device, uint32_t queue,
				   const struct queue_place *place, uint32_t vector)
{
	common_write16(device, COMMON_QUEUE_SELECT, queue);
	common_write16(device, COMMON_QUEUE_SIZE, place->size);
	common_write64(device, COMMON_DESCRIPTORS, place->descriptors);
	common_write64(device, COMMON_AVAILABLE, place->available);
	common_write64(device, COMMON_USED, place->used);
	common_write16(device, COMMON_QUEUE_VECTOR, vector);
	if (common_read16(device, COMMON_QUEUE_SIZE) != place->size ||
	    common_read16(device, COMMON_QUEUE_VECTOR) != vector) {
		banos_warning(device->pci, "queue %u: the device refuses size %u or vector %u",
			      queue, place->size, vector);
		return -EIO;
	}
	common_write16(device, COMMON_QUEUE_ENABLE, 1);
	if (common_read16(device, COMMON_QUEUE_ENABLE) != 1)
		return -EIO;
	return 0;
}

/* ---- interrupts, configuration ---- */

static uint32_t modern_read_interrupt(const struct virtio_device *device)
{
	return banos_mmio_read8(device->interrupt.memory);
}

static uint32_t modern_read_generation(const struct virtio_device *device)
{
	return banos_mmio_read8(common_at(device, COMMON_GENERATION));
}

static int config_has(const struct virtio_device *device, uint32_t offset, uint32_t bytes)
{
	return device->config.memory && offset < device->config.length &&
	       bytes <= device->config.length - offset && offset % bytes == 0;
}

/* A read that is wider than a field, or reaches over the end, returns all bits set. */
static int64_t modern_read_config(const struct virtio_device *device, uint32_t offset,
				  uint32_t bytes)
{
	const char *at = (const char *)device->config.memory + offset;

	if (!config_has(device, offset, bytes))
		return -EINVAL;
	if (bytes == 1)
		return banos_mmio_read8(at);
	if (bytes == 2)
		return banos_mmio_read16(at);
	return banos_mmio_read32(at);
}

static const struct transport_ops modern_ops = {
	.read_status = modern_read_status,
	.write_status = modern_write_status,
	.is_silent = modern_is_silent,
	.read_features = modern_read_features,
	.write_features = modern_write_features,
	.queue_size = modern_queue_size,
	.enable_queue = modern_enable_queue,
	.set_config_vector = modern_set_config_vector,
	.read_interrupt = modern_read_interrupt,
	.read_generation = modern_read_generation,
	.read_config = modern_read_config,
};

/* ---- beginning and end ---- */

int64_t modern_map(struct virtio_device *device)
{
	int64_t cap = pci_find_capability(device->pci, CAP_VENDOR, 0), error;

	for (uint32_t i = 0; cap >= 0 && i < CAPS_MAX; i++) {
		error = region_take_capability(device, (uint32_t)cap);
		if (error)
			return error;
		cap = pci_find_capability(device->pci, CAP_VENDOR, (uint32_t)cap);
	}
	if (!device->common.memory && !device->notify.memory)
		return -ENOENT;
	if (device->common.length < COMMON_BYTES || device->notify.length < NOTIFY_WIDTH ||
	    !device->interrupt.memory) {
		banos_warning(
			device->pci,
			"the device lacks registers: %u bytes of the common structure, expected %u; %u of notifications; %u of interrupts",
			device->common.length, COMMON_BYTES, device->notify.length,
			device->interrupt.length);
		return -ENODEV;
	}
	device->transport = &modern_ops;
	device->queues_max = common_read16(device, COMMON_QUEUES);
	return 0;
}

void modern_unmap(struct virtio_device *device)
{
	region_unmap(&device->common);
	region_unmap(&device->notify);
	region_unmap(&device->interrupt);
	region_unmap(&device->config);
}

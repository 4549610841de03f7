/* SPDX-License-Identifier: MIT */
/*
 * Registers of Virtio on PCI: where capabilities say that they are, with the widths that they have.
 *
 * Source: Virtio 1.1, 4.1 (on PCI), 3.1.1 (initialisation), 2.1 (status). The interface of devices older
 * than Virtio 1.0, in ports, is not used.
 */
#include <banos/errno.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/time.h>
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
#define COMMON_QUEUE_SELECT    0x16
#define COMMON_QUEUE_SIZE      0x18
#define COMMON_QUEUE_VECTOR    0x1a
#define COMMON_QUEUE_ENABLE    0x1c
#define COMMON_QUEUE_NOTIFY    0x1e
#define COMMON_DESCRIPTORS     0x20
#define COMMON_AVAILABLE       0x28
#define COMMON_USED	       0x30
#define COMMON_BYTES	       0x38

#define STATUS_ACKNOWLEDGE 0x01u
#define STATUS_DRIVER	   0x02u
#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED	   0x80u
#define STATUS_GONE	   0xffu
#define QUEUES_GONE	   0xffffu

#define FEATURE_VERSION_1   32
#define FEATURE_PLATFORM    33 /* addresses are those of banos_dma_alloc(): they are always */
#define FEATURE_BIT(number) (UINT64_C(1) << (number))

#define NO_VECTOR      0xffffu
#define NOTIFY_WIDTH   2u
#define RESET_LIMIT_NS BANOS_S
#define RESET_AGAIN_NS (10 * BANOS_MS) /* for one that has not accepted it before */

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
static uint32_t status_read(const struct virtio_device *device)
{
	return banos_mmio_read8(common_at(device, COMMON_STATUS));
}
static void status_add(const struct virtio_device *device, uint32_t bits)
{
	banos_mmio_write8(common_at(device, COMMON_STATUS), (uint8_t)(status_read(device) | bits));
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

int64_t transport_map(struct virtio_device *device)
{
	int64_t cap = pci_find_capability(device->pci, CAP_VENDOR, 0), error;

	for (uint32_t i = 0; cap >= 0 && i < CAPS_MAX; i++) {
		error = region_take_capability(device, (uint32_t)cap);
		if (error)
			return error;
		cap = pci_find_capability(device->pci, CAP_VENDOR, (uint32_t)cap);
	}
	if (!device->common.memory && !device->notify.memory) {
		banos_warning(
			device->pci,
			"the device has the legacy interface only (Virtio 0.9), expected that of Virtio 1.0 or later (QEMU: disable-modern=off)");
		return -ENODEV;
	}
	if (device->common.length < COMMON_BYTES || device->notify.length < NOTIFY_WIDTH ||
	    !device->interrupt.memory) {
		banos_warning(
			device->pci,
			"the device lacks registers: %u bytes of the common structure, expected %u; %u of notifications; %u of interrupts",
			device->common.length, COMMON_BYTES, device->notify.length,
			device->interrupt.length);
		return -ENODEV;
	}
	device->queues_max = common_read16(device, COMMON_QUEUES);
	if (device->queues_max > VIRTIO_QUEUES_MAX)
		device->queues_max = VIRTIO_QUEUES_MAX;
	return 0;
}

void transport_unmap(struct virtio_device *device)
{
	region_unmap(&device->common);
	region_unmap(&device->notify);
	region_unmap(&device->interrupt);
	region_unmap(&device->config);
}

/* ---- life ---- */

/* A device that was unplugged reads as all bits set, or (QEMU) as 0, which is also what one reads that was reset. */
int64_t transport_check(struct virtio_device *device)
{
	uint32_t status = status_read(device);

	if (status == STATUS_GONE || !(status & STATUS_DRIVER)) {
		if (pci_check(device->pci))
			return -ENODEV;
		device_fail(device, "the device has forgotten its driver: status %02x", status);
	}
	if (status & STATUS_NEEDS_RESET)
		device_fail(device, "the device has failed: status %02x asks for a reset", status);
	if (__atomic_load_n(&device->failed, __ATOMIC_SEQ_CST))
		return -EIO;
	return 0;
}

/* Memory that nobody answers for reads as 0 in QEMU, as does the status after a reset. */
static int device_is_silent(const struct virtio_device *device)
{
	uint32_t queues = common_read16(device, COMMON_QUEUES);

	return device->queues_max && (!queues || queues == QUEUES_GONE);
}

static void transport_report_no_reset(const struct virtio_device *device, uint32_t status)
{
	banos_error(
		device->pci,
		"the device does not accept a reset: status %02x, expected 00; %u queues, expected %u",
		status, common_read16(device, COMMON_QUEUES), device->queues_max);
}

/* The device has stopped when it answers that the status is 0. */
int64_t transport_reset(struct virtio_device *device)
{
	int is_again = device->state == STATE_STUCK;
	uint64_t limit = banos_time_ns() + RESET_LIMIT_NS;
	uint32_t status;

	if (is_again)
		limit = banos_time_ns() + RESET_AGAIN_NS;
	banos_mmio_write8(common_at(device, COMMON_STATUS), 0);
	while ((status = status_read(device)) != 0 || device_is_silent(device)) {
		if (device_is_silent(device) && pci_check(device->pci))
			return -ENODEV;
		if (banos_time_ns() > limit) {
			if (!is_again)
				transport_report_no_reset(device, status);
			return -EIO;
		}
		banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	}
	__atomic_store_n(&device->failed, 0, __ATOMIC_SEQ_CST);
	return 0;
}

static uint64_t features_read(const struct virtio_device *device)
{
	uint64_t features;

	banos_mmio_write32(common_at(device, COMMON_OFFERED_SELECT), 1);
	features = (uint64_t)banos_mmio_read32(common_at(device, COMMON_OFFERED)) << 32;
	banos_mmio_write32(common_at(device, COMMON_OFFERED_SELECT), 0);
	return features | banos_mmio_read32(common_at(device, COMMON_OFFERED));
}

int64_t transport_identify(struct virtio_device *device)
{
	int64_t error = transport_reset(device);

	if (!error)
		device->offered = features_read(device);
	return error;
}

static void features_write(const struct virtio_device *device, uint64_t features)
{
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED_SELECT), 0);
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED), (uint32_t)features);
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED_SELECT), 1);
	banos_mmio_write32(common_at(device, COMMON_ACCEPTED), (uint32_t)(features >> 32));
}

int64_t transport_negotiate(struct virtio_device *device, const struct virtio_config *config)
{
	uint64_t must = config->features_must | FEATURE_BIT(FEATURE_VERSION_1),
		 might = must | config->features_might | FEATURE_BIT(FEATURE_EVENT_INDEX) |
			 FEATURE_BIT(FEATURE_PLATFORM);
	int64_t error = transport_reset(device);

	if (error)
		return error;
	status_add(device, STATUS_ACKNOWLEDGE);
	status_add(device, STATUS_DRIVER);
	device->offered = features_read(device);
	device->accepted = device->offered & might;
	if (must & ~device->offered) {
		banos_warning(device->pci, "the device offers features %llx, expected %llx",
			      (unsigned long long)device->offered, (unsigned long long)must);
		status_add(device, STATUS_FAILED);
		return -EOPNOTSUPP;
	}
	features_write(device, device->accepted);
	status_add(device, STATUS_FEATURES_OK);
	if (status_read(device) & STATUS_FEATURES_OK)
		return 0;
	banos_warning(device->pci, "the device does not accept features %llx of %llx",
		      (unsigned long long)device->accepted, (unsigned long long)device->offered);
	status_add(device, STATUS_FAILED);
	return -EOPNOTSUPP;
}

int64_t transport_start(struct virtio_device *device)
{
	status_add(device, STATUS_DRIVER_OK);
	return transport_check(device);
}

/* ---- queues ---- */

uint32_t transport_queue_size(struct virtio_device *device, uint32_t queue, void **notify)
{
	uint64_t offset;

	common_write16(device, COMMON_QUEUE_SELECT, queue);
	offset = (uint64_t)common_read16(device, COMMON_QUEUE_NOTIFY) * device->notify_multiplier;
	if (offset > device->notify.length - NOTIFY_WIDTH)
		return 0;
	*notify = (char *)device->notify.memory + offset;
	return common_read16(device, COMMON_QUEUE_SIZE);
}

int64_t transport_set_config_vector(struct virtio_device *device, uint32_t vector)
{
	common_write16(device, COMMON_CONFIG_VECTOR, vector);
	if (common_read16(device, COMMON_CONFIG_VECTOR) != vector)
		return -EIO;
	return 0;
}

int64_t transport_queue_enable(struct virtio_device *device, uint32_t queue, uint32_t size,
			       uint64_t address, uint32_t vector)
{
	if (device->by_line)
		vector = NO_VECTOR;
	common_write16(device, COMMON_QUEUE_SELECT, queue);
	common_write16(device, COMMON_QUEUE_SIZE, size);
	common_write64(device, COMMON_DESCRIPTORS, address);
	common_write64(device, COMMON_AVAILABLE, address + ring_available_offset(size));
	common_write64(device, COMMON_USED, address + ring_used_offset(size));
	common_write16(device, COMMON_QUEUE_VECTOR, vector);
	if (common_read16(device, COMMON_QUEUE_SIZE) != size ||
	    common_read16(device, COMMON_QUEUE_VECTOR) != vector) {
		banos_warning(device->pci, "queue %u: the device refuses size %u or vector %u",
			      queue, size, vector);
		return -EIO;
	}
	common_write16(device, COMMON_QUEUE_ENABLE, 1);
	if (common_read16(device, COMMON_QUEUE_ENABLE) != 1)
		return -EIO;
	return 0;
}

/* ---- interrupts, configuration ---- */

uint32_t transport_read_interrupt(const struct virtio_device *device)
{
	return banos_mmio_read8(device->interrupt.memory);
}

/* A read that is wider than a field, or reaches over the end, returns all bits set. */
int64_t transport_config_read(const struct virtio_device *device, uint32_t offset, uint32_t bytes)
{
	const char *at = (const char *)device->config.memory + offset;

	if (!device->config.memory || offset >= device->config.length ||
	    bytes > device->config.length - offset || offset % bytes)
		return -EINVAL;
	if (bytes == 1)
		return banos_mmio_read8(at);
	if (bytes == 2)
		return banos_mmio_read16(at);
	return banos_mmio_read32(at);
}

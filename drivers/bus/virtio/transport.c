/* SPDX-License-Identifier: MIT */
/*
 * The life of a device of Virtio on PCI, by registers of either kind (modern.c, legacy.c): a device that has both
 * is used by the modern ones.
 *
 * Source: Virtio 1.1, 4.1 (on PCI), 3.1.1 (initialisation), 2.1 (status).
 */
#include <banos/errno.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/time.h>
#include "device.h"

#define STATUS_ACKNOWLEDGE 0x01u
#define STATUS_DRIVER	   0x02u
#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED	   0x80u
#define STATUS_GONE	   0xffu

#define RESET_LIMIT_NS BANOS_S
#define RESET_AGAIN_NS (10 * BANOS_MS) /* for one that has not accepted it before */

static uint32_t status_read(const struct virtio_device *device)
{
	return device->transport->read_status(device);
}
static void status_add(const struct virtio_device *device, uint32_t bits)
{
	device->transport->write_status(device, status_read(device) | bits);
}

int64_t transport_map(struct virtio_device *device)
{
	int64_t error = modern_map(device);

	if (error == -ENOENT)
		error = legacy_map(device);
	if (error == -ENOENT) {
		banos_warning(
			device->pci,
			"the device has neither registers in memory, as since Virtio 1.0, nor ports, as before");
		return -ENODEV;
	}
	if (device->queues_max > VIRTIO_QUEUES_MAX)
		device->queues_max = VIRTIO_QUEUES_MAX;
	return error;
}

void transport_unmap(struct virtio_device *device)
{
	modern_unmap(device);
	legacy_unmap(device);
	device->transport = NULL;
}

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

static void transport_report_no_reset(const struct virtio_device *device, uint32_t status)
{
	banos_error(device->pci, "the device does not accept a reset: status %02x, expected 00%s",
		    status, device->transport->is_silent(device) ? "; it has no queues" : "");
}

/* The device has stopped when it answers that the status is 0. */
int64_t transport_reset(struct virtio_device *device)
{
	int is_again = device->state == STATE_STUCK;
	uint64_t limit = banos_time_ns() + RESET_LIMIT_NS;
	uint32_t status;

	if (is_again)
		limit = banos_time_ns() + RESET_AGAIN_NS;
	device->transport->write_status(device, 0);
	while ((status = status_read(device)) != 0 || device->transport->is_silent(device)) {
		if (device->transport->is_silent(device) && pci_check(device->pci))
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

int64_t transport_identify(struct virtio_device *device)
{
	int64_t error = transport_reset(device);

	if (!error)
		device->offered = device->transport->read_features(device);
	return error;
}

/* What this driver needs and can do itself, beside what its client does. */
static void features_choose(const struct virtio_device *device, const struct virtio_config *config,
			    uint64_t *must, uint64_t *might)
{
	*must = config->features_must;
	*might = *must | config->features_might | FEATURE_BIT(FEATURE_EVENT_INDEX) |
		 FEATURE_BIT(FEATURE_INDIRECT);
	if (device->ports)
		return;
	*must |= FEATURE_BIT(FEATURE_VERSION_1);
	*might |= FEATURE_BIT(FEATURE_VERSION_1) | FEATURE_BIT(FEATURE_PLATFORM) |
		  FEATURE_BIT(FEATURE_PACKED);
}

int64_t transport_negotiate(struct virtio_device *device, const struct virtio_config *config)
{
	int64_t error = transport_reset(device);
	uint64_t must, might;

	if (error)
		return error;
	status_add(device, STATUS_ACKNOWLEDGE);
	status_add(device, STATUS_DRIVER);
	features_choose(device, config, &must, &might);
	device->offered = device->transport->read_features(device);
	device->accepted = device->offered & might;
	if (must & ~device->offered) {
		banos_warning(device->pci, "the device offers features %llx, expected %llx",
			      (unsigned long long)device->offered, (unsigned long long)must);
		status_add(device, STATUS_FAILED);
		return -EOPNOTSUPP;
	}
	device->transport->write_features(device, device->accepted);
	if (device->ports) /* they are not confirmed */
		return 0;
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

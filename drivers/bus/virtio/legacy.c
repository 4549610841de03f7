/* SPDX-License-Identifier: MIT */
/*
 * Registers of Virtio on PCI before Virtio 1.0: in ports, which BAR 0 names. A device of that kind (QEMU:
 * disable-modern=on) has features of 32 bits, sizes of queues that cannot be chosen, and no answer whether it accepts
 * features. Its configuration begins behind the registers of messages, which are there only while messages are on.
 *
 * Source: Virtio 1.1, 4.1.4.8 (legacy interface), 2.6.2 (legacy layout of queues), 3.1.2.
 */
#include <banos/errno.h>
#include <banos/pci.h>
#include <banos/print.h>
#include "device.h"

#define PORT_OFFERED	   0x00
#define PORT_ACCEPTED	   0x04
#define PORT_QUEUE_ADDRESS 0x08 /* in pages */
#define PORT_QUEUE_SIZE	   0x0c
#define PORT_QUEUE_SELECT  0x0e
#define PORT_NOTIFY	   0x10
#define PORT_STATUS	   0x12
#define PORT_INTERRUPT	   0x13
#define PORT_CONFIG_VECTOR 0x14
#define PORT_QUEUE_VECTOR  0x16
#define PORT_CONFIG	   0x14 /* while no messages are used */
#define PORT_CONFIG_MSIX   0x18
#define PORTS_LEAST	   0x18u

#define PAGE_SHIFT	      12
#define SIZE_GONE	      0xffffu
#define FEATURE_BAD	      30 /* offered by all: never to be accepted */
#define CAP_MSIX	      0x11u
#define CAP_MSIX_CONTROL      2u
#define MSIX_CONTROL_ENABLED  0x8000u
#define FEATURES_OF_INTERFACE 0xffffffffu

static uint32_t port_get(const struct virtio_device *device, uint32_t offset, uint32_t bytes)
{
	int64_t value = banos_port_read(device->ports, offset, bytes);

	return value < 0 ? UINT32_MAX : (uint32_t)value;
}
static void port_put(const struct virtio_device *device, uint32_t offset, uint32_t bytes,
		     uint32_t value)
{
	banos_port_write(device->ports, offset, bytes, value);
}

static uint32_t legacy_read_status(const struct virtio_device *device)
{
	return port_get(device, PORT_STATUS, 1);
}

static void legacy_write_status(const struct virtio_device *device, uint32_t status)
{
	port_put(device, PORT_STATUS, 1, status);
}

static int legacy_is_silent(const struct virtio_device *device)
{
	uint32_t size;

	port_put(device, PORT_QUEUE_SELECT, 2, 0);
	size = port_get(device, PORT_QUEUE_SIZE, 2);
	return device->queues_max && (!size || size == SIZE_GONE);
}

static uint64_t legacy_read_features(const struct virtio_device *device)
{
	return port_get(device, PORT_OFFERED, 4) & ~FEATURE_BIT(FEATURE_BAD) &
	       FEATURES_OF_INTERFACE;
}

static void legacy_write_features(const struct virtio_device *device, uint64_t features)
{
	port_put(device, PORT_ACCEPTED, 4, (uint32_t)features);
}

/* ---- queues ---- */

static uint32_t legacy_queue_size(struct virtio_device *device, uint32_t queue)
{
	uint32_t size;

	port_put(device, PORT_QUEUE_SELECT, 2, queue);
	size = port_get(device, PORT_QUEUE_SIZE, 2);
	device->queues[queue].notify = NULL;
	if (size & (size - 1)) /* it cannot be chosen, and the layout needs a power of two */
		return 0;
	return size;
}

static int64_t legacy_set_config_vector(struct virtio_device *device, uint32_t vector)
{
	port_put(device, PORT_CONFIG_VECTOR, 2, vector);
	if (port_get(device, PORT_CONFIG_VECTOR, 2) != vector)
		return -EIO;
	return 0;
}

static int64_t legacy_enable_queue(struct virtio_device *device, uint32_t queue,
				   const struct queue_place *place, uint32_t vector)
{
	port_put(device, PORT_QUEUE_SELECT, 2, queue);
	if (vector != NO_VECTOR) {
		port_put(device, PORT_QUEUE_VECTOR, 2, vector);
		if (port_get(device, PORT_QUEUE_VECTOR, 2) != vector) {
			banos_warning(device->pci, "queue %u: the device refuses vector %u", queue,
				      vector);
			return -EIO;
		}
	}
	port_put(device, PORT_QUEUE_ADDRESS, 4, (uint32_t)(place->descriptors >> PAGE_SHIFT));
	if (port_get(device, PORT_QUEUE_ADDRESS, 4) != place->descriptors >> PAGE_SHIFT)
		return -EIO;
	return 0;
}

static void legacy_notify(const struct virtio_device *device, uint32_t queue)
{
	port_put(device, PORT_NOTIFY, 2, queue);
}

/* ---- interrupts, configuration ---- */

static uint32_t legacy_read_interrupt(const struct virtio_device *device)
{
	return port_get(device, PORT_INTERRUPT, 1) & 0xff;
}

static uint32_t legacy_read_generation(const struct virtio_device *device)
{
	return 0;
}

static int messages_are_on(const struct virtio_device *device)
{
	int64_t cap = pci_find_capability(device->pci, CAP_MSIX, 0), control;

	if (cap < 0)
		return 0;
	control = pci_config_read(device->pci, (uint32_t)cap + CAP_MSIX_CONTROL, 2);
	return control > 0 && control & MSIX_CONTROL_ENABLED;
}

static int64_t legacy_read_config(const struct virtio_device *device, uint32_t offset,
				  uint32_t bytes)
{
	uint32_t start = messages_are_on(device) ? PORT_CONFIG_MSIX : PORT_CONFIG;

	if (start + offset >= device->ports_count || bytes > device->ports_count - start - offset ||
	    offset % bytes)
		return -EINVAL;
	return banos_port_read(device->ports, start + offset, bytes);
}

static const struct transport_ops legacy_ops = {
	.read_status = legacy_read_status,
	.write_status = legacy_write_status,
	.is_silent = legacy_is_silent,
	.read_features = legacy_read_features,
	.write_features = legacy_write_features,
	.queue_size = legacy_queue_size,
	.enable_queue = legacy_enable_queue,
	.set_config_vector = legacy_set_config_vector,
	.read_interrupt = legacy_read_interrupt,
	.read_generation = legacy_read_generation,
	.read_config = legacy_read_config,
	.notify = legacy_notify,
};

/* ---- beginning and end ---- */

int64_t legacy_map(struct virtio_device *device)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	uint32_t queues = 0;
	int64_t error;

	if (banos_resource_get(device->pci, 0, &resource) ||
	    resource.kind != BANOS_RESOURCE_PORTS || resource.length < PORTS_LEAST)
		return -ENOENT;
	error = pci_enable(device->pci, PCI_PORTS);
	if (!error)
		error = banos_ports_claim(device->pci, (uint32_t)resource.start,
					  (uint32_t)resource.length, &device->ports);
	if (error) {
		device->ports = NULL;
		return error;
	}
	device->ports_count = (uint32_t)resource.length;
	device->transport = &legacy_ops;
	while (queues < VIRTIO_QUEUES_MAX && legacy_queue_size(device, queues))
		queues++;
	device->queues_max = queues;
	return 0;
}

void legacy_unmap(struct virtio_device *device)
{
	if (device->ports)
		banos_ports_release(device->ports);
	device->ports = NULL;
}

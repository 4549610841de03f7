/* SPDX-License-Identifier: MIT */
/*
 * Virtio: the driver of the bus. It serves devices of Virtio on PCI (those before Virtio 1.0 by their
 * legacy interface, the others by the modern one), and offers each to the drivers of its type, which call the functions of virtio.h and
 * are called back.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/string.h>
#include "device.h"

#define VENDOR		  0x1af4u
#define ID_TRANSITIONAL	  0x1000u
#define ID_MODERN	  0x1040u /* + the type */
#define ID_END		  0x1080u
#define IDENTITY_SIZE_MAX 4096u

static banos_owner own;
static struct virtio_device *devices; /* all that there ever were */
static struct banos_mutex devices_lock;

/* ---- what clients call ---- */

static struct virtio_device *device_of_client(banos_owner client)
{
	void *context;

	if (banos_device_context(NULL, client, &context))
		return NULL;
	return context;
}

static int64_t virtio_mistake(banos_owner client, const char *function, const char *what)
{
	banos_error(client, "%s(): %s", function, what);
	return -EINVAL;
}

int64_t virtio_identify(banos_owner client, struct virtio_identity *identity)
{
	struct virtio_device *device = device_of_client(client);
	struct virtio_identity answer = { .size = sizeof(answer) };
	uint32_t size;

	if (!device)
		return -ENODEV;
	size = identity ? identity->size : 0;
	if (size < sizeof(answer) || size > IDENTITY_SIZE_MAX)
		return virtio_mistake(client, "virtio_identify",
				      "identity is NULL, or its size is wrong");
	banos_mutex_lock(&device->mutex);
	answer.type = device->type;
	answer.queues = device->queues_max;
	answer.features = device->offered;
	if (device->state != STATE_CLOSED)
		answer.features = device->accepted;
	banos_mutex_unlock(&device->mutex);
	memset(identity, 0, size);
	memcpy(identity, &answer, sizeof(answer));
	return 0;
}
BANOS_EXPORT_AS(virtio_identify, VIRTIO_IDENTIFY_AS);

/* The device does not use memory any more, or is stuck. ->mutex held. */
static int64_t device_stop_locked(struct virtio_device *device)
{
	int64_t error;

	if (device->state == STATE_CLOSED)
		return 0;
	if (interrupts_destroy(device) == -EDEADLK)
		return -EDEADLK;
	__atomic_store_n(&device->client, NULL, __ATOMIC_SEQ_CST);
	queues_withdraw(device);
	error = transport_reset(device);
	if (error == -EIO) {
		device->state = STATE_STUCK;
		return error;
	}
	queues_free(device);
	device->state = STATE_CLOSED;
	return error;
}

static int64_t device_open_locked(struct virtio_device *device, banos_owner client,
				  const struct virtio_config *config, banos_callback callback)
{
	int64_t error = transport_negotiate(device, config);

	if (error)
		return error;
	device->state = STATE_OPEN;
	device->queue_count = config->queues;
	error = interrupts_create(device, config->queues);
	if (error)
		return error;
	__atomic_store_n(&device->client, callback, __ATOMIC_SEQ_CST);
	error = banos_owner_watch(device->pci, client, device->gone);
	if (error == -EEXIST) /* of an earlier virtio_open() */
		return 0;
	return error;
}

int64_t virtio_open(banos_owner client, const struct virtio_config *config, banos_callback callback)
{
	struct virtio_device *device = device_of_client(client);
	struct virtio_config copy;
	int64_t error = -EBUSY;

	if (!device)
		return -ENODEV;
	if (!config || config->size != sizeof(*config))
		return virtio_mistake(client, "virtio_open",
				      "config is NULL, or its size is wrong");
	copy = *config;
	if (!copy.queues || copy.queues > VIRTIO_QUEUES_MAX)
		return virtio_mistake(client, "virtio_open", "config->queues is 0 or over 128");
	banos_mutex_lock(&device->mutex);
	if (copy.queues > device->queues_max) {
		banos_warning(client, "the device has %u queues, expected %u", device->queues_max,
			      copy.queues);
		error = -EOPNOTSUPP;
	} else if (device->state == STATE_CLOSED) {
		error = device_open_locked(device, client, &copy, callback);
		if (error)
			device_stop_locked(device);
	}
	banos_mutex_unlock(&device->mutex);
	return error;
}
BANOS_EXPORT_AS(virtio_open, VIRTIO_OPEN_AS);

static int64_t client_queue_create(banos_owner client, const char *function, uint32_t queue,
				   uint32_t size, uint32_t segments)
{
	struct virtio_device *device = device_of_client(client);
	int64_t result = -EINVAL;

	if (!device)
		return -ENODEV;
	banos_mutex_lock(&device->mutex);
	if (device->state == STATE_OPEN && queue < device->queue_count &&
	    (segments & ~VIRTIO_LENGTHS_CUT) <= VIRTIO_SEGMENTS_TOP)
		result = queue_create(device, queue, size, segments);
	banos_mutex_unlock(&device->mutex);
	if (result == -EINVAL)
		return virtio_mistake(
			client, function,
			"the device is not open, or was started, or queue or size is wrong");
	return result;
}

int64_t virtio_queue_create(banos_owner client, uint32_t queue, uint32_t size)
{
	return client_queue_create(client, "virtio_queue_create", queue, size, RING_DIRECT_MAX);
}
BANOS_EXPORT_AS(virtio_queue_create, VIRTIO_QUEUE_CREATE_AS);

int64_t virtio_queue_create_wide(banos_owner client, uint32_t queue, uint32_t size,
				 uint32_t segments)
{
	return client_queue_create(client, "virtio_queue_create_wide", queue, size, segments);
}
BANOS_EXPORT_AS(virtio_queue_create_wide, VIRTIO_QUEUE_CREATE_WIDE_AS);

int64_t virtio_start(banos_owner client)
{
	struct virtio_device *device = device_of_client(client);
	int64_t error = -EINVAL;

	if (!device)
		return -ENODEV;
	banos_mutex_lock(&device->mutex);
	if (device->state == STATE_OPEN) {
		error = transport_start(device);
		device->state = STATE_STARTED;
	}
	banos_mutex_unlock(&device->mutex);
	if (error == -EINVAL)
		return virtio_mistake(client, "virtio_start", "the device is not open");
	return error;
}
BANOS_EXPORT_AS(virtio_start, VIRTIO_START_AS);

int64_t virtio_stop(banos_owner client)
{
	struct virtio_device *device = device_of_client(client);
	int64_t error;

	if (!device)
		return -ENODEV;
	banos_mutex_lock(&device->mutex);
	error = device_stop_locked(device);
	banos_mutex_unlock(&device->mutex);
	if (error == -EDEADLK)
		virtio_mistake(client, "virtio_stop", "called by the callback");
	return error;
}
BANOS_EXPORT_AS(virtio_stop, VIRTIO_STOP_AS);

int64_t virtio_check(banos_owner client)
{
	struct virtio_device *device = device_of_client(client);
	int64_t error = -EINVAL;

	if (!device)
		return -ENODEV;
	banos_mutex_lock(&device->mutex);
	if (device->state == STATE_OPEN || device->state == STATE_STARTED)
		error = transport_check(device);
	banos_mutex_unlock(&device->mutex);
	if (error == -EINVAL)
		return virtio_mistake(client, "virtio_check", "the device is not open");
	if (!error)
		error = interrupts_find_lost(device);
	if (error == -EDEADLK)
		virtio_mistake(client, "virtio_check", "called by the callback");
	return error;
}
BANOS_EXPORT_AS(virtio_check, VIRTIO_CHECK_AS);

int64_t virtio_config_generation(banos_owner client)
{
	struct virtio_device *device = device_of_client(client);
	int64_t value;

	if (!device)
		return -ENODEV;
	banos_mutex_lock(&device->mutex);
	value = device->transport->read_generation(device);
	banos_mutex_unlock(&device->mutex);
	return value;
}
BANOS_EXPORT_AS(virtio_config_generation, VIRTIO_CONFIG_GENERATION_AS);

int64_t virtio_config_read(banos_owner client, uint32_t offset, uint32_t bytes)
{
	struct virtio_device *device = device_of_client(client);
	int64_t value;

	if (!device)
		return -ENODEV;
	if (bytes != 1 && bytes != 2 && bytes != 4)
		return virtio_mistake(client, "virtio_config_read", "bytes is not 1, 2 or 4");
	banos_mutex_lock(&device->mutex);
	value = device->transport->read_config(device, offset, bytes);
	banos_mutex_unlock(&device->mutex);
	return value;
}
BANOS_EXPORT_AS(virtio_config_read, VIRTIO_CONFIG_READ_AS);

int64_t virtio_queue_add(banos_owner client, uint32_t queue, const struct virtio_segment *segments,
			 uint32_t count, uint32_t writable, uint64_t tag)
{
	struct virtio_device *device = device_of_client(client);
	int64_t error;

	if (!device)
		return -ENODEV;
	error = device_queue_add(device, queue, segments, count, writable, tag);
	if (error == -EINVAL)
		return virtio_mistake(
			client, "virtio_queue_add",
			"no such queue, or count or writable is wrong, or a segment is empty");
	return error;
}
BANOS_EXPORT_AS(virtio_queue_add, VIRTIO_QUEUE_ADD_AS);

int64_t virtio_queue_add_many(banos_owner client, uint32_t queue,
			      const struct virtio_buffer *buffers, uint32_t count,
			      const struct virtio_segment *segments, uint32_t segment_count)
{
	struct virtio_device *device = device_of_client(client);
	int64_t result;

	if (!device)
		return -ENODEV;
	result = device_queue_add_many(device, queue, buffers, count, segments, segment_count);
	if (result == -EINVAL)
		return virtio_mistake(
			client, "virtio_queue_add_many",
			"no such queue, or a number of segments is wrong, or one is empty");
	return result;
}
BANOS_EXPORT_AS(virtio_queue_add_many, VIRTIO_QUEUE_ADD_MANY_AS);

int64_t virtio_queue_notify(banos_owner client, uint32_t queue)
{
	struct virtio_device *device = device_of_client(client);

	if (!device)
		return -ENODEV;
	return device_queue_notify(device, queue);
}
BANOS_EXPORT_AS(virtio_queue_notify, VIRTIO_QUEUE_NOTIFY_AS);

int64_t virtio_queue_take(banos_owner client, uint32_t queue, struct virtio_completion *completions,
			  uint32_t count)
{
	struct virtio_device *device = device_of_client(client);

	if (!device)
		return -ENODEV;
	return device_queue_take(device, queue, completions, count);
}
BANOS_EXPORT_AS(virtio_queue_take, VIRTIO_QUEUE_TAKE_AS);

/* ---- the end of a client ---- */

/* The client has failed, or is removed, and its memory will be freed. */
static int64_t virtio_client_gone(void *context, uint64_t client, uint64_t arg2, uint64_t arg3,
				  uint64_t arg4, uint64_t arg5)
{
	struct virtio_device *device = context;

	banos_mutex_lock(&device->mutex);
	device_stop_locked(device);
	banos_mutex_unlock(&device->mutex);
	return 0;
}

static int64_t virtio_quiesce(void *context, void *child)
{
	struct virtio_device *device = child;
	int64_t error;

	banos_mutex_lock(&device->mutex);
	error = device_stop_locked(device);
	banos_mutex_unlock(&device->mutex);
	if (error == -ENODEV) /* it was unplugged */
		return 0;
	return error;
}

/* ---- devices on PCI ---- */

/* @return a structure that no device uses, or NULL */
static struct virtio_device *device_get_free(void)
{
	struct virtio_device *device, **end = &devices;
	uint32_t number = 0;

	banos_mutex_lock(&devices_lock);
	while (*end && (*end)->in_use) {
		end = &(*end)->next;
		number++;
	}
	device = *end;
	if (!device)
		device = banos_alloc(own, sizeof(*device), 0);
	if (device && !*end && banos_mutex_init(own, &device->mutex)) {
		banos_free(own, device);
		device = NULL;
	}
	if (device) {
		device->number = number;
		device->in_use = 1;
		*end = device;
	}
	banos_mutex_unlock(&devices_lock);
	return device;
}

static void device_release(struct virtio_device *device)
{
	banos_mutex_lock(&device->mutex);
	if (device->transport && device_stop_locked(device) == -EIO)
		queues_abandon(device);
	transport_unmap(device);
	device->state = STATE_CLOSED;
	banos_mutex_unlock(&device->mutex);
	banos_mutex_lock(&devices_lock);
	device->in_use = 0;
	banos_mutex_unlock(&devices_lock);
}

static int64_t device_find_type(struct virtio_device *device)
{
	struct pci_identity identity = { .size = sizeof(identity) };
	int64_t error = pci_identify(device->pci, &identity);

	if (error)
		return error;
	if (identity.device < ID_TRANSITIONAL || identity.device >= ID_END)
		return -ENODEV;
	device->type = identity.subdevice;
	if (identity.device >= ID_MODERN)
		device->type = identity.device - ID_MODERN;
	return 0;
}

static int64_t device_offer(struct virtio_device *device)
{
	static const struct banos_bus_ops ops = {
		.size = sizeof(ops),
		.quiesce = virtio_quiesce,
	};
	static const struct banos_bus_config bus = {
		.size = sizeof(bus),
		.ops = &ops,
		.name = "virtio",
	};
	struct banos_device_config config = { .size = sizeof(config), .context = device };
	int64_t error = banos_bus_register(device->pci, &bus, &device->bus);

	if (error)
		return error;
	banos_format(config.name, sizeof(config.name), "virtio%u", device->number);
	banos_format(config.alias, sizeof(config.alias), "virtio:d%08Xv%08X", device->type, VENDOR);
	return banos_device_add(device->bus, &config, &device->child);
}

static int64_t device_begin(struct virtio_device *device)
{
	struct banos_callback_config gone = {
		.size = sizeof(gone),
		.function = virtio_client_gone,
		.context = device,
		.signature = "h",
	};
	int64_t error = device_find_type(device);

	if (!error)
		error = pci_enable(device->pci, PCI_MEMORY | PCI_MASTER);
	if (!error)
		error = transport_map(device);
	if (!error)
		error = transport_identify(device);
	if (!error)
		error = banos_callback_create(device->pci, &gone, &device->gone);
	if (!error)
		error = device_offer(device);
	return error;
}

static int64_t virtio_probe(void *context, banos_owner pci, uint64_t data, void **state)
{
	struct virtio_device *device = device_get_free();
	int64_t error;

	if (!device)
		return -ENOMEM;
	for (uint32_t i = 0; i < VIRTIO_QUEUES_MAX; i++)
		banos_spin_init(&device->queues[i].lock);
	device->pci = pci;
	*state = device;
	error = device_begin(device);
	if (error)
		device_release(device);
	return error;
}

static int64_t virtio_remove(void *context, banos_owner pci, void *state)
{
	device_release(state);
	return 0;
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = virtio_probe,
	.remove = virtio_remove,
};

static int64_t virtio_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};
	int64_t error = banos_mutex_init(self, &devices_lock);

	own = self;
	if (error)
		return error;
	return banos_prober_register(self, &config, NULL);
}

static int64_t virtio_exit(banos_owner self)
{
	while (devices) {
		struct virtio_device *device = devices;

		devices = device->next;
		banos_mutex_destroy(&device->mutex);
		banos_free(self, device);
	}
	banos_mutex_destroy(&devices_lock);
	return 0;
}

BANOS_SERVES("pci:v00001AF4d*sv*sd*bc*sc*i*");
BANOS_DRIVER(virtio, "1.0", "MIT", "Virtio on PCI: offers its devices to their drivers",
	     virtio_init, virtio_exit);

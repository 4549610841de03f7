/* SPDX-License-Identifier: MIT */
/*
 * The device of a port: from its connection to its interfaces on the bus "usb", xHCI 1.2, 4.3; and back.
 *
 * Only the controller's thread opens and closes devices. What a device says of itself is read by
 * descriptor.c. A device that cannot be used is tried three times, then named in the log,
 * and left alone until it is exchanged.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "controller.h"
#include "device.h"
#include "xhci.h"

#define TRIES_MAX	   3
#define DEBOUNCE_NS	   (100 * BANOS_MS) /* USB 2.0, 7.1.7.3 */
#define RESET_LIMIT_NS	   BANOS_S
#define RECOVERY_NS	   (10 * BANOS_MS) /* after a reset, and after an address was set */
#define USERS_LIMIT_NS	   (10 * BANOS_S)
#define CONTEXT_MAX	   64u /* bytes */
#define FIRST_BYTES	   8u  /* of a descriptor: with the packet size of endpoint 0 */
#define CONTROL_AVERAGE	   8u
#define REQUEST_DESCRIPTOR XHCI_REQUEST(XHCI_STANDARD_DEVICE | XHCI_IN, 6)
#define REQUEST_CONFIGURE  XHCI_REQUEST(XHCI_STANDARD_DEVICE, 9)

/* ---- its memory ---- */

const volatile uint32_t *device_context(const struct usb_device *device, uint32_t number)
{
	return (const volatile uint32_t *)((char *)device->memory.memory + DEVICE_CONTEXTS_AT +
					   number * device->controller->context_bytes);
}

uint32_t *device_input(const struct usb_device *device, uint32_t index)
{
	return (uint32_t *)((char *)device->memory.memory + INPUT_CONTEXT_AT +
			    index * device->controller->context_bytes);
}

uint64_t device_input_address(const struct usb_device *device)
{
	return device->memory.address + INPUT_CONTEXT_AT;
}

void device_input_begin(const struct usb_device *device, uint32_t entries)
{
	const volatile uint32_t *from = device_context(device, 0);
	uint32_t *slot = device_input(device, 1);

	memset(device_input(device, 0), 0, (ENDPOINTS + 1) * CONTEXT_MAX);
	for (uint32_t i = 0; i < 3; i++)
		slot[i] = from[i];
	slot[0] = (slot[0] & ~SLOT_ENTRIES_MASK) | SLOT_ENTRIES(entries);
}

/* The context of endpoint 0 in the input. */
static void device_input_control(const struct usb_device *device)
{
	uint64_t dequeue = trb_ring_dequeue(&device->ring, device->ring.next);
	uint32_t *endpoint = device_input(device, CONTROL_ENDPOINT + 1);

	endpoint[1] = ENDPOINT_RETRIES | ENDPOINT_CONTROL | ENDPOINT_PACKET(device->packet);
	endpoint[2] = (uint32_t)dequeue;
	endpoint[3] = (uint32_t)(dequeue >> 32);
	endpoint[4] = CONTROL_AVERAGE;
}

/* ---- who uses it ---- */

int64_t device_enter(struct usb_device *device)
{
	struct controller *controller = device->controller;
	int64_t error = 0;

	banos_spin_lock(&controller->lock);
	if (device->alive)
		device->users++;
	else
		error = -ENODEV;
	banos_spin_unlock(&controller->lock);
	return error;
}

void device_leave(struct usb_device *device)
{
	struct controller *controller = device->controller;
	uint32_t left;

	banos_spin_lock(&controller->lock);
	left = --device->users;
	banos_spin_unlock(&controller->lock);
	if (!left)
		banos_wait_wake(&controller->done);
}

void device_mark_gone(struct usb_device *device)
{
	device->gone = 1;
	banos_wait_wake(&device->controller->done);
}

static uint32_t device_is_gone(struct usb_device *device)
{
	uint32_t gone;

	banos_spin_lock(&device->controller->lock);
	gone = device->gone;
	banos_spin_unlock(&device->controller->lock);
	return gone;
}

/* ---- the port ---- */

/* @return 0: the port is enabled and its device has the default address, -EIO, -ENODEV */
static int64_t device_reset_port(struct usb_device *device, uint32_t again)
{
	struct controller *controller = device->controller;
	uint64_t deadline_ns = banos_time_ns() + RESET_LIMIT_NS;
	uint32_t status = port_read(controller, device->port), reset = PORT_RESET;

	if (controller->ports[device->port].major >= 3) {
		if (status & PORT_ENABLED && !again) /* the link was trained by itself */
			return 0;
		if (!(status & PORT_ENABLED))
			reset = PORT_WARM_RESET;
	}
	port_write(controller, device->port, (status & PORT_KEEP) | reset);
	do {
		banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
		status = port_read(controller, device->port);
		if (device_is_gone(device))
			return -ENODEV;
	} while ((status & PORT_RESET || !(status & PORT_ENABLED)) &&
		 banos_time_ns() < deadline_ns);
	port_write(controller, device->port,
		   (status & PORT_KEEP) | (status & PORT_CHANGES & ~PORT_CONNECT_CHANGE));
	if (status & PORT_RESET || !(status & PORT_ENABLED))
		return -EIO;
	banos_sleep_until(banos_time_ns() + RECOVERY_NS, BANOS_UNINTERRUPTIBLE);
	return 0;
}

/* ---- slot and address ---- */

static int64_t device_enable_slot(struct usb_device *device)
{
	struct controller *controller = device->controller;
	uint32_t slot = 0, type = controller->ports[device->port].slot_type;
	int64_t error = memory_alloc(controller, DEVICE_BYTES, &device->memory);

	if (error)
		return error;
	error = code_error(
		command_run(controller, 0, TRB_ENABLE_SLOT | TRB_SLOT_TYPE(type), &slot));
	if (error)
		return error;
	if (!slot || slot > controller->slots_count || controller->slots[slot])
		return -EPROTO;
	trb_ring_init(&device->ring,
		      (struct trb *)((char *)device->memory.memory + CONTROL_RING_AT),
		      device->memory.address + CONTROL_RING_AT, CONTROL_TRBS);
	banos_spin_lock(&controller->lock);
	device->slot = slot;
	controller->slots[slot] = device;
	contexts_set(controller, slot, device->memory.address + DEVICE_CONTEXTS_AT);
	banos_spin_unlock(&controller->lock);
	return 0;
}

static int64_t device_set_address(struct usb_device *device)
{
	uint32_t *slot = device_input(device, 1);
	int64_t error;

	device->speed = PORT_SPEED(port_read(device->controller, device->port));
	device->packet = usb_first_packet(device->speed);
	device_input(device, 0)[INPUT_ADD] = 1u | 1u << CONTROL_ENDPOINT;
	slot[0] = SLOT_SPEED(device->speed) | SLOT_ENTRIES(CONTROL_ENDPOINT);
	slot[1] = SLOT_PORT(device->port);
	device_input_control(device);
	error = code_error(command_run(device->controller, device_input_address(device),
				       TRB_ADDRESS_DEVICE | TRB_SLOT(device->slot), NULL));
	banos_sleep_until(banos_time_ns() + RECOVERY_NS, BANOS_UNINTERRUPTIBLE);
	return error;
}

/* A slot that the controller does not release would still be written to. */
static void device_release_slot(struct usb_device *device)
{
	struct controller *controller = device->controller;

	if (device->slot) {
		if (command_run(controller, 0, TRB_DISABLE_SLOT | TRB_SLOT(device->slot), NULL) !=
		    CODE_SUCCESS)
			controller_fail(controller, "does not give up a device");
		banos_spin_lock(&controller->lock);
		contexts_set(controller, device->slot, 0);
		controller->slots[device->slot] = NULL;
		device->slot = 0;
		banos_spin_unlock(&controller->lock);
	}
	memory_free(&device->memory);
}

/* ---- descriptors ---- */

static int64_t device_request(struct usb_device *device, uint64_t setup, void *data)
{
	int64_t result = banos_mutex_lock(&device->mutex);

	if (result)
		return result;
	result = control_run(device, setup, data);
	banos_mutex_unlock(&device->mutex);
	return result;
}

/* @return bytes that were received, or an error */
static int64_t device_read_descriptor(struct usb_device *device, uint32_t type, uint8_t *to,
				      uint32_t length)
{
	return device_request(device, control_setup(REQUEST_DESCRIPTOR, type << 8, 0, length), to);
}

/* The packet size of endpoint 0 of a full-speed device is one of four. */
static int64_t device_set_packet(struct usb_device *device, uint32_t packet)
{
	if (device->speed != SPEED_FULL || packet == device->packet)
		return 0;
	if (!usb_is_control_packet(packet))
		return -EPROTO;
	device->packet = packet;
	device_input_begin(device, CONTROL_ENDPOINT);
	device_input(device, 0)[INPUT_ADD] = 1u << CONTROL_ENDPOINT;
	device_input_control(device);
	return code_error(command_run(device->controller, device_input_address(device),
				      TRB_EVALUATE | TRB_SLOT(device->slot), NULL));
}

static int64_t device_identify(struct usb_device *device, const char **wrong)
{
	uint8_t bytes[DESCRIPTOR_DEVICE_BYTES] = { 0 };
	int64_t got = device_read_descriptor(device, DESCRIPTOR_DEVICE, bytes, FIRST_BYTES);

	if (got < 0)
		return got;
	got = device_set_packet(device, bytes[7]);
	if (!got)
		got = device_read_descriptor(device, DESCRIPTOR_DEVICE, bytes, sizeof(bytes));
	if (got < 0)
		return got;
	*wrong = usb_parse_device(bytes, (size_t)got, &device->info);
	if (*wrong)
		return -EPROTO;
	return 0;
}

static int64_t device_read_configuration(struct usb_device *device, uint8_t *bytes,
					 const char **wrong)
{
	int64_t got = device_read_descriptor(device, DESCRIPTOR_CONFIGURATION, bytes,
					     DESCRIPTOR_CONFIGURATION_BYTES);
	uint32_t total;

	if (got < 0)
		return got;
	total = usb_configuration_length(bytes, (size_t)got);
	if (total > XHCI_CONTROL_MAX)
		total = XHCI_CONTROL_MAX; /* it will be found to be cut */
	if (total)
		got = device_read_descriptor(device, DESCRIPTOR_CONFIGURATION, bytes, total);
	if (got < 0)
		return got;
	*wrong = usb_parse_configuration(bytes, (size_t)got, &device->configuration);
	if (*wrong)
		return -EPROTO;
	return 0;
}

static int64_t device_configure(struct usb_device *device, const char **wrong)
{
	uint8_t *bytes = banos_alloc(device->controller->self, XHCI_CONTROL_MAX, 0);
	int64_t error;

	if (!bytes)
		return -ENOMEM;
	error = device_read_configuration(device, bytes, wrong);
	banos_free(device->controller->self, bytes);
	if (error)
		return error;
	error = device_request(
		device, control_setup(REQUEST_CONFIGURE, device->configuration.value, 0, 0), NULL);
	if (error < 0)
		return error;
	return 0;
}

static int device_is_hub(const struct usb_device *device)
{
	for (uint32_t i = 0; i < device->configuration.interface_count; i++)
		if (device->configuration.interfaces[i].class == USB_CLASS_HUB)
			return 1;
	return device->info.class == USB_CLASS_HUB;
}

/* @param step   written: what was done last
 * @param wrong  written: NULL, or what its descriptors say wrong */
static int64_t device_try(struct usb_device *device, uint32_t again, const char **step,
			  const char **wrong)
{
	int64_t error;

	*step = "reset of the port";
	error = device_reset_port(device, again);
	if (error)
		return error;
	*step = "slot";
	error = device_enable_slot(device);
	if (error)
		return error;
	*step = "address";
	error = device_set_address(device);
	if (error)
		return error;
	*step = "descriptor";
	error = device_identify(device, wrong);
	if (error)
		return error;
	*step = "configuration";
	return device_configure(device, wrong);
}

/* ---- on the bus ---- */

static int64_t device_add_interface(struct usb_device *device, uint32_t index)
{
	const struct usb_device_info *info = &device->info;
	struct usb_interface *interface = &device->interfaces[index];
	struct banos_device_config config = {
		.size = sizeof(config),
		.context = interface,
	};
	int64_t written;

	*interface = (struct usb_interface){
		.device = device,
		.info = &device->configuration.interfaces[index],
	};
	banos_format(config.name, sizeof(config.name), "%u-%u:%u.%u", device->controller->number,
		     device->port, device->configuration.value, interface->info->number);
	written = banos_format(config.alias, sizeof(config.alias),
			       "usb:v%04Xp%04Xd%04Xdc%02Xdsc%02Xdp%02X", info->vendor,
			       info->product, info->release, info->class, info->sub,
			       info->protocol);
	banos_format(config.alias + written, sizeof(config.alias) - (uint64_t)written,
		     "ic%02Xisc%02Xip%02Xin%02X", interface->info->class, interface->info->sub,
		     interface->info->protocol, interface->info->number);
	return banos_device_add(device->controller->bus, &config, &interface->handle);
}

static int64_t usb_device_offer(struct usb_device *device)
{
	int64_t error = 0;

	banos_print(device->controller->self,
		    "usb%u: port %u: device %04x:%04x, speed %u, %u interfaces",
		    device->controller->number, device->port, device->info.vendor,
		    device->info.product, device->speed, device->configuration.interface_count);
	banos_spin_lock(&device->controller->lock);
	device->alive = 1;
	banos_spin_unlock(&device->controller->lock);
	for (uint32_t i = 0; i < device->configuration.interface_count && !error; i++) {
		error = device_add_interface(device, i);
		if (error)
			device->interfaces[i].handle = NULL;
	}
	return error;
}

/* ---- open and close ---- */

/* The structure of a port's device. @return NULL: no memory */
static struct usb_device *device_obtain(struct controller *controller, uint32_t port)
{
	struct usb_device *device = controller->ports[port].device;

	if (device)
		return device;
	device = banos_alloc(controller->self, sizeof(*device), 0);
	if (!device)
		return NULL;
	device->controller = controller;
	device->port = port;
	if (banos_mutex_init(controller->self, &device->mutex)) {
		banos_free(controller->self, device);
		return NULL;
	}
	banos_spin_lock(&controller->lock);
	controller->ports[port].device = device;
	banos_spin_unlock(&controller->lock);
	return device;
}

/* Its contacts may bounce. @return 1: it is connected, and was so all the time */
static int device_settle(struct usb_device *device)
{
	uint32_t status;

	banos_spin_lock(&device->controller->lock);
	device->gone = device->controller->failed != NULL;
	banos_spin_unlock(&device->controller->lock);
	banos_sleep_until(banos_time_ns() + DEBOUNCE_NS, BANOS_UNINTERRUPTIBLE);
	status = port_read(device->controller, device->port);
	return status & PORT_CONNECTED && !(status & PORT_CONNECT_CHANGE);
}

static void device_report(struct usb_device *device, int64_t error, const char *step,
			  const char *wrong)
{
	struct controller *controller = device->controller;

	if (device_is_gone(device) || banos_thread_should_stop())
		return;
	controller->ports[device->port].refused = 1;
	if (error == -EOPNOTSUPP)
		banos_warning(controller->self,
			      "usb%u: port %u: hub %04x:%04x is not supported: connect devices to "
			      "the ports of the machine",
			      controller->number, device->port, device->info.vendor,
			      device->info.product);
	else if (wrong)
		banos_warning(controller->self, "usb%u: port %u: the device is not used: its %s %s",
			      controller->number, device->port, step, wrong);
	else
		banos_warning(controller->self,
			      "usb%u: port %u: the device is not used: %s failed, error %ld",
			      controller->number, device->port, step, error);
}

void device_open(struct controller *controller, uint32_t port)
{
	struct usb_device *device = device_obtain(controller, port);
	const char *step = "memory", *wrong = NULL;
	int64_t error = -EIO;

	if (!device || !device_settle(device))
		return;
	for (uint32_t tries = 0; tries < TRIES_MAX && error; tries++) {
		wrong = NULL;
		error = device_try(device, tries, &step, &wrong);
		if (!error)
			break;
		device_release_slot(device);
		if (device_is_gone(device) || banos_thread_should_stop())
			return;
	}
	if (!error && device_is_hub(device)) {
		device_release_slot(device);
		error = -EOPNOTSUPP;
	}
	if (error) {
		device_report(device, error, step, wrong);
		return;
	}
	if (usb_device_offer(device)) /* the bus is being removed, or no memory */
		device_close(device);
}

int64_t device_retire(struct usb_device *device)
{
	struct controller *controller = device->controller;
	uint64_t deadline_ns = banos_time_ns() + USERS_LIMIT_NS;

	banos_spin_lock(&controller->lock);
	device->alive = 0;
	device_mark_gone(device);
	banos_spin_unlock(&controller->lock);
	for (;;) {
		uint64_t ticket = banos_wait_ticket(&controller->done);
		uint32_t users;

		banos_spin_lock(&controller->lock);
		users = device->users;
		banos_spin_unlock(&controller->lock);
		if (!users)
			return 0;
		if (banos_wait_sleep(&controller->done, ticket, deadline_ns, BANOS_UNINTERRUPTIBLE))
			return -EBUSY;
	}
}

int64_t device_close(struct usb_device *device)
{
	uint32_t flags = device_is_gone(device) ? BANOS_DEVICE_GONE : 0;
	int64_t error;

	for (uint32_t i = 0; i < device->configuration.interface_count; i++) {
		struct usb_interface *interface = &device->interfaces[i];

		if (interface->handle && banos_device_remove(interface->handle, flags) == -EBUSY)
			return -EBUSY;
		interface->handle = NULL;
		error = pipe_close_all(interface);
		if (error)
			return error;
	}
	error = device_retire(device);
	if (error)
		return error;
	device_release_slot(device);
	return 0;
}

void device_free(struct usb_device *device)
{
	banos_owner self = device->controller->self;

	for (uint32_t i = 0; i < ENDPOINTS; i++)
		if (device->pipes[i])
			pipe_free(device->pipes[i]);
	memory_free(&device->memory);
	banos_mutex_destroy(&device->mutex);
	banos_free(self, device);
}

/* SPDX-License-Identifier: MIT */
/*
 * xHCI: the driver of USB host controllers. It serves controllers on PCI, and offers each interface of the
 * devices on their ports as a device of the bus "usb". Their drivers call the functions
 * that xhci.h declares.
 *
 * Each controller has a bus of its own, which it provides, so that the kernel removes them together;
 * all have the name "usb". Hubs are not supported: only devices on the controller's ports are found.
 *
 * xHCI 1.2; USB 2.0, 9. The rest of the theory is in controller.h.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "controller.h"
#include "xhci.h"

#define STRUCT_MAX 4096u /* bytes that a caller may state */

static struct controller *controllers[CONTROLLERS]; /* by number; under controllers_lock */
static struct banos_spinlock controllers_lock;
static uint8_t line;
BANOS_PARAM_BOOL(line, "use the interrupt line, though the controller can send messages");

/* ---- what other drivers call ---- */

/* @return 0: the device of the interface has one user more, -ENODEV */
static int64_t interface_enter(banos_owner owner, struct usb_interface **interface)
{
	void *context;
	int64_t error;

	/* Under the lock a device is not freed: see xhci_remove(). */
	banos_spin_lock(&controllers_lock);
	error = banos_device_context(NULL, owner, &context);
	if (!error) {
		*interface = context;
		error = device_enter((*interface)->device);
	}
	banos_spin_unlock(&controllers_lock);
	return error;
}

static void interface_leave(struct usb_interface *interface)
{
	device_leave(interface->device);
}

/* Fill a struct of a caller: as much of it as both know, then zeroes. @return 0, -EINVAL, -E2BIG */
static int64_t struct_fill(void *to, uint32_t least, const void *from, uint32_t known)
{
	uint32_t size;

	if (!to)
		return -EINVAL;
	memcpy(&size, to, sizeof(size));
	if (size < least)
		return -EINVAL;
	if (size > STRUCT_MAX)
		return -E2BIG;
	memset(to, 0, size);
	if (known > size)
		known = size;
	memcpy(to, from, known);
	memcpy(to, &known, sizeof(known));
	return 0;
}

int64_t xhci_identify(banos_owner owner, struct xhci_identity *identity)
{
	struct usb_interface *interface;
	int64_t error = interface_enter(owner, &interface);
	struct xhci_identity id;

	if (error)
		return error;
	id = (struct xhci_identity){
		.vendor = interface->device->info.vendor,
		.product = interface->device->info.product,
		.number = interface->info->number,
		.speed = interface->device->speed,
	};
	error = struct_fill(identity, XHCI_IDENTITY_SIZE_1, &id, sizeof(id));
	interface_leave(interface);
	return error;
}
BANOS_EXPORT_AS(xhci_identify, XHCI_IDENTIFY_AS);

int64_t xhci_describe_endpoint(banos_owner owner, uint32_t index, struct xhci_endpoint *endpoint)
{
	struct usb_interface *interface;
	int64_t error = interface_enter(owner, &interface);
	struct xhci_endpoint described = { 0 };

	if (error)
		return error;
	if (index < interface->info->endpoint_count) {
		const struct usb_endpoint *found = &interface->info->endpoints[index];

		described.address = found->address;
		described.type = found->attributes & 3;
		if (described.type == USB_TYPE_INTERRUPT)
			described.bytes = usb_payload(found, interface->device->speed);
		error = struct_fill(endpoint, XHCI_ENDPOINT_SIZE_1, &described, sizeof(described));
	} else {
		error = -ENOENT;
	}
	interface_leave(interface);
	return error;
}
BANOS_EXPORT_AS(xhci_describe_endpoint, XHCI_DESCRIBE_ENDPOINT_AS);

static int64_t interface_control(banos_owner owner, uint64_t setup, void *data)
{
	struct usb_interface *interface;
	int64_t result = interface_enter(owner, &interface);

	if (result)
		return result;
	result = banos_mutex_lock(&interface->device->mutex);
	if (!result) {
		result = control_run(interface->device, setup, data);
		banos_mutex_unlock(&interface->device->mutex);
	}
	interface_leave(interface);
	return result;
}

static int control_is_valid(uint32_t request, uint32_t value, uint32_t index, const void *data,
			    uint32_t length)
{
	return request <= UINT16_MAX && value <= UINT16_MAX && index <= UINT16_MAX &&
	       length <= XHCI_CONTROL_MAX && (data || !length);
}

int64_t xhci_control_read(banos_owner owner, uint32_t request, uint32_t value, uint32_t index,
			  void *to, uint32_t length)
{
	if (!control_is_valid(request, value, index, to, length))
		return -EINVAL;
	return interface_control(owner, control_setup(request | XHCI_IN, value, index, length), to);
}
BANOS_EXPORT_AS(xhci_control_read, XHCI_CONTROL_READ_AS);

int64_t xhci_control_write(banos_owner owner, uint32_t request, uint32_t value, uint32_t index,
			   const void *from, uint32_t length)
{
	if (!control_is_valid(request, value, index, from, length) || request & XHCI_IN)
		return -EINVAL;
	return interface_control(owner, control_setup(request, value, index, length), (void *)from);
}
BANOS_EXPORT_AS(xhci_control_write, XHCI_CONTROL_WRITE_AS);

int64_t xhci_interrupt_open(banos_owner owner, uint32_t address, banos_callback callback)
{
	struct usb_interface *interface;
	int64_t error = interface_enter(owner, &interface);

	if (error)
		return error;
	error = pipe_open(interface, owner, address, callback);
	interface_leave(interface);
	return error;
}
BANOS_EXPORT_AS(xhci_interrupt_open, XHCI_INTERRUPT_OPEN_AS);

int64_t xhci_interrupt_close(banos_owner owner, uint32_t address)
{
	struct usb_interface *interface;
	int64_t error = interface_enter(owner, &interface);

	if (error)
		return error;
	if (address & XHCI_IN)
		error = pipe_close(interface, address);
	else
		error = -ENOENT;
	interface_leave(interface);
	return error;
}
BANOS_EXPORT_AS(xhci_interrupt_close, XHCI_INTERRUPT_CLOSE_AS);

/* ---- clients that are gone ---- */

/* The first interface of the client that has an open endpoint, with one user more; or NULL. */
static struct usb_interface *client_find(struct controller *controller, banos_owner client)
{
	struct usb_interface *found = NULL;

	banos_spin_lock(&controller->lock);
	for (uint32_t port = 1; port <= controller->ports_count && !found; port++) {
		struct usb_device *device = controller->ports[port].device;

		for (uint32_t i = 0; device && i < ENDPOINTS && !found; i++)
			if (device->pipes[i] && device->pipes[i]->interface->client == client)
				found = device->pipes[i]->interface;
	}
	if (found)
		found->device->users++;
	banos_spin_unlock(&controller->lock);
	return found;
}

static int64_t controller_client_gone(void *context, uint64_t client, uint64_t arg2, uint64_t arg3,
				      uint64_t arg4, uint64_t arg5)
{
	struct usb_interface *interface;
	int64_t error = 0;

	while (!error && (interface = client_find(context, (banos_owner)client))) {
		error = pipe_close_all(interface);
		interface_leave(interface);
	}
	return error;
}

static int64_t interface_quiesce(void *context, void *device)
{
	return pipe_close_all(device);
}

/* ---- the controller ---- */

static int64_t controller_number(struct controller *controller)
{
	int64_t error = -ENOSPC;

	banos_spin_lock(&controllers_lock);
	for (uint32_t i = 0; i < CONTROLLERS && error; i++) {
		if (controllers[i])
			continue;
		controllers[i] = controller;
		controller->number = i + 1;
		error = 0;
	}
	banos_spin_unlock(&controllers_lock);
	return error;
}

static void controller_forget(const struct controller *controller)
{
	if (!controller->number)
		return;
	banos_spin_lock(&controllers_lock);
	controllers[controller->number - 1] = NULL;
	banos_spin_unlock(&controllers_lock);
}

static int64_t controller_prepare(struct controller *controller)
{
	const struct banos_callback_config config = {
		.size = sizeof(config),
		.function = controller_client_gone,
		.context = controller,
		.signature = "h",
	};
	banos_owner self = controller->self;
	int64_t error = banos_spin_init(&controller->lock);

	if (!error)
		error = banos_mutex_init(self, &controller->command_mutex);
	if (!error)
		error = banos_mutex_init(self, &controller->look_mutex);
	if (!error)
		error = banos_wait_init(self, &controller->done);
	if (!error)
		error = banos_wait_init(self, &controller->wake);
	if (!error)
		error = banos_work_create(self, pipe_deliver_all, controller, &controller->work);
	if (!error)
		error = banos_callback_create(self, &config, &controller->client_gone);
	return error;
}

static int64_t controller_begin(struct controller *controller)
{
	static const struct banos_bus_ops ops = {
		.size = sizeof(ops),
		.quiesce = interface_quiesce,
	};
	const struct banos_bus_config config = {
		.size = sizeof(config),
		.context = controller,
		.ops = &ops,
		.name = "usb",
	};
	int64_t error = controller_prepare(controller);

	if (!error)
		error = hardware_map(controller);
	if (!error)
		error = hardware_start(controller);
	if (!error)
		error = banos_bus_register(controller->self, &config, &controller->bus);
	if (!error)
		error = controller_connect(controller);
	if (error)
		return error;
	hardware_run(controller);
	banos_print(controller->self, "usb%u: %u ports, %u devices at most, contexts of %u bytes",
		    controller->number, controller->ports_count, controller->slots_count,
		    controller->context_bytes);
	return banos_thread_create(controller->self, port_main, controller, "usb",
				   &controller->thread);
}

static int64_t xhci_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct controller *controller = banos_alloc(device, sizeof(*controller), 0);
	int64_t error;

	if (!controller)
		return -ENOMEM;
	*state = controller;
	controller->self = device;
	controller->by_line = line;
	error = controller_number(controller);
	if (!error)
		error = controller_begin(controller);
	if (error) {
		if (controller->irq)
			hardware_halt(controller);
		controller_forget(controller);
	}
	return error;
}

/* Threads of clients that are within an exported function return. @return 0, -EBUSY */
static int64_t controller_retire(struct controller *controller)
{
	int64_t error = 0;

	for (uint32_t port = 1; port <= controller->ports_count && !error; port++)
		if (controller->ports[port].device)
			error = device_retire(controller->ports[port].device);
	return error;
}

/*
 * The bus and all clients are gone; a thread of a client may still be within interface_enter().
 * @return 0, -EBUSY: the thread does not end
 */
static int64_t xhci_remove(void *context, banos_owner owner, void *state)
{
	struct controller *controller = state;
	int64_t error = 0;

	controller_forget(controller);
	if (controller->thread)
		error = banos_thread_stop(controller->thread, NULL);
	if (error)
		return error;
	controller->thread = NULL;
	error = controller_retire(controller);
	if (error)
		return error;
	hardware_halt(controller);
	controller_disconnect(controller);
	banos_work_destroy(controller->work);
	for (uint32_t port = 1; port <= controller->ports_count; port++)
		if (controller->ports[port].device)
			device_free(controller->ports[port].device);
	hardware_free(controller);
	banos_wait_destroy(&controller->wake);
	banos_wait_destroy(&controller->done);
	banos_mutex_destroy(&controller->look_mutex);
	banos_mutex_destroy(&controller->command_mutex);
	return banos_free(owner, controller);
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = xhci_probe,
	.remove = xhci_remove,
};

static int64_t xhci_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};
	int64_t error = banos_spin_init(&controllers_lock);

	if (error)
		return error;
	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_CLASS(0C, 03, 30));
BANOS_DRIVER(xhci, "1.0", "MIT", "xHCI: host controllers of USB, and the devices on their ports",
	     xhci_init, NULL);

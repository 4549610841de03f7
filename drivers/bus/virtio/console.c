/* SPDX-License-Identifier: MIT */
/* Virtio's console: the device, its control queues, and its ports as they come and go (console.h). */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "console.h"

#define FEATURE_MULTIPORT 2u /* bit 1 */
#define CONFIG_PORTS	  4u /* offset of their largest number */

#define CONTROL_RECEIVE	 2u /* queues */
#define CONTROL_TRANSMIT 3u

/* A message. */
#define EVENT_DEVICE_READY 0u
#define EVENT_PORT_ADD	   1u
#define EVENT_PORT_REMOVE  2u
#define EVENT_PORT_READY   3u
#define EVENT_CONSOLE_PORT 4u
#define EVENT_RESIZE	   5u
#define EVENT_PORT_OPEN	   6u
#define EVENT_PORT_NAME	   7u
#define NO_PORT		   0xffffffffu

struct message {
	uint32_t id; /* of a port */
	uint16_t event;
	uint16_t value;
};
BANOS_ASSERT(sizeof(struct message) == 8, message);

/* From the device there may be a name behind it. */
struct message_named {
	struct message head;
	char name[CONTROL_SIZE - sizeof(struct message)];
};
BANOS_ASSERT(sizeof(struct message_named) == CONTROL_SIZE, message_named);

#define NAME_SIZE    48u /* of what is behind virtio-ports/ */
#define STRANGE_MAX  8u	 /* messages that are logged */
#define SWEEP_NS     (10 * BANOS_MS)
#define CONSOLES_MAX 32u

static uint32_t console_numbers; /* those in use */

static struct port *port_of_id(struct console *console, uint32_t id)
{
	if (id >= console->port_count)
		return NULL;
	return __atomic_load_n(&console->ports[id], __ATOMIC_SEQ_CST);
}

void console_fail(struct console *console, int64_t error)
{
	__atomic_store_n(&console->failed, error, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < console->port_count; i++) {
		struct port *port = port_of_id(console, i);

		if (port)
			banos_wait_wake(&port->wait);
	}
}

/* ---- messages to the device; ->lock held ---- */

/* @return 1: it was sent; 0: no buffer is free, or the device has failed */
static int message_send(struct console *console, uint32_t id, uint32_t event, uint32_t value)
{
	uint64_t offset = CONTROL_BUFFERS * CONTROL_SIZE;
	struct virtio_segment segment = { .length = sizeof(struct message) };
	uint32_t buffer = 0;
	int64_t error;

	while (buffer < CONTROL_MESSAGES && !(console->message_free >> buffer & 1))
		buffer++;
	if (buffer == CONTROL_MESSAGES)
		return 0;
	offset += buffer * sizeof(struct message);
	*(struct message *)(console->memory + offset) =
		(struct message){ id, (uint16_t)event, (uint16_t)value };
	segment.address = console->address + offset;
	error = virtio_queue_add(console->device, CONTROL_TRANSMIT, &segment, 1, 0, buffer);
	if (!error) {
		console->message_free &= ~(1u << buffer);
		error = virtio_queue_notify(console->device, CONTROL_TRANSMIT);
	}
	if (error)
		console_fail(console, error);
	return !error;
}

static int message_send_of_port(struct console *console, struct port *port)
{
	uint32_t is_open = port->opens != 0;

	if (!port->is_present)
		return 0;
	if (!port->is_ready_sent) {
		port->is_ready_sent = message_send(console, port->id, EVENT_PORT_READY, 1);
		return (int)port->is_ready_sent;
	}
	if (is_open == port->is_open_sent ||
	    !message_send(console, port->id, EVENT_PORT_OPEN, is_open))
		return 0;
	port->is_open_sent = is_open;
	return 1;
}

/* One that the device does not know yet. @return 1: it was sent; 0: there is none, or it must wait */
static int message_send_next(struct console *console)
{
	if (!console->is_ready_sent) {
		console->is_ready_sent = message_send(console, NO_PORT, EVENT_DEVICE_READY, 1);
		return (int)console->is_ready_sent;
	}
	for (uint32_t i = 0; i < console->port_count; i++)
		if (console->ports[i] && message_send_of_port(console, console->ports[i]))
			return 1;
	return 0;
}

static int64_t messages_reclaim(struct console *console)
{
	struct virtio_completion completion;
	int64_t result;

	while ((result = virtio_queue_take(console->device, CONTROL_TRANSMIT, &completion, 1)) == 1)
		console->message_free |= 1u << completion.tag;
	return result;
}

/* ---- messages from the device; ->lock held ---- */

static void message_report_strange(struct console *console, const struct message *message,
				   uint32_t length)
{
	if (console->strange_count++ < STRANGE_MAX)
		banos_warning(
			console->device,
			"a message of the device is ignored: %u bytes, port %u of %u, event %u, value %u",
			length, message->id, console->port_count, message->event, message->value);
}

static void port_add(struct console *console, uint32_t id)
{
	struct port *port = console->ports[id];
	char name[32];
	int64_t error;

	if (port && port->is_present)
		return;
	if (port) { /* it was removed before; the device still has its buffers */
		port_discard(port);
	} else {
		error = port_create(console, id, &port);
		if (!error) {
			__atomic_store_n(&console->ports[id], port, __ATOMIC_SEQ_CST);
			error = port_begin(port);
		}
		if (error) {
			banos_error(console->device, "port %u cannot be used (error %d)", id,
				    (int)-error);
			return;
		}
	}
	port->is_present = 1;
	banos_format(name, sizeof(name), "vport%up%u", console->number, id);
	port_register(port, FILE_PORT, name);
}

static void port_take_away(struct port *port)
{
	port->is_present = port->is_ready_sent = port->is_open_sent = 0;
	__atomic_store_n(&port->is_console, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&port->host_open, 0, __ATOMIC_SEQ_CST);
	banos_wait_wake(&port->wait);
	port_withdraw(port);
}

/* What is no letter, digit, _, - or . becomes _, as does a dot at the beginning. */
static void port_take_name(struct port *port, const char *from, uint32_t length)
{
	char name[NAME_SIZE], path[sizeof("virtio-ports/") + NAME_SIZE];
	uint32_t end = 0;

	while (end < length && end + 1 < NAME_SIZE && from[end]) {
		char letter = from[end];
		int is_kept =
			(letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
			(letter >= '0' && letter <= '9') || letter == '-' || (letter == '.' && end);

		name[end++] = is_kept ? letter : '_';
	}
	name[end] = 0;
	if (!end)
		return;
	banos_format(path, sizeof(path), "virtio-ports/%s", name);
	port_register(port, FILE_NAME, path);
}

static void message_of_port(struct port *port, const struct message_named *named, uint32_t length)
{
	const struct message *message = &named->head;

	switch (message->event) {
	case EVENT_PORT_REMOVE: port_take_away(port); break;
	case EVENT_CONSOLE_PORT:
		port_register_console(port);
		banos_wait_wake(&port->wait);
		break;
	case EVENT_RESIZE: break; /* no program asks for the size */
	case EVENT_PORT_OPEN:
		__atomic_store_n(&port->host_open, message->value != 0, __ATOMIC_SEQ_CST);
		banos_wait_wake(&port->wait);
		break;
	case EVENT_PORT_NAME:
		port_take_name(port, named->name, length - (uint32_t)sizeof(*message));
		break;
	default: message_report_strange(port->console, message, length);
	}
}

static void message_handle(struct console *console, const struct message_named *named,
			   uint32_t length)
{
	const struct message *message = &named->head;
	struct port *port = port_of_id(console, message->id);

	if (length < sizeof(*message) || message->id >= console->port_count)
		message_report_strange(console, message, length);
	else if (message->event == EVENT_PORT_ADD)
		port_add(console, message->id);
	else if (port && port->is_present)
		message_of_port(port, named, length);
	else
		message_report_strange(console, message, length);
}

static int64_t message_add_buffer(struct console *console, uint32_t buffer)
{
	struct virtio_segment segment = { .address = console->address +
						     (uint64_t)buffer * CONTROL_SIZE,
					  .length = CONTROL_SIZE };

	return virtio_queue_add(console->device, CONTROL_RECEIVE, &segment, 1, 1, buffer);
}

/* The device may change the buffer, so it is copied first. @return 1: a message, 0: none, or an error */
static int64_t message_receive(struct console *console)
{
	struct message_named copy = { 0 };
	struct virtio_completion completion;
	int64_t error = virtio_queue_take(console->device, CONTROL_RECEIVE, &completion, 1);

	if (error <= 0)
		return error;
	memcpy(&copy, console->memory + completion.tag * CONTROL_SIZE, completion.length);
	error = message_add_buffer(console, (uint32_t)completion.tag);
	if (!error)
		error = virtio_queue_notify(console->device, CONTROL_RECEIVE);
	if (error)
		return error;
	message_handle(console, &copy, completion.length);
	return 1;
}

/*
 * A device drops messages that it has no buffer for, and answers each of ours with several: so one is
 * sent when all that arrived were handled.
 */
void console_control(struct console *console)
{
	int64_t result;

	if (!console->is_multiport)
		return;
	do {
		do
			result = message_receive(console);
		while (result > 0);
		if (!result)
			result = messages_reclaim(console);
	} while (!result && message_send_next(console));
	if (result)
		console_fail(console, result);
}

/* ---- called back ---- */

static void console_queue_event(struct console *console, uint32_t queue)
{
	uint32_t id = queue / 2;
	struct port *port;

	if (console->is_multiport && (queue == CONTROL_RECEIVE || queue == CONTROL_TRANSMIT)) {
		banos_mutex_lock(&console->lock);
		console_control(console);
		banos_mutex_unlock(&console->lock);
		return;
	}
	if (id)
		id--;
	port = port_of_id(console, id);
	if (port && queue == port->receive_queue)
		port_receive(port);
	else if (port)
		port_transmitted(port);
}

static int64_t console_event(void *context, uint64_t event, uint64_t queue, uint64_t arg3,
			     uint64_t arg4, uint64_t arg5)
{
	struct console *console = context;

	if (event == VIRTIO_EVENT_QUEUE)
		console_queue_event(console, (uint32_t)queue);
	else if (event == VIRTIO_EVENT_FAILED)
		console_fail(console, -EIO);
	return 0;
}

/* Ports that were removed while they were open, and have been closed since. */
static int64_t console_sweep(void *context)
{
	struct console *console = context;
	uint32_t is_busy = 0;

	banos_mutex_lock(&console->lock);
	for (uint32_t i = 0; i < console->port_count; i++) {
		struct port *port = console->ports[i];

		if (!port || port->is_present)
			continue;
		port_withdraw(port);
		for (uint32_t j = 0; j < FILES && !port->opens; j++)
			is_busy |= port->is_registered[j];
	}
	banos_mutex_unlock(&console->lock);
	if (is_busy && !banos_sleep_until(banos_time_ns() + SWEEP_NS, 0))
		banos_work_queue(console->sweep);
	return 0;
}

/* ---- the device ---- */

static int64_t console_create_queues(struct console *console)
{
	int64_t result = 0;

	for (uint32_t i = 0; result >= 0 && i < 2 * (console->port_count + console->is_multiport);
	     i++) {
		uint32_t size = BUFFERS;

		if (console->is_multiport && i == CONTROL_RECEIVE)
			size = CONTROL_BUFFERS;
		else if (console->is_multiport && i == CONTROL_TRANSMIT)
			size = CONTROL_MESSAGES;
		result = virtio_queue_create(console->device, i, size);
		if (result >= 0 && result < size) {
			banos_error(console->device,
				    "queue %u has room for %d buffers, expected %u", i, (int)result,
				    size);
			result = -EOPNOTSUPP;
		}
	}
	return result < 0 ? result : 0;
}

static int64_t console_open_device(struct console *console)
{
	struct virtio_config config = { .size = sizeof(config) };
	struct virtio_identity identity = { .size = sizeof(identity) };
	struct banos_callback_config callback = {
		.size = sizeof(callback),
		.function = console_event,
		.context = console,
		.signature = "ii",
	};
	int64_t ports = 1, error = virtio_identify(console->device, &identity);

	if (error)
		return error;
	if (identity.features & FEATURE_MULTIPORT)
		ports = virtio_config_read(console->device, CONFIG_PORTS, 4);
	if (ports < 0)
		return ports;
	console->is_multiport = (identity.features & FEATURE_MULTIPORT) != 0;
	console->port_count = ports > PORTS_MAX ? PORTS_MAX : (uint32_t)ports;
	config.features_might = FEATURE_MULTIPORT;
	config.queues = 2 * (console->port_count + console->is_multiport);
	error = banos_callback_create(console->device, &callback, &console->callback);
	if (!error)
		error = virtio_open(console->device, &config, console->callback);
	if (!error)
		error = console_create_queues(console);
	if (!error)
		error = virtio_start(console->device);
	return error;
}

/* Without control queues there is one port, a console. */
static int64_t console_begin_single(struct console *console)
{
	struct port *port;
	int64_t error = port_create(console, 0, &port);

	if (error)
		return error;
	__atomic_store_n(&console->ports[0], port, __ATOMIC_SEQ_CST);
	port->is_present = 1;
	error = port_begin(port);
	if (!error)
		error = port_register_console(port);
	return error;
}

static int64_t console_begin_multiport(struct console *console)
{
	struct banos_dma_config memory = {
		.size = sizeof(memory),
		.bytes = CONTROL_BUFFERS * CONTROL_SIZE + CONTROL_MESSAGES * sizeof(struct message),
	};
	void *start;
	int64_t error =
		banos_dma_alloc(console->device, &memory, &console->dma, &start, &console->address);

	if (error)
		return error;
	console->memory = start;
	for (uint32_t i = 0; !error && i < CONTROL_BUFFERS; i++)
		error = message_add_buffer(console, i);
	if (error)
		return error;
	console_control(console);
	return __atomic_load_n(&console->failed, __ATOMIC_SEQ_CST);
}

static int64_t console_start(struct console *console)
{
	int64_t error = banos_mutex_init(console->device, &console->lock);

	if (!error)
		error = banos_work_create(console->device, console_sweep, console, &console->sweep);
	if (!error)
		error = console_open_device(console);
	if (error)
		return error;
	banos_mutex_lock(&console->lock);
	if (console->is_multiport)
		error = console_begin_multiport(console);
	else
		error = console_begin_single(console);
	banos_mutex_unlock(&console->lock);
	return error;
}

static void console_release(struct console *console, int is_stopped)
{
	for (uint32_t i = 0; i < console->port_count; i++) {
		struct port *port = console->ports[i];

		if (port && is_stopped)
			banos_dma_free(port->dma);
		if (port)
			port_destroy(port);
	}
	if (console->memory && is_stopped)
		banos_dma_free(console->dma);
	__atomic_fetch_and(&console_numbers, ~(1u << console->number), __ATOMIC_SEQ_CST);
}

static int64_t console_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct console *console = banos_alloc(device, sizeof(*console), 0);
	int64_t error;

	if (!console)
		return -ENOMEM;
	*state = console;
	console->device = device;
	console->message_free = (1u << CONTROL_MESSAGES) - 1;
	while (console->number < CONSOLES_MAX &&
	       __atomic_fetch_or(&console_numbers, 1u << console->number, __ATOMIC_SEQ_CST) >>
			       console->number &
		       1)
		console->number++;
	if (console->number == CONSOLES_MAX)
		return -ENOSPC;
	error = console_start(console);
	if (error) /* the callback may run until the device has stopped */
		console_release(console, virtio_stop(device) != -EIO);
	return error;
}

static int64_t console_remove(void *context, banos_owner device, void *state)
{
	struct console *console = state;
	int64_t error = virtio_stop(device);

	banos_work_destroy(console->sweep);
	console_release(console, error != -EIO);
	banos_mutex_destroy(&console->lock);
	banos_free(device, console);
	return 0;
}

static const struct banos_prober_ops console_prober = {
	.size = sizeof(console_prober),
	.probe = console_probe,
	.remove = console_remove,
};

static int64_t console_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &console_prober,
		.bus = "virtio",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("virtio:d00000003v*");
BANOS_DRIVER(virtioconsole, "1.0", "MIT", "Virtio's console: /dev/hvc0, and ports with names",
	     console_init, NULL);

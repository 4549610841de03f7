/* SPDX-License-Identifier: MIT */
/* A port of Virtio's console: its buffers and its files (console.h). */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "console.h"

#define HVC_MAX 32u

static uint32_t hvc_numbers; /* those in use */

static uint64_t port_offset(uint32_t buffer)
{
	return (uint64_t)buffer * BUFFER_SIZE;
}

static int64_t port_failed(const struct port *port)
{
	return __atomic_load_n(&port->console->failed, __ATOMIC_SEQ_CST);
}

/* Is something on the other side? A console, and a port that cannot tell, count as connected. */
static int port_is_connected(const struct port *port)
{
	return __atomic_load_n(&port->host_open, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&port->is_console, __ATOMIC_SEQ_CST);
}

/* ---- receiving ---- */

static int64_t port_add_receive(struct port *port, uint32_t buffer)
{
	struct virtio_segment segment = { .address = port->address + port_offset(buffer),
					  .length = BUFFER_SIZE };

	return virtio_queue_add(port->console->device, port->receive_queue, &segment, 1, 1, buffer);
}

int64_t port_begin(struct port *port)
{
	int64_t error = 0;

	for (uint32_t i = 0; !error && i < BUFFERS; i++)
		error = port_add_receive(port, i);
	if (error)
		return error;
	return virtio_queue_notify(port->console->device, port->receive_queue);
}

static void port_append(struct port *port, const struct virtio_completion *completion)
{
	uint32_t buffer = (uint32_t)completion->tag;

	banos_spin_lock(&port->lock);
	port->length[buffer] = completion->length;
	port->order[(port->first + port->count++) % BUFFERS] = buffer;
	banos_spin_unlock(&port->lock);
}

void port_receive(struct port *port)
{
	struct virtio_completion completion;
	int64_t result;

	banos_mutex_lock(&port->take_lock);
	while ((result = virtio_queue_take(port->console->device, port->receive_queue, &completion,
					   1)) == 1) {
		if (completion.length)
			port_append(port, &completion);
		else
			result = port_add_receive(port, (uint32_t)completion.tag);
		if (result < 0)
			break;
	}
	banos_mutex_unlock(&port->take_lock);
	if (result < 0)
		console_fail(port->console, result);
	banos_wait_wake(&port->wait);
}

/* The first buffer with bytes that were not read. @return 0: there is none */
static uint32_t port_peek(struct port *port, uint32_t *buffer, uint32_t *begin)
{
	uint32_t left = 0;

	banos_spin_lock(&port->lock);
	if (port->count) {
		*buffer = port->order[port->first];
		*begin = port->begin;
		left = port->length[*buffer] - port->begin;
	}
	banos_spin_unlock(&port->lock);
	return left;
}

/* @bytes of it were read: one that is empty goes back to the device. */
static int64_t port_consume(struct port *port, uint32_t buffer, uint32_t bytes)
{
	uint32_t is_empty;
	int64_t error;

	banos_spin_lock(&port->lock);
	port->begin += bytes;
	is_empty = port->begin == port->length[buffer];
	if (is_empty) {
		port->begin = 0;
		port->first = (port->first + 1) % BUFFERS;
		port->count--;
	}
	banos_spin_unlock(&port->lock);
	if (!is_empty)
		return 0;
	error = port_add_receive(port, buffer);
	if (error)
		return error;
	return virtio_queue_notify(port->console->device, port->receive_queue);
}

void port_discard(struct port *port)
{
	uint32_t buffer, begin, left;

	banos_mutex_lock(&port->read_lock);
	while ((left = port_peek(port, &buffer, &begin)) != 0)
		if (port_consume(port, buffer, left))
			break;
	banos_mutex_unlock(&port->read_lock);
}

/* ->read_lock held. @return bytes, 0: nothing has arrived, or an error */
static int64_t port_read_some(struct port *port, banos_buffer to, uint64_t length)
{
	uint32_t buffer, begin, left;
	int64_t copied, error = 0;
	uint64_t done = 0;

	while (!error && done < length && (left = port_peek(port, &buffer, &begin)) != 0) {
		if (left > length - done)
			left = (uint32_t)(length - done);
		copied = banos_buffer_write(to, port->memory + port_offset(buffer) + begin, left);
		if (copied < 0 && !done)
			return copied;
		if (copied <= 0)
			break;
		done += (uint64_t)copied;
		error = port_consume(port, buffer, (uint32_t)copied);
	}
	return (int64_t)done;
}

/* Wait for a change; now and then look whether the device works. */
static int64_t port_wait(struct port *port, uint64_t ticket, uint32_t flags)
{
	int64_t error;

	if (flags & BANOS_FILE_NONBLOCK)
		return -EAGAIN;
	error = banos_wait_sleep(&port->wait, ticket, banos_time_ns() + LOOK_NS, 0);
	if (error == -ETIMEDOUT)
		error = virtio_check(port->console->device);
	return error;
}

static int64_t port_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	struct port *port = context;
	int64_t result = 0;

	while (length && !result) {
		uint64_t ticket = banos_wait_ticket(&port->wait);
		int connected = port_is_connected(port);

		banos_mutex_lock(&port->read_lock);
		result = port_read_some(port, to, length);
		banos_mutex_unlock(&port->read_lock);
		if (!result)
			result = port_failed(port);
		if (!result && !connected) /* the end, until something connects again */
			return 0;
		if (!result)
			result = port_wait(port, ticket, flags);
	}
	return result;
}

/* ---- transmitting ---- */

/* @return the number of a buffer; BUFFERS: none is free */
static uint32_t port_claim_buffer(struct port *port)
{
	uint32_t buffer = 0;

	banos_spin_lock(&port->lock);
	while (buffer < BUFFERS && !(port->transmit_free >> buffer & 1))
		buffer++;
	port->transmit_free &= ~(1u << buffer);
	banos_spin_unlock(&port->lock);
	return buffer;
}

static void port_release_buffer(struct port *port, uint32_t buffer)
{
	banos_spin_lock(&port->lock);
	port->transmit_free |= 1u << buffer;
	banos_spin_unlock(&port->lock);
	banos_wait_wake(&port->wait);
}

void port_transmitted(struct port *port)
{
	struct virtio_completion completion;
	int64_t result;

	while ((result = virtio_queue_take(port->console->device, port->transmit_queue, &completion,
					   1)) == 1)
		port_release_buffer(port, (uint32_t)completion.tag);
	if (result < 0)
		console_fail(port->console, result);
}

/* @return bytes, 0: no buffer is free, or nobody is connected; or an error */
static int64_t port_write_some(struct port *port, banos_buffer from, uint64_t length)
{
	struct virtio_segment segment = { 0 };
	int64_t copied, error;
	uint32_t buffer;

	if (!port_is_connected(port))
		return 0;
	buffer = port_claim_buffer(port);
	if (buffer == BUFFERS)
		return 0;
	if (length > BUFFER_SIZE)
		length = BUFFER_SIZE;
	segment.address = port->address + port_offset(BUFFERS + buffer);
	copied = banos_buffer_read(from, port->memory + port_offset(BUFFERS + buffer), length);
	if (copied <= 0) {
		port_release_buffer(port, buffer);
		return copied ? copied : -EFAULT;
	}
	segment.length = (uint32_t)copied;
	error = virtio_queue_add(port->console->device, port->transmit_queue, &segment, 1, 0,
				 buffer);
	if (error) {
		port_release_buffer(port, buffer);
		return error;
	}
	error = virtio_queue_notify(port->console->device, port->transmit_queue);
	if (error)
		return error;
	return copied;
}

static int64_t port_write(void *context, void *file, banos_buffer from, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	struct port *port = context;
	uint64_t done = 0;

	while (done < length) {
		uint64_t ticket = banos_wait_ticket(&port->wait);
		int64_t result = port_failed(port);

		if (!result)
			result = port_write_some(port, from, length - done);
		if (!result)
			result = port_wait(port, ticket, flags);
		if (result < 0 && !done)
			return result;
		if (result < 0)
			break;
		done += (uint64_t)result;
	}
	return (int64_t)done;
}

static int64_t port_poll(void *context, void *file, banos_poll watch)
{
	struct port *port = context;
	int64_t ready = banos_poll_watch(watch, &port->wait);

	if (ready)
		return ready;
	banos_spin_lock(&port->lock);
	if (port->count)
		ready |= BANOS_POLL_READ;
	if (port->transmit_free && port_is_connected(port))
		ready |= BANOS_POLL_WRITE;
	banos_spin_unlock(&port->lock);
	if (!port_is_connected(port))
		ready |= BANOS_POLL_READ | BANOS_POLL_HANGUP;
	if (port_failed(port))
		ready |= BANOS_POLL_READ | BANOS_POLL_WRITE | BANOS_POLL_ERROR;
	return ready;
}

/* ---- files ---- */

/* The device learns of the first open file and of the last; until then it keeps what is for the port. */
static int64_t port_open(void *context, banos_call call, uint32_t flags, void **file)
{
	struct port *port = context;
	int64_t error = port_failed(port);

	if (error)
		return error;
	banos_mutex_lock(&port->console->lock);
	if (port->is_present) {
		port->opens++;
		console_control(port->console);
	} else {
		error = -ENODEV;
	}
	banos_mutex_unlock(&port->console->lock);
	return error;
}

static int64_t port_release(void *context, void *file)
{
	struct port *port = context;

	banos_mutex_lock(&port->console->lock);
	port->opens--;
	if (port->is_present)
		console_control(port->console);
	else
		banos_work_queue(port->console->sweep);
	banos_mutex_unlock(&port->console->lock);
	return 0;
}

static const struct banos_chardev_ops port_ops = {
	.size = sizeof(port_ops),
	.open = port_open,
	.release = port_release,
	.read = port_read,
	.write = port_write,
	.poll = port_poll,
};

int64_t port_register(struct port *port, uint32_t which, const char *name)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.context = port,
		.ops = &port_ops,
	};
	int64_t error;

	if (port->is_registered[which])
		return 0;
	banos_format(config.name, sizeof(config.name), "%s", name);
	error = banos_chardev_register(port->console->device, &config, &port->files[which]);
	port->is_registered[which] = !error;
	if (error)
		banos_warning(port->console->device,
			      "port %u: /dev/%s cannot be created (error %d)", port->id, name,
			      (int)-error);
	return error;
}

static void port_release_hvc(struct port *port)
{
	if (port->hvc)
		__atomic_fetch_and(&hvc_numbers, ~(1u << (port->hvc - 1)), __ATOMIC_SEQ_CST);
	port->hvc = 0;
}

int64_t port_register_console(struct port *port)
{
	uint32_t number = 0;
	char name[16];

	__atomic_store_n(&port->is_console, 1, __ATOMIC_SEQ_CST);
	if (port->hvc)
		return 0;
	while (number < HVC_MAX &&
	       __atomic_fetch_or(&hvc_numbers, 1u << number, __ATOMIC_SEQ_CST) >> number & 1)
		number++;
	if (number == HVC_MAX)
		return -ENOSPC;
	port->hvc = number + 1;
	banos_format(name, sizeof(name), "hvc%u", number);
	return port_register(port, FILE_CONSOLE, name);
}

void port_withdraw(struct port *port)
{
	for (uint32_t i = 0; i < FILES; i++)
		if (port->is_registered[i] && banos_chardev_remove(port->files[i]) != -EBUSY)
			port->is_registered[i] = 0;
	if (!port->is_registered[FILE_CONSOLE])
		port_release_hvc(port);
}

/* ---- life ---- */

int64_t port_create(struct console *console, uint32_t id, struct port **result)
{
	struct banos_dma_config memory = { .size = sizeof(memory),
					   .bytes = port_offset(2 * BUFFERS) };
	struct port *port = banos_alloc(console->device, sizeof(*port), 0);
	void *start;
	int64_t error;

	if (!port)
		return -ENOMEM;
	*port = (struct port){ .console = console, .id = id, .transmit_free = ALL_BUFFERS };
	port->receive_queue = id ? 2 + 2 * id : 0;
	port->transmit_queue = port->receive_queue + 1;
	banos_spin_init(&port->lock);
	error = banos_mutex_init(console->device, &port->take_lock);
	if (error)
		goto free_port;
	error = banos_mutex_init(console->device, &port->read_lock);
	if (error)
		goto destroy_take_lock;
	error = banos_wait_init(console->device, &port->wait);
	if (error)
		goto destroy_read_lock;
	error = banos_dma_alloc(console->device, &memory, &port->dma, &start, &port->address);
	if (error)
		goto destroy_wait;
	port->memory = start;
	*result = port;
	return 0;

destroy_wait:
	banos_wait_destroy(&port->wait);
destroy_read_lock:
	banos_mutex_destroy(&port->read_lock);
destroy_take_lock:
	banos_mutex_destroy(&port->take_lock);
free_port:
	banos_free(console->device, port);
	return error;
}

void port_destroy(struct port *port)
{
	port_release_hvc(port);
	banos_wait_destroy(&port->wait);
	banos_mutex_destroy(&port->read_lock);
	banos_mutex_destroy(&port->take_lock);
	banos_free(port->console->device, port);
}

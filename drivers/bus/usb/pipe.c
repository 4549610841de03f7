/* SPDX-License-Identifier: MIT */
/*
 * Open endpoints: interrupt IN transfers, xHCI 1.2, 4.11.2 and 4.14.1.
 *
 * Four transfers are on the ring of an endpoint. The interrupt's function records what has ended, in
 * the order of the ring; the controller's work calls the client back, one transfer after the other, and
 * puts a new one on the ring only then: a slow client slows its endpoint down, and nothing is lost
 * here. An endpoint that halts is revived by the controller's thread: after five failures in a row
 * the client is told.
 *
 * Closing waits for the callback without the device's mutex, which the callback may need for control transfers.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/time.h>
#include "controller.h"
#include "xhci.h"

#define FAILURES_MAX		 5
#define CLOSE_LIMIT_NS		 (10 * BANOS_S)
#define ENDPOINT_NUMBER(address) (((address)&15) * 2 + 1) /* of its context, IN */
#define BUFFERS_AT		 256u			  /* behind PIPE_TRBS */
#define REQUEST_CLEAR_HALT	 XHCI_REQUEST(XHCI_STANDARD_ENDPOINT, 1)
#define FEATURE_HALT		 0u

/* ---- the ring ---- */

static uint32_t pipe_buffer_at(const struct usb_pipe *pipe, uint32_t count)
{
	return BUFFERS_AT + count % PIPE_TRANSFERS * pipe->bytes;
}

/* Put as many transfers on the ring as there are free buffers; lock held, the endpoint runs. */
static void pipe_fill(struct usb_pipe *pipe)
{
	struct usb_device *device = pipe->interface->device;

	while (pipe->submitted - pipe->delivered < PIPE_TRANSFERS) {
		struct pipe_transfer *transfer = &pipe->transfers[pipe->submitted % PIPE_TRANSFERS];

		transfer->index = trb_ring_put(
			&pipe->ring, pipe->memory.address + pipe_buffer_at(pipe, pipe->submitted),
			pipe->bytes, TRB_NORMAL | TRB_ON_SHORT | TRB_ON_DONE);
		pipe->submitted++;
	}
	doorbell_ring(device->controller, device->slot, pipe->number);
}

static void pipe_set_failed(struct usb_pipe *pipe)
{
	pipe->state = PIPE_FAILED;
	banos_work_queue(pipe->interface->device->controller->work);
}

static void pipe_complete(struct usb_pipe *pipe, struct pipe_transfer *transfer,
			  const struct trb *event)
{
	struct controller *controller = pipe->interface->device->controller;
	uint32_t left = EVENT_LEFT(event->status);

	transfer->length = 0;
	transfer->status = code_error(EVENT_CODE(event->status));
	pipe->completed++;
	if (!transfer->status && left <= pipe->bytes) {
		transfer->length = pipe->bytes - left;
		pipe->failures = 0;
		banos_work_queue(controller->work);
		return;
	}
	if (!transfer->status)
		transfer->status = -EPROTO;
	pipe->failures++;
	if (pipe->failures == FAILURES_MAX) {
		pipe_set_failed(pipe);
	} else {
		pipe->state = PIPE_HALTED;
		banos_wait_wake(&controller->wake);
	}
}

void pipe_event(struct usb_pipe *pipe, const struct trb *event)
{
	struct pipe_transfer *transfer = &pipe->transfers[pipe->completed % PIPE_TRANSFERS];

	switch (EVENT_CODE(event->status)) {
	case CODE_UNDERRUN:
	case CODE_OVERRUN:
	case CODE_STOPPED:
	case CODE_STOPPED_AT:
	case CODE_STOPPED_LOW: return;
	default: break;
	}
	if (pipe->state != PIPE_RUNNING || pipe->completed == pipe->submitted)
		return;
	if (trb_ring_index(&pipe->ring, event->parameter) == (int32_t)transfer->index)
		pipe_complete(pipe, transfer, event);
	else
		pipe_set_failed(pipe);
}

/* ---- calling the client back ---- */

static int pipe_has_news(const struct usb_pipe *pipe)
{
	return pipe && !pipe->busy && !pipe->deaf && pipe->state != PIPE_CLOSING &&
	       (pipe->completed != pipe->delivered || pipe->state == PIPE_FAILED);
}

static struct usb_pipe *device_find_news(const struct usb_device *device)
{
	for (uint32_t i = 0; i < ENDPOINTS; i++)
		if (pipe_has_news(device->pipes[i]))
			return device->pipes[i];
	return NULL;
}

/* A pipe that is marked busy, or NULL. */
static struct usb_pipe *pipe_take_news(struct controller *controller)
{
	struct usb_pipe *pipe = NULL;

	banos_spin_lock(&controller->lock);
	for (uint32_t port = 1; port <= controller->ports_count && !pipe; port++)
		if (controller->ports[port].device)
			pipe = device_find_news(controller->ports[port].device);
	if (pipe)
		pipe->busy = 1;
	banos_spin_unlock(&controller->lock);
	return pipe;
}

/* It is busy, so it is not freed. */
static void pipe_deliver(struct controller *controller, struct usb_pipe *pipe)
{
	const struct pipe_transfer *transfer = &pipe->transfers[pipe->delivered % PIPE_TRANSFERS];
	const char *data = (char *)pipe->memory.memory + pipe_buffer_at(pipe, pipe->delivered);
	uint32_t more = pipe->completed != pipe->delivered, closing;
	int64_t result = 0;

	if (!more)
		result = banos_callback_call(pipe->callback, (uint64_t)-EIO, 0, 0, 0, 0);
	else if (!transfer->status)
		result = banos_callback_call(pipe->callback, 0, transfer->length, (uint64_t)data, 0,
					     0);
	banos_spin_lock(&controller->lock);
	pipe->busy = 0;
	pipe->delivered += more;
	if (!more || result == -ENODEV)
		pipe->deaf = 1;
	if (pipe->state == PIPE_RUNNING)
		pipe_fill(pipe);
	closing = pipe->state == PIPE_CLOSING;
	banos_spin_unlock(&controller->lock);
	if (closing)
		banos_wait_wake(&controller->done);
}

int64_t pipe_deliver_all(void *context)
{
	struct controller *controller = context;
	struct usb_pipe *pipe;

	while ((pipe = pipe_take_news(controller)))
		pipe_deliver(controller, pipe);
	return 0;
}

/* ---- revival ---- */

/* The device's mutex is held. */
static void pipe_recover(struct usb_device *device, struct usb_pipe *pipe)
{
	struct controller *controller = device->controller;
	uint64_t dequeue = 0;
	uint32_t halted;
	int64_t error;

	banos_spin_lock(&controller->lock);
	halted = pipe->state == PIPE_HALTED && !device->gone;
	if (halted) {
		uint32_t last = pipe->transfers[(pipe->completed - 1) % PIPE_TRANSFERS].index;

		dequeue = trb_ring_dequeue(&pipe->ring, trb_ring_after(&pipe->ring, last));
	}
	banos_spin_unlock(&controller->lock);
	if (!halted)
		return;
	error = endpoint_restart(device, pipe->number, dequeue);
	if (!error)
		error = control_run(
			device, control_setup(REQUEST_CLEAR_HALT, FEATURE_HALT, pipe->address, 0),
			NULL);
	banos_spin_lock(&controller->lock);
	if (error < 0) {
		pipe_set_failed(pipe);
	} else if (pipe->state == PIPE_HALTED) {
		pipe->state = PIPE_RUNNING;
		pipe_fill(pipe);
		banos_work_queue(controller->work);
	}
	banos_spin_unlock(&controller->lock);
}

void pipe_recover_all(struct usb_device *device)
{
	if (banos_mutex_lock(&device->mutex))
		return;
	for (uint32_t i = 0; i < ENDPOINTS; i++)
		if (device->pipes[i])
			pipe_recover(device, device->pipes[i]);
	banos_mutex_unlock(&device->mutex);
}

/* ---- open ---- */

static const struct usb_endpoint *interface_find_endpoint(const struct usb_interface *interface,
							  uint32_t address)
{
	for (uint32_t i = 0; i < interface->info->endpoint_count; i++)
		if (interface->info->endpoints[i].address == address)
			return &interface->info->endpoints[i];
	return NULL;
}

/* Highest number of a context in use, besides @p except. mutex held. */
static uint32_t device_last_endpoint(const struct usb_device *device, uint32_t except)
{
	uint32_t last = CONTROL_ENDPOINT;

	for (uint32_t i = CONTROL_ENDPOINT + 1; i < ENDPOINTS; i++)
		if (device->pipes[i] && i != except)
			last = i;
	return last;
}

/* Make the endpoint known to the controller. mutex held. */
static int64_t pipe_configure(struct usb_device *device, const struct usb_pipe *pipe,
			      const struct usb_endpoint *endpoint)
{
	uint32_t last = device_last_endpoint(device, 0), burst = endpoint->burst, *input;
	uint64_t dequeue = trb_ring_dequeue(&pipe->ring, 0);

	if (last < pipe->number)
		last = pipe->number;
	if (device->speed == SPEED_HIGH)
		burst = endpoint->transactions;
	device_input_begin(device, last);
	device_input(device, 0)[INPUT_ADD] = 1u | 1u << pipe->number;
	input = device_input(device, pipe->number + 1);
	input[0] = ENDPOINT_INTERVAL(usb_interval(endpoint, device->speed));
	input[1] = ENDPOINT_RETRIES | ENDPOINT_INTERRUPT_IN | ENDPOINT_BURST(burst) |
		   ENDPOINT_PACKET(endpoint->max_packet);
	input[2] = (uint32_t)dequeue;
	input[3] = (uint32_t)(dequeue >> 32);
	input[4] = pipe->bytes | ENDPOINT_PAYLOAD(pipe->bytes);
	return code_error(command_run(device->controller, device_input_address(device),
				      TRB_CONFIGURE | TRB_SLOT(device->slot), NULL));
}

/* mutex held. */
static int64_t pipe_start(struct usb_device *device, struct usb_pipe *pipe,
			  const struct usb_endpoint *endpoint)
{
	struct controller *controller = device->controller;
	int64_t error;

	if (device->pipes[pipe->number])
		return -EBUSY;
	if (!device->slot)
		return -ENODEV;
	error = pipe_configure(device, pipe, endpoint);
	if (error)
		return error;
	banos_spin_lock(&controller->lock);
	device->pipes[pipe->number] = pipe;
	pipe_fill(pipe);
	banos_spin_unlock(&controller->lock);
	return 0;
}

void pipe_free(struct usb_pipe *pipe)
{
	memory_free(&pipe->memory);
	banos_free(pipe->interface->device->controller->self, pipe);
}

static struct usb_pipe *usb_pipe_create(struct usb_interface *interface,
					const struct usb_endpoint *endpoint, uint32_t bytes,
					banos_callback callback)
{
	struct controller *controller = interface->device->controller;
	struct usb_pipe *pipe = banos_alloc(controller->self, sizeof(*pipe), 0);

	if (!pipe)
		return NULL;
	pipe->interface = interface;
	pipe->address = endpoint->address;
	pipe->number = ENDPOINT_NUMBER(endpoint->address);
	pipe->bytes = bytes;
	pipe->callback = callback;
	if (memory_alloc(controller, BUFFERS_AT + PIPE_TRANSFERS * bytes, &pipe->memory)) {
		pipe_free(pipe);
		return NULL;
	}
	trb_ring_init(&pipe->ring, pipe->memory.memory, pipe->memory.address, PIPE_TRBS);
	return pipe;
}

int64_t pipe_open(struct usb_interface *interface, banos_owner client, uint32_t address,
		  banos_callback callback)
{
	const struct usb_endpoint *endpoint = interface_find_endpoint(interface, address);
	struct usb_device *device = interface->device;
	struct usb_pipe *pipe;
	uint32_t bytes;
	int64_t error;

	if (!endpoint)
		return -ENOENT;
	bytes = usb_payload(endpoint, device->speed);
	if (!bytes || !(address & USB_ENDPOINT_IN) ||
	    (endpoint->attributes & 3) != USB_TYPE_INTERRUPT)
		return -EOPNOTSUPP;
	error = banos_owner_watch(device->controller->self, client,
				  device->controller->client_gone);
	if (error && error != -EEXIST)
		return error;
	pipe = usb_pipe_create(interface, endpoint, bytes, callback);
	if (!pipe)
		return -ENOMEM;
	error = banos_mutex_lock(&device->mutex);
	if (!error) {
		interface->client = client;
		error = pipe_start(device, pipe, endpoint);
		banos_mutex_unlock(&device->mutex);
	}
	if (error)
		pipe_free(pipe);
	return error;
}

/* ---- close ---- */

/* No callback begins any more. @return 0: none runs, -ENOENT, -EBUSY */
static int64_t pipe_wait_idle(struct usb_interface *interface, uint32_t number)
{
	struct usb_device *device = interface->device;
	struct controller *controller = device->controller;
	uint64_t deadline_ns = banos_time_ns() + CLOSE_LIMIT_NS;

	for (;;) {
		uint64_t ticket = banos_wait_ticket(&controller->done);
		uint32_t busy = 0, found = 0;

		banos_spin_lock(&controller->lock);
		if (device->pipes[number] && device->pipes[number]->interface == interface) {
			found = 1;
			device->pipes[number]->state = PIPE_CLOSING;
			busy = device->pipes[number]->busy;
		}
		banos_spin_unlock(&controller->lock);
		if (!found)
			return -ENOENT;
		if (!busy)
			return 0;
		if (banos_wait_sleep(&controller->done, ticket, deadline_ns, BANOS_UNINTERRUPTIBLE))
			return -EBUSY;
	}
}

/* The controller forgets the endpoint: afterwards it does not write to its buffers. mutex held. */
static void pipe_unconfigure(struct usb_device *device, uint32_t number)
{
	uint32_t endpoint = TRB_SLOT(device->slot) | TRB_ENDPOINT(number);
	int64_t code;

	if (ENDPOINT_STATE(device_context(device, number)[0]) == ENDPOINT_RUNNING)
		command_run(device->controller, 0, TRB_STOP_ENDPOINT | endpoint, NULL);
	device_input_begin(device, device_last_endpoint(device, number));
	device_input(device, 0)[INPUT_DROP] = 1u << number;
	device_input(device, 0)[INPUT_ADD] = 1u;
	code = command_run(device->controller, device_input_address(device),
			   TRB_CONFIGURE | TRB_SLOT(device->slot), NULL);
	if (code != CODE_SUCCESS)
		controller_fail(device->controller, "does not give up an endpoint");
}

int64_t pipe_close(struct usb_interface *interface, uint32_t address)
{
	uint32_t number = ENDPOINT_NUMBER(address);
	struct usb_device *device = interface->device;
	struct usb_pipe *pipe;
	int64_t error = pipe_wait_idle(interface, number);

	if (!error)
		error = banos_mutex_lock(&device->mutex);
	if (error)
		return error;
	pipe = device->pipes[number];
	if (pipe && pipe->interface == interface) {
		pipe_unconfigure(device, number);
		banos_spin_lock(&device->controller->lock);
		device->pipes[number] = NULL;
		banos_spin_unlock(&device->controller->lock);
		pipe_free(pipe);
	} else {
		error = -ENOENT;
	}
	banos_mutex_unlock(&device->mutex);
	return error;
}

int64_t pipe_close_all(struct usb_interface *interface)
{
	for (uint32_t i = 0; interface->info && i < interface->info->endpoint_count; i++) {
		uint32_t address = interface->info->endpoints[i].address;

		if (address & USB_ENDPOINT_IN && pipe_close(interface, address) == -EBUSY)
			return -EBUSY;
	}
	return 0;
}

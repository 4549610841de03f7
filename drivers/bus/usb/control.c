/* SPDX-License-Identifier: MIT */
/*
 * Endpoint 0: control transfers, xHCI 1.2, 4.11.2.2; and bringing endpoints back, 4.10.2.1.
 *
 * The data passes through a buffer of the device, a page, so that no client's memory is accessed by the
 * controller. After any error the ring continues behind the transfer that failed.
 */
#include <banos/errno.h>
#include <banos/string.h>
#include <banos/time.h>
#include "controller.h"
#include "device.h"
#include "xhci.h"

#define SETUP_BYTES 8u

uint64_t control_setup(uint32_t request, uint32_t value, uint32_t index, uint32_t length)
{
	return (request & 0xffff) | (uint64_t)(value & 0xffff) << 16 |
	       (uint64_t)(index & 0xffff) << 32 | (uint64_t)(length & 0xffff) << 48;
}

static uint32_t setup_is_in(uint64_t setup)
{
	return (setup & XHCI_IN) != 0;
}

static uint32_t setup_length(uint64_t setup)
{
	return (uint32_t)(setup >> 48);
}

void control_event(struct usb_device *device, const struct trb *event)
{
	struct control_transfer *control = &device->control;
	int32_t index = trb_ring_index(&device->ring, event->parameter);
	uint32_t code = EVENT_CODE(event->status);

	if (!control->pending || code == CODE_STOPPED || code == CODE_STOPPED_AT ||
	    code == CODE_STOPPED_LOW)
		return;
	if (index == (int32_t)control->data && (code == CODE_SHORT || code == CODE_SUCCESS)) {
		control->left = EVENT_LEFT(event->status);
		return; /* the status stage follows */
	}
	if (index != (int32_t)control->status && code_error(code) == 0)
		return;
	control->code = code;
	control->pending = 0;
	banos_wait_wake(&device->controller->done);
}

/* Fill the ring with the stages of a transfer; lock held. */
static void control_put(struct usb_device *device, uint64_t setup)
{
	struct control_transfer *control = &device->control;
	uint32_t length = setup_length(setup), type = 0, data = 0, status = TRB_IN;

	if (length && setup_is_in(setup)) {
		type = TRB_SETUP_IN;
		data = TRB_IN;
		status = 0;
	} else if (length) {
		type = TRB_SETUP_OUT;
	}
	*control = (struct control_transfer){ .pending = 1 };
	trb_ring_put(&device->ring, setup, SETUP_BYTES, TRB_SETUP | TRB_IMMEDIATE | type);
	control->data = CONTROL_TRBS; /* none */
	if (length)
		control->data = trb_ring_put(&device->ring,
					     device->memory.address + CONTROL_BUFFER_AT, length,
					     TRB_DATA | TRB_ON_SHORT | data);
	control->status = trb_ring_put(&device->ring, 0, 0, TRB_STATUS | TRB_ON_DONE | status);
	doorbell_ring(device->controller, device->slot, CONTROL_ENDPOINT);
}

/* @return 0: it ended, with control->code, -ENODEV, -ETIMEDOUT */
static int64_t control_wait(struct usb_device *device)
{
	struct controller *controller = device->controller;
	uint64_t deadline_ns = banos_time_ns() + TRANSFER_LIMIT_NS;

	for (;;) {
		uint64_t ticket = banos_wait_ticket(&controller->done), now_ns = banos_time_ns();
		uint32_t pending, gone;

		banos_spin_lock(&controller->lock);
		pending = device->control.pending;
		gone = device->gone;
		if (gone || now_ns > deadline_ns)
			device->control.pending = 0;
		banos_spin_unlock(&controller->lock);
		if (!pending)
			return 0;
		if (gone)
			return -ENODEV;
		if (now_ns > deadline_ns)
			return -ETIMEDOUT;
		if (banos_wait_sleep(&controller->done, ticket, now_ns + LOOK_NS,
				     BANOS_UNINTERRUPTIBLE))
			controller_look(controller);
	}
}

int64_t endpoint_restart(struct usb_device *device, uint32_t number, uint64_t dequeue)
{
	uint32_t endpoint = TRB_SLOT(device->slot) | TRB_ENDPOINT(number),
		 state = ENDPOINT_STATE(device_context(device, number)[0]);
	int64_t code = CODE_SUCCESS;

	if (state == ENDPOINT_HALTED)
		code = command_run(device->controller, 0, TRB_RESET_ENDPOINT | endpoint, NULL);
	else if (state == ENDPOINT_RUNNING)
		code = command_run(device->controller, 0, TRB_STOP_ENDPOINT | endpoint, NULL);
	if (code < 0)
		return code;
	return code_error(
		command_run(device->controller, dequeue, TRB_SET_DEQUEUE | endpoint, NULL));
}

/* @return bytes, or an error */
static int64_t control_transfer(struct usb_device *device, uint64_t setup)
{
	struct controller *controller = device->controller;
	uint32_t length = setup_length(setup);
	int64_t error = 0;

	banos_spin_lock(&controller->lock);
	if (device->gone)
		error = -ENODEV;
	else
		control_put(device, setup);
	banos_spin_unlock(&controller->lock);
	if (error)
		return error;
	error = control_wait(device);
	if (error == -ENODEV)
		return error;
	if (!error)
		error = code_error(device->control.code);
	if (!error && device->control.left > length)
		error = -EPROTO;
	if (!error && !setup_is_in(setup))
		return length; /* it was accepted: what is left is not always right (QEMU's keyboard) */
	if (!error)
		return length - device->control.left;
	if (endpoint_restart(device, CONTROL_ENDPOINT,
			     trb_ring_dequeue(&device->ring, device->ring.next)))
		return -EIO;
	return error;
}

int64_t control_run(struct usb_device *device, uint64_t setup, void *data)
{
	char *buffer = (char *)device->memory.memory + CONTROL_BUFFER_AT;
	uint32_t length = setup_length(setup);
	int64_t result;

	if (length > XHCI_CONTROL_MAX)
		return -EINVAL;
	if (length && !setup_is_in(setup))
		memcpy(buffer, data, length);
	result = control_transfer(device, setup);
	if (result > 0 && setup_is_in(setup))
		memcpy(data, buffer, (uint64_t)result);
	return result;
}

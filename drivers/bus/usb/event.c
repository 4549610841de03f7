/* SPDX-License-Identifier: MIT */
/*
 * Events, commands, and what happens when a controller fails: xHCI 1.2, 4.9.4, 4.6 and 4.24.1.
 *
 * The interrupt's function takes a bounded number of events under the lock and asks to be called again
 * if there may be more; meanwhile the controller does not interrupt, since it finds the ring's busy bit
 * set. (Its interrupt enable is never turned off: QEMU sends no message for what happened meanwhile.) An event that does not fit what the
 * driver waits for is counted as a fault of the controller, said once, and has no effect.
 *
 * A controller that has failed is halted and its bus mastering ends, so that memory can be freed. It stays
 * failed until the driver is installed again.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/time.h>
#include "controller.h"

#define EVENTS_AT_ONCE 64
#define LOST_NS	       BANOS_S

/* ---- events ---- */

static void event_command(struct controller *controller, const struct trb *event)
{
	struct command_state *command = &controller->command;

	if (!command->pending ||
	    trb_ring_index(&controller->commands, event->parameter) != (int32_t)command->index)
		return;
	command->code = EVENT_CODE(event->status);
	command->slot = EVENT_SLOT(event->control);
	command->pending = 0;
	banos_wait_wake(&controller->done);
}

static void event_transfer(struct controller *controller, const struct trb *event)
{
	struct usb_device *device = controller->slots[EVENT_SLOT(event->control)];
	uint32_t number = EVENT_ENDPOINT(event->control);

	if (!device)
		return;
	if (number == CONTROL_ENDPOINT)
		control_event(device, event);
	else if (device->pipes[number])
		pipe_event(device->pipes[number], event);
}

static void event_handle(struct controller *controller, const struct trb *event)
{
	switch (TRB_TYPE(event->control)) {
	case TRB_EVENT_TRANSFER: event_transfer(controller, event); break;
	case TRB_EVENT_COMMAND: event_command(controller, event); break;
	case TRB_EVENT_PORT: port_event(controller, EVENT_PORT(event->parameter)); break;
	case TRB_EVENT_CONTROLLER: /* the ring is full, or an internal fault: it is looked at */
		banos_wait_wake(&controller->wake);
		break;
	default: break;
	}
}

/* lock held. @return how many, EVENTS_AT_ONCE at most */
static uint32_t events_handle(struct controller *controller)
{
	uint64_t dequeue = 0;
	uint32_t count = 0;
	struct trb event;

	while (count < EVENTS_AT_ONCE && events_take(&controller->events, &event)) {
		event_handle(controller, &event);
		count++;
	}
	/* With the busy bit the controller interrupts when there is more; without, it stays silent. */
	if (count < EVENTS_AT_ONCE)
		dequeue = DEQUEUE_BUSY;
	register_write64(controller->runtime, RUN_DEQUEUE,
			 events_dequeue(&controller->events) | dequeue);
	return count;
}

int64_t controller_interrupt(void *context)
{
	struct controller *controller = context;
	uint32_t status = op_read(controller, OP_STATUS), count;

	if (status == 0xffffffff) /* unplugged */
		return BANOS_IRQ_NONE;
	if (status & STATUS_INTERRUPT)
		op_write(controller, OP_STATUS, STATUS_INTERRUPT);
	banos_spin_lock(&controller->lock);
	banos_mmio_write32((char *)controller->runtime + RUN_MANAGEMENT,
			   MANAGEMENT_PENDING | MANAGEMENT_ENABLE);
	count = events_handle(controller);
	controller->interrupts++;
	banos_spin_unlock(&controller->lock);
	if (status & (STATUS_HOST_ERROR | STATUS_ERROR))
		banos_wait_wake(&controller->wake);
	if (count == EVENTS_AT_ONCE)
		return BANOS_IRQ_AGAIN;
	if (!count && !(status & STATUS_INTERRUPT))
		return BANOS_IRQ_NONE;
	return BANOS_IRQ_HANDLED;
}

int64_t controller_connect(struct controller *controller)
{
	struct banos_irq_config config = {
		.size = sizeof(config),
		.flags = controller->by_line ? BANOS_IRQ_LINE : 0,
		.function = controller_interrupt,
		.context = controller,
	};
	int64_t error = banos_irq_create(controller->self, &config, &controller->irq);

	if (error)
		controller->irq = NULL;
	return error;
}

void controller_disconnect(struct controller *controller)
{
	if (controller->irq)
		banos_irq_destroy(controller->irq);
	controller->irq = NULL;
}

/* ---- failure ---- */

int controller_has_failed(struct controller *controller)
{
	const char *failed;

	banos_spin_lock(&controller->lock);
	failed = controller->failed;
	banos_spin_unlock(&controller->lock);
	return failed != NULL;
}

void controller_fail(struct controller *controller, const char *why)
{
	uint32_t first;

	banos_spin_lock(&controller->lock);
	first = !controller->failed;
	if (first)
		controller->failed = why;
	for (uint32_t port = 1; port <= controller->ports_count; port++)
		if (controller->ports[port].device)
			device_mark_gone(controller->ports[port].device);
	banos_spin_unlock(&controller->lock);
	if (!first)
		return;
	banos_error(controller->self,
		    "usb%u: %s (command 0x%x, status 0x%x): its devices are withdrawn; install "
		    "the driver again to use it",
		    controller->number, why, op_read(controller, OP_COMMAND),
		    op_read(controller, OP_STATUS));
	hardware_halt(controller);
	banos_wait_wake(&controller->done);
	banos_wait_wake(&controller->wake);
}

/*
 * Messages do not arrive on every machine: an event that has waited for a second, in which the function was
 * not called, was not announced. look_mutex held.
 */
static void controller_find_lost(struct controller *controller)
{
	uint64_t now_ns = banos_time_ns();
	uint32_t waits, interrupts;

	banos_spin_lock(&controller->lock);
	waits = events_pending(&controller->events) != 0;
	interrupts = controller->interrupts;
	banos_spin_unlock(&controller->lock);
	if (!waits || interrupts != controller->interrupts_seen || !controller->waits_since_ns) {
		controller->interrupts_seen = interrupts;
		controller->waits_since_ns = waits ? now_ns : 0;
		return;
	}
	if (now_ns - controller->waits_since_ns < LOST_NS)
		return;
	controller->waits_since_ns = 0;
	controller_interrupt(controller);
	if (controller->by_line)
		return;
	banos_warning(controller->self, "usb%u: a message did not arrive: the line is used",
		      controller->number);
	controller_disconnect(controller);
	controller->by_line = 1;
	if (controller_connect(controller))
		banos_warning(controller->self, "usb%u: has no interrupt line: it is slow",
			      controller->number);
}

void controller_look(struct controller *controller)
{
	uint32_t status = op_read(controller, OP_STATUS);

	if (status == 0xffffffff && pci_check(controller->self))
		controller_fail(controller, "was unplugged");
	else if (status == 0xffffffff)
		controller_fail(controller, "reads as all bits set");
	else if (status & STATUS_ERROR)
		controller_fail(controller, "reports an internal error");
	else if (status & STATUS_HOST_ERROR)
		controller_fail(controller, "reports that memory could not be accessed");
	else if (status & STATUS_HALTED)
		controller_fail(controller, "has halted by itself");
	if (controller_has_failed(controller) || banos_mutex_trylock(&controller->look_mutex))
		return;
	controller_find_lost(controller);
	banos_mutex_unlock(&controller->look_mutex);
}

/* ---- commands ---- */

int64_t code_error(int64_t code)
{
	switch (code) {
	case CODE_SUCCESS:
	case CODE_SHORT: return 0;
	case CODE_STALL: return -EPIPE;
	case CODE_TRANSACTION:
	case CODE_BABBLE: return -EPROTO;
	case CODE_NO_RESOURCE:
	case CODE_NO_BANDWIDTH:
	case CODE_NO_SLOTS: return -ENOSPC;
	default: break;
	}
	if (code < 0)
		return code;
	return -EIO;
}

/* command_mutex held. @return 0, -EIO: the controller has failed */
static int64_t command_wait(struct controller *controller)
{
	uint64_t deadline_ns = banos_time_ns() + COMMAND_LIMIT_NS;

	for (;;) {
		uint64_t ticket = banos_wait_ticket(&controller->done), now_ns = banos_time_ns();
		uint32_t pending, failed;

		banos_spin_lock(&controller->lock);
		pending = controller->command.pending;
		failed = controller->failed != NULL;
		banos_spin_unlock(&controller->lock);
		if (!pending)
			return 0;
		if (failed)
			return -EIO;
		if (now_ns > deadline_ns)
			controller_fail(controller, "does not execute commands");
		else if (banos_wait_sleep(&controller->done, ticket, now_ns + LOOK_NS,
					  BANOS_UNINTERRUPTIBLE))
			controller_look(controller);
	}
}

int64_t command_run(struct controller *controller, uint64_t parameter, uint32_t control,
		    uint32_t *slot)
{
	struct command_state *command = &controller->command;
	int64_t result = banos_mutex_lock(&controller->command_mutex);

	if (result)
		return result;
	banos_spin_lock(&controller->lock);
	if (controller->failed) {
		result = -EIO;
	} else {
		command->index = trb_ring_put(&controller->commands, parameter, 0, control);
		command->pending = 1;
		doorbell_ring(controller, 0, 0);
	}
	banos_spin_unlock(&controller->lock);
	if (!result)
		result = command_wait(controller);
	if (!result) {
		result = command->code;
		if (slot)
			*slot = command->slot;
	}
	banos_mutex_unlock(&controller->command_mutex);
	return result;
}

/* SPDX-License-Identifier: MIT */
/*
 * What is done when a controller does not work: NVM Express 1.4, 9.5 and 9.6.
 *
 * When a request is overdue the reason is looked for: a controller whose messages do not arrive goes on by its line. One
 * that reports a fatal state, has stopped by itself, does not answer or answers what nobody asked is
 * reset. One that cannot be reset, needs a reset again and again, or was unplugged is given up.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include "controller.h"
#include "registers.h"

#define RESETS_MAX 3u /* without a request that succeeds in between */
#define LOST_LOOKS 10u
#define LOST_NS	   (20 * BANOS_MS)

static void state_set(struct nvme_controller *controller, uint32_t state)
{
	banos_spin_lock(&controller->lock);
	if (controller->state != STATE_FAILED)
		__atomic_store_n(&controller->state, state, __ATOMIC_SEQ_CST);
	banos_spin_unlock(&controller->lock);
}

/* reset_mutex held. */
static int64_t controller_give_up(struct nvme_controller *controller, int64_t error,
				  const char *why)
{
	uint32_t first = controller->state != STATE_FAILED;

	controller->failure = error;
	state_set(controller, STATE_FAILED);
	admin_end(controller, error);
	if (!first)
		return controller->failure;
	if (error != -ENODEV && hardware_stop(controller))
		pci_disable(controller->self, PCI_MASTER);
	banos_error(controller->self, "nvme%u: %s: it is not used any more", controller->number,
		    why);
	return error;
}

/* Whoever held the lock of a queue before has seen the state that was set before. */
static void queues_settle(struct nvme_controller *controller)
{
	for (uint32_t i = 0; i < controller->io_count; i++) {
		banos_spin_lock(&controller->io[i]->lock);
		banos_spin_unlock(&controller->io[i]->lock);
	}
}

/* @return why it has to be reset; NULL: it only does not answer */
static const char *controller_look(const struct nvme_controller *controller)
{
	uint32_t status = register_read(controller, REG_STATUS);

	if (status == UINT32_MAX)
		return "reads as all bits set";
	if (status & STATUS_FATAL)
		return "reports a fatal state";
	if (!(status & STATUS_READY))
		return "has stopped by itself";
	for (uint32_t i = 0; i < controller->io_count; i++)
		if (controller->io[i]->bogus >= BOGUS_MAX)
			return "answers what nobody asked";
	return NULL;
}

/* ---- interrupts that do not arrive ---- */

static int completions_wait(const struct nvme_controller *controller)
{
	int wait = completion_pending(&controller->admin.completion);

	for (uint32_t i = 0; i < controller->io_count; i++)
		wait |= completion_pending(&controller->io[i]->completion);
	return wait;
}

/*
 * Messages do not arrive on every machine: a completion that waits while no function is called
 * was not announced. By its line a controller interrupts as long as there is one.
 */
uint32_t interrupt_find_lost(struct nvme_controller *controller)
{
	uint32_t interrupts = __atomic_load_n(&controller->interrupts, __ATOMIC_RELAXED), found;

	for (uint32_t i = 0; i < LOST_LOOKS; i++) {
		if (!completions_wait(controller) ||
		    interrupts != __atomic_load_n(&controller->interrupts, __ATOMIC_RELAXED))
			return 0;
		banos_sleep_until(banos_time_ns() + LOST_NS, BANOS_UNINTERRUPTIBLE);
	}
	found = completions_handle_all(controller);
	if (!found || controller->by_line)
		return found;
	banos_warning(controller->self, "nvme%u: a message did not arrive: the line is used",
		      controller->number);
	interrupts_disconnect(controller);
	if (interrupts_connect(controller, 0, 1))
		banos_warning(controller->self, "nvme%u: has no interrupt line: it is slow",
			      controller->number);
	return found;
}

/* ---- methods of the class ---- */

static int request_is_out(struct nvme_space *space, uint32_t number, uint32_t tag)
{
	struct nvme_queue *queue = space->controller->io[number];
	int is_out = 0;

	banos_spin_lock(&queue->lock);
	for (uint32_t i = 0; i < queue->slots_count; i++)
		is_out |= queue->table.out[i] && queue->slots[i].space == space &&
			  queue->slots[i].tag == tag;
	banos_spin_unlock(&queue->lock);
	return is_out;
}

int64_t space_timeout(void *context, uint32_t queue, uint32_t tag)
{
	struct nvme_space *space = context;
	struct nvme_controller *controller = space->controller;

	banos_mutex_lock(&controller->reset_mutex);
	if (controller_state(controller) == STATE_LIVE && !controller_look(controller)) {
		(void)interrupt_find_lost(controller);
		(void)completions_handle_all(controller); /* of what ended while that was found */
	}
	banos_mutex_unlock(&controller->reset_mutex);
	if (controller_state(controller) == STATE_LIVE && !request_is_out(space, queue, tag))
		return 0;
	return -ETIMEDOUT;
}

/* reset_mutex held. @return 0: it works again */
static int64_t controller_reset(struct nvme_controller *controller, const struct nvme_space *space)
{
	int64_t error;

	state_set(controller, STATE_RESETTING);
	queues_settle(controller);
	error = hardware_begin(controller);
	if (!error)
		error = io_queues_create(controller);
	if (error)
		return error;
	io_repeat(controller, space);
	controller->resets++;
	__atomic_fetch_add(&controller->resets_idle, 1, __ATOMIC_RELAXED);
	state_set(controller, STATE_LIVE);
	return 0;
}

int64_t space_reset(void *context)
{
	struct nvme_space *space = context;
	struct nvme_controller *controller = space->controller;
	uint32_t resets_idle = __atomic_load_n(&controller->resets_idle, __ATOMIC_RELAXED);
	int64_t error = 0;
	const char *why;

	banos_mutex_lock(&controller->reset_mutex);
	why = controller_look(controller);
	if (controller_state(controller) == STATE_FAILED) {
		error = controller->failure;
	} else if (why && pci_check(controller->self)) {
		error = controller_give_up(controller, -ENODEV, "was unplugged");
	} else {
		banos_warning(controller->self, "nvme%u: %s (status 0x%x): it is reset",
			      controller->number, why ? why : "does not answer",
			      register_read(controller, REG_STATUS));
		if (resets_idle >= RESETS_MAX)
			error = controller_give_up(controller, -EIO, "resets are of no use");
		else if (controller_reset(controller, space))
			error = controller_give_up(controller, -EIO, "cannot be reset");
	}
	banos_mutex_unlock(&controller->reset_mutex);
	return error;
}

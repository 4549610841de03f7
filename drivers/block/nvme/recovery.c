/* SPDX-License-Identifier: MIT */
/*
 * What is done when a controller does not work: NVM Express 1.4, 9.5 and 9.6.
 *
 * One that reports a fatal state, has stopped by itself, does not answer in time or answers what nobody asked is
 * reset; the commands that were out end with -EAGAIN, and are given out once more by those that wait for
 * them. One that cannot be reset, needs a reset again and again, or was unplugged is given up.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include "controller.h"
#include "registers.h"

#define RESETS_MAX 3u /* without a read that succeeds in between */
#define LOST_NS	   BANOS_S

void controller_give_up(struct nvme_controller *controller, int64_t error, const char *why)
{
	uint32_t first;

	banos_spin_lock(&controller->lock);
	first = controller->state != STATE_FAILED;
	if (first) {
		controller->state = STATE_FAILED;
		controller->failure = error;
	}
	commands_end_all(controller, controller->failure);
	banos_spin_unlock(&controller->lock);
	if (!first)
		return;
	if (error != -ENODEV && hardware_stop(controller))
		pci_disable(controller->self, PCI_MASTER);
	banos_error(controller->self, "nvme%u: %s: it is not used any more", controller->number,
		    why);
	banos_wait_wake(&controller->slot_free);
}

/* reset_mutex held. @return 0: it works again */
static int64_t controller_reset(struct nvme_controller *controller)
{
	int64_t error;

	banos_spin_lock(&controller->lock);
	controller->state = STATE_RESETTING;
	banos_spin_unlock(&controller->lock);
	error = hardware_begin(controller);
	if (!error)
		error = io_queues_create(controller);
	return error;
}

/* reset_mutex held; the controller works. */
static void controller_go_live(struct nvme_controller *controller)
{
	banos_spin_lock(&controller->lock);
	if (controller->state == STATE_RESETTING)
		controller->state = STATE_LIVE;
	controller->resets++;
	controller->resets_idle++;
	banos_spin_unlock(&controller->lock);
}

/* Is the reset still needed? */
static int recovery_is_due(struct nvme_controller *controller, uint32_t resets)
{
	int due;

	banos_spin_lock(&controller->lock);
	due = controller->state == STATE_LIVE && controller->resets == resets;
	banos_spin_unlock(&controller->lock);
	return due;
}

void controller_recover(struct nvme_controller *controller, uint32_t resets, const char *why)
{
	banos_mutex_lock(&controller->reset_mutex);
	if (recovery_is_due(controller, resets)) {
		banos_warning(controller->self, "nvme%u: %s (status 0x%x): it is reset",
			      controller->number, why, register_read(controller, REG_STATUS));
		if (controller->resets_idle >= RESETS_MAX)
			controller_give_up(controller, -EIO, "resets are of no use");
		else if (controller_reset(controller))
			controller_give_up(controller, -EIO, "cannot be reset");
		else
			controller_go_live(controller);
	}
	banos_mutex_unlock(&controller->reset_mutex);
}

/*
 * Messages do not arrive on every machine: a completion that has waited for a second, in which the function was
 * not called, was not announced. By its line a controller interrupts as long as there is one.
 */
void interrupt_find_lost(struct nvme_controller *controller)
{
	uint64_t now_ns = banos_time_ns();
	uint32_t is_lost = 0, is_waiting;

	banos_spin_lock(&controller->lock);
	is_waiting = completion_pending(&controller->admin.completion) ||
		     completion_pending(&controller->io.completion);
	if (!is_waiting || controller->interrupts != controller->interrupts_seen ||
	    !controller->waits_since_ns) {
		controller->interrupts_seen = controller->interrupts;
		controller->waits_since_ns = is_waiting ? now_ns : 0;
	} else if (now_ns - controller->waits_since_ns >= LOST_NS) {
		controller->waits_since_ns = 0;
		is_lost = completions_handle(controller);
	}
	banos_spin_unlock(&controller->lock);
	if (!is_lost || controller->by_line)
		return;
	banos_warning(controller->self, "nvme%u: a message did not arrive: the line is used",
		      controller->number);
	interrupt_disconnect(controller);
	if (interrupt_connect(controller, 1))
		banos_warning(controller->self, "nvme%u: has no interrupt line: it is slow",
			      controller->number);
}

void controller_check(struct nvme_controller *controller)
{
	uint32_t resets, bogus, status;

	banos_spin_lock(&controller->lock);
	resets = controller->resets;
	bogus = controller->bogus;
	banos_spin_unlock(&controller->lock);
	status = register_read(controller, REG_STATUS);
	if (status == UINT32_MAX && pci_check(controller->self))
		controller_give_up(controller, -ENODEV, "was unplugged");
	else if (status == UINT32_MAX)
		controller_recover(controller, resets, "reads as all bits set");
	else if (status & STATUS_FATAL)
		controller_recover(controller, resets, "reports a fatal state");
	else if (!(status & STATUS_READY))
		controller_recover(controller, resets, "has stopped by itself");
	else if (bogus >= BOGUS_MAX)
		controller_recover(controller, resets, "answers what nobody asked");
	else if (!banos_mutex_trylock(&controller->reset_mutex)) {
		interrupt_find_lost(controller);
		banos_mutex_unlock(&controller->reset_mutex);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Commands for administration: NVM Express 1.4, 5.3, 5.4, 5.15 and 5.21.1.7. One is out at a time, and the
 * thread that gave it out waits for it.
 *
 * A completion that matches no command is counted, and has no effect. After some of them no more are taken, so that
 * the interrupt's function always ends.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "controller.h"
#include "registers.h"

#define ADMIN_LIMIT_NS (10 * BANOS_S)

/* ---- completions ---- */

/* The queue's lock is held. */
static void admin_finish(struct admin_state *state, int64_t error)
{
	state->error = error;
	state->is_pending = 0;
	banos_wait_wake(&state->done);
}

uint32_t admin_handle(struct nvme_controller *controller)
{
	struct nvme_queue *queue = &controller->admin;
	struct nvme_answer answer;
	uint32_t count = 0;

	banos_spin_lock(&queue->lock);
	while (queue->bogus < BOGUS_MAX && completion_take(&queue->completion, &answer)) {
		count++;
		if (answer.queue || command_end(&queue->table, answer.id) < 0) {
			queue->bogus++;
			continue;
		}
		controller->admin_state.answer = answer;
		admin_finish(&controller->admin_state, 0);
	}
	if (count)
		doorbell_write(controller, queue, 1, queue->completion.head);
	banos_spin_unlock(&queue->lock);
	return count;
}

void admin_end(struct nvme_controller *controller, int64_t error)
{
	struct nvme_queue *queue = &controller->admin;

	banos_spin_lock(&queue->lock);
	queue->table.out[0] = 0;
	if (controller->admin_state.is_pending)
		admin_finish(&controller->admin_state, error);
	banos_spin_unlock(&queue->lock);
}

/* ---- commands ---- */

/* @return 0, or the error that the controller failed with */
static int64_t admin_submit(struct nvme_controller *controller, struct nvme_command *command)
{
	struct nvme_queue *queue = &controller->admin;
	int64_t error = 0;

	banos_spin_lock(&queue->lock);
	if (controller_state(controller) == STATE_FAILED)
		error = controller->failure;
	if (!error) {
		command->id = command_begin(&queue->table, 0);
		controller->admin_state.is_pending = 1;
		doorbell_write(controller, queue, 0, submission_put(&queue->submission, command));
	}
	banos_spin_unlock(&queue->lock);
	return error;
}

static int admin_is_pending(struct nvme_controller *controller)
{
	int pending;

	banos_spin_lock(&controller->admin.lock);
	pending = controller->admin_state.is_pending != 0;
	banos_spin_unlock(&controller->admin.lock);
	return pending;
}

static int64_t admin_look(struct nvme_controller *controller)
{
	uint32_t status = register_read(controller, REG_STATUS);

	if (status == UINT32_MAX)
		return -ENODEV;
	if (status & STATUS_FATAL || !(status & STATUS_READY))
		return -EIO;
	(void)interrupt_find_lost(controller);
	return 0;
}

static int64_t admin_wait(struct nvme_controller *controller)
{
	struct admin_state *state = &controller->admin_state;
	uint64_t deadline_ns = banos_time_ns() + ADMIN_LIMIT_NS;
	int64_t error = 0;

	for (;;) {
		uint64_t ticket = banos_wait_ticket(&state->done), now_ns = banos_time_ns();

		if (!admin_is_pending(controller))
			return state->error;
		if (error)
			return error;
		if (now_ns > deadline_ns)
			return -ETIMEDOUT;
		if (banos_wait_sleep(&state->done, ticket, now_ns + LOOK_NS, BANOS_UNINTERRUPTIBLE))
			error = admin_look(controller);
	}
}

static int64_t admin_run(struct nvme_controller *controller, struct nvme_command *command)
{
	const struct nvme_answer *answer = &controller->admin_state.answer;
	int64_t error = admin_submit(controller, command);

	if (!error)
		error = admin_wait(controller);
	if (error) {
		banos_error(controller->self,
			    "nvme%u: does not execute command 0x%x (error %ld): status 0x%x",
			    controller->number, command->opcode, error,
			    register_read(controller, REG_STATUS));
		return error;
	}
	if (!answer->status)
		return 0;
	banos_error(controller->self, "nvme%u: answers command 0x%x with status %u/%02x",
		    controller->number, command->opcode, STATUS_TYPE(answer->status),
		    STATUS_CODE(answer->status));
	return -EIO;
}

int64_t identify_run(struct nvme_controller *controller, uint32_t what, uint32_t space)
{
	struct nvme_command command = {
		.opcode = ADMIN_IDENTIFY,
		.space = space,
		.data = { controller->data.address },
		.arguments = { what },
	};
	int64_t error;

	memset(controller->data.memory, 0, IDENTIFY_BYTES);
	error = admin_run(controller, &command);
	memcpy(controller->identify, controller->data.memory, IDENTIFY_BYTES);
	return error;
}

/* ---- pairs of queues for disks ---- */

int64_t io_queues_ask(struct nvme_controller *controller, uint32_t wanted)
{
	struct nvme_command command = {
		.opcode = ADMIN_SET_FEATURES,
		.arguments = { FEATURE_QUEUES, (wanted - 1) << 16 | (wanted - 1) },
	};
	int64_t error = admin_run(controller, &command);
	uint32_t value = controller->admin_state.answer.value, submissions = (value & 0xffff) + 1,
		 completions = (value >> 16) + 1;

	if (error)
		return error;
	if (submissions > completions)
		submissions = completions;
	if (submissions < wanted)
		return submissions;
	return wanted;
}

static int64_t io_queue_create(struct nvme_controller *controller, struct nvme_queue *queue)
{
	uint32_t which = (queue->entries - 1) << 16 | queue->number;
	struct nvme_command completion = {
		.opcode = ADMIN_CREATE_COMPLETION,
		.data = { queue->completion_memory.address },
		.arguments = { which, QUEUE_CONTIGUOUS | QUEUE_INTERRUPTS |
					      queue->vector << QUEUE_VECTOR_AT },
	}, submission = {
		.opcode = ADMIN_CREATE_SUBMISSION,
		.data = { queue->submission_memory.address },
		.arguments = { which, queue->number << 16 | QUEUE_CONTIGUOUS },
	};
	int64_t error = admin_run(controller, &completion);

	if (!error)
		error = admin_run(controller, &submission);
	return error;
}

int64_t io_queues_create(struct nvme_controller *controller)
{
	int64_t error = io_queues_ask(controller, controller->io_count);

	if (error > 0 && error < controller->io_count)
		error = -EIO; /* it had as many before its reset */
	for (uint32_t i = 0; i < controller->io_count && error >= 0; i++) {
		controller->io[i]->vector = interrupt_of_queue(controller, i + 1);
		error = io_queue_create(controller, controller->io[i]);
	}
	if (error < 0)
		return error;
	return 0;
}

void io_queues_delete(struct nvme_controller *controller)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < controller->io_count && !error; i++) {
		struct nvme_command submission = {
			.opcode = ADMIN_DELETE_SUBMISSION,
			.arguments = { controller->io[i]->number },
		}, completion = {
			.opcode = ADMIN_DELETE_COMPLETION,
			.arguments = { controller->io[i]->number },
		};

		error = admin_run(controller, &submission);
		if (!error)
			error = admin_run(controller, &completion);
	}
}

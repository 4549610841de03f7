/* SPDX-License-Identifier: MIT */
/*
 * Commands, and the interrupt of a controller: NVM Express 1.4, 4, 5.3, 5.4, 5.15 and 7.5.
 *
 * A completion that matches no command is counted, and has no effect. After some of them no more are taken, so that
 * the interrupt's function always ends; the thread that waits then resets the controller (recovery.c).
 */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "controller.h"
#include "registers.h"

#define ADMIN_LIMIT_NS (10 * BANOS_S)

/* ---- completions; lock held ---- */

static void command_finish(struct command_state *command, int64_t error)
{
	command->error = error;
	command->is_pending = 0;
	banos_wait_wake(&command->done);
}

static void answer_handle(struct nvme_controller *controller, struct nvme_queue *queue,
			  const struct nvme_answer *answer)
{
	int32_t index = -1;

	if (answer->queue == queue->number)
		index = command_end(&queue->table, answer->id);
	if (index < 0) {
		controller->bogus++;
		return;
	}
	queue->commands[index].answer = *answer;
	command_finish(&queue->commands[index], 0);
}

static uint32_t queue_handle(struct nvme_controller *controller, struct nvme_queue *queue)
{
	struct nvme_answer answer;
	uint32_t count = 0;

	while (controller->bogus < BOGUS_MAX && completion_take(&queue->completion, &answer)) {
		answer_handle(controller, queue, &answer);
		count++;
	}
	if (count)
		doorbell_write(controller, queue, 1, queue->completion.head);
	return count;
}

uint32_t completions_handle(struct nvme_controller *controller)
{
	if (controller->state == STATE_FAILED)
		return 0;
	return queue_handle(controller, &controller->admin) +
	       queue_handle(controller, &controller->io);
}

static void queue_end_all(struct nvme_queue *queue, int64_t error)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		queue->table.out[i] = 0;
		if (queue->commands[i].is_pending)
			command_finish(&queue->commands[i], error);
	}
}

void commands_end_all(struct nvme_controller *controller, int64_t error)
{
	queue_end_all(&controller->admin, error);
	queue_end_all(&controller->io, error);
}

/* ---- the interrupt ---- */

int64_t nvme_interrupt(void *context)
{
	struct nvme_controller *controller = context;
	uint32_t count;

	banos_spin_lock(&controller->lock);
	count = completions_handle(controller);
	controller->interrupts += count != 0;
	if (controller->by_line && controller->bogus >= BOGUS_MAX)
		register_write(controller, REG_MASK_SET, UINT32_MAX);
	banos_spin_unlock(&controller->lock);
	if (!count)
		return BANOS_IRQ_NONE;
	if (controller->by_line) /* the head has arrived before the line is unmasked */
		(void)register_read(controller, REG_STATUS);
	return BANOS_IRQ_HANDLED;
}

int64_t interrupt_connect(struct nvme_controller *controller, uint32_t by_line)
{
	const struct banos_irq_config config = {
		.size = sizeof(config),
		.flags = by_line ? BANOS_IRQ_LINE : 0,
		.function = nvme_interrupt,
		.context = controller,
	};
	int64_t error;

	controller->by_line = by_line || banos_device_interrupts(controller->self) <= 0;
	error = banos_irq_create(controller->self, &config, &controller->irq);
	if (error)
		controller->irq = NULL;
	return error;
}

void interrupt_disconnect(struct nvme_controller *controller)
{
	if (controller->irq)
		banos_irq_destroy(controller->irq);
	controller->irq = NULL;
}

/* ---- commands ---- */

/* @return 0, -EAGAIN: the controller is being reset, or the error that it failed with */
static int64_t command_submit(struct nvme_controller *controller, struct nvme_queue *queue,
			      uint32_t index, struct nvme_command *command)
{
	struct command_state *state = &queue->commands[index];
	int64_t error = 0;

	banos_spin_lock(&controller->lock);
	if (controller->state == STATE_FAILED)
		error = controller->failure;
	else if (queue->number && controller->state != STATE_LIVE)
		error = -EAGAIN;
	if (!error) {
		command->id = command_begin(&queue->table, index);
		state->is_pending = 1;
		doorbell_write(controller, queue, 0, submission_put(&queue->submission, command));
	}
	banos_spin_unlock(&controller->lock);
	return error;
}

/* @return 0: it has ended, with command_state.error and .answer */
static int command_is_pending(struct nvme_controller *controller, struct command_state *command,
			      uint32_t *resets)
{
	int pending;

	banos_spin_lock(&controller->lock);
	pending = command->is_pending != 0;
	*resets = controller->resets;
	banos_spin_unlock(&controller->lock);
	return pending;
}

/* ---- administration ---- */

static int64_t admin_look(struct nvme_controller *controller)
{
	uint32_t status = register_read(controller, REG_STATUS);

	if (status == UINT32_MAX)
		return -ENODEV;
	if (status & STATUS_FATAL || !(status & STATUS_READY))
		return -EIO;
	interrupt_find_lost(controller);
	return 0;
}

static int64_t admin_wait(struct nvme_controller *controller)
{
	struct command_state *command = &controller->admin.commands[0];
	uint64_t deadline_ns = banos_time_ns() + ADMIN_LIMIT_NS;
	uint32_t resets;
	int64_t error = 0;

	for (;;) {
		uint64_t ticket = banos_wait_ticket(&command->done), now_ns = banos_time_ns();

		if (!command_is_pending(controller, command, &resets))
			return command->error;
		if (error)
			return error;
		if (now_ns > deadline_ns)
			return -ETIMEDOUT;
		if (banos_wait_sleep(&command->done, ticket, now_ns + LOOK_NS,
				     BANOS_UNINTERRUPTIBLE))
			error = admin_look(controller);
	}
}

int64_t admin_run(struct nvme_controller *controller, struct nvme_command *command)
{
	const struct nvme_answer *answer = &controller->admin.commands[0].answer;
	int64_t error = command_submit(controller, &controller->admin, 0, command);

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
		.prp = { controller->data.address },
		.arguments = { what },
	};
	int64_t error;

	memset(controller->data.memory, 0, IDENTIFY_BYTES);
	error = admin_run(controller, &command);
	memcpy(controller->identify, controller->data.memory, IDENTIFY_BYTES);
	return error;
}

int64_t io_queues_create(struct nvme_controller *controller)
{
	const struct nvme_queue *queue = &controller->io;
	uint32_t which = (queue->entries - 1) << 16 | queue->number;
	struct nvme_command features = {
		.opcode = ADMIN_SET_FEATURES,
		.arguments = { FEATURE_QUEUES, 0 }, /* one pair */
	}, completion = {
		.opcode = ADMIN_CREATE_COMPLETION,
		.prp = { queue->completion_memory.address },
		.arguments = { which, QUEUE_CONTIGUOUS | QUEUE_INTERRUPTS },
	}, submission = {
		.opcode = ADMIN_CREATE_SUBMISSION,
		.prp = { queue->submission_memory.address },
		.arguments = { which, queue->number << 16 | QUEUE_CONTIGUOUS },
	};
	int64_t error = admin_run(controller, &features);

	if (!error)
		error = admin_run(controller, &completion);
	if (!error)
		error = admin_run(controller, &submission);
	return error;
}

void io_queues_delete(struct nvme_controller *controller)
{
	struct nvme_command submission = {
		.opcode = ADMIN_DELETE_SUBMISSION,
		.arguments = { controller->io.number },
	}, completion = {
		.opcode = ADMIN_DELETE_COMPLETION,
		.arguments = { controller->io.number },
	};

	if (!admin_run(controller, &submission))
		(void)admin_run(controller, &completion);
}

/* ---- reads ---- */

int64_t io_run(struct nvme_controller *controller, uint32_t slot, struct nvme_command *command)
{
	struct command_state *state = &controller->io.commands[slot];
	uint64_t deadline_ns = banos_time_ns() + controller->limit_ns;
	int64_t error = command_submit(controller, &controller->io, slot, command);
	uint32_t resets;

	while (!error) {
		uint64_t ticket = banos_wait_ticket(&state->done), now_ns = banos_time_ns();

		if (!command_is_pending(controller, state, &resets))
			break;
		/* Whatever comes of a reset, it ends the command. */
		if (now_ns > deadline_ns)
			controller_recover(controller, resets, "does not answer");
		else if (banos_wait_sleep(&state->done, ticket, now_ns + LOOK_NS,
					  BANOS_UNINTERRUPTIBLE))
			controller_check(controller);
	}
	if (!error)
		error = state->error;
	if (!error)
		error = state->answer.status;
	return error;
}

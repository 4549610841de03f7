/* SPDX-License-Identifier: MIT */
/*
 * Requests of disks: NVM Express 1.4, 4.1, 4.6 and 6. The rest of the theory is in controller.h.
 *
 * A completion that matches no command is counted, and has no effect. After some of them no more are taken, so that
 * the interrupt's function always ends; the controller is reset when the requests that are out are overdue.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "controller.h"
#include "registers.h"

#define ERRORS_SAID_MAX	   16u
#define COMPLETIONS	   32u
#define BLOCKS_AT_ONCE	   65536u /* of a command */
#define DISCARD_BLOCKS_MAX (1u << 20)

/* ---- commands ---- */

static struct data_list slot_list(const struct nvme_queue *queue, uint32_t slot)
{
	uint64_t offset = (uint64_t)slot * LIST_BYTES;

	return (struct data_list){ .memory = (uint64_t *)((char *)queue->lists.memory + offset),
				   .address = queue->lists.address + offset,
				   .bytes = LIST_BYTES };
}

BANOS_ASSERT(sizeof(struct data_piece) == sizeof(struct banos_segment), pieces_alike);

/* Pieces in pages, as most are, are named by pages: that is cheaper for both sides. */
static int64_t command_put_data(const struct nvme_space *space, const struct data_list *list,
				const struct banos_block_request *request,
				struct nvme_command *command)
{
	const struct nvme_controller *controller = space->controller;
	struct data_piece pieces[PIECES_MAX];
	int64_t count = banos_buffer_map(request->buffer, (struct banos_segment *)pieces,
					 PIECES_MAX, sizeof(struct banos_segment));

	if (count <= 0)
		return count ? count : -EINVAL;
	if (!prp_build(pieces, (uint32_t)count, controller->capabilities.page_shift, list,
		       command->data))
		return 0;
	if (!controller->identity.has_segments ||
	    sgl_build(pieces, (uint32_t)count, list, command->data))
		return -EIO;
	command->flags = COMMAND_BY_SEGMENTS;
	return 0;
}

static void command_put_range(const struct data_list *list,
			      const struct banos_block_request *request,
			      struct nvme_command *command)
{
	list->memory[0] = request->count << 32; /* no attributes, blocks */
	list->memory[1] = request->first;
	command->data[0] = list->address;
	command->arguments[0] = 0; /* one range */
	command->arguments[1] = RANGES_DISCARD;
}

/* @return 0, or the error of this request */
static int64_t command_build(const struct nvme_space *space, const struct data_list *list,
			     const struct banos_block_request *request,
			     struct nvme_command *command)
{
	uint32_t last = (uint32_t)request->count - 1;

	*command = (struct nvme_command){
		.opcode = NVM_READ,
		.space = space->number,
		.arguments = { (uint32_t)request->first, (uint32_t)(request->first >> 32), last },
	};
	switch (request->operation) {
	case BANOS_BLOCK_READ: return command_put_data(space, list, request, command);
	case BANOS_BLOCK_WRITE:
		command->opcode = NVM_WRITE;
		if (request->flags & BANOS_BLOCK_FUA)
			command->arguments[2] |= WRITE_DURABLE;
		return command_put_data(space, list, request, command);
	case BANOS_BLOCK_FLUSH:
		*command = (struct nvme_command){ .opcode = NVM_FLUSH, .space = space->number };
		return 0;
	case BANOS_BLOCK_WRITE_ZEROES:
		command->opcode = NVM_WRITE_ZEROES;
		if (request->flags & BANOS_BLOCK_UNMAP)
			command->arguments[2] |= ZEROES_UNMAP;
		return 0;
	case BANOS_BLOCK_DISCARD:
		*command = (struct nvme_command){ .opcode = NVM_RANGES, .space = space->number };
		command_put_range(list, request, command);
		return 0;
	default: return -EOPNOTSUPP;
	}
}

/* ---- submitting; the queue's lock is held ---- */

static void space_refuse(const struct nvme_space *space, const struct nvme_queue *queue,
			 uint32_t tag, int64_t error)
{
	struct banos_block_completion completion = { .tag = tag, .error = (int32_t)error };

	banos_block_complete(space->block, queue->number - 1, &completion, 1, sizeof(completion));
}

/* @return 1: it was put, or has ended; 0: no slot or no memory is free */
static int space_put(struct nvme_space *space, struct nvme_queue *queue,
		     const struct banos_block_request *request)
{
	uint32_t number;
	struct nvme_slot *slot;
	struct data_list list;
	int64_t error;

	if (!queue->slots_free)
		return 0;
	number = (uint32_t)__builtin_ctzll(queue->slots_free);
	slot = &queue->slots[number];
	list = slot_list(queue, number);
	error = command_build(space, &list, request, &slot->command);
	if (error == -ENOMEM)
		return 0;
	if (error) {
		space_refuse(space, queue, request->tag, error);
		return 1;
	}
	slot->space = space;
	slot->tag = request->tag;
	queue->slots_free &= ~(1ull << number);
	slot->command.id = command_begin(&queue->table, number);
	submission_put(&queue->submission, &slot->command);
	return 1;
}

static int64_t space_submit(void *context, uint32_t number,
			    const struct banos_block_request *requests, uint32_t count,
			    uint32_t stride)
{
	struct nvme_space *space = context;
	struct nvme_controller *controller = space->controller;
	struct nvme_queue *queue = controller->io[number];
	uint32_t taken = 0, tail, state;

	banos_spin_lock(&queue->lock);
	state = controller_state(controller);
	tail = queue->submission.tail;
	while (state == STATE_LIVE && taken < count &&
	       space_put(space, queue,
			 (const void *)((const char *)requests + (uint64_t)taken * stride)))
		taken++;
	if (queue->submission.tail != tail)
		doorbell_write(controller, queue, 0, queue->submission.tail);
	banos_spin_unlock(&queue->lock);
	if (state == STATE_FAILED)
		return controller->failure;
	return taken;
}

void io_repeat(struct nvme_controller *controller, const struct nvme_space *space)
{
	for (uint32_t i = 0; i < controller->io_count; i++) {
		struct nvme_queue *queue = controller->io[i];
		uint32_t tail;

		banos_spin_lock(&queue->lock);
		tail = queue->submission.tail;
		for (uint32_t j = 0; j < queue->slots_count; j++) {
			if (!queue->table.out[j])
				continue;
			if (queue->slots[j].space == space) {
				queue->table.out[j] = 0;
				queue->slots_free |= 1ull << j;
			} else {
				submission_put(&queue->submission, &queue->slots[j].command);
			}
		}
		if (queue->submission.tail != tail)
			doorbell_write(controller, queue, 0, queue->submission.tail);
		banos_spin_unlock(&queue->lock);
	}
}

/* ---- completions; the queue's lock is held ---- */

static void slot_say_error(const struct nvme_slot *slot, uint32_t status)
{
	struct nvme_controller *controller = slot->space->controller;
	const struct nvme_command *command = &slot->command;
	uint64_t first = command->arguments[0] | (uint64_t)command->arguments[1] << 32;
	const char *what = command->opcode == NVM_READ ? "read" : "written";

	if (__atomic_fetch_add(&controller->errors_said, 1, __ATOMIC_RELAXED) >= ERRORS_SAID_MAX)
		return;
	if (command->opcode == NVM_READ || command->opcode == NVM_WRITE)
		banos_error(controller->self,
			    "nvme%un%u: blocks %lu to %lu: not %s: status %u/%02x",
			    controller->number, slot->space->number, first,
			    first + (command->arguments[2] & 0xffff), what, STATUS_TYPE(status),
			    STATUS_CODE(status));
	else
		banos_error(controller->self, "nvme%un%u: command 0x%x failed: status %u/%02x",
			    controller->number, slot->space->number, command->opcode,
			    STATUS_TYPE(status), STATUS_CODE(status));
}

static int32_t slot_error(const struct nvme_slot *slot, uint32_t status)
{
	if (!status)
		return 0;
	slot_say_error(slot, status);
	switch (STATUS_WHICH(status)) {
	case FAULT_OPCODE: return -EOPNOTSUPP;
	case FAULT_CAPACITY: return -ENOSPC;
	case FAULT_PROTECTED: return -EROFS;
	default: return -EIO;
	}
}

/** Completions of one disk, until it is another's turn. */
struct completion_batch {
	struct nvme_space *space;
	uint32_t count;
	struct banos_block_completion entries[COMPLETIONS];
};

static void batch_end(struct completion_batch *batch, const struct nvme_queue *queue)
{
	if (batch->count)
		banos_block_complete(batch->space->block, queue->number - 1, batch->entries,
				     batch->count, sizeof(batch->entries[0]));
	batch->count = 0;
}

static void batch_append(struct completion_batch *batch, const struct nvme_queue *queue,
			 const struct nvme_slot *slot, uint32_t status)
{
	if (batch->count == COMPLETIONS || (batch->count && batch->space != slot->space))
		batch_end(batch, queue);
	batch->space = slot->space;
	batch->entries[batch->count++] = (struct banos_block_completion){
		.tag = slot->tag,
		.error = slot_error(slot, status),
	};
}

uint32_t io_handle(struct nvme_controller *controller, struct nvme_queue *queue)
{
	struct completion_batch batch;
	struct nvme_answer answer;
	uint32_t count = 0;
	int32_t slot;

	batch.count = 0;
	banos_spin_lock(&queue->lock);
	while (queue->bogus < BOGUS_MAX && completion_take(&queue->completion, &answer)) {
		count++;
		slot = answer.queue == queue->number ? command_end(&queue->table, answer.id) : -1;
		if (slot < 0) {
			queue->bogus++;
			continue;
		}
		batch_append(&batch, queue, &queue->slots[slot], answer.status);
		queue->slots_free |= 1ull << slot;
		if (!answer.status)
			__atomic_store_n(&controller->resets_idle, 0, __ATOMIC_RELAXED);
	}
	if (count)
		doorbell_write(controller, queue, 1, queue->completion.head);
	batch_end(&batch, queue);
	banos_spin_unlock(&queue->lock);
	return count;
}

/* ---- the disk ---- */

static const struct banos_block_ops space_ops = {
	.size = sizeof(space_ops),
	.submit = space_submit,
	.timeout = space_timeout,
	.reset = space_reset,
};

static uint32_t space_flags(const struct nvme_space *space)
{
	const struct nvme_identity *identity = &space->controller->identity;
	uint32_t flags = 0;

	if (space->format.is_read_only)
		flags |= BANOS_BLOCK_READ_ONLY;
	if (identity->has_cache)
		flags |= BANOS_BLOCK_HAS_FLUSH | BANOS_BLOCK_HAS_FUA;
	if (identity->commands & IDENTITY_HAS_RANGES)
		flags |= BANOS_BLOCK_HAS_DISCARD;
	if (identity->commands & IDENTITY_HAS_ZEROES)
		flags |= BANOS_BLOCK_HAS_WRITE_ZEROES;
	return flags;
}

int64_t space_register(struct nvme_space *space)
{
	const struct nvme_controller *controller = space->controller;
	struct banos_block_config config = {
		.size = sizeof(config),
		.flags = space_flags(space),
		.block_bytes = 1u << space->format.block_shift,
		.blocks = space->format.blocks,
		.queues = controller->io_count,
		.depth = controller->io[0]->slots_count,
		.segments_max = PIECES_MAX,
		.bytes_max = TRANSFER_MAX,
		.timeout_ms = controller->limit_ms,
		.discard_blocks_max = DISCARD_BLOCKS_MAX,
		.zero_blocks_max = BLOCKS_AT_ONCE,
		.context = space,
		.ops = &space_ops,
	};

	if (config.bytes_max > controller->identity.transfer_bytes)
		config.bytes_max = controller->identity.transfer_bytes;
	if (!controller->identity.has_segments)
		config.segment_gap_mask = (1u << controller->capabilities.page_shift) - 1;
	banos_format(config.name, sizeof(config.name), "nvme%un%u", controller->number,
		     space->number);
	if (space->number == 1)
		banos_format(config.serial, sizeof(config.serial), "%s",
			     controller->identity.serial);
	else
		banos_format(config.serial, sizeof(config.serial), "%s_%u",
			     controller->identity.serial, space->number);
	banos_format(config.place, sizeof(config.place), "nvme-%u", space->number);
	banos_format(config.model, sizeof(config.model), "%s", controller->identity.model);
	return banos_block_register(controller->self, &config, &space->block);
}

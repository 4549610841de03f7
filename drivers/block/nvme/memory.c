/* SPDX-License-Identifier: MIT */
/*
 * The memory of a controller. A queue is contiguous, which every controller accepts; the buffer of a read is
 * made of pages, since so much contiguous memory may not be there.
 */
#include <banos/errno.h>
#include <banos/string.h>
#include "controller.h"

static int64_t nvme_memory_alloc(struct nvme_controller *controller, uint64_t bytes,
				 struct nvme_memory *memory)
{
	const struct banos_dma_config config = {
		.size = sizeof(config),
		.bytes = bytes,
		.alignment = 1ull << controller->capabilities.page_shift,
	};
	int64_t error = banos_dma_alloc(controller->self, &config, &memory->dma, &memory->memory,
					&memory->address);

	if (error)
		memory->dma = NULL;
	return error;
}

static void nvme_memory_free(struct nvme_memory *memory)
{
	if (memory->dma)
		banos_dma_free(memory->dma);
	*memory = (struct nvme_memory){ 0 };
}

static int64_t queue_alloc(struct nvme_controller *controller, struct nvme_queue *queue,
			   uint32_t number, uint32_t entries)
{
	int64_t error = nvme_memory_alloc(controller, entries * sizeof(struct nvme_command),
					  &queue->submission_memory);

	if (!error)
		error = nvme_memory_alloc(controller, entries * sizeof(struct nvme_completion),
					  &queue->completion_memory);
	for (uint32_t i = 0; i < SLOTS && !error; i++)
		error = banos_wait_init(controller->self, &queue->commands[i].done);
	queue->number = number;
	queue->entries = entries;
	return error;
}

int64_t queues_alloc(struct nvme_controller *controller, uint32_t entries_max)
{
	uint32_t entries = controller->capabilities.entries_max;
	int64_t error = nvme_memory_alloc(controller, IDENTIFY_BYTES, &controller->data);

	if (entries > entries_max)
		entries = entries_max;
	if (!error)
		error = queue_alloc(controller, &controller->io, 1, entries);
	controller->slots_count = entries - 1;
	if (controller->slots_count > SLOTS)
		controller->slots_count = SLOTS;
	if (entries > ADMIN_ENTRIES_MAX)
		entries = ADMIN_ENTRIES_MAX;
	if (!error)
		error = queue_alloc(controller, &controller->admin, 0, entries);
	return error;
}

static void queue_clear(struct nvme_queue *queue)
{
	memset(queue->completion_memory.memory, 0, queue->entries * sizeof(struct nvme_completion));
	submission_init(&queue->submission, queue->submission_memory.memory, queue->entries);
	completion_init(&queue->completion, queue->completion_memory.memory, queue->entries);
}

void queues_clear(struct nvme_controller *controller)
{
	banos_spin_lock(&controller->lock);
	queue_clear(&controller->admin);
	queue_clear(&controller->io);
	commands_end_all(controller, -EAGAIN);
	controller->bogus = 0;
	banos_spin_unlock(&controller->lock);
}

static int64_t slot_alloc(struct nvme_controller *controller, struct nvme_slot *slot)
{
	uint64_t page_bytes = 1ull << controller->capabilities.page_shift;
	int64_t error = nvme_memory_alloc(controller, page_bytes, &slot->list);

	for (uint32_t i = 0; i < SLOT_BYTES / page_bytes && !error; i++) {
		error = nvme_memory_alloc(controller, page_bytes, &slot->pages[i]);
		slot->addresses[i] = slot->pages[i].address;
		slot->pages_count += !error;
	}
	return error;
}

int64_t slots_alloc(struct nvme_controller *controller)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < controller->slots_count && !error; i++)
		error = slot_alloc(controller, &controller->slots[i]);
	return error;
}

static void nvme_queue_free(struct nvme_queue *queue)
{
	nvme_memory_free(&queue->submission_memory);
	nvme_memory_free(&queue->completion_memory);
}

void memory_free_all(struct nvme_controller *controller)
{
	for (uint32_t i = 0; i < controller->slots_count; i++) {
		struct nvme_slot *slot = &controller->slots[i];

		for (uint32_t j = 0; j < slot->pages_count; j++)
			nvme_memory_free(&slot->pages[j]);
		nvme_memory_free(&slot->list);
	}
	nvme_queue_free(&controller->io);
	nvme_queue_free(&controller->admin);
	nvme_memory_free(&controller->data);
}

/* SPDX-License-Identifier: MIT */
/* The memory of a controller. A queue is contiguous, which every controller accepts. */
#include <banos/errno.h>
#include <banos/memory.h>
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
	int64_t error = banos_spin_init(&queue->lock);

	if (entries > controller->capabilities.entries_max)
		entries = controller->capabilities.entries_max;
	if (!error)
		error = nvme_memory_alloc(controller, entries * sizeof(struct nvme_command),
					  &queue->submission_memory);
	if (!error)
		error = nvme_memory_alloc(controller, entries * sizeof(struct nvme_completion),
					  &queue->completion_memory);
	queue->number = number;
	queue->entries = entries;
	return error;
}

int64_t admin_alloc(struct nvme_controller *controller)
{
	int64_t error = nvme_memory_alloc(controller, IDENTIFY_BYTES, &controller->data);

	if (!error)
		error = queue_alloc(controller, &controller->admin, 0, ADMIN_ENTRIES_MAX);
	return error;
}

static int64_t io_queue_alloc(struct nvme_controller *controller, uint32_t index, uint32_t entries)
{
	struct nvme_queue *queue = banos_alloc(controller->self, sizeof(*queue), 0);
	uint32_t slots = SLOTS;
	int64_t error;

	if (!queue)
		return -ENOMEM;
	controller->io[index] = queue;
	error = queue_alloc(controller, queue, index + 1, entries);
	if (error)
		return error;
	if (slots > queue->entries - 1)
		slots = queue->entries - 1;
	queue->slots_count = slots;
	queue->slots_free = (1ull << slots) - 1;
	queue->slots = banos_alloc(controller->self, slots * sizeof(*queue->slots), 0);
	if (!queue->slots)
		return -ENOMEM;
	return nvme_memory_alloc(controller, (uint64_t)slots * LIST_BYTES, &queue->lists);
}

int64_t io_alloc(struct nvme_controller *controller, uint32_t count, uint32_t entries)
{
	int64_t error = 0;

	for (uint32_t i = 0; i < count && !error; i++) {
		error = io_queue_alloc(controller, i, entries);
		controller->io_count += !error;
	}
	return error;
}

static void queue_clear(struct nvme_queue *queue)
{
	banos_spin_lock(&queue->lock);
	memset(queue->completion_memory.memory, 0, queue->entries * sizeof(struct nvme_completion));
	submission_init(&queue->submission, queue->submission_memory.memory, queue->entries);
	completion_init(&queue->completion, queue->completion_memory.memory, queue->entries);
	queue->bogus = 0;
	banos_spin_unlock(&queue->lock);
}

void io_clear(struct nvme_controller *controller)
{
	for (uint32_t i = 0; i < controller->io_count; i++)
		queue_clear(controller->io[i]);
}

void queues_clear(struct nvme_controller *controller)
{
	queue_clear(&controller->admin);
	io_clear(controller);
	admin_end(controller, -EAGAIN);
}

static void nvme_queue_free(struct nvme_queue *queue)
{
	nvme_memory_free(&queue->submission_memory);
	nvme_memory_free(&queue->completion_memory);
	nvme_memory_free(&queue->lists);
}

void memory_free_all(struct nvme_controller *controller)
{
	for (uint32_t i = 0; i < IO_QUEUES_MAX; i++)
		if (controller->io[i])
			nvme_queue_free(controller->io[i]);
	nvme_queue_free(&controller->admin);
	nvme_memory_free(&controller->data);
}

void memory_free_driver(struct nvme_controller *controller)
{
	for (uint32_t i = 0; i < IO_QUEUES_MAX; i++) {
		struct nvme_queue *queue = controller->io[i];

		if (queue && queue->slots)
			banos_free(controller->self, queue->slots);
		if (queue)
			banos_free(controller->self, queue);
	}
}

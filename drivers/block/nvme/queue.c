/* SPDX-License-Identifier: MIT */
/* Queues of commands and completions: queue.h. */
#include "queue.h"

#define PHASE_AT 16

void submission_init(struct submission_queue *queue, void *memory, uint32_t count)
{
	*queue = (struct submission_queue){ memory, count, 0 };
}

uint32_t submission_put(struct submission_queue *queue, const struct nvme_command *command)
{
	queue->entries[queue->tail] = *command;
	queue->tail++;
	if (queue->tail == queue->count)
		queue->tail = 0;
	return queue->tail;
}

void completion_init(struct completion_queue *queue, const void *memory, uint32_t count)
{
	*queue = (struct completion_queue){ memory, count, 0, 1 };
}

static uint32_t completion_word(const struct completion_queue *queue)
{
	return __atomic_load_n(&queue->entries[queue->head].id_and_status, __ATOMIC_ACQUIRE);
}

int completion_pending(const struct completion_queue *queue)
{
	return queue->count && (completion_word(queue) >> PHASE_AT & 1) == queue->phase;
}

int completion_take(struct completion_queue *queue, struct nvme_answer *answer)
{
	const struct nvme_completion *entry = &queue->entries[queue->head];
	uint32_t word;

	if (!queue->count)
		return 0;
	word = completion_word(queue);
	if ((word >> PHASE_AT & 1) != queue->phase)
		return 0;
	answer->value = __atomic_load_n(&entry->value, __ATOMIC_RELAXED);
	answer->queue = __atomic_load_n(&entry->queue, __ATOMIC_RELAXED);
	answer->id = (uint16_t)word;
	answer->status = word >> PHASE_AT & ~1u;
	queue->head++;
	if (queue->head == queue->count) {
		queue->head = 0;
		queue->phase ^= 1;
	}
	return 1;
}

uint16_t command_begin(struct command_table *table, uint32_t index)
{
	uint32_t uses = table->ids[index] / COMMANDS_MAX + 1;

	table->ids[index] = (uint16_t)(uses * COMMANDS_MAX + index);
	table->out[index] = 1;
	return table->ids[index];
}

int32_t command_end(struct command_table *table, uint16_t id)
{
	uint32_t index = id % COMMANDS_MAX;

	if (!table->out[index] || table->ids[index] != id)
		return -1;
	table->out[index] = 0;
	return (int32_t)index;
}

/* SPDX-License-Identifier: MIT */
/**
 * @file queue.h  Queues of commands and completions: NVM Express 1.4, 4.1 to 4.6. Pure.
 *
 * The memory of the queues is shared with the controller. A completion is new when its phase bit has the
 * value of the present lap, so that the word with that bit is read first. What the
 * controller writes is not trusted: a completion counts only if its command is out.
 *
 * The identifier of a command is its place in the table of commands, and a number that changes with each
 * use of that place: a completion that is late, or comes twice, matches nothing. The last place is not
 * used, so that no identifier is 0xffff, which the specification forbids.
 *
 * At most as many commands are out as a queue has entries, less one; the controller takes commands in
 * their order, so the queue of commands is never overrun, whatever the controller says about its head.
 *
 * Locking: the caller's, one for each pair of queues.
 */
#ifndef NVME_QUEUE_H
#define NVME_QUEUE_H

#include <stdint.h>

#define COMMANDS_MAX 64u /* places for commands of a pair of queues; a power of two */

#define COMMAND_BY_SEGMENTS 0x40u /* flag: the data are named by segments */

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t space; /* number of the namespace */
	uint64_t zero[2];
	uint64_t data[2]; /* prp.h */
	uint32_t arguments[6];
};

struct nvme_completion {
	uint32_t value, zero;
	uint16_t head, queue;
	uint32_t id_and_status; /* id, phase (PHASE_BIT), status */
};

/** A completion as it was taken. */
struct nvme_answer {
	uint32_t value;
	uint16_t id, queue;
	uint32_t status; /* for STATUS_CODE() and STATUS_TYPE(); 0: success */
};

struct submission_queue {
	struct nvme_command *entries;
	uint32_t count, tail; /* tail: the one that is filled next */
};

struct completion_queue {
	const struct nvme_completion *entries;
	uint32_t count, head, phase; /* phase: 0 or 1, of a new completion at head */
};

/** The commands that are out. */
struct command_table {
	uint16_t ids[COMMANDS_MAX];
	uint8_t out[COMMANDS_MAX];
};

void submission_init(struct submission_queue *queue, void *memory, uint32_t count);

/**
 * @brief Put a command; the caller sees to it that fewer than count - 1 are out.
 * @return the new tail, for the doorbell
 */
uint32_t submission_put(struct submission_queue *queue, const struct nvme_command *command);

/** @param memory  @p count completions, all zero */
void completion_init(struct completion_queue *queue, const void *memory, uint32_t count);

/** Is there a new completion? */
int completion_pending(const struct completion_queue *queue);

/** Take a completion. @return 1, or 0: there is none, and @p answer is unchanged */
int completion_take(struct completion_queue *queue, struct nvme_answer *answer);

/** A command of the place @p index, which is not out, is given out. @return its identifier */
uint16_t command_begin(struct command_table *table, uint32_t index);

/** The command with this identifier is completed. @return its place, -1: no such command is out */
int32_t command_end(struct command_table *table, uint16_t id);

#endif

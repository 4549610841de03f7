/* SPDX-License-Identifier: MIT */
/**
 * @file controller.h  The state of the driver "nvme": controllers, their queues, the buffers of reads, namespaces.
 *
 * There are two pairs of queues: for administration, and for reads. Both share one interrupt, whose function takes
 * completions and wakes the threads that wait for them. A thread that waits looks four times a second whether
 * the controller is well (recovery.c): no thread exists for that, nor is anything done while nobody reads.
 *
 * A read takes one of the buffers ("slots"), lets the controller fill it, and copies from there to the program.
 * No signal ends the wait, since the controller writes to the buffer: the answer comes within the limit,
 * or the controller is reset.
 *
 * Locks, in this order:
 *   reset_mutex  the controller is reset, or is exchanged for its line; commands for administration are executed with
 *		  it, or while no program can reach the controller: in probe() and remove()
 *   lock         (spin) queues, slots, state
 */
#ifndef NVME_CONTROLLER_H
#define NVME_CONTROLLER_H

#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include <banos/pci.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "identify.h"
#include "prp.h"
#include "queue.h"

#define ADMIN_ENTRIES_MAX 16u
#define SLOTS		  8u /* reads at a time; less than COMMANDS_MAX */
#define SLOT_BYTES	  (128u * 1024)
#define SLOT_PAGES	  (SLOT_BYTES / 4096)
#define SPACES		  128u		   /* namespaces of a controller */
#define BOGUS_MAX	  64u		   /* completions that match nothing */
#define LOOK_NS		  (250 * BANOS_MS) /* so often something that waits looks whether all is well */

/** Memory that the controller reads and writes. */
struct nvme_memory {
	banos_dma dma; /* NULL: none */
	void *memory;
	uint64_t address;
};

/** A command that is out, or was; under lock. */
struct command_state {
	uint32_t is_pending;
	int64_t error; /* 0; -EAGAIN: the controller was reset; else it has failed */
	struct nvme_answer answer;
	struct banos_wait done;
};

struct nvme_queue {
	uint32_t number;  /* 0: administration, 1: reads */
	uint32_t entries; /* of both */
	struct submission_queue submission;
	struct completion_queue completion;
	struct command_table table;
	struct command_state commands[SLOTS]; /* of administration only the first one */
	struct nvme_memory submission_memory, completion_memory;
};

/** A buffer for a read; its number is that of the command. */
struct nvme_slot {
	uint32_t is_taken; /* under lock; the rest is its taker's */
	uint32_t pages_count;
	struct nvme_memory pages[SLOT_PAGES], list;
	uint64_t addresses[SLOT_PAGES];
};

struct nvme_controller;
struct nvme_space {
	struct nvme_controller *controller;
	uint32_t number; /* of the namespace, from 1 */
	uint32_t blocks_at_once;
	struct nvme_format format;
};

enum {
	STATE_STARTING, /* no reads, no interrupts are missed */
	STATE_LIVE,
	STATE_RESETTING,
	STATE_FAILED, /* for good */
};

struct nvme_controller {
	banos_owner self;
	uint32_t number; /* N of nvmeN */

	/* registers */
	void *registers;
	uint64_t registers_bytes;
	banos_mmio mapping;
	uint32_t version;
	struct nvme_capabilities capabilities;
	struct nvme_identity identity;

	struct banos_spinlock lock;
	uint32_t state;
	int64_t failure;      /* in STATE_FAILED: -EIO or -ENODEV */
	uint32_t resets;      /* since the start, modulo 2^32 */
	uint32_t resets_idle; /* since the last read that succeeded */
	uint32_t bogus;	      /* completions that match nothing, since the last reset */
	uint32_t errors_said;
	uint32_t
		interrupts; /* calls of the interrupt's function that found something, modulo 2^32 */
	uint32_t interrupts_seen;
	uint64_t waits_since_ns; /* a completion has waited, or 0: none */
	struct nvme_queue admin, io;
	uint32_t slots_count;
	struct nvme_slot slots[SLOTS];

	uint64_t limit_ns; /* for a read to be answered */
	struct banos_mutex reset_mutex;
	struct banos_wait slot_free;
	banos_irq irq; /* or NULL */
	uint32_t by_line;
	struct nvme_memory data;	  /* of commands for administration: a page */
	uint8_t identify[IDENTIFY_BYTES]; /* a copy of it, for who executes such a command */
	uint32_t spaces_count;
	struct nvme_space spaces[SPACES];
};

static inline uint32_t register_read(const struct nvme_controller *controller, uint32_t offset)
{
	return banos_mmio_read32((char *)controller->registers + offset);
}
static inline void register_write(const struct nvme_controller *controller, uint32_t offset,
				  uint32_t value)
{
	banos_mmio_write32((char *)controller->registers + offset, value);
}

/* hardware.c: registers, start and end */

/** Map the registers and read what they say. @return 0 or -errno, said in the log */
int64_t hardware_open(struct nvme_controller *controller);
/** Stop the controller, give it its queue of administration, let it run. @return 0 or -errno, said in the log */
int64_t hardware_begin(struct nvme_controller *controller);
/** Stop it. @return 0: it does not access memory any more; -errno: it may */
int64_t hardware_stop(struct nvme_controller *controller);
/** Announce that it will be switched off, and wait until it is ready for that; then stop it. @return as hardware_stop() */
int64_t hardware_shut_down(struct nvme_controller *controller);
/** Tell the controller a new tail or head; the caller's writes to memory come before. */
void doorbell_write(const struct nvme_controller *controller, const struct nvme_queue *queue,
		    uint32_t is_head, uint32_t value);

/* memory.c */

/** @param entries_max  wanted for the queue of reads */
int64_t queues_alloc(struct nvme_controller *controller, uint32_t entries_max);
int64_t slots_alloc(struct nvme_controller *controller);
/** Make the queues empty; the controller is stopped, and commands that are out end with -EAGAIN. */
void queues_clear(struct nvme_controller *controller);
/** Free all memory that the controller had; it is stopped. */
void memory_free_all(struct nvme_controller *controller);

/* command.c: commands, the interrupt */

/** The interrupt's function; the context is the controller. */
int64_t nvme_interrupt(void *context);
/** lock held. @return how many completions were taken */
uint32_t completions_handle(struct nvme_controller *controller);
/** All commands that are out end with this error. lock held. */
void commands_end_all(struct nvme_controller *controller, int64_t error);
int64_t interrupt_connect(struct nvme_controller *controller, uint32_t by_line);
void interrupt_disconnect(struct nvme_controller *controller);
/**
 * @brief Execute a command for administration; alone, see reset_mutex.
 * @return 0, -EIO: the controller answers with an error, or does not answer, said in the log
 */
int64_t admin_run(struct nvme_controller *controller, struct nvme_command *command);
/** Read what the controller says into controller->identify. @return as admin_run() */
int64_t identify_run(struct nvme_controller *controller, uint32_t what, uint32_t space);
/** Create the pair of queues for reads. @return as admin_run() */
int64_t io_queues_create(struct nvme_controller *controller);
/** Delete it. */
void io_queues_delete(struct nvme_controller *controller);
/**
 * @brief Execute a command with the slot of this number, and wait for its end.
 * @return 0; more: the status of an error; -EAGAIN: the controller was reset meanwhile; another error: it has failed
 */
int64_t io_run(struct nvme_controller *controller, uint32_t slot, struct nvme_command *command);

/* recovery.c: what is done when a controller does not work */

/**
 * @brief Reset a controller, unless that was done since @p resets was its count, or it has failed.
 * @param why  a literal, to follow the controller's name
 */
void controller_recover(struct nvme_controller *controller, uint32_t resets, const char *why);
/** Look whether it is well, and do what is needed. Not under a lock. */
void controller_check(struct nvme_controller *controller);
/** Find out whether its messages are lost; then its line is used. */
void interrupt_find_lost(struct nvme_controller *controller);
/** It is stopped for good. */
void controller_give_up(struct nvme_controller *controller, int64_t error, const char *why);

/* file.c */

/** Register the files of a controller and its namespaces. */
int64_t files_register(struct nvme_controller *controller);

#endif

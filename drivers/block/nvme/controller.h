/* SPDX-License-Identifier: MIT */
/**
 * @file controller.h  The state of the driver "nvme": controllers, their queues, namespaces.
 *
 * A controller has a pair of queues for administration, and several for its disks: a queue of a disk in the class of
 * block devices is the controller's queue of that number, which all its namespaces share. A command
 * takes one of the places ("slots") of its queue, which remembers whose request it is, and has memory for a list of
 * pages or segments; where no slot is free the request is not taken. Each queue has an interrupt of its own, as far as
 * there are messages; its function takes completions, and completes requests by the batch.
 *
 * Nothing here looks at time but administration: the class finds what is overdue, calls space_timeout(), and then
 * space_reset() (recovery.c). A reset is one of the whole controller; the commands of other namespaces
 * are given to it once more then.
 *
 * Locks, in this order:
 *   reset_mutex  the controller is reset, or is exchanged for its line; commands for administration are executed with
 *		  it, or while no program can reach the controller: in probe() and remove()
 *   queue->lock  (spin, one each) the queue and its slots. Requests are completed with it held, so that nobody
 *		  completes one after a reset. Two are never held
 *   lock         (spin) state
 */
#ifndef NVME_CONTROLLER_H
#define NVME_CONTROLLER_H

#include <banos/block.h>
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
#define IO_QUEUES_MAX	  16u
#define VECTORS_MAX	  (IO_QUEUES_MAX + 1)
#define SLOTS		  (COMMANDS_MAX - 1)
#define LIST_BYTES	  1024u		    /* of a slot: pages or segments */
#define PIECES_MAX	  (LIST_BYTES / 16) /* segments of a request */
#define TRANSFER_MAX	  (PIECES_MAX * 4096u)
#define SPACES		  128u		   /* namespaces of a controller */
#define BOGUS_MAX	  64u		   /* completions that match nothing */
#define LOOK_NS		  (250 * BANOS_MS) /* so often administration looks whether all is well */

/** Memory that the controller reads and writes. */
struct nvme_memory {
	banos_dma dma; /* NULL: none */
	void *memory;
	uint64_t address;
};

struct nvme_space;
/** A command that is out, and its request. */
struct nvme_slot {
	struct nvme_space *space;
	uint32_t tag;
	uint32_t zero;
	struct nvme_command command; /* as it was given to the controller */
};

struct nvme_queue {
	uint32_t number;  /* 0: administration */
	uint32_t entries; /* of both */
	uint32_t vector;  /* its message */
	uint32_t bogus;	  /* completions that match nothing, since the last reset */
	struct banos_spinlock lock;
	struct submission_queue submission;
	struct completion_queue completion;
	struct command_table table;
	struct nvme_memory submission_memory, completion_memory;
	/* not of administration */
	struct nvme_memory lists; /* LIST_BYTES for each slot */
	uint32_t slots_count;
	uint64_t slots_free; /* a bit each */
	struct nvme_slot *slots;
};

/** The command for administration; under the lock of that queue. */
struct admin_state {
	uint32_t is_pending;
	int64_t error; /* 0; -EAGAIN: the controller was reset; else it has failed */
	struct nvme_answer answer;
	struct banos_wait done;
};

struct nvme_controller;
struct nvme_space {
	struct nvme_controller *controller;
	uint32_t number; /* of the namespace, from 1 */
	struct nvme_format format;
	banos_block block;
};

struct nvme_vector {
	struct nvme_controller *controller;
	uint32_t number;
	banos_irq irq; /* NULL: none */
};

enum {
	STATE_STARTING, /* no requests */
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
	uint32_t state;	      /* atomic where it is read under the lock of a queue */
	int64_t failure;      /* in STATE_FAILED: -EIO or -ENODEV */
	uint32_t resets;      /* since the start, modulo 2^32; under reset_mutex */
	uint32_t resets_idle; /* atomic: since the last request that succeeded */
	uint32_t errors_said; /* atomic */
	uint32_t interrupts;  /* atomic: calls of functions for interrupts that found something */
	struct nvme_queue admin;
	struct admin_state admin_state;
	uint32_t io_count;
	struct nvme_queue *io[IO_QUEUES_MAX]; /* queue n + 1 */

	uint32_t limit_ms; /* for a request to be answered */
	struct banos_mutex reset_mutex;
	uint32_t by_line, vector_count;
	struct nvme_vector vectors[VECTORS_MAX];
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
static inline uint32_t controller_state(const struct nvme_controller *controller)
{
	return __atomic_load_n(&controller->state, __ATOMIC_SEQ_CST);
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

int64_t admin_alloc(struct nvme_controller *controller);
/** Allocate pairs of queues of up to @p entries entries. */
int64_t io_alloc(struct nvme_controller *controller, uint32_t count, uint32_t entries);
/** Make the queues for disks empty. */
void io_clear(struct nvme_controller *controller);
/** Make all queues empty; the controller is stopped. Slots stay taken. */
void queues_clear(struct nvme_controller *controller);
/** Free all memory that the controller had; it is stopped. */
void memory_free_all(struct nvme_controller *controller);
/** Free the rest. */
void memory_free_driver(struct nvme_controller *controller);

/* interrupt.c */

/** Obtain the interrupts: messages for @p queues queues and administration, or the line. @return 0 or -errno */
int64_t interrupts_connect(struct nvme_controller *controller, uint32_t queues, uint32_t by_line);
void interrupts_disconnect(struct nvme_controller *controller);
/** The message of a pair of queues. */
uint32_t interrupt_of_queue(const struct nvme_controller *controller, uint32_t number);
/** Take all completions. @return how many there were */
uint32_t completions_handle_all(struct nvme_controller *controller);

/* admin.c */

/** Take the completions of administration. @return how many */
uint32_t admin_handle(struct nvme_controller *controller);
/** The command that is out ends with this error. */
void admin_end(struct nvme_controller *controller, int64_t error);
/** Read what the controller says into controller->identify. @return 0; -EIO: it answers with an error, or not, said in the log */
int64_t identify_run(struct nvme_controller *controller, uint32_t what, uint32_t space);
/** Ask for pairs of queues. @return how many there may be, at least 1; -EIO */
int64_t io_queues_ask(struct nvme_controller *controller, uint32_t wanted);
/** Create all pairs of queues for disks. @return 0, -EIO */
int64_t io_queues_create(struct nvme_controller *controller);
/** Delete them. */
void io_queues_delete(struct nvme_controller *controller);

/* io.c */

/** Take the completions of a queue for disks. @return how many */
uint32_t io_handle(struct nvme_controller *controller, struct nvme_queue *queue);
/** Give those commands to the controller that were out before its reset, but forget those of @p space. */
void io_repeat(struct nvme_controller *controller, const struct nvme_space *space);
/** Register a namespace as a disk. */
int64_t space_register(struct nvme_space *space);

/* recovery.c: what is done when a controller does not work */

/** Methods of the class. */
int64_t space_timeout(void *context, uint32_t queue, uint32_t tag);
int64_t space_reset(void *context);
/** Find out whether its messages are lost; then its line is used. reset_mutex held. @return completions that were found */
uint32_t interrupt_find_lost(struct nvme_controller *controller);

/* file.c */

/** Register the file that describes a controller. */
int64_t file_register(struct nvme_controller *controller);

#endif

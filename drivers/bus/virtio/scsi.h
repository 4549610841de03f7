/* SPDX-License-Identifier: MIT */
/**
 * @file scsi.h  Virtio's SCSI adapter: its disks are /dev/sda and so on, its CD drives /dev/sr0.
 *
 * Each logical unit is a disk of the class, with a queue of its own; all of them share the device's first queue for
 * requests. A request has a place by its unit and tag in DMA memory, with the command, its answer and its sense; the data are where the
 * kernel says. Commands for finding units have places, and memory for data, behind those.
 *
 * Units are looked for at the beginning, and by a work item when the device says in its event queue that some came or
 * went; once more, later, where it did not say which there are. The same work item sends again what a unit did not do because
 * it had something to say first (unit attention), at once but a few times only, or because it was busy, after a pause
 * and until the request's deadline. It and the timers never run at the same time: units come and go by them alone.
 *
 * Source: Virtio 1.1, 5.6.
 */
#ifndef VIRTIO_SCSI_H
#define VIRTIO_SCSI_H

#include <banos/block.h>
#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/dma.h>
#include <banos/timer.h>
#include <banos/work.h>
#include "scsi_wire.h"
#include "virtio.h"

#define UNITS	       32u /* that are used at once */
#define UNIT_DEPTH     16u /* requests of one */
#define UNIT_SEGMENTS  66u /* of a request's data, at most */
#define EXTRA_SEGMENTS 3u
#define COMMANDS       32u /* at once, for finding units */
#define COMMAND_BYTES  512u
#define COMMAND_PLACE  (UNITS * UNIT_DEPTH) /* where their places begin; as their tags */
#define EVENTS	       8u
#define EVENT_BYTES    16u
#define TRIES_MAX      5u
#define PAUSE_SHIFT    6u /* of the longest pause for a busy unit, in milliseconds */

/** What the device reads and writes beside the data: 5.6.6.1. */
struct scsi_place {
	uint8_t lun[8];
	uint64_t id;
	uint8_t zero[3]; /* order, priority, number */
	uint8_t cdb[SCSI_CDB_BYTES];
	uint8_t space[13];
	uint32_t sense_bytes, residual;
	uint8_t spare[2];
	uint8_t status, response;
	uint8_t sense[96];
	uint8_t gap[4];
	uint8_t list[24]; /* of UNMAP */
	uint8_t padding[56];
};
BANOS_ASSERT(sizeof(struct scsi_place) == 256, scsi_place);
BANOS_ASSERT(offsetof(struct scsi_place, sense_bytes) == 64, scsi_place_answer);
#define PLACE_COMMAND_BYTES 51u
#define PLACE_ANSWER	    64u
#define PLACE_ANSWER_BYTES  108u

struct scsi_host;

/* Answers of the device, and of the unit. */
#define RESPONSE_OK	    0u
#define RESPONSE_BAD_TARGET 3u
#define RESPONSE_BUSY	    5u
#define STATUS_GOOD	    0u
#define STATUS_CHECK	    2u
#define STATUS_BUSY	    8u
#define STATUS_FULL	    0x28u

/** What is made of one request for the device. */
struct scsi_batch {
	struct virtio_buffer buffer;
	struct virtio_segment segments[UNIT_SEGMENTS + EXTRA_SEGMENTS];
};

struct scsi_unit {
	struct scsi_host *host;
	banos_block block; /* atomic; NULL: not registered yet */
	uint32_t index, target, lun;
	uint32_t out;	/* atomic: requests that the device has */
	uint32_t again; /* atomic: tags to be sent again */
	uint32_t late;	/* tags whose deadline has passed once */
	int is_seen;	/* by the present search */
	struct scsi_identity identity;
	struct scsi_format format;
	struct banos_block_request requests[UNIT_DEPTH];
	uint8_t tries[UNIT_DEPTH]; /* that ended with unit attention */
	uint8_t waits[UNIT_DEPTH]; /* pauses because it was busy */
	struct scsi_batch batch;   /* of submit() */
};

struct scsi_host {
	banos_owner device;
	banos_callback callback;
	banos_work work;
	banos_timer pause; /* until requests are sent again */
	banos_timer later; /* until units are looked for again */
	banos_dma dma;
	uint8_t *memory; /* places, data of commands, events */
	uint64_t address;
	uint32_t segments_max, targets;
	uint64_t features;
	uint32_t search;	   /* units are to be looked for */
	uint32_t searches;	   /* that did not find out everything since the last event */
	uint32_t is_unsure;	   /* the present search is such a one */
	uint32_t is_paused;	   /* atomic: @pause runs */
	uint32_t is_live;	   /* atomic: the first search has ended, the removal not begun */
	uint32_t is_stuck;	   /* a command was not answered: its place is the device's */
	uint8_t is_done[COMMANDS]; /* atomic */
	struct scsi_unit *units[UNITS];
	struct scsi_batch batch; /* of the work item */
};

#define QUEUE_EVENTS   1u
#define QUEUE_REQUESTS 2u

static inline struct scsi_place *scsi_place(struct scsi_host *host, uint32_t tag)
{
	return (struct scsi_place *)host->memory + tag;
}
static inline uint64_t scsi_place_address(const struct scsi_host *host, uint32_t tag)
{
	return host->address + tag * sizeof(struct scsi_place);
}
/** @brief Fill in the beginning of a place. */
void scsi_place_begin(struct scsi_host *host, uint32_t tag, uint32_t target, uint32_t lun);

/* scsi.c */

/** Send again what is to be after a pause of 2^@p shift ms, or when one ends that has begun. */
void scsi_pause(struct scsi_host *host, uint32_t shift);

/* scsi_request.c */

extern const struct banos_block_ops scsi_unit_ops;
/** Requests have returned. */
void scsi_collect(struct scsi_host *host);
/** Send again what is to be. By the work item. */
void scsi_send_again(struct scsi_host *host);

/* scsi_find.c */

/** Look for units, register new ones, remove those that are gone. Sleeps. @return 0; -EAGAIN: not all was found out; -errno */
int64_t scsi_search(struct scsi_host *host);
/** This unit is gone, even if there is one in its place now. Sleeps. */
void scsi_unit_gone(struct scsi_host *host, uint32_t target, uint32_t lun);

#endif

/* SPDX-License-Identifier: MIT */
/** @file record_queue.h  Queue of messages sent to a socket and not read yet (net/record_queue.c). */
#pragma once
#include <kernel/uaccess.h>

struct page;
struct cred;
struct unix_name;
struct unix_rights;

/** Header of a message, stored in front of its bytes in the queue. */
struct record {
	u32 len; /* bytes not read yet */
	s32 pid; /* its sender */
	uid_t uid;
	gid_t gid;
	struct unix_rights *rights; /* open files that were sent along, owned; or NULL */
	struct unix_name
		*name; /* of its sender, owned; or NULL: it has none, or a connection tells it */
};
/** Bytes of the buffer that a message uses besides its content. */
#define RECORD_SIZE 32u
_Static_assert(sizeof(struct record) == RECORD_SIZE, "a record never crosses a page's end");

static inline bool record_same_sender(const struct record *record, const struct record *second)
{
	return record->pid == second->pid && record->uid == second->uid &&
	       record->gid == second->gid;
}

/** Guarded by the lock of the socket that owns it. */
struct record_queue {
	struct page *head,
		*tail; /* where reading and writing continue; linked by page->next. NULL: never used */
	u32 head_off, tail_off;
	u32 npages, charged; /* charged: pages on the account of payer */
	u32 nr_records;
	u64 used;		  /* bytes and RECORD_SIZE for each record: what limits look at */
	struct record first;	  /* the oldest; its header is not in the pages */
	struct record *last;	  /* header of the newest, once there are two */
	const struct cred *payer; /* not counted here */
};

/** A position in a queue, at which reading continues. */
struct record_cursor {
	struct page *page;
	u32 off;
	u32 left;	      /* records, the present one included */
	struct record record; /* the present one, ->len what is left of it */
	u64 passed;	      /* what of queue->used lies behind */
};

/** @brief Start with an empty one. @param payer  whose share of memory it uses; outlives it */
void record_queue_init(struct record_queue *queue, const struct cred *payer);
/**
 * @brief Free all memory, and drop the names.
 * @return the open files of all messages, chained by ->next, now the caller's
 */
struct unix_rights *record_queue_destroy(struct record_queue *queue);
/**
 * @brief Append a message, or to the newest one if it may be glued to it.
 * @param record      what it is; ->len is set here. On success its rights and name are the queue's
 * @param len    of its bytes; 0 is fine for a whole one
 * @param whole  all or nothing; otherwise as many bytes as can be had, and it may be glued
 * @return bytes, -EFAULT, -ENOMEM, -ENOBUFS: the payer's share is used up
 */
s64 __must_check record_queue_put(struct record_queue *queue, const struct record *record,
				  struct uio *uio, u64 len, bool whole);

/** @brief Begin at the oldest message; there must be one. */
void record_cursor_start(const struct record_queue *queue, struct record_cursor *cursor);
/** @brief Copy out of the present message. @return bytes, or -EFAULT when none of @p length could be */
s64 __must_check record_cursor_read(struct record_cursor *cursor, struct uio *uio, u64 length);
/** @brief Leave the present message, read or not. @return does another one follow? */
bool record_cursor_next(struct record_cursor *cursor);
/** @brief Discard what the cursor has passed. The caller releases the rights and names of skipped messages. */
void record_queue_consume(struct record_queue *queue, const struct record_cursor *cursor);

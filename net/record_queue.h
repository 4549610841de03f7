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
	u32 len : 30; /* bytes not read yet */
	u32 mark : 2; /* RECORD_... */
	s32 pid;      /* its sender */
	uid_t uid;
	gid_t gid;
	struct unix_rights *rights; /* open files that were sent along, owned; or NULL */
	struct unix_name
		*name; /* of its sender, owned; or NULL: it has none, or a connection tells it */
};
/** The most bytes of one. */
#define RECORD_LEN_MAX ((1u << 30) - 1)
/** Marks: the urgent byte of a stream, one byte long; the same once it was taken, which counts none any more. */
#define RECORD_URGENT 1u
#define RECORD_TAKEN  2u
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
 * @param whole  all or nothing; otherwise as many bytes as can be had, at most RECORD_LEN_MAX, and it may be glued
 * @return bytes, -EFAULT, -ENOMEM, -ENOBUFS: the payer's share is used up
 */
s64 __must_check record_queue_put(struct record_queue *queue, const struct record *record,
				  struct uio *uio, u64 len, bool whole);

/**
 * @brief Find the oldest message with a mark of RECORD_URGENT; there must be one.
 * @param cursor  set: at it
 * @return its header, where it stays
 */
struct record *record_queue_urgent(const struct record_queue *queue, struct record_cursor *cursor);
/** @brief The one with such a header was taken before those in front of it. */
void record_queue_take_urgent(struct record_queue *queue, struct record *urgent);

/** @brief Begin at the oldest message; there must be one. */
void record_cursor_start(const struct record_queue *queue, struct record_cursor *cursor);
/** @brief Copy out of the present message. @return bytes, or -EFAULT when none of @p length could be */
s64 __must_check record_cursor_read(struct record_cursor *cursor, struct uio *uio, u64 length);
/** @brief Leave the present message, read or not. @return does another one follow? */
bool record_cursor_next(struct record_cursor *cursor);
/** @brief Discard what the cursor has passed. The caller releases the rights and names of skipped messages. */
void record_queue_consume(struct record_queue *queue, const struct record_cursor *cursor);

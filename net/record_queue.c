// SPDX-License-Identifier: MIT
/*
 * Queue of messages in pages: what was sent to a socket and was not read yet.
 *
 * The pages form a chain. Bytes are appended at its end and read at its
 * beginning; a page that was read past is freed, all but the last, so that an
 * exchange of small messages allocates nothing. Between the bytes of two
 * messages is the header of the second (struct record), at a multiple of its
 * size, so that it never crosses a page's end. The header of the oldest message
 * is kept in the queue itself: its page may be freed before its bytes are read.
 *
 * A stream has messages too, since the sender and the files that were sent along
 * belong to certain bytes. Bytes with the same sender and no files are appended to
 * the newest message, so that many small writes form one message.
 *
 * Pages are charged to a user eight at a time. The first two of a queue are free
 * of charge, so that every reader and writer makes progress when the user's share
 * is used up.
 *
 * Pure: needs pages and the copies to and from users; the caller holds the lock of
 * the socket that owns the queue.
 */
#include "record_queue.h"
#include "names.h"
#include "rights.h"
#include <kernel/cred.h>
#include <kernel/page.h>
#include <kernel/string.h>

#define FREE_PAGES   2u
#define CHARGE_PAGES 8u

void record_queue_init(struct record_queue *queue, const struct cred *payer)
{
	*queue = (struct record_queue){ .payer = payer };
}

/* ---- pages ---- */

static int add_page(struct record_queue *queue)
{
	struct page *page;

	if (unlikely(queue->npages >= FREE_PAGES + queue->charged)) {
		if (!cred_charge_socket(queue->payer, CHARGE_PAGES))
			return -ENOBUFS;
		queue->charged += CHARGE_PAGES;
	}
	page = page_alloc(PAGE_USER);
	if (!page)
		return -ENOMEM;
	page->next = NULL;
	if (queue->tail)
		queue->tail->next = page;
	else
		queue->head = page;
	queue->tail = page;
	queue->tail_off = 0;
	queue->npages++;
	return 0;
}

/* Free the pages behind @p last, which becomes the end; NULL: all. */
static void drop_behind(struct record_queue *queue, struct page *last)
{
	struct page *page = last ? last->next : queue->head;

	while (page) {
		struct page *next = page->next;

		page_free(page);
		queue->npages--;
		page = next;
	}
	queue->tail = last;
	if (last)
		last->next = NULL;
	else
		queue->head = NULL;
}

static void drop_before(struct record_queue *queue, struct page *first)
{
	while (queue->head != first) {
		struct page *next = queue->head->next;

		page_free(queue->head);
		queue->npages--;
		queue->head = next;
	}
}

static void queue_uncharge(struct record_queue *queue)
{
	if (likely(!queue->charged))
		return;
	(void)cred_charge_socket(queue->payer, -(s32)queue->charged);
	queue->charged = 0;
}

struct unix_rights *record_queue_destroy(struct record_queue *queue)
{
	struct unix_rights *all = NULL;
	struct record_cursor cursor;

	if (queue->nr_records) {
		record_cursor_start(queue, &cursor);
		do {
			unix_name_put(cursor.record.name);
			if (cursor.record.rights) {
				cursor.record.rights->next = all;
				all = cursor.record.rights;
			}
		} while (record_cursor_next(&cursor));
	}
	drop_behind(queue, NULL);
	queue_uncharge(queue);
	queue->nr_records = 0;
	queue->used = 0;
	queue->head_off = queue->tail_off =
		0; /* others may continue to send: the queue is like a new one */
	return all;
}

/* ---- appending ---- */

/* Append to the contents. @return bytes; less than @p len with a reason in @p err */
static u64 queue_append(struct record_queue *queue, struct uio *uio, u64 len, int *err)
{
	u64 done = 0;

	while (done < len) {
		u64 length, got;

		if (!queue->tail || queue->tail_off == PAGE_SIZE) {
			*err = add_page(queue);
			if (*err)
				break;
		}
		length = MIN(PAGE_SIZE - queue->tail_off, len - done);
		got = uio_copy_in(uio, (u8 *)page_address(queue->tail) + queue->tail_off, length);
		queue->tail_off += got;
		done += got;
		if (got < length) {
			*err = -EFAULT;
			break;
		}
	}
	return done;
}

static s64 extend_newest(struct record_queue *queue, struct record *to, struct uio *uio, u64 len)
{
	int err = 0;
	u64 length = queue_append(queue, uio, len, &err);

	to->len += length;
	queue->used += length;
	if (!length)
		return err;
	return (s64)length;
}

/* Space for a header at the next multiple of its size. */
static struct record *add_header(struct record_queue *queue, int *err)
{
	struct record *record;

	queue->tail_off = ALIGN_UP(queue->tail_off, RECORD_SIZE);
	if (!queue->tail || queue->tail_off == PAGE_SIZE) {
		*err = add_page(queue);
		if (*err)
			return NULL;
	}
	record = (struct record *)((u8 *)page_address(queue->tail) + queue->tail_off);
	queue->tail_off += RECORD_SIZE;
	return record;
}

s64 record_queue_put(struct record_queue *queue, const struct record *record, struct uio *uio,
		     u64 len, bool whole)
{
	struct record *newest = queue->nr_records > 1 ? queue->last : &queue->first,
		      *header = &queue->first;
	struct page *tail = queue->tail;
	u32 tail_off = queue->tail_off;
	int err = 0;
	u64 length;

	if (!whole)
		len = MIN(len, (u64)RECORD_LEN_MAX);
	if (!whole && queue->nr_records && !newest->rights && !record->rights && !newest->mark &&
	    record_same_sender(newest, record) && newest->len + len <= RECORD_LEN_MAX)
		return extend_newest(queue, newest, uio, len);
	if (queue->nr_records) {
		header = add_header(queue, &err);
		if (!header)
			goto err_drop;
	}
	length = queue_append(queue, uio, len, &err);
	if (length < len && (whole || !length))
		goto err_drop;
	*header = *record;
	header->len = length;
	queue->last = header;
	queue->nr_records++;
	queue->used += length + RECORD_SIZE;
	return length;
err_drop:
	drop_behind(queue, tail);
	queue->tail_off = tail_off;
	if (!tail)
		queue->head_off = queue->tail_off = 0;
	if (!queue->nr_records)
		queue_uncharge(queue);
	return err;
}

/* ---- reading ---- */

/* At a page's end: continue to the next one, if there is one. */
static void to_next_page(struct record_cursor *cursor)
{
	if (cursor->off == PAGE_SIZE && cursor->page->next) {
		cursor->page = cursor->page->next;
		cursor->off = 0;
	}
}

void record_cursor_start(const struct record_queue *queue, struct record_cursor *cursor)
{
	*cursor = (struct record_cursor){ .page = queue->head,
					  .off = queue->head_off,
					  .left = queue->nr_records,
					  .record = queue->first };
}

s64 record_cursor_read(struct record_cursor *cursor, struct uio *uio, u64 length)
{
	u64 done = 0;

	length = MIN(length, (u64)cursor->record.len);
	while (done < length) {
		u64 part, got;

		to_next_page(cursor);
		part = MIN(PAGE_SIZE - cursor->off, length - done);
		got = uio_copy_out(uio, (u8 *)page_address(cursor->page) + cursor->off, part);
		cursor->off += got;
		done += got;
		if (got < part)
			break;
	}
	cursor->record.len -= done;
	cursor->passed += done;
	if (length && !done)
		return -EFAULT;
	return (s64)done;
}

bool record_cursor_next(struct record_cursor *cursor)
{
	u64 rest = cursor->record.len;

	cursor->passed += RECORD_SIZE;
	if (likely(cursor->record.mark != RECORD_TAKEN))
		cursor->passed += rest;
	if (!--cursor->left)
		return false;
	while (rest) {
		u64 part;

		to_next_page(cursor);
		part = MIN(PAGE_SIZE - cursor->off, rest);
		cursor->off += part;
		rest -= part;
	}
	cursor->off = ALIGN_UP(cursor->off, RECORD_SIZE);
	to_next_page(cursor);
	cursor->record = *(struct record *)((u8 *)page_address(cursor->page) + cursor->off);
	cursor->off += RECORD_SIZE;
	return true;
}

struct record *record_queue_urgent(const struct record_queue *queue, struct record_cursor *cursor)
{
	record_cursor_start(queue, cursor);
	if (cursor->record.mark == RECORD_URGENT)
		return (struct record *)&queue->first;
	while (record_cursor_next(cursor) && cursor->record.mark != RECORD_URGENT)
		continue;
	return (struct record *)((u8 *)page_address(cursor->page) + cursor->off - RECORD_SIZE);
}

void record_queue_take_urgent(struct record_queue *queue, struct record *urgent)
{
	urgent->mark = RECORD_TAKEN;
	queue->used -= urgent->len;
}

void record_queue_consume(struct record_queue *queue, const struct record_cursor *cursor)
{
	queue->used -= cursor->passed;
	queue->nr_records = cursor->left;
	if (cursor->left) {
		drop_before(queue, cursor->page);
		queue->head_off = cursor->off;
		queue->first = cursor->record;
		return;
	}
	if (queue->tail) /* none if all were empty */
		drop_before(queue, queue->tail);
	queue->head_off = queue->tail_off = 0;
	queue_uncharge(queue);
}

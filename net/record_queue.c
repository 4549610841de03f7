// SPDX-License-Identifier: MIT
/*
 * Messages in pages: what was sent to a socket and not read yet.
 *
 * The pages form a chain. Bytes are appended at its end and read at its
 * beginning; a page that was read past is freed, all but the last, so that an
 * exchange of small messages allocates nothing. Between the bytes of two
 * messages stands the header of the second (struct record), at a multiple of its
 * size, so that it never crosses a page's end. The header of the oldest message
 * is kept in the queue itself: its page may be gone before its bytes are.
 *
 * A stream has messages too, since who sent them and which files came along
 * belongs to certain bytes. What does not differ in that is glued to the newest
 * one, so that many small writes are one message.
 *
 * Pages are charged to a user eight at a time. The first two of a queue are free,
 * which keeps every reader and writer going when the share is used up.
 *
 * Pure: needs pages and the copies to and from users; the owner locks.
 */
#include "record_queue.h"
#include "rights.h"
#include <kernel/cred.h>
#include <kernel/page.h>
#include <kernel/string.h>

#define FREE_PAGES   2u
#define CHARGE_PAGES 8u

void record_queue_init(struct record_queue *q, const struct cred *payer)
{
	*q = (struct record_queue){ .payer = payer };
}

/* ---- pages ---- */

static int add_page(struct record_queue *q)
{
	struct page *p;

	if (unlikely(q->npages >= FREE_PAGES + q->charged)) {
		if (!cred_charge_socket(q->payer, CHARGE_PAGES))
			return -ENOBUFS;
		q->charged += CHARGE_PAGES;
	}
	p = page_alloc(PAGE_USER);
	if (!p)
		return -ENOMEM;
	p->next = NULL;
	if (q->tail)
		q->tail->next = p;
	else
		q->head = p;
	q->tail = p;
	q->tail_off = 0;
	q->npages++;
	return 0;
}

/* Free the pages behind @p last, which becomes the end; NULL: all. */
static void drop_behind(struct record_queue *q, struct page *last)
{
	struct page *p = last ? last->next : q->head;

	while (p) {
		struct page *next = p->next;

		page_free(p);
		q->npages--;
		p = next;
	}
	q->tail = last;
	if (last)
		last->next = NULL;
	else
		q->head = NULL;
}

static void drop_before(struct record_queue *q, struct page *first)
{
	while (q->head != first) {
		struct page *next = q->head->next;

		page_free(q->head);
		q->npages--;
		q->head = next;
	}
}

static void uncharge(struct record_queue *q)
{
	if (likely(!q->charged))
		return;
	(void)cred_charge_socket(q->payer, -(s32)q->charged);
	q->charged = 0;
}

struct unix_rights *record_queue_destroy(struct record_queue *q)
{
	struct unix_rights *all = NULL;
	struct record_cursor c;

	if (q->nr_records) {
		record_cursor_start(q, &c);
		do {
			if (c.record.rights) {
				c.record.rights->next = all;
				all = c.record.rights;
			}
		} while (record_cursor_next(&c));
	}
	drop_behind(q, NULL);
	uncharge(q);
	q->nr_records = 0;
	q->used = 0;
	q->head_off = q->tail_off = 0; /* others may go on sending: to a queue that is like new */
	return all;
}

/* ---- appending ---- */

/* Copy in behind what is there. @return bytes; less than @p len with a reason in @p err */
static u64 append(struct record_queue *q, struct uio *u, u64 len, int *err)
{
	u64 done = 0;

	while (done < len) {
		u64 n, got;

		if (!q->tail || q->tail_off == PAGE_SIZE) {
			*err = add_page(q);
			if (*err)
				break;
		}
		n = MIN(PAGE_SIZE - q->tail_off, len - done);
		got = uio_copy_in(u, (u8 *)page_address(q->tail) + q->tail_off, n);
		q->tail_off += got;
		done += got;
		if (got < n) {
			*err = -EFAULT;
			break;
		}
	}
	return done;
}

static s64 glue(struct record_queue *q, struct record *to, struct uio *u, u64 len)
{
	int err = 0;
	u64 n = append(q, u, len, &err);

	to->len += n;
	q->used += n;
	return n ? (s64)n : err;
}

/* Room for a header at the next multiple of its size. */
static struct record *add_header(struct record_queue *q, int *err)
{
	struct record *r;

	q->tail_off = ALIGN_UP(q->tail_off, RECORD_SIZE);
	if (!q->tail || q->tail_off == PAGE_SIZE) {
		*err = add_page(q);
		if (*err)
			return NULL;
	}
	r = (struct record *)((u8 *)page_address(q->tail) + q->tail_off);
	q->tail_off += RECORD_SIZE;
	return r;
}

s64 record_queue_put(struct record_queue *q, const struct record *r, struct uio *u, u64 len,
		     bool whole)
{
	struct record *newest = q->nr_records > 1 ? q->last : &q->first, *header = &q->first;
	struct page *tail = q->tail;
	u32 tail_off = q->tail_off;
	int err = 0;
	u64 n;

	if (!whole && q->nr_records && !newest->rights && !r->rights &&
	    record_same_sender(newest, r))
		return glue(q, newest, u, len);
	if (q->nr_records) {
		header = add_header(q, &err);
		if (!header)
			goto undo;
	}
	n = append(q, u, len, &err);
	if (n < len && (whole || !n))
		goto undo;
	*header = *r;
	header->len = n;
	q->last = header;
	q->nr_records++;
	q->used += n + RECORD_SIZE;
	return n;
undo:
	drop_behind(q, tail);
	q->tail_off = tail_off;
	if (!tail)
		q->head_off = q->tail_off = 0;
	if (!q->nr_records)
		uncharge(q);
	return err;
}

/* ---- reading ---- */

/* At a page's end: go on to the next one, if there is one. */
static void to_next_page(struct record_cursor *c)
{
	if (c->off == PAGE_SIZE && c->page->next) {
		c->page = c->page->next;
		c->off = 0;
	}
}

void record_cursor_start(const struct record_queue *q, struct record_cursor *c)
{
	*c = (struct record_cursor){
		.page = q->head, .off = q->head_off, .left = q->nr_records, .record = q->first
	};
}

s64 record_cursor_read(struct record_cursor *c, struct uio *u, u64 n)
{
	u64 done = 0;

	n = MIN(n, c->record.len);
	while (done < n) {
		u64 part, got;

		to_next_page(c);
		part = MIN(PAGE_SIZE - c->off, n - done);
		got = uio_copy_out(u, (u8 *)page_address(c->page) + c->off, part);
		c->off += got;
		done += got;
		if (got < part)
			break;
	}
	c->record.len -= done;
	c->passed += done;
	return done || !n ? (s64)done : -EFAULT;
}

bool record_cursor_next(struct record_cursor *c)
{
	u64 rest = c->record.len;

	c->passed += rest + RECORD_SIZE;
	if (!--c->left)
		return false;
	while (rest) {
		u64 part;

		to_next_page(c);
		part = MIN(PAGE_SIZE - c->off, rest);
		c->off += part;
		rest -= part;
	}
	c->off = ALIGN_UP(c->off, RECORD_SIZE);
	to_next_page(c);
	c->record = *(struct record *)((u8 *)page_address(c->page) + c->off);
	c->off += RECORD_SIZE;
	return true;
}

void record_queue_consume(struct record_queue *q, const struct record_cursor *c)
{
	q->used -= c->passed;
	q->nr_records = c->left;
	if (c->left) {
		drop_before(q, c->page);
		q->head_off = c->off;
		q->first = c->record;
		return;
	}
	if (q->tail) /* none if all were empty */
		drop_before(q, q->tail);
	q->head_off = q->tail_off = 0;
	uncharge(q);
}

// SPDX-License-Identifier: MIT
/*
 * The store, as a driver uses it by way of the API: banos/api/store.c.
 *
 * A call keeps the pages of the store that it uses until it ends, or needs the place for others: most methods look
 * at few pages, several times each. What a change writes is noted before, so that it can be undone (call.c).
 */
#include <kernel/err.h>
#include <kernel/fs/file_cache.h>
#include <kernel/fs/page_tree.h>
#include <kernel/string.h>
#include <uapi/mount.h>
#include "driver.h"
#include "store.h"

bool driven_use_begin(struct driven_mount *mount, struct driven_call *call)
{
	struct driven_super *super;

	rcu_read_lock(); /* driven_put_super() waits before it frees it */
	super = READ_ONCE(mount->super);
	if (super && !atomic_inc_not_zero(&super->sb->refs))
		super = NULL;
	rcu_read_unlock();
	call->super = super;
	call->handle = 0; /* nothing is lent: what would give it back? */
	call->flags = call->nr_held = call->nr_lent = 0;
	call->bytes = super && super->store ? super->store->bytes : 0;
	return super;
}

void driven_use_end(struct driven_call *call)
{
	driven_call_release(call);
	super_put(call->super->sb);
}

/* ---- pages ---- */

void driven_call_release(struct driven_call *call)
{
	for (u32 i = 0; i < call->nr_held; i++)
		page_put(call->held[i].page);
}

/* A place for one more: one that is not lent, of which there is always one. */
static struct driven_hold *hold_place(struct driven_call *call)
{
	u32 i = 0;

	if (call->nr_held < DRIVEN_HELD_MAX)
		return &call->held[call->nr_held++];
	while (call->held[i].lent)
		i++;
	page_put(call->held[i].page);
	/* The oldest one is the first that is replaced. */
	memmove(&call->held[i], &call->held[i + 1],
		(DRIVEN_HELD_MAX - 1 - i) * sizeof(call->held[0]));
	return &call->held[DRIVEN_HELD_MAX - 1];
}

static struct driven_hold *hold_new(struct driven_call *call, u64 index)
{
	struct page *page = store_page_get(call->super->store, index);
	struct driven_hold *hold;

	if (IS_ERR(page))
		return ERR_PTR(PTR_ERR(page));
	hold = hold_place(call);
	*hold = (struct driven_hold){ .page = page, .index = index };
	return hold;
}

static inline struct driven_hold *hold_get(struct driven_call *call, u64 index)
{
	for (u32 i = 0; i < call->nr_held; i++)
		if (call->held[i].index == index)
			return &call->held[i];
	return hold_new(call, index);
}

static inline u8 *hold_at(const struct driven_hold *hold, u64 off)
{
	return (u8 *)page_address(hold->page) + off;
}

int driven_store_read(struct driven_call *call, u64 offset, void *to, u64 length)
{
	while (length) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, length);
		struct driven_hold *hold = hold_get(call, offset / PAGE_SIZE);

		if (IS_ERR(hold))
			return PTR_ERR(hold);
		memcpy(to, hold_at(hold, off), part);
		to = (u8 *)to + part;
		offset += part;
		length -= part;
	}
	return 0;
}

/* @p length bytes of a page are going to change. */
static int hold_dirty(struct driven_call *call, struct driven_hold *hold, u64 off, u64 length)
{
	struct store *store = call->super->store;

	if (!hold->dirty)
		hold->dirty = store_page_dirty(store, hold->page, hold->index);
	if (!hold->dirty)
		return -ENOMEM;
	store_page_mark(hold->dirty, store_sectors(store, off, length));
	return 0;
}

static int change_begin(struct driven_call *call)
{
	if (call->super->sb->flags & MS_RDONLY && !call->super->remounts &&
	    !(call->flags & DRIVEN_CLOSED))
		return -EROFS;
	driven_changed(call->super);
	return 0;
}

int driven_store_write(struct driven_call *call, u64 offset, const void *from, u64 length)
{
	int err = change_begin(call);

	if (err)
		return err;
	while (length) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, length);
		struct driven_hold *hold = hold_get(call, offset / PAGE_SIZE);

		if (IS_ERR(hold))
			return PTR_ERR(hold);
		err = hold_dirty(call, hold, off, part);
		if (!err)
			err = undo_note(&call->undo, hold_at(hold, off), part);
		if (err)
			return err;
		if (from)
			memcpy(hold_at(hold, off), from, part);
		else
			memset(hold_at(hold, off), 0, part);
		if (from)
			from = (const u8 *)from + part;
		offset += part;
		length -= part;
	}
	return 0;
}

static bool bits_are(const u8 *at, u32 first, u32 count, bool value)
{
	while (count) {
		u32 bits = MIN(8 - first, count), mask = ((1u << bits) - 1) << first;

		if ((*at++ & mask) != (value ? mask : 0))
			return false;
		count -= bits;
		first = 0;
	}
	return true;
}

/* See that bits of some pages are @p value, or flip them. */
static int bits_pass(struct driven_call *call, u64 offset, u32 first, u32 count, bool value,
		     bool flips)
{
	while (count) {
		u64 off = offset % PAGE_SIZE;
		u32 part = MIN((PAGE_SIZE - off) * 8 - first, (u64)count),
		    bytes = (first + part + 7) / 8;
		struct driven_hold *hold = hold_get(call, offset / PAGE_SIZE);
		int err = 0;

		if (IS_ERR(hold))
			return PTR_ERR(hold);
		if (!flips && !bits_are(hold_at(hold, off), first, part, value))
			return -EUCLEAN;
		if (flips)
			err = hold_dirty(call, hold, off, bytes)
				      ?: undo_note_flipped(&call->undo, hold_at(hold, off), first,
							   part);
		if (err)
			return err;
		if (flips)
			undo_flip(hold_at(hold, off), first, part);
		offset += bytes;
		count -= part;
		first = 0;
	}
	return 0;
}

int driven_store_bits(struct driven_call *call, u64 offset, u32 first, u32 count, bool value)
{
	int err = change_begin(call);

	if (!err)
		err = bits_pass(call, offset, first, count, !value, false);
	if (!err)
		err = bits_pass(call, offset, first, count, !value, true);
	return err;
}

int driven_store_add(struct driven_call *call, u64 offset, u32 bytes, s32 change)
{
	u64 off = offset % PAGE_SIZE;
	struct driven_hold *hold;
	int err = change_begin(call);

	if (err)
		return err;
	hold = hold_get(call, offset / PAGE_SIZE);
	if (IS_ERR(hold))
		return PTR_ERR(hold);
	err = hold_dirty(call, hold, off, bytes)
		      ?: undo_note_added(&call->undo, hold_at(hold, off), bytes, change);
	if (!err)
		undo_add(hold_at(hold, off), bytes, change);
	return err;
}

int driven_store_forget(struct driven_call *call, u64 offset, u64 length)
{
	if (!length)
		return 0;
	return store_forget(call->super->store, offset, length, &call->undo);
}

void driven_store_prefetch(struct driven_call *call, u64 offset, u64 length)
{
	u64 index = offset / PAGE_SIZE, end = (offset + length + PAGE_SIZE - 1) / PAGE_SIZE;
	struct inode *inode;

	if (!length)
		return;
	inode = call->super->store->inode;
	/* What is there is not asked for again. */
	while (index < end && page_tree_lookup(&inode->pages.tree, index))
		index++;
	if (index < end)
		file_cache_prefetch(inode, index, end - index);
}

int driven_store_after(struct driven_call *call, u64 later, u64 earlier, u64 length)
{
	if (!store_has(call->super->store, later, STORE_SECTOR / 2))
		return -EINVAL;
	return store_after(call->super->store, later, earlier, length);
}

int driven_store_borrow(struct driven_call *call, u64 offset, const void **memory)
{
	struct driven_hold *hold;

	if (!call->handle)
		return -EINVAL;
	if (call->nr_lent == DRIVEN_LENT_MAX)
		return -ENOSPC;
	hold = hold_get(call, offset / PAGE_SIZE);
	if (IS_ERR(hold))
		return PTR_ERR(hold);
	hold->lent++;
	call->nr_lent++;
	*memory = hold_at(hold, offset % PAGE_SIZE);
	return 0;
}

int driven_store_return(struct driven_call *call, const void *memory)
{
	for (u32 i = 0; i < call->nr_held; i++) {
		struct driven_hold *hold = &call->held[i];

		if (hold->lent &&
		    ((u64)memory & ~(PAGE_SIZE - 1)) == (u64)page_address(hold->page)) {
			hold->lent--;
			call->nr_lent--;
			return 0;
		}
	}
	return -EINVAL;
}

s64 driven_store_epoch(const struct driven_call *call, bool committed)
{
	if (committed)
		return (s64)READ_ONCE(call->super->committed);
	return (s64)READ_ONCE(call->super->epoch);
}

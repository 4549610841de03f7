// SPDX-License-Identifier: MIT
/*
 * The store, as a driver uses it by way of the API: banos/api/store.c.
 *
 * What a change writes is noted before, so that it can be undone (call.c). The pages that a call uses: hold.c.
 *
 * A change that has written something would end by half where there is no memory for more. So from its first write on it waits
 * for memory; what reads only, or has not written yet, fails at once.
 */
#include <kernel/err.h>
#include <kernel/fs/file_cache.h>
#include <kernel/fs/page_tree.h>
#include <kernel/string.h>
#include <uapi/mount.h>
#include "driver.h"
#include "store.h"

__cold bool driven_use_begin(struct driven_mount *mount, struct driven_call *call)
{
	struct driven_super *super;

	rcu_read_lock(); /* driven_put_super() waits before it frees it */
	super = READ_ONCE(mount->super);
	if (super && !atomic_inc_not_zero(&super->sb->refs))
		super = NULL;
	rcu_read_unlock();
	call->super = super;
	call->handle = 0; /* nothing is lent: what would give it back? */
	call->flags = DRIVEN_RUNS;
	call->nr_lent = 0;
	call->holds = NULL;
	call->bytes = super && super->store ? super->store->bytes : 0;
	return super;
}

__cold void driven_use_end(struct driven_call *call)
{
	holds_give_back(call);
	super_put(call->super->sb);
}

/* ---- reading and writing ---- */

static inline u8 *hold_at(const struct driven_hold *hold, u64 off)
{
	return hold->bytes + off;
}

/* @return should an operation that failed be tried again? */
static __cold __noinline bool wait_memory(const struct driven_call *call, u64 *patience)
{
	return call->flags & DRIVEN_WRITES && file_cache_patience(patience);
}

/* hold_get(), once there is memory for it. */
static __cold __noinline struct driven_hold *hold_wait(struct driven_call *call, u64 index)
{
	struct driven_hold *hold = ERR_PTR(-ENOMEM);
	u64 patience = 0;

	while (hold == ERR_PTR(-ENOMEM) && wait_memory(call, &patience))
		hold = hold_get(call, index);
	return hold;
}

static inline struct driven_hold *hold_use(struct driven_call *call, u64 index)
{
	struct driven_hold *hold = hold_get(call, index);

	if (unlikely(hold == ERR_PTR(-ENOMEM)))
		hold = hold_wait(call, index);
	return hold;
}

static __cold __noinline s64 store_read_pieces(struct driven_call *call, u64 offset, void *to,
					       u64 length)
{
	while (length) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, length);
		struct driven_hold *hold = hold_use(call, offset / PAGE_SIZE);

		if (IS_ERR(hold))
			return PTR_ERR(hold);
		memcpy(to, hold_at(hold, off), part);
		to = (u8 *)to + part;
		offset += part;
		length -= part;
	}
	return 0;
}

s64 driven_store_read(struct driven_call *call, u64 offset, void *to, u64 length)
{
	const struct driven_hold *hold = hold_recent(call, offset / PAGE_SIZE);
	u64 off = offset % PAGE_SIZE;

	if (unlikely(!hold || off + length > PAGE_SIZE))
		return store_read_pieces(call, offset, to, length);
	memcpy(to, hold_at(hold, off), length);
	return 0;
}

/* @p length bytes of a page are going to change. */
static __cold int hold_dirty(struct driven_call *call, struct driven_hold *hold, u64 off,
			     u64 length)
{
	struct store *store = call->super->store;

	if (!hold->dirty)
		hold->dirty = store_page_dirty(store, hold->page, hold->index);
	if (!hold->dirty)
		return -ENOMEM;
	store_page_mark(hold->dirty, store_sectors(store, off, length));
	return 0;
}

static int change_begin_first(struct driven_call *call)
{
	if (call->super->sb->flags & MS_RDONLY && !call->super->remounts &&
	    !(call->flags & DRIVEN_CLOSED))
		return -EROFS;
	driven_changed(call->super);
	/* What a commit hands down are times; a size says so itself (node_hand_down()). */
	if (!(call->flags & DRIVEN_COMMIT))
		WRITE_ONCE(call->super->structured, true);
	call->flags |= DRIVEN_WRITES;
	return 0;
}

static inline int change_begin(struct driven_call *call)
{
	if (likely(call->flags & DRIVEN_WRITES))
		return 0;
	return change_begin_first(call);
}

/*
 * The page that was found last, if it is that one and has dirty sectors, in a call that may write: the usual case.
 * @return NULL: another way is to be gone, by which an error is found, too
 */
static inline struct driven_hold *hold_ready(struct driven_call *call, u64 index)
{
	struct driven_holds *holds = call->holds;
	struct driven_hold *hold;

	if (unlikely(!holds))
		return NULL;
	hold = &holds->held[holds->recent[driven_recent(index)]];
	if (unlikely(hold->index != index) || unlikely(!hold->dirty))
		return NULL;
	if (unlikely(change_begin(call)))
		return NULL;
	return hold;
}

static __cold u8 *piece_begin_once(struct driven_call *call, u64 index, u64 off, u64 length,
				   const u8 *from)
{
	struct driven_hold *hold;
	bool fresh = false;
	int err;

	if (length == PAGE_SIZE)
		hold = hold_whole(call, index, from, &fresh);
	else
		hold = hold_get(call, index);
	if (IS_ERR(hold))
		return ERR_PTR(PTR_ERR(hold));
	if (unlikely(fresh))
		err = undo_note_fresh(&call->undo, hold_at(hold, off));
	else
		err = undo_note(&call->undo, hold_at(hold, off), length);
	if (!err)
		err = hold_dirty(call, hold, off, length);
	if (!err && fresh)
		return NULL;
	if (!err)
		return hold_at(hold, off);
	if (fresh)
		store_read_again(call->super->store, hold_at(hold, off));
	return ERR_PTR(err);
}

/*
 * The piece of a page that is going to be written from @from (NULL: zeroes), noted and dirty.
 * @return ERR_PTR; NULL: a page that was not cached holds it already
 */
static __cold u8 *piece_begin(struct driven_call *call, u64 index, u64 off, u64 length,
			      const u8 *from)
{
	u64 patience = 0;
	u8 *piece;

	do
		piece = piece_begin_once(call, index, off, length, from);
	while (unlikely(piece == ERR_PTR(-ENOMEM)) && wait_memory(call, &patience));
	return piece;
}

/* @from: NULL: zeroes */
static __cold __noinline s64 store_write_pieces(struct driven_call *call, u64 offset,
						const u8 *from, u64 length)
{
	int err = change_begin(call);

	while (length && !err) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, length);
		u8 *to = piece_begin(call, offset / PAGE_SIZE, off, part, from);

		if (IS_ERR(to))
			return PTR_ERR(to);
		if (to && from)
			memcpy(to, from, part);
		else if (to)
			memset(to, 0, part);
		if (from)
			from += part;
		offset += part;
		length -= part;
	}
	return err;
}

__cold s64 driven_store_zero(struct driven_call *call, u64 offset, u64 length)
{
	return store_write_pieces(call, offset, NULL, length);
}

s64 driven_store_write(struct driven_call *call, u64 offset, const void *from, u64 length)
{
	struct driven_hold *hold = hold_ready(call, offset / PAGE_SIZE);
	u64 off = offset % PAGE_SIZE;
	struct undo_record *record;
	u8 *to;

	if (unlikely(!hold))
		return store_write_pieces(call, offset, from, length);
	if (unlikely(length - 1 >= PAGE_SIZE - off))
		return store_write_pieces(call, offset, from, length);
	to = hold_at(hold, off);
	record = undo_record_add(&call->undo, to, (u32)length, UNDO_BYTES, 0, (u32)length);
	if (unlikely(!record))
		return store_write_pieces(call, offset, from, length);
	store_page_mark(hold->dirty, store_sectors(call->super->store, off, length));
	memcpy(record->bytes, to, length);
	memcpy(to, from, length);
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

/* See that bits of some pages are @p value, and flip them if that is wanted. */
static __cold int bits_pass(struct driven_call *call, u64 offset, u32 first, u32 count, bool value,
			    bool flips)
{
	while (count) {
		u64 off = offset % PAGE_SIZE;
		u32 part = MIN((PAGE_SIZE - off) * 8 - first, (u64)count),
		    bytes = (first + part + 7) / 8;
		struct driven_hold *hold = hold_use(call, offset / PAGE_SIZE);
		u64 patience = 0;
		int err = 0;

		if (IS_ERR(hold))
			return PTR_ERR(hold);
		if (!bits_are(hold_at(hold, off), first, part, value))
			return -EUCLEAN;
		do
			if (flips)
				err = hold_dirty(call, hold, off, bytes)
					      ?: undo_note_flipped(&call->undo, hold_at(hold, off),
								   first, part);
		while (unlikely(err == -ENOMEM) && wait_memory(call, &patience));
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

static __cold __noinline s64 store_add_slowly(struct driven_call *call, u64 offset, u32 bytes,
					      s32 change)
{
	u64 off = offset % PAGE_SIZE;
	struct driven_hold *hold;
	int err = change_begin(call);
	u64 patience = 0;

	if (err)
		return err;
	hold = hold_use(call, offset / PAGE_SIZE);
	if (IS_ERR(hold))
		return PTR_ERR(hold);
	do
		err = hold_dirty(call, hold, off, bytes)
			      ?: undo_note_added(&call->undo, hold_at(hold, off), bytes, change);
	while (unlikely(err == -ENOMEM) && wait_memory(call, &patience));
	if (!err)
		undo_add(hold_at(hold, off), bytes, change);
	return err;
}

static s64 store_add(struct driven_call *call, u64 offset, u32 bytes, s32 change)
{
	struct driven_hold *hold = hold_ready(call, offset / PAGE_SIZE);
	u64 off = offset % PAGE_SIZE;

	if (unlikely(!hold) || unlikely(!undo_record_add(&call->undo, hold_at(hold, off),
							 (u32)change, UNDO_ADDED, bytes, 0)))
		return store_add_slowly(call, offset, bytes, change);
	store_page_mark(hold->dirty, store_sectors(call->super->store, off, bytes));
	undo_add(hold_at(hold, off), bytes, change);
	return 0;
}

s64 driven_store_add(struct driven_call *call, u64 offset, u32 bytes, s32 change)
{
	return store_add(call, offset, bytes, change);
}

static __cold __noinline int store_bits_slowly(struct driven_call *call, u64 offset, u32 first,
					       u32 count, bool value)
{
	int err = change_begin(call);

	/* Of several pages none is changed before all were looked at. */
	if (!err && (first + (u64)count + 7) / 8 > PAGE_SIZE - offset % PAGE_SIZE)
		err = bits_pass(call, offset, first, count, !value, false);
	if (!err)
		err = bits_pass(call, offset, first, count, !value, true);
	return err;
}

/* Those of one byte. @return 0; not 0: it is for store_bits_slowly() */
static inline int store_bits_byte(struct driven_call *call, u64 offset, u32 first, u32 count,
				  bool value)
{
	struct driven_hold *hold = hold_ready(call, offset / PAGE_SIZE);
	u64 off = offset % PAGE_SIZE;
	u32 mask;
	u8 *at;

	if (unlikely(!hold || count > 8 - first))
		return -EAGAIN;
	at = hold_at(hold, off);
	mask = ((1u << count) - 1) << first;
	if (unlikely((*at & mask) != (value ? 0 : mask)) ||
	    unlikely(!undo_record_add(&call->undo, at, count, UNDO_FLIPPED, first, 0)))
		return -EAGAIN;
	store_page_mark(hold->dirty, store_sectors(call->super->store, off, 1));
	__atomic_fetch_xor(at, (u8)mask, __ATOMIC_RELAXED);
	return 0;
}

s64 driven_store_bits(struct driven_call *call, u64 offset, u32 first, u32 count, bool value,
		      u64 counter)
{
	int err = store_bits_byte(call, offset, first, count, value);

	if (unlikely(err))
		err = store_bits_slowly(call, offset, first, count, value);
	if (err || !counter)
		return err;
	return store_add(call, counter, sizeof(u16), value ? -(s32)count : (s32)count);
}

int driven_store_forget(struct driven_call *call, u64 offset, u64 length)
{
	u64 patience = 0;
	int err;

	if (!length)
		return 0;
	do
		err = store_forget(call->super->store, offset, length, &call->undo);
	while (unlikely(err == -ENOMEM) && wait_memory(call, &patience));
	return err;
}

__cold void driven_store_prefetch(struct driven_call *call, u64 offset, u64 length)
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

s64 driven_store_after(struct driven_call *call, u64 later, u64 earlier, u64 length)
{
	u64 patience = 0;
	int err;

	if (!store_has(call->super->store, later, STORE_SECTOR / 2))
		return -EINVAL;
	do
		err = store_after(call->super->store, later, earlier, length);
	while (unlikely(err == -ENOMEM) && wait_memory(call, &patience));
	return err;
}

s64 driven_store_borrow(struct driven_call *call, u64 offset, const void **memory)
{
	struct driven_hold *hold = hold_recent(call, offset / PAGE_SIZE);

	if (unlikely(!call->handle))
		return -EINVAL;
	if (unlikely(call->nr_lent == DRIVEN_LENT_MAX))
		return -ENOSPC;
	if (unlikely(!hold))
		hold = hold_use(call, offset / PAGE_SIZE);
	if (IS_ERR(hold))
		return PTR_ERR(hold);
	hold->lent++;
	call->nr_lent++;
	call->holds->lent = (u32)(hold - call->holds->held);
	*memory = hold_at(hold, offset % PAGE_SIZE);
	return 0;
}

static bool hold_give_back(struct driven_call *call, struct driven_hold *hold, const void *memory)
{
	if (!hold->lent || ((u64)memory & ~(PAGE_SIZE - 1)) != (u64)hold->bytes)
		return false;
	hold->lent--;
	call->nr_lent--;
	return true;
}

s64 driven_store_return(struct driven_call *call, const void *memory)
{
	if (!call->nr_lent)
		return -EINVAL;
	/* Most often it is the last one. */
	if (likely(hold_give_back(call, &call->holds->held[call->holds->lent], memory)))
		return 0;
	for (u32 i = 0; i < call->holds->count; i++)
		if (hold_give_back(call, &call->holds->held[i], memory))
			return 0;
	return -EINVAL;
}

s64 driven_store_epoch(const struct driven_call *call, bool committed)
{
	if (committed)
		return (s64)READ_ONCE(call->super->committed);
	return (s64)READ_ONCE(call->super->epoch);
}

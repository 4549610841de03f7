// SPDX-License-Identifier: MIT
/* The store, as a driver uses it by way of the API: banos/api/store.c. */
#include <kernel/err.h>
#include <kernel/fs/file_cache.h>
#include <kernel/string.h>
#include <uapi/mount.h>
#include "driver.h"
#include "store.h"

bool driven_use_begin(struct driven_mount *mount, struct driven_use *use)
{
	struct driven_call *call = driven_call_current();
	struct driven_super *super;

	*use = (struct driven_use){ .super = READ_ONCE(mount->super) };
	if (call && call->super == use->super) {
		use->call = call;
		use->change = call->flags & (DRIVEN_CHANGE | DRIVEN_COMMIT | DRIVEN_CLOSED);
		return true;
	}
	rcu_read_lock(); /* driven_put_super() waits before it frees it */
	super = READ_ONCE(mount->super);
	if (super && !atomic_inc_not_zero(&super->sb->refs))
		super = NULL;
	rcu_read_unlock();
	use->super = super;
	return super;
}

void driven_use_end(struct driven_use *use)
{
	if (!use->call)
		super_put(use->super->sb);
}

bool driven_use_covers(const struct driven_use *use, u64 offset, u64 length)
{
	if (!use->super->store)
		return !offset && !length;
	return store_has(use->super->store, offset, length);
}

int driven_store_read(struct driven_use *use, u64 offset, void *to, u64 length)
{
	return store_read(use->super->store, offset, to, length);
}

int driven_store_write(struct driven_use *use, u64 offset, const void *from, u64 length)
{
	if (use->super->sb->flags & MS_RDONLY && !use->super->remounts &&
	    !(use->call->flags & DRIVEN_CLOSED))
		return -EROFS;
	driven_changed(use->super);
	return store_write(use->super->store, offset, from, length);
}

void driven_store_forget(struct driven_use *use, u64 offset, u64 length)
{
	store_forget(use->super->store, offset, length);
}

void driven_store_prefetch(struct driven_use *use, u64 offset, u64 length)
{
	if (length)
		file_cache_prefetch(use->super->store->inode, offset / PAGE_SIZE,
				    (offset + length - 1) / PAGE_SIZE - offset / PAGE_SIZE + 1);
}

int driven_store_after(struct driven_use *use, u64 later, u64 earlier, u64 length)
{
	if (!store_has(use->super->store, later, STORE_SECTOR / 2))
		return -EINVAL;
	return store_after(use->super->store, later, earlier, length);
}

int driven_store_borrow(struct driven_use *use, u64 offset, const void **memory)
{
	struct driven_call *call = use->call;
	struct page *page;
	u32 place = 0;

	if (!call)
		return -EINVAL;
	while (place < DRIVEN_LENT_MAX && call->lent[place])
		place++;
	if (place == DRIVEN_LENT_MAX)
		return -ENOSPC;
	page = store_page_get(use->super->store, offset / PAGE_SIZE);
	if (IS_ERR(page))
		return PTR_ERR(page);
	call->lent[place] = page;
	call->nr_lent++;
	*memory = call->lent_at[place] = (const u8 *)page_address(page) + offset % PAGE_SIZE;
	return 0;
}

int driven_store_return(struct driven_use *use, const void *memory)
{
	struct driven_call *call = use->call;

	for (u32 i = 0; call && i < DRIVEN_LENT_MAX; i++)
		if (call->lent[i] && call->lent_at[i] == memory) {
			page_put(call->lent[i]);
			call->lent[i] = NULL;
			call->nr_lent--;
			return 0;
		}
	return -EINVAL;
}

s64 driven_store_epoch(const struct driven_use *use, bool committed)
{
	if (committed)
		return (s64)READ_ONCE(use->super->committed);
	return (s64)READ_ONCE(use->super->epoch);
}

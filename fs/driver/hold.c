// SPDX-License-Identifier: MIT
/*
 * Pages of the store that a call uses.
 *
 * Most methods look at few pages, several times each, and the next one at many of the same: bitmaps, descriptors, inodes.
 * So a call takes over those of the call before on its CPU, which stay counted: looking them up again would cost more
 * than what is done in them. A page that has left the cache meanwhile, or what is known of another epoch, is not used.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include "driver.h"
#include "store.h"

static void holds_drop(struct driven_holds *holds)
{
	for (u32 i = 0; i < holds->count; i++) {
		page_put(holds->held[i].page);
		holds->held[i].index = UINT64_MAX;
	}
	holds->count = 0;
}

/* They were another call's: what it knew of another epoch is not true any more. */
static void holds_settle(struct driven_super *super, struct driven_holds *holds)
{
	u64 epoch = READ_ONCE(super->epoch);

	if (likely(holds->epoch == epoch))
		return;
	for (u32 i = 0; i < holds->count; i++)
		holds->held[i].dirty = NULL;
	holds->epoch = epoch;
}

static struct driven_holds *holds_alloc(struct driven_super *super)
{
	struct driven_holds *holds = kzalloc(sizeof(*holds));

	for (u32 i = 0; holds && i < DRIVEN_HELD_MAX; i++)
		holds->held[i].index = UINT64_MAX;
	return holds;
}

struct driven_holds *holds_take(struct driven_super *super)
{
	struct driven_holds *holds =
		__atomic_exchange_n(&super->cells[cpu_id()].holds, NULL, __ATOMIC_ACQUIRE);

	if (!holds)
		holds = holds_alloc(super);
	if (holds)
		holds_settle(super, holds);
	return holds;
}

static void holds_destroy(struct driven_holds *holds)
{
	holds_drop(holds);
	kfree(holds);
}

void holds_return(struct driven_call *call)
{
	struct driven_holds *holds = call->holds;

	for (u32 i = 0; call->nr_lent && i < holds->count; i++)
		holds->held[i].lent = 0;
	holds = __atomic_exchange_n(&call->super->cells[cpu_id()].holds, holds, __ATOMIC_ACQ_REL);
	if (unlikely(holds))
		holds_destroy(holds);
}

void holds_free(struct driven_super *super)
{
	for (u32 cpu = 0; super->cells && cpu < cpu_count; cpu++)
		if (super->cells[cpu].holds)
			holds_destroy(super->cells[cpu].holds);
}

/* A place for one more: one that is not lent, of which there always is one. */
static struct driven_hold *hold_place(struct driven_holds *holds)
{
	struct driven_hold *hold;

	if (holds->count < DRIVEN_HELD_MAX)
		return &holds->held[holds->count++];
	do
		hold = &holds->held[holds->turn++ % DRIVEN_HELD_MAX];
	while (hold->lent);
	page_put(hold->page);
	return hold;
}

/* @page is taken over. */
static struct driven_hold *hold_add(struct driven_holds *holds, u64 index, struct page *page)
{
	struct driven_hold *hold = hold_place(holds);

	*hold = (struct driven_hold){ .page = page, .bytes = page_address(page), .index = index };
	holds->recent[driven_recent(index)] = (u8)(hold - holds->held);
	return hold;
}

static struct driven_hold *hold_search(struct driven_call *call, u64 index)
{
	struct driven_holds *holds = call->holds;
	struct page *page;

	for (u32 i = 0; i < holds->count; i++) {
		struct driven_hold *hold = &holds->held[i];

		if (hold->index != index)
			continue;
		if (likely(hold_is_valid(hold))) {
			holds->recent[driven_recent(index)] = (u8)i;
			return hold;
		}
		hold->index = UINT64_MAX; /* it may be lent, so it stays counted */
	}
	page = store_page_get(call->super->store, index);
	if (IS_ERR(page))
		return ERR_PTR(PTR_ERR(page));
	return hold_add(holds, index, page);
}

struct driven_hold *hold_find(struct driven_call *call, u64 index)
{
	struct driven_hold *hold;

	if (call->holds)
		return hold_search(call, index);
	call->holds = holds_take(call->super);
	if (unlikely(!call->holds))
		return ERR_PTR(-ENOMEM);
	hold = hold_recent(call, index);
	if (hold)
		return hold;
	return hold_search(call, index);
}

struct driven_hold *hold_whole(struct driven_call *call, u64 index, const void *bytes, bool *fresh)
{
	struct page *page;

	if (!call->holds)
		call->holds = holds_take(call->super);
	if (unlikely(!call->holds))
		return ERR_PTR(-ENOMEM);
	page = store_page_fresh(call->super->store, index, bytes);
	if (IS_ERR(page))
		return ERR_PTR(PTR_ERR(page));
	*fresh = page;
	if (page)
		return hold_add(call->holds, index, page);
	return hold_get(call, index);
}

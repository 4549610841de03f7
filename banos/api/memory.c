// SPDX-License-Identifier: MIT
/*
 * <banos/memory.h>: memory for drivers.
 *
 * What belongs to whom is kept apart from the memory itself, in a tree by
 * address, so that giving back what was never obtained is found out, and
 * writing beyond the end does not destroy the account.
 *
 * Lock: owner->root->lock guards the driver's tree.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include "caller.h"

#define SIZE_MAX_BYTES (256ul << 20)
#define ATOMIC_MAX     2048u

struct allocation {
	struct owned owned;
	struct rb_node node; /* in driver->memory */
	struct driver *driver;
	void *memory;
	u64 size;
};

static void tree_insert_locked(struct allocation *a)
{
	struct rb_node *parent = NULL, **link = &a->driver->memory.node;

	while (*link) {
		parent = *link;
		link = a->memory < rb_entry(parent, struct allocation, node)->memory
			       ? &parent->left
			       : &parent->right;
	}
	rb_insert(&a->driver->memory, &a->node, parent, link);
}

static struct allocation *tree_find_locked(struct driver *d, const void *memory)
{
	for (struct rb_node *n = d->memory.node; n;) {
		struct allocation *a = rb_entry(n, struct allocation, node);

		if (a->memory == memory)
			return a;
		n = memory < a->memory ? n->left : n->right;
	}
	return NULL;
}

static int allocation_stop(struct owned *o, u64 deadline_ns)
{
	struct allocation *a = container_of(o, struct allocation, owned);
	u64 flags = spin_lock_irqsave(&a->driver->owner.lock);

	rb_erase(&a->driver->memory, &a->node);
	spin_unlock_irqrestore(&a->driver->owner.lock, flags);
	owner_account(&a->driver->owner, -(s64)a->size);
	kvfree(a->memory);
	return 0;
}

static void allocation_free(struct owned *o)
{
	kfree(container_of(o, struct allocation, owned));
}

static const struct owned_class memory_class = {
	.name = "allocation",
	.names = "allocations",
	.kind = OWNED_MEMORY,
	.phase = OWNED_PASSIVE,
	.stop = allocation_stop,
	.free = allocation_free,
};

static struct allocation *allocate(u64 size, bool atomic)
{
	struct allocation *a = kzalloc(sizeof(*a));

	if (!a)
		return NULL;
	a->size = size;
	if (atomic || size <= PAGE_SIZE) {
		a->memory = kzalloc_driver(size);
	} else {
		a->memory = kvzalloc(size);
		if (a->memory)
			krange_mark_driver(a->memory);
	}
	if (a->memory)
		return a;
	kfree(a);
	return NULL;
}

/* @return what is wrong with the request, or NULL */
static const char *alloc_mistake(const struct owner *o, u64 size, u32 flags)
{
	if (!o)
		return "owner is none of the caller's";
	if (!size || size > SIZE_MAX_BYTES)
		return "size is 0, or over 256 MiB";
	if (flags & ~BANOS_ALLOC_ATOMIC)
		return "flags has a bit that is not known";
	if (flags & BANOS_ALLOC_ATOMIC)
		return size > ATOMIC_MAX ? "size is over 2048 with BANOS_ALLOC_ATOMIC" : NULL;
	return api_holds_spinlock()
		       ? "may sleep without BANOS_ALLOC_ATOMIC, and the caller holds a spin lock"
		       : NULL;
}

void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags)
{
	struct owner *o = api_owner(owner);
	const char *wrong = alloc_mistake(o, size, flags);
	struct allocation *a;
	u64 irq;

	if (wrong) {
		MISTAKE(wrong);
		return NULL;
	}
	a = allocate(size, flags & BANOS_ALLOC_ATOMIC);
	if (!a)
		return NULL;
	a->driver = owner_driver(o);
	irq = spin_lock_irqsave(&a->driver->owner.lock);
	tree_insert_locked(a);
	spin_unlock_irqrestore(&a->driver->owner.lock, irq);
	owner_account(o, size);
	if (owned_add(o, &a->owned, &memory_class, false)) {
		allocation_stop(&a->owned, 0);
		kfree(a);
		return NULL;
	}
	return a->memory;
}
BANOS_EXPORT(banos_alloc);

int64_t banos_free(banos_owner owner, void *memory)
{
	struct owner *o = api_owner(owner);
	struct allocation *a;
	u64 irq;
	int err;

	if (!o)
		return MISTAKE("owner is none of the caller's");
	if (!memory)
		return 0;
	irq = spin_lock_irqsave(&o->root->lock);
	a = tree_find_locked(owner_driver(o), memory);
	if (a && (a->owned.owner != o || !atomic_inc_not_zero(&a->owned.refs)))
		a = NULL;
	spin_unlock_irqrestore(&o->root->lock, irq);
	if (!a)
		return MISTAKE("memory was not obtained for this owner, or was freed before");
	/* Larger ones are unmapped, which sleeps. */
	err = a->size > PAGE_SIZE && api_holds_spinlock() ? SPINLOCK_MISTAKE()
							  : owned_remove(&a->owned);
	owned_put(&a->owned);
	return err;
}
BANOS_EXPORT(banos_free);

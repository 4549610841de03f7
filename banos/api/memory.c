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

static void tree_insert_locked(struct allocation *allocation)
{
	struct rb_node *parent = NULL, **link = &allocation->driver->memory.node;

	assert_held(&allocation->driver->owner.lock);
	while (*link) {
		parent = *link;
		if (allocation->memory < rb_entry(parent, struct allocation, node)->memory)
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert(&allocation->driver->memory, &allocation->node, parent, link);
}

static struct allocation *tree_find_locked(struct driver *driver, const void *memory)
{
	assert_held(&driver->owner.lock);
	for (struct rb_node *entry = driver->memory.node; entry;) {
		struct allocation *allocation = rb_entry(entry, struct allocation, node);

		if (allocation->memory == memory)
			return allocation;
		if (memory < allocation->memory)
			entry = entry->left;
		else
			entry = entry->right;
	}
	return NULL;
}

static int allocation_stop(struct owned *object, u64 deadline_ns)
{
	struct allocation *allocation = container_of(object, struct allocation, owned);
	u64 flags = spin_lock_irqsave(&allocation->driver->owner.lock);

	rb_erase(&allocation->driver->memory, &allocation->node);
	spin_unlock_irqrestore(&allocation->driver->owner.lock, flags);
	owner_account(&allocation->driver->owner, -(s64)allocation->size);
	kvfree(allocation->memory);
	return 0;
}

static void allocation_free(struct owned *object)
{
	kfree(container_of(object, struct allocation, owned));
}

static const struct owned_class memory_class = {
	.name = "allocation",
	.names = "allocations",
	.kind = OWNED_MEMORY,
	.phase = OWNED_PASSIVE,
	.stop = allocation_stop,
	.free = allocation_free,
};

static struct allocation *allocation_create(u64 size, bool atomic)
{
	struct allocation *allocation = kzalloc(sizeof(*allocation));

	if (!allocation)
		return NULL;
	allocation->size = size;
	if (atomic || size <= PAGE_SIZE) {
		allocation->memory = kzalloc_driver(size);
	} else {
		allocation->memory = kvzalloc(size);
		if (allocation->memory)
			krange_mark_driver(allocation->memory);
	}
	if (allocation->memory)
		return allocation;
	kfree(allocation);
	return NULL;
}

/* @return what is wrong with the request, or NULL */
static const char *alloc_mistake(const struct owner *owner, u64 size, u32 flags)
{
	if (!owner)
		return "owner does not belong to the caller";
	if (!size || size > SIZE_MAX_BYTES)
		return "size is 0, or over 256 MiB";
	if (flags & ~BANOS_ALLOC_ATOMIC)
		return "flags has an unknown bit";
	if (flags & BANOS_ALLOC_ATOMIC) {
		if (size > ATOMIC_MAX)
			return "size is over 2048 with BANOS_ALLOC_ATOMIC";
		return NULL;
	}
	if (api_holds_spinlock())
		return "may sleep without BANOS_ALLOC_ATOMIC, and the caller holds a spin lock";
	return NULL;
}

void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags)
{
	struct owner *holder = api_owner(owner);
	const char *wrong = alloc_mistake(holder, size, flags);
	struct allocation *allocation;
	u64 irq;

	if (wrong) {
		MISTAKE(wrong);
		return NULL;
	}
	allocation = allocation_create(size, flags & BANOS_ALLOC_ATOMIC);
	if (!allocation)
		return NULL;
	allocation->driver = owner_driver(holder);
	irq = spin_lock_irqsave(&allocation->driver->owner.lock);
	tree_insert_locked(allocation);
	spin_unlock_irqrestore(&allocation->driver->owner.lock, irq);
	owner_account(holder, size);
	if (owned_add(holder, &allocation->owned, &memory_class, false)) {
		allocation_stop(&allocation->owned, 0);
		kfree(allocation);
		return NULL;
	}
	return allocation->memory;
}
BANOS_EXPORT(banos_alloc);

int64_t banos_free(banos_owner owner, void *memory)
{
	struct owner *holder = api_owner(owner);
	struct allocation *allocation;
	u64 irq;
	int err;

	if (!holder)
		return MISTAKE("owner does not belong to the caller");
	if (!memory)
		return 0;
	irq = spin_lock_irqsave(&holder->root->lock);
	allocation = tree_find_locked(owner_driver(holder), memory);
	if (allocation &&
	    (allocation->owned.owner != holder || !atomic_inc_not_zero(&allocation->owned.refs)))
		allocation = NULL;
	spin_unlock_irqrestore(&holder->root->lock, irq);
	if (!allocation)
		return MISTAKE("memory was not obtained for this owner, or was freed before");
	/* Larger ones are unmapped, which sleeps. */
	if (allocation->size > PAGE_SIZE && api_holds_spinlock())
		err = SPINLOCK_MISTAKE();
	else
		err = owned_remove(&allocation->owned);
	owned_put(&allocation->owned);
	return err;
}
BANOS_EXPORT(banos_free);

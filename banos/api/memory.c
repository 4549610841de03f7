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
#include <kernel/printk.h>

#define SIZE_MAX_BYTES	(256ul << 20)
#define ATOMIC_MAX	2048u

struct allocation {
	struct owned owned;
	struct rb_node node;		/* in driver->memory */
	struct driver *driver;
	void *memory;
	u64 size;
};

static void tree_insert_locked(struct allocation *a)
{
	struct rb_node *parent = NULL, **link = &a->driver->memory.node;

	while (*link) {
		parent = *link;
		link = a->memory < rb_entry(parent, struct allocation, node)->memory ? &parent->left : &parent->right;
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

static int allocation_stop(struct owned *o)
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
	.name = "allocation", .names = "allocations", .kind = OWNED_MEMORY, .phase = OWNED_PASSIVE,
	.stop = allocation_stop, .free = allocation_free,
};

static struct allocation *allocate(u64 size, bool atomic)
{
	struct allocation *a = kzalloc(sizeof(*a));

	if (!a)
		return NULL;
	a->size = size;
	a->memory = atomic ? kzalloc(size) : kvzalloc(size);
	if (a->memory)
		return a;
	kfree(a);
	return NULL;
}

void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags)
{
	struct owner *o = owner_find((u64)owner);
	struct allocation *a;
	u64 irq;

	if (!o || !size || size > SIZE_MAX_BYTES || flags & ~BANOS_ALLOC_ATOMIC ||
	    (flags & BANOS_ALLOC_ATOMIC && size > ATOMIC_MAX))
		return NULL;
	a = allocate(size, flags & BANOS_ALLOC_ATOMIC);
	if (!a)
		return NULL;
	a->driver = owner_driver(o);
	irq = spin_lock_irqsave(&a->driver->owner.lock);
	tree_insert_locked(a);
	spin_unlock_irqrestore(&a->driver->owner.lock, irq);
	owner_account(o, size);
	if (owned_add(o, &a->owned, &memory_class, false)) {
		allocation_stop(&a->owned);
		kfree(a);
		return NULL;
	}
	return a->memory;
}
BANOS_EXPORT(banos_alloc);

int64_t banos_free(banos_owner owner, void *memory)
{
	struct owner *o = owner_find((u64)owner);
	struct allocation *a;
	u64 irq;
	int err;

	if (!o)
		return -EINVAL;
	if (!memory)
		return 0;
	irq = spin_lock_irqsave(&o->root->lock);
	a = tree_find_locked(owner_driver(o), memory);
	if (a && (a->owned.owner != o || !atomic_inc_not_zero(&a->owned.refs)))
		a = NULL;
	spin_unlock_irqrestore(&o->root->lock, irq);
	if (!a) {
		pr_warn("banos: %s: freed %p, which it does not own\n", o->root->name, memory);
		return -EINVAL;
	}
	err = owned_remove(&a->owned);
	owned_put(&a->owned);
	return err;
}
BANOS_EXPORT(banos_free);

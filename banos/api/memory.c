// SPDX-License-Identifier: MIT
/*
 * <banos/memory.h>: memory for drivers.
 *
 * Small allocations are the business of the driver's heap (mm/driver_heap.c), which knows
 * the owner of each. Larger ones are whole pages, each with an object on its owner's list; a
 * driver's are in a tree by address. So giving back what was never obtained is found out,
 * and writing beyond the end does not destroy the account.
 *
 * Lock: owner->root->lock guards the driver's heap and tree.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "caller.h"

#define SIZE_MAX_BYTES (256ul << 20)

/* ---- large ones ---- */

struct allocation {
	struct owned owned;
	struct rb_node node; /* in driver->memory */
	struct driver *driver;
	void *memory;
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
	wall_unshare(&allocation->driver->owner, allocation->memory, allocation->owned.bytes);
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
	.bytes = sizeof(struct allocation),
	.stop = allocation_stop,
	.free = allocation_free,
};

static struct allocation *allocation_create(u64 size)
{
	struct allocation *allocation = kzalloc(sizeof(*allocation));

	if (!allocation)
		return NULL;
	if (IS_ENABLED(CONFIG_GATE_WALL)) {
		allocation->memory =
			krange_alloc(KRANGE_GENERAL, PAGE_ALIGN(size) >> PAGE_SHIFT, KPROT_RW);
		if (allocation->memory)
			krange_mark_driver(allocation->memory);
	} else if (size <= PAGE_SIZE) {
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

static __noinline void *alloc_large(struct owner *owner, u64 size)
{
	struct allocation *allocation;
	u64 flags;

	if (owner_charge(owner, size))
		return NULL;
	allocation = allocation_create(size);
	if (!allocation)
		goto err_uncharge;
	allocation->owned.bytes = size;
	allocation->driver = owner_driver(owner);
	flags = spin_lock_irqsave(&owner->root->lock);
	tree_insert_locked(allocation);
	spin_unlock_irqrestore(&owner->root->lock, flags);
	if (!wall_share(owner, allocation->memory, size) &&
	    !owned_add(owner, &allocation->owned, &memory_class, false))
		return allocation->memory;
	(void)allocation_stop(&allocation->owned, 0);
	kfree(allocation);
err_uncharge:
	owner_uncharge(owner, size);
	return NULL;
}

/* @return 0; -ENOENT: there is no such one; -EDEADLK */
static __noinline int free_large(struct owner *owner, const void *memory)
{
	struct allocation *allocation;
	u64 flags = spin_lock_irqsave(&owner->root->lock);
	int err;

	allocation = tree_find_locked(owner_driver(owner), memory);
	if (allocation &&
	    (allocation->owned.owner != owner || !atomic_inc_not_zero(&allocation->owned.refs)))
		allocation = NULL;
	spin_unlock_irqrestore(&owner->root->lock, flags);
	if (!allocation)
		return -ENOENT;
	/* It is unmapped, which sleeps. */
	if (allocation->owned.bytes > PAGE_SIZE && api_holds_spinlock())
		err = -EDEADLK;
	else
		err = owned_remove(&allocation->owned);
	owned_put(&allocation->owned);
	return err;
}

/* ---- small ones ---- */

static int heap_charge(struct driver_heap *heap, s64 bytes)
{
	struct owner *root = &container_of(heap, struct driver, heap)->owner;

	if (bytes > 0)
		return owner_charge_locked(root, bytes);
	root->charged += bytes;
	return 0;
}

#ifdef CONFIG_GATE_WALL
static int heap_share(struct driver_heap *heap, void *page, bool share)
{
	const struct owner *root = &container_of(heap, struct driver, heap)->owner;

	if (share)
		return wall_share(root, page, PAGE_SIZE);
	wall_unshare(root, page, PAGE_SIZE);
	return 0;
}
#endif

void driver_memory_prepare(struct driver *driver)
{
	driver_heap_init(&driver->heap, &driver->owner.lock, heap_charge);
#ifdef CONFIG_GATE_WALL
	driver->heap.share = heap_share;
#endif
}

static inline void count_small_locked(struct owner *root, struct owner *owner, u32 size)
{
	assert_held(&root->lock);
	root->bytes += size;
	root->counts[OWNED_MEMORY]++;
	owner->allocations++;
}

static inline void uncount_small_locked(struct owner *root, struct owner *owner, u32 size)
{
	assert_held(&root->lock);
	root->bytes -= size;
	root->counts[OWNED_MEMORY]--;
	owner->allocations--;
}

static void *alloc_small(struct owner *owner, u32 size)
{
	struct owner *root = owner->root;
	u64 flags = irq_save();
	void *memory = NULL;

	raw_spin_lock(&root->lock);
	if (likely(!owner_is_closed(owner)))
		memory = driver_heap_alloc(&owner_driver(root)->heap, size, owner);
	if (likely(memory))
		count_small_locked(root, owner, size);
	raw_spin_unlock(&root->lock);
	irq_restore(flags);
	if (likely(memory))
		memset(memory, 0, size);
	return memory;
}

/* @return whether it was one */
static bool free_small(struct owner *owner, void *memory)
{
	struct owner *root = owner->root;
	u64 flags = irq_save();
	u32 size;

	raw_spin_lock(&root->lock);
	size = driver_heap_free(&owner_driver(root)->heap, memory, owner);
	if (likely(size))
		uncount_small_locked(root, owner, size);
	raw_spin_unlock(&root->lock);
	irq_restore(flags);
	return size;
}

static u32 release_small_locked(struct owner *owner)
{
	struct driver *driver = owner_driver(owner);
	u64 bytes;
	u32 count = 0;

	assert_held(&owner->root->lock);
	if (owner->allocations) {
		count = driver_heap_release(&driver->heap, owner, &bytes);
		owner->allocations -= count;
		driver->owner.bytes -= bytes;
	}
	return count;
}

void driver_memory_end(struct driver *driver)
{
	u64 flags;

	if (list_empty(&driver->heap.slabs))
		return;
	flags = spin_lock_irqsave(&driver->owner.lock);
	driver_heap_destroy(&driver->heap);
	spin_unlock_irqrestore(&driver->owner.lock, flags);
}

void driver_memory_init(void)
{
	static const struct owned_many allocations = { &memory_class, release_small_locked };

	owned_many_register(&allocations);
}

/* ---- the functions ---- */

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
		if (size > DRIVER_HEAP_MAX)
			return "size is over 2048 with BANOS_ALLOC_ATOMIC";
		return NULL;
	}
	if (api_holds_spinlock())
		return "may sleep without BANOS_ALLOC_ATOMIC, and the caller holds a spin lock";
	return NULL;
}

static __noinline void *alloc_slowly(banos_owner owner, u64 size, u32 flags)
{
	struct owner *holder = api_owner(owner);
	const char *wrong = alloc_mistake(holder, size, flags);

	if (unlikely(wrong)) {
		(void)api_mistake("banos_alloc", -EINVAL, wrong);
		return NULL;
	}
	if (size <= DRIVER_HEAP_MAX)
		return alloc_small(holder, size);
	return alloc_large(holder, size);
}

static __noinline s64 free_slowly(banos_owner owner, void *memory)
{
	struct owner *holder = api_owner(owner);
	int err;

	if (unlikely(!holder))
		return api_mistake("banos_free", -EINVAL, "owner does not belong to the caller");
	if (!memory || free_small(holder, memory))
		return 0;
	err = free_large(holder, memory);
	if (err == -ENOENT)
		return api_mistake("banos_free", -EINVAL,
				   "memory was not obtained for this owner, or was freed before");
	if (err == -EDEADLK)
		return api_mistake("banos_free", -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	return err;
}

/*
 * The usual case, a small one of the driver's own from a slab that exists, calls no
 * function, so that the compiler saves no registers for it. All else takes the slow way.
 */

static inline void *alloc_quickly(struct owner *root, u32 size)
{
	struct driver *driver = root->private;
	u64 flags = irq_save();
	void *memory = NULL;

	if (likely(raw_spin_trylock(&root->lock))) {
		if (likely(!root->closed))
			memory = driver_heap_take(&driver->heap, size, root);
		if (likely(memory))
			count_small_locked(root, root, size);
		raw_spin_unlock(&root->lock);
	}
	irq_restore(flags);
	return memory;
}

static inline bool free_quickly(struct owner *root, void *memory)
{
	struct driver *driver = root->private;
	u64 flags = irq_save();
	u32 size = 0;

	if (likely(raw_spin_trylock(&root->lock))) {
		size = driver_heap_give(&driver->heap, memory, root);
		if (likely(size))
			uncount_small_locked(root, root, size);
		raw_spin_unlock(&root->lock);
	}
	irq_restore(flags);
	return size;
}

/* memset(), but not a call for sizes that are frequent. */
static inline void *small_zero(u8 *memory, u64 size)
{
	u64 *first = (u64 *)memory, *last = (u64 *)(memory + size);

	if (size < 16 || size > 64)
		return memset(memory, 0, size);
	first[0] = first[1] = last[-2] = last[-1] = 0;
	if (size > 32)
		first[2] = first[3] = last[-4] = last[-3] = 0;
	return memory;
}

void *banos_alloc(banos_owner owner, uint64_t size, uint32_t flags)
{
	const struct gate_record *record = current->gate;
	void *memory;

	if (likely(record && record->owner->handle == (u64)owner) &&
	    likely(size - 1 < DRIVER_HEAP_MAX) &&
	    likely(flags == BANOS_ALLOC_ATOMIC || (!flags && !api_holds_spinlock()))) {
		memory = alloc_quickly(record->owner, size);
		if (likely(memory))
			return small_zero(memory, size);
	}
	return alloc_slowly(owner, size, flags);
}
BANOS_EXPORT(banos_alloc);

int64_t banos_free(banos_owner owner, void *memory)
{
	const struct gate_record *record = current->gate;

	if (likely(record && record->owner->handle == (u64)owner) &&
	    likely(free_quickly(record->owner, memory)))
		return 0;
	return free_slowly(owner, memory);
}
BANOS_EXPORT(banos_free);

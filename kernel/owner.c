// SPDX-License-Identifier: MIT
/*
 * Owners, and what they own.
 *
 * What a tree of owners holds of the machine's memory is added up in its root, and may
 * be OWNER_SHARE of that memory: whatever a driver obtains, it runs out of its own share
 * before others run out of memory. The memory of an object is accounted when
 * it is put on its owner's list; more, as much as the driver asks for, is charged before it
 * is allocated.
 *
 * Locks: root->lock, then that of the handles.
 */
#include <kernel/err.h>
#include <kernel/handle.h>
#include <kernel/heap.h>
#include <kernel/owner.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>

/* ---- owners ---- */

int owner_init(struct owner *owner, struct owner *parent, const char *name, void *private)
{
	u64 flags;

	*owner = (struct owner){ .parent = parent,
				 .root = parent ? parent->root : owner,
				 .name = name,
				 .private = private };
	list_init(&owner->children);
	list_init(&owner->sibling);
	list_init(&owner->watches);
	for (u32 phase = 0; phase < OWNED_PHASES; phase++)
		list_init(&owner->owned[phase]);
	spin_init(&owner->lock);
	wait_queue_init(&owner->mutex_waiters);
	if (private)
		owner->handle = handle_create(owner, HANDLE_OWNER);
	if (private && !owner->handle)
		return -ENOMEM;
	if (parent) {
		flags = spin_lock_irqsave(&owner->root->lock);
		list_add(&owner->sibling, &parent->children);
		spin_unlock_irqrestore(&owner->root->lock, flags);
	}
	return 0;
}

void owner_destroy(struct owner *owner)
{
	u64 flags = spin_lock_irqsave(&owner->root->lock);

	list_del(&owner->sibling);
	spin_unlock_irqrestore(&owner->root->lock, flags);
	handle_destroy(owner->handle);
	owner->handle = 0;
	wake_up_all(&owner->root->mutex_waiters); /* which were this owner's? they look */
}

static void owner_tell_closed_locked(struct owner *owner)
{
	struct owner *child;
	struct owned *object;

	assert_held(&owner->root->lock);
	for (u32 phase = 0; phase < OWNED_PHASES; phase++)
		list_for_each(object, &owner->owned[phase], link)
			if (object->class->closed)
				object->class->closed(object);
	list_for_each(child, &owner->children, sibling)
		owner_tell_closed_locked(child);
}

void owner_close(struct owner *owner)
{
	u64 flags = spin_lock_irqsave(&owner->root->lock);

	WRITE_ONCE(owner->closed, true);
	owner_tell_closed_locked(owner);
	spin_unlock_irqrestore(&owner->root->lock, flags);
}

static bool has_closed_locked(const struct owner *owner)
{
	const struct owner *child;
	bool found = owner->closed;

	assert_held(&owner->root->lock);
	list_for_each(child, &owner->children, sibling)
		found |= has_closed_locked(child);
	return found;
}

bool owner_has_closed(const struct owner *owner)
{
	u64 flags = spin_lock_irqsave(&owner->root->lock);
	bool found = has_closed_locked(owner->root);

	spin_unlock_irqrestore(&owner->root->lock, flags);
	return found;
}

struct owner *owner_find(u64 handle)
{
	return handle_find(handle, HANDLE_OWNER);
}

/* ---- how much it may hold ---- */

#define SAY_AGAIN_NS (5 * NSEC_PER_SEC)

static u64 share_bytes; /* of each driver */

void owner_system_init(void)
{
	struct mem_info memory;

	mem_info_get(&memory);
	share_bytes = memory.total * PAGE_SIZE / OWNER_SHARE;
}

static void say_share_is_used_locked(struct owner *root, u64 bytes)
{
	u64 now = time_monotonic_ns();

	assert_held(&root->lock);
	if (root->share_said_ns && now - root->share_said_ns < SAY_AGAIN_NS)
		return;
	root->share_said_ns = now;
	pr_warn("banos: %s: %lu bytes more are refused: it holds %lu KiB of memory and other resources, and may hold %lu KiB, 1/%u of the memory of this machine\n",
		root->name, bytes, root->charged >> 10, share_bytes >> 10, OWNER_SHARE);
}

int owner_charge_locked(struct owner *owner, u64 bytes)
{
	struct owner *root = owner->root;

	assert_held(&root->lock);
	if (unlikely(bytes > share_bytes || root->charged > share_bytes - bytes) && root->private) {
		say_share_is_used_locked(root, bytes);
		return -ENOMEM;
	}
	root->charged += bytes;
	return 0;
}

int owner_charge(struct owner *owner, u64 bytes)
{
	u64 flags = spin_lock_irqsave(&owner->root->lock);
	int err = owner_charge_locked(owner, bytes);

	if (!err)
		owner->root->bytes += bytes;
	spin_unlock_irqrestore(&owner->root->lock, flags);
	return err;
}

void owner_uncharge(struct owner *owner, u64 bytes)
{
	u64 flags = spin_lock_irqsave(&owner->root->lock);

	owner->root->charged -= bytes;
	owner->root->bytes -= bytes;
	spin_unlock_irqrestore(&owner->root->lock, flags);
}

/* ---- counted, not listed ---- */

static const struct owned_many *owned_many[MANY_KINDS_MAX];
static u32 nr_owned_many;

void owned_many_register(const struct owned_many *many)
{
	BUG_ON(nr_owned_many == MANY_KINDS_MAX);
	owned_many[nr_owned_many++] = many;
}

int owner_count_mutex(struct owner *owner)
{
	u64 flags = irq_save();
	int err = 0;

	raw_spin_lock(&owner->root->lock);
	if (unlikely(owner_is_closed(owner))) {
		err = -ENODEV;
	} else {
		owner->mutexes++;
		owner->root->counts[OWNED_MUTEX]++;
	}
	raw_spin_unlock(&owner->root->lock);
	irq_restore(flags);
	return err;
}

void owner_uncount_mutex(struct owner *owner)
{
	u64 flags = irq_save();

	raw_spin_lock(&owner->root->lock);
	/* A driver that restores the bytes of a destroyed mutex can destroy more than there are. */
	if (owner->mutexes) {
		owner->mutexes--;
		owner->root->counts[OWNED_MUTEX]--;
	}
	raw_spin_unlock(&owner->root->lock);
	irq_restore(flags);
}

/* ---- owned ---- */

/* What the kernel needs for it, besides what was charged for owned->bytes. */
static u64 owned_cost(const struct owned *owned)
{
	return owned->class->bytes + (owned->handle ? HANDLE_BYTES : 0);
}

static void owned_link_locked(struct owner *owner, struct owned *owned)
{
	assert_held(&owner->root->lock);
	owned->owner = owner;
	list_add(&owned->link, &owner->owned[owned->class->phase]);
	owner->root->counts[owned->class->kind]++;
}

static void owned_unlink_locked(struct owned *owned)
{
	assert_held(&owned->owner->root->lock);
	owned->owner->root->counts[owned->class->kind]--;
	owned->owner = NULL;
	list_del(&owned->link);
}

static int owned_add_counted(struct owner *owner, struct owned *owned,
			     const struct owned_class *class, bool with_handle, u32 refs)
{
	u64 flags;
	int err = 0;

	with_handle = with_handle && owner->private;
	owned->class = class;
	owned->owner = NULL;
	owned->published = false;
	list_init(&owned->link);
	atomic_set(&owned->refs, refs);
	if (with_handle)
		owned->handle = handle_create(owned, class->kind);
	else
		owned->handle = 0;
	if (with_handle && !owned->handle)
		return -ENOMEM;
	flags = spin_lock_irqsave(&owner->root->lock);
	if (owner_is_closed(owner))
		err = -ENODEV;
	else
		err = owner_charge_locked(owner, owned_cost(owned));
	if (!err)
		owned_link_locked(owner, owned);
	spin_unlock_irqrestore(&owner->root->lock, flags);
	if (err)
		handle_destroy(owned->handle);
	return err;
}

int owned_add(struct owner *owner, struct owned *owned, const struct owned_class *class,
	      bool with_handle)
{
	return owned_add_counted(owner, owned, class, with_handle, 1);
}

int owned_add_held(struct owner *owner, struct owned *owned, const struct owned_class *class,
		   bool with_handle)
{
	return owned_add_counted(owner, owned, class, with_handle, 2);
}

u64 owned_put_handle(struct owned *owned)
{
	u64 handle = READ_ONCE(owned->handle);

	owned_put(owned);
	return handle;
}

/* ---- publishing ---- */

/* The oldest that waits. */
static struct owned *owner_unpublished_locked(struct owner *owner, bool late)
{
	assert_held(&owner->root->lock);
	for (struct list *entry = owner->owned[OWNED_ENTRY].prev;
	     entry != &owner->owned[OWNED_ENTRY]; entry = entry->prev) {
		struct owned *found = list_entry(entry, struct owned, link);

		if (!found->published && found->class->late == late)
			return found;
	}
	return NULL;
}

/* What is late stays if others cannot be published. @return 0; -errno: of the last */
static int owned_publish_now(struct owner *owner, bool late)
{
	int err = 0;

	while (late || !err) {
		u64 flags = spin_lock_irqsave(&owner->root->lock);
		struct owned *owned;

		owner->live = true;
		owner->live_late |= late;
		owned = owner_unpublished_locked(owner, late);
		if (owned) {
			owned->published = true;
			atomic_inc(&owned->refs);
		}
		spin_unlock_irqrestore(&owner->root->lock, flags);
		if (!owned)
			break;
		err = owned->class->publish(owned);
		owned_put(owned);
	}
	return err;
}

int owner_publish(struct owner *owner)
{
	return owned_publish_now(owner, false);
}
void owner_publish_late(struct owner *owner)
{
	owned_publish_now(owner, true);
}

int owned_publish(struct owned *owned)
{
	struct owner *owner = READ_ONCE(owned->owner);
	bool now = false;
	u64 flags;

	if (!owner)
		return -ENODEV;
	flags = spin_lock_irqsave(&owner->root->lock);
	if (owned->owner && !owned->published &&
	    (owned->class->late ? owner->live_late : owner->live))
		now = owned->published = true;
	spin_unlock_irqrestore(&owner->root->lock, flags);
	if (now)
		return owned->class->publish(owned);
	return 0;
}

int owned_offer(struct owned *owned)
{
	int err = owned_publish(owned);

	/* Unless another thread was first. */
	if (err)
		(void)owned_remove(owned);
	owned_put(owned);
	return err;
}

static void owned_free(struct rcu_head *head)
{
	struct owned *owned = container_of(head, struct owned, rcu);

	owned->class->free(owned);
}

void owned_put(struct owned *owned)
{
	if (atomic_dec_and_test(&owned->refs))
		call_rcu(&owned->rcu, owned_free);
}

/* Off its list already: stop it and drop the owner's reference, or link it again. */
static int owned_retire(struct owner *owner, struct owned *owned)
{
	u64 flags;
	int err = 0;

	if (owned->class->stop)
		err = owned->class->stop(owned, owner_stop_deadline(owner));
	flags = spin_lock_irqsave(&owner->root->lock);
	if (!err) {
		owner->root->charged -= owned_cost(owned) + owned->bytes;
		owner->root->bytes -= owned->bytes;
		spin_unlock_irqrestore(&owner->root->lock, flags);
		handle_destroy(owned->handle);
		owned->handle = 0;
		owned_put(owned);
		return 0;
	}
	owned_link_locked(owner, owned);
	handle_point(owned->handle, owned);
	spin_unlock_irqrestore(&owner->root->lock, flags);
	return err;
}

int owned_remove(struct owned *owned)
{
	struct owner *owner = READ_ONCE(owned->owner), *root;
	u64 flags;

	if (!owner)
		return -EINVAL;
	root = owner->root;
	flags = spin_lock_irqsave(&root->lock);
	if (!owned->owner) {
		spin_unlock_irqrestore(&root->lock, flags);
		return -EINVAL;
	}
	owned_unlink_locked(owned);
	handle_point(owned->handle, NULL);
	spin_unlock_irqrestore(&root->lock, flags);
	return owned_retire(owner, owned);
}

bool owned_end(struct owned *owned, struct owner *root)
{
	u64 flags = spin_lock_irqsave(&root->lock);
	bool first = owned->owner != NULL;

	if (first) {
		owned_unlink_locked(owned);
		root->charged -= owned_cost(owned) + owned->bytes;
		root->bytes -= owned->bytes;
	}
	spin_unlock_irqrestore(&root->lock, flags);
	if (first)
		owned_put(owned);
	return first;
}

struct owned *owned_get(u64 handle, const struct owned_class *class)
{
	struct owned *owned;

	rcu_read_lock();
	owned = owned_peek(handle, class);
	if (owned && !atomic_inc_not_zero(&owned->refs))
		owned = NULL;
	rcu_read_unlock();
	return owned;
}

/* ---- how long it may take ---- */

#define STOP_GRACE_NS (20 * NSEC_PER_MSEC) /* for each thing where the limit of all has passed */

void owner_stop_begin(struct owner *owner)
{
	WRITE_ONCE(owner->stop_by_ns, time_monotonic_ns() + OWNER_STOP_LIMIT_NS);
}

void owner_stop_end(struct owner *owner)
{
	WRITE_ONCE(owner->stop_by_ns, 0);
}

u64 owner_stop_deadline(const struct owner *owner)
{
	u64 now = time_monotonic_ns(), limit = now + OWNER_STOP_LIMIT_NS;

	for (; owner; owner = owner->parent) {
		u64 deadline_ns = READ_ONCE(owner->stop_by_ns);

		if (deadline_ns)
			limit = MIN(limit, MAX(deadline_ns, now + STOP_GRACE_NS));
	}
	return limit;
}

/* ---- sweep ---- */

/* Children first, newest first. The tree is as deep as buses hang on buses. */
static struct owned *owned_first_locked(struct owner *owner, u32 phase)
{
	struct owner *child;
	struct owned *found;

	assert_held(&owner->root->lock);
	list_for_each(child, &owner->children, sibling) {
		found = owned_first_locked(child, phase);
		if (found)
			return found;
	}
	if (list_empty(&owner->owned[phase]))
		return NULL;
	return list_first(&owner->owned[phase], struct owned, link);
}

static struct owned *owned_take_first(struct owner *top, u32 phase, struct owner **owner)
{
	u64 flags = spin_lock_irqsave(&top->root->lock);
	struct owned *owned = owned_first_locked(top, phase);

	if (owned) {
		*owner = owned->owner;
		owned_unlink_locked(owned);
		handle_point(owned->handle, NULL);
	}
	spin_unlock_irqrestore(&top->root->lock, flags);
	return owned;
}

static int sweep_phase(struct owner *top, u32 phase, u32 counts[OWNED_KINDS],
		       const struct owned_class *classes[OWNED_KINDS])
{
	struct owner *owner;
	struct owned *owned;

	while ((owned = owned_take_first(top, phase, &owner))) {
		const struct owned_class *class = owned->class;
		int err = owned_retire(owner, owned);

		if (err)
			return err;
		if (class->no_leak)
			continue;
		counts[class->kind]++;
		classes[class->kind] = class;
	}
	return 0;
}

/* Some of what one of @top and its children has many of. @return how many */
static u32 owner_release_many_locked(struct owner *top, const struct owned_many *many)
{
	struct owner *child;

	assert_held(&top->root->lock);
	list_for_each(child, &top->children, sibling) {
		u32 count = owner_release_many_locked(child, many);

		if (count)
			return count;
	}
	return many->release_locked(top);
}

static void sweep_many(struct owner *top, const struct owned_many *many, u32 counts[OWNED_KINDS],
		       const struct owned_class *classes[OWNED_KINDS])
{
	u32 kind = many->class->kind, count;

	do {
		u64 flags = spin_lock_irqsave(&top->root->lock);

		count = owner_release_many_locked(top, many);
		top->root->counts[kind] -= count;
		spin_unlock_irqrestore(&top->root->lock, flags);
		counts[kind] += count;
		classes[kind] = many->class;
	} while (count);
}

static bool owner_has_something(struct owner *top, u32 phases)
{
	u64 flags = spin_lock_irqsave(&top->root->lock);
	bool something = !list_empty(&top->children);

	for (u32 phase = 0; phase < OWNED_PHASES; phase++)
		if (phases & 1u << phase)
			something |= !list_empty(&top->owned[phase]);
	for (u32 i = 0; i < nr_owned_many; i++)
		something |= top->root->counts[owned_many[i]->class->kind] != 0;
	spin_unlock_irqrestore(&top->root->lock, flags);
	return something;
}

static int sweep_phases(struct owner *top, u32 phases, owner_report report)
{
	const struct owned_class *classes[OWNED_KINDS] = { NULL };
	u32 counts[OWNED_KINDS] = { 0 };
	int err = 0;

	for (u32 phase = 0; phase < OWNED_PHASES && !err; phase++)
		if (phases & 1u << phase)
			err = sweep_phase(top, phase, counts, classes);
	if (phases & 1u << OWNED_PASSIVE && !err)
		for (u32 i = 0; i < nr_owned_many; i++)
			if (top->root->counts[owned_many[i]->class->kind])
				sweep_many(top, owned_many[i], counts, classes);
	for (u32 swept = 0; swept < OWNED_KINDS && report; swept++)
		if (counts[swept])
			report(top, classes[swept], counts[swept]);
	return err;
}

int owner_sweep(struct owner *top, u32 phases, owner_report report)
{
	/* Most own nothing any more. */
	if (!owner_has_something(top, phases))
		return 0;
	return sweep_phases(top, phases, report);
}

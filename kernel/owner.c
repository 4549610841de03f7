// SPDX-License-Identifier: MIT
/*
 * Owners, what they own, and handles.
 *
 * A handle is an index into a table of slots with a generation on top. Looking
 * one up takes no lock: the generation is read before and after the object, and
 * objects are freed after a grace period. The table grows by pages and never
 * shrinks.
 *
 * Locks: root->lock, then handles_lock.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/owner.h>
#include <kernel/string.h>

#define CHUNK_SLOTS 256u
#define MAX_CHUNKS  1024u

struct handle_slot {
	void *object; /* NULL: free */
	u32 generation;
	u32 kind; /* of the object; index + 1 of the next free slot while free */
};

static struct handle_slot *chunks[MAX_CHUNKS];
static u32 nr_slots, free_slot; /* free_slot: index + 1 */
static u32 handles_used;
static DEFINE_SPINLOCK(handles_lock);

/* ---- handles ---- */

static struct handle_slot *slot_at(u32 index)
{
	struct handle_slot *chunk = rcu_dereference(chunks[index / CHUNK_SLOTS]);

	return &chunk[index % CHUNK_SLOTS];
}

static bool grow_locked(void)
{
	struct handle_slot *chunk;

	if (nr_slots == CHUNK_SLOTS * MAX_CHUNKS)
		return false;
	chunk = kzalloc(CHUNK_SLOTS * sizeof(*chunk));
	if (!chunk)
		return false;
	for (u32 i = 0; i < CHUNK_SLOTS; i++) {
		chunk[i].generation = 1;
		chunk[i].kind = i + 1 < CHUNK_SLOTS ? nr_slots + i + 2 : 0;
	}
	rcu_assign_pointer(chunks[nr_slots / CHUNK_SLOTS], chunk);
	free_slot = nr_slots + 1;
	smp_store_release(&nr_slots, nr_slots + CHUNK_SLOTS);
	return true;
}

/* @return handle, 0: no memory */
static u64 handle_create(void *object, u32 kind)
{
	u64 flags = spin_lock_irqsave(&handles_lock), handle = 0;

	if (free_slot || grow_locked()) {
		u32 number = free_slot;
		struct handle_slot *s = slot_at(number - 1);

		free_slot = s->kind;
		s->kind = kind;
		smp_store_release(&s->object, object);
		handle = (u64)s->generation << 32 | number;
		handles_used++;
	}
	spin_unlock_irqrestore(&handles_lock, flags);
	return handle;
}

static void handle_destroy(u64 handle)
{
	u64 flags;
	u32 number = handle;
	struct handle_slot *s;

	if (!handle)
		return;
	s = slot_at(number - 1);
	flags = spin_lock_irqsave(&handles_lock);
	WRITE_ONCE(s->object, NULL);
	smp_wmb();
	if (!++s->generation)
		s->generation = 1;
	s->kind = free_slot;
	free_slot = number;
	handles_used--;
	spin_unlock_irqrestore(&handles_lock, flags);
}

/* It leads nowhere for the time being, or leads there again. */
static void handle_point(u64 handle, void *object)
{
	if (handle)
		smp_store_release(&slot_at((u32)handle - 1)->object, object);
}

static void *handle_find(u64 handle, u32 kind)
{
	u32 index = (u32)handle - 1, generation = handle >> 32;
	struct handle_slot *s;
	void *object;

	if (index >= smp_load_acquire(&nr_slots))
		return NULL;
	s = slot_at(index);
	if (smp_load_acquire(&s->generation) != generation)
		return NULL;
	object = smp_load_acquire(&s->object);
	if (!object || READ_ONCE(s->kind) != kind)
		return NULL;
	smp_rmb();
	return READ_ONCE(s->generation) == generation ? object : NULL;
}

u32 owner_handles(void)
{
	return READ_ONCE(handles_used);
}

/* ---- owners ---- */

int owner_init(struct owner *o, struct owner *parent, const char *name, void *private)
{
	u64 flags;

	*o = (struct owner){ .parent = parent,
			     .root = parent ? parent->root : o,
			     .name = name,
			     .private = private };
	list_init(&o->children);
	list_init(&o->sibling);
	for (u32 p = 0; p < OWNED_PHASES; p++)
		list_init(&o->owned[p]);
	spin_init(&o->lock);
	if (private)
		o->handle = handle_create(o, HANDLE_OWNER);
	if (private && !o->handle)
		return -ENOMEM;
	if (parent) {
		flags = spin_lock_irqsave(&o->root->lock);
		list_add(&o->sibling, &parent->children);
		spin_unlock_irqrestore(&o->root->lock, flags);
	}
	return 0;
}

void owner_destroy(struct owner *o)
{
	u64 flags = spin_lock_irqsave(&o->root->lock);

	list_del(&o->sibling);
	spin_unlock_irqrestore(&o->root->lock, flags);
	handle_destroy(o->handle);
	o->handle = 0;
}

static void tell_closed_locked(struct owner *o)
{
	struct owner *child;
	struct owned *at;

	for (u32 p = 0; p < OWNED_PHASES; p++)
		list_for_each(at, &o->owned[p], link)
			if (at->class->closed)
				at->class->closed(at);
	list_for_each(child, &o->children, sibling)
		tell_closed_locked(child);
}

void owner_close(struct owner *o)
{
	u64 flags = spin_lock_irqsave(&o->root->lock);

	WRITE_ONCE(o->closed, true);
	tell_closed_locked(o);
	spin_unlock_irqrestore(&o->root->lock, flags);
}

bool owner_is_closed(const struct owner *o)
{
	for (; o; o = o->parent)
		if (READ_ONCE(o->closed))
			return true;
	return false;
}

struct owner *owner_find(u64 handle)
{
	return handle_find(handle, HANDLE_OWNER);
}

void owner_account(struct owner *owner, s64 bytes)
{
	__atomic_fetch_add(&owner->root->bytes, bytes, __ATOMIC_RELAXED);
}

/* ---- owned ---- */

static void link_locked(struct owner *owner, struct owned *o)
{
	o->owner = owner;
	list_add(&o->link, &owner->owned[o->class->phase]);
	owner->root->counts[o->class->kind]++;
}

static void unlink_locked(struct owned *o)
{
	o->owner->root->counts[o->class->kind]--;
	o->owner = NULL;
	list_del(&o->link);
}

int owned_add(struct owner *owner, struct owned *o, const struct owned_class *class,
	      bool with_handle)
{
	u64 flags;
	int err = 0;

	with_handle = with_handle && owner->private;
	o->class = class;
	o->owner = NULL;
	o->published = false;
	list_init(&o->link);
	atomic_set(&o->refs, 1);
	o->handle = with_handle ? handle_create(o, class->kind) : 0;
	if (with_handle && !o->handle)
		return -ENOMEM;
	flags = spin_lock_irqsave(&owner->root->lock);
	if (owner_is_closed(owner))
		err = -ENODEV;
	else
		link_locked(owner, o);
	spin_unlock_irqrestore(&owner->root->lock, flags);
	if (err)
		handle_destroy(o->handle);
	return err;
}

/* ---- publishing ---- */

/* The oldest that waits. */
static struct owned *unpublished_locked(struct owner *o, bool late)
{
	for (struct list *at = o->owned[OWNED_ENTRY].prev; at != &o->owned[OWNED_ENTRY];
	     at = at->prev) {
		struct owned *found = list_entry(at, struct owned, link);

		if (!found->published && found->class->late == late)
			return found;
	}
	return NULL;
}

static int publish(struct owner *owner, bool late)
{
	int err = 0;

	while (!err) {
		u64 flags = spin_lock_irqsave(&owner->root->lock);
		struct owned *o;

		owner->live = true;
		owner->live_late |= late;
		o = unpublished_locked(owner, late);
		if (o) {
			o->published = true;
			atomic_inc(&o->refs);
		}
		spin_unlock_irqrestore(&owner->root->lock, flags);
		if (!o)
			break;
		err = o->class->publish(o);
		owned_put(o);
	}
	return err;
}

int owner_publish(struct owner *o)
{
	return publish(o, false);
}
void owner_publish_late(struct owner *o)
{
	publish(o, true);
}

int owned_publish(struct owned *o)
{
	struct owner *owner = READ_ONCE(o->owner);
	bool now = false;
	u64 flags;

	if (!owner)
		return -ENODEV;
	flags = spin_lock_irqsave(&owner->root->lock);
	if (o->owner && !o->published && (o->class->late ? owner->live_late : owner->live))
		now = o->published = true;
	spin_unlock_irqrestore(&owner->root->lock, flags);
	return now ? o->class->publish(o) : 0;
}

static void owned_free(struct rcu_head *h)
{
	struct owned *o = container_of(h, struct owned, rcu);

	o->class->free(o);
}

void owned_put(struct owned *o)
{
	if (atomic_dec_and_test(&o->refs))
		call_rcu(&o->rcu, owned_free);
}

/* Off its list already: stop it and drop the owner's reference, or hang it back. */
static int retire(struct owner *owner, struct owned *o)
{
	int err = o->class->stop ? o->class->stop(o, owner_stop_deadline(owner)) : 0;
	u64 flags;

	if (!err) {
		handle_destroy(o->handle);
		o->handle = 0;
		owned_put(o);
		return 0;
	}
	flags = spin_lock_irqsave(&owner->root->lock);
	link_locked(owner, o);
	handle_point(o->handle, o);
	spin_unlock_irqrestore(&owner->root->lock, flags);
	return err;
}

int owned_remove(struct owned *o)
{
	struct owner *owner = READ_ONCE(o->owner), *root;
	u64 flags;

	if (!owner)
		return -EINVAL;
	root = owner->root;
	flags = spin_lock_irqsave(&root->lock);
	if (!o->owner) {
		spin_unlock_irqrestore(&root->lock, flags);
		return -EINVAL;
	}
	unlink_locked(o);
	handle_point(o->handle, NULL);
	spin_unlock_irqrestore(&root->lock, flags);
	return retire(owner, o);
}

struct owned *owned_peek(u64 handle, const struct owned_class *class)
{
	struct owned *o = handle_find(handle, class->kind);

	return o && o->class == class ? o : NULL;
}

struct owned *owned_get(u64 handle, const struct owned_class *class)
{
	struct owned *o;

	rcu_read_lock();
	o = owned_peek(handle, class);
	if (o && !atomic_inc_not_zero(&o->refs))
		o = NULL;
	rcu_read_unlock();
	return o;
}

/* ---- how long it may take ---- */

#define STOP_GRACE_NS (20 * NSEC_PER_MSEC) /* for each thing where the limit of all has passed */

void owner_stop_begin(struct owner *o)
{
	WRITE_ONCE(o->stop_by_ns, time_monotonic_ns() + OWNER_STOP_LIMIT_NS);
}

void owner_stop_end(struct owner *o)
{
	WRITE_ONCE(o->stop_by_ns, 0);
}

u64 owner_stop_deadline(const struct owner *o)
{
	u64 now = time_monotonic_ns(), limit = now + OWNER_STOP_LIMIT_NS;

	for (; o; o = o->parent) {
		u64 by = READ_ONCE(o->stop_by_ns);

		if (by)
			limit = MIN(limit, MAX(by, now + STOP_GRACE_NS));
	}
	return limit;
}

/* ---- sweep ---- */

/* Children first, newest first. The tree is as deep as buses hang on buses. */
static struct owned *first_locked(struct owner *o, u32 phase)
{
	struct owner *child;
	struct owned *found;

	list_for_each(child, &o->children, sibling) {
		found = first_locked(child, phase);
		if (found)
			return found;
	}
	return list_empty(&o->owned[phase]) ? NULL
					    : list_first(&o->owned[phase], struct owned, link);
}

static struct owned *take_first(struct owner *top, u32 phase, struct owner **owner)
{
	u64 flags = spin_lock_irqsave(&top->root->lock);
	struct owned *o = first_locked(top, phase);

	if (o) {
		*owner = o->owner;
		unlink_locked(o);
		handle_point(o->handle, NULL);
	}
	spin_unlock_irqrestore(&top->root->lock, flags);
	return o;
}

static int sweep_phase(struct owner *top, u32 phase, u32 counts[OWNED_KINDS],
		       const struct owned_class *classes[OWNED_KINDS])
{
	struct owner *owner;
	struct owned *o;

	while ((o = take_first(top, phase, &owner))) {
		const struct owned_class *class = o->class;
		int err = retire(owner, o);

		if (err)
			return err;
		counts[class->kind]++;
		classes[class->kind] = class;
	}
	return 0;
}

int owner_sweep(struct owner *top, u32 phases, owner_report report)
{
	const struct owned_class *classes[OWNED_KINDS] = { NULL };
	u32 counts[OWNED_KINDS] = { 0 };
	int err = 0;

	for (u32 p = 0; p < OWNED_PHASES && !err; p++)
		if (phases & 1u << p)
			err = sweep_phase(top, p, counts, classes);
	for (u32 k = 0; k < OWNED_KINDS && report; k++)
		if (counts[k])
			report(top, classes[k], counts[k]);
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * The locks on the bytes of one file: lock_set.h says how they are kept.
 *
 * The tree of all locks is an interval tree: each node knows the first byte behind all
 * locks, and behind all write locks, of its subtree. Who wants to read looks at the
 * latter, so that readers of one range do not hinder each other's search.
 * Cormen et al., Introduction to Algorithms, 14.3.
 */
#include <kernel/string.h>
#include "lock_set.h"

/* ---- the tree of all ---- */

static struct range_lock *lock_of_all(const struct rb_node *node)
{
	return rb_entry(node, struct range_lock, all);
}

/* First byte behind @lock, if it is one that matters. */
static u64 lock_reach(const struct range_lock *lock, bool writers)
{
	if (writers && lock->type != F_WRLCK)
		return 0;
	return lock->end + 1;
}

/* The same of a subtree, which may be empty. */
static u64 subtree_reach(const struct rb_node *node, bool writers)
{
	if (!node)
		return 0;
	if (writers)
		return lock_of_all(node)->reach_write;
	return lock_of_all(node)->reach;
}

static void reach_update(struct rb_node *node)
{
	struct range_lock *lock = lock_of_all(node);
	u64 reach = lock->end + 1, reach_write = lock_reach(lock, true);

	if (node->left) {
		reach = MAX(reach, lock_of_all(node->left)->reach);
		reach_write = MAX(reach_write, lock_of_all(node->left)->reach_write);
	}
	if (node->right) {
		reach = MAX(reach, lock_of_all(node->right)->reach);
		reach_write = MAX(reach_write, lock_of_all(node->right)->reach_write);
	}
	lock->reach = reach;
	lock->reach_write = reach_write;
}

static void all_insert(struct lock_set *set, struct range_lock *lock)
{
	struct rb_node **link = &set->locks.node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (lock->start < lock_of_all(parent)->start)
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert_valued(&set->locks, &lock->all, parent, link, reach_update);
	rb_update_path(&lock->all, reach_update);
}

static void all_erase(struct lock_set *set, struct range_lock *lock)
{
	rb_update_path(rb_erase_valued(&set->locks, &lock->all, reach_update), reach_update);
}

/* The first lock of a subtree that overlaps @want and matters; the subtree reaches into it. */
static struct range_lock *overlap_below(struct rb_node *node, const struct lock_request *want,
					bool writers)
{
	for (;;) {
		struct range_lock *lock = lock_of_all(node);

		if (subtree_reach(node->left, writers) > want->start) {
			node = node->left;
			continue;
		}
		if (lock->start > want->end)
			return NULL;
		if (lock_reach(lock, writers) > want->start)
			return lock;
		if (subtree_reach(node->right, writers) <= want->start)
			return NULL;
		node = node->right;
	}
}

/* The next one behind @lock. */
static struct range_lock *overlap_next(struct range_lock *lock, const struct lock_request *want,
				       bool writers)
{
	struct rb_node *node = &lock->all, *from;

	for (;;) {
		if (subtree_reach(node->right, writers) > want->start)
			return overlap_below(node->right, want, writers);
		do {
			from = node;
			node = rb_parent(node);
		} while (node && from == node->right);
		if (!node || lock_of_all(node)->start > want->end)
			return NULL;
		if (lock_reach(lock_of_all(node), writers) > want->start)
			return lock_of_all(node);
	}
}

struct range_lock *lock_set_conflict(const struct lock_set *set, const struct lock_owner *owner,
				     const struct lock_request *want)
{
	bool writers = want->type == F_RDLCK;
	struct range_lock *lock = NULL;

	if (want->type != F_UNLCK && subtree_reach(set->locks.node, writers) > want->start)
		lock = overlap_below(set->locks.node, want, writers);
	while (lock && lock->owner == owner)
		lock = overlap_next(lock, want, writers);
	return lock;
}

/* ---- owners ---- */

static struct lock_owner *set_owner_of(const struct rb_node *node)
{
	return rb_entry(node, struct lock_owner, node);
}

/* Does @owner stand in front of the one with that key and kind? */
static bool owner_before(const struct lock_owner *owner, const void *key, u32 kind)
{
	if (owner->key != key)
		return (u64)owner->key < (u64)key;
	return owner->kind < kind;
}

struct lock_owner *lock_set_find_owner(const struct lock_set *set, const void *key, u32 kind)
{
	struct rb_node *node = set->owners.node;

	while (node) {
		struct lock_owner *owner = set_owner_of(node);

		if (owner->key == key && owner->kind == kind)
			return owner;
		if (owner_before(owner, key, kind))
			node = node->right;
		else
			node = node->left;
	}
	return NULL;
}

void lock_set_add_owner(struct lock_set *set, struct lock_owner *owner)
{
	struct rb_node **link = &set->owners.node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (owner_before(set_owner_of(parent), owner->key, owner->kind))
			link = &parent->right;
		else
			link = &parent->left;
	}
	owner->locks = RB_ROOT;
	rb_insert(&set->owners, &owner->node, parent, link);
}

struct lock_owner *lock_set_any_owner(const struct lock_set *set)
{
	if (rb_empty(&set->owners))
		return NULL;
	return set_owner_of(set->owners.node);
}

/* ---- an owner's locks ---- */

static struct range_lock *lock_of_own(const struct rb_node *node)
{
	if (!node)
		return NULL;
	return rb_entry(node, struct range_lock, own);
}

static struct range_lock *own_next(const struct range_lock *lock)
{
	return lock_of_own(rb_next(&lock->own));
}

/* The first lock that overlaps the range or lies right in front of it. */
static struct range_lock *own_find(const struct lock_owner *owner, const struct lock_request *want)
{
	struct rb_node *node = owner->locks.node;
	struct range_lock *found = NULL;

	while (node) {
		struct range_lock *lock = lock_of_own(node);

		if (lock->end + 1 >= want->start) {
			found = lock;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

static void lock_insert(struct lock_set *set, struct range_lock *lock)
{
	struct rb_node **link = &lock->owner->locks.node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (lock->start < lock_of_own(parent)->start)
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert(&lock->owner->locks, &lock->own, parent, link);
	all_insert(set, lock);
}

static void lock_remove(struct lock_set *set, struct range_lock *lock, struct range_lock_list *list)
{
	rb_erase(&lock->owner->locks, &lock->own);
	all_erase(set, lock);
	range_lock_push(list, lock);
}

void lock_set_remove_owner(struct lock_set *set, struct lock_owner *owner,
			   struct range_lock_list *freed)
{
	while (!rb_empty(&owner->locks))
		lock_remove(set, lock_of_own(owner->locks.node), freed);
	rb_erase(&set->owners, &owner->node);
}

/* ---- changes ---- */

static bool lies_inside(const struct lock_request *want, const struct range_lock *lock)
{
	return lock->start <= want->start && lock->end >= want->end;
}

/* Is @want the inside of a lock of another type, which it cuts in two? */
static bool cuts_in_two(const struct lock_request *want, const struct range_lock *lock)
{
	return lock->type != want->type && lock->start < want->start && lock->end > want->end;
}

u32 lock_set_needs(const struct lock_owner *owner, const struct lock_request *want,
		   struct range_lock **first)
{
	struct range_lock *lock = own_find(owner, want);

	*first = lock;
	if (lock && lock->end < want->start) /* in front of it */
		lock = own_next(lock);
	return (want->type != F_UNLCK) + (lock && cuts_in_two(want, lock));
}

/* Leave of a lock what lies outside of the range. */
static void lock_cut(struct lock_set *set, struct range_lock *lock, const struct lock_request *want,
		     struct range_lock_list *spare)
{
	bool front = lock->start<want->start, back = lock->end> want->end;
	u64 end = lock->end;
	struct range_lock *rest = lock;

	if (!front && !back) {
		lock_remove(set, lock, spare);
		return;
	}
	if (front) {
		lock->end = want->start - 1;
		rb_update_path(&lock->all, reach_update);
	}
	if (!back)
		return;
	if (front) {
		rest = range_lock_pop(spare);
		*rest = (struct range_lock){ .owner = lock->owner,
					     .start = want->end + 1,
					     .end = end,
					     .pid = lock->pid,
					     .type = lock->type };
		lock_insert(set, rest);
		return;
	}
	all_erase(set, lock); /* among its owner's it keeps its place */
	lock->start = want->end + 1;
	all_insert(set, lock);
}

bool lock_set_apply(struct lock_set *set, struct lock_owner *owner, const struct lock_request *want,
		    struct range_lock *first, struct range_lock_list *spare)
{
	struct range_lock *lock = first, *next;
	u64 start = want->start, end = want->end;
	bool less = false;

	for (; lock && lock->start <= want->end + 1; lock = next) {
		next = own_next(lock);
		if (lock->type == want->type) {
			if (lies_inside(want, lock))
				return false; /* it overlaps no other */
			start = MIN(start, lock->start);
			end = MAX(end, lock->end);
			lock_remove(set, lock, spare);
		} else if (lock->end >= want->start && lock->start <= want->end) {
			less |= want->type == F_UNLCK || lock->type == F_WRLCK;
			lock_cut(set, lock, want, spare);
		}
	}
	if (want->type == F_UNLCK)
		return less;
	lock = range_lock_pop(spare);
	*lock = (struct range_lock){
		.owner = owner, .start = start, .end = end, .pid = want->pid, .type = want->type
	};
	lock_insert(set, lock);
	return less;
}

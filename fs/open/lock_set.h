/* SPDX-License-Identifier: MIT */
/**
 * @file lock_set.h  The locks on the bytes of one file, of all owners. Pure.
 *
 * They are kept twice. One tree has all of them by their first byte, with what the
 * subtrees reach to: it finds a conflict. And each owner has a tree of its own, whose ranges are
 * disjoint, and do not touch where they are of one type: it finds what a change replaces.
 * Each operation takes time that grows with the logarithm of the number of locks, and with
 * the number of own locks that it replaces or that lie in the range it asks about.
 *
 * The caller has a lock of its own for the set, and brings and frees all memory.
 */
#pragma once
#include <kernel/rbtree.h>
#include <uapi/fcntl.h>

/** Who has locks here. Stays in the set, also without locks, until lock_set_remove_owner(). */
struct lock_owner {
	struct rb_node node; /* lock_set->owners, by key and kind */
	const void *key;
	u32 kind; /* the caller's */
	struct rb_root locks;
};

struct range_lock {
	struct rb_node all; /* lock_set->locks, by start */
	struct rb_node own; /* owner->locks; while it is in no tree, ->left is the next of a list */
	struct lock_owner *owner;
	u64 start, end;	 /* bytes, both included; end is at most FILE_SIZE_MAX */
	u64 reach;	 /* first byte behind the subtree's locks */
	u64 reach_write; /* the same of its write locks, 0: it has none */
	pid_t pid;
	u8 type; /* F_RDLCK, F_WRLCK */
};

struct lock_set {
	struct rb_root locks, owners;
};

/** What a call wants: that @c owner's locks on the range become of the type. */
struct lock_request {
	u64 start, end; /* as in struct range_lock */
	u8 type;	/* F_RDLCK, F_WRLCK, F_UNLCK */
	pid_t pid;
};

/** Locks in no set. */
struct range_lock_list {
	struct range_lock *first;
};
static inline void range_lock_push(struct range_lock_list *list, struct range_lock *lock)
{
	lock->own.left = (struct rb_node *)list->first;
	list->first = lock;
}
/** @return one, or NULL */
static inline struct range_lock *range_lock_pop(struct range_lock_list *list)
{
	struct range_lock *lock = list->first;

	if (lock)
		list->first = (struct range_lock *)lock->own.left;
	return lock;
}

static inline void lock_set_init(struct lock_set *set)
{
	set->locks = set->owners = RB_ROOT;
}
/** @return the owner, or NULL: it has never had a lock here */
struct lock_owner *lock_set_find_owner(const struct lock_set *set, const void *key, u32 kind);
/** @brief Add @p owner, whose key and kind are set and not in the set. */
void lock_set_add_owner(struct lock_set *set, struct lock_owner *owner);
/** @brief Remove an owner, whose memory is the caller's again, and all its locks. @param freed  receives them */
void lock_set_remove_owner(struct lock_set *set, struct lock_owner *owner,
			   struct range_lock_list *freed);

/**
 * @brief Find what keeps @p owner from what it wants.
 * @param owner  may be NULL: one that has no locks
 * @return the lock of another owner that conflicts with it and begins first; NULL: none
 */
struct range_lock *lock_set_conflict(const struct lock_set *set, const struct lock_owner *owner,
				     const struct lock_request *want);
/**
 * @brief Prepare lock_set_apply().
 * @param first  receives the first lock of @p owner that it looks at, or NULL
 * @return how many locks it may need: 0, 1, 2
 */
u32 lock_set_needs(const struct lock_owner *owner, const struct lock_request *want,
		   struct range_lock **first);
/**
 * @brief Do what @p owner wants; nothing conflicts, nor has changed since lock_set_needs().
 * @param first  as it says
 * @param spare  has as many locks as lock_set_needs() says; receives those that are no longer needed
 * @return what others wait for may have changed: a lock ended, became smaller or a read lock
 */
bool lock_set_apply(struct lock_set *set, struct lock_owner *owner, const struct lock_request *want,
		    struct range_lock *first, struct range_lock_list *spare);
/** @return any owner of the set, or NULL: to free them all */
struct lock_owner *lock_set_any_owner(const struct lock_set *set);

/* SPDX-License-Identifier: MIT */
/** @file dcache.h  The dentry cache as the rest of fs/names uses it. */
#pragma once
#include <kernel/fs/dentry.h>
#include <kernel/fs/name.h>
#include <kernel/fs/super_block.h>
#include <kernel/rcu.h>

/**
 * tree_seq is odd while parents, names or mounts change (under tree_lock). A
 * reader without the lock reads inside rcu_read_lock(), and trusts what it
 * found if the number was even before and is the same after.
 */
extern u32 tree_seq;
static inline void tree_write_begin(void)
{
	spin_lock(&tree_lock);
	__atomic_store_n(&tree_seq, tree_seq + 1, __ATOMIC_RELAXED);
	smp_wmb();
}
static inline void tree_write_end(void)
{
	__atomic_store_n(&tree_seq, tree_seq + 1, __ATOMIC_RELEASE);
	spin_unlock(&tree_lock);
}
static inline u32 tree_read_begin(void)
{
	return __atomic_load_n(&tree_seq, __ATOMIC_ACQUIRE);
}
static inline bool tree_read_valid(u32 seq)
{
	smp_rmb();
	return !(seq & 1) && READ_ONCE(tree_seq) == seq;
}

/** The hash table; set once. Chains are changed under locks of dcache.c and read under RCU. */
struct dentry_table {
	struct dentry **buckets;
	u64 mask, seed;
};
extern struct dentry_table dentry_table;
static inline u64 dentry_bucket(const struct dentry *parent, u64 key)
{
	u64 hash = ((u64)parent ^ dentry_table.seed) * 0x9e3779b97f4a7c15ull;

	return ((hash >> 32) ^ key) & dentry_table.mask;
}
/** @brief dentry_find_rcu() for the loop of a walk: with the key and tail of name_scan(). */
static inline struct dentry *dentry_find_part(const struct dentry *parent, const char *name,
					      u64 key, u64 tail)
{
	struct dentry *d = rcu_dereference(dentry_table.buckets[dentry_bucket(parent, key)]);

	assert_rcu_read();
	for (; d; d = rcu_dereference(d->hash_next)) {
		const char *text;

		if (READ_ONCE(d->parent) != parent)
			continue;
		text = READ_ONCE(d->name);
		if (name_key_of(text) == key &&
		    name_equal_part(text, name, name_key_len(key), tail))
			return d;
	}
	return NULL;
}

/** @brief Does a dentry, referenced by the caller, still lead to what its name means? May look at super_ops.revalidate. */
static inline bool dentry_is_valid(const struct dentry *d)
{
	return likely(!(READ_ONCE(d->flags) & DENTRY_REVALIDATE)) ||
	       !d->sb->ops->revalidate(d->inode, true);
}

/** @brief Enter a dentry into the hash. The caller holds the directory's lock, and checked that no other has the name. */
void dentry_hash(struct dentry *d);
/** @brief Move @p from to the parent and name of @p to, which is unhashed; or (@p exchange) swap them. Both directories are locked. */
void dentry_move(struct dentry *from, struct dentry *to, bool exchange);
/**
 * @brief After dentry_move(), or the removal of a folder: @p d is unhashed, and nothing has the name that it has now. Keep it in the cache, negative, if the
 * caller alone uses it, so that the name can be made again without another. The directory is locked.
 */
void dentry_retire(struct dentry *d);
/**
 * @brief The dentry in use that means the same as @p d, which was looked up anew in a volatile file system: of the
 * same inode and name, or of the same folder, which has but one name. So a folder has one dentry, and what is
 * mounted on it is found. Under the lock of the directory's inode.
 * @return counted, or NULL
 */
struct dentry *dentry_find_twin(const struct dentry *d);
/** @brief Free the unused dentries below @p d. */
void dentry_prune_children(struct dentry *d);
/**
 * @brief Free all dentries of a file system that is not used any more.
 *
 * Sleeps until no other thread is freeing one of them: none uses the super block then.
 * @param root  the caller's reference is dropped
 * @return false: a reference was leaked, so that dentries, and their use of the super block, remain
 */
__must_check bool dentry_forget_tree(struct dentry *root);
/** @brief Is @p ancestor the same as, or an ancestor of, @p d? Under tree_lock or the super block's rename_lock. */
bool dentry_is_ancestor(const struct dentry *ancestor, const struct dentry *d);

/** @return was the flag set before? */
static inline bool dentry_set_flag(struct dentry *d, u32 flag)
{
	return __atomic_fetch_or(&d->flags, flag, __ATOMIC_SEQ_CST) & flag;
}
static inline bool dentry_clear_flag(struct dentry *d, u32 flag)
{
	return __atomic_fetch_and(&d->flags, ~flag, __ATOMIC_SEQ_CST) & flag;
}

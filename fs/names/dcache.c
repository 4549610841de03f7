// SPDX-License-Identifier: MIT
/*
 * The dentry cache: names in directories, and whether they exist.
 *
 * Dentries are found in one hash table by parent and name, without a lock: chains
 * and dentries are freed by RCU. A dentry in use has references; its children
 * hold one each; so does a name in a file system that exists only in memory
 * (DENTRY_PINNED). One without references stays in the table, on the list of
 * candidates for removal (LRU), until there are too many of those.
 *
 *	refs > 0	in use
 *	refs == 0	cached
 *	refs < 0	dying, or (FROZEN) being made negative: leave it alone
 *
 * Dropping the last reference changes the count from 1 to 0, or from 1 to DEAD if
 * the name was removed. The thread that changes 0 or 1 to DEAD frees the dentry.
 * d->inode changes from NULL to an inode under the directory's lock, and back only
 * while the remover holds the only reference. So a thread that holds a reference
 * can rely on an inode that it saw. A reader without a reference must look again
 * after it has taken one.
 *
 * The thread that frees a dentry need not hold the file system: it may have found
 * the dentry on the LRU list. So super_put() waits for it (dentry_forget_tree()). A
 * dying dentry drops its inode first, then leaves its parent's list of children,
 * then drops its reference on the parent: when a parent is referenced by nobody
 * else, none of its children uses the super block any more.
 *
 * Renames change name and parent in place. Readers tolerate that: a name and its
 * length are behind one pointer, and a search that followed a moved chain is
 * detected through tree_seq. A search under the directory's lock is repeated until
 * no rename interfered.
 *
 * Names that end by themselves (/proc/PID) are cached, too, with DENTRY_REVALIDATE:
 * each step of a walk onto one asks the file system, and dentry_invalidate() hides
 * one that has ended. A look-up that enters one asks once more after it did
 * (walk.c), for the end may have come in between, and hidden nothing.
 *
 * Locks: tree_lock: see kernel/fs/dentry.h and dcache.h. d->lock (spin): the list
 * of d's children. bucket_locks: changes of the hash chains. lru_lock: the LRU
 * list. They nest in this order. d->flags are changed atomically.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/name.h>
#include <kernel/fs/notify.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include "dcache.h"

#define DEAD		   (-1000000)
#define FROZEN		   (-2000000)
#define INLINE_MAX	   ((u32)sizeof(((struct dentry *)0)->inline_name) - 1)
#define BUCKET_LOCKS	   64
#define FIND_PATIENCE	   8u	  /* looks that renames may spoil */
#define FORGET_PATIENCE_MS 10000u /* for others that drop their references at this moment */

/* A name that is too long to be inline; dentry->name points to text. */
struct long_name {
	struct rcu_head rcu;
	u64 key;
	char text[];
};

DEFINE_SPINLOCK(tree_lock);
u32 tree_seq;

struct dentry_table dentry_table;
static spinlock_t bucket_locks[BUCKET_LOCKS];
static struct kmem_cache *dentry_cache;

static DEFINE_SPINLOCK(lru_lock);
static DEFINE_LIST(lru); /* oldest first */
static u64 lru_count, lru_limit;

/* ---- the table ---- */

struct dentry *dentry_find_rcu(const struct dentry *parent, u64 key, const char *name)
{
	return dentry_find_part(parent, name, key, name_tail(name, name_key_len(key)));
}

bool dentry_get_rcu(struct dentry *d)
{
	assert_rcu_read();
	s32 count = atomic_read(&d->refs);

	while (count >= 0)
		if (__atomic_compare_exchange_n(&d->refs.v, &count, count + 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return true;
	return false;
}

/*
 * One look. @settled: with the tree locked, so that no rename hides an existing name.
 * @return false: look again, *@out is a dying dentry or NULL; true: *@out is it, counted, or NULL for none
 */
static bool find_once(struct dentry *parent, u64 key, const char *name, bool settled,
		      struct dentry **out)
{
	struct dentry *d;
	bool counted;
	u32 seq;

	if (settled)
		spin_lock(&tree_lock);
	rcu_read_lock();
	seq = tree_read_begin();
	*out = d = dentry_find_rcu(parent, key, name);
	counted = d && dentry_get_rcu(d);
	rcu_read_unlock();
	if (settled)
		spin_unlock(&tree_lock);
	if (!d)
		return settled || tree_read_valid(seq);
	if (!counted)
		return false;
	if (d->parent == parent && dentry_key(d) == key && !(d->flags & DENTRY_UNHASHED))
		return true;
	*out = NULL; /* a rename moved it, so another of that name may exist */
	dentry_put(d);
	return false;
}

/*
 * Ends in bounded time: after FIND_PATIENCE tries renames are locked out, and a thread
 * that frees a dying dentry gets the processor, even from a real-time thread.
 */
struct dentry *dentry_find(struct dentry *parent, u64 key, const char *name)
{
	struct dentry *d;

	for (u32 tries = 0; !find_once(parent, key, name, tries >= FIND_PATIENCE, &d); tries++) {
		if (tries < FIND_PATIENCE)
			sched_yield_current();
		else if (d)
			sleep_ms(1);
	}
	return d;
}

static spinlock_t *lock_bucket(u64 bucket)
{
	spinlock_t *lock = &bucket_locks[bucket % BUCKET_LOCKS];

	spin_lock(lock);
	return lock;
}

void dentry_hash(struct dentry *d)
{
	u64 bucket = dentry_bucket(d->parent, dentry_key(d));
	spinlock_t *lock = lock_bucket(bucket);

	dentry_clear_flag(d, DENTRY_UNHASHED);
	d->hash_next = dentry_table.buckets[bucket];
	rcu_assign_pointer(dentry_table.buckets[bucket], d);
	spin_unlock(lock);
}

static void unlink_from_table(struct dentry *d)
{
	u64 bucket = dentry_bucket(d->parent, dentry_key(d));
	spinlock_t *lock = lock_bucket(bucket);

	for (struct dentry **link = &dentry_table.buckets[bucket]; *link;
	     link = &(*link)->hash_next)
		if (*link == d) {
			rcu_assign_pointer(*link,
					   d->hash_next); /* d's own link stays, for readers */
			break;
		}
	spin_unlock(lock);
}

void dentry_unhash(struct dentry *d)
{
	if (!dentry_set_flag(d, DENTRY_UNHASHED))
		unlink_from_table(d);
}

/* ---- candidates for removal ---- */

static void lru_add(struct dentry *d)
{
	spin_lock(&lru_lock);
	if (!dentry_set_flag(d, DENTRY_ON_LRU)) {
		list_add_tail(&d->lru, &lru);
		lru_count++;
	}
	spin_unlock(&lru_lock);
}

static void lru_remove(struct dentry *d)
{
	if (!(READ_ONCE(d->flags) & DENTRY_ON_LRU))
		return;
	spin_lock(&lru_lock);
	if (dentry_clear_flag(d, DENTRY_ON_LRU)) {
		list_del(&d->lru);
		lru_count--;
	}
	spin_unlock(&lru_lock);
}

/* An unused one that was not looked up since last time, dead already; NULL: none among the first few. */
static struct dentry *lru_take_victim(void)
{
	struct dentry *victim = NULL;

	spin_lock(&lru_lock);
	for (u32 tries = 32; tries && !list_empty(&lru); tries--) {
		struct dentry *d = list_first(&lru, struct dentry, lru);

		list_del(&d->lru);
		if (dentry_clear_flag(d, DENTRY_USED)) {
			list_add_tail(&d->lru, &lru);
			continue;
		}
		dentry_clear_flag(d,
				  DENTRY_ON_LRU); /* in use: its last dentry_put() adds it again */
		lru_count--;
		if (!atomic_cmpxchg(&d->refs, 0, DEAD)) {
			victim = d;
			break;
		}
	}
	spin_unlock(&lru_lock);
	return victim;
}

/* ---- life and death ---- */

static void free_dentry(struct rcu_head *head)
{
	struct dentry *d = container_of(head, struct dentry, rcu);

	if (d->name != d->inline_name)
		kfree(container_of(d->name, struct long_name, text[0]));
	kmem_cache_free(dentry_cache, d);
}

/* @p d is DEAD by our hand: take it apart. @return its parent, whose reference is now the caller's to drop */
static struct dentry *dentry_destroy(struct dentry *d)
{
	struct dentry *parent = NULL;

	if (d->parent != d)
		parent = d->parent;

	lru_remove(d);
	dentry_unhash(d);
	if (d->inode)
		notify_dropped(d->inode);
	if (d->inode)
		inode_put(d->inode); /* walks cannot find it any more; see the top for the order */
	if (parent) {
		spin_lock(&parent->lock);
		list_del(&d->child_link);
		spin_unlock(&parent->lock);
	}
	call_rcu(&d->rcu, free_dentry);
	return parent;
}

/* Such a dentry is freed with its last reference. */
#define DENTRY_GONE (DENTRY_UNHASHED | DENTRY_NOCACHE | DENTRY_ANON)

/*
 * Drop the last reference of a name that stays in the cache. Other threads may free @p d
 * then, but not before the end of the read section.
 * @return false: look at the count again; true: dropped, and *@p ours: it is ours to destroy
 */
static bool drop_to_cache(struct dentry *d, bool *ours)
{
	s32 count = 1;
	bool dropped;

	rcu_read_lock();
	if (READ_ONCE(d->flags) & DENTRY_ON_LRU)
		dentry_set_flag(d, DENTRY_USED);
	else
		lru_add(d);
	dropped = __atomic_compare_exchange_n(&d->refs.v, &count, 0, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED);
	if (dropped) {
		u32 flags = READ_ONCE(d->flags);

		/* The name may have been removed after the caller looked. */
		*ours = flags & DENTRY_GONE && !atomic_cmpxchg(&d->refs, 0, DEAD);
		/* lru_take_victim() may have seen it in use, and taken it off the list. */
		if (!(flags & (DENTRY_GONE | DENTRY_ON_LRU)))
			dropped = !dentry_get_rcu(d);
	}
	rcu_read_unlock();
	return dropped;
}

/* Drop one reference. @return true: it was the last, and the dentry is ours to destroy */
static bool dentry_drop(struct dentry *d)
{
	s32 count = atomic_read(&d->refs);
	bool ours;

	for (;;) {
		BUG_ON(count < 1);
		if (count > 1) {
			if (__atomic_compare_exchange_n(&d->refs.v, &count, count - 1, false,
							__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
				return false;
		} else if (READ_ONCE(d->flags) & DENTRY_GONE) {
			if (__atomic_compare_exchange_n(&d->refs.v, &count, DEAD, false,
							__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
				return true;
		} else {
			if (drop_to_cache(d, &ours))
				return ours;
			count = atomic_read(&d->refs);
		}
	}
}

void dentry_put(struct dentry *d)
{
	while (d && dentry_drop(d))
		d = dentry_destroy(d);
}

void dentry_get(struct dentry *d)
{
	atomic_inc(&d->refs);
}

/* Keep the number of cached names within bounds; a few at a time. */
static void dcache_shrink(void)
{
	for (u32 i = 0; i < 8 && READ_ONCE(lru_count) > lru_limit; i++) {
		struct dentry *d = lru_take_victim();

		if (!d)
			return;
		dentry_put(dentry_destroy(d));
	}
}

static bool set_name(struct dentry *d, u64 key, const char *name)
{
	u32 len = name_key_len(key);
	struct long_name *long_name;

	if (len <= INLINE_MAX) {
		d->inline_key = key;
		name_store(d->inline_name, name, len);
		d->name = d->inline_name;
		return true;
	}
	long_name = kmalloc(sizeof(*long_name) + len + NAME_SLACK);
	if (!long_name)
		return false;
	long_name->key = key;
	name_store(long_name->text, name, len);
	d->name = long_name->text;
	return true;
}

static struct dentry *dentry_alloc_any(struct super_block *sb, u64 key, const char *name, u32 flags)
{
	struct dentry *d = kmem_cache_alloc(dentry_cache);

	if (!d)
		return NULL;
	if (!set_name(d, key, name)) {
		kmem_cache_free(dentry_cache, d);
		return NULL;
	}
	d->hash_next = NULL;
	d->parent = d;
	d->inode = NULL;
	d->flags = flags | DENTRY_UNHASHED;
	atomic_set(&d->refs, 1);
	d->sb = sb;
	spin_init(&d->lock);
	d->cookie = 0;
	list_init(&d->children);
	list_init(&d->child_link);
	list_init(&d->lru);
	return d;
}

struct dentry *dentry_alloc(struct dentry *parent, u64 key, const char *name)
{
	struct dentry *d;

	if (unlikely(READ_ONCE(lru_count) > lru_limit))
		dcache_shrink();
	d = dentry_alloc_any(parent->sb, key, name,
			     parent->sb->flags & SB_VOLATILE ? DENTRY_NOCACHE : 0);
	if (!d)
		return NULL;
	dentry_get(parent);
	d->parent = parent;
	spin_lock(&parent->lock);
	list_add(&d->child_link, &parent->children);
	spin_unlock(&parent->lock);
	return d;
}

struct dentry *dentry_alloc_root(struct super_block *sb, const char *name)
{
	if (!name)
		return dentry_alloc_any(sb, name_key("/", 1), "/", DENTRY_ANON);
	return dentry_alloc_any(sb, name_key(name, strlen(name)), name, DENTRY_ANON);
}

void dentry_set_inode(struct dentry *d, struct inode *inode)
{
	rcu_assign_pointer(d->inode, inode);
}

void dentry_instantiate(struct dentry *d, struct inode *inode, bool pin)
{
	if (pin) {
		dentry_get(d);
		dentry_set_flag(d, DENTRY_PINNED);
	}
	dentry_set_inode(d, inode);
}

void dentry_unpin(struct dentry *d)
{
	if (!(d->flags & DENTRY_PINNED))
		return;
	dentry_clear_flag(d, DENTRY_PINNED);
	dentry_put(d);
}

void dentry_delete(struct dentry *d)
{
	struct inode *inode = d->inode;

	dentry_unpin(d);
	if (d->flags & DENTRY_NOCACHE || atomic_cmpxchg(&d->refs, 1, FROZEN) != 1) {
		dentry_unhash(d);
		return;
	}
	WRITE_ONCE(d->inode, NULL);
	atomic_set(&d->refs, 1);
	notify_dropped(inode);
	inode_put(inode);
	/* It will be a candidate: many names removed must not leave as many behind. */
	if (unlikely(READ_ONCE(lru_count) > lru_limit))
		dcache_shrink();
}

void dentry_retire(struct dentry *d)
{
	struct inode *inode = d->inode;

	dentry_unpin(d);
	if (d->flags & DENTRY_NOCACHE || atomic_cmpxchg(&d->refs, 1, FROZEN) != 1)
		return;
	/* A walk that has passed the folder by without a lock has searched it with its rights, not with those of the next one. */
	tree_write_begin();
	WRITE_ONCE(d->inode, NULL);
	tree_write_end();
	dentry_hash(d);
	atomic_set(&d->refs, 1);
	if (inode)
		notify_dropped(inode);
	if (inode)
		inode_put(inode);
	if (unlikely(READ_ONCE(lru_count) > lru_limit))
		dcache_shrink();
}

bool dentry_cache_drop(void)
{
	bool any = false;

	for (u64 count = READ_ONCE(lru_count); count; count--) {
		struct dentry *d = lru_take_victim();

		if (!d)
			continue;
		any = true;
		dentry_put(dentry_destroy(d));
	}
	return any;
}

/* ---- trees ---- */

bool dentry_is_ancestor(const struct dentry *ancestor, const struct dentry *d)
{
	while (d != ancestor) {
		if (d->parent == d)
			return false;
		d = d->parent;
	}
	return true;
}

/* An unused child, dead already; or NULL. */
static struct dentry *take_unused_child(struct dentry *d)
{
	struct dentry *child, *found = NULL;

	spin_lock(&d->lock);
	list_for_each(child, &d->children, child_link)
		if (!atomic_cmpxchg(&child->refs, 0, DEAD)) {
			found = child;
			break;
		}
	spin_unlock(&d->lock);
	return found;
}

void dentry_prune_children(struct dentry *d)
{
	struct dentry *child;

	while ((child = take_unused_child(d)) != NULL)
		dentry_put(dentry_destroy(child));
}

void dentry_invalidate(struct dentry *d)
{
	struct dentry *child;

	dentry_unhash(d);
	spin_lock(&d->lock);
	list_for_each(child, &d->children, child_link)
		dentry_unhash(child);
	spin_unlock(&d->lock);
	dentry_prune_children(d);
}

struct dentry *dentry_next_child(struct dentry *d, struct dentry *after)
{
	struct dentry *child, *found = NULL;
	bool behind = !after;

	rcu_read_lock();
	spin_lock(&d->lock); /* those on the list are not freed meanwhile */
	list_for_each(child, &d->children, child_link) {
		if (behind && dentry_get_rcu(child)) {
			found = child;
			break;
		}
		behind |= child == after;
	}
	spin_unlock(&d->lock);
	rcu_read_unlock();
	dentry_put(after);
	return found;
}

struct dentry *dentry_find_twin(const struct dentry *d)
{
	struct dentry *parent = d->parent, *child, *found = NULL;

	rcu_read_lock();
	spin_lock(&parent->lock);
	list_for_each(child, &parent->children, child_link) {
		if (child == d || child->inode != d->inode)
			continue;
		if (!S_ISDIR(d->inode->mode) && strcmp(child->name, d->name))
			continue;
		if (dentry_get_rcu(child)) {
			found = child;
			break;
		}
	}
	spin_unlock(&parent->lock);
	rcu_read_unlock();
	return found;
}

/*
 * Down to a leaf, free it, up again, with a reference on each dentry of the way. No
 * thread uses the file system, but some may be freeing a dentry of it, or drop a
 * reference that an RCU walk took for nothing: each holds one on the dentry, or on
 * its parent.
 */
bool dentry_forget_tree(struct dentry *root)
{
	struct dentry *d = root;
	u32 waited_ms = 0;

	for (;;) {
		struct dentry *child = dentry_next_child(d, NULL), *parent = d->parent;

		if (child) {
			dentry_unhash(child);
			dentry_unpin(child);
			d = child;
			waited_ms = 0;
		} else if (atomic_read(&d->refs) == 1) {
			dentry_put(d);
			if (d == root)
				return true;
			d = parent;
			waited_ms = 0;
		} else {
			if (WARN_ON(waited_ms >= FORGET_PATIENCE_MS))
				return false;
			sleep_ms(1);
			waited_ms++;
		}
	}
}

static void dentry_relink(struct dentry *d, struct dentry *parent)
{
	struct dentry *old = d->parent;

	spin_lock(&old->lock);
	list_del(&d->child_link);
	spin_unlock(&old->lock);
	WRITE_ONCE(d->parent, parent);
	spin_lock(&parent->lock);
	list_add(&d->child_link, &parent->children);
	spin_unlock(&parent->lock);
}

/* Exchange names without allocating: readers find a valid one in both at any time. */
static void swap_names(struct dentry *one, struct dentry *other)
{
	const char *a_name = one->name, *b_name = other->name;
	bool a_inline = a_name == one->inline_name, b_inline = b_name == other->inline_name;
	u64 key = one->inline_key;
	char text[sizeof(one->inline_name)];

	memcpy(text, one->inline_name, sizeof(text));
	if (b_inline) {
		one->inline_key = other->inline_key;
		memcpy(one->inline_name, other->inline_name, sizeof(text));
	}
	if (a_inline) {
		other->inline_key = key;
		memcpy(other->inline_name, text, sizeof(text));
	}
	smp_wmb();
	WRITE_ONCE(one->name, b_inline ? one->inline_name : b_name);
	WRITE_ONCE(other->name, a_inline ? other->inline_name : a_name);
}

void dentry_move(struct dentry *from, struct dentry *to, bool exchange)
{
	struct dentry *from_parent = from->parent, *to_parent = to->parent;

	tree_write_begin();
	dentry_unhash(from);
	dentry_unhash(to);
	swap_names(from, to);
	if (from_parent != to_parent) { /* the references to parents change hands, too */
		dentry_relink(from, to_parent);
		dentry_relink(to, from_parent);
	}
	if (!(from->flags & DENTRY_NOCACHE)) {
		dentry_hash(from);
		if (exchange)
			dentry_hash(to);
	}
	tree_write_end();
}

/* ---- boot ---- */

void dcache_init(void)
{
	struct mem_info memory;
	u64 buckets = 512;

	mem_info_get(&memory);
	while (buckets < 32768 && buckets < memory.total / 4)
		buckets *= 2;
	dentry_table.buckets = kvzalloc(buckets * sizeof(dentry_table.buckets[0]));
	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 64);
	if (!dentry_table.buckets || !dentry_cache)
		boot_stop("not enough memory for the dentry cache");
	dentry_table.mask = buckets - 1;
	dentry_table.seed = random_u64();
	lru_limit = MAX(memory.total / 10, 256ul);
}

// SPDX-License-Identifier: MIT
/*
 * Inodes of file systems that are drivers, found by node number.
 *
 * One table for all super blocks leads from (super block, node) to the inode, so that two
 * names of a file are one inode. It holds no reference: an inode exists as long as dentries and files
 * use it. Who finds one whose last reference was just dropped waits until it
 * has left the table (node_evict()), or is kept (below).
 *
 * Size and times that programs change are kept back, and handed down by a commit: each such
 * inode is on the list of the CPU that dirtied it first. When the last reference is dropped
 * meanwhile, the list takes it over (node_keep(), kept), and drops it after the commit.
 *
 * Locks: the bucket's lock: its chain, kept. The cell's lock: its list.
 */
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/mount.h>
#include <uapi/stat.h>
#include "driver.h"

#define BUCKETS_LEAST 256u
#define BUCKETS_MOST  65536u

struct bucket {
	spinlock_t lock;
	struct driven_node *first;
};
static struct bucket *buckets;
static u64 buckets_mask;
static struct kmem_cache *nodes;

__cold int driven_nodes_init(void)
{
	struct mem_info memory;
	u64 count = BUCKETS_LEAST;

	if (buckets)
		return 0;
	mem_info_get(&memory);
	while (count < BUCKETS_MOST && count < memory.total / 64)
		count *= 2;
	if (!nodes)
		nodes = kmem_cache_create("fs_node", sizeof(struct driven_node), 64);
	buckets = kvzalloc(count * sizeof(*buckets));
	if (!buckets || !nodes)
		return -ENOMEM;
	buckets_mask = count - 1;
	return 0;
}

static struct bucket *bucket_of(const struct super_block *sb, u64 node)
{
	u64 mixed = ((u64)sb >> 6 ^ node) * 0x9e3779b97f4a7c15ull;

	return &buckets[(mixed >> 32) & buckets_mask];
}

static struct driven_node *bucket_find(struct bucket *bucket, const struct super_block *sb,
				       u64 node)
{
	struct driven_node *found = bucket->first;

	while (found && (found->node != node || found->inode->sb != sb))
		found = found->hash_next;
	return found;
}

static void bucket_remove(struct bucket *bucket, struct driven_node *node)
{
	struct driven_node **link = &bucket->first;

	while (*link != node)
		link = &(*link)->hash_next;
	*link = node->hash_next;
	node->hashed = false;
}

/* ---- attributes ---- */

static bool attr_valid(const struct banos_attr *attr)
{
	if (attr->size < BANOS_ATTR_SIZE_2 || attr->bytes > FILE_SIZE_MAX)
		return false;
	switch (attr->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: return true;
	default: return false;
	}
}

void node_fill(struct inode *inode, const struct banos_attr *attr)
{
	u32 dirty = READ_ONCE(driven_node(inode)->dirty);

	if (!(dirty & BANOS_SET_MODE))
		inode->mode = (attr->mode & (S_IFMT | S_IALLUGO));
	inode->uid = attr->uid;
	inode->gid = attr->gid;
	inode->nlink = attr->nlink;
	inode->blocks = attr->blocks;
	if (!(dirty & BANOS_SET_SIZE))
		WRITE_ONCE(inode->size, attr->bytes);
	if (!(dirty & BANOS_SET_ATIME))
		inode->atime_ns = MAX(attr->atime_ns, 0l);
	if (!(dirty & BANOS_SET_MTIME))
		inode->mtime_ns = MAX(attr->mtime_ns, 0l);
	if (!(dirty & BANOS_SET_CTIME))
		inode->ctime_ns = MAX(attr->ctime_ns, 0l);
	inode->btime_ns = MAX(attr->btime_ns, 0l);
}

static void node_set_kind(struct inode *inode, const struct banos_attr *attr)
{
	inode->ops = &driven_special_iops;
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		if (driven_of(inode->sb)->flags & BANOS_MOUNT_TRANSFERS ||
		    attr->flags & BANOS_ATTR_NO_MAP || !driven_of(inode->sb)->store) {
			inode->ops = &driven_file_iops;
			inode->fops = &driven_transfer_fops;
			if (!inode->cache)
				copies_init(inode);
			break;
		}
		inode->ops = &driven_mapped_iops;
		inode->fops = &driven_mapped_fops;
		if (!inode->cache)
			data_init(inode);
		break;
	case S_IFDIR:
		inode->ops = &driven_dir_iops;
		inode->fops = &driven_dir_fops;
		break;
	case S_IFLNK: inode->ops = &driven_link_iops; break;
	default: inode_init_special(inode, MKDEV(attr->rdev_major, attr->rdev_minor));
	}
}

/* ---- making and finding ---- */

struct inode *node_alloc(struct driven_super *super)
{
	struct driven_node *node = kmem_cache_zalloc(nodes);
	struct inode *inode = NULL;

	if (node)
		inode = inode_alloc(super->sb);
	if (!inode) {
		if (node)
			kmem_cache_free(nodes, node);
		return NULL;
	}
	node->inode = inode;
	list_init(&node->dirty_link);
	list_init(&node->commit_link);
	inode->private = node;
	inode->flags |= INODE_DRIVEN;
	return inode;
}

static void node_describe(struct inode *inode, const struct banos_attr *attr)
{
	struct driven_node *node = driven_node(inode);

	node->node = attr->node;
	node->generation = attr->generation;
	node->given = 1;
	inode->ino = attr->node;
	node->stored_size = attr->bytes;
	node_fill(inode, attr);
	node_set_kind(inode, attr);
}

/* May the driver have forgotten a number since it was @forgotten, and we asked it? */
static bool number_is_stale(const struct driven_super *super, u64 forgotten)
{
	return super->flags & BANOS_MOUNT_FORGETS &&
	       (smp_load_acquire(&super->forgetting) ||
		smp_load_acquire(&super->forgotten) != forgotten);
}

/*
 * @param forgotten  driven_super.forgotten, when the driver was asked for the number; NULL: it is a new one
 * @return false: another one has that number, or had it a moment ago
 */
static bool node_insert(struct inode *inode, const u64 *forgotten)
{
	struct driven_node *node = driven_node(inode);
	struct bucket *bucket = bucket_of(inode->sb, node->node);
	bool free;

	spin_lock(&bucket->lock);
	free = !bucket_find(bucket, inode->sb, node->node) &&
	       (!forgotten || !number_is_stale(driven_of(inode->sb), *forgotten));
	if (free) {
		node->hash_next = bucket->first;
		bucket->first = node;
		node->hashed = true;
	}
	spin_unlock(&bucket->lock);
	return free;
}

/* @return the inode, counted; NULL: not known; -EAGAIN: it is on its way out */
static struct inode *node_find(struct super_block *sb, u64 number)
{
	struct bucket *bucket = bucket_of(sb, number);
	struct inode *inode = NULL;
	struct driven_node *node;

	spin_lock(&bucket->lock);
	node = bucket_find(bucket, sb, number);
	if (node) {
		inode = node->inode;
		if (!atomic_inc_not_zero(&inode->refs))
			inode = ERR_PTR(-EAGAIN);
		else
			node->given++;
	}
	spin_unlock(&bucket->lock);
	return inode;
}

/* Is it still what it was? */
static struct inode *node_check(struct driven_super *super, struct inode *inode,
				const struct banos_attr *attr)
{
	if ((inode->mode ^ attr->mode) & S_IFMT ||
	    driven_node(inode)->generation != attr->generation) {
		if (!(super->flags & BANOS_MOUNT_REMOTE))
			driven_damaged(super,
				       "a node has become something else while it is in use");
		inode_put(inode);
		return ERR_PTR(-EUCLEAN);
	}
	if (super->flags & BANOS_MOUNT_REMOTE)
		node_fill(inode, attr);
	return inode;
}

struct inode *node_get(struct driven_super *super, u64 forgotten, const struct banos_attr *attr)
{
	struct inode *inode, *fresh = NULL;

	if (!attr_valid(attr)) {
		driven_damaged(super, "a node has impossible attributes");
		return ERR_PTR(-EUCLEAN);
	}
	for (;;) {
		inode = node_find(super->sb, attr->node);
		if (inode && !IS_ERR(inode))
			break;
		if (IS_ERR(inode) || number_is_stale(super, forgotten)) {
			sleep_ms(1);
			if (!(super->flags & BANOS_MOUNT_FORGETS))
				continue;
			if (fresh)
				inode_put(fresh);
			return ERR_PTR(-EAGAIN); /* the driver forgets the number meanwhile */
		}
		if (!fresh)
			fresh = node_alloc(super);
		if (!fresh)
			return ERR_PTR(-ENOMEM);
		node_describe(fresh, attr);
		if (node_insert(fresh, &forgotten))
			return fresh;
	}
	if (fresh)
		inode_put(fresh);
	return node_check(super, inode, attr);
}

int node_enter(struct inode *inode, const struct banos_attr *attr)
{
	struct driven_super *super = driven_of(inode->sb);

	if (!attr_valid(attr) || (inode->mode ^ attr->mode) & S_IFMT) {
		driven_damaged(super, "what was created is something else");
		return -EUCLEAN;
	}
	node_describe(inode, attr);
	while (!node_insert(inode, NULL)) {
		struct inode *other = node_find(inode->sb, attr->node);

		if (other && !IS_ERR(other)) {
			inode_put(other);
			driven_damaged(super, "a node was created that is in use");
			return -EUCLEAN;
		}
		sleep_ms(1); /* the number was free for the driver before we were through with it */
	}
	return 0;
}

/* ---- the end ---- */

bool node_keep(struct inode *inode)
{
	struct driven_node *node = driven_node(inode);
	struct bucket *bucket;
	bool keeps;

	if (!node || !node->hashed || likely(!READ_ONCE(node->dirty)) || !inode->nlink ||
	    READ_ONCE(driven_of(inode->sb)->ending))
		return false;
	bucket = bucket_of(inode->sb, node->node);
	spin_lock(&bucket->lock);
	keeps = READ_ONCE(node->dirty) && !node->kept;
	if (keeps) {
		node->kept = true;
		atomic_set(&inode->refs, 1);
	}
	spin_unlock(&bucket->lock);
	return keeps;
}

void node_clean(struct inode *inode)
{
	struct driven_node *node = driven_node(inode);
	struct bucket *bucket = bucket_of(inode->sb, node->node);
	bool kept;

	spin_lock(&bucket->lock);
	kept = node->kept;
	node->kept = false;
	spin_unlock(&bucket->lock);
	if (kept)
		inode_put(inode);
}

__cold void nodes_report(struct driven_super *super, int err)
{
	for (u64 i = 0; i <= buckets_mask; i++) {
		spin_lock(&buckets[i].lock);
		for (struct driven_node *node = buckets[i].first; node; node = node->hash_next)
			if (node->inode->sb == super->sb && node->inode->cache)
				file_cache_error_set(node->inode->cache, err);
		spin_unlock(&buckets[i].lock);
	}
}

static void node_free(struct rcu_head *head)
{
	struct driven_node *node = container_of(head, struct driven_node, rcu);

	kfree(node->link);
	kmem_cache_free(nodes, node);
}

static void node_undirty(struct driven_super *super, struct driven_node *node)
{
	struct driven_cell *cell = &super->cells[node->dirty_cpu];

	spin_lock(&cell->lock);
	list_del(&node->dirty_link);
	node->dirty = 0;
	spin_unlock(&cell->lock);
}

/* One that is not freed stays allocated without a name until somebody repairs that. */
static void node_forget(struct driven_super *super, const struct driven_node *node)
{
	u64 patience = 0;

	while (driven_change(super, forget, node->node) == -ENOMEM &&
	       file_cache_patience(&patience))
		;
}

/* @return false: the number was found by its name again, and is in use; then it is not forgotten */
static bool forget_begin(struct driven_super *super, const struct driven_node *node)
{
	struct bucket *bucket = bucket_of(super->sb, node->node);
	struct driven_node *found;

	spin_lock(&bucket->lock);
	found = bucket_find(bucket, super->sb, node->node);
	if (!found || found == node)
		__atomic_add_fetch(&super->forgetting, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&bucket->lock);
	return !found || found == node;
}

/*
 * A number that has a name may be on its way to node_insert(): an answer of the driver from before its forget() does not
 * count, as what it knew of the number has ended. So forget() is counted before it is not under way any more.
 */
static void node_forget_named(struct driven_super *super, const struct driven_node *node)
{
	if (!forget_begin(super, node))
		return;
	(void)driven_ask(super, forget, node->node);
	__atomic_add_fetch(&super->forgotten, 1, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&super->forgetting, 1, __ATOMIC_SEQ_CST);
}

/* Its driver is told that nobody uses it. */
static void node_tell_end(struct driven_super *super, const struct driven_node *node)
{
	if (node->nameless)
		node_forget(super, node);
	else if (super->flags & BANOS_MOUNT_FORGETS && !READ_ONCE(super->closed))
		node_forget_named(super, node);
	if (super->flags & BANOS_MOUNT_REMOTE && !READ_ONCE(super->closed))
		(void)driven_ask(super, release, node->node, node->given);
}

static bool driver_is_told(const struct driven_super *super, const struct driven_node *node)
{
	return node->nameless || super->flags & (BANOS_MOUNT_FORGETS | BANOS_MOUNT_REMOTE);
}

static void node_unhash(struct driven_node *node)
{
	struct bucket *bucket = bucket_of(node->inode->sb, node->node);

	spin_lock(&bucket->lock);
	bucket_remove(bucket, node);
	spin_unlock(&bucket->lock);
}

/* Is what it has on the disk to be freed? One that ends while the file system is about to become read-only still is. */
static bool node_is_freed(const struct driven_super *super, const struct inode *inode)
{
	if (inode->nlink)
		return false;
	return !(inode->sb->flags & MS_RDONLY) ||
	       !(super->config.flags & BANOS_MOUNT_READ_ONLY || READ_ONCE(super->damaged));
}

void node_evict(struct inode *inode)
{
	bool later = current->ends_later;
	struct driven_node *node = driven_node(inode);
	struct driven_super *super = driven_of(inode->sb);

	if (!node)
		return;
	if (READ_ONCE(node->dirty))
		node_undirty(super, node);
	if (!node->hashed)
		goto free;
	node->nameless = node_is_freed(super, inode);
	if (node->nameless && inode->sb->flags & MS_RDONLY)
		later = true; /* driven_remount() tells of it, or a commit where that fails */
	if (later && super->commit_thread && driver_is_told(super, node)) {
		node_unhash(node);
		spin_lock(&super->ended_lock);
		list_add_tail(&node->commit_link, &super->ended);
		spin_unlock(&super->ended_lock);
		driven_changed(super);
		return;
	}
	node_tell_end(super, node);
	node_unhash(node);
free:
	call_rcu(&node->rcu, node_free);
}

__cold bool nodes_are_nameless(struct driven_super *super)
{
	bool found = !list_empty(&super->ended);

	for (u64 i = 0; i <= buckets_mask && !found; i++) {
		spin_lock(&buckets[i].lock);
		for (struct driven_node *node = buckets[i].first; node && !found;
		     node = node->hash_next)
			found = node->inode->sb == super->sb && !node->inode->nlink;
		spin_unlock(&buckets[i].lock);
	}
	return found;
}

void nodes_tell_ended(struct driven_super *super)
{
	struct driven_node *node;

	while (!list_empty(&super->ended)) {
		spin_lock(&super->ended_lock);
		node = NULL;
		if (!list_empty(&super->ended)) {
			node = list_first(&super->ended, struct driven_node, commit_link);
			list_del(&node->commit_link);
		}
		spin_unlock(&super->ended_lock);
		if (!node)
			return;
		node_tell_end(super, node);
		call_rcu(&node->rcu, node_free);
	}
}

__cold void node_renumber(struct inode *inode, u64 number)
{
	struct driven_node *node = driven_node(inode);
	struct bucket *bucket = bucket_of(inode->sb, number);

	node_unhash(node);
	WRITE_ONCE(node->node, number);
	spin_lock(&bucket->lock);
	node->hash_next = bucket->first;
	bucket->first = node;
	node->hashed = true;
	spin_unlock(&bucket->lock);
}

/* ---- what is kept back ---- */

void node_dirty(struct inode *inode, u32 which)
{
	struct driven_super *super = driven_of(inode->sb);
	struct driven_node *node = driven_node(inode);
	struct driven_cell *cell;

	if (super->flags & BANOS_MOUNT_REMOTE || inode->sb->flags & MS_RDONLY)
		return;
	smp_mb(); /* the size, or time, was set: pairs with the exchange in take_dirty(), behind which they are read */
	if ((READ_ONCE(node->dirty) & which) == which)
		return;
	if (__atomic_fetch_or(&node->dirty, which, __ATOMIC_SEQ_CST))
		return;
	preempt_disable();
	cell = &super->cells[cpu_id()];
	spin_lock(&cell->lock);
	node->dirty_cpu = cpu_id();
	list_add_tail(&node->dirty_link, &cell->dirty);
	spin_unlock(&cell->lock);
	preempt_enable();
	driven_changed(super);
}

/* The first one that this commit has not handed down yet: what is dirty again waits for the next commit. */
static struct driven_node *first_dirty(struct driven_cell *cell)
{
	struct driven_node *node;

	list_for_each(node, &cell->dirty, dirty_link)
		if (list_empty(&node->commit_link))
			return node;
	return NULL;
}

/* @return false: its last user is about to keep it, or to end it */
static bool take_dirty(struct driven_cell *cell, struct inode **out, u32 *which)
{
	struct driven_node *node = first_dirty(cell);

	if (!node)
		return true;
	if (!atomic_inc_not_zero(&node->inode->refs))
		return false;
	list_del(&node->dirty_link);
	WRITE_ONCE(node->handed_down, READ_ONCE(driven_of(node->inode->sb)->epoch));
	*which = __atomic_exchange_n(&node->dirty, 0, __ATOMIC_SEQ_CST);
	*out = node->inode;
	return true;
}

struct inode *node_next_dirty(struct driven_super *super, u32 cpu, u32 *which)
{
	struct driven_cell *cell = &super->cells[cpu];
	struct inode *inode = NULL;
	bool settled;

	for (;;) {
		spin_lock(&cell->lock);
		settled = take_dirty(cell, &inode, which);
		spin_unlock(&cell->lock);
		if (settled)
			return inode;
		sleep_ms(1);
	}
}

// SPDX-License-Identifier: MIT
/*
 * Mounts: how file systems make one tree, and file system types.
 *
 * A mount hangs onto a dentry of its parent mount; a path walk that comes to a
 * dentry with DENTRY_MOUNTED looks for {mount, dentry} in a small hash table.
 * The first mount is its own parent. There is one tree for all processes.
 *
 * Each open file and each current directory counts a mount, from any processor,
 * so the count is split: a cell for each CPU, changed there with preemption off.
 * Only who wants to unmount needs the sum:
 *
 *	1. mark the mount FROZEN and change tree_seq: walks that begin later wait
 *	   (mount_wait_frozen()), walks under way will find that the tree changed
 *	   and drop what they took;
 *	2. wait for an RCU grace period: what they took and dropped is in the cells;
 *	3. sum up. Busy: remove the mark. Else take it out of the tree.
 *
 * A mount outside the tree is DETACHED, and its users drop it under tree_lock,
 * where the sum is right. The cell of writers works alike for read-only remounts.
 *
 * Locks: mount_mutex: one change at a time. tree_lock: links between mounts,
 * flags, the lists. types_lock (mutex): the list of types, and counts on it.
 */
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/wait.h>
#include <uapi/mount.h>
#include "dcache.h"
#include "mount_tree.h"

#define HASH_SIZE 64

struct mount *mount_root;
DEFINE_LIST(mount_list);
DEFINE_MUTEX(mount_mutex);
struct change_source mount_changes = CHANGE_SOURCE_INIT(mount_changes);
static struct mount *hash[HASH_SIZE];
static u32 next_id;

static DEFINE_MUTEX(types_lock);
static DEFINE_LIST(types);

/* ---- finding ---- */

static inline struct mount **bucket_of(const struct mount *m, const struct dentry *d)
{
	u64 h = ((u64)m ^ (u64)d >> 5) * 0x9e3779b97f4a7c15ull;

	return &hash[h >> 58];
}

struct mount *mount_find_rcu(const struct mount *m, const struct dentry *d)
{
	struct mount *c = rcu_dereference(*bucket_of(m, d));

	while (c && (READ_ONCE(c->parent) != m || READ_ONCE(c->mountpoint) != d))
		c = rcu_dereference(c->hash_next);
	return c;
}

void mount_wait_frozen(void)
{
	mutex_lock(&mount_mutex);
	mutex_unlock(&mount_mutex);
}

/* ---- counts ---- */

static s64 sum_refs(const struct mount *m)
{
	s64 n = 0;

	for (u32 c = 0; c < cpu_count; c++)
		n += READ_ONCE(m->cells[c].refs);
	return n;
}

static s64 sum_writers(const struct mount *m)
{
	s64 n = 0;

	for (u32 c = 0; c < cpu_count; c++)
		n += READ_ONCE(m->cells[c].writers);
	return n;
}

static void free_mount(struct rcu_head *h)
{
	struct mount *m = container_of(h, struct mount, rcu);

	kfree(m->cells);
	kfree(m->source);
	kfree(m);
}

static void destroy(struct mount *m)
{
	dentry_put(m->root);
	super_put(m->sb);
	call_rcu(&m->rcu, free_mount);
}

void mount_put_detached(struct mount *m)
{
	bool last;

	spin_lock(&tree_lock);
	m->cells[cpu_id()].refs--;
	last = !sum_refs(m);
	if (last)
		list_del(&m->sb_link);
	spin_unlock(&tree_lock);
	if (last)
		destroy(m);
}

int mount_write_begin(struct mount *m)
{
	preempt_disable();
	m->cells[cpu_id()].writers++;
	smp_mb(); /* pairs with mount_make_readonly() */
	if (unlikely(mount_is_readonly(m))) {
		m->cells[cpu_id()].writers--;
		preempt_enable();
		return -EROFS;
	}
	preempt_enable();
	return 0;
}

void mount_write_end(struct mount *m)
{
	preempt_disable();
	m->cells[cpu_id()].writers--;
	preempt_enable();
}

int mount_make_readonly(struct mount *m)
{
	u32 old;

	spin_lock(&tree_lock);
	old = m->flags;
	WRITE_ONCE(m->flags, old | MNT_RDONLY);
	spin_unlock(&tree_lock);
	synchronize_rcu();
	if (old & MNT_RDONLY || !sum_writers(m))
		return 0;
	spin_lock(&tree_lock);
	WRITE_ONCE(m->flags, m->flags & ~MNT_RDONLY);
	spin_unlock(&tree_lock);
	return -EBUSY;
}

int super_make_readonly(struct super_block *sb)
{
	s64 writers = 0;
	struct mount *m;

	__atomic_fetch_or(&sb->flags, MS_RDONLY, __ATOMIC_SEQ_CST);
	synchronize_rcu();
	spin_lock(&tree_lock);
	list_for_each(m, &sb->mounts, sb_link)
		writers += sum_writers(m);
	spin_unlock(&tree_lock);
	if (!writers)
		return 0;
	__atomic_fetch_and(&sb->flags, ~(u32)MS_RDONLY, __ATOMIC_SEQ_CST);
	return -EBUSY;
}

/* ---- building the tree ---- */

struct mount *mount_alloc(struct super_block *sb, struct dentry *root, u32 flags,
			  const char *source)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (!m)
		return NULL;
	m->cells = kcalloc(cpu_count, sizeof(*m->cells));
	m->source = kstrdup(source ? source : "none");
	if (!m->cells || !m->source) {
		free_mount(&m->rcu);
		return NULL;
	}
	m->flags = flags;
	m->parent = m;
	m->sb = sb;
	super_get(sb);
	m->root = root;
	dentry_get(root);
	m->mountpoint = root;
	list_init(&m->children);
	list_init(&m->child_link);
	list_init(&m->all_link);
	list_init(&m->sb_link);
	mount_get(m);
	spin_lock(&tree_lock);
	m->id = ++next_id;
	list_add_tail(&m->sb_link, &sb->mounts);
	spin_unlock(&tree_lock);
	return m;
}

/* Under tree_lock, between tree_write_begin() and _end(). */
static void link_mount(struct mount *m, struct mount *parent, struct dentry *at)
{
	struct mount **b = bucket_of(parent, at);

	dentry_get(at);
	dentry_set_flag(at, DENTRY_MOUNTED);
	m->parent = parent;
	m->mountpoint = at;
	list_add_tail(&m->child_link, &parent->children);
	m->hash_next = *b;
	rcu_assign_pointer(*b, m);
}

static bool mounted_elsewhere(const struct dentry *d)
{
	struct mount *m;

	list_for_each(m, &mount_list, all_link)
		if (m->parent != m && m->mountpoint == d)
			return true;
	return false;
}

/* As above. @return the mountpoint, whose reference is now the caller's */
static struct dentry *unlink_mount(struct mount *m)
{
	struct dentry *at = m->mountpoint;
	struct mount **b = bucket_of(m->parent, at);

	while (*b != m)
		b = &(*b)->hash_next;
	rcu_assign_pointer(*b, m->hash_next);
	list_del(&m->child_link);
	m->parent = m;
	m->mountpoint = m->root;
	if (!mounted_elsewhere(at))
		dentry_clear_flag(at, DENTRY_MOUNTED);
	return at;
}

int mount_attach(struct mount *m, const struct path *at)
{
	int err = 0;

	tree_write_begin();
	if (at->dentry->flags & DENTRY_UNHASHED && !(at->dentry->flags & DENTRY_ANON)) {
		err = -ENOENT; /* removed in the meantime */
	} else if (READ_ONCE(at->mnt->flags) & MNT_DETACHED) {
		err = -EINVAL;
	} else {
		list_add_tail(&m->all_link, &mount_list);
		link_mount(m, at->mnt, at->dentry);
	}
	tree_write_end();
	if (!err)
		change_announce(&mount_changes);
	return err;
}

void mount_move(struct mount *m, const struct path *to)
{
	struct dentry *old;

	tree_write_begin();
	old = unlink_mount(m);
	link_mount(m, to->mnt, to->dentry);
	tree_write_end();
	change_announce(&mount_changes);
	dentry_put(old);
}

void mount_pivot(struct mount *new_root, const struct path *put_old)
{
	struct mount *old_root = mount_root, *parent = put_old->mnt;
	struct dentry *at = put_old->dentry, *old;

	tree_write_begin();
	old = unlink_mount(new_root);
	link_mount(old_root, parent, at);
	mount_root = new_root;
	tree_write_end();
	change_announce(&mount_changes);
	dentry_put(old);
}

/* Out of the tree; still counted by the tree's reference. Under tree_lock. */
static struct dentry *detach_locked(struct mount *m)
{
	struct dentry *at = unlink_mount(m);

	list_del(&m->all_link);
	WRITE_ONCE(m->flags, (m->flags & ~MNT_FROZEN) | MNT_DETACHED);
	return at;
}

static void set_frozen(struct mount *m, bool frozen)
{
	tree_write_begin();
	WRITE_ONCE(m->flags, frozen ? m->flags | MNT_FROZEN : m->flags & ~MNT_FROZEN);
	tree_write_end();
}

static void finish_detach(struct mount *m, struct dentry *at)
{
	change_announce(&mount_changes);
	synchronize_rcu(); /* all see DETACHED before the tree's reference goes */
	dentry_put(at);
	mount_put(m);
}

int mount_detach(struct mount *m, s64 own_refs)
{
	struct dentry *at;

	if (!list_empty(&m->children))
		return -EBUSY;
	set_frozen(m, true);
	synchronize_rcu();
	if (sum_refs(m) > 1 + own_refs) {
		set_frozen(m, false);
		return -EBUSY;
	}
	tree_write_begin();
	at = detach_locked(m);
	tree_write_end();
	finish_detach(m, at);
	return 0;
}

void mount_detach_tree(struct mount *m)
{
	for (;;) {
		struct mount *leaf = m;
		struct dentry *at;

		tree_write_begin();
		while (!list_empty(&leaf->children))
			leaf = list_first(&leaf->children, struct mount, child_link);
		at = detach_locked(leaf);
		tree_write_end();
		finish_detach(leaf, at);
		if (leaf == m)
			return;
	}
}

/* ---- super blocks ---- */

struct super_block *super_alloc(const struct fs_type *t, const struct super_ops *ops)
{
	struct super_block *sb = kzalloc(sizeof(*sb));

	if (!sb)
		return NULL;
	atomic_set(&sb->refs, 1);
	sb->dev = fs_anon_dev();
	sb->blksize = PAGE_SIZE;
	sb->type = t;
	sb->ops = ops;
	mutex_init(&sb->rename_lock);
	list_init(&sb->mounts);
	return sb;
}

int super_set_root(struct super_block *sb, struct inode *root)
{
	struct dentry *d = dentry_alloc_root(sb, NULL);

	if (!d) {
		inode_put(root);
		return -ENOMEM;
	}
	dentry_set_inode(d, root);
	sb->root = d;
	return 0;
}

void super_get(struct super_block *sb)
{
	atomic_inc(&sb->refs);
}

void super_put(struct super_block *sb)
{
	if (!atomic_dec_and_test(&sb->refs))
		return;
	if (sb->root) {
		dentry_forget_tree(sb->root);
		dentry_put(sb->root);
	}
	if (sb->ops && sb->ops->put_super)
		sb->ops->put_super(sb);
	synchronize_rcu(); /* inodes and dentries that walks may still look at refer to it */
	kfree(sb);
}

/* ---- types ---- */

struct fs_type *fs_type_find(const char *name)
{
	struct fs_type *t, *found = NULL;

	mutex_lock(&types_lock);
	list_for_each(t, &types, link)
		if (!strcmp(t->name, name)) {
			found = t;
			break;
		}
	mutex_unlock(&types_lock);
	return found;
}

int fs_register(struct fs_type *t)
{
	if (fs_type_find(t->name))
		return -EBUSY;
	mutex_lock(&types_lock);
	list_add_tail(&t->link, &types);
	mutex_unlock(&types_lock);
	return 0;
}

void fs_types_show(struct seq_file *m)
{
	struct fs_type *t;

	mutex_lock(&types_lock);
	list_for_each(t, &types, link)
		seq_printf(m, "%s\t%s\n", t->flags & FS_NODEV ? "nodev" : "", t->name);
	mutex_unlock(&types_lock);
}

/* ---- references to paths ---- */

void path_get(const struct path *p)
{
	mount_get(p->mnt);
	dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
	dentry_put(p->dentry);
	if (p->mnt)
		mount_put(p->mnt);
}

bool path_is_nosuid(const struct path *p)
{
	return p->mnt->flags & MNT_NOSUID;
}

bool file_is_noexec(const struct file *f)
{
	return f->path.mnt->flags & MNT_NOEXEC;
}

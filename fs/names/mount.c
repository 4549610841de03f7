// SPDX-License-Identifier: MIT
/*
 * Mounts: how file systems make one tree.
 *
 * A mount is attached to a dentry of its parent mount; a path walk that reaches a
 * dentry with DENTRY_MOUNTED looks {mount, dentry} up in a small hash table.
 * The first mount is its own parent. There is one tree for all processes.
 *
 * Each open file and each current directory counts a mount, from any processor,
 * so the count is split: a cell for each CPU, changed there with preemption off.
 * Only umount() needs the sum:
 *
 *	1. It marks the mount FROZEN and changes tree_seq. Walks that begin later wait
 *	   (mount_wait_frozen()); walks that have begun find that the tree changed,
 *	   and drop the references that they took.
 *	2. It waits for an RCU grace period: the cells now contain those references
 *	   and their drops.
 *	3. It adds the cells up. If the mount is in use, the mark is removed; else the
 *	   mount is taken out of the tree.
 *
 * A mount outside the tree is DETACHED, and its users drop it under tree_lock,
 * where the sum is right. The cell of writers works alike for read-only remounts.
 *
 * Locks: mount_mutex: one change at a time. tree_lock: links between mounts,
 * flags, the lists.
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

/* ---- finding ---- */

static inline struct mount **mount_bucket(const struct mount *mount, const struct dentry *d)
{
	u64 mixed = ((u64)mount ^ (u64)d >> 5) * 0x9e3779b97f4a7c15ull;

	return &hash[mixed >> 58];
}

struct mount *mount_find_rcu(const struct mount *mount, const struct dentry *d)
{
	struct mount *found = rcu_dereference(*mount_bucket(mount, d));

	assert_rcu_read();
	while (found && (READ_ONCE(found->parent) != mount || READ_ONCE(found->mountpoint) != d))
		found = rcu_dereference(found->hash_next);
	return found;
}

void mount_wait_frozen(void)
{
	mutex_lock(&mount_mutex);
	mutex_unlock(&mount_mutex);
}

/* ---- counts ---- */

static s64 sum_refs(const struct mount *mount)
{
	s64 sum = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		sum += READ_ONCE(mount->cells[cpu].refs);
	return sum;
}

static s64 sum_writers(const struct mount *mount)
{
	s64 sum = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		sum += READ_ONCE(mount->cells[cpu].writers);
	return sum;
}

static void free_mount(struct rcu_head *head)
{
	struct mount *mount = container_of(head, struct mount, rcu);

	kfree(mount->cells);
	kfree(mount->source);
	kfree(mount);
}

static void mount_destroy(struct mount *mount)
{
	dentry_put(mount->root);
	super_put(mount->sb);
	call_rcu(&mount->rcu, free_mount);
}

__cold void mount_put_detached(struct mount *mount)
{
	bool last;

	spin_lock(&tree_lock);
	mount->cells[cpu_id()].refs--;
	last = !sum_refs(mount);
	if (last)
		list_del(&mount->sb_link);
	spin_unlock(&tree_lock);
	if (last)
		mount_destroy(mount);
}

int mount_write_begin(struct mount *mount)
{
	preempt_disable();
	mount->cells[cpu_id()].writers++;
	smp_mb(); /* pairs with mount_make_readonly() */
	if (unlikely(mount_is_readonly(mount))) {
		mount->cells[cpu_id()].writers--;
		preempt_enable();
		return -EROFS;
	}
	preempt_enable();
	return 0;
}

void mount_write_end(struct mount *mount)
{
	preempt_disable();
	mount->cells[cpu_id()].writers--;
	preempt_enable();
}

__cold int mount_make_readonly(struct mount *mount)
{
	u32 old;

	spin_lock(&tree_lock);
	old = mount->flags;
	WRITE_ONCE(mount->flags, old | MNT_RDONLY);
	spin_unlock(&tree_lock);
	synchronize_rcu();
	if (old & MNT_RDONLY || !sum_writers(mount))
		return 0;
	spin_lock(&tree_lock);
	WRITE_ONCE(mount->flags, mount->flags & ~MNT_RDONLY);
	spin_unlock(&tree_lock);
	return -EBUSY;
}

__cold int super_make_readonly(struct super_block *sb)
{
	s64 writers = 0;
	struct mount *mount;

	__atomic_fetch_or(&sb->flags, MS_RDONLY, __ATOMIC_SEQ_CST);
	synchronize_rcu();
	spin_lock(&tree_lock);
	list_for_each(mount, &sb->mounts, sb_link)
		writers += sum_writers(mount);
	spin_unlock(&tree_lock);
	if (!writers)
		return 0;
	__atomic_fetch_and(&sb->flags, ~(u32)MS_RDONLY, __ATOMIC_SEQ_CST);
	return -EBUSY;
}

/* ---- building the tree ---- */

__cold struct mount *mount_alloc(struct super_block *sb, struct dentry *root, u32 flags,
				 const char *source)
{
	struct mount *mount = kzalloc(sizeof(*mount));

	if (!mount)
		return NULL;
	mount->cells = kcalloc(cpu_count, sizeof(*mount->cells));
	mount->source = kstrdup(source ? source : "none");
	if (!mount->cells || !mount->source) {
		free_mount(&mount->rcu);
		return NULL;
	}
	mount->flags = flags;
	mount->parent = mount;
	mount->sb = sb;
	super_get(sb);
	mount->root = root;
	dentry_get(root);
	mount->mountpoint = root;
	list_init(&mount->children);
	list_init(&mount->child_link);
	list_init(&mount->all_link);
	list_init(&mount->sb_link);
	mount_get(mount);
	spin_lock(&tree_lock);
	mount->id = ++next_id;
	list_add_tail(&mount->sb_link, &sb->mounts);
	spin_unlock(&tree_lock);
	return mount;
}

/* Under tree_lock, between tree_write_begin() and tree_write_end(). */
static void link_mount(struct mount *mount, struct mount *parent, struct dentry *mountpoint)
{
	struct mount **bucket = mount_bucket(parent, mountpoint);

	assert_held(&tree_lock);
	dentry_get(mountpoint);
	dentry_set_flag(mountpoint, DENTRY_MOUNTED);
	mount->parent = parent;
	mount->mountpoint = mountpoint;
	list_add_tail(&mount->child_link, &parent->children);
	mount->hash_next = *bucket;
	rcu_assign_pointer(*bucket, mount);
}

static bool mounted_elsewhere(const struct dentry *d)
{
	struct mount *mount;

	assert_held(&tree_lock);
	list_for_each(mount, &mount_list, all_link)
		if (mount->parent != mount && mount->mountpoint == d)
			return true;
	return false;
}

/* As above. @return the mountpoint, whose reference is now the caller's */
static struct dentry *unlink_mount(struct mount *mount)
{
	struct dentry *mountpoint = mount->mountpoint;
	struct mount **link = mount_bucket(mount->parent, mountpoint);

	assert_held(&tree_lock);
	while (*link != mount)
		link = &(*link)->hash_next;
	rcu_assign_pointer(*link, mount->hash_next);
	list_del(&mount->child_link);
	mount->parent = mount;
	mount->mountpoint = mount->root;
	if (!mounted_elsewhere(mountpoint))
		dentry_clear_flag(mountpoint, DENTRY_MOUNTED);
	return mountpoint;
}

/* In the meantime, or it may end by itself at any moment. */
static __cold bool mountpoint_is_removed(const struct dentry *d)
{
	if (d->flags & DENTRY_ANON)
		return false;
	if (d->flags & DENTRY_NOCACHE)
		return !d->inode->nlink;
	return d->flags & (DENTRY_UNHASHED | DENTRY_REVALIDATE);
}

__cold int mount_attach(struct mount *mount, const struct path *target)
{
	int err = 0;

	assert_held(&mount_mutex);
	tree_write_begin();
	if (mountpoint_is_removed(target->dentry)) {
		err = -ENOENT;
	} else if (READ_ONCE(target->mnt->flags) & MNT_DETACHED) {
		err = -EINVAL;
	} else {
		list_add_tail(&mount->all_link, &mount_list);
		link_mount(mount, target->mnt, target->dentry);
	}
	tree_write_end();
	if (!err)
		change_announce(&mount_changes);
	return err;
}

__cold void mount_move(struct mount *mount, const struct path *to)
{
	struct dentry *old;

	assert_held(&mount_mutex);
	tree_write_begin();
	old = unlink_mount(mount);
	link_mount(mount, to->mnt, to->dentry);
	tree_write_end();
	change_announce(&mount_changes);
	dentry_put(old);
}

__cold void mount_pivot(struct mount *new_root, const struct path *put_old)
{
	struct mount *old_root = mount_root, *parent = put_old->mnt;
	struct dentry *mountpoint = put_old->dentry, *old;

	assert_held(&mount_mutex);
	tree_write_begin();
	old = unlink_mount(new_root);
	link_mount(old_root, parent, mountpoint);
	mount_root = new_root;
	tree_write_end();
	change_announce(&mount_changes);
	dentry_put(old);
}

/* Out of the tree; still counted by the tree's reference. Under tree_lock. */
static struct dentry *detach_locked(struct mount *mount)
{
	struct dentry *mountpoint = unlink_mount(mount);

	assert_held(&tree_lock);
	list_del(&mount->all_link);
	WRITE_ONCE(mount->flags, (mount->flags & ~MNT_FROZEN) | MNT_DETACHED);
	return mountpoint;
}

static void set_frozen(struct mount *mount, bool frozen)
{
	tree_write_begin();
	WRITE_ONCE(mount->flags, frozen ? mount->flags | MNT_FROZEN : mount->flags & ~MNT_FROZEN);
	tree_write_end();
}

static void finish_detach(struct mount *mount, struct dentry *mountpoint)
{
	change_announce(&mount_changes);
	synchronize_rcu(); /* all see DETACHED before the tree's reference is dropped */
	dentry_put(mountpoint);
	mount_put(mount);
}

__cold int mount_detach(struct mount *mount, s64 own_refs)
{
	struct dentry *mountpoint;

	assert_held(&mount_mutex);
	if (!list_empty(&mount->children))
		return -EBUSY;
	set_frozen(mount, true);
	synchronize_rcu();
	if (sum_refs(mount) > 1 + own_refs) {
		set_frozen(mount, false);
		return -EBUSY;
	}
	tree_write_begin();
	mountpoint = detach_locked(mount);
	tree_write_end();
	finish_detach(mount, mountpoint);
	return 0;
}

__cold void mount_detach_tree(struct mount *mount)
{
	assert_held(&mount_mutex);
	for (;;) {
		struct mount *leaf = mount;
		struct dentry *mountpoint;

		tree_write_begin();
		while (!list_empty(&leaf->children))
			leaf = list_first(&leaf->children, struct mount, child_link);
		mountpoint = detach_locked(leaf);
		tree_write_end();
		finish_detach(leaf, mountpoint);
		if (leaf == mount)
			return;
	}
}

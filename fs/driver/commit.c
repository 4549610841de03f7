// SPDX-License-Identifier: MIT
/*
 * Commits: what was changed until now reaches the disk.
 *
 *	1. Dirty data of files is written, while changes go on: most of it.
 *	2. Changes are kept out, for the moment (call.c).
 *	3. The rest of the data is written: all that what is allocated by now has room for.
 *	4. The attributes that were kept back are handed down, and sync() is called.
 *	5. What is dirty in the store is copied. A new epoch begins, and changes with it.
 *	6. The disk is flushed, so that data is there before what points to it; the copy is written
 *	   (store_commit.c), and the disk is flushed again. The epoch is committed.
 *
 * A thread commits what has waited COMMIT_AGE_NS; fsync(), sync() and a method that answers
 * -EAGAIN do so at once.
 */
#include <kernel/err.h>
#include <kernel/fs/inode.h>
#include <kernel/printk.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <uapi/mount.h>
#include <uapi/stat.h>
#include "driver.h"
#include "store.h"

#define COMMIT_AGE_NS (5 * NSEC_PER_SEC)

static DEFINE_WAIT_QUEUE(commit_wait);
static bool commit_wanted; /* something was changed, somewhere */
static bool commit_thread; /* it exists; under driven_lock */

void driven_changed(struct driven_super *super)
{
	if (likely(READ_ONCE(super->dirty_ns)))
		return;
	WRITE_ONCE(super->dirty_ns, time_monotonic_ns() ?: 1);
	if (READ_ONCE(commit_wanted))
		return;
	WRITE_ONCE(commit_wanted, true);
	wake_up(&commit_wait);
}

/* Of one node. A folder's size, and how many blocks something takes, are the driver's. */
static int commit_node(struct inode *inode, u32 which)
{
	struct driven_super *super = driven_of(inode->sb);
	struct banos_attr attr = attr_empty();
	int err;

	if (S_ISREG(inode->mode))
		which |= BANOS_SET_SIZE | BANOS_SET_LATE;
	err = node_hand_down(inode, which, DRIVEN_COMMIT);
	if (err || driven_commits(super, getattr, node_number(inode), &attr))
		return err;
	WRITE_ONCE(inode->blocks, attr.blocks);
	if (S_ISDIR(inode->mode))
		WRITE_ONCE(inode->size, attr.bytes);
	return 0;
}

/* @p inode->private lists those that were kept, to be dropped when changes are admitted again. */
static int commit_nodes(struct driven_super *super, struct list *done)
{
	struct inode *inode;
	int err = 0, failed;
	u32 which;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		while ((inode = node_next_dirty(super, cpu, &which)) != NULL) {
			failed = 0;
			if (inode->nlink)
				failed = commit_node(inode, which);
			if (failed)
				driven_node(inode)->failed = which;
			if (!err)
				err = failed;
			list_add_tail(&driven_node(inode)->commit_link, done);
		}
	return err;
}

static void commit_drop(struct list *done)
{
	while (!list_empty(done)) {
		struct driven_node *node = list_first(done, struct driven_node, commit_link);
		struct inode *inode = node->inode;

		list_del(&node->commit_link);
		if (node->failed)
			node_dirty(inode, node->failed);
		node->failed = 0;
		node_clean(inode);
		inode_put(inode);
	}
}

/* Who waits for this commit is told by its result, the others by their next fsync(). */
static void commit_failed(struct driven_super *super, int err)
{
	if (!super->failed)
		super->failed = err;
	nodes_report(super, err);
	driven_damaged(super, "what was changed could not be written");
}

static int commit_locked(struct driven_super *super)
{
	struct store_snapshot snapshot = { .pages = NULL };
	s64 err, failed = 0;
	DEFINE_LIST(done);
	u64 epoch;

	assert_held(&super->commit_lock);
	if (super->store)
		(void)file_cache_write_back_super(
			super->sb); /* who syncs a file is told of errors */
	driven_exclude(super);
	WRITE_ONCE(super->dirty_ns, 0);
	if (super->store)
		(void)file_cache_write_back_super(super->sb);
	err = commit_nodes(super, &done);
	err = driven_commits(super, sync, 0) ?: err;
	/* Of a driver that was ended meanwhile, nothing is written by halves: the next one commits. */
	if (err && READ_ONCE(super->closed)) {
		driven_admit(super);
		commit_drop(&done);
		driven_changed(super);
		return driven_error(err);
	}
	if (super->store)
		failed = store_snapshot(super->store, &snapshot);
	epoch = super->epoch++;
	driven_admit(super);
	commit_drop(&done);
	if (super->store && !failed)
		failed = store_write_snapshot(super->store, &snapshot);
	if (failed)
		commit_failed(super, failed);
	if (!err)
		err = failed;
	if (!err)
		WRITE_ONCE(super->committed, epoch);
	return driven_error(err);
}

int driven_commit_last(struct driven_super *super)
{
	struct store_snapshot snapshot = { .pages = NULL };
	int err = 0;

	if (super->store)
		err = store_snapshot(super->store, &snapshot);
	if (super->store && !err)
		err = store_write_snapshot(super->store, &snapshot);
	return err;
}

int driven_commit(struct driven_super *super)
{
	u64 epoch = READ_ONCE(super->epoch);
	int err = 0;

	if (!READ_ONCE(super->dirty_ns) && READ_ONCE(super->committed) + 1 == epoch)
		return 0;
	mutex_lock(&super->commit_lock);
	/* Who waited for the lock has been served by a commit that began meanwhile. */
	if (super->epoch == epoch || READ_ONCE(super->dirty_ns))
		err = commit_locked(super);
	mutex_unlock(&super->commit_lock);
	return err;
}

/* ---- by age ---- */

/* One whose time has come, counted; else NULL, and *@p next_ns is when there will be one (0: not known). */
static struct driven_super *commit_next(u64 *next_ns)
{
	u64 now = time_monotonic_ns();
	struct driven_super *super, *found = NULL;

	*next_ns = 0;
	mutex_lock(&driven_lock);
	list_for_each(super, &driven_supers, link) {
		u64 dirty_ns = READ_ONCE(super->dirty_ns);

		if (!dirty_ns || READ_ONCE(super->closed))
			continue;
		if (now - dirty_ns >= COMMIT_AGE_NS && atomic_inc_not_zero(&super->sb->refs)) {
			found = super;
			break;
		}
		if (!*next_ns || dirty_ns + COMMIT_AGE_NS < *next_ns)
			*next_ns = dirty_ns + COMMIT_AGE_NS;
	}
	mutex_unlock(&driven_lock);
	return found;
}

static void commit_main(void *unused)
{
	struct driven_super *super;
	u64 next_ns;

	for (;;) {
		WRITE_ONCE(commit_wanted, false);
		smp_mb(); /* pairs with driven_changed() */
		super = commit_next(&next_ns);
		if (super) {
			int err = driven_commit(super);

			if (err && err != -ENODEV)
				pr_warn("%s: what was changed could not be written: %d\n",
					super->config.source, err);
			super_put(super->sb);
		} else if (next_ns) {
			sleep_until(next_ns, false);
		} else {
			wait_event(&commit_wait, READ_ONCE(commit_wanted));
		}
	}
}

int driven_commit_start(void)
{
	int err = 0;

	assert_held(&driven_lock);
	if (!commit_thread)
		err = thread_spawn(commit_main, NULL, "kcommit");
	if (!err)
		commit_thread = true;
	return err;
}

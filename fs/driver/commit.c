// SPDX-License-Identifier: MIT
/*
 * Commits: what was changed until now reaches the disk.
 *
 *	1. Dirty data of files is written, while changes go on: most of it.
 *	2. Changes are kept out, for the moment (call.c).
 *	3. The rest of the data is written: all that what is allocated by now has room for. Where nothing but times was
 *	   changed no metadata leads to it: then it is started only, and joins the rest at the end.
 *	4. The attributes that were kept back are handed down, and sync() is called.
 *	5. What is dirty in the store is copied. A new epoch begins, and changes with it.
 *	6. The disk is flushed, so that data is there before what points to it; the copy is written
 *	   (store_commit.c), and the disk is flushed again. The epoch is committed.
 *
 * A thread of each that is mounted to be written commits what has waited COMMIT_AGE_NS: one that waits for a slow disk
 * holds up no other. fsync(), sync() and a method that answers -EAGAIN commit at once.
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

void driven_changed(struct driven_super *super)
{
	if (likely(READ_ONCE(super->dirty_ns)))
		return;
	WRITE_ONCE(super->dirty_ns, time_monotonic_ns() ?: 1);
	smp_mb(); /* pairs with the one of wait_event() in commit_main() */
	if (READ_ONCE(super->commit_idle))
		wake_up(&super->commit_wait);
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
	/* A file that got or lost blocks says so. */
	if (S_ISREG(inode->mode) &&
	    READ_ONCE(driven_node(inode)->changed) <= READ_ONCE(super->committed))
		return err;
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
		inode_put_later(inode);
	}
}

/*
 * Who waits for this commit is told by its result, the others by their next fsync(). Where only memory was missing all that was
 * dirty is so still: another commit will write it.
 */
static void commit_failed(struct driven_super *super, int err)
{
	if (err == -ENOMEM)
		return;
	if (!super->failed)
		super->failed = err;
	nodes_report(super, err);
	driven_damaged(super, "what was changed could not be written");
}

/* A block whose data could not be written must not become a file's: the disk stays as the last commit has left it. */
static int commit_snapshot(struct driven_super *super, struct store_snapshot *snapshot)
{
	if (!super->store)
		return 0;
	if (READ_ONCE(super->lost))
		return -EIO;
	return store_snapshot(super->store, snapshot);
}

/*
 * Write data that is dirty, before what leads to it. Where nothing does, it is started only, and may be under way until the
 * commit ends: who syncs a file is told of errors.
 */
static void commit_data(struct driven_super *super)
{
	if (!super->store)
		return;
	if (READ_ONCE(super->structured))
		(void)file_cache_write_back_super(super->sb);
	else
		file_cache_write_back_super_start(super->sb);
}

/* What commit_snapshot() took reaches the disk. @ordered: behind the data */
static int commit_write(struct driven_super *super, struct store_snapshot *snapshot, bool ordered)
{
	struct super_block *beside = super->sb;

	if (!super->store)
		return 0;
	if (ordered)
		beside = NULL;
	return store_write_snapshot(super->store, snapshot, beside);
}

static int commit_locked(struct driven_super *super)
{
	struct store_snapshot snapshot = { .pages = NULL };
	bool was_structured, structured;
	s64 err, failed;
	DEFINE_LIST(done);
	u64 epoch;

	assert_held(&super->commit_lock);
	commit_data(super);
	driven_exclude(super);
	WRITE_ONCE(super->dirty_ns, 0);
	was_structured = super->structured;
	if (was_structured)
		commit_data(super);
	err = commit_nodes(super, &done);
	err = driven_commits(super, sync, 0) ?: err;
	/* A size leads to data behind the old one. */
	structured = super->structured;
	if (structured && !was_structured)
		commit_data(super);
	/* Of a driver that was ended meanwhile, nothing is written by halves: the next one commits. */
	if (err && READ_ONCE(super->closed)) {
		driven_admit(super);
		commit_drop(&done);
		driven_changed(super);
		return driven_error(err);
	}
	failed = commit_snapshot(super, &snapshot);
	WRITE_ONCE(super->structured, false);
	epoch = super->epoch++;
	driven_admit(super);
	commit_drop(&done);
	if (!failed)
		failed = commit_write(super, &snapshot, structured);
	if (failed)
		commit_failed(super, failed);
	if (!err)
		err = failed;
	if (err)
		WRITE_ONCE(super->structured, true); /* the next commit writes it */
	else
		WRITE_ONCE(super->committed, epoch);
	if (err == -ENOMEM)
		driven_changed(super);
	return driven_error(err);
}

int driven_commit_last(struct driven_super *super)
{
	struct store_snapshot snapshot = { .pages = NULL };
	u64 patience = 0;
	int err;

	do
		err = commit_snapshot(super, &snapshot);
	while (err == -ENOMEM && file_cache_patience(&patience));
	super->epoch++;
	if (super->store && !err)
		err = store_write_snapshot(super->store, &snapshot, NULL);
	if (!err)
		WRITE_ONCE(super->committed, super->epoch - 1);
	return err;
}

/* Read in this order: a commit that runs says so before nothing is dirty, and until the epoch is another one. */
static bool all_is_committed(const struct driven_super *super)
{
	return !smp_load_acquire(&super->dirty_ns) && !smp_load_acquire(&super->committing) &&
	       smp_load_acquire(&super->committed) + 1 == READ_ONCE(super->epoch);
}

/* Who waited for the lock has been served by a commit that began meanwhile, and succeeded. */
static int commit_until(struct driven_super *super, u64 wanted)
{
	u64 patience = 0;
	int err;

	do {
		err = 0;
		mutex_lock(&super->commit_lock);
		if (super->committed < wanted || READ_ONCE(super->dirty_ns))
			err = commit_locked(super);
		mutex_unlock(&super->commit_lock);
	} while (err == -ENOMEM && file_cache_patience(&patience));
	nodes_tell_ended(super); /* of which the commit had the last use */
	return err;
}

int driven_commit(struct driven_super *super)
{
	u64 epoch = READ_ONCE(super->epoch);

	nodes_tell_ended(super);
	if (all_is_committed(super))
		return 0;
	return commit_until(super, epoch);
}

int driven_commit_data(struct driven_super *super)
{
	u64 wanted;

	nodes_tell_ended(super);
	smp_mb(); /* what is to be written is dirty: pairs with driven_exclude() */
	wanted = smp_load_acquire(&super->committing); /* before the epoch, which it ends */
	wanted += READ_ONCE(super->epoch);
	return commit_until(super, wanted);
}

/* ---- by age ---- */

static bool commit_wanted(const struct driven_super *super)
{
	return thread_should_stop() || (READ_ONCE(super->dirty_ns) && !READ_ONCE(super->closed));
}

/* Sleep until something has waited long enough. It is woken for the first change only: many commits may be between. */
static bool commit_is_due(struct driven_super *super)
{
	u64 due_ns;

	WRITE_ONCE(super->commit_idle, true);
	wait_event(&super->commit_wait, commit_wanted(super));
	WRITE_ONCE(super->commit_idle, false);
	due_ns = READ_ONCE(super->dirty_ns) + COMMIT_AGE_NS;
	(void)wait_event_until(&super->commit_wait, thread_should_stop(), due_ns);
	return READ_ONCE(super->dirty_ns) && READ_ONCE(super->dirty_ns) + COMMIT_AGE_NS <= due_ns &&
	       !thread_should_stop() && !READ_ONCE(super->closed);
}

static void commit_main(void *arg)
{
	struct driven_super *super = arg;

	while (!thread_should_stop()) {
		int err = 0;

		if (commit_is_due(super))
			err = driven_commit(super);
		if (err && err != -ENODEV)
			pr_warn("%s: what was changed could not be written: %d\n",
				super->config.source, err);
	}
}

int driven_commit_start(struct driven_super *super)
{
	struct thread *thread;

	if (super->commit_thread)
		return 0;
	thread = thread_create(commit_main, super, "kcommit");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	super->commit_thread = thread;
	thread_start(thread);
	return 0;
}

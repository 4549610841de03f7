// SPDX-License-Identifier: MIT
/*
 * File locks: flock(), and fcntl() locks on ranges of bytes.
 *
 *	kind	belongs to		ends at the latest
 *	FLOCK	an open file		when that is released
 *	OFD	an open file		when that is released
 *	POSIX	a descriptor table	when any descriptor of the inode is closed there
 *
 * Locks of flock() and locks of fcntl() do not affect one another. A range lock
 * by an owner replaces what that owner had there, so ranges are cut, joined and
 * split (range_apply()).
 *
 * An inode gets a context when it is locked for the first time, and keeps it until
 * it is freed. Waiters sleep on the context and try again after each change.
 * Deadlocks of POSIX locks are found by following the chain of waiting owners.
 *
 * Locks: context->lock (spin): the list of locks. waits_lock (spin): the list of
 * waiters.
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include "open.h"

enum lock_kind { LOCK_FLOCK, LOCK_POSIX, LOCK_OFD };

struct file_lock {
	struct list link;
	u8 kind, type; /* F_RDLCK, F_WRLCK, F_UNLCK */
	const void *owner;
	pid_t pid;
	u64 start, end; /* bytes, both included */
};

struct lock_context {
	spinlock_t lock;
	struct list locks;
	struct wait_queue wait;
	u64 changes; /* counts what may have let a waiter in */
};

/* A thread that sleeps for a POSIX lock. */
struct lock_wait {
	struct list link;
	const void *owner, *holder;
};
static DEFINE_SPINLOCK(waits_lock);
static DEFINE_LIST(waits);

static struct lock_context *context_of(struct inode *inode, bool create)
{
	struct lock_context *context = smp_load_acquire(&inode->locks), *none = NULL;

	if (context || !create)
		return context;
	context = kzalloc(sizeof(*context));
	if (!context)
		return NULL;
	spin_init(&context->lock);
	list_init(&context->locks);
	wait_queue_init(&context->wait);
	if (__atomic_compare_exchange_n(&inode->locks, &none, context, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return context;
	kfree(context);
	return none;
}

void locks_free(struct inode *inode)
{
	struct file_lock *lock, *next;

	if (likely(!inode->locks))
		return;
	list_for_each_safe(lock, next, &inode->locks->locks, link)
		kfree(lock);
	kfree(inode->locks);
	inode->locks = NULL;
}

/* Context's lock held. */
static void locks_changed(struct lock_context *context)
{
	assert_held(&context->lock);
	context->changes++;
	wake_up_all(&context->wait);
}

static void lock_delete(struct file_lock *lock)
{
	list_del(&lock->link);
	kfree(lock);
}

static bool is_flock(const struct file_lock *lock)
{
	return lock->kind == LOCK_FLOCK;
}

static bool same_owner(const struct file_lock *one, const struct file_lock *other)
{
	return one->kind == other->kind && one->owner == other->owner;
}

/* @return another owner's lock that conflicts with @p lock, or NULL */
static struct file_lock *find_conflict(struct lock_context *context, const struct file_lock *lock)
{
	struct file_lock *held;

	assert_held(&context->lock);
	list_for_each(held, &context->locks, link)
		if (is_flock(held) == is_flock(lock) && !same_owner(held, lock) &&
		    held->start <= lock->end && lock->start <= held->end &&
		    (held->type == F_WRLCK || lock->type == F_WRLCK))
			return held;
	return NULL;
}

/* Remove all of one owner and kind. */
static void drop_owner(struct inode *inode, enum lock_kind kind, const void *owner)
{
	struct lock_context *context = context_of(inode, false);
	struct file_lock *lock, *next;
	bool any = false;

	if (!context)
		return;
	spin_lock(&context->lock);
	list_for_each_safe(lock, next, &context->locks, link)
		if (lock->kind == kind && lock->owner == owner) {
			lock_delete(lock);
			any = true;
		}
	if (any)
		locks_changed(context);
	spin_unlock(&context->lock);
}

void locks_close(struct file *f, struct files *owner)
{
	drop_owner(f->inode, LOCK_POSIX, owner);
}

void locks_release_file(struct file *f)
{
	drop_owner(f->inode, LOCK_FLOCK, f);
	drop_owner(f->inode, LOCK_OFD, f);
}

/* ---- waiting ---- */

/* Would @p owner, by waiting for @p holder, wait for itself? waits_lock held. */
static bool is_deadlock(const void *owner, const void *holder)
{
	assert_held(&waits_lock);
	for (u32 steps = 0; steps < 100; steps++) {
		struct lock_wait *wait;
		const void *next = NULL;

		if (holder == owner)
			return true;
		list_for_each(wait, &waits, link)
			if (wait->owner == holder) {
				next = wait->holder;
				break;
			}
		if (!next)
			return false;
		holder = next;
	}
	return false;
}

/* Sleep until something changed since @p seen. @return 0, -EDEADLK, -ERESTARTSYS */
static int wait_for_change(struct lock_context *context, u64 seen, const struct file_lock *lock,
			   const void *holder)
{
	struct lock_wait wait = { .owner = lock->owner, .holder = holder };
	int err = 0;

	if (lock->kind == LOCK_POSIX) {
		spin_lock(&waits_lock);
		if (is_deadlock(lock->owner, holder))
			err = -EDEADLK;
		else
			list_add_tail(&wait.link, &waits);
		spin_unlock(&waits_lock);
		if (err)
			return err;
	}
	err = wait_event_interruptible(&context->wait, READ_ONCE(context->changes) != seen);
	if (lock->kind == LOCK_POSIX) {
		spin_lock(&waits_lock);
		list_del(&wait.link);
		spin_unlock(&waits_lock);
	}
	return err;
}

/* ---- flock() ---- */

static int flock_try(struct lock_context *context, struct file_lock *lock, bool *taken, u64 *seen)
{
	struct file_lock *held, *next;
	int err = 0;

	*taken = false;
	spin_lock(&context->lock);
	list_for_each_safe(held, next, &context->locks, link) {
		if (!same_owner(held, lock))
			continue;
		if (held->type == lock->type) {
			spin_unlock(&context->lock);
			return 0;
		}
		lock_delete(held);
		locks_changed(context);
	}
	*seen = context->changes;
	if (lock->type != F_UNLCK) {
		if (find_conflict(context, lock)) {
			err = -EAGAIN;
		} else {
			list_add_tail(&lock->link, &context->locks);
			*taken = true;
		}
	}
	spin_unlock(&context->lock);
	return err;
}

static s64 do_flock(struct file *f, u32 operation)
{
	static const u8 types[16] = {
		[LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK
	};
	struct lock_context *context = context_of(f->inode, true);
	struct file_lock *lock = kmalloc(sizeof(*lock));
	bool taken = false;
	u64 seen;
	int err;

	if (!context || !lock) {
		kfree(lock);
		return -ENOLCK;
	}
	*lock = (struct file_lock){ .kind = LOCK_FLOCK,
				    .type = types[operation & ~LOCK_NB],
				    .owner = f,
				    .pid = current_process()->pid,
				    .end = FILE_SIZE_MAX };
	__atomic_fetch_or(&f->mode, FMODE_LOCKS, __ATOMIC_RELAXED);
	for (;;) {
		err = flock_try(context, lock, &taken, &seen);
		if (err != -EAGAIN || operation & LOCK_NB)
			break;
		err = wait_for_change(context, seen, lock, NULL);
		if (err)
			break;
	}
	if (!taken)
		kfree(lock);
	return err;
}

SYSCALL2(flock, fd, operation)
{
	struct fd_ref ref;
	u32 kind = (u32)operation & ~LOCK_NB;
	s64 ret;

	if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
		return -EINVAL;
	ref = fd_get((u32)fd);
	if (!ref.file)
		return -EBADF;
	ret = do_flock(ref.file, (u32)operation);
	fd_put(ref);
	return ret;
}

/* ---- ranges ---- */

/*
 * Set [l->start, l->end] to the lock type of l, for its owner. @p spare is for a lock that
 * is cut in two. The flags tell which of them were used.
 */
static void range_apply(struct lock_context *context, struct file_lock *lock,
			struct file_lock *spare, bool *used_l, bool *used_spare)
{
	struct file_lock *held, *next;

	*used_l = *used_spare = false;
	list_for_each_safe(held, next, &context->locks, link) {
		if (!same_owner(held, lock))
			continue;
		if (held->type == lock->type) { /* join what touches */
			if (held->end + 1 < lock->start || lock->end + 1 < held->start)
				continue;
			lock->start = MIN(lock->start, held->start);
			lock->end = MAX(lock->end, held->end);
			lock_delete(held);
			continue;
		}
		if (held->end < lock->start || lock->end < held->start)
			continue;
		if (held->start < lock->start && held->end > lock->end) {
			*spare = *held;
			spare->start = lock->end + 1;
			list_add_tail(&spare->link, &context->locks);
			*used_spare = true;
			held->end = lock->start - 1;
		} else if (held->start < lock->start) {
			held->end = lock->start - 1;
		} else if (held->end > lock->end) {
			held->start = lock->end + 1;
		} else {
			lock_delete(held);
		}
	}
	if (lock->type != F_UNLCK) {
		list_add_tail(&lock->link, &context->locks);
		*used_l = true;
	}
	locks_changed(context);
}

static int range_set(struct file *f, const struct file_lock *want, bool wait)
{
	struct lock_context *context = context_of(f->inode, want->type != F_UNLCK);
	struct file_lock *lock, *spare, *conflict;
	bool used_l = false, used_spare = false;
	int err = 0;

	if (!context) {
		if (want->type == F_UNLCK)
			return 0;
		return -ENOLCK;
	}
	lock = kmalloc(sizeof(*lock));
	spare = kmalloc(sizeof(*spare));
	if (!lock || !spare)
		err = -ENOLCK;
	while (!err) {
		const void *holder = NULL;
		u64 seen;

		*lock = *want;
		spin_lock(&context->lock);
		seen = context->changes;
		if (want->type == F_UNLCK)
			conflict = NULL;
		else
			conflict = find_conflict(context, lock);
		if (conflict) {
			if (conflict->kind == LOCK_POSIX)
				holder = conflict->owner;
			else
				holder = NULL;
		} else
			range_apply(context, lock, spare, &used_l, &used_spare);
		spin_unlock(&context->lock);
		if (!conflict)
			break;
		if (!wait)
			err = -EAGAIN;
		else
			err = wait_for_change(context, seen, lock, holder);
	}
	if (!used_l)
		kfree(lock);
	if (!used_spare)
		kfree(spare);
	return err;
}

/* From the user's structure. @return 0, -EINVAL, -EOVERFLOW */
static int range_parse(struct file *f, const struct user_flock *flock, struct file_lock *lock)
{
	s64 start, end;

	switch (flock->l_whence) {
	case SEEK_SET: start = 0; break;
	case SEEK_CUR: start = f->pos; break;
	case SEEK_END: start = f->inode->size; break;
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(start, flock->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (flock->l_len > 0) {
		if (__builtin_add_overflow(start, flock->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (flock->l_len < 0) {
		if (start + flock->l_len < 0)
			return -EINVAL;
		end = start - 1;
		start += flock->l_len;
	} else {
		end = FILE_SIZE_MAX;
	}
	if (flock->l_type != F_RDLCK && flock->l_type != F_WRLCK && flock->l_type != F_UNLCK)
		return -EINVAL;
	lock->type = flock->l_type;
	lock->start = start;
	lock->end = end;
	return 0;
}

static s64 range_get(struct file *f, struct file_lock *lock, struct user_flock *flock)
{
	struct lock_context *context = context_of(f->inode, false);
	struct file_lock *held = NULL;

	if (lock->type == F_UNLCK)
		return -EINVAL;
	flock->l_type = F_UNLCK;
	if (!context)
		return 0;
	spin_lock(&context->lock);
	held = find_conflict(context, lock);
	if (held) {
		flock->l_type = held->type;
		flock->l_whence = SEEK_SET;
		flock->l_start = held->start;
		if (held->end == FILE_SIZE_MAX)
			flock->l_len = 0;
		else
			flock->l_len = held->end - held->start + 1;
		if (held->kind == LOCK_OFD)
			flock->l_pid = -1;
		else
			flock->l_pid = held->pid;
	}
	spin_unlock(&context->lock);
	return 0;
}

/* Another thread closed the descriptor while we locked: close() did not see the lock. */
static bool was_closed(u32 fd, struct file *f)
{
	struct file *now;
	bool same;

	if (atomic_read(&current->files->refs) == 1)
		return false;
	now = files_get_file(current->files, fd);
	same = now == f;
	if (now)
		file_put(now);
	return !same;
}

s64 locks_fcntl(u32 fd, struct file *f, u32 cmd, u64 arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct file_lock lock = { .kind = ofd ? LOCK_OFD : LOCK_POSIX,
				  .pid = current_process()->pid };
	struct user_flock flock;
	s64 err;

	if (ofd)
		lock.owner = (const void *)f;
	else
		lock.owner = current->files;
	if (copy_from_user(&flock, uaddr(arg), sizeof(flock)))
		return -EFAULT;
	if (ofd && flock.l_pid)
		return -EINVAL;
	err = range_parse(f, &flock, &lock);
	if (err)
		return err;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		err = range_get(f, &lock, &flock);
		if (err)
			return err;
		return copy_to_user(uaddr(arg), &flock, sizeof(flock));
	}
	if ((lock.type == F_RDLCK && !(f->mode & FMODE_READ)) ||
	    (lock.type == F_WRLCK && !(f->mode & FMODE_WRITE)))
		return -EBADF;
	if (ofd)
		__atomic_fetch_or(&f->mode, FMODE_LOCKS, __ATOMIC_RELAXED);
	err = range_set(f, &lock, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (!err && !ofd && lock.type != F_UNLCK && was_closed(fd, f)) {
		lock.type = F_UNLCK;
		range_set(f, &lock, false);
		err = -EBADF;
	}
	return err;
}

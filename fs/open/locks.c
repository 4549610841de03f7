// SPDX-License-Identifier: MIT
/*
 * File locks: flock(), and fcntl() locks on ranges of bytes.
 *
 *	kind	belongs to		ends at the latest
 *	FLOCK	an open file		when that is released
 *	OFD	an open file		when that is released
 *	POSIX	a descriptor table	when any descriptor of the inode is closed there
 *
 * Locks of flock() and locks of fcntl() do not affect one another: each inode has a set of
 * either (lock_set.h). A range lock by an owner replaces what that owner had there, so ranges are
 * cut, joined and split. A lock of flock() is on all bytes.
 *
 * An inode gets a context when it is locked for the first time, and keeps it until
 * it is freed. Waiters sleep on the context and try again when a lock ended or became less.
 * Deadlocks of POSIX locks are found by following the chain of waiting owners.
 *
 * Locks: context->lock (spin): the sets. waits_lock (spin): the tree of waiters.
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
#include "lock_set.h"
#include "open.h"

#define DEADLOCK_STEPS 100u

enum lock_kind { LOCK_FLOCK, LOCK_POSIX, LOCK_OFD };

struct lock_context {
	spinlock_t lock;
	struct lock_set flocks, ranges;
	struct wait_queue wait;
	u64 changes; /* counts what may have let a waiter in */
	u32 waiters;
};

/* A lock that is to be set or removed. */
struct lock_call {
	struct lock_context *context;
	struct lock_set *set;
	const void *key; /* the owner's */
	enum lock_kind kind;
	struct lock_request want;
	struct range_lock_list spare;
	u32 spares;
	struct lock_owner *new_owner; /* for one that has had no locks here; or NULL */
	bool wait;
	u64 seen;	    /* context->changes, when there was a conflict */
	const void *holder; /* whose POSIX lock it was with; or NULL */
};

/* A thread that sleeps for a POSIX lock. */
struct lock_wait {
	struct rb_node node; /* waits, by owner */
	const void *owner, *holder;
};
static DEFINE_SPINLOCK(waits_lock);
static struct rb_root waits;

static struct lock_context *context_of(struct inode *inode, bool create)
{
	struct lock_context *context = smp_load_acquire(&inode->locks), *none = NULL;

	if (context || !create)
		return context;
	context = kzalloc(sizeof(*context));
	if (!context)
		return NULL;
	spin_init(&context->lock);
	lock_set_init(&context->flocks);
	lock_set_init(&context->ranges);
	wait_queue_init(&context->wait);
	if (__atomic_compare_exchange_n(&inode->locks, &none, context, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return context;
	kfree(context);
	return none;
}

static void range_locks_free(struct range_lock_list *list)
{
	struct range_lock *lock;

	while ((lock = range_lock_pop(list)))
		kfree(lock);
}

static void lock_set_free(struct lock_set *set)
{
	struct range_lock_list freed = { NULL };
	struct lock_owner *owner;

	while ((owner = lock_set_any_owner(set))) {
		lock_set_remove_owner(set, owner, &freed);
		kfree(owner);
	}
	range_locks_free(&freed);
}

void locks_free(struct inode *inode)
{
	if (likely(!inode->locks))
		return;
	lock_set_free(&inode->locks->flocks);
	lock_set_free(&inode->locks->ranges);
	kfree(inode->locks);
	inode->locks = NULL;
}

/* Context's lock held. */
static void locks_changed(struct lock_context *context)
{
	assert_held(&context->lock);
	context->changes++;
	if (context->waiters)
		wake_up_all(&context->wait);
}

/* Remove all of one owner and kind. */
static void drop_owner(struct inode *inode, enum lock_kind kind, const void *key)
{
	struct lock_context *context = context_of(inode, false);
	struct range_lock_list freed = { NULL };
	struct lock_owner *owner;
	struct lock_set *set;

	if (!context)
		return;
	set = kind == LOCK_FLOCK ? &context->flocks : &context->ranges;
	spin_lock(&context->lock);
	owner = lock_set_find_owner(set, key, kind);
	if (owner)
		lock_set_remove_owner(set, owner, &freed);
	if (freed.first)
		locks_changed(context);
	spin_unlock(&context->lock);
	kfree(owner);
	range_locks_free(&freed);
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

static struct lock_wait *wait_of(struct rb_node *node)
{
	return rb_entry(node, struct lock_wait, node);
}

/* Whom does @owner wait for? One of them, if several of its threads wait. @return NULL: for no one */
static const void *waits_for(const void *owner)
{
	struct rb_node *node = waits.node;

	assert_held(&waits_lock);
	while (node) {
		struct lock_wait *wait = wait_of(node);

		if (wait->owner == owner)
			return wait->holder;
		if ((u64)owner < (u64)wait->owner)
			node = node->left;
		else
			node = node->right;
	}
	return NULL;
}

/* Would @p owner, by waiting for @p holder, wait for itself? waits_lock held. */
static bool is_deadlock(const void *owner, const void *holder)
{
	assert_held(&waits_lock);
	for (u32 steps = 0; holder && steps < DEADLOCK_STEPS; steps++) {
		if (holder == owner)
			return true;
		holder = waits_for(holder);
	}
	return false;
}

static void wait_insert(struct lock_wait *wait)
{
	struct rb_node **link = &waits.node, *parent = NULL;

	assert_held(&waits_lock);
	while (*link) {
		parent = *link;
		if ((u64)wait->owner < (u64)wait_of(parent)->owner)
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert(&waits, &wait->node, parent, link);
}

/* Sleep until something changed since the conflict, whose waiter is counted. @return 0, -EDEADLK, -ERESTARTSYS */
static int wait_for_change(struct lock_call *call)
{
	struct lock_context *context = call->context;
	struct lock_wait wait = { .owner = call->key, .holder = call->holder };
	bool listed = call->kind == LOCK_POSIX;
	int err = 0;

	if (listed) {
		spin_lock(&waits_lock);
		if (is_deadlock(call->key, call->holder))
			err = -EDEADLK;
		else
			wait_insert(&wait);
		spin_unlock(&waits_lock);
	}
	if (!err) {
		err = wait_event_interruptible(&context->wait,
					       READ_ONCE(context->changes) != call->seen);
		if (listed) {
			spin_lock(&waits_lock);
			rb_erase(&waits, &wait.node);
			spin_unlock(&waits_lock);
		}
	}
	spin_lock(&context->lock);
	context->waiters--;
	spin_unlock(&context->lock);
	return err;
}

/* ---- setting ---- */

/*
 * One attempt. @return 0; -EAGAIN: there is a conflict, and the thread is counted as a waiter if it
 * is to wait; -ENOMEM: nothing was tried, memory is missing
 */
static int lock_try(struct lock_call *call)
{
	struct lock_owner *owner = lock_set_find_owner(call->set, call->key, call->kind);
	struct lock_context *context = call->context;
	struct range_lock *conflict, *first;

	assert_held(&context->lock);
	if (!owner && call->want.type == F_UNLCK)
		return 0;
	if (!owner && call->new_owner) {
		owner = call->new_owner;
		call->new_owner = NULL;
		lock_set_add_owner(call->set, owner);
	}
	if (!owner || lock_set_needs(owner, &call->want, &first) > call->spares)
		return -ENOMEM;
	conflict = lock_set_conflict(call->set, owner, &call->want);
	if (conflict) {
		call->seen = context->changes;
		call->holder = NULL;
		if (conflict->owner->kind == LOCK_POSIX)
			call->holder = conflict->owner->key;
		context->waiters += call->wait;
		return -EAGAIN;
	}
	if (lock_set_apply(call->set, owner, &call->want, first, &call->spare))
		locks_changed(context);
	return 0;
}

/* Most calls need one lock, or none: more is brought when lock_try() has said so. @return 0, -ENOLCK */
static int lock_bring(struct lock_call *call, u32 spares, bool owner)
{
	while (call->spares < spares) {
		struct range_lock *lock = kmalloc(sizeof(*lock));

		if (!lock)
			return -ENOLCK;
		range_lock_push(&call->spare, lock);
		call->spares++;
	}
	if (owner && !call->new_owner) {
		call->new_owner = kmalloc(sizeof(*call->new_owner));
		if (!call->new_owner)
			return -ENOLCK;
		*call->new_owner = (struct lock_owner){ .key = call->key, .kind = call->kind };
	}
	return 0;
}

static int lock_set_or_wait(struct lock_call *call)
{
	int err = lock_bring(call, call->want.type != F_UNLCK, false);

	while (!err) {
		spin_lock(&call->context->lock);
		err = lock_try(call);
		spin_unlock(&call->context->lock);
		if (!err)
			break;
		if (err == -ENOMEM)
			err = lock_bring(call, 2, true);
		else if (call->wait)
			err = wait_for_change(call);
	}
	kfree(call->new_owner);
	range_locks_free(&call->spare);
	return err;
}

/* ---- flock() ---- */

/* As in Linux, a change of the type is not atomic: what was held ends first. */
static void flock_drop_other(struct lock_call *call, u8 type)
{
	struct lock_context *context = call->context;
	struct range_lock_list freed = { NULL };
	struct lock_request none = call->want;
	struct range_lock *held = NULL;
	struct lock_owner *owner;

	none.type = F_UNLCK;
	spin_lock(&context->lock);
	owner = lock_set_find_owner(call->set, call->key, call->kind);
	if (owner && !lock_set_needs(owner, &none, &held) && held && held->type != type &&
	    lock_set_apply(call->set, owner, &none, held, &freed))
		locks_changed(context);
	spin_unlock(&context->lock);
	range_locks_free(&freed);
}

static s64 do_flock(struct file *f, u32 operation)
{
	static const u8 types[16] = {
		[LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK
	};
	struct lock_call call = { .context = context_of(f->inode, true),
				  .key = f,
				  .kind = LOCK_FLOCK,
				  .want = { .end = FILE_SIZE_MAX,
					    .type = types[operation & ~LOCK_NB],
					    .pid = current_process()->pid },
				  .wait = !(operation & LOCK_NB) };

	if (!call.context)
		return -ENOLCK;
	call.set = &call.context->flocks;
	__atomic_fetch_or(&f->mode, FMODE_LOCKS, __ATOMIC_RELAXED);
	flock_drop_other(&call, call.want.type);
	return lock_set_or_wait(&call);
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

/* Who calls, by @kind. */
static const void *range_key(struct file *f, enum lock_kind kind)
{
	if (kind == LOCK_OFD)
		return f;
	return current->files;
}

static int range_set(struct file *f, enum lock_kind kind, const struct lock_request *want,
		     bool wait)
{
	struct lock_call call = { .context = context_of(f->inode, want->type != F_UNLCK),
				  .key = range_key(f, kind),
				  .kind = kind,
				  .want = *want,
				  .wait = wait };

	if (!call.context) {
		if (want->type == F_UNLCK)
			return 0;
		return -ENOLCK;
	}
	call.set = &call.context->ranges;
	return lock_set_or_wait(&call);
}

/* From the user's structure. @return 0, -EINVAL, -EOVERFLOW */
static int range_parse(struct file *f, const struct user_flock *flock, struct lock_request *want)
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
	want->type = flock->l_type;
	want->start = start;
	want->end = end;
	return 0;
}

static s64 range_get(struct file *f, enum lock_kind kind, const struct lock_request *want,
		     struct user_flock *flock)
{
	struct lock_context *context = context_of(f->inode, false);
	struct range_lock *held;

	if (want->type == F_UNLCK)
		return -EINVAL;
	flock->l_type = F_UNLCK;
	if (!context)
		return 0;
	spin_lock(&context->lock);
	held = lock_set_conflict(&context->ranges,
				 lock_set_find_owner(&context->ranges, range_key(f, kind), kind),
				 want);
	if (held) {
		flock->l_type = held->type;
		flock->l_whence = SEEK_SET;
		flock->l_start = held->start;
		if (held->end == FILE_SIZE_MAX)
			flock->l_len = 0;
		else
			flock->l_len = held->end - held->start + 1;
		if (held->owner->kind == LOCK_OFD)
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
	enum lock_kind kind = ofd ? LOCK_OFD : LOCK_POSIX;
	struct lock_request want = { .pid = current_process()->pid };
	struct user_flock flock;
	s64 err;

	if (copy_from_user(&flock, uaddr(arg), sizeof(flock)))
		return -EFAULT;
	if (ofd && flock.l_pid)
		return -EINVAL;
	err = range_parse(f, &flock, &want);
	if (err)
		return err;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		err = range_get(f, kind, &want, &flock);
		if (err)
			return err;
		return copy_to_user(uaddr(arg), &flock, sizeof(flock));
	}
	if ((want.type == F_RDLCK && !(f->mode & FMODE_READ)) ||
	    (want.type == F_WRLCK && !(f->mode & FMODE_WRITE)))
		return -EBADF;
	if (ofd)
		__atomic_fetch_or(&f->mode, FMODE_LOCKS, __ATOMIC_RELAXED);
	err = range_set(f, kind, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (!err && !ofd && want.type != F_UNLCK && was_closed(fd, f)) {
		drop_owner(f->inode, LOCK_POSIX, current->files);
		err = -EBADF;
	}
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * File locks: flock(), and fcntl() locks on ranges of bytes.
 *
 *	kind	belongs to		ends at the latest
 *	FLOCK	an open file		when that is released
 *	OFD	an open file		when that is released
 *	POSIX	a descriptor table	when any descriptor of the inode is closed there
 *
 * Those of flock() and those of fcntl() know nothing of one another. A range lock
 * by an owner replaces what that owner had there, so ranges are cut, joined and
 * split (range_apply()).
 *
 * An inode has a context once it was locked for the first time; it stays until
 * the inode goes. Waiters sleep on the context and try again after each change.
 * Deadlocks of POSIX locks are found by following who waits for whom.
 *
 * Locks: context->lock (spin): the list. waits_lock (spin): who waits.
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

static struct lock_context *context_of(struct inode *i, bool create)
{
	struct lock_context *c = smp_load_acquire(&i->locks), *none = NULL;

	if (c || !create)
		return c;
	c = kzalloc(sizeof(*c));
	if (!c)
		return NULL;
	spin_init(&c->lock);
	list_init(&c->locks);
	wait_queue_init(&c->wait);
	if (__atomic_compare_exchange_n(&i->locks, &none, c, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return c;
	kfree(c);
	return none;
}

void locks_free(struct inode *i)
{
	struct file_lock *l, *next;

	if (likely(!i->locks))
		return;
	list_for_each_safe(l, next, &i->locks->locks, link)
		kfree(l);
	kfree(i->locks);
	i->locks = NULL;
}

/* Context's lock held. */
static void changed(struct lock_context *c)
{
	c->changes++;
	wake_up_all(&c->wait);
}

static void delete (struct file_lock *l)
{
	list_del(&l->link);
	kfree(l);
}

static bool is_flock(const struct file_lock *l)
{
	return l->kind == LOCK_FLOCK;
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

/* A lock of somebody else's that keeps @p l out. */
static struct file_lock *find_conflict(struct lock_context *c, const struct file_lock *l)
{
	struct file_lock *o;

	list_for_each(o, &c->locks, link)
		if (is_flock(o) == is_flock(l) && !same_owner(o, l) && o->start <= l->end &&
		    l->start <= o->end && (o->type == F_WRLCK || l->type == F_WRLCK))
			return o;
	return NULL;
}

/* Remove all of one owner and kind. */
static void drop_owner(struct inode *i, enum lock_kind kind, const void *owner)
{
	struct lock_context *c = context_of(i, false);
	struct file_lock *l, *next;
	bool any = false;

	if (!c)
		return;
	spin_lock(&c->lock);
	list_for_each_safe(l, next, &c->locks, link)
		if (l->kind == kind && l->owner == owner) {
			delete (l);
			any = true;
		}
	if (any)
		changed(c);
	spin_unlock(&c->lock);
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
	for (u32 steps = 0; steps < 100; steps++) {
		struct lock_wait *w;
		const void *next = NULL;

		if (holder == owner)
			return true;
		list_for_each(w, &waits, link)
			if (w->owner == holder) {
				next = w->holder;
				break;
			}
		if (!next)
			return false;
		holder = next;
	}
	return false;
}

/* Sleep until something changed since @p seen. @return 0, -EDEADLK, -ERESTARTSYS */
static int wait_for_change(struct lock_context *c, u64 seen, const struct file_lock *l,
			   const void *holder)
{
	struct lock_wait w = { .owner = l->owner, .holder = holder };
	int err = 0;

	if (l->kind == LOCK_POSIX) {
		spin_lock(&waits_lock);
		if (is_deadlock(l->owner, holder))
			err = -EDEADLK;
		else
			list_add_tail(&w.link, &waits);
		spin_unlock(&waits_lock);
		if (err)
			return err;
	}
	err = wait_event_interruptible(&c->wait, READ_ONCE(c->changes) != seen);
	if (l->kind == LOCK_POSIX) {
		spin_lock(&waits_lock);
		list_del(&w.link);
		spin_unlock(&waits_lock);
	}
	return err;
}

/* ---- flock() ---- */

static int flock_try(struct lock_context *c, struct file_lock *l, bool *taken, u64 *seen)
{
	struct file_lock *o, *next;
	int err = 0;

	*taken = false;
	spin_lock(&c->lock);
	list_for_each_safe(o, next, &c->locks, link) {
		if (!same_owner(o, l))
			continue;
		if (o->type == l->type) {
			spin_unlock(&c->lock);
			return 0;
		}
		delete (o);
		changed(c);
	}
	*seen = c->changes;
	if (l->type != F_UNLCK) {
		if (find_conflict(c, l)) {
			err = -EAGAIN;
		} else {
			list_add_tail(&l->link, &c->locks);
			*taken = true;
		}
	}
	spin_unlock(&c->lock);
	return err;
}

static s64 do_flock(struct file *f, u32 op)
{
	static const u8 types[16] = {
		[LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK
	};
	struct lock_context *c = context_of(f->inode, true);
	struct file_lock *l = kmalloc(sizeof(*l));
	bool taken = false;
	u64 seen;
	int err;

	if (!c || !l) {
		kfree(l);
		return -ENOLCK;
	}
	*l = (struct file_lock){ .kind = LOCK_FLOCK,
				 .type = types[op & ~LOCK_NB],
				 .owner = f,
				 .pid = current_process()->pid,
				 .end = FILE_SIZE_MAX };
	__atomic_fetch_or(&f->mode, FMODE_LOCKS, __ATOMIC_RELAXED);
	for (;;) {
		err = flock_try(c, l, &taken, &seen);
		if (err != -EAGAIN || op & LOCK_NB)
			break;
		err = wait_for_change(c, seen, l, NULL);
		if (err)
			break;
	}
	if (!taken)
		kfree(l);
	return err;
}

SYSCALL2(flock, fd, op)
{
	struct fd_ref r;
	u32 kind = (u32)op & ~LOCK_NB;
	s64 ret;

	if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
		return -EINVAL;
	r = fd_get((u32)fd);
	if (!r.file)
		return -EBADF;
	ret = do_flock(r.file, (u32)op);
	fd_put(r);
	return ret;
}

/* ---- ranges ---- */

/*
 * Make [l->start, l->end] what l says, for its owner. @p spare is for a lock that
 * is cut in two. Both are used up or left as the flags say.
 */
static void range_apply(struct lock_context *c, struct file_lock *l, struct file_lock *spare,
			bool *used_l, bool *used_spare)
{
	struct file_lock *o, *next;

	*used_l = *used_spare = false;
	list_for_each_safe(o, next, &c->locks, link) {
		if (!same_owner(o, l))
			continue;
		if (o->type == l->type) { /* join what touches */
			if (o->end + 1 < l->start || l->end + 1 < o->start)
				continue;
			l->start = MIN(l->start, o->start);
			l->end = MAX(l->end, o->end);
			delete (o);
			continue;
		}
		if (o->end < l->start || l->end < o->start)
			continue;
		if (o->start < l->start && o->end > l->end) {
			*spare = *o;
			spare->start = l->end + 1;
			list_add_tail(&spare->link, &c->locks);
			*used_spare = true;
			o->end = l->start - 1;
		} else if (o->start < l->start) {
			o->end = l->start - 1;
		} else if (o->end > l->end) {
			o->start = l->end + 1;
		} else {
			delete (o);
		}
	}
	if (l->type != F_UNLCK) {
		list_add_tail(&l->link, &c->locks);
		*used_l = true;
	}
	changed(c);
}

static int range_set(struct file *f, const struct file_lock *want, bool wait)
{
	struct lock_context *c = context_of(f->inode, want->type != F_UNLCK);
	struct file_lock *l, *spare, *conflict;
	bool used_l = false, used_spare = false;
	int err = 0;

	if (!c)
		return want->type == F_UNLCK ? 0 : -ENOLCK;
	l = kmalloc(sizeof(*l));
	spare = kmalloc(sizeof(*spare));
	if (!l || !spare)
		err = -ENOLCK;
	while (!err) {
		const void *holder = NULL;
		u64 seen;

		*l = *want;
		spin_lock(&c->lock);
		seen = c->changes;
		conflict = want->type == F_UNLCK ? NULL : find_conflict(c, l);
		if (conflict)
			holder = conflict->kind == LOCK_POSIX ? conflict->owner : NULL;
		else
			range_apply(c, l, spare, &used_l, &used_spare);
		spin_unlock(&c->lock);
		if (!conflict)
			break;
		err = wait ? wait_for_change(c, seen, l, holder) : -EAGAIN;
	}
	if (!used_l)
		kfree(l);
	if (!used_spare)
		kfree(spare);
	return err;
}

/* From the user's structure. @return 0, -EINVAL, -EOVERFLOW */
static int range_parse(struct file *f, const struct user_flock *u, struct file_lock *l)
{
	s64 start, end;

	switch (u->l_whence) {
	case SEEK_SET: start = 0; break;
	case SEEK_CUR: start = f->pos; break;
	case SEEK_END: start = f->inode->size; break;
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(start, u->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (u->l_len > 0) {
		if (__builtin_add_overflow(start, u->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (u->l_len < 0) {
		if (start + u->l_len < 0)
			return -EINVAL;
		end = start - 1;
		start += u->l_len;
	} else {
		end = FILE_SIZE_MAX;
	}
	if (u->l_type != F_RDLCK && u->l_type != F_WRLCK && u->l_type != F_UNLCK)
		return -EINVAL;
	l->type = u->l_type;
	l->start = start;
	l->end = end;
	return 0;
}

static s64 range_get(struct file *f, struct file_lock *l, struct user_flock *u)
{
	struct lock_context *c = context_of(f->inode, false);
	struct file_lock *o = NULL;

	if (l->type == F_UNLCK)
		return -EINVAL;
	u->l_type = F_UNLCK;
	if (!c)
		return 0;
	spin_lock(&c->lock);
	o = find_conflict(c, l);
	if (o) {
		u->l_type = o->type;
		u->l_whence = SEEK_SET;
		u->l_start = o->start;
		u->l_len = o->end == FILE_SIZE_MAX ? 0 : o->end - o->start + 1;
		u->l_pid = o->kind == LOCK_OFD ? -1 : o->pid;
	}
	spin_unlock(&c->lock);
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
	struct file_lock l = { .kind = ofd ? LOCK_OFD : LOCK_POSIX, .pid = current_process()->pid };
	struct user_flock u;
	s64 err;

	l.owner = ofd ? (const void *)f : current->files;
	if (copy_from_user(&u, uaddr(arg), sizeof(u)))
		return -EFAULT;
	if (ofd && u.l_pid)
		return -EINVAL;
	err = range_parse(f, &u, &l);
	if (err)
		return err;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		err = range_get(f, &l, &u);
		return err ? err : copy_to_user(uaddr(arg), &u, sizeof(u));
	}
	if ((l.type == F_RDLCK && !(f->mode & FMODE_READ)) ||
	    (l.type == F_WRLCK && !(f->mode & FMODE_WRITE)))
		return -EBADF;
	if (ofd)
		__atomic_fetch_or(&f->mode, FMODE_LOCKS, __ATOMIC_RELAXED);
	err = range_set(f, &l, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (!err && !ofd && l.type != F_UNLCK && was_closed(fd, f)) {
		l.type = F_UNLCK;
		range_set(f, &l, false);
		err = -EBADF;
	}
	return err;
}

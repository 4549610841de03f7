/* SPDX-License-Identifier: MIT */
/*
 * Signals about files: O_ASYNC, F_SETOWN, F_SETSIG.
 *
 * An object that can tell (a pipe, a terminal, a socket) has a struct async_list of
 * the open files that want it, and calls async_notify() after each change, beside
 * its wake-ups, with none of its spin locks held. Its file_ops.async enters a file
 * into the list and takes it out. O_ASYNC of a file changes only there, under the
 * list's lock.
 *
 * struct file_owner is made when a file first needs one, and goes with the file.
 *
 * Locks: async_list.lock (spin, interrupts off); inside of it file_owner.lock
 * (spin, interrupts off), which guards the owner, and all locks that sending takes.
 */
#include <kernel/err.h>
#include <kernel/fs/async.h>
#include <kernel/fs/file.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include "open.h"

struct file_owner {
	spinlock_t lock;
	struct signal_owner to;
	bool was_async; /* in some list now or once: leave it at the end */
};

struct async_entry {
	struct async_entry *next;
	struct file *file;
	s32 fd; /* as which it was entered; for the signal's receiver */
};

static struct file_owner *owner_of(struct file *f)
{
	struct file_owner *o = smp_load_acquire(&f->owner), *none = NULL;

	if (o)
		return o;
	o = kzalloc(sizeof(*o));
	if (!o)
		return NULL;
	spin_init(&o->lock);
	if (__atomic_compare_exchange_n(&f->owner, &none, o, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return o;
	kfree(o); /* another thread was first */
	return none;
}

void file_owner_release(struct file *f)
{
	if (f->owner->was_async)
		(void)f->ops->async(f, -1, false);
	kfree(f->owner);
}

static void owner_read(const struct file *f, struct signal_owner *to)
{
	struct file_owner *o = smp_load_acquire(&f->owner);
	u64 flags;

	*to = (struct signal_owner){ 0 };
	if (!o)
		return;
	flags = spin_lock_irqsave(&o->lock);
	*to = o->to;
	spin_unlock_irqrestore(&o->lock, flags);
}

int file_set_owner(struct file *f, u32 type, pid_t nr, bool force)
{
	struct file_owner *o = owner_of(f);
	struct signal_owner to;
	u64 flags;
	int err;

	if (!o)
		return -ENOMEM;
	err = signal_owner_set(&to, type, nr);
	if (err)
		return err;
	flags = spin_lock_irqsave(&o->lock);
	if (force || !o->to.nr) {
		to.sig = o->to.sig;
		o->to = to;
	}
	spin_unlock_irqrestore(&o->lock, flags);
	return 0;
}

/* ---- lists ---- */

static void set_flag(struct file *f, bool on)
{
	if (on)
		__atomic_or_fetch(&f->flags, O_ASYNC, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&f->flags, ~(u32)O_ASYNC, __ATOMIC_RELAXED);
}

static struct async_entry **find_locked(struct async_list *l, const struct file *f)
{
	struct async_entry **link = &l->first;

	while (*link && (*link)->file != f)
		link = &(*link)->next;
	return link;
}

static int list_enter(struct async_list *l, struct file *f, s32 fd)
{
	struct async_entry *e = kzalloc(sizeof(*e)), **link;
	struct file_owner *o = owner_of(f);
	u64 flags;

	if (!e || !o) {
		kfree(e);
		return -ENOMEM;
	}
	e->file = f;
	flags = spin_lock_irqsave(&l->lock);
	o->was_async = true;
	link = find_locked(l, f);
	if (!*link) {
		*link = e;
		e = NULL;
	}
	(*link)->fd = fd;
	set_flag(f, true);
	spin_unlock_irqrestore(&l->lock, flags);
	kfree(e);
	return 0;
}

int async_list_set(struct async_list *l, struct file *f, s32 fd, bool on)
{
	struct async_entry *e, **link;
	u64 flags;

	if (on)
		return list_enter(l, f, fd);
	flags = spin_lock_irqsave(&l->lock);
	link = find_locked(l, f);
	e = *link;
	if (e)
		*link = e->next;
	set_flag(f, false);
	spin_unlock_irqrestore(&l->lock, flags);
	kfree(e);
	return 0;
}

void async_list_drop(struct async_list *l, bool (*goes)(const struct file *f))
{
	u64 flags = spin_lock_irqsave(&l->lock);
	struct async_entry **link = &l->first;

	while (*link) {
		struct async_entry *e = *link;

		if (!goes(e->file)) {
			link = &e->next;
			continue;
		}
		*link = e->next;
		set_flag(e->file, false);
		kfree(e);
	}
	spin_unlock_irqrestore(&l->lock, flags);
}

void async_list_send(struct async_list *l, int band)
{
	u64 flags = spin_lock_irqsave(&l->lock);

	for (struct async_entry *e = l->first; e; e = e->next) {
		struct signal_owner to;

		owner_read(e->file, &to);
		if (to.nr)
			signal_owner_send(&to, e->fd, band);
	}
	spin_unlock_irqrestore(&l->lock, flags);
}

int file_set_async(struct file *f, u32 fd, bool on)
{
	if (!(f->flags & O_ASYNC) == !on)
		return 0;
	return f->ops->async ? f->ops->async(f, (s32)fd, on) : -ENOTTY;
}

/* ---- fcntl() ---- */

static s64 set_owner_ex(struct file *f, uaddr_t arg)
{
	struct {
		s32 type, pid;
	} o;

	if (copy_from_user(&o, arg, sizeof(o)))
		return -EFAULT;
	if (o.type < F_OWNER_TID || o.type > F_OWNER_PGRP)
		return -EINVAL;
	return file_set_owner(f, (u32)o.type, o.pid, true);
}

static s64 get_owner_ex(const struct signal_owner *to, uaddr_t arg)
{
	struct {
		s32 type, pid;
	} o = { to->type, signal_owner_lives(to) ? to->nr : 0 };

	return copy_to_user(arg, &o, sizeof(o));
}

static s64 set_signal(struct file *f, u64 sig)
{
	struct file_owner *o;
	u64 flags;

	if (sig > NSIG)
		return -EINVAL;
	o = owner_of(f);
	if (!o)
		return -ENOMEM;
	flags = spin_lock_irqsave(&o->lock);
	o->to.sig = (u8)sig;
	spin_unlock_irqrestore(&o->lock, flags);
	return 0;
}

s64 owner_fcntl(struct file *f, u32 cmd, u64 arg)
{
	struct signal_owner to;
	s32 who = (s32)arg;
	u32 ids[2];

	owner_read(f, &to);
	switch (cmd) {
	case F_SETOWN:
		if (who == INT32_MIN)
			return -EINVAL;
		return file_set_owner(f, who < 0 ? F_OWNER_PGRP : F_OWNER_PID, who < 0 ? -who : who,
				      true);
	case F_GETOWN:
		if (!signal_owner_lives(&to))
			return 0;
		return to.type == F_OWNER_PGRP ? -to.nr : to.nr;
	case F_SETOWN_EX: return set_owner_ex(f, uaddr(arg));
	case F_GETOWN_EX: return get_owner_ex(&to, uaddr(arg));
	case F_GETOWNER_UIDS:
		ids[0] = to.uid;
		ids[1] = to.euid;
		return copy_to_user(uaddr(arg), ids, sizeof(ids));
	case F_SETSIG: return set_signal(f, arg);
	case F_GETSIG: return to.sig;
	}
	return -EINVAL;
}

// SPDX-License-Identifier: MIT
/*
 * Signals about files: O_ASYNC, F_SETOWN, F_SETSIG.
 *
 * An object that reports events (a pipe, a terminal, a socket) has a struct async_list of
 * the open files that want it, and calls async_notify() after each change, beside
 * its wake-ups, with none of its spin locks held. Its file_ops.async enters a file
 * into the list and takes it out. O_ASYNC of a file changes only there, under the
 * list's lock.
 *
 * struct file_owner is made when a file first needs one, and freed with the file.
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
};

struct async_entry {
	struct async_entry *next;
	struct file *file;
	s32 fd; /* as which it was entered; for the signal's receiver */
};

static struct file_owner *owner_of(struct file *f)
{
	struct file_owner *owner = smp_load_acquire(&f->owner), *none = NULL;

	if (owner)
		return owner;
	owner = kzalloc(sizeof(*owner));
	if (!owner)
		return NULL;
	spin_init(&owner->lock);
	if (__atomic_compare_exchange_n(&f->owner, &none, owner, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return owner;
	kfree(owner); /* another thread was first */
	return none;
}

void file_owner_release(struct file *f)
{
	if (f->ops->async)
		(void)f->ops->async(f, -1, false);
	kfree(f->owner);
}

static void owner_read(const struct file *f, struct signal_owner *to)
{
	struct file_owner *owner = smp_load_acquire(&f->owner);
	u64 flags;

	*to = (struct signal_owner){ 0 };
	if (!owner)
		return;
	flags = spin_lock_irqsave(&owner->lock);
	*to = owner->to;
	spin_unlock_irqrestore(&owner->lock, flags);
}

int file_set_owner(struct file *f, u32 type, pid_t nr, bool force)
{
	struct file_owner *owner = owner_of(f);
	struct signal_owner to;
	u64 flags;
	int err;

	if (!owner)
		return -ENOMEM;
	err = signal_owner_set(&to, type, nr);
	if (err)
		return err;
	flags = spin_lock_irqsave(&owner->lock);
	if (force || !owner->to.nr) {
		to.sig = owner->to.sig;
		owner->to = to;
	}
	spin_unlock_irqrestore(&owner->lock, flags);
	return 0;
}

/* ---- lists ---- */

static void set_flag(struct file *f, bool enable)
{
	if (enable)
		__atomic_or_fetch(&f->flags, O_ASYNC, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&f->flags, ~(u32)O_ASYNC, __ATOMIC_RELAXED);
}

static struct async_entry **async_find_locked(struct async_list *list, const struct file *f)
{
	struct async_entry **link = &list->first;

	assert_held(&list->lock);
	while (*link && (*link)->file != f)
		link = &(*link)->next;
	return link;
}

static int list_enter(struct async_list *list, struct file *f, s32 fd)
{
	struct async_entry *entry = kzalloc(sizeof(*entry)), **link;
	struct file_owner *owner = owner_of(f);
	u64 flags;

	if (!entry || !owner) {
		kfree(entry);
		return -ENOMEM;
	}
	entry->file = f;
	flags = spin_lock_irqsave(&list->lock);
	link = async_find_locked(list, f);
	if (!*link) {
		*link = entry;
		entry = NULL;
	}
	(*link)->fd = fd;
	set_flag(f, true);
	spin_unlock_irqrestore(&list->lock, flags);
	kfree(entry);
	return 0;
}

int async_list_set(struct async_list *list, struct file *f, s32 fd, bool enable)
{
	struct async_entry *entry, **link;
	u64 flags;

	if (enable)
		return list_enter(list, f, fd);
	flags = spin_lock_irqsave(&list->lock);
	link = async_find_locked(list, f);
	entry = *link;
	if (entry)
		*link = entry->next;
	set_flag(f, false);
	spin_unlock_irqrestore(&list->lock, flags);
	kfree(entry);
	return 0;
}

void async_list_drop(struct async_list *list, bool (*matches)(const struct file *f))
{
	u64 flags = spin_lock_irqsave(&list->lock);
	struct async_entry **link = &list->first;

	while (*link) {
		struct async_entry *entry = *link;

		if (!matches(entry->file)) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		set_flag(entry->file, false);
		kfree(entry);
	}
	spin_unlock_irqrestore(&list->lock, flags);
}

void async_list_send(struct async_list *list, int band)
{
	u64 flags = spin_lock_irqsave(&list->lock);

	for (struct async_entry *entry = list->first; entry; entry = entry->next) {
		struct signal_owner to;

		owner_read(entry->file, &to);
		if (to.nr)
			signal_owner_send(&to, entry->fd, band);
	}
	spin_unlock_irqrestore(&list->lock, flags);
}

bool file_signal_urgent(struct file *f)
{
	struct signal_owner to;

	owner_read(f, &to);
	if (to.nr)
		signal_owner_send(&to, -1, SIGNAL_BAND_URGENT);
	return to.nr;
}

int file_set_async(struct file *f, u32 fd, bool enable)
{
	if (!(f->flags & O_ASYNC) == !enable)
		return 0;
	if (!f->ops->async)
		return -ENOTTY;
	return f->ops->async(f, (s32)fd, enable);
}

/* ---- fcntl() ---- */

static s64 set_owner_ex(struct file *f, uaddr_t arg)
{
	struct {
		s32 type, pid;
	} owner;

	if (copy_from_user(&owner, arg, sizeof(owner)))
		return -EFAULT;
	if (owner.type < F_OWNER_TID || owner.type > F_OWNER_PGRP)
		return -EINVAL;
	return file_set_owner(f, (u32)owner.type, owner.pid, true);
}

static s64 get_owner_ex(const struct signal_owner *to, uaddr_t arg)
{
	struct {
		s32 type, pid;
	} owner = { to->type, signal_owner_lives(to) ? to->nr : 0 };

	return copy_to_user(arg, &owner, sizeof(owner));
}

static s64 set_signal(struct file *f, u64 sig)
{
	struct file_owner *owner;
	u64 flags;

	if (sig > NSIG)
		return -EINVAL;
	owner = owner_of(f);
	if (!owner)
		return -ENOMEM;
	flags = spin_lock_irqsave(&owner->lock);
	owner->to.sig = (u8)sig;
	spin_unlock_irqrestore(&owner->lock, flags);
	return 0;
}

s64 owner_fcntl(struct file *f, u32 cmd, u64 arg)
{
	struct signal_owner to;
	s32 owner_id = (s32)arg;
	u32 ids[2];

	owner_read(f, &to);
	switch (cmd) {
	case F_SETOWN:
		if (owner_id == INT32_MIN)
			return -EINVAL;
		return file_set_owner(f, owner_id < 0 ? F_OWNER_PGRP : F_OWNER_PID,
				      owner_id < 0 ? -owner_id : owner_id, true);
	case F_GETOWN:
		if (!signal_owner_lives(&to))
			return 0;
		if (to.type == F_OWNER_PGRP)
			return -to.nr;
		return to.nr;
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

// SPDX-License-Identifier: MIT
/*
 * signalfd(): the pending signals of a set, as a file.
 *
  * Such a file shows each process its own signals: read() dequeues signals of the
 * calling thread and its process, poll() waits for signals to the caller.
 * So the wait queue belongs to the process, not to the file (struct signal_watch, created
 * when the process first polls one). An epoll set may stay registered there
 * after the process has ended, through a copy of the file in a child; so
 * each file has references to the watches on which it was polled until it is closed, when
 * no epoll set is registered any more.
 *
 * Lock: fd->lock (spin) guards the list of watches; sig_lock of the process its
 * pointer to the watch. Linux signalfd(2).
 */
#include "internal.h"
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/seq_file.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>

/* A watch on which a file was polled. */
struct watch_ref {
	struct watch_ref *next;
	struct signal_watch *watch;
};

struct signalfd {
	u64 set;
	spinlock_t lock; /* guards the list of watches */
	struct watch_ref *watches;
	struct watch_ref first; /* for the usual, one process */
};

/* ---- the wait queue of a process ---- */

void signal_watch_put(struct signal_watch *watch)
{
	if (watch && atomic_dec_and_test(&watch->refs))
		kfree(watch);
}

/* The watch of the current process, counted; NULL: no memory. */
static struct signal_watch *signal_watch_get(void)
{
	struct process *p = current->proc;
	struct signal_watch *watch = NULL, *fresh = NULL;
	u64 flags;

	if (!READ_ONCE(p->watch)) {
		fresh = kmalloc(sizeof(*fresh));
		if (!fresh)
			return NULL;
		atomic_set(&fresh->refs, 1);
		wait_queue_init(&fresh->wait);
	}
	flags = spin_lock_irqsave(&p->sig_lock);
	if (!p->watch) {
		p->watch = fresh;
		fresh = NULL;
	}
	watch = p->watch;
	atomic_inc(&watch->refs);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	kfree(fresh);
	return watch;
}

/* Remove the watches of ended processes, on which no waiter is registered. Locking: signalfd->lock. @return them */
static struct watch_ref *signalfd_take_unused_ref(struct signalfd *signalfd)
{
	struct watch_ref **link = &signalfd->watches, *unused = NULL;

	while (*link) {
		struct watch_ref *ref = *link;

		if (ref == &signalfd->first || atomic_read(&ref->watch->refs) > 1 ||
		    wait_queue_active(&ref->watch->wait)) {
			link = &ref->next;
			continue;
		}
		*link = ref->next;
		ref->next = unused;
		unused = ref;
	}
	return unused;
}

static void signalfd_free_refs(struct watch_ref *ref)
{
	while (ref) {
		struct watch_ref *next = ref->next;

		signal_watch_put(ref->watch);
		kfree(ref);
		ref = next;
	}
}

/* The watch of the current process, which exists until the file is closed. NULL: no memory. */
static struct signal_watch *signalfd_watch(struct signalfd *signalfd)
{
	struct watch_ref *fresh = NULL, *ref, *unused;
	struct signal_watch *watch = signal_watch_get();

	if (!watch)
		return NULL;
	spin_lock(&signalfd->lock);
	for (ref = signalfd->watches; ref && ref->watch != watch; ref = ref->next)
		;
	spin_unlock(&signalfd->lock);
	if (!ref)
		fresh = kmalloc(sizeof(*fresh));
	if (ref || !fresh) {
		signal_watch_put(watch); /* the list or the process has a reference, too */
		return ref ? watch : NULL;
	}
	*fresh = (struct watch_ref){ .watch = watch };
	spin_lock(&signalfd->lock);
	unused = signalfd_take_unused_ref(signalfd);
	fresh->next = signalfd->watches;
	signalfd->watches = fresh;
	spin_unlock(&signalfd->lock);
	signalfd_free_refs(unused);
	return watch;
}

/* ---- as a file ---- */

static u64 signalfd_pending(void)
{
	return READ_ONCE(current->sig->pending.set) | READ_ONCE(current->proc->shared.set);
}

static int signalfd_take(u64 set, struct siginfo_k *info)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	int sig = signal_dequeue(p, current->sig, set, info);

	if (sig)
		signal_recalc();
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return sig;
}

/* Wait for the first signal, and dequeue it. @return its number or -errno */
static int signalfd_take_first(struct file *f, struct signalfd *signalfd, struct siginfo_k *info)
{
	struct signal_watch *watch;
	int sig, err = 0;

	sig = signalfd_take(READ_ONCE(signalfd->set), info);
	if (sig)
		return sig;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	watch = signal_watch_get();
	if (!watch)
		return -ENOMEM;
	while (!err && !sig) {
		err = wait_event_interruptible(&watch->wait,
					       signalfd_pending() & READ_ONCE(signalfd->set));
		sig = signalfd_take(READ_ONCE(signalfd->set), info);
	}
	signal_watch_put(watch);
	if (!sig)
		return err;
	return sig;
}

static s64 signalfd_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct signalfd *signalfd = f->private;
	struct user_signalfd_siginfo out;
	struct siginfo_k info;
	s64 done = 0;
	int sig;

	if (uio->count < sizeof(out))
		return -EINVAL;
	sig = signalfd_take_first(f, signalfd, &info);
	if (sig < 0)
		return sig;
	while (sig) {
		signal_info_to_signalfd(&info, &out);
		if (uio_copy_out(uio, &out, sizeof(out)) < sizeof(out))
			return done ? done : -EFAULT;
		done += sizeof(out);
		sig = 0;
		if (uio->count >= sizeof(out))
			sig = signalfd_take(READ_ONCE(signalfd->set), &info);
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *table)
{
	struct signalfd *signalfd = f->private;

	if (table) {
		struct signal_watch *watch = signalfd_watch(signalfd);

		if (!watch)
			return POLLERR; /* no memory: an error is better than an endless sleep */
		poll_wait(table, &watch->wait);
	}
	if (signalfd_pending() & READ_ONCE(signalfd->set))
		return POLLIN | POLLRDNORM;
	return 0;
}

static void signalfd_release(struct file *f)
{
	struct signalfd *signalfd = f->private;
	struct watch_ref *ref = signalfd->watches;

	while (ref) {
		struct watch_ref *next = ref->next;

		signal_watch_put(ref->watch);
		if (ref != &signalfd->first)
			kfree(ref);
		ref = next;
	}
	kfree(signalfd);
}

static void signalfd_show_fdinfo(struct file *f, struct seq_file *seq)
{
	seq_printf(seq, "sigmask:\t%016llx\n",
		   (unsigned long long)((struct signalfd *)f->private)->set);
}

static const struct file_ops signalfd_fops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.show_fdinfo = signalfd_show_fdinfo,
};

/* ---- system calls ---- */

static s64 signalfd_create(u64 set, u32 flags)
{
	struct signalfd *signalfd = kzalloc(sizeof(*signalfd));
	struct file *f;
	int fd;

	if (!signalfd)
		return -ENOMEM;
	signalfd->set = set;
	spin_init(&signalfd->lock);
	signalfd->first.watch = signal_watch_get();
	if (!signalfd->first.watch) {
		kfree(signalfd);
		return -ENOMEM;
	}
	signalfd->watches = &signalfd->first;
	f = file_create_anon("anon_inode:[signalfd]", &signalfd_fops, signalfd,
			     O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		signal_watch_put(signalfd->first.watch);
		kfree(signalfd);
		return PTR_ERR(f);
	}
	fd = fd_install(f, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

/* Change the set of an existing file, and wake its waiters. */
static s64 signalfd_change(u32 fd, u64 set)
{
	struct fd_ref ref = fd_get(fd);
	struct process *p = current->proc;
	u64 flags;

	if (!ref.file)
		return -EBADF;
	if (ref.file->ops != &signalfd_fops) {
		fd_put(ref);
		return -EINVAL;
	}
	WRITE_ONCE(((struct signalfd *)ref.file->private)->set, set);
	flags = spin_lock_irqsave(&p->sig_lock);
	signal_watch_wake(p);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	fd_put(ref);
	return fd;
}

static s64 do_signalfd(s32 fd, uaddr_t user_set, u64 size, u32 flags)
{
	u64 set;

	if (size != sizeof(set))
		return -EINVAL;
	if (get_user_u64(&set, user_set))
		return -EFAULT;
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	set &= ~SIGSET_KERNEL_ONLY;
	if (fd == -1)
		return signalfd_create(set, flags);
	return signalfd_change((u32)fd, set);
}

SYSCALL4(signalfd4, fd, set, size, flags)
{
	return do_signalfd((s32)fd, uaddr(set), size, (u32)flags);
}
SYSCALL3(signalfd, fd, set, size)
{
	return do_signalfd((s32)fd, uaddr(set), size, 0);
}

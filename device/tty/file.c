// SPDX-License-Identifier: MIT
/*
 * Terminals as files: open, read, write, poll, close.
 *
 * An open file remembers how often the terminal had been hung up; after the
 * next time it is dead: it reads as at its end, and all else gives EIO. Files
 * opened as /dev/console live on, since whoever holds one (the first process)
 * outlives sessions.
 *
 * The line discipline exists while the terminal is open. It is freed, with
 * what was typed and not read, at the last close; the settings stay.
 *
 * Reads and writes copy to and from the user in pieces on the stack, so that
 * no spin lock is held while a page is faulted in.
 *
 * Locks: see internal.h. How VMIN and VTIME work: POSIX 11.1.7.
 */
#include <kernel/fs/async.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include "internal.h"

#define PIECE	       256
#define DECISECOND_NS  (100 * NSEC_PER_MSEC)
#define CLOSE_WAIT_NS  (30 * NSEC_PER_SEC)
#define WRITABLE_BELOW 256 /* bytes in the driver's buffer, for poll() */

/* ---- open and close ---- */

/* Give the terminal a line discipline, or take it away; returns the old one. */
static struct ldisc *swap_discipline(struct tty *t, struct ldisc *ld)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	struct ldisc *old = t->ld;

	t->ld = ld;
	t->exclusive = t->stopped = t->flow_off = t->throttled = t->xoff_sent = false;
	spin_unlock_irqrestore(&t->lock, flags);
	return old;
}

static int first_open_locked(struct tty *t)
{
	struct ldisc *ld = NULL;
	int err;

	if (!t->is_pty) {
		ld = kmalloc(sizeof(*ld));
		if (!ld)
			return -ENOMEM;
		ldisc_init(ld, &t->termios);
		swap_discipline(t, ld);
	}
	err = t->ops->open ? t->ops->open(t) : 0;
	if (err && ld)
		kfree(swap_discipline(t, NULL));
	return err;
}

static void last_close_locked(struct tty *t)
{
	if (!t->stopped)
		tty_wait_sent(t, time_monotonic_ns() + CLOSE_WAIT_NS);
	tty_leave_session(t);
	if (t->ops->close)
		t->ops->close(t);
	if (!t->is_pty)
		kfree(swap_discipline(t, NULL));
}

static int may_open_locked(struct tty *t)
{
	if (t->gone)
		return -EIO;
	if (t->exclusive && t->opens && !current_is_super())
		return -EBUSY;
	return t->ops->may_open ? t->ops->may_open(t) : 0;
}

int tty_open_file(struct tty *t, struct file *f, bool console, bool noctty)
{
	struct tty_file *tf = kmalloc(sizeof(*tf));
	int err;

	if (!tf)
		return -ENOMEM;
	mutex_lock(&t->open_lock);
	err = may_open_locked(t);
	if (!err && !t->opens)
		err = first_open_locked(t);
	if (err) {
		mutex_unlock(&t->open_lock);
		kfree(tf);
		return err;
	}
	t->opens++;
	*tf = (struct tty_file){ .tty = t, .generation = t->generation, .console = console };
	mutex_unlock(&t->open_lock);

	tty_get(t);
	f->private = tf;
	f->ops = &tty_fops;
	f->mode |= FMODE_STREAM;
	if (!noctty)
		tty_adopt_on_open(t, f);
	return 0;
}

static int tty_open(struct inode *inode, struct file *f)
{
	return tty_open_file(f->private, f, false, f->flags & O_NOCTTY);
}

static void tty_release(struct file *f)
{
	struct tty_file *tf = tty_file_of(f);
	struct tty *t = tf->tty;

	mutex_lock(&t->open_lock);
	if (!--t->opens)
		last_close_locked(t);
	mutex_unlock(&t->open_lock);
	tty_put(t);
	kfree(tf);
}

/* ---- reading ---- */

/* How long a read() waits, and for how much. */
struct read_rule {
	bool canonical;
	u32 min;	/* raw: enough to return with */
	u64 first_ns;	/* how long to wait for the first byte; NO_LIMIT */
	u64 between_ns; /* and for each further one; NO_LIMIT */
};
#define NO_LIMIT (~0ull)

static struct read_rule read_rule_now(struct tty *t)
{
	struct read_rule r = { .min = 1, .first_ns = NO_LIMIT, .between_ns = NO_LIMIT };
	u64 flags = spin_lock_irqsave(&t->lock);
	u64 time_ns = t->termios.c_cc[VTIME] * DECISECOND_NS;

	r.canonical = t->termios.c_lflag & ICANON;
	if (r.canonical) {
		;
	} else if (t->termios.c_cc[VMIN]) {
		r.min = t->termios.c_cc[VMIN];
		if (time_ns)
			r.between_ns = time_ns;
	} else {
		r.first_ns = time_ns;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return r;
}

static bool has_input(struct tty *t, u32 min)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool has = t->ld && ldisc_has_input(t->ld, min);

	spin_unlock_irqrestore(&t->lock, flags);
	return has;
}

/* Nothing is there: may and should this read() wait, until when? @return 1: wait, else its error or 0 */
static int may_wait(struct tty_file *tf, struct file *f, u64 limit_ns)
{
	if (tty_file_hung_up(tf) || !limit_ns)
		return 0;
	return f->flags & O_NONBLOCK ? -EAGAIN : 1;
}

static int wait_for_input(struct tty_file *tf, u64 limit_ns, bool was_canonical)
{
	struct tty *t = tf->tty;
	u64 deadline = limit_ns == NO_LIMIT ? 0 : time_monotonic_ns() + limit_ns;

	return wait_event_interruptible_until(&t->read_wait,
					      has_input(t, 1) || tty_file_hung_up(tf) ||
						      !(READ_ONCE(t->termios.c_lflag) & ICANON) ==
							      was_canonical,
					      deadline);
}

static s64 read_locked(struct file *f, struct uio *u)
{
	struct tty_file *tf = tty_file_of(f);
	struct tty *t = tf->tty;
	struct read_rule rule = read_rule_now(t);
	s64 done = 0, err;
	u8 piece[PIECE];

	while (u->count) {
		size_t n = 0, want = MIN(u->count, (u64)sizeof(piece)), copied;
		bool line_done = false;

		if (!tty_file_hung_up(tf))
			n = tty_take(t, piece, want, &line_done);
		copied = uio_copy_out(u, piece, n);
		done += copied;
		if (copied < n)
			return done ? done : -EFAULT;
		if (line_done)
			return done;
		if (n == want)
			continue; /* there may be more */
		if (done && (rule.canonical || done >= rule.min))
			return done;
		err = may_wait(tf, f, done ? rule.between_ns : rule.first_ns);
		if (err == 1)
			err = wait_for_input(tf, done ? rule.between_ns : rule.first_ns,
					     rule.canonical);
		else if (!err || done)
			return done;
		if (err)
			return done ? done : err == -ETIMEDOUT ? 0 : err;
		if (rule.canonical != !!(READ_ONCE(t->termios.c_lflag) & ICANON))
			rule = read_rule_now(t);
	}
	return done;
}

static int lock_for_io(struct mutex *m, struct file *f)
{
	if (mutex_trylock(m))
		return 0;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return mutex_lock_interruptible(m) ? -ERESTARTSYS : 0;
}

static s64 tty_read(struct file *f, struct uio *u, u64 *pos)
{
	struct tty_file *tf = tty_file_of(f);
	struct tty *t = tf->tty;
	s64 n = 0;

	if (tty_file_hung_up(tf))
		return 0;
	if (!tf->console)
		n = tty_check_job(t, SIGTTIN);
	if (!n)
		n = lock_for_io(&t->read_lock, f);
	if (n)
		return n;
	n = read_locked(f, u);
	mutex_unlock(&t->read_lock);
	return n;
}

/* ---- writing ---- */

static bool has_room(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool room = t->ld && !t->stopped && !ldisc_echo_pending(t->ld) &&
		    t->ops->write_room(t) >= LDISC_MAX_EXPANSION;

	spin_unlock_irqrestore(&t->lock, flags);
	return room;
}

static int wait_for_room(struct tty_file *tf, struct file *f)
{
	struct tty *t = tf->tty;

	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_event_interruptible(&t->write_wait, has_room(t) || tty_file_hung_up(tf));
}

/* Send all of a piece. @return 0 or an error; *@p done counts */
static int send_piece(struct tty_file *tf, struct file *f, const u8 *s, size_t n, s64 *done)
{
	int err;

	for (;;) {
		size_t sent;

		if (tty_file_hung_up(tf))
			return -EIO;
		sent = tty_send(tf->tty, s, n);
		*done += sent;
		s += sent;
		n -= sent;
		if (!n)
			return 0;
		err = wait_for_room(tf, f);
		if (err)
			return err;
	}
}

static s64 tty_write(struct file *f, struct uio *u, u64 *pos)
{
	struct tty_file *tf = tty_file_of(f);
	struct tty *t = tf->tty;
	u8 piece[PIECE];
	s64 done = 0;
	int err = 0;

	if (tty_file_hung_up(tf))
		return -EIO;
	if ((READ_ONCE(t->termios.c_lflag) & TOSTOP) && !tf->console)
		err = tty_check_job(t, SIGTTOU);
	if (!err)
		err = lock_for_io(&t->write_lock, f);
	if (err)
		return err;
	while (u->count && !err) {
		size_t n = uio_copy_in(u, piece, MIN(u->count, (u64)sizeof(piece)));

		err = n ? send_piece(tf, f, piece, n, &done) : -EFAULT;
		if (!err && u->count && signal_pending())
			err = -ERESTARTSYS;
	}
	mutex_unlock(&t->write_lock);
	if (u->count && f->flags & O_ASYNC)
		WRITE_ONCE(t->write_short, true);
	return done ? done : err;
}

/* ---- poll ---- */

static u32 poll_locked(struct tty *t)
{
	u32 min = 1, ready = 0;

	if (!t->termios.c_cc[VTIME] && t->termios.c_cc[VMIN])
		min = t->termios.c_cc[VMIN];
	if (t->ld && ldisc_has_input(t->ld, min))
		ready |= POLLIN | POLLRDNORM;
	if (!t->stopped && t->ops->write_room(t) >= LDISC_MAX_EXPANSION &&
	    (!t->ops->chars_in_buffer || t->ops->chars_in_buffer(t) < WRITABLE_BELOW))
		ready |= POLLOUT | POLLWRNORM;
	return ready;
}

static u32 tty_poll(struct file *f, struct poll_table *table)
{
	struct tty_file *tf = tty_file_of(f);
	struct tty *t = tf->tty;
	u32 ready;
	u64 flags;

	poll_wait(table, &t->read_wait);
	poll_wait(table, &t->write_wait);
	if (tty_file_hung_up(tf))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	flags = spin_lock_irqsave(&t->lock);
	ready = poll_locked(t);
	spin_unlock_irqrestore(&t->lock, flags);
	return ready;
}

/* Whoever asks for the signals owns them unless told otherwise: the foreground group, if there is one. */
static int tty_async(struct file *f, s32 fd, bool on)
{
	struct tty_file *tf = tty_file_of(f);
	pid_t pgrp = READ_ONCE(tf->tty->pgrp);
	int err = -ESRCH;

	if (on && tty_file_hung_up(tf))
		return -ENOTTY;
	if (on && pgrp)
		err = file_set_owner(f, F_OWNER_PGRP, pgrp, false);
	if (on && err == -ESRCH)
		err = file_set_owner(f, F_OWNER_PID, current_process()->pid, false);
	if (on && err)
		return err;
	return async_list_set(&tf->tty->async, f, fd, on);
}

const struct file_ops tty_fops = {
	.open = tty_open,
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.async = tty_async,
};

// SPDX-License-Identifier: MIT
/*
 * Terminals as files: open, read, write, poll, close.
 *
 * An open file stores the terminal's number of hangups (its generation). After the
 * next hangup the file is dead: reads return end of file, all other calls fail with
 * EIO. Files opened as /dev/console survive, since the process that holds one (the
 * first process) outlives sessions.
 *
 * The line discipline exists while the terminal is open. It is freed, with
 * input that was not read, at the last close; the settings stay.
 *
 * Reads and writes copy to and from the user in pieces on the stack, so that
 * no spin lock is held while a page is faulted in.
 *
 * Locks: see internal.h. The meaning of VMIN and VTIME: POSIX 11.1.7.
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

/* Set or remove (NULL) the line discipline. @return the old one */
static struct ldisc *tty_swap_ldisc(struct tty *tty, struct ldisc *ldisc)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	struct ldisc *old = tty->ldisc;

	tty->ldisc = ldisc;
	tty->exclusive = tty->stopped = tty->flow_off = tty->throttled = tty->xoff_sent = false;
	spin_unlock_irqrestore(&tty->lock, flags);
	return old;
}

static int tty_first_open_locked(struct tty *tty)
{
	struct ldisc *ldisc = NULL;
	int err;

	assert_held(&tty->open_lock);
	if (!tty->is_pty) {
		ldisc = kmalloc(sizeof(*ldisc));
		if (!ldisc)
			return -ENOMEM;
		ldisc_init(ldisc, &tty->termios);
		tty_swap_ldisc(tty, ldisc);
	}
	err = 0;
	if (tty->ops->open)
		err = tty->ops->open(tty);
	if (err && ldisc)
		kfree(tty_swap_ldisc(tty, NULL));
	return err;
}

static void tty_last_close_locked(struct tty *tty)
{
	assert_held(&tty->open_lock);
	if (!tty->stopped)
		tty_wait_sent(tty, time_monotonic_ns() + CLOSE_WAIT_NS);
	tty_leave_session(tty);
	if (tty->ops->close)
		tty->ops->close(tty);
	if (!tty->is_pty)
		kfree(tty_swap_ldisc(tty, NULL));
}

static int tty_may_open_locked(struct tty *tty)
{
	assert_held(&tty->open_lock);
	if (tty->gone)
		return -EIO;
	if (tty->exclusive && tty->opens && !current_is_super())
		return -EBUSY;
	if (!tty->ops->may_open)
		return 0;
	return tty->ops->may_open(tty);
}

int tty_open_file(struct tty *tty, struct file *f, bool console, bool noctty)
{
	struct tty_file *tty_file = kmalloc(sizeof(*tty_file));
	int err;

	if (!tty_file)
		return -ENOMEM;
	mutex_lock(&tty->open_lock);
	err = tty_may_open_locked(tty);
	if (!err && !tty->opens)
		err = tty_first_open_locked(tty);
	if (err) {
		mutex_unlock(&tty->open_lock);
		kfree(tty_file);
		return err;
	}
	tty->opens++;
	*tty_file =
		(struct tty_file){ .tty = tty, .generation = tty->generation, .console = console };
	mutex_unlock(&tty->open_lock);

	tty_get(tty);
	f->private = tty_file;
	f->ops = &tty_fops;
	f->mode |= FMODE_STREAM;
	if (!noctty)
		tty_adopt_on_open(tty, f);
	return 0;
}

static int tty_open(struct inode *inode, struct file *f)
{
	return tty_open_file(f->private, f, false, f->flags & O_NOCTTY);
}

static void tty_release(struct file *f)
{
	struct tty_file *tty_file = tty_file_of(f);
	struct tty *tty = tty_file->tty;

	mutex_lock(&tty->open_lock);
	if (!--tty->opens)
		tty_last_close_locked(tty);
	mutex_unlock(&tty->open_lock);
	tty_put(tty);
	kfree(tty_file);
}

/* ---- reading ---- */

/* The time that a read() waits, and the number of bytes that it waits for. */
struct read_rule {
	bool canonical;
	u32 min;	/* raw: enough to return with */
	u64 first_ns;	/* how long to wait for the first byte; NO_LIMIT */
	u64 between_ns; /* and for each further one; NO_LIMIT */
};
#define NO_LIMIT (~0ull)

static struct read_rule read_rule_now(struct tty *tty)
{
	struct read_rule rule = { .min = 1, .first_ns = NO_LIMIT, .between_ns = NO_LIMIT };
	u64 flags = spin_lock_irqsave(&tty->lock);
	u64 time_ns = tty->termios.c_cc[VTIME] * DECISECOND_NS;

	rule.canonical = tty->termios.c_lflag & ICANON;
	if (rule.canonical) {
		;
	} else if (tty->termios.c_cc[VMIN]) {
		rule.min = tty->termios.c_cc[VMIN];
		if (time_ns)
			rule.between_ns = time_ns;
	} else {
		rule.first_ns = time_ns;
	}
	spin_unlock_irqrestore(&tty->lock, flags);
	return rule;
}

static bool tty_has_input(struct tty *tty, u32 min)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	bool has = tty->ldisc && ldisc_has_input(tty->ldisc, min);

	spin_unlock_irqrestore(&tty->lock, flags);
	return has;
}

/* Without input: should this read() wait? @return 1: wait; else its result, 0 or an error */
static int tty_may_wait(struct tty_file *tty_file, struct file *f, u64 limit_ns)
{
	if (tty_file_hung_up(tty_file) || !limit_ns)
		return 0;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return 1;
}

static int tty_wait_for_input(struct tty_file *tty_file, u64 limit_ns, bool was_canonical)
{
	struct tty *tty = tty_file->tty;
	u64 deadline = 0;

	if (limit_ns != NO_LIMIT)
		deadline = time_monotonic_ns() + limit_ns;
	return wait_event_interruptible_until(&tty->read_wait,
					      tty_has_input(tty, 1) || tty_file_hung_up(tty_file) ||
						      !(READ_ONCE(tty->termios.c_lflag) & ICANON) ==
							      was_canonical,
					      deadline);
}

static s64 tty_read_locked(struct file *f, struct uio *uio)
{
	struct tty_file *tty_file = tty_file_of(f);
	struct tty *tty = tty_file->tty;
	struct read_rule rule = read_rule_now(tty);
	s64 done = 0, err;
	u8 piece[PIECE];
	u64 limit_ns;

	assert_held(&tty->read_lock);
	while (uio->count) {
		size_t taken = 0, want = MIN(uio->count, (u64)sizeof(piece)), copied;
		bool line_done = false;

		if (!tty_file_hung_up(tty_file))
			taken = tty_take(tty, piece, want, &line_done);
		copied = uio_copy_out(uio, piece, taken);
		done += copied;
		if (copied < taken)
			return tty_transferred(done, -EFAULT);
		if (line_done)
			return done;
		if (taken == want)
			continue; /* there may be more */
		if (done && (rule.canonical || done >= rule.min))
			return done;
		limit_ns = done ? rule.between_ns : rule.first_ns;
		err = tty_may_wait(tty_file, f, limit_ns);
		if (err == 1)
			err = tty_wait_for_input(tty_file, limit_ns, rule.canonical);
		else if (!err || done)
			return done;
		if (err == -ETIMEDOUT)
			return done;
		if (err)
			return tty_transferred(done, err);
		if (rule.canonical != !!(READ_ONCE(tty->termios.c_lflag) & ICANON))
			rule = read_rule_now(tty);
	}
	return done;
}

static int tty_lock_for_io(struct mutex *mutex, struct file *f)
{
	if (mutex_trylock(mutex))
		return 0;
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	if (mutex_lock_interruptible(mutex))
		return -ERESTARTSYS;
	return 0;
}

static s64 tty_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct tty_file *tty_file = tty_file_of(f);
	struct tty *tty = tty_file->tty;
	s64 result = 0;

	if (tty_file_hung_up(tty_file))
		return 0;
	if (!tty_file->console)
		result = tty_check_job(tty, SIGTTIN);
	if (!result)
		result = tty_lock_for_io(&tty->read_lock, f);
	if (result)
		return result;
	result = tty_read_locked(f, uio);
	mutex_unlock(&tty->read_lock);
	return result;
}

/* ---- writing ---- */

static bool tty_has_room(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	bool room = tty->ldisc && !tty->stopped && !ldisc_echo_pending(tty->ldisc) &&
		    tty->ops->write_room(tty) >= LDISC_MAX_EXPANSION;

	spin_unlock_irqrestore(&tty->lock, flags);
	return room;
}

static int tty_wait_for_room(struct tty_file *tty_file, struct file *f)
{
	struct tty *tty = tty_file->tty;

	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_event_interruptible(&tty->write_wait,
					tty_has_room(tty) || tty_file_hung_up(tty_file));
}

/* Send all of a piece. @return 0 or an error; *@p done counts */
static int tty_send_piece(struct tty_file *tty_file, struct file *f, const u8 *bytes, size_t length,
			  s64 *done)
{
	int err;

	for (;;) {
		size_t sent;

		if (tty_file_hung_up(tty_file))
			return -EIO;
		sent = tty_send(tty_file->tty, bytes, length);
		*done += sent;
		bytes += sent;
		length -= sent;
		if (!length)
			return 0;
		err = tty_wait_for_room(tty_file, f);
		if (err)
			return err;
	}
}

static s64 tty_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct tty_file *tty_file = tty_file_of(f);
	struct tty *tty = tty_file->tty;
	u8 piece[PIECE];
	s64 done = 0;
	int err = 0;

	if (tty_file_hung_up(tty_file))
		return -EIO;
	if ((READ_ONCE(tty->termios.c_lflag) & TOSTOP) && !tty_file->console)
		err = tty_check_job(tty, SIGTTOU);
	if (!err)
		err = tty_lock_for_io(&tty->write_lock, f);
	if (err)
		return err;
	while (uio->count && !err) {
		size_t length = uio_copy_in(uio, piece, MIN(uio->count, (u64)sizeof(piece)));

		if (!length) {
			err = -EFAULT;
			break;
		}
		err = tty_send_piece(tty_file, f, piece, length, &done);
		if (!err && uio->count && signal_pending())
			err = -ERESTARTSYS;
	}
	mutex_unlock(&tty->write_lock);
	if (uio->count && f->flags & O_ASYNC)
		WRITE_ONCE(tty->write_short, true);
	return tty_transferred(done, err);
}

/* ---- poll ---- */

static u32 tty_poll_locked(struct tty *tty)
{
	u32 min = 1, ready = 0;

	assert_held(&tty->lock);
	if (!tty->termios.c_cc[VTIME] && tty->termios.c_cc[VMIN])
		min = tty->termios.c_cc[VMIN];
	if (tty->ldisc && ldisc_has_input(tty->ldisc, min))
		ready |= POLLIN | POLLRDNORM;
	if (!tty->stopped && tty->ops->write_room(tty) >= LDISC_MAX_EXPANSION &&
	    (!tty->ops->chars_in_buffer || tty->ops->chars_in_buffer(tty) < WRITABLE_BELOW))
		ready |= POLLOUT | POLLWRNORM;
	return ready;
}

static u32 tty_poll(struct file *f, struct poll_table *table)
{
	struct tty_file *tty_file = tty_file_of(f);
	struct tty *tty = tty_file->tty;
	u32 ready;
	u64 flags;

	poll_wait(table, &tty->read_wait);
	poll_wait(table, &tty->write_wait);
	if (tty_file_hung_up(tty_file))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	flags = spin_lock_irqsave(&tty->lock);
	ready = tty_poll_locked(tty);
	spin_unlock_irqrestore(&tty->lock, flags);
	return ready;
}

/* The foreground group becomes the owner of the signals, or the caller if there is none. */
static int tty_async(struct file *f, s32 fd, bool enable)
{
	struct tty_file *tty_file = tty_file_of(f);
	pid_t pgrp = READ_ONCE(tty_file->tty->pgrp);
	int err = -ESRCH;

	if (enable && tty_file_hung_up(tty_file))
		return -ENOTTY;
	if (enable && pgrp)
		err = file_set_owner(f, F_OWNER_PGRP, pgrp, false);
	if (enable && err == -ESRCH)
		err = file_set_owner(f, F_OWNER_PID, current_process()->pid, false);
	if (enable && err)
		return err;
	return async_list_set(&tty_file->tty->async, f, fd, enable);
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

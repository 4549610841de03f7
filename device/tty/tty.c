// SPDX-License-Identifier: MIT
/*
 * The terminal core: between the drivers and the line discipline.
 *
 * Input is processed where it arrives, usually in the interrupt: the line
 * discipline runs under the terminal's spin lock, its echo goes straight to the
 * driver, and what it asks for beyond that (signals, waking readers) happens
 * after the lock is dropped. When it has no room, the driver is told to hold
 * input back ("throttled") and hears of it when a reader has made some.
 *
 * Output of programs is processed under the same lock, in pieces of at most
 * PIECE bytes so that interrupts are never off for long, and only as far as the
 * driver has room: what was processed has been handed over, so the column that
 * the line discipline keeps is true. Echo goes first.
 *
 * struct tty is counted: by its registration, by open files, and by processes
 * whose controlling terminal it is. A driver that goes away leaves a terminal
 * with tty_no_ops behind, hung up.
 *
 * Locks: see internal.h.
 */
#include <kernel/chardev.h>
#include <kernel/fs/async.h>
#include <kernel/fs/file.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <uapi/poll.h>
#include "internal.h"

#define PIECE 256
/* IXOFF: ask the other side to stop when this much waits, to go on below the other. */
#define XOFF_LEVEL (LDISC_INPUT_SIZE - 512)
#define XON_LEVEL  (LDISC_INPUT_SIZE / 4)
/* Refused input is asked for again when less than this waits. */
#define UNTHROTTLE_LEVEL (LDISC_INPUT_SIZE / 2)

static size_t no_write(struct tty *t, const char *s, size_t len_bytes)
{
	return len_bytes;
}
static u32 no_write_room(struct tty *t)
{
	return PIECE;
}

const struct tty_ops tty_no_ops = { .write = no_write, .write_room = no_write_room };

/* ---- objects ---- */

void tty_get(struct tty *t)
{
	atomic_inc(&t->refs);
}

void tty_put(struct tty *t)
{
	if (t && atomic_dec_and_test(&t->refs)) {
		kfree(t->ld);
		kfree(t);
	}
}

void *tty_private(const struct tty *t)
{
	return t->private;
}
dev_t tty_device(const struct tty *t)
{
	return t->dev;
}
pid_t tty_pgrp(const struct tty *t)
{
	return READ_ONCE(t->pgrp);
}
bool tty_output_stopped(const struct tty *t)
{
	return READ_ONCE(t->stopped);
}
const struct ktermios *tty_settings(const struct tty *t)
{
	return &t->termios;
}

static struct tty *tty_create(dev_t dev, const struct tty_ops *ops, void *private)
{
	struct tty *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	atomic_set(&t->refs, 1);
	t->dev = dev;
	t->ops = ops;
	t->private = private;
	t->termios = ldisc_default_termios;
	spin_init(&t->lock);
	mutex_init(&t->open_lock);
	mutex_init(&t->termios_lock);
	mutex_init(&t->write_lock);
	mutex_init(&t->read_lock);
	wait_queue_init(&t->read_wait);
	wait_queue_init(&t->write_wait);
	async_list_init(&t->async);
	async_list_init(&t->master_async);
	return t;
}

static struct tty *publish(const char *name, struct tty *t)
{
	struct chardev c = {
		.dev = t->dev, .name = name, .mode = 0620, .ops = &tty_fops, .private = t
	};
	int err = chardev_register(&c);

	if (!err)
		return t;
	tty_put(t);
	return ERR_PTR(err);
}

struct tty *tty_register(const char *name, dev_t dev, const struct tty_ops *ops, void *private)
{
	struct tty *t = tty_create(dev, ops, private);

	return t ? publish(name, t) : ERR_PTR(-ENOMEM);
}

struct tty *tty_register_pty(dev_t dev, const struct tty_ops *ops, void *private)
{
	struct tty *t = tty_create(dev, ops, private);

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->is_pty = true;
	t->termios.c_cflag &= ~HUPCL;
	t->ld = kmalloc(sizeof(*t->ld));
	if (!t->ld) {
		tty_put(t);
		return ERR_PTR(-ENOMEM);
	}
	ldisc_init(t->ld, &t->termios);
	return publish(NULL, t);
}

void tty_unregister(struct tty *t)
{
	u64 flags;

	chardev_unregister(t->dev);
	mutex_lock(&t->open_lock);
	t->gone = true; /* nobody can open it any more; then kill those who did */
	mutex_unlock(&t->open_lock);
	tty_hangup(t);

	mutex_lock(&t->open_lock);
	if (t->opens && t->ops->close)
		t->ops->close(t);
	mutex_lock(&t->termios_lock);
	flags = spin_lock_irqsave(&t->lock);
	t->ops = &tty_no_ops;
	spin_unlock_irqrestore(&t->lock, flags);
	mutex_unlock(&t->termios_lock);
	mutex_unlock(&t->open_lock);
	wake_up_all(&t->read_wait);
	wake_up_all(&t->write_wait);
	tty_put(t);
}

/* Signals are sent with the lock dropped: then the program that is a pty's hardware is told of what was written. */
static void tty_unlock(struct tty *t, u64 flags)
{
	bool told = t->master_told;

	t->master_told = false;
	spin_unlock_irqrestore(&t->lock, flags);
	if (told)
		async_notify(&t->master_async, POLL_IN);
}

/* There is room for output, perhaps. */
static void tell_writers(struct tty *t)
{
	wake_up_poll(&t->write_wait, POLLOUT | POLLWRNORM);
	if (unlikely(READ_ONCE(t->write_short))) {
		WRITE_ONCE(t->write_short, false);
		async_notify(&t->async, POLL_OUT);
	}
}

/* ---- output; t->lock held ---- */

static void push_echo_locked(struct tty *t)
{
	const u8 *run;
	u32 n;

	while ((n = ldisc_echo_peek(t->ld, &run))) {
		n = MIN(n, t->ops->write_room(t));
		n = n ? t->ops->write(t, (const char *)run, n) : 0;
		if (!n)
			break;
		ldisc_echo_taken(t->ld, n);
	}
}

static void update_stopped_locked(struct tty *t)
{
	bool stopped = t->flow_off || (t->ld && t->ld->stopped);

	if (stopped == t->stopped)
		return;
	t->stopped = stopped;
	if (t->ops->flow)
		t->ops->flow(t, stopped);
	if (t->ld && !stopped)
		push_echo_locked(t);
}

size_t tty_send(struct tty *t, const u8 *s, size_t len_bytes)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	size_t done = 0, used, made;
	u8 out[PIECE];

	while (done < len_bytes && t->ld && !t->stopped) {
		push_echo_locked(t);
		if (ldisc_echo_pending(t->ld))
			break;
		used = ldisc_output(t->ld, s + done, len_bytes - done, out,
				    MIN(sizeof(out), (size_t)t->ops->write_room(t)), &made);
		if (!used)
			break;
		t->ops->write(t, (char *)out, made);
		done += used;
	}
	tty_unlock(t, flags);
	return done;
}

void tty_send_now(struct tty *t, u8 c)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	t->ops->write(t, (char *)&c, 1);
	tty_unlock(t, flags);
}

void tty_output_ready(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	if (t->ld && !t->stopped)
		push_echo_locked(t);
	tty_unlock(t, flags);
	tell_writers(t);
}

void tty_flush_output(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	if (t->ld)
		ldisc_flush_echo(t->ld);
	if (t->ops->flush_output)
		t->ops->flush_output(t);
	tty_unlock(t, flags);
	tell_writers(t);
}

void tty_set_flow_off(struct tty *t, bool off)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	if (t->flow_off && t->ld)
		t->ld->stopped = false;
	t->flow_off = off;
	update_stopped_locked(t);
	tty_unlock(t, flags);
	tell_writers(t);
}

static bool all_sent(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool sent = !t->ops->chars_in_buffer || !t->ops->chars_in_buffer(t);

	tty_unlock(t, flags);
	return sent;
}

int tty_wait_sent(struct tty *t, u64 deadline_ns)
{
	u32 generation = READ_ONCE(t->generation);
	int err = wait_event_interruptible_until(
		&t->write_wait, all_sent(t) || READ_ONCE(t->generation) != generation, deadline_ns);

	if (err)
		return err;
	mutex_lock(&t->termios_lock);
	if (t->ops->drain)
		t->ops->drain(t);
	mutex_unlock(&t->termios_lock);
	return 0;
}

/* ---- input ---- */

static void act_on(struct tty *t, u32 events)
{
	if (events & LDISC_SIGINT)
		tty_signal_group(t, SIGINT);
	if (events & LDISC_SIGQUIT)
		tty_signal_group(t, SIGQUIT);
	if (events & LDISC_SIGTSTP)
		tty_signal_group(t, SIGTSTP);
	if (events & LDISC_READABLE) {
		wake_up_poll(&t->read_wait, POLLIN | POLLRDNORM);
		async_notify(&t->async, POLL_IN);
	}
	if (events & (LDISC_FLOW | LDISC_FLUSH))
		tell_writers(t);
}

/* What the line discipline wants of the driver; t->lock held. */
static void apply_locked(struct tty *t, u32 events)
{
	if ((events & LDISC_FLUSH) && t->ops->input_flushed)
		t->ops->input_flushed(t);
	if ((events & LDISC_FLUSH) && t->ops->flush_output)
		t->ops->flush_output(t);
	if (!t->stopped)
		push_echo_locked(t);
	if (events & LDISC_FLOW)
		update_stopped_locked(t);
	if ((t->termios.c_iflag & IXOFF) && !t->xoff_sent && ldisc_used(t->ld) > XOFF_LEVEL) {
		t->xoff_sent = true;
		t->ops->write(t, (char *)&t->termios.c_cc[VSTOP], 1);
	}
}

size_t tty_receive(struct tty *t, const char *s, size_t len_bytes)
{
	size_t done = 0, n;

	while (done < len_bytes) {
		u64 flags = spin_lock_irqsave(&t->lock);
		u32 events;

		if (!t->ld) {
			tty_unlock(t, flags);
			return len_bytes; /* nobody is there */
		}
		n = ldisc_receive(t->ld, (const u8 *)s + done, MIN(len_bytes - done, (size_t)PIECE),
				  &events);
		apply_locked(t, events);
		if (!n)
			t->throttled = true;
		tty_unlock(t, flags);
		act_on(t, events);
		if (!n)
			break;
		done += n;
	}
	return done;
}

u32 tty_receive_room(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	u32 room = t->ld ? ldisc_room(t->ld) : LDISC_INPUT_SIZE;

	if (!room)
		t->throttled = true;
	tty_unlock(t, flags);
	return room;
}

void tty_receive_error(struct tty *t, enum tty_error what, u8 byte)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	u32 events = 0;

	if (t->ld && what != TTY_OVERRUN) {
		events = what == TTY_BREAK ? ldisc_receive_break(t->ld)
					   : ldisc_receive_damaged(t->ld, byte);
		apply_locked(t, events);
	}
	tty_unlock(t, flags);
	act_on(t, events);
}

/* A reader made room; t->lock held. */
static void room_made_locked(struct tty *t)
{
	if (t->xoff_sent && ldisc_used(t->ld) < XON_LEVEL) {
		t->xoff_sent = false;
		t->ops->write(t, (char *)&t->termios.c_cc[VSTART], 1);
	}
	if (t->throttled && (ldisc_used(t->ld) < UNTHROTTLE_LEVEL || !ldisc_has_input(t->ld, 1)) &&
	    ldisc_room(t->ld)) {
		t->throttled = false;
		if (t->ops->unthrottle)
			t->ops->unthrottle(t);
	}
}

size_t tty_take(struct tty *t, u8 *dst, size_t size, bool *line_done)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	size_t n = 0;

	*line_done = false;
	if (t->ld) {
		n = ldisc_read(t->ld, dst, size, line_done);
		room_made_locked(t);
	}
	tty_unlock(t, flags);
	return n;
}

void tty_flush_input(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	if (t->ld) {
		ldisc_flush_input(t->ld);
		if (t->ops->input_flushed)
			t->ops->input_flushed(t);
		room_made_locked(t);
	}
	tty_unlock(t, flags);
}

/* ---- settings ---- */

void tty_change_termios(struct tty *t, struct ktermios *new)
{
	u32 events = 0;
	u64 flags;

	mutex_lock(&t->termios_lock);
	if (t->ops->set_termios)
		t->ops->set_termios(t, new, &t->termios);
	flags = spin_lock_irqsave(&t->lock);
	t->termios = *new;
	if (t->ld) {
		events = ldisc_set_termios(t->ld, new);
		if (events & LDISC_FLOW)
			update_stopped_locked(t);
		room_made_locked(t);
	}
	tty_unlock(t, flags);
	mutex_unlock(&t->termios_lock);
	/* Whoever waits, waits by the old rules. */
	wake_up_all(&t->read_wait);
	wake_up_all(&t->write_wait);
}

void tty_set_settings(struct tty *t, const struct ktermios *k)
{
	struct ktermios new = *k;

	tty_change_termios(t, &new);
}

void tty_set_winsize(struct tty *t, const struct winsize *w)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool changed = memcmp(&t->winsize, w, sizeof(*w)) != 0;

	t->winsize = *w;
	tty_unlock(t, flags);
	if (changed)
		tty_signal_group(t, SIGWINCH);
}

/* ---- hangup ---- */

static bool is_dead_file(const struct file *f)
{
	return tty_file_hung_up(f->private);
}

/* Every open file is dead from here on. */
void tty_kill_files(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	t->generation++;
	t->flow_off = false;
	if (t->ld) {
		ldisc_flush_input(t->ld);
		ldisc_flush_echo(t->ld);
		t->ld->stopped = false;
		room_made_locked(t); /* else a driver that holds input back would do so for good */
	}
	if (t->ops->flush_output)
		t->ops->flush_output(t);
	update_stopped_locked(t);
	tty_unlock(t, flags);
	wake_up_all(&t->read_wait);
	wake_up_all(&t->write_wait);
	async_list_drop(&t->async, is_dead_file);
}

void tty_hangup(struct tty *t)
{
	tty_signal_hangup(t);
	tty_leave_session(t);
	tty_kill_files(t);
}

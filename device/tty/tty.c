// SPDX-License-Identifier: MIT
/*
 * The terminal core: between the drivers and the line discipline.
 *
 * Input is processed where it arrives, usually in the interrupt: the line
 * discipline runs under the terminal's spin lock, its echo is passed to the driver
 * at once, and its other requests (signals, waking readers) are carried out
 * after the lock is dropped. When it has no space, the driver must keep the input
 * ("throttled") until its unthrottle() method is called.
 *
 * Output of programs is processed under the same lock, in pieces of at most
 * PIECE bytes so that interrupts are never off for long, and only as far as the
 * driver has space: all processed bytes have been passed to the driver, so the column
 * that the line discipline keeps is correct. Echo is written before output.
 *
 * struct tty is counted: by its registration, by open files, and by processes
 * whose controlling terminal it is. When its driver is removed, the terminal is
 * hung up and gets tty_no_ops.
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
/* IXOFF: ask the other side to stop when this much waits, and to continue when less than the other waits. */
#define XOFF_LEVEL (LDISC_INPUT_SIZE - 512)
#define XON_LEVEL  (LDISC_INPUT_SIZE / 4)
/* Refused input is asked for again when less than this waits. */
#define UNTHROTTLE_LEVEL (LDISC_INPUT_SIZE / 2)

static size_t no_write(struct tty *tty, const char *bytes, size_t len_bytes)
{
	return len_bytes;
}
static u32 no_write_room(struct tty *tty)
{
	return PIECE;
}

const struct tty_ops tty_no_ops = { .write = no_write, .write_room = no_write_room };

/* ---- objects ---- */

void tty_get(struct tty *tty)
{
	atomic_inc(&tty->refs);
}

void tty_put(struct tty *tty)
{
	if (tty && atomic_dec_and_test(&tty->refs)) {
		kfree(tty->ldisc);
		kfree(tty);
	}
}

void *tty_private(const struct tty *tty)
{
	return tty->private;
}
dev_t tty_device(const struct tty *tty)
{
	return tty->dev;
}
pid_t tty_pgrp(const struct tty *tty)
{
	return READ_ONCE(tty->pgrp);
}
bool tty_output_stopped(const struct tty *tty)
{
	return READ_ONCE(tty->stopped);
}
const struct ktermios *tty_settings(const struct tty *tty)
{
	return &tty->termios;
}

static struct tty *tty_create(dev_t dev, const struct tty_ops *ops, void *private)
{
	struct tty *tty = kzalloc(sizeof(*tty));

	if (!tty)
		return NULL;
	atomic_set(&tty->refs, 1);
	tty->dev = dev;
	tty->ops = ops;
	tty->private = private;
	tty->termios = ldisc_default_termios;
	spin_init(&tty->lock);
	mutex_init(&tty->open_lock);
	mutex_init(&tty->termios_lock);
	mutex_init(&tty->write_lock);
	mutex_init(&tty->read_lock);
	wait_queue_init(&tty->read_wait);
	wait_queue_init(&tty->write_wait);
	async_list_init(&tty->async);
	async_list_init(&tty->master_async);
	return tty;
}

static struct tty *tty_publish(const char *name, struct tty *tty)
{
	struct chardev chardev = {
		.dev = tty->dev, .name = name, .mode = 0620, .ops = &tty_fops, .private = tty
	};
	int err = chardev_register(&chardev);

	if (!err)
		return tty;
	tty_put(tty);
	return ERR_PTR(err);
}

struct tty *tty_register(const char *name, dev_t dev, const struct tty_ops *ops, void *private)
{
	struct tty *tty = tty_create(dev, ops, private);

	if (!tty)
		return ERR_PTR(-ENOMEM);
	return tty_publish(name, tty);
}

struct tty *tty_register_pty(dev_t dev, const struct tty_ops *ops, void *private)
{
	struct tty *tty = tty_create(dev, ops, private);

	if (!tty)
		return ERR_PTR(-ENOMEM);
	tty->is_pty = true;
	tty->termios.c_cflag &= ~HUPCL;
	tty->ldisc = kmalloc(sizeof(*tty->ldisc));
	if (!tty->ldisc) {
		tty_put(tty);
		return ERR_PTR(-ENOMEM);
	}
	ldisc_init(tty->ldisc, &tty->termios);
	return tty_publish(NULL, tty);
}

void tty_unregister(struct tty *tty)
{
	u64 flags;

	chardev_unregister(tty->dev);
	mutex_lock(&tty->open_lock);
	tty->gone = true; /* no open() succeeds any more; the hangup ends the files that are open */
	mutex_unlock(&tty->open_lock);
	tty_hangup(tty);

	mutex_lock(&tty->open_lock);
	if (tty->opens && tty->ops->close)
		tty->ops->close(tty);
	mutex_lock(&tty->termios_lock);
	flags = spin_lock_irqsave(&tty->lock);
	tty->ops = &tty_no_ops;
	spin_unlock_irqrestore(&tty->lock, flags);
	mutex_unlock(&tty->termios_lock);
	mutex_unlock(&tty->open_lock);
	wake_up_all(&tty->read_wait);
	wake_up_all(&tty->write_wait);
	tty_put(tty);
}

/* The master of a pty is notified after the lock is dropped, since that sends signals. */
static void tty_unlock(struct tty *tty, u64 flags)
{
	bool told = tty->master_told;

	tty->master_told = false;
	spin_unlock_irqrestore(&tty->lock, flags);
	if (told)
		async_notify(&tty->master_async, POLL_IN);
}

/* Wake writers: there may be space for output. */
static void tty_tell_writers(struct tty *tty)
{
	wake_up_poll(&tty->write_wait, POLLOUT | POLLWRNORM);
	if (unlikely(READ_ONCE(tty->write_short))) {
		WRITE_ONCE(tty->write_short, false);
		async_notify(&tty->async, POLL_OUT);
	}
}

/* ---- output ---- */

static void tty_push_echo_locked(struct tty *tty)
{
	const u8 *run;
	u32 length;

	assert_held(&tty->lock);
	while ((length = ldisc_echo_peek(tty->ldisc, &run))) {
		length = MIN(length, tty->ops->write_room(tty));
		if (length)
			length = tty->ops->write(tty, (const char *)run, length);
		if (!length)
			break;
		ldisc_echo_taken(tty->ldisc, length);
	}
}

static void tty_update_stopped_locked(struct tty *tty)
{
	bool stopped = tty->flow_off || (tty->ldisc && tty->ldisc->stopped);

	assert_held(&tty->lock);
	if (stopped == tty->stopped)
		return;
	tty->stopped = stopped;
	if (tty->ops->flow)
		tty->ops->flow(tty, stopped);
	if (tty->ldisc && !stopped)
		tty_push_echo_locked(tty);
}

size_t tty_send(struct tty *tty, const u8 *bytes, size_t len_bytes)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	size_t done = 0, used, made;
	u8 out[PIECE];

	while (done < len_bytes && tty->ldisc && !tty->stopped) {
		tty_push_echo_locked(tty);
		if (ldisc_echo_pending(tty->ldisc))
			break;
		used = ldisc_output(tty->ldisc, bytes + done, len_bytes - done, out,
				    MIN(sizeof(out), (size_t)tty->ops->write_room(tty)), &made);
		if (!used)
			break;
		tty->ops->write(tty, (char *)out, made);
		done += used;
	}
	tty_unlock(tty, flags);
	return done;
}

void tty_send_now(struct tty *tty, u8 byte)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	tty->ops->write(tty, (char *)&byte, 1);
	tty_unlock(tty, flags);
}

void tty_output_ready(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	if (tty->ldisc && !tty->stopped)
		tty_push_echo_locked(tty);
	tty_unlock(tty, flags);
	tty_tell_writers(tty);
}

void tty_flush_output(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	if (tty->ldisc)
		ldisc_flush_echo(tty->ldisc);
	if (tty->ops->flush_output)
		tty->ops->flush_output(tty);
	tty_unlock(tty, flags);
	tty_tell_writers(tty);
}

void tty_set_flow_off(struct tty *tty, bool off)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	if (tty->flow_off && tty->ldisc)
		tty->ldisc->stopped = false;
	tty->flow_off = off;
	tty_update_stopped_locked(tty);
	tty_unlock(tty, flags);
	tty_tell_writers(tty);
}

static bool tty_all_sent(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	bool sent = !tty->ops->chars_in_buffer || !tty->ops->chars_in_buffer(tty);

	tty_unlock(tty, flags);
	return sent;
}

int tty_wait_sent(struct tty *tty, u64 deadline_ns)
{
	u32 generation = READ_ONCE(tty->generation);
	int err = wait_event_interruptible_until(
		&tty->write_wait, tty_all_sent(tty) || READ_ONCE(tty->generation) != generation,
		deadline_ns);

	if (err)
		return err;
	mutex_lock(&tty->termios_lock);
	if (tty->ops->drain)
		tty->ops->drain(tty);
	mutex_unlock(&tty->termios_lock);
	return 0;
}

/* ---- input ---- */

static void tty_act_on(struct tty *tty, u32 events)
{
	if (events & LDISC_SIGINT)
		tty_signal_group(tty, SIGINT);
	if (events & LDISC_SIGQUIT)
		tty_signal_group(tty, SIGQUIT);
	if (events & LDISC_SIGTSTP)
		tty_signal_group(tty, SIGTSTP);
	if (events & LDISC_READABLE) {
		wake_up_poll(&tty->read_wait, POLLIN | POLLRDNORM);
		async_notify(&tty->async, POLL_IN);
	}
	if (events & (LDISC_FLOW | LDISC_FLUSH))
		tty_tell_writers(tty);
}

/* Carry out the line discipline's requests to the driver. */
static void tty_apply_locked(struct tty *tty, u32 events)
{
	assert_held(&tty->lock);
	if ((events & LDISC_FLUSH) && tty->ops->input_flushed)
		tty->ops->input_flushed(tty);
	if ((events & LDISC_FLUSH) && tty->ops->flush_output)
		tty->ops->flush_output(tty);
	if (!tty->stopped)
		tty_push_echo_locked(tty);
	if (events & LDISC_FLOW)
		tty_update_stopped_locked(tty);
	if ((tty->termios.c_iflag & IXOFF) && !tty->xoff_sent &&
	    ldisc_used(tty->ldisc) > XOFF_LEVEL) {
		tty->xoff_sent = true;
		tty->ops->write(tty, (char *)&tty->termios.c_cc[VSTOP], 1);
	}
}

size_t tty_receive(struct tty *tty, const char *bytes, size_t len_bytes)
{
	size_t done = 0, taken;

	while (done < len_bytes) {
		u64 flags = spin_lock_irqsave(&tty->lock);
		u32 events;

		if (!tty->ldisc) {
			tty_unlock(tty, flags);
			return len_bytes; /* not open: input is dropped */
		}
		taken = ldisc_receive(tty->ldisc, (const u8 *)bytes + done,
				      MIN(len_bytes - done, (size_t)PIECE), &events);
		tty_apply_locked(tty, events);
		if (!taken)
			tty->throttled = true;
		tty_unlock(tty, flags);
		tty_act_on(tty, events);
		if (!taken)
			break;
		done += taken;
	}
	return done;
}

u32 tty_receive_room(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	u32 room = LDISC_INPUT_SIZE;

	if (tty->ldisc)
		room = ldisc_room(tty->ldisc);
	if (!room)
		tty->throttled = true;
	tty_unlock(tty, flags);
	return room;
}

void tty_receive_error(struct tty *tty, enum tty_error what, u8 byte)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	u32 events = 0;

	if (tty->ldisc && what != TTY_OVERRUN) {
		if (what == TTY_BREAK)
			events = ldisc_receive_break(tty->ldisc);
		else
			events = ldisc_receive_damaged(tty->ldisc, byte);
		tty_apply_locked(tty, events);
	}
	tty_unlock(tty, flags);
	tty_act_on(tty, events);
}

/* A reader freed space: let the other side and the driver send again. */
static void tty_room_made_locked(struct tty *tty)
{
	assert_held(&tty->lock);
	if (tty->xoff_sent && ldisc_used(tty->ldisc) < XON_LEVEL) {
		tty->xoff_sent = false;
		tty->ops->write(tty, (char *)&tty->termios.c_cc[VSTART], 1);
	}
	if (tty->throttled &&
	    (ldisc_used(tty->ldisc) < UNTHROTTLE_LEVEL || !ldisc_has_input(tty->ldisc, 1)) &&
	    ldisc_room(tty->ldisc)) {
		tty->throttled = false;
		if (tty->ops->unthrottle)
			tty->ops->unthrottle(tty);
	}
}

size_t tty_take(struct tty *tty, u8 *dst, size_t size, bool *line_done)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	size_t taken = 0;

	*line_done = false;
	if (tty->ldisc) {
		taken = ldisc_read(tty->ldisc, dst, size, line_done);
		tty_room_made_locked(tty);
	}
	tty_unlock(tty, flags);
	return taken;
}

void tty_flush_input(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	if (tty->ldisc) {
		ldisc_flush_input(tty->ldisc);
		if (tty->ops->input_flushed)
			tty->ops->input_flushed(tty);
		tty_room_made_locked(tty);
	}
	tty_unlock(tty, flags);
}

/* ---- settings ---- */

void tty_change_termios(struct tty *tty, struct ktermios *new)
{
	u32 events = 0;
	u64 flags;

	mutex_lock(&tty->termios_lock);
	if (tty->ops->set_termios)
		tty->ops->set_termios(tty, new, &tty->termios);
	flags = spin_lock_irqsave(&tty->lock);
	tty->termios = *new;
	if (tty->ldisc) {
		events = ldisc_set_termios(tty->ldisc, new);
		if (events & LDISC_FLOW)
			tty_update_stopped_locked(tty);
		tty_room_made_locked(tty);
	}
	tty_unlock(tty, flags);
	mutex_unlock(&tty->termios_lock);
	/* Threads that wait use the old settings. */
	wake_up_all(&tty->read_wait);
	wake_up_all(&tty->write_wait);
}

void tty_set_settings(struct tty *tty, const struct ktermios *settings)
{
	struct ktermios new = *settings;

	tty_change_termios(tty, &new);
}

void tty_set_winsize(struct tty *tty, const struct winsize *winsize)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	bool changed = memcmp(&tty->winsize, winsize, sizeof(*winsize)) != 0;

	tty->winsize = *winsize;
	tty_unlock(tty, flags);
	if (changed)
		tty_signal_group(tty, SIGWINCH);
}

/* ---- hangup ---- */

static bool is_dead_file(const struct file *f)
{
	return tty_file_hung_up(f->private);
}

void tty_kill_files(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);

	tty->generation++;
	tty->flow_off = false;
	if (tty->ldisc) {
		ldisc_flush_input(tty->ldisc);
		ldisc_flush_echo(tty->ldisc);
		tty->ldisc->stopped = false;
		tty_room_made_locked(tty); /* else a throttled driver would stay throttled */
	}
	if (tty->ops->flush_output)
		tty->ops->flush_output(tty);
	tty_update_stopped_locked(tty);
	tty_unlock(tty, flags);
	wake_up_all(&tty->read_wait);
	wake_up_all(&tty->write_wait);
	async_list_drop(&tty->async, is_dead_file);
}

void tty_hangup(struct tty *tty)
{
	tty_signal_hangup(tty);
	tty_leave_session(tty);
	tty_kill_files(tty);
}

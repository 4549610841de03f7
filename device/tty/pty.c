// SPDX-License-Identifier: MIT
/*
 * Pseudo terminals: a terminal whose hardware is a program.
 *
 * Opening /dev/ptmx creates a pair. The slave, /dev/pts/N, is a terminal like
 * others, with the line discipline; its output is stored in a ring that the master
 * reads, and bytes that the master writes are received as typed. The master
 * is a file of its own, without a line discipline.
 *
 * The pair exists while the master is open: closing it hangs the slave up
 * and removes its driver; files of the slave then refer to a terminal
 * without one (tty_unregister()). When the slave's last file is closed, the
 * master reads the rest of the ring and then EIO, until the slave is opened again.
 *
 * Packet mode (TIOCPKT) starts each read of the master with a byte: zero, followed by
 * data, or bits that report changes of the slave's flow control and queues.
 *
 * Locks: the slave's tty.lock guards the ring, the flags and packet status; the
 * atomic methods are called under it. read_lock and write_lock (mutexes)
 * serialise reads and writes of the master, outside of it.
 */
#include <kernel/chardev.h>
#include <kernel/fs/async.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include "internal.h"

#define PTS_MAJOR 136
#define RING_SIZE 8192u /* power of two */
#define PIECE	  256
/* Bytes of the ring that a flush keeps: in Linux they have left the slave already. */
#define ARRIVED 4096u

struct pty {
	struct tty *slave;
	u32 index;
	bool locked;	   /* unlockpt() has not been called */
	bool slave_closed; /* it was open and no longer is */
	bool packet;
	u8 packet_status; /* TIOCPKT_*, not read yet */
	u32 head, tail;
	u8 *ring;
	struct mutex read_lock, write_lock;
	struct wait_queue read_wait, write_wait;
};

static struct pty *pty_of(const struct tty *tty)
{
	return tty_private(tty);
}
static u32 ring_used(const struct pty *pty)
{
	return pty->head - pty->tail;
}

static void pty_tell_locked(struct pty *pty, u8 what)
{
	assert_held(&pty->slave->lock);
	if (pty->packet) {
		pty->packet_status |= what;
		wake_up_poll(&pty->read_wait, POLLIN | POLLRDNORM | POLLPRI);
	}
}

/* ---- the slave's driver: atomic methods ---- */

static size_t pts_write(struct tty *tty, const char *bytes, size_t len_bytes)
{
	struct pty *pty = pty_of(tty);
	u32 taken = MIN(len_bytes, (size_t)(RING_SIZE - ring_used(pty)));
	u32 position = pty->head % RING_SIZE, first = MIN(taken, RING_SIZE - position);

	memcpy(pty->ring + position, bytes, first);
	memcpy(pty->ring, bytes + first, taken - first);
	pty->head += taken;
	if (taken) {
		wake_up_poll(&pty->read_wait, POLLIN | POLLRDNORM);
		tty->master_told = true;
	}
	return taken;
}

static u32 pts_write_room(struct tty *tty)
{
	return RING_SIZE - ring_used(pty_of(tty));
}

static void pts_flush_output(struct tty *tty)
{
	struct pty *pty = pty_of(tty);

	if (ring_used(pty) > ARRIVED)
		pty->head = pty->tail + ARRIVED;
	pty_tell_locked(pty, TIOCPKT_FLUSHWRITE);
}

static void pts_input_flushed(struct tty *tty)
{
	pty_tell_locked(pty_of(tty), TIOCPKT_FLUSHREAD);
}

static void pts_unthrottle(struct tty *tty)
{
	wake_up_poll(&pty_of(tty)->write_wait, POLLOUT | POLLWRNORM);
}

static void pts_flow(struct tty *tty, bool stopped)
{
	struct pty *pty = pty_of(tty);

	pty->packet_status &= ~(TIOCPKT_STOP | TIOCPKT_START);
	pty_tell_locked(pty, stopped ? TIOCPKT_STOP : TIOCPKT_START);
}

/* ---- the slave's driver: the rest ---- */

static bool uses_usual_flow(const struct ktermios *settings)
{
	return (settings->c_iflag & IXON) && settings->c_cc[VSTOP] == '\023' &&
	       settings->c_cc[VSTART] == '\021';
}

static void pts_set_termios(struct tty *tty, struct ktermios *new, const struct ktermios *old)
{
	struct pty *pty = pty_of(tty);
	bool now = uses_usual_flow(new);
	u64 flags;

	new->c_cflag = (new->c_cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
	if (now == uses_usual_flow(old))
		return;
	flags = spin_lock_irqsave(&tty->lock);
	pty->packet_status &= ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
	pty_tell_locked(pty, now ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
	spin_unlock_irqrestore(&tty->lock, flags);
}

static int pts_may_open(struct tty *tty)
{
	if (READ_ONCE(pty_of(tty)->locked))
		return -EIO;
	return 0;
}

static void pty_set_slave_closed(struct tty *tty, bool closed)
{
	struct pty *pty = pty_of(tty);
	u64 flags = spin_lock_irqsave(&tty->lock);

	pty->slave_closed = closed;
	spin_unlock_irqrestore(&tty->lock, flags);
	wake_up_all(&pty->read_wait);
	wake_up_all(&pty->write_wait);
}

static int pts_open(struct tty *tty)
{
	pty_set_slave_closed(tty, false);
	return 0;
}

static void pts_close(struct tty *tty)
{
	pty_set_slave_closed(tty, true);
}

static const struct tty_ops pts_ops = {
	.write = pts_write,
	.write_room = pts_write_room,
	.flush_output = pts_flush_output,
	.input_flushed = pts_input_flushed,
	.unthrottle = pts_unthrottle,
	.flow = pts_flow,
	.set_termios = pts_set_termios,
	.may_open = pts_may_open,
	.open = pts_open,
	.close = pts_close,
};

/* ---- the master: read and write ---- */

/* Take bytes from the ring. @return how many; -EIO: empty and the slave is closed; -EAGAIN: empty */
static s64 ring_take(struct pty *pty, u8 *dst, size_t size)
{
	u64 flags = spin_lock_irqsave(&pty->slave->lock);
	s64 taken = MIN(size, (size_t)ring_used(pty));
	u32 position = pty->tail % RING_SIZE, first = MIN((u32)taken, RING_SIZE - position);

	memcpy(dst, pty->ring + position, first);
	memcpy(dst + first, pty->ring, taken - first);
	pty->tail += taken;
	if (!taken)
		taken = pty->slave_closed ? -EIO : -EAGAIN;
	spin_unlock_irqrestore(&pty->slave->lock, flags);
	return taken;
}

static u8 pty_take_packet_status(struct pty *pty)
{
	u64 flags = spin_lock_irqsave(&pty->slave->lock);
	u8 status = pty->packet_status;

	pty->packet_status = 0;
	spin_unlock_irqrestore(&pty->slave->lock, flags);
	return status;
}

static bool pty_has_input(struct pty *pty)
{
	return ring_used(pty) || READ_ONCE(pty->slave_closed) || READ_ONCE(pty->packet_status);
}

/* Copy the ring's content, up to the end of @p uio. @return bytes, or ring_take()'s error */
static s64 pty_read_ring(struct pty *pty, struct uio *uio)
{
	u8 piece[PIECE];
	s64 done = 0, taken;

	while (uio->count) {
		size_t want = MIN(uio->count, (u64)sizeof(piece)), copied;

		taken = ring_take(pty, piece, want);
		if (taken < 0)
			return tty_transferred(done, taken);
		copied = uio_copy_out(uio, piece, taken);
		done += copied;
		if (copied < taken)
			return tty_transferred(done, -EFAULT);
		if (taken < want)
			break;
	}
	return done;
}

/* One read() in packet mode: a status byte alone, or a zero and data. */
static s64 pty_read_packet(struct pty *pty, struct uio *uio)
{
	u8 status = pty_take_packet_status(pty);
	bool closed = READ_ONCE(pty->slave_closed); /* before looking for what it wrote */
	s64 taken;

	smp_rmb();
	if (!status && !ring_used(pty))
		return closed ? -EIO : -EAGAIN;
	if (!uio_copy_out(uio, &status, 1))
		return -EFAULT;
	if (status)
		return 1;
	taken = pty_read_ring(pty, uio);
	if (taken < 0)
		return 1;
	return taken + 1;
}

static s64 ptm_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct pty *pty = f->private;
	s64 result;

	if (!uio->count)
		return 0;
	for (;;) {
		if (mutex_lock_interruptible(&pty->read_lock))
			return -ERESTARTSYS;
		if (READ_ONCE(pty->packet))
			result = pty_read_packet(pty, uio);
		else
			result = pty_read_ring(pty, uio);
		mutex_unlock(&pty->read_lock);
		if (result > 0)
			tty_output_ready(pty->slave);
		if (result != -EAGAIN || (f->flags & O_NONBLOCK))
			return result;
		result = wait_event_interruptible(&pty->read_wait, pty_has_input(pty));
		if (result)
			return result;
	}
}

static s64 pty_type_piece(struct pty *pty, struct file *f, const u8 *bytes, size_t length)
{
	size_t done = 0;
	int err = 0;

	for (;;) {
		done += tty_receive(pty->slave, (const char *)bytes + done, length - done);
		if (done == length)
			return done;
		if (f->flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = wait_event_interruptible(&pty->write_wait,
						       tty_receive_room(pty->slave));
		if (err)
			return tty_transferred(done, err);
	}
}

static s64 ptm_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct pty *pty = f->private;
	u8 piece[PIECE];
	s64 done = 0, result = 0;

	if (mutex_lock_interruptible(&pty->write_lock))
		return -ERESTARTSYS;
	while (uio->count) {
		size_t len = uio_copy_in(uio, piece, MIN(uio->count, (u64)sizeof(piece)));

		result = -EFAULT;
		if (len)
			result = pty_type_piece(pty, f, piece, len);
		if (result > 0)
			done += result;
		if (result < 0 || result < len)
			break;
	}
	mutex_unlock(&pty->write_lock);
	return tty_transferred(done, result);
}

static u32 ptm_poll(struct file *f, struct poll_table *table)
{
	struct pty *pty = f->private;
	u32 ready = 0;

	poll_wait(table, &pty->read_wait);
	poll_wait(table, &pty->write_wait);
	if (READ_ONCE(pty->slave_closed))
		ready |= POLLHUP;
	smp_rmb(); /* closed and empty: no more data will arrive */
	if (ring_used(pty))
		ready |= POLLIN | POLLRDNORM;
	if (READ_ONCE(pty->packet_status))
		ready |= POLLPRI | POLLIN | POLLRDNORM;
	if (tty_receive_room(pty->slave))
		ready |= POLLOUT | POLLWRNORM;
	return ready;
}

static int ptm_async(struct file *f, s32 fd, bool enable)
{
	struct pty *pty = f->private;
	int err = 0;

	if (enable)
		err = file_set_owner(f, F_OWNER_PID, current_process()->pid, false);
	if (err)
		return err;
	return async_list_set(&pty->slave->master_async, f, fd, enable);
}

/* ---- the master: control ---- */

static s64 pty_set_packet_mode(struct pty *pty, u64 arg)
{
	u64 flags;
	u32 enable;

	if (get_user_u32(&enable, uaddr(arg)))
		return -EFAULT;
	flags = spin_lock_irqsave(&pty->slave->lock);
	pty->packet = enable;
	pty->packet_status = 0;
	spin_unlock_irqrestore(&pty->slave->lock, flags);
	return 0;
}

static s64 pty_flush_queues(struct pty *pty, u64 which)
{
	u64 flags;

	if (which > TCIOFLUSH)
		return -EINVAL;
	if (which != TCOFLUSH) { /* what the master would read */
		flags = spin_lock_irqsave(&pty->slave->lock);
		pty->tail = pty->head;
		spin_unlock_irqrestore(&pty->slave->lock, flags);
		tty_output_ready(pty->slave);
	}
	if (which != TCIFLUSH) /* what it has written */
		tty_flush_input(pty->slave);
	return 0;
}

static s64 pty_send_signal(struct pty *pty, u64 sig)
{
	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	tty_signal_group(pty->slave, sig);
	return 0;
}

static s64 ptm_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *pty = f->private;
	u32 lock;

	switch (cmd) {
	case TIOCGPTN: return put_user_u32(uaddr(arg), pty->index);
	case TIOCSPTLCK:
		if (get_user_u32(&lock, uaddr(arg)))
			return -EFAULT;
		WRITE_ONCE(pty->locked, lock != 0);
		return 0;
	case TIOCGPTLCK: return put_user_u32(uaddr(arg), READ_ONCE(pty->locked));
	case TIOCPKT: return pty_set_packet_mode(pty, arg);
	case TIOCGPKT: return put_user_u32(uaddr(arg), READ_ONCE(pty->packet));
	case TIOCSIG: return pty_send_signal(pty, arg);
	case TCFLSH: return pty_flush_queues(pty, arg);
	case TIOCINQ: return put_user_u32(uaddr(arg), ring_used(pty));
	case TIOCOUTQ: return put_user_u32(uaddr(arg), 0);
	case TIOCGPGRP: return put_user_u32(uaddr(arg), tty_pgrp(pty->slave));
	case TIOCGSID:
		if (!pty->slave->session)
			return -ENOTTY;
		return put_user_u32(uaddr(arg), pty->slave->session);
	case TIOCSPGRP: return tty_ioctl_jobs(pty->slave, f, cmd, arg);
	}
	return tty_ioctl_common(pty->slave, cmd, arg);
}

/* ---- creation and removal ---- */

static DEFINE_MUTEX(index_lock); /* numbers: the nodes in /dev/pts and their terminals */

static void pty_free(struct pty *pty)
{
	kfree(pty->ring);
	kfree(pty);
}

static struct pty *pty_alloc(void)
{
	struct pty *pty = kzalloc(sizeof(*pty));

	if (!pty)
		return NULL;
	pty->ring = kmalloc(RING_SIZE);
	if (!pty->ring) {
		kfree(pty);
		return NULL;
	}
	pty->locked = true;
	mutex_init(&pty->read_lock);
	mutex_init(&pty->write_lock);
	wait_queue_init(&pty->read_wait);
	wait_queue_init(&pty->write_wait);
	return pty;
}

/* Find a free number, register the slave under it, and add its node to /dev/pts. */
static int pty_publish_locked(struct pty *pty)
{
	dev_t dev;
	int err;

	assert_held(&index_lock);
	while (pty->index < PTY_MAX && devpts_exists(pty->index))
		pty->index++;
	if (pty->index == PTY_MAX)
		return -ENOSPC;
	dev = MKDEV(PTS_MAJOR, pty->index);
	pty->slave = tty_register_pty(dev, &pts_ops, pty);
	if (IS_ERR(pty->slave))
		return PTR_ERR(pty->slave);
	err = devpts_add(pty->index, dev);
	if (err)
		tty_unregister(pty->slave);
	return err;
}

static const struct file_ops ptm_fops;

static int ptmx_open(struct inode *inode, struct file *f)
{
	struct pty *pty = pty_alloc();
	int err;

	if (!pty)
		return -ENOMEM;
	mutex_lock(&index_lock);
	err = pty_publish_locked(pty);
	mutex_unlock(&index_lock);
	if (err) {
		pty_free(pty);
		return err;
	}
	f->private = pty;
	f->ops = &ptm_fops;
	f->mode |= FMODE_STREAM;
	return 0;
}

static void ptm_release(struct file *f)
{
	struct pty *pty = f->private;

	mutex_lock(&index_lock);
	devpts_remove(pty->index);
	tty_unregister(pty->slave);
	mutex_unlock(&index_lock);
	pty_free(pty);
}

static const struct file_ops ptm_fops = {
	.release = ptm_release,
	.read = ptm_read,
	.write = ptm_write,
	.poll = ptm_poll,
	.ioctl = ptm_ioctl,
	.async = ptm_async,
};
static const struct file_ops ptmx_fops = { .open = ptmx_open };

void pty_init(void)
{
	devpts_init();
	chardev_register_own(&(struct chardev){
		.dev = MKDEV(5, 2), .name = "ptmx", .mode = 0666, .ops = &ptmx_fops });
}

// SPDX-License-Identifier: MIT
/*
 * Pseudo terminals: a terminal whose hardware is a program.
 *
 * Opening /dev/ptmx makes a pair. The slave, /dev/pts/N, is a terminal like
 * others, with the line discipline; its driver's output goes into a ring that
 * the master reads, and what the master writes is received as typed. The master
 * is a file of its own, without a line discipline.
 *
 * The pair lives as long as the master is open: closing it hangs the slave up
 * and takes its driver away, after which files of the slave refer to a terminal
 * without one (tty_unregister()). When the slave's last file is closed, the
 * master reads what is left and then EIO, until the slave is opened again.
 *
 * Packet mode (TIOCPKT) puts a byte in front of each read of the master: zero
 * and data, or bits that tell what the slave did to its flow and queues.
 *
 * Locks: the ring, the flags and packet status are under the slave's tty.lock,
 * which all atomic methods hold anyway. read_lock and write_lock (mutexes)
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
/* So much of the ring counts as shown already: flushing leaves it, as it does in Linux, where it has left the slave. */
#define ARRIVED 4096u

struct pty {
	struct tty *slave;
	u32 index;
	bool locked;	   /* unlockpt() has not been called */
	bool slave_closed; /* it was open and no longer is */
	bool packet;
	u8 packet_status; /* TIOCPKT_* not told yet */
	u32 head, tail;
	u8 *ring;
	struct mutex read_lock, write_lock;
	struct wait_queue read_wait, write_wait;
};

static struct pty *pty_of(const struct tty *t)
{
	return tty_private(t);
}
static u32 waiting(const struct pty *p)
{
	return p->head - p->tail;
}

static void tell_locked(struct pty *p, u8 what)
{
	if (p->packet) {
		p->packet_status |= what;
		wake_up_poll(&p->read_wait, POLLIN | POLLRDNORM | POLLPRI);
	}
}

/* ---- the slave's driver: atomic methods ---- */

static size_t pts_write(struct tty *t, const char *s, size_t len_bytes)
{
	struct pty *p = pty_of(t);
	u32 n = MIN(len_bytes, (size_t)(RING_SIZE - waiting(p)));
	u32 at = p->head % RING_SIZE, first = MIN(n, RING_SIZE - at);

	memcpy(p->ring + at, s, first);
	memcpy(p->ring, s + first, n - first);
	p->head += n;
	if (n) {
		wake_up_poll(&p->read_wait, POLLIN | POLLRDNORM);
		t->master_told = true;
	}
	return n;
}

static u32 pts_write_room(struct tty *t)
{
	return RING_SIZE - waiting(pty_of(t));
}

static void pts_flush_output(struct tty *t)
{
	struct pty *p = pty_of(t);

	if (waiting(p) > ARRIVED)
		p->head = p->tail + ARRIVED;
	tell_locked(p, TIOCPKT_FLUSHWRITE);
}

static void pts_input_flushed(struct tty *t)
{
	tell_locked(pty_of(t), TIOCPKT_FLUSHREAD);
}

static void pts_unthrottle(struct tty *t)
{
	wake_up_poll(&pty_of(t)->write_wait, POLLOUT | POLLWRNORM);
}

static void pts_flow(struct tty *t, bool stopped)
{
	struct pty *p = pty_of(t);

	p->packet_status &= ~(TIOCPKT_STOP | TIOCPKT_START);
	tell_locked(p, stopped ? TIOCPKT_STOP : TIOCPKT_START);
}

/* ---- the slave's driver: the rest ---- */

static bool uses_usual_flow(const struct ktermios *k)
{
	return (k->c_iflag & IXON) && k->c_cc[VSTOP] == '\023' && k->c_cc[VSTART] == '\021';
}

static void pts_set_termios(struct tty *t, struct ktermios *new, const struct ktermios *old)
{
	struct pty *p = pty_of(t);
	bool now = uses_usual_flow(new);
	u64 flags;

	new->c_cflag = (new->c_cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
	if (now == uses_usual_flow(old))
		return;
	flags = spin_lock_irqsave(&t->lock);
	p->packet_status &= ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
	tell_locked(p, now ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
	spin_unlock_irqrestore(&t->lock, flags);
}

static int pts_may_open(struct tty *t)
{
	return READ_ONCE(pty_of(t)->locked) ? -EIO : 0;
}

static void set_slave_closed(struct tty *t, bool closed)
{
	struct pty *p = pty_of(t);
	u64 flags = spin_lock_irqsave(&t->lock);

	p->slave_closed = closed;
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_all(&p->read_wait);
	wake_up_all(&p->write_wait);
}

static int pts_open(struct tty *t)
{
	set_slave_closed(t, false);
	return 0;
}

static void pts_close(struct tty *t)
{
	set_slave_closed(t, true);
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

/* Take from the ring. @return bytes; -EIO: empty, and nobody there who could fill it; -EAGAIN: empty */
static s64 ring_take(struct pty *p, u8 *dst, size_t size)
{
	u64 flags = spin_lock_irqsave(&p->slave->lock);
	s64 n = MIN(size, (size_t)waiting(p));
	u32 at = p->tail % RING_SIZE, first = MIN((u32)n, RING_SIZE - at);

	memcpy(dst, p->ring + at, first);
	memcpy(dst + first, p->ring, n - first);
	p->tail += n;
	if (!n)
		n = p->slave_closed ? -EIO : -EAGAIN;
	spin_unlock_irqrestore(&p->slave->lock, flags);
	return n;
}

static u8 take_packet_status(struct pty *p)
{
	u64 flags = spin_lock_irqsave(&p->slave->lock);
	u8 status = p->packet_status;

	p->packet_status = 0;
	spin_unlock_irqrestore(&p->slave->lock, flags);
	return status;
}

static bool something_to_read(struct pty *p)
{
	return waiting(p) || READ_ONCE(p->slave_closed) || READ_ONCE(p->packet_status);
}

/* What is there, to the end of the ring or of @u. @return bytes or what ring_take() says */
static s64 read_ring(struct pty *p, struct uio *u)
{
	u8 piece[PIECE];
	s64 done = 0, n;

	while (u->count) {
		size_t want = MIN(u->count, (u64)sizeof(piece)), copied;

		n = ring_take(p, piece, want);
		if (n < 0)
			return done ? done : n;
		copied = uio_copy_out(u, piece, n);
		done += copied;
		if (copied < n)
			return done ? done : -EFAULT;
		if (n < want)
			break;
	}
	return done;
}

/* One read() in packet mode: a status byte alone, or a zero and data. */
static s64 read_packet(struct pty *p, struct uio *u)
{
	u8 status = take_packet_status(p);
	bool closed = READ_ONCE(p->slave_closed); /* before looking for what it wrote */
	s64 n;

	smp_rmb();
	if (!status && !waiting(p))
		return closed ? -EIO : -EAGAIN;
	if (!uio_copy_out(u, &status, 1))
		return -EFAULT;
	if (status)
		return 1;
	n = read_ring(p, u);
	return n < 0 ? 1 : n + 1;
}

static s64 ptm_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->private;
	s64 n;

	if (!u->count)
		return 0;
	for (;;) {
		if (mutex_lock_interruptible(&p->read_lock))
			return -ERESTARTSYS;
		n = READ_ONCE(p->packet) ? read_packet(p, u) : read_ring(p, u);
		mutex_unlock(&p->read_lock);
		if (n > 0)
			tty_output_ready(p->slave);
		if (n != -EAGAIN || (f->flags & O_NONBLOCK))
			return n;
		n = wait_event_interruptible(&p->read_wait, something_to_read(p));
		if (n)
			return n;
	}
}

static s64 type_piece(struct pty *p, struct file *f, const u8 *s, size_t n)
{
	size_t done = 0;
	int err = 0;

	for (;;) {
		done += tty_receive(p->slave, (const char *)s + done, n - done);
		if (done == n)
			return done;
		if (f->flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = wait_event_interruptible(&p->write_wait, tty_receive_room(p->slave));
		if (err)
			return done ? (s64)done : err;
	}
}

static s64 ptm_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->private;
	u8 piece[PIECE];
	s64 done = 0, n = 0;

	if (mutex_lock_interruptible(&p->write_lock))
		return -ERESTARTSYS;
	while (u->count) {
		size_t len = uio_copy_in(u, piece, MIN(u->count, (u64)sizeof(piece)));

		n = len ? type_piece(p, f, piece, len) : -EFAULT;
		if (n > 0)
			done += n;
		if (n < 0 || n < len)
			break;
	}
	mutex_unlock(&p->write_lock);
	return done ? done : n;
}

static u32 ptm_poll(struct file *f, struct poll_table *t)
{
	struct pty *p = f->private;
	u32 ready = 0;

	poll_wait(t, &p->read_wait);
	poll_wait(t, &p->write_wait);
	if (READ_ONCE(p->slave_closed))
		ready |= POLLHUP;
	smp_rmb(); /* closed, and yet nothing there: then nothing comes */
	if (waiting(p))
		ready |= POLLIN | POLLRDNORM;
	if (READ_ONCE(p->packet_status))
		ready |= POLLPRI | POLLIN | POLLRDNORM;
	if (tty_receive_room(p->slave))
		ready |= POLLOUT | POLLWRNORM;
	return ready;
}

static int ptm_async(struct file *f, s32 fd, bool on)
{
	struct pty *p = f->private;
	int err = on ? file_set_owner(f, F_OWNER_PID, current_process()->pid, false) : 0;

	return err ? err : async_list_set(&p->slave->master_async, f, fd, on);
}

/* ---- the master: control ---- */

static s64 set_packet_mode(struct pty *p, u64 arg)
{
	u64 flags;
	u32 on;

	if (get_user_u32(&on, uaddr(arg)))
		return -EFAULT;
	flags = spin_lock_irqsave(&p->slave->lock);
	p->packet = on;
	p->packet_status = 0;
	spin_unlock_irqrestore(&p->slave->lock, flags);
	return 0;
}

static s64 flush_queues(struct pty *p, u64 which)
{
	u64 flags;

	if (which > TCIOFLUSH)
		return -EINVAL;
	if (which != TCOFLUSH) { /* what the master would read */
		flags = spin_lock_irqsave(&p->slave->lock);
		p->tail = p->head;
		spin_unlock_irqrestore(&p->slave->lock, flags);
		tty_output_ready(p->slave);
	}
	if (which != TCIFLUSH) /* what it has typed */
		tty_flush_input(p->slave);
	return 0;
}

static s64 send_signal(struct pty *p, u64 sig)
{
	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	tty_signal_group(p->slave, sig);
	return 0;
}

static s64 ptm_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = f->private;
	u32 n;

	switch (cmd) {
	case TIOCGPTN: return put_user_u32(uaddr(arg), p->index);
	case TIOCSPTLCK:
		if (get_user_u32(&n, uaddr(arg)))
			return -EFAULT;
		WRITE_ONCE(p->locked, n != 0);
		return 0;
	case TIOCGPTLCK: return put_user_u32(uaddr(arg), READ_ONCE(p->locked));
	case TIOCPKT: return set_packet_mode(p, arg);
	case TIOCGPKT: return put_user_u32(uaddr(arg), READ_ONCE(p->packet));
	case TIOCSIG: return send_signal(p, arg);
	case TCFLSH: return flush_queues(p, arg);
	case TIOCINQ: return put_user_u32(uaddr(arg), waiting(p));
	case TIOCOUTQ: return put_user_u32(uaddr(arg), 0);
	case TIOCGPGRP: return put_user_u32(uaddr(arg), tty_pgrp(p->slave));
	case TIOCGSID:
		return p->slave->session ? put_user_u32(uaddr(arg), p->slave->session) : -ENOTTY;
	case TIOCSPGRP: return tty_ioctl_jobs(p->slave, f, cmd, arg);
	}
	return tty_ioctl_common(p->slave, cmd, arg);
}

/* ---- birth and death ---- */

static DEFINE_MUTEX(index_lock);

static void pty_free(struct pty *p)
{
	kfree(p->ring);
	kfree(p);
}

static struct pty *pty_alloc(void)
{
	struct pty *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->ring = kmalloc(RING_SIZE);
	if (!p->ring) {
		kfree(p);
		return NULL;
	}
	p->locked = true;
	mutex_init(&p->read_lock);
	mutex_init(&p->write_lock);
	wait_queue_init(&p->read_wait);
	wait_queue_init(&p->write_wait);
	return p;
}

/* Find a number, register the slave under it, and show it in /dev/pts; index_lock held. */
static int publish_locked(struct pty *p)
{
	dev_t dev;
	int err;

	while (p->index < PTY_MAX && devpts_exists(p->index))
		p->index++;
	if (p->index == PTY_MAX)
		return -ENOSPC;
	dev = MKDEV(PTS_MAJOR, p->index);
	p->slave = tty_register_pty(dev, &pts_ops, p);
	if (IS_ERR(p->slave))
		return PTR_ERR(p->slave);
	err = devpts_add(p->index, dev);
	if (err)
		tty_unregister(p->slave);
	return err;
}

static const struct file_ops ptm_fops;

static int ptmx_open(struct inode *inode, struct file *f)
{
	struct pty *p = pty_alloc();
	int err;

	if (!p)
		return -ENOMEM;
	mutex_lock(&index_lock);
	err = publish_locked(p);
	mutex_unlock(&index_lock);
	if (err) {
		pty_free(p);
		return err;
	}
	f->private = p;
	f->ops = &ptm_fops;
	f->mode |= FMODE_STREAM;
	return 0;
}

static void ptm_release(struct file *f)
{
	struct pty *p = f->private;

	mutex_lock(&index_lock);
	devpts_remove(p->index);
	tty_unregister(p->slave);
	mutex_unlock(&index_lock);
	pty_free(p);
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
	chardev_register(&(struct chardev){
		.dev = MKDEV(5, 2), .name = "ptmx", .mode = 0666, .ops = &ptmx_fops });
}

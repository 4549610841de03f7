// SPDX-License-Identifier: MIT
/*
 * The control calls of a terminal.
 *
 * Three shapes of settings are understood (termio, termios, termios2); inside
 * there is one, struct ktermios, which is the last of them. The speeds are kept
 * as numbers; those that have a code are kept in c_cflag as well.
 *
 * Calls that change something are for the foreground group; others are stopped
 * by SIGTTOU first (jobs.c). Locks: see internal.h.
 */
#include <kernel/fs/file.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include "internal.h"

#define BREAK_MS 250

/* ---- speeds ---- */

/* By code: the 16 of System V, then those behind CBAUDEX. */
static const u32 speeds[] = {
	0,	 50,	  75,	   110,	    134,     150,     200,     300,
	600,	 1200,	  1800,	   2400,    4800,    9600,    19200,   38400,
	0,	 57600,	  115200,  230400,  460800,  500000,  576000,  921600,
	1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
};

static u32 speed_of_code(u32 code, u32 other)
{
	if (code == BOTHER)
		return other;
	return speeds[(code & 0xf) + (code & CBAUDEX ? 16 : 0)];
}

static void update_speeds(struct ktermios *t)
{
	u32 in = t->c_cflag >> IBSHIFT & CBAUD;

	t->c_ospeed = speed_of_code(t->c_cflag & CBAUD, t->c_ospeed);
	t->c_ispeed = in ? speed_of_code(in, t->c_ispeed) : t->c_ospeed;
}

/* The modem's carrier is not looked at, and the settings say so. */
void tty_set_line_speed(struct tty *t, u32 baud)
{
	u32 code = BOTHER;

	for (u32 i = 1; i < ARRAY_SIZE(speeds); i++)
		if (speeds[i] == baud)
			code = (i & 0xf) | (i & 0x10 ? CBAUDEX : 0);
	t->termios.c_cflag = (t->termios.c_cflag & ~CBAUD) | CLOCAL | code;
	t->termios.c_ispeed = t->termios.c_ospeed = baud;
}

/* ---- settings ---- */

/* The order TCxETS, TCxETS2 and TCxETA have in common: now, after output, after output and a flush. */
struct set_call {
	u32 cmd;
	size_t size;
	bool wait, flush;
};
static const struct set_call set_calls[] = {
	{ TCSETS, sizeof(struct termios), false, false },
	{ TCSETSW, sizeof(struct termios), true, false },
	{ TCSETSF, sizeof(struct termios), true, true },
	{ TCSETS2, sizeof(struct termios2), false, false },
	{ TCSETSW2, sizeof(struct termios2), true, false },
	{ TCSETSF2, sizeof(struct termios2), true, true },
	{ TCSETA, sizeof(struct termio), false, false },
	{ TCSETAW, sizeof(struct termio), true, false },
	{ TCSETAF, sizeof(struct termio), true, true },
};

static struct ktermios settings_of(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	struct ktermios now = t->termios;

	spin_unlock_irqrestore(&t->lock, flags);
	return now;
}

static int settings_from_user(struct ktermios *k, u64 arg, size_t size)
{
	struct termio old;

	if (size != sizeof(old))
		return copy_from_user(k, uaddr(arg), size);
	if (copy_from_user(&old, uaddr(arg), sizeof(old)))
		return -EFAULT;
	k->c_iflag = (k->c_iflag & ~0xffffu) | old.c_iflag;
	k->c_oflag = (k->c_oflag & ~0xffffu) | old.c_oflag;
	k->c_cflag = (k->c_cflag & ~0xffffu) | old.c_cflag;
	k->c_lflag = (k->c_lflag & ~0xffffu) | old.c_lflag;
	k->c_line = old.c_line;
	memcpy(k->c_cc, old.c_cc, sizeof(old.c_cc));
	return 0;
}

static s64 settings_to_user(struct tty *t, u64 arg, size_t size)
{
	struct ktermios k = settings_of(t);
	struct termio old = {
		.c_iflag = k.c_iflag,
		.c_oflag = k.c_oflag,
		.c_cflag = k.c_cflag,
		.c_lflag = k.c_lflag,
		.c_line = k.c_line,
	};

	if (size != sizeof(old))
		return copy_to_user(uaddr(arg), &k, size);
	memcpy(old.c_cc, k.c_cc, sizeof(old.c_cc));
	return copy_to_user(uaddr(arg), &old, sizeof(old));
}

static s64 change_settings(struct tty *t, const struct set_call *call, u64 arg)
{
	struct ktermios k = settings_of(t);
	s64 err = tty_check_job(t, SIGTTOU);

	if (!err)
		err = settings_from_user(&k, arg, call->size);
	if (err)
		return err;
	update_speeds(&k);
	k.c_line = N_TTY;
	if (call->flush)
		tty_flush_input(t);
	if (call->wait)
		err = tty_wait_sent(t, 0);
	if (!err)
		tty_change_termios(t, &k);
	return err;
}

/* TIOCSSOFTCAR: the one setting with a call of its own. */
static s64 set_softcar(struct tty *t, u64 arg)
{
	struct ktermios k = settings_of(t);
	u32 on;

	if (get_user_u32(&on, uaddr(arg)))
		return -EFAULT;
	k.c_cflag = on ? k.c_cflag | CLOCAL : k.c_cflag & ~CLOCAL;
	tty_change_termios(t, &k);
	return 0;
}

static s64 ioctl_settings(struct tty *t, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TCGETS: return settings_to_user(t, arg, sizeof(struct termios));
	case TCGETS2: return settings_to_user(t, arg, sizeof(struct termios2));
	case TCGETA: return settings_to_user(t, arg, sizeof(struct termio));
	case TIOCGSOFTCAR: return put_user_u32(uaddr(arg), !!(settings_of(t).c_cflag & CLOCAL));
	case TIOCSSOFTCAR: return set_softcar(t, arg);
	}
	for (u32 i = 0; i < ARRAY_SIZE(set_calls); i++)
		if (set_calls[i].cmd == cmd)
			return change_settings(t, &set_calls[i], arg);
	return -ENOTTY;
}

/* ---- window size ---- */

static s64 ioctl_winsize(struct tty *t, u32 cmd, u64 arg)
{
	struct winsize w;
	u64 flags;

	if (cmd == TIOCSWINSZ) {
		if (copy_from_user(&w, uaddr(arg), sizeof(w)))
			return -EFAULT;
		tty_set_winsize(t, &w);
		return 0;
	}
	flags = spin_lock_irqsave(&t->lock);
	w = t->winsize;
	spin_unlock_irqrestore(&t->lock, flags);
	return copy_to_user(uaddr(arg), &w, sizeof(w));
}

s64 tty_ioctl_common(struct tty *t, u32 cmd, u64 arg)
{
	if (cmd == TIOCGWINSZ || cmd == TIOCSWINSZ)
		return ioctl_winsize(t, cmd, arg);
	return ioctl_settings(t, cmd, arg);
}

/* ---- breaks, flow, flushing ---- */

static s64 set_break(struct tty *t, bool on)
{
	s64 err;

	mutex_lock(&t->termios_lock);
	err = t->ops->set_break ? t->ops->set_break(t, on) : 0;
	mutex_unlock(&t->termios_lock);
	return err;
}

static s64 send_break(struct tty *t, u32 ms)
{
	s64 err = set_break(t, true);

	if (err)
		return err;
	err = sleep_until(time_monotonic_ns() + ms * NSEC_PER_MSEC, true);
	set_break(t, false);
	return err;
}

/* Calls that first wait until all output has left. */
static s64 ioctl_break(struct tty *t, u32 cmd, u64 arg)
{
	s64 err = tty_check_job(t, SIGTTOU);

	if (!err && cmd != TIOCCBRK)
		err = tty_wait_sent(t, 0);
	if (err)
		return err;
	switch (cmd) {
	case TIOCSBRK: return set_break(t, true);
	case TIOCCBRK: return set_break(t, false);
	case TCSBRK: /* tcdrain(), or a break */ return arg ? 0 : send_break(t, BREAK_MS);
	default: /* TCSBRKP: tenths of a second */
		return send_break(t, arg ? MIN(arg, 100ull) * 100 : BREAK_MS);
	}
}

static s64 ioctl_flow(struct tty *t, u64 arg)
{
	struct ktermios k = settings_of(t);
	s64 err = tty_check_job(t, SIGTTOU);
	u8 c;

	if (err)
		return err;
	switch (arg) {
	case TCOOFF:
	case TCOON: tty_set_flow_off(t, arg == TCOOFF); return 0;
	case TCIOFF:
	case TCION:
		c = k.c_cc[arg == TCIOFF ? VSTOP : VSTART];
		if (c != TTY_CC_DISABLED)
			tty_send_now(t, c);
		return 0;
	}
	return -EINVAL;
}

static s64 ioctl_flush(struct tty *t, u64 arg)
{
	s64 err = tty_check_job(t, SIGTTOU);

	if (err)
		return err;
	if (arg > TCIOFLUSH)
		return -EINVAL;
	if (arg != TCOFLUSH)
		tty_flush_input(t);
	if (arg != TCIFLUSH)
		tty_flush_output(t);
	return 0;
}

/* ---- queues ---- */

static u32 input_count(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	u32 n = t->ld ? ldisc_readable(t->ld) : 0;

	spin_unlock_irqrestore(&t->lock, flags);
	return n;
}

static u32 output_count(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	u32 n = t->ops->chars_in_buffer ? t->ops->chars_in_buffer(t) : 0;

	spin_unlock_irqrestore(&t->lock, flags);
	return n;
}

/* A character as if it had been typed: only for those who may do anything anyway. */
static s64 fake_input(struct tty *t, u64 arg)
{
	char c;

	if (!current_is_super())
		return -EPERM;
	if (copy_from_user(&c, uaddr(arg), 1))
		return -EFAULT;
	tty_receive(t, &c, 1);
	return 0;
}

/* ---- modem lines ---- */

static s64 modem_locked(struct tty *t, u32 cmd, u64 arg)
{
	u32 bits;
	int now;

	if (!t->ops->modem_get || !t->ops->modem_set)
		return -ENOTTY;
	if (cmd == TIOCMGET) {
		now = t->ops->modem_get(t);
		return now < 0 ? now : put_user_u32(uaddr(arg), now);
	}
	if (get_user_u32(&bits, uaddr(arg)))
		return -EFAULT;
	return t->ops->modem_set(t, cmd == TIOCMBIC ? 0 : bits,
				 cmd == TIOCMBIS   ? 0
				 : cmd == TIOCMBIC ? bits
						   : ~bits);
}

static s64 ioctl_modem(struct tty *t, u32 cmd, u64 arg)
{
	s64 err;

	mutex_lock(&t->termios_lock);
	err = modem_locked(t, cmd, arg);
	mutex_unlock(&t->termios_lock);
	return err;
}

/* ---- all of them ---- */

static s64 ioctl_exclusive(struct tty *t, u32 cmd, u64 arg)
{
	if (cmd == TIOCGEXCL)
		return put_user_u32(uaddr(arg), READ_ONCE(t->exclusive));
	WRITE_ONCE(t->exclusive, cmd == TIOCEXCL);
	return 0;
}

static s64 ioctl_discipline(u32 cmd, u64 arg)
{
	u32 n;

	if (cmd == TIOCGETD)
		return put_user_u32(uaddr(arg), N_TTY);
	if (get_user_u32(&n, uaddr(arg)))
		return -EFAULT;
	return n == N_TTY ? 0 : -EINVAL;
}

static s64 ioctl_hangup(struct tty *t)
{
	if (!current_is_super())
		return -EPERM;
	tty_hangup(t);
	return 0;
}

static s64 ioctl_rest(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
	s64 err = tty_ioctl_jobs(t, f, cmd, arg);

	if (err == -ENOTTY && cmd != TIOCGPGRP && cmd != TIOCSPGRP && cmd != TIOCGSID &&
	    cmd != TIOCNOTTY)
		err = tty_ioctl_common(t, cmd, arg);
	if (err != -ENOTTY)
		return err;
	mutex_lock(&t->termios_lock);
	if (t->ops->ioctl)
		err = t->ops->ioctl(t, cmd, arg);
	mutex_unlock(&t->termios_lock);
	return err;
}

s64 tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty_file *tf = tty_file_of(f);
	struct tty *t = tf->tty;

	if (tty_file_hung_up(tf))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK: return ioctl_break(t, cmd, arg);
	case TCXONC: return ioctl_flow(t, arg);
	case TCFLSH: return ioctl_flush(t, arg);
	case TIOCINQ: return put_user_u32(uaddr(arg), input_count(t));
	case TIOCOUTQ: return put_user_u32(uaddr(arg), output_count(t));
	case TIOCSTI: return fake_input(t, arg);
	case TIOCMGET:
	case TIOCMSET:
	case TIOCMBIS:
	case TIOCMBIC: return ioctl_modem(t, cmd, arg);
	case TIOCEXCL:
	case TIOCNXCL:
	case TIOCGEXCL: return ioctl_exclusive(t, cmd, arg);
	case TIOCGETD:
	case TIOCSETD: return ioctl_discipline(cmd, arg);
	case TIOCGDEV: return put_user_u32(uaddr(arg), t->dev);
	case TIOCVHANGUP: return ioctl_hangup(t);
	}
	return ioctl_rest(t, f, cmd, arg);
}

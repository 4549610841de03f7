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

#define CBAUDEX_FIRST 16

/* By code: the 16 of System V, then those of codes with CBAUDEX. */
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
	if (code & CBAUDEX)
		return speeds[CBAUDEX_FIRST + (code & 0xf)];
	return speeds[code & 0xf];
}

static void settings_update_speeds(struct ktermios *settings)
{
	u32 input_speed = settings->c_cflag >> IBSHIFT & CBAUD, old_input = settings->c_ispeed;

	settings->c_ospeed = speed_of_code(settings->c_cflag & CBAUD, settings->c_ospeed);
	settings->c_ispeed = settings->c_ospeed;
	if (input_speed)
		settings->c_ispeed = speed_of_code(input_speed, old_input);
}

static u32 code_of_speed(u32 index)
{
	if (index < CBAUDEX_FIRST)
		return index;
	return CBAUDEX | (index - CBAUDEX_FIRST);
}

/* CLOCAL: the modem's carrier is ignored. */
void tty_set_line_speed(struct tty *tty, u32 baud)
{
	u32 code = BOTHER;

	for (u32 i = 1; i < ARRAY_SIZE(speeds); i++)
		if (speeds[i] == baud)
			code = code_of_speed(i);
	tty->termios.c_cflag = (tty->termios.c_cflag & ~CBAUD) | CLOCAL | code;
	tty->termios.c_ispeed = tty->termios.c_ospeed = baud;
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

static struct ktermios settings_of(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	struct ktermios now = tty->termios;

	spin_unlock_irqrestore(&tty->lock, flags);
	return now;
}

static int settings_from_user(struct ktermios *settings, u64 arg, size_t size)
{
	struct termio old;

	if (size != sizeof(old))
		return copy_from_user(settings, uaddr(arg), size);
	if (copy_from_user(&old, uaddr(arg), sizeof(old)))
		return -EFAULT;
	settings->c_iflag = (settings->c_iflag & ~0xffffu) | old.c_iflag;
	settings->c_oflag = (settings->c_oflag & ~0xffffu) | old.c_oflag;
	settings->c_cflag = (settings->c_cflag & ~0xffffu) | old.c_cflag;
	settings->c_lflag = (settings->c_lflag & ~0xffffu) | old.c_lflag;
	settings->c_line = old.c_line;
	memcpy(settings->c_cc, old.c_cc, sizeof(old.c_cc));
	return 0;
}

static s64 settings_to_user(struct tty *tty, u64 arg, size_t size)
{
	struct ktermios settings = settings_of(tty);
	struct termio old = {
		.c_iflag = settings.c_iflag,
		.c_oflag = settings.c_oflag,
		.c_cflag = settings.c_cflag,
		.c_lflag = settings.c_lflag,
		.c_line = settings.c_line,
	};

	if (size != sizeof(old))
		return copy_to_user(uaddr(arg), &settings, size);
	memcpy(old.c_cc, settings.c_cc, sizeof(old.c_cc));
	return copy_to_user(uaddr(arg), &old, sizeof(old));
}

static s64 settings_change(struct tty *tty, const struct set_call *call, u64 arg)
{
	struct ktermios settings = settings_of(tty);
	s64 err = tty_check_job(tty, SIGTTOU);

	if (!err)
		err = settings_from_user(&settings, arg, call->size);
	if (err)
		return err;
	settings_update_speeds(&settings);
	settings.c_line = N_TTY;
	if (call->flush)
		tty_flush_input(tty);
	if (call->wait)
		err = tty_wait_sent(tty, 0);
	if (!err)
		tty_change_termios(tty, &settings);
	return err;
}

/* TIOCSSOFTCAR: the one setting with a call of its own. */
static s64 settings_set_softcar(struct tty *tty, u64 arg)
{
	struct ktermios settings = settings_of(tty);
	u32 enable;

	if (get_user_u32(&enable, uaddr(arg)))
		return -EFAULT;
	settings.c_cflag &= ~CLOCAL;
	if (enable)
		settings.c_cflag |= CLOCAL;
	tty_change_termios(tty, &settings);
	return 0;
}

static s64 ioctl_settings(struct tty *tty, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TCGETS: return settings_to_user(tty, arg, sizeof(struct termios));
	case TCGETS2: return settings_to_user(tty, arg, sizeof(struct termios2));
	case TCGETA: return settings_to_user(tty, arg, sizeof(struct termio));
	case TIOCGSOFTCAR: return put_user_u32(uaddr(arg), !!(settings_of(tty).c_cflag & CLOCAL));
	case TIOCSSOFTCAR: return settings_set_softcar(tty, arg);
	}
	for (u32 i = 0; i < ARRAY_SIZE(set_calls); i++)
		if (set_calls[i].cmd == cmd)
			return settings_change(tty, &set_calls[i], arg);
	return -ENOTTY;
}

/* ---- window size ---- */

static s64 ioctl_winsize(struct tty *tty, u32 cmd, u64 arg)
{
	struct winsize winsize;
	u64 flags;

	if (cmd == TIOCSWINSZ) {
		if (copy_from_user(&winsize, uaddr(arg), sizeof(winsize)))
			return -EFAULT;
		tty_set_winsize(tty, &winsize);
		return 0;
	}
	flags = spin_lock_irqsave(&tty->lock);
	winsize = tty->winsize;
	spin_unlock_irqrestore(&tty->lock, flags);
	return copy_to_user(uaddr(arg), &winsize, sizeof(winsize));
}

s64 tty_ioctl_common(struct tty *tty, u32 cmd, u64 arg)
{
	if (cmd == TIOCGWINSZ || cmd == TIOCSWINSZ)
		return ioctl_winsize(tty, cmd, arg);
	return ioctl_settings(tty, cmd, arg);
}

/* ---- breaks, flow, flushing ---- */

static s64 tty_set_break(struct tty *tty, bool enable)
{
	s64 err = 0;

	mutex_lock(&tty->termios_lock);
	if (tty->ops->set_break)
		err = tty->ops->set_break(tty, enable);
	mutex_unlock(&tty->termios_lock);
	return err;
}

static s64 tty_send_break(struct tty *tty, u32 ms)
{
	s64 err = tty_set_break(tty, true);

	if (err)
		return err;
	err = sleep_until(time_monotonic_ns() + ms * NSEC_PER_MSEC, true);
	tty_set_break(tty, false);
	return err;
}

/* Calls that first wait until all output has left. */
static s64 ioctl_break(struct tty *tty, u32 cmd, u64 arg)
{
	s64 err = tty_check_job(tty, SIGTTOU);

	if (!err && cmd != TIOCCBRK)
		err = tty_wait_sent(tty, 0);
	if (err)
		return err;
	switch (cmd) {
	case TIOCSBRK: return tty_set_break(tty, true);
	case TIOCCBRK: return tty_set_break(tty, false);
	case TCSBRK: /* tcdrain(), or a break */
		if (arg)
			return 0;
		return tty_send_break(tty, BREAK_MS);
	default: /* TCSBRKP: tenths of a second */
		if (!arg)
			return tty_send_break(tty, BREAK_MS);
		return tty_send_break(tty, MIN(arg, 100ull) * 100);
	}
}

static s64 ioctl_flow(struct tty *tty, u64 arg)
{
	struct ktermios settings = settings_of(tty);
	s64 err = tty_check_job(tty, SIGTTOU);
	u8 byte;

	if (err)
		return err;
	switch (arg) {
	case TCOOFF:
	case TCOON: tty_set_flow_off(tty, arg == TCOOFF); return 0;
	case TCIOFF:
	case TCION:
		byte = settings.c_cc[arg == TCIOFF ? VSTOP : VSTART];
		if (byte != TTY_CC_DISABLED)
			tty_send_now(tty, byte);
		return 0;
	}
	return -EINVAL;
}

static s64 ioctl_flush(struct tty *tty, u64 arg)
{
	s64 err = tty_check_job(tty, SIGTTOU);

	if (err)
		return err;
	if (arg > TCIOFLUSH)
		return -EINVAL;
	if (arg != TCOFLUSH)
		tty_flush_input(tty);
	if (arg != TCIFLUSH)
		tty_flush_output(tty);
	return 0;
}

/* ---- queues ---- */

static u32 tty_input_count(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	u32 count = 0;

	if (tty->ldisc)
		count = ldisc_readable(tty->ldisc);
	spin_unlock_irqrestore(&tty->lock, flags);
	return count;
}

static u32 tty_output_count(struct tty *tty)
{
	u64 flags = spin_lock_irqsave(&tty->lock);
	u32 count = 0;

	if (tty->ops->chars_in_buffer)
		count = tty->ops->chars_in_buffer(tty);
	spin_unlock_irqrestore(&tty->lock, flags);
	return count;
}

/* Receive a character as if it had been typed; only for privileged processes. */
static s64 tty_fake_input(struct tty *tty, u64 arg)
{
	char byte;

	if (!current_is_super())
		return -EPERM;
	if (copy_from_user(&byte, uaddr(arg), 1))
		return -EFAULT;
	tty_receive(tty, &byte, 1);
	return 0;
}

/* ---- modem lines ---- */

static s64 ioctl_modem_locked(struct tty *tty, u32 cmd, u64 arg)
{
	u32 bits;
	int now;

	assert_held(&tty->termios_lock);
	if (!tty->ops->modem_get || !tty->ops->modem_set)
		return -ENOTTY;
	if (cmd == TIOCMGET) {
		now = tty->ops->modem_get(tty);
		if (now < 0)
			return now;
		return put_user_u32(uaddr(arg), now);
	}
	if (get_user_u32(&bits, uaddr(arg)))
		return -EFAULT;
	switch (cmd) {
	case TIOCMBIS: return tty->ops->modem_set(tty, bits, 0);
	case TIOCMBIC: return tty->ops->modem_set(tty, 0, bits);
	default: return tty->ops->modem_set(tty, bits, ~bits);
	}
}

static s64 ioctl_modem(struct tty *tty, u32 cmd, u64 arg)
{
	s64 err;

	mutex_lock(&tty->termios_lock);
	err = ioctl_modem_locked(tty, cmd, arg);
	mutex_unlock(&tty->termios_lock);
	return err;
}

/* ---- all of them ---- */

static s64 ioctl_exclusive(struct tty *tty, u32 cmd, u64 arg)
{
	if (cmd == TIOCGEXCL)
		return put_user_u32(uaddr(arg), READ_ONCE(tty->exclusive));
	WRITE_ONCE(tty->exclusive, cmd == TIOCEXCL);
	return 0;
}

static s64 ioctl_discipline(u32 cmd, u64 arg)
{
	u32 number;

	if (cmd == TIOCGETD)
		return put_user_u32(uaddr(arg), N_TTY);
	if (get_user_u32(&number, uaddr(arg)))
		return -EFAULT;
	if (number == N_TTY)
		return 0;
	return -EINVAL;
}

static s64 ioctl_hangup(struct tty *tty)
{
	if (!current_is_super())
		return -EPERM;
	tty_hangup(tty);
	return 0;
}

static s64 ioctl_rest(struct tty *tty, struct file *f, u32 cmd, u64 arg)
{
	s64 err = tty_ioctl_jobs(tty, f, cmd, arg);

	if (err == -ENOTTY && cmd != TIOCGPGRP && cmd != TIOCSPGRP && cmd != TIOCGSID &&
	    cmd != TIOCNOTTY)
		err = tty_ioctl_common(tty, cmd, arg);
	if (err != -ENOTTY)
		return err;
	mutex_lock(&tty->termios_lock);
	if (tty->ops->ioctl)
		err = tty->ops->ioctl(tty, cmd, arg);
	mutex_unlock(&tty->termios_lock);
	return err;
}

s64 tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty_file *tty_file = tty_file_of(f);
	struct tty *tty = tty_file->tty;

	if (tty_file_hung_up(tty_file))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK: return ioctl_break(tty, cmd, arg);
	case TCXONC: return ioctl_flow(tty, arg);
	case TCFLSH: return ioctl_flush(tty, arg);
	case TIOCINQ: return put_user_u32(uaddr(arg), tty_input_count(tty));
	case TIOCOUTQ: return put_user_u32(uaddr(arg), tty_output_count(tty));
	case TIOCSTI: return tty_fake_input(tty, arg);
	case TIOCMGET:
	case TIOCMSET:
	case TIOCMBIS:
	case TIOCMBIC: return ioctl_modem(tty, cmd, arg);
	case TIOCEXCL:
	case TIOCNXCL:
	case TIOCGEXCL: return ioctl_exclusive(tty, cmd, arg);
	case TIOCGETD:
	case TIOCSETD: return ioctl_discipline(cmd, arg);
	case TIOCGDEV: return put_user_u32(uaddr(arg), tty->dev);
	case TIOCVHANGUP: return ioctl_hangup(tty);
	}
	return ioctl_rest(tty, f, cmd, arg);
}

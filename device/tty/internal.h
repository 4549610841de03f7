/* SPDX-License-Identifier: MIT */
/**
 * @file internal.h  Terminals, inside device/tty/.
 *
 * Locks of a terminal, outermost first:
 *
 *   open_lock     (mutex) first open, last close; opens.
 *   termios_lock  (mutex) one change of settings at a time, and all methods of
 *                 the driver that may sleep and are not called under open_lock.
 *   write_lock, read_lock (mutexes) one write(), one read() at a time; never both.
 *   lock          (spin, interrupts off) the line discipline, termios, winsize,
 *                 flow control, and all atomic methods of the driver. Taken in
 *                 interrupts. Inside it only the driver's own lock and the
 *                 scheduler's (wake-ups).
 *
 * process_lock guards session and pgrp, and struct process's tty; it is never
 * taken inside a terminal's spin lock, nor the other way round: signals are
 * sent after the spin lock is dropped.
 */
#pragma once
#include <kernel/fs/async.h>
#include <kernel/tty.h>
#include <kernel/wait.h>
#include "ldisc.h"

struct tty {
	struct atomic refs;
	dev_t dev;
	const struct tty_ops *ops; /* all NULL or refusing once the driver is removed */
	void *private;

	spinlock_t lock;     /* guards what the list above names */
	struct ldisc *ldisc; /* NULL while no file is open */
	struct ktermios termios;
	struct winsize winsize;
	bool stopped;	/* output: by the user (ldisc->stopped) or tcflow() */
	bool flow_off;	/* tcflow(TCOOFF) */
	bool throttled; /* input was refused */
	bool xoff_sent; /* IXOFF: the other side was asked to stop */
	bool exclusive; /* TIOCEXCL */
	bool gone;	/* the driver was removed; under open_lock */
	bool is_pty;	/* the line discipline exists as long as the master */
	u32 generation; /* counts hangups: files of an older generation are dead */

	struct mutex open_lock, termios_lock, write_lock, read_lock;
	u32 opens;
	struct wait_queue read_wait, write_wait;
	/* Notified with no lock held, by the functions that wake the queues. */
	struct async_list async, master_async;
	bool write_short; /* a write with O_ASYNC was partial: signal when space is free */
	bool master_told; /* a pty's driver wrote: notify the master after ->lock */

	pid_t session,
		pgrp; /* whose controlling terminal it is; foreground group; under process_lock */
};

/** The private data of an open file of a terminal. */
struct tty_file {
	struct tty *tty; /* counted */
	u32 generation;	 /* at the open */
	bool console;	 /* opened as /dev/console: survives hangups */
};
static inline struct tty_file *tty_file_of(struct file *f)
{
	return f->private;
}
static inline bool tty_file_hung_up(const struct tty_file *tty_file)
{
	return !tty_file->console && tty_file->generation != READ_ONCE(tty_file->tty->generation);
}

/** The result of a transfer: the number of bytes moved, or the error if none was moved. */
static inline s64 tty_transferred(s64 done, s64 err)
{
	return done ? done : err;
}

/* ---- tty.c ---- */
/** tty_register() for the slave side of a pty. */
struct tty *__must_check tty_register_pty(dev_t dev, const struct tty_ops *ops, void *private);
extern const struct tty_ops tty_no_ops;
/** Process output and pass it on. @return how many bytes of @p bytes were used */
size_t tty_send(struct tty *tty, const u8 *bytes, size_t len_bytes);
/** Take input; opens the way for more. */
size_t tty_take(struct tty *tty, u8 *dst, size_t size, bool *line_done);
/** Sleep until all output has left. @return 0, -ERESTARTSYS, or -ETIMEDOUT (@p deadline_ns 0: none) */
int tty_wait_sent(struct tty *tty, u64 deadline_ns);
void tty_flush_input(struct tty *tty);
void tty_flush_output(struct tty *tty);
/** tcflow(): stop or restart output. */
void tty_set_flow_off(struct tty *tty, bool off);
/** One character to the line in front of everything (IXOFF, tcflow()). */
void tty_send_now(struct tty *tty, u8 byte);
void tty_change_termios(struct tty *tty, struct ktermios *new);
/** The part of a hangup that ends all open files. */
void tty_kill_files(struct tty *tty);

/* ---- file.c ---- */
extern const struct file_ops tty_fops;
/** Make @p f an open file of @p tty. @param noctty  never a controlling terminal by this */
int __must_check tty_open_file(struct tty *tty, struct file *f, bool console, bool noctty);

/* ---- ioctl.c ---- */
s64 __must_check tty_ioctl(struct file *f, u32 cmd, u64 arg);
/** The requests that are the same on both sides of a pty. @return -ENOTTY for the rest */
s64 __must_check tty_ioctl_common(struct tty *tty, u32 cmd, u64 arg);
/** The speed that a new terminal starts with. */
void tty_set_line_speed(struct tty *tty, u32 baud);

/* ---- jobs.c ---- */
/** May the current process change this terminal (SIGTTOU) or read it (SIGTTIN)? @return 0, -EIO, -ERESTARTSYS */
int __must_check tty_check_job(struct tty *tty, int sig);
/** A session leader without a terminal opened one. */
void tty_adopt_on_open(struct tty *tty, struct file *f);
/** The terminal has no open file any more, or is hung up: no session owns it. */
void tty_leave_session(struct tty *tty);
void tty_signal_hangup(struct tty *tty);
void tty_signal_group(struct tty *tty, int sig);
/** The current process's terminal, counted, or NULL. */
struct tty *tty_of_current(void);
s64 __must_check tty_ioctl_jobs(struct tty *tty, struct file *f, u32 cmd, u64 arg);

/* ---- devpts.c ---- */
#define PTY_MAX 1024
/** Create the node of pty @p index below /dev/pts, owned by the caller. Sleeps. */
int __must_check devpts_add(u32 index, dev_t dev);
void devpts_remove(u32 index);
/** Does a pty of this number exist? */
bool devpts_exists(u32 index);
void devpts_init(void);

/* ---- the terminals themselves ---- */
#if IS_ENABLED(CONFIG_SERIAL_CONSOLE)
void uart_init(void);
#else
static inline void uart_init(void)
{
}
#endif
#if IS_ENABLED(CONFIG_VGA_CONSOLE)
void vc_init(void);
#else
static inline void vc_init(void)
{
}
#endif
void pty_init(void);
/** Offer @p tty as a target of /dev/console, under the name of a console= option. */
void tty_add_console(const char *name, struct tty *tty);
void console_init(void);

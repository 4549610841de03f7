/* SPDX-License-Identifier: MIT */
/**
 * @file tty.h  Terminals: a line discipline between a device and its readers.
 *
 * Below: a driver (serial port, virtual console, the master side of a pseudo
 * terminal) that registers operations and delivers input. Above:
 * files on the character device. The implementation is in device/tty/.
 */
#pragma once
#include <kernel/fs/file.h>
#include <uapi/termios.h>

struct tty;
struct process;

/**
 * What a terminal's hardware side does. All but write and write_room may be NULL.
 * "Atomic" methods run under the terminal's spin lock with interrupts off: they
 * may not sleep and may not call back into tty functions (tty_private(),
 * tty_device() and tty_output_stopped() excepted). The ones that sleep are called
 * one at a time.
 */
struct tty_ops {
	/** Atomic. Take output bytes. @return how many were taken (fewer: tty_output_ready() follows) */
	size_t (*write)(struct tty *tty, const char *text, size_t len_bytes);
	/** Atomic. The number of bytes that write() accepts at once. */
	u32 (*write_room)(struct tty *tty);
	/** Atomic. Bytes accepted but not sent yet. */
	u32 (*chars_in_buffer)(struct tty *tty);
	/** Atomic. Drop them. */
	void (*flush_output)(struct tty *tty);
	/** Atomic. Input that was not read was dropped. */
	void (*input_flushed)(struct tty *tty);
	/** Atomic. tty_receive() has space again after it had refused bytes. */
	void (*unthrottle)(struct tty *tty);
	/** Atomic. Output was stopped or started again (Ctrl-S, Ctrl-Q): see tty_output_stopped(). */
	void (*flow)(struct tty *tty, bool stopped);
	/** Sleeps. chars_in_buffer() returned 0: wait until the line is idle as well. */
	void (*drain)(struct tty *tty);
	/** Sleeps. Called before settings change; the driver clears in @p new what it does not support. */
	void (*set_termios)(struct tty *tty, struct ktermios *new, const struct ktermios *old);
	/** Sleeps. Called before each open. @return 0, or the error of the open */
	int (*may_open)(struct tty *tty);
	/** Sleep. First open and last close. */
	int (*open)(struct tty *tty);
	void (*close)(struct tty *tty);
	/** Sleeps. Start or end a break on the line. */
	int (*set_break)(struct tty *tty, bool on);
	/** Sleep. Modem lines as bits of TIOCMGET. @return the bits, or -errno */
	int (*modem_get)(struct tty *tty);
	int (*modem_set)(struct tty *tty, u32 set, u32 clear);
	/** Sleeps. Calls that the core does not implement. @return -ENOTTY for unknown calls */
	s64 (*ioctl)(struct tty *tty, u32 cmd, u64 arg);
};

/**
 * @brief Create a terminal and its device node.
 * @param name     of the node below /dev; NULL: none
 * @param private  for the driver: tty_private()
 * @return the terminal, with a reference that tty_unregister() drops, or ERR_PTR(-EBUSY, -ENOMEM)
 * @note Context: thread, may sleep.
 */
struct tty *__must_check tty_register(const char *name, dev_t dev, const struct tty_ops *ops,
				      void *private);
/** Hang up, remove the node; the driver's methods are not called after this returned. Sleeps. */
void tty_unregister(struct tty *tty);
void *tty_private(const struct tty *tty);
dev_t tty_device(const struct tty *tty);
void tty_get(struct tty *tty);
void tty_put(struct tty *tty);

/**
 * @brief Bytes from the hardware. Any context.
 * @return how many were accepted; if fewer than @p len_bytes, the driver keeps the
 *         rest (or drops it) until its unthrottle() method is called.
 */
size_t tty_receive(struct tty *tty, const char *bytes, size_t len_bytes);
/**
 * @brief The number of bytes that tty_receive() would accept: for drivers that can leave input in their hardware.
 * After 0, unthrottle() is called when space is free. Any context.
 */
u32 tty_receive_room(struct tty *tty);
enum tty_error { TTY_BREAK, TTY_PARITY, TTY_FRAMING, TTY_OVERRUN };
/** A byte that arrived damaged, or a break. Any context. */
void tty_receive_error(struct tty *tty, enum tty_error what, u8 byte);
/** The driver has space for output, or all output was sent. Any context, no driver lock held. */
void tty_output_ready(struct tty *tty);
/** Has the user stopped output? Any context. */
bool tty_output_stopped(const struct tty *tty);
/** The settings in force; a driver reads them in open(). */
const struct ktermios *tty_settings(const struct tty *tty);
/** Change them, as tcsetattr() does. Sleeps. */
void tty_set_settings(struct tty *tty, const struct ktermios *settings);
void tty_set_winsize(struct tty *tty, const struct winsize *winsize);

/** The line was lost: every file that is open now reports end of file. Sleeps. */
void tty_hangup(struct tty *tty);
/** The foreground process group, 0 if none. */
pid_t tty_pgrp(const struct tty *tty);
/**
 * @brief Session leader @p leader exits: hang up its terminal, signal the foreground
 *        group (SIGHUP, SIGCONT), and take the terminal from all of the session.
 * @note Context: thread, no locks held. A process that is no leader, or has no terminal, is fine.
 */
void tty_session_exit(struct process *leader);

/** Register the terminals that belong to the machine, /dev/tty, /dev/console, /dev/ptmx. After fs_init(). */
void tty_init(void);

/* SPDX-License-Identifier: MIT */
/** @file tty.h  Terminals: a line discipline between a device and its readers. device/tty/ */
#pragma once
#include <kernel/fs.h>
#include <uapi/termios.h>

struct tty;
/** What a terminal's hardware side does. */
struct tty_ops {
	/** Take output bytes, without sleeping. @return how many were taken (fewer: call tty_output_ready() later) */
	size_t (*write)(struct tty *t, const char *s, size_t len_bytes);
	u32 (*write_room)(struct tty *t);
	void (*set_termios)(struct tty *t, const struct ktermios *old);	/* may be NULL */
	int (*open)(struct tty *t);
	void (*close)(struct tty *t);
	void (*flush_output)(struct tty *t);
};
/** Create a terminal and its device node. */
struct tty *tty_register(const char *name, dev_t dev, const struct tty_ops *ops, void *private);
void *tty_private(struct tty *t);
/** Bytes from the hardware. Any context. */
void tty_receive(struct tty *t, const char *s, size_t len_bytes);
void tty_output_ready(struct tty *t);
void tty_hangup(struct tty *t);
void tty_get(struct tty *t);
void tty_put(struct tty *t);
dev_t tty_device(const struct tty *t);
pid_t tty_pgrp(const struct tty *t);
/** Session leader @p p exits: disassociate, SIGHUP to the foreground group. */
struct process;
void tty_session_exit(struct process *leader);
/** /dev/console leads to the terminal registered last as console=, else the first. */
void tty_init(void);

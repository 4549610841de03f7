// SPDX-License-Identifier: MIT
/*
 * Two terminals that forward to others: /dev/tty for the controlling terminal of the
 * process that opens it, and /dev/console for the terminal that the last console= of
 * the command line names (without one: the first that is registered).
 *
 * Lock: console_lock (mutex) guards the choice of /dev/console. It is held
 * while the terminal is opened, so that it cannot be replaced and freed meanwhile.
 */
#include <kernel/chardev.h>
#include <kernel/cmdline.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/string.h>
#include "internal.h"

CMDLINE_OPTION(opt_console, "console");

static DEFINE_MUTEX(console_lock); /* console_tty, console_rank */
static struct tty *console_tty;	   /* counted */
static u32 console_rank;

/* The place of the last "console=NAME" or "console=NAME,options" among the words; 0: none. */
static u32 console_rank_of(const char *name)
{
	const char *cursor = NULL;
	size_t len = strlen(name);
	struct cmdline_word word;
	u32 rank = 0;

	for (u32 i = 1; option_next(&opt_console, &cursor, &word); i++)
		if (word.val_len >= len && !memcmp(word.val, name, len) &&
		    (word.val_len == len || word.val[len] == ','))
			rank = i;
	return rank;
}

void tty_add_console(const char *name, struct tty *tty)
{
	u32 rank = console_rank_of(name);

	mutex_lock(&console_lock);
	if (!console_tty || rank > console_rank) {
		tty_put(console_tty);
		tty_get(tty);
		console_tty = tty;
		console_rank = rank;
	}
	mutex_unlock(&console_lock);
}

static int console_open(struct inode *inode, struct file *f)
{
	int err = -ENODEV;

	mutex_lock(&console_lock);
	if (console_tty)
		err = tty_open_file(console_tty, f, true, true);
	mutex_unlock(&console_lock);
	return err;
}

static int current_tty_open(struct inode *inode, struct file *f)
{
	struct tty *tty = tty_of_current();
	int err;

	if (!tty)
		return -ENXIO;
	err = tty_open_file(tty, f, false, true);
	tty_put(tty);
	return err;
}

static const struct file_ops console_fops = { .open = console_open };
static const struct file_ops current_tty_fops = { .open = current_tty_open };

void console_init(void)
{
	chardev_register_own(&(struct chardev){
		.dev = MKDEV(5, 0), .name = "tty", .mode = 0666, .ops = &current_tty_fops });
	chardev_register_own(&(struct chardev){
		.dev = MKDEV(5, 1), .name = "console", .mode = 0600, .ops = &console_fops });
}

void tty_init(void)
{
	console_init();
	uart_init();
	vc_init();
	if (IS_ENABLED(CONFIG_PTY))
		pty_init();
}

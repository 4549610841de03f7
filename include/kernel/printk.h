/* SPDX-License-Identifier: MIT */
/**
 * @file printk.h  The kernel log: a ring of records in memory, and consoles that show it.
 * Any context, also with interrupts off and inside panic.
 */
#pragma once
#include <kernel/panic.h>
#include <kernel/types.h>

/* Levels, as in Linux and syslog(2); a record begins with one, default is INFO. */
#define KERN_EMERG  "\0010"
#define KERN_ERR    "\0013"
#define KERN_WARN   "\0014"
#define KERN_NOTICE "\0015"
#define KERN_INFO   "\0016"
#define KERN_DEBUG  "\0017"

/** Print a record. Formats: lib/format.c (%s %d %u %x %ld %lu %lx (s64 and u64 are long) %zu %p %c %%, widths, flags, %pS symbol+offset). */
void printk(const char *fmt, ...) __printf(1, 2);
#define pr_err(fmt, ...)    printk(KERN_ERR fmt, ##__VA_ARGS__)
#define pr_warn(fmt, ...)   printk(KERN_WARN fmt, ##__VA_ARGS__)
#define pr_notice(fmt, ...) printk(KERN_NOTICE fmt, ##__VA_ARGS__)
#define pr_info(fmt, ...)   printk(KERN_INFO fmt, ##__VA_ARGS__)
#define pr_debug(fmt, ...)  printk(KERN_DEBUG fmt, ##__VA_ARGS__)

/** A console shows bytes; write() is called under the log lock, interrupts off, and may not sleep. */
struct console {
	const char *name; /* "ttyS0", "tty0" */
	void (*write)(struct console *c, const char *s, size_t len_bytes);
	struct console *next;
	u8 enabled;
};
void console_register(struct console *console);
/** At the end, with all other CPUs stopped: locks are ignored from now on, and all messages are shown on all consoles. */
void printk_break_locks(void);
/** Set for good by that: all other CPUs have stopped, so waiting for a lock is of no use. */
extern bool printk_panicking;
/** All consoles, through ->next; none is ever removed (/proc/consoles). */
const struct console *console_first(void);
/** Records with a level number at or above this are kept but not shown (syslog(2) action 8; "quiet"). */
extern int console_loglevel;
/** The level of a message that has none, and the least value that console_loglevel is set to (/proc/sys/kernel/printk). */
extern int printk_message_level, printk_console_min;
/**
 * Obey "quiet" (warnings and worse), "debug" (all) and "loglevel=N" of the command
 * line, before the first console. Linux Documentation/admin-guide/kernel-parameters.rst.
 */
void printk_init(void);
/**
 * @brief Take the times of records from @p now_ns from now on; they are 0 before that.
 * @param now_ns  nanoseconds since boot; called in any context, also in an NMI
 */
void printk_set_clock(u64 (*now_ns)(void));
/**
 * @brief Call @p notify after each record from now on, except in a panic.
 * @param notify  called in the context of printk(), with no lock of the log held; may not sleep
 */
void printk_set_listener(void (*notify)(void));

/**
 * Copy log text for syslog(2) and /dev/kmsg, formatted as "<6>[    0.012345] text\n".
 * @param seq  in: first record wanted; out: the next one
 * @return bytes written, 0 when there is nothing new. Whole records only.
 */
size_t printk_read(u64 *seq, char *buf, size_t size);
struct printk_record {
	u64 seq, time_ns;
	u8 level;
};
/**
 * One record as it was printed, for /dev/kmsg.
 * @param seq  in: the one wanted, or the oldest one if that was overwritten; out: the one after it
 * @return length of the text (cut to @p size), -ENOENT when there is none yet
 */
s64 __must_check printk_read_record(u64 *seq, struct printk_record *record, char *buf, size_t size);
u64 printk_first_seq(void);
u64 printk_last_seq(void);
/** Total of bytes that printk_read() would return from @p seq on. */
size_t printk_unread(u64 seq);

// SPDX-License-Identifier: MIT
/*
 * /proc/sys: settings of the kernel, one in each file.
 *
 * Only settings that have an effect, and facts, are here; what cannot be changed is
 * not writable. (kernel/random/ is device/random.c's.) A text that is written may end in a newline. proc(5),
 * /proc/sys; Linux Documentation/admin-guide/sysctl/.
 */
#include <asm/nmi.h>
#include <kernel/fs/cache_settings.h>
#include <kernel/fs/epoll.h>
#include <kernel/fs/generated.h>
#include <kernel/fs/inotify_limits.h>
#include <kernel/fs/pipe.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/utsname.h>
#include <kernel/vm.h>
#include <uapi/stat.h>
#include "proc.h"

#define OVERFLOW_ID	  65534 /* what an id that does not fit becomes: "nobody" */
#define FD_NUMBERS	  1048576
#define OVERCOMMIT_ALWAYS 1 /* pages are allocated on first use, however much was mapped */

/* ---- numbers and texts that do not change ---- */

static int show_constant(struct seq_file *seq, void *arg)
{
	seq_put_u64(seq, 0, (u64)arg);
	seq_putc(seq, '\n');
	return 0;
}

static int show_ostype(struct seq_file *seq, void *unused)
{
	struct new_utsname uts;

	utsname_get(&uts);
	seq_printf(seq, "%s\n", uts.sysname);
	return 0;
}

static int show_osrelease(struct seq_file *seq, void *unused)
{
	struct new_utsname uts;

	utsname_get(&uts);
	seq_printf(seq, "%s\n", uts.release);
	return 0;
}

static int show_version(struct seq_file *seq, void *unused)
{
	struct new_utsname uts;

	utsname_get(&uts);
	seq_printf(seq, "%s\n", uts.version);
	return 0;
}

/* ---- names of the host ---- */

static int sysctl_show_name(struct seq_file *seq, void *which)
{
	struct new_utsname uts;

	utsname_get(&uts);
	seq_printf(seq, "%s\n", which == (void *)UTSNAME_HOST ? uts.nodename : uts.domainname);
	return 0;
}

/* Up to the first newline, or what fits, as Linux takes it. */
static int write_name(char *text, size_t len, void *which)
{
	char *newline = memchr(text, '\n', len);
	size_t length = newline ? (size_t)(newline - text) : strnlen(text, len);

	return utsname_set((enum utsname_which)(u64)which, text, MIN(length, (size_t)UTS_LEN));
}

/* Programs wait by poll() for a new name. */
static int create_name(const char *path, enum utsname_which which)
{
	const struct gen_spec spec = {
		.mode = S_IFREG | 0644,
		.show = sysctl_show_name,
		.write = write_name,
		.arg = (void *)which,
		.changes = &utsname_changes[which],
	};

	if (!gen_create(&proc_tree, path, &spec))
		return -ENOMEM;
	return 0;
}

/* ---- settings ---- */

static int show_pid_max(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%d\n", process_pid_max());
	return 0;
}

static int write_pid_max(char *text, size_t len, void *unused)
{
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < 0 || value > INT32_MAX)
		return -EINVAL;
	return process_set_pid_max((pid_t)value);
}

/* Level shown, level of a message without one, least value of the former, its value at the start. */
static int printk_first = 7;
static int *const printk_levels[] = { &console_loglevel, &printk_message_level, &printk_console_min,
				      &printk_first };

static int show_printk(struct seq_file *seq, void *unused)
{
	for (u32 i = 0; i < ARRAY_SIZE(printk_levels); i++)
		seq_printf(seq, "%d%c", READ_ONCE(*printk_levels[i]),
			   i + 1 < ARRAY_SIZE(printk_levels) ? '\t' : '\n');
	return 0;
}

/* One to four numbers, for the first of them. */
static int write_printk(char *text, size_t len, void *unused)
{
	int level[ARRAY_SIZE(printk_levels)];
	u32 count = 0;

	while (count < ARRAY_SIZE(level)) {
		size_t word = 0;
		char end;
		s64 value;

		while (*text == ' ' || *text == '\t' || *text == '\n')
			text++;
		if (!*text)
			break;
		while (text[word] && text[word] != ' ' && text[word] != '\t' && text[word] != '\n')
			word++;
		end = text[word];
		text[word] = 0;
		if (parse_s64(text, 0, &value) || value < 0 || value > INT32_MAX)
			return -EINVAL;
		level[count++] = (int)value;
		text += word + (end != 0);
	}
	for (u32 i = 0; i < count; i++)
		WRITE_ONCE(*printk_levels[i], level[i]);
	if (!count)
		return -EINVAL;
	return 0;
}

/* Numbers that any int may be written to. */
static int show_int(struct seq_file *seq, void *value)
{
	seq_printf(seq, "%d\n", READ_ONCE(*(int *)value));
	return 0;
}

static int write_int(char *text, size_t len, void *value)
{
	s64 number;
	int err = seq_parse_number(text, &number);

	if (err)
		return err;
	if (number < INT32_MIN || number > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(*(int *)value, (int)number);
	return 0;
}

#ifdef CONFIG_BLOCK
/* Write-back: a percentage, or a time of 1/100 s. */
static int write_percent(char *text, size_t len, void *value)
{
	s64 number;
	int err = seq_parse_number(text, &number);

	if (err)
		return err;
	if (number < 0 || number > 100)
		return -EINVAL;
	WRITE_ONCE(*(int *)value, (int)number);
	return 0;
}

static int write_centisecs(char *text, size_t len, void *value)
{
	s64 number;
	int err = seq_parse_number(text, &number);

	if (err)
		return err;
	if (number < 0 || number > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(*(int *)value, (int)number);
	cache_flusher_wake();
	return 0;
}

static int show_drop_caches(struct seq_file *seq, void *unused)
{
	seq_puts(seq, "0\n");
	return 0;
}

static int write_drop_caches(char *text, size_t len, void *unused)
{
	s64 number;
	int err = seq_parse_number(text, &number);

	if (err)
		return err;
	if (number < 1 || number > 4)
		return -EINVAL;
	cache_drop((u32)number & 3);
	return 0;
}
#endif

static int show_mmap_min_addr(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%lu\n", READ_ONCE(vm_min_addr));
	return 0;
}

static int write_mmap_min_addr(char *text, size_t len, void *unused)
{
	s64 value;
	int err = seq_parse_number(text, &value);

	if (!current_capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (err)
		return err;
	if (value < (s64)USER_BASE)
		return -EINVAL;
	WRITE_ONCE(vm_min_addr, (u64)value);
	return 0;
}

static int show_pipe_limit(struct seq_file *seq, void *which)
{
	seq_printf(seq, "%lu\n", pipe_limit_get((enum pipe_limit)(u64)which));
	return 0;
}

static int write_pipe_limit(char *text, size_t len, void *which)
{
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < 0)
		return -EINVAL;
	return pipe_limit_set((enum pipe_limit)(u64)which, (u64)value);
}

/* ---- all of them ---- */

#define CONSTANT(path, value)                                         \
	{                                                             \
		path, 0444, show_constant, NULL, (void *)(u64)(value) \
	}
#define FACT(path, show)                     \
	{                                    \
		path, 0444, show, NULL, NULL \
	}

#define INOTIFY_LIMIT(name, member)                                                    \
	{                                                                              \
		"sys/fs/inotify/" name, 0644, inotify_limit_show, inotify_limit_write, \
			(void *)offsetof(struct inotify_limits, member)                \
	}

static const struct sysctl_file {
	const char *path;
	mode_t mode;
	int (*show)(struct seq_file *m, void *arg);
	int (*write)(char *text, size_t len, void *arg);
	void *arg;
} sysctl_files[] = {
	FACT("sys/kernel/ostype", show_ostype),
	FACT("sys/kernel/osrelease", show_osrelease),
	FACT("sys/kernel/version", show_version),
	{ "sys/kernel/pid_max", 0644, show_pid_max, write_pid_max, NULL },
	FACT("sys/kernel/threads-max", show_pid_max),
	CONSTANT("sys/kernel/ngroups_max", NGROUPS_MAX),
	CONSTANT("sys/kernel/cap_last_cap", CAP_LAST_CAP),
	CONSTANT("sys/kernel/overflowuid", OVERFLOW_ID),
	CONSTANT("sys/kernel/overflowgid", OVERFLOW_ID),
	{ "sys/kernel/printk", 0644, show_printk, write_printk, NULL },
	{ "sys/kernel/ctrl-alt-del", 0644, show_int, write_int, &ctrl_alt_del_restarts },
	{ "sys/kernel/unknown_nmi_panic", 0644, show_int, write_int, &nmi_panic_wanted },
	CONSTANT("sys/vm/overcommit_memory", OVERCOMMIT_ALWAYS),
	{ "sys/vm/mmap_min_addr", 0644, show_mmap_min_addr, write_mmap_min_addr, NULL },
#ifdef CONFIG_BLOCK
	{ "sys/vm/dirty_ratio", 0644, show_int, write_percent, &cache_settings.dirty_ratio },
	{ "sys/vm/dirty_background_ratio", 0644, show_int, write_percent,
	  &cache_settings.background_ratio },
	{ "sys/vm/dirty_expire_centisecs", 0644, show_int, write_centisecs,
	  &cache_settings.expire_cs },
	{ "sys/vm/dirty_writeback_centisecs", 0644, show_int, write_centisecs,
	  &cache_settings.interval_cs },
	{ "sys/vm/drop_caches", 0200, show_drop_caches, write_drop_caches, NULL },
#endif
#ifdef CONFIG_EPOLL
	{ "sys/fs/epoll/max_user_watches", 0644, epoll_watches_show, epoll_watches_write, NULL },
#endif
#ifdef CONFIG_INOTIFY
	INOTIFY_LIMIT("max_queued_events", queued_events),
	INOTIFY_LIMIT("max_user_instances", user_instances),
	INOTIFY_LIMIT("max_user_watches", user_watches),
#endif
	CONSTANT("sys/fs/file-max", INT64_MAX),
	CONSTANT("sys/fs/nr_open", FD_NUMBERS),
	CONSTANT("sys/fs/overflowuid", OVERFLOW_ID),
	CONSTANT("sys/fs/overflowgid", OVERFLOW_ID),
	{ "sys/fs/pipe-max-size", 0644, show_pipe_limit, write_pipe_limit,
	  (void *)PIPE_LIMIT_SIZE },
	{ "sys/fs/pipe-user-pages-soft", 0644, show_pipe_limit, write_pipe_limit,
	  (void *)PIPE_LIMIT_SOFT },
	{ "sys/fs/pipe-user-pages-hard", 0644, show_pipe_limit, write_pipe_limit,
	  (void *)PIPE_LIMIT_HARD },
};

int proc_sysctl_init(void)
{
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(sysctl_files); i++)
		if (!proc_create_rw(sysctl_files[i].path, sysctl_files[i].mode,
				    sysctl_files[i].show, sysctl_files[i].write,
				    sysctl_files[i].arg))
			return -ENOMEM;
	err = create_name("sys/kernel/hostname", UTSNAME_HOST);
	if (err)
		return err;
	return create_name("sys/kernel/domainname", UTSNAME_DOMAIN);
}

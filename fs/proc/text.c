// SPDX-License-Identifier: MIT
/*
 * Lines of /proc and /sys that are composed from plain figures. Pure.
 *
 * The formats are those of Linux 6.1 to the byte, unusual blanks included, since
 * programs rely on columns: proc(5); Linux fs/proc/array.c,
 * task_mmu.c and base.c define what is printed.
 */
#include <kernel/fs/proc_text.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/resource.h>

/* Blank and number; the space was reserved. */
static inline char *put_field(char *to, u64 value)
{
	*to++ = ' ';
	return text_put_u64(to, value);
}

static char *put_signed_field(char *to, s64 value)
{
	*to++ = ' ';
	if (value >= 0)
		return text_put_u64(to, value);
	*to++ = '-';
	return text_put_u64(to, 0 - (u64)value);
}

static inline char *put_bytes(char *to, const char *bytes, size_t length)
{
	__builtin_memcpy(to, bytes, length);
	return to + length;
}
#define PUT_TEXT(to, text) put_bytes(to, text, sizeof(text) - 1)

static char *put_program(char *to, const struct proc_stat_line *line)
{
	if (line->pid < 0)
		*to++ = '-';
	to = text_put_u64(to, MAX(line->pid, 0 - (s64)line->pid));
	to = PUT_TEXT(to, " (");
	to = put_bytes(to, line->comm, strlen(line->comm));
	to = PUT_TEXT(to, ") ");
	*to++ = line->state;
	to = put_signed_field(to, line->ppid);
	to = put_signed_field(to, line->pgrp);
	to = put_signed_field(to, line->session);
	to = put_signed_field(to, (s32)line->tty);
	to = put_signed_field(to, line->tpgid);
	return put_field(to, line->flags);
}

static char *put_times(char *to, const struct proc_stat_line *line)
{
	to = put_field(to, line->minflt);
	to = put_field(to, line->cminflt);
	to = put_field(to, line->majflt);
	to = put_field(to, line->cmajflt);
	to = put_field(to, line->utime);
	to = put_field(to, line->stime);
	to = put_signed_field(to, line->cutime);
	to = put_signed_field(to, line->cstime);
	to = put_signed_field(to, line->priority);
	to = put_signed_field(to, line->nice);
	to = put_signed_field(to, line->num_threads);
	to = PUT_TEXT(to, " 0"); /* itrealvalue: no longer kept */
	return put_field(to, line->start_time);
}

static char *put_memory(char *to, const struct proc_stat_line *line)
{
	to = put_field(to, line->vsize);
	to = put_field(to, line->rss);
	to = put_field(to, line->rsslim);
	to = put_field(to, line->start_code);
	to = put_field(to, line->end_code);
	to = put_field(to, line->start_stack);
	to = put_field(to, line->esp);
	return put_field(to, line->eip);
}

static char *put_signals(char *to, const struct proc_stat_line *line)
{
	/* The first 31 signals only: the rest is in status. */
	to = put_field(to, line->pending & 0x7fffffff);
	to = put_field(to, line->blocked & 0x7fffffff);
	to = put_field(to, line->ignored & 0x7fffffff);
	to = put_field(to, line->caught & 0x7fffffff);
	to = put_field(to, line->waiting); /* wchan */
	to = PUT_TEXT(to, " 0 0");	   /* nswap, cnswap */
	to = put_signed_field(to, line->exit_signal);
	to = put_signed_field(to, line->processor);
	to = put_field(to, line->rt_priority);
	to = put_field(to, line->policy);
	return PUT_TEXT(to, " 0 0 0"); /* delays by block devices; guests */
}

static char *put_layout(char *to, const struct proc_stat_line *line)
{
	to = put_field(to, line->start_data);
	to = put_field(to, line->end_data);
	to = put_field(to, line->start_brk);
	to = put_field(to, line->arg_start);
	to = put_field(to, line->arg_end);
	to = put_field(to, line->env_start);
	to = put_field(to, line->env_end);
	to = put_signed_field(to, line->exit_code);
	*to++ = '\n';
	return to;
}

/* Space for the longest of the parts above. */
#define STAT_PART_MAX (16u * TEXT_NUMBER_MAX)

void proc_text_stat(struct seq_file *seq, const struct proc_stat_line *line)
{
	static char *(*const parts[])(char *to, const struct proc_stat_line *line) = {
		put_program, put_times, put_memory, put_signals, put_layout,
	};

	for (u32 i = 0; i < ARRAY_SIZE(parts); i++) {
		char *to = seq_room(seq, STAT_PART_MAX + strlen(line->comm));

		if (to)
			seq->count += parts[i](to, line) - to;
	}
}

#define MAPS_LINE_MAX (6 * TEXT_HEX_MAX)

size_t proc_text_maps(struct seq_file *seq, const struct proc_maps_line *line)
{
	size_t start = seq->count;
	char *to = seq_room(seq, MAPS_LINE_MAX);

	if (!to)
		return start;
	to = text_put_hex(to, line->start, 8);
	*to++ = '-';
	to = text_put_hex(to, line->end, 8);
	*to++ = ' ';
	*to++ = line->read ? 'r' : '-';
	*to++ = line->write ? 'w' : '-';
	*to++ = line->exec ? 'x' : '-';
	*to++ = line->shared ? 's' : 'p';
	*to++ = ' ';
	to = text_put_hex(to, line->offset, 8);
	*to++ = ' ';
	to = text_put_hex(to, line->major, 2);
	*to++ = ':';
	to = text_put_hex(to, line->minor, 2);
	*to++ = ' ';
	to = text_put_u64(to, line->ino);
	*to++ = ' ';
	seq->count = to - seq->buf;
	return start;
}

static void put_limit(struct seq_file *seq, u64 value)
{
	if (value == RLIM_INFINITY)
		seq_printf(seq, "%-20s ", "unlimited");
	else
		seq_printf(seq, "%-20lu ", value);
}

void proc_text_limits(struct seq_file *seq, const struct rlimit64 *limits)
{
	static const struct {
		const char *name, *unit;
	} names[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = { "Max cpu time", "seconds" },
		[RLIMIT_FSIZE] = { "Max file size", "bytes" },
		[RLIMIT_DATA] = { "Max data size", "bytes" },
		[RLIMIT_STACK] = { "Max stack size", "bytes" },
		[RLIMIT_CORE] = { "Max core file size", "bytes" },
		[RLIMIT_RSS] = { "Max resident set", "bytes" },
		[RLIMIT_NPROC] = { "Max processes", "processes" },
		[RLIMIT_NOFILE] = { "Max open files", "files" },
		[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
		[RLIMIT_AS] = { "Max address space", "bytes" },
		[RLIMIT_LOCKS] = { "Max file locks", "locks" },
		[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
		[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
		[RLIMIT_NICE] = { "Max nice priority", NULL },
		[RLIMIT_RTPRIO] = { "Max realtime priority", NULL },
		[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
	};

	seq_printf(seq, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < RLIM_NLIMITS; i++) {
		seq_printf(seq, "%-25s ", names[i].name);
		put_limit(seq, limits[i].rlim_cur);
		put_limit(seq, limits[i].rlim_max);
		if (names[i].unit)
			seq_printf(seq, "%-10s", names[i].unit);
		seq_putc(seq, '\n');
	}
}

void proc_text_mask(struct seq_file *seq, const u64 *bits, u32 nbits)
{
	u32 digits = (nbits % 32 + 3) / 4;

	for (u32 word = (nbits + 31) / 32; word--; digits = 8) {
		u32 value = (u32)(bits[word / 2] >> word % 2 * 32);

		if (word == nbits / 32) /* the uppermost one, and it is not full */
			value &= (1u << nbits % 32) - 1;
		seq_put_hex(seq, value, digits ? digits : 8);
		if (word)
			seq_putc(seq, ',');
	}
}

static bool in_set(const u64 *bits, u32 bit)
{
	return bits[bit / 64] >> bit % 64 & 1;
}

void proc_text_list(struct seq_file *seq, const u64 *bits, u32 nbits)
{
	char before = 0;

	for (u32 i = 0; i < nbits; i++) {
		u32 first = i;

		if (!in_set(bits, i))
			continue;
		while (i + 1 < nbits && in_set(bits, i + 1))
			i++;
		seq_put_u64(seq, before, first);
		if (i > first)
			seq_put_u64(seq, '-', i);
		before = ',';
	}
}

void proc_text_flags(struct seq_file *seq, u32 flags, const struct proc_flag_name *names, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (flags & names[i].flag)
			seq_puts(seq, names[i].text);
}

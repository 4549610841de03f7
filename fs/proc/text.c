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

static void put_times(struct seq_file *seq, const struct proc_stat_line *line)
{
	seq_put_u64(seq, ' ', line->minflt);
	seq_put_u64(seq, ' ', line->cminflt);
	seq_put_u64(seq, ' ', line->majflt);
	seq_put_u64(seq, ' ', line->cmajflt);
	seq_put_u64(seq, ' ', line->utime);
	seq_put_u64(seq, ' ', line->stime);
	seq_put_s64(seq, ' ', line->cutime);
	seq_put_s64(seq, ' ', line->cstime);
	seq_put_s64(seq, ' ', line->priority);
	seq_put_s64(seq, ' ', line->nice);
	seq_put_s64(seq, ' ', line->num_threads);
	seq_puts(seq, " 0"); /* itrealvalue: no longer kept */
	seq_put_u64(seq, ' ', line->start_time);
}

static void put_memory(struct seq_file *seq, const struct proc_stat_line *line)
{
	seq_put_u64(seq, ' ', line->vsize);
	seq_put_u64(seq, ' ', line->rss);
	seq_put_u64(seq, ' ', line->rsslim);
	seq_put_u64(seq, ' ', line->start_code);
	seq_put_u64(seq, ' ', line->end_code);
	seq_put_u64(seq, ' ', line->start_stack);
	seq_put_u64(seq, ' ', line->esp);
	seq_put_u64(seq, ' ', line->eip);
}

void proc_text_stat(struct seq_file *seq, const struct proc_stat_line *line)
{
	seq_put_s64(seq, 0, line->pid);
	seq_puts(seq, " (");
	seq_puts(seq, line->comm);
	seq_puts(seq, ") ");
	seq_putc(seq, line->state);
	seq_put_s64(seq, ' ', line->ppid);
	seq_put_s64(seq, ' ', line->pgrp);
	seq_put_s64(seq, ' ', line->session);
	seq_put_s64(seq, ' ', (s32)line->tty);
	seq_put_s64(seq, ' ', line->tpgid);
	seq_put_u64(seq, ' ', line->flags);
	put_times(seq, line);
	put_memory(seq, line);
	/* The first 31 signals only: the rest is in status. */
	seq_put_u64(seq, ' ', line->pending & 0x7fffffff);
	seq_put_u64(seq, ' ', line->blocked & 0x7fffffff);
	seq_put_u64(seq, ' ', line->ignored & 0x7fffffff);
	seq_put_u64(seq, ' ', line->caught & 0x7fffffff);
	seq_puts(seq, line->waiting ? " 1 0 0" : " 0 0 0"); /* wchan; nswap, cnswap */
	seq_put_s64(seq, ' ', line->exit_signal);
	seq_put_s64(seq, ' ', line->processor);
	seq_put_u64(seq, ' ', line->rt_priority);
	seq_put_u64(seq, ' ', line->policy);
	seq_puts(seq, " 0 0 0"); /* delays by block devices; guests */
	seq_put_u64(seq, ' ', line->start_data);
	seq_put_u64(seq, ' ', line->end_data);
	seq_put_u64(seq, ' ', line->start_brk);
	seq_put_u64(seq, ' ', line->arg_start);
	seq_put_u64(seq, ' ', line->arg_end);
	seq_put_u64(seq, ' ', line->env_start);
	seq_put_u64(seq, ' ', line->env_end);
	seq_put_s64(seq, ' ', line->exit_code);
	seq_putc(seq, '\n');
}

size_t proc_text_maps(struct seq_file *seq, const struct proc_maps_line *line)
{
	const char rights[] = {
		' ',
		line->read ? 'r' : '-',
		line->write ? 'w' : '-',
		line->exec ? 'x' : '-',
		line->shared ? 's' : 'p',
		' ',
	};
	size_t start = seq->count;

	seq_put_hex(seq, line->start, 8);
	seq_putc(seq, '-');
	seq_put_hex(seq, line->end, 8);
	seq_write(seq, rights, sizeof(rights));
	seq_put_hex(seq, line->offset, 8);
	seq_putc(seq, ' ');
	seq_put_hex(seq, line->major, 2);
	seq_putc(seq, ':');
	seq_put_hex(seq, line->minor, 2);
	seq_put_u64(seq, ' ', line->ino);
	seq_putc(seq, ' ');
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

// SPDX-License-Identifier: MIT
/*
 * Lines of /proc and /sys that are composed from plain figures. Pure.
 *
 * The formats are those of Linux 6.1 to the byte, odd blanks included, since
 * programs have come to rely on columns: proc(5); Linux fs/proc/array.c,
 * task_mmu.c and base.c say what is printed.
 */
#include <kernel/fs/proc_text.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/resource.h>

static void put_times(struct seq_file *m, const struct proc_stat_line *s)
{
	seq_put_u64(m, ' ', s->minflt);
	seq_put_u64(m, ' ', s->cminflt);
	seq_put_u64(m, ' ', s->majflt);
	seq_put_u64(m, ' ', s->cmajflt);
	seq_put_u64(m, ' ', s->utime);
	seq_put_u64(m, ' ', s->stime);
	seq_put_s64(m, ' ', s->cutime);
	seq_put_s64(m, ' ', s->cstime);
	seq_put_s64(m, ' ', s->priority);
	seq_put_s64(m, ' ', s->nice);
	seq_put_s64(m, ' ', s->num_threads);
	seq_puts(m, " 0"); /* itrealvalue: no longer kept */
	seq_put_u64(m, ' ', s->start_time);
}

static void put_memory(struct seq_file *m, const struct proc_stat_line *s)
{
	seq_put_u64(m, ' ', s->vsize);
	seq_put_u64(m, ' ', s->rss);
	seq_put_u64(m, ' ', s->rsslim);
	seq_put_u64(m, ' ', s->start_code);
	seq_put_u64(m, ' ', s->end_code);
	seq_put_u64(m, ' ', s->start_stack);
	seq_put_u64(m, ' ', s->esp);
	seq_put_u64(m, ' ', s->eip);
}

void proc_text_stat(struct seq_file *m, const struct proc_stat_line *s)
{
	seq_put_s64(m, 0, s->pid);
	seq_puts(m, " (");
	seq_puts(m, s->comm);
	seq_puts(m, ") ");
	seq_putc(m, s->state);
	seq_put_s64(m, ' ', s->ppid);
	seq_put_s64(m, ' ', s->pgrp);
	seq_put_s64(m, ' ', s->session);
	seq_put_s64(m, ' ', (s32)s->tty);
	seq_put_s64(m, ' ', s->tpgid);
	seq_put_u64(m, ' ', s->flags);
	put_times(m, s);
	put_memory(m, s);
	/* The first 31 signals only: the rest is in status. */
	seq_put_u64(m, ' ', s->pending & 0x7fffffff);
	seq_put_u64(m, ' ', s->blocked & 0x7fffffff);
	seq_put_u64(m, ' ', s->ignored & 0x7fffffff);
	seq_put_u64(m, ' ', s->caught & 0x7fffffff);
	seq_puts(m, s->waiting ? " 1 0 0" : " 0 0 0"); /* wchan; nswap, cnswap */
	seq_put_s64(m, ' ', s->exit_signal);
	seq_put_s64(m, ' ', s->processor);
	seq_put_u64(m, ' ', s->rt_priority);
	seq_put_u64(m, ' ', s->policy);
	seq_puts(m, " 0 0 0"); /* delays by block devices; guests */
	seq_put_u64(m, ' ', s->start_data);
	seq_put_u64(m, ' ', s->end_data);
	seq_put_u64(m, ' ', s->start_brk);
	seq_put_u64(m, ' ', s->arg_start);
	seq_put_u64(m, ' ', s->arg_end);
	seq_put_u64(m, ' ', s->env_start);
	seq_put_u64(m, ' ', s->env_end);
	seq_put_s64(m, ' ', s->exit_code);
	seq_putc(m, '\n');
}

size_t proc_text_maps(struct seq_file *m, const struct proc_maps_line *r)
{
	const char rights[] = {
		' ',
		r->read ? 'r' : '-',
		r->write ? 'w' : '-',
		r->exec ? 'x' : '-',
		r->shared ? 's' : 'p',
		' ',
	};
	size_t start = m->count;

	seq_put_hex(m, r->start, 8);
	seq_putc(m, '-');
	seq_put_hex(m, r->end, 8);
	seq_write(m, rights, sizeof(rights));
	seq_put_hex(m, r->offset, 8);
	seq_putc(m, ' ');
	seq_put_hex(m, r->major, 2);
	seq_putc(m, ':');
	seq_put_hex(m, r->minor, 2);
	seq_put_u64(m, ' ', r->ino);
	seq_putc(m, ' ');
	return start;
}

static void put_limit(struct seq_file *m, u64 v)
{
	if (v == RLIM_INFINITY)
		seq_printf(m, "%-20s ", "unlimited");
	else
		seq_printf(m, "%-20lu ", v);
}

void proc_text_limits(struct seq_file *m, const struct rlimit64 *limits)
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

	seq_printf(m, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < RLIM_NLIMITS; i++) {
		seq_printf(m, "%-25s ", names[i].name);
		put_limit(m, limits[i].rlim_cur);
		put_limit(m, limits[i].rlim_max);
		if (names[i].unit)
			seq_printf(m, "%-10s", names[i].unit);
		seq_putc(m, '\n');
	}
}

void proc_text_mask(struct seq_file *m, const u64 *bits, u32 nbits)
{
	u32 digits = (nbits % 32 + 3) / 4;

	for (u32 word = (nbits + 31) / 32; word--; digits = 8) {
		u32 v = (u32)(bits[word / 2] >> word % 2 * 32);

		if (word == nbits / 32) /* the uppermost one, and it is not full */
			v &= (1u << nbits % 32) - 1;
		seq_put_hex(m, v, digits ? digits : 8);
		if (word)
			seq_putc(m, ',');
	}
}

static bool in_set(const u64 *bits, u32 i)
{
	return bits[i / 64] >> i % 64 & 1;
}

void proc_text_list(struct seq_file *m, const u64 *bits, u32 nbits)
{
	char before = 0;

	for (u32 i = 0; i < nbits; i++) {
		u32 first = i;

		if (!in_set(bits, i))
			continue;
		while (i + 1 < nbits && in_set(bits, i + 1))
			i++;
		seq_put_u64(m, before, first);
		if (i > first)
			seq_put_u64(m, '-', i);
		before = ',';
	}
}

void proc_text_flags(struct seq_file *m, u32 flags, const struct proc_flag_name *names, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (flags & names[i].flag)
			seq_puts(m, names[i].text);
}

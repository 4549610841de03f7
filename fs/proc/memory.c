// SPDX-License-Identifier: MIT
/*
 * /proc/PID: cmdline, environ, mem, maps, smaps and auxv: what is in its memory.
 *
 * cmdline, environ and mem are copied page by page, straight from the
 * process's memory, and never kept: they can be megabytes. maps is made in
 * pieces (seq_file.h), each under the space's lock, so that a process with many
 * mappings is not held up; a piece begins at the first mapping above the last.
 *
 * The right to look (all but cmdline) is checked at the open, and what is read
 * is the memory that the process had then: see pid.c.
 */
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/path.h>
#include <kernel/fs/proc_text.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include "proc.h"

#define KIB_PER_PAGE (PAGE_SIZE / 1024)

/* ---- copying ---- */

/* @len bytes at @addr of the space to the reader, by way of @page. @return bytes, -EFAULT: none could be stored */
static s64 copy_out(struct vm_space *space, u64 addr, u64 len, struct uio *u, char *page)
{
	s64 done = 0;

	while (len) {
		u64 want = MIN(len, PAGE_SIZE - addr % PAGE_SIZE);
		u64 got = vm_space_access(space, addr, page, want, false), put;

		if (!got)
			break;
		put = uio_copy_out(u, page, got);
		done += (s64)put;
		if (put < got)
			return done ? done : -EFAULT;
		if (got < want || fatal_signal_pending())
			break;
		addr += got;
		len -= got;
	}
	return done;
}

/* The part of [start, end) that begins at *pos. */
static s64 copy_area(struct vm_space *space, u64 start, u64 end, struct uio *u, u64 *pos,
		     char *page)
{
	s64 n;

	if (start >= end || *pos >= end - start)
		return 0;
	n = copy_out(space, start + *pos, MIN(u->count, end - start - *pos), u, page);
	if (n > 0)
		*pos += (u64)n;
	return n;
}

/* ---- cmdline ---- */

/*
 * A program that changes its title writes over its arguments, and over the
 * environment behind them if it is longer: then the last byte of the arguments
 * is no longer NUL, and the title is one string of at most a page.
 */
static s64 copy_title(struct vm_space *space, struct uio *u, u64 *pos, char *page)
{
	u64 end = space->env_start == space->arg_end && space->env_end > space->env_start
			  ? space->env_end
			  : space->arg_end;
	u64 n = vm_space_access(space, space->arg_start, page,
				MIN(end - space->arg_start, PAGE_SIZE), false);
	u64 len = strnlen(page, n), put;

	len += len < n; /* the NUL, too */
	if (*pos >= len)
		return 0;
	put = uio_copy_out(u, page + *pos, MIN(len - *pos, u->count));
	*pos += put;
	return put ? (s64)put : -EFAULT;
}

static s64 copy_cmdline(struct vm_space *space, struct uio *u, u64 *pos, char *page)
{
	char last = 0;

	if (space->arg_start >= space->arg_end)
		return 0;
	if (vm_space_access(space, space->arg_end - 1, &last, 1, false) != 1)
		return 0;
	if (last)
		return copy_title(space, u, pos, page);
	return copy_area(space, space->arg_start, space->arg_end, u, pos, page);
}

static s64 cmdline_read(struct file *f, struct uio *u, u64 *pos)
{
	struct vm_space *space;
	struct pid_target tg;
	char *page;
	s64 n = 0;

	if (!u->count)
		return 0;
	if (!pid_target_get(f->inode, &tg))
		return -ESRCH;
	space = process_space_get(tg.p);
	pid_target_put(&tg);
	if (!space)
		return 0;
	page = kmalloc(PAGE_SIZE);
	if (page)
		n = copy_cmdline(space, u, pos, page);
	else
		n = -ENOMEM;
	kfree(page);
	vm_space_put(space);
	return n;
}

const struct file_ops cmdline_fops = { .read = cmdline_read, .llseek = seq_llseek };

/* ---- environ and mem ---- */

static int private_open(struct inode *i, struct file *f)
{
	u64 exec_id;
	int err = pid_space_open(i, &exec_id);

	f->private = (void *)exec_id;
	return err;
}

typedef s64 (*transfer_fn)(struct vm_space *space, struct uio *u, u64 *pos, char *page);

/* Find the space, transfer. */
static s64 private_transfer(struct file *f, struct uio *u, u64 *pos, transfer_fn fn)
{
	struct vm_space *space;
	struct pid_target tg;
	char *page;
	s64 n;

	if (!u->count)
		return 0;
	if (!pid_target_get(f->inode, &tg))
		return 0; /* its memory is gone: the end of the file */
	space = pid_opened_space(&tg, (u64)f->private);
	pid_target_put(&tg);
	if (!space)
		return 0; /* or another program's */
	page = kmalloc(PAGE_SIZE);
	n = page ? fn(space, u, pos, page) : -ENOMEM;
	kfree(page);
	vm_space_put(space);
	return n;
}

static s64 copy_environ(struct vm_space *space, struct uio *u, u64 *pos, char *page)
{
	return copy_area(space, space->env_start, space->env_end, u, pos, page);
}

static s64 environ_read(struct file *f, struct uio *u, u64 *pos)
{
	return private_transfer(f, u, pos, copy_environ);
}

const struct file_ops environ_fops = { .open = private_open,
				       .read = environ_read,
				       .llseek = seq_llseek };

static s64 copy_mem_out(struct vm_space *space, struct uio *u, u64 *pos, char *page)
{
	s64 n = *pos < USER_END ? copy_out(space, *pos, u->count, u, page) : 0;

	if (n > 0)
		*pos += (u64)n;
	return n ? n : -EIO;
}

static s64 copy_mem_in(struct vm_space *space, struct uio *u, u64 *pos, char *page)
{
	s64 done = 0;

	while (u->count && *pos < USER_END && !fatal_signal_pending()) {
		u64 want = MIN(u->count, PAGE_SIZE - *pos % PAGE_SIZE);
		u64 got = uio_copy_in(u, page, want), put;

		if (!got)
			return done ? done : -EFAULT;
		put = vm_space_access(space, *pos, page, got, true);
		*pos += put;
		done += (s64)put;
		if (put < want)
			break;
	}
	return done ? done : -EIO;
}

static s64 mem_read(struct file *f, struct uio *u, u64 *pos)
{
	return private_transfer(f, u, pos, copy_mem_out);
}

static s64 mem_write(struct file *f, struct uio *u, u64 *pos)
{
	return private_transfer(f, u, pos, copy_mem_in);
}

const struct file_ops mem_fops = {
	.open = private_open,
	.read = mem_read,
	.write = mem_write,
	.llseek = seq_llseek,
};

/* ---- maps ---- */

static void show_region(struct seq_file *m, struct vm_region *r, char *buf)
{
	struct proc_maps_line line = {
		.start = r->start,
		.end = r->end,
		.read = r->flags & VM_READ,
		.write = r->flags & VM_WRITE,
		.exec = r->flags & VM_EXEC,
		.shared = r->flags & VM_SHARED,
	};
	const char *name = vm_region_name(r);
	size_t from;

	if (r->file) {
		const struct inode *i = r->file->inode;

		line.offset = r->pgoff << PAGE_SHIFT;
		line.major = MAJOR(i->sb->dev);
		line.minor = MINOR(i->sb->dev);
		line.ino = i->ino;
		if (!name) {
			name = path_text(&r->file->path, buf, PATH_MAX);
			if (IS_ERR(name))
				name = "?";
		}
	}
	from = proc_text_maps(m, &line);
	if (name) {
		seq_pad(m, from, PROC_MAPS_NAME_COLUMN);
		seq_putc(m, ' ');
		seq_escape(m, name, "\n");
	}
	seq_putc(m, '\n');
}

/* What follows a region's line in smaps. */
static void show_region_usage(struct seq_file *m, const struct vm_region *r)
{
	struct vm_region_usage u;

	vm_region_usage(r, &u);

	const struct {
		const char *label;
		u64 kib;
	} rows[] = {
		{ "Size:           ", (r->end - r->start) / 1024 },
		{ "KernelPageSize: ", PAGE_SIZE / 1024 },
		{ "MMUPageSize:    ", PAGE_SIZE / 1024 },
		{ "Rss:            ", u.rss * KIB_PER_PAGE },
		{ "Pss:            ", u.pss / 1024 },
		{ "Shared_Clean:   ", u.shared_clean * KIB_PER_PAGE },
		{ "Shared_Dirty:   ", u.shared_dirty * KIB_PER_PAGE },
		{ "Private_Clean:  ", u.private_clean * KIB_PER_PAGE },
		{ "Private_Dirty:  ", u.private_dirty * KIB_PER_PAGE },
		{ "Referenced:     ", u.rss * KIB_PER_PAGE },
		{ "Anonymous:      ", u.anon * KIB_PER_PAGE },
		{ "Swap:           ", 0 },
		{ "SwapPss:        ", 0 },
		{ "Locked:         ", u.locked * KIB_PER_PAGE },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		seq_puts(m, rows[i].label);
		seq_put_u64_wide(m, rows[i].kib, 8);
		seq_puts(m, " kB\n");
	}
}

/* A piece of maps or smaps. */
static int show_regions(struct seq_file *m, const struct pid_target *tg, bool usage)
{
	struct vm_space *space;
	struct vm_region *r;
	char *buf;

	space = pid_opened_space(tg, (u64)m->private);
	if (!space)
		return 0;
	buf = kmalloc(PATH_MAX);
	if (!buf) {
		vm_space_put(space);
		return -ENOMEM;
	}
	down_read(&space->lock);
	r = vm_region_find_above(space, m->next);
	for (; r && !m->more; r = vm_region_find_above(space, m->next)) {
		show_region(m, r, buf);
		if (usage)
			show_region_usage(m, r);
		m->next = r->end;
		m->more = seq_enough(m);
	}
	up_read(&space->lock);
	kfree(buf);
	vm_space_put(space);
	return 0;
}

int pid_show_maps(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	return show_regions(m, tg, false);
}

int pid_show_smaps(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	return show_regions(m, tg, true);
}

int pid_show_auxv(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct vm_space *space = pid_opened_space(tg, (u64)m->private);

	if (!space)
		return 0;
	seq_write(m, space->saved_auxv,
		  MIN(space->auxv_len, (u32)ARRAY_SIZE(space->saved_auxv)) * 8);
	vm_space_put(space);
	return 0;
}

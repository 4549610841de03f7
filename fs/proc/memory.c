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

/* Copy @len bytes at @addr of the space to the reader, through @page. @return bytes, -EFAULT: none could be stored */
static s64 copy_out(struct vm_space *space, u64 addr, u64 len, struct uio *uio, char *page)
{
	s64 done = 0;

	while (len) {
		u64 want = MIN(len, PAGE_SIZE - addr % PAGE_SIZE);
		u64 got = vm_space_access(space, addr, page, want, false), put;

		if (!got)
			break;
		put = uio_copy_out(uio, page, got);
		done += (s64)put;
		if (put < got) {
			if (done)
				return done;
			return -EFAULT;
		}
		if (got < want || fatal_signal_pending())
			break;
		addr += got;
		len -= got;
	}
	return done;
}

/* The part of [start, end) that begins at *pos. */
static s64 copy_area(struct vm_space *space, u64 start, u64 end, struct uio *uio, u64 *pos,
		     char *page)
{
	s64 length;

	if (start >= end || *pos >= end - start)
		return 0;
	length = copy_out(space, start + *pos, MIN(uio->count, end - start - *pos), uio, page);
	if (length > 0)
		*pos += (u64)length;
	return length;
}

/* ---- cmdline ---- */

/*
 * A program that changes its title writes over its arguments, and over the
 * environment behind them if it is longer: then the last byte of the arguments
 * is no longer NUL, and the title is one string of at most a page.
 */
static s64 copy_title(struct vm_space *space, struct uio *uio, u64 *pos, char *page)
{
	u64 end = space->arg_end, length, len, put;

	if (space->env_start == space->arg_end && space->env_end > space->env_start)
		end = space->env_end;
	length = vm_space_access(space, space->arg_start, page,
				 MIN(end - space->arg_start, PAGE_SIZE), false);
	len = strnlen(page, length);
	len += len < length; /* the NUL, too */
	if (*pos >= len)
		return 0;
	put = uio_copy_out(uio, page + *pos, MIN(len - *pos, uio->count));
	*pos += put;
	if (!put)
		return -EFAULT;
	return (s64)put;
}

static s64 copy_cmdline(struct vm_space *space, struct uio *uio, u64 *pos, char *page)
{
	char last = 0;

	if (space->arg_start >= space->arg_end)
		return 0;
	if (vm_space_access(space, space->arg_end - 1, &last, 1, false) != 1)
		return 0;
	if (last)
		return copy_title(space, uio, pos, page);
	return copy_area(space, space->arg_start, space->arg_end, uio, pos, page);
}

static s64 cmdline_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct vm_space *space;
	struct pid_target target;
	char *page;
	s64 length = 0;

	if (!uio->count)
		return 0;
	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	space = process_space_get(target.p);
	pid_target_put(&target);
	if (!space)
		return 0;
	page = kmalloc(PAGE_SIZE);
	if (page)
		length = copy_cmdline(space, uio, pos, page);
	else
		length = -ENOMEM;
	kfree(page);
	vm_space_put(space);
	return length;
}

const struct file_ops cmdline_fops = { .read = cmdline_read, .llseek = seq_llseek };

/* ---- environ and mem ---- */

static int private_open(struct inode *inode, struct file *f)
{
	u64 exec_id;
	int err = pid_space_open(inode, &exec_id);

	f->private = (void *)exec_id;
	return err;
}

typedef s64 (*transfer_fn)(struct vm_space *space, struct uio *u, u64 *pos, char *page);

/* Find the space, transfer. */
static s64 private_transfer(struct file *f, struct uio *uio, u64 *pos, transfer_fn method)
{
	struct vm_space *space;
	struct pid_target target;
	char *page;
	s64 result;

	if (!uio->count)
		return 0;
	if (!pid_target_get(f->inode, &target))
		return 0; /* its memory was freed: the end of the file */
	space = pid_opened_space(&target, (u64)f->private);
	pid_target_put(&target);
	if (!space)
		return 0; /* or another program's */
	page = kmalloc(PAGE_SIZE);
	if (!page)
		result = -ENOMEM;
	else
		result = method(space, uio, pos, page);
	kfree(page);
	vm_space_put(space);
	return result;
}

static s64 copy_environ(struct vm_space *space, struct uio *uio, u64 *pos, char *page)
{
	return copy_area(space, space->env_start, space->env_end, uio, pos, page);
}

static s64 environ_read(struct file *f, struct uio *uio, u64 *pos)
{
	return private_transfer(f, uio, pos, copy_environ);
}

const struct file_ops environ_fops = { .open = private_open,
				       .read = environ_read,
				       .llseek = seq_llseek };

static s64 copy_mem_out(struct vm_space *space, struct uio *uio, u64 *pos, char *page)
{
	s64 length = 0;

	if (*pos < USER_END)
		length = copy_out(space, *pos, uio->count, uio, page);
	if (length > 0)
		*pos += (u64)length;
	if (!length)
		return -EIO;
	return length;
}

static s64 copy_mem_in(struct vm_space *space, struct uio *uio, u64 *pos, char *page)
{
	s64 done = 0;

	while (uio->count && *pos < USER_END && !fatal_signal_pending()) {
		u64 want = MIN(uio->count, PAGE_SIZE - *pos % PAGE_SIZE);
		u64 got = uio_copy_in(uio, page, want), put;

		if (!got) {
			if (done)
				return done;
			return -EFAULT;
		}
		put = vm_space_force(space, *pos, page, got);
		*pos += put;
		done += (s64)put;
		if (put < want)
			break;
	}
	if (!done)
		return -EIO;
	return done;
}

static s64 mem_read(struct file *f, struct uio *uio, u64 *pos)
{
	return private_transfer(f, uio, pos, copy_mem_out);
}

static s64 mem_write(struct file *f, struct uio *uio, u64 *pos)
{
	return private_transfer(f, uio, pos, copy_mem_in);
}

const struct file_ops mem_fops = {
	.open = private_open,
	.read = mem_read,
	.write = mem_write,
	.llseek = seq_llseek,
};

/* ---- maps ---- */

static void show_region(struct seq_file *seq, struct vm_region *region, char *buf)
{
	struct proc_maps_line line = {
		.start = region->start,
		.end = region->end,
		.read = region->flags & VM_READ,
		.write = region->flags & VM_WRITE,
		.exec = region->flags & VM_EXEC,
		.shared = region->flags & VM_SHARED,
	};
	const char *name = vm_region_name(region);
	size_t from;

	if (region->file) {
		const struct inode *inode = region->file->inode;

		line.offset = region->pgoff << PAGE_SHIFT;
		line.major = MAJOR(inode->sb->dev);
		line.minor = MINOR(inode->sb->dev);
		line.ino = inode->ino;
		if (region->ops && region->ops->name_of)
			name = region->ops->name_of(region, buf);
		if (!name) {
			name = path_text(&region->file->path, buf, PATH_MAX);
			if (IS_ERR(name))
				name = "?";
		}
	}
	from = proc_text_maps(seq, &line);
	if (name) {
		seq_pad(seq, from, PROC_MAPS_NAME_COLUMN);
		seq_putc(seq, ' ');
		seq_escape(seq, name, "\n");
	}
	seq_putc(seq, '\n');
}

/* The lines that follow a region's first line in smaps. */
static void show_region_usage(struct seq_file *seq, const struct vm_region *region)
{
	struct vm_region_usage usage;

	vm_region_usage(region, &usage);

	const struct {
		const char *label;
		u64 kib;
	} rows[] = {
		{ "Size:           ", (region->end - region->start) / 1024 },
		{ "KernelPageSize: ", PAGE_SIZE / 1024 },
		{ "MMUPageSize:    ", PAGE_SIZE / 1024 },
		{ "Rss:            ", usage.rss * KIB_PER_PAGE },
		{ "Pss:            ", usage.pss / 1024 },
		{ "Shared_Clean:   ", usage.shared_clean * KIB_PER_PAGE },
		{ "Shared_Dirty:   ", usage.shared_dirty * KIB_PER_PAGE },
		{ "Private_Clean:  ", usage.private_clean * KIB_PER_PAGE },
		{ "Private_Dirty:  ", usage.private_dirty * KIB_PER_PAGE },
		{ "Referenced:     ", usage.rss * KIB_PER_PAGE },
		{ "Anonymous:      ", usage.anon * KIB_PER_PAGE },
		{ "Swap:           ", 0 },
		{ "SwapPss:        ", 0 },
		{ "Locked:         ", usage.locked * KIB_PER_PAGE },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		seq_puts(seq, rows[i].label);
		seq_put_u64_wide(seq, rows[i].kib, 8);
		seq_puts(seq, " kB\n");
	}
}

/* A piece of maps or smaps. */
static int show_regions(struct seq_file *seq, const struct pid_target *target, bool usage)
{
	struct vm_space *space;
	struct vm_region *region;
	char *buf;

	space = pid_opened_space(target, (u64)seq->private);
	if (!space)
		return 0;
	buf = kmalloc(PATH_MAX);
	if (!buf) {
		vm_space_put(space);
		return -ENOMEM;
	}
	down_read(&space->lock);
	region = vm_region_find_above(space, seq->next);
	for (; region && !seq->more; region = vm_region_find_above(space, seq->next)) {
		show_region(seq, region, buf);
		if (usage)
			show_region_usage(seq, region);
		seq->next = region->end;
		seq->more = seq_enough(seq);
	}
	up_read(&space->lock);
	kfree(buf);
	vm_space_put(space);
	return 0;
}

int pid_show_maps(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	return show_regions(seq, target, false);
}

int pid_show_smaps(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	return show_regions(seq, target, true);
}

int pid_show_auxv(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct vm_space *space = pid_opened_space(target, (u64)seq->private);

	if (!space)
		return 0;
	seq_write(seq, space->saved_auxv,
		  MIN(space->auxv_len, (u32)ARRAY_SIZE(space->saved_auxv)) * 8);
	vm_space_put(space);
	return 0;
}

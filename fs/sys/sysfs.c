// SPDX-License-Identifier: MIT
/*
 * /sys: the devices of the machine as folders and files.
 *
 * A tree of generated files (fs/generated/tree.c) like the one in /proc, with the
 * top folders that programs expect. Other parts of the kernel add entries with
 * sysfs_create(). This file adds those of the processors only.
 */
#include <kernel/cpu.h>
#include <kernel/fs/generated.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/proc_text.h>
#include <kernel/fs/super_block.h>
#include <kernel/fs/sysfs.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/stat.h>
#include <uapi/statfs.h>

static struct gen_tree sysfs_tree;

/* ---- the interface ---- */

struct proc_entry *sysfs_create(const char *path, mode_t mode,
				int (*show)(struct seq_file *, void *),
				int (*write)(char *text, size_t len, void *arg), void *arg)
{
	const struct gen_spec spec = {
		.mode = S_IFREG | (mode & S_IALLUGO),
		.show = show,
		.write = write,
		.arg = arg,
	};

	return gen_create(&sysfs_tree, path, &spec);
}

struct proc_entry *sysfs_symlink(const char *path, const char *target)
{
	const struct gen_spec spec = { .mode = S_IFLNK | 0777, .target = target };

	return gen_create(&sysfs_tree, path, &spec);
}

struct proc_entry *sysfs_mkdir(const char *path)
{
	const struct gen_spec spec = { .mode = S_IFDIR | 0755 };

	return gen_create(&sysfs_tree, path, &spec);
}

struct proc_entry *sysfs_mkdir_refreshed(const char *path, void (*refresh)(void *arg), void *arg)
{
	const struct gen_spec spec = { .mode = S_IFDIR | 0755, .refresh = refresh, .arg = arg };

	return gen_create(&sysfs_tree, path, &spec);
}

void sysfs_remove(struct proc_entry *entry)
{
	if (entry)
		gen_remove(entry);
}

/* ---- processors ---- */

static int show_cpu_list(struct seq_file *seq, bool online_only)
{
	struct cpumask set = { { 0 } };

	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && (!online_only || cpus[i]->online))
			cpumask_set(&set, i);
	proc_text_list(seq, set.bits, cpu_count);
	seq_putc(seq, '\n');
	return 0;
}

static int online_show(struct seq_file *seq, void *unused)
{
	return show_cpu_list(seq, true);
}

static int present_show(struct seq_file *seq, void *unused)
{
	return show_cpu_list(seq, false);
}

static int kernel_max_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%u\n", CPU_MAX - 1);
	return 0;
}

static int offline_show(struct seq_file *seq, void *unused)
{
	struct cpumask set = { { 0 } };

	for (u32 i = 0; i < cpu_count; i++)
		if (!cpus[i] || !cpus[i]->online)
			cpumask_set(&set, i);
	proc_text_list(seq, set.bits, cpu_count);
	seq_putc(seq, '\n');
	return 0;
}

static int cpus_create(void)
{
	static const struct {
		const char *path;
		int (*show)(struct seq_file *m, void *unused);
	} files[] = {
		{ "devices/system/cpu/online", online_show },
		{ "devices/system/cpu/offline", offline_show },
		{ "devices/system/cpu/possible", present_show },
		{ "devices/system/cpu/present", present_show },
		{ "devices/system/cpu/kernel_max", kernel_max_show },
	};

	for (u32 i = 0; i < ARRAY_SIZE(files); i++)
		if (!sysfs_create(files[i].path, 0444, files[i].show, NULL, NULL))
			return -ENOMEM;
	for (u32 i = 0; i < cpu_count; i++) {
		char path[40];

		snprintf(path, sizeof(path), "devices/system/cpu/cpu%u", i);
		if (!sysfs_mkdir(path))
			return -ENOMEM;
	}
	return 0;
}

/* ---- the type ---- */

static void sysfs_evict_inode(struct inode *inode)
{
	gen_evict(inode);
}

static const struct super_ops sysfs_super_ops = { .evict_inode = sysfs_evict_inode,
						  .statfs = gen_statfs,
						  .remount = gen_remount };

static int sysfs_mount(struct fs_type *type, u32 flags, const char *source, const char *options,
		       struct super_block **out)
{
	if (options && *options)
		return -EINVAL;
	return gen_mount(&sysfs_tree, type, &sysfs_super_ops, SYSFS_MAGIC, NULL, NULL, out);
}

static struct fs_type sysfs_type = { .name = "sysfs", .flags = FS_NODEV, .mount = sysfs_mount };

void sysfs_init(void)
{
	static const char *const folders[] = {
		"block", "bus", "class", "dev/block", "dev/char", "devices", "fs", "kernel",
	};
	int err = gen_tree_init(&sysfs_tree, 0755, PAGE_SIZE, -ENODEV);

	for (u32 i = 0; i < ARRAY_SIZE(folders) && !err; i++)
		if (!sysfs_mkdir(folders[i]))
			err = -ENOMEM;
	if (!err)
		err = cpus_create();
	if (!err)
		err = fs_register(&sysfs_type);
	if (err)
		boot_stop("not enough memory for /sys");
}

/* SPDX-License-Identifier: MIT */
/*
 * The root file system on a disk, mounted by the kernel itself: where root= is given and the initramfs has no
 * first program of its own, or where there is no initramfs at all. All drivers that this needs are built in.
 *
 *	root=/dev/vda1, UUID=..., LABEL=..., PARTUUID=..., PARTLABEL=...
 *	ro, rw			how; rw unless told, and if both are there
 *	rootfstype=TYPE,...	else each type of which a driver exists
 *	rootflags=OPTIONS	for the file system
 *	rootdelay=SECONDS	to wait before the disk is looked for
 *	rootwait[=SECONDS]	to wait for the disk: for ever, or so long; 10 s unless told
 *
 * The same words as those of /init in our initramfs (usr/rootfs/init).
 * Source: Linux, Documentation/admin-guide/kernel-parameters.rst.
 */
#include <kernel/block.h>
#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/fcntl.h>
#include <uapi/mount.h>
#include <uapi/stat.h>
#include "init.h"

#define NODE_SIZE     320 /* a folder of /dev/disk, and the longest label */
#define TYPE_SIZE     32
#define WAIT_S	      10
#define WAIT_FOR_EVER UINT32_MAX
#define LOOK_AGAIN_MS 50
#define NEW_ROOT      "/root"

CMDLINE_OPTION(opt_root, "root");
CMDLINE_OPTION(opt_readonly, "ro");
CMDLINE_OPTION(opt_writable, "rw");
CMDLINE_OPTION(opt_types, "rootfstype");
CMDLINE_OPTION(opt_flags, "rootflags");
CMDLINE_OPTION(opt_delay, "rootdelay");
CMDLINE_OPTION(opt_wait, "rootwait");

/* What the command line says. */
struct disk_root {
	char node[NODE_SIZE], types[NODE_SIZE], options[NODE_SIZE];
	u32 mount_flags;
};

/* @return false: the name is too long */
static bool root_node_name(char *node)
{
	static const char *const names[][2] = {
		{ "UUID=", "/dev/disk/by-uuid/" },
		{ "LABEL=", "/dev/disk/by-label/" },
		{ "PARTUUID=", "/dev/disk/by-partuuid/" },
		{ "PARTLABEL=", "/dev/disk/by-partlabel/" },
	};
	const char *folder = "", *name;
	char word[NODE_SIZE];

	if (option_value(&opt_root, word, sizeof(word)) < 0)
		return false;
	name = word;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strncmp(word, names[i][0], strlen(names[i][0])))
			continue;
		name = word + strlen(names[i][0]);
		folder = names[i][1];
	}
	return (size_t)snprintf(node, NODE_SIZE, "%s%s", folder, name) < NODE_SIZE;
}

/* @return seconds; @missing: the option is not there, or has no number */
static u32 root_seconds(const struct cmdline_option *option, u32 missing)
{
	char word[16];
	u64 seconds;

	if (option_value(option, word, sizeof(word)) <= 0 || parse_u64(word, 10, &seconds))
		return missing;
	return MIN(seconds, (u64)WAIT_FOR_EVER - 1);
}

/* A link in @node is replaced by what it leads to. */
static bool root_disk_exists(char *node)
{
	char buffer[NODE_SIZE], *text;
	struct path path;
	bool is_disk;

	if (path_lookup(AT_FDCWD, node, LOOKUP_FOLLOW, &path))
		return false;
	text = path_text(&path, buffer, sizeof(buffer));
	is_disk = S_ISBLK(path.dentry->inode->mode) && !IS_ERR(text);
	if (is_disk)
		strscpy(node, text, NODE_SIZE);
	path_put(&path);
	return is_disk;
}

static void root_show_disks(void)
{
	char line[256] = "";
	size_t used = 0;

	for (struct disk *disk = disk_next(NULL); disk; disk = disk_next(disk))
		used += scnprintf(line + used, sizeof(line) - used, " %s", disk_name(disk));
	if (!used)
		strscpy(line, " none", sizeof(line));
	pr_err("init: the disks are:%s\n", line);
}

static bool root_wait_for_disk(char *node)
{
	u32 limit_s = WAIT_S;
	u64 start, limit;

	if (option_is_set(&opt_wait))
		limit_s = root_seconds(&opt_wait, WAIT_FOR_EVER);
	limit = limit_s * NSEC_PER_SEC;

	sleep_ms(MIN(root_seconds(&opt_delay, 0), UINT32_MAX / 1000) * 1000);
	start = time_monotonic_ns();
	while (!root_disk_exists(node)) {
		if (limit_s != WAIT_FOR_EVER && time_monotonic_ns() - start >= limit)
			return false;
		sleep_ms(LOOK_AGAIN_MS);
	}
	return true;
}

/* A disk that can only be read is mounted so, also where that was not asked for, as on Linux. */
static int root_try_type(const struct disk_root *root, const char *type)
{
	const char *how = "read and write";
	int err = fs_mount(root->node, NEW_ROOT, type, root->mount_flags, root->options);

	if (root->mount_flags & MS_RDONLY)
		how = "read only";
	if (err == -EACCES || err == -EROFS) {
		how = "read only, as the disk is";
		err = fs_mount(root->node, NEW_ROOT, type, root->mount_flags | MS_RDONLY,
			       root->options);
	}
	if (!err)
		pr_info("init: %s is the root file system: %s, %s\n", root->node, type, how);
	return err;
}

/* @return of the types that were tried the first error that says more than "this is none of mine" */
static int root_try_types(const struct disk_root *root)
{
	const char *rest = root->types;
	int result = -EINVAL;
	char type[TYPE_SIZE];

	for (u32 i = 0;; i++) {
		int err;

		if (root->types[0]) {
			size_t length = 0;

			while (rest[length] && rest[length] != ',')
				length++;
			if (!length)
				return result;
			strscpy(type, rest, MIN(length + 1, sizeof(type)));
			rest += length + (rest[length] == ',');
		} else if (!fs_type_of_disks(i, type, sizeof(type))) {
			return result;
		}
		err = root_try_type(root, type);
		if (!err)
			return 0;
		if (result == -EINVAL)
			result = err;
	}
}

static int root_mount_disk(struct disk_root *root)
{
	int err;

	if (!root_wait_for_disk(root->node)) {
		pr_err("init: there is no %s\n", root->node);
		root_show_disks();
		return -ENODEV;
	}
	err = root_try_types(root);
	if (!err)
		return 0;
	if (!root->types[0])
		strscpy(root->types, "any type", sizeof(root->types));
	pr_err("init: %s cannot be mounted as %s: %s (error %d)\n", root->node, root->types,
	       error_text(err), -err);
	return err;
}

/* The first mount is a tmpfs, with /dev to find the disk by; both go when the disk takes its place. */
static int root_mount_new(struct disk_root *root)
{
	int err = fs_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);

	if (err)
		return err;
	err = root_mount_disk(root);
	if (err) {
		fs_unmount("/dev");
		return err;
	}
	if (fs_mount("devtmpfs", NEW_ROOT "/dev", "devtmpfs", 0, NULL))
		pr_warn("init: there is no folder /dev on %s\n", root->node);
	err = fs_replace_root(NEW_ROOT);
	if (err) {
		fs_unmount(NEW_ROOT);
		fs_unmount("/dev");
	}
	return err;
}

int disk_root_mount(void)
{
	struct disk_root *root;
	int err;

	if (!IS_ENABLED(CONFIG_FILESYSTEM_DRIVERS))
		return -ENODEV;
	root = kzalloc(sizeof(*root));
	if (!root)
		return -ENOMEM;
	if (option_value(&opt_types, root->types, sizeof(root->types)) < 0)
		root->types[0] = 0;
	if (option_value(&opt_flags, root->options, sizeof(root->options)) < 0)
		root->options[0] = 0;
	if (option_is_set(&opt_readonly) && !option_is_set(&opt_writable))
		root->mount_flags = MS_RDONLY;
	err = -EINVAL;
	if (root_node_name(root->node))
		err = root_mount_new(root);
	kfree(root);
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * devpts: the file system that shows the slaves of pseudo terminals.
 *
 * All mounts show one instance. Each pty has one inode while its master is open,
 * owned by the user that opened the master, so that chmod and chown of the node
 * (mesg, login) last. Names are numbers; they appear and disappear without a call
 * on the directory, so dentries are never cached.
 *
 * Options: uid=, gid=, mode= of new nodes; ptmxmode= of the "ptmx" node. They
 * hold for the one instance; the last mount or remount that names one sets it.
 *
 * Lock: devpts_lock (mutex) guards the table, the options and the super block.
 * It is taken inside the directory's inode lock (lookup); no lock is taken under it.
 */
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/dir_context.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/dirent.h>
#include <uapi/statfs.h>
#include "internal.h"

#define OPTION_UNSET (~0u)
#define MAX_DEFAULT  (1u << 20) /* of the option "max="; PTY_MAX holds in any case */
#define INO_PTMX     2
#define INO_FIRST    3

static struct options {
	uid_t uid;
	gid_t gid;
	mode_t mode, ptmxmode;
	u32 max;
} options = {
	.uid = OPTION_UNSET,
	.gid = OPTION_UNSET,
	.mode = 0600,
	.max = MAX_DEFAULT,
};
static DEFINE_MUTEX(devpts_lock);	 /* options, and all below */
static struct super_block *devpts_super; /* created at the first use, never freed */
static struct inode *ptmx_inode;
static struct inode **nodes; /* PTY_MAX, counted */

/* ---- names ---- */

/* A number without leading zeroes below PTY_MAX, or PTY_MAX. */
static u32 devpts_index_of(const char *name)
{
	u64 number;

	if (name[0] < '0' || name[0] > '9' || (name[0] == '0' && name[1]) ||
	    parse_u64(name, 10, &number))
		return PTY_MAX;
	return MIN(number, (u64)PTY_MAX);
}

static int devpts_lookup(struct inode *dir, struct dentry *d)
{
	u32 index = devpts_index_of(d->name);
	struct inode *inode = NULL;

	d->flags |= DENTRY_NOCACHE;
	mutex_lock(&devpts_lock);
	if (!strcmp(d->name, "ptmx"))
		inode = ptmx_inode;
	else if (index < PTY_MAX)
		inode = nodes[index];
	if (inode)
		inode_get(inode);
	mutex_unlock(&devpts_lock);
	if (inode)
		dentry_set_inode(d, inode);
	return 0;
}

static int devpts_readdir(struct file *f, struct dir_context *context)
{
	char name[8];

	if ((context->pos == 0 && !dir_fill(context, 0, ".", 1, f->inode->ino, DT_DIR)) ||
	    (context->pos == 1 && !dir_fill(context, 1, "..", 2, f->inode->ino, DT_DIR)) ||
	    (context->pos == 2 && !dir_fill(context, 2, "ptmx", 4, INO_PTMX, DT_CHR)))
		return 0;
	for (u64 index = context->pos - 3; index < PTY_MAX; index++) {
		if (!devpts_exists(index))
			continue;
		snprintf(name, sizeof(name), "%u", (u32)index);
		if (!dir_fill(context, index + 3, name, strlen(name), INO_FIRST + index, DT_CHR))
			break;
	}
	return 0;
}

static const struct inode_ops dir_ops = { .lookup = devpts_lookup };
static const struct file_ops dir_fops = { .readdir = devpts_readdir };
static const struct inode_ops node_ops = { 0 };

/* ---- the one instance ---- */

static struct inode *devpts_node_create(struct super_block *sb, ino_t ino, mode_t mode, dev_t dev)
{
	struct inode *inode = inode_alloc(sb);

	if (!inode)
		return NULL;
	inode->ino = ino;
	inode->mode = S_IFCHR | mode;
	inode->nlink = 1;
	inode_init_special(inode, dev);
	inode->ops = &node_ops;
	return inode;
}

static int devpts_statfs(struct super_block *sb, struct statfs *out)
{
	out->f_type = DEVPTS_SUPER_MAGIC;
	out->f_bsize = out->f_frsize = PAGE_SIZE;
	out->f_namelen = NAME_MAX;
	return 0;
}

static int devpts_remount(struct super_block *sb, u32 flags, const char *text);

static void devpts_show_options(struct super_block *sb, struct seq_file *seq)
{
	if (options.uid != OPTION_UNSET)
		seq_printf(seq, ",uid=%u", options.uid);
	if (options.gid != OPTION_UNSET)
		seq_printf(seq, ",gid=%u", options.gid);
	seq_printf(seq, ",mode=%03o,ptmxmode=%03o", options.mode, options.ptmxmode);
	if (options.max != MAX_DEFAULT)
		seq_printf(seq, ",max=%u", options.max);
}

static const struct super_ops devpts_super_ops = {
	.statfs = devpts_statfs,
	.remount = devpts_remount,
	.show_options = devpts_show_options,
};

static int devpts_mount(struct fs_type *type, u32 flags, const char *source, const char *text,
			struct super_block **out);
static struct fs_type devpts_type = { .name = "devpts", .flags = FS_NODEV, .mount = devpts_mount };

static int devpts_fill_super(struct super_block *sb)
{
	struct inode *root = inode_alloc(sb);

	if (!root)
		return -ENOMEM;
	root->ino = 1;
	root->mode = S_IFDIR | 0755;
	root->nlink = 2;
	root->ops = &dir_ops;
	root->fops = &dir_fops;
	ptmx_inode = devpts_node_create(sb, INO_PTMX, options.ptmxmode, MKDEV(5, 2));
	if (!ptmx_inode) {
		inode_put(root);
		return -ENOMEM;
	}
	return super_set_root(sb, root);
}

/* Create the super block if there is none. */
static int devpts_need_super_locked(void)
{
	struct super_block *sb;
	int err;

	assert_held(&devpts_lock);
	if (devpts_super)
		return 0;
	if (!nodes)
		nodes = kcalloc(PTY_MAX, sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	sb = super_alloc(&devpts_type, &devpts_super_ops);
	if (!sb)
		return -ENOMEM;
	sb->magic = DEVPTS_SUPER_MAGIC;
	sb->blksize = PAGE_SIZE;
	err = devpts_fill_super(sb);
	if (err) {
		if (ptmx_inode)
			inode_put(ptmx_inode);
		ptmx_inode = NULL;
		super_put(sb);
		return err;
	}
	devpts_super = sb;
	return 0;
}

/* ---- options ---- */

static int devpts_parse_option(struct options *options, const char *word)
{
	static const struct {
		const char *name;
		u32 base, max;
		size_t at;
	} known[] = {
		{ "uid=", 10, OPTION_UNSET - 1, offsetof(struct options, uid) },
		{ "gid=", 10, OPTION_UNSET - 1, offsetof(struct options, gid) },
		{ "mode=", 8, 0777, offsetof(struct options, mode) },
		{ "ptmxmode=", 8, 0777, offsetof(struct options, ptmxmode) },
		{ "max=", 10, MAX_DEFAULT, offsetof(struct options, max) },
	};
	u64 number;

	if (!*word || !strcmp(word, "newinstance"))
		return 0;
	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		size_t len = strlen(known[i].name);

		if (strncmp(word, known[i].name, len))
			continue;
		if (parse_u64(word + len, known[i].base, &number) || number > known[i].max)
			return -EINVAL;
		*(u32 *)((u8 *)options + known[i].at) = number;
		return 0;
	}
	return -EINVAL;
}

static int devpts_parse_options(struct options *options, const char *text)
{
	char word[32];

	while (text && *text) {
		const char *end = strchr(text, ',');
		size_t len = end ? (size_t)(end - text) : strlen(text);

		if (len >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, len);
		word[len] = 0;
		if (devpts_parse_option(options, word))
			return -EINVAL;
		text += len + (end != NULL);
	}
	return 0;
}

static int devpts_set_options_locked(const char *text)
{
	struct options changed = options;
	int err = devpts_parse_options(&changed, text);

	assert_held(&devpts_lock);
	if (err)
		return err;
	options = changed;
	ptmx_inode->mode = S_IFCHR | changed.ptmxmode;
	return 0;
}

static int devpts_remount(struct super_block *sb, u32 flags, const char *text)
{
	int err;

	mutex_lock(&devpts_lock);
	err = devpts_set_options_locked(text);
	mutex_unlock(&devpts_lock);
	return err;
}

static int devpts_mount(struct fs_type *type, u32 flags, const char *source, const char *text,
			struct super_block **out)
{
	int err;

	mutex_lock(&devpts_lock);
	err = devpts_need_super_locked();
	if (!err)
		err = devpts_set_options_locked(text);
	if (!err) {
		super_get(devpts_super);
		*out = devpts_super;
	}
	mutex_unlock(&devpts_lock);
	return err;
}

/* ---- for pty.c ---- */

int devpts_add(u32 index, dev_t dev)
{
	const struct cred *cred = current_cred();
	struct inode *inode = NULL;
	int err;

	mutex_lock(&devpts_lock);
	err = devpts_need_super_locked();
	if (!err && index >= options.max)
		err = -ENOSPC;
	if (!err) {
		inode = devpts_node_create(devpts_super, INO_FIRST + index, options.mode, dev);
		if (!inode)
			err = -ENOMEM;
	}
	if (!err) {
		inode->uid = options.uid;
		if (options.uid == OPTION_UNSET)
			inode->uid = cred->fsuid;
		inode->gid = options.gid;
		if (options.gid == OPTION_UNSET)
			inode->gid = cred->fsgid;
		nodes[index] = inode;
	}
	mutex_unlock(&devpts_lock);
	return err;
}

void devpts_remove(u32 index)
{
	struct inode *inode;

	mutex_lock(&devpts_lock);
	inode = nodes[index];
	nodes[index] = NULL;
	mutex_unlock(&devpts_lock);
	if (inode)
		inode_put(inode);
}

bool devpts_exists(u32 index)
{
	return nodes && READ_ONCE(nodes[index]);
}

void devpts_init(void)
{
	fs_register(&devpts_type);
}

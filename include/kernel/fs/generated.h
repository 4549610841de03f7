/* SPDX-License-Identifier: MIT */
/** @file generated.h  Trees of generated files: what /proc (but for the processes) and /sys are. */
#pragma once
#include <kernel/fs/inode.h>
#include <kernel/fs/seq_open.h>
#include <kernel/fs/super_block.h>
#include <kernel/rbtree.h>

struct dir_context;
struct file;

/** Describes an entry. Texts are copied; what show, write, arg and changes refer to must outlast the entry. */
struct gen_spec {
	mode_t mode; /* with S_IFMT */
	int (*show)(struct seq_file *seq, void *arg);
	int (*write)(char *text, size_t len, void *arg);
	void *arg;
	const char *target;		    /* of a symbolic link; or: */
	const char *(*readlink)(char *buf); /* as inode_ops.readlink_short */
	const struct file_ops *fops;	    /* instead of show and write */
	struct change_source *changes;	    /* what poll() reports; NULL: nothing */
	/*
	 * Of a folder: called before a name in it is looked up, or it is listed, to create missing
	 * entries. Runs with the folder's inode->lock held, and may not remove entries.
	 */
	void (*refresh)(void *arg);
};

struct gen_tree;
struct proc_entry {
	struct rb_node node;  /* in parent->names */
	struct rb_node place; /* in parent->places, by cookie */
	struct rb_root names, places;
	struct list link;	   /* of those that are removed together */
	struct proc_entry *parent; /* NULL: the root, or removed */
	struct gen_tree *tree;
	u64 cookie;	     /* place in the directory; also makes the inode number */
	struct atomic refs;  /* the tree's, each inode's */
	struct atomic users; /* show() and write() calls that run; negative: removed */
	struct gen_spec spec;
	uid_t uid;
	gid_t gid;
	char *target;	/* of a link; inodes show this text */
	u32 nr_folders; /* among the children */
	struct rcu_head rcu;
	bool implicit; /* a folder that is removed with its last entry */
	u8 name_len;
	char name[]; /* NUL-terminated */
};

/** A tree; everything else is set by gen_tree_init(). */
struct gen_tree {
	struct rwsem lock; /* guards names, places, parents, modes, next_cookie */
	u64 next_cookie;
	struct proc_entry *root;
	struct super_block *sb; /* the one super block that shows it, or NULL; under sb_lock */
	struct mutex sb_lock;	/* guards sb */
	mode_t folder_mode;	/* of folders that are created as parents */
	u64 file_size;		/* that stat() reports */
	int gone_error;		/* of a read or write after the entry was removed */
};

/** @return 0 or -ENOMEM */
int __must_check gen_tree_init(struct gen_tree *tree, mode_t folder_mode, u64 file_size,
			       int gone_error);
/** @brief Create an entry; missing parent folders are made. Sleeps. @return NULL: no memory, the name is bad or taken */
struct proc_entry *gen_create(struct gen_tree *tree, const char *path, const struct gen_spec *spec);
/** @brief Remove an entry, and wait until show() and write() run nowhere. Entries below it stay until removed. Sleeps. */
void gen_remove(struct proc_entry *entry);

/* For the file systems that show a tree. */

/** @brief Get the one super block of the tree, counted for the caller; it is made with @p ops and @p magic if it does not exist. */
int __must_check gen_mount(struct gen_tree *tree, struct fs_type *type, const struct super_ops *ops,
			   u64 magic, const struct inode_ops *root_ops,
			   const struct file_ops *root_fops, struct super_block **out);
/* Methods of a root that shows more than the tree. */
int __must_check gen_lookup(struct inode *dir, struct dentry *d);
int __must_check gen_setattr(struct inode *inode, const struct iattr *attr);
void gen_getattr(struct inode *inode, struct kstat *stat);
/** @brief Pass entries from context->pos on to fill(), "." and ".." included. @return 0, 1: the last one was passed */
int gen_readdir(struct file *f, struct dir_context *context);
/** For super_ops.remount of trees that have no options. @return 0, -EINVAL: options were passed */
int __must_check gen_remount(struct super_block *sb, u32 flags, const char *options);
/** For super_ops.statfs: no blocks, no files. */
int gen_statfs(struct super_block *sb, struct statfs *out);
/** For super_ops.evict_inode. @return false: not an inode of a tree */
bool gen_evict(struct inode *inode);

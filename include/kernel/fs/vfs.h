/* SPDX-License-Identifier: MIT */
/** @file vfs.h  Between the rooms of fs/: names, mounts, walks. What file systems may use is in kernel/fs.h. */
#pragma once
#include <kernel/fs.h>
#include <kernel/fs/name.h>
#include <uapi/mount.h>

/* ---- dcache.c ---- */

/**
 * tree_seq is odd while parents, names or mounts change (under tree_lock). Who
 * reads them without the lock does so inside rcu_read_lock(), and believes what
 * it found if the number was even before and is the same after.
 */
extern spinlock_t tree_lock;
extern u32 tree_seq;
static inline void tree_write_begin(void)
{
	spin_lock(&tree_lock);
	__atomic_store_n(&tree_seq, tree_seq + 1, __ATOMIC_RELAXED);
	smp_wmb();
}
static inline void tree_write_end(void)
{
	__atomic_store_n(&tree_seq, tree_seq + 1, __ATOMIC_RELEASE);
	spin_unlock(&tree_lock);
}
static inline u32 tree_read_begin(void)
{
	return __atomic_load_n(&tree_seq, __ATOMIC_ACQUIRE);
}
static inline bool tree_read_valid(u32 seq)
{
	smp_rmb();
	return !(seq & 1) && READ_ONCE(tree_seq) == seq;
}

void dcache_init(void);
/** Not in the hash yet; one reference; pins @p parent. NULL: no memory. @p name needs no slack. */
struct dentry *dentry_alloc(struct dentry *parent, u64 key, const char *name);
/** The root of a super block, or (@p name not NULL) a dentry that is in no directory. */
struct dentry *dentry_alloc_root(struct super_block *sb, const char *name);
/** Under rcu_read_lock(). May miss what is being renamed. @p name has slack. */
struct dentry *dentry_find_rcu(const struct dentry *parent, u64 key, const char *name);
/** The same, counted, and reliable while the caller holds parent's inode->lock. */
struct dentry *dentry_find(struct dentry *parent, u64 key, const char *name);
/** Take a reference under rcu_read_lock(). false: it is dying. */
bool dentry_get_rcu(struct dentry *d);
/** Make it findable. The caller holds the directory's lock, and looked that no other is there. */
void dentry_hash(struct dentry *d);
/** The name is gone from the directory: nobody finds the dentry any more. Under the directory's lock. */
void dentry_unhash(struct dentry *d);
/** The object's name was removed: make @p d negative if the caller alone uses it, else unhash it. */
void dentry_delete(struct dentry *d);
/** Drop what dentry_instantiate() pinned. Under the directory's lock. */
void dentry_unpin(struct dentry *d);
/** @p from gets the place and name of @p to, which is unhashed; or (@p exchange) they swap. Both directories are locked. */
void dentry_move(struct dentry *from, struct dentry *to, bool exchange);
/** Forget the unused ones below @p d. */
void dentry_prune_children(struct dentry *d);
/** Forget all of a file system that nobody uses any more. */
void dentry_forget_tree(struct dentry *root);
/** Is @p a the same as, or an ancestor of, @p d? Under tree_lock or rename_lock. */
bool dentry_is_ancestor(const struct dentry *a, const struct dentry *d);

static inline bool dentry_set_flag(struct dentry *d, u32 flag)
{
	return __atomic_fetch_or(&d->flags, flag, __ATOMIC_SEQ_CST) & flag;
}
static inline bool dentry_clear_flag(struct dentry *d, u32 flag)
{
	return __atomic_fetch_and(&d->flags, ~flag, __ATOMIC_SEQ_CST) & flag;
}

/* ---- mount.c ---- */

/* Rights and habits of a mount; equal to the ST_* bits of statfs() where those exist. */
#define MNT_RDONLY	0x0001
#define MNT_NOSUID	0x0002
#define MNT_NODEV	0x0004
#define MNT_NOEXEC	0x0008
#define MNT_NOSYMFOLLOW 0x2000
#define MNT_NOATIME	0x0400
#define MNT_NODIRATIME	0x0800
#define MNT_RELATIME	0x1000
#define MNT_USER_FLAGS	0x3c0f
#define MNT_FROZEN	0x10000 /* umount() counts its users: do not enter */
#define MNT_DETACHED	0x20000 /* in no tree any more: the last user frees it */

/* A CPU's share of the counts. */
struct mount_cell {
	s64 refs, writers;
} __aligned(64);
struct mount {
	struct dentry *root; /* counted, as is sb */
	u32 flags;	     /* changes under tree_lock */
	u32 id;
	struct mount_cell *cells;  /* by CPU */
	struct mount *parent;	   /* itself at the root; under tree_lock */
	struct dentry *mountpoint; /* counted while attached */
	struct mount *hash_next;   /* RCU */
	struct super_block *sb;
	struct list children, child_link, sb_link, all_link; /* under tree_lock */
	char *source;
	bool expire;
	struct rcu_head rcu;
};
extern struct list mount_list;	 /* in order of mounting; under tree_lock */
extern struct mount *mount_root; /* the first one */

/** Any thread context, from a reference or (under RCU, then validate tree_seq) without one. */
static inline void mount_get(struct mount *m)
{
	preempt_disable();
	m->cells[cpu_id()].refs++;
	preempt_enable();
}
void mount_put_detached(struct mount *m);
static inline void mount_put(struct mount *m)
{
	preempt_disable();
	if (likely(!(READ_ONCE(m->flags) & MNT_DETACHED))) {
		m->cells[cpu_id()].refs--;
		preempt_enable();
		return;
	}
	preempt_enable();
	mount_put_detached(m);
}
/** What is mounted on {m, d}: NULL: nothing. Under rcu_read_lock() or tree_lock. */
struct mount *mount_find_rcu(const struct mount *m, const struct dentry *d);
/** Wait until no umount() is deciding. */
void mount_wait_frozen(void);
/** Before changing anything: pair with mount_write_end(). @return 0 or -EROFS */
int mount_write_begin(struct mount *m);
void mount_write_end(struct mount *m);
static inline bool mount_is_readonly(const struct mount *m)
{
	return (READ_ONCE(m->flags) & MNT_RDONLY) || (READ_ONCE(m->sb->flags) & MS_RDONLY);
}
/** Not in the tree yet; one reference, which is the tree's later on. Counts @p sb and @p root. NULL: no memory. */
struct mount *mount_alloc(struct super_block *sb, struct dentry *root, u32 flags,
			  const char *source);
/** Hang it onto a path. Under mount_mutex. @return 0, -ENOENT, -EINVAL */
int mount_attach(struct mount *m, const struct path *at);
/** Text of /proc/filesystems. */
void fs_types_show(struct seq_file *m);
struct fs_type *fs_type_find(const char *name);

/* ---- walk.c ---- */

enum last_kind { LAST_NORMAL, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

#define WALK_LINKS_MAX 40

/* A string being walked that came from a symbolic link, and what keeps it alive. */
struct walk_text {
	const char *rest;
	struct path link;
	char *buf;
};

struct walk {
	struct path path;	    /* where we are; counted unless rcu */
	struct inode *inode;	    /* of path.dentry */
	struct path root;	    /* counted once root_held */
	bool rcu, root_held, slash; /* slash: the last component had one behind it */
	u8 last_kind;		    /* of the last component, for LOOKUP_PARENT */
	u32 seq;
	u32 flags; /* LOOKUP_* */
	u32 nr_links;
	u32 depth; /* strings waiting to be finished */
	struct fd_ref base;
	const char *last; /* LOOKUP_PARENT: last component, and its key */
	u64 last_key;
	struct walk_text text; /* the present string, if from a link */
	struct walk_text stack[WALK_LINKS_MAX];
};

/** A path from user space, in a buffer with slack. */
struct path_name {
	char *text;
	char *alloc;
	char buf[128];
};
/** @return 0, -EFAULT, -ENAMETOOLONG, -ENOENT when empty (unless @p flags has LOOKUP_EMPTY), -ENOMEM */
int path_name_get(struct path_name *n, u64 user, u32 flags);
int path_name_copy(struct path_name *n, const char *kernel);
void path_name_put(struct path_name *n);

/**
 * Walk without taking references or sleeping. On 0 the caller is inside
 * rcu_read_lock() with w->path and w->inode, and ends with walk_fast_end() or
 * walk_fast_keep(). -ECHILD: use walk_slow(). Other errors are final.
 * @p name has slack and stays until the end.
 */
int walk_fast(struct walk *w, int dirfd, const char *name, u32 flags);
/** @return 0: what was seen was consistent; -ECHILD: it was not */
int walk_fast_end(struct walk *w);
/** Turn it into references. @return 0 or -ECHILD */
int walk_fast_keep(struct walk *w);
/** Walk with references. On 0 end with walk_end(). */
int walk_slow(struct walk *w, int dirfd, const char *name, u32 flags);
/** First fast, then slow; on 0 references are held: walk_end(). */
int walk(struct walk *request, int dirfd, const char *name, u32 flags);
void walk_end(struct walk *w);
/** Go on from a LOOKUP_PARENT walk (with references) to a symbolic link's target: the last component is @p link. */
int walk_follow_last(struct walk *w, struct dentry *link);
/** The last component of a LOOKUP_PARENT walk, looked up under the directory's lock (held by the caller). Counted, or ERR_PTR. */
struct dentry *lookup_locked(struct dentry *dir, u64 key, const char *name);
/** As above, taking the lock when it is not in the cache. */
struct dentry *lookup_one(struct dentry *dir, u64 key, const char *name);
/** Step onto what is mounted here; both references are exchanged. */
void path_follow_mounts(struct path *p);
/** Path of a user string, counted. @p flags LOOKUP_* */
int user_path(int dirfd, u64 user, u32 flags, struct path *out);

/* ---- context.c ---- */

/** Set root or cwd of @p fs; counts @p to. */
void fs_context_set(struct fs_context *fs, struct path *which, const struct path *to);
/** path_text() as seen from another root; @p reached: is it below that? */
char *path_text_in(const struct path *p, const struct path *root, char *buf, size_t size,
		   bool *reached);

/* ---- inode.c ---- */

void inode_init_caches(void);
void fill_stat(const struct inode *i, struct kstat *st);
/** May the current thread act as the owner? */
bool inode_owner_or_capable(const struct inode *i);
bool capable_of_bypass(const struct inode *i, int mask);
int setattr_copy(struct inode *i, const struct iattr *a);
/** It was read: its time of last access, as the mount wants it. */
void file_accessed(struct file *f);
/** locks.c: its inode goes. */
void locks_free(struct inode *i);

/* ---- dirops.c ---- */

int may_create(struct inode *dir);
int may_delete(struct dentry *dir, struct dentry *victim, bool is_dir);
int vfs_create(struct dentry *dir, struct dentry *d, mode_t mode);
int vfs_mknod(struct dentry *dir, struct dentry *d, mode_t mode, dev_t dev);
int vfs_mkdir(struct dentry *dir, struct dentry *d, mode_t mode);
int vfs_symlink(struct dentry *dir, struct dentry *d, const char *target);
int vfs_unlink(struct dentry *dir, struct dentry *d);
int vfs_rmdir(struct dentry *dir, struct dentry *d);
static inline mode_t current_umask(void)
{
	return current->fs ? READ_ONCE(current->fs->umask) : 022;
}

/* ---- open.c, attr.c ---- */

/** Set the size, as truncate() does; write access is counted by the caller. */
int vfs_truncate(const struct path *p, u64 size, struct file *f);
/** An open file on @p p (counted here): permission was checked. */
struct file *file_open_path(const struct path *p, u32 flags);
/** The same with a file from file_alloc(), which it takes over. */
struct file *file_open_into(struct file *f, const struct path *p, u32 flags);
void file_init(void);
void files_init(void);
void pipe_init(void);
void epoll_init(void);
/** locks.c: flock() and OFD locks of @p f go. */
void locks_release_file(struct file *f);
/** Count one that changes a regular file's contents. @return 0, -EROFS, -ETXTBSY */
int write_access_begin(const struct path *p);
void write_access_end(const struct path *p);

/* ---- pages.c ---- */

void pagecache_init(void);
/** Take all pages out at and behind @p size, zero the rest of the one it cuts. Under inode->lock. */
void pagecache_truncate(struct inode *i, u64 size);
/** Before a transfer: current limits. @return bytes that may be written at @p pos, or -EFBIG (SIGXFSZ sent) */
s64 file_write_limit(struct inode *i, u64 pos, u64 count);

/* ---- file systems ---- */

void tmpfs_init(void);
void devfs_init(void);
struct super_block *tmpfs_create_super(const struct fs_type *t, const char *options,
				       u64 default_max_bytes);

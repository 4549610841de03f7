/* SPDX-License-Identifier: MIT */
/**
 * @file driver.h  File systems that are drivers: what the files of this folder share.
 *
 * Locks, outermost first: inode->lock; file_cache.room_lock; driven_super.commit_lock; a change (call.c); a bucket's lock of
 * the table of nodes, a cell's lock (spin). driven_lock (mutex): which types and super blocks there are.
 */
#pragma once
#include <kernel/fs/driven.h>
#include <kernel/fs/file_cache.h>
#include <kernel/fs/inode.h>
#include <kernel/gate.h>
#include <kernel/page.h>
#include <kernel/rcu.h>
#include <kernel/wait.h>

struct dentry;
struct dir_context;
struct store;
struct uio;
struct vm_region;

/** A CPU's share. */
struct driven_cell {
	s64 calls,
		changes; /* that began here, less those that ended here; changed there with preemption off */
	spinlock_t lock;   /* guards dirty, and the links and dirty_cpu of the nodes on it */
	struct list dirty; /* struct driven_node: has attributes to hand down */
	struct driven_holds *holds; /* for the next call; exchanged atomically; NULL: none */
} __aligned(64);

struct driven_super {
	struct super_block *sb;
	struct list link;	    /* of all; under driven_lock */
	struct driven_type *named;  /* counted: gives sb its name */
	struct driven_type *type;   /* that serves it, counted; NULL: none. Changes while closed */
	struct driven_mount *mount; /* the driver's handle */
	void *fs;		    /* the driver's */
	u32 flags;		    /* BANOS_MOUNT_... */
	u32 clean;		    /* BANOS_MOUNT_CLEAN, until it is found damaged */
	struct banos_mount_info info;
	struct driven_cell *cells; /* by CPU */
	bool closed;		   /* no call begins */
	bool committing;	   /* no change begins */
	bool ending;		   /* the last user has gone */
	bool ignores_errors;	   /* errors=continue */
	bool lost;     /* data was, in blocks that a commit would make a file's: there is none */
	bool remounts; /* its driver may write, though it is read-only still, or already */
	struct wait_queue wait;	  /* for the end of these, and of calls */
	struct mutex commit_lock; /* guards committed */
	u64 epoch;		  /* of the present changes; changes while they are excluded */
	u64 committed;		  /* the last commit that succeeded */
	bool structured; /* since the last commit more than times was changed: data is on the disk before that. Set in changes and commits */
	u64 dirty_ns; /* when something was first changed after the last commit; 0: nothing was */
	struct thread *commit_thread; /* NULL: it was never mounted to be written */
	struct wait_queue commit_wait;
	bool commit_idle; /* the thread waits for a change */
	u32 forgetting; /* calls of forget() for nodes with names that run; raised under the bucket's lock */
	u64 forgotten; /* those that have ended */
	spinlock_t ended_lock;
	struct list
		ended; /* nodes without an inode whose driver has not been told; under ended_lock */
	struct banos_mount_config config; /* for mounting it again */
	int failed;	     /* of the first commit that could not be written: -errno */
	bool damaged;	     /* it is read-only because of that: nothing is freed any more */
	struct store *store; /* NULL: there is no disk */
};
static inline struct driven_super *driven_of(const struct super_block *sb)
{
	return sb->private;
}
extern struct mutex driven_lock; /* guards the list of super blocks, driven_type.mounts, gone */
extern struct list driven_supers;
extern const struct super_ops driven_super_ops;

/* ---- calls of methods (call.c) ---- */

/** @brief Call a method, by its offset in the table. @return its result; -ENODEV: there is no driver */
s64 driven_invoke(struct driven_super *super, u32 flags, size_t method, u64 arg2, u64 arg3,
		  u64 arg4, u64 arg5, u64 arg6);
#define DRIVEN_ARGS(super, flags, method, a, b, c, d, e, ...)                                \
	driven_invoke(super, flags, offsetof(struct banos_filesystem_ops, method), (u64)(a), \
		      (u64)(b), (u64)(c), (u64)(d), (u64)(e))
/** driven_ask(super, getattr, node, &attr): what changes nothing. */
#define driven_ask(super, method, ...) DRIVEN_ARGS(super, 0, method, __VA_ARGS__, 0, 0, 0, 0, 0)
#define driven_change(super, method, ...) \
	DRIVEN_ARGS(super, DRIVEN_CHANGE, method, __VA_ARGS__, 0, 0, 0, 0, 0)
#define driven_commits(super, method, ...) \
	DRIVEN_ARGS(super, DRIVEN_COMMIT, method, __VA_ARGS__, 0, 0, 0, 0, 0)
/** @brief Call mount(). @p handle is what the driver names the super block by. */
s64 driven_mount_call(struct driven_super *super, u64 handle, struct banos_mount_info *info);
/** @return the error that a method meant which returns 0 or an error, and did not return 0 */
static inline int driven_error(s64 result)
{
	if (result > 0)
		return -EUCLEAN;
	return (int)result;
}
/** @brief Begin and end a transfer: the driver stays. @return 0, -ENODEV */
int __must_check driven_enter(struct driven_super *super, u32 flags);
void driven_leave(struct driven_super *super, u32 flags);
/** @brief Keep calls out, and wait until none runs. @return 0, -EBUSY: not until @p deadline_ns */
int __must_check driven_close(struct driven_super *super, u64 deadline_ns);
void driven_open(struct driven_super *super);
/** @brief Keep changes out, and wait until none runs. Under commit_lock. */
void driven_exclude(struct driven_super *super);
void driven_admit(struct driven_super *super);

/* ---- pages of the store that a call uses (hold.c) ---- */

/** Index of a page in driven_holds.recent. */
static inline u32 driven_recent(u64 index)
{
	return (index ^ index >> 7) % DRIVEN_RECENT;
}
/** @brief hold_get() where it is not the one that was found last. */
struct driven_hold *__must_check hold_find(struct driven_call *call, u64 index);
/** @brief Is the page the store's still? One that has dirty sectors stays. */
static inline bool hold_is_valid(const struct driven_hold *hold)
{
	return hold->dirty || READ_ONCE(hold->page->mapping);
}
/** @brief The page that was found last, if it is that one. @return NULL: hold_find() knows */
static inline struct driven_hold *hold_recent(const struct driven_call *call, u64 index)
{
	struct driven_holds *holds = call->holds;
	struct driven_hold *hold;

	if (unlikely(!holds))
		return NULL;
	hold = &holds->held[holds->recent[driven_recent(index)]];
	if (likely(hold->index == index && hold_is_valid(hold)))
		return hold;
	return NULL;
}
/** @brief A page, which stays until the call ends or needs its place. @return ERR_PTR */
static inline struct driven_hold *__must_check hold_get(struct driven_call *call, u64 index)
{
	struct driven_hold *hold = hold_recent(call, index);

	if (likely(hold))
		return hold;
	return hold_find(call, index);
}
/** @brief A page that is wholly overwritten. @param bytes  NULL: zeroes @param fresh  set where it was not cached: it holds @p bytes */
struct driven_hold *__must_check hold_whole(struct driven_call *call, u64 index, const void *bytes,
					    bool *fresh);
/** @brief Those that the call before on this CPU used. @return NULL: no memory */
struct driven_holds *holds_take(struct driven_super *super);
/** @brief A call has ended: nothing is lent, and the next one may use its pages. */
void holds_return(struct driven_call *call);
static inline void holds_give_back(struct driven_call *call)
{
	if (call->holds)
		holds_return(call);
}
/** @brief No call will begin any more. */
void holds_free(struct driven_super *super);

/* ---- nodes (node.c) ---- */

struct driven_node {
	struct inode *inode;
	struct driven_node *hash_next; /* under the bucket's lock */
	u64 node, generation;
	u64 given; /* how often the driver has named it since it is known; of remote file systems */
	u32 dirty; /* BANOS_SET_...: to hand down; changed atomically, from and to 0 under the cell's lock */
	u16 dirty_cpu;
	bool hashed;
	bool kept;     /* by dirty attributes alone: under the bucket's lock */
	bool nameless; /* when its inode ended */
	u32 failed;    /* BANOS_SET_...: that the commit which runs could not hand down */
	struct list dirty_link;
	struct list
		commit_link; /* of those that a commit has handed down, or of driven_super.ended */
	char *link;	     /* text of a symbolic link */
	/* What of it is on the disk: commits, compared with driven_super.committed. */
	u64 changed;		 /* that its last change of structure belongs to */
	u64 handed_down;	 /* that its attributes were last handed down in */
	u64 stored_size;	 /* that was handed down */
	struct file_cache cache; /* of a regular file */
	u64 copied_ns,
		copied_size; /* of a file whose data the driver moves: what its pages are copies of */
	struct rcu_head rcu;
};
static inline struct driven_node *driven_node(const struct inode *inode)
{
	return inode->private;
}
static inline u64 node_number(const struct inode *inode)
{
	return driven_node(inode)->node;
}
/**
 * @brief From here to node_change_end() this thread alone changes the node. Most methods that change it have inode->lock; but a first
 * store to a page of a mapping, for which map() allocates, has not, nor have the files that RENAME_EXCHANGE
 * exchanges. Of two nodes, that at the lower address first. Sleeps.
 */
static inline void node_change_begin(struct inode *inode)
{
	if (inode->cache)
		mutex_lock(&inode->cache->room_lock);
}
static inline void node_change_end(struct inode *inode)
{
	if (inode->cache)
		mutex_unlock(&inode->cache->room_lock);
}
int __must_check driven_nodes_init(void);
/**
 * @brief The inode of a node, counted; a new one if it is not known.
 * @param forgotten  driven_super.forgotten, from before the driver was asked for the node
 * @return ERR_PTR; -EAGAIN: look the name up again
 */
struct inode *__must_check node_get(struct driven_super *super, u64 forgotten,
				    const struct banos_attr *attr);
/** @brief Another driver names the node otherwise. No method of the file system runs. */
void node_renumber(struct inode *inode, u64 number);
/** @brief Another driver serves: what it does not know by its number is found by its name (again.c). No method runs. */
void nodes_find_again(struct driven_super *super);
/** @brief An inode that is not known yet, for something new. @return NULL: no memory */
struct inode *node_alloc(struct driven_super *super);
/** @brief It was created. @return 0; -EUCLEAN: the driver's answer is wrong */
int __must_check node_enter(struct inode *inode, const struct banos_attr *attr);
/** @brief Its blocks, names or rights were changed, in a change that may not have ended. */
static inline void node_changed(struct inode *inode)
{
	WRITE_ONCE(driven_node(inode)->changed, READ_ONCE(driven_of(inode->sb)->epoch));
}
/** @brief Take over what the driver says of a node, but what has to be handed down. */
void node_fill(struct inode *inode, const struct banos_attr *attr);
void node_evict(struct inode *inode);
bool node_keep(struct inode *inode);
/** @brief Attributes are to be handed down: BANOS_SET_... Any context. */
void node_dirty(struct inode *inode, u32 which);
/** @brief The next node with attributes to hand down, counted, and which; NULL: no more on this CPU's list. */
struct inode *node_next_dirty(struct driven_super *super, u32 cpu, u32 *which);
/** @brief A commit could not be written: each open file learns it from its next fsync(). */
void nodes_report(struct driven_super *super, int err);
/** @brief Is one in use that has no name any more? Then the disk cannot become read-only: it is freed by its last user. */
bool nodes_are_nameless(struct driven_super *super);
/** @brief Tell the driver of nodes whose inodes ended in inode_put_later(). Sleeps; not within a commit. */
void nodes_tell_ended(struct driven_super *super);
/** @brief One that was handed down is kept no longer for that. */
void node_clean(struct inode *inode);
static inline struct banos_attr attr_empty(void)
{
	return (struct banos_attr){ .size = sizeof(struct banos_attr) };
}

/* ---- the rest ---- */

extern const struct inode_ops driven_dir_iops, driven_file_iops, driven_link_iops,
	driven_special_iops, driven_mapped_iops; /* dir.c, attr.c, data.c */
extern const struct file_ops driven_dir_fops, driven_transfer_fops, driven_mapped_fops;
/** @brief A file's data is moved by the kernel: give it a cache. */
void data_init(struct inode *inode);
/** @brief It is moved by the driver: @p method is the offset of read() or write(). @return bytes, -errno */
s64 driven_transfer(struct inode *inode, struct uio *uio, u64 offset, size_t method);
/** @brief ... and has a cache for mappings (copies.c), which is to be forgotten where the file has changed. */
void copies_init(struct inode *inode);
void copies_forget(struct inode *inode);
int copies_open(struct inode *inode, struct file *f);
int copies_mmap(struct file *f, struct vm_region *region);
int driven_setattr(struct inode *inode, const struct iattr *attr);
s64 driven_getxattr(struct inode *inode, const char *name, void *value, u32 size);
s64 driven_listxattr(struct inode *inode, char *list, u32 size);
int driven_setxattr(struct inode *inode, const char *name, const void *value, u32 size, u32 flags);
/** For tables of methods. */
#define DRIVEN_XATTRS \
	.getxattr = driven_getxattr, .listxattr = driven_listxattr, .setxattr = driven_setxattr
/** @brief Hand down attributes of a node: BANOS_SET_... @param flags  DRIVEN_... @return 0, -errno */
int __must_check node_hand_down(struct inode *inode, u32 which, u32 flags);

/** @brief Take over how many blocks a node has. Outside of its changes. */
void node_count_blocks(struct inode *inode);

/** @brief Write what unmount() has written to the store. No call runs. @return 0, -errno */
int __must_check driven_commit_last(struct driven_super *super);
/** @brief Commit what was changed until now. Sleeps. */
int __must_check driven_commit(struct driven_super *super);
/** @brief The same, and all data that is dirty by now, also where a commit runs that may have passed it by. */
int __must_check driven_commit_data(struct driven_super *super);
/** @brief Start the thread that commits by itself; thread_stop() ends it. @return 0, -errno */
int __must_check driven_commit_start(struct driven_super *super);
/** @brief Something was changed: a commit will follow by itself. Any context. */
void driven_changed(struct driven_super *super);

/* SPDX-License-Identifier: MIT */
/**
 * @file proc.h  Declarations that the files of /proc share.
 *
 * What belongs to a process is not a tree that is kept: names are looked up and
 * listed as the processes are. The dentries of /proc/PID and of what is in it are
 * cached until the process is reaped, and revalidated at each step of a walk; all
 * others are never cached. An inode there holds one reference on its process, in
 * inode->private. The inode number encodes its name, the same every time:
 *
 *	bits 32 up	the number of the thread (of the first one in /proc/PID)
 *	NODE_TASK	below /proc/PID/task
 *	NODE_FD, NODE_FDINFO	an entry of fd/ or fdinfo/; the low bits are the descriptor
 *	otherwise the low bits are 0 for the folder of the process or thread itself,
 *	1 + index in pid_entries[] for what is in it
 */
#pragma once
#include <kernel/fs/generated.h>
#include <kernel/process.h>

extern struct gen_tree proc_tree;

#define NODE_INDEX  0x00ffffffu
#define NODE_FD	    0x01000000u
#define NODE_FDINFO 0x02000000u
#define NODE_TASK   0x08000000u
static inline u64 node_ino(pid_t tid, u32 bits)
{
	return (u64)(u32)tid << 32 | bits;
}
static inline pid_t node_tid(const struct inode *inode)
{
	return (pid_t)(inode->ino >> 32);
}
static inline u32 node_bits(const struct inode *inode)
{
	return (u32)inode->ino;
}
static inline u32 node_index(const struct inode *inode)
{
	return (u32)inode->ino & NODE_INDEX;
}

/** The process and thread that an inode is about. */
struct pid_target {
	struct process *p; /* held by the inode */
	struct thread *t;  /* counted: put with pid_target_put() */
	bool task;	   /* the thread alone, not the process as a whole */
};
/** @return false: it has been reaped, or the thread has ended */
bool pid_target_get(const struct inode *inode, struct pid_target *out);
static inline void pid_target_put(struct pid_target *target)
{
	thread_put(target->t);
}

/** May @p cred look into the process, as ptrace() would let it? */
bool pid_may_access(const struct cred *cred, const struct pid_target *target);
/** May the current thread, and could the one that opened @p f? */
bool pid_reader_may_access(const struct file *f, const struct pid_target *target);
/** @return 0 or -EACCES; -ESRCH when there is no such process any more */
int __must_check pid_check_access(const struct inode *inode, const struct cred *cred);
/**
 * Its address space, counted, if @p cred may look into it.
 * @return 0: *out NULL when it has ended; -EACCES
 */
int __must_check pid_space_get(const struct pid_target *target, const struct cred *cred,
			       struct vm_space **out);
/** For open methods: may the current thread see the address space? @return 0, with its number; -EACCES, -ESRCH */
int __must_check pid_space_open(const struct inode *inode, u64 *exec_id);
/** @return the space that pid_space_open() opened, counted; NULL: it has ended, or the process runs another program */
struct vm_space *pid_opened_space(const struct pid_target *target, u64 exec_id);

struct pid_entry {
	const char *name;
	mode_t mode; /* with S_IFMT */
	u8 name_len;
	u8 where; /* PID_IN_* */
	const struct inode_ops *ops;
	const struct file_ops *fops; /* of a folder, or instead of show */
	/** Makes the text. @p f is the open file: f->cred may be asked whether it may look. */
	int (*show)(struct seq_file *seq, const struct pid_target *target, struct file *f);
};
/** For open methods: the text that the entry's show() makes. @return 0 or -ENOMEM */
int __must_check pid_show_open(struct inode *inode, struct file *f);
extern const struct file_ops pid_mounts_fops;

#define PID_IN_PROCESS 1
#define PID_IN_TASK    2
#define PID_IN_BOTH    3
/** The entry of an inode whose bits are those of an entry. */
const struct pid_entry *pid_entry_of(const struct inode *inode);
int __must_check pid_setattr(struct inode *inode, const struct iattr *attr);
/** The owner's rights or those of all others; group and others have the same. @return 0 or -EACCES */
int __must_check pid_class_permission(struct inode *inode, int mask);

/** The inode of a name of @p p, whose reference it takes over unless it fails. NULL: no memory */
struct inode *pid_inode(struct super_block *sb, struct process *p, u64 ino, mode_t mode,
			const struct inode_ops *ops, const struct file_ops *fops);
/** As above for a further name of the process that @p near belongs to. */
int __must_check pid_instantiate(struct inode *near, struct dentry *d, u64 ino, mode_t mode,
				 const struct inode_ops *ops, const struct file_ops *fops);
/** The super block's revalidate(). */
int __must_check pid_revalidate(struct inode *inode, bool held);
/** /proc/PID by number. @return 0 (without an inode if there is none) or -ENOMEM */
int __must_check pid_lookup_root(struct inode *dir, struct dentry *d);
/** A name that is a number, without leading zeroes, below 2^31. */
bool pid_parse_name(const struct dentry *d, u32 *out);
/** dir_fill() of a number. */
bool pid_fill_number(struct dir_context *context, u64 pos, u32 number, ino_t ino, u32 type);
/** "." and "..". @return false: full */
bool pid_fill_dots(struct file *f, struct dir_context *context);

/* task.c */
extern const struct inode_ops task_dir_ops;
extern const struct file_ops task_dir_fops;
extern const struct inode_ops pid_dir_ops;
extern const struct file_ops pid_dir_fops;

/* links.c */
extern const struct inode_ops pid_exe_ops, pid_cwd_ops, pid_root_ops, pid_fd_ops, fd_dir_ops,
	fdinfo_dir_ops;
extern const struct file_ops fd_dir_fops, fdinfo_dir_fops;

/* status.c */
int pid_show_stat(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_statm(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_status(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_limits(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_wchan(struct seq_file *seq, const struct pid_target *target, struct file *f);
int __must_check pid_show_stack(struct seq_file *seq, const struct pid_target *target,
				struct file *f);
int __must_check pid_show_personality(struct seq_file *seq, const struct pid_target *target,
				      struct file *f);
int pid_show_oom_score(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_children(struct seq_file *seq, const struct pid_target *target, struct file *f);
extern const struct inode_ops comm_ops;
extern const struct file_ops comm_fops, oom_score_adj_fops;

/* scheduler.c */
#ifdef CONFIG_SCHEDULERS
int __must_check proc_scheduler_init(void);
#else
static inline int proc_scheduler_init(void)
{
	return 0;
}
#endif

/* fault.c: the failure injector */
extern const struct file_ops fail_nth_fops;

/* memory.c */
int pid_show_maps(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_smaps(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_auxv(struct seq_file *seq, const struct pid_target *target, struct file *f);
extern const struct file_ops cmdline_fops, environ_fops, mem_fops;

/* mounts.c */
int pid_show_mounts(struct seq_file *seq, const struct pid_target *target, struct file *f);
int pid_show_mountinfo(struct seq_file *seq, const struct pid_target *target, struct file *f);
int filesystems_show(struct seq_file *seq, void *unused);

/* Entries of their own. @return 0 or -ENOMEM */
int __must_check proc_system_init(void);
int __must_check proc_sysctl_init(void);
int proc_kmsg_init(void);
#ifdef CONFIG_FAULT_INJECTION
int proc_fault_init(void);
#else
static inline int proc_fault_init(void)
{
	return 0;
}
#endif
#ifdef CONFIG_DEBUG_HEAP
int proc_leak_init(void);
#else
static inline int proc_leak_init(void)
{
	return 0;
}
#endif

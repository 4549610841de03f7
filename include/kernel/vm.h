/* SPDX-License-Identifier: MIT */
/**
 * @file vm.h  User address spaces: regions, faults, copy on write.
 *
 * A space has a sorted set of regions (rbtree, by start) and page tables.
 * space->lock (rwsem): write to change regions, read for faults.
 */
#pragma once
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/rbtree.h>
#include <kernel/uaccess.h>

struct file;
struct vm_region;

struct vm_region_ops {
	/** Give the page at @p pgoff (pages from the start of the file), with a reference. -errno: SIGBUS. */
	int (*fault)(struct vm_region *r, u64 pgoff, struct page **out);
	/** A shared writable page is about to be written first (mark dirty). May be NULL. */
	int (*page_mkwrite)(struct vm_region *r, struct page *p);
	void (*open)(struct vm_region *r);	/* region was copied or split */
	void (*close)(struct vm_region *r);
};
#define VM_READ		0x1	/* = PROT_READ.. */
#define VM_WRITE	0x2
#define VM_EXEC		0x4
#define VM_SHARED	0x8
#define VM_GROWSDOWN	0x10
#define VM_STACK	0x20
#define VM_HEAP		0x40
#define VM_PFN		0x80	/* maps device memory or kernel pages: never counted, never freed */
#define VM_MAYWRITE	0x100	/* mprotect may add */
#define VM_DONTFORK	0x200
#define VM_VDSO		0x400
#define VM_WIPEONFORK	0x800
struct vm_region {
	struct rb_node node;
	struct list link;		/* in address order */
	u64 start, end;			/* page aligned */
	u32 flags;
	struct vm_space *space;
	struct file *file;		/* counted; NULL: anonymous */
	u64 pgoff;			/* of start in the file */
	const struct vm_region_ops *ops; /* NULL: anonymous */
	struct list file_link;		/* inode's mapping list, for truncate */
	void *private;
};
struct vm_space {
	struct rwsem lock;
	struct rb_root regions;
	struct list region_list;
	struct vm_region *last;		/* cache of the last hit */
	phys_t root;			/* top page table */
	struct atomic users;		/* threads */
	struct cpumask cpus;		/* where it may be in the TLB */
	u64 brk_start, brk, mmap_base, stack_top;
	u64 arg_start, arg_end, env_start, env_end, code_start, code_end, data_start, data_end;
	u64 total_pages, locked_pages;	/* of regions */
	s64 rss_anon, rss_file;		/* pages present */
	u64 peak_rss;
	u64 saved_auxv[48]; u32 auxv_len;
	struct file *exe;		/* counted */
	u64 vdso;			/* base or 0 */
};
struct vm_space *vm_space_create(void);
struct vm_space *vm_space_fork(struct vm_space *old);
void vm_space_get(struct vm_space *s);
void vm_space_put(struct vm_space *s);		/* last: unmaps all */
/** Map. @param flags MAP_* of uapi/mman.h @return address or -errno. Takes the lock. Takes its own reference on @p file. */
s64 vm_map(struct vm_space *s, u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off);
int vm_unmap(struct vm_space *s, u64 addr, u64 len);
int vm_protect(struct vm_space *s, u64 addr, u64 len, u32 prot);
s64 vm_remap(struct vm_space *s, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new_addr);
int vm_advise(struct vm_space *s, u64 addr, u64 len, int advice);
s64 vm_set_brk(struct vm_space *s, u64 brk);
/** Map the kernel pages of the vDSO read-only(+exec). @return address or -errno */
s64 vm_map_pages(struct vm_space *s, u64 addr, struct page **pages, u32 npages, u32 vm_flags);
/** Drop pages of file offsets >= @p first_pgoff from all mappings in @p regions (truncate). */
void vm_unmap_file_range(struct list *regions, spinlock_t *regions_lock, u64 first_pgoff, u64 last_pgoff);

#define VM_FAULT_PRESENT 1	/* bits of the x86 error code */
#define VM_FAULT_WRITE	2
#define VM_FAULT_USER	4
#define VM_FAULT_EXEC	16
/**
 * Resolve a page fault at a user address. Thread context, interrupts on.
 * @return 0, or -EFAULT (SIGSEGV, *@p si_code SEGV_MAPERR/SEGV_ACCERR), -EIO (SIGBUS), -ENOMEM (kill)
 */
int vm_fault(struct vm_space *s, u64 addr, u32 error_code, int *si_code);
/** Find the region containing @p addr; the caller holds the lock. */
struct vm_region *vm_region_find(struct vm_space *s, u64 addr);
/** First region with end > @p addr. */
struct vm_region *vm_region_find_above(struct vm_space *s, u64 addr);
/** Copy from or to another space (/proc/PID/cmdline, mem). @return bytes copied. */
u64 vm_space_access(struct vm_space *s, u64 addr, void *buf, u64 len, bool write);

/* SPDX-License-Identifier: MIT */
/**
 * @file vm.h  User address spaces: regions, faults, copy on write.
 *
 * A space has a sorted set of regions (a tree and a list) and page tables.
 * A region is a run of pages with equal rights and one source: anonymous
 * memory or a file.
 *
 * Locks, outermost first:
 *   inode->lock, page locks  may be held by code that copies to or from user memory;
 *                   a region's fault() therefore takes neither inode->lock nor
 *                   anything inside which user memory is touched;
 *   space->lock     (rwsem) write: change regions; read: look-ups, and those faults that
 *                   are not resolved without it (vm_fault.c);
 *   file_pages.regions_lock  (spin) a file's list of regions; start, end and
 *                   pgoff of a region on that list change only under it, too.
 *
 * Unless stated otherwise a function here takes space->lock itself, may sleep, and
 * returns the errno of Linux's system call for that purpose.
 */
#pragma once
#include <asm/pgtable.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/rbtree.h>
#include <kernel/uaccess.h>

struct file;
struct file_pages;
struct vm_region;
struct vm_space;

#define VM_NAME_MAX	32
#define VM_FAULT_AROUND 16 /* pages: most that fault_around() is asked for */

struct vm_region_ops {
	/**
	 * Give the page at @p pgoff (pages from the start of the file), with a
	 * reference. space->lock is held for reading; may sleep.
	 * @return 0; 1: it had to be read from a device (a major fault);
	 *	   -ENOMEM; any other -errno: SIGBUS
	 */
	int (*fault)(struct vm_region *region, u64 pgoff, struct page **out);
	/**
	 * Instead of fault(), with VM_PFN: the entry of the page at @p pgoff, without rights,
	 * and how many pages from there on are contiguous. region->pages->regions_lock is
	 * held, so that who revokes the pages excludes it; may not sleep.
	 * @return 0; -errno: SIGBUS
	 */
	int (*fault_device)(struct vm_region *region, u64 pgoff, pte_t *entry, u64 *npages);
	/**
	 * Pages near a fault that are cached already: for each i below @p npages set
	 * pages[i] to the page at first_pgoff + i, with a reference, if it is
	 * cached, up to date and within the file, else to NULL. May not sleep or
	 * read. May be NULL. @p npages is at most VM_FAULT_AROUND.
	 * @return how many were found
	 */
	int (*fault_around)(struct vm_region *region, u64 first_pgoff, u32 npages,
			    struct page **pages);
	/**
	 * A page of a shared region is about to be written first: allocate space for it,
	 * note the time, mark it PG_DIRTY if it is written back one day. May sleep; may be
	 * called twice for one write. NULL: may be written right away.
	 * @return 0; -ENOMEM; any other -errno: SIGBUS
	 */
	int (*page_mkwrite)(struct vm_region *region, struct page *page);
	void (*open)(struct vm_region *
			     region); /* region was copied or split; space->lock held for writing */
	void (*close)(struct vm_region *region); /* ... was removed; space->lock may be held */
	bool no_merge;				 /* neighbours that could be one region stay two */
	/** For /proc/PID/maps where there is no file. May be NULL. */
	const char *name;
	/** The same where there is one, instead of its path: writes to @p buf, VM_NAME_MAX bytes. May be NULL. */
	const char *(*name_of)(const struct vm_region *region, char *buf);
	/**
	 * The pages are a page cache's: page->mapping is not NULL while a page
	 * belongs to the file. A truncation first shrinks the file, then takes
	 * the pages out (mapping = NULL), then calls vm_unmap_file_range().
	 */
	bool page_cache;
	/**
	 * The pages have a store behind them: page_mkwrite() sets PG_DIRTY. Write-back
	 * clears PG_DIRTY first, then calls vm_protect_file_range(), then reads the page: so
	 * a concurrent write is seen by one of the two.
	 */
	bool write_back;
};

#define VM_READ	     0x1 /* = PROT_READ.. */
#define VM_WRITE     0x2
#define VM_EXEC	     0x4
#define VM_SHARED    0x8
#define VM_GROWSDOWN 0x10
#define VM_STACK     0x20 /* the first thread's stack */
#define VM_HEAP	     0x40 /* brk() */
#define VM_PFN \
	0x80 /* maps device memory or kernel pages, but for private copies: not counted, not freed */
#define VM_MAYWRITE    0x100 /* mprotect may add */
#define VM_DONTFORK    0x200
#define VM_VDSO	       0x400
#define VM_WIPEONFORK  0x800
#define VM_LOCKED      0x1000 /* mlock: present from the start */
#define VM_LOCKONFAULT 0x2000
#define VM_NORESERVE   0x4000
#define VM_DONTDUMP    0x8000
#define VM_MAYEXEC     0x10000 /* mprotect may add */
#define VM_ACCESS      (VM_READ | VM_WRITE | VM_EXEC)

struct vm_region {
	/* What a fault without the lock reads: one cache line, written when these themselves change. */
	struct rb_node node;
	u64 start, end;			 /* page aligned */
	u64 pte_bits;			 /* of a present page; writable if the region is */
	const struct vm_region_ops *ops; /* NULL: anonymous */
	u32 flags;
	u32 seq; /* odd: is being changed, or has left the set (vm_fault.c) */
	/* The rest. */
	u64 gap, max_gap; /* free bytes below it; the most in its subtree */
	struct vm_space *space;
	struct list link;	  /* in address order */
	struct file *file;	  /* counted; NULL: none */
	struct file_pages *pages; /* whose list it is on; NULL: none */
	u64 pgoff;		  /* of start in the file */
	union {
		struct list file_link; /* in pages->regions */
		struct rcu_head rcu;   /* once it is on no list any more */
	};
	void *private;
	bool has_anon; /* of a file: some pages may be private copies */
};

/** Pages present, as counted by one CPU; on a cache line of its own. */
struct vm_rss {
	s64 anon, file;
} __aligned(64);

struct vm_space {
	struct pt_space tables; /* first: space_tables() */
	/* What a fault without the lock reads, and is seldom written. */
	struct atomic users __aligned(64); /* threads, and accesses from outside */
	u32 seq; /* odd: no fault without the lock succeeds anywhere (vm_fault.c) */
	struct rb_root regions;
	struct vm_rss *cpu_rss; /* by CPU; NULL: a single thread so far, or no memory */
	/* guards all but users, cut_*, nr_tables and cpu_rss; for last, rss_*: see vm_fault.c */
	struct rwsem lock __aligned(64);
	u64 brk_start, brk, mmap_base,
		stack_top; /* on a line at which threads spin: seldom written */
	/* Written with each mapping. */
	struct vm_region *last __aligned(64); /* cache of the last hit */
	struct list region_list;
	u32 nr_regions;
	struct atomic nr_tables;		   /* without the top one */
	u64 total_pages, locked_pages, data_pages; /* of regions */
	u64 peak_rss, peak_total;
	s64 rss_anon, rss_file; /* pages present, without those in cpu_rss: vm_space_usage() */
	struct atomic64 cut_anon, cut_file; /* pages of rss_* that truncations took away */
	u32 def_flags;			    /* mlockall(MCL_FUTURE) */
	bool bottom_up;			    /* old layout: mappings grow upwards */
	u32 nr_common; /* tables shared with other spaces, lent or borrowed: vm_leaf.c, vm_loan.c */
	spinlock_t share_lock; /* guards the links to these, and nr_common, against threads */
	u64 arg_start, arg_end, env_start, env_end, code_start, code_end, data_start, data_end;
	u64 saved_auxv[48];
	u32 auxv_len;
	struct file *exe; /* counted, and file_deny_write() */
	u64 vdso;	  /* base or 0 */
};

_Static_assert(offsetof(struct vm_space, tables) == 0, "space_tables()");

/** @brief At boot, once kmalloc works and before the first space. */
void vm_init(void);

/* ---- spaces ---- */

/**
 * @brief An empty space with one user. Where the stack ends (stack_top) and
 * mappings begin (mmap_base) is chosen here, from the current process's
 * RLIMIT_STACK and personality; at random unless that or "nokaslr" or
 * "norandmaps" on the command line forbids it.
 * @return NULL: no memory
 */
struct vm_space *vm_space_create(void);
/** User addresses that both sides of a fork are about to use, to write to the first two: any value is allowed. */
struct vm_hot {
	u64 stack, tls, text;
};
/** @brief A copy that shares its private pages with @p old until one writes. @p hot: may be NULL. NULL: no memory, or killed. */
struct vm_space *vm_space_fork(struct vm_space *old, const struct vm_hot *hot);
void vm_space_get(struct vm_space *space);
/** @brief The same, for another thread of the program: from now on each CPU counts pages for itself. */
void vm_space_share(struct vm_space *space);
/**
 * @brief Drop a user; the last one unmaps all. The caller runs on another space
 * (thread_switch_space()) by then. May sleep.
 */
void vm_space_put(struct vm_space *space);
/** @brief A page-aligned offset below @p npages pages, 0 where randomisation is off (PIE base, brk). */
u64 vm_random_offset(u64 npages);

/** The figures of /proc/PID/{stat,statm,status} and getrusage(), in pages. exec: all executable ones, text: the program's. */
struct vm_usage {
	u64 rss, rss_anon, rss_file, peak_rss, total, peak_total, data, stack, text, exec, locked,
		tables;
};
/** @brief Any thread context; takes the lock for reading. */
void vm_space_usage(struct vm_space *space, struct vm_usage *out);
/** The figures of /proc/PID/smaps for a region's present pages, in pages; pss in bytes. */
struct vm_region_usage {
	u64 rss, pss, shared_clean, shared_dirty, private_clean, private_dirty, anon, locked;
};
/** @brief Walks the region's page tables; the caller holds the space's lock, for reading or writing. */
void vm_region_usage(const struct vm_region *region, struct vm_region_usage *out);
/** @brief Pages present now, without a lock (OOM choice). */
u64 vm_space_rss(const struct vm_space *space);
/** @brief The most that were present at a time, without a lock. */
u64 vm_space_peak_rss(const struct vm_space *space);

/* ---- mapping ---- */

/**
 * /proc/sys/vm/mmap_min_addr: only a process with CAP_SYS_RAWIO maps below, and no stack grows there.
 * Never less than USER_BASE, below which nothing is ever mapped.
 */
extern u64 vm_min_addr;

/**
 * @brief mmap().
 * @param flags	MAP_* of uapi/mman.h
 * @param file	counted here again; NULL with MAP_ANONYMOUS
 * @param off	bytes, page aligned
 * @return address or -errno
 */
s64 __must_check vm_map(struct vm_space *space, u64 addr, u64 len, u32 prot, u32 flags,
			struct file *file, u64 off);
/** @brief The first thread's stack: grows down from stack_top, @p size bytes to begin with. @return start or -errno */
s64 __must_check vm_map_stack(struct vm_space *space, u64 size, u32 prot);
/**
 * @brief Map pages of the kernel (vDSO and its data), shared, never freed.
 * @param pages	must stay as long as the kernel runs
 * @param vm_flags VM_READ, VM_EXEC, VM_VDSO
 * @return address (@p addr is a hint) or -errno
 */
s64 vm_map_pages(struct vm_space *space, u64 addr, struct page **pages, u32 npages, u32 vm_flags);
int vm_unmap(struct vm_space *space, u64 addr, u64 len);
int vm_protect(struct vm_space *space, u64 addr, u64 len, u32 prot);
s64 __must_check vm_remap(struct vm_space *space, u64 old, u64 old_len, u64 new_len, u32 flags,
			  u64 new_addr);
int __must_check vm_advise(struct vm_space *space, u64 addr, u64 len, int advice);
/** @brief brk(). @return the break as it now is: the old one on failure */
s64 vm_set_brk(struct vm_space *space, u64 brk);
/** @brief msync() */
int __must_check vm_sync(struct vm_space *space, u64 addr, u64 len, int flags);
/** @brief mincore(): one byte a page to @p vec */
int __must_check vm_incore(struct vm_space *space, u64 addr, u64 len, uaddr_t vec);
/** @brief mlock2(): @p flags MLOCK_ONFAULT or 0. The limit is RLIMIT_MEMLOCK. */
int __must_check vm_lock(struct vm_space *space, u64 addr, u64 len, int flags);
int __must_check vm_unlock(struct vm_space *space, u64 addr, u64 len);
/** @brief mlockall(): MCL_* */
int __must_check vm_lock_all(struct vm_space *space, int flags);
int vm_unlock_all(struct vm_space *space);

/* ---- memory that regions share, which outlives them: mm/vm_shared.c ---- */

/** How many pages several such objects may have between them. */
struct vm_shared_budget {
	struct atomic used;
	s32 max_pages;
};
struct vm_shared;
/** @brief @p npages pages, zero until they are written. @param budget  may be NULL @return NULL: no memory */
struct vm_shared *vm_shared_create(u64 npages, struct vm_shared_budget *budget);
/** @brief Drop the reference of the creator, when no region shows it any more: frees the pages. Any lock that sleeps may be held. */
void vm_shared_put(struct vm_shared *shared);
/** @brief The pages that exist. */
u64 vm_shared_present(const struct vm_shared *shared);
/** @brief For vm_region_ops.fault. @return 0; -EIO: beyond the end; -ENOSPC: the budget is used up; -ENOMEM */
int __must_check vm_shared_page(struct vm_shared *shared, u64 pgoff, struct page **out);
/** @brief For vm_region_ops.fault_around. */
u32 vm_shared_pages_near(struct vm_shared *shared, u64 first, u32 npages, struct page **pages);
/**
 * @brief shmdt(): unmap what is left of a file that was mapped as a whole at @p addr, by regions with @p ops.
 * @param size_of  bytes of the file; called with the lock of the space
 * @return 0; -EINVAL: there is none
 */
int __must_check vm_unmap_attached(struct vm_space *space, u64 addr,
				   const struct vm_region_ops *ops,
				   u64 (*size_of)(const struct file *f));

/* ---- for file systems: no lock of the space is taken; may be called under inode->lock ---- */

/**
 * @brief Unmap pages @p first to @p last of a file everywhere.
 * @param copies_too  private copies, too: a truncation takes them, a hole punch leaves them
 */
void vm_unmap_file_range(struct file_pages *pages, u64 first, u64 last, bool copies_too);
/** @brief Make them read-only everywhere, so that the next write calls page_mkwrite() (before write-back). */
void vm_protect_file_range(struct file_pages *pages, u64 first, u64 last);

/* ---- faults ---- */

#define VM_FAULT_WRITE FAULT_CODE_WRITE /* bits of the machine's error code */
#define VM_FAULT_EXEC  FAULT_CODE_EXEC
/**
 * @brief Resolve a page fault at a user address. Thread context, interrupts on.
 * @return 0; 1: a major fault; -EFAULT (SIGSEGV, *@p si_code SEGV_MAPERR/SEGV_ACCERR),
 *	   -EIO (SIGBUS, BUS_ADRERR), -ENOMEM (kill the process), -EINTR (it is being killed)
 */
int __must_check vm_fault(struct vm_space *space, u64 addr, u32 error_code, int *si_code);
/** @brief Find the region containing @p addr. space->lock held, or a fault of the only user (vm_fault.c). */
struct vm_region *vm_region_find(struct vm_space *space, u64 addr);
/** @brief First region with end > @p addr. Locking: as vm_region_find(). */
struct vm_region *vm_region_find_above(struct vm_space *space, u64 addr);
/** @brief "[heap]", "[stack]"...; NULL where a file is mapped or no name applies (/proc/PID/maps). */
const char *vm_region_name(const struct vm_region *region);
/**
 * @brief Copy from or to another space (/proc/PID/cmdline, mem, process_vm_readv), with
 * the rights that its own program has. The caller has a reference on it.
 * @param buf  NULL, with @p write: clear the bytes. @return bytes copied
 */
u64 vm_space_access(struct vm_space *space, u64 addr, void *buf, u64 len, bool write);
/**
 * @brief Write as a debugger does: in private mappings also where the program may only read. It gets a copy of such a page.
 * @return bytes copied
 */
u64 vm_space_force(struct vm_space *space, u64 addr, const void *buf, u64 len);
/**
 * @brief Count the pages of the running program that [addr, addr + npages pages) touches, so that a device can transfer them.
 * @param write	the device writes to them: they are made writable and the program's own
 * @return 0: page_put() for each; -EFAULT, -ENOMEM; -EOPNOTSUPP: to be copied to instead. None is counted then.
 */
int __must_check vm_pin(u64 addr, u32 npages, bool write, struct page **pages);

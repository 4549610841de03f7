// SPDX-License-Identifier: MIT
/*
 * Whole address spaces: made, copied by fork(), ended; and what they use.
 *
 * A fork shares private pages read-only until one side writes, and whole tables of
 * them until one side writes to one (vm_leaf.c). Pages that were
 * read from a file and never written are left out: the child's first use loads
 * them back, sixteen at a time, and most children never look.
 *
 * The last user of a space has left its tables by then, but another CPU may
 * still have them loaded under a kernel thread; it is made to unload them before
 * anything is freed. Then one walk over the regions frees pages and tables.
 *
 * The top of the address space, from Linux 6.1 (arch/x86/mm/mmap.c):
 *	USER_END
 *		up to 16 GiB at random
 *	stack_top	the stack, growing down
 *		as much as the stack may grow, at least 128 MiB; up to 1 TiB at random
 *	mmap_base	mappings, highest first
 * With an unlimited stack mappings grow upwards from a third of the space instead.
 */
#include "vm_internal.h"

/* A fork that lacks memory waits this long for the process that is killed for it. */
#define FORK_ATTEMPTS 50u
#define FORK_WAIT_MS  10
#include <kernel/cmdline.h>
#include <kernel/fs/file.h>
#include <kernel/heap.h>
#include <kernel/random.h>
#include <kernel/string.h>
#include <uapi/personality.h>

CMDLINE_OPTION(opt_nokaslr, "nokaslr");
CMDLINE_OPTION(opt_norandmaps, "norandmaps");

#define STACK_RANDOM_PAGES  (1ull << 22)
#define MMAP_RANDOM_PAGES   (1ull << 28)
#define STACK_ROOM_MIN	    (128ull << 20)
#define STACK_ROOM_MAX	    (USER_END / 6 * 5)
#define STACK_LIMIT_DEFAULT (8ull << 20)

u64 vm_total_pages;
static struct kmem_cache *space_cache;
static bool no_randomisation;

void vm_init(void)
{
	struct mem_info info;

	no_randomisation = option_is_set(&opt_nokaslr) || option_is_set(&opt_norandmaps);
	mem_info_get(&info);
	vm_total_pages = info.total;
	space_cache = kmem_cache_create("vm_space", sizeof(struct vm_space), 64);
	vm_region_cache = kmem_cache_create("vm_region", sizeof(struct vm_region), 64);
	vm_shared_init();
	vm_tables_init();
	vm_loan_init();
}

/* ---- where things lie ---- */

static u32 current_personality(void)
{
	if (current->proc)
		return current->proc->personality;
	return 0;
}

u64 vm_random_offset(u64 npages)
{
	if (no_randomisation || (current_personality() & ADDR_NO_RANDOMIZE))
		return 0;
	return (random_u64() % npages) << PAGE_SHIFT;
}

static void space_choose_layout(struct vm_space *space)
{
	u64 limit = current->proc ? current_limit(RLIMIT_STACK) : STACK_LIMIT_DEFAULT;
	u64 room = limit + (STACK_RANDOM_PAGES << PAGE_SHIFT) + VM_GUARD_GAP;

	space->stack_top = USER_END - vm_random_offset(STACK_RANDOM_PAGES);
	space->bottom_up = limit == RLIM_INFINITY || (current_personality() & ADDR_COMPAT_LAYOUT);
	if (space->bottom_up) {
		space->mmap_base = PAGE_ALIGN(USER_END / 3) + vm_random_offset(MMAP_RANDOM_PAGES);
		return;
	}
	if (room < limit || room > STACK_ROOM_MAX)
		room = STACK_ROOM_MAX;
	room = MAX(PAGE_ALIGN(room), STACK_ROOM_MIN);
	space->mmap_base = (USER_END - room - vm_random_offset(MMAP_RANDOM_PAGES)) & PAGE_MASK;
}

/* ---- made ---- */

struct vm_space *vm_space_create(void)
{
	struct vm_space *space = kmem_cache_zalloc(space_cache);

	if (!space)
		return NULL;
	if (pt_space_init(&space->tables)) {
		kmem_cache_free(space_cache, space);
		return NULL;
	}
	rwsem_init(&space->lock);
	spin_init(&space->share_lock);
	atomic_set(&space->users, 1);
	vm_regions_init(space);
	space_choose_layout(space);
	return space;
}

/* ---- copied ---- */

/* All that a child has like its parent; no regions yet. */
static struct vm_space *space_create_like(struct vm_space *old)
{
	struct vm_space *space = kmem_cache_alloc(space_cache);

	if (!space)
		return NULL;
	memcpy(space, old, sizeof(*space));
	if (pt_space_init(&space->tables)) {
		kmem_cache_free(space_cache, space);
		return NULL;
	}
	rwsem_init(&space->lock);
	spin_init(&space->share_lock);
	space->nr_common = 0;
	atomic_set(&space->users, 1);
	vm_regions_init(space);
	space->seq = 0;
	space->cpu_rss = NULL;
	space->rss_anon = space->rss_file = 0;
	space->cut_anon.v = space->cut_file.v = 0;
	space->peak_rss = space->peak_total = 0;
	space->total_pages = space->locked_pages = space->data_pages = 0;
	space->def_flags = 0;
	atomic_set(&space->nr_tables, 0);
	if (space->exe) {
		file_get(space->exe);
		(void)file_deny_write(space->exe); /* cannot fail: the old space denies it */
	}
	return space;
}

static int space_copy_region(struct vm_fork *fork, struct vm_region *from)
{
	struct vm_space *space = fork->to;
	struct vm_region *region = kmem_cache_alloc(vm_region_cache);

	if (!region)
		return -ENOMEM;
	vm_region_clone(region, from, from->start, from->end);
	region->flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
	vm_region_opened(region);
	vm_region_append(space, region);
	vm_account(space, region->flags, vm_region_pages(region));
	/* On the list first: a truncation from here on takes pages from both. */
	vm_file_link(region);
	if (from->flags & VM_WIPEONFORK)
		return 0;
	return vm_fork_region(fork, from);
}

static struct vm_space *space_try_fork(struct vm_space *old, const struct vm_hot *hot)
{
	struct vm_space *space = space_create_like(old);
	struct vm_fork fork = { .to = space, .from = old, .number = ~0ull };
	struct vm_region *region;
	int err = 0;

	if (!space)
		return NULL;
	down_write(&old->lock);
	/*
	 * Until the TLBs are flushed: a fault that copied a page which this makes read-only would miss
	 * what another thread still writes there.
	 */
	vm_space_freeze(old);
	list_for_each(region, &old->region_list, link) {
		if (region->flags & VM_DONTFORK)
			continue;
		err = space_copy_region(&fork, region);
		if (err)
			break;
	}
	if (likely(!err && hot))
		vm_fork_hot(&fork, hot);
	if (fork.flush)
		tlb_flush_user_all(old);
	vm_space_thaw(old);
	up_write(&old->lock);
	if (!err) {
		vm_regions_build(space);
		return space;
	}
	vm_space_put(space);
	return NULL;
}

struct vm_space *vm_space_fork(struct vm_space *old, const struct vm_hot *hot)
{
	struct vm_space *space = space_try_fork(old, hot);

	if (likely(space))
		return space;
	for (u32 attempt = 0; attempt < FORK_ATTEMPTS && !fatal_signal_pending() && oom_kill(false);
	     attempt++) {
		sleep_ms(FORK_WAIT_MS);
		space = space_try_fork(old, hot);
		if (space)
			return space;
	}
	return NULL;
}

/* ---- ended ---- */

void vm_space_get(struct vm_space *space)
{
	atomic_inc(&space->users);
}

void vm_space_share(struct vm_space *space)
{
	struct vm_rss *rss, *none = NULL;

	vm_space_get(space);
	if (space->cpu_rss || cpu_count == 1)
		return;
	rss = kzalloc(cpu_count * sizeof(*rss)); /* NULL: they count on one line */
	if (!__atomic_compare_exchange_n(&space->cpu_rss, &none, rss, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		kfree(rss);
}

void vm_space_put(struct vm_space *space)
{
	struct vm_region *region, *next;

	if (!atomic_dec_and_test(&space->users))
		return;
	tlb_forget_space(space);
	list_for_each(region, &space->region_list, link)
		vm_file_unlink(region);
	vm_tables_destroy(space);
	list_for_each_safe(region, next, &space->region_list, link)
		vm_region_free(region);
	if (space->exe) {
		file_allow_write(space->exe);
		file_put(space->exe);
	}
	if (space->cpu_rss)
		kfree(space->cpu_rss);
	kmem_cache_free(space_cache, space);
}

/* ---- what it uses ---- */

/* A CPU keeps up to so many pages to itself. */
#define RSS_BATCH 64

static void rss_add(s64 *own, s64 *total, s64 npages)
{
	*own += npages;
	if (*own >= RSS_BATCH || *own <= -RSS_BATCH) {
		__atomic_fetch_add(total, *own, __ATOMIC_RELAXED);
		*own = 0;
	}
}

void vm_count_shared(struct vm_space *space, s64 anon, s64 file)
{
	struct vm_rss *rss = READ_ONCE(space->cpu_rss);

	if (!rss) {
		__atomic_fetch_add(&space->rss_anon, anon, __ATOMIC_RELAXED);
		__atomic_fetch_add(&space->rss_file, file, __ATOMIC_RELAXED);
		return;
	}
	preempt_disable();
	rss_add(&rss[cpu_id()].anon, &space->rss_anon, anon);
	rss_add(&rss[cpu_id()].file, &space->rss_file, file);
	preempt_enable();
}

/* All that is counted. Others count meanwhile: what one of them moves may be missed. */
static struct vm_rss rss_sum(const struct vm_space *space)
{
	const struct vm_rss *rss = READ_ONCE(space->cpu_rss);
	struct vm_rss sum = { .anon = READ_ONCE(space->rss_anon),
			      .file = READ_ONCE(space->rss_file) };

	for (u32 i = 0; rss && i < cpu_count; i++) {
		sum.anon += READ_ONCE(rss[i].anon);
		sum.file += READ_ONCE(rss[i].file);
	}
	return sum;
}

static u64 present_pages(s64 counted, const struct atomic64 *cut)
{
	s64 npages = counted - __atomic_load_n(&cut->v, __ATOMIC_RELAXED);

	return MAX(npages, 0l);
}

u64 vm_space_rss(const struct vm_space *space)
{
	struct vm_rss rss = rss_sum(space);

	return present_pages(rss.anon, &space->cut_anon) +
	       present_pages(rss.file, &space->cut_file);
}

u64 vm_space_peak_rss(const struct vm_space *space)
{
	return MAX(READ_ONCE(space->peak_rss), vm_space_rss(space));
}

void vm_note_peak(struct vm_space *space)
{
	u64 rss = vm_space_rss(space);

	if (rss > space->peak_rss)
		space->peak_rss = rss;
}

void vm_space_usage(struct vm_space *space, struct vm_usage *out)
{
	struct vm_region *region;
	struct vm_rss rss;

	memset(out, 0, sizeof(*out));
	down_read(&space->lock);
	vm_note_peak(space);
	rss = rss_sum(space);
	out->rss_anon = present_pages(rss.anon, &space->cut_anon);
	out->rss_file = present_pages(rss.file, &space->cut_file);
	out->rss = out->rss_anon + out->rss_file;
	out->peak_rss = space->peak_rss;
	out->total = space->total_pages;
	out->peak_total = space->peak_total;
	out->data = space->data_pages;
	out->locked = space->locked_pages;
	out->text = (PAGE_ALIGN(space->code_end) - (space->code_start & PAGE_MASK)) >> PAGE_SHIFT;
	out->tables = (u32)atomic_read(&space->nr_tables) + 1;
	list_for_each(region, &space->region_list, link) {
		if (region->flags & VM_GROWSDOWN)
			out->stack += vm_region_pages(region);
		else if ((region->flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
			out->exec += vm_region_pages(region);
	}
	up_read(&space->lock);
}

const char *vm_region_name(const struct vm_region *region)
{
	if (region->file)
		return NULL;
	if (region->flags & VM_HEAP)
		return "[heap]";
	if (region->flags & VM_STACK)
		return "[stack]";
	if (region->flags & VM_VDSO)
		return region->flags & VM_EXEC ? "[vdso]" : "[vvar]";
	if (!region->ops)
		return NULL;
	return region->ops->name;
}

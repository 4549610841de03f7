// SPDX-License-Identifier: MIT
/*
 * Whole address spaces: made, copied by fork(), ended; and what they use.
 *
 * A fork shares private pages read-only until one side writes. Pages that were
 * read from a file and never written are left out: the child's first use brings
 * them back, sixteen at a time, and most children never look.
 *
 * The last user of a space has left its tables by then, but another CPU may
 * still have them loaded under a kernel thread; it is told to let go before
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

/* A fork that lacks memory waits so long for who is killed for it. */
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
	struct mem_info m;

	no_randomisation = option_is_set(&opt_nokaslr) || option_is_set(&opt_norandmaps);
	mem_info_get(&m);
	vm_total_pages = m.total;
	space_cache = kmem_cache_create("vm_space", sizeof(struct vm_space), 64);
	vm_region_cache = kmem_cache_create("vm_region", sizeof(struct vm_region), 64);
	vm_shared_init();
	vm_tables_init();
}

/* ---- where things lie ---- */

static u32 personality(void)
{
	return current->proc ? current->proc->personality : 0;
}

u64 vm_random_offset(u64 npages)
{
	if (no_randomisation || (personality() & ADDR_NO_RANDOMIZE))
		return 0;
	return (random_u64() % npages) << PAGE_SHIFT;
}

static void choose_layout(struct vm_space *s)
{
	u64 limit = current->proc ? current_limit(RLIMIT_STACK) : STACK_LIMIT_DEFAULT;
	u64 room = limit + (STACK_RANDOM_PAGES << PAGE_SHIFT) + VM_GUARD_GAP;

	s->stack_top = USER_END - vm_random_offset(STACK_RANDOM_PAGES);
	s->bottom_up = limit == RLIM_INFINITY || (personality() & ADDR_COMPAT_LAYOUT);
	if (s->bottom_up) {
		s->mmap_base = PAGE_ALIGN(USER_END / 3) + vm_random_offset(MMAP_RANDOM_PAGES);
		return;
	}
	if (room < limit || room > STACK_ROOM_MAX)
		room = STACK_ROOM_MAX;
	room = MAX(PAGE_ALIGN(room), STACK_ROOM_MIN);
	s->mmap_base = (USER_END - room - vm_random_offset(MMAP_RANDOM_PAGES)) & PAGE_MASK;
}

/* ---- made ---- */

struct vm_space *vm_space_create(void)
{
	struct vm_space *s = kmem_cache_zalloc(space_cache);

	if (!s)
		return NULL;
	if (pt_space_init(&s->tables)) {
		kmem_cache_free(space_cache, s);
		return NULL;
	}
	rwsem_init(&s->lock);
	atomic_set(&s->users, 1);
	vm_regions_init(s);
	choose_layout(s);
	return s;
}

/* ---- copied ---- */

/* All that a child has like its parent; no regions yet. */
static struct vm_space *space_like(struct vm_space *old)
{
	struct vm_space *s = kmem_cache_alloc(space_cache);

	if (!s)
		return NULL;
	memcpy(s, old, sizeof(*s));
	if (pt_space_init(&s->tables)) {
		kmem_cache_free(space_cache, s);
		return NULL;
	}
	rwsem_init(&s->lock);
	atomic_set(&s->users, 1);
	vm_regions_init(s);
	s->rss_anon = s->rss_file = 0;
	s->cut_anon.v = s->cut_file.v = 0;
	s->peak_rss = s->peak_total = 0;
	s->total_pages = s->locked_pages = s->data_pages = 0;
	s->def_flags = 0;
	atomic_set(&s->nr_tables, 0);
	if (s->exe) {
		file_get(s->exe);
		(void)file_deny_write(s->exe); /* cannot fail: the old space denies it */
	}
	return s;
}

static int copy_region(struct vm_space *s, struct vm_region *from, bool *flush)
{
	struct vm_region *r = kmem_cache_alloc(vm_region_cache);

	if (!r)
		return -ENOMEM;
	vm_region_clone(r, from, from->start, from->end);
	r->flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
	vm_region_opened(r);
	vm_region_insert_behind(s, vm_region_last(s), r);
	vm_account(s, r->flags, vm_region_pages(r));
	/* On the list first: a truncation from here on takes pages from both. */
	vm_file_link(r);
	if (from->flags & VM_WIPEONFORK)
		return 0;
	return vm_tables_copy(s, from, flush);
}

static struct vm_space *try_fork(struct vm_space *old)
{
	struct vm_space *s = space_like(old);
	struct vm_region *r;
	bool flush = false;
	int err = 0;

	if (!s)
		return NULL;
	down_write(&old->lock);
	list_for_each(r, &old->region_list, link) {
		if (r->flags & VM_DONTFORK)
			continue;
		err = copy_region(s, r, &flush);
		if (err)
			break;
	}
	if (flush)
		tlb_flush_user_all(old);
	up_write(&old->lock);
	if (!err)
		return s;
	vm_space_put(s);
	return NULL;
}

struct vm_space *vm_space_fork(struct vm_space *old)
{
	struct vm_space *s = try_fork(old);

	if (likely(s))
		return s;
	for (u32 attempt = 0; attempt < FORK_ATTEMPTS && !fatal_signal_pending() && oom_kill(false);
	     attempt++) {
		sleep_ms(FORK_WAIT_MS);
		s = try_fork(old);
		if (s)
			return s;
	}
	return NULL;
}

/* ---- ended ---- */

void vm_space_get(struct vm_space *s)
{
	atomic_inc(&s->users);
}

void vm_space_put(struct vm_space *s)
{
	struct vm_region *r, *next;

	if (!atomic_dec_and_test(&s->users))
		return;
	tlb_forget_space(s);
	list_for_each(r, &s->region_list, link)
		vm_file_unlink(r);
	vm_tables_destroy(s);
	list_for_each_safe(r, next, &s->region_list, link)
		vm_region_free(r);
	if (s->exe) {
		file_allow_write(s->exe);
		file_put(s->exe);
	}
	kmem_cache_free(space_cache, s);
}

/* ---- what it uses ---- */

static u64 present(s64 counted, const struct atomic64 *cut)
{
	s64 n = counted - __atomic_load_n(&cut->v, __ATOMIC_RELAXED);

	return n > 0 ? (u64)n : 0;
}

u64 vm_space_rss(const struct vm_space *s)
{
	return present(READ_ONCE(s->rss_anon), &s->cut_anon) +
	       present(READ_ONCE(s->rss_file), &s->cut_file);
}

void vm_note_peak(struct vm_space *s)
{
	u64 rss = vm_space_rss(s);

	if (rss > s->peak_rss)
		s->peak_rss = rss;
}

void vm_space_usage(struct vm_space *s, struct vm_usage *out)
{
	struct vm_region *r;

	memset(out, 0, sizeof(*out));
	down_read(&s->lock);
	vm_note_peak(s);
	out->rss_anon = present(s->rss_anon, &s->cut_anon);
	out->rss_file = present(s->rss_file, &s->cut_file);
	out->rss = out->rss_anon + out->rss_file;
	out->peak_rss = s->peak_rss;
	out->total = s->total_pages;
	out->peak_total = s->peak_total;
	out->data = s->data_pages;
	out->locked = s->locked_pages;
	out->text = (PAGE_ALIGN(s->code_end) - (s->code_start & PAGE_MASK)) >> PAGE_SHIFT;
	out->tables = (u32)atomic_read(&s->nr_tables) + 1;
	list_for_each(r, &s->region_list, link) {
		if (r->flags & VM_GROWSDOWN)
			out->stack += vm_region_pages(r);
		else if ((r->flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
			out->exec += vm_region_pages(r);
	}
	up_read(&s->lock);
}

const char *vm_region_name(const struct vm_region *r)
{
	if (r->file)
		return NULL;
	if (r->flags & VM_HEAP)
		return "[heap]";
	if (r->flags & VM_STACK)
		return "[stack]";
	if (r->flags & VM_VDSO)
		return r->flags & VM_EXEC ? "[vdso]" : "[vvar]";
	return r->ops ? r->ops->name : NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * What mm/heap.c stands on, for test_heap.c and test_heap_debug.c, and a model of
 * what has been allocated.
 *
 * Pages come from a small pool, full of garbage; one that is not handed out is
 * poisoned, so that the address sanitizer sees who touches it all the same.
 */
#pragma once
#include <asm/prctl.h>
#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include <kernel/cpu.h>
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/heap_init.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/printk.h>

#define POOL_AT	   0x400000ull
#define POOL_PAGES 4096u
#define CPUS	   MIN(3u, CPU_MAX)
#define MAX_LIVE   40000u

struct cpu *cpus[CPU_MAX];
u32 cpu_count = 1;
bool fault_armed;
static struct cpu cpu_structs[3];
static u8 page_order[POOL_PAGES]; /* + 1, of the first of a run that is out */
static bool page_out[POOL_PAGES];
static u32 pages_out, pages_limit = POOL_PAGES;
static s64 slab_account;
static bool interrupts = true, panic_expected;
static jmp_buf panicked;
static const char *panic_text;

static inline u32 below(u32 count)
{
	return (u32)random() % count;
}
static inline void become(u32 cpu)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu_structs[cpu]);
}

/* ---- the rest of the kernel ---- */

u64 irq_flags(void)
{
	if (interrupts)
		return X86_EFLAGS_IF;
	return 0;
}
void irq_disable(void)
{
	interrupts = false;
}
void irq_enable(void)
{
	interrupts = true;
}
void cpu_relax(void)
{
}
void preempt_schedule(void)
{
}
void spin_lock_slow(spinlock_t *lock)
{
	abort();
} /* taken twice */
void printk(const char *fmt, ...)
{
}
bool fault_fires(enum fault_site site)
{
	return site == FAULT_HEAP;
}
#ifdef CONFIG_DEBUG_LOCKS
void spin_debug_before(spinlock_t *l)
{
}
void spin_debug_acquired(spinlock_t *l)
{
}
void spin_debug_release(spinlock_t *l)
{
}
void spin_assert_held(const spinlock_t *lock, const char *text, const char *function)
{
}
#endif

void panic(const char *fmt, ...)
{
	if (!panic_expected)
		abort();
	panic_text = fmt;
	longjmp(panicked, 1);
}

void mem_account(enum mem_account which, s64 npages)
{
	assert_int_equal(which, MEM_SLAB);
	slab_account += npages;
}

static inline void *page_at(u32 i)
{
	return phys_to_virt(POOL_AT + i * PAGE_SIZE);
}

struct page *pages_alloc(u32 order, u32 flags)
{
	/* single pages from the lower half, so that they don't break up the other one */
	u32 count = 1u << order,
	    start = order ? POOL_PAGES / 2 + below(POOL_PAGES / 2 / count) * count
			  : below(POOL_PAGES / 2);

	if (pages_out + count > pages_limit)
		return NULL;
	for (u32 tried = 0; tried < POOL_PAGES;
	     tried += count, start = (start + count) % POOL_PAGES) {
		u32 round = 0;
		struct page *page = phys_to_page(POOL_AT + start * PAGE_SIZE);

		while (round < count && !page_out[start + round])
			round++;
		if (round < count)
			continue;
		for (round = 0; round < count; round++)
			page_out[start + round] = true;
		page_order[start] = order + 1;
		pages_out += count;
		ASAN_UNPOISON_MEMORY_REGION(page_at(start), count * PAGE_SIZE);
		memset(page_at(start), 0xd7, count * PAGE_SIZE);
		*page = (struct page){ .private = 0xbad00000000 |
						  order }; /* page_debug.c leaves something there */
		atomic_set(&page->refs, 1);
		return page;
	}
	return NULL;
}

struct page *page_alloc(u32 flags)
{
	return pages_alloc(0, flags);
}

void pages_free(struct page *page, u32 order)
{
	u32 start = (page_to_phys(page) - POOL_AT) / PAGE_SIZE;

	assert_int_equal(page_order[start], order + 1);
	page_order[start] = 0;
	for (u32 round = 0; round < 1u << order; round++) {
		assert_int_equal(page[round].flags, 0);
		page_out[start + round] = false;
	}
	pages_out -= 1u << order;
	ASAN_POISON_MEMORY_REGION(page_at(start), PAGE_SIZE << order);
}

void page_free(struct page *page)
{
	pages_free(page, 0);
}

static inline void start_heap(void)
{
	u64 meta = (u64)phys_to_page(POOL_AT) & PAGE_MASK;

	assert_ptr_equal(mmap(page_at(0), POOL_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			 page_at(0));
	assert_ptr_equal(mmap((void *)meta, (POOL_PAGES + 1) * sizeof(struct page),
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			 (void *)meta);
	ASAN_POISON_MEMORY_REGION(page_at(0), POOL_PAGES * PAGE_SIZE);
	for (u32 i = 0; i < CPUS; i++) {
		cpu_structs[i].self = &cpu_structs[i];
		cpu_structs[i].id = i;
		cpus[i] = &cpu_structs[i];
		become(0);
		if (!i)
			heap_init();
		else
			assert_true(heap_cpu_init(&cpu_structs[i]));
	}
	cpu_count = CPUS;
}

/* ---- the model ---- */

static struct live {
	u8 *p;
	u32 size;
	u8 fill;
	struct kmem_cache *cache;
} live[MAX_LIVE];
static u32 nr_live;

static inline void *take(struct kmem_cache *cache, u32 size)
{
	u8 *bytes = cache ? kmem_cache_alloc(cache) : kmalloc(size), fill = below(255) + 1;

	assert_true(interrupts);
	if (!bytes)
		return NULL;
	assert_false((u64)bytes % 16);
	memset(bytes, fill, size);
	assert_true(nr_live < MAX_LIVE);
	live[nr_live++] = (struct live){ bytes, size, fill, cache };
	return bytes;
}

static inline void give(u32 index)
{
	struct live entry = live[index];

	for (u32 round = 0; round < entry.size; round++)
		if (entry.p[round] != entry.fill)
			fail_msg("byte %u of %u is %02x instead of %02x", round, entry.size,
				 entry.p[round], entry.fill);
	live[index] = live[--nr_live];
	if (entry.cache)
		kmem_cache_free(entry.cache, entry.p);
	else
		kfree(entry.p);
	assert_true(interrupts);
}

static inline void give_all(void)
{
	while (nr_live) {
		become(below(CPUS));
		give(below(nr_live));
	}
	become(0);
}

/* Does it, with these words? */
static inline bool panics(void (*fn)(void *), void *arg, const char *words)
{
	bool did = false;

	panic_expected = true;
	if (!setjmp(panicked))
		fn(arg);
	else
		did = strstr(panic_text, words);
	panic_expected = false;
	interrupts = true;
	return did;
}

static inline u32 random_size(void)
{
	u32 bits = below(13) + 1;

	if (below(20))
		return below(1u << MIN(bits, 12u));
	return below(5 * PAGE_SIZE);
}

/* All processors allocate and free, also what another one allocated. */
static inline void churn(struct kmem_cache *cache, u32 size_a, struct kmem_cache *b, u32 size_b)
{
	for (u32 i = 0; i < 60000; i++) {
		bool filling = i / 6000 % 2 == 0;

		become(below(CPUS));
		if (below(8) < (filling ? 6 : 2)) {
			u32 which = below(4);

			if (which == 0)
				take(cache, size_a);
			else if (which == 1)
				take(b, size_b);
			else
				take(NULL, random_size());
		} else if (nr_live) {
			give(below(nr_live));
		}
		if (i % 256 == 0)
			assert_int_equal(slab_account, pages_out);
	}
	give_all();
	assert_int_equal(slab_account, pages_out);
}

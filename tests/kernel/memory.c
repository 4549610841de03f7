/* SPDX-License-Identifier: MIT */
/* mm/page.c, mm/heap.c, mm/krange.c in the running kernel: what is taken comes back, and nothing overlaps. */
#include <asm/paging.h>
#include <asm/cpu.h>
#include <asm/pgtable.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/rcu.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>

static u64 free_pages(void)
{
	struct mem_info memory;

	mem_info_get(&memory);
	return memory.free;
}

KTEST(page, gives_back_what_it_took)
{
	struct page *list = NULL;
	u64 before = free_pages();

	for (u32 i = 0; i < 300; i++) {
		struct page *p = page_alloc(PAGE_ZERO);

		if (!KEXPECT(p))
			break;
		p->next = list;
		list = p;
	}
	KEXPECT(free_pages() <= before - 300);
	while (list) {
		struct page *p = list;

		list = p->next;
		page_free(p);
	}
	KEXPECT_EQ(free_pages(), before);
}

KTEST(page, blocks_are_aligned_and_disjoint)
{
	struct page *pages[8];
	u64 before = free_pages();

	for (u32 order = 0; order < 8; order++) {
		pages[order] = pages_alloc(order, 0);
		if (!KEXPECT(pages[order]))
			return;
		KEXPECT_EQ(page_to_phys(pages[order]) & ((PAGE_SIZE << order) - 1), 0);
		memset(page_address(pages[order]), 'a' + order, PAGE_SIZE << order);
	}
	for (u32 order = 0; order < 8; order++) {
		const u8 *bytes = page_address(pages[order]);
		bool same = true;

		for (u64 i = 0; i < PAGE_SIZE << order; i++)
			same &= bytes[i] == 'a' + order;
		KEXPECT(same);
		pages_free(pages[order], order);
	}
	KEXPECT_EQ(free_pages(), before);
}

/* What was freed page by page is one piece again where a piece is wanted. */
KTEST(page, single_pages_unite_again)
{
	struct page *blocks = NULL, *singles = NULL, *p;
	u32 had = 0, got = 0;

	if (free_pages() > 32768)
		KSKIP("more than 128 MiB: slow");
	for (; (p = pages_alloc(8, 0)); had++) {
		p->next = blocks;
		blocks = p;
	}
	while ((p = blocks)) {
		blocks = p->next;
		pages_free(p, 8);
	}
	while ((p = page_alloc(0))) {
		p->next = singles;
		singles = p;
	}
	while ((p = singles)) {
		singles = p->next;
		page_free(p);
	}
	for (; (p = pages_alloc(8, 0)); got++) {
		p->next = blocks;
		blocks = p;
	}
	while ((p = blocks)) {
		blocks = p->next;
		pages_free(p, 8);
	}
	KEXPECT(had > 4);
	KEXPECT(got + 2 >= had); /* two may have a page in a CPU's stack */
}

KTEST(page, below_4g_is_below_4g)
{
	struct page *p = page_alloc(PAGE_BELOW_4G);

	if (KEXPECT(p)) {
		KEXPECT(page_to_phys(p) < 1ull << 32);
		page_free(p);
	}
}

KTEST(page, too_large_is_refused)
{
	KEXPECT(!pages_alloc(11, 0));
}

KTEST(page, exhaustion_is_an_error_and_heals)
{
	struct page *list = NULL, *p;
	u64 before = free_pages(), count = 0;
	const struct page *start_page =
		phys_to_page(0xf000); /* where other processors start: only borrowed */

	if (before > 32768)
		KSKIP("more than 128 MiB: slow");
	while ((p = page_alloc(PAGE_USER))) {
		p->next = list;
		list = p;
		count++;
	}
	KEXPECT(free_pages() >= 32); /* not for users: with these the kernel gets out of it */
	while ((p = page_alloc(0))) {
		p->next = list;
		list = p;
		count++;
	}
	KEXPECT(count + before / 50 + 64 >= before);
	/* every page that was ever free has an owner now: here, or from before */
	KEXPECT(start_page->flags != PG_RESERVED || atomic_read(&start_page->refs));
	/* but not that at address 0, which means "none" */
	KEXPECT(pagemap->flags == PG_RESERVED && !atomic_read(&pagemap->refs));
	KEXPECT(!pages_alloc(3, 0));
	KEXPECT(!kmalloc(100000));
	KEXPECT(!krange_alloc(KRANGE_GENERAL, 4, KPROT_RW));
	while ((p = list)) {
		list = p->next;
		page_free(p);
	}
	KEXPECT(free_pages() + before / 100 + 16 >=
		before); /* struct pages of blocks first used here stay */
	KEXPECT(free_pages() <= before);
}

KTEST(heap, every_size_holds_its_bytes)
{
	static const size_t sizes[] = { 1,   8,	   16,	 17,   63,   64,   65,
					500, 1000, 2048, 2049, 4096, 5000, 70000 };
	u8 *bytes[ARRAY_SIZE(sizes)][3];

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
		for (u32 round = 0; round < 3; round++) {
			bytes[i][round] = kmalloc(sizes[i]);
			if (!KEXPECT(bytes[i][round]))
				return;
			KEXPECT_EQ((u64)bytes[i][round] & 15, 0);
			KEXPECT(kmalloc_usable(bytes[i][round]) >= sizes[i]);
			memset(bytes[i][round], i * 3 + round, sizes[i]);
		}
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
		for (u32 round = 0; round < 3; round++) {
			bool same = true;

			for (size_t offset = 0; offset < sizes[i]; offset++)
				same &= bytes[i][round][offset] == (u8)(i * 3 + round);
			KEXPECT(same);
			kfree(bytes[i][round]);
		}
}

KTEST(heap, churn_does_not_grow)
{
	static void *slot[200];
	u64 seed = 1, before = 0;

	for (u32 round = 0; round < 2; round++) {
		for (u32 i = 0; i < 20000; i++) {
			u32 k;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			k = (seed >> 33) % 200;
			kfree(slot[k]);
			slot[k] = kmalloc((seed >> 45) % 1500);
		}
		for (u32 k = 0; k < 200; k++) {
			kfree(slot[k]);
			slot[k] = NULL;
		}
		if (!round)
			before = free_pages();
	}

	KEXPECT(free_pages() + 8 >= before);
}

KTEST(heap, overflowing_requests_fail)
{
	KEXPECT(!kcalloc(1ull << 40, 1ull << 40));
	KEXPECT(!kmalloc(1ull << 30));
	KEXPECT(!kmalloc(~0ull));
}

KTEST(krange, has_guards_and_obeys_protection)
{
	u64 before = free_pages();
	u8 *range = krange_alloc(KRANGE_DRIVER, 3, KPROT_RW);

	if (!KEXPECT(range))
		return;
	KEXPECT(!kernel_address_mapped((u64)range - 1));
	KEXPECT(!kernel_address_mapped((u64)range + 3 * PAGE_SIZE));
	KEXPECT(kernel_address_mapped((u64)range));
	for (u32 i = 0; i < 3 * PAGE_SIZE; i++)
		if (range[i]) {
			KEXPECT(!"fresh memory is zero");
			break;
		}
	KEXPECT_EQ(krange_protect(range + PAGE_SIZE, 1, KPROT_R), 0);
	range[0] = range[3 * PAGE_SIZE - 1] = 1;
	krange_free(range);
	KEXPECT(!kernel_address_mapped((u64)range));
	KEXPECT(free_pages() + 4 >= before); /* page tables may have been made */
	/* addresses that no CPU can put out would fault: firmware may tell of such */
	KEXPECT(!krange_map_phys(1ull << cpu_features.phys_bits, PAGE_SIZE, KCACHE_UC));
	KEXPECT(!krange_map_phys((1ull << cpu_features.phys_bits) - PAGE_SIZE, PAGE_SIZE + 1,
				 KCACHE_UC));
}

/* Freed addresses of drivers are used again, from the lowest on. */
KTEST(krange, gaps_that_are_used_again_leave_guards)
{
	static const u8 first[] = { 2, 2, 3, 2, 4, 2 }, then[] = { 1, 1, 3, 2, 1, 4, 2 };
	u8 *ranges[ARRAY_SIZE(first) + ARRAY_SIZE(then)] = { NULL };
	u32 pages[ARRAY_SIZE(ranges)], count = 0;

	for (u32 i = 0; i < ARRAY_SIZE(first); i++, count++)
		ranges[count] = krange_alloc(KRANGE_DRIVER, pages[count] = first[i], KPROT_RW);
	for (u32 i = 0; i < ARRAY_SIZE(first); i += 2) {
		krange_free(ranges[i]);
		ranges[i] = NULL;
	}
	for (u32 i = 0; i < ARRAY_SIZE(then); i++, count++)
		ranges[count] = krange_alloc(KRANGE_DRIVER, pages[count] = then[i], KPROT_RW);
	for (u32 i = 0; i < count; i++) {
		if (i >= ARRAY_SIZE(first) || i % 2)
			KEXPECT(ranges[i]);
		if (!ranges[i])
			continue;
		KEXPECT(!kernel_address_mapped((u64)ranges[i] - 1));
		KEXPECT(!kernel_address_mapped((u64)ranges[i] + pages[i] * PAGE_SIZE));
	}
	for (u32 i = 0; i < count; i++)
		krange_free(ranges[i]);
}

KTEST(krange, many_ranges_do_not_overlap)
{
	u64 *ranges[40];

	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++) {
		ranges[i] = krange_alloc(KRANGE_GENERAL, 1 + i % 5, KPROT_RW);
		if (!KEXPECT(ranges[i]))
			return;
		ranges[i][0] = i;
	}
	for (u32 i = 0; i < ARRAY_SIZE(ranges); i += 2)
		krange_free(ranges[i]);
	for (u32 i = 0; i < ARRAY_SIZE(ranges); i += 2) {
		ranges[i] = krange_alloc(KRANGE_GENERAL, 2 + i % 3, KPROT_RW);
		if (!KEXPECT(ranges[i]))
			return;
		ranges[i][0] = i;
	}
	for (u32 i = 0; i < ARRAY_SIZE(ranges); i++) {
		KEXPECT_EQ(ranges[i][0], i);
		krange_free(ranges[i]);
	}
}

/* In any order: whole pages go back as soon as they are empty, but for one of a cache. */
KTEST(heap, gives_pages_back)
{
	enum { N = 6000 };
	static void *objects[N];
	struct mem_info before, memory;
	u64 seed = 7;

	for (u32 order = 0; order < 3; order++) {
		mem_info_get(&before);
		for (u32 i = 0; i < N; i++)
			if (!(objects[i] = kmalloc(300)))
				break;
		mem_info_get(&memory);
		KEXPECT(memory.slab >= before.slab + N / 10);
		for (u32 i = N; order == 2 && i-- > 1;) { /* by lot */
			u32 round =
				(seed = seed * 6364136223846793005ull + 1442695040888963407ull) >>
				33;
			void *x = objects[i];

			objects[i] = objects[round % (i + 1)];
			objects[round % (i + 1)] = x;
		}
		for (u32 i = 0; i < N; i++)
			kfree(objects[order == 1 ? N - 1 - i : i]);
		mem_info_get(&memory);
		KEXPECT(memory.slab <= before.slab + 16); /* what a magazine holds may keep some */
	}
}

/* Of each processor: interrupts, double fault, NMI, machine check, debug, and the idle thread's. */
KTEST(stacks, of_all_processors_have_guard_pages)
{
	u32 n_all = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		struct cpu_stack stack[8];
		u32 count = cpus[i] ? cpu_stacks(cpus[i], stack, ARRAY_SIZE(stack)) : 0;

		KEXPECT_EQ(count, cpus[i] ? 6 : 0);
		for (u32 round = 0; round < count; round++, n_all++) {
			KEXPECT(!kernel_address_mapped(stack[round].low - 1));
			KEXPECT(!kernel_address_mapped(stack[round].low + stack[round].size));
			for (u64 addr = stack[round].low;
			     addr < stack[round].low + stack[round].size; addr += PAGE_SIZE)
				KEXPECT(kernel_address_mapped(addr));
		}
	}
	KEXPECT(n_all >= 6);
}

#ifdef CONFIG_FAULT_INJECTION
static void do_nothing(void *unused)
{
}

static bool make_range(void)
{
	void *p = krange_alloc(KRANGE_GENERAL, 5, KPROT_RW);

	krange_free(p);
	return p;
}

static bool make_thread(void)
{
	struct thread *t = thread_create(do_nothing, NULL, "unborn");

	if (!IS_ERR(t))
		thread_put(t);
	return !IS_ERR(t);
}

static bool make_device_mapping(void)
{
	void *p = krange_map_phys(0xfee00000, 3 * PAGE_SIZE, KCACHE_UC);

	krange_unmap_phys(p);
	return p;
}

static bool make_large(void)
{
	void *p = kvzalloc(100), *q = kvzalloc(50000), *r = kmalloc(9000);
	bool all = p && q && r;

	kvfree(p);
	kvfree(q);
	kfree(r);
	return all;
}

/* Each allocation of each operation fails in turn: the operation says so, and nothing is lost. */
KTEST(fault, each_allocation_may_fail)
{
	bool (*const make[])(void) = { make_range, make_thread, make_device_mapping, make_large };
	s64 live;

	sleep_ms(100); /* threads of the tests before are freed after a grace period */
	synchronize_rcu();
	for (u32 i = 0; i < ARRAY_SIZE(make); i++) {
		bool done = false;
		u32 n;

		KEXPECT(make[i]()); /* tables and spare stacks are there now */
		live = heap_debug_live();
		for (n = 1; !done && n < 100; n++) {
			fault_set_nth(current, n);
			done = make[i]();
			KEXPECT_EQ(current->fail_nth == 0, !done);
			fault_set_nth(current, 0);
		}
		KEXPECT(done && n > 2);
		KEXPECT_EQ(heap_debug_live(), live);
	}
}
#endif

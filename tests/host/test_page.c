// SPDX-License-Identifier: MIT
/*
 * mm/page.c: the allocator of physical pages, on machines of its own.
 *
 * The test maps the RAM of a machine where the kernel's map of all memory would
 * have it, and nothing in the holes, and lets several processors (GS says which)
 * allocate and free. A model knows of each page whether it may be handed out and
 * whether it is. Since the allocator cannot begin again, each machine is a child.
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <asm/paging.h>
#include <kernel/fault_injection.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>

#define MIB	   (1ull << 20)
#define GIB	   (1ull << 30)
#define LIMIT	   (5 * GIB)
#define FRAMES	   (LIMIT >> PAGE_SHIFT)
#define META_PAGES (FRAMES * sizeof(struct page) / PAGE_SIZE)
#define CPUS	   3u
#define IMAGE_AT   (1 * MIB)
#define IMAGE_END  (1 * MIB + 300 * 1024)
#define MAX_ORDER  10
#define MAX_LIVE   65536

/* In a child cmocka's assertions would go on with the next test. */
#define CHECK(c)                                                                \
	do {                                                                    \
		if (!(c)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c); \
			_exit(1);                                               \
		}                                                               \
	} while (0)

struct boot_info boot_info;
struct cpu *cpus[CPU_MAX];
u32 cpu_count;
u64 pte_nx_mask = PTE_NX, pte_global_mask = PTE_G;

static struct cpu cpu_structs[CPUS];
static pte_t meta_ptes[META_PAGES];
enum { NO_RAM, FREE, USED };
static u8 state[FRAMES];
static bool ever[FRAMES]; /* has been handed out */
static u64 allowed, used;
static struct live {
	struct page *p;
	u32 order;
} live[MAX_LIVE];
static u32 nr_live;
static bool interrupts = true, panics_expected;
static jmp_buf panicked;

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
	CHECK(!"a lock is taken twice");
}
void printk(const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
	CHECK(panics_expected);
	longjmp(panicked, 1);
}

pte_t *kernel_pte(u64 va, bool create)
{
	u64 i = (va - PAGEMAP_BASE) / PAGE_SIZE;

	if (i < META_PAGES)
		return &meta_ptes[i];
	return NULL;
}

bool fault_armed;
bool fault_fires(enum fault_site site)
{
	return true;
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

/* ---- the machine ---- */

static u32 below(u32 count)
{
	return (u32)random() % count;
}
static void become(u32 cpu)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu_structs[cpu]);
}

static void mark(phys_t start, phys_t end, u8 what)
{
	for (phys_t addr = start & PAGE_MASK; addr < end; addr += PAGE_SIZE)
		state[addr >> PAGE_SHIFT] = what;
}

static void map_at(u64 offset, u64 len)
{
	void *memory = mmap((void *)offset, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			    0);

	CHECK(memory == (void *)offset);
}

static void count_allowed(void)
{
	allowed = 0;
	for (u64 i = 0; i < FRAMES; i++)
		allowed += state[i] == FREE;
}

static void add_ram(phys_t start, phys_t end)
{
	boot_info.map[boot_info.nr_ranges++] = (struct mem_range){ start, end, MEM_RAM };
	map_at(PHYSMAP_BASE + start, end - start);
	mark(start, end, FREE);
}

static void machine(void)
{
	mark(0, PAGE_SIZE, NO_RAM);
	mark(IMAGE_AT, IMAGE_END, NO_RAM);
	map_at(PAGEMAP_BASE, META_PAGES * PAGE_SIZE);
	for (u32 i = 0; i < MIN(CPUS, CPU_MAX); i++) {
		cpu_structs[i].self = &cpu_structs[i];
		cpu_structs[i].id = i;
	}
	become(0);
	page_boot_init(IMAGE_AT, IMAGE_END);
	for (u32 i = 0; i < 5; i++) { /* for page tables, say */
		phys_t addr = page_boot_alloc();

		CHECK(addr && addr < 4 * GIB && state[addr >> PAGE_SHIFT] == FREE);
		mark(addr, addr + PAGE_SIZE, NO_RAM);
	}
	page_init();
	count_allowed();
}

static void start_cpus(void)
{
	cpus[0] = &cpu_structs[0];
	cpu_count = MIN(CPUS, CPU_MAX);
	for (u32 i = 1; i < cpu_count; i++) {
		CHECK(page_cpu_init(&cpu_structs[i]));
		mark(virt_to_phys(cpu_structs[i].slot[CPU_SLOT_PAGES]),
		     virt_to_phys(cpu_structs[i].slot[CPU_SLOT_PAGES]) + 1, NO_RAM);
		cpus[i] = &cpu_structs[i];
	}
	count_allowed();
}

/* RAM on both sides of 4 GiB, with the usual hole below 1 MiB, and a module. */
static void usual_machine(void)
{
	add_ram(0, 636 * 1024);
	add_ram(1 * MIB, 33 * MIB);
	add_ram(4 * GIB - 6 * MIB, 4 * GIB - 1 * MIB);
	add_ram(4 * GIB, 4 * GIB + 24 * MIB);
	boot_info.modules[0].start = 20 * MIB + 100;
	boot_info.modules[0].end = 21 * MIB + 100;
	boot_info.nr_modules = 1;
	mark(20 * MIB, 21 * MIB + PAGE_SIZE, NO_RAM);
	machine();
	start_cpus();
}

/* ---- the model ---- */

static u64 stamp_of(u64 frame)
{
	return (frame + 1) * 0x9e3779b97f4a7c15ull;
}

static u64 *word_of(u64 frame, u32 i)
{
	return (u64 *)phys_to_virt(frame << PAGE_SHIFT) + i;
}

static void took(struct page *page, u32 order, u32 flags)
{
	u64 first = page_to_phys(page) >> PAGE_SHIFT;

	CHECK(interrupts);
	CHECK(!(first & ((1ull << order) - 1)) && first + (1ull << order) <= FRAMES);
	CHECK(atomic_read(&page->refs) == 1 && page->flags == 0 &&
	      (!order || page->order == order));
	for (u64 i = first; i < first + (1ull << order); i++) {
		CHECK(state[i] == FREE);
		CHECK(!(flags & PAGE_BELOW_4G) || i << PAGE_SHIFT < 4 * GIB);
		if (flags & PAGE_ZERO)
			for (u32 w = 0; w < PAGE_SIZE / 8; w++)
				CHECK(!*word_of(i, w));
		state[i] = USED;
		ever[i] = true;
		*word_of(i, 0) = *word_of(i, 511) = stamp_of(i);
	}
	used += 1ull << order;
	CHECK(nr_live < MAX_LIVE);
	live[nr_live++] = (struct live){ page, order };
}

/* A single page comes either way; pages_alloc() does not look into the processors' stacks. */
static bool take(u32 order, u32 flags)
{
	struct page *page = order || below(4) == 0 ? pages_alloc(order, flags) : NULL;

	if (!page && !order)
		page = page_alloc(flags);

	if (page)
		took(page, order, flags);
	return page;
}

/* @param direct  to the buddy, not to the processor's stack */
static void give(u32 index, bool direct)
{
	struct live entry = live[index];
	u64 first = page_to_phys(entry.p) >> PAGE_SHIFT;

	for (u64 round = first; round < first + (1ull << entry.order); round++) {
		CHECK(state[round] == USED);
		CHECK(*word_of(round, 0) == stamp_of(round) &&
		      *word_of(round, 511) == stamp_of(round));
		state[round] = FREE;
	}
	used -= 1ull << entry.order;
	live[index] = live[--nr_live];
	if (entry.order || direct)
		pages_free(entry.p, entry.order);
	else
		page_free(entry.p);
	CHECK(interrupts);
}

static void give_all(bool direct)
{
	while (nr_live) {
		become(below(cpu_count));
		give(below(nr_live), direct);
	}
}

static u64 free_pages(void)
{
	struct mem_info memory;

	mem_info_get(&memory);
	return memory.free;
}

/* All that there is, to the last page in another processor's stack. */
static u64 take_everything(u32 order, u32 flags)
{
	u64 count = 0;

	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		become(cpu);
		while (take(order, flags))
			count++;
	}
	return count;
}

/* The pages with struct pages: RAM, each once, and never handed out. */
static u64 meta_pages(void)
{
	static bool seen[FRAMES];
	u64 count = 0;

	memset(seen, 0, sizeof(seen));
	for (u64 i = 0; i < META_PAGES; i++)
		if (meta_ptes[i] & PTE_P) {
			u64 frame = (meta_ptes[i] & PTE_ADDR) >> PAGE_SHIFT;

			CHECK(state[frame] == FREE && !ever[frame] && !seen[frame]);
			seen[frame] = true;
			count++;
		}
	return count;
}

static void in_child(void (*scenario)(void))
{
	pid_t child = fork();
	int status;

	if (!child) {
		scenario();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- scenarios ---- */

static void exhaust(void)
{
	usual_machine();
	for (u32 round = 0; round < 3; round++) {
		take_everything(0, 0);
		CHECK(used + meta_pages() == allowed);
		CHECK(free_pages() == 0);
		CHECK(!pages_alloc(3, 0) && !page_alloc(PAGE_BELOW_4G));
		give_all(false);
		CHECK(free_pages() == allowed - meta_pages());
	}
}

static void merge(void)
{
	u64 blocks, left;

	usual_machine();
	take_everything(0,
			0); /* all blocks are known, and there are no more struct pages to come */
	give_all(true);
	blocks = take_everything(9, 0);
	left = take_everything(0, 0);
	CHECK(blocks > 10);
	CHECK(left + blocks * 512 + meta_pages() == allowed);
	give_all(true);
	for (u32 round = 0; round < 2; round++) {
		for (int order = MAX_ORDER; order >= 0; order--)
			take_everything(below(order + 1), 0);
		take_everything(0, 0);
		CHECK(used + meta_pages() == allowed);
		give_all(true); /* in any order: all of it comes together again */
		CHECK(take_everything(9, 0) == blocks);
		give_all(true);
	}
}

/* Single pages that wait for the next processor are taken where a block can only be made of them. */
static void depot(void)
{
	usual_machine();
	take_everything(0, 0);
	become(0);
	while (nr_live)
		give(nr_live - 1, false);
	CHECK(free_pages() == allowed - meta_pages());
	take_everything(1, 0);
	CHECK(free_pages() <= 150); /* one processor's stack, and a few that have no neighbour */
}

static void zones(void)
{
	u64 low;

	usual_machine();
	low = take_everything(0, PAGE_BELOW_4G);
	CHECK(low && !page_alloc(PAGE_BELOW_4G) && !pages_alloc(2, PAGE_BELOW_4G));
	CHECK(take(3, 0) && page_to_phys(live[nr_live - 1].p) >= 4 * GIB);
	take_everything(0, 0);
	CHECK(used + meta_pages() == allowed);
	give_all(true);
	/* the rest stays for those who need it: what needs not be low comes from above as long as there is any */
	become(0);
	CHECK(take(5, 0) && page_to_phys(live[nr_live - 1].p) >= 4 * GIB);
}

static void reserve(void)
{
	u64 total = 0, kept;

	usual_machine();
	for (u32 i = 0; i < boot_info.nr_ranges; i++)
		total += (boot_info.map[i].end - boot_info.map[i].start) >> PAGE_SHIFT;
	take_everything(0, PAGE_USER);
	CHECK(page_user_exhausted());
	CHECK(!pages_alloc(0, PAGE_USER));
	kept = take_everything(0, 0);
	CHECK(kept + 32 >= total / 64 && kept <= total / 64 + 32);
	give_all(false);
	become(0);
	CHECK(!page_user_exhausted() && take(0, PAGE_USER));
}

static void churn(void)
{
	static const u32 kinds[] = { 0,
				     0,
				     0,
				     PAGE_ZERO,
				     PAGE_USER,
				     PAGE_USER | PAGE_ZERO,
				     PAGE_BELOW_4G,
				     PAGE_BELOW_4G | PAGE_ZERO };
	u32 failed = 0;

	usual_machine();
	take_everything(0, 0);
	give_all(false);
	for (u32 i = 0; i < 120000; i++) {
		bool filling = i / 15000 % 2 == 0; /* up to the brim and down again */
		u32 order = below(3) ? 0 : below(below(MAX_ORDER) + 1);

		become(below(cpu_count));
		if (below(8) < (filling ? 6 : 2))
			failed += !take(order, kinds[below(ARRAY_SIZE(kinds))]);
		else if (nr_live)
			give(below(nr_live), below(4) == 0);
		if (i % 4096 == 0)
			CHECK(free_pages() + used + meta_pages() == allowed);
	}
	CHECK(failed > 100);
	CHECK(free_pages() + used + meta_pages() == allowed);
	give_all(true);
	take_everything(0, 0);
	CHECK(used + meta_pages() == allowed);
}

/* Many small ranges: what is too little for its own struct pages is lost, and nothing else. */
static void crumbs(void)
{
	u64 lost = 0;

	add_ram(1 * MIB, 9 * MIB);
	for (u32 i = 0; i < 12;
	     i++) { /* one block each, 1 to 12 pages: 8 are needed for its struct pages */
		phys_t at = (16 + 4 * i) * MIB + i * 64 * 1024;

		add_ram(at, at + (i + 1) * PAGE_SIZE);
		lost += i + 1 <= 8 ? i + 1 : 0;
	}
	for (u32 i = 0; i < 20; i++) /* all in one block */
		add_ram(80 * MIB + i * 128 * 1024,
			80 * MIB + i * 128 * 1024 + (i % 7 + 10) * PAGE_SIZE);
	machine();
	start_cpus();
	take_everything(0, 0);
	CHECK(used + meta_pages() + lost == allowed);
}

static void given_back(void)
{
	phys_t low;
	u64 before;

	add_ram(0, 636 * 1024);
	add_ram(1 * MIB, 40 * MIB);
	boot_info.modules[0].start = 16 * MIB;
	boot_info.modules[0].end = 28 * MIB;
	boot_info.nr_modules = 1;
	mark(16 * MIB, 28 * MIB, NO_RAM);
	machine();
	low = page_boot_take_low(0xf000, 0xa0000);
	CHECK(low == 0xf000);
	mark(low, low + PAGE_SIZE, NO_RAM);
	CHECK(page_boot_take_low(0xf000, 0xa0000) == PAGE_SIZE); /* taken: another one */
	page_boot_free(PAGE_SIZE, 2 * PAGE_SIZE);
	CHECK(!page_boot_take_low(0xf000, PAGE_SIZE)); /* page 0 is nobody's */
	count_allowed();
	start_cpus();
	take_everything(0, 0);
	before = used + meta_pages();
	CHECK(before == allowed);
	/* whole blocks, never seen before, and the ends of two that are in use */
	page_boot_free(16 * MIB, 28 * MIB);
	mark(16 * MIB, 28 * MIB, FREE);
	page_boot_free(low, low + PAGE_SIZE);
	mark(low, low + PAGE_SIZE, FREE);
	take_everything(0, 0);
	CHECK(used + meta_pages() == before + 12 * 256 + 1);
	give_all(false);
}

static bool panics(void (*fn)(struct page *), struct page *page)
{
	panics_expected = true;
	if (!setjmp(panicked)) {
		fn(page);
		panics_expected = false;
		return false;
	}
	panics_expected = false;
	interrupts = true;
	return true;
}

static void free_as_block(struct page *page)
{
	pages_free(page, 0);
}

static void freed_twice(void)
{
	struct page *page;

	usual_machine();
	page = page_alloc(0);
	page_free(page);
	CHECK(panics(page_free, page));
	CHECK(panics(free_as_block, page));
}

static void freed_twice_to_the_buddy(void)
{
	struct page *page;

	usual_machine();
	page = pages_alloc(0, 0);
	page_free(page);
	CHECK(panics(free_as_block, page));
}

static void freed_as_block_then_as_page(void)
{
	struct page *page;

	usual_machine();
	page = pages_alloc(4, 0);
	(void)pages_alloc(4, 0); /* its buddy: p stays a block of its own */
	pages_free(page, 4);
	CHECK(panics(page_free, page));
}

static void injected(void)
{
	u64 before;

	usual_machine();
	take(0, 0);
	before = free_pages();
	fault_armed = true;
	CHECK(!page_alloc(0) && !page_alloc(PAGE_USER) && !pages_alloc(2, PAGE_BELOW_4G));
	fault_armed = false;
	CHECK(free_pages() == before);
	CHECK(take(0, 0) && take(2, 0));
	CHECK(!pages_alloc(MAX_ORDER + 1, 0));
}

static void accounts(void)
{
	struct mem_info memory;

	usual_machine();
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		become(cpu);
		mem_account(MEM_SLAB, 7 * (cpu + 1));
		mem_account(MEM_SLAB, 3 * (cpu + 1));
		mem_account(MEM_ANON,
			    cpu == 0 ? 5 : -1); /* freed elsewhere than it was allocated */
	}
	mem_info_get(&memory);
	CHECK(memory.slab == 10 * cpu_count * (cpu_count + 1) / 2);
	CHECK(memory.anon == 5 - (cpu_count - 1));
	CHECK(memory.page_tables == 5); /* page_boot_alloc() */
	CHECK(memory.cached == 0);
	mem_account(MEM_CACHED, -3); /* a reader in between never sees less than nothing */
	mem_info_get(&memory);
	CHECK(memory.cached == 0);
}

static void all_memory_is_handed_out(void **state)
{
	in_child(exhaust);
}
static void what_is_freed_comes_together_again(void **state)
{
	in_child(merge);
}
static void blocks_are_made_of_waiting_pages(void **state)
{
	in_child(depot);
}
static void requests_below_4_gib_are_obeyed(void **state)
{
	in_child(zones);
}
static void users_leave_a_reserve(void **state)
{
	in_child(reserve);
}
static void agrees_with_the_model(void **state)
{
	in_child(churn);
}
static void small_ranges_are_used_if_worth_it(void **state)
{
	in_child(crumbs);
}
static void memory_can_be_given_later(void **state)
{
	in_child(given_back);
}
static void a_second_free_is_noticed(void **state)
{
	in_child(freed_twice);
	in_child(freed_twice_to_the_buddy);
	in_child(freed_as_block_then_as_page);
}
static void a_failure_changes_nothing(void **state)
{
	in_child(injected);
}
static void accounts_are_summed_over_processors(void **state)
{
	in_child(accounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_memory_is_handed_out),
		cmocka_unit_test(what_is_freed_comes_together_again),
		cmocka_unit_test(blocks_are_made_of_waiting_pages),
		cmocka_unit_test(requests_below_4_gib_are_obeyed),
		cmocka_unit_test(users_leave_a_reserve),
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(small_ranges_are_used_if_worth_it),
		cmocka_unit_test(memory_can_be_given_later),
		cmocka_unit_test(a_second_free_is_noticed),
		cmocka_unit_test(a_failure_changes_nothing),
		cmocka_unit_test(accounts_are_summed_over_processors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

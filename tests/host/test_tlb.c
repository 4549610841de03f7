// SPDX-License-Identifier: MIT
/*
 * arch/x86_64/ipi.c with pcid.c: what is flushed where, with and without PCIDs.
 *
 * The real code flushes model TLBs, which keep all that they may. Processors take
 * turns on one thread: GS says which one is at work. An interrupt is handled soon
 * after it was sent; before that others load, use and flush what they like.
 * (Messages that come late, and all other orders, are test_pcid.c's.)
 */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include <asm/apic.h>
#include <asm/control.h>
#include <asm/ipi.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <asm/pgtable.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/thread.h>

#define CPUS	  4
#define SPACES	  (PCID_SLOTS + 3)
#define PAGES	  40 /* more than are flushed one by one */
#define PCIDS	  (PCID_SLOTS + 1)
#define NONE	  SPACES
#define USER_AT	  0x400000ull
#define KERNEL_AT KRANGE_BASE

struct vm_space {
	struct pt_space tables;
	u64 table[PAGES], settled[PAGES];
	bool held; /* nobody else may begin to use it */
	u32 changing;
};

static struct vm_space spaces[SPACES];
static u64 kernel_table[PAGES], kernel_settled[PAGES], last_number;
static struct sim_cpu {
	struct cpu cpu;
	struct thread thread; /* the one that runs */
	u64 cr3, cr4;
	u64 tlb[PCIDS][PAGES], global[PAGES];
	bool flushing;
} sim[CPUS];
static u32 loads_kept, messages, singles;
static u32 handlers;  /* that are under way; interrupts are off in them */
static bool restless; /* things happen on other processors while one flushes */

struct cpu *cpus[CPU_MAX];
u32 cpu_count;
phys_t kernel_root = 0x1000;

static u32 below(u32 count)
{
	return (u32)rand() % count;
}
static void others_go_on(void);
static u64 new_entry(u32 space)
{
	return ++last_number * (SPACES + 1) + space;
}
static struct sim_cpu *here(void)
{
	return &sim[cpu_id()];
}
static void become(u32 cpu)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &sim[cpu].cpu);
}

/* ---- the processor ---- */

static u32 pcid_of(const struct sim_cpu *cpu)
{
	if (cpu->cr4 & CR4_PCIDE)
		return cpu->cr3 & 0xfff;
	return 0;
}

u64 read_cr3(void)
{
	return here()->cr3;
}
u64 read_cr4(void)
{
	return here()->cr4;
}

void write_cr3(u64 number)
{
	struct sim_cpu *cpu = here();

	if (!(cpu->cr4 & CR4_PCIDE))
		assert_int_equal(number & (CR3_NO_FLUSH | 0xfff), 0);
	cpu->cr3 = number & ~CR3_NO_FLUSH;
	assert_in_range(pcid_of(cpu), 0, PCID_SLOTS);
	if (!(number & CR3_NO_FLUSH))
		memset(cpu->tlb[pcid_of(cpu)], 0, sizeof(cpu->tlb[0]));
}

void write_cr4(u64 number)
{
	struct sim_cpu *cpu = here();

	if (number & ~cpu->cr4 & CR4_PCIDE)
		assert_int_equal(cpu->cr3 & 0xfff, 0);
	if ((number ^ cpu->cr4) & CR4_PGE) {
		memset(cpu->tlb, 0, sizeof(cpu->tlb));
		memset(cpu->global, 0, sizeof(cpu->global));
	}
	cpu->cr4 = number;
}

void invlpg(u64 va)
{
	struct sim_cpu *cpu = here();

	assert_int_equal(va % PAGE_SIZE, 0);
	if (va >= KERNEL_AT)
		cpu->global[(va - KERNEL_AT) / PAGE_SIZE] = 0;
	else
		cpu->tlb[pcid_of(cpu)][(va - USER_AT) / PAGE_SIZE] = 0;
	singles++;
	if (restless && !handlers && below(4) == 0)
		others_go_on();
}

/* What runs uses a page of its own and one of the kernel's. */
static void use(u32 cpu)
{
	struct sim_cpu *c = &sim[cpu];
	u32 page = below(PAGES), loaded = c->cr3 / 0x1000 - 2;
	u64 *entry = &c->tlb[pcid_of(c)][page];

	if (!c->global[page])
		c->global[page] = kernel_table[page];
	assert_true(c->global[page] >= kernel_settled[page]);
	if (c->cr3 / 0x1000 == 1) { /* the kernel's own tables */
		assert_null(c->thread.space);
		return;
	}
	if (!c->thread.space)
		return;
	assert_ptr_equal(c->thread.space, &spaces[loaded]);
	assert_ptr_equal(c->cpu.space, &spaces[loaded]);
	if (!*entry)
		*entry = spaces[loaded].table[page];
	assert_int_equal(*entry % (SPACES + 1), loaded);
	assert_true(*entry >= spaces[loaded].settled[page]);
}

/* ---- the scheduler ---- */

/* As switch_space() in kernel/sched.c. */
static void load(u32 cpu, u32 space)
{
	struct cpu *c = &sim[cpu].cpu;
	struct vm_space *prev = c->space, *next = &spaces[space];
	u32 was = cpu_id();
	u64 cr3;

	if (next->held)
		return;
	sim[cpu].thread.space = next;
	if (next == prev)
		return;
	become(cpu);
	cpumask_set(&next->tables.cpus, cpu);
	c->space = next;
	cr3 = space_cr3(c, next);
	assert_int_equal(cr3 & PTE_ADDR, next->tables.root);
	write_cr3(cr3);
	if (prev)
		cpumask_clear(&prev->tables.cpus, cpu);
	loads_kept += cr3 >> 63;
	become(was);
}

/* The tables stay. */
static void idle(u32 cpu)
{
	sim[cpu].thread.space = NULL;
}

/* The end of an interrupt was lost there: it accepts no other. */
#define NONE_DEAF 0xffffffffu
static u32 deaf = NONE_DEAF;

static void interrupt(u32 cpu)
{
	u32 was = cpu_id();

	if (cpu == deaf)
		return;
	become(cpu);
	handlers++;
	ipi_handle_call();
	handlers--;
	become(was);
}

static void change(u32 i);

/* While one waits, or before its message arrives. A processor that flushes already does nothing else. */
static void others_go_on(void)
{
	u32 was = cpu_id(), flusher = below(cpu_count);

	if (below(4) == 0 && !sim[flusher].flushing && !handlers) {
		become(flusher);
		change(below(SPACES));
		become(was);
	}
	for (u32 count = below(6); count; count--) {
		u32 cpu = below(cpu_count);

		if (sim[cpu].flushing)
			continue;
		if (below(3) == 0)
			load(cpu, below(SPACES));
		else if (below(6) == 0)
			idle(cpu);
		else
			use(cpu);
	}
}

void apic_send_ipi(u32 apic_id, u8 vector)
{
	u32 was = cpu_id();

	assert_int_equal(vector, VECTOR_CALL);
	assert_int_not_equal(apic_id, was);
	messages++;
	if (restless)
		others_go_on();
	interrupt(apic_id);
}

/* Whoever waits for others gives them time: their interrupts come. */
void cpu_relax(void)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (i != cpu_id())
			interrupt(i);
}

void apic_send_nmi(u32 apic_id)
{
	u32 was = cpu_id();

	become(apic_id);
	assert_true(ipi_handle_end(true));
	assert_false(ipi_handle_end(true));
	become(was);
}
void apic_end_all(void)
{
	assert_int_equal(cpu_id(), deaf);
	deaf = NONE_DEAF;
}
void delay_us(u32 us)
{
}
void preempt_schedule(void)
{
}
void printk(const char *fmt, ...)
{
}
void panic(const char *fmt, ...)
{
	abort();
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

/* ---- what is done ---- */

static void begin_space(u32 i)
{
	struct vm_space *space = &spaces[i];

	memset(&space->tables.cpus, 0, sizeof(space->tables.cpus));
	space->tables.root = (i + 2) * 0x1000;
	space->held = false;
	if (pcid_enabled)
		pcid_space_init(&space->tables.pcid, &here()->cpu.machine.pcid, cpu_id());
	for (u32 page = 0; page < PAGES; page++)
		space->table[page] = space->settled[page] = new_entry(i);
}

static void change_own_page(u32 i)
{
	struct vm_space *space = &spaces[i];
	u32 page = below(PAGES);

	if (space->changing)
		return;
	space->held = true;
	space->changing++;
	space->table[page] = new_entry(i);
	here()->flushing = true;
	tlb_flush_own_page(space, USER_AT + page * PAGE_SIZE);
	here()->flushing = false;
	space->settled[page] = space->table[page];
	space->changing--;
	space->held = false;
}

static void change(u32 i)
{
	u32 kind = below(4), first = below(PAGES), count = 1;
	struct vm_space *space = &spaces[i];
	u64 wrote;

	if (kind == 3)
		count = PAGES;
	else if (kind)
		count = 1 + below(PAGES - first);
	if (space->held)
		return;
	space->changing++;
	if (kind == 3)
		first = 0;
	for (u32 page = first; page < first + count; page++)
		space->table[page] = new_entry(i);
	wrote = space->table[first];
	here()->flushing = true;
	if (kind == 0)
		tlb_flush_user_page(space, USER_AT + first * PAGE_SIZE + 8);
	else if (kind == 3)
		tlb_flush_user_all(space);
	else
		tlb_flush_user_range(space, USER_AT + first * PAGE_SIZE,
				     USER_AT + (first + count) * PAGE_SIZE);
	here()->flushing = false;
	for (u32 page = first; page < first + count; page++) /* another may have written since */
		space->settled[page] = MAX(space->settled[page], wrote);
	space->changing--;
}

static void change_kernel(void)
{
	u32 first = below(PAGES), count = 1 + below(PAGES - first);

	for (u32 page = first; page < first + count; page++)
		kernel_table[page] = new_entry(NONE);
	here()->flushing = true;
	tlb_flush_kernel_range(KERNEL_AT + first * PAGE_SIZE,
			       KERNEL_AT + (first + count) * PAGE_SIZE);
	here()->flushing = false;
	for (u32 page = first; page < first + count; page++)
		kernel_settled[page] = kernel_table[page];
}

static void end(u32 i)
{
	spaces[i].held = true;
	for (u32 cpu = 0; cpu < cpu_count; cpu++) /* its last thread has ended */
		if (sim[cpu].thread.space == &spaces[i])
			idle(cpu);
	here()->flushing = true;
	tlb_forget_space(&spaces[i]);
	here()->flushing = false;
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		assert_ptr_not_equal(sim[cpu].cpu.space, &spaces[i]);
		assert_int_not_equal(sim[cpu].cr3 & PTE_ADDR, spaces[i].tables.root);
	}
	begin_space(i);
}

static void begin(u32 count, bool with_pcid)
{
	memset(sim, 0, sizeof(sim));
	pcid_enabled = with_pcid;
	loads_kept = messages = singles = 0;
	cpu_count = count;
	for (u32 i = 0; i < count; i++) {
		cpus[i] = &sim[i].cpu;
		sim[i].cpu = (struct cpu){ .self = &sim[i].cpu,
					   .running = &sim[i].thread,
					   .id = i,
					   .hw_id = i,
					   .online = 1 };
		sim[i].cr3 = kernel_root;
		sim[i].cr4 = CR4_PGE;
		become(i);
		if (with_pcid)
			pcid_cpu_enable();
	}
	for (u32 i = 0; i < SPACES; i++)
		begin_space(i);
	for (u32 page = 0; page < PAGES; page++)
		kernel_table[page] = kernel_settled[page] = new_entry(NONE);
}

static void one_step(void)
{
	u32 cpu = below(cpu_count), space = below(SPACES), what = below(26);
	struct vm_space *own = sim[cpu].cpu.space;

	become(cpu);
	if (what < 5)
		load(cpu, space);
	else if (what < 7)
		change(own && below(3) ? own - spaces : space);
	else if (what < 9 && own && below(2))
		change_own_page(own - spaces);
	else if (what == 9 && below(4) == 0)
		change_kernel();
	else if (what == 10 && below(4) == 0)
		end(space);
	else if (what == 11)
		idle(cpu);
	else
		use(cpu);
}

static void run(bool with_pcid)
{
	for (u32 seed = 0; seed < 12; seed++) {
		srand(seed + 1);
		restless = true;
		begin(1 + seed % MIN(CPUS, CPU_MAX), with_pcid);
		for (u32 i = 0; i < 40000; i++)
			one_step();
		assert_int_equal(!!loads_kept, with_pcid);
		assert_true(singles > 200);
		if (cpu_count > 1)
			assert_true(messages > 200);
		restless = false;
	}
}

static void nothing_stale_is_used_without_pcids(void **state)
{
	run(false);
}
static void nothing_stale_is_used_with_pcids(void **state)
{
	run(true);
}

/* ---- who is told ---- */

static void only_who_has_it_loaded_is_told(void **state)
{
	for (u32 with_pcid = 0; with_pcid < 2 && CPU_MAX >= CPUS; with_pcid++) {
		begin(CPUS, with_pcid);
		load(1, 0);
		load(2, 0);
		load(2, 1); /* has left */
		become(3);
		tlb_flush_user_page(&spaces[0], USER_AT);
		assert_int_equal(messages, 1);
		become(1);
		tlb_flush_user_page(&spaces[0], USER_AT);
		tlb_flush_own_page(&spaces[0], USER_AT);
		assert_int_equal(messages, 1);
		tlb_flush_kernel_range(KERNEL_AT, KERNEL_AT + PAGE_SIZE);
		assert_int_equal(messages, CPUS);
	}
}

static void who_idles_is_told_once(void **state)
{
	for (u32 with_pcid = 0; with_pcid < 2 && CPU_MAX >= CPUS; with_pcid++) {
		begin(CPUS, with_pcid);
		load(0, 0);
		load(1, 0);
		idle(1);
		become(0);
		tlb_flush_user_page(&spaces[0], USER_AT);
		assert_int_equal(messages, 1);
		assert_null(sim[1].cpu.space);
		assert_int_equal(sim[1].cr3, kernel_root);
		tlb_flush_user_page(&spaces[0], USER_AT);
		tlb_flush_own_page(&spaces[0], USER_AT);
		assert_int_equal(messages, 1);
		load(1, 0);
		tlb_flush_user_page(&spaces[0], USER_AT);
		assert_int_equal(messages, 2);
		assert_ptr_equal(sim[1].cpu.space, &spaces[0]);
	}
}

static void a_short_range_is_flushed_page_by_page(void **state)
{
	for (u32 with_pcid = 0; with_pcid < 2; with_pcid++) {
		begin(1, with_pcid);
		become(0);
		load(0, 0);
		tlb_flush_user_range(&spaces[0], USER_AT, USER_AT + 32 * PAGE_SIZE);
		assert_int_equal(singles, 32);
		tlb_flush_user_range(&spaces[0], USER_AT, USER_AT + 33 * PAGE_SIZE);
		assert_int_equal(singles, 32);
		tlb_flush_user_range(&spaces[1], USER_AT, USER_AT + PAGE_SIZE); /* not loaded */
		assert_int_equal(singles, 32);
	}
}

static void one_that_accepts_no_interrupt_is_freed(void **state)
{
	if (CPU_MAX < 2)
		return;
	begin(2, true);
	become(0);
	load(0, 0);
	load(1, 0);
	deaf = 1;
	tlb_flush_user_page(&spaces[0], USER_AT);
	assert_int_equal(deaf, NONE_DEAF);
	assert_int_equal(messages, 3);
}

static void flushes_that_were_made_are_not_made_again(void **state)
{
	if (CPU_MAX < 2)
		return;
	begin(2, true);
	become(0);
	load(0, 0);
	load(1, 0);
	tlb_flush_own_page(&spaces[0], USER_AT);
	tlb_flush_user_page(&spaces[0], USER_AT);
	assert_int_equal(singles, 4); /* here and there, page by page */
	tlb_flush_user_all(&spaces[0]);
	tlb_flush_user_range(&spaces[0], USER_AT, USER_AT + 2 * PAGE_SIZE);
	assert_int_equal(singles, 8);
	load(0, 1);
	load(1, 1);
	loads_kept = 0;
	load(0, 0);
	load(1, 0);
	assert_int_equal(loads_kept, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_has_it_loaded_is_told),
		cmocka_unit_test(who_idles_is_told_once),
		cmocka_unit_test(a_short_range_is_flushed_page_by_page),
		cmocka_unit_test(one_that_accepts_no_interrupt_is_freed),
		cmocka_unit_test(flushes_that_were_made_are_not_made_again),
		cmocka_unit_test(nothing_stale_is_used_without_pcids),
		cmocka_unit_test(nothing_stale_is_used_with_pcids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

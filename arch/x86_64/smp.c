/* SPDX-License-Identifier: MIT */
/*
 * Starting the other processors.
 *
 * Everything a CPU needs (struct cpu, stacks, queues, caches) is made first, by
 * the boot CPU. Then INIT and two STARTUP interrupts let it run the trampoline
 * (boot/trampoline.S) in a page below 1 MiB, on page tables that map that page
 * at its own address besides the kernel; it continues in ap_main() on its idle
 * thread's stack. One after the other, so that one page and one set of words
 * are enough.
 *
 * A CPU that doesn't start within a second is reset to waiting by another
 * INIT before the page is used again; one that starts late all the same finds
 * another's id there and halts.
 *
 * Intel SDM vol. 3, 8.4.4 (MP initialization), 10.4.4.1; MP Specification 1.4, B.4.
 */
#include <asm/apic.h>
#include <asm/clocks.h>
#include <asm/control.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/ipi.h>
#include <asm/msr.h>
#include <asm/paging.h>
#include <kernel/acpi.h>
#include <kernel/cmdline.h>
#include <kernel/heap_init.h>
#include <kernel/irq.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>
#include <kernel/rcu_init.h>
#include <kernel/smp.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/time.h>

CMDLINE_OPTION(opt_maxcpus, "maxcpus");
CMDLINE_OPTION(opt_nosmp, "nosmp");
CMDLINE_OPTION(opt_smp_dead, "smp_dead");

#define LOW_PAGE  0xf000 /* where it is free; else any */
#define LOW_LIMIT 0xa0000
#define START_WAIT_NS \
	(1500 * NSEC_PER_MSEC) /* 64 virtual CPUs on two real ones must not look dead */
#define SECOND_SIPI_NS (300 * NSEC_PER_USEC)
#define KEPT_PAGES     640ul /* for files and programs */
#define HOLDS_PAGES    28ul  /* that a CPU will keep at hand, besides what it costs now */
#define POLL_NS	       (20 * NSEC_PER_USEC)
#define CR4_EARLY      (CR4_PSE | CR4_PAE) /* the rest is cpu_init_secondary()'s */

/* The words at the end of the trampoline. */
struct ap_words {
	u64 stack, cpu, entry;
	u32 cr0, cr3, cr4, efer;
	u32 jump, jump_selector;
	u16 gdt_limit;
	u32 gdt;
	u8 id, pad;
} __packed;
extern const u8 ap_trampoline[], ap_trampoline_end[], ap_words[];

static phys_t low_page;
static struct page *start_tables[3];

void smp_prepare(void)
{
	if (CPU_MAX > 1)
		low_page = page_boot_take_low(LOW_PAGE, LOW_LIMIT);
}

/* ---- on the new processor ---- */

/* On its idle thread's stack, interrupts off. */
static void __noreturn ap_main(struct cpu *cpu)
{
	cpu_init_secondary(cpu);
	write_cr3(kernel_root);
	apic_cpu_start();
	time_cpu_start();
	tsc_sync_join();
	smp_store_release(&cpu->online, 1);
	/* from here on it is notified of changes in the kernel's tables; it cached none before */
	smp_mb();
	tlb_flush_kernel_range(0, ~0ull);
	sched_idle();
}

/* ---- on the boot processor ---- */

static void free_start_tables(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(start_tables); i++)
		if (start_tables[i])
			page_free(start_tables[i]);
}

/* The kernel's tables, and the first 2 MiB at their own address. They are loaded with paging off: below 4 GiB. */
static bool make_start_tables(void)
{
	pte_t *table[3];

	for (u32 i = 0; i < 3; i++) {
		start_tables[i] = page_alloc(PAGE_ZERO | PAGE_BELOW_4G);
		if (!start_tables[i])
			return false;
		table[i] = page_address(start_tables[i]);
	}
	memcpy(table[0] + 256, (pte_t *)phys_to_virt(kernel_root) + 256, 2048);
	table[0][0] = page_to_phys(start_tables[1]) | PTE_P | PTE_W;
	table[1][0] = page_to_phys(start_tables[2]) | PTE_P | PTE_W;
	table[2][0] = PTE_P | PTE_W | PTE_PS;
	return true;
}

static u64 read_cr0(void)
{
	u64 value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

/* Copy the trampoline for @p cpu. */
static void prepare_page(const struct cpu *cpu)
{
	u8 *page = phys_to_virt(low_page);
	struct ap_words *words = (struct ap_words *)(page + (ap_words - ap_trampoline));

	_Static_assert(sizeof(struct ap_words) == 56, "trampoline.S");
	memcpy(page, ap_trampoline, ap_trampoline_end - ap_trampoline);
	words->stack = cpu->kstack_top;
	words->cpu = (u64)cpu;
	words->entry = (u64)ap_main;
	words->cr0 = read_cr0();
	words->cr3 = page_to_phys(start_tables[0]);
	words->cr4 = CR4_EARLY;
	words->efer = rdmsr(MSR_EFER) & ~EFER_LMA;
	words->jump += low_page;
	words->gdt += low_page;
	words->id = cpu->hw_id;
	smp_mb();
}

static bool wait_online(const struct cpu *cpu, u64 ns)
{
	u64 deadline = time_monotonic_ns() + ns;

	while (!smp_load_acquire(&cpu->online)) {
		if (time_monotonic_ns() >= deadline)
			return false;
		if (tsc_sync_lead())
			deadline = time_monotonic_ns() + ns;
		sleep_until(time_monotonic_ns() + POLL_NS, false);
	}
	return true;
}

/* For tests: "smp_dead=ID", a processor that the tables contain and that never starts. */
static bool plays_dead(const struct cpu *cpu)
{
	char text[8];
	u64 id;

	return IS_ENABLED(CONFIG_KTEST) && option_value(&opt_smp_dead, text, sizeof(text)) > 0 &&
	       !parse_u64(text, 10, &id) && id == cpu->hw_id;
}

static void send_startup(const struct cpu *cpu)
{
	if (!plays_dead(cpu))
		apic_send_startup(cpu->hw_id, low_page >> PAGE_SHIFT);
}

static bool cpu_start(struct cpu *cpu)
{
	bool up;

	prepare_page(cpu);
	apic_send_init(cpu->hw_id);
	sleep_ms(1);
	send_startup(cpu);
	up = wait_online(cpu, SECOND_SIPI_NS);
	if (!up) {
		send_startup(cpu);
		up = wait_online(cpu, START_WAIT_NS);
	}
	if (!up)
		apic_send_init(cpu->hw_id);
	return up;
}

/* All that a CPU needs before its first instruction. What is left of a failure here is small and stays. */
static struct cpu *smp_create_cpu(u32 id, u32 apic_id)
{
	struct cpu *cpu = cpu_create(id, apic_id);

	if (!cpu || !page_cpu_init(cpu) || !heap_cpu_init(cpu) || !irq_cpu_create(cpu) ||
	    !time_cpu_create(cpu) || sched_cpu_create(cpu) || !rcu_cpu_create(cpu))
		return NULL;
	return cpu;
}

static u32 wanted_cpus(void)
{
	char text[8];
	u64 n = CPU_MAX;

	if (option_is_set(&opt_nosmp))
		return 1;
	if (option_value(&opt_maxcpus, text, sizeof(text)) >= 0 && parse_u64(text, 10, &n))
		pr_warn("smp: maxcpus=%s is not a number: ignored\n", text);
	return MAX(MIN(n, (u64)CPU_MAX), 1ull);
}

/* A machine that runs programs on few processors is worth more than one that can't start any. */
static bool memory_to_spare(void)
{
	struct mem_info m;

	mem_info_get(&m);
	return m.free > MIN(m.total / 4, KEPT_PAGES) + HOLDS_PAGES * cpu_count;
}

/* @return false: no use in trying further */
static bool add_cpu(u32 apic_id)
{
	u32 id = cpu_count;
	struct cpu *cpu;

	if (!apic_can_reach(apic_id, apic_x2)) {
		pr_warn("smp: the processor with APIC id %u can be reached only by x2APIC, which is off: not used\n",
			apic_id);
		return true;
	}
	cpu = NULL;
	if (memory_to_spare())
		cpu = smp_create_cpu(id, apic_id);
	if (!cpu) {
		pr_warn("smp: not enough memory for more than %u processors\n", id);
		return false;
	}
	cpus[id] = cpu;
	smp_store_release(&cpu_count, id + 1);
	if (!cpu_start(cpu)) {
		pr_warn("smp: the processor with APIC id %u did not start: not used\n", apic_id);
		/* Its number and structure stay unused: the processor may still start. */
		cpus[id] = NULL;
		return true;
	}
	rcu_cpu_start(cpu);
	return true;
}

static u32 online_cpus(void)
{
	u32 count = 0;

	for (u32 i = 0; i < cpu_count; i++)
		count += cpus[i] && cpus[i]->online;
	return count;
}

void smp_start_cpus(void)
{
	const struct acpi_info *info = &acpi_info;
	u32 wanted = wanted_cpus(), left_out = info->nr_cpus_left_out;

	panic_hooks.stop_other_cpus = ipi_stop_others;
	if (!low_page && info->nr_cpus > 1 && wanted > 1)
		pr_warn("smp: no free page below %x for the start code of processors: only one is used\n",
			LOW_LIMIT);
	if (low_page && apic_present && wanted > 1 && make_start_tables()) {
		for (u32 i = 0; i < info->nr_cpus; i++) {
			if (info->cpus[i].hw_id == cpus[0]->hw_id)
				continue;
			if (cpu_count >= wanted)
				left_out++;
			else if (!add_cpu(info->cpus[i].hw_id))
				break;
		}
		if (online_cpus() > 1)
			pr_info("smp: %u processors\n", online_cpus());
		if (left_out)
			pr_warn("smp: %u processors are not used: the limit is %u\n", left_out,
				wanted);
	}
	free_start_tables();
	if (low_page)
		page_boot_free(low_page, low_page + PAGE_SIZE);
	low_page = 0;
}

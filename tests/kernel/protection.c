/* SPDX-License-Identifier: MIT */
/*
 * What the machine is told to forbid: control registers of each CPU, and every entry
 * of the kernel's own page tables.
 */
#include <asm/control.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/driver_area.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <asm/msr.h>
#include <asm/pgtable.h>
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#define FLAG_AC	     (1ul << 18)
#define FLAG_DF	     (1ul << 10)
#define FLAGS_MASKED (0x7700 | FLAG_AC)

struct table {
	u16 limit;
	u64 base;
} __packed;

/* The stacks that the CPU itself changes to lie where cpu_stacks() says: with guard pages (memory.c). */
static void look_at_stacks(struct ktest_context *test)
{
	static const u8 vectors[] = { 8, 2, 18, 1 }; /* double fault, NMI, machine check, debug */
	struct cpu_stack stacks[8];
	struct table idt, gdt;
	u32 count = cpu_stacks(this_cpu(), stacks, ARRAY_SIZE(stacks));
	const u64 *d;
	u64 tss;
	u16 tr;

	__asm__ volatile("sidt %0; sgdt %1; str %2" : "=m"(idt), "=m"(gdt), "=r"(tr));
	d = (const u64 *)(gdt.base + tr);
	tss = (d[0] >> 16 & 0xffffff) | (d[0] >> 56) << 24 | d[1] << 32;
	for (u32 i = 0; i < ARRAY_SIZE(vectors); i++) {
		u32 ist = ((const u8 *)idt.base)[16 * vectors[i] + 4] & 7;

		/* the first of the stacks is that of interrupts */
		if (KEXPECT(ist == i + 1 && i + 1 < count))
			KEXPECT_EQ(*(const u64 *)(tss + 36 + 8 * i),
				   stacks[i + 1].low + stacks[i + 1].size);
	}
	/* these may be nested in each other, and may sleep */
	KEXPECT_EQ(((const u8 *)idt.base)[16 * 13 + 4] & 7, 0);
	KEXPECT_EQ(((const u8 *)idt.base)[16 * 14 + 4] & 7, 0);
}

/* On the CPU in question. CPUID is asked anew: what the kernel made of it is under test, too. */
static void look_at_registers(void *arg)
{
	struct ktest_context *test = arg;
	u64 cr0, cr4, flags;
	u32 one[4], seven[4] = { 0 }, extended[4], max[4];

	__asm__ volatile("mov %%cr0, %0; mov %%cr4, %1; pushfq; pop %2"
			 : "=r"(cr0), "=r"(cr4), "=r"(flags));
	cpuid(0, 0, max);
	cpuid(1, 0, one);
	if (max[0] >= 7)
		cpuid(7, 0, seven);
	cpuid(0x80000001, 0, extended);
	KEXPECT(cr0 & CR0_WP);
	KEXPECT(!(flags & FLAG_AC));
	KEXPECT_EQ(!!(cr4 & CR4_MCE), one[3] >> 7 & 1);
	KEXPECT_EQ(!!(cr4 & CR4_PGE), one[3] >> 13 & 1);
	KEXPECT_EQ(!!(cr4 & CR4_SMEP), seven[1] >> 7 & 1);
	KEXPECT_EQ(!!(cr4 & CR4_SMAP), seven[1] >> 20 & 1);
	KEXPECT_EQ(!!(cr4 & CR4_UMIP), seven[2] >> 2 & 1);
	KEXPECT_EQ(!!(rdmsr(MSR_EFER) & EFER_NXE), extended[3] >> 20 & 1);
	/* of a program's flags none reaches a system call that would matter: TF, IF, DF, IOPL, NT, AC */
	KEXPECT_EQ(rdmsr(MSR_FMASK) & FLAGS_MASKED, FLAGS_MASKED);
	if (one[3] >> 16 & 1)
		KEXPECT_EQ(rdmsr(MSR_PAT) >> 32 & 7, 1); /* what KCACHE_WC asks for */
	look_at_stacks(test);
}

KTEST(protection, each_cpu_forbids_what_it_can)
{
	for (u32 i = 0; i < cpu_count; i++) {
		struct cpumask only = { 0 };
		struct thread *look;

		if (!cpus[i] || !cpus[i]->online)
			continue;
		look = thread_create(look_at_registers, test, "look");
		if (!KEXPECT(!IS_ERR(look)))
			return;
		cpumask_set(&only, i);
		KEXPECT_EQ(thread_set_affinity(look, &only), 0);
		thread_start(look);
		thread_stop(look);
	}
}

static volatile u32 interrupted;
static u64 flags_inside;

static void note_flags(struct timer *timer)
{
	__asm__ volatile("pushfq; pop %0" : "=r"(flags_inside));
	interrupted = 1;
}

/* What is interrupted may have set them: a program with POPF, the kernel while it copies. */
KTEST(protection, an_interrupt_begins_with_flags_of_its_own)
{
	u64 set = FLAG_DF | (cpu_features.smap ? FLAG_AC : 0), before;
	struct timer timer;

	interrupted = 0;
	timer_init(&timer, note_flags);
	preempt_disable();
	timer_start(&timer, time_monotonic_ns() + NSEC_PER_MSEC);
	__asm__ volatile("pushfq; pop %0; mov %0, %%rax; or %2, %%rax; push %%rax; popfq\n"
			 "1:	pause; cmpl $0, %1; je 1b\n\t"
			 "push %0; popfq"
			 : "=&r"(before)
			 : "m"(interrupted), "r"(set)
			 : "rax", "cc", "memory");
	preempt_enable();
	KEXPECT(!(flags_inside & (FLAG_AC | FLAG_DF)));
}

extern const u8 _image_start[], _rodata[], _data[];

struct seen {
	u32 writable_code, other_code, user, writable_text, local, level[5];
};

static void look_at_leaf(struct seen *seen, u64 va, pte_t entry, u32 level)
{
	phys_t at = entry & PTE_ADDR & ~((PAGE_SIZE << 9 * (level - 1)) - 1);
	phys_t text = (u64)_image_start - KERNEL_VMA, end = (u64)_data - KERNEL_VMA;

	seen->writable_code += (entry & PTE_W) && pte_nx_mask && !(entry & PTE_NX);
	/* the kernel's text and the drivers', and that under their own addresses alone */
	if (pte_nx_mask && !(entry & PTE_NX))
		seen->other_code += !(va >= (u64)_image_start && va < (u64)_rodata) &&
				    !(va >= DRIVER_BASE && va < DRIVER_END);
	seen->user += !!(entry & PTE_U);
	/* under whatever address: the image is also in the map of all memory */
	seen->writable_text += (entry & PTE_W) && at < end &&
			       at + (PAGE_SIZE << 9 * (level - 1)) > text;
	/* fast pages are the one thing that a CPU may forget alone */
	seen->local += pte_global_mask && !(entry & PTE_G) && va < FASTPAGE_BASE;
	seen->level[level]++;
}

static void look_at_table(struct seen *seen, phys_t table, u32 level, u64 va)
{
	const pte_t *entries = phys_to_virt(table);

	for (u32 i = level == 4 ? 256 : 0; i < PTRS_PER_TABLE; i++) {
		u64 offset = va | (u64)i << (12 + 9 * (level - 1));
		pte_t entry = READ_ONCE(entries[i]);

		if (level == 4)
			offset |= 0xffff000000000000;
		if (!(entry & PTE_P))
			continue;
		if (level == 1 || (level < 4 && (entry & PTE_PS)))
			look_at_leaf(seen, offset, entry, level);
		else
			look_at_table(seen, entry & PTE_ADDR, level - 1, offset);
	}
}

KTEST(protection, nothing_of_the_kernel_is_writable_code_or_the_users)
{
	const pte_t *root = phys_to_virt(kernel_root);
	struct seen seen = { 0 };
	u32 low = 0, extended[4];
	struct mem_info memory;

	look_at_table(&seen, kernel_root, 4, 0);
	for (u32 i = 0; i < 256; i++)
		low += !!root[i];
	KEXPECT_EQ(low, 0); /* the mapping from the start is gone */
	KEXPECT_EQ(seen.writable_code, 0);
	KEXPECT_EQ(seen.other_code, 0);
	KEXPECT_EQ(seen.writable_text, 0);
	KEXPECT_EQ(seen.user, 0);
	KEXPECT_EQ(seen.local, 0);
	KEXPECT(seen.level[1] > 100 && seen.level[2] > 4);
	/* 1 GiB at once where CPUID has that, and a whole one is there */
	cpuid(0x80000001, 0, extended);
	mem_info_get(&memory);
	if (!(extended[3] >> 26 & 1))
		KEXPECT_EQ(seen.level[3], 0);
	else if (memory.total > 3u << 18)
		KEXPECT(seen.level[3] > 0);
}

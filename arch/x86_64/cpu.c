/* SPDX-License-Identifier: MIT */
/*
 * One processor: features, descriptor tables, system-call entry, FPU.
 *
 * Each CPU has its own GDT (for its TSS) and TSS (kernel stack and IST stacks);
 * the IDT is shared. IST stacks: 1 double fault, 2 NMI, 3 machine check,
 * 4 debug. Intel SDM vol. 3, 3.5, 6.14, 7.7; AMD APM vol. 2, 6.1 (SYSCALL).
 */
#include <asm/control.h>
#include <asm/cpu.h>
#include <asm/cpuid.h>
#include <asm/io.h>
#include <asm/layout.h>
#include <asm/msr.h>
#include <asm/pgtable.h>
#include <asm/string.h>
#include <asm/traps.h>
#include <asm/wall.h>
#include <kernel/printk.h>
#include <kernel/spinlock.h>
#include <kernel/string.h>
#include "cpu_tables.h"

#define HWCAP_SEP (1u << 11)
/* At a system call: arithmetic flags, TF, IF, DF, IOPL, NT, RF, AC, ID. As Linux. */
#define SYSCALL_FLAGS_CLEARED 0x257fd5
#define PAT_ENTRIES	      0x0007040100070406 /* entry 4: write-combining; the rest as after reset */
#define XCR0_WANTED	      0xe7ull		 /* x87, SSE, AVX, AVX-512 (three parts) */

struct idt_entry {
	u16 off0, sel;
	u8 ist, type;
	u16 off1;
	u32 off2, reserved;
};

struct cpu boot_cpu; /* boot/head.S sets self and online */
struct cpu *cpus[CPU_MAX];
u32 cpu_count = 1;
struct cpu_features cpu_features;
const void *fpu_initial;
u64 pte_nx_mask, pte_global_mask, pte_combining_bits;

static struct cpu_tables boot_tables __wall_data;
static u8 boot_ist[IST_STACKS][4096] __aligned(16);
static struct idt_entry idt[VECTORS] __aligned(16) __wall_data;
static u8 fpu_initial_area[4096] __aligned(64);
extern u8 trap_stubs[], pf_entry[], syscall_entry[], syscall_compat_entry[];
extern const u32 __smap_sites_start[], __smap_sites_end[], __rep_sites_start[], __rep_sites_end[];

static void detect_names(struct cpu_features *features)
{
	u32 regs[4];

	cpuid(CPUID_VENDOR, 0, regs);
	memcpy(features->vendor, &regs[1], 4);
	memcpy(features->vendor + 4, &regs[3], 4);
	memcpy(features->vendor + 8, &regs[2], 4);
	cpuid(CPUID_EXT_MAX, 0, regs);
	if (regs[0] >= CPUID_BRAND + 2)
		for (u32 i = 0; i < 3; i++) {
			cpuid(CPUID_BRAND + i, 0, regs);
			memcpy(features->brand + 16 * i, regs, 16);
		}
}

/* @param signature  EAX of CPUID_BASIC */
static void detect_model(struct cpu_features *features, u32 signature)
{
	features->stepping = CPUID_STEPPING(signature);
	features->model = CPUID_EXT_MODEL(signature) << 4 | CPUID_BASE_MODEL(signature);
	features->family = CPUID_BASE_FAMILY(signature);
	if (features->family == CPUID_FAMILY_EXTENDED)
		features->family += CPUID_EXT_FAMILY(signature);
}

static void cpu_detect_features(struct cpu_features *features)
{
	u32 regs[4], max, xmax;

	detect_names(features);
	cpuid(CPUID_VENDOR, 0, regs);
	max = regs[0];
	cpuid(CPUID_BASIC, 0, regs);
	detect_model(features, regs[0]);
	features->hwcap = regs[3];
	features->mce = regs[3] & CPUID_MCE;
	features->pge = regs[3] & CPUID_PGE;
	features->mca = regs[3] & CPUID_MCA;
	features->pat = regs[3] & CPUID_PAT;
	features->pcid = regs[2] & CPUID_PCID;
	features->x2apic = regs[2] & CPUID_X2APIC;
	features->tsc_deadline = regs[2] & CPUID_TSC_DEADLINE;
	features->xsave = regs[2] & CPUID_HAS_XSAVE;
	features->rdrand = regs[2] & CPUID_RDRAND;
	features->hypervisor = regs[2] & CPUID_HYPERVISOR;
	if (max >= CPUID_STRUCTURE) {
		cpuid(CPUID_STRUCTURE, 0, regs);
		features->smep = regs[1] & CPUID_SMEP;
		features->rdseed = regs[1] & CPUID_RDSEED;
		features->smap = regs[1] & CPUID_SMAP;
		features->umip = regs[2] & CPUID_UMIP;
		features->erms = regs[1] & CPUID_ERMS;
		features->fsrm = regs[3] & CPUID_FSRM;
	}
	features->phys_bits = 36;
	cpuid(CPUID_EXT_MAX, 0, regs);
	xmax = regs[0];
	cpuid(CPUID_EXT, 0, regs);
	features->syscall = regs[3] & CPUID_SYSCALL;
	features->nx = regs[3] & CPUID_NX;
	features->gbpages = regs[3] & CPUID_GBPAGES;
	features->rdtscp = regs[3] & CPUID_RDTSCP;
	if (xmax >= CPUID_EXT_POWER) {
		cpuid(CPUID_EXT_POWER, 0, regs);
		features->invariant_tsc = regs[3] & CPUID_INVARIANT_TSC;
	}
	if (xmax >= CPUID_EXT_SIZES) {
		cpuid(CPUID_EXT_SIZES, 0, regs);
		features->phys_bits = regs[0] & 255;
	}
	features->xsave_size = 512;
	if (features->xsave && max >= CPUID_XSAVE) {
		cpuid(CPUID_XSAVE, 0, regs);
		features->xcr0 = ((u64)regs[3] << 32 | regs[0]) & XCR0_WANTED;
		if ((features->xcr0 & 0xe0) != 0xe0)
			features->xcr0 &= 7;
	} else {
		features->xsave = false;
	}
}

/* Put STAC and CLAC where the code left room; before the image becomes read-only. */
static void patch_smap_sites(void)
{
	for (const u32 *s = __smap_sites_start; s < __smap_sites_end; s++) {
		u8 *at = (u8 *)(KERNEL_VMA + (*s & 0x7fffffff));

		at[0] = 0x0f;
		at[1] = 0x01;
		if (*s & 0x80000000)
			at[2] = 0xcb;
		else
			at[2] = 0xca;
	}
}

/* Let runs of words be run as bytes, as asm/string.h says; likewise. */
static void patch_rep_sites(void)
{
	static const u8 bytes[] = {
		0x48, 0xc1, 0xe1, 0x03, 0xf3, 0xa4
	}; /* shl $3, %rcx; rep movsb */
	const u32 kinds = REP_SITE_STORE | REP_SITE_SHORT;

	for (const u32 *s = __rep_sites_start; s < __rep_sites_end; s++) {
		u8 *at = (u8 *)(KERNEL_VMA + (*s & ~kinds));

		if (*s & REP_SITE_SHORT) {
			if (cpu_features.fsrm && at[0] == 0x77) /* JA */
				at[0] = 0xeb;			/* JMP */
			continue;
		}
		for (u32 i = 0; i < sizeof(bytes); i++)
			at[i] = bytes[i];
		if (*s & REP_SITE_STORE)
			at[5] = 0xaa; /* rep stosb */
	}
}

#define GATE_INTERRUPT 0x8e /* present; interrupts off */
#define GATE_DPL_SHIFT 5
#define DPL_KERNEL     0 /* programs may not raise it by INT */
#define DPL_USER       3
enum { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK, IST_DEBUG };
#define TRAP_STUB(vector) (trap_stubs + 16 * (vector)) /* entry.S */

static void idt_set(u32 count, const void *fn, u8 ist, u8 dpl)
{
	u64 a = (u64)fn;

	idt[count] =
		(struct idt_entry){ a,	     KERNEL_CS, ist, GATE_INTERRUPT | dpl << GATE_DPL_SHIFT,
				    a >> 16, a >> 32,	0 };
}

static void idt_init(void)
{
	for (u32 i = 0; i < VECTORS; i++)
		idt_set(i, TRAP_STUB(i), IST_WALL, DPL_KERNEL);
	idt_set(VECTOR_PAGE_FAULT, pf_entry, IST_WALL, DPL_KERNEL);
	idt_set(VECTOR_BREAKPOINT, TRAP_STUB(VECTOR_BREAKPOINT), IST_WALL, DPL_USER);
	idt_set(VECTOR_OVERFLOW, TRAP_STUB(VECTOR_OVERFLOW), IST_WALL, DPL_USER);
	idt_set(VECTOR_DOUBLE_FAULT, TRAP_STUB(VECTOR_DOUBLE_FAULT), IST_DOUBLE_FAULT, DPL_KERNEL);
	idt_set(VECTOR_NMI, TRAP_STUB(VECTOR_NMI), IST_NMI, DPL_KERNEL);
	idt_set(VECTOR_MACHINE_CHECK, TRAP_STUB(VECTOR_MACHINE_CHECK), IST_MACHINE_CHECK,
		DPL_KERNEL);
	idt_set(VECTOR_DEBUG, TRAP_STUB(VECTOR_DEBUG), IST_DEBUG, DPL_KERNEL);
}

/* All of the address space; code is of 64 bits. Intel SDM vol. 3, 3.4.5. */
#define SEGMENT_KERNEL_CODE 0x00af9b000000ffff
#define SEGMENT_KERNEL_DATA 0x00cf93000000ffff
#define SEGMENT_USER_DATA   0x00cff3000000ffff
#define SEGMENT_USER_CODE   0x00affb000000ffff
#define SEGMENT_TSS	    (0x89ull << 40) /* present, an available TSS of 64 bits */

void cpu_tables_fill(struct cpu_tables *tables)
{
	u64 base = (u64)&tables->tss;

	tables->gdt[GDT_KERNEL_CODE] = SEGMENT_KERNEL_CODE;
	tables->gdt[GDT_KERNEL_DATA] = SEGMENT_KERNEL_DATA;
	tables->gdt[GDT_USER_DATA] = SEGMENT_USER_DATA;
	tables->gdt[GDT_USER_CODE] = SEGMENT_USER_CODE;
	tables->gdt[GDT_TSS] = (sizeof(tables->tss) - 1) | (base & 0xffffff) << 16 | SEGMENT_TSS |
			       (base >> 24 & 0xff) << 56;
	tables->gdt[GDT_TSS + 1] = base >> 32;
	tables->tss.iomap = sizeof(tables->tss);
}

static void tables_load(struct cpu_tables *tables)
{
	struct {
		u16 limit;
		u64 base;
	} __packed d = { sizeof(tables->gdt) - 1, (u64)tables->gdt };

	__asm__ volatile(
		"lgdt %0\n\tpushq $8\n\tleaq 1f(%%rip), %%rax\n\tpushq %%rax\n\tlretq\n1:" ::"m"(d)
		: "rax", "memory");
	__asm__ volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es" ::"r"(KERNEL_DS));
	__asm__ volatile("ltr %w0" ::"r"(8 * GDT_TSS));
	/* After a reset the LDT is the first 64 KiB of address space, which are a user's: there shall be none. */
	__asm__ volatile("lldt %w0" ::"r"(0));
	d.limit = sizeof(idt) - 1;
	d.base = (u64)idt;
	__asm__ volatile("lidt %0" ::"m"(d));
}

/* Control registers and MSRs, the same on each CPU. */
static void cpu_enable_features(void)
{
	const struct cpu_features *features = &cpu_features;
	u64 cr4 = CR4_PAE | CR4_PSE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (features->pge)
		cr4 |= CR4_PGE;
	if (features->umip)
		cr4 |= CR4_UMIP;
	if (features->smep)
		cr4 |= CR4_SMEP;
	if (features->smap)
		cr4 |= CR4_SMAP;
	if (features->xsave)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	if (pcid_enabled)
		pcid_cpu_enable();
	if (features->xsave)
		__asm__ volatile("xsetbv" ::"c"(0), "a"((u32)features->xcr0),
				 "d"((u32)(features->xcr0 >> 32)));
	if (features->pat)
		wrmsr(MSR_PAT, PAT_ENTRIES);
	mce_cpu_start();
	wrmsr(MSR_STAR, (u64)USER_SYSRET_BASE << 48 | (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_CSTAR, (u64)syscall_compat_entry);
	wrmsr(MSR_FMASK, SYSCALL_FLAGS_CLEARED);
	if (features->hwcap & HWCAP_SEP) { /* no selector: SYSENTER is a protection fault */
		wrmsr(MSR_SYSENTER_CS, 0);
		wrmsr(MSR_SYSENTER_ESP, 0);
		wrmsr(MSR_SYSENTER_EIP, 0);
	}
	wrmsr(MSR_KERNEL_GS, 0);
	if (features->rdtscp) /* RDTSCP returns it to programs: the vDSO's getcpu() */
		wrmsr(MSR_TSC_AUX, this_cpu()->id);
}

#define FPU_CONTROL_INITIAL 0x37f /* all exceptions masked, extended precision */
#define FPU_MXCSR_OFFSET    24
#define MXCSR_INITIAL	    0x1f80 /* all exceptions masked */

static void fpu_init(void)
{
	struct cpu_features *features = &cpu_features;
	u32 regs[4];

	if (features->xsave) {
		cpuid(CPUID_XSAVE, 0, regs);
		features->xsave_size = regs[1];
		if (features->xsave_size > sizeof(fpu_initial_area))
			panic("the FPU state of this processor needs %u bytes, the kernel reserves %zu",
			      features->xsave_size, sizeof(fpu_initial_area));
	}
	*(u16 *)fpu_initial_area = FPU_CONTROL_INITIAL;
	*(u32 *)(fpu_initial_area + FPU_MXCSR_OFFSET) = MXCSR_INITIAL;
	fpu_initial = fpu_initial_area;
}

void cpu_init_boot(void)
{
	struct cpu *cpu = &boot_cpu;

	cpus[0] = cpu;
	cpu->arch = &boot_tables;
	cpu_tables_fill(&boot_tables);
	for (u32 i = 0; i < IST_STACKS; i++)
		boot_tables.tss.ist[i] = (u64)(boot_ist[i] + sizeof(boot_ist[i]));
	cpu_set_wall_stack(cpu);
	idt_init();
	tables_load(&boot_tables);
	wrmsr(MSR_GS_BASE, (u64)cpu); /* loading GS's selector may have cleared it */
	cpu_detect_features(&cpu_features);
	spin_in_turns = !cpu_features.hypervisor;
	if (IS_ENABLED(
		    CONFIG_GATE_WALL)) /* what is global stays when a driver's tables are loaded */
		cpu_features.pge = false;
	if (cpu_features.nx)
		pte_nx_mask = PTE_NX;
	else
		pte_nx_mask = 0;
	if (cpu_features.pge)
		pte_global_mask = PTE_G;
	else
		pte_global_mask = 0;
	if (cpu_features.pat)
		pte_combining_bits = PTE_PAT;
	else
		pte_combining_bits = pte_uncached_bits();
	if (IS_ENABLED(CONFIG_X86_PCID))
		pcid_choose(&cpu_features);
	if (cpu_features.smap)
		patch_smap_sites();
	if (cpu_features.erms)
		patch_rep_sites();
	cpu_enable_features();
	fpu_init();
}

void cpu_show_copies(void)
{
	const char *form = "quadwords";

	if (cpu_features.erms && cpu_features.fsrm)
		form = "bytes (ERMS), short ones too (FSRM)";
	else if (cpu_features.erms)
		form = "bytes (ERMS)";
	pr_info("cpu: memory is copied and cleared by %s\n", form);
}

const char *cpu_stack_overflowed(u64 addr, u64 *low)
{
	static const char *const names[] = { "double fault", "non-maskable interrupt",
					     "machine check", "debug" };
	const struct cpu *cpu = this_cpu();
	const struct cpu_tables *tables = cpu->arch;

	*low = ALIGN_UP(this_cpu()->kstack_top, PAGE_SIZE) - KERNEL_STACK_SIZE;
	if (addr >= *low - PAGE_SIZE && addr < *low)
		return "thread";
	*low = cpu->irq_stack_top - IRQ_STACK_SIZE;
	if (addr >= *low - PAGE_SIZE && addr < *low)
		return "interrupt";
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		*low = (u64)tables->ist_stacks[i];
		if (addr >= *low - PAGE_SIZE && addr < *low)
			return names[i];
	}
	return NULL;
}

bool cpu_on_irq_stack(u64 addr)
{
	u64 top = this_cpu()->irq_stack_top;

	return addr < top && addr >= top - IRQ_STACK_SIZE;
}

void cpu_init_secondary(struct cpu *cpu)
{
	tables_load(cpu->arch);
	wrmsr(MSR_GS_BASE, (u64)cpu);
	cpu_enable_features();
}

void cpu_leave_stack(u64 top, void (*fn)(void))
{
	__asm__ volatile(
		"mov %0, %%rsp; xor %%ebp, %%ebp; push $0; push $0; mov %%rsp, %%rbp; call *%1; ud2" ::
			"r"(top),
		"r"(fn)
		: "memory");
	__builtin_unreachable();
}

void cpu_set_kernel_stack(u64 top)
{
	struct cpu *cpu = this_cpu();

	cpu->kstack_top = top;
	((struct cpu_tables *)cpu->arch)->tss.rsp[0] = top;
}

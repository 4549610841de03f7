/* SPDX-License-Identifier: MIT */
/** @file cpu.h  What this processor can do, and its tables. */
#pragma once
#include <asm/io.h>
#include <asm/msr.h>
#include <asm/ptrace.h>
#include <kernel/cpu.h>

/** Features found by cpu_init_boot(); the same on all CPUs (the boot CPU's). */
struct cpu_features {
	bool syscall, nx, pge, pat, smep, smap, umip, gbpages, xsave, rdtscp, mce, mca,
		invariant_tsc, x2apic, tsc_deadline, pcid, rdrand, rdseed, hypervisor, erms, fsrm;
	u32 xsave_size; /* bytes of the FPU area */
	u64 xcr0;
	char vendor[13], brand[49];
	u32 family, model, stepping, phys_bits, hwcap;
};
extern struct cpu_features cpu_features;
/** The first physical address that the processor cannot put out. */
static inline u64 cpu_phys_end(void)
{
	return 1ull << cpu_features.phys_bits;
}

/** The boot CPU, before the console. Statically there. */
extern struct cpu boot_cpu;
void cpu_init_boot(void);   /* features, tables, system-call entry; memory not needed */
void cpu_show_copies(void); /* one line of the log: which form of copies was chosen */
int __must_check
cpu_init_boot_stacks(void); /* interrupt and IST stacks with guard pages; needs kernel ranges */
/** Does @p addr lie on this CPU's interrupt stack? */
bool cpu_on_irq_stack(u64 addr);
/** Which of this CPU's stacks has @p addr in the guard page below it? @param low  that stack's lowest address @return NULL: none */
const char *cpu_stack_overflowed(u64 addr, u64 *low);
/** The stacks that belong to a CPU: for interrupts, those of the IST, the idle thread's. @return how many */
struct cpu_stack {
	u64 low, size;
};
u32 cpu_stacks(const struct cpu *cpu, struct cpu_stack *out, u32 max);
/** Call @p fn on the stack that ends at @p top; it does not return. */
void cpu_leave_stack(u64 top, void (*fn)(void)) __noreturn;
/** struct cpu, GDT/TSS, interrupt and IST stacks of one more CPU; not online yet. @return NULL: no memory */
struct cpu *cpu_create(u32 id, u32 apic_id);
/** On the new CPU itself, GS base set: load tables, MSRs. */
void cpu_init_secondary(struct cpu *cpu);
void cpu_set_kernel_stack(u64 top);
/** Make @p bases those of user mode on this CPU. Preemption off. */
static inline void cpu_load_user_bases(const struct user_bases *bases)
{
	wrmsr(MSR_FS_BASE, bases->fs);
	wrmsr(MSR_KERNEL_GS, bases->gs);
}

/* Switching between threads (switch.S, entry.S). */
extern u8 boot_stack_top[];
/** Continue as @p next where it was switched out. @return the thread that ran before, on the stack of @p next */
struct thread *switch_stacks(struct thread *prev, struct thread *next);
#define SWITCH_REGISTERS 6 /* that switch_stacks() pops before it returns */
/** Prepare the stack that ends at @p top to continue at @p start, where it is 16-aligned. @return the value for struct thread's ksp */
static inline u64 switch_frame_make(u64 top, void (*start)(void))
{
	u64 *frame = (u64 *)top;

	*--frame = (u64)start;
	for (u32 i = 0; i < SWITCH_REGISTERS; i++)
		*--frame = 0;
	return (u64)frame;
}
/* Where new threads start: of a program, of the kernel. */
void ret_from_fork_asm(void);
void kthread_start_asm(void);

/* FPU state: kernel/thread.c decides when */
/** Bytes of it. */
static inline u32 fpu_state_size(void)
{
	return cpu_features.xsave_size;
}
/** What programs find as AT_HWCAP. */
static inline u64 cpu_hwcap(void)
{
	return cpu_features.hwcap;
}
/** The processor's name, for people. */
static inline const char *cpu_model_name(void)
{
	return cpu_features.brand;
}
static inline void fpu_save(void *area)
{
	if (cpu_features.xsave)
		__asm__ volatile("xsave64 %0" : "+m"(*(u8(*)[4096])area) : "a"(-1), "d"(-1));
	else
		__asm__ volatile("fxsave64 %0" : "=m"(*(u8(*)[512])area));
}
static inline void fpu_restore(const void *area)
{
	if (cpu_features.xsave)
		__asm__ volatile("xrstor64 %0" ::"m"(*(const u8(*)[4096])area), "a"(-1), "d"(-1));
	else
		__asm__ volatile("fxrstor64 %0" ::"m"(*(const u8(*)[512])area));
}
/**
 * From the registers to user memory and back, in the standard format (fpu_user.S): the components of
 * @p features. Thread context; the range has been checked, 64-aligned (fx: 16). @return 0 or -EFAULT;
 * after a failed restore call thread_fpu_reset().
 */
int __must_check fpu_restore_user(u64 from, u64 features);
int __must_check fpu_save_user_fx(u64 to, u64 unused);
int __must_check fpu_restore_user_fx(u64 from, u64 unused);
struct user_fpx_sw;
/* As above, with the words that describe the contents. Restoring: 1, nothing done, if the frame has others. */
int __must_check fpu_save_frame(u64 to, const struct user_fpx_sw *words);
int __must_check fpu_restore_frame(u64 from, const struct user_fpx_sw *words);
/** The state of a fresh program, as an image of cpu_features.xsave_size bytes. */
extern const void *fpu_initial;

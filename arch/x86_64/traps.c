/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts: from entry.S to the code that handles them.
 *
 * A fault of user code goes up as a signal; a fault of kernel code on a user
 * address inside uaccess.S is resolved or ends at the site's fix-up; any other
 * fault of kernel code is a panic. Intel SDM vol. 3, 6.15.
 *
 * The frame's orig_rax holds the exception's error code on the way in. It is
 * forgotten before the fault goes up: a value from 0 on would mean a system call,
 * which a signal on the way out might set about restarting.
 */
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <asm/probe.h>
#include <asm/traps.h>
#include <asm/wall.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/upcalls.h>
#include <uapi/signal.h>

void call_on_stack(u32 vector, struct pt_regs *regs, u64 top); /* entry.S */
extern const s32 __ex_table_start[], __ex_table_any_start[], __ex_table_end[];

/* clang-format off */
static const char *const exception_names[VECTOR_EXCEPTIONS] = {
	[VECTOR_DIVIDE_ERROR]	= "divide error",
	[VECTOR_DEBUG]		= "debug",
	[VECTOR_NMI]		= "non-maskable interrupt",
	[VECTOR_BREAKPOINT]	= "breakpoint",
	[VECTOR_OVERFLOW]	= "overflow",
	[VECTOR_BOUND]		= "bound range exceeded",
	[VECTOR_INVALID_OPCODE]	= "invalid opcode",
	[VECTOR_NO_FPU]		= "device not available",
	[VECTOR_DOUBLE_FAULT]	= "double fault",
	[VECTOR_FPU_OVERRUN]	= "coprocessor segment overrun",
	[VECTOR_INVALID_TSS]	= "invalid TSS",
	[VECTOR_NO_SEGMENT]	= "segment not present",
	[VECTOR_STACK_FAULT]	= "stack fault",
	[VECTOR_PROTECTION]	= "general protection fault",
	[VECTOR_PAGE_FAULT]	= "page fault",
	[15]			= "reserved",
	[VECTOR_FPU_ERROR]	= "x87 floating-point error",
	[VECTOR_ALIGNMENT]	= "alignment check",
	[VECTOR_MACHINE_CHECK]	= "machine check",
	[VECTOR_SIMD_ERROR]	= "SIMD floating-point error",
	[VECTOR_VIRTUALIZATION]	= "virtualization error",
	[VECTOR_CONTROL]	= "control protection fault",
};
/* clang-format on */

static u64 read_cr2(void)
{
	u64 addr;

	__asm__ volatile("mov %%cr2, %0" : "=r"(addr));
	return addr;
}

/* Does an instruction of the table from @entry on expect this fault? Then continue at its fix-up. */
static bool trap_fixup_from(const s32 *entry, struct pt_regs *regs)
{
	u32 ip = regs->rip - KERNEL_VMA;

	for (; entry < __ex_table_end; entry += 2)
		if ((u32)entry[0] == ip) {
			regs->rip = KERNEL_VMA + (u32)entry[1];
			return true;
		}
	return false;
}

/* The same for one of uaccess.S, or of probe.h. */
static bool trap_fixup(struct pt_regs *regs)
{
	return trap_fixup_from(__ex_table_start, regs);
}

/* Does not return for a driver's fault. @p code: the instruction, or the caller of an address without code. */
static void __cold fault_in_driver(const struct pt_regs *regs, u64 code, const char *cause)
{
	upcall_kernel_fault(&(struct kernel_fault){
		.code = code,
		.sp = regs->rsp,
		.interrupts_on = regs->rflags & X86_EFLAGS_IF,
		.cause = cause,
		.walled = regs_from_driver(regs),
	});
}

static void __noreturn __cold kernel_fault(struct pt_regs *regs, u32 vector)
{
	const char *name = "unknown trap";

	if (vector < VECTOR_EXCEPTIONS && exception_names[vector])
		name = exception_names[vector];
	if (vector == VECTOR_MACHINE_CHECK)
		mce_panic(regs);
	if (vector == VECTOR_PROTECTION || vector == VECTOR_DIVIDE_ERROR ||
	    vector == VECTOR_INVALID_OPCODE || vector == VECTOR_STACK_FAULT)
		fault_in_driver(regs, regs->rip, name);
	panic_regs(regs, "%s in the kernel, error code %lx", name, regs->orig_rax);
}

/* ---- page faults ---- */

static const char *access_words(u32 error)
{
	if (error & FAULT_CODE_EXEC)
		return "ran";
	if (error & FAULT_CODE_WRITE)
		return "wrote";
	return "read";
}

/* A driver touched what it may not. */
static void __noreturn __cold driver_page_fault(struct pt_regs *regs, u64 addr, u32 error)
{
	char place[120], cause[200];
	u64 code = regs->rip;

	upcall_wall_describe(addr, place, sizeof(place));
	snprintf(cause, sizeof(cause), "%s %lx, %s: %s, behind the wall", access_words(error), addr,
		 error & FAULT_CODE_PRESENT ? "not allowed" : "not its own", place);
	if (error & FAULT_CODE_EXEC)
		code = probe_load((const u64 *)regs->rsp);
	fault_in_driver(regs, code, cause);
	panic_regs(regs, "a driver %s", cause);
}

static void __noreturn __cold kernel_page_fault(struct pt_regs *regs, u64 addr, u32 error)
{
	const char *what = "read", *why = "not mapped";
	u64 code = regs->rip;
	char cause[80];

	if (error & FAULT_CODE_EXEC)
		what = "execute";
	else if (error & FAULT_CODE_WRITE)
		what = "write";
	if (error & FAULT_CODE_PRESENT)
		why = "not allowed";
	if (addr < PAGE_SIZE)
		snprintf(cause, sizeof(cause), "null pointer access: %s at 0x%lx", what, addr);
	else
		snprintf(cause, sizeof(cause), "page fault in the kernel: %s at %lx, %s", what,
			 addr, why);
	/* A call of what is no function has left the address of its caller. */
	if (error & FAULT_CODE_EXEC)
		code = probe_load((const u64 *)regs->rsp);
	fault_in_driver(regs, code, cause);
	panic_regs(regs, "%s", cause);
}

/*
 * Looking up a descriptor is an access of the processor's own, also while a program runs; if that lies
 * in user memory, SMAP refuses it, however often it is tried (QEMU before 9.1: far returns, too).
 */
static bool smap_refuses(const struct pt_regs *regs)
{
	return cpu_features.smap && !(regs->rflags & X86_EFLAGS_AC);
}

static void user_page_fault(struct pt_regs *regs, u64 addr, u32 error)
{
	syscall_forget(regs);
	irq_enable();
	if (unlikely(!(error & FAULT_CODE_USER) && smap_refuses(regs)))
		upcall_user_trap(&(struct user_trap){ .number = VECTOR_PAGE_FAULT,
						      .sig = SIGSEGV,
						      .code = SI_KERNEL,
						      .error = error });
	else
		upcall_user_page_fault(addr, error);
}

void trap_page_fault(struct pt_regs *regs, u32 vector)
{
	u64 addr = read_cr2();
	u32 error = regs->orig_rax;

	if (regs_from_user(regs)) {
		user_page_fault(regs, addr, error);
		return;
	}
	if (regs_from_driver(regs))
		driver_page_fault(regs, addr, error);
	/* The kernel: probe.h may touch any address, only uaccess.S user addresses. */
	if (trap_fixup_from(__ex_table_any_start, regs))
		return;
	if (addr < USER_END && (regs->rflags & X86_EFLAGS_IF) && !CPU_FIELD_READ(preempt_count) &&
	    !in_interrupt()) {
		struct pt_regs probe = *regs;

		if (trap_fixup(&probe)) {
			irq_enable();
			if (upcall_kernel_page_fault(addr, error)) {
				irq_disable();
				return;
			}
			irq_disable();
			regs->rip = probe.rip;
			return;
		}
	}
	if (addr < USER_END && trap_fixup(regs))
		return;
	kernel_page_fault(regs, addr, error);
}

/* ---- other exceptions ---- */

#define CODE_OF_UNIT 0 /* the unit that raised it knows the signal's code */
/* What Linux makes of them; everything else is SIGSEGV. */
static const struct {
	u8 sig, code;
	bool has_address;
} exception_signals[VECTOR_EXCEPTIONS] = {
	[VECTOR_DIVIDE_ERROR] = { SIGFPE, FPE_INTDIV, true },
	[VECTOR_BREAKPOINT] = { SIGTRAP, SI_KERNEL },
	[VECTOR_INVALID_OPCODE] = { SIGILL, ILL_ILLOPN, true },
	[VECTOR_NO_SEGMENT] = { SIGBUS, SI_KERNEL },
	[VECTOR_STACK_FAULT] = { SIGBUS, SI_KERNEL },
	[VECTOR_FPU_ERROR] = { SIGFPE, CODE_OF_UNIT, true },
	[VECTOR_ALIGNMENT] = { SIGBUS, BUS_ADRALN },
	[VECTOR_SIMD_ERROR] = { SIGFPE, CODE_OF_UNIT, true },
};

#define DR6_BREAKPOINTS 0x000ful
#define DR6_SINGLE_STEP 0x4000ul
#define DR6_CLEAR	0xffff0ff0ul

/* DR6 distinguishes single steps from breakpoints, INT1 leaves it empty; software has to clear it. */
static int debug_code(struct pt_regs *regs)
{
	u64 dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" ::"r"(DR6_CLEAR));
	if (!regs_from_user(regs))
		regs->rflags &= ~X86_EFLAGS_TF;
	if (dr6 & DR6_SINGLE_STEP)
		return TRAP_TRACE;
	if (dr6 & DR6_BREAKPOINTS)
		return TRAP_HWBKPT;
	return TRAP_BRKPT;
}

/* Exceptions in the status word of the x87 and in MXCSR; their masks lie in the control word and 7 bits higher. */
#define FPU_INVALID	 0x01u
#define FPU_DENORMAL	 0x02u
#define FPU_DIVIDE	 0x04u
#define FPU_OVERFLOW	 0x08u
#define FPU_UNDERFLOW	 0x10u
#define FPU_INEXACT	 0x20u
#define MXCSR_MASK_SHIFT 7

/* FPE_* of what the x87 or SSE unit raised and does not mask; 0: nothing any more. */
static int fpe_code(u32 vector)
{
	u32 raised, mxcsr;
	u16 status, control;

	if (vector == VECTOR_FPU_ERROR) {
		__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
		raised = status & ~control;
	} else {
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		raised = ~(mxcsr >> MXCSR_MASK_SHIFT) & mxcsr;
	}
	if (raised & FPU_INVALID)
		return FPE_FLTINV;
	if (raised & FPU_DIVIDE)
		return FPE_FLTDIV;
	if (raised & FPU_OVERFLOW)
		return FPE_FLTOVF;
	if (raised & (FPU_UNDERFLOW | FPU_DENORMAL))
		return FPE_FLTUND;
	if (raised & FPU_INEXACT)
		return FPE_FLTRES;
	return 0;
}

#define ERROR_CODE_IDT 2u /* the error code names an entry of the interrupt table */

/*
 * Is it INT 0x80? By its bytes, since the error code names an entry of the interrupt table, but not by
 * which instruction. Without emulation of 32-bit calls it is a protection fault on Linux, too.
 */
static bool is_int_0x80(const struct pt_regs *regs, const struct user_trap *trap)
{
	u8 code[2];

	return trap->number == VECTOR_PROTECTION && (trap->error & ERROR_CODE_IDT) &&
	       !copy_from_user(code, uaddr(regs->rip), sizeof(code)) && code[0] == 0xcd &&
	       code[1] == 0x80;
}

static void user_trap(struct pt_regs *regs, u32 vector)
{
	struct user_trap trap = { .number = vector, .sig = SIGSEGV, .code = SI_KERNEL };

	if (vector == VECTOR_DEBUG) {
		trap.sig = SIGTRAP;
		trap.code = debug_code(regs);
		trap.address = regs->rip;
	} else if (vector == VECTOR_NMI) {
		upcall_nmi(regs);
		return;
	} else if (vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK) {
		kernel_fault(regs, vector);
	} else if (vector < VECTOR_EXCEPTIONS && exception_signals[vector].sig) {
		trap.sig = exception_signals[vector].sig;
		trap.code = exception_signals[vector].code;
		if (trap.code == CODE_OF_UNIT)
			trap.code = fpe_code(vector);
		if (exception_signals[vector].has_address)
			trap.address = regs->rip;
		if (!trap.code) /* an exception that is over */
			return;
	}
	if (regs->orig_rax != (u64)-1)
		trap.error = regs->orig_rax;
	syscall_forget(regs);
	irq_enable();
	trap.is_foreign_call = is_int_0x80(regs, &trap);
	upcall_user_trap(&trap);
}

void trap_dispatch(struct pt_regs *regs, u32 vector)
{
	if (regs_from_user(regs))
		user_trap(regs, vector);
	else if (regs_from_driver(regs) || !trap_fixup(regs))
		kernel_fault(regs, vector);
}

/* Nothing is mapped at @addr, and something behind it, where rsp is: of stacks that are no CPU's. */
static const char *stack_overflowed(const struct pt_regs *regs, u64 addr, u64 *low)
{
	const char *name = cpu_stack_overflowed(addr, low);

	if (name)
		return name;
	*low = (addr & PAGE_MASK) + PAGE_SIZE;
	if (regs->rsp - (addr & PAGE_MASK) < 2 * PAGE_SIZE && !kernel_address_mapped(addr) &&
	    kernel_address_mapped(*low))
		return "driver";
	return NULL;
}

static void __noreturn __cold double_fault(struct pt_regs *regs)
{
	u64 addr = read_cr2(), low;
	const char *name = stack_overflowed(regs, addr, &low);

	if (name)
		panic_regs(regs,
			   "kernel stack overflow: %lx is in the guard page below %lx (%s stack)",
			   addr, low, name);
	panic_regs(regs, "double fault: an exception could not be delivered, look at rsp; cr2 %lx",
		   addr);
}

/* From the kernel, on an IST stack. */
void trap_ist(struct pt_regs *regs, u32 vector)
{
	if (vector == VECTOR_NMI)
		upcall_nmi(regs);
	else if (vector == VECTOR_DOUBLE_FAULT)
		double_fault(regs);
	else if (vector != VECTOR_DEBUG || debug_code(regs) != TRAP_TRACE)
		kernel_fault(regs, vector);
}

/*
 * The registers were the user's already, so the trap's frame has them; what IRET was to load stands
 * at the top of the stack. The two overlap.
 */
struct pt_regs *user_iret_faulted(const struct pt_regs *trap)
{
	struct pt_regs *regs = (struct pt_regs *)this_cpu()->kstack_top - 1;

	memmove(regs, trap, offsetof(struct pt_regs, rip));
	return regs;
}

/* ---- interrupts ---- */

/*
 * What interrupts the kernel runs on the CPU's interrupt stack: how deep the thread
 * already is on its own doesn't matter then. Under user mode that one is empty.
 */
void trap_irq(struct pt_regs *regs, u32 vector)
{
	struct cpu *cpu = this_cpu();

	cpu->nr_irqs++;
	cpu->irq_from_user = regs_from_user(regs);
	if (unlikely(cpu->rcu_idle)) /* a barrier before what readers read in here */
		(void)__atomic_exchange_n(&cpu->rcu_idle, false, __ATOMIC_SEQ_CST);
	if (!cpu->irq_from_user && cpu->irq_depth == 1 && cpu->irq_stack_top)
		call_on_stack(vector, regs, cpu->irq_stack_top);
	else
		upcall_interrupt(vector, regs);
	cpu->irq_depth--;
	if (!regs_from_user(regs) && cpu->need_resched && !cpu->preempt_count && !cpu->irq_depth &&
	    (regs->rflags & X86_EFLAGS_IF))
		preempt_schedule_irq();
}

/* ---- system calls ---- */

/* Numbers beyond Linux's table. */
s64 syscall_other(struct pt_regs *regs)
{
	u32 number = syscall_number(regs), index = number - SYSCALL_BANOS_FIRST;

	if (index >= SYSCALL_BANOS_SLOTS) {
		upcall_unknown_call(number);
		return -ENOSYS;
	}
	return syscall_banos_table[index](regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8,
					  regs->r9);
}

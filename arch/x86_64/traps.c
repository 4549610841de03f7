/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts, from entry.S to who deals with them.
 *
 * A fault of user code goes up as a signal; a fault of kernel code on a user
 * address inside uaccess.S is resolved or ends at the site's fix-up; any other
 * fault of kernel code is a panic. Intel SDM vol. 3, 6.15.
 */
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/layout.h>
#include <asm/traps.h>
#include <kernel/printk.h>
#include <kernel/symbols.h>
#include <kernel/thread.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/upcalls.h>

void call_on_stack(u32 vector, struct pt_regs *regs, u64 top); /* entry.S */
extern const u8 trap_entries[], trap_entries_end[];
extern const u8 kernel_read_site[]; /* uaccess.S */
extern const s32 __ex_table_start[], __ex_table_end[];

/* clang-format off */
static const char *const trap_names[32] = {
	"divide error", "debug", "non-maskable interrupt", "breakpoint", "overflow",
	"bound range exceeded", "invalid opcode", "device not available", "double fault",
	"coprocessor segment overrun", "invalid TSS", "segment not present", "stack fault",
	"general protection fault", "page fault", "reserved", "x87 floating-point error",
	"alignment check", "machine check", "SIMD floating-point error", "virtualization error",
	"control protection fault",
};
/* clang-format on */

static u64 read_cr2(void)
{
	u64 v;
	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

static bool fixup(struct pt_regs *regs)
{
	u32 ip = regs->rip - KERNEL_VMA;

	for (const s32 *e = __ex_table_start; e < __ex_table_end; e += 2)
		if ((u32)e[0] == ip) {
			regs->rip = KERNEL_VMA + (u32)e[1];
			return true;
		}
	return false;
}

static void __noreturn __cold kernel_fault(struct pt_regs *regs, u32 vector)
{
	const char *name = vector < 32 && trap_names[vector] ? trap_names[vector] : "unknown trap";

	if (vector == 18)
		mce_panic(regs);
	panic_regs(regs, "%s in the kernel, error code %lx", name, regs->orig_rax);
}

#define CODE_KERNEL 128 /* SI_KERNEL */
#define PF_USER	    4u

/*
 * Looking up a descriptor is an access of the processor's own, also while a program runs; if that lies
 * in user memory, SMAP refuses it, however often it is tried (QEMU before 9.1: far returns, too).
 */
static bool smap_refuses(const struct pt_regs *regs)
{
	return cpu_features.smap && !(regs->rflags & X86_EFLAGS_AC);
}

void trap_page_fault(struct pt_regs *regs, u32 vector)
{
	u64 addr = read_cr2();
	u32 err = regs->orig_rax;

	if (regs_from_user(regs)) {
		if (unlikely(!(err & PF_USER) && smap_refuses(regs))) {
			irq_enable();
			upcall_user_trap(regs, &(struct user_trap){ 14, 11, CODE_KERNEL, 0 });
			return;
		}
		irq_enable();
		upcall_user_page_fault(regs, addr, err);
		return;
	}
	/* The kernel: only uaccess.S may touch user addresses. */
	if (addr < USER_END && (regs->rflags & X86_EFLAGS_IF) && !CPU_FIELD_READ(preempt_count) &&
	    !in_interrupt()) {
		struct pt_regs probe = *regs;

		if (fixup(&probe)) {
			irq_enable();
			if (upcall_kernel_page_fault(addr, err)) {
				irq_disable();
				return;
			}
			irq_disable();
			regs->rip = probe.rip;
			return;
		}
	}
	if ((addr < USER_END || regs->rip == (u64)kernel_read_site) && fixup(regs))
		return;
	panic_page_fault(regs, addr, err);
}

#define CODE_FPE 0 /* looked up in the unit that raised it */
/* What Linux makes of them; everything else is SIGSEGV. */
static const struct {
	u8 sig, code;
	bool has_address;
} trap_signals[32] = {
	[0] = { 8, 1, true },	   /* SIGFPE FPE_INTDIV */
	[3] = { 5, CODE_KERNEL },  /* SIGTRAP */
	[6] = { 4, 2, true },	   /* SIGILL ILL_ILLOPN */
	[11] = { 7, CODE_KERNEL }, /* SIGBUS */
	[12] = { 7, CODE_KERNEL },
	[16] = { 8, CODE_FPE, true },
	[17] = { 7, 1 }, /* SIGBUS BUS_ADRALN */
	[19] = { 8, CODE_FPE, true },
};

/* #DB: DR6 tells single step (bit 14) from breakpoints, INT1 leaves it empty; it has to be cleared by hand. */
static int debug_code(struct pt_regs *regs)
{
	u64 dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0ul));
	if (!regs_from_user(regs))
		regs->rflags &= ~X86_EFLAGS_TF;
	if (dr6 & 0x4000)
		return 2;	 /* TRAP_TRACE */
	return dr6 & 15 ? 4 : 1; /* TRAP_HWBKPT, TRAP_BRKPT */
}

/* FPE_* of what the x87 or SSE unit raised and does not mask; 0: nothing any more. */
static int fpe_code(u32 vector)
{
	u32 raised, mxcsr;
	u16 status, control;

	if (vector == 16) {
		__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
		raised = status & ~control;
	} else {
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		raised = ~(mxcsr >> 7) & mxcsr;
	}
	if (raised & 1)
		return 7; /* FPE_FLTINV */
	if (raised & 4)
		return 3; /* FPE_FLTDIV */
	if (raised & 8)
		return 4; /* FPE_FLTOVF */
	if (raised & 0x12)
		return 5;	      /* FPE_FLTUND, also of denormals */
	return raised & 0x20 ? 6 : 0; /* FPE_FLTRES */
}

static void user_trap(struct pt_regs *regs, u32 vector)
{
	struct user_trap t = { .number = vector, .sig = 11, .code = CODE_KERNEL };

	if (vector == 1) {
		t = (struct user_trap){ 1, 5, debug_code(regs), regs->rip };
	} else if (vector == 2) {
		trap_nmi(regs);
		return;
	} else if (vector == 8 || vector == 18) {
		kernel_fault(regs, vector);
	} else if (vector < 32 && trap_signals[vector].sig) {
		t.sig = trap_signals[vector].sig;
		t.code = trap_signals[vector].code;
		if (t.code == CODE_FPE)
			t.code = fpe_code(vector);
		if (trap_signals[vector].has_address)
			t.address = regs->rip;
		if (!t.code) /* an exception that is over */
			return;
	}
	irq_enable();
	upcall_user_trap(regs, &t);
}

void trap_dispatch(struct pt_regs *regs, u32 vector)
{
	if (regs_from_user(regs))
		user_trap(regs, vector);
	else if (!fixup(regs))
		kernel_fault(regs, vector);
}

/*
 * What interrupts the kernel runs on the CPU's interrupt stack: how deep the thread
 * already is on its own doesn't matter then. Under user mode that one is empty.
 */
void trap_irq(struct pt_regs *regs, u32 vector)
{
	struct cpu *c = this_cpu();

	c->nr_irqs++;
	c->irq_from_user = regs_from_user(regs);
	if (!c->irq_from_user && c->irq_depth == 1 && c->irq_stack_top)
		call_on_stack(vector, regs, c->irq_stack_top);
	else
		upcall_interrupt(vector, regs);
	c->irq_depth--;
	if (!regs_from_user(regs) && c->need_resched && !c->preempt_count && !c->irq_depth &&
	    (regs->rflags & X86_EFLAGS_IF))
		preempt_schedule_irq();
}

/* From the kernel, on an IST stack. */
void trap_ist(struct pt_regs *regs, u32 vector)
{
	if (vector == 2)
		trap_nmi(regs);
	else if (vector == 8)
		panic_double_fault(regs, read_cr2());
	else if (vector != 1 || debug_code(regs) != 2)
		kernel_fault(regs, vector);
}

/* Numbers beyond Linux's table. */
s64 syscall_other(struct pt_regs *regs)
{
	u32 number = regs->orig_rax, n = number - SYSCALL_BANOS_FIRST;

	if (n >= SYSCALL_BANOS_SLOTS) {
		upcall_unknown_call(number);
		return -ENOSYS;
	}
	return syscall_banos_table[n](regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8,
				      regs->r9);
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

static bool is_stack(u64 address, u64 bytes)
{
	return address >= KRANGE_BASE && !(address & 7) && kernel_address_mapped(address) &&
	       kernel_address_mapped(address + bytes - 1);
}

/* The registers that an interrupt or a fault found, if that is what the call at @p frame came from. */
static const struct pt_regs *interrupted(u64 frame, u64 address)
{
	const struct pt_regs *r = (const void *)(frame + 16 + 8); /* entry.S: REG() */

	if (address < (u64)trap_entries || address >= (u64)trap_entries_end ||
	    !is_stack((u64)r, sizeof(*r)))
		return NULL;
	return regs_from_user(r) ? NULL : r;
}

bool arch_backtrace_step(struct backtrace *b)
{
	const struct pt_regs *r;
	u64 frame = b->rbp;

	b->is_return = !b->interrupted_at;
	if (b->interrupted_at) {
		b->address = b->interrupted_at;
		b->interrupted_at = 0;
		return true;
	}
	/* Frames lie on kernel stacks (ranges or .bss), upwards, each above the last or on the interrupted stack. */
	if (!is_stack(frame, 16))
		return false;
	b->address = ((u64 *)frame)[1];
	b->rbp = ((u64 *)frame)[0];
	r = interrupted(frame, b->address);
	if (r)
		b->interrupted_at = r->rip;
	else if (b->rbp <= frame && !cpu_on_irq_stack(frame))
		b->rbp = 0;
	return b->address != 0;
}

u64 arch_return_address(const struct pt_regs *r)
{
	struct symbol_name name;

	if (symbol_lookup(r->rip, &name) || !is_stack(r->rsp, 8))
		return 0;
	return symbol_lookup(*(u64 *)r->rsp, &name) ? *(u64 *)r->rsp : 0;
}

static void show_code(u64 rip)
{
	char line[32 * 4];
	u32 n = 0;

	if (rip < KRANGE_BASE || !kernel_address_mapped(rip - 16) ||
	    !kernel_address_mapped(rip + 15))
		return;
	for (const u8 *p = (const u8 *)rip - 16; p < (const u8 *)rip + 16; p++)
		n += scnprintf(line + n, sizeof(line) - n,
			       p == (const u8 *)rip ? " <%02x>" : " %02x", *p);
	pr_err("code%s\n", line);
}

/* Lines that fit a screen of 80 columns behind the time. */
void arch_show_regs(const struct pt_regs *r)
{
	u64 cr2, cr3, cr4;

	__asm__ volatile("mov %%cr2, %0; mov %%cr3, %1; mov %%cr4, %2"
			 : "=r"(cr2), "=r"(cr3), "=r"(cr4));
	pr_err("rip %016lx %pS  rflags %08lx\n", r->rip, (void *)r->rip, r->rflags);
	pr_err("rax %016lx rbx %016lx rcx %016lx\n", r->rax, r->rbx, r->rcx);
	pr_err("rdx %016lx rsi %016lx rdi %016lx\n", r->rdx, r->rsi, r->rdi);
	pr_err("rbp %016lx rsp %016lx r8  %016lx\n", r->rbp, r->rsp, r->r8);
	pr_err("r9  %016lx r10 %016lx r11 %016lx\n", r->r9, r->r10, r->r11);
	pr_err("r12 %016lx r13 %016lx r14 %016lx\n", r->r12, r->r13, r->r14);
	pr_err("r15 %016lx cr2 %016lx cr3 %016lx\n", r->r15, cr2, cr3);
	pr_err("cr4 %016lx cs %lx ss %lx\n", cr4, r->cs, r->ss);
	show_code(r->rip);
}

/* SPDX-License-Identifier: MIT */
/**
 * @file ptrace.h  Saved registers, in the order of the entry code; the layout of Linux's struct pt_regs.
 *
 * Outside of arch/ they are read and changed through the functions below alone. During a system call they are
 * incomplete (entry.S): all may read the arguments, the number, the stack and the instruction pointer; the others
 * are stored in calls which are defined by SYSCALL_STORE_REGISTERS(), and before user_return_work().
 */
#pragma once
#include <asm/irqflags.h>
#include <kernel/types.h>
struct pt_regs {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 orig_rax; /* system-call number, error code, or -1 */
	u64 rip, cs, rflags, rsp, ss;
};
#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
/* Linux's, since programs see them in frames and some load them. */
#define USER_SYSRET_BASE 0x23 /* SYSRET adds 8 for SS, 16 for CS; an empty descriptor itself */
#define USER_DS		 0x2b
#define USER_CS		 0x33

/* Bits of a page fault's error code; vm.h has them for mm/. */
#define FAULT_CODE_PRESENT 0x01u
#define FAULT_CODE_WRITE   0x02u
#define FAULT_CODE_USER	   0x04u
#define FAULT_CODE_EXEC	   0x10u

static inline bool regs_from_user(const struct pt_regs *regs)
{
	return regs->cs & 3;
}
static inline u64 instruction_pointer(const struct pt_regs *regs)
{
	return regs->rip;
}
static inline u64 frame_pointer(const struct pt_regs *regs)
{
	return regs->rbp;
}
static inline u64 user_stack_pointer(const struct pt_regs *regs)
{
	return regs->rsp;
}
static inline void user_stack_pointer_set(struct pt_regs *regs, u64 sp)
{
	regs->rsp = sp;
}
/** The registers of a program that starts at @p ip with the stack @p sp: all others are 0. */
static inline struct pt_regs regs_of_program(u64 ip, u64 sp)
{
	return (struct pt_regs){
		.orig_rax = (u64)-1,
		.rip = ip,
		.rsp = sp,
		.cs = USER_CS,
		.ss = USER_DS,
		.rflags = X86_EFLAGS_IF,
	};
}

/** The number of the system call that the thread is in. */
static inline u32 syscall_number(const struct pt_regs *regs)
{
	return (u32)regs->orig_rax;
}
/** Let the registers be of system call @p number. */
static inline void syscall_number_set(struct pt_regs *regs, u32 number)
{
	regs->orig_rax = number;
}
/** Did a system call store the registers? */
static inline bool syscall_entered(const struct pt_regs *regs)
{
	return (s32)regs->orig_rax >= 0;
}
/** Treat the registers as not of a system call from now on: nothing restarts it. */
static inline void syscall_forget(struct pt_regs *regs)
{
	regs->orig_rax = (u64)-1;
}
static inline void syscall_arguments(const struct pt_regs *regs, u64 args[6])
{
	args[0] = regs->rdi;
	args[1] = regs->rsi;
	args[2] = regs->rdx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}
static inline s64 syscall_result(const struct pt_regs *regs)
{
	return (s64)regs->rax;
}
static inline void syscall_result_set(struct pt_regs *regs, s64 result)
{
	regs->rax = (u64)result;
}
/**
 * Store in current_regs() what the entry of a system call left in the registers: for entry.S, and for the calls
 * that SYSCALL_STORE_REGISTERS() defines. C code is too late for it.
 */
void syscall_complete_registers(void);
/** Define @p entry(), a system call which does that and continues as @p function(), with the same arguments. */
#define SYSCALL_STORE_REGISTERS(entry, function)               \
	__asm__(".pushsection .text\n\t"                       \
		".globl " #entry "\n\t"                        \
		".type " #entry ", @function\n" #entry ":\n\t" \
		"call syscall_complete_registers\n\t"          \
		"jmp " #function "\n\t"                        \
		".size " #entry ", . - " #entry "\n\t"         \
		".popsection")
/** Leave the system call at once, to user mode with all of @p regs: current_regs(). The thread holds nothing. */
static inline void __noreturn syscall_leave_with(const struct pt_regs *regs)
{
	/* As calls from the entry code find it: a word of padding is below. */
	__asm__ volatile("leaq -8(%[regs]), %%rsp\n\t"
			 "jmp return_to_user" ::[regs] "r"(regs)
			 : "memory");
	__builtin_unreachable();
}
#define SYSCALL_INSN_SIZE 2
/** Let the program make system call @p number when it continues, with the arguments that it has. */
static inline void syscall_repeat(struct pt_regs *regs, u32 number)
{
	regs->rax = number;
	regs->rip -= SYSCALL_INSN_SIZE;
}

/**
 * Above the registers, at the top of the kernel stack of each user thread, is the number of system calls. It is 0
 * for a thread that is traced: its calls complete the registers, and go to syscall_trace_enter() and
 * syscall_trace_exit() (kernel/upcalls.h).
 */
#define SYSCALL_LIMIT_BYTES 16
/** Let the processor trap behind each instruction, or not. @return it was not so, and is now */
bool regs_set_single_step(struct pt_regs *regs, bool on);

/** What a user thread has besides struct pt_regs and the FPU's state: the bases of FS (its thread-local storage) and GS. */
struct user_bases {
	u64 fs, gs;
};
static inline u64 user_bases_tls(const struct user_bases *bases)
{
	return bases->fs;
}
static inline void user_bases_set_tls(struct user_bases *bases, u64 tls)
{
	bases->fs = tls;
}

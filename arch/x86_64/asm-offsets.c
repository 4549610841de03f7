// SPDX-License-Identifier: MIT
/*
 * What assembly knows of C: the build makes <generated/asm-offsets.h> of the
 * lines with "->".
 */
#include <asm/cpu.h>
#include <asm/pgtable.h>
#include <kernel/gate.h>
#include <kernel/owner.h>
#include <kernel/thread.h>
#include <kernel/upcalls.h>
#include <uapi/errno.h>
#include <uapi/ucontext.h>

#define DEFINE(name, value) __asm__ volatile("\n# ->" #name " %0" ::"i"(value))

#ifdef CONFIG_GATE_WALL
void asm_offsets_wall(void);
void asm_offsets_wall(void)
{
	DEFINE(CPU_SPACE, offsetof(struct cpu, space));
	DEFINE(CPU_WALL_STACK, offsetof(struct cpu, wall_stack_top));
	DEFINE(SPACE_ROOT, offsetof(struct pt_space, root));
	DEFINE(THREAD_WALL, offsetof(struct thread, wall));
	DEFINE(WALL_CALL_KSP, offsetof(struct wall_call, ksp));
	DEFINE(WALL_CALL_TABLES, offsetof(struct wall_call, tables));
	DEFINE(WALL_CALL_STACK, offsetof(struct wall_call, stack));
	DEFINE(WALL_CALL_METHOD, offsetof(struct wall_call, method));
}
#endif

void asm_offsets_frame(void);
void asm_offsets_frame(void)
{
	DEFINE(FPX_SW, FP_SW_OFFSET);
	DEFINE(FPX_SW_FEATURES, offsetof(struct user_fpx_sw, xfeatures));
	DEFINE(FPX_SW_STATE_SIZE, offsetof(struct user_fpx_sw, xstate_size));
	DEFINE(FPX_HEADER_END, FP_XSAVE_HDR_OFFSET + FP_XSAVE_HDR_SIZE);
	DEFINE(FPX_MAGIC2, FP_XSTATE_MAGIC2);
}

void asm_offsets_registers(void);
void asm_offsets_registers(void)
{
	DEFINE(REGS_R15, offsetof(struct pt_regs, r15));
	DEFINE(REGS_R14, offsetof(struct pt_regs, r14));
	DEFINE(REGS_R13, offsetof(struct pt_regs, r13));
	DEFINE(REGS_R12, offsetof(struct pt_regs, r12));
	DEFINE(REGS_RBP, offsetof(struct pt_regs, rbp));
	DEFINE(REGS_RBX, offsetof(struct pt_regs, rbx));
	DEFINE(REGS_R10, offsetof(struct pt_regs, r10));
	DEFINE(REGS_R9, offsetof(struct pt_regs, r9));
	DEFINE(REGS_R8, offsetof(struct pt_regs, r8));
	DEFINE(REGS_RAX, offsetof(struct pt_regs, rax));
	DEFINE(REGS_RDX, offsetof(struct pt_regs, rdx));
	DEFINE(REGS_RSI, offsetof(struct pt_regs, rsi));
	DEFINE(REGS_RDI, offsetof(struct pt_regs, rdi));
	DEFINE(REGS_RCX, offsetof(struct pt_regs, rcx));
	DEFINE(REGS_R11, offsetof(struct pt_regs, r11));
	DEFINE(REGS_ORIG_RAX, offsetof(struct pt_regs, orig_rax));
	DEFINE(REGS_RIP, offsetof(struct pt_regs, rip));
	DEFINE(REGS_CS, offsetof(struct pt_regs, cs));
	DEFINE(REGS_RFLAGS, offsetof(struct pt_regs, rflags));
	DEFINE(REGS_RSP, offsetof(struct pt_regs, rsp));
	DEFINE(REGS_SIZE, sizeof(struct pt_regs));
}

void asm_offsets(void);
void asm_offsets(void)
{
	DEFINE(CPU_SELF, offsetof(struct cpu, self));
	DEFINE(CPU_ONLINE, offsetof(struct cpu, online));
	DEFINE(CPU_CURRENT, offsetof(struct cpu, running));
	DEFINE(CPU_KSTACK_TOP, offsetof(struct cpu, kstack_top));
	DEFINE(CPU_SCRATCH, offsetof(struct cpu, entry_scratch));
	DEFINE(CPU_IRQ_DEPTH, offsetof(struct cpu, irq_depth));

	DEFINE(THREAD_KSP, offsetof(struct thread, ksp));
	DEFINE(THREAD_WORK, offsetof(struct thread, work));
	DEFINE(THREAD_GATE, offsetof(struct thread, gate));
	DEFINE(THREAD_GATE_LIMIT, offsetof(struct thread, gate_limit));
	DEFINE(THREAD_GATE_STACK, offsetof(struct thread, gate_stack));
	DEFINE(GATE_STACK_METHOD, offsetof(struct gate_stack, method));
	DEFINE(THREAD_GRANTS, offsetof(struct thread, grants));

	DEFINE(ASM_USER_DS, USER_DS);
	DEFINE(ASM_USER_CS, USER_CS);
	DEFINE(ASM_SYSCALLS, SYSCALL_TABLE_SIZE);
	DEFINE(ASM_ENOSYS, ENOSYS);
	DEFINE(ASM_EOVERFLOW, EOVERFLOW);
	DEFINE(ASM_ENODEV, ENODEV);

	DEFINE(SLOT_TARGET, offsetof(struct call_slot, target));
	DEFINE(SLOT_OWNER, offsetof(struct call_slot, owner));
	DEFINE(OWNER_COUNTERS, offsetof(struct owner, gate_slot));
	DEFINE(COUNTERS_ENDED, offsetof(struct gate_counters, ended));
	DEFINE(SLOT_ENTRY, offsetof(struct call_slot, entry));
	DEFINE(SLOT_HANDLES, offsetof(struct call_slot, handles));
	DEFINE(SLOT_CHECKED, offsetof(struct call_slot, checked));
	DEFINE(RECORD_OWNER, offsetof(struct gate_record, owner));
	DEFINE(GRANT_HANDLES, offsetof(struct gate_grant, handles));
	DEFINE(GRANT_ARGS, offsetof(struct gate_grant, args));
	DEFINE(GRANT_SIZE, sizeof(struct gate_grant));
	DEFINE(GRANT_RESULT, GATE_GRANT_RESULT);
	DEFINE(GATE_FLAGS_CHECKED, GATE_FLAGS);
	DEFINE(GATE_FLAGS_CLEAN, GATE_CLEAN);
}

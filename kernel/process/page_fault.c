// SPDX-License-Identifier: MIT
/*
 * What becomes of exceptions of user code: memory for a page fault, or a signal.
 *
 * The frame's orig_rax holds the exception's error code on the way in. It is
 * set to -1 here: a value from 0 on would mean a system call, which a signal on
 * the way out might set about restarting.
 */
#include "internal.h"
#include <kernel/panic.h>
#include <kernel/upcalls.h>
#include <kernel/vm.h>

#define TRAP_PROTECTION 13
#define TRAP_PAGE_FAULT 14
#define ERROR_CODE_IDT	2

static void note_trap(u64 nr, u64 error, u64 cr2)
{
	struct task_signals *signals = current->sig;

	signals->trap_nr = nr;
	signals->trap_error = error;
	signals->trap_cr2 = cr2;
}

void upcall_user_page_fault(struct pt_regs *regs, u64 addr, u32 error_code)
{
	int code = SEGV_MAPERR, err;

	cpu_count_event(nr_faults);
	regs->orig_rax = (u64)-1;
	err = vm_fault(current->space, addr, error_code, &code);
	if (likely(!err)) {
		current->sig->minflt++;
		return;
	}
	if (err > 0) {
		current->sig->majflt++;
		return;
	}
	note_trap(TRAP_PAGE_FAULT, error_code, addr);
	if (err == -EFAULT)
		signal_force_fault(SIGSEGV, code, addr);
	else if (err == -EIO)
		signal_force_fault(SIGBUS, BUS_ADRERR, addr);
	else if (current->proc == init_process && !fatal_signal_pending())
		boot_stop("not enough memory for the first process (%s)", current->comm);
	else if (!fatal_signal_pending()) /* no memory, and nobody else to kill for it */
		signal_send_thread(current, SIGKILL, SI_KERNEL_INFO);
}

bool upcall_kernel_page_fault(u64 addr, u32 error_code)
{
	int code, err;

	if (!current->space)
		return false;
	err = vm_fault(current->space, addr, error_code, &code);
	if (err >= 0 && current->sig) {
		if (err)
			current->sig->majflt++;
		else
			current->sig->minflt++;
	}
	return err >= 0;
}

/*
 * By its bytes, since the error code names a gate of the interrupt table, but not by which instruction.
 * Without emulation of 32-bit calls it is a protection fault on Linux, too: say why.
 */
static bool is_int_0x80(const struct pt_regs *regs, const struct user_trap *trap)
{
	u8 code[2];

	return trap->number == TRAP_PROTECTION && (regs->orig_rax & ERROR_CODE_IDT) &&
	       !copy_from_user(code, uaddr(regs->rip), sizeof(code)) && code[0] == 0xcd &&
	       code[1] == 0x80;
}

void upcall_user_trap(struct pt_regs *regs, const struct user_trap *trap)
{
	if (unlikely(is_int_0x80(regs, trap)))
		unknown_call_int_0x80();
	note_trap(trap->number, regs->orig_rax == (u64)-1 ? 0 : regs->orig_rax, 0);
	regs->orig_rax = (u64)-1;
	signal_force_fault(trap->sig, trap->code, trap->address);
}

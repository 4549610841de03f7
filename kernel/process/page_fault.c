// SPDX-License-Identifier: MIT
/*
  * Exceptions of user code: they get memory, for a page fault, or a signal.
 *
 * The details of the exception are stored for a handler's frame
 * (arch/x86_64/sigframe.c).
 */
#include "internal.h"
#include <asm/vectors.h>
#include <kernel/panic.h>
#include <kernel/upcalls.h>
#include <kernel/vm.h>

static void thread_note_trap(u64 number, u64 error, u64 address)
{
	current->sig->trap = (struct trap_record){ number, error, address };
}

void upcall_user_page_fault(u64 addr, u32 error_code)
{
	int code = SEGV_MAPERR, err;

	cpu_count_event(nr_faults);
	err = vm_fault(current->space, addr, error_code, &code);
	if (likely(!err)) {
		current->sig->minflt++;
		return;
	}
	if (err > 0) {
		current->sig->majflt++;
		return;
	}
	thread_note_trap(VECTOR_PAGE_FAULT, error_code, addr);
	if (err == -EFAULT)
		signal_force_fault(SIGSEGV, code, addr);
	else if (err == -EIO)
		signal_force_fault(SIGBUS, BUS_ADRERR, addr);
	else if (current->proc == init_process && !fatal_signal_pending())
		boot_stop("not enough memory for the first process (%s)", current->comm);
	else if (!fatal_signal_pending()) /* no memory, and no other process to kill for it */
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

void upcall_user_trap(const struct user_trap *trap)
{
	if (unlikely(trap->is_foreign_call))
		unknown_call_foreign();
	thread_note_trap(trap->number, trap->error, 0);
	signal_force_fault(trap->sig, trap->code, trap->address);
}

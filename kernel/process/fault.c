/* SPDX-License-Identifier: MIT */
/* What becomes of exceptions: memory for a page fault, or a signal. */
#include <kernel/err.h>
#include <kernel/process.h>
#include <kernel/upcalls.h>
#include <kernel/vm.h>

#define SI_BUS_ADRERR 2

void upcall_user_page_fault(struct pt_regs *regs, u64 addr, u32 error_code)
{
	int code = 0, err;

	cpu_count_event(nr_faults);
	err = vm_fault(current->space, addr, error_code, &code);
	if (likely(!err))
		return;
	if (err == -EFAULT)
		signal_force_fault(SIGSEGV, code, addr);
	else if (err == -EIO)
		signal_force_fault(SIGBUS, SI_BUS_ADRERR, addr);
	else if (!fatal_signal_pending())	/* no memory, and nobody else to kill for it */
		signal_send_thread(current, SIGKILL, SI_KERNEL_INFO);
}

bool upcall_kernel_page_fault(u64 addr, u32 error_code)
{
	int code;

	return current->space && !vm_fault(current->space, addr, error_code, &code);
}

void upcall_user_trap(struct pt_regs *regs, int sig, int code, u64 addr)
{
	signal_force_fault(sig, code, addr);
}

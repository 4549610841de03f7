/* SPDX-License-Identifier: MIT */
/* Weak stand-ins while the kernel's parts come together; goes when the last has landed. */
#include <kernel/process.h>
#include <kernel/upcalls.h>
#include <kernel/vm.h>
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define WEAK __attribute__((weak))
WEAK void upcall_user_page_fault(struct pt_regs *r, u64 a, u32 e)
{
}
WEAK bool upcall_kernel_page_fault(u64 a, u32 e)
{
	return 0;
}
WEAK void upcall_user_trap(struct pt_regs *r, int s, int c, u64 a)
{
}
WEAK void user_return_work(struct pt_regs *r)
{
}
WEAK const syscall_fn syscall_table[512] = { 0 };
WEAK const upcall_fn upcall_banos_table[16] = { 0 };
WEAK bool fatal_signal_pending(void)
{
	return 0;
}
WEAK s64 vm_map_pages(struct vm_space *s, u64 a, struct page **p, u32 n, u32 f)
{
	return -ENOSYS;
}
WEAK void *page_tree_node_alloc(void)
{
	return 0;
}
WEAK void page_tree_node_free(void *n)
{
}

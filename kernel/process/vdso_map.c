/* SPDX-License-Identifier: MIT */
/* The vDSO in a program's memory: one region that it may read and execute. */
#include <kernel/vdso.h>
#include <kernel/vm.h>

u64 vdso_map(struct vm_space *space)
{
	s64 result = vm_map_pages(space, 0, vdso_pages, VDSO_PAGES, VM_READ | VM_EXEC | VM_VDSO);

	if (result < 0)
		return 0;
	space->vdso = result + PAGE_SIZE;
	return space->vdso;
}

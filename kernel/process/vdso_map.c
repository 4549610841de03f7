/* SPDX-License-Identifier: MIT */
/* The vDSO in a program's memory: one region that it may read and execute. */
#include <kernel/vdso.h>
#include <kernel/vm.h>

u64 vdso_map(struct vm_space *s)
{
	s64 at = vm_map_pages(s, 0, vdso_pages, VDSO_PAGES, VM_READ | VM_EXEC | VM_VDSO);

	if (at < 0)
		return 0;
	s->vdso = at + PAGE_SIZE;
	return s->vdso;
}

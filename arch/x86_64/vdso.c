/* SPDX-License-Identifier: MIT */
/*
 * Mapping the vDSO: the page of clock data, and behind it the page of code
 * (arch/x86_64/vdso/), as one region that programs may read and execute. Both
 * are pages of the kernel's image; nothing is copied.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/vdso.h>
#include <kernel/clock.h>
#include <kernel/page.h>
#include <kernel/vdso.h>
#include <kernel/vm.h>

extern const u8 vdso_image[];

static struct page *pages[2];

static struct page *image_page(const void *p)
{
	return phys_to_page((u64)p - KERNEL_VMA);
}

void vdso_init(void)
{
	struct vdso_data *data = clock_vdso_page();

	data->cpu_in_tsc_aux = cpu_features.rdtscp;
	pages[0] = image_page(data);
	pages[1] = image_page(vdso_image);
}

u64 vdso_map(struct vm_space *s)
{
	s64 at = vm_map_pages(s, 0, pages, ARRAY_SIZE(pages), VM_READ | VM_EXEC | VM_VDSO);

	if (at < 0)
		return 0;
	s->vdso = at + PAGE_SIZE;
	return s->vdso;
}

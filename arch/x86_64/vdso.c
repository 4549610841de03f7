/* SPDX-License-Identifier: MIT */
/*
 * The pages of the vDSO: the page of clock data, and behind it the page of code
 * (arch/x86_64/vdso/). Both are pages of .bss; the code is copied there once, so
 * that the image holds its bytes without padding.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/vdso.h>
#include <kernel/clock.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include <kernel/vdso.h>

extern const u8 vdso_file[], vdso_file_end[];

u8 vdso_image[PAGE_SIZE] __aligned(PAGE_SIZE);

struct page *vdso_pages[VDSO_PAGES];

static struct page *image_page(const void *address)
{
	return phys_to_page((u64)address - KERNEL_VMA);
}

void vdso_init(void)
{
	struct vdso_data *data = clock_vdso_page();

	memcpy(vdso_image, vdso_file, vdso_file_end - vdso_file);
	data->cpu_in_tsc_aux = cpu_features.rdtscp;
	vdso_pages[0] = image_page(data);
	vdso_pages[1] = image_page(vdso_image);
}

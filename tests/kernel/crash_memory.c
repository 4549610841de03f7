/* SPDX-License-Identifier: MIT */
/*
 * Faults of those who use memory, planted on order ("crash=heap-overrun" and so on),
 * which the debug configuration has to find. crash.c calls them.
 */
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include "crash.h"

static __noinline void write_byte(void *at, u64 offset)
{
	((volatile u8 *)at)[offset] = 1;
}

static void heap_overrun(void)
{
	u8 *p = kmalloc(20);

	write_byte(p, 20);
	kfree(p);
}

static void heap_overrun_large(void)
{
	u8 *p = kmalloc(5000);

	write_byte(p, 5000);
	kfree(p);
}

static void heap_double_free(void)
{
	u8 *volatile p = kmalloc(100), *volatile q = kmalloc(100);

	kfree(p);
	kfree(q);
	kfree(p);
}

static void heap_write_after_free(void)
{
	u8 *volatile p = kmalloc(100);

	kfree(p);
	write_byte(p, 50);
	for (u32 i = 0; i < 1000; i++) /* it comes round */
		if (!kmalloc(100))
			break;
}

static void heap_inside(void)
{
	u8 *volatile p = kmalloc(100);

	kfree(p + 16);
}

static void heap_never(void)
{
	struct page *p = page_alloc(0);

	kfree(page_address(p));
}

static void page_double_free(void)
{
	struct page *p = page_alloc(0), *q = page_alloc(0);

	page_free(p);
	page_free(q);
	page_free(p);
}

static void page_double_free_in_block(void)
{
	struct page *p = pages_alloc(3, 0);

	pages_free(p, 3);
	page_free(p + 5);
}

static void page_write_after_free(void)
{
	struct page *p = page_alloc(0);

	page_free(p);
	write_byte(page_address(p), 1234);
	for (u32 i = 0; i < 1000; i++)
		if (!page_alloc(0))
			break;
}

static void range_overrun(void)
{
	write_byte(krange_alloc(KRANGE_GENERAL, 2, KPROT_RW), 2 * PAGE_SIZE);
}

static void range_underrun(void)
{
	write_byte(krange_alloc(KRANGE_GENERAL, 2, KPROT_RW), -1ull);
}

static void range_after_free(void)
{
	u8 *p = krange_alloc(KRANGE_GENERAL, 2, KPROT_RW);

	krange_free(p);
	write_byte(p, 0);
}

static void range_double_free(void)
{
	u8 *p = krange_alloc(KRANGE_GENERAL, 2, KPROT_RW);

	krange_free(p);
	krange_free(p);
}

/* Two things that nobody knows of; /proc/kmemleak names them, and this function. */
static __noinline void leak(void)
{
	void *volatile p = kmalloc(333), *volatile q = kvzalloc(3 * PAGE_SIZE);

	p = q = NULL;
	(void)p;
	(void)q;
}

/* clang-format off */
const struct crash memory_crashes[] = {
	{ "heap-overrun", heap_overrun }, { "heap-overrun-large", heap_overrun_large },
	{ "heap-double-free", heap_double_free }, { "heap-write-after-free", heap_write_after_free },
	{ "heap-inside", heap_inside }, { "heap-never", heap_never },
	{ "page-double-free", page_double_free }, { "page-double-free-in-block", page_double_free_in_block },
	{ "page-write-after-free", page_write_after_free },
	{ "range-overrun", range_overrun }, { "range-underrun", range_underrun },
	{ "range-after-free", range_after_free }, { "range-double-free", range_double_free },
	{ "leak", leak }, { NULL, NULL },
};
/* clang-format on */

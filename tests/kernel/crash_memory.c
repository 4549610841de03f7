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
	u8 *bytes = kmalloc(20);

	write_byte(bytes, 20);
	kfree(bytes);
}

static void heap_overrun_large(void)
{
	u8 *bytes = kmalloc(5000);

	write_byte(bytes, 5000);
	kfree(bytes);
}

static void heap_double_free(void)
{
	u8 *volatile bytes = kmalloc(100), *volatile other = kmalloc(100);

	kfree(bytes);
	kfree(other);
	kfree(bytes);
}

static void heap_write_after_free(void)
{
	u8 *volatile bytes = kmalloc(100);

	kfree(bytes);
	write_byte(bytes, 50);
	for (u32 i = 0; i < 1000; i++) /* it comes round */
		if (!kmalloc(100))
			break;
}

static void heap_inside(void)
{
	u8 *volatile bytes = kmalloc(100);

	kfree(bytes + 16);
}

static void heap_never(void)
{
	struct page *page = page_alloc(0);

	kfree(page_address(page));
}

static void page_double_free(void)
{
	struct page *page = page_alloc(0), *q = page_alloc(0);

	page_free(page);
	page_free(q);
	page_free(page);
}

static void page_double_free_in_block(void)
{
	struct page *page = pages_alloc(3, 0);

	pages_free(page, 3);
	page_free(page + 5);
}

static void page_write_after_free(void)
{
	struct page *page = page_alloc(0);

	page_free(page);
	write_byte(page_address(page), 1234);
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
	u8 *bytes = krange_alloc(KRANGE_GENERAL, 2, KPROT_RW);

	krange_free(bytes);
	write_byte(bytes, 0);
}

static void range_double_free(void)
{
	u8 *bytes = krange_alloc(KRANGE_GENERAL, 2, KPROT_RW);

	krange_free(bytes);
	krange_free(bytes);
}

/* Two things that nobody knows of; /proc/kmemleak names them, and this function. */
static __noinline void leak(void)
{
	void *volatile memory = kmalloc(333), *volatile other = kvzalloc(3 * PAGE_SIZE);

	memory = other = NULL;
	(void)memory;
	(void)other;
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

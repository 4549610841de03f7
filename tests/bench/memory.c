// SPDX-License-Identifier: MIT
/*
 * Mappings and page faults.
 */
#include "bench.h"
#include <signal.h>
#include <sys/mman.h>

char *map_pages(long count, int flags)
{
	void *memory =
		mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	madvise(memory, count * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

void unmap_area(void)
{
	munmap(area, NPAGES * PAGE);
}
void touch(char *bytes)
{
	for (long i = 0; i < NPAGES; i++)
		((volatile char *)bytes)[i * PAGE] = 1;
}

static void map_unmap(long count)
{
	while (count--) {
		long addr = CALL(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CALL(SYS_munmap, addr, PAGE);
	}
}
void map_touch_unmap(long count)
{
	while (count--) {
		long addr = CALL(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		*(volatile char *)addr = 1;
		CALL(SYS_munmap, addr, PAGE);
	}
}
static void map_touch_unmap_4m(long count)
{
	const long bytes = 4l << 20;

	while (count--) {
		long addr = CALL(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (long at = 0; at < bytes; at += PAGE)
			*(volatile char *)(addr + at) = 1;
		CALL(SYS_munmap, addr, bytes);
	}
}
static void area_prepare(void)
{
	area = map_pages(NPAGES, MAP_PRIVATE);
}
static void page_touched(void)
{
	area = map_pages(1, MAP_PRIVATE);
	*area = 1;
}
static void unmap_page(void)
{
	munmap(area, PAGE);
}
static void area_touched(void)
{
	area_prepare();
	touch(area);
}
static void protect(long count)
{
	while (count--)
		CALL(SYS_mprotect, area, PAGE, count & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
}
/* A fault that a signal's handler repairs. */
static void allow_writing(int number)
{
	(void)number;
	CALL(SYS_mprotect, area, PAGE, PROT_READ | PROT_WRITE);
}
static void segv_prepare(void)
{
	const struct sigaction action = { .sa_handler = allow_writing };

	page_touched();
	must(!sigaction(SIGSEGV, &action, NULL), "sigaction");
}
static void segv(long count)
{
	while (count--) {
		CALL(SYS_mprotect, area, PAGE, PROT_READ);
		*(volatile char *)area = 1;
	}
}
static void fault_write(long count)
{
	(void)count;
	touch(area);
}
static void fault_read(long count)
{
	while (count--)
		(void)((volatile char *)area)[count * PAGE];
}

/* A child that has the same pages, until the pipe closes. */
static void cow_prepare(void)
{
	area_touched();
	pair_prepare();
}
static void cow_end(void)
{
	end_child();
	unmap_area();
}
static void file_mapped(void)
{
	open_file();
	area = mmap(NULL, NPAGES * PAGE, PROT_READ, MAP_SHARED, fds[0], 0);
	must(area != MAP_FAILED, "mmap");
}
static void file_unmapped(void)
{
	unmap_area();
	close_file();
}

/* What fault_write() does can be done once: this drops the pages, too, some at a time. */
static void fault_again(long count)
{
	const long some = 64;

	for (count /= some; count--; madvise(area, some * PAGE, MADV_DONTNEED))
		for (long i = 0; i < some; i++)
			((volatile char *)area)[i * PAGE] = 1;
}

static const struct row rows[] = {
	{ "mmap_munmap_4k", 1000, map_unmap, NULL, NULL },
	{ "mmap_touch_munmap_4k", 1000, map_touch_unmap, NULL, NULL },
	{ "mmap_touch_munmap_4m", 10, map_touch_unmap_4m, NULL, NULL },
	{ "sig_segv", 500, segv, segv_prepare, unmap_page },
	{ "mprotect_4k", 1000, protect, page_touched, unmap_page },
	{ "fault_anon_page", NPAGES, fault_write, area_prepare, unmap_area, fault_again },
	{ "fault_cow_page", NPAGES, fault_write, cow_prepare, cow_end, fault_again },
	{ "fault_file_page", NPAGES, fault_read, file_mapped, file_unmapped },
};
const struct group memory_group = { "kernel", rows, NELEMS(rows) };

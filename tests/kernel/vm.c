// SPDX-License-Identifier: MIT
/*
 * mm/vm_*.c in the running kernel: a kernel thread takes a space of its own and
 * touches it through the user copy functions, so all faults are real ones.
 *
 * Each test is repeated until a run leaves as much memory free as the one before, to
 * the page: the first ones fill caches of tables and objects, a leak never ends.
 */
#include <asm/io.h>
#include <asm/pgtable.h>
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/ktest.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include <uapi/mman.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)
#define P(n) ((u64)(n) << PAGE_SHIFT)
#define HINT 0x10000000ull /* far from everything that is placed by itself */

static u64 free_pages(void)
{
	struct mem_info memory;

	mem_info_get(&memory);
	return memory.free;
}

static void in_space(struct ktest_context *test, struct vm_space *space,
		     void (*body)(struct ktest_context *, struct vm_space *))
{
	thread_switch_space(space);
	body(test, space);
	thread_switch_space(NULL);
}

static void run(struct ktest_context *test, void (*body)(struct ktest_context *, struct vm_space *))
{
	u64 before, after = 0;

	for (u32 i = 0; i < 6; i++) {
		struct vm_space *space = vm_space_create();

		if (!KEXPECT(space))
			return;
		in_space(test, space, body);
		vm_space_put(space);
		before = after;
		after = free_pages();
		if (after == before)
			return;
	}
	KEXPECT_EQ(after, before);
}
#define SPACE_TEST(name)                                                             \
	static void name##_body(struct ktest_context *test, struct vm_space *space); \
	KTEST(vm, name)                                                              \
	{                                                                            \
		run(test, name##_body);                                              \
	}                                                                            \
	static void name##_body(struct ktest_context *test __unused, struct vm_space *space)

/* A byte of user memory, -1: fault. */
static int peek(u64 addr)
{
	u8 byte;

	if (copy_from_user(&byte, uaddr(addr), 1))
		return -1;
	return byte;
}
static int poke(u64 addr, u8 byte)
{
	if (copy_to_user(uaddr(addr), &byte, 1))
		return -1;
	return 0;
}

static s64 map(struct vm_space *space, u64 addr, u64 npages, u32 prot, u32 flags)
{
	return vm_map(space, addr, P(npages), prot, flags, NULL, 0);
}

static u64 rss(struct vm_space *space)
{
	return vm_space_rss(space);
}

SPACE_TEST(fresh_memory_is_zero_and_keeps_what_is_written)
{
	s64 addr = map(space, 0, 4, RW, ANON);
	u64 before = free_pages();

	if (!KEXPECT(addr > 0))
		return;
	KEXPECT_EQ(peek(addr), 0);
	KEXPECT_EQ(peek(addr + P(3) + 4095), 0);
	KEXPECT_EQ(rss(space), 0); /* the zero page is nobody's */
	KEXPECT_EQ(poke(addr, 7), 0);
	KEXPECT_EQ(poke(addr + P(1), 8), 0);
	KEXPECT_EQ(peek(addr), 7);
	KEXPECT_EQ(peek(addr + P(1)), 8);
	KEXPECT_EQ(peek(addr + 1), 0);
	KEXPECT_EQ(rss(space), 2);
	KEXPECT(before - free_pages() >= 2);
	KEXPECT_EQ(vm_unmap(space, addr, P(4)), 0);
	KEXPECT_EQ(rss(space), 0);
	KEXPECT_EQ(peek(addr), -1);
	KEXPECT_EQ(space->nr_regions, 0);
	KEXPECT_EQ(space->total_pages, 0);
	KEXPECT_EQ(atomic_read(&space->nr_tables), 0);
}

SPACE_TEST(unmapping_a_part_leaves_the_rest)
{
	s64 addr = map(space, 0, 9, RW, ANON);

	for (u32 i = 0; i < 9; i++)
		KEXPECT_EQ(poke(addr + P(i), i + 1), 0);
	KEXPECT_EQ(vm_unmap(space, addr + P(3), P(2)), 0);
	KEXPECT_EQ(space->nr_regions, 2);
	KEXPECT_EQ(rss(space), 7);
	KEXPECT_EQ(peek(addr + P(2)), 3);
	KEXPECT_EQ(peek(addr + P(3)), -1);
	KEXPECT_EQ(poke(addr + P(4), 1), -1);
	KEXPECT_EQ(peek(addr + P(5)), 6);
	KEXPECT_EQ(vm_unmap(space, addr, P(1)), 0);
	KEXPECT_EQ(vm_unmap(space, addr + P(8), P(1)), 0);
	KEXPECT_EQ(space->nr_regions, 2);
	KEXPECT_EQ(space->total_pages, 5);
	/* fresh memory in the hole makes one region of all; what was there before is gone */
	KEXPECT_EQ(map(space, addr + P(3), 2, RW, ANON | MAP_FIXED), addr + P(3));
	KEXPECT_EQ(space->nr_regions, 1);
	KEXPECT_EQ(peek(addr + P(3)), 0);
	KEXPECT_EQ(peek(addr + P(7)), 8);
	KEXPECT_EQ(vm_unmap(space, 0, USER_END), 0);
	KEXPECT_EQ(rss(space), 0);
}

SPACE_TEST(alike_neighbours_are_one_region)
{
	s64 addr = map(space, 0, 1, RW, ANON), second = map(space, 0, 1, RW, ANON), third;

	KEXPECT_EQ(second, addr - P(1)); /* highest first */
	KEXPECT_EQ(space->nr_regions, 1);
	third = map(space, 0, 1, PROT_READ, ANON);
	KEXPECT_EQ(third, second - P(1));
	KEXPECT_EQ(space->nr_regions, 2);
	KEXPECT_EQ(vm_protect(space, third, P(1), RW), 0);
	KEXPECT_EQ(space->nr_regions, 1);
	KEXPECT_EQ(vm_protect(space, second, P(1), PROT_NONE), 0);
	KEXPECT_EQ(space->nr_regions, 3);
	KEXPECT_EQ(vm_protect(space, third, P(3), PROT_READ), 0);
	KEXPECT_EQ(space->nr_regions, 1);
	KEXPECT_EQ(space->data_pages, 0);
}

SPACE_TEST(rights_are_enforced_and_contents_kept)
{
	s64 addr = map(space, 0, 3, RW, ANON);

	KEXPECT_EQ(poke(addr + P(1), 5), 0);
	KEXPECT_EQ(vm_protect(space, addr + P(1), P(1), PROT_READ), 0);
	KEXPECT_EQ(peek(addr + P(1)), 5);
	KEXPECT_EQ(poke(addr + P(1), 6), -1);
	KEXPECT_EQ(poke(addr, 6), 0);
	KEXPECT_EQ(vm_protect(space, addr, P(3), PROT_NONE), 0);
	KEXPECT_EQ(peek(addr), -1);
	KEXPECT_EQ(peek(addr + P(1)), -1);
	KEXPECT_EQ(peek(addr + P(2)), -1);
	KEXPECT_EQ(rss(space), 2); /* kept, out of reach */
	KEXPECT_EQ(vm_protect(space, addr, P(3), RW), 0);
	KEXPECT_EQ(peek(addr), 6);
	KEXPECT_EQ(peek(addr + P(1)), 5);
	KEXPECT_EQ(poke(addr + P(1), 9), 0);
	KEXPECT_EQ(peek(addr + P(1)), 9);
	KEXPECT_EQ(rss(space), 2);
	KEXPECT_EQ(vm_protect(space, addr + P(2), P(2), PROT_READ),
		   -ENOMEM);		      /* a hole behind it, */
	KEXPECT_EQ(poke(addr + P(2), 1), -1); /* but the first page has changed */
	KEXPECT_EQ(vm_protect(space, addr + 1, P(1), PROT_READ), -EINVAL);
	KEXPECT_EQ(vm_protect(space, addr, P(1), 0x40), -EINVAL);
	KEXPECT_EQ(vm_protect(space, addr, 0, PROT_READ), 0);
}

SPACE_TEST(the_lowest_64_kib_are_never_mapped)
{
	KEXPECT_EQ(map(space, 0, 1, RW, ANON | MAP_FIXED), -EPERM);
	KEXPECT_EQ(map(space, USER_BASE - P(1), 2, RW, ANON | MAP_FIXED), -EPERM);
	KEXPECT_EQ(map(space, USER_BASE, 1, RW, ANON | MAP_FIXED), USER_BASE);
	KEXPECT_EQ(vm_unmap(space, USER_BASE, P(1)), 0);
	KEXPECT_EQ(map(space, P(1), 1, RW, ANON), USER_BASE); /* a hint is moved up */
	s64 addr = map(space, 0, 1, RW, ANON);

	KEXPECT_EQ(vm_remap(space, addr, P(1), P(1), MREMAP_MAYMOVE | MREMAP_FIXED, P(2)), -EPERM);
	KEXPECT_EQ(map(space, USER_END, 1, RW, ANON | MAP_FIXED), -ENOMEM);
	KEXPECT_EQ(map(space, USER_END - P(1), 1, RW, ANON | MAP_FIXED), USER_END - P(1));
	KEXPECT_EQ(poke(USER_END - 1, 3), 0);
	KEXPECT_EQ(poke(USER_END, 3), -1);
	KEXPECT_EQ(vm_map(space, 0, ~0ull, RW, ANON, NULL, 0), -ENOMEM);
	KEXPECT_EQ(vm_map(space, 0, 0, RW, ANON, NULL, 0), -EINVAL);
	KEXPECT_EQ(map(space, HINT + 1, 1, RW, ANON | MAP_FIXED), -EINVAL);
	KEXPECT_EQ(map(space, 0, 1, RW, MAP_ANONYMOUS), -EINVAL);
}

SPACE_TEST(fixed_replaces_and_noreplace_does_not)
{
	KEXPECT_EQ(map(space, HINT, 4, RW, ANON | MAP_FIXED_NOREPLACE), HINT);
	KEXPECT_EQ(poke(HINT + P(2), 1), 0);
	KEXPECT_EQ(map(space, HINT + P(3), 2, RW, ANON | MAP_FIXED_NOREPLACE), -EEXIST);
	KEXPECT_EQ(map(space, HINT + P(2), 1, PROT_READ, ANON | MAP_FIXED), HINT + P(2));
	KEXPECT_EQ(peek(HINT + P(2)), 0);
	KEXPECT_EQ(poke(HINT + P(2), 1), -1);
	KEXPECT_EQ(space->total_pages, 4);
	KEXPECT_EQ(map(space, HINT + P(3), 1, RW, ANON) == HINT + P(3), 0); /* a taken hint */
	KEXPECT_EQ(map(space, HINT + P(4), 1, RW, ANON), HINT + P(4));
	s64 low = map(space, 0, 1, RW, ANON | MAP_32BIT);

	KEXPECT(low >= 0x40000000 && low < 0x80000000);
}

SPACE_TEST(a_fork_shares_until_one_writes)
{
	s64 addr = map(space, 0, 600, RW, ANON); /* more than one lowest table has */
	u64 before;
	struct vm_space *child;

	for (u32 i = 0; i < 600; i += 3)
		KEXPECT_EQ(poke(addr + P(i), i), 0);
	before = free_pages();
	child = vm_space_fork(space, NULL);
	if (!KEXPECT(child))
		return;
	KEXPECT(before - free_pages() < 20); /* tables alone */
	KEXPECT_EQ(rss(child), rss(space));
	KEXPECT_EQ(poke(addr, 100), 0); /* copied: the child has it, too */
	KEXPECT_EQ(peek(addr + P(3)), 3);
	thread_switch_space(child);
	KEXPECT_EQ(peek(addr), 0);
	KEXPECT_EQ(peek(addr + P(3)), 3);
	KEXPECT_EQ(peek(addr + P(597)), 597 & 255);
	KEXPECT_EQ(peek(addr + P(1)), 0);
	KEXPECT_EQ(poke(addr + P(3), 33), 0);
	KEXPECT_EQ(poke(addr + P(1), 11), 0);
	KEXPECT_EQ(peek(addr + P(3)), 33);
	KEXPECT_EQ(rss(child), 201);
	thread_switch_space(space);
	vm_space_put(child);
	KEXPECT_EQ(peek(addr), 100);
	KEXPECT_EQ(peek(addr + P(3)), 3);
	KEXPECT_EQ(peek(addr + P(1)), 0);
	before = free_pages();
	KEXPECT_EQ(poke(addr + P(6), 66), 0); /* the child has gone: no copy is made */
	KEXPECT_EQ(free_pages(), before);
	KEXPECT_EQ(peek(addr + P(6)), 66);
	KEXPECT_EQ(rss(space), 200);
}

SPACE_TEST(a_fork_leaves_out_and_wipes_what_was_advised)
{
	s64 addr = map(space, 0, 3, RW, ANON);
	struct vm_space *child;

	for (u32 i = 0; i < 3; i++)
		KEXPECT_EQ(poke(addr + P(i), i + 1), 0);
	KEXPECT_EQ(vm_advise(space, addr, P(1), MADV_DONTFORK), 0);
	KEXPECT_EQ(vm_advise(space, addr + P(1), P(1), MADV_WIPEONFORK), 0);
	child = vm_space_fork(space, NULL);
	if (!KEXPECT(child))
		return;
	thread_switch_space(child);
	KEXPECT_EQ(peek(addr), -1);
	KEXPECT_EQ(peek(addr + P(1)), 0);
	KEXPECT_EQ(peek(addr + P(2)), 3);
	thread_switch_space(space);
	vm_space_put(child);
	KEXPECT_EQ(peek(addr + P(1)), 2);
	KEXPECT_EQ(vm_advise(space, addr, P(3), MADV_DOFORK), 0);
	KEXPECT_EQ(vm_advise(space, addr, P(3), MADV_KEEPONFORK), 0);
	KEXPECT_EQ(space->nr_regions, 1);
}

SPACE_TEST(out_of_reach_pages_survive_a_fork)
{
	s64 addr = map(space, 0, 2, RW, ANON);
	struct vm_space *child;

	KEXPECT_EQ(poke(addr, 1), 0);
	KEXPECT_EQ(vm_protect(space, addr, P(2), PROT_NONE), 0);
	child = vm_space_fork(space, NULL);
	if (!KEXPECT(child))
		return;
	KEXPECT_EQ(vm_protect(space, addr, P(2), RW), 0);
	KEXPECT_EQ(poke(addr, 2), 0);
	thread_switch_space(child);
	KEXPECT_EQ(peek(addr), -1);
	KEXPECT_EQ(vm_protect(child, addr, P(2), RW), 0);
	KEXPECT_EQ(peek(addr), 1);
	KEXPECT_EQ(poke(addr, 3), 0);
	thread_switch_space(space);
	KEXPECT_EQ(peek(addr), 2);
	vm_space_put(child);
}

SPACE_TEST(shared_memory_stays_shared)
{
	s64 addr = map(space, 0, 1000, RW, MAP_SHARED | MAP_ANONYMOUS);
	struct vm_space *child;

	KEXPECT_EQ(poke(addr + P(999), 1), 0);
	child = vm_space_fork(space, NULL);
	if (!KEXPECT(child))
		return;
	thread_switch_space(child);
	KEXPECT_EQ(peek(addr + P(999)), 1);
	KEXPECT_EQ(poke(addr + P(999), 2), 0);
	KEXPECT_EQ(poke(addr, 3), 0);
	KEXPECT_EQ(vm_unmap(child, addr + P(10), P(10)), 0);
	thread_switch_space(space);
	KEXPECT_EQ(peek(addr + P(999)), 2);
	KEXPECT_EQ(peek(addr), 3);
	KEXPECT_EQ(poke(addr + P(15), 4), 0);
	KEXPECT_EQ(vm_advise(space, addr, P(1), MADV_DONTNEED), 0);
	KEXPECT_EQ(peek(addr), 3); /* still the object's */
	KEXPECT_EQ(vm_advise(space, addr, P(1), MADV_REMOVE), 0);
	KEXPECT_EQ(peek(addr), 0);
	thread_switch_space(child);
	KEXPECT_EQ(peek(addr), 0);
	thread_switch_space(space);
	vm_space_put(child);
	KEXPECT_EQ(peek(addr + P(999)), 2);
	/* grown beyond the object: nothing there */
	addr = vm_remap(space, addr, P(1000), P(1001), MREMAP_MAYMOVE, 0);
	KEXPECT(addr > 0);
	KEXPECT_EQ(peek(addr + P(999)), 2);
	KEXPECT_EQ(peek(addr + P(1000)), -1);
	/* a second view of the same */
	s64 other = vm_remap(space, addr, 0, P(1000), MREMAP_MAYMOVE, 0);

	KEXPECT(other > 0 && other != addr);
	KEXPECT_EQ(poke(other + P(5), 55), 0);
	KEXPECT_EQ(peek(addr + P(5)), 55);
}

SPACE_TEST(remap_moves_grows_and_shrinks)
{
	s64 addr = map(space, HINT, 4, RW, ANON), other;

	for (u32 i = 0; i < 4; i++)
		KEXPECT_EQ(poke(addr + P(i), i + 1), 0);
	KEXPECT_EQ(vm_remap(space, addr, P(4), P(6), 0, 0), addr);
	KEXPECT_EQ(peek(addr + P(5)), 0);
	KEXPECT_EQ(vm_remap(space, addr, P(6), P(3), 0, 0), addr);
	KEXPECT_EQ(peek(addr + P(3)), -1);
	KEXPECT_EQ(rss(space), 3);
	KEXPECT_EQ(map(space, addr + P(3), 1, PROT_READ, ANON), addr + P(3));
	KEXPECT_EQ(vm_remap(space, addr, P(3), P(4), 0, 0), -ENOMEM);
	other = vm_remap(space, addr, P(3), P(700), MREMAP_MAYMOVE, 0);
	KEXPECT(other > 0 && other != addr);
	KEXPECT_EQ(peek(addr), -1);
	KEXPECT_EQ(peek(other), 1);
	KEXPECT_EQ(peek(other + P(2)), 3);
	KEXPECT_EQ(peek(other + P(699)), 0);
	KEXPECT_EQ(rss(space), 3);
	KEXPECT_EQ(vm_remap(space, other + P(1), P(2), P(2), MREMAP_MAYMOVE | MREMAP_FIXED,
			    HINT + P(500)),
		   HINT + P(500));
	KEXPECT_EQ(peek(HINT + P(501)), 3);
	KEXPECT_EQ(peek(other + P(1)), -1);
	KEXPECT_EQ(vm_remap(space, other, P(1), P(1), MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0) > 0, 1);
	KEXPECT_EQ(peek(other), 0); /* mapped still, and empty */
	KEXPECT_EQ(vm_remap(space, other, P(1), P(1), MREMAP_MAYMOVE | MREMAP_FIXED, other),
		   -EINVAL);
	KEXPECT_EQ(vm_remap(space, P(17), P(1), P(2), MREMAP_MAYMOVE, 0), -EFAULT);
	KEXPECT_EQ(vm_remap(space, other, 0, P(1), MREMAP_MAYMOVE, 0), -EINVAL);
}

SPACE_TEST(the_break_moves)
{
	space->brk_start = space->brk = HINT;
	KEXPECT_EQ(vm_set_brk(space, 0), HINT);
	KEXPECT_EQ(vm_set_brk(space, HINT + 100), HINT + 100);
	KEXPECT_EQ(poke(HINT + 4095, 1), 0);
	KEXPECT_EQ(poke(HINT + 4096, 1), -1);
	KEXPECT_EQ(vm_set_brk(space, HINT + P(10)), HINT + P(10));
	KEXPECT_EQ(space->nr_regions, 1);
	KEXPECT_EQ(poke(HINT + P(9), 1), 0);
	KEXPECT_EQ(map(space, HINT + P(20), 1, RW, ANON), HINT + P(20));
	KEXPECT_EQ(vm_set_brk(space, HINT + P(20)), HINT + P(10)); /* a page must stay free */
	KEXPECT_EQ(vm_set_brk(space, HINT + P(19)), HINT + P(19));
	KEXPECT_EQ(vm_set_brk(space, HINT + 1), HINT + 1);
	KEXPECT_EQ(peek(HINT), 0);
	KEXPECT_EQ(peek(HINT + P(1)), -1);
	KEXPECT_EQ(rss(space), 1);
	KEXPECT_EQ(vm_set_brk(space, HINT - 1), HINT + 1);
}

SPACE_TEST(stacks_grow_and_keep_their_distance)
{
	s64 addr = vm_map_stack(space, P(4), RW);
	u64 top = space->stack_top;

	KEXPECT_EQ(addr, top - P(4));
	KEXPECT_EQ(poke(top - 1, 1), 0);
	KEXPECT_EQ(poke(top - P(100), 2), 0);
	KEXPECT_EQ(peek(top - P(50)), 0);
	KEXPECT_EQ(space->total_pages, 100);
	/* what lies below keeps 1 MiB away */
	KEXPECT_EQ(map(space, top - P(1000), 1, RW, ANON | MAP_FIXED), top - P(1000));
	KEXPECT_EQ(poke(top - P(999 - 255), 1), -1);
	KEXPECT_EQ(poke(top - P(999 - 256), 1), 0);
	KEXPECT_EQ(peek(top - P(998)), -1);
	/* and no mapping is placed within the gap by itself */
	KEXPECT(map(space, top - P(800), 1, RW, ANON) != (s64)(top - P(800)));
	KEXPECT_EQ(space->nr_regions, 3);
}

SPACE_TEST(advice_gives_pages_up)
{
	s64 addr = map(space, 0, 8, RW, ANON);
	u64 before;

	for (u32 i = 0; i < 8; i++)
		KEXPECT_EQ(poke(addr + P(i), 1), 0);
	before = free_pages();
	KEXPECT_EQ(vm_advise(space, addr + P(2), P(3), MADV_DONTNEED), 0);
	KEXPECT_EQ(free_pages(), before + 3);
	KEXPECT_EQ(peek(addr + P(1)), 1);
	KEXPECT_EQ(peek(addr + P(2)), 0);
	KEXPECT_EQ(vm_unmap(space, addr + P(4), P(1)), 0);
	KEXPECT_EQ(vm_advise(space, addr, P(8), MADV_DONTNEED),
		   -ENOMEM); /* a hole; done all the same */
	KEXPECT_EQ(rss(space), 0);
	KEXPECT_EQ(vm_advise(space, addr, P(4), MADV_POPULATE_WRITE), 0);
	KEXPECT_EQ(rss(space), 4);
	KEXPECT_EQ(vm_advise(space, addr, P(5), MADV_POPULATE_READ), -ENOMEM);
	KEXPECT_EQ(vm_advise(space, addr, P(1), 99), -EINVAL);
	KEXPECT_EQ(vm_advise(space, addr + 1, P(1), MADV_NORMAL), -EINVAL);
	KEXPECT_EQ(vm_advise(space, addr, P(1), MADV_HUGEPAGE), -EINVAL);
	KEXPECT_EQ(vm_lock(space, addr, P(1), 0), 0);
	KEXPECT_EQ(vm_advise(space, addr, P(1), MADV_DONTNEED), -EINVAL);
	KEXPECT_EQ(space->locked_pages, 1);
	KEXPECT_EQ(vm_unlock(space, addr, P(1)), 0);
	KEXPECT_EQ(space->locked_pages, 0);
}

SPACE_TEST(what_mincore_sees_is_what_is_there)
{
	s64 addr = map(space, 0, 70, RW, ANON),
	    vector = map(space, 0, 1, RW, MAP_SHARED | MAP_ANONYMOUS);
	u8 vec[70];

	KEXPECT_EQ(poke(addr + P(1), 1), 0);
	KEXPECT_EQ(poke(addr + P(69), 1), 0);
	KEXPECT_EQ(vm_incore(space, addr, P(70), uaddr(vector)), 0);
	KEXPECT_EQ(copy_from_user(vec, uaddr(vector), 70), 0);
	for (u32 i = 0; i < 70; i++)
		KEXPECT_EQ(vec[i], i == 1 || i == 69);
	KEXPECT_EQ(vm_unmap(space, addr + P(5), P(1)), 0);
	KEXPECT_EQ(vm_incore(space, addr, P(70), uaddr(vector)), -ENOMEM);
	KEXPECT_EQ(vm_incore(space, addr, P(1), uaddr(addr + P(5))), -EFAULT);
	KEXPECT_EQ(vm_incore(space, addr + 1, P(1), uaddr(vector)), -EINVAL);
	KEXPECT_EQ(vm_sync(space, addr, P(1), MS_SYNC), 0);
	KEXPECT_EQ(vm_sync(space, addr, P(9), MS_SYNC), -ENOMEM);
	KEXPECT_EQ(vm_sync(space, addr, P(1), MS_SYNC | MS_ASYNC), -EINVAL);
}

SPACE_TEST(another_space_is_reached)
{
	char text[] = "from outside", back[sizeof(text)];
	s64 addr = map(space, 0, 2, RW, ANON);
	u64 offset = addr + P(1) - 5;

	vm_space_get(space);
	thread_switch_space(NULL);
	KEXPECT_EQ(vm_space_access(space, offset, text, sizeof(text), true), sizeof(text));
	KEXPECT_EQ(vm_space_access(space, offset, back, sizeof(back), false), sizeof(back));
	KEXPECT_EQ(memcmp(text, back, sizeof(text)), 0);
	KEXPECT_EQ(vm_space_access(space, addr + P(2) - 3, back, sizeof(back), false), 3);
	KEXPECT_EQ(vm_space_access(space, P(1), back, 1, false), 0);
	thread_switch_space(space);
	KEXPECT_EQ(peek(offset + 5), 'o');
	KEXPECT_EQ(vm_protect(space, addr, P(2), PROT_READ), 0);
	KEXPECT_EQ(vm_space_access(space, offset, text, 1, true), 0);
	vm_space_put(space);
}

/* Down to the last region allowed; splits fail then, and nothing is lost. */
SPACE_TEST(regions_have_a_limit)
{
	struct mem_info memory;
	s64 addr = map(space, 0, 65600, RW, ANON | MAP_NORESERVE);
	u32 count;

	mem_info_get(&memory);
	if (memory.free < 8192)
		KSKIP("not enough memory");
	for (count = 0; count < 40000 && !vm_protect(space, addr + P(2 * count), P(1), PROT_READ);
	     count++)
		;
	KEXPECT(space->nr_regions <= 65530 && space->nr_regions >= 65528);
	KEXPECT_EQ(vm_unmap(space, addr + P(65590), P(1)), -ENOMEM);
	KEXPECT_EQ(vm_unmap(space, addr, P(1)), 0);
	KEXPECT_EQ(vm_unmap(space, addr, P(65600)), 0);
	KEXPECT_EQ(space->nr_regions, 0);
}

/* ---- a file ---- */

#define FILE_PAGES 40u

/* Pages in an array for a cache; the last 8 are not cached, but read. */
static struct fake {
	struct file *file; /* made once, kept */
	struct page *page[FILE_PAGES];
	u32 size, reads, dirtied, around;
	u32 fails_at;	  /* the how manieth page_mkwrite() fails */
	bool stays_clean; /* page_mkwrite() sets no PG_DIRTY, or write-back is as fast */
} fake;

static int fake_fault(struct vm_region *region, u64 pgoff, struct page **out)
{
	if (pgoff >= fake.size)
		return -EINVAL;
	fake.reads++;
	*out = fake.page[pgoff];
	page_get(*out);
	return pgoff >= FILE_PAGES - 8;
}

static int fake_fault_around(struct vm_region *region, u64 first, u32 count, struct page **pages)
{
	int found = 0;

	fake.around++;
	for (u32 i = 0; i < count; i++) {
		if (first + i < fake.size && first + i < FILE_PAGES - 8)
			pages[i] = fake.page[first + i];
		else
			pages[i] = NULL;
		if (pages[i]) {
			page_get(pages[i]);
			found++;
		}
	}
	return found;
}

static int fake_mkwrite(struct vm_region *region, struct page *page)
{
	if (++fake.dirtied == fake.fails_at)
		return -ENOSPC;
	if (!fake.stays_clean)
		page->flags |= PG_DIRTY;
	return 0;
}

static const struct vm_region_ops fake_region_ops = {
	.fault = fake_fault,
	.fault_around = fake_fault_around,
	.page_mkwrite = fake_mkwrite,
	.page_cache = true,
	.write_back = true,
};

static int fake_mmap(struct file *f, struct vm_region *region)
{
	region->ops = &fake_region_ops;
	return 0;
}

static const struct file_ops fake_ops = { .mmap = fake_mmap };

static bool fake_open(struct ktest_context *test)
{
	struct file *f = fake.file ? fake.file : file_create_anon("test", &fake_ops, NULL, O_RDWR);

	if (!KEXPECT(!IS_ERR(f)))
		return false;
	memset(&fake, 0, sizeof(fake));
	fake.file = f;
	f->mode = FMODE_READ | FMODE_WRITE;
	fake.size = FILE_PAGES;
	for (u32 i = 0; i < FILE_PAGES; i++) {
		fake.page[i] = page_alloc(PAGE_ZERO);
		if (!KEXPECT(fake.page[i]))
			return false;
		fake.page[i]->mapping = &fake;
		*(u8 *)page_address(fake.page[i]) = i + 1;
	}
	return true;
}

/* Cut the file to @size pages, as a file system does. */
static void fake_truncate(u32 size)
{
	u32 old = fake.size;

	fake.size = size;
	for (u32 i = size; i < old; i++)
		fake.page[i]->mapping = NULL;
	vm_unmap_file_range(&fake.file->inode->pages, size, ~0ull, true);
	for (u32 i = size; i < old; i++)
		page_put(fake.page[i]);
}

static void fake_close(struct ktest_context *test)
{
	KEXPECT(list_empty(&fake.file->inode->pages.regions));
	KEXPECT_EQ(atomic_read(&fake.file->refs), 1);
	for (u32 i = 0; i < fake.size; i++)
		KEXPECT_EQ(atomic_read(&fake.page[i]->refs), 1);
	fake_truncate(0);
}

SPACE_TEST(a_private_mapping_of_a_file_copies_what_is_written)
{
	s64 addr, other;

	if (!fake_open(test))
		return;
	addr = vm_map(space, HINT, P(FILE_PAGES), RW, MAP_PRIVATE, fake.file, 0);
	KEXPECT_EQ(addr, HINT);
	KEXPECT_EQ(peek(addr + P(2)), 3);
	KEXPECT_EQ(fake.around, 1);
	KEXPECT_EQ(rss(space), 16);
	for (u32 i = 0; i < 32; i++)
		KEXPECT_EQ(peek(addr + P(i)), i + 1);
	KEXPECT_EQ(fake.around, 2);
	KEXPECT_EQ(fake.reads, 0);
	KEXPECT_EQ(peek(addr + P(39)), 40);
	KEXPECT_EQ(fake.reads, 1);
	KEXPECT_EQ(rss(space), 33);
	KEXPECT_EQ(poke(addr + P(2), 99), 0);  /* mapped before */
	KEXPECT_EQ(poke(addr + P(38), 98), 0); /* not mapped before */
	KEXPECT_EQ(rss(space), 34);
	KEXPECT_EQ(space->rss_anon, 2);
	KEXPECT_EQ(*(u8 *)page_address(fake.page[2]), 3);
	KEXPECT_EQ(*(u8 *)page_address(fake.page[38]), 39);
	KEXPECT_EQ(peek(addr + P(2)), 99);
	KEXPECT_EQ(fake.dirtied, 0);
	/* the same pages with an offset; neighbours in file and space are one region */
	other = vm_map(space, HINT + P(100), P(2), PROT_READ, MAP_PRIVATE, fake.file, P(10));
	KEXPECT_EQ(peek(other), 11);
	KEXPECT_EQ(vm_map(space, other + P(2), P(2), PROT_READ, MAP_PRIVATE | MAP_FIXED, fake.file,
			  P(12)),
		   other + P(2));
	KEXPECT_EQ(space->nr_regions, 2);
	KEXPECT_EQ(vm_unmap(space, other + P(1), P(1)), 0);
	KEXPECT_EQ(space->nr_regions, 3);
	KEXPECT_EQ(peek(other + P(3)), 14);
	KEXPECT_EQ(vm_unmap(space, 0, USER_END), 0);
	fake_close(test);
}

SPACE_TEST(a_shared_mapping_of_a_file_tells_before_it_is_written)
{
	s64 addr;

	if (!fake_open(test))
		return;
	addr = vm_map(space, HINT, P(FILE_PAGES), RW, MAP_SHARED, fake.file, 0);
	KEXPECT_EQ(addr, HINT);
	KEXPECT_EQ(peek(addr), 1);
	KEXPECT_EQ(fake.dirtied, 0);
	KEXPECT_EQ(poke(addr, 50), 0);
	KEXPECT_EQ(poke(addr, 51), 0);
	KEXPECT_EQ(fake.dirtied, 1);
	KEXPECT_EQ(poke(addr + P(39), 52), 0);
	KEXPECT_EQ(fake.dirtied, 2);
	KEXPECT_EQ(*(u8 *)page_address(fake.page[0]), 51);
	KEXPECT_EQ(*(u8 *)page_address(fake.page[39]), 52);
	/* written back and clean: the next write tells again */
	fake.page[0]->flags &= ~PG_DIRTY;
	vm_protect_file_range(&fake.file->inode->pages, 0, 0);
	KEXPECT_EQ(peek(addr), 51);
	KEXPECT_EQ(poke(addr, 53), 0);
	KEXPECT_EQ(fake.dirtied, 3);
	KEXPECT_EQ(vm_protect(space, addr, P(1), PROT_READ), 0);
	KEXPECT_EQ(poke(addr, 54), -1);
	KEXPECT_EQ(vm_unmap(space, addr, P(FILE_PAGES)), 0);
	fake.file->mode = FMODE_READ;
	KEXPECT_EQ(vm_map(space, HINT, P(1), RW, MAP_SHARED, fake.file, 0), -EACCES);
	KEXPECT_EQ(vm_map(space, HINT, P(1), PROT_READ, MAP_SHARED, fake.file, 0), HINT);
	KEXPECT_EQ(vm_protect(space, HINT, P(1), RW), -EACCES);
	KEXPECT_EQ(vm_unmap(space, HINT, P(1)), 0);
	fake_close(test);
}

/* Write-back may clean a page as often as it likes: a write ends, and the file was told after the last time. */
SPACE_TEST(a_page_that_is_cleaned_at_once_can_be_written)
{
	s64 addr;

	if (!fake_open(test))
		return;
	addr = vm_map(space, HINT, P(FILE_PAGES), RW, MAP_SHARED, fake.file, 0);
	fake.stays_clean = true;
	KEXPECT_EQ(peek(addr), 1);
	KEXPECT_EQ(poke(addr, 50), 0);
	KEXPECT_EQ(fake.dirtied, 2);
	KEXPECT_EQ(poke(addr + P(39), 51), 0);
	KEXPECT_EQ(fake.dirtied, 4);
	/* told again, it has no room: the page is as read-only as before */
	KEXPECT_EQ(peek(addr + P(1)), 2);
	fake.fails_at = 6;
	KEXPECT_EQ(poke(addr + P(1), 52), -1);
	KEXPECT_EQ(fake.dirtied, 6);
	fake.fails_at = 8;
	KEXPECT_EQ(poke(addr + P(38), 53), -1);
	KEXPECT_EQ(fake.dirtied, 8);
	KEXPECT_EQ(peek(addr + P(38)), 39);
	KEXPECT_EQ(poke(addr + P(1), 54), 0);
	KEXPECT_EQ(poke(addr + P(38), 55), 0);
	KEXPECT_EQ(fake.dirtied, 12);
	KEXPECT_EQ(vm_unmap(space, addr, P(FILE_PAGES)), 0);
	fake_close(test);
}

SPACE_TEST(a_truncation_takes_pages_out_of_all_spaces)
{
	struct vm_space *child;
	s64 addr, other;

	if (!fake_open(test))
		return;
	addr = vm_map(space, HINT, P(FILE_PAGES), RW, MAP_PRIVATE, fake.file, 0);
	other = vm_map(space, HINT + P(64), P(30), PROT_READ, MAP_SHARED, fake.file, P(10));
	KEXPECT_EQ(poke(addr + P(25), 1), 0);
	KEXPECT_EQ(poke(addr + P(5), 2), 0);
	KEXPECT_EQ(peek(addr + P(26)), 27);
	KEXPECT_EQ(peek(other + P(15)), 26);
	child = vm_space_fork(space, NULL);
	if (!KEXPECT(child))
		return;
	fake_truncate(20);
	KEXPECT_EQ(peek(addr + P(5)), 2);
	KEXPECT_EQ(peek(addr + P(19)), 20);
	KEXPECT_EQ(peek(addr + P(20)), -1);
	KEXPECT_EQ(peek(addr + P(25)), -1); /* the private copy has gone, too */
	KEXPECT_EQ(peek(other + P(9)), 20);
	KEXPECT_EQ(peek(other + P(15)), -1);
	thread_switch_space(child);
	KEXPECT_EQ(peek(addr + P(25)), -1);
	KEXPECT_EQ(peek(addr + P(5)), 2);
	KEXPECT_EQ(peek(other + P(15)), -1);
	thread_switch_space(space);
	vm_space_put(child);
	KEXPECT_EQ(vm_remap(space, addr, P(FILE_PAGES), P(FILE_PAGES),
			    MREMAP_MAYMOVE | MREMAP_FIXED, HINT + P(200)),
		   HINT + P(200));
	KEXPECT_EQ(peek(HINT + P(205)), 2);
	fake_truncate(3);
	KEXPECT_EQ(peek(HINT + P(205)), -1);
	KEXPECT_EQ(peek(HINT + P(202)), 3);
	KEXPECT_EQ(vm_unmap(space, 0, USER_END), 0);
	KEXPECT_EQ(rss(space), 0);
	fake_close(test);
}

/* ---- several threads in one space ---- */

#define CROWD	    4u
#define CROWD_PAGES 256u
static struct {
	struct vm_space *space;
	u64 at;
	struct atomic wrong, left;
} crowd;

/* All write their own byte of every page: each page is made once, and no byte is lost. */
static void crowd_member(void *arg)
{
	u64 self = (u64)arg;

	thread_switch_space(crowd.space);
	for (u32 i = 0; i < CROWD_PAGES; i++)
		if (poke(crowd.at + P(i) + self, self + 1))
			atomic_inc(&crowd.wrong);
	thread_switch_space(NULL);
	vm_space_put(crowd.space);
	atomic_dec(&crowd.left);
}

static void crowd_writes(struct ktest_context *test, struct vm_space *space)
{
	crowd.space = space;
	atomic_set(&crowd.wrong, 0);
	atomic_set(&crowd.left, CROWD);
	for (u64 i = 0; i < CROWD; i++) {
		vm_space_get(space);
		if (!KEXPECT_EQ(thread_spawn(crowd_member, (void *)i, "crowd"), 0)) {
			vm_space_put(space);
			atomic_dec(&crowd.left);
		}
	}
	while (atomic_read(&crowd.left))
		sched_yield_current();
	KEXPECT_EQ(atomic_read(&crowd.wrong), 0);
	for (u32 i = 0; i < CROWD_PAGES; i++)
		for (u32 round = 0; round < CROWD; round++)
			if (peek(crowd.at + P(i) + round) != (int)round + 1)
				atomic_inc(&crowd.wrong);
	KEXPECT_EQ(atomic_read(&crowd.wrong), 0);
}

KTEST(vm, threads_fault_side_by_side)
{
	struct vm_space *space = vm_space_create(), *child;

	if (!KEXPECT(space))
		return;
	thread_switch_space(space);
	crowd.at = map(space, 0, CROWD_PAGES, RW, ANON);
	crowd_writes(test, space);
	KEXPECT_EQ(rss(space), CROWD_PAGES);
	/* again, as copies */
	child = vm_space_fork(space, NULL);
	if (KEXPECT(child)) {
		crowd_writes(test, space);
		KEXPECT_EQ(rss(space), CROWD_PAGES);
		vm_space_put(child);
	}
	thread_switch_space(NULL);
	vm_space_put(space);
}

/* ---- what it costs: under QEMU's icount, instructions ---- */

#define COUNTED(what, n, code)                                 \
	do {                                                   \
		u64 start = rdtsc(), took;                     \
		code;                                          \
		took = rdtsc() - start;                        \
		pr_info("# bench %s %lu\n", what, took / (n)); \
	} while (0)

static void touch(u64 a, u64 npages)
{
	for (u64 i = 0; i < npages; i++)
		if (put_user_u32(uaddr(a + P(i)), 1))
			return;
}

KTEST(vm, bench)
{
	struct vm_space *space = vm_space_create(), *child = NULL;
	s64 addr, other;

	if (!KEXPECT(space))
		return;
	thread_switch_space(space);
	for (u32 round = 0; round < 2; round++) {
		addr = map(space, 0, 512, RW, ANON);
		COUNTED("vm anonymous fault", 512, touch(addr, 512));
		COUNTED("vm no fault", 512, touch(addr, 512));
		COUNTED("vm_space_fork of 512 pages", 1, child = vm_space_fork(space, NULL));
		if (!KEXPECT(child))
			break;
		COUNTED("vm copy on write fault", 512, touch(addr, 512));
		COUNTED("vm_space_put of 512 pages", 1, vm_space_put(child));
		child = vm_space_fork(space, NULL);
		if (!KEXPECT(child))
			break;
		vm_space_put(child);
		COUNTED("vm reuse fault", 512, touch(addr, 512));
		COUNTED("vm_unmap of 512 pages", 1, vm_unmap(space, addr, P(512)));
		other = map(space, 0, 8, RW, ANON);
		COUNTED("vm_map", 1, addr = map(space, 0, 1, RW, ANON));
		COUNTED("vm_unmap", 1, vm_unmap(space, addr, P(1)));
		addr = map(space, 0, 1, RW, ANON);
		touch(addr, 1);
		COUNTED("vm_unmap of a touched page", 1, vm_unmap(space, addr, P(1)));
		touch(other, 1);
		COUNTED("vm_protect read-only", 1, vm_protect(space, other, P(1), PROT_READ));
		COUNTED("vm_protect writable", 1, vm_protect(space, other, P(1), RW));
		vm_unmap(space, other, P(8));
		COUNTED("vm_space_create+put", 1, vm_space_put(vm_space_create()));
	}
	thread_switch_space(NULL);
	vm_space_put(space);
}

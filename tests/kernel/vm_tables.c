// SPDX-License-Identifier: MIT
/*
 * The walkers of user page tables (mm/vm_tables.c, vm_zap.c) refuse by themselves what lies beyond
 * user space, whatever their callers let through. Each refusal that is a fault of
 * the caller's is logged as a warning: those in this test's output are meant.
 */
#include <asm/pgtable.h>
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include "../../mm/vm_internal.h"

#define KERNEL_HALF 0xffff800000000000ull
#define AT	    0x10000000ull

static pte_t *top_table(struct vm_space *space)
{
	return phys_to_virt(space->tables.root);
}

static bool byte_is(u64 addr, u8 wanted)
{
	u8 byte;

	return !copy_from_user(&byte, uaddr(addr), 1) && byte == wanted;
}

/* Everything that walks, over ranges that reach beyond user space, or begin there, or wrap. */
static void walk_beyond(struct ktest_context *test, struct vm_space *space)
{
	static const struct {
		u64 start, end;
	} far[] = {
		{ AT, PT_USER_END + PAGE_SIZE },
		{ AT, KERNEL_HALF },
		{ AT, ~0ull & PAGE_MASK },
		{ KERNEL_HALF, KERNEL_HALF + (1ull << 39) },
		{ 0xffff900000000000ull, 0xffff900000001000ull },
		{ ~0ull & PAGE_MASK, 0 },
	};
	struct vm_gather gather;
	DEFINE_LIST(dead);

	for (u32 i = 0; i < ARRAY_SIZE(far); i++) {
		u64 addr = far[i].start, stop;

		vm_gather_init(&gather, space);
		vm_zap(&gather, far[i].start, far[i].end);
		vm_free_tables(&gather, far[i].start, far[i].end, 0, PT_USER_END);
		KEXPECT(!gather.tables && !gather.anon && !gather.nr_shared);
		vm_gather_finish(&gather);
		KEXPECT(far[i].end < far[i].start ||
			!vm_next_leaf(space, &addr, far[i].end, &stop));
		KEXPECT_EQ(vm_unmap_locked(space, far[i].start, far[i].end, &dead), -EINVAL);
	}
	vm_gather_init(&gather, space);
	vm_free_tables(&gather, 0, PT_USER_END, 0, ~0ull);
	KEXPECT(!gather.tables);
	for (u32 top = PT_USER_ENTRIES; top < PTRS_PER_TABLE; top++) {
		KEXPECT(!vm_pte(space, KERNEL_HALF | (u64)top << 39));
		KEXPECT(!vm_pte(space, (u64)top << 39)); /* not canonical */
	}
	KEXPECT(!vm_pte_alloc(space, KERNEL_HALF));
	KEXPECT(list_empty(&dead));
}

KTEST(vm_tables, nothing_is_walked_beyond_user_space)
{
	struct vm_space *space = vm_space_create();
	pte_t before[PTRS_PER_TABLE - PT_USER_ENTRIES];

	if (!KEXPECT(space))
		return;
	thread_switch_space(space);
	KEXPECT_EQ(vm_map(space, AT, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  NULL, 0),
		   AT);
	KEXPECT_EQ(put_user_u32(uaddr(AT), 7), 0);
	memcpy(before, top_table(space) + PT_USER_ENTRIES, sizeof(before));
	down_write(&space->lock);
	walk_beyond(test, space);
	up_write(&space->lock);
	KEXPECT(!memcmp(before, top_table(space) + PT_USER_ENTRIES, sizeof(before)));
	KEXPECT(byte_is(AT, 7));
	KEXPECT_EQ(space->nr_regions, 1);
	KEXPECT_EQ(atomic_read(&space->nr_tables), 3);
	thread_switch_space(NULL);
	vm_space_put(space);
}

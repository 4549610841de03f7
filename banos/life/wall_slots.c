// SPDX-License-Identifier: MIT
/*
 * Slots of the kernel's functions, for drivers behind a wall (<kernel/wall.h>): wall_import()
 * finds there what to call, and what crosses.
 */
#include <asm/wall.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/panic.h>

extern u8 _wall_text[], _wall_text_end[];

static struct call_slot *kernel_slots;
static const struct export *first_export;

u64 function_for_drivers(const struct export *export)
{
	u64 own = (u64)wall_compiler_function(export->name);

	if (own)
		return own;
	return export->address;
}

struct call_slot *slot_of_kernel(const struct export *export)
{
	u64 function = function_for_drivers(export);

	if (function >= (u64)_wall_text && function < (u64)_wall_text_end)
		return NULL;
	return &kernel_slots[export - first_export];
}

int kernel_slots_init(const struct export *exports, u32 n)
{
	kernel_slots = kvzalloc(n * sizeof(*kernel_slots));
	if (!kernel_slots)
		return -ENOMEM;
	first_export = exports;
	for (u32 i = 0; i < n; i++) {
		kernel_slots[i].target = (const void *)exports[i].address;
		kernel_slots[i].name = exports[i].name;
		if (!slot_of_kernel(&exports[i]))
			continue;
		kernel_slots[i].crossing = crossing_of_function(exports[i].name);
		if (!kernel_slots[i].crossing)
			panic("what crosses in calls of %s() is not stated", exports[i].name);
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * What tests ask of the allocators: how much is in use to the byte, and to fail
 * once, at a given allocation. Both cost nothing unless configured.
 */
#include <kernel/cpu.h>
#include <kernel/heap.h>

s64 heap_debug_live_bytes;

s64 heap_debug_live(void) { return __atomic_load_n(&heap_debug_live_bytes, __ATOMIC_RELAXED); }

#ifdef CONFIG_FAULT_INJECTION
const void *heap_fail_thread;
static u64 fail_left;
static bool failed;

bool heap_fail_now(void)
{
	if (heap_fail_thread != CPU_FIELD_READ(running) || CPU_FIELD_READ(irq_depth) || --fail_left)
		return false;
	heap_fail_thread = NULL;
	failed = true;
	return true;
}

void heap_fail_nth(u64 n)
{
	fail_left = n;
	failed = false;
	heap_fail_thread = n ? CPU_FIELD_READ(running) : NULL;
}

bool heap_has_failed(void) { return failed; }
#else
void heap_fail_nth(u64 n) { }
bool heap_has_failed(void) { return false; }
#endif

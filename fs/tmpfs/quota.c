// SPDX-License-Identifier: MIT
/*
 * Quotas: how much of something is used, and that it is not too much.
 *
 * One counter would be written by each processor that makes or removes a file. So each
 * has a cell of its own with some that it took from the counter in advance, and gives
 * back to it only when it has many. Near the limit all cells are emptied first: what is
 * refused would be too much at that moment, but for what other processors are taking.
 */
#include <kernel/cpu.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include "quota.h"

#define QUOTA_BATCH 32

struct quota_cell {
	struct atomic64 spare;
} __aligned(64);

int quota_init(struct quota *quota)
{
	quota->taken = (struct atomic64){ 0 };
	quota->cells = kcalloc(cpu_count, sizeof(*quota->cells));
	if (!quota->cells)
		return -ENOMEM;
	return 0;
}

void quota_destroy(struct quota *quota)
{
	kfree(quota->cells);
}

/* From what the processor has. @p cell is any one's if the thread moves: that is only slower. */
static bool take_spare(struct quota_cell *cell, s64 count)
{
	s64 spare = atomic_read(&cell->spare);

	while (spare >= count)
		if (__atomic_compare_exchange_n(&cell->spare.v, &spare, spare - count, false,
						__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return true;
	return false;
}

static bool quota_take(struct quota *quota, s64 count, s64 max)
{
	if (atomic_add_return(&quota->taken, count) <= max || !max)
		return true;
	atomic_sub(&quota->taken, count);
	return false;
}

static __noinline bool charge_slowly(struct quota *quota, s64 count, s64 max)
{
	if (quota_take(quota, count + QUOTA_BATCH, max)) {
		atomic_add(&quota->cells[cpu_id()].spare, QUOTA_BATCH);
		return true;
	}
	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		atomic_sub(&quota->taken, atomic_xchg(&quota->cells[cpu].spare, 0));
	return quota_take(quota, count, max);
}

bool quota_charge(struct quota *quota, s64 count, s64 max)
{
	if (likely(take_spare(&quota->cells[cpu_id()], count)))
		return true;
	return charge_slowly(quota, count, max);
}

void quota_uncharge(struct quota *quota, s64 count)
{
	struct quota_cell *cell = &quota->cells[cpu_id()];
	s64 spare = atomic_add_return(&cell->spare, count);

	if (unlikely(spare > 2 * QUOTA_BATCH) && take_spare(cell, spare - QUOTA_BATCH))
		atomic_sub(&quota->taken, spare - QUOTA_BATCH);
}

s64 quota_used(const struct quota *quota)
{
	s64 used = atomic_read(&quota->taken);

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		used -= atomic_read(&quota->cells[cpu].spare);
	return MAX(used, 0l);
}

// SPDX-License-Identifier: MIT
/*
  * System calls that this kernel does not have: a log of the programs that made them.
 *
 * Each pair of a program's name and a number is logged once per boot, so that a user
 * can find in dmesg why a program fails; not on the consoles, since
 * C libraries try such calls and continue without them. Pairs that were logged are
 * stored as hashes in a table, whose entries are added without a lock and never removed.
 * A pair is not logged if the table is full near its slot, or if too many are logged at once.
 */
#include "internal.h"
#include <kernel/printk.h>
#include <kernel/rate_limit.h>
#include <kernel/syscalls.h>
#include <kernel/upcalls.h>

#define PAIRS	     512
#define TRIES	     8
#define FOREIGN_CALL ~0u /* in place of a number */

static u64 logged[PAIRS]; /* 0: free */

/* FNV-1a; never 0 */
static u64 unknown_call_hash(const char *name, u32 number)
{
	u64 hash = 0xcbf29ce484222325 ^ number;

	while (*name)
		hash = (hash ^ (u8)*name++) * 0x100000001b3;
	hash = (hash ^ number) * 0x100000001b3;
	return (hash ^ hash >> 29) | 1;
}

/* @return a free slot for it; NULL: it was logged already, or no slot is free */
static u64 *unknown_call_find_slot(u64 pair)
{
	for (u32 i = 0; i < TRIES; i++) {
		u64 *place = &logged[(pair / 2 + i) % PAIRS], there = READ_ONCE(*place);

		if (there == pair)
			return NULL;
		if (!there)
			return place;
	}
	return NULL;
}

/* @return the caller is to log it */
static bool unknown_call_note(u32 number)
{
	static DEFINE_RATE_LIMIT(limit, 256, 10 * NSEC_PER_SEC);
	u64 pair = unknown_call_hash(current->comm, number), *place = unknown_call_find_slot(pair),
	    none = 0;
	u32 missed;

	return place && rate_limit_pass(&limit, &missed) &&
	       __atomic_compare_exchange_n(place, &none, pair, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

void upcall_unknown_call(u32 number)
{
	if (unknown_call_note(number))
		pr_debug("%s (%d): system call %u is not implemented\n", current->comm,
			 current->proc->pid, number);
}

void unknown_call_foreign(void)
{
	if (unknown_call_note(FOREIGN_CALL))
		pr_warn("%s (%d): int $0x80 is the system call of 32-bit programs, which this kernel cannot run\n",
			current->comm, current->proc->pid);
}

SYSCALL0(ni)
{
	upcall_unknown_call(syscall_number(current_regs()));
	return -ENOSYS;
}

/* Each program of glibc makes this call at its start and runs without it, so it is not logged. */
SYSCALL0(rseq)
{
	return -ENOSYS;
}

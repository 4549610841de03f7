/* SPDX-License-Identifier: MIT */
/** @file lock_class.h  What the order of locks (lock_order.h) needs in each lock, thread and CPU. */
#pragma once
#include <kernel/types.h>

#define LOCK_CLASSES 512u
#define LOCKS_HELD   24u

struct lock_class {
	const char *name;		  /* NULL: known by where it was taken first */
	u64 first_ip;			  /* where that was */
	u32 id;				  /* 0: not taken yet */
	bool in_interrupt, interrupts_on; /* how it has been taken */
};
/** The locks that a CPU (spin locks) or a thread (others) holds, oldest first. */
struct lock_stack {
	u32 n;
	struct {
		const void *lock;
		struct lock_class *class;
		u64 ip;
	} at[LOCKS_HELD];
};

#ifdef CONFIG_DEBUG_LOCKS
/** The class of locks that are made here. */
#define LOCK_CLASS_HERE(text)                                         \
	({                                                            \
		static struct lock_class _class = { .name = (text) }; \
		&_class;                                              \
	})
#endif

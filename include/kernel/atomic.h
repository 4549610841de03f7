/* SPDX-License-Identifier: MIT */
/** @file atomic.h  Atomic counters; sequentially consistent unless the name contains relaxed. */
#pragma once
#include <kernel/types.h>

struct atomic {
	s32 v;
};
struct atomic64 {
	s64 v;
};
#define ATOMIC_INIT(n) \
	{              \
		(n)    \
	}
#define atomic_read(a)	 __atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic_set(a, n) __atomic_store_n(&(a)->v, (n), __ATOMIC_RELAXED)
#define atomic_add(a, n) ((void)__atomic_fetch_add(&(a)->v, (n), __ATOMIC_SEQ_CST))
#define atomic_sub(a, n) ((void)__atomic_fetch_sub(&(a)->v, (n), __ATOMIC_SEQ_CST))
#define atomic_inc(a)	 atomic_add(a, 1)
#define atomic_dec(a)	 atomic_sub(a, 1)
/** New value after the operation. */
#define atomic_add_return(a, n) __atomic_add_fetch(&(a)->v, (n), __ATOMIC_SEQ_CST)
#define atomic_sub_return(a, n) __atomic_sub_fetch(&(a)->v, (n), __ATOMIC_SEQ_CST)
#define atomic_dec_and_test(a)	(__atomic_sub_fetch(&(a)->v, 1, __ATOMIC_SEQ_CST) == 0)
#define atomic_xchg(a, n)	__atomic_exchange_n(&(a)->v, (n), __ATOMIC_SEQ_CST)
#define atomic_cmpxchg(a, old, new)                                                       \
	({                                                                                \
		typeof((a)->v) _o = (old);                                                \
		__atomic_compare_exchange_n(&(a)->v, &_o, (new), false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                            \
		_o;                                                                       \
	})
/** Add one unless zero; true when added. */
static inline bool atomic_inc_not_zero(struct atomic *a)
{
	s32 v = atomic_read(a);
	while (v && !__atomic_compare_exchange_n(&a->v, &v, v + 1, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
		;
	return v != 0;
}
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

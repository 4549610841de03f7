/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's inner paths cost, in TSC ticks: under QEMU's icount, in
 * instructions. Printed as comments; the limits hold under icount alone, where
 * the command line says "bench".
 */
#include <asm/io.h>
#include <kernel/test_options.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/time.h>
#include <kernel/wait.h>

#define ROUNDS 64

static void report(struct ktest_context *test, const char *what, u64 ticks, u64 limit)
{
	pr_info("# bench %s %lu\n", what, ticks);
	if (option_is_set(&opt_bench) && !IS_ENABLED(CONFIG_DEBUG_KERNEL) && limit)
		KEXPECT(ticks <= limit);
}

#define MEASURE(what, limit, code)                             \
	do {                                                   \
		u64 best = ~0ull;                              \
		for (u32 round = 0; round < ROUNDS; round++) { \
			u64 start = rdtsc(), took;             \
			code;                                  \
			took = rdtsc() - start;                \
			best = took < best ? took : best;      \
		}                                              \
		report(test, what, best, limit);               \
	} while (0)

KTEST(bench, memory)
{
	struct page *pages[8];
	void *objects[8];

	MEASURE("page_alloc", 60, pages[0] = page_alloc(0); barrier());
	page_free(pages[0]);
	for (u32 i = 0; i < 8; i++)
		pages[i] = page_alloc(0);
	for (u32 i = 0; i < 8; i++)
		page_free(pages[i]);
	MEASURE("page_alloc+free x8", 8 * 90, for (u32 i = 0; i < 8; i++) pages[i] = page_alloc(0);
		for (u32 i = 0; i < 8; i++) page_free(pages[i]));
	MEASURE("kmalloc64+kfree x8", 8 * 90, for (u32 i = 0; i < 8; i++) objects[i] = kmalloc(64);
		for (u32 i = 0; i < 8; i++) kfree(objects[i]));
}

KTEST(bench, time_and_locks)
{
	static DEFINE_SPINLOCK(spin);
	static DEFINE_MUTEX(mutex);
	volatile u64 sink;

	MEASURE("time_monotonic_ns", 40, sink = time_monotonic_ns());
	MEASURE("spin_lock+unlock", 30, spin_lock(&spin); spin_unlock(&spin));
	MEASURE("mutex_lock+unlock", 40, mutex_lock(&mutex); mutex_unlock(&mutex));
	(void)sink;
}

static void yielder(void *arg)
{
	while (!thread_should_stop())
		sched_yield_current();
}

KTEST(bench, switch_between_kernel_threads)
{
	struct thread *thread = thread_create(yielder, NULL, "yielder");

	if (!KEXPECT(!IS_ERR(thread)))
		return;
	thread_start(thread);
	MEASURE("yield there and back", 0, sched_yield_current());
	thread_stop(thread);
}

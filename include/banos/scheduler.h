/* SPDX-License-Identifier: MIT */
/**
 * @file scheduler.h  Schedulers: which thread runs next on each processor. A draft.
 *
 * A scheduler orders threads, and does nothing else. It knows a thread by a number, for which it may keep a cookie of
 * 64 bits; the kernel switches, wakes, moves and stops threads, and keeps its own list of those that are runnable. A
 * scheduler is registered under a name, and schedules when that name is written to /proc/sys/kernel/scheduler. Real-time
 * threads (SCHED_FIFO, SCHED_RR) stay the kernel's own: they run before all others, and no scheduler sees them.
 *
 * Each processor has a queue. From enqueue() on a thread waits in one queue, until pick() answers it, which makes it the
 * one that runs there, or dequeue() takes it out. The thread that runs leaves its processor by enqueue(), if it is still
 * runnable, or by dequeue(). An answer of pick() that is no thread which waits in that queue is refused and counted, and
 * the kernel lets the one run that has waited longest. A scheduler that lets a thread wait for more than a second
 * while others run (or 40 ms for each thread of its weight in its queue, where that is more) is put out: the kernel's own
 * one schedules from then on, and the log names the thread, the processor and the time.
 *
 * attach(), detach() are called in a thread and may sleep for a short time. All other methods are *bounded*: they are called with
 * interrupts off, from any context, one at a time for each processor, but for several processors at the same time. Of the
 * kernel's functions they may call banos_time_ns() and those for spin locks; all others that do more than compute refuse,
 * with -EINVAL or -EDEADLK. What is shared by processors a spin lock guards that only bounded methods take: one that another
 * context holds is refused with -EDEADLK on the same processor.
 */
#ifndef BANOS_SCHEDULER_H
#define BANOS_SCHEDULER_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/scheduler.h>
BANOS_DRAFT_HEADER(scheduler);

/** Handle of a registered scheduler. */
typedef struct banos_scheduler_ *banos_scheduler;

#define BANOS_SCHEDULER_CPUS 256u /**< processors are numbered below it */

/* Why a thread begins or ends to wait; several bits. */
#define BANOS_SCHED_NEW	    1u	 /**< enqueue: for the first time since attach() */
#define BANOS_SCHED_WOKEN   2u	 /**< enqueue: it has slept */
#define BANOS_SCHED_RAN	    4u	 /**< it was the one that ran; ran_ns is its time since pick() */
#define BANOS_SCHED_YIELDED 8u	 /**< enqueue: of its own will */
#define BANOS_SCHED_MOVED   16u	 /**< from, or to, another processor's queue */
#define BANOS_SCHED_CHANGED 32u	 /**< its nice value or policy changes, or has changed */
#define BANOS_SCHED_SLEEPS  64u	 /**< dequeue: it sleeps now, or has ended */
#define BANOS_SCHED_TAKEN   128u /**< dequeue: the kernel lets it run, since pick() gave no answer */

/** A thread. */
struct banos_scheduler_thread {
	uint32_t size; /**< filled by the kernel: what it knows */
	uint32_t
		weight; /**< share of the processor by its nice value: 1024 for nice 0, 1.25 times as much a step */
	int32_t nice; /**< -20 to 19 */
	uint32_t
		policy; /**< SCHED_OTHER 0, SCHED_BATCH 3, SCHED_IDLE 5; others are possible in later kernels */
	uint64_t cpus[4]; /**< bit by processor: where it may run */
	char name[16];	  /**< for messages, with its NUL */
};
#define BANOS_SCHEDULER_THREAD_SIZE_2 64u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_scheduler_thread, name) == BANOS_SCHEDULER_THREAD_SIZE_2,
	     scheduler_thread);
BANOS_ASSERT(offsetof(struct banos_scheduler_thread, cpus) == 16, scheduler_thread_cpus);

/**
 * What a scheduler does. Every method gets config->context first; @p thread is positive and below 2^63, and is never used for another
 * thread as long as this one is attached; @p cookie is what attach() stored; @p cpu is the processor whose queue it is about.
 */
struct banos_scheduler_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * A thread begins to wait in a queue. Bounded.
	 * @param why	  BANOS_SCHED_...
	 * @param ran_ns  with BANOS_SCHED_RAN
	 * @return more than 0: pick() is to be called soon, since this one should run instead of the one that runs. Mandatory.
	 */
	int64_t (*enqueue)(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
			   uint32_t why, uint64_t ran_ns);
	/** A thread waits no longer, or, with BANOS_SCHED_RAN, runs no longer. Bounded. Mandatory. */
	int64_t (*dequeue)(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
			   uint32_t why, uint64_t ran_ns);
	/**
	 * Which of the threads that wait in this queue is to run? There is at least one. Bounded.
	 * @return its number: it does not wait any longer. Mandatory.
	 */
	int64_t (*pick)(void *context, uint32_t cpu);
	/**
	 * A thread is about to exist, or did when this scheduler was chosen. Context: thread.
	 * @param info    read, info->size bytes, for the call
	 * @param cookie  written; 0 at first
	 * @return 0; an error: fork() fails with EAGAIN, or the scheduler is not chosen. Default: 0.
	 */
	int64_t (*attach)(void *context, uint64_t thread, const struct banos_scheduler_thread *info,
			  uint64_t *cookie);
	/** A thread ends, or another scheduler is chosen; it waits in no queue. Context: thread. Default: nothing. */
	int64_t (*detach)(void *context, uint64_t thread, uint64_t cookie);
	/**
	 * About 4 ms have passed. Bounded.
	 * @param thread  runs
	 * @param ran_ns  its time since pick()
	 * @return more than 0: pick() is to be called if others wait. Default: after 4 ms.
	 */
	int64_t (*tick)(void *context, uint64_t thread, uint64_t cookie, uint32_t cpu,
			uint64_t ran_ns);
	/**
	 * Nice value, policy or processors of a thread have changed. Bounded. Default: nothing. It may wait now if only
	 * its processors have.
	 * @param info  read, info->size bytes, for the call
	 */
	int64_t (*changed)(void *context, uint64_t thread, uint64_t cookie,
			   const struct banos_scheduler_thread *info);
	/**
	 * In which queue is a thread to wait that is new or woken? Bounded.
	 * @param last  processor where it ran last
	 * @param idle  bit by processor, of the first 64: those that idle, perhaps
	 * @return a processor. One where it may not run is refused and counted. Default: the last one if it idles, any that does,
	 *	   the last one.
	 */
	int64_t (*select_cpu)(void *context, uint64_t thread, uint64_t cookie, uint32_t last,
			      uint64_t idle);
	/**
	 * A processor has less to do: which thread that waits in the queue of @p from is to move to @p to? Bounded;
	 * no other method is called for either of them meanwhile. dequeue() and enqueue() follow.
	 * @return its number, or 0: none. One that may not run there is refused and counted. Default: the first that may.
	 */
	int64_t (*steal)(void *context, uint32_t from, uint32_t to);
};
#define BANOS_SCHEDULER_OPS_SIZE_2 80u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_scheduler_ops, steal) == BANOS_SCHEDULER_OPS_SIZE_2,
	     scheduler_ops);
BANOS_ASSERT(offsetof(struct banos_scheduler_ops, attach) == 32, scheduler_ops_attach);

#define BANOS_SCHEDULER_NAME_SIZE 16u /**< bytes for the name of a scheduler, with its NUL */

/** What banos_scheduler_register() is told. */
struct banos_scheduler_config {
	uint32_t size;
	uint32_t zero;
	char name
		[16]; /**< for /proc/sys/kernel/scheduler: letters, digits, _ - and . ; NUL-terminated */
	void *context;			       /**< for the methods */
	const struct banos_scheduler_ops *ops; /**< read; its functions lie in the driver */
};
#define BANOS_SCHEDULER_CONFIG_SIZE_2 40u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_scheduler_config, ops) == BANOS_SCHEDULER_CONFIG_SIZE_2,
	     scheduler_config);
BANOS_ASSERT(offsetof(struct banos_scheduler_config, context) == 24, scheduler_config_context);

BANOS_BEGIN

/**
 * @brief Register a scheduler. It schedules when it is chosen: /proc/sys/kernel/scheduler.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_scheduler_remove(), or before exit() runs. If it schedules then, the kernel's own one takes over.
 * @param owner      the driver
 * @param config     read; copied, with its table of methods
 * @param scheduler  written: the handle
 * @return 0. From init() it can be chosen once that succeeded, else at once.
 *	   -EINVAL: a field is wrong. -E2BIG: an unknown field is not 0. -EEXIST: one of that name exists. -EOPNOTSUPP: an unknown bit
 *	   in ops->must, or this kernel has no such class. -ENOMEM. -ENODEV: the owner is being removed.
 */
BANOS_SINCE(2)
int64_t banos_scheduler_register(banos_owner owner, const struct banos_scheduler_config *config,
				 banos_scheduler *scheduler);

/**
 * @brief Take a scheduler away.
 * Since 2, provided by the kernel.
 * Context: thread. Not from its methods.
 * When it returns all threads are detached, and no method is called any more.
 * @return 0, -EINVAL: no such scheduler, -EBUSY: called from attach() or detach()
 */
BANOS_SINCE(2) int64_t banos_scheduler_remove(banos_scheduler scheduler);

BANOS_END
#endif

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file thread.h  Threads of a driver.
 *
 * A thread is asked to stop, never killed: its function calls
 * banos_thread_should_stop(), and sleeps end early with -ERESTART (but for
 * BANOS_UNINTERRUPTIBLE), in the functions of other drivers that it calls, too.
 * A driver whose thread does not end cannot be removed. Threads receive no signals.
 */
#ifndef BANOS_THREAD_H
#define BANOS_THREAD_H

#include <banos/base.h>

/** Handle of a thread. */
typedef struct banos_thread_ *banos_thread;

BANOS_BEGIN

/**
 * @brief Create a thread and start it.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_thread_stop(), whether its function
 * has returned or not.
 * @param function  called in it, once, also if the thread is asked to stop before it ran;
 *		    banos_thread_stop() returns its result
 * @param context   passed to it
 * @param name      text, read; at least its first 15 bytes are the name of the thread, which need not be unique
 * @param thread    8 bytes, written: the handle, before @p function is called. May be NULL: then the kernel
 *		    releases the thread once its function has returned. When @p owner is removed it is asked
 *		    to stop, as all are, and is no leak.
 * @return 0, -ENOMEM, -EINVAL: @p function is not in the driver, -ENODEV: being removed
 */
BANOS_SINCE(1)
int64_t banos_thread_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			    const char *name, banos_thread *thread);

/**
 * @brief Ask a thread to stop, wait until it has ended, and release it.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that its function takes; not from the thread itself.
 * @param result  8 bytes, written: what its function returned, whatever that is. May be NULL.
 * @return 0, -EINVAL: no such thread, -EDEADLK: from the thread itself, -EBUSY: it has not ended
 *	   within 10 s (it still exists, and can be stopped later)
 */
BANOS_SINCE(1) int64_t banos_thread_stop(banos_thread thread, int64_t *result);

/**
 * @brief Has the thread in which the caller runs been asked to stop?
 * Since 1, provided by the kernel.
 * Context: any.
 * @return 1: yes, 0: no, or it is no thread that a driver created. Once 1 it stays 1.
 */
BANOS_SINCE(1) int64_t banos_thread_should_stop(void);

/**
 * @brief Let other threads run.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @return 0
 */
BANOS_SINCE(1) int64_t banos_thread_yield(void);

BANOS_END

#endif

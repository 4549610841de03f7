/* SPDX-License-Identifier: MIT */
/**
 * @file irq.h  Interrupts.
 *
 * A driver's function for an interrupt runs in a thread of its own, soon after
 * the interrupt, at a high priority: it may take mutexes and sleep. Interrupts that
 * come before it has begun are one call; one that comes while it runs leads to
 * another call afterwards. So it looks at the device, not at a count.
 *
 * A line that the device keeps pulling stays masked until the function has
 * returned; it has to make the device let go of the line. Lines may be shared with
 * other devices: the function is called for theirs, too. A line that is pulled again
 * and again while no function has something to do is masked for good.
 */
#ifndef BANOS_IRQ_H
#define BANOS_IRQ_H

#include <banos/base.h>

/** Handle of an interrupt. */
typedef struct banos_irq_ *banos_irq;

BANOS_BEGIN

/**
 * @brief Take an interrupt of a device.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that @p function or the device's bus takes.
 * Ownership: a resource of @p device until banos_irq_destroy().
 * @param device    a device on a bus: what probe() received
 * @param index     which of its banos_device_interrupts(); 0 if that has none: then it
 *		    is the line that the device pulls
 * @param function  called after the interrupt; returns 1: the device had something,
 *		    0: it had nothing
 * @param context   handed to it
 * @param irq       written: the handle
 * @return 0, -EINVAL: not a device, no such interrupt, or @p function is not in the
 *	   driver, -EBUSY: it is taken, -ENOSPC: no vector is left, -ENODEV: the device
 *	   cannot interrupt, or is being let go, -ENOMEM, or what the bus said
 */
BANOS_SINCE(1)
int64_t banos_irq_create(banos_owner device, uint32_t index, int64_t (*function)(void *context),
			 void *context, banos_irq *irq);

/**
 * @brief Give an interrupt up; when this returns, its function does not run.
 * Since 1, provided by the kernel.
 * Context: thread; not from the function itself.
 * @return 0, -EINVAL: no such interrupt, -EDEADLK: from the function itself, -EBUSY: the function
 *	   has not returned within 10 s (no more calls are made; to be given up later)
 */
BANOS_SINCE(1) int64_t banos_irq_destroy(banos_irq irq);

/**
 * @brief How often it came.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return 0 or more, -EINVAL: no such interrupt
 */
BANOS_SINCE(1) int64_t banos_irq_count(banos_irq irq);

BANOS_END

#endif

/* SPDX-License-Identifier: MIT */
/**
 * @file irq.h  Interrupts.
 *
 * A driver's function for an interrupt runs in a separate thread, soon after
 * the interrupt, at a high priority: it may lock mutexes and sleep. Several interrupts
 * that arrive before it has started lead to one call; one that arrives while it runs
 * leads to another call afterwards. So the function must read the device's state, not
 * count calls.
 *
 * A line that the device keeps asserted stays masked until the function has
 * returned; the function must make the device deassert it. Lines may be shared with
 * other devices: the function is called for their interrupts, too. A line that is
 * asserted repeatedly while no function reports work is masked permanently.
 */
#ifndef BANOS_IRQ_H
#define BANOS_IRQ_H

#include <banos/base.h>

/** Handle of an interrupt. */
typedef struct banos_irq_ *banos_irq;

BANOS_BEGIN

/**
 * @brief Obtain an interrupt of a device.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that @p function or the device's bus takes.
 * Ownership: a resource of @p device until banos_irq_destroy().
 * @param device    a device on a bus: what probe() received
 * @param index     which of its banos_device_interrupts(); 0 if it has none: then it
 *		    is the interrupt line of the device
 * @param function  called after the interrupt; returns 1: the device had sent it,
 *		    0: it had not
 * @param context   passed to it
 * @param irq       written: the handle
 * @return 0, -EINVAL: not a device, no such interrupt, or @p function is not in the
 *	   driver, -EBUSY: it is in use, -ENOSPC: no vector is left, -ENODEV: the device
 *	   cannot interrupt, or is being released, -ENOMEM, or the error of the bus
 */
BANOS_SINCE(1)
int64_t banos_irq_create(banos_owner device, uint32_t index, int64_t (*function)(void *context),
			 void *context, banos_irq *irq);

/**
 * @brief Release an interrupt; when this returns, its function does not run.
 * Since 1, provided by the kernel.
 * Context: thread; not from the function itself.
 * @return 0, -EINVAL: no such interrupt, -EDEADLK: from the function itself, -EBUSY: the function
 *	   has not returned within 10 s (no more calls are made; it can be released later)
 */
BANOS_SINCE(1) int64_t banos_irq_destroy(banos_irq irq);

/**
 * @brief Count how often an interrupt arrived.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return 0 or more, -EINVAL: no such interrupt
 */
BANOS_SINCE(1) int64_t banos_irq_count(banos_irq irq);

BANOS_END

#endif

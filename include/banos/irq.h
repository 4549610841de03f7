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
 * The function may be called before banos_irq_create() has returned. Functions for different
 * interrupts run at the same time, also those of one device, and at the same time as timers, work, threads
 * and methods of the driver; one interrupt's function never runs twice at once.
 *
 * A line that the device keeps asserted stays masked until the function has
 * returned; the function must make the device deassert it. Lines may be shared with
 * other devices: the function is called for their interrupts, too. A line that is
 * asserted repeatedly while no function reports work is masked permanently.
 *
 * A device sends its interrupts as messages where it can, else by its line. There are
 * machines where messages never arrive. A driver notices that when the device reports a
 * finished operation in its registers, some time passes (a second is ample), and the
 * function was not called: then it releases its interrupts and obtains one with
 * BANOS_IRQ_LINE. While a device is connected by its line it sends no messages.
 */
#ifndef BANOS_IRQ_H
#define BANOS_IRQ_H

#include <banos/base.h>

/** Handle of an interrupt. */
typedef struct banos_irq_ *banos_irq;

/* What a function for an interrupt returns. */
#define BANOS_IRQ_NONE	  0 /**< the device had not sent it */
#define BANOS_IRQ_HANDLED 1 /**< the device had sent it */
/**
 * As HANDLED, and there is more to do than the function wants to do in one call: it is
 * called again soon, without another interrupt; other threads run in between. A line is
 * unmasked meanwhile: so the function turns the interrupt off in the device as
 * long as it returns this.
 */
#define BANOS_IRQ_AGAIN 2

/** For banos_irq_config.flags: the line of the device, though it can send messages. */
#define BANOS_IRQ_LINE 1u

struct banos_irq_config {
	uint32_t size;
	uint32_t flags; /**< 0 or BANOS_IRQ_LINE */
	/** Which of its banos_device_interrupts(); 0 for the line, also where it can send no messages. */
	uint32_t index;
	uint32_t zero; /**< 0 */
	/** Called after the interrupt; lies in the driver. @return BANOS_IRQ_...; another value is logged */
	int64_t (*function)(void *context);
	void *context; /**< for the function */
};
#define BANOS_IRQ_CONFIG_SIZE_1 32u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_irq_config, context) == BANOS_IRQ_CONFIG_SIZE_1,
	     irq_config);
BANOS_ASSERT(offsetof(struct banos_irq_config, function) == 16, irq_config_function);

BANOS_BEGIN

/**
 * @brief Obtain an interrupt of a device.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the function or the device's bus takes.
 * Ownership: a resource of @p device until banos_irq_destroy().
 * @param device  a device on a bus: what probe() received
 * @param config  read
 * @param irq     written, 8 bytes: the handle
 * @return 0, -EINVAL: @p device is not a device of the caller's, no such interrupt, an unknown flag, or the function is
 *	   not in the driver, -E2BIG: an unknown field of @p config is not 0, -EBUSY: it is in
 *	   use, or the device is connected in the other way, -ENOSPC: no vector is left,
 *	   -ENODEV: the device cannot interrupt, the machine lacks its line, or it is being
 *	   released, -ENOMEM, or the error of the bus
 */
BANOS_SINCE(1)
int64_t banos_irq_create(banos_owner device, const struct banos_irq_config *config, banos_irq *irq);

/**
 * @brief Release an interrupt; when this returns, its function does not run.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the function or the device's bus takes; not from the function itself.
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

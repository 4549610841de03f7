// SPDX-License-Identifier: MIT
/*
 * Removing a driver:
 *
 *	it has no users and gets none	   one atomic step on driver->pins
 *	no new calls enter it		   names and registrations withdrawn
 *	no calls run in it		   the gate is drained
 *	exit, destructors
 *	its resources are released	   swept; leaks are logged
 *	unmapped
 *
 * A removal takes OWNER_STOP_LIMIT_NS at most, but for functions of the driver
 * that run in this thread. Each step may be repeated: if a call or a thread of the driver
 * does not end, the driver stays in the state of being removed, and the next removal
 * continues from there.
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/list.h>
#include <kernel/printk.h>

static int claim_now(struct driver *driver)
{
	s32 pins = atomic_cmpxchg(&driver->pins, 0, DRIVER_GOING_PIN);

	if (pins && pins != DRIVER_GOING_PIN)
		return -EBUSY;
	return 0;
}

/* No new users from now on; back to normal when a signal comes first. */
static int claim_waiting(struct driver *driver)
{
	int err;

	__atomic_fetch_or(&driver->pins.v, DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
	err = wait_event_interruptible(&driver->pins_wait, !driver_pin_count(driver));
	if (err)
		__atomic_fetch_and(&driver->pins.v, ~DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
	if (err)
		return -EINTR;
	return 0;
}

static int remove_claimed(struct driver *driver, bool wait)
{
	int err;

	/* Another removal was faster. */
	if (driver->state == BANOS_DRIVER_GOING && list_empty(&driver->link))
		return -ENOENT;
	if (wait)
		err = claim_waiting(driver);
	else
		err = claim_now(driver);
	if (err)
		return err;
	driver_withdraw(driver);
	owner_stop_begin(&driver->owner);
	err = driver_end(driver);
	if (err) { /* else it is freed */
		owner_stop_end(&driver->owner);
		if (fatal_signal_pending())
			pr_err("banos: %s: not removed: the process that asked for it was killed; a later removal continues from there\n",
			       driver->name);
		else
			pr_err("banos: %s: not removed: a function or thread of it has not ended within %u s\n",
			       driver->name, (u32)(OWNER_STOP_LIMIT_NS / NSEC_PER_SEC));
	}
	return err;
}

int driver_remove(struct driver *driver, bool wait)
{
	int err;

	if (driver->builtin)
		return -EBUSY;
	/* No lock: the driver's exit() runs meanwhile. */
	if (__atomic_test_and_set(&driver->removing, __ATOMIC_ACQUIRE))
		return -EBUSY;
	err = remove_claimed(driver, wait);
	__atomic_clear(&driver->removing, __ATOMIC_RELEASE);
	if (!err)
		bus_settle(); /* its devices have other drivers, if there are any, when rmmod ends */
	return err;
}

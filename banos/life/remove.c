// SPDX-License-Identifier: MIT
/*
 * Removing a driver:
 *
 *	nobody uses it, and nobody will	   one atomic step on driver->pins
 *	nothing leads into it		   names and registrations withdrawn
 *	nobody is inside		   the gate is drained
 *	exit, destructors
 *	nothing of it is left		   swept, and told what it leaked
 *	unmapped
 *
 * All of it together takes OWNER_STOP_LIMIT_NS at most, but for functions of the driver
 * that run in this thread. Each step may be repeated: a removal that finds a call or a
 * thread of the driver's that does not end leaves it going, and the next removal goes
 * on from there.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/list.h>
#include <kernel/printk.h>

static int claim_now(struct driver *d)
{
	s32 pins = atomic_cmpxchg(&d->pins, 0, DRIVER_GOING_PIN);

	if (pins && pins != DRIVER_GOING_PIN)
		return -EBUSY;
	return 0;
}

/* No new users from now on; back to normal when a signal comes first. */
static int claim_waiting(struct driver *d)
{
	int err;

	__atomic_fetch_or(&d->pins.v, DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
	err = wait_event_interruptible(&d->pins_wait, !driver_pin_count(d));
	if (err)
		__atomic_fetch_and(&d->pins.v, ~DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
	if (err)
		return -EINTR;
	return 0;
}

static int remove_claimed(struct driver *d, bool wait)
{
	int err;

	/* Another removal was faster. */
	if (d->state == BANOS_DRIVER_GOING && list_empty(&d->link))
		return -ENOENT;
	if (wait)
		err = claim_waiting(d);
	else
		err = claim_now(d);
	if (err)
		return err;
	driver_withdraw(d);
	owner_stop_begin(&d->owner);
	err = driver_end(d);
	if (err) { /* else it is freed */
		owner_stop_end(&d->owner);
		if (fatal_signal_pending())
			pr_err("banos: %s: not removed: who asked for it was killed; a later removal goes on from there\n",
			       d->name);
		else
			pr_err("banos: %s: not removed: something of it has not ended within %u s\n",
			       d->name, (u32)(OWNER_STOP_LIMIT_NS / NSEC_PER_SEC));
	}
	return err;
}

int driver_remove(struct driver *d, bool wait)
{
	int err;

	if (d->builtin)
		return -EBUSY;
	/* No lock: the driver's exit() runs meanwhile. */
	if (__atomic_test_and_set(&d->removing, __ATOMIC_ACQUIRE))
		return -EBUSY;
	err = remove_claimed(d, wait);
	__atomic_clear(&d->removing, __ATOMIC_RELEASE);
	return err;
}

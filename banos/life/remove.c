// SPDX-License-Identifier: MIT
/*
 * Removing a driver:
 *
 *	it has no users and gets none	   one atomic step on driver->pins; or files are revoked,
 *					   or another driver takes over (successor.c)
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
#include <kernel/report.h>
#include <kernel/string.h>

/* ---- no new users from now on ---- */

static int claim_now(struct driver *driver)
{
	s32 pins = atomic_cmpxchg(&driver->pins, 0, DRIVER_GOING_PIN);

	if (pins && pins != DRIVER_GOING_PIN)
		return -EBUSY;
	return 0;
}

/* Files give up their pins when they are revoked; drivers that depend on it do not. */
static int claim_despite_files(struct driver *driver)
{
	int err = -EBUSY;

	mutex_lock(&drivers_lock); /* so that nothing begins to depend on it */
	if (list_empty(&driver->users)) {
		driver->revoked = true;
		__atomic_fetch_or(&driver->pins.v, DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
		err = 0;
	}
	mutex_unlock(&drivers_lock);
	return err;
}

/* Back to normal when a signal comes first. */
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

static int remove_claim(struct driver *driver, u32 flags, struct report *report)
{
	int err;

	if (flags & BANOS_REMOVE_WAIT)
		return claim_waiting(driver);
	if (flags & BANOS_REMOVE_REPLACE && !list_empty(&driver->users))
		return driver_replace(driver, flags & BANOS_REMOVE_REVOKE, report);
	/* Once files are revoked, each further removal continues with that. */
	if (flags & BANOS_REMOVE_REVOKE || driver->revoked)
		err = claim_despite_files(driver);
	else
		err = claim_now(driver);
	if (err)
		driver_report_users(driver, report);
	return err;
}

/* ---- the steps ---- */

static bool remove_is_unused(struct driver *driver)
{
	return !driver_pin_count(driver);
}

/* Withdraw its devices; afterwards only a file that is just being opened or closed has a pin. */
static int remove_revoke(struct driver *driver)
{
	int err = owner_sweep(&driver->owner, 1 << OWNED_ENTRY, NULL);

	if (err)
		return err;
	if (WAIT_EVENT_(&driver->pins_wait, remove_is_unused(driver), THREAD_KILLABLE,
			owner_stop_deadline(&driver->owner), fatal_signal_pending()))
		return -EBUSY;
	return 0;
}

static void remove_report_unended(struct driver *driver, struct report *report)
{
	if (fatal_signal_pending())
		report_add(
			report, -EBUSY,
			"not removed: the process that asked for it was killed; a later removal continues from there");
	else
		report_add(
			report, -EBUSY,
			"is busy: its removal has begun, but a function or thread of it has not ended within %u s",
			(u32)(OWNER_STOP_LIMIT_NS / NSEC_PER_SEC));
	driver_report_threads(driver, report);
}

static int remove_claimed(struct driver *driver, struct report *report)
{
	int err = 0;

	driver_withdraw(driver);
	owner_stop_begin(&driver->owner);
	if (driver->revoked)
		err = remove_revoke(driver);
	if (!err)
		err = driver_end(driver);
	if (err) { /* else it is freed */
		owner_stop_end(&driver->owner);
		remove_report_unended(driver, report);
	}
	return err;
}

int driver_remove(struct driver *driver, u32 flags, struct report *report)
{
	int err;

	strscpy(report->who, driver->name, sizeof(report->who));
	if (driver->builtin)
		return report_add(report, -EBUSY,
				  "is built into the kernel, and so cannot be removed");
	/* No lock: the driver's exit() runs meanwhile. */
	if (__atomic_test_and_set(&driver->removing, __ATOMIC_ACQUIRE))
		return report_add(report, -EBUSY,
				  "is busy: another removal of it has begun, and has not ended");
	/* Another removal was faster. */
	if (driver->state == BANOS_DRIVER_GOING && list_empty(&driver->link))
		err = -ENOENT;
	else
		err = remove_claim(driver, flags, report);
	if (!err)
		err = remove_claimed(driver, report);
	__atomic_clear(&driver->removing, __ATOMIC_RELEASE);
	if (!err)
		bus_settle(); /* its devices have other drivers, if there are any, when rmmod ends */
	return err;
}

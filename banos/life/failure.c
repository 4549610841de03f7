// SPDX-License-Identifier: MIT
/*
 * Removing drivers that have failed (CONFIG_GATE_ABANDON; kernel/gate_fault.c).
 *
 * A failed driver is not called any more, so nothing of its own can be waited
 * for, and neither exit() nor a destructor runs. A thread of the kernel, one for
 * each failed driver, does what a removal does, and more:
 *
 *	no new users			DRIVER_GOING_PIN
 *	importers get ENODEV		their call slots are dead, until another exporter takes over
 *	open files get ENODEV		revoked; they give up their pins
 *	the rest			driver_end()
 *
 * A driver whose init() fails is taken back by who installs it, one whose exit()
 * fails by who removes it.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/printk.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>

#define RETRIES_MAX 3u

static int failure_dismantle(struct driver *driver)
{
	int err;

	owner_stop_begin(&driver->owner);
	owner_close(&driver->owner); /* what sleeps on something of it looks again */
	err = owner_sweep(&driver->owner, 1 << OWNED_ENTRY, NULL);
	if (err) {
		owner_stop_end(&driver->owner);
		return err;
	}
	wait_event(&driver->pins_wait, !driver_pin_count(driver));
	owner_stop_begin(&driver->owner);
	err = driver_end(driver);
	if (err) /* else it is freed, but for our reference */
		owner_stop_end(&driver->owner);
	return err;
}

/* Holds a reference. */
static void failure_main(void *arg)
{
	struct driver *driver = arg;
	int err = -EBUSY;

	while (__atomic_test_and_set(&driver->removing, __ATOMIC_ACQUIRE))
		sleep_until(time_monotonic_ns() + 10 * NSEC_PER_MSEC, false);
	if (list_empty(&driver->link)) { /* another removal was faster */
		__atomic_clear(&driver->removing, __ATOMIC_RELEASE);
		driver_put(driver);
		return;
	}
	__atomic_fetch_or(&driver->pins.v, DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
	driver->exited = true;
	driver_withdraw(driver);
	driver_orphan(driver);
	for (u32 i = 0; err && i < RETRIES_MAX; i++)
		err = failure_dismantle(driver);
	if (err)
		pr_err("banos: %s: the failed driver cannot be removed: a function or thread of it has not ended\n",
		       driver->name);
	__atomic_clear(&driver->removing, __ATOMIC_RELEASE);
	driver_put(driver);
}

void driver_remove_failed(struct driver *driver)
{
	driver_get(driver);
	if (!thread_spawn(failure_main, driver, "kfailed"))
		return;
	pr_err("banos: %s: not enough memory to remove the failed driver: use rmmod\n",
	       driver->name);
	driver_put(driver);
}

/* In the thread of the call that faulted, before that goes on. */
static void failure_note(struct owner *root)
{
	struct driver *driver = owner_driver(root);
	bool remove;

	mutex_lock(&drivers_lock);
	/*
	 * Before it is live driver_publish() does that. A removal that is under way may
	 * give up before this call has ended.
	 */
	remove = !root->failed && driver->state != BANOS_DRIVER_LOADING;
	WRITE_ONCE(root->failed, true);
	/* init() may sleep until another thread of the driver, which has failed, does something. */
	if (driver->state == BANOS_DRIVER_LOADING)
		owner_close(root);
	mutex_unlock(&drivers_lock);
	if (remove)
		driver_remove_failed(driver);
}

void failures_init(void)
{
	gate_set_failure_handler(failure_note);
}

// SPDX-License-Identifier: MIT
/*
 * Dependencies between drivers; slots.c has the calls between them.
 *
 * A use holds a pin on the exporter, so that it cannot be removed. The uses of a
 * driver are released when it is removed. Circles are refused: two
 * drivers that pin each other could never be removed.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>

struct driver_use *use_find(struct driver *user, struct driver *exporter)
{
	struct driver_use *use;

	assert_held(&drivers_lock);
	list_for_each(use, &user->uses, by_user)
		if (use->exporter == exporter)
			return use;
	return NULL;
}

/*
 * Each driver on the way is looked at once, and those still to be looked at are chained: neither long chains nor
 * many ways to the same driver cost stack or time.
 */
bool driver_depends(struct driver *driver, struct driver *on)
{
	static u64 search; /* under drivers_lock */
	struct driver *todo = driver;

	assert_held(&drivers_lock);
	driver->search = ++search;
	driver->search_next = NULL;
	while ((driver = todo)) {
		struct driver_use *use;

		if (driver == on)
			return true;
		todo = driver->search_next;
		list_for_each(use, &driver->uses, by_user)
			if (use->exporter->search != search) {
				use->exporter->search = search;
				use->exporter->search_next = todo;
				todo = use->exporter;
			}
	}
	return false;
}

static bool use_begin(struct driver_use *use, struct driver *exporter)
{
	if (!driver_pin(exporter))
		return false;
	driver_get(exporter);
	use->exporter = exporter;
	list_init(&use->by_user);
	list_init(&use->by_exporter);
	return true;
}

struct driver_use *use_create(struct driver *exporter)
{
	struct driver_use *use = kzalloc(sizeof(*use));

	if (!use)
		return NULL;
	if (use_begin(use, exporter))
		return use;
	kfree(use);
	return NULL;
}

void use_insert(struct driver *user, struct driver_use *use)
{
	use->user = user;
	list_add_tail(&use->by_user, &user->uses);
	list_add_tail(&use->by_exporter, &use->exporter->users);
}

int use_add(struct driver *user, struct driver *exporter)
{
	struct driver_use *use = use_find(user, exporter);

	if (use) {
		use->count++;
		return 0;
	}
	if (driver_depends(exporter, user))
		return -ELOOP;
	use = kzalloc(sizeof(*use));
	if (!use)
		return -ENOMEM;
	if (!use_begin(use, exporter)) {
		kfree(use);
		return -ENODEV;
	}
	use->count = 1;
	use_insert(user, use);
	return 0;
}

void use_free(struct driver_use *use)
{
	list_del(&use->by_user);
	list_del(&use->by_exporter);
	if (list_empty(&use->exporter->users) && list_empty(&use->exporter->tied))
		slots_unbind(use->exporter);
	driver_unpin(use->exporter);
	driver_put(use->exporter);
	kfree(use);
}

void use_drop(struct driver *user, struct driver *exporter)
{
	struct driver_use *use = use_find(user, exporter);

	assert_held(&drivers_lock);
	if (tie_drop(user, exporter) || !use)
		return;
	if (!--use->count && !use->moved)
		use_free(use);
}

void uses_drop_all(struct driver *user)
{
	assert_held(&drivers_lock);
	ties_drop_all(user);
	while (!list_empty(&user->uses))
		use_free(list_first(&user->uses, struct driver_use, by_user));
}

int driver_depend(struct driver *user, const char *name)
{
	struct driver *driver;
	int err = -ENOENT;

	mutex_lock(&drivers_lock);
	driver = driver_find_name_locked(name, BANOS_DRIVER_LIVE);
	if (driver) {
		err = use_add(user, driver);
		if (!err)
			use_find(user, driver)->named = true;
		driver_put(driver);
	}
	mutex_unlock(&drivers_lock);
	if (err == -ENODEV)
		return -ENOENT;
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * Instances of drivers: the list, references and pins, and the steps of a life
 * that installed and built-in drivers have in common.
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>

DEFINE_MUTEX(drivers_lock);
DEFINE_LIST(drivers);
u32 driver_count;
u64 drivers_generation;
static s64 next_id;

/* ---- references and pins ---- */

struct driver *driver_create(void)
{
	struct driver *driver = kzalloc(sizeof(*driver));

	if (!driver)
		return NULL;
	driver->id = -1;
	driver->state = BANOS_DRIVER_LOADING;
	atomic_set(&driver->refs, 1);
	atomic_set(&driver->pins, DRIVER_GOING_PIN); /* no user before it is live */
	list_init(&driver->link);
	list_init(&driver->uses);
	list_init(&driver->users);
	list_init(&driver->stubs);
	list_init(&driver->ties);
	list_init(&driver->tied);
	list_init(&driver->remnant_link);
	spin_init(&driver->mistakes.lock);
	driver_memory_prepare(driver);
	wait_queue_init(&driver->pins_wait);
	if (owner_init(&driver->owner, NULL, driver->name, driver))
		goto err_free;
	if (gate_open(&driver->owner))
		goto err_destroy_owner;
	return driver;

err_destroy_owner:
	owner_destroy(&driver->owner);
err_free:
	kfree(driver);
	return NULL;
}

void driver_get(struct driver *driver)
{
	atomic_inc(&driver->refs);
}

static void driver_free(struct rcu_head *head)
{
	kfree(container_of(head, struct driver, rcu));
}

void driver_put(struct driver *driver)
{
	if (atomic_dec_and_test(&driver->refs))
		call_rcu(&driver->rcu, driver_free);
}

bool driver_pin(struct driver *driver)
{
	s32 v = atomic_read(&driver->pins);

	while (!(v & DRIVER_GOING_PIN))
		if (__atomic_compare_exchange_n(&driver->pins.v, &v, v + 1, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

void driver_unpin(struct driver *driver)
{
	if (atomic_sub_return(&driver->pins, 1) == DRIVER_GOING_PIN)
		wake_up_all(&driver->pins_wait);
}

u32 driver_pin_count(const struct driver *driver)
{
	return atomic_read(&driver->pins) & ~DRIVER_GOING_PIN;
}

/* ---- look-up ---- */

struct driver *driver_find(s64 id)
{
	struct driver *driver, *found = NULL;

	mutex_lock(&drivers_lock);
	list_for_each(driver, &drivers, link)
		if (driver->id >= id) {
			found = driver;
			driver_get(driver);
			break;
		}
	mutex_unlock(&drivers_lock);
	return found;
}

struct driver *driver_find_name_locked(const char *name, u32 state)
{
	assert_held(&drivers_lock);
	for (struct list *at = drivers.prev; at != &drivers; at = at->prev) {
		struct driver *driver = list_entry(at, struct driver, link);

		if (!strcmp(driver->name, name) && driver->state == state) {
			driver_get(driver);
			return driver;
		}
	}
	return NULL;
}

void driver_set_description(struct driver *driver, const struct banos_driver_record *record)
{
	driver->level = record->level;
	strscpy(driver->name, record->name, sizeof(driver->name));
	strscpy(driver->version, record->version, sizeof(driver->version));
	strscpy(driver->licence, record->licence, sizeof(driver->licence));
	strscpy(driver->description, record->description, sizeof(driver->description));
}

int driver_take_serves(struct driver *driver, const u8 *records, u64 size)
{
	const struct record_header *header;
	u32 n = 0;

	for (u64 at = 0; (header = record_next(records, size, &at));)
		n += header->kind == BANOS_RECORD_SERVES;
	if (!n)
		return 0;
	driver->serves = kvzalloc(n * sizeof(*driver->serves));
	if (!driver->serves)
		return -ENOMEM;
	for (u64 at = 0; (header = record_next(records, size, &at));) {
		const struct banos_serves_record *record = (const void *)header;
		struct device_pattern *pattern = &driver->serves[driver->nserves];

		if (header->kind != BANOS_RECORD_SERVES)
			continue;
		pattern->data = record->data;
		strscpy(pattern->alias, record->alias, sizeof(pattern->alias));
		driver->nserves++;
	}
	return 0;
}

/* ---- entering it ---- */

static void run_calls(struct driver *driver, const u64 *calls, u32 n)
{
	/* They return nothing: what lies in the result register means nothing. */
	for (u32 i = 0; i < n; i++) {
		BUG_ON(!driver->owner.gate_slot);
		gate_enter(&driver->owner, false, NULL, (const void *)calls[i], 0, 0, 0, 0, 0, 0);
	}
}

int driver_run_init(struct driver *driver, struct report *report)
{
	s64 result;

	run_calls(driver, driver->image.init_calls, driver->image.ninit);
	result = gate_call(&driver->owner, NULL, (const void *)driver->image.init,
			   driver->owner.handle, 0, 0, 0, 0, 0);
	if (result > 0)
		return report_add(report, -EINVAL,
				  "init returned %ld, expected 0 or a negative error number",
				  result);
	return result;
}

void driver_run_exit(struct driver *driver)
{
	s64 result = 0;

	if (driver->exited || gate_has_failed(&driver->owner)) /* that one is not called */
		return;
	driver->exited = true;
	if (driver->image.exit)
		result = gate_call(&driver->owner, NULL, (const void *)driver->image.exit,
				   driver->owner.handle, 0, 0, 0, 0, 0);
	if (result)
		pr_warn("banos: %s: exit returned %ld, expected 0\n", driver->name, result);
	run_calls(driver, driver->image.fini_calls, driver->image.nfini);
}

/* ---- visible and invisible ---- */

/* In the order of ids, which two installs may have been given in the other one. */
static void link_locked(struct driver *driver)
{
	struct list *at = drivers.prev;

	assert_held(&drivers_lock);
	while (at != &drivers && list_entry(at, struct driver, link)->id > driver->id)
		at = at->prev;
	list_add(&driver->link, at);
	driver_count++;
	drivers_generation++;
}

static void number_locked(struct driver *driver)
{
	assert_held(&drivers_lock);
	if (driver->id < 0)
		driver->id = next_id++;
}

/*
 * All at once: what was registered has its names by now, but nobody gets in, and
 * no removal finds the driver, before the last step under the lock. From then
 * on it may be gone at any time.
 */
int driver_publish(struct driver *driver)
{
	int err = owner_publish(&driver->owner);

	if (err)
		return err;
	mutex_lock(&drivers_lock);
	number_locked(driver);
	mutex_unlock(&drivers_lock);
	account_add(driver);
	mutex_lock(&drivers_lock);
	err = exports_add(driver->exports, driver->nexports);
	if (!err) {
		driver->state = BANOS_DRIVER_LIVE;
		link_locked(driver);
		__atomic_fetch_and(&driver->pins.v, ~DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
	}
	mutex_unlock(&drivers_lock);
	if (err)
		return err;
	driver_adopt(driver);
	owner_publish_late(&driver->owner);
	if (gate_has_failed(&driver->owner))
		driver_remove_failed(driver);
	return 0;
}

void driver_withdraw_locked(struct driver *driver)
{
	assert_held(&drivers_lock);
	driver->state = BANOS_DRIVER_GOING;
	exports_remove(driver->exports, driver->nexports);
}

void driver_withdraw(struct driver *driver)
{
	mutex_lock(&drivers_lock);
	driver_withdraw_locked(driver);
	mutex_unlock(&drivers_lock);
}

/* ---- the beginning as a whole ---- */

int driver_start(struct driver *driver, struct report *report)
{
	int err = driver_run_init(driver, report);

	if (err) {
		driver->image.exit = 0; /* it was never installed */
		driver->refused = true;
		return report_add(report, err, "init failed: %s (error %d)", error_text(err), -err);
	}
	err = driver_publish(driver);
	if (err)
		report_add(report, err,
			   "what it registered could not be made visible: %s (error %d)",
			   error_text(err), -err);
	return err;
}

void driver_undo(struct driver *driver)
{
	driver_withdraw(driver);
	owner_stop_begin(&driver->owner);
	if (driver_end(driver)) {
		owner_stop_end(&driver->owner);
		driver_leave_behind(driver);
	}
}

/* ---- the end ---- */

static void report_leak(struct owner *root, const struct owned_class *class, u32 count)
{
	if (class->phase != OWNED_ENTRY)
		pr_warn("banos: %s: leaked %u %s\n", root->name, count,
			count == 1 ? class->name : class->names);
}

static void free_image(struct driver *driver)
{
	if (driver->range.lookup) {
		symbol_range_remove(&driver->range);
		synchronize_rcu();
	}
	driver->range.lookup = NULL;
	krange_free(driver->image.mem);
	driver->image.mem = NULL;
	kvfree(driver->image.names);
	kvfree(driver->image.functions);
	driver->image.names = NULL;
	driver->image.functions = NULL;
	driver->image.nfunctions = 0;
	if (!driver->builtin)
		kvfree(driver->image.init_calls);
	kvfree(driver->image.fini_calls);
	kvfree(driver->serves);
	driver->serves = NULL;
	driver->nserves = 0;
	kvfree(driver->exports);
	driver->exports = NULL;
	driver->nexports = 0;
}

static void unlink_driver(struct driver *driver)
{
	mutex_lock(&drivers_lock);
	if (!list_empty(&driver->link)) {
		list_del(&driver->link);
		driver_count--;
		drivers_generation++;
	}
	uses_drop_all(driver);
	mutex_unlock(&drivers_lock);
}

void driver_leave_behind(struct driver *driver)
{
	mutex_lock(&drivers_lock);
	number_locked(driver);
	if (list_empty(&driver->link))
		link_locked(driver);
	mutex_unlock(&drivers_lock);
	account_add(driver);
	pr_err("banos: %s: a function or thread of it does not end; it stays installed as number %ld until that ends\n",
	       driver->name, driver->id);
}

static int driver_dismantle(struct driver *driver)
{
	/* A driver that failed could not release its resources; after a failed init() nobody expects it. */
	bool excused = driver->refused || gate_has_failed(&driver->owner);
	owner_report report = excused ? NULL : report_leak;
	u64 bytes;
	int err;

	owner_close(&driver->owner);
	bytes = driver->owner.bytes;
	err = owner_sweep(&driver->owner, 1 << OWNED_ENTRY | 1 << OWNED_ACTIVE, report);
	if (!err)
		err = driver_workers_stop(driver);
	if (!err)
		err = owner_tell_gone(&driver->owner);
	if (!err)
		err = owner_sweep(&driver->owner, ~0u, report);
	if (err)
		return err;
	if (bytes && !excused)
		pr_warn("banos: %s: memory not freed: %lu bytes\n", driver->name, bytes);
	driver_memory_end(driver);
	account_remove(driver);
	bus_forget(&driver->owner);
	unlink_driver(driver);
	sys_module_changed(driver->name);
	stubs_free(driver);
	free_image(driver);
	slots_release(driver);
	wall_close(&driver->owner);
	owner_destroy(&driver->owner);
	driver_put(driver);
	return 0;
}

int driver_end(struct driver *driver)
{
	int err = owner_sweep(&driver->owner, 1 << OWNED_ENTRY, NULL);

	if (!err)
		err = successor_drain(driver, driver->owner.stop_by_ns);
	if (!err)
		err = gate_drain(&driver->owner, driver->owner.stop_by_ns);
	if (err)
		return err;
	driver_run_exit(driver);
	return driver_dismantle(driver);
}

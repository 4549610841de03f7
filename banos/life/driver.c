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
	struct driver *d = kzalloc(sizeof(*d));

	if (!d)
		return NULL;
	d->id = -1;
	d->state = BANOS_DRIVER_LOADING;
	atomic_set(&d->refs, 1);
	atomic_set(&d->pins, DRIVER_GOING_PIN); /* nobody gets in before it is live */
	list_init(&d->link);
	list_init(&d->uses);
	list_init(&d->users);
	list_init(&d->slots);
	list_init(&d->stubs);
	spin_init(&d->mistakes.lock);
	wait_queue_init(&d->pins_wait);
	if (owner_init(&d->owner, NULL, d->name, d))
		goto free;
	if (gate_open(&d->owner))
		goto destroy_owner;
	return d;

destroy_owner:
	owner_destroy(&d->owner);
free:
	kfree(d);
	return NULL;
}

void driver_get(struct driver *d)
{
	atomic_inc(&d->refs);
}

static void driver_free(struct rcu_head *h)
{
	kfree(container_of(h, struct driver, rcu));
}

void driver_put(struct driver *d)
{
	if (atomic_dec_and_test(&d->refs))
		call_rcu(&d->rcu, driver_free);
}

bool driver_pin(struct driver *d)
{
	s32 v = atomic_read(&d->pins);

	while (!(v & DRIVER_GOING_PIN))
		if (__atomic_compare_exchange_n(&d->pins.v, &v, v + 1, false, __ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

void driver_unpin(struct driver *d)
{
	if (atomic_sub_return(&d->pins, 1) == DRIVER_GOING_PIN)
		wake_up_all(&d->pins_wait);
}

u32 driver_pin_count(const struct driver *d)
{
	return atomic_read(&d->pins) & ~DRIVER_GOING_PIN;
}

/* ---- look-up ---- */

struct driver *driver_find(s64 id)
{
	struct driver *d, *found = NULL;

	mutex_lock(&drivers_lock);
	list_for_each(d, &drivers, link)
		if (d->id >= id) {
			found = d;
			driver_get(d);
			break;
		}
	mutex_unlock(&drivers_lock);
	return found;
}

struct driver *driver_find_name_locked(const char *name, u32 state)
{
	assert_held(&drivers_lock);
	for (struct list *at = drivers.prev; at != &drivers; at = at->prev) {
		struct driver *d = list_entry(at, struct driver, link);

		if (!strcmp(d->name, name) && d->state == state) {
			driver_get(d);
			return d;
		}
	}
	return NULL;
}

void driver_set_description(struct driver *d, const struct banos_driver_record *r)
{
	d->level = r->level;
	strscpy(d->name, r->name, sizeof(d->name));
	strscpy(d->version, r->version, sizeof(d->version));
	strscpy(d->licence, r->licence, sizeof(d->licence));
	strscpy(d->description, r->description, sizeof(d->description));
}

int driver_take_serves(struct driver *d, const u8 *records, u64 size)
{
	const struct record_header *h;
	u32 n = 0;

	for (u64 at = 0; (h = record_next(records, size, &at));)
		n += h->kind == BANOS_RECORD_SERVES;
	if (!n)
		return 0;
	d->serves = kvzalloc(n * sizeof(*d->serves));
	if (!d->serves)
		return -ENOMEM;
	for (u64 at = 0; (h = record_next(records, size, &at));)
		if (h->kind == BANOS_RECORD_SERVES)
			strscpy(d->serves[d->nserves++],
				((const struct banos_serves_record *)h)->alias, BANOS_ALIAS_SIZE);
	return 0;
}

/* ---- entering it ---- */

static void run_calls(struct driver *d, const u64 *calls, u32 n)
{
	/* They return nothing: what lies in the result register means nothing. */
	for (u32 i = 0; i < n; i++) {
		BUG_ON(!d->owner.gate_slot);
		gate_enter(&d->owner, false, NULL, (const void *)calls[i], 0, 0, 0, 0, 0, 0);
	}
}

int driver_run_init(struct driver *d)
{
	s64 result;

	run_calls(d, d->image.init_calls, d->image.ninit);
	result = gate_call(&d->owner, NULL, (const void *)d->image.init, d->owner.handle, 0, 0, 0,
			   0, 0);
	if (result > 0) {
		pr_warn("banos: %s: init returned %ld; it has to return 0 or an error\n", d->name,
			result);
		result = -EINVAL;
	}
	return result;
}

void driver_run_exit(struct driver *d)
{
	s64 result = 0;

	if (d->exited)
		return;
	d->exited = true;
	if (d->image.exit)
		result = gate_call(&d->owner, NULL, (const void *)d->image.exit, d->owner.handle, 0,
				   0, 0, 0, 0);
	if (result)
		pr_warn("banos: %s: exit returned %ld; it has to return 0\n", d->name, result);
	run_calls(d, d->image.fini_calls, d->image.nfini);
}

/* ---- visible and invisible ---- */

/* In the order of ids, which two installs may have been given in the other one. */
static void link_locked(struct driver *d)
{
	struct list *at = drivers.prev;

	assert_held(&drivers_lock);
	while (at != &drivers && list_entry(at, struct driver, link)->id > d->id)
		at = at->prev;
	list_add(&d->link, at);
	driver_count++;
	drivers_generation++;
}

static void number_locked(struct driver *d)
{
	assert_held(&drivers_lock);
	if (d->id < 0)
		d->id = next_id++;
}

/*
 * All at once: what was registered has its names by now, but nobody gets in, and
 * no removal finds the driver, before the last step under the lock. From then
 * on it may be gone at any time.
 */
int driver_publish(struct driver *d)
{
	int err = owner_publish(&d->owner);

	if (err)
		return err;
	mutex_lock(&drivers_lock);
	number_locked(d);
	mutex_unlock(&drivers_lock);
	account_add(d);
	mutex_lock(&drivers_lock);
	err = exports_add(d->exports, d->nexports);
	if (!err) {
		d->state = BANOS_DRIVER_LIVE;
		link_locked(d);
		__atomic_fetch_and(&d->pins.v, ~DRIVER_GOING_PIN, __ATOMIC_SEQ_CST);
	}
	mutex_unlock(&drivers_lock);
	if (err)
		return err;
	owner_publish_late(&d->owner);
	if (gate_has_failed(&d->owner))
		driver_remove_failed(d);
	return 0;
}

void driver_withdraw(struct driver *d)
{
	mutex_lock(&drivers_lock);
	d->state = BANOS_DRIVER_GOING;
	exports_remove(d->exports, d->nexports);
	mutex_unlock(&drivers_lock);
}

/* ---- the beginning as a whole ---- */

int driver_start(struct driver *d, struct report *r)
{
	int err = driver_run_init(d);

	if (err) {
		d->image.exit = 0; /* it never was there */
		return report_add(r, err, "init failed: %s (error %d)", error_text(err), -err);
	}
	err = driver_publish(d);
	if (err)
		report_add(r, err, "what it registered could not be made visible: %s (error %d)",
			   error_text(err), -err);
	return err;
}

void driver_undo(struct driver *d)
{
	driver_withdraw(d);
	owner_stop_begin(&d->owner);
	if (driver_end(d)) {
		owner_stop_end(&d->owner);
		driver_leave_behind(d);
	}
}

/* ---- the end ---- */

static void report_leak(struct owner *root, const struct owned_class *c, u32 count)
{
	if (c->phase != OWNED_ENTRY)
		pr_warn("banos: %s: leaked %u %s\n", root->name, count,
			count == 1 ? c->name : c->names);
}

static void free_image(struct driver *d)
{
	if (d->range.lookup) {
		symbol_range_remove(&d->range);
		synchronize_rcu();
	}
	d->range.lookup = NULL;
	krange_free(d->image.mem);
	d->image.mem = NULL;
	kvfree(d->image.names);
	kvfree(d->image.functions);
	d->image.names = NULL;
	d->image.functions = NULL;
	d->image.nfunctions = 0;
	if (!d->builtin)
		kvfree(d->image.init_calls);
	kvfree(d->image.fini_calls);
	kvfree(d->serves);
	d->serves = NULL;
	d->nserves = 0;
	kvfree(d->exports);
	d->exports = NULL;
	d->nexports = 0;
}

static void unlink_driver(struct driver *d)
{
	mutex_lock(&drivers_lock);
	if (!list_empty(&d->link)) {
		list_del(&d->link);
		driver_count--;
		drivers_generation++;
	}
	uses_drop_all(d);
	slots_free(d);
	mutex_unlock(&drivers_lock);
}

void driver_leave_behind(struct driver *d)
{
	mutex_lock(&drivers_lock);
	number_locked(d);
	if (list_empty(&d->link))
		link_locked(d);
	mutex_unlock(&drivers_lock);
	account_add(d);
	pr_err("banos: %s: something of it does not end; it stays, going, as number %ld\n", d->name,
	       d->id);
}

static int dismantle(struct driver *d)
{
	/* A driver that failed had no chance to give anything back. */
	bool failed = gate_has_failed(&d->owner);
	owner_report report = failed ? NULL : report_leak;
	u64 bytes;
	int err;

	owner_close(&d->owner);
	bytes = d->owner.bytes;
	err = owner_sweep(&d->owner, 1 << OWNED_ACTIVE, report);
	if (!err)
		err = driver_worker_stop(d);
	if (!err)
		err = owner_sweep(&d->owner, ~0u, report);
	if (err)
		return err;
	if (bytes && !failed)
		pr_warn("banos: %s: ... of %lu bytes\n", d->name, bytes);
	account_remove(d);
	bus_forget(&d->owner);
	unlink_driver(d);
	sys_module_changed(d->name);
	stubs_free(d);
	free_image(d);
	gate_close(&d->owner);
	owner_destroy(&d->owner);
	driver_put(d);
	return 0;
}

int driver_end(struct driver *d)
{
	int err = owner_sweep(&d->owner, 1 << OWNED_ENTRY, NULL);

	if (!err)
		err = gate_drain(&d->owner, d->owner.stop_by_ns);
	if (err)
		return err;
	driver_run_exit(d);
	return dismantle(d);
}

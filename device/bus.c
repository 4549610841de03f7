// SPDX-License-Identifier: MIT
/*
 * Buses: the devices on them, the drivers that want devices, and the bindings of both.
 *
 * A kernel thread searches for drivers, so that no driver is called back from inside
 * its own call: it handles each device when that is published, and each device without
 * a driver that a new prober wants. The installation of a driver waits until the thread
 * has finished (bus_settle()).
 *
 * Unbinding consists of steps that can be repeated: if a thread of the driver
 * does not end, the device stays half unbound, and the removal of the driver continues.
 *
 * A dead binding stays in memory for a while: a function of the API that was called
 * in another thread may still access its owner, which is closed. It is freed when
 * its driver has been drained, or after DEAD_NS, when no such call can still run.
 *
 * One thread at a time binds or unbinds a device: the one that has claimed it
 * (bus_device_claim()). A claim is not a lock: drivers run during it, and no thread
 * waits for it longer than OWNER_STOP_LIMIT_NS.
 *
 * Locks: bus.h. quarantine_lock (spin) guards the lists of memory in quarantine.
 */
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>

#define DEAD_NS		(60 * NSEC_PER_SEC)
#define SETTLE_LIMIT_NS (10 * NSEC_PER_SEC)

static DEFINE_MUTEX(bus_lock);	 /* all below to pending, and what bus.h says */
static DEFINE_LIST(all_devices); /* published, by id */
static DEFINE_LIST(probers);	 /* by id */
static u64 next_id = 1;
static struct binding *dead_bindings;
static DEFINE_SPINLOCK(quarantine_lock); /* bus_device.quarantine */

/* Devices that wait for the thread. */
static DEFINE_LIST(pending);
static bool thread_runs, thread_busy;
static DEFINE_WAIT_QUEUE(pending_wait);
static DEFINE_WAIT_QUEUE(settled_wait);

/* Threads that wait to claim a device. */
static DEFINE_WAIT_QUEUE(claim_wait);

/* ---- one at a time ---- */

static bool bus_device_try_claim(struct bus_device *device)
{
	struct thread *nobody = NULL;

	return __atomic_compare_exchange_n(&device->claimant, &nobody, current, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void bus_device_report_busy(struct bus_device *device)
{
	const char *name = "a driver";

	mutex_lock(&bus_lock);
	if (device->binding)
		name = device->binding->owner.root->name;
	pr_err("banos: %s: probe() or remove() of device %s %s has not returned\n", name,
	       device->bus->name, device->name);
	mutex_unlock(&bus_lock);
}

/* @return 0; -EBUSY: another thread, or this one in a function of the driver, keeps it claimed */
static int bus_device_claim(struct bus_device *device, u64 deadline_ns)
{
	int err = -EBUSY;

	if (READ_ONCE(device->claimant) != current)
		err = WAIT_EVENT_(&claim_wait, bus_device_try_claim(device), THREAD_KILLABLE,
				  deadline_ns, fatal_signal_pending());
	if (err == -EBUSY || err == -ETIMEDOUT)
		bus_device_report_busy(device);
	return err ? -EBUSY : 0;
}

static void bus_device_unclaim(struct bus_device *device)
{
	smp_store_release(&device->claimant, NULL);
	wake_up_all(&claim_wait);
}

/* ---- methods of the bus ---- */

s64 bus_device_call(struct bus_device *device, size_t method, u64 first, u64 second, u64 third)
{
	const void *function = *(const void **)((u8 *)&device->bus->methods + method);

	if (!device->bus->root)
		return 0;
	return gate_call(device->bus->root, NULL, function, (u64)device->bus->context,
			 (u64)device->context, first, second, third, 0);
}

bool bus_device_allows(const struct bus_device *device, u32 kind, u64 start, u64 length)
{
	for (u32 i = 0; i < device->nresources; i++) {
		const struct device_resource *resource = &device->resources[i];
		bool fits = resource->kind == kind ||
			    (kind == DEVICE_MEMORY && resource->kind == DEVICE_ECAM);

		if (fits && length <= resource->length && start >= resource->start &&
		    start - resource->start <= resource->length - length)
			return true;
	}
	return false;
}

/* ---- memory in quarantine ---- */

void dma_block_free(struct dma_block *block)
{
	struct page *page = phys_to_page(block->addr);

	for (u32 i = 0; i < 1u << block->order; i++)
		page[i].flags &= ~PG_DRIVER;
	pages_free(page, block->order);
	kfree(block);
}

void bus_device_quarantine(struct bus_device *device, struct dma_block *block)
{
	u64 flags = spin_lock_irqsave(&quarantine_lock);

	list_add_tail(&block->link, &device->quarantine);
	spin_unlock_irqrestore(&quarantine_lock, flags);
}

static struct dma_block *quarantine_take(struct bus_device *device)
{
	struct dma_block *block = NULL;
	u64 flags = spin_lock_irqsave(&quarantine_lock);

	if (!list_empty(&device->quarantine)) {
		block = list_first(&device->quarantine, struct dma_block, link);
		list_del(&block->link);
	}
	spin_unlock_irqrestore(&quarantine_lock, flags);
	return block;
}

static u64 quarantine_bytes(struct bus_device *device)
{
	u64 bytes = 0, flags = spin_lock_irqsave(&quarantine_lock);
	struct dma_block *block;

	list_for_each(block, &device->quarantine, link)
		bytes += block->bytes;
	spin_unlock_irqrestore(&quarantine_lock, flags);
	return bytes;
}

/* Claimed. A device that was unplugged does no DMA. */
static int bus_device_make_silent(struct bus_device *device)
{
	struct dma_block *block;
	s64 err = 0;

	if (!device->absent)
		err = bus_device_ask(device, quiesce, 0, 0, 0);
	if (err) {
		pr_err("%s %s: the bus driver cannot stop the device's DMA (error %ld)\n",
		       device->bus->name, device->name, -err);
		return -EIO;
	}
	while ((block = quarantine_take(device)))
		dma_block_free(block);
	return 0;
}

bool bus_device_is_silent(const struct bus_device *device)
{
	return device->binding && READ_ONCE(device->binding->silent);
}

/* Memory that the previous driver left in quarantine must be freed before the next probe. Claimed. */
static int quarantine_end(struct bus_device *device)
{
	u64 bytes = quarantine_bytes(device);

	if (!bytes)
		return 0;
	if (bus_device_make_silent(device))
		return -EIO;
	pr_info("%s %s: its DMA has stopped: %lu bytes of DMA memory were freed\n",
		device->bus->name, device->name, bytes);
	return 0;
}

/* ---- dead bindings ---- */

static void binding_free(struct rcu_head *head)
{
	kfree(container_of(head, struct binding, owner.rcu));
}

static bool binding_may_be_freed(const struct binding *binding, const struct owner *root)
{
	if (root)
		return binding->owner.root == root;
	return time_monotonic_ns() - binding->died_ns >= DEAD_NS;
}

/* Free the dead bindings of driver @p root, or, if NULL, those that have been dead for DEAD_NS. */
static void binding_free_dead(const struct owner *root)
{
	struct binding **link, *binding, *list = NULL;

	mutex_lock(&bus_lock);
	for (link = &dead_bindings; (binding = *link);) {
		if (!binding_may_be_freed(binding, root)) {
			link = &binding->next_dead;
			continue;
		}
		*link = binding->next_dead;
		binding->next_dead = list;
		list = binding;
	}
	mutex_unlock(&bus_lock);
	while ((binding = list)) {
		list = binding->next_dead;
		owned_put(&binding->device->owned);
		owned_put(&binding->prober->owned);
		call_rcu(&binding->owner.rcu, binding_free);
	}
}

void bus_forget(const struct owner *root)
{
	binding_free_dead(root);
}

static void binding_retire(struct binding *binding)
{
	owner_destroy(&binding->owner);
	binding->died_ns = time_monotonic_ns();
	mutex_lock(&bus_lock);
	binding->next_dead = dead_bindings;
	dead_bindings = binding;
	mutex_unlock(&bus_lock);
	binding_free_dead(NULL);
}

/* ---- unbinding ---- */

static void binding_report_leak(struct owner *owner, const struct owned_class *class, u32 count)
{
	if (class->phase != OWNED_ENTRY)
		pr_warn("banos: %s: leaked %u %s of device %s\n", owner->root->name, count,
			count == 1 ? class->name : class->names, owner->name);
}

static void binding_call_remove(struct binding *binding)
{
	s64 result = gate_call(binding->owner.root, NULL, binding->prober->remove,
			       (u64)binding->prober->context, binding->owner.handle,
			       (u64)binding->state, 0, 0, 0);

	if (result)
		pr_warn("banos: %s: remove() returned %ld for device %s, expected 0\n",
			binding->owner.root->name, result, binding->owner.name);
}

static int bus_device_unbind_steps(struct bus_device *device, struct binding *binding)
{
	int err;

	owner_close(&binding->owner);
	err = owner_sweep(&binding->owner, 1 << OWNED_ENTRY, NULL);
	if (err)
		return err;
	if (binding->probed && !binding->removed)
		binding_call_remove(binding);
	binding->removed = true;
	if (!binding->silent && !bus_device_make_silent(device))
		WRITE_ONCE(binding->silent, true);
	if (binding->probed)
		err = owner_sweep(&binding->owner, ~0u, binding_report_leak);
	else
		err = owner_sweep(&binding->owner, ~0u, NULL);
	if (err)
		return err;
	if (quarantine_bytes(device))
		pr_err("banos: %s: %lu bytes of DMA memory stay allocated: device %s %s may still write to them\n",
		       binding->owner.root->name, quarantine_bytes(device), device->bus->name,
		       device->name);
	if (binding->probed)
		hotplug_event(HOTPLUG_UNBIND, device, binding->owner.root->name);
	mutex_lock(&bus_lock);
	device->binding = NULL;
	mutex_unlock(&bus_lock);
	binding_retire(binding);
	return 0;
}

/* Claimed. @return 0, -EBUSY: a call or a thread of the driver does not end: try again later */
static int bus_device_unbind(struct bus_device *device)
{
	struct binding *binding = device->binding;
	int err;

	if (!binding)
		return 0;
	owner_stop_begin(&binding->owner);
	err = bus_device_unbind_steps(device, binding);
	if (err) {
		owner_stop_end(&binding->owner);
		pr_err("banos: %s: cannot be unbound from device %s %s: it still uses the device\n",
		       binding->owner.root->name, device->bus->name, device->name);
	}
	return err;
}

/* ---- binding ---- */

static bool prober_matches(const struct prober *prober, const struct bus_device *device)
{
	if (strcmp(prober->bus, device->bus->name))
		return false;
	for (u32 i = 0; i < prober->npatterns; i++)
		if (glob_match(prober->patterns[i], device->alias))
			return true;
	return false;
}

/* Claimed. @return the binding, linked to both; ERR_PTR(-ENOMEM); ERR_PTR(-ENODEV): one of them is being removed */
static struct binding *binding_create(struct bus_device *device, struct prober *prober)
{
	struct binding *binding = kzalloc(sizeof(*binding));
	bool taken;

	if (!binding ||
	    owner_init(&binding->owner, prober->root, device->name, prober->root->private)) {
		kfree(binding);
		return ERR_PTR(-ENOMEM);
	}
	binding->owner.device = device;
	binding->device = device;
	binding->prober = prober;
	atomic_inc(&device->owned.refs);
	atomic_inc(&prober->owned.refs);
	mutex_lock(&bus_lock);
	taken = prober->dead || device->gone || device->binding;
	if (!taken)
		device->binding = binding;
	mutex_unlock(&bus_lock);
	if (taken) {
		binding_retire(binding);
		return ERR_PTR(-ENODEV);
	}
	return binding;
}

static int binding_probe(struct binding *binding)
{
	struct prober *prober = binding->prober;
	void *state = NULL; /* on our stack: memory that the driver may name */
	s64 err = gate_call(prober->root, NULL, prober->probe, (u64)prober->context,
			    binding->owner.handle, (u64)&state, 0, 0, 0);

	binding->state = state;

	if (err > 0)
		err = gate_bad_result(prober->root, err);
	if (err)
		return err;
	binding->probed = true;
	err = owner_publish(&binding->owner);
	if (!err)
		owner_publish_late(&binding->owner);
	return err;
}

static int bus_device_report_unserved(const struct bus_device *device, const struct prober *prober,
				      int err)
{
	if (err != -ENODEV)
		pr_err("banos: %s: cannot drive device %s %s: %s (error %d)\n", prober->root->name,
		       device->bus->name, device->name, error_text(err), -err);
	return err;
}

/* Claimed. @return 0: it has a driver now */
static int bus_device_bind(struct bus_device *device, struct prober *prober)
{
	struct binding *binding;
	int err;

	if (quarantine_end(device))
		return -EIO;
	binding = binding_create(device, prober);
	if (IS_ERR(binding))
		return bus_device_report_unserved(device, prober, PTR_ERR(binding));
	err = binding_probe(binding);
	if (!err) {
		hotplug_event(HOTPLUG_BIND, device, prober->root->name);
		return 0;
	}
	bus_device_report_unserved(device, prober, err);
	/* A failure is logged there; the removal of either side tries again. */
	(void)bus_device_unbind(device);
	return err;
}

/* The next prober behind number @after that wants @device, counted. */
static struct prober *prober_next(struct bus_device *device, u64 after)
{
	struct prober *prober, *found = NULL;

	mutex_lock(&bus_lock);
	list_for_each(prober, &probers, link)
		if (prober->id > after && !prober->dead && !device->gone && !device->binding &&
		    prober_matches(prober, device)) {
			found = prober;
			atomic_inc(&prober->owned.refs);
			break;
		}
	mutex_unlock(&bus_lock);
	return found;
}

static void bus_device_find_driver(struct bus_device *device)
{
	struct prober *prober;
	u64 after = 0;

	if (bus_device_claim(device, time_monotonic_ns() + OWNER_STOP_LIMIT_NS))
		return;
	while ((prober = prober_next(device, after))) {
		after = prober->id;
		bus_device_bind(device, prober);
		owned_put(&prober->owned);
	}
	bus_device_unclaim(device);
}

/* ---- the thread that binds ---- */

static struct bus_device *pending_next(void)
{
	struct bus_device *device = NULL;

	mutex_lock(&bus_lock);
	thread_busy = !list_empty(&pending);
	if (thread_busy) {
		device = list_first(&pending, struct bus_device, pending);
		list_del(&device->pending);
	}
	mutex_unlock(&bus_lock);
	return device;
}

static void bus_bind_thread(void *unused)
{
	struct bus_device *device;

	for (;;) {
		while ((device = pending_next())) {
			bus_device_find_driver(device);
			owned_put(&device->owned);
		}
		wake_up_all(&settled_wait);
		wait_event(&pending_wait, !list_empty(&pending));
	}
}

static void pending_queue_locked(struct bus_device *device)
{
	assert_held(&bus_lock);
	if (!list_empty(&device->pending))
		return;
	atomic_inc(&device->owned.refs);
	list_add_tail(&device->pending, &pending);
}

/* Wake the thread after a device was queued; the first call creates it. */
static void pending_start_thread(void)
{
	bool start;

	mutex_lock(&bus_lock);
	start = !thread_runs && !list_empty(&pending);
	thread_runs |= start;
	mutex_unlock(&bus_lock);
	if (start && thread_spawn(bus_bind_thread, NULL, "kbind")) {
		pr_err("bus: not enough memory for the thread that binds drivers to devices\n");
		WRITE_ONCE(thread_runs, false);
	}
	wake_up(&pending_wait);
}

static void pending_unqueue_locked(struct bus_device *device)
{
	assert_held(&bus_lock);
	if (list_empty(&device->pending))
		return;
	list_del(&device->pending);
	owned_put(&device->owned);
}

void bus_settle(void)
{
	wait_event_until(&settled_wait,
			 !READ_ONCE(thread_runs) ||
				 (list_empty(&pending) && !READ_ONCE(thread_busy)),
			 time_monotonic_ns() + SETTLE_LIMIT_NS);
}

/* ---- devices ---- */

static int bus_device_publish(struct owned *owned)
{
	struct bus_device *device = container_of(owned, struct bus_device, owned);
	bool there;

	/* It may be in removal already: bus_device_stop() sets ->gone, then waits for the claim. */
	if (bus_device_claim(device, time_monotonic_ns() + OWNER_STOP_LIMIT_NS))
		return -EBUSY;
	mutex_lock(&bus_lock);
	there = !device->gone;
	if (there) {
		device->id = next_id++;
		list_add_tail(&device->of_all, &all_devices);
		pending_queue_locked(device);
	}
	mutex_unlock(&bus_lock);
	if (there) {
		bus_sysfs_add(device);
		hotplug_event(HOTPLUG_ADD, device, NULL);
	}
	bus_device_unclaim(device);
	pending_start_thread();
	return 0;
}

static void bus_device_unlist(struct bus_device *device)
{
	mutex_lock(&bus_lock);
	pending_unqueue_locked(device);
	list_del(&device->of_all);
	list_del(&device->of_bus);
	mutex_unlock(&bus_lock);
}

static int bus_device_stop(struct owned *owned, u64 deadline_ns)
{
	struct bus_device *device = container_of(owned, struct bus_device, owned);
	int err;

	mutex_lock(&bus_lock);
	device->gone = true;
	mutex_unlock(&bus_lock);
	err = bus_device_claim(device, deadline_ns);
	if (err)
		return err;
	err = bus_device_unbind(device);
	bus_device_unclaim(device);
	if (err)
		return err;
	if (device->id) {
		bus_sysfs_remove(device);
		hotplug_event(HOTPLUG_REMOVE, device, NULL);
	}
	bus_device_unlist(device);
	return 0;
}

static void bus_device_free(struct owned *owned)
{
	struct bus_device *device = container_of(owned, struct bus_device, owned);

	owned_put(&device->bus->owned);
	kfree(device->resources);
	kfree(device->properties);
	kfree(device->attributes);
	kfree(device);
}

const struct owned_class device_class = {
	.name = "device on a bus",
	.names = "devices on buses",
	.kind = OWNED_DEVICE,
	.phase = OWNED_ENTRY,
	.late = true,
	.publish = bus_device_publish,
	.stop = bus_device_stop,
	.free = bus_device_free,
};

/* Two buses of one name share the names of devices: they share a folder in /sys. */
static bool bus_name_taken_locked(const struct bus *bus, const char *name)
{
	struct bus_device *device;

	assert_held(&bus_lock);
	list_for_each(device, &bus->devices, of_bus)
		if (!strcmp(device->name, name))
			return true;
	list_for_each(device, &all_devices, of_all)
		if (!strcmp(device->bus->name, bus->name) && !strcmp(device->name, name))
			return true;
	return false;
}

int bus_device_add(struct bus *bus, struct bus_device *device)
{
	struct owner *owner = READ_ONCE(bus->owned.owner);
	int err;

	if (!owner)
		return -ENODEV;
	device->bus = bus;
	device->owner = owner;
	list_init(&device->of_all);
	list_init(&device->pending);
	list_init(&device->quarantine);
	list_init(&device->nodes);
	mutex_lock(&bus_lock);
	err = -EEXIST;
	if (!bus_name_taken_locked(bus, device->name))
		err = owned_add(owner, &device->owned, &device_class, true);
	if (!err) {
		list_add_tail(&device->of_bus, &bus->devices);
		atomic_inc(&bus->owned.refs);
	}
	mutex_unlock(&bus_lock);
	if (err)
		return err;
	return owned_publish(&device->owned);
}

int bus_device_remove(struct bus_device *device, bool absent)
{
	if (absent)
		WRITE_ONCE(device->absent, true);
	return owned_remove(&device->owned);
}

bool bus_device_driver(struct bus_device *device, char *name, size_t size)
{
	bool has;

	mutex_lock(&bus_lock);
	has = device->binding && device->binding->probed;
	if (has)
		strscpy(name, device->binding->owner.root->name, size);
	mutex_unlock(&bus_lock);
	return has;
}

void bus_devices_each(bool (*function)(const struct bus_device *d, void *arg), void *arg)
{
	struct bus_device *device;

	mutex_lock(&bus_lock);
	list_for_each(device, &all_devices, of_all)
		if (!function(device, arg))
			break;
	mutex_unlock(&bus_lock);
}

/* ---- buses ---- */

/* Remove the devices one after the other; wait for those that another thread removes. */
static int bus_remove_devices(struct bus *bus, u64 deadline_ns)
{
	for (;;) {
		struct bus_device *device = NULL;
		int err;

		mutex_lock(&bus_lock);
		if (!list_empty(&bus->devices)) {
			device = list_first(&bus->devices, struct bus_device, of_bus);
			atomic_inc(&device->owned.refs);
		}
		mutex_unlock(&bus_lock);
		if (!device)
			return 0;
		err = owned_remove(&device->owned);
		owned_put(&device->owned);
		if (err && err != -EINVAL)
			return err;
		if (!err)
			continue;
		/* Another thread is removing it. */
		if (time_monotonic_ns() >= deadline_ns || fatal_signal_pending())
			return -EBUSY;
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
	}
}

static int bus_publish(struct owned *owned)
{
	return 0;
}

static int bus_stop(struct owned *owned, u64 deadline_ns)
{
	return bus_remove_devices(container_of(owned, struct bus, owned), deadline_ns);
}

static void bus_free(struct owned *owned)
{
	kfree(container_of(owned, struct bus, owned));
}

const struct owned_class bus_class = {
	.name = "bus",
	.names = "buses",
	.kind = OWNED_BUS,
	.phase = OWNED_ENTRY,
	.late = true,
	.publish = bus_publish,
	.stop = bus_stop,
	.free = bus_free,
};

int bus_add(struct owner *owner, struct bus *bus)
{
	int err;

	list_init(&bus->devices);
	err = owned_add(owner, &bus->owned, &bus_class, true);
	if (err)
		return err;
	return owned_publish(&bus->owned);
}

/* ---- probers ---- */

static int prober_publish(struct owned *owned)
{
	struct prober *prober = container_of(owned, struct prober, owned);
	struct bus_device *device;

	mutex_lock(&bus_lock);
	if (!prober->dead) {
		prober->id = next_id++;
		list_add_tail(&prober->link, &probers);
		list_for_each(device, &all_devices, of_all)
			if (!device->gone && !device->binding && prober_matches(prober, device))
				pending_queue_locked(device);
	}
	mutex_unlock(&bus_lock);
	pending_start_thread();
	return 0;
}

static struct bus_device *device_of_prober(const struct prober *prober)
{
	struct bus_device *device, *found = NULL;

	mutex_lock(&bus_lock);
	list_for_each(device, &all_devices, of_all)
		if (device->binding && device->binding->prober == prober) {
			found = device;
			atomic_inc(&device->owned.refs);
			break;
		}
	mutex_unlock(&bus_lock);
	return found;
}

static int prober_stop(struct owned *owned, u64 deadline_ns)
{
	struct prober *prober = container_of(owned, struct prober, owned);
	struct bus_device *device;
	int err = 0;

	mutex_lock(&bus_lock);
	prober->dead = true;
	list_del(&prober->link);
	mutex_unlock(&bus_lock);
	while (!err && (device = device_of_prober(prober))) {
		err = bus_device_claim(device, deadline_ns);
		if (!err) {
			if (device->binding && device->binding->prober == prober)
				err = bus_device_unbind(device);
			bus_device_unclaim(device);
		}
		owned_put(&device->owned);
	}
	return err;
}

static void prober_free(struct owned *owned)
{
	kfree(container_of(owned, struct prober, owned));
}

const struct owned_class prober_class = {
	.name = "device prober",
	.names = "device probers",
	.kind = OWNED_PROBER,
	.phase = OWNED_ENTRY,
	.late = true,
	.publish = prober_publish,
	.stop = prober_stop,
	.free = prober_free,
};

int prober_add(struct owner *owner, struct prober *prober)
{
	list_init(&prober->link);
	prober->root = owner->root;
	return owned_add(owner, &prober->owned, &prober_class, true);
}

// SPDX-License-Identifier: MIT
/*
 * Which driver has which device: bindings, and how they begin and end.
 *
 * A kernel thread searches for drivers, so that no driver is called back from inside
 * its own call: it handles each device when that is published, when its driver was removed,
 * and each device without a driver that a new prober wants. It asks the probers in the order
 * of their rank. A device keeps its driver when a better prober appears later: programs may
 * use it. The installation and the removal of a driver wait until the thread has finished
 * (bus_settle()).
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
#include <kernel/wall.h>
#include "bus_internal.h"

#define DEAD_NS		(60 * NSEC_PER_SEC)
#define SETTLE_LIMIT_NS (10 * NSEC_PER_SEC)

static struct binding *dead_bindings;	 /* under bus_lock */
static DEFINE_SPINLOCK(quarantine_lock); /* bus_device.quarantine, lost_memory */
static DEFINE_LIST(
	lost_memory); /* struct dma_block, of devices that are gone and may still write to it */

/* Devices that wait for the thread; under bus_lock. */
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
int bus_device_claim(struct bus_device *device, u64 deadline_ns)
{
	int err = -EBUSY;

	if (READ_ONCE(device->claimant) != current)
		err = WAIT_EVENT_(&claim_wait, bus_device_try_claim(device), THREAD_KILLABLE,
				  deadline_ns, fatal_signal_pending());
	if (err == -EBUSY || err == -ETIMEDOUT)
		bus_device_report_busy(device);
	if (err)
		return -EBUSY;
	return 0;
}

void bus_device_unclaim(struct bus_device *device)
{
	smp_store_release(&device->claimant, NULL);
	wake_up_all(&claim_wait);
}

/* ---- memory in quarantine ---- */

void dma_block_free(struct dma_block *block)
{
	struct page *page = phys_to_page(block->addr);

	if (block->borrowed) {
		page_put(page);
	} else {
		for (u32 i = 0; i < 1u << block->order; i++)
			page[i].flags &= ~PG_DRIVER;
		pages_free(page, block->order);
	}
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

void bus_device_lose_quarantine(struct bus_device *device)
{
	struct dma_block *block;

	while ((block = quarantine_take(device))) {
		u64 flags = spin_lock_irqsave(&quarantine_lock);

		list_add_tail(&block->link, &lost_memory);
		spin_unlock_irqrestore(&quarantine_lock, flags);
	}
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
	/* A driver that failed could not release its resources. */
	if (class->phase != OWNED_ENTRY && !gate_has_failed(owner->root))
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
	owner_report report = binding->probed ? binding_report_leak : NULL;
	int err;

	owner_close(&binding->owner);
	vm_windows_revoke(&binding->windows);
	err = owner_sweep(&binding->owner, 1 << OWNED_ENTRY, NULL);
	if (err)
		return err;
	if (binding->probed && !binding->removed)
		binding_call_remove(binding);
	binding->removed = true;
	if (!binding->silent && !bus_device_make_silent(device))
		WRITE_ONCE(binding->silent, true);
	err = owner_sweep(&binding->owner, 1 << OWNED_ENTRY | 1 << OWNED_ACTIVE, report);
	if (!err)
		err = owner_tell_gone(&binding->owner);
	if (!err)
		err = owner_sweep(&binding->owner, ~0u, report);
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
int bus_device_unbind(struct bus_device *device)
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
	vm_window_list_init(&binding->windows, VM_WINDOW_DEVICE);
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

static int binding_probe(struct binding *binding, u64 data)
{
	struct prober *prober = binding->prober;
	void *state = NULL; /* on our stack: memory that the driver may name */
	s64 err;

	wall_next_method("banos_prober_ops.probe", prober->probe);
	err = gate_call(prober->root, NULL, prober->probe, (u64)prober->context,
			binding->owner.handle, data, (u64)&state, 0, 0);
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
static int bus_device_bind(struct bus_device *device, struct prober *prober, u64 data)
{
	struct binding *binding;
	int err;

	if (quarantine_end(device))
		return -EIO;
	binding = binding_create(device, prober);
	if (IS_ERR(binding))
		return bus_device_report_unserved(device, prober, PTR_ERR(binding));
	err = binding_probe(binding, data);
	if (!err) {
		hotplug_event(HOTPLUG_BIND, device, prober->root->name);
		return 0;
	}
	bus_device_report_unserved(device, prober, err);
	/* A failure is logged there; the removal of either side tries again. */
	(void)bus_device_unbind(device);
	return err;
}

static void bus_device_find_driver(struct bus_device *device)
{
	struct prober_rank rank = PROBER_RANK_BEST;
	struct prober *prober;

	if (bus_device_claim(device, time_monotonic_ns() + OWNER_STOP_LIMIT_NS))
		return;
	while ((prober = prober_next(device, &rank))) {
		bus_device_bind(device, prober, rank.data);
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

void pending_queue_locked(struct bus_device *device)
{
	assert_held(&bus_lock);
	if (!list_empty(&device->pending))
		return;
	atomic_inc(&device->owned.refs);
	list_add_tail(&device->pending, &pending);
}

/* Wake the thread after a device was queued; the first call creates it. */
void pending_start_thread(void)
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

void bus_device_offer(struct bus_device *device)
{
	mutex_lock(&bus_lock);
	if (!device->gone && !device->binding)
		pending_queue_locked(device);
	mutex_unlock(&bus_lock);
	pending_start_thread();
}

void pending_unqueue_locked(struct bus_device *device)
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

// SPDX-License-Identifier: MIT
/*
 * Buses: which devices there are, which drivers want them, who has which.
 *
 * A thread of ours looks for drivers, so that none is called back from inside
 * its own call: it looks at each device when that comes, and at those without a
 * driver that a new prober wants. Who installs a driver waits until it is done
 * (bus_settle()).
 *
 * Letting go (unbind) has steps that can be repeated: where a thread of the driver
 * does not end, the device stays half let go, and the removal of the driver goes on.
 *
 * A dead binding stays in memory for a while: a function of the API that was called
 * in another thread may still look at its owner, which is closed. It goes when
 * its driver has been drained, or after DEAD_NS, when no such call can be left.
 *
 * Binding and letting go of a device is for one thread at a time (life_begin()), which
 * is no lock: drivers run meanwhile, and nobody waits for it longer than
 * OWNER_STOP_LIMIT_NS.
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

static DEFINE_MUTEX(bus_lock);
static DEFINE_LIST(all_devices); /* published, by id */
static DEFINE_LIST(probers);	 /* by id */
static u64 next_id = 1;
static struct binding *dead_bindings;
static DEFINE_SPINLOCK(quarantine_lock);

/* Devices that wait for the thread. */
static DEFINE_LIST(pending);
static bool thread_runs, thread_busy;
static DEFINE_WAIT_QUEUE(pending_wait);
static DEFINE_WAIT_QUEUE(settled_wait);

/* Threads that wait for the life of a device. */
static DEFINE_WAIT_QUEUE(life_wait);

/* ---- one at a time ---- */

static bool life_take(struct bus_device *d)
{
	struct thread *nobody = NULL;

	return __atomic_compare_exchange_n(&d->busy, &nobody, current, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static void tell_busy(struct bus_device *d)
{
	mutex_lock(&bus_lock);
	pr_err("banos: %s: probe() or remove() of device %s %s has not returned\n",
	       d->binding ? d->binding->owner.root->name : "a driver", d->bus->name, d->name);
	mutex_unlock(&bus_lock);
}

/* @return 0; -EBUSY: another thread has been at it for long, or is this one, in a function of the driver's */
static int life_begin(struct bus_device *d, u64 deadline_ns)
{
	int err = -EBUSY;

	if (READ_ONCE(d->busy) != current)
		err = WAIT_EVENT_(&life_wait, life_take(d), THREAD_KILLABLE, deadline_ns,
				  fatal_signal_pending());
	if (err == -EBUSY || err == -ETIMEDOUT)
		tell_busy(d);
	return err ? -EBUSY : 0;
}

static void life_end(struct bus_device *d)
{
	smp_store_release(&d->busy, NULL);
	wake_up_all(&life_wait);
}

/* ---- what the bus does ---- */

s64 bus_device_call(struct bus_device *d, size_t method, u64 a, u64 b, u64 c)
{
	const void *fn = *(const void **)((u8 *)&d->bus->methods + method);

	if (!d->bus->root)
		return 0;
	return gate_call(d->bus->root, NULL, fn, (u64)d->bus->context, (u64)d->context, a, b, c, 0);
}

bool bus_device_allows(const struct bus_device *d, u32 kind, u64 start, u64 length)
{
	for (u32 i = 0; i < d->nresources; i++) {
		const struct device_resource *r = &d->resources[i];
		bool fits = r->kind == kind || (kind == DEVICE_MEMORY && r->kind == DEVICE_ECAM);

		if (fits && length <= r->length && start >= r->start &&
		    start - r->start <= r->length - length)
			return true;
	}
	return false;
}

/* ---- memory in quarantine ---- */

void dma_block_free(struct dma_block *block)
{
	struct page *p = phys_to_page(block->addr);

	for (u32 i = 0; i < 1u << block->order; i++)
		p[i].flags &= ~PG_DRIVER;
	pages_free(p, block->order);
	kfree(block);
}

void bus_device_quarantine(struct bus_device *d, struct dma_block *block)
{
	u64 flags = spin_lock_irqsave(&quarantine_lock);

	list_add_tail(&block->link, &d->quarantine);
	spin_unlock_irqrestore(&quarantine_lock, flags);
}

static struct dma_block *quarantine_take(struct bus_device *d)
{
	struct dma_block *block = NULL;
	u64 flags = spin_lock_irqsave(&quarantine_lock);

	if (!list_empty(&d->quarantine)) {
		block = list_first(&d->quarantine, struct dma_block, link);
		list_del(&block->link);
	}
	spin_unlock_irqrestore(&quarantine_lock, flags);
	return block;
}

static u64 quarantine_bytes(struct bus_device *d)
{
	u64 bytes = 0, flags = spin_lock_irqsave(&quarantine_lock);
	struct dma_block *block;

	list_for_each(block, &d->quarantine, link)
		bytes += block->bytes;
	spin_unlock_irqrestore(&quarantine_lock, flags);
	return bytes;
}

/* Life held. A device that was pulled out writes nowhere. */
static int make_silent(struct bus_device *d)
{
	struct dma_block *block;
	s64 err = d->absent ? 0 : bus_device_ask(d, quiesce, 0, 0, 0);

	if (err) {
		pr_err("%s %s: the bus driver cannot stop the device's DMA (error %ld)\n",
		       d->bus->name, d->name, -err);
		return -EIO;
	}
	while ((block = quarantine_take(d)))
		dma_block_free(block);
	return 0;
}

bool bus_device_is_silent(const struct bus_device *d)
{
	return d->binding && READ_ONCE(d->binding->silent);
}

/* What the driver before left in quarantine is in the way of the next. Life held. */
static int end_quarantine(struct bus_device *d)
{
	u64 bytes = quarantine_bytes(d);

	if (!bytes)
		return 0;
	if (make_silent(d))
		return -EIO;
	pr_info("%s %s: its DMA has stopped: %lu bytes of DMA memory were freed\n", d->bus->name,
		d->name, bytes);
	return 0;
}

/* ---- dead bindings ---- */

static void binding_free(struct rcu_head *h)
{
	kfree(container_of(h, struct binding, owner.rcu));
}

/* Those of @root, or all that have been dead for long. */
static void bury(const struct owner *root)
{
	u64 now = time_monotonic_ns();
	struct binding **at, *b, *list = NULL;

	mutex_lock(&bus_lock);
	for (at = &dead_bindings; (b = *at);) {
		if (root ? b->owner.root != root : now - b->died_ns < DEAD_NS) {
			at = &b->next_dead;
			continue;
		}
		*at = b->next_dead;
		b->next_dead = list;
		list = b;
	}
	mutex_unlock(&bus_lock);
	while ((b = list)) {
		list = b->next_dead;
		owned_put(&b->device->owned);
		owned_put(&b->prober->owned);
		call_rcu(&b->owner.rcu, binding_free);
	}
}

void bus_forget(const struct owner *root)
{
	bury(root);
}

static void binding_retire(struct binding *b)
{
	owner_destroy(&b->owner);
	b->died_ns = time_monotonic_ns();
	mutex_lock(&bus_lock);
	b->next_dead = dead_bindings;
	dead_bindings = b;
	mutex_unlock(&bus_lock);
	bury(NULL);
}

/* ---- letting go ---- */

static void report_leak(struct owner *o, const struct owned_class *c, u32 count)
{
	if (c->phase != OWNED_ENTRY)
		pr_warn("banos: %s: leaked %u %s of device %s\n", o->root->name, count,
			count == 1 ? c->name : c->names, o->name);
}

static void call_remove(struct binding *b)
{
	s64 result = gate_call(b->owner.root, NULL, b->prober->remove, (u64)b->prober->context,
			       b->owner.handle, (u64)b->state, 0, 0, 0);

	if (result)
		pr_warn("banos: %s: remove() returned %ld for device %s, expected 0\n",
			b->owner.root->name, result, b->owner.name);
}

static int unbind_steps(struct bus_device *d, struct binding *b)
{
	int err;

	owner_close(&b->owner);
	err = owner_sweep(&b->owner, 1 << OWNED_ENTRY, NULL);
	if (err)
		return err;
	if (b->probed && !b->removed)
		call_remove(b);
	b->removed = true;
	if (!b->silent && !make_silent(d))
		WRITE_ONCE(b->silent, true);
	err = owner_sweep(&b->owner, ~0u, b->probed ? report_leak : NULL);
	if (err)
		return err;
	if (quarantine_bytes(d))
		pr_err("banos: %s: %lu bytes of DMA memory stay allocated: device %s %s may still write to them\n",
		       b->owner.root->name, quarantine_bytes(d), d->bus->name, d->name);
	if (b->probed)
		hotplug_event(HOTPLUG_UNBIND, d, b->owner.root->name);
	mutex_lock(&bus_lock);
	d->binding = NULL;
	mutex_unlock(&bus_lock);
	binding_retire(b);
	return 0;
}

/* Life held. @return 0, -EBUSY: something of the driver does not end; to be tried again */
static int unbind(struct bus_device *d)
{
	struct binding *b = d->binding;
	int err;

	if (!b)
		return 0;
	owner_stop_begin(&b->owner);
	err = unbind_steps(d, b);
	if (err) {
		owner_stop_end(&b->owner);
		pr_err("banos: %s: cannot be unbound from device %s %s: it still uses the device\n",
		       b->owner.root->name, d->bus->name, d->name);
	}
	return err;
}

/* ---- binding ---- */

static bool matches(const struct prober *p, const struct bus_device *d)
{
	if (strcmp(p->bus, d->bus->name))
		return false;
	for (u32 i = 0; i < p->npatterns; i++)
		if (glob_match(p->patterns[i], d->alias))
			return true;
	return false;
}

/* Life held. Both know of each other afterwards, or neither. @return -ENOMEM, -ENODEV: one of them goes */
static struct binding *binding_create(struct bus_device *d, struct prober *p)
{
	struct binding *b = kzalloc(sizeof(*b));
	bool taken;

	if (!b || owner_init(&b->owner, p->root, d->name, p->root->private)) {
		kfree(b);
		return ERR_PTR(-ENOMEM);
	}
	b->owner.device = d;
	b->device = d;
	b->prober = p;
	atomic_inc(&d->owned.refs);
	atomic_inc(&p->owned.refs);
	mutex_lock(&bus_lock);
	taken = p->dead || d->gone || d->binding;
	if (!taken)
		d->binding = b;
	mutex_unlock(&bus_lock);
	if (taken) {
		binding_retire(b);
		return ERR_PTR(-ENODEV);
	}
	return b;
}

static int probe(struct binding *b)
{
	struct prober *p = b->prober;
	void *state = NULL; /* on our stack: memory that the driver may name */
	s64 err = gate_call(p->root, NULL, p->probe, (u64)p->context, b->owner.handle, (u64)&state,
			    0, 0, 0);

	b->state = state;

	if (err > 0)
		err = gate_bad_result(p->root, err);
	if (err)
		return err;
	b->probed = true;
	err = owner_publish(&b->owner);
	if (!err)
		owner_publish_late(&b->owner);
	return err;
}

static int not_served(const struct bus_device *d, const struct prober *p, int err)
{
	if (err != -ENODEV)
		pr_err("banos: %s: cannot drive device %s %s: %s (error %d)\n", p->root->name,
		       d->bus->name, d->name, error_text(err), -err);
	return err;
}

/* Life held. @return 0: it has a driver now */
static int bind(struct bus_device *d, struct prober *p)
{
	struct binding *b;
	int err;

	if (end_quarantine(d))
		return -EIO;
	b = binding_create(d, p);
	if (IS_ERR(b))
		return not_served(d, p, PTR_ERR(b));
	err = probe(b);
	if (!err) {
		hotplug_event(HOTPLUG_BIND, d, p->root->name);
		return 0;
	}
	not_served(d, p, err);
	(void)unbind(
		d); /* what does not end is said there, and tried again by who removes either */
	return err;
}

/* The next prober behind number @after that wants @d, counted. */
static struct prober *next_prober(struct bus_device *d, u64 after)
{
	struct prober *p, *found = NULL;

	mutex_lock(&bus_lock);
	list_for_each(p, &probers, link)
		if (p->id > after && !p->dead && !d->gone && !d->binding && matches(p, d)) {
			found = p;
			atomic_inc(&p->owned.refs);
			break;
		}
	mutex_unlock(&bus_lock);
	return found;
}

static void find_driver(struct bus_device *d)
{
	struct prober *p;
	u64 after = 0;

	if (life_begin(d, time_monotonic_ns() + OWNER_STOP_LIMIT_NS))
		return;
	while ((p = next_prober(d, after))) {
		after = p->id;
		bind(d, p);
		owned_put(&p->owned);
	}
	life_end(d);
}

/* ---- the thread that binds ---- */

static struct bus_device *next_pending(void)
{
	struct bus_device *d = NULL;

	mutex_lock(&bus_lock);
	thread_busy = !list_empty(&pending);
	if (thread_busy) {
		d = list_first(&pending, struct bus_device, pending);
		list_del(&d->pending);
	}
	mutex_unlock(&bus_lock);
	return d;
}

static void bind_thread(void *unused)
{
	struct bus_device *d;

	for (;;) {
		while ((d = next_pending())) {
			find_driver(d);
			owned_put(&d->owned);
		}
		wake_up_all(&settled_wait);
		wait_event(&pending_wait, !list_empty(&pending));
	}
}

static void queue_locked(struct bus_device *d)
{
	if (!list_empty(&d->pending))
		return;
	atomic_inc(&d->owned.refs);
	list_add_tail(&d->pending, &pending);
}

/* Something was queued. The thread is made with the first. */
static void start_thread(void)
{
	bool start;

	mutex_lock(&bus_lock);
	start = !thread_runs && !list_empty(&pending);
	thread_runs |= start;
	mutex_unlock(&bus_lock);
	if (start && thread_spawn(bind_thread, NULL, "kbind")) {
		pr_err("bus: not enough memory for the thread that binds drivers to devices\n");
		WRITE_ONCE(thread_runs, false);
	}
	wake_up(&pending_wait);
}

static void unqueue_locked(struct bus_device *d)
{
	if (list_empty(&d->pending))
		return;
	list_del(&d->pending);
	owned_put(&d->owned);
}

void bus_settle(void)
{
	wait_event_until(&settled_wait,
			 !READ_ONCE(thread_runs) ||
				 (list_empty(&pending) && !READ_ONCE(thread_busy)),
			 time_monotonic_ns() + SETTLE_LIMIT_NS);
}

/* ---- devices ---- */

static int device_publish(struct owned *o)
{
	struct bus_device *d = container_of(o, struct bus_device, owned);
	bool there;

	/* It may be going already: device_stop() sets ->gone, then waits for us. */
	if (life_begin(d, time_monotonic_ns() + OWNER_STOP_LIMIT_NS))
		return -EBUSY;
	mutex_lock(&bus_lock);
	there = !d->gone;
	if (there) {
		d->id = next_id++;
		list_add_tail(&d->of_all, &all_devices);
		queue_locked(d);
	}
	mutex_unlock(&bus_lock);
	if (there) {
		bus_sysfs_add(d);
		hotplug_event(HOTPLUG_ADD, d, NULL);
	}
	life_end(d);
	start_thread();
	return 0;
}

static void unlist(struct bus_device *d)
{
	mutex_lock(&bus_lock);
	unqueue_locked(d);
	list_del(&d->of_all);
	list_del(&d->of_bus);
	mutex_unlock(&bus_lock);
}

static int device_stop(struct owned *o, u64 deadline_ns)
{
	struct bus_device *d = container_of(o, struct bus_device, owned);
	int err;

	mutex_lock(&bus_lock);
	d->gone = true;
	mutex_unlock(&bus_lock);
	err = life_begin(d, deadline_ns);
	if (err)
		return err;
	err = unbind(d);
	life_end(d);
	if (err)
		return err;
	if (d->id) {
		bus_sysfs_remove(d);
		hotplug_event(HOTPLUG_REMOVE, d, NULL);
	}
	unlist(d);
	return 0;
}

static void device_free(struct owned *o)
{
	struct bus_device *d = container_of(o, struct bus_device, owned);

	owned_put(&d->bus->owned);
	kfree(d->resources);
	kfree(d->properties);
	kfree(d->attributes);
	kfree(d);
}

const struct owned_class device_class = {
	.name = "device on a bus",
	.names = "devices on buses",
	.kind = OWNED_DEVICE,
	.phase = OWNED_ENTRY,
	.late = true,
	.publish = device_publish,
	.stop = device_stop,
	.free = device_free,
};

/* Two buses of one name share the names of devices: they share a folder in /sys. */
static bool name_taken_locked(const struct bus *b, const char *name)
{
	struct bus_device *d;

	list_for_each(d, &b->devices, of_bus)
		if (!strcmp(d->name, name))
			return true;
	list_for_each(d, &all_devices, of_all)
		if (!strcmp(d->bus->name, b->name) && !strcmp(d->name, name))
			return true;
	return false;
}

int bus_device_add(struct bus *b, struct bus_device *d)
{
	struct owner *o = READ_ONCE(b->owned.owner);
	int err;

	if (!o)
		return -ENODEV;
	d->bus = b;
	d->owner = o;
	list_init(&d->of_all);
	list_init(&d->pending);
	list_init(&d->quarantine);
	list_init(&d->nodes);
	mutex_lock(&bus_lock);
	err = name_taken_locked(b, d->name) ? -EEXIST
					    : owned_add(o, &d->owned, &device_class, true);
	if (!err) {
		list_add_tail(&d->of_bus, &b->devices);
		atomic_inc(&b->owned.refs);
	}
	mutex_unlock(&bus_lock);
	return err ?: owned_publish(&d->owned);
}

int bus_device_remove(struct bus_device *d, bool absent)
{
	if (absent)
		WRITE_ONCE(d->absent, true);
	return owned_remove(&d->owned);
}

bool bus_device_driver(struct bus_device *d, char *name, size_t size)
{
	bool has;

	mutex_lock(&bus_lock);
	has = d->binding && d->binding->probed;
	if (has)
		strscpy(name, d->binding->owner.root->name, size);
	mutex_unlock(&bus_lock);
	return has;
}

void bus_devices_each(bool (*fn)(const struct bus_device *d, void *arg), void *arg)
{
	struct bus_device *d;

	mutex_lock(&bus_lock);
	list_for_each(d, &all_devices, of_all)
		if (!fn(d, arg))
			break;
	mutex_unlock(&bus_lock);
}

/* ---- buses ---- */

/* Devices that nobody else is removing, one after the other. */
static int remove_devices(struct bus *b, u64 deadline_ns)
{
	for (;;) {
		struct bus_device *d = NULL;
		int err;

		mutex_lock(&bus_lock);
		if (!list_empty(&b->devices)) {
			d = list_first(&b->devices, struct bus_device, of_bus);
			atomic_inc(&d->owned.refs);
		}
		mutex_unlock(&bus_lock);
		if (!d)
			return 0;
		err = owned_remove(&d->owned);
		owned_put(&d->owned);
		if (err && err != -EINVAL)
			return err;
		if (!err)
			continue;
		/* Another thread is at it. */
		if (time_monotonic_ns() >= deadline_ns || fatal_signal_pending())
			return -EBUSY;
		sleep_until(time_monotonic_ns() + NSEC_PER_MSEC, false);
	}
}

static int bus_publish(struct owned *o)
{
	return 0;
}

static int bus_stop(struct owned *o, u64 deadline_ns)
{
	return remove_devices(container_of(o, struct bus, owned), deadline_ns);
}

static void bus_free(struct owned *o)
{
	kfree(container_of(o, struct bus, owned));
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

int bus_add(struct owner *o, struct bus *b)
{
	int err;

	list_init(&b->devices);
	err = owned_add(o, &b->owned, &bus_class, true);
	return err ?: owned_publish(&b->owned);
}

/* ---- probers ---- */

static int prober_publish(struct owned *o)
{
	struct prober *p = container_of(o, struct prober, owned);
	struct bus_device *d;

	mutex_lock(&bus_lock);
	if (!p->dead) {
		p->id = next_id++;
		list_add_tail(&p->link, &probers);
		list_for_each(d, &all_devices, of_all)
			if (!d->gone && !d->binding && matches(p, d))
				queue_locked(d);
	}
	mutex_unlock(&bus_lock);
	start_thread();
	return 0;
}

static struct bus_device *device_of_prober(const struct prober *p)
{
	struct bus_device *d, *found = NULL;

	mutex_lock(&bus_lock);
	list_for_each(d, &all_devices, of_all)
		if (d->binding && d->binding->prober == p) {
			found = d;
			atomic_inc(&d->owned.refs);
			break;
		}
	mutex_unlock(&bus_lock);
	return found;
}

static int prober_stop(struct owned *o, u64 deadline_ns)
{
	struct prober *p = container_of(o, struct prober, owned);
	struct bus_device *d;
	int err = 0;

	mutex_lock(&bus_lock);
	p->dead = true;
	list_del(&p->link);
	mutex_unlock(&bus_lock);
	while (!err && (d = device_of_prober(p))) {
		err = life_begin(d, deadline_ns);
		if (!err) {
			if (d->binding && d->binding->prober == p)
				err = unbind(d);
			life_end(d);
		}
		owned_put(&d->owned);
	}
	return err;
}

static void prober_free(struct owned *o)
{
	kfree(container_of(o, struct prober, owned));
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

int prober_add(struct owner *o, struct prober *p)
{
	list_init(&p->link);
	p->root = o->root;
	return owned_add(o, &p->owned, &prober_class, true);
}

// SPDX-License-Identifier: MIT
/*
 * <banos/irq.h>: interrupts of devices, handed to functions of drivers.
 *
 * Each interrupt has a thread, which calls the driver's function through the
 * gate. The hard interrupt only notes that it came, masks the line if that is
 * pulled until the device was looked at, and wakes the thread.
 *
 * Taken back in this order: the bus stops the device from sending it; the vector
 * or line is given back; the thread ends. Where the function does not return the
 * interrupt stays owned, without its vector, and is asked again.
 *
 * A function that asks to be called again is, at its high priority for BUDGET_NS, and
 * behind all threads that wait for the processor afterwards.
 *
 * A device uses either messages or its line, and each once: users_lock (spin) guards the list of what
 * is in use.
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/irq.h>
#include <kernel/printk.h>
#include <kernel/time.h>
#include "caller.h"

#define BUDGET_NS (2 * NSEC_PER_MSEC)

_Static_assert(IRQ_TRIGGER_EDGE == BANOS_LINE_EDGE && IRQ_TRIGGER_LEVEL == BANOS_LINE_LEVEL &&
		       IRQ_POLARITY_HIGH == BANOS_LINE_HIGH && IRQ_POLARITY_LOW == BANOS_LINE_LOW,
	       "how a line is triggered");

struct interrupt {
	struct owned owned;
	struct owner *owner;
	struct bus_device *device;
	struct list of_device; /* while connected, or being so */
	u32 index, number;     /* the device's; ours, valid while connected */
	bool by_line, connected, dead, pending, ended, reported;
	struct irq_line *masked; /* until the function has returned */
	u64 count;
	const void *function;
	void *context;
	struct thread *thread;
	struct wait_queue wait;
};

/* ---- taking it ---- */

static bool interrupt_came(void *arg)
{
	struct interrupt *interrupt = arg;

	if (READ_ONCE(interrupt->dead))
		return false;
	interrupt->count++;
	if (!READ_ONCE(interrupt->masked))
		smp_store_release(&interrupt->masked, irq_mask_current());
	smp_store_release(&interrupt->pending, true);
	wake_up_all(&interrupt->wait);
	return true;
}

static void interrupt_unmask(struct interrupt *interrupt, bool handled)
{
	struct irq_line *line = __atomic_exchange_n(&interrupt->masked, NULL, __ATOMIC_ACQ_REL);

	if (line)
		irq_unmask(line, handled);
}

/* What the function returned, of BANOS_IRQ_... */
static s64 interrupt_check_result(struct interrupt *interrupt, s64 result)
{
	if (result >= BANOS_IRQ_NONE && result <= BANOS_IRQ_AGAIN)
		return result;
	if (!interrupt->reported && !owner_is_closed(interrupt->owner))
		pr_warn("banos: %s: the function %pS of an interrupt of device %s returned %ld, expected one of BANOS_IRQ_NONE, _HANDLED, _AGAIN\n",
			interrupt->owner->root->name, interrupt->function, interrupt->owner->name,
			result);
	interrupt->reported = true;
	return result > 0;
}

/* Call the function until it does not ask for more. */
static void interrupt_serve(struct interrupt *interrupt)
{
	u64 begun_ns = time_monotonic_ns();
	s64 result;

	for (;;) {
		__atomic_store_n(&interrupt->pending, false, __ATOMIC_SEQ_CST);
		result = gate_enter(interrupt->owner->root, true, NULL, interrupt->function,
				    (u64)interrupt->context, 0, 0, 0, 0, 0);
		result = interrupt_check_result(interrupt, result);
		interrupt_unmask(interrupt, result != BANOS_IRQ_NONE);
		if (result != BANOS_IRQ_AGAIN || thread_should_stop())
			return;
		if (time_monotonic_ns() - begun_ns > BUDGET_NS)
			sched_yield_current();
	}
}

/* The thread has a reference of its own, which it drops last. */
static void interrupt_main(void *arg)
{
	struct interrupt *interrupt = arg;

	for (;;) {
		wait_event(&interrupt->wait, READ_ONCE(interrupt->pending) || thread_should_stop());
		if (thread_should_stop())
			break;
		interrupt_serve(interrupt);
	}
	smp_store_release(&interrupt->ended, true);
	wake_up_all(&interrupt->wait);
	owned_put(&interrupt->owned);
}

/* ---- either messages or the line ---- */

static DEFINE_SPINLOCK(users_lock);

/* The device is connected in the other way, or this interrupt is in use. */
static bool users_exclude(const struct interrupt *used, const struct interrupt *interrupt)
{
	return used->by_line != interrupt->by_line || used->index == interrupt->index;
}

static bool users_enter(struct interrupt *interrupt)
{
	u64 flags = spin_lock_irqsave(&users_lock);
	struct interrupt *used;
	bool may = true;

	list_for_each(used, &interrupt->device->irqs, of_device)
		may &= !users_exclude(used, interrupt);
	if (may)
		list_add(&interrupt->of_device, &interrupt->device->irqs);
	spin_unlock_irqrestore(&users_lock, flags);
	return may;
}

static void users_leave(struct interrupt *interrupt)
{
	u64 flags = spin_lock_irqsave(&users_lock);

	list_del(&interrupt->of_device);
	spin_unlock_irqrestore(&users_lock, flags);
}

/* ---- giving it back ---- */

static void interrupt_disconnect(struct interrupt *interrupt)
{
	bus_device_ask(interrupt->device, disconnect, interrupt->index, 0, 0);
	WRITE_ONCE(interrupt->dead, true);
	/* An interrupt that was sent before is delivered here, not to the next owner of the vector. */
	synchronize_rcu();
	interrupt_unmask(interrupt, true);
	irq_free(interrupt->number, interrupt);
	users_leave(interrupt);
	interrupt->connected = false;
}

static int interrupt_stop(struct owned *object, u64 deadline_ns)
{
	struct interrupt *interrupt = container_of(object, struct interrupt, owned);

	if (interrupt->connected)
		interrupt_disconnect(interrupt);
	interrupt->thread->should_stop = true;
	wake_up_all(&interrupt->wait);
	if (wait_event_until(&interrupt->wait, smp_load_acquire(&interrupt->ended), deadline_ns)) {
		pr_err("banos: %s: the function %pS of an interrupt of device %s does not return\n",
		       interrupt->owner->root->name, interrupt->function, interrupt->owner->name);
		return -EBUSY;
	}
	thread_stop(interrupt->thread);
	interrupt->thread = NULL;
	return 0;
}

static void interrupt_free(struct owned *object)
{
	kfree(container_of(object, struct interrupt, owned));
}

static const struct owned_class irq_class = {
	.name = "interrupt",
	.names = "interrupts",
	.kind = OWNED_IRQ,
	.phase = OWNED_ACTIVE,
	.bytes = sizeof(struct interrupt),
	.stop = interrupt_stop,
	.free = interrupt_free,
};

/* ---- asking for it ---- */

static s64 connect_message(struct interrupt *interrupt)
{
	u64 address;
	u32 data;
	s64 err, irq;

	irq = irq_request_msi(interrupt_came, interrupt, interrupt->owner->root->name, &address,
			      &data);
	if (irq < 0) {
		if (irq == -EBUSY)
			return -ENOSPC;
		return irq;
	}
	interrupt->number = irq;
	err = bus_device_ask(interrupt->device, connect, interrupt->index, address, data);
	if (err) {
		irq_free(irq, interrupt);
		if (err < 0)
			return err;
		return -EINVAL;
	}
	return 0;
}

static bool line_is_valid(const struct banos_irq_line *line)
{
	return !(line->flags & ~BANOS_LINE_ISA) && line->trigger <= BANOS_LINE_LEVEL &&
	       line->polarity <= BANOS_LINE_LOW;
}

static s64 request_line(struct interrupt *interrupt, const struct banos_irq_line *line)
{
	struct irq_trigger how = { .trigger = line->trigger, .polarity = line->polarity };
	s64 err;

	if (!line_is_valid(line)) {
		pr_warn("banos: %s: line() of bus %s described the line of device %s wrongly\n",
			interrupt->device->bus->root->name, interrupt->device->bus->name,
			interrupt->device->name);
		return -ENODEV;
	}
	interrupt->number = line->number;
	err = irq_request_input(line->number, line->flags & BANOS_LINE_ISA, how, interrupt_came,
				interrupt, interrupt->owner->root->name, IRQ_SHARED);
	if (err ==
	    -EINVAL) /* this machine, or the interrupt controllers in use, have no such input */
		return -ENODEV;
	return err;
}

static s64 connect_line(struct interrupt *interrupt)
{
	struct banos_irq_line line = { .size = sizeof(line) };
	s64 err = bus_device_ask(interrupt->device, line, (u64)&line, 0, 0);

	if (err > 0)
		return -EINVAL;
	if (err)
		return err;
	err = request_line(interrupt, &line);
	if (err)
		bus_device_ask(interrupt->device, disconnect, 0, 0, 0);
	return err;
}

static s64 interrupt_connect(struct interrupt *interrupt)
{
	s64 err;

	if (!users_enter(interrupt))
		return api_mistake(
			"banos_irq_create", -EBUSY,
			"config->index is in use, or the device is connected in the other way");
	err = interrupt->by_line ? connect_line(interrupt) : connect_message(interrupt);
	if (err)
		users_leave(interrupt);
	else
		interrupt->connected = true;
	return err;
}

static s64 interrupt_start(struct interrupt *interrupt)
{
	s64 err;

	interrupt->thread = thread_create(interrupt_main, interrupt, interrupt->owner->root->name);
	if (IS_ERR(interrupt->thread))
		return -ENOMEM;
	err = interrupt_connect(interrupt);
	if (err) {
		thread_put(interrupt->thread);
		return err;
	}
	err = owned_add_held(interrupt->owner, &interrupt->owned, &irq_class, true);
	if (err) {
		interrupt_disconnect(interrupt);
		thread_put(interrupt->thread);
		return err;
	}
	atomic_inc(&interrupt->owned.refs);
	thread_set_nice(interrupt->thread, -20);
	thread_start(interrupt->thread);
	return 0;
}

static const struct struct_rule irq_rule = {
	.name = "config",
	.size_least = BANOS_IRQ_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_irq_config),
};

static int irq_take_config(struct interrupt *interrupt, const struct banos_irq_config *from)
{
	const char *caller = "banos_irq_create", *what = NULL;
	struct banos_irq_config config;
	int err = api_struct_read(caller, &irq_rule, from, &config);

	if (err)
		return err;
	if (config.flags & ~BANOS_IRQ_LINE)
		what = "config->flags has an unknown bit";
	else if (config.zero)
		what = "config->zero is not 0";
	else if (!owner_has_code(interrupt->owner, config.function))
		what = "config->function is not the driver's";
	interrupt->by_line = config.flags & BANOS_IRQ_LINE || !interrupt->device->interrupts;
	if (!what && config.index >= (interrupt->by_line ? 1 : interrupt->device->interrupts))
		what = "config->index is none of the device's interrupts";
	if (what)
		return api_mistake(caller, -EINVAL, what);
	interrupt->index = config.index;
	interrupt->function = config.function;
	interrupt->context = config.context;
	return 0;
}

int64_t banos_irq_create(banos_owner device, const struct banos_irq_config *config, banos_irq *irq)
{
	struct owner *owner = api_owner(device);
	struct interrupt *interrupt;
	s64 err;

	if (!owner || !owner->device)
		return MISTAKE("device is none of the caller's");
	if (!api_may_write(irq, sizeof(*irq)))
		return MISTAKE("irq is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (owner_is_closed(owner))
		return -ENODEV;
	interrupt = kzalloc(sizeof(*interrupt));
	if (!interrupt)
		return -ENOMEM;
	interrupt->owner = owner;
	interrupt->device = owner->device;
	wait_queue_init(&interrupt->wait);
	err = irq_take_config(interrupt, config);
	if (!err)
		err = interrupt_start(interrupt);
	if (err)
		kfree(interrupt);
	else
		*irq = (banos_irq)owned_put_handle(&interrupt->owned);
	return err;
}
BANOS_EXPORT(banos_irq_create);

int64_t banos_irq_destroy(banos_irq irq)
{
	struct owned *object;
	s64 err;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	object = api_get((u64)irq, &irq_class);
	if (!object)
		return api_handle_mistake(__func__, "irq");
	if (container_of(object, struct interrupt, owned)->thread == current)
		err = api_mistake(__func__, -EDEADLK,
				  "is called by the function of this interrupt");
	else
		err = owned_remove(object);
	owned_put(object);
	return err;
}
BANOS_EXPORT(banos_irq_destroy);

int64_t banos_irq_count(banos_irq irq)
{
	struct owned *object;
	s64 count = 0;

	rcu_read_lock();
	object = api_peek((u64)irq, &irq_class);
	if (object)
		count = READ_ONCE(container_of(object, struct interrupt, owned)->count);
	rcu_read_unlock();
	if (object)
		return count;
	return api_handle_mistake(__func__, "irq");
}
BANOS_EXPORT(banos_irq_count);

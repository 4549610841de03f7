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
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/irq.h>
#include <kernel/printk.h>
#include <kernel/time.h>
#include "caller.h"

#define ISA_LINES 16

struct interrupt {
	struct owned owned;
	struct owner *owner;
	struct bus_device *device;
	u32 index, number; /* the device's; ours, valid while connected */
	bool connected, dead, pending, ended;
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
	struct interrupt *i = arg;

	if (READ_ONCE(i->dead))
		return false;
	i->count++;
	if (!READ_ONCE(i->masked))
		smp_store_release(&i->masked, irq_mask_current());
	smp_store_release(&i->pending, true);
	wake_up_all(&i->wait);
	return true;
}

static void unmask(struct interrupt *i, bool handled)
{
	struct irq_line *line = __atomic_exchange_n(&i->masked, NULL, __ATOMIC_ACQ_REL);

	if (line)
		irq_unmask(line, handled);
}

/* The thread has a reference of its own, which it drops last. */
static void interrupt_main(void *arg)
{
	struct interrupt *i = arg;
	s64 result;

	for (;;) {
		wait_event(&i->wait, READ_ONCE(i->pending) || thread_should_stop());
		if (thread_should_stop())
			break;
		__atomic_store_n(&i->pending, false, __ATOMIC_SEQ_CST);
		result = gate_enter(i->owner->root, true, NULL, i->function, (u64)i->context, 0, 0,
				    0, 0, 0);
		unmask(i, result > 0);
	}
	smp_store_release(&i->ended, true);
	wake_up_all(&i->wait);
	owned_put(&i->owned);
}

/* ---- giving it back ---- */

static void disconnect(struct interrupt *i)
{
	if (i->device->interrupts)
		bus_device_ask(i->device, disconnect, i->index, 0, 0);
	WRITE_ONCE(i->dead, true);
	/* What was sent before is taken, not left to whoever has the vector next. */
	synchronize_rcu();
	unmask(i, true);
	irq_free(i->number, i);
	i->connected = false;
}

static int interrupt_stop(struct owned *o, u64 deadline_ns)
{
	struct interrupt *i = container_of(o, struct interrupt, owned);

	if (i->connected)
		disconnect(i);
	i->thread->should_stop = true;
	wake_up_all(&i->wait);
	if (wait_event_until(&i->wait, smp_load_acquire(&i->ended), deadline_ns)) {
		pr_err("banos: %s: the function %pS of an interrupt of device %s does not return\n",
		       i->owner->root->name, i->function, i->owner->name);
		return -EBUSY;
	}
	thread_stop(i->thread);
	i->thread = NULL;
	return 0;
}

static void interrupt_free(struct owned *o)
{
	kfree(container_of(o, struct interrupt, owned));
}

static const struct owned_class irq_class = {
	.name = "interrupt",
	.names = "interrupts",
	.kind = OWNED_IRQ,
	.phase = OWNED_ACTIVE,
	.stop = interrupt_stop,
	.free = interrupt_free,
};

/* ---- asking for it ---- */

static s64 connect_message(struct interrupt *i)
{
	u64 address;
	u32 data;
	s64 err, irq;

	if (i->index >= i->device->interrupts)
		return -EINVAL;
	irq = irq_request_msi(interrupt_came, i, i->owner->root->name, &address, &data);
	if (irq < 0)
		return irq == -EBUSY ? -ENOSPC : irq;
	i->number = irq;
	err = bus_device_ask(i->device, connect, i->index, address, data);
	if (err) {
		irq_free(irq, i);
		return err < 0 ? err : -EINVAL;
	}
	return 0;
}

static s64 connect_line(struct interrupt *i)
{
	s64 line = i->index ? -EINVAL : bus_device_ask(i->device, line, 0, 0, 0);

	if (line < 0)
		return line;
	if (line >= ISA_LINES)
		return -ENODEV;
	i->number = line;
	return irq_request_isa(line, interrupt_came, i, i->owner->root->name, IRQ_SHARED);
}

static s64 start(struct interrupt *i)
{
	s64 err;

	i->thread = thread_create(interrupt_main, i, i->owner->root->name);
	if (IS_ERR(i->thread))
		return -ENOMEM;
	err = i->device->interrupts ? connect_message(i) : connect_line(i);
	if (err) {
		thread_put(i->thread);
		return err;
	}
	i->connected = true;
	err = owned_add(i->owner, &i->owned, &irq_class, true);
	if (err) {
		disconnect(i);
		thread_put(i->thread);
		return err;
	}
	atomic_inc(&i->owned.refs);
	thread_set_nice(i->thread, -20);
	thread_start(i->thread);
	return 0;
}

int64_t banos_irq_create(banos_owner device, uint32_t index, int64_t (*function)(void *context),
			 void *context, banos_irq *irq)
{
	struct owner *o = api_owner(device);
	struct interrupt *i;
	s64 err;

	if (!o || !o->device)
		return MISTAKE("device is none of the caller's");
	if (!owner_has_code(o, function))
		return MISTAKE("function is not the driver's");
	if (!api_may_write(irq, sizeof(*irq)))
		return MISTAKE("irq is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (owner_is_closed(o))
		return -ENODEV;
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->owner = o;
	i->device = o->device;
	i->index = index;
	i->function = function;
	i->context = context;
	wait_queue_init(&i->wait);
	err = start(i);
	if (err)
		kfree(i);
	else
		*irq = (banos_irq)i->owned.handle;
	return err;
}
BANOS_EXPORT(banos_irq_create);

int64_t banos_irq_destroy(banos_irq irq)
{
	struct owned *o;
	s64 err;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	o = api_get((u64)irq, &irq_class);
	if (!o)
		return MISTAKE("irq is none of the caller's, or was given up before");
	if (container_of(o, struct interrupt, owned)->thread == current)
		err = api_mistake(__func__, -EDEADLK,
				  "is called by the function of this interrupt");
	else
		err = owned_remove(o);
	owned_put(o);
	return err;
}
BANOS_EXPORT(banos_irq_destroy);

int64_t banos_irq_count(banos_irq irq)
{
	struct owned *o;
	s64 count = 0;

	rcu_read_lock();
	o = api_peek((u64)irq, &irq_class);
	if (o)
		count = READ_ONCE(container_of(o, struct interrupt, owned)->count);
	rcu_read_unlock();
	return o ? count : MISTAKE("irq is none of the caller's");
}
BANOS_EXPORT(banos_irq_count);

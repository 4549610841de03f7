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

/* The thread has a reference of its own, which it drops last. */
static void interrupt_main(void *arg)
{
	struct interrupt *interrupt = arg;
	s64 result;

	for (;;) {
		wait_event(&interrupt->wait, READ_ONCE(interrupt->pending) || thread_should_stop());
		if (thread_should_stop())
			break;
		__atomic_store_n(&interrupt->pending, false, __ATOMIC_SEQ_CST);
		result = gate_enter(interrupt->owner->root, true, NULL, interrupt->function,
				    (u64)interrupt->context, 0, 0, 0, 0, 0);
		interrupt_unmask(interrupt, result > 0);
	}
	smp_store_release(&interrupt->ended, true);
	wake_up_all(&interrupt->wait);
	owned_put(&interrupt->owned);
}

/* ---- giving it back ---- */

static void interrupt_disconnect(struct interrupt *interrupt)
{
	if (interrupt->device->interrupts)
		bus_device_ask(interrupt->device, disconnect, interrupt->index, 0, 0);
	WRITE_ONCE(interrupt->dead, true);
	/* An interrupt that was sent before is delivered here, not to the next owner of the vector. */
	synchronize_rcu();
	interrupt_unmask(interrupt, true);
	irq_free(interrupt->number, interrupt);
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
	.stop = interrupt_stop,
	.free = interrupt_free,
};

/* ---- asking for it ---- */

static s64 connect_message(struct interrupt *interrupt)
{
	u64 address;
	u32 data;
	s64 err, irq;

	if (interrupt->index >= interrupt->device->interrupts)
		return -EINVAL;
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

static s64 connect_line(struct interrupt *interrupt)
{
	s64 line = interrupt->index ? -EINVAL : bus_device_ask(interrupt->device, line, 0, 0, 0);

	if (line < 0)
		return line;
	if (line >= ISA_LINES)
		return -ENODEV;
	interrupt->number = line;
	return irq_request_isa(line, interrupt_came, interrupt, interrupt->owner->root->name,
			       IRQ_SHARED);
}

static s64 interrupt_start(struct interrupt *interrupt)
{
	s64 err;

	interrupt->thread = thread_create(interrupt_main, interrupt, interrupt->owner->root->name);
	if (IS_ERR(interrupt->thread))
		return -ENOMEM;
	if (interrupt->device->interrupts)
		err = connect_message(interrupt);
	else
		err = connect_line(interrupt);
	if (err) {
		thread_put(interrupt->thread);
		return err;
	}
	interrupt->connected = true;
	err = owned_add(interrupt->owner, &interrupt->owned, &irq_class, true);
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

int64_t banos_irq_create(banos_owner device, uint32_t index, int64_t (*function)(void *context),
			 void *context, banos_irq *irq)
{
	struct owner *owner = api_owner(device);
	struct interrupt *interrupt;
	s64 err;

	if (!owner || !owner->device)
		return MISTAKE("device is none of the caller's");
	if (!owner_has_code(owner, function))
		return MISTAKE("function is not the driver's");
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
	interrupt->index = index;
	interrupt->function = function;
	interrupt->context = context;
	wait_queue_init(&interrupt->wait);
	err = interrupt_start(interrupt);
	if (err)
		kfree(interrupt);
	else
		*irq = (banos_irq)interrupt->owned.handle;
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
		return MISTAKE("irq is none of the caller's, or was given up before");
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
	return MISTAKE("irq is none of the caller's");
}
BANOS_EXPORT(banos_irq_count);

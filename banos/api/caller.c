// SPDX-License-Identifier: MIT
/*
 * Who calls the API; see caller.h. It is the driver whose function runs innermost in
 * this thread. A call from outside of all drivers is the kernel's own.
 *
 * Memory that a driver may name: the stack that it runs on, what driver_memory_span()
 * knows, and for drivers that are linked in, in whose place or on whose behalf the
 * caller runs, the image. A program's memory is none of that.
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/future.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include "caller.h"

#define MISTAKES_MAX	       20u
#define MISTAKES_NS	       (5 * NSEC_PER_SEC)
#define UNINTERRUPTIBLE_MAX_NS (30 * NSEC_PER_SEC * FUTURE_RAISE)

/* ---- mistakes ---- */

static bool may_say(struct driver *driver, u32 *unsaid)
{
	u64 now = time_monotonic_ns(), flags = spin_lock_irqsave(&driver->mistakes.lock);
	bool may;

	*unsaid = 0;
	if (now - driver->mistakes.since_ns > MISTAKES_NS) {
		*unsaid = driver->mistakes.unsaid;
		driver->mistakes.since_ns = now;
		driver->mistakes.said = driver->mistakes.unsaid = 0;
	}
	may = driver->mistakes.said < MISTAKES_MAX;
	if (may)
		driver->mistakes.said++;
	else
		driver->mistakes.unsaid++;
	spin_unlock_irqrestore(&driver->mistakes.lock, flags);
	return may;
}

s64 api_mistake(const char *function, s64 err, const char *what)
{
	struct owner *owner = gate_owner();
	u32 unsaid = 0;

	if (scheduler_method_errs()) /* with the lock of a run queue: nothing can be logged */
		return err;
	if (owner && owner->private && !may_say(owner->private, &unsaid))
		return err;
	if (unsaid)
		pr_warn("banos: %s: %u more of its calls were incorrect\n", owner->name, unsaid);
	pr_warn("banos: %s: %s(): %s\n", owner ? owner->name : "the kernel", function, what);
	return err;
}

s64 api_check_sleep(const char *function, u64 deadline_ns, u32 flags)
{
	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	if (likely(!flags))
		return 0;
	if (flags & ~BANOS_UNINTERRUPTIBLE)
		return api_mistake(function, -EINVAL, "flags has an unknown bit");
	if (!deadline_ns)
		return api_mistake(function, -EINVAL,
				   "deadline_ns is 0, but BANOS_UNINTERRUPTIBLE needs a deadline");
	if (deadline_ns > time_monotonic_ns() + UNINTERRUPTIBLE_MAX_NS)
		return api_mistake(
			function, -EINVAL,
			"deadline_ns is more than 30 s ahead with BANOS_UNINTERRUPTIBLE");
	return 0;
}

/* ---- handles ---- */

/* In an RCU section. */
static bool is_of(const struct owner *owner, const struct owner *driver)
{
	return owner->root == driver || (owner->device && owner->device->bus->root == driver);
}

static bool grant_names(const struct gate_grant *grant, u64 handle)
{
	for (u32 i = 0; i < ARRAY_SIZE(grant->args); i++)
		if (grant->handles & 1u << i && grant->args[i] == handle)
			return true;
	return false;
}

/*
 * Was the handle passed to the function that runs innermost? By a driver that may use it, or
 * to which it was passed itself: then the next call outwards is looked at. In an RCU section.
 */
static bool is_granted(u64 handle, const struct owner *owner)
{
	const struct gate_record *record = current->gate;
	const struct gate_grant *grant = current->grants;

	while (record && grant && grant->before == record->outer && grant_names(grant, handle)) {
		record = record->outer;
		grant = grant->outer;
		if (!record || is_of(owner, record->owner))
			return true;
	}
	return false;
}

bool api_was_passed_rightly(u64 handle, const struct owner *owner)
{
	const struct gate_record *record = current->gate;
	const struct gate_grant *grant = current->grants;

	if (!record || !grant || grant->before != record->outer || !grant_names(grant, handle))
		return true;
	return is_granted(handle, owner);
}

bool api_may_use_others(u64 handle, const struct owner *owner)
{
	const struct owner *caller = gate_owner();

	return !caller || is_of(owner, caller) || is_granted(handle, owner);
}

struct owner *api_owner_below(banos_owner handle)
{
	struct owner *owner;

	rcu_read_lock();
	owner = owner_find((u64)handle);
	if (owner && !api_may_use((u64)handle, owner))
		owner = NULL;
	rcu_read_unlock();
	return owner;
}

struct owned *api_get(u64 handle, const struct owned_class *class)
{
	struct owned *owned;

	rcu_read_lock();
	owned = api_peek(handle, class);
	if (owned && !atomic_inc_not_zero(&owned->refs))
		owned = NULL;
	rcu_read_unlock();
	return owned;
}

/* @return 0, or what is wrong about it, with a sentence */
static __cold s64 holder_check(const char *function, const struct owner *holder, const void *handle,
			       const char *argument, u32 flags)
{
	bool wants = handle || !(flags & HANDLE_OPTIONAL);
	char words[80];

	if (!holder)
		return api_mistake(function, -EINVAL, "owner does not belong to the caller");
	if (wants && !api_may_write(handle, sizeof(u64))) {
		snprintf(words, sizeof(words), "%s is not the driver's memory", argument);
		return api_mistake(function, -EINVAL, words);
	}
	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	if ((flags & HOLDER_STAYS) && owner_driver(holder)->state == BANOS_DRIVER_GOING)
		return -ENODEV;
	return 0;
}

struct owner *api_holder(const char *function, banos_owner owner, const void *handle,
			 const char *argument, u32 flags, s64 *err)
{
	struct owner *holder = api_owner(owner);

	*err = holder_check(function, holder, handle, argument, flags);
	if (*err)
		holder = NULL;
	return holder;
}

s64 api_handle_mistake(const char *function, const char *argument)
{
	char words[80];

	snprintf(words, sizeof(words), "%s does not belong to the caller, or was released before",
		 argument);
	return api_mistake(function, -EINVAL, words);
}

bool api_is_going(void)
{
	const struct owner *caller = gate_owner();

	return caller && caller->private && owner_driver(caller)->state == BANOS_DRIVER_GOING;
}

s64 api_entry_mistake(const char *function, const char *argument, s64 lost)
{
	if (api_is_going() || (gate_owner() && owner_has_closed(gate_owner())))
		return lost;
	return api_handle_mistake(function, argument);
}

s64 api_remove(const char *function, const char *argument, u64 handle,
	       const struct owned_class *class)
{
	struct owned *owned;
	s64 err;

	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	owned = api_get(handle, class);
	if (!owned && class->phase == OWNED_ENTRY)
		return api_entry_mistake(function, argument, -EINVAL);
	if (!owned)
		return api_handle_mistake(function, argument);
	err = owned_remove(owned);
	owned_put(owned);
	return err;
}

/* ---- memory ---- */

extern u8 _text[], _data[], _image_end[];

/* Is a driver that is linked in among those whose calls led here, or did the kernel call? */
static bool image_counts(void)
{
	const struct gate_record *record = current->gate;

	if (!record)
		return true;
	for (; record; record = record->outer)
		if (record->owner->private && ((struct driver *)record->owner->private)->builtin)
			return true;
	return false;
}

static u64 up_to(u64 addr, u64 end, u64 max)
{
	return MIN(end - addr, max);
}

u64 api_span(const void *start, u64 max, bool write)
{
	u64 addr = (u64)start, stack_end;
	const struct owner *caller = gate_owner();

	if (caller && addr >= caller->data && addr < caller->data_end)
		return up_to(addr, caller->data_end, max);
	stack_end = gate_stack_end(addr);
	if (stack_end)
		return up_to(addr, stack_end, max);
	if (addr >= (u64)(write ? _data : _text) && addr < (u64)_image_end) {
		if (image_counts())
			return up_to(addr, (u64)_image_end, max);
		return 0;
	}
	return driver_memory_span(start, max, write);
}

s64 api_text(const char *text, u64 max)
{
	u64 span = api_span(text, max, false), len = strnlen(text, span);

	if (len < span)
		return (s64)len;
	return -EINVAL;
}

u32 api_struct_size(const void *from)
{
	u32 size;

	if ((u64)from % STRUCT_ALIGN || !api_may_read(from, sizeof(size)))
		return 0;
	size = READ_ONCE(*(const u32 *)from);
	if (size <= STRUCT_MAX && !api_may_read(from, size))
		return 0;
	return size;
}

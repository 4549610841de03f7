// SPDX-License-Identifier: MIT
/*
 * <banos/callback.h>: functions of a driver that other drivers call.
 *
 * A call holds callback->running from before it looks at ->dead until it has returned;
 * who closes sets ->dead, then waits for ->running. The structure itself stays by RCU until
 * a call is counted. A callback is withdrawn with the registrations of its owner
 * (OWNED_ENTRY), so before exit(); its threads that sleep are woken then, by ->dead in the
 * grant of the call.
 *
 * A driver that received a callback in an argument of letter "c" may call it from then on:
 * ->granted has its handle, which is never given to another driver.
 */
#include <asm/probe.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/upcalls.h>
#include <kernel/wall.h>
#include "callback.h"
#include "caller.h"
#include "passed.h"

static DEFINE_WAIT_QUEUE(callbacks_ended);

static const struct struct_rule callback_rule = {
	.name = "config",
	.size_least = BANOS_CALLBACK_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_callback_config),
};

/* ---- who may call it ---- */

static bool callback_is_granted(const struct callback *callback, u64 driver)
{
	for (u32 i = 0; i < CALLBACK_GRANTS; i++)
		if (READ_ONCE(callback->granted[i]) == driver)
			return true;
	return false;
}

/* Drivers that are gone make room. */
static int callback_grant(struct callback *callback, u64 driver)
{
	int err = 0;
	u64 flags;

	if (callback_is_granted(callback, driver))
		return 0;
	flags = spin_lock_irqsave(&callback->lock);
	if (!callback_is_granted(callback, driver)) {
		u32 i = 0;

		while (i < CALLBACK_GRANTS && callback->granted[i] &&
		       owner_find(callback->granted[i]))
			i++;
		if (i < CALLBACK_GRANTS)
			WRITE_ONCE(callback->granted[i], driver);
		else
			err = -ENOSPC;
	}
	spin_unlock_irqrestore(&callback->lock, flags);
	return err;
}

/*
 * In an RCU section. One that is being removed has lost its owner first, and is as if it were
 * closed. @return NULL: there is none
 */
static struct callback *callback_find(u64 handle, const struct owner **owner)
{
	struct owned *owned = owned_peek(handle, &callback_class);

	if (!owned)
		return NULL;
	*owner = READ_ONCE(owned->owner);
	if (!*owner)
		return NULL;
	return container_of(owned, struct callback, owned);
}

static bool callback_may_call(const struct callback *callback, u64 handle,
			      const struct owner *owner)
{
	const struct owner *caller = gate_owner();

	return !caller || callback_is_granted(callback, caller->handle) ||
	       api_may_use(handle, owner);
}

/* ---- passing it ---- */

/* @slot: NULL: a callback */
static const char *function_name(const struct call_slot *slot)
{
	if (slot)
		return slot->name;
	return "banos_callback_call";
}

static s64 grant_mistake(const struct call_slot *slot, u32 number, s64 err, const char *what)
{
	char words[128];

	snprintf(words, sizeof(words), "argument %u is a callback %s", number + 1, what);
	return api_mistake(function_name(slot), err, words);
}

static bool callback_is_as_stated(const struct callback *callback,
				  const struct signature *signature, u32 number)
{
	const struct signature_arg *arg = &signature->args[number];

	return !arg->inner ||
	       (!strncmp(signature->text + arg->inner, callback->signature.text, arg->inner_len) &&
		!callback->signature.text[arg->inner_len]);
}

/* One that was closed is passed as it is: the function that is called may look for it, and forget it. */
static s64 grant_argument(const struct call_slot *slot, const struct signature *signature,
			  u32 number, u64 handle, const struct owner *callee)
{
	const struct owner *owner;
	struct callback *callback;
	s64 err = 0;

	rcu_read_lock();
	callback = callback_find(handle, &owner);
	if (callback && !callback_may_call(callback, handle, owner))
		err = grant_mistake(slot, number, -EINVAL, "that does not belong to the caller");
	else if (callback && !callback_is_as_stated(callback, signature, number))
		err = grant_mistake(slot, number, -EINVAL, "of another signature");
	else if (callback && callback_grant(callback, callee->handle))
		err = grant_mistake(slot, number, -ENOSPC, "that four drivers have already");
	rcu_read_unlock();
	return err;
}

static s64 check_arguments(const struct gate_grant *grant, const struct call_slot *slot,
			   const struct signature *signature, const struct owner *callee)
{
	s64 err = 0;

	if (signature->pointers)
		err = check_passed(function_name(slot), callee, signature, grant->args);
	for (u32 left = signature->callbacks; left && !err; left &= left - 1) {
		u32 number = (u32)__builtin_ctz(left);

		err = grant_argument(slot, signature, number, grant->args[number], callee);
	}
	return err;
}

/* From gate_slot_granting. */
s64 gate_check_arguments(const struct gate_grant *grant, const struct call_slot *slot)
{
	return check_arguments(grant, slot, slot->signature, slot->owner);
}

s64 gate_grant_result(s64 result, const struct owner *callee)
{
	const struct owner *caller = gate_owner(), *owner;
	struct callback *callback;
	s64 err = 0;

	if (result <= 0 || !caller)
		return result;
	rcu_read_lock();
	callback = callback_find(result, &owner);
	if (callback && owner->root == callee)
		err = callback_grant(callback, caller->handle);
	rcu_read_unlock();
	if (err)
		return err;
	return result;
}

/* ---- calling it ---- */

static bool callback_begin(struct callback *callback)
{
	atomic_inc(&callback->running);
	if (likely(!__atomic_load_n(&callback->dead, __ATOMIC_SEQ_CST)))
		return true;
	if (atomic_dec_and_test(&callback->running))
		wake_up_all(&callbacks_ended);
	return false;
}

static void callback_end(struct callback *callback)
{
	rcu_read_lock();
	if (atomic_dec_and_test(&callback->running) && READ_ONCE(callback->dead))
		wake_up_all(&callbacks_ended);
	rcu_read_unlock();
}

static inline s64 callback_call_function(const struct callback *callback,
					 const u64 args[SIGNATURE_ARGS_BACK])
{
	if (callback->flags & BANOS_CALLBACK_ATOMIC)
		return gate_call_atomic(callback->root, gate_object(), callback->function,
					(u64)callback->context, args[0], args[1], args[2], args[3],
					args[4]);
	return gate_call(callback->root, gate_object(), callback->function, (u64)callback->context,
			 args[0], args[1], args[2], args[3], args[4]);
}

/* Through a wall: what its letters describe is copied. */
static s64 callback_cross(const struct callback *callback, const u64 args[SIGNATURE_ARGS_BACK])
{
	struct crossed crossed;
	u64 passed[WALL_ARGS] = { args[0], args[1], args[2], args[3], args[4] };
	s64 result = cross_in(&crossed, NULL, &callback->signature, gate_owner(), callback->root,
			      passed);

	if (!result)
		result = callback_call_function(callback, passed);
	cross_out(&crossed, result);
	return result;
}

/* It has begun. */
static s64 callback_enter(struct callback *callback, const u64 args[SIGNATURE_ARGS_BACK])
{
	const struct signature *signature = &callback->signature;
	struct gate_grant grant = {
		.outer = current->grants,
		.before = current->gate,
		.handles = signature->handles | signature->callbacks,
		.revoked = &callback->dead,
		.args = { args[0], args[1], args[2], args[3], args[4] },
	};
	s64 result = 0;

	if (signature->callbacks | signature->pointers)
		result = check_arguments(&grant, NULL, signature, callback->root);
	if (result)
		return result;
	current->grants = &grant;
	if (IS_ENABLED(CONFIG_GATE_WALL))
		result = callback_cross(callback, args);
	else
		result = callback_call_function(callback, args);
	current->grants = grant.outer;
	if (signature->result == 'c')
		result = gate_grant_result(result, callback->root);
	return result;
}

s64 callback_run(struct callback *callback, const u64 args[SIGNATURE_ARGS_BACK])
{
	s64 result;

	if (!callback_begin(callback))
		return -ENODEV;
	result = callback_enter(callback, args);
	callback_end(callback);
	return result;
}

/* In an RCU section. @return why it may not be called now, or NULL */
static const char *callback_mistake(const struct callback *callback, u64 handle,
				    const struct owner *owner, s64 *err)
{
	*err = -EINVAL;
	if (!callback_may_call(callback, handle, owner))
		return "callback was not passed to the caller";
	*err = -EDEADLK;
	if (!(callback->flags & BANOS_CALLBACK_ATOMIC) && CPU_FIELD_READ(preempt_count) > 1)
		return "callback may sleep, and the caller holds a spin lock";
	return NULL;
}

int64_t banos_callback_call(banos_callback callback, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			    uint64_t arg4, uint64_t arg5)
{
	const u64 args[SIGNATURE_ARGS_BACK] = { arg1, arg2, arg3, arg4, arg5 };
	const struct owner *owner;
	struct callback *target;
	const char *wrong = NULL;
	s64 result = -ENODEV;
	bool begun = false;

	if (!callback)
		return MISTAKE("callback is 0");
	rcu_read_lock();
	target = callback_find((u64)callback, &owner);
	if (target)
		wrong = callback_mistake(target, (u64)callback, owner, &result);
	if (target && !wrong)
		begun = callback_begin(target);
	rcu_read_unlock();
	if (unlikely(wrong))
		return api_mistake(__func__, result, wrong);
	if (unlikely(!begun))
		return -ENODEV;
	result = callback_enter(target, args);
	callback_end(target);
	return result;
}
BANOS_EXPORT(banos_callback_call);

/* ---- closing it ---- */

#define GRANTS_MAX 16u /* of one thread that are looked at */

/*
 * Does the thread run it? It may go on meanwhile, so that its grants are stale and
 * their stack is gone: they are read by accesses that may fault.
 */
static bool thread_runs_callback(const struct thread *t, const struct callback *callback)
{
	const struct gate_grant *grant = READ_ONCE(t->grants);

	for (u32 depth = 0; grant && depth < GRANTS_MAX; depth++) {
		if ((s64)grant >= 0 || (u64)grant % 8)
			return false;
		if (probe_load((const u64 *)&grant->revoked) == (u64)&callback->dead)
			return true;
		grant = (const void *)probe_load((const u64 *)&grant->outer);
	}
	return false;
}

static void callback_wake_threads(const struct callback *callback)
{
	struct thread_walk walk;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		if (thread_runs_callback(t, callback))
			thread_wake_state(t, 1 << THREAD_INTERRUPTIBLE);
}

static int callback_stop(struct owned *owned, u64 deadline_ns)
{
	struct callback *callback = container_of(owned, struct callback, owned);

	__atomic_store_n(&callback->dead, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&callback->running.v, __ATOMIC_SEQ_CST))
		return 0;
	callback_wake_threads(callback);
	if (!wait_event_until(&callbacks_ended, !atomic_read(&callback->running), deadline_ns))
		return 0;
	pr_err("banos: %s: the function %pS of a callback does not return\n", callback->root->name,
	       callback->function);
	return -EBUSY;
}

static int callback_publish(struct owned *owned)
{
	return 0;
}

static void callback_free(struct owned *owned)
{
	kfree(container_of(owned, struct callback, owned));
}

const struct owned_class callback_class = {
	.name = "callback",
	.names = "callbacks",
	.kind = OWNED_CALLBACK,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct callback),
	.publish = callback_publish,
	.stop = callback_stop,
	.free = callback_free,
};

static bool callback_runs_here(const struct callback *callback)
{
	for (const struct gate_grant *grant = current->grants; grant; grant = grant->outer)
		if (grant->revoked == &callback->dead)
			return true;
	return false;
}

int64_t banos_callback_close(banos_callback callback)
{
	struct owned *owned;
	s64 err;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	owned = api_get((u64)callback, &callback_class);
	if (!owned || container_of(owned, struct callback, owned)->root != gate_owner()) {
		err = MISTAKE("callback is none of the caller's, or was closed before");
	} else if (callback_runs_here(container_of(owned, struct callback, owned))) {
		err = api_mistake(__func__, -EDEADLK, "is called by the function of this callback");
	} else {
		err = owned_remove(owned);
	}
	if (owned)
		owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_callback_close);

/* ---- creating it ---- */

static s64 callback_take_config(struct callback *callback, const struct owner *owner,
				const struct banos_callback_config *from)
{
	const char *caller = "banos_callback_create";
	struct banos_callback_config config;
	char words[SIGNATURE_WORDS_SIZE], sentence[SIGNATURE_WORDS_SIZE + 32];
	int err = api_struct_read(caller, &callback_rule, from, &config);

	if (err)
		return err;
	if (config.flags & ~BANOS_CALLBACK_ATOMIC)
		return api_mistake(caller, -EINVAL, "config->flags has an unknown bit");
	if (!owner_has_code(owner, config.function))
		return api_mistake(caller, -EINVAL,
				   "config->function is not the driver's function");
	if (strnlen(config.signature, sizeof(config.signature)) == sizeof(config.signature))
		return api_mistake(caller, -EINVAL, "config->signature has no NUL");
	if (signature_parse(config.signature, SIGNATURE_ARGS_BACK, &callback->signature, words)) {
		snprintf(sentence, sizeof(sentence), "config->signature %s", words);
		return api_mistake(caller, -EINVAL, sentence);
	}
	callback->root = owner->root;
	callback->function = config.function;
	callback->context = config.context;
	callback->flags = config.flags;
	spin_init(&callback->lock);
	return 0;
}

int64_t banos_callback_create(banos_owner owner, const struct banos_callback_config *config,
			      banos_callback *callback)
{
	struct owner *holder;
	struct callback *made;
	s64 err;

	holder = api_holder(__func__, owner, callback, "callback", 0, &err);
	if (!holder)
		return err;
	made = kzalloc(sizeof(*made));
	if (!made)
		return -ENOMEM;
	err = callback_take_config(made, holder, config);
	if (!err)
		err = owned_add_held(holder, &made->owned, &callback_class, true);
	if (err) {
		kfree(made);
		return err;
	}
	*callback = (banos_callback)owned_put_handle(&made->owned);
	return 0;
}
BANOS_EXPORT(banos_callback_create);

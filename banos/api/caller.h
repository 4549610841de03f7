/* SPDX-License-Identifier: MIT */
/**
 * @file caller.h  Who calls the API, whether the handles are its own, and the memory that it names.
 *
 * A mistake of the caller is an error and one sentence in the log that names driver,
 * function and argument. A driver that makes many is cut short: MISTAKES_MAX sentences
 * in MISTAKES_NS.
 */
#pragma once
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/future.h>
#include <kernel/scheduler.h>
#include <kernel/struct_rule.h>

/** @brief Say what was wrong with a call of @p function. Any context. @return @p err */
s64 api_mistake(const char *function, s64 err, const char *what) __cold;
/** -EINVAL, because of the argument that the text begins with. */
#define MISTAKE(what) api_mistake(__func__, -EINVAL, what)

/** @brief Does the caller hold a spin lock? Then it may not sleep. */
static inline bool api_holds_spinlock(void)
{
	return unlikely(CPU_FIELD_NONZERO(preempt_count));
}
/** -EDEADLK, because of that. */
#define SPINLOCK_MISTAKE() \
	api_mistake(__func__, -EDEADLK, "may sleep, and the caller holds a spin lock")

/** -EDEADLK, because a bounded method of a scheduler calls, with the lock of a run queue. */
#define METHOD_MISTAKE(function) \
	api_mistake(function, -EDEADLK, "wakes threads, and the caller orders them")

/** @brief Is what led to this thread's call being taken away: a device, or a callback? Then it does not sleep any longer. */
static inline bool call_is_revoked(void)
{
	const bool *revoked = current->revoked;

	if (unlikely(revoked && READ_ONCE(*revoked)))
		return true;
	for (const struct gate_grant *grant = current->grants; grant; grant = grant->outer)
		if (unlikely(grant->revoked && READ_ONCE(*grant->revoked)))
			return true;
	return false;
}
/** @brief May the caller sleep so? @return 0; -EINVAL or -EDEADLK with a sentence about @p function */
s64 __must_check api_check_sleep(const char *function, u64 deadline_ns, u32 flags);

/*
 * ---- handles; each is the caller's own, of a device on a bus of the caller's, or was
 * passed to the function that calls, as an argument that its signature names a handle ----
 */

/** @brief api_may_use() where @p owner is not of the calling driver's tree. */
bool api_may_use_others(u64 handle, const struct owner *owner);
/** @brief May the caller use this handle, of something that belongs to @p owner? In an RCU section. */
static inline bool api_may_use(u64 handle, const struct owner *owner)
{
	return likely(owner->root == gate_owner()) || api_may_use_others(handle, owner);
}

/**
 * @brief Did the driver that passed this handle to the caller have a right to it itself?
 * Also where the caller may use it anyway: a bus the devices on it. True for what was not passed
 * as a handle. In an RCU section.
 */
bool api_was_passed_rightly(u64 handle, const struct owner *owner);

/** @brief api_owner() where @p handle is not that of the calling driver itself. */
struct owner *api_owner_below(banos_owner handle);
/** @brief An owner; NULL: none, or not for the caller. It lives as long as the driver that named it is pinned. Any context. */
static inline struct owner *api_owner(banos_owner handle)
{
	struct owner *caller = gate_owner();

	if (likely(caller && caller->handle == (u64)handle))
		return caller;
	return api_owner_below(handle);
}
#define HANDLE_OPTIONAL 1u /* the handle may be NULL: not asked for */
#define HOLDER_STAYS	2u /* refused with -ENODEV while the driver is being removed */
/**
 * @brief The owner of what a function is about to create, with what all such functions check first: it is the
 * caller's, the new handle of 8 bytes can be stored, and the caller holds no spin lock. Any context.
 * @param handle where the new handle goes; @p argument: the name of that parameter
 * @param flags	 any of the above
 * @return NULL: *err is -EINVAL, -EDEADLK (both with a sentence about @p function) or -ENODEV
 */
struct owner *api_holder(const char *function, banos_owner owner, const void *handle,
			 const char *argument, u32 flags, s64 *err) __cold;
/** @brief An object, counted: owned_put(). NULL: none, or not for the caller. Any context. */
struct owned *api_get(u64 handle, const struct owned_class *class);
/** @brief The same without counting it, under rcu_read_lock(). */
static inline struct owned *api_peek(u64 handle, const struct owned_class *class)
{
	struct owned *owned = owned_peek(handle, class);
	const struct owner *owner = owned ? READ_ONCE(owned->owner) : NULL;

	if (owner && likely(api_may_use(handle, owner)))
		return owned;
	return NULL;
}
/** @brief Say that the argument @p argument is no handle of the caller's. Any context. @return -EINVAL */
s64 api_handle_mistake(const char *function, const char *argument) __cold;
/** @brief Is the driver that calls being removed? Any context. */
bool api_is_going(void);
/**
 * @brief The same of a handle of OWNED_ENTRY. These the kernel releases while threads of the driver
 * run: one that is late makes no mistake. Any context.
 * @param lost  the result if something of the caller's is being removed: nothing is said then
 */
s64 api_entry_mistake(const char *function, const char *argument, s64 lost) __cold;
/**
 * @brief owned_remove() by handle. Context: thread.
 * @return what that says; -EDEADLK under a spin lock, -EINVAL, with a sentence about @p function and its
 *	   argument @p argument
 */
s64 __must_check api_remove(const char *function, const char *argument, u64 handle,
			    const struct owned_class *class);

/* ---- memory; any context ---- */

/** @brief How many bytes from @p start on are memory that a driver may name, at most @start max. */
u64 api_span(const void *start, u64 max, bool write);
static inline bool api_may_read(const void *start, u64 len)
{
	return api_span(start, len, false) == len;
}
static inline bool api_may_write(const void *start, u64 len)
{
	return api_span(start, len, true) == len;
}
/** @brief Length of a text of a driver's. @return -EINVAL: it is not the driver's, or has no NUL in @p max bytes */
s64 __must_check api_text(const char *text, u64 max);
#define API_TEXT_MAX (1024ul * FUTURE_RAISE) /* with its NUL: <banos/base.h> */
/**
 * @brief The size that a struct says it has.
 * @return it, all of which may be read unless it is over STRUCT_MAX; 0: not the driver's memory
 */
u32 api_struct_size(const void *from);

/**
 * @brief May device memory be mapped for @p owner? Not where memory is, or what the kernel drives, or
 * what is not of the owner's device. Any context.
 */
bool api_may_map_memory(const struct owner *owner, u64 address, u64 length);

/* ---- structs that grow (config.c); any context ---- */

/**
 * @brief Check a struct of the caller's and copy what this kernel knows of it.
 * @param from  the caller's
 * @param to    rule->size_known bytes; fields that the caller's struct lacks become zero
 * @return 0; what struct_check() says, with a sentence about @p function
 */
int __must_check api_struct_read(const char *function, const struct struct_rule *rule,
				 const void *from, void *to);
/**
 * @brief May a struct of the caller's be filled?
 * @return its size, for struct_fill(); what struct_check_size() says, with a sentence about @p function
 */
s64 __must_check api_struct_room(const char *function, const struct struct_rule *rule,
				 const void *to);

/**
 * @brief Copy a table of methods: size, must bits and functions of the driver.
 * @param rule      of a table: all behind size and must are methods
 * @param ops       the caller's, in its argument config->ops
 * @param to        size_known bytes, a table of which no method is NULL afterwards
 * @param defaults  as many: the methods that @p ops lacks; NULL: the method is mandatory
 * @return 0; what struct_check() says, with a sentence about @p function
 */
int __must_check api_methods_read(const char *function, const struct struct_rule *rule,
				  const struct owner *owner, const void *ops, void *to,
				  const void *defaults);

/* First in a table of defaults: its size, and with CONFIG_API_FUTURE the method by which each table has grown. */
#ifdef CONFIG_API_FUTURE
int64_t api_future_default(void); /* never called */
#define API_DEFAULTS(type) .size = sizeof(type), .future = api_future_default
#else
#define API_DEFAULTS(type) .size = sizeof(type)
#endif

// SPDX-License-Identifier: MIT
/*
 * <banos/filesystem.h>: the store of a mounted file system (fs/driver/store_use.c).
 *
 * A method's call names its super block, which stays without more ado. Elsewhere, in a thread of the
 * driver's own, the super block is counted for the length of the function.
 */
#include <kernel/driver_api.h>
#include <kernel/err.h>
#include <kernel/fs/driven.h>
#include "caller.h"

#define AFTER_MAX 65536u
#define ERROR_MAX 256u

/* What the caller uses, for the length of a function of the API. */
struct store_user {
	struct driven_call *call;
	struct owned *
		owned; /* the mount, which a thread of the driver's own uses; NULL: a method of it runs */
	struct driven_call own;
};

/* The caller is not a method of that mount. */
static __cold s64 store_begin_elsewhere(const char *function, struct store_user *user,
					banos_mount mount)
{
	user->call = driven_call_of(gate_object());
	user->owned = api_get((u64)mount, &driven_mount_class);
	if (!user->owned)
		return api_mistake(function, -EINVAL,
				   "mount is no handle of the caller's, or was unmounted");
	/* A function of another driver that a method calls. */
	if (user->call && user->call->handle == (u64)mount) {
		owned_put(user->owned);
		user->owned = NULL;
		return 0;
	}
	user->call = &user->own;
	if (driven_use_begin(container_of(user->owned, struct driven_mount, owned), &user->own))
		return 0;
	owned_put(user->owned);
	return api_mistake(function, -EINVAL,
			   "mount is no handle of the caller's, or was unmounted");
}

static __cold __noinline void store_end_elsewhere(struct store_user *user)
{
	driven_use_end(&user->own);
	owned_put(user->owned);
}

static inline s64 store_end(struct store_user *user, s64 result)
{
	if (unlikely(user->owned))
		store_end_elsewhere(user);
	return result;
}

static __cold __noinline s64 store_begin_mistake(const char *function, struct store_user *user,
						 bool covers)
{
	if (covers)
		return store_end(user, api_mistake(function, -EROFS,
						   "is called outside of a change of that mount"));
	return store_end(user, api_mistake(function, -EINVAL, "that is not a part of the store"));
}

/* The call of a method of that mount that has one of @flags; else NULL: something is otherwise. */
static inline struct driven_call *store_call(banos_mount mount, u64 offset, u64 length, u32 flags)
{
	const struct gate_record *record = current->gate;
	struct driven_call *call;

	if (!IS_ENABLED(CONFIG_FILESYSTEM_DRIVERS) || api_holds_spinlock())
		return NULL;
	if (unlikely(!record) || unlikely(!record->sp))
		return NULL;
	call = driven_call_of(record->object);
	if (unlikely(!call) || unlikely(call->handle != (u64)mount))
		return NULL;
	if (unlikely(!driven_use_covers(call, offset, length)) || unlikely(!(call->flags & flags)))
		return NULL;
	return call;
}

static __cold __noinline s64 store_begin_otherwise(const char *function, struct store_user *user,
						   banos_mount mount, u64 offset, u64 length,
						   u32 flags)
{
	bool covers;
	s64 err;

	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	user->call = store_call(mount, 0, 0, DRIVEN_RUNS);
	if (!user->call) {
		err = store_begin_elsewhere(function, user, mount);
		if (err)
			return err;
	}
	covers = driven_use_covers(user->call, offset, length);
	if (!covers || !(user->call->flags & flags))
		return store_begin_mistake(function, user, covers);
	return 0;
}

/*
 * What is called most often is a method of that mount: no reference is needed then, and functions that are called often
 * look at store_call() themselves. @flags: of which the call must have one
 */
static __noinline s64 store_begin_use(const char *function, struct store_user *user,
				      banos_mount mount, u64 offset, u64 length, u32 flags)
{
	user->owned = NULL;
	user->call = store_call(mount, offset, length, flags);
	if (likely(user->call))
		return 0;
	return store_begin_otherwise(function, user, mount, offset, length, flags);
}

/* Without file systems as drivers the compiler sees that no caller gets any further. */
static inline s64 store_begin(const char *function, struct store_user *user, banos_mount mount,
			      u64 offset, u64 length, u32 flags)
{
	if (!IS_ENABLED(CONFIG_FILESYSTEM_DRIVERS))
		return -EINVAL;
	return store_begin_use(function, user, mount, offset, length, flags);
}

/* Is it on the caller's stack, which is the thread's own? */
static inline bool store_is_on_stack(const void *start, u64 length)
{
	u64 addr = (u64)start, low = (u64)__builtin_frame_address(0), top = current->kstack_top;

	return addr >= low && addr < top && length <= top - addr && !current->gate_stack;
}

/* Memory of the caller's. */
static bool store_memory(const void *start, u64 length, bool write)
{
	return store_is_on_stack(start, length) || api_span(start, length, write) == length;
}

/*
 * What is called often has two functions: the usual case, a method of that mount with memory on its stack; and all
 * others, with what there is to say about mistakes.
 */

static __cold __noinline s64 store_read_slow(banos_mount mount, u64 offset, void *to, u64 length)
{
	const char *const function = "banos_store_read";
	struct store_user user;
	s64 err;

	if (!store_memory(to, length, true))
		return api_mistake(function, -EINVAL,
				   "to, with length bytes, is not the driver's memory");
	err = store_begin(function, &user, mount, offset, length, DRIVEN_RUNS);
	if (err)
		return err;
	return store_end(&user, driven_store_read(user.call, offset, to, length));
}

int64_t banos_store_read(banos_mount mount, uint64_t offset, void *to, uint64_t length)
{
	struct driven_call *call = store_call(mount, offset, length, DRIVEN_RUNS);

	if (likely(call) && likely(store_is_on_stack(to, length)))
		return driven_store_read(call, offset, to, length);
	return store_read_slow(mount, offset, to, length);
}
BANOS_EXPORT(banos_store_read);

static __cold __noinline s64 store_write_slow(banos_mount mount, u64 offset, const void *from,
					      u64 length)
{
	const char *const function = "banos_store_write";
	struct store_user user;
	s64 err;

	if (!store_memory(from, length, false))
		return api_mistake(function, -EINVAL,
				   "from, with length bytes, is not the driver's memory");
	err = store_begin(function, &user, mount, offset, length, DRIVEN_CHANGES);
	if (err)
		return err;
	return store_end(&user, driven_store_write(user.call, offset, from, length));
}

int64_t banos_store_write(banos_mount mount, uint64_t offset, const void *from, uint64_t length)
{
	struct driven_call *call = store_call(mount, offset, length, DRIVEN_CHANGES);

	if (likely(call) && likely(store_is_on_stack(from, length)))
		return driven_store_write(call, offset, from, length);
	return store_write_slow(mount, offset, from, length);
}
BANOS_EXPORT(banos_store_write);

__cold int64_t banos_store_zero(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, offset, length, DRIVEN_CHANGES);

	if (err)
		return err;
	return store_end(&user, driven_store_zero(user.call, offset, length));
}
BANOS_EXPORT(banos_store_zero);

/* @offset, @first: of the byte, and in it */
static __cold __noinline s64 store_bits_slow(banos_mount mount, u64 offset, u32 first, u32 count,
					     u32 value, u64 counter)
{
	const char *const function = "banos_store_bits";
	struct store_user user;
	s64 err;

	if (!count || value > 1 || counter % sizeof(u16))
		return api_mistake(function, -EINVAL,
				   "count is 0, or value over 1, or counter odd");
	err = store_begin(function, &user, mount, offset, ((u64)first + count + 7) / 8,
			  DRIVEN_CHANGES);
	if (err)
		return err;
	if (!driven_use_covers(user.call, counter, sizeof(u16)))
		return store_begin_mistake(function, &user, false);
	return store_end(&user, driven_store_bits(user.call, offset, first, count, value, counter));
}

int64_t banos_store_bits(banos_mount mount, uint64_t offset, uint32_t first, uint32_t count,
			 uint32_t value, uint64_t counter)
{
	struct driven_call *call;

	offset += first / 8;
	first %= 8;
	call = store_call(mount, offset, ((u64)first + count + 7) / 8, DRIVEN_CHANGES);
	if (likely(call) && likely(count) && likely(value <= 1) &&
	    likely(!(counter % sizeof(u16))) &&
	    likely(driven_use_covers(call, counter, sizeof(u16))))
		return driven_store_bits(call, offset, first, count, value, counter);
	return store_bits_slow(mount, offset, first, count, value, counter);
}
BANOS_EXPORT(banos_store_bits);

int64_t banos_store_add(banos_mount mount, uint64_t offset, uint32_t bytes, int32_t change)
{
	struct store_user user;
	s64 err;

	if ((bytes != sizeof(u16) && bytes != sizeof(u32)) || offset % bytes)
		return MISTAKE("bytes is neither 2 nor 4, or offset no multiple of it");
	err = store_begin(__func__, &user, mount, offset, bytes, DRIVEN_CHANGES);
	if (err)
		return err;
	return store_end(&user, driven_store_add(user.call, offset, bytes, change));
}
BANOS_EXPORT(banos_store_add);

static __cold __noinline s64 store_borrow_slow(banos_mount mount, u64 offset, u32 length,
					       const void **memory)
{
	const char *const function = "banos_store_borrow";
	struct store_user user;
	s64 err;

	if (!store_memory(memory, sizeof(*memory), true))
		return api_mistake(function, -EINVAL, "memory is not the driver's memory");
	if (!length || offset % PAGE_SIZE + length > PAGE_SIZE)
		return api_mistake(function, -EINVAL,
				   "length is 0, or the piece crosses a multiple of 4096");
	err = store_begin(function, &user, mount, offset, length, DRIVEN_RUNS);
	if (err)
		return err;
	return store_end(&user, driven_store_borrow(user.call, offset, memory));
}

int64_t banos_store_borrow(banos_mount mount, uint64_t offset, uint32_t length, const void **memory)
{
	struct driven_call *call = store_call(mount, offset, length, DRIVEN_RUNS);

	if (likely(call) && likely(store_is_on_stack(memory, sizeof(*memory))) &&
	    likely(length - 1ull < PAGE_SIZE - offset % PAGE_SIZE))
		return driven_store_borrow(call, offset, memory);
	return store_borrow_slow(mount, offset, length, memory);
}
BANOS_EXPORT(banos_store_borrow);

static __cold __noinline s64 store_return_slow(banos_mount mount, const void *memory)
{
	const char *const function = "banos_store_return";
	struct store_user user;
	s64 err = store_begin(function, &user, mount, 0, 0, DRIVEN_RUNS);

	if (err)
		return err;
	err = store_end(&user, driven_store_return(user.call, memory));
	if (err)
		return api_mistake(function, -EINVAL, "memory is not lent to this call");
	return 0;
}

int64_t banos_store_return(banos_mount mount, const void *memory)
{
	struct driven_call *call = store_call(mount, 0, 0, DRIVEN_RUNS);

	if (likely(call) && likely(!driven_store_return(call, memory)))
		return 0;
	return store_return_slow(mount, memory);
}
BANOS_EXPORT(banos_store_return);

__cold int64_t banos_store_prefetch(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, offset, length, DRIVEN_RUNS);

	if (err)
		return err;
	driven_store_prefetch(user.call, offset, length);
	return store_end(&user, 0);
}
BANOS_EXPORT(banos_store_prefetch);

__cold int64_t banos_store_forget(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, offset, length, DRIVEN_CHANGES);

	if (err)
		return err;
	return store_end(&user, driven_store_forget(user.call, offset, length));
}
BANOS_EXPORT(banos_store_forget);

static __cold __noinline s64 store_after_slow(banos_mount mount, u64 later, u64 earlier, u64 length)
{
	const char *const function = "banos_store_after";
	struct store_user user;
	s64 err;

	if (!length || length > AFTER_MAX)
		return api_mistake(function, -EINVAL, "length is 0, or over 65536");
	err = store_begin(function, &user, mount, earlier, length, DRIVEN_CHANGES);
	if (err)
		return err;
	return store_end(&user, driven_store_after(user.call, later, earlier, length));
}

int64_t banos_store_after(banos_mount mount, uint64_t later, uint64_t earlier, uint64_t length)
{
	struct driven_call *call = store_call(mount, earlier, length, DRIVEN_CHANGES);

	if (likely(call) && likely(length - 1 < AFTER_MAX))
		return driven_store_after(call, later, earlier, length);
	return store_after_slow(mount, later, earlier, length);
}
BANOS_EXPORT(banos_store_after);

static __cold __noinline s64 store_epoch_slow(const char *function, banos_mount mount,
					      bool committed, u32 flags)
{
	struct store_user user;
	s64 err = store_begin(function, &user, mount, 0, 0, flags);

	if (err)
		return err;
	return store_end(&user, driven_store_epoch(user.call, committed));
}

int64_t banos_store_epoch(banos_mount mount)
{
	struct driven_call *call = store_call(mount, 0, 0, DRIVEN_CHANGES);

	if (likely(call))
		return driven_store_epoch(call, false);
	return store_epoch_slow(__func__, mount, false, DRIVEN_CHANGES);
}
BANOS_EXPORT(banos_store_epoch);

int64_t banos_store_committed(banos_mount mount)
{
	struct driven_call *call = store_call(mount, 0, 0, DRIVEN_RUNS);

	if (likely(call))
		return driven_store_epoch(call, true);
	return store_epoch_slow(__func__, mount, true, DRIVEN_RUNS);
}
BANOS_EXPORT(banos_store_committed);

__cold int64_t banos_mount_error(banos_mount mount, const char *text)
{
	struct store_user user;
	s64 err;

	if (api_text(text, ERROR_MAX) < 0)
		return MISTAKE("text is not a text of at most 255 bytes");
	err = store_begin(__func__, &user, mount, 0, 0, DRIVEN_RUNS);
	if (err)
		return err;
	driven_damaged(user.call->super, text);
	return store_end(&user, 0);
}
BANOS_EXPORT(banos_mount_error);

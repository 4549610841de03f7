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
	struct owned *owned;
	struct driven_use use;
};

static s64 store_begin(const char *function, struct store_user *user, banos_mount mount, u64 offset,
		       u64 length, bool change)
{
	s64 err = 0;

	if (!IS_ENABLED(CONFIG_FILESYSTEM_DRIVERS))
		return -EINVAL;
	if (api_holds_spinlock())
		return api_mistake(function, -EDEADLK,
				   "may sleep, and the caller holds a spin lock");
	user->owned = api_get((u64)mount, &driven_mount_class);
	if (!user->owned ||
	    !driven_use_begin(container_of(user->owned, struct driven_mount, owned), &user->use)) {
		err = api_mistake(function, -EINVAL,
				  "mount is no handle of the caller's, or was unmounted");
	} else {
		if (!driven_use_covers(&user->use, offset, length))
			err = api_mistake(function, -EINVAL, "that is not a part of the store");
		else if (change && !user->use.change)
			err = api_mistake(function, -EROFS,
					  "is called outside of a change of that mount");
		if (err)
			driven_use_end(&user->use);
	}
	if (err && user->owned)
		owned_put(user->owned);
	return err;
}

static s64 store_end(struct store_user *user, s64 result)
{
	driven_use_end(&user->use);
	owned_put(user->owned);
	return result;
}

int64_t banos_store_read(banos_mount mount, uint64_t offset, void *to, uint64_t length)
{
	struct store_user user;
	s64 err;

	if (!api_may_write(to, length))
		return MISTAKE("to, with length bytes, is not the driver's memory");
	err = store_begin(__func__, &user, mount, offset, length, false);
	if (err)
		return err;
	return store_end(&user, driven_store_read(&user.use, offset, to, length));
}
BANOS_EXPORT(banos_store_read);

int64_t banos_store_write(banos_mount mount, uint64_t offset, const void *from, uint64_t length)
{
	struct store_user user;
	s64 err;

	if (!api_may_read(from, length))
		return MISTAKE("from, with length bytes, is not the driver's memory");
	err = store_begin(__func__, &user, mount, offset, length, true);
	if (err)
		return err;
	return store_end(&user, driven_store_write(&user.use, offset, from, length));
}
BANOS_EXPORT(banos_store_write);

int64_t banos_store_zero(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, offset, length, true);

	if (err)
		return err;
	return store_end(&user, driven_store_write(&user.use, offset, NULL, length));
}
BANOS_EXPORT(banos_store_zero);

int64_t banos_store_borrow(banos_mount mount, uint64_t offset, uint32_t length, const void **memory)
{
	struct store_user user;
	s64 err;

	if (!api_may_write(memory, sizeof(*memory)))
		return MISTAKE("memory is not the driver's memory");
	if (!length || offset % PAGE_SIZE + length > PAGE_SIZE)
		return MISTAKE("length is 0, or the piece crosses a multiple of 4096");
	err = store_begin(__func__, &user, mount, offset, length, false);
	if (err)
		return err;
	return store_end(&user, driven_store_borrow(&user.use, offset, memory));
}
BANOS_EXPORT(banos_store_borrow);

int64_t banos_store_return(banos_mount mount, const void *memory)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, 0, 0, false);

	if (err)
		return err;
	err = store_end(&user, driven_store_return(&user.use, memory));
	if (err)
		return MISTAKE("memory is not lent to this call");
	return 0;
}
BANOS_EXPORT(banos_store_return);

int64_t banos_store_prefetch(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, offset, length, false);

	if (err)
		return err;
	driven_store_prefetch(&user.use, offset, length);
	return store_end(&user, 0);
}
BANOS_EXPORT(banos_store_prefetch);

int64_t banos_store_forget(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, offset, length, true);

	if (err)
		return err;
	driven_store_forget(&user.use, offset, length);
	return store_end(&user, 0);
}
BANOS_EXPORT(banos_store_forget);

int64_t banos_store_after(banos_mount mount, uint64_t later, uint64_t earlier, uint64_t length)
{
	struct store_user user;
	s64 err;

	if (!length || length > AFTER_MAX)
		return MISTAKE("length is 0, or over 65536");
	err = store_begin(__func__, &user, mount, earlier, length, true);
	if (err)
		return err;
	return store_end(&user, driven_store_after(&user.use, later, earlier, length));
}
BANOS_EXPORT(banos_store_after);

int64_t banos_store_epoch(banos_mount mount)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, 0, 0, true);

	if (err)
		return err;
	return store_end(&user, driven_store_epoch(&user.use, false));
}
BANOS_EXPORT(banos_store_epoch);

int64_t banos_store_committed(banos_mount mount)
{
	struct store_user user;
	s64 err = store_begin(__func__, &user, mount, 0, 0, false);

	if (err)
		return err;
	return store_end(&user, driven_store_epoch(&user.use, true));
}
BANOS_EXPORT(banos_store_committed);

int64_t banos_mount_error(banos_mount mount, const char *text)
{
	struct store_user user;
	s64 err;

	if (api_text(text, ERROR_MAX) < 0)
		return MISTAKE("text is not a text of at most 255 bytes");
	err = store_begin(__func__, &user, mount, 0, 0, false);
	if (err)
		return err;
	driven_damaged(user.use.super, text);
	return store_end(&user, 0);
}
BANOS_EXPORT(banos_mount_error);

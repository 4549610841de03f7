// SPDX-License-Identifier: MIT
/*
 * <banos/filesystem.h>: the store of a mounted file system. No file system here has one yet.
 */
#include <kernel/driver_api.h>
#include <kernel/err.h>
#include "caller.h"

#define NO_MOUNT() MISTAKE("mount is no handle of the caller's")

int64_t banos_store_read(banos_mount mount, uint64_t offset, void *to, uint64_t length)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_read);

int64_t banos_store_write(banos_mount mount, uint64_t offset, const void *from, uint64_t length)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_write);

int64_t banos_store_zero(banos_mount mount, uint64_t offset, uint64_t length)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_zero);

int64_t banos_store_borrow(banos_mount mount, uint64_t offset, uint32_t length, const void **memory)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_borrow);

int64_t banos_store_return(banos_mount mount, const void *memory)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_return);

int64_t banos_store_prefetch(banos_mount mount, uint64_t offset, uint64_t length)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_prefetch);

int64_t banos_store_forget(banos_mount mount, uint64_t offset, uint64_t length)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_forget);

int64_t banos_store_after(banos_mount mount, uint64_t later, uint64_t earlier, uint64_t length)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_after);

int64_t banos_store_epoch(banos_mount mount)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_epoch);

int64_t banos_store_committed(banos_mount mount)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_store_committed);

int64_t banos_mount_error(banos_mount mount, const char *text)
{
	return NO_MOUNT();
}
BANOS_EXPORT(banos_mount_error);

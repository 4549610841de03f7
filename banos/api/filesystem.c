// SPDX-License-Identifier: MIT
/*
 * <banos/filesystem.h>: file systems. This kernel has no such class: registration says
 * so, and what needs a mount finds none.
 */
#include <kernel/driver_api.h>
#include <kernel/err.h>
#include "caller.h"

_Static_assert(sizeof(struct banos_attr) >= BANOS_ATTR_SIZE_1 &&
		       sizeof(struct banos_mount_config) >= BANOS_MOUNT_CONFIG_SIZE_1 &&
		       sizeof(struct banos_mount_info) >= BANOS_MOUNT_INFO_SIZE_1 &&
		       sizeof(struct banos_statfs) >= BANOS_STATFS_SIZE_1 &&
		       sizeof(struct banos_create) >= BANOS_CREATE_SIZE_1 &&
		       sizeof(struct banos_rename) >= BANOS_RENAME_SIZE_1 &&
		       sizeof(struct banos_extent) >= BANOS_EXTENT_SIZE_1,
	       "structs only grow");

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_FILESYSTEM_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_filesystem_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_FILESYSTEM_OPS_SIZE_1,
	.size_known = sizeof(struct banos_filesystem_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

int64_t banos_filesystem_register(banos_owner owner, const struct banos_filesystem_config *config,
				  banos_filesystem *filesystem)
{
	struct banos_filesystem_config copy;
	struct banos_filesystem_ops ops;
	int err;

	if (!api_owner(owner))
		return MISTAKE("owner does not belong to the caller");
	err = api_struct_read(__func__, &config_rule, config, &copy);
	if (!err)
		err = api_struct_read(__func__, &ops_rule, copy.ops, &ops);
	if (err)
		return err;
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_filesystem_register);

int64_t banos_filesystem_remove(banos_filesystem filesystem)
{
	return MISTAKE("filesystem is no handle of the caller's");
}
BANOS_EXPORT(banos_filesystem_remove);

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

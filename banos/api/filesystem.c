// SPDX-License-Identifier: MIT
/*
 * <banos/filesystem.h>: types of file systems, as a driver registers and removes them. What is mounted of
 * them: fs/driver/.
 */
#include <kernel/driver_api.h>
#include <kernel/err.h>
#include <kernel/fs/driven.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "caller.h"

_Static_assert(sizeof(struct banos_attr) >= BANOS_ATTR_SIZE_2 &&
		       sizeof(struct banos_mount_config) >= BANOS_MOUNT_CONFIG_SIZE_2 &&
		       sizeof(struct banos_mount_info) >= BANOS_MOUNT_INFO_SIZE_2 &&
		       sizeof(struct banos_statfs) >= BANOS_STATFS_SIZE_2 &&
		       sizeof(struct banos_create) >= BANOS_CREATE_SIZE_2 &&
		       sizeof(struct banos_rename) >= BANOS_RENAME_SIZE_2 &&
		       sizeof(struct banos_extent) >= BANOS_EXTENT_SIZE_2,
	       "structs only grow");

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_FILESYSTEM_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_filesystem_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_FILESYSTEM_OPS_SIZE_2,
	.size_known = sizeof(struct banos_filesystem_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

/* ---- methods that a driver lacks ---- */

static int64_t default_unmount(void *fs)
{
	return 0;
}

static int64_t default_statfs(void *fs, struct banos_statfs *to)
{
	return 0;
}

static int64_t default_remount(void *fs, uint32_t flags, const char *options)
{
	if (*options)
		return -EINVAL;
	return 0;
}

static int64_t default_setattr(void *fs, uint64_t node, uint32_t which,
			       const struct banos_attr *attr)
{
	return -EROFS;
}

static int64_t default_create(void *fs, uint64_t dir, const char *name, uint32_t length,
			      const struct banos_create *what, struct banos_attr *attr)
{
	return -EROFS;
}

static int64_t default_link(void *fs, uint64_t node, uint64_t dir, const char *name,
			    uint32_t length, struct banos_attr *attr)
{
	return -EPERM;
}

static int64_t default_unlink(void *fs, uint64_t dir, const char *name, uint32_t length,
			      uint64_t node)
{
	return -EROFS;
}

static int64_t default_rename(void *fs, const struct banos_rename *what)
{
	return -EROFS;
}

static int64_t default_forget(void *fs, uint64_t node)
{
	return 0;
}

static int64_t default_readlink(void *fs, uint64_t node, char *to, uint32_t length)
{
	return -EINVAL;
}

static int64_t default_extent(void *fs, uint64_t node, uint64_t offset, uint64_t length,
			      uint32_t flags, struct banos_extent *extent)
{
	return -EOPNOTSUPP;
}

static int64_t default_allocate(void *fs, uint64_t node, uint32_t mode, uint64_t offset,
				uint64_t length)
{
	return -EOPNOTSUPP;
}

static int64_t default_transfer(void *fs, uint64_t node, banos_buffer buffer, uint64_t length,
				uint64_t offset)
{
	return -EIO;
}

static int64_t default_getxattr(void *fs, uint64_t node, const char *name, uint8_t *to,
				uint32_t length)
{
	return -EOPNOTSUPP;
}

static int64_t default_setxattr(void *fs, uint64_t node, const char *name, const void *from,
				uint32_t length, uint32_t flags)
{
	return -EOPNOTSUPP;
}

static int64_t default_listxattr(void *fs, uint64_t node, char *to, uint32_t length)
{
	return 0;
}

static int64_t default_removexattr(void *fs, uint64_t node, const char *name)
{
	return -EOPNOTSUPP;
}

static int64_t default_end_use(void *fs, uint64_t node, uint64_t times)
{
	return 0;
}

/* NULL: mandatory. */
static const struct banos_filesystem_ops default_ops = {
	API_DEFAULTS(struct banos_filesystem_ops),
	.unmount = default_unmount,
	.statfs = default_statfs,
	.sync = default_unmount,
	.remount = default_remount,
	.setattr = default_setattr,
	.create = default_create,
	.link = default_link,
	.unlink = default_unlink,
	.rmdir = default_unlink,
	.rename = default_rename,
	.forget = default_forget,
	.readlink = default_readlink,
	.map = default_extent,
	.allocate = default_allocate,
	.read = default_transfer,
	.write = default_transfer,
	.getxattr = default_getxattr,
	.setxattr = default_setxattr,
	.listxattr = default_listxattr,
	.removexattr = default_removexattr,
	.release = default_end_use,
};

/* ---- life ---- */

struct filesystem {
	struct owned owned;
	struct driven_type *type;
};

static bool filesystem_pin(struct owner *root)
{
	return driver_pin(owner_driver(root));
}

static void filesystem_unpin(struct owner *root)
{
	driver_unpin(owner_driver(root));
}

static int filesystem_publish(struct owned *owned)
{
	driven_type_adopt(container_of(owned, struct filesystem, owned)->type);
	return 0;
}

static int filesystem_stop(struct owned *owned, u64 deadline_ns)
{
	return driven_type_withdraw(container_of(owned, struct filesystem, owned)->type, true,
				    deadline_ns);
}

static void filesystem_free(struct owned *owned)
{
	struct filesystem *filesystem = container_of(owned, struct filesystem, owned);

	driven_type_put(filesystem->type);
	kfree(filesystem);
}

static const struct owned_class filesystem_class = {
	.name = "type of file system",
	.names = "types of file systems",
	.kind = OWNED_FILESYSTEM,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct filesystem) + sizeof(struct driven_type),
	.late = true,
	.publish = filesystem_publish,
	.stop = filesystem_stop,
	.free = filesystem_free,
};

static int filesystem_read_config(struct owner *owner, const struct banos_filesystem_config *from,
				  struct banos_filesystem_config *config,
				  struct banos_filesystem_ops *ops)
{
	static const char function[] = "banos_filesystem_register";
	int err = api_struct_read(function, &config_rule, from, config);

	if (err)
		return err;
	if (config->flags & ~BANOS_FILESYSTEM_NODEV)
		return api_mistake(function, -EINVAL, "config->flags has an unknown bit");
	if (!text_is_word(config->name, sizeof(config->name)))
		return api_mistake(function, -EINVAL, "config->name is no name of a type");
	if (owner != owner->root)
		return api_mistake(function, -EINVAL, "owner is not the driver itself");
	ops->size = sizeof(*ops);
	return api_methods_read(function, &ops_rule, owner->root, config->ops, ops, &default_ops);
}

static int filesystem_create(struct owner *owner, const struct banos_filesystem_config *from,
			     struct filesystem **out)
{
	struct banos_filesystem_config config;
	struct banos_filesystem_ops ops;
	struct filesystem *created;
	int err = filesystem_read_config(owner, from, &config, &ops);

	if (err)
		return err;
	if (!IS_ENABLED(CONFIG_FILESYSTEM_DRIVERS))
		return -EOPNOTSUPP;
	created = kzalloc(sizeof(*created));
	if (created)
		created->type = driven_type_create(owner->root, &config, &ops);
	if (!created || !created->type) {
		kfree(created);
		return -ENOMEM;
	}
	created->type->pin = filesystem_pin;
	created->type->unpin = filesystem_unpin;
	err = driven_type_enter(created->type);
	if (!err) {
		err = owned_add_held(owner, &created->owned, &filesystem_class, true);
		if (err)
			err = driven_type_withdraw(created->type, false, 0) ?: err;
	}
	if (err) {
		driven_type_put(created->type);
		kfree(created);
	}
	*out = created;
	return err;
}

int64_t banos_filesystem_register(banos_owner owner, const struct banos_filesystem_config *config,
				  banos_filesystem *filesystem)
{
	struct owner *asked;
	struct filesystem *created;
	s64 err;

	asked = api_holder(__func__, owner, filesystem, "filesystem",
			   HANDLE_OPTIONAL | HOLDER_STAYS, &err);
	if (!asked)
		return err;
	err = filesystem_create(asked, config, &created);
	if (err == -EEXIST)
		return api_mistake(__func__, err, "config->name is in use");
	if (err)
		return err;
	if (filesystem)
		*filesystem = (banos_filesystem)created->owned.handle;
	return owned_offer(&created->owned);
}
BANOS_EXPORT(banos_filesystem_register);

int64_t banos_filesystem_remove(banos_filesystem filesystem)
{
	struct owned *owned;
	s64 err;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	owned = api_get((u64)filesystem, &filesystem_class);
	if (!owned)
		return api_entry_mistake(__func__, "filesystem", -EINVAL);
	err = driven_type_withdraw(container_of(owned, struct filesystem, owned)->type, false, 0);
	if (!err)
		err = owned_remove(owned);
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_filesystem_remove);

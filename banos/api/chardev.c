// SPDX-License-Identifier: MIT
/*
 * <banos/chardev.h>: character devices, as a driver registers and removes them.
 *
 * Registration takes the number at once, and the name among those of drivers; the node in /dev
 * is made when the driver is live.
 *
 * Lock: names_lock (mutex) guards the list of names.
 */
#include <kernel/chardev.h>
#include <kernel/err.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/devfs.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "caller.h"
#include "chardev.h"

#define MODE_MAX  0777u
#define MAJOR_MAX 0xfffu
#define MINOR_MAX 0xfffffu

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_CHARDEV_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_chardev_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_CHARDEV_OPS_SIZE_1,
	.size_known = sizeof(struct banos_chardev_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

/* ---- names ---- */

static DEFINE_LIST(taken_names);
static DEFINE_MUTEX(names_lock);

/* For this device alone, though its node may be made much later. */
static int char_device_take_name(struct char_device *device)
{
	struct char_device *other;
	int err = 0;

	mutex_lock(&names_lock);
	list_for_each(other, &taken_names, named)
		if (!strcmp(other->name, device->name))
			err = -EEXIST;
	if (!err)
		list_add(&device->named, &taken_names);
	mutex_unlock(&names_lock);
	if (err)
		return api_mistake("banos_chardev_register", err, "config->name is in use");
	return 0;
}

static void char_device_drop_name(struct char_device *device)
{
	mutex_lock(&names_lock);
	list_del(&device->named);
	mutex_unlock(&names_lock);
}

/* ---- life ---- */

static int char_device_publish(struct owned *owned)
{
	struct char_device *device = container_of(owned, struct char_device, owned);
	int err = devfs_add(device->name, device->mode, device->dev);

	device->node = !err;
	return err;
}

static int char_device_stop(struct owned *owned, u64 deadline_ns)
{
	struct char_device *device = container_of(owned, struct char_device, owned);

	if (device->node)
		devfs_remove(device->name);
	device->node = false;
	char_device_drop_name(device);
	if (device->registered)
		chardev_unregister(device->dev);
	device->registered = false;
	if (device->revocable)
		return char_device_revoke(device, deadline_ns);
	return 0;
}

static void char_device_free(struct owned *owned)
{
	kfree(container_of(owned, struct char_device, owned));
}

static const struct owned_class chardev_class = {
	.name = "character device",
	.names = "character devices",
	.kind = OWNED_CHARDEV,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct char_device),
	.publish = char_device_publish,
	.stop = char_device_stop,
	.free = char_device_free,
};

/* ---- registration ---- */

/* Below /dev, without leaving it. */
static bool device_name_valid(const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	if (!length || length == size || name[0] == '/' || name[length - 1] == '/')
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];
		bool first = !i || name[i - 1] == '/';

		if (first && (c == '.' || c == '/'))
			return false;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("_-.:/", c)))
			return false;
	}
	return true;
}

static s64 bad_config(const char *what)
{
	return api_mistake("banos_chardev_register", -EINVAL, what);
}

static int char_device_take_config(struct char_device *device,
				   const struct banos_chardev_config *config)
{
	if (config->flags & ~CHAR_DEVICE_FLAGS || config->flags == CHAR_DEVICE_FLAGS)
		return bad_config(
			"config->flags has an unknown bit, or two that exclude each other");
	if (config->mode & ~MODE_MAX || config->zero)
		return bad_config("config->mode is over 0777, or config->zero is not 0");
	if (!device_name_valid(config->name, sizeof(config->name)))
		return bad_config("config->name is no name below /dev");
	if (config->major != BANOS_CHARDEV_ANY &&
	    (config->major > MAJOR_MAX || config->minor > MINOR_MAX))
		return bad_config("config->major or config->minor is too large");
	device->flags = config->flags;
	device->mode = config->mode;
	device->context = config->context;
	memcpy(device->name, config->name, sizeof(device->name));
	device->ops.size = sizeof(device->ops);
	return api_methods_read("banos_chardev_register", &ops_rule, device->root, config->ops,
				&device->ops, &char_default_ops);
}

static int char_device_take_number(struct char_device *device,
				   const struct banos_chardev_config *config)
{
	struct chardev entry = {
		.mode = device->mode,
		.ops = char_file_ops(device),
		.private = device,
		.hold = char_device_hold,
	};
	int err;

	if (config->major == BANOS_CHARDEV_ANY)
		device->dev = chardev_alloc_number();
	else
		device->dev = MKDEV(config->major, config->minor);
	if (!device->dev)
		return -ENOSPC;
	entry.dev = device->dev;
	err = chardev_register(&entry);
	device->registered = !err;
	if (err && config->major == BANOS_CHARDEV_ANY)
		chardev_unregister(device->dev);
	if (err == -EBUSY)
		return api_mistake("banos_chardev_register", err,
				   "config->major and config->minor are in use");
	return err;
}

static int char_device_register(struct owner *owner, struct char_device *device,
				const struct banos_chardev_config *from)
{
	struct banos_chardev_config config;
	int err;

	device->root = owner->root;
	/* One that is built in is never removed; but one that may fail takes all its devices with it. */
	device->revocable = owner->device != NULL || !owner_driver(owner)->builtin ||
			    IS_ENABLED(CONFIG_GATE_ABANDON);
	device->device_name = owner->name;
	spin_init(&device->lock);
	list_init(&device->named);
	list_init(&device->open_files);
	wait_queue_init(&device->calls_wait);
	vm_window_list_init(&device->windows, VM_WINDOW_FILE);
	err = api_struct_read("banos_chardev_register", &config_rule, from, &config);
	if (!err)
		err = char_device_take_config(device, &config);
	if (!err)
		err = char_device_take_number(device, &config);
	if (err)
		return err;
	err = char_device_take_name(device);
	if (!err)
		err = owned_add_held(owner, &device->owned, &chardev_class, true);
	if (!err)
		return 0;
	chardev_unregister(device->dev);
	char_device_drop_name(device);
	return err;
}

/* ---- the API ---- */

int64_t banos_chardev_register(banos_owner owner, const struct banos_chardev_config *config,
			       banos_chardev *device)
{
	struct owner *asked;
	struct char_device *created;
	s64 err;

	asked = api_holder(__func__, owner, device, "device", HANDLE_OPTIONAL | HOLDER_STAYS, &err);
	if (!asked)
		return err;
	created = kzalloc(sizeof(*created));
	if (!created)
		return -ENOMEM;
	err = char_device_register(asked, created, config);
	if (err) {
		kfree(created);
		return err;
	}
	if (device)
		*device = (banos_chardev)created->owned.handle;
	return owned_offer(&created->owned);
}
BANOS_EXPORT(banos_chardev_register);

int64_t banos_chardev_remove(banos_chardev device)
{
	struct owned *owned;
	s64 err = -EBUSY;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	owned = api_get((u64)device, &chardev_class);
	if (!owned)
		return api_entry_mistake(__func__, "device", -EINVAL);
	if (!atomic_cmpxchg(&container_of(owned, struct char_device, owned)->files, 0,
			    CHAR_DEVICE_GONE))
		err = owned_remove(owned);
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_chardev_remove);

int64_t banos_chardev_number(banos_chardev device)
{
	struct owned *owned = api_get((u64)device, &chardev_class);
	dev_t dev;

	if (!owned)
		return api_entry_mistake(__func__, "device", -EINVAL);
	dev = container_of(owned, struct char_device, owned)->dev;
	owned_put(owned);
	return (s64)MAJOR(dev) << 32 | MINOR(dev);
}
BANOS_EXPORT(banos_chardev_number);

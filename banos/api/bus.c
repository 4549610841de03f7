// SPDX-License-Identifier: MIT
/*
 * <banos/bus.h>: what drivers say is checked and copied here; device/bus.c does the rest.
 *
 * A device's driver names a device by the owner of its binding; the bus's driver
 * by the handle of the device itself.
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/future.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "caller.h"

_Static_assert(DEVICE_MEMORY == BANOS_RESOURCE_MEMORY && DEVICE_PORTS == BANOS_RESOURCE_PORTS &&
		       DEVICE_ECAM == BANOS_RESOURCE_ECAM,
	       "kinds of resources");
_Static_assert(ALIAS_SIZE == BANOS_ALIAS_SIZE &&
		       ALIAS_SIZE == sizeof(((struct banos_device_config *)0)->alias),
	       "size of an alias");

#define PORTS	       0x10000u
#define PHYS_END       (1ull << 52)
#define DMA_BITS_LEAST 16u
#define INTERRUPTS_MAX 2048u /* MSI-X has no more */

/* ---- what is the same for all ---- */

static const struct struct_rule bus_rule = {
	.name = "config",
	.size_least = BANOS_BUS_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_bus_config),
};
static const struct struct_rule device_rule = {
	.name = "config",
	.size_least = BANOS_DEVICE_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_device_config),
};
static const struct struct_rule prober_rule = {
	.name = "config",
	.size_least = BANOS_PROBER_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_prober_config),
};
static const struct struct_rule resource_rule = {
	.name = "resource",
	.size_least = BANOS_RESOURCE_SIZE_1,
	.size_known = sizeof(struct banos_resource),
};
static const struct struct_rule resources_rule = {
	.name = "one of config->resources",
	.size_least = BANOS_RESOURCE_SIZE_1,
	.size_known = sizeof(struct banos_resource),
};
static const struct struct_rule bus_ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_BUS_OPS_SIZE_1,
	.size_known = sizeof(struct banos_bus_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};
static const struct struct_rule prober_ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_PROBER_OPS_SIZE_1,
	.size_known = sizeof(struct banos_prober_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

static bool word_valid(const char *text, size_t size, const char *others)
{
	size_t length = strnlen(text, size);

	if (!length || length == size || text[0] == '.')
		return false;
	for (size_t i = 0; i < length; i++) {
		char character = text[i];

		if (!((character >= 'a' && character <= 'z') ||
		      (character >= 'A' && character <= 'Z') ||
		      (character >= '0' && character <= '9') || strchr(others, character)))
			return false;
	}
	return true;
}

static int64_t bus_cannot_connect(void *context, void *device, uint32_t index, uint64_t address,
				  uint32_t data)
{
	return -EOPNOTSUPP;
}
static int64_t bus_disconnected(void *context, void *device, uint32_t index)
{
	return 0;
}
static int64_t device_has_no_line(void *context, void *device, struct banos_irq_line *line)
{
	return -ENODEV;
}
static int64_t device_removed(void *context, banos_owner device, void *state)
{
	return 0;
}

/* ---- buses ---- */

static int bus_take_config(struct owner *owner, struct bus *bus,
			   const struct banos_bus_config *from)
{
	static const struct banos_bus_ops defaults = {
		API_DEFAULTS(struct banos_bus_ops),
		.connect = bus_cannot_connect,
		.disconnect = bus_disconnected,
		.line = device_has_no_line,
	};
	const char *caller = "banos_bus_register";
	struct banos_bus_config config;
	struct banos_bus_ops ops;
	int err = api_struct_read(caller, &bus_rule, from, &config);

	if (err)
		return err;
	if (config.zero || !word_valid(config.name, sizeof(config.name), "_-") ||
	    !strcmp(config.name, "system"))
		return api_mistake(
			caller, -EINVAL,
			"config->name is not a valid name of a bus, or config->zero is not 0");
	bus->root = owner->root;
	bus->context = config.context;
	strscpy(bus->name, config.name, sizeof(bus->name));
	err = api_methods_read(caller, &bus_ops_rule, owner, config.ops, &ops, &defaults);
	if (err)
		return err;
	bus->methods = (struct bus_methods){
		.quiesce = ops.quiesce,
		.connect = ops.connect,
		.disconnect = ops.disconnect,
		.line = ops.line,
	};
	return 0;
}

int64_t banos_bus_register(banos_owner owner, const struct banos_bus_config *config, banos_bus *bus)
{
	struct owner *holder;
	struct bus *new_bus;
	s64 err;

	holder = api_holder(__func__, owner, bus, "bus", 0, &err);
	if (!holder)
		return err;
	new_bus = kzalloc(sizeof(*new_bus));
	if (!new_bus)
		return -ENOMEM;
	err = bus_take_config(holder, new_bus, config) ?: bus_add(holder, new_bus);
	if (err) {
		kfree(new_bus);
		return err;
	}
	*bus = (banos_bus)new_bus->owned.handle;
	return owned_offer(&new_bus->owned);
}
BANOS_EXPORT(banos_bus_register);

int64_t banos_bus_remove(banos_bus bus)
{
	return api_remove(__func__, "bus", (u64)bus, &bus_class);
}
BANOS_EXPORT(banos_bus_remove);

/* ---- devices, as their bus sees them ---- */

static int bad_device(const char *what)
{
	return api_mistake("banos_device_add", -EINVAL, what);
}

static bool resource_valid(const struct banos_resource *resource)
{
	u64 end = resource->kind == BANOS_RESOURCE_PORTS ? PORTS : PHYS_END;

	return resource->kind <= BANOS_RESOURCE_ECAM && resource->length <= end &&
	       resource->start <= end - resource->length && !resource->zero &&
	       !(resource->flags & ~BANOS_RESOURCE_PREFETCHABLE) &&
	       resource->reserved_length <= resource->length &&
	       resource->reserved_offset <= resource->length - resource->reserved_length;
}

static int device_take_resources(struct bus_device *device,
				 const struct banos_device_config *config)
{
	const u8 *from = (const void *)config->resources;
	u32 stride = config->resource_stride, count = config->resource_count;
	struct banos_resource resource;
	int err;

	if (!count)
		return 0;
	if (count > BANOS_DEVICE_RESOURCES)
		return bad_device("config->resource_count is over 16");
	if (stride < BANOS_RESOURCE_SIZE_1 || stride % 8 || stride > STRUCT_MAX)
		return bad_device(
			"config->resource_stride is not sizeof(struct banos_resource): a multiple of 8 from 56 to 4096");
	if (!api_may_read(from, (u64)stride * count))
		return bad_device("config->resources is not the driver's memory");
	device->resources = kcalloc(count, sizeof(*device->resources));
	if (!device->resources)
		return -ENOMEM;
	for (; device->nresources < count; device->nresources++, from += stride) {
		if (READ_ONCE(*(const u32 *)from) > stride)
			return bad_device(
				"the size of one of config->resources is over config->resource_stride");
		err = api_struct_read("banos_device_add", &resources_rule, from, &resource);
		if (err)
			return err;
		if (!resource_valid(&resource))
			return bad_device(
				"one of config->resources has a bad kind, start, length, flags or reserved part");
		device->resources[device->nresources] = (struct device_resource){
			.kind = resource.kind,
			.start = resource.start,
			.length = resource.length,
			.data = resource.data,
			.flags = resource.flags,
			.reserved_offset = resource.reserved_offset,
			.reserved_length = resource.reserved_length,
		};
	}
	return 0;
}

static int take_text(char **to, const char *from)
{
	s64 length = from ? api_text(from, API_TEXT_MAX) : 0;

	if (!from)
		return 0;
	if (length < 0)
		return bad_device("config->properties or ->attributes is no text of the driver's");
	*to = kzalloc(length + 1);
	if (!*to)
		return -ENOMEM;
	memcpy(*to, from, length);
	return 0;
}

/* "bus:what", printable, without blanks. */
static bool alias_valid(const struct bus *bus, const char *alias, size_t size)
{
	size_t length = strnlen(alias, size), bus_len = strlen(bus->name);

	if (length == size || strncmp(alias, bus->name, bus_len) || alias[bus_len] != ':')
		return false;
	for (size_t i = 0; i < length; i++)
		if (alias[i] <= ' ' || alias[i] >= 0x7f)
			return false;
	return true;
}

static int device_take_config(struct bus *bus, struct bus_device *device,
			      const struct banos_device_config *from)
{
	struct banos_device_config config;
	int err = api_struct_read("banos_device_add", &device_rule, from, &config);

	if (err)
		return err;
	if (config.interrupts > INTERRUPTS_MAX)
		return bad_device("config->interrupts is over 2048");
	if (config.dma_bits && (config.dma_bits < DMA_BITS_LEAST || config.dma_bits > 64))
		return bad_device("config->dma_bits is neither 0 nor between 16 and 64");
	if (!word_valid(config.name, sizeof(config.name), "_-.:"))
		return bad_device("config->name is no name of a device");
	if (!alias_valid(bus, config.alias, sizeof(config.alias)))
		return bad_device(
			"config->alias does not begin with the bus's name, or has blanks or no end");
	device->context = config.context;
	device->interrupts = config.interrupts;
	device->dma_bits = config.dma_bits;
	device->bus_id = config.bus_id;
	device->node = config.node;
	strscpy(device->name, config.name, sizeof(device->name));
	strscpy(device->alias, config.alias, sizeof(device->alias));
	err = device_take_resources(device, &config);
	if (!err)
		err = take_text(&device->properties, config.properties);
	if (!err)
		err = take_text(&device->attributes, config.attributes);
	return err;
}

static int add_device(struct bus *bus, const struct banos_device_config *config,
		      banos_device *device)
{
	struct bus_device *target = kzalloc(sizeof(*target));
	int err;

	if (!target)
		return -ENOMEM;
	err = device_take_config(bus, target, config) ?: bus_device_add(bus, target);
	if (err == -EEXIST)
		(void)api_mistake("banos_device_add", err,
				  "config->name is that of another device on a bus of this name");
	if (!err) {
		*device = (banos_device)target->owned.handle;
		return owned_offer(&target->owned);
	}
	kfree(target->resources);
	kfree(target->properties);
	kfree(target->attributes);
	kfree(target);
	return err;
}

int64_t banos_device_add(banos_bus bus, const struct banos_device_config *config,
			 banos_device *device)
{
	struct owned *object;
	s64 err;

	if (!api_may_write(device, sizeof(*device)))
		return MISTAKE("device is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (api_is_going())
		return -ENODEV;
	object = api_get((u64)bus, &bus_class);
	if (!object)
		return api_entry_mistake(__func__, "bus", -ENODEV);
	err = add_device(container_of(object, struct bus, owned), config, device);
	owned_put(object);
	return err;
}
BANOS_EXPORT(banos_device_add);

int64_t banos_device_remove(banos_device device, uint32_t flags)
{
	struct owned *object;
	s64 err;

	if (flags & ~BANOS_DEVICE_GONE)
		return MISTAKE("flags has an unknown bit");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	object = api_get((u64)device, &device_class);
	if (!object)
		return api_entry_mistake(__func__, "device", -EINVAL);
	err = bus_device_remove(container_of(object, struct bus_device, owned),
				flags & BANOS_DEVICE_GONE);
	owned_put(object);
	return err;
}
BANOS_EXPORT(banos_device_remove);

/* Is a device on this bus or, if that is NULL, on any bus of the caller's? */
static bool device_is_on(const struct bus_device *device, const struct owned *bus)
{
	if (bus)
		return &device->bus->owned == bus;
	return device->bus->root == gate_owner();
}

/*
 * What a client passed: it may have been removed meanwhile, and be no mistake. In an RCU section.
 * @return the device's context; -ENODEV in *@err
 */
static void *device_context_of(const struct owned *bus, u64 device, s64 *err)
{
	const struct owner *owner = owner_find(device);
	char words[128];

	*err = -ENODEV;
	if (!owner || !owner->device || !device_is_on(owner->device, bus))
		return NULL;
	if (!api_was_passed_rightly(device, owner)) {
		snprintf(words, sizeof(words), "device was passed by %s, which has no right to it",
			 current->gate->outer->owner->name);
		(void)api_mistake("banos_device_context", -ENODEV, words);
		return NULL;
	}
	*err = 0;
	return owner->device->context;
}

int64_t banos_device_context(banos_bus bus, banos_owner device, void **context)
{
	struct owned *owned = NULL;
	void *found = NULL;
	s64 err;

	if (!api_may_write(context, sizeof(*context)))
		return MISTAKE("context is not the driver's memory");
	rcu_read_lock();
	if (bus)
		owned = api_peek((u64)bus, &bus_class);
	if (owned || !bus)
		found = device_context_of(owned, (u64)device, &err);
	rcu_read_unlock();
	if (!owned && bus)
		return api_entry_mistake(__func__, "bus", -EINVAL);
	if (!err)
		*context = found;
	return err;
}
BANOS_EXPORT(banos_device_context);

/* ---- probers ---- */

/* Does the driver say that it serves devices on this bus? */
static bool driver_serves_bus(const struct driver *driver, const char *bus)
{
	size_t length = strlen(bus);

	for (u32 i = 0; i < driver->nserves; i++)
		if (!strncmp(driver->serves[i].alias, bus, length) &&
		    driver->serves[i].alias[length] == ':')
			return true;
	return false;
}

static int prober_take_config(struct owner *owner, struct prober *prober,
			      const struct banos_prober_config *from)
{
	static const struct banos_prober_ops defaults = {
		API_DEFAULTS(struct banos_prober_ops),
		.remove = device_removed,
	};
	const char *caller = "banos_prober_register";
	struct driver *driver = owner_driver(owner);
	struct banos_prober_config config;
	struct banos_prober_ops ops;
	int err = api_struct_read(caller, &prober_rule, from, &config);

	if (err)
		return err;
	if (owner != owner->root)
		return api_mistake(caller, -EINVAL, "owner is a device, not the driver");
	if (config.zero || !word_valid(config.bus, sizeof(config.bus), "_-"))
		return api_mistake(
			caller, -EINVAL,
			"config->bus is not a valid name of a bus, or config->zero is not 0");
	prober->context = config.context;
	strscpy(prober->bus, config.bus, sizeof(prober->bus));
	prober->patterns = driver->serves;
	prober->npatterns = driver->nserves;
	if (!driver_serves_bus(driver, prober->bus))
		return api_mistake(caller, -EINVAL,
				   "the driver has no BANOS_SERVES() for config->bus");
	err = api_methods_read(caller, &prober_ops_rule, owner, config.ops, &ops, &defaults);
	if (err)
		return err;
	prober->probe = ops.probe;
	prober->remove = ops.remove;
	return 0;
}

int64_t banos_prober_register(banos_owner owner, const struct banos_prober_config *config,
			      banos_prober *prober)
{
	struct owner *holder;
	struct prober *new_prober;
	s64 err;

	holder = api_holder(__func__, owner, prober, "prober", HANDLE_OPTIONAL, &err);
	if (!holder)
		return err;
	new_prober = kzalloc(sizeof(*new_prober));
	if (!new_prober)
		return -ENOMEM;
	err = prober_take_config(holder, new_prober, config) ?: prober_add(holder, new_prober);
	if (err) {
		kfree(new_prober);
		return err;
	}
	if (prober)
		*prober = (banos_prober)new_prober->owned.handle;
	return owned_offer(&new_prober->owned);
}
BANOS_EXPORT(banos_prober_register);

int64_t banos_prober_remove(banos_prober prober)
{
	return api_remove(__func__, "prober", (u64)prober, &prober_class);
}
BANOS_EXPORT(banos_prober_remove);

/* ---- devices, as their drivers see them ---- */

/* Its driver calls, so the binding's owner stays. */
static struct bus_device *device_of(banos_owner device)
{
	struct owner *owner = api_owner(device);

	if (owner)
		return owner->device;
	return NULL;
}

int64_t banos_resource_get(banos_owner device, uint32_t index, struct banos_resource *resource)
{
	struct bus_device *target = device_of(device);
	const struct device_resource *found;
	struct banos_resource filled = { 0 };
	s64 size;

	if (!target)
		return MISTAKE("device is none of the caller's");
	size = api_struct_room(__func__, &resource_rule, resource);
	if (size < 0)
		return size;
	if (index >= target->nresources)
		return -ENOENT;
	found = &target->resources[index];
	filled.kind = found->kind;
	filled.start = found->start;
	filled.length = found->length;
	filled.data = found->data;
	filled.flags = found->flags | FUTURE_FLAGS;
	filled.reserved_offset = found->reserved_offset;
	filled.reserved_length = found->reserved_length;
	struct_fill(&resource_rule, resource, size, &filled);
	return 0;
}
BANOS_EXPORT(banos_resource_get);

int64_t banos_device_interrupts(banos_owner device)
{
	struct bus_device *target = device_of(device);

	if (target)
		return (s64)target->interrupts;
	return MISTAKE("device is none of the caller's");
}
BANOS_EXPORT(banos_device_interrupts);

static const struct struct_rule info_rule = {
	.name = "info",
	.size_least = BANOS_DEVICE_INFO_SIZE_1,
	.size_known = sizeof(struct banos_device_info),
};

int64_t banos_device_info(banos_owner device, struct banos_device_info *info)
{
	struct bus_device *target = device_of(device);
	struct banos_device_info filled = { 0 };
	s64 size;

	if (!target)
		return MISTAKE("device is none of the caller's");
	size = api_struct_room(__func__, &info_rule, info);
	if (size < 0)
		return size;
	filled.dma_bits = target->dma_bits;
	filled.bus_id = target->bus_id;
	filled.node = target->node;
	struct_fill(&info_rule, info, size, &filled);
	return 0;
}
BANOS_EXPORT(banos_device_info);

int64_t banos_device_name(banos_owner device, char *buffer, uint64_t size)
{
	struct bus_device *target = device_of(device);

	if (!target)
		return MISTAKE("device is none of the caller's");
	if (!api_may_write(buffer, size))
		return MISTAKE("buffer, with size bytes, is not the driver's memory");
	if (size)
		strscpy(buffer, target->name, size);
	return strlen(target->name);
}
BANOS_EXPORT(banos_device_name);

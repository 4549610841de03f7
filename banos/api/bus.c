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
#include <kernel/heap.h>
#include <kernel/string.h>
#include "caller.h"

_Static_assert(DEVICE_MEMORY == BANOS_RESOURCE_MEMORY && DEVICE_PORTS == BANOS_RESOURCE_PORTS &&
		       DEVICE_ECAM == BANOS_RESOURCE_ECAM,
	       "kinds of resources");
_Static_assert(sizeof(((struct prober *)0)->patterns[0]) == BANOS_ALIAS_SIZE, "size of a pattern");

#define PORTS	 0x10000u
#define PHYS_END (1ull << 52)

/* ---- what is the same for all ---- */

/* It is the driver's memory, and bytes beyond what this kernel knows are zero. */
static int check_config(const char *caller, const void *config, u32 known)
{
	u32 size = api_struct(config);

	if (size < known)
		return api_mistake(caller, -EINVAL,
				   "config is not the driver's memory, or its size is too small");
	for (u32 i = known; i < size; i++)
		if (((const u8 *)config)[i])
			return api_mistake(caller, -E2BIG,
					   "config has a field that this kernel does not know");
	return 0;
}

static bool word_valid(const char *s, size_t size, const char *others)
{
	size_t n = strnlen(s, size);

	if (!n || n == size || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr(others, c)))
			return false;
	}
	return true;
}

/* A table of methods: @p n of them behind size and must. A method that is missing becomes @p none. */
static int take_methods(const char *caller, struct owner *o, const void *ops, const void **to,
			u32 n, const void *const *none)
{
	const u32 *head = ops;
	const void *const *from = (const void *const *)(head + 2);
	u32 size = api_struct(ops);

	if (size < 8)
		return api_mistake(
			caller, -EINVAL,
			"config->ops is not the driver's memory, or its size is less than 8");
	if (head[1])
		return api_mistake(caller, -EOPNOTSUPP,
				   "config->ops->must has a bit that this kernel does not know");
	for (u32 i = 0; i < n; i++) {
		to[i] = 8 + (i + 1) * 8 <= size ? from[i] : NULL;
		if (to[i] && !owner_has_code(o, to[i]))
			return api_mistake(caller, -EINVAL,
					   "a method in config->ops is not the driver's function");
		if (!to[i])
			to[i] = none[i];
		if (!to[i])
			return api_mistake(caller, -EINVAL,
					   "the mandatory method in config->ops is missing");
	}
	return 0;
}

static int64_t not_supported(void)
{
	return -EOPNOTSUPP;
}
static int64_t no_device(void)
{
	return -ENODEV;
}
static int64_t done(void)
{
	return 0;
}

/* ---- buses ---- */

static int take_bus(struct owner *o, struct bus *b, const struct banos_bus_config *c)
{
	static const void *const none[] = { NULL, not_supported, done, no_device };
	const char *caller = "banos_bus_register";
	int err = check_config(caller, c, sizeof(*c));

	if (err)
		return err;
	if (c->zero || !word_valid(c->name, sizeof(c->name), "_-") || !strcmp(c->name, "system"))
		return api_mistake(caller, -EINVAL,
				   "config->name is no name of a bus, or config->zero is not 0");
	b->root = o->root;
	b->context = c->context;
	strscpy(b->name, c->name, sizeof(b->name));
	return take_methods(caller, o, c->ops, &b->methods.quiesce, 4, none);
}

int64_t banos_bus_register(banos_owner owner, const struct banos_bus_config *config, banos_bus *bus)
{
	struct owner *o = api_owner(owner);
	struct bus *b;
	int err;

	if (!o)
		return MISTAKE("owner is none of the caller's");
	if (!api_may_write(bus, sizeof(*bus)))
		return MISTAKE("bus is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	b = kzalloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	err = take_bus(o, b, config) ?: bus_add(o, b);
	if (err)
		kfree(b);
	else
		*bus = (banos_bus)b->owned.handle;
	return err;
}
BANOS_EXPORT(banos_bus_register);

int64_t banos_bus_remove(banos_bus bus)
{
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	return api_remove(__func__, (u64)bus, &bus_class);
}
BANOS_EXPORT(banos_bus_remove);

/* ---- devices, as their bus sees them ---- */

static int bad_device(const char *what)
{
	return api_mistake("banos_device_add", -EINVAL, what);
}

static int take_resources(struct bus_device *d, const struct banos_device_config *c)
{
	u32 stride;

	if (!c->resource_count)
		return 0;
	if (c->resource_count > BANOS_DEVICE_RESOURCES)
		return bad_device("config->resource_count is over 16");
	stride = api_struct(c->resources);
	if (stride < sizeof(struct banos_resource) || stride % 8 ||
	    !api_may_read(c->resources, (u64)stride * c->resource_count))
		return bad_device(
			"config->resources is not the driver's memory, or has a bad size");
	d->resources = kcalloc(c->resource_count, sizeof(*d->resources));
	if (!d->resources)
		return -ENOMEM;
	for (; d->nresources < c->resource_count; d->nresources++) {
		const struct banos_resource *r =
			(const void *)((const u8 *)c->resources + d->nresources * (u64)stride);
		u64 end = r->kind == BANOS_RESOURCE_PORTS ? PORTS : PHYS_END;

		if (r->size != stride || r->kind > BANOS_RESOURCE_ECAM || r->length > end ||
		    r->start > end - r->length)
			return bad_device(
				"one of config->resources has a bad size, kind, start or length");
		d->resources[d->nresources] =
			(struct device_resource){ r->kind, r->start, r->length, r->data };
	}
	return 0;
}

static int take_text(char **to, const char *from)
{
	s64 n = from ? api_text(from, API_TEXT_MAX) : 0;

	if (!from)
		return 0;
	if (n < 0)
		return bad_device("config->properties or ->attributes is no text of the driver's");
	*to = kzalloc(n + 1);
	if (!*to)
		return -ENOMEM;
	memcpy(*to, from, n);
	return 0;
}

/* "bus:what", printable, without blanks. */
static bool alias_valid(const struct bus *b, const char *alias, size_t size)
{
	size_t n = strnlen(alias, size), bus_len = strlen(b->name);

	if (n == size || strncmp(alias, b->name, bus_len) || alias[bus_len] != ':')
		return false;
	for (size_t i = 0; i < n; i++)
		if (alias[i] <= ' ' || alias[i] >= 0x7f)
			return false;
	return true;
}

static int take_device(struct bus *b, struct bus_device *d, const struct banos_device_config *c)
{
	int err = check_config("banos_device_add", c, sizeof(*c));

	if (err)
		return err;
	if (c->zero || c->interrupts > 2048)
		return bad_device("config->interrupts is over 2048, or config->zero is not 0");
	if (!word_valid(c->name, sizeof(c->name), "_-.:"))
		return bad_device("config->name is no name of a device");
	if (!alias_valid(b, c->alias, sizeof(c->alias)))
		return bad_device(
			"config->alias does not begin with the bus's name, or has blanks or no end");
	d->context = c->context;
	d->interrupts = c->interrupts;
	strscpy(d->name, c->name, sizeof(d->name));
	strscpy(d->alias, c->alias, sizeof(d->alias));
	return take_resources(d, c) ?: take_text(&d->properties, c->properties) ?:
	       take_text(&d->attributes, c->attributes);
}

static int add_device(struct bus *b, const struct banos_device_config *c, banos_device *device)
{
	struct bus_device *d = kzalloc(sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	err = take_device(b, d, c) ?: bus_device_add(b, d);
	if (!err) {
		*device = (banos_device)d->owned.handle;
		return 0;
	}
	kfree(d->resources);
	kfree(d->properties);
	kfree(d->attributes);
	kfree(d);
	return err;
}

int64_t banos_device_add(banos_bus bus, const struct banos_device_config *config,
			 banos_device *device)
{
	struct owned *o;
	s64 err;

	if (!api_may_write(device, sizeof(*device)))
		return MISTAKE("device is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	o = api_get((u64)bus, &bus_class);
	if (!o)
		return MISTAKE("bus is none of the caller's, or was given up before");
	err = add_device(container_of(o, struct bus, owned), config, device);
	owned_put(o);
	return err;
}
BANOS_EXPORT(banos_device_add);

int64_t banos_device_remove(banos_device device, uint32_t flags)
{
	struct owned *o;
	s64 err;

	if (flags & ~BANOS_DEVICE_GONE)
		return MISTAKE("flags has a bit that is not known");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	o = api_get((u64)device, &device_class);
	if (!o)
		return MISTAKE("device is none of the caller's, or was given up before");
	err = bus_device_remove(container_of(o, struct bus_device, owned),
				flags & BANOS_DEVICE_GONE);
	owned_put(o);
	return err;
}
BANOS_EXPORT(banos_device_remove);

int64_t banos_device_context(banos_bus bus, banos_owner device, void **context)
{
	struct owner *owner;
	struct owned *b;
	s64 err = -ENODEV;

	if (!api_may_write(context, sizeof(*context)))
		return MISTAKE("context is not the driver's memory");
	rcu_read_lock();
	b = api_peek((u64)bus, &bus_class);
	owner = owner_find((u64)device);
	if (b && owner && owner->device && &owner->device->bus->owned == b) {
		*context = owner->device->context;
		err = 0;
	}
	rcu_read_unlock();
	return err;
}
BANOS_EXPORT(banos_device_context);

/* ---- probers ---- */

static int take_prober(struct owner *o, struct prober *p, const struct banos_prober_config *c)
{
	static const void *const none[] = { NULL, done };
	struct driver *d = owner_driver(o);
	size_t n;
	const char *caller = "banos_prober_register";
	int err = check_config(caller, c, sizeof(*c));

	if (err)
		return err;
	if (o != o->root)
		return api_mistake(caller, -EINVAL, "owner is a device, not the driver");
	if (c->zero || !word_valid(c->bus, sizeof(c->bus), "_-"))
		return api_mistake(caller, -EINVAL,
				   "config->bus is no name of a bus, or config->zero is not 0");
	p->context = c->context;
	strscpy(p->bus, c->bus, sizeof(p->bus));
	n = strlen(p->bus);
	p->patterns = (const char(*)[BANOS_ALIAS_SIZE])d->serves;
	p->npatterns = d->nserves;
	err = -EINVAL;
	for (u32 i = 0; i < d->nserves; i++)
		if (!strncmp(d->serves[i], p->bus, n) && d->serves[i][n] == ':')
			err = 0;
	if (err)
		return api_mistake(caller, err, "the driver has no BANOS_SERVES() for config->bus");
	return take_methods(caller, o, c->ops, &p->probe, 2, none);
}

int64_t banos_prober_register(banos_owner owner, const struct banos_prober_config *config,
			      banos_prober *prober)
{
	struct owner *o = api_owner(owner);
	struct prober *p;
	int err;

	if (!o)
		return MISTAKE("owner is none of the caller's");
	if (prober && !api_may_write(prober, sizeof(*prober)))
		return MISTAKE("prober is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	p = kzalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	err = take_prober(o, p, config) ?: prober_add(o, p);
	if (err) {
		kfree(p);
		return err;
	}
	if (prober)
		*prober = (banos_prober)p->owned.handle;
	return owned_publish(&p->owned);
}
BANOS_EXPORT(banos_prober_register);

int64_t banos_prober_remove(banos_prober prober)
{
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	return api_remove(__func__, (u64)prober, &prober_class);
}
BANOS_EXPORT(banos_prober_remove);

/* ---- devices, as their drivers see them ---- */

/* Its driver calls, so the binding's owner stays. */
static struct bus_device *device_of(banos_owner device)
{
	struct owner *o = api_owner(device);

	return o ? o->device : NULL;
}

int64_t banos_resource_get(banos_owner device, uint32_t index, struct banos_resource *resource)
{
	struct bus_device *d = device_of(device);
	struct banos_resource r = { .size = sizeof(r) };

	if (!d)
		return MISTAKE("device is none of the caller's");
	if (!api_may_read(resource, sizeof(r.size)) || resource->size < sizeof(r.size) ||
	    !api_may_write(resource, MIN(resource->size, (u32)sizeof(r))))
		return MISTAKE("resource is not the driver's memory, or its size is less than 4");
	if (index >= d->nresources)
		return -ENOENT;
	r.kind = d->resources[index].kind;
	r.start = d->resources[index].start;
	r.length = d->resources[index].length;
	r.data = d->resources[index].data;
	r.size = MIN(resource->size, (u32)sizeof(r));
	memcpy(resource, &r, r.size);
	return 0;
}
BANOS_EXPORT(banos_resource_get);

int64_t banos_device_interrupts(banos_owner device)
{
	struct bus_device *d = device_of(device);

	return d ? (s64)d->interrupts : MISTAKE("device is none of the caller's");
}
BANOS_EXPORT(banos_device_interrupts);

int64_t banos_device_name(banos_owner device, char *buffer, uint64_t size)
{
	struct bus_device *d = device_of(device);

	if (!d)
		return MISTAKE("device is none of the caller's");
	if (!api_may_write(buffer, size))
		return MISTAKE("buffer is not the driver's memory");
	if (size)
		strscpy(buffer, d->name, size);
	return strlen(d->name);
}
BANOS_EXPORT(banos_device_name);

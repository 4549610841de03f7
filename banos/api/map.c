// SPDX-License-Identifier: MIT
/*
 * <banos/map.h>: what a program sees where it maps a device.
 *
 * map() states it here; chardev_file.c acts on it once map() has succeeded.
 */
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/page.h>
#include <kernel/vm_window.h>
#include "call.h"
#include "caller.h"

/* As <banos/map.h> numbers it. */
static const enum kcache map_caches[] = {
	[BANOS_MAP_UNCACHED] = KCACHE_UC,
	[BANOS_MAP_COMBINE] = KCACHE_WC,
};

struct map_request *map_request_find(const char *function, banos_call handle)
{
	struct program_call *call = program_call_find(function, handle);

	if (!call)
		return NULL;
	if (call->request && call->request->kind == MAP_NOTHING)
		return call->request;
	(void)api_mistake(function, -EINVAL,
			  call->request ? "map() has stated before what is mapped"
					: "call is that of a method other than map()");
	return NULL;
}

int64_t banos_map_zero(banos_call call)
{
	struct map_request *request = map_request_find(__func__, call);

	if (!request)
		return -EINVAL;
	request->kind = MAP_ZERO;
	return 0;
}
BANOS_EXPORT(banos_map_zero);

/* Whole pages of a resource of the device. */
static s64 map_device_memory(struct map_request *request, struct owner *owner, u64 address,
			     enum kcache cache)
{
	struct vm_window *window;
	int err;

	if (!api_may_map_memory(owner, address, request->length))
		return -EPERM;
	window = vm_window_create(address, request->length >> PAGE_SHIFT, cache);
	if (IS_ERR(window) && PTR_ERR(window) == -EBUSY)
		return api_mistake(
			"banos_map_resource", -EBUSY,
			"caching is not that with which a page of the resource is mapped already");
	if (IS_ERR(window))
		return PTR_ERR(window);
	err = vm_window_enter(window, bus_device_windows(owner));
	if (err) {
		vm_window_put(window);
		return err;
	}
	request->kind = MAP_WINDOW;
	request->window = window;
	return 0;
}

int64_t banos_map_resource(banos_call call, banos_owner device, uint32_t index, uint64_t offset,
			   uint32_t caching)
{
	struct map_request *request = map_request_find(__func__, call);
	struct owner *owner = api_owner(device);
	const struct device_resource *resource;

	if (!request)
		return -EINVAL;
	if (!owner || !owner->device)
		return MISTAKE("device is none of the caller's");
	if (index >= owner->device->nresources ||
	    owner->device->resources[index].kind != DEVICE_MEMORY)
		return MISTAKE("index is not that of a memory resource");
	if (caching >= ARRAY_SIZE(map_caches))
		return MISTAKE("caching is neither BANOS_MAP_UNCACHED nor BANOS_MAP_COMBINE");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	resource = &owner->device->resources[index];
	if ((resource->start | offset) & ~PAGE_MASK)
		return MISTAKE("offset, or the address of the resource, is not a multiple of 4096");
	if (offset > resource->length || request->length > resource->length - offset)
		return -ENXIO;
	if (offset < resource->reserved_offset + resource->reserved_length &&
	    resource->reserved_offset < offset + request->length)
		return -EPERM;
	return map_device_memory(request, owner, resource->start + offset, map_caches[caching]);
}
BANOS_EXPORT(banos_map_resource);

// SPDX-License-Identifier: MIT
/*
 * <banos/dma.h>: memory that devices use by themselves.
 *
 * A buffer that is given up while its device is being let go, and before the bus
 * made it silent, is kept with the device (device/bus.c) until that happened.
 *
 * Programs that map a buffer lose it before it is freed, and before the device is
 * made silent: it is entered in the lists of both.
 */
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include "call.h"
#include "caller.h"

#define BYTES_MAX  (2ul << 20) /* the largest block that is free as a whole: mm/page.c */
#define ALIGN_MAX  (2ul << 20)
#define BITS_LEAST 16u
#define BITS_MOST  64u
#define TRIES_MAX  32u /* for memory below a limit that the allocator does not know */

struct dma_buffer {
	struct owned owned;
	struct owner *owner;
	u64 mappable; /* bytes that programs may map: whole pages; 0: it may share pages */
	struct dma_block *block;
	struct vm_window_list windows; /* programs that map it */
};

static int buffer_stop(struct owned *object, u64 deadline_ns)
{
	struct dma_buffer *buffer = container_of(object, struct dma_buffer, owned);
	struct bus_device *device = buffer->owner->device;

	vm_windows_revoke(&buffer->windows);
	wall_unshare(buffer->owner, phys_to_virt(buffer->block->addr), buffer->block->bytes);
	if (owner_is_closed(buffer->owner) && !bus_device_is_silent(device))
		bus_device_quarantine(device, buffer->block);
	else
		dma_block_free(buffer->block);
	return 0;
}

static void buffer_free(struct owned *object)
{
	kfree(container_of(object, struct dma_buffer, owned));
}

static const struct owned_class dma_class = {
	.name = "DMA buffer",
	.names = "DMA buffers",
	.kind = OWNED_DMA,
	.phase = OWNED_PASSIVE,
	.bytes = sizeof(struct dma_buffer) + sizeof(struct dma_block),
	.stop = buffer_stop,
	.free = buffer_free,
};

static u32 order_of(u64 size)
{
	u32 order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

static bool dma_reaches(const struct page *page, u64 size, u32 bits)
{
	return bits == 64 || page_to_phys(page) + size <= 1ull << bits;
}

/* Pages that the device reaches: others are held meanwhile, so that they do not come again. */
static struct page *alloc_reachable(u32 order, u64 size, u32 bits)
{
	u32 flags = PAGE_ZERO | (bits < 64 ? PAGE_BELOW_4G : 0), npages = 0;
	struct page *refused[TRIES_MAX], *page = NULL;

	while (npages < TRIES_MAX) {
		page = pages_alloc(order, flags);
		if (!page || dma_reaches(page, size, bits))
			break;
		refused[npages++] = page;
		page = NULL;
	}
	while (npages)
		pages_free(refused[--npages], order);
	return page;
}

static struct dma_block *block_alloc(u64 size, u32 bits)
{
	struct dma_block *block = kzalloc(sizeof(*block));
	u32 order = order_of(size);
	struct page *page = block ? alloc_reachable(order, PAGE_SIZE << order, bits) : NULL;

	if (!page) {
		kfree(block);
		return NULL;
	}
	list_init(&block->link);
	block->addr = page_to_phys(page);
	block->order = order;
	block->bytes = PAGE_SIZE << order;
	for (u32 i = 0; i < 1u << order; i++)
		page[i].flags |= PG_DRIVER;
	return block;
}

/*
 * Blocks are aligned to their size. So none that is as large as the alignment is aligned less,
 * and none crosses a multiple of a power of two that it fits into.
 */
static u64 block_bytes(const struct banos_dma_config *config)
{
	return MAX(config->bytes, config->alignment);
}

static u32 block_bits(const struct owner *owner, const struct banos_dma_config *config)
{
	u32 bits = owner->device->dma_bits;

	if (!bits)
		bits = BITS_MOST;
	if (config->address_bits)
		bits = MIN(bits, config->address_bits);
	return bits;
}

/* @param at  out: where it lies */
static s64 add_buffer(struct owner *owner, struct dma_buffer *buffer, u64 size, u32 bits,
		      phys_t *at)
{
	s64 err;

	buffer->owner = owner;
	vm_window_list_init(&buffer->windows, VM_WINDOW_BUFFER);
	buffer->owned.bytes = PAGE_SIZE << order_of(size);
	err = owner_charge(owner, buffer->owned.bytes);
	if (err)
		return err;
	buffer->block = block_alloc(size, bits);
	if (buffer->block)
		*at = buffer->block->addr;
	if (buffer->block)
		err = wall_share(owner, phys_to_virt(buffer->block->addr), buffer->block->bytes)
			      ?: owned_add_held(owner, &buffer->owned, &dma_class, true);
	else
		err = -ENOMEM;
	if (!err)
		return 0;
	if (buffer->block)
		dma_block_free(buffer->block);
	owner_uncharge(owner, buffer->owned.bytes);
	return err;
}

static const struct struct_rule dma_rule = {
	.name = "config",
	.size_least = BANOS_DMA_CONFIG_SIZE_1,
	.size_known = sizeof(struct banos_dma_config),
};

static bool is_power_of_2(u64 number)
{
	return number && !(number & (number - 1));
}

static int dma_take_config(const struct banos_dma_config *from, struct banos_dma_config *config)
{
	const char *caller = "banos_dma_alloc", *what = NULL;
	int err = api_struct_read(caller, &dma_rule, from, config);

	if (err)
		return err;
	if (config->flags)
		what = "config->flags has an unknown bit";
	else if (!config->bytes || config->bytes > BYTES_MAX)
		what = "config->bytes is 0, or over 2 MiB";
	else if (config->alignment &&
		 (!is_power_of_2(config->alignment) || config->alignment > ALIGN_MAX))
		what = "config->alignment is no power of two, or over 2 MiB";
	else if (config->boundary &&
		 (!is_power_of_2(config->boundary) || config->boundary < config->bytes))
		what = "config->boundary is no power of two, or less than config->bytes";
	else if (config->address_bits &&
		 (config->address_bits < BITS_LEAST || config->address_bits > BITS_MOST))
		what = "config->address_bits is neither 0 nor between 16 and 64";
	if (what)
		return api_mistake(caller, -EINVAL, what);
	return 0;
}

int64_t banos_dma_alloc(banos_owner device, const struct banos_dma_config *config,
			banos_dma *buffer, void **memory, uint64_t *address)
{
	struct owner *owner = api_owner(device);
	struct banos_dma_config asked;
	struct dma_buffer *dma_buffer;
	phys_t at;
	s64 err;

	if (!owner || !owner->device)
		return MISTAKE("device is none of the caller's");
	if (!api_may_write(buffer, sizeof(*buffer)) || !api_may_write(memory, sizeof(*memory)) ||
	    !api_may_write(address, sizeof(*address)))
		return MISTAKE("buffer, memory or address is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	err = dma_take_config(config, &asked);
	if (err)
		return err;
	dma_buffer = kzalloc(sizeof(*dma_buffer));
	if (!dma_buffer)
		return -ENOMEM;
	if (asked.alignment >= PAGE_SIZE)
		dma_buffer->mappable = PAGE_ALIGN(asked.bytes);
	err = add_buffer(owner, dma_buffer, block_bytes(&asked), block_bits(owner, &asked), &at);
	if (err) {
		kfree(dma_buffer);
		return err;
	}
	*memory = phys_to_virt(at);
	*address = at;
	*buffer = (banos_dma)owned_put_handle(&dma_buffer->owned);
	return 0;
}
BANOS_EXPORT(banos_dma_alloc);

int64_t banos_dma_free(banos_dma buffer)
{
	return api_remove(__func__, "buffer", (u64)buffer, &dma_class);
}
BANOS_EXPORT(banos_dma_free);

static s64 map_buffer(struct map_request *request, struct dma_buffer *buffer, u64 offset)
{
	struct vm_window *window;
	int err;

	if (!buffer->mappable)
		return api_mistake("banos_map_dma", -EINVAL,
				   "buffer was allocated with an alignment of less than 4096");
	if (offset > buffer->mappable || request->length > buffer->mappable - offset)
		return -ENXIO;
	window = vm_window_create(buffer->block->addr + offset, request->length >> PAGE_SHIFT,
				  KCACHE_WB);
	if (IS_ERR(window))
		return PTR_ERR(window);
	err = vm_window_enter(window, &buffer->windows);
	if (!err)
		err = vm_window_enter(window, bus_device_windows(buffer->owner));
	if (err) {
		vm_window_put(window);
		return err;
	}
	request->kind = MAP_WINDOW;
	request->window = window;
	return 0;
}

int64_t banos_map_dma(banos_call call, banos_dma buffer, uint64_t offset)
{
	struct map_request *request = map_request_find(__func__, call);
	struct owned *owned;
	s64 err;

	if (!request)
		return -EINVAL;
	if (offset & ~PAGE_MASK)
		return MISTAKE("offset is not a multiple of 4096");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	owned = api_get((u64)buffer, &dma_class);
	if (!owned)
		return api_handle_mistake(__func__, "buffer");
	err = map_buffer(request, container_of(owned, struct dma_buffer, owned), offset);
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_map_dma);

/* SPDX-License-Identifier: MIT */
/*
 * Lets programs map a device's memory and DMA memory: QEMU's ivshmem-plain, whose bar 2 is
 * memory, and nvme, whose bar 0 has the table of MSI-X in its third page. What is mapped
 * depends on the offset: AREA times
 *
 *	0 the bar, 1 the DMA buffer, 2 bar 0, 3 the bar with other caching than the
 *	driver's own, 4 a bar that is none, 5 the bar, from the middle of a page on
 *
 * ioctl() looks at and changes the same memory from the driver's side.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/io.h>
#include <banos/map.h>
#include <banos/memory.h>
#include <banos/pci.h>
#include <banos/print.h>

#define AREA	    (UINT64_C(1) << 32)
#define DMA_BYTES   (5 * 4096 - 100)
#define BAR_IVSHMEM 2
#define BAR_NVME    0

struct window {
	banos_owner device;
	uint32_t bar;
	banos_mmio mapping;
	void *memory;
	uint64_t length;
	banos_dma buffer;
	char *dma;
};

struct request {
	uint64_t where, value;
};

static int64_t window_alloc(struct window *window)
{
	const struct banos_dma_config config = {
		.size = sizeof(config),
		.bytes = DMA_BYTES,
		.alignment = 4096,
	};
	uint64_t address;
	void *memory;
	int64_t error =
		banos_dma_alloc(window->device, &config, &window->buffer, &memory, &address);

	window->dma = error ? NULL : (char *)memory;
	return error;
}

static volatile uint64_t *window_word(struct window *window, uint64_t where)
{
	if (where >= AREA && where - AREA < DMA_BYTES && window->dma)
		return (volatile uint64_t *)(window->dma + (where - AREA));
	if (where < window->length)
		return (volatile uint64_t *)((char *)window->memory + where);
	return NULL;
}

static int64_t window_ioctl(void *context, void *file, banos_call call, uint32_t command,
			    uint64_t argument, uint32_t flags)
{
	struct window *window = context;
	volatile uint64_t *word;
	struct request request;

	switch (command) {
	case 3: window->dma = NULL; return banos_dma_free(window->buffer);
	case 4: return window_alloc(window);
	}
	if (banos_user_read(call, &request, argument, sizeof(request)))
		return -EFAULT;
	word = window_word(window, request.where);
	if (!word)
		return -ENXIO;
	if (command == 1)
		request.value = banos_mmio_read64(word);
	else
		banos_mmio_write64(word, request.value);
	return banos_user_write(call, argument, &request, sizeof(request));
}

static int64_t window_map(void *context, void *file, banos_call call, uint64_t offset,
			  uint64_t length, uint32_t access)
{
	struct window *window = context;
	uint64_t within = offset % AREA;

	switch (offset / AREA) {
	case 0:
		return banos_map_resource(call, window->device, window->bar, within,
					  BANOS_MAP_UNCACHED);
	case 1: return banos_map_dma(call, window->buffer, within);
	case 2: return banos_map_resource(call, window->device, 0, within, BANOS_MAP_UNCACHED);
	case 3:
		return banos_map_resource(call, window->device, window->bar, within,
					  BANOS_MAP_COMBINE);
	case 4: return banos_map_resource(call, window->device, 5, within, BANOS_MAP_UNCACHED);
	case 5:
		return banos_map_resource(call, window->device, window->bar, within + 256,
					  BANOS_MAP_UNCACHED);
	case 6: return banos_map_resource(call, window->device, window->bar, within, 2);
	default: return -EXDEV;
	}
}

static const struct banos_chardev_ops ops = {
	.size = sizeof(ops),
	.ioctl = window_ioctl,
	.map = window_map,
};

static int64_t window_register(struct window *window)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0666,
		.context = window,
		.ops = &ops,
		.name = "window",
	};

	return banos_chardev_register(window->device, &config, NULL);
}

static int64_t window_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct window *window = banos_alloc(device, sizeof(*window), 0);
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t error;

	if (!window)
		return -ENOMEM;
	window->device = device;
	window->bar = BAR_IVSHMEM;
	error = banos_resource_get(device, window->bar, &resource);
	if (error || resource.kind != BANOS_RESOURCE_MEMORY) {
		resource.size = sizeof(resource);
		window->bar = BAR_NVME;
		error = banos_resource_get(device, window->bar, &resource);
	}
	if (error)
		return error;
	window->length = resource.length;
	error = banos_mmio_map(device, resource.start, resource.length, 0, &window->mapping,
			       &window->memory);
	if (!error)
		error = window_alloc(window);
	if (!error)
		error = window_register(window);
	*state = window;
	return error;
}

static int64_t window_remove(void *context, banos_owner device, void *state)
{
	struct window *window = state;

	if (window->dma)
		banos_dma_free(window->buffer);
	banos_mmio_unmap(window->mapping);
	return banos_free(device, window);
}

static const struct banos_prober_ops prober_ops = {
	.size = sizeof(prober_ops),
	.probe = window_probe,
	.remove = window_remove,
};

static int64_t window_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_ID(1AF4, 1110));
BANOS_SERVES(PCI_ID(1B36, 0010));
BANOS_DRIVER(window, "1.0", "MIT", "Lets programs map device memory", window_init, NULL);

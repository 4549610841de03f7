// SPDX-License-Identifier: MIT
/*
 * <banos/block.h>: disks of drivers. What is done with them is in device/block.
 *
 * A disk has a handle of its own instead of that of an owned object, which is void as soon as the
 * object is being removed: requests may be completed until the removal has finished.
 */
#include <kernel/block_driver.h>
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/future.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/string.h>
#include <kernel/wall.h>
#include "caller.h"

struct driver_disk {
	struct owned owned;
	struct owner *owner, *root;
	struct block_device *device;
	u64 handle;
	void *context;
	struct banos_block_ops ops;
};

#define DISK_FLAGS                                                                      \
	(BANOS_BLOCK_READ_ONLY | BANOS_BLOCK_REMOVABLE | BANOS_BLOCK_HAS_FLUSH |        \
	 BANOS_BLOCK_HAS_FUA | BANOS_BLOCK_HAS_DISCARD | BANOS_BLOCK_HAS_WRITE_ZEROES | \
	 BANOS_BLOCK_ROTATES | BANOS_BLOCK_NO_DMA)
#define BLOCK_BYTES_LEAST  512u
#define BLOCK_BYTES_MOST   4096u
#define QUEUES_MAX	   128u
#define DEPTH_MAX	   1024u
#define SEGMENTS_MAX	   1024u
#define SEGMENT_LEAST	   4096u
#define BYTES_DEFAULT	   (1ul << 20)
#define BYTES_LEAST	   4096u
#define DISK_BYTES_MAX	   (1ull << 63)
#define ADDRESS_BITS_LEAST 24u
#define ADDRESS_BITS_MOST  64u
#define ALIGNMENT_DEFAULT  4u
#define ALIGNMENT_MAX	   4096u
#define TIMEOUT_DEFAULT_MS 30000u

static const struct struct_rule config_rule = {
	.name = "config",
	.size_least = BANOS_BLOCK_CONFIG_SIZE_2,
	.size_known = sizeof(struct banos_block_config),
};
static const struct struct_rule ops_rule = {
	.name = "config->ops",
	.size_least = BANOS_BLOCK_OPS_SIZE_2,
	.size_known = sizeof(struct banos_block_ops),
	.flags = STRUCT_MUST | STRUCT_GROWING,
};

/* ---- methods ---- */

static int64_t default_timeout(void *context, uint32_t queue, uint32_t tag)
{
	return -ETIMEDOUT;
}
static int64_t default_reset(void *context)
{
	return -EIO;
}

static const struct banos_block_ops default_block_ops = {
	API_DEFAULTS(struct banos_block_ops),
	.timeout = default_timeout,
	.reset = default_reset,
};

static s64 driver_disk_submit(struct block_device *device, u32 queue,
			      const struct banos_block_request *requests, u32 count)
{
	const struct driver_disk *disk = block_device_private(device);
	struct owner *root = disk->root;
	u32 excused = gate_excuse_locks(); /* those of files, above */
	s64 taken;

	wall_next_method("banos_block_ops.submit", disk->ops.submit);
	taken = gate_call(root, NULL, disk->ops.submit, (u64)disk->context, queue, (u64)requests,
			  count, sizeof(*requests), 0);
	gate_excuse_end(excused);
	if (unlikely(taken > count))
		return gate_bad_result(root, taken);
	/* They stay until the driver is removed. */
	if (unlikely(taken < 0 && gate_has_failed(root)))
		return 0;
	return taken;
}

static __cold s64 driver_disk_timeout(struct block_device *device, u32 queue, u32 tag)
{
	const struct driver_disk *disk = block_device_private(device);

	return gate_call(disk->root, NULL, disk->ops.timeout, (u64)disk->context, queue, tag, 0, 0,
			 0);
}

static __cold s64 driver_disk_reset(struct block_device *device)
{
	const struct driver_disk *disk = block_device_private(device);

	return gate_call(disk->root, NULL, disk->ops.reset, (u64)disk->context, 0, 0, 0, 0, 0);
}

static __cold bool driver_disk_pin(struct block_device *device)
{
	const struct driver_disk *disk = block_device_private(device);

	return driver_pin(owner_driver(disk->root));
}

static __cold void driver_disk_unpin(struct block_device *device)
{
	const struct driver_disk *disk = block_device_private(device);

	driver_unpin(owner_driver(disk->root));
}

static const struct block_methods driver_disk_methods = {
	.pin = driver_disk_pin,
	.unpin = driver_disk_unpin,
	.submit = driver_disk_submit,
	.timeout = driver_disk_timeout,
	.reset = driver_disk_reset,
};

/* ---- life ---- */

static int driver_disk_publish(struct owned *owned)
{
	return block_device_publish(container_of(owned, struct driver_disk, owned)->device);
}

/* A driver that removes its disk means it; one that ends itself may have a successor. */
static __cold u32 driver_disk_how(const struct driver_disk *disk)
{
	const struct bus_device *bus = disk->owner->device;
	u32 how = 0;

	if (bus && READ_ONCE(bus->absent))
		return BLOCK_STOP_NOW;
	if (owner_driver(disk->root)->state == BANOS_DRIVER_GOING)
		how = BLOCK_STOP_WAITS;
	if (gate_has_failed(disk->root))
		how |= BLOCK_STOP_NOW;
	return how;
}

static __cold int driver_disk_stop(struct owned *owned, u64 deadline_ns)
{
	struct driver_disk *disk = container_of(owned, struct driver_disk, owned);
	int err = block_device_stop(disk->device, deadline_ns, driver_disk_how(disk));

	if (err)
		return err;
	handle_destroy(disk->handle);
	block_device_destroy(disk->device);
	return 0;
}

static void driver_disk_free(struct owned *owned)
{
	kfree(container_of(owned, struct driver_disk, owned));
}

static const struct owned_class block_class = {
	.name = "disk",
	.names = "disks",
	.kind = OWNED_BLOCK,
	.phase = OWNED_ENTRY,
	.bytes = sizeof(struct driver_disk) + HANDLE_BYTES,
	.late = true,
	.publish = driver_disk_publish,
	.stop = driver_disk_stop,
	.free = driver_disk_free,
};

/* In an RCU section. @return NULL: not a disk of the caller's */
static struct driver_disk *driver_disk_peek(banos_block block)
{
	struct owned *owned = handle_find((u64)block, OWNED_BLOCK);
	struct driver_disk *disk;

	if (!owned || owned->class != &block_class)
		return NULL;
	disk = container_of(owned, struct driver_disk, owned);
	if (disk->root != gate_owner())
		return NULL;
	return disk;
}

/* ---- registration ---- */

static bool is_power_of_two(u64 number)
{
	return number && !(number & (number - 1));
}

static bool block_text_ends(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static __cold const char *bad_size(const struct banos_block_config *config)
{
	if (!is_power_of_two(config->block_bytes) || config->block_bytes < BLOCK_BYTES_LEAST ||
	    config->block_bytes > BLOCK_BYTES_MOST)
		return "config->block_bytes is no power of two from 512 to 4096";
	if (config->physical_bytes && (!is_power_of_two(config->physical_bytes) ||
				       config->physical_bytes < config->block_bytes))
		return "config->physical_bytes is no power of two, or less than block_bytes";
	if (config->blocks > DISK_BYTES_MAX / config->block_bytes)
		return "config->blocks are more than 2^63 bytes";
	if (!config->queues || config->queues > QUEUES_MAX)
		return "config->queues is 0, or over 128";
	if (!config->depth || config->depth > DEPTH_MAX)
		return "config->depth is 0, or over 1024";
	return NULL;
}

static __cold const char *bad_limits(const struct banos_block_config *config)
{
	if (!config->segments_max || config->segments_max > SEGMENTS_MAX)
		return "config->segments_max is 0, or over 1024";
	if (config->segment_bytes_max && config->segment_bytes_max < SEGMENT_LEAST)
		return "config->segment_bytes_max is less than 4096";
	if (config->bytes_max && config->bytes_max < BYTES_LEAST)
		return "config->bytes_max is less than 4096";
	if (config->boundary &&
	    (!is_power_of_two(config->boundary) || config->boundary < SEGMENT_LEAST))
		return "config->boundary is no power of two, or less than 4096";
	if (config->segment_gap_mask && config->segment_gap_mask != SEGMENT_LEAST - 1)
		return "config->segment_gap_mask is neither 0 nor 4095";
	if (config->address_bits &&
	    (config->address_bits < ADDRESS_BITS_LEAST || config->address_bits > ADDRESS_BITS_MOST))
		return "config->address_bits is neither 0 nor between 24 and 64";
	if (config->alignment &&
	    (!is_power_of_two(config->alignment) || config->alignment > ALIGNMENT_MAX))
		return "config->alignment is no power of two, or over 4096";
	return NULL;
}

static __cold const char *bad_field(const struct banos_block_config *config,
				    const struct owner *owner)
{
	const char *what = bad_size(config) ?: bad_limits(config);

	if (what)
		return what;
	if (config->flags & ~DISK_FLAGS)
		return "config->flags has an unknown bit";
	if (!disk_pattern_is_valid(config->name, sizeof(config->name)))
		return "config->name is not letters and digits with at most one * or #";
	if (!block_text_ends(config->serial, sizeof(config->serial)) ||
	    !block_text_ends(config->model, sizeof(config->model)) ||
	    !block_text_ends(config->place, sizeof(config->place)))
		return "config->serial, config->model or config->place has no NUL";
	if (!owner->device && !(config->flags & BANOS_BLOCK_NO_DMA))
		return "owner is no device on a bus, and config->flags lacks BANOS_BLOCK_NO_DMA";
	return NULL;
}

static __cold u64 address_max(const struct banos_block_config *config, const struct bus_device *bus)
{
	u32 bits = ADDRESS_BITS_MOST;

	if (bus && bus->dma_bits)
		bits = bus->dma_bits;
	if (config->address_bits)
		bits = MIN(bits, config->address_bits);
	return ~0ull >> (ADDRESS_BITS_MOST - bits);
}

static __cold u64 bytes_of_blocks(const struct banos_block_config *config, u64 blocks)
{
	u64 most = DISK_BYTES_MAX / config->block_bytes;

	if (blocks)
		most = MIN(blocks, most);
	return most * config->block_bytes;
}

static __cold void driver_disk_limits(struct block_limits *limits,
				      const struct banos_block_config *config,
				      const struct bus_device *bus)
{
	u64 bytes_max = config->bytes_max ?: BYTES_DEFAULT;

	*limits = (struct block_limits){
		.block_bytes = config->block_bytes,
		.block_shift = __builtin_ctz(config->block_bytes),
		.physical_bytes = config->physical_bytes ?: config->block_bytes,
		.segments_max = config->segments_max,
		.segment_bytes_max = config->segment_bytes_max ?: ~0u,
		.bytes_max = MIN(bytes_max, 1ull << 31) & ~((u64)config->block_bytes - 1),
		.boundary = config->boundary,
		.gap_mask = config->segment_gap_mask,
		.alignment = config->alignment ?: ALIGNMENT_DEFAULT,
		.address_max = address_max(config, bus),
		.discard_bytes_max = bytes_of_blocks(config, config->discard_blocks_max),
		.zero_bytes_max = bytes_of_blocks(config, config->zero_blocks_max),
	};
}

static __cold int driver_disk_create_device(struct driver_disk *disk,
					    const struct banos_block_config *config)
{
	struct block_device_config about = {
		.methods = &driver_disk_methods,
		.private = disk,
		.root = disk->root,
		.bus = disk->owner->device,
		.flags = config->flags,
		.blocks = config->blocks,
		.queues = config->queues,
		.depth = config->depth,
		.timeout_ms = config->timeout_ms ?: TIMEOUT_DEFAULT_MS,
		.name = config->name,
		.serial = config->serial,
		.model = config->model,
		.place = config->place,
	};
	struct block_device *device;

	driver_disk_limits(&about.limits, config, about.bus);
	device = block_device_create(&about);
	if (IS_ERR(device))
		return PTR_ERR(device);
	disk->device = device;
	return 0;
}

static __cold int driver_disk_take_config(struct driver_disk *disk,
					  const struct banos_block_config *from,
					  struct banos_block_config *config)
{
	static const char function[] = "banos_block_register";
	int err = api_struct_read(function, &config_rule, from, config);
	const char *what = NULL;

	if (!err)
		what = bad_field(config, disk->owner);
	if (what)
		return api_mistake(function, -EINVAL, what);
	if (err)
		return err;
	disk->context = config->context;
	disk->ops.size = sizeof(disk->ops);
	return api_methods_read(function, &ops_rule, disk->root, config->ops, &disk->ops,
				&default_block_ops);
}

/* All but publishing it. */
static __cold int driver_disk_register(struct driver_disk *disk,
				       const struct banos_block_config *from)
{
	struct banos_block_config config;
	int err = driver_disk_take_config(disk, from, &config);

	if (!err)
		err = driver_disk_create_device(disk, &config);
	if (err)
		return err;
	disk->handle = handle_create(&disk->owned, OWNED_BLOCK);
	err = -ENOMEM;
	if (disk->handle)
		err = owned_add_held(disk->owner, &disk->owned, &block_class, false);
	if (!err)
		return 0;
	handle_destroy(disk->handle);
	block_device_destroy(disk->device); /* nobody has seen it */
	return err;
}

/* ---- the API ---- */

__cold int64_t banos_block_register(banos_owner owner, const struct banos_block_config *config,
				    banos_block *block)
{
	struct owner *asked;
	struct driver_disk *disk;
	s64 err;

	if (!IS_ENABLED(CONFIG_BLOCK))
		return -EOPNOTSUPP;
	asked = api_holder(__func__, owner, block, "block", HOLDER_STAYS, &err);
	if (!asked)
		return err;
	disk = kzalloc(sizeof(*disk));
	if (!disk)
		return -ENOMEM;
	disk->owner = asked;
	disk->root = asked->root;
	err = driver_disk_register(disk, config);
	if (err) {
		synchronize_rcu(); /* its handle may have been tried */
		kfree(disk);
		return err;
	}
	*block = (banos_block)disk->handle;
	return owned_offer(&disk->owned);
}
BANOS_EXPORT(banos_block_register);

int64_t banos_block_remove(banos_block block)
{
	if (!IS_ENABLED(CONFIG_BLOCK))
		return -EOPNOTSUPP;
	return api_remove(__func__, "block", (u64)block, &block_class);
}
BANOS_EXPORT(banos_block_remove);

#define COMPLETIONS_MAX 1024u
#define STRIDE_MAX	4096u

int64_t banos_block_complete(banos_block block, uint32_t queue,
			     const struct banos_block_completion *completions, uint32_t count,
			     uint32_t stride)
{
	struct driver_disk *disk;
	s64 refused = -1;

	if (!IS_ENABLED(CONFIG_BLOCK))
		return -EOPNOTSUPP;
	if (stride < sizeof(*completions) || stride > STRIDE_MAX || count > COMPLETIONS_MAX)
		return MISTAKE("count is over 1024, or stride is wrong");
	if (!api_may_read(completions, (u64)count * stride))
		return MISTAKE("completions, count of stride bytes, are not the driver's memory");
	rcu_read_lock();
	disk = driver_disk_peek(block);
	if (disk && block_device_has_queue(disk->device, queue))
		refused = block_device_complete(disk->device, queue, (const u8 *)completions, count,
						stride);
	rcu_read_unlock();
	if (likely(!refused))
		return 0;
	if (refused > 0)
		return -EINVAL;
	if (disk)
		return MISTAKE("queue is not below config->queues");
	return api_entry_mistake(__func__, "block", -EINVAL);
}
BANOS_EXPORT(banos_block_complete);

__cold int64_t banos_block_resize(banos_block block, uint64_t blocks)
{
	struct owned *owned;
	s64 err = 0;

	if (!IS_ENABLED(CONFIG_BLOCK))
		return -EOPNOTSUPP;
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	owned = api_get((u64)block, &block_class);
	if (!owned)
		return api_entry_mistake(__func__, "block", -EINVAL);
	err = block_device_resize(container_of(owned, struct driver_disk, owned)->device, blocks);
	owned_put(owned);
	if (err)
		return MISTAKE("blocks are more than 2^63 bytes");
	return 0;
}
BANOS_EXPORT(banos_block_resize);

__cold int64_t banos_block_name(banos_block block, char *name, uint32_t length)
{
	const struct driver_disk *disk;
	s64 result = -EINVAL;

	if (!IS_ENABLED(CONFIG_BLOCK))
		return -EOPNOTSUPP;
	if (!api_may_write(name, length))
		return MISTAKE("name, with length bytes, is not the driver's memory");
	rcu_read_lock();
	disk = driver_disk_peek(block);
	if (disk && strlen(block_device_name(disk->device)) < length)
		result = strscpy(name, block_device_name(disk->device), length);
	rcu_read_unlock();
	if (result < 0 && disk)
		return MISTAKE("the name does not fit into length bytes");
	if (result < 0)
		return api_entry_mistake(__func__, "block", -EINVAL);
	return result;
}
BANOS_EXPORT(banos_block_name);

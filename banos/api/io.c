// SPDX-License-Identifier: MIT
/*
 * <banos/io.h>: device memory and ports.
 *
 * What is memory, or the kernel's own device, is not mapped for anyone. A device's
 * driver has the right to what the device's bus said is the device's.
 *
 * Lock: ports_lock (spin) guards the list of claimed ports; reading and writing them
 * takes none.
 */
#include <asm/cpu.h>
#include <asm/io.h>
#include <kernel/acpi.h>
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/phys_user.h>
#include <kernel/string.h>
#include "caller.h"

#define MAP_MAX (1ull << 30)
#define PORTS	0x10000u

/* ---- device memory ---- */

struct mapping {
	struct owned owned;
	const struct owner *owner;
	void *memory;
	u64 length;
};

static int mapping_stop(struct owned *object, u64 deadline_ns)
{
	struct mapping *mapping = container_of(object, struct mapping, owned);

	wall_unshare(mapping->owner, mapping->memory, mapping->length);
	krange_unmap_phys(mapping->memory);
	return 0;
}

static void mapping_free(struct owned *object)
{
	kfree(container_of(object, struct mapping, owned));
}

static const struct owned_class mmio_class = {
	.name = "device memory mapping",
	.names = "device memory mappings",
	.kind = OWNED_MMIO,
	.phase = OWNED_PASSIVE,
	.bytes = sizeof(struct mapping),
	.stop = mapping_stop,
	.free = mapping_free,
};

static bool ranges_overlap(u64 first, u64 alen, u64 second, u64 blen)
{
	return first < second + blen && second < first + alen;
}

static bool has_ram(u64 address, u64 length)
{
	for (u64 pos = address & PAGE_MASK; pos < address + length; pos += PAGE_SIZE)
		if (page_is_ram(pos))
			return true;
	return false;
}

/* A device that a driver has is answered for by its bus. */
bool api_may_map_memory(const struct owner *owner, u64 address, u64 length)
{
	if (arch_drives_mmio(address, length) || has_ram(address, length))
		return false;
	return !owner->device || bus_device_allows(owner->device, DEVICE_MEMORY, address, length);
}

static s64 mapping_map(struct owner *owner, struct mapping *mapping, u64 address, u64 length,
		       u32 flags)
{
	enum kcache cache = flags & BANOS_MMIO_COMBINE ? KCACHE_WC : KCACHE_UC;
	int err;

	if (phys_user_conflicts(address, length, cache))
		return api_mistake(
			"banos_mmio_map", -EBUSY,
			"flags asks for other caching than that with which a page of the range is mapped already");
	mapping->memory = krange_map_phys(address, length, cache);
	if (!mapping->memory)
		return -ENOMEM;
	krange_mark_driver(mapping->memory);
	mapping->owner = owner;
	mapping->length = length;
	err = wall_share(owner, mapping->memory, length)
		      ?: owned_add_held(owner, &mapping->owned, &mmio_class, true);
	if (err)
		krange_unmap_phys(mapping->memory);
	return err;
}

int64_t banos_mmio_map(banos_owner owner, uint64_t address, uint64_t length, uint32_t flags,
		       banos_mmio *mapping, void **memory)
{
	struct owner *holder = api_owner(owner);
	struct mapping *new_mapping;
	s64 err;

	if (!holder)
		return MISTAKE("owner does not belong to the caller");
	if (!length || length > MAP_MAX || address > cpu_phys_end() - length)
		return MISTAKE("address or length cannot be mapped");
	if (flags & ~BANOS_MMIO_COMBINE)
		return MISTAKE("flags has an unknown bit");
	if (!api_may_write(mapping, sizeof(*mapping)) || !api_may_write(memory, sizeof(*memory)))
		return MISTAKE("mapping or memory is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (!api_may_map_memory(holder, address, length))
		return api_mistake(
			__func__, -EPERM,
			"address and length are memory, the kernel's, or not a resource of the device that owner is");
	new_mapping = kzalloc(sizeof(*new_mapping));
	if (!new_mapping)
		return -ENOMEM;
	err = mapping_map(holder, new_mapping, address, length, flags);
	if (err) {
		kfree(new_mapping);
		return err;
	}
	*memory = new_mapping->memory;
	*mapping = (banos_mmio)owned_put_handle(&new_mapping->owned);
	return 0;
}
BANOS_EXPORT(banos_mmio_map);

int64_t banos_mmio_unmap(banos_mmio mapping)
{
	return api_remove(__func__, "mapping", (u64)mapping, &mmio_class);
}
BANOS_EXPORT(banos_mmio_unmap);

/* ---- ports ---- */

struct port_range {
	struct owned owned;
	struct list link;
	u32 first, count;
};

static DEFINE_LIST(claimed);
static DEFINE_SPINLOCK(ports_lock);

static int ports_stop(struct owned *object, u64 deadline_ns)
{
	struct port_range *range = container_of(object, struct port_range, owned);
	u64 flags = spin_lock_irqsave(&ports_lock);

	list_del(&range->link);
	spin_unlock_irqrestore(&ports_lock, flags);
	return 0;
}

static void ports_free(struct owned *object)
{
	kfree(container_of(object, struct port_range, owned));
}

static const struct owned_class ports_class = {
	.name = "port range",
	.names = "port ranges",
	.kind = OWNED_PORTS,
	.phase = OWNED_PASSIVE,
	.bytes = sizeof(struct port_range),
	.stop = ports_stop,
	.free = ports_free,
};

/*
 * Ports of what the kernel drives itself: DMA, interrupt controllers, timer, keyboard
 * controller, clock, coprocessor; serial line and text screen; power management.
 * The reset register, 0xcf9, lies inside PCI's; it is asked for as what it is.
 */
static bool port_arch_drives_mmio(u32 first, u32 count)
{
	static const struct {
		u16 first, count;
	} own[] = {
		{ 0x00, 0x100 },
		{ 0x3c0, 0x20 },
		{ 0x3f8, 8 },
	};
	const struct acpi_gas *gas[] = { &acpi_info.pm1a_control, &acpi_info.pm1b_control,
					 &acpi_info.pm_timer };

	for (u32 i = 0; i < ARRAY_SIZE(own); i++)
		if (ranges_overlap(first, count, own[i].first, own[i].count))
			return true;
	for (u32 i = 0; i < ARRAY_SIZE(gas); i++)
		if (gas[i]->addr && gas[i]->space == ACPI_SPACE_IO &&
		    ranges_overlap(first, count, gas[i]->addr, 4))
			return true;
	return false;
}

static bool port_is_taken_locked(u32 first, u32 count)
{
	struct port_range *range;

	assert_held(&ports_lock);
	list_for_each(range, &claimed, link)
		if (ranges_overlap(first, count, range->first, range->count))
			return true;
	return false;
}

static s64 ports_claim(struct owner *owner, struct port_range *range)
{
	u64 flags = spin_lock_irqsave(&ports_lock);
	s64 err = port_is_taken_locked(range->first, range->count) ? -EBUSY : 0;

	if (!err)
		list_add(&range->link, &claimed);
	spin_unlock_irqrestore(&ports_lock, flags);
	if (err)
		return err;
	err = owned_add_held(owner, &range->owned, &ports_class, true);
	if (err)
		ports_stop(&range->owned, 0);
	return err;
}

int64_t banos_ports_claim(banos_owner owner, uint32_t first, uint32_t count, banos_ports *ports)
{
	struct owner *holder = api_owner(owner);
	struct port_range *range;
	s64 err;

	if (!holder)
		return MISTAKE("owner does not belong to the caller");
	if (!count || count > PORTS || first > PORTS - count)
		return MISTAKE("first and count are no ports");
	if (!api_may_write(ports, sizeof(*ports)))
		return MISTAKE("ports is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (holder->device && !bus_device_allows(holder->device, DEVICE_PORTS, first, count))
		return api_mistake(
			__func__, -EPERM,
			"first and count are not a resource of the device that owner is");
	if (port_arch_drives_mmio(first, count))
		return -EBUSY;
	range = kzalloc(sizeof(*range));
	if (!range)
		return -ENOMEM;
	list_init(&range->link);
	range->first = first;
	range->count = count;
	err = ports_claim(holder, range);
	if (err)
		kfree(range);
	else
		*ports = (banos_ports)owned_put_handle(&range->owned);
	return err;
}
BANOS_EXPORT(banos_ports_claim);

int64_t banos_ports_release(banos_ports ports)
{
	return api_remove(__func__, "ports", (u64)ports, &ports_class);
}
BANOS_EXPORT(banos_ports_release);

/* The port, or -EINVAL with a sentence about @p function. */
static s64 port_of(const char *function, banos_ports ports, u32 offset, u32 bytes)
{
	struct owned *object;
	s64 port = -EINVAL;

	if (bytes != 1 && bytes != 2 && bytes != 4)
		return api_mistake(function, -EINVAL, "bytes is not 1, 2 or 4");
	rcu_read_lock();
	object = api_peek((u64)ports, &ports_class);
	if (object) {
		const struct port_range *range = container_of(object, struct port_range, owned);

		if (bytes <= range->count && offset <= range->count - bytes)
			port = range->first + offset;
	}
	rcu_read_unlock();
	if (!object)
		return api_handle_mistake(function, "ports");
	if (port < 0)
		return api_mistake(function, -EINVAL, "offset and bytes lie beyond the range");
	return port;
}

static u32 port_in(u16 port, u32 bytes)
{
	switch (bytes) {
	case 1: return inb(port);
	case 2: return inw(port);
	default: return inl(port);
	}
}

static void port_out(u16 port, u32 bytes, u32 value)
{
	switch (bytes) {
	case 1: outb(port, value); break;
	case 2: outw(port, value); break;
	default: outl(port, value);
	}
}

int64_t banos_port_read(banos_ports ports, uint32_t offset, uint32_t bytes)
{
	s64 port = port_of(__func__, ports, offset, bytes);

	if (port < 0)
		return port;
	return port_in(port, bytes);
}
BANOS_EXPORT(banos_port_read);

int64_t banos_port_write(banos_ports ports, uint32_t offset, uint32_t bytes, uint32_t value)
{
	s64 port = port_of(__func__, ports, offset, bytes);

	if (port < 0)
		return port;
	port_out(port, bytes, value);
	return 0;
}
BANOS_EXPORT(banos_port_write);

int64_t banos_port_read_many(banos_ports ports, uint32_t offset, uint32_t bytes, void *to,
			     uint64_t count)
{
	s64 port = port_of(__func__, ports, offset, bytes);

	if (port < 0)
		return port;
	if (count > UINT64_MAX / bytes || !api_may_write(to, count * bytes))
		return MISTAKE("to, with count values, is not the driver's memory");
	for (u64 i = 0; i < count; i++) {
		u32 value = port_in(port, bytes);

		memcpy((u8 *)to + i * bytes, &value, bytes);
	}
	return 0;
}
BANOS_EXPORT(banos_port_read_many);

int64_t banos_port_write_many(banos_ports ports, uint32_t offset, uint32_t bytes, const void *from,
			      uint64_t count)
{
	s64 port = port_of(__func__, ports, offset, bytes);

	if (port < 0)
		return port;
	if (count > UINT64_MAX / bytes || !api_may_read(from, count * bytes))
		return MISTAKE("from, with count values, is not the driver's memory");
	for (u64 i = 0; i < count; i++) {
		u32 value = 0;

		memcpy(&value, (const u8 *)from + i * bytes, bytes);
		port_out(port, bytes, value);
	}
	return 0;
}
BANOS_EXPORT(banos_port_write_many);

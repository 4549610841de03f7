/* SPDX-License-Identifier: MIT */
/*
 * Scanning for functions.
 *
 * The firmware has set the numbers of buses, and the addresses of functions present at
 * the start. Functions inserted later get addresses in the windows of the port above.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "host.h"

#define DEPTH_MAX    32
#define USED_MAX     128u
#define CLASS_BRIDGE 6

/* ---- functions ---- */

static struct pci_function *function_find(struct pci_host *host, uint32_t address)
{
	struct pci_function *function = host->functions;

	while (function && function->address != address)
		function = function->next;
	return function;
}

static struct pci_function *function_get(struct pci_host *host, uint32_t address)
{
	struct pci_function *function = function_find(host, address), **end = &host->functions;

	if (function)
		return function;
	function = banos_alloc(host->self, sizeof(*function), 0);
	if (!function)
		return NULL;
	function->host = host;
	function->address = address;
	access_attach(function);
	while (*end)
		end = &(*end)->next;
	*end = function;
	return function;
}

struct pci_function *function_behind(const struct pci_function *port, struct pci_function *after)
{
	struct pci_function *function = after ? after->next : port->host->functions;

	while (function && !(function->present && function->bridge == port))
		function = function->next;
	return function;
}

/* A new function. Not part of what calls itself: its frame is large. @return it, or NULL */
static __attribute__((noinline)) struct pci_function *
function_detect(struct pci_host *host, struct pci_function *bridge, uint32_t address)
{
	struct pci_function probe = { .host = host, .address = address }, *function;

	access_attach(&probe);
	if (!pci_is_present(&probe.config))
		return NULL;
	function = function_get(host, address);
	if (!function || function->present || pci_read_info(&function->config, &function->info))
		return NULL;
	function->bridge = bridge;
	function->off = function->tries = function->acpi_select = 0;
	/* The host's own registers are left alone: memory may depend on them. */
	if (function->info.class_base != CLASS_BRIDGE || function->info.class_sub)
		pci_size_bars(&function->config, &function->info);
	if (function->info.messages > PCI_MESSAGES_MAX)
		function->info.messages = PCI_MESSAGES_MAX;
	function->present = 1;
	host->slots |= function->info.hotplug;
	return function;
}

/* ---- all of them ---- */

static void scan_bus(struct pci_host *host, struct pci_function *bridge, uint32_t segment,
		     uint32_t bus, int depth);

static void scan_behind(struct pci_function *function, int depth)
{
	struct pci_host *host = function->host;
	uint32_t bus = function->info.secondary;

	if (function->info.header != 1)
		return;
	if (bus <= ADDRESS_BUS(function->address) || function->info.subordinate < bus ||
	    host->visited[bus / 8] & 1u << bus % 8 || depth == DEPTH_MAX) {
		banos_warning(
			host->self,
			"bridge %04x:%02x:%02x.%x: its bus number %u is invalid or in use: devices behind it are ignored",
			function->address >> 16, ADDRESS_BUS(function->address),
			function->address >> 3 & 31, function->address & 7, bus);
		return;
	}
	scan_bus(host, function, function->address >> 16, bus, depth + 1);
}

static void scan_device(struct pci_host *host, struct pci_function *bridge, uint32_t address,
			int depth)
{
	for (uint32_t number = 0; number < 8; number++) {
		struct pci_function *function = function_detect(host, bridge, address + number);

		if (function)
			scan_behind(function, depth);
		else
			function = function_find(host, address);
		if (!number && (!function || !function->present || !function->info.multifunction))
			return;
	}
}

static void scan_bus(struct pci_host *host, struct pci_function *bridge, uint32_t segment,
		     uint32_t bus, int depth)
{
	uint32_t devices = bridge && bridge->info.single_slot ? 1 : 32;

	host->visited[bus / 8] |= 1u << bus % 8;
	if (access_bus(host, segment, bus))
		return;
	for (uint32_t device = 0; device < devices; device++)
		scan_device(host, bridge, PCI_ADDRESS(segment, bus, device, 0), depth);
}

void scan_all(struct pci_host *host)
{
	for (uint32_t i = 0; i < host->ecam_count; i++) {
		memset(host->visited, 0, sizeof(host->visited));
		scan_bus(host, NULL, host->ecam[i]->segment, host->ecam[i]->first, 0);
	}
	if (!host->ecam_count)
		scan_bus(host, NULL, 0, 0, 0);
}

/* ---- addresses for what is new ---- */

/* The ranges in use on the bus of a function. */
static uint32_t bus_list_used(const struct pci_function *asked, struct pci_window *used)
{
	uint32_t count = 0;

	for (struct pci_function *function = asked->host->functions; function;
	     function = function->next) {
		if (!function->present || function->bridge != asked->bridge)
			continue;
		for (uint32_t i = 0; i < PCI_BARS && count + 4 < USED_MAX; i++)
			if (function->info.bars[i].assigned)
				used[count++] =
					(struct pci_window){ function->info.bars[i].start,
							     function->info.bars[i].start +
								     function->info.bars[i].length -
								     1 };
		if (function->info.header == 1 && count + 4 < USED_MAX) {
			used[count++] = function->info.memory;
			used[count++] = function->info.prefetch;
			used[count++] = function->info.ports;
		}
	}
	return count;
}

/* On a root bus only machines of QEMU get new functions (acpi_slot.c): these ranges are PCI's there. */
static const struct pci_info root_windows = {
	.memory = { 0xc0000000, 0xfebfffff },
	.prefetch = { 1, 0 },
	.ports = { 0xc000, 0xffff },
};

static uint64_t bar_find_address(const struct pci_function *function, const struct pci_bar *bar)
{
	struct pci_window used[USED_MAX];
	uint32_t count = bus_list_used(function, used);
	const struct pci_info *port = function->bridge ? &function->bridge->info : &root_windows;
	uint64_t address = 0;

	if (bar->kind == BAR_PORTS)
		return pci_find_room(&port->ports, used, count, bar->length);
	if (bar->prefetch && (bar->is64 || !(port->prefetch.limit >> 32)))
		address = pci_find_room(&port->prefetch, used, count, bar->length);
	if (address)
		return address;
	return pci_find_room(&port->memory, used, count, bar->length);
}

/* The largest bar without an address, or PCI_BARS. */
static uint32_t bar_next(const struct pci_info *info, uint32_t done)
{
	uint32_t best = PCI_BARS;

	for (uint32_t i = 0; i < PCI_BARS; i++)
		if (info->bars[i].kind != BAR_NONE && !info->bars[i].assigned &&
		    !(done & 1u << i) &&
		    (best == PCI_BARS || info->bars[i].length > info->bars[best].length))
			best = i;
	return best;
}

static void function_assign_bars(struct pci_function *function)
{
	uint32_t done = 0, i;

	while ((i = bar_next(&function->info, done)) < PCI_BARS) {
		struct pci_bar *bar = &function->info.bars[i];

		done |= 1u << i;
		bar->start = bar_find_address(function, bar);
		bar->assigned = bar->start != 0;
		if (bar->assigned)
			pci_write_bar(&function->config, i, bar);
		else
			banos_warning(function->host->self,
				      "no free address range of %llu bytes for a device on bus %u",
				      (unsigned long long)bar->length,
				      ADDRESS_BUS(function->address));
	}
}

/* ---- offering ---- */

/* Where a part of the bar is reserved already, all between the two is, too. */
static void resource_reserve(struct banos_resource *resource, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length, old_end;

	if (offset >= resource->length)
		return;
	if (end > resource->length)
		end = resource->length;
	old_end = resource->reserved_offset + resource->reserved_length;
	if (resource->reserved_length && old_end > end)
		end = old_end;
	if (resource->reserved_length && resource->reserved_offset < offset)
		offset = resource->reserved_offset;
	resource->reserved_offset = offset;
	resource->reserved_length = end - offset;
}

/* Programs must not reach the MSI-X table: what stands there is written by the device to any address. */
static void function_reserve_table(const struct pci_function *function,
				   struct banos_resource *resource)
{
	const struct pci_info *info = &function->info;

	if (!info->cap_msix)
		return;
	resource_reserve(&resource[info->table_bar], info->table_offset,
			 (uint64_t)info->messages * MSIX_ENTRY_SIZE);
	resource_reserve(&resource[info->pending_bar], info->pending_offset,
			 (uint64_t)(info->messages + PENDING_BITS - 1) / PENDING_BITS * 8);
}

static void function_list_resources(const struct pci_function *function,
				    struct banos_resource *resource)
{
	for (uint32_t i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &function->info.bars[i];

		resource[i] = (struct banos_resource){ .size = sizeof(*resource) };
		if (!bar->assigned)
			continue;
		if (bar->kind == BAR_PORTS)
			resource[i].kind = BANOS_RESOURCE_PORTS;
		else
			resource[i].kind = BANOS_RESOURCE_MEMORY;
		resource[i].start = bar->start;
		resource[i].length = bar->length;
		if (bar->prefetch)
			resource[i].flags = BANOS_RESOURCE_PREFETCHABLE;
	}
	function_reserve_table(function, resource);
}

static void function_describe(const struct pci_function *function, const char *name,
			      char *properties, char *attributes, size_t size)
{
	const struct pci_info *info = &function->info;
	uint32_t class_code = (uint32_t)info->class_base << 16 | (uint32_t)info->class_sub << 8 |
			      info->class_interface;

	banos_format(
		properties, size,
		"PCI_CLASS=%04X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\n",
		class_code, info->vendor, info->device, info->subvendor, info->subdevice, name);
	banos_format(
		attributes, size,
		"vendor=0x%04x\ndevice=0x%04x\nsubsystem_vendor=0x%04x\nsubsystem_device=0x%04x\n"
		"class=0x%06x\nrevision=0x%02x\nirq=%u\n",
		info->vendor, info->device, info->subvendor, info->subdevice, class_code,
		info->revision, line_find(function));
}

int64_t function_offer(struct pci_function *function)
{
	struct banos_resource resources[PCI_BARS];
	char properties[160], attributes[192];
	struct banos_device_config config = {
		.size = sizeof(config),
		.interrupts = function->info.messages,
		.context = function,
		.resources = resources,
		.resource_count = PCI_BARS,
		.resource_stride = sizeof(resources[0]),
		.properties = properties,
		.attributes = attributes,
		.dma_bits = 64,
		.bus_id = BANOS_BUS_ID_PCI + function->address,
	};
	int64_t error;

	banos_format(config.name, sizeof(config.name), "%04x:%02x:%02x.%x", function->address >> 16,
		     ADDRESS_BUS(function->address), function->address >> 3 & 31,
		     function->address & 7);
	pci_alias(&function->info, config.alias, sizeof(config.alias));
	function_list_resources(function, resources);
	function_describe(function, config.name, properties, attributes, sizeof(properties));
	error = banos_device_add(function->host->bus, &config, &function->device);
	if (error)
		banos_error(function->host->self, "device %s cannot be added to the bus (error %d)",
			    config.name, (int)-error);
	return error;
}

/* ---- slots ---- */

uint32_t scan_place(struct pci_host *host, struct pci_function *bridge, uint32_t device)
{
	uint32_t segment = bridge ? bridge->address >> 16 : 0,
		 bus = bridge ? bridge->info.secondary : 0, found = 0;

	if (access_bus(host, segment, bus))
		return 0;
	for (uint32_t number = 0; number < 8; number++) {
		struct pci_function *function =
			function_detect(host, bridge, PCI_ADDRESS(segment, bus, device, number));

		if (!function && !number)
			return 0;
		if (!function)
			continue;
		function_assign_bars(function);
		found += !function_offer(function);
		if (!number && !function->info.multifunction)
			break;
	}
	return found;
}

uint32_t scan_slot(struct pci_function *port)
{
	return scan_place(port->host, port, 0);
}

/* The devices behind a bridge are removed first. */
void function_remove(struct pci_function *function, uint32_t gone)
{
	struct pci_function *behind;

	if (!function->present)
		return;
	while (function->info.header == 1 && (behind = function_behind(function, NULL)))
		function_remove(behind, gone);
	banos_device_remove(function->device, gone ? BANOS_DEVICE_GONE : 0);
	function->present = 0;
}

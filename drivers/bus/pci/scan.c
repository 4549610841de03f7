/* SPDX-License-Identifier: MIT */
/*
 * Which functions there are.
 *
 * Numbers of buses, and addresses of what was there at the start, are the
 * firmware's. What is put into a slot later gets addresses in the windows of
 * the port above it.
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

static struct pci_function *function_find(struct pci_host *h, uint32_t address)
{
	struct pci_function *f = h->functions;

	while (f && f->address != address)
		f = f->next;
	return f;
}

static struct pci_function *function_get(struct pci_host *h, uint32_t address)
{
	struct pci_function *f = function_find(h, address), **end = &h->functions;

	if (f)
		return f;
	f = banos_alloc(h->self, sizeof(*f), 0);
	if (!f)
		return NULL;
	f->host = h;
	f->address = address;
	access_attach(f);
	while (*end)
		end = &(*end)->next;
	*end = f;
	return f;
}

struct pci_function *function_behind(const struct pci_function *port, struct pci_function *after)
{
	struct pci_function *f = after ? after->next : port->host->functions;

	while (f && !(f->present && f->bridge == port))
		f = f->next;
	return f;
}

/* A function that was not there before. Not part of what calls itself: its frame is large. @return it, or NULL */
static __attribute__((noinline)) struct pci_function *
function_detect(struct pci_host *h, struct pci_function *bridge, uint32_t address)
{
	struct pci_function probe = { .host = h, .address = address }, *f;

	access_attach(&probe);
	if (!pci_is_present(&probe.config))
		return NULL;
	f = function_get(h, address);
	if (!f || f->present || pci_read_info(&f->config, &f->info))
		return NULL;
	f->bridge = bridge;
	f->off = f->tries = 0;
	/* The host's own registers are left alone: memory may depend on them. */
	if (f->info.class_base != CLASS_BRIDGE || f->info.class_sub)
		pci_size_bars(&f->config, &f->info);
	if (f->info.messages > PCI_MESSAGES_MAX)
		f->info.messages = PCI_MESSAGES_MAX;
	f->present = 1;
	h->slots |= f->info.hotplug;
	return f;
}

/* ---- all of them ---- */

static void scan_bus(struct pci_host *h, struct pci_function *bridge, uint32_t segment,
		     uint32_t bus, int depth);

static void scan_behind(struct pci_function *f, int depth)
{
	struct pci_host *h = f->host;
	uint32_t bus = f->info.secondary;

	if (f->info.header != 1)
		return;
	if (bus <= ADDRESS_BUS(f->address) || f->info.subordinate < bus ||
	    h->visited[bus / 8] & 1u << bus % 8 || depth == DEPTH_MAX) {
		banos_warning(
			h->self,
			"bridge %04x:%02x:%02x.%x: its bus number %u is invalid or in use: devices behind it are ignored",
			f->address >> 16, ADDRESS_BUS(f->address), f->address >> 3 & 31,
			f->address & 7, bus);
		return;
	}
	scan_bus(h, f, f->address >> 16, bus, depth + 1);
}

static void scan_device(struct pci_host *h, struct pci_function *bridge, uint32_t address,
			int depth)
{
	for (uint32_t number = 0; number < 8; number++) {
		struct pci_function *f = function_detect(h, bridge, address + number);

		if (f)
			scan_behind(f, depth);
		f = f ? f : function_find(h, address);
		if (!number && (!f || !f->present || !f->info.multifunction))
			return;
	}
}

static void scan_bus(struct pci_host *h, struct pci_function *bridge, uint32_t segment,
		     uint32_t bus, int depth)
{
	uint32_t devices = bridge && bridge->info.single_slot ? 1 : 32;

	h->visited[bus / 8] |= 1u << bus % 8;
	if (access_bus(h, segment, bus))
		return;
	for (uint32_t device = 0; device < devices; device++)
		scan_device(h, bridge, PCI_ADDRESS(segment, bus, device, 0), depth);
}

void scan_all(struct pci_host *h)
{
	for (uint32_t i = 0; i < h->ecam_count; i++) {
		memset(h->visited, 0, sizeof(h->visited));
		scan_bus(h, NULL, h->ecam[i]->segment, h->ecam[i]->first, 0);
	}
	if (!h->ecam_count)
		scan_bus(h, NULL, 0, 0, 0);
}

/* ---- addresses for what is new ---- */

/* What is in use behind a bridge. */
static uint32_t list_used(const struct pci_function *bridge, struct pci_window *used)
{
	uint32_t n = 0;

	for (struct pci_function *f = function_behind(bridge, NULL); f;
	     f = function_behind(bridge, f)) {
		for (uint32_t i = 0; i < PCI_BARS && n + 4 < USED_MAX; i++)
			if (f->info.bars[i].assigned)
				used[n++] =
					(struct pci_window){ f->info.bars[i].start,
							     f->info.bars[i].start +
								     f->info.bars[i].length - 1 };
		if (f->info.header == 1 && n + 4 < USED_MAX) {
			used[n++] = f->info.memory;
			used[n++] = f->info.prefetch;
			used[n++] = f->info.ports;
		}
	}
	return n;
}

static uint64_t find_address(const struct pci_function *bridge, const struct pci_bar *b)
{
	struct pci_window used[USED_MAX];
	uint32_t n = list_used(bridge, used);
	const struct pci_info *port = &bridge->info;
	uint64_t at = 0;

	if (b->kind == BAR_PORTS)
		return pci_find_room(&port->ports, used, n, b->length);
	if (b->prefetch && (b->is64 || !(port->prefetch.limit >> 32)))
		at = pci_find_room(&port->prefetch, used, n, b->length);
	return at ? at : pci_find_room(&port->memory, used, n, b->length);
}

/* The largest bar without an address, or PCI_BARS. */
static uint32_t next_bar(const struct pci_info *info, uint32_t done)
{
	uint32_t best = PCI_BARS;

	for (uint32_t i = 0; i < PCI_BARS; i++)
		if (info->bars[i].kind != BAR_NONE && !info->bars[i].assigned &&
		    !(done & 1u << i) &&
		    (best == PCI_BARS || info->bars[i].length > info->bars[best].length))
			best = i;
	return best;
}

static void assign(struct pci_function *f)
{
	uint32_t done = 0, i;

	while ((i = next_bar(&f->info, done)) < PCI_BARS) {
		struct pci_bar *b = &f->info.bars[i];

		done |= 1u << i;
		b->start = find_address(f->bridge, b);
		b->assigned = b->start != 0;
		if (b->assigned)
			pci_write_bar(&f->config, i, b);
		else
			banos_warning(f->host->self,
				      "no free address range of %llu bytes for a device on bus %u",
				      (unsigned long long)b->length, ADDRESS_BUS(f->address));
	}
}

/* ---- offering ---- */

static void list_resources(const struct pci_function *f, struct banos_resource *r)
{
	for (uint32_t i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &f->info.bars[i];

		r[i] = (struct banos_resource){ .size = sizeof(*r) };
		if (!b->assigned)
			continue;
		r[i].kind = b->kind == BAR_PORTS ? BANOS_RESOURCE_PORTS : BANOS_RESOURCE_MEMORY;
		r[i].start = b->start;
		r[i].length = b->length;
	}
}

static void describe(const struct pci_function *f, const char *name, char *properties,
		     char *attributes, size_t size)
{
	const struct pci_info *i = &f->info;
	uint32_t class_code = (uint32_t)i->class_base << 16 | (uint32_t)i->class_sub << 8 |
			      i->class_interface;

	banos_format(
		properties, size,
		"PCI_CLASS=%04X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\n",
		class_code, i->vendor, i->device, i->subvendor, i->subdevice, name);
	banos_format(
		attributes, size,
		"vendor=0x%04x\ndevice=0x%04x\nsubsystem_vendor=0x%04x\nsubsystem_device=0x%04x\n"
		"class=0x%06x\nrevision=0x%02x\nirq=%u\n",
		i->vendor, i->device, i->subvendor, i->subdevice, class_code, i->revision,
		i->pin ? i->line : 0);
}

int64_t function_offer(struct pci_function *f)
{
	struct banos_resource resources[PCI_BARS];
	char properties[160], attributes[192];
	struct banos_device_config config = {
		.size = sizeof(config),
		.interrupts = f->info.messages,
		.context = f,
		.resources = resources,
		.resource_count = PCI_BARS,
		.properties = properties,
		.attributes = attributes,
	};
	int64_t error;

	banos_format(config.name, sizeof(config.name), "%04x:%02x:%02x.%x", f->address >> 16,
		     ADDRESS_BUS(f->address), f->address >> 3 & 31, f->address & 7);
	pci_alias(&f->info, config.alias, sizeof(config.alias));
	list_resources(f, resources);
	describe(f, config.name, properties, attributes, sizeof(properties));
	error = banos_device_add(f->host->bus, &config, &f->device);
	if (error)
		banos_error(f->host->self, "device %s cannot be added to the bus (error %d)",
			    config.name, (int)-error);
	return error;
}

/* ---- slots ---- */

uint32_t scan_slot(struct pci_function *port)
{
	struct pci_host *h = port->host;
	uint32_t found = 0;

	memset(h->visited, 0, sizeof(h->visited));
	h->visited[ADDRESS_BUS(port->address) / 8] |= 1u << ADDRESS_BUS(port->address) % 8;
	if (access_bus(h, port->address >> 16, port->info.secondary))
		return 0;
	for (uint32_t number = 0; number < 8; number++) {
		struct pci_function *f = function_detect(
			h, port, PCI_ADDRESS(port->address >> 16, port->info.secondary, 0, number));

		if (!f && !number)
			return 0;
		if (!f)
			continue;
		assign(f);
		found += !function_offer(f);
		if (!number && !f->info.multifunction)
			break;
	}
	return found;
}

/* What is behind a bridge goes first. */
void function_remove(struct pci_function *f, uint32_t gone)
{
	struct pci_function *behind;

	if (!f->present)
		return;
	while (f->info.header == 1 && (behind = function_behind(f, NULL)))
		function_remove(behind, gone);
	banos_device_remove(f->device, gone ? BANOS_DEVICE_GONE : 0);
	f->present = 0;
}

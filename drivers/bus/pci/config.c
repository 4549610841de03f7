/* SPDX-License-Identifier: MIT */
/* Reading configuration space: config.h. */
#include "config.h"

#define CAPABILITIES_MAX 48 /* so many fit into 192 bytes, 4 each */
#define ADDRESS_LIMIT	 (UINT64_C(1) << 52)
#define PORT_LIMIT	 UINT64_C(0x10000)

static uint32_t read8(const struct pci_config *c, uint32_t at)
{
	return c->read(c->context, at, 1) & 0xff;
}
static uint32_t read16(const struct pci_config *c, uint32_t at)
{
	return c->read(c->context, at, 2) & 0xffff;
}
static uint32_t read32(const struct pci_config *c, uint32_t at)
{
	return c->read(c->context, at, 4);
}

int pci_is_present(const struct pci_config *c)
{
	uint32_t id = read32(c, REG_ID);

	/* All bits set, or what some bridges answer for nothing. */
	return id != 0xffffffff && id && id != 0x0000ffff && id != 0xffff0000;
}

/* ---- capabilities ---- */

uint32_t pci_capability(const struct pci_config *c, uint32_t id)
{
	uint32_t at;

	if (!(read16(c, REG_STATUS) & STATUS_CAPABILITIES))
		return 0;
	at = read8(c, REG_CAPABILITIES) & ~3u;
	for (int n = 0; n < CAPABILITIES_MAX && at >= CONFIG_HEADER; n++) {
		uint32_t head = read16(c, at);

		if (head == 0xffff)
			return 0;
		if ((head & 0xff) == id)
			return at;
		at = head >> 8 & ~3u;
	}
	return 0;
}

/* A capability of which @need bytes lie within the space. */
static uint8_t whole_capability(const struct pci_config *c, uint32_t id, uint32_t need)
{
	uint32_t at = pci_capability(c, id);

	return at && at + need <= CONFIG_SIZE ? at : 0;
}

static void read_messages(const struct pci_config *c, struct pci_info *info)
{
	uint32_t table;

	info->cap_msi = whole_capability(c, CAP_MSI, 14);
	info->cap_msix = whole_capability(c, CAP_MSIX, 12);
	if (info->cap_msix) {
		table = read32(c, info->cap_msix + 4);
		info->table_bar = table & 7;
		info->table_offset = table & ~7u;
		info->messages = (read16(c, info->cap_msix + 2) & 0x7ff) + 1;
		if (info->table_bar < PCI_BARS)
			return;
		info->cap_msix = 0;
	}
	info->messages = info->cap_msi ? 1 : 0;
}

static void read_express(const struct pci_config *c, struct pci_info *info)
{
	uint32_t flags;

	info->cap_express = whole_capability(c, CAP_EXPRESS, 0x14);
	if (!info->cap_express)
		return;
	flags = read16(c, info->cap_express + EXP_FLAGS);
	info->express_type = flags >> 4 & 15;
	if (info->header != 1 ||
	    (info->express_type != EXP_TYPE_ROOT_PORT && info->express_type != EXP_TYPE_DOWNSTREAM))
		return;
	info->single_slot = 1;
	if (!(flags & 0x100) || info->cap_express + 0x1c > CONFIG_SIZE)
		return;
	info->slot_caps = read32(c, info->cap_express + EXP_SLOT_CAPS);
	info->hotplug = info->slot_caps >> 6 & 1;
}

/* ---- bridges ---- */

static void read_windows(const struct pci_config *c, struct pci_info *info)
{
	uint32_t ports = read16(c, REG_IO_WINDOW), memory = read32(c, REG_MEMORY_WINDOW);
	uint32_t prefetch = read32(c, REG_PREFETCH_WINDOW), high = read32(c, REG_IO_WINDOW_HIGH);

	info->ports.base = (ports & 0xf0) << 8;
	info->ports.limit = (ports & 0xf000) | 0xfff;
	if ((ports & 15) == 1) {
		info->ports.base |= (uint64_t)(high & 0xffff) << 16;
		info->ports.limit |= high & 0xffff0000;
	}
	info->memory.base = (memory & 0xfff0) << 16;
	info->memory.limit = (memory & 0xfff00000) | 0xfffff;
	info->prefetch.base = (prefetch & 0xfff0) << 16;
	info->prefetch.limit = (prefetch & 0xfff00000) | 0xfffff;
	if ((prefetch & 15) == 1) {
		info->prefetch.base |= (uint64_t)read32(c, REG_PREFETCH_BASE_HIGH) << 32;
		info->prefetch.limit |= (uint64_t)read32(c, REG_PREFETCH_LIMIT_HIGH) << 32;
	}
}

/* ---- the header ---- */

int pci_read_info(const struct pci_config *c, struct pci_info *info)
{
	uint32_t id = read32(c, REG_ID), class = read32(c, REG_CLASS),
		 header = read8(c, REG_HEADER), subsystem;

	*info = (struct pci_info){ 0 };
	if (!pci_is_present(c))
		return -1;
	info->vendor = id & 0xffff;
	info->device = id >> 16;
	info->revision = class & 0xff;
	info->class_interface = class >> 8 & 0xff;
	info->class_sub = class >> 16 & 0xff;
	info->class_base = class >> 24;
	info->header = header & 0x7f;
	info->multifunction = header >> 7;
	info->line = read8(c, REG_LINE);
	info->pin = read8(c, REG_PIN);
	if (!info->header) {
		subsystem = read32(c, REG_SUBSYSTEM);
		info->subvendor = subsystem & 0xffff;
		info->subdevice = subsystem >> 16;
	} else if (info->header == 1) {
		subsystem = read32(c, REG_BUSES);
		info->primary = subsystem & 0xff;
		info->secondary = subsystem >> 8 & 0xff;
		info->subordinate = subsystem >> 16 & 0xff;
		read_windows(c, info);
	}
	info->cap_pm = whole_capability(c, CAP_PM, 8);
	info->cap_af = whole_capability(c, CAP_AF, 6);
	read_messages(c, info);
	read_express(c, info);
	return 0;
}

/* ---- bars ---- */

static uint32_t probe32(const struct pci_config *c, uint32_t at)
{
	uint32_t old = read32(c, at), mask;

	c->write(c->context, at, 4, 0xffffffff);
	mask = read32(c, at);
	c->write(c->context, at, 4, old);
	return mask;
}

/* The lowest bit that can be written is the size: what lies above should be ones, but who knows. */
static uint64_t size_of(uint64_t mask)
{
	return mask & -mask;
}

static void size_ports(struct pci_bar *b, uint32_t old, uint32_t mask)
{
	b->kind = BAR_PORTS;
	b->start = old & ~3u;
	b->length = size_of(mask & 0xfffc);
	if (!b->length || b->start > PORT_LIMIT - b->length)
		b->start = 0;
}

/* @return how many registers it took */
static uint32_t size_memory(const struct pci_config *c, struct pci_bar *b, uint32_t at,
			    uint32_t old, uint32_t mask, int last)
{
	uint64_t wide = mask & ~15u;

	b->kind = BAR_MEMORY;
	b->prefetch = old >> 3 & 1;
	b->is64 = (old & 6) == 4;
	b->start = old & ~15u;
	if (b->is64) {
		if (last) { /* its upper half would be beyond the header */
			b->length = 0;
			return 1;
		}
		b->start |= (uint64_t)read32(c, at + 4) << 32;
		wide |= (uint64_t)probe32(c, at + 4) << 32;
	}
	b->length = size_of(wide);
	if (b->length > ADDRESS_LIMIT)
		b->length = 0;
	if (!b->length || b->start > ADDRESS_LIMIT - b->length)
		b->start = 0;
	return b->is64 ? 2 : 1;
}

static uint32_t size_bar(const struct pci_config *c, struct pci_bar *b, uint32_t index,
			 uint32_t count)
{
	uint32_t at = REG_BAR + index * 4, old = read32(c, at), mask = probe32(c, at), took = 1;

	if (!mask || mask == 0xffffffff) /* not there, or the device is not any more */
		return 1;
	if (mask & 1)
		size_ports(b, old, mask);
	else
		took = size_memory(c, b, at, old, mask, index + 1 == count);
	b->start &= ~(b->length - 1);
	b->assigned = b->start != 0;
	if (!b->length)
		*b = (struct pci_bar){ 0 };
	return took;
}

void pci_size_bars(const struct pci_config *c, struct pci_info *info)
{
	uint32_t command = read16(c, REG_COMMAND), count = info->header == 0   ? 6
							   : info->header == 1 ? 2
									       : 0;

	for (uint32_t i = 0; i < PCI_BARS; i++)
		info->bars[i] = (struct pci_bar){ 0 };
	c->write(c->context, REG_COMMAND, 2, command & ~(uint32_t)(COMMAND_PORTS | COMMAND_MEMORY));
	for (uint32_t i = 0; i < count;)
		i += size_bar(c, &info->bars[i], i, count);
	c->write(c->context, REG_COMMAND, 2, command);
}

void pci_write_bar(const struct pci_config *c, uint32_t index, const struct pci_bar *bar)
{
	c->write(c->context, REG_BAR + index * 4, 4, bar->start & 0xffffffff);
	if (bar->is64)
		c->write(c->context, REG_BAR + index * 4 + 4, 4, bar->start >> 32);
}

/* ---- text ---- */

struct text {
	char *at, *end;
};

static void put(struct text *t, char c)
{
	if (t->at < t->end)
		*t->at++ = c;
}

static void put_hex(struct text *t, const char *name, uint32_t value, int digits)
{
	while (*name)
		put(t, *name++);
	while (digits--)
		put(t, "0123456789ABCDEF"[value >> digits * 4 & 15]);
}

void pci_alias(const struct pci_info *info, char *text, size_t size)
{
	struct text t = { text, text + size - 1 };

	put_hex(&t, "pci:v", info->vendor, 8);
	put_hex(&t, "d", info->device, 8);
	put_hex(&t, "sv", info->subvendor, 8);
	put_hex(&t, "sd", info->subdevice, 8);
	put_hex(&t, "bc", info->class_base, 2);
	put_hex(&t, "sc", info->class_sub, 2);
	put_hex(&t, "i", info->class_interface, 2);
	*t.at = 0;
}

/* ---- room ---- */

uint64_t pci_find_room(const struct pci_window *w, const struct pci_window *used, size_t n,
		       uint64_t length)
{
	uint64_t at, next;

	if (!length || w->base > w->limit)
		return 0;
	at = (w->base + length - 1) & ~(length - 1);
	if (!at)
		at = length;
	while (at >= w->base && at <= w->limit && length - 1 <= w->limit - at) {
		const struct pci_window *hit = NULL;

		for (size_t i = 0; i < n && !hit; i++)
			if (used[i].base <= at + length - 1 && used[i].limit >= at)
				hit = &used[i];
		if (!hit)
			return at;
		next = (hit->limit + length) & ~(length - 1);
		if (hit->limit >= w->limit || next <= at)
			return 0;
		at = next;
	}
	return 0;
}

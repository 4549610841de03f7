/* SPDX-License-Identifier: MIT */
/* Reading configuration space: config.h. */
#include "config.h"

#define EXTENDED_SIZE 4096u /* of the space where the extended ones are */
#define ADDRESS_LIMIT (UINT64_C(1) << 52)
#define PORT_LIMIT    UINT64_C(0x10000)

static uint32_t config_read8(const struct pci_config *config, uint32_t offset)
{
	return config->read(config->context, offset, 1) & 0xff;
}
static uint32_t config_read16(const struct pci_config *config, uint32_t offset)
{
	return config->read(config->context, offset, 2) & 0xffff;
}
static uint32_t config_read32(const struct pci_config *config, uint32_t offset)
{
	return config->read(config->context, offset, 4);
}

int pci_is_present(const struct pci_config *config)
{
	uint32_t id = config_read32(config, REG_ID);

	/* All bits set, or what some bridges answer for nothing. */
	return id != 0xffffffff && id && id != 0x0000ffff && id != 0xffff0000;
}

/* ---- capabilities ---- */

/* The two lists: how the head of an entry is to be read. */
struct list_kind {
	uint32_t least; /* offset of an entry */
	uint32_t bytes; /* of a head */
	uint32_t id_mask;
	uint32_t next_shift; /* of the next one's offset */
};
static const struct list_kind capabilities = { CONFIG_HEADER, 2, 0xff, 8 };
static const struct list_kind extended_capabilities = { CONFIG_SIZE, 4, 0xffff, 20 };

/* Each entry is visited once: a circle ends. */
static uint32_t list_find(const struct pci_config *config, const struct list_kind *kind,
			  uint32_t offset, uint32_t id, uint32_t after)
{
	uint32_t none = 0xffffffff >> (32 - kind->bytes * 8);
	uint64_t visited[EXTENDED_SIZE / 4 / 64] = { 0 };
	int passed = !after;

	while (offset >= kind->least && !(visited[offset / 256] >> offset / 4 % 64 & 1)) {
		uint32_t head = config->read(config->context, offset, kind->bytes);

		if (head == none || (!head && kind->bytes == 4))
			return 0;
		if (passed && (head & kind->id_mask) == id)
			return offset;
		if (offset == after)
			passed = 1;
		visited[offset / 256] |= (uint64_t)1 << offset / 4 % 64;
		offset = head >> kind->next_shift & ~3u;
	}
	return 0;
}

uint32_t pci_next_capability(const struct pci_config *config, uint32_t id, uint32_t after)
{
	if (!(config_read16(config, REG_STATUS) & STATUS_CAPABILITIES))
		return 0;
	return list_find(config, &capabilities, config_read8(config, REG_CAPABILITIES) & ~3u, id,
			 after);
}

uint32_t pci_capability(const struct pci_config *config, uint32_t id)
{
	return pci_next_capability(config, id, 0);
}

uint32_t pci_next_extended(const struct pci_config *config, uint32_t id, uint32_t after)
{
	return list_find(config, &extended_capabilities, CONFIG_SIZE, id, after);
}

/* A capability of which @need bytes lie within the space. */
static uint8_t config_capability(const struct pci_config *config, uint32_t id, uint32_t need)
{
	uint32_t offset = pci_capability(config, id);

	if (offset + need > CONFIG_SIZE)
		return 0;
	return offset;
}

static void info_read_messages(const struct pci_config *config, struct pci_info *info)
{
	uint32_t table;

	info->cap_msi = config_capability(config, CAP_MSI, 14);
	info->cap_msix = config_capability(config, CAP_MSIX, 12);
	if (info->cap_msix) {
		table = config_read32(config, info->cap_msix + 4);
		info->table_bar = table & 7;
		info->table_offset = table & ~7u;
		table = config_read32(config, info->cap_msix + 8);
		info->pending_bar = table & 7;
		info->pending_offset = table & ~7u;
		info->messages = (config_read16(config, info->cap_msix + 2) & 0x7ff) + 1;
		if (info->table_bar < PCI_BARS && info->pending_bar < PCI_BARS)
			return;
		info->cap_msix = 0;
	}
	info->messages = info->cap_msi != 0;
}

static void info_read_express(const struct pci_config *config, struct pci_info *info)
{
	uint32_t flags;

	info->cap_express = config_capability(config, CAP_EXPRESS, 0x14);
	if (!info->cap_express)
		return;
	flags = config_read16(config, info->cap_express + EXP_FLAGS);
	info->express_type = flags >> 4 & 15;
	if (info->header != 1 ||
	    (info->express_type != EXP_TYPE_ROOT_PORT && info->express_type != EXP_TYPE_DOWNSTREAM))
		return;
	info->single_slot = 1;
	if (!(flags & 0x100) || info->cap_express + 0x1c > CONFIG_SIZE)
		return;
	info->slot_caps = config_read32(config, info->cap_express + EXP_SLOT_CAPS);
	info->hotplug = info->slot_caps >> 6 & 1;
}

/* ---- bridges ---- */

static void info_read_windows(const struct pci_config *config, struct pci_info *info)
{
	uint32_t ports = config_read16(config, REG_IO_WINDOW),
		 memory = config_read32(config, REG_MEMORY_WINDOW);
	uint32_t prefetch = config_read32(config, REG_PREFETCH_WINDOW),
		 high = config_read32(config, REG_IO_WINDOW_HIGH);

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
		info->prefetch.base |= (uint64_t)config_read32(config, REG_PREFETCH_BASE_HIGH)
				       << 32;
		info->prefetch.limit |= (uint64_t)config_read32(config, REG_PREFETCH_LIMIT_HIGH)
					<< 32;
	}
}

/* ---- the header ---- */

int pci_read_info(const struct pci_config *config, struct pci_info *info)
{
	uint32_t id = config_read32(config, REG_ID), class = config_read32(config, REG_CLASS),
		 header = config_read8(config, REG_HEADER), subsystem;

	*info = (struct pci_info){ 0 };
	if (!pci_is_present(config))
		return -1;
	info->vendor = id & 0xffff;
	info->device = id >> 16;
	info->revision = class & 0xff;
	info->class_interface = class >> 8 & 0xff;
	info->class_sub = class >> 16 & 0xff;
	info->class_base = class >> 24;
	info->header = header & 0x7f;
	info->multifunction = header >> 7;
	info->line = config_read8(config, REG_LINE);
	info->pin = config_read8(config, REG_PIN);
	if (!info->header) {
		subsystem = config_read32(config, REG_SUBSYSTEM);
		info->subvendor = subsystem & 0xffff;
		info->subdevice = subsystem >> 16;
	} else if (info->header == 1) {
		subsystem = config_read32(config, REG_BUSES);
		info->primary = subsystem & 0xff;
		info->secondary = subsystem >> 8 & 0xff;
		info->subordinate = subsystem >> 16 & 0xff;
		info_read_windows(config, info);
	}
	info->cap_pm = config_capability(config, CAP_PM, 8);
	info->cap_af = config_capability(config, CAP_AF, 6);
	info_read_messages(config, info);
	info_read_express(config, info);
	return 0;
}

/* ---- bars ---- */

static uint32_t config_probe32(const struct pci_config *config, uint32_t offset)
{
	uint32_t old = config_read32(config, offset), mask;

	config->write(config->context, offset, 4, 0xffffffff);
	mask = config_read32(config, offset);
	config->write(config->context, offset, 4, old);
	return mask;
}

/* The lowest bit that can be written is the size: the bits above should be ones, but a faulty device may differ. */
static uint64_t bar_size_of_mask(uint64_t mask)
{
	return mask & -mask;
}

static void bar_size_ports(struct pci_bar *bar, uint32_t old, uint32_t mask)
{
	bar->kind = BAR_PORTS;
	bar->start = old & ~3u;
	bar->length = bar_size_of_mask(mask & 0xfffc);
	if (!bar->length || bar->start > PORT_LIMIT - bar->length)
		bar->start = 0;
}

/* @return how many registers it took */
static uint32_t bar_size_memory(const struct pci_config *config, struct pci_bar *bar,
				uint32_t offset, uint32_t old, uint32_t mask, int last)
{
	uint64_t wide = mask & ~15u;

	bar->kind = BAR_MEMORY;
	bar->prefetch = old >> 3 & 1;
	bar->is64 = (old & 6) == 4;
	bar->start = old & ~15u;
	if (bar->is64) {
		if (last) { /* its upper half would be beyond the header */
			bar->length = 0;
			return 1;
		}
		bar->start |= (uint64_t)config_read32(config, offset + 4) << 32;
		wide |= (uint64_t)config_probe32(config, offset + 4) << 32;
	}
	bar->length = bar_size_of_mask(wide);
	if (bar->length > ADDRESS_LIMIT)
		bar->length = 0;
	if (!bar->length || bar->start > ADDRESS_LIMIT - bar->length)
		bar->start = 0;
	if (bar->is64)
		return 2;
	return 1;
}

static uint32_t bar_size(const struct pci_config *config, struct pci_bar *bar, uint32_t index,
			 uint32_t count)
{
	uint32_t offset = REG_BAR + index * 4, old = config_read32(config, offset),
		 mask = config_probe32(config, offset), took = 1;

	if (!mask || mask == 0xffffffff) /* not implemented, or the device was removed */
		return 1;
	if (mask & 1)
		bar_size_ports(bar, old, mask);
	else
		took = bar_size_memory(config, bar, offset, old, mask, index + 1 == count);
	bar->start &= ~(bar->length - 1);
	bar->assigned = bar->start != 0;
	if (!bar->length)
		*bar = (struct pci_bar){ 0 };
	return took;
}

void pci_size_bars(const struct pci_config *config, struct pci_info *info)
{
	static const uint8_t bars_of_header[] = { 6, 2 };
	uint32_t command = config_read16(config, REG_COMMAND), count = 0;

	if (info->header < sizeof(bars_of_header))
		count = bars_of_header[info->header];
	for (uint32_t i = 0; i < PCI_BARS; i++)
		info->bars[i] = (struct pci_bar){ 0 };
	config->write(config->context, REG_COMMAND, 2,
		      command & ~(uint32_t)(COMMAND_PORTS | COMMAND_MEMORY));
	for (uint32_t i = 0; i < count;)
		i += bar_size(config, &info->bars[i], i, count);
	config->write(config->context, REG_COMMAND, 2, command);
}

void pci_write_bar(const struct pci_config *config, uint32_t index, const struct pci_bar *bar)
{
	config->write(config->context, REG_BAR + index * 4, 4, bar->start & 0xffffffff);
	if (bar->is64)
		config->write(config->context, REG_BAR + index * 4 + 4, 4, bar->start >> 32);
}

/* ---- text ---- */

struct text {
	char *cursor, *end;
};

static void text_put(struct text *text, char character)
{
	if (text->cursor < text->end)
		*text->cursor++ = character;
}

static void text_put_hex(struct text *text, const char *name, uint32_t value, int digits)
{
	while (*name)
		text_put(text, *name++);
	while (digits--)
		text_put(text, "0123456789ABCDEF"[value >> digits * 4 & 15]);
}

void pci_alias(const struct pci_info *info, char *text, size_t size)
{
	struct text out = { text, text + size - 1 };

	text_put_hex(&out, "pci:v", info->vendor, 8);
	text_put_hex(&out, "d", info->device, 8);
	text_put_hex(&out, "sv", info->subvendor, 8);
	text_put_hex(&out, "sd", info->subdevice, 8);
	text_put_hex(&out, "bc", info->class_base, 2);
	text_put_hex(&out, "sc", info->class_sub, 2);
	text_put_hex(&out, "i", info->class_interface, 2);
	*out.cursor = 0;
}

/* ---- space ---- */

uint64_t pci_find_room(const struct pci_window *window, const struct pci_window *used,
		       size_t used_count, uint64_t length)
{
	uint64_t start, next;

	if (!length || window->base > window->limit)
		return 0;
	start = (window->base + length - 1) & ~(length - 1);
	if (!start)
		start = length;
	while (start >= window->base && start <= window->limit &&
	       length - 1 <= window->limit - start) {
		const struct pci_window *hit = NULL;

		for (size_t i = 0; i < used_count && !hit; i++)
			if (used[i].base <= start + length - 1 && used[i].limit >= start)
				hit = &used[i];
		if (!hit)
			return start;
		next = (hit->limit + length) & ~(length - 1);
		if (hit->limit >= window->limit || next <= start)
			return 0;
		start = next;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Addresses to names.
 *
 * The kernel's table is made after the first link (scripts/gen-ksyms.py): the
 * distance from each function to the next, and the names, compressed: a byte
 * from 128 on stands for a pair of others. It is read from the start: its
 * callers are about to print, so that speed does not matter. Drivers add ranges with their own
 * look-up. Readers take no lock, so that a panic can read: ranges are linked by
 * one store and freed after a grace period.
 */
#include <kernel/printk.h>
#include <kernel/rcu.h>
#include <kernel/spinlock.h>
#include <kernel/string.h>
#include <kernel/symbols.h>
#include "internal.h"

extern const u32 ksym_count;
extern const u16 ksym_distance[];
extern const u8 ksym_pairs[][2], ksym_names[];
extern const u8 _text[], _etext[];

static struct symbol_range *ranges;
static DEFINE_SPINLOCK(ranges_lock);

/* Append what @p code stands for. */
static u32 name_expand(char *out, u32 length, u8 code, u32 depth)
{
	if (code >= 128 && depth < 16) {
		length = name_expand(out, length, ksym_pairs[code - 128][0], depth + 1);
		return name_expand(out, length, ksym_pairs[code - 128][1], depth + 1);
	}
	if (length < SYMBOL_NAME_MAX - 1)
		out[length++] = code;
	return length;
}

/* The name at @p packed into @p out. @return the next one's place */
static const u8 *name_read(const u8 *packed, char *out)
{
	u32 length = 0;

	for (u32 i = 1; i <= packed[0]; i++)
		length = name_expand(out, length, packed[i], 0);
	out[length] = 0;
	return packed + 1 + packed[0];
}

static bool kernel_lookup(u64 addr, struct symbol_name *out)
{
	u32 off = addr - (u64)_text, start = 0, next = 0, i;
	const u8 *name = ksym_names;

	if (!ksym_count || off < ksym_distance[0])
		return false;
	for (i = 0; i < ksym_count; i++) {
		start += ksym_distance[i];
		if (i + 1 < ksym_count)
			next = start + ksym_distance[i + 1];
		else
			next = (u32)(_etext - _text);
		if (off < next)
			break;
		name += 1 + name[0];
	}
	out->module = NULL;
	out->offset = off - start;
	out->size = next - start;
	name_read(name, out->name);
	return true;
}

bool symbol_lookup(u64 addr, struct symbol_name *out)
{
	if (addr >= (u64)_text && addr < (u64)_etext)
		return kernel_lookup(addr, out);
	for (struct symbol_range *range = rcu_dereference(ranges); range;
	     range = rcu_dereference(range->next))
		if (addr >= range->start && addr < range->end)
			return range->lookup(range, addr, out);
	return false;
}

u64 symbol_address(const char *wanted)
{
	const u8 *packed = ksym_names;
	u64 address = (u64)_text;
	char name[SYMBOL_NAME_MAX];

	for (u32 i = 0; i < ksym_count; i++) {
		address += ksym_distance[i];
		packed = name_read(packed, name);
		if (!strcmp(name, wanted))
			return address;
	}
	return 0;
}

void symbol_range_add(struct symbol_range *range)
{
	spin_lock(&ranges_lock);
	range->next = ranges;
	rcu_assign_pointer(ranges, range);
	spin_unlock(&ranges_lock);
}

void symbol_range_remove(struct symbol_range *range)
{
	spin_lock(&ranges_lock);
	for (struct symbol_range **place = &ranges; *place; place = &(*place)->next)
		if (*place == range) {
			rcu_assign_pointer(*place, range->next);
			break;
		}
	spin_unlock(&ranges_lock);
}

void symbols_show_drivers(void)
{
	char line[256];
	size_t length = 0;

	for (struct symbol_range *range = rcu_dereference(ranges); range;
	     range = rcu_dereference(range->next))
		length += scnprintf(line + length, sizeof(line) - length, " %s", range->name);
	if (length)
		pr_err("drivers%s\n", line);
}

size_t symbol_format(char *buf, size_t size, u64 addr, bool is_return)
{
	struct symbol_name symbol;

	if (!symbol_lookup(addr - is_return, &symbol))
		return scnprintf(buf, size, "0x%lx", addr);
	symbol.offset += is_return;
	if (symbol.module)
		return scnprintf(buf, size, "%s+%s+0x%lx", symbol.module, symbol.name,
				 symbol.offset);
	return scnprintf(buf, size, "%s+0x%lx/0x%lx", symbol.name, symbol.offset, symbol.size);
}

/* %pS of the formatter. */
static size_t format_symbol(char *buf, size_t size, u64 addr)
{
	return symbol_format(buf, size, addr, false);
}

void symbols_init(void)
{
	format_symbol_hook = format_symbol;
}

/* SPDX-License-Identifier: MIT */
/*
 * Addresses to names.
 *
 * The kernel's table is made after the first link (scripts/gen-ksyms.py): the
 * distance from each function to the next, and the names, compressed: a byte
 * stands for a character or for a pair of others. It is read from the start: its
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
extern const u8 ksym_distance[], ksym_names[];
extern const u8 ksym_pairs[][2]; /* behind each code: a character and 0, or two codes */
extern const u8 _text[], _etext[];

#define DISTANCE_FAR 255  /* in front of a distance of two bytes */
#define NAME_END     '\n' /* behind each name */
#define DEPTH_MAX    16	  /* of pairs in pairs */

static struct symbol_range *ranges;
static DEFINE_SPINLOCK(ranges_lock);

static u32 distance_read(const u8 **packed)
{
	u32 distance = *(*packed)++;

	if (distance == DISTANCE_FAR) {
		distance = (*packed)[0] | (u32)(*packed)[1] << 8;
		*packed += 2;
	}
	return distance;
}

/* Append what @p code stands for, without the end. */
static u32 name_expand(char *out, u32 length, u8 code, u32 depth)
{
	const u8 *pair = ksym_pairs[code];

	if (pair[1] && depth < DEPTH_MAX) {
		length = name_expand(out, length, pair[0], depth + 1);
		return name_expand(out, length, pair[1], depth + 1);
	}
	if (pair[0] != NAME_END && length < SYMBOL_NAME_MAX - 1)
		out[length++] = pair[0];
	return length;
}

/* Is @p code the last one of its name? */
static bool name_ends(u8 code)
{
	while (ksym_pairs[code][1])
		code = ksym_pairs[code][1];
	return ksym_pairs[code][0] == NAME_END;
}

/* The name at @p packed into @p out. @return the next one's place */
static const u8 *name_read(const u8 *packed, char *out)
{
	u32 length = 0;

	do
		length = name_expand(out, length, *packed, 0);
	while (!name_ends(*packed++));
	out[length] = 0;
	return packed;
}

static const u8 *name_skip(const u8 *packed)
{
	while (!name_ends(*packed))
		packed++;
	return packed + 1;
}

static bool kernel_lookup(u64 addr, struct symbol_name *out)
{
	u32 off = addr - (u64)_text, start = 0, next = 0, i;
	const u8 *name = ksym_names, *distance = ksym_distance;

	if (ksym_count)
		next = distance_read(&distance);
	if (!ksym_count || off < next)
		return false;
	for (i = 0; i < ksym_count; i++) {
		start = next;
		if (i + 1 < ksym_count)
			next = start + distance_read(&distance);
		else
			next = (u32)(_etext - _text);
		if (off < next)
			break;
		name = name_skip(name);
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
	const u8 *packed = ksym_names, *distance = ksym_distance;
	u64 address = (u64)_text;
	char name[SYMBOL_NAME_MAX];

	for (u32 i = 0; i < ksym_count; i++) {
		address += distance_read(&distance);
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

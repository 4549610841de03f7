/* SPDX-License-Identifier: MIT */
/* Targets: the pure parts of drivers/fs/fat. */
#include <stdlib.h>
#include <string.h>
#include "../../drivers/fs/fat/date.h"
#include "../../drivers/fs/fat/layout.h"
#include "../../drivers/fs/fat/name.h"
#include "../../drivers/fs/fat/options.h"
#include "pure.h"

static void fuzz_boot(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint64_t store = take_bytes(&bytes, 6);
	uint8_t boot[FAT_BOOT_BYTES] = { 0 }, info[FAT_INFO_BYTES] = { 0 }, entry[4] = { 0 };
	struct fat_layout layout;
	uint32_t last, free, next;

	memcpy(boot, bytes.at, bytes.left < sizeof(boot) ? bytes.left : sizeof(boot));
	if (bytes.left > sizeof(boot))
		memcpy(info, bytes.at + sizeof(boot),
		       bytes.left - sizeof(boot) < sizeof(info) ? bytes.left - sizeof(boot)
								: sizeof(info));
	if (fat_layout_parse(boot, store, &layout))
		return;
	last = layout.clusters + FAT_CLUSTER_MIN - 1;
	require(layout.clusters && fat_is_cluster(&layout, last) &&
			!fat_is_cluster(&layout, last + 1),
		"clusters are counted");
	require(fat_cluster_offset(&layout, last) + layout.cluster_bytes <= store,
		"clusters lie on the disk");
	require(fat_entry_offset(&layout, last) + fat_entry_bytes(&layout) <= layout.table_bytes,
		"the table has an entry for each");
	require(layout.table_offset + layout.tables * layout.table_bytes <= layout.data_offset &&
			layout.root_offset + layout.root_bytes <= layout.data_offset,
		"nothing overlaps");
	require(layout.table_used < layout.tables, "the table exists");
	fat_entry_set(&layout, last, entry, last);
	require(fat_entry_get(&layout, last, entry) == last, "an entry is what was set");
	fat_info_parse(&layout, info, &free, &next);
	require(fat_is_cluster(&layout, next) && (free == FAT_UNKNOWN || free <= layout.clusters),
		"what is said of free clusters can be");
}

/* ---- names ---- */

static void name_show(const uint16_t *units, uint32_t count)
{
	uint16_t back[FAT_NAME_UNITS];
	char text[4 * FAT_NAME_UNITS];
	uint32_t bytes = fat_units_to_utf8(units, count, text, sizeof(text));

	require(fat_long_valid(units, count), "names are names");
	require(bytes && !memchr(text, 0, bytes) && !memchr(text, '/', bytes),
		"nothing in them ends a name");
	require(fat_units_from_utf8(text, bytes, back) == (int32_t)count, "they can be looked up");
}

static void fuzz_entries(const uint8_t *data, size_t size)
{
	struct fat_name_style style = { .show_flags = size & 1, .page_850 = size & 2 };
	uint16_t units[FAT_SHORT_UNITS];
	struct fat_long name = { 0 };

	for (; size >= FAT_SLOT_BYTES; data += FAT_SLOT_BYTES, size -= FAT_SLOT_BYTES) {
		uint8_t *entry = exact_copy(data, FAT_SLOT_BYTES);
		uint32_t count;

		if (fat_entry_is_long(entry)) {
			fat_long_take(&name, entry);
		} else {
			count = fat_long_end(&name, entry);
			require(count <= FAT_NAME_UNITS, "a name has its limit");
			if (count)
				name_show(name.units, count);
			count = fat_short_show(entry, &style, units);
			if (count)
				name_show(units, count);
		}
		free(entry);
	}
}

/* A long name, as it is stored and read again. */
static void slots_check(const uint16_t *units, uint32_t count, const uint8_t *alias)
{
	struct fat_long name = { 0 };
	uint8_t slot[FAT_SLOT_BYTES], checksum = fat_short_checksum(alias);

	for (uint32_t part = fat_slots_of(count); part; part--) {
		fat_slot_make(units, count, part, checksum, slot);
		require(fat_entry_is_long(slot), "parts are parts");
		fat_long_take(&name, slot);
	}
	require(fat_long_end(&name, alias) == count &&
			!memcmp(name.units, units, count * sizeof(*units)),
		"a long name is what was stored");
}

static void fuzz_names(const uint8_t *data, size_t size)
{
	struct fat_name_style style = { .show_flags = true, .store_flags = size & 1 };
	uint16_t units[FAT_NAME_UNITS], shown[FAT_SHORT_UNITS];
	uint8_t entry[FAT_SLOT_BYTES] = { 0 };
	char *text = exact_copy(data, size);
	int32_t count = fat_units_from_utf8(text, (uint32_t)size, units);
	enum fat_short_kind kind;
	struct fat_short name;

	free(text);
	if (count > 0)
		count = fat_name_check(units, (uint32_t)count);
	if (count <= 0)
		return;
	kind = fat_short_make(units, (uint32_t)count, &style, &name);
	if (kind == FAT_SHORT_NONE)
		return;
	memcpy(entry, name.name, FAT_SHORT_BYTES);
	entry[FAT_AT_CASE] = name.case_bits;
	if (kind == FAT_SHORT_WHOLE) {
		uint32_t length = fat_short_show(entry, &style, shown);

		require(length == (uint32_t)count && !memcmp(shown, units, length * sizeof(*units)),
			"a short name that says all does");
	}
	if (kind == FAT_SHORT_NUMBER)
		fat_short_number(&name, 9, entry);
	require(fat_short_show(entry, &style, shown), "each short name can be shown");
	fat_short_digits(&name, (uint32_t)size * 2654435761u, entry);
	require(fat_short_show(entry, &style, shown), "with digits, too");
	if (fat_long_valid(units, (uint32_t)count))
		slots_check(units, (uint32_t)count, entry);
}

static void fuzz_rest(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint32_t date = (uint32_t)take_bytes(&bytes, 2), time = (uint32_t)take_bytes(&bytes, 2);
	uint32_t hundredths = (uint32_t)take_bytes(&bytes, 1);
	int64_t ns = (int64_t)take_bytes(&bytes, 8);
	char *text = malloc(size + 1);
	struct fat_options options;

	require(fat_date_parse(date, time, hundredths) > 0, "each date is one");
	fat_date_make(ns, &date, &time, &hundredths);
	require(date <= 0xffff && time <= 0xffff && hundredths <= 199, "a date fits");
	require((date >> 5 & 15) >= 1 && (date >> 5 & 15) <= 12 && (date & 31) >= 1,
		"and is a day of a month");
	memcpy(text, data, size);
	text[size] = 0;
	(void)fat_options_parse(text, &options);
	free(text);
}

const struct fuzz_target fat_targets[] = { { "fat-boot", fuzz_boot },
					   { "fat-entries", fuzz_entries },
					   { "fat-names", fuzz_names },
					   { "fat-rest", fuzz_rest },
					   { 0 } };

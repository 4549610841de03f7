// SPDX-License-Identifier: MIT
/* The boot sector, the FSInfo sector, entries of the table: layout.h. */
#include <stddef.h>
#include "bytes.h"
#include "layout.h"

#define BOOT_SECTOR_BYTES    11
#define BOOT_CLUSTER_SECTORS 13
#define BOOT_RESERVED	     14
#define BOOT_TABLES	     16
#define BOOT_ROOT_ENTRIES    17
#define BOOT_SECTORS_16	     19
#define BOOT_MEDIA	     21
#define BOOT_TABLE_SECTORS   22
#define BOOT_SECTORS_32	     32
#define BOOT_STATE	     37 /* FAT12, FAT16 */
#define BOOT_TABLE_SECTORS32 36 /* FAT32 */
#define BOOT_FLAGS	     40
#define BOOT_VERSION	     42
#define BOOT_ROOT_CLUSTER    44
#define BOOT_INFO	     48
#define BOOT_STATE_32	     65

#define FLAG_NOT_MIRRORED 0x80u
#define TABLES_MAX	  15u
#define FAT12_CLUSTERS	  4085u /* fewer are FAT12 */
#define FAT16_CLUSTERS	  65525u
#define FAT32_CLUSTERS	  0x0ffffff5u

#define INFO_MAGIC_1 0x41615252u
#define INFO_MAGIC_2 0x61417272u
#define INFO_KIND    484
#define INFO_FREE    488
#define INFO_NEXT    492

static bool boot_is_power(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* What a sector of something else does not have. */
static bool boot_is_likely(const uint8_t *boot)
{
	uint32_t sector_bytes = fat_get16(boot + BOOT_SECTOR_BYTES);

	return (boot[BOOT_MEDIA] >= 0xf8 || boot[BOOT_MEDIA] == 0xf0) &&
	       boot_is_power(sector_bytes) && sector_bytes >= 512 && sector_bytes <= 4096 &&
	       boot_is_power(boot[BOOT_CLUSTER_SECTORS]) && fat_get16(boot + BOOT_RESERVED) &&
	       boot[BOOT_TABLES] && boot[BOOT_TABLES] <= TABLES_MAX;
}

/* The state byte, the label and the serial number lie behind a signature; without it code may lie there. */
static void boot_take_names(const uint8_t *boot, uint32_t state, struct fat_layout *layout)
{
	uint32_t used = 11;
	const uint8_t *label = boot + state + 6;

	layout->has_state = boot[state + 1] == 0x28 || boot[state + 1] == 0x29;
	layout->state_offset = state;
	layout->label[0] = 0;
	if (!layout->has_state)
		return;
	layout->serial = fat_get32(boot + state + 2);
	while (used && (label[used - 1] == ' ' || !label[used - 1]))
		used--;
	for (uint32_t i = 0; i < used; i++)
		layout->label[i] = label[i] >= ' ' && label[i] < 127 ? (char)label[i] : '_';
	layout->label[used] = 0;
}

static const char *boot_take_fat32(const uint8_t *boot, struct fat_layout *layout)
{
	uint32_t flags = fat_get16(boot + BOOT_FLAGS), info = fat_get16(boot + BOOT_INFO);

	layout->bits = 32;
	if (fat_get16(boot + BOOT_VERSION))
		return "its version is newer than what is known";
	if (flags & FLAG_NOT_MIRRORED) {
		layout->mirrored = false;
		layout->table_used = flags & 15;
	}
	if (layout->table_used >= layout->tables)
		return "the table that is used does not exist";
	if (info && info != 0xffff && info < fat_get16(boot + BOOT_RESERVED))
		layout->info_offset = (uint64_t)info * layout->sector_bytes;
	layout->root_cluster = fat_get32(boot + BOOT_ROOT_CLUSTER);
	boot_take_names(boot, BOOT_STATE_32, layout);
	return NULL;
}

/* The number of clusters, and with it the width. */
static const char *layout_count(struct fat_layout *layout)
{
	uint64_t clusters = (layout->bytes - layout->data_offset) >> layout->cluster_shift;
	uint64_t entries;

	if (!layout->bits)
		layout->bits = clusters < FAT12_CLUSTERS ? 12 : 16;
	if (layout->bits == 32 && clusters > FAT32_CLUSTERS)
		return "it has too many clusters";
	if (layout->bits == 16 && clusters >= FAT16_CLUSTERS + 11)
		return "it has too many clusters for FAT16";
	/* What the table has no entries for cannot be used. */
	entries = layout->table_bytes * 8 / layout->bits;
	if (entries <= FAT_CLUSTER_MIN)
		return "its table is too small";
	if (clusters > entries - FAT_CLUSTER_MIN)
		clusters = entries - FAT_CLUSTER_MIN;
	layout->clusters = (uint32_t)clusters;
	if (!clusters)
		return "it has no clusters";
	if (layout->bits == 32 && !fat_is_cluster(layout, layout->root_cluster))
		return "its root folder does not lie on it";
	return NULL;
}

const char *fat_layout_parse(const uint8_t boot[FAT_BOOT_BYTES], uint64_t bytes,
			     struct fat_layout *layout)
{
	uint64_t sectors = fat_get16(boot + BOOT_SECTORS_16);
	uint64_t table_sectors = fat_get16(boot + BOOT_TABLE_SECTORS);
	const char *why = NULL;

	if (!boot_is_likely(boot))
		return "";
	*layout = (struct fat_layout){
		.sector_bytes = fat_get16(boot + BOOT_SECTOR_BYTES),
		.tables = boot[BOOT_TABLES],
		.mirrored = true,
	};
	layout->cluster_bytes = layout->sector_bytes * boot[BOOT_CLUSTER_SECTORS];
	while (1u << layout->cluster_shift < layout->cluster_bytes)
		layout->cluster_shift++;
	if (!sectors)
		sectors = fat_get32(boot + BOOT_SECTORS_32);
	layout->bytes = sectors * layout->sector_bytes;
	if (!table_sectors) {
		table_sectors = fat_get32(boot + BOOT_TABLE_SECTORS32);
		why = boot_take_fat32(boot, layout);
	} else {
		boot_take_names(boot, BOOT_STATE, layout);
	}
	layout->table_bytes = table_sectors * layout->sector_bytes;
	layout->table_offset = (uint64_t)fat_get16(boot + BOOT_RESERVED) * layout->sector_bytes;
	layout->root_offset = layout->table_offset + layout->table_bytes * layout->tables;
	if (layout->bits != 32)
		layout->root_bytes =
			(uint64_t)fat_get16(boot + BOOT_ROOT_ENTRIES) * FAT_ENTRY_BYTES;
	layout->data_offset =
		(layout->root_offset + layout->root_bytes + layout->sector_bytes - 1) /
		layout->sector_bytes * layout->sector_bytes;
	if (why)
		return why;
	if (layout->bits != 32 && !layout->root_bytes)
		return "its root folder has no room";
	if (layout->bytes > bytes)
		return "it is larger than the disk";
	if (!sectors || layout->data_offset >= layout->bytes)
		return "it has no room for data";
	return layout_count(layout);
}

/* ---- entries of the table ---- */

uint64_t fat_entry_offset(const struct fat_layout *layout, uint32_t cluster)
{
	if (layout->bits == 12)
		return (uint64_t)cluster + cluster / 2;
	return (uint64_t)cluster * (layout->bits / 8);
}

uint32_t fat_entry_bytes(const struct fat_layout *layout)
{
	if (layout->bits == 32)
		return 4;
	return 2;
}

uint32_t fat_entry_get(const struct fat_layout *layout, uint32_t cluster, const uint8_t *at)
{
	uint32_t value, ones;

	if (layout->bits == 32) {
		value = fat_get32(at) & 0x0fffffff;
		ones = 0x0fffffff;
	} else if (layout->bits == 16) {
		value = fat_get16(at);
		ones = 0xffff;
	} else {
		value = cluster & 1 ? fat_get16(at) >> 4 : fat_get16(at) & 0xfff;
		ones = 0xfff;
	}
	if (value >= (ones & ~7u))
		return FAT_END;
	if (value == ones - 8)
		return FAT_BAD;
	return value;
}

void fat_entry_set(const struct fat_layout *layout, uint32_t cluster, uint8_t *at, uint32_t value)
{
	uint32_t before = fat_get16(at);

	if (layout->bits == 32)
		fat_put32(at, (fat_get32(at) & 0xf0000000) | (value & 0x0fffffff));
	else if (layout->bits == 16)
		fat_put16(at, value);
	else if (cluster & 1)
		fat_put16(at, (before & 15) | (value & 0xfff) << 4);
	else
		fat_put16(at, (before & 0xf000) | (value & 0xfff));
}

/* ---- FSInfo ---- */

bool fat_info_valid(const uint8_t info[FAT_INFO_BYTES])
{
	return fat_get32(info) == INFO_MAGIC_1 && fat_get32(info + INFO_KIND) == INFO_MAGIC_2;
}

void fat_info_parse(const struct fat_layout *layout, const uint8_t info[FAT_INFO_BYTES],
		    uint32_t *free, uint32_t *next)
{
	*free = FAT_UNKNOWN;
	*next = FAT_CLUSTER_MIN;
	if (!fat_info_valid(info))
		return;
	if (fat_get32(info + INFO_FREE) <= layout->clusters)
		*free = fat_get32(info + INFO_FREE);
	if (fat_is_cluster(layout, fat_get32(info + INFO_NEXT)))
		*next = fat_get32(info + INFO_NEXT);
}

void fat_info_set(uint8_t info[FAT_INFO_BYTES], uint32_t free, uint32_t next)
{
	fat_put32(info + INFO_FREE, free);
	fat_put32(info + INFO_NEXT, next);
}

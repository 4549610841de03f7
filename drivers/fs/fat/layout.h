/* SPDX-License-Identifier: MIT */
/**
 * @file layout.h  Where on a FAT volume what lies: the boot sector, the FSInfo sector, entries of the table. Pure.
 *
 * Sources: Microsoft, "FAT: General Overview of On-Disk Format", 1.03; what mkfs.fat, mtools and BusyBox really write. A volume whose
 * 16-bit field of sectors in a table is 0 is FAT32, however few clusters it has; else the number of clusters decides.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FAT_BOOT_BYTES	 512u
#define FAT_ENTRY_BYTES	 32u
#define FAT_INFO_BYTES	 512u
#define FAT_CLUSTER_MIN	 2u /* number of the first one */
#define FAT_FREE	 0u /* entries of the table, for every width */
#define FAT_BAD		 0xfffffff7u
#define FAT_END		 0xffffffffu
#define FAT_UNKNOWN	 0xffffffffu /* number of free clusters */
#define FAT_SECTOR_BYTES 512u	     /* what a disk writes at once */
#define FAT_STATE_DIRTY	 1u

struct fat_layout {
	uint32_t bits; /* 12, 16, 32 */
	uint32_t sector_bytes, cluster_bytes, cluster_shift;
	uint32_t clusters;   /* their numbers are 2 to clusters + 1 */
	uint32_t tables;     /* copies of the table */
	uint32_t table_used; /* that is read, and the only one that is written unless mirrored */
	bool mirrored;
	bool has_state; /* the boot sector says whether the volume was left properly */
	uint32_t state_offset;
	uint32_t root_cluster; /* FAT32 */
	uint64_t table_offset, table_bytes;
	uint64_t root_offset, root_bytes; /* FAT12, FAT16 */
	uint64_t data_offset;
	uint64_t info_offset; /* of the FSInfo sector; 0: there is none */
	uint64_t bytes;	      /* of all */
	char label[12];	      /* as the boot sector has it */
	uint32_t serial;
};

/** @brief Read a boot sector. @param bytes  of the disk. @return NULL; why not; "": nothing looks like FAT */
const char *fat_layout_parse(const uint8_t boot[FAT_BOOT_BYTES], uint64_t bytes,
			     struct fat_layout *layout);

static inline bool fat_is_cluster(const struct fat_layout *layout, uint32_t cluster)
{
	return cluster >= FAT_CLUSTER_MIN && cluster - FAT_CLUSTER_MIN < layout->clusters;
}

static inline uint64_t fat_cluster_offset(const struct fat_layout *layout, uint32_t cluster)
{
	return layout->data_offset +
	       ((uint64_t)(cluster - FAT_CLUSTER_MIN) << layout->cluster_shift);
}

/** @brief Where in the table a cluster's entry begins: bytes from the table's beginning. */
uint64_t fat_entry_offset(const struct fat_layout *layout, uint32_t cluster);
/** @brief How many bytes it touches. */
uint32_t fat_entry_bytes(const struct fat_layout *layout);
/** @brief The entry whose bytes begin at @p at: a cluster, FAT_FREE, FAT_BAD, FAT_END; a number that is none of a cluster stays what it is. */
uint32_t fat_entry_get(const struct fat_layout *layout, uint32_t cluster, const uint8_t *at);
/** @brief Set it. Bits that are another's, or reserved, stay. */
void fat_entry_set(const struct fat_layout *layout, uint32_t cluster, uint8_t *at, uint32_t value);

/** @brief Free clusters and the place to search from as an FSInfo sector says; FAT_UNKNOWN if it cannot be. */
void fat_info_parse(const struct fat_layout *layout, const uint8_t info[FAT_INFO_BYTES],
		    uint32_t *free, uint32_t *next);
/** @brief Is it one? */
bool fat_info_valid(const uint8_t info[FAT_INFO_BYTES]);
void fat_info_set(uint8_t info[FAT_INFO_BYTES], uint32_t free, uint32_t next);

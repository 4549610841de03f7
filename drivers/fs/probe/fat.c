// SPDX-License-Identifier: MIT
/*
 * FAT: the boot sector, which has no signature of its own. So each number in it is checked against the others: the boot
 * sectors of NTFS and exFAT, and of partition tables, fail here.
 *
 * The label is the volume's entry in the root folder; what the boot sector says was often never changed.
 */
#include <stdbool.h>
#include "magic.h"

#define FAT_SECTOR_MIN	 512u
#define FAT_SECTOR_MAX	 4096u
#define FAT_ENTRY_BYTES	 32u
#define FAT_FOLDER_MAX	 (256u << 10) /* bytes that are looked through */
#define FAT_CLUSTERS_END 0xffffff7u
#define FAT_VOLUME	 0x08u
#define FAT_LONG_NAME	 0x0fu
#define FAT_DELETED	 0xe5u
#define FAT_SHORT_SERIAL 38u /* of FAT12 and 16: a mark, then the serial number */
#define FAT_LONG_SERIAL	 66u /* of FAT32 */

struct fat_shape {
	uint64_t root, root_bytes; /* the root folder, or its cluster in hand; offsets in bytes */
	uint64_t table, data;	   /* the first copy of the table, the first cluster */
	uint32_t cluster;	   /* of the root folder; 0: it is not made of clusters */
	uint32_t cluster_bytes;
	uint32_t serial; /* where the mark is */
};

static bool is_power(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* To the cluster of the root folder; behind the last one: to none. */
static void fat_shape_go(struct fat_shape *shape)
{
	if (shape->cluster < 2 || shape->cluster >= FAT_CLUSTERS_END) {
		shape->cluster = 0;
		return;
	}
	shape->root = shape->data + (uint64_t)(shape->cluster - 2) * shape->cluster_bytes;
	shape->root_bytes = shape->cluster_bytes;
}

static bool fat_shape_read(const uint8_t *boot, uint64_t bytes, struct fat_shape *shape)
{
	uint32_t sector = magic_get16(boot + 11), cluster = boot[13];
	uint32_t reserved = magic_get16(boot + 14), copies = boot[16];
	uint32_t entries = magic_get16(boot + 17), length = magic_get16(boot + 22);
	uint64_t total = magic_get16(boot + 19) ? magic_get16(boot + 19) : magic_get32(boot + 32);
	uint64_t data;
	bool wide = !length;

	if (!is_power(sector) || sector < FAT_SECTOR_MIN || sector > FAT_SECTOR_MAX ||
	    !is_power(cluster) || !reserved || !copies || (boot[21] != 0xf0 && boot[21] < 0xf8))
		return false;
	if (wide)
		length = magic_get32(boot + 36);
	if (!length || wide != !entries || total > bytes / sector)
		return false;
	data = reserved + (uint64_t)copies * length;
	*shape = (struct fat_shape){
		.root = data * sector,
		.root_bytes = (uint64_t)entries * FAT_ENTRY_BYTES,
		.table = (uint64_t)reserved * sector,
		.cluster_bytes = cluster * sector,
		.serial = wide ? FAT_LONG_SERIAL : FAT_SHORT_SERIAL,
	};
	data += (shape->root_bytes + sector - 1) / sector;
	shape->data = data * sector;
	if (wide) {
		shape->cluster = magic_get32(boot + 44);
		fat_shape_go(shape);
	}
	return data < total && (!wide || shape->cluster);
}

/* @return behind the last entry that the folder has, in this piece: nothing follows */
static bool fat_label_in(const uint8_t *entries, uint32_t bytes, struct magic_found *found)
{
	for (uint32_t at = 0; at < bytes; at += FAT_ENTRY_BYTES) {
		const uint8_t *entry = entries + at;

		if (!entry[0])
			return true;
		if (entry[0] == FAT_DELETED || (entry[11] & FAT_LONG_NAME) == FAT_LONG_NAME ||
		    !(entry[11] & FAT_VOLUME))
			continue;
		magic_put_text(found->label, entry, 11);
		return true;
	}
	return false;
}

static int64_t fat_next_cluster(const struct magic_disk *disk, struct fat_shape *shape)
{
	uint64_t at = shape->table + 4ull * shape->cluster;
	uint8_t entry[4];
	int64_t err;

	if (at > disk->bytes - sizeof(entry))
		return 0;
	err = disk->read(disk->arg, at, entry, sizeof(entry));
	shape->cluster = magic_get32(entry) & 0xfffffff;
	fat_shape_go(shape);
	return err;
}

/* @return 1: nothing follows, 0, or an error */
static int64_t fat_search(const struct magic_disk *disk, const struct fat_shape *shape,
			  uint8_t *work, struct magic_found *found)
{
	for (uint64_t done = 0; done < shape->root_bytes; done += MAGIC_WORK_BYTES) {
		uint64_t left = shape->root_bytes - done, at = shape->root + done;
		uint32_t part = left < MAGIC_WORK_BYTES ? left : MAGIC_WORK_BYTES;
		int64_t err;

		if (at > disk->bytes || part > disk->bytes - at)
			return 1;
		err = disk->read(disk->arg, at, work, part);
		if (err)
			return err;
		if (fat_label_in(work, part, found))
			return 1;
	}
	return 0;
}

/* A chain that leads to itself ends after FAT_FOLDER_MAX, as any other one does. */
static int64_t fat_find_label(const struct magic_disk *disk, struct fat_shape *shape, uint8_t *work,
			      struct magic_found *found)
{
	uint64_t done = 0;
	int64_t result;

	do {
		result = fat_search(disk, shape, work, found);
		done += shape->root_bytes;
		if (!result && shape->cluster)
			result = fat_next_cluster(disk, shape);
	} while (!result && shape->cluster && done < FAT_FOLDER_MAX);
	if (result < 0)
		return result;
	return 0;
}

static void fat_put_serial(char *to, const uint8_t *mark)
{
	uint32_t serial = magic_get32(mark + 1);

	if (mark[0] == 0x28 || mark[0] == 0x29) {
		to = magic_put_hex(to, serial >> 16, 4, "0123456789ABCDEF");
		*to++ = '-';
		to = magic_put_hex(to, serial, 4, "0123456789ABCDEF");
	}
	*to = 0;
}

int64_t magic_fat(const struct magic_disk *disk, uint8_t *work, struct magic_found *found)
{
	struct fat_shape shape;
	int64_t err;

	if (disk->bytes < FAT_SECTOR_MIN)
		return 0;
	err = disk->read(disk->arg, 0, work, FAT_SECTOR_MIN);
	if (err)
		return err;
	if (!fat_shape_read(work, disk->bytes, &shape))
		return 0;
	*found = (struct magic_found){ .type = "vfat" };
	fat_put_serial(found->uuid, work + shape.serial);
	err = fat_find_label(disk, &shape, work, found);
	if (err)
		return err;
	return 1;
}

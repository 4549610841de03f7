// SPDX-License-Identifier: MIT
/*
 * Volume descriptors: what is on the disk (ECMA-119, section 8).
 *
 * They lie from sector 16 on, until one that ends them. The primary one is that of plain names and of Rock
 * Ridge, which the root folder's own record announces; a supplementary one with a certain escape sequence
 * is that of Joliet, with a tree of its own. Rock Ridge is preferred, as it has everything.
 */
#include "internal.h"

#define DESCRIPTOR_FIRST	 16u
#define DESCRIPTORS_MAX		 64u
#define DESCRIPTOR_PRIMARY	 1
#define DESCRIPTOR_SUPPLEMENTARY 2
#define DESCRIPTOR_END		 255

#define AT_LABEL  40
#define AT_BLOCKS 80
#define AT_ESCAPE 88
#define AT_BLOCK  128
#define AT_ROOT	  156
#define AT_MADE	  813

static bool descriptor_valid(const uint8_t *sector)
{
	static const char magic[] = "CD001";

	for (int i = 0; i < 5; i++)
		if (sector[1 + i] != (uint8_t)magic[i])
			return false;
	return true;
}

static bool descriptor_is_joliet(const uint8_t *sector)
{
	return sector[AT_ESCAPE] == '%' && sector[AT_ESCAPE + 1] == '/' &&
	       (sector[AT_ESCAPE + 2] == '@' || sector[AT_ESCAPE + 2] == 'C' ||
		sector[AT_ESCAPE + 2] == 'E');
}

static void volume_take_label(struct iso_volume *volume, const uint8_t *label)
{
	uint32_t used = 32;

	while (used && (label[used - 1] == ' ' || !label[used - 1]))
		used--;
	for (uint32_t i = 0; i < used; i++)
		volume->label[i] = label[i] >= ' ' && label[i] < 127 ? label[i] : '_';
	volume->label[used] = 0;
}

/* Its digits, in the form that blkid has for it. */
static void volume_take_uuid(struct iso_volume *volume, const uint8_t *date)
{
	char *to = volume->uuid;

	for (int i = 0; i < 16; i++)
		if (date[i] < '0' || date[i] > '9')
			return;
	for (int i = 0; i < 16; i++) {
		if (i >= 4 && !(i % 2))
			*to++ = '-';
		*to++ = date[i];
	}
	*to = 0;
}

static uint64_t descriptor_root(const uint8_t *sector, uint32_t block_bytes)
{
	return (uint64_t)iso_get32(sector + AT_ROOT + 2) * block_bytes;
}

static bool volume_take_primary(struct iso_volume *volume, const uint8_t *sector)
{
	uint32_t block_bytes = sector[AT_BLOCK] | sector[AT_BLOCK + 1] << 8;

	if (block_bytes < 512 || block_bytes > ISO_SECTOR || block_bytes & (block_bytes - 1))
		return false;
	volume->block_bytes = block_bytes;
	volume->blocks = iso_get32(sector + AT_BLOCKS);
	volume->root = descriptor_root(sector, block_bytes);
	volume_take_label(volume, sector + AT_LABEL);
	volume_take_uuid(volume, sector + AT_MADE);
	return true;
}

/* @return 1: the descriptors end; 0; or an error. @joliet: its root */
static int64_t volume_take_descriptor(struct iso_volume *volume, struct iso_work *work,
				      uint32_t index, uint64_t *joliet)
{
	const uint8_t *sector = work->sector;
	int64_t err =
		iso_load_sector(volume, work, (uint64_t)(DESCRIPTOR_FIRST + index) * ISO_SECTOR);

	if (err)
		return err;
	if (!descriptor_valid(sector) || sector[0] == DESCRIPTOR_END)
		return 1;
	if (sector[0] == DESCRIPTOR_PRIMARY && !volume->block_bytes &&
	    !volume_take_primary(volume, sector))
		return -ISO_EINVAL;
	if (sector[0] == DESCRIPTOR_SUPPLEMENTARY && volume->block_bytes && !*joliet &&
	    descriptor_is_joliet(sector))
		*joliet = descriptor_root(sector, volume->block_bytes);
	return 0;
}

/* Which tree? */
static int64_t volume_choose(struct iso_volume *volume, struct iso_work *work, uint64_t joliet)
{
	struct iso_record record;
	int64_t found = iso_record_get(volume, work, volume->root, &record);
	int skip = -1;

	if (found < 0)
		return found;
	if (found && volume->allow_rock)
		skip = iso_rock_announced(&record);
	if (skip >= 0) {
		volume->rock = true;
		volume->skip = skip;
	} else if (joliet && volume->allow_joliet) {
		volume->joliet = true;
		volume->root = joliet;
		found = iso_record_get(volume, work, joliet, &record);
	}
	if (found == 1 && record.flags & RECORD_FOLDER && record.at == record.data)
		return 0;
	if (found < 0)
		return found;
	return -ISO_EINVAL;
}

int64_t iso_open(struct iso_volume *volume, struct iso_work *work)
{
	uint64_t joliet = 0;
	int64_t end = 0;

	work->sector_at = ISO_NO_SECTOR;
	volume->block_bytes = 0;
	volume->rock = volume->joliet = false;
	volume->skip = 0;
	volume->label[0] = volume->uuid[0] = 0;
	if (volume->bytes < (DESCRIPTOR_FIRST + 1) * ISO_SECTOR)
		return -ISO_EINVAL;
	for (uint32_t i = 0; i < DESCRIPTORS_MAX && !end; i++)
		end = volume_take_descriptor(volume, work, i, &joliet);
	if (end < 0)
		return end;
	if (!volume->block_bytes)
		return -ISO_EINVAL;
	return volume_choose(volume, work, joliet);
}

// SPDX-License-Identifier: MIT
/*
 * The GUID partition table (UEFI specification, chapter 5): a header in the second block, an array
 * of entries, and copies of both at the end of the disk.
 *
 * There is one only if the master boot record has an entry of type ee: else the disk was
 * partitioned anew by something that knows no GPT, and what remains of one is stale. No more is
 * demanded of that record, since hybrid tables have real partitions beside it. A copy
 * counts if header and array have the sums that they state. If the first one does not, the
 * second is looked for where the first says, and in the last block. Where there is no trace of
 * either, nothing is damaged: the image of a disc often has a table for blocks of 512 bytes, which
 * a drive with blocks of 2048 can't find.
 *
 * The size of an entry is stated by the header (128 bytes nearly always), as is their number.
 */
#include "gpt.h"

#define MBR_ENTRIES	446
#define MBR_ENTRY_BYTES 16
#define MBR_SIGNATURE	510
#define MBR_TYPE_GPT	0xee

#define GPT_HEADER_MIN	92u
#define GPT_ENTRY_MIN	128u
#define GPT_ARRAY_MAX	(4u << 20) /* bytes */
#define GPT_NAME_UNITS	36
#define GPT_LEGACY_BOOT 4u /* attribute */
#define GPT_REPLACEMENT 0xfffdu
#define GPT_HEADER_CRC	16

struct gpt_header {
	uint64_t backup;       /* where the other copy is */
	uint64_t entries;      /* block of the array */
	uint64_t first, last;  /* blocks that partitions may use */
	uint32_t count, bytes; /* entries */
	uint32_t crc;	       /* of the array */
	bool seen;	       /* a copy, perhaps a damaged one */
};

static bool gpt_is_announced(const uint8_t *block)
{
	if (block[MBR_SIGNATURE] != 0x55 || block[MBR_SIGNATURE + 1] != 0xaa)
		return false;
	for (int i = 0; i < 4; i++)
		if (block[MBR_ENTRIES + i * MBR_ENTRY_BYTES + 4] == MBR_TYPE_GPT)
			return true;
	return false;
}

static bool gpt_has_magic(const uint8_t *block)
{
	static const char magic[] = "EFI PART";

	for (int i = 0; i < 8; i++)
		if (block[i] != (uint8_t)magic[i])
			return false;
	return true;
}

/* The sum is that of the header with zeroes in the place of the sum. */
static int64_t gpt_header_crc(gpt_crc_fn crc, const uint8_t *block, uint32_t bytes)
{
	static const uint8_t zeroes[4];
	int64_t sum = crc(0, block, GPT_HEADER_CRC);

	if (sum >= 0)
		sum = crc(sum, zeroes, sizeof(zeroes));
	if (sum >= 0)
		sum = crc(sum, block + GPT_HEADER_CRC + 4, bytes - GPT_HEADER_CRC - 4);
	return sum;
}

/* Do the header's own statements fit each other and the disk? */
static bool gpt_header_plausible(const struct table_disk *disk, const struct gpt_header *header)
{
	uint64_t blocks = disk->bytes / disk->block_bytes;
	uint64_t array = (uint64_t)header->count * header->bytes;

	if (header->bytes < GPT_ENTRY_MIN || header->bytes > TABLE_BLOCK_MAX || header->bytes % 8 ||
	    !header->count || array > GPT_ARRAY_MAX)
		return false;
	if (header->first > header->last || header->last >= blocks)
		return false;
	array = (array + disk->block_bytes - 1) / disk->block_bytes;
	return header->entries && header->entries < blocks && array <= blocks - header->entries;
}

/* @return 1: that is a header, 0: it is none; or an error */
static int64_t gpt_read_header(const struct table_disk *disk, gpt_crc_fn crc, uint8_t *block,
			       uint64_t at, struct gpt_header *header)
{
	uint32_t bytes;
	int64_t sum, err;

	if (at < 1 || at >= disk->bytes / disk->block_bytes)
		return 0;
	err = disk->read(disk->arg, at * disk->block_bytes, block, disk->block_bytes);
	if (err)
		return err;
	if (!gpt_has_magic(block))
		return 0;
	header->seen = true;
	bytes = table_get32(block + 12);
	if (bytes < GPT_HEADER_MIN || bytes > disk->block_bytes)
		return 0;
	sum = gpt_header_crc(crc, block, bytes);
	if (sum < 0)
		return sum;
	if (sum != table_get32(block + GPT_HEADER_CRC) || table_get64(block + 24) != at)
		return 0;
	*header = (struct gpt_header){
		.backup = table_get64(block + 32),
		.first = table_get64(block + 40),
		.last = table_get64(block + 48),
		.entries = table_get64(block + 72),
		.count = table_get32(block + 80),
		.bytes = table_get32(block + 84),
		.crc = table_get32(block + 88),
		.seen = true,
	};
	return gpt_header_plausible(disk, header);
}

/* @return 1: the array has the sum that the header states, 0: not; or an error */
static int64_t gpt_check_array(const struct table_disk *disk, gpt_crc_fn crc, uint8_t *block,
			       const struct gpt_header *header)
{
	uint64_t left = (uint64_t)header->count * header->bytes;
	uint64_t at = header->entries * disk->block_bytes;
	int64_t sum = 0, err;

	while (left) {
		uint64_t part = left;

		if (part > disk->block_bytes)
			part = disk->block_bytes;
		err = disk->read(disk->arg, at, block, disk->block_bytes);
		if (err)
			return err;
		sum = crc(sum, block, part);
		if (sum < 0)
			return sum;
		at += disk->block_bytes;
		left -= part;
	}
	return sum == header->crc;
}

/* Header and array. */
static int64_t gpt_read_copy(const struct table_disk *disk, gpt_crc_fn crc, uint8_t *block,
			     uint64_t at, struct gpt_header *header)
{
	int64_t found = gpt_read_header(disk, crc, block, at, header);

	if (found == 1)
		found = gpt_check_array(disk, crc, block, header);
	return found;
}

/* ---- entries ---- */

/* As Microsoft writes them: the first three parts little endian. */
static void gpt_put_guid(char *to, const uint8_t *guid)
{
	to = table_put_hex(to, table_get32(guid), 8);
	*to++ = '-';
	to = table_put_hex(to, table_get16(guid + 4), 4);
	*to++ = '-';
	to = table_put_hex(to, table_get16(guid + 6), 4);
	*to++ = '-';
	to = table_put_hex(to, guid[8] << 8 | guid[9], 4);
	*to++ = '-';
	for (int i = 10; i < TABLE_GUID_BYTES; i++)
		to = table_put_hex(to, guid[i], 2);
	*to = 0;
}

static char *gpt_put_utf8(char *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = code;
		return to;
	}
	if (code < 0x800) {
		*to++ = 0xc0 | code >> 6;
	} else if (code < 0x10000) {
		*to++ = 0xe0 | code >> 12;
		*to++ = 0x80 | (code >> 6 & 63);
	} else {
		*to++ = 0xf0 | code >> 18;
		*to++ = 0x80 | (code >> 12 & 63);
		*to++ = 0x80 | (code >> 6 & 63);
	}
	*to++ = 0x80 | (code & 63);
	return to;
}

/* At most three bytes a unit: 108 and the NUL. Control characters have no place in a name. */
static void gpt_put_name(char *to, const uint8_t *name)
{
	for (int i = 0; i < GPT_NAME_UNITS; i++) {
		uint32_t unit = table_get16(name + 2 * i), low;

		if (!unit)
			break;
		if (unit < 0x20 || unit == 0x7f)
			unit = '_';
		if (unit >= 0xd800 && unit < 0xe000) {
			low = 0;
			if (i + 1 < GPT_NAME_UNITS)
				low = table_get16(name + 2 * i + 2);
			if (unit < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
				unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
				i++;
			} else {
				unit = GPT_REPLACEMENT;
			}
		}
		to = gpt_put_utf8(to, unit);
	}
	*to = 0;
}

static bool gpt_entry_used(const uint8_t *entry)
{
	for (int i = 0; i < TABLE_GUID_BYTES; i++)
		if (entry[i])
			return true;
	return false;
}

static int64_t gpt_report(const struct table_disk *disk, const struct gpt_header *header,
			  struct gpt_work *work, uint32_t number)
{
	const uint8_t *entry = work->entry;
	struct table_part *part = &work->part;
	uint64_t first = table_get64(entry + 32), last = table_get64(entry + 40);

	if (!gpt_entry_used(entry) || !first || first > last || first < header->first ||
	    last > header->last)
		return 0;
	*part = (struct table_part){
		.number = number,
		.offset = first * disk->block_bytes,
		.bytes = (last - first + 1) * disk->block_bytes,
	};
	if (table_get64(entry + 48) & GPT_LEGACY_BOOT)
		part->flags |= TABLE_BOOT;
	gpt_put_guid(part->type, entry);
	gpt_put_guid(part->uuid, entry + TABLE_GUID_BYTES);
	gpt_put_name(part->name, entry + 56);
	return disk->found(disk->arg, part);
}

/* Entries may lie across blocks. */
static int64_t gpt_read_entry(const struct table_disk *disk, const struct gpt_header *header,
			      struct gpt_work *work, uint32_t index, uint64_t *cached)
{
	uint64_t at = (uint64_t)index * header->bytes;
	uint32_t done = 0;

	while (done < GPT_ENTRY_MIN) {
		uint64_t block = (at + done) / disk->block_bytes;
		uint32_t inside = (at + done) % disk->block_bytes;

		if (block != *cached) {
			int64_t err = disk->read(disk->arg,
						 (header->entries + block) * disk->block_bytes,
						 work->block, disk->block_bytes);

			if (err)
				return err;
			*cached = block;
		}
		for (; done < GPT_ENTRY_MIN && inside < disk->block_bytes; done++, inside++)
			work->entry[done] = work->block[inside];
	}
	return 0;
}

static int64_t gpt_report_all(const struct table_disk *disk, const struct gpt_header *header,
			      struct gpt_work *work)
{
	uint64_t cached = UINT64_MAX;

	for (uint32_t i = 0; i < header->count && i < TABLE_PARTS_MAX; i++) {
		int64_t err = gpt_read_entry(disk, header, work, i, &cached);

		if (!err)
			err = gpt_report(disk, header, work, i + 1);
		if (err)
			return err;
	}
	return 1;
}

/* ---- both copies ---- */

static int64_t gpt_find(const struct table_disk *disk, gpt_crc_fn crc, struct gpt_work *work,
			struct gpt_header *header)
{
	uint64_t last = disk->bytes / disk->block_bytes - 1;
	int64_t found;

	*header = (struct gpt_header){ 0 };
	found = gpt_read_copy(disk, crc, work->block, 1, header);
	if (found)
		return found;
	if (header->backup && header->backup != last)
		found = gpt_read_copy(disk, crc, work->block, header->backup, header);
	if (!found)
		found = gpt_read_copy(disk, crc, work->block, last, header);
	if (found == 1 && disk->warn)
		disk->warn(disk->arg, "the first copy of the GPT is damaged; using the second");
	if (!found && header->seen && disk->warn)
		disk->warn(disk->arg, "both copies of the GPT are damaged");
	return found;
}

int64_t gpt_parse(const struct table_disk *disk, gpt_crc_fn crc, struct gpt_work *work)
{
	struct gpt_header header;
	int64_t found;

	if (!table_disk_valid(disk) || disk->bytes / disk->block_bytes < 3)
		return 0;
	found = disk->read(disk->arg, 0, work->block, disk->block_bytes);
	if (found)
		return found;
	if (!gpt_is_announced(work->block))
		return 0;
	found = gpt_find(disk, crc, work, &header);
	if (found == 1)
		found = gpt_report_all(disk, &header, work);
	return found;
}

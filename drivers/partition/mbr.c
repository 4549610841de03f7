// SPDX-License-Identifier: MIT
/*
 * The master boot record: four partitions, one of which may be extended.
 *
 * An extended partition contains a chain of further records, each of which describes one
 * logical partition, relative to itself, and leads to the next one, relative to the extended
 * partition. The chain is in the order in which partitions were created, so it also leads
 * backwards; a record that was visited before ends it. Logical partitions are numbered from 5 on,
 * by their place in the chain. The extended one itself is reported with two blocks at most,
 * enough for a boot loader, as Linux does.
 *
 * Where a file system fills the whole disk its first block ends with the same signature, and
 * has code where the table would be: each entry must begin with 0 or 80, and one must
 * be in use. A table with an entry of type ee belongs to GPT, whose partitions it repeats at most.
 *
 * Block numbers are in blocks of the disk, of 512 bytes or more.
 */
#include "mbr.h"

#define MBR_DISK_ID	  440
#define MBR_ENTRIES	  446
#define MBR_ENTRY_BYTES	  16
#define MBR_SIGNATURE	  510
#define MBR_ACTIVE	  0x80
#define MBR_TYPE_GPT	  0xee
#define MBR_LOGICAL_FIRST 5

struct mbr_entry {
	uint8_t active, type;
	uint32_t first, count; /* blocks */
};

static struct mbr_entry mbr_entry_get(const uint8_t *block, int index)
{
	const uint8_t *at = block + MBR_ENTRIES + index * MBR_ENTRY_BYTES;

	return (struct mbr_entry){
		.active = at[0],
		.type = at[4],
		.first = table_get32(at + 8),
		.count = table_get32(at + 12),
	};
}

static bool mbr_entry_used(const struct mbr_entry *entry)
{
	return entry->type && entry->first && entry->count;
}

static bool mbr_is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static bool mbr_signed(const uint8_t *block)
{
	return block[MBR_SIGNATURE] == 0x55 && block[MBR_SIGNATURE + 1] == 0xaa;
}

/* @count is cut at the end of the disk; what begins behind it is passed over. */
static int64_t mbr_report(const struct table_disk *disk, struct table_part *part, uint32_t disk_id,
			  uint32_t number, const struct mbr_entry *entry, uint64_t first)
{
	uint64_t blocks = disk->bytes / disk->block_bytes, count = entry->count;
	char *to = part->uuid;

	if (first >= blocks)
		return 0;
	if (count > blocks - first)
		count = blocks - first;
	*part = (struct table_part){ .number = number,
				     .offset = first * disk->block_bytes,
				     .bytes = count * disk->block_bytes };
	if (entry->active == MBR_ACTIVE)
		part->flags |= TABLE_BOOT;
	if (mbr_is_extended(entry->type)) {
		part->flags |= TABLE_INNER;
		if (part->bytes > 2ull * disk->block_bytes)
			part->bytes = 2ull * disk->block_bytes;
	}
	part->type[0] = '0';
	part->type[1] = 'x';
	table_put_hex(part->type + 2, entry->type, 2);
	if (disk_id) {
		to = table_put_hex(to, disk_id, 8);
		*to++ = '-';
		table_put_hex(to, number, 2);
	}
	return disk->found(disk->arg, part);
}

/* The logical partition of one record of the chain; 0: it has none. */
static int64_t mbr_report_logical(const struct table_disk *disk, struct mbr_work *work,
				  uint32_t disk_id, uint32_t *number, uint64_t record)
{
	for (int i = 0; i < 4; i++) {
		struct mbr_entry entry = mbr_entry_get(work->block, i);
		int64_t err;

		if (!mbr_entry_used(&entry) || mbr_is_extended(entry.type))
			continue;
		err = mbr_report(disk, &work->part, disk_id, *number, &entry, record + entry.first);
		(*number)++;
		return err;
	}
	return 0;
}

/* Where the chain leads to; 0: it ends. */
static uint64_t mbr_next_record(const uint8_t *block, uint64_t extended)
{
	for (int i = 0; i < 4; i++) {
		struct mbr_entry entry = mbr_entry_get(block, i);

		if (mbr_entry_used(&entry) && mbr_is_extended(entry.type))
			return extended + entry.first;
	}
	return 0;
}

static bool mbr_was_visited(const struct mbr_work *work, uint32_t count, uint64_t record)
{
	for (uint32_t i = 0; i < count; i++)
		if (work->visited[i] == record)
			return true;
	return false;
}

static int64_t mbr_walk_chain(const struct table_disk *disk, struct mbr_work *work,
			      uint32_t disk_id, uint32_t *number, uint64_t extended)
{
	uint64_t blocks = disk->bytes / disk->block_bytes, record = extended;
	const char *wrong = NULL;

	for (uint32_t count = 0; record; count++) {
		int64_t err;

		if (record >= blocks)
			wrong = "the chain of logical partitions leads beyond the disk's end";
		else if (mbr_was_visited(work, count, record))
			wrong = "the chain of logical partitions is a circle";
		else if (count == TABLE_PARTS_MAX || *number > TABLE_PARTS_MAX)
			wrong = "there are too many logical partitions";
		if (wrong)
			break;
		work->visited[count] = record;
		err = disk->read(disk->arg, record * disk->block_bytes, work->block,
				 disk->block_bytes);
		if (err)
			return err;
		if (!mbr_signed(work->block)) {
			wrong = "a record of a logical partition has no signature";
			break;
		}
		err = mbr_report_logical(disk, work, disk_id, number, record);
		if (err)
			return err;
		record = mbr_next_record(work->block, extended);
	}
	if (wrong && disk->warn)
		disk->warn(disk->arg, wrong);
	return 0;
}

/* @return how many entries are in use; 0: it is no table, or not ours */
static int mbr_check(const uint8_t *block, struct mbr_entry *entries)
{
	int used = 0;

	if (!mbr_signed(block))
		return 0;
	for (int i = 0; i < 4; i++) {
		entries[i] = mbr_entry_get(block, i);
		if (entries[i].active & ~MBR_ACTIVE || entries[i].type == MBR_TYPE_GPT)
			return 0;
		if (mbr_entry_used(&entries[i]))
			used++;
	}
	return used;
}

int64_t mbr_parse(const struct table_disk *disk, struct mbr_work *work)
{
	struct mbr_entry entries[4];
	uint32_t disk_id, number = MBR_LOGICAL_FIRST;
	int64_t err;

	if (!table_disk_valid(disk))
		return 0;
	err = disk->read(disk->arg, 0, work->block, disk->block_bytes);
	if (err)
		return err;
	if (!mbr_check(work->block, entries))
		return 0;
	disk_id = table_get32(work->block + MBR_DISK_ID);
	for (int i = 0; i < 4 && !err; i++)
		if (mbr_entry_used(&entries[i]))
			err = mbr_report(disk, &work->part, disk_id, i + 1, &entries[i],
					 entries[i].first);
	for (int i = 0; i < 4 && !err; i++)
		if (mbr_entry_used(&entries[i]) && mbr_is_extended(entries[i].type))
			err = mbr_walk_chain(disk, work, disk_id, &number, entries[i].first);
	if (err)
		return err;
	return 1;
}

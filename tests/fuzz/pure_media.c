// SPDX-License-Identifier: MIT
/* Targets: what reads disks of strangers: drivers/partition/, drivers/fs/iso9660/. */
#include <stdlib.h>
#include <string.h>
#include "../../drivers/fs/iso9660/internal.h"
#include "../../drivers/fs/iso9660/options.h"
#include "../../drivers/fs/probe/magic.h"
#include "../../drivers/partition/gpt.h"
#include "../../drivers/partition/mbr.h"
#include "pure.h"

#define READS_MAX 20000

/** A disk that begins with an input, and has zeroes behind it. */
struct disk {
	const uint8_t *data;
	size_t size;
	uint64_t bytes;
	uint32_t reads;
};

static int64_t disk_read(void *arg, uint64_t offset, void *to, uint64_t bytes)
{
	struct disk *disk = arg;
	uint64_t known = 0;

	require(offset <= disk->bytes && bytes <= disk->bytes - offset, "reads stay on the disk");
	require(disk->reads++ < READS_MAX, "reading ends");
	if (offset < disk->size)
		known = disk->size - offset;
	if (known > bytes)
		known = bytes;
	memcpy(to, disk->data + offset, known);
	memset((uint8_t *)to + known, 0, bytes - known);
	return 0;
}

/* ---- partition tables ---- */

static int64_t table_found(void *arg, const struct table_part *part)
{
	const struct disk *disk = arg;

	require(part->number && part->number <= 2 * TABLE_PARTS_MAX, "numbers have a bound");
	require(part->offset && part->bytes && part->offset < disk->bytes &&
			part->bytes <= disk->bytes - part->offset,
		"partitions lie on the disk, behind its first block");
	require(memchr(part->type, 0, sizeof(part->type)) &&
			memchr(part->uuid, 0, sizeof(part->uuid)) &&
			memchr(part->name, 0, sizeof(part->name)),
		"texts have an end");
	return 0;
}

/* Any table has the right sum: 0. */
static int64_t table_no_sum(uint32_t before, const void *data, uint64_t bytes)
{
	return 0;
}

static void fuzz_tables(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint64_t block_bytes = take_bytes(&bytes, 1) & 1 ? 4096 : 512;
	uint64_t blocks = take_bytes(&bytes, 3);
	struct disk disk = { .bytes = blocks * block_bytes };
	struct table_disk table = { disk.bytes, block_bytes, &disk, disk_read, table_found, NULL };
	struct mbr_work *mbr = malloc(sizeof(*mbr));
	struct gpt_work *gpt = malloc(sizeof(*gpt));

	disk.data = exact_copy(bytes.at, bytes.left);
	disk.size = bytes.left;
	mbr_parse(&table, mbr);
	disk.reads = 0;
	gpt_parse(&table, table_no_sum, gpt);
	free((void *)disk.data);
	free(mbr);
	free(gpt);
}

/* ---- ISO 9660: an input begins at the first volume descriptor ---- */

#define ISO_BEGIN (16 * 2048u)
#define ISO_DEPTH 3
#define ISO_NAMES 200

static int64_t iso_disk_read(void *arg, uint64_t offset, void *to, uint64_t bytes)
{
	struct disk *disk = arg;
	uint8_t *at = to;

	require(offset <= disk->bytes && bytes <= disk->bytes - offset, "reads stay on the disk");
	for (; bytes; offset++, at++, bytes--) {
		*at = 0;
		if (offset >= ISO_BEGIN && offset - ISO_BEGIN < disk->size)
			*at = disk->data[offset - ISO_BEGIN];
	}
	return 0;
}

static void iso_walk(const struct iso_volume *volume, struct iso_work *work, uint64_t node,
		     int depth)
{
	struct iso_file folder, file, again;
	struct iso_section section;
	uint64_t position = 0, before;

	if (iso_file_get(volume, work, node, &folder) || !folder.is_folder || !depth)
		return;
	for (int i = 0; i < ISO_NAMES; i++) {
		before = position;
		if (iso_folder_next(volume, work, &folder, &position, &file) != 1)
			return;
		require(position > before, "a folder ends");
		require(file.name_bytes && file.name_bytes <= ISO_NAME_MAX, "names have a length");
		require(!memchr(file.name, '/', file.name_bytes) &&
				!memchr(file.name, 0, file.name_bytes),
			"names are names");
		/* A folder has two records, which may contradict each other. */
		if (!file.is_folder && !iso_file_get(volume, work, file.node, &again))
			require(again.node == file.node && again.mode == file.mode,
				"a node is what its folder says");
		if (!file.is_folder &&
		    !iso_file_map(volume, work, file.node, file.bytes / 2, &section))
			require(section.offset <= file.bytes, "sections are in the file");
		if (file.is_folder)
			iso_walk(volume, work, file.node, depth - 1);
	}
}

static void fuzz_iso(const uint8_t *data, size_t size)
{
	struct disk disk = { exact_copy(data, size), size, ISO_BEGIN + 40 * 2048, 0 };
	struct iso_volume volume = { .bytes = disk.bytes,
				     .arg = &disk,
				     .read = iso_disk_read,
				     .allow_rock = true,
				     .allow_joliet = true };
	struct iso_work *work = malloc(sizeof(*work));

	work->target = malloc(ISO_TARGET_SIZE);
	if (!iso_open(&volume, work))
		iso_walk(&volume, work, volume.root, ISO_DEPTH);
	free(work->target);
	free(work);
	free((void *)disk.data);
}

static void fuzz_iso_options(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct iso_options options;

	memcpy(text, data, size);
	text[size] = 0;
	(void)iso_options_parse(text, &options);
	free(text);
}

/* ---- kinds of file systems ---- */

static void magic_check(int64_t result, const struct magic_found *found)
{
	require(result == 0 || result == 1, "nothing fails but the disk");
	if (result)
		require(found->type && memchr(found->label, 0, sizeof(found->label)) &&
				memchr(found->uuid, 0, sizeof(found->uuid)),
			"texts have an end");
}

static void fuzz_magic(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct disk disk = { .bytes = take_bytes(&bytes, 3) };
	struct magic_disk magic = { disk.bytes, &disk, disk_read };
	uint8_t *work = malloc(MAGIC_WORK_BYTES);
	struct magic_found found;

	disk.data = exact_copy(bytes.at, bytes.left);
	disk.size = bytes.left;
	magic_check(magic_ext(&magic, work, &found), &found);
	magic_check(magic_fat(&magic, work, &found), &found);
	magic_check(magic_iso9660(&magic, work, &found), &found);
	free((void *)disk.data);
	free(work);
}

const struct fuzz_target media_targets[] = { { "tables", fuzz_tables },
					     { "magic", fuzz_magic },
					     { "iso", fuzz_iso },
					     { "iso_options", fuzz_iso_options },
					     { 0 } };

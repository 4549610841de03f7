// SPDX-License-Identifier: MIT
/*
 * Folders: records one behind the other, none across a multiple of 2048 bytes.
 *
 * A file of 4 GiB or more has several records with the same name, of which all but the last say
 * that it goes on; each describes one section. A folder that was moved, since it lay too deep, leaves a record that says
 * where it is (CL), and appears in RR_MOVED with one that says that it does not belong there (RE).
 */
#include "internal.h"

#define SECTIONS_MAX 1024 /* of a file: 4 TiB */

int64_t iso_date(const uint8_t *date)
{
	static const uint16_t days_before[] = { 0,   31,  59,  90,  120, 151,
						181, 212, 243, 273, 304, 334 };
	uint32_t year = 1900 + date[0], month = date[1], day = date[2];
	int64_t days, leap_from = year - (month <= 2);

	if (month < 1 || month > 12 || day < 1 || day > 31 || date[3] > 23 || date[4] > 59 ||
	    date[5] > 60)
		return 0;
	/* Leap days up to this month. */
	days = leap_from / 4 - leap_from / 100 + leap_from / 400 -
	       (1969 / 4 - 1969 / 100 + 1969 / 400);
	days += ((int64_t)year - 1970) * 365 + days_before[month - 1] + day - 1;
	return ((days * 24 + date[3]) * 60 + date[4]) * 60 + date[5] - (int8_t)date[6] * 15 * 60;
}

int64_t iso_load_sector(const struct iso_volume *volume, struct iso_work *work, uint64_t offset)
{
	uint64_t start = offset - offset % ISO_SECTOR;
	int64_t err;

	if (work->sector_at == start)
		return 0;
	if (start > volume->bytes || ISO_SECTOR > volume->bytes - start)
		return -ISO_EIO;
	work->sector_at = ISO_NO_SECTOR;
	err = volume->read(volume->arg, start, work->sector, ISO_SECTOR);
	if (!err)
		work->sector_at = start;
	return err;
}

int64_t iso_record_get(const struct iso_volume *volume, struct iso_work *work, uint64_t offset,
		       struct iso_record *record)
{
	uint32_t inside = offset % ISO_SECTOR, used;
	const uint8_t *at = work->sector + inside;
	int64_t err = iso_load_sector(volume, work, offset);

	if (err)
		return err;
	if (inside + RECORD_HEAD >= ISO_SECTOR || !at[0])
		return 0;
	used = RECORD_HEAD + at[32];
	used += used & 1;
	*record = (struct iso_record){
		.at = offset,
		.length = at[0],
		.data = ((uint64_t)iso_get32(at + 2) + at[1]) * volume->block_bytes,
		.bytes = iso_get32(at + 10),
		.date = at + 18,
		.flags = at[25],
		.unit = at[26],
		.name_bytes = at[32],
		.name = at + RECORD_HEAD,
		.extensions = at + used,
	};
	if (record->length > ISO_SECTOR - inside ||
	    RECORD_HEAD + record->name_bytes > record->length || !record->name_bytes)
		return -ISO_EIO;
	if (used < record->length)
		record->extensions_bytes = record->length - used;
	return 1;
}

/* ---- names without Rock Ridge ---- */

static void plain_put_utf8(struct iso_file *file, uint32_t code)
{
	uint32_t bytes = code < 0x80 ? 1 : 2;
	char *to = file->name + file->name_bytes;

	if (code >= 0x800)
		bytes = 3;
	if (file->name_bytes + bytes > ISO_NAME_MAX)
		return;
	if (bytes == 1) {
		to[0] = code;
	} else if (bytes == 2) {
		to[0] = 0xc0 | code >> 6;
		to[1] = 0x80 | (code & 63);
	} else {
		to[0] = 0xe0 | code >> 12;
		to[1] = 0x80 | (code >> 6 & 63);
		to[2] = 0x80 | (code & 63);
	}
	file->name_bytes += bytes;
}

/* A version, and a point that has no extension behind it. */
static void plain_drop_version(struct iso_file *file)
{
	uint32_t end = file->name_bytes;

	while (end && file->name[end - 1] >= '0' && file->name[end - 1] <= '9')
		end--;
	if (end > 1 && end < file->name_bytes && file->name[end - 1] == ';')
		file->name_bytes = end - 1;
}

void iso_plain_name(const struct iso_volume *volume, const struct iso_record *record,
		    struct iso_file *file)
{
	file->name_bytes = 0;
	if (volume->joliet) {
		for (uint32_t i = 0; i + 1 < record->name_bytes; i += 2)
			plain_put_utf8(file, iso_get16be(record->name + i));
		plain_drop_version(file);
		return;
	}
	for (uint32_t i = 0; i < record->name_bytes; i++) {
		uint8_t character = record->name[i];

		if (!volume->keep_names && character >= 'A' && character <= 'Z')
			character += 'a' - 'A';
		plain_put_utf8(file, character);
	}
	if (volume->keep_names)
		return;
	plain_drop_version(file);
	if (file->name_bytes > 1 && file->name[file->name_bytes - 1] == '.')
		file->name_bytes--;
}

static bool name_is_valid(const struct iso_file *file)
{
	if (!file->name_bytes || (file->name[0] == '.' && file->name_bytes == 1) ||
	    (file->name_bytes == 2 && file->name[0] == '.' && file->name[1] == '.'))
		return false;
	for (uint32_t i = 0; i < file->name_bytes; i++)
		if (!file->name[i] || file->name[i] == '/')
			return false;
	return true;
}

/* ---- records to files ---- */

/* The record itself and those that go on; @next: behind them. */
static int64_t file_add_sections(const struct iso_volume *volume, struct iso_work *work,
				 const struct iso_record *first, struct iso_file *file,
				 uint64_t *next)
{
	struct iso_record record = *first;

	*next = first->at + first->length;
	for (int i = 0; record.flags & RECORD_GOES_ON; i++) {
		int64_t found = iso_record_get(volume, work, *next, &record);

		if (!found) { /* in the next sector */
			*next += ISO_SECTOR - *next % ISO_SECTOR;
			found = iso_record_get(volume, work, *next, &record);
		}
		if (found < 0)
			return found;
		/* Sections are whole blocks, but the last. */
		if (!found || i == SECTIONS_MAX || file->bytes % volume->block_bytes)
			return -ISO_EIO;
		file->bytes += record.bytes;
		*next += record.length;
	}
	return 0;
}

static int64_t file_from_record(const struct iso_volume *volume, struct iso_work *work,
				const struct iso_record *record, struct iso_file *file,
				uint64_t *next)
{
	*file = (struct iso_file){
		.node = record->at,
		.is_folder = record->flags & RECORD_FOLDER,
		.bytes = record->bytes,
		.data = record->data,
		.data_end = record->bytes,
		.nlink = 1,
		.mtime_s = iso_date(record->date),
	};
	file->atime_s = file->ctime_s = file->mtime_s;
	if (file->is_folder)
		file->node = record->data;
	iso_plain_name(volume, record, file);
	if (volume->rock) {
		int64_t err = iso_rock_parse(volume, work, record, file);

		if (err)
			return err;
	}
	return file_add_sections(volume, work, record, file, next);
}

/* A type that neither the record nor anything else contradicts. */
static void file_settle_type(struct iso_file *file)
{
	uint32_t type = file->mode & ISO_TYPE_MASK;

	if (file->is_folder) {
		file->mode = (file->mode & ~ISO_TYPE_MASK) | ISO_FOLDER;
	} else if (!file->has_mode || type == ISO_FOLDER || !type) {
		file->mode = (file->mode & ~ISO_TYPE_MASK) | ISO_FILE;
	} else if (type == ISO_LINK) {
		file->bytes = file->target_bytes;
	}
	if (!file->nlink)
		file->nlink = 1;
}

/* @return 1; 0: it has no name that counts */
static int64_t file_follow_move(const struct iso_volume *volume, struct iso_work *work,
				struct iso_file *file)
{
	struct iso_file folder;
	int64_t err;

	if (file->relocated || !name_is_valid(file))
		return 0;
	if (!file->child)
		return 1;
	err = iso_file_get(volume, work, file->child, &folder);
	if (err)
		return err;
	for (uint32_t i = 0; i < file->name_bytes; i++)
		folder.name[i] = file->name[i];
	folder.name_bytes = file->name_bytes;
	*file = folder;
	return 1;
}

int64_t iso_folder_next(const struct iso_volume *volume, struct iso_work *work,
			const struct iso_file *folder, uint64_t *position, struct iso_file *file)
{
	while (*position < folder->bytes) {
		uint64_t at = folder->data + *position, next;
		struct iso_record record;
		bool is_special;
		int64_t found = iso_record_get(volume, work, at, &record);

		if (found < 0)
			return found;
		if (!found) {
			*position += ISO_SECTOR - at % ISO_SECTOR;
			continue;
		}
		/* "." and "..", and what Macintoshes keep beside a file. */
		is_special = (record.name_bytes == 1 && record.name[0] <= 1) ||
			     record.flags & RECORD_ASSOCIATE;
		found = file_from_record(volume, work, &record, file, &next);
		if (found < 0)
			return found;
		*position = next - folder->data;
		file_settle_type(file);
		found = is_special ? 0 : file_follow_move(volume, work, file);
		if (found)
			return found;
	}
	return 0;
}

int64_t iso_file_get(const struct iso_volume *volume, struct iso_work *work, uint64_t node,
		     struct iso_file *file)
{
	struct iso_record record;
	uint64_t next;
	int64_t found;

	if (node & 1 || node >= volume->bytes)
		return -ISO_ESTALE;
	found = iso_record_get(volume, work, node, &record);
	if (found < 0)
		return found;
	if (!found)
		return -ISO_ESTALE;
	found = file_from_record(volume, work, &record, file, &next);
	if (found < 0)
		return found;
	/* That of a folder is its own first one. */
	if (file->node != node)
		return -ISO_ESTALE;
	file_settle_type(file);
	return 0;
}

int64_t iso_file_map(const struct iso_volume *volume, struct iso_work *work, uint64_t node,
		     uint64_t offset, struct iso_section *section)
{
	uint64_t at = node, start = 0;

	for (int i = 0; i < SECTIONS_MAX; i++) {
		struct iso_record record;
		int64_t found = iso_record_get(volume, work, at, &record);

		if (!found && i) {
			at += ISO_SECTOR - at % ISO_SECTOR;
			found = iso_record_get(volume, work, at, &record);
		}
		if (found < 0)
			return found;
		/* Interleaved sections are those of films that were never made. */
		if (!found || record.unit || start % volume->block_bytes)
			return -ISO_EIO;
		if (offset < start + record.bytes || !(record.flags & RECORD_GOES_ON)) {
			*section = (struct iso_section){ start, record.bytes, record.data };
			return 0;
		}
		start += record.bytes;
		at += record.length;
	}
	return -ISO_EIO;
}

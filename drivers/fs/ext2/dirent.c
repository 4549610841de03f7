/* SPDX-License-Identifier: MIT */
/* The blocks of folders: dirent.h. */
#include <banos/errno.h>
#include <banos/string.h>
#include "bytes.h"
#include "dirent.h"

static uint32_t length_code(uint32_t length)
{
	if (length == DIRENT_LARGE)
		return DIRENT_LENGTH_64K;
	return length;
}

static void length_put(uint8_t *entry, uint32_t length)
{
	put16(entry + DIRENT_AT_LENGTH, length_code(length));
}

static uint32_t sector_of(uint32_t offset)
{
	return offset / DIRENT_SECTOR;
}

int dirent_read(const struct dirent_form *form, const uint8_t *block, uint32_t offset,
		struct dirent *entry)
{
	return dirent_parse(form, block, offset, entry);
}

/* May the entry be the one? What is compared lies in it. */
static int dirent_may_be(const uint8_t *entry, uint32_t length, const char *name,
			 uint32_t name_bytes)
{
	const char *other = (const char *)entry + DIRENT_HEADER;

	/* The last character differs most often. */
	return entry[DIRENT_AT_NAME] == name_bytes && length >= DIRENT_HEADER + name_bytes &&
	       other[name_bytes - 1] == name[name_bytes - 1] && get32(entry) &&
	       !memcmp(other, name, name_bytes);
}

int dirent_find(const struct dirent_form *form, const uint8_t *block, const char *name,
		uint32_t name_bytes, struct dirent *entry)
{
	uint32_t before = 0, before_length = 0, offset = 0, length;
	int result;

	/* Half of a look-up's time is spent here: an entry is read whole only if it is the one. */
	for (; offset <= form->block_bytes - DIRENT_HEADER; offset += length) {
		length = dirent_length(form, block + offset);
		if (length < DIRENT_HEADER || length % 4 || length > form->block_bytes - offset)
			return -EUCLEAN;
		if (dirent_may_be(block + offset, length, name, name_bytes)) {
			result = dirent_read(form, block, offset, entry);
			entry->before = before;
			entry->before_length = before_length;
			return result;
		}
		before = offset;
		before_length = length;
	}
	if (offset == form->block_bytes)
		return DIRENT_ABSENT;
	return -EUCLEAN;
}

static int is_dots(const struct dirent *entry)
{
	return entry->name[0] == '.' &&
	       (entry->name_bytes == 1 || (entry->name_bytes == 2 && entry->name[1] == '.'));
}

int dirent_is_used(const struct dirent_form *form, const uint8_t *block)
{
	struct dirent entry;

	for (uint32_t offset = 0;; offset += entry.length) {
		int result = dirent_read(form, block, offset, &entry);

		if (result)
			return result < 0 ? result : 0;
		if (entry.inode && !is_dots(&entry))
			return 1;
	}
}

/* Where a new entry would begin in the space of @entry. */
static uint32_t space_start(const struct dirent *entry)
{
	if (!entry->inode)
		return entry->offset;
	return entry->offset + dirent_bytes(entry->name_bytes);
}

static void dirent_put(const struct dirent_form *form, uint8_t *bytes, uint32_t inode,
		       uint32_t length, const char *name, uint32_t name_bytes, uint32_t type)
{
	put32(bytes, inode);
	length_put(bytes, length);
	bytes[DIRENT_AT_NAME] = (uint8_t)name_bytes;
	bytes[DIRENT_AT_TYPE] = form->has_types ? (uint8_t)type : 0;
	memcpy(bytes + DIRENT_HEADER, name, name_bytes);
}

int dirent_insert(const struct dirent_form *form, const uint8_t *block, uint32_t from,
		  const char *name, uint32_t name_bytes, uint32_t inode, uint32_t type,
		  struct dirent_patch *patch, struct dirent *divide)
{
	uint32_t need = dirent_bytes(name_bytes), start, end;
	int found = DIRENT_ABSENT;
	struct dirent entry;

	for (uint32_t offset = from;; offset = end) {
		int result = dirent_read(form, block, offset, &entry);

		if (result)
			return result == DIRENT_ABSENT ? found : result;
		start = space_start(&entry);
		end = offset + entry.length;
		if (end - start < need)
			continue;
		if (sector_of(start + need - 1) == sector_of(offset))
			break;
		/* Is there a sector, or the rest of one, behind that has space enough? */
		if (found == DIRENT_ABSENT && end - dirent_divide_first(&entry) >= need &&
		    end > dirent_divide_first(&entry)) {
			*divide = entry;
			found = DIRENT_DIVIDE;
		}
	}
	patch->offset = entry.offset;
	patch->length = start + need - entry.offset;
	memcpy(patch->bytes, block + entry.offset, start - entry.offset);
	if (start != entry.offset)
		length_put(patch->bytes, start - entry.offset);
	memset(patch->bytes + (start - entry.offset), 0, need);
	dirent_put(form, patch->bytes + (start - entry.offset), inode, end - start, name,
		   name_bytes, type);
	return 0;
}

uint32_t dirent_divide_first(const struct dirent *entry)
{
	uint32_t start = space_start(entry);

	/* An unused entry keeps its header where it is. */
	if (!entry->inode)
		start += DIRENT_HEADER;
	return (start + DIRENT_SECTOR - 1) / DIRENT_SECTOR * DIRENT_SECTOR;
}

uint32_t dirent_divide(const struct dirent_form *form, const struct dirent *entry, uint32_t at,
		       struct dirent_patch *patch)
{
	uint32_t end = entry->offset + entry->length, next;

	if (!at)
		at = dirent_divide_first(entry);
	if (at >= end) {
		patch->offset = entry->offset + DIRENT_AT_LENGTH;
		patch->length = 2;
		put16(patch->bytes, dirent_divide_first(entry) - entry->offset);
		return 0;
	}
	next = at + DIRENT_SECTOR;
	/* What remains must be long enough for an entry. */
	if (next > end || end - next < DIRENT_HEADER)
		next = end;
	patch->offset = at;
	patch->length = DIRENT_HEADER;
	dirent_put(form, patch->bytes, 0, next - at, "", 0, 0);
	return next;
}

void dirent_remove(const struct dirent *entry, struct dirent_patch *patch)
{
	if (entry->before == entry->offset ||
	    sector_of(entry->before) != sector_of(entry->offset)) {
		patch->offset = entry->offset;
		patch->length = 4;
		put32(patch->bytes, 0);
		return;
	}
	patch->offset = entry->before + DIRENT_AT_LENGTH;
	patch->length = 2;
	put16(patch->bytes, length_code(entry->before_length + entry->length));
}

void dirent_redirect(const struct dirent_form *form, const struct dirent *entry, uint32_t inode,
		     uint32_t type, struct dirent_patch *patch)
{
	patch->offset = entry->offset;
	patch->length = DIRENT_HEADER;
	put32(patch->bytes, inode);
	length_put(patch->bytes, entry->length);
	patch->bytes[DIRENT_AT_NAME] = (uint8_t)entry->name_bytes;
	patch->bytes[DIRENT_AT_TYPE] = form->has_types ? (uint8_t)type : 0;
}

void dirent_format(const struct dirent_form *form, uint8_t sector[DIRENT_SECTOR], uint32_t folder,
		   uint32_t parent)
{
	const uint32_t folder_type = 2;

	memset(sector, 0, DIRENT_SECTOR);
	if (!folder) {
		dirent_put(form, sector, 0, DIRENT_SECTOR, "", 0, 0);
		return;
	}
	dirent_put(form, sector, folder, dirent_bytes(1), ".", 1, folder_type);
	dirent_put(form, sector + dirent_bytes(1), parent, DIRENT_SECTOR - dirent_bytes(1), "..", 2,
		   folder_type);
}

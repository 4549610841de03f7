/* SPDX-License-Identifier: MIT */
/**
 * @file dirent.h  The blocks of folders. Pure.
 *
 * A block is filled by entries, each as long as its rec_len says; one with inode 0 is unused. Nothing
 * of it is trusted: an entry that leaves its block, is no multiple of 4 or too short for its name ends the search
 * with -EUCLEAN.
 *
 * **Changes are whole sectors.** Without a journal, a disk writes 512 bytes at once, and nothing larger. So what is changed
 * here lies in one sector, of which each state is a block that fits together:
 *
 * - Blocks that are added to a folder are divided: an unused entry for each sector (dirent_format()).
 * - A new entry is put where its first and its last byte, and the entry whose space it takes, lie in one sector.
 * - An entry is removed by adding its space to the one before in the same sector, or by its inode number 0.
 * - Where a block that other programs wrote has space that reaches over sectors only, that space is divided first (DIRENT_DIVIDE):
 *   what is written to the later sectors has to reach the disk before the sector that it is taken from.
 */
#ifndef EXT2_DIRENT_H
#define EXT2_DIRENT_H

#include <stdint.h>
#include <banos/errno.h>
#include "bytes.h"

#define DIRENT_SECTOR	 512u
#define DIRENT_HEADER	 8u
#define DIRENT_NAME_MAX	 255u
#define DIRENT_PATCH_MAX DIRENT_SECTOR

/** An entry, as it was found. */
struct dirent {
	uint32_t offset, length; /* in its block; length: rec_len */
	uint32_t inode;
	uint32_t name_bytes, type; /* type: 0 if it is not known */
	uint32_t before;	   /* offset of the entry before it; its own if it is the first */
	uint32_t before_length;
	const char *name;
};

/** How folders are written. */
struct dirent_form {
	uint32_t block_bytes;
	uint32_t has_types; /* 0 or 1: the feature filetype */
};

/** One write: bytes of a single sector. */
struct dirent_patch {
	uint32_t offset, length; /* in the block */
	uint8_t bytes[DIRENT_PATCH_MAX];
};

#define DIRENT_ABSENT 1

/* Fields of an entry on the disk. */
#define DIRENT_AT_LENGTH 4u
#define DIRENT_AT_NAME	 6u /* length of the name */
#define DIRENT_AT_TYPE	 7u

#define DIRENT_LENGTH_64K 0xffffu /* of an entry that fills a block of 64 KiB */
#define DIRENT_LARGE	  65536u

static inline uint32_t dirent_length(const struct dirent_form *form, const uint8_t *entry)
{
	uint32_t length = get16(entry + DIRENT_AT_LENGTH);

	if (form->block_bytes == DIRENT_LARGE && (length == DIRENT_LENGTH_64K || !length))
		return DIRENT_LARGE;
	return length;
}

static inline uint32_t dirent_bytes(uint32_t name_bytes)
{
	return (DIRENT_HEADER + name_bytes + 3) / 4 * 4;
}

/**
 * @brief Read the entry at @p offset, 0, or where the one before ends.
 * @return 0; DIRENT_ABSENT: the block ends here; -EUCLEAN
 */
int dirent_read(const struct dirent_form *form, const uint8_t *block, uint32_t offset,
		struct dirent *entry);

/** The same where many are read. */
static inline int dirent_parse(const struct dirent_form *form, const uint8_t *block,
			       uint32_t offset, struct dirent *entry)
{
	const uint8_t *bytes = block + offset;

	if (offset > form->block_bytes - DIRENT_HEADER || offset % 4)
		return offset == form->block_bytes ? DIRENT_ABSENT : -EUCLEAN;
	entry->offset = entry->before = offset;
	entry->length = dirent_length(form, bytes);
	entry->inode = get32(bytes);
	entry->name_bytes = bytes[DIRENT_AT_NAME];
	entry->type = form->has_types ? bytes[DIRENT_AT_TYPE] : 0;
	entry->before_length = 0;
	entry->name = (const char *)bytes + DIRENT_HEADER;
	if (entry->length < DIRENT_HEADER || entry->length % 4 ||
	    entry->length > form->block_bytes - offset)
		return -EUCLEAN;
	if (entry->inode && (dirent_bytes(entry->name_bytes) > entry->length || !entry->name_bytes))
		return -EUCLEAN;
	return 0;
}

/** @return 0; DIRENT_ABSENT; -EUCLEAN */
int dirent_find(const struct dirent_form *form, const uint8_t *block, const char *name,
		uint32_t name_bytes, struct dirent *entry);

/** @return 0: nothing but "." and ".." is in it; 1: there is more; -EUCLEAN */
int dirent_is_used(const struct dirent_form *form, const uint8_t *block);

#define DIRENT_DIVIDE 2

/**
 * @brief Make a new entry.
 * @param from   0, or where an entry begins: those before it are not looked at
 * @param patch  written
 * @return 0; DIRENT_ABSENT: no space; DIRENT_DIVIDE: there would be, if that of *@p divide were divided; -EUCLEAN
 */
int dirent_insert(const struct dirent_form *form, const uint8_t *block, uint32_t from,
		  const char *name, uint32_t name_bytes, uint32_t inode, uint32_t type,
		  struct dirent_patch *patch, struct dirent *divide);

/**
 * @brief The next step of a division: an unused entry in each sector that the space of @p entry reaches into.
 * @param at     0 at first; then what was returned
 * @param patch  written; the last one, of which 0 is returned, is that which shortens @p entry
 */
uint32_t dirent_divide(const struct dirent_form *form, const struct dirent *entry, uint32_t at,
		       struct dirent_patch *patch);

/** Where the first sector that a division writes begins. */
uint32_t dirent_divide_first(const struct dirent *entry);

/** Remove an entry: as dirent_find() found it, in the same block. */
void dirent_remove(const struct dirent *entry, struct dirent_patch *patch);

/** Let an entry lead to another inode. */
void dirent_redirect(const struct dirent_form *form, const struct dirent *entry, uint32_t inode,
		     uint32_t type, struct dirent_patch *patch);

#define DIRENT_DOTS_BYTES (2 * (DIRENT_HEADER + 4)) /* of "." and ".." */

/**
 * @brief The bytes of a sector of a new block: unused, or with "." and "..", behind whose DIRENT_DOTS_BYTES all is 0, as in an unused one.
 * @param sector  written: 512 bytes
 * @param folder  inode of the folder whose first sector it is, and @p parent; 0 for an unused one
 */
void dirent_format(const struct dirent_form *form, uint8_t sector[DIRENT_SECTOR], uint32_t folder,
		   uint32_t parent);

#endif

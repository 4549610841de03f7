/* SPDX-License-Identifier: MIT */
/*
 * Listings of folders.
 *
 * A listing goes on at any byte, and entries change meanwhile: so it walks its block from the beginning to where it is to go on.
 * That an entry begins where the last listing of a folder stopped is remembered (stops), until a name is added or removed.
 * Most entries are as block_list_plain() wants them; the others are read with care.
 */
#include <stddef.h>
#include <banos/errno.h>
#include <banos/string.h>
#include "volume.h"

/* Linux's DT_ of a type of an entry. */
static uint32_t entry_kind(uint32_t type)
{
	static const uint8_t kinds[8] = { 0, 8, 4, 2, 6, 1, 12, 10 };

	if (type >= sizeof(kinds))
		return 0;
	return kinds[type];
}

/* ---- where a listing stopped ---- */

static uint64_t *folder_stop(struct volume *volume, uint32_t folder)
{
	return &volume->stops[folder % STOPS];
}

/* A listing of the folder stopped behind the entry that ends at byte @at. */
static void stop_set(struct volume *volume, uint32_t folder, uint64_t at)
{
	if (at <= UINT32_MAX)
		__atomic_store_n(folder_stop(volume, folder), (uint64_t)folder << 32 | at,
				 __ATOMIC_RELAXED);
}

/* @return does an entry, or a block, certainly begin there? */
static int stop_is(struct volume *volume, uint32_t folder, uint64_t at)
{
	return at <= UINT32_MAX && __atomic_load_n(folder_stop(volume, folder), __ATOMIC_RELAXED) ==
					   ((uint64_t)folder << 32 | at);
}

void listing_drop(struct volume *volume, uint32_t folder)
{
	uint64_t *stop = folder_stop(volume, folder);

	if (__atomic_load_n(stop, __ATOMIC_RELAXED) >> 32 == folder)
		__atomic_store_n(stop, 0, __ATOMIC_RELAXED);
}

/* ---- listing ---- */

#define RECORD(field) offsetof(struct banos_directory_entry, field)

struct listing {
	uint8_t *to;
	uint32_t length, used;
	uint32_t
		begin; /* of the first block: where an entry begins, and what is before is listed already */
	uint64_t cookie; /* of the last one that was listed; 0: none */
};

/* Copy a name; @room: bytes that may be read and written. */
static void name_copy(uint8_t *to, const char *from, uint32_t length, uint32_t room)
{
	if ((length + 7) / 8 * 8 > room) {
		memcpy(to, from, length);
		return;
	}
	for (uint32_t at = 0; at < length; at += 8)
		__builtin_memcpy(to + at, from + at, 8);
}

/* What a record begins with. */
static inline void record_put(uint8_t *to, uint64_t node, uint64_t cookie, uint32_t bytes,
			      uint32_t kind, uint32_t name_bytes)
{
	uint32_t rest = bytes | kind << 16 | name_bytes << 24;

	__builtin_memcpy(to + RECORD(node), &node, sizeof(node));
	__builtin_memcpy(to + RECORD(cookie), &cookie, sizeof(cookie));
	__builtin_memcpy(to + RECORD(record_bytes), &rest, sizeof(rest));
}

static inline uint32_t record_bytes(uint32_t name_bytes)
{
	return (BANOS_DIRECTORY_NAME + name_bytes + 7) / 8 * 8;
}

/* @rest: bytes of the block behind the entry's beginning. @return 1: there is no room for it */
static int listing_add(struct listing *listing, const struct dirent *entry, uint64_t cookie,
		       uint32_t rest)
{
	uint32_t bytes = record_bytes(entry->name_bytes);
	uint32_t left = listing->length - listing->used;
	uint8_t *to = listing->to + listing->used;

	if (left < bytes)
		return 1;
	record_put(to, entry->inode, cookie, bytes, entry_kind(entry->type), entry->name_bytes);
	name_copy(to + BANOS_DIRECTORY_NAME, entry->name, entry->name_bytes,
		  (uint32_t)lesser(rest - DIRENT_HEADER, left - BANOS_DIRECTORY_NAME));
	listing->used += bytes;
	listing->cookie = cookie;
	return 0;
}

#define PLAIN_KINDS 0xac162480u /* of types below 8, a digit each, as entry_kind() */
/* Bits of an entry's first 8 bytes: of a length that is no multiple of 4, and of types from 8 on. */
#define PLAIN_NOT   0xf800000300000000ull
#define PLAIN_SHORT 16u

/*
 * List entries of a block from @offset on, as most are: in use, with a type and a name of at most @most bytes (a multiple of 8)
 * that does not begin with a dot, and as much behind it, here and in the list, as copying such a name by words takes. Few
 * variables, so that each has a register.
 * @return where another one is met
 */
static __attribute__((noinline)) uint32_t block_list_plain(const uint8_t *block,
							   uint32_t block_bytes, uint32_t offset,
							   uint64_t base, uint64_t most,
							   struct listing *listing)
{
	const uint8_t *at = block + offset, *block_end = block + block_bytes;
	const uint8_t *at_last = block_end - (DIRENT_HEADER + most);
	uint8_t *to = listing->to + listing->used;
	const uint8_t *to_last = listing->to + listing->length - (BANOS_DIRECTORY_NAME + most);

	base -= (uint64_t)block;
	while (at <= at_last && to <= to_last) {
		uint64_t head, word, more, name_bytes, length;
		const uint8_t *next;

		__builtin_memcpy(&head, at, sizeof(head));
		__builtin_memcpy(&word, at + DIRENT_HEADER, sizeof(word));
		__builtin_memcpy(&more, at + DIRENT_HEADER + 8, sizeof(more));
		length = (uint16_t)(head >> 32);
		name_bytes = (uint8_t)(head >> 48);
		next = at + length;
		if (!(uint32_t)head || name_bytes - 1 >= most || head & PLAIN_NOT ||
		    (uint8_t)word == '.' || length < DIRENT_HEADER + name_bytes || next > block_end)
			break;
		record_put(to, (uint32_t)head, base + (uint64_t)next,
			   record_bytes((uint32_t)name_bytes), PLAIN_KINDS >> (head >> 56) * 4 & 15,
			   (uint32_t)name_bytes);
		__builtin_memcpy(to + BANOS_DIRECTORY_NAME, &word, sizeof(word));
		__builtin_memcpy(to + BANOS_DIRECTORY_NAME + 8, &more, sizeof(more));
		for (uint64_t done = 16; done < name_bytes; done += 8)
			__builtin_memcpy(to + BANOS_DIRECTORY_NAME + done,
					 at + DIRENT_HEADER + done, 8);
		to += record_bytes((uint32_t)name_bytes);
		at = next;
	}
	if (at != block + offset)
		listing->cookie = base + (uint64_t)at;
	listing->used = (uint32_t)(to - listing->to);
	return (uint32_t)(at - block);
}

/* Long names, too, as far as there is room for any; then short ones. */
static uint32_t block_list_fast(const uint8_t *block, uint32_t block_bytes, uint32_t offset,
				uint64_t base, struct listing *listing)
{
	offset = block_list_plain(block, block_bytes, offset, base, DIRENT_NAME_MAX + 1, listing);
	return block_list_plain(block, block_bytes, offset, base, PLAIN_SHORT, listing);
}

/* List a block from byte @from on. @return 0; 1: the list is full; -EUCLEAN */
static int64_t block_list(struct volume *volume, const uint8_t *block, uint64_t base, uint64_t from,
			  struct listing *listing)
{
	const struct dirent_form *form = &volume->form;
	struct dirent entry;

	for (uint32_t offset = listing->begin;; offset += entry.length) {
		int result;

		/* Entries before @from are walked, too: it need not be where one begins any more. */
		if (base + offset >= from && form->has_types && BYTES_NATIVE)
			offset = block_list_fast(block, form->block_bytes, offset, base, listing);
		result = dirent_parse(form, block, offset, &entry);
		if (result)
			return result == DIRENT_ABSENT ? 0 : result;
		if (!entry.inode || base + offset < from ||
		    (entry.name[0] == '.' &&
		     (entry.name_bytes == 1 || (entry.name_bytes == 2 && entry.name[1] == '.'))))
			continue;
		if (listing_add(listing, &entry, base + offset + entry.length,
				form->block_bytes - offset))
			return 1;
	}
}

int64_t ext2_readdir(void *fs, uint64_t dir, uint64_t cookie, uint8_t *to, uint32_t length)
{
	struct volume *volume = fs;
	uint32_t shift = volume->layout.block_shift;
	struct listing listing = { .to = to, .length = length };
	struct run run = { 0 };
	struct node folder;
	uint64_t block;
	int64_t result = node_get(volume, dir, &folder);

	if (!result && inode_type(folder.raw) != MODE_FOLDER)
		result = -ENOTDIR;
	if (!result && stop_is(volume, folder.number, cookie))
		listing.begin = (uint32_t)(cookie & (volume->layout.block_bytes - 1));
	for (uint64_t index = cookie >> shift; !result && index < folder_blocks(volume, &folder);
	     index++) {
		struct view view;

		result = folder_block(volume, &folder, index, &run, &block);
		if (result || !block)
			continue;
		result = view_get(volume, block, &view);
		if (result)
			break;
		result = block_list(volume, view.bytes, index << shift, cookie, &listing);
		view_put(volume, &view);
		if (result == -EUCLEAN)
			volume_damaged(volume, "a folder is wrong");
		listing.begin = 0;
	}
	if (result < 0)
		return result;
	if (result)
		stop_set(volume, folder.number, listing.cookie);
	return listing.used;
}

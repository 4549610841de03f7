// SPDX-License-Identifier: MIT
/* Targets: the pure parts of drivers/fs/ext2. */
#include <stdlib.h>
#include <string.h>
#include "../../drivers/fs/ext2/bytes.h"
#include "../../drivers/fs/ext2/dirent.h"
#include "../../drivers/fs/ext2/extent.h"
#include "../../drivers/fs/ext2/hash.h"
#include "../../drivers/fs/ext2/inode.h"
#include "../../drivers/fs/ext2/layout.h"
#include "../../drivers/fs/ext2/xattr.h"
#include "pure.h"

/* ---- superblock ---- */

static void check_layout(const struct layout *layout, uint64_t bytes, const uint8_t *descriptor)
{
	uint32_t step = layout->groups / 64 + 1;
	struct group about;

	require(layout->blocks << layout->block_shift <= bytes, "it lies on the disk");
	require(layout->inode_bytes <= layout->block_bytes, "an inode lies in a block");
	require(layout->inode_extra + 128 <= layout->inode_bytes, "fields lie in the inode");
	for (uint64_t i = 0; i < layout->groups; i += step) {
		uint32_t group = (uint32_t)i;

		require(layout_group_first(layout, group) < layout->blocks,
			"groups begin on the disk");
		require(layout_group_blocks(layout, group) > 0, "groups have blocks");
		require(layout_descriptor(layout, group) % 32 == 0, "descriptors are aligned");
		layout_has_super(layout, group);
		if (!group_parse(layout, descriptor, &about))
			require(about.inode_table + layout->table_blocks <= layout->blocks,
				"inodes lie on the disk");
	}
	if (layout->groups < 10000)
		require(layout_overhead(layout) <= layout->blocks, "overhead is bounded");
	layout_read_only(layout);
}

static void fuzz_super(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint64_t store = take_bytes(&bytes, 6);
	uint8_t super[SUPER_BYTES] = { 0 }, descriptor[64] = { 0 };
	struct layout layout;
	const char *why;

	memcpy(super, bytes.at, bytes.left < sizeof(super) ? bytes.left : sizeof(super));
	if (bytes.left > sizeof(super))
		memcpy(descriptor, bytes.at + sizeof(super),
		       bytes.left - sizeof(super) < 64 ? bytes.left - sizeof(super) : 64);
	why = layout_parse(super, store, &layout);
	if (!why)
		check_layout(&layout, store, descriptor);
}

/* ---- folders ---- */

static unsigned names_count(const struct dirent_form *form, const uint8_t *block)
{
	struct dirent entry;
	unsigned count = 0;
	int result = 0;

	for (uint32_t offset = 0; !(result = dirent_read(form, block, offset, &entry));
	     offset += entry.length)
		count += entry.inode != 0;
	return result == DIRENT_ABSENT ? count : ~0u;
}

static void patch_apply(const struct dirent_form *form, uint8_t *block,
			const struct dirent_patch *patch)
{
	require(patch->length && patch->offset + patch->length <= form->block_bytes,
		"patches lie in the block");
	require(patch->offset / 512 == (patch->offset + patch->length - 1) / 512,
		"patches lie in one sector");
	memcpy(block + patch->offset, patch->bytes, patch->length);
}

static int block_insert(const struct dirent_form *form, uint8_t *block, const char *name,
			uint32_t length)
{
	unsigned before = names_count(form, block);
	struct dirent_patch patch;
	struct dirent divide, found;
	int result = dirent_insert(form, block, 0, name, length, 77, 1, &patch, &divide);

	if (result == DIRENT_DIVIDE) {
		uint32_t at = 0;

		do {
			at = dirent_divide(form, &divide, at, &patch);
			patch_apply(form, block, &patch);
		} while (at);
		require(names_count(form, block) == before, "a division loses nothing");
		result = dirent_insert(form, block, 0, name, length, 77, 1, &patch, &divide);
		require(!result, "after a division there is space");
	}
	if (result)
		return result;
	patch_apply(form, block, &patch);
	if (before == ~0u)
		return 0;
	require(names_count(form, block) == before + 1, "a name more");
	require(!dirent_find(form, block, name, length, &found), "it is found");
	return 0;
}

static void fuzz_folder(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint32_t kind = (uint32_t)take_bytes(&bytes, 1);
	struct dirent_form form = { 1024u << kind % 3, kind >> 2 & 1 };
	uint8_t *block = calloc(1, form.block_bytes);
	struct dirent entry;

	memcpy(block, bytes.at, bytes.left < form.block_bytes ? bytes.left : form.block_bytes);
	dirent_is_used(&form, block);
	for (uint32_t i = 0; i < 20; i++) {
		char name[256];
		uint32_t length = (kind * 7 + i * 13) % 255 + 1;

		memset(name, 'A' + (int)i, sizeof(name));
		if (block_insert(&form, block, name, length))
			break;
		if (i % 3 == 0 && names_count(&form, block) != ~0u &&
		    !dirent_find(&form, block, name, length, &entry)) {
			unsigned before = names_count(&form, block);
			struct dirent_patch patch;

			dirent_remove(&entry, &patch);
			patch_apply(&form, block, &patch);
			require(names_count(&form, block) == before - 1, "a name less");
		}
	}
	free(block);
}

static void fuzz_index(const uint8_t *data, size_t size)
{
	static const uint32_t seed[4] = { 1, 2, 3, 4 };
	uint8_t *block = calloc(1, 1024);
	uint32_t version, levels, hash;
	struct htree_list list;

	memcpy(block, data, size < 1024 ? size : 1024);
	if (!htree_root(block, 1024, &version, &levels, &list) || !htree_node(block, 1024, &list)) {
		hash = hash_name(size % 3, size % 2, seed, (const char *)data,
				 size < 255 ? (uint32_t)size : 255);
		uint32_t at = htree_find(&list, hash);

		require(at < list.count, "what is found exists");
		htree_block(&list, at);
		htree_hash(&list, list.count - 1);
	}
	free(block);
}

/* ---- files ---- */

static void fuzz_extents(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint64_t index = take_bytes(&bytes, 4);
	uint8_t node[1024] = { 0 };
	struct extent_found found;
	int depth;

	memcpy(node, bytes.at, bytes.left < sizeof(node) ? bytes.left : sizeof(node));
	depth = extent_depth(node, 60);
	if (depth < 0 || index == UINT32_MAX ||
	    extent_search(node, sizeof(node), (uint32_t)depth, index, UINT32_MAX, &found))
		return;
	require(found.first <= index && index < found.end, "what is found contains the block");
}

static void fuzz_attributes(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct xattr set = { .index = 1,
			     .name = (const uint8_t *)"fuzz",
			     .name_bytes = 4,
			     .value = data,
			     .value_bytes = (uint32_t)take_bytes(&bytes, 1) };
	uint8_t *block = exact_copy(bytes.at, bytes.left), *to = malloc(1024);
	struct xattr_area area;
	struct xattr found;
	int count;

	if (set.value_bytes > size)
		set.value_bytes = (uint32_t)size;
	if (bytes.left < 1024 || xattr_block(block, 1024, &area)) {
		if (xattr_inode(block, (uint32_t)bytes.left, &area))
			goto out;
	}
	xattr_find(&area, 1, "none", 4, &found);
	count = xattr_rewrite(&area, &set, to, 1024);
	if (count >= 0) {
		require(!xattr_block(to, 1024, &area), "a block was written");
		require(!xattr_find(&area, 1, "fuzz", 4, &found) &&
				found.value_bytes == set.value_bytes,
			"with the attribute");
	}
	if (acl_bytes_shown(block, (uint32_t)bytes.left)) {
		uint32_t length = acl_bytes_shown(block, (uint32_t)bytes.left);
		uint8_t *shown = malloc(length);

		acl_show(block, (uint32_t)bytes.left, shown);
		require(acl_bytes_stored(shown, length) == bytes.left, "an ACL comes back");
		free(shown);
	}
out:
	free(block);
	free(to);
}

const struct fuzz_target ext2_targets[] = {
	{ "ext2-super", fuzz_super },		{ "ext2-folder", fuzz_folder },
	{ "ext2-index", fuzz_index },		{ "ext2-extents", fuzz_extents },
	{ "ext2-attributes", fuzz_attributes }, { 0 },
};

/* SPDX-License-Identifier: MIT */
/* Extended attributes: xattr.h. The hashes are those of Linux's fs/ext2/xattr.c. */
#include <banos/string.h>
#include "bytes.h"
#include "xattr.h"

#define ENTRY_BYTES 16u
#define AT_INDEX    1u
#define AT_VALUE    2u
#define AT_OUTSIDE  4u /* a block or inode of the value: not supported */
#define AT_SIZE	    8u
#define AT_HASH	    12u
#define BLOCKS	    8u /* in a block's header */
#define HASH	    12u

#define ACL_SHORT 4u /* tag and rights */
#define ACL_LONG  8u /* with a user or group */
#define ACL_USER  2u
#define ACL_GROUP 8u

static uint32_t xattr_round(uint32_t value)
{
	return (value + 3) / 4 * 4;
}

int xattr_block(const uint8_t *block, uint32_t block_bytes, struct xattr_area *area)
{
	*area = (struct xattr_area){ block, XATTR_BLOCK_HEADER, block_bytes, 1 };
	if (get32(block) != XATTR_MAGIC || get32(block + BLOCKS) != 1)
		return -1;
	return 0;
}

int xattr_inode(const uint8_t *bytes, uint32_t count, struct xattr_area *area)
{
	if (count < XATTR_INODE_HEADER + ENTRY_BYTES || get32(bytes) != XATTR_MAGIC)
		return -1;
	*area = (struct xattr_area){ bytes + XATTR_INODE_HEADER, 0, count - XATTR_INODE_HEADER, 0 };
	return 0;
}

int xattr_read(const struct xattr_area *area, uint32_t offset, struct xattr *xattr)
{
	const uint8_t *entry = area->bytes + offset;
	uint32_t value;

	if (offset > area->end || area->end - offset < 4)
		return XATTR_END;
	if (!get32(entry))
		return XATTR_END;
	if (area->end - offset < ENTRY_BYTES)
		return -1;
	*xattr = (struct xattr){ offset, entry[AT_INDEX],	entry[0], entry + ENTRY_BYTES,
				 NULL,	 get32(entry + AT_SIZE) };
	value = get16(entry + AT_VALUE);
	/* Without index and name, and with an empty value, it would end the list. */
	if (!(xattr->index | xattr->name_bytes) ||
	    xattr->name_bytes > area->end - offset - ENTRY_BYTES || get32(entry + AT_OUTSIDE) ||
	    (xattr->value_bytes && (value > area->end || xattr->value_bytes > area->end - value)))
		return -1;
	if (!xattr->value_bytes)
		value = 0;
	xattr->value = area->bytes + value;
	return 0;
}

int xattr_find(const struct xattr_area *area, uint32_t index, const char *name, uint32_t name_bytes,
	       struct xattr *xattr)
{
	for (uint32_t offset = area->first;; offset = xattr_next(xattr)) {
		int result = xattr_read(area, offset, xattr);

		if (result)
			return result;
		if (xattr->index == index && xattr->name_bytes == name_bytes &&
		    !memcmp(xattr->name, name, name_bytes))
			return 0;
	}
}

static const char *const prefixes[] = {
	"",
	"user.",
	"system.posix_acl_access",
	"system.posix_acl_default",
	"trusted.",
	"",
	"security.",
	"system.",
};
#define PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

const char *xattr_prefix(uint32_t index)
{
	if (index >= PREFIXES)
		return "";
	return prefixes[index];
}

uint32_t xattr_index(const char *name, uint32_t *rest)
{
	for (uint32_t i = 1; i < PREFIXES; i++) {
		uint32_t length = (uint32_t)strlen(prefixes[i]), at = 0;

		while (at < length && name[at] == prefixes[i][at])
			at++;
		if (!length || at < length)
			continue;
		/* A prefix with a dot needs something behind it; a whole name nothing. */
		if (!name[length] != (prefixes[i][length - 1] != '.'))
			continue;
		*rest = length;
		return i;
	}
	return 0;
}

static uint32_t entry_hash(const struct xattr *xattr)
{
	uint32_t hash = 0;

	for (uint32_t i = 0; i < xattr->name_bytes; i++)
		hash = (hash << 5) ^ (hash >> 27) ^ xattr->name[i];
	for (uint32_t i = 0; i < xattr->value_bytes; i += 4) {
		uint32_t word = 0;

		for (uint32_t k = i; k < xattr->value_bytes && k < i + 4; k++)
			word |= (uint32_t)xattr->value[k] << 8 * (k - i);
		hash = (hash << 16) ^ (hash >> 16) ^ word;
	}
	return hash;
}

struct rewrite {
	uint8_t *block;
	uint32_t entries, values; /* where the next one is put; where the last value begins */
	uint32_t hash;
	int count;
};

static int rewrite_add(struct rewrite *rewrite, const struct xattr *xattr)
{
	uint32_t bytes = xattr_round(ENTRY_BYTES + xattr->name_bytes);
	uint32_t value = xattr_round(xattr->value_bytes);
	uint8_t *entry = rewrite->block + rewrite->entries;

	/* Four bytes of 0 end the list. */
	if ((uint64_t)rewrite->entries + bytes + 4 + value > rewrite->values)
		return -1;
	rewrite->values -= value;
	entry[0] = (uint8_t)xattr->name_bytes;
	entry[AT_INDEX] = (uint8_t)xattr->index;
	put16(entry + AT_VALUE, xattr->value_bytes ? rewrite->values : 0);
	put32(entry + AT_SIZE, xattr->value_bytes);
	put32(entry + AT_HASH, entry_hash(xattr));
	memcpy(entry + ENTRY_BYTES, xattr->name, xattr->name_bytes);
	memcpy(rewrite->block + rewrite->values, xattr->value, xattr->value_bytes);
	rewrite->hash = (rewrite->hash << 16) ^ (rewrite->hash >> 16) ^ get32(entry + AT_HASH);
	rewrite->entries += bytes;
	rewrite->count++;
	return 0;
}

/* In a block they are sorted by index, length, name. */
static int xattr_compare(const struct xattr *left, const struct xattr *right)
{
	if (left->index != right->index)
		return left->index < right->index ? -1 : 1;
	if (left->name_bytes != right->name_bytes)
		return left->name_bytes < right->name_bytes ? -1 : 1;
	return memcmp(left->name, right->name, left->name_bytes);
}

int xattr_rewrite(const struct xattr_area *from, const struct xattr *set, uint8_t *block,
		  uint32_t block_bytes)
{
	struct rewrite rewrite = { block, XATTR_BLOCK_HEADER, block_bytes, 0, 0 };
	int is_set = !set->value, bad = 0;
	struct xattr xattr;

	memset(block, 0, block_bytes);
	for (uint32_t offset = from ? from->first : 0; from && !bad; offset = xattr_next(&xattr)) {
		int result = xattr_read(from, offset, &xattr), order;

		if (result == XATTR_END)
			break;
		if (result)
			return -1;
		order = xattr_compare(&xattr, set);
		if (!is_set && order >= 0) {
			bad = rewrite_add(&rewrite, set);
			is_set = 1;
		}
		if (order && !bad)
			bad = rewrite_add(&rewrite, &xattr);
	}
	if (!is_set && !bad)
		bad = rewrite_add(&rewrite, set);
	if (bad)
		return -1;
	put32(block, XATTR_MAGIC);
	put32(block + XATTR_BLOCK_REFS, 1);
	put32(block + BLOCKS, 1);
	put32(block + HASH, rewrite.hash);
	return rewrite.count;
}

/* ---- ACLs: stored with version 1, where only named users and groups have a number; shown with version 2 ---- */

#define ACL_STORED 1u
#define ACL_SHOWN  2u

static int acl_is_named(const uint8_t *entry)
{
	return get16(entry) == ACL_USER || get16(entry) == ACL_GROUP;
}

/* As it is stored. */
static uint32_t acl_entry_bytes(const uint8_t *entry)
{
	if (acl_is_named(entry))
		return ACL_LONG;
	return ACL_SHORT;
}

uint32_t acl_bytes_shown(const uint8_t *stored, uint32_t count)
{
	uint32_t bytes = 4;

	if (count < 4 || get32(stored) != ACL_STORED)
		return 0;
	for (uint32_t at = 4; at < count; bytes += ACL_LONG) {
		if (count - at < ACL_SHORT || (acl_is_named(stored + at) && count - at < ACL_LONG))
			return 0;
		at += acl_entry_bytes(stored + at);
	}
	return bytes;
}

uint32_t acl_bytes_stored(const uint8_t *shown, uint32_t count)
{
	uint32_t bytes = 4;

	if (count < 4 || count % ACL_LONG != 4 || get32(shown) != ACL_SHOWN)
		return 0;
	for (uint32_t at = 4; at < count; at += ACL_LONG)
		bytes += acl_entry_bytes(shown + at);
	return bytes;
}

void acl_show(const uint8_t *stored, uint32_t count, uint8_t *to)
{
	put32(to, ACL_SHOWN);
	to += 4;
	for (uint32_t at = 4; at < count; to += ACL_LONG) {
		memcpy(to, stored + at, ACL_SHORT);
		put32(to + 4, acl_is_named(stored + at) ? get32(stored + at + 4) : UINT32_MAX);
		at += acl_entry_bytes(stored + at);
	}
}

void acl_store(const uint8_t *shown, uint32_t count, uint8_t *to)
{
	put32(to, ACL_STORED);
	to += 4;
	for (uint32_t at = 4; at < count; at += ACL_LONG) {
		uint32_t bytes = acl_entry_bytes(shown + at);

		memcpy(to, shown + at, bytes);
		to += bytes;
	}
}

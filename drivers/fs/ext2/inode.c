/* SPDX-License-Identifier: MIT */
/* Inodes as they lie on the disk: inode.h. */
#include <banos/string.h>
#include "inode.h"

#define AT_UID	      2u
#define AT_ATIME      8u
#define AT_CTIME      12u
#define AT_MTIME      16u
#define AT_GID	      24u
#define AT_SIZE_H     108u
#define AT_SECTORS_H  116u
#define AT_UID_H      120u
#define AT_GID_H      122u
#define AT_CTIME_MORE 132u
#define AT_MTIME_MORE 136u
#define AT_ATIME_MORE 140u
#define AT_BTIME      144u
#define AT_BTIME_MORE 148u

#define FLAG_HUGE  0x40000u
#define SECOND	   1000000000
#define FAST_MAX   60u
#define OLD_DEVICE 256u

uint64_t inode_bytes(const uint8_t *raw)
{
	uint64_t bytes = get32(raw + INODE_SIZE);

	/* Of others, that field had another meaning once. */
	if (inode_type(raw) == MODE_FILE)
		bytes |= (uint64_t)get32(raw + AT_SIZE_H) << 32;
	return bytes;
}

void inode_set_bytes(uint8_t *raw, uint64_t bytes)
{
	put32(raw + INODE_SIZE, (uint32_t)bytes);
	if (inode_type(raw) == MODE_FILE)
		put32(raw + AT_SIZE_H, (uint32_t)(bytes >> 32));
}

uint64_t inode_sectors(const struct layout *layout, const uint8_t *raw)
{
	uint64_t sectors = get32(raw + INODE_SECTORS);

	if (layout->ro_compat & RO_COMPAT_HUGE_FILE) {
		sectors |= (uint64_t)get16(raw + AT_SECTORS_H) << 32;
		if (inode_flags(raw) & FLAG_HUGE)
			sectors <<= layout->block_shift - 9;
	}
	return sectors;
}

uint64_t inode_xattr_block(const struct layout *layout, const uint8_t *raw)
{
	uint64_t block = get32(raw + INODE_XATTR_BLOCK);

	if (layout->incompat & INCOMPAT_64BIT)
		block |= (uint64_t)get16(raw + INODE_XATTR_BLOCK_H) << 32;
	return block;
}

int inode_is_fast_link(const struct layout *layout, const uint8_t *raw)
{
	uint64_t own = !!inode_xattr_block(layout, raw) * (layout->block_bytes / 512);

	return inode_type(raw) == MODE_LINK && inode_sectors(layout, raw) <= own &&
	       inode_bytes(raw) < FAST_MAX && !(inode_flags(raw) & INODE_EXTENTS);
}

int inode_has_blocks(const struct layout *layout, const uint8_t *raw)
{
	uint32_t type = inode_type(raw);

	return type == MODE_FILE || type == MODE_FOLDER ||
	       (type == MODE_LINK && !inode_is_fast_link(layout, raw));
}

/* How many bytes behind the first 128 are in use. */
static uint32_t inode_extra(const struct layout *layout, const uint8_t *raw)
{
	uint32_t extra;

	if (layout->inode_bytes == INODE_BYTES_MIN)
		return 0;
	extra = get16(raw + INODE_EXTRA);
	if (extra > layout->inode_bytes - INODE_BYTES_MIN)
		return 0;
	return extra;
}

static int inode_has(const struct layout *layout, const uint8_t *raw, uint32_t field)
{
	return inode_extra(layout, raw) + INODE_BYTES_MIN >= field + 4;
}

static int64_t time_get(const struct layout *layout, const uint8_t *raw, uint32_t field,
			uint32_t more)
{
	int64_t seconds = (int32_t)get32(raw + field);
	uint32_t extra = 0;

	if (inode_has(layout, raw, more))
		extra = get32(raw + more);
	seconds += (int64_t)(extra & 3) << 32;
	extra >>= 2;
	if (extra >= SECOND)
		extra = 0;
	return seconds * SECOND + extra;
}

static void time_put(const struct layout *layout, uint8_t *raw, uint32_t field, uint32_t more,
		     int64_t time_ns)
{
	int64_t seconds = time_ns / SECOND, rest = time_ns % SECOND;

	if (rest < 0) {
		rest += SECOND;
		seconds--;
	}
	put32(raw + field, (uint32_t)seconds);
	if (inode_has(layout, raw, more))
		put32(raw + more,
		      (uint32_t)((seconds - (int32_t)seconds) >> 32 & 3) | (uint32_t)rest << 2);
}

static void device_get(const uint8_t *raw, struct banos_attr *attr)
{
	uint32_t old = get32(raw + INODE_POINTERS), device = get32(raw + INODE_POINTERS + 4);

	if (old) {
		attr->rdev_major = old >> 8 & 0xff;
		attr->rdev_minor = old & 0xff;
	} else {
		attr->rdev_major = device >> 8 & 0xfff;
		attr->rdev_minor = (device & 0xff) | (device >> 12 & 0xfff00);
	}
}

static void device_put(uint8_t *raw, uint32_t major, uint32_t minor)
{
	if (major < OLD_DEVICE && minor < OLD_DEVICE)
		put32(raw + INODE_POINTERS, major << 8 | minor);
	else
		put32(raw + INODE_POINTERS + 4,
		      (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12);
}

static int inode_is_device(const uint8_t *raw)
{
	return inode_type(raw) == MODE_CHAR || inode_type(raw) == MODE_BLOCK;
}

void inode_attr(const struct layout *layout, const uint8_t *raw, struct banos_attr *attr)
{
	uint32_t flags = inode_flags(raw);

	attr->mode = inode_mode(raw);
	attr->generation = get32(raw + INODE_GENERATION);
	attr->uid = get16(raw + AT_UID) | (uint32_t)get16(raw + AT_UID_H) << 16;
	attr->gid = get16(raw + AT_GID) | (uint32_t)get16(raw + AT_GID_H) << 16;
	attr->nlink = inode_links(raw);
	if (flags & INODE_IMMUTABLE)
		attr->flags |= BANOS_ATTR_IMMUTABLE;
	if (flags & INODE_APPEND)
		attr->flags |= BANOS_ATTR_APPEND;
	if (inode_is_device(raw))
		device_get(raw, attr);
	attr->bytes = inode_bytes(raw);
	attr->blocks = inode_sectors(layout, raw);
	attr->atime_ns = time_get(layout, raw, AT_ATIME, AT_ATIME_MORE);
	attr->mtime_ns = time_get(layout, raw, AT_MTIME, AT_MTIME_MORE);
	attr->ctime_ns = time_get(layout, raw, AT_CTIME, AT_CTIME_MORE);
	if (inode_has(layout, raw, AT_BTIME_MORE))
		attr->btime_ns = time_get(layout, raw, AT_BTIME, AT_BTIME_MORE);
}

static void owner_put(uint8_t *raw, uint32_t field, uint32_t field_high, uint32_t value)
{
	put16(raw + field, value);
	put16(raw + field_high, value >> 16);
}

void inode_set_attr(const struct layout *layout, uint8_t *raw, uint32_t which,
		    const struct banos_attr *attr)
{
	if (which & BANOS_SET_MODE)
		put16(raw + INODE_MODE, (inode_mode(raw) & MODE_TYPE) | (attr->mode & ~MODE_TYPE));
	if (which & BANOS_SET_UID)
		owner_put(raw, AT_UID, AT_UID_H, attr->uid);
	if (which & BANOS_SET_GID)
		owner_put(raw, AT_GID, AT_GID_H, attr->gid);
	if (which & BANOS_SET_ATIME)
		time_put(layout, raw, AT_ATIME, AT_ATIME_MORE, attr->atime_ns);
	if (which & BANOS_SET_MTIME)
		time_put(layout, raw, AT_MTIME, AT_MTIME_MORE, attr->mtime_ns);
	if (which & BANOS_SET_CTIME)
		time_put(layout, raw, AT_CTIME, AT_CTIME_MORE, attr->ctime_ns);
}

void inode_create(const struct layout *layout, uint8_t *raw, const struct banos_create *what,
		  uint32_t generation)
{
	memset(raw, 0, INODE_RAW);
	put16(raw + INODE_MODE, what->mode);
	put16(raw + INODE_LINKS, 1);
	put32(raw + INODE_GENERATION, generation);
	if (layout->inode_extra)
		put16(raw + INODE_EXTRA, layout->inode_extra);
	owner_put(raw, AT_UID, AT_UID_H, what->uid);
	owner_put(raw, AT_GID, AT_GID_H, what->gid);
	time_put(layout, raw, AT_ATIME, AT_ATIME_MORE, what->time_ns);
	time_put(layout, raw, AT_MTIME, AT_MTIME_MORE, what->time_ns);
	time_put(layout, raw, AT_CTIME, AT_CTIME_MORE, what->time_ns);
	if (inode_has(layout, raw, AT_BTIME_MORE))
		time_put(layout, raw, AT_BTIME, AT_BTIME_MORE, what->time_ns);
	if (inode_is_device(raw))
		device_put(raw, what->rdev_major, what->rdev_minor);
}

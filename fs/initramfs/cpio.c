// SPDX-License-Identifier: MIT
/*
 * Reading cpio archives, format "newc" (070701) and its variant with checksums
 * (070702), as GNU cpio and bsdcpio write them.
 *
 * A header of 110 bytes: magic and 13 fields of 8 hexadecimal digits; then the
 * name, padded to 4; then the data, padded to 4. Archives may follow one
 * another with zero bytes between them. Bytes arrive in pieces of any size, so
 * that what a decompressor makes needs no place of its own; only headers, names
 * and targets of links are collected.
 *
 * What Linux steps over, we do: an entry whose name is empty or too long, and
 * all but files and links where there is content. cpio(5); Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c.
 */
#include <kernel/string.h>
#include <uapi/errno.h>
#include <uapi/stat.h>
#include "cpio.h"

enum {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_SIZE,
	F_MAJOR,
	F_MINOR,
	F_RMAJOR,
	F_RMINOR,
	F_NAMESIZE,
	F_CHECK,
	NR_FIELDS
};

static bool read_hex8(const u8 *digits, u32 *out)
{
	u32 value = 0;

	for (u32 i = 0; i < 8; i++) {
		u32 digit = digits[i] | 0x20;
		u32 nibble = digits[i] - '0';

		if (nibble > 9) {
			nibble = digit - 'a' + 10;
			if (digit < 'a' || digit > 'f')
				return false;
		}
		value = value << 4 | nibble;
	}
	*out = value;
	return true;
}

static enum cpio_result cpio_bad(struct cpio_reader *reader, const char *why)
{
	reader->error = why;
	return CPIO_BAD;
}

static enum cpio_result cpio_stopped(struct cpio_reader *reader, int err)
{
	if (!err)
		return CPIO_MORE;
	reader->err = err;
	return CPIO_STOPPED;
}

/* The format that starts here, so that an older archive is not reported as damaged. */
static enum cpio_result check_magic(struct cpio_reader *reader)
{
	const u8 *header = reader->header;

	if (!memcmp(header, "070707", 6))
		return cpio_bad(
			reader,
			"a cpio archive of the old format, which this kernel cannot read: create it with \"cpio -o -H newc\"");
	if (memcmp(header, "07070", 5) || (header[5] != '1' && header[5] != '2'))
		return cpio_bad(reader, "expected the header of a cpio entry");
	reader->has_sum = header[5] == '2';
	return CPIO_MORE;
}

static void cpio_collect(struct cpio_reader *reader, enum cpio_state state, u32 want)
{
	reader->state = state;
	reader->have = 0;
	reader->want = want;
}

/* Step over @p length bytes and the padding behind them. */
static void cpio_skip(struct cpio_reader *reader, u64 length, u32 pad)
{
	if (length + pad)
		reader->state = CPIO_IN_SKIP;
	else
		reader->state = CPIO_PADDING;
	reader->left = length + pad;
}

/* @return why Linux, too, would step over this entry; NULL: it is read */
static const char *reason_to_skip(const struct cpio_reader *reader)
{
	if (!reader->namesize)
		return "an entry has no name: ignored";
	if (reader->namesize > CPIO_PATH_MAX)
		return "a file name is too long: entry ignored";
	if ((reader->entry.mode & S_IFMT) == S_IFLNK && reader->entry.size > CPIO_PATH_MAX)
		return "the target of a symbolic link is too long: entry ignored";
	return NULL;
}

static enum cpio_result got_header(struct cpio_reader *reader)
{
	enum cpio_result result = check_magic(reader);
	u32 fields[NR_FIELDS];
	const char *why;
	u64 padded;

	if (result != CPIO_MORE)
		return result;
	for (u32 i = 0; i < NR_FIELDS; i++)
		if (!read_hex8(reader->header + 6 + 8 * i, &fields[i]))
			return cpio_bad(
				reader,
				"the header of an entry has a field that is not hexadecimal");
	reader->entry = (struct cpio_entry){
		.name = reader->name,
		.ino = fields[F_INO],
		.mode = fields[F_MODE],
		.uid = fields[F_UID],
		.gid = fields[F_GID],
		.nlink = fields[F_NLINK],
		.mtime = fields[F_MTIME],
		.size = fields[F_SIZE],
		.dev_major = fields[F_MAJOR],
		.dev_minor = fields[F_MINOR],
		.rdev_major = fields[F_RMAJOR],
		.rdev_minor = fields[F_RMINOR],
	};
	reader->namesize = fields[F_NAMESIZE];
	reader->expected_sum = fields[F_CHECK];
	reader->sum = 0;
	reader->pad = -fields[F_SIZE] & 3;
	padded = ALIGN_UP(CPIO_HEADER + (u64)reader->namesize, 4ull) - CPIO_HEADER;
	why = reason_to_skip(reader);
	if (why) {
		reader->ops->skipped(reader->ctx, "", why);
		cpio_skip(reader, padded + reader->entry.size, reader->pad);
	} else {
		cpio_collect(reader, CPIO_IN_NAME, padded);
	}
	return CPIO_MORE;
}

static enum cpio_result open_entry(struct cpio_reader *reader)
{
	return cpio_stopped(reader, reader->ops->begin(reader->ctx, &reader->entry));
}

static enum cpio_result got_name(struct cpio_reader *reader)
{
	u32 type = reader->entry.mode & S_IFMT;

	if (reader->name[reader->namesize - 1])
		return cpio_bad(reader, "a file name is not terminated");
	if (type == S_IFLNK) {
		cpio_collect(reader, CPIO_IN_TARGET, reader->entry.size);
		return CPIO_MORE;
	}
	if (type == S_IFREG && strcmp(reader->name, "TRAILER!!!")) {
		reader->state = CPIO_IN_DATA;
		reader->left = reader->entry.size;
		reader->is_open = true;
		return open_entry(reader);
	}
	cpio_skip(reader, reader->entry.size, reader->pad);
	if (reader->entry.size && type != S_IFREG)
		reader->ops->skipped(reader->ctx, reader->name,
				     "has content, but is not a regular file: entry ignored");
	else if (!strcmp(reader->name, "TRAILER!!!"))
		reader->ops->trailer(reader->ctx);
	else
		return open_entry(reader);
	return CPIO_MORE;
}

static enum cpio_result got_target(struct cpio_reader *reader)
{
	reader->target[reader->entry.size] = 0;
	reader->entry.target = reader->target;
	cpio_skip(reader, 0, reader->pad);
	return open_entry(reader);
}

static enum cpio_result got_data(struct cpio_reader *reader)
{
	reader->is_open = false;
	reader->ops->end(reader->ctx);
	cpio_skip(reader, 0, reader->pad);
	if (reader->has_sum && reader->sum != reader->expected_sum)
		return cpio_bad(reader, "a file's checksum is wrong");
	return CPIO_MORE;
}

static enum cpio_result got_all(struct cpio_reader *reader)
{
	switch (reader->state) {
	case CPIO_IN_HEADER: return got_header(reader);
	case CPIO_IN_NAME: return got_name(reader);
	case CPIO_IN_TARGET: return got_target(reader);
	case CPIO_IN_DATA: return got_data(reader);
	default: break;
	}
	reader->state = CPIO_PADDING;
	return CPIO_MORE;
}

static u8 *cpio_collected(struct cpio_reader *reader)
{
	switch (reader->state) {
	case CPIO_IN_HEADER: return reader->header;
	case CPIO_IN_NAME: return (u8 *)reader->name;
	default: return (u8 *)reader->target;
	}
}

/* @return how many of the bytes belong to what is being read; *@p complete: it is whole */
static size_t take_piece(struct cpio_reader *reader, const u8 *data, size_t length, bool *complete,
			 enum cpio_result *result)
{
	if (reader->state == CPIO_IN_DATA || reader->state == CPIO_IN_SKIP) {
		length = MIN(reader->left, (u64)length);
		reader->left -= length;
		*complete = !reader->left;
		if (reader->state == CPIO_IN_SKIP)
			return length;
		for (size_t i = 0; reader->has_sum && i < length; i++)
			reader->sum += data[i];
		if (length)
			*result =
				cpio_stopped(reader, reader->ops->data(reader->ctx, data, length));
		return length;
	}
	length = MIN((size_t)(reader->want - reader->have), length);
	memcpy(cpio_collected(reader) + reader->have, data, length);
	reader->have += length;
	*complete = reader->have == reader->want;
	return length;
}

enum cpio_result cpio_feed(struct cpio_reader *reader, const u8 *data, size_t length, size_t *used)
{
	enum cpio_result result = CPIO_MORE;
	size_t offset = 0;

	while (result == CPIO_MORE) {
		bool complete = false;

		if (reader->state == CPIO_PADDING) {
			while (offset < length && !data[offset])
				offset++;
			if (offset < length && data[offset] != '0')
				result = CPIO_OTHER;
			else if (offset < length)
				cpio_collect(reader, CPIO_IN_HEADER, CPIO_HEADER);
			if (offset == length || result != CPIO_MORE)
				break;
		}
		offset += take_piece(reader, data + offset, length - offset, &complete, &result);
		if (!complete && result == CPIO_MORE)
			break;
		if (complete && result == CPIO_MORE)
			result = got_all(reader);
	}
	*used = offset;
	return result;
}

void cpio_reset(struct cpio_reader *reader)
{
	if (reader->is_open)
		reader->ops->end(reader->ctx);
	reader->is_open = false;
	reader->state = CPIO_PADDING;
}

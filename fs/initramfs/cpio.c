/* SPDX-License-Identifier: MIT */
/*
 * Reading cpio archives, format "newc" (070701) and its variant with checksums
 * (070702), as GNU cpio and bsdcpio write them.
 *
 * A header of 110 bytes: magic and 13 fields of 8 hexadecimal digits; then the
 * name, padded to 4; then the data, padded to 4. Archives may follow one
 * another with zero bytes between them. Bytes come in pieces of any size, so
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

static bool hex8(const u8 *p, u32 *out)
{
	u32 v = 0;

	for (u32 i = 0; i < 8; i++) {
		u32 c = p[i] | 0x20;
		u32 d = p[i] - '0';

		if (d > 9) {
			d = c - 'a' + 10;
			if (c < 'a' || c > 'f')
				return false;
		}
		v = v << 4 | d;
	}
	*out = v;
	return true;
}

static enum cpio_result bad(struct cpio_reader *r, const char *why)
{
	r->error = why;
	return CPIO_BAD;
}

static enum cpio_result stopped(struct cpio_reader *r, int err)
{
	if (!err)
		return CPIO_MORE;
	r->err = err;
	return CPIO_STOPPED;
}

/* What begins here: an archive of an older format can be told from damage. */
static enum cpio_result check_magic(struct cpio_reader *r)
{
	const u8 *h = r->header;

	if (!memcmp(h, "070707", 6))
		return bad(
			r,
			"a cpio archive of the old format, which this kernel cannot read: create it with \"cpio -o -H newc\"");
	if (memcmp(h, "07070", 5) || (h[5] != '1' && h[5] != '2'))
		return bad(r, "expected the header of a cpio entry");
	r->has_sum = h[5] == '2';
	return CPIO_MORE;
}

static void collect(struct cpio_reader *r, enum cpio_state state, u32 want)
{
	r->state = state;
	r->have = 0;
	r->want = want;
}

/* Step over @p n bytes and the padding behind them. */
static void skip(struct cpio_reader *r, u64 n, u32 pad)
{
	r->state = n + pad ? CPIO_IN_SKIP : CPIO_PADDING;
	r->left = n + pad;
}

/* @return why Linux, too, would step over this entry; NULL: it is read */
static const char *reason_to_skip(const struct cpio_reader *r)
{
	if (!r->namesize)
		return "an entry has no name: ignored";
	if (r->namesize > CPIO_PATH_MAX)
		return "a file name is too long: entry ignored";
	if ((r->entry.mode & S_IFMT) == S_IFLNK && r->entry.size > CPIO_PATH_MAX)
		return "the target of a symbolic link is too long: entry ignored";
	return NULL;
}

static enum cpio_result got_header(struct cpio_reader *r)
{
	enum cpio_result result = check_magic(r);
	u32 f[NR_FIELDS];
	const char *why;
	u64 padded;

	if (result != CPIO_MORE)
		return result;
	for (u32 i = 0; i < NR_FIELDS; i++)
		if (!hex8(r->header + 6 + 8 * i, &f[i]))
			return bad(r, "the header of an entry has a field that is not hexadecimal");
	r->entry = (struct cpio_entry){
		.name = r->name,
		.ino = f[F_INO],
		.mode = f[F_MODE],
		.uid = f[F_UID],
		.gid = f[F_GID],
		.nlink = f[F_NLINK],
		.mtime = f[F_MTIME],
		.size = f[F_SIZE],
		.dev_major = f[F_MAJOR],
		.dev_minor = f[F_MINOR],
		.rdev_major = f[F_RMAJOR],
		.rdev_minor = f[F_RMINOR],
	};
	r->namesize = f[F_NAMESIZE];
	r->expected_sum = f[F_CHECK];
	r->sum = 0;
	r->pad = -f[F_SIZE] & 3;
	padded = ALIGN_UP(CPIO_HEADER + (u64)r->namesize, 4ull) - CPIO_HEADER;
	why = reason_to_skip(r);
	if (why) {
		r->ops->skipped(r->ctx, "", why);
		skip(r, padded + r->entry.size, r->pad);
	} else {
		collect(r, CPIO_IN_NAME, padded);
	}
	return CPIO_MORE;
}

static enum cpio_result open_entry(struct cpio_reader *r)
{
	return stopped(r, r->ops->begin(r->ctx, &r->entry));
}

static enum cpio_result got_name(struct cpio_reader *r)
{
	u32 type = r->entry.mode & S_IFMT;

	if (r->name[r->namesize - 1])
		return bad(r, "a file name is not terminated");
	if (type == S_IFLNK) {
		collect(r, CPIO_IN_TARGET, r->entry.size);
		return CPIO_MORE;
	}
	if (type == S_IFREG && strcmp(r->name, "TRAILER!!!")) {
		r->state = CPIO_IN_DATA;
		r->left = r->entry.size;
		r->is_open = true;
		return open_entry(r);
	}
	skip(r, r->entry.size, r->pad);
	if (r->entry.size && type != S_IFREG)
		r->ops->skipped(r->ctx, r->name,
				"has content, but is not a regular file: entry ignored");
	else if (!strcmp(r->name, "TRAILER!!!"))
		r->ops->trailer(r->ctx);
	else
		return open_entry(r);
	return CPIO_MORE;
}

static enum cpio_result got_target(struct cpio_reader *r)
{
	r->target[r->entry.size] = 0;
	r->entry.target = r->target;
	skip(r, 0, r->pad);
	return open_entry(r);
}

static enum cpio_result got_data(struct cpio_reader *r)
{
	r->is_open = false;
	r->ops->end(r->ctx);
	skip(r, 0, r->pad);
	return r->has_sum && r->sum != r->expected_sum ? bad(r, "a file's checksum is wrong")
						       : CPIO_MORE;
}

static enum cpio_result got_all(struct cpio_reader *r)
{
	switch (r->state) {
	case CPIO_IN_HEADER: return got_header(r);
	case CPIO_IN_NAME: return got_name(r);
	case CPIO_IN_TARGET: return got_target(r);
	case CPIO_IN_DATA: return got_data(r);
	default: break;
	}
	r->state = CPIO_PADDING;
	return CPIO_MORE;
}

static u8 *collected(struct cpio_reader *r)
{
	return r->state == CPIO_IN_HEADER ? r->header
					  : (u8 *)(r->state == CPIO_IN_NAME ? r->name : r->target);
}

/* @return how many of the bytes belong to what is being read; *@p complete: it is whole */
static size_t take_piece(struct cpio_reader *r, const u8 *data, size_t n, bool *complete,
			 enum cpio_result *result)
{
	if (r->state == CPIO_IN_DATA || r->state == CPIO_IN_SKIP) {
		n = MIN(r->left, (u64)n);
		r->left -= n;
		*complete = !r->left;
		if (r->state == CPIO_IN_SKIP)
			return n;
		for (size_t i = 0; r->has_sum && i < n; i++)
			r->sum += data[i];
		if (n)
			*result = stopped(r, r->ops->data(r->ctx, data, n));
		return n;
	}
	n = MIN((size_t)(r->want - r->have), n);
	memcpy(collected(r) + r->have, data, n);
	r->have += n;
	*complete = r->have == r->want;
	return n;
}

enum cpio_result cpio_feed(struct cpio_reader *r, const u8 *data, size_t n, size_t *used)
{
	enum cpio_result result = CPIO_MORE;
	size_t at = 0;

	while (result == CPIO_MORE) {
		bool complete = false;

		if (r->state == CPIO_PADDING) {
			while (at < n && !data[at])
				at++;
			if (at < n && data[at] != '0')
				result = CPIO_OTHER;
			else if (at < n)
				collect(r, CPIO_IN_HEADER, CPIO_HEADER);
			if (at == n || result != CPIO_MORE)
				break;
		}
		at += take_piece(r, data + at, n - at, &complete, &result);
		if (!complete && result == CPIO_MORE)
			break;
		if (complete && result == CPIO_MORE)
			result = got_all(r);
	}
	*used = at;
	return result;
}

void cpio_reset(struct cpio_reader *r)
{
	if (r->is_open)
		r->ops->end(r->ctx);
	r->is_open = false;
	r->state = CPIO_PADDING;
}

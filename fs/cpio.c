/* SPDX-License-Identifier: MIT */
/*
 * Reading cpio archives, format "newc" (070701) and its variant with checksums
 * (070702), as GNU cpio and bsdcpio write them.
 *
 * A header of 110 bytes: magic and 13 fields of 8 hexadecimal digits; then the
 * name, padded to 4; then the data, padded to 4. Archives may follow one
 * another with zero bytes between them. All sizes are checked against what is
 * there before anything is looked at. cpio(5); Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#include <kernel/string.h>
#include "cpio.h"

#define HEADER 110u
#define NAME_LIMIT 4096u

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

static enum cpio_result bad(const char **error, const char *why)
{
	*error = why;
	return CPIO_BAD;
}

static bool checksum_right(const struct cpio_entry *e, u32 want)
{
	u32 sum = 0;

	for (u32 i = 0; i < e->size; i++)
		sum += e->data[i];
	return sum == want;
}

enum cpio_result cpio_next(const u8 *buf, size_t size, size_t *pos, struct cpio_entry *e, const char **error)
{
	u32 f[13];
	size_t at = *pos, name, data, end;

	while (at < size && !buf[at])
		at++;
	if (at >= size)
		return CPIO_END;
	at = at & ~(size_t)3;			/* padding ends on a multiple of 4 */
	at = MAX(at, *pos);
	if (size - at < 6 || memcmp(buf + at, "07070", 5) || (buf[at + 5] != '1' && buf[at + 5] != '2')) {
		*pos = at;
		return CPIO_OTHER;
	}
	if (size - at < HEADER)
		return bad(error, "it ends within a header");
	for (u32 i = 0; i < 13; i++)
		if (!hex8(buf + at + 6 + 8 * i, &f[i]))
			return bad(error, "a header has a field that is not hexadecimal");
	*e = (struct cpio_entry){ .ino = f[0], .mode = f[1], .uid = f[2], .gid = f[3], .nlink = f[4], .mtime = f[5],
				  .size = f[6], .dev_major = f[7], .dev_minor = f[8], .rdev_major = f[9],
				  .rdev_minor = f[10] };
	name = at + HEADER;
	if (!f[11] || f[11] > NAME_LIMIT || f[11] > size - name)
		return bad(error, "a name is empty, too long or cut off");
	if (buf[name + f[11] - 1] || memchr(buf + name, 0, f[11] - 1))
		return bad(error, "a name's length is wrong");
	e->name = (const char *)buf + name;
	e->name_len = f[11] - 1;
	data = ALIGN_UP(name + f[11] - at, 4ul) + at;
	if (data > size || e->size > size - data)
		return bad(error, "a file's content is cut off");
	e->data = buf + data;
	end = ALIGN_UP(data + e->size - at, 4ul) + at;
	*pos = MIN(end, size);
	if (e->name_len == 10 && !memcmp(e->name, "TRAILER!!!", 10))
		return CPIO_TRAILER;
	if (buf[at + 5] == '2' && (e->mode & 0170000) == 0100000 && !checksum_right(e, f[12]))
		return bad(error, "a file's checksum is wrong");
	return CPIO_ENTRY;
}

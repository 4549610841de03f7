// SPDX-License-Identifier: MIT
/*
 * The kind of a file that is no cpio archive, by its first bytes. Only for
 * messages: they name the format that was found, and what to do about it.
 * Sources: file(1)'s magic; Linux lib/decompress.c.
 */
#include <kernel/string.h>
#include "cpio.h"

struct magic {
	u32 offset;
	u8 len;
	const char *bytes, *name;
	bool compressed;
};

static const struct magic magics[] = {
	{ 0, 2, "\x1f\x8b", "gzip", true },
	{ 0, 2, "\x1f\x9e", "gzip's old format", true },
	{ 0, 6,
	  "\xfd"
	  "7zXZ\0",
	  "xz", true },
	{ 0, 4, "\x28\xb5\x2f\xfd", "zstd", true },
	{ 0, 3, "BZh", "bzip2", true },
	{ 0, 3, "\x5d\0\0", "lzma", true },
	{ 0, 4, "LZIP", "lzip", true },
	{ 0, 3, "\x89LZ", "lzo", true },
	{ 0, 4, "\x02\x21\x4c\x18", "lz4", true },
	{ 0, 4, "\x04\x22\x4d\x18", "lz4", true },
	{ 0, 2, "\x1f\x9d", "compress", true },
	{ 0, 4, "PK\3\4", "zip archive", false },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", "7z archive", false },
	{ 0, 2, "\xc7\x71", "cpio archive of the old binary format", false },
	{ 0, 2, "\x71\xc7", "cpio archive of the old binary format", false },
	{ 0, 4,
	  "\x7f"
	  "ELF",
	  "program (ELF)", false },
	{ 0, 2, "#!", "script", false },
	{ 0, 4, "hsqs", "squashfs image", false },
	{ 0, 4, "\x45\x3d\xcd\x28", "cramfs image", false },
	{ 0, 5, "!<arch>\n", "library or Debian package (ar)", false },
	{ 257, 5, "ustar", "tar archive", false },
	{ 1080, 2, "\x53\xef", "file system of the ext family", false },
	{ 510, 2, "\x55\xaa", "disk with partitions or a boot sector", false },
	{ 32769, 5, "CD001", "CD image (ISO 9660)", false },
};

const char *archive_kind(const u8 *data, size_t length, bool *compressed)
{
	for (u32 i = 0; i < ARRAY_SIZE(magics); i++) {
		const struct magic *magic = &magics[i];

		if (length >= magic->offset + magic->len &&
		    !memcmp(data + magic->offset, magic->bytes, magic->len)) {
			*compressed = magic->compressed;
			return magic->name;
		}
	}
	return NULL;
}

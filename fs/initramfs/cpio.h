/* SPDX-License-Identifier: MIT */
/** @file cpio.h  Reading cpio archives ("newc", as for an initramfs), piece by piece. Pure (fs/initramfs/cpio.c). */
#pragma once
#include <kernel/types.h>

#define CPIO_HEADER   110u
#define CPIO_PATH_MAX 4096u /* name or target, with the byte behind it */

/** The attributes of a file in a header, and its name. */
struct cpio_entry {
	char *name;
	const char *target; /* of a symbolic link, else NULL */
	u32 size, ino, mode, uid, gid, nlink, mtime;
	u32 dev_major, dev_minor, rdev_major, rdev_minor;
};

/**
 * What the archive's content is handed to. begin() and data() return 0, or an
 * error that ends the reading (CPIO_STOPPED).
 */
struct cpio_ops {
	/** An entry; only for a regular file data() and end() follow. */
	int (*begin)(void *ctx, const struct cpio_entry *entry);
	/** The next bytes of a regular file: at most as many as cpio_feed() got at once, in order. */
	int (*data)(void *ctx, const u8 *data, size_t length);
	/** The content is complete, or never will be (cpio_reset()). */
	void (*end)(void *ctx);
	/** The end of one archive: numbers of inodes begin anew. */
	void (*trailer)(void *ctx);
	/** An entry is left out: @p name may be empty. */
	void (*skipped)(void *ctx, const char *name, const char *why);
};

enum cpio_state {
	CPIO_PADDING,
	CPIO_IN_HEADER,
	CPIO_IN_NAME,
	CPIO_IN_TARGET,
	CPIO_IN_DATA,
	CPIO_IN_SKIP
};

/** About 8 KiB: not for a kernel stack. All zero but for ops and ctx: a new one. */
struct cpio_reader {
	const struct cpio_ops *ops;
	void *ctx;
	enum cpio_state state;
	u32 have, want; /* bytes of what is collected: header, name or target */
	u32 namesize;	/* as in the header: the zero behind the name counts */
	u64 left;	/* bytes of content, or to be skipped */
	u32 pad;	/* behind the content */
	bool is_open;	/* end() is owed */
	bool has_sum;	/* format 070702 */
	u32 sum, expected_sum;
	int err;	   /* of ops, for CPIO_STOPPED */
	const char *error; /* in words, for CPIO_BAD */
	struct cpio_entry entry;
	u8 header[CPIO_HEADER];
	char name[CPIO_PATH_MAX + 4], target[CPIO_PATH_MAX + 4];
};

enum cpio_result { CPIO_MORE, CPIO_OTHER, CPIO_BAD, CPIO_STOPPED };
/**
 * @brief Read the next piece of an archive.
 * @param used  how many bytes were read
 * @return CPIO_MORE: all of it; CPIO_OTHER: the data at @p used, between two entries, is no cpio header
 *         (perhaps compressed); CPIO_BAD (damaged: r->error has the reason); CPIO_STOPPED (r->err)
 */
enum cpio_result cpio_feed(struct cpio_reader *reader, const u8 *data, size_t length, size_t *used);
/** @return is it between two entries, where an archive may end? */
static inline bool cpio_between_entries(const struct cpio_reader *reader)
{
	return reader->state == CPIO_PADDING;
}
/** Drop the current archive: the next piece starts a new one. */
void cpio_reset(struct cpio_reader *reader);
/**
 * @brief The kind of data found in place of a cpio archive.
 * @param compressed  true: the result names a compression, false: a kind of file
 * @return words, or NULL: unknown. fs/initramfs/archive_kind.c
 */
const char *archive_kind(const u8 *data, size_t length, bool *compressed);

/* SPDX-License-Identifier: MIT */
/** @file cpio.h  Reading cpio archives ("newc", as for an initramfs). Pure (fs/cpio.c). */
#pragma once
#include <kernel/types.h>

struct cpio_entry {
	const char *name;		/* in the archive, NUL-terminated there */
	u32 name_len;
	const u8 *data;			/* file content or symlink target */
	u32 size, ino, mode, uid, gid, nlink, mtime;
	u32 dev_major, dev_minor, rdev_major, rdev_minor;
};
enum cpio_result { CPIO_ENTRY, CPIO_TRAILER, CPIO_END, CPIO_OTHER, CPIO_BAD };
/**
 * Read what stands at *@p pos, and advance behind it.
 * @param error  set to words when the result is CPIO_BAD
 * @return CPIO_ENTRY; CPIO_TRAILER (end of one archive, others may follow); CPIO_END (only zero
 *         padding was left); CPIO_OTHER (not a cpio header: perhaps compressed; *pos stays there); CPIO_BAD
 */
enum cpio_result cpio_next(const u8 *buf, size_t size, size_t *pos, struct cpio_entry *e, const char **error);

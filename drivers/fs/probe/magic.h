/* SPDX-License-Identifier: MIT */
/**
 * @file magic.h  What file system is on a disk, what is it called? Pure.
 *
 * The answers are those of blkid (util-linux), since names of disks are made of them.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** Texts, with an end; @p label and @p uuid may be empty. */
struct magic_found {
	const char *type; /* as mount -t names it */
	char label[64];
	char uuid[40];
};

struct magic_disk {
	uint64_t bytes;
	void *arg; /* of the function */
	/** @return 0 or an error, which ends the search and is its result */
	int64_t (*read)(void *arg, uint64_t offset, void *to, uint64_t bytes);
};

#define MAGIC_WORK_BYTES 4096u

/**
 * @brief Look for one kind of file system.
 * @param work   MAGIC_WORK_BYTES, which need nothing in them and keep nothing
 * @param found  written: if the result is 1
 * @return 1: it is one, 0: it is none; or an error of read()
 */
int64_t magic_ext(const struct magic_disk *disk, uint8_t *work, struct magic_found *found);
int64_t magic_fat(const struct magic_disk *disk, uint8_t *work, struct magic_found *found);
int64_t magic_iso9660(const struct magic_disk *disk, uint8_t *work, struct magic_found *found);

static inline uint32_t magic_get16(const uint8_t *at)
{
	return at[0] | at[1] << 8;
}
static inline uint32_t magic_get32(const uint8_t *at)
{
	return magic_get16(at) | magic_get16(at + 2) << 16;
}

/** @brief Write @p digits hexadecimal digits. @return behind them; no NUL is written */
static inline char *magic_put_hex(char *to, uint32_t value, int digits, const char *alphabet)
{
	while (digits--)
		*to++ = alphabet[value >> 4 * digits & 15];
	return to;
}

/** @brief A text of a fixed size: up to its NUL, without the blanks at its end. */
static inline void magic_put_text(char *to, const uint8_t *from, uint32_t size)
{
	uint32_t length = 0;

	for (uint32_t i = 0; i < size && from[i]; i++) {
		to[i] = (char)from[i];
		if (from[i] != ' ')
			length = i + 1;
	}
	to[length] = 0;
}

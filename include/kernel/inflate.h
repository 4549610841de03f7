/* SPDX-License-Identifier: MIT */
/** @file inflate.h  Decompression of gzip files. Pure (lib/inflate.c). */
#pragma once
#include <kernel/types.h>

struct huffman {
	u16 fast[512];
	u16 count[16];
	u16 symbol[288];
};
#define INFLATE_WINDOW 32768u
/** About 36 KiB: not for a kernel stack. */
struct inflate {
	const u8 *in;
	size_t in_len, in_pos;
	u64 bits;
	u32 nbits;
	u8 window[INFLATE_WINDOW];
	u32 wpos;  /* next byte of the window */
	u64 total; /* bytes produced */
	u32 crc;
	/** Takes decompressed bytes in order. @return 0, or a negative errno that ends it all */
	int (*out)(void *ctx, const u8 *data, size_t n);
	void *ctx;
	const char *error; /* in words, after a failure */
	struct huffman lit, dist;
	bool tables_fixed; /* lit and dist are those of the format */
};
/**
 * Decompress one gzip member.
 * @param inflate         in, in_len, out, ctx are set by the caller; the rest is ours, zeroed before the first member
 * @param consumed  bytes of the input that belong to the member
 * @return 0, -EINVAL (damaged: s->error has the reason), or what out() returned
 */
int __must_check gunzip(struct inflate *inflate, size_t *consumed);
static inline bool gzip_magic(const u8 *bytes, size_t n)
{
	return n >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

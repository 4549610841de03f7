// SPDX-License-Identifier: MIT
/*
 * The ChaCha20 block function, RFC 8439 section 2.3: twenty rounds over a
 * state of sixteen words (four constants, the key, counter and nonce), to which
 * the state is added at the end, so that it cannot be run backwards.
 *
 * The words are local variables, not an array: the compiler keeps most of them
 * in registers. No table, no branch on data: time does not depend on the key.
 */
#include <kernel/chacha.h>
#include <kernel/string.h>

static inline u32 rotate_word(u32 word, u32 nbits)
{
	return word << nbits | word >> (32 - nbits);
}

#define QUARTER_ROUND(a, b, c, d)           \
	do {                                \
		a += b;                     \
		d = rotate_word(d ^ a, 16); \
		c += d;                     \
		b = rotate_word(b ^ c, 12); \
		a += b;                     \
		d = rotate_word(d ^ a, 8);  \
		c += d;                     \
		b = rotate_word(b ^ c, 7);  \
	} while (0)

void chacha20_block(const u32 key[CHACHA_KEY_WORDS], const u32 input[4], u8 out[CHACHA_BLOCK_SIZE])
{
	const u32 c0 = 0x61707865, c1 = 0x3320646e, c2 = 0x79622d32, c3 = 0x6b206574;
	u32 x0 = c0, x1 = c1, x2 = c2, x3 = c3;
	u32 x4 = key[0], x5 = key[1], x6 = key[2], x7 = key[3];
	u32 x8 = key[4], x9 = key[5], x10 = key[6], x11 = key[7];
	u32 x12 = input[0], x13 = input[1], x14 = input[2], x15 = input[3];

	for (u32 i = 0; i < 10; i++) {
		QUARTER_ROUND(x0, x4, x8, x12);
		QUARTER_ROUND(x1, x5, x9, x13);
		QUARTER_ROUND(x2, x6, x10, x14);
		QUARTER_ROUND(x3, x7, x11, x15);
		QUARTER_ROUND(x0, x5, x10, x15);
		QUARTER_ROUND(x1, x6, x11, x12);
		QUARTER_ROUND(x2, x7, x8, x13);
		QUARTER_ROUND(x3, x4, x9, x14);
	}
	u32 sum[16] = {
		x0 + c0,	x1 + c1,	x2 + c2,	x3 + c3,
		x4 + key[0],	x5 + key[1],	x6 + key[2],	x7 + key[3],
		x8 + key[4],	x9 + key[5],	x10 + key[6],	x11 + key[7],
		x12 + input[0], x13 + input[1], x14 + input[2], x15 + input[3],
	};
	memcpy(out, sum, sizeof(sum)); /* little-endian, like the machine */
}

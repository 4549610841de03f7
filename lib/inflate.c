/* SPDX-License-Identifier: MIT */
/*
 * Decompression of gzip files: RFC 1952 around RFC 1951.
 *
 * Codes of up to 9 bits are found in one table look-up (symbol and length);
 * longer ones by the canonical method, a bit at a time. Output is written through the
 * 32 KiB window that the format refers back to, and from there to the caller
 * each time the window is full. The input is hostile: every length, distance
 * and table is checked.
 */
#include <kernel/inflate.h>
#include <kernel/string.h>
#include <uapi/errno.h>

#define FAST_BITS 9

static int inflate_fail(struct inflate *inflate, const char *why)
{
	inflate->error = why;
	return -EINVAL;
}

/* ---- bits: least significant first ---- */

static void refill_bits(struct inflate *inflate)
{
	while (inflate->nbits <= 56 && inflate->in_pos < inflate->in_len) {
		inflate->bits |= (u64)inflate->in[inflate->in_pos++] << inflate->nbits;
		inflate->nbits += 8;
	}
}

/* @p count <= 32. @return the bits, or ~0 with s->error set when the input ends */
static u64 take_bits(struct inflate *inflate, u32 count)
{
	u64 bits;

	if (inflate->nbits < count)
		refill_bits(inflate);
	if (inflate->nbits < count) {
		inflate->error = "the compressed data ends too early";
		return ~0ull;
	}
	bits = inflate->bits & ((1ull << count) - 1);
	inflate->bits >>= count;
	inflate->nbits -= count;
	return bits;
}

/* ---- Huffman codes ---- */

static u32 reverse_code(u32 code, u32 nbits)
{
	u32 reversed = 0;

	while (nbits--) {
		reversed = reversed << 1 | (code & 1);
		code >>= 1;
	}
	return reversed;
}

/* @return 0; 1: incomplete; -1: over-subscribed */
static int huffman_build(struct huffman *code_table, const u8 *lengths, u32 nlengths)
{
	u16 offs[16];
	int left = 1;
	u32 code = 0;

	memset(code_table->count, 0, sizeof(code_table->count));
	memset(code_table->fast, 0, sizeof(code_table->fast));
	for (u32 i = 0; i < nlengths; i++)
		code_table->count[lengths[i]]++;
	for (u32 len = 1; len < 16; len++) {
		left = (left << 1) - code_table->count[len];
		if (left < 0)
			return -1;
	}
	offs[1] = 0;
	for (u32 len = 1; len < 15; len++)
		offs[len + 1] = offs[len] + code_table->count[len];
	for (u32 i = 0; i < nlengths; i++)
		if (lengths[i])
			code_table->symbol[offs[lengths[i]]++] = i;
	for (u32 len = 1, index = 0; len <= FAST_BITS; len++, code <<= 1)
		for (u32 nth = 0; nth < code_table->count[len]; nth++, code++, index++)
			for (u32 slot = reverse_code(code, len); slot < 1u << FAST_BITS;
			     slot += 1u << len)
				code_table->fast[slot] = code_table->symbol[index] << 4 | len;
	return left != 0;
}

/* @return the symbol, or -1 */
static int inflate_symbol(struct inflate *inflate, const struct huffman *code_table)
{
	u32 entry, code = 0, first = 0, index = 0;

	if (inflate->nbits < 15)
		refill_bits(inflate);
	entry = code_table->fast[inflate->bits & ((1u << FAST_BITS) - 1)];
	if (entry && (entry & 15) <= inflate->nbits) {
		inflate->bits >>= entry & 15;
		inflate->nbits -= entry & 15;
		return entry >> 4;
	}
	for (u32 len = 1; len < 16; len++) {
		if (len > inflate->nbits)
			return -1;
		code |= inflate->bits >> (len - 1) & 1;
		if (code < first + code_table->count[len]) {
			inflate->bits >>= len;
			inflate->nbits -= len;
			return code_table->symbol[index + code - first];
		}
		index += code_table->count[len];
		first = (first + code_table->count[len]) << 1;
		code <<= 1;
	}
	return -1;
}

/* ---- output ---- */

static u32 crc_table[256];

static void crc_init(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 crc = i;

		for (u32 bit = 0; bit < 8; bit++) {
			if (crc & 1)
				crc = 0xedb88320u ^ crc >> 1;
			else
				crc = crc >> 1;
		}
		crc_table[i] = crc;
	}
}

static int flush_window(struct inflate *inflate)
{
	u32 crc = ~inflate->crc;

	for (u32 i = 0; i < inflate->wpos; i++)
		crc = crc_table[(crc ^ inflate->window[i]) & 255] ^ crc >> 8;
	inflate->crc = ~crc;
	if (inflate->wpos)
		return inflate->out(inflate->ctx, inflate->window, inflate->wpos);
	return 0;
}

static int inflate_put(struct inflate *inflate, u8 byte)
{
	int err = 0;

	inflate->window[inflate->wpos++] = byte;
	inflate->total++;
	if (inflate->wpos == INFLATE_WINDOW) {
		err = flush_window(inflate);
		inflate->wpos = 0;
	}
	return err;
}

static int copy_back(struct inflate *inflate, u32 distance, u32 length)
{
	int err = 0;

	if (distance > inflate->total || distance > INFLATE_WINDOW)
		return inflate_fail(inflate, "a match refers to data before the beginning");
	while (length-- && !err)
		err = inflate_put(
			inflate,
			inflate->window[(inflate->wpos - distance) & (INFLATE_WINDOW - 1)]);
	return err;
}

/* ---- blocks ---- */

static int block_stored(struct inflate *inflate)
{
	u64 len, inv;
	int err = 0;

	take_bits(inflate, inflate->nbits & 7);
	len = take_bits(inflate, 16);
	inv = take_bits(inflate, 16);
	if (inflate->error)
		return -EINVAL;
	if (len != (inv ^ 0xffff))
		return inflate_fail(inflate, "the length of a stored block is invalid");
	while (len-- && !err) {
		u64 byte = take_bits(inflate, 8);

		if (byte == ~0ull)
			return -EINVAL;
		err = inflate_put(inflate, byte);
	}
	return err;
}

static const u16 length_base[29] = { 3,	 4,  5,	 6,   7,   8,	9,   10,  11, 13,
				     15, 17, 19, 23,  27,  31,	35,  43,  51, 59,
				     67, 83, 99, 115, 131, 163, 195, 227, 258 };
static const u8 length_extra[29] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
				     2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const u16 dist_base[30] = { 1,	 2,    3,    4,	   5,	 7,    9,    13,    17,	   25,
				   33,	 49,   65,   97,   129,	 193,  257,  385,   513,   769,
				   1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };
static const u8 dist_extra[30] = { 0, 0, 0, 0, 1, 1, 2, 2,  3,	3,  4,	4,  5,	5,  6,
				   6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13 };

static int block_coded(struct inflate *inflate)
{
	for (;;) {
		int sym = inflate_symbol(inflate, &inflate->lit), dist, err;
		u64 extra, dextra;

		if (sym < 0)
			return inflate_fail(
				inflate,
				"a Huffman code is not in its table, or the compressed data ends too early");
		if (sym == 256)
			return 0;
		if (sym < 256) {
			err = inflate_put(inflate, sym);
			if (err)
				return err;
			continue;
		}
		if (sym > 285)
			return inflate_fail(inflate, "the length code of a match is out of range");
		extra = take_bits(inflate, length_extra[sym - 257]);
		dist = inflate_symbol(inflate, &inflate->dist);
		if (dist < 0 || dist > 29 || inflate->error)
			return inflate_fail(inflate, "the distance code of a match is invalid");
		dextra = take_bits(inflate, dist_extra[dist]);
		if (inflate->error)
			return -EINVAL;
		err = copy_back(inflate, dist_base[dist] + dextra, length_base[sym - 257] + extra);
		if (err)
			return err;
	}
}

static void fixed_tables(struct inflate *inflate)
{
	u8 len[288];

	if (inflate->tables_fixed) /* a block may be ten bits long */
		return;
	memset(len, 8, 288);
	memset(len + 144, 9, 256 - 144);
	memset(len + 256, 7, 280 - 256);
	huffman_build(&inflate->lit, len, 288);
	memset(len, 5, 30);
	huffman_build(&inflate->dist, len, 30);
	inflate->tables_fixed = true;
}

/* The code lengths of both tables, run-length coded by a third. */
static int read_lengths(struct inflate *inflate, u8 *len, u32 total)
{
	u32 i = 0;

	while (i < total) {
		int sym = inflate_symbol(inflate, &inflate->lit);
		u32 repeat;
		u8 value = 0;

		if (sym < 0)
			return inflate_fail(inflate,
					    "the code lengths of a Huffman table are invalid");
		if (sym < 16) {
			len[i++] = sym;
			continue;
		}
		if (sym == 16) {
			if (!i)
				return inflate_fail(inflate,
						    "a Huffman table begins with a repeat code");
			value = len[i - 1];
			repeat = 3 + take_bits(inflate, 2);
		} else if (sym == 17) {
			repeat = 3 + take_bits(inflate, 3);
		} else {
			repeat = 11 + take_bits(inflate, 7);
		}
		if (inflate->error)
			return -EINVAL;
		if (repeat > total - i)
			return inflate_fail(inflate,
					    "a Huffman table has more entries than it declares");
		memset(len + i, value, repeat);
		i += repeat;
	}
	return 0;
}

static int dynamic_tables(struct inflate *inflate)
{
	static const u8 order[19] = { 16, 17, 18, 0, 8,	 7, 9,	6, 10, 5,
				      11, 4,  12, 3, 13, 2, 14, 1, 15 };
	u8 len[320] = { 0 };
	u32 nlit = 257 + take_bits(inflate, 5), ndist = 1 + take_bits(inflate, 5),
	    ncode = 4 + take_bits(inflate, 4);
	int err;

	inflate->tables_fixed = false;
	if (inflate->error)
		return -EINVAL;
	if (nlit > 286 || ndist > 30)
		return inflate_fail(inflate, "a Huffman table declares too many entries");
	for (u32 i = 0; i < ncode; i++)
		len[order[i]] = take_bits(inflate, 3);
	if (inflate->error || huffman_build(&inflate->lit, len, 19))
		return inflate_fail(inflate, "the Huffman table of code lengths is invalid");
	memset(len, 0, sizeof(len));
	err = read_lengths(inflate, len, nlit + ndist);
	if (err)
		return err;
	if (!len[256])
		return inflate_fail(inflate, "a Huffman table has no end-of-block code");
	/* an incomplete code is allowed only where it has a single symbol */
	err = huffman_build(&inflate->lit, len, nlit);
	if (err < 0 || (err && nlit - inflate->lit.count[0] != 1))
		return inflate_fail(inflate,
				    "the Huffman table of literals and lengths is invalid");
	err = huffman_build(&inflate->dist, len + nlit, ndist);
	if (err < 0 || (err && ndist - inflate->dist.count[0] > 1))
		return inflate_fail(inflate, "the Huffman table of distances is invalid");
	return 0;
}

static int block_tables(struct inflate *inflate, u64 type)
{
	if (type == 2)
		return dynamic_tables(inflate);
	fixed_tables(inflate);
	return 0;
}

static int inflate_blocks(struct inflate *inflate)
{
	for (;;) {
		u64 last = take_bits(inflate, 1), type = take_bits(inflate, 2);
		int err;

		if (inflate->error)
			return -EINVAL;
		if (type == 3)
			return inflate_fail(inflate, "a block has an invalid type");
		if (type == 0) {
			err = block_stored(inflate);
		} else {
			err = block_tables(inflate, type);
			if (!err)
				err = block_coded(inflate);
		}
		if (err || last)
			return err;
	}
}

/* ---- gzip ---- */

static int skip_string(struct inflate *inflate)
{
	u64 byte;

	do
		byte = take_bits(inflate, 8);
	while (byte && !inflate->error);
	if (inflate->error)
		return -EINVAL;
	return 0;
}

static int gzip_header(struct inflate *inflate)
{
	u64 magic = take_bits(inflate, 16), method = take_bits(inflate, 8),
	    flags = take_bits(inflate, 8);

	take_bits(inflate, 32);
	take_bits(inflate, 16);
	if (inflate->error)
		return -EINVAL;
	if (magic != 0x8b1f || method != 8 || flags & 0xe0)
		return inflate_fail(inflate, "the gzip header is invalid");
	if (flags & 4)
		for (u64 extra_left = take_bits(inflate, 16); extra_left && !inflate->error;
		     extra_left--)
			take_bits(inflate, 8);
	if (!inflate->error && (flags & 8))
		skip_string(inflate);
	if (!inflate->error && (flags & 16))
		skip_string(inflate);
	if (!inflate->error && (flags & 2))
		take_bits(inflate, 16);
	if (inflate->error)
		return -EINVAL;
	return 0;
}

int gunzip(struct inflate *inflate, size_t *consumed)
{
	u64 crc, size;
	int err;

	inflate->in_pos = inflate->bits = inflate->nbits = inflate->wpos = inflate->total =
		inflate->crc = 0;
	inflate->error = NULL;
	if (!crc_table[1])
		crc_init();
	err = gzip_header(inflate);
	if (!err)
		err = inflate_blocks(inflate);
	if (!err)
		err = flush_window(inflate);
	if (err)
		return err;
	take_bits(inflate, inflate->nbits & 7);
	crc = take_bits(inflate, 32);
	size = take_bits(inflate, 32);
	if (inflate->error)
		return -EINVAL;
	if (crc != inflate->crc || size != (u32)inflate->total)
		return inflate_fail(inflate, "the checksum or the length does not match the data");
	*consumed = inflate->in_pos - inflate->nbits / 8;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Decompression of gzip files: RFC 1952 around RFC 1951.
 *
 * Codes of up to 9 bits are found in one table look-up (symbol and length);
 * longer ones by the canonical method, a bit at a time. Output goes through the
 * 32 KiB window that the format refers back to, and from there to the caller
 * each time the window is full. The input is hostile: every length, distance
 * and table is checked.
 */
#include <kernel/inflate.h>
#include <kernel/string.h>
#include <uapi/errno.h>

#define FAST_BITS 9

static int fail(struct inflate *s, const char *why)
{
	s->error = why;
	return -EINVAL;
}

/* ---- bits: least significant first ---- */

static void refill(struct inflate *s)
{
	while (s->nbits <= 56 && s->in_pos < s->in_len) {
		s->bits |= (u64)s->in[s->in_pos++] << s->nbits;
		s->nbits += 8;
	}
}

/* @p n <= 32. @return the bits, or ~0 with s->error set when the input ends */
static u64 take(struct inflate *s, u32 n)
{
	u64 v;

	if (s->nbits < n)
		refill(s);
	if (s->nbits < n) {
		s->error = "the compressed data ends too early";
		return ~0ull;
	}
	v = s->bits & ((1ull << n) - 1);
	s->bits >>= n;
	s->nbits -= n;
	return v;
}

/* ---- Huffman codes ---- */

static u32 reverse(u32 v, u32 n)
{
	u32 r = 0;

	while (n--) {
		r = r << 1 | (v & 1);
		v >>= 1;
	}
	return r;
}

/* @return 0; 1: incomplete; -1: over-subscribed */
static int huffman_build(struct huffman *h, const u8 *lengths, u32 n)
{
	u16 offs[16];
	int left = 1;
	u32 code = 0;

	memset(h->count, 0, sizeof(h->count));
	memset(h->fast, 0, sizeof(h->fast));
	for (u32 i = 0; i < n; i++)
		h->count[lengths[i]]++;
	for (u32 len = 1; len < 16; len++) {
		left = (left << 1) - h->count[len];
		if (left < 0)
			return -1;
	}
	offs[1] = 0;
	for (u32 len = 1; len < 15; len++)
		offs[len + 1] = offs[len] + h->count[len];
	for (u32 i = 0; i < n; i++)
		if (lengths[i])
			h->symbol[offs[lengths[i]]++] = i;
	for (u32 len = 1, index = 0; len <= FAST_BITS; len++, code <<= 1)
		for (u32 k = 0; k < h->count[len]; k++, code++, index++)
			for (u32 f = reverse(code, len); f < 1u << FAST_BITS; f += 1u << len)
				h->fast[f] = h->symbol[index] << 4 | len;
	return left ? 1 : 0;
}

/* @return the symbol, or -1 */
static int decode(struct inflate *s, const struct huffman *h)
{
	u32 e, code = 0, first = 0, index = 0;

	if (s->nbits < 15)
		refill(s);
	e = h->fast[s->bits & ((1u << FAST_BITS) - 1)];
	if (e && (e & 15) <= s->nbits) {
		s->bits >>= e & 15;
		s->nbits -= e & 15;
		return e >> 4;
	}
	for (u32 len = 1; len < 16; len++) {
		if (len > s->nbits)
			return -1;
		code |= s->bits >> (len - 1) & 1;
		if (code < first + h->count[len]) {
			s->bits >>= len;
			s->nbits -= len;
			return h->symbol[index + code - first];
		}
		index += h->count[len];
		first = (first + h->count[len]) << 1;
		code <<= 1;
	}
	return -1;
}

/* ---- output ---- */

static u32 crc_table[256];

static void crc_init(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (u32 k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
		crc_table[i] = c;
	}
}

static int flush(struct inflate *s)
{
	u32 c = ~s->crc;

	for (u32 i = 0; i < s->wpos; i++)
		c = crc_table[(c ^ s->window[i]) & 255] ^ c >> 8;
	s->crc = ~c;
	return s->wpos ? s->out(s->ctx, s->window, s->wpos) : 0;
}

static int put(struct inflate *s, u8 byte)
{
	int err = 0;

	s->window[s->wpos++] = byte;
	s->total++;
	if (s->wpos == INFLATE_WINDOW) {
		err = flush(s);
		s->wpos = 0;
	}
	return err;
}

static int copy_back(struct inflate *s, u32 distance, u32 length)
{
	int err = 0;

	if (distance > s->total || distance > INFLATE_WINDOW)
		return fail(s, "a match refers to data before the beginning");
	while (length-- && !err)
		err = put(s, s->window[(s->wpos - distance) & (INFLATE_WINDOW - 1)]);
	return err;
}

/* ---- blocks ---- */

static int block_stored(struct inflate *s)
{
	u64 len, inv;
	int err = 0;

	take(s, s->nbits & 7);
	len = take(s, 16);
	inv = take(s, 16);
	if (s->error)
		return -EINVAL;
	if (len != (inv ^ 0xffff))
		return fail(s, "the length of a stored block is invalid");
	while (len-- && !err) {
		u64 b = take(s, 8);

		if (b == ~0ull)
			return -EINVAL;
		err = put(s, b);
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

static int block_coded(struct inflate *s)
{
	for (;;) {
		int sym = decode(s, &s->lit), dist, err;
		u64 extra, dextra;

		if (sym < 0)
			return fail(
				s,
				"a Huffman code is not in its table, or the compressed data ends too early");
		if (sym == 256)
			return 0;
		if (sym < 256) {
			err = put(s, sym);
			if (err)
				return err;
			continue;
		}
		if (sym > 285)
			return fail(s, "the length code of a match is out of range");
		extra = take(s, length_extra[sym - 257]);
		dist = decode(s, &s->dist);
		if (dist < 0 || dist > 29 || s->error)
			return fail(s, "the distance code of a match is invalid");
		dextra = take(s, dist_extra[dist]);
		if (s->error)
			return -EINVAL;
		err = copy_back(s, dist_base[dist] + dextra, length_base[sym - 257] + extra);
		if (err)
			return err;
	}
}

static void fixed_tables(struct inflate *s)
{
	u8 len[288];

	if (s->tables_fixed) /* a block may be ten bits long */
		return;
	for (u32 i = 0; i < 288; i++)
		len[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	huffman_build(&s->lit, len, 288);
	memset(len, 5, 30);
	huffman_build(&s->dist, len, 30);
	s->tables_fixed = true;
}

/* The code lengths of both tables, run-length coded by a third. */
static int read_lengths(struct inflate *s, u8 *len, u32 total)
{
	u32 i = 0;

	while (i < total) {
		int sym = decode(s, &s->lit);
		u32 repeat;
		u8 value = 0;

		if (sym < 0)
			return fail(s, "the code lengths of a Huffman table are invalid");
		if (sym < 16) {
			len[i++] = sym;
			continue;
		}
		if (sym == 16) {
			if (!i)
				return fail(s, "a Huffman table begins with a repeat code");
			value = len[i - 1];
			repeat = 3 + take(s, 2);
		} else {
			repeat = sym == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
		}
		if (s->error)
			return -EINVAL;
		if (repeat > total - i)
			return fail(s, "a Huffman table has more entries than it declares");
		memset(len + i, value, repeat);
		i += repeat;
	}
	return 0;
}

static int dynamic_tables(struct inflate *s)
{
	static const u8 order[19] = { 16, 17, 18, 0, 8,	 7, 9,	6, 10, 5,
				      11, 4,  12, 3, 13, 2, 14, 1, 15 };
	u8 len[320] = { 0 };
	u32 nlit = 257 + take(s, 5), ndist = 1 + take(s, 5), ncode = 4 + take(s, 4);
	int err;

	s->tables_fixed = false;
	if (s->error)
		return -EINVAL;
	if (nlit > 286 || ndist > 30)
		return fail(s, "a Huffman table declares too many entries");
	for (u32 i = 0; i < ncode; i++)
		len[order[i]] = take(s, 3);
	if (s->error || huffman_build(&s->lit, len, 19))
		return fail(s, "the Huffman table of code lengths is invalid");
	memset(len, 0, sizeof(len));
	err = read_lengths(s, len, nlit + ndist);
	if (err)
		return err;
	if (!len[256])
		return fail(s, "a Huffman table has no end-of-block code");
	/* an incomplete code is allowed only where it has a single symbol */
	err = huffman_build(&s->lit, len, nlit);
	if (err < 0 || (err && nlit - s->lit.count[0] != 1))
		return fail(s, "the Huffman table of literals and lengths is invalid");
	err = huffman_build(&s->dist, len + nlit, ndist);
	if (err < 0 || (err && ndist - s->dist.count[0] > 1))
		return fail(s, "the Huffman table of distances is invalid");
	return 0;
}

static int inflate_blocks(struct inflate *s)
{
	for (;;) {
		u64 last = take(s, 1), type = take(s, 2);
		int err;

		if (s->error)
			return -EINVAL;
		if (type == 3)
			return fail(s, "a block has an invalid type");
		if (type == 0) {
			err = block_stored(s);
		} else {
			if (type == 1)
				fixed_tables(s);
			err = type == 2 ? dynamic_tables(s) : 0;
			if (!err)
				err = block_coded(s);
		}
		if (err || last)
			return err;
	}
}

/* ---- gzip ---- */

static int skip_string(struct inflate *s)
{
	u64 b;

	do
		b = take(s, 8);
	while (b && !s->error);
	return s->error ? -EINVAL : 0;
}

static int gzip_header(struct inflate *s)
{
	u64 magic = take(s, 16), method = take(s, 8), flags = take(s, 8);

	take(s, 32);
	take(s, 16);
	if (s->error)
		return -EINVAL;
	if (magic != 0x8b1f || method != 8 || flags & 0xe0)
		return fail(s, "the gzip header is invalid");
	if (flags & 4)
		for (u64 n = take(s, 16); n && !s->error; n--)
			take(s, 8);
	if (!s->error && (flags & 8))
		skip_string(s);
	if (!s->error && (flags & 16))
		skip_string(s);
	if (!s->error && (flags & 2))
		take(s, 16);
	return s->error ? -EINVAL : 0;
}

int gunzip(struct inflate *s, size_t *consumed)
{
	u64 crc, size;
	int err;

	s->in_pos = s->bits = s->nbits = s->wpos = s->total = s->crc = 0;
	s->error = NULL;
	if (!crc_table[1])
		crc_init();
	err = gzip_header(s);
	if (!err)
		err = inflate_blocks(s);
	if (!err)
		err = flush(s);
	if (err)
		return err;
	take(s, s->nbits & 7);
	crc = take(s, 32);
	size = take(s, 32);
	if (s->error)
		return -EINVAL;
	if (crc != s->crc || size != (u32)s->total)
		return fail(s, "the checksum or the length does not match the data");
	*consumed = s->in_pos - s->nbits / 8;
	return 0;
}

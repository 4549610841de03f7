// SPDX-License-Identifier: MIT
/*
 * The line discipline: output processing, as POSIX chapter 11.1.8 describes. A
 * column is kept for tabs. Pure, as ldisc.c.
 */
#include <kernel/string.h>
#include "ldisc_internal.h"

u32 ldisc_render(struct ldisc *ld, u8 c, u8 *out)
{
	u32 n;

	switch (c) {
	case '\n':
		if (oflag(ld, ONLRET | ONLCR))
			ld->column = 0;
		ld->canon_column = ld->column;
		if (!oflag(ld, ONLCR))
			break;
		out[0] = '\r';
		out[1] = '\n';
		return 2;
	case '\r':
		if (oflag(ld, ONOCR) && ld->column == 0)
			return 0;
		if (oflag(ld, OCRNL)) {
			c = '\n';
			if (!oflag(ld, ONLRET))
				break;
		}
		ld->canon_column = ld->column = 0;
		break;
	case '\t':
		n = TAB_WIDTH - ld->column % TAB_WIDTH;
		ld->column += n;
		if ((ld->termios.c_oflag & TABDLY) != XTABS)
			break;
		memset(out, ' ', n);
		return n;
	case '\b':
		if (ld->column)
			ld->column--;
		break;
	default:
		if (is_control(c))
			break;
		if (oflag(ld, OLCUC) && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		if (!is_continuation(ld, c))
			ld->column++;
	}
	out[0] = c;
	return 1;
}

/* Are all eight bytes printing ASCII? May say no for a yes, never the reverse. */
static bool all_printing(u64 eight)
{
	const u64 ones = 0x0101010101010101ull;

	return !((eight | (eight - ones * 0x20) | (eight + ones)) & ones * 0x80);
}

size_t ldisc_output(struct ldisc *ld, const u8 *in, size_t len_bytes, u8 *out, size_t size,
		    size_t *made)
{
	bool plain = !oflag(ld, OLCUC);
	size_t used = 0, n = 0;
	u64 eight;

	if (!oflag(ld, OPOST)) {
		n = MIN(len_bytes, size);
		memcpy(out, in, n);
		*made = n;
		return n;
	}
	while (used < len_bytes && size - n >= LDISC_MAX_EXPANSION) {
		if (plain && len_bytes - used >= sizeof(eight)) {
			memcpy(&eight, in + used, sizeof(eight));
			if (all_printing(eight)) {
				memcpy(out + n, &eight, sizeof(eight));
				ld->column += sizeof(eight);
				used += sizeof(eight);
				n += sizeof(eight);
				continue;
			}
		}
		n += ldisc_render(ld, in[used++], out + n);
	}
	*made = n;
	return used;
}

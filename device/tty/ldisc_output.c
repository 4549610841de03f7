// SPDX-License-Identifier: MIT
/*
 * The line discipline: output processing, as POSIX chapter 11.1.8 describes. A
 * column is kept for tabs. Pure, as ldisc.c.
 */
#include <kernel/string.h>
#include "ldisc_internal.h"

u32 ldisc_render(struct ldisc *ldisc, u8 byte, u8 *out)
{
	u32 blanks;

	switch (byte) {
	case '\n':
		if (has_oflag(ldisc, ONLRET | ONLCR))
			ldisc->column = 0;
		ldisc->canon_column = ldisc->column;
		if (!has_oflag(ldisc, ONLCR))
			break;
		out[0] = '\r';
		out[1] = '\n';
		return 2;
	case '\r':
		if (has_oflag(ldisc, ONOCR) && ldisc->column == 0)
			return 0;
		if (has_oflag(ldisc, OCRNL)) {
			byte = '\n';
			if (!has_oflag(ldisc, ONLRET))
				break;
		}
		ldisc->canon_column = ldisc->column = 0;
		break;
	case '\t':
		blanks = TAB_WIDTH - ldisc->column % TAB_WIDTH;
		ldisc->column += blanks;
		if ((ldisc->termios.c_oflag & TABDLY) != XTABS)
			break;
		memset(out, ' ', blanks);
		return blanks;
	case '\b':
		if (ldisc->column)
			ldisc->column--;
		break;
	default:
		if (is_control(byte))
			break;
		if (has_oflag(ldisc, OLCUC) && byte >= 'a' && byte <= 'z')
			byte -= 'a' - 'A';
		if (!is_continuation(ldisc, byte))
			ldisc->column++;
	}
	out[0] = byte;
	return 1;
}

/* Are all eight bytes printing ASCII? May return false for bytes that are, never the reverse. */
static bool all_printing(u64 eight)
{
	const u64 ones = 0x0101010101010101ull;

	return !((eight | (eight - ones * 0x20) | (eight + ones)) & ones * 0x80);
}

size_t ldisc_output(struct ldisc *ldisc, const u8 *bytes, size_t len_bytes, u8 *out, size_t size,
		    size_t *made)
{
	bool plain = !has_oflag(ldisc, OLCUC);
	size_t used = 0, length = 0;
	u64 eight;

	if (!has_oflag(ldisc, OPOST)) {
		length = MIN(len_bytes, size);
		memcpy(out, bytes, length);
		*made = length;
		return length;
	}
	while (used < len_bytes && size - length >= LDISC_MAX_EXPANSION) {
		if (plain && len_bytes - used >= sizeof(eight)) {
			memcpy(&eight, bytes + used, sizeof(eight));
			if (all_printing(eight)) {
				memcpy(out + length, &eight, sizeof(eight));
				ldisc->column += sizeof(eight);
				used += sizeof(eight);
				length += sizeof(eight);
				continue;
			}
		}
		length += ldisc_render(ldisc, bytes[used++], out + length);
	}
	*made = length;
	return used;
}

// SPDX-License-Identifier: MIT
/*
 * Formats with their arguments in an array: no function of the driver API is
 * variadic. Each conversion is rewritten for the 64-bit values that the array
 * holds and handed to snprintf(); what it does not know is copied as it stands.
 */
#ifdef __BANOS_HOST__
#include <stdio.h>
#endif
#include <kernel/driver_format.h>
#include <kernel/err.h>
#include <kernel/string.h>

struct text {
	char *buf;
	u64 size, used; /* used: as if there were room */
	format_span_fn span;
	bool bad; /* an argument was no text */
};
struct args {
	const u64 *value;
	u32 left;
};

/* A conversion: %[flags][width][.precision][length]type */
struct conversion {
	char flags[6];
	int width, precision; /* -1: none */
	u32 bytes;	      /* of an integer */
	char type;
};

static void put(struct text *t, const char *s, u64 n)
{
	if (t->used < t->size) {
		u64 room = t->size - t->used;

		memcpy(t->buf + t->used, s, n < room ? n : room);
	}
	t->used += n;
}

static u64 next_arg(struct args *a)
{
	if (!a->left)
		return 0;
	a->left--;
	return *a->value++;
}

static const char *parse_number(const char *f, struct args *a, int *out)
{
	int n = 0;

	if (*f == '*') {
		*out = (int)next_arg(a);
		return f + 1;
	}
	while (*f >= '0' && *f <= '9' && n <= DRIVER_TEXT_MAX)
		n = n * 10 + *f++ - '0';
	*out = n;
	return f;
}

static const char *parse_length(const char *f, u32 *bytes)
{
	*bytes = 4;
	for (;; f++)
		switch (*f) {
		case 'h': *bytes = *bytes == 2 ? 1 : 2; break;
		case 'l':
		case 'j':
		case 'z':
		case 't': *bytes = 8; break;
		default: return f;
		}
}

static const char *parse(const char *f, struct args *a, struct conversion *c)
{
	u32 n = 0;

	*c = (struct conversion){ .width = -1, .precision = -1 };
	for (; *f && strchr("-+ #0", *f); f++)
		if (n < sizeof(c->flags) - 1)
			c->flags[n++] = *f;
	if ((*f >= '1' && *f <= '9') || *f == '*')
		f = parse_number(f, a, &c->width);
	if (*f == '.')
		f = parse_number(f + 1, a, &c->precision);
	f = parse_length(f, &c->bytes);
	c->type = *f;
	if (c->width < -1 && n < sizeof(c->flags) - 1) { /* "%*d" with a negative width */
		c->flags[n] = '-';
		c->width = -c->width;
	}
	if (c->width > DRIVER_TEXT_MAX)
		c->width = DRIVER_TEXT_MAX;
	if (c->precision > DRIVER_TEXT_MAX)
		c->precision = DRIVER_TEXT_MAX;
	return *f ? f + 1 : f;
}

static u64 narrow(u64 v, u32 bytes, bool is_signed)
{
	switch (bytes) {
	case 1: return is_signed ? (u64)(s64)(s8)v : (u8)v;
	case 2: return is_signed ? (u64)(s64)(s16)v : (u16)v;
	case 4: return is_signed ? (u64)(s64)(s32)v : (u32)v;
	default: return v;
	}
}

static void put_padded(struct text *t, const struct conversion *c, const char *s, u64 n)
{
	bool left = strchr(c->flags, '-');
	u64 width = c->width > 0 ? c->width : 0;

	for (u64 i = n; !left && i < width; i++)
		put(t, " ", 1);
	put(t, s, n);
	for (u64 i = n; left && i < width; i++)
		put(t, " ", 1);
}

static void put_text(struct text *t, const struct conversion *c, const char *s)
{
	u64 max = c->precision >= 0 ? c->precision : DRIVER_TEXT_MAX, span, n;

	if (!s) {
		put_padded(t, c, "(null)", MIN(max, 6ul));
		return;
	}
	span = t->span ? t->span(s, max, false) : max;
	n = strnlen(s, span);
	if (n == span && span < max) {
		t->bad = true;
		s = "(bad text)";
		n = 10;
	}
	put_padded(t, c, s, n);
}

static void put_integer(struct text *t, const struct conversion *c, u64 v)
{
	/* Width and precision can ask for all of a text's length. */
	char out[80], format[40];
	int n = snprintf(format, sizeof(format), "%%%s", c->flags), width = c->width;

	if (width > 64) { /* blanks or zeroes in front are few enough by themselves */
		struct conversion wide = *c;

		wide.width = 64;
		for (int i = 64; i < width && !strchr(c->flags, '-'); i++)
			put(t, " ", 1);
		put_integer(t, &wide, v);
		for (int i = 64; i < width && strchr(c->flags, '-'); i++)
			put(t, " ", 1);
		return;
	}
	if (width >= 0)
		n += snprintf(format + n, sizeof(format) - n, "%d", width);
	if (c->precision >= 0)
		n += snprintf(format + n, sizeof(format) - n, ".%d",
			      c->precision > 64 ? 64 : c->precision);
	snprintf(format + n, sizeof(format) - n, "l%c", c->type);
	n = snprintf(out, sizeof(out), format, v);
	put(t, out, n < (int)sizeof(out) ? n : (int)sizeof(out) - 1);
}

/* @return false: no conversion of ours */
static bool convert(struct text *t, const struct conversion *c, struct args *a)
{
	struct conversion hex = *c;
	char one;

	switch (c->type) {
	case 'd':
	case 'i': put_integer(t, c, narrow(next_arg(a), c->bytes, true)); return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o': put_integer(t, c, narrow(next_arg(a), c->bytes, false)); return true;
	case 'p':
		hex.type = 'x';
		strscpy(hex.flags, strchr(c->flags, '-') ? "#-" : "#", sizeof(hex.flags));
		put_integer(t, &hex, next_arg(a));
		return true;
	case 'c':
		one = next_arg(a);
		put_padded(t, c, &one, 1);
		return true;
	case 's': put_text(t, c, (const char *)next_arg(a)); return true;
	case '%': put(t, "%", 1); return true;
	default: return false;
	}
}

s64 format_args(char *buf, u64 size, const char *fmt, const u64 *args, u32 count,
		format_span_fn span)
{
	struct text t = { buf, size ? size - 1 : 0, 0, span, false };
	struct args a = { args, count };
	const char *end = fmt + strnlen(fmt, DRIVER_TEXT_MAX);

	while (fmt < end) {
		const char *start = fmt;
		struct conversion c;

		while (fmt < end && *fmt != '%')
			fmt++;
		put(&t, start, fmt - start);
		if (fmt == end)
			break;
		start = fmt;
		fmt = parse(fmt + 1, &a, &c);
		if (!convert(&t, &c, &a))
			put(&t, start, fmt - start);
	}
	if (size)
		buf[t.used < size ? t.used : size - 1] = 0;
	return t.bad ? -EINVAL : (s64)t.used;
}

// SPDX-License-Identifier: MIT
/*
 * printf's formats.
 *
 *	%[flags][width][.precision][length]conversion
 *	flags		- + space 0 #
 *	width, precision  a number, or * for an argument
 *	length		hh h l ll z t j
 *	conversion	d i u o x X c s p %
 *
 * %p prints sixteen hexadecimal digits. %pS prints symbol+offset/size through
 * format_symbol_hook, which the kernel sets once its table of names is there;
 * without it, the bare address. There is no %n and no floating point. What is
 * not understood is printed as it stands, and no argument is taken for it.
 *
 * The result is what C says: cut to the buffer, always terminated, and the
 * returned length is that of the whole text.
 */
#include <kernel/string.h>
#include "libc_names.h"

enum { LEFT = 1, PLUS = 2, SPACE = 4, ZERO = 8, ALT = 16, UPPER = 32, SIGNED = 64 };

#define COUNT_MAX 100000 /* widths and precisions stay below int */

struct out {
	char *buf;
	size_t size, len;
}; /* len counts what did not fit, too */
struct spec {
	u32 flags;
	int width, precision; /* -1: none */
	u32 base;
};

size_t (*format_symbol_hook)(char *buf, size_t size, u64 addr);

static void put(struct out *o, const char *s, size_t n)
{
	if (o->len < o->size)
		memcpy(o->buf + o->len, s, MIN(n, o->size - o->len));
	o->len += n;
}

static void pad(struct out *o, char c, int n)
{
	if (n <= 0)
		return;
	if (o->len < o->size)
		memset(o->buf + o->len, c, MIN((size_t)n, o->size - o->len));
	o->len += n;
}

static void put_padded(struct out *o, const struct spec *sp, const char *s, size_t n)
{
	int blanks = sp->width > (s64)n ? sp->width - (int)n : 0;

	if (!(sp->flags & LEFT))
		pad(o, ' ', blanks);
	put(o, s, n);
	if (sp->flags & LEFT)
		pad(o, ' ', blanks);
}

/* Digits of @v, ending before @end. @return where they begin */
static char *digits(char *end, u64 v, u32 base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	if (base == 10) {
		for (; v >= 10; v /= 10)
			*--end = '0' + v % 10;
		*--end = '0' + v;
		return end;
	}
	do {
		*--end = set[v & (base - 1)];
		v >>= base == 16 ? 4 : 3;
	} while (v);
	return end;
}

static void put_number(struct out *o, const struct spec *sp, u64 v)
{
	char buf[24], prefix[2], *end = buf + sizeof(buf), *s = end;
	int nprefix = 0, zeros = 0, ndigits, blanks;

	if (sp->flags & SIGNED) {
		if ((s64)v < 0) {
			prefix[nprefix++] = '-';
			v = 0 - v;
		} else if (sp->flags & PLUS) {
			prefix[nprefix++] = '+';
		} else if (sp->flags & SPACE) {
			prefix[nprefix++] = ' ';
		}
	} else if ((sp->flags & ALT) && sp->base == 16 && v) {
		prefix[nprefix++] = '0';
		prefix[nprefix++] = sp->flags & UPPER ? 'X' : 'x';
	}
	if (v || sp->precision) /* "%.0d" of 0 has no digits */
		s = digits(end, v, sp->base, sp->flags & UPPER);
	ndigits = end - s;
	if (sp->precision > ndigits)
		zeros = sp->precision - ndigits;
	else if ((sp->flags & ALT) && sp->base == 8 && (!ndigits || *s != '0'))
		zeros = 1;
	blanks = sp->width - nprefix - zeros - ndigits;
	if (blanks > 0 && (sp->flags & (ZERO | LEFT)) == ZERO && sp->precision < 0) {
		zeros += blanks;
		blanks = 0;
	}
	if (!(sp->flags & LEFT))
		pad(o, ' ', blanks);
	put(o, prefix, nprefix);
	pad(o, '0', zeros);
	put(o, s, ndigits);
	if (sp->flags & LEFT)
		pad(o, ' ', blanks);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	if (!s)
		s = "(null)";
	put_padded(o, sp, s, sp->precision < 0 ? strlen(s) : strnlen(s, sp->precision));
}

static void put_symbol(struct out *o, const struct spec *sp, u64 addr)
{
	char name[160];
	size_t n = 0;

	if (format_symbol_hook)
		n = format_symbol_hook(name, sizeof(name), addr);
	if (n) {
		put_padded(o, sp, name, MIN(n, sizeof(name) - 1));
	} else {
		struct spec hex = { .flags = ALT, .width = sp->width, .precision = -1, .base = 16 };

		put_number(o, &hex, addr);
	}
}

static int parse_count(const char **ps)
{
	const char *s = *ps;
	int n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n < COUNT_MAX ? n * 10 + (*s - '0') : n;
	*ps = s;
	return n;
}

/* Flags. Reads no arguments. */
static const char *parse_flags(const char *s, struct spec *sp)
{
	for (;; s++) {
		switch (*s) {
		case '-': sp->flags |= LEFT; break;
		case '+': sp->flags |= PLUS; break;
		case ' ': sp->flags |= SPACE; break;
		case '0': sp->flags |= ZERO; break;
		case '#': sp->flags |= ALT; break;
		default: return s;
		}
	}
}

/* The length modifier: log2 of the size of the argument in bytes. */
static const char *parse_length(const char *s, u32 *size)
{
	*size = 2;
	switch (*s) {
	case 'h': *size = s[1] == 'h' ? 0 : 1; return s[1] == 'h' ? s + 2 : s + 1;
	case 'l': *size = 3; return s[1] == 'l' ? s + 2 : s + 1;
	case 'z':
	case 't':
	case 'j': *size = 3; return s + 1;
	}
	return s;
}

static u64 cut(u64 v, u32 size, bool is_signed)
{
	u32 unused_bits = 64 - (8u << size);

	return is_signed ? (u64)((s64)(v << unused_bits) >> unused_bits)
			 : v << unused_bits >> unused_bits;
}

/* Which base a conversion of an integer has, with its flags; 0: it is none. */
static u32 integer_base(char c, u32 *flags)
{
	switch (c) {
	case 'd':
	case 'i': *flags |= SIGNED; return 10;
	case 'u': return 10;
	case 'o': return 8;
	case 'X': *flags |= UPPER; return 16;
	case 'x': return 16;
	}
	return 0;
}

/* A va_list is an array here; in a struct it can be handed down and come back. */
struct args {
	va_list ap;
};

/* Everything between % and the conversion. @return the conversion */
static const char *parse_spec(const char *s, struct spec *sp, u32 *arg_size, struct args *args)
{
	s = parse_flags(s, sp);
	if (*s == '*') {
		s++;
		sp->width = va_arg(args->ap, int);
		if (sp->width < 0) {
			sp->flags |= LEFT;
			sp->width = sp->width < -COUNT_MAX ? COUNT_MAX : -sp->width;
		}
	} else {
		sp->width = parse_count(&s);
	}
	sp->precision = -1;
	if (*s == '.') {
		s++;
		if (*s == '*') {
			s++;
			sp->precision = va_arg(args->ap, int);
		} else {
			sp->precision = parse_count(&s);
		}
	}
	s = parse_length(s, arg_size);
	sp->base = integer_base(*s, &sp->flags);
	return s;
}

/* One conversion. @return behind it, or NULL if it is none */
static const char *convert(struct out *o, const char *s, struct args *args)
{
	struct spec sp = { 0 };
	u32 arg_size;
	u64 v;
	char c;

	s = parse_spec(s, &sp, &arg_size, args);
	if (sp.base) {
		v = arg_size == 3 ? va_arg(args->ap, u64) : va_arg(args->ap, u32);
		put_number(o, &sp, cut(v, arg_size, sp.flags & SIGNED));
		return s + 1;
	}
	switch (*s) {
	case 'c':
		c = va_arg(args->ap, int);
		put_padded(o, &sp, &c, 1);
		return s + 1;
	case 's': put_string(o, &sp, va_arg(args->ap, const char *)); return s + 1;
	case 'p':
		v = (u64)va_arg(args->ap, void *);
		if (s[1] == 'S') {
			put_symbol(o, &sp, v);
			return s + 2;
		}
		sp.base = 16;
		sp.precision = 16;
		put_number(o, &sp, v);
		return s + 1;
	case '%': put(o, s, 1); return s + 1;
	}
	return NULL;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	struct args args;

	va_copy(args.ap, ap);
	for (;;) {
		const char *start = fmt, *next;

		while (*fmt && *fmt != '%')
			fmt++;
		put(&o, start, fmt - start);
		if (!*fmt)
			break;
		next = convert(&o, fmt + 1, &args);
		if (!next) {
			put(&o, fmt, 1);
			next = fmt + 1;
		}
		fmt = next;
	}
	va_end(args.ap);
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	if (!size)
		return 0;
	return (size_t)n < size ? n : (int)size - 1;
}

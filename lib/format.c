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
 * format_symbol_hook, which the kernel sets once its table of names is ready;
 * without it, the bare address. There is no %n and no floating point. What is
 * not understood is printed unchanged, and no argument is taken for it.
 *
 * The result is that of C: cut to the buffer, always terminated, and the
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

static void format_put(struct out *out, const char *text, size_t length)
{
	if (out->len < out->size)
		memcpy(out->buf + out->len, text, MIN(length, out->size - out->len));
	out->len += length;
}

static void format_pad(struct out *out, char fill, int count)
{
	if (count <= 0)
		return;
	if (out->len < out->size)
		memset(out->buf + out->len, fill, MIN((size_t)count, out->size - out->len));
	out->len += count;
}

static void format_put_padded(struct out *out, const struct spec *sp, const char *text,
			      size_t length)
{
	int blanks = MAX(sp->width - (s64)length, 0);

	if (!(sp->flags & LEFT))
		format_pad(out, ' ', blanks);
	format_put(out, text, length);
	if (sp->flags & LEFT)
		format_pad(out, ' ', blanks);
}

/* Digits of @value, ending before @end. @return where they begin */
static char *format_digits(char *end, u64 value, u32 base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	if (base == 10) {
		for (; value >= 10; value /= 10)
			*--end = '0' + value % 10;
		*--end = '0' + value;
		return end;
	}
	do {
		*--end = set[value & (base - 1)];
		value >>= __builtin_ctz(base);
	} while (value);
	return end;
}

static void put_number(struct out *out, const struct spec *sp, u64 value)
{
	char buf[24], prefix[2], *end = buf + sizeof(buf), *first = end;
	int nprefix = 0, zeros = 0, ndigits, blanks;

	if (sp->flags & SIGNED) {
		if ((s64)value < 0) {
			prefix[nprefix++] = '-';
			value = 0 - value;
		} else if (sp->flags & PLUS) {
			prefix[nprefix++] = '+';
		} else if (sp->flags & SPACE) {
			prefix[nprefix++] = ' ';
		}
	} else if ((sp->flags & ALT) && sp->base == 16 && value) {
		prefix[nprefix++] = '0';
		prefix[nprefix++] = sp->flags & UPPER ? 'X' : 'x';
	}
	if (value || sp->precision) /* "%.0d" of 0 has no digits */
		first = format_digits(end, value, sp->base, sp->flags & UPPER);
	ndigits = end - first;
	if (sp->precision > ndigits)
		zeros = sp->precision - ndigits;
	else if ((sp->flags & ALT) && sp->base == 8 && (!ndigits || *first != '0'))
		zeros = 1;
	blanks = sp->width - nprefix - zeros - ndigits;
	if (blanks > 0 && (sp->flags & (ZERO | LEFT)) == ZERO && sp->precision < 0) {
		zeros += blanks;
		blanks = 0;
	}
	if (!(sp->flags & LEFT))
		format_pad(out, ' ', blanks);
	format_put(out, prefix, nprefix);
	format_pad(out, '0', zeros);
	format_put(out, first, ndigits);
	if (sp->flags & LEFT)
		format_pad(out, ' ', blanks);
}

static void put_string(struct out *out, const struct spec *sp, const char *text)
{
	if (!text)
		text = "(null)";
	if (sp->precision < 0)
		format_put_padded(out, sp, text, strlen(text));
	else
		format_put_padded(out, sp, text, strnlen(text, sp->precision));
}

static void put_symbol(struct out *out, const struct spec *sp, u64 addr)
{
	char name[160];
	size_t length = 0;

	if (format_symbol_hook)
		length = format_symbol_hook(name, sizeof(name), addr);
	if (length) {
		format_put_padded(out, sp, name, MIN(length, sizeof(name) - 1));
	} else {
		struct spec hex = { .flags = ALT, .width = sp->width, .precision = -1, .base = 16 };

		put_number(out, &hex, addr);
	}
}

static int parse_count(const char **cursor)
{
	const char *text = *cursor;
	int count = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		if (count < COUNT_MAX)
			count = count * 10 + (*text - '0');
	*cursor = text;
	return count;
}

/* Flags. Reads no arguments. */
static const char *parse_flags(const char *text, struct spec *sp)
{
	for (;; text++) {
		switch (*text) {
		case '-': sp->flags |= LEFT; break;
		case '+': sp->flags |= PLUS; break;
		case ' ': sp->flags |= SPACE; break;
		case '0': sp->flags |= ZERO; break;
		case '#': sp->flags |= ALT; break;
		default: return text;
		}
	}
}

/* The length modifier: log2 of the size of the argument in bytes. */
static const char *format_parse_length(const char *text, u32 *size)
{
	bool doubled = *text && text[1] == *text;

	*size = 2;
	switch (*text) {
	case 'h': *size = 1 - doubled; return text + 1 + doubled;
	case 'l': *size = 3; return text + 1 + doubled;
	case 'z':
	case 't':
	case 'j': *size = 3; return text + 1;
	}
	return text;
}

static u64 truncate_integer(u64 value, u32 size, bool is_signed)
{
	u32 unused_bits = 64 - (8u << size);

	if (is_signed)
		return (u64)((s64)(value << unused_bits) >> unused_bits);
	return value << unused_bits >> unused_bits;
}

/* The base of an integer conversion, with its flags; 0: it is none. */
static u32 integer_base(char conversion, u32 *flags)
{
	switch (conversion) {
	case 'd':
	case 'i': *flags |= SIGNED; return 10;
	case 'u': return 10;
	case 'o': return 8;
	case 'X': *flags |= UPPER; return 16;
	case 'x': return 16;
	}
	return 0;
}

/* A va_list is an array here; in a struct it can be passed down and keep its progress. */
struct args {
	va_list ap;
};

/* Everything between % and the conversion. @return the conversion */
static const char *parse_spec(const char *text, struct spec *sp, u32 *arg_size, struct args *args)
{
	text = parse_flags(text, sp);
	if (*text == '*') {
		text++;
		sp->width = va_arg(args->ap, int);
		if (sp->width < 0) {
			sp->flags |= LEFT;
			sp->width = MIN(-(s64)sp->width, COUNT_MAX);
		}
	} else {
		sp->width = parse_count(&text);
	}
	sp->precision = -1;
	if (*text == '.') {
		text++;
		if (*text == '*') {
			text++;
			sp->precision = va_arg(args->ap, int);
		} else {
			sp->precision = parse_count(&text);
		}
	}
	text = format_parse_length(text, arg_size);
	sp->base = integer_base(*text, &sp->flags);
	return text;
}

/* Format one conversion. @return the text behind it, or NULL if it is none */
static const char *format_convert(struct out *out, const char *text, struct args *args)
{
	struct spec sp = { 0 };
	u32 arg_size;
	u64 value;
	char character;

	text = parse_spec(text, &sp, &arg_size, args);
	if (sp.base) {
		if (arg_size == 3)
			value = va_arg(args->ap, u64);
		else
			value = va_arg(args->ap, u32);
		put_number(out, &sp, truncate_integer(value, arg_size, sp.flags & SIGNED));
		return text + 1;
	}
	switch (*text) {
	case 'c':
		character = va_arg(args->ap, int);
		format_put_padded(out, &sp, &character, 1);
		return text + 1;
	case 's': put_string(out, &sp, va_arg(args->ap, const char *)); return text + 1;
	case 'p':
		value = (u64)va_arg(args->ap, void *);
		if (text[1] == 'S') {
			put_symbol(out, &sp, value);
			return text + 2;
		}
		sp.base = 16;
		sp.precision = 16;
		put_number(out, &sp, value);
		return text + 1;
	case '%': format_put(out, text, 1); return text + 1;
	}
	return NULL;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args_in)
{
	struct out out = { buf, size, 0 };
	struct args args;

	va_copy(args.ap, args_in);
	for (;;) {
		const char *start = fmt, *next;

		while (*fmt && *fmt != '%')
			fmt++;
		format_put(&out, start, fmt - start);
		if (!*fmt)
			break;
		next = format_convert(&out, fmt + 1, &args);
		if (!next) {
			format_put(&out, fmt, 1);
			next = fmt + 1;
		}
		fmt = next;
	}
	va_end(args.ap);
	if (size)
		buf[MIN(out.len, size - 1)] = 0;
	return out.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(buf, size, fmt, args);
	va_end(args);
	return length;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(buf, size, fmt, args);
	va_end(args);
	if (!size)
		return 0;
	return MIN((size_t)length, size - 1);
}

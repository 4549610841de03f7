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

static void format_put_bytes(struct text *text, const char *bytes, u64 length)
{
	if (text->used < text->size) {
		u64 room = text->size - text->used;

		memcpy(text->buf + text->used, bytes, length < room ? length : room);
	}
	text->used += length;
}

static u64 next_arg(struct args *args)
{
	if (!args->left)
		return 0;
	args->left--;
	return *args->value++;
}

static const char *format_parse_number(const char *format, struct args *args, int *out)
{
	int number = 0;

	if (*format == '*') {
		*out = (int)next_arg(args);
		return format + 1;
	}
	while (*format >= '0' && *format <= '9' && number <= DRIVER_TEXT_MAX)
		number = number * 10 + *format++ - '0';
	*out = number;
	return format;
}

static const char *parse_length(const char *format, u32 *bytes)
{
	*bytes = 4;
	for (;; format++)
		switch (*format) {
		case 'h':
			if (*bytes == 2)
				*bytes = 1;
			else
				*bytes = 2;
			break;
		case 'l':
		case 'j':
		case 'z':
		case 't': *bytes = 8; break;
		default: return format;
		}
}

static const char *format_parse_one(const char *format, struct args *args,
				    struct conversion *conversion)
{
	u32 number = 0;

	*conversion = (struct conversion){ .width = -1, .precision = -1 };
	for (; *format && strchr("-+ #0", *format); format++)
		if (number < sizeof(conversion->flags) - 1)
			conversion->flags[number++] = *format;
	if ((*format >= '1' && *format <= '9') || *format == '*')
		format = format_parse_number(format, args, &conversion->width);
	if (*format == '.')
		format = format_parse_number(format + 1, args, &conversion->precision);
	format = parse_length(format, &conversion->bytes);
	conversion->type = *format;
	if (conversion->width < -1 &&
	    number < sizeof(conversion->flags) - 1) { /* "%*d" with a negative width */
		conversion->flags[number] = '-';
		conversion->width = -conversion->width;
	}
	if (conversion->width > DRIVER_TEXT_MAX)
		conversion->width = DRIVER_TEXT_MAX;
	if (conversion->precision > DRIVER_TEXT_MAX)
		conversion->precision = DRIVER_TEXT_MAX;
	if (*format)
		return format + 1;
	return format;
}

static u64 format_narrow(u64 value, u32 bytes, bool is_signed)
{
	switch (bytes) {
	case 1:
		if (is_signed)
			return (u64)(s64)(s8)value;
		return (u8)value;
	case 2:
		if (is_signed)
			return (u64)(s64)(s16)value;
		return (u16)value;
	case 4:
		if (is_signed)
			return (u64)(s64)(s32)value;
		return (u32)value;
	default: return value;
	}
}

static void put_padded(struct text *text, const struct conversion *conversion, const char *bytes,
		       u64 length)
{
	bool left = strchr(conversion->flags, '-');
	u64 width = conversion->width > 0 ? conversion->width : 0;

	for (u64 i = length; !left && i < width; i++)
		format_put_bytes(text, " ", 1);
	format_put_bytes(text, bytes, length);
	for (u64 i = length; left && i < width; i++)
		format_put_bytes(text, " ", 1);
}

static void put_text(struct text *text, const struct conversion *conversion, const char *string)
{
	u64 max = conversion->precision >= 0 ? conversion->precision : DRIVER_TEXT_MAX, span,
	    length;

	if (!string) {
		put_padded(text, conversion, "(null)", MIN(max, 6ul));
		return;
	}
	if (text->span)
		span = text->span(string, max, false);
	else
		span = max;
	length = strnlen(string, span);
	if (length == span && span < max) {
		text->bad = true;
		string = "(bad text)";
		length = 10;
	}
	put_padded(text, conversion, string, length);
}

static void put_integer(struct text *text, const struct conversion *conversion, u64 value)
{
	/* Width and precision can ask for all of a text's length. */
	char out[80], format[40];
	int ndigits = snprintf(format, sizeof(format), "%%%s", conversion->flags),
	    width = conversion->width;

	if (width > 64) { /* blanks or zeroes in front are few enough by themselves */
		struct conversion wide = *conversion;

		wide.width = 64;
		for (int i = 64; i < width && !strchr(conversion->flags, '-'); i++)
			format_put_bytes(text, " ", 1);
		put_integer(text, &wide, value);
		for (int i = 64; i < width && strchr(conversion->flags, '-'); i++)
			format_put_bytes(text, " ", 1);
		return;
	}
	if (width >= 0)
		ndigits += snprintf(format + ndigits, sizeof(format) - ndigits, "%d", width);
	if (conversion->precision >= 0)
		ndigits += snprintf(format + ndigits, sizeof(format) - ndigits, ".%d",
				    conversion->precision > 64 ? 64 : conversion->precision);
	snprintf(format + ndigits, sizeof(format) - ndigits, "l%c", conversion->type);
	ndigits = snprintf(out, sizeof(out), format, value);
	format_put_bytes(text, out, ndigits < (int)sizeof(out) ? ndigits : (int)sizeof(out) - 1);
}

/* @return false: no conversion of ours */
static bool format_convert_one(struct text *text, const struct conversion *conversion,
			       struct args *args)
{
	struct conversion hex = *conversion;
	char one;

	switch (conversion->type) {
	case 'd':
	case 'i':
		put_integer(text, conversion,
			    format_narrow(next_arg(args), conversion->bytes, true));
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_integer(text, conversion,
			    format_narrow(next_arg(args), conversion->bytes, false));
		return true;
	case 'p':
		hex.type = 'x';
		strscpy(hex.flags, strchr(conversion->flags, '-') ? "#-" : "#", sizeof(hex.flags));
		put_integer(text, &hex, next_arg(args));
		return true;
	case 'c':
		one = next_arg(args);
		put_padded(text, conversion, &one, 1);
		return true;
	case 's': put_text(text, conversion, (const char *)next_arg(args)); return true;
	case '%': format_put_bytes(text, "%", 1); return true;
	default: return false;
	}
}

s64 format_args(char *buf, u64 size, const char *fmt, const u64 *args, u32 count,
		format_span_fn span)
{
	struct text text = { buf, size ? size - 1 : 0, 0, span, false };
	struct args arguments = { args, count };
	const char *end = fmt + strnlen(fmt, DRIVER_TEXT_MAX);

	while (fmt < end) {
		const char *start = fmt;
		struct conversion conversion;

		while (fmt < end && *fmt != '%')
			fmt++;
		format_put_bytes(&text, start, fmt - start);
		if (fmt == end)
			break;
		start = fmt;
		fmt = format_parse_one(fmt + 1, &arguments, &conversion);
		if (!format_convert_one(&text, &conversion, &arguments))
			format_put_bytes(&text, start, fmt - start);
	}
	if (size)
		buf[text.used < size ? text.used : size - 1] = 0;
	if (text.bad)
		return -EINVAL;
	return (s64)text.used;
}

void format_find_texts(const char *fmt, const u64 *args, u32 count,
		       void (*found)(void *arg, u32 number, u64 max), void *arg)
{
	struct args arguments = { args, count };
	const char *end = fmt + strnlen(fmt, DRIVER_TEXT_MAX);

	while (fmt < end) {
		struct conversion conversion;

		if (*fmt++ != '%')
			continue;
		fmt = format_parse_one(fmt, &arguments, &conversion);
		if (!conversion.type || !strchr("diuxXopcs", conversion.type))
			continue;
		if (conversion.type == 's' && arguments.left)
			found(arg, count - arguments.left,
			      conversion.precision >= 0 ? conversion.precision : DRIVER_TEXT_MAX);
		next_arg(&arguments);
	}
}

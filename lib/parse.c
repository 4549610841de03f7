// SPDX-License-Identifier: MIT
/*
 * Text to numbers. Strict: the whole string must be a number, without
 * blanks, so that a typing error in an option is never taken for a value.
 */
#include <kernel/err.h>
#include <kernel/string.h>

static int digit_value(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'z')
		return character - 'a' + 10;
	if (character >= 'A' && character <= 'Z')
		return character - 'A' + 10;
	return 99;
}

/* Parse digits up to another character. @return 0, -EINVAL if there is none, -ERANGE */
static int parse_digits(const char **cursor, u32 base, u64 *out)
{
	const char *text = *cursor;
	u64 value = 0;

	if (base == 0) {
		base = 10;
		if (text[0] == '0' && (text[1] | 0x20) == 'x' && digit_value(text[2]) < 16) {
			text += 2;
			base = 16;
		} else if (text[0] == '0') {
			base = 8;
		}
	}
	if (digit_value(*text) >= (int)base)
		return -EINVAL;
	for (; digit_value(*text) < (int)base; text++)
		if (__builtin_mul_overflow(value, (u64)base, &value) ||
		    __builtin_add_overflow(value, (u64)digit_value(*text), &value))
			return -ERANGE;
	*cursor = text;
	*out = value;
	return 0;
}

int parse_u64(const char *text, u32 base, u64 *out)
{
	u64 value;
	int err = parse_digits(&text, base, &value);

	if (err)
		return err;
	if (*text)
		return -EINVAL;
	*out = value;
	return 0;
}

int parse_s64(const char *text, u32 base, s64 *out)
{
	bool minus = *text == '-';
	u64 value;
	int err;

	if (*text == '-' || *text == '+')
		text++;
	err = parse_u64(text, base, &value);
	if (err)
		return err;
	if (value > (u64)INT64_MAX + minus)
		return -ERANGE;
	if (minus)
		*out = (s64)(0 - value);
	else
		*out = (s64)value;
	return 0;
}

int parse_size(const char *text, u64 *out)
{
	static const char units[] = "kmgtpe";
	u64 value;
	int err = parse_digits(&text, 0, &value);

	if (err)
		return err;
	for (u32 i = 0; *text && units[i]; i++) {
		u32 shift = 10 * (i + 1);

		if ((*text | 0x20) != units[i])
			continue;
		if (value >> (64 - shift))
			return -ERANGE;
		value <<= shift;
		text++;
		break;
	}
	if (*text)
		return -EINVAL;
	*out = value;
	return 0;
}

bool text_is_word(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("_-.", c)))
			return false;
	}
	return length && length < size;
}

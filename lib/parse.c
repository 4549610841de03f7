// SPDX-License-Identifier: MIT
/*
 * Text to numbers. Strict: the whole string has to be a number, without
 * blanks, so that a typing error in an option is never taken for a value.
 */
#include <kernel/err.h>
#include <kernel/string.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return 99;
}

/* Digits as far as they go. @return 0, -EINVAL if there is none, -ERANGE */
static int parse_digits(const char **ps, u32 base, u64 *out)
{
	const char *s = *ps;
	u64 v = 0;

	if (base == 0) {
		base = 10;
		if (s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16) {
			s += 2;
			base = 16;
		} else if (s[0] == '0') {
			base = 8;
		}
	}
	if (digit_value(*s) >= (int)base)
		return -EINVAL;
	for (; digit_value(*s) < (int)base; s++)
		if (__builtin_mul_overflow(v, (u64)base, &v) ||
		    __builtin_add_overflow(v, (u64)digit_value(*s), &v))
			return -ERANGE;
	*ps = s;
	*out = v;
	return 0;
}

int parse_u64(const char *s, u32 base, u64 *out)
{
	u64 v;
	int err = parse_digits(&s, base, &v);

	if (err)
		return err;
	if (*s)
		return -EINVAL;
	*out = v;
	return 0;
}

int parse_s64(const char *s, u32 base, s64 *out)
{
	bool minus = *s == '-';
	u64 v;
	int err;

	if (*s == '-' || *s == '+')
		s++;
	err = parse_u64(s, base, &v);
	if (err)
		return err;
	if (v > (u64)INT64_MAX + minus)
		return -ERANGE;
	*out = minus ? (s64)(0 - v) : (s64)v;
	return 0;
}

int parse_size(const char *s, u64 *out)
{
	static const char units[] = "kmgtpe";
	u64 v;
	int err = parse_digits(&s, 0, &v);

	if (err)
		return err;
	for (u32 i = 0; *s && units[i]; i++) {
		u32 shift = 10 * (i + 1);

		if ((*s | 0x20) != units[i])
			continue;
		if (v >> (64 - shift))
			return -ERANGE;
		v <<= shift;
		s++;
		break;
	}
	if (*s)
		return -EINVAL;
	*out = v;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Finding \_S5 without an interpreter.
 *
 * All that power off needs of the AML byte code is one constant:
 *
 *	Name (\_S5, Package () { SLP_TYPa, SLP_TYPb, ... })
 *
 *	08 [5C] 5F 53 35 5F   NameOp, perhaps the root character, "_S5_"
 *	12 <PkgLength> <count> <integer> <integer> ...
 *
 * The pattern is looked for at every byte; each step is bounded by the
 * package's own length and by the table's. Firmware that computes the values
 * in a method is not understood (none is known); the callers have fall-backs.
 *
 * ACPI Specification 6.4, 7.4.2, 20.2.4 (PkgLength), 20.2.3 (integers).
 */
#include "internal.h"

enum {
	AML_ZERO = 0,
	AML_ONE = 1,
	AML_NAME = 8,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_QWORD = 0x0e,
	AML_PACKAGE = 0x12,
	AML_ROOT = 0x5c,
	AML_ONES = 0xff
};

struct cursor {
	const u8 *p, *end;
};

/* One constant integer; moves on. */
static bool integer(struct cursor *c, u64 *out)
{
	u32 n = 0;

	if (c->p >= c->end)
		return false;
	switch (*c->p++) {
	case AML_ZERO: *out = 0; return true;
	case AML_ONE: *out = 1; return true;
	case AML_ONES: *out = ~0ull; return true;
	case AML_BYTE: n = 1; break;
	case AML_WORD: n = 2; break;
	case AML_DWORD: n = 4; break;
	case AML_QWORD: n = 8; break;
	default: return false;
	}
	if ((size_t)(c->end - c->p) < n)
		return false;
	*out = 0;
	for (u32 i = 0; i < n; i++)
		*out |= (u64)*c->p++ << 8 * i;
	return true;
}

/* PkgLength: how far the package reaches, counted from its own first byte. Narrows the cursor to it. */
static bool enter_package(struct cursor *c)
{
	const u8 *start = c->p;
	size_t left = c->end - c->p;
	u32 more, n;

	if (!left)
		return false;
	more = *start >> 6;
	if (left < 1 + more)
		return false;
	if (more)
		n = *start & 0x0f;
	else
		n = *start & 0x3f;
	for (u32 i = 0; i < more; i++)
		n |= (u32)start[1 + i] << (4 + 8 * i);
	if (n < 1 + more || n > left)
		return false;
	c->p = start + 1 + more;
	c->end = start + n;
	return true;
}

/* At the byte behind the name. */
static bool s5_package(struct cursor c, struct acpi_info *info)
{
	u64 a, b = 0;
	u32 count;

	if (c.p >= c.end || *c.p++ != AML_PACKAGE || !enter_package(&c) || c.p >= c.end)
		return false;
	count = *c.p++;
	if (!count || !integer(&c, &a))
		return false;
	if (count > 1 && !integer(&c, &b))
		return false;
	info->s5_type_a = a & 7; /* SLP_TYP has three bits */
	info->s5_type_b = b & 7;
	info->has_s5 = true;
	return true;
}

bool acpi_find_s5(const u8 *aml, size_t len, struct acpi_info *info)
{
	/* The name at @p at needs a NameOp in front and four bytes of its own. */
	for (size_t at = 1; at + 4 <= len; at++) {
		u32 name;

		__builtin_memcpy(&name, aml + at, 4);
		if (likely(name != 0x5f35535f)) /* "_S5_" */
			continue;
		if (aml[at - 1] != AML_NAME &&
		    !(at >= 2 && aml[at - 1] == AML_ROOT && aml[at - 2] == AML_NAME))
			continue;
		if (s5_package((struct cursor){ aml + at + 4, aml + len }, info))
			return true;
	}
	return false;
}

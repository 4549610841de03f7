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
	const u8 *next, *end;
};

/* One constant integer; moves on. */
static bool aml_integer(struct cursor *cursor, u64 *out)
{
	u32 width = 0;

	if (cursor->next >= cursor->end)
		return false;
	switch (*cursor->next++) {
	case AML_ZERO: *out = 0; return true;
	case AML_ONE: *out = 1; return true;
	case AML_ONES: *out = ~0ull; return true;
	case AML_BYTE: width = 1; break;
	case AML_WORD: width = 2; break;
	case AML_DWORD: width = 4; break;
	case AML_QWORD: width = 8; break;
	default: return false;
	}
	if ((size_t)(cursor->end - cursor->next) < width)
		return false;
	*out = 0;
	for (u32 i = 0; i < width; i++)
		*out |= (u64)*cursor->next++ << 8 * i;
	return true;
}

/* PkgLength: how far the package reaches, counted from its own first byte. Narrows the cursor to it. */
static bool aml_enter_package(struct cursor *cursor)
{
	const u8 *start = cursor->next;
	size_t left = cursor->end - cursor->next;
	u32 more, extra;

	if (!left)
		return false;
	more = *start >> 6;
	if (left < 1 + more)
		return false;
	if (more)
		extra = *start & 0x0f;
	else
		extra = *start & 0x3f;
	for (u32 i = 0; i < more; i++)
		extra |= (u32)start[1 + i] << (4 + 8 * i);
	if (extra < 1 + more || extra > left)
		return false;
	cursor->next = start + 1 + more;
	cursor->end = start + extra;
	return true;
}

/* At the byte behind the name. */
static bool aml_s5_package(struct cursor cursor, struct acpi_info *info)
{
	u64 type_a, type_b = 0;
	u32 count;

	if (cursor.next >= cursor.end || *cursor.next++ != AML_PACKAGE ||
	    !aml_enter_package(&cursor) || cursor.next >= cursor.end)
		return false;
	count = *cursor.next++;
	if (!count || !aml_integer(&cursor, &type_a))
		return false;
	if (count > 1 && !aml_integer(&cursor, &type_b))
		return false;
	info->s5_type_a = type_a & 7; /* SLP_TYP has three bits */
	info->s5_type_b = type_b & 7;
	info->has_s5 = true;
	return true;
}

bool acpi_find_s5(const u8 *aml, size_t len, struct acpi_info *info)
{
	/* The name at @p at needs a NameOp in front and four bytes of its own. */
	for (size_t offset = 1; offset + 4 <= len; offset++) {
		u32 name;

		__builtin_memcpy(&name, aml + offset, 4);
		if (likely(name != 0x5f35535f)) /* "_S5_" */
			continue;
		if (aml[offset - 1] != AML_NAME &&
		    !(offset >= 2 && aml[offset - 1] == AML_ROOT && aml[offset - 2] == AML_NAME))
			continue;
		if (aml_s5_package((struct cursor){ aml + offset + 4, aml + len }, info))
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: MIT */
/**
 * @file crossing.h  The table of what pointers of the driver API name: made of its headers by scripts/crossings.py.
 */
#pragma once
#include <kernel/types.h>

/** What is behind a pointer, and which way it goes. The driver, or who calls, is "the caller". */
enum cross_kind {
	CROSS_NONE,   /* no pointer */
	CROSS_VALUE,  /* a pointer behind which nothing is read or written */
	CROSS_LENT,   /* storage that both sides use in place */
	CROSS_TEXT,   /* read, up to its NUL */
	CROSS_STRUCT, /* read; it begins with its size */
	CROSS_FILL,   /* the same, which is filled: what is in it is read, too */
	CROSS_READ,   /* bytes that are read */
	CROSS_WRITE,  /* bytes that are written; those that are not stay what they were */
	CROSS_BOTH,   /* bytes that are read and written */
	CROSS_ARRAY,  /* in a struct: structs that are read, a stride apart */
};

/** An argument. */
struct crossing_arg {
	u8 kind;	/* enum cross_kind */
	u8 count, each; /* numbers of arguments from 1, by which bytes is multiplied; 0: none */
	u8 format;	/* of values for a format: the argument with it, from 1 */
	u32 bytes;	/* of CROSS_LENT, _READ, _WRITE, _BOTH */
	const struct crossing_struct *type; /* NULL: without pointers */
};

/** A pointer in a struct. */
struct crossing_field {
	u8 kind;
	u16 offset;
	u16 count, stride; /* of CROSS_ARRAY: offsets of the fields with them, of 32 bits */
	const struct crossing_struct *type;
};
#define CROSSING_FIELDS_MAX 3
struct crossing_struct {
	const char *name;
	u32 nfields;
	struct crossing_field fields[CROSSING_FIELDS_MAX];
};

/** A function of the API, or a method. */
struct crossing {
	const char *name;
	u8 nargs;
	u8 narrow; /* bit per argument: 32 bits, the upper half means nothing */
	struct crossing_arg args[6];
};

/** Functions that the kernel exports, by name; and methods that receive pointers. */
extern const struct crossing crossing_functions[], crossing_methods[];
extern const u32 crossing_functions_count, crossing_methods_count;

/* SPDX-License-Identifier: MIT */
/**
 * @file builtin.h  The build's information about each driver that is linked in.
 *
 * A driver file's section headers describe its parts to the loader; for a
 * driver in the image the build makes this record (scripts/builtin.S), so that
 * both kinds can take the same way from here on. The records are in the order
 * of the Makefiles, which is the order in which they are to be started.
 */
#pragma once
#include <kernel/types.h>

struct builtin_driver {
	const char *path;		       /* "char/null": folder and file under drivers/ */
	const u8 *descriptor, *descriptor_end; /* its .banos-driver */
	const u8 *exports, *exports_end;       /* its .banos-export; may be empty */
	void (*const *init)(void),
		(*const *init_end)(void); /* constructors, to be run in this order */
	void (*const *fini)(void), (*const *fini_end)(void); /* destructors, to be run backwards */
	const u8 *text, *text_end; /* its code: for backtraces, and exports must lie in it */
};

/* The linker script brackets the section .banos-builtin. */
extern const struct builtin_driver __banos_builtins_start[], __banos_builtins_end[];

struct call_slot;
/** An import of a built-in driver from another one (scripts/gen-builtin-imports.py). */
struct builtin_import {
	const char *driver, *name; /* struct builtin_driver's path; the function */
	struct call_slot **slot;   /* of the stub that all importers of this name share */
	u64 weak;
};
extern const struct builtin_import builtin_imports[], builtin_imports_end[];

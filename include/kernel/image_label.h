/* SPDX-License-Identifier: MIT */
/**
 * @file image_label.h  The kernel image's description of itself, for programs that read the file
 * (banos-check --kernel).
 *
 * It is found by its magic bytes, 16-aligned in a loaded segment, so that it needs
 * neither section headers nor symbols: a stripped image has it, too. Addresses are
 * the kernel's own; the program headers lead from them to places in the file. Older
 * programs read newer images and the other way round: fields are only appended,
 * and @p size says how many there are.
 */
#pragma once
#include <kernel/types.h>

#define IMAGE_LABEL_MAGIC	"Banos kernel \x1a\r\n" /* 16 bytes with the NUL */
#define IMAGE_LABEL_SMP		1u
#define IMAGE_LABEL_DEBUG	2u
#define IMAGE_LABEL_RELEASE_MAX 64

struct image_label {
	char magic[16];
	u32 size;	 /* of this struct */
	u32 level;	 /* of the driver API */
	u32 flags;	 /* IMAGE_LABEL_... */
	u32 export_size; /* of an entry of the table of exports: name, then function */
	u64 exports, exports_end;
	u32 builtin_size; /* of struct builtin_driver */
	u32 spare;
	u64 builtins, builtins_end;
	u64 file_max, memory_max; /* of a driver, in bytes */
	u64 driver_base; /* where drivers are placed: the first address after a guard page */
	char release[IMAGE_LABEL_RELEASE_MAX];
	u64 drafts; /* struct draft[], addresses of header and fingerprint; the last one has none */
};
#define IMAGE_LABEL_SIZE_1 168 /* of release 0.2.0: what each label has at least */
_Static_assert(offsetof(struct image_label, release) == 96 && sizeof(struct image_label) == 168,
	       "read by programs");

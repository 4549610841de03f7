/* SPDX-License-Identifier: MIT */
/**
 * @file elf_image.h  Checks of an ELF program, and the segments to map for it. Pure.
 *
 * Headers are read from a file that any user may have written: every number
 * is checked before it is used, here and nowhere else.
 */
#pragma once
#include <uapi/elf.h>

#define ELF_PAGE       4096ull
#define ELF_PHDRS_MAX  (65536 / sizeof(Elf64_Phdr))
#define ELF_INTERP_MAX 4096 /* with its NUL */

struct elf_limits {
	u64 user_base, user_end;
};

/** The results of elf_image_check(). Addresses are the file's; an ET_DYN image is moved as a whole. */
struct elf_image {
	const Elf64_Phdr *phdrs;
	u32 nr_phdrs;
	bool is_movable;       /* ET_DYN */
	bool wants_exec_stack; /* PT_GNU_STACK requests it */
	u64 entry;
	u64 low, high; /* pages covered by the PT_LOAD segments; both 0: there are none */
	u64 align;     /* a power of two >= ELF_PAGE: of the place of an ET_DYN image */
	u64 phdr_addr; /* of the program headers in memory; 0: they are not mapped */
	u64 brk;       /* end of the highest segment */
	u64 code_start, code_end, data_start, data_end;
	bool has_interp;
	u64 interp_offset, interp_size; /* with its NUL; as in the file, unchecked */
};

/**
 * @brief Check the ELF header.
 * @param head	the file's first @p len bytes, 8-aligned
 * @param phoff, nr  out: where the program headers are and how many
 * @return 0 or -ENOEXEC
 */
int __must_check elf_header_check(const void *head, u64 len, u64 *phoff, u32 *nr);
/**
  * @brief Describe an ELF file that elf_header_check() refuses, for a message.
 * @param head	the file's first @p len bytes, 8-aligned
 * @return such as "a program for i386"; NULL: it is no ELF file
 */
const char *elf_describe(const void *head, u64 len);
/**
 * @brief Check the program headers.
 * @return 0; -EINVAL: a segment contradicts itself or lies outside user space
 */
int __must_check elf_image_check(const Elf64_Ehdr *header, const Elf64_Phdr *phdrs, u32 nr,
				 const struct elf_limits *limits, struct elf_image *out);

#define ELF_PROT_READ  1u /* the values of PROT_READ and its kin */
#define ELF_PROT_WRITE 2u
#define ELF_PROT_EXEC  4u

/** One PT_LOAD as page ranges, relative to the image's place. */
struct elf_mapping {
	u64 start;		  /* page address of the file part, or of the anonymous part */
	u64 file_len;		  /* whole pages from the file; 0: none */
	u64 file_offset;	  /* page aligned */
	u64 zero_start, zero_len; /* bytes behind the file's part in its last page, to be cleared */
	u64 anon_start, anon_len; /* whole pages of zeroes */
	u32 prot, anon_prot;	  /* ELF_PROT_... */
};
/** @brief Compute what to map for a checked PT_LOAD. */
void elf_segment_mapping(const Elf64_Phdr *segment, struct elf_mapping *out);

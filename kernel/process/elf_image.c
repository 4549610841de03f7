// SPDX-License-Identifier: MIT
/*
 * Checking an ELF64 program for x86-64: System V gABI chapters 4 and 5, x86-64
 * psABI 4. See elf_image.h.
 *
  * The checks are as lenient as those of Linux, on which unusual files rely: class and byte order of a program
 * for this machine are ignored; segments may be in any order and overlap, later
 * ones on top; their bytes may lie behind the end of the file; a program may have no
 * segments, and crashes at its first instruction. All values that are used
 * as an address or a length are checked strictly.
 */
#include "elf_image.h"
#include <asm/elf.h>
#include <kernel/err.h>
#include <kernel/string.h>

static u64 elf_page_down(u64 addr)
{
	return addr & ~(ELF_PAGE - 1);
}
static u64 elf_page_up(u64 addr)
{
	return (addr + ELF_PAGE - 1) & ~(ELF_PAGE - 1);
}

static bool elf_header_present(const Elf64_Ehdr *header, u64 len)
{
	return len >= SELFMAG && !memcmp(header->e_ident, ELFMAG, SELFMAG);
}

int elf_header_check(const void *head, u64 len, u64 *phoff, u32 *nr)
{
	const Elf64_Ehdr *header = head;

	if (len < sizeof(*header) || !elf_header_present(header, len))
		return -ENOEXEC;
	if (header->e_machine != ELF_MACHINE ||
	    (header->e_type != ET_EXEC && header->e_type != ET_DYN))
		return -ENOEXEC;
	if (header->e_phentsize != sizeof(Elf64_Phdr) || !header->e_phnum ||
	    header->e_phnum > ELF_PHDRS_MAX)
		return -ENOEXEC;
	if (header->e_phoff > INT64_MAX - ELF_PHDRS_MAX * sizeof(Elf64_Phdr))
		return -ENOEXEC;
	*phoff = header->e_phoff;
	*nr = header->e_phnum;
	return 0;
}

/* ---- error texts ---- */

/* e_machine, in the byte order that the file states. */
static u32 elf_machine(const Elf64_Ehdr *header)
{
	if (header->e_ident[EI_DATA] == ELFDATA2MSB)
		return __builtin_bswap16(header->e_machine);
	return header->e_machine;
}

static const char *elf_machine_words(u32 machine)
{
	static const struct {
		u32 machine;
		const char *words;
	} known[] = {
		{ 2, "a program for SPARC, not x86-64" },
		{ EM_386, "a program for i386, not x86-64" },
		{ 8, "a program for MIPS, not x86-64" },
		{ 20, "a program for PowerPC, not x86-64" },
		{ 21, "a program for 64-bit PowerPC, not x86-64" },
		{ 22, "a program for s390, not x86-64" },
		{ 40, "a program for 32-bit ARM, not x86-64" },
		{ 43, "a program for 64-bit SPARC, not x86-64" },
		{ 183, "a program for 64-bit ARM, not x86-64" },
		{ 243, "a program for RISC-V, not x86-64" },
		{ 247, "a BPF program" },
		{ 258, "a program for LoongArch, not x86-64" },
	};

	for (u32 i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].machine == machine)
			return known[i].words;
	return "a program for another machine";
}

const char *elf_describe(const void *head, u64 len)
{
	const Elf64_Ehdr *header = head;

	if (!elf_header_present(header, len))
		return NULL;
	if (len < EI_NIDENT + 4)
		return "a damaged ELF file, cut off within its header";
	if (elf_machine(header) != ELF_MACHINE)
		return elf_machine_words(elf_machine(header));
	if (header->e_ident[EI_DATA] == ELFDATA2MSB)
		return "a damaged ELF file, for x86-64 with the wrong byte order";
	if (header->e_type == ET_REL)
		return "an object file, which must be linked first";
	if (header->e_type == ET_CORE)
		return "a core dump";
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return "an ELF file of an unknown type";
	if (header->e_ident[EI_CLASS] == ELFCLASS32)
		return "a program for x32 (x86-64 with 32-bit pointers)";
	if (len < sizeof(*header))
		return "a damaged ELF file, cut off within its header";
	return "a damaged ELF file: its program headers or the name of its interpreter are wrong";
}

/* ---- segments ---- */

static u64 elf_page_offset(u64 addr)
{
	return addr & (ELF_PAGE - 1);
}

/* Bytes that are mapped from the file, in whole pages: also those in front of the segment in its first page. */
static u64 segment_file_len(const Elf64_Phdr *segment)
{
	return elf_page_up(segment->p_filesz + elf_page_offset(segment->p_vaddr));
}

static int segment_check(const Elf64_Phdr *segment, const struct elf_limits *limits, bool movable)
{
	if (segment->p_filesz > segment->p_memsz)
		return -EINVAL;
	if (segment->p_vaddr >= limits->user_end ||
	    segment->p_memsz > limits->user_end - segment->p_vaddr)
		return -EINVAL;
	if (!movable && elf_page_down(segment->p_vaddr) < limits->user_base &&
	    (segment->p_memsz || elf_page_offset(segment->p_vaddr)))
		return -EINVAL;
	if (!segment_file_len(segment))
		return 0;
	if (elf_page_offset(segment->p_vaddr ^ segment->p_offset))
		return -EINVAL;
	if (segment->p_offset > INT64_MAX - ELF_PAGE - segment->p_filesz)
		return -EINVAL;
	return 0;
}

static void image_add_segment(const Elf64_Phdr *segment, struct elf_image *out)
{
	u64 end = segment->p_vaddr + segment->p_memsz,
	    file_end = segment->p_vaddr + segment->p_filesz;

	out->low = MIN(out->low, elf_page_down(segment->p_vaddr));
	out->high = MAX(out->high, elf_page_up(end));
	out->brk = MAX(out->brk, end);
	if (segment->p_align > out->align && !(segment->p_align & (segment->p_align - 1)))
		out->align = segment->p_align;
	if (segment->p_flags & PF_X) {
		out->code_start = MIN(out->code_start, segment->p_vaddr);
		out->code_end = MAX(out->code_end, file_end);
	}
	if (segment->p_vaddr > out->data_start)
		out->data_start = segment->p_vaddr;
	out->data_end = MAX(out->data_end, file_end);
}

/* The address of the program headers, if a segment contains them; of several segments the last. */
static u64 image_find_phdrs(const Elf64_Ehdr *header, const Elf64_Phdr *phdrs, u32 nr)
{
	u64 addr = 0;

	for (u32 i = 0; i < nr; i++) {
		const Elf64_Phdr *segment = &phdrs[i];

		if (segment->p_type == PT_LOAD && header->e_phoff >= segment->p_offset &&
		    header->e_phoff - segment->p_offset < segment->p_filesz)
			addr = header->e_phoff - segment->p_offset + segment->p_vaddr;
	}
	return addr;
}

int elf_image_check(const Elf64_Ehdr *header, const Elf64_Phdr *phdrs, u32 nr,
		    const struct elf_limits *limits, struct elf_image *out)
{
	bool movable = header->e_type == ET_DYN;

	*out = (struct elf_image){
		.phdrs = phdrs,
		.nr_phdrs = nr,
		.is_movable = movable,
		.entry = header->e_entry,
		.low = UINT64_MAX,
		.code_start = UINT64_MAX,
		.align = ELF_PAGE,
	};
	for (u32 i = 0; i < nr; i++) {
		const Elf64_Phdr *segment = &phdrs[i];
		int err;

		if (segment->p_type == PT_LOAD) {
			err = segment_check(segment, limits, movable);
			if (err)
				return err;
			image_add_segment(segment, out);
		} else if (segment->p_type == PT_INTERP &&
			   !out->has_interp) { /* the first one counts */
			out->has_interp = true;
			out->interp_offset = segment->p_offset;
			out->interp_size = segment->p_filesz;
		} else if (segment->p_type == PT_GNU_STACK) {
			out->wants_exec_stack = segment->p_flags & PF_X;
		}
	}
	if (out->low == UINT64_MAX)
		out->low = 0;
	if (out->code_start == UINT64_MAX)
		out->code_start = out->code_end = out->low;
	out->phdr_addr = image_find_phdrs(header, phdrs, nr);
	return 0;
}

/* PF_... as PROT_... */
static u32 segment_protection(u32 flags)
{
	u32 protection = 0;

	if (flags & PF_R)
		protection |= ELF_PROT_READ;
	if (flags & PF_W)
		protection |= ELF_PROT_WRITE;
	if (flags & PF_X)
		protection |= ELF_PROT_EXEC;
	return protection;
}

/*
 * A segment without bytes of the file that begins within a page still maps that page from
 * the file: the segment in front of it may end in the same page. Pages of zeroes
 * are always writable, as on Linux.
 */
void elf_segment_mapping(const Elf64_Phdr *segment, struct elf_mapping *out)
{
	u64 file_end = segment->p_vaddr + segment->p_filesz,
	    end = segment->p_vaddr + segment->p_memsz;

	*out = (struct elf_mapping){
		.start = elf_page_down(segment->p_vaddr),
		.file_len = segment_file_len(segment),
		.prot = segment_protection(segment->p_flags),
		.anon_prot = segment_protection(segment->p_flags | PF_R | PF_W),
	};
	out->anon_start = out->start + out->file_len;
	if (out->file_len) {
		out->file_offset = elf_page_down(segment->p_offset);
		/* Bytes of the file behind the segment must not be visible to the program. */
		if (segment->p_memsz > segment->p_filesz && (segment->p_flags & PF_W)) {
			out->zero_start = file_end;
			out->zero_len = out->anon_start - file_end;
		}
	}
	if (elf_page_up(end) > out->anon_start)
		out->anon_len = elf_page_up(end) - out->anon_start;
}

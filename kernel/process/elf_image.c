// SPDX-License-Identifier: MIT
/*
 * Checking an ELF64 program for x86-64: System V gABI chapters 4 and 5, x86-64
 * psABI 4. See elf_image.h.
 *
 * As lenient as Linux where programs rely on it (order of segments, unknown
 * segment types, trailing bytes), strict in all that is used as an address or
 * a length.
 */
#include "elf_image.h"
#include <kernel/err.h>
#include <kernel/string.h>

static u64 page_down(u64 a) { return a & ~(ELF_PAGE - 1); }
static u64 page_up(u64 a) { return (a + ELF_PAGE - 1) & ~(ELF_PAGE - 1); }

int elf_header_check(const void *head, u64 len, u64 *phoff, u32 *nr)
{
	const Elf64_Ehdr *eh = head;

	if (len < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (eh->e_machine != EM_X86_64 || (eh->e_type != ET_EXEC && eh->e_type != ET_DYN))
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > ELF_PHDRS_MAX)
		return -ENOEXEC;
	if (eh->e_phoff > INT64_MAX - ELF_PHDRS_MAX * sizeof(Elf64_Phdr))
		return -ENOEXEC;
	*phoff = eh->e_phoff;
	*nr = eh->e_phnum;
	return 0;
}

static int check_load(const Elf64_Phdr *ph, const struct elf_limits *limits, bool movable)
{
	u64 end;

	if (ph->p_filesz > ph->p_memsz)
		return -EINVAL;
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) || end > limits->user_end)
		return -EINVAL;
	if (!movable && page_down(ph->p_vaddr) < limits->user_base)
		return -EINVAL;
	if (!ph->p_filesz)
		return 0;
	if ((ph->p_vaddr ^ ph->p_offset) & (ELF_PAGE - 1))
		return -EINVAL;
	if (ph->p_offset > INT64_MAX - ELF_PAGE - ph->p_filesz)
		return -EINVAL;
	return 0;
}

static void take_load(const Elf64_Phdr *ph, struct elf_image *out)
{
	u64 end = ph->p_vaddr + ph->p_memsz, file_end = ph->p_vaddr + ph->p_filesz;

	out->low = MIN(out->low, page_down(ph->p_vaddr));
	out->high = MAX(out->high, page_up(end));
	out->brk = MAX(out->brk, end);
	if (ph->p_align > out->align && !(ph->p_align & (ph->p_align - 1)))
		out->align = ph->p_align;
	if (ph->p_flags & PF_X) {
		out->code_start = MIN(out->code_start, ph->p_vaddr);
		out->code_end = MAX(out->code_end, file_end);
	}
	if (ph->p_vaddr > out->data_start)
		out->data_start = ph->p_vaddr;
	out->data_end = MAX(out->data_end, file_end);
}

/* Where in memory the program headers are, if a segment has them. */
static u64 find_phdrs(const Elf64_Ehdr *eh, const Elf64_Phdr *phdrs, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		const Elf64_Phdr *ph = &phdrs[i];

		if (ph->p_type == PT_LOAD && eh->e_phoff >= ph->p_offset &&
		    eh->e_phoff - ph->p_offset < ph->p_filesz)
			return eh->e_phoff - ph->p_offset + ph->p_vaddr;
	}
	return 0;
}

static int take_interp(const Elf64_Phdr *ph, struct elf_image *out)
{
	if (out->interp_size)
		return 0;		/* the first one counts */
	if (ph->p_filesz < 2 || ph->p_filesz > ELF_INTERP_MAX ||
	    ph->p_offset > INT64_MAX - ELF_INTERP_MAX)
		return -ENOEXEC;
	out->interp_offset = ph->p_offset;
	out->interp_size = (u32)ph->p_filesz;
	return 0;
}

int elf_image_check(const Elf64_Ehdr *eh, const Elf64_Phdr *phdrs, u32 nr,
		    const struct elf_limits *limits, struct elf_image *out)
{
	bool movable = eh->e_type == ET_DYN;
	int err;

	*out = (struct elf_image){
		.phdrs = phdrs, .nr_phdrs = nr, .is_movable = movable, .entry = eh->e_entry,
		.low = UINT64_MAX, .code_start = UINT64_MAX, .align = ELF_PAGE,
	};
	for (u32 i = 0; i < nr; i++) {
		const Elf64_Phdr *ph = &phdrs[i];

		err = 0;
		if (ph->p_type == PT_LOAD && ph->p_memsz) {
			err = check_load(ph, limits, movable);
			if (!err)
				take_load(ph, out);
		} else if (ph->p_type == PT_INTERP) {
			err = take_interp(ph, out);
		} else if (ph->p_type == PT_GNU_STACK) {
			out->wants_exec_stack = ph->p_flags & PF_X;
		}
		if (err)
			return err;
	}
	if (!out->high)
		return -ENOEXEC;
	if (out->align > limits->user_end / 4)
		return -EINVAL;
	if (out->code_start == UINT64_MAX)
		out->code_start = out->low;
	out->phdr_addr = find_phdrs(eh, phdrs, nr);
	/* An address outside the image would only fault; outside user space it must not get anywhere. */
	if (eh->e_entry >= limits->user_end)
		return -EINVAL;
	return 0;
}

void elf_segment_mapping(const Elf64_Phdr *ph, struct elf_mapping *out)
{
	u64 file_end = ph->p_vaddr + ph->p_filesz, end = ph->p_vaddr + ph->p_memsz;

	*out = (struct elf_mapping){
		.start = page_down(ph->p_vaddr),
		.prot = (ph->p_flags & PF_R ? 1 : 0) | (ph->p_flags & PF_W ? 2 : 0) |
			(ph->p_flags & PF_X ? 4 : 0),
	};
	out->anon_start = out->start;
	if (ph->p_filesz) {
		out->file_len = page_up(file_end) - out->start;
		out->file_offset = page_down(ph->p_offset);
		out->anon_start = page_up(file_end);
		/* What the file has behind the segment is not the program's to see. */
		if (ph->p_memsz > ph->p_filesz && (ph->p_flags & PF_W)) {
			out->zero_start = file_end;
			out->zero_len = page_up(file_end) - file_end;
		}
	}
	if (page_up(end) > out->anon_start)
		out->anon_len = page_up(end) - out->anon_start;
}

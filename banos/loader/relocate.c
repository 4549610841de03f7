// SPDX-License-Identifier: MIT
/*
 * Relocation: which tables there are, and whether they can be right. What a
 * relocation does is the machine's: arch_elf_relocate().
 */
#include <kernel/err.h>
#include <kernel/loader.h>

static int relocate_by(struct loader *l, u32 index)
{
	const file_shdr *section = &l->sections[index];
	const file_rela *table = (const file_rela *)(l->file + section->sh_offset);
	const char *name = section_name(l, index);
	struct report *report = l->report;

	if (section->sh_entsize != sizeof(Elf64_Rela) || section->sh_size % sizeof(Elf64_Rela))
		return report_add(report, -ENOEXEC, "relocation section %s has the wrong size",
				  name);
	if (section->sh_link != l->symbol_section)
		return report_add(
			report, -ENOEXEC,
			"relocation section %s uses the symbols of section %u, not of the symbol table %u",
			name, section->sh_link, l->symbol_section);
	if (section->sh_size && l->sections[section->sh_info].sh_type == SHT_NOBITS)
		return report_add(
			report, -ENOEXEC,
			"relocation section %s relocates a section that has no bytes in the file",
			name);
	return arch_elf_relocate(l, section->sh_info, table,
				 table + section->sh_size / sizeof(*table));
}

int relocate(struct loader *l)
{
	int err = 0;

	for (u32 i = 1; i < l->nsections; i++) {
		const file_shdr *section = &l->sections[i];
		int bad;

		if (section->sh_type != SHT_RELA || !l->where[section->sh_info].mem)
			continue;
		bad = relocate_by(l, i);
		if (bad == LOADER_AGAIN)
			return bad;
		first_error(&err, bad);
	}
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * Relocation: which tables there are, and whether they can be right. What a
 * relocation does is the machine's: arch_elf_relocate().
 */
#include <kernel/err.h>
#include <kernel/loader.h>

static int relocate_by(struct loader *l, u32 i)
{
	const file_shdr *s = &l->sections[i];
	const file_rela *table = (const file_rela *)(l->file + s->sh_offset);
	const char *name = section_name(l, i);
	struct report *r = l->report;

	if (s->sh_entsize != sizeof(Elf64_Rela) || s->sh_size % sizeof(Elf64_Rela))
		return report_add(r, -ENOEXEC, "relocation section %s has the wrong size", name);
	if (s->sh_link != l->symbol_section)
		return report_add(r, -ENOEXEC, "relocation section %s has symbols of its own",
				  name);
	if (s->sh_size && l->sections[s->sh_info].sh_type == SHT_NOBITS)
		return report_add(r, -ENOEXEC,
				  "relocation section %s relocates what is not in the file", name);
	return arch_elf_relocate(l, s->sh_info, table, table + s->sh_size / sizeof(*table));
}

int relocate(struct loader *l)
{
	int err = 0;

	for (u32 i = 1; i < l->nsections; i++) {
		const file_shdr *s = &l->sections[i];
		int bad;

		if (s->sh_type != SHT_RELA || !l->where[s->sh_info].mem)
			continue;
		bad = relocate_by(l, i);
		if (bad == LOADER_AGAIN)
			return bad;
		err = err ?: bad;
	}
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * Which symbols the loaded part of a driver refers to.
 *
 * Not every undefined symbol is needed. Linkers leave those of functions that
 * they dropped (ld -r --gc-sections: local ones, which strip -g makes global),
 * assemblers those that were declared, and debugging sections have their own.
 * What no relocation of a loaded section mentions cannot be missed.
 *
 * Only a file with such a symbol pays for this: the first question reads all
 * relocations once and notes one bit for each symbol. The sections are checked
 * only as far as check_file() does; what is wrong with the relocations is said
 * by relocate.c.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

static void note_references(struct loader *l, const file_shdr *table)
{
	const file_rela *relocation = (const file_rela *)(l->file + table->sh_offset);

	for (u64 count = table->sh_size / sizeof(*relocation); count; count--, relocation++) {
		u64 symbol = ELF64_R_SYM(relocation->r_info);

		if (symbol < l->nsymbols)
			l->referenced[symbol / 8] |= 1u << symbol % 8;
	}
}

int symbol_referenced(struct loader *l, u32 index)
{
	if (!l->referenced) {
		u64 size = l->nsymbols / 8 + 1;

		l->referenced = loader_alloc(l, size);
		if (!l->referenced)
			return report_add(l->report, -ENOMEM, "no memory for its %u symbols",
					  l->nsymbols);
		memset(l->referenced, 0, size);
		for (u32 nth = 1; nth < l->nsections; nth++)
			if (l->sections[nth].sh_type == SHT_RELA &&
			    section_kept(l, l->sections[nth].sh_info))
				note_references(l, &l->sections[nth]);
	}
	return l->referenced[index / 8] >> index % 8 & 1;
}

// SPDX-License-Identifier: MIT
/*
 * The symbol table: every name, section and value within bounds, and nothing
 * that a driver cannot have. After check_symbols() symbol 0 is empty, and each
 * other one is undefined and named, absolute, or within an existing section.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

static int find_tables(struct loader *l)
{
	const file_shdr *section = &l->sections[l->symbol_section],
			*strings = &l->sections[section->sh_link];
	struct report *report = l->report;

	if (section->sh_entsize != sizeof(Elf64_Sym) || section->sh_size % sizeof(Elf64_Sym) ||
	    !section->sh_size)
		return report_add(report, -ENOEXEC, "its symbol table has the wrong size");
	/* Section 0 is none, whatever its header says; nobody looked at that. */
	if (!section->sh_link || strings->sh_type != SHT_STRTAB || !strings->sh_size ||
	    l->file[strings->sh_offset + strings->sh_size - 1])
		return report_add(report, -ENOEXEC, "its symbol table has no string table");
	l->symbols = (const file_sym *)(l->file + section->sh_offset);
	l->nsymbols = section->sh_size / sizeof(Elf64_Sym);
	l->first_global = section->sh_info;
	l->strings = (const char *)l->file + strings->sh_offset;
	l->strings_size = strings->sh_size;
	if (l->symbols[0].st_name || l->symbols[0].st_info || l->symbols[0].st_shndx)
		return report_add(report, -ENOEXEC, "its symbol 0 is not the null symbol");
	if (!l->first_global || l->first_global > l->nsymbols)
		return report_add(report, -ENOEXEC,
				  "its symbol table says that %u of %u symbols are local",
				  l->first_global, l->nsymbols);
	if (!l->shndx_section)
		return 0;
	section = &l->sections[l->shndx_section];
	if (section->sh_link != l->symbol_section || section->sh_size / 4 != l->nsymbols)
		return report_add(report, -ENOEXEC,
				  "its table of extended section numbers does not fit its symbols");
	l->shndx = (const file_word *)(l->file + section->sh_offset);
	return 0;
}

/* A local one is only wrong where something refers to it: relocate.c. */
static int check_undefined(struct loader *l, const file_sym *symbol)
{
	const char *name = symbol_name(l, symbol), *words;
	u32 i = symbol - l->symbols;
	int referenced;

	if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL)
		return 0;
	if (!*name)
		return report_add(l->report, -ENOEXEC, "symbol %u is undefined and has no name", i);
	words = forbidden_name_words(name);
	if (!words)
		return 0;
	referenced = symbol_referenced(l, i);
	if (referenced <= 0)
		return referenced;
	return report_add(l->report, -ENOEXEC, "refers to %s: %s", name, words);
}

static int check_symbol_place(struct loader *l, const file_sym *symbol, u32 section)
{
	u64 size = l->sections[section].sh_size;

	if (likely(symbol->st_value <= size && symbol->st_size <= size - symbol->st_value))
		return 0;
	return report_add(l->report, -ENOEXEC, "symbol %u (%s) lies outside of its section",
			  (u32)(symbol - l->symbols), symbol_name(l, symbol));
}

/* @shndx: as in the symbol; 0 to SHN_LORESERVE - 1 were dealt with. */
static int check_reserved(struct loader *l, const file_sym *symbol)
{
	u32 i = symbol - l->symbols;

	switch (symbol->st_shndx) {
	case SHN_ABS:
		/* A number is one thing; memory that nobody gave is another. */
		if (ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT && symbol->st_size)
			return report_add(
				l->report, -ENOEXEC,
				"%s is an object of %lu bytes at the fixed address 0x%lx, where it owns no memory (mold -r makes such objects of common symbols): compile with -fno-common",
				symbol_name(l, symbol), (unsigned long)symbol->st_size,
				(unsigned long)symbol->st_value);
		return 0;
	case SHN_COMMON:
		return report_add(
			l->report, -ENOEXEC,
			"%s is a common symbol: compile with -fno-common, or link with ld -r -d",
			symbol_name(l, symbol));
	case SHN_XINDEX:
		if (l->shndx && l->shndx[i] && l->shndx[i] < l->nsections)
			return check_symbol_place(l, symbol, l->shndx[i]);
		__attribute__((fallthrough));
	default:
		return report_add(l->report, -ENOEXEC,
				  "symbol %u (%s) is in section %u, which does not exist", i,
				  symbol_name(l, symbol), symbol->st_shndx);
	}
}

static int check_type(struct loader *l, const file_sym *symbol)
{
	const char *name = symbol_name(l, symbol);

	switch (ELF64_ST_TYPE(symbol->st_info)) {
	case STT_TLS:
		return report_add(l->report, -ENOEXEC,
				  "%s is thread-local, which drivers cannot have", name);
	case STT_GNU_IFUNC:
		return report_add(l->report, -ENOEXEC,
				  "%s is chosen at run time (IFUNC), which drivers cannot have",
				  name);
	case STT_COMMON:
		return report_add(l->report, -ENOEXEC,
				  "%s is a common symbol: compile with -fno-common", name);
	default:
		return report_add(l->report, -ENOEXEC, "symbol %u (%s) has unknown type %u",
				  (u32)(symbol - l->symbols), name, ELF64_ST_TYPE(symbol->st_info));
	}
}

static int check_one(struct loader *l, const file_sym *symbol)
{
	u32 i = symbol - l->symbols, bind = ELF64_ST_BIND(symbol->st_info);

	if (unlikely(symbol->st_name >= l->strings_size))
		return report_add(l->report, -ENOEXEC,
				  "the name of symbol %u lies outside of the string table", i);
	if (unlikely(ELF64_ST_TYPE(symbol->st_info) > STT_FILE))
		return check_type(l, symbol);
	if (unlikely(bind > STB_WEAK && bind != STB_GNU_UNIQUE) ||
	    (bind == STB_LOCAL) != (i < l->first_global))
		return report_add(l->report, -ENOEXEC,
				  "symbol %u (%s) has binding %u, which is not allowed there", i,
				  symbol_name(l, symbol), bind);
	if (symbol->st_shndx == SHN_UNDEF)
		return check_undefined(l, symbol);
	if (unlikely(symbol->st_shndx >= SHN_LORESERVE || symbol->st_shndx >= l->nsections))
		return check_reserved(l, symbol);
	return check_symbol_place(l, symbol, symbol->st_shndx);
}

/*
 * Most symbols are local and in a section; these are beyond doubt.
 * @return the first one from @index on that is not
 */
static u32 skip_plainly_good(struct loader *l, u32 index)
{
	const file_shdr *sections = l->sections;
	const file_sym *first = l->symbols, *symbol = first + index, *end = first + l->first_global;
	const u32 last = MIN(l->nsections, (u32)SHN_LORESERVE) - 1;
	const u64 strings_size = l->strings_size;
	u32 functions = 0, section = ~0u; /* the section of the last symbol is mostly this one's */
	u64 size = 0;

	for (; symbol < end; symbol++) {
		if (symbol->st_info > ELF64_ST_INFO(STB_LOCAL, STT_FILE) ||
		    symbol->st_name >= strings_size)
			break;
		if (symbol->st_shndx != section) {
			section = symbol->st_shndx;
			if (section - 1 >= last)
				break;
			size = sections[section].sh_size;
		}
		if (symbol->st_value > size || symbol->st_size > size - symbol->st_value)
			break;
		functions += symbol->st_info == ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
	}
	l->functions_max += functions;
	return symbol - first;
}

int check_symbols(struct loader *l)
{
	int err = find_tables(l);
	u32 i = 1;

	if (err)
		return err;
	while ((i = skip_plainly_good(l, i)) < l->nsymbols) {
		const file_sym *symbol = &l->symbols[i++];
		int bad = check_one(l, symbol);

		first_error(&err, bad);
		l->nstubs += symbol->st_shndx == SHN_UNDEF;
		l->functions_max += ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
	}
	return err;
}

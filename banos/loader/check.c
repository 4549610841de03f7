// SPDX-License-Identifier: MIT
/*
 * Is this a relocatable ELF64 file for x86_64, and does every offset, index and
 * size of its sections stay within it? gABI chapters 4 and 5.
 *
 * The first group of checks makes the section table usable; only then can
 * reasons be collected section by section. After check_file() these hold:
 * every section that has bytes lies in the file; every name is a terminated
 * string; sh_link is a section; what will be loaded is small, sanely aligned,
 * and not both writable and executable.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

static const char *elf_type_words(u32 type)
{
	switch (type) {
	case ET_EXEC: return "a program";
	case ET_DYN: return "a shared library or a position-independent program";
	case ET_CORE: return "a core dump";
	default: return "an ELF file of no known kind";
	}
}

static int check_header(struct loader *l)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)l->file;
	struct report *r = &l->report;

	if (l->file_size < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG))
		return report_add(r, -ENOEXEC, "not an ELF file");
	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB)
		return report_add(r, -ENOEXEC, "not a 64-bit little-endian ELF file");
	if (e->e_machine != EM_X86_64)
		return report_add(r, -ENOEXEC, "for machine %u, not for x86_64", e->e_machine);
	if (e->e_type != ET_REL)
		return report_add(r, -ENOEXEC, "%s: a driver is an object file (cc -c, ld -r)",
				  elf_type_words(e->e_type));
	if (e->e_ident[EI_VERSION] != EV_CURRENT || e->e_version != EV_CURRENT)
		return report_add(r, -ENOEXEC, "ELF version %u is unknown", e->e_version);
	if (e->e_ident[EI_OSABI] != ELFOSABI_NONE && e->e_ident[EI_OSABI] != ELFOSABI_GNU)
		return report_add(r, -ENOEXEC, "for the ABI of another system (%u)", e->e_ident[EI_OSABI]);
	if (e->e_ehsize < sizeof(*e) || e->e_shentsize != sizeof(Elf64_Shdr))
		return report_add(r, -ENOEXEC, "its ELF headers have the wrong size");
	return 0;
}

/* The section table, and how many there are: in section 0 where 16 bits are too few. */
static int find_sections(struct loader *l)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)l->file;
	struct report *r = &l->report;
	u64 n = e->e_shnum;

	if (!e->e_shoff || e->e_shoff % 8 || e->e_shoff > l->file_size - sizeof(Elf64_Shdr))
		return report_add(r, -ENOEXEC, "its section table lies outside of the file");
	l->sections = (const Elf64_Shdr *)(l->file + e->e_shoff);
	if (!n)
		n = l->sections[0].sh_size;
	if (n > (l->file_size - e->e_shoff) / sizeof(Elf64_Shdr))
		return report_add(r, -ENOEXEC, "its section table lies outside of the file");
	l->nsections = n;
	l->section_strings = e->e_shstrndx;
	if (l->section_strings == SHN_XINDEX)
		l->section_strings = l->sections[0].sh_link;
	if (!l->section_strings || l->section_strings >= n ||
	    l->sections[l->section_strings].sh_type != SHT_STRTAB)
		return report_add(r, -ENOEXEC, "it has no names of sections");
	return 0;
}

static bool in_file(const struct loader *l, const Elf64_Shdr *s)
{
	return s->sh_offset <= l->file_size && s->sh_size <= l->file_size - s->sh_offset;
}

/* A table of strings whose last byte is NUL: then every offset inside is a string. */
static bool strings_end(const struct loader *l, const Elf64_Shdr *s)
{
	return s->sh_size && !l->file[s->sh_offset + s->sh_size - 1];
}

static int check_name(struct loader *l, u32 i)
{
	if (l->sections[i].sh_name < l->sections[l->section_strings].sh_size)
		return 0;
	return report_add(&l->report, -ENOEXEC, "section %u has a name outside of the names", i);
}

static int check_place(struct loader *l, u32 i)
{
	const Elf64_Shdr *s = &l->sections[i];

	if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL && !in_file(l, s))
		return report_add(&l->report, -ENOEXEC, "section %u (%s) lies outside of the file", i,
				  section_name(l, i));
	if (s->sh_link >= l->nsections)
		return report_add(&l->report, -ENOEXEC, "section %u (%s) refers to section %u, which is not there",
				  i, section_name(l, i), s->sh_link);
	return 0;
}

static bool loadable_type(u32 type)
{
	return type == SHT_PROGBITS || type == SHT_NOBITS || type == SHT_NOTE || type == SHT_INIT_ARRAY ||
	       type == SHT_FINI_ARRAY || type == SHT_X86_64_UNWIND;
}

/* What will be in memory. */
static int check_loaded(struct loader *l, u32 i)
{
	const Elf64_Shdr *s = &l->sections[i];
	const char *name = section_name(l, i);
	struct report *r = &l->report;
	int err = 0;

	if (s->sh_flags & SHF_TLS)
		err = report_add(r, -ENOEXEC, "section %s is thread-local storage, which drivers cannot have", name);
	if ((s->sh_flags & SHF_WRITE) && (s->sh_flags & SHF_EXECINSTR))
		err = report_add(r, -ENOEXEC, "section %s is both writable and executable", name);
	if (s->sh_flags & SHF_COMPRESSED)
		err = report_add(r, -ENOEXEC, "section %s is compressed", name);
	if (s->sh_type == SHT_PREINIT_ARRAY || !strncmp(name, ".ctors", 6) || !strncmp(name, ".dtors", 6))
		err = report_add(r, -ENOEXEC, "section %s: constructors belong into .init_array", name);
	else if (!loadable_type(s->sh_type))
		err = report_add(r, -ENOEXEC, "section %s has unknown type %u", name, s->sh_type);
	if (s->sh_addralign & (s->sh_addralign - 1) || s->sh_addralign > PAGE_SIZE)
		err = report_add(r, -ENOEXEC, "section %s wants to be aligned to %lu", name, (unsigned long)s->sh_addralign);
	if (s->sh_size > LOADER_MEMORY_MAX)
		err = report_add(r, -EFBIG, "section %s would take %lu bytes of memory", name, (unsigned long)s->sh_size);
	return err;
}

static int check_table(struct loader *l, u32 i)
{
	const Elf64_Shdr *s = &l->sections[i];
	struct report *r = &l->report;

	switch (s->sh_type) {
	case SHT_SYMTAB:
		if (l->symbol_section)
			return report_add(r, -ENOEXEC, "it has two symbol tables");
		l->symbol_section = i;
		return 0;
	case SHT_SYMTAB_SHNDX:
		l->shndx_section = i;
		return 0;
	case SHT_GROUP:
		l->has_groups = true;
		return 0;
	case SHT_RELA:
	case SHT_REL:
		if (!s->sh_info || s->sh_info >= l->nsections)
			return report_add(r, -ENOEXEC, "section %s relocates section %u, which is not there",
					  section_name(l, i), s->sh_info);
		if (s->sh_type == SHT_REL && (l->sections[s->sh_info].sh_flags & SHF_ALLOC))
			return report_add(r, -ENOEXEC, "section %s has relocations of the kind REL; x86_64 uses RELA",
					  section_name(l, i));
		return 0;
	default:
		return 0;
	}
}

int check_file(struct loader *l)
{
	int err = check_header(l);

	err = err ?: find_sections(l);
	if (err)
		return err;
	if (!in_file(l, &l->sections[l->section_strings]) ||
	    !strings_end(l, &l->sections[l->section_strings]))
		return report_add(&l->report, -ENOEXEC, "its names of sections lie outside of the file");

	for (u32 i = 1; i < l->nsections; i++) {
		int bad = check_name(l, i) ?: check_place(l, i) ?: check_table(l, i);

		if (!bad && (l->sections[i].sh_flags & SHF_ALLOC))
			bad = check_loaded(l, i);
		err = err ?: bad;
	}
	if (!l->symbol_section)
		return report_add(&l->report, -ENOEXEC, "it has no symbol table (was it stripped?)");
	return err;
}

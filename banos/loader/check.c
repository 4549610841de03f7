// SPDX-License-Identifier: MIT
/*
 * Does every offset, index and size of the file's sections stay within it? gABI
 * chapters 4 and 5. Tables may lie at any offset: the gABI aligns addresses, not
 * offsets, and yasm and fasm make use of that.
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

/* The section table, and how many there are: in section 0 where 16 bits are too few. */
static int find_sections(struct loader *l)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)l->file;
	struct report *r = l->report;
	u64 n = e->e_shnum;

	if (!e->e_shoff || e->e_shoff > l->file_size - sizeof(Elf64_Shdr))
		return report_add(
			r, -ENOEXEC,
			"its section table lies outside of the file (was it copied only in part?)");
	l->sections = (const file_shdr *)(l->file + e->e_shoff);
	if (!n)
		n = l->sections[0].sh_size;
	if (n > (l->file_size - e->e_shoff) / sizeof(Elf64_Shdr))
		return report_add(
			r, -ENOEXEC,
			"its section table lies outside of the file (was it copied only in part?)");
	l->nsections = n;
	l->section_strings = e->e_shstrndx;
	if (l->section_strings == SHN_XINDEX)
		l->section_strings = l->sections[0].sh_link;
	if (!l->section_strings || l->section_strings >= n ||
	    l->sections[l->section_strings].sh_type != SHT_STRTAB)
		return report_add(r, -ENOEXEC, "it has no names of sections");
	return 0;
}

static bool in_file(const struct loader *l, const file_shdr *s)
{
	return s->sh_offset <= l->file_size && s->sh_size <= l->file_size - s->sh_offset;
}

/* A table of strings whose last byte is NUL: then every offset inside is a string. */
static bool strings_end(const struct loader *l, const file_shdr *s)
{
	return s->sh_size && !l->file[s->sh_offset + s->sh_size - 1];
}

static int check_name(struct loader *l, u32 i)
{
	if (l->sections[i].sh_name < l->sections[l->section_strings].sh_size)
		return 0;
	return report_add(l->report, -ENOEXEC, "section %u has a name outside of the names", i);
}

static int check_place(struct loader *l, u32 i)
{
	const file_shdr *s = &l->sections[i];

	if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL && !in_file(l, s))
		return report_add(l->report, -ENOEXEC, "section %u (%s) lies outside of the file",
				  i, section_name(l, i));
	if (s->sh_link >= l->nsections)
		return report_add(l->report, -ENOEXEC,
				  "section %u (%s) refers to section %u, which is not there", i,
				  section_name(l, i), s->sh_link);
	return 0;
}

static bool loadable_type(u32 type)
{
	return type == SHT_PROGBITS || type == SHT_NOBITS || type == SHT_NOTE ||
	       type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY || type == SHT_X86_64_UNWIND;
}

static int unknown_type(struct loader *l, u32 i)
{
	u32 type = l->sections[i].sh_type;

	return report_add(
		l->report, -ENOEXEC,
		"section %s has unknown type %u (0x%x); if the driver works without it, remove it with objcopy -R %s",
		section_name(l, i), type, type, section_name(l, i));
}

/* What will be in memory. */
static int check_loaded(struct loader *l, u32 i)
{
	const file_shdr *s = &l->sections[i];
	const char *name = section_name(l, i);
	struct report *r = l->report;
	int err = 0;

	if (s->sh_flags & SHF_TLS)
		err = report_add(r, -ENOEXEC,
				 "section %s is thread-local storage, which drivers cannot have",
				 name);
	if ((s->sh_flags & SHF_WRITE) && (s->sh_flags & SHF_EXECINSTR))
		err = report_add(r, -ENOEXEC, "section %s is both writable and executable", name);
	if (s->sh_flags & SHF_COMPRESSED)
		err = report_add(r, -ENOEXEC, "section %s is compressed", name);
	if (s->sh_type == SHT_PREINIT_ARRAY || !strncmp(name, ".ctors", 6) ||
	    !strncmp(name, ".dtors", 6))
		err = report_add(r, -ENOEXEC, "section %s: constructors belong into .init_array",
				 name);
	else if (!loadable_type(s->sh_type) && s->sh_type != SHT_GNU_SFRAME &&
		 s->sh_type != SHT_CREL)
		err = unknown_type(l, i);
	if (s->sh_addralign & (s->sh_addralign - 1) || s->sh_addralign > PAGE_SIZE)
		err = report_add(
			r, -ENOEXEC,
			"section %s wants to be aligned to %lu; it can be to powers of 2 up to %lu",
			name, (unsigned long)s->sh_addralign, PAGE_SIZE);
	if (s->sh_size > LOADER_MEMORY_MAX)
		err = report_add(r, -EFBIG, "section %s would take %lu bytes of memory", name,
				 (unsigned long)s->sh_size);
	return err;
}

/* Tables that say something to linkers, debuggers and profilers, not to the one who loads. */
static bool harmless_type(u32 type)
{
	return type == SHT_NULL || type == SHT_PROGBITS || type == SHT_NOBITS || type == SHT_NOTE ||
	       type == SHT_STRTAB || type == SHT_X86_64_UNWIND || type == SHT_GNU_SFRAME ||
	       type == SHT_GNU_ATTRIBUTES || (type >= SHT_LLVM_FIRST && type <= SHT_LLVM_LAST);
}

/*
 * What will not be in memory. A type that nobody here knows may hold what the
 * driver needs, as CREL does: such a file is refused.
 */
static int check_unloaded(struct loader *l, u32 i)
{
	const char *name = section_name(l, i);
	u32 type = l->sections[i].sh_type;

	/* What counts where it is loaded would be lost in silence. */
	if (section_is_table(name))
		return report_add(
			l->report, -ENOEXEC,
			"section %s would not be loaded: it lacks the flag SHF_ALLOC (in assembly: .section %s,\"aw\")",
			name, name);
	if (type == SHT_CREL || harmless_type(type))
		return 0;
	return unknown_type(l, i);
}

/* Linkers that do not know CREL lose what belongs to it, so it is no matter what it relocates. */
static int check_crel(struct loader *l, u32 i)
{
	const char *name = section_name(l, i);

	if (likely(l->sections[i].sh_type != SHT_CREL &&
		   (name[0] != '.' || name[1] != 'c' || strncmp(name, ".crel.", 6))))
		return 0;
	return report_add(
		l->report, -ENOEXEC,
		"section %s has compact relocations (CREL), which cannot be read: compile without -Wa,--crel",
		name);
}

static int check_table(struct loader *l, u32 i)
{
	const file_shdr *s = &l->sections[i];
	struct report *r = l->report;

	switch (s->sh_type) {
	case SHT_SYMTAB:
		if (l->symbol_section)
			return report_add(r, -ENOEXEC, "it has two symbol tables");
		l->symbol_section = i;
		return 0;
	case SHT_SYMTAB_SHNDX: l->shndx_section = i; return 0;
	case SHT_GROUP: l->has_groups = true; return 0;
	case SHT_RELA:
	case SHT_REL:
		if (!s->sh_info || s->sh_info >= l->nsections)
			return report_add(r, -ENOEXEC,
					  "section %s relocates section %u, which is not there",
					  section_name(l, i), s->sh_info);
		if (s->sh_type == SHT_REL && (l->sections[s->sh_info].sh_flags & SHF_ALLOC))
			return report_add(
				r, -ENOEXEC,
				"section %s has relocations of the kind REL; x86_64 uses RELA",
				section_name(l, i));
		return 0;
	default: return l->sections[i].sh_flags & SHF_ALLOC ? 0 : check_unloaded(l, i);
	}
}

int check_file(struct loader *l)
{
	int err = find_sections(l);

	if (err)
		return err;
	if (!in_file(l, &l->sections[l->section_strings]) ||
	    !strings_end(l, &l->sections[l->section_strings]))
		return report_add(l->report, -ENOEXEC,
				  "its names of sections lie outside of the file");

	for (u32 i = 1; i < l->nsections; i++) {
		int bad = check_name(l, i) ?: check_place(l, i) ?: check_crel(l, i) ?: check_table(l, i);

		if (!bad && (l->sections[i].sh_flags & SHF_ALLOC))
			bad = check_loaded(l, i);
		err = err ?: bad;
	}
	if (!err)
		err = check_origin(l);
	if (!err && !l->symbol_section)
		err = report_add(
			l->report, -ENOEXEC,
			"it has no symbol table (was it stripped?): strip -g and strip --strip-unneeded leave what is needed");
	return err;
}

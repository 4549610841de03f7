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
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)l->file;
	struct report *report = l->report;
	u64 nsections = header->e_shnum;

	if (!header->e_shoff || header->e_shoff > l->file_size - sizeof(Elf64_Shdr))
		return report_add(
			report, -ENOEXEC,
			"its section table lies outside of the file (was it copied only in part?)");
	l->sections = (const file_shdr *)(l->file + header->e_shoff);
	if (!nsections)
		nsections = l->sections[0].sh_size;
	if (nsections > (l->file_size - header->e_shoff) / sizeof(Elf64_Shdr))
		return report_add(
			report, -ENOEXEC,
			"its section table lies outside of the file (was it copied only in part?)");
	l->nsections = nsections;
	l->section_strings = header->e_shstrndx;
	if (l->section_strings == SHN_XINDEX)
		l->section_strings = l->sections[0].sh_link;
	if (!l->section_strings || l->section_strings >= nsections ||
	    l->sections[l->section_strings].sh_type != SHT_STRTAB)
		return report_add(report, -ENOEXEC, "it has no section name table");
	return 0;
}

static bool in_file(const struct loader *l, const file_shdr *section)
{
	return section->sh_offset <= l->file_size &&
	       section->sh_size <= l->file_size - section->sh_offset;
}

/* A table of strings whose last byte is NUL: then every offset inside is a string. */
static bool strings_end(const struct loader *l, const file_shdr *section)
{
	return section->sh_size && !l->file[section->sh_offset + section->sh_size - 1];
}

/* ---- names ---- */

static inline bool begins_with(const char *name, const char *beginning)
{
	while (*beginning)
		if (*name++ != *beginning++)
			return false;
	return true;
}

/* NAME, or NAME.ORDER */
static enum section_role array_role(const char *name, const char *array, enum section_role found)
{
	size_t length = strlen(array);

	if (begins_with(name, array) && (!name[length] || name[length] == '.'))
		return found;
	return ROLE_OTHER;
}

static enum section_role table_role(const char *name)
{
	if (!strcmp(name, ".banos-driver"))
		return ROLE_DRIVER;
	if (!strcmp(name, ".banos-export"))
		return ROLE_EXPORT;
	return ROLE_OTHER;
}

static enum section_role one_of(bool is_it, enum section_role found)
{
	if (is_it)
		return found;
	return ROLE_OTHER;
}

/* The second and third letters settle it for most. */
static enum section_role role_of_name(const char *name)
{
	if (name[0] != '.')
		return ROLE_OTHER;
	switch (name[1]) {
	case 'b':
		if (name[2] != 'a')
			return ROLE_OTHER;
		return table_role(name);
	case 'c':
		if (name[2] == 'o')
			return one_of(!strcmp(name, ".comment"), ROLE_DROPPED);
		if (begins_with(name, ".crel."))
			return ROLE_CREL;
		return one_of(begins_with(name, ".ctors"), ROLE_OLD_ARRAY);
	case 'd':
		if (name[2] == 'a')
			return one_of(begins_with(name, ".data.rel.ro"), ROLE_RELRO);
		return one_of(begins_with(name, ".dtors"), ROLE_OLD_ARRAY);
	case 'e': return one_of(begins_with(name, ".eh_frame"), ROLE_DROPPED);
	case 'f': return array_role(name, ".fini_array", ROLE_FINI_ARRAY);
	case 'i': return array_role(name, ".init_array", ROLE_INIT_ARRAY);
	case 'm': return one_of(!strcmp(name, ".modinfo"), ROLE_DROPPED);
	case 'n': return one_of(begins_with(name, ".note"), ROLE_DROPPED);
	case 's': return one_of(name[2] == 'f' && !strcmp(name, ".sframe"), ROLE_DROPPED);
	default: return ROLE_OTHER;
	}
}

static void note_role(struct loader *l, u32 index)
{
	enum section_role role = role_of_name(section_name(l, index));

	l->where[index].role = role;
	if (role == ROLE_OTHER)
		return;
	l->has_driver |= role == ROLE_DRIVER;
	l->has_exports |= role == ROLE_EXPORT;
	l->has_arrays |= role == ROLE_INIT_ARRAY || role == ROLE_FINI_ARRAY;
}

/* ---- sections ---- */

static int check_section_name(struct loader *l, u32 index)
{
	if (l->sections[index].sh_name < l->sections[l->section_strings].sh_size)
		return 0;
	return report_add(l->report, -ENOEXEC,
			  "the name of section %u lies outside of the section name table", index);
}

static int check_section_place(struct loader *l, u32 index)
{
	const file_shdr *section = &l->sections[index];

	if (section->sh_type != SHT_NOBITS && section->sh_type != SHT_NULL && !in_file(l, section))
		return report_add(l->report, -ENOEXEC, "section %u (%s) lies outside of the file",
				  index, section_name(l, index));
	if (section->sh_link >= l->nsections)
		return report_add(l->report, -ENOEXEC,
				  "section %u (%s) refers to section %u, which does not exist",
				  index, section_name(l, index), section->sh_link);
	return 0;
}

static bool loadable_type(u32 type)
{
	return type == SHT_PROGBITS || type == SHT_NOBITS || type == SHT_NOTE ||
	       type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY || type == SHT_X86_64_UNWIND;
}

static int unknown_type(struct loader *l, u32 index)
{
	u32 type = l->sections[index].sh_type;

	return report_add(
		l->report, -ENOEXEC,
		"section %s has unknown type %u (0x%x); if the driver works without it, remove it with objcopy -R %s",
		section_name(l, index), type, type, section_name(l, index));
}

/* Most sections are of the plain kinds, and nothing is wrong with them. */
static inline bool plainly_loadable(const struct loader *l, const file_shdr *section)
{
	const u64 wrong = SHF_TLS | SHF_COMPRESSED, both = SHF_WRITE | SHF_EXECINSTR;
	u64 align = section->sh_addralign;

	return (section->sh_type == SHT_PROGBITS || section->sh_type == SHT_NOBITS) &&
	       !(section->sh_flags & wrong) && (section->sh_flags & both) != both &&
	       align <= PAGE_SIZE && !(align & (align - 1)) &&
	       section->sh_size <= l->env->memory_max;
}

/* What will be in memory. */
static int check_loaded(struct loader *l, u32 index)
{
	const file_shdr *section = &l->sections[index];
	const char *name = section_name(l, index);
	struct report *report = l->report;
	int err = 0;

	if (likely(plainly_loadable(l, section) && l->where[index].role != ROLE_OLD_ARRAY))
		return 0;
	if (section->sh_flags & SHF_TLS)
		err = report_add(report, -ENOEXEC,
				 "section %s is thread-local storage, which drivers cannot have",
				 name);
	if ((section->sh_flags & SHF_WRITE) && (section->sh_flags & SHF_EXECINSTR))
		err = report_add(report, -ENOEXEC, "section %s is both writable and executable",
				 name);
	if (section->sh_flags & SHF_COMPRESSED)
		err = report_add(report, -ENOEXEC, "section %s is compressed", name);
	if (section->sh_type == SHT_PREINIT_ARRAY || l->where[index].role == ROLE_OLD_ARRAY)
		err = report_add(report, -ENOEXEC, "section %s: constructors belong in .init_array",
				 name);
	else if (!loadable_type(section->sh_type) && section->sh_type != SHT_GNU_SFRAME &&
		 section->sh_type != SHT_CREL)
		err = unknown_type(l, index);
	if (section->sh_addralign & (section->sh_addralign - 1) ||
	    section->sh_addralign > PAGE_SIZE)
		err = report_add(
			report, -ENOEXEC,
			"section %s requires alignment to %lu; powers of 2 up to %lu are supported",
			name, (unsigned long)section->sh_addralign, PAGE_SIZE);
	if (section->sh_size > l->env->memory_max)
		err = report_add(report, -EFBIG,
				 "section %s needs %lu bytes of memory, more than %lu", name,
				 (unsigned long)section->sh_size,
				 (unsigned long)l->env->memory_max);
	return err;
}

/* Tables for linkers, debuggers and profilers; the loader needs none of them. */
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
static int check_unloaded(struct loader *l, u32 index)
{
	const char *name = section_name(l, index);
	u32 type = l->sections[index].sh_type;

	/* What counts where it is loaded would be lost in silence. */
	if (section_is_table(l, index))
		return report_add(
			l->report, -ENOEXEC,
			"section %s would not be loaded: it lacks the flag SHF_ALLOC (in assembly: .section %s,\"aw\")",
			name, name);
	if (type == SHT_CREL || harmless_type(type))
		return 0;
	return unknown_type(l, index);
}

/* Linkers that do not know CREL lose what belongs to it, so it is no matter what it relocates. */
static int check_crel(struct loader *l, u32 index)
{
	if (likely(l->sections[index].sh_type != SHT_CREL && l->where[index].role != ROLE_CREL))
		return 0;
	return report_add(
		l->report, -ENOEXEC,
		"section %s has compact relocations (CREL), which cannot be read: compile without -Wa,--crel",
		section_name(l, index));
}

static int check_table(struct loader *l, u32 index)
{
	const file_shdr *section = &l->sections[index];
	struct report *report = l->report;

	switch (section->sh_type) {
	case SHT_SYMTAB:
		if (l->symbol_section)
			return report_add(report, -ENOEXEC, "it has two symbol tables");
		l->symbol_section = index;
		return 0;
	case SHT_SYMTAB_SHNDX: l->shndx_section = index; return 0;
	case SHT_GROUP: l->has_groups = true; return 0;
	case SHT_RELA:
	case SHT_REL:
		if (!section->sh_info || section->sh_info >= l->nsections)
			return report_add(report, -ENOEXEC,
					  "section %s relocates section %u, which does not exist",
					  section_name(l, index), section->sh_info);
		if (section->sh_type == SHT_REL &&
		    (l->sections[section->sh_info].sh_flags & SHF_ALLOC))
			return report_add(
				report, -ENOEXEC,
				"section %s has relocations of type REL; x86_64 uses RELA",
				section_name(l, index));
		return 0;
	default:
		if (l->sections[index].sh_flags & SHF_ALLOC)
			return 0;
		return check_unloaded(l, index);
	}
}

static int allocate_sections(struct loader *l)
{
	u64 size = l->nsections * sizeof(*l->where);

	l->where = loader_alloc(l, size);
	if (!l->where)
		return report_add(l->report, -ENOMEM, "no memory for its %u sections",
				  l->nsections);
	memset(l->where, 0, size);
	return 0;
}

static int check_section(struct loader *l, u32 index)
{
	int err = check_section_name(l, index);

	if (err)
		return err;
	note_role(l, index);
	err = check_section_place(l, index);
	if (!err)
		err = check_crel(l, index);
	if (!err)
		err = check_table(l, index);
	if (!err && (l->sections[index].sh_flags & SHF_ALLOC))
		err = check_loaded(l, index);
	return err;
}

int check_file(struct loader *l)
{
	int err = find_sections(l);

	if (err)
		return err;
	if (!in_file(l, &l->sections[l->section_strings]) ||
	    !strings_end(l, &l->sections[l->section_strings]))
		return report_add(
			l->report, -ENOEXEC,
			"its section name table lies outside of the file, or is not terminated");

	err = allocate_sections(l);
	if (err)
		return err;
	for (u32 i = 1; i < l->nsections; i++) {
		int bad = check_section(l, i);

		first_error(&err, bad);
	}
	if (!err)
		err = check_origin(l);
	if (!err && !l->symbol_section)
		err = report_add(
			l->report, -ENOEXEC,
			"it has no symbol table (was it stripped?): strip -g and strip --strip-unneeded keep what is needed");
	return err;
}

// SPDX-License-Identifier: MIT
/*
 * COMDAT groups: of several groups with one signature the first stays, and the
 * sections of the others are left out. A symbol that was defined in one of
 * those means the symbol of that name in the first (resolve.c). gABI 4, "Section
 * Groups".
 *
 * A linker has joined such groups already; a file of several objects put
 * together by other means has not.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

static int check_group(struct loader *l, u32 index)
{
	const file_shdr *group = &l->sections[index];
	const file_word *member = (const file_word *)(l->file + group->sh_offset);
	u64 nmembers = group->sh_size / 4;

	if (group->sh_link != l->symbol_section || !group->sh_info ||
	    group->sh_info >= l->nsymbols || !nmembers || group->sh_size % 4)
		return report_add(l->report, -ENOEXEC, "section group %u is malformed", index);
	for (u64 nth = 1; nth < nmembers; nth++)
		if (!member[nth] || member[nth] >= l->nsections)
			return report_add(l->report, -ENOEXEC,
					  "section group %u has section %u, which does not exist",
					  index, member[nth]);
	return 0;
}

/* Section symbols have no name of their own: then the section's counts. */
static const char *group_signature(const struct loader *l, u32 index)
{
	const file_sym *symbol = &l->symbols[l->sections[index].sh_info];
	u32 section = symbol_section(l, symbol);

	if (ELF64_ST_TYPE(symbol->st_info) == STT_SECTION && section)
		return section_name(l, section);
	return symbol_name(l, symbol);
}

static bool is_comdat(const struct loader *l, u32 index)
{
	return l->sections[index].sh_type == SHT_GROUP &&
	       (*(const file_word *)(l->file + l->sections[index].sh_offset) & GRP_COMDAT);
}

static void exclude_members(struct loader *l, u32 index)
{
	const file_word *member = (const file_word *)(l->file + l->sections[index].sh_offset);

	for (u64 nth = 1; nth < l->sections[index].sh_size / 4; nth++)
		l->where[member[nth]].excluded = true;
}

#define GROUP_WORK     64u   /* names compared for each group, on average */
#define GROUP_NAME_MAX 16384 /* C++ can make long ones */

/* Of @groups groups, exclude the later ones of each signature: an open hash table of section numbers. */
static int exclude_doubles(struct loader *l, u32 groups)
{
	u32 size = 2, *table, work = 0;

	while (size < 2 * groups)
		size *= 2;
	table = loader_alloc(l, size * sizeof(*table));
	if (!table)
		return report_add(l->report, -ENOMEM, "no memory for its %u section groups",
				  groups);
	memset(table, 0, size * sizeof(*table));
	for (u32 i = 1; i < l->nsections; i++) {
		if (!is_comdat(l, i))
			continue;
		const char *name = group_signature(l, i);
		u32 pos = hash_bytes(name, strlen(name), 0) & (size - 1);

		/* Names chosen so that they all fall together would take for ever, and so would endless ones. */
		while (table[pos] && work < GROUP_WORK * groups &&
		       strcmp(group_signature(l, table[pos]), name)) {
			pos = (pos + 1) & (size - 1);
			work++;
		}
		if (work >= GROUP_WORK * groups ||
		    strnlen(name, GROUP_NAME_MAX) == GROUP_NAME_MAX) {
			loader_release(l, table);
			return report_add(
				l->report, -ENOEXEC,
				"section group %u has a name that is too long or collides with too many others",
				i);
		}
		if (table[pos])
			exclude_members(l, i);
		else
			table[pos] = i;
	}
	loader_release(l, table);
	return 0;
}

int check_groups(struct loader *l)
{
	int err = 0;
	u32 groups = 0;

	if (!l->has_groups)
		return 0;
	for (u32 i = 1; i < l->nsections; i++)
		if (l->sections[i].sh_type == SHT_GROUP) {
			int bad = check_group(l, i);

			first_error(&err, bad);
			groups++;
		}
	return err ?: exclude_doubles(l, groups);
}

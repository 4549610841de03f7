// SPDX-License-Identifier: MIT
/*
 * What a driver exports, and whether exporter and importer mean the same by a name
 * (<banos/export.h>, signatures). Exported functions have to lie in the driver's own code.
 *
 * A record that states the signature of an import counts only if the driver imports that
 * name: a header states those of all that it declares.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/signature.h>
#include <kernel/string.h>

/* ---- exports ---- */

bool export_name_allowed(const char *driver, const char *name)
{
	/* Level 1 has no header that gives a common prefix to all drivers of a kind. */
	size_t length = strlen(driver);

	return !strncmp(name, driver, length) && name[length] == '_' && name[length + 1];
}

/* A string in read-only data, with its end there. */
static const char *text_at(const struct loader *l, u64 addr)
{
	for (u32 name_pos = 0; name_pos <= LOADER_EXPORT_NAME_MAX; name_pos++) {
		if (!in_part(l, PART_RODATA, addr + name_pos, 1))
			return NULL;
		if (!*memory_at(l, addr + name_pos))
			return (const char *)memory_at(l, addr);
	}
	return NULL;
}

static int find_export(struct loader *l, const struct banos_export *export)
{
	const char *name = text_at(l, (u64) export->name);

	if (!name)
		return report_add(l->report, -ENOEXEC, "an exported name is malformed");
	if (!name_valid(name, LOADER_EXPORT_NAME_MAX + 1) ||
	    !export_name_allowed(l->driver->name, name))
		return report_add(l->report, -ENOEXEC,
				  "exports %s: the names of its exports must begin with %s_", name,
				  l->driver->name);
	if (!in_code(l, (u64) export->function))
		return report_add(l->report, -ENOEXEC,
				  "exports %s, which is not a function of this driver", name);
	l->exports[l->nexports++] = (struct load_export){ name, (u64) export->function, NULL };
	return 0;
}

int find_exports(struct loader *l)
{
	u64 size = 0;
	int err = 0;

	for (u32 i = 1; i < l->nsections && l->has_exports; i++)
		if (l->where[i].mem && l->where[i].role == ROLE_EXPORT) {
			if (l->sections[i].sh_size % sizeof(struct banos_export) ||
			    l->where[i].addr % 8)
				return report_add(
					l->report, -ENOEXEC,
					"its .banos-export has the wrong size or alignment");
			size += l->sections[i].sh_size;
		}
	if (!size)
		return exports_take_letters(l->report, l->records, l->records_size, NULL, 0);
	l->exports = loader_alloc(l, size / sizeof(struct banos_export) * sizeof(*l->exports));
	if (!l->exports)
		return report_add(l->report, -ENOMEM, "no memory for its exports");
	for (u32 i = 1; i < l->nsections; i++) {
		const struct banos_export *export = (const void *)l->where[i].mem;

		if (!export || l->where[i].role != ROLE_EXPORT)
			continue;
		for (u64 nth = 0; nth < l->sections[i].sh_size / sizeof(*export); nth++) {
			int bad = find_export(l, &export[nth]);

			first_error(&err, bad);
		}
	}
	if (err)
		return err;
	return exports_take_letters(l->report, l->records, l->records_size, l->exports,
				    l->nexports);
}

/* ---- signatures ---- */

static bool name_is(const char *name, const struct signature_record *record)
{
	return !strncmp(name, record->name, record->name_len) && !name[record->name_len];
}

/* Records mostly come in the order of the exports: the search goes on where the last one ended. */
#define LETTERS_WORK_MAX (1ull << 22) /* names compared */

static struct load_export *export_next(struct load_export *exports, u32 nexports, u32 *at,
				       const struct signature_record *record, u64 *work)
{
	for (u32 i = 0; i < nexports && *work < LETTERS_WORK_MAX; i++, ++*work) {
		struct load_export *export = &exports[(*at + i) % nexports];

		if (name_is(export->name, record)) {
			*at = (*at + i + 1) % nexports;
			return export;
		}
	}
	return NULL;
}

int exports_take_letters(struct report *report, const u8 *records, u64 size,
			 struct load_export *exports, u32 nexports)
{
	const struct record_header *header;
	struct signature_record record;
	u64 work = 0, pos = 0;
	u32 at = 0;

	while ((header = record_next(records, size, &pos))) {
		struct load_export *export;

		if (header->kind != BANOS_RECORD_EXPORT_AS ||
		    signature_record_read(header, &record))
			continue;
		export = export_next(exports, nexports, &at, &record, &work);
		if (!export)
			return report_add(report, -ENOEXEC,
					  "states the signature of %.*s, which it does not export",
					  (int)record.name_len, record.name);
		if (export->letters && strcmp(export->letters, record.letters))
			return report_add(report, -ENOEXEC, "states two signatures of %s",
					  export->name);
		export->letters = record.letters;
	}
	return 0;
}

bool signatures_agree(const char *exporter, const char *exported, const char *imported, char *words)
{
	struct signature stated;

	if (exported) {
		if (!strcmp(exported, imported))
			return true;
		snprintf(words, SIGNATURE_WORDS_SIZE, "%s exports it as \"%s\"", exporter,
			 exported);
		return false;
	}
	if (signature_parse(imported, SIGNATURE_ARGS, &stated, words) ||
	    signature_is_plain(&stated))
		return true; /* malformed: the reason was given before */
	snprintf(words, SIGNATURE_WORDS_SIZE,
		 "%s exports it without a signature: for integers and handles", exporter);
	return false;
}

/* Does the driver import it? Only asked where something is wrong. */
static bool name_is_imported(const struct loader *l, const struct signature_record *record)
{
	for (u32 i = 1; i < l->nsymbols; i++)
		if (l->symbols[i].st_shndx == SHN_UNDEF &&
		    name_is(symbol_name(l, &l->symbols[i]), record))
			return true;
	return false;
}

#define DISAGREEMENTS_MAX 16u

int check_imports(struct loader *l)
{
	const struct record_header *header;
	struct signature_record record;
	char words[SIGNATURE_WORDS_SIZE], name[LOADER_EXPORT_NAME_MAX + 1];
	u32 disagreements = 0;
	u64 pos = 0;

	if (!l->env->disagrees)
		return 0;
	while ((header = record_next(l->records, l->records_size, &pos))) {
		if (header->kind != BANOS_RECORD_IMPORT_AS ||
		    signature_record_read(header, &record))
			continue;
		memcpy(name, record.name, record.name_len);
		name[record.name_len] = 0;
		if (!l->env->disagrees(l, name, record.letters, words))
			continue;
		if (name_is_imported(l, &record))
			report_add(l->report, -ENOEXEC, "calls %s as \"%s\", but %s", name,
				   record.letters, words);
		if (++disagreements == DISAGREEMENTS_MAX)
			return report_add(l->report, -ENOEXEC,
					  "states %u signatures that the exporters do not state",
					  disagreements);
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * The section .banos-driver: a sequence of records, each with its size and kind
 * in front (include/banos/driver.h). Everything but the pointers in them can be
 * read without relocating; those are checked by entries.c and params.c.
 *
 * A built-in driver's records take the same way.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/signature.h>
#include <kernel/string.h>
#include <kernel/struct_rule.h>

/* Bits that this kernel knows; there are none yet. */
#define FEATURES_KNOWN 0ull

static const struct struct_rule driver_rule = {
	.name = "the descriptor",
	.size_least = BANOS_DRIVER_RECORD_SIZE_1,
	.size_known = sizeof(struct banos_driver_record),
};
static const struct struct_rule param_rule = {
	.name = "a parameter's record",
	.size_least = BANOS_PARAM_RECORD_SIZE_1,
	.size_known = sizeof(struct banos_param_record),
};
static const struct struct_rule dependency_rule = {
	.name = "a dependency record",
	.size_least = BANOS_DEPENDENCY_RECORD_SIZE_1,
	.size_known = sizeof(struct banos_dependency_record),
};
static const struct struct_rule serves_rule = {
	.name = "the record of a device that it serves",
	.size_least = BANOS_SERVES_RECORD_SIZE_1,
	.size_known = sizeof(struct banos_serves_record),
};

static const struct struct_rule draft_rule = {
	.name = "the record of a draft",
	.size_least = BANOS_DRAFT_RECORD_SIZE_1,
	.size_known = sizeof(struct banos_draft_record),
};

/* Is there a NUL in [text, text + size)? */
static bool text_ends(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

bool name_valid(const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	if (!length || length == size)
		return false;
	for (size_t i = 0; i < length; i++) {
		char character = name[i];
		bool letter = (character >= 'a' && character <= 'z') ||
			      (character >= 'A' && character <= 'Z');

		if (!letter &&
		    (!i || !((character >= '0' && character <= '9') || character == '_')))
			return false;
	}
	return true;
}

const struct record_header *record_next(const u8 *records, u64 size, u64 *pos)
{
	/* Linkers fill up with zeroes between what they join. */
	while (size - *pos >= 8 && !*(const u64 *)(records + *pos))
		*pos += 8;
	if (size - *pos < 8) {
		*pos = size;
		return NULL;
	}
	const struct record_header *header = (const struct record_header *)(records + *pos);

	if (header->size < sizeof(*header) || header->size % 8 || header->size > size - *pos)
		return NULL;
	*pos += header->size;
	return header;
}

/*
 * Of a checked record the fields of level 1 may be read where they are; later ones, which
 * it may lack, only after struct_copy().
 */
static int check_record_size(struct report *report, const struct struct_rule *rule,
			     const struct record_header *record)
{
	char words[STRUCT_WORDS_MAX];
	int err = struct_check(rule, record, record->size, words);

	if (err == -EINVAL)
		return report_add(report, -ENOEXEC, "%s has %u bytes, fewer than %u", rule->name,
				  record->size, rule->size_least);
	if (err)
		return report_add(report, -EOPNOTSUPP, "%s", words);
	return 0;
}

bool descriptor_takes_tree_name(const struct banos_driver_record *record)
{
#define TREE_NAME(name) #name,
	static const char *const names[] = { BANOS_TREE_NAMES_(TREE_NAME) }; /* sorted */
#undef TREE_NAME
	u32 low = 0, high = ARRAY_SIZE(names);

	if (record->features_may & BANOS_DRIVER_OF_TREE)
		return false;
	while (low < high) {
		u32 middle = (low + high) / 2;
		int order = strcmp(record->name, names[middle]);

		if (!order)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static int check_driver_name(struct report *report, const char *name)
{
	if (!name_valid(name, BANOS_NAME_SIZE))
		return report_add(report, -ENOEXEC,
				  "the descriptor has no valid name (letters, digits and _)");
	if (!strcmp(name, "banos") || !strncmp(name, "banos_", 6))
		return report_add(
			report, -ENOEXEC,
			"a driver cannot be called %s: such names are reserved for the kernel",
			name);
	return 0;
}

static int check_levels(struct report *report, const struct banos_driver_record *record, u32 level)
{
	int err = 0;

	if (!record->level || record->level_min > record->level)
		err = report_add(
			report, -EINVAL,
			"the descriptor states that it was built for API level %u and needs level %u",
			record->level, record->level_min);
	if (record->level_min > level)
		err = report_add(report, -EOPNOTSUPP, "needs API level %u, this kernel has %u",
				 record->level_min, level);
	if (record->features_must & ~FEATURES_KNOWN)
		err = report_add(report, -EOPNOTSUPP,
				 "needs features 0x%lx, which this kernel does not know",
				 (unsigned long)(record->features_must & ~FEATURES_KNOWN));
	return err;
}

static int check_driver_record(struct report *report, const struct banos_driver_record *record,
			       u32 level)
{
	int err = check_driver_name(report, record->name);

	if (err)
		return err;
	strscpy(report->who, record->name, sizeof(report->who));
	if (!text_ends(record->version, sizeof(record->version)) ||
	    !text_ends(record->licence, sizeof(record->licence)) ||
	    !text_ends(record->description, sizeof(record->description)))
		err = report_add(report, -ENOEXEC, "a string of the descriptor is not terminated");
	return check_levels(report, record, level) ?: err;
}

bool param_consistent(const struct banos_param_record *record)
{
	static const u8 bytes[] = {
		[BANOS_PARAM_BOOL_TYPE] = 1, [BANOS_PARAM_I32_TYPE] = 4, [BANOS_PARAM_U32_TYPE] = 4,
		[BANOS_PARAM_I64_TYPE] = 8,  [BANOS_PARAM_U64_TYPE] = 8,
	};

	switch (record->type) {
	case BANOS_PARAM_TEXT_TYPE: return record->bytes;
	case BANOS_PARAM_U64_TYPE:
		return record->bytes == 8 && (u64)record->min <= (u64)record->max;
	case BANOS_PARAM_BOOL_TYPE ... BANOS_PARAM_I64_TYPE:
		return record->bytes == bytes[record->type] && record->min <= record->max;
	default: return false;
	}
}

static int check_param_record(struct report *report, const struct banos_param_record *record)
{
	if (!name_valid(record->name, sizeof(record->name)) ||
	    !text_ends(record->description, sizeof(record->description)))
		return report_add(report, -ENOEXEC, "a parameter has no valid name or description");
	if (!record->type || record->type > BANOS_PARAM_TEXT_TYPE)
		return report_add(report, -EOPNOTSUPP,
				  "parameter %s is of type %u, which this kernel does not know",
				  record->name, record->type);
	if (!param_consistent(record))
		return report_add(
			report, -EINVAL,
			"the record of parameter %s has a size or range that does not fit its type",
			record->name);
	return 0;
}

static int check_dependency_record(struct report *report,
				   const struct banos_dependency_record *record)
{
	if (name_valid(record->name, sizeof(record->name)))
		return 0;
	return report_add(report, -ENOEXEC, "a dependency record is malformed");
}

static int check_serves_record(struct report *report, const struct banos_serves_record *record)
{
	if (text_ends(record->alias, sizeof(record->alias)) && strchr(record->alias, ':'))
		return 0;
	return report_add(report, -ENOEXEC, "the record of a device that it serves is malformed");
}

static int check_signature_record(struct report *report, const struct record_header *header)
{
	struct signature_record record;
	struct signature signature;
	char words[SIGNATURE_WORDS_SIZE];

	if (signature_record_read(header, &record))
		return report_add(report, -ENOEXEC, "the record of a signature is malformed");
	if (signature_parse(record.letters, SIGNATURE_ARGS, &signature, words))
		return report_add(report, -ENOEXEC, "the signature of %.*s, %s",
				  (int)record.name_len, record.name, words);
	return 0;
}

static int check_draft_record(struct report *report, const struct banos_draft_record *record,
			      const struct loader_env *env)
{
	const struct draft *draft = env->drafts;
	const char *other = NULL;

	if (!name_valid(record->header, sizeof(record->header)) ||
	    !text_ends(record->fingerprint, sizeof(record->fingerprint)))
		return report_add(report, -ENOEXEC, "the record of a draft is malformed");
	for (; draft && draft->header; draft++) {
		if (strcmp(draft->header, record->header))
			continue;
		if (!strcmp(draft->fingerprint, record->fingerprint))
			return 0;
		if (!other)
			other = draft->fingerprint;
	}
	if (!other)
		return report_add(
			report, -EOPNOTSUPP,
			"built against a draft of <banos/%s.h>, which this kernel does not have",
			record->header);
	return report_add(
		report, -EOPNOTSUPP,
		"built against another draft of <banos/%s.h> (%s; this kernel's is %s): build it again with the headers of this kernel",
		record->header, record->fingerprint, other);
}

static int check_record(struct report *report, const struct record_header *header,
			const struct loader_env *env)
{
	const void *record = header;

	switch (header->kind) {
	case BANOS_RECORD_DRIVER:
		return check_record_size(report, &driver_rule, header)
			       ?: check_driver_record(report, record, env->level);
	case BANOS_RECORD_PARAM:
		return check_record_size(report, &param_rule, header)
			       ?: check_param_record(report, record);
	case BANOS_RECORD_DEPENDENCY:
		return check_record_size(report, &dependency_rule, header)
			       ?: check_dependency_record(report, record);
	case BANOS_RECORD_SERVES:
		return check_record_size(report, &serves_rule, header)
			       ?: check_serves_record(report, record);
	case BANOS_RECORD_DRAFT:
		return check_record_size(report, &draft_rule, header)
			       ?: check_draft_record(report, record, env);
	case BANOS_RECORD_EXPORT_AS:
	case BANOS_RECORD_IMPORT_AS: return check_signature_record(report, header);
	default:
		if (header->kind & BANOS_RECORD_OPTIONAL)
			return 0;
		return report_add(
			report, -EOPNOTSUPP,
			"its descriptor has a record of kind %u, which this kernel does not know",
			header->kind);
	}
}

int check_records(struct report *report, const u8 *records, u64 size, const struct loader_env *env,
		  const struct banos_driver_record **driver)
{
	const struct record_header *header;
	u32 drivers = 0;
	u64 pos = 0;
	int err = 0;

	*driver = NULL;
	/* The name first, so that every reason begins with it. */
	while ((header = record_next(records, size, &pos)))
		if (header->kind == BANOS_RECORD_DRIVER && !drivers++) {
			err = check_record(report, header, env);
			*driver = (const struct banos_driver_record *)header;
		}
	if (pos < size)
		return report_add(report, -ENOEXEC,
				  "its .banos-driver is malformed from byte %lu on",
				  (unsigned long)pos);
	if (!drivers)
		return report_add(report, -ENOEXEC, "it has no descriptor");
	if (drivers > 1)
		return report_add(report, -ENOEXEC, "it has more than one descriptor");
	for (pos = 0; (header = record_next(records, size, &pos));)
		if (header->kind != BANOS_RECORD_DRIVER) {
			int bad = check_record(report, header, env);

			first_error(&err, bad);
		}
	return err;
}

/* ---- the section ---- */

/*
 * There may be several: ld -r does not join those of compilers that mark records as to be
 * retained with those of others. Here they follow each other, each at a multiple of 8.
 */
static u32 next_driver_section(const struct loader *l, u32 section)
{
	while (++section < l->nsections)
		if (l->where[section].role == ROLE_DRIVER && !l->where[section].excluded)
			return section;
	return 0;
}

/* @relocated: from the driver's memory, else from the file. */
static int join_records(struct loader *l, bool relocated, u8 **to)
{
	u64 pos = 0;

	*to = loader_alloc(l, MAX(l->records_size, 1ul));
	if (!*to)
		return report_add(l->report, -ENOMEM, "no memory for its .banos-driver");
	memset(*to, 0, l->records_size);
	for (u32 i = 0; (i = next_driver_section(l, i));) {
		u64 size = l->sections[i].sh_size;

		memcpy(*to + pos, relocated ? l->where[i].mem : l->file + l->sections[i].sh_offset,
		       size);
		pos = ALIGN_UP(pos + size, 8);
	}
	return 0;
}

int place_records(struct loader *l)
{
	u32 first = next_driver_section(l, 0);
	int err = 0;

	l->relocated = l->where[first].mem;
	if (next_driver_section(l, first)) {
		err = join_records(l, true, &l->relocated_copy);
		l->relocated = l->relocated_copy;
	}
	return err;
}

static int check_driver_section(struct report *report, const file_shdr *section)
{
	if (section->sh_type == SHT_NOBITS)
		return report_add(
			report, -ENOEXEC,
			"its .banos-driver is of the wrong kind: it has no bytes (only debugging information was kept: objcopy --only-keep-debug)");
	if (section->sh_type != SHT_PROGBITS)
		return report_add(
			report, -ENOEXEC,
			"its .banos-driver is of the wrong kind: of type %u, not PROGBITS",
			section->sh_type);
	if (section->sh_flags & SHF_EXECINSTR)
		return report_add(
			report, -ENOEXEC,
			"its .banos-driver is of the wrong kind: code, not data (in assembly: .section .banos-driver,\"aw\")");
	if (section->sh_addralign < 8)
		return report_add(
			report, -ENOEXEC,
			"its .banos-driver is of the wrong kind: aligned to %lu, not to 8 (GNU as: .balign 8 before the records; nasm, yasm: section .banos-driver align=8)",
			(unsigned long)section->sh_addralign);
	return 0;
}

int check_driver(struct loader *l)
{
	u32 first = next_driver_section(l, 0);
	struct report *report = l->report;
	int err = 0;

	if (!first)
		return report_add(
			report, -ENOEXEC,
			"it has no .banos-driver but in section groups that were left out");
	for (u32 i = first; i && !err; i = next_driver_section(l, i)) {
		err = check_driver_section(report, &l->sections[i]);
		l->records_size = ALIGN_UP(l->records_size, 8) + l->sections[i].sh_size;
		if (!err && l->records_size > l->file_size)
			err = report_add(report, -ENOEXEC,
					 "its sections .banos-driver lie in each other");
	}
	if (err)
		return err;
	l->records = l->file + l->sections[first].sh_offset;
	if ((u64)l->records % 8 || next_driver_section(l, first)) {
		err = join_records(l, false, &l->records_copy);
		l->records = l->records_copy;
	}
	if (!err)
		err = check_records(report, l->records, l->records_size, l->env, &l->driver);
	return err;
}

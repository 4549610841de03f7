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
#include <kernel/string.h>

/* Bits that this kernel knows; there are none yet. */
#define FEATURES_KNOWN 0ull

/* Is there a NUL in [text, text + size)? */
static bool ends(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

bool name_valid(const char *name, size_t size)
{
	size_t n = strnlen(name, size);

	if (!n || n == size)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (!i || !((c >= '0' && c <= '9') || c == '_')))
			return false;
	}
	return true;
}

const struct record_header *record_next(const u8 *records, u64 size, u64 *at)
{
	/* Linkers fill up with zeroes between what they join. */
	while (size - *at >= 8 && !*(const u64 *)(records + *at))
		*at += 8;
	if (size - *at < 8) {
		*at = size;
		return NULL;
	}
	const struct record_header *h = (const struct record_header *)(records + *at);

	if (h->size < sizeof(*h) || h->size % 8 || h->size > size - *at)
		return NULL;
	*at += h->size;
	return h;
}

static int check_name(struct report *r, const char *name)
{
	if (!name_valid(name, BANOS_NAME_SIZE))
		return report_add(r, -ENOEXEC,
				  "the descriptor has no valid name (letters, digits and _)");
	if (!strcmp(name, "banos") || !strncmp(name, "banos_", 6))
		return report_add(r, -ENOEXEC,
				  "a driver cannot be called %s: such names are the kernel's",
				  name);
	return 0;
}

static int check_levels(struct report *r, const struct banos_driver_record *d, u32 level)
{
	int err = 0;

	if (!d->level || d->level_min > d->level)
		err = report_add(
			r, -EINVAL,
			"the descriptor says it was built for API level %u and needs level %u",
			d->level, d->level_min);
	if (d->level_min > level)
		err = report_add(r, -EOPNOTSUPP, "needs API level %u, this kernel has %u",
				 d->level_min, level);
	if (d->features_must & ~FEATURES_KNOWN)
		err = report_add(r, -EOPNOTSUPP,
				 "needs features 0x%lx, which this kernel does not know",
				 (unsigned long)(d->features_must & ~FEATURES_KNOWN));
	return err;
}

static int check_driver_record(struct report *r, const struct banos_driver_record *d, u32 level)
{
	int err;

	if (d->size < sizeof(*d))
		return report_add(r, -ENOEXEC, "the descriptor has %u bytes, fewer than %zu",
				  d->size, sizeof(*d));
	err = check_name(r, d->name);
	if (err)
		return err;
	strscpy(r->who, d->name, sizeof(r->who));
	if (!ends(d->version, sizeof(d->version)) || !ends(d->licence, sizeof(d->licence)) ||
	    !ends(d->description, sizeof(d->description)))
		err = report_add(r, -ENOEXEC, "a text of the descriptor has no end");
	return check_levels(r, d, level) ?: err;
}

bool param_consistent(const struct banos_param_record *p)
{
	static const u8 bytes[] = {
		[BANOS_PARAM_BOOL_TYPE] = 1, [BANOS_PARAM_I32_TYPE] = 4, [BANOS_PARAM_U32_TYPE] = 4,
		[BANOS_PARAM_I64_TYPE] = 8,  [BANOS_PARAM_U64_TYPE] = 8,
	};

	switch (p->type) {
	case BANOS_PARAM_TEXT_TYPE: return p->bytes;
	case BANOS_PARAM_U64_TYPE: return p->bytes == 8 && (u64)p->min <= (u64)p->max;
	case BANOS_PARAM_BOOL_TYPE ... BANOS_PARAM_I64_TYPE:
		return p->bytes == bytes[p->type] && p->min <= p->max;
	default: return false;
	}
}

static int check_param_record(struct report *r, const struct banos_param_record *p)
{
	if (p->size < sizeof(*p))
		return report_add(r, -ENOEXEC, "a parameter's record has %u bytes, fewer than %zu",
				  p->size, sizeof(*p));
	if (!name_valid(p->name, sizeof(p->name)) || !ends(p->description, sizeof(p->description)))
		return report_add(r, -ENOEXEC, "a parameter has no valid name or description");
	if (!p->type || p->type > BANOS_PARAM_TEXT_TYPE)
		return report_add(r, -EOPNOTSUPP,
				  "parameter %s is of type %u, which this kernel does not know",
				  p->name, p->type);
	if (!param_consistent(p))
		return report_add(r, -EINVAL, "the record of parameter %s contradicts itself",
				  p->name);
	return 0;
}

static int check_record(struct report *r, const struct record_header *h, u32 level)
{
	switch (h->kind) {
	case BANOS_RECORD_DRIVER:
		return check_driver_record(r, (const struct banos_driver_record *)h, level);
	case BANOS_RECORD_PARAM: return check_param_record(r, (const struct banos_param_record *)h);
	case BANOS_RECORD_DEPENDENCY: {
		const struct banos_dependency_record *d = (const void *)h;

		if (d->size < sizeof(*d) || !name_valid(d->name, sizeof(d->name)))
			return report_add(r, -ENOEXEC, "the record of a dependency is damaged");
		return 0;
	}
	case BANOS_RECORD_SERVES: {
		const struct banos_serves_record *d = (const void *)h;

		if (d->size < sizeof(*d) || !ends(d->alias, sizeof(d->alias)) ||
		    !strchr(d->alias, ':'))
			return report_add(r, -ENOEXEC,
					  "the record of a device that it serves is damaged");
		return 0;
	}
	default:
		if (h->kind & BANOS_RECORD_OPTIONAL)
			return 0;
		return report_add(
			r, -EOPNOTSUPP,
			"its descriptor has a record of kind %u, which this kernel does not know",
			h->kind);
	}
}

int check_records(struct report *r, const u8 *records, u64 size, u32 level,
		  const struct banos_driver_record **driver)
{
	const struct record_header *h;
	u32 drivers = 0;
	u64 at = 0;
	int err = 0;

	*driver = NULL;
	/* The name first, so that every reason begins with it. */
	while ((h = record_next(records, size, &at)))
		if (h->kind == BANOS_RECORD_DRIVER && !drivers++) {
			err = check_record(r, h, level);
			*driver = (const struct banos_driver_record *)h;
		}
	if (at < size)
		return report_add(r, -ENOEXEC, "its .banos-driver makes no sense from byte %lu on",
				  (unsigned long)at);
	if (drivers != 1)
		return report_add(r, -ENOEXEC,
				  drivers ? "it has more than one descriptor"
					  : "it has no descriptor");
	for (at = 0; (h = record_next(records, size, &at));)
		if (h->kind != BANOS_RECORD_DRIVER) {
			int bad = check_record(r, h, level);

			err = err ?: bad;
		}
	return err;
}

/* The records where they can be read as they are: assemblers may put a section at any offset. */
static int align_records(struct loader *l, const file_shdr *s)
{
	l->records = l->file + s->sh_offset;
	if ((u64)l->records % 8 == 0)
		return 0;
	l->records_copy = l->env->alloc(s->sh_size ?: 1);
	if (!l->records_copy)
		return report_add(l->report, -ENOMEM, "no memory for its .banos-driver");
	memcpy(l->records_copy, l->records, s->sh_size);
	l->records = l->records_copy;
	return 0;
}

static int check_driver_section(struct report *r, const file_shdr *s)
{
	if (s->sh_type == SHT_NOBITS)
		return report_add(
			r, -ENOEXEC,
			"its .banos-driver is of the wrong kind: it has no bytes (only debugging information was kept: objcopy --only-keep-debug)");
	if (s->sh_type != SHT_PROGBITS)
		return report_add(
			r, -ENOEXEC,
			"its .banos-driver is of the wrong kind: of type %u, not PROGBITS",
			s->sh_type);
	if (s->sh_flags & SHF_EXECINSTR)
		return report_add(
			r, -ENOEXEC,
			"its .banos-driver is of the wrong kind: code, not data (in assembly: .section .banos-driver,\"aw\")");
	if (s->sh_addralign < 8)
		return report_add(
			r, -ENOEXEC,
			"its .banos-driver is of the wrong kind: aligned to %lu, not to 8 (GNU as: .balign 8 before the records; nasm, yasm: section .banos-driver align=8)",
			(unsigned long)s->sh_addralign);
	return 0;
}

int check_driver(struct loader *l)
{
	const file_shdr *s = NULL;
	struct report *r = l->report;
	int err;

	for (u32 i = 1; i < l->nsections; i++) {
		const char *name = section_name(l, i);

		if (name[0] != '.' || name[1] != 'b' || strcmp(name, ".banos-driver") ||
		    l->where[i].excluded)
			continue;
		if (s)
			return report_add(r, -ENOEXEC,
					  "it has more than one .banos-driver: link it with ld -r");
		s = &l->sections[i];
		l->driver_section = i;
	}
	if (!s)
		return report_add(
			r, -ENOEXEC,
			"it has no .banos-driver but in section groups that were left out");
	err = check_driver_section(r, s) ?: align_records(l, s);
	return err ?: check_records(r, l->records, s->sh_size, l->env->level, &l->driver);
}

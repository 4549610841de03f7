// SPDX-License-Identifier: MIT
/*
 * From symbols to addresses.
 *
 * Imports of the kernel's functions are bound directly. Imports from a driver
 * are bound to a stub in the importer's text, which leads to a call slot of the
 * kernel's: so the exporter can go away under it. An absent weak import is 0,
 * but for direct calls, which go to a stub that names driver and function.
 */
#include <asm/stub.h>
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

/* Place for one more; there is one for each undefined symbol. */
static u64 take_stub(struct loader *l)
{
	return l->stubs + l->stubs_used++ * STUB_SIZE;
}

static u64 add_stub(struct loader *l, u64 argument, u64 entry)
{
	u64 offset = take_stub(l), addr = l->image.addr + offset;

	arch_stub_write(l->image.mem + offset, addr, argument, entry);
	return addr;
}

static u64 add_far_stub(struct loader *l, u64 entry)
{
	u64 offset = take_stub(l);

	arch_far_stub_write(l->image.mem + offset, entry);
	return l->image.addr + offset;
}

/* The exporter's name is the beginning of it, up to one of its underscores. @p end: the first */
static int report_absent_export(struct report *report, const char *name, const char *end)
{
	const char *second = memchr(end + 1, '_', strnlen(end + 1, 56));

	if (second && second[1])
		return report_add(
			report, -ENOENT,
			"needs %.160s, which no installed driver exports (does it belong to the driver %.*s, or %.*s?)",
			name, (int)(end - name), name, (int)(MIN(second - name, 56)), name);
	return report_add(
		report, -ENOENT,
		"needs %.160s, which no installed driver exports (does it belong to the driver %.*s?)",
		name, (int)(end - name), name);
}

/*
 * Who might have it is in its name: the kernel's begin with banos_, a driver's
 * with the driver's.
 */
static int resolve_missing(struct loader *l, const char *name)
{
	struct report *report = l->report;
	const char *hint = NULL, *end;
	u32 level = l->env->level;

	if (l->env->hint)
		hint = l->env->hint(l, name);
	if (hint)
		return report_add(report, -ENOENT, "needs %.160s: %s", name, hint);
	if (!strncmp(name, "banos_", 6) && l->driver->level > level)
		return report_add(
			report, -ENOENT,
			"needs %.160s, which this kernel does not have: it was built for API level %u, this kernel has %u",
			name, l->driver->level, level);
	if (!strncmp(name, "banos_", 6))
		return report_add(report, -ENOENT, "needs %.160s, which this kernel does not have",
				  name);
	hint = missing_name_words(name);
	if (hint)
		return report_add(report, -ENOENT, "needs %.160s, %s", name, hint);
	end = memchr(name, '_', strnlen(name, 56));
	if (end && end != name)
		return report_absent_export(report, name, end);
	return report_add(report, -ENOENT,
			  "needs %.160s, which neither the kernel nor an installed driver exports",
			  name);
}

/* What ends the loading. */
static int resolve_error(struct loader *l, const char *what, const char *name, int err)
{
	if (err == -ENOMEM)
		return report_add(l->report, err, "no memory to %s %s", what, name);
	return report_add(l->report, err, "cannot %s %s (error %d)", what, name, -err);
}

/* @return an error that ends the loading, or 0 */
static int missing_unless_unused(struct loader *l, const file_sym *symbol)
{
	int referenced = symbol_referenced(l, symbol - l->symbols);

	if (referenced > 0)
		resolve_missing(l, symbol_name(l, symbol));
	return MIN(referenced, 0);
}

/* Where a driver's references to an import lead. In a program the function may be anywhere. */
static u64 imported_value(struct loader *l, const struct load_import *import)
{
	if (!import->address)
		return add_stub(l, import->slot, l->env->slot_entry);
	if (arch_in_reach(l->image.addr, import->address, LOADER_MEMORY_MAX))
		return import->address;
	return add_far_stub(l, import->address);
}

static int resolve_import(struct loader *l, const file_sym *symbol, u64 *value)
{
	struct load_import import = { 0 };
	const char *name = symbol_name(l, symbol);
	int err;

	*value = VALUE_SPECIAL;
	if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL)
		return 0; /* left of what a linker dropped */
	if (!strcmp(name, "_GLOBAL_OFFSET_TABLE_")) {
		*value = l->image.addr + l->got;
		return 0;
	}
	/* A longer name nobody can export; it is not looked at any further. */
	err = -ENOENT;
	if (strnlen(name, LOADER_EXPORT_NAME_MAX + 1) <= LOADER_EXPORT_NAME_MAX)
		err = l->env->find(l, name, &import);
	if (err && err != -ENOENT)
		return resolve_error(l, "import", name, err);
	if (!err)
		*value = imported_value(l, &import);
	else if (ELF64_ST_BIND(symbol->st_info) == STB_WEAK)
		*value =
			VALUE_SPECIAL + 1 +
			add_stub(l, (u64)(l->image.names + symbol->st_name), l->env->absent_entry) -
			l->image.addr;
	else
		return missing_unless_unused(l, symbol);
	return 0;
}

/*
 * Defined in a COMDAT group that was left out: what the same name means in the
 * one that stayed. There are few of them: linkers join groups. A file that makes
 * more work than that of a large driver is refused.
 */
#define ELSEWHERE_WORK_MAX (1ull << 20) /* names compared */
#define ELSEWHERE_NAME_MAX 1024

static u64 value_elsewhere(struct loader *l, const file_sym *symbol)
{
	const char *name = symbol_name(l, symbol);

	l->elsewhere_work += l->nsymbols;
	if (l->elsewhere_work > ELSEWHERE_WORK_MAX ||
	    strnlen(name, ELSEWHERE_NAME_MAX) == ELSEWHERE_NAME_MAX) {
		report_add(
			l->report, -ENOEXEC,
			"%s is one of too many symbols of section groups that were left out: link it with ld -r",
			name);
		return VALUE_SPECIAL;
	}
	for (u32 i = l->first_global; i < l->nsymbols; i++) {
		const file_sym *other = &l->symbols[i];
		u32 section = symbol_section(l, other);

		if (section && l->where[section].mem && !strcmp(symbol_name(l, other), name))
			return l->where[section].addr + other->st_value;
	}
	return VALUE_SPECIAL;
}

static u64 unusual_value(struct loader *l, const file_sym *symbol)
{
	u32 section = symbol_section(l, symbol);

	if (!section)
		return symbol->st_value; /* absolute */
	if (l->where[section].mem)
		return l->where[section].addr + symbol->st_value;
	if (l->where[section].excluded && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL)
		return value_elsewhere(l, symbol);
	return VALUE_SPECIAL;
}

/* An entry of the index of functions, for backtraces. */
static inline struct load_function *index_function(struct load_function *next,
						   const file_sym *symbol, u64 offset)
{
	*next++ = (struct load_function){ offset, symbol->st_size, symbol->st_name };
	return next;
}

static void resolve_unusual(struct loader *l, const file_sym *symbol, u64 *value)
{
	*value = unusual_value(l, symbol);
	if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && in_code(l, *value))
		index_function(&l->image.functions[l->image.nfunctions++], symbol,
			       *value - l->image.addr);
}

static int allocate_image(struct loader *l)
{
	l->elsewhere_work = 0;
	l->image.nfunctions = 0;
	if (!l->value)
		l->value = loader_alloc(l, l->nsymbols * sizeof(*l->value));
	if (!l->image.names) {
		l->image.names = loader_alloc(l, l->strings_size);
		if (l->image.names)
			memcpy(l->image.names, l->strings, l->strings_size);
	}
	if (!l->image.functions)
		l->image.functions =
			loader_alloc(l, (l->functions_max ?: 1) * sizeof(*l->image.functions));
	if (!l->value || !l->image.names || !l->image.functions)
		return report_add(l->report, -ENOMEM, "no memory for its %u symbols", l->nsymbols);
	return 0;
}

static int resolve_dependencies(struct loader *l)
{
	const struct record_header *header;
	u64 pos = 0;

	while ((header = record_next(l->records, l->records_size, &pos))) {
		const char *name = ((const struct banos_dependency_record *)header)->name;
		int err;

		if (header->kind != BANOS_RECORD_DEPENDENCY)
			continue;
		err = l->env->depend(l, name);
		if (err == -ENOENT)
			report_add(l->report, err, "needs the driver %s, which is not installed",
				   name);
		else if (err)
			return resolve_error(l, "depend on", name, err);
	}
	return 0;
}

/*
 * Values of the symbols from @index on, as long as they are in sections of which none was
 * left out with its COMDAT group. The section of the last one is mostly that of the next.
 * @return the first one that is not
 */
static u32 resolve_plain(struct loader *l, u32 index)
{
	const file_sym *symbol = l->symbols + index, *end = l->symbols + l->nsymbols;
	struct load_function *next = l->image.functions + l->image.nfunctions;
	u64 *value = l->value + index, base = 0, mask = 0, text_offset = 0;
	u32 section = ~0u;
	bool text = false;

	for (; symbol < end; symbol++, value++) {
		if (symbol->st_shndx != section) {
			const struct load_section *where;

			section = symbol->st_shndx;
			if (section >= SHN_LORESERVE || !section || l->where[section].excluded)
				break;
			where = &l->where[section];
			base = where->mem ? where->addr : VALUE_SPECIAL;
			mask = where->mem ? ~0ull : 0;
			text = where->part == PART_TEXT;
			text_offset = base - l->image.addr;
		}
		*value = base + (symbol->st_value & mask);
		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && text)
			next = index_function(next, symbol, text_offset + symbol->st_value);
	}
	l->image.nfunctions = next - l->image.functions;
	return symbol - l->symbols;
}

int resolve(struct loader *l)
{
	int err = allocate_image(l) ?: resolve_dependencies(l);
	u32 i = 1;

	if (err)
		return err;
	l->value[0] = 0;
	while ((i = resolve_plain(l, i)) < l->nsymbols) {
		const file_sym *symbol = &l->symbols[i];

		if (symbol->st_shndx != SHN_UNDEF)
			resolve_unusual(l, symbol, &l->value[i]);
		else
			err = resolve_import(l, symbol, &l->value[i]);
		if (err)
			return err;
		i++;
	}
	return 0;
}

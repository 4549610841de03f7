// SPDX-License-Identifier: MIT
/*
 * Where the kernel may enter a driver: init and exit, constructors and
 * destructors; and the index of functions for backtraces. Exported functions are in
 * exports.c. Each has to lie in the driver's own code.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

static int find_init(struct loader *l)
{
	u64 offset = (const u8 *)l->driver - l->records;
	const struct banos_driver_record *record =
		(const void *)(l->where[l->driver_section].mem + offset);
	int err = 0;

	l->image.init = (u64)record->init;
	l->image.exit = (u64)record->exit;
	if (!l->image.init)
		err = report_add(l->report, -ENOEXEC, "it has no init function");
	else if (!in_code(l, l->image.init))
		err = report_add(l->report, -ENOEXEC, "init lies outside of its code");
	if (l->image.exit && !in_code(l, l->image.exit))
		err = report_add(l->report, -ENOEXEC, "exit lies outside of its code");
	return err;
}

/* ---- constructors ---- */

/* Order of a section NAME or NAME.N; -1: another section. Unsuffixed ones are last. */
static s64 array_order(const char *section, const char *name)
{
	size_t prefix_len;
	u64 order;

	/* The second letter settles it for most. */
	if (section[0] != '.' || section[1] != name[1])
		return -1;
	prefix_len = strlen(name);
	if (strncmp(section, name, prefix_len))
		return -1;
	if (!section[prefix_len])
		return 1ll << 32;
	if (section[prefix_len] != '.')
		return -1;
	if (parse_u64(section + prefix_len + 1, 10, &order) || order >= 1ull << 32)
		return 1ll << 32;
	return order;
}

/* The section that comes after (@order, @section), in the order of their calls; 0: none. */
static u32 next_array(const struct loader *l, const char *name, s64 *order, u32 section)
{
	s64 best_order = (s64)(~0ull >> 1), rank;
	u32 best = 0;

	for (u32 i = 1; i < l->nsections; i++) {
		if (!l->where[i].mem)
			continue;
		rank = array_order(section_name(l, i), name);
		if (rank < 0 || rank < *order || (rank == *order && i <= section) ||
		    rank >= best_order)
			continue;
		best_order = rank;
		best = i;
	}
	*order = best_order;
	return best;
}

/* All entries of the sections NAME*, in order. */
static int find_calls(struct loader *l, const char *name, u64 **calls, u32 *count)
{
	u64 total = 0, ncalls = 0;
	u32 section = 0, arrays = 0;
	s64 order = 0;

	for (u32 i = 1; i < l->nsections; i++)
		if (l->where[i].mem && array_order(section_name(l, i), name) >= 0) {
			total += l->sections[i].sh_size / 8;
			arrays++;
			if (l->sections[i].sh_size % 8 || l->where[i].addr % 8)
				return report_add(l->report, -ENOEXEC,
						  "section %s has the wrong size or alignment",
						  section_name(l, i));
		}
	if (arrays > 1024)
		return report_add(l->report, -ENOEXEC, "it has %u sections %s; link it with ld -r",
				  arrays, name);
	if (!total)
		return 0;
	*calls = loader_alloc(l, total * sizeof(**calls));
	if (!*calls)
		return report_add(l->report, -ENOMEM, "no memory for its %lu constructors",
				  (unsigned long)total);
	while ((section = next_array(l, name, &order, section)))
		for (u64 nth = 0; nth < l->sections[section].sh_size / 8; nth++) {
			u64 addr = ((const u64 *)l->where[section].mem)[nth];

			if (!in_code(l, addr))
				return report_add(l->report, -ENOEXEC,
						  "entry %lu of %s lies outside of its code",
						  (unsigned long)nth, section_name(l, section));
			(*calls)[ncalls++] = addr;
		}
	*count = ncalls;
	return 0;
}

static void calls_reverse(u64 *array, u32 count)
{
	for (u32 i = 0; i < count / 2; i++) {
		u64 kept = array[i];

		array[i] = array[count - 1 - i];
		array[count - 1 - i] = kept;
	}
}

/* ---- index of functions ---- */

/* Not all of those that symbols.c counted are in its code: some were left out with their COMDAT groups. */
static int index_functions(struct loader *l)
{
	const u64 addr = l->image.addr, code_size = l->code_size, *value = l->value;
	struct load_function *next;

	if (!l->image.nfunctions)
		return 0;
	next = l->image.functions =
		loader_alloc(l, l->image.nfunctions * sizeof(*l->image.functions));
	if (!next)
		return report_add(l->report, -ENOMEM, "no memory for the index of its %u functions",
				  l->image.nfunctions);
	for (const file_sym *symbol = l->symbols, *end = symbol + l->nsymbols; symbol < end;
	     symbol++, value++) {
		u64 offset = *value - addr;

		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && offset < code_size)
			*next++ =
				(struct load_function){ offset, symbol->st_size, symbol->st_name };
	}
	l->image.nfunctions = next - l->image.functions;
	return 0;
}

int find_entry_points(struct loader *l)
{
	int err = find_init(l), bad;

	bad = find_calls(l, ".init_array", &l->image.init_calls, &l->image.ninit);
	first_error(&err, bad);
	bad = find_calls(l, ".fini_array", &l->image.fini_calls, &l->image.nfini);
	first_error(&err, bad);
	calls_reverse(l->image.fini_calls, l->image.nfini);
	bad = find_exports(l);
	first_error(&err, bad);
	return err ?: index_functions(l);
}

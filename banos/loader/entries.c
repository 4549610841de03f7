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
	const struct banos_driver_record *record = (const void *)(l->relocated + offset);
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

/* The order in the name of an array: NAME.N. Those without are last. */
static s64 array_order(const char *section)
{
	const char *dot = strchr(section + 1, '.');
	u64 order;

	if (!dot || parse_u64(dot + 1, 10, &order) || order >= 1ull << 32)
		return 1ll << 32;
	return order;
}

/* The section that comes after (@order, @section), in the order of their calls; 0: none. */
static u32 next_array(const struct loader *l, u32 role, s64 *order, u32 section)
{
	s64 best_order = (s64)(~0ull >> 1), rank;
	u32 best = 0;

	for (u32 i = 1; i < l->nsections; i++) {
		if (!l->where[i].mem || l->where[i].role != role)
			continue;
		rank = array_order(section_name(l, i));
		if (rank < *order || (rank == *order && i <= section) || rank >= best_order)
			continue;
		best_order = rank;
		best = i;
	}
	*order = best_order;
	return best;
}

/* All entries of the arrays of @role, in order. */
static int find_calls(struct loader *l, u32 role, u64 **calls, u32 *count)
{
	u64 total = 0, ncalls = 0;
	u32 section = 0, arrays = 0;
	s64 order = 0;

	for (u32 i = 1; i < l->nsections; i++)
		if (l->where[i].mem && l->where[i].role == role) {
			total += l->sections[i].sh_size / 8;
			arrays++;
			if (l->sections[i].sh_size % 8 || l->where[i].addr % 8)
				return report_add(l->report, -ENOEXEC,
						  "section %s has the wrong size or alignment",
						  section_name(l, i));
		}
	if (arrays > 1024)
		return report_add(l->report, -ENOEXEC, "it has %u sections %s; link it with ld -r",
				  arrays, role == ROLE_INIT_ARRAY ? ".init_array" : ".fini_array");
	if (!total)
		return 0;
	*calls = loader_alloc(l, total * sizeof(**calls));
	if (!*calls)
		return report_add(l->report, -ENOMEM, "no memory for its %lu constructors",
				  (unsigned long)total);
	while ((section = next_array(l, role, &order, section)))
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

int find_entry_points(struct loader *l)
{
	int err = place_records(l), bad;

	if (err)
		return err;
	err = find_init(l);
	if (l->has_arrays) {
		bad = find_calls(l, ROLE_INIT_ARRAY, &l->image.init_calls, &l->image.ninit);
		first_error(&err, bad);
		bad = find_calls(l, ROLE_FINI_ARRAY, &l->image.fini_calls, &l->image.nfini);
		first_error(&err, bad);
		calls_reverse(l->image.fini_calls, l->image.nfini);
	}
	bad = find_exports(l);
	first_error(&err, bad);
	return err;
}

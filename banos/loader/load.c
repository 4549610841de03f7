// SPDX-License-Identifier: MIT
/*
 * Loading a driver, from top to bottom.
 *
 * Stages up to check_driver() decide whether the file can be understood at all;
 * one that fails ends the loading, because the next would build on sand. From
 * then on everything is tried, so that all reasons are known at once: a missing
 * symbol, a relocation that does not fit and a wrong parameter are three lines.
 */
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>

static int check_size(struct loader *l)
{
	u64 largest = l->env->file_max;

	if (l->file_size > largest)
		return report_add(l->report, -EFBIG, "the file has %lu KiB, more than %lu",
				  (unsigned long)l->file_size / 1024,
				  (unsigned long)largest / 1024);
	return 0;
}

static void give_memory_back(struct loader *l)
{
	if (l->image.mem)
		l->env->free_memory(l);
	l->image.mem = NULL;
}

/* Only out of memory and the like ends this early; other reasons are in the report. */
static int load_place(struct loader *l)
{
	int err;

	do {
		give_memory_back(l);
		err = lay_out(l);
		if (!err)
			err = copy_sections(l);
		if (!err)
			err = resolve(l);
		if (err)
			return err;
		err = relocate(l);
	} while (err == LOADER_AGAIN);
	return 0;
}

static void find_reasons(struct loader *l)
{
	if (check_size(l) || check_format(l) || check_file(l) || check_symbols(l) ||
	    check_groups(l))
		return;
	check_driver(l);
	/* What stands in the descriptor may be wrong; that there is one, and where, is not. */
	if (!l->driver || l->report->err == -ENOEXEC || l->report->err == -EFBIG)
		return;
	if (load_place(l))
		return;
	check_imports(l);
	find_entry_points(l);
	if (l->relocated)
		set_parameters(l);
}

int loader_run(struct loader *l)
{
	find_reasons(l);
	if (l->report->err) {
		report_close(l->report);
		give_memory_back(l);
	}
	return l->report->err;
}

void loader_free(struct loader *l)
{
	loader_release(l, l->where);
	loader_release(l, l->referenced);
	loader_release(l, l->records_copy);
	loader_release(l, l->relocated_copy);
	loader_release(l, l->value);
	loader_release(l, l->exports);
	loader_release(l, l->image.names);
	loader_release(l, l->image.functions);
	loader_release(l, l->image.init_calls);
	loader_release(l, l->image.fini_calls);
}

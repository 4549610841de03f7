// SPDX-License-Identifier: MIT
/*
 * Drivers that are linked into the kernel.
 *
 * The linker has done the loader's work. From the descriptor on, the code is the
 * same as for driver files. The parameters are read from the kernel's command
 * line, where the driver's name precedes them: hello.who=world.
 */
#include <kernel/builtin.h>
#include <kernel/bus.h>
#include <kernel/cmdline.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/loader.h>
#include <kernel/printk.h>
#include <kernel/signature.h>
#include <kernel/string.h>

extern u8 _text[], _etext[], _data[], _image_end[];

/* The text that insmod would pass: "hello.who=world" becomes who="world". NULL: no memory */
static char *builtin_params(const char *name)
{
	const char *cursor = cmdline_get();
	size_t name_len = strlen(name), size = strlen(cursor) * 2 + 8, used = 0;
	char *text = kzalloc(size);
	struct cmdline_word word;

	while (text && cmdline_next(&cursor, &word)) {
		if (word.key_len <= name_len + 1 || memcmp(word.key, name, name_len) ||
		    word.key[name_len] != '.')
			continue;
		used += scnprintf(text + used, size - used, "%.*s",
				  (int)(word.key_len - name_len - 1), word.key + name_len + 1);
		if (word.val)
			used += scnprintf(text + used, size - used, "=\"%.*s\"", (int)word.val_len,
					  word.val);
		used += scnprintf(text + used, size - used, " ");
	}
	return text;
}

static int __must_check builtin_apply_params(struct report *report,
					     const struct builtin_driver *builtin, const char *name)
{
	struct param_target target = {
		.records = builtin->descriptor,
		.relocated = builtin->descriptor,
		.size = builtin->descriptor_end - builtin->descriptor,
		.data = (u64)_data,
		.data_size = _image_end - _data,
		.mem = _data,
	};
	char *params = builtin_params(name);
	int err;

	if (!params)
		return report_add(report, -ENOMEM, "no memory for its parameters");
	err = params_apply(report, &target, params);
	kfree(params);
	return err;
}

static void builtin_check_code(struct report *report, struct driver *driver)
{
	if (!owner_has_code(&driver->owner, (void *)driver->image.init))
		report_add(report, -ENOEXEC, "it has no init function of its own");
}

static int __must_check builtin_take_exports(struct report *report, struct driver *driver,
					     const struct builtin_driver *builtin)
{
	const struct banos_export *exports = (const void *)builtin->exports;
	u32 count = (builtin->exports_end - builtin->exports) / sizeof(*exports);
	struct load_export *list;
	int err;

	if (!count)
		return driver_take_exports(driver, NULL, 0);
	list = kcalloc(count, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++)
		list[i] = (struct load_export){ exports[i].name, (u64)exports[i].function, NULL };
	err = exports_take_letters(report, builtin->descriptor,
				   builtin->descriptor_end - builtin->descriptor, list, count);
	if (!err)
		err = driver_take_exports(driver, list, count);
	kfree(list);
	return err;
}

/* In reverse order, as in a file. A built-in driver is never removed: they run only if its start fails. */
static int __must_check builtin_take_destructors(struct driver *driver,
						 const struct builtin_driver *builtin)
{
	u32 count = builtin->fini_end - builtin->fini;
	u64 *calls;

	if (!count)
		return 0;
	calls = kcalloc(count, sizeof(*calls));
	if (!calls)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++)
		calls[i] = (u64)builtin->fini[count - 1 - i];
	driver->image.fini_calls = calls;
	driver->image.nfini = count;
	return 0;
}

/* ---- the drivers that it depends on ---- */

static int __must_check builtin_bind_locked(struct driver *driver,
					    const struct builtin_import *import)
{
	struct export *export = export_find(import->name);
	struct call_slot *slot;
	int err;

	assert_held(&drivers_lock);
	if (!export || !export->provider)
		return -ENOENT;
	err = use_add(driver, export->provider);
	if (err || *import->slot != &gate_dead_slot)
		return err;
	/* The exporter is built in and is never removed. */
	slot = slot_of(export);
	if (!slot)
		return -ENOMEM;
	smp_store_release(import->slot, slot);
	return 0;
}

static void builtin_bind_imports(struct report *report, struct driver *driver,
				 const struct builtin_driver *builtin)
{
	int err;

	for (const struct builtin_import *import = builtin_imports; import < builtin_imports_end;
	     import++) {
		if (strcmp(import->driver, builtin->path))
			continue;
		mutex_lock(&drivers_lock);
		err = builtin_bind_locked(driver, import);
		mutex_unlock(&drivers_lock);
		if (err && !(err == -ENOENT && import->weak))
			report_add(report, err,
				   "it needs %s, which no driver that has started provides",
				   import->name);
	}
}

static void builtin_bind_dependencies(struct report *report, struct driver *driver,
				      const struct builtin_driver *builtin)
{
	const struct record_header *header;
	u64 pos = 0;

	while ((header = record_next(builtin->descriptor,
				     builtin->descriptor_end - builtin->descriptor, &pos))) {
		const char *name = ((const struct banos_dependency_record *)header)->name;

		if (header->kind == BANOS_RECORD_DEPENDENCY && driver_depend(driver, name))
			report_add(report, -ENOENT, "it needs the driver %s, which has not started",
				   name);
	}
}

static bool builtin_imports_name(const struct builtin_driver *builtin, const char *name)
{
	for (const struct builtin_import *import = builtin_imports; import < builtin_imports_end;
	     import++)
		if (!strcmp(import->driver, builtin->path) && !strcmp(import->name, name))
			return true;
	return false;
}

/* What it states of functions that it calls, and the exporter states otherwise. */
static void builtin_check_signatures(struct report *report, const struct builtin_driver *builtin)
{
	u64 pos = 0, size = builtin->descriptor_end - builtin->descriptor;
	char words[SIGNATURE_WORDS_SIZE], name[LOADER_EXPORT_NAME_MAX + 1];
	const struct record_header *header;
	struct signature_record record;

	while ((header = record_next(builtin->descriptor, size, &pos))) {
		if (header->kind != BANOS_RECORD_IMPORT_AS ||
		    signature_record_read(header, &record))
			continue;
		memcpy(name, record.name, record.name_len);
		name[record.name_len] = 0;
		if (builtin_imports_name(builtin, name) &&
		    export_disagrees(name, record.letters, words))
			report_add(report, -ENOEXEC, "calls %s as \"%s\", but %s", name,
				   record.letters, words);
	}
}

static int __must_check builtin_prepare(struct driver *driver, const struct builtin_driver *builtin,
					struct report *report)
{
	static const struct loader_env offered = { .level = BANOS_LEVEL, .drafts = drafts_offered };
	const struct banos_driver_record *record;
	int err = check_records(report, builtin->descriptor,
				builtin->descriptor_end - builtin->descriptor, &offered, &record);

	if (err)
		return err;
	driver_set_description(driver, record);
	driver->builtin = true;
	driver->image.init = (u64)record->init;
	driver->image.exit = (u64)record->exit;
	driver->image.init_calls = (u64 *)builtin->init; /* only read */
	driver->image.ninit = builtin->init_end - builtin->init;
	/* The linker moves cold code into sections of its own, which may lie anywhere in the image. */
	driver->owner.code = (u64)_text;
	driver->owner.code_end = (u64)_etext;
	/* As for a file, all reasons are collected. */
	builtin_check_code(report, driver);
	builtin_bind_imports(report, driver, builtin);
	builtin_check_signatures(report, builtin);
	builtin_bind_dependencies(report, driver, builtin);
	err = builtin_apply_params(report, builtin, driver->name);
	if (report->err)
		err = report->err;
	if (err)
		return err;
	err = builtin_take_exports(report, driver, builtin);
	if (!err)
		err = builtin_take_destructors(driver, builtin);
	if (!err)
		err = driver_take_serves(driver, builtin->descriptor,
					 builtin->descriptor_end - builtin->descriptor);
	return err;
}

static void builtin_start(const struct builtin_driver *builtin)
{
	struct driver *driver = driver_create();
	struct report report;
	int err;

	if (!driver) {
		pr_err("banos: no memory for the built-in driver %s\n", builtin->path);
		return;
	}
	driver_report_init(&report);
	strscpy(report.who, builtin->path, sizeof(report.who));
	err = builtin_prepare(driver, builtin, &report);
	if (err) {
		driver->image.nfini = 0; /* its constructors did not run */
		driver->image.exit = 0;
	} else {
		err = driver_start(driver, &report);
	}
	if (err) {
		pr_err("banos: the built-in driver %s cannot be started: %s (error %d)\n",
		       builtin->path, error_text(err), -err);
		driver_report_log(&report, false);
		driver_undo(driver);
	}
	report_destroy(&report);
}

void drivers_start_builtin(void)
{
	for (const struct builtin_driver *builtin = __banos_builtins_start;
	     builtin < __banos_builtins_end; builtin++)
		builtin_start(builtin);
	bus_settle();
}

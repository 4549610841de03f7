// SPDX-License-Identifier: MIT
/*
 * Installing a driver file: load it, protect its memory, run init, publish it.
 * Whatever fails, all is undone, and the reasons are in the report.
 *
 * The loader's world in the kernel: memory within reach of the kernel's text,
 * names from the table of exports. The table is only locked for each look-up;
 * what is found is pinned by a use, so it stays.
 */
#include <asm/wall.h>
#include <kernel/bus.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>

/* ---- the loader's world ---- */

/* Contiguous pages if there are any: they need no zeroing and no page tables. */
void *driver_buffer_alloc(size_t size)
{
	void *buffer = kmalloc(MAX(size, 1ul));

	if (!buffer)
		buffer = kvzalloc(size);
	return buffer;
}

void driver_buffer_free(void *buffer)
{
	kvfree(buffer);
}

static void *env_alloc(void *arg, size_t size)
{
	return driver_buffer_alloc(size);
}

static void env_free(void *arg, void *memory)
{
	driver_buffer_free(memory);
}

static u8 *env_alloc_memory(struct loader *l, u64 npages, u64 *addr)
{
	u8 *mem = krange_alloc_raw(KRANGE_DRIVER, npages, KPROT_RW);

	*addr = (u64)mem;
	return mem;
}

static void env_free_memory(struct loader *l)
{
	struct driver *driver = l->arg;

	krange_free(l->image.mem);
	mutex_lock(&drivers_lock);
	uses_drop_all(driver);
	mutex_unlock(&drivers_lock);
}

/* From behind a wall all leads through it, but for what compilers emit. */
static void import_bind_kernel(const struct export *export, struct load_import *out)
{
	const struct call_slot *slot = slot_of_kernel(export);

	if (slot)
		out->slot = (u64)slot;
	else
		out->address = function_for_drivers(export);
}

static int imports_bind_locked(struct driver *driver, const char *name, struct load_import *out)
{
	struct export *export = export_find(name);
	struct call_slot *slot;
	int err;

	assert_held(&drivers_lock);
	if (!export)
		return -ENOENT;
	if (!export->provider) {
		import_bind_kernel(export, out);
		return 0;
	}
	err = use_add(driver, export->provider);
	if (err) {
		if (err == -ENODEV)
			return -ENOENT;
		return err;
	}
	slot = slot_of(export);
	if (!slot)
		return -ENOMEM;
	if (IS_ENABLED(CONFIG_GATE_WALL))
		out->slot = (u64)slot;
	else
		out->address = (u64)slot->entry;
	return 0;
}

static int env_find(struct loader *l, const char *name, struct load_import *out)
{
	int err;

	mutex_lock(&drivers_lock);
	err = imports_bind_locked(l->arg, name, out);
	mutex_unlock(&drivers_lock);
	return err;
}

static bool env_disagrees(struct loader *l, const char *name, const char *letters, char *words)
{
	return export_disagrees(name, letters, words);
}

static int env_depend(struct loader *l, const char *name)
{
	return driver_depend(l->arg, name);
}

static const struct loader_env env = {
	.level = BANOS_LEVEL,
	.drafts = drafts_offered,
	.file_max = LOADER_FILE_MAX,
	.memory_max = LOADER_MEMORY_MAX,
#ifdef CONFIG_GATE_WALL
	.slot_entry = (u64)wall_import_entry,
	.absent_entry = (u64)wall_absent_entry,
#else
	.absent_entry = (u64)gate_absent_entry,
#endif
	.alloc = env_alloc,
	.free = env_free,
	.alloc_memory = env_alloc_memory,
	.free_memory = env_free_memory,
	.find = env_find,
	.disagrees = env_disagrees,
	.depend = env_depend,
};

/* ---- names for backtraces ---- */

static bool lookup_function(struct symbol_range *range, u64 addr, struct symbol_name *out)
{
	struct driver *driver = container_of(range, struct driver, range);
	const struct load_function *best = NULL;
	u64 offset = addr - (u64)driver->image.mem;

	for (u32 i = 0; i < driver->image.nfunctions; i++) {
		const struct load_function *function = &driver->image.functions[i];

		if (function->offset <= offset && (!best || function->offset > best->offset))
			best = function;
	}
	*out = (struct symbol_name){ .module = driver->name, .offset = offset };
	if (best) {
		strscpy(out->name, driver->image.names + best->name, sizeof(out->name));
		out->offset -= best->offset;
		out->size = best->size;
	}
	return true;
}

/* ---- reports ---- */

void driver_report_init(struct report *report)
{
	report_init(report, env_alloc, env_free, NULL);
}

void driver_report_log(struct report *report, bool quiet)
{
	const char *line, *end;

	report_close(report);
	for (line = report->text; line && (end = strchr(line, '\n')); line = end + 1)
		if (quiet)
			printk(KERN_DEBUG "banos: %.*s\n", (int)(end - line), line);
		else
			pr_err("banos: %.*s\n", (int)(end - line), line);
}

/* ---- steps ---- */

/* What the loader made becomes the driver's. */
static int take_over(struct driver *driver, struct loader *l)
{
	driver_set_description(driver, l->driver);
	if (descriptor_takes_tree_name(l->driver))
		pr_warn("banos: %s: " TREE_NAME_WORDS "\n", driver->name);
	driver->image = l->image;
	l->image = (struct load_image){ 0 };
	driver->owner.code = driver->image.addr;
	driver->owner.code_end = driver->image.addr + driver->image.part_size[PART_TEXT];
	driver->owner.data = driver->image.addr + driver->image.part_offset[PART_DATA];
	driver->owner.data_end = driver->image.addr + driver->image.npages * PAGE_SIZE;
	return driver_take_exports(driver, l->exports, l->nexports)
		       ?: driver_take_serves(driver, l->records, l->records_size);
}

static int driver_protect(struct driver *driver)
{
	static const enum kprot prot[PARTS] = { KPROT_RX, KPROT_R, KPROT_RW };

	for (u32 part = 0; part < PART_DATA; part++) {
		u64 npages = PAGE_ALIGN(driver->image.part_size[part]) >> PAGE_SHIFT;
		int err =
			npages ? krange_protect(driver->image.mem + driver->image.part_offset[part],
						npages, prot[part])
			       : 0;

		if (err)
			return err;
	}
	driver->range = (struct symbol_range){
		.start = driver->owner.code,
		.end = driver->owner.code_end,
		.name = driver->name,
		.lookup = lookup_function,
	};
	symbol_range_add(&driver->range);
	return 0;
}

/* The devices that it added have their drivers when insmod ends. */
static void driver_settle(struct driver *driver)
{
	bus_report_patterns(&driver->owner, driver->serves, driver->nserves);
	bus_settle();
}

/*
 * Linux's tools take EEXIST for success: modprobe NAME has nothing to do where NAME is part of
 * the kernel, which differs between kernels that share a folder of drivers.
 */
static int refuse_built_in(struct loader *l)
{
	struct driver *other;
	bool builtin;

	mutex_lock(&drivers_lock);
	other = driver_find_name_locked(l->driver->name, BANOS_DRIVER_LIVE);
	builtin = other && other->builtin;
	mutex_unlock(&drivers_lock);
	if (other)
		driver_put(other);
	if (!builtin)
		return 0;
	return report_add(l->report, -EEXIST, "is part of this kernel");
}

static int put_behind_wall(struct driver *driver)
{
	int err = wall_open(&driver->owner);

	if (err)
		return err;
	return wall_share(&driver->owner, driver->image.mem, driver->image.npages * PAGE_SIZE);
}

static s64 driver_install_image(struct install_request *rq, struct driver *driver, struct loader *l)
{
	s64 id;
	int err = loader_run(l);

	if (!err && rq->once)
		err = refuse_built_in(l);
	if (!err) {
		err = take_over(driver, l);
		if (!err)
			err = driver_protect(driver);
		if (!err)
			err = put_behind_wall(driver);
		if (err)
			report_add(l->report, err, "no memory");
	}
	if (err || rq->flags & BANOS_INSTALL_DRY_RUN) {
		driver->image.ninit = driver->image.nfini = 0; /* nothing of it ever ran */
		driver->image.exit = 0;
		driver_undo(driver);
		return err;
	}
	/* Once it is live, others may remove it. */
	driver_get(driver);
	err = driver_start(driver, l->report);
	id = driver->id;
	rq->init_failed = err;
	if (err)
		driver_undo(driver);
	else
		driver_settle(driver);
	driver_put(driver);
	return err ?: id;
}

s64 driver_install(struct install_request *rq)
{
	struct loader loader = {
		.env = &env,
		.file = rq->file,
		.file_size = rq->size,
		.params = rq->params,
		.report = &rq->report,
	};
	struct driver *driver = driver_create();
	s64 result;

	if (!driver)
		return report_add(
			&rq->report, -ENOMEM,
			"not enough memory, or no free handle: the installed drivers hold too many objects");
	loader.arg = driver;
	result = driver_install_image(rq, driver, &loader);
	loader_free(&loader);
	return result;
}

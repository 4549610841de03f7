// SPDX-License-Identifier: MIT
/*
 * Installing a driver file: load it, protect its memory, run init, publish it.
 * Whatever fails, all is undone, and the reasons are in the report.
 *
 * The loader's world in the kernel: memory within reach of the kernel's text,
 * names from the table of exports. The table is only locked for each look-up;
 * what is found is pinned by a use, so it stays.
 */
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

static u8 *env_alloc_memory(struct loader *l, u64 npages, u64 *addr)
{
	u8 *mem = krange_alloc_raw(KRANGE_DRIVER, npages, KPROT_RW);

	*addr = (u64)mem;
	return mem;
}

static void env_free_memory(struct loader *l)
{
	struct driver *d = l->arg;

	krange_free(l->image.mem);
	mutex_lock(&drivers_lock);
	uses_drop_all(d);
	slots_free(d);
	mutex_unlock(&drivers_lock);
}

static int bind_locked(struct driver *d, const char *name, struct load_import *out)
{
	struct export *e = export_find(name);
	struct call_slot *s;
	int err;

	assert_held(&drivers_lock);
	if (!e)
		return -ENOENT;
	if (!e->provider) {
		out->address = e->address;
		return 0;
	}
	err = use_add(d, e->provider);
	if (err) {
		if (err == -ENODEV)
			return -ENOENT;
		return err;
	}
	s = slot_create(d, e);
	out->slot = (u64)s;
	if (s)
		return 0;
	return -ENOMEM;
}

static int env_find(struct loader *l, const char *name, struct load_import *out)
{
	int err;

	mutex_lock(&drivers_lock);
	err = bind_locked(l->arg, name, out);
	mutex_unlock(&drivers_lock);
	return err;
}

static int env_depend(struct loader *l, const char *name)
{
	return driver_depend(l->arg, name);
}

static const struct loader_env env = {
	.level = BANOS_LEVEL,
	.slot_entry = (u64)gate_slot_entry,
	.absent_entry = (u64)gate_absent_entry,
	.alloc = driver_buffer_alloc,
	.free = driver_buffer_free,
	.alloc_memory = env_alloc_memory,
	.free_memory = env_free_memory,
	.find = env_find,
	.depend = env_depend,
};

/* ---- names for backtraces ---- */

static bool lookup_function(struct symbol_range *range, u64 addr, struct symbol_name *out)
{
	struct driver *d = container_of(range, struct driver, range);
	const struct load_function *best = NULL;
	u64 offset = addr - (u64)d->image.mem;

	for (u32 i = 0; i < d->image.nfunctions; i++) {
		const struct load_function *f = &d->image.functions[i];

		if (f->offset <= offset && (!best || f->offset > best->offset))
			best = f;
	}
	*out = (struct symbol_name){ .module = d->name, .offset = offset };
	if (best) {
		strscpy(out->name, d->image.names + best->name, sizeof(out->name));
		out->offset -= best->offset;
		out->size = best->size;
	}
	return true;
}

/* ---- reports ---- */

void driver_report_init(struct report *r)
{
	report_init(r, driver_buffer_alloc, driver_buffer_free);
}

void driver_report_log(struct report *r, bool quiet)
{
	const char *line, *end;

	report_close(r);
	for (line = r->text; line && (end = strchr(line, '\n')); line = end + 1)
		if (quiet)
			printk(KERN_DEBUG "banos: %.*s\n", (int)(end - line), line);
		else
			pr_err("banos: %.*s\n", (int)(end - line), line);
}

/* ---- steps ---- */

/* What the loader made becomes the driver's. */
static int take_over(struct driver *d, struct loader *l)
{
	driver_set_description(d, l->driver);
	d->image = l->image;
	l->image = (struct load_image){ 0 };
	d->owner.code = d->image.addr;
	d->owner.code_end = d->image.addr + d->image.part_size[PART_TEXT];
	return driver_take_exports(d, l->exports, l->nexports)
		       ?: driver_take_serves(d, l->records, l->sections[l->driver_section].sh_size);
}

static int protect(struct driver *d)
{
	static const enum kprot prot[PARTS] = { KPROT_RX, KPROT_R, KPROT_RW };

	for (u32 p = 0; p < PART_DATA; p++) {
		u64 npages = PAGE_ALIGN(d->image.part_size[p]) >> PAGE_SHIFT;
		int err = npages ? krange_protect(d->image.mem + d->image.part_offset[p], npages,
						  prot[p])
				 : 0;

		if (err)
			return err;
	}
	d->range = (struct symbol_range){
		.start = d->owner.code,
		.end = d->owner.code_end,
		.name = d->name,
		.lookup = lookup_function,
	};
	symbol_range_add(&d->range);
	return 0;
}

static s64 install(struct install_request *rq, struct driver *d, struct loader *l)
{
	s64 id;
	int err = loader_run(l);

	if (!err) {
		err = take_over(d, l) ?: protect(d);
		if (err)
			report_add(l->report, err, "no memory");
	}
	if (err || rq->flags & BANOS_INSTALL_DRY_RUN) {
		d->image.ninit = d->image.nfini = 0; /* nothing of it ever ran */
		d->image.exit = 0;
		driver_undo(d);
		return err;
	}
	/* Once it is live, others may remove it. */
	driver_get(d);
	err = driver_start(d, l->report);
	id = d->id;
	rq->init_failed = err;
	if (err)
		driver_undo(d);
	else
		bus_settle(); /* devices that it added have their drivers when insmod ends */
	driver_put(d);
	return err ?: id;
}

s64 driver_install(struct install_request *rq)
{
	struct loader l = {
		.env = &env,
		.file = rq->file,
		.file_size = rq->size,
		.params = rq->params,
		.report = &rq->report,
	};
	struct driver *d = driver_create();
	s64 result;

	if (!d)
		return report_add(&rq->report, -ENOMEM, "no memory, or too many drivers");
	l.arg = d;
	result = install(rq, d, &l);
	loader_free(&l);
	return result;
}

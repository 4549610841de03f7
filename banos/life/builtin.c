// SPDX-License-Identifier: MIT
/*
 * Drivers that are linked into the kernel. The linker has done the loader's
 * work; from the descriptor on they take the same way as those in files. Their
 * parameters stand on the kernel's command line, with the driver's name in
 * front: hello.who=world.
 */
#include <kernel/builtin.h>
#include <kernel/bus.h>
#include <kernel/cmdline.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>

extern u8 _text[], _etext[], _data[], _image_end[];

/* "hello.who=world" becomes who="world": what follows is what insmod would say. NULL: no memory */
static char *params_of(const char *name)
{
	const char *cursor = cmdline_get();
	size_t n = strlen(name), size = strlen(cursor) * 2 + 8, used = 0;
	char *text = kzalloc(size);
	struct cmdline_word w;

	while (text && cmdline_next(&cursor, &w)) {
		if (w.key_len <= n + 1 || memcmp(w.key, name, n) || w.key[n] != '.')
			continue;
		used += scnprintf(text + used, size - used, w.val ? "%.*s=\"%.*s\" " : "%.*s ",
				  (int)(w.key_len - n - 1), w.key + n + 1, (int)w.val_len,
				  w.val ?: "");
	}
	return text;
}

static int apply_params(struct report *r, const struct builtin_driver *b, const char *name)
{
	struct param_target t = {
		.records = b->descriptor,
		.relocated = b->descriptor,
		.size = b->descriptor_end - b->descriptor,
		.data = (u64)_data,
		.data_size = _image_end - _data,
		.mem = _data,
	};
	char *params = params_of(name);
	int err = params ? params_apply(r, &t, params) : report_add(r, -ENOMEM, "no memory");

	kfree(params);
	return err;
}

static void check_code(struct report *r, struct driver *d)
{
	if (!owner_has_code(&d->owner, (void *)d->image.init))
		report_add(r, -ENOEXEC, "it has no init function of its own");
}

static int take_builtin_exports(struct driver *d, const struct builtin_driver *b)
{
	const struct banos_export *e = (const void *)b->exports;
	u32 n = (b->exports_end - b->exports) / sizeof(*e);
	struct load_export *list = n ? kcalloc(n, sizeof(*list)) : NULL;
	int err = n && !list ? -ENOMEM : 0;

	for (u32 i = 0; !err && i < n; i++)
		list[i] = (struct load_export){ e[i].name, (u64)e[i].function };
	err = err ?: driver_take_exports(d, list, n);
	kfree(list);
	return err;
}

/* Backwards, as from a file. The driver stays as long as the kernel: they run only if it does not start. */
static int take_destructors(struct driver *d, const struct builtin_driver *b)
{
	u32 n = b->fini_end - b->fini;
	u64 *calls;

	if (!n)
		return 0;
	calls = kcalloc(n, sizeof(*calls));
	if (!calls)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++)
		calls[i] = (u64)b->fini[n - 1 - i];
	d->image.fini_calls = calls;
	d->image.nfini = n;
	return 0;
}

/* ---- other drivers that it needs ---- */

static int builtin_bind_locked(struct driver *d, const struct builtin_import *i)
{
	struct export *e = export_find(i->name);
	struct call_slot *s;
	int err;

	assert_held(&drivers_lock);
	if (!e || !e->provider)
		return -ENOENT;
	err = use_add(d, e->provider);
	if (err || *i->slot != &gate_dead_slot)
		return err;
	/* The exporter is built in, too, and so is never removed: nor is this. */
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct call_slot){
		.target = (const void *)e->address,
		.owner = &e->provider->owner,
		.exporter = e->provider,
	};
	smp_store_release(i->slot, s);
	return 0;
}

static void bind_imports(struct report *r, struct driver *d, const struct builtin_driver *b)
{
	int err;

	for (const struct builtin_import *i = builtin_imports; i < builtin_imports_end; i++) {
		if (strcmp(i->driver, b->path))
			continue;
		mutex_lock(&drivers_lock);
		err = builtin_bind_locked(d, i);
		mutex_unlock(&drivers_lock);
		if (err && !(err == -ENOENT && i->weak))
			report_add(r, err, "it needs %s, which no driver that has started provides",
				   i->name);
	}
}

static void bind_dependencies(struct report *r, struct driver *d, const struct builtin_driver *b)
{
	const struct record_header *h;
	u64 at = 0;

	while ((h = record_next(b->descriptor, b->descriptor_end - b->descriptor, &at))) {
		const char *name = ((const struct banos_dependency_record *)h)->name;

		if (h->kind == BANOS_RECORD_DEPENDENCY && driver_depend(d, name))
			report_add(r, -ENOENT, "it needs the driver %s, which has not started",
				   name);
	}
}

static int builtin_prepare(struct driver *d, const struct builtin_driver *b, struct report *r)
{
	const struct banos_driver_record *record;
	int err = check_records(r, b->descriptor, b->descriptor_end - b->descriptor, BANOS_LEVEL,
				&record);

	if (err)
		return err;
	driver_set_description(d, record);
	d->builtin = true;
	d->image.init = (u64)record->init;
	d->image.exit = (u64)record->exit;
	d->image.init_calls = (u64 *)b->init; /* only read */
	d->image.ninit = b->init_end - b->init;
	/* The linker sorts code that is seldom run into sections of its own: somewhere in the image. */
	d->owner.code = (u64)_text;
	d->owner.code_end = (u64)_etext;
	/* As of a file, all reasons at once. */
	check_code(r, d);
	bind_imports(r, d, b);
	bind_dependencies(r, d, b);
	apply_params(r, b, d->name);
	if (r->err)
		return r->err;
	err = take_builtin_exports(d, b);
	if (!err)
		err = take_destructors(d, b);
	if (!err)
		err = driver_take_serves(d, b->descriptor, b->descriptor_end - b->descriptor);
	return err;
}

static void start_builtin(const struct builtin_driver *b)
{
	struct driver *d = driver_create();
	struct report r;
	int err;

	if (!d) {
		pr_err("banos: no memory for %s\n", b->path);
		return;
	}
	driver_report_init(&r);
	strscpy(r.who, b->path, sizeof(r.who));
	err = builtin_prepare(d, b, &r);
	if (err) {
		d->image.nfini = 0; /* nothing of it ever ran */
		d->image.exit = 0;
	} else {
		err = driver_start(d, &r);
	}
	if (err) {
		pr_err("banos: the built-in driver %s does not start: %s (error %d)\n", b->path,
		       error_text(err), -err);
		driver_report_log(&r, false);
		driver_undo(d);
	}
	report_destroy(&r);
}

void drivers_start_builtin(void)
{
	for (const struct builtin_driver *b = __banos_builtins_start; b < __banos_builtins_end; b++)
		start_builtin(b);
	bus_settle();
}

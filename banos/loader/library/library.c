// SPDX-License-Identifier: MIT
/*
 * The loader as a library: banos-loader.h around kernel/loader.h.
 *
 * It is compiled without a C library, and linked into one object in which only the
 * names of banos-loader.h are visible.
 */
#include <asm/stub.h>
#include <kernel/err.h>
#include <kernel/loader.h>
#include <kernel/string.h>
#include "banos-loader.h"

struct banos_loaded {
	const struct banos_loader_env *env;
	struct loader l;
	struct report report;
	struct loader_env world;
	char name[BANOS_NAME_SIZE];
};

static struct banos_loaded *loaded_of(struct loader *l)
{
	return l->arg;
}

static void *library_alloc(void *arg, size_t size)
{
	const struct banos_loader_env *env = ((struct banos_loaded *)arg)->env;

	return env->allocate(env->context, MAX(size, 1ul));
}

static void library_free(void *arg, void *memory)
{
	const struct banos_loader_env *env = ((struct banos_loaded *)arg)->env;

	env->release(env->context, memory);
}

static u8 *library_alloc_memory(struct loader *l, u64 npages, u64 *addr)
{
	const struct banos_loader_env *env = loaded_of(l)->env;
	uint64_t seen = 0;
	u8 *mem = env->allocate_pages(env->context, npages, &seen);

	*addr = seen;
	if (!seen)
		*addr = (u64)mem;
	return mem;
}

static void library_free_memory(struct loader *l)
{
	const struct banos_loader_env *env = loaded_of(l)->env;

	env->release_pages(env->context, l->image.mem, l->image.npages);
}

static int library_find(struct loader *l, const char *name, struct load_import *out)
{
	const struct banos_loader_env *env = loaded_of(l)->env;

	out->address = (u64)env->lookup(env->context, name);
	if (out->address)
		return 0;
	return -ENOENT;
}

static int library_depend(struct loader *l, const char *name)
{
	const struct banos_loader_env *env = loaded_of(l)->env;

	if (env->has_driver && env->has_driver(env->context, name))
		return 0;
	return -ENOENT;
}

static void log_reasons(struct banos_loaded *loaded)
{
	const struct banos_loader_env *env = loaded->env;
	char *line = loaded->report.text, *end;

	for (; env->log && line && (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		env->log(env->context, line);
	}
}

static int library_protect(struct banos_loaded *loaded)
{
	static const u32 what[PARTS] = { BANOS_LOADER_TEXT, BANOS_LOADER_RODATA,
					 BANOS_LOADER_DATA };
	const struct banos_loader_env *env = loaded->env;
	const struct load_image *image = &loaded->l.image;
	int err = 0;

	for (u32 part = 0; part < PARTS && env->protect && !err; part++) {
		u64 npages = PAGE_ALIGN(image->part_size[part]) / PAGE_SIZE;

		if (npages)
			err = env->protect(env->context, image->mem + image->part_offset[part],
					   npages, what[part]);
	}
	if (err)
		report_add(&loaded->report, err, "its memory cannot be protected");
	return err;
}

/* An absent weak import was called: the kernel's answer, -EOPNOTSUPP. */
static s64 library_absent(void)
{
	return -EOPNOTSUPP;
}

int64_t banos_loader_load(const struct banos_loader_env *env, const void *file, size_t size,
			  const char *params, struct banos_loaded **out)
{
	struct banos_loaded *loaded;
	int err;

	*out = NULL;
	if (env->size < sizeof(*env) || !env->level)
		return -EINVAL;
	loaded = env->allocate(env->context, sizeof(*loaded));
	if (!loaded)
		return -ENOMEM;
	*loaded = (struct banos_loaded){ .env = env };
	loaded->world = (struct loader_env){
		.level = env->level,
		.file_max = LOADER_FILE_MAX,
		.memory_max = LOADER_MEMORY_MAX,
		.absent_entry = (u64)library_absent,
		.alloc = library_alloc,
		.free = library_free,
		.alloc_memory = library_alloc_memory,
		.free_memory = library_free_memory,
		.find = library_find,
		.depend = library_depend,
	};
	report_init(&loaded->report, library_alloc, library_free, loaded);
	loaded->l = (struct loader){
		.env = &loaded->world,
		.arg = loaded,
		.file = file,
		.file_size = size,
		.params = params,
		.report = &loaded->report,
	};
	err = loader_run(&loaded->l);
	if (!err) {
		strscpy(loaded->name, loaded->l.driver->name, sizeof(loaded->name));
		err = library_protect(loaded);
	}
	log_reasons(loaded);
	report_destroy(&loaded->report);
	if (err)
		banos_loader_unload(loaded);
	else
		*out = loaded;
	return err;
}

static void run_array(const u64 *calls, u32 count)
{
	for (u32 i = 0; i < count; i++)
		((void (*)(void))calls[i])();
}

int64_t banos_loader_start(struct banos_loaded *loaded, void *owner)
{
	const struct load_image *image = &loaded->l.image;
	int64_t result;

	run_array(image->init_calls, image->ninit);
	result = ((int64_t(*)(void *))image->init)(owner);
	if (result)
		run_array(image->fini_calls, image->nfini);
	return result;
}

int64_t banos_loader_stop(struct banos_loaded *loaded, void *owner)
{
	const struct load_image *image = &loaded->l.image;
	int64_t result = 0;

	if (image->exit)
		result = ((int64_t(*)(void *))image->exit)(owner);
	run_array(image->fini_calls, image->nfini);
	return result;
}

void banos_loader_unload(struct banos_loaded *loaded)
{
	const struct banos_loader_env *env = loaded->env;

	if (loaded->l.image.mem)
		library_free_memory(&loaded->l);
	loader_free(&loaded->l);
	env->release(env->context, loaded);
}

const char *banos_loader_name(const struct banos_loaded *loaded)
{
	return loaded->name;
}

void *banos_loader_export(const struct banos_loaded *loaded, const char *name)
{
	const struct loader *l = &loaded->l;

	for (u32 i = 0; i < l->nexports; i++)
		if (!strcmp(l->exports[i].name, name))
			return (void *)l->exports[i].address;
	return NULL;
}

// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "host.h"

static const struct {
	const char *name;
	u32 level;
} api[] = {
#include <generated/api.inc>
};

static struct loader_env env;

static struct host_world *host_world_of(struct loader *l)
{
	return l->arg;
}

u32 host_api_level(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(api); i++)
		if (!strcmp(api[i].name, name))
			return api[i].level;
	return 0;
}

u64 host_api_address(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(api); i++)
		if (!strcmp(api[i].name, name))
			return HOST_KERNEL + 16 * i;
	return 0;
}

static void *host_alloc(void *arg, size_t size)
{
	struct host_world *host = arg;

	if (host && host->fail_alloc && !--host->fail_alloc)
		return NULL;
	return malloc(size ?: 1);
}

static void host_free(void *arg, void *memory)
{
	free(memory);
}

/* As the kernel does: one driver after the other, with a page that is not mapped between them. */
static u64 host_place(const struct host_world *host)
{
	u64 base = HOST_DRIVER;

	if (!host)
		return base;
	if (host->kernel)
		base = host->kernel->driver_base;
	return base + host->pages_before * PAGE_SIZE;
}

static u8 *host_alloc_memory(struct loader *l, u64 npages, u64 *addr)
{
	struct host_world *host = host_world_of(l);
	u8 *mem;

	if (host && host->fail_alloc && !--host->fail_alloc)
		return NULL;
	if (host && host->max_pages && npages > host->max_pages)
		return NULL;
	*addr = host_place(host);
	mem = malloc(npages * PAGE_SIZE);
	if (mem)
		memset(mem, 0xa5, npages * PAGE_SIZE); /* whoever relies on zeroes shall see */
	return mem;
}

static void host_free_memory(struct loader *l)
{
	free(l->image.mem);
}

/* The entry of a list that is @name, alone or before a blank; NULL: none. */
static const char *host_entry(const char *const *list, const char *name)
{
	size_t len = strlen(name);

	for (; list && *list; list++)
		if (!strncmp(*list, name, len) && (!(*list)[len] || (*list)[len] == ' '))
			return *list + len;
	return NULL;
}

static int host_listed(const char *const *list, const char *name)
{
	return host_entry(list, name) ? 0 : -ENOENT;
}

/* An exported name begins with that of its driver. */
static const char *host_exporter(const struct host_world *world, const char *name)
{
	const char *found = "another driver";
	size_t longest = 0;

	/* "pci_x_read" is of "pci_x", if that is installed, not of "pci". */
	for (const char *const *driver = world->drivers; driver && *driver; driver++)
		if (export_name_allowed(*driver, name) && strlen(*driver) > longest) {
			found = *driver;
			longest = strlen(found);
		}
	return found;
}

static bool host_disagrees(struct loader *l, const char *name, const char *letters, char *words)
{
	const char *stated;

	if (!host_world_of(l))
		return false;
	stated = host_entry(host_world_of(l)->driver_exports, name);
	if (!stated)
		return false;
	return !signatures_agree(host_exporter(host_world_of(l), name), *stated ? stated + 1 : NULL,
				 letters, words);
}

/* What a kernel of the level has. */
static int host_find_level(struct loader *l, const char *name, struct load_import *out)
{
	u32 level = host_api_level(name);

	/* Beside a level are the drafts of the next one. */
	if (!level || level > l->env->level + !!l->env->drafts)
		return -ENOENT;
	out->address = host_api_address(name);
	return 0;
}

static int host_find_image(const struct host_kernel *kernel, const char *name,
			   struct load_import *out)
{
	for (u32 i = 0; i < kernel->nfunctions; i++)
		if (!strcmp(kernel->functions[i].name, name)) {
			out->address = kernel->functions[i].address;
			return 0;
		}
	return -ENOENT;
}

static int host_find(struct loader *l, const char *name, struct load_import *out)
{
	struct host_world *host = host_world_of(l);
	int err;

	if (host && host->kernel)
		err = host_find_image(host->kernel, name, out);
	else
		err = host_find_level(l, name, out);
	if (!err || !host || host_listed(host->driver_exports, name))
		return err;
	out->slot = HOST_SLOT;
	return 0;
}

/* What a kernel knows is all that is said for it. */
static const char *host_hint(struct loader *l, const char *name)
{
	static char text[64];
	u32 level = host_api_level(name);

	if (!level || (host_world_of(l) && host_world_of(l)->kernel))
		return NULL;
	snprintf(text, sizeof(text), "API level %u has it, level %u does not", level,
		 l->env->level);
	return text;
}

static int host_depend(struct loader *l, const char *name)
{
	if (host_world_of(l))
		return host_listed(host_world_of(l)->drivers, name);
	return -ENOENT;
}

void host_loader(struct loader *l, struct host_world *world, u32 level, const void *file, u64 size,
		 const char *params)
{
	env = (struct loader_env){
		.level = level,
		.file_max = LOADER_FILE_MAX,
		.memory_max = LOADER_MEMORY_MAX,
		.slot_entry = HOST_KERNEL - 64,
		.absent_entry = HOST_KERNEL - 32,
		.alloc = host_alloc,
		.free = host_free,
		.alloc_memory = host_alloc_memory,
		.free_memory = host_free_memory,
		.find = host_find,
		.disagrees = host_disagrees,
		.hint = host_hint,
		.depend = host_depend,
	};
	if (world && world->kernel) {
		env.level = world->kernel->level;
		env.drafts = world->kernel->drafts;
		env.file_max = MIN(world->kernel->file_max, LOADER_FILE_MAX);
		env.memory_max = MIN(world->kernel->memory_max, LOADER_MEMORY_MAX);
	}
	memset(l, 0, sizeof(*l));
	l->env = &env;
	l->arg = world;
	l->file = file;
	l->file_size = size;
	l->params = params;
	l->report = malloc(sizeof(*l->report));
	if (!l->report)
		abort();
	report_init(l->report, host_alloc, host_free, world);
}

void host_loader_free(struct loader *l)
{
	free(l->image.mem);
	l->image.mem = NULL;
	loader_free(l);
	report_destroy(l->report);
	free(l->report);
}

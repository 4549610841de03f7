// SPDX-License-Identifier: MIT
/*
 * The exported names: one hash table for the kernel's and all drivers'.
 *
 * The cost of a look-up does not depend on the number of names. Of several
 * exporters of one name the oldest is first in its bucket and is bound; the
 * others are shadowed until it is removed. drivers_lock guards the table.
 *
 * The kernel's own entries lie in the image, in .banos-export, together with
 * those of the built-in drivers, which <kernel/builtin.h> tells apart.
 */
#include <kernel/builtin.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>

extern const struct banos_export __banos_exports_start[], __banos_exports_end[];

#define FIRST_BUCKETS 256u

static struct export *first_table[FIRST_BUCKETS], **table = first_table;
static u32 nbuckets = FIRST_BUCKETS, nentries;
static struct export *kernel_exports;
static u32 nkernel;

static u32 hash_name(const char *name)
{
	return hash_bytes(name, strlen(name), 0);
}

static void exports_append(struct export **buckets, u32 n, struct export *export)
{
	struct export **at = &buckets[export->hash & (n - 1)];

	while (*at)
		at = &(*at)->next;
	export->next = NULL;
	*at = export;
}

/* Twice as many buckets; without memory the chains are longer. */
static void exports_grow(void)
{
	u32 n = nbuckets * 2;
	struct export **new = kvzalloc(n * sizeof(*new));

	if (!new)
		return;
	for (u32 i = 0; i < nbuckets; i++)
		for (struct export *export = table[i], *next; export; export = next) {
			next = export->next;
			exports_append(new, n, export);
		}
	if (table != first_table)
		kvfree(table);
	table = new;
	nbuckets = n;
}

int exports_add(struct export *export, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (nentries >= 2 * nbuckets)
			exports_grow();
		export[i].hash = hash_name(export[i].name);
		exports_append(table, nbuckets, &export[i]);
		nentries++;
	}
	return 0;
}

void exports_remove(struct export *export, u32 n)
{
	assert_held(&drivers_lock);
	for (u32 i = 0; i < n; i++) {
		struct export **at = &table[export[i].hash & (nbuckets - 1)];

		while (*at && *at != &export[i])
			at = &(*at)->next;
		if (!*at)
			continue;
		*at = export[i].next;
		nentries--;
	}
}

struct export *export_find(const char *name)
{
	u32 hash = hash_name(name);

	assert_held(&drivers_lock);
	for (struct export *export = table[hash & (nbuckets - 1)]; export; export = export->next)
		if (export->hash == hash && !strcmp(export->name, name))
			return export;
	return NULL;
}

struct export *export_find_of(const char *name, const struct driver *provider)
{
	u32 hash = hash_name(name);

	assert_held(&drivers_lock);
	for (struct export *export = table[hash & (nbuckets - 1)]; export; export = export->next)
		if (export->provider == provider && export->hash == hash &&
		    !strcmp(export->name, name))
			return export;
	return NULL;
}

bool export_shadowed(const struct export *export)
{
	return export_find(export->name) != export;
}

void exports_each(void (*fn)(const struct export *e, void *arg), void *arg)
{
	for (u32 i = 0; i < nkernel; i++)
		fn(&kernel_exports[i], arg);
}

static bool is_builtin_drivers(const struct banos_export *export)
{
	for (const struct builtin_driver *driver = __banos_builtins_start;
	     driver < __banos_builtins_end; driver++)
		if ((const u8 *)export >= driver->exports &&
		    (const u8 *)export < driver->exports_end)
			return true;
	return false;
}

int exports_init(void)
{
	const struct banos_export *export;
	u32 n = __banos_exports_end - __banos_exports_start;

	kernel_exports = kvzalloc((n ?: 1) * sizeof(*kernel_exports));
	if (!kernel_exports)
		return -ENOMEM;
	for (export = __banos_exports_start; export < __banos_exports_end; export ++)
		if (!is_builtin_drivers(export))
			kernel_exports[nkernel++] = (struct export){
				.name = export->name,
				.address = (u64) export->function,
			};
	return kernel_slots_init(kernel_exports, nkernel) ?: exports_add(kernel_exports, nkernel);
}

/* The letters were checked by the loader. */
static int driver_take_signatures(struct driver *driver, const struct load_export *export, u32 n)
{
	char words[SIGNATURE_WORDS_SIZE];
	u32 stated = 0;
	int err = 0;

	for (u32 i = 0; i < n; i++)
		stated += export[i].letters != NULL;
	if (!stated)
		return 0;
	driver->signatures = kvzalloc(stated * sizeof(*driver->signatures));
	if (!driver->signatures)
		return -ENOMEM;
	stated = 0;
	for (u32 i = 0; i < n && !err; i++) {
		if (!export[i].letters)
			continue;
		err = signature_parse(export[i].letters, SIGNATURE_ARGS,
				      &driver->signatures[stated], words);
		driver->exports[i].signature = &driver->signatures[stated++];
	}
	return err;
}

int driver_take_exports(struct driver *driver, const struct load_export *export, u32 n)
{
	if (!n)
		return 0;
	driver->exports = kvzalloc(n * sizeof(*driver->exports));
	if (!driver->exports)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++)
		driver->exports[i] = (struct export){ .name = export[i].name,
						      .address = export[i].address,
						      .provider = driver };
	driver->nexports = n;
	return driver_take_signatures(driver, export, n);
}

bool export_disagrees(const char *name, const char *letters, char *words)
{
	const struct export *export;
	bool disagrees = false;

	mutex_lock(&drivers_lock);
	export = export_find(name);
	if (export && export->provider)
		disagrees = !signatures_agree(export->provider->name,
					      export->signature ? export->signature->text : NULL,
					      letters, words);
	mutex_unlock(&drivers_lock);
	return disagrees;
}

/* SPDX-License-Identifier: MIT */
/**
 * @file export.h  Functions for other drivers.
 *
 *	int64_t pair_add(int64_t a, int64_t b);
 *	BANOS_EXPORT(pair_add);
 *
 * A driver exports functions of its own, under names that begin with its own
 * name and "_". A driver that imports one declares it and calls it. The importer is
 * refused (ENOENT) unless an exporter is installed; while the importer is installed,
 * the exporter cannot be removed. Calls pass through the kernel: at most six
 * arguments, integers or pointers; after a failure of the exporter they return
 * -ENODEV.
 */
#ifndef BANOS_EXPORT_H
#define BANOS_EXPORT_H

#include <banos/base.h>

/** An entry of the section .banos-export. */
struct banos_export {
	const char *name; /**< at most 127 bytes: letters, digits and _ */
	void (*function)(void);
};
BANOS_ASSERT(sizeof(struct banos_export) == 16, export_entry);
BANOS_ASSERT(offsetof(struct banos_export, function) == 8, export_entry_function);

/** Let other drivers call @p function, which has C linkage. */
#define BANOS_EXPORT(function)                                                               \
	static const char banos_export_name_##function[]                                     \
		__attribute__((section("__ksymtab_strings"), used, aligned(1))) = #function; \
	static const struct banos_export banos_export_##function                             \
		__attribute__((section(".banos-export"), used, aligned(8))) = {              \
			banos_export_name_##function, (void (*)(void))function               \
		}

BANOS_BEGIN

/**
 * @brief Find an exported function by name, at run time.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: an exporter that is a driver stays installed until
 * banos_release_symbol() or the end of @p owner.
 * @param owner  the owner that will call it
 * @param name   text, read
 * @return the function, or NULL: no such name, @p owner is being removed, or the
 *	   exporter depends on the caller (a circle could never be removed)
 */
BANOS_SINCE(1) void *banos_lookup_symbol(banos_owner owner, const char *name);

/**
 * @brief Release a function that banos_lookup_symbol() found.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param owner     as it was passed to banos_lookup_symbol()
 * @param function  the value that was returned; nothing behind it is read
 * @return 0, -EINVAL: it was not found for @p owner
 */
BANOS_SINCE(1) int64_t banos_release_symbol(banos_owner owner, void *function);

BANOS_END

#endif

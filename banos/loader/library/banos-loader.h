/* SPDX-License-Identifier: MIT */
/**
 * @file banos-loader.h  Banos's loader of drivers as a library, for other kernels and for programs.
 *
 * It loads the same files as the kernel, with the same checks and the same words. What
 * it needs from outside is one struct of functions: memory, names, and a log. It has no
 * state of its own, calls nothing else, and needs no C library.
 *
 *	struct banos_loader_env env = { sizeof(env), 1, ... };
 *	struct banos_loaded *driver;
 *	int64_t err = banos_loader_load(&env, file, size, "speed=9", &driver);
 *	if (!err)
 *		err = banos_loader_start(driver, owner);
 *	...
 *	banos_loader_stop(driver, owner);
 *	banos_loader_unload(driver);
 *
 * Errors are negative numbers, Linux's: -8 ENOEXEC, -2 ENOENT and so on. Every reason
 * for one is a sentence that log() receives.
 *
 * Locking: calls for one environment that may run at the same time need functions that
 * may; calls for one driver must not run at the same time.
 */
#ifndef BANOS_LOADER_H
#define BANOS_LOADER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What protect() is asked for: executable and constant, constant, or writable. */
#define BANOS_LOADER_TEXT   0u
#define BANOS_LOADER_RODATA 1u
#define BANOS_LOADER_DATA   2u

/** The world outside. Functions may be NULL where that is said; all receive @p context. */
struct banos_loader_env {
	uint32_t size;	/**< sizeof(struct banos_loader_env) */
	uint32_t level; /**< of the driver API that lookup() offers */
	void *context;
	/** @return @p bytes bytes, aligned to 16, with any content; NULL: none left */
	void *(*allocate)(void *context, size_t bytes);
	/** Free what allocate() returned; NULL is allowed. */
	void (*release)(void *context, void *memory);
	/**
	 * Memory for a driver: @p npages pages of 4096 bytes, aligned so, writable, with any
	 * content. It has to lie in the lowest or the highest 2 GiB of addresses, since drivers
	 * contain 32-bit addresses of their own.
	 * @param address  out: where the driver will see it, if not where it is returned
	 */
	void *(*allocate_pages)(void *context, size_t npages, uint64_t *address);
	void (*release_pages)(void *context, void *memory, size_t npages);
	/** From now on these pages need no more than that. NULL: they stay as they are. @return 0 or an error */
	int (*protect)(void *context, void *memory, size_t npages, uint32_t what);
	/** A function by name, wherever it lies. @return NULL: there is none */
	void *(*lookup)(void *context, const char *name);
	/** Is the driver @p name, which another one depends on, loaded? NULL: none ever is. */
	int (*has_driver)(void *context, const char *name);
	/** One reason, without line end. NULL: nobody wants to know. */
	void (*log)(void *context, const char *sentence);
};

/** A driver in memory. */
struct banos_loaded;

/**
 * @brief Load a driver, up to but not including its first instruction.
 * @param file    @p size bytes, read; not needed afterwards
 * @param params  "name=value ...", read, or NULL
 * @param loaded  out: the driver
 * @return 0, or an error; then nothing is left of it
 */
int64_t banos_loader_load(const struct banos_loader_env *env, const void *file, size_t size,
			  const char *params, struct banos_loaded **loaded);

/** @brief Run constructors, then init(@p owner). @return what init() returned; an error: destructors ran */
int64_t banos_loader_start(struct banos_loaded *loaded, void *owner);

/** @brief Run exit(@p owner), if there is one, then destructors. @return what exit() returned, or 0 */
int64_t banos_loader_stop(struct banos_loaded *loaded, void *owner);

/** @brief Free a driver that did not start, or was stopped. */
void banos_loader_unload(struct banos_loaded *loaded);

/** @brief A text that lives as long as @p loaded: its name. */
const char *banos_loader_name(const struct banos_loaded *loaded);

/** @brief The function that a driver exports under this name; NULL: none. */
void *banos_loader_export(const struct banos_loaded *loaded, const char *name);

#ifdef __cplusplus
}
#endif

#endif

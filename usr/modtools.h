/* SPDX-License-Identifier: MIT */
/** @file modtools.h  Between the parts of modtools. */
#pragma once
#include <stddef.h>
#include "../include/uapi/banos.h"

#define LOG_SIZE 16384

/* ---- modtools.c: what all have in common ---- */

/** The name that the program was called by. */
extern const char *prog;
/** Above 0: no error messages are printed. */
extern int hushed;
/** @brief Print an object and what is wrong with it. @return 1 */
int complain(const char *what, const char *why);
/** @brief The same, with the words of errno behind it. @return 1 */
int complain_errno(const char *what, const char *why);
/** @brief Are they one driver's name? '-' and '_' are the same in names. */
/** @return @p letter, '_' for '-': in names of drivers both are the same */
char with_underscore(char letter);
int same_name(const char *a, const char *b);
/** @brief The newest driver with this name, or number. @return 1: found */
int find_installed(const char *what, struct banos_query *out);
/** @brief banos_remove(). @return 0, 1 (after a message) */
int remove_driver(const struct banos_query *query, u64 flags);

/* ---- modfile.c: driver files, and where they are ---- */

struct image {
	unsigned char *data;
	size_t size;
};
/** Texts "key=value", one behind the other. */
struct modinfo {
	const char *text, *end;
};

#define DRIVER_FOLDER "/lib/banos/drivers"

/** @brief DRIVER_FOLDER, the folder in it for the drafts of this kernel, or "/lib/modules/RELEASE" if it has no lists */
const char *module_folder(void);
/** @brief The driver's name in a path: "a/b-c.ko" is b_c. */
void name_of_path(const char *path, char *name, size_t size);
/**
 * @brief The name that a driver file contains: mine.ko may hold a driver of another name. If the file does
 * not exist or contains none: the name in the path.
 * @return 1: the name is from the file, 0: from the path
 */
int name_of_driver(const char *what, char *name, size_t size);
/** @brief The line "path: dependencies" of modules.dep, by the file's name or its driver's. Allocated, or NULL. */
char *dep_line(const char *name);
/** @brief A path in that line, in full. Allocated, or NULL. */
char *full_path(const char *relative, size_t len);
/** @brief A path as given, or the file that modules.dep knows by that name. Allocated, or NULL. */
char *find_file(const char *what);
/** @brief All of a file, unpacked if it is compressed; free(image->data). @return 0, or 1 (after a message) */
int read_image(const char *path, struct image *image);
/** @brief The file's .modinfo. @return 0, -1: it has none */
int find_modinfo(const struct image *image, struct modinfo *modinfo);
/** @brief The next text, within the section; NULL at the end. */
const char *modinfo_next(struct modinfo *modinfo);

/* ---- modprobe.c ---- */

/** @brief banos_install(). @return the id, or -1 (after a message) */
s64 install(const char *path, char **params, u64 flags);
/**
 * @brief Install every driver that serves a device with this alias, and what they need.
 * @return how many modules.alias has for it, -1: one could not be installed
 */
int probe_alias(const char *alias);

/** The programs. @return exit status */
int cmd_insmod(int argc, char **argv);
int cmd_modprobe(int argc, char **argv);
int cmd_modinfo(int argc, char **argv);
int cmd_hotplug(int argc, char **argv);

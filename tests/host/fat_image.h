/* SPDX-License-Identifier: MIT */
/** @file fat_image.h  Images of FAT for tests: made by mkfs.fat and mtools, checked by fsck.fat, read by mtools. */
#pragma once
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fsdrive/fsdrive.h"

static char image_folder[64]; /* of files of this test */

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
	char command[2048], whole[2300];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (!*image_folder) {
		snprintf(image_folder, sizeof(image_folder), "%s/fat.XXXXXX",
			 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
		if (!mkdtemp(image_folder))
			drive_fault("no temporary folder");
	}
	snprintf(whole, sizeof(whole),
		 "cd %s && export PATH=$PATH:/usr/sbin MTOOLS_SKIP_CHECK=1 LC_ALL=C.UTF-8 && %s",
		 image_folder, command);
	status = system(whole);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static const char *image_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", image_folder, name);
	return path;
}

static inline void images_remove(void)
{
	if (*image_folder)
		shell("rm -rf %s", image_folder);
	*image_folder = 0;
}

/** A new file system in an.img. @param options  of mkfs.fat. @param size  as truncate has it */
static inline void image_format(const char *options, const char *size)
{
	if (shell("rm -f an.img && truncate -s %s an.img && mkfs.fat %s an.img >out 2>&1 || { cat out; false; }",
		  size, options))
		drive_fault("mkfs.fat %s failed", options);
}

static inline struct drive *image_make(const char *options, const char *size)
{
	image_format(options, size);
	return drive_open(image_path("an.img"));
}

/** Is what is on the disk whole? It is left in after.img. */
static inline int image_is_clean(struct drive *drive)
{
	drive_save(drive, image_path("after.img"));
	return !shell("fsck.fat -n after.img >out 2>&1 || { cat out; false; }");
}

/** Has the file these bytes, as mtools reads it in after.img? */
static inline int image_file_is(const char *path, const void *bytes, size_t length)
{
	FILE *file;
	char *content;
	size_t count;

	shell("rm -f one; mcopy -n -i after.img '::%s' one >/dev/null 2>&1", path);
	file = fopen(image_path("one"), "rb");
	if (!file)
		return 0;
	content = malloc(length + 1);
	count = fread(content, 1, length + 1, file);
	fclose(file);
	if (count != length || memcmp(content, bytes, length))
		count = SIZE_MAX;
	free(content);
	return count == length;
}

/* SPDX-License-Identifier: MIT */
/** @file ext2_image.h  Images of ext2 for tests: made by mke2fs, checked by e2fsck, compared by debugfs. */
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
	char command[1024], whole[1200];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (!*image_folder) {
		snprintf(image_folder, sizeof(image_folder), "%s/ext2.XXXXXX",
			 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
		if (!mkdtemp(image_folder))
			drive_fault("no temporary folder");
	}
	snprintf(whole, sizeof(whole), "cd %s && export PATH=$PATH:/usr/sbin && %s", image_folder,
		 command);
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

/** A drive of a new file system. @p options: of mke2fs, with the size at the end behind "an.img" */
static inline struct drive *image_make(const char *options, const char *size)
{
	if (shell("rm -f an.img && mke2fs -q -F %s %s an.img %s >out 2>&1 || { cat out; false; }",
		  strncmp(options, "-t ", 3) ? "-t ext2" : "", options, size))
		drive_fault("mke2fs %s failed", options);
	return drive_open(image_path("an.img"));
}

/** Is what is on the disk whole? */
static inline int image_is_clean(struct drive *drive)
{
	drive_save(drive, image_path("after.img"));
	return !shell("e2fsck -fn after.img >out 2>&1 || { cat out; false; }");
}

/** Has the file these bytes, as debugfs reads it? The image is the last one that image_is_clean() saw. */
static inline int image_file_is(const char *path, const void *bytes, size_t length)
{
	FILE *file;
	char *content;
	size_t count;

	shell("rm -f one; debugfs -R 'dump %s one' after.img >/dev/null 2>&1", path);
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

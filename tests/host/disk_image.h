/* SPDX-License-Identifier: MIT */
/** @file disk_image.h  Images of disks that the tools of other projects make, for the tests of what reads them. */
#pragma once
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct disk_image {
	char folder[96]; /* of the image, and of what a command wants to put beside it */
	char path[128];
	FILE *file;
	uint64_t bytes;
};

/** @brief An image of @p bytes zeroes. @return 0, or -1: then the test cannot run */
static inline int disk_image_create(struct disk_image *image, uint64_t bytes)
{
	const char *above = getenv("TMPDIR");

	snprintf(image->folder, sizeof(image->folder), "%s/banos-disk-XXXXXX",
		 above ? above : "/tmp");
	if (!mkdtemp(image->folder))
		return -1;
	snprintf(image->path, sizeof(image->path), "%s/disk", image->folder);
	image->file = fopen(image->path, "w+b");
	image->bytes = bytes;
	if (!image->file || ftruncate(fileno(image->file), bytes))
		return -1;
	return 0;
}

/** @brief Run a command of the shell with the image as $1, in its folder. @return its status; 0: fine */
static inline int disk_image_run(struct disk_image *image, const char *command)
{
	static const char frame[] =
		"set -- '%s'; cd '%s' && export PATH=$PATH:/usr/sbin:/sbin TZ=UTC LC_ALL=C.UTF-8 && "
		"{ %s\n} >log 2>&1 </dev/null || { cat log >&2; false; }";
	size_t size = sizeof(frame) + sizeof(*image) + strlen(command);
	char *line = malloc(size);
	struct stat about;
	int status = -1;

	if (line) {
		snprintf(line, size, frame, image->path, image->folder, command);
		status = system(line);
		free(line);
	}
	/* It may be another file by now, and of another size. */
	if (image->file)
		fclose(image->file);
	image->file = fopen(image->path, "r+b");
	if (!image->file || fstat(fileno(image->file), &about))
		return -1;
	image->bytes = about.st_size;
	return status;
}

/** @brief Read, as a disk does. @return 0, -5 (EIO) beyond the end */
static inline int64_t disk_image_read(struct disk_image *image, uint64_t offset, void *to,
				      uint64_t bytes)
{
	if (offset > image->bytes || bytes > image->bytes - offset)
		return -5;
	if (pread(fileno(image->file), to, bytes, offset) != (ssize_t)bytes)
		return -5;
	return 0;
}

static inline void disk_image_destroy(struct disk_image *image)
{
	char line[192];

	if (image->file)
		fclose(image->file);
	snprintf(line, sizeof(line), "rm -rf '%s'", image->folder);
	if (system(line))
		fprintf(stderr, "%s remains\n", image->folder);
}

/* SPDX-License-Identifier: MIT */
/*
 * drivers/fs/fat on images whose metadata was changed at random: errors, and nothing else. Each image is mounted, walked,
 * written to and unmounted; the sanitizers and the model of the kernel watch.
 *
 *	fat_hostile [IMAGES [SEED]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <banos/errno.h>
#include "fat_image.h"

#define DEPTH_MAX  5
#define NAMES_MAX  300
#define ARRAY(one) (sizeof(one) / sizeof((one)[0]))

static uint64_t random_state = 1;
static unsigned images = 15;

static uint32_t below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % limit;
}

/* ---- the walk ---- */

struct visit {
	struct drive *drive;
	char folder[3000];
	int depth;
	unsigned names; /* of the whole walk */
};

static void folder_visit(struct visit *visit, const char *path);

static void entry_visit(void *context, const char *name, uint64_t node, uint32_t type)
{
	static uint8_t bytes[70000];
	struct visit *visit = context;
	struct drive *drive = visit->drive;
	char path[3300], before[3000];
	struct banos_attr attr;

	if (visit->names++ > NAMES_MAX || strlen(visit->folder) > 2700)
		return;
	snprintf(path, sizeof(path), "%s/%s", visit->folder, name);
	if (vfs_stat(drive, path, &attr))
		return;
	vfs_read(drive, path, 0, bytes, sizeof(bytes));
	if (attr.bytes > sizeof(bytes))
		vfs_read(drive, path, attr.bytes - 10, bytes, 10);
	if ((attr.mode & 0170000) != 0040000 || visit->depth == DEPTH_MAX)
		return;
	strcpy(before, visit->folder);
	visit->depth++;
	folder_visit(visit, path);
	visit->depth--;
	strcpy(visit->folder, before);
}

static void folder_visit(struct visit *visit, const char *path)
{
	snprintf(visit->folder, sizeof(visit->folder), "%s", strcmp(path, "/") ? path : "");
	vfs_readdir(visit->drive, path, entry_visit, visit);
}

static void changes_try(struct drive *drive)
{
	static uint8_t bytes[20000];
	struct banos_attr attr;
	char path[40];

	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/new name %d", i);
		if (!vfs_create(drive, path, 0100644))
			vfs_write(drive, path, (uint64_t)i * 100, bytes, sizeof(bytes));
	}
	vfs_mkdir(drive, "/new", 0755);
	vfs_rename(drive, "/f1", "/f2", 0);
	vfs_rename(drive, "/many", "/new/many", 0);
	if (!vfs_stat(drive, "/large", &attr) && attr.bytes < 1 << 20)
		vfs_write(drive, "/large", attr.bytes, bytes, 5000);
	vfs_truncate(drive, "/large", 3000);
	vfs_truncate(drive, "/f2", 1);
	vfs_sync(drive);
	for (int i = 0; i < 20; i += 2) {
		snprintf(path, sizeof(path), "/new name %d", i);
		vfs_unlink(drive, path);
	}
	vfs_unlink(drive, "/large");
	vfs_rmdir(drive, "/new");
}

/* ---- images ---- */

static void image_mutate(uint8_t *image, uint64_t bytes)
{
	uint32_t count = 1 + below(10);

	for (uint32_t i = 0; i < count; i++) {
		/* Mostly where metadata is: near the beginning. */
		static const uint32_t limits[4] = { 90, 20000, 60000, 400000 };
		uint64_t at = below(limits[below(4)]);

		if (at + 8 > bytes)
			continue;
		switch (below(4)) {
		case 0: image[at] ^= (uint8_t)(1 << below(8)); break;
		case 1: image[at] = (uint8_t)below(256); break;
		case 2: memset(image + at / 4 * 4, below(2) ? 0xff : 0, 4); break;
		default: memcpy(image + at / 4 * 4, image + below(60000) / 4 * 4, 4);
		}
	}
}

static uint8_t *base_make(const char *options, const char *size, uint64_t *bytes)
{
	struct drive *drive = image_make(options, size);
	static const char *const files[] = { "/f1", "/f2", "/deep/er/f" };
	static uint8_t content[100000];
	uint8_t *copy;
	char path[40];

	drive_mount(drive, NULL, 0);
	vfs_mkdir(drive, "/many", 0755);
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "/many/name number %d", i);
		vfs_create(drive, path, 0100644);
		vfs_write(drive, path, 0, path, sizeof(path));
	}
	vfs_mkdir(drive, "/deep", 0755);
	vfs_mkdir(drive, "/deep/er", 0755);
	vfs_create(drive, "/large", 0100644);
	vfs_write(drive, "/large", 0, content, sizeof(content));
	for (size_t i = 0; i < ARRAY(files); i++) {
		vfs_create(drive, files[i], 0100644);
		vfs_write(drive, files[i], 0, files[i], 3);
	}
	drive_unmount(drive);
	*bytes = drive->bytes;
	copy = malloc(drive->bytes);
	memcpy(copy, drive->disk, drive->bytes);
	drive_close(drive);
	return copy;
}

static void image_try(const uint8_t *base, uint64_t bytes)
{
	uint8_t *image = malloc(bytes);
	struct visit visit = { .drive = NULL };
	struct drive *drive;

	memcpy(image, base, bytes);
	image_mutate(image, bytes);
	drive = drive_create(image, bytes);
	drive->hostile = true;
	free(image);
	visit.drive = drive;
	if (!drive_mount(drive, NULL, 0)) {
		struct banos_statfs about = { .size = sizeof(about) };

		drive->ops->statfs(drive->fs, &about);
		folder_visit(&visit, "/");
		changes_try(drive);
		visit.names = 0;
		folder_visit(&visit, "/");
		drive_unmount(drive);
	}
	drive_close(drive);
}

static void damaged_images_are_contained(void **state)
{
	static const struct {
		const char *options, *size;
	} kinds[] = { { "", "720K" }, { "-F 16 -s 1", "3M" }, { "-F 32 -s 1", "3M" } };

	for (size_t i = 0; i < ARRAY(kinds); i++) {
		uint64_t bytes;
		uint8_t *base = base_make(kinds[i].options, kinds[i].size, &bytes);

		for (unsigned k = 0; k < images; k++)
			image_try(base, bytes);
		free(base);
	}
	drive_driver_exit();
}

static int tests_end(void **state)
{
	images_remove();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_images_are_contained),
	};

	if (argc > 1)
		images = (unsigned)atoi(argv[1]);
	if (argc > 2)
		random_state = (uint64_t)atoi(argv[2]);
	return cmocka_run_group_tests(tests, NULL, tests_end);
}

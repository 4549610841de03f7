/* SPDX-License-Identifier: MIT */
/*
 * drivers/fs/ext2 on images whose metadata was changed at random: errors, and nothing else. Each image is mounted, walked,
 * written to and unmounted; the sanitizers and the model of the kernel watch.
 *
 *	ext2_hostile [IMAGES [SEED]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <banos/errno.h>
#include "ext2_image.h"

#define DEPTH_MAX 6
#define NAMES_MAX 400

static uint64_t random_state = 1;
static unsigned images = 50;

static uint32_t below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % limit;
}

/* ---- the walk ---- */

struct visit {
	struct drive *drive;
	char folder[1200];
	int depth;
	unsigned names; /* of the whole walk */
};

static void folder_visit(struct visit *visit, const char *path);

static void node_visit(struct visit *visit, const char *path)
{
	static uint8_t bytes[70000];
	struct drive *drive = visit->drive;
	struct banos_attr attr;
	char text[5000];

	if (vfs_stat(drive, path, &attr))
		return;
	vfs_read(drive, path, 0, bytes, sizeof(bytes));
	if (attr.bytes > sizeof(bytes))
		vfs_read(drive, path, attr.bytes - 10, bytes, 10);
	vfs_readlink(drive, path, text, sizeof(text));
	vfs_listxattr(drive, path, text, sizeof(text));
	vfs_getxattr(drive, path, "user.one", text, sizeof(text));
	vfs_getxattr(drive, path, "system.posix_acl_access", text, sizeof(text));
	if ((attr.mode & 0170000) == 0040000 && visit->depth < DEPTH_MAX)
		folder_visit(visit, path);
}

static void entry_visit(void *context, const char *name, uint64_t node, uint32_t type)
{
	struct visit *visit = context;
	char path[1500], before[1200];

	if (visit->names++ > NAMES_MAX || strchr(name, '/') || strlen(visit->folder) > 900)
		return;
	snprintf(path, sizeof(path), "%s/%s", visit->folder, name);
	strcpy(before, visit->folder);
	visit->depth++;
	node_visit(visit, path);
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
	static uint8_t bytes[50000];
	char path[40];

	for (int i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "/new-name-%d", i);
		if (!vfs_create(drive, path, 0100644))
			vfs_write(drive, path, (uint64_t)i * 1000, bytes, sizeof(bytes));
	}
	vfs_mkdir(drive, "/new", 0755);
	vfs_setxattr(drive, "/new-name-1", "user.two", "2", 1, 0);
	vfs_setxattr(drive, "/f1", "user.two", "2", 1, 0);
	vfs_rename(drive, "/f1", "/f2", 0);
	vfs_rename(drive, "/many", "/new/many", 0);
	vfs_truncate(drive, "/large", 3000);
	vfs_truncate(drive, "/f2", 1);
	for (int i = 0; i < 30; i += 2) {
		snprintf(path, sizeof(path), "/new-name-%d", i);
		vfs_unlink(drive, path);
	}
	vfs_unlink(drive, "/large");
	vfs_rmdir(drive, "/new");
}

/* ---- images ---- */

static void image_mutate(uint8_t *image, uint64_t bytes)
{
	uint32_t count = 1 + below(12);

	for (uint32_t i = 0; i < count; i++) {
		/* Mostly where metadata is: near the beginning. */
		static const uint32_t limits[4] = { 8192, 8192, 200000, 3u << 20 };
		uint64_t at = below(limits[below(4)]);

		if (at < 1024)
			at += 1024;
		if (at + 8 > bytes)
			continue;
		switch (below(4)) {
		case 0: image[at] ^= (uint8_t)(1 << below(8)); break;
		case 1: image[at] = (uint8_t)below(256); break;
		case 2: memset(image + at / 4 * 4, below(2) ? 0xff : 0, 4); break;
		default: memcpy(image + at / 4 * 4, image + below(200000) / 4 * 4, 4);
		}
	}
}

static uint8_t *base_make(const char *options, uint64_t *bytes)
{
	struct drive *drive;
	uint8_t *copy;

	shell("rm -rf tree && mkdir -p tree/many tree/deep/er && for i in $(seq 300); do echo $i >tree/many/name-number-$i; done && "
	      "head -c 400000 /dev/urandom >tree/large && echo 1 >tree/f1 && echo 2 >tree/f2 && ln -s f1 tree/fast && "
	      "ln -s $(printf %%0200d 1) tree/slow && (setfattr -n user.one -v 1 tree/f1 || true) 2>/dev/null");
	drive = image_make(options, "3M");
	drive_close(drive);
	shell("e2fsck -fyD an.img >/dev/null 2>&1");
	drive = drive_open(image_path("an.img"));
	*bytes = drive->bytes;
	copy = malloc(drive->bytes);
	memcpy(copy, drive->disk, drive->bytes);
	drive_close(drive);
	return copy;
}

static void image_try(const uint8_t *base, uint64_t bytes)
{
	uint8_t *image = malloc(bytes);
	struct drive *drive;

	memcpy(image, base, bytes);
	image_mutate(image, bytes);
	drive = drive_create(image, bytes);
	drive->hostile = true;
	if (!drive_mount(drive, NULL, below(4) ? 0 : BANOS_MOUNT_READ_ONLY)) {
		struct visit visit = { .drive = drive };

		folder_visit(&visit, "/");
		if (!drive->read_only)
			changes_try(drive);
		drive_unmount(drive);
	}
	drive_close(drive);
	free(image);
}

static void damage_is_an_error(void **state)
{
	static const char *const options[] = {
		"-b 1024 -N 512 -d tree", "-b 1024 -g 1024 -N 512 -I 128 -d tree",
		"-b 4096 -N 512 -d tree", "-t ext4 -b 1024 -N 512 -O ^has_journal -d tree",
		"-t ext4 -b 1024 -N 512 -O ^has_journal,64bit,^metadata_csum,inline_data -d tree"
	};

	shell("true");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		uint64_t bytes;
		uint8_t *base = base_make(options[i], &bytes);

		for (unsigned k = 0; k < images / 5; k++)
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
		cmocka_unit_test(damage_is_an_error),
	};

	if (argc > 1)
		images = (unsigned)atoi(argv[1]);
	if (argc > 2)
		random_state = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, tests_end);
}

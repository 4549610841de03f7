/* SPDX-License-Identifier: MIT */
/* drivers/fs/ext2 on images of e2fsprogs, in a model of the kernel (fsdrive/fsdrive.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <banos/errno.h>
#include "ext2_image.h"

#define KIB	   1024u
#define ARRAY(one) (sizeof(one) / sizeof((one)[0]))

/* Bytes that differ from place to place. */
static void pattern_fill(uint8_t *bytes, size_t length, uint32_t seed)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

static void work_small(struct drive *drive)
{
	static uint8_t bytes[300 * KIB], back[300 * KIB];
	struct banos_attr attr;
	char text[4096], path[300];

	pattern_fill(bytes, sizeof(bytes), 1);
	assert_int_equal(vfs_mkdir(drive, "/d", 0755), 0);
	assert_int_equal(vfs_create(drive, "/d/big", 0100640), 0);
	assert_int_equal(vfs_write(drive, "/d/big", 0, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(vfs_read(drive, "/d/big", 7, back, sizeof(bytes)), sizeof(bytes) - 7);
	assert_memory_equal(back, bytes + 7, sizeof(bytes) - 7);
	for (int i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), "/d/%.*s%d", i % 60,
			 "a-name-that-is-a-little-longer-than-most-names-of-files-are-it-is", i);
		assert_int_equal(vfs_create(drive, path, 0100600), 0);
		assert_int_equal(vfs_write(drive, path, 0, bytes + i, (uint64_t)i), i);
	}
	assert_int_equal(vfs_symlink(drive, "short", "/d/fast"), 0);
	memset(text, 'x', sizeof(text));
	text[500] = 0;
	assert_int_equal(vfs_symlink(drive, text, "/d/slow"), 0);
	assert_int_equal(vfs_mknod(drive, "/d/null", 0020666, 1, 3), 0);
	assert_int_equal(vfs_mknod(drive, "/d/wide", 0060666, 300, 70000), 0);
	assert_int_equal(vfs_mknod(drive, "/d/fifo", 0010666, 0, 0), 0);
	assert_int_equal(vfs_link(drive, "/d/big", "/also"), 0);
	for (int i = 0; i < 150; i += 3) {
		snprintf(path, sizeof(path), "/d/%.*s%d", i % 60,
			 "a-name-that-is-a-little-longer-than-most-names-of-files-are-it-is", i);
		assert_int_equal(vfs_unlink(drive, path), 0);
	}
	assert_int_equal(vfs_mkdir(drive, "/d/e", 0700), 0);
	assert_int_equal(vfs_rename(drive, "/d/e", "/f", 0), 0);
	assert_int_equal(vfs_rmdir(drive, "/d"), -ENOTEMPTY);
	assert_int_equal(vfs_truncate(drive, "/also", 20001), 0);
	vfs_drop(drive);
	assert_int_equal(vfs_stat(drive, "/d/wide", &attr), 0);
	assert_int_equal(attr.rdev_major, 300);
	assert_int_equal(attr.rdev_minor, 70000);
	assert_int_equal(vfs_readlink(drive, "/d/fast", text, sizeof(text)), 5);
	assert_string_equal(text, "short");
	assert_int_equal(vfs_readlink(drive, "/d/slow", text, sizeof(text)), 500);
	assert_int_equal(vfs_readdir(drive, "/d", NULL, NULL), 106);
	assert_int_equal(vfs_read(drive, "/also", 0, back, sizeof(back)), 20001);
	assert_memory_equal(back, bytes, 20001);
}

static void geometries_are_written(void **state)
{
	static const struct {
		const char *options, *size;
	} images[] = {
		{ "-b 1024", "4M" },
		{ "-b 2048", "8M" },
		{ "-b 4096", "16M" },
		{ "-b 8192", "16M" },
		{ "-b 16384", "16M" },
		{ "-b 65536", "48M" },
		{ "-r 0", "4M" },
		{ "-I 128", "4M" },
		{ "-I 1024 -b 1024", "4M" },
		{ "-O ^filetype", "4M" },
		{ "-g 256 -b 1024", "20M" },
		{ "-O meta_bg,^resize_inode -b 1024", "32M" },
		{ "-O sparse_super2", "32M" },
		{ "-O ^sparse_super,^resize_inode", "32M" },
		{ "-O ^dir_index,^ext_attr,^resize_inode", "8300" },
		{ "-N 500", "8300" },
	};

	for (size_t i = 0; i < ARRAY(images); i++) {
		struct drive *drive = image_make(images[i].options, images[i].size);
		static uint8_t bytes[20001];

		assert_int_equal(drive_mount(drive, NULL, 0), 0);
		work_small(drive);
		assert_int_equal(drive_unmount(drive), 0);
		assert_string_equal(drive->error, "");
		if (!image_is_clean(drive))
			fail_msg("mke2fs %s", images[i].options);
		pattern_fill(bytes, sizeof(bytes), 1);
		assert_true(image_file_is("/also", bytes, sizeof(bytes)));
		drive_close(drive);
	}
	drive_driver_exit();
}

static int tests_end(void **state)
{
	images_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(geometries_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, tests_end);
}

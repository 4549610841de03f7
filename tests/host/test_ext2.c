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

/* Another instance goes on, in the middle of work, and the disk is as valid in the end as it was. */
static void another_instance_leaves_it_valid(void **state)
{
	enum { STATE = 1024 + 58, VALID = 1 };

	for (int was_valid = 0; was_valid < 2; was_valid++) {
		struct drive *drive = image_make("-b 1024", "8M");

		if (!was_valid)
			drive->disk[STATE] = drive->cache[STATE] = 0;
		assert_int_equal(drive_mount(drive, NULL, 0), 0);
		assert_int_equal(vfs_create(drive, "/before", 0100644), 0);
		assert_int_equal(drive_replace(drive, NULL, 0), 0);
		work_small(drive);
		assert_int_equal(drive->disk[STATE] & VALID, 0);
		assert_int_equal(drive_unmount(drive), 0);
		assert_string_equal(drive->error, "");
		assert_int_equal(drive->disk[STATE] & VALID, was_valid);
		assert_true(image_is_clean(drive));
		drive_close(drive);
	}
	drive_driver_exit();
}

/* ---- large folders ---- */

static void names_make(struct drive *drive, const char *folder, int count)
{
	char path[100];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/file-%d", folder, i);
		assert_int_equal(vfs_create(drive, path, 0100644), 0);
	}
}

/* Pieces of the store that a look-up of an absent name takes. */
static uint64_t absent_cost(struct drive *drive, const char *folder, int number)
{
	uint64_t before = drive->count.borrows;
	struct banos_attr attr;
	char path[100];

	snprintf(path, sizeof(path), "%s/absent-%d", folder, number);
	assert_int_equal(vfs_stat(drive, path, &attr), -ENOENT);
	return drive->count.borrows - before;
}

static void absent_names_cost_few_blocks(void **state)
{
	struct drive *drive = image_make("-b 4096 -N 12000", "40M");
	uint64_t cost = 0;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_int_equal(vfs_mkdir(drive, "/d", 0755), 0);
	names_make(drive, "/d", 10000);
	vfs_drop(drive);
	absent_cost(drive, "/d", 0);
	for (int i = 1; i < 200; i++)
		cost += absent_cost(drive, "/d", i);
	/* One or two for the walk; now and then a hash that another name has. */
	assert_in_range(cost, 0, 3 * 200);
	assert_int_equal(vfs_readdir(drive, "/d", NULL, NULL), 10000);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

/* Folders that e2fsck -D gave an index, with each hash. */
static void an_index_is_used_and_kept(void **state)
{
	static const char *const hashes[] = { "half_md4", "tea", "legacy" };

	for (size_t i = 0; i < 2 * ARRAY(hashes); i++) {
		struct drive *drive = image_make("-b 1024 -N 4000", "16M");
		uint64_t cost = 0;

		assert_int_equal(drive_mount(drive, NULL, 0), 0);
		vfs_mkdir(drive, "/d", 0755);
		names_make(drive, "/d", 2500);
		vfs_unlink(drive, "/d/file-77");
		drive_unmount(drive);
		drive_save(drive, image_path("made.img"));
		drive_close(drive);
		shell("tune2fs -E hash_alg=%s made.img >out; debugfs -w -R 'ssv flags %zu' made.img >out 2>&1; e2fsck -fyD made.img >out",
		      hashes[i / 2], i % 2 + 1);
		assert_int_equal(
			shell("debugfs -R 'stat /d' made.img 2>&1 | grep -q 'Flags: 0x1000'"), 0);
		drive = drive_open(image_path("made.img"));
		assert_int_equal(drive_mount(drive, NULL, 0), 0);
		for (int k = 0; k < 100; k++)
			cost += absent_cost(drive, "/d", k);
		assert_in_range(cost, 100, 100 * 4);
		assert_int_equal(vfs_readdir(drive, "/d", NULL, NULL), 2499);
		/* There is space for the one that was removed. */
		assert_int_equal(vfs_create(drive, "/d/file-77", 0100644), 0);
		assert_int_equal(vfs_rename(drive, "/d/file-5", "/d/file-5-renamed", 0), 0);
		drive_unmount(drive);
		assert_true(image_is_clean(drive));
		drive_close(drive);
	}
}

/* ---- limits ---- */

static void what_was_freed_is_used_after_a_commit(void **state)
{
	struct drive *drive = image_make("-b 1024 -m 0", "1M");
	static uint8_t bytes[1 << 20];
	int64_t first, second;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_create(drive, "/a", 0100644);
	first = vfs_write(drive, "/a", 0, bytes, sizeof(bytes));
	assert_int_equal(first, -ENOSPC);
	vfs_sync(drive);
	vfs_unlink(drive, "/a");
	/* Nothing is free yet: the model of the kernel commits when it sees -EAGAIN. */
	vfs_create(drive, "/b", 0100644);
	second = vfs_write(drive, "/b", 0, bytes, 500 * KIB);
	assert_int_equal(second, 500 * KIB);
	assert_int_not_equal(drive->count.again, 0);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

static void large_files_set_their_feature(void **state)
{
	struct drive *drive = image_make("-b 4096 -O ^large_file", "16M");
	uint64_t end = 5ull << 30;
	struct banos_attr attr;
	char byte = 'x';

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_create(drive, "/large", 0100644);
	assert_int_equal(vfs_write(drive, "/large", end - 1, &byte, 1), 1);
	vfs_drop(drive);
	byte = 0;
	assert_int_equal(vfs_read(drive, "/large", end - 1, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(vfs_stat(drive, "/large", &attr), 0);
	assert_int_equal(attr.bytes, end);
	assert_int_equal(attr.blocks, 4 * 8);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	assert_int_equal(shell("dumpe2fs -h after.img 2>&1 | grep -q large_file"), 0);
	drive_close(drive);
}

static void ext4_is_read(void **state)
{
	struct drive *drive;
	static uint8_t back[300000];

	shell("rm -rf tree; mkdir tree; for i in $(seq 200); do echo $i >tree/$i; done; head -c 300000 /dev/zero | tr '\\0' z >tree/z");
	drive = image_make("-t ext4 -b 1024 -O 64bit -d tree", "8M");
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_true(drive->info.flags & BANOS_MOUNT_READ_ONLY);
	assert_non_null(strstr(drive_last_line, "read-only"));
	assert_int_equal(vfs_readdir(drive, "/", NULL, NULL), 202);
	assert_int_equal(vfs_read(drive, "/z", 0, back, sizeof(back)), 300000);
	assert_int_equal(back[299999], 'z');
	assert_int_equal(vfs_read(drive, "/200", 0, back, 10), 4);
	assert_memory_equal(back, "200\n", 4);
	drive_unmount(drive);
	drive_close(drive);
}

#define OPEN_FILES 200 /* more than pass through the table of the driver */

static void fill_and_unlink_open(struct drive *drive, int64_t *nodes)
{
	static uint8_t bytes[20000];
	char path[30];

	memset(bytes, 'x', sizeof(bytes));
	vfs_mkdir(drive, "/d", 0755);
	for (int i = 0; i < OPEN_FILES; i++) {
		snprintf(path, sizeof(path), "/d/%d", i);
		assert_int_equal(vfs_create(drive, path, 0100644), 0);
		vfs_write(drive, path, 0, bytes, i % 3 * 10000);
		nodes[i] = vfs_open(drive, path);
		assert_true(nodes[i] > 0);
		assert_int_equal(vfs_unlink(drive, path), 0);
	}
	vfs_sync(drive);
	for (int i = 0; i < OPEN_FILES; i += 7)
		vfs_close(drive, (uint64_t)nodes[i]);
	vfs_sync(drive);
}

static void what_is_open_without_a_name_is_freed_after_a_crash(void **state)
{
	struct drive *drive = image_make("-b 1024 -N 512", "8M");
	int64_t nodes[OPEN_FILES];
	struct banos_statfs before, after;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	before = after = (struct banos_statfs){ .size = sizeof(before) };
	drive->ops->statfs(drive->fs, &before);
	fill_and_unlink_open(drive, nodes);
	drive_crash(drive);
	drive_save(drive, image_path("after.img"));
	/* Others know the list, too: e2fsck frees all of them by it, and finds nothing else. */
	assert_int_equal(
		shell("e2fsck -fp after.img >log 2>&1; test $(grep -c 'Clearing orphaned inode' log) = 171"),
		0);
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_non_null(strstr(drive_last_line, "171 files without a name were freed"));
	vfs_rmdir(drive, "/d");
	vfs_sync(drive);
	drive->ops->statfs(drive->fs, &after);
	assert_int_equal(after.free, before.free);
	assert_int_equal(after.files_free, before.files_free);
	drive_unmount(drive);
	drive_save(drive, image_path("after.img"));
	assert_int_equal(shell("e2fsck -fn after.img >log 2>&1 || ! cat log"), 0);
	drive_close(drive);
}

static void what_is_open_without_a_name_outlives_its_driver(void **state)
{
	struct drive *drive = image_make("-b 1024 -N 512", "8M");
	int64_t nodes[OPEN_FILES];

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	fill_and_unlink_open(drive, nodes);
	assert_int_equal(drive_replace(drive, NULL, 0), 0);
	for (int i = 0; i < OPEN_FILES; i++)
		if (i % 7)
			vfs_close(drive, (uint64_t)nodes[i]);
	drive_unmount(drive);
	drive_save(drive, image_path("after.img"));
	assert_int_equal(shell("e2fsck -fn after.img >log 2>&1 || ! cat log"), 0);
	drive_close(drive);
}

static int64_t remount(struct drive *drive, uint32_t flags)
{
	int64_t error;

	drive_commit(drive);
	drive_method_start(drive, true);
	error = drive_method_end(drive, "remount", drive->ops->remount(drive->fs, flags, ""));
	drive_commit(drive);
	return error;
}

/* It is replaced while it is read-only, and writes again. */
static void what_is_open_outlives_a_driver_that_is_read_only(void **state)
{
	struct drive *drive = image_make("-b 1024 -N 512", "8M");
	int64_t nodes[OPEN_FILES];

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	fill_and_unlink_open(drive, nodes);
	assert_int_equal(remount(drive, BANOS_MOUNT_READ_ONLY), 0);
	assert_int_equal(drive_replace(drive, NULL, BANOS_MOUNT_READ_ONLY), 0);
	drive->read_only = false; /* the model's own */
	assert_int_equal(remount(drive, 0), 0);
	for (int i = 0; i < OPEN_FILES; i++)
		if (i % 7)
			vfs_close(drive, (uint64_t)nodes[i]);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

/* Since the last commit some of the listed ones were freed, and others got a name: what is behind them is open as before. */
static void what_is_open_outlives_a_driver_between_commits(void **state)
{
	struct drive *drive = image_make("-b 1024 -N 512", "8M");
	int64_t nodes[20];
	char path[30];

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	for (int i = 0; i < 20; i++)
		nodes[i] = vfs_create_nameless(drive, "/", 0100644);
	vfs_sync(drive);
	for (int i = 3; i < 20; i += 5) {
		vfs_close(drive, (uint64_t)nodes[i]);
		snprintf(path, sizeof(path), "/%d", i);
		assert_int_equal(vfs_link_node(drive, (uint64_t)nodes[i + 1], path), 0);
	}
	assert_int_equal(drive_replace(drive, NULL, 0), 0);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/again-%d", i);
		if (i % 5 < 2)
			assert_int_equal(vfs_link_node(drive, (uint64_t)nodes[i], path), 0);
		if (i % 5 != 3)
			vfs_close(drive, (uint64_t)nodes[i]);
	}
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

/* e2fsck, or debugfs, between a remount that makes it read-only and one that admits writes again. */
static void what_others_changed_is_seen_after_a_remount(void **state)
{
	struct drive *drive = image_make("-b 1024 -N 512", "8M"), *changed;
	struct banos_attr attr;
	char path[100];

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_mkdir(drive, "/d", 0755);
	for (int i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), "/d/a-name-of-some-length-%d", i);
		assert_int_equal(vfs_create(drive, path, 0100644), 0);
	}
	assert_int_equal(vfs_stat(drive, "/d/a-name-of-some-length-77", &attr), 0);
	assert_int_equal(vfs_stat(drive, "/d/absent", &attr), -ENOENT);
	vfs_open(drive, "/d/a-name-of-some-length-5");
	vfs_unlink(drive, "/d/a-name-of-some-length-5");
	vfs_drop(drive);
	assert_int_equal(remount(drive, BANOS_MOUNT_READ_ONLY), 0);
	drive_save(drive, image_path("other.img"));
	assert_int_equal(
		shell("e2fsck -fp other.img >log 2>&1; test $? -le 1 && debugfs -w -R 'ln /d/a-name-of-some-length-77 /d/absent' other.img >>log 2>&1 && e2fsck -fy other.img >>log 2>&1; e2fsck -fn other.img >>log 2>&1 || ! cat log"),
		0);
	changed = drive_open(image_path("other.img"));
	memcpy(drive->disk, changed->disk, drive->bytes);
	memcpy(drive->cache, changed->disk, drive->bytes);
	drive_close(changed);
	assert_int_equal(remount(drive, 0), 0);
	assert_int_equal(vfs_stat(drive, "/d/absent", &attr), 0);
	assert_int_equal(vfs_create(drive, "/d/new", 0100644), 0);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

enum { SUPER = 1024, STATE = SUPER + 58, ORPHANS = SUPER + 232, DTIME = 20 };

static void disk_put(struct drive *drive, uint64_t at, uint32_t value)
{
	memcpy(drive->disk + at, &value, sizeof(value));
	memcpy(drive->cache + at, &value, sizeof(value));
}

/* Inodes 12, 13 and so on, of 256 bytes, are listed when the machine stops. */
static struct drive *orphans_leave(const char *options, const char *size, uint32_t count)
{
	struct drive *drive = image_make(options, size);

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_true(vfs_create_nameless(drive, "/", 0100644) > 0);
	vfs_sync(drive);
	drive_crash(drive);
	drive_last_line[0] = 0;
	return drive;
}

static void hostile_orphans_end(void **state)
{
	static const struct {
		uint32_t list[4], freed;
	} cases[] = {
		{ { 12, 13, 14 }, 3 }, { { 12, 13, 12 }, 2 }, { { 12, 12 }, 1 },
		{ { 999999999 }, 0 },  { { 2 }, 0 },	      { { 8 }, 0 },
		{ { 500 }, 0 },	       { { 12, 999999 }, 1 }, { { 14, 400 }, 1 },
	};

	for (size_t i = 0; i < ARRAY(cases); i++) {
		struct drive *drive = orphans_leave("-b 1024 -N 512 -I 256", "8M", 3);
		const uint32_t *list = cases[i].list;
		uint32_t table;
		char line[60] = "";

		memcpy(&table, drive->disk + 2 * SUPER + 8, sizeof(table));
		disk_put(drive, ORPHANS, list[0]);
		for (size_t k = 3; k-- > 0;)
			if (list[k] && list[k] < 512)
				disk_put(drive, 1024ull * table + 256 * (list[k] - 1) + DTIME,
					 list[k + 1]);
		assert_int_equal(drive_mount(drive, NULL, 0), 0);
		if (cases[i].freed)
			snprintf(line, sizeof(line), "%u files without a name were freed",
				 cases[i].freed);
		if (!strstr(drive_last_line, line))
			fail_msg("case %zu: %s", i, drive_last_line);
		assert_int_equal(!cases[i].freed, !strstr(drive_last_line, "were freed"));
		vfs_create(drive, "/f", 0100644);
		drive_unmount(drive);
		drive_save(drive, image_path("after.img"));
		assert_int_equal(
			shell("e2fsck -fy after.img >log 2>&1; e2fsck -fn after.img >log 2>&1 || ! cat log"),
			0);
		drive_close(drive);
	}
}

static void orphans_of_a_volume_with_errors_stay_listed(void **state)
{
	struct drive *drive = orphans_leave("-b 1024 -N 512 -I 256", "8M", 3);
	uint32_t first = 0;

	drive->disk[STATE] |= 2;
	drive->cache[STATE] |= 2;
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_non_null(strstr(drive_last_line, "left to e2fsck"));
	assert_true(vfs_create_nameless(drive, "/", 0100644) > 0);
	vfs_sync(drive);
	drive_crash(drive);
	memcpy(&first, drive->disk + ORPHANS, sizeof(first));
	assert_int_equal(first, 15);
	drive_save(drive, image_path("after.img"));
	assert_int_equal(
		shell("e2fsck -fy after.img >log 2>&1; e2fsck -fn after.img >log 2>&1 || ! cat log"),
		0);
	drive_close(drive);
}

/* A change of mount() must not be without bounds: the next one goes on. */
static void a_long_list_takes_several_mounts(void **state)
{
	struct drive *drive = orphans_leave("-b 1024 -N 6000 -I 256", "8M", 5000);

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_non_null(strstr(drive_last_line, "4096 files without a name were freed"));
	drive_unmount(drive);
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_non_null(strstr(drive_last_line, "904 files without a name were freed"));
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

static void attributes_are_written(void **state)
{
	/* user::rwx user:5:r-- group::r-x mask::r-x other::--- */
	static const uint8_t acl[] = { 2,   0,	 0,   0,   1,	0,   7,	 0,   255, 255, 255,
				       255, 2,	 0,   4,   0,	5,   0,	 0,   0,   4,	0,
				       5,   0,	 255, 255, 255, 255, 16, 0,   5,   0,	255,
				       255, 255, 255, 32,  0,	0,   0,	 255, 255, 255, 255 };
	struct drive *drive = image_make("-b 1024", "4M");
	char text[2000], name[30];

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_create(drive, "/f", 0100644);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "user.name%d", i);
		assert_int_equal(vfs_setxattr(drive, "/f", name, "value", 5, 0), 0);
	}
	assert_int_equal(vfs_setxattr(drive, "/f", "user.name3", "other", 5, BANOS_XATTR_CREATE),
			 -EEXIST);
	assert_int_equal(vfs_setxattr(drive, "/f", "trusted.none", "other", 5, BANOS_XATTR_REPLACE),
			 -ENODATA);
	assert_int_equal(vfs_setxattr(drive, "/f", "system.posix_acl_access", acl, sizeof(acl), 0),
			 0);
	assert_int_equal(vfs_setxattr(drive, "/f", "user.long", text, 1500, 0), -ENOSPC);
	assert_int_equal(vfs_removexattr(drive, "/f", "user.name4"), 0);
	vfs_drop(drive);
	assert_int_equal(vfs_getxattr(drive, "/f", "user.name4", text, 100), -ENODATA);
	assert_int_equal(vfs_getxattr(drive, "/f", "user.name5", text, 3), -ERANGE);
	assert_int_equal(vfs_getxattr(drive, "/f", "user.name5", text, 100), 5);
	assert_memory_equal(text, "value", 5);
	assert_int_equal(vfs_getxattr(drive, "/f", "system.posix_acl_access", text, 100),
			 sizeof(acl));
	assert_memory_equal(text, acl, sizeof(acl));
	assert_int_equal(vfs_listxattr(drive, "/f", text, sizeof(text)), 9 * 11 + 24);
	vfs_symlink(drive, "fast", "/s");
	assert_int_equal(vfs_setxattr(drive, "/s", "trusted.a", "b", 1, 0), 0);
	vfs_drop(drive);
	assert_int_equal(vfs_readlink(drive, "/s", text, sizeof(text)), 4);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	assert_int_equal(shell("debugfs -R 'ea_get /f user.name5' after.img 2>&1 | grep -q value"),
			 0);
	drive_close(drive);
}

/* Each allocation fails once: methods fail, or do without; what they leave is whole. */
static void without_memory_the_image_stays_whole(void **state)
{
	static uint8_t bytes[100 * KIB];

	for (int count = 0; count < 10; count++) {
		struct drive *drive = image_make("-b 8192", "8M");
		char path[20];

		drive_fail_alloc(count);
		if (drive_mount(drive, NULL, 0)) {
			drive_fail_alloc(-1);
			assert_int_equal(drive_mount(drive, NULL, 0), 0);
			drive_fail_alloc(count);
		}
		for (int i = 0; i < 20; i++) {
			snprintf(path, sizeof(path), "/f%d", i);
			vfs_create(drive, path, 0100644);
			vfs_write(drive, path, 0, bytes, sizeof(bytes));
			vfs_setxattr(drive, path, "user.a", "b", 1, 0);
			if (i % 3 == 0)
				vfs_unlink(drive, path);
			if (i % 7 == count % 7)
				vfs_sync(drive);
		}
		drive_fail_alloc(-1);
		assert_int_equal(drive_unmount(drive), 0);
		assert_true(image_is_clean(drive));
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
		cmocka_unit_test(another_instance_leaves_it_valid),
		cmocka_unit_test(absent_names_cost_few_blocks),
		cmocka_unit_test(an_index_is_used_and_kept),
		cmocka_unit_test(what_was_freed_is_used_after_a_commit),
		cmocka_unit_test(large_files_set_their_feature),
		cmocka_unit_test(ext4_is_read),
		cmocka_unit_test(what_is_open_without_a_name_is_freed_after_a_crash),
		cmocka_unit_test(what_is_open_without_a_name_outlives_its_driver),
		cmocka_unit_test(what_is_open_outlives_a_driver_that_is_read_only),
		cmocka_unit_test(what_is_open_outlives_a_driver_between_commits),
		cmocka_unit_test(what_others_changed_is_seen_after_a_remount),
		cmocka_unit_test(hostile_orphans_end),
		cmocka_unit_test(orphans_of_a_volume_with_errors_stay_listed),
		cmocka_unit_test(a_long_list_takes_several_mounts),
		cmocka_unit_test(attributes_are_written),
		cmocka_unit_test(without_memory_the_image_stays_whole),
	};

	return cmocka_run_group_tests(tests, NULL, tests_end);
}

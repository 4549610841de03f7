/* SPDX-License-Identifier: MIT */
/**
 * @file crash_work.h  File systems after a crash: workloads of up to two operations over two files and two folders, and what may be left.
 *
 * The disk is rebuilt for every prefix of what was written, and for choices of the sectors written between two
 * flushes; the file system's own fsck must leave a whole tree, in which what was synced before the workload is what it was, unless
 * the workload changed it: then it is what it was, or what it became. No file has bytes of another.
 *
 * A test includes what makes its images, then this file, and says in a struct crash_kind how a disk is made and repaired.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <banos/errno.h>

#define FILE_BYTES 14000u /* with a block of pointers, at 1 KiB */
#define ARRAY(one) (sizeof(one) / sizeof((one)[0]))

/** A file system that is tried. */
struct crash_kind {
	struct drive *(*make)(const char *options); /* an empty one */
	const char *(*repair)(
		const uint8_t *image,
		uint64_t
			bytes); /* crash.img, which has these bytes. @return what is wrong, or NULL */
	bool fsck_cuts;		/* of two names of a file it repairs one by cutting it to 0 bytes */
	bool (*is_whole)(void); /* is crash.img, which was mounted and unmounted behind a crash? */
};

static bool is_long;
static uint64_t states_tried, workloads_tried;

/* Each file has a letter; its bytes are that, so that a byte of another is seen. */
struct operation {
	const char *name;
	void (*run)(struct drive *drive);
	const char *changes; /* letters of files that it changes or removes */
};

static void letters_write(struct drive *drive, const char *path, char letter, uint64_t offset,
			  uint64_t length)
{
	char bytes[FILE_BYTES];

	memset(bytes, letter, sizeof(bytes));
	vfs_write(drive, path, offset, bytes, length);
}

static void run_create(struct drive *drive)
{
	vfs_create(drive, "/d/new", 0100644);
	letters_write(drive, "/d/new", 'n', 0, 3000);
}
static void run_create_long(struct drive *drive)
{
	vfs_create(drive, "/e/another-file-whose-name-is-long-enough-to-need-room-of-its-own",
		   0100644);
	letters_write(drive, "/e/another-file-whose-name-is-long-enough-to-need-room-of-its-own",
		      'm', 0, FILE_BYTES);
}
static void run_append(struct drive *drive)
{
	letters_write(drive, "/d/a", 'a', FILE_BYTES, FILE_BYTES);
}
static void run_overwrite(struct drive *drive)
{
	letters_write(drive, "/e/b", 'b', 100, 5000);
}
static void run_truncate(struct drive *drive)
{
	vfs_truncate(drive, "/d/a", 1500);
}
static void run_truncate_all(struct drive *drive)
{
	vfs_truncate(drive, "/e/b", 0);
}
static void run_rename(struct drive *drive)
{
	vfs_rename(drive, "/d/a", "/e/moved", 0);
}
static void run_rename_here(struct drive *drive)
{
	vfs_rename(drive, "/e/b", "/e/b-with-another-and-longer-name", 0);
}
static void run_replace(struct drive *drive)
{
	vfs_rename(drive, "/d/a", "/e/b", 0);
}
static void run_replace_new(struct drive *drive)
{
	vfs_create(drive, "/e/t", 0100644);
	letters_write(drive, "/e/t", 'b', 0, 2000);
	vfs_rename(drive, "/e/t", "/e/b", 0);
}
static void run_rename_folder(struct drive *drive)
{
	vfs_rename(drive, "/d", "/e/d", 0);
}
static void run_link(struct drive *drive)
{
	vfs_link(drive, "/d/a", "/e/linked");
}
static void run_unlink(struct drive *drive)
{
	vfs_unlink(drive, "/d/a");
}
/* In use without a name when the commit is made, and at the end, too. */
static void run_unlink_open(struct drive *drive)
{
	vfs_open(drive, "/d/a");
	vfs_unlink(drive, "/d/a");
	vfs_sync(drive);
}
/* It is freed after a commit; another one stays. */
static void run_unlink_close(struct drive *drive)
{
	int64_t node = vfs_open(drive, "/e/b");

	vfs_unlink(drive, "/e/b");
	vfs_open(drive, "/e/000000000000001");
	vfs_unlink(drive, "/e/000000000000001");
	vfs_sync(drive);
	if (node > 0)
		vfs_close(drive, (uint64_t)node);
}
static void run_unlink_other(struct drive *drive)
{
	vfs_unlink(drive, "/e/b");
}
static void run_mkdir(struct drive *drive)
{
	vfs_mkdir(drive, "/d/sub", 0755);
	vfs_create(drive, "/d/sub/f", 0100644);
}
static void run_rmdir(struct drive *drive)
{
	vfs_rmdir(drive, "/empty");
}
static void run_rmdir_open(struct drive *drive)
{
	vfs_open(drive, "/empty");
	vfs_rmdir(drive, "/empty");
	vfs_sync(drive);
}
/* A file that was listed without a name gets one. */
static void run_link_nameless(struct drive *drive)
{
	int64_t node = vfs_create_nameless(drive, "/e", 0100644);

	vfs_sync(drive);
	if (node > 0)
		vfs_link_node(drive, (uint64_t)node, "/e/nameless");
}
static void run_sync(struct drive *drive)
{
	vfs_sync(drive);
}

static const struct operation operations[] = {
	{ "create", run_create, "" },
	{ "create, long", run_create_long, "" },
	{ "append", run_append, "a" },
	{ "overwrite", run_overwrite, "b" },
	{ "truncate", run_truncate, "a" },
	{ "truncate to 0", run_truncate_all, "b" },
	{ "rename", run_rename, "" },
	{ "rename here", run_rename_here, "" },
	{ "replace", run_replace, "b" },
	{ "replace by a new one", run_replace_new, "b" },
	{ "rename a folder", run_rename_folder, "" },
	{ "link", run_link, "" },
	{ "unlink", run_unlink, "a" },
	{ "unlink another", run_unlink_other, "b" },
	{ "unlink while it is open", run_unlink_open, "a" },
	{ "unlink, and close later", run_unlink_close, "b" },
	{ "mkdir", run_mkdir, "" },
	{ "rmdir", run_rmdir, "" },
	{ "rmdir while it is open", run_rmdir_open, "" },
	{ "link a file without a name", run_link_nameless, "" },
	{ "sync", run_sync, "" },
};

/* ---- what is on the disk after e2fsck ---- */

struct seen {
	struct drive *drive;
	char folder[256];
	uint32_t letters
		[256]; /* how many files consist of this letter only, and are as long as they were */
	const char *wrong;
};

static void tree_walk(struct seen *seen, const char *folder);

static void file_look(struct seen *seen, const char *path)
{
	static uint8_t bytes[8 * FILE_BYTES];
	int64_t count = vfs_read(seen->drive, path, 0, bytes, sizeof(bytes));
	uint8_t letter = 0;

	if (count < 0)
		seen->wrong = "a file cannot be read";
	/* Zeroes are holes; anything else is one letter. */
	for (int64_t i = 0; i < count; i++) {
		if (!bytes[i])
			continue;
		if (letter && bytes[i] != letter)
			seen->wrong = "a file has bytes of another";
		letter = bytes[i];
	}
	if (letter && !strchr("abnm", letter))
		seen->wrong = "a file has bytes of what was free";
	if (count >= (int64_t)FILE_BYTES && letter)
		seen->letters[letter]++;
}

static void entry_look(void *context, const char *name, uint64_t node, uint32_t type)
{
	struct seen *seen = context;
	char path[600], before[256];

	snprintf(path, sizeof(path), "%s/%s", seen->folder, name);
	if (type == 4) {
		strcpy(before, seen->folder);
		tree_walk(seen, path);
		strcpy(seen->folder, before);
	} else {
		file_look(seen, path);
	}
}

static void tree_walk(struct seen *seen, const char *folder)
{
	snprintf(seen->folder, sizeof(seen->folder), "%s", folder);
	if (vfs_readdir(seen->drive, *folder ? folder : "/", entry_look, seen) < 0)
		seen->wrong = "a folder cannot be read";
}

/* A name that leads to a file with this letter, and nowhere in lost+found. */
static bool name_has(struct drive *drive, const char *path, char letter)
{
	static uint8_t bytes[8 * FILE_BYTES];

	return vfs_read(drive, path, 0, bytes, sizeof(bytes)) > 0 && bytes[200] == (uint8_t)letter;
}

static bool is_named(struct drive *drive, char letter)
{
	static const char *const names[] = { "/d/a",	 "/e/b",
					     "/e/moved", "/e/b-with-another-and-longer-name",
					     "/e/d/a",	 "/e/linked" };

	for (size_t i = 0; i < ARRAY(names); i++)
		if (name_has(drive, names[i], letter))
			return true;
	return false;
}

/* A name that is replaced leads to the old or to the new file. */
static bool replaced_is_there(struct drive *drive)
{
	return name_has(drive, "/e/b", 'b') || name_has(drive, "/e/b", 'a') || is_named(drive, 'b');
}

static bool replaced_is_there_before(struct drive *drive)
{
	bool is_there;

	drive->hostile = true;
	is_there = !drive_mount(drive, NULL, BANOS_MOUNT_READ_ONLY) && replaced_is_there(drive);
	drive_crash(drive);
	return is_there;
}

static const char *state_check(const struct crash_kind *kind, const uint8_t *image, uint64_t bytes,
			       const char *changed)
{
	struct drive *drive = drive_create(image, bytes);
	struct seen seen = { .drive = drive };
	const char *wrong;

	drive_save(drive, image_path("crash.img"));
	if (kind->fsck_cuts && strchr(changed, '=') && !replaced_is_there_before(drive)) {
		drive_close(drive);
		return "a replaced name leads nowhere, before the repair";
	}
	drive_close(drive);
	wrong = kind->repair(image, bytes);
	if (wrong)
		return wrong;
	seen.drive = drive = drive_open(image_path("crash.img"));
	if (drive_mount(drive, NULL, BANOS_MOUNT_READ_ONLY)) {
		drive_close(drive);
		return "it cannot be mounted";
	}
	tree_walk(&seen, "");
	for (const char *letter = "ab"; *letter && !seen.wrong; letter++) {
		if (strchr(changed, *letter))
			continue;
		if (!seen.letters[(uint8_t)*letter])
			seen.wrong = "a synced file is not what it was";
		else if (!is_named(drive, *letter))
			seen.wrong = "a synced file has lost its name";
	}
	if (!seen.wrong && strchr(changed, '=') && !kind->fsck_cuts && !replaced_is_there(drive))
		seen.wrong = "a replaced name leads nowhere";
	drive_unmount(drive);
	drive_close(drive);
	return seen.wrong;
}

/* ---- workloads ---- */

static struct drive *disk_prepare(const struct crash_kind *kind, const char *options)
{
	struct drive *drive = kind->make(options);
	static uint8_t garbage[200 * 1024];
	char path[100];

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	/* What is free holds bytes of something else. */
	vfs_create(drive, "/garbage", 0100644);
	memset(garbage, 'X', sizeof(garbage));
	vfs_write(drive, "/garbage", 0, garbage, sizeof(garbage));
	vfs_sync(drive);
	vfs_unlink(drive, "/garbage");
	vfs_sync(drive);
	vfs_mkdir(drive, "/d", 0755);
	vfs_mkdir(drive, "/e", 0755);
	vfs_mkdir(drive, "/empty", 0755);
	vfs_create(drive, "/d/a", 0100644);
	letters_write(drive, "/d/a", 'a', 0, FILE_BYTES);
	vfs_create(drive, "/e/b", 0100644);
	letters_write(drive, "/e/b", 'b', 0, FILE_BYTES);
	/* Folder e has no space for one more name. */
	for (int i = 0; i < 45; i++) {
		snprintf(path, sizeof(path), "/e/%015d", i);
		vfs_create(drive, path, 0100600);
	}
	vfs_sync(drive);
	return drive;
}

static void state_try(const struct crash_kind *kind, struct drive *drive, const uint8_t *start,
		      uint8_t *image, size_t place, uint64_t choice, const char *changed,
		      const char *what)
{
	const char *wrong;

	crash_image(&drive->log, start, drive->bytes, place, choice, image);
	wrong = state_check(kind, image, drive->bytes, changed);
	states_tried++;
	if (wrong) {
		shell("cat log; cp crash.img /tmp/crash.img");
		fail_msg("%s, after %zu of %zu writes, choice %lld: %s", what, place,
			 drive->log.count, (long long)choice, wrong);
	}
}

static bool removes_b(const struct operation *operation)
{
	return operation->run == run_unlink_other || operation->run == run_unlink_close ||
	       operation->run == run_truncate_all;
}

static void workload_try(const struct crash_kind *kind, const char *options,
			 const struct operation *first, const struct operation *second)
{
	struct drive *drive = disk_prepare(kind, options);
	uint8_t *start = malloc(drive->bytes), *image = malloc(drive->bytes);
	unsigned choices = is_long ? 6 : 1;
	char changed[16], what[100];

	snprintf(what, sizeof(what), "%s; %s", first->name, second ? second->name : "nothing");
	snprintf(changed, sizeof(changed), "%s%s%s", first->changes, second ? second->changes : "",
		 first->run == run_replace || first->run == run_replace_new ||
				 (second &&
				  (second->run == run_replace || second->run == run_replace_new))
			 ? "="
			 : "");
	if (removes_b(first) || (second && removes_b(second)))
		strtok(changed, "=");
	memcpy(start, drive->disk, drive->bytes);
	drive_record(drive, true);
	first->run(drive);
	if (second)
		second->run(drive);
	/* The second operation may have removed what the first one renamed. */
	if (!is_named(drive, 'a'))
		strcat(changed, "a");
	if (!is_named(drive, 'b'))
		strcat(changed, "b");
	vfs_sync(drive);
	drive_record(drive, false);
	for (size_t place = 0; place <= drive->log.count; place++) {
		/* A flush changes nothing; in the short form most of the many writes are passed over. */
		if (place && !drive->log.writes[place - 1].length)
			for (unsigned i = 0; i < choices; i++)
				state_try(kind, drive, start, image, place, i * 77 + place, changed,
					  what);
		else if (is_long || place % 3 == 0)
			state_try(kind, drive, start, image, place, CRASH_PREFIX, changed, what);
	}
	for (unsigned i = 0; i < choices; i++)
		state_try(kind, drive, start, image, 0, i * 55, changed, what);
	workloads_tried++;
	drive_crash(drive);
	/* All is on the disk: what had no name is freed without e2fsck. */
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	drive_unmount(drive);
	drive_save(drive, image_path("crash.img"));
	if (!kind->is_whole()) {
		shell("cat log; cp crash.img /tmp/crash.img");
		fail_msg("%s: not whole after a crash behind the commit", what);
	}
	drive_close(drive);
	free(start);
	free(image);
}

/* All pairs, and each alone; in the short form some of them. */
static void workloads_run(const struct crash_kind *kind, const char *const *options, size_t count)
{
	size_t number = 0;

	for (size_t k = 0; k < (is_long ? count : 1); k++)
		for (size_t i = 0; i < ARRAY(operations); i++) {
			if (is_long)
				workload_try(kind, options[k], &operations[i], NULL);
			for (size_t j = 0; j < ARRAY(operations); j++)
				if (is_long || number++ % 40 == 5)
					workload_try(kind, options[k], &operations[i],
						     &operations[j]);
		}
	print_message("%llu workloads, %llu states\n", (unsigned long long)workloads_tried,
		      (unsigned long long)states_tried);
}

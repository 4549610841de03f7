/* SPDX-License-Identifier: MIT */
/* drivers/fs/fat on images of mkfs.fat and mtools, in a model of the kernel (fsdrive/fsdrive.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <banos/errno.h>
#include "../../drivers/fs/fat/date.h"
#include "../../drivers/fs/fat/layout.h"
#include "../../drivers/fs/fat/name.h"
#include "fat_image.h"

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
	static uint8_t bytes[100 * KIB], back[100 * KIB];
	struct banos_attr attr;
	char path[300];

	pattern_fill(bytes, sizeof(bytes), 1);
	assert_int_equal(vfs_mkdir(drive, "/d", 0755), 0);
	assert_int_equal(vfs_create(drive, "/d/big", 0100640), 0);
	assert_int_equal(vfs_write(drive, "/d/big", 0, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(vfs_read(drive, "/D/BIG", 7, back, sizeof(bytes)), sizeof(bytes) - 7);
	assert_memory_equal(back, bytes + 7, sizeof(bytes) - 7);
	for (int i = 0; i < 90; i++) {
		snprintf(path, sizeof(path), "/d/%.*s%d", i % 60,
			 "a-name-that-is-a-little-longer-than-most-names-of-files-are-it-is", i);
		assert_int_equal(vfs_create(drive, path, 0100600), 0);
		assert_int_equal(vfs_write(drive, path, 0, bytes + i, (uint64_t)i), i);
	}
	assert_int_equal(vfs_symlink(drive, "short", "/d/fast"), -EPERM);
	assert_int_equal(vfs_mknod(drive, "/d/null", 0020666, 1, 3), -EPERM);
	assert_int_not_equal(vfs_link(drive, "/d/big", "/also"), 0);
	for (int i = 0; i < 90; i += 3) {
		snprintf(path, sizeof(path), "/d/%.*s%d", i % 60,
			 "a-name-that-is-a-little-longer-than-most-names-of-files-are-it-is", i);
		assert_int_equal(vfs_unlink(drive, path), 0);
	}
	assert_int_equal(vfs_mkdir(drive, "/d/e", 0700), 0);
	assert_int_equal(vfs_rename(drive, "/d/e", "/f", 0), 0);
	assert_int_equal(vfs_rename(drive, "/d/big", "/Also a long name", 0), 0);
	assert_int_equal(vfs_rmdir(drive, "/d"), -ENOTEMPTY);
	assert_int_equal(vfs_truncate(drive, "/also a LONG name", 20001), 0);
	vfs_drop(drive);
	assert_int_equal(vfs_readdir(drive, "/d", NULL, NULL), 60);
	assert_int_equal(vfs_stat(drive, "/f", &attr), 0);
	assert_int_equal(attr.mode, 0040755);
	assert_int_equal(vfs_read(drive, "/also a long name", 0, back, sizeof(back)), 20001);
	assert_memory_equal(back, bytes, 20001);
}

struct geometry {
	const char *options, *size;
	uint32_t bits, cluster_bytes, clusters, tables;
};
static const struct geometry geometries[] = {
	{ "", "1440K", 12, 512, 2847, 2 },
	{ "", "720K", 12, 1024, 713, 2 },
	{ "", "8M", 12, 2048, 4081, 2 },
	{ "", "20M", 16, 2048, 10211, 2 },
	{ "-F 32", "34M", 32, 512, 0, 2 },
	{ "-F 32 -s 8", "300M", 32, 4096, 0, 2 },
	{ "-S 4096", "40M", 12, 16384, 0, 2 },
	{ "-S 4096 -F 32 -I", "260M", 32, 4096, 0, 2 },
	{ "-f 1", "8M", 12, 2048, 0, 1 },
	{ "-f 4 -F 16", "20M", 16, 2048, 0, 4 },
	{ "-r 16", "8M", 12, 0, 0, 2 },
	{ "-R 7 -h 63 -g 255/63", "20M", 16, 2048, 0, 2 },
	{ "-s 128 -F 16", "300M", 16, 65536, 0, 2 },
	{ "-A", "720K", 12, 1024, 713, 2 },
	{ "-F 32 -b 0", "40M", 32, 512, 0, 2 },
};

static void geometries_are_written(void **state)
{
	for (size_t i = 0; i < ARRAY(geometries); i++) {
		const struct geometry *want = &geometries[i];
		struct drive *drive = image_make(want->options, want->size);
		static uint8_t bytes[20001];
		struct fat_layout layout;

		/* It knows two tables at most, and finds fault with what mkfs.fat makes for Atari. */
		bool was_clean = !shell("fsck.fat -n an.img >out 2>&1");

		assert_null(fat_layout_parse(drive->disk, drive->bytes, &layout));
		assert_int_equal(layout.bits, want->bits);
		if (want->cluster_bytes)
			assert_int_equal(layout.cluster_bytes, want->cluster_bytes);
		assert_int_equal(layout.tables, want->tables);
		if (want->clusters)
			assert_int_equal(layout.clusters, want->clusters);
		assert_int_equal(drive_mount(drive, NULL, 0), 0);
		work_small(drive);
		assert_int_equal(drive_unmount(drive), 0);
		assert_string_equal(drive->error, "");
		if (!image_is_clean(drive) && was_clean)
			fail_msg("mkfs.fat %s", want->options);
		pattern_fill(bytes, sizeof(bytes), 1);
		assert_true(image_file_is("/Also a long name", bytes, sizeof(bytes)));
		drive_close(drive);
	}
	drive_driver_exit();
}

/* Another instance goes on, in the middle of work, and the disk is as clean in the end as it was. */
static void another_instance_leaves_it_clean(void **state)
{
	static const char *const options[] = { "", "-F 32" };

	for (size_t i = 0; i < ARRAY(options); i++) {
		struct drive *drive = image_make(options[i], "40M");

		assert_int_equal(drive_mount(drive, NULL, 0), 0);
		assert_int_equal(vfs_create(drive, "/before", 0100644), 0);
		assert_int_equal(drive_replace(drive, NULL, 0), 0);
		work_small(drive);
		assert_int_equal(drive_unmount(drive), 0);
		assert_string_equal(drive->error, "");
		assert_true(image_is_clean(drive));
		drive_close(drive);
	}
	drive_driver_exit();
}

/* ---- names ---- */

/* The short name that a name gets, as text; "!" in front: no long one beside it. */
static const char *short_of(const char *name, bool winnt)
{
	static char text[40];
	struct fat_name_style style = { .show_flags = true, .store_flags = winnt };
	uint16_t units[FAT_NAME_UNITS];
	int32_t count = fat_units_from_utf8(name, (uint32_t)strlen(name), units);
	struct fat_short made;
	uint8_t bytes[FAT_SHORT_BYTES];
	enum fat_short_kind kind;

	count = fat_name_check(units, (uint32_t)count);
	if (count < 0)
		return "refused";
	kind = fat_short_make(units, (uint32_t)count, &style, &made);
	if (kind == FAT_SHORT_NONE)
		return "none";
	memcpy(bytes, made.name, sizeof(bytes));
	if (kind == FAT_SHORT_NUMBER)
		fat_short_number(&made, 1, bytes);
	snprintf(text, sizeof(text), "%s%.11s%s", kind == FAT_SHORT_WHOLE ? "!" : "", (char *)bytes,
		 made.case_bits ? "*" : "");
	return text;
}

/* As Linux has them. */
static void short_names_are_those_of_linux(void **state)
{
	static const struct {
		const char *name, *mixed, *winnt;
	} names[] = {
		{ "README", "!README     ", "!README     " },
		{ "readme.txt", "README  TXT", "!README  TXT*" },
		{ "Readme.txt", "README  TXT", "README  TXT" },
		{ "README.txt", "README  TXT", "!README  TXT*" },
		{ "a+b", "A_B~1      ", "A_B~1      " },
		{ "a long name.text", "ALONGN~1TEX", "ALONGN~1TEX" },
		{ "eightlet.ters", "EIGHTL~1TER", "EIGHTL~1TER" },
		{ ".profile", "PROFIL~1   ", "PROFIL~1   " },
		{ "archive.tar.gz", "ARCHIV~1GZ ", "ARCHIV~1GZ " },
		{ "dot.", "DOT        ", "!DOT        *" },
		{ "\xc3\xbc", "_~1        ", "_~1        " },
		{ "...", "refused", "refused" },
		{ "a ", "refused", "refused" },
		{ "a:b", "refused", "refused" },
		{ "a\\b", "refused", "refused" },
	};

	for (size_t i = 0; i < ARRAY(names); i++) {
		assert_string_equal(short_of(names[i].name, false), names[i].mixed);
		assert_string_equal(short_of(names[i].name, true), names[i].winnt);
	}
}

static void names_are_what_mtools_reads(void **state)
{
	struct drive *drive = image_make("", "2M");
	char longest[257] = "/", path[40];

	memset(longest + 1, 'n', 255);
	longest[256] = 0;
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_int_equal(vfs_create(drive, longest, 0100644), 0);
	assert_int_equal(vfs_create(drive, "/thirteenchars", 0100644), 0);
	assert_int_equal(vfs_create(drive, "/trailing...", 0100644), 0);
	assert_int_equal(vfs_create(drive, "/TRAILING", 0100644), -EEXIST);
	assert_int_equal(vfs_create(drive, "/\xff", 0100644), -EINVAL);
	assert_int_equal(vfs_create(drive, "/a*b", 0100644), -EINVAL);
	for (int i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "/the same beginning %d", i);
		assert_int_equal(vfs_create(drive, path, 0100644), 0);
	}
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	assert_int_equal(
		shell("mcopy -i after.img '::%s' ::thirteenchars '::trailing' '::THESAM~9' . >out 2>&1",
		      longest + 1),
		0);
	drive_close(drive);
}

static void dates_are_kept(void **state)
{
	static const int64_t seconds[] = { 315532800,	   951782400,  1709164800,
					   4107542399 - 1, 4102444800, 1700000000 };
	uint32_t date, time, hundredths;

	for (size_t i = 0; i < ARRAY(seconds); i++) {
		int64_t ns = seconds[i] * FAT_SECOND_NS + 120000000;

		fat_date_make(ns, &date, &time, &hundredths);
		assert_int_equal(fat_date_parse(date, time, hundredths), ns);
		assert_int_equal(fat_date_parse(date, time, 0), seconds[i] / 2 * 2 * FAT_SECOND_NS);
	}
	fat_date_make(0, &date, &time, &hundredths);
	assert_int_equal(date, 0x21);
	fat_date_make(INT64_MAX, &date, &time, &hundredths);
	assert_int_equal(date >> 9, 127);
	/* What is no date is one all the same. */
	assert_int_equal(fat_date_parse(0, 0, 255), 315532800 * FAT_SECOND_NS);
}

/* ---- attributes ---- */

static void options_and_attributes(void **state)
{
	struct drive *drive = image_make("-F 16", "20M");
	struct banos_attr attr = { .size = sizeof(attr) };

	assert_int_equal(
		drive_mount(drive,
			    "uid=7,gid=8,fmask=0133,dmask=077,iocharset=utf8,shortname=lower", 0),
		0);
	vfs_create(drive, "/f", 0100600);
	vfs_mkdir(drive, "/d", 0777);
	assert_int_equal(vfs_stat(drive, "/f", &attr), 0);
	assert_int_equal(attr.mode, 0100644);
	assert_int_equal(attr.uid, 7);
	assert_int_equal(attr.gid, 8);
	assert_int_equal(vfs_stat(drive, "/d", &attr), 0);
	assert_int_equal(attr.mode, 0040700);
	attr.mode = 0444;
	assert_int_equal(vfs_setattr(drive, "/f", BANOS_SET_MODE, &attr), 0);
	attr.uid = 0;
	assert_int_equal(vfs_setattr(drive, "/f", BANOS_SET_UID, &attr), -EPERM);
	attr.mtime_ns = 1700000001 * FAT_SECOND_NS;
	assert_int_equal(vfs_setattr(drive, "/f", BANOS_SET_MTIME, &attr), 0);
	vfs_drop(drive);
	assert_int_equal(vfs_stat(drive, "/f", &attr), 0);
	assert_int_equal(attr.mode, 0100444);
	assert_int_equal(attr.mtime_ns, 1700000000 * FAT_SECOND_NS);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	assert_int_equal(drive_mount(drive, "uid=x", 0), -EINVAL);
	assert_int_equal(drive_mount(drive, "compress", 0), -EINVAL);
	drive_close(drive);
}

/* ---- many names: folders have an index ---- */

static void name_make(char *path, size_t room, int number)
{
	static const char *const forms[] = { "/d/beginning %d.text", "/d/F%d", "/d/f%d.c",
					     "/d/a-name-that-needs-three-entries-%d" };

	snprintf(path, room, forms[number % 4], number);
}

/* What a rename, a removal and the room that they leave do to it. */
static void many_names_are_found(void **state)
{
	struct drive *drive = image_make("-F 32", "40M");
	char path[60], other[60];
	struct banos_attr attr;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_mkdir(drive, "/d", 0755);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 600; i++) {
			name_make(path, sizeof(path), i);
			assert_int_equal(vfs_create(drive, path, 0100644),
					 round && i % 3 ? -EEXIST : 0);
		}
		for (int i = 0; i < 600; i += 3) {
			name_make(path, sizeof(path), i);
			name_make(other, sizeof(other), 1000 + i);
			assert_int_equal(vfs_rename(drive, path, other, 0), 0);
			assert_int_equal(vfs_stat(drive, path, &attr), -ENOENT);
			assert_int_equal(vfs_stat(drive, other, &attr), 0);
			assert_int_equal(vfs_unlink(drive, other), 0);
			assert_int_equal(vfs_stat(drive, other, &attr), -ENOENT);
		}
		vfs_drop(drive);
		assert_int_equal(vfs_readdir(drive, "/d", NULL, NULL), 400);
		if (round == 1) /* without one */
			assert_int_equal(drive_replace(drive, NULL, 0), 0);
	}
	assert_int_equal(vfs_stat(drive, "/D/BEGINN~2.TEX", &attr), 0);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

/* Those that are there twice: by order, and in a time that does not grow with the square of their number. */
static void names_of_a_damaged_disk_may_be_the_same(void **state)
{
	enum { SAME = 32000 };
	struct drive *drive;
	struct banos_attr attr;
	struct fat_layout layout;
	uint64_t last = 0;
	uint8_t *at;

	image_format("-F 16 -r 32768", "40M");
	assert_false(shell("echo text >one && mcopy -i an.img one ::SAME"));
	drive = drive_open(image_path("an.img"));
	drive->hostile = true;
	assert_null(fat_layout_parse(drive->disk, drive->bytes, &layout));
	at = drive->disk + layout.root_offset;
	for (uint32_t i = 1; i < SAME; i++)
		memcpy(at + i * 32, at, 32);
	memcpy(at + SAME * 32, "OTHER      ", 11);
	at[SAME * 32 + 11] = 0x20;
	memcpy(drive->cache, drive->disk, drive->bytes);
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(vfs_stat(drive, "/other", &attr), 0);
		assert_int_equal(vfs_stat(drive, "/same", &attr), 0);
		assert_true(attr.node > last);
		last = attr.node;
		assert_int_equal(vfs_unlink(drive, "/same"), 0);
	}
	assert_int_equal(vfs_create(drive, "/a new name", 0100644), 0);
	assert_int_equal(vfs_stat(drive, "/A New Name", &attr), 0);
	drive_unmount(drive);
	drive_close(drive);
}

/* ---- without memory ---- */

static int64_t change_names(struct drive *drive, int which, int round)
{
	char path[60], other[60];

	snprintf(path, sizeof(path), "/d/a name of two entries %d", round);
	snprintf(other, sizeof(other), "/e/another name of two %d", round);
	switch (which) {
	case 0: return vfs_create(drive, path, 0100644);
	case 1: return vfs_rename(drive, path, other, 0);
	case 2: return vfs_mkdir(drive, path, 0755);
	case 3: return vfs_rename(drive, path, "/e/folder", 0);
	case 4: return vfs_rename(drive, "/e/folder", path, 0);
	case 5: return vfs_rmdir(drive, path);
	case 6: return vfs_rename(drive, other, "/d/all replace this", 0);
	default: return vfs_create(drive, other, 0100644);
	}
}

/* Each write of each change of names has none once: the change has not happened then, and does the next time. */
static void changes_without_memory_have_not_happened(void **state)
{
	struct drive *drive = image_make("-F 32", "40M");
	char path[60];

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_mkdir(drive, "/d", 0755);
	vfs_mkdir(drive, "/e", 0755);
	vfs_create(drive, "/d/all replace this", 0100644);
	for (int round = 1; round <= 60; round++)
		for (int which = 0; which < 8; which++) {
			int64_t result;

			drive->fail_write = 1 + (uint64_t)round % 10;
			result = change_names(drive, which, round);
			drive->fail_write = 0;
			if (!result)
				continue;
			assert_int_equal(result, -ENOMEM);
			assert_int_equal(change_names(drive, which, round), 0);
			vfs_drop(drive);
		}
	assert_int_equal(vfs_readdir(drive, "/d", NULL, NULL), 1);
	assert_int_equal(vfs_readdir(drive, "/e", NULL, NULL), 60);
	for (int round = 1; round <= 60; round++) {
		snprintf(path, sizeof(path), "/e/another name of two %d", round);
		assert_int_equal(vfs_unlink(drive, path), 0);
	}
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

enum { KEPT_BYTES = 40 * KIB, OTHER_BYTES = 60 * KIB };

/* A file has what it had, also where another one was written after what was freed has become free. */
static void kept_is_whole(struct drive *drive, const uint8_t *kept, uint64_t bytes)
{
	static uint8_t other[OTHER_BYTES], back[KEPT_BYTES];

	vfs_sync(drive);
	vfs_sync(drive);
	vfs_create(drive, "/other", 0100644);
	memset(other, 0xee, sizeof(other));
	assert_int_equal(vfs_write(drive, "/other", 0, other, sizeof(other)), sizeof(other));
	vfs_drop(drive);
	assert_int_equal(vfs_read(drive, "/kept", 0, back, sizeof(back)), bytes);
	assert_memory_equal(back, kept, bytes);
	assert_int_equal(vfs_unlink(drive, "/other"), 0);
	vfs_sync(drive);
	vfs_sync(drive);
}

/* @which: what fails. @return -ENOMEM: it did */
static int64_t change_size(struct drive *drive, int which, const uint8_t *kept)
{
	int64_t result;

	switch (which) {
	case 0: return vfs_truncate(drive, "/kept", 9216);
	case 1: return vfs_truncate(drive, "/kept", 0);
	default:
		result = vfs_write(drive, "/kept", 0, kept, KEPT_BYTES);
		return result == KEPT_BYTES ? 0 : result;
	}
}

/* The same of sizes, and of clusters: a chain that was not cut is not freed. */
static void sizes_without_memory_are_as_before(void **state)
{
	struct drive *drive = image_make("-F 16 -s 1", "8M");
	static uint8_t kept[KEPT_BYTES];
	uint64_t sizes[] = { 9216, 0, KEPT_BYTES }, size = KEPT_BYTES;
	int failures = 0;

	pattern_fill(kept, sizeof(kept), 7);
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_create(drive, "/kept", 0100644);
	assert_int_equal(vfs_write(drive, "/kept", 0, kept, sizeof(kept)), sizeof(kept));
	for (uint64_t round = 0; round < 14; round++)
		for (int which = 0; which < 3; which++) {
			int64_t result;

			vfs_drop(drive);
			if (round % 2)
				drive_fail_alloc((int64_t)round % 4 / 2);
			else
				drive->fail_write = 1 + round / 2 % 7;
			result = change_size(drive, which, kept);
			drive_fail_alloc(-1);
			drive->fail_write = 0;
			if (result) {
				assert_int_equal(result, -ENOMEM);
				failures++;
				kept_is_whole(drive, kept, size);
				assert_int_equal(change_size(drive, which, kept), 0);
			}
			size = sizes[which];
			kept_is_whole(drive, kept, size);
		}
	assert_true(failures > 5);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

/* A commit that has no memory once: what it cuts and frees is cut, and freed, once. */
static void commits_without_memory_are_repeated(void **state)
{
	struct drive *drive = image_make("-F 16 -s 1", "8M");
	static uint8_t kept[KEPT_BYTES];
	struct banos_statfs full = { .size = sizeof(full) }, after = { .size = sizeof(after) };
	struct banos_attr attr;

	pattern_fill(kept, sizeof(kept), 8);
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_create(drive, "/kept", 0100644);
	assert_int_equal(vfs_write(drive, "/kept", 0, kept, sizeof(kept)), sizeof(kept));
	vfs_drop(drive);
	assert_int_equal(drive->ops->statfs(drive->fs, &full), 0);
	for (uint64_t round = 0; round < 20; round++) {
		vfs_create(drive, "/gone", 0100644);
		vfs_write(drive, "/gone", 0, kept, sizeof(kept));
		vfs_sync(drive);
		vfs_unlink(drive, "/gone");
		assert_int_equal(vfs_stat(drive, "/kept", &attr), 0);
		drive_method_start(drive, true);
		assert_int_equal(drive_method_end(drive, "allocate",
						  drive->ops->allocate(drive->fs, attr.node,
								       BANOS_ALLOCATE_KEEP_SIZE, 0,
								       80 * KIB)),
				 0);
		vfs_forget_all(drive);
		drive->fail_write = 1 + round % 10;
		vfs_sync(drive);
		drive->fail_write = 0;
		kept_is_whole(drive, kept, sizeof(kept));
		assert_int_equal(drive->ops->statfs(drive->fs, &after), 0);
		assert_int_equal(after.free, full.free);
	}
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

/* ---- limits ---- */

static void the_root_folder_has_its_limit(void **state)
{
	struct drive *drive = image_make("", "1440K");
	char path[30];
	int made = 0;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/F%d", i);
		made += !vfs_create(drive, path, 0100644);
	}
	assert_int_equal(made, 224);
	assert_int_equal(vfs_mkdir(drive, "/D", 0755), -ENOSPC);
	vfs_unlink(drive, "/F7");
	assert_int_equal(vfs_mkdir(drive, "/D", 0755), 0);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

static void a_full_volume_is_emptied(void **state)
{
	struct drive *drive = image_make("-F 16", "16M");
	static uint8_t bytes[1 << 20];
	char path[30];
	int files = 0;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	do
		snprintf(path, sizeof(path), "/file %d", files++);
	while (!vfs_create(drive, path, 0100644) &&
	       vfs_write(drive, path, 0, bytes, sizeof(bytes)) == sizeof(bytes));
	assert_in_range(files, 14, 17);
	assert_int_equal(vfs_write(drive, path, 20 << 20, bytes, 1), -ENOSPC);
	vfs_unlink(drive, "/file 0");
	vfs_unlink(drive, "/file 1");
	assert_int_equal(vfs_create(drive, "/again", 0100644), 0);
	assert_int_equal(vfs_write(drive, "/again", 0, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_not_equal(drive->count.again, 0);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
}

static void files_end_below_4_gib(void **state)
{
	struct drive *drive = image_make("-F 32 -s 128", "5G");
	struct banos_attr attr;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	assert_int_equal(drive->info.bytes_max, 0xffffffff);
	vfs_create(drive, "/f", 0100644);
	assert_int_equal(vfs_truncate(drive, "/f", 1ull << 32), -EFBIG);
	assert_int_equal(vfs_stat(drive, "/f", &attr), 0);
	assert_int_equal(attr.bytes, 0);
	drive_unmount(drive);
	drive_close(drive);
}

/* ---- nodes ---- */

static void nodes_keep_their_numbers(void **state)
{
	struct drive *drive = image_make("-F 32", "40M");
	struct banos_attr attr;
	char text[10];
	int64_t node;

	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	vfs_create(drive, "/a", 0100644);
	vfs_write(drive, "/a", 0, "aaa", 3);
	vfs_create(drive, "/b", 0100644);
	vfs_write(drive, "/b", 0, "bb", 2);
	node = vfs_open(drive, "/a");
	vfs_rename(drive, "/a", "/c", 0);
	vfs_create(drive, "/a", 0100644);
	assert_int_equal(vfs_stat(drive, "/c", &attr), 0);
	assert_int_equal(attr.node, node);
	assert_int_equal(vfs_stat(drive, "/a", &attr), 0);
	assert_int_not_equal(attr.node, node);
	/* Replaced while it is open: it stays until it is closed. */
	vfs_rename(drive, "/b", "/c", 0);
	vfs_sync(drive);
	vfs_close(drive, (uint64_t)node);
	assert_int_equal(vfs_read(drive, "/c", 0, text, 10), 2);
	assert_memory_equal(text, "bb", 2);
	drive_unmount(drive);
	assert_true(image_is_clean(drive));
	drive_close(drive);
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
		cmocka_unit_test(another_instance_leaves_it_clean),
		cmocka_unit_test(short_names_are_those_of_linux),
		cmocka_unit_test(names_are_what_mtools_reads),
		cmocka_unit_test(dates_are_kept),
		cmocka_unit_test(options_and_attributes),
		cmocka_unit_test(many_names_are_found),
		cmocka_unit_test(names_of_a_damaged_disk_may_be_the_same),
		cmocka_unit_test(changes_without_memory_have_not_happened),
		cmocka_unit_test(sizes_without_memory_are_as_before),
		cmocka_unit_test(commits_without_memory_are_repeated),
		cmocka_unit_test(the_root_folder_has_its_limit),
		cmocka_unit_test(a_full_volume_is_emptied),
		cmocka_unit_test(files_end_below_4_gib),
		cmocka_unit_test(nodes_keep_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, tests_end);
}

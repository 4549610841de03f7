/* SPDX-License-Identifier: MIT */
/* drivers/fs/iso9660: everything on a disk is what xorriso and genisoimage were given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/sysmacros.h>
#include <banos/errno.h>
#include "../../drivers/fs/iso9660/internal.h"
#include "../../drivers/fs/iso9660/options.h"
#include "disk_image.h"
#include "fsdrive/fsdrive.h"

#define PATH_ROOM 8192

/* Names of all lengths, links of all kinds, deep folders, holes of names in UTF-8. */
#define TREE                                                                                   \
	"mkdir -p tree/empty tree/many 'tree/with blanks' && cd tree && "                      \
	"printf hello >file && : >nothing && head -c 100000 /dev/urandom >random && "          \
	"printf x >.hidden && printf y >UPPER.TXT && printf z >'a;b' && printf u >\"$(printf " \
	"'\\303\\244\\342\\202\\254')\" && ln file hard && ln -s file link && "                \
	"ln -s /usr//lib/../x/./y absolute && ln -s a//b double && ln -s .. up && "            \
	"n=$(printf %0200d 7) && printf long >$n && ln -s $n/x longlink && "                   \
	"ln -s / root && (mknod null c 1 3 && mknod large b 300 70000 || true) && "            \
	"i=0 && while [ $i -lt 300 ]; do echo $i >many/number$i; i=$((i+1)); done && "         \
	"mkdir -p 1/2/3/4/5/6/7/8/9/10 && echo deep >1/2/3/4/5/6/7/8/9/10/file && "            \
	"printf b >'with blanks/a b' && chmod 4751 file && chmod 700 empty && "                \
	"touch -d '2001-02-03 04:05:06' random && touch -d '1999-12-31 23:59:59' empty && cd .. && "

static void set_up_image(struct disk_image *image, const char *command)
{
	assert_int_equal(disk_image_create(image, 4096), 0);
	assert_int_equal(disk_image_run(image, command), 0);
}

struct compared {
	struct drive *drive;
	bool rock;
	uint32_t entries;
};

static void compare_content(struct drive *drive, const char *path, const char *original,
			    uint64_t bytes)
{
	char *expected = malloc(bytes + 1), *got = malloc(bytes + 1);
	FILE *file = fopen(original, "rb");

	assert_non_null(file);
	assert_int_equal(fread(expected, 1, bytes, file), bytes);
	assert_int_equal(vfs_read(drive, path, 0, got, bytes + 1), bytes);
	assert_memory_equal(got, expected, bytes);
	fclose(file);
	free(expected);
	free(got);
}

static void compare_link(struct drive *drive, const char *path, const char *original)
{
	char expected[4096], got[4096];
	ssize_t bytes = readlink(original, expected, sizeof(expected));

	assert_int_equal(vfs_readlink(drive, path, got, sizeof(got)), bytes);
	assert_memory_equal(got, expected, bytes);
}

static void compare_node(const struct compared *compared, const char *path, const char *original)
{
	struct banos_attr attr = { .size = sizeof(attr) };
	struct stat about;

	assert_int_equal(lstat(original, &about), 0);
	if (vfs_stat(compared->drive, path, &attr))
		fail_msg("%s is missing", path);
	if (compared->rock)
		assert_int_equal(attr.mode, about.st_mode);
	if (compared->rock && !S_ISLNK(about.st_mode))
		assert_int_equal(attr.mtime_ns / 1000000000, about.st_mtime);
	if (S_ISREG(about.st_mode)) {
		assert_int_equal(attr.bytes, about.st_size);
		compare_content(compared->drive, path, original, about.st_size);
	}
	if (S_ISLNK(about.st_mode)) {
		assert_int_equal(attr.bytes, about.st_size);
		compare_link(compared->drive, path, original);
	}
	if (S_ISCHR(about.st_mode) || S_ISBLK(about.st_mode)) {
		assert_int_equal(attr.rdev_major, major(about.st_rdev));
		assert_int_equal(attr.rdev_minor, minor(about.st_rdev));
	}
}

static void count_entry(void *context, const char *name, uint64_t node, uint32_t type)
{
	/* What genisoimage makes for folders that lie too deep. */
	if (strcmp(name, "rr_moved") && strcmp(name, ".rr_moved"))
		(*(uint32_t *)context)++;
}

static void compare_folder(struct compared *compared, const char *path, const char *original)
{
	char *below = malloc(PATH_ROOM), *original_below = malloc(PATH_ROOM);
	DIR *dir = opendir(original);
	uint32_t expected = 0, listed = 0;
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct stat about;

		snprintf(original_below, PATH_ROOM, "%s/%s", original, entry->d_name);
		snprintf(below, PATH_ROOM, "%s/%s", path[1] ? path : "", entry->d_name);
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		assert_int_equal(lstat(original_below, &about), 0);
		if (!compared->rock && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
			continue;
		compare_node(compared, below, original_below);
		if (S_ISDIR(about.st_mode))
			compare_folder(compared, below, original_below);
		expected++;
	}
	assert_true(vfs_readdir(compared->drive, path, count_entry, &listed) >= 0);
	assert_int_equal(listed, expected);
	compared->entries += expected;
	closedir(dir);
	free(below);
	free(original_below);
}

static void compare_image(const char *command, const char *options, bool rock, uint32_t entries)
{
	char original[128];
	struct disk_image image;
	struct compared compared = { .rock = rock };

	set_up_image(&image, command);
	compared.drive = drive_open(image.path);
	assert_non_null(compared.drive);
	assert_int_equal(drive_mount(compared.drive, options, BANOS_MOUNT_READ_ONLY), 0);
	snprintf(original, sizeof(original), "%s/tree", image.folder);
	compare_folder(&compared, "/", original);
	assert_true(compared.entries >= entries);
	drive_unmount(compared.drive);
	drive_close(compared.drive);
	disk_image_destroy(&image);
}

static void test_rock_ridge_of_xorriso(void **state)
{
	compare_image(TREE
		      "ln -s $n/$n/$n/$n tree/longerlink && xorriso -as mkisofs -R -J -o $1 tree",
		      "", true, 330);
}
static void test_rock_ridge_of_genisoimage(void **state)
{
	compare_image(TREE "genisoimage -R -J -joliet-long -o $1 tree", "", true, 330);
}
static void test_genisoimage_in_another_zone(void **state)
{
	compare_image(TREE "mkfifo tree/fifo && TZ=Asia/Kolkata genisoimage -R -o $1 tree", "",
		      true, 330);
	compare_image(TREE "TZ=America/Sao_Paulo genisoimage -R -o $1 tree", "", true, 330);
}
static void test_joliet_without_rock_ridge(void **state)
{
	/* Joliet of these tools has names of 64 characters, and no ";". */
	compare_image(
		"mkdir -p tree/Folder/below && printf a >'tree/Folder/Name With Blanks.text' && "
		"printf b >\"tree/$(printf '\\303\\244\\342\\202\\254')\" && : >tree/empty && "
		"xorriso -as mkisofs -J -o $1 tree",
		"norock", false, 5);
	compare_image(
		"mkdir -p tree/Folder/below && printf a >'tree/Folder/Name With Blanks.text' && "
		"export LC_ALL=C.UTF-8; genisoimage -J -o $1 tree",
		"", false, 3);
}
static void test_plain_names_are_in_lower_case(void **state)
{
	compare_image(
		"mkdir -p tree/folder && printf a >tree/folder/file.txt && printf b >tree/noext && "
		"genisoimage -o $1 tree",
		"", false, 3);
}
static uint8_t *find_bytes(struct drive *drive, const uint8_t *bytes, size_t count)
{
	for (uint64_t i = 0; i + count <= drive->bytes; i++)
		if (!memcmp(drive->disk + i, bytes, count))
			return drive->disk + i;
	fail_msg("there is no record of that name");
	return NULL;
}

/* Records behind each other with one name are one file. */
static void test_sections_are_one_file(void **state)
{
	static const uint8_t first[] = "F1.;1", second[] = "F2.;1";
	struct banos_attr attr = { .size = sizeof(attr) };
	struct disk_image image;
	struct drive *drive;
	char content[7000];
	uint8_t *record;

	set_up_image(&image,
		     "mkdir tree && head -c 4096 /dev/zero | tr '\\0' a >tree/f1 && "
		     "head -c 2500 /dev/zero | tr '\\0' b >tree/f2 && genisoimage -o $1 tree");
	drive = drive_open(image.path);
	record = find_bytes(drive, first, 5);
	record[-8] |= 0x80; /* flags, 8 in front of the name */
	memcpy(find_bytes(drive, second, 5), first, 5);
	memcpy(drive->cache, drive->disk, drive->bytes);
	assert_int_equal(drive_mount(drive, "", BANOS_MOUNT_READ_ONLY), 0);
	assert_int_equal(vfs_stat(drive, "/f1", &attr), 0);
	assert_int_equal(attr.bytes, 6596);
	assert_int_equal(vfs_read(drive, "/f1", 0, content, sizeof(content)), 6596);
	assert_int_equal(content[4095], 'a');
	assert_int_equal(content[4096], 'b');
	assert_int_equal(content[6595], 'b');
	drive_unmount(drive);
	drive_close(drive);
	disk_image_destroy(&image);
}

static void test_options(void **state)
{
	struct iso_options options;
	struct banos_attr attr = { .size = sizeof(attr) };
	struct disk_image image;
	struct drive *drive;

	assert_int_equal(iso_options_parse("norock,,uid=5", &options), 0);
	assert_false(options.rock);
	assert_int_equal(options.uid, 5);
	assert_int_equal(iso_options_parse("uid=", &options), -EINVAL);
	assert_int_equal(iso_options_parse("uid=4294967296", &options), -EINVAL);
	assert_int_equal(iso_options_parse("mode=9", &options), -EINVAL);
	assert_int_equal(iso_options_parse("norocks", &options), -EINVAL);
	set_up_image(&image,
		     "mkdir tree && : >tree/f && chmod 777 tree/f && genisoimage -R -o $1 tree");
	drive = drive_open(image.path);
	assert_int_equal(
		drive_mount(drive, "uid=7,gid=8,mode=640,dmode=750", BANOS_MOUNT_READ_ONLY), 0);
	assert_int_equal(vfs_stat(drive, "/f", &attr), 0);
	assert_int_equal(attr.mode, 0100640);
	assert_int_equal(attr.uid, 7);
	assert_int_equal(attr.gid, 8);
	assert_int_equal(vfs_stat(drive, "/", &attr), 0);
	assert_int_equal(attr.mode, 0040750);
	drive_unmount(drive);
	assert_int_equal(drive_mount(drive, "wrong", BANOS_MOUNT_READ_ONLY), -EINVAL);
	drive_close(drive);
	disk_image_destroy(&image);
}

static void test_dates(void **state)
{
	static const uint8_t epoch[] = { 70, 1, 1, 0, 0, 0, 0 }, leap[] = { 100, 3, 1, 0, 0, 0, 0 },
			     before[] = { 0, 1, 1, 0, 0, 0, 0 },
			     late[] = { 255, 12, 31, 23, 59, 59, 0 },
			     zone[] = { 70, 1, 1, 5, 30, 0, 22 },
			     west[] = { 70, 1, 1, 0, 0, 0, 0xf4 },
			     wrong[] = { 70, 13, 1, 0, 0, 0, 0 };

	assert_int_equal(iso_date(epoch), 0);
	assert_int_equal(iso_date(leap), 951868800);
	assert_int_equal(iso_date(before), -2208988800ll);
	assert_int_equal(iso_date(late), 5869583999ll);
	assert_int_equal(iso_date(zone), 0);
	assert_int_equal(iso_date(west), 3 * 3600);
	assert_int_equal(iso_date(wrong), 0);
}

static void test_other_disks_are_refused(void **state)
{
	struct drive *drive = drive_create(NULL, 1 << 20);

	assert_int_equal(drive_mount(drive, "", BANOS_MOUNT_READ_ONLY), -EINVAL);
	memcpy(drive->cache + 16 * 2048 + 1, "CD001", 5);
	drive->cache[16 * 2048] = 1;
	assert_int_equal(drive_mount(drive, "", BANOS_MOUNT_READ_ONLY), -EINVAL);
	drive_close(drive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rock_ridge_of_xorriso),
		cmocka_unit_test(test_rock_ridge_of_genisoimage),
		cmocka_unit_test(test_genisoimage_in_another_zone),
		cmocka_unit_test(test_joliet_without_rock_ridge),
		cmocka_unit_test(test_plain_names_are_in_lower_case),
		cmocka_unit_test(test_sections_are_one_file),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_other_disks_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	drive_driver_exit();
	return failed;
}

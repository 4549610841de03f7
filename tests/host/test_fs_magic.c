// SPDX-License-Identifier: MIT
/*
 * drivers/fs/probe: file systems that their own tools made, and what blkid says of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/fs/probe/magic.h"
#include "disk_image.h"

#define MIB (1ull << 20)

static int64_t read_disk(void *arg, uint64_t offset, void *to, uint64_t bytes)
{
	return disk_image_read(arg, offset, to, bytes);
}

static int64_t find(struct disk_image *image, struct magic_found *found)
{
	int64_t (*const kinds[])(const struct magic_disk *, uint8_t *,
				 struct magic_found *) = { magic_ext, magic_iso9660, magic_fat };
	struct magic_disk disk = { image->bytes, image, read_disk };
	uint8_t work[MAGIC_WORK_BYTES];
	int64_t result = 0;

	for (size_t i = 0; !result && i < 3; i++) {
		memset(work, 0xa5, sizeof(work));
		result = kinds[i](&disk, work, found);
	}
	return result;
}

/* What blkid says: "" where it says nothing. */
static void ask_blkid(struct disk_image *image, const char *what, char *answer, size_t size)
{
	char line[256];
	FILE *pipe;

	snprintf(line, sizeof(line), "/sbin/blkid -p -o value -s %s '%s'", what, image->path);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	if (!fgets(answer, size, pipe))
		answer[0] = 0;
	answer[strcspn(answer, "\n")] = 0;
	pclose(pipe);
}

static void check_same(const char *command, uint64_t bytes)
{
	struct disk_image image;
	struct magic_found found;
	char answer[256];

	assert_int_equal(disk_image_create(&image, bytes), 0);
	assert_int_equal(disk_image_run(&image, command), 0);
	ask_blkid(&image, "TYPE", answer, sizeof(answer));
	assert_int_equal(find(&image, &found), answer[0] != 0);
	if (answer[0]) {
		assert_string_equal(found.type, answer);
		ask_blkid(&image, "UUID", answer, sizeof(answer));
		assert_string_equal(found.uuid, answer);
		ask_blkid(&image, "LABEL", answer, sizeof(answer));
		assert_string_equal(found.label, answer);
	}
	disk_image_destroy(&image);
}

static void test_ext(void **state)
{
	check_same("mke2fs -t ext2 -L 'a root' $1", 8 * MIB);
	check_same("mke2fs -t ext3 $1", 8 * MIB);
	check_same("mke2fs -t ext4 -L sixteen.letters. $1", 8 * MIB);
	check_same("mke2fs -t ext4 -O ^has_journal $1", 8 * MIB);
	check_same("mke2fs -t ext2 -O meta_bg,^resize_inode -b 4096 $1", 16 * MIB);
	check_same("mke2fs -r 0 $1", 8 * MIB);
	check_same("mke2fs -t ext2 -b 65536 -F $1", 64 * MIB);
}

static void test_fat(void **state)
{
	check_same("mkfs.fat -F 12 -n 'MY DISK' $1", MIB);
	check_same("mkfs.fat -F 12 $1", MIB);
	check_same("mkfs.fat -F 16 -i 0123abcd -n SIXTEEN $1", 32 * MIB);
	check_same("mkfs.fat -F 32 -n THIRTY $1", 64 * MIB);
	check_same("mkfs.fat -S 4096 $1", 64 * MIB);
	check_same("mkfs.fat -f 1 -R 64 -h 2048 $1", 16 * MIB);
	check_same("mkfs.fat -F 16 $1 && mlabel -i $1 ::changed", 32 * MIB);
	/* The label is behind other entries. */
	check_same(
		"mkfs.fat -F 32 $1 && for i in 1 2 3 4 5 6 7 8 9; do mmd -i $1 ::folder-with-a-long-name-$i; done && "
		"mlabel -i $1 ::LAST",
		64 * MIB);
}

static void test_iso9660(void **state)
{
	check_same("mkdir t && genisoimage -quiet -V 'A Disc' -R -o $1 t", MIB);
	check_same("mkdir t && genisoimage -quiet -o $1 t", MIB);
	check_same("mkdir t && xorriso -as mkisofs -V XORRISO -o $1 t", MIB);
}

static void test_nothing(void **state)
{
	struct magic_found found;
	struct disk_image image;

	check_same("true", MIB);
	check_same("printf 'start=2048' | sfdisk --no-reread $1", 8 * MIB);
	check_same("sgdisk -n 1:2048 $1", 8 * MIB);
	check_same("dd if=/dev/zero bs=1M count=1 | tr '\\0' '\\377' >$1", MIB);
	for (uint64_t bytes = 0; bytes < 4096; bytes += 512) {
		assert_int_equal(disk_image_create(&image, bytes), 0);
		assert_int_equal(find(&image, &found), 0);
		disk_image_destroy(&image);
	}
}

/* mkfs.ntfs is not installed everywhere; this is what its boot sector says where that of FAT would. */
static void test_ntfs_is_no_fat(void **state)
{
	static const uint8_t boot[] = { 0xeb, 0x52, 0x90, 'N', 'T', 'F', 'S', ' ', ' ', ' ', ' ',
					0,    2,    8,	  0,   0,   0,	 0,   0,   0,	0,   0xf8 };
	struct magic_found found;
	struct disk_image image;

	assert_int_equal(disk_image_create(&image, 8 * MIB), 0);
	assert_int_equal(pwrite(fileno(image.file), boot, sizeof(boot), 0), sizeof(boot));
	assert_int_equal(find(&image, &found), 0);
	disk_image_destroy(&image);
}

static int64_t read_fails(void *arg, uint64_t offset, void *to, uint64_t bytes)
{
	return -5;
}

static void test_errors_end_it(void **state)
{
	struct magic_disk disk = { MIB, NULL, read_fails };
	uint8_t work[MAGIC_WORK_BYTES];
	struct magic_found found;

	assert_int_equal(magic_ext(&disk, work, &found), -5);
	assert_int_equal(magic_fat(&disk, work, &found), -5);
	assert_int_equal(magic_iso9660(&disk, work, &found), -5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ext),
		cmocka_unit_test(test_fat),
		cmocka_unit_test(test_iso9660),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_ntfs_is_no_fat),
		cmocka_unit_test(test_errors_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

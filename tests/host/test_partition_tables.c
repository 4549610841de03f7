/* SPDX-License-Identifier: MIT */
/* drivers/partition/mbr.c and gpt.c: tables that sfdisk, parted and sgdisk made, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>
#include "../../drivers/partition/gpt.h"
#include "../../drivers/partition/mbr.h"
#include "disk_image.h"

#define MIB   (1ull << 20)
#define FOUND 64

struct found {
	struct disk_image image;
	struct table_disk disk;
	uint32_t count, warnings;
	struct table_part parts[FOUND];
};

static int64_t read_disk(void *arg, uint64_t offset, void *to, uint64_t bytes)
{
	struct found *found = arg;

	return disk_image_read(&found->image, offset, to, bytes);
}
static int64_t keep(void *arg, const struct table_part *part)
{
	struct found *found = arg;

	assert_true(found->count < FOUND);
	assert_true(part->offset && part->bytes && part->offset < found->image.bytes &&
		    part->bytes <= found->image.bytes - part->offset);
	found->parts[found->count++] = *part;
	return 0;
}
static void count_warning(void *arg, const char *text)
{
	((struct found *)arg)->warnings++;
}

static int64_t sum(uint32_t before, const void *data, uint64_t bytes)
{
	return crc32(before, data, bytes);
}

static void begin(struct found *found, uint64_t bytes, uint32_t block_bytes, const char *command)
{
	memset(found, 0, sizeof(*found));
	assert_int_equal(disk_image_create(&found->image, bytes), 0);
	assert_int_equal(disk_image_run(&found->image, command), 0);
	found->disk = (struct table_disk){ found->image.bytes, block_bytes, found,
					   read_disk,	       keep,	    count_warning };
}

static int64_t parse_mbr(struct found *found)
{
	static struct mbr_work work;

	found->count = found->warnings = 0;
	memset(&work, 0xa5, sizeof(work));
	return mbr_parse(&found->disk, &work);
}
static int64_t parse_gpt(struct found *found)
{
	static struct gpt_work work;

	found->count = found->warnings = 0;
	memset(&work, 0xa5, sizeof(work));
	return gpt_parse(&found->disk, sum, &work);
}

static void poke(struct found *found, uint64_t offset, const void *bytes, size_t count)
{
	assert_int_equal(pwrite(fileno(found->image.file), bytes, count, offset), count);
}

static void check_part(const struct found *found, uint32_t index, uint32_t number, uint64_t first,
		       uint64_t count, const char *type)
{
	const struct table_part *part = &found->parts[index];

	assert_true(index < found->count);
	assert_int_equal(part->number, number);
	assert_int_equal(part->offset, first * found->disk.block_bytes);
	assert_int_equal(part->bytes, count * found->disk.block_bytes);
	assert_string_equal(part->type, type);
}

/* ---- MBR ---- */

static void test_primary_partitions(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512,
	      "printf 'label: dos\\nlabel-id: 0x1234abcd\\nstart=2048,size=4096,type=83,bootable\\n"
	      "start=8192,size=2048,type=c\\n' | sfdisk $1");
	assert_int_equal(parse_mbr(&found), 1);
	assert_int_equal(found.count, 2);
	check_part(&found, 0, 1, 2048, 4096, "0x83");
	check_part(&found, 1, 2, 8192, 2048, "0x0c");
	assert_int_equal(found.parts[0].flags, TABLE_BOOT);
	assert_int_equal(found.parts[1].flags, 0);
	assert_string_equal(found.parts[0].uuid, "1234abcd-01");
	assert_string_equal(found.parts[1].uuid, "1234abcd-02");
	assert_int_equal(parse_gpt(&found), 0);
	disk_image_destroy(&found.image);
}

static void test_chain_runs_backwards(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512,
	      "printf 'label: dos\\nstart=2048,size=2048,type=83\\nstart=8192,size=100000,type=5\\n"
	      "start=61440,size=2048,type=83\\nstart=20480,size=2048,type=82\\n"
	      "start=40960,size=2048,type=83\\n' | sfdisk --no-reread $1");
	assert_int_equal(parse_mbr(&found), 1);
	assert_int_equal(found.count, 5);
	check_part(&found, 1, 2, 8192, 2, "0x05");
	assert_int_equal(found.parts[1].flags, TABLE_INNER);
	check_part(&found, 2, 5, 61440, 2048, "0x83");
	check_part(&found, 3, 6, 20480, 2048, "0x82");
	check_part(&found, 4, 7, 40960, 2048, "0x83");
	assert_int_equal(found.warnings, 0);
	disk_image_destroy(&found.image);
}

static void test_parted_makes_the_same_chain(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512,
	      "parted -s $1 mklabel msdos mkpart primary 1MiB 2MiB mkpart extended 2MiB 60MiB "
	      "mkpart logical 30MiB 40MiB mkpart logical 3MiB 10MiB");
	assert_int_equal(parse_mbr(&found), 1);
	assert_int_equal(found.count, 4);
	assert_string_equal(found.parts[1].type, "0x0f");
	check_part(&found, 2, 5, 61440, 20480, "0x83");
	check_part(&found, 3, 6, 6144, 14336, "0x83");
	disk_image_destroy(&found.image);
}

static void test_blocks_of_4096_bytes(void **state)
{
	static const uint8_t table[] = { 0, 0, 0, 0, 0x83, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0 };
	struct found found;

	begin(&found, 16 * MIB, 4096, "true");
	poke(&found, 446, table, sizeof(table));
	poke(&found, 510, "\x55\xaa", 2);
	assert_int_equal(parse_mbr(&found), 1);
	check_part(&found, 0, 1, 256, 512, "0x83");
	disk_image_destroy(&found.image);
}

static void test_circle_ends(void **state)
{
	struct found found;
	uint8_t record[512];

	begin(&found, 64 * MIB, 512,
	      "printf 'label: dos\\nstart=8192,size=100000,type=5\\nstart=20480,size=2048,type=83\\n"
	      "start=40960,size=2048,type=83\\n' | sfdisk --no-reread $1");
	assert_int_equal(parse_mbr(&found), 1);
	assert_int_equal(found.count, 3);
	/* The second record leads to itself. */
	assert_int_equal(disk_image_read(&found.image, 8192 * 512, record, 512), 0);
	poke(&found, 512ull * (8192 + table_get32(record + 446 + 16 + 8)) + 446 + 16,
	     record + 446 + 16, 16);
	assert_int_equal(parse_mbr(&found), 1);
	assert_int_equal(found.count, 3);
	assert_int_equal(found.warnings, 1);
	disk_image_destroy(&found.image);
}

static void test_long_chain_has_an_end(void **state)
{
	struct found found;
	uint8_t entries[32] = { [4] = 5, [12] = 1, [20] = 5, [28] = 1 };

	begin(&found, 16 * MIB, 512, "true");
	entries[8] = 1;
	for (int i = 0; i < 1000; i++) {
		entries[8] = (i + 1) & 0xff;
		entries[9] = (i + 1) >> 8;
		poke(&found, 512 * i + 446, entries, 16);
		poke(&found, 512 * i + 510, "\x55\xaa", 2);
	}
	assert_int_equal(parse_mbr(&found), 1);
	assert_int_equal(found.warnings, 1);
	disk_image_destroy(&found.image);
}

static void test_file_systems_are_no_tables(void **state)
{
	static const char *const commands[] = {
		"mkfs.vfat -F 12 $1",
		"mkfs.vfat -F 32 $1",
		"busybox mkdosfs $1",
		"mformat -i $1 ::",
		"true",
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct found found;

		begin(&found, 64 * MIB, 512, commands[i]);
		assert_int_equal(parse_mbr(&found), 0);
		assert_int_equal(parse_gpt(&found), 0);
		assert_int_equal(found.count, 0);
		disk_image_destroy(&found.image);
	}
}

static void test_what_lies_beyond_the_end_is_cut(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512,
	      "printf 'label: dos\\nstart=2048,size=65536,type=83\\nstart=100000,size=2048,type=83\\n'"
	      " | sfdisk --no-reread $1 && truncate -s 32M $1");
	assert_int_equal(parse_mbr(&found), 1);
	assert_int_equal(found.count, 1);
	check_part(&found, 0, 1, 2048, 65536 - 2048, "0x83");
	disk_image_destroy(&found.image);
}

/* ---- GPT ---- */

/* clang-format off */
#define TWO_PARTITIONS \
	"printf 'label: gpt\\nstart=2048,size=4096,uuid=11223344-5566-7788-99AA-BBCCDDEEFF00," \
	"attrs=LegacyBIOSBootable\\nstart=10240,size=1024,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B" \
	"\\n' | sfdisk --no-reread $1 && sgdisk -c \"1:Wurzel \303\244\360\237\220\247\" $1"
/* clang-format on */

static void check_two(struct found *found)
{
	assert_int_equal(found->count, 2);
	check_part(found, 0, 1, 2048, 4096, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	check_part(found, 1, 2, 10240, 1024, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
	assert_string_equal(found->parts[0].uuid, "11223344-5566-7788-99aa-bbccddeeff00");
	assert_string_equal(found->parts[0].name, "Wurzel \303\244\360\237\220\247");
	assert_int_equal(found->parts[0].flags, TABLE_BOOT);
	assert_string_equal(found->parts[1].name, "");
}

static void test_gpt_is_not_of_mbr(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512, TWO_PARTITIONS);
	assert_int_equal(parse_gpt(&found), 1);
	check_two(&found);
	assert_int_equal(found.warnings, 0);
	assert_int_equal(parse_mbr(&found), 0);
	disk_image_destroy(&found.image);
}

static void test_second_copy_takes_over(void **state)
{
	static const uint64_t damaged[] = { 512, 512 + 40, 512 + 88, 1024 + 5, 1024 + 127 * 128 };
	uint64_t last = 64 * MIB - 512;

	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct found found;

		begin(&found, 64 * MIB, 512, TWO_PARTITIONS);
		poke(&found, damaged[i], "\x99", 1);
		assert_int_equal(parse_gpt(&found), 1);
		check_two(&found);
		assert_int_equal(found.warnings, 1);
		poke(&found, last + 20, "\x99", 1);
		assert_int_equal(parse_gpt(&found), 0);
		assert_int_equal(found.warnings, 1);
		disk_image_destroy(&found.image);
	}
}

static void test_grown_and_cut_disks(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512, TWO_PARTITIONS " && truncate -s 96M $1");
	assert_int_equal(parse_gpt(&found), 1);
	check_two(&found);
	/* The second copy is where the first one says, if its array is what is damaged. */
	poke(&found, 1024 + 5, "\x99", 1);
	assert_int_equal(parse_gpt(&found), 1);
	check_two(&found);
	disk_image_destroy(&found.image);
	begin(&found, 64 * MIB, 512, TWO_PARTITIONS " && truncate -s 32M $1");
	assert_int_equal(parse_gpt(&found), 0);
	disk_image_destroy(&found.image);
}

/* As grub-mkrescue makes them, for disks and discs. */
static void test_table_for_other_blocks_is_not_damaged(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512, TWO_PARTITIONS);
	found.disk.block_bytes = 2048;
	assert_int_equal(parse_gpt(&found), 0);
	assert_int_equal(found.count, 0);
	assert_int_equal(found.warnings, 0);
	disk_image_destroy(&found.image);
}

static void test_any_number_and_size_of_entries(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512, "sgdisk -S 56 -n 1:2048:+1M -n 56:8192:+1M -c 56:last $1");
	assert_int_equal(parse_gpt(&found), 1);
	assert_int_equal(found.count, 2);
	check_part(&found, 1, 56, 8192, 2048, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	assert_string_equal(found.parts[1].name, "last");
	disk_image_destroy(&found.image);
}

/* No tool makes these: the same table with entries of 136, 256 and 640 bytes. */
static void test_wide_entries(void **state)
{
	static const uint32_t widths[] = { 136, 256, 640, 4096 };

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		uint8_t header[512], entries[8 * 4096] = { 0 };
		uint32_t crc, width = widths[i], eight = 8;
		struct found found;

		begin(&found, 64 * MIB, 512, TWO_PARTITIONS);
		assert_int_equal(disk_image_read(&found.image, 512, header, 512), 0);
		for (int k = 0; k < 8; k++)
			assert_int_equal(disk_image_read(&found.image, 1024 + 128 * k,
							 entries + width * k, 128),
					 0);
		memcpy(header + 80, &eight, 4);
		memcpy(header + 84, &width, 4);
		crc = crc32(0, entries, 8 * width);
		memcpy(header + 88, &crc, 4);
		memset(header + 16, 0, 4);
		crc = crc32(0, header, 92);
		memcpy(header + 16, &crc, 4);
		poke(&found, 512, header, 512);
		poke(&found, 1024, entries, 8 * width);
		assert_int_equal(parse_gpt(&found), 1);
		check_two(&found);
		assert_int_equal(found.warnings, 0);
		disk_image_destroy(&found.image);
	}
}

static void test_gpt_of_4096_bytes(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 4096, "printf 'g\\nn\\n1\\n256\\n+4M\\nw\\n' | fdisk -b 4096 $1");
	assert_int_equal(parse_gpt(&found), 1);
	check_part(&found, 0, 1, 256, 1024, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	disk_image_destroy(&found.image);
}

static void test_hybrid_table_is_gpt(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512, "sgdisk -n 1:2048:+1M -n 2:8192:+1M $1 && sgdisk -h 1:2 $1");
	assert_int_equal(parse_mbr(&found), 0);
	assert_int_equal(parse_gpt(&found), 1);
	assert_int_equal(found.count, 2);
	disk_image_destroy(&found.image);
}

static void test_stale_gpt_is_none(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512,
	      TWO_PARTITIONS " && dd if=/dev/zero of=$1 bs=512 count=1 conv=notrunc");
	assert_int_equal(parse_gpt(&found), 0);
	disk_image_destroy(&found.image);
}

static void test_parted_begins_at_34(void **state)
{
	struct found found;

	begin(&found, 64 * MIB, 512, "parted -s $1 mklabel gpt mkpart a 0% 50%");
	assert_int_equal(parse_gpt(&found), 1);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.parts[0].name, "a");
	disk_image_destroy(&found.image);
}

static void test_small_and_odd_disks(void **state)
{
	static const uint32_t blocks[] = { 0, 1, 256, 513, 512, 4096, 8192 };
	struct found found;

	begin(&found, 64 * MIB, 512, TWO_PARTITIONS);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		for (uint64_t bytes = 0; bytes < 9000; bytes += 511) {
			found.image.bytes = found.disk.bytes = bytes;
			found.disk.block_bytes = blocks[i];
			assert_int_equal(parse_gpt(&found), 0);
			assert_int_equal(parse_mbr(&found), 0);
		}
	disk_image_destroy(&found.image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_primary_partitions),
		cmocka_unit_test(test_chain_runs_backwards),
		cmocka_unit_test(test_parted_makes_the_same_chain),
		cmocka_unit_test(test_blocks_of_4096_bytes),
		cmocka_unit_test(test_circle_ends),
		cmocka_unit_test(test_long_chain_has_an_end),
		cmocka_unit_test(test_file_systems_are_no_tables),
		cmocka_unit_test(test_what_lies_beyond_the_end_is_cut),
		cmocka_unit_test(test_gpt_is_not_of_mbr),
		cmocka_unit_test(test_second_copy_takes_over),
		cmocka_unit_test(test_grown_and_cut_disks),
		cmocka_unit_test(test_table_for_other_blocks_is_not_damaged),
		cmocka_unit_test(test_any_number_and_size_of_entries),
		cmocka_unit_test(test_wide_entries),
		cmocka_unit_test(test_gpt_of_4096_bytes),
		cmocka_unit_test(test_hybrid_table_is_gpt),
		cmocka_unit_test(test_stale_gpt_is_none),
		cmocka_unit_test(test_parted_begins_at_34),
		cmocka_unit_test(test_small_and_odd_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What SCSI units say, true or not, and what they are told: drivers/bus/virtio/scsi_wire.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/bus/virtio/scsi_wire.h"

static void test_transfers(void **state)
{
	uint8_t cdb[SCSI_CDB_BYTES] = { 0 };

	scsi_make_transfer(cdb, 0, 0, 0x01020304, 0x0506);
	assert_memory_equal(cdb, "\x28\0\1\2\3\4\0\5\6\0", 10);
	memset(cdb, 0, sizeof(cdb));
	scsi_make_transfer(cdb, 1, 1, 0xffffffff, 1);
	assert_memory_equal(cdb, "\x8a\x08\0\0\0\0\xff\xff\xff\xff\0\0\0\1\0\0", 16);
	memset(cdb, 0, sizeof(cdb));
	scsi_make_transfer(cdb, 0, 0, 8, 0x10000);
	assert_memory_equal(cdb, "\x88\0\0\0\0\0\0\0\0\x08\0\1\0\0\0\0", 16);
	/* A sum that wraps is no small number. */
	scsi_make_transfer(cdb, 0, 0, UINT64_MAX, 8);
	assert_int_equal(cdb[0], 0x88);
}

static void test_unmap(void **state)
{
	uint8_t cdb[SCSI_CDB_BYTES] = { 0 }, list[24];

	scsi_make_unmap(cdb, list, 0x0102030405060708, 0x090a0b0c);
	assert_memory_equal(cdb, "\x42\0\0\0\0\0\0\0\x18\0", 10);
	assert_memory_equal(list, "\0\x16\0\x10\0\0\0\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\0\0\0\0",
			    24);
}

static void test_identity(void **state)
{
	uint8_t data[36] = "\5\0\0\0\0\0\0\0QEMU    CD  ROM \x01        1.0";
	struct scsi_identity identity;

	assert_int_equal(scsi_parse_inquiry(data, 36, &identity), 0);
	assert_int_equal(identity.type, SCSI_CD);
	assert_string_equal(identity.model, "QEMU CD  ROM ?");
	assert_int_equal(scsi_parse_inquiry(data, 35, &identity), -1);
	data[0] = 0x60; /* no such unit */
	assert_int_equal(scsi_parse_inquiry(data, 36, &identity), -1);
	memset(data, 'x', 36);
	data[0] = 0;
	assert_int_equal(scsi_parse_inquiry(data, 36, &identity), 0);
	assert_int_equal(strlen(identity.model), 25);
	memset(data, 0, 36);
	assert_int_equal(scsi_parse_inquiry(data, 36, &identity), 0);
	assert_string_equal(identity.model, "");
}

static void test_sizes(void **state)
{
	struct scsi_format format = { 0 };
	uint8_t data[32] = { 0, 0, 0x0f, 0xff, 0, 0, 2, 0 };

	assert_int_equal(scsi_parse_capacity10(data, 8, &format), 0);
	assert_int_equal(format.blocks, 4096);
	assert_int_equal(format.block_shift, 9);
	assert_int_equal(scsi_parse_capacity10(data, 7, &format), -1);
	data[6] = 3;
	assert_int_equal(scsi_parse_capacity10(data, 8, &format), -1);
	data[6] = 0;
	assert_int_equal(scsi_parse_capacity10(data, 8, &format), -1);
	memset(data, 0, sizeof(data));
	data[3] = 1;
	data[10] = 0x10;
	data[14] = 0x80;
	assert_int_equal(scsi_parse_capacity16(data, 32, &format), 0);
	assert_true(format.blocks == (1ull << 32) + 1 && format.block_shift == 12);
	assert_true(format.has_unmap);
	assert_int_equal(scsi_parse_capacity16(data, 11, &format), -1);
	memcpy(data, "\0\7\xff\xff\xff\xff\xff\xff",
	       8); /* 2^63 bytes: one more than offsets reach */
	assert_int_equal(scsi_parse_capacity16(data, 32, &format), -1);
	memset(data, 0xff, 8); /* more than 2^63 bytes, and 0 blocks */
	assert_int_equal(scsi_parse_capacity16(data, 32, &format), -1);
}

static void test_features(void **state)
{
	uint8_t mode[255] = { 24, 0, 0x90, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 18, 4 };
	uint8_t limits[64] = { 0, 0xb0 }, serial[64] = "\0\x80\0\x08 a\1b    ";
	struct scsi_format format = { 0 };
	char text[64];

	scsi_parse_mode(mode, 24, &format);
	assert_true(format.is_read_only && format.has_fua && format.has_cache);
	memset(&format, 0, sizeof(format));
	scsi_parse_mode(mode, 14, &format);
	assert_false(format.has_cache);
	mode[3] = 255;
	scsi_parse_mode(mode, 255, &format);
	assert_false(format.has_cache);
	limits[22] = 1;
	scsi_parse_limits(limits, 28, &format);
	assert_int_equal(format.unmap_blocks_max, 256);
	scsi_parse_serial(serial, 64, text, sizeof(text));
	assert_string_equal(text, " a?b");
	serial[3] = 255;
	scsi_parse_serial(serial, 6, text, sizeof(text));
	assert_string_equal(text, " a");
	scsi_parse_serial(serial, 3, text, sizeof(text));
	assert_string_equal(text, "");
}

static void test_units(void **state)
{
	uint8_t data[40] = { 0, 0, 0, 24 };
	uint16_t luns[4];

	data[9] = 7;
	data[16] = 0x41;
	data[17] = 2;
	data[24] = 0xc1; /* a kind that nobody has here */
	assert_int_equal(scsi_parse_luns(data, 40, luns, 4), 2);
	assert_true(luns[0] == 7 && luns[1] == 0x102);
	assert_int_equal(scsi_parse_luns(data, 40, luns, 1), 1);
	memset(data, 0xff, 8);
	assert_int_equal(scsi_parse_luns(data, 40, luns, 4), 3); /* the last one is of zeroes */
	assert_int_equal(scsi_parse_luns(data, 7, luns, 4), 0);
	assert_int_equal(scsi_parse_luns(data, 15, luns, 4), 0);
}

static void test_sense(void **state)
{
	uint8_t data[96] = { 0x70, 0, 6 };
	struct scsi_sense sense;

	data[12] = 0x29;
	scsi_parse_sense(data, 18, &sense);
	assert_true(sense.key == SCSI_ATTENTION && sense.code == 0x29);
	scsi_parse_sense(data, 12, &sense);
	assert_true(!sense.key && !sense.code);
	memcpy(data, "\x72\2\x3a\0", 4);
	scsi_parse_sense(data, 8, &sense);
	assert_true(sense.key == SCSI_NOT_READY && sense.code == 0x3a);
	data[0] = 0;
	scsi_parse_sense(data, 96, &sense);
	assert_int_equal(sense.key, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfers), cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_identity),  cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_features),  cmocka_unit_test(test_units),
		cmocka_unit_test(test_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

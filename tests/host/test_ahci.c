/* SPDX-License-Identifier: MIT */
/* Commands for disks on AHCI, and what disks say about themselves, true or not: command.c, identify.c of drivers/block/ahci. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/block/ahci/command.h"
#include "../../drivers/block/ahci/identify.h"
#include "../../drivers/block/ahci/registers.h"

#define ADDRESS UINT64_C(0x123456780)

/* A command as the controller sees it. */
static struct {
	uint32_t header[8];
	_Alignas(8) uint8_t table[TABLE_BYTES];
} seen;

static int write_command(const struct ahci_command *command, const struct ahci_piece *pieces,
			 uint32_t count)
{
	memset(&seen, 0xee, sizeof(seen));
	return command_write(command, seen.header, seen.table, ADDRESS, pieces, count);
}

/* ---- commands ---- */

static void a_queued_write_names_its_slot(void **state)
{
	const struct ahci_command command = { .opcode = ATA_WRITE_QUEUED,
					      .is_write = 1,
					      .is_queued = 1,
					      .is_durable = 1,
					      .first = 0x665544332211,
					      .blocks = 0x1234,
					      .slot = 9 };
	const uint8_t expected[20] = { 0x27, 0x80, 0x61, 0x34, 0x11, 0x22,  0x33,
				       0xc0, 0x44, 0x55, 0x66, 0x12, 9 << 3 };
	const struct ahci_piece piece = { 0xabcdef0100, 0x1234 * 512 };

	assert_int_equal(write_command(&command, &piece, 1), 0);
	assert_memory_equal(seen.table, expected, sizeof(expected));
	assert_int_equal(seen.header[0], 1 << 16 | HEADER_WRITE | 5);
	assert_int_equal(seen.header[1], 0);
	assert_int_equal(seen.header[2], (uint32_t)ADDRESS);
	assert_int_equal(seen.header[3], 1);
}

static void a_read_of_all_blocks_has_count_zero(void **state)
{
	const struct ahci_command command = { .opcode = ATA_READ, .first = 7, .blocks = 65536 };

	assert_int_equal(write_command(&command, NULL, 3), 0);
	assert_int_equal(seen.table[2], ATA_READ);
	assert_int_equal(seen.table[12], 0);
	assert_int_equal(seen.table[13], 0);
	assert_int_equal(seen.header[0], 3 << 16 | 5);
	/* Pieces that were there stay. */
	assert_int_equal(seen.table[TABLE_PIECES], 0xee);
}

static void a_packet_lies_in_the_table(void **state)
{
	static const uint8_t packet[PACKET_BYTES] = { 0xa8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
	const struct ahci_command command = { .opcode = ATA_PACKET, .packet = packet };

	assert_int_equal(write_command(&command, NULL, 0), 0);
	assert_memory_equal(seen.table + TABLE_PACKET, packet, sizeof(packet));
	assert_int_equal(seen.table[TABLE_PACKET + 12] | seen.table[TABLE_PACKET + 15], 0);
	assert_int_equal(seen.header[0], HEADER_PACKET | 5);
}

static void pieces_have_bounds(void **state)
{
	const struct ahci_command command = { .opcode = ATA_READ };
	struct ahci_piece pieces[PIECES_MAX + 1];
	uint32_t entry[4];

	for (uint32_t i = 0; i <= PIECES_MAX; i++)
		pieces[i] = (struct ahci_piece){ 0x100000000 + i * 0x1000, 2 * (i + 1) };
	assert_int_equal(write_command(&command, pieces, PIECES_MAX), 0);
	memcpy(entry, seen.table + TABLE_BYTES - 16, 16);
	assert_int_equal(entry[0], (PIECES_MAX - 1) * 0x1000);
	assert_int_equal(entry[1], 1);
	assert_int_equal(entry[3], 2 * PIECES_MAX - 1);
	assert_int_equal(write_command(&command, pieces, PIECES_MAX + 1), -1);
	for (uint32_t i = 0; i < 4; i++) {
		static const uint64_t wrong[] = { 0, 511, PIECE_BYTES_MAX + 2, UINT64_MAX - 1 };

		pieces[3].length = wrong[i];
		assert_int_equal(write_command(&command, pieces, 4), -1);
	}
	pieces[3] = (struct ahci_piece){ 0x1001, 512 };
	assert_int_equal(write_command(&command, pieces, 4), -1);
}

static void a_list_of_ranges_names_each_block_once(void **state)
{
	static const uint64_t counts[] = { 1, 65535, 65536, 1000000, TRIM_BLOCKS_MAX };
	uint8_t list[TRIM_LIST_BYTES];

	for (uint32_t i = 0; i < 5; i++) {
		uint64_t next = UINT64_C(1) << 40, left = counts[i];

		assert_int_equal(trim_list_write(list, next, left), 0);
		for (uint32_t j = 0; j < 64; j++) {
			uint64_t entry;

			memcpy(&entry, list + 8 * j, 8);
			if (!left)
				assert_int_equal(entry, 0);
			else
				assert_int_equal(entry & 0xffffffffffff, next);
			next += entry >> 48;
			left -= entry >> 48;
		}
		assert_int_equal(left, 0);
	}
	assert_int_equal(trim_list_write(list, 0, TRIM_BLOCKS_MAX + 1), -1);
}

/* ---- identities ---- */

static uint8_t identify[IDENTIFY_BYTES];

static void word_set(uint32_t word, uint32_t value)
{
	identify[2 * word] = (uint8_t)value;
	identify[2 * word + 1] = (uint8_t)(value >> 8);
}

/* As QEMU's disk says it. */
static void identify_begin(void)
{
	memset(identify, 0, sizeof(identify));
	memcpy(identify + 20, "1234            bAcd", 20);
	memcpy(identify + 54, "EQUMH RADDSI K                          ", 40);
	word_set(75, 0x1f);
	word_set(76, 0x0100);
	word_set(83, 0x7400);
	word_set(84, 0x4000);
	word_set(100, 0x8000);
	word_set(106, 0x6000);
	word_set(169, 1);
}

static void a_disk_is_what_it_says(void **state)
{
	struct ata_identity identity;

	identify_begin();
	assert_null(ata_parse(identify, &identity));
	assert_string_equal(identity.model, "QEMU HARDDISK");
	assert_string_equal(identity.serial, "2143            Abdc");
	assert_int_equal(identity.blocks, 32768);
	assert_int_equal(identity.block_bytes, 512);
	assert_int_equal(identity.physical_bytes, 512);
	assert_int_equal(identity.depth, 32);
	assert_true(identity.has_flush && identity.has_trim && !identity.has_durable);
	assert_false(identity.rotates);
	word_set(106, 0x7003);
	word_set(117, 2048);
	word_set(217, 7200);
	assert_null(ata_parse(identify, &identity));
	assert_int_equal(identity.block_bytes, 4096);
	assert_int_equal(identity.physical_bytes, 32768);
	assert_true(identity.rotates);
	word_set(76, 0);
	assert_null(ata_parse(identify, &identity));
	assert_int_equal(identity.depth, 0);
}

static void what_cannot_be_used_is_refused(void **state)
{
	struct ata_identity identity;

	identify_begin();
	word_set(83, 0x7000);
	assert_non_null(ata_parse(identify, &identity));
	identify_begin();
	word_set(100, 0);
	assert_non_null(ata_parse(identify, &identity));
	word_set(103, 2);
	assert_non_null(ata_parse(identify, &identity));
	identify_begin();
	word_set(106, 0x5000);
	for (uint32_t words = 0; words < 65536; words++) {
		uint32_t good = words == 256 || words == 512 || words == 1024 || words == 2048;

		word_set(117, words);
		assert_int_equal(!ata_parse(identify, &identity), good);
	}
	memset(identify, 0xff, sizeof(identify));
	assert_non_null(ata_parse(identify, &identity));
	memset(identify, 0, sizeof(identify));
	assert_non_null(ata_parse(identify, &identity));
	assert_string_equal(identity.model, "");
}

static void a_medium_has_blocks_of_2048_bytes(void **state)
{
	static const uint8_t good[8] = { 0, 1, 2, 3, 0, 0, 8, 0 },
			     small[8] = { 0, 1, 2, 3, 0, 0, 2, 0 },
			     endless[8] = { 255, 255, 255, 255, 0, 0, 8, 0 };

	assert_int_equal(capacity_parse(good), 0x10204);
	assert_int_equal(capacity_parse(small), 0);
	assert_int_equal(capacity_parse(endless), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queued_write_names_its_slot),
		cmocka_unit_test(a_read_of_all_blocks_has_count_zero),
		cmocka_unit_test(a_packet_lies_in_the_table),
		cmocka_unit_test(pieces_have_bounds),
		cmocka_unit_test(a_list_of_ranges_names_each_block_once),
		cmocka_unit_test(a_disk_is_what_it_says),
		cmocka_unit_test(what_cannot_be_used_is_refused),
		cmocka_unit_test(a_medium_has_blocks_of_2048_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Commands as they lie in the memory of a port: command.h. */
#include "command.h"
#include "registers.h"

#define FIS_COMMAND	  0x27u
#define FIS_IS_COMMAND	  0x80u
#define FIS_BYTES	  20u
#define DEVICE_BLOCKS	  0x40u /* places are numbers of blocks */
#define DEVICE_DURABLE	  0x80u
#define TAG_AT		  3
#define BLOCKS_ALL	  65536u /* is written as 0 */
#define PIECE_WORDS	  4u
#define TRIM_ENTRIES	  64u
#define TRIM_ENTRY_BLOCKS 65535u

static void fis_write(const struct ahci_command *command, uint8_t *fis)
{
	uint32_t features = command->features, blocks = command->blocks & (BLOCKS_ALL - 1);

	if (command->is_queued) {
		features = blocks;
		blocks = command->slot << TAG_AT;
	}
	for (uint32_t i = 0; i < FIS_BYTES; i++)
		fis[i] = 0;
	fis[0] = FIS_COMMAND;
	fis[1] = FIS_IS_COMMAND;
	fis[2] = command->opcode;
	fis[3] = (uint8_t)features;
	for (uint32_t i = 0; i < 3; i++) {
		fis[4 + i] = (uint8_t)(command->first >> 8 * i);
		fis[8 + i] = (uint8_t)(command->first >> (24 + 8 * i));
	}
	fis[7] = DEVICE_BLOCKS;
	if (command->is_durable)
		fis[7] |= DEVICE_DURABLE;
	fis[11] = (uint8_t)(features >> 8);
	fis[12] = (uint8_t)blocks;
	fis[13] = (uint8_t)(blocks >> 8);
}

static int pieces_write(uint32_t *to, const struct ahci_piece *pieces, uint32_t count)
{
	if (count > PIECES_MAX)
		return -1;
	if (!pieces)
		return 0;
	for (uint32_t i = 0; i < count; i++, to += PIECE_WORDS) {
		if (!pieces[i].length || pieces[i].length & 1 || pieces[i].address & 1 ||
		    pieces[i].length > PIECE_BYTES_MAX)
			return -1;
		to[0] = (uint32_t)pieces[i].address;
		to[1] = (uint32_t)(pieces[i].address >> 32);
		to[2] = 0;
		to[3] = (uint32_t)pieces[i].length - 1;
	}
	return 0;
}

int command_write(const struct ahci_command *command, uint32_t *header, uint8_t *table,
		  uint64_t address, const struct ahci_piece *pieces, uint32_t count)
{
	if (pieces_write((uint32_t *)(table + TABLE_PIECES), pieces, count))
		return -1;
	fis_write(command, table);
	header[0] = HEADER_FIS_WORDS | count << HEADER_PIECES_AT;
	if (command->is_write)
		header[0] |= HEADER_WRITE;
	if (command->packet) {
		header[0] |= HEADER_PACKET;
		for (uint32_t i = 0; i < PACKET_BYTES; i++)
			table[TABLE_PACKET + i] = command->packet[i];
		for (uint32_t i = PACKET_BYTES; i < 16; i++)
			table[TABLE_PACKET + i] = 0;
	}
	header[1] = 0;
	header[2] = (uint32_t)address;
	header[3] = (uint32_t)(address >> 32);
	return 0;
}

int trim_list_write(uint8_t *list, uint64_t first, uint64_t blocks)
{
	if (blocks > TRIM_BLOCKS_MAX)
		return -1;
	for (uint32_t i = 0; i < TRIM_ENTRIES; i++) {
		uint64_t count = blocks < TRIM_ENTRY_BLOCKS ? blocks : TRIM_ENTRY_BLOCKS,
			 entry = count ? first | count << 48 : 0;

		for (uint32_t j = 0; j < 8; j++)
			list[8 * i + j] = (uint8_t)(entry >> 8 * j);
		first += count;
		blocks -= count;
	}
	return 0;
}

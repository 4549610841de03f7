/* SPDX-License-Identifier: MIT */
/**
 * @file command.h  Commands as they lie in the memory of a port: AHCI 1.3.1, 4.2; Serial ATA 3.1, 10.5.5 and 13.6. Pure.
 */
#ifndef AHCI_COMMAND_H
#define AHCI_COMMAND_H

#include <stdint.h>

#define PACKET_BYTES 12u

/** A piece of the data. */
struct ahci_piece {
	uint64_t address;
	uint64_t length;
};

/** A command, before it is written there. */
struct ahci_command {
	uint8_t opcode, is_write, is_queued, is_durable;
	uint16_t features; /* not of a queued one */
	uint16_t zero;
	uint64_t first;	       /* logical block */
	uint32_t blocks;       /* 0 to 65536 */
	uint32_t slot;	       /* of a queued one */
	const uint8_t *packet; /* PACKET_BYTES of them; NULL: none */
};

/**
 * @brief Write a command into its table and its header.
 * @param header   8 words
 * @param table    TABLE_BYTES, at @p address for the controller
 * @param pieces   @p count of them, of 1 byte to 4 MiB each; NULL: those that the table has
 * @return 0; -1: too many pieces, or one that is empty, too long, or of an odd length
 */
int command_write(const struct ahci_command *command, uint32_t *header, uint8_t *table,
		  uint64_t address, const struct ahci_piece *pieces, uint32_t count);

/**
 * @brief List blocks to be trimmed.
 * @param list  512 bytes, written
 * @return 0; -1: more blocks than a list can name
 */
int trim_list_write(uint8_t *list, uint64_t first, uint64_t blocks);

#define TRIM_LIST_BYTES 512u
#define TRIM_BLOCKS_MAX (64u * 65535u) /* that one list names */

#endif

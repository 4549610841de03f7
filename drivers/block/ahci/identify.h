/* SPDX-License-Identifier: MIT */
/**
 * @file identify.h  What a disk or a drive says about itself: ACS-3, 7.12 (IDENTIFY DEVICE); MMC-5, 6.23 (READ CAPACITY). Pure.
 *
 * Nothing of it is trusted: each number has a bound here, texts are made printable.
 */
#ifndef AHCI_IDENTIFY_H
#define AHCI_IDENTIFY_H

#include <stdint.h>

#define IDENTIFY_BYTES 512u
#define CAPACITY_BYTES 8u

struct ata_identity {
	char serial[21], model[41];
	uint64_t blocks;
	uint32_t block_bytes, physical_bytes; /* 512 to 4096; up to 2^15 times that */
	uint32_t depth;			      /* of queued commands; 0: it knows none */
	uint32_t has_flush, has_trim, has_durable, rotates;
};

/** @return NULL, or why the disk cannot be used: a literal that follows its name */
const char *ata_parse(const uint8_t data[IDENTIFY_BYTES], struct ata_identity *identity);
/** The texts alone, which drives have at the same places. */
void ata_parse_texts(const uint8_t data[IDENTIFY_BYTES], struct ata_identity *identity);
/** @return how many blocks of 2048 bytes a medium has; 0: other blocks, or none */
uint64_t capacity_parse(const uint8_t data[CAPACITY_BYTES]);

#endif

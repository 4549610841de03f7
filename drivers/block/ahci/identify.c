/* SPDX-License-Identifier: MIT */
/* What a disk says about itself: identify.h. */
#include <stddef.h>
#include "identify.h"

/* Words of IDENTIFY DEVICE. */
#define WORD_SERIAL	     10
#define WORD_MODEL	     27
#define WORD_DEPTH	     75
#define WORD_SERIAL_ATA	     76
#define WORD_COMMANDS	     83
#define WORD_COMMANDS_MORE   84
#define WORD_BLOCKS	     100 /* 64 bits */
#define WORD_BLOCK	     106
#define WORD_BLOCK_SIZE	     117 /* in words, 32 bits */
#define WORD_RANGES	     169
#define WORD_ROTATION	     217
#define SERIAL_ATA_QUEUED    0x0100u
#define COMMANDS_WIDE	     0x0400u /* numbers of blocks of 48 bits */
#define COMMANDS_FLUSH	     0x2000u
#define MORE_DURABLE	     0x0040u
#define BLOCK_VALID	     0xc000u
#define BLOCK_IS_VALID	     0x4000u
#define BLOCK_IS_LONG	     0x1000u
#define BLOCK_HAS_PHYSICAL   0x2000u
#define BLOCK_PHYSICAL(word) ((word)&15u)
#define RANGES_TRIM	     1u
#define ROTATION_LEAST	     0x0401u
#define ROTATION_MOST	     0xfffeu
#define BLOCKS_LIMIT	     (UINT64_C(1) << 48)
#define CD_BLOCK	     2048u

static uint32_t word_get(const uint8_t *data, uint32_t word)
{
	return data[2 * word] | (uint32_t)data[2 * word + 1] << 8;
}

/* Bytes are exchanged in each word; padded with spaces. */
static void ata_text_get(const uint8_t *data, uint32_t word, uint32_t bytes, char *text)
{
	uint32_t length = 0, begin = 0;

	for (uint32_t i = 0; i < bytes; i++) {
		uint8_t byte = data[2 * word + (i ^ 1)];

		text[i] = byte < ' ' || byte > '~' ? ' ' : (char)byte;
		if (text[i] != ' ')
			length = i + 1;
	}
	while (begin < length && text[begin] == ' ')
		begin++;
	for (uint32_t i = begin; i < length; i++)
		text[i - begin] = text[i];
	text[length - begin] = 0;
}

void ata_parse_texts(const uint8_t data[IDENTIFY_BYTES], struct ata_identity *identity)
{
	ata_text_get(data, WORD_SERIAL, sizeof(identity->serial) - 1, identity->serial);
	ata_text_get(data, WORD_MODEL, sizeof(identity->model) - 1, identity->model);
}

static void blocks_get(const uint8_t *data, struct ata_identity *identity)
{
	uint32_t word = word_get(data, WORD_BLOCK);

	for (uint32_t i = 0; i < 4; i++)
		identity->blocks |= (uint64_t)word_get(data, WORD_BLOCKS + i) << 16 * i;
	identity->block_bytes = identity->physical_bytes = 512;
	if ((word & BLOCK_VALID) != BLOCK_IS_VALID)
		return;
	if (word & BLOCK_IS_LONG)
		identity->block_bytes = 2 * (word_get(data, WORD_BLOCK_SIZE) |
					     word_get(data, WORD_BLOCK_SIZE + 1) << 16);
	identity->physical_bytes = identity->block_bytes;
	if (word & BLOCK_HAS_PHYSICAL)
		identity->physical_bytes <<= BLOCK_PHYSICAL(word);
}

const char *ata_parse(const uint8_t data[IDENTIFY_BYTES], struct ata_identity *identity)
{
	uint32_t rotation = word_get(data, WORD_ROTATION);

	*identity = (struct ata_identity){ 0 };
	ata_parse_texts(data, identity);
	blocks_get(data, identity);
	if (!(word_get(data, WORD_COMMANDS) & COMMANDS_WIDE))
		return "has no commands with numbers of blocks of 48 bits";
	if (identity->block_bytes < 512 || identity->block_bytes > 4096 ||
	    identity->block_bytes & (identity->block_bytes - 1))
		return "has blocks of a size that is none of 512, 1024, 2048 and 4096 bytes";
	if (!identity->blocks || identity->blocks > BLOCKS_LIMIT)
		return "has no blocks, or more than 2^48";
	if (word_get(data, WORD_SERIAL_ATA) & SERIAL_ATA_QUEUED)
		identity->depth = (word_get(data, WORD_DEPTH) & 31) + 1;
	identity->has_flush = word_get(data, WORD_COMMANDS) & COMMANDS_FLUSH;
	identity->has_durable = word_get(data, WORD_COMMANDS_MORE) & MORE_DURABLE;
	identity->has_trim = word_get(data, WORD_RANGES) & RANGES_TRIM;
	identity->rotates = rotation >= ROTATION_LEAST && rotation <= ROTATION_MOST;
	return NULL;
}

static uint64_t big_endian_get(const uint8_t *data)
{
	return (uint64_t)data[0] << 24 | (uint64_t)data[1] << 16 | (uint64_t)data[2] << 8 | data[3];
}

uint64_t capacity_parse(const uint8_t data[CAPACITY_BYTES])
{
	uint64_t last = big_endian_get(data);

	if (big_endian_get(data + 4) != CD_BLOCK || last == UINT32_MAX)
		return 0;
	return last + 1;
}

/* SPDX-License-Identifier: MIT */
/* What a controller says about itself: identify.h. */
#include <stddef.h>
#include "identify.h"
#include "registers.h"

/* The register CAP: 3.1.1. */
#define CAP_TIMEOUT(cap)  ((uint32_t)((cap) >> 24 & 0xff)) /* in units of 500 ms */
#define CAP_STRIDE(cap)	  ((uint32_t)((cap) >> 32 & 15))
#define CAP_NVM_COMMANDS  (1ull << 37)
#define CAP_PAGE_MIN(cap) ((uint32_t)((cap) >> 48 & 15))
#define CAP_PAGE_MAX(cap) ((uint32_t)((cap) >> 52 & 15))
#define PAGE_SHIFT_LEAST  12u
#define TIMEOUT_UNIT_MS	  500u
#define TIMEOUT_LEAST_MS  1000u
#define DOORBELLS_LEAST	  4u /* of two pairs of queues */

/* Identify controller: figure 251. */
#define ID_SERIAL	4
#define ID_MODEL	24
#define ID_FIRMWARE	64
#define ID_TRANSFER	77
#define ID_SHUTDOWN	88 /* microseconds */
#define ID_ENTRY_SUBMIT 512
#define ID_ENTRY_DONE	513
#define ID_SPACES	516
#define ID_COMMANDS	520
#define ID_CACHE	525
#define ID_SEGMENTS	536
#define CACHE_VOLATILE	1u
#define SEGMENTS_MASK	3u
#define SPACE_MAX	0xfffffffeu /* one more stands for all */
#define ENTRY_SUBMIT	6u	    /* 2^6 bytes */
#define ENTRY_DONE	4u

/* Identify namespace: figure 249. */
#define NS_SIZE		    0
#define NS_FORMATS	    25 /* number of formats - 1 */
#define NS_FORMAT	    26 /* which one is used */
#define NS_ATTRIBUTES	    99
#define NS_FORMAT_TABLE	    128
#define ATTRIBUTE_PROTECTED 1u
#define FORMAT_LOW	    15u
#define FORMAT_HIGH(byte)   ((byte) >> 1 & 0x30u)
#define FORMATS_LOW	    16u /* with no more, the high bits have no meaning */
#define FORMATS_MAX	    64u
#define SIZE_MAX_SHIFT	    63u

static uint64_t bytes_get(const uint8_t *data, uint32_t at, uint32_t count)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < count; i++)
		value |= (uint64_t)data[at + i] << 8 * i;
	return value;
}

/* A text of @count bytes that is padded with spaces; @text has room for a NUL, too. */
static void text_get(const uint8_t *data, uint32_t at, uint32_t count, char *text)
{
	uint32_t length = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t byte = data[at + i];

		text[i] = byte < ' ' || byte > '~' ? '?' : (char)byte;
		if (!byte)
			text[i] = ' ';
		if (text[i] != ' ')
			length = i + 1;
	}
	text[length] = 0;
}

const char *capabilities_parse(uint64_t value, uint64_t registers_bytes,
			       struct nvme_capabilities *capabilities)
{
	uint32_t timeout_ms = CAP_TIMEOUT(value) * TIMEOUT_UNIT_MS;

	if (timeout_ms < TIMEOUT_LEAST_MS)
		timeout_ms = TIMEOUT_LEAST_MS;
	*capabilities = (struct nvme_capabilities){
		.entries_max = (uint32_t)(value & 0xffff) + 1,
		.ready_ms = timeout_ms,
		.doorbell_stride = 4u << CAP_STRIDE(value),
		.page_shift = PAGE_SHIFT_LEAST + CAP_PAGE_MIN(value),
	};
	if (!(value & CAP_NVM_COMMANDS))
		return "has no NVM command set";
	if (capabilities->entries_max < QUEUE_ENTRIES_MIN)
		return "has queues of one entry, expected two or more";
	if (CAP_PAGE_MIN(value) > CAP_PAGE_MAX(value))
		return "has a least page that is larger than its largest page";
	if (capabilities->page_shift > PAGE_SHIFT_MAX)
		return "needs pages over 64 KiB";
	if (registers_bytes < REG_DOORBELLS + DOORBELLS_LEAST * capabilities->doorbell_stride)
		return "has doorbells outside of its registers";
	return NULL;
}

/* The sizes of entries that a queue can have: the least in the low half of the byte. */
static int entry_size_fits(uint8_t sizes, uint32_t needed)
{
	return (sizes & 15u) <= needed && sizes >> 4 >= needed;
}

const char *identity_parse(const uint8_t data[IDENTIFY_BYTES], uint32_t page_shift,
			   struct nvme_identity *identity)
{
	uint32_t transfer = data[ID_TRANSFER];

	*identity = (struct nvme_identity){
		.spaces_max = (uint32_t)bytes_get(data, ID_SPACES, 4),
		.shutdown_ms = (uint32_t)(bytes_get(data, ID_SHUTDOWN, 4) / 1000),
		.transfer_bytes = UINT64_MAX,
		.commands = (uint32_t)bytes_get(data, ID_COMMANDS, 2),
		.has_cache = data[ID_CACHE] & CACHE_VOLATILE,
		.has_segments = (data[ID_SEGMENTS] & SEGMENTS_MASK) == 1 ||
				(data[ID_SEGMENTS] & SEGMENTS_MASK) == 2,
	};
	if (identity->spaces_max > SPACE_MAX)
		identity->spaces_max = SPACE_MAX;
	text_get(data, ID_SERIAL, sizeof(identity->serial) - 1, identity->serial);
	text_get(data, ID_MODEL, sizeof(identity->model) - 1, identity->model);
	text_get(data, ID_FIRMWARE, sizeof(identity->firmware) - 1, identity->firmware);
	if (transfer && transfer + page_shift < SIZE_MAX_SHIFT)
		identity->transfer_bytes = 1ull << (transfer + page_shift);
	if (!entry_size_fits(data[ID_ENTRY_SUBMIT], ENTRY_SUBMIT) ||
	    !entry_size_fits(data[ID_ENTRY_DONE], ENTRY_DONE))
		return "has no queues with entries of 64 and 16 bytes";
	return NULL;
}

const char *namespace_parse(const uint8_t data[IDENTIFY_BYTES], struct nvme_format *format)
{
	uint64_t blocks = bytes_get(data, NS_SIZE, 8);
	uint32_t count = data[NS_FORMATS] + 1u, used = data[NS_FORMAT] & FORMAT_LOW;
	uint64_t entry;

	*format = (struct nvme_format){ 0 };
	if (!blocks)
		return NULL;
	if (count > FORMATS_LOW)
		used |= FORMAT_HIGH(data[NS_FORMAT]);
	if (count > FORMATS_MAX || used >= count)
		return "has a format that it does not describe";
	entry = bytes_get(data, NS_FORMAT_TABLE + 4 * used, 4);
	if (entry & 0xffff)
		return "has metadata beside its blocks";
	format->block_shift = (uint32_t)(entry >> 16 & 0xff);
	if (format->block_shift < BLOCK_SHIFT_MIN || format->block_shift > BLOCK_SHIFT_MAX)
		return "has blocks of a size that is none of 512 bytes to 64 KiB";
	if (blocks >> (SIZE_MAX_SHIFT - format->block_shift))
		return "has 2^63 bytes or more";
	format->blocks = blocks;
	format->is_read_only = data[NS_ATTRIBUTES] & ATTRIBUTE_PROTECTED;
	return NULL;
}

uint32_t namespaces_parse(const uint8_t data[IDENTIFY_BYTES], uint32_t spaces_max,
			  uint32_t *numbers, uint32_t room)
{
	uint32_t count = 0, last = 0;

	for (uint32_t i = 0; i < IDENTIFY_BYTES / 4; i++) {
		uint32_t number = (uint32_t)bytes_get(data, i * 4, 4);

		if (number <= last || number > spaces_max)
			break;
		if (count < room)
			numbers[count] = number;
		count++;
		last = number;
	}
	return count;
}

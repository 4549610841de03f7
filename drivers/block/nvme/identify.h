/* SPDX-License-Identifier: MIT */
/**
 * @file identify.h  What a controller says about itself: NVM Express 1.4, 3.1.1 and 5.15. Pure.
 *
 * Nothing of it is trusted: each number has a bound here, texts are made printable. The callers hand over
 * a copy, which the controller cannot change any more.
 *
 * A function that returns a text returns NULL, or why the controller or the namespace cannot be
 * used: a literal that follows its name.
 */
#ifndef NVME_IDENTIFY_H
#define NVME_IDENTIFY_H

#include <stdint.h>

#define IDENTIFY_BYTES	  4096u
#define QUEUE_ENTRIES_MIN 2u
#define PAGE_SHIFT_MAX	  16u /* of the least page that a controller asks for */
#define BLOCK_SHIFT_MIN	  9u
#define BLOCK_SHIFT_MAX	  16u

#define IDENTITY_HAS_RANGES 4u /* dataset management */
#define IDENTITY_HAS_ZEROES 8u /* write zeroes */

struct nvme_capabilities {
	uint32_t entries_max;	  /* of a queue: 2 to 65536 */
	uint32_t ready_ms;	  /* so long it may take to become ready, or to stop */
	uint32_t doorbell_stride; /* bytes from one to the next */
	uint32_t page_shift;	  /* 12 to PAGE_SHIFT_MAX: the least page */
};

struct nvme_identity {
	char serial[21], model[41], firmware[9];
	uint32_t spaces_max;	 /* numbers of namespaces are 1 to this */
	uint32_t shutdown_ms;	 /* 0: not said */
	uint64_t transfer_bytes; /* of a command, at most; UINT64_MAX: any */
	uint32_t commands;	 /* IDENTITY_HAS_... */
	uint32_t has_cache;	 /* a volatile one, that can be flushed */
	uint32_t
		has_segments; /* it understands lists of segments, at addresses that are multiples of 4 */
};

struct nvme_format {
	uint64_t blocks; /* blocks << block_shift is below 2^63; 0: the namespace is not active */
	uint32_t block_shift;
	uint32_t is_read_only;
};

/**
 * @brief Read the register CAP.
 * @param registers_bytes  of the resource that the registers are in
 */
const char *capabilities_parse(uint64_t value, uint64_t registers_bytes,
			       struct nvme_capabilities *capabilities);

/** @param page_shift  of the least page, the unit of the largest transfer */
const char *identity_parse(const uint8_t data[IDENTIFY_BYTES], uint32_t page_shift,
			   struct nvme_identity *identity);

const char *namespace_parse(const uint8_t data[IDENTIFY_BYTES], struct nvme_format *format);

/**
 * @brief Read the list of active namespaces: rising numbers; what follows one that does not rise is not looked at.
 * @param spaces_max  the largest number
 * @param numbers     written
 * @param room        of @p numbers
 * @return how many there are; more than @p room: the others were not written
 */
uint32_t namespaces_parse(const uint8_t data[IDENTIFY_BYTES], uint32_t spaces_max,
			  uint32_t *numbers, uint32_t room);

#endif

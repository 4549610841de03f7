/* SPDX-License-Identifier: MIT */
/* <banos/memory.h>: alignment, zeroes, sizes at the limits, what is refused; memory that is kept between rounds. */
#include <banos/memory.h>
#include "check.h"

#define ATOMIC_LARGEST 2048
#define PAGE_BYTES     4096
#define MANY	       64

static uint32_t is_filled(const uint8_t *memory, uint64_t size, uint8_t byte)
{
	uint64_t i;

	for (i = 0; i < size; i++)
		if (memory[i] != byte)
			return 0;
	return 1;
}

static void fill_memory(uint8_t *memory, uint64_t size, uint8_t byte)
{
	uint64_t i;

	for (i = 0; i < size; i++)
		memory[i] = byte;
}

/* Zeroes, although memory of this size was dirtied and freed before. */
static void try_size(banos_owner self, uint64_t size, uint32_t flags)
{
	uint64_t alignment = size >= PAGE_BYTES ? PAGE_BYTES : 16;
	uint8_t *memory;
	int again;

	for (again = 0; again < 2; again++) {
		memory = (uint8_t *)banos_alloc(self, size, flags);
		CHECK(memory != NULL);
		if (!memory)
			return;
		CHECK((uint64_t)memory % alignment == 0);
		CHECK(is_filled(memory, size, 0));
		fill_memory(memory, size, 0xa5);
		CHECK(is_filled(memory, size, 0xa5));
		CHECK(banos_free(self, memory) == 0);
	}
}

static void try_many(banos_owner self)
{
	static uint8_t *pieces[MANY];
	uint32_t i;

	for (i = 0; i < MANY; i++) {
		pieces[i] = (uint8_t *)banos_alloc(self, 1 + i * 37, 0);
		CHECK(pieces[i] != NULL);
		if (pieces[i])
			fill_memory(pieces[i], 1 + i * 37, (uint8_t)i);
	}
	for (i = 0; i < MANY; i++)
		if (pieces[i])
			CHECK(is_filled(pieces[i], 1 + i * 37, (uint8_t)i));
	for (i = 0; i < MANY; i += 2)
		CHECK(banos_free(self, pieces[i]) == 0);
	for (i = 1; i < MANY; i += 2)
		CHECK(banos_free(self, pieces[i]) == 0);
}

static void try_refusals(banos_owner self)
{
	uint8_t *memory = (uint8_t *)banos_alloc(self, 100, 0);

	CHECK(banos_alloc(self, 0, 0) == NULL);
	CHECK(banos_alloc(NULL, 16, 0) == NULL);
	CHECK(banos_alloc(self, ~0ul, 0) == NULL);
	CHECK(banos_alloc(self, 16, 0x80000000u) == NULL);
	CHECK(banos_free(self, NULL) == 0);
	CHECK(banos_free(NULL, memory) == -EINVAL);
	CHECK(banos_free(self, memory + 16) == -EINVAL);
	CHECK(banos_free(self, &check_count) == -EINVAL);
	CHECK(banos_free(self, memory) == 0);
	CHECK(banos_free(self, memory) == -EINVAL);
}

static int64_t conformance_memory_init(banos_owner self)
{
	static const uint64_t sizes[] = { 1,   15,   16,   17,	 33,   48,   64,    65,	    100,
					  256, 2047, 2048, 4095, 4096, 4097, 12289, 1000000 };
	uint32_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		try_size(self, sizes[i], 0);
	try_size(self, ATOMIC_LARGEST, BANOS_ALLOC_ATOMIC);
	try_many(self);
	try_refusals(self);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_memory, "1.0", "MIT", "Tests the memory that drivers obtain",
	     conformance_memory_init, NULL);

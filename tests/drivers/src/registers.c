/* SPDX-License-Identifier: MIT */
/*
 * Accesses to registers, in the ways that tempt a compiler: registers_host.c runs them and
 * compares each access with what stands here.
 */
#include <banos/dma.h>
#include <banos/io.h>

struct descriptor {
	uint64_t address;
	uint32_t length, flags;
};

struct memory {
	struct descriptor descriptor;
	uint32_t done, length;
	unsigned char bytes[64];
};

#ifdef __cplusplus
extern "C" {
#endif
uint64_t run_widths(char *registers);
uint64_t run_tests(char *registers);
void run_doorbell(char *registers, struct memory *memory);
uint32_t run_poll(char *registers, const struct memory *memory);
void run_blocks(char *registers, struct memory *memory);
void run_queues(char *registers, struct memory *memory);
#ifdef __cplusplus
}
#endif

/* Each width, read and written; constants, and a value that is used at once. */
uint64_t run_widths(char *registers)
{
	uint64_t sum = banos_mmio_read8(registers + 1);

	sum += banos_mmio_read16(registers + 2);
	sum += banos_mmio_read32(registers + 4);
	sum += banos_mmio_read64(registers + 8);
	banos_mmio_write8(registers + 3, 0x81);
	banos_mmio_write16(registers + 6, 0x8182);
	banos_mmio_write32(registers + 12, 0x81828384);
	banos_mmio_write64(registers + 16, (uint64_t)0x81828384 << 32 | 0x85868788);
	banos_mmio_write8(registers, 0);
	banos_mmio_write64(registers + 24, 0);
	return sum;
}

/* What becomes one instruction on a register where it is not held up: compare, test, or, add. */
uint64_t run_tests(char *registers)
{
	uint64_t result = banos_mmio_read32(registers + 4) == 0xffffffff;

	result += (banos_mmio_read8(registers + 1) & 4) != 0;
	banos_mmio_write32(registers + 8, banos_mmio_read32(registers + 8) | 8);
	banos_mmio_write16(registers + 2, (uint16_t)(banos_mmio_read16(registers + 2) + 1));
	banos_mmio_read32(registers + 16); /* for its effect */
	banos_mmio_write32(registers + 20, 1);
	banos_mmio_write32(registers + 20, 1);
	banos_mmio_write32(registers + 20, 2);
	if (banos_mmio_read8(registers + 24))
		result += 2;
	return result;
}

/* A descriptor is complete when the doorbell rings, and changed only afterwards. */
void run_doorbell(char *registers, struct memory *memory)
{
	memory->descriptor.address = 0x1000;
	memory->descriptor.length = 64;
	memory->descriptor.flags = 1;
	banos_mmio_write32(registers + 4, 1);
	memory->descriptor.flags = 0;
	memory->descriptor.length = 128;
	banos_mmio_write32(registers + 4, 2);
	memory->descriptor.flags = 2;
	banos_dma_write_barrier();
	memory->descriptor.flags = 3;
	banos_dma_barrier();
	banos_mmio_write32(registers + 4, 3);
}

/* What the device wrote is read after the register that announces it, each time. */
uint32_t run_poll(char *registers, const struct memory *memory)
{
	uint32_t before = memory->length, first;

	while (!banos_mmio_read32(registers + 0x40))
		;
	first = memory->length;
	while (!banos_mmio_read32(registers + 0x40))
		;
	banos_dma_read_barrier();
	return memory->length + first * 16 + before * 256 + memory->done * 4096;
}

void run_blocks(char *registers, struct memory *memory)
{
	banos_mmio_copy_from8(memory->bytes + 1, registers + 1, 3);
	banos_mmio_copy_from16(memory->bytes + 5, registers + 2, 2);
	banos_mmio_copy_from32(memory->bytes + 9, registers + 4, 2);
	banos_mmio_copy_from64(memory->bytes + 17, registers + 8, 2);
	banos_mmio_copy_to8(registers + 1, memory->bytes + 1, 3);
	banos_mmio_copy_to16(registers + 2, memory->bytes + 5, 2);
	banos_mmio_copy_to32(registers + 4, memory->bytes + 9, 2);
	banos_mmio_copy_to64(registers + 8, memory->bytes + 17, 2);
	banos_mmio_copy_from32(memory->bytes, registers, 0);
}

void run_queues(char *registers, struct memory *memory)
{
	banos_mmio_read8_many(registers + 1, memory->bytes + 1, 3);
	banos_mmio_read16_many(registers + 2, memory->bytes + 5, 2);
	banos_mmio_read32_many(registers + 4, memory->bytes + 9, 2);
	banos_mmio_read64_many(registers + 8, memory->bytes + 17, 2);
	banos_mmio_write8_many(registers + 1, memory->bytes + 1, 3);
	banos_mmio_write16_many(registers + 2, memory->bytes + 5, 2);
	banos_mmio_write32_many(registers + 4, memory->bytes + 9, 2);
	banos_mmio_write64_many(registers + 8, memory->bytes + 17, 2);
	banos_mmio_write32_many(registers, memory->bytes, 0);
	banos_mmio_barrier();
}

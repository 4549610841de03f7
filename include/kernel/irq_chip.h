/* SPDX-License-Identifier: MIT */
/** @file irq_chip.h  Interrupt controllers as kernel/irq.c sees them, and the vectors they use. */
#pragma once
#include <kernel/types.h>

/** Functions are called with interrupts off; a chip guards its registers itself. */
struct irq_chip {
	const char *name;
	u32 fixed_vectors; /* 0: vectors are given out freely; else GSI n has this + n */
	/** Does such an input exist? */
	bool (*has)(u32 gsi);
	/** Set up an input, masked. */
	void (*route)(u32 gsi, u8 vector, u32 hw_id, bool level, bool low);
	void (*mask)(u32 gsi);
	void (*unmask)(u32 gsi);
	/** @return false: no interrupt was pending, don't call end(). May be NULL. */
	bool (*begin)(u32 gsi);
	void (*end)(u32 gsi);
};

/** Arch: start what there is (arch/x86_64/irqchip.c). */
const struct irq_chip *arch_irq_init(void);
/** Arch: address and data of a message that interrupts @p hw_id at @p vector. @return false: there are no messages */
bool arch_irq_message(u32 hw_id, u8 vector, u64 *address, u32 *data);

/* Vectors for devices; pure (kernel/vectors.c), the caller locks. */
struct vector_map {
	u64 used[4];
};
void vector_map_init(struct vector_map *map, u32 first, u32 last);
/** @p count (a power of two up to 32) adjacent ones, aligned to their count. @return the first, or -EBUSY */
int __must_check vector_alloc(struct vector_map *map, u32 count);
void vector_free(struct vector_map *map, u32 first, u32 count);

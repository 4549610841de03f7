/* SPDX-License-Identifier: MIT */
/** @file cpu_tables.h  The tables and stacks of a processor, between cpu.c and cpu_stacks.c. */
#pragma once
#include <asm/cpu.h>
#include <asm/layout.h>

#define IST_PAGES      2
#define IST_STACKS     (IS_ENABLED(CONFIG_GATE_WALL) ? 5 : 4)
#define IRQ_STACK_SIZE KERNEL_STACK_SIZE

/* Everything else stays empty: no call gates, no 32-bit code, no LDT. */
enum {
	GDT_KERNEL_CODE = 1,
	GDT_KERNEL_DATA,
	GDT_USER_DATA = 5,
	GDT_USER_CODE,
	GDT_TSS = 8,
	GDT_ENTRIES = 10
};

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;
/* Per-CPU tables; cpu->arch points here. */
struct cpu_tables {
	u64 gdt[GDT_ENTRIES];
	struct tss tss;
	void *ist_stacks[IST_STACKS]; /* lowest addresses of what tss.ist[] ends */
} __aligned(64);

/** @brief The stacks of its TSS are set. */
static inline void cpu_set_wall_stack(struct cpu *cpu)
{
#ifdef CONFIG_GATE_WALL
	cpu->wall_stack_top = ((struct cpu_tables *)cpu->arch)->tss.ist[IST_STACKS - 1];
#endif
}

/** @brief Fill in GDT and TSS, all but the addresses of stacks. */
void cpu_tables_fill(struct cpu_tables *tables);

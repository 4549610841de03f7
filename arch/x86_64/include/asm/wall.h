/* SPDX-License-Identifier: MIT */
/**
 * @file wall.h  The machine's part of <kernel/wall.h>: page tables of drivers, and the code at their borders.
 *
 * Driver mode is a value of CR3 with CR3_DRIVER set, a bit that only affects how the processor
 * caches the top table. Addresses mean the same in both worlds, so the kernel uses a driver's
 * pointers as they are.
 */
#pragma once

/** In CR3: a driver's tables. PWT, which means nothing else where page tables are cached. */
#define CR3_DRIVER 0x8
/** In the saved CS, above what the processor reads: what was interrupted is a driver. */
#define REGS_CS_DRIVER_BIT 32

#ifndef __ASSEMBLER__
#include <asm/pgtable.h>
#include <asm/ptrace.h>
#include <kernel/spinlock.h>

#ifdef CONFIG_GATE_WALL
/** Data that every driver's tables have, read-only: what the processor reads at an interrupt, and the way out. */
#define __wall_data __section(".data.wall")
/** Interrupts and exceptions arrive on a stack that every driver's tables have, from where entry.S moves them. */
#define IST_WALL 5
#else
#define __wall_data
#define IST_WALL 0
#endif

static inline bool regs_from_driver(const struct pt_regs *regs)
{
	return IS_ENABLED(CONFIG_GATE_WALL) && regs->cs >> REGS_CS_DRIVER_BIT & 1;
}

/** Page tables of a driver. All entries are of 4 KiB. */
struct wall_tables {
	spinlock_t lock;    /* the entries */
	u64 root;	    /* what CR3 holds; 0: none */
	struct page *pages; /* that the tables take */
};
/** @brief Tables with nothing but the ways in and out. Thread. @return 0, -ENOMEM */
int __must_check wall_tables_init(struct wall_tables *tables);
/** @brief Free them: no driver runs with them, or will. */
void wall_tables_destroy(struct wall_tables *tables);
/**
 * @brief Map what the kernel has from @p start on, with the kernel's rights. Any context.
 * @param write  false: not for writing, whatever the kernel may
 * @return 0, -ENOMEM
 */
int __must_check wall_tables_map(struct wall_tables *tables, const void *start, u64 bytes,
				 bool write);
void wall_tables_unmap(struct wall_tables *tables, const void *start, u64 bytes);
/** @brief How many bytes from @p start on are mapped, at most @p max? Any context. */
u64 wall_tables_span(struct wall_tables *tables, const void *start, u64 max, bool write);

/* ---- arch/x86_64/wall.S ---- */

/** @brief Enter the driver as current->wall says, with these arguments; in assembly, for arch_gate_call(). */
s64 wall_enter(u64 arg1, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6);
/** Where a driver's calls of other functions lead, r11: the struct call_slot. */
void wall_import_entry(void);
/** Where its calls of functions lead that are not there, r11: the name. */
void wall_absent_entry(void);
/** @brief For a name that compilers emit: the copy that runs with the driver's rights; NULL: it is none of those. */
const void *wall_compiler_function(const char *name);
#endif

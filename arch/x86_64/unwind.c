// SPDX-License-Identifier: MIT
/*
 * Walking the stack of the running thread by frame pointers: for panics, warnings
 * and the failure injector. Without CONFIG_FRAME_POINTER each word that points into code is told.
 *
 * Each frame is checked to be mapped and to lie above the one before, or on the
 * stack that an interrupt left, or that a driver was called from. Where an exception or interrupt arrived, entry.S
 * stored struct pt_regs right above the frame.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <asm/traps.h>
#include <kernel/symbols.h>

extern const u8 _text[], _etext[];			   /* banos.lds.S */
extern const u8 trap_entries[], trap_entries_end[];	   /* entry.S */
extern const u8 gate_switch_return[];			   /* entry.S */
extern const u8 wall_enter_return[], wall_import_return[]; /* wall.S */

static bool is_stack(u64 address, u64 bytes)
{
	return address >= KRANGE_BASE && !(address & 7) && kernel_address_mapped(address) &&
	       kernel_address_mapped(address + bytes - 1);
}

/* The registers that entry.S stored, if an interrupt or a fault made the call at @p frame. */
static const struct pt_regs *unwind_is_interrupt(u64 frame, u64 address)
{
	const struct pt_regs *regs = (const void *)(frame + 16 + 8); /* entry.S: REG() */

	if (address < (u64)trap_entries || address >= (u64)trap_entries_end ||
	    !is_stack((u64)regs, sizeof(*regs)))
		return NULL;
	if (regs_from_user(regs))
		return NULL;
	return regs;
}

static bool is_code(u64 address)
{
	struct symbol_name name;

	if (address >= (u64)_text && address < (u64)_etext)
		return true;
	return symbol_lookup(address, &name);
}

/* Without frame pointers: the next word of the stack that points into code may be a return address. */
static bool unwind_by_words(struct backtrace *backtrace)
{
	while (is_stack(backtrace->frame, 8)) {
		backtrace->address = *(u64 *)backtrace->frame;
		backtrace->frame += 8;
		if (is_code(backtrace->address))
			return true;
	}
	return false;
}

/* A return address in code that continues on another stack. */
static bool changes_stacks(u64 address)
{
	if (IS_ENABLED(CONFIG_GATE_WALL) &&
	    (address == (u64)wall_enter_return || address == (u64)wall_import_return))
		return true;
	return address == (u64)gate_switch_return;
}

bool arch_backtrace_step(struct backtrace *backtrace)
{
	const struct pt_regs *regs;
	u64 frame = backtrace->frame;

	backtrace->is_return = !backtrace->interrupted_at;
	if (backtrace->interrupted_at) {
		backtrace->address = backtrace->interrupted_at;
		backtrace->interrupted_at = 0;
		return true;
	}
	if (!IS_ENABLED(CONFIG_FRAME_POINTER))
		return unwind_by_words(backtrace);
	/* Frames lie on kernel stacks (ranges or .bss), upwards, each above the last or on the interrupted stack. */
	if (!is_stack(frame, 16))
		return false;
	backtrace->address = ((u64 *)frame)[1];
	backtrace->frame = ((u64 *)frame)[0];
	regs = unwind_is_interrupt(frame, backtrace->address);
	if (regs)
		backtrace->interrupted_at = regs->rip;
	else if (backtrace->frame <= frame && !cpu_on_irq_stack(frame) &&
		 !changes_stacks(backtrace->address))
		backtrace->frame = 0;
	return backtrace->address != 0;
}

u64 arch_return_address(const struct pt_regs *regs)
{
	struct symbol_name name;

	if (symbol_lookup(regs->rip, &name) || !is_stack(regs->rsp, 8))
		return 0;
	if (symbol_lookup(*(u64 *)regs->rsp, &name))
		return *(u64 *)regs->rsp;
	return 0;
}

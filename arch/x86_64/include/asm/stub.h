/* SPDX-License-Identifier: MIT */
/**
 * @file stub.h  Encoders of the code that leads a driver's calls into the gate (gate_slot.S).
 */
#pragma once
#include <kernel/string.h>

/** Bytes of a stub in a driver's image. */
#define STUB_SIZE 32u
/** Bytes of a stub that reads its slot from memory. */
#define SLOT_STUB_SIZE 16u

#define INSN_INT3    0xcc
#define INSN_JMP     0xe9 /* and the distance from its end, 32 bits */
#define STUB_MOV_END 14	  /* endbr64; movabs $argument, %r11 */
#define STUB_JMP_END 19

/* jmp *0(%rip), and the address behind it. */
static inline void arch_jump_write(u8 *code, u64 entry)
{
	static const u8 jmp_memory[] = { 0xff, 0x25, 0, 0, 0, 0 };

	memcpy(code, jmp_memory, sizeof(jmp_memory));
	memcpy(code + sizeof(jmp_memory), &entry, sizeof(entry));
}

/**
 * @brief Do 32-bit distances lead from all of [@p from, @p from + @p size) to @p to, and do 32 bits hold it?
 * In the kernel they always do; in a program that uses the loader, functions may lie anywhere.
 */
static inline bool arch_in_reach(u64 from, u64 to, u64 size)
{
	u64 limit = (1ull << 31) - size;

	return to - from + limit < 2 * limit && to == (u64)(s64)(s32)to;
}

/**
 * @brief Write a stub that goes to @p entry with @p argument.
 * @param code  STUB_SIZE bytes, which will run at @p addr
 */
static inline void arch_stub_write(u8 *code, u64 addr, u64 argument, u64 entry)
{
	static const u8 endbr_movabs[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x49, 0xbb };
	u32 distance = entry - (addr + STUB_JMP_END);

	memset(code, INSN_INT3, STUB_SIZE);
	memcpy(code, endbr_movabs, sizeof(endbr_movabs));
	memcpy(code + sizeof(endbr_movabs), &argument, sizeof(argument));
	if (arch_in_reach(addr, entry, STUB_SIZE)) {
		code[STUB_MOV_END] = INSN_JMP;
		memcpy(code + STUB_MOV_END + 1, &distance, sizeof(distance));
	} else {
		arch_jump_write(code + STUB_MOV_END, entry);
	}
}

/**
 * @brief Write a stub that goes to @p entry and changes no register.
 * @param code  STUB_SIZE bytes
 */
static inline void arch_far_stub_write(u8 *code, u64 entry)
{
	static const u8 endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	memset(code, INSN_INT3, STUB_SIZE);
	memcpy(code, endbr, sizeof(endbr));
	arch_jump_write(code + sizeof(endbr), entry);
}

struct call_slot;
/**
 * @brief Write a stub that goes where the slot leads to which *@p slot points when it is called.
 * @param code  SLOT_STUB_SIZE bytes, which will run where they are, in reach of @p slot
 */
void arch_slot_stub_write(u8 *code, struct call_slot *const *slot);

/** Bytes of the code that leads through the gate. */
#define CALL_THUNK_SIZE	 176u
#define CALL_THUNK_MOVED 160u
/**
 * @brief Write the code that calls the target of @p slot, which was filled in.
 * @param code  CALL_THUNK_SIZE bytes in the top 2 GiB, as the slot
 */
void arch_call_thunk_write(u8 *code, const struct call_slot *slot);
/** @brief The target of a slot with that thunk once another exporter took over: gate_slot_move(). */
static inline const void *arch_call_thunk_moved(const void *thunk)
{
	return (const u8 *)thunk + CALL_THUNK_MOVED;
}

// SPDX-License-Identifier: MIT
/* The driver gate: flags of the processor that a driver's function changed, and code for calls between drivers. */
#include <asm/stub.h>
#include <asm/wall.h>
#include <kernel/gate.h>
#include <kernel/printk.h>
#include <kernel/rate_limit.h>
#include <kernel/string.h>

void gate_bad_flags(const struct owner *owner, u32 flags)
{
	static DEFINE_RATE_LIMIT(limit, 50, 10 * NSEC_PER_SEC);
	u32 missed;

	arch_gate_clean_flags();
	if (!rate_limit_pass(&limit, &missed))
		return;
	pr_warn("banos: %s: a driver function returned with%s%s%s%s: corrected\n", owner->name,
		flags & X86_EFLAGS_IF ? "" : " interrupts disabled",
		flags & X86_EFLAGS_DF ? " the direction flag set" : "",
		flags & X86_EFLAGS_AC ? " access to user memory enabled" : "",
		flags & ~(X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_AC) ? " system flags set"
									 : "");
}

/* ---- code for calls between drivers ---- */

/* endbr64; mov slot(%rip), %r11; jmp *SLOT_ENTRY(%r11), or from behind a wall, which has no slots: jmp wall_import_entry */
void arch_slot_stub_write(u8 *code, struct call_slot *const *slot)
{
	static const u8 endbr_mov[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x4c, 0x8b, 0x1d };
	static const u8 jmp[] = { 0x41, 0xff, 0x63, offsetof(struct call_slot, entry) };
	u8 *to_slot = code + sizeof(endbr_mov), *next = to_slot + sizeof(s32);
	s32 distance = (const u8 *)slot - next;

	memset(code, INSN_INT3, SLOT_STUB_SIZE);
	memcpy(code, endbr_mov, sizeof(endbr_mov));
	memcpy(to_slot, &distance, sizeof(distance));
	if (IS_ENABLED(CONFIG_GATE_WALL)) {
		next[0] = INSN_JMP;
		distance = (const u8 *)wall_import_entry - (code + SLOT_STUB_SIZE);
		memcpy(next + 1, &distance, sizeof(distance));
	} else {
		memcpy(next, jmp, sizeof(jmp));
	}
}

/* Labels in gate_slot.S: behind four bytes that are filled in. */
extern const u8 gate_thunk[], gate_thunk_owner[], gate_thunk_target[], gate_thunk_begun[],
	gate_thunk_ended[], gate_thunk_slot[], gate_thunk_end[];
extern const u8 gate_thunk_granting[], gate_thunk_granting_slot[], gate_thunk_granting_end[];
extern const u8 gate_thunk_moved[], gate_thunk_moved_slot[], gate_thunk_moved_end[];

static void thunk_fill(u8 *code, const u8 *template, const u8 *label, u64 value)
{
	u32 word = value;

	memcpy(code + (label - template) - sizeof(word), &word, sizeof(word));
}

void arch_call_thunk_write(u8 *code, const struct call_slot *slot)
{
	u32 counters = slot->owner->gate_slot;

	memset(code, INSN_INT3, CALL_THUNK_SIZE);
	BUG_ON(gate_thunk_moved_end - gate_thunk_moved > (s64)(CALL_THUNK_SIZE - CALL_THUNK_MOVED));
	memcpy(code + CALL_THUNK_MOVED, gate_thunk_moved, gate_thunk_moved_end - gate_thunk_moved);
	thunk_fill(code + CALL_THUNK_MOVED, gate_thunk_moved, gate_thunk_moved_slot, (u64)slot);
	if (slot->handles || slot->checked) {
		memcpy(code, gate_thunk_granting, gate_thunk_granting_end - gate_thunk_granting);
		thunk_fill(code, gate_thunk_granting, gate_thunk_granting_slot, (u64)slot);
		return;
	}
	BUG_ON(gate_thunk_end - gate_thunk > (s64)CALL_THUNK_MOVED);
	memcpy(code, gate_thunk, gate_thunk_end - gate_thunk);
	thunk_fill(code, gate_thunk, gate_thunk_owner, (u64)&slot->owner);
	thunk_fill(code, gate_thunk, gate_thunk_target, (u64)&slot->target);
	thunk_fill(code, gate_thunk, gate_thunk_slot, (u64)slot);
	thunk_fill(code, gate_thunk, gate_thunk_begun,
		   counters + offsetof(struct gate_counters, begun));
	thunk_fill(code, gate_thunk, gate_thunk_ended,
		   counters + offsetof(struct gate_counters, ended));
}

// SPDX-License-Identifier: MIT
/*
 * Offsets in structures that change with the configuration, for assembly:
 * the build makes <generated/asm-offsets.h> of the lines with "->".
 */
#include <kernel/gate.h>

#define DEFINE(name, value) __asm__ volatile("\n# ->" #name " %0" ::"i"(value))

void asm_offsets(void);
void asm_offsets(void)
{
	DEFINE(GATE_THREAD_OFFSET, offsetof(struct thread, gate));
	DEFINE(GATE_OWNER_COUNTERS, offsetof(struct owner, gate_slot));
	DEFINE(GATE_FLAGS_CHECKED, GATE_FLAGS);
	DEFINE(GATE_FLAGS_WANTED, X86_EFLAGS_IF);
	DEFINE(GATE_RECORD_SP, offsetof(struct gate_record, sp));
}

// SPDX-License-Identifier: MIT
/* The driver gate: flags of the processor that a driver's function changed. */
#include <kernel/gate.h>
#include <kernel/printk.h>
#include <kernel/rate_limit.h>

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

/* SPDX-License-Identifier: MIT */
/**
 * @file user_regs.h  The registers of a stopped thread, as ptrace() and core files have them: Linux's struct user_regs_struct
 * and the formats of FXSAVE and XSAVE.
 */
#pragma once
#include <generated/syscall-numbers.h>
#include <kernel/thread.h>

#define USER_REGS	27
#define USER_AREA_SIZE	912 /* of struct user */
#define USER_AREA_DEBUG 848 /* of u_debugreg in it */
#define USER_FX_BYTES	512u

/** As struct pt_regs; then the bases of FS and GS, and DS, ES, FS, GS. */
struct user_regs {
	u64 word[USER_REGS];
};

/** @brief Let a thread's system calls, from the next one on, be traced. Any context. */
static inline void syscall_trace_set(struct thread *t, bool on)
{
	u64 limit = SYSCALL_TABLE_SIZE;

	if (on)
		limit = 0;
	WRITE_ONCE(*(u64 *)t->kstack_top, limit);
}
/** @brief Read one. @param index  below USER_REGS */
u64 user_reg_get(const struct thread *t, u32 index);
/** @brief Write one. @return 0; -EIO: a program cannot have that value */
int __must_check user_reg_set(struct thread *t, u32 index, u64 value);
/** @brief Bytes of the whole state of FPU and vectors. @return 0: the processor has no XSAVE */
u32 user_xstate_bytes(void);
/** @brief Copy it, or its first @p bytes. */
void user_fp_get(const struct thread *t, void *to, u32 bytes);
/** @brief The way back: USER_FX_BYTES or all. @return 0; -EINVAL: the processor cannot load that */
int __must_check user_fp_set(struct thread *t, const void *from, u32 bytes);

# SPDX-License-Identifier: MIT
"""Names that compilers use by themselves and the kernel exports: besides them, all
names of the kernel begin with banos_ (<banos/string.h>, <banos/thunks.h>)."""

REGISTERS = ('rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15').split()
COMPILER_NAMES = {'memcpy', 'memmove', 'memset', 'memcmp', 'bcmp', 'strlen',
                  '__x86_return_thunk'} | {
                      f'__x86_indirect_thunk_{r}' for r in REGISTERS}

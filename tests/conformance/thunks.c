/* SPDX-License-Identifier: MIT */
/* <banos/thunks.h>: a jump to each thunk continues where its register says. */
#include "branches.h"

/* clang-format off */
#define DEFINE(reg)  BRANCH_FUNCTION("conformance_jump_" #reg, reg, "jmp __x86_indirect_thunk_" #reg)
#define DECLARE(reg) int64_t conformance_jump_##reg(uint64_t number);
#define TRY(reg)     CHECK(conformance_jump_##reg(0) == 7);

EACH_REGISTER(DEFINE)
BANOS_BEGIN
EACH_REGISTER(DECLARE)
BANOS_END
/* clang-format on */

static int64_t conformance_thunks_init(banos_owner self)
{
	EACH_REGISTER(TRY)
	return check_verdict(self);
}

BANOS_DRIVER(conformance_thunks, "1.0", "MIT", "Tests the thunks of compilers",
	     conformance_thunks_init, NULL);

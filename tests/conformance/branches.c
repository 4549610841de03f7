/* SPDX-License-Identifier: MIT */
/* <banos/thunks.h>: the thunks' addresses in a table of the driver's, and a jump by that. */
#include "branches.h"

/* clang-format off */
#define DEFINE(reg)  BRANCH_FUNCTION("conformance_branch_" #reg, reg, "jmp *(%rsp)")
#define DECLARE(reg) int64_t conformance_branch_##reg(uint64_t thunk);
#define TABLE(reg)   { __x86_indirect_thunk_##reg, conformance_branch_##reg },

EACH_REGISTER(DEFINE)
BANOS_BEGIN
EACH_REGISTER(DECLARE)
BANOS_END

static const struct {
	void (*thunk)(void);
	int64_t (*branch)(uint64_t thunk);
} branches[] = { EACH_REGISTER(TABLE) };
/* clang-format on */

static int64_t conformance_branches_init(banos_owner self)
{
	uint32_t i, j, count = sizeof(branches) / sizeof(branches[0]);

	CHECK(count == 15);
	for (i = 0; i < count; i++) {
		CHECK(branches[i].branch((uint64_t)branches[i].thunk) == 7);
		for (j = 0; j < i; j++)
			CHECK(branches[i].thunk != branches[j].thunk);
	}
	return check_verdict(self);
}

BANOS_DRIVER(conformance_branches, "1.0", "MIT", "Tests the addresses of thunks",
	     conformance_branches_init, NULL);

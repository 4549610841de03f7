/* SPDX-License-Identifier: MIT */
/* What the driver adder offers to others. */
#include <banos/base.h>

BANOS_BEGIN

/* The sum, or -EOVERFLOW. Context: any. Provided by the driver adder. */
int64_t adder_add(int64_t first, int64_t second);

BANOS_END

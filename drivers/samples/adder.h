/* SPDX-License-Identifier: MIT */
/* The functions that the driver adder exports. */
#include <banos/export.h>

BANOS_BEGIN

/* The sum, or -EOVERFLOW. Context: any. Provided by the driver adder. */
int64_t adder_add(int64_t first, int64_t second);

BANOS_END

BANOS_IMPORT_AS(adder_add, "qq");

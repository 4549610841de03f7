/* SPDX-License-Identifier: MIT */
/* Exporting: a driver whose function others call. Its name begins with the driver's. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include "adder.h"

int64_t adder_add(int64_t first, int64_t second)
{
	int64_t sum;

	return __builtin_add_overflow(first, second, &sum) ? -EOVERFLOW : sum;
}
BANOS_EXPORT_AS(adder_add, "qq");

static int64_t adder_init(banos_owner self)
{
	return 0;
}

BANOS_DRIVER(adder, "1.0", "MIT", "Adds numbers for other drivers", adder_init, NULL);

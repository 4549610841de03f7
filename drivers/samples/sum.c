/* SPDX-License-Identifier: MIT */
/*
 * Importing: this driver calls a function of another one. It is refused unless that
 * one is installed (modprobe does it). The other one cannot be removed before it.
 */
#include <banos/driver.h>
#include <banos/print.h>
#include "adder.h"

static int64_t a = 1, b = 2;
BANOS_PARAM_I64(a, INT64_MIN, INT64_MAX, "one number");
BANOS_PARAM_I64(b, INT64_MIN, INT64_MAX, "the other");

static int64_t sum_init(banos_owner self)
{
	int64_t sum = adder_add(a, b);

	if (sum < 0 && sum >= -4095)
		return sum;
	banos_print(self, "%lld + %lld = %lld", (long long)a, (long long)b, (long long)sum);
	return 0;
}

BANOS_DRIVER(sum, "1.0", "MIT", "Has two numbers added by another driver", sum_init, NULL);

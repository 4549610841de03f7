// SPDX-License-Identifier: MIT
/*
 * <banos/random.h>: random numbers.
 */
#include <kernel/random.h>
#include "caller.h"

#define LENGTH_MAX 4096u

int64_t banos_random(void *to, uint32_t length)
{
	if (length > LENGTH_MAX)
		return MISTAKE("length is over 4096");
	if (!api_may_write(to, length))
		return MISTAKE("to, with length bytes, is not the driver's memory");
	random_bytes(to, length);
	return 0;
}
BANOS_EXPORT(banos_random);

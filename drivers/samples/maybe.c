/* SPDX-License-Identifier: MIT */
/*
 * Weak imports: what a driver can do without. It is installed on kernels that do not have
 * them, too, and finds out with BANOS_HAS(). What is newer than BANOS_API_MIN
 * is weak by itself.
 */
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/print.h>

BANOS_WEAK int64_t adder_add(int64_t first, int64_t second); /* another driver's */
BANOS_WEAK int64_t banos_make_coffee(uint32_t cups);	     /* of a future level */

static int64_t maybe_init(banos_owner self)
{
	if (BANOS_HAS(adder_add))
		banos_print(self, "with adder: %lld", (long long)adder_add(20, 22));
	else
		banos_print(self, "without adder");
	banos_print(self, "coffee: %lld, level %lld",
		    BANOS_HAS(banos_make_coffee) ? (long long)banos_make_coffee(1) : 0ll,
		    (long long)banos_api_level());
	return 0;
}

BANOS_DRIVER(maybe, "1.0", "MIT", "Works with and without another driver", maybe_init, NULL);

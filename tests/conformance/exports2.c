/* SPDX-License-Identifier: MIT */
/* <banos/export.h>, the second of two: imports, looks up and releases what exports1.c exports. */
#include <banos/export.h>
#include "check.h"
#include "exports.h"

typedef int64_t (*weigh_function)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);

BANOS_IMPORT_AS(conformance_exports1_sum, CONFORMANCE_EXPORTS1_SUM_AS);

BANOS_BEGIN
int64_t conformance_exports2_back(void);
BANOS_WEAK int64_t conformance_exports1_none(void);
BANOS_END

int64_t conformance_exports2_back(void)
{
	return 1;
}
BANOS_EXPORT(conformance_exports2_back);

static void try_imports(void)
{
	static const uint8_t bytes[5] = { 1, 2, 3, 4, 250 };
	int64_t before = conformance_exports1_calls();
	uint32_t sum = 1;

	CHECK(before >= 0);
	CHECK(conformance_exports1_weigh(1, 2, 3, 4, 5, 6) == 654321);
	CHECK(conformance_exports1_weigh(-1, 0, 0, 0, 0, 0) == -1);
	CHECK(conformance_exports1_weigh(0x7fffffffffffffffl, 0, 0, 0, 0, 0) ==
	      0x7fffffffffffffffl);
	CHECK(conformance_exports1_sum(bytes, 5, &sum) == 5 && sum == 260);
	CHECK(conformance_exports1_sum(bytes, 0, &sum) == 0 && sum == 0);
	CHECK(conformance_exports1_fail(-ENXIO) == -ENXIO);
	CHECK(conformance_exports1_fail(-4095) == -4095);
	CHECK(conformance_exports1_calls() == before + 7);
	CHECK(!BANOS_HAS(conformance_exports1_none));
}

static void try_lookup(banos_owner self)
{
	weigh_function weigh, other;

	weigh = (weigh_function)banos_lookup_symbol(self, "conformance_exports1_weigh");
	other = (weigh_function)banos_lookup_symbol(self, "conformance_exports1_weigh");
	CHECK(weigh != NULL && other != NULL);
	if (weigh && other) {
		CHECK(weigh(6, 5, 4, 3, 2, 1) == 123456);
		CHECK(banos_release_symbol(self, (void *)weigh) == 0);
		CHECK(other(6, 5, 4, 3, 2, 1) == 123456);
		CHECK(banos_release_symbol(self, (void *)other) == 0);
		CHECK(banos_release_symbol(self, (void *)other) == -EINVAL);
	}
	CHECK(banos_lookup_symbol(self, "conformance_exports1_none") == NULL);
	CHECK(conformance_exports1_may_look_back() == 0);
}

static int64_t conformance_exports2_init(banos_owner self)
{
	try_imports();
	try_lookup(self);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_exports2, "1.0", "MIT", "Imports functions of another driver",
	     conformance_exports2_init, NULL);

/* SPDX-License-Identifier: MIT */
/* <banos/export.h>, the first of two: exports what exports2.c imports, and finds symbols at run time. */
#include <banos/export.h>
#include <banos/string.h>
#include <banos/time.h>
#include "check.h"
#include "exports.h"

static banos_owner driver;
static uint64_t call_count;

int64_t conformance_exports1_weigh(int64_t first, int64_t second, int64_t third, int64_t fourth,
				   int64_t fifth, int64_t sixth)
{
	call_count++;
	return first + 10 * second + 100 * third + 1000 * fourth + 10000 * fifth + 100000 * sixth;
}
BANOS_EXPORT(conformance_exports1_weigh);

int64_t conformance_exports1_sum(const uint8_t *bytes, uint32_t count, uint32_t *sum)
{
	uint32_t i;

	call_count++;
	*sum = 0;
	for (i = 0; i < count; i++)
		*sum += bytes[i];
	return count;
}
BANOS_EXPORT_AS(conformance_exports1_sum, CONFORMANCE_EXPORTS1_SUM_AS);

int64_t conformance_exports1_pack(const char *text, const struct conformance_box *from,
				  struct conformance_box *to, uint64_t *total)
{
	call_count++;
	to->weight = from->weight;
	while (*text++)
		to->weight++;
	*total += to->weight;
	return 0;
}
BANOS_EXPORT_AS(conformance_exports1_pack, CONFORMANCE_EXPORTS1_PACK_AS);

int64_t conformance_exports1_fail(int64_t error)
{
	call_count++;
	return error;
}
BANOS_EXPORT_AS(conformance_exports1_fail, "q");

int64_t conformance_exports1_calls(void)
{
	return (int64_t)call_count;
}
BANOS_EXPORT(conformance_exports1_calls);

/* The importer depends on this driver: the way back would be a circle. */
int64_t conformance_exports1_may_look_back(void)
{
	return banos_lookup_symbol(driver, "conformance_exports2_back") != NULL;
}
BANOS_EXPORT(conformance_exports1_may_look_back);

static void try_lookup(banos_owner self)
{
	uint64_t (*clock)(void);
	int64_t (*level)(void);

	clock = (uint64_t(*)(void))banos_lookup_symbol(self, "banos_time_ns");
	level = (int64_t(*)(void))banos_lookup_symbol(self, "banos_api_level");
	CHECK(clock != NULL && level != NULL);
	if (clock && level) {
		CHECK(clock() <= banos_time_ns() && clock() != 0);
		CHECK(level() == banos_api_level());
		CHECK(banos_release_symbol(self, (void *)clock) == 0);
		CHECK(banos_release_symbol(self, (void *)clock) == -EINVAL);
		CHECK(banos_release_symbol(self, (void *)level) == 0);
	}
	CHECK(banos_lookup_symbol(self, "banos_no_such_function") == NULL);
	CHECK(banos_lookup_symbol(self, "") == NULL);
	CHECK(banos_lookup_symbol(self, NULL) == NULL);
	CHECK(banos_lookup_symbol(NULL, "banos_time_ns") == NULL);
	CHECK(banos_release_symbol(self, NULL) == -EINVAL);
	CHECK(banos_release_symbol(NULL, (void *)try_lookup) == -EINVAL);
}

static int64_t conformance_exports1_init(banos_owner self)
{
	driver = self;
	call_count = 0;
	try_lookup(self);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_exports1, "1.0", "MIT", "Exports functions for tests",
	     conformance_exports1_init, NULL);

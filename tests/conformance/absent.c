/* SPDX-License-Identifier: MIT */
/*
 * Weak imports: functions that no kernel will ever have (<banos/base.h> reserves banos_never_), and
 * functions that some later kernel may have. The driver is installed in any case, and knows.
 */
#include <banos/export.h>
#include "check.h"

BANOS_BEGIN
BANOS_WEAK int64_t banos_never_first(uint32_t number);
BANOS_WEAK int64_t banos_never_second(banos_owner owner, void *memory);
BANOS_WEAK int64_t banos_disk_register(void);
BANOS_WEAK int64_t conformance_nobody_call(int64_t number);
BANOS_END

/* Addresses in data as well as in code. */
static int64_t (*volatile first_by_data)(uint32_t) = banos_never_first;
static int64_t (*volatile level_by_data)(void) = banos_api_level;

static int64_t conformance_absent_init(banos_owner self)
{
	void *found;

	CHECK(!BANOS_HAS(banos_never_first));
	CHECK(!BANOS_HAS(banos_never_second));
	CHECK(!BANOS_HAS(conformance_nobody_call));
	CHECK(first_by_data == NULL);
	CHECK(level_by_data != NULL && level_by_data() == banos_api_level());
	CHECK(BANOS_HAS(banos_api_level));
	/* What the weak import says is what looking it up says. */
	CHECK(banos_lookup_symbol(self, "banos_never_first") == NULL);
	found = banos_lookup_symbol(self, "banos_disk_register");
	CHECK((found != NULL) == BANOS_HAS(banos_disk_register));
	if (found)
		(void)banos_release_symbol(self, found);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_absent, "1.0", "MIT", "Tests imports that are not there",
	     conformance_absent_init, NULL);

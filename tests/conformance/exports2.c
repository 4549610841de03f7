/* SPDX-License-Identifier: MIT */
/* <banos/export.h>, the second of two: imports, looks up and releases what exports1.c exports. */
#include <banos/export.h>
#include <banos/string.h>
#include "check.h"
#include "exports.h"

typedef int64_t (*weigh_function)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);

BANOS_IMPORT_AS(conformance_exports1_sum, CONFORMANCE_EXPORTS1_SUM_AS);
BANOS_IMPORT_AS(conformance_exports1_pack, CONFORMANCE_EXPORTS1_PACK_AS);

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

#define NULL_PAGE  ((void *)16)
#define KERNEL_TOP ((void *)-16l)
#define A_PROGRAM  ((void *)0x7fff0000)
#define NO_ADDRESS ((void *)(uintptr_t)0x8000000000000000)
/* It can be read; constants cannot be written either, but tcc makes variables of them. */
#define OWN_CODE ((void *)(((uintptr_t)conformance_exports2_back + 3) / 4 * 4))

/* What the letters describe is checked before the exporter sees it. */
static void try_wrong_bytes(void)
{
	static uint8_t bytes[8], most[BANOS_COPY_MAX];
	int64_t before = conformance_exports1_calls();
	uint32_t sum = 7;

	CHECK(conformance_exports1_sum((const uint8_t *)NULL_PAGE, 8, &sum) == -EINVAL);
	CHECK(conformance_exports1_sum((const uint8_t *)KERNEL_TOP, 8, &sum) == -EINVAL);
	CHECK(conformance_exports1_sum(bytes, 8, (uint32_t *)A_PROGRAM) == -EINVAL);
	CHECK(conformance_exports1_sum(bytes, 8, (uint32_t *)NO_ADDRESS) == -EINVAL);
	CHECK(conformance_exports1_sum(bytes, 8, (uint32_t *)OWN_CODE) == -EINVAL);
	/* More than all drivers together have, however much a later kernel copies. */
	CHECK(conformance_exports1_sum(bytes, 0xffffffff, &sum) < 0);
	CHECK(sum == 7);
	CHECK(conformance_exports1_calls() == before);
	CHECK(conformance_exports1_sum(bytes, 8, &sum) == 8 && sum == 0);
	most[BANOS_COPY_MAX - 1] = 3;
	CHECK(conformance_exports1_sum(most, BANOS_COPY_MAX, &sum) == BANOS_COPY_MAX && sum == 3);
}

static void try_wrong_structs(void)
{
	static char text[1025];
	static struct conformance_box from = { sizeof(from), 30 }, to = { sizeof(to), 0 };
	static struct {
		struct conformance_box box;
		uint8_t odd[9];
	} room;
	int64_t before = conformance_exports1_calls();
	uint64_t total = 100;

	/* Exporters rely on this limit, so no later kernel raises it. */
	memset(text, 'x', sizeof(text));
	CHECK(conformance_exports1_pack(text, &from, &to, &total) == -EINVAL);
	text[1023] = 0;
	CHECK(conformance_exports1_pack((const char *)A_PROGRAM, &from, &to, &total) == -EINVAL);
	CHECK(conformance_exports1_pack(text, (struct conformance_box *)NULL_PAGE, &to, &total) ==
	      -EINVAL);
	CHECK(conformance_exports1_pack(text, (struct conformance_box *)(room.odd + 1), &to,
					&total) == -EINVAL);
	CHECK(conformance_exports1_pack(text, &from, (struct conformance_box *)OWN_CODE, &total) ==
	      -EINVAL);
	CHECK(conformance_exports1_pack(text, &from, &to, (uint64_t *)KERNEL_TOP) == -EINVAL);
	from.size = 0xfffffffc;
	CHECK(conformance_exports1_pack(text, &from, &to, &total) < 0);
	from.size = 3;
	CHECK(conformance_exports1_pack(text, &from, &to, &total) == -EINVAL);
	from.size = sizeof(from);
	CHECK(to.weight == 0 && total == 100);
	CHECK(conformance_exports1_calls() == before);
	CHECK(conformance_exports1_pack(text, &from, &to, &total) == 0);
	CHECK(to.weight == 1053 && total == 1153);
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
	try_wrong_bytes();
	try_wrong_structs();
	try_lookup(self);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_exports2, "1.0", "MIT", "Imports functions of another driver",
	     conformance_exports2_init, NULL);

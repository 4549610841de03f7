/* SPDX-License-Identifier: MIT */
/*
 * Parameters: variables that are set when the driver is installed.
 *
 *	insmod params.ko count=3 name="two words" loud=yes
 */
#include <banos/driver.h>
#include <banos/print.h>

static uint32_t count = 1;
BANOS_PARAM_U32(count, 1, 100, "number of lines to print");

static int32_t offset;
BANOS_PARAM_I32(offset, -1000, 1000, "added to each number");

static uint64_t mask = UINT64_MAX;
BANOS_PARAM_U64(mask, 0, UINT64_MAX, "bits that are printed");

static char name[16] = "nobody";
BANOS_PARAM_TEXT(name, "name in front of each line, at most 15 bytes");

static uint8_t loud;
BANOS_PARAM_BOOL(loud, "shout");

static int64_t params_init(banos_owner self)
{
	for (uint32_t i = 1; i <= count; i++)
		banos_print(self, "%s says %lld of %u%s", name,
			    ((long long)i + offset) & (long long)mask, count, loud ? "!" : "");
	return 0;
}

BANOS_DRIVER(params, "1.0", "MIT", "Shows parameters of every type", params_init, NULL);

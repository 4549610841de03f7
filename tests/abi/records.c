/* SPDX-License-Identifier: MIT */
/*
 * Every macro of the driver API that puts something into a driver file, once in each of its
 * forms: abi-dump.py prints what the compiler made of them. Never linked.
 */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/export.h>
#include <banos/pci.h>

static uint8_t quiet;
static int32_t offset = -5;
static uint32_t count = 7;
static int64_t far = -9;
static uint64_t mask = 0x123456789;
static char who[24] = "world";

BANOS_PARAM_BOOL(quiet, "say nothing");
BANOS_PARAM_I32(offset, -10, 10, "a signed number");
BANOS_PARAM_U32(count, 1, 100, "an unsigned number");
BANOS_PARAM_I64(far, INT64_MIN, INT64_MAX, "a long signed number");
BANOS_PARAM_U64(mask, 0, UINT64_MAX, "a long unsigned number");
BANOS_PARAM_TEXT(who, "a text");

BANOS_DEPENDS(another);
BANOS_SERVES("bus:pattern-*");
BANOS_SERVES(PCI_ID(1AF4, 1000));
BANOS_SERVES(PCI_CLASS(01, 08, 02));

int64_t records_function(int64_t first);
int64_t records_function(int64_t first)
{
	return first;
}
BANOS_EXPORT(records_function);

static int64_t records_init(banos_owner self)
{
	(void)self;
	return 0;
}
static int64_t records_exit(banos_owner self)
{
	(void)self;
	return 0;
}
BANOS_DRIVER(records, "1.0", "MIT", "All records", records_init, records_exit);

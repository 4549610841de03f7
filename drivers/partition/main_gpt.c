// SPDX-License-Identifier: MIT
/* A prober of GUID partition tables: what gpt.c finds, with the sums of the driver "checksum". */
#include <banos/checksum.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "gpt.h"
#include "prober.h"

#define GPT_RANK 200u

static banos_owner gpt_self;

static void gpt_warn(void *arg, const char *text)
{
	banos_warning(gpt_self, "%s", text);
}

static int64_t gpt_probe(void *context, banos_disk disk)
{
	struct gpt_work *work = banos_alloc(context, sizeof(*work), 0);
	struct table_disk table;
	int64_t result;

	if (!work)
		return -ENOMEM;
	result = prober_disk_init(&table, disk);
	table.warn = gpt_warn;
	if (!result)
		result = gpt_parse(&table, checksum_crc32, work);
	banos_free(context, work);
	return result;
}

static int64_t gpt_init(banos_owner self)
{
	gpt_self = self;
	return prober_register(self, "gpt", GPT_RANK, gpt_probe);
}

BANOS_SERVES("block:disk"); /* so that a disk brings it */
BANOS_DRIVER(gpt, "1.0", "MIT", "GUID partition tables", gpt_init, NULL);

// SPDX-License-Identifier: MIT
/* A prober of PC partition tables: what mbr.c finds. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include "mbr.h"
#include "prober.h"

#define MBR_RANK 100u

static int64_t mbr_probe(void *context, banos_disk disk)
{
	struct mbr_work *work = banos_alloc(context, sizeof(*work), 0);
	struct table_disk table;
	int64_t result;

	if (!work)
		return -ENOMEM;
	result = prober_disk_init(&table, disk);
	if (!result)
		result = mbr_parse(&table, work);
	banos_free(context, work);
	return result;
}

static int64_t mbr_init(banos_owner self)
{
	return prober_register(self, "mbr", MBR_RANK, mbr_probe);
}

BANOS_SERVES("block:disk"); /* so that a disk brings it */
BANOS_DRIVER(mbr, "1.0", "MIT", "Partition tables of PCs: primary and logical partitions", mbr_init,
	     NULL);

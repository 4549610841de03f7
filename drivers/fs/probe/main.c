// SPDX-License-Identifier: MIT
/* Tells the kernel which file system is on a disk, whether or not a driver for it is there: what ext.c and the others find. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/filesystem_prober.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "magic.h"

#define PROBE_RANK 100u

typedef int64_t (*magic_fn)(const struct magic_disk *disk, uint8_t *work,
			    struct magic_found *found);

/* The surer ones first. */
static const magic_fn kinds[] = { magic_ext, magic_iso9660, magic_fat };

_Static_assert(MAGIC_WORK_BYTES <= BANOS_DISK_READ_MAX, "one read");

static int64_t probe_read(void *arg, uint64_t offset, void *to, uint64_t bytes)
{
	return banos_disk_read(arg, offset, to, bytes);
}

static int64_t probe_state(banos_disk disk, const struct magic_found *found)
{
	struct banos_filesystem_found stated = { .size = sizeof(stated) };

	memcpy(stated.type, found->type, strlen(found->type));
	memcpy(stated.label, found->label, strlen(found->label));
	memcpy(stated.uuid, found->uuid, strlen(found->uuid));
	return banos_filesystem_state(disk, &stated);
}

static int64_t probe_with(banos_disk disk, uint8_t *work)
{
	struct banos_disk_info info = { .size = sizeof(info) };
	struct magic_disk magic = { .arg = disk, .read = probe_read };
	struct magic_found found;
	int64_t result = banos_disk_info(disk, &info);

	magic.bytes = info.bytes;
	for (size_t i = 0; !result && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		result = kinds[i](&magic, work, &found);
	if (result != 1)
		return result;
	result = probe_state(disk, &found);
	if (result)
		return result;
	return 1;
}

static int64_t probe_disk(void *context, banos_disk disk)
{
	uint8_t *work = banos_alloc(context, MAGIC_WORK_BYTES, 0);
	int64_t result;

	if (!work)
		return -ENOMEM;
	result = probe_with(disk, work);
	banos_free(context, work);
	return result;
}

static int64_t fsprobe_init(banos_owner self)
{
	struct banos_disk_prober_ops ops = { .size = sizeof(ops), .probe = probe_disk };
	struct banos_disk_prober_config config = {
		.size = sizeof(config),
		.kind = BANOS_DISK_PROBER_FILESYSTEM,
		.rank = PROBE_RANK,
		.context = self,
		.ops = &ops,
		.name = "fsprobe",
	};

	return banos_disk_prober_register(self, &config, NULL);
}

BANOS_SERVES("block:disk"); /* so that a disk brings it */
BANOS_DRIVER(fsprobe, "1.0", "MIT", "Types, labels and UUIDs of file systems on disks",
	     fsprobe_init, NULL);

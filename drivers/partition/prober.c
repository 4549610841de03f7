// SPDX-License-Identifier: MIT
/*
 * The parsers' view of a disk, by the calls of <banos/partition.h>.
 */
#include <banos/string.h>
#include "prober.h"

_Static_assert(TABLE_BOOT == BANOS_PARTITION_BOOT && TABLE_INNER == BANOS_PARTITION_INNER,
	       "flags of partitions");
_Static_assert(TABLE_BLOCK_MAX <= BANOS_DISK_READ_MAX && TABLE_PARTS_MAX <= BANOS_PARTITIONS_MAX,
	       "limits");

static int64_t prober_read(void *arg, uint64_t offset, void *to, uint64_t bytes)
{
	return banos_disk_read(arg, offset, to, bytes);
}

static int64_t prober_found(void *arg, const struct table_part *part)
{
	struct banos_partition partition = {
		.size = sizeof(partition),
		.number = part->number,
		.offset = part->offset,
		.bytes = part->bytes,
		.flags = part->flags,
	};

	memcpy(partition.type, part->type, sizeof(partition.type));
	memcpy(partition.name, part->name, sizeof(partition.name));
	memcpy(partition.uuid, part->uuid, sizeof(partition.uuid));
	return banos_partition_add(arg, &partition);
}

int64_t prober_disk_init(struct table_disk *table, banos_disk disk)
{
	struct banos_disk_info info = { .size = sizeof(info) };
	int64_t err = banos_disk_info(disk, &info);

	*table = (struct table_disk){
		.bytes = info.bytes,
		.block_bytes = info.block_bytes,
		.arg = disk,
		.read = prober_read,
		.found = prober_found,
	};
	return err;
}

int64_t prober_register(banos_owner self, const char *name, uint32_t rank,
			int64_t (*probe)(void *context, banos_disk disk))
{
	struct banos_disk_prober_ops ops = { .size = sizeof(ops), .probe = probe };
	struct banos_disk_prober_config config = {
		.size = sizeof(config),
		.kind = BANOS_DISK_PROBER_PARTITIONS,
		.rank = rank,
		.context = self,
		.ops = &ops,
	};

	memcpy(config.name, name, strlen(name));
	return banos_disk_prober_register(self, &config, NULL);
}

// SPDX-License-Identifier: MIT
/* What is known of a disk. Any context. */
#include "internal.h"

const char *disk_name(const struct disk *disk)
{
	return disk->name;
}
dev_t disk_dev(const struct disk *disk)
{
	return disk->dev;
}
u64 disk_bytes(const struct disk *disk)
{
	return READ_ONCE(disk->bytes);
}
u32 disk_block_bytes(const struct disk *disk)
{
	return disk->block_mask + 1;
}
u32 disk_physical_bytes(const struct disk *disk)
{
	return disk->physical_bytes;
}
u64 disk_request_bytes(const struct disk *disk)
{
	return disk->request_bytes;
}
bool disk_is_readonly(const struct disk *disk)
{
	return disk->flags & BANOS_BLOCK_READ_ONLY || READ_ONCE(disk->readonly) ||
	       READ_ONCE(disk->whole->readonly);
}
void disk_set_readonly(struct disk *disk, bool readonly)
{
	WRITE_ONCE(disk->readonly, readonly);
}
void disk_set_tables(struct disk *whole, bool wanted)
{
	WRITE_ONCE(whole->no_tables, !wanted);
}
bool disk_may_have_table(const struct disk *disk)
{
	return disk->whole == disk && !READ_ONCE(disk->no_tables);
}
bool disk_has_fua(const struct disk *disk)
{
	return disk->flags & BANOS_BLOCK_HAS_FUA;
}
bool disk_has_cache(const struct disk *disk)
{
	return disk->flags & BANOS_BLOCK_HAS_FLUSH;
}
bool disk_has_discard(const struct disk *disk)
{
	return disk->flags & BANOS_BLOCK_HAS_DISCARD;
}
bool disk_is_removable(const struct disk *disk)
{
	return disk->flags & BANOS_BLOCK_REMOVABLE;
}
bool disk_is_gone(const struct disk *disk)
{
	return READ_ONCE(disk->state) == DISK_GONE;
}
const struct owner *disk_owner(const struct disk *disk)
{
	const struct block_device *device;
	const struct owner *owner = NULL;

	rcu_read_lock();
	device = rcu_dereference(disk->whole->device);
	if (device)
		owner = device->root;
	rcu_read_unlock();
	return owner;
}
bool disk_is_claimed(const struct disk *disk)
{
	return READ_ONCE(disk->holder) != NULL;
}

u64 disk_start(const struct disk *disk)
{
	return disk->start;
}
u64 disk_sequence(const struct disk *disk)
{
	return disk->whole->id;
}
u32 disk_partition_number(const struct disk *disk)
{
	if (disk->about)
		return disk->about->number;
	return 0;
}
const struct partition_about *disk_partition_about(const struct disk *disk)
{
	return disk->about;
}
const char *disk_serial(const struct disk *disk)
{
	return disk->whole->serial;
}
const char *disk_path(const struct disk *disk)
{
	return disk->whole->path;
}
const char *disk_model(const struct disk *disk)
{
	return disk->whole->model;
}

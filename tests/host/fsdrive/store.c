/* SPDX-License-Identifier: MIT */
/*
 * The store below a driver, and its commits: fsdrive.h.
 *
 * drive->cache is what methods see, drive->disk what is on the disk. A write in a change marks its sectors as
 * dirty; banos_store_after() adds an edge between two of them. A commit copies the dirty sectors and gives each a rank,
 * the length of the longest path of edges that leads to it; the copy is written rank by rank with a flush behind each.
 * An edge that closes a circle, or a path over RANKS, is -EAGAIN.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <banos/errno.h>
#include "fsdrive.h"

#define RANKS	   16u
#define LENT_MAX   8u
#define PAGE_BYTES 4096u
#define CLEAN	   UINT32_MAX

struct drive_order {
	uint32_t later, earlier; /* sectors */
};

/* ---- the disk ---- */

static struct drive *drive_alloc(uint64_t bytes)
{
	struct drive *drive = calloc(1, sizeof(*drive));

	drive->bytes = bytes;
	drive->block_bytes = SECTOR;
	drive->epoch = 1;
	drive->dirty = mmap(NULL, bytes / SECTOR / 8 + 1, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return drive;
}

struct drive *drive_open(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	struct drive *drive;
	struct stat about;

	if (file < 0 || fstat(file, &about))
		drive_fault("%s cannot be opened", path);
	drive = drive_alloc((uint64_t)about.st_size / SECTOR * SECTOR);
	drive->disk = mmap(NULL, drive->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
			   file, 0);
	drive->cache = mmap(NULL, drive->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
			    file, 0);
	close(file);
	if (drive->disk == MAP_FAILED || drive->cache == MAP_FAILED || drive->dirty == MAP_FAILED)
		drive_fault("%s: no memory", path);
	return drive;
}

struct drive *drive_create(const void *bytes, uint64_t length)
{
	struct drive *drive = drive_alloc(length / SECTOR * SECTOR);

	drive->disk = mmap(NULL, drive->bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	drive->cache = mmap(NULL, drive->bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes) {
		memcpy(drive->disk, bytes, drive->bytes);
		memcpy(drive->cache, bytes, drive->bytes);
	}
	return drive;
}

void drive_save(struct drive *drive, const char *path)
{
	static const uint8_t zero[65536];
	FILE *file = fopen(path, "wb");

	/* Holes stay holes. */
	for (uint64_t at = 0; file && at < drive->bytes; at += sizeof(zero)) {
		uint64_t part = drive->bytes - at;

		if (part > sizeof(zero))
			part = sizeof(zero);
		if (memcmp(drive->disk + at, zero, part) &&
		    (fseek(file, (long)at, SEEK_SET) || !fwrite(drive->disk + at, part, 1, file)))
			drive_fault("%s: write error", path);
	}
	if (!file || fclose(file) || truncate(path, (off_t)drive->bytes))
		drive_fault("%s cannot be written", path);
}

static void log_clear(struct drive_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		free(log->writes[i].bytes);
	log->count = 0;
}

void drive_record(struct drive *drive, bool on)
{
	if (on)
		log_clear(&drive->log);
	drive->recording = on;
}

void drive_close(struct drive *drive)
{
	drive_crash(drive);
	log_clear(&drive->log);
	free(drive->log.writes);
	munmap(drive->disk, drive->bytes);
	munmap(drive->cache, drive->bytes);
	munmap(drive->dirty, drive->bytes / SECTOR / 8 + 1);
	free(drive->dirty_list);
	free(drive->orders);
	free(drive->before);
	free(drive->before_list);
	free(drive);
}

/* Room for one more. */
#define GROW(array, count, room)                                               \
	do {                                                                   \
		if ((count) == (room)) {                                       \
			(room) = (room) ? 2 * (room) : 64;                     \
			(array) = realloc((array), (room) * sizeof(*(array))); \
		}                                                              \
	} while (0)

static void log_add(struct drive *drive, uint64_t offset, const void *bytes, uint64_t length)
{
	struct drive_log *log = &drive->log;
	uint8_t *copy = malloc(length + 1);

	if (!drive->recording) {
		free(copy);
		return;
	}
	GROW(log->writes, log->count, log->room);
	if (length)
		memcpy(copy, bytes, length);
	log->writes[log->count++] = (struct drive_write){ offset, length, copy };
}

void drive_disk_write(struct drive *drive, uint64_t offset, const void *bytes, uint64_t length)
{
	memcpy(drive->disk + offset, bytes, length);
	log_add(drive, offset, bytes, length);
}

void drive_disk_flush(struct drive *drive)
{
	log_add(drive, 0, NULL, 0);
	drive->count.flushes++;
}

/* ---- methods and changes ---- */

void drive_method_start(struct drive *drive, bool change)
{
	drive->in_change = change;
	drive->before_count = 0;
}

/* What the change wrote is as it was. */
static bool change_is_undone(const struct drive *drive)
{
	for (size_t i = 0; i < drive->before_count; i++)
		if (memcmp(drive->before + i * SECTOR,
			   drive->cache + (uint64_t)drive->before_list[i] * SECTOR, SECTOR))
			return false;
	return true;
}

static void change_undo(struct drive *drive)
{
	for (size_t i = 0; i < drive->before_count; i++)
		memcpy(drive->cache + (uint64_t)drive->before_list[i] * SECTOR,
		       drive->before + i * SECTOR, SECTOR);
}

int64_t drive_method_end(struct drive *drive, const char *name, int64_t result)
{
	if (drive_locks_held())
		drive_fault("%s() returned %lld with %u locks", name, (long long)result,
			    drive_locks_held());
	if (result < -4095)
		drive_fault("%s() returned %lld", name, (long long)result);
	if (result == -EAGAIN && !change_is_undone(drive))
		drive_fault("%s() returned -EAGAIN, and has changed something", name);
	if (result == -ENOMEM)
		change_undo(drive);
	drive->in_change = false;
	drive->lent = 0;
	drive->count.again += result == -EAGAIN;
	return result;
}

/* ---- reading ---- */

static int64_t store_check(struct drive *drive, uint64_t offset, uint64_t length)
{
	if (offset > drive->bytes || length > drive->bytes - offset)
		return -EINVAL;
	return 0;
}

static bool store_fails(const struct drive *drive, uint64_t offset, uint64_t length)
{
	return offset < drive->fail_to && offset + length > drive->fail_from;
}

int64_t banos_store_read(banos_mount mount, uint64_t offset, void *to, uint64_t length)
{
	struct drive *drive = (struct drive *)mount;

	if (store_check(drive, offset, length))
		return -EINVAL;
	if (store_fails(drive, offset, length))
		return -EIO;
	memcpy(to, drive->cache + offset, length);
	drive->count.reads++;
	return 0;
}

int64_t banos_store_borrow(banos_mount mount, uint64_t offset, uint32_t length, const void **memory)
{
	struct drive *drive = (struct drive *)mount;

	if (store_check(drive, offset, length))
		return -EINVAL;
	if (length > PAGE_BYTES || offset % PAGE_BYTES + length > PAGE_BYTES)
		drive_fault("a piece of %u bytes at %llu is borrowed", length,
			    (unsigned long long)offset);
	if (store_fails(drive, offset, length))
		return -EIO;
	if (drive->lent == LENT_MAX)
		drive_fault("more than %u pieces are borrowed", LENT_MAX);
	drive->lent++;
	*memory = drive->cache + offset;
	drive->count.borrows++;
	return 0;
}

int64_t banos_store_return(banos_mount mount, const void *memory)
{
	struct drive *drive = (struct drive *)mount;
	const uint8_t *piece = memory;

	if (piece < drive->cache || piece >= drive->cache + drive->bytes || !drive->lent)
		drive_fault("what was not borrowed is returned");
	drive->lent--;
	return 0;
}

int64_t banos_store_prefetch(banos_mount mount, uint64_t offset, uint64_t length)
{
	return store_check((struct drive *)mount, offset, length);
}

/* ---- writing ---- */

static bool sector_is_dirty(const struct drive *drive, uint64_t sector)
{
	return drive->dirty[sector / 8] >> sector % 8 & 1;
}

/* Before it is written: remember what it contained, and mark it. */
static void sectors_touch(struct drive *drive, uint64_t offset, uint64_t length)
{
	for (uint64_t i = offset / SECTOR; i * SECTOR < offset + length; i++) {
		if (drive->before_count == drive->before_room) {
			GROW(drive->before_list, drive->before_count, drive->before_room);
			drive->before = realloc(drive->before, drive->before_room * SECTOR);
		}
		size_t k = 0;

		while (k < drive->before_count && drive->before_list[k] != i)
			k++;
		if (k == drive->before_count) {
			memcpy(drive->before + k * SECTOR, drive->cache + i * SECTOR, SECTOR);
			drive->before_list[drive->before_count++] = (uint32_t)i;
		}
		if (sector_is_dirty(drive, i))
			continue;
		drive->dirty[i / 8] |= (uint8_t)(1 << i % 8);
		GROW(drive->dirty_list, drive->dirty_count, drive->dirty_room);
		drive->dirty_list[drive->dirty_count++] = (uint32_t)i;
	}
}

static int64_t store_change_check(struct drive *drive, uint64_t offset, uint64_t length,
				  const char *what)
{
	if (!drive->in_change)
		drive_fault("%s outside of a change", what);
	if (drive->read_only)
		return -EROFS;
	return store_check(drive, offset, length);
}

int64_t banos_store_write(banos_mount mount, uint64_t offset, const void *from, uint64_t length)
{
	struct drive *drive = (struct drive *)mount;
	int64_t error = store_change_check(drive, offset, length, "banos_store_write()");

	if (error)
		return error;
	if (store_fails(drive, offset, length))
		return -EIO;
	if (drive->fail_write && !--drive->fail_write)
		return -ENOMEM;
	sectors_touch(drive, offset, length);
	memcpy(drive->cache + offset, from, length);
	drive->count.writes++;
	return 0;
}

int64_t banos_store_zero(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct drive *drive = (struct drive *)mount;
	int64_t error = store_change_check(drive, offset, length, "banos_store_zero()");

	if (error)
		return error;
	sectors_touch(drive, offset, length);
	memset(drive->cache + offset, 0, length);
	drive->count.writes++;
	return 0;
}

int64_t banos_store_bits(banos_mount mount, uint64_t offset, uint32_t first, uint32_t count,
			 uint32_t value, uint64_t counter)
{
	struct drive *drive = (struct drive *)mount;
	int64_t error;

	offset += first / 8;
	first %= 8;
	error = store_change_check(drive, offset, ((uint64_t)first + count + 7) / 8,
				   "banos_store_bits()");
	if (error)
		return error;
	for (uint32_t bit = first; bit < first + count; bit++)
		if ((drive->cache[offset + bit / 8] >> bit % 8 & 1u) == value)
			return -EUCLEAN;
	sectors_touch(drive, offset, ((uint64_t)first + count + 7) / 8);
	for (uint32_t bit = first; bit < first + count; bit++)
		drive->cache[offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
	drive->count.writes++;
	if (!counter)
		return 0;
	return banos_store_add(mount, counter, 2, value ? -(int32_t)count : (int32_t)count);
}

int64_t banos_store_add(banos_mount mount, uint64_t offset, uint32_t bytes, int32_t change)
{
	struct drive *drive = (struct drive *)mount;
	int64_t error = store_change_check(drive, offset, bytes, "banos_store_add()");
	uint32_t value = 0;

	if (error)
		return error;
	if ((bytes != 2 && bytes != 4) || offset % bytes)
		drive_fault("banos_store_add(): %u bytes at %llu", bytes,
			    (unsigned long long)offset);
	sectors_touch(drive, offset, bytes);
	memcpy(&value, drive->cache + offset, bytes);
	value += (uint32_t)change;
	memcpy(drive->cache + offset, &value, bytes);
	drive->count.writes++;
	return 0;
}

int64_t banos_store_forget(banos_mount mount, uint64_t offset, uint64_t length)
{
	struct drive *drive = (struct drive *)mount;
	int64_t error = store_change_check(drive, offset, length, "banos_store_forget()");
	size_t kept = 0;

	if (error)
		return error;
	if (offset % SECTOR || length % SECTOR)
		drive_fault("a part of a sector is forgotten");
	for (uint64_t i = offset / SECTOR; i * SECTOR < offset + length; i++)
		drive->dirty[i / 8] &= (uint8_t) ~(1 << i % 8);
	for (size_t i = 0; i < drive->dirty_count; i++)
		if (sector_is_dirty(drive, drive->dirty_list[i]))
			drive->dirty_list[kept++] = drive->dirty_list[i];
	drive->dirty_count = kept;
	return 0;
}

/* ---- orders ---- */

/* Longest path of edges that leads to @sector; over RANKS: also where there is a circle through @target. */
static uint32_t order_depth(const struct drive *drive, uint32_t sector, uint32_t target,
			    uint32_t depth)
{
	uint32_t longest = 0;

	if (sector == target || depth > RANKS)
		return RANKS + 1;
	for (size_t i = 0; i < drive->orders_count; i++) {
		uint32_t below;

		if (drive->orders[i].later != sector)
			continue;
		below = 1 + order_depth(drive, drive->orders[i].earlier, target, depth + 1);
		if (below > longest)
			longest = below;
	}
	return longest;
}

static bool order_exists(const struct drive *drive, uint32_t later, uint32_t earlier)
{
	for (size_t i = 0; i < drive->orders_count; i++)
		if (drive->orders[i].later == later && drive->orders[i].earlier == earlier)
			return true;
	return false;
}

int64_t banos_store_after(banos_mount mount, uint64_t later, uint64_t earlier, uint64_t length)
{
	struct drive *drive = (struct drive *)mount;
	int64_t error = store_change_check(drive, earlier, length, "banos_store_after()");

	if (error || store_check(drive, later, 1))
		return -EINVAL;
	drive->count.afters++;
	for (uint64_t i = earlier / SECTOR; i * SECTOR < earlier + length; i++) {
		if (i == later / SECTOR ||
		    order_exists(drive, (uint32_t)(later / SECTOR), (uint32_t)i))
			continue;
		if (order_depth(drive, (uint32_t)i, (uint32_t)(later / SECTOR), 0) >= RANKS)
			return -EAGAIN;
		GROW(drive->orders, drive->orders_count, drive->orders_room);
		drive->orders[drive->orders_count++] =
			(struct drive_order){ (uint32_t)(later / SECTOR), (uint32_t)i };
	}
	return 0;
}

int64_t banos_store_epoch(banos_mount mount)
{
	struct drive *drive = (struct drive *)mount;

	if (!drive->in_change)
		drive_fault("banos_store_epoch() outside of a change");
	return (int64_t)drive->epoch;
}

int64_t banos_store_committed(banos_mount mount)
{
	return (int64_t)((struct drive *)mount)->committed;
}

int64_t banos_mount_error(banos_mount mount, const char *text)
{
	struct drive *drive = (struct drive *)mount;

	if (!*drive->error)
		snprintf(drive->error, sizeof(drive->error), "%s", text);
	if (drive_verbose)
		fprintf(stderr, "log: error: %s\n", text);
	return 0;
}

/* ---- commits ---- */

static int sector_compare(const void *left, const void *right)
{
	uint32_t one = *(const uint32_t *)left, other = *(const uint32_t *)right;

	return (one > other) - (one < other);
}

/* Where memory is missing once, again. */
static void commit_sync(struct drive *drive)
{
	int64_t error = -ENOMEM;

	for (int tries = 0; tries < 2 && error == -ENOMEM; tries++) {
		drive_method_start(drive, true);
		error = drive_method_end(drive, "sync", drive->ops->sync(drive->fs));
	}
	if (error && !drive->hostile)
		drive_fault("sync() failed");
}

void drive_commit_start(struct drive *drive)
{
	if (drive->committing)
		drive_fault("a commit is under way");
	if (drive->mounted && !drive->read_only) {
		vfs_hand_down(drive);
		commit_sync(drive);
	}
	if (drive->dirty_count)
		qsort(drive->dirty_list, drive->dirty_count, sizeof(uint32_t), sector_compare);
	drive->copy_count = drive->dirty_count;
	drive->copy = malloc(drive->copy_count * SECTOR + 1);
	drive->copy_list = malloc(drive->copy_count * sizeof(uint32_t) + 1);
	drive->copy_ranks = malloc(drive->copy_count * sizeof(uint32_t) + 1);
	for (size_t i = 0; i < drive->copy_count; i++) {
		uint32_t sector = drive->dirty_list[i];

		drive->copy_list[i] = sector;
		drive->copy_ranks[i] = order_depth(drive, sector, CLEAN, 0);
		memcpy(drive->copy + i * SECTOR, drive->cache + (uint64_t)sector * SECTOR, SECTOR);
		drive->dirty[sector / 8] = 0;
	}
	drive->dirty_count = drive->orders_count = 0;
	drive->committing = true;
	drive->epoch++;
	drive->count.commits++;
}

void drive_commit_end(struct drive *drive)
{
	uint32_t rank_max = 0;

	if (!drive->committing)
		drive_fault("no commit is under way");
	for (size_t i = 0; i < drive->copy_count; i++)
		if (drive->copy_ranks[i] > rank_max)
			rank_max = drive->copy_ranks[i];
	for (uint32_t rank = 0; drive->copy_count && rank <= rank_max; rank++) {
		for (size_t i = 0; i < drive->copy_count; i++)
			if (drive->copy_ranks[i] == rank)
				drive_disk_write(drive, (uint64_t)drive->copy_list[i] * SECTOR,
						 drive->copy + i * SECTOR, SECTOR);
		drive_disk_flush(drive);
	}
	free(drive->copy);
	free(drive->copy_list);
	free(drive->copy_ranks);
	drive->committing = false;
	drive->committed = drive->epoch - 1;
}

void drive_commit(struct drive *drive)
{
	if (drive->committing)
		drive_commit_end(drive);
	drive_commit_start(drive);
	drive_commit_end(drive);
}

/* ---- mounting ---- */

static int64_t mount_run(struct drive *drive, const char *options, uint32_t flags)
{
	const struct banos_filesystem_config *driver = drive_driver();
	struct banos_mount_config config = { .size = sizeof(config),
					     .flags = flags,
					     .bytes = drive->bytes,
					     .block_bytes = drive->block_bytes,
					     .source = "/dev/drive" };
	int64_t error;

	snprintf(config.options, sizeof(config.options), "%s", options ? options : "");
	drive->ops = driver->ops;
	drive->context = driver->context;
	drive->info = (struct banos_mount_info){ .size = sizeof(drive->info) };
	drive->fs = NULL;
	*drive->error = 0;
	drive->read_only = flags & BANOS_MOUNT_READ_ONLY;
	drive_method_start(drive, true);
	error = drive->ops->mount(drive->context, (banos_mount)drive, &config, &drive->info,
				  &drive->fs);
	drive_method_end(drive, "mount", error);
	if (error)
		return error;
	if (drive->info.block_bytes & (drive->info.block_bytes - 1) || drive->info.name_max > 255)
		drive_fault("mount() filled in what cannot be");
	if (!drive->info.block_bytes)
		drive->info.block_bytes = PAGE_BYTES;
	drive->read_only |= drive->info.flags & BANOS_MOUNT_READ_ONLY;
	drive->mounted = true;
	return 0;
}

int64_t drive_mount(struct drive *drive, const char *options, uint32_t flags)
{
	int64_t error = mount_run(drive, options, flags);

	if (error)
		drive_crash(drive);
	else if (!drive->read_only)
		drive_commit(drive);
	return error;
}

/* The dead one's memory is freed by an unmount() whose writes are refused. */
static void instance_end(struct drive *drive)
{
	drive->read_only = true;
	drive_method_start(drive, true);
	drive_method_end(drive, "unmount", drive->ops->unmount(drive->fs));
}

int64_t drive_replace(struct drive *drive, const char *options, uint32_t flags)
{
	flags |= BANOS_MOUNT_AGAIN | (drive->info.flags & BANOS_MOUNT_CLEAN);
	instance_end(drive);
	return mount_run(drive, options, flags);
}

int64_t drive_unmount(struct drive *drive)
{
	int64_t error;

	if (!drive->read_only)
		drive_commit(drive);
	vfs_forget_all(drive);
	drive_method_start(drive, true);
	error = drive_method_end(drive, "unmount", drive->ops->unmount(drive->fs));
	drive->mounted = false;
	if (!drive->read_only)
		drive_commit(drive);
	return error;
}

void drive_crash(struct drive *drive)
{
	drive->dying = true;
	vfs_forget_all(drive);
	drive->dying = false;
	if (drive->mounted) /* as where the store does not exist any more */
		instance_end(drive);
	if (drive->committing) {
		free(drive->copy);
		free(drive->copy_list);
		free(drive->copy_ranks);
		drive->committing = false;
	}
	for (size_t i = 0; i < drive->dirty_count; i++) {
		uint64_t sector = drive->dirty_list[i];

		drive->dirty[sector / 8] = 0;
		memcpy(drive->cache + sector * SECTOR, drive->disk + sector * SECTOR, SECTOR);
	}
	drive->dirty_count = drive->orders_count = 0;
	drive->mounted = false;
}

/* ---- crashes ---- */

static uint64_t crash_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

void crash_image(const struct drive_log *log, const uint8_t *start, uint64_t bytes, size_t place,
		 uint64_t choice, uint8_t *image)
{
	size_t sure = place;
	uint64_t state = choice;

	memcpy(image, start, bytes);
	if (choice != CRASH_PREFIX)
		while (sure && log->writes[sure - 1].length)
			sure--;
	for (size_t i = 0; i < sure; i++)
		memcpy(image + log->writes[i].offset, log->writes[i].bytes, log->writes[i].length);
	if (choice == CRASH_PREFIX)
		return;
	for (size_t i = sure; i < log->count && log->writes[i].length; i++)
		for (uint64_t at = 0; at < log->writes[i].length; at += SECTOR)
			if (crash_random(&state) & 1)
				memcpy(image + log->writes[i].offset + at,
				       log->writes[i].bytes + at, SECTOR);
}

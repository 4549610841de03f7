/* SPDX-License-Identifier: MIT */
/*
 * Block devices. Up to 3 MiB are tried at the beginning, in the middle and at the end, after what stands there
 * was read; it is written back at the end. Nobody else may have the disk open for that time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>
#include "../../include/uapi/blkdev.h"
#include "class_test.h"

#define REGION_MAX (1u << 20)
#define REGIONS	   3
#define PROCESSES  32
#define ROUNDS	   50

struct region {
	off_t start;
	size_t bytes;
	uint8_t *old;
};

static struct {
	const char *path;
	int fd, direct; /* direct: O_DIRECT */
	uint64_t bytes;
	uint32_t block;
	struct region regions[REGIONS];
	int nr_regions;
	uint8_t *memory; /* REGION_MAX bytes and a page */
} disk;

static int open_disk(int flags)
{
	int fd = open(disk.path, flags | O_CLOEXEC);

	if (fd < 0)
		give_up_errno("open", disk.path);
	return fd;
}

/* Nothing of it may come from the cache. */
static void forget_cache(void)
{
	fsync(disk.fd);
	if (ioctl(disk.fd, BLKFLSBUF, 0))
		posix_fadvise(disk.fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* ---- what it is ---- */

static void check_geometry(void)
{
	int logical = 0;
	unsigned int physical = 0;
	unsigned long sectors = 0;
	struct stat about;

	ioctl(disk.fd, BLKGETSIZE64, &disk.bytes);
	ioctl(disk.fd, BLKSSZGET, &logical);
	ioctl(disk.fd, BLKPBSZGET, &physical);
	verdict(!fstat(disk.fd, &about) && S_ISBLK(about.st_mode), "it is a block device");
	verdict(disk.bytes > 0, "it has a size: %llu bytes", (unsigned long long)disk.bytes);
	verdict(logical >= 512 && !(logical & (logical - 1)),
		"blocks are a power of two and at least 512 bytes: %d", logical);
	if (logical < 512)
		give_up(disk.path, "without a size of blocks nothing can be tried");
	disk.block = logical;
	verdict(physical >= disk.block && !(physical % disk.block),
		"physical blocks are a multiple of the logical ones: %u", physical);
	verdict(!ioctl(disk.fd, BLKGETSIZE, &sectors) && sectors == disk.bytes / 512,
		"BLKGETSIZE agrees");
	verdict(!(disk.bytes % disk.block), "the size is a number of whole blocks");
	verdict(lseek(disk.fd, 0, SEEK_END) == (off_t)disk.bytes, "lseek() finds the same end");
}

static bool file_number(const char *folder, const char *name, uint64_t *out)
{
	char path[256];
	FILE *file;
	unsigned long long number;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	good = fscanf(file, "%llu", &number) == 1;
	fclose(file);
	*out = number;
	return good;
}

static void check_sysfs(void)
{
	struct stat about;
	char folder[64];
	uint64_t number;

	fstat(disk.fd, &about);
	snprintf(folder, sizeof(folder), "/sys/dev/block/%u:%u", major(about.st_rdev),
		 minor(about.st_rdev));
	if (access(folder, F_OK)) {
		skip("/sys/dev/block has it", "sysfs is not mounted");
		return;
	}
	verdict(file_number(folder, "size", &number) && number == disk.bytes / 512,
		"%s/size agrees", folder);
	if (file_number(folder, "partition", &number))
		return;
	verdict(file_number(folder, "queue/logical_block_size", &number) && number == disk.block,
		"%s/queue/logical_block_size agrees", folder);
}

/* ---- its ends ---- */

static void check_ends(void)
{
	off_t end = disk.bytes, last = end - disk.block;
	uint8_t *memory = disk.memory;

	verdict(pread(disk.fd, memory, disk.block, 0) == disk.block, "the first block can be read");
	verdict(pread(disk.fd, memory, disk.block, last) == disk.block,
		"the last block can be read");
	verdict(!pread(disk.fd, memory, disk.block, end), "a read at the end finds nothing");
	verdict(!pread(disk.fd, memory, disk.block, end + (1 << 20)), "nor does one behind it");
	verdict(pread(disk.fd, memory, disk.block * 2, last) == disk.block,
		"a read across the end is short");
	verdict(pread(disk.direct, memory, disk.block * 2, last) == disk.block,
		"so is one with O_DIRECT");
	verdict(refused(pwrite(disk.fd, memory, disk.block, end), ENOSPC),
		"a write at the end: ENOSPC");
	verdict(refused(pwrite(disk.direct, memory, disk.block, end), ENOSPC),
		"so is one with O_DIRECT");
}

static void check_alignment(void)
{
	uint8_t *memory = disk.memory;
	off_t start = disk.regions[0].start;

	verdict(refused(pread(disk.direct, memory, disk.block, start + 1), EINVAL),
		"O_DIRECT from within a block: EINVAL");
	verdict(refused(pread(disk.direct, memory, disk.block - 1, start), EINVAL),
		"O_DIRECT of a part of a block: EINVAL");
	verdict(refused(pread(disk.direct, memory + 1, disk.block, start), EINVAL),
		"O_DIRECT to an odd address: EINVAL");
	verdict(pread(disk.direct, memory + disk.block % 4096, disk.block, start) == disk.block,
		"O_DIRECT to memory that begins at a multiple of the block");
}

/* ---- regions ---- */

static void add_region(off_t start, size_t bytes)
{
	struct region *region = &disk.regions[disk.nr_regions++];

	region->start = start;
	region->bytes = bytes;
	region->old = memory_of(bytes);
	if (pread(disk.fd, region->old, bytes, start) != (ssize_t)bytes)
		give_up(disk.path, "it cannot be read");
}

static void choose_regions(void)
{
	size_t unit = disk.block < 4096 ? 4096 : disk.block;
	size_t bytes = disk.bytes / REGIONS;

	if (bytes > REGION_MAX)
		bytes = REGION_MAX;
	bytes -= bytes % unit;
	if (bytes < 2 * unit)
		give_up(disk.path, "the disk is too small to be tested");
	add_region(0, bytes);
	add_region((disk.bytes / 2 - bytes / 2) / unit * unit, bytes);
	add_region((disk.bytes - bytes) / disk.block * disk.block, bytes);
}

static void put_back(void)
{
	bool good = true;

	for (int i = 0; i < disk.nr_regions; i++) {
		const struct region *region = &disk.regions[i];

		if (pwrite(disk.fd, region->old, region->bytes, region->start) !=
		    (ssize_t)region->bytes)
			good = false;
	}
	if (fsync(disk.fd))
		good = false;
	forget_cache();
	for (int i = 0; i < disk.nr_regions && good; i++) {
		const struct region *region = &disk.regions[i];

		good = pread(disk.direct, disk.memory, region->bytes, region->start) ==
			       (ssize_t)region->bytes &&
		       !memcmp(disk.memory, region->old, region->bytes);
	}
	verdict(good, "what stood on the disk is back");
}

/* ---- data ---- */

/* Each region has bytes of its own, so that a wrong address is seen. */
static bool regions_written(int fd, size_t piece, uint64_t seed)
{
	for (int i = 0; i < disk.nr_regions; i++) {
		const struct region *region = &disk.regions[i];

		for (size_t at = 0; at < region->bytes; at += piece) {
			size_t bytes = region->bytes - at < piece ? region->bytes - at : piece;

			pattern_fill(disk.memory, bytes, seed, region->start + at);
			if (pwrite(fd, disk.memory, bytes, region->start + at) != (ssize_t)bytes) {
				printf("# write of %zu bytes at %llu: %s\n", bytes,
				       (unsigned long long)(region->start + at), strerror(errno));
				return false;
			}
		}
	}
	return !fsync(fd);
}

static bool regions_hold(int fd, size_t piece, uint64_t seed)
{
	for (int i = 0; i < disk.nr_regions; i++) {
		const struct region *region = &disk.regions[i];

		for (size_t at = 0; at < region->bytes; at += piece) {
			size_t bytes = region->bytes - at < piece ? region->bytes - at : piece;

			if (pread(fd, disk.memory, bytes, region->start + at) != (ssize_t)bytes ||
			    !pattern_holds(disk.memory, bytes, seed, region->start + at))
				return false;
		}
	}
	return true;
}

static void check_sizes(void)
{
	const size_t pieces[] = { disk.block, 4096, 3 * 4096, 64 << 10, REGION_MAX };
	const size_t odd[] = { 1000, 4097, 100001 };
	uint64_t seed = 1;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++, seed++) {
		if (pieces[i] % disk.block)
			continue;
		verdict(regions_written(disk.direct, pieces[i], seed) &&
				regions_hold(disk.direct, pieces[i], seed),
			"O_DIRECT writes and reads of %zu bytes", pieces[i]);
		forget_cache();
		verdict(regions_hold(disk.fd, pieces[i], seed),
			"the cache reads the same in pieces of %zu bytes", pieces[i]);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++, seed++) {
		verdict(regions_written(disk.fd, odd[i], seed),
			"writes of %zu bytes through the cache", odd[i]);
		verdict(regions_hold(disk.direct, 64 << 10, seed),
			"O_DIRECT reads what they wrote");
	}
}

/* One transfer from many places in memory. */
static void check_vectors(void)
{
	enum { PARTS = 128 };
	struct iovec parts[PARTS];
	uint8_t *memory = memory_of(PARTS * 2 * (size_t)disk.block);
	size_t bytes = PARTS * (size_t)disk.block;
	off_t start = disk.regions[0].start;
	bool good;

	if (bytes > disk.regions[0].bytes) {
		skip("a transfer from 128 places", "the disk is too small");
		return;
	}
	for (int i = 0; i < PARTS; i++) {
		parts[i] = (struct iovec){ memory + i * 2 * (size_t)disk.block, disk.block };
		pattern_fill(parts[i].iov_base, disk.block, 100, start + i * (off_t)disk.block);
	}
	verdict(pwritev(disk.direct, parts, PARTS, start) == (ssize_t)bytes,
		"O_DIRECT writes from 128 places");
	verdict(pread(disk.direct, disk.memory, bytes, start) == (ssize_t)bytes &&
			pattern_holds(disk.memory, bytes, 100, start),
		"they lie one behind the other");
	memset(memory, 0, bytes * 2);
	good = preadv(disk.direct, parts, PARTS, start) == (ssize_t)bytes;
	for (int i = 0; i < PARTS && good; i++)
		good = pattern_holds(parts[i].iov_base, disk.block, 100,
				     start + i * (off_t)disk.block);
	verdict(good, "O_DIRECT reads to 128 places");
	free(memory);
}

static void check_mapping(void)
{
	const struct region *region = &disk.regions[0];
	size_t bytes = region->bytes < 65536 ? region->bytes : 65536;
	uint8_t *mapped =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, disk.fd, region->start);

	if (mapped == MAP_FAILED) {
		verdict(false, "mmap(): %s", strerror(errno));
		return;
	}
	pattern_fill(mapped, bytes, 101, region->start);
	verdict(!msync(mapped, bytes, MS_SYNC), "msync() of a shared mapping");
	munmap(mapped, bytes);
	verdict(pread(disk.direct, disk.memory, bytes, region->start) == (ssize_t)bytes &&
			pattern_holds(disk.memory, bytes, 101, region->start),
		"O_DIRECT reads what was written there");
}

/* ---- many at once ---- */

/* Each of *context processes has every so-many-th piece of 4096 bytes of all regions. */
static bool work_at_random(int index, void *context)
{
	uint64_t state = index;
	const size_t bytes = disk.block < 4096 ? 4096 : disk.block;
	int direct = open_disk(O_RDWR | O_DIRECT);
	uint8_t *memory = memory_of(bytes), *seeds;
	const int *processes = context;
	size_t slots = disk.regions[0].bytes / bytes / *processes;
	bool good = true;

	seeds = calloc(disk.nr_regions, slots + 1);
	for (int i = 0; i < ROUNDS && good && slots && seeds; i++) {
		size_t which = random_below(&state, disk.nr_regions),
		       slot = random_below(&state, slots);
		off_t at = disk.regions[which].start + (off_t)((slot * *processes + index) * bytes);
		uint8_t *seed = &seeds[which * slots + slot];

		if (*seed)
			good = pread(direct, memory, bytes, at) == (ssize_t)bytes &&
			       pattern_holds(memory, bytes, 1000 + *seed, at);
		*seed = 1 + random_below(&state, 200);
		pattern_fill(memory, bytes, 1000 + *seed, at);
		if (good && pwrite(direct, memory, bytes, at) != (ssize_t)bytes)
			good = false;
		if (i % 16 == 15 && fdatasync(direct))
			good = false;
	}
	close(direct);
	return good;
}

static bool io_counts(uint64_t *reads, uint64_t *writes, uint64_t *in_flight)
{
	struct stat about;
	char path[64];
	FILE *file;
	unsigned long long numbers[9];
	int found = 0;

	fstat(disk.fd, &about);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major(about.st_rdev),
		 minor(about.st_rdev));
	file = fopen(path, "re");
	if (!file)
		return false;
	while (found < 9 && fscanf(file, "%llu", &numbers[found]) == 1)
		found++;
	fclose(file);
	*reads = numbers[0];
	*writes = numbers[4];
	*in_flight = numbers[8];
	return found == 9;
}

static void check_many(void)
{
	uint64_t reads, writes, reads_after, writes_after, in_flight;
	bool counted = io_counts(&reads, &writes, &in_flight);
	int processes = disk.regions[0].bytes / (disk.block < 4096 ? 4096 : disk.block);

	if (processes > PROCESSES)
		processes = PROCESSES;
	verdict(in_processes(processes, work_at_random, &processes),
		"%d processes on all processors write and read pieces of their own", processes);
	if (!counted || !io_counts(&reads_after, &writes_after, &in_flight)) {
		skip("transfers are counted", "sysfs is not mounted");
		return;
	}
	verdict(reads_after > reads && writes_after > writes, "transfers are counted");
	verdict(!in_flight, "none is left over");
}

/* ---- what not each disk can do ---- */

static bool region_is_zero(const struct region *region)
{
	forget_cache();
	if (pread(disk.direct, disk.memory, region->bytes, region->start) != (ssize_t)region->bytes)
		return false;
	for (size_t i = 0; i < region->bytes; i++)
		if (disk.memory[i])
			return false;
	return true;
}

static void check_discard(void)
{
	const struct region *region = &disk.regions[disk.nr_regions - 1];
	uint64_t range[2] = { region->start, region->bytes };
	uint64_t crooked[2] = { region->start + 1, disk.block };

	regions_written(disk.direct, 1 << 20, 200);
	verdict(!ioctl(disk.fd, BLKZEROOUT, range) && region_is_zero(region),
		"BLKZEROOUT fills with zeroes");
	verdict(refused(ioctl(disk.fd, BLKZEROOUT, crooked), EINVAL),
		"BLKZEROOUT from within a block: EINVAL");
	if (ioctl(disk.fd, BLKDISCARD, range)) {
		if (errno == EOPNOTSUPP)
			skip("BLKDISCARD", "the disk cannot do it");
		else
			verdict(false, "BLKDISCARD: %s", strerror(errno));
		return;
	}
	verdict(true, "BLKDISCARD");
	verdict(pread(disk.direct, disk.memory, region->bytes, region->start) ==
			(ssize_t)region->bytes,
		"discarded blocks can be read");
}

static void check_read_only(void)
{
	int yes = 1, no = 0, fd;

	if (ioctl(disk.fd, BLKROSET, &yes)) {
		skip("a disk that is set to read only refuses writes", strerror(errno));
		return;
	}
	fd = open(disk.path, O_RDWR | O_CLOEXEC);
	verdict(fd < 0 ||
			refused(pwrite(fd, disk.memory, disk.block, disk.regions[0].start), EPERM),
		"a disk that is set to read only refuses writes");
	if (fd >= 0)
		close(fd);
	verdict(!ioctl(disk.fd, BLKROSET, &no), "it can be set back");
}

static void test_read_only_disk(void)
{
	uint8_t *again = memory_of(1 << 20);
	size_t bytes = disk.bytes < 1 << 20 ? disk.bytes / disk.block * disk.block : 1 << 20;

	disk.memory = memory_of((1 << 20) + 4096);
	verdict(pread(disk.fd, disk.memory, bytes, 0) == (ssize_t)bytes,
		"the beginning can be read");
	disk.direct = open_disk(O_RDONLY | O_DIRECT);
	verdict(pread(disk.direct, again, bytes, 0) == (ssize_t)bytes &&
			!memcmp(again, disk.memory, bytes),
		"O_DIRECT reads the same");
	verdict(!pread(disk.fd, disk.memory, disk.block, disk.bytes),
		"a read at the end finds nothing");
	free(again);
}

void test_block(int count, char **words)
{
	(void)count;
	disk.path = words[0];
	disk.fd = open(disk.path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (disk.fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM)) {
		printf("# the disk is read only\n");
		disk.fd = open_disk(O_RDONLY);
		check_geometry();
		check_sysfs();
		test_read_only_disk();
		return;
	}
	if (disk.fd < 0)
		give_up_errno("open", disk.path);
	check_geometry();
	check_sysfs();
	disk.direct = open_disk(O_RDWR | O_DIRECT);
	disk.memory = memory_of(REGION_MAX + 4096);
	check_ends();
	choose_regions();
	check_alignment();
	check_sizes();
	check_vectors();
	check_mapping();
	check_many();
	check_discard();
	check_read_only();
	put_back();
}

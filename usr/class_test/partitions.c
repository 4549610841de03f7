/* SPDX-License-Identifier: MIT */
/* Partitions: that a table was read, that each partition is its part of the disk, and that it is read the same again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "../../include/uapi/blkdev.h"
#include "class_test.h"

#define PARTS_MAX 256
#define TRIED	  65536

struct part {
	unsigned int number;
	unsigned long long start, sectors; /* of 512 bytes */
	char name[32];
};

static bool read_number(const char *path, unsigned long long *number)
{
	FILE *file = fopen(path, "re");
	bool good = file && fscanf(file, "%llu", number) == 1;

	if (file)
		fclose(file);
	return good;
}

/* @return how many there are in /sys/class/block */
static int find_parts(const char *disk, struct part *parts)
{
	const char *between = "";
	int count = 0;

	if (disk[strlen(disk) - 1] >= '0' && disk[strlen(disk) - 1] <= '9')
		between = "p";
	for (unsigned int number = 1; number <= PARTS_MAX; number++) {
		struct part part = { .number = number };
		char path[128];

		snprintf(part.name, sizeof(part.name), "%s%s%u", disk, between, number);
		snprintf(path, sizeof(path), "/sys/class/block/%s/start", part.name);
		if (!read_number(path, &part.start))
			continue;
		snprintf(path, sizeof(path), "/sys/class/block/%s/size", part.name);
		if (read_number(path, &part.sectors))
			parts[count++] = part;
	}
	return count;
}

static bool same_bytes(int disk, const struct part *part, unsigned long long sector, size_t bytes)
{
	char path[64];
	uint8_t *left = memory_of(TRIED), *right = memory_of(TRIED);
	int fd;
	bool good;

	snprintf(path, sizeof(path), "/dev/%s", part->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	good = fd >= 0 && pread(fd, left, bytes, sector * 512) == (ssize_t)bytes &&
	       pread(disk, right, bytes, (part->start + sector) * 512) == (ssize_t)bytes &&
	       !memcmp(left, right, bytes);
	if (fd >= 0)
		close(fd);
	free(left);
	free(right);
	return good;
}

static void check_part(int disk, const struct part *part, unsigned long long disk_sectors)
{
	size_t bytes = part->sectors * 512 < TRIED ? part->sectors * 512 : TRIED;
	char path[64], byte;
	int fd;

	verdict(part->sectors && part->start && part->start + part->sectors <= disk_sectors,
		"%s lies on the disk, behind its first sector", part->name);
	verdict(same_bytes(disk, part, 0, bytes) &&
			same_bytes(disk, part, part->sectors - bytes / 512, bytes),
		"%s shows its part of the disk at both ends", part->name);
	snprintf(path, sizeof(path), "/dev/%s", part->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	verdict(fd >= 0 && !pread(fd, &byte, 1, part->sectors * 512), "%s ends there", part->name);
	if (fd >= 0)
		close(fd);
}

void test_partitions(int count, char **words)
{
	struct part *parts = memory_of(PARTS_MAX * sizeof(*parts)),
		    *again = memory_of(PARTS_MAX * sizeof(*again));
	const char *name = strrchr(words[0], '/') ? strrchr(words[0], '/') + 1 : words[0];
	int disk = open(words[0], O_RDONLY | O_CLOEXEC), found;
	unsigned long long bytes = 0;

	(void)count;
	if (disk < 0 || ioctl(disk, BLKGETSIZE64, &bytes))
		give_up_errno("open", words[0]);
	if (access("/sys/class/block", F_OK))
		give_up("/sys/class/block", "sysfs is not mounted");
	found = find_parts(name, parts);
	verdict(found > 0, "a table was read: %d partitions", found);
	for (int i = 0; i < found; i++)
		check_part(disk, &parts[i], bytes / 512);
	if (ioctl(disk, BLKRRPART, 0)) {
		skip("the table is read the same again", strerror(errno));
		return;
	}
	verdict(find_parts(name, again) == found && !memcmp(parts, again, found * sizeof(*parts)),
		"the table is read the same again");
}

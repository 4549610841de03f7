/* SPDX-License-Identifier: MIT */
/*
 * Damaged images: damage DISK TYPE FOLDER IMAGE FIRST LAST
 *
 * For each seed IMAGE is changed in a few places, mostly where it has something, and written to DISK. TYPE "table": its
 * partitions are read again. Else it is mounted (every second time to write, where that is allowed), and all that is there is
 * looked at and read; of what can be written some is changed. Everything may fail; nothing may hang. Prints how many mounts
 * succeeded, and how many operations failed and did not.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PIECE	   4096u
#define NAMES_MAX  300u /* that are looked at of one image */
#define DEPTH_MAX  8u
#define GPT_HEADER 512u

static uint64_t seed;
static char *image, *changed;
static size_t image_bytes;
static unsigned names_left, succeeded, failed, mounted;

static void need(bool good, const char *what)
{
	if (good)
		return;
	printf("not ok: %s (%s)\n", what, strerror(errno));
	exit(1);
}

static uint32_t below(uint32_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % limit);
}

static void count(long result)
{
	if (result < 0)
		failed++;
	else
		succeeded++;
}

/* ---- changes ---- */

static size_t some_place(void)
{
	size_t at = 0;

	for (unsigned i = 0; i < 2000; i++) {
		at = below((uint32_t)image_bytes - 8);
		if (image[at] && (uint8_t)image[at] != 0xee)
			break;
	}
	return at;
}

static void change_one(void)
{
	static const uint32_t values[] = { 0,	       1,      0xff,	   0xffff,
					   0xffffffff, 0x8000, 0x7fffffff, 0x80000000 };
	size_t at = some_place();
	uint32_t value = values[below(8)];

	switch (below(5)) {
	case 0: changed[at] ^= (char)(1 << below(8)); break;
	case 1: changed[at] = (char)below(256); break;
	case 2: memcpy(changed + at / 2 * 2, &value, 2); break;
	case 3: memcpy(changed + at / 4 * 4, &value, 4); break;
	default: memcpy(changed + at, changed + some_place(), 1 + below(7));
	}
}

static uint32_t sum_of(const char *bytes, size_t length)
{
	uint32_t sum = ~0u;

	while (length--) {
		sum ^= (uint8_t)*bytes++;
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (0xedb88320u & -(sum & 1));
	}
	return ~sum;
}

/* Sums of the table that fit what it says now: else that is where its reader gives up. */
static void repair_sums(void)
{
	char *header = changed + GPT_HEADER;
	uint32_t entries, bytes, sum;

	if (memcmp(header, "EFI PART", 8))
		return;
	memcpy(&entries, header + 80, 4);
	memcpy(&bytes, header + 84, 4);
	if (entries <= 512 && bytes <= 512) {
		sum = sum_of(changed + 2 * 512, (size_t)entries * bytes);
		memcpy(header + 88, &sum, 4);
	}
	memset(header + 16, 0, 4);
	sum = sum_of(header, 92);
	memcpy(header + 16, &sum, 4);
}

static void change(uint64_t number)
{
	memcpy(changed, image, image_bytes);
	seed = number * 0x9e3779b97f4a7c15u;
	for (unsigned i = below(6) + 1; i; i--)
		change_one();
	if (below(4))
		repair_sums();
}

/* Only what differs from what is there, but all of it at first. */
static void write_out(const char *disk)
{
	int fd = open(disk, O_RDWR);
	static char *there;
	bool all = !there;

	if (all)
		there = malloc(image_bytes);
	need(there && fd >= 0, disk);
	need(pread(fd, there, image_bytes, 0) == (ssize_t)image_bytes, "read");
	for (size_t at = 0; at < image_bytes; at += PIECE)
		if (all || memcmp(there + at, changed + at, PIECE))
			need(pwrite(fd, changed + at, PIECE, (off_t)at) == PIECE, "write");
	need(!fsync(fd), "fsync");
	close(fd);
}

/* ---- what is there ---- */

static void look_at_file(const char *path)
{
	static char bytes[65536];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	count(fd);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size > (off_t)sizeof(bytes))
		count(pread(fd, bytes, 4096, st.st_size - 100));
	count(pread(fd, bytes, sizeof(bytes), 0));
	count(lseek(fd, 0, SEEK_HOLE));
	close(fd);
}

static void look(const char *folder, unsigned depth)
{
	char path[4096], target[4096];
	struct dirent *entry;
	DIR *stream = opendir(folder);
	struct stat st;

	count(stream ? 0 : -1);
	while (stream && names_left && (entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		names_left--;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (lstat(path, &st)) {
			failed++;
			continue;
		}
		count(llistxattr(path, target, sizeof(target)));
		count(lgetxattr(path, "user.name", target, sizeof(target)));
		if (S_ISLNK(st.st_mode))
			count(readlink(path, target, sizeof(target)));
		else if (S_ISREG(st.st_mode))
			look_at_file(path);
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			look(path, depth + 1);
	}
	if (stream)
		closedir(stream);
}

static void change_files(void)
{
	static char bytes[30000];
	int fd = open("new", O_RDWR | O_CREAT, 0644);

	count(fd);
	if (fd >= 0) {
		count(write(fd, bytes, sizeof(bytes)));
		count(fsync(fd));
		close(fd);
	}
	count(mkdir("folder/below", 0755));
	count(rename("large", "folder/moved"));
	count(truncate("medium", 5000));
	count(link("small", "folder/second"));
	count(setxattr("small", "user.more", bytes, 100, 0));
	count(unlink("link"));
	count(unlink("attributes"));
	count(rmdir("empty"));
	sync();
}

static void try_mount(const char *disk, const char *type, const char *folder, bool writes)
{
	struct statvfs about;

	if (mount(disk, folder, type, writes ? 0 : MS_RDONLY, NULL))
		return;
	mounted++;
	count(statvfs(folder, &about));
	names_left = NAMES_MAX;
	need(!chdir(folder), "chdir");
	look(".", 0);
	if (writes)
		change_files();
	need(!chdir("/"), "chdir");
	need(!umount(folder), "umount");
}

/* Each partition that is found is read at its beginning and its end. */
static void try_table(const char *disk)
{
	char line[200], name[64], path[80];
	int fd = open(disk, O_RDONLY);
	FILE *list;

	need(fd >= 0, disk);
	count(ioctl(fd, BLKRRPART, 0));
	close(fd);
	list = fopen("/proc/partitions", "r");
	need(list != NULL, "/proc/partitions");
	while (fgets(line, sizeof(line), list)) {
		if (sscanf(line, "%*u %*u %*u %63s", name) != 1 || strncmp(name, disk + 5, 4) ||
		    !name[4])
			continue;
		mounted++;
		snprintf(path, sizeof(path), "/dev/%s", name);
		fd = open(path, O_RDONLY);
		count(fd);
		if (fd < 0)
			continue;
		count(read(fd, line, sizeof(line)));
		count(lseek(fd, -100, SEEK_END));
		count(read(fd, line, sizeof(line)));
		close(fd);
	}
	fclose(list);
}

int main(int argc, char **argv)
{
	uint64_t last;
	struct stat st;
	int fd;

	if (argc < 7)
		return 2;
	fd = open(argv[4], O_RDONLY);
	need(fd >= 0 && !fstat(fd, &st), argv[4]);
	image_bytes = (size_t)st.st_size;
	image = malloc(image_bytes);
	changed = malloc(image_bytes);
	need(image && changed && read(fd, image, image_bytes) == st.st_size, argv[4]);
	last = strtoull(argv[6], NULL, 0);
	for (uint64_t number = strtoull(argv[5], NULL, 0); number <= last; number++) {
		change(number);
		write_out(argv[1]);
		if (!strcmp(argv[2], "table"))
			try_table(argv[1]);
		else
			try_mount(argv[1], argv[2], argv[3], number % 2);
	}
	printf("ok: %u mounted or found, %u operations succeeded, %u failed\n", mounted, succeeded,
	       failed);
	return 0;
}

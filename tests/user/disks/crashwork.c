/* SPDX-License-Identifier: MIT */
/*
 * Small workloads for crash replay: crashwork DISK FOLDER IMAGE SCRIPT [TYPE]; its file system is ext2 unless told
 *
 * Each line of SCRIPT is a workload, operations separated by ';'. For each one the beginning of DISK is made equal to
 * IMAGE, mounted, worked on and unmounted. Marks in the sector behind it say, in the record of the disk's writes, what had been done
 * when: {"BANOSMRK", workload, operations done, result}. What files get is cells of 16 bytes that name file, version and place
 * (tests/system/crash_replay.py).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 4096u
#define END   0x7fffffffu

static int disk;
static char *image, *there;
static size_t image_bytes;
static uint32_t workload;

static void work_fail(const char *what)
{
	printf("not ok: workload %u: %s (%s)\n", workload, what, strerror(errno));
	exit(1);
}

#define NEED(condition)                        \
	do {                                   \
		if (!(condition))              \
			work_fail(#condition); \
	} while (0)

static void *pages(size_t bytes)
{
	void *memory = aligned_alloc(PIECE, (bytes + PIECE - 1) / PIECE * PIECE);

	NEED(memory);
	memset(memory, 0, bytes);
	return memory;
}

static void mark(uint32_t done, int32_t result)
{
	static char *sector;

	if (!sector)
		sector = pages(512);
	memcpy(sector, "BANOSMRK", 8);
	memcpy(sector + 8, &workload, 4);
	memcpy(sector + 12, &done, 4);
	memcpy(sector + 16, &result, 4);
	NEED(pwrite(disk, sector, 512, (off_t)image_bytes) == 512);
}

static void restore(void)
{
	NEED(pread(disk, there, image_bytes, 0) == (ssize_t)image_bytes);
	for (size_t at = 0; at < image_bytes; at += PIECE)
		if (memcmp(there + at, image + at, PIECE))
			NEED(pwrite(disk, image + at, PIECE, (off_t)at) == PIECE);
}

static int write_cells(const char *path, int flags, unsigned offset, unsigned bytes, char file,
		       unsigned version)
{
	static char cells[65536 + 32];
	int fd = open(path, O_WRONLY | flags), result = 0;

	if (fd < 0)
		return -errno;
	for (unsigned at = 0; at < bytes; at += 16)
		sprintf(cells + at, "<%c%02x:%010x>", file, version, offset + at);
	if (pwrite(fd, cells, bytes, offset) != (ssize_t)bytes)
		result = -errno;
	close(fd);
	return result;
}

static int sync_file(const char *path, int data_only)
{
	int fd = open(path, O_RDONLY), result;

	if (fd < 0)
		return -errno;
	if (data_only)
		result = fdatasync(fd);
	else
		result = fsync(fd);
	if (result)
		result = -errno;
	close(fd);
	return result;
}

static int create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		return fd;
	return close(fd);
}

/* @return 0 or -errno */
static int operate(const char *text)
{
	char verb[20], path[80] = "", other[80] = "", file = 0;
	unsigned offset = 0, bytes = 0, version = 0;
	int result = 0;

	sscanf(text, "%19s %79s %79s", verb, path, other);
	if (!strcmp(verb, "write") || !strcmp(verb, "append")) {
		sscanf(text, "%*s %*s %u %u %c %x", &offset, &bytes, &file, &version);
		return write_cells(path, *verb == 'a' ? O_APPEND : 0, offset, bytes, file, version);
	}
	if (!strcmp(verb, "fsync") || !strcmp(verb, "fdatasync"))
		return sync_file(path, verb[1] == 'd');
	if (!strcmp(verb, "sync"))
		sync();
	else if (!strcmp(verb, "create"))
		result = create(path);
	else if (!strcmp(verb, "truncate"))
		result = truncate(path, strtol(other, NULL, 10));
	else if (!strcmp(verb, "rename"))
		result = rename(path, other);
	else if (!strcmp(verb, "link"))
		result = link(path, other);
	else if (!strcmp(verb, "unlink"))
		result = unlink(path);
	else if (!strcmp(verb, "mkdir"))
		result = mkdir(path, 0755);
	else if (!strcmp(verb, "rmdir"))
		result = rmdir(path);
	else
		work_fail(text);
	if (result)
		return -errno;
	return 0;
}

static void work(const char *source, const char *folder, const char *type, char *line)
{
	uint32_t done = 0;
	char *rest = NULL;

	restore();
	mark(0, 0);
	NEED(!mount(source, folder, type, 0, NULL) && !chdir(folder));
	for (char *text = strtok_r(line, ";\n", &rest); text; text = strtok_r(NULL, ";\n", &rest)) {
		int result = operate(text);

		mark(++done, result);
	}
	NEED(!chdir("/") && !umount(folder));
	mark(END, 0);
}

int main(int argc, char **argv)
{
	static char line[400];
	struct stat st;
	FILE *script;
	int fd;

	if (argc < 5)
		return 2;
	disk = open(argv[1], O_RDWR | O_DIRECT);
	fd = open(argv[3], O_RDONLY);
	script = fopen(argv[4], "r");
	NEED(disk >= 0 && fd >= 0 && script && !fstat(fd, &st));
	image_bytes = (size_t)st.st_size;
	image = pages(image_bytes);
	there = pages(image_bytes);
	NEED(read(fd, image, image_bytes) == (ssize_t)image_bytes);
	for (; fgets(line, sizeof(line), script); workload++)
		work(argv[1], argv[2], argc > 5 ? argv[5] : "ext2", line);
	printf("ok: %u workloads\n", workload);
	return 0;
}

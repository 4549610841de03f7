/* SPDX-License-Identifier: MIT */
/*
 * Any tree of files, read only too: names, numbers, sizes and bytes agree whichever way they are asked for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "class_test.h"

#define PATH_SIZE 4096
#define TRIED	  (256u << 10) /* of a file */
#define NAMES_MAX 4096u	       /* of a folder, whose order is compared */
#define DEPTH_MAX 64

/* What was found wrong, by kind, and how much was looked at. */
static struct {
	unsigned long files, folders, links;
	unsigned long types, numbers, sizes, bytes, listings, targets, parents;
} seen;

static void complain(unsigned long *kind, const char *path, const char *what)
{
	if (!(*kind)++)
		printf("# %s: %s\n", path, what);
}

static void check_bytes(const char *path, const struct stat *about)
{
	size_t bytes = about->st_size < (off_t)TRIED ? about->st_size : TRIED;
	uint8_t *left = memory_of(TRIED), *right = memory_of(TRIED), *mapped;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t got = 1;

	while (fd >= 0 && done < bytes && got > 0) {
		got = read(fd, left + done, done % 7 ? 4093 : 1021);
		if (got > 0)
			done += got;
		if (done > TRIED - 4096)
			break;
	}
	if (fd < 0 || got < 0)
		complain(&seen.bytes, path, "it cannot be read");
	else if (done < bytes && done <= TRIED - 4096)
		complain(&seen.sizes, path, "it ends before its size");
	else if (pread(fd, right, done, 0) != (ssize_t)done || memcmp(left, right, done))
		complain(&seen.bytes, path, "in one piece it reads differently");
	if (fd >= 0 && pread(fd, right, 1, about->st_size) != 0)
		complain(&seen.sizes, path, "there is more behind its end");
	mapped = MAP_FAILED;
	if (fd >= 0 && done)
		mapped = mmap(NULL, done, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapped != MAP_FAILED) {
		if (memcmp(left, mapped, done))
			complain(&seen.bytes, path, "a mapping shows something else");
		munmap(mapped, done);
	}
	if (fd >= 0)
		close(fd);
	free(left);
	free(right);
}

static unsigned char type_of(mode_t mode)
{
	return mode >> 12 & 15; /* DT_* are the bits of S_IFMT */
}

static void check_link(const char *path, const struct stat *about)
{
	char target[PATH_SIZE];
	ssize_t length = readlink(path, target, sizeof(target));

	seen.links++;
	if (length <= 0 || (about->st_size && length != about->st_size))
		complain(&seen.targets, path, "the target's length is not the size");
}

/* Read it again from places that telldir() named. */
static void check_order(const char *path, DIR *folder, const long *places, char *const *names,
			size_t count)
{
	for (size_t i = count; i-- > 0; i -= i < 7 ? i : 7) {
		struct dirent *entry;

		seekdir(folder, places[i]);
		entry = readdir(folder);
		if (!entry || strcmp(entry->d_name, names[i]))
			complain(&seen.listings, path, "seekdir() leads to another name");
	}
}

static void walk(const char *path, dev_t dev, ino_t above, int depth);

static void check_entry(const char *path, const struct dirent *entry, dev_t dev, ino_t folder,
			int depth)
{
	struct stat about;

	if (lstat(path, &about)) {
		complain(&seen.listings, path, "it is listed and cannot be found");
		return;
	}
	if (about.st_dev != dev)
		return; /* mounted there */
	if (entry->d_ino != about.st_ino)
		complain(&seen.numbers, path, "the folder and stat() have different numbers");
	if (entry->d_type != DT_UNKNOWN && entry->d_type != type_of(about.st_mode))
		complain(&seen.types, path, "the folder and stat() have different types");
	if (S_ISREG(about.st_mode) && about.st_nlink < 1)
		complain(&seen.numbers, path, "it has a name and no links");
	if (S_ISREG(about.st_mode)) {
		seen.files++;
		check_bytes(path, &about);
	} else if (S_ISLNK(about.st_mode)) {
		check_link(path, &about);
	} else if (S_ISDIR(about.st_mode)) {
		walk(path, dev, folder, depth + 1);
	}
}

static void check_dots(const char *path, ino_t number, ino_t above, bool dot, bool dots)
{
	char name[PATH_SIZE];
	struct stat about;

	if (!dot || !dots)
		complain(&seen.listings, path, "\".\" or \"..\" is missing");
	snprintf(name, sizeof(name), "%s/..", path);
	if (above && (stat(name, &about) || about.st_ino != above))
		complain(&seen.parents, path, "\"..\" is not the folder above");
	snprintf(name, sizeof(name), "%s/.", path);
	if (stat(name, &about) || about.st_ino != number)
		complain(&seen.parents, path, "\".\" is not the folder");
}

static void walk(const char *path, dev_t dev, ino_t above, int depth)
{
	DIR *folder = opendir(path);
	char **names = memory_of(NAMES_MAX * sizeof(*names));
	long *places = memory_of(NAMES_MAX * sizeof(*places));
	struct dirent *entry;
	struct stat about;
	size_t count = 0;
	bool dot = false, dots = false;

	seen.folders++;
	if (!folder || fstat(dirfd(folder), &about) || depth > DEPTH_MAX) {
		complain(&seen.listings, path, "it cannot be opened, or is too deep");
		goto out;
	}
	for (;;) {
		long place = telldir(folder);
		char name[PATH_SIZE];

		entry = readdir(folder);
		if (!entry)
			break;
		if (count < NAMES_MAX) {
			places[count] = place;
			names[count++] = strdup(entry->d_name);
		}
		dot = dot || !strcmp(entry->d_name, ".");
		dots = dots || !strcmp(entry->d_name, "..");
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) < PATH_SIZE)
			check_entry(name, entry, dev, about.st_ino, depth);
	}
	check_dots(path, about.st_ino, above, dot, dots);
	check_order(path, folder, places, names, count);
out:
	if (folder)
		closedir(folder);
	while (count)
		free(names[--count]);
	free(names);
	free(places);
}

void test_tree(const char *root)
{
	struct stat about;
	struct statfs space;

	if (stat(root, &about) || !S_ISDIR(about.st_mode))
		give_up_errno("open the folder", root);
	memset(&seen, 0, sizeof(seen));
	walk(root, about.st_dev, 0, 0);
	printf("# %lu files, %lu folders, %lu symbolic links\n", seen.files, seen.folders,
	       seen.links);
	verdict(!seen.listings, "folders list what is in them, from each place");
	verdict(!seen.parents, "\".\" and \"..\" are what they should be");
	verdict(!seen.numbers, "numbers of files agree");
	verdict(!seen.types, "types of files agree");
	verdict(!seen.sizes, "files end at their size");
	verdict(!seen.bytes, "bytes are the same in one piece, in many, and mapped");
	verdict(!seen.targets, "symbolic links are as long as they say");
	verdict(!statfs(root, &space) && space.f_bsize > 0 && space.f_bfree <= space.f_blocks &&
			space.f_bavail <= space.f_bfree && space.f_ffree <= space.f_files,
		"statfs() is possible");
}

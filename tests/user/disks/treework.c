/* SPDX-License-Identifier: MIT */
/*
 * Random work by several processes over the same folders.
 *
 *	treework work FOLDER SEED STEPS PROCESSES
 *	treework check FOLDER	what files have is theirs
 *	treework list FOLDER	a line for each name: type, mode, links, owner, size, sum, attributes, path
 *
 * Any step of a process may fail, since others have made or removed what it works on, but only with an error that this
 * explains. Files consist of records of 32 bytes that name the inode they were written to, and of holes: what belongs to
 * another file is found, on this machine or on another one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAGIC	     0x6b726f7765657274u
#define MOST_RECORDS 9000u
#define MOST_HELD    4

struct record {
	uint64_t magic, inode, stamp, sum;
};

static uint64_t seed;
static unsigned worker, steps_done;
static const char *step_name = "";
static struct record records[600];

static void work_fail(const char *what, const char *path)
{
	printf("not ok: process %u, step %u, %s %s: %s (%s)\n", worker, steps_done, step_name, path,
	       what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static uint32_t below(uint32_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % limit);
}

/* A call that succeeds, or fails as the work of others explains. */
static bool expect(const char *path, long result, ...)
{
	int allowed, error = errno;
	va_list args;

	if (result >= 0)
		return true;
	va_start(args, result);
	while ((allowed = va_arg(args, int)))
		if (allowed == error)
			break;
	va_end(args);
	if (!allowed)
		work_fail("an error that nothing explains", path);
	return false;
}

static void some_path(char *path)
{
	unsigned depth = below(3);
	bool is_top = !depth;

	path += sprintf(path, "d%u", below(4));
	while (depth--)
		path += sprintf(path, "/s%u", below(3));
	if (below(20) == 0)
		sprintf(path,
			"/a-name-that-is-longer-than-the-others-and-takes-space-in-its-folder-%u",
			below(30));
	else if (is_top || below(5))
		sprintf(path, "/n%u", below(14));
}

static void some_folder(char *path)
{
	unsigned depth = 1 + below(2);

	path += sprintf(path, "d%u", below(4));
	while (depth--)
		path += sprintf(path, "/s%u", below(3));
}

/* ---- records ---- */

static uint64_t record_sum(const struct record *record)
{
	return (record->magic ^ record->inode * 31) + record->stamp * 0x9e3779b97f4a7c15u;
}

static size_t records_fill(ino_t inode, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		records[i] = (struct record){ .magic = MAGIC, .inode = inode };
		records[i].stamp = (uint64_t)worker << 48 | (uint64_t)steps_done << 16 | i;
		records[i].sum = record_sum(&records[i]);
	}
	return count * sizeof(records[0]);
}

static bool record_is_of(const struct record *record, ino_t inode)
{
	static const struct record hole;

	if (!memcmp(record, &hole, sizeof(hole)))
		return true;
	return record->magic == MAGIC && record->inode == inode &&
	       record->sum == record_sum(record);
}

/* Others write and truncate meanwhile: a record read may be half another one, but not of another file. */
static void records_look(int file, const char *path, bool alone)
{
	struct stat st;
	off_t offset = 0;
	ssize_t length;

	if (fstat(file, &st))
		work_fail("fstat", path);
	while ((length = pread(file, records, sizeof(records), offset)) > 0) {
		for (unsigned i = 0; i < (size_t)length / sizeof(records[0]); i++) {
			struct record *record = &records[i];

			if (record_is_of(record, st.st_ino))
				continue;
			if (alone || (record->magic == MAGIC && record->inode &&
				      record->inode != st.st_ino)) {
				printf("at %lld: %llx of inode %llu, stamp %llx; this is inode %llu\n",
				       (long long)offset + i * 32, (long long)record->magic,
				       (long long)record->inode, (long long)record->stamp,
				       (long long)st.st_ino);
				work_fail("bytes of another file", path);
			}
		}
		offset += length;
	}
	if (length)
		work_fail("read", path);
}

static int file_open(char *path, int flags)
{
	int file;

	some_path(path);
	file = open(path, flags | O_NOFOLLOW | O_NONBLOCK, 0644);
	expect(path, file, ENOENT, EISDIR, ENOTDIR, ELOOP, ENOSPC, 0);
	return file;
}

/* ---- steps ---- */

static void step_write(void)
{
	char path[PATH_MAX];
	int file = file_open(path, O_RDWR | O_CREAT);
	struct stat st;
	off_t offset;

	if (file < 0)
		return;
	if (fstat(file, &st))
		work_fail("fstat", path);
	offset = (off_t)below(MOST_RECORDS) * 32;
	if (below(3))
		offset = (off_t)below((unsigned)(st.st_size / 32) + 1) * 32;
	expect(path,
	       pwrite(file, records, records_fill(st.st_ino, 1 + below(below(3) ? 40 : 600)),
		      offset),
	       ENOSPC, 0);
	if (below(12) == 0)
		expect(path, fsync(file), 0);
	close(file);
}

static void step_append(void)
{
	char path[PATH_MAX];
	int file = file_open(path, O_WRONLY | O_APPEND | O_CREAT);
	struct stat st;

	if (file < 0)
		return;
	if (fstat(file, &st))
		work_fail("fstat", path);
	if (st.st_size < (off_t)MOST_RECORDS * 32)
		expect(path, write(file, records, records_fill(st.st_ino, 1 + below(80))), ENOSPC,
		       0);
	if (below(12) == 0)
		expect(path, fdatasync(file), 0);
	close(file);
}

static void step_truncate(void)
{
	char path[PATH_MAX];
	int file = file_open(path, O_RDWR);
	struct stat st;

	if (file < 0)
		return;
	if (fstat(file, &st))
		work_fail("fstat", path);
	expect(path, ftruncate(file, (off_t)below((unsigned)(st.st_size / 32) + 40) * 32), ENOSPC,
	       0);
	close(file);
}

static void step_read(void)
{
	char path[PATH_MAX];
	int file = file_open(path, O_RDONLY);

	if (file < 0)
		return;
	struct stat st;

	if (!fstat(file, &st) && S_ISREG(st.st_mode))
		records_look(file, path, false);
	close(file);
}

static void step_rename(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	some_path(from);
	some_path(to);
	expect(to, rename(from, to), ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EEXIST, EINVAL, ENOSPC, 0);
}

static void step_link(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	some_path(from);
	some_path(to);
	expect(to, link(from, to), ENOENT, ENOTDIR, EEXIST, EPERM, ENOSPC, 0);
}

static void step_unlink(void)
{
	char path[PATH_MAX];

	some_path(path);
	expect(path, unlink(path), ENOENT, ENOTDIR, EISDIR, 0);
}

static void step_mkdir(void)
{
	char path[PATH_MAX];

	some_folder(path);
	expect(path, mkdir(path, 0755), ENOENT, ENOTDIR, EEXIST, ENOSPC, 0);
}

static void step_rmdir(void)
{
	char path[PATH_MAX];

	some_folder(path);
	expect(path, rmdir(path), ENOENT, ENOTDIR, ENOTEMPTY, 0);
}

static void step_symlink(void)
{
	char path[PATH_MAX], target[200];
	size_t length = 3 + below(150);

	memset(target, 'x', sizeof(target));
	target[length] = 0;
	some_path(path);
	expect(path, symlink(target, path), ENOENT, ENOTDIR, EEXIST, ENOSPC, 0);
}

static void step_readlink(void)
{
	char path[PATH_MAX], target[200];
	ssize_t length;

	some_path(path);
	length = readlink(path, target, sizeof(target));
	if (expect(path, length, ENOENT, ENOTDIR, EINVAL, 0))
		for (ssize_t i = 0; i < length; i++)
			if (target[i] != 'x')
				work_fail("a target that nobody wrote", path);
}

/* The value of an attribute is its length, again and again. */
static void step_attribute(void)
{
	char path[PATH_MAX], name[20], value[250];
	ssize_t length = 1 + below(200);

	some_path(path);
	sprintf(name, "user.%u", below(4));
	memset(value, (int)length, (size_t)length);
	if (below(3) == 0) {
		expect(path, lremovexattr(path, name), ENOENT, ENOTDIR, ENODATA, EPERM, 0);
	} else if (below(2)) {
		expect(path, lsetxattr(path, name, value, (size_t)length, 0), ENOENT, ENOTDIR,
		       ENOSPC, EPERM, 0);
	} else {
		length = lgetxattr(path, name, value, sizeof(value));
		if (expect(path, length, ENOENT, ENOTDIR, ENODATA, EPERM, 0))
			for (ssize_t i = 0; i < length; i++)
				if ((uint8_t)value[i] != length)
					work_fail("an attribute that nobody wrote", path);
	}
}

static void step_folder(void)
{
	char path[PATH_MAX];
	struct dirent *entry;
	unsigned dots = 0;
	DIR *folder;

	some_folder(path);
	folder = opendir(path);
	if (!folder) {
		expect(path, -1, ENOENT, ENOTDIR, 0);
		return;
	}
	while ((entry = readdir(folder)))
		dots += entry->d_name[0] == '.';
	/* A folder that was removed meanwhile has none. */
	if (dots != 2 && dots != 0)
		work_fail("a folder without . and ..", path);
	closedir(folder);
}

static void step_mode(void)
{
	char path[PATH_MAX];

	some_path(path);
	expect(path, chmod(path, 0600 | below(0100)), ENOENT, ENOTDIR, ELOOP, 0);
}

static void step_sync(void)
{
	char path[PATH_MAX];
	int folder;

	if (below(4) == 0)
		sync();
	some_folder(path);
	folder = open(path, O_RDONLY | O_DIRECTORY);
	if (!expect(path, folder, ENOENT, ENOTDIR, 0))
		return;
	expect(path, fsync(folder), 0);
	close(folder);
}

/* Files that have no name any more go on until they are closed. */
static void step_hold(void)
{
	static int held[MOST_HELD] = { -1, -1, -1, -1 };
	int *slot = &held[below(MOST_HELD)];
	char path[PATH_MAX];
	struct stat st;

	if (*slot >= 0) {
		records_look(*slot, "(no name)", false);
		close(*slot);
	}
	*slot = file_open(path, O_RDWR | O_CREAT);
	if (*slot < 0)
		return;
	expect(path, unlink(path), ENOENT, EISDIR, ENOTDIR, 0);
	if (fstat(*slot, &st))
		work_fail("fstat", path);
	expect(path, pwrite(*slot, records, records_fill(st.st_ino, 300), 0), ENOSPC, 0);
}

/* A file of this process alone, written through a mapping. */
static void step_map(void)
{
	char path[20];
	unsigned count = 1 + below(600), skipped = below(4000);
	struct record *map;
	struct stat st;
	int file;

	sprintf(path, "own%u", worker);
	file = open(path, O_RDWR | O_CREAT, 0644);
	if (!expect(path, file, ENOSPC, 0))
		return;
	if (!expect(path, ftruncate(file, (off_t)(skipped + count) * 32), ENOSPC, 0) ||
	    fstat(file, &st))
		work_fail("truncate or stat", path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (map == MAP_FAILED)
		work_fail("mmap", path);
	memcpy(map + skipped, records, records_fill(st.st_ino, count));
	munmap(map, (size_t)st.st_size);
	records_look(file, path, true);
	close(file);
}

static const struct {
	const char *name;
	unsigned weight;
	void (*run)(void);
} kinds[] = {
	{ "write", 5, step_write },	  { "append", 5, step_append },
	{ "truncate", 4, step_truncate }, { "read", 3, step_read },
	{ "rename", 6, step_rename },	  { "link", 4, step_link },
	{ "unlink", 5, step_unlink },	  { "mkdir", 4, step_mkdir },
	{ "rmdir", 3, step_rmdir },	  { "symlink", 2, step_symlink },
	{ "readlink", 1, step_readlink }, { "attribute", 3, step_attribute },
	{ "folder", 1, step_folder },	  { "mode", 1, step_mode },
	{ "sync", 1, step_sync },	  { "hold", 2, step_hold },
	{ "map", 1, step_map },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void step(void)
{
	unsigned all = 0, choice;

	for (unsigned i = 0; i < KINDS; i++)
		all += kinds[i].weight;
	choice = below(all);
	for (unsigned i = 0; i < KINDS; i++) {
		if (choice < kinds[i].weight) {
			step_name = kinds[i].name;
			kinds[i].run();
			return;
		}
		choice -= kinds[i].weight;
	}
}

static int work(uint64_t first_seed, unsigned steps, unsigned processes)
{
	int status, bad = 0;
	char path[20];

	for (unsigned i = 0; i < 4; i++) {
		sprintf(path, "d%u", i);
		mkdir(path, 0755);
	}
	for (worker = 0; worker < processes; worker++) {
		if (fork())
			continue;
		seed = first_seed * 1000 + worker;
		for (; steps_done < steps; steps_done++)
			step();
		_exit(0);
	}
	while (wait(&status) > 0)
		bad += status != 0;
	printf("%u of %u processes failed\n", bad, processes);
	return bad != 0;
}

/* ---- what there is ---- */

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t length)
{
	sum = ~sum;
	while (length--) {
		sum ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (0xedb88320u & -(sum & 1));
	}
	return ~sum;
}

static uint32_t sum_of(const char *path, const struct stat *st)
{
	uint32_t sum = 0;
	ssize_t length;
	int file;

	if (S_ISLNK(st->st_mode)) {
		length = readlink(path, (char *)records, sizeof(records));
		return sum_add(0, (uint8_t *)records, (size_t)length);
	}
	if (!S_ISREG(st->st_mode))
		return 0;
	file = open(path, O_RDONLY);
	if (file < 0)
		work_fail("open", path);
	while ((length = read(file, records, sizeof(records))) > 0)
		sum = sum_add(sum, (uint8_t *)records, (size_t)length);
	if (length)
		work_fail("read", path);
	close(file);
	return sum;
}

static void list_attributes(const char *path)
{
	char name[20], value[300];
	ssize_t length;

	for (unsigned i = 0; i < 4; i++) {
		sprintf(name, "user.%u", i);
		length = lgetxattr(path, name, value, sizeof(value));
		if (length < 0)
			printf("-");
		else
			printf("%08x", sum_add(0, (uint8_t *)value, (size_t)length));
		putchar(',');
	}
}

static void list_one(const char *path, const struct stat *st)
{
	long long size = st->st_size;

	if (S_ISDIR(st->st_mode))
		size = 0;
	printf("%06o %u %u:%u %lld %08x ", st->st_mode, (unsigned)st->st_nlink, st->st_uid,
	       st->st_gid, size, sum_of(path, st));
	list_attributes(path);
	printf(" %s\n", path);
}

static void check_one(const char *path, const struct stat *st)
{
	int file;

	if (!S_ISREG(st->st_mode))
		return;
	file = open(path, O_RDONLY);
	if (file < 0)
		work_fail("open", path);
	records_look(file, path, true);
	close(file);
}

static void walk(const char *folder, void (*visit)(const char *path, const struct stat *st))
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *stream = opendir(folder);
	struct stat st;

	if (!stream)
		work_fail("opendir", folder);
	while ((entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    !strcmp(entry->d_name, "lost+found"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (lstat(path, &st))
			work_fail("lstat", path);
		visit(path, &st);
		if (S_ISDIR(st.st_mode))
			walk(path, visit);
	}
	closedir(stream);
}

int main(int argc, char **argv)
{
	if (argc < 3 || chdir(argv[2]))
		return 2;
	if (!strcmp(argv[1], "work") && argc > 5)
		return work(strtoull(argv[3], NULL, 0), (unsigned)atoi(argv[4]),
			    (unsigned)atoi(argv[5]));
	if (!strcmp(argv[1], "check"))
		walk(".", check_one);
	else if (!strcmp(argv[1], "list"))
		walk(".", list_one);
	else
		return 2;
	return 0;
}

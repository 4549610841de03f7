/* SPDX-License-Identifier: MIT */
/*
 * File systems. One that can be written gets a folder of its own, in which all that programs rely on is tried; what the
 * format cannot have (links, rights, long names) may be refused with the errors that Linux has for it. Then the file
 * system is unmounted and mounted again, and must have the same in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "class_test.h"

#define MANY	  300
#define WRITERS	  8
#define APPENDS	  100
#define BIG_BYTES (3u << 20)

static struct {
	const char *type, *device, *options;
	char mounted[64], folder[128];
} fs;

static void mount_it(unsigned long flags)
{
	if (mount(fs.device, fs.mounted, fs.type, flags, fs.options))
		give_up_errno("mount", fs.device);
}

/* ---- files ---- */

static bool write_file(const char *name, size_t bytes, uint64_t seed)
{
	uint8_t *memory = memory_of(bytes + 1);
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool good;

	pattern_fill(memory, bytes, seed, 0);
	good = fd >= 0 && write(fd, memory, bytes) == (ssize_t)bytes;
	if (fd >= 0 && close(fd))
		good = false;
	free(memory);
	return good;
}

static bool file_holds(const char *name, size_t bytes, uint64_t seed)
{
	uint8_t *memory = memory_of(bytes + 1);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && read(fd, memory, bytes + 1) == (ssize_t)bytes &&
		    pattern_holds(memory, bytes, seed, 0);

	if (fd >= 0)
		close(fd);
	free(memory);
	return good;
}

static off_t size_of(const char *name)
{
	struct stat about;

	return stat(name, &about) ? -1 : about.st_size;
}

static void check_making(void)
{
	struct stat about;
	int fd;

	verdict(write_file("file", 0, 0) && size_of("file") == 0, "an empty file is made");
	verdict(!stat("file", &about) && S_ISREG(about.st_mode) && about.st_nlink == 1 &&
			about.st_ino,
		"stat() knows it");
	verdict(refused(open("file", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST),
		"O_EXCL refuses a name that exists");
	verdict(refused(open("absent", O_RDONLY), ENOENT), "a name that is not there: ENOENT");
	verdict(refused(open("file/below", O_RDONLY), ENOTDIR), "a name below a file: ENOTDIR");
	verdict(refused(open(".", O_WRONLY), EISDIR), "a folder cannot be written: EISDIR");
	fd = open("file", O_RDONLY | O_CLOEXEC);
	verdict(refused(write(fd, "x", 1), EBADF), "nor a file that is open for reading: EBADF");
	close(fd);
	verdict(!unlink("file") && refused(unlink("file"), ENOENT), "it is removed, once");
}

static void check_data(void)
{
	static const size_t sizes[] = {
		1, 511, 512, 513, 4095, 4096, 4097, 65536, 70001, BIG_BYTES
	};
	bool good = true;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes) && good; i++) {
		char name[32];

		snprintf(name, sizeof(name), "size%zu", sizes[i]);
		good = write_file(name, sizes[i], i) && file_holds(name, sizes[i], i) &&
		       size_of(name) == (off_t)sizes[i];
	}
	verdict(good, "files of many sizes hold what was written");
	verdict(write_file("size4096", 10, 99) && file_holds("size4096", 10, 99),
		"a file is written anew, shorter");
	verdict(file_holds("size4097", 4097, 6), "its neighbours are as before");
}

static void check_overwriting(void)
{
	uint8_t *memory = memory_of(BIG_BYTES);
	int fd = open("over", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	uint64_t state = 7;
	bool good = fd >= 0 && pwrite(fd, memory, 200000, 0) == 200000;

	for (int i = 0; i < 200 && good; i++) {
		size_t at = random_below(&state, 190000), bytes = 1 + random_below(&state, 9999);

		pattern_fill(memory + at, bytes, i, at);
		good = pwrite(fd, memory + at, bytes, at) == (ssize_t)bytes;
	}
	if (good) {
		uint8_t *read_back = memory_of(BIG_BYTES);

		good = pread(fd, read_back, BIG_BYTES, 0) == 200000 &&
		       !memcmp(read_back, memory, 200000);
		free(read_back);
	}
	verdict(good, "writes anywhere within a file");
	close(fd);
	free(memory);
}

/* @return are these bytes of the file zero? */
static bool zero_at(int fd, off_t at, size_t bytes)
{
	uint8_t *memory = memory_of(bytes);
	bool good = pread(fd, memory, bytes, at) == (ssize_t)bytes;

	for (size_t i = 0; i < bytes && good; i++)
		good = !memory[i];
	free(memory);
	return good;
}

static void check_sizes_change(void)
{
	int fd = open("cut", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	uint8_t memory[5000];

	pattern_fill(memory, sizeof(memory), 3, 0);
	verdict(write(fd, memory, sizeof(memory)) == sizeof(memory) && !ftruncate(fd, 1000) &&
			size_of("cut") == 1000,
		"a file is cut");
	verdict(!ftruncate(fd, 6000) && size_of("cut") == 6000 && zero_at(fd, 1000, 5000),
		"it grows by zeroes, not by what was there");
	verdict(pread(fd, memory, 1000, 0) == 1000 && pattern_holds(memory, 1000, 3, 0),
		"what was left is as before");
	verdict(pwrite(fd, "end", 3, 300000) == 3 && size_of("cut") == 300003 &&
			zero_at(fd, 6000, 294000),
		"a gap reads as zeroes");
	verdict(!ftruncate(fd, 0) && !pread(fd, memory, 1, 0), "it is cut to nothing");
	verdict(refused(ftruncate(fd, -1), EINVAL), "a negative size: EINVAL");
	close(fd);
}

static bool append_work(int index, void *context)
{
	int fd = open("log", O_WRONLY | O_APPEND | O_CLOEXEC);
	char line[16];
	bool good = fd >= 0;

	(void)context;
	snprintf(line, sizeof(line), "%07d\n", index);
	for (int i = 0; i < APPENDS && good; i++)
		good = write(fd, line, 8) == 8;
	if (fd >= 0)
		close(fd);
	return good;
}

static void check_appending(void)
{
	int counts[WRITERS] = { 0 }, number;
	bool good = write_file("log", 0, 0) && in_processes(WRITERS, append_work, NULL);
	FILE *file = fopen("log", "re");

	while (file && fscanf(file, "%7d\n", &number) == 1)
		if (number >= 0 && number < WRITERS)
			counts[number]++;
	if (file)
		fclose(file);
	for (int i = 0; i < WRITERS; i++)
		good = good && counts[i] == APPENDS;
	verdict(good && size_of("log") == WRITERS * APPENDS * 8,
		"%d processes append, and no line is lost", WRITERS);
}

static void check_mapping(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	uint8_t *mapped = MAP_FAILED, memory[16384];

	if (fd >= 0 && !ftruncate(fd, sizeof(memory)))
		mapped = mmap(NULL, sizeof(memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED) {
		verdict(errno == ENODEV || errno == EINVAL,
			"a shared mapping is refused in words: %s", strerror(errno));
		close(fd);
		return;
	}
	pattern_fill(mapped, sizeof(memory), 11, 0);
	verdict(pread(fd, memory, sizeof(memory), 0) == sizeof(memory) &&
			pattern_holds(memory, sizeof(memory), 11, 0),
		"read() sees what was written to a mapping");
	verdict(pwrite(fd, "seen", 4, 5000) == 4 && !memcmp(mapped + 5000, "seen", 4),
		"a mapping sees what write() wrote");
	verdict(!msync(mapped, sizeof(memory), MS_SYNC), "msync()");
	munmap(mapped, sizeof(memory));
	close(fd);
}

static void check_open_and_removed(void)
{
	char text[8] = "";
	int fd = open("ghost", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct stat about;

	verdict(write(fd, "ghost", 5) == 5 && !unlink("ghost") && size_of("ghost") == -1,
		"an open file is removed");
	verdict(pread(fd, text, sizeof(text), 0) == 5 && !memcmp(text, "ghost", 5) &&
			!fstat(fd, &about) && !about.st_nlink,
		"it can be read and has no links");
	verdict(pwrite(fd, "more", 4, 5) == 4 && !fsync(fd), "and written");
	close(fd);
}

/* ---- names ---- */

static void check_names(void)
{
	char name[NAME_MAX + 2];
	struct statfs space;
	size_t longest;

	statfs(".", &space);
	longest = space.f_namelen > 0 && space.f_namelen <= NAME_MAX ? space.f_namelen : NAME_MAX;
	memset(name, 'n', sizeof(name));
	name[longest] = 0;
	verdict(write_file(name, 5, 5) && file_holds(name, 5, 5) && !unlink(name),
		"a name of %zu bytes", longest);
	memset(name, 'n', sizeof(name));
	name[NAME_MAX + 1] = 0;
	verdict(refused(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG),
		"a longer one: ENAMETOOLONG");
	verdict(write_file("with blank.and.dots", 3, 1) &&
			file_holds("with blank.and.dots", 3, 1) && !unlink("with blank.and.dots"),
		"a name with a blank and dots");
}

static int list_names(const char *path, bool *found)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int count = 0, number;

	while (folder && (entry = readdir(folder)) != NULL) {
		if (sscanf(entry->d_name, "many%d", &number) != 1 || number < 0 || number >= MANY ||
		    found[number])
			continue;
		found[number] = true;
		count++;
	}
	if (folder)
		closedir(folder);
	return count;
}

static void check_many(void)
{
	bool found[MANY] = { false }, good = !mkdir("many", 0755);
	char name[64];

	for (int i = 0; i < MANY && good; i++) {
		snprintf(name, sizeof(name), "many/many%d", i);
		good = write_file(name, i % 50, i);
	}
	verdict(good && list_names("many", found) == MANY, "a folder of %d files lists each once",
		MANY);
	verdict(refused(rmdir("many"), ENOTEMPTY), "it is not removed: ENOTEMPTY");
	for (int i = 0; i < MANY && good; i++) {
		snprintf(name, sizeof(name), "many/many%d", i);
		good = file_holds(name, i % 50, i) && !unlink(name);
	}
	memset(found, 0, sizeof(found));
	verdict(good && !list_names("many", found) && !rmdir("many"), "emptied it is removed");
}

static void check_folders(void)
{
	struct stat about, above;

	verdict(!mkdir("folder", 0755) && !mkdir("folder/below", 0755), "folders are made");
	verdict(refused(mkdir("folder", 0755), EEXIST), "a second time: EEXIST");
	verdict(!stat("folder/below/..", &about) && !stat("folder", &above) &&
			about.st_ino == above.st_ino,
		"\"..\" is the folder above");
	verdict(refused(rmdir("folder/below/."), EINVAL), "\".\" is not removed: EINVAL");
	verdict(refused(unlink("folder"), EISDIR), "unlink() of a folder: EISDIR");
	verdict(refused(rename("folder", "folder/below/in"), EINVAL),
		"a folder is not moved into itself: EINVAL");
	write_file("folder/below/file", 1, 1);
	verdict(!rename("folder/below/file", "folder/./below/../below/moved") &&
			!unlink("folder/below/moved"),
		"a folder can be named in two ways in one call");
	verdict(!rename("folder/below", "moved") && !stat("moved/..", &about) &&
			!stat(".", &above) && about.st_ino == above.st_ino,
		"a folder that is moved has another one above");
	verdict(!rmdir("moved") && !rmdir("folder"), "folders are removed");
}

static void check_renaming(void)
{
	int fd;
	char byte;

	verdict(write_file("from", 100, 1) && !rename("from", "to") && size_of("from") == -1 &&
			file_holds("to", 100, 1),
		"a file is renamed");
	write_file("other", 50, 2);
	fd = open("to", O_RDONLY | O_CLOEXEC);
	verdict(!rename("other", "to") && file_holds("to", 50, 2),
		"one file takes the place of another");
	verdict(fd >= 0 && pread(fd, &byte, 1, 99) == 1, "who has the old one open still reads it");
	close(fd);
	mkdir("folder", 0755);
	verdict(refused(rename("to", "folder"), EISDIR),
		"a file does not replace a folder: EISDIR");
	verdict(refused(rename("folder", "to"), ENOTDIR), "nor a folder a file: ENOTDIR");
	verdict(!rename("to", "folder/to") && file_holds("folder/to", 50, 2),
		"a file is moved to another folder");
	verdict(!unlink("folder/to") && !rmdir("folder"), "both are removed");
}

static void check_links(void)
{
	struct stat about;
	char target[32];

	write_file("first", 20, 4);
	if (link("first", "second")) {
		verdict(errno == EPERM || errno == EOPNOTSUPP, "links are refused with EPERM");
	} else {
		verdict(!stat("second", &about) && about.st_nlink == 2, "a second name counts");
		verdict(!unlink("first") && file_holds("second", 20, 4),
			"each name is as good as the other");
		verdict(!stat("second", &about) && about.st_nlink == 1 &&
				!rename("second", "first"),
			"and is counted down");
	}
	if (symlink("first", "points")) {
		verdict(errno == EPERM || errno == EOPNOTSUPP,
			"symbolic links are refused with EPERM");
	} else {
		verdict(readlink("points", target, sizeof(target)) == 5 &&
				!memcmp(target, "first", 5),
			"a symbolic link has its target");
		verdict(file_holds("points", 20, 4), "it is followed");
		unlink("points");
	}
	unlink("first");
}

/* ---- times and space ---- */

static void check_times(void)
{
	struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1100000000 } };
	struct stat before, about;

	write_file("timed", 1, 1);
	verdict(!utimensat(AT_FDCWD, "timed", times, 0) && !stat("timed", &about) &&
			about.st_mtime == 1100000000,
		"times are set");
	verdict(write_file("timed", 2, 1) && !stat("timed", &about) && about.st_mtime > 1100000000,
		"a write sets the time of the change");
	utimensat(AT_FDCWD, ".", times, 0);
	unlink("timed");
	verdict(!stat(".", &before) && before.st_mtime > 1100000000,
		"so does a removal that of the folder");
}

static void check_space(void)
{
	struct statfs before, with, after;

	sync();
	sync(); /* what was removed just now may be freed by the second one */
	statfs(".", &before);
	write_file("space", BIG_BYTES, 1);
	sync();
	statfs(".", &with);
	unlink("space");
	sync();
	sync();
	statfs(".", &after);
	/* The folder may have grown by a little. */
	verdict(before.f_bfree >= with.f_bfree + BIG_BYTES / before.f_bsize, "a file takes space");
	verdict(after.f_bfree + 16 >= before.f_bfree && after.f_bfree <= before.f_bfree,
		"which comes back when it is removed");
}

static void check_mounting(void)
{
	mkdir("place", 0755);
	write_file("place/below", 1, 1);
	verdict(!mount("none", "place", "tmpfs", 0, NULL) && size_of("place/below") == -1,
		"a folder is mounted on");
	verdict(!umount("place") && size_of("place/below") == 1, "and is itself again");
	verdict(!unlink("place/below") && !rmdir("place"), "it is removed");
}

/* ---- all of it ---- */

static void check_kept(void)
{
	struct stat about;

	if (stat(fs.device, &about) || !S_ISBLK(about.st_mode)) {
		skip("what is written is there when it is mounted again", "it is not on a disk");
		return;
	}
	verdict(write_file("kept", BIG_BYTES, 77), "a file to find again");
	verdict(!chdir("/") && !umount(fs.mounted), "umount()");
	mount_it(0);
	verdict(!chdir(fs.folder) && file_holds("kept", BIG_BYTES, 77),
		"mounted again, it is there");
	verdict(file_holds("size70001", 70001, 8) && size_of("ghost") == -1,
		"so are the others, but what was removed");
}

static void remove_all(void)
{
	DIR *folder = opendir(".");
	struct dirent *entry;
	bool good = folder != NULL;

	while (folder && (entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    unlink(entry->d_name))
			good = false;
	if (folder)
		closedir(folder);
	verdict(good && !chdir(fs.mounted) && !rmdir(fs.folder), "all is removed again");
}

static void test_writable(void)
{
	snprintf(fs.folder, sizeof(fs.folder), "%s/banos-class-test", fs.mounted);
	if (mkdir(fs.folder, 0755) || chdir(fs.folder))
		give_up_errno("make", fs.folder);
	check_making();
	check_data();
	check_overwriting();
	check_sizes_change();
	check_appending();
	check_mapping();
	check_open_and_removed();
	check_names();
	check_many();
	check_folders();
	check_renaming();
	check_links();
	check_times();
	check_space();
	check_mounting();
	check_kept();
	test_tree(fs.mounted);
	remove_all();
	chdir("/");
	umount(fs.mounted);
	mount_it(MS_RDONLY);
	verdict(refused(mkdir(fs.folder, 0755), EROFS),
		"mounted read only, nothing is made: EROFS");
}

void test_filesystem(int count, char **words)
{
	if (count < 2)
		give_up("filesystem", "the words TYPE and DEVICE are needed");
	fs.type = words[0];
	fs.device = words[1];
	fs.options = count > 2 ? words[2] : NULL;
	snprintf(fs.mounted, sizeof(fs.mounted), "/tmp/banos-class-test.%d", (int)getpid());
	if (mkdir(fs.mounted, 0700))
		give_up_errno("make", fs.mounted);
	if (mount(fs.device, fs.mounted, fs.type, 0, fs.options)) {
		if (errno != EROFS && errno != EACCES)
			give_up_errno("mount", fs.device);
		mount_it(MS_RDONLY);
	}
	if (access(fs.mounted, W_OK) && errno == EROFS) {
		printf("# the file system is read only\n");
		test_tree(fs.mounted);
	} else {
		test_writable();
	}
	verdict(!chdir("/") && !umount(fs.mounted), "nothing keeps it mounted");
	rmdir(fs.mounted);
}

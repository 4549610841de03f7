/* SPDX-License-Identifier: MIT */
/* Files: opening, reading, writing, names, folders, attributes, and each error. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), (long)strlen(text));
	CHECK_EQ(close(fd), 0);
}

static char *get(const char *name)
{
	static char buf[4096];
	int fd = open(name, O_RDONLY);
	ssize_t length;

	CHECK(fd >= 0);
	length = read(fd, buf, sizeof(buf) - 1);
	CHECK(length >= 0);
	buf[length] = 0;
	close(fd);
	return buf;
}

TEST(open_flags)
{
	int fd;

	CHECK_ERR(open("of", O_RDONLY), ENOENT);
	fd = open("of", O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_ERR(open("of", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_ERR(read(fd, &fd, 1), EBADF);
	close(fd);
	fd = open("of", O_RDONLY);
	CHECK_ERR(write(fd, "x", 1), EBADF);
	close(fd);
	fd = open("of", O_WRONLY | O_APPEND);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "def", 3), 3);
	close(fd);
	CHECK(!strcmp(get("of"), "abcdef"));
	fd = open("of", O_RDWR | O_TRUNC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	CHECK_ERR(open("of", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open(".", O_WRONLY), EISDIR);
	CHECK_ERR(open("of/x", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("", O_RDONLY), ENOENT);
	symlink("of", "ofl");
	CHECK_ERR(open("ofl", O_RDONLY | O_NOFOLLOW), ELOOP);
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	CHECK_ERR(open("loop1", O_RDONLY), ELOOP);
}

TEST(names_that_are_too_long)
{
	char name[PATH_MAX + 10];

	memset(name, 'n', sizeof(name));
	name[256] = 0;
	CHECK_ERR(open(name, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
	name[255] = 0;
	CHECK(open(name, O_WRONLY | O_CREAT, 0600) >= 0);
	CHECK_EQ(unlink(name), 0);
	for (int i = 0; i < PATH_MAX; i += 2) {
		name[i] = '.';
		name[i + 1] = '/';
	}
	name[PATH_MAX] = 0;
	CHECK_ERR(open(name, O_RDONLY), ENAMETOOLONG);
	name[PATH_MAX - 1] = 0;
	CHECK(open(name, O_RDONLY) >= 0);
}

TEST(descriptors_are_the_lowest_free)
{
	int first = open("/dev/null", O_RDONLY), second = open("/dev/null", O_RDONLY);

	CHECK_EQ(second, first + 1);
	close(first);
	CHECK_EQ(dup(second), first);
	CHECK_EQ(dup2(second, 20), 20);
	CHECK_EQ(fcntl(second, F_DUPFD, 15), 15);
	CHECK_EQ(dup2(second, second), second);
	CHECK_ERR(dup2(999, 20), EBADF);
	CHECK_ERR(dup2(second, -1), EBADF);
	CHECK_ERR(dup3(second, second, 0), EINVAL);
	CHECK_ERR(close(999), EBADF);
	CHECK_EQ(fcntl(second, F_GETFD), 0);
	CHECK_EQ(fcntl(second, F_SETFD, FD_CLOEXEC), 0);
	CHECK_EQ(fcntl(second, F_GETFD), FD_CLOEXEC);
	first = dup(second);
	CHECK_EQ(fcntl(first, F_GETFD), 0);
	first = fcntl(second, F_DUPFD_CLOEXEC, 0);
	CHECK_EQ(fcntl(first, F_GETFD), FD_CLOEXEC);
}

TEST(duplicates_share_their_position)
{
	char text[3] = "";
	int first, second;

	put("dp", "abcdef");
	first = open("dp", O_RDONLY);
	second = dup(first);
	CHECK_EQ(read(first, text, 2), 2);
	CHECK_EQ(read(second, text, 2), 2);
	CHECK(!memcmp(text, "cd", 2));
	CHECK_EQ(wait_status(CHILD(read(first, text, 1) != 1)), 0);
	CHECK_EQ(lseek(second, 0, SEEK_CUR), 5);
}

TEST(seeking)
{
	int fd = open("sk", O_RDWR | O_CREAT, 0600), ends[2];

	CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(lseek(fd, -51, SEEK_END), 50);
	CHECK_ERR(lseek(fd, -60, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 50);
	pipe(ends);
	CHECK_ERR(lseek(ends[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pread(ends[0], &ends, 1, 0), ESPIPE);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA) >= 0, 1);
	CHECK_ERR(lseek(fd, 500, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE) <= 101, 1);
}

TEST(positioned_and_vector_io)
{
	char piece[4] = "", buffer[4] = "";
	struct iovec iovec[2] = { { piece, 2 }, { buffer, 3 } };
	struct iovec out[3] = { { "one", 3 }, { "", 0 }, { "two", 3 } };
	int fd = open("pv", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(writev(fd, out, 3), 6);
	CHECK_EQ(pread(fd, piece, 3, 2), 3);
	CHECK(!memcmp(piece, "etw", 3));
	CHECK_EQ(pwrite(fd, "X", 1, 1), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	CHECK_EQ(preadv(fd, iovec, 2, 0), 5);
	CHECK(!memcmp(piece, "oX", 2) && !memcmp(buffer, "etw", 3));
	CHECK_ERR(pread(fd, piece, 1, -1), EINVAL);
	CHECK_ERR(syscall(SYS_readv, fd, iovec, -1), EINVAL);
	CHECK_ERR(syscall(SYS_readv, fd, iovec, 2000), EINVAL);
	CHECK_EQ(pread(fd, piece, 1, 6), 0);
	CHECK_EQ(read(fd, piece, 0), 0);
}

TEST(bad_pointers_are_refused)
{
	int fd = open("bp", O_RDWR | O_CREAT, 0600), ends[2];
	struct stat info;
	char buf[4];

	CHECK_ERR(syscall(SYS_write, fd, (void *)8, 1), EFAULT);
	CHECK_ERR(syscall(SYS_write, fd, (void *)0xffff800000000000, 1), EFAULT);
	CHECK_ERR(syscall(SYS_write, fd, (void *)-1ul, 1), EFAULT);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_ERR(syscall(SYS_pread64, fd, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_open, (void *)8, 0), EFAULT);
	CHECK_ERR(syscall(SYS_stat, "bp", (void *)8), EFAULT);
	CHECK_ERR(syscall(SYS_pipe, (void *)8), EFAULT);
	pipe(ends);
	CHECK_EQ(write(ends[1], "abc", 3), 3);
	CHECK_ERR(syscall(SYS_read, ends[0], (void *)8, 3), EFAULT);
	CHECK_ERR(syscall(SYS_getcwd, (void *)8, 100), EFAULT);
	CHECK_ERR(syscall(SYS_execve, (void *)8, 0, 0), EFAULT);
	CHECK_ERR(syscall(SYS_readlink, (void *)8, buf, 1), EFAULT);
	CHECK_EQ(stat("bp", &info), 0);
	CHECK_EQ(info.st_size, 3);
}

TEST(sizes)
{
	struct stat info;
	int fd;

	put("sz", "abcdef");
	CHECK_EQ(truncate("sz", 3), 0);
	CHECK(!strcmp(get("sz"), "abc"));
	fd = open("sz", O_RDWR);
	CHECK_EQ(ftruncate(fd, 10000), 0);
	CHECK_EQ(fstat(fd, &info), 0);
	CHECK_EQ(info.st_size, 10000);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate("none", 0), ENOENT);
	close(fd);
	fd = open("sz", O_RDONLY);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);
	CHECK_EQ(lseek(fd, 5000, SEEK_SET), 5000);
	CHECK_EQ(({
			 char c = 1;
			 read(fd, &c, 1);
			 c;
		 }),
		 0);
}

TEST(links_and_names)
{
	struct stat first, second;
	char buf[64];

	put("ln1", "x");
	CHECK_EQ(link("ln1", "ln2"), 0);
	CHECK_ERR(link("ln1", "ln2"), EEXIST);
	CHECK_ERR(link(".", "ln3"), EPERM);
	stat("ln1", &first);
	stat("ln2", &second);
	CHECK_EQ(first.st_ino, second.st_ino);
	CHECK_EQ(first.st_nlink, 2);
	CHECK_EQ(unlink("ln1"), 0);
	CHECK_ERR(unlink("ln1"), ENOENT);
	CHECK_ERR(unlink("."), EISDIR);
	CHECK_EQ(symlink("some/where", "sl"), 0);
	CHECK_ERR(symlink("x", "sl"), EEXIST);
	CHECK_ERR(symlink("", "sl2"), ENOENT);
	CHECK_EQ(readlink("sl", buf, sizeof(buf)), 10);
	CHECK_EQ(readlink("sl", buf, 4), 4);
	CHECK_ERR(readlink("ln2", buf, 4), EINVAL);
	CHECK_EQ(lstat("sl", &first), 0);
	CHECK(S_ISLNK(first.st_mode) && first.st_size == 10);
	CHECK_ERR(stat("sl", &first), ENOENT);
	CHECK_EQ(linkat(AT_FDCWD, "sl", AT_FDCWD, "sl3", 0), 0);
	CHECK_EQ(readlink("sl3", buf, sizeof(buf)), 10);
}

TEST(renaming)
{
	struct stat info;

	put("r1", "one");
	put("r2", "two");
	CHECK_EQ(rename("r1", "r2"), 0);
	CHECK(!strcmp(get("r2"), "one"));
	CHECK_ERR(rename("r1", "r3"), ENOENT);
	CHECK_EQ(mkdir("rd", 0755), 0);
	CHECK_EQ(mkdir("rd/sub", 0755), 0);
	CHECK_ERR(rename("rd", "rd/sub/x"), EINVAL);
	CHECK_ERR(rename("r2", "rd"), EISDIR);
	CHECK_ERR(rename("rd", "r2"), ENOTDIR);
	CHECK_EQ(mkdir("re", 0755), 0);
	CHECK_EQ(rename("re", "rd/sub"), 0);
	CHECK_ERR(stat("re", &info), ENOENT);
	CHECK_EQ(mkdir("rf", 0755), 0);
	CHECK_ERR(rename("rf", "rd"), ENOTEMPTY);
	CHECK_EQ(rename("r2", "r2"), 0);
	put("r4", "four");
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "r4", AT_FDCWD, "r2", 1), EEXIST);
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "r4", AT_FDCWD, "r2", 2), 0);
	CHECK(!strcmp(get("r4"), "one"));
	CHECK_ERR(rename(".", "x"), EBUSY);
}

TEST(folders)
{
	struct stat info;
	struct dirent *dirent;
	DIR *folder;
	int count = 0, sum = 0;

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERR(mkdir("d", 0755), EEXIST);
	CHECK_ERR(mkdir("no/d", 0755), ENOENT);
	CHECK_EQ(stat("d", &info), 0);
	CHECK(S_ISDIR(info.st_mode));
	for (int i = 0; i < 300; i++) {
		char name[32];

		sprintf(name, "d/file%d", i);
		put(name, "");
	}
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	folder = opendir("d");
	while ((dirent = readdir(folder))) {
		count++;
		if (!strncmp(dirent->d_name, "file", 4)) {
			CHECK(dirent->d_type == DT_REG || dirent->d_type == DT_UNKNOWN);
			sum += atoi(dirent->d_name + 4);
		}
	}
	CHECK_EQ(count, 302);
	CHECK_EQ(sum, 300 * 299 / 2);
	rewinddir(folder);
	CHECK(readdir(folder) != NULL);
	closedir(folder);
	for (int i = 0; i < 300; i++) {
		char name[32];

		sprintf(name, "d/file%d", i);
		CHECK_EQ(unlink(name), 0);
	}
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERR(rmdir("d"), ENOENT);
	CHECK_ERR(rmdir("."), EINVAL);
	put("df", "");
	CHECK_ERR(rmdir("df"), ENOTDIR);
	CHECK_ERR(read(open(".", O_RDONLY), &count, 4), EISDIR);
}

TEST(deleting_while_reading_a_folder)
{
	struct dirent *dirent;
	DIR *folder;
	int seen = 0;

	mkdir("dw", 0755);
	for (int i = 0; i < 100; i++) {
		char name[32];

		sprintf(name, "dw/%d", i);
		put(name, "");
	}
	folder = opendir("dw");
	while ((dirent = readdir(folder)))
		if (dirent->d_name[0] != '.') {
			CHECK_EQ(unlinkat(dirfd(folder), dirent->d_name, 0), 0);
			seen++;
		}
	CHECK_EQ(seen, 100);
	CHECK_EQ(rmdir("dw"), 0);
}

TEST(a_removed_folder_is_empty_but_usable)
{
	char buf[100];

	mkdir("gone", 0755);
	CHECK_EQ(chdir("gone"), 0);
	CHECK_EQ(rmdir("../gone"), 0);
	CHECK_ERR(getcwd(buf, sizeof(buf)) ? 0 : -1, ENOENT);
	CHECK_ERR(open("x", O_WRONLY | O_CREAT, 0600), ENOENT);
	CHECK_EQ(chdir(".."), 0);
}

TEST(working_folder)
{
	char folder[PATH_MAX], buffer[PATH_MAX];
	int fd;

	CHECK(getcwd(folder, sizeof(folder)) != NULL);
	mkdir("wf", 0755);
	fd = open("wf", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(fchdir(fd), 0);
	CHECK(getcwd(buffer, sizeof(buffer)) != NULL);
	CHECK(!strncmp(folder, buffer, strlen(folder)) &&
	      !strcmp(buffer + strlen(buffer) - 3, "/wf"));
	CHECK_ERR(getcwd(buffer, 2) ? 0 : -1, ERANGE);
	CHECK_EQ(chdir(".."), 0);
	put("wff", "");
	CHECK_ERR(chdir("wff"), ENOTDIR);
	CHECK_ERR(chdir("none"), ENOENT);
	CHECK_EQ(chdir("/../.."), 0);
	CHECK(getcwd(buffer, sizeof(buffer)) && !strcmp(buffer, "/"));
}

TEST(at_calls)
{
	struct stat info;
	int dir, fd;

	mkdir("at", 0755);
	dir = open("at", O_RDONLY | O_DIRECTORY);
	fd = openat(dir, "f", O_WRONLY | O_CREAT, 0640);
	CHECK(fd >= 0);
	CHECK_EQ(mkdirat(dir, "sub", 0700), 0);
	CHECK_EQ(fstatat(dir, "f", &info, 0), 0);
	CHECK_EQ(info.st_mode & 0777, 0640);
	CHECK_EQ(symlinkat("f", dir, "l"), 0);
	CHECK_EQ(fstatat(dir, "l", &info, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISLNK(info.st_mode));
	CHECK_EQ(fstatat(fd, "", &info, AT_EMPTY_PATH), 0);
	CHECK_EQ(renameat(dir, "f", dir, "g"), 0);
	CHECK_ERR(openat(dir, "f", O_RDONLY), ENOENT);
	CHECK_ERR(openat(fd, "x", O_RDONLY), ENOTDIR);
	CHECK_ERR(openat(999, "x", O_RDONLY), EBADF);
	CHECK(openat(999, "/", O_RDONLY) >= 0);
	CHECK_EQ(unlinkat(dir, "sub", AT_REMOVEDIR), 0);
	CHECK_ERR(unlinkat(dir, "g", AT_REMOVEDIR), ENOTDIR);
	CHECK_EQ(faccessat(dir, "g", R_OK, 0), 0);
	CHECK_ERR(fstatat(dir, "g", &info, 0x10000000), EINVAL);
}

TEST(modes_and_umask)
{
	struct stat info;

	umask(027);
	close(open("m1", O_WRONLY | O_CREAT, 0666));
	stat("m1", &info);
	CHECK_EQ(info.st_mode & 07777, 0640);
	mkdir("m2", 0777);
	stat("m2", &info);
	CHECK_EQ(info.st_mode & 07777, 0750);
	CHECK_EQ(umask(022), 027);
	CHECK_EQ(chmod("m1", 0604), 0);
	stat("m1", &info);
	CHECK_EQ(info.st_mode & 07777, 0604);
	CHECK_ERR(chmod("none", 0600), ENOENT);
	CHECK_EQ(mkfifo("m3", 0600), 0);
	stat("m3", &info);
	CHECK(S_ISFIFO(info.st_mode));
	CHECK_ERR(access("none", F_OK), ENOENT);
	CHECK_ERR(access("m1", 0x40), EINVAL);
}

TEST(times)
{
	struct timespec t[2] = { { 1000, 5 }, { 2000, 123456789 } };
	struct stat info;
	long ino;

	put("tm", "x");
	CHECK_EQ(utimensat(AT_FDCWD, "tm", t, 0), 0);
	stat("tm", &info);
	CHECK_EQ(info.st_atim.tv_sec, 1000);
	CHECK_EQ(info.st_mtim.tv_sec, 2000);
	CHECK_EQ(info.st_mtim.tv_nsec, 123456789);
	ino = info.st_ino;
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(utimensat(AT_FDCWD, "tm", t, 0), 0);
	stat("tm", &info);
	CHECK_EQ(info.st_atim.tv_sec, 1000);
	CHECK(labs(info.st_mtim.tv_sec - time(NULL)) < 5);
	CHECK_EQ(info.st_ino, ino);
	CHECK(labs(info.st_ctim.tv_sec - time(NULL)) < 5);
	t[0].tv_nsec = 2000000000;
	CHECK_ERR(utimensat(AT_FDCWD, "tm", t, 0), EINVAL);
}

TEST(writing_changes_the_time)
{
	struct timespec time[2] = { { 1000, 0 }, { 1000, 0 } };
	struct stat info;
	int fd;

	put("wt", "x");
	utimensat(AT_FDCWD, "wt", time, 0);
	fd = open("wt", O_WRONLY);
	CHECK_EQ(write(fd, "y", 1), 1);
	stat("wt", &info);
	CHECK(info.st_mtime > 1000);
	mkdir("wd", 0755);
	utimensat(AT_FDCWD, "wd", time, 0);
	put("wd/f", "");
	stat("wd", &info);
	CHECK(info.st_mtime > 1000);
}

TEST(an_unlinked_file_lives_on)
{
	char byte;
	struct stat info;
	int fd = open("ul", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(unlink("ul"), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(fstat(fd, &info), 0);
	CHECK_EQ(info.st_nlink, 0);
}

TEST(sendfile_and_copy)
{
	int source, out, ends[2];
	off_t offset = 1;
	char buf[8];

	put("sf", "abcdef");
	source = open("sf", O_RDONLY);
	out = open("so", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(sendfile(out, source, &offset, 3), 3);
	CHECK_EQ(offset, 4);
	CHECK_EQ(sendfile(out, source, NULL, 100), 6);
	CHECK(!strcmp(get("so"), "bcdabcdef"));
	pipe(ends);
	offset = 0;
	CHECK_EQ(sendfile(ends[1], source, &offset, 6), 6);
	CHECK_EQ(read(ends[0], buf, 8), 6);
	CHECK_ERR(sendfile(out, 999, NULL, 1), EBADF);
}

TEST(locks_of_whole_files)
{
	int first = open("fl", O_RDWR | O_CREAT, 0600), second = open("fl", O_RDWR);

	CHECK_EQ(flock(first, LOCK_EX), 0);
	CHECK_ERR(flock(second, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(first, LOCK_UN), 0);
	CHECK_EQ(flock(second, LOCK_SH | LOCK_NB), 0);
	CHECK_EQ(flock(first, LOCK_SH | LOCK_NB), 0);
}

static int try_lock(int fd, int type, int start, int len)
{
	struct flock flock = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};

	if (fcntl(fd, F_SETLK, &flock))
		return errno;
	return 0;
}

TEST(locks_of_ranges)
{
	int fd = open("rl", O_RDWR | O_CREAT, 0600);
	struct flock flock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 12, .l_len = 1 };

	CHECK_EQ(try_lock(fd, F_WRLCK, 10, 10), 0);
	CHECK_EQ(WEXITSTATUS(wait_status(CHILD(try_lock(fd, F_WRLCK, 15, 1)))), EAGAIN);
	CHECK_EQ(WEXITSTATUS(wait_status(CHILD(try_lock(fd, F_RDLCK, 19, 5)))), EAGAIN);
	CHECK_EQ(WEXITSTATUS(wait_status(CHILD(try_lock(fd, F_WRLCK, 20, 5)))), 0);
	CHECK_EQ(try_lock(fd, F_UNLCK, 14, 2), 0);
	CHECK_EQ(WEXITSTATUS(wait_status(CHILD(try_lock(fd, F_WRLCK, 14, 2)))), 0);
	CHECK_EQ(fcntl(fd, F_GETLK, &flock), 0);
	CHECK_EQ(flock.l_type, F_UNLCK);
}

TEST(file_systems)
{
	struct statfs info;

	CHECK_EQ(statfs(".", &info), 0);
	CHECK(info.f_bsize > 0);
	CHECK(info.f_namelen >= 255);
	CHECK_EQ(statfs("/proc", &info), 0);
	CHECK_EQ(info.f_type, 0x9fa0);
	CHECK_ERR(statfs("none", &info), ENOENT);
}

TEST(nonblocking_and_append_flags_can_be_changed)
{
	int fd = open("nb", O_WRONLY | O_CREAT, 0600);

	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
		 O_WRONLY | O_APPEND | O_NONBLOCK);
	CHECK_ERR(fcntl(fd, 9999, 0), EINVAL);
}

TEST(large_files_are_written_and_read_back)
{
	static unsigned char buf[64 * 1024];
	int fd = open("lg", O_RDWR | O_CREAT, 0600);

	for (int i = 0; i < 32; i++) {
		memset(buf, i * 3 + 1, sizeof(buf));
		CHECK_EQ(write(fd, buf, sizeof(buf) - 7), sizeof(buf) - 7);
	}
	for (int i = 31; i >= 0; i--) {
		CHECK_EQ(pread(fd, buf, sizeof(buf) - 7, i * (off_t)(sizeof(buf) - 7)),
			 sizeof(buf) - 7);
		CHECK_EQ(buf[0], (unsigned char)(i * 3 + 1));
		CHECK_EQ(buf[sizeof(buf) - 8], (unsigned char)(i * 3 + 1));
	}
	unlink("lg");
}

int main(void)
{
	RUN(open_flags);
	RUN(names_that_are_too_long);
	RUN(descriptors_are_the_lowest_free);
	RUN(duplicates_share_their_position);
	RUN(seeking);
	RUN(positioned_and_vector_io);
	RUN(bad_pointers_are_refused);
	RUN(sizes);
	RUN(links_and_names);
	RUN(renaming);
	RUN(folders);
	RUN(deleting_while_reading_a_folder);
	RUN(a_removed_folder_is_empty_but_usable);
	RUN(working_folder);
	RUN(at_calls);
	RUN(modes_and_umask);
	RUN(times);
	RUN(writing_changes_the_time);
	RUN(an_unlinked_file_lives_on);
	RUN(sendfile_and_copy);
	RUN(locks_of_whole_files);
	RUN(locks_of_ranges);
	RUN(file_systems);
	RUN(nonblocking_and_append_flags_can_be_changed);
	RUN(large_files_are_written_and_read_back);
	return check_done();
}

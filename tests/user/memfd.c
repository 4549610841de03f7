/* SPDX-License-Identifier: MIT */
/* memfd_create(): files in memory without a name, and seals. */
#include "check.h"
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#define ADD_SEALS    1033
#define GET_SEALS    1034
#define SEAL_SEAL    1
#define SEAL_SHRINK  2
#define SEAL_GROW    4
#define SEAL_WRITE   8
#define SEAL_FUTURE  16
#define CLOEXEC	     1u
#define SEALABLE     2u
#define PUNCH	     (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define PAGE	     4096
#define SHARED_WRITE PROT_READ | PROT_WRITE, MAP_SHARED

static int memfd(const char *name, unsigned flags)
{
	return (int)syscall(SYS_memfd_create, name, flags);
}

/* A file of @pages pages that may be sealed. */
static int sealable(int pages)
{
	int fd = memfd("test", SEALABLE);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, pages * PAGE), 0);
	return fd;
}

static int open_again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

TEST(names_and_refusals)
{
	char name[300], path[64], text[400], *maps, *found;
	int fd, got;
	ssize_t length, some;

	memset(name, 'x', sizeof(name));
	name[249] = 0;
	fd = memfd(name, CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, text, sizeof(text));
	CHECK_EQ(length, 7 + 249 + 10);
	CHECK(!memcmp(text, "/memfd:xxxx", 11) && !memcmp(text + 256, " (deleted)", 10));
	name[249] = 'x';
	name[250] = 0;
	CHECK_ERR(memfd(name, 0), EINVAL);
	CHECK_ERR(memfd(NULL, 0), EFAULT);
	CHECK_ERR(memfd((char *)16, 0x100), EINVAL);
	for (unsigned bit = 3; bit < 32; bit++)
		CHECK_ERR(memfd("test", 1u << bit), EINVAL);
	fd = memfd("", 0);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | 0100000);
	fd = memfd("a b\nc/d", 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	got = open("/proc/self/maps", O_RDONLY);
	maps = malloc(65536);
	length = 0;
	while ((some = read(got, maps + length, 65535 - length)) > 0)
		length += some;
	maps[length] = 0;
	found = strstr(maps, " /memfd:a b\\012c/d (deleted)\n");
	CHECK(found);
}

TEST(a_file_like_others)
{
	int fd = memfd("test", 0), again;
	struct statfs statfs;
	struct stat stat, null;
	char text[8];

	CHECK_EQ(fstat(fd, &stat), 0);
	CHECK_EQ(stat.st_mode, S_IFREG | 0777);
	CHECK_EQ(stat.st_nlink, 0);
	CHECK_EQ(stat.st_size + stat.st_blocks, 0);
	CHECK_EQ(stat.st_uid + stat.st_gid, 0);
	CHECK_EQ(fstat(open("/dev/null", O_RDONLY), &null), 0);
	CHECK(null.st_dev != stat.st_dev);
	CHECK_EQ(fstatfs(fd, &statfs), 0);
	CHECK_EQ(statfs.f_type, 0x01021994);
	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	again = open_again(fd, O_RDONLY);
	CHECK_EQ(read(again, text, 8), 5);
	CHECK(!memcmp(text, "hello", 5));
	CHECK_EQ(pwrite(fd, "J", 1, 0), 1);
	CHECK_EQ(pread(again, text, 1, 0), 1);
	CHECK_EQ(text[0], 'J');
	CHECK_EQ(fallocate(fd, 0, 0, 4 * PAGE), 0);
	CHECK_EQ(fstat(again, &stat), 0);
	CHECK_EQ(stat.st_size, 4 * PAGE);
	CHECK_EQ(stat.st_blocks, 32);
	CHECK_ERR(syscall(SYS_linkat, fd, "", AT_FDCWD, "/tmp/memfd", AT_EMPTY_PATH), EXDEV);
}

TEST(which_files_have_seals)
{
	int null = open("/dev/null", O_RDWR), plain = memfd("test", 0),
	    file = open("/tmp/seals", O_RDWR | O_CREAT, 0600), pipes[2];

	CHECK_EQ(pipe(pipes), 0);
	CHECK_ERR(fcntl(null, GET_SEALS), EINVAL);
	CHECK_ERR(fcntl(null, ADD_SEALS, 0), EINVAL);
	CHECK_ERR(fcntl(pipes[0], ADD_SEALS, 0), EPERM);
	CHECK_ERR(fcntl(pipes[1], ADD_SEALS, 0), EINVAL);
	CHECK_EQ(fcntl(file, GET_SEALS), SEAL_SEAL);
	CHECK_ERR(fcntl(file, ADD_SEALS, SEAL_GROW), EPERM);
	CHECK_ERR(fcntl(file, ADD_SEALS, 32), EINVAL);
	CHECK_EQ(fcntl(plain, GET_SEALS), SEAL_SEAL);
	CHECK_ERR(fcntl(plain, ADD_SEALS, SEAL_GROW), EPERM);
	plain = sealable(1);
	CHECK_EQ(fcntl(plain, GET_SEALS), 0);
	CHECK_ERR(fcntl(open_again(plain, O_RDONLY), ADD_SEALS, SEAL_GROW), EPERM);
	CHECK_ERR(fcntl(plain, ADD_SEALS, 0x100), EINVAL);
	CHECK_ERR(fcntl(plain, ADD_SEALS, 0x100000001), EINVAL);
	CHECK_EQ(fcntl(plain, ADD_SEALS, SEAL_GROW), 0);
	CHECK_EQ(fcntl(open_again(plain, O_RDONLY), GET_SEALS), SEAL_GROW);
	CHECK_EQ(fcntl(plain, ADD_SEALS, SEAL_GROW | SEAL_SHRINK), 0);
	CHECK_EQ(fcntl(plain, ADD_SEALS, SEAL_SEAL), 0);
	CHECK_EQ(fcntl(plain, GET_SEALS), SEAL_GROW | SEAL_SHRINK | SEAL_SEAL);
	CHECK_ERR(fcntl(plain, ADD_SEALS, SEAL_GROW), EPERM);
	unlink("/tmp/seals");
}

TEST(sizes)
{
	int fd = sealable(4);
	static char zeroes[2 * PAGE];

	CHECK_EQ(fcntl(fd, ADD_SEALS, SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, PAGE), EPERM);
	CHECK_ERR(open_again(fd, O_RDWR | O_TRUNC), EPERM);
	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	CHECK_EQ(ftruncate(fd, 5 * PAGE + 100), 0);
	CHECK_EQ(fcntl(fd, ADD_SEALS, SEAL_GROW), 0);
	CHECK_ERR(ftruncate(fd, 6 * PAGE), EPERM);
	CHECK_ERR(fallocate(fd, 0, 0, 6 * PAGE), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6 * PAGE), EPERM);
	CHECK_EQ(fallocate(fd, 0, 0, 5 * PAGE + 100), 0);
	CHECK_EQ(fallocate(fd, PUNCH, 0, PAGE), 0);
	CHECK_EQ(pwrite(fd, zeroes, 100, 5 * PAGE), 100);
	/* what does not fit is left out by pages */
	CHECK_ERR(pwrite(fd, zeroes, 101, 5 * PAGE), EPERM);
	CHECK_EQ(pwrite(fd, zeroes, 2 * PAGE, 4 * PAGE + 96), 4000);
	CHECK_ERR(pwrite(fd, zeroes, 1, 6 * PAGE), EPERM);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
	CHECK_ERR(write(fd, zeroes, 1), EPERM);
	CHECK_EQ(write(fd, zeroes, 0), 0);
}

TEST(contents)
{
	int fd = sealable(4), reader = open_again(fd, O_RDONLY);
	char *map = mmap(NULL, 2 * PAGE, SHARED_WRITE, fd, 0), *copy, *other;
	struct iovec iov;

	CHECK(map != MAP_FAILED);
	map[0] = map[PAGE] = 'x';
	CHECK_ERR(fcntl(fd, ADD_SEALS, SEAL_WRITE), EBUSY);
	CHECK_EQ(fcntl(fd, GET_SEALS), 0);
	CHECK_EQ(mprotect(map, 2 * PAGE, PROT_READ), 0);
	CHECK_ERR(fcntl(fd, ADD_SEALS, SEAL_WRITE), EBUSY); /* mprotect() may change its mind */
	CHECK_EQ(munmap(map, PAGE), 0);
	CHECK_ERR(fcntl(fd, ADD_SEALS, SEAL_WRITE), EBUSY);
	if (!fork()) { /* a child has it, too */
		CHECK_EQ(munmap(map + PAGE, PAGE), 0);
		CHECK_ERR(fcntl(fd, ADD_SEALS, SEAL_WRITE), EBUSY);
		_exit(0);
	}
	wait(NULL);
	CHECK_EQ(munmap(map + PAGE, PAGE), 0);
	copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
	CHECK(copy != MAP_FAILED && other != MAP_FAILED);
	CHECK_EQ(copy[0], 'x');
	CHECK_EQ(other[0], 'x');
	CHECK_EQ(fcntl(fd, ADD_SEALS, SEAL_WRITE), 0);
	CHECK_EQ(copy[0], 'x');
	CHECK_EQ(other[0], 'x');
	copy[0] = 'y'; /* its own */
	CHECK_EQ(other[0], 'x');
	CHECK_ERR(mprotect(other, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_ERR(write(fd, "a", 1), EPERM);
	CHECK_EQ(write(fd, "a", 0), 0);
	iov = (struct iovec){ copy, 10 };
	CHECK_ERR(pwritev(fd, &iov, 1, 0), EPERM);
	CHECK_ERR(fallocate(fd, PUNCH, 0, PAGE), EPERM);
	CHECK_EQ(mmap(NULL, PAGE, SHARED_WRITE, fd, 0), MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0) != MAP_FAILED);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	CHECK_EQ(ftruncate(fd, PAGE), 0); /* not what this seal is about */
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(fallocate(fd, 0, 0, 3 * PAGE), 0);
}

TEST(contents_from_now_on)
{
	int fd = sealable(2);
	char *map = mmap(NULL, PAGE, SHARED_WRITE, fd, 0), *other;

	map[0] = 'x';
	CHECK_EQ(fcntl(fd, ADD_SEALS, SEAL_FUTURE), 0);
	map[0] = 'y'; /* the mapping that exists may go on */
	CHECK_ERR(write(fd, "a", 1), EPERM);
	CHECK_ERR(fallocate(fd, PUNCH, 0, PAGE), EPERM);
	CHECK_EQ(mmap(NULL, PAGE, SHARED_WRITE, fd, 0), MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(other != MAP_FAILED);
	CHECK_EQ(other[0], 'y');
	CHECK_ERR(mprotect(other, PAGE, PROT_READ | PROT_WRITE), EACCES);
	other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(other != MAP_FAILED);
	other[0] = 'z';
	CHECK_EQ(map[0], 'y');
}

TEST(pages_in_a_pipe_may_not_change)
{
	int fd = sealable(1), pipes[2];
	char *map = mmap(NULL, PAGE, SHARED_WRITE, fd, 0), text[16];
	struct iovec iov = { map, PAGE };

	memset(map, 'p', PAGE);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(vmsplice(pipes[1], &iov, 1, 0), PAGE);
	CHECK_EQ(munmap(map, PAGE), 0);
	/* either the pipe has a copy, or the file cannot be sealed while it has the page */
	if (fcntl(fd, ADD_SEALS, SEAL_WRITE))
		CHECK_EQ(errno, EBUSY);
	CHECK_EQ(read(pipes[0], text, 16), 16);
	CHECK_EQ(text[0], 'p');
}

int main(void)
{
	RUN(names_and_refusals);
	RUN(a_file_like_others);
	RUN(which_files_have_seals);
	RUN(sizes);
	RUN(contents);
	RUN(contents_from_now_on);
	RUN(pages_in_a_pipe_may_not_change);
	return check_done();
}

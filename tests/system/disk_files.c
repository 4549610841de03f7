// SPDX-License-Identifier: MIT
/*
 * What a program sees of a disk as a file. disk_files DISK
 *
 * The disk may be overwritten and has at least 1 MiB; blocks of 512 bytes. Prints TAP.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *disk;
static int tests;

static void report(bool good, const char *what)
{
	printf("%sok %d %s (errno %d)\n", good ? "" : "not ", ++tests, what, errno);
	errno = 0;
}
#define OK(condition) report(condition, #condition)

static void *aligned(size_t length)
{
	void *memory;

	if (posix_memalign(&memory, 4096, length))
		exit(2);
	memset(memory, 0, length);
	return memory;
}

static int open_disk(int flags)
{
	int fd = open(disk, flags);

	if (fd < 0) {
		perror(disk);
		exit(2);
	}
	return fd;
}

static void facts(void)
{
	int fd = open_disk(O_RDONLY), block = 0, value = -1;
	unsigned long sectors = 0, ahead = 0;
	uint64_t bytes = 0;
	struct stat st;

	OK(!ioctl(fd, BLKGETSIZE64, &bytes) && bytes >= 1 << 20);
	OK(!ioctl(fd, BLKGETSIZE, &sectors) && sectors == bytes / 512);
	OK(!ioctl(fd, BLKSSZGET, &block) && block == 512);
	OK(!ioctl(fd, BLKPBSZGET, &block) && block >= 512);
	OK(!ioctl(fd, BLKBSZGET, &block) && block == 4096);
	OK(!ioctl(fd, BLKROGET, &value) && value == 0);
	OK(!ioctl(fd, BLKRASET, 512ul) && !ioctl(fd, BLKRAGET, &ahead) && ahead == 512);
	OK(lseek(fd, 0, SEEK_END) == (off_t)bytes);
	OK(!fstat(fd, &st) && S_ISBLK(st.st_mode));
	OK(ioctl(fd, 0x5421ffff, &value) == -1 && errno == ENOTTY);
	OK(write(fd, &value, 4) == -1 && errno == EBADF);
	close(fd);
}

static void buffered(void)
{
	char *out = aligned(70000), *in = aligned(70000);
	int fd = open_disk(O_RDWR), other = open_disk(O_RDONLY);
	off_t end = lseek(fd, 0, SEEK_END);

	for (int i = 0; i < 70000; i++)
		out[i] = (char)(i * 7 + i / 256);
	OK(pwrite(fd, out, 70000, 12345) == 70000);
	OK(pread(other, in, 70000, 12345) == 70000 && !memcmp(in, out, 70000));
	OK(!fsync(fd) && !fdatasync(fd));
	OK(pread(fd, in, 100, end) == 0);
	OK(pread(fd, in, 100, end - 10) == 10);
	OK(pwrite(fd, out, 100, end) == -1 && errno == ENOSPC);
	OK(pwrite(fd, out, 100, end - 10) == 10);
	OK(!ioctl(fd, BLKFLSBUF, 0));
	memset(in, 0, 70000);
	OK(pread(other, in, 70000, 12345) == 70000 && !memcmp(in, out, 70000));
	OK(!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	OK(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	OK(readahead(other, 0, 65536) == 0);
	OK(pread(other, in, 70000, 12345) == 70000 && !memcmp(in, out, 70000));
	close(fd);
	close(other);
}

static void direct(void)
{
	char *out = aligned(1 << 18), *in = aligned(1 << 18);
	int fd = open_disk(O_RDWR | O_DIRECT), plain = open_disk(O_RDWR);
	struct iovec iov[3] = { { in + 512, 512 }, { in + 8192, 4096 }, { in, 512 } };
	char byte = 0x5a;

	for (int i = 0; i < 1 << 18; i++)
		out[i] = (char)(i * 11 + i / 512);
	OK(pwrite(fd, out, 1 << 18, 65536) == 1 << 18);
	OK(pread(plain, in, 1 << 18, 65536) == 1 << 18 && !memcmp(in, out, 1 << 18));
	memset(in, 0, 1 << 18);
	OK(pread(fd, in, 1 << 18, 65536) == 1 << 18 && !memcmp(in, out, 1 << 18));
	OK(pread(fd, in + 1, 512, 0) == -1 && errno == EINVAL);
	OK(pread(fd, in, 511, 0) == -1 && errno == EINVAL);
	OK(pread(fd, in, 512, 100) == -1 && errno == EINVAL);
	OK(pread(fd, in + 512, 512, 65536 + 512) == 512 && !memcmp(in + 512, out + 512, 512));
	/* What is cached and dirty is seen by a direct read, and overwritten by a direct write. */
	OK(pwrite(plain, &byte, 1, 65536 + 5) == 1);
	OK(pread(fd, in, 512, 65536) == 512 && in[5] == byte && in[6] == out[6]);
	OK(pwrite(fd, out, 512, 65536) == 512);
	OK(pread(plain, in, 512, 65536) == 512 && in[5] == out[5]);
	OK(preadv(fd, iov, 3, 65536) == 5120 && !memcmp(in + 512, out, 512) &&
	   !memcmp(in + 8192, out + 512, 4096) && !memcmp(in, out + 4608, 512));
	OK(pread(fd, (void *)4096, 512, 0) == -1 && errno == EFAULT);
	/* Memory that was never touched, memory that may only be read, and pages that a child shares. */
	char *fresh = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	OK(pwrite(fd, fresh, 4096, 0) == 4096);
	OK(pread(fd, fresh + 4096, 4096, 65536) == 4096 && !memcmp(fresh + 4096, out, 4096));
	if (!fork()) {
		int good = pread(fd, fresh + 4096, 4096, 65536 + 4096) == 4096 &&
			   !memcmp(fresh + 4096, out + 4096, 4096);
		_exit(good ? 7 : 1);
	}
	int status = 0;

	wait(&status);
	OK(WEXITSTATUS(status) == 7);
	OK(!memcmp(fresh + 4096, out, 4096));
	mprotect(fresh, 8192, PROT_READ);
	OK(pread(fd, fresh, 4096, 0) == -1 && errno == EFAULT);
	OK(fcntl(plain, F_SETFL, O_DIRECT) == 0 && pread(plain, in + 3, 512, 0) == -1 &&
	   errno == EINVAL);
	close(fd);
	close(plain);
}

static void mapped(void)
{
	int fd = open_disk(O_RDWR), direct_fd = open_disk(O_RDWR | O_DIRECT);
	char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *mine = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *in = aligned(4096);

	OK(map != MAP_FAILED && mine != MAP_FAILED);
	for (int round = 1; round < 4; round++) {
		map[5000] = (char)round;
		OK(!msync(map, 65536, MS_SYNC));
		OK(pread(direct_fd, in, 4096, 4096) == 4096 && in[5000 - 4096] == round);
	}
	mine[5000] = 99;
	OK(map[5000] == 3 && mine[5000] == 99);
	memset(in, 0x44, 4096);
	OK(pwrite(direct_fd, in, 4096, 8192) == 4096 && map[8192] == 0x44);
	/* A direct transfer between the disk and a mapping of itself. */
	OK(pread(direct_fd, map + 16384, 4096, 8192) == 4096 && map[16384] == 0x44);
	OK(pwrite(direct_fd, map + 16384, 4096, 20480) == 4096 && map[20480] == 0x44);
	munmap(map, 65536);
	munmap(mine, 65536);
	close(fd);
	close(direct_fd);
}

static void claims(void)
{
	int fd = open_disk(O_RDWR | O_EXCL), dup_fd;

	OK(open(disk, O_RDWR | O_EXCL) == -1 && errno == EBUSY);
	dup_fd = dup(fd);
	close(fd);
	OK(open(disk, O_RDWR | O_EXCL) == -1 && errno == EBUSY);
	close(dup_fd);
	fd = open(disk, O_RDWR | O_EXCL);
	OK(fd >= 0);
	close(fd);
}

static void others(void)
{
	int fd = open_disk(O_RDWR), sync_fd = open_disk(O_RDWR | O_SYNC), value = 1;
	uint64_t range[2] = { 65536, 8192 };
	char *out = aligned(8192), *in = aligned(8192);
	int file = open("/tmp/copy", O_RDWR | O_CREAT | O_TRUNC, 0600), pipes[2];
	off_t pos = 65536 + 4096;

	memset(out, 0x31, 8192);
	OK(pwrite(sync_fd, out, 8192, 65536) == 8192);
	OK(sendfile(file, fd, &pos, 4096) == 4096 && pread(file, in, 4096, 0) == 4096 &&
	   !memcmp(in, out, 4096));
	pos = 65536;
	OK(!pipe(pipes) && splice(fd, &pos, pipes[1], NULL, 8192, 0) == 8192 &&
	   read(pipes[0], in, 8192) == 8192 && !memcmp(in, out, 8192));
	OK(!ioctl(fd, BLKZEROOUT, range));
	memset(out, 0, 8192);
	OK(pread(fd, in, 8192, 65536) == 8192 && !memcmp(in, out, 8192));
	range[0] = 1;
	OK(ioctl(fd, BLKZEROOUT, range) == -1 && errno == EINVAL);
	OK(!ioctl(fd, BLKROSET, &value));
	OK(pwrite(fd, out, 512, 0) == -1 && errno == EPERM);
	OK(open(disk, O_RDWR) == -1 && errno == EACCES);
	value = 0;
	OK(!ioctl(fd, BLKROSET, &value));
	OK(pwrite(fd, out, 512, 0) == 512);
	sync();
	close(fd);
	close(sync_fd);
	close(file);
	unlink("/tmp/copy");
}

int main(int argc, char **argv)
{
	disk = argv[1];
	setbuf(stdout, NULL);
	facts();
	buffered();
	direct();
	mapped();
	claims();
	others();
	printf("1..%d\n", tests);
	return 0;
}

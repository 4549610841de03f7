/* SPDX-License-Identifier: MIT */
/* madvise() and fallocate(): each advice and mode on each kind of memory, with Linux's answers. */
#include "check.h"
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PAGE  4096ul
#define RW    (PROT_READ | PROT_WRITE)
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#ifndef FALLOC_FL_ZERO_RANGE
#define FALLOC_FL_COLLAPSE_RANGE 8
#define FALLOC_FL_ZERO_RANGE	 0x10
#define FALLOC_FL_INSERT_RANGE	 0x20
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ   22
#define MADV_POPULATE_WRITE  23
#define MADV_DONTNEED_LOCKED 24
#endif

/* A file in memory: /tmp is it here, /dev/shm on most machines. */
static int make_file(size_t npages)
{
	int fd = open(access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", O_TMPFILE | O_RDWR, 0600);

	CHECK(fd >= 0);
	for (size_t i = 0; i < npages; i++) {
		char page[PAGE];

		memset(page, 'a' + (int)i, PAGE);
		CHECK_EQ(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
	}
	return fd;
}

static char *map(int fd, size_t npages, int prot, int flags)
{
	char *bytes = mmap(NULL, npages * PAGE, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	CHECK(bytes != MAP_FAILED);
	return bytes;
}

static long blocks(int fd)
{
	struct stat info;

	CHECK_EQ(fstat(fd, &info), 0);
	return info.st_blocks / 8;
}

static int byte_at(int fd, off_t offset)
{
	unsigned char c;

	if (pread(fd, &c, 1, offset) == 1)
		return c;
	return -1;
}

TEST(remove_punches_a_hole_into_a_file)
{
	int fd = make_file(4);
	volatile char *bytes = map(fd, 4, RW, MAP_SHARED), *other = map(fd, 4, RW, MAP_PRIVATE);

	other[PAGE] = 'P';		/* a copy: stays */
	CHECK_EQ(other[2 * PAGE], 'c'); /* the file's page: goes */
	CHECK_EQ(madvise((void *)(bytes + PAGE), 2 * PAGE, MADV_REMOVE), 0);
	CHECK_EQ(blocks(fd), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4 * PAGE);
	CHECK_EQ(bytes[0], 'a');
	CHECK_EQ(bytes[PAGE], 0);
	CHECK_EQ(bytes[2 * PAGE], 0);
	CHECK_EQ(bytes[3 * PAGE], 'd');
	CHECK_EQ(other[PAGE], 'P');
	CHECK_EQ(other[2 * PAGE], 0);
	bytes[PAGE] = 'n';
	CHECK_EQ(byte_at(fd, PAGE), 'n');
	/* a truncation takes the copy, too, although the file has nothing there */
	CHECK_EQ(fallocate(fd, PUNCH, 0, 4 * PAGE), 0);
	CHECK_EQ(other[PAGE], 'P');
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_EQ(wait_status(CHILD(other[PAGE])), SIGBUS);
	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	CHECK_EQ(other[PAGE], 0);
}

TEST(remove_empties_shared_memory_of_all_sizes)
{
	volatile char *bytes = map(-1, 4, RW, MAP_SHARED);
	size_t huge = 1ul << 34; /* pages, of which few are there */
	volatile char *far =
		mmap(NULL, huge * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long before = now_ms();

	bytes[0] = bytes[PAGE] = bytes[3 * PAGE] = 1;
	CHECK_EQ(wait_status(CHILD(madvise((void *)bytes, 2 * PAGE, MADV_REMOVE))), 0);
	CHECK_EQ(bytes[0], 0);
	CHECK_EQ(bytes[PAGE], 0);
	CHECK_EQ(bytes[3 * PAGE], 1);
	if (far == MAP_FAILED)
		return;
	for (size_t offset = 1; offset < huge; offset = offset * 3 + 1)
		far[offset * PAGE] = 1;
	CHECK_EQ(madvise((void *)far, huge * PAGE, MADV_REMOVE), 0);
	for (size_t offset = 1; offset < huge; offset = offset * 3 + 1)
		CHECK_EQ(far[offset * PAGE], 0);
	CHECK(now_ms() - before < 5000);
}

TEST(remove_refuses_what_linux_refuses)
{
	int fd = make_file(2), readonly, null = open("/dev/null", O_RDWR);
	char *shared = map(fd, 2, RW, MAP_SHARED), *private = map(fd, 2, RW, MAP_PRIVATE);
	char *anon = map(-1, 2, RW, MAP_PRIVATE),
	     *zero = mmap(NULL, PAGE, RW, MAP_PRIVATE, open("/dev/zero", O_RDWR), 0);
	char path[40];

	CHECK(null >= 0 && zero != MAP_FAILED);
	CHECK_ERR(madvise(anon, PAGE, MADV_REMOVE), EINVAL);
	CHECK_ERR(madvise(private, PAGE, MADV_REMOVE), EACCES);
	CHECK_EQ(madvise(shared + PAGE, PAGE, MADV_REMOVE), 0);
	CHECK_EQ(mlock(shared, PAGE), 0);
	CHECK_ERR(madvise(shared, PAGE, MADV_REMOVE), EINVAL);
	CHECK_EQ(munlock(shared, PAGE), 0);
	CHECK_EQ(madvise(shared, PAGE, MADV_REMOVE), 0);
	sprintf(path, "/proc/self/fd/%d", fd);
	readonly = open(path, O_RDONLY);
	CHECK(readonly >= 0);
	CHECK_ERR(madvise(map(readonly, 1, PROT_READ, MAP_SHARED), PAGE, MADV_REMOVE), EACCES);
	/* over a hole: what is there is done, and the hole told of */
	shared = map(fd, 2, RW, MAP_SHARED);
	CHECK_EQ(pwrite(fd, "xy", 2, PAGE - 1), 2);
	CHECK_EQ(munmap(shared, PAGE), 0);
	CHECK_ERR(madvise(shared, 2 * PAGE, MADV_REMOVE), ENOMEM);
	CHECK_EQ(byte_at(fd, PAGE - 1), 'x');
	CHECK_EQ(byte_at(fd, PAGE), 0);
}

struct answers {
	const char *what;
	int advice, private, locked, shared, file, file_private;
};
static const struct answers answers[] = {
	{ "NORMAL", MADV_NORMAL, 0, 0, 0, 0, 0 },
	{ "RANDOM", MADV_RANDOM, 0, 0, 0, 0, 0 },
	{ "SEQUENTIAL", MADV_SEQUENTIAL, 0, 0, 0, 0, 0 },
	{ "WILLNEED", MADV_WILLNEED, 0, 0, 0, 0, 0 },
	{ "DONTNEED", MADV_DONTNEED, 0, EINVAL, 0, 0, 0 },
	{ "DONTNEED_LOCKED", MADV_DONTNEED_LOCKED, 0, 0, 0, 0, 0 },
	{ "FREE", MADV_FREE, 0, EINVAL, EINVAL, EINVAL, EINVAL },
	{ "DONTFORK", MADV_DONTFORK, 0, 0, 0, 0, 0 },
	{ "DOFORK", MADV_DOFORK, 0, 0, 0, 0, 0 },
	{ "DONTDUMP", MADV_DONTDUMP, 0, 0, 0, 0, 0 },
	{ "DODUMP", MADV_DODUMP, 0, 0, 0, 0, 0 },
	{ "WIPEONFORK", MADV_WIPEONFORK, 0, 0, EINVAL, EINVAL, EINVAL },
	{ "KEEPONFORK", MADV_KEEPONFORK, 0, 0, 0, 0, 0 },
	{ "COLD", MADV_COLD, 0, EINVAL, 0, 0, 0 },
	{ "PAGEOUT", MADV_PAGEOUT, 0, EINVAL, 0, 0, 0 },
	{ "POPULATE_READ", MADV_POPULATE_READ, 0, 0, 0, 0, 0 },
	{ "POPULATE_WRITE", MADV_POPULATE_WRITE, 0, 0, 0, 0, 0 },
	{ "7", 7, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL },
	{ "-1", -1, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL },
	{ "1000", 1000, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL },
};

static void ask(const struct answers *answers, const char *kind, char *bytes, int wanted)
{
	int err = madvise(bytes, 2 * PAGE, answers->advice) ? errno : 0;

	if (err != wanted)
		printf("# %s of %s memory: error %d, wanted %d\n", answers->what, kind, err,
		       wanted);
	CHECK_EQ(err, wanted);
}

TEST(each_advice_knows_its_kinds_of_memory)
{
	int fd = make_file(2);

	for (const struct answers *a = answers; a < answers + sizeof(answers) / sizeof(*answers);
	     a++) {
		char *locked = map(-1, 2, RW, MAP_PRIVATE);

		CHECK_EQ(mlock(locked, 2 * PAGE), 0);
		ask(a, "private", map(-1, 2, RW, MAP_PRIVATE), a->private);
		ask(a, "locked", locked, a->locked);
		ask(a, "shared", map(-1, 2, RW, MAP_SHARED), a->shared);
		ask(a, "a file's", map(fd, 2, RW, MAP_SHARED), a->file);
		ask(a, "a file's private", map(fd, 2, RW, MAP_PRIVATE), a->file_private);
		munlock(locked, 2 * PAGE);
		/* nothing to do is done whatever it is; an end that wraps, or begins within a page, never */
		if (a->private == 0) {
			CHECK_EQ(madvise(locked, 0, a->advice), 0);
			CHECK_ERR(madvise(locked + 1, 0, a->advice), EINVAL);
			CHECK_ERR(madvise(locked, -1ul, a->advice), EINVAL);
			CHECK_ERR(madvise(locked, -PAGE, a->advice), EINVAL);
			CHECK_EQ(munmap(locked + PAGE, PAGE), 0);
			CHECK_ERR(madvise(locked, 2 * PAGE, a->advice), ENOMEM);
		}
	}
}

TEST(populating_needs_the_right)
{
	int fd = make_file(2);
	char *none = map(-1, 1, PROT_NONE, MAP_PRIVATE), *read = map(-1, 1, PROT_READ, MAP_PRIVATE);
	char *write = map(-1, 1, PROT_WRITE, MAP_PRIVATE), *beyond = map(fd, 4, RW, MAP_SHARED);

	CHECK_ERR(madvise(none, PAGE, MADV_POPULATE_READ), EINVAL);
	CHECK_ERR(madvise(none, PAGE, MADV_POPULATE_WRITE), EINVAL);
	CHECK_EQ(madvise(read, PAGE, MADV_POPULATE_READ), 0);
	CHECK_ERR(madvise(read, PAGE, MADV_POPULATE_WRITE), EINVAL);
	CHECK_ERR(madvise(write, PAGE, MADV_POPULATE_READ), EINVAL);
	CHECK_EQ(madvise(write, PAGE, MADV_POPULATE_WRITE), 0);
	CHECK_EQ(madvise(beyond, 2 * PAGE, MADV_POPULATE_WRITE), 0);
	CHECK_ERR(madvise(beyond, 4 * PAGE, MADV_POPULATE_WRITE), EFAULT);
}

TEST(holes_are_punched_to_the_byte)
{
	int fd = make_file(4);

	CHECK_EQ(fallocate(fd, PUNCH, 100, 10), 0);
	CHECK_EQ(byte_at(fd, 99), 'a');
	CHECK_EQ(byte_at(fd, 100), 0);
	CHECK_EQ(byte_at(fd, 109), 0);
	CHECK_EQ(byte_at(fd, 110), 'a');
	CHECK_EQ(fallocate(fd, PUNCH, PAGE - 1, 2 * PAGE + 2), 0);
	CHECK_EQ(blocks(fd), 2);
	CHECK_EQ(byte_at(fd, PAGE - 2), 'a');
	CHECK_EQ(byte_at(fd, PAGE - 1), 0);
	CHECK_EQ(byte_at(fd, 3 * PAGE), 0);
	CHECK_EQ(byte_at(fd, 3 * PAGE + 1), 'd');
	CHECK_EQ(fallocate(fd, PUNCH, 3 * PAGE, 1l << 40), 0);
	CHECK_EQ(blocks(fd), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4 * PAGE);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), PAGE);
}

TEST(space_is_allocated)
{
	int fd = make_file(0);

	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * PAGE), 0);
	CHECK_EQ(blocks(fd), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	CHECK_EQ(fallocate(fd, 0, PAGE + 1, PAGE), 0);
	CHECK_EQ(blocks(fd), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 2 * PAGE + 1);
	CHECK_EQ(byte_at(fd, 2 * PAGE), 0);
	CHECK_EQ(fallocate(fd, 0, 0, 1), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 2 * PAGE + 1);
}

TEST(modes_that_do_not_go)
{
	int fd = make_file(2), readonly, fds[2], dir = open("/", O_RDONLY),
	    null = open("/dev/null", O_RDWR);
	char path[40];

	CHECK_ERR(fallocate(fd, 0, -1, 1), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, -1), EINVAL);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, PUNCH | FALLOC_FL_ZERO_RANGE, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0x1000, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0, 0x7fffffffffffffff, 1), EFBIG);
	CHECK_ERR(fallocate(fd, PUNCH, 0x7ffffffffffff000, 0x7fffffffffffffff), EFBIG);
	CHECK_ERR(fallocate(-1, 0, 0, PAGE), EBADF);
	CHECK_ERR(fallocate(dir, 0, 0, PAGE), EBADF);
	CHECK_ERR(fallocate(null, 0, 0, PAGE), ENODEV);
	CHECK_EQ(pipe(fds), 0);
	CHECK_ERR(fallocate(fds[1], 0, 0, PAGE), ESPIPE);
	sprintf(path, "/proc/self/fd/%d", fd);
	readonly = open(path, O_RDONLY);
	CHECK_ERR(fallocate(readonly, 0, 0, PAGE), EBADF);
	CHECK_EQ(blocks(fd), 2);
}

TEST(sizes_have_their_limit)
{
	struct rlimit rlimit = { 4 * PAGE, 4 * PAGE };
	int fd = make_file(1);

	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &rlimit), 0);
	CHECK_ERR(fallocate(fd, 0, 0, 5 * PAGE), EFBIG);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5 * PAGE), EFBIG);
	CHECK_EQ(fallocate(fd, PUNCH, 0, 5 * PAGE), 0);
	CHECK_EQ(fallocate(fd, 0, 0, 4 * PAGE), 0);
	CHECK_EQ(blocks(fd), 4);
}

int main(void)
{
	RUN(remove_punches_a_hole_into_a_file);
	RUN(remove_empties_shared_memory_of_all_sizes);
	RUN(remove_refuses_what_linux_refuses);
	RUN(each_advice_knows_its_kinds_of_memory);
	RUN(populating_needs_the_right);
	RUN(holes_are_punched_to_the_byte);
	RUN(space_is_allocated);
	RUN(modes_that_do_not_go);
	RUN(sizes_have_their_limit);
	return check_done();
}

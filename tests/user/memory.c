/* SPDX-License-Identifier: MIT */
/* Memory: mapping, protection, files in memory, sharing, the break, limits. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <time.h>

#define PAGE 4096ul

static char *map(size_t count, int prot, int flags)
{
	char *bytes = mmap(NULL, count, prot, flags | MAP_ANONYMOUS, -1, 0);

	CHECK(bytes != MAP_FAILED);
	return bytes;
}
#define RW (PROT_READ | PROT_WRITE)

static int touch_dies(volatile char *bytes, bool write)
{
	pid_t pid = fork();

	if (!pid) {
		if (write)
			*bytes = 1;
		else
			(void)*bytes;
		_exit(0);
	}
	return wait_status(pid) & 0x7f;
}

TEST(anonymous_memory_is_zero_and_private)
{
	char *bytes = map(100 * PAGE, RW, MAP_PRIVATE);

	for (int i = 0; i < 100; i++)
		CHECK_EQ(bytes[i * PAGE], 0);
	bytes[0] = 1;
	CHECK_EQ(wait_status(CHILD(({
			 bytes[0] = 5;
			 bytes[0];
		 }))),
		 5 << 8);
	CHECK_EQ(bytes[0], 1);
	CHECK_EQ(munmap(bytes, 100 * PAGE), 0);
	CHECK_EQ(touch_dies(bytes, false), SIGSEGV);
}

TEST(shared_memory_is_seen_by_children)
{
	char *bytes = map(PAGE, RW, MAP_SHARED);

	wait_status(CHILD(bytes[7] = 9));
	CHECK_EQ(bytes[7], 9);
}

TEST(protection_is_enforced)
{
	char *bytes = map(3 * PAGE, RW, MAP_PRIVATE);

	bytes[PAGE] = 1;
	CHECK_EQ(mprotect(bytes + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(touch_dies(bytes + PAGE, true), SIGSEGV);
	CHECK_EQ(touch_dies(bytes + PAGE, false), 0);
	CHECK_EQ(touch_dies(bytes, true), 0);
	CHECK_EQ(touch_dies(bytes + 2 * PAGE, true), 0);
	CHECK_EQ(mprotect(bytes + PAGE, PAGE, PROT_NONE), 0);
	CHECK_EQ(touch_dies(bytes + PAGE, false), SIGSEGV);
	CHECK_EQ(mprotect(bytes, 3 * PAGE, RW), 0);
	CHECK_EQ(bytes[PAGE], 1);
	CHECK_ERR(syscall(SYS_mprotect, bytes + 1, PAGE, RW), EINVAL);
	munmap(bytes + PAGE, PAGE);
	CHECK_ERR(mprotect(bytes, 3 * PAGE, RW), ENOMEM);
}

TEST(data_cannot_be_executed)
{
	char *bytes = map(PAGE, RW, MAP_PRIVATE);

	*bytes = (char)0xc3; /* ret */
	CHECK_EQ(wait_status(CHILD((((void (*)(void))bytes)(), 0))) & 0x7f, SIGSEGV);
	CHECK_EQ(mprotect(bytes, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(wait_status(CHILD((((void (*)(void))bytes)(), 0))), 0);
}

TEST(partial_unmapping_splits)
{
	char *bytes = map(5 * PAGE, RW, MAP_PRIVATE);

	memset(bytes, 3, 5 * PAGE);
	CHECK_EQ(munmap(bytes + 2 * PAGE, PAGE), 0);
	CHECK_EQ(bytes[PAGE], 3);
	CHECK_EQ(bytes[3 * PAGE], 3);
	CHECK_EQ(touch_dies(bytes + 2 * PAGE, false), SIGSEGV);
	CHECK_EQ(munmap(bytes, 5 * PAGE), 0);
	CHECK_ERR(munmap(bytes + 1, PAGE), EINVAL);
	CHECK_ERR(munmap(bytes, 0), EINVAL);
	CHECK_EQ(munmap(bytes, PAGE), 0);
}

TEST(fixed_addresses)
{
	char *bytes = map(4 * PAGE, RW, MAP_PRIVATE), *other;

	memset(bytes, 1, 4 * PAGE);
	other = mmap(bytes + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(other == bytes + PAGE);
	CHECK_EQ(other[0], 0);
	CHECK_EQ(bytes[0], 1);
	CHECK_EQ(bytes[2 * PAGE], 1);
	CHECK_ERR(mmap(bytes, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		  EEXIST);
	CHECK_ERR(mmap(bytes + 1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		  EINVAL);
	CHECK_ERR(mmap((void *)0xffff800000000000, PAGE, RW,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		  ENOMEM);
}

TEST(bad_requests)
{
	CHECK_ERR(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_PRIVATE, 999, 0), EBADF);
	CHECK_ERR(mmap(NULL, 1ul << 60, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	CHECK_ERR(mmap(NULL, -1ul, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	CHECK_ERR(munmap((void *)PAGE, 1ul << 60), EINVAL);
}

static int make_file(const char *name, size_t count)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	unlink(name);
	for (size_t i = 0; i < count; i++) {
		char byte = 'a' + i / PAGE % 26;

		if (i % PAGE == 0 || i == count - 1)
			CHECK_EQ(pwrite(fd, &byte, 1, i), 1);
	}
	return fd;
}

TEST(files_in_memory)
{
	int fd = make_file("mf", 2 * PAGE + 100);
	char *priv, *shared, byte;

	priv = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	shared = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(priv != MAP_FAILED && shared != MAP_FAILED);
	CHECK_EQ(priv[0], 'a');
	CHECK_EQ(priv[PAGE], 'b');
	CHECK_EQ(priv[2 * PAGE + 100], 0); /* the rest of the last page */
	priv[0] = 'P';
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 'a');
	shared[1] = 'S';
	CHECK_EQ(pread(fd, &byte, 1, 1), 1);
	CHECK_EQ(byte, 'S');
	CHECK_EQ(pwrite(fd, "W", 1, PAGE), 1);
	CHECK_EQ(shared[PAGE], 'W');
	CHECK_EQ(priv[PAGE], 'W'); /* not yet its own */
	CHECK_EQ(msync(shared, 3 * PAGE, MS_SYNC), 0);
	shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	CHECK_EQ(shared[0], 'W');
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
	close(fd);
	CHECK_EQ(shared[0], 'W');
}

/* Who has read or written a page of a shared file before makes no difference to the next write. */
TEST(shared_pages_of_files_are_written_in_any_order)
{
	for (int order = 0; order < 16; order++) {
		int fd = open(".", O_TMPFILE | O_RDWR, 0600);
		volatile char *bytes;
		char byte;

		CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
		if (order & 8)
			CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
		bytes = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
		if (order & 1)
			CHECK_EQ(bytes[0], order & 8 ? 'x' : 0);
		if (order & 2)
			bytes[0] = 1;
		CHECK_EQ(wait_status(CHILD(({
				 if (order & 4)
					 (void)bytes[0];
				 bytes[0] = 2;
				 0;
			 }))),
			 0);
		bytes[0]++;
		CHECK_EQ(pread(fd, &byte, 1, 0), 1);
		CHECK_EQ(byte, 3);
		close(fd);
	}
}

TEST(beyond_the_file_is_a_bus_error)
{
	int fd = make_file("be", 100);
	char *bytes = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);

	CHECK_EQ(touch_dies(bytes + PAGE, false), SIGBUS);
	CHECK_EQ(touch_dies(bytes + 200, false), 0);
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(bytes[PAGE], 0);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(touch_dies(bytes, false), SIGBUS);
}

TEST(access_follows_the_descriptor)
{
	int fd = open("ac", O_RDWR | O_CREAT, 0600), readonly, writeonly;

	ftruncate(fd, PAGE);
	readonly = open("ac", O_RDONLY);
	writeonly = open("ac", O_WRONLY);
	unlink("ac");
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, readonly, 0), EACCES);
	CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, readonly, 0) != MAP_FAILED);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writeonly, 0), EACCES);
	CHECK_ERR(mprotect(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, readonly, 0), PAGE, RW), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0), ENODEV);
}

TEST(moving_and_growing)
{
	char *bytes = map(2 * PAGE, RW, MAP_PRIVATE), *other;

	memset(bytes, 7, 2 * PAGE);
	other = mremap(bytes, 2 * PAGE, 50 * PAGE, MREMAP_MAYMOVE);
	CHECK(other != MAP_FAILED);
	CHECK_EQ(other[2 * PAGE - 1], 7);
	CHECK_EQ(other[2 * PAGE], 0);
	other = mremap(other, 50 * PAGE, PAGE, 0);
	CHECK(other != MAP_FAILED);
	CHECK_EQ(touch_dies(other + PAGE, false), SIGSEGV);
	CHECK_EQ(other[0], 7);
	CHECK_ERR(mremap(other, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
}

TEST(the_break)
{
	/* Not sbrk(): musl's only tells. */
	long start = syscall(SYS_brk, 0), up = (start + PAGE - 1) & -PAGE;
	volatile char *bytes = (char *)up;

	CHECK_EQ(syscall(SYS_brk, up + 3 * PAGE), up + 3 * PAGE);
	CHECK_EQ(bytes[3 * PAGE - 1], 0);
	bytes[3 * PAGE - 1] = 1;
	CHECK_EQ(syscall(SYS_brk, up + PAGE), up + PAGE);
	CHECK_EQ(touch_dies(bytes + 2 * PAGE, true), SIGSEGV);
	CHECK_EQ(syscall(SYS_brk, up + 3 * PAGE), up + 3 * PAGE);
	CHECK_EQ(bytes[3 * PAGE - 1], 0);
	CHECK_EQ(syscall(SYS_brk, 1), up + 3 * PAGE);
	CHECK_EQ(syscall(SYS_brk, 1ul << 60), up + 3 * PAGE);
}

TEST(advice_can_drop_pages)
{
	char *bytes = map(4 * PAGE, RW, MAP_PRIVATE);

	memset(bytes, 1, 4 * PAGE);
	CHECK_EQ(madvise(bytes + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(bytes[PAGE], 0);
	CHECK_EQ(bytes[0], 1);
	CHECK_ERR(madvise(bytes + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(bytes, PAGE, 9999), EINVAL);
}

TEST(the_stack_grows)
{
	volatile char deep[3 << 20];

	for (size_t i = 0; i < sizeof(deep); i += PAGE)
		deep[sizeof(deep) - 1 - i] = 1;
	CHECK_EQ(deep[sizeof(deep) - 1], 1);
}

TEST(address_space_limit)
{
	struct rlimit rlimit = { 64 << 20, 64 << 20 };

	setrlimit(RLIMIT_AS, &rlimit);
	CHECK_ERR(mmap(NULL, 128 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
}

TEST(fork_with_much_memory_copies_on_write)
{
	char *bytes = map(2000 * PAGE, RW, MAP_PRIVATE);

	for (int i = 0; i < 2000; i++)
		bytes[i * PAGE] = i % 100;
	for (int round = 0; round < 5; round++) {
		CHECK_EQ(wait_status(CHILD(({
				 int bad = 0;

				 for (int i = 0; i < 2000; i += 3)
					 bytes[i * PAGE]++;
				 for (int i = 0; i < 2000; i++)
					 bad |= bytes[i * PAGE] != i % 100 + (i % 3 == 0);
				 bad;
			 }))),
			 0);
		for (int i = 0; i < 2000; i++)
			CHECK_EQ(bytes[i * PAGE], i % 100);
	}
}

TEST(kernel_writes_into_copy_on_write_memory)
{
	char *bytes = map(PAGE, RW, MAP_PRIVATE);
	int pipes[2];

	pipe(pipes);
	strcpy(bytes, "parent");
	CHECK_EQ(wait_status(CHILD(({
			 write(pipes[1], "child", 6);
			 read(pipes[0], bytes, 6);
			 strcmp(bytes, "child");
		 }))),
		 0);
	CHECK(!strcmp(bytes, "parent"));
	CHECK_EQ(mprotect(bytes, PAGE, PROT_READ), 0);
	write(pipes[1], "x", 1);
	CHECK_ERR(read(pipes[0], bytes, 1), EFAULT);
}

/* One table of the machine maps 2 MiB; here one part of what it maps goes at a time. */
TEST(unmapping_a_part_leaves_the_rest)
{
	const unsigned long table = 2ul << 20, page = 4096;
	char *all = mmap(NULL, 3 * table, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = (char *)(((unsigned long)all + 2 * table - 1) & ~(table - 1));
	unsigned int seed = 1, mapped = 0;
	char written[6] = { 0 };

	CHECK(all != MAP_FAILED && !munmap(all, 3 * table));
	/* Three pages below the edge of a table, three above it. */
	for (int i = 0; i < 3000; i++) {
		seed = seed * 1103515245 + 12345;
		int round = (seed >> 10) % 6;
		char *piece = edge + (round - 3) * (long)page;

		if (seed >> 16 & 1) {
			CHECK(mmap(piece, page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == piece);
			CHECK_EQ(*piece, 0);
			*piece = written[round] = i | 1;
			mapped |= 1 << round;
		} else {
			CHECK(!munmap(piece, page));
			mapped &= ~(1 << round);
		}
		if (i % 64 == 0)
			CHECK_EQ(wait_status(CHILD(0)), 0);
		for (round = 0; round < 6; round++)
			if (mapped >> round & 1)
				CHECK_EQ(edge[(round - 3) * (long)page], written[round]);
	}
}

TEST(mincore_and_locks_answer)
{
	char *bytes = map(2 * PAGE, RW, MAP_PRIVATE);
	unsigned char vec[2] = { 0 };

	bytes[0] = 1;
	CHECK_EQ(mincore(bytes, 2 * PAGE, vec), 0);
	CHECK_EQ(vec[0] & 1, 1);
	CHECK_EQ(mlock(bytes, PAGE), 0);
	CHECK_EQ(munlock(bytes, PAGE), 0);
}

/* Not even by root: a driver that follows a null pointer faults, and runs nobody's code. */
TEST(nothing_is_mapped_below_64_kib)
{
	struct utsname names;
	char *bytes = map(PAGE, RW, MAP_PRIVATE), *low;

	CHECK_EQ(uname(&names), 0);
	if (!strstr(names.release, "banos"))
		return; /* there it is what mmap_min_addr says */
	for (unsigned long offset = 0; offset < 0x10000; offset += PAGE) {
		CHECK_ERR((long)mmap((void *)offset, PAGE, RW,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			  EPERM);
		CHECK(mremap(bytes, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)offset) ==
		      MAP_FAILED);
	}
	CHECK(mmap((void *)0xf000, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      MAP_FAILED);
	bytes[0] = 1; /* where it was */
	low = mmap((void *)0x10000, PAGE, RW,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
	CHECK(low == (void *)0x10000);
	low[0] = 1;
	CHECK_EQ(touch_dies(low - 1, true), SIGSEGV);
}

static long read_min_addr(void)
{
	FILE *stream = fopen("/proc/sys/vm/mmap_min_addr", "r");
	long number = -1;

	CHECK(stream && fscanf(stream, "%ld", &number) == 1);
	fclose(stream);
	return number;
}

static int write_min_addr(long number)
{
	int fd = open("/proc/sys/vm/mmap_min_addr", O_WRONLY);
	char text[32];
	int count = sprintf(text, "%ld\n", number), err;

	if (fd < 0)
		return errno;
	if (write(fd, text, count) == count)
		err = 0;
	else
		err = errno;
	close(fd);
	return err;
}

#define MIB 0x100000ul
#define FIXED_AT(at, more) \
	((long)mmap((void *)(at), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | (more), -1, 0))

/* What an ordinary user may do while it is 1 MiB. */
static int stays_above_1_mib(void)
{
	char *bytes = map(PAGE, RW, MAP_PRIVATE), *low;

	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(FIXED_AT(MIB - PAGE, MAP_FIXED), EPERM);
	CHECK_ERR(FIXED_AT(0x10000, MAP_FIXED), EPERM);
	CHECK_EQ(FIXED_AT(0x10000, 0), MIB); /* a hint */
	CHECK_EQ(munmap((void *)MIB, PAGE), 0);
	CHECK(mremap(bytes, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)(MIB - PAGE)) ==
	      MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	low = (char *)FIXED_AT(MIB, MAP_FIXED | MAP_GROWSDOWN);
	CHECK(low == (char *)MIB);
	CHECK_EQ(touch_dies(low, true), 0);
	CHECK_EQ(touch_dies(low - 1, true), SIGSEGV);
	CHECK_EQ(write_min_addr(65536), EACCES);
	return 0;
}

TEST(the_lowest_address_is_a_setting)
{
	struct utsname names;

	CHECK(read_min_addr() >= 0);
	uname(&names);
	if (!strstr(names.release, "banos"))
		return;
	CHECK_EQ(read_min_addr(), 65536);
	CHECK_EQ(write_min_addr(65535), EINVAL);
	CHECK_EQ(write_min_addr(0), EINVAL);
	CHECK_EQ(write_min_addr(-1), EINVAL);
	CHECK_EQ(read_min_addr(), 65536);
	CHECK_EQ(write_min_addr(MIB), 0);
	CHECK_EQ(read_min_addr(), MIB);
	CHECK_EQ(wait_status(CHILD(stays_above_1_mib())), 0);
	CHECK_EQ(FIXED_AT(0x10000, MAP_FIXED), 0x10000); /* CAP_SYS_RAWIO */
	CHECK_EQ(write_min_addr(0x7fffffffffffffff), 0);
	CHECK_EQ(wait_status(CHILD(({
			 setuid(1000);
			 FIXED_AT(0, 0) == -1 && errno == ENOMEM;
		 }))),
		 1 << 8);
	CHECK_EQ(write_min_addr(65536), 0);
}

/* Mappings that touch each other become one inside the kernel, and come apart again. */
TEST(neighbours_keep_their_pages)
{
	struct {
		volatile long *at;
		long npages, value;
	} model[16] = { 0 };
	unsigned long seed = 1;

	for (long i = 1; i < 3000; i++) {
		unsigned which;

		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		which = (seed >> 33) % 16;
		if (model[which].at) {
			for (long round = 0; round < model[which].npages; round++)
				CHECK_EQ(model[which].at[round * PAGE / 8],
					 model[which].value + round);
			CHECK_EQ(munmap((void *)model[which].at, model[which].npages * PAGE), 0);
			model[which].at = NULL;
			continue;
		}
		model[which].npages = 1 + (seed >> 40) % 200;
		model[which].at = (void *)map(model[which].npages * PAGE, RW, MAP_PRIVATE);
		model[which].value = i << 16;
		for (long round = 0; round < model[which].npages; round++) {
			CHECK_EQ(model[which].at[round * PAGE / 8], 0);
			model[which].at[round * PAGE / 8] = model[which].value + round;
		}
	}
}

/* One process touches fresh pages while another writes into them from outside. */
struct visit {
	volatile int round;
	char *volatile pages;
};
#define VISIT_PAGES  32
#define VISIT_ROUNDS 50

static void visited(struct visit *visit, int round)
{
	volatile int *page = (void *)map(VISIT_PAGES * PAGE, RW, MAP_PRIVATE);

	visit->pages = (char *)page;
	visit->round = 2 * round + 1; /* the visitor begins */
	for (unsigned i = 0; i < VISIT_PAGES; i++)
		page[i * PAGE / 4] = round;
	while (visit->round == 2 * round + 1)
		sched_yield();
	for (unsigned i = 0; i < VISIT_PAGES; i++) {
		CHECK_EQ(page[i * PAGE / 4], round);
		CHECK_EQ(page[i * PAGE / 4 + 1], ~round);
	}
	munmap((void *)page, VISIT_PAGES * PAGE);
}

TEST(writes_from_outside_meet_faults)
{
	struct visit *visit = (void *)map(PAGE, RW, MAP_SHARED);
	char path[40];
	pid_t pid = fork();
	int mem;

	if (!pid) {
		for (int round = 0; round < VISIT_ROUNDS; round++)
			visited(visit, round);
		_exit(0);
	}
	sprintf(path, "/proc/%d/mem", pid);
	mem = open(path, O_RDWR);
	CHECK(mem >= 0);
	for (int round = 0; round < VISIT_ROUNDS; round++) {
		int mark = ~round;

		while (visit->round != 2 * round + 1 && kill(pid, 0) == 0)
			sched_yield();
		for (unsigned i = VISIT_PAGES; i--;)
			CHECK_EQ(pwrite(mem, &mark, 4, (off_t)visit->pages + i * PAGE + 4), 4);
		visit->round++;
	}
	CHECK_EQ(wait_status(pid), 0);
}

int main(void)
{
	RUN(anonymous_memory_is_zero_and_private);
	RUN(shared_memory_is_seen_by_children);
	RUN(protection_is_enforced);
	RUN(data_cannot_be_executed);
	RUN(partial_unmapping_splits);
	RUN(fixed_addresses);
	RUN(bad_requests);
	RUN(files_in_memory);
	RUN(shared_pages_of_files_are_written_in_any_order);
	RUN(beyond_the_file_is_a_bus_error);
	RUN(access_follows_the_descriptor);
	RUN(moving_and_growing);
	RUN(the_break);
	RUN(advice_can_drop_pages);
	RUN(the_stack_grows);
	RUN(address_space_limit);
	RUN(fork_with_much_memory_copies_on_write);
	RUN(kernel_writes_into_copy_on_write_memory);
	RUN(unmapping_a_part_leaves_the_rest);
	RUN(mincore_and_locks_answer);
	RUN(nothing_is_mapped_below_64_kib);
	RUN(the_lowest_address_is_a_setting);
	RUN(neighbours_keep_their_pages);
	RUN(writes_from_outside_meet_faults);
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * Addresses and lengths of every kind, given to every call that takes some: user space ends where it
 * ends, no sum wraps, and each call returns at once. What a call says is mostly its own business;
 * what it must not do is hang, map something beyond the end, or end the machine.
 */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PAGE 4096ul
#define END  0x7ffffffff000ul /* of user space, with tables of four levels */
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#define FUTEX_WAIT	  0
#define FUTEX_WAKE	  1
#define FUTEX_CMP_REQUEUE 4

#define COUNT(a)	   (sizeof(a) / sizeof((a)[0]))
#define MAP_ERR(call, err) CHECK_ERR((call) == MAP_FAILED ? -1 : 0, err)

/* Places that something begins or ends at. The first is a mapping, filled in by targets(). */
/* clang-format off */
static unsigned long places[] = {
	0, 1, PAGE, 0xf000, 0x10000, 0x7fffffff, 0x80000000, 0xfffff000, 0x100000000, 0x4000000000, END - PAGE,
	END - 1, END, END + 1, END + PAGE, 0x800000000000, 0x800000001000, 0xffff7fffffffffff, 0xffff800000000000,
	0xffff900000000000, 0xffffe00000000000, 0xffffffff80000000, 0xffffffffff600000, -PAGE, -1ul, 1ul << 62,
	1ul << 63, (1ul << 63) - PAGE, (1ul << 63) - 1,
};
/* clang-format on */

/* Nothing is mapped at or above the end, and nothing backwards. */
static void check_maps(void)
{
	unsigned long start, end;
	FILE *stream = fopen("/proc/self/maps", "r");
	char line[512];

	CHECK(stream != NULL);
	while (fgets(line, sizeof(line), stream)) {
		CHECK_EQ(sscanf(line, "%lx-%lx", &start, &end), 2);
		if (start == 0xffffffffff600000) /* Linux's vsyscall page */
			continue;
		CHECK(start < end && end <= END);
	}
	fclose(stream);
}

/* Two pages at a place of their own; what calls do to them does no harm to the rest of the program. */
static unsigned long target(void)
{
	char *bytes = mmap(NULL, 16 * PAGE, RW, ANON, -1, 0);

	CHECK(bytes != MAP_FAILED);
	munmap(bytes + 2 * PAGE, 14 * PAGE);
	bytes[0] = bytes[PAGE] = 1;
	return (unsigned long)bytes;
}

TEST(moving_to_a_far_end)
{
	char *bytes = (char *)target(), *other = (char *)target();

	for (unsigned i = 0; i < COUNT(places); i++) {
		unsigned long size = places[i] - (unsigned long)bytes;

		if (size <= 2 * PAGE || places[i] <= (unsigned long)bytes + 2 * PAGE ||
		    places[i] <= END)
			continue;
		errno = 0;
		CHECK(mremap(bytes, size, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other) ==
		      MAP_FAILED);
		CHECK(errno == EINVAL || errno == EFAULT);
		CHECK(mremap(bytes, size, PAGE, MREMAP_MAYMOVE) == MAP_FAILED || size - 1 < PAGE);
		CHECK(mremap(bytes, PAGE, size, 0) == MAP_FAILED);
		CHECK(mremap(bytes, PAGE, size, MREMAP_MAYMOVE) == MAP_FAILED);
		CHECK(mremap(bytes, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)places[i]) ==
		      MAP_FAILED);
		CHECK_EQ(bytes[0], 1);
	}
	check_maps();
}

/* A hint, with a length for which there is no room below 2 GiB. */
TEST(low_mappings_end_at_2_gib)
{
	for (unsigned i = 0; i < COUNT(places); i++)
		for (unsigned round = 0; round < COUNT(places); round++) {
			char *bytes = mmap((void *)places[i], places[round], PROT_NONE,
					   ANON | MAP_NORESERVE | MAP_32BIT, -1, 0);

			if (bytes == MAP_FAILED)
				continue;
			CHECK((unsigned long)bytes + places[round] <= 0x80000000);
			munmap(bytes, places[round]);
		}
	MAP_ERR(mmap((void *)(END - 2 * PAGE), 1ul << 32, RW, ANON | MAP_NORESERVE | MAP_32BIT, -1,
		     0),
		ENOMEM);
	check_maps();
}

TEST(hints_are_rounded_down_and_kept_within_bounds)
{
	char *bytes;

	for (unsigned i = 0; i < COUNT(places); i++)
		for (unsigned round = 0; round < COUNT(places); round++) {
			bytes = mmap((void *)places[i], places[round], PROT_NONE,
				     ANON | MAP_NORESERVE, -1, 0);
			if (bytes == MAP_FAILED)
				continue;
			CHECK((unsigned long)bytes >= 0x10000 &&
			      (unsigned long)bytes + places[round] <= END);
			CHECK_EQ(munmap(bytes, places[round]), 0);
		}
	bytes = mmap((void *)0x12345678, PAGE, RW, ANON, -1, 0);
	CHECK(bytes == (void *)0x12345000);
	check_maps();
}

TEST(fixed_places_beyond_the_end)
{
	for (unsigned i = 0; i < COUNT(places); i++)
		for (unsigned round = 0; round < COUNT(places); round++) {
			unsigned long len = (places[round] + PAGE - 1) & -PAGE;

			if (places[i] < END && len <= END - places[i])
				continue;
			CHECK(mmap((void *)places[i], places[round], RW,
				   ANON | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED);
			if (places[i] % PAGE == 0 && places[round])
				CHECK_EQ(errno, ENOMEM);
			if (places[i] % PAGE == 0 && places[round])
				CHECK_ERR(munmap((void *)places[i], places[round]), EINVAL);
		}
	check_maps();
}

/* Every call about ranges, over every range: the program's own mappings are left alone by none, so each in a child. */
static void abuse(unsigned long addr, unsigned long len)
{
	static unsigned char vec[64];

	for (int advice = 0; advice < 26; advice++)
		madvise((void *)addr, len, advice);
	syscall(SYS_mprotect, addr, len, PROT_READ);
	syscall(SYS_mprotect, addr, len, PROT_READ | PROT_GROWSDOWN);
	msync((void *)addr, len, MS_SYNC);
	msync((void *)addr, len, MS_ASYNC | MS_INVALIDATE);
	syscall(SYS_mincore, addr, len, vec);
	syscall(SYS_mincore, vec, PAGE, addr);
	mlock((void *)addr, len);
	syscall(SYS_mlock2, addr, len, 1);
	munlock((void *)addr, len);
	syscall(SYS_remap_file_pages, addr, len, 0, len, 0);
	syscall(SYS_mremap, addr, len, PAGE, MREMAP_MAYMOVE, 0);
	syscall(SYS_mremap, addr, len, len, MREMAP_MAYMOVE | 4, addr);
	syscall(SYS_brk, addr);
	syscall(SYS_munmap, addr, len);
}

TEST(ranges_of_every_kind)
{
	for (unsigned i = 0; i < COUNT(places); i++) {
		int status = wait_status(CHILD(({
			alarm(20);
			for (unsigned k = 0; k < COUNT(places); k++) {
				unsigned long addr = i ? places[i] : target();

				/* the lowest mapping is the program: what begins below it ends before it */
				if (addr < 0x10000000 && places[k] > 0x1000)
					continue;
				if (addr + places[k] > addr && addr + places[k] > 0x500000000000 &&
				    addr < END)
					continue; /* reaches the stack */
				abuse(addr, places[k]);
			}
			check_maps();
			0;
		})));

		CHECK_EQ(status, 0);
	}
}

TEST(memory_of_a_process_beyond_its_end)
{
	char buf[16], path[32];
	struct iovec mine = { buf, sizeof(buf) };
	int fd;

	sprintf(path, "/proc/%d/mem", getpid());
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	for (unsigned i = 0; i < COUNT(places); i++) {
		struct iovec far = { (void *)places[i], sizeof(buf) },
			     many[2] = { far, { buf, places[i] } };

		if (places[i] < END && places[i] >= 0x10000)
			continue;
		CHECK(syscall(SYS_pread64, fd, buf, sizeof(buf), places[i]) <= 0);
		CHECK(syscall(SYS_pwrite64, fd, buf, sizeof(buf), places[i]) <= 0);
		CHECK_EQ(syscall(SYS_process_vm_readv, getpid(), &mine, 1, &far, 1, 0), -1);
		CHECK_EQ(syscall(SYS_process_vm_writev, getpid(), &mine, 1, &far, 1, 0), -1);
		CHECK_EQ(readv(fd, many, 2), -1);
	}
	close(fd);
}

TEST(lists_and_words_beyond_the_end)
{
	char buf[16];

	for (unsigned i = 0; i < COUNT(places); i++) {
		void *end = (void *)places[i];
		struct iovec iovec[3] = { { buf, 1 }, { end, 16 }, { buf, places[i] } };
		stack_t stack = { .ss_sp = end, .ss_size = places[i] };
		int fd = open("/dev/zero", O_RDWR);

		if (places[i] < END && places[i] >= 0x10000)
			continue;
		CHECK(readv(fd, iovec, 3) <= 1);
		CHECK(readv(fd, end, 2) <= 0);
		CHECK_EQ(syscall(SYS_futex, end, FUTEX_WAIT, 0, NULL, NULL, 0), -1);
		CHECK(syscall(SYS_futex, end, FUTEX_WAKE, 1, NULL, NULL, 0) <= 0);
		CHECK_EQ(syscall(SYS_futex, buf, FUTEX_CMP_REQUEUE, 1, 1, end, *(int *)buf), -1);
		CHECK_EQ(wait_status(CHILD(({
				 syscall(SYS_set_robust_list, end, 24);
				 syscall(SYS_set_tid_address, end);
				 sigaltstack(&stack, NULL);
				 0;
			 }))),
			 0);
		syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, end);
		if (places[i] >= END)
			CHECK_ERR(syscall(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, end), EPERM);
		for (int what = 1; what < 14; what++)
			prctl(PR_SET_MM, what, end, 0, 0);
		close(fd);
	}
}

/* A child with its thread pointer or its stack where there is none dies of it, alone. */
TEST(stacks_and_thread_pointers_beyond_the_end)
{
	for (unsigned i = 0; i < COUNT(places); i++) {
		long pid;

		if (places[i] < END)
			continue;
		pid = syscall(SYS_clone, SIGCHLD | 0x80000 /* CLONE_SETTLS */, 0, NULL, NULL,
			      places[i]);
		if (!pid)
			_exit(0);
		CHECK(pid < 0 ? errno == EPERM : wait_status(pid) >= 0);
	}
}

TEST(positions_and_sizes_at_the_end_of_numbers)
{
	static const int modes[] = { 0, 1, 3, 0x10, 0x11 };
	int fd = open(access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", O_TMPFILE | O_RDWR, 0600);
	char buf[64] = { 0 };

	CHECK(fd >= 0);
	for (unsigned i = 0; i < COUNT(places); i++) {
		unsigned long offset = places[i];

		if (offset < 0x100000000000)
			continue;
		syscall(SYS_ftruncate, fd, offset);
		syscall(SYS_pread64, fd, buf, sizeof(buf), offset);
		for (unsigned round = 0; round < COUNT(places); round++)
			for (unsigned m = 0; m < COUNT(modes); m++)
				if (modes[m] == 3 || (long)(offset + places[round]) < 0)
					syscall(SYS_fallocate, fd, modes[m], offset, places[round]);
		syscall(SYS_lseek, fd, offset, SEEK_SET);
		read(fd, buf, sizeof(buf));
		syscall(SYS_lseek, fd, offset, SEEK_END);
		syscall(SYS_lseek, fd, offset, SEEK_DATA);
		syscall(SYS_lseek, fd, offset, SEEK_HOLE);
		CHECK(mmap(NULL, places[i], RW, MAP_SHARED, fd, 0) == MAP_FAILED);
		MAP_ERR((void *)syscall(SYS_mmap, 0, PAGE, RW, MAP_SHARED, fd, -PAGE), EOVERFLOW);
		ftruncate(fd, 0);
	}
	CHECK_EQ(syscall(SYS_pread64, fd, buf, 64, -1l), -1);
	CHECK_ERR(syscall(SYS_pread64, fd, buf, 64, (1ul << 63) - 32), EINVAL);
	CHECK_ERR(syscall(SYS_pwrite64, fd, buf, 64, (1ul << 63) - 32), EINVAL);
	CHECK_EQ(ftruncate(fd, (1ul << 63) - 1), 0);
	CHECK_ERR(syscall(SYS_lseek, fd, 1, SEEK_END), EINVAL);
}

int main(void)
{
	RUN(moving_to_a_far_end);
	RUN(low_mappings_end_at_2_gib);
	RUN(hints_are_rounded_down_and_kept_within_bounds);
	RUN(fixed_places_beyond_the_end);
	RUN(ranges_of_every_kind);
	RUN(memory_of_a_process_beyond_its_end);
	RUN(lists_and_words_beyond_the_end);
	RUN(stacks_and_thread_pointers_beyond_the_end);
	RUN(positions_and_sizes_at_the_end_of_numbers);
	return check_done();
}

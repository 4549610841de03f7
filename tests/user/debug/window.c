// SPDX-License-Identifier: MIT
/*
 * Maps the device of tests/system/drivers/window.c, as the ordinary user:
 *
 *	window check	what may be mapped, and what is seen there
 *	window guard	the same of a bar with the table of MSI-X
 *	window touch	four threads touch a mapping until it is taken away
 *	window free N	the same N times, where the driver frees the buffer
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define AREA	(1ull << 32)
#define PAGE	4096ul
#define BAR	(1ul << 20) /* bytes of ivshmem's bar in the test */
#define DMA	(5 * PAGE)
#define THREADS 4

struct request {
	uint64_t where, value;
};

static int fd, failures;
static _Thread_local sigjmp_buf on_bus_error;

#define CHECK(condition)                                                                     \
	do {                                                                                 \
		if (!(condition) && failures++ < 20)                                         \
			printf("line %d: %s (%s)\n", __LINE__, #condition, strerror(errno)); \
	} while (0)

static void bus_error(int signal)
{
	siglongjmp(on_bus_error, signal);
}

/* @return does a read there raise SIGBUS? */
static int is_gone(const volatile uint64_t *word)
{
	if (sigsetjmp(on_bus_error, 1))
		return 1;
	(void)*word;
	return 0;
}

static void *map(int prot, int flags, uint64_t offset, uint64_t length)
{
	return mmap(NULL, length, prot, flags, fd, (off_t)offset);
}

static int error_of(int prot, int flags, uint64_t offset, uint64_t length)
{
	void *memory = map(prot, flags, offset, length);

	if (memory == MAP_FAILED)
		return errno;
	munmap(memory, length);
	return 0;
}

static uint64_t peek(uint64_t where)
{
	struct request request = { .where = where };

	CHECK(!ioctl(fd, 1, &request));
	return request.value;
}

static void poke(uint64_t where, uint64_t value)
{
	struct request request = { .where = where, .value = value };

	CHECK(!ioctl(fd, 2, &request));
}

#define RW (PROT_READ | PROT_WRITE)

/* What the program writes the driver reads, and the other way, in the first and the last word. */
static void check_content(uint64_t area, uint64_t bytes)
{
	volatile uint64_t *memory = map(RW, MAP_SHARED, area, bytes), *other;

	CHECK(memory != MAP_FAILED);
	memory[0] = area + 1;
	memory[bytes / 8 - 16] = area + 2;
	CHECK(peek(area) == area + 1 && peek(area + bytes - 128) == area + 2);
	poke(area + 8, area + 3);
	CHECK(memory[1] == area + 3);
	other = map(PROT_READ, MAP_SHARED, area + PAGE, PAGE);
	memory[PAGE / 8] = 77;
	CHECK(other != MAP_FAILED && other[0] == 77);
	munmap((void *)other, PAGE);
	munmap((void *)memory, bytes);
}

static void check_ends(uint64_t area, uint64_t bytes)
{
	CHECK(error_of(RW, MAP_SHARED, area, bytes) == 0);
	CHECK(error_of(RW, MAP_SHARED, area, bytes + 1) == ENXIO);
	CHECK(error_of(RW, MAP_SHARED, area + bytes - PAGE, PAGE) == 0);
	CHECK(error_of(RW, MAP_SHARED, area + bytes - PAGE, PAGE + 1) == ENXIO);
	CHECK(error_of(RW, MAP_SHARED, area + bytes, PAGE) == ENXIO);
	CHECK(error_of(RW, MAP_SHARED, area + AREA - PAGE, PAGE) == ENXIO);
	CHECK(error_of(RW, MAP_SHARED, area + 100, PAGE) == EINVAL);
	CHECK(error_of(RW, MAP_SHARED, area, AREA * 1024) == ENXIO);
}

static void check_refusals(void)
{
	int read_only = open("/dev/window", O_RDONLY);
	void *memory;

	CHECK(error_of(RW, MAP_SHARED, 2 * AREA, PAGE) == ENXIO); /* bar 0 has 256 bytes */
	CHECK(error_of(RW, MAP_SHARED, 3 * AREA, PAGE) == EBUSY);
	CHECK(error_of(RW, MAP_SHARED, 4 * AREA, PAGE) == EINVAL);
	CHECK(error_of(RW, MAP_SHARED, 5 * AREA, PAGE) == EINVAL);
	CHECK(error_of(RW, MAP_SHARED, 6 * AREA, PAGE) == EINVAL);
	CHECK(error_of(RW, MAP_SHARED, 7 * AREA, PAGE) == EXDEV);
	CHECK(error_of(RW, MAP_SHARED, ~0ull << 12, PAGE) == EOVERFLOW);
	CHECK(error_of(RW, MAP_SHARED, INT64_MAX & ~4095ull, 2 * PAGE) == EOVERFLOW);
	memory = mmap(NULL, PAGE, RW, MAP_SHARED, read_only, 0);
	CHECK(memory == MAP_FAILED && errno == EACCES);
	memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
	CHECK(memory != MAP_FAILED);
	CHECK(mprotect(memory, PAGE, RW) && errno == EACCES);
	munmap(memory, PAGE);
	close(read_only);
}

/* A private mapping shows the device until a page is written to. */
static void check_private(uint64_t area)
{
	volatile uint64_t *shared = map(RW, MAP_SHARED, area, 2 * PAGE);
	volatile uint64_t *own = map(RW, MAP_PRIVATE, area, 2 * PAGE);

	shared[0] = 1;
	shared[1] = 2;
	shared[PAGE / 8] = 3;
	CHECK(own[0] == 1 && own[PAGE / 8] == 3);
	own[0] = 10;
	CHECK(shared[0] == 1 && own[0] == 10 && own[1] == 2);
	shared[1] = 20;
	shared[PAGE / 8] = 30;
	CHECK(own[1] == 2 && own[PAGE / 8] == 30);
	munmap((void *)own, 2 * PAGE);
	munmap((void *)shared, 2 * PAGE);
}

static void check_fork(uint64_t area)
{
	volatile uint64_t *memory = map(RW, MAP_SHARED, area, 2 * PAGE);
	int status = -1;

	memory[0] = 5;
	if (!fork()) {
		int right = memory[0] == 5 && memory[PAGE / 8] == 6;

		memory[1] = 7;
		_exit(right);
	}
	memory[PAGE / 8] = 6;
	wait(&status);
	CHECK(WIFEXITED(status) && memory[1] == 7);
	munmap((void *)memory, 2 * PAGE);
}

/* Parts of a mapping: rights, holes, other places. */
static void check_parts(uint64_t area)
{
	char *memory = map(RW, MAP_SHARED, area, 4 * PAGE), *moved;
	volatile uint64_t *word;

	for (int i = 0; i < 4; i++)
		*(volatile uint64_t *)(memory + i * PAGE) = 100 + i;
	CHECK(!mprotect(memory + PAGE, PAGE, PROT_READ));
	CHECK(*(volatile uint64_t *)(memory + PAGE) == 101);
	CHECK(read(open("/dev/zero", O_RDONLY), memory + PAGE, 8) == -1 && errno == EFAULT);
	CHECK(!mprotect(memory + PAGE, PAGE, PROT_NONE));
	CHECK(!mprotect(memory + PAGE, PAGE, RW));
	CHECK(*(volatile uint64_t *)(memory + PAGE) == 101);
	CHECK(!munmap(memory + PAGE, PAGE));
	CHECK(*(volatile uint64_t *)(memory + 2 * PAGE) == 102);
	moved = mremap(memory + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved == memory + 2 * PAGE);
	CHECK(mremap(moved, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	CHECK(mremap(moved, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	moved = mremap(memory + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       memory + (64 << 20));
	CHECK(moved == memory + (64 << 20));
	word = (volatile uint64_t *)(moved + PAGE);
	CHECK(*word == 103);
	*word = 104;
	CHECK(peek(area + 3 * PAGE) == 104);
	munmap(moved, 2 * PAGE);
	munmap(memory, 4 * PAGE);
}

static void check_advice(uint64_t area)
{
	char *memory = map(RW, MAP_SHARED, area, 2 * PAGE);
	uint64_t word = 1, own = 2;
	unsigned char in_core[2];
	char line[256];
	FILE *maps;
	int found = 0, pipes[2];

	poke(area, 40);
	CHECK(madvise(memory, PAGE, MADV_DONTNEED) && errno == EINVAL);
	CHECK(madvise(memory, PAGE, MADV_DODUMP) && errno == EINVAL);
	CHECK(madvise(memory, PAGE, MADV_DOFORK) && errno == EINVAL);
	CHECK(madvise(memory, PAGE, MADV_REMOVE) != 0);
	CHECK(!madvise(memory, PAGE, MADV_DONTFORK));
	CHECK(msync(memory, PAGE, MS_SYNC) && errno == EINVAL);
	CHECK(!msync(memory, PAGE, MS_ASYNC));
	CHECK(!mlock(memory, PAGE) && !munlock(memory, PAGE));
	CHECK(!mincore(memory, 2 * PAGE, in_core));
	CHECK(!pipe(pipes) && write(pipes[1], memory, 8) == 8 && read(pipes[0], &word, 8) == 8);
	CHECK(word == 40);
	/* From outside: DMA memory is memory; reading registers may change them. */
	CHECK(pread(open("/proc/self/mem", O_RDONLY), &own, 8, (off_t)(uintptr_t)memory) ==
	      (area ? 8 : -1));
	CHECK(own == (area ? 40u : 2u));
	maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps))
		found += strstr(line, "rw-s") && strstr(line, "/dev/window\n");
	CHECK(found > 0);
	if (maps)
		fclose(maps);
	munmap(memory, 2 * PAGE);
}

static int check_all(void)
{
	struct sigaction action = { .sa_handler = bus_error };
	volatile uint64_t *memory;

	sigaction(SIGBUS, &action, NULL);
	check_content(0, BAR);
	check_content(AREA, DMA);
	check_ends(0, BAR);
	check_ends(AREA, DMA);
	check_refusals();
	for (uint64_t area = 0; area <= AREA; area += AREA) {
		check_private(area);
		check_fork(area);
		check_parts(area);
		check_advice(area);
	}
	/* The driver frees what is mapped: SIGBUS, also for a private copy. */
	memory = map(RW, MAP_SHARED, AREA, DMA);
	memory[0] = 1;
	CHECK(!ioctl(fd, 3, 0));
	CHECK(is_gone(memory) && is_gone(memory + PAGE / 8));
	CHECK(error_of(RW, MAP_SHARED, AREA, DMA) == EINVAL);
	CHECK(!ioctl(fd, 4, 0));
	CHECK(is_gone(memory) && peek(AREA) == 0);
	munmap((void *)memory, DMA);
	return printf("%d failed\n", failures);
}

/* nvme: registers and doorbells, then the table of MSI-X and its pending bits. */
static int check_guard(void)
{
	CHECK(error_of(RW, MAP_SHARED, 0, 2 * PAGE) == 0);
	CHECK(error_of(RW, MAP_SHARED, 0, 2 * PAGE + 1) == EPERM);
	CHECK(error_of(PROT_READ, MAP_SHARED, 2 * PAGE, PAGE) == EPERM);
	CHECK(error_of(PROT_READ, MAP_PRIVATE, 3 * PAGE, PAGE) == EPERM);
	CHECK(error_of(RW, MAP_SHARED, 4 * PAGE, PAGE) == ENXIO);
	return printf("%d failed\n", failures);
}

/* ---- until it is taken away ---- */

static volatile uint64_t *touched;
static int nready;

static void *touch(void *unused)
{
	uint64_t sum = 0;

	if (sigsetjmp(on_bus_error, 1))
		return NULL;
	__atomic_add_fetch(&nready, 1, __ATOMIC_SEQ_CST);
	for (uint64_t i = 0;; i++) {
		touched[(i % 4) * (PAGE / 8)] = i;
		sum += touched[(i % 3) * (PAGE / 8)];
	}
	return (void *)sum;
}

static void start_touching(pthread_t *threads)
{
	nready = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, touch, NULL);
	while (__atomic_load_n(&nready, __ATOMIC_SEQ_CST) < THREADS)
		usleep(100);
}

static void end_touching(pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static int touch_until_gone(void)
{
	struct sigaction action = { .sa_handler = bus_error };
	pthread_t threads[THREADS];
	char byte;

	sigaction(SIGBUS, &action, NULL);
	touched = map(RW, MAP_SHARED, 0, 4 * PAGE);
	if (touched == MAP_FAILED)
		return printf("not mapped: %s\n", strerror(errno));
	start_touching(threads);
	printf("touching\n");
	fflush(stdout);
	end_touching(threads);
	if (!is_gone(touched))
		return printf("it came back\n");
	/* The files follow at once. */
	while (read(fd, &byte, 1) >= 0)
		usleep(1000);
	return printf("taken away, %s\n", strerror(errno));
}

static int touch_freed(int rounds)
{
	struct sigaction action = { .sa_handler = bus_error };
	pthread_t threads[THREADS];

	sigaction(SIGBUS, &action, NULL);
	for (int i = 0; i < rounds; i++) {
		touched = map(RW, MAP_SHARED, AREA, 4 * PAGE);
		if (touched == MAP_FAILED)
			return printf("round %d: %s\n", i, strerror(errno));
		start_touching(threads);
		CHECK(!ioctl(fd, 3, 0) && !ioctl(fd, 4, 0));
		end_touching(threads);
		for (uint64_t page = 0; page < 4; page++)
			CHECK(peek(AREA + page * PAGE) == 0);
		munmap((void *)touched, 4 * PAGE);
	}
	return printf("%d failed\n", failures);
}

int main(int argc, char **argv)
{
	fd = open("/dev/window", O_RDWR);
	if (argc < 2 || fd < 0) {
		perror("/dev/window");
		return 1;
	}
	switch (argv[1][0]) {
	case 'c': return check_all() < 0;
	case 'g': return check_guard() < 0;
	case 't': return touch_until_gone() < 0;
	default: return touch_freed(argc > 2 ? atoi(argv[2]) : 1) < 0;
	}
}

// SPDX-License-Identifier: MIT
/*
 * For tests of drivers that are taken away, and of map():
 *
 *	clutch read FILE	reads, says what came
 *	clutch poll FILE	the same for poll(), without a limit of time
 *	clutch map FILE		maps /dev/mapper, see tests/system/drivers/mapper.c
 *	clutch deep FILE	calls each method of tests/system/drivers/deep.c
 *	clutch call FILE	tries /dev/keeper, see tests/system/drivers/keeper.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int fd;
static uint64_t *words;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static long say_read(void)
{
	char text[8];
	long count = read(fd, text, sizeof(text));

	return printf("read %ld %s\n", count, count < 0 ? strerror(errno) : "");
}

static long say_poll(void)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int count = poll(&pollfd, 1, -1);

	return printf("poll %d %x\n", count, pollfd.revents);
}

static void *map(uint64_t pages)
{
	return mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		    (off_t)(uintptr_t)words);
}

static void *map_slowly(void *unused)
{
	return map(2);
}

/* A driver that sleeps in map() keeps no other thread from its memory. */
static int try_map(void)
{
	pthread_t slow;
	double start;
	void *memory;

	words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	words[0] = 40;
	memory = map(1);
	if (memory == MAP_FAILED || *(uint64_t *)memory || words[0] != 41)
		return printf("map: %p, %lu\n", memory, (unsigned long)words[0]);
	if (map(3) != MAP_FAILED || errno != EXDEV || words[0] != 42)
		return printf("refused: %s\n", strerror(errno));
	pthread_create(&slow, NULL, map_slowly, NULL);
	usleep(200000);
	start = now();
	for (int i = 0; i < 100; i++) {
		char *other = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);

		other[0] = other[4096] = 1;
		munmap(other, 8192);
	}
	if (now() - start > 0.6)
		return printf("others waited %f s\n", now() - start);
	pthread_join(slow, &memory);
	if (memory == MAP_FAILED || words[0] != 43)
		return printf("slow: %p, %lu\n", memory, (unsigned long)words[0]);
	munmap(words, 4096);
	if (map(1) != MAP_FAILED || errno != EFAULT)
		return printf("not mapped: %s\n", strerror(errno));
	return printf("mapped\n");
}

/* What each use of a call leads to. */
static int try_calls(void)
{
	uint64_t word = 41;

	for (int i = 0; i < 9; i++)
		printf("ioctl %d: %s\n", i, ioctl(fd, i, &word) ? strerror(errno) : "ok");
	for (int i = 0; i < 6; i++) {
		char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, i * 4096);

		printf("map %d: %s\n", i, memory == MAP_FAILED ? strerror(errno) : "ok");
	}
	return printf("word %lu\n", (unsigned long)word);
}

/* @return what ioctl() does: how many drivers took part */
static int use_all(void)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char text[8];

	if (read(fd, text, sizeof(text)) != 5 || write(fd, text, 5) != 5)
		return printf("read, write: %s\n", strerror(errno));
	if (poll(&pollfd, 1, -1) != 1)
		return printf("poll: %s\n", strerror(errno));
	if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		return printf("map: %s\n", strerror(errno));
	return printf("%d nested\n", ioctl(fd, 1, text));
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	fd = open(argv[2], O_RDWR);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	if (argv[1][0] == 'r')
		return say_read() < 0;
	if (argv[1][0] == 'd')
		return use_all() < 0;
	if (argv[1][0] == 'c')
		return try_calls() < 0;
	return (argv[1][0] == 'p' ? say_poll() : try_map()) < 0;
}

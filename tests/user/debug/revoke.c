// SPDX-License-Identifier: MIT
/*
 * Holds a device until it is revoked, and looks at what becomes of it:
 *
 *	revoke sleep DEVICE	one thread sleeps in read(), one in poll()
 *	revoke map DEVICE	reads what it maps, again and again
 *	revoke keep DEVICE	maps it and closes the file; then the same
 *
 * "holding" is printed once it does, and what was wrong, and at the end how much was.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static int device, failures;
static sigjmp_buf taken_away;

static void expect(int holds, const char *what, long result)
{
	if (holds)
		return;
	printf("%s: %ld, errno %s\n", what, result, strerror(errno));
	failures++;
}

static void *sleep_in_read(void *arg)
{
	char byte;
	long result = read(device, &byte, 1);

	expect(result == -1 && errno == ENODEV, "read() that slept", result);
	return NULL;
}

static void *sleep_in_poll(void *arg)
{
	struct pollfd wait = { .fd = device, .events = POLLIN };
	long result = poll(&wait, 1, -1);

	expect(result == 1 && wait.revents == (POLLERR | POLLHUP), "poll() that slept", result);
	return NULL;
}

static void announce(void)
{
	printf("holding\n");
	fflush(stdout);
}

static void hold_asleep(void)
{
	pthread_t reader, poller;

	pthread_create(&reader, NULL, sleep_in_read, NULL);
	pthread_create(&poller, NULL, sleep_in_poll, NULL);
	announce();
	pthread_join(reader, NULL);
	pthread_join(poller, NULL);
}

static void is_taken_away(int number)
{
	siglongjmp(taken_away, 1);
}

static void hold_mapping(int keep)
{
	volatile char *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 0);

	expect(memory != MAP_FAILED, "mmap()", 0);
	if (memory == MAP_FAILED)
		return;
	if (keep)
		close(device);
	signal(SIGBUS, is_taken_away);
	announce();
	if (!sigsetjmp(taken_away, 1))
		for (;;)
			(void)*memory;
	if (!sigsetjmp(taken_away, 1)) {
		(void)*memory;
		expect(0, "memory is there after SIGBUS", 0);
	}
	expect(!munmap((void *)memory, PAGE), "munmap()", 0);
}

/* Everything but close() fails, and it does so at once. */
static void check_revoked(void)
{
	struct pollfd poll_all = { .fd = device, .events = POLLIN | POLLOUT };
	char byte = 0;
	long result = read(device, &byte, 1);

	expect(result == -1 && errno == ENODEV, "read()", result);
	result = write(device, &byte, 1);
	expect(result == -1 && errno == ENODEV, "write()", result);
	result = ioctl(device, 1, 0);
	expect(result == -1 && errno == ENODEV, "ioctl()", result);
	result = poll(&poll_all, 1, 0); /* also of a driver that has no poll() */
	expect(result == 1 && poll_all.revents == (POLLERR | POLLHUP), "poll()", result);
	result = (long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device, 0);
	expect(result == -1 && errno == ENODEV, "mmap()", result);
	result = close(device);
	expect(!result, "close()", result);
}

int main(int argc, char **argv)
{
	int keep = argc > 1 && !strcmp(argv[1], "keep");

	if (argc != 3)
		return 2;
	device = open(argv[2], O_RDWR);
	expect(device >= 0, "open()", device);
	if (!strcmp(argv[1], "sleep"))
		hold_asleep();
	else
		hold_mapping(keep);
	if (!keep)
		check_revoked();
	printf("%d failed\n", failures);
	return failures > 0;
}

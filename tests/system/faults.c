/* SPDX-License-Identifier: MIT */
/*
 * Installs /faulty.ko, has its ioctl() fault with its device open twice and one
 * thread asleep in it, and waits until it is gone: "faults ROUNDS". The process
 * keeps both files until then. "faults hold N" takes N kernel objects and waits;
 * "faults kind N" has a driver that is installed fault once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KINDS	   5  /* of faults that are survived; drivers/faulty.c */
#define PATIENCE_S 10 /* for the removal */

static int round_number, sleeper;

static void fail(const char *what)
{
	printf("not ok: round %d: %s: %s\n", round_number, what, strerror(errno));
	exit(1);
}

static void *sleep_in_read(void *unused)
{
	char byte;

	if (read(sleeper, &byte, 1) != -1 || errno != ENODEV)
		fail("read() that slept");
	return NULL;
}

static int is_installed(void)
{
	char text[4096];
	int fd = open("/proc/modules", O_RDONLY);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (length < 0)
		fail("/proc/modules");
	text[length] = 0;
	return strstr(text, "faulty ") != NULL;
}

static void one_round(void)
{
	int file = open("/faulty.ko", O_RDONLY), device;
	pthread_t thread;
	char byte;

	if (syscall(SYS_finit_module, file, "", 0))
		fail("finit_module()");
	close(file);
	device = open("/dev/faulty", O_RDWR);
	sleeper = open("/dev/faulty", O_RDWR);
	if (device < 0 || sleeper < 0 || pthread_create(&thread, NULL, sleep_in_read, NULL))
		fail("/dev/faulty");
	if (ioctl(device, 100) != -1 || errno != ENOTTY)
		fail("ioctl() without a fault");
	if (round_number % 2)
		usleep(2000); /* the thread is in the driver by then */
	if (ioctl(device, round_number % KINDS) != -1 || errno != EFAULT)
		fail("ioctl() with a fault");
	if (read(device, &byte, 1) != -1 || errno != ENODEV)
		fail("read() afterwards");
	pthread_join(thread, NULL);
	for (int i = 0; is_installed(); i++) {
		if (i == PATIENCE_S * 1000)
			fail("the driver stays");
		usleep(1000);
	}
	if (ioctl(device, 100) != -1 || errno != ENODEV)
		fail("ioctl() of what is gone");
	close(device);
	close(sleeper);
}

static void hold(int count)
{
	const struct rlimit limit = { count + 16, count + 16 };

	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < count; i++)
		if (eventfd(0, 0) < 0)
			fail("eventfd()");
	puts("holds");
	fflush(stdout);
	pause();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "hold"))
		hold(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "kind"))
		return ioctl(open("/dev/faulty", O_RDWR), atoi(argv[2]));
	for (; round_number < atoi(argv[1]); round_number++)
		one_round();
	printf("ok %d\n", round_number);
	return 0;
}

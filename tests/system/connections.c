/* SPDX-License-Identifier: MIT */
/*
 * Thousands of connections over lo: what one costs beside them, in time and in memory, and that each still works.
 *
 *	connections waiting N	N in TIME_WAIT
 *	connections idle N	N that nobody uses
 *
 * It prints what a connection costs without the others, in nanoseconds, and beside them; then, for idle ones, how
 * many bytes of memory each holds, with both ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	 40
#define BATCH	 20
#define PAUSE_US 5000

static struct sockaddr_in name = { .sin_family = AF_INET };
static int listener;

static void need(int good, const char *what)
{
	if (good)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void begin(int ends[2])
{
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	need(ends[0] >= 0, "socket");
	need(!connect(ends[0], (struct sockaddr *)&name, sizeof(name)), "connect");
	ends[1] = accept(listener, NULL, NULL);
	need(ends[1] >= 0, "accept");
}

/* @reset: nothing stays of them */
static void end(const int ends[2], int reset)
{
	struct linger linger = { .l_onoff = 1 };

	if (reset)
		need(!setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
		     "linger");
	close(ends[0]);
	close(ends[1]);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Of several measurements the least: others use the machine, too. */
static uint64_t cost_ns(void)
{
	uint64_t least = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = now_ns(), passed;

		for (int i = 0; i < BATCH; i++) {
			int ends[2];

			begin(ends);
			end(ends, 1);
		}
		passed = now_ns() - start;
		if (passed < least)
			least = passed;
		usleep(PAUSE_US);
	}
	return least / BATCH;
}

static long free_bytes(void)
{
	char line[128];
	long kib = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	need(!!file, "/proc/meminfo");
	while (fgets(line, sizeof(line), file) && sscanf(line, "MemFree: %ld", &kib) != 1)
		;
	fclose(file);
	return kib * 1024;
}

static void use(const int ends[2])
{
	char byte = 'a', got = 0;

	need(write(ends[0], &byte, 1) == 1 && read(ends[1], &got, 1) == 1 && got == 'a', "there");
	byte = 'b';
	need(write(ends[1], &byte, 1) == 1 && read(ends[0], &got, 1) == 1 && got == 'b', "back");
}

static void idle(long count)
{
	int(*pairs)[2] = calloc((size_t)count, sizeof(*pairs));
	long before;

	need(!!pairs, "memory");
	before = free_bytes();
	for (long i = 0; i < count; i++)
		begin(pairs[i]);
	before -= free_bytes();
	usleep(1100000); /* until the timers leave them out */
	printf("%lu\n%ld\n", cost_ns(), before / count);
	for (long i = 0; i < count; i++)
		use(pairs[i]);
	for (long i = 0; i < count; i++)
		end(pairs[i], 0);
}

static void waiting(long count)
{
	for (long i = 0; i < count; i++) {
		int ends[2];

		begin(ends);
		end(ends, 0);
	}
	printf("%lu\n", cost_ns());
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	struct rlimit limit = { 2 * (rlim_t)count + 20, 2 * (rlim_t)count + 20 };
	socklen_t length = sizeof(name);

	need(count > 0 && !setrlimit(RLIMIT_NOFILE, &limit), "count");
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	need(listener >= 0 && !bind(listener, (struct sockaddr *)&name, sizeof(name)) &&
		     !listen(listener, 100) &&
		     !getsockname(listener, (struct sockaddr *)&name, &length),
	     "listen");
	printf("%lu\n", cost_ns());
	if (!strcmp(argv[1], "idle"))
		idle(count);
	else
		waiting(count);
	return 0;
}

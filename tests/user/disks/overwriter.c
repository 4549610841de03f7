/* SPDX-License-Identifier: MIT */
/*
 * Overwrites a file without a name until its last descriptor is closed, while other processes commit its file system:
 * overwriter FILE ROUNDS
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES 65536
#define MS    1000000ull

static char buffer[BYTES];

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull * MS + t.tv_nsec;
}

static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void overwrite(int fd, unsigned long long until)
{
	do {
		memset(buffer, rand(), sizeof(buffer));
		if (pwrite(fd, buffer, sizeof(buffer), 0) != sizeof(buffer))
			fail("pwrite");
	} while (now() < until);
	_exit(0);
}

int main(int argc, char **argv)
{
	int rounds = atoi(argv[2]), status, bad = 0;

	for (int i = 0; i < rounds; i++) {
		int fd = open(argv[1], O_RDWR | O_CREAT | O_EXCL, 0600);

		if (fd < 0 || pwrite(fd, buffer, sizeof(buffer), 0) != sizeof(buffer))
			fail(argv[1]);
		sync();
		if (unlink(argv[1]))
			fail("unlink");
		if (!fork())
			overwrite(fd, now() + (20 + i % 7 * 3) * MS);
		close(fd);
		for (int j = 0; j < 2; j++)
			if (!fork()) {
				sync();
				_exit(0);
			}
		while (wait(&status) > 0)
			bad |= status;
	}
	puts(bad ? "failed" : "done");
	return !!bad;
}

/* SPDX-License-Identifier: MIT */
/*
 * fillrace FILE MEGABYTES: make FILE, a hole; a child stores to each page of it by way of a mapping, from the end on,
 * while fallocate(2) gives all of it room. Then each page holds what was stored, and zeroes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void store(unsigned char *bytes, size_t pages)
{
	for (size_t i = pages; i--;)
		bytes[i * PAGE + 1] = (unsigned char)(i % 255 + 1);
}

static size_t count_wrong(const unsigned char *bytes, size_t pages)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++) {
		const unsigned char *at = bytes + i * PAGE;

		wrong += at[0] || at[1] != i % 255 + 1 || at[2] ||
			 memcmp(at + 2, at + 3, PAGE - 3) != 0;
	}
	return wrong;
}

int main(int argc, char **argv)
{
	int file = open(argv[1], O_CREAT | O_RDWR, 0600), status;
	size_t size = strtoul(argv[2], NULL, 10) << 20;
	unsigned char *bytes;
	pid_t child;

	if (file < 0 || ftruncate(file, (off_t)size))
		fail(argv[1]);
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (bytes == MAP_FAILED)
		fail("mmap");
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		store(bytes, size / PAGE);
		_exit(0);
	}
	if (fallocate(file, 0, 0, (off_t)size))
		fail("fallocate");
	if (waitpid(child, &status, 0) != child || status)
		fail("child");
	printf("%zu\n", count_wrong(bytes, size / PAGE));
	return 0;
}

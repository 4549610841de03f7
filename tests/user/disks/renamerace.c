/* SPDX-License-Identifier: MIT */
/*
 * renamerace FIRST SECOND PAGES: make two files, holes of that many pages; a child stores to each page of both by way of mappings, while
 * their names move: they are exchanged or, where the file system cannot do that, FIRST gets another name and its own again, and
 * a third one for a moment, and its rights change. Prints how many pages do not hold what was stored.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	 4096ul
#define EXCHANGE 2

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned char *map(const char *name, size_t size)
{
	int file = open(name, O_CREAT | O_RDWR, 0600);
	unsigned char *bytes;
	struct stat about;

	if (file < 0 || fstat(file, &about))
		fail(name);
	if (about.st_size != (off_t)size && ftruncate(file, (off_t)size))
		fail("ftruncate");
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (bytes == MAP_FAILED)
		fail("mmap");
	return bytes;
}

/* There and back again. */
static void move(const char *first, const char *second)
{
	char other[256], third[256];

	if (!syscall(SYS_renameat2, AT_FDCWD, first, AT_FDCWD, second, EXCHANGE)) {
		if (syscall(SYS_renameat2, AT_FDCWD, first, AT_FDCWD, second, EXCHANGE))
			fail("exchange");
		return;
	}
	snprintf(other, sizeof(other), "%s.other", first);
	snprintf(third, sizeof(third), "%s.third", first);
	if (rename(first, other) || link(other, third) || chmod(third, 0640) ||
	    rename(other, first) || unlink(third))
		fail("rename");
}

int main(int argc, char **argv)
{
	size_t pages = strtoul(argv[3], NULL, 10), wrong = 0;
	unsigned char *bytes[] = { map(argv[1], pages * PAGE), map(argv[2], pages * PAGE) };
	pid_t child = fork();
	int status;

	if (child < 0)
		fail("fork");
	if (!child) {
		for (size_t i = 0; i < 2 * pages; i++)
			bytes[i & 1][i / 2 * PAGE + 1] = (unsigned char)(i % 255 + 1);
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG))
		move(argv[1], argv[2]);
	for (size_t i = 0; i < 2 * pages; i++)
		wrong += bytes[i & 1][i / 2 * PAGE + 1] != i % 255 + 1;
	printf("%zu\n", wrong + !!status);
	return 0;
}

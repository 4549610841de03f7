/* SPDX-License-Identifier: MIT */
/*
 * allocate FILE MODE OFFSET LENGTH: fallocate(2). Says its error, and then size and blocks of the file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int file = open(argv[1], O_CREAT | O_RDWR, 0600), error = 0;
	struct stat is;

	if (fallocate(file, atoi(argv[2]), atoll(argv[3]), atoll(argv[4])))
		error = errno;
	if (file < 0 || fstat(file, &is)) {
		perror(argv[1]);
		return 1;
	}
	printf("%d %lld %lld\n", error, (long long)is.st_size, (long long)is.st_blocks);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * syncs FILE FILE: write to both, then fsync() the one, the other, and both again. Says the four errors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int files[2];

	for (int i = 0; i < 2; i++) {
		files[i] = open(argv[1 + i], O_CREAT | O_WRONLY, 0600);
		if (files[i] < 0 || write(files[i], "new\n", 4) != 4) {
			perror(argv[1 + i]);
			return 1;
		}
	}
	for (int i = 0; i < 4; i++)
		printf("%d\n", fsync(files[i & 1]) ? errno : 0);
	return 0;
}

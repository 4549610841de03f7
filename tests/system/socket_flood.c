// SPDX-License-Identifier: MIT
/* A program that takes all the sockets and descriptors that it gets, in several processes; new ones are refused in words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4

/* @return how many there were before one was refused */
static int take_all(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM };
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
	int count = 0;

	for (;; count++) {
		int fd = socket(families[count % 3], types[count % 3], 0);

		if (fd < 0)
			break;
		if (families[count % 3] == AF_INET)
			(void)listen(fd, 100);
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) {
		printf("refused by: %s\n", strerror(errno));
		exit(1);
	}
	return count;
}

int main(void)
{
	struct rlimit most = { 4096, 4096 };
	int status, bad = 0;

	(void)setrlimit(RLIMIT_NOFILE, &most);
	for (int i = 0; i < PROCESSES; i++)
		if (!fork())
			exit(take_all() < 100);
	while (wait(&status) > 0)
		bad |= status;
	puts(bad ? "failed" : "refused");
	return !!bad;
}

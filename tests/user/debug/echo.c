// SPDX-License-Identifier: MIT
/*
 * echo FILE COUNT: reads COUNT bytes and writes each back, without ever waiting but in poll(). Says how
 * often a write was refused because there was no room, and whether the other side has hung up at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = atol(argv[2]), have = 0, sent = 0, refused = 0;
	char *data = malloc(count);
	int fd = open(argv[1], O_RDWR | O_NONBLOCK);
	struct pollfd pollfd = { .fd = fd };

	while (fd >= 0 && sent < count) {
		long result;

		pollfd.events = (have < count ? POLLIN : 0) | (sent < have ? POLLOUT : 0);
		if (poll(&pollfd, 1, 20000) != 1)
			return printf("poll: nothing for 20 s, %ld read, %ld written\n", have,
				      sent);
		if (pollfd.revents & POLLIN && have < count) {
			result = read(fd, data + have, count - have);
			if (result <= 0)
				return printf("read %ld %s\n", result, strerror(errno));
			have += result;
		}
		if (pollfd.revents & POLLOUT && sent < have) {
			result = write(fd, data + sent, have - sent);
			if (result < 0 && errno != EAGAIN)
				return printf("write: %s\n", strerror(errno));
			if (result > 0)
				sent += result;
			refused += result < have - sent;
		}
	}
	if (fd < 0)
		return printf("open: %s\n", strerror(errno));
	pollfd.events = POLLIN;
	pollfd.revents = 0;
	poll(&pollfd, 1, 20000);
	printf("echoed %ld, %s, then %x\n", sent, refused ? "had to wait" : "never waited",
	       pollfd.revents);
	return 0;
}

// SPDX-License-Identifier: MIT
/* datagram ADDRESS PORT LENGTH...: sends datagrams of those lengths, of bytes that count. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	static unsigned char bytes[65536];
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc < 4 || fd < 0)
		return 2;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7);
	to.sin_addr.s_addr = inet_addr(argv[1]);
	to.sin_port = htons((unsigned short)atoi(argv[2]));
	for (int i = 3; i < argc; i++) {
		size_t length = (size_t)atoi(argv[i]);

		if (sendto(fd, bytes, length, 0, (void *)&to, sizeof(to)) != (ssize_t)length) {
			perror("sendto");
			return 1;
		}
	}
	return 0;
}

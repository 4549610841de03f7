/* SPDX-License-Identifier: MIT */
/*
 * Frames of an interface, for tests/system/test_net.py: no TCP/IP is needed.
 *
 *	frames up|down INTERFACE
 *	frames echo INTERFACE		sends each frame of the test's EtherType back to where it came from; ends
 *					after one whose first byte of data is 'q', and says how many there were
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEST_TYPE    0x88b5 /* for experiments: IEEE 802 */
#define ADDRESS	     6
#define HEADER_BYTES 14
#define FRAME_MAX    65536

static void complain(const char *what)
{
	perror(what);
	exit(1);
}

static void set_up(const char *name, int is_up)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		complain(name);
	request.ifr_flags =
		(short)(is_up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		complain("SIOCSIFFLAGS");
	close(fd);
}

static void echo(const char *name)
{
	static unsigned char frame[FRAME_MAX];
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(TEST_TYPE) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(TEST_TYPE)), is_end = 0;
	unsigned long count = 0;

	address.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (void *)&address, sizeof(address)))
		complain(name);
	puts("ready");
	fflush(stdout);
	while (!is_end) {
		unsigned char own[ADDRESS];
		ssize_t length = recv(fd, frame, sizeof(frame), 0);

		if (length < HEADER_BYTES)
			complain("recv");
		is_end = length > HEADER_BYTES && frame[HEADER_BYTES] == 'q';
		memcpy(own, frame, ADDRESS);
		memcpy(frame, frame + ADDRESS, ADDRESS);
		memcpy(frame + ADDRESS, own, ADDRESS);
		if (send(fd, frame, (size_t)length, 0) != length)
			complain("send");
		count++;
	}
	printf("%lu frames\n", count);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "up"))
		set_up(argv[2], 1);
	else if (argc == 3 && !strcmp(argv[1], "down"))
		set_up(argv[2], 0);
	else if (argc == 3 && !strcmp(argv[1], "echo"))
		echo(argv[2]);
	else
		return 2;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Frames of an interface, for tests/system/test_net.py: no TCP/IP is needed.
 *
 *	frames up|down|promisc|-promisc|allmulti|-allmulti INTERFACE
 *	frames echo INTERFACE [COUNT]	receives COUNT groups, too, 01:00:5e:01:00:00 and so on; sends
 *					each frame of the test's EtherType back to where it came from; ends
 *					after one whose first byte of data is 'q', and says how many there were
 *	frames answer INTERFACE		is a station with any address: answers ARP and echo requests, until the interface goes
 *	frames flood INTERFACE		sends frames to all until the interface goes
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
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

static void set_flag(const char *name, int flag, int is_on)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		complain(name);
	request.ifr_flags = (short)(is_on ? request.ifr_flags | flag : request.ifr_flags & ~flag);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		complain("SIOCSIFFLAGS");
	close(fd);
}

/* A socket may have few. */
static void join_groups(int interface, int count)
{
	for (int i = 0; i < count; i++) {
		int fd = socket(AF_PACKET, SOCK_RAW, 0);
		struct packet_mreq request = { .mr_ifindex = interface,
					       .mr_type = PACKET_MR_MULTICAST,
					       .mr_alen = ADDRESS,
					       .mr_address = { 1, 0, 0x5e, 1, 0,
							       (unsigned char)i } };

		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)))
			complain("PACKET_ADD_MEMBERSHIP");
	}
}

static void echo(const char *name, int groups)
{
	static unsigned char frame[FRAME_MAX];
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(TEST_TYPE) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(TEST_TYPE)), is_end = 0;
	unsigned long count = 0;

	address.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (void *)&address, sizeof(address)))
		complain(name);
	join_groups(address.sll_ifindex, groups);
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

static int bind_to(const char *name, int type)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons((unsigned short)type) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	address.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (void *)&address, sizeof(address)))
		complain(name);
	return fd;
}

static void swap(unsigned char *one, unsigned char *other, unsigned length)
{
	while (length--) {
		unsigned char byte = one[length];

		one[length] = other[length];
		other[length] = byte;
	}
}

/* @return 0: it is for nobody here */
static int make_answer(unsigned char *frame, ssize_t length)
{
	static const unsigned char own[ADDRESS] = { 2, 0, 0, 0, 0, 0xaa };
	unsigned char *body = frame + HEADER_BYTES;

	if (length >= HEADER_BYTES + 28 && frame[12] == 8 && frame[13] == 6 && body[7] == 1) {
		body[7] = 2;
		swap(body + 8, body + 18, 10);
		memcpy(body + 8, own, ADDRESS);
	} else if (length >= HEADER_BYTES + 28 && frame[12] == 8 && !frame[13] && body[9] == 1 &&
		   body[20] == 8) {
		unsigned sum = (unsigned)(body[22] << 8 | body[23]) + 0x800;

		body[20] = 0;
		sum = (sum & 0xffff) + (sum >> 16);
		body[22] = (unsigned char)(sum >> 8);
		body[23] = (unsigned char)sum;
		swap(body + 12, body + 16, 4);
	} else {
		return 0;
	}
	memcpy(frame, frame + ADDRESS, ADDRESS);
	memcpy(frame + ADDRESS, own, ADDRESS);
	return 1;
}

static void answer(const char *name)
{
	static unsigned char frame[FRAME_MAX];
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	int fd = bind_to(name, ETH_P_ALL);
	ssize_t length;

	puts("ready");
	fflush(stdout);
	while ((length = recvfrom(fd, frame, sizeof(frame), 0, (void *)&from, &size)) >= 0)
		if (from.sll_pkttype != PACKET_OUTGOING && make_answer(frame, length) &&
		    send(fd, frame, (size_t)length, 0) != length)
			break;
	perror("answer");
}

static void flood(const char *name)
{
	static unsigned char frame[1000] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
					     0,	   0,	 0,    0,    0xbb, 0x88, 0xb5 };
	int fd = bind_to(name, TEST_TYPE);
	unsigned long count = 0;

	for (;; count++)
		if (send(fd, frame, sizeof(frame), 0) < 0 && errno != ENOBUFS)
			break;
	printf("%lu sent: %s\n", count, strerror(errno));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		int flag, is_on;
	} words[] = { { "up", IFF_UP, 1 },
		      { "down", IFF_UP, 0 },
		      { "promisc", IFF_PROMISC, 1 },
		      { "-promisc", IFF_PROMISC, 0 },
		      { "allmulti", IFF_ALLMULTI, 1 },
		      { "-allmulti", IFF_ALLMULTI, 0 } };

	if (argc < 3)
		return 2;
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(argv[1], words[i].word))
			continue;
		set_flag(argv[2], words[i].flag, words[i].is_on);
		return 0;
	}
	if (!strcmp(argv[1], "echo"))
		echo(argv[2], argc > 3 ? atoi(argv[3]) : 0);
	else if (!strcmp(argv[1], "answer"))
		answer(argv[2]);
	else if (!strcmp(argv[1], "flood"))
		flood(argv[2]);
	else
		return 2;
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * What programs see of frames on lo, whichever way these take: the bytes of a stream, the counters of the interface,
 * and, by a packet socket, the frames themselves. Prints "good" or what is not.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOTAL	  (1u << 20)
#define ALL_TYPES 3 /* ETH_P_ALL */
#define MARK	  "seen by all"

static unsigned char sent[TOTAL], got[TOTAL];

static void need(int holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static unsigned int least(unsigned int one, unsigned int other)
{
	if (one < other)
		return one;
	return other;
}

static unsigned long counter(const char *name)
{
	char path[80], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/lo/statistics/%s", name);
	fd = open(path, O_RDONLY);
	need(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, path);
	close(fd);
	return strtoul(text, NULL, 10);
}

static int bound(int type, struct sockaddr_in *at)
{
	socklen_t length = sizeof(*at);
	int fd = socket(AF_INET, type, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	need(fd >= 0 && !bind(fd, (struct sockaddr *)at, length) &&
		     !getsockname(fd, (struct sockaddr *)at, &length),
	     "bind");
	return fd;
}

static void pair(int ends[2])
{
	struct sockaddr_in at;
	int listener = bound(SOCK_STREAM, &at);

	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	need(!listen(listener, 1) && !connect(ends[0], (struct sockaddr *)&at, sizeof(at)),
	     "connect");
	ends[1] = accept(listener, NULL, NULL);
	need(ends[1] >= 0, "accept");
	close(listener);
}

/* Pieces of all sizes, of which a reader takes others, after more of them wait than it has a window for. */
static void stream(int ends[2])
{
	unsigned int out = 0, in = 0, piece = 1;

	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	while (in < TOTAL) {
		ssize_t part = 0;

		for (; out < TOTAL && part >= 0; piece = piece * 5 % 65521) {
			part = write(ends[0], sent + out,
				     piece < TOTAL - out ? piece : TOTAL - out);
			out += part > 0 ? part : 0;
		}
		part = read(ends[1], got + in, least(piece, TOTAL - in));
		need(part > 0, "read");
		in += part;
		piece = piece * 7 % 65521;
	}
	need(!memcmp(sent, got, TOTAL), "bytes");
	memset(got, 0, TOTAL);
}

/* @return how many frames with the mark it sees, of a datagram that is sent and received */
static int frames_seen(int tap)
{
	struct sockaddr_in from, to;
	int one = bound(SOCK_DGRAM, &from), other = bound(SOCK_DGRAM, &to), seen = 0;
	ssize_t length;

	need(sendto(one, MARK, sizeof(MARK), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(MARK),
	     "sendto");
	need(recv(other, got, TOTAL, 0) == sizeof(MARK) && !memcmp(got, MARK, sizeof(MARK)),
	     "recv");
	while ((length = recv(tap, got, TOTAL, MSG_DONTWAIT)) > 0)
		seen += length == 14 + 20 + 8 + sizeof(MARK) &&
			!memcmp(got + 42, MARK, sizeof(MARK));
	close(one);
	close(other);
	return seen;
}

int main(void)
{
	unsigned long bytes = counter("tx_bytes"), packets = counter("tx_packets");
	int ends[2], tap;

	for (unsigned int i = 0; i < TOTAL; i++)
		sent[i] = rand();
	pair(ends);
	stream(ends);
	need(counter("tx_bytes") >= bytes + TOTAL &&
		     counter("tx_packets") > packets + TOTAL / 65536,
	     "counters");
	need(counter("rx_bytes") == counter("tx_bytes"), "what is sent is received");
	tap = socket(AF_PACKET, SOCK_RAW, htons(ALL_TYPES));
	need(tap >= 0 && frames_seen(tap) == 2, "one frame out, one in");
	stream(ends);
	close(tap);
	stream(ends);
	puts("good");
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The interface lo: its ioctls, what packet sockets send and see on it. */
#include "check.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define ETHERTYPE	  0x88b5
#define ETHERNET	  14
#define SO_ATTACH_FILTER_ 26

struct step {
	uint16_t code;
	uint8_t if_true, if_false;
	uint32_t k;
};

static struct ifreq request;

static int ask(int fd, unsigned long command, const char *name)
{
	strcpy(request.ifr_name, name);
	return ioctl(fd, command, &request);
}

/* An order that no card has. */
static int ask_ethtool(int fd, const char *name)
{
	uint32_t order = 0xffff;

	request.ifr_data = (void *)&order;
	return ask(fd, 0x8946 /* SIOCETHTOOL */, name);
}

static int any_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	return fd;
}

static void set_up(int fd)
{
	CHECK_EQ(ask(fd, SIOCGIFFLAGS, "lo"), 0);
	request.ifr_flags |= IFF_UP;
	CHECK_EQ(ask(fd, SIOCSIFFLAGS, "lo"), 0);
}

TEST(lo_is_what_it_is)
{
	int fd = any_socket();

	set_up(fd);
	CHECK_EQ(ask(fd, SIOCGIFFLAGS, "lo"), 0);
	CHECK_EQ(request.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_BROADCAST),
		 IFF_UP | IFF_LOOPBACK);
	CHECK_EQ(ask(fd, SIOCGIFINDEX, "lo"), 0);
	CHECK_EQ(request.ifr_ifindex, 1);
	CHECK_EQ(ask(fd, SIOCGIFNAME, "?"), 0);
	CHECK_EQ(strcmp(request.ifr_name, "lo"), 0);
	CHECK_EQ(ask(fd, SIOCGIFMTU, "lo"), 0);
	CHECK_EQ(request.ifr_mtu, 65536);
	CHECK_EQ(ask(fd, SIOCGIFHWADDR, "lo"), 0);
	CHECK_EQ(request.ifr_hwaddr.sa_family, 772);
}

TEST(what_does_not_exist)
{
	int fd = any_socket();

	CHECK_ERR(ask(fd, SIOCGIFFLAGS, "nothere0"), ENODEV);
	CHECK_ERR(ask_ethtool(fd, "nothere0"), ENODEV);
	CHECK_ERR(ask_ethtool(fd, "lo"), EOPNOTSUPP);
	request.ifr_ifindex = 7777;
	CHECK_ERR(ioctl(fd, SIOCGIFNAME, &request), ENODEV);
	CHECK_ERR(ioctl(fd, SIOCGIFFLAGS, (void *)8), EFAULT);
	CHECK_ERR(ioctl(fd, 0x89ff, &request), ENOTTY);
}

TEST(who_may_change_it)
{
	int fd = any_socket();

	CHECK_EQ(setuid(1000), 0);
	CHECK_EQ(ask(fd, SIOCGIFFLAGS, "lo"), 0);
	CHECK_ERR(ask(fd, SIOCSIFFLAGS, "lo"), EPERM);
	CHECK_ERR(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
}

/* ---- packet sockets ---- */

static int packets(int type, int ethertype)
{
	struct sockaddr_ll name = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ethertype),
				    .sll_ifindex = 1 };
	int fd = socket(AF_PACKET, type, 0);

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (void *)&name, sizeof(name)), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	struct sockaddr_ll name = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETHERTYPE),
				    .sll_ifindex = 1,
				    .sll_halen = 6 };

	CHECK_EQ(sendto(fd, text, strlen(text), 0, (void *)&name, sizeof(name)), strlen(text));
}

TEST(frames_are_sent_and_received)
{
	int raw, dgram, other;
	struct sockaddr_ll name;
	socklen_t len = sizeof(name);
	char bytes[100];

	set_up(any_socket());
	raw = packets(SOCK_RAW, ETHERTYPE);
	dgram = packets(SOCK_DGRAM, ETHERTYPE);
	other = packets(SOCK_DGRAM, ETHERTYPE + 1);
	send_text(dgram, "hello");
	CHECK_EQ(recvfrom(dgram, bytes, sizeof(bytes), 0, (void *)&name, &len), 5);
	CHECK_EQ(memcmp(bytes, "hello", 5), 0);
	CHECK_EQ(len, sizeof(name));
	CHECK_EQ(name.sll_ifindex, 1);
	CHECK_EQ(ntohs(name.sll_protocol), ETHERTYPE);
	CHECK_EQ(recv(raw, bytes, sizeof(bytes), MSG_PEEK), ETHERNET + 5);
	CHECK_EQ(recv(raw, bytes, 3, MSG_TRUNC), ETHERNET + 5);
	CHECK_ERR(recv(raw, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(recv(other, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send(raw, bytes, ETHERNET - 1, 0), EINVAL);
}

static void attach(int fd, const struct step *steps, int count, int err)
{
	struct {
		unsigned short count;
		const struct step *steps;
	} program = { (unsigned short)count, steps };

	if (err)
		CHECK_ERR(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER_, &program, sizeof(program)),
			  err);
	else
		CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER_, &program, sizeof(program)),
			 0);
}

TEST(filters_choose)
{
	/* Frames whose first byte is 'y', four bytes of them. */
	static const struct step steps[] = {
		{ 0x30, 0, 0, 0 }, { 0x15, 0, 1, 'y' }, { 6, 0, 0, 4 }, { 6, 0, 0, 0 }
	};
	static const struct step endless[] = { { 5, 0, 0, ~0u }, { 6, 0, 0, 0 } };
	static const struct step outside[] = { { 0x60, 0, 0, 16 }, { 6, 0, 0, 0 } };
	char bytes[100];
	int fd;

	set_up(any_socket());
	fd = packets(SOCK_DGRAM, ETHERTYPE);
	attach(fd, endless, 2, EINVAL);
	attach(fd, outside, 2, EINVAL);
	attach(fd, steps, 2, EINVAL);
	attach(fd, steps, 4, 0);
	send_text(fd, "no");
	send_text(fd, "yes, please");
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), 0), 4);
	CHECK_EQ(memcmp(bytes, "yes,", 4), 0);
	CHECK_ERR(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
}

TEST(a_slow_reader_loses_frames)
{
	struct {
		unsigned seen, dropped;
	} counts;
	socklen_t len = sizeof(counts);
	int fd, sender, size = 1, read = 0;
	char bytes[100];

	set_up(any_socket());
	fd = packets(SOCK_DGRAM, ETHERTYPE);
	sender = packets(SOCK_DGRAM, ETHERTYPE + 1);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (int i = 0; i < 50; i++)
		send_text(sender, "again");
	/* Those that were dropped are counted as seen. */
	for (unsigned seen = 0; seen < 50; seen += counts.seen) {
		struct pollfd pollfd = { fd, POLLIN, 0 };

		CHECK_EQ(poll(&pollfd, 1, 10000), 1);
		CHECK_EQ(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &counts, &len), 0);
		CHECK(counts.dropped <= counts.seen);
	}
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 5)
		read++;
	CHECK(read >= 1 && read < 50);
}

TEST(groups_are_joined_and_left)
{
	struct packet_mreq group = { .mr_ifindex = 1, .mr_type = PACKET_MR_ALLMULTI };
	int fd = packets(SOCK_DGRAM, ETHERTYPE);

	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &group, sizeof(group)), 0);
	CHECK_ERR(setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &group, sizeof(group)),
		  EADDRNOTAVAIL);
	group.mr_ifindex = 7777;
	CHECK_ERR(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &group, sizeof(group)), ENODEV);
}

TEST(a_socket_is_told_that_its_interface_went_down)
{
	int fd, watcher;
	char bytes[10];

	set_up(any_socket());
	fd = packets(SOCK_DGRAM, ETHERTYPE);
	watcher = socket(AF_PACKET, SOCK_DGRAM, htons(ETHERTYPE)); /* bound to none */
	CHECK_EQ(ask(fd, SIOCGIFFLAGS, "lo"), 0);
	request.ifr_flags &= ~IFF_UP;
	CHECK_EQ(ask(fd, SIOCSIFFLAGS, "lo"), 0);
	struct pollfd pollfd = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&pollfd, 1, 10000), 1);
	CHECK(pollfd.revents & POLLERR);
	CHECK_ERR(recv(fd, bytes, sizeof(bytes), 0), ENETDOWN);
	CHECK_ERR(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(recv(watcher, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
	fd = packets(SOCK_DGRAM, ETHERTYPE);
	CHECK_ERR(recv(fd, bytes, sizeof(bytes), 0), ENETDOWN); /* bound while it is down */
	set_up(fd);
	send_text(fd, "again");
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), 0), 5);
}

int main(void)
{
	RUN(lo_is_what_it_is);
	RUN(what_does_not_exist);
	RUN(who_may_change_it);
	RUN(frames_are_sent_and_received);
	RUN(filters_choose);
	RUN(a_slow_reader_loses_frames);
	RUN(groups_are_joined_and_left);
	RUN(a_socket_is_told_that_its_interface_went_down);
	return check_done();
}

/* SPDX-License-Identifier: MIT */
/* Datagrams that several calls make: MSG_MORE, UDP_CORK. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#define WAIT_MS	  2000
#define ABSENT_MS 30
#define MOST	  65507

static int from, to;
static struct sockaddr_in there;
static char bytes[MOST + 1], got[MOST + 1];

static void pair(void)
{
	socklen_t length = sizeof(there);

	from = socket(AF_INET, SOCK_DGRAM, 0);
	to = socket(AF_INET, SOCK_DGRAM, 0);
	there = (struct sockaddr_in){ .sin_family = AF_INET };
	there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(to, (void *)&there, sizeof(there)), 0);
	CHECK_EQ(getsockname(to, (void *)&there, &length), 0);
}

static ssize_t put(size_t length, int flags)
{
	return sendto(from, bytes, length, flags, (void *)&there, sizeof(there));
}

/* @return bytes of the datagram that arrives; -1: none does */
static ssize_t arrives(int wait_ms)
{
	struct pollfd about = { .fd = to, .events = POLLIN };

	if (poll(&about, 1, wait_ms) != 1)
		return -1;
	return recv(to, got, sizeof(got), 0);
}

static void cork(int on)
{
	CHECK_EQ(setsockopt(from, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)), 0);
}

TEST(pieces_are_one_datagram)
{
	pair();
	memset(bytes, 'a', 16);
	CHECK_EQ(put(16, MSG_MORE), 16);
	CHECK_EQ(arrives(ABSENT_MS), -1);
	memset(bytes, 'b', 3000);
	CHECK_EQ(put(3000, MSG_MORE), 3000);
	CHECK_EQ(arrives(ABSENT_MS), -1);
	CHECK_EQ(put(1, 0), 1);
	CHECK_EQ(arrives(WAIT_MS), 3017);
	CHECK(got[0] == 'a' && got[15] == 'a' && got[16] == 'b' && got[3016] == 'b');
	CHECK_EQ(put(5, 0), 5);
	CHECK_EQ(arrives(WAIT_MS), 5);
}

TEST(an_empty_piece_ends_it)
{
	pair();
	CHECK_EQ(put(7, MSG_MORE), 7);
	CHECK_EQ(put(0, 0), 0);
	CHECK_EQ(arrives(WAIT_MS), 7);
	CHECK_EQ(put(0, MSG_MORE), 0);
	CHECK_EQ(put(0, 0), 0);
	CHECK_EQ(arrives(WAIT_MS), 0);
}

TEST(the_first_piece_says_where)
{
	struct sockaddr_in other = there;

	pair();
	other = there;
	other.sin_port = htons(9);
	CHECK_EQ(put(4, MSG_MORE), 4);
	CHECK_EQ(sendto(from, bytes, 4, 0, (void *)&other, sizeof(other)), 4);
	CHECK_EQ(arrives(WAIT_MS), 8);
}

TEST(a_cork_holds_until_it_is_drawn)
{
	int on = 0;
	socklen_t length = sizeof(on);

	pair();
	cork(1);
	CHECK_EQ(getsockopt(from, IPPROTO_UDP, UDP_CORK, &on, &length), 0);
	CHECK_EQ(on, 1);
	CHECK_EQ(put(10, 0), 10);
	CHECK_EQ(put(10, 0), 10);
	CHECK_EQ(arrives(ABSENT_MS), -1);
	cork(0);
	CHECK_EQ(arrives(WAIT_MS), 20);
	CHECK_EQ(put(3, 0), 3);
	CHECK_EQ(arrives(WAIT_MS), 3);
}

TEST(what_gets_too_long_is_lost)
{
	pair();
	CHECK_EQ(put(60000, MSG_MORE), 60000);
	CHECK_ERR(put(6000, 0), EMSGSIZE);
	CHECK_EQ(arrives(ABSENT_MS), -1);
	CHECK_EQ(put(6, 0), 6);
	CHECK_EQ(arrives(WAIT_MS), 6);
	CHECK_EQ(put(MOST - 1, MSG_MORE), MOST - 1);
	CHECK_EQ(put(1, 0), 1);
	CHECK_EQ(arrives(WAIT_MS), MOST);
}

TEST(many_small_pieces_are_one)
{
	pair();
	for (int i = 0; i < 20000; i++)
		CHECK_EQ(put(1, MSG_MORE), 1);
	CHECK_EQ(put(1, 0), 1);
	CHECK_EQ(arrives(WAIT_MS), 20001);
}

TEST(a_closed_socket_sends_nothing)
{
	pair();
	CHECK_EQ(put(10, MSG_MORE), 10);
	close(from);
	CHECK_EQ(arrives(ABSENT_MS), -1);
}

int main(void)
{
	RUN(pieces_are_one_datagram);
	RUN(an_empty_piece_ends_it);
	RUN(the_first_piece_says_where);
	RUN(a_cork_holds_until_it_is_drawn);
	RUN(what_gets_too_long_is_lost);
	RUN(many_small_pieces_are_one);
	RUN(a_closed_socket_sends_nothing);
	return check_done();
}

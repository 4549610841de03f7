/* SPDX-License-Identifier: MIT */
/* Rings of packet sockets (PACKET_RX_RING): what may be asked for, and frames of lo in them. */
#include "check.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define AF_PACKET_     17
#define SOL_PACKET_    263
#define PACKET_RX_RING 5
#define PACKET_STATS   6
#define PACKET_VERSION 10
#define PACKET_HDRLEN  11
#define PACKET_RESERVE 12
#define V2	       1
#define V3	       2
#define PORT	       7654
#define BLOCK	       65536u

struct request {
	uint32_t block_bytes, block_count, frame_bytes, frame_count, timeout_ms, private_bytes,
		features;
};
struct frame2 {
	uint32_t status, length, captured;
	uint16_t link, network;
	uint32_t sec, nsec;
};
struct frame3 {
	uint32_t next, sec, nsec, captured, length, status;
	uint16_t link, network;
};
struct block {
	uint32_t version, private_at, status, count, first_at, used;
	uint64_t number;
};
struct name {
	uint16_t family, protocol;
	int index;
	uint16_t type;
	uint8_t kind, bytes, address[8];
};

static int set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET_, option, &value, sizeof(value));
}

static int ring_set(int fd, uint32_t block, uint32_t blocks, uint32_t frame, uint32_t frames,
		    int version)
{
	struct request request = { block, blocks, frame, frames, 50, 0, 0 };

	return setsockopt(fd, SOL_PACKET_, PACKET_RX_RING, &request, version == V3 ? 28 : 16);
}

/* @return a socket that sees lo; -1: this user may not */
static int new_tap(int version)
{
	int fd = socket(AF_PACKET_, SOCK_RAW, htons(3));
	struct name name = { .family = AF_PACKET_,
			     .protocol = htons(3),
			     .index = (int)if_nametoindex("lo") };

	if (fd < 0)
		return -1;
	CHECK_EQ(set(fd, PACKET_VERSION, version), 0);
	CHECK_EQ(bind(fd, (void *)&name, sizeof(name)), 0);
	return fd;
}

static void send_one(const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(sendto(fd, text, strlen(text), 0, (void *)&to, sizeof(to)), strlen(text));
	close(fd);
}

static short ready(int fd, int wait_ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	CHECK(poll(&one, 1, wait_ms) >= 0);
	return one.revents;
}

/* Is it our datagram, as Ethernet has it? */
static int is_ours(const uint8_t *bytes, uint32_t length, const char *text)
{
	return length == 14 + 28 + strlen(text) && bytes[12] == 8 && !bytes[13] &&
	       bytes[14 + 22] << 8 == (PORT & 0xff00) && !memcmp(bytes + 42, text, strlen(text));
}

TEST(shapes_are_checked)
{
	int fd = new_tap(V2), version = V3;
	socklen_t length = sizeof(version);

	if (fd < 0)
		return;
	CHECK_EQ(getsockopt(fd, SOL_PACKET_, PACKET_HDRLEN, &version, &length), 0);
	CHECK_EQ(version, 48);
	version = V2;
	CHECK_EQ(getsockopt(fd, SOL_PACKET_, PACKET_HDRLEN, &version, &length), 0);
	CHECK_EQ(version, 32);
	version = 9;
	CHECK_ERR(getsockopt(fd, SOL_PACKET_, PACKET_HDRLEN, &version, &length), EINVAL);
	CHECK_EQ(getsockopt(fd, SOL_PACKET_, PACKET_VERSION, &version, &length), 0);
	CHECK_EQ(version, V2);
	CHECK_ERR(set(fd, PACKET_VERSION, 3), EINVAL);
	CHECK_ERR(ring_set(fd, 0, 1, 2048, 2, V2), EINVAL);
	CHECK_ERR(ring_set(fd, 5000, 1, 2048, 2, V2), EINVAL);
	CHECK_ERR(ring_set(fd, BLOCK, 1, 40, BLOCK / 40, V2), EINVAL);
	CHECK_ERR(ring_set(fd, BLOCK, 1, 2040, BLOCK / 2040, V2), EINVAL);
	CHECK_ERR(ring_set(fd, BLOCK, 1, 2048, 31, V2), EINVAL);
	CHECK_ERR(ring_set(fd, BLOCK, 1, 2 * BLOCK, 0, V2), EINVAL);
	CHECK_ERR(ring_set(fd, 0, 0, 0, 1, V2), EINVAL);
	CHECK(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	CHECK_EQ(ring_set(fd, BLOCK, 2, 2048, 64, V2), 0);
	CHECK_ERR(ring_set(fd, BLOCK, 2, 2048, 64, V2), EBUSY);
	CHECK_ERR(set(fd, PACKET_VERSION, V3), EBUSY);
	CHECK_ERR(set(fd, PACKET_RESERVE, 4), EBUSY);
	CHECK(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	CHECK_EQ(ring_set(fd, 0, 0, 0, 0, V2), 0);
	CHECK_EQ(ring_set(fd, BLOCK, 2, 2048, 64, V2), 0);
	close(fd);
}

TEST(frames_have_places)
{
	int fd = new_tap(V2), seen = 0;
	uint32_t counts[3];
	socklen_t length = sizeof(counts);
	uint8_t *ring;

	if (fd < 0)
		return;
	CHECK_EQ(set(fd, PACKET_RESERVE, 4), 0);
	CHECK_EQ(ring_set(fd, 4096, 4, 1024, 16, V2), 0);
	ring = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(ring != MAP_FAILED);
	CHECK_ERR(ring_set(fd, 0, 0, 0, 0, V2), EBUSY);
	for (int round = 0; round < 3;
	     round++) { /* each datagram is seen as it leaves, and as it arrives */
		send_one("a ring");
		CHECK_EQ(ready(fd, 2000), POLLIN);
		pause_ms(50);
	}
	for (int i = 0; i < 16; i++) {
		struct frame2 *frame = (void *)(ring + i * 1024);
		const struct name *name = (void *)(ring + i * 1024 + 32);

		if (!(frame->status & 1))
			continue;
		CHECK(frame->link + 14 == frame->network && frame->sec > 0);
		if (!is_ours(ring + i * 1024 + frame->link, frame->captured, "a ring"))
			continue;
		CHECK_EQ(frame->length, frame->captured);
		CHECK(name->family == AF_PACKET_ && name->protocol == htons(0x800));
		seen++;
	}
	CHECK(seen >= 3);
	for (int i = 0; i < 20; i++) /* what nobody reads is dropped */
		send_one("too many");
	CHECK_EQ(getsockopt(fd, SOL_PACKET_, PACKET_STATS, counts, &length), 0);
	CHECK(length == 8 && counts[0] > 16 && counts[1] > 0);
	for (int i = 0; i < 16; i++)
		((struct frame2 *)(void *)(ring + i * 1024))->status = 0;
	CHECK_EQ(ready(fd, 0), 0);
	send_one("again");
	CHECK_EQ(ready(fd, 2000), POLLIN);
	close(fd); /* the mapping keeps it */
	ring[0] = 1;
	CHECK_EQ(munmap(ring, 4 * 4096), 0);
}

/* @return how many of ours are in a block */
static int block_look(uint8_t *at, const char *text)
{
	struct block *block = (void *)at;
	uint32_t offset = block->first_at, count = block->count;
	int seen = 0;

	CHECK(block->version >= 1 && count && block->used <= BLOCK);
	for (; count; count--) {
		struct frame3 *frame = (void *)(at + offset);

		CHECK(offset + frame->link + frame->captured <= BLOCK);
		seen += is_ours(at + offset + frame->link, frame->captured, text);
		CHECK((count == 1) == !frame->next);
		offset += frame->next;
	}
	return seen;
}

TEST(frames_are_in_blocks)
{
	int fd = new_tap(V3), seen = 0, blocks = 0;
	long began = now_ms();
	uint32_t counts[3];
	socklen_t length = sizeof(counts);
	uint8_t *ring;

	if (fd < 0)
		return;
	CHECK_EQ(ring_set(fd, BLOCK, 2, BLOCK, 2, V3), 0);
	ring = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(ring != MAP_FAILED);
	for (int i = 0; i < 10; i++)
		send_one("in a block");
	for (int next = 0; seen < 10 && now_ms() - began < 5000;) {
		struct block *block = (void *)(ring + (uint32_t)next * BLOCK);

		(void)ready(fd, 500);
		if (!(block->status & 1))
			continue;
		seen += block_look(ring + (uint32_t)next * BLOCK, "in a block");
		block->status = 0;
		next = !next;
		blocks++;
	}
	CHECK(seen >= 10 && blocks >= 1);
	for (int i = 0; i < 3000; i++)
		send_one(
			"nobody reads them, and some day there is no room in any of the two blocks");
	CHECK_EQ(getsockopt(fd, SOL_PACKET_, PACKET_STATS, counts, &length), 0);
	CHECK(length == 12 && counts[0] > 1000 && counts[1] > 0);
	munmap(ring, 2 * BLOCK);
	close(fd);
}

/* Whatever the program writes there, the kernel goes on. */
TEST(nonsense_in_a_ring_harms_nobody)
{
	int fd = new_tap(V3);
	uint8_t *ring;

	if (fd < 0)
		return;
	CHECK_EQ(ring_set(fd, BLOCK, 2, BLOCK, 2, V3), 0);
	ring = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(ring != MAP_FAILED);
	for (int round = 0; round < 300; round++) {
		for (uint32_t at = 0; at < 2 * BLOCK; at += 61)
			ring[at] = (uint8_t)(round * at);
		memset(ring + 8, round % 3 ? 0 : 0xff, 40);
		memset(ring + BLOCK + 8, round % 5 ? 0 : 0xff, 40);
		send_one("nonsense");
		(void)ready(fd, 0);
	}
	munmap(ring, 2 * BLOCK);
	close(fd);
	send_one("still there");
}

int main(void)
{
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EAFNOSUPPORT)
		return check_done(); /* a kernel that was built without it */
	RUN(shapes_are_checked);
	RUN(frames_have_places);
	RUN(frames_are_in_blocks);
	RUN(nonsense_in_a_ring_harms_nobody);
	return check_done();
}
